"""Results of screening as JSON, CSV and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.defects.charged_defects import DefectEquilibrium
from mlip_interfaces.screening.maps.pair_table import PairTable, csv_columns
from mlip_interfaces.screening.maps.potential_map import PotentialMap
from mlip_interfaces.screening.solids.dictionary import Dictionary
from mlip_interfaces.screening.solids.materials import DefectChemistry, Electrolyte, in_order
from mlip_interfaces.screening.solids.space_charge import (
    NumericalProfile,
    SpaceChargeInputs,
    SpaceChargeLayer,
    analytic_profile,
    numerical_profile,
    shown_length,
    space_charge_layer,
)

if TYPE_CHECKING:
    from mlip_interfaces.figures.screening_plots import BandBar, DefectPanel, MapPanel

FAMILY_COLORS = {
    "LiPON": "#7B3FA0", "LCO": "#C0272D", "LNO": "#E67E22", "LNCO": "#C2187B", "LMO": "#1F5FBF", "LNMO": "#7A4A21",
}  # fmt: skip
"""Of the shipped materials, as the paper has them; lithium is black, all other electrolytes are grey."""
_OTHER_CATHODE, _OTHER_ELECTROLYTE, _ANODE = "#2F7F4F", "#7F7F7F", "#222222"
CHARGE_NAMES = {"0": "discharged", "100": "charged", "+": "overcharged"}
"""Of states of charge that have one."""
_WINDOW_MARGIN_V = 0.3
_FERMI_POINTS = 301


def map_content(battery: PotentialMap) -> dict[str, object]:
    """A potential map as JSON has it.

    Parameters
    ----------
    battery : PotentialMap
        One.

    Returns
    -------
    dict
        With units in the keys.
    """
    return {
        "name": battery.name,
        "anode": battery.anode,
        "layers": [layer.name for layer in battery.layers],
        "cathode": battery.cathode,
        "soc": battery.soc,
        "open_circuit_voltage_v": battery.open_circuit_voltage_v,
        "delta_phi_anode_v": battery.delta_phi_anode_v,
        "delta_phi_cathode_v": battery.delta_phi_cathode_v,
        "cathode_potential_v": battery.cathode_potential_v,
        "closure_v": battery.closure_v(),
        "flags": list(battery.flags),
        "steps": [
            dataclasses.asdict(step) | {"between": list(step.between), "barrier_to": step.barrier_to}
            for step in battery.steps
        ],
        "levels": [
            {"layer": layer.name}
            | {
                f"{key}_{side}_{unit}": float(values[place])
                for side, place in (("anode_side", 0), ("cathode_side", -1))
                for key, unit, values in (
                    ("voltage", "v", layer.voltage_v),
                    ("valence_band", "ev", layer.valence_band_ev),
                    ("conduction_band", "ev", layer.conduction_band_ev),
                    ("potential", "v", layer.potential_v),
                )
            }
            for layer in battery.layers
        ],
    }


def file_stem(battery: PotentialMap) -> str:
    """Name of the files of a battery.

    Parameters
    ----------
    battery : PotentialMap
        One.

    Returns
    -------
    str
        As in ``Li_LLZO_LCO_0``.
    """
    soc = "plus" if battery.soc == "+" else battery.soc
    return "_".join([battery.anode, *(layer.name for layer in battery.layers), battery.cathode, soc])


def write_maps(batteries: Sequence[PotentialMap], directory: Path, provenance: Mapping[str, object]) -> list[Path]:
    """JSON, CSV and a figure of each battery.

    Parameters
    ----------
    batteries : sequence of PotentialMap
        Any.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For every JSON.

    Returns
    -------
    list of Path
        The PNGs.
    """
    from mlip_interfaces.figures.screening_plots import potential_maps
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    pictures = []
    for battery in batteries:
        stem = file_stem(battery)
        write_json(directory / f"{stem}.json", map_content(battery) | dict(provenance))
        write_csv(
            directory / f"{stem}.csv",
            ["layer", "voltage_v", "lithium_potential_ev", "valence_band_ev", "conduction_band_ev", "potential_v"],
            (
                (layer.name, *map(float, levels))
                for layer in battery.layers
                for levels in zip(
                    layer.voltage_v, layer.lithium_potential_ev, layer.valence_band_ev, layer.conduction_band_ev, layer.potential_v,
                    strict=True,
                )
            ),
        )  # fmt: skip
        save_figure(potential_maps([[_panel(battery)]]), directory, stem)
        pictures.append(directory / f"{stem}.png")
    return pictures


def write_overview(batteries: Sequence[PotentialMap], dictionary: Dictionary, directory: Path) -> list[Path]:
    """The figures that compare: bands, Fermi levels, and maps by cathode and by electrolyte.

    Parameters
    ----------
    batteries : sequence of PotentialMap
        With one layer each.
    dictionary : Dictionary
        That they are made of.
    directory : Path
        Made where it is missing.

    Returns
    -------
    list of Path
        The PNGs.
    """
    from mlip_interfaces.figures.screening_plots import band_alignment, defects_against_voltage, potential_maps
    from mlip_interfaces.figures.style import save_figure

    drawn = {"bands": band_alignment(_bars(dictionary))}
    drawn["fermi_levels"] = defects_against_voltage([_defect_panel(one) for one in dictionary.electrolytes.values()])
    of = {(one.cathode, one.layers[0].name, one.soc): one for one in batteries}
    for cathode in dictionary.cathodes.values():
        rows = [
            [_panel_of(of.get((cathode.name, name, soc))) for name in dictionary.electrolytes] for soc in cathode.states
        ]
        drawn[f"maps_of_cathode_{cathode.name}"] = potential_maps(rows)
    states = sorted({soc for one in dictionary.cathodes.values() for soc in one.states} - {"+"}, key=in_order)
    for name in dictionary.electrolytes if states else ():
        rows = [[_panel_of(of.get((cathode, name, soc))) for cathode in dictionary.cathodes] for soc in states]
        drawn[f"maps_of_electrolyte_{name}"] = potential_maps(rows)
    for name, figure in drawn.items():
        save_figure(figure, directory, name)
    return [directory / f"{name}.png" for name in drawn]


def write_table(table: PairTable, directory: Path, provenance: Mapping[str, object]) -> None:
    """``table.json`` and ``table.csv``.

    Parameters
    ----------
    table : PairTable
        All rows.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "table.json", table.to_json() | dict(provenance))
    rows = ([*list(row.to_json().values())[:-2], " ".join(row.flags), row.published_v] for row in table.rows)
    write_csv(directory / "table.csv", csv_columns(), rows)


