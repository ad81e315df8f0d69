"""Slabs on disk: a table and the structure of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from mlip_interfaces.files import write_csv
from mlip_interfaces.structures.crystals.files import write_crystal
from mlip_interfaces.structures.slabs.choosing import with_vacuum
from mlip_interfaces.structures.slabs.terminations import Slab, Termination


def write_slabs(slabs: Sequence[Slab], directory: Path, *, vacuum_angstrom: float) -> None:
    """Write ``slabs.csv`` and, numbered as in it, ``slab-0.xyz`` and ``slab-0.vasp`` ....

    Parameters
    ----------
    slabs : sequence of Slab
        Of one crystal.
    directory : Path
        Made if it does not exist.
    vacuum_angstrom : float, angstrom
        Between the outermost atoms and their images.
    """
    structures = [with_vacuum(slab.atoms, vacuum_angstrom) for slab in slabs]
    directory.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(Termination)]
    for number, atoms in enumerate(structures):
        for ending in ("xyz", "vasp"):
            write_crystal(atoms, directory / f"slab-{number}.{ending}", sorted(set(atoms.get_chemical_symbols())))
    rows = [(number, *asdict(slab.termination).values()) for number, slab in enumerate(slabs)]
    write_csv(directory / "slabs.csv", ("number", *names), rows)
