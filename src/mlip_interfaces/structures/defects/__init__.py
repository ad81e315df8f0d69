"""Atoms taken out, put in and exchanged: vacancies, partial lithiation, charge-balanced point defects."""

from __future__ import annotations

from mlip_interfaces.structures.defects.composition import PartialLithiation, delithiate, layer_mask, remove_atoms
from mlip_interfaces.structures.defects.kroger_vink import (
    PointDefect,
    exchanged_atoms,
    mathtext,
    parse_defect,
    parse_defects,
    refuse_unbalanced,
)
from mlip_interfaces.structures.defects.kroger_vink_reactions import check_reaction
from mlip_interfaces.structures.defects.point_defects import (
    DefectiveStructure,
    PlacedDefect,
    added_elements,
    apply_defects,
)
from mlip_interfaces.structures.defects.voids import largest_voids

__all__ = [
    "DefectiveStructure",
    "PartialLithiation",
    "PlacedDefect",
    "PointDefect",
    "added_elements",
    "apply_defects",
    "check_reaction",
    "delithiate",
    "exchanged_atoms",
    "largest_voids",
    "layer_mask",
    "mathtext",
    "parse_defect",
    "parse_defects",
    "refuse_unbalanced",
    "remove_atoms",
]
