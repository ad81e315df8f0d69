"""Slabs on disk: a table and the structure of each."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

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
    with (directory / "slabs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["number", *names])
        for number, (slab, atoms) in enumerate(zip(slabs, structures, strict=True)):
            writer.writerow([number, *asdict(slab.termination).values()])
            elements = tuple(dict.fromkeys(atoms.get_chemical_symbols()))
            for ending in ("xyz", "vasp"):
                write_crystal(atoms, directory / f"slab-{number}.{ending}", sorted(elements))
