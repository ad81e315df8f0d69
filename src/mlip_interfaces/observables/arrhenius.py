"""Activation energy from the diffusivities of runs at several temperatures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from mlip_interfaces.errors import AnalysisError, InputFileError, counted
from mlip_interfaces.files import read_json
from mlip_interfaces.observables.request import Option, Settings, Temperatures
from mlip_interfaces.observables.results import Headline, Result, measured
from mlip_interfaces.settings import Charge, Count, Kelvin, Positive

if TYPE_CHECKING:
    from mlip_interfaces.analysis.arrhenius import ArrheniusFit
    from mlip_interfaces.figures import Figure


class Arrhenius(Settings):
    """Activation energy from the ``msd.json`` of runs at several temperatures."""

    kind: ClassVar[str] = "arrhenius"
    summary: ClassVar[str] = "activation energy from the msd.json of several temperatures"

    temperatures_kelvin: Annotated[Temperatures, Option("500,600,700")] = Field(description="One for each file.")
    species: Annotated[str, Option("Li")] = Field("Li", description="Element.")
    at_kelvin: Annotated[Kelvin, Option("T")] = Field(300.0, description="Extrapolate to this temperature.")
    n_ions: Annotated[Count | None, Option("N")] = Field(
        None, description="Mobile ions; with volume_angstrom3: conductivity too."
    )
    volume_angstrom3: Annotated[Positive | None, Option("V")] = Field(None, description="Of the cell of these ions.")
    charge: Annotated[Charge | None, Option("Z")] = Field(
        None, description="Of one ion, in e, for the conductivity; the formal one where left out."
    )

    @model_validator(mode="after")
    def _known_charge(self) -> Self:
        self.ion_charge()
        return self

    def ion_charge(self) -> float | None:
        """Charge of one ion.

        Returns
        -------
        charge : float or None, e
            As asked for, else the formal one; None where no conductivity is asked for.

        Raises
        ------
        ValueError
            If a conductivity is asked for and no charge is known, or it is zero.
        """
        from mlip_interfaces.chemistry.charges import ELEMENT_CHARGES

        if self.n_ions is None or self.volume_angstrom3 is None:
            return None
        charge = ELEMENT_CHARGES.get(self.species) if self.charge is None else self.charge
        if charge is None:
            raise ValueError(f"there is no formal charge of {self.species}; give `charge`, in e")
        if charge == 0.0 or not math.isfinite(charge):
            raise ValueError(f"`charge` is {charge:g}, and an ion has a charge")
        return charge

    def fit(self, files: Sequence[Path]) -> ArrheniusResult:
        """Fit the diffusivities of several runs.

        Parameters
        ----------
        files : sequence of path
            An ``msd.json`` for each temperature.

        Returns
        -------
        result : ArrheniusResult
            Activation energy, prefactor and the extrapolation.

        Raises
        ------
        InputFileError
            If a file is missing, damaged or lacks the species.
        AnalysisError
            If the numbers of files and temperatures differ, or the fit cannot be made: temperatures that are not diffusive yet
            have a bound, which is no point of a line.
        """
        from mlip_interfaces.analysis.arrhenius import arrhenius_fit

        if len(files) != len(self.temperatures_kelvin):
            raise AnalysisError(
                f"There must be a temperature for each file: {counted(len(files), 'file')}, "
                f"{counted(len(self.temperatures_kelvin), 'temperature')}."
            )
        points: list[tuple[float, float, float]] = []
        bounds: dict[float, float] = {}
        for file, kelvin in zip(files, self.temperatures_kelvin, strict=True):
            try:
                entry = read_json(file)["species"][self.species]
                if entry.get("diffusive", True):
                    value, error = entry["diffusivity_cm2_per_s"], entry["diffusivity_error_cm2_per_s"]
                    points.append((kelvin, float(value), float(error)))
                else:
                    bounds[kelvin] = float(entry["confidence_95_cm2_per_s"][1])
            except (InputFileError, OSError, KeyError, IndexError, TypeError) as wrong:
                raise InputFileError(
                    f"{file} is no msd.json with a diffusivity of {self.species}: {wrong!r}"
                ) from wrong
        if bounds and len({kelvin for kelvin, _, _ in points}) < 2:
            raise AnalysisError(
                f"Not diffusive yet at {_listed(bounds)} K: D there is a bound, and fewer than two temperatures are left for a line. "
                "Run them longer; `run_at_least_ps` in each msd.json says how long."
            )
        kelvin_of_points, values, errors = (
            (tuple(part) for part in zip(*_one_each(points), strict=True)) if points else ((), (), ())
        )
        fit = arrhenius_fit(kelvin_of_points, values, errors)
        return ArrheniusResult(self, fit, kelvin_of_points, values, errors, bounds)


@dataclass(frozen=True, slots=True)
class ArrheniusResult(Result):
    """Activation energy of a diffusivity.

    Attributes
    ----------
    request : Arrhenius
        What was asked for.
    fitted : mlip_interfaces.analysis.arrhenius.ArrheniusFit
        The line.
    temperatures_kelvin : tuple of float, K
        Of the fit.
    diffusivities_cm2_per_s, errors_cm2_per_s : tuple of float, cm^2/s
        At these temperatures; runs of one temperature as one, with the scatter between them in the error.
    bounds_cm2_per_s : dict of float to float, cm^2/s
        What D is below, at the temperatures whose run is too short for a diffusivity; not fitted.
    """

    request: Arrhenius
    fitted: ArrheniusFit
    temperatures_kelvin: tuple[float, ...]
    diffusivities_cm2_per_s: tuple[float, ...]
    errors_cm2_per_s: tuple[float, ...]
    bounds_cm2_per_s: dict[float, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Content of ``arrhenius.json``."""
        request, fit = self.request, self.fitted
        value, low, high = fit.diffusivity(request.at_kelvin)
        content: dict[str, object] = {
            "species": request.species,
            "activation_energy_ev": fit.activation_energy_ev,
            "activation_energy_error_ev": fit.activation_energy_error_ev,
            "prefactor_cm2_per_s": fit.prefactor_cm2_per_s,
            "at_kelvin": request.at_kelvin,
            "diffusivity_cm2_per_s": value,
            "diffusivity_one_sigma_cm2_per_s": [low, high],
            "temperatures_kelvin": list(self.temperatures_kelvin),
            "diffusivities_cm2_per_s": list(self.diffusivities_cm2_per_s),
            "errors_cm2_per_s": list(self.errors_cm2_per_s),
            "not_diffusive_kelvin": list(self.bounds_cm2_per_s),
            "bounds_cm2_per_s": list(self.bounds_cm2_per_s.values()),
        }
        conductivity = self._nernst_einstein()
        if conductivity is not None:
            content["nernst_einstein_s_per_cm"], content["charge"] = conductivity
        return content

    def _nernst_einstein(self) -> tuple[float, float] | None:
        """Conductivity in S/cm and the charge behind it; None where there are no ions or no volume."""
        from mlip_interfaces.analysis.arrhenius import nernst_einstein_s_per_cm

        request, charge = self.request, self.request.ion_charge()
        if charge is None or request.n_ions is None or request.volume_angstrom3 is None:
            return None
        value, _, _ = self.fitted.diffusivity(request.at_kelvin)
        conductivity = nernst_einstein_s_per_cm(
            value, request.at_kelvin, n_ions=request.n_ions, volume_angstrom3=request.volume_angstrom3, charge=charge
        )
        return conductivity, charge

    def headlines(self) -> list[Headline]:
        """The activation energy."""
        fit = self.fitted
        return [Headline("activation energy (eV)", fit.activation_energy_ev, fit.activation_energy_error_ev)]

    def lines(self) -> list[str]:
        """Activation energy, the diffusivity at the temperature asked for, and the conductivity of the ions."""
        fit, kelvin = self.fitted, self.request.at_kelvin
        value, low, high = fit.diffusivity(kelvin)
        energy = measured(fit.activation_energy_ev, fit.activation_energy_error_ev)
        lines = [
            f"activation energy of {self.request.species}: {energy} eV from {len(self.errors_cm2_per_s)} temperatures",
            f"D at {kelvin:g} K: {value:.2e} cm^2/s, {low:.1e} to {high:.1e} within one standard error",
        ]
        conductivity = self._nernst_einstein()
        if conductivity is not None:
            lines.append(
                f"Nernst-Einstein at {kelvin:g} K: {conductivity[0]:.3g} S/cm, {self.request.n_ions} ions of "
                f"{conductivity[1]:+g} e"
            )
        for kelvin, bound in self.bounds_cm2_per_s.items():
            value, low, _ = fit.diffusivity(kelvin)
            where = "the line agrees" if low <= bound else "the line does not agree"
            lines.append(
                f"not diffusive yet at {kelvin:g} K: D is below {bound:.2g} cm^2/s there, which is not fitted; {where} "
                f"({value:.2g} cm^2/s)"
            )
        return lines

    def draw(self) -> Figure:
        """log D against 1000 / T, the fit, and its band of one standard error."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        figure, axes = new_figure(1, 1, width=4.6, height=3.4)
        ax, fit = axes[0, 0], self.fitted
        kelvin = np.array(self.temperatures_kelvin)
        bounds = np.array(list(self.bounds_cm2_per_s))
        asked = (*self.request.temperatures_kelvin, self.request.at_kelvin)
        ends = (min(asked), max(asked))
        inverse = np.linspace(1 / ends[1], 1 / ends[0], 60)
        value, low, high = np.array([fit.diffusivity(float(1 / x)) for x in inverse]).T
        ax.errorbar(
            1000 / kelvin,
            self.diffusivities_cm2_per_s,
            yerr=self.errors_cm2_per_s,
            fmt="o",
            color=PALETTE[0],
            capsize=3,
        )
        if bounds.size:
            ax.plot(
                1000 / bounds,
                list(self.bounds_cm2_per_s.values()),
                "v",
                color=PALETTE[0],
                mfc="white",
                label="D is below",
            )
            ax.legend()
        ax.plot(1000 * inverse, value, color=PALETTE[1])
        ax.fill_between(1000 * inverse, low, high, color=PALETTE[1], alpha=0.2, lw=0)
        ax.set_yscale("log")
        ax.set_xlabel("1000 / T (1/K)")
        ax.set_ylabel("D (cm²/s)")
        ax.set_title(f"E$_a$ = {fit.activation_energy_ev:.3f} ± {fit.activation_energy_error_ev:.3f} eV", loc="left")
        return figure


def _one_each(points: Iterable[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Temperature, D and its error; runs of one temperature as one."""
    from mlip_interfaces.analysis.replicas import mean_of_runs

    of_kelvin: dict[float, list[tuple[float, float]]] = {}
    for kelvin, value, error in points:
        of_kelvin.setdefault(kelvin, []).append((value, error))
    return [(kelvin, *mean_of_runs(*zip(*runs, strict=True))) for kelvin, runs in of_kelvin.items()]


def _listed(temperatures_kelvin: Iterable[float]) -> str:
    return ", ".join(f"{kelvin:g}" for kelvin in temperatures_kelvin)
