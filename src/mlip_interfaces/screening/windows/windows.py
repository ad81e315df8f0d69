r"""Electrochemical windows: decomposition of a composition that is open to one element.

With the energies :math:`E` of all phases and :math:`\mu` of the open element, phases in equilibrium make :math:`\Phi = E - \mu N` least. The
voltage is :math:`V = -(\mu - \mu^0)/z` (eV and e), :math:`\mu^0` that of the element of the same entries: a voltage is against the metal, a
chemical potential is absolute, and they are never the same number. Y. Zhu, X. He, Y. Mo, ACS Appl. Mater. Interfaces 7, 23685 (2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from mlip_interfaces.chemistry import CATION_CHARGES
from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.screening.windows.compounds import Phase, lowest_phases
from mlip_interfaces.structures.crystals import formula_counts

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram

OPEN_ELEMENTS = ("Li", "Na", "K", "Rb", "Cs", "Ag", "Mg", "Ca", "Sr", "Ba", "Zn", "Al")
"""Elements that can be open: a voltage needs the charge of their ion, `CATION_CHARGES`."""
_DEEPEST_EV_PER_ATOM = 10.0
_ON_HULL_EV_PER_ATOM = 1e-6
_SAME_AMOUNT = 1e-6
_SAME_VOLTAGE_V = 1e-7


@dataclass(frozen=True, slots=True)
class Plateau:
    """A voltage at which the composition reacts.

    Attributes
    ----------
    voltage_v : float, V
        Against the metal of the open element.
    reaction : str
        Of one formula unit of the composition to what is there beyond this voltage, seen from the window.
    kind : str
        ``reduction`` (the element is taken up below it) or ``oxidation`` (it is given above it).
    uptake_per_formula : float
        Atoms of the open element that the reaction takes up; negative where it gives them.
    """

    voltage_v: float
    reaction: str
    kind: str
    uptake_per_formula: float


@dataclass(frozen=True, slots=True)
class Stage:
    """What is in equilibrium between two voltages.

    Attributes
    ----------
    from_v, to_v : float or None, V
        Ends; None where there is none above.
    uptake_per_formula : float
        Of the open element by one formula unit; negative where it was given.
    products : tuple of (str, float)
        Phases and how many units of each.
    formation_energy_ev : float, eV
        Of all of them, from elements.
    """

    from_v: float
    to_v: float | None
    uptake_per_formula: float
    products: tuple[tuple[str, float], ...]
    formation_energy_ev: float


@dataclass(frozen=True, slots=True)
class Window:
    """The electrochemical window of a composition.

    Attributes
    ----------
    composition : str
        As it was given.
    open_element : str
        The one that is exchanged.
    lower_v, upper_v : float and float or None, V
        Between them nothing is exchanged; no upper end where there is nothing to give.
    plateaus : tuple of Plateau
        From low to high voltages.
    stages : tuple of Stage
        From high uptake (low voltage) to low uptake.
    hull_distance_ev_per_atom : float or None, eV
        Of the entry above what it decomposes into at its own composition; None where there is no entry.
    products : tuple of (str, float)
        What is stable at the composition itself, per formula unit.
    n_atoms : float
        Of one formula unit.
    reference_ev_per_atom : float, eV
        Energy of the open element in the entries: the chemical potential at 0 V.
    charge : int
        Of its ion.
    n_phases : int
        Compositions of these elements that were weighed.
    notes : tuple of str
        Sentences on what the window is of.
    """

    composition: str
    open_element: str
    lower_v: float
    upper_v: float | None
    plateaus: tuple[Plateau, ...]
    stages: tuple[Stage, ...]
    hull_distance_ev_per_atom: float | None
    products: tuple[tuple[str, float], ...]
    n_atoms: float
    reference_ev_per_atom: float
    charge: int
    n_phases: int
    notes: tuple[str, ...]

    def chemical_potential_ev(self, voltage_v: float) -> float:
        """Absolute chemical potential, in the reference of the entries.

        Parameters
        ----------
        voltage_v : float, V
            Against the metal.

        Returns
        -------
        float, eV
            Falls by the ion's charge for each volt.
        """
        return self.reference_ev_per_atom - self.charge * voltage_v

    def decomposition_ev_per_atom(self, voltage_v: ArrayLike) -> NDArray[np.float64]:
        """Energy that the composition gains by its reaction; zero inside the window of a stable one.

        Parameters
        ----------
        voltage_v : (n,) array_like, V
            Against the metal.

        Returns
        -------
        (n,) float array, eV
            Zero or negative, per atom of the composition; an entry above the hull has its distance in it.
        """
        voltage = np.atleast_1d(np.asarray(voltage_v, dtype=np.float64))
        potentials = np.array(
            [stage.formation_energy_ev + self.charge * voltage * stage.uptake_per_formula for stage in self.stages]
        )
        own = next(one.formation_energy_ev for one in self.stages if abs(one.uptake_per_formula) <= _SAME_AMOUNT)
        gain = (potentials.min(axis=0) - own) / self.n_atoms
        return np.asarray(np.minimum(gain, 0.0) - (self.hull_distance_ev_per_atom or 0.0))


@dataclass(frozen=True, slots=True)
class WindowErrors:
    """How far the energies' uncertainty moves a window.

    Attributes
    ----------
    lower_interval_v, upper_interval_v : tuple of (float, float), or None, V
        Where the ends lie with `level`.
    lower_error_v, upper_error_v : float or None, V
        Standard deviations.
    stable_fraction : float
        Of samples in which the composition is on the hull.
    level : float
        Of the intervals.
    n_samples : int
        Draws.
    seed : int
        Of the draws.
    """

    lower_interval_v: tuple[float, float]
    upper_interval_v: tuple[float, float] | None
    lower_error_v: float
    upper_error_v: float | None
    stable_fraction: float
    level: float
    n_samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Kink:
    """A mixture at which the products of two phases change.

    Attributes
    ----------
    fraction : float
        Of the first phase, by atoms of both.
    energy_ev_per_atom : float, eV
        Of the reaction, per atom of the two phases (not counting the open element where it is held at a voltage); negative where it runs.
    reaction : str
        Balanced.
    """

    fraction: float
    energy_ev_per_atom: float
    reaction: str


@dataclass(frozen=True, slots=True)
class _System:
    """Phases of some elements with formation energies."""

    phases: tuple[Phase, ...]
    formation_ev: NDArray[np.float64]
    elements: tuple[str, ...]
    references: Mapping[str, float]

    @property
    def counts(self) -> NDArray[np.float64]:
        """(n_phases, n_elements) numbers of atoms."""
        return np.array([[dict(one.amounts).get(symbol, 0.0) for symbol in self.elements] for one in self.phases])


def electrochemical_window(phases: Sequence[Phase], composition: str, open_element: str = "Li") -> Window:
    """Window, plateaus and stages of a composition.

    Parameters
    ----------
    phases : sequence of Phase
        Of any elements; those of others are left out.
    composition : str
        A formula.
    open_element : str, optional
        The one that is exchanged.

    Returns
    -------
    Window
        The lower end is never above the upper one. A composition above the hull, or without an entry, is treated as its products at its own
        composition, which is what a metastable phase has in its favour.

    Raises
    ------
    InputFileError
        If an element has no entry, energies are impossible, or the composition has nothing else than the open element.
    """
    amounts = _amounts(composition)
    system = _system(phases, {*amounts}, open_element)
    diagram = _diagram(system)
    own = amounts.get(open_element, 0.0)
    host = {symbol: number for symbol, number in amounts.items() if symbol != open_element}
    if not host:
        raise InputFileError(
            f"{composition} has nothing but {open_element}, the open element; it has no window. Name a compound."
        )
    uptakes = _critical_amounts(diagram, host, open_element, own)
    states = [_state(diagram, host | {open_element: number}) for number in uptakes]
    here = next(place for place, number in enumerate(uptakes) if abs(number - own) <= _SAME_AMOUNT)
    charge = _ion_charge(open_element)
    energies = [energy for _, energy in states]
    voltages = [
        -(energies[place + 1] - energies[place]) / (uptakes[place + 1] - uptakes[place]) / charge
        for place in range(len(uptakes) - 1)
    ]
    # Between uptakes[i] and uptakes[i + 1] stands voltages[i], falling with i; 0 V is where metal is plated.
    lower = max(voltages[here], 0.0) if here < len(voltages) else 0.0
    upper = None if here == 0 else max(voltages[here - 1], lower)
    plateaus = []
    for place, voltage in enumerate(voltages):
        beyond, kind = (place + 1, "reduction") if place >= here else (place, "oxidation")
        uptake = uptakes[beyond] - own
        reaction = _reaction([(composition, 1.0)], states[beyond][0], open_element, uptake)
        plateaus.append(Plateau(max(voltage, 0.0), reaction, kind, uptake))
    ends: list[float | None] = [None, *(max(voltage, 0.0) for voltage in voltages), 0.0]
    stages = tuple(
        Stage(float(ends[place + 1] or 0.0), ends[place], uptakes[place] - own, *states[place])
        for place in range(len(uptakes))
    )
    distance, notes = _hull_distance(system, amounts, composition, states[here])
    if upper is not None and upper - lower <= _SAME_VOLTAGE_V:
        notes.append(
            f"The window of {composition} has no width: its phases both take up and give {open_element} at {upper:.3f} V, and one of the two at any "
            "other voltage."
        )
    if upper is None:
        notes.append(f"{composition} has no {open_element} to give; its window has no upper end.")
    return Window(
        composition, open_element, lower, upper, tuple(reversed(plateaus)), tuple(reversed(stages)), distance, states[here][0],
        sum(amounts.values()), system.references[open_element], charge, len(system.phases), tuple(notes),
    )  # fmt: skip


def window_errors(
    phases: Sequence[Phase],
    composition: str,
    open_element: str = "Li",
    *,
    uncertainty_ev_per_atom: float | None = None,
    n_samples: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> WindowErrors:
    """Intervals of a window from the uncertainty of energies.

    Parameters
    ----------
    phases : sequence of Phase
        As for `electrochemical_window`; a phase's own uncertainty comes before the common one.
    composition : str
        A formula.
    open_element : str, optional
        The one that is exchanged.
    uncertainty_ev_per_atom : float or None, eV, optional
        Standard error of the energies of phases that have none of their own; None means zero.
    n_samples : int, optional
        Draws.
    seed : int, optional
        Of the draws.
    level : float, optional
        Of the intervals.

    Returns
    -------
    WindowErrors
        Quantiles of windows whose energies, those of elements included, are drawn from normal distributions, each on its own.

    Notes
    -----
    Errors of a method are shared between like phases in part, so that independent draws are the careful choice.
    """
    amounts = _amounts(composition)
    system = _system(phases, {*amounts}, open_element)
    atoms = system.counts.sum(axis=1)
    errors = np.array(
        [
            uncertainty_ev_per_atom or 0.0 if one.uncertainty_ev_per_atom is None else one.uncertainty_ev_per_atom
            for one in system.phases
        ]
    )
    drawn = np.random.default_rng(seed).standard_normal((n_samples, len(atoms))) * (errors * atoms)
    energies = system.formation_ev + drawn
    target = np.array([amounts.get(symbol, 0.0) for symbol in system.elements])
    index = system.elements.index(open_element)
    lowest, highest, hull = potential_range(system.counts, energies, target, index)
    metal = energies[:, _place(system.phases, open_element)]
    charge = _ion_charge(open_element)
    lower = np.maximum((metal - highest) / charge, 0.0)
    tails = [0.5 * (1.0 - level), 0.5 * (1.0 + level)]
    first, last = np.quantile(lower, tails)
    upper_interval, upper_error = None, None
    if target[index] > 0.0:
        upper = np.maximum((metal - lowest) / charge, lower)
        begin, end = np.quantile(upper, tails)
        upper_interval, upper_error = (float(begin), float(end)), float(upper.std(ddof=1))
    own = _place(system.phases, composition)
    stable = np.zeros(n_samples, dtype=bool)
    if own is not None:
        scale = target.sum() / atoms[own]
        stable = energies[:, own] * scale <= hull + _ON_HULL_EV_PER_ATOM * target.sum()
    return WindowErrors(
        (float(first), float(last)), upper_interval, float(lower.std(ddof=1)), upper_error, float(stable.mean()), level, n_samples, seed,
    )  # fmt: skip


def potential_range(
    counts: ArrayLike, energies_ev: ArrayLike, target: ArrayLike, open_index: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    r"""Chemical potentials of one element at which a composition exchanges none of it, by linear programs.

    Parameters
    ----------
    counts : (n, k) array_like
        Atoms of each element in each phase.
    energies_ev : (m, n) array_like, eV
        Of the phases, in m samples.
    target : (k,) array_like
        The composition.
    open_index : int
        Column of the element that is exchanged.

    Returns
    -------
    lowest, highest : (m,) float array, eV
        Ends of the range; lowest is -inf for a composition without the element.
    hull : (m,) float array, eV
        Energy of the composition on the hull.

    Notes
    -----
    The dual of the hull: :math:`\max\ c \cdot \lambda` with :math:`A\lambda \le E`, whose optimal :math:`\lambda` are all the chemical potentials at
    which the composition is in equilibrium. The samples share one program in blocks.

    Examples
    --------
    >>> low, high, _ = potential_range([[1, 0], [0, 1], [2, 1]], [[0.0, 0.0, -4.3]], [2, 1], 0)
    >>> round(float(low[0]), 6), abs(round(float(high[0]), 6))
    (-2.15, 0.0)
    """
    a, e, c = np.asarray(counts, float), np.atleast_2d(np.asarray(energies_ev, float)), np.asarray(target, float)
    n_samples, (n_phases, n_elements) = len(e), a.shape
    block = np.nonzero(a)
    shift = np.arange(n_samples)
    rows = (block[0][None, :] + n_phases * shift[:, None]).ravel()
    columns = (block[1][None, :] + n_elements * shift[:, None]).ravel()
    values = np.tile(a[block], n_samples)
    shape = (n_phases * n_samples, n_elements * n_samples)

    def solved(direction: NDArray[np.float64], extra: NDArray[np.float64] | None) -> NDArray[np.float64]:
        matrix, bounds = (values, rows, columns, shape), e.ravel()
        if extra is not None:
            used = np.nonzero(c)[0]
            more_rows = np.repeat(shift, len(used)) + shape[0]
            more_columns = (used[None, :] + n_elements * shift[:, None]).ravel()
            matrix = (
                np.concatenate([values, np.tile(-c[used], n_samples)]),
                np.concatenate([rows, more_rows]),
                np.concatenate([columns, more_columns]),
                (shape[0] + n_samples, shape[1]),
            )
            bounds = np.concatenate([bounds, -extra + 1e-9])
        upper: Any = coo_array((matrix[0], (matrix[1], matrix[2])), shape=matrix[3]).tocsr()
        found = linprog(np.tile(direction, n_samples), A_ub=upper, b_ub=bounds, bounds=(None, None), method="highs")
        return np.asarray(found.x, dtype=np.float64).reshape(n_samples, n_elements)

    hull = solved(-c, None) @ c
    unit = np.zeros(n_elements)
    unit[open_index] = 1.0
    highest = solved(-unit, hull)[:, open_index]
    lowest = np.full(n_samples, -np.inf) if c[open_index] == 0.0 else solved(unit, hull)[:, open_index]
    return lowest, highest, hull


def mutual_reaction(
    phases: Sequence[Phase],
    first: str,
    second: str,
    open_element: str = "Li",
    voltage_v: float | None = None,
) -> tuple[Kink, ...]:
    """Reactions of two phases at all mixing ratios, closed or open to one element.

    Parameters
    ----------
    phases : sequence of Phase
        Of any elements; those of others are left out.
    first, second : str
        Formulas.
    open_element : str, optional
        The one that is exchanged where a voltage is given.
    voltage_v : float or None, V, optional
        Against the metal of the open element; None for a closed interface.

    Returns
    -------
    tuple of Kink
        From the second phase alone to the first alone, each with its reaction.

    Raises
    ------
    InputFileError
        If an element has no entry, or the two are one composition.
    """
    from pymatgen.analysis.interface_reactions import GrandPotentialInterfacialReactivity, InterfacialReactivity
    from pymatgen.analysis.phase_diagram import GrandPotentialPhaseDiagram
    from pymatgen.core import Composition, Element

    one, other = Composition(_amounts(first)), Composition(_amounts(second))
    if one.reduced_composition == other.reduced_composition:
        raise InputFileError(f"{first} and {second} are one composition; name two.")
    system = _system(phases, {*_amounts(first), *_amounts(second)}, open_element)
    diagram = _diagram(system)
    if voltage_v is None:
        reactivity: Any = InterfacialReactivity(one, other, diagram, norm=True, use_hull_energy=True)
    else:
        for composition, name in ((one, first), (other, second)):
            if {element.symbol for element in composition} == {open_element}:
                raise InputFileError(
                    f"{name} is the open element itself; leave out the voltage for a closed interface with it."
                )
        potentials = {Element(open_element): -_ion_charge(open_element) * voltage_v}
        grand = GrandPotentialPhaseDiagram(diagram.entries, potentials)
        reactivity = GrandPotentialInterfacialReactivity(
            one, other, grand, diagram, include_no_mixing_energy=True, norm=True, use_hull_energy=True
        )
    kinks = {}
    for _, fraction, energy, reaction, _ in reactivity.get_kinks():
        kinks[round(float(fraction), 9)] = Kink(float(fraction), float(energy), str(reaction))
    return tuple(kinks[place] for place in sorted(kinks))


def tie_lines(phases: Sequence[Phase], elements: Sequence[str]) -> tuple[set[int], list[tuple[int, int]]]:
    """Which phases are stable, and which of them are in equilibrium with each other.

    Parameters
    ----------
    phases : sequence of Phase
        Of these elements alone, one of each composition.
    elements : sequence of str
        Symbols, one that can be open first.

    Returns
    -------
    stable : set of int
        Places in `phases`.
    lines : list of (int, int)
        Pairs of them, the lower place first.
    """
    system = _system(phases, {*elements}, elements[0])
    diagram = _diagram(system)
    places = {phase.formula: place for place, phase in enumerate(phases)}
    names = [str(entry.name) for entry in diagram.qhull_entries]
    stable = {places[str(entry.name)] for entry in diagram.stable_entries}
    lines = set()
    for facet in diagram.facets:
        corners = sorted(places[names[corner]] for corner in facet)
        lines |= {(one, other) for at, one in enumerate(corners) for other in corners[at + 1 :]}
    return stable, sorted(lines)


def _amounts(composition: str) -> dict[str, float]:
    """Elements and numbers as the formula has them."""
    from pymatgen.core import Composition

    try:
        whole = dict(formula_counts(composition))
    except StructureError as error:
        raise InputFileError(str(error)) from error
    try:
        written = Composition(composition)
    except ValueError:
        return {symbol: float(number) for symbol, number in whole.items()}
    return {element.symbol: float(number) for element, number in written.items()}


def _place(phases: Sequence[Phase], composition: str) -> Any:
    """Which phase has the composition; None where there is none."""
    from pymatgen.core import Composition

    wanted = Composition(_amounts(composition)).fractional_composition
    for place, phase in enumerate(phases):
        if Composition(dict(phase.amounts)).fractional_composition.almost_equals(wanted, rtol=1e-6):
            return place
    return None


def _system(phases: Sequence[Phase], elements: set[str], open_element: str) -> _System:
    if open_element not in OPEN_ELEMENTS:
        raise InputFileError(
            f"'{open_element}' cannot be the open element, as the charge of its ion is not known here; known are {', '.join(OPEN_ELEMENTS)}."
        )
    wanted = elements | {open_element}
    ordered = tuple(sorted(wanted, key=lambda symbol: (symbol != open_element, symbol)))
    inside = [one for one in lowest_phases(phases) if one.elements <= wanted]
    references = {one.formula: one.energy_ev_per_atom for one in inside if len(one.elements) == 1}
    known = {symbol for one in phases for symbol in one.elements}
    for symbol in ordered:
        if symbol not in known:
            raise InputFileError(f"No entry has {symbol}; add entries of its compounds and of {symbol} itself.")
        if symbol not in references:
            what = "the voltage has no zero without it" if symbol == open_element else "its compounds need it"
            raise InputFileError(f"There is no entry of {symbol} alone; add the energy of the element: {what}.")
    formation = np.array(
        [
            one.energy_ev_per_atom * one.n_atoms - sum(references[symbol] * number for symbol, number in one.amounts)
            for one in inside
        ]
    )
    for phase, energy in zip(inside, formation, strict=True):
        if abs(energy) > _DEEPEST_EV_PER_ATOM * phase.n_atoms:
            raise InputFileError(
                f"{phase.name or phase.formula}: {phase.formula} has the formation energy {energy / phase.n_atoms:.1f} eV/atom, which no compound has "
                f"(bound {_DEEPEST_EV_PER_ATOM:g}). Is it per atom or per formula unit, and do its elements have the same reference?"
            )
    return _System(tuple(inside), formation, ordered, references)


def _ion_charge(open_element: str) -> int:
    return int(CATION_CHARGES[open_element])


def _diagram(system: _System) -> PhaseDiagram:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition, Element

    entries = [
        PDEntry(Composition(dict(phase.amounts)), float(energy), name=phase.formula)
        for phase, energy in zip(system.phases, system.formation_ev, strict=True)
    ]
    return PhaseDiagram(entries, elements=[Element(symbol) for symbol in system.elements])


def _critical_amounts(diagram: PhaseDiagram, host: Mapping[str, float], open_element: str, own: float) -> list[float]:
    """Amounts of the open element, with one host, between which phases stay the same; the composition's own is one of them."""
    from pymatgen.core import Composition

    fixed = Composition(dict(host))
    amounts = [own]
    for critical in diagram.get_critical_compositions(Composition(open_element), fixed):
        rest = float(critical.num_atoms) - float(critical[open_element])
        if rest <= _SAME_AMOUNT * critical.num_atoms:
            continue
        amount = float(critical[open_element]) * float(fixed.num_atoms) / rest
        if all(abs(amount - known) > _SAME_AMOUNT * max(1.0, amount) for known in amounts):
            amounts.append(amount)
    return sorted(amounts)


