"""Potential maps, the table of all pairs and the figures that compare, as JSON, CSV and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.maps.pair_table import PairTable, csv_columns
from mlip_interfaces.screening.maps.potential_map import PotentialMap
from mlip_interfaces.screening.solids.dictionary import Dictionary
from mlip_interfaces.screening.solids.materials import Electrolyte, in_order
from mlip_interfaces.screening.solids.solid_outputs import shown_voltages

if TYPE_CHECKING:
    from mlip_interfaces.figures.screening_plots import BandBar, DefectPanel, MapPanel

FAMILY_COLORS = {
    "LiPON": "#7B3FA0", "LCO": "#C0272D", "LNO": "#E67E22", "LNCO": "#C2187B", "LMO": "#1F5FBF", "LNMO": "#7A4A21",
}  # fmt: skip
"""Of the shipped materials, as the paper has them; lithium is black, all other electrolytes are grey."""
_OTHER_CATHODE, _OTHER_ELECTROLYTE, _ANODE = "#2F7F4F", "#7F7F7F", "#222222"
CHARGE_NAMES = {"0": "discharged", "100": "charged", "+": "overcharged"}
"""Of states of charge that have one."""


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


def _defect_panel(material: Electrolyte) -> DefectPanel:
    from mlip_interfaces.figures.screening_plots import DefectPanel

    window = (material.reduction_limit_v, material.oxidation_limit_v)
    if material.defects is None:
        # A line is known where it was given, and the crystal decomposes elsewhere.
        voltages = shown_voltages(material, 0.0)
        return DefectPanel(material.formula, voltages, material.fermi_level_ev(voltages), {}, window)
    voltages = shown_voltages(material)
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
