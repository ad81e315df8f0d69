"""Slabs of a crystal along any plane, with every termination and what it costs."""

from __future__ import annotations

from mlip_interfaces.structures.slabs.choosing import choose_slab, cut_slab, enumerate_slabs, with_vacuum
from mlip_interfaces.structures.slabs.files import write_slabs
from mlip_interfaces.structures.slabs.planes import Miller
from mlip_interfaces.structures.slabs.terminations import Slab, Termination

__all__ = [
    "Miller",
    "Slab",
    "Termination",
    "choose_slab",
    "cut_slab",
    "enumerate_slabs",
    "with_vacuum",
    "write_slabs",
]
