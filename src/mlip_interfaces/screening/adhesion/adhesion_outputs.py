"""Adhesion as JSON, CSV and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.errors import counted
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.adhesion.adhesion import InterfaceEnergetics, LayerEnergies, interface_energetics
from mlip_interfaces.screening.adhesion.interface_cells import AS_GIVEN, InterfaceCells, InterfaceSeries, LayerCells
from mlip_interfaces.screening.relaxing.relaxation import Rest, unfinished_note
from mlip_interfaces.units import EV_PER_ANGSTROM2_TO_J_PER_M2


@dataclass(frozen=True, slots=True)
class InterfaceResult:
    """An interface and its numbers.

    Attributes
    ----------
    cells : InterfaceCells
        What it is made of.
    energetics : InterfaceEnergetics
        Its numbers.
    opened : tuple of (str, float)
        Two layers and the work to part them, eV/angstrom^2; of models with more than two layers.
    converged : bool
        Whether every cell that counts here is at rest.
    """

    cells: InterfaceCells
    energetics: InterfaceEnergetics
    opened: tuple[tuple[str, float], ...]
    converged: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """A number of the best registry of the thickest slabs, and how far others lie from each other.

    Attributes
    ----------
    value_ev_per_angstrom2 : float, eV/angstrom^2
        The number.
    registry_spread_ev_per_angstrom2 : float or None, eV/angstrom^2
        Largest minus smallest of all registries at that thickness; None of one.
    thickness_spread_ev_per_angstrom2 : float or None, eV/angstrom^2
        The same of the best registries of all thicknesses; None of one.
    """

    value_ev_per_angstrom2: float
    registry_spread_ev_per_angstrom2: float | None
    thickness_spread_ev_per_angstrom2: float | None


def interface_results(series: InterfaceSeries, rests: Mapping[str, Rest]) -> list[InterfaceResult]:
    """Numbers of every interface of a series.

    Parameters
    ----------
    series : InterfaceSeries
        As its cells were relaxed.
    rests : mapping of str to Rest
        Of its tasks.

    Returns
    -------
    list of InterfaceResult
        In its order.
    """
    return [_result(cells, rests) for cells in series.interfaces]


def spreads(results: Sequence[InterfaceResult]) -> dict[str, Spread]:
    """Headline numbers of a series of thicknesses and registries of one interface.

    Parameters
    ----------
    results : sequence of InterfaceResult
        As `interface_results` gives them.

    Returns
    -------
    dict of str to Spread
        ``work_of_adhesion`` and ``interface_energy``, as far as they are known.

    Notes
    -----
    The best registry of a thickness is that with the lowest energy of its cell, which is that with the largest work of adhesion. A spread
    is no error bar: it says what the choice of thickness and registry makes, not what the calculator is wrong by.
    """
    found = {}
    for key in ("work_of_adhesion", "interface_energy"):
        by_thickness: dict[tuple[float, ...], list[tuple[float, float]]] = {}
        for result in results:
            value = getattr(result.energetics, f"{key}_ev_per_angstrom2")
            work = result.energetics.work_of_adhesion_ev_per_angstrom2
            if value is not None and work is not None:
                by_thickness.setdefault(result.cells.thickness_angstrom, []).append((work, value))
        if not by_thickness:
            continue
        thickest = by_thickness[max(by_thickness, key=sum)]
        best = [max(values)[1] for values in by_thickness.values()]
        found[key] = Spread(max(thickest)[1], _range([value for _, value in thickest]), _range(best))
    return found


def adhesion_content(
    series: InterfaceSeries,
    results: Sequence[InterfaceResult],
    rests: Mapping[str, Rest],
    settings: Mapping[str, object],
    *,
    is_one_interface: bool,
) -> dict[str, object]:
    """What JSON has.

    Parameters
    ----------
    series : InterfaceSeries
        Of the interfaces.
    results : sequence of InterfaceResult
        Their numbers.
    rests : mapping of str to Rest
        Of all cells.
    settings : mapping of str to object
        Of the calculator and the relaxations.
    is_one_interface : bool
        Whether all are one interface of several thicknesses and registries, which has headline numbers.

    Returns
    -------
    dict
        With units in the keys.
    """
    headline = spreads(results) if is_one_interface else {}
    return {
        **{key: _both_units(spread) for key, spread in headline.items()},
        "interfaces": [_row(result) for result in results],
        "strains": series.strains,
        "notes": [*series.notes, *_notes(results, rests)],
        "settings": dict(settings),
    }


def write_adhesion(
    results: Sequence[InterfaceResult], content: Mapping[str, object], directory: Path, provenance: Mapping[str, object]
) -> list[Path]:
    """``adhesion.json``, ``adhesion.csv`` and the figure.

    Parameters
    ----------
    results : sequence of InterfaceResult
        The interfaces.
    content : mapping of str to object
        As `adhesion_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.

    Returns
    -------
    list of Path
        The PNGs.
    """
    from mlip_interfaces.figures.adhesion_plots import interface_bars
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "adhesion.json", dict(content) | dict(provenance))
    rows = [_row(result) for result in results]
    columns = ["name", "registry", "n_atoms", "area_angstrom2", "n_interfaces", "work_of_adhesion_ev_per_angstrom2",
               "work_of_adhesion_j_per_m2", "interface_energy_ev_per_angstrom2", "interface_energy_j_per_m2", "converged"]  # fmt: skip
    write_csv(directory / "adhesion.csv", columns, ([row[column] for column in columns] for row in rows))
    bars = [
        (_label(result), _j_per_m2(result.energetics.work_of_adhesion_ev_per_angstrom2),
         _j_per_m2(result.energetics.interface_energy_ev_per_angstrom2))
        for result in results
    ]  # fmt: skip
    bars += [
        (f"{_label(result)}: {between}", _j_per_m2(work), None) for result in results for between, work in result.opened
    ]
    shown = [bar for bar in bars if bar[1] is not None or bar[2] is not None]
    if not shown:
        return []
    save_figure(interface_bars(shown), directory, "adhesion")
    return [directory / "adhesion.png"]


def sentences(results: Sequence[InterfaceResult], content: Mapping[str, object]) -> list[str]:
    """Numbers in words.

    Parameters
    ----------
    results : sequence of InterfaceResult
        The interfaces.
    content : mapping of str to object
        As `adhesion_content` gives it.

    Returns
    -------
    list of str
        One for each interface, then the headline.
    """
    said = []
    for result in results:
        energetics = result.energetics
        words = [
            f"{word} {_said(value)} J/m2"
            for word, value in (
                ("work of adhesion", _j_per_m2(energetics.work_of_adhesion_ev_per_angstrom2)),
                ("interface energy", _j_per_m2(energetics.interface_energy_ev_per_angstrom2)),
                *((f"work to part {between}", _j_per_m2(work)) for between, work in result.opened),
            )
            if value is not None
        ]
        said.append(f"{_label(result)}: {', '.join(words) or 'no number'}{'' if result.converged else '; not at rest'}")
    for key, word in (("work_of_adhesion", "Work of adhesion"), ("interface_energy", "Interface energy")):
        found = content.get(key)
        if isinstance(found, dict):
            ranges = [
                f"{_said(found[f'{kind}_spread_j_per_m2'])} over {kind}"
                for kind in ("registry", "thickness")
                if found[f"{kind}_spread_j_per_m2"] is not None
            ]
            said.append(
                f"{word} of the best registry of the thickest slabs: {_said(found['value_j_per_m2'])} J/m2"
                + (
                    f" (spread {', '.join(ranges)})"
                    if ranges
                    else " (one thickness and registry: nothing tells its spread)"
                )
            )
    return said


def _result(cells: InterfaceCells, rests: Mapping[str, Rest]) -> InterfaceResult:
    whole = rests[cells.name]
    layers = [_layer(layer, rests) for layer in cells.layers]
    names = [cells.name, *(cell for _, cell in cells.opened)]
    names += [name for layer in cells.layers for name in (layer.slab, layer.strained_bulk) if name is not None]
    return InterfaceResult(
        cells,
        interface_energetics(layers, whole.energy_ev, cells.area_angstrom2, cells.n_interfaces),
        tuple(
            (between, (rests[cell].energy_ev - whole.energy_ev) / cells.area_angstrom2)
            for between, cell in cells.opened
        ),
        all(rests[name].converged for name in names),
    )


def _layer(layer: LayerCells, rests: Mapping[str, Rest]) -> LayerEnergies:
    def energy(name: str | None, times: float) -> float | None:
        return None if name is None else times * rests[name].energy_ev

    return LayerEnergies(
        layer.name,
        energy(layer.slab, 1.0),
        energy(layer.strained_bulk, layer.n_bulk_cells),
        energy(layer.bulk, layer.n_bulk_cells),
    )


def _row(result: InterfaceResult) -> dict[str, object]:
    cells, energetics = result.cells, result.energetics
    row: dict[str, object] = {
        "name": cells.name,
        "registry": cells.registry,
        "layers": [layer.name for layer in cells.layers],
        "thickness_angstrom": list(cells.thickness_angstrom),
        "n_atoms": cells.n_atoms,
        "area_angstrom2": cells.area_angstrom2,
        "n_interfaces": cells.n_interfaces,
        "converged": result.converged,
    }
    for key in ("work_of_adhesion", "interface_energy"):
        value = getattr(energetics, f"{key}_ev_per_angstrom2")
        row |= {f"{key}_ev_per_angstrom2": value, f"{key}_j_per_m2": _j_per_m2(value)}
    for key in ("surface_energies", "strain_energies"):
        values = getattr(energetics, f"{key}_ev_per_angstrom2")
        row |= {f"{key}_ev_per_angstrom2": list(values), f"{key}_j_per_m2": [_j_per_m2(value) for value in values]}
    row["work_at_each"] = [
        {"between": between, "work_of_adhesion_ev_per_angstrom2": work, "work_of_adhesion_j_per_m2": _j_per_m2(work)}
        for between, work in result.opened
    ]
    return row


def _notes(results: Sequence[InterfaceResult], rests: Mapping[str, Rest]) -> list[str]:
    notes = unfinished_note(rests)
    if any(result.opened for result in results):
        notes.append(
            "Models with more than two layers: each interface is opened by vacuum, and the others stay closed; no work of adhesion of the whole and no "
            "interface energy, which would be means of interfaces between different solids."
        )
    given = [result for result in results if result.cells.registry == AS_GIVEN and len(result.cells.layers) == 2]
    if any(result.cells.n_interfaces == 2 for result in given):
        notes.append(
            "Models without vacuum have two interfaces, and their numbers are means of both; where the two are made differently, look at each under vacuum."
        )
    if any(
        result.cells.n_interfaces == 1 and result.energetics.interface_energy_ev_per_angstrom2 is not None
        for result in given
    ):
        notes.append(
            "Interface energies under vacuum take each outer surface to cost as much as the mean of both surfaces of its slab, which holds for slabs with equal surfaces."
        )
    negative = [
        _label(result)
        for result in results
        if (result.energetics.work_of_adhesion_ev_per_angstrom2 or 0.0) < 0.0
        or any(work < 0.0 for _, work in result.opened)
    ]
    if negative:
        notes.append(f"{counted(len(negative), 'interface')} would rather part: {', '.join(negative)}.")
    return notes


def _said(value_j_per_m2: float) -> str:
    return f"{round(value_j_per_m2, 4) + 0.0:.4f}"


def _both_units(spread: Spread) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for key in ("value", "registry_spread", "thickness_spread"):
        value = getattr(spread, f"{key}_ev_per_angstrom2")
        found |= {f"{key}_ev_per_angstrom2": value, f"{key}_j_per_m2": _j_per_m2(value)}
    return found


def _label(result: InterfaceResult) -> str:
    cells = result.cells
    if cells.registry == AS_GIVEN:
        return cells.name
    layers = " | ".join(layer.name for layer in cells.layers)
    sizes = " and ".join(f"{thickness:.1f}" for thickness in cells.thickness_angstrom)
    return f"{layers}, {sizes} angstrom, {cells.registry}"


def _j_per_m2(value: float | None) -> float | None:
    return None if value is None else value * EV_PER_ANGSTROM2_TO_J_PER_M2


def _range(values: Sequence[float]) -> float | None:
    return max(values) - min(values) if len(values) > 1 else None
