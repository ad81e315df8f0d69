"""Reactions: bonds made and broken, when and where, what turns into what, and how long it lasts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from mlip_interfaces.analysis.depths import cell_height, depth_shares
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.chemistry import BOND, POLYANION_CENTERS
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start, frames_in
from mlip_interfaces.observables.request import DistanceByName, Names, Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, measured, number
from mlip_interfaces.settings import Count, Span

if TYPE_CHECKING:
    import networkx

    from mlip_interfaces.analysis.chemistry import BondHistory
    from mlip_interfaces.analysis.lifetimes import Survival
    from mlip_interfaces.analysis.reactions import FrameBonds, UnitHistory, Units
    from mlip_interfaces.figures import Axes, Figure

LIGAND_ORDER = ("S", "O")
"""Of formulas, behind the centres."""

SHOWN = 8
"""Kinds of units whose lives are given, and that are drawn."""


class Reactions(Request):
    """Bonds made and broken against time and depth, the network of units that turn into each other, and lifetimes."""

    kind: ClassVar[str] = "reactions"
    summary: ClassVar[str] = "bonds made and broken, who becomes what, lifetimes, balance"
    table_ends: ClassVar[tuple[str, ...]] = ("", "events", "rates", "depth", "network", "survival")

    bonds: Annotated[Names | None, Option("P-S,Li-P")] = Field(
        None, description="Bonds whose events are counted; when left out, all that are known of the elements there."
    )
    unit_bonds: Annotated[Names | None, Option("P-S,P-P,S-S")] = Field(
        None, description="Bonds that hold units together; when left out, those of polyanions that are known."
    )
    bond_cutoffs_angstrom: Annotated[DistanceByName, Option("P-S=2.6")] = Field(
        {},
        description="Length below which a bond forms, where it shall differ from the tables of `mlip_interfaces.chemistry.bonds`.",
    )
    hysteresis: Annotated[float, Option("X")] = Field(
        1.15, ge=1, le=2, description="A bond that is there breaks beyond its length times this."
    )
    min_lifetime_ps: Annotated[Span, Option("T")] = Field(
        0.1, description="A bond is made, or broken, once it has been so for this time."
    )
    largest_unit: Annotated[Count, Option("N")] = Field(
        20, description="Units of more atoms are called by their elements alone, as in PxSx."
    )
    windows: Annotated[Count, Option("N")] = Field(
        20, description="Of time, for rates; fewer where there are fewer frames."
    )
    slices: Annotated[Count, Option("N")] = Field(20, description="Of the height of the cell, for rates against depth.")

    @field_validator("bonds", "unit_bonds", "bond_cutoffs_angstrom")
    @classmethod
    def _are_bonds(cls, value: Any) -> Any:
        for bond in value or ():
            if BOND.fullmatch(bond) is None:
                raise ValueError(f"'{bond}' is no bond; write P-S")
        return value

    def lengths_angstrom(self, elements: Collection[str]) -> dict[str, float]:
        """Lengths below which bonds form.

        Parameters
        ----------
        elements : collection of str
            Of the trajectory.

        Returns
        -------
        dict of str to float, angstrom
            Of all bonds that are counted or hold units together, whose elements are there.

        Raises
        ------
        AnalysisError
            If a bond that was asked for has no known length, or there is no bond at all.
        """
        known = self._known()
        asked = [*(self.bonds or ()), *(self.unit_bonds or ())]
        named = {_as_in(bond, known): bond for bond in asked}
        for name, bond in named.items():
            if name not in known:
                raise AnalysisError(f"The length of {bond} is not known; give it in `bond_cutoffs_angstrom`.")
        wanted = [*(named if self.bonds is not None else known), *named, *self.held_by(elements)]
        found = {bond: known[bond] for bond in dict.fromkeys(wanted) if set(bond.split("-")) <= set(elements)}
        if not found:
            present = ", ".join(sorted(elements))
            raise AnalysisError(f"No bond between {present} is known; give lengths in `bond_cutoffs_angstrom`.")
        return found

    def held_by(self, elements: Collection[str]) -> tuple[str, ...]:
        """Bonds that hold units together.

        Parameters
        ----------
        elements : collection of str
            Of the trajectory.

        Returns
        -------
        tuple of str
            Those whose elements are there.
        """
        from mlip_interfaces.chemistry.bonds import POLYANION_BONDS_ANGSTROM

        known = self._known()
        bonds = self.unit_bonds
        if bonds is None:
            bonds = tuple("-".join(pair) for pair in POLYANION_BONDS_ANGSTROM)
        return tuple(_as_in(bond, known) for bond in bonds if set(bond.split("-")) <= set(elements))

    def counted(self, elements: Collection[str]) -> tuple[str, ...]:
        """Bonds whose events are counted.

        Parameters
        ----------
        elements : collection of str
            Of the trajectory.

        Returns
        -------
        tuple of str
            Those whose elements are there.
        """
        lengths = self.lengths_angstrom(elements)
        if self.bonds is None:
            return tuple(lengths)
        asked = {_as_in(bond, lengths) for bond in self.bonds}
        return tuple(bond for bond in lengths if bond in asked)

    def _known(self) -> dict[str, float]:
        from mlip_interfaces.chemistry.bonds import bond_lengths_angstrom

        known = bond_lengths_angstrom()
        return known | {_as_in(bond, known): length for bond, length in self.bond_cutoffs_angstrom.items()}

    def observe(self, start: Start) -> Observer:
        """Follow the bonds of every frame.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _ReactionsObserver(self, start)


