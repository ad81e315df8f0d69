"""Bond chemistry against time: units of polyanions and what is intact of them, S2 dimers, new bonds, exchanges of S for O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator, model_validator

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start, frames_in
from mlip_interfaces.observables.request import DistanceByName, Names, Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, measured
from mlip_interfaces.settings import Picoseconds, Span

if TYPE_CHECKING:
    from mlip_interfaces.analysis.chemistry import BondHistory, Exchange, FrameChemistry
    from mlip_interfaces.figures import Axes, Figure
    from mlip_interfaces.trajectory import TrajectoryReader


BOND = re.compile(r"([A-Z][a-z]?)-([A-Z][a-z]?)")

POLYANION_CENTERS = ("P", "Si", "Ge", "Sn", "As", "Sb", "B", "C")
"""Elements whose units are counted where a request names no other."""


def _as_in(bond: str, known: Collection[str]) -> str:
    """A bond with its elements in the order that is known, for S-P is P-S."""
    match = BOND.fullmatch(bond)
    if match is None:
        raise ValueError(f"'{bond}' is no bond; write P-S")
    turned = f"{match[2]}-{match[1]}"
    return turned if turned in known else bond


class Chemistry(Request):
    """Units of polyanions and what is intact of them, S2 dimers, new bonds and exchanges of sulfur for oxygen."""

    kind: ClassVar[str] = "chemistry"
    summary: ClassVar[str] = "units of polyanions, S2 dimers, new bonds, O-S exchanges"

    min_lifetime_ps: Annotated[Span, Option("T")] = Field(0.1, description="Shorter bonds are collisions.")
    exchange_window_ps: Annotated[Picoseconds, Option("T")] = Field(
        1.0, description="A P-O bond made and a P-S bond broken within it are an exchange."
    )
    bond_cutoffs_angstrom: Annotated[DistanceByName, Option("P-S=2.6")] = Field(
        {},
        description="Longest length of a bond, where it shall differ from the table of `mlip_interfaces.chemistry.bonds`.",
    )
    reaction_bonds: Annotated[Names, Option("P-O,Co-S")] = Field(
        ("P-O", "Co-S", "P-P"),
        description="Bonds that only a reaction makes: drawn against time, as far as their elements are there.",
    )
    centers: Annotated[Names | None, Option("P,Ge")] = Field(
        None,
        description="Elements at the centre of units; when left out, those of P, Si, Ge, Sn, As, Sb, B and C that are there.",
    )
    ligands: Annotated[Names, Option("S,O")] = Field(
        ("S", "O"),
        validate_default=True,
        description="Elements that belong to a unit when they are bonded to its centres.",
    )
    layer: Annotated[str | None, Option("NAME", choice="which")] = Field(
        None, description="Only centres, and first atoms of bonds, that started in this layer; all when left out."
    )
    outside_layer: Annotated[str | None, Option("NAME", choice="which")] = Field(
        None,
        description="Only centres, and first atoms of bonds, that started in another layer than this one. In a study that compares "
        "thicknesses of a layer it is that layer when left out: a coating with units of its own dilutes what the others lose.",
    )

    @field_validator("bond_cutoffs_angstrom")
    @classmethod
    def _bonds(cls, value: dict[str, float]) -> dict[str, float]:
        named: dict[str, float] = {}
        for bond, cutoff in value.items():
            name = _as_in(bond, _known_lengths() | named)
            if name in named:
                raise ValueError(f"gives {name} twice")
            named[name] = cutoff
        return named

    @field_validator("reaction_bonds")
    @classmethod
    def _with_cutoffs(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = _known_lengths() | info.data.get("bond_cutoffs_angstrom", {})
        named = tuple(_as_in(bond, known) for bond in value)
        for bond in named:
            if bond not in known:
                raise ValueError(f"names {bond}, whose longest length is not known; give it in `bond_cutoffs_angstrom`")
        return named

    @field_validator("ligands")
    @classmethod
    def _around_centers(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = [name for name in info.data.get("centers") or () if name in value]
        if both:
            raise ValueError(f"names {both[0]}, which is one of `centers` too")
        return value

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.layer is not None and self.outside_layer is not None:
            raise ValueError("has both `layer` and `outside_layer`; leave out one of them")
        return self

    def check(self, elements: Collection[str], layers: Collection[str]) -> None:
        """Whether the layers named are there.

        Parameters
        ----------
        elements : collection of str
            Of the study.
        layers : collection of str
            Names of its layers.

        Raises
        ------
        ValueError
            If one is not.
        """
        super().check(elements, layers)
        if self.outside_layer is not None and self.outside_layer not in layers:
            raise ValueError(f"outside_layer is '{self.outside_layer}', but the layers are {', '.join(sorted(layers))}")

    @property
    def where(self) -> str:
        """Which of all atoms count, in words that follow their element; empty where all do."""
        if self.layer is not None:
            return f" of the layer '{self.layer}'"
        return "" if self.outside_layer is None else f" outside the layer '{self.outside_layer}'"

    def counted(self, trajectory: TrajectoryReader) -> NDArray[np.bool_]:
        """Atoms that may be a centre, and whose bonds count.

        Parameters
        ----------
        trajectory : TrajectoryReader
            Its layers.

        Returns
        -------
        (n_atoms,) bool array
            All where neither `layer` nor `outside_layer` is asked for, and where no atom started in the latter.

        Raises
        ------
        AnalysisError
            If there are no labels of layers, `layer` has no atom, or all atoms are of `outside_layer`.
        """
        from mlip_interfaces.trajectory.selection import layer_mask

        if self.layer is not None:
            return layer_mask(trajectory, self.layer)
        if self.outside_layer is None:
            return np.ones(trajectory.n_atoms, dtype=bool)
        if trajectory.layers is None:
            raise AnalysisError(f"{trajectory.name} has no layer labels; give `layers` (layers.json).")
        outside = np.asarray(trajectory.layers != self.outside_layer)
        if not outside.any():
            raise AnalysisError(
                f"All atoms of {trajectory.name} are of the layer '{self.outside_layer}', so that none is outside of it."
            )
        return outside

    def centers_among(self, elements: Collection[str]) -> tuple[str, ...]:
        """Elements at the centre of units.

        Parameters
        ----------
        elements : collection of str
            Of the trajectory.

        Returns
        -------
        tuple of str
            As asked for; else the elements of polyanions that are there with a ligand.
        """
        if self.centers is not None:
            return self.centers
        bonds, ligands = _known_lengths(), [ligand for ligand in self.ligands if ligand in elements]
        return tuple(
            center
            for center in POLYANION_CENTERS
            if center in elements
            and center not in self.ligands
            and (center == "P" or any(f"{center}-{ligand}" in bonds for ligand in ligands))
        )

    def cutoffs_angstrom(self, elements: Collection[str] = ()) -> dict[str, float]:
        """Longest length of every bond looked for.

        Parameters
        ----------
        elements : collection of str, optional
            Of the trajectory.

        Returns
        -------
        dict of str to float, angstrom
            The table, bonds of units and of reactions that it lacks, and what was asked for.
        """
        from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM

        lengths = _known_lengths()
        of_units = [f"{center}-{ligand}" for center in self.centers_among(elements) for ligand in self.ligands]
        more = {bond: lengths[bond] for bond in (*of_units, *self.reaction_bonds) if bond in lengths}
        return BOND_CUTOFFS_ANGSTROM | more | self.bond_cutoffs_angstrom

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
        Units by formula.
    bonds : dict of str to int
        Bonds by kind.
    n_polysulfides : int
        Chains and rings of three and more sulfur atoms.
    n_intact : int
        Centres with as many neighbours of each element as in the first frame of the file.
    """

    units: dict[str, int]
    bonds: dict[str, int]
    n_polysulfides: int
    n_intact: int


