"""Transport coefficients L_ij, conductivity and net fluxes: of all atoms, of a layer's, or of a slab of the cell.

Of all atoms of a stack of layers, also the fluxes around each interface.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from mlip_interfaces.errors import AnalysisError, InputFileError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.request import (
    ChargeByName,
    Names,
    Option,
    Request,
    TemperatureKelvin,
    TwoNumbers,
    required_temperature,
)
from mlip_interfaces.observables.results import Result, Table, measured, plain
from mlip_interfaces.settings import Count

if TYPE_CHECKING:
    from mlip_interfaces.analysis.onsager import FluxHistory, OnsagerSettings, OnsagerWindow
    from mlip_interfaces.analysis.undone import Lasting
    from mlip_interfaces.figures import Axes, Figure
    from mlip_interfaces.observables.interface_flux import InterfaceRecorder
    from mlip_interfaces.observables.phases import Phases
    from mlip_interfaces.observables.region import Region, RegionRecorder, RegionResult
    from mlip_interfaces.trajectory import TrajectoryReader

NEUTRAL_E_PER_ATOM = 1e-3
"""Charges that are given to two digits sum to zero within this."""


def _two_layers(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    lower, _, upper = value.partition("/")
    if not (lower and upper):
        raise ValueError(f"'{value}' is not two layers such as cathode/coating")
    return lower, upper


class Onsager(Request):
    """Transport coefficients between elements, conductivity, Haven ratio and fluxes, in windows of time."""

    kind: ClassVar[str] = "onsager"
    summary: ClassVar[str] = "transport coefficients L_ij, conductivity, Haven ratio, fluxes"
    uses_displacements: ClassVar[bool] = True
    table_ends: ClassVar[tuple[str, ...]] = ("", "region")

    species: Annotated[Names, Option("Li,P,S,Cl")] = Field(description="Elements.")
    temperature_kelvin: Annotated[TemperatureKelvin, Option("T", required=True)] = None
    charges: Annotated[ChargeByName, Option("Li=1,S=-2")] = Field(
        {},
        validate_default=True,
        description="Of each element, in e; formal oxidation states where left out. A list has one number for each of species.",
    )
    windows: Annotated[Count, Option("N")] = Field(1, description="Windows of time.")
    layer: Annotated[str | None, Option("NAME", choice="where")] = Field(
        None, description="Only atoms that started in this layer, wherever they go."
    )
    region: Annotated[str | None, Option("LAYER", choice="where")] = Field(
        None, description="Atoms in the space that this layer takes at the start of each window."
    )
    region_fraction: Annotated[TwoNumbers | None, Option("LO,HI", choice="where")] = Field(
        None, description="Atoms between two depths, shares of the cell, at the start of each window."
    )
    region_angstrom: Annotated[TwoNumbers | None, Option("LO,HI", choice="where")] = Field(
        None, description="The same from the cell's corner, or from an interface: =-5,5."
    )
    region_phase: Annotated[Names | None, Option("Li2S,Li3P", choice="where")] = Field(
        None, description="Atoms in the space that these phases take together at the start of each window."
    )
    rules: Annotated[str | None, Option("FILE")] = Field(
        None, description="YAML of rules of phases that come before those of the package, for region_phase."
    )
    interface: Annotated[tuple[str, str] | None, BeforeValidator(_two_layers), Option("LOWER/UPPER")] = Field(
        None, description="Zero of region_angstrom: where one layer ends and the next begins."
    )
    directions: Literal["xyz", "xy", "x", "y", "z"] = Field("xyz", description="Averaged for L_ij.")
    flux_axis: Literal["x", "y", "z"] = Field(
        "z", description="Of the fluxes against time; a region's are along the depth."
    )

    @field_validator("charges", mode="before")
    @classmethod
    def _listed(cls, value: Any, info: ValidationInfo) -> Any:
        species = info.data.get("species", ())
        if not isinstance(value, (list, tuple)):
            return value
        if len(value) != len(species):
            raise ValueError("must have one number for each of species")
        return dict(zip(species, value, strict=True))

    @field_validator("charges")
    @classmethod
    def _complete(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        from mlip_interfaces.chemistry.charges import SPECIES_CHARGES

        species = info.data.get("species", ())
        for name in value:
            if name not in species:
                raise ValueError(f"names {name}, which is not in `species` {','.join(species)}")
        charges = SPECIES_CHARGES | value
        missing = [name for name in species if name not in charges]
        if missing:
            raise ValueError(f"has none for {', '.join(missing)}, and there is no formal one; give {missing[0]}=...")
        return {name: float(charges[name]) for name in species}

    @model_validator(mode="after")
    def _where(self) -> Self:
        self.slab()
        if self.layer is not None and self.slab() is not None:
            raise ValueError("`layer` and a region exclude each other")
        return self

    def slab(self) -> Region | None:
        """The slab that is asked for, fixed in space or looked for at the start of each window; None without one.

        Returns
        -------
        region : Region or None
            Of `region`, `region_fraction`, `region_angstrom`, `region_phase` and `interface`.

        Raises
        ------
        AnalysisError
            If these make no slab.
        """
        asked = (self.region, self.region_fraction, self.region_angstrom, self.region_phase, self.interface)
        if not any(one is not None for one in asked):
            return None
        from mlip_interfaces.observables.region import Region

        return Region(*asked)

    def check(self, elements: Collection[str], layers: Collection[str]) -> None:
        """Whether elements and layers are there.

        Parameters
        ----------
        elements : collection of str
            Of the study.
        layers : collection of str
            Names of its layers.

        Raises
        ------
        ValueError
            If they are not.
        """
        super().check(elements, layers)
        for name in (self.region, *(self.interface or ())):
            if name is not None and name not in layers:
                raise ValueError(f"region names '{name}', but the layers are {', '.join(sorted(layers))}")
        if self.region_phase is not None:
            try:
                named = self.phase_settings()
            except (AnalysisError, InputFileError) as error:
                raise ValueError(str(error)) from error
            named.check(elements, layers)

    def phase_settings(self) -> Phases:
        """By which rules the phases of a region are named.

        Returns
        -------
        Phases
            A request with these rules.

        Raises
        ------
        AnalysisError
            If there is no rule for a phase that is asked for.
        InputFileError
            If the file of rules cannot be used.
        """
        from mlip_interfaces.observables.phases import Phases

        found = Phases(rules=self.rules)
        known = found.phase_rules().phases
        for name in self.region_phase or ():
            if name not in known:
                raise AnalysisError(
                    f"`region_phase` names {name}, and there is no rule for it; there are those for {', '.join(known)}"
                )
        return found

    def check_frames(self, n_frames: int, interval_ps: float) -> None:
        """Whether every window is long enough.

        Parameters
        ----------
        n_frames : int
            In the time that is analysed.
        interval_ps : float, ps
            Between them.

        Raises
        ------
        ValueError
            If it is not.
        """
        from mlip_interfaces.analysis.running_blocks import MIN_WINDOW_FRAMES

        if n_frames // self.windows < MIN_WINDOW_FRAMES:
            raise ValueError(
                f"windows is {self.windows} (ask for fewer, or lower dump_interval_ps), and each needs {MIN_WINDOW_FRAMES} frames, "
                f"{self.windows * MIN_WINDOW_FRAMES} in all, more than the {n_frames}"
            )

    def observe(self, start: Start) -> Observer:
        """Keep displacements, and for a region depths, of the elements.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _OnsagerObserver(self, start)


