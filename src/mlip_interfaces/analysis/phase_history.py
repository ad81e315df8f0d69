"""Phases against time and depth: positions averaged over windows, named, and counted in slices, frame by frame."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import cell_height, depth_shares
from mlip_interfaces.analysis.phase_layers import MAX_SLICES, InterphaseSpan, blurred_shares, interphase_spans
from mlip_interfaces.analysis.phase_rules import UNKNOWN
from mlip_interfaces.analysis.phases import FramePhases, contingency
from mlip_interfaces.analysis.position_mean import PositionMean
from mlip_interfaces.errors import AnalysisError

SLICE_ANGSTROM = 0.5
MOST_MAPS = 400
"""Of a run where nothing else is asked for; beyond, every other one is dropped, and of the rest of the run every other one is made."""

SLABS_OF_AXES = 12
"""Of a cell, in which it is looked for what the depth along each of its vectors tells of the phases."""

MORE_TOLD = 0.25
"""Share of the phases' entropy that the depth along another vector tells more of, where a stack is stacked along that one."""

REACTED_ANGSTROM = 1.0
"""Products, integrated over the depth, of an interphase: less is a bare contact of two reactants."""

IN_SOME = 0.1
"""Share of the maps in which there are so many interphases."""

PRESENT = 0.01
"""Least share of the atoms at the start that makes a phase a reactant where none are named."""


