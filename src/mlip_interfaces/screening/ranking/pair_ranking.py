"""All pairs of some solids with everything that is known of them before any simulation, ranked by stated criteria."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.records import Record
from mlip_interfaces.screening.maps.potential_map import Barrier, PotentialMap, barrier_to, potential_map
from mlip_interfaces.screening.ranking.lattice_match import LatticeMatch, Limits, best_match
from mlip_interfaces.screening.ranking.priority import CRITERIA, ORDER, Criterion, Standing, place, reasons, standing
from mlip_interfaces.screening.solids.dictionary import Dictionary, load_dictionary
from mlip_interfaces.screening.solids.materials import Anode, Cathode, Electrolyte
from mlip_interfaces.screening.solids.solids import ROLES, Role, Solid, default_names, same_composition, solids
from mlip_interfaces.screening.transport.conductivities import Conductivity, load_conductivities
from mlip_interfaces.screening.windows.compounds import Phase
from mlip_interfaces.screening.windows.entries import load_entries
from mlip_interfaces.screening.windows.windows import electrochemical_window, mutual_reaction, window_errors
from mlip_interfaces.structures.glass import atom_counts

Kind = Literal["cathode", "anode", "coated"]

THICKNESS_ANGSTROM = {"cathode": 6.0, "electrolyte": 8.0, "anode": 10.0}
"""Of the slabs of the smallest model, by role."""
COATING_ANGSTROM = 5.0
"""Of the coating in that model, where there is one."""
AMORPHOUS_COATING = "LiF"
"""The one glass that can be made with what is shipped."""
COATING_DENSITY_G_PER_CM3 = 2.45
"""Of it, as in the studies that are shipped."""
OVERCHARGED = "+"


_WIDE = Limits()


def _silent(_: str) -> None:
    """Nobody asks."""


@dataclass(frozen=True, slots=True)
class StepAt(Record):
    """The step of the potential at an electrode, in one state of charge.

    Attributes
    ----------
    soc : str
        Of the cathode; empty at an anode, whose step does not depend on it.
    between : str
        The interface; of a coated electrode the one with the larger step.
    delta_phi_v : float, V
        Cathode side less anode side.
    barrier_to : {"discharge", "charge", "none"}
        What it hinders.
    """

    soc: str
    between: str
    delta_phi_v: float
    barrier_to: Barrier


@dataclass(frozen=True, slots=True)
class SolidWindow(Record):
    """Voltages at which a solid exchanges no lithium.

    Attributes
    ----------
    solid : str
        Its name.
    lower_v, upper_v : float or None, V
        Against lithium metal; no upper end where there is no lithium to give.
    lower_error_v, upper_error_v : float or None, V
        Standard errors, where the energies have uncertainties.
    source : str
        ``entries``, or ``dictionary``.
    """

    solid: str
    lower_v: float
    upper_v: float | None
    lower_error_v: float | None
    upper_error_v: float | None
    source: str


@dataclass(frozen=True, slots=True)
class LowestReaction(Record):
    """The reaction of two solids that gains most.

    Attributes
    ----------
    between : str
        The two.
    condition : str
        ``closed``, or the voltage at which lithium is exchanged.
    energy_ev_per_atom : float, eV
        Per atom of the two solids; negative where it runs.
    fraction_of_first : float
        Of the first one, by atoms.
    reaction : str
        Balanced.
    """

    between: str
    condition: str
    energy_ev_per_atom: float
    fraction_of_first: float
    reaction: str


@dataclass(frozen=True, slots=True)
class RankedPair(Record):
    """Two solids that meet, or three with a coating, and what is known of them.

    Attributes
    ----------
    rank : int
        From 1.
    name : str
        As in ``LCO/LPS``, ``LPS/Li`` and ``LCO/LiF/LPS``.
    kind : {"cathode", "anode", "coated"}
        Which electrode, and whether it has a coating.
    solids, formulas, crystals : tuple of str
        From bottom to top in a model; a crystal that is not there is empty.
    steps : tuple of StepAt
        By state of charge; empty where levels are unknown.
    windows : tuple of SolidWindow
        Of electrolyte and coating.
    reaction : LowestReaction or None
        From entries.
    match : LatticeMatch or None
        Of the two crystals.
    conductivity : Conductivity or None
        Of the electrolyte.
    values : mapping of str to float or None
        What the criteria are about, by their keys.
    passed, failed, unknown : tuple of str
        Criteria by name.
    cannot : str
        Why no study can be written; empty where one can.
    why : str
        Why it stands where it stands.
    notes : tuple of str
        Doubts.
    """

    rank: int
    name: str
    kind: Kind
    solids: tuple[str, ...]
    formulas: tuple[str, ...]
    crystals: tuple[str, ...]
    steps: tuple[StepAt, ...]
    windows: tuple[SolidWindow, ...]
    reaction: LowestReaction | None
    match: LatticeMatch | None
    conductivity: Conductivity | None
    values: Mapping[str, float | None]
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    unknown: tuple[str, ...]
    cannot: str
    why: str
    notes: tuple[str, ...]

    @property
    def standing(self) -> Standing:
        """What its numbers are worth."""
        return Standing(self.passed, self.failed, self.unknown)


@dataclass(frozen=True, slots=True)
class Ranking(Record):
    """Pairs in the order in which to simulate them.

    Attributes
    ----------
    order : str
        The rule in words.
    criteria : tuple of Criterion
        In use.
    pairs : tuple of RankedPair
        Best first.
    notes : tuple of str
        What is missing, and what was assumed.
    """

    order: str
    criteria: tuple[Criterion, ...]
    pairs: tuple[RankedPair, ...]
    notes: tuple[str, ...]

    def pair(self, name: str) -> RankedPair:
        """The pair of this name.

        Parameters
        ----------
        name : str
            As in ``LCO/LPS``; ``first`` for the best one that can be simulated.

        Returns
        -------
        RankedPair
            That can be simulated.

        Raises
        ------
        InputFileError
            If there is none, or no study of it can be written.
        """
        if name == "first":
            able = next((one for one in self.pairs if not one.cannot), None)
            if able is None:
                raise InputFileError("None of these pairs can be simulated; the table says why for each.")
            return able
        wanted = name.replace(" ", "").replace("|", "/")
        found = next((one for one in self.pairs if one.name.replace(" ", "") == wanted), None)
        if found is None:
            named = ", ".join(one.name for one in self.pairs[:6])
            raise InputFileError(
                f"There is no pair '{name}' among the {len(self.pairs)} here; they are called as in {named}."
            )
        if found.cannot:
            raise InputFileError(f"No study of {found.name} can be written. {found.cannot}")
        return found


@dataclass(frozen=True, slots=True)
class Known:
    """What pairs are judged by.

    Attributes
    ----------
    dictionary : Dictionary
        Levels and windows.
    conductivities : mapping of str to Conductivity
        By name or formula.
    phases : sequence of Phase, or None
        Energies, for windows and reactions.
    uncertainty_ev_per_atom : float or None, eV
        Of energies that have none of their own.
    limits : Limits
        Of lattice matches.
    """

    dictionary: Dictionary
    conductivities: Mapping[str, Conductivity]
    phases: Sequence[Phase] | None = None
    uncertainty_ev_per_atom: float | None = None
    limits: Limits = _WIDE


def rank_pairs(
    given: Sequence[Solid],
    known: Known,
    criteria: Sequence[Criterion] = CRITERIA,
    report: Callable[[str], None] = _silent,
) -> Ranking:
    """Every cathode and anode with every electrolyte, and every cathode with every coating and electrolyte.

    Parameters
    ----------
    given : sequence of Solid
        In their roles.
    known : Known
        What they are judged by.
    criteria : sequence of Criterion, optional
        In use.
    report : callable, optional
        Called with the name of each pair that is worked on.

    Returns
    -------
    Ranking
        Best first; the order follows from the criteria alone.

    Raises
    ------
    InputFileError
        If there is no pair.
    """
    of = {role: [one for one in given if one.role == role] for role in ROLES}
    stacks: list[tuple[Kind, tuple[Solid, ...]]] = [
        *(("cathode", (cathode, electrolyte)) for cathode in of["cathode"] for electrolyte in of["electrolyte"]),
        *(("anode", (electrolyte, anode)) for anode in of["anode"] for electrolyte in of["electrolyte"]),
        *(
            ("coated", (cathode, coating, electrolyte))
            for cathode in of["cathode"]
            for coating in of["coating"]
            for electrolyte in of["electrolyte"]
            if not same_composition(coating.formula, electrolyte.formula)
        ),
    ]
    if not stacks:
        raise InputFileError("There is no pair: name at least one electrolyte, and a cathode or an anode.")
    judge = _Judge(known, tuple(criteria), of["anode"])
    pairs = []
    for kind, stack in stacks:
        report("/".join(one.name for one in stack))
        pairs.append(judge.pair(kind, stack))
    pairs.sort(key=lambda one: (place(one.standing, one.values, not one.cannot), one.name))
    lacking = dict.fromkeys(one.lacks_crystal for one in given if one.lacks_crystal)
    return Ranking(
        ORDER,
        tuple(criteria),
        tuple(dataclasses.replace(one, rank=number) for number, one in enumerate(pairs, start=1)),
        (*lacking, *judge.notes),
    )


def rank_materials(
    names: Mapping[Role, Sequence[str]] | None = None,
    *,
    materials: Sequence[Path] = (),
    crystals: Mapping[str, str] | None = None,
    entries: Path | None = None,
    uncertainty_ev_per_atom: float | None = None,
    conductivities: Path | None = None,
    limits: Limits = _WIDE,
    criteria: Sequence[Criterion] = CRITERIA,
    report: Callable[[str], None] = _silent,
) -> Ranking:
    """Rank solids by name, with what the shipped files and the user's own know of them.

    Parameters
    ----------
    names : mapping of str to sequence of str, optional
        By role (cathode, anode, electrolyte, coating): names of the dictionary and of the crystal library, or structure files. A role that is
        left out has those of `solids.default_names`, an empty one has none.
    materials : sequence of Path, optional
        Material files and folders, as of `load_dictionary`.
    crystals : mapping of str to str, optional
        By name, the crystal or structure file of a solid of the dictionary.
    entries : Path or None, optional
        Energies for windows and reactions, as of `load_entries`.
    uncertainty_ev_per_atom : float or None, eV, optional
        Standard error of energies that have none of their own.
    conductivities : Path or None, optional
        Measured values that join the shipped ones.
    limits : Limits, optional
        Of lattice matches.
    criteria : sequence of Criterion, optional
        As of `priority.criteria`.
    report : callable, optional
        Called with the name of each pair that is worked on.

    Returns
    -------
    Ranking
        Best first.

    Raises
    ------
    UserError
        If a name means nothing, a file is wrong, or there is no pair.

    Examples
    --------
    >>> ranking = rank_materials({"cathode": ["LNO"], "anode": [], "electrolyte": ["LPS"], "coating": []})
    >>> [(one.name, round(one.values["largest_barrier_v"], 2)) for one in ranking.pairs]
    [('LNO/LPS', 0.39)]
    """
    dictionary = load_dictionary(materials)
    given = names or {}
    found = [
        one
        for role in ROLES
        for one in solids(given.get(role, default_names(dictionary, role)), role, dictionary, crystals)
    ]
    unused = set(crystals or {}) - {one.name for one in found if one.levels is not None}
    if unused:
        raise InputFileError(
            f"--crystal {min(unused)}: no solid of the dictionary that is ranked is called so; known are "
            f"{', '.join(dict.fromkeys(one.name for one in found if one.levels is not None))}."
        )
    read = None if entries is None else load_entries(entries)
    known = Known(
        dictionary,
        load_conductivities(conductivities),
        None if read is None else read.phases,
        uncertainty_ev_per_atom,
        limits,
    )
    ranking = rank_pairs(found, known, criteria, report)
    return ranking if read is None else dataclasses.replace(ranking, notes=(*ranking.notes, *read.notes))


class _Judge:
    """Looks up and computes once what several pairs share."""

    def __init__(self, known: Known, criteria: tuple[Criterion, ...], anodes: Sequence[Solid]) -> None:
        self._known, self._criteria = known, criteria
        levels = [one.levels for one in anodes if isinstance(one.levels, Anode)]
        self._anode = levels[0] if levels else next(iter(known.dictionary.anodes.values()))
        self._matches: dict[tuple[str, str], LatticeMatch | str] = {}
        self._windows: dict[str, SolidWindow | None] = {}
        self._reactions: dict[tuple[str, str, float | None], tuple[float, float, str] | None] = {}
        self.notes: list[str] = []

    def pair(self, kind: Kind, stack: tuple[Solid, ...]) -> RankedPair:
        steps, notes = self._steps(kind, stack)
        electrolyte = stack[0] if kind == "anode" else stack[-1]
        windows = [self._window(one) for one in stack if one.role in ("electrolyte", "coating")]
        reaction = self._reaction(kind, stack)
        cannot, match = self._match(kind, stack)
        conductivity = self._conductivity(electrolyte)
        values = {
            "largest_barrier_v": max((abs(one.delta_phi_v) for one in steps if one.soc != OVERCHARGED), default=None),
            "beyond_window_v": self._beyond(kind, stack),
            "reaction_energy_ev_per_atom": None if reaction is None else reaction.energy_ev_per_atom,
            "max_strain": None if match is None else match.max_strain,
            "n_atoms": None if match is None else _atoms(match, kind),
            "conductivity_ms_per_cm": None if conductivity is None else conductivity.conductivity_ms_per_cm,
        }
        if match is not None and match.is_polar:
            notes.append(
                "All planes that fit have a slab with a dipole along the normal, whose field a periodic model keeps."
            )
        found = standing(values, self._criteria)
        return RankedPair(
            rank=0, name="/".join(one.name for one in stack), kind=kind, solids=tuple(one.name for one in stack),
            formulas=tuple(one.formula for one in stack), crystals=tuple(one.crystal for one in stack), steps=tuple(steps),
            windows=tuple(one for one in windows if one is not None), reaction=reaction, match=match, conductivity=conductivity,
            values=values, passed=found.passed, failed=found.failed, unknown=found.unknown, cannot=cannot,
            why=reasons(found, self._criteria, values), notes=tuple(notes),
        )  # fmt: skip

    def _steps(self, kind: Kind, stack: tuple[Solid, ...]) -> tuple[list[StepAt], list[str]]:
        layers = [one.levels for one in reversed(stack) if one.role in ("electrolyte", "coating")]
        if not all(isinstance(one, Electrolyte) for one in layers):
            return [], []
        known = [one for one in layers if isinstance(one, Electrolyte)]
        if kind == "anode":
            anode = stack[-1].levels
            if not isinstance(anode, Anode):
                return [], []
            cathode, soc = _highest(self._known.dictionary)
            return [_step(potential_map(anode, known, cathode, soc), "", slice(0, 1))], []
        cathode_levels = stack[0].levels
        if not isinstance(cathode_levels, Cathode):
            return [], []
        at_cathode = slice(1, None)
        steps = [
            _step(potential_map(self._anode, known, cathode_levels, soc), soc, at_cathode)
            for soc in cathode_levels.states
        ]
        missing = [
            f"{cathode_levels.name} at {soc} is named by its source without numbers."
            for soc in cathode_levels.not_given
        ]
        return steps, missing

    def _window(self, solid: Solid) -> SolidWindow | None:
        if solid.name not in self._windows:
            self._windows[solid.name] = self._new_window(solid)
        return self._windows[solid.name]

    def _new_window(self, solid: Solid) -> SolidWindow | None:
        phases = self._known.phases
        if phases is not None:
            try:
                window = electrochemical_window(phases, solid.formula)
            except InputFileError as error:
                self._note(f"No window of {solid.name} from the entries: {error}")
            else:
                for note in window.notes:
                    self._note(note)
                lower_error, upper_error = self._window_errors(solid.formula)
                return SolidWindow(solid.name, window.lower_v, window.upper_v, lower_error, upper_error, "entries")
        if isinstance(solid.levels, Electrolyte):
            return SolidWindow(
                solid.name, solid.levels.reduction_limit_v, solid.levels.oxidation_limit_v, None, None, "dictionary"
            )
        return None

    def _window_errors(self, formula: str) -> tuple[float | None, float | None]:
        phases, common = self._known.phases or (), self._known.uncertainty_ev_per_atom
        if not common and not any(one.uncertainty_ev_per_atom for one in phases):
            return None, None
        errors = window_errors(phases, formula, uncertainty_ev_per_atom=common)
        return errors.lower_error_v, errors.upper_error_v

    def _beyond(self, kind: Kind, stack: tuple[Solid, ...]) -> float | None:
        """How far the electrode's voltage, or the step between two windows, lies outside."""
        if kind == "anode":
            window, anode = self._window(stack[0]), stack[-1].levels
            if window is None or not isinstance(anode, Anode):
                return None
            return max(0.0, window.lower_v - anode.voltage_v)
        voltage, touching = _charged_voltage(stack[0]), self._window(stack[1])
        if voltage is None or touching is None:
            return None
        gaps = [0.0 if touching.upper_v is None else voltage - touching.upper_v]
        if kind == "coated":
            behind = self._window(stack[-1])
            if behind is None:
                return None
            gaps.append(0.0 if behind.upper_v is None else touching.lower_v - behind.upper_v)
        return max(0.0, *gaps)

    def _reaction(self, kind: Kind, stack: tuple[Solid, ...]) -> LowestReaction | None:
        if self._known.phases is None:
            return None
        found = []
        for below, above in zip(stack, stack[1:], strict=False):
            voltage = _charged_voltage(below) if below.role == "cathode" else None
            if above.role == "anode" and isinstance(above.levels, Anode) and above.levels.voltage_v > 0.0:
                voltage = above.levels.voltage_v
            between = f"{below.name} | {above.name}"
            for at in [None] if voltage is None else [None, voltage]:
                lowest = self._lowest(below.formula, above.formula, at)
                if lowest is None:
                    return None
                condition = "closed" if at is None else f"Li at {at:g} V"
                found.append(LowestReaction(between, condition, *lowest))
        return min(found, key=lambda one: one.energy_ev_per_atom)

    def _lowest(self, first: str, second: str, voltage_v: float | None) -> tuple[float, float, str] | None:
        key = (first, second, voltage_v)
        if key not in self._reactions:
            try:
                kinks = mutual_reaction(self._known.phases or (), first, second, "Li", voltage_v)
                best = min(kinks, key=lambda one: one.energy_ev_per_atom)
                self._reactions[key] = (best.energy_ev_per_atom, best.fraction, best.reaction)
            except InputFileError as error:
                self._note(f"No reaction of {first} with {second} from the entries: {error}")
                self._reactions[key] = None
        return self._reactions[key]

    def _match(self, kind: Kind, stack: tuple[Solid, ...]) -> tuple[str, LatticeMatch | None]:
        """Why no study can be written, and the lattice match."""
        if kind == "coated" and not same_composition(stack[1].formula, AMORPHOUS_COATING):
            return (
                f"An amorphous layer of {stack[1].name} needs a potential for its melt-quench; that of {AMORPHOUS_COATING} alone is shipped. "
                "Write the pair without the coating, and add the layer with `potential`.",
                None,
            )
        ends = (stack[0], stack[-1])
        lacking = [one.lacks_crystal for one in ends if one.lacks_crystal]
        if lacking:
            return lacking[0], None
        key = (ends[0].crystal, ends[1].crystal)
        if key not in self._matches:
            thicknesses = (THICKNESS_ANGSTROM[ends[0].role], THICKNESS_ANGSTROM[ends[1].role])
            try:
                self._matches[key] = best_match(*key, thicknesses, self._known.limits)
            except StructureError as error:
                self._matches[key] = str(error)
        found = self._matches[key]
        return (found, None) if isinstance(found, str) else ("", found)

    def _conductivity(self, solid: Solid) -> Conductivity | None:
        table = self._known.conductivities
        for name in (solid.name, solid.crystal, solid.formula):
            if name in table:
                return table[name]
        return None

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _step(battery: PotentialMap, soc: str, where: slice) -> StepAt:
    largest = max(battery.steps[where], key=lambda one: abs(one.delta_phi_v))
    step = round(largest.delta_phi_v, 4)
    return StepAt(soc, " | ".join(largest.between), step, barrier_to(step))


def _charged_voltage(solid: Solid) -> float | None:
    """The highest voltage of a cathode, overcharged states left out."""
    if not isinstance(solid.levels, Cathode):
        return None
    voltages = [state.open_circuit_voltage_v for soc, state in solid.levels.states.items() if soc != OVERCHARGED]
    return max(voltages, default=None)


def _highest(dictionary: Dictionary) -> tuple[Cathode, str]:
    """The cathode and state with the highest voltage: the step at an anode does not depend on it."""
    states = [(cathode, soc) for cathode in dictionary.cathodes.values() for soc in cathode.states]
    return max(states, key=lambda one: one[0].states[one[1]].open_circuit_voltage_v)


def _atoms(match: LatticeMatch, kind: Kind) -> int:
    if kind != "coated":
        return match.n_atoms
    # Of the lateral cell its area alone counts.
    lateral = np.diag([match.area_angstrom2 * match.lateral_repeat[0], float(match.lateral_repeat[1])])
    coating = atom_counts(
        lateral,
        thickness_angstrom=COATING_ANGSTROM,
        density_g_per_cm3=COATING_DENSITY_G_PER_CM3,
        material=AMORPHOUS_COATING,
    )
    return match.n_atoms + sum(coating.values())
