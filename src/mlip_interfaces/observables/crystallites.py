"""Crystallites: grains of the anion sublattice, their phase, size, orientation, and their number against time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.analysis.depths import cell_height, depth_shares
from mlip_interfaces.chemistry.bonds import POLYANION_BONDS_ANGSTROM, bond_lengths_angstrom
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.request import Names, Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, measured, number
from mlip_interfaces.settings import Count, Distance, Picoseconds, Span

if TYPE_CHECKING:
    from mlip_interfaces.analysis.crystallites import BondOrder, Grain
    from mlip_interfaces.analysis.lattice_fit import PointGroup
    from mlip_interfaces.figures import Axes, Figure

ANIONS = ("S", "P", "O", "F", "Cl", "Br", "I", "N", "Se", "Te")
"""One sublattice, as far as they are there."""

LIGANDS = ("S", "O", "Se")
"""An atom of another element that is bonded to one of these is the centre of a polyanion."""

UNKNOWN = "unknown"
SHELL_ANGSTROM = 3.5
"""Within which a cation belongs to the grain of its nearest anion."""

MOST_TURNED, MOST_DRAWN = 10, 4000
"""Grains whose orientations are compared wherever they are, the largest; atoms drawn."""

OF_A_GRAIN = (
    "grain", "phase", "packing", "n_atoms", "n_anions", "diameter_angstrom", "spacing_angstrom", "depth_angstrom", "q4", "q6", "misfit",
    "normal_1", "normal_2", "normal_3", "nearest_axis", "nearest_axis_degrees", "c_axis_degrees",
)  # fmt: skip
"""Columns of a grain."""


class Crystallites(Request):
    """Crystallites of the anion sublattice: phase, size, orientation, number against time."""

    kind: ClassVar[str] = "crystallites"
    summary: ClassVar[str] = "crystallites of the anion sublattice: phase, size, orientation"
    table_ends: ClassVar[tuple[str, ...]] = ("", "phases", "grains", "every_grain", "misorientations")

    anions: Annotated[Names | None, Option("S,Cl")] = Field(
        None, description=f"Elements of the sublattice; when left out, those of {', '.join(ANIONS)} that are there."
    )
    rules: Annotated[str | None, Option("FILE")] = Field(
        None, description="YAML of rules of phases that come before those of the package."
    )
    polyanions: Literal["left_out", "kept"] = Field(
        "left_out",
        description="Atoms bonded to the centre of a polyanion, as S of PS4: kept in the sublattice, crystals of the electrolyte are found too "
        "where these have a lattice, as in Li3PS4.",
    )
    average_ps: Annotated[Span, Option("T")] = Field(1.0, description="Positions are averaged over this time first.")
    every_ps: Annotated[Picoseconds | None, Option("T")] = Field(
        None, description="Time between two looks; every window of the average when left out."
    )
    reach_angstrom: Annotated[Distance, Option("R")] = Field(
        6.5, description="Within which an atom finds its twelve nearest of the sublattice."
    )
    least_correlation: Annotated[float, Option("X")] = Field(
        0.7, gt=0, lt=1, description="Of the q6 of two neighbours whose surroundings are turned alike: a bond."
    )
    least_bonds: Annotated[int, Option("N")] = Field(
        7, ge=1, le=12, description="Of an atom in the core of a grain; of twelve."
    )
    surface_bonds: Annotated[int, Option("N")] = Field(
        2, ge=1, le=12, description="To one core, of an atom that belongs to its surface."
    )
    least_atoms: Annotated[Count, Option("N")] = Field(10, description="Anions of a grain.")

    def anions_among(self, symbols: NDArray[np.str_]) -> tuple[str, ...]:
        """Elements of the sublattice.

        Parameters
        ----------
        symbols : (n_atoms,) str array
            Of the trajectory.

        Returns
        -------
        tuple of str
            As asked for, else those known.

        Raises
        ------
        AnalysisError
            If one that was asked for is not there, or there is none.
        """
        there = dict.fromkeys(symbols.tolist())
        for name in self.anions or ():
            if name not in there:
                raise AnalysisError(f"There is no {name} for the sublattice of anions; there are {', '.join(there)}.")
        found = self.anions or tuple(name for name in ANIONS if name in there)
        if not found:
            raise AnalysisError(
                f"There is no anion among {', '.join(there)}; name the elements of the sublattice with `anions`."
            )
        return found

    def observe(self, start: Start) -> Observer:
        """Look for grains in averaged positions.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _CrystallitesObserver(self, start)