class Classifier(Protocol):
    """What names the atoms of a frame."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all phases."""

    def classify(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> FramePhases:
        """Name every atom.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        FramePhases
            Codes, names, confidence.
        """


@dataclass(frozen=True, slots=True)
class PhaseMap:
    """Phases of one window of time.

    Attributes
    ----------
    time_ps : float, ps
        Middle of the window.
    counts : (n_phases, n_elements) int array
        Atoms of each phase and element.
    slices : (n_slices, n_phases) int32 array
        Atoms of each phase in slices of the cell.
    units : Counter of str
        Bonded groups of several elements, by name.
    zintl_x : float
        Lithium per P of the phosphides, by their P-P bonds.
    height_angstrom, area_angstrom2 : float
        Of the cell, along the depth and across.
    """

    time_ps: float
    counts: NDArray[np.int64]
    slices: NDArray[np.int32]
    units: Counter[str]
    zintl_x: float
    height_angstrom: float
    area_angstrom2: float


def window_and_stride(interval_ps: float, average_ps: float, every_ps: float | None) -> tuple[int, int]:
    """Which frames are averaged, and how many such windows come to a map.

    Parameters
    ----------
    interval_ps : float, ps
        Between two frames.
    average_ps : float, ps
        Window of the average.
    every_ps : float or None, ps
        Time between windows; None for one after the other.

    Returns
    -------
    n_window : int
        Frames in a window, one at least.
    stride : int
        Of so many windows, the first is named.

    Examples
    --------
    >>> window_and_stride(0.1, 0.2, 2.0)
    (2, 10)
    """
    n_window = max(1, round(average_ps / interval_ps))
    return n_window, 1 if every_ps is None else max(1, round(every_ps / (interval_ps * n_window)))


class PhaseRecorder:
    """Averages positions over windows of time, names the atoms of each, and counts them.

    Parameters
    ----------
    classifier : Classifier
        Names the atoms.
    symbols : (n_atoms,) str array
        Element of each atom.
    average_ps : float, ps, optional
        Window of the average.
    every_ps : float, ps, optional
        Time between windows; where it is left out, each window counts, up to 400 of them, and fewer of a longer run.
    axis : {0, 1, 2}, optional
        Cell vector that the depth runs along: along the normal of the other two.

    Notes
    -----
    Positions are averaged in fractional coordinates of each frame's cell, each in the image nearest to that of the first frame of the
    window. The last map is the mean of the last window of frames, counted backwards from the end of the run, where it is no whole one of the row.
    """

    def __init__(
        self,
        classifier: Classifier,
        symbols: NDArray[np.str_],
        *,
        average_ps: float = 1.0,
        every_ps: float | None = None,
        axis: int = 2,
    ) -> None:
        self._classifier, self._axis = classifier, axis
        self.elements, self._element = np.unique(symbols, return_inverse=True)
        self._average_ps, self._every_ps = average_ps, every_ps
        self._n_window: int | None = None
        self._stride = 1
        self._n_frames = 0
        self._n_slices = 0
        self._window: PositionMean | None = None
        # The frames of one window up to now: the last map is their mean.
        self._latest: deque[tuple[NDArray[np.float64], NDArray[np.float64], float]] = deque(maxlen=1)
        self.maps: list[PhaseMap] = []
        self.last: FramePhases | None = None
        self._last_positions: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._last_frame = -1

    @property
    def names(self) -> tuple[str, ...]:
        """Of all phases."""
        return self._classifier.names

    def add(
        self,
        positions: NDArray[np.float64],
        cells: NDArray[np.float64],
        origins: NDArray[np.float64],
        times_ps: NDArray[np.float64],
    ) -> None:
        """Add frames, unless they were added before.

        Parameters
        ----------
        positions : (n_frames, n_atoms, 3) float array, angstrom
            In any image.
        cells : (n_frames, 3, 3) float array, angstrom
            Rows are lattice vectors.
        origins : (n_frames, 3) float array, angstrom
            Corners of the cells.
        times_ps : (n_frames,) float array, ps
            Of the frames, ascending: one that is not after the last of those that were added was added before.
        """
        for place, cell, origin, time in zip(positions, cells, origins, times_ps.tolist(), strict=True):
            if not self._latest or time > self._latest[-1][2]:
                self._add(place, cell, origin, time)
                self._n_frames += 1

    def finish(self) -> None:
        """Name the mean of the last frames, where these are no window of the row."""
        if self._last_frame == self._n_frames - 1 or not self._latest:
            return
        window = PositionMean(*self._latest[0])
        for positions, cell, time in list(self._latest)[1:]:
            window.add(positions, cell, time)
        self._record_mean(window)

    def _add(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], origin: NDArray[np.float64], time: float
    ) -> None:
        places = positions - origin
        if self._n_window is None and self._latest:
            interval = time - self._latest[0][2]
            self._n_window, self._stride = window_and_stride(interval, self._average_ps, self._every_ps)
            self._latest = deque(self._latest, maxlen=self._n_window)
            if self._n_window == 1:
                self._window = None
                self._record(*self._latest[0], 0)
        self._latest.append((places, cell.copy(), time))
        window, place = divmod(self._n_frames, self._n_window or 2)
        if window % self._stride:
            return
        if self._n_window == 1:
            self._record(places, cell, time)
            return
        if place == 0 or self._window is None:
            self._window = PositionMean(places, cell, time)
        else:
            self._window.add(places, cell, time)
        if place + 1 == self._n_window:
            self._record_mean(self._window)

    def better_axis(self) -> int | None:
        """Find the cell vector along which the phases of the last map lie in layers where they do not along the one asked for.

        Returns
        -------
        int or None
            Its number; None where that one is as good.
        """
        if self.last is None or self._last_positions is None:
            return None
        depths = [depth_shares(*self._last_positions, np.zeros(3), axis=axis) for axis in range(3)]
        told = [_told_by_depth(places, self.last.codes) for places in depths]
        best = int(np.argmax(told))
        return best if told[best] > told[self._axis] + MORE_TOLD else None

    def _record_mean(self, window: PositionMean) -> None:
        scaled, cell, time = window.mean()
        self._window = None
        self._record(scaled @ cell, cell, time)

    def _record(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float, frame: int | None = None
    ) -> None:
        found = self._classifier.classify(positions, cell)
        height = float(cell_height(cell, axis=self._axis))
        if self._n_slices == 0:
            self._n_slices = max(4, min(MAX_SLICES, round(height / SLICE_ANGSTROM)))
        n_names = len(found.names)
        place = _slices(depth_shares(positions, cell, np.zeros(3), axis=self._axis), self._n_slices)
        slices = contingency(place, found.codes, self._n_slices, n_names).astype(np.int32)
        counts = contingency(found.codes, self._element, n_names, len(self.elements))
        area = abs(float(np.linalg.det(cell))) / height
        self.maps.append(PhaseMap(time_ps, counts, slices, found.units, found.zintl_x, height, area))
        self.last = found
        self._last_positions = positions, cell
        self._last_frame = self._n_frames if frame is None else frame
        if self._every_ps is None and len(self.maps) == MOST_MAPS:
            del self.maps[1::2]
            self._stride *= 2


def _told_by_depth(places: NDArray[np.float64], codes: NDArray[np.int16]) -> float:
    """Share of the entropy of the phases that is gone where the depth is known: one for layers of one phase each."""
    table = contingency(_slices(places, SLABS_OF_AXES), codes, SLABS_OF_AXES, int(codes.max()) + 1)

    def entropy(numbers: NDArray[np.int64]) -> float:
        shares = numbers[numbers > 0] / max(1, numbers.sum())
        return -float((shares * np.log(shares)).sum())

    whole = entropy(table.sum(axis=0))
    within = sum(float(row.sum()) * entropy(row) for row in table) / max(1, codes.size)
    return (whole - within) / whole if whole > 0.0 else 0.0


