"""What is known of ions before any structure: formal charges, radii, contacts, bonds, and when two atoms are too close.

Values that mean different things stand side by side, each with its meaning and source. Nothing here imports another room.
"""

from __future__ import annotations

from mlip_interfaces.chemistry.bonds import (
    BOND_CUTOFFS_ANGSTROM,
    POLYANION_BONDS_ANGSTROM,
    REDUCED_BONDS_ANGSTROM,
    SHELL_CUTOFFS_ANGSTROM,
    bond_lengths_angstrom,
    neighbor_cutoff,
)
from mlip_interfaces.chemistry.charges import (
    ANION_CHARGES,
    CATION_CHARGES,
    CENTER_CHARGES,
    ELEMENT_CHARGES,
    SPECIES_CHARGES,
    anion_symbols,
    compound_charges,
    extreme_charge,
    site_charges,
)
from mlip_interfaces.chemistry.contacts import (
    CATION_CATION_ANGSTROM,
    TOO_CLOSE_SHARE,
    Contact,
    attract,
    covalent_radii,
    has_short_contact,
    ion_contact,
    layer_contact,
    shortest_allowed,
    worst_contact,
)
from mlip_interfaces.chemistry.formulas import formula

__all__ = [
    "ANION_CHARGES",
    "BOND_CUTOFFS_ANGSTROM",
    "CATION_CATION_ANGSTROM",
    "CATION_CHARGES",
    "CENTER_CHARGES",
    "ELEMENT_CHARGES",
    "POLYANION_BONDS_ANGSTROM",
    "REDUCED_BONDS_ANGSTROM",
    "SHELL_CUTOFFS_ANGSTROM",
    "SPECIES_CHARGES",
    "TOO_CLOSE_SHARE",
    "Contact",
    "anion_symbols",
    "attract",
    "bond_lengths_angstrom",
    "compound_charges",
    "covalent_radii",
    "extreme_charge",
    "formula",
    "has_short_contact",
    "ion_contact",
    "layer_contact",
    "neighbor_cutoff",
    "shortest_allowed",
    "site_charges",
    "worst_contact",
]
