"""Activation energy from the diffusivities of runs at several temperatures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlip_interfaces.analysis.arrhenius import arrhenius_fit, nernst_einstein_s_per_cm
from mlip_interfaces.errors import AnalysisError, InputFileError, counted
from mlip_interfaces.files import write_json


def fit_activation(
    files: Sequence[Path],
    temperatures_kelvin: Sequence[float],
    *,
    species: str,
    at_kelvin: float,
    n_ions: int | None = None,
    volume_angstrom3: float | None = None,
    output: Path | None = None,
) -> dict[str, Any]:
    """Arrhenius fit over several ``msd.json``.

    Parameters
    ----------
    files, temperatures_kelvin : one temperature for each file.
    species : element.
    at_kelvin : temperature to extrapolate to.
    n_ions, volume_angstrom3 : mobile ions and cell, for a Nernst-Einstein conductivity.
    output : folder for ``arrhenius.json`` and its figure; None to write nothing.

    Returns
    -------
    content : of ``arrhenius.json``.

    Raises
    ------
    InputFileError
        If a file is missing, damaged or lacks the species.
    AnalysisError
        If the numbers of files and temperatures differ, or the fit cannot be made.
    """
    if len(files) != len(temperatures_kelvin):
        raise AnalysisError(
            f"There must be a temperature for each file: {counted(len(files), 'file')}, "
            f"{counted(len(temperatures_kelvin), 'temperature')}."
        )
    values, errors = [], []
    for file in files:
        try:
            entry = json.loads(file.read_text())["species"][species]
            values.append(float(entry["diffusivity_cm2_per_s"]))
            errors.append(float(entry["diffusivity_error_cm2_per_s"]))
        except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputFileError(f"{file} is no msd.json with a diffusivity of {species}: {error!r}") from error
    fit = arrhenius_fit(temperatures_kelvin, values, errors)
    value, low, high = fit.diffusivity(at_kelvin)
    content: dict[str, Any] = {
        "species": species,
        "activation_energy_ev": fit.activation_energy_ev,
        "activation_energy_error_ev": fit.activation_energy_error_ev,
        "prefactor_cm2_per_s": fit.prefactor_cm2_per_s,
        "at_kelvin": at_kelvin,
        "diffusivity_cm2_per_s": value,
        "diffusivity_one_sigma_cm2_per_s": [low, high],
        "temperatures_kelvin": list(temperatures_kelvin),
        "diffusivities_cm2_per_s": values,
        "errors_cm2_per_s": errors,
    }
    if n_ions is not None and volume_angstrom3 is not None:
        content["nernst_einstein_s_per_cm"] = nernst_einstein_s_per_cm(
            value, at_kelvin, n_ions=n_ions, volume_angstrom3=volume_angstrom3
        )
    if output is not None:
        from mlip_interfaces.figures.analysis_plots import arrhenius
        from mlip_interfaces.figures.style import save_figure

        output.mkdir(parents=True, exist_ok=True)
        kelvin = np.array(temperatures_kelvin, dtype=float)
        ends = (min(at_kelvin, kelvin.min()), max(at_kelvin, kelvin.max()))
        line_kelvin = 1.0 / np.linspace(1 / ends[1], 1 / ends[0], 60)
        line = np.array([fit.diffusivity(float(t)) for t in line_kelvin]).T
        title = f"E$_a$ = {fit.activation_energy_ev:.3f} ± {fit.activation_energy_error_ev:.3f} eV"
        save_figure(
            arrhenius(kelvin, np.array(values), np.array(errors), line_kelvin, line, title), output, "arrhenius"
        )
        write_json(output / "arrhenius.json", content)
    return content
