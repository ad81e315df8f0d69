"""Bond chemistry against time: phosphorus units, S2 dimers, new bonds, exchanges of sulfur for oxygen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from mlip_interfaces.observables.observer import Batch, Observer, Record, Start, frames_in
from mlip_interfaces.observables.request import Names, Option, PositiveByName, Request
from mlip_interfaces.observables.results import Result, Table
from mlip_interfaces.settings import NonNegative, Positive

if TYPE_CHECKING:
    from mlip_interfaces.analysis.chemistry import BondHistory, Exchange, FrameChemistry
    from mlip_interfaces.figures import Figure


BOND = re.compile(r"([A-Z][a-z]?)-([A-Z][a-z]?)")


def _as_in(bond: str, known: Collection[str]) -> str:
    """A bond with its elements in the order that is known, for S-P is P-S."""
    match = BOND.fullmatch(bond)
    if match is None:
        raise ValueError(f"'{bond}' is no bond; write P-S")
    turned = f"{match[2]}-{match[1]}"
    return turned if turned in known else bond


class Chemistry(Request):
    """P-S units, S2 dimers, new bonds and exchanges of sulfur for oxygen."""

    kind: ClassVar[str] = "chemistry"
    summary: ClassVar[str] = "P-S units, S2 dimers, new bonds, O-S exchanges"

    min_lifetime_ps: Annotated[NonNegative, Option("T")] = Field(0.1, description="Shorter bonds are collisions.")
    exchange_window_ps: Annotated[Positive, Option("T")] = Field(
        1.0, description="A P-O bond made and a P-S bond broken within it are an exchange."
    )
    bond_cutoffs_angstrom: Annotated[PositiveByName, Option("P-S=2.6")] = Field(
        {},
        description="Longest length of a bond, where it shall differ from the table of `mlip_interfaces.chemistry.bonds`.",
    )
    reaction_bonds: Annotated[Names, Option("P-O,Co-S")] = Field(
        ("P-O", "Co-S"), description="Bonds that only a reaction makes: drawn against time."
    )

    @field_validator("bond_cutoffs_angstrom")
    @classmethod
    def _bonds(cls, value: dict[str, float]) -> dict[str, float]:
        from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM

        named: dict[str, float] = {}
        for bond, cutoff in value.items():
            name = _as_in(bond, BOND_CUTOFFS_ANGSTROM | named)
            if name in named:
                raise ValueError(f"gives {name} twice")
            named[name] = cutoff
        return named

    @field_validator("reaction_bonds")
    @classmethod
    def _with_cutoffs(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM

        known = BOND_CUTOFFS_ANGSTROM | info.data.get("bond_cutoffs_angstrom", {})
        named = tuple(_as_in(bond, known) for bond in value)
        for bond in named:
            if bond not in known:
                raise ValueError(f"names {bond}, whose longest length is not known; give it in `bond_cutoffs_angstrom`")
        return named

    def cutoffs_angstrom(self) -> dict[str, float]:
        """Longest length of every bond looked for, angstrom."""
        from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM

        return BOND_CUTOFFS_ANGSTROM | self.bond_cutoffs_angstrom

    def observe(self, start: Start) -> Observer:
        """Find the bonds of every frame.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _ChemistryObserver(self, start)


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """Numbers of one frame.

    Attributes
    ----------
    units : dict of str to int
        Phosphorus units by formula.
    bonds : dict of str to int
        Bonds by kind.
    n_polysulfides : int
        Chains and rings of three and more sulfur atoms.
    """

    units: dict[str, int]
    bonds: dict[str, int]
    n_polysulfides: int


