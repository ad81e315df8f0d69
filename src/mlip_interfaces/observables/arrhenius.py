"""Activation energy from the diffusivities of runs at several temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlip_interfaces.errors import AnalysisError, InputFileError, counted
from mlip_interfaces.files import read_json
from mlip_interfaces.observables.request import Option, PositiveNumbers, Request
from mlip_interfaces.observables.results import Headline, Result, measured
from mlip_interfaces.settings import Count, Positive

if TYPE_CHECKING:
    from mlip_interfaces.analysis.arrhenius import ArrheniusFit
    from mlip_interfaces.figures import Figure


class Arrhenius(Request):
    """Activation energy from the ``msd.json`` of runs at several temperatures; consumes no trajectory."""

    kind: ClassVar[str] = "arrhenius"
    summary: ClassVar[str] = "activation energy from the msd.json of several temperatures"

    temperatures_kelvin: Annotated[PositiveNumbers, Option("500,600,700")] = Field(description="One for each file.")
    species: Annotated[str, Option("Li")] = Field("Li", description="Element.")
    at_kelvin: Annotated[Positive, Option("T")] = Field(300.0, description="Extrapolate to this temperature.")
    n_ions: Annotated[Count | None, Option("N")] = Field(
        None, description="Mobile ions; with volume_angstrom3: conductivity too."
    )
    volume_angstrom3: Annotated[Positive | None, Option("V")] = Field(None, description="Of the cell of these ions.")

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
            If the numbers of files and temperatures differ, or the fit cannot be made.
        """
        from mlip_interfaces.analysis.arrhenius import arrhenius_fit

        if len(files) != len(self.temperatures_kelvin):
            raise AnalysisError(
                f"There must be a temperature for each file: {counted(len(files), 'file')}, "
                f"{counted(len(self.temperatures_kelvin), 'temperature')}."
            )
        values, errors = [], []
        for file in files:
            try:
                entry = read_json(file)["species"][self.species]
                values.append(float(entry["diffusivity_cm2_per_s"]))
                errors.append(float(entry["diffusivity_error_cm2_per_s"]))
            except (InputFileError, OSError, KeyError, TypeError) as error:
                raise InputFileError(
                    f"{file} is no msd.json with a diffusivity of {self.species}: {error!r}"
                ) from error
        return ArrheniusResult(
            self, arrhenius_fit(self.temperatures_kelvin, values, errors), tuple(values), tuple(errors)
        )


@dataclass(frozen=True, slots=True)
class ArrheniusResult(Result):
    """Activation energy of a diffusivity.

    Attributes
    ----------
    request : Arrhenius
        What was asked for.
    fitted : mlip_interfaces.analysis.arrhenius.ArrheniusFit
        The line.
    diffusivities_cm2_per_s, errors_cm2_per_s : tuple of float, cm^2/s
        Of the runs.
    """

    request: Arrhenius
    fitted: ArrheniusFit
    diffusivities_cm2_per_s: tuple[float, ...]
    errors_cm2_per_s: tuple[float, ...]

    def to_dict(self) -> dict[str, object]:
        """Content of ``arrhenius.json``."""
        from mlip_interfaces.analysis.arrhenius import nernst_einstein_s_per_cm

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
            "temperatures_kelvin": list(request.temperatures_kelvin),
            "diffusivities_cm2_per_s": list(self.diffusivities_cm2_per_s),
            "errors_cm2_per_s": list(self.errors_cm2_per_s),
        }
        if request.n_ions is not None and request.volume_angstrom3 is not None:
            content["nernst_einstein_s_per_cm"] = nernst_einstein_s_per_cm(
                value, request.at_kelvin, n_ions=request.n_ions, volume_angstrom3=request.volume_angstrom3
            )
        return content

    def headlines(self) -> list[Headline]:
        """The activation energy."""
        fit = self.fitted
        return [Headline("activation energy (eV)", fit.activation_energy_ev, fit.activation_energy_error_ev)]

    def lines(self) -> list[str]:
        """Activation energy and the diffusivity at the temperature asked for."""
        fit, kelvin = self.fitted, self.request.at_kelvin
        value, low, high = fit.diffusivity(kelvin)
        energy = measured(fit.activation_energy_ev, fit.activation_energy_error_ev)
        return [
            f"activation energy of {self.request.species}: {energy} eV from {len(self.errors_cm2_per_s)} temperatures",
            f"D at {kelvin:g} K: {value:.2e} cm^2/s, {low:.1e} to {high:.1e} within one standard error",
        ]

    def draw(self) -> Figure:
        """log D against 1000 / T, the fit, and its band of one standard error."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        figure, axes = new_figure(1, 1, width=4.6, height=3.4)
        ax, fit = axes[0, 0], self.fitted
        kelvin = np.array(self.request.temperatures_kelvin)
        ends = (min(self.request.at_kelvin, kelvin.min()), max(self.request.at_kelvin, kelvin.max()))
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
        ax.plot(1000 * inverse, value, color=PALETTE[1])
        ax.fill_between(1000 * inverse, low, high, color=PALETTE[1], alpha=0.2, lw=0)
        ax.set_yscale("log")
        ax.set_xlabel("1000 / T (1/K)")
        ax.set_ylabel("D (cm²/s)")
        ax.set_title(f"E$_a$ = {fit.activation_energy_ev:.3f} ± {fit.activation_energy_error_ev:.3f} eV", loc="left")
        return figure
