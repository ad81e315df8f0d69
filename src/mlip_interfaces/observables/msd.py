"""Mean squared displacements and tracer diffusivities, of a layer also in its plane and across it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlip_interfaces.observables.observer import Observer, Record, Start
from mlip_interfaces.observables.request import DistanceByName, Names, Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, measured, number, plain
from mlip_interfaces.settings import Picoseconds

if TYPE_CHECKING:
    from mlip_interfaces.analysis.diffusion import Diffusivity
    from mlip_interfaces.analysis.layer_transport import LayerTransport
    from mlip_interfaces.figures import Figure

SITE_DISTANCE_ANGSTROM = 3.0
"""Between Li sites of most solid electrolytes, 2 to 4: only for the rule-of-thumb count of jumps."""


class Msd(Request):
    """Mean squared displacement and diffusivity."""

    kind: ClassVar[str] = "msd"
    summary: ClassVar[str] = "mean squared displacement and diffusivity"
    uses_displacements: ClassVar[bool] = True

    species: Annotated[Names, Option("Li,S")] = Field(description="Elements.")
    layer: Annotated[str | None, Option("NAME")] = Field(
        None, description="Only atoms that started in this layer; all when left out."
    )
    first_lag_ps: Annotated[Picoseconds | None, Option("T")] = Field(
        None, description="First lag of the fit; chosen by its quality when left out."
    )
    site_distance_angstrom: Annotated[DistanceByName, Option("Li=3")] = Field(
        {},
        description=f"Between sites of an element, for the count of jumps alone; {SITE_DISTANCE_ANGSTROM:g} where left out.",
    )

    def observe(self, start: Start) -> Observer:
        """Keep the displacements of the atoms asked for.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _MsdObserver(self, start)


class _MsdObserver(Observer):
    def __init__(self, request: Msd, start: Start) -> None:
        from mlip_interfaces.trajectory.selection import species_masks

        super().__init__()
        self._request = request
        self._masks = species_masks(start.trajectory, request.species, request.layer)
        self.moving = np.any(list(self._masks.values()), axis=0)

    def finish(self, record: Record) -> MsdResult:
        """Fit every species."""
        from mlip_interfaces.analysis.diffusion import diffusivity

        interval, request = record.interval_ps, self._request
        species = {
            symbol: diffusivity(record.displacements(mask), interval, first_lag_ps=request.first_lag_ps)
            for symbol, mask in self._masks.items()
        }
        layer = {} if request.layer is None else self._of_layer(request.layer, record)
        return MsdResult(request, record.drift, species, layer)

    def _of_layer(self, name: str, record: Record) -> dict[str, LayerTransport]:
        from mlip_interfaces.analysis.layer_transport import filled_span, layer_transport
        from mlip_interfaces.trajectory.selection import layer_mask

        cell, half_of_run = record.cells[0], 0.5 * float(record.times_ps[-1] - record.times_ps[0])
        depths = record.first_positions @ np.linalg.inv(cell)[:, 2]
        span = filled_span(depths[layer_mask(record.trajectory, name)])
        return {
            symbol: layer_transport(
                record.displacements(mask), depths[mask], span, cell, record.interval_ps, max_lag_ps=half_of_run
            )
            for symbol, mask in self._masks.items()
        }