@dataclass(frozen=True, slots=True)
class PerAtom:
    """A number per atom.

    Attributes
    ----------
    mean, error : float
        Over the frames, and its standard error from parts of the run.
    """

    mean: float
    error: float

    @classmethod
    def of(cls, counts: Sequence[int] | NDArray[np.floating | np.integer], n_atoms: int) -> PerAtom:
        """What counts of frames are per atom.

        Parameters
        ----------
        counts : (n_frames,) int or float array
            In order of time.
        n_atoms : int
            Per which they are.

        Returns
        -------
        PerAtom
            With an error of zero where there is a single frame.
        """
        from mlip_interfaces.analysis.running_blocks import error_of_mean

        shares = np.asarray(counts, dtype=np.float64) / n_atoms
        return cls(float(shares.mean()), error_of_mean(shares))


class _ChemistryObserver(Observer):
    scans = True

    def __init__(self, request: Chemistry, start: Start) -> None:
        from mlip_interfaces.analysis.chemistry import BondFinder

        super().__init__()
        self._request, self._n_atoms = request, start.trajectory.n_atoms
        self._counted = request.counted(start.trajectory)
        elements = set(start.trajectory.symbols.tolist())
        self._finder = BondFinder(
            start.trajectory.symbols,
            request.cutoffs_angstrom(elements),
            centers=request.centers_among(elements),
            ligands=request.ligands,
            counted=self._counted,
        )
        first = start.trajectory.first_frame()
        self._reference = self._finder.find(first.positions[0], first.cells[0])
        self._reference_ps = float(first.times_ps[0])
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
            self._frames.append(self._summary(frame))

    def _summary(self, frame: FrameChemistry) -> FrameSummary:
        """Numbers of a frame, held against the first of the file."""
        from mlip_interfaces.analysis.chemistry import intact_centers

        counts = {bond: len(pairs) for bond, pairs in frame.bonds.items()}
        n_intact = intact_centers(self._reference.shells, frame.shells)
        return FrameSummary(dict(frame.units), counts, frame.n_polysulfides, n_intact)

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
            tuple(np.unique(symbols).tolist()),
            Counter(symbols[self._counted].tolist()),
            self._summary(self._reference),
            self._reference_ps,
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
    elements : tuple of str
        Of the trajectory.
    n_atoms_of : Counter of str
        Atoms of each element that count.
    reference : FrameSummary
        Of the first frame of the file, which all frames are held against, whatever time is analysed.
    reference_ps : float, ps
        Its time.
    layers : (n_atoms,) str array
        Layer each atom started in.
    """

    request: Chemistry
    times_ps: NDArray[np.float64]
    frames: tuple[FrameSummary, ...]
    histories: dict[str, BondHistory]
    dimers: BondHistory
    window_frames: int
    elements: tuple[str, ...]
    n_atoms_of: Counter[str]
    reference: FrameSummary
    reference_ps: float
    layers: NDArray[np.str_]

    @property
    def centers(self) -> tuple[str, ...]:
        """Elements at the centre of units."""
        return self.request.centers_among(self.elements)

    @property
    def reaction_bonds(self) -> tuple[str, ...]:
        """Those asked for whose elements are there."""
        return tuple(bond for bond in self.request.reaction_bonds if set(bond.split("-")) <= set(self.elements))

    @property
    def n_centers(self) -> int:
        """Centres of units that have a neighbour in the first frame of the file."""
        return self.reference.n_intact

    @property
    def intact(self) -> NDArray[np.float64]:
        """Share of the centres that have as many neighbours of each element as in the first frame of the file, shape (n_frames,)."""
        return np.array([frame.n_intact for frame in self.frames]) / max(1, self.n_centers)

    @property
    def intact_at_end(self) -> float:
        """Mean of this share over the last tenth of the frames."""
        return float(self.intact[-max(1, len(self.frames) // 10) :].mean())

    @property
    def intact_per_center(self) -> PerAtom:
        """Intact centres per centre."""
        return PerAtom.of(self.intact, 1)

    @property
    def tetrahedra_per_p(self) -> PerAtom | None:
        """PS4 per P; None where P or S are not there, or no unit is looked for around P."""
        if "S" not in self.elements or not self.n_atoms_of["P"] or "P" not in self.centers:
            return None
        return PerAtom.of([frame.units.get("PS4", 0) for frame in self.frames], self.n_atoms_of["P"])

    @property
    def bonds_per_atom(self) -> dict[str, PerAtom]:
        """Bonds per atom of their first element, of every kind whose elements are there; flickers are counted."""
        return {
            bond: PerAtom.of([frame.bonds[bond] for frame in self.frames], self.n_atoms_of[bond.split("-")[0]])
            for bond in self.histories
            if set(bond.split("-")) <= set(self.elements) and self.n_atoms_of[bond.split("-")[0]]
        }

    @property
    def dimers_per_s(self) -> PerAtom | None:
        """S2 dimers that last, per S; None without S."""
        return PerAtom.of(self.dimers.counts(), self.n_atoms_of["S"]) if self.n_atoms_of["S"] else None

    def mean_units(self) -> dict[str, float]:
        """Mean number of each unit, the most frequent first.

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
            "p_s_tetrahedra_initial": self.reference.units.get("PS4", 0),
            "n_phosphorus": self.n_atoms_of["P"],
            "p_s_units_initial": self.reference.units,
            "reference_time_ps": self.reference_ps,
            "n_centers": self.n_centers,
            "intact_fraction": float(self.intact.mean()) if self.n_centers else None,
            "intact_at_end_fraction": self.intact_at_end if self.n_centers else None,
            "intact_fraction_error": self.intact_per_center.error if self.n_centers else None,
            "p_s_tetrahedra_per_p": _content(self.tetrahedra_per_p),
            "bonds_per_atom": {bond: _content(found) for bond, found in self.bonds_per_atom.items()},
            "bonds_per_atom_initial": {
                bond: self.reference.bonds[bond] / self.n_atoms_of[bond.split("-")[0]] for bond in self.bonds_per_atom
            },
            "s2_dimers_per_s": _content(self.dimers_per_s),
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
                "bond_cutoffs_angstrom": self.request.cutoffs_angstrom(self.elements),
                "centers": list(self.centers),
                "ligands": list(self.request.ligands),
                "reaction_bonds": list(self.reaction_bonds),
                "layer": self.request.layer,
                "outside_layer": self.request.outside_layer,
                "elements": list(self.elements),
                "intact": "centres with as many bonded centres and ligands of each element as in the first frame of the file",
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
                frame.n_intact,
                int(n_dimers),
                *(frame.bonds[bond] for bond in bonds),
            )
            for time, frame, n_dimers in zip(self.times_ps, self.frames, self.dimers.counts(), strict=True)
        ]
        return {"": Table(("time_ps", *kinds, "intact", "s2_dimers", *(f"bonds_{bond}" for bond in bonds)), rows)}

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

    def headlines(self) -> list[Headline]:
        """What is intact, PS4, bonds of units and reactions and S2, per atom: numbers that the size of the cell does not enter."""
        centers = ", ".join(self.centers)
        found = {f"intact share of {centers}": self.intact_per_center if self.n_centers else None}
        found["PS4 per P"] = self.tetrahedra_per_p
        of_units = [f"{center}-{ligand}" for center in self.centers for ligand in self.request.ligands]
        for bond in dict.fromkeys([*of_units, *self.reaction_bonds]):
            found[f"{bond} bonds per {bond.split('-')[0]}"] = self.bonds_per_atom.get(bond)
        found["S2 dimers per S"] = self.dimers_per_s
        return [Headline(name, share.mean, share.error) for name, share in found.items() if share is not None]

    def lines(self) -> list[str]:
        """Units, what is intact of them, dimers, reaction bonds and exchanges, as means over frames."""
        centers, n_frames = ", ".join(self.centers), len(self.frames)
        units = ", ".join(f"{kind} {mean:.3g}" for kind, mean in self.mean_units().items() if mean > 0.05)
        lines = (
            [f"units of {centers}{self.request.where}: {units or 'none'}; mean of {n_frames} frames"]
            if self.mean_units()
            else []
        )
        if self.n_centers:
            earlier = self.reference_ps < self.times_ps[0]
            before = f" of the file ({self.reference_ps:g} ps)" if earlier else ""
            lines.append(
                f"intact: {100 * self.intact.mean():.3g} % of {self.n_centers} {centers} have the neighbours of the first frame{before}, mean "
                f"of {n_frames} frames; {100 * self.intact_at_end:.3g} % in the last tenth"
            )
        per_atom = [f"{name} {measured(value, error)}" for name, value, error in self.headlines()]
        lines += [f"per atom: {', '.join(per_atom)}"] if per_atom else []
        if "S" in self.elements:
            lines.append(f"S2 dimers: {self.dimers.counts().mean():.3g}, {_new(self.dimers)} formed")
        bonds = self.mean_bonds()
        for bond in self.reaction_bonds:
            history = self.histories[bond]
            lines.append(f"{bond} bonds: {bonds[bond]:.3g}, {_new(history)} formed, {len(history.broken)} broken")
        if {"P", "S", "O"} <= set(self.elements):
            lines.append(f"exchanges of sulfur for oxygen: {len(self.exchanges())}")
        return lines or [f"nothing to count in {', '.join(self.elements)}"]

    def draw(self) -> Figure:
        """Units, the intact share of their centres, S2 dimers and the bonds of reactions against time."""
        from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty

        figure, axes = new_figure(2, 2, height=5.0, sharex=True)
        (units, intact), (sulfur, reactions) = axes
        kinds, centers = list(self.mean_units())[:6], ", ".join(self.centers)
        self._draw_counts(units, {kind: [frame.units.get(kind, 0) for frame in self.frames] for kind in kinds})
        if self.n_centers:
            intact.plot(self.times_ps, 100 * self.intact, color=PALETTE[0])
        else:
            note_empty(intact, "no centre of a polyanion")
        if not kinds:
            note_empty(units, "no centre of a polyanion")
        units.set_ylabel(f"units of {centers}" if centers else "units")
        intact.set_ylabel(f"{centers} with the neighbours\nof the first frame (%)" if centers else "intact (%)")
        intact.set_ylim(-3, 106)
        if "S" in self.elements:
            sulfur.plot(self.times_ps, self.dimers.counts(), color=PALETTE[1])
            sulfur.set_ylim(-0.05, max(1.0, 1.1 * float(np.max(self.dimers.counts()))))
        else:
            note_empty(sulfur, "no sulfur")
        sulfur.set_ylabel("S₂ dimers")
        self._draw_counts(
            reactions, {bond: [frame.bonds[bond] for frame in self.frames] for bond in self.reaction_bonds}
        )
        if not self.reaction_bonds:
            note_empty(reactions, "no elements for a bond of `reaction_bonds`")
        reactions.set_ylabel("bonds")
        for ax in axes[1]:
            ax.set_xlabel("time (ps)")
        return figure

    def _draw_counts(self, ax: Axes, counts: dict[str, list[int]]) -> None:
        """A line for each name."""
        from mlip_interfaces.figures.style import PALETTE

        for number, (name, values) in enumerate(counts.items()):
            ax.plot(self.times_ps, values, color=PALETTE[number % len(PALETTE)], label=name)
        if counts:
            ax.set_ylim(-0.05, max(1.0, 1.1 * max(max(values) for values in counts.values())))
            ax.legend()


def _content(share: PerAtom | None) -> dict[str, float] | None:
    return None if share is None else asdict(share)


def _new(history: BondHistory) -> int:
    """Bonds that were made, those of the start not counted."""
    return sum(frame > 0 for frame, _, _ in history.formed)


def _known_lengths() -> dict[str, float]:
    """Longest length of every bond that has one without being asked for, angstrom: in MD, else in a crystal."""
    from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM, POLYANION_BONDS_ANGSTROM

    return {"-".join(pair): length for pair, length in POLYANION_BONDS_ANGSTROM.items()} | BOND_CUTOFFS_ANGSTROM