def _slices(shares: NDArray[np.float64], n_slices: int) -> NDArray[np.int64]:
    """Slice of each atom by its depth."""
    return (shares * n_slices).astype(np.int64)


@dataclass(frozen=True, slots=True)
class InterphaseHistory:
    """Thickness of an interphase, and what it consumed, against time.

    Attributes
    ----------
    times_ps : (n_maps,) float array, ps
        Of the maps.
    thickness_angstrom : (n_maps,) float array, angstrom
        By phase: share of the atoms that are of no reactant, integrated over the depth, per interphase.
    thickness_10_90_angstrom : (n_maps,) float array, angstrom
        Of the stretch in which no reactant has 90 % of what it has in its bulk, mean over the interphases.
    n_interphases : int
        Contacts that react, the same number in all maps; all contacts where none does.
    reactants : tuple of str
        What it grows from.
    consumed_per_nm2 : dict of str to (n_maps,) float array, 1/nm^2
        Atoms that each reactant has lost since the first map, per area and interphase.
    n_contacts : int
        Places where two reactants lie next to each other at the start, products between them or none.
    reactant_phases : dict of str to tuple of str
        Phases of each reactant.
    note : str
        What was taken for a reactant though nobody named it, and that no two lie next to each other; else empty.
    """

    times_ps: NDArray[np.float64]
    thickness_angstrom: NDArray[np.float64]
    thickness_10_90_angstrom: NDArray[np.float64]
    n_interphases: int
    reactants: tuple[str, ...]
    consumed_per_nm2: dict[str, NDArray[np.float64]]
    n_contacts: int
    reactant_phases: dict[str, tuple[str, ...]]
    note: str = ""

    def per(self, n_interphases: int) -> InterphaseHistory:
        """The same for another number of interphases, as where contacts react in one run that do not in this one.

        Parameters
        ----------
        n_interphases : int
            That thickness and consumption are means over.

        Returns
        -------
        InterphaseHistory
            With that number.
        """
        ratio = self.n_interphases / n_interphases
        return replace(
            self,
            n_interphases=n_interphases,
            thickness_angstrom=self.thickness_angstrom * ratio,
            thickness_10_90_angstrom=self.thickness_10_90_angstrom * ratio,
            consumed_per_nm2={name: lost * ratio for name, lost in self.consumed_per_nm2.items()},
        )


def interphase_history(
    maps: Sequence[PhaseMap], names: Sequence[str], reactants: Mapping[str, Sequence[str]]
) -> InterphaseHistory:
    """Thickness by both definitions and what was consumed.

    Parameters
    ----------
    maps : sequence of PhaseMap
        In order of time.
    names : sequence of str
        Of the phases.
    reactants : mapping of str to sequence of str
        Those from which the interphase grows, by name, and the phases of each.

    Returns
    -------
    InterphaseHistory
        For each map.

    Raises
    ------
    AnalysisError
        If a reactant is no phase of the rules, none or only one is there in the first map.

    Notes
    -----
    Unknown atoms are no product. Where they are 1 % of the atoms at the start, they are part of the reactant that most of them sit in, or a
    reactant where they are among themselves; else they do not count. Where only one reactant is there, all other phases with 1 % of
    the atoms at the start are another one, and `InterphaseHistory.note` says so.
    """
    missing = [name for phases in reactants.values() for name in phases if name not in names]
    if missing:
        raise AnalysisError(
            f"There is no rule for the reactant {missing[0]}; there are those for {', '.join(names[:-1])}."
        )
    totals = np.array([one.counts.sum(axis=1) for one in maps])
    groups, note = _reactants_at_start(maps[0], names, reactants)
    # A column for each reactant, and one for all products; what is unknown and of no reactant is in none.
    belongs = np.array([np.isin(names, phases) for phases in groups.values()], dtype=np.float64).T
    unknown = np.isin(names, UNKNOWN)
    product = (belongs.sum(axis=1) == 0.0) & ~unknown
    belongs = np.concatenate([belongs, product[:, None]], axis=1)
    is_reactant = np.arange(len(groups) + 1) < len(groups)
    by_phase, spans = [], []
    for one in maps:
        width = one.height_angstrom / len(one.slices)
        shares = blurred_shares(one.slices @ belongs, width)
        by_phase.append(float(shares[:, -1].sum() * width))
        spans.append(interphase_spans(shares, is_reactant, width))
    n_contacts = sum(span.is_contact for span in spans[0])
    if not n_contacts:
        apart = (
            f"{_and(groups)} do not lie next to each other along the depth at the start: the thickness is that of all products, as of one "
            "interphase. Choose the direction that the layers are stacked in with `axis`, or name the phases on either side with `reactants`."
        )
        note = f"{note} {apart}".strip()
    n_interphases = _reacting(spans, max(1, n_contacts))
    areas = np.array([one.area_angstrom2 for one in maps]) / 100.0
    of_reactants = (totals @ belongs)[:, :-1]
    return InterphaseHistory(
        np.array([one.time_ps for one in maps]),
        np.array(by_phase) / n_interphases,
        np.array([_widest(found, n_interphases) for found in spans]) / n_interphases,
        n_interphases,
        tuple(groups),
        {name: (of_reactants[0, k] - of_reactants[:, k]) / (areas * n_interphases) for k, name in enumerate(groups)},
        n_contacts,
        groups,
        note,
    )


