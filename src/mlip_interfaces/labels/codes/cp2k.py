"""CP2K (Quickstep, GTH): one input file; energy, forces and stress from its output."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import JsonValue

from mlip_interfaces.config.dft import Dft
from mlip_interfaces.files import write_text
from mlip_interfaces.labels.codes.contract import Answer, Code, Tags, Written
from mlip_interfaces.labels.evaluation import Cause, LabelFailure
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

INPUT, OUTPUT = "cp2k.inp", "cp2k.out"
BASIS_FILE, POTENTIAL_FILE = "BASIS_MOLOPT", "GTH_POTENTIALS"
PROGRAMS = ("cp2k.psmp", "cp2k.popt", "cp2k.ssmp", "cp2k")
_SYSTEM_DATA = Path("/usr/share/cp2k")
_EMPTY_BANDS_SHARE = 0.15
_NEW_FORCES = "FORCES| Atomic forces [hartree/bohr]"
_WIDTH_OF_FACE = len(" * [ABORT] ")


def command(given: list[str]) -> list[str]:
    """CP2K of the study, or the first that is there, on our input.

    Parameters
    ----------
    given : list of str
        Words of the study's command; empty if there is none.

    Returns
    -------
    list of str
        Argument vector.
    """
    program = given or [next((name for name in PROGRAMS if shutil.which(name)), PROGRAMS[0])]
    return program if "-i" in program else [*program, "-i", INPUT]


def write(atoms: Atoms, dft: Dft, folder: Path, attempt: int) -> Written:
    """Write the input, the atoms in their own order and the cell in full.

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
        If CP2K's data are here and lack a basis or a potential.
    """
    symbols = list(dict.fromkeys(atoms.get_chemical_symbols()))
    data = data_folder(dft)
    if data is not None:
        _check_data(data, symbols, dft)
    safer: Tags = {"ALPHA": 0.1, "NBROYDEN": 12, "MAX_SCF": 3 * dft.max_scf_steps} if attempt > 1 else {}
    content: list[tuple[str, Tags]] = [
        ("GLOBAL", {"PROJECT": "label", "RUN_TYPE": "ENERGY_FORCE", "PRINT_LEVEL": "MEDIUM"}),
        (
            "FORCE_EVAL",
            {
                "METHOD": "Quickstep",
                "STRESS_TENSOR": "ANALYTICAL",
                "DFT": _dft(atoms, symbols, dft, safer, data),
                "SUBSYS": _subsys(atoms, symbols, dft),
                "PRINT": {"FORCES ON": {}, "STRESS_TENSOR ON": {}},
            },
        ),
    ]
    write_text(folder / INPUT, "".join(line + "\n" for name, section in content for line in _lines(name, section, 0)))
    used = {
        symbol: {"name": f"{_kind(dft, symbol)['POTENTIAL']} {_kind(dft, symbol)['BASIS_SET']}"} for symbol in symbols
    }
    return Written(used, safer)


def data_folder(dft: Dft) -> Path | None:
    """CP2K's basis sets and potentials, where they are not left to CP2K itself.

    Parameters
    ----------
    dft : Dft
        Settings of the study.

    Returns
    -------
    Path or None
        None where CP2K finds its own.

    Raises
    ------
    LabelFailure
        If the named folder does not exist.
    """
    named = dft.pseudopotential_dir or os.environ.get("CP2K_DATA_DIR")
    if named is None:
        return _SYSTEM_DATA if (_SYSTEM_DATA / BASIS_FILE).is_file() else None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise LabelFailure(f"the folder of CP2K's data {folder} does not exist", "configuration")
    return folder


def parse(atoms: Atoms, folder: Path) -> Answer:
    """Read the output with dpdata and cp2kdata; the cell, printed to three decimals, is the structure's.

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
        If the run aborted, is not whole, not converged (CP2K goes on and exits 0), or of another structure.
    """
    output = folder / OUTPUT
    text = output.read_text(errors="replace") if output.is_file() else ""
    if not text.strip():
        raise LabelFailure("CP2K wrote no output")
    if "[ABORT]" in text:
        words = _words_of_abort(text)
        raise LabelFailure(f"CP2K aborted: {words[:300]}", _cause_of_abort(words))
    if "SCF run NOT converged" in text:
        raise LabelFailure("the SCF did not converge")
    if "SCF run converged" not in text or "PROGRAM ENDED" not in text:
        raise LabelFailure("CP2K's output ends before it was done")
    try:
        found, energy, forces, virial, cell = _frame(output, text)
    except Exception as error:  # noqa: BLE001 (the readers raise anything on a broken file)
        raise LabelFailure(f"CP2K's output cannot be read ({type(error).__name__}: {error})") from error
    virial *= abs(atoms.cell.volume) / abs(float(np.linalg.det(cell)))
    if found != atoms.get_chemical_symbols():
        raise LabelFailure("CP2K's output is of another structure")
    version = re.search(r"CP2K\| version string:\s+CP2K version (\S+)", text)
    ranks = re.search(r"Total number of message passing processes\s+(\d+)", text)
    threads = re.search(r"Number of threads for this process\s+(\d+)", text)
    cores = int(ranks.group(1)) * int(threads.group(1)) if ranks and threads else None
    return Answer(energy, forces, virial, f"CP2K {version.group(1)}" if version else "CP2K", cores)


def _frame(
    output: Path, text: str
) -> tuple[list[str], float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Symbols, energy in eV, forces in eV/angstrom, virial in eV and cell of an output, old or new."""
    if _NEW_FORCES in text:
        return _frame_since_2025(text)
    import dpdata

    # It reminds of the virials of its old versions, every time.
    logging.getLogger("cp2kdata.dpdata_plugin").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        frame = dpdata.LabeledSystem(str(output), fmt="cp2kdata/e_f").data
    found = [frame["atom_names"][kind] for kind in frame["atom_types"]]
    forces, virial = (np.array(frame[key][0], dtype=np.float64) for key in ("forces", "virials"))
    return found, float(frame["energies"][0]), forces, virial, np.asarray(frame["cells"][0])