@dataclass(frozen=True, slots=True)
class SolvedSpaceCharge:
    """A space-charge layer and its profile.

    Attributes
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.
    layer : SpaceChargeLayer
        The analytic numbers.
    profile : NumericalProfile or None
        The solution of the whole equation; None where there is none.
    analytic_v : (n,) float array, V, or None
        The published pieces at the places of the profile; None without one, and where the layer is saturated nowhere.
    notes : tuple of str
        Why there is no profile, and doubts.
    """

    inputs: SpaceChargeInputs
    layer: SpaceChargeLayer
    profile: NumericalProfile | None
    analytic_v: NDArray[np.float64] | None
    notes: tuple[str, ...]


def solved_space_charge(inputs: SpaceChargeInputs) -> SolvedSpaceCharge:
    """A space-charge layer by the published pieces and by the whole equation.

    Parameters
    ----------
    inputs : SpaceChargeInputs
        Of the electrolyte and its electrode.

    Returns
    -------
    SolvedSpaceCharge
        With notes.
    """
    notes = []
    profile, analytic_v = None, None
    try:
        profile = numerical_profile(inputs, shown_length(inputs))
    except AnalysisError as error:
        notes.append(str(error))
    if profile is not None and inputs.is_saturated:
        analytic_v = analytic_profile(inputs, profile.x_angstrom)
    if not inputs.is_saturated:
        notes.append(
            "The layer is saturated nowhere: its width and the potential there mean nothing, charge and capacitance hold."
        )
    return SolvedSpaceCharge(inputs, space_charge_layer(inputs), profile, analytic_v, tuple(notes))


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


def shown_voltages(material: Electrolyte) -> NDArray[np.float64]:
    """Voltages of a figure of a material: its window and some more on both sides.

    Parameters
    ----------
    material : Electrolyte
        With a window.

    Returns
    -------
    (n,) float array, V
        Against lithium metal.
    """
    return np.linspace(
        material.reduction_limit_v - _WINDOW_MARGIN_V, material.oxidation_limit_v + _WINDOW_MARGIN_V, _FERMI_POINTS
    )


def _defect_panel(material: Electrolyte) -> DefectPanel:
    from mlip_interfaces.figures.screening_plots import DefectPanel

    window = (material.reduction_limit_v, material.oxidation_limit_v)
    voltages = shown_voltages(material)
    if material.defects is None:
        # A line is known where it was given, and the crystal decomposes elsewhere.
        voltages = np.linspace(*window, _FERMI_POINTS)
        return DefectPanel(material.formula, voltages, material.fermi_level_ev(voltages), {}, window)
    found = material.defects.equilibrium(material.band_gap_ev, voltages)
    return DefectPanel(material.formula, voltages, found.fermi_level_ev, found.concentrations_per_cm3, window)


def _bars(dictionary: Dictionary) -> list[BandBar]:
    from mlip_interfaces.figures.screening_plots import BandBar

    bars = [
        BandBar(one.name, _ANODE, -one.work_function_ev, -one.work_function_ev) for one in dictionary.anodes.values()
    ]
    for material in dictionary.electrolytes.values():
        top = -material.ionisation_potential_ev
        color = FAMILY_COLORS.get(material.name, _OTHER_ELECTROLYTE)
        bars.append(BandBar(material.name, color, top, top + material.band_gap_ev))
    for cathode in dictionary.cathodes.values():
        for soc, state in cathode.states.items():
            top = -state.ionisation_potential_ev
            empty = None if state.band_gap_ev is None else top + state.band_gap_ev
            label = f"{cathode.name}\n{soc}" if soc == "+" else f"{cathode.name}\n{soc} %"
            bars.append(BandBar(label, FAMILY_COLORS.get(cathode.name, _OTHER_CATHODE), top, empty))
    return bars


def _panel_of(battery: PotentialMap | None) -> MapPanel | None:
    return None if battery is None else _panel(battery)


def _panel(battery: PotentialMap) -> MapPanel:
    from mlip_interfaces.figures.screening_plots import MapLayer, MapPanel

    state = CHARGE_NAMES.get(battery.soc, f"charged to {battery.soc} %")
    layers = tuple(
        MapLayer(
            layer.name, layer.lithium_potential_ev, layer.valence_band_ev, layer.conduction_band_ev, layer.potential_v
        )
        for layer in battery.layers
    )
    return MapPanel(
        title=f"{' | '.join([battery.anode, *(layer.name for layer in layers), battery.cathode])}\n{state}",
        anode=battery.anode,
        cathode=battery.cathode,
        anode_mu_ev=-battery.anode_voltage_v,
        cathode_mu_ev=-battery.cathode_voltage_v,
        cathode_phi_ev=battery.cathode_potential_v,
        layers=layers,
        step_names=tuple(f"{step.delta_phi_v:+.2f} V" for step in battery.steps),
    )