class _ChemistryObserver(Observer):
    scans = True

    def __init__(self, request: Chemistry, start: Start) -> None:
        from mlip_interfaces.analysis.chemistry import BondFinder

        super().__init__()
        self._request, self._n_atoms = request, start.trajectory.n_atoms
        self._finder = BondFinder(start.trajectory.symbols, request.cutoffs_angstrom())
        self._frames: list[FrameSummary] = []
        self._histories: dict[str, BondHistory] = {}
        self._dimers: BondHistory | None = None

    def scan(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> list[FrameChemistry]:
        """Bonds and units of each frame."""
        return [self._finder.find(*frame) for frame in zip(positions, cells, strict=True)]

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Follow every bond."""
        from mlip_interfaces.analysis.chemistry import BondHistory

        for frame in scanned:
            if self._dimers is None:
                min_frames = frames_in(self._request.min_lifetime_ps, batch.frames.times_ps)
                self._dimers = BondHistory(self._n_atoms, min_frames)
                self._histories = {bond: BondHistory(self._n_atoms, min_frames) for bond in frame.bonds}
            self._dimers.add(frame.dimers)
            for bond, history in self._histories.items():
                history.add(frame.bonds[bond])
            counts = {bond: len(pairs) for bond, pairs in frame.bonds.items()}
            self._frames.append(FrameSummary(dict(frame.units), counts, frame.n_polysulfides))

    def finish(self, record: Record) -> ChemistryResult | None:
        """Bonds against time."""
        if self._dimers is None:
            return None
        symbols, layers = record.trajectory.symbols, record.trajectory.layers
        return ChemistryResult(
            self._request,
            record.times_ps,
            tuple(self._frames),
            self._histories,
            self._dimers,
            record.frames_in(self._request.exchange_window_ps),
            int(np.count_nonzero(symbols == "P")),
            layers if layers is not None else np.full(symbols.size, "all"),
        )


@dataclass(frozen=True, slots=True)
class ChemistryResult(Result):
    """Bond chemistry of a run.

    Attributes
    ----------
    request : Chemistry
        What was asked for.
    times_ps : (n_frames,) float array, ps
        Of the frames.
    frames : tuple of FrameSummary
        Units, bond counts and polysulfides of each frame.
    histories : dict of str to BondHistory
        Bond -> its formations and breakings.
    dimers : BondHistory
        The same of S2.
    window_frames : int
        Within which a bond made and one broken are an exchange.
    n_phosphorus : int
        Atoms.
    layers : (n_atoms,) str array
        Layer each atom started in.
    """

    request: Chemistry
    times_ps: NDArray[np.float64]
    frames: tuple[FrameSummary, ...]
    histories: dict[str, BondHistory]
    dimers: BondHistory
    window_frames: int
    n_phosphorus: int
    layers: NDArray[np.str_]

    def mean_units(self) -> dict[str, float]:
        """Mean number of each phosphorus unit, the most frequent first.

        Returns
        -------
        units : dict of str to float
            By formula.
        """
        total: Counter[str] = Counter()
        for frame in self.frames:
            total.update(frame.units)
        return {kind: count / len(self.frames) for kind, count in total.most_common()}

    def to_dict(self) -> dict[str, object]:
        """Content of ``chemistry.json``."""
        from mlip_interfaces.analysis.chemistry import origins

        n_frames = len(self.frames)
        interval = float(self.times_ps[1] - self.times_ps[0]) if n_frames > 1 else 0.0
        units = self.mean_units()
        events = self.exchanges()
        lifetimes = np.array(self.dimers.lifetimes, dtype=np.float64) * interval
        return {
            "p_s_units": units,
            "p_s_tetrahedra_mean": units.get("PS4", 0.0),
            "p_s_tetrahedra_initial": self.frames[0].units.get("PS4", 0),
            "n_phosphorus": self.n_phosphorus,
            "s2_dimers_mean": float(self.dimers.counts().mean()),
            "s2_dimers_formed": _new(self.dimers),
            "s2_lifetime_mean_ps": float(lifetimes.mean()) if lifetimes.size else None,
            "s2_lifetimes_ended": int(lifetimes.size),
            "polysulfides_mean": float(np.mean([frame.n_polysulfides for frame in self.frames])),
            "bonds": self.mean_bonds(),
            "bonds_formed": {bond: _new(history) for bond, history in self.histories.items()},
            "bonds_broken": {bond: len(history.broken) for bond, history in self.histories.items()},
            "o_s_exchanges": len(events),
            "o_s_exchanges_by_origin": [
                {"oxygen_from": oxygen, "sulfur_from": sulfur, "count": count}
                for (oxygen, sulfur), count in origins(events, self.layers).most_common()
            ],
            "o_s_exchange_events": [
                {
                    "time_ps": float(self.times_ps[event.frame]),
                    "phosphorus_atom": event.phosphorus + 1,
                    "oxygen_atom": event.oxygen + 1,
                    "sulfur_atom": event.sulfur + 1,
                }
                for event in events
            ],
            "settings": {
                "bond_cutoffs_angstrom": self.request.cutoffs_angstrom(),
                "min_lifetime_ps": self.request.min_lifetime_ps,
                "exchange_window_ps": self.request.exchange_window_ps,
            },
        }

    def tables(self) -> dict[str, Table]:
        """Units, dimers and bonds against time."""
        kinds, bonds = list(self.mean_units()), list(self.histories)
        rows = [
            (
                f"{time:.6g}",
                *(frame.units.get(kind, 0) for kind in kinds),
                int(n_dimers),
                *(frame.bonds[bond] for bond in bonds),
            )
            for time, frame, n_dimers in zip(self.times_ps, self.frames, self.dimers.counts(), strict=True)
        ]
        return {"": Table(("time_ps", *kinds, "s2_dimers", *(f"bonds_{bond}" for bond in bonds)), rows)}

    def mean_bonds(self) -> dict[str, float]:
        """Mean number of each kind of bond.

        Returns
        -------
        dict of str to float
            By bond.
        """
        return {bond: sum(frame.bonds[bond] for frame in self.frames) / len(self.frames) for bond in self.histories}

    def exchanges(self) -> list[Exchange]:
        """Sulfur exchanged for oxygen.

        Returns
        -------
        list of Exchange
            In order of time.
        """
        from mlip_interfaces.analysis.chemistry import exchanges

        return exchanges(self.histories["P-O"], self.histories["P-S"], self.window_frames)

    def lines(self) -> list[str]:
        """Units, dimers, reaction bonds and exchanges, as means over frames."""
        units = ", ".join(f"{kind} {mean:.3g}" for kind, mean in self.mean_units().items() if mean > 0.05)
        lines = [f"phosphorus units: {units or 'none'}; mean of {len(self.frames)} frames"] if self.n_phosphorus else []
        lines.append(f"S2 dimers: {self.dimers.counts().mean():.3g}, {_new(self.dimers)} formed")
        bonds = self.mean_bonds()
        for bond in (bond for bond in self.request.reaction_bonds if bond in bonds):
            history = self.histories[bond]
            lines.append(f"{bond} bonds: {bonds[bond]:.3g}, {_new(history)} formed, {len(history.broken)} broken")
        return [*lines, f"exchanges of sulfur for oxygen: {len(self.exchanges())}"]

    def draw(self) -> Figure:
        """Phosphorus units, S2 dimers and the bonds of reactions against time."""
        from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty

        figure, axes = new_figure(1, 3, height=2.9)
        first, second, third = axes[0]
        kinds = list(self.mean_units())[:6]
        for number, kind in enumerate(kinds):
            counts = [frame.units.get(kind, 0) for frame in self.frames]
            first.plot(self.times_ps, counts, color=PALETTE[number % len(PALETTE)], label=kind)
        if kinds:
            first.legend()
        else:
            note_empty(first, "no phosphorus")
        first.set_ylabel("P units")
        dimers = self.dimers.counts()
        second.plot(self.times_ps, dimers, color=PALETTE[1])
        second.set_ylim(-0.05, max(1.0, 1.1 * float(np.max(dimers))))
        second.set_ylabel("S₂ dimers")
        bonds = [bond for bond in self.request.reaction_bonds if bond in self.histories]
        for number, bond in enumerate(bonds):
            counts = [frame.bonds[bond] for frame in self.frames]
            third.plot(self.times_ps, counts, color=PALETTE[number % len(PALETTE)], label=bond)
        if bonds:
            third.legend()
        third.set_ylabel("bonds")
        for ax in axes[0]:
            ax.set_xlabel("time (ps)")
        return figure


def _new(history: BondHistory) -> int:
    """Bonds that were made, those of the start not counted."""
    return sum(frame > 0 for frame, _, _ in history.formed)