def _as_in(bond: str, known: Collection[str]) -> str:
    """A bond with its elements in the order that is known, for S-P is P-S."""
    turned = "-".join(reversed(bond.split("-")))
    return turned if turned in known else bond


@dataclass(frozen=True, slots=True)
class BondEvents:
    """Bonds of one kind made or broken in a run, those of the start left out.

    Attributes
    ----------
    frames : (n_events,) int array
        Since when.
    atoms : (n_events, 2) int array
        Both atoms.
    depth_fraction : (n_events,) float array
        Of the first atom from the corner of the cell, as a share of its height, when it was confirmed.
    """

    frames: NDArray[np.int64]
    atoms: NDArray[np.int64]
    depth_fraction: NDArray[np.float64]


class _ReactionsObserver(Observer):
    scans = True

    def __init__(self, request: Reactions, start: Start) -> None:
        from mlip_interfaces.analysis.reactions import BondSearch

        super().__init__()
        self._request, self._symbols = request, start.trajectory.symbols
        elements = set(self._symbols.tolist())
        self._search = BondSearch(self._symbols, request.lengths_angstrom(elements), request.hysteresis)
        self._history: BondHistory | None = None
        self._depths: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])

    def scan(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> list[FrameBonds]:
        """Pairs of each frame."""
        return [self._search.find(*frame) for frame in zip(positions, cells, strict=True)]

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Follow every bond, and keep where what is confirmed happened."""
        from mlip_interfaces.analysis.chemistry import BondHistory

        frames = batch.frames
        if self._history is None:
            min_frames = frames_in(self._request.min_lifetime_ps, frames.times_ps)
            self._history = BondHistory(self._symbols.size, min_frames)
        for positions, cell, corner, found in zip(frames.positions, frames.cells, frames.origins, scanned, strict=True):
            changes = self._history.add(found.bonds, found.stretched)
            for rows, depths in zip((changes.formed, changes.broken), self._depths, strict=True):
                if len(rows):
                    depths.append(depth_shares(positions[rows[:, 1]], cell, corner))

    def finish(self, record: Record) -> ReactionsResult | None:
        """Events by kind, units and lives."""
        if self._history is None:
            return None
        interval = record.interval_ps
        changes = self._history.changes()
        formed, broken = changes.formed, changes.broken
        elements = set(self._symbols.tolist())
        kinds = tuple(self._request.lengths_angstrom(elements))
        counted = self._request.counted(elements)
        kind_of = partial(_kinds_of, self._symbols, kinds)
        made, gone = kind_of(formed[:, 1:3]), kind_of(broken[:, 1:3])
        depth_made, depth_gone = (np.concatenate([np.empty(0), *depths]) for depths in self._depths)
        events, at_start, lives = {}, {}, {}
        for bond in counted:
            new, lost = (made == kinds.index(bond)), gone == kinds.index(bond)
            at_start[bond] = int(np.count_nonzero(new & (formed[:, 0] == 0)))
            new_in_run = new & (formed[:, 0] > 0)
            events[bond] = (
                BondEvents(formed[new_in_run, 0], formed[new_in_run, 1:3], depth_made[new_in_run]),
                BondEvents(broken[lost, 0], broken[lost, 1:3], depth_gone[lost]),
            )
            lives[bond] = _bond_lives(formed[new], broken[lost], record.times_ps.size - 1)
        held = [kinds.index(bond) for bond in self._request.held_by(elements)]
        units = self._units(formed[np.isin(made, held)], broken[np.isin(gone, held)][:, :3], record.times_ps.size)
        if units is not None:
            changing = [unit for unit in units.units if units.lives[unit][:, 2].any()]
            lives |= {unit: units.lives[unit] for unit in changing[:SHOWN]}
        counts = Counter(self._symbols.tolist())
        survivals = {name: of for name, rows in lives.items() if (of := _survivals(rows, interval))}
        height = float(cell_height(record.mean_cell))
        return ReactionsResult(self._request, record.times_ps, counts, at_start, events, units, survivals, height)

    def _units(self, formed: NDArray[np.int64], broken: NDArray[np.int64], n_frames: int) -> UnitHistory | None:
        """Units of the elements that bonds of units join; atoms of others are left out."""
        from mlip_interfaces.analysis.reactions import unit_history

        present = set(self._symbols.tolist())
        elements = {element for bond in self._request.held_by(present) for element in bond.split("-")}
        order = (*POLYANION_CENTERS, *LIGAND_ORDER)
        parts = sorted(elements, key=lambda name: (order.index(name) if name in order else len(order), name))
        if not parts:
            return None
        atoms = np.flatnonzero(np.isin(self._symbols, parts))
        row = np.full(self._symbols.size, -1)
        row[atoms] = np.arange(atoms.size)
        part = np.array([parts.index(symbol) for symbol in self._symbols[atoms].tolist()], dtype=np.int64)
        rows = [np.column_stack([changes[:, :1], row[changes[:, 1:3]]]) for changes in (formed, broken)]
        return unit_history(part, parts, n_frames, *rows, largest_unit=self._request.largest_unit)


def _kinds_of(symbols: NDArray[np.str_], kinds: tuple[str, ...], atoms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of the kind of each bond among the kinds."""
    elements = sorted({element for bond in kinds for element in bond.split("-")})
    table = np.full((len(elements), len(elements)), -1)
    for row, bond in enumerate(kinds):
        a, b = (elements.index(element) for element in bond.split("-"))
        table[a, b] = table[b, a] = row
    place = np.searchsorted(elements, symbols[atoms])
    return np.asarray(table[place[:, 0], place[:, 1]])


def _bond_lives(formed: NDArray[np.int64], broken: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Frame since which each bond is there, frame it is gone in or the last one, and whether it is gone."""
    born = np.sort(np.stack([formed[:, 1], formed[:, 2], formed[:, 0]], axis=1).view([("", np.int64)] * 3).ravel())
    ended = np.stack([broken[:, 1], broken[:, 2], broken[:, 3]], axis=1).view([("", np.int64)] * 3).ravel()
    alive = np.setdiff1d(born, ended).view(np.int64).reshape(-1, 3)[:, 2]
    left = np.column_stack([alive, np.full(alive.size, last), np.zeros(alive.size, dtype=np.int64)])
    gone = np.column_stack([broken[:, 3], broken[:, 0], np.ones(len(broken), dtype=np.int64)])
    return np.concatenate([gone, left])


def _survivals(lives: NDArray[np.int64], interval_ps: float) -> dict[str, Survival]:
    """Of what was there at the start, and of what was made in the run and seen for a frame at least."""
    from mlip_interfaces.analysis.lifetimes import survival

    found = {}
    at_start = lives[:, 0] == 0
    for name, chosen in (("start", at_start), ("made", ~at_start & (lives[:, 1] > lives[:, 0]))):
        if chosen.any():
            durations = (lives[chosen, 1] - lives[chosen, 0]) * np.float64(interval_ps)
            found[name] = survival(durations, lives[chosen, 2] == 1)
    return found


@dataclass(frozen=True, slots=True)
class ReactionsResult(Result):
    """Reactions of a run.

    Attributes
    ----------
    request : Reactions
        What was asked for.
    times_ps : (n_frames,) float array, ps
        Of the frames.
    n_atoms_of : Counter of str
        Atoms of each element.
    bonds_at_start : dict of str to int
        Bonds of each kind in the first frame.
    events : dict of str to tuple of BondEvents
        Bonds of each kind made, and broken.
    units : mlip_interfaces.analysis.reactions.UnitHistory or None
        None where no bond holds units together.
    survivals : dict of str to dict of str to mlip_interfaces.analysis.lifetimes.Survival
        Of bonds by kind and of the most frequent units that react: of those of the start, and of those made in the run.
    height_angstrom : float, angstrom
        Of the mean cell.
    """

    request: Reactions
    times_ps: NDArray[np.float64]
    n_atoms_of: Counter[str]
    bonds_at_start: dict[str, int]
    events: dict[str, tuple[BondEvents, BondEvents]]
    units: UnitHistory | None
    survivals: dict[str, dict[str, Survival]]
    height_angstrom: float

    @property
    def run_ps(self) -> float:
        """Time from the first to the last frame, ps."""
        return float(self.times_ps[-1] - self.times_ps[0])

    @property
    def window_edges(self) -> NDArray[np.int64]:
        """First frame of each window of time, and the end, from frame 1: no event is in frame 0."""
        last = self.times_ps.size - 1
        return np.unique(np.linspace(0, last, min(self.request.windows, last) + 1).round().astype(np.int64)) + 1

    def counts_in_windows(self, bond: str) -> NDArray[np.int64]:
        """Events in each window of time.

        Parameters
        ----------
        bond : str
            Its kind.

        Returns
        -------
        (2, n_windows) int array
            Bonds made, and broken.
        """
        edges = self.window_edges
        made, broken = (
            np.histogram(side.frames, bins=np.append(edges[:-1], edges[-1]))[0] for side in self.events[bond]
        )
        return np.stack([made, broken])

    def counts_in_slices(self, bond: str) -> NDArray[np.int64]:
        """Events in each slice of the cell.

        Parameters
        ----------
        bond : str
            Its kind.

        Returns
        -------
        (2, n_slices) int array
            Bonds made, and broken.
        """
        n_slices = self.request.slices
        places = [
            np.minimum((side.depth_fraction * n_slices).astype(np.int64), n_slices - 1) for side in self.events[bond]
        ]
        return np.stack([np.bincount(place, minlength=n_slices) for place in places])

    def net_broken_per_ps(self, bond: str) -> tuple[float, float]:
        """Bonds broken less those made, per time.

        Parameters
        ----------
        bond : str
            Its kind.

        Returns
        -------
        tuple of float, 1/ps
            Mean and standard error: from the scatter of windows, or of independent events where that is larger.
        """
        from mlip_interfaces.analysis.running_blocks import error_of_mean

        made, broken = self.counts_in_windows(bond)
        lengths = np.diff(self.window_edges) * self.run_ps / (self.times_ps.size - 1)
        scatter = error_of_mean((broken - made) / lengths)
        independent = float(np.sqrt(made.sum() + broken.sum())) / self.run_ps
        return float(broken.sum() - made.sum()) / self.run_ps, max(scatter, independent)

    def graph(self) -> networkx.DiGraph:
        """Who becomes what, as a graph.

        Returns
        -------
        networkx.DiGraph
            Nodes are kinds of units with their numbers in the first and the last frame; edges carry the atoms that went over, in all and
            of each element.
        """
        import networkx

        graph = networkx.DiGraph()
        if self.units is not None:
            for unit, counts in zip(self.units.units, self.units.counts, strict=True):
                graph.add_node(unit, at_start=int(counts[0]), at_end=int(counts[-1]))
            for flow in self.units.flows:
                of_each = {f"n_{symbol}": n for symbol, n in zip(self.units.elements, flow.n_atoms, strict=True)}
                graph.add_edge(flow.source, flow.target, n_atoms=sum(flow.n_atoms), **of_each)
        return graph

    def texts(self) -> dict[str, Callable[[], str]]:
        """The graph, as GraphML."""
        return {".graphml": self._graphml}

    def _graphml(self) -> str:
        import networkx

        return "\n".join([*networkx.generate_graphml(self.graph()), ""])

    def to_dict(self) -> dict[str, object]:
        """Content of ``reactions.json``."""
        elements = set(self.n_atoms_of)
        return {
            "bonds": {bond: self._bond_entry(bond) for bond in self.events},
            "units": self._unit_entries(),
            "reactions": self._reaction_entries(),
            "network": self._network(),
            "lifetimes": {
                name: {which: _life_entry(found) for which, found in both.items()}
                for name, both in self.survivals.items()
            },
            "balanced": None if self.units is None else self.units.is_balanced(),
            "settings": self.request.settings()
            | {
                "forms_below_angstrom": self.request.lengths_angstrom(elements),
                "unit_bonds": list(self.request.held_by(elements)),
                "units_of": [] if self.units is None else list(self.units.elements),
            },
        }

    def _bond_entry(self, bond: str) -> dict[str, object]:
        made, broken = (side.frames.size for side in self.events[bond])
        net, error = self.net_broken_per_ps(bond)
        return {
            "at_start": self.bonds_at_start[bond],
            "at_end": self.bonds_at_start[bond] + made - broken,
            "made": made,
            "broken": broken,
            "made_per_ps": made / self.run_ps,
            "made_95_per_ps": self._interval_per_ps(made, self.run_ps),
            "broken_per_ps": broken / self.run_ps,
            "broken_95_per_ps": self._interval_per_ps(broken, self.run_ps),
            "net_broken_per_ps": net,
            "net_broken_error_per_ps": error,
        }

    def _interval_per_ps(self, n_events: int, time_ps: float) -> list[float]:
        from mlip_interfaces.analysis.lifetimes import poisson_interval

        return [bound / time_ps for bound in poisson_interval(n_events)]

    def _unit_entries(self) -> dict[str, object]:
        if self.units is None:
            return {}
        change = self.units.change_by_reactions()
        return {
            unit: {
                "at_start": int(counts[0]),
                "at_end": int(counts[-1]),
                "mean": float(counts.mean()),
                "change_by_reactions": change[unit],
            }
            for unit, counts in zip(self.units.units, self.units.counts, strict=True)
        }

    def _reaction_entries(self) -> list[dict[str, object]]:
        if self.units is None:
            return []
        return [
            {
                "equation": equation(*sides),
                "count": count,
                "per_ps": count / self.run_ps,
                "confidence_95_per_ps": self._interval_per_ps(count, self.run_ps),
            }
            for sides, count in self.units.reactions.most_common()
        ]

    def _network(self) -> list[dict[str, object]]:
        if self.units is None:
            return []
        return [
            {
                "source": flow.source,
                "target": flow.target,
                "n_atoms": dict(zip(self.units.elements, flow.n_atoms, strict=True)),
            }
            for flow in self.units.flows
        ]

    def tables(self) -> dict[str, Table]:
        """Units against time; events; rates against time and depth; the network; survival."""
        units = self.units
        names = () if units is None else units.units
        counts = np.zeros((0, self.times_ps.size), dtype=np.int64) if units is None else units.counts
        of_time = [(f"{time:.6g}", *column) for time, column in zip(self.times_ps, counts.T.tolist(), strict=True)]
        edges = ("made", "broken")
        events = sorted(
            (int(frame), bond, change, int(a) + 1, int(b) + 1, f"{depth * self.height_angstrom:.5g}")
            for bond, both in self.events.items()
            for change, side in zip(edges, both, strict=True)
            for frame, (a, b), depth in zip(side.frames, side.atoms, side.depth_fraction, strict=True)
        )
        flows = [] if units is None else [
            (flow.source, flow.target, symbol, n)
            for flow in units.flows
            for symbol, n in zip(units.elements, flow.n_atoms, strict=True)
        ]  # fmt: skip
        survival = [
            (name, which, f"{t:.6g}", f"{s:.6g}", *(f"{bound:.6g}" if np.isfinite(bound) else "" for bound in bounds))
            for name, both in self.survivals.items()
            for which, found in both.items()
            for t, s, *bounds in zip(found.times_ps, found.survival, found.low, found.high, strict=True)
        ]
        rate_columns = ("bond", "change", "count", "per_ps", "low_95_per_ps", "high_95_per_ps")
        return {
            "": Table(("time_ps", *names), of_time),
            "events": Table(
                ("time_ps", "bond", "change", "first_atom", "second_atom", "depth_angstrom"),
                [(f"{self.times_ps[frame]:.6g}", *rest) for frame, *rest in events],
            ),
            "rates": Table(("from_ps", "to_ps", *rate_columns), self._rates_of_time()),
            "depth": Table(("depth_angstrom", *rate_columns), self._rates_of_depth()),
            "network": Table(("source", "target", "element", "n_atoms"), flows),
            "survival": Table(("of", "which", "time_ps", "survival", "low_95", "high_95"), survival),
        }

    def _rates_of_time(self) -> list[tuple[object, ...]]:
        edges = self.window_edges - 1
        return [
            (f"{self.times_ps[low]:.6g}", f"{self.times_ps[high]:.6g}", bond, change,
             *self._rate(int(count), float(self.times_ps[high] - self.times_ps[low])))
            for bond in self.events
            for change, counts in zip(("made", "broken"), self.counts_in_windows(bond), strict=True)
            for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ]  # fmt: skip

    def _rates_of_depth(self) -> list[tuple[object, ...]]:
        depth = (np.arange(self.request.slices) + 0.5) / self.request.slices * self.height_angstrom
        return [
            (f"{z:.5g}", bond, change, *self._rate(int(count), self.run_ps))
            for bond in self.events
            for change, counts in zip(("made", "broken"), self.counts_in_slices(bond), strict=True)
            for z, count in zip(depth, counts, strict=True)
        ]

    def _rate(self, count: int, time_ps: float) -> tuple[object, ...]:
        return count, f"{count / time_ps:.6g}", *(f"{bound:.6g}" for bound in self._interval_per_ps(count, time_ps))

    def headlines(self) -> list[Headline]:
        """Net rate of breaking per atom of the first element, of every bond that anything happened to."""
        found = []
        for bond, both in self.events.items():
            if any(side.frames.size for side in both):
                first = bond.split("-")[0]
                scale = 1e3 / self.n_atoms_of[first]
                net, error = self.net_broken_per_ps(bond)
                found.append(Headline(f"{bond} bonds broken less made, per {first} (1/ns)", net * scale, error * scale))
        return found

    def lines(self) -> list[str]:
        """Events of each bond, units that changed, the most frequent reactions, and the balance."""
        lines = []
        for bond, both in self.events.items():
            made, broken = (side.frames.size for side in both)
            if made or broken:
                start = self.bonds_at_start[bond]
                rate = measured(*self.net_broken_per_ps(bond))
                lines.append(
                    f"{bond}: {start} bonds at the start, {made} made, {broken} broken in {self.run_ps:.4g} ps; broken less made {rate} /ps"
                )
        if not lines:
            lines.append(f"no bond of {', '.join(self.events)} was made or broken in {self.run_ps:.4g} ps")
        if self.units is None:
            return lines
        counts = dict(zip(self.units.units, self.units.counts, strict=True))
        changed = [f"{unit} {n[0]} to {n[-1]}" for unit, n in counts.items() if n[0] != n[-1]]
        if changed:
            lines.append(f"units: {', '.join(changed[:SHOWN])}")
        often = [f"{equation(*sides)} ({count})" for sides, count in self.units.reactions.most_common(4)]
        if often:
            lines.append(f"most frequent: {'; '.join(often)}")
        atoms = dict(zip(self.units.elements, self.units.atoms_in_frame[0].tolist(), strict=True))
        held = ", ".join(f"{n} {symbol}" for symbol, n in atoms.items())
        balance = "in every frame" if self.units.is_balanced() else "NOT in every frame: please report it"
        lines.append(f"balance: all {held} are in units {balance}, and reactions make up the change of every count")
        return lines

    def draw(self) -> Figure:
        """Units and net events against time, events against depth, the network, and survival."""
        from mlip_interfaces.figures.style import new_figure

        figure, axes = new_figure(2, 3, width=12.0, height=6.4)
        self._draw_units(axes[0, 0])
        self._draw_events(axes[0, 1])
        self._draw_network(axes[0, 2])
        self._draw_rates(axes[1, 0])
        self._draw_depth(axes[1, 1])
        self._draw_survival(axes[1, 2])
        return figure

    def _draw_units(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE, note_empty

        changing = []
        if self.units is not None:
            by_change = zip(self.units.units, self.units.counts, strict=True)
            changing = sorted(((unit, n) for unit, n in by_change if np.ptp(n)), key=lambda item: -int(np.ptp(item[1])))
        for number_, (unit, counts) in enumerate(changing[:6]):
            ax.step(self.times_ps, counts, where="post", color=PALETTE[number_ % len(PALETTE)], label=_subscripts(unit))
        if not changing:
            note_empty(ax, "no unit changed")
            ax.set_title("units", loc="left")
            return
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("units")
        ax.set_ylim(bottom=0)
        ax.legend()

    def _reacting(self) -> dict[str, int]:
        """A colour for every bond that anything happened to."""
        return {bond: n for n, (bond, both) in enumerate(self.events.items()) if any(side.frames.size for side in both)}

    def _draw_events(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE, note_empty

        for bond, color in self._reacting().items():
            made, broken = (np.bincount(side.frames, minlength=self.times_ps.size) for side in self.events[bond])
            ax.step(
                self.times_ps, np.cumsum(made - broken), where="post", color=PALETTE[color % len(PALETTE)], label=bond
            )
        if not ax.lines:
            note_empty(ax, "no bond was made or broken")
            ax.set_title("bonds", loc="left")
            return
        ax.axhline(0.0, color="#999999", lw=0.8)
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("bonds made less broken")
        ax.legend()

    def _draw_rates(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE, note_empty

        times = self.times_ps[self.window_edges - 1]
        middles = 0.5 * (times[1:] + times[:-1])
        for bond, color in self._reacting().items():
            counts = self.counts_in_windows(bond)
            for sign, side, marker in ((1, counts[0], "^"), (-1, counts[1], "v")):
                rate = sign * side / np.diff(times)
                error = np.sqrt(side) / np.diff(times)
                ax.errorbar(middles, rate, error, color=PALETTE[color % len(PALETTE)], marker=marker, ms=3, lw=0.9, label=f"{bond} {'made' if sign > 0 else 'broken'}")  # fmt: skip
        if not self._reacting():
            note_empty(ax, "no bond was made or broken")
            ax.set_title("rates", loc="left")
            return
        ax.axhline(0.0, color="#999999", lw=0.8)
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("made (up), broken (down), 1/ps")
        ax.legend(ncols=2, fontsize=7)

    def _draw_depth(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE, note_empty

        n_slices = self.request.slices
        edges = np.arange(n_slices + 1) / n_slices * self.height_angstrom
        for bond, color in self._reacting().items():
            made, broken = self.counts_in_slices(bond) / self.run_ps
            ax.stairs(made, edges, color=PALETTE[color % len(PALETTE)], lw=1.4, label=bond)
            ax.stairs(-broken, edges, color=PALETTE[color % len(PALETTE)], lw=1.4)
        if not self._reacting():
            note_empty(ax, "no bond was made or broken")
            ax.set_title("depth", loc="left")
            return
        ax.axhline(0.0, color="#999999", lw=0.8)
        ax.set_xlabel("depth (Å)")
        ax.set_ylabel("made (up), broken (down), 1/ps")
        ax.legend()

    def _draw_network(self, ax: Axes) -> None:
        """The largest net flows between kinds of units, which stand by their ligands and centres; width by atoms."""
        from mlip_interfaces.figures.style import PALETTE, note_empty

        graph = self.graph()
        net = {
            (a, b): n["n_atoms"] - (graph[b][a]["n_atoms"] if graph.has_edge(b, a) else 0)
            for a, b, n in graph.edges(data=True)
            if a != b
        }
        largest = sorted((item for item in net.items() if item[1] > 0), key=lambda item: -item[1])[: 2 * SHOWN]
        if not largest:
            note_empty(ax, "no unit became another for good")
            ax.set_title("network", loc="left")
            return
        center, places = self._places({unit for pair, _ in largest for unit in pair})
        for (a, b), atoms in reversed(largest):
            ax.annotate(
                "",
                places[b],
                places[a],
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": PALETTE[0],
                    "alpha": 0.5,
                    "lw": 0.5 + 3.0 * atoms / largest[0][1],
                    "shrinkA": 11,
                    "shrinkB": 11,
                    "connectionstyle": "arc3,rad=0.15",
                },
            )
        for unit, (x, y) in places.items():
            counts = graph.nodes[unit]
            said = f"{_subscripts(unit)}\n{counts['at_start']}→{counts['at_end']}"
            ax.text(x, y, said, ha="center", va="center", fontsize=7)
        across, up = zip(*places.values(), strict=True)
        ax.set_xlim(min(across) - 0.6, max(across) + 0.6)
        ax.set_ylim(min(up) - 0.6, max(up) + 0.6)
        ax.set_title("who becomes what: largest net flows", loc="left")
        ax.set_xlabel(f"other atoms per {center} (right: none of {center})")
        ax.set_ylabel(f"{center} in the unit")

    def _places(self, shown: set[str]) -> tuple[str, dict[str, tuple[float, float]]]:
        """The element counted upwards, and where each kind of unit stands by its mean contents."""
        elements = self.units.elements if self.units is not None else ()
        center = elements[0]
        contents = {
            unit: np.array([self.request.largest_unit if n == "x" else int(n) for n in _numbers_in(unit, elements)])
            for unit in shown
        }  # fmt: skip
        ratio = {unit: n[1:].sum() / n[0] for unit, n in contents.items() if n[0]}
        beyond = max(ratio.values(), default=0.0) + 1.0
        places: dict[str, tuple[float, float]] = {}
        for unit in sorted(shown):
            x, y = float(ratio.get(unit, beyond)), float(contents[unit][0])
            while (x, y) in places.values():
                y += 0.5
            places[unit] = x, y
        return center, places

    def _draw_survival(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE, note_empty

        shown = [
            (name, which, found)
            for name, both in self.survivals.items()
            for which, found in both.items()
            if found.n_ended and name in self.events
        ]
        for name, which, found in shown:
            color = PALETTE[list(self.events).index(name) % len(PALETTE)]
            style = "-" if which == "start" else "--"
            ax.step(found.times_ps, found.survival, style, where="post", color=color, label=f"{name}, {'of the start' if which == 'start' else 'made'}")  # fmt: skip
        if not shown:
            note_empty(ax, "no bond was seen to end")
            ax.set_title("survival", loc="left")
            return
        ax.set_xlabel("time since the start, or since it was made (ps)")
        ax.set_ylabel("share of bonds left")
        ax.set_ylim(0, 1.05)
        ax.legend(fontsize=7)


def equation(reactants: Units, products: Units) -> str:
    """A reaction as it is written.

    Parameters
    ----------
    reactants, products : tuple of str
        Units, as often as they are there.

    Returns
    -------
    str
        As in ``PS4 + 2 S -> PS6``.

    Examples
    --------
    >>> equation(("P2S7",), ("PS3", "PS4")), equation(("S", "S"), ("S2",))
    ('P2S7 -> PS3 + PS4', '2 S -> S2')
    """
    sides = []
    for units in (reactants, products):
        counted = Counter(units)
        sides.append(" + ".join(f"{n} {unit}" if n > 1 else unit for unit, n in counted.items()))
    return " -> ".join(sides)


def _numbers_in(unit: str, elements: tuple[str, ...]) -> list[str]:
    """What stands behind each element in a formula; 0 where it is not there."""
    behind = {match[1]: match[2] or "1" for match in re.finditer(r"([A-Z][a-z]?)(x|\d*)", unit)}
    return [behind.get(element, "0") for element in elements]


def _subscripts(unit: str) -> str:
    return unit.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _life_entry(found: Survival) -> dict[str, object]:
    return {
        "n": found.n,
        "n_ended": found.n_ended,
        "median_ps": number(found.median_ps),
        "mean_ps": number(found.mean_ps),
        "mean_error_ps": number(found.mean_error_ps),
        "mean_at_least_ps": found.mean_at_least_ps,
    }