def _frame_since_2025(
    text: str,
) -> tuple[list[str], float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """As `_frame`, of the layout with units in hartree and ``FORCES|`` before each row, which cp2kdata does not know."""
    from cp2kdata.block_parser.cells import parse_all_cells
    from cp2kdata.block_parser.coordinates import parse_init_atomic_coordinates
    from cp2kdata.block_parser.stress import parse_stress_tensor_list
    from dpdata.unit import EnergyConversion, ForceConversion, PressureConversion

    _, _, found = parse_init_atomic_coordinates(text)
    energies = re.findall(r"ENERGY\| Total FORCE_EVAL \( QS \) energy \[hartree\]:?\s+(\S+)", text)
    rows = re.findall(r"^ FORCES\|\s+(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s", text, flags=re.MULTILINE)
    if len(energies) != 1 or [int(row[0]) for row in rows] != list(range(1, len(found) + 1)):
        raise ValueError(f"{len(energies)} energies in hartree and {len(rows)} forces of {len(found)} atoms")
    energy = float(energies[0]) * EnergyConversion("hartree", "eV").value()
    forces = (
        np.array([row[1:] for row in rows], dtype=np.float64) * ForceConversion("hartree/bohr", "eV/angstrom").value()
    )
    cell = np.asarray(parse_all_cells(text)[0], dtype=np.float64)
    stress = np.asarray(parse_stress_tensor_list(text)[0], dtype=np.float64)
    virial = stress * abs(float(np.linalg.det(cell))) * PressureConversion("GPa", "eV/angstrom^3").value()
    return list(found), energy, forces, virial, cell


def _dft(atoms: Atoms, symbols: list[str], dft: Dft, safer: Tags, data: Path | None) -> Tags:
    section: Tags = {
        "BASIS_SET_FILE_NAME": str(data / BASIS_FILE) if dft.pseudopotential_dir and data else BASIS_FILE,
        "POTENTIAL_FILE_NAME": str(data / POTENTIAL_FILE) if dft.pseudopotential_dir and data else POTENTIAL_FILE,
    }
    if any(dft.elements[symbol].has_u for symbol in symbols):
        # Of CP2K's projections the one with forces and stress.
        section["PLUS_U_METHOD"] = "MULLIKEN"
    if dft.spin_polarised:
        section["UKS"] = "TRUE"
    scf: Tags = {
        "SCF_GUESS": "ATOMIC",
        # Of the density matrix; 1e-6 goes with 1e-5 eV.
        "EPS_SCF": f"{0.1 * dft.energy_convergence_ev:.1E}",
        "MAX_SCF": safer.get("MAX_SCF", dft.max_scf_steps),
        "DIAGONALIZATION": {"ALGORITHM": "STANDARD"},
        "MIXING": {
            "METHOD": "BROYDEN_MIXING",
            "ALPHA": safer.get("ALPHA", 0.4),
            "NBROYDEN": safer.get("NBROYDEN", 8),
        },
        "PRINT": {"RESTART OFF": {}},
    }
    if dft.smearing_ev:
        n_electrons = sum(dft.elements[symbol].valence or 0 for symbol in atoms.get_chemical_symbols())
        scf["ADDED_MOS"] = max(4, int(_EMPTY_BANDS_SHARE * n_electrons / 2))
        smear: Tags = {
            "METHOD": "FERMI_DIRAC",
            "ELECTRONIC_TEMPERATURE": f"[K] {dft.smearing_ev / BOLTZMANN_EV_PER_K:.2f}",
        }
        if dft.spin_polarised:
            smear["FIXED_MAGNETIC_MOMENT"] = "-1.0"
        scf["SMEAR ON"] = smear
    section["MGRID"] = {
        "CUTOFF": f"{dft.grid_cutoff_ry:g}",
        "REL_CUTOFF": f"{dft.relative_cutoff_ry:g}",
        "NGRIDS": 7,
        "PROGRESSION_FACTOR": 2,
    }
    section["QS"] = {"EPS_DEFAULT": "1.0E-10"}
    section["SCF"] = scf
    section["XC"] = {"XC_FUNCTIONAL": {"PBE": {"PARAMETRIZATION": "ORIG" if dft.functional == "PBE" else "PBESOL"}}}
    if dft.kpoints != (1, 1, 1):
        section["KPOINTS"] = {"SCHEME": "MONKHORST-PACK " + " ".join(map(str, dft.kpoints)), "FULL_GRID": "TRUE"}
    return section


def _subsys(atoms: Atoms, symbols: list[str], dft: Dft) -> Tags:
    rows = zip("ABC", np.asarray(atoms.cell), strict=True)
    section: Tags = {
        "CELL": {axis: " ".join(f"{value:.12f}" for value in row) for axis, row in rows},
        "COORD": [
            f"{symbol} " + " ".join(f"{value:.12f}" for value in position)
            for symbol, position in zip(atoms.get_chemical_symbols(), atoms.positions, strict=True)
        ],
    }
    for symbol in symbols:
        element = dft.elements[symbol]
        kind = _kind(dft, symbol)
        if dft.spin_polarised and element.moment:
            kind["MAGNETIZATION"] = f"{element.moment:g}"
        if element.has_u:
            # Without the unit CP2K takes hartree.
            kind["DFT_PLUS_U"] = {"L": element.angular_momentum, "U_MINUS_J": f"[eV] {element.hubbard_u_ev:g}"}
        section[f"KIND {symbol}"] = kind
    return section


def _kind(dft: Dft, symbol: str) -> Tags:
    element = dft.elements[symbol]
    return {"BASIS_SET": element.basis.cp2k, "POTENTIAL": element.pseudopotential.cp2k}


def _lines(name: str, content: Tags | list[JsonValue], depth: int) -> list[str]:
    """Text of a section: nested mappings are sections, lists are lines, the rest are keywords."""
    pad = "  " * depth
    lines = [f"{pad}&{name}"]
    if isinstance(content, list):
        lines += [f"{pad}  {line}" for line in content]
    else:
        for key, value in content.items():
            lines += _lines(key, value, depth + 1) if isinstance(value, dict | list) else [f"{pad}  {key} {value}"]
    return [*lines, f"{pad}&END {name.split()[0]}"]


def _check_data(data: Path, symbols: list[str], dft: Dft) -> None:
    for file, key in ((BASIS_FILE, "BASIS_SET"), (POTENTIAL_FILE, "POTENTIAL")):
        text = (data / file).read_text() if (data / file).is_file() else None
        if text is None:
            raise LabelFailure(f"{data} has no {file}", "configuration")
        for symbol in symbols:
            name = str(_kind(dft, symbol)[key])
            if not re.search(rf"^\s*{symbol}\s+(?:\S+\s+)*{re.escape(name)}(?:\s|$)", text, flags=re.MULTILINE):
                raise LabelFailure(f"{data / file} has no {name} for {symbol}", "configuration")


def _words_of_abort(text: str) -> str:
    """What stands in the box that CP2K prints when it gives up, right of its face."""
    words: list[str] = []
    for line in text[text.rfind("\n", 0, text.index("[ABORT]")) + 1 :].splitlines():
        if not line.startswith(" *") or not line.strip(" *"):
            break
        words += line[_WIDTH_OF_FACE:].rstrip(" *").split()
    return " ".join(words) or "it does not say why"


def _cause_of_abort(words: str) -> Cause:
    missing = (
        "was not found in", "could not be found", "does not exist", "cannot be opened", "not found in the potential file",
    )  # fmt: skip
    return "configuration" if any(phrase in words for phrase in missing) else "code"


CP2K = Code(
    "cp2k",
    "CP2K",
    "apt-get install cp2k cp2k-data libopenblas0-openmp",
    command,
    write,
    parse,
    OUTPUT,
    ("*.wfn*", "*.kp*"),
    ("dpdata", "cp2kdata"),
)