def _state(diagram: PhaseDiagram, amounts: Mapping[str, float]) -> tuple[tuple[tuple[str, float], ...], float]:
    """Phases of a composition, units of each, and the energy of all."""
    from pymatgen.core import Composition

    composition = Composition(dict(amounts))
    products, energy = [], 0.0
    for entry, share in diagram.get_decomposition(composition).items():
        units = float(share) * float(composition.num_atoms) / float(entry.composition.num_atoms)
        energy += units * float(entry.energy)
        if units > _SAME_AMOUNT:
            products.append((str(entry.name), units))
    return tuple(sorted(products)), energy


def _hull_distance(
    system: _System,
    amounts: Mapping[str, float],
    composition: str,
    state: tuple[tuple[tuple[str, float], ...], float],
) -> tuple[float | None, list[str]]:
    n_atoms = sum(amounts.values())
    mixture = _joined(state[0])
    own = _place(system.phases, composition)
    if own is None:
        return None, [
            f"The entries have no {composition}; the window is that of {mixture}, which is stable at its composition."
        ]
    energy = float(system.formation_ev[own]) * n_atoms / system.phases[own].n_atoms
    distance = max((energy - state[1]) / n_atoms, 0.0)
    if distance <= _ON_HULL_EV_PER_ATOM:
        return 0.0, []
    return distance, [
        f"{composition} is metastable, {distance:.4f} eV/atom above the hull ({mixture} is lower); the window is that of this mixture, which the "
        "metastable phase keeps only as long as nothing lets it decompose."
    ]


def _reaction(
    reactants: Sequence[tuple[str, float]], products: Sequence[tuple[str, float]], open_element: str, uptake: float
) -> str:
    """With the open element on the side where it is consumed or set free."""
    left, right = list(reactants), list(products)
    free = next((units for name, units in right if name == open_element), 0.0)
    right = [(name, units) for name, units in right if name != open_element]
    taken = uptake - free
    if taken > _SAME_AMOUNT:
        left.append((open_element, taken))
    elif taken < -_SAME_AMOUNT:
        right.append((open_element, -taken))
    return f"{_joined(left)} -> {_joined(right)}"


def _joined(parts: Sequence[tuple[str, float]]) -> str:
    return " + ".join(name if abs(units - 1.0) < 1e-6 else f"{_written(units)} {name}" for name, units in parts)


def _written(units: float) -> str:
    """A whole number or a fraction where it is one, else four digits."""
    near = Fraction(units).limit_denominator(60)
    return str(near) if abs(float(near) - units) < 1e-6 else f"{units:.4g}"