def _reactants_at_start(
    first: PhaseMap, names: Sequence[str], reactants: Mapping[str, Sequence[str]]
) -> tuple[dict[str, tuple[str, ...]], str]:
    """Phases of the reactants that are there, two at least, and what is said of those that nobody named."""
    numbers = first.counts.sum(axis=1)
    total = dict(zip(names, (numbers / max(1, numbers.sum())).tolist(), strict=True))
    groups = {name: tuple(phases) for name, phases in reactants.items() if any(total[one] for one in phases)}
    if not groups:
        raise AnalysisError(
            "No phase that an interphase could grow from is there at the start: its atoms are in "
            f"{_listed(numbers, names)}. Name the phases on either side with `reactants`."
        )
    named = {phase for phases in groups.values() for phase in phases}
    rest = [name for name in names if name not in named and name != UNKNOWN and total[name] >= PRESENT]
    others: list[str] = []
    if len(groups) == 1 and rest:
        others = sorted(rest, key=lambda name: -total[name])
        groups["+".join(others)] = tuple(others)
    if UNKNOWN not in named and total.get(UNKNOWN, 0.0) >= PRESENT:
        home = _home_of_unknown(first, names, groups)
        if home is None:
            groups[UNKNOWN] = (UNKNOWN,)
            others.append(UNKNOWN)
        else:
            groups[home] = (*groups[home], UNKNOWN)
    if len(groups) == 1:
        raise AnalysisError(
            f"An interphase grows between two reactants, and only {next(iter(groups))} is there at the start: its atoms are in "
            f"{_listed(numbers, names)}. Name the phases on either side with `reactants`."
        )
    if not others:
        return groups, ""
    return groups, (
        f"No reactant is known beside {_and([name for name in groups if not set(groups[name]) & set(others)])}: what else is there at the start "
        f"({', '.join(others)}) counts as one, and is no product. Name the phases on either side with `reactants`, or give `rules` for them."
    )


def _home_of_unknown(first: PhaseMap, names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str | None:
    """The reactant that most unknown atoms sit in; None where most of them are among themselves."""
    shares = blurred_shares(first.slices, first.height_angstrom / len(first.slices))
    unknown = list(names).index(UNKNOWN)
    around = {
        name: float(shares[:, unknown] @ shares[:, np.isin(names, phases)].sum(axis=1))
        for name, phases in groups.items()
    }
    nearest = max(around, key=lambda name: around[name])
    return nearest if around[nearest] > float((shares[:, unknown] ** 2).sum()) / 3.0 else None


def _reacting(spans: Sequence[Sequence[InterphaseSpan]], n_contacts: int) -> int:
    """Contacts with products between them in some of the maps; all contacts where there are none."""
    numbers = sorted(
        (sum(span.products_angstrom >= REACTED_ANGSTROM for span in found) for found in spans), reverse=True
    )
    return min(numbers[int(IN_SOME * len(numbers))], n_contacts) or n_contacts


def _widest(spans: Sequence[InterphaseSpan], n_interphases: int) -> float:
    """Thickness of the stretches with the most products; of contacts where there are none."""

    def content(span: InterphaseSpan) -> tuple[float, bool, float]:
        reacted = span.products_angstrom >= REACTED_ANGSTROM
        return (span.products_angstrom if reacted else 0.0, span.is_contact, span.thickness_angstrom)

    return sum(span.thickness_angstrom for span in sorted(spans, key=content, reverse=True)[:n_interphases])


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


def _listed(numbers: NDArray[np.int64], names: Sequence[str]) -> str:
    return ", ".join(f"{name} ({number})" for name, number in zip(names, numbers.tolist(), strict=True) if number)
