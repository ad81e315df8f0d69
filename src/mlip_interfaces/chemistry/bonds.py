"""Longest bonds: of polyanions at rest in a crystal, and of the reactions of a moving interface."""

from __future__ import annotations

POLYANION_BONDS_ANGSTROM: dict[tuple[str, str], float] = {
    ("P", "S"): 2.4, ("P", "O"): 1.9, ("P", "N"): 1.9, ("P", "P"): 2.5, ("S", "S"): 2.4, ("S", "O"): 1.8, ("O", "O"): 1.7,
    ("C", "O"): 1.6, ("N", "O"): 1.6, ("B", "O"): 1.7, ("B", "H"): 1.5, ("N", "H"): 1.3, ("O", "H"): 1.3, ("Si", "S"): 2.4,
    ("Ge", "S"): 2.5, ("Sn", "S"): 2.7, ("As", "S"): 2.5, ("Sb", "S"): 2.6,
}  # fmt: skip
"""Centre, ligand: what a cut must not divide. Between the bond of the unit and the next shell of any crystal known to us."""

BOND_CUTOFFS_ANGSTROM: dict[str, float] = {"P-S": 2.6, "P-O": 1.9, "P-P": 2.5, "Co-S": 2.6, "Co-O": 2.3, "S-S": 2.5}
"""What counts as a bond in MD, where bonds vibrate: looser than a crystal's. Between first and second shells of the
crystals: P-S 2.0-2.2 then 3.3; P-O 1.5; P-P 2.25; Co-S 2.1-2.4; S-S 2.1."""