class _OnsagerObserver(Observer):
    def __init__(self, request: Onsager, start: Start) -> None:
        from mlip_interfaces.trajectory.selection import species_masks

        super().__init__()
        required_temperature(request.temperature_kelvin)
        self._request = request
        self._masks = species_masks(start.trajectory, request.species, request.layer)
        self._mine = self.moving = np.any(list(self._masks.values()), axis=0)
        if len(self._masks) == 1 and start.at_rest is not None and np.array_equal(self._mine, start.at_rest):
            raise AnalysisError(
                f"The centre of mass of these {request.species[0]} atoms is what `drift` puts at rest, so that their L is zero "
                "whatever they do; give another `drift`."
            )
        note = _charge_note(start.trajectory, request.charges)
        self.notes += [note] if note else []
        self._recorder = self._region_recorder(start)
        self._interfaces = self._interface_recorder(start)

    def _region_recorder(self, start: Start) -> RegionRecorder | None:
        from mlip_interfaces.analysis.slab import DepthTracker
        from mlip_interfaces.observables.phases import shared_recorder
        from mlip_interfaces.observables.region import RegionRecorder
        from mlip_interfaces.trajectory.selection import layer_mask

        region = self._request.slab()
        if region is None:
            return None
        layers = {name: layer_mask(start.trajectory, name) for name in region.layers}
        tracker = DepthTracker(start.trajectory.masses_amu, start.at_rest)
        phases = shared_recorder(self._request.phase_settings(), start) if region.phases is not None else None
        return RegionRecorder(region, layers, self._mine, tracker, start.resources, phases)

    def _interface_recorder(self, start: Start) -> InterfaceRecorder | None:
        """For all atoms of a stack: in a periodic one, the net flux of the cell is zero whatever its interfaces do."""
        from mlip_interfaces.analysis.slab import DepthTracker
        from mlip_interfaces.observables.interface_flux import InterfaceRecorder, stacked_layers

        layers = stacked_layers(start.trajectory.layers)
        if not layers or self._recorder is not None or self._request.layer is not None:
            return None
        tracker = DepthTracker(start.trajectory.masses_amu, start.at_rest)
        return InterfaceRecorder(layers, self._mine, tracker, start.resources, first_only=True)

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Follow the depths that a region, or the interfaces, need."""
        for recorder in (self._recorder, self._interfaces):
            if recorder is not None:
                recorder.add(batch.frames)

    def finish(self, record: Record) -> OnsagerResult:
        """Coefficients of the run and its windows, and fluxes."""
        from mlip_interfaces.analysis.onsager import OnsagerSettings

        request = self._request
        settings = OnsagerSettings(
            frame_interval_ps=record.interval_ps,
            volume_angstrom3=self._volume(record),
            temperature_kelvin=required_temperature(request.temperature_kelvin),
            charges=tuple(request.charges.values()),
            time_start_ps=float(record.times_ps[0]),
            directions=request.directions,
        )
        if self._recorder is not None:
            return self._of_region(self._recorder, record, settings)
        return self._of_atoms(record, settings)

    def _volume(self, record: Record) -> float:
        """Of the cell, or of the layer's share of it."""
        from mlip_interfaces.analysis.layer_transport import filled_span
        from mlip_interfaces.trajectory.selection import layer_mask

        volume = float(np.mean(record.volumes_angstrom3))
        name = self._request.layer
        if name is None:
            return volume
        depths = record.first_positions[layer_mask(record.trajectory, name)] @ np.linalg.inv(record.cells[0])[:, 2]
        share = filled_span(depths)[1]
        self.notes.append(f"Volume of the layer '{name}': {share:.3f} of the cell, by its depth at the start.")
        return volume * share

    def _of_atoms(self, record: Record, settings: OnsagerSettings) -> OnsagerResult:
        from mlip_interfaces.analysis.onsager import flux_history, onsager_windows
        from mlip_interfaces.analysis.undone import lasting_share, with_undone

        moved = [record.displacements(mask) for mask in self._masks.values()]
        whole, windows = onsager_windows(moved, settings, n_windows=self._request.windows)
        lasting = tuple(lasting_share(part, settings.frame_interval_ps) for part in moved)
        collective = np.stack([part.sum(axis=1, dtype=np.float64) for part in moved], axis=1)
        fluxes = flux_history(
            collective,
            record.times_ps,
            np.diag(whole.l_per_ev_angstrom_ps),
            whole.rattling_angstrom2,
            volume_angstrom3=settings.volume_angstrom3,
            temperature_kelvin=settings.temperature_kelvin,
            axis="xyz".index(self._request.flux_axis),
        )
        return OnsagerResult(
            self._request,
            record.drift,
            settings.volume_angstrom3,
            with_undone(whole, lasting),
            tuple(with_undone(window, lasting) for window in windows),
            fluxes,
            lasting,
            interfaces=self._around(record),
        )

    def _around(self, record: Record) -> dict[str, FluxHistory]:
        """Fluxes around each interface."""
        if self._interfaces is None:
            return {}
        try:
            return self._interfaces.fluxes(self._masks, record.cells, record.times_ps)
        except AnalysisError as error:
            self.notes.append(f"There are no fluxes around interfaces. {error}")
            return {}

    def _of_region(self, recorder: RegionRecorder, record: Record, settings: OnsagerSettings) -> OnsagerResult:
        from mlip_interfaces.analysis.undone import lasting_share, with_undone
        from mlip_interfaces.observables.interface_flux import through

        found = recorder.analyze(
            record.displacements(self._mine),
            self._masks,
            record.cells,
            record.times_ps,
            settings,
            self._request.windows,
        )
        self.notes.extend(found.notes)
        volume = float(np.mean([window.volume_angstrom3 for window in found.windows]))
        lasting = tuple(
            lasting_share(record.displacements(mask), settings.frame_interval_ps) for mask in self._masks.values()
        )
        windows = tuple(with_undone(window.transport, lasting) for window in found.windows)
        whole = with_undone(found.mean, lasting)
        return OnsagerResult(
            self._request, record.drift, volume, whole, windows, through(found.fluxes), lasting, region=found
        )


