"""Models of layers: stacked, varied, without duplicates, on disk."""

from __future__ import annotations

from mlip_interfaces.structures.assembly.duplicates import CleanSet, Dropped, clean_set, same_structure
from mlip_interfaces.structures.assembly.model_files import read_model, write_model
from mlip_interfaces.structures.assembly.stacking import Layer, stack
from mlip_interfaces.structures.assembly.variations import (
    packed_cells,
    perturb,
    scrambled,
    shift_layers,
    vacancy_samples,
)

__all__ = [
    "CleanSet",
    "Dropped",
    "Layer",
    "clean_set",
    "packed_cells",
    "perturb",
    "read_model",
    "same_structure",
    "scrambled",
    "shift_layers",
    "stack",
    "vacancy_samples",
    "write_model",
]