@dataclass(frozen=True, slots=True)
class MsdResult(Result):
    """Diffusivities by element.

    Attributes
    ----------
    request : Msd
        What was asked for.
    drift : str
        What is at rest.
    species : dict of str to mlip_interfaces.analysis.diffusion.Diffusivity
        By element.
    of_layer : dict of str to mlip_interfaces.analysis.layer_transport.LayerTransport
        By element, in the plane of the layer and across it; empty without a layer.
    """

    request: Msd
    drift: str
    species: dict[str, Diffusivity]
    of_layer: dict[str, LayerTransport] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Content of ``msd.json``."""
        return {
            "species": {
                symbol: self._entry(symbol, found) | self._layer_entry(symbol) for symbol, found in self.species.items()
            },
            "settings": {
                "layer": self.request.layer,
                "drift": self.drift,
                "estimator": "generalised least squares over all time origins; atoms by the layer they started in",
            },
        }

    def _entry(self, symbol: str, found: Diffusivity) -> dict[str, object]:
        from mlip_interfaces.analysis.arrhenius import jump_statistics

        distance = self.request.site_distance_angstrom.get(symbol, SITE_DISTANCE_ANGSTROM)
        jumps, relative = jump_statistics(found.n_atoms, float(found.msd_angstrom2.max()), distance)
        return {
            "diffusivity_cm2_per_s": found.diffusivity_cm2_per_s,
            "diffusivity_error_cm2_per_s": found.diffusivity_error_cm2_per_s,
            "confidence_95_cm2_per_s": list(found.confidence_95_cm2_per_s),
            "by_direction_cm2_per_s": list(found.by_direction_cm2_per_s),
            "by_direction_error_cm2_per_s": plain(found.by_direction_error_cm2_per_s),
            "errors_cm2_per_s": {
                "bootstrap_over_atoms": number(found.error_bootstrap_cm2_per_s),
                "blocks_in_time": number(found.error_blocks_cm2_per_s),
                "independent_walks": number(found.error_walk_cm2_per_s),
            },
            "n_atoms": found.n_atoms,
            "n_independent": found.n_independent,
            "jumps": {
                "site_distance_angstrom": distance,
                "n_jumps": jumps,
                "relative_error_of_diffusivity": number(relative),
            },
            "layer": self.request.layer,
            "fit_window_ps": list(found.fit_lags_ps),
            "quality_factor": found.quality_factor,
            "quality_by_first_lag_ps": [list(pair) for pair in found.quality_by_lag],
            "log_log_slope": found.log_log_slope,
            "msd_at_half_of_run_angstrom2": float(found.msd_angstrom2[-1]),
            "line_cm2_per_s": found.line_cm2_per_s,
            "line_probability": number(found.line_probability),
            "diffusive": found.diffusive,
            "below_cm2_per_s": number(found.below_cm2_per_s),
            "run_at_least_ps": number(found.run_at_least_ps),
            "not_diffusive_because": list(found.not_diffusive_because),
        }

    def _layer_entry(self, symbol: str) -> dict[str, object]:
        """Diffusion in the plane of the layer by the atoms that stayed, and across it by how fast atoms leave."""
        found = self.of_layer.get(symbol)
        if found is None:
            return {}
        in_plane = across = None
        if found.survivors is not None:
            in_plane = {
                "diffusivity_cm2_per_s": found.in_plane_cm2_per_s,
                "diffusivity_error_cm2_per_s": plain(found.in_plane_error_cm2_per_s),
                "n_atoms": found.survivors.n_atoms,
            }
        if found.survival is not None:
            across = {
                "diffusivity_cm2_per_s": found.survival.diffusivity_cm2_per_s,
                "diffusivity_error_cm2_per_s": number(found.survival.diffusivity_error_cm2_per_s),
                "survival_at_end": number(float(found.survival.survival[-1])),
                "time_at_end_ps": float(found.survival.lags_ps[-1]),
            }
        return {"in_plane_of_survivors": in_plane, "across_by_survival": across}

    def tables(self) -> dict[str, Table]:
        """MSD against lag, in all and by direction."""
        rows = []
        layer = self.request.layer or "all"
        for symbol, found in self.species.items():
            for i, lag in enumerate(found.lags_ps):
                total, error = found.msd_angstrom2[i], found.msd_error_angstrom2[i]
                rows.append((symbol, layer, "xyz", f"{lag:.6g}", f"{total:.6g}", f"{error:.4g}"))
                for axis, value in zip("xyz", found.msd_by_direction_angstrom2[i], strict=True):
                    rows.append((symbol, layer, axis, f"{lag:.6g}", f"{value:.6g}", ""))
        columns = ("species", "layer", "direction", "lag_ps", "msd_angstrom2", "msd_error_angstrom2")
        return {"": Table(columns, rows)}

    def headlines(self) -> list[Headline]:
        """D of each species."""
        return [
            Headline(f"D of {symbol} (cm²/s)", found.diffusivity_cm2_per_s, found.diffusivity_error_cm2_per_s)
            for symbol, found in self.species.items()
        ]

    def lines(self) -> list[str]:
        """D of each species with its interval, or what it is below and how long to run."""
        return [
            f"D of {symbol}: {_in_words(found)}; {found.n_atoms} atoms, lags {found.fit_lags_ps[0]:g} to {found.fit_lags_ps[1]:g} ps"
            for symbol, found in self.species.items()
        ]

    def draw(self) -> Figure:
        """MSD against lag with the fit (top) and, in logarithms, by direction (bottom)."""
        from mlip_interfaces.figures.style import ELEMENT_COLORS, PALETTE, new_figure, note_empty

        n_species = len(self.species)
        figure, axes = new_figure(2, n_species, width=max(4.2, 3.2 * n_species), height=5.2)
        for column, (symbol, found) in enumerate(self.species.items()):
            color = ELEMENT_COLORS.get(symbol, PALETTE[column % len(PALETTE)])
            top, bottom = axes[:, column]
            lags, msd, error = found.lags_ps, found.msd_angstrom2, found.msd_error_angstrom2
            top.plot(lags, msd, color=color)
            top.fill_between(lags, msd - error, msd + error, color=color, alpha=0.25, lw=0)
            low, high = found.confidence_95_cm2_per_s
            top.set_title(f"{symbol}: {_title(found)}\n95 %: {low:.1e} to {high:.1e}", loc="left")
            positive = lags > 0
            for axis, style in zip(range(3), ("-", "--", ":"), strict=True):
                values = found.msd_by_direction_angstrom2[positive, axis]
                if (values > 0).all():
                    bottom.loglog(lags[positive], values, style, color=color, label="xyz"[axis])
            for ax in (top, bottom):
                ax.axvspan(*found.fit_lags_ps, color="#999999", alpha=0.15, lw=0)
                ax.set_xlabel("lag (ps)")
            if bottom.lines:
                bottom.legend(title="direction")
            else:
                note_empty(bottom, "atoms at rest")
        axes[0, 0].set_ylabel("MSD (Å²); grey: lags of the fit")
        axes[1, 0].set_ylabel("MSD along a direction (Å²)")
        return figure


def _in_words(found: Diffusivity) -> str:
    """D with its interval; where it is not diffusion yet, what is known instead, and how to know more."""
    low, high = found.confidence_95_cm2_per_s
    value = f"{measured(found.diffusivity_cm2_per_s, found.diffusivity_error_cm2_per_s)} cm^2/s, 95 % {low:.2g} to {high:.2g}"
    why = " and ".join(found.not_diffusive_because)
    if found.diffusive:
        return value
    if not np.isfinite(found.below_cm2_per_s):
        return f"not diffusive ({why}); slope / 6 is {value}"
    return (
        f"below {found.below_cm2_per_s:.2g} cm^2/s (95 %), not diffusive yet ({why}), run at least {found.run_at_least_ps:.2g} ps; "
        f"estimate {value}"
    )


def _title(found: Diffusivity) -> str:
    if np.isfinite(found.below_cm2_per_s):
        return (
            f"D < {found.below_cm2_per_s:.1e} cm²/s\nnot diffusive yet, run at least {found.run_at_least_ps:.2g} ps\n"
            f"estimate {found.diffusivity_cm2_per_s:.1e} cm²/s"
        )
    what = "D" if found.diffusive else "not diffusive\nslope / 6"
    return f"{what} = {found.diffusivity_cm2_per_s:.2e} cm²/s"
