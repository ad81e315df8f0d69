"""Space charge and charged defects of a material as JSON, CSV and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.defects.charged_defects import DefectEquilibrium
from mlip_interfaces.screening.solids.materials import DefectChemistry, Electrolyte
from mlip_interfaces.screening.solids.space_charge import SolvedSpaceCharge

_WINDOW_MARGIN_V = 0.3
_FERMI_POINTS = 301


def space_charge_content(found: SolvedSpaceCharge) -> dict[str, object]:
    """A space-charge layer as JSON has it.

    Parameters
    ----------
    found : SolvedSpaceCharge
        Of the electrolyte and its electrode.

    Returns
    -------
    dict
        The analytic numbers with the numerical ones beside them; where the equation was not solved ``numerical`` is null and ``notes`` says so.
    """
    layer, numerical = found.layer, None
    if found.profile is not None:
        at_width = float(np.interp(layer.width_angstrom, found.profile.x_angstrom, found.profile.potential_v))
        numerical = {"charge_e_per_nm2": found.profile.charge_e_per_nm2, "potential_at_width_v": at_width}
    return {
        "width_angstrom": layer.width_angstrom,
        "charge_e_per_nm2": layer.charge_e_per_nm2,
        "capacitance_uf_per_cm2": layer.capacitance_uf_per_cm2,
        "potential_at_width_v": layer.potential_at_width_v,
        "is_saturated": found.inputs.is_saturated,
        "numerical": numerical,
        "notes": list(found.notes),
        "settings": dataclasses.asdict(found.inputs),
    }


def write_space_charge(
    found: SolvedSpaceCharge, content: Mapping[str, object], directory: Path, provenance: Mapping[str, object]
) -> None:
    """``space_charge.json``, and the profile as ``.csv`` and a figure where there is one.

    Parameters
    ----------
    found : SolvedSpaceCharge
        Of the layer.
    content : mapping of str to object
        As `space_charge_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    from mlip_interfaces.figures.screening_plots import space_charge_profile
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "space_charge.json", dict(content) | dict(provenance))
    if found.profile is None:
        return
    columns = {"x_angstrom": found.profile.x_angstrom, "potential_v": found.profile.potential_v}
    saturated = None
    if found.analytic_v is not None:
        columns["analytic_potential_v"] = found.analytic_v
        saturated = (found.analytic_v, found.layer.width_angstrom)
    write_csv(directory / "space_charge.csv", list(columns), np.column_stack(list(columns.values())).tolist())
    figure = space_charge_profile(
        found.profile.x_angstrom, found.profile.potential_v, found.inputs.interface_potential_v, saturated
    )
    save_figure(figure, directory, "space_charge")


def defects_content(
    material: Electrolyte, chemistry: DefectChemistry, equilibrium: DefectEquilibrium, notes: Sequence[str] = ()
) -> dict[str, object]:
    """Fermi level and concentrations of a material as JSON has them.

    Parameters
    ----------
    material : Electrolyte
        With its window.
    chemistry : DefectChemistry
        Its defects.
    equilibrium : DefectEquilibrium
        At the voltages to show.
    notes : sequence of str
        On where they are from.

    Returns
    -------
    dict
        With units in the keys.
    """
    return {
        "name": material.name,
        "temperature_kelvin": equilibrium.temperature_kelvin,
        "reduction_limit_v": material.reduction_limit_v,
        "oxidation_limit_v": material.oxidation_limit_v,
        "voltage_v": equilibrium.voltage_v.tolist(),
        "fermi_level_ev": equilibrium.fermi_level_ev.tolist(),
        "slope_ev_per_v": equilibrium.slopes().tolist(),
        "concentrations_per_cm3": {
            name: values.tolist() for name, values in equilibrium.concentrations_per_cm3.items()
        },
        "species": [one.model_dump() for one in chemistry.species],
        "notes": [*equilibrium.notes(material.band_gap_ev), *notes],
    }


def write_defects(
    material: Electrolyte,
    equilibrium: DefectEquilibrium,
    content: Mapping[str, object],
    directory: Path,
    provenance: Mapping[str, object],
) -> None:
    """``defects.json``, ``.csv`` and the figure.

    Parameters
    ----------
    material : Electrolyte
        With its window.
    equilibrium : DefectEquilibrium
        Of its defects.
    content : mapping of str to object
        As `defects_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    from mlip_interfaces.figures.screening_plots import DefectPanel, defects_against_voltage
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "defects.json", dict(content) | dict(provenance))
    names = equilibrium.concentrations_per_cm3
    columns = ["voltage_v", "fermi_level_ev", *(f"{name}_per_cm3" for name in names)]
    values = np.column_stack([equilibrium.voltage_v, equilibrium.fermi_level_ev, *names.values()])
    write_csv(directory / "defects.csv", columns, values.tolist())
    panel = DefectPanel(
        material.formula, equilibrium.voltage_v, equilibrium.fermi_level_ev, names,
        (material.reduction_limit_v, material.oxidation_limit_v),
    )  # fmt: skip
    save_figure(defects_against_voltage([panel]), directory, "defects")


def shown_voltages(material: Electrolyte, margin_v: float = _WINDOW_MARGIN_V) -> NDArray[np.float64]:
    """Voltages of a figure of a material: its window and some more on both sides.

    Parameters
    ----------
    material : Electrolyte
        With a window.
    margin_v : float, optional, V
        On either side.

    Returns
    -------
    (n,) float array, V
        Against lithium metal.
    """
    return np.linspace(material.reduction_limit_v - margin_v, material.oxidation_limit_v + margin_v, _FERMI_POINTS)