@dataclass(frozen=True, slots=True)
class Look:
    """Grains at one time.

    Attributes
    ----------
    time_ps : float, ps
        Middle of the window.
    n_anions : int
        On the sublattice.
    grains : tuple of NamedGrain
        The largest first.
    """

    time_ps: float
    n_anions: int
    grains: tuple[NamedGrain, ...]

    def of(self, phase: str | None) -> tuple[NamedGrain, ...]:
        """Grains of one phase.

        Parameters
        ----------
        phase : str or None
            Of all phases where it is None.

        Returns
        -------
        tuple of NamedGrain
            The largest first.
        """
        return tuple(grain for grain in self.grains if phase in (None, grain.phase))

    def share(self, phase: str | None = None) -> float:
        """Share of the sublattice in grains.

        Parameters
        ----------
        phase : str or None, optional
            Of it, or of all phases.

        Returns
        -------
        float
            Zero without a grain.
        """
        return sum(grain.n_anions for grain in self.of(phase)) / max(self.n_anions, 1)

    def largest_angstrom(self, phase: str | None = None) -> float:
        """Diameter of the largest grain.

        Parameters
        ----------
        phase : str or None, optional
            Of it, or of all phases.

        Returns
        -------
        float, angstrom
            Zero without a grain.
        """
        return max((grain.diameter_angstrom for grain in self.of(phase)), default=0.0)


@dataclass(frozen=True, slots=True)
class NamedGrain:
    """A grain at one time.

    Attributes
    ----------
    phase : str
        That most of its anions have; ``unknown`` where no rule names it.
    packing : str
        ``sc``, ``fcc``, ``hcp``, ``bcc`` or ``other``.
    misfit : float
        Of the lattice that fits best, in distances of neighbours.
    axes : (3, 3) float array or None
        Columns are its axes, the choice that is turned least; None where no lattice fits.
    normal : (3,) float array or None
        Of the interface, as the crystal sees it.
    n_atoms, n_anions : int
        With the cations whose nearest anion it holds, and without.
    anions : dict of str to int
        Of each element.
    diameter_angstrom : float, angstrom
        Of the sphere of its volume.
    spacing_angstrom : float, angstrom
        Mean distance of neighbouring anions.
    depth_angstrom : float, angstrom
        Of its middle, from the corner of the cell and across the planes of a and b.
    q4, q6 : float
        Order of its mean neighbourhood.
    """

    phase: str
    packing: str
    misfit: float
    axes: NDArray[np.float64] | None
    normal: NDArray[np.float64] | None
    n_atoms: int
    n_anions: int
    anions: dict[str, int]
    diameter_angstrom: float
    spacing_angstrom: float
    depth_angstrom: float
    q4: float
    q6: float

    @property
    def group(self) -> PointGroup | None:
        """Rotations of its lattice; None where no lattice fits."""
        from mlip_interfaces.analysis.lattice_fit import POINT_GROUPS

        return POINT_GROUPS.get(self.packing)

    @property
    def nearest_axis(self) -> tuple[str, float] | None:
        """Axis of low index that is nearest to the normal of the interface, and the angle between them, degrees."""
        from mlip_interfaces.analysis.lattice_fit import nearest_axis

        group = self.group
        return None if self.normal is None or group is None else nearest_axis(self.normal, group)

    @property
    def c_axis_degrees(self) -> float | None:
        """Angle of the sixfold axis to the normal of the interface; None but for hcp."""
        if self.normal is None or self.group != "D6":
            return None
        return float(np.degrees(np.arctan2(np.hypot(self.normal[0], self.normal[1]), self.normal[2])))


