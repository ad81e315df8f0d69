"""Windows as JSON, CSV and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.windows.compounds import Phase, lowest_phases
from mlip_interfaces.screening.windows.windows import Kink, Window, WindowErrors, tie_lines
from mlip_interfaces.structures.crystals import formula_counts

_MARGIN_V = 0.6
_LEAST_SHOWN_V = 3.0
_POINTS = 401


def window_content(
    window: Window,
    errors: WindowErrors | None,
    reactions: Mapping[str, Sequence[Kink]],
    notes: Sequence[str],
) -> dict[str, object]:
    """A window as JSON has it.

    Parameters
    ----------
    window : Window
        Of a composition.
    errors : WindowErrors or None
        Where energies have uncertainties.
    reactions : mapping of str to sequence of Kink
        By the words that say of what and where.
    notes : sequence of str
        On the entries.

    Returns
    -------
    dict
        With units in the keys.
    """
    return {
        "composition": window.composition,
        "open_element": window.open_element,
        "lower_v": window.lower_v,
        "upper_v": window.upper_v,
        "plateaus": [dataclasses.asdict(one) for one in window.plateaus],
        "stages": [dataclasses.asdict(one) | {"products": dict(one.products)} for one in window.stages],
        "hull_distance_ev_per_atom": window.hull_distance_ev_per_atom,
        "stable_products": dict(window.products),
        "errors": None if errors is None else dataclasses.asdict(errors),
        "mutual_reactions": {name: [dataclasses.asdict(kink) for kink in kinks] for name, kinks in reactions.items()},
        "reference_energy_ev_per_atom": window.reference_ev_per_atom,
        "ion_charge_e": window.charge,
        "n_phases": window.n_phases,
        "notes": [*window.notes, *notes],
    }


Triangle = tuple[tuple[str, str, str], list[tuple[str, tuple[float, ...], bool]], list[tuple[int, int]]]
"""Corners; name, shares of the corners, and whether it is stable, of each phase; which of them are in equilibrium."""


@dataclass(frozen=True, slots=True)
class WindowCurves:
    """What files and figures show of a window besides its numbers.

    Attributes
    ----------
    voltage_v : (n,) float array, V
        From the metal to somewhat above the last plateau.
    decomposition_ev_per_atom : (n,) float array, eV/atom
        There.
    triangle : Triangle or None
        Phases of three elements; None of more or fewer.
    """

    voltage_v: NDArray[np.float64]
    decomposition_ev_per_atom: NDArray[np.float64]
    triangle: Triangle | None


def window_curves(window: Window, phases: Sequence[Phase]) -> WindowCurves:
    """What to show of a window.

    Parameters
    ----------
    window : Window
        Of a composition.
    phases : sequence of Phase
        All of them.

    Returns
    -------
    WindowCurves
        Computed once, for files and figures.
    """
    last = max([one.voltage_v for one in window.plateaus], default=0.0)
    voltages = np.linspace(0.0, max(last + _MARGIN_V, _LEAST_SHOWN_V), _POINTS)
    return WindowCurves(voltages, window.decomposition_ev_per_atom(voltages), _triangle(window, phases))


def write_window(
    window: Window,
    errors: WindowErrors | None,
    reactions: Mapping[str, Sequence[Kink]],
    curves: WindowCurves,
    content: Mapping[str, object],
    directory: Path,
    provenance: Mapping[str, object],
) -> list[Path]:
    """``window.json``, plateaus, stages and decomposition energies as CSV, and the figures.

    Parameters
    ----------
    window : Window
        Of a composition.
    errors : WindowErrors or None
        Where energies have uncertainties.
    reactions : mapping of str to sequence of Kink
        By the words that say of what and where.
    curves : WindowCurves
        As `window_curves` gives them.
    content : mapping of str to object
        As `window_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.

    Returns
    -------
    list of Path
        The PNGs.
    """
    from mlip_interfaces.figures.style import save_figure
    from mlip_interfaces.figures.window_plots import mutual_reactions, phase_triangle, uptake_curve, window_bar

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "window.json", dict(content) | dict(provenance))
    write_csv(
        directory / "plateaus.csv",
        ["voltage_v", "kind", "uptake_per_formula", "reaction"],
        ((one.voltage_v, one.kind, one.uptake_per_formula, one.reaction) for one in window.plateaus),
    )
    write_csv(
        directory / "uptake.csv",
        ["from_v", "to_v", "uptake_per_formula", "products"],
        ((one.from_v, one.to_v, one.uptake_per_formula, phases_text(one.products)) for one in window.stages),
    )
    voltages, gain = curves.voltage_v, curves.decomposition_ev_per_atom
    write_csv(
        directory / "decomposition.csv",
        ["voltage_v", "decomposition_ev_per_atom"],
        np.column_stack([voltages, gain]).tolist(),
    )
    intervals = None if errors is None else (errors.lower_interval_v, errors.upper_interval_v)
    last = float(voltages[-1])
    levels = [(one.voltage_v, one.reaction) for one in window.plateaus]
    figures = {
        "window": window_bar(
            window.composition, window.open_element, window.lower_v, window.upper_v, levels, intervals, last
        ),
        "uptake": uptake_curve(
            window.composition,
            window.open_element,
            [(one.from_v, one.to_v, one.uptake_per_formula, phases_text(one.products)) for one in window.stages],
            voltages,
            gain,
        ),
    }
    if curves.triangle is not None:
        figures["phases"] = phase_triangle(*curves.triangle)
    if reactions:
        figures["mutual_reactions"] = mutual_reactions(
            {
                name: [(kink.fraction, kink.energy_ev_per_atom, kink.reaction) for kink in kinks]
                for name, kinks in reactions.items()
            }
        )
        write_csv(
            directory / "mutual_reactions.csv",
            ["between", "fraction_of_first", "energy_ev_per_atom", "reaction"],
            (
                (name, kink.fraction, kink.energy_ev_per_atom, kink.reaction)
                for name, kinks in reactions.items()
                for kink in kinks
            ),
        )
    for name, figure in figures.items():
        save_figure(figure, directory, name)
    return [directory / f"{name}.png" for name in figures]


def phases_text(products: Sequence[tuple[str, float]]) -> str:
    """Names of phases in words.

    Parameters
    ----------
    products : sequence of (str, float)
        Phases and units of each.

    Returns
    -------
    str
        As in ``Li2S + P``.
    """
    return " + ".join(name for name, _ in products)


def _triangle(window: Window, phases: Sequence[Phase]) -> Triangle | None:
    """Phases and tie lines of three elements; None of more or fewer."""
    elements = {symbol for name, _ in window.products for symbol in dict(formula_counts(name))} | {window.open_element}
    if len(elements) != 3:
        return None
    corners = (window.open_element, *sorted(elements - {window.open_element}))
    shown = [one for one in lowest_phases(phases) if one.elements <= elements]
    stable, lines = tie_lines(shown, corners)
    points = [
        (one.formula, tuple(dict(one.amounts).get(symbol, 0.0) / one.n_atoms for symbol in corners), place in stable)
        for place, one in enumerate(shown)
    ]
    return (corners[0], corners[1], corners[2]), points, lines
