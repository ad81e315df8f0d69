"""Amorphous layers by melt-quench, and the proof that they are none of their crystal."""

from __future__ import annotations

from mlip_interfaces.structures.glass.amorphous import (
    AmorphousLayer,
    MeltQuench,
    QuenchTrace,
    atom_counts,
    default_density,
    melt_quench,
)
from mlip_interfaces.structures.glass.order import OrderReport, measure_order, partial_g
from mlip_interfaces.structures.glass.potential import QuenchPotential, named_potential

__all__ = [
    "AmorphousLayer",
    "MeltQuench",
    "OrderReport",
    "QuenchPotential",
    "QuenchTrace",
    "atom_counts",
    "default_density",
    "measure_order",
    "melt_quench",
    "named_potential",
    "partial_g",
]
