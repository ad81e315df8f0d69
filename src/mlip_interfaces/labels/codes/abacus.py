"""ABACUS with numerical atomic orbitals: INPUT, STRU and KPT; energy, forces and stress from its log."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.data import atomic_masses, atomic_numbers

from mlip_interfaces.config.dft import Dft
from mlip_interfaces.files import write_text
from mlip_interfaces.labels.codes.contract import Answer, Code, Tags, Written, atom_order, grouped_order
from mlip_interfaces.labels.evaluation import LabelFailure

LIBRARY_VARIABLE = "ABACUS_PP_PATH"
OUTPUT = Path("OUT.ABACUS") / "running_scf.log"
_FUNCTIONAL = {"PBE": "pbe", "PBEsol": "pbesol"}
# As its releases since 2.1 spell it, in small letters.
_CONVERGED = ("charge density convergence is achieved", "scf is converged")
_NOT_CONVERGED = ("convergence has not been achieved", "scf is not converged")
_FRACTIONAL_DIGITS = 12


def command(given: list[str]) -> list[str]:
    """ABACUS as it is usually called.

    Parameters
    ----------
    given : list of str
        Words of the study's command; empty if there is none.

    Returns
    -------
    list of str
        Argument vector.
    """
    return given or ["abacus"]


def write(atoms: Atoms, dft: Dft, folder: Path, attempt: int) -> Written:
    """Write the three files; +U by type, in the order of STRU.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    dft : Dft
        Settings of the study, resolved.
    folder : Path
        Where the code will run.
    attempt : int
        From 1; the second is the careful one.

    Returns
    -------
    Written
        What the record of the label needs.

    Raises
    ------
    LabelFailure
        If a pseudopotential or an orbital file is missing.
    """
    species, order = grouped_order(atoms)
    safer: Tags = {"mixing_beta": 0.1, "mixing_ndim": 16, "scf_nmax": 3 * dft.max_scf_steps} if attempt > 1 else {}
    library, missing = _library(dft)
    tags = _input_tags(species, dft, library) | safer
    write_text(folder / "INPUT", "INPUT_PARAMETERS\n" + "".join(f"{tag:<20} {value}\n" for tag, value in tags.items()))
    write_text(folder / "STRU", _stru(atoms[order], species, dft))
    grid = " ".join(str(number) for number in dft.kpoints)
    write_text(folder / "KPT", f"K_POINTS\n0\nGamma\n{grid} 0 0 0\n")
    if library is None:
        return Written(safer_settings=safer, missing=missing)
    return Written({symbol: _identified(library, symbol, dft) for symbol in species}, safer)


def parse(atoms: Atoms, folder: Path) -> Answer:
    """Read the log with dpdata.

    Parameters
    ----------
    atoms : Atoms
        The structure as it was written.
    folder : Path
        Where the code ran.

    Returns
    -------
    Answer
        In the order of the atoms.

    Raises
    ------
    LabelFailure
        If the run is not whole or not converged, or of another structure.
    """
    import dpdata

    log = folder / OUTPUT
    text = log.read_text(errors="replace") if log.is_file() else ""
    if not text.strip():
        raise LabelFailure("ABACUS wrote no running_scf.log")
    said = text.lower()
    if any(words in said for words in _NOT_CONVERGED):
        raise LabelFailure("the SCF did not converge")
    if not any(words in said for words in _CONVERGED):
        raise LabelFailure("running_scf.log ends before the SCF was done")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            frame = dpdata.LabeledSystem(str(folder), fmt="abacus/scf").data
            found = [frame["atom_names"][kind] for kind in frame["atom_types"]]
            energy = float(frame["energies"][0])
            forces = np.array(frame["forces"][0], dtype=np.float64)
            # The pressure tensor in kbar times the volume: positive where the cell would expand, as a virial is.
            virial = np.array(frame["virials"][0], dtype=np.float64)
        except Exception as error:  # noqa: BLE001 (the reader raises anything on a broken file)
            raise LabelFailure(f"running_scf.log cannot be read ({type(error).__name__}: {error})") from error
    _, order = grouped_order(atoms)
    if found != atoms[order].get_chemical_symbols() or forces.shape != (len(atoms), 3):
        raise LabelFailure("running_scf.log is of another structure")
    version = re.search(r"(?:Version:.*|ABACUS\s+)v(\d\S*)", text)
    cores = re.search(r"(?:Processor Number is|DSIZE =)\s+(\d+)", text)
    return Answer(
        energy,
        atom_order(forces, order),
        virial,
        f"ABACUS {version.group(1)}" if version else "ABACUS",
        int(cores.group(1)) if cores else None,
    )


def _input_tags(species: list[str], dft: Dft, library: Path | None) -> Tags:
    elements = [dft.elements[symbol] for symbol in species]
    where = str(library) if library is not None else "./"
    tags: Tags = {
        "suffix": "ABACUS",
        "calculation": "scf",
        "ntype": len(species),
        "basis_type": "lcao",
        "pseudo_dir": where,
        "orbital_dir": where,
        "dft_functional": _FUNCTIONAL[dft.functional],
        "ecutwfc": f"{dft.cutoff_ev('abacus') / units.Rydberg:.3f}",
        "nspin": 2 if dft.spin_polarised else 1,
        "gamma_only": int(dft.kpoints == (1, 1, 1)),
        # Moved atoms have none, and none is looked for.
        "symmetry": 0,
        "smearing_method": "gauss",
        "smearing_sigma": f"{dft.smearing_ev / units.Rydberg:.8f}",
        # Of the density; 1e-7 goes with 1e-5 eV.
        "scf_thr": f"{0.01 * dft.energy_convergence_ev:.1e}",
        "scf_nmax": dft.max_scf_steps,
        "mixing_type": "broyden",
        "mixing_beta": 0.4,
        "cal_force": 1,
        "cal_stress": 1,
    }
    if any(element.has_u for element in elements):
        tags["dft_plus_u"] = 1
        tags["orbital_corr"] = " ".join(str(element.angular_momentum) for element in elements)
        tags["hubbard_u"] = " ".join(f"{element.hubbard_u_ev:g}" for element in elements)
    return tags | dft.tags("INPUT")


def _stru(ordered: Atoms, species: list[str], dft: Dft) -> str:
    symbols = ordered.get_chemical_symbols()
    lines = ["ATOMIC_SPECIES"]
    lines += [
        f"{symbol} {atomic_masses[atomic_numbers[symbol]]:.4f} {dft.elements[symbol].pseudopotential.abacus}"
        for symbol in species
    ]
    lines += ["", "NUMERICAL_ORBITAL", *(str(dft.elements[symbol].basis.abacus) for symbol in species)]
    # One angstrom in bohr: the lattice vectors are then in angstrom.
    lines += ["", "LATTICE_CONSTANT", f"{1 / units.Bohr:.12f}", "", "LATTICE_VECTORS"]
    lines += [" ".join(f"{value:.12f}" for value in row) for row in np.asarray(ordered.cell)]
    lines += ["", "ATOMIC_POSITIONS", "Direct"]
    scaled = ordered.get_scaled_positions(wrap=False)
    for symbol in species:
        rows = [row for row, kind in zip(scaled, symbols, strict=True) if kind == symbol]
        moment = dft.elements[symbol].moment if dft.spin_polarised else 0.0
        lines += ["", symbol, f"{moment:g}", str(len(rows))]
        lines += [" ".join(f"{value:.{_FRACTIONAL_DIGITS}f}" for value in row) + " 1 1 1" for row in rows]
    return "\n".join(lines) + "\n"


def _library(dft: Dft) -> tuple[Path | None, str]:
    named = dft.pseudopotential_dir or os.environ.get(LIBRARY_VARIABLE)
    if named is None:
        return None, (
            "there is no folder of pseudopotentials and orbitals: name it in labels.dft.pseudopotential_dir or in the "
            f"environment's {LIBRARY_VARIABLE}"
        )
    folder = Path(named).expanduser().absolute()
    if not folder.is_dir():
        raise LabelFailure(f"the folder of pseudopotentials {folder} does not exist", "configuration")
    return folder, ""


def _identified(library: Path, symbol: str, dft: Dft) -> dict[str, str]:
    element = dft.elements[symbol]
    files = [library / str(element.pseudopotential.abacus), library / str(element.basis.abacus)]
    for file in files:
        if not file.is_file():
            raise LabelFailure(f"{library} has no {file.name} for {symbol}", "configuration")
    content = files[0].read_bytes()
    electrons = re.search(r"z_valence\s*=\s*\"?\s*([\d.eE+]+)", content.decode(errors="replace"))
    if element.valence is not None and electrons is not None and float(electrons.group(1)) != element.valence:
        raise LabelFailure(
            f"{files[0].name} has {float(electrons.group(1)):g} valence electrons, labels.dft.elements.{symbol}.valence "
            f"says {element.valence}",
            "configuration",
        )
    return {
        "name": f"{files[0].name} {files[1].name}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "basis_sha256": hashlib.sha256(files[1].read_bytes()).hexdigest(),
    }


ABACUS = Code(
    "abacus",
    "ABACUS",
    "conda install -c conda-forge abacus, or build it; pseudopotentials and orbitals from its web site",
    command,
    write,
    parse,
    "abacus.out",
    ("OUT.ABACUS/*CHG*", "OUT.ABACUS/*.cube"),
    ("dpdata",),
)
