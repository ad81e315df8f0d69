"""Motion by surroundings: how fast atoms of one element move, hop and leave, by what they are bonded to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.request import DistanceByName, Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, measured, number, plain
from mlip_interfaces.settings import Distance, Span

if TYPE_CHECKING:
    from mlip_interfaces.analysis.environments import Environment
    from mlip_interfaces.figures import Axes, Figure

ALONE, OTHER = "no neighbour", "others"
"""Without a neighbour; all environments beyond the most frequent ones."""

RARE = 0.5
"""Atoms on average, below which an environment is among the others."""

MOST_NEIGHBORS = 16


class Environments(Request):
    """Diffusivity, hops and residence time of the atoms of one element by their surroundings."""

    kind: ClassVar[str] = "environments"
    summary: ClassVar[str] = "diffusivity, hops and residence time by the surroundings of an atom"
    uses_displacements: ClassVar[bool] = True
    table_ends: ClassVar[tuple[str, ...]] = ("", "counts", "survival")

    species: Annotated[str, Option("P")] = Field(description="Element.")
    by: Literal["neighbors", "phases"] = Field(
        "neighbors",
        description="What tells environments apart: numbers of neighbours of each element, or the phase of the atom by the rules.",
    )
    rules: Annotated[str | None, Option("FILE")] = Field(
        None, description="YAML of rules of phases that come before those of the package. Only with `by` phases."
    )
    layer: Annotated[str | None, Option("NAME")] = Field(
        None, description="Only atoms that started in this layer; all when left out."
    )
    class_width: Annotated[int, Option("N")] = Field(
        4,
        ge=1,
        le=15,
        description="Numbers of neighbours that are no covalent bonds are told apart in classes so wide, as in 1-4 and 5-8 Li; with 15 "
        "whether there are any. Only with `by` neighbors.",
    )
    most: Annotated[int, Option("N")] = Field(
        8,
        ge=1,
        le=30,
        description="So many environments have a name of their own, the most frequent; the rest are `others`.",
    )
    min_stay_ps: Annotated[Span, Option("T")] = Field(
        0.5,
        description="A stay shorter than this is a vibration, and belongs to the environment before; residence times have the stays that this hides put back.",
    )
    jump_distance_angstrom: Annotated[Distance, Option("R")] = Field(
        2.0, description="Farther than this from where it last settled, an atom has hopped."
    )
    neighbor_cutoffs_angstrom: Annotated[DistanceByName, Option("P-Li=2.9")] = Field(
        {},
        description="How far neighbours are, where it shall differ from the tables of `mlip_interfaces.chemistry.bonds`.",
    )

    def cutoffs_angstrom(self, elements: Collection[str]) -> dict[str, float]:
        """How far the neighbours of the species are.

        Parameters
        ----------
        elements : collection of str
            Of the trajectory.

        Returns
        -------
        dict of str to float, angstrom
            By element of the neighbour; elements without a known distance are left out.
        """
        from mlip_interfaces.chemistry.bonds import REDUCED_BONDS_ANGSTROM, neighbor_cutoff

        found = {}
        for element in sorted(elements):
            either = (f"{self.species}-{element}", f"{element}-{self.species}")
            tables = (self.neighbor_cutoffs_angstrom, REDUCED_BONDS_ANGSTROM)
            own = [table[bond] for table in tables for bond in either if bond in table]
            distance = own[0] if own else neighbor_cutoff(self.species, element)
            if distance is not None:
                found[element] = distance
        return found

    def bonded(self, elements: Collection[str]) -> frozenset[str]:
        """Elements that the species has covalent bonds with: their numbers are told apart one by one.

        Parameters
        ----------
        elements : collection of str
            Of the neighbours.

        Returns
        -------
        frozenset of str
            Numbers of the others are told apart in classes.
        """
        from mlip_interfaces.chemistry.bonds import BOND_CUTOFFS_ANGSTROM, POLYANION_BONDS_ANGSTROM

        pairs = {*POLYANION_BONDS_ANGSTROM, *((a, b) for a, b in (bond.split("-") for bond in BOND_CUTOFFS_ANGSTROM))}
        return frozenset(name for name in elements if {(self.species, name), (name, self.species)} & pairs)

    def observe(self, start: Start) -> Observer:
        """Keep displacements, and look at the surroundings in every frame.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _EnvironmentsObserver(self, start)