@dataclass(frozen=True, slots=True)
class OnsagerResult(Result):
    """Transport coefficients of a run and of its windows, and fluxes.

    Attributes
    ----------
    request : Onsager
        What was asked for.
    drift : str
        What is at rest.
    volume_angstrom3 : float, angstrom^3
        Of the cell, the layer, or the region (mean over windows).
    whole : mlip_interfaces.analysis.onsager.OnsagerWindow
        Of the whole run; of a region the mean over windows.
    windows : tuple of OnsagerWindow
        In order of time.
    fluxes : mlip_interfaces.analysis.onsager.FluxHistory
        Along one direction; of a region through it, along the depth.
    lasting : tuple of mlip_interfaces.analysis.undone.Lasting
        Of each species, how much of its motion is known to last.
    region : RegionResult or None
        Atoms, planes and fluxes of a region.
    interfaces : dict of str to FluxHistory
        Of all atoms of a stack: along the depth, around each interface, by the layers that meet there, the lower one first.
    """

    request: Onsager
    drift: str
    volume_angstrom3: float
    whole: OnsagerWindow
    windows: tuple[OnsagerWindow, ...]
    fluxes: FluxHistory
    lasting: tuple[Lasting, ...]
    region: RegionResult | None = None
    interfaces: dict[str, FluxHistory] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Content of ``onsager.json``."""
        species, request = self.request.species, self.request
        slab = request.slab()
        whole = _window(self.whole)
        windows = [_window(window) for window in self.windows]
        regional: dict[str, object] = {}
        if self.region is not None:
            windows = [window | own for window, own in zip(windows, self.region.of_windows(species), strict=True)]
            regional = {"region": self.region.of_planes(species)}
        return {
            "species": list(species),
            "charges": dict(request.charges),
            "windows": windows,
            "whole": whole,
            "conductivity_s_per_cm": whole["conductivity_s_per_cm"],
            "conductivity_error_s_per_cm": whole["conductivity_error_s_per_cm"],
            "nernst_einstein_s_per_cm": whole["nernst_einstein_s_per_cm"],
            "haven_ratio": whole["haven_ratio"],
            "transference": dict(zip(species, plain(self.whole.transference), strict=True)),
            "not_diffusive_because": {
                name: list(one.because) for name, one in zip(species, self.lasting, strict=True) if one.because
            },
            "run_at_least_ps": self._run_at_least_ps(),
            "fluxes": self._flux_entry(self.fluxes, request.flux_axis if self.region is None else "depth"),
            "interfaces": {name: self._flux_entry(fluxes, "depth") for name, fluxes in self.interfaces.items()},
            "settings": {
                "temperature_kelvin": request.temperature_kelvin,
                "volume_angstrom3": self.volume_angstrom3,
                "layer": request.layer,
                "region": None if slab is None else slab.definition(),
                "directions": request.directions,
                "drift": self.drift,
                "definition": "J_i = -sum_j L_ij grad mu_j; L_ij = d/dt <dR_i dR_j> / (2 d kT V); mean velocities taken out and "
                "reported as net flux",
            },
        } | regional

    def _flux_entry(self, fluxes: FluxHistory, axis: str) -> dict[str, object]:
        return {
            "axis": axis,
            "time_start_ps": fluxes.time_start_ps.tolist(),
            "time_end_ps": fluxes.time_end_ps.tolist(),
            "flux_per_angstrom2_ps": fluxes.flux_per_angstrom2_ps.tolist(),
            "error_per_angstrom2_ps": fluxes.error_per_angstrom2_ps.tolist(),
            "zero_within_2_sigma_since_ps": dict(zip(self.request.species, fluxes.zero_since_ps, strict=True)),
        }

    def _run_at_least_ps(self) -> float | None:
        """That the slowest species needs."""
        needed = [one.run_at_least_ps for one in self.lasting if np.isfinite(one.run_at_least_ps)]
        return max(needed) if needed else None

    def tables(self) -> dict[str, Table]:
        """L_ij in windows; of a region also atoms inside and fluxes against time."""
        species = self.request.species
        rows = [
            (
                f"{window.time_start_ps:.6g}",
                f"{window.time_end_ps:.6g}",
                first,
                second,
                f"{window.l_per_ev_angstrom_ps[i][j]:.6g}",
                f"{window.l_error_per_ev_angstrom_ps[i][j]:.4g}",
            )
            for window in self.windows
            for i, first in enumerate(species)
            for j, second in enumerate(species)
        ]
        columns = (
            "time_start_ps", "time_end_ps", "first", "second", "l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps",
        )  # fmt: skip
        tables = {"": Table(columns, rows)}
        if self.region is not None:
            tables["region"] = self.region.table(species)
        return tables

    def lines(self) -> list[str]:
        """Conductivity, Haven ratio and every L_ij with its error."""
        whole, species = self.whole, self.request.species
        charges = ", ".join(f"{name} {charge:+g}" for name, charge in self.request.charges.items())
        conductivity = measured(whole.conductivity_s_per_cm, whole.conductivity_error_s_per_cm)
        lines = [
            f"conductivity: {conductivity} S/cm (charges {charges}); about {whole.n_effective:.0f} independent pieces"
        ]
        for name, one in zip(species, self.lasting, strict=True):
            if one.because and not np.isfinite(one.run_at_least_ps):
                lines.append(
                    f"{name} is not diffusive ({' and '.join(one.because)}): its L are means over motion that changes"
                )
            elif one.because:
                lines.append(
                    f"{name} is not diffusive yet ({' and '.join(one.because)}), run at least {one.run_at_least_ps:.2g} ps: as little "
                    f"as {100 * one.share:.0f} % of its motion may last, and of its L"
                )
        haven = (
            f"{whole.haven_ratio:.3g}" if np.isfinite(whole.haven_ratio) else "not known, the conductivity may be zero"
        )
        lines.append(f"Nernst-Einstein: {whole.nernst_einstein_s_per_cm:.3g} S/cm; Haven ratio: {haven}")
        for i, first in enumerate(species):
            for j in range(i, len(species)):
                value = measured(whole.l_per_ev_angstrom_ps[i, j], whole.l_error_per_ev_angstrom_ps[i, j])
                low, high = whole.l_confidence_95_per_ev_angstrom_ps[:, i, j]
                lines.append(f"L {first}-{species[j]}: {value} /(eV angstrom ps), 95 % {low:.3g} to {high:.3g}")
        return lines + [f"flux around {name}: {self._since(fluxes)}" for name, fluxes in self.interfaces.items()]

    def _since(self, fluxes: FluxHistory) -> str:
        """Since when the flux of each species is zero."""
        return "; ".join(
            f"{name} is not zero at the end" if since is None else f"{name} is zero within 2 sigma since {since:g} ps"
            for name, since in zip(self.request.species, fluxes.zero_since_ps, strict=True)
        )

    def draw(self) -> Figure:
        """L_ij of the whole run with errors, their correlations, L_ij in windows, and fluxes against time.

        Of a region also the atoms in it and the fluxes through its two planes; of a stack the fluxes around each interface.
        """
        from mlip_interfaces.figures.style import new_figure

        n_rows = 2 + (self.region is not None) + -(-len(self.interfaces) // 2)
        figure, axes = new_figure(n_rows, 2, height=3.1 * n_rows)
        species = self.request.species
        pairs = [(i, j) for i in range(len(species)) for j in range(i, len(species))]
        names = [f"{species[i]}-{species[j]}" for i, j in pairs]
        self._draw_whole(axes[0, 0], pairs, names)
        image = self._draw_correlations(axes[0, 1])
        figure.colorbar(image, ax=axes[0, 1], label="correlation $L_{ij}/\\sqrt{L_{ii}L_{jj}}$")
        self._draw_windows(axes[1, 0], pairs, names)
        self._draw_fluxes(axes[1, 1], self.fluxes, self.request.flux_axis if self.region is None else "depth")
        if self.interfaces:
            axes[1, 1].set_title("through the whole cell", loc="left")
        if self.region is not None:
            self._draw_region(axes[2, 0], axes[2, 1], self.region)
        for ax in axes[2:].ravel()[len(self.interfaces) :] if self.interfaces else ():
            ax.set_visible(False)
        for ax, (name, fluxes) in zip(axes[2:].ravel(), self.interfaces.items(), strict=False):
            self._draw_fluxes(ax, fluxes, "depth")
            ax.set_title(f"around {name}", loc="left")
        return figure

    def _draw_whole(self, ax: Axes, pairs: list[tuple[int, int]], names: list[str]) -> None:
        from mlip_interfaces.figures.style import PALETTE

        values = np.array([self.whole.l_per_ev_angstrom_ps[pair] for pair in pairs])
        low, high = (end[tuple(zip(*pairs, strict=True))] for end in self.whole.l_confidence_95_per_ev_angstrom_ps)
        ax.errorbar(
            range(len(pairs)), values, yerr=[values - low, high - values], fmt="o", color=PALETTE[0], capsize=3, ms=4
        )
        ax.axhline(0.0, color="#999999", lw=0.8, zorder=0)
        ax.set_xticks(range(len(pairs)), names, rotation=60)
        ax.set_ylabel("L (1/(eV Å ps)), 95 %")

    def _draw_correlations(self, ax: Axes) -> Any:
        species, correlation = self.request.species, self.whole.correlation
        image = ax.imshow(correlation, vmin=-1, vmax=1, cmap="RdBu_r")
        for (i, j), value in np.ndenumerate(correlation):
            if np.isfinite(value):
                color = "white" if abs(value) > 0.6 else "black"
                ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7.5, color=color)
        ax.set_xticks(range(len(species)), species)
        ax.set_yticks(range(len(species)), species)
        return image

    def _draw_windows(self, ax: Axes, pairs: list[tuple[int, int]], names: list[str]) -> None:
        from mlip_interfaces.figures.style import PALETTE

        middles = [(window.time_start_ps + window.time_end_ps) / 2 for window in self.windows]
        for number, (pair, name) in enumerate(zip(pairs, names, strict=True)):
            values = [window.l_per_ev_angstrom_ps[pair] for window in self.windows]
            errors = [window.l_error_per_ev_angstrom_ps[pair] for window in self.windows]
            ax.errorbar(
                middles, values, yerr=errors, label=name, color=PALETTE[number % len(PALETTE)], capsize=2, marker="o", ms=3,
                ls="-" if pair[0] == pair[1] else "--", lw=1.0,
            )  # fmt: skip
        ax.axhline(0.0, color="#999999", lw=0.8, zorder=0)
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("L in windows (1/(eV Å ps))")
        if len(pairs) <= 10:
            ax.legend(ncol=2, fontsize=7, handlelength=1.5)

    def _draw_fluxes(self, ax: Axes, fluxes: FluxHistory, axis: str) -> None:
        from mlip_interfaces.figures.style import ELEMENT_COLORS, PALETTE

        times = (fluxes.time_start_ps + fluxes.time_end_ps) / 2
        for k, name in enumerate(self.request.species):
            color = ELEMENT_COLORS.get(name, PALETTE[k % len(PALETTE)])
            bound = 2 * fluxes.error_per_angstrom2_ps[:, k]
            flux = fluxes.flux_per_angstrom2_ps[:, k]
            ax.plot(times, flux, color=color, label=name, marker="o", ms=3, lw=1.0)
            ax.fill_between(times, -bound, bound, color=color, alpha=0.12, lw=0)
        ax.axhline(0.0, color="#999999", lw=0.8, zorder=0)
        ax.set_xlabel("time (ps)")
        ax.set_ylabel(f"net flux along {axis} (1/(Å² ps))\nbands: zero within 2 σ")
        ax.legend(fontsize=7)

    def _draw_region(self, inside: Axes, through: Axes, region: RegionResult) -> None:
        """Atoms in a region, with the least share still inside at the end of a window, and the fluxes through its planes."""
        from mlip_interfaces.figures.style import ELEMENT_COLORS, PALETTE

        fluxes = region.fluxes
        starts, stops = fluxes.time_start_ps, fluxes.time_end_ps
        for k, name in enumerate(self.request.species):
            color = ELEMENT_COLORS.get(name, PALETTE[k % len(PALETTE)])
            stay = min(float(window.survivors[k]) for window in region.windows)
            counts = [*fluxes.n_start[:, k], fluxes.n_end[-1, k]]
            label = f"{name}, {100 * stay:.0f} %"
            inside.plot([*starts, stops[-1]], counts, color=color, label=label, marker="o", ms=3, lw=1.0)
            for plane, part, style in (("lower", fluxes.lower, "-"), ("upper", fluxes.upper, "--")):
                through.errorbar(
                    (starts + stops) / 2, part.flux_per_angstrom2_ps[:, k], yerr=part.error_per_angstrom2_ps[:, k],
                    color=color, ls=style, lw=1.0, marker="o", ms=3, capsize=2, label=f"{name}, {plane}",
                )  # fmt: skip
        inside.set_ylim(0, 1.25 * float(fluxes.n_start.max()))
        inside.set_xlabel("time (ps)")
        inside.set_ylabel("atoms in the region")
        inside.legend(fontsize=7, ncol=2, title="least share still inside at a window's end", title_fontsize=7)
        through.axhline(0.0, color="#999999", lw=0.8, zorder=0)
        through.set_xlabel("time (ps)")
        through.set_ylabel("flux through its planes (1/(Å² ps))")
        if len(self.request.species) <= 4:
            through.legend(fontsize=7, ncol=2)


def _charge_note(trajectory: TrajectoryReader, charges: dict[str, float]) -> str | None:
    """What the charges of the whole cell sum to, formal ones of the elements left out included; None where it is zero."""
    from mlip_interfaces.chemistry.charges import ELEMENT_CHARGES

    elements, counts = np.unique(trajectory.symbols, return_counts=True)
    of_cell = ELEMENT_CHARGES | charges
    present = dict(zip(elements.tolist(), counts.tolist(), strict=True))
    if any(symbol not in of_cell for symbol in present):
        return None
    total = sum(n * of_cell[symbol] for symbol, n in present.items())
    if abs(total) <= NEUTRAL_E_PER_ATOM * trajectory.n_atoms:
        return None
    terms = ", ".join(f"{n} {symbol} of {of_cell[symbol]:+g}" for symbol, n in present.items())
    return (
        f"The charges sum to {total:+.4g} e over the cell ({terms}): the conductivity depends on the frame of reference then, "
        "and may be wrong by far. Give `charges` that sum to zero, if the file has all atoms."
    )


def _window(window: OnsagerWindow) -> dict[str, object]:
    return {name: plain(value) for name, value in asdict(window).items()}
