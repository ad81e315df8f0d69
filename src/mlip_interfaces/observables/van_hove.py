"""Van Hove functions of one element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.reach import Reach
from mlip_interfaces.observables.request import Option, Request, Times
from mlip_interfaces.observables.results import Result, Table
from mlip_interfaces.settings import Distance, Width

if TYPE_CHECKING:
    from mlip_interfaces.analysis.van_hove import VanHove as VanHoveFunctions
    from mlip_interfaces.figures import Figure


class VanHove(Request):
    """Van Hove functions of one element, self and distinct, at chosen lags."""

    kind: ClassVar[str] = "van-hove"
    summary: ClassVar[str] = "van Hove functions, self and distinct"
    uses_displacements: ClassVar[bool] = True

    species: Annotated[str, Option("Li")] = Field(description="Element.")
    lags_ps: Annotated[Times, Option("0.5,2,5")] = Field(min_length=1, description="Lags.")
    r_max_angstrom: Annotated[Distance, Option("R")] = Field(6.0, description="Range.")
    bin_width_angstrom: Annotated[Width, Option("W")] = Field(0.1, description="Of the histogram.")

    def observe(self, start: Start) -> Observer:
        """Keep displacements and places of the element.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _VanHoveObserver(self, start)


class _VanHoveObserver(Observer):
    def __init__(self, request: VanHove, start: Start) -> None:
        from mlip_interfaces.analysis.displacement_store import DisplacementStore
        from mlip_interfaces.trajectory.selection import element_mask

        super().__init__()
        self._request = request
        self._mask = self.moving = element_mask(start.trajectory, request.species)
        # An atom and itself later are told apart from others by the nearest image, which no breathing may spoil.
        self.reach = self._reach = Reach.within(
            start.half_known_angstrom,
            "The van Hove function",
            request.r_max_angstrom,
            step_angstrom=request.bin_width_angstrom,
            breathing=1.0,
        )
        self._places = start.resources.enter_context(DisplacementStore(self._mask))

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Keep where the atoms are, as small numbers, which single precision keeps."""
        cells = batch.frames.cells
        scaled = batch.places @ np.linalg.inv(cells)
        self._places.add((scaled - np.floor(scaled)) @ cells)

    def finish(self, record: Record) -> VanHoveResult:
        """Both functions at the lags asked for, each a whole number of frames."""
        from mlip_interfaces.analysis.van_hove import van_hove

        request, interval = self._request, record.interval_ps
        lags: NDArray[np.int64] = np.unique(np.round(np.array(request.lags_ps) / interval).astype(np.int64))
        found = van_hove(
            record.displacements(self._mask),
            self._places.array(),
            record.cells,
            lags,
            frame_interval_ps=interval,
            r_max_angstrom=self._reach.used_angstrom,
            bin_width_angstrom=request.bin_width_angstrom,
        )
        return VanHoveResult(request, self._reach, found)


@dataclass(frozen=True, slots=True)
class VanHoveResult(Result):
    """Van Hove functions.

    Attributes
    ----------
    request : VanHove
        What was asked for.
    reach : Reach
        Range, which the smallest cell may have made shorter.
    functions : mlip_interfaces.analysis.van_hove.VanHove
        At each lag.
    """

    request: VanHove
    reach: Reach
    functions: VanHoveFunctions

    def to_dict(self) -> dict[str, object]:
        """Content of ``van-hove.json``."""
        return {
            "lags_ps": self.functions.lags_ps.tolist(),
            "non_gaussian": self.functions.non_gaussian.tolist(),
            "shortened": self.reach.shortened(),
            "settings": self.request.settings() | {"r_max_angstrom": self.reach.used_angstrom},
        }

    def tables(self) -> dict[str, Table]:
        """Both functions against distance, at each lag."""
        found = self.functions
        rows = [
            (f"{lag:.6g}", f"{r:.5g}", f"{found.self_part[k, i]:.6g}", f"{found.distinct_part[k, i]:.6g}")
            for k, lag in enumerate(found.lags_ps)
            for i, r in enumerate(found.r_angstrom)
        ]
        return {"": Table(("lag_ps", "r_angstrom", "self_per_angstrom3", "distinct"), rows)}

    def lines(self) -> list[str]:
        """Non-Gaussian parameter at each lag."""
        found = self.functions
        lines = [
            f"non-Gaussian parameter of {self.request.species} at {lag:g} ps: {value:.3g}"
            for lag, value in zip(found.lags_ps, found.non_gaussian, strict=True)
        ]
        return [*lines, self.reach.note] if self.reach.note is not None else lines

    def draw(self) -> Figure:
        """4 pi r^2 G_s and G_d / rho at each lag."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        found, r = self.functions, self.functions.r_angstrom
        figure, axes = new_figure(1, 2, height=2.9)
        left, right = axes[0]
        for k, lag in enumerate(found.lags_ps):
            color = PALETTE[k % len(PALETTE)]
            left.plot(r, 4.0 * np.pi * r**2 * found.self_part[k], color=color, label=f"{lag:.3g} ps")
            right.plot(r, found.distinct_part[k], color=color)
        right.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
        left.set_ylabel("4πr² G$_s$ (1/Å)")
        right.set_ylabel("G$_d$ / ρ")
        left.legend(title="lag")
        for ax in axes[0]:
            ax.set_xlabel("r (Å)")
        return figure
