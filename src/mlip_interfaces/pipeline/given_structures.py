"""Structures that a study gives as files, to be labelled and trained on: what a campaign did not know by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from mlip_interfaces.config import Study
from mlip_interfaces.errors import StudyError

LAYER = "structures"
"""Layer of atoms whose file names none."""


@dataclass(frozen=True, slots=True)
class GivenSystem:
    """Structures of one file that have the same atoms in the same order.

    Attributes
    ----------
    origin : str
        Name of the system in the data set.
    layer : tuple of str
        Layer of each atom.
    structures : tuple of ase.Atoms
        As the file has them.
    """

    origin: str
    layer: tuple[str, ...]
    structures: tuple[Atoms, ...]


def read_given_structures(study: Study) -> list[GivenSystem]:
    """Read the files of `initial_data.structures`.

    Parameters
    ----------
    study : Study
        With absolute paths.

    Returns
    -------
    list of GivenSystem
        In the order of the files, and in each of their first structures.

    Raises
    ------
    StudyError
        If a file is no extended XYZ, or a structure has no cell or an element that the study lacks.
    """
    systems = []
    for number, name in enumerate(study.initial_data.structures):
        where = f"initial_data.structures.{number} is '{name}'"
        frames = _read(Path(name), where)
        for place, atoms in enumerate(frames):
            missing = sorted(set(atoms.get_chemical_symbols()) - set(study.elements))
            if missing:
                raise StudyError(
                    f"{where}, whose structure {place} contains {', '.join(missing)}; add it to `elements` "
                    f"({', '.join(study.elements)}), or take the structure out."
                )
            if abs(atoms.cell.volume) < 1e-6:
                raise StudyError(f"{where}, whose structure {place} has no cell; extended XYZ says it as Lattice=.")
        groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Atoms]] = {}
        for atoms in frames:
            groups.setdefault((tuple(atoms.get_chemical_symbols()), _layer(atoms)), []).append(atoms)
        systems += [
            GivenSystem(f"structures-{number}-{kind}", layer, tuple(members))
            for kind, ((_, layer), members) in enumerate(groups.items())
        ]
    return systems


def _read(file: Path, where: str) -> Sequence[Atoms]:
    from ase.io import read
    from ase.io.extxyz import XYZError

    try:
        frames: list[Atoms] = read(file, index=":", format="extxyz")
    except (XYZError, ValueError, KeyError, IndexError, OSError) as error:
        raise StudyError(f"{where}, which cannot be read as extended XYZ ({error}).") from error
    if not frames:
        raise StudyError(f"{where}, which holds no structure.")
    return frames


def _layer(atoms: Atoms) -> tuple[str, ...]:
    names = atoms.arrays.get("layer")
    return tuple(map(str, names)) if names is not None else (LAYER,) * len(atoms)
