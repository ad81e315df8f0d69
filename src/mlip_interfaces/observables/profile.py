"""Densities against depth, and where the interfaces are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.request import Option, Request
from mlip_interfaces.observables.results import Result, Table, measured
from mlip_interfaces.settings import Width

if TYPE_CHECKING:
    from mlip_interfaces.analysis.depth_profile import DepthProfile
    from mlip_interfaces.figures import Figure


class Profile(Request):
    """Density against depth, interface positions and widths."""

    kind: ClassVar[str] = "profile"
    summary: ClassVar[str] = "density against depth, interface positions and widths"

    axis: Literal["a", "b", "c"] = Field("c", description="Cell vector along the depth.")
    bin_width_angstrom: Annotated[Width, Option("W")] = Field(0.5, description="Of a slice.")

    def observe(self, start: Start) -> Observer:
        """Count atoms in slices.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _ProfileObserver(self, start)


class _ProfileObserver(Observer):
    def __init__(self, request: Profile, start: Start) -> None:
        from mlip_interfaces.analysis.depth_profile import DepthProfileAccumulator

        super().__init__()
        self._request = request
        self._accumulator = DepthProfileAccumulator(
            start.trajectory.symbols,
            start.trajectory.masses_amu,
            start.trajectory.layers,
            axis="abc".index(request.axis),
            bin_width_angstrom=request.bin_width_angstrom,
        )

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Count the atoms of each frame."""
        frames = batch.frames
        for positions, cell, corner, time in zip(
            frames.positions, frames.cells, frames.origins, frames.times_ps.tolist(), strict=True
        ):
            self._accumulator.add(positions - corner, cell, time)

    def finish(self, record: Record) -> ProfileResult:
        """Densities and interfaces."""
        return ProfileResult(self._request, self._accumulator.result())


@dataclass(frozen=True, slots=True)
class ProfileResult(Result):
    """Densities against depth.

    Attributes
    ----------
    request : Profile
        What was asked for.
    profile : mlip_interfaces.analysis.depth_profile.DepthProfile
        Densities by element, and the edges of each layer.
    """

    request: Profile
    profile: DepthProfile

    def to_dict(self) -> dict[str, object]:
        """Content of ``profile.json``."""
        return {
            "elements": list(self.profile.elements),
            "interfaces": {
                layer: {edge.side: {k: v for k, v in asdict(edge).items() if k != "side"} for edge in edges}
                for layer, edges in self.profile.interfaces.items()
            },
            "settings": {
                "axis": "abc".index(self.request.axis),
                "bin_width_angstrom": self.request.bin_width_angstrom,
                "width": "10-90, from a tanh fit to the density of the layer's own atoms",
            },
        }

    def tables(self) -> dict[str, Table]:
        """Number densities of each element, whole run and halves, and the mass density."""
        found = self.profile
        numbers = (
            found.number_density_per_angstrom3,
            found.error_per_angstrom3,
            found.first_half_per_angstrom3,
            found.second_half_per_angstrom3,
        )
        rows = [
            (
                element,
                f"{depth:.5g}",
                *(f"{table[e, i]:.6g}" for table in numbers),
                f"{found.mass_density_g_per_cm3[i]:.6g}",
            )
            for e, element in enumerate(found.elements)
            for i, depth in enumerate(found.depth_angstrom)
        ]
        columns = (
            "element", "depth_angstrom", "number_density_per_angstrom3", "error_per_angstrom3", "first_half_per_angstrom3",
            "second_half_per_angstrom3", "mass_density_all_g_per_cm3",
        )  # fmt: skip
        return {"": Table(columns, rows)}

    def lines(self) -> list[str]:
        """Position and width of each interface."""
        return [
            f"{layer}, {edge.side} edge: {measured(edge.position_angstrom, edge.position_error_angstrom)} angstrom, 10-90 width "
            f"{measured(edge.width_10_90_angstrom, edge.width_error_angstrom)} angstrom"
            for layer, edges in self.profile.interfaces.items()
            for edge in edges
        ] or [
            f"densities of {', '.join(self.profile.elements)}; no layer has an edge: they are mixed, or fill the cell"
        ]

    def draw(self) -> Figure:
        """Number density of each element against depth, with standard errors; dashed: fitted interfaces."""
        from mlip_interfaces.figures.style import ELEMENT_COLORS, PALETTE, new_figure

        found = self.profile
        figure, axes = new_figure(1, 1, width=7.0, height=3.2)
        ax = axes[0, 0]
        for i, element in enumerate(found.elements):
            color = ELEMENT_COLORS.get(element, PALETTE[i % len(PALETTE)])
            density, error = found.number_density_per_angstrom3[i], found.error_per_angstrom3[i]
            ax.plot(found.depth_angstrom, density, color=color, label=element)
            ax.fill_between(found.depth_angstrom, density - error, density + error, color=color, alpha=0.25, lw=0)
        for edge in (edge for edges in found.interfaces.values() for edge in edges):
            ax.axvline(edge.position_angstrom, color="#666666", ls="--", lw=0.9)
        ax.set_xlabel("depth (Å)")
        ax.set_ylabel("number density (1/Å³)")
        ax.legend(ncol=2)
        return figure