class _EnvironmentsObserver(Observer):
    scans = True

    def __init__(self, request: Environments, start: Start) -> None:
        from mlip_interfaces.analysis.phase_rules import phase_rules
        from mlip_interfaces.analysis.phases import PhaseClassifier
        from mlip_interfaces.trajectory.selection import species_masks

        super().__init__()
        self._request, symbols = request, start.trajectory.symbols
        self._mask = self.moving = species_masks(start.trajectory, (request.species,), request.layer)[request.species]
        elements = set(symbols.tolist())
        self._classifier = PhaseClassifier(symbols, phase_rules(request.rules)) if request.by == "phases" else None
        self._cutoffs = request.cutoffs_angstrom(elements) if request.by == "neighbors" else {}
        if not self._cutoffs and self._classifier is None:
            present = ", ".join(sorted(elements))
            raise AnalysisError(
                f"No distance of a neighbour of {request.species} among {present} is known; give `neighbor_cutoffs_angstrom`."
            )
        self._neighbors = tuple(self._cutoffs)
        self._bonded = request.bonded(self._neighbors)
        self._masks = [symbols == element for element in self._neighbors]
        self._names: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        self._labels: list[NDArray[np.int16]] = []
        self._sums: dict[str, NDArray[np.float64]] = {}

    def scan(self, positions: NDArray[np.float64], cells: NDArray[np.float64]) -> list[NDArray[np.int64]]:
        """Neighbours of each atom in each frame, as one number for each atom; or the code of its phase."""
        return [self._surroundings(*frame) for frame in zip(positions, cells, strict=True)]

    def _surroundings(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> NDArray[np.int64]:
        from mlip_interfaces.analysis.environments import neighbor_numbers

        if self._classifier is not None:
            return np.asarray(self._classifier.classify(positions, cell).codes[self._mask], dtype=np.int64)
        numbers = neighbor_numbers(positions, cell, self._mask, self._masks, list(self._cutoffs.values()))
        digits = MOST_NEIGHBORS ** np.arange(len(self._neighbors))
        return np.asarray(np.minimum(numbers, MOST_NEIGHBORS - 1) @ digits)

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Name the surroundings."""
        for codes in scanned:
            kinds, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
            ids = np.array([self._id(code, n) for code, n in zip(kinds.tolist(), counts.tolist(), strict=True)])
            self._labels.append(ids[inverse].astype(np.int16))

    def _id(self, code: int, n_atoms: int) -> int:
        """Number of the environment of a code; its neighbours are added to its mean."""
        numbers = code // MOST_NEIGHBORS ** np.arange(len(self._neighbors)) % MOST_NEIGHBORS
        if code not in self._names and self._classifier is not None:
            self._names[code] = self._classifier.names[code]
        elif code not in self._names:
            self._names[code] = environment_name(
                dict(zip(self._neighbors, numbers.tolist(), strict=True)), self._bonded, self._request.class_width
            )
        name = self._names[code]
        sums = self._sums.setdefault(name, np.zeros(numbers.size + 1))
        sums += n_atoms * np.append(numbers, 1)
        return self._ids.setdefault(name, len(self._ids))

    def finish(self, record: Record) -> EnvironmentsResult:
        """Motion by environment, the most frequent ones by name."""
        from mlip_interfaces.analysis.environments import environments, settled

        request, interval = self._request, record.interval_ps
        seen, least = np.stack(self._labels), record.frames_in(request.min_stay_ps)
        named = list(self._ids)
        atoms = np.bincount(settled(seen, least).ravel(), minlength=len(named)) / len(seen)
        order = np.argsort(-atoms, kind="stable")[: request.most]
        kept = [int(e) for e in order if atoms[e] >= RARE] or [int(order[0])]
        place = np.full(len(named), len(kept), dtype=np.int16)
        place[kept] = np.arange(len(kept))
        names = [named[e] for e in kept]
        seen = place[seen]
        labels = settled(seen, least)
        if not (labels == len(kept)).any():
            # Rare surroundings that are no more than flickers.
            seen = np.where(seen == len(kept), labels, seen)
        else:
            names.append(OTHER)
            self._sums[OTHER] = np.sum([self._sums[name] for name in named if name not in names], axis=0)
        found = environments(
            record.displacements(self._mask),
            seen,
            len(names),
            interval,
            jump_distance_angstrom=request.jump_distance_angstrom,
            min_stay_frames=least,
        )
        counts = np.stack([np.count_nonzero(labels == e, axis=1) for e in range(len(names))])
        neighbors = {
            name: dict(zip(self._neighbors, (self._sums[name][:-1] / self._sums[name][-1]).tolist(), strict=True))
            for name in names
        }
        by_name = dict(zip(names, found, strict=True))
        return EnvironmentsResult(request, record.times_ps, by_name, neighbors, counts, self._cutoffs)


def environment_name(numbers: dict[str, int], bonded: Collection[str], class_width: int) -> str:
    """Name of surroundings.

    Parameters
    ----------
    numbers : dict of str to int
        Neighbours of each element.
    bonded : collection of str
        Elements whose neighbours are counted one by one, as covalent bonds are.
    class_width : int
        Numbers of neighbours of the others are told apart in classes so wide.

    Returns
    -------
    str
        As in ``4 S``, ``1 P 2 S``, ``3 S + 1-4 Li`` or ``5-8 Li``; ``no neighbour`` without one.

    Examples
    --------
    >>> environment_name({"Li": 2, "P": 0, "S": 3}, {"P", "S"}, 4), environment_name({"Li": 7, "P": 0, "S": 0}, {"P", "S"}, 4)
    ('3 S + 1-4 Li', '5-8 Li')
    >>> environment_name({"Li": 7}, (), 1), environment_name({"Li": 14}, (), 4)
    ('7 Li', '13+ Li')
    """
    covalent = [f"{n} {element}" for element, n in numbers.items() if n and element in bonded]
    around = [f"{_class_of(n, class_width)} {element}" for element, n in numbers.items() if n and element not in bonded]
    return " + ".join(" ".join(parts) for parts in (covalent, around) if parts) or ALONE


def _class_of(n: int, width: int) -> str:
    """Class of a number of neighbours from one on, ``5-8`` or ``13+``."""
    low = (n - 1) // width * width + 1
    if low + width > MOST_NEIGHBORS - 1:
        return f"{low}+"
    return str(low) if width == 1 else f"{low}-{low + width - 1}"


@dataclass(frozen=True, slots=True)
class EnvironmentsResult(Result):
    """Motion of the atoms of one element by their surroundings.

    Attributes
    ----------
    request : Environments
        What was asked for.
    times_ps : (n_frames,) float array, ps
        Of the frames.
    environments : dict of str to mlip_interfaces.analysis.environments.Environment
        By name, the most frequent first.
    neighbors : dict of str to dict of str to float
        Mean number of neighbours of each element.
    counts : (n_environments, n_frames) int array
        Atoms in each.
    cutoffs_angstrom : dict of str to float, angstrom
        How far neighbours of each element are.
    """

    request: Environments
    times_ps: NDArray[np.float64]
    environments: dict[str, Environment]
    neighbors: dict[str, dict[str, float]]
    counts: NDArray[np.int64]
    cutoffs_angstrom: dict[str, float]

    def to_dict(self) -> dict[str, object]:
        """Content of ``environments.json``."""
        return {
            "environments": [self._entry(name, found) for name, found in self.environments.items()],
            "settings": self.request.settings()
            | self.request.file_hashes()
            | {
                "neighbor_cutoffs_angstrom": self.cutoffs_angstrom,
                "estimator": "displacements by the environment at their start; the time spent in others taken off; "
                "lags up to the residence time",
            },
        }

    def _entry(self, name: str, found: Environment) -> dict[str, object]:
        stay = found.residence
        return {
            "name": name,
            "n_atoms_mean": found.n_atoms_mean,
            "neighbors_mean": self.neighbors[name],
            "diffusivity_cm2_per_s": number(found.diffusivity_cm2_per_s),
            "diffusivity_error_cm2_per_s": number(found.diffusivity_error_cm2_per_s),
            "confidence_95_cm2_per_s": plain(list(found.confidence_95_cm2_per_s)),
            "uncorrected_cm2_per_s": number(found.uncorrected_cm2_per_s),
            "fit_window_ps": list(found.fit_lags_ps),
            "quality_factor": found.quality_factor,
            "not_diffusive_because": list(found.doubts),
            "residence_time_ps": number(stay.mean_ps) if stay else None,
            "residence_time_error_ps": number(stay.mean_error_ps) if stay else None,
            "residence_time_at_least_ps": stay.mean_at_least_ps if stay else None,
            "settled_stay_ps": number(stay.settled_ps) if stay else None,
            "residence_time_doubtful_because": list(found.residence_doubts),
            "n_stays": stay.n_stays if stay else 0,
            "n_left": stay.n_left if stay else 0,
            "median_stay_ps": number(found.entered.median_ps) if found.entered else None,
            "n_hops": found.n_hops,
            "hops_per_ps": number(found.hops_per_ps),
            "hops_95_per_ps": plain(list(found.hops_95_per_ps)),
        }

    def tables(self) -> dict[str, Table]:
        """MSD by environment; atoms in each against time; survival."""
        msd = [
            (name, f"{lag:.6g}", f"{value:.6g}", f"{error:.4g}")
            for name, found in self.environments.items()
            for lag, value, error in zip(found.lags_ps, found.msd_angstrom2, found.msd_error_angstrom2, strict=True)
        ]
        counts = [(f"{time:.6g}", *row) for time, row in zip(self.times_ps, self.counts.T.tolist(), strict=True)]
        survival = [
            (name, f"{t:.6g}", f"{s:.6g}", *(f"{bound:.6g}" if np.isfinite(bound) else "" for bound in bounds))
            for name, found in self.environments.items()
            if found.entered is not None
            for t, s, *bounds in zip(
                found.entered.times_ps, found.entered.survival, found.entered.low, found.entered.high, strict=True
            )
        ]
        return {
            "": Table(("environment", "lag_ps", "msd_angstrom2", "msd_error_angstrom2"), msd),
            "counts": Table(("time_ps", *self.environments), counts),
            "survival": Table(("environment", "time_ps", "survival", "low_95", "high_95"), survival),
        }

    def headlines(self) -> list[Headline]:
        """D in every environment where it is known."""
        return [
            Headline(f"D of {self._of(name)} (cm²/s)", found.diffusivity_cm2_per_s, found.diffusivity_error_cm2_per_s)
            for name, found in self.environments.items()
            if np.isfinite(found.diffusivity_error_cm2_per_s)
        ]

    def lines(self) -> list[str]:
        """Atoms, D, residence time and hops of each environment."""
        return [self._line(name, found) for name, found in self.environments.items()]

    def _of(self, name: str) -> str:
        return f"{self.request.species} {'with' if self.request.by == 'neighbors' else 'in'} {name}"

    def _line(self, name: str, found: Environment) -> str:
        words = f"{self._of(name)}: {found.n_atoms_mean:.3g} atoms"
        if np.isfinite(found.diffusivity_error_cm2_per_s):
            low, high = found.confidence_95_cm2_per_s
            value = measured(found.diffusivity_cm2_per_s, found.diffusivity_error_cm2_per_s)
            words += f", D {value} cm^2/s, 95 % {low:.2g} to {high:.2g}"
        if found.residence is not None and not found.residence.n_left:
            words += f", stays longer than {found.residence.mean_at_least_ps:.3g} ps (95 %)"
        elif found.residence is not None and np.isfinite(found.residence.mean_ps):
            words += f", stays {measured(found.residence.mean_ps, found.residence.mean_error_ps)} ps"
        if np.isfinite(found.hops_per_ps):
            words += f", {found.n_hops} hops, {found.hops_per_ps:.3g} per ps and atom"
        doubts = (*found.doubts, *found.residence_doubts)
        return f"{words} ({'; '.join(doubts)})" if doubts else words

    def draw(self) -> Figure:
        """D and residence time of each environment, MSD from a start in it, survival, and atoms in it against time."""
        from mlip_interfaces.figures.style import PALETTE, new_figure, note_empty

        figure, axes = new_figure(2, 3, width=12.0, height=6.0)
        colors = {name: PALETTE[row % len(PALETTE)] for row, name in enumerate(self.environments)}
        self._draw_diffusivities(axes[0, 0], colors)
        self._draw_times(axes[0, 1], colors)
        msd, survival, counts = axes[0, 2], axes[1, 0], axes[1, 1]
        for row, (name, found) in enumerate(self.environments.items()):
            color = colors[name]
            positive = (found.lags_ps > 0) & (found.msd_angstrom2 > 0)
            msd.plot(found.lags_ps[positive], found.msd_angstrom2[positive], color=color, label=name)
            inside = positive & (found.lags_ps >= found.fit_lags_ps[0]) & (found.lags_ps <= found.fit_lags_ps[1])
            msd.plot(found.lags_ps[inside], found.msd_angstrom2[inside], color=color, lw=4, alpha=0.35)
            counts.plot(self.times_ps, self.counts[row], color=color, label=name)
            if found.entered is not None:
                survival.step(found.entered.times_ps, found.entered.survival, where="post", color=color, label=name)
        msd.set_xscale("log")
        msd.set_yscale("log")
        msd.set_xlabel("lag (ps); wide: lags of the fit")
        msd.set_ylabel("MSD from a start in it (Å²)")
        counts.set_xlabel("time (ps)")
        counts.set_ylabel(f"{self.request.species} atoms")
        counts.set_ylim(0, 1.45 * float(self.counts.max()))
        counts.legend(title=self._of("").rstrip(), fontsize=7, ncols=3, loc="upper center")
        if survival.lines:
            survival.set_xlabel("time since it came in (ps)")
            survival.set_ylabel("share that never left")
            survival.set_ylim(0, 1.05)
        else:
            note_empty(survival, "no atom came into another environment")
            survival.set_title("survival", loc="left")
        self._draw_trapping(axes[1, 2], colors)
        return figure

    def _draw_diffusivities(self, ax: Axes, colors: dict[str, str]) -> None:
        for row, (name, found) in enumerate(self.environments.items()):
            low, high = found.confidence_95_cm2_per_s
            if np.isfinite(high - low):
                value = found.diffusivity_cm2_per_s
                ax.errorbar(value, row, xerr=[[value - low], [high - value]], fmt="o", color=colors[name], capsize=3)
        ax.axvline(0.0, color="#999999", lw=0.8)
        self._name_rows(ax)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
        ax.set_xlabel("D while in it (cm²/s), 95 %")

    def _draw_times(self, ax: Axes, colors: dict[str, str]) -> None:
        for row, (name, found) in enumerate(self.environments.items()):
            stay = found.residence
            if stay is None or np.isnan(stay.mean_ps):
                continue
            if stay.n_left:
                value, error = stay.mean_ps, 1.96 * stay.mean_error_ps
                ax.errorbar(
                    value, row, xerr=[[min(error, 0.9 * value)], [error]], fmt="o", color=colors[name], capsize=3
                )
            else:
                ax.plot(stay.mean_at_least_ps, row, ">", color=colors[name])
        ax.set_xscale("log")
        self._name_rows(ax)
        ax.set_xlabel("residence time (ps), 95 %; triangles: at least")

    def _name_rows(self, ax: Axes) -> None:
        ax.set_yticks(range(len(self.environments)), list(self.environments))
        ax.set_ylim(len(self.environments) - 0.5, -0.5)
        ax.set_ylabel(self._of("").rstrip())

    def _draw_trapping(self, ax: Axes, colors: dict[str, str]) -> None:
        """Kinetic trapping: long stays, few hops."""
        from mlip_interfaces.figures.style import note_empty

        for name, found in self.environments.items():
            residence = found.residence
            if residence is None or np.isnan(residence.mean_ps) or not np.isfinite(found.hops_per_ps):
                continue
            low, high = found.hops_95_per_ps
            stay = residence.mean_ps if residence.n_left else residence.mean_at_least_ps
            marker = "o" if residence.n_left else ">"
            ax.plot([stay, stay], [max(low, 0.02 * high), high], color=colors[name])
            if found.n_hops:
                ax.plot(stay, found.hops_per_ps, marker, color=colors[name])
            ax.annotate(name, (stay, high), textcoords="offset points", xytext=(4, 2), fontsize=8, color=colors[name])
        if not ax.lines:
            note_empty(ax, "no stay was seen")
            ax.set_title("trapping", loc="left")
            return
        ax.margins(0.25)
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.tick_params(axis="both", which="minor", labelbottom=False, labelleft=False)
        ax.set_xlabel("residence time (ps)")
        ax.set_ylabel("hops per ps and atom, 95 %")
        ax.set_title("trapped: to the right and down", loc="left")
