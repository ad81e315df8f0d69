"""GPAW, plane waves: one JSON file in, one out, by a script that runs in whichever Python has GPAW."""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from ase import Atoms

from mlip_interfaces.config.dft import Dft
from mlip_interfaces.files import write_json
from mlip_interfaces.labels.codes.contract import Answer, Code, Tags, Written
from mlip_interfaces.labels.evaluation import LabelFailure
from mlip_interfaces.programs import ask_program

SCRIPT = Path(__file__).with_name("gpaw_script.py")
# Copied to the inputs: a script's own folder comes first where Python looks for modules, and ours has this very name.
COPY, INPUT, RESULT = "run_gpaw.py", "gpaw_input.json", "gpaw_result.json"
INSTALL = "apt-get install gpaw gpaw-data, or pip install gpaw gpaw-data (needs libxc, a BLAS and a C compiler)"
_CAREFUL_BETA = 0.02


def command(given: list[str]) -> list[str]:
    """The Python of the study, ours, or the first of the system that has GPAW; with the script.

    Parameters
    ----------
    given : list of str
        Words of the study's command; empty if there is none.

    Returns
    -------
    list of str
        Argument vector.

    Raises
    ------
    LabelFailure
        If none has GPAW.
    """
    if given:
        return [*given, COPY]
    python = find_python()
    if python is None:
        raise LabelFailure(
            f"neither {sys.executable} nor python3 of the system has GPAW. Get it: {INSTALL}; or name its Python in "
            "labels.dft.command",
            "configuration",
        )
    return [python, COPY]


@functools.cache
def find_python() -> str | None:
    """A Python that has GPAW; None if there is none."""
    if importlib.util.find_spec("gpaw") is not None:
        return sys.executable
    for python in dict.fromkeys(("/usr/bin/python3", shutil.which("python3"))):
        if python and Path(python).is_file() and ask_program([python, "-c", "import gpaw"]).status == 0:
            return python
    return None


def write(atoms: Atoms, dft: Dft, folder: Path, attempt: int) -> Written:
    """Write the structure, GPAW's keywords with +U in ``setups``, and the script.

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
    """
    symbols = atoms.get_chemical_symbols()
    species = dict.fromkeys(symbols)
    safer: Tags = {}
    n_steps = dft.max_scf_steps
    if attempt > 1:
        n_steps *= 3
        safer = {"mixer beta": _CAREFUL_BETA, "maxiter": n_steps}
    keywords: Tags = {
        "xc": dft.functional,
        "setups": {
            symbol: f":{dft.elements[symbol].hubbard_orbital},{dft.elements[symbol].hubbard_u_ev:g}"
            for symbol in species
            if dft.elements[symbol].has_u
        },
        "kpts": {"size": [*dft.kpoints], "gamma": True},
        "spinpol": dft.spin_polarised,
        "maxiter": n_steps,
        # GPAW wants it for each valence electron; there are fewer of those than protons.
        "convergence": {"energy": dft.energy_convergence_ev / int(atoms.numbers.sum())},
        **dft.tags("GPAW"),
    }
    content = {
        "symbols": symbols,
        "positions_angstrom": atoms.positions.tolist(),
        "cell_angstrom": np.asarray(atoms.cell).tolist(),
        "moments": [dft.elements[symbol].moment for symbol in symbols] if dft.spin_polarised else None,
        "plane_wave_cutoff_ev": dft.cutoff_ev("gpaw"),
        "smearing_ev": dft.smearing_ev,
        "mixer_beta": safer.get("mixer beta"),
        "keywords": keywords,
    }
    shutil.copyfile(SCRIPT, folder / COPY)
    write_json(folder / INPUT, content)
    return Written(safer_settings=safer)


def parse(atoms: Atoms, folder: Path) -> Answer:
    """Read the script's result; GPAW's stress has ASE's sign.

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
        If there is none, or it says why.
    """
    try:
        result = json.loads((folder / RESULT).read_text())
    except (OSError, ValueError, RecursionError) as error:
        log = folder / GPAW.log
        if log.is_file() and "No module named 'gpaw'" in log.read_text(errors="replace"):
            raise LabelFailure("the Python of labels.dft.command has no GPAW", "configuration") from error
        raise LabelFailure("GPAW wrote no result") from error
    if result["status"] != "ok":
        raise LabelFailure(result["reason"], "configuration" if result["status"] == "configuration" else "code")
    stress = np.array(result["stress_ev_per_angstrom3"], dtype=np.float64)
    return Answer(
        result["energy_ev"],
        np.array(result["forces_ev_per_angstrom"], dtype=np.float64),
        -abs(atoms.cell.volume) * stress,
        f"GPAW {result['version']}",
        result["cores"],
    )


GPAW = Code("gpaw", "GPAW", INSTALL, command, write, parse, "gpaw.out")