class Boundary(NamedTuple):
    """Two grains of the last look.

    Attributes
    ----------
    first, second : int
        Their numbers, from 1.
    angle_degrees : float, degrees
        The smallest that turns the one into the other.
    axis : (3,) float array or None
        About which, in the standard triangle of their symmetry; None without a turn.
    n_contacts : int
        Pairs of neighbours across, zero where they do not touch.
    """

    first: int
    second: int
    angle_degrees: float
    axis: NDArray[np.float64] | None
    n_contacts: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """Anions of the last look that are drawn.

    Attributes
    ----------
    across_angstrom, depth_angstrom : (n,) float array, angstrom
        Along a, and from the corner of the cell across the planes of a and b.
    averaged_q4, averaged_q6 : (n,) float array
        Order averaged over neighbours.
    grain : (n,) int array
        Number of the grain, -1 for none.
    """

    across_angstrom: NDArray[np.float64]
    depth_angstrom: NDArray[np.float64]
    averaged_q4: NDArray[np.float64]
    averaged_q6: NDArray[np.float64]
    grain: NDArray[np.int64]


class _CrystallitesObserver(Observer):
    def __init__(self, request: Crystallites, start: Start) -> None:
        from mlip_interfaces.analysis.phase_rules import phase_rules
        from mlip_interfaces.analysis.phases import PhaseClassifier
        from mlip_interfaces.analysis.position_mean import WindowMeans

        super().__init__()
        self._request, self._symbols = request, start.trajectory.symbols
        self._anions = request.anions_among(self._symbols)
        self._is_anion = np.isin(self._symbols, self._anions)
        self._elements = set(self._symbols.tolist())
        rules = phase_rules(request.rules)
        try:
            self._classifier: PhaseClassifier | None = PhaseClassifier(self._symbols, rules)
        except AnalysisError as error:
            self._classifier = None
            self.notes.append(str(error))
        self._windows = WindowMeans(request.average_ps, request.every_ps)
        self._looks: list[Look] = []
        self._last: (
            tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], BondOrder, list[Grain]] | None
        ) = None

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Average positions; look for grains where a window is whole."""
        frames = batch.frames
        for positions, cell, corner, time in zip(
            frames.positions, frames.cells, frames.origins, frames.times_ps.tolist(), strict=True
        ):
            for mean in self._windows.add(positions - corner, cell, time):
                self._look(*mean)

    def _sublattice(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Anions that are no centre of a polyanion, nor bonded to one unless asked for."""
        from mlip_interfaces.analysis.neighbors import pairs_in_no_order

        chosen, lengths = self._is_anion.copy(), bond_lengths_angstrom()
        for center, ligand in POLYANION_BONDS_ANGSTROM:
            if ligand in LIGANDS and center != ligand and {center, ligand} <= self._elements:
                first, second, _ = pairs_in_no_order(
                    positions,
                    cell,
                    lengths[f"{center}-{ligand}"],
                    first_mask=self._symbols == center,
                    second_mask=self._symbols == ligand,
                )
                chosen[first] = False
                if self._request.polyanions == "left_out":
                    chosen[second] = False
        return chosen

    def _grains(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> tuple[BondOrder, list[Grain]]:
        from mlip_interfaces.analysis.crystallites import bond_order, grains

        request = self._request
        order = bond_order(positions, cell, request.reach_angstrom, least_correlation=request.least_correlation)
        found = grains(
            order, least_bonds=request.least_bonds, surface_bonds=request.surface_bonds, least_atoms=request.least_atoms
        )
        return order, found

    def _look(self, scaled: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> None:
        positions = scaled @ cell
        anions = np.flatnonzero(self._sublattice(positions, cell))
        order, found = self._grains(positions[anions], cell)
        named = self._named(positions, cell, anions, found) if found else ()
        self._looks.append(Look(time_ps, anions.size, named))
        self._last = positions, cell, anions, order, found

    def finish(self, record: Record) -> CrystallitesResult | None:
        """Grains of all looks by name, and what is drawn of the last."""
        from mlip_interfaces.analysis.crystallites import contacts

        if not self._looks:
            rest = self._windows.rest()
            if rest is None:
                return None
            self._look(*rest)
        assert self._last is not None
        positions, cell, anions, order, found = self._last
        shown = np.arange(0, anions.size, max(1, -(-anions.size // MOST_DRAWN)))
        across, depths = (depth_shares(positions[anions[shown]], cell, np.zeros(3), axis=axis) for axis in (0, 2))
        q4, q6 = (order.q(degree, averaged=True)[shown] for degree in (4, 6))
        of_anion = np.full(anions.size, -1)
        for row, grain in enumerate(found):
            of_anion[grain.atoms] = row
        a, height = float(np.linalg.norm(cell[0])), float(cell_height(cell))
        drawn = Drawn(across * a, depths * height, q4, q6, of_anion[shown])
        return CrystallitesResult(self._request, self._anions, tuple(self._looks), contacts(order, found), drawn)

    def _named(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], anions: NDArray[np.int64], found: list[Grain]
    ) -> tuple[NamedGrain, ...]:  # fmt: skip
        from mlip_interfaces.analysis.lattice_fit import POINT_GROUPS, direction_in_crystal

        grain_of = np.full(positions.shape[0], -1)
        for row, grain in enumerate(found):
            grain_of[anions[grain.atoms]] = row
        numbers = np.bincount(self._with_cations(positions, cell, anions, grain_of) + 1, minlength=len(found) + 1)[1:]
        names = self._phase_names(positions, cell)
        depths, height = depth_shares(positions, cell, np.zeros(3)), float(cell_height(cell))
        across = np.cross(cell[0], cell[1])
        named = []
        for row, grain in enumerate(found):
            own = anions[grain.atoms]
            middle = np.angle(np.exp(2j * np.pi * depths[own]).mean()) / (2.0 * np.pi) % 1.0
            named.append(
                NamedGrain(
                    phase=Counter(names[own].tolist()).most_common(1)[0][0],
                    packing=grain.packing,
                    misfit=grain.misfit,
                    axes=grain.axes,
                    normal=None
                    if grain.axes is None
                    else direction_in_crystal(grain.axes, across, POINT_GROUPS[grain.packing]),
                    n_atoms=int(numbers[row]),
                    n_anions=own.size,
                    anions=dict(Counter(self._symbols[own].tolist()).most_common()),
                    diameter_angstrom=grain.diameter_angstrom,
                    spacing_angstrom=grain.spacing_angstrom,
                    depth_angstrom=float(middle) * height,
                    q4=grain.q4,
                    q6=grain.q6,
                )
            )
        return tuple(named)

    def _with_cations(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64], anions: NDArray[np.int64], grain_of: NDArray[np.int64]
    ) -> NDArray[np.int64]:  # fmt: skip
        """Grain of every atom: that of an anion, and that of the anion nearest to another atom."""
        from mlip_interfaces.analysis.neighbors import pairs_in_no_order

        is_anion = np.zeros(len(positions), dtype=bool)
        is_anion[anions] = True
        first, second, vectors = pairs_in_no_order(
            positions, cell, SHELL_ANGSTROM, first_mask=~is_anion, second_mask=is_anion
        )
        far_first = np.argsort(-np.einsum("pd,pd->p", vectors, vectors), kind="stable")
        nearest = np.full(len(positions), -1)
        # The last one that is written is the nearest.
        nearest[first[far_first]] = second[far_first]
        return np.where(is_anion, grain_of, np.where(nearest >= 0, grain_of[nearest], -1))

    def _phase_names(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.str_]:
        if self._classifier is None:
            return np.full(len(positions), UNKNOWN)
        found = self._classifier.classify(positions, cell)
        return np.array(found.names)[found.codes]


@dataclass(frozen=True, slots=True)
class CrystallitesResult(Result):
    """Crystallites of a run.

    Attributes
    ----------
    request : Crystallites
        What was asked for.
    anions : tuple of str
        Elements of the sublattice.
    looks : tuple of Look
        In order of time.
    contacts : dict of (int, int) to int
        Pairs of neighbours across the boundaries of grains of the last look, by their numbers from 0.
    drawn : Drawn
        Its anions.
    """

    request: Crystallites
    anions: tuple[str, ...]
    looks: tuple[Look, ...]
    contacts: dict[tuple[int, int], int]
    drawn: Drawn

    @property
    def grains(self) -> tuple[NamedGrain, ...]:
        """Of the last look, the largest first."""
        return self.looks[-1].grains

    @property
    def at_start(self) -> tuple[str, ...]:
        """Phases that have grains at the first look: reactants, as an electrode, or what was there before."""
        return tuple(dict.fromkeys(grain.phase for grain in self.looks[0].grains))

    @property
    def phases(self) -> tuple[str, ...]:
        """Phases that have grains at any look: those that have none at the first, products, by what is in them at the end; then others."""
        most: Counter[str] = Counter()
        for look in self.looks:
            for grain in look.grains:
                most[grain.phase] += grain.n_anions if look is self.looks[-1] else 0
        return tuple(sorted(most, key=lambda name: (name in self.at_start, -most[name], name)))

    @property
    def times_ps(self) -> NDArray[np.float64]:
        """Of the looks, shape (n_looks,), ps."""
        return np.array([look.time_ps for look in self.looks])

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Grains at each look, shape (n_looks,)."""
        return np.array([len(look.grains) for look in self.looks])

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the sublattice that is in grains at each look, shape (n_looks,)."""
        return np.array([look.share() for look in self.looks])

    @property
    def largest_angstrom(self) -> NDArray[np.float64]:
        """Diameter of the largest grain at each look, zero without one, shape (n_looks,), angstrom."""
        return np.array([look.largest_angstrom() for look in self.looks])

    def misorientations(self) -> list[Boundary]:
        """Turns between grains of one symmetry: those that touch, and the ten largest wherever they are.

        Returns
        -------
        list of Boundary
            In order of the grains.
        """
        from mlip_interfaces.analysis.lattice_fit import misorientation

        largest = combinations(range(min(MOST_TURNED, len(self.grains))), 2)
        found = []
        for i, j in sorted({*largest, *self.contacts}):
            one, other = self.grains[i], self.grains[j]
            if one.axes is not None and other.axes is not None and one.group is not None and one.group == other.group:
                angle, axis = misorientation(one.axes, other.axes, one.group)
                found.append(Boundary(i + 1, j + 1, angle, axis, self.contacts.get((i, j), 0)))
        return found

    def to_dict(self) -> dict[str, object]:
        """Content of ``crystallites.json``."""
        return {
            "grains": [self._entry(grain) for grain in self.grains],
            "misorientations": [
                boundary._asdict() | {"axis": None if boundary.axis is None else boundary.axis.tolist()}
                for boundary in self.misorientations()
            ],
            "crystalline_fraction": float(self.shares[-1]),
            "crystalline_fraction_by_phase": {phase: self.looks[-1].share(phase) for phase in self.phases},
            "phases_at_start": list(self.at_start),
            "mean_diameter_angstrom": self._mean_diameter(),
            "history": {
                "times_ps": self.times_ps.tolist(),
                "n_grains": self.numbers.tolist(),
                "crystalline_fraction": self.shares.tolist(),
                "largest_diameter_angstrom": self.largest_angstrom.tolist(),
                "by_phase": {
                    phase: {
                        "n_grains": [len(look.of(phase)) for look in self.looks],
                        "crystalline_fraction": [look.share(phase) for look in self.looks],
                        "largest_diameter_angstrom": [look.largest_angstrom(phase) for look in self.looks],
                    }
                    for phase in self.phases
                },
            },
            "settings": self.request.settings()
            | self.request.file_hashes()
            | {
                "anions": list(self.anions),
                "definition": "anions with at least least_bonds of 12 neighbours whose q6 correlates, connected by such bonds, and "
                "the anions bonded to them",
                "definition_of_orientation": "lattice (sc, fcc, hcp, bcc) fitted to the bonds of the core; `normal` is that of the plane of "
                "a and b, in axes of the crystal, in the standard triangle",
            },
        }

    def _entry(self, grain: NamedGrain) -> dict[str, object]:
        nearest, angle = grain.nearest_axis or (None, None)
        return {
            "phase": grain.phase,
            "n_atoms": grain.n_atoms,
            "diameter_angstrom": grain.diameter_angstrom,
            "packing": grain.packing,
            "n_anions": grain.n_anions,
            "anions": grain.anions,
            "spacing_angstrom": grain.spacing_angstrom,
            "depth_angstrom": grain.depth_angstrom,
            "q4": grain.q4,
            "q6": grain.q6,
            "misfit": number(grain.misfit),
            "axes": None if grain.axes is None else grain.axes.tolist(),
            "normal": None if grain.normal is None else grain.normal.tolist(),
            "nearest_axis": nearest,
            "nearest_axis_degrees": angle,
            "c_axis_degrees": grain.c_axis_degrees,
        }

    def _mean_diameter(self) -> float | None:
        """Of the grains of the last look, by their anions."""
        sizes = np.array([grain.n_anions for grain in self.grains], dtype=np.float64)
        diameters = np.array([grain.diameter_angstrom for grain in self.grains])
        return number(float((sizes * diameters).sum() / sizes.sum())) if sizes.size else None

    def tables(self) -> dict[str, Table]:
        """Number and size against time; grains of the last look, and the turns between them."""
        of_time = [
            (f"{look.time_ps:.6g}", len(look.grains), f"{share:.6g}", f"{largest:.6g}")
            for look, share, largest in zip(self.looks, self.shares, self.largest_angstrom, strict=True)
        ]
        of_phases = [
            (
                f"{look.time_ps:.6g}",
                phase,
                len(look.of(phase)),
                f"{look.share(phase):.6g}",
                f"{look.largest_angstrom(phase):.6g}",
            )
            for look in self.looks
            for phase in self.phases
        ]
        grains = [_row(number, grain) for number, grain in enumerate(self.grains, start=1)]
        every = [
            (f"{look.time_ps:.6g}", *_row(number, grain))
            for look in self.looks
            for number, grain in enumerate(look.grains, start=1)
        ]
        turns = [
            (turn.first, turn.second, turn.n_contacts, _cell(turn.angle_degrees), *_cells(turn.axis))
            for turn in self.misorientations()
        ]
        return {
            "": Table(("time_ps", "n_grains", "crystalline_fraction", "largest_diameter_angstrom"), of_time),
            "phases": Table(
                ("time_ps", "phase", "n_grains", "crystalline_fraction", "largest_diameter_angstrom"), of_phases
            ),
            "grains": Table(OF_A_GRAIN, grains),
            "every_grain": Table(("time_ps", *OF_A_GRAIN), every),
            "misorientations": Table(
                ("first", "second", "n_contacts", "angle_degrees", "axis_1", "axis_2", "axis_3"), turns
            ),
        }  # fmt: skip

    def headlines(self) -> list[Headline]:
        """Share in grains of products and the largest of them, as means over the run; apart what was crystalline from the start."""
        products = [phase for phase in self.phases if phase not in self.at_start]
        told = [
            _mean(
                "crystalline share of the anions (products)",
                [sum(map(look.share, products)) for look in self.looks],
            ),
            _mean(
                "largest crystallite of a product (Å)",
                [max(map(look.largest_angstrom, products), default=0.0) for look in self.looks],
            ),
        ]
        if self.at_start:
            shares = [sum(map(look.share, self.at_start)) for look in self.looks]
            told.append(_mean("crystalline share of the anions (from the start)", shares))
        return told

    def lines(self) -> list[str]:
        """Number of grains, their share and sizes at the end, and how the share went."""
        n_anions, looks = self.looks[-1].n_anions, len(self.looks)
        sublattice = "/".join(self.anions)
        if n_anions == 0:
            first = f"every {sublattice} is in a polyanion at the end, and none is left for a sublattice (`polyanions: kept` takes them)"
        elif not self.grains:
            first = f"no crystallite among {n_anions} {sublattice} at the end"
        else:
            phases = Counter(grain.phase for grain in self.grains)
            of_phases = ", ".join(f"{n} {phase}" for phase, n in phases.most_common())
            first = (
                f"{len(self.grains)} crystallites at the end ({of_phases}), {100 * self.shares[-1]:.3g} % of {n_anions} {sublattice}; "
                f"the largest {self.grains[0].diameter_angstrom:.3g} angstrom across ({self.grains[0].packing})"
            )
        share = _mean("", self.shares.tolist())
        mean = f"share in crystallites, of all phases, {measured(share.value, share.error)}, mean of {looks} looks"
        said = f"{', '.join(self.at_start)}: crystalline from the start" if self.at_start else ""
        return [first, *self._turned_lines(), mean, *filter(None, [said])]

    def _turned_lines(self) -> list[str]:
        """How the largest grain of a product is turned, else the largest, and those that touch against each other."""
        if not self.grains:
            return []
        largest = next((grain for grain in self.grains if grain.phase not in self.at_start), self.grains[0])
        if largest.nearest_axis is None:
            return [
                f"the largest of {largest.phase} fits no lattice (misfit {largest.misfit:.2g} distances of neighbours)"
            ]
        name, angle = largest.nearest_axis
        lines = [
            f"{name} of the largest of {largest.phase} is {angle:.3g} degrees from the normal of the interface (misfit {largest.misfit:.2g})"
        ]
        touching = [turn.angle_degrees for turn in self.misorientations() if turn.n_contacts]
        if touching:
            span = f"{min(touching):.3g}" if len(touching) == 1 else f"{min(touching):.3g} to {max(touching):.3g}"
            pairs = (
                "1 pair of crystallites touches"
                if len(touching) == 1
                else f"{len(touching)} pairs of crystallites touch"
            )
            lines.append(f"{pairs}, turned against each other by {span} degrees")
        return lines

    def draw(self) -> Figure:
        """Number and share against time, sizes, order, where the grains are and how they are turned."""
        from mlip_interfaces.figures.orientation_plots import draw_normals, draw_turns
        from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty

        figure, axes = new_figure(2, 3, width=13.0, height=6.4)
        (history, sizes, normals), (order, place, turns) = axes
        marker = "o" if len(self.looks) < 60 else None
        history.plot(self.times_ps, self.numbers, color=PALETTE[0], marker=marker, ms=3)
        history.set_ylim(0, max(1.0, 1.15 * float(self.numbers.max())))
        history.set_xlabel("time (ps)")
        history.set_ylabel("crystallites", color=PALETTE[0])
        share = history.twinx()
        share.plot(self.times_ps, 100 * self.shares, color=PALETTE[1], marker=marker, ms=3)
        share.set_ylim(0, max(1.0, 115 * float(self.shares.max())))
        share.set_ylabel("share of the anions (%)", color=PALETTE[1])
        if self.grains:
            phases = list(dict.fromkeys(grain.phase for grain in self.grains))
            largest = max(grain.diameter_angstrom for grain in self.grains)
            edges = np.linspace(0.0, 1.1 * largest, 23)
            found = [[grain.diameter_angstrom for grain in self.grains if grain.phase == phase] for phase in phases]
            colors = [PALETTE[row % len(PALETTE)] for row in range(len(phases))]
            sizes.hist(found, bins=list(edges), stacked=True, label=phases, color=colors)
            sizes.set_xlabel("diameter at the end (Å)")
            sizes.set_ylabel("crystallites")
            sizes.legend()
        else:
            note_empty(sizes, "no crystallite at the end")
            sizes.set_title("sizes", loc="left")
        self._draw_order(order)
        self._draw_place(place)
        draw_normals(normals, [
            (row, grain.group, grain.normal, grain.diameter_angstrom)
            for row, grain in enumerate(self.grains) if grain.group is not None and grain.normal is not None
        ])  # fmt: skip
        touching = [turn for turn in self.misorientations() if turn.n_contacts]
        draw_turns(turns, [turn.angle_degrees for turn in touching], [turn.n_contacts for turn in touching])
        return figure

    def _draw_order(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE, note_empty

        drawn, inside = self.drawn, self.drawn.grain >= 0
        if not inside.size:
            note_empty(ax, "no anion outside polyanions")
            ax.set_title("order", loc="left")
            return
        for chosen, color, label in ((~inside, "#aaaaaa", "elsewhere"), (inside, PALETTE[0], "in crystallites")):
            if chosen.any():
                ax.plot(drawn.averaged_q4[chosen], drawn.averaged_q6[chosen], ".", ms=3, color=color, label=label)
        # Of the twelve nearest: in bcc eight, and four of the next six.
        for name, q4, q6 in (("fcc", 0.19094, 0.57452), ("hcp", 0.09722, 0.48476), ("bcc", 0.08487, 0.53687)):
            ax.plot(q4, q6, "+", color="#000000", ms=8)
            ax.annotate(name, (q4, q6), textcoords="offset points", xytext=(5, 3), fontsize=8)
        ax.set_xlabel("q4 averaged over neighbours")
        ax.set_ylabel("q6 averaged over neighbours")
        ax.legend()

    def _draw_place(self, ax: Axes) -> None:
        from mlip_interfaces.figures.style import PALETTE

        drawn = self.drawn
        for row in range(-1, int(drawn.grain.max(initial=-1)) + 1):
            own = drawn.grain == row
            color = "#cccccc" if row < 0 else PALETTE[row % len(PALETTE)]
            ax.plot(drawn.depth_angstrom[own], drawn.across_angstrom[own], ".", ms=3 if row < 0 else 5, color=color)
        ax.set_xlabel("depth (Å)")
        ax.set_ylabel("along a (Å)")
        ax.set_title("anions at the end; a colour for each crystallite", loc="left")


def _mean(name: str, values: list[float]) -> Headline:
    from mlip_interfaces.analysis.running_blocks import error_of_mean

    table = np.array(values)
    return Headline(name, float(table.mean()), error_of_mean(table))


def _row(number_of_grain: int, grain: NamedGrain) -> tuple[object, ...]:
    name, angle = grain.nearest_axis or ("", None)
    sizes = (
        grain.diameter_angstrom,
        grain.spacing_angstrom,
        grain.depth_angstrom,
        grain.q4,
        grain.q6,
        number(grain.misfit),
    )
    return (
        number_of_grain, grain.phase, grain.packing, grain.n_atoms, grain.n_anions, *map(_cell, sizes), *_cells(grain.normal), name,
        _cell(angle), _cell(grain.c_axis_degrees),
    )  # fmt: skip


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _cells(vector: NDArray[np.float64] | None) -> tuple[str, str, str]:
    if vector is None:
        return "", "", ""
    x, y, z = map(_cell, vector.tolist())
    return x, y, z
