"""Phases: compositions with energies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlip_interfaces.structures.crystals import formula_counts


@dataclass(frozen=True, slots=True)
class Phase:
    """A composition and its energy.

    Attributes
    ----------
    formula : str
        As pymatgen reduces it.
    amounts : tuple of (str, float)
        Element and number in that formula.
    energy_ev_per_atom : float, eV
        With any reference that all phases share, before elements are subtracted.
    uncertainty_ev_per_atom : float or None, eV
        Standard error of the energy, where the file has one.
    name : str
        Where in the file it stands.
    """

    formula: str
    amounts: tuple[tuple[str, float], ...]
    energy_ev_per_atom: float
    uncertainty_ev_per_atom: float | None = None
    name: str = ""

    @property
    def elements(self) -> frozenset[str]:
        """Symbols."""
        return frozenset(symbol for symbol, _ in self.amounts)

    @property
    def n_atoms(self) -> float:
        """Atoms of the formula."""
        return sum(number for _, number in self.amounts)


def make_phase(
    formula: str,
    energy_ev: float,
    *,
    per_atom: bool,
    uncertainty_ev_per_atom: float | None = None,
    name: str = "",
) -> Phase:
    """A phase of a formula.

    Parameters
    ----------
    formula : str
        Of any number of units (``Li6P2S8`` is ``Li3PS4``).
    energy_ev : float, eV
        Of an atom, or of the formula as it is written.
    per_atom : bool
        Which of the two.
    uncertainty_ev_per_atom : float or None, eV, optional
        Standard error.
    name : str, optional
        Where it comes from.

    Returns
    -------
    Phase
        Of the reduced formula.

    Examples
    --------
    >>> make_phase("Li4S2", -8.6, per_atom=False).formula
    'Li2S'
    """
    counts = dict(formula_counts(formula))
    return phase_of(counts, energy_ev, per_atom, _written_atoms(formula), uncertainty_ev_per_atom, name)


def _written_atoms(formula: str) -> float:
    from pymatgen.core import Composition

    return float(Composition(formula).num_atoms)


def phase_of(
    amounts: Mapping[str, float],
    energy_ev: float,
    per_atom: bool,
    n_atoms: float,
    uncertainty_ev_per_atom: float | None,
    name: str,
) -> Phase:
    """A phase of numbers of atoms.

    Parameters
    ----------
    amounts : mapping of str to float
        Element and number, in any multiple.
    energy_ev : float, eV
        Of an atom, or of `n_atoms`.
    per_atom : bool
        Which of the two.
    n_atoms : float
        That the energy is of.
    uncertainty_ev_per_atom : float or None, eV
        Standard error.
    name : str
        Where it comes from.

    Returns
    -------
    Phase
        Of the reduced formula.
    """
    from pymatgen.core import Composition

    # An element's reduced formula is its molecule (S8, O2) in pymatgen; the element itself has no such habit.
    reduced = Composition(dict(amounts)).get_integer_formula_and_factor(max_denominator=1000)[0]
    composition = Composition(reduced)
    if len(composition) == 1:
        composition = Composition({composition.elements[0]: 1})
    counts = tuple((element.symbol, float(number)) for element, number in composition.items())
    formula = counts[0][0] if len(counts) == 1 else str(composition.reduced_formula)
    return Phase(formula, counts, energy_ev if per_atom else energy_ev / n_atoms, uncertainty_ev_per_atom, name)


def lowest_phases(phases: Iterable[Phase]) -> tuple[Phase, ...]:
    """The lowest of each composition.

    Parameters
    ----------
    phases : iterable of Phase
        Any.

    Returns
    -------
    tuple of Phase
        In the order of their first appearance.
    """
    lowest: dict[str, Phase] = {}
    for phase in phases:
        before = lowest.get(phase.formula)
        if before is None or phase.energy_ev_per_atom < before.energy_ev_per_atom:
            lowest[phase.formula] = phase
    return tuple(lowest.values())
