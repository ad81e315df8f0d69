"""Crystals: a library of published lattices, structures of files, formulas, polyanions, files to write."""

from __future__ import annotations

from mlip_interfaces.structures.crystals.distances import minimum_distances
from mlip_interfaces.structures.crystals.files import in_type_order, write_crystal
from mlip_interfaces.structures.crystals.formulas import formula_counts
from mlip_interfaces.structures.crystals.library import DEFAULT_POLYMORPHS, LIBRARY, CrystalData
from mlip_interfaces.structures.crystals.loading import (
    CrystalSummary,
    argyrodite,
    bulk_cell,
    crystal_elements,
    crystal_table,
    in_library,
    library_entry,
    load_crystal,
    summarise_crystal,
)

__all__ = [
    "CrystalData",
    "CrystalSummary",
    "DEFAULT_POLYMORPHS",
    "LIBRARY",
    "argyrodite",
    "bulk_cell",
    "crystal_elements",
    "crystal_table",
    "formula_counts",
    "in_library",
    "in_type_order",
    "library_entry",
    "load_crystal",
    "minimum_distances",
    "summarise_crystal",
    "write_crystal",
]
