"""Longest bonds: of polyanions at rest in a crystal, and of the reactions of a moving interface; ends of shells of ions."""

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

REDUCED_BONDS_ANGSTROM: dict[str, float] = {"Li-P": 2.9}
"""Bonds of a metal to the centre of a polyanion that it has reduced: Li3P 2.46-2.77; a P within its four S has Li beyond 3.0."""

SHELL_CUTOFFS_ANGSTROM: dict[str, float] = {"Li-F": 2.6, "Li-S": 3.0, "Li-O": 2.6, "Li-Cl": 3.2}
"""How far the first shell of anions around an ion reaches: LiF 2.0 then 3.5; Li2S 2.5; Li2O 2.0, LiCoO2 2.1 then 3.4; LiCl 2.6 then
4.4."""


def bond_lengths_angstrom() -> dict[str, float]:
    """Longest length of every bond that is known, that in MD before that in a crystal.

    Returns
    -------
    dict of str to float, angstrom
        By bond, as in ``P-S``.

    Examples
    --------
    >>> lengths = bond_lengths_angstrom()
    >>> lengths["P-S"], lengths["Ge-S"], lengths["Li-P"]
    (2.6, 2.5, 2.9)
    """
    crystals = {"-".join(pair): length for pair, length in POLYANION_BONDS_ANGSTROM.items()}
    return crystals | REDUCED_BONDS_ANGSTROM | BOND_CUTOFFS_ANGSTROM


def neighbor_cutoff(first: str, second: str) -> float | None:
    """Distance below which two elements count as neighbours where nothing else is asked for.

    Parameters
    ----------
    first, second : str
        Elements, in either order.

    Returns
    -------
    float or None, angstrom
        Longest bond in MD, else that in a crystal, else the end of a shell of ions; None where none is known.

    Examples
    --------
    >>> neighbor_cutoff("S", "P"), neighbor_cutoff("Li", "F"), neighbor_cutoff("Co", "Cl")
    (2.6, 2.6, None)
    """
    crystals = {"-".join(pair): length for pair, length in POLYANION_BONDS_ANGSTROM.items()}
    known = SHELL_CUTOFFS_ANGSTROM | crystals | BOND_CUTOFFS_ANGSTROM
    return known.get(f"{first}-{second}", known.get(f"{second}-{first}"))
