"""Where the files that are shipped beside the code lie: LAMMPS decks, study files, materials for screening."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.errors import InputFileError


def lammps_deck(name: str) -> Path:
    """Path of a deck of ``lammps_inputs/``.

    Parameters
    ----------
    name : str
        Of the file.

    Returns
    -------
    Path
        That exists.
    """
    return _shipped("lammps_inputs", name)


def study_file(name: str) -> Path:
    """Path of a study of ``configs/``.

    Parameters
    ----------
    name : str
        Of the file.

    Returns
    -------
    Path
        That exists.
    """
    return _shipped("configs", name)


def shipped_materials() -> Path:
    """Folder of the materials of ``screen``.

    Returns
    -------
    Path
        With a file for each.
    """
    return _shipped("configs", "materials/Li.yaml").parent


def _shipped(folder: str, name: str) -> Path:
    package = Path(__file__).resolve().parent
    # Installed: inside the package. Working from a checkout: at its top.
    for root in (package, package.parents[1]):
        if (root / folder / name).is_file():
            return root / folder / name
    raise InputFileError(f"The file {folder}/{name} is not part of this installation; install the package again.")
