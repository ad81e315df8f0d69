"""VASP: INCAR, KPOINTS, POSCAR and POTCAR of one composition; energy, forces and stress from OUTCAR."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.io import write as write_structure

from mlip_interfaces.config.dft import Dft
from mlip_interfaces.files import write_bytes, write_text
from mlip_interfaces.labels.codes.contract import Answer, Code, Tags, Written, atom_order, grouped_order
from mlip_interfaces.labels.evaluation import LabelFailure

LIBRARY_VARIABLES = ("VASP_PP_PATH", "PMG_VASP_PSP_DIR")
_RELEASES = ("potpaw_PBE.*", "POT_GGA_PAW_PBE_*", "POT_PAW_PBE_*", "POTPAW_PBE_*")
_GGA = {"PBE": "PE", "PBEsol": "PS"}
_FRACTIONAL_TOLERANCE = 1e-3


def command(given: list[str]) -> list[str]:
    """VASP as it is usually called.

    Parameters
    ----------
    given : list of str
        Words of the study's command; empty if there is none.

    Returns
    -------
    list of str
        Argument vector.
    """
    return given or ["vasp_std"]


def write(atoms: Atoms, dft: Dft, folder: Path, attempt: int) -> Written:
    """Write the four files; without a library of POTCARs their symbols only.

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
        If a POTCAR is not the one the study names.
    """
    species, order = grouped_order(atoms)
    ordered = atoms[order]
    safer = _safer(dft) if attempt > 1 else {}
    write_text(folder / "INCAR", incar(ordered, species, dft, safer))
    grid = " ".join(str(number) for number in dft.kpoints)
    write_text(folder / "KPOINTS", f"Gamma-centred grid\n0\nGamma\n{grid}\n0 0 0\n")
    poscar = io.StringIO()
    write_structure(poscar, ordered, format="vasp", direct=True)
    # The formula as title: dpdata compares it with what the POTCARs say.
    write_text(folder / "POSCAR", _formula(ordered, species) + "\n" + poscar.getvalue().split("\n", 1)[1])
    names = {symbol: str(dft.elements[symbol].pseudopotential.vasp) for symbol in species}
    write_text(folder / "POTCAR.symbols", "".join(f"{name}\n" for name in names.values()))
    library = potcar_library(dft)
    if library is None:
        return Written(
            safer_settings=safer,
            missing="there is no library of POTCARs: name it in labels.dft.pseudopotential_dir or in the environment's VASP_PP_PATH",
        )
    contents, used = [], {}
    for symbol, name in names.items():
        content = potcar_content(potcar_file(library, name))
        used[symbol] = _checked_potcar(content, symbol, name, dft)
        contents.append(content if content.endswith(b"\n") else content + b"\n")
    write_bytes(folder / "POTCAR", b"".join(contents))
    return Written(used, safer)


def incar(ordered: Atoms, species: list[str], dft: Dft, safer: Tags) -> str:
    """Text of the INCAR for atoms that are grouped by `species`.

    The U arrays hold the species that are there, in the order of POSCAR, and are absent where U acts on none of
    them. All other tags are the same for every composition of a study, so that its labels can be mixed.

    Parameters
    ----------
    ordered : Atoms
        The atoms, grouped.
    species : list of str
        Elements in the order of POSCAR.
    dft : Dft
        Settings of the study, resolved.
    safer : dict of str to Any
        SCF settings that replace those of the first attempt.

    Returns
    -------
    str
        Lines of the file.
    """
    with_u = [element for element in dft.elements.values() if element.has_u]
    tags: Tags = {
        "SYSTEM": _formula(ordered, species),
        "PREC": "Normal",
        "ENCUT": dft.cutoff_ev("vasp"),
        "EDIFF": dft.energy_convergence_ev,
        "ISPIN": 2 if dft.spin_polarised else 1,
        "GGA": _GGA[dft.functional],
        "ISMEAR": 0,
        "SIGMA": dft.smearing_ev,
        "LREAL": "Auto",
        "ALGO": "Normal",
        "NELM": dft.max_scf_steps,
        "LASPH": True,
        "IBRION": -1,
        "NSW": 0,
        "ISIF": 2,
        "LWAVE": False,
        "LCHARG": False,
    }
    if with_u:
        tags["LMAXMIX"] = 2 * max(2, *(element.angular_momentum for element in with_u))
    tags |= dft.tags("INCAR") | safer
    if dft.spin_polarised:
        counts = [(ordered.get_chemical_symbols().count(symbol), dft.elements[symbol].moment) for symbol in species]
        tags["MAGMOM"] = " ".join(f"{count}*{moment:g}" for count, moment in counts)
    present = [dft.elements[symbol] for symbol in species]
    if any(element.has_u for element in present):
        tags["LDAU"] = True
        tags["LDAUTYPE"] = 2
        tags["LDAUL"] = " ".join(str(element.angular_momentum) for element in present)
        tags["LDAUU"] = " ".join(f"{element.hubbard_u_ev:g}" for element in present)
        tags["LDAUJ"] = " ".join("0" for _ in present)
    return "".join(f"{tag} = {_spelled(value)}\n" for tag, value in tags.items())


def potcar_library(dft: Dft) -> Path | None:
    """Folder of the POTCARs, as the study or the environment names it.

    Parameters
    ----------
    dft : Dft
        Settings of the study.

    Returns
    -------
    Path or None
        None where neither names one.

    Raises
    ------
    LabelFailure
        If the named folder does not exist.
    """
    named = dft.pseudopotential_dir or next(
        (os.environ[name] for name in LIBRARY_VARIABLES if name in os.environ), None
    )
    if named is None:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise LabelFailure(f"the folder of POTCARs {folder} does not exist", "configuration")
    return folder


def potcar_file(library: Path, name: str) -> Path:
    """The POTCAR of a name, in the layouts of VASP, ASE and pymatgen.

    Parameters
    ----------
    library : Path
        Folder of the POTCARs: with ``NAME/POTCAR`` or ``POTCAR.NAME`` in it, or in one folder of a release
        (``potpaw_PBE``, ``potpaw_PBE.54``, ``POT_GGA_PAW_PBE``, ``POT_PAW_PBE_64``, ``POTPAW_PBE_54``); each plain or ``.gz``.
    name : str
        As in ``Li_sv``.

    Returns
    -------
    Path
        That exists.

    Raises
    ------
    LabelFailure
        If there is none, or more than one release has it.
    """
    for folder in (library, library / "potpaw_PBE", library / "POT_GGA_PAW_PBE"):
        if found := _potcars_in(folder, name):
            return found[0]
    releases = sorted(path for pattern in _RELEASES for path in library.glob(pattern))
    found = [path for release in releases for path in _potcars_in(release, name)[:1]]
    if not found:
        raise LabelFailure(f"{library} holds no POTCAR of {name}", "configuration")
    if len(found) > 1:
        names = ", ".join(path.relative_to(library).parts[0] for path in found)
        raise LabelFailure(
            f"{library} holds several releases ({names}); name one in pseudopotential_dir", "configuration"
        )
    return found[0]


def potcar_content(file: Path) -> bytes:
    """Content of a POTCAR, unpacked.

    Parameters
    ----------
    file : Path
        Plain, or ``.gz``.

    Returns
    -------
    bytes
        As VASP reads it.

    Raises
    ------
    LabelFailure
        If it cannot be unpacked.
    """
    content = file.read_bytes()
    if file.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise LabelFailure(f"the POTCAR {file} cannot be unpacked: {error}", "configuration") from error


def _potcars_in(folder: Path, name: str) -> list[Path]:
    """Of a name in one folder, the one that is looked for first before the others."""
    names = (f"{name}/POTCAR", f"POTCAR.{name}", f"{name}/POTCAR.gz", f"POTCAR.{name}.gz")
    return [folder / path for path in names if (folder / path).is_file()]


def parse(atoms: Atoms, folder: Path) -> Answer:
    """Read OUTCAR with dpdata's reader of frames.

    dpdata's ``vasp/outcar`` format turns the cell to LAMMPS' convention and forces and virial with it; the reader below
    it leaves them. OUTCAR rounds the positions, so that they come from the structure.

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
        If the run is not whole, not converged, or of another structure.
    """
    from dpdata.formats.vasp.outcar import get_frames

    outcar = folder / "OUTCAR"
    text = outcar.read_text(errors="replace") if outcar.is_file() else ""
    if not text.strip():
        raise LabelFailure("VASP wrote no OUTCAR")
    if "General timing and accounting" not in text:
        raise LabelFailure("OUTCAR ends before VASP was done")
    if "aborting loop because EDIFF is reached" not in text:
        raise LabelFailure("the SCF did not converge")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            names, _, types, _, coords, energies, forces, pressures = get_frames(str(outcar))
        except Exception as error:  # noqa: BLE001 (the reader raises anything on a broken file)
            raise LabelFailure(f"OUTCAR cannot be read ({type(error).__name__}: {error})") from error
    if len(energies) == 0:
        # VASP 5 says that EDIFF is reached also when it runs out of steps; the reader counts them.
        raise LabelFailure("the SCF did not converge")
    n_frames = text.count("free  energy   TOTEN")
    if n_frames != 1:
        raise LabelFailure(f"OUTCAR has {n_frames} frames")
    if pressures is None:
        raise LabelFailure("OUTCAR has no stress")
    _, order = grouped_order(atoms)
    ordered = atoms[order]
    shift = (coords[0] - ordered.positions) @ np.linalg.inv(np.asarray(atoms.cell))
    if [names[kind] for kind in types] != ordered.get_chemical_symbols() or (
        np.abs(shift - np.round(shift)).max() > _FRACTIONAL_TOLERANCE
    ):
        raise LabelFailure("OUTCAR is of another structure")
    # VASP prints the pressure tensor in kbar: positive where the cell would expand, as a virial is.
    virial = np.array(pressures[0]) * 0.1 * units.GPa * abs(atoms.cell.volume)
    version = re.search(r"vasp\.(\S+)", text[:2000])
    ranks = re.search(r"running on\s+(\d+)\s+total cores", text) or re.search(r"running\s+(\d+)\s+mpi-ranks", text)
    threads = re.search(r"mpi-ranks, with\s+(\d+)\s+threads", text)
    return Answer(
        float(energies[0]),
        atom_order(np.array(forces[0], dtype=np.float64), order),
        virial,
        f"VASP {version.group(1)}" if version else "VASP",
        int(ranks.group(1)) * (int(threads.group(1)) if threads else 1) if ranks else None,
    )


def _checked_potcar(content: bytes, symbol: str, name: str, dft: Dft) -> dict[str, str]:
    text = content.decode(errors="replace")
    title = re.search(r"TITEL\s*=\s*(\S+)\s+(\S+)(.*)", text)
    if title is None or title.group(2) != name or title.group(1) != "PAW_PBE":
        found = f"{title.group(1)} {title.group(2)}" if title else "no TITEL"
        raise LabelFailure(f"the POTCAR for {symbol} should be PAW_PBE {name}, but says {found}", "configuration")
    electrons = re.search(r"ZVAL\s*=\s*([\d.]+)", text)
    wanted = dft.elements[symbol].valence
    if wanted is not None and electrons is not None and float(electrons.group(1)) != wanted:
        raise LabelFailure(
            f"the POTCAR {name} has {float(electrons.group(1)):g} valence electrons, labels.dft.elements.{symbol}.valence "
            f"says {wanted}",
            "configuration",
        )
    return {"name": " ".join(title.group().split("=")[1].split()), "sha256": hashlib.sha256(content).hexdigest()}


def _safer(dft: Dft) -> Tags:
    """All bands at once with small steps, a gentle mixing and three times the patience."""
    return {"ALGO": "All", "NELM": 3 * dft.max_scf_steps, "TIME": 0.2, "AMIX": 0.1, "BMIX": 0.01}


def _formula(ordered: Atoms, species: list[str]) -> str:
    symbols = ordered.get_chemical_symbols()
    return " ".join(f"{symbol}{symbols.count(symbol)}" for symbol in species)


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return ".TRUE." if value else ".FALSE."
    if isinstance(value, list):
        return " ".join(_spelled(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


VASP = Code(
    "vasp",
    "VASP",
    "licensed software: put vasp_std on PATH, or name it in labels.dft.command",
    command,
    write,
    parse,
    "vasp.out",
    ("POTCAR", "WAVECAR", "CHG", "CHGCAR"),
    ("dpdata",),
)
