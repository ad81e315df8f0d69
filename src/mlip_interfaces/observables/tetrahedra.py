"""Regular tetrahedra, such as LiF4, against time and depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.analysis.depths import cell_height
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.reach import Reach
from mlip_interfaces.observables.request import Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, measured
from mlip_interfaces.settings import Distance, Span

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlip_interfaces.analysis.tetrahedra import Tetrahedra as TetrahedraCounts
    from mlip_interfaces.figures import Figure


class Tetrahedra(Request):
    """Regular tetrahedra (four ligands within the cutoff, Errington-Debenedetti q above q_min)."""

    kind: ClassVar[str] = "tetrahedra"
    summary: ClassVar[str] = "regular tetrahedra such as LiF4, against time and depth"
    table_ends: ClassVar[tuple[str, ...]] = ("", "depth")

    center: Annotated[str, Option("EL")] = Field("Li", description="Element in the middle.")
    ligand: Annotated[str, Option("EL")] = Field("F", description="Element at the corners.")
    cutoff_angstrom: Annotated[Distance, Option("R")] = Field(2.6, description="Of the first shell.")
    q_min: Annotated[float, Option("Q")] = Field(0.85, gt=0, le=1, description="Errington-Debenedetti order parameter.")
    average_ps: Annotated[Span, Option("T")] = Field(1.0, description="Positions are averaged over this time first.")

    def check(self, elements: Collection[str], layers: Collection[str]) -> None:
        """Whether both elements are there.

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
        for name in ("center", "ligand"):
            symbol = getattr(self, name)
            if symbol not in elements:
                raise ValueError(f"{name} is '{symbol}', which is not in elements ({', '.join(elements)})")

    def observe(self, start: Start) -> Observer:
        """Count regular tetrahedra in every window of the average.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _TetrahedraObserver(self, start)


class _TetrahedraObserver(Observer):
    def __init__(self, request: Tetrahedra, start: Start) -> None:
        from mlip_interfaces.analysis.tetrahedra import TetrahedraAccumulator
        from mlip_interfaces.trajectory.selection import element_mask

        super().__init__()
        self._request = request
        self.reach = self._reach = Reach.within(
            start.half_known_angstrom, "The shell of tetrahedra", request.cutoff_angstrom
        )
        self._accumulator = TetrahedraAccumulator(
            element_mask(start.trajectory, request.center),
            element_mask(start.trajectory, request.ligand),
            cutoff_angstrom=self._reach.used_angstrom,
            q_min=request.q_min,
            average_ps=request.average_ps,
        )

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Average positions; count where a window is whole."""
        frames = batch.frames
        for positions, cell, corner, time in zip(
            frames.positions, frames.cells, frames.origins, frames.times_ps.tolist(), strict=True
        ):
            self._accumulator.add(positions - corner, cell, time)

    def finish(self, record: Record) -> TetrahedraResult:
        """Counts against time and depth."""
        height = float(cell_height(record.mean_cell))
        return TetrahedraResult(self._request, self._reach, self._accumulator.result(), height)


@dataclass(frozen=True, slots=True)
class TetrahedraResult(Result):
    """Regular tetrahedra of a run.

    Attributes
    ----------
    request : Tetrahedra
        What was asked for.
    reach : Reach
        Cutoff, which the smallest cell may have made shorter.
    counts : mlip_interfaces.analysis.tetrahedra.Tetrahedra
        Against time and depth.
    height_angstrom : float, angstrom
        Of the mean cell, along the normal of its first two vectors.
    """

    request: Tetrahedra
    reach: Reach
    counts: TetrahedraCounts
    height_angstrom: float

    @property
    def depth_angstrom(self) -> NDArray[np.float64]:
        """Middles of the slices along the normal of the interface, shape (n_slices,), angstrom."""
        return self.counts.depth_fraction * self.height_angstrom

    def to_dict(self) -> dict[str, object]:
        """Content of ``tetrahedra.json``."""
        found = self.counts
        return {
            "count_mean": found.count_mean,
            "count_error": found.count_error,
            "fraction_mean": found.count_mean / found.n_centers,
            "fraction_error": found.count_error / found.n_centers,
            "n_centers": found.n_centers,
            "sensitivity": {q: {"count_mean": count} for q, count in found.sensitivity.items()},
            "shortened": self.reach.shortened(),
            "settings": self.request.settings()
            | {
                "cutoff_angstrom": self.reach.used_angstrom,
                "definition": "exactly four ligands within the cutoff and Errington-Debenedetti q >= q_min, on averaged positions",
            },
        }

    def tables(self) -> dict[str, Table]:
        """Counts against time, and against depth."""
        found = self.counts
        against_time = [
            (f"{time:.6g}", int(count), f"{count / found.n_centers:.6g}")
            for time, count in zip(found.times_ps, found.counts, strict=True)
        ]
        against_depth = [
            (f"{z:.5g}", f"{count:.6g}", f"{centers:.6g}")
            for z, count, centers in zip(self.depth_angstrom, found.depth_counts, found.depth_centers, strict=True)
        ]
        return {
            "": Table(("time_ps", "count", "fraction"), against_time),
            "depth": Table(("depth_angstrom", "count", "centers"), against_depth),
        }

    def headlines(self) -> list[Headline]:
        """Mean count."""
        return [Headline("regular tetrahedra", self.counts.count_mean, self.counts.count_error)]

    def lines(self) -> list[str]:
        """Mean count of all centres."""
        found, request, note = self.counts, self.request, self.reach.note
        line = (
            f"regular {request.center}{request.ligand}4: {measured(found.count_mean, found.count_error)} of {found.n_centers} "
            f"{request.center}, {found.times_ps.size} windows"
        )
        return [line, note] if note is not None else [line]

    def draw(self) -> Figure:
        """Regular tetrahedra against time and against depth."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        found, depth = self.counts, self.depth_angstrom
        figure, axes = new_figure(1, 2, height=2.8)
        left, right = axes[0]
        left.plot(
            found.times_ps, found.counts, color=PALETTE[2], marker="o" if len(found.times_ps) < 60 else None, ms=3
        )
        left.set_ylim(0, max(1.0, 1.1 * float(np.max(found.counts))))
        left.set_xlabel("time (ps)")
        left.set_ylabel(f"regular {self.request.center}{self.request.ligand}₄ tetrahedra")
        width = depth[1] - depth[0]
        right.bar(depth, found.depth_centers, width=width, color="#cccccc", label="all centres")
        right.bar(depth, found.depth_counts, width=width, color=PALETTE[2], label="in regular tetrahedra")
        right.set_xlabel("depth along the normal (Å)")
        right.set_ylabel("mean number in slice")
        right.legend()
        return figure
