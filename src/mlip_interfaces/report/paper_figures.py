"""The figures of a paper on a scan: each as PNG, SVG and CSV in one folder, with a file of captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex, ScanEntry, ScanIndex, read_optional_book
from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.figures import Figure, paper
from mlip_interfaces.figures.plots import RdfCurves, SideView
from mlip_interfaces.figures.style import save_figure
from mlip_interfaces.files import write_csv, write_text
from mlip_interfaces.report.files import read_result, read_table
from mlip_interfaces.report.left_out import NONE_STALE, left_out_runs
from mlip_interfaces.report.thickness_section import numbers_of
from mlip_interfaces.trajectory import open_trajectory

CAPTIONS = "captions.md"
NUMBER_COLUMNS = ("quantity", "models", "coating_angstrom", "n_runs", "value", "error", "low_95", "high_95")
PRINT_DPI = 300
EDGE = 0.02
"""Atoms that are less than this share of the cell below its lower end are drawn there, and not at the upper one."""
REACH_ANGSTROM = 5.0
"""How far g(r) is drawn where single bonds are the matter."""

Runs = Sequence[AnalysisEntry]
Rows = list[tuple[object, ...]]
Numbers = dict[str, dict[str, dict[float, Replicas]]]
"""By quantity, series and thickness."""


class Save(Protocol):
    """Writes one figure."""

    def __call__(
        self,
        figure: Figure,
        name: str,
        caption: str,
        columns: Sequence[str],
        rows: Rows,
        numbers: Numbers | None = None,
    ) -> None:
        """Take a figure, the name of its files, its caption, columns and rows of its table, and numbers for a second one."""


@dataclass(frozen=True, slots=True)
class Saved:
    """One figure that was written.

    Attributes
    ----------
    name : str
        Of its files, without suffix.
    caption : str
        What it shows.
    """

    name: str
    caption: str


def write_paper_figures(run: Path, directory: Path, stale: Mapping[str, str] = NONE_STALE) -> list[Saved]:
    """Write what the results of a scan allow: each figure as PNG (300 dots per inch), SVG and CSV, and all captions.

    Parameters
    ----------
    run : Path
        The run folder, with results of its scan.
    directory : Path
        Where to; made where it is missing.
    stale : mapping of str to str, optional
        Runs of the scan whose trajectories are not of the study as it is now, and why; they are left out.

    Returns
    -------
    list of Saved
        In the order of the captions.

    Raises
    ------
    InputFileError
        If there are no results, or one that the index names is missing or damaged.
    """
    left_out = left_out_runs(run, stale)
    index = read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()
    entries = [entry for entry in index.runs if entry.analysed and entry.name not in left_out]
    if not entries:
        raise InputFileError(
            f"{run} has no results of healthy runs to draw; `mlip-interfaces analyze all {run}` makes them."
        )
    saved: list[Saved] = []

    def save(
        figure: Figure, name: str, caption: str, columns: Sequence[str], rows: Rows, numbers: Numbers | None = None
    ) -> None:
        save_figure(figure, directory, name, dpi=PRINT_DPI)
        write_csv(directory / f"{name}.csv", columns, rows)
        if numbers:
            write_csv(directory / f"{name}-numbers.csv", NUMBER_COLUMNS, _number_rows(numbers))
        saved.append(Saved(name, caption))

    thicknesses = sorted({entry.coating_angstrom or 0.0 for entry in index.runs})
    for protocol in dict.fromkeys(entry.protocol for entry in entries):
        own = [entry for entry in entries if entry.protocol == protocol]
        conditions = dict.fromkeys(entry.condition for entry in own)
        of_condition = {name: [entry for entry in own if entry.condition == name] for name in conditions}
        for condition, chosen in of_condition.items():
            _rdf(run, chosen, condition, save)
        _bonds(run, own, protocol, save)
        _pair(run, own, protocol, save, thicknesses)
        _coating(run, own, protocol, save, thicknesses)
        _diffusion(run, own, protocol, save, thicknesses)
        _tetrahedra(run, own, protocol, save, thicknesses)
        for condition, chosen in of_condition.items():
            _start_and_end(run, chosen, condition, save)
    text = "\n".join(f"## {one.name}\n\n{one.caption}\n" for one in saved)
    write_text(directory / CAPTIONS, f"# Figures\n\nEach is there as PNG, SVG and CSV.\n\n{text}")
    return saved


def _series(entry: AnalysisEntry) -> str:
    """Vacancies of the model, in words."""
    return entry.variant.strip("-") or "no vacancies"


def _several_series(entries: Runs) -> bool:
    return len({entry.variant for entry in entries}) > 1


def _column(entry: AnalysisEntry) -> str:
    return "model" if entry.coating_angstrom is None else f"{entry.coating_angstrom:g} Å"


def _coated(entries: Runs) -> bool:
    """Whether the study has a coating, of zero thickness too: without one, no caption and no axis speaks of it."""
    return any(entry.coating_angstrom is not None for entry in entries)


def _conditions(entries: Runs) -> str:
    """As in ``diffusion, 500 K, no vacancies, 2 to 3 seeds``."""
    models = ", ".join(dict.fromkeys(_series(entry) for entry in entries))
    seeds = sorted(Counter((entry.coating_angstrom, entry.variant) for entry in entries).values())
    said = f"{seeds[0]} to {counted(seeds[-1], 'seed')}" if seeds[0] != seeds[-1] else counted(seeds[0], "seed")
    return f"{entries[0].protocol}, {entries[0].temperature_kelvin:g} K, {models}, {said}"


def _folder(run: Path, entry: AnalysisEntry) -> Path:
    return run / "analysis" / entry.directory


def _means(pieces: Mapping[Any, list[NDArray[Any]]]) -> dict[Any, NDArray[Any]]:
    """Mean over seeds that have the same grid as the first."""
    return {
        key: np.mean([array for array in arrays if array.shape == arrays[0].shape], axis=0)
        for key, arrays in pieces.items()
    }


def _blocks(run: Path, entries: Runs) -> tuple[dict[str, dict[str, RdfCurves]], bool]:
    """g(r) in blocks of time by pair and column, means over seeds; and whether all are normalised by the layer."""
    pieces: dict[tuple[str, str], list[NDArray[Any]]] = {}
    grids: dict[tuple[str, str], tuple[NDArray[Any], NDArray[Any]]] = {}
    in_layer = all(
        found.get("in_layer", {}).get("layers")
        for entry in entries
        for name in entry.of_kind("rdf")
        for found in read_result(_folder(run, entry) / f"{name}.json")["pairs"].values()
    )
    for entry in entries:
        for name in entry.of_kind("rdf"):
            table = read_table(_folder(run, entry) / f"{name}.csv")
            g = table["g_in_layer" if in_layer else "g"]
            for pair in dict.fromkeys(table["pair"].tolist()):
                own = table["pair"] == pair
                blocks = np.unique(table["block"][own])
                rows = [own & (table["block"] == block) for block in blocks]
                if len({int(row.sum()) for row in rows}) > 1:
                    continue
                key = (pair, _column(entry))
                times = np.array([[table["time_start_ps"][row][0], table["time_end_ps"][row][0]] for row in rows])
                grids.setdefault(key, (table["r_angstrom"][rows[0]], times))
                pieces.setdefault(key, []).append(np.array([g[row] for row in rows]))
    curves: dict[str, dict[str, RdfCurves]] = {}
    columns = _ordered_columns(entries)
    for (pair, column), g in sorted(_means(pieces).items(), key=lambda item: columns.index(item[0][1])):
        r, times = grids[pair, column]
        curves.setdefault(pair, {})[column] = RdfCurves(r=r, g=g, times=times)
    return curves, in_layer


def _ordered_columns(entries: Runs) -> list[str]:
    """From thin to thick."""
    ordered = sorted(entries, key=lambda entry: entry.coating_angstrom or 0.0)
    return list(dict.fromkeys(_column(entry) for entry in ordered))


def _rdf(run: Path, entries: Runs, condition: str, save: Save) -> None:
    """g(r) against time, of bonds and of the coating's ions."""
    curves, in_layer = _blocks(run, entries)
    bonds = {pair: of_pair for pair, of_pair in curves.items() if "@" not in pair}
    for end, chosen in (("", bonds), ("-of-layers", {pair: own for pair, own in curves.items() if "@" in pair})):
        if not chosen:
            continue
        quantity = "g(r) by the density in the layer" if in_layer else "g(r) by the density in the cell"
        rows: Rows = [
            (pair, column, f"{start:.6g}", f"{stop:.6g}", f"{r:.5g}", f"{g:.6g}")
            for pair, of_pair in chosen.items()
            for column, data in of_pair.items()
            for (start, stop), line in zip(data.times, data.g, strict=True)
            for r, g in zip(data.r, line, strict=True)
        ]
        save(
            paper.rdf_against_time(chosen, quantity),
            f"rdf-against-time{end}-{condition}",
            f"Radial distribution of {', '.join(chosen)} in blocks of time, early ones dark ({_conditions(entries)}). {_normalised(run, entries, chosen) if in_layer else 'Normalised by the whole cell: heights are not to be compared between thicknesses.'}",
            ("pair", "coating" if _coated(entries) else "model", "time_start_ps", "time_end_ps", "r_angstrom", "g"),
            rows,
        )


def _normalised(run: Path, entries: Runs, pairs: Collection[str]) -> str:
    """By what g(r) of some pairs is normalised in all models, and of which of them heights are no measure between models."""
    homes: dict[str, set[tuple[str, ...]]] = {}
    across = set()
    for entry in entries:
        for name in entry.of_kind("rdf"):
            for pair, found in read_result(_folder(run, entry) / f"{name}.json")["pairs"].items():
                homes.setdefault(pair, set()).add(tuple(found["in_layer"]["layers"]))
                if found.get("contacts") is not None:
                    across.add(pair)
    said = "Normalised by the density of the partner in the layers of the pair."
    others = [pair for pair in pairs if len(homes.get(pair, ())) > 1]
    if others:
        said += (
            f" Of {', '.join(others)} these are other layers in some models than in others, for an element is in a layer that only some have: heights "
            "are not to be compared between them; a pair that names its layer has the same in all."
        )
    if across & set(pairs):
        said += " Of pairs of two layers, heights fall as the first layer becomes thicker, whatever its contact is: the mean is over all its atoms."
    return said


def _numbers(run: Path, entries: Runs) -> Numbers:
    """By quantity, series and thickness."""
    points: dict[str, dict[str, dict[float, list[tuple[float, float]]]]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.variant, entry.coating_angstrom or 0.0)):
        for quantity, value, error in numbers_of(run, entry):
            own = points.setdefault(quantity, {}).setdefault(_series(entry), {})
            own.setdefault(entry.coating_angstrom or 0.0, []).append((value, error))
    return {quantity: {series: _replicas(own) for series, own in found.items()} for quantity, found in points.items()}


def _replicas(points: Mapping[float, list[tuple[float, float]]]) -> dict[float, Replicas]:
    return {
        thickness: Replicas(tuple(value for value, _ in runs), tuple(error for _, error in runs))
        for thickness, runs in sorted(points.items())
    }


def _number_rows(numbers: Mapping[str, Mapping[str, Mapping[float, Replicas]]]) -> Rows:
    return [
        (
            quantity,
            series,
            f"{thickness:g}",
            runs.n_runs,
            *(f"{number:.6g}" for number in (runs.mean, runs.error, *runs.interval())),
        )
        for quantity, found in numbers.items()
        for series, of_thickness in found.items()
        for thickness, runs in of_thickness.items()
    ]


def _bonds(run: Path, entries: Runs, protocol: str, save: Save) -> None:
    """Bonds and coordination against thickness and vacancies."""
    numbers = {quantity: found for quantity, found in _numbers(run, entries).items() if "@" not in quantity}
    if numbers:
        save(
            paper.against_thickness(numbers, coated=_coated(entries)),
            f"bonds{'-against-thickness' if _coated(entries) else ''}-{protocol}",
            "Neighbours within fixed distances, what is intact, and bonds per atom"
            f"{' against the thickness of the coating' if _coated(entries) else ''} ({_conditions(entries)}): means, with 95 % intervals (of several seeds, from the scatter between them).",
            NUMBER_COLUMNS,
            _number_rows(numbers),
        )


def _whole(
    run: Path, entries: Runs, wanted: Callable[[str], bool]
) -> dict[str, dict[float, tuple[NDArray[Any], NDArray[Any]]]]:
    """g(r) of whole runs by panel and thickness, means over seeds."""
    pieces: dict[tuple[str, float], list[NDArray[Any]]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.variant, entry.coating_angstrom or 0.0)):
        for name in entry.of_kind("rdf"):
            file = _folder(run, entry) / f"{name}_whole.csv"
            if not file.is_file():
                continue
            table = read_table(file)
            column = "g_in_layer" if "g_in_layer" in table else "g"
            for pair in dict.fromkeys(table["pair"].tolist()):
                if wanted(pair):
                    own = table["pair"] == pair
                    title = f"{pair}, {_series(entry)}" if _several_series(entries) else pair
                    curve = np.array([table["r_angstrom"][own], table[column][own]])
                    pieces.setdefault((title, entry.coating_angstrom or 0.0), []).append(curve)
    found: dict[str, dict[float, tuple[NDArray[Any], NDArray[Any]]]] = {}
    for (title, thickness), (r, g) in _means(pieces).items():
        found.setdefault(title, {})[thickness] = (r, g)
    return found


def _curve_rows(curves: Mapping[str, Mapping[float, tuple[NDArray[Any], NDArray[Any]]]]) -> Rows:
    return [
        (title, f"{thickness:g}", f"{x:.5g}", f"{y:.6g}")
        for title, of_thickness in curves.items()
        for thickness, curve in of_thickness.items()
        for x, y in zip(*curve, strict=True)
    ]


def _pair(run: Path, entries: Runs, protocol: str, save: Save, of_study: Sequence[float]) -> None:
    """S-S: dimers near 2 angstrom, the edge of PS4 near 3.3."""
    curves = _whole(run, entries, lambda pair: pair == "S-S")
    if not curves:
        return
    curves = {
        title: {t: (r[r <= REACH_ANGSTROM], g[r <= REACH_ANGSTROM]) for t, (r, g) in own.items()}
        for title, own in curves.items()
    }
    numbers = {
        quantity: found
        for quantity, found in _numbers(run, entries).items()
        if quantity.startswith(("S-S neighbours", "S₂"))
    }
    name = f"s-s-{protocol}"
    save(
        paper.curves_and_numbers(
            curves,
            numbers,
            axis_labels=("r (Å)", "g(r) in the layer"),
            of_study=of_study,
            start=paper.NEAREST_ANGSTROM,
            coated=_coated(entries),
        ),
        name,
        f"S-S pairs ({_conditions(entries)}): g(r) of the whole run; near 2 Å are S₂ dimers, near 3.3 Å the edges of PS₄. Beside it, "
        "dimers and near neighbours per S, with 95 % intervals.",
        ("pair", "coating_angstrom", "r_angstrom", "g"),
        _curve_rows(curves),
        numbers,
    )


def _coating(run: Path, entries: Runs, protocol: str, save: Save, of_study: Sequence[float]) -> None:
    """What of other layers the ions of one layer meet, as Li-Cl and Li-S of a coating's Li."""
    curves = _whole(run, entries, lambda pair: "@" in pair)
    if not curves:
        return
    numbers = {_short(quantity): found for quantity, found in _numbers(run, entries).items() if "@" in quantity}
    short = {_short(title): own for title, own in curves.items()}
    pairs = ", ".join(dict.fromkeys(title.split(",")[0] for title in curves))
    save(
        paper.curves_and_numbers(
            short,
            numbers,
            axis_labels=("r (Å)", "g(r) in the layer"),
            of_study=of_study,
            start=paper.NEAREST_ANGSTROM,
            coated=_coated(entries),
        ),
        f"{'ions-of-the-coating' if _coated(entries) else 'pairs-of-layers'}-{protocol}",
        f"{pairs} ({_conditions(entries)}): g(r) of the whole run"
        f"{' by the thickness of the coating' if _coated(entries) else ''}, and pairs within the first "
        "shell by the area of the interface, with 95 % intervals. Heights of g(r) fall as the first layer becomes thicker, whatever its contact is: the mean "
        "is over all its atoms. Pairs by the area are those of the contact alone.",
        ("pair", "coating_angstrom", "r_angstrom", "g"),
        _curve_rows(curves),
        numbers,
    )


def _short(title: str) -> str:
    """A pair of layers in two lines."""
    pair, *rest = title.split(" ", 1)
    first, *others = pair.split("-")
    return "-".join([first, "\n".join(others)]) + (f"\n{rest[0]}" if rest else "")


def _diffusion(run: Path, entries: Runs, protocol: str, save: Save, of_study: Sequence[float]) -> None:
    """MSD and D of each group of atoms."""
    for name in dict.fromkeys(name for entry in entries for name in entry.of_kind("msd")):
        found: dict[str, dict[str, dict[float, list[tuple[dict[str, Any], NDArray[Any]]]]]] = {}
        for entry in sorted(entries, key=lambda entry: (entry.variant, entry.coating_angstrom or 0.0)):
            if name not in entry.results:
                continue
            table = read_table(_folder(run, entry) / f"{name}.csv")
            for species, values in read_result(_folder(run, entry) / f"{name}.json")["species"].items():
                own = (table["species"] == species) & (table["direction"] == "xyz")
                curve = np.array([table[key][own] for key in ("lag_ps", "msd_angstrom2", "msd_error_angstrom2")])
                group = species if values["layer"] is None else f"{species} of the {values['layer']}"
                by_thickness = found.setdefault(group, {}).setdefault(_series(entry), {})
                by_thickness.setdefault(entry.coating_angstrom or 0.0, []).append((values, curve))
        for number, (group, series) in enumerate(found.items()):
            _save_diffusion(
                group, series, f"{name}{f'-{number + 1}' if number else ''}-{protocol}", entries, save, of_study
            )


def _save_diffusion(
    group: str,
    series: Mapping[str, Mapping[float, list[tuple[dict[str, Any], NDArray[Any]]]]],
    name: str,
    entries: Runs,
    save: Save,
    of_study: Sequence[float],
) -> None:
    drawn = {
        title: {thickness: _of_seeds(runs) for thickness, runs in of_thickness.items()}
        for title, of_thickness in series.items()
    }
    rows: Rows = []
    for title, of_thickness in drawn.items():
        for thickness, one in of_thickness.items():
            low, high = one.interval_cm2_per_s
            d = (f"{one.diffusivity_cm2_per_s:.6g}", f"{low:.6g}", f"{high:.6g}", "yes" if one.diffusive else "no")
            rows += [
                (title, f"{thickness:g}", f"{lag:.6g}", f"{msd:.6g}", f"{error:.4g}", *d)
                for lag, msd, error in zip(one.lag_ps, one.msd_angstrom2, one.msd_error_angstrom2, strict=True)
            ]
    save(
        paper.diffusion(drawn, group, of_study=of_study, coated=_coated(entries)),
        name,
        f"Mean squared displacement of {group} with standard errors, and diffusivities with 95 % intervals ({_conditions(entries)}); "
        "of several seeds the mean, with Student's interval. Hollow: no diffusivity yet, the run is too short.",
        ("models", "coating_angstrom", "lag_ps", "msd_angstrom2", "msd_error_angstrom2", "diffusivity_cm2_per_s", "low_95", "high_95", "diffusive"),
        rows,
    )  # fmt: skip


def _of_seeds(runs: list[tuple[dict[str, Any], NDArray[Any]]]) -> paper.Diffusion:
    """Seeds of one thickness as one."""
    values = [found for found, _ in runs]
    alike = [curve for _, curve in runs if curve.shape == runs[0][1].shape]
    lags, msd, error = np.mean(alike, axis=0)
    if len(alike) > 1:
        error = np.std([curve[1] for curve in alike], axis=0, ddof=1) / np.sqrt(len(alike))
    errors = tuple(
        np.nan if found["diffusivity_error_cm2_per_s"] is None else found["diffusivity_error_cm2_per_s"]
        for found in values
    )
    seeds = Replicas(tuple(found["diffusivity_cm2_per_s"] for found in values), errors)
    own = tuple(values[0]["confidence_95_cm2_per_s"])
    return paper.Diffusion(
        lags,
        msd,
        error,
        seeds.mean,
        (own[0], own[1]) if seeds.n_runs == 1 else seeds.interval(),
        all(found["diffusive"] for found in values),
    )


def _tetrahedra(run: Path, entries: Runs, protocol: str, save: Save, of_study: Sequence[float]) -> None:
    """Regular tetrahedra against thickness and depth."""
    for name in dict.fromkeys(name for entry in entries for name in entry.of_kind("tetrahedra")):
        counts: dict[str, dict[float, list[tuple[float, float]]]] = {}
        shares: dict[str, dict[float, list[tuple[float, float]]]] = {}
        pieces: dict[tuple[str, float], list[NDArray[Any]]] = {}
        what = ""
        for entry in sorted(entries, key=lambda entry: (entry.variant, entry.coating_angstrom or 0.0)):
            if name not in entry.results:
                continue
            found, thickness, series = (
                read_result(_folder(run, entry) / f"{name}.json"),
                entry.coating_angstrom or 0.0,
                _series(entry),
            )
            what = f"{found['settings']['center']}{found['settings']['ligand']}₄"
            counts.setdefault(series, {}).setdefault(thickness, []).append((found["count_mean"], found["count_error"]))
            shares.setdefault(series, {}).setdefault(thickness, []).append(
                (found["fraction_mean"], found["fraction_error"])
            )
            table = read_table(_folder(run, entry) / f"{name}_depth.csv")
            curve = np.array([table["depth_angstrom"], table["count"]])
            title = f"against depth, {series}" if _several_series(entries) else "against depth"
            pieces.setdefault((title, thickness), []).append(curve)
        curves: dict[str, dict[float, tuple[NDArray[Any], NDArray[Any]]]] = {}
        for (title, thickness), (depth, count) in _means(pieces).items():
            curves.setdefault(title, {})[thickness] = (depth, count)
        if not curves:
            continue
        numbers = {
            f"{what} in the model": {series: _replicas(own) for series, own in counts.items()},
            f"share of {found['settings']['center']}": {series: _replicas(own) for series, own in shares.items()},
        }
        save(
            paper.curves_and_numbers(
                curves,
                numbers,
                axis_labels=("depth along the normal (Å)", f"{what} per bin"),
                of_study=of_study,
                coated=_coated(entries),
            ),
            f"{name}-{protocol}",
            f"Regular {what} tetrahedra ({_conditions(entries)}): where they are along the normal of the interface, mean over the run and over "
            "seeds, and how many, with 95 % intervals.",
            ("panel", "coating_angstrom", "depth_angstrom", "count"),
            _curve_rows(curves),
            numbers,
        )


def _start_and_end(run: Path, entries: Runs, condition: str, save: Save) -> None:
    """Side views of the first and the last frame, of one run for each model."""
    index = read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex()
    scan = {one.name: one for one in index.runs}
    views, rows, missing = [], [], []
    for column in _ordered_columns(entries):
        entry = next(entry for entry in entries if _column(entry) == column)
        try:
            first, last = _ends(run / "scan", scan[entry.name])
        except (InputFileError, KeyError):
            missing.append(column)
            continue
        time = scan[entry.name].time_ps
        views.append(
            (SideView.of_atoms(first, f"{column}, start"), SideView.of_atoms(last, f"{column}, after {time:g} ps"))
        )
        for atoms, at in ((first, 0.0), (last, time)):
            rows += [
                (column, f"{at:g}", symbol, layer, *(f"{x:.4f}" for x in position))
                for symbol, layer, position in zip(
                    atoms.get_chemical_symbols(), atoms.arrays["layer"], atoms.positions, strict=True
                )
            ]
    if views:
        lacks = f" Trajectories that are not there: {', '.join(missing)}." if missing else ""
        save(
            paper.start_and_end(views),
            f"start-and-end-{condition}",
            f"Models along y, at the start (left) and at the end (right) of one run each ({_conditions(entries)}); one scale, atoms with "
            f"shrunken covalent radii.{lacks}",
            ("model", "time_ps", "element", "layer", "x_angstrom", "y_angstrom", "z_angstrom"),
            rows,
        )


def _ends(scan: Path, run: ScanEntry) -> tuple[Atoms, Atoms]:
    """First and last frame, in one cell and with the first layer where it was."""
    directory = scan / run.directory
    trajectory = open_trajectory(
        directory / run.trajectory, layers=directory / run.layers, frame_interval_ps=run.frame_interval_ps
    )
    first = last = None
    for chunk in trajectory.chunks(unwrapped=False):
        if first is None:
            first = (chunk.positions[0], chunk.cells[0])
        last = (chunk.positions[-1], chunk.cells[-1])
    if first is None or last is None:
        raise InputFileError(f"{trajectory.origin} has no frame.")
    layers = trajectory.layers if trajectory.layers is not None else np.full(trajectory.n_atoms, "all")
    lowest = int(np.argmin((first[0] @ np.linalg.inv(first[1]))[:, 2] % 1.0))
    bottom = layers == layers[lowest]
    height = float(np.linalg.norm(first[1][2]))
    # The lower end of the first layer stands at the lower end of the figure, then and later.
    below = height * float(np.min(_from_middle(first, bottom)[bottom]))
    frames = []
    for positions, cell in (first, last):
        fractions = positions @ np.linalg.inv(cell)
        fractions[:, 2] = _from_middle((positions, cell), bottom) - below / float(np.linalg.norm(cell[2]))
        atoms = Atoms(trajectory.symbols.tolist(), positions=(fractions + EDGE) % 1.0 @ cell, cell=cell, pbc=True)
        atoms.positions -= EDGE * cell.sum(axis=0)
        atoms.set_array("layer", np.asarray(layers))
        frames.append(atoms)
    return frames[0], frames[1]


def _from_middle(frame: tuple[NDArray[Any], NDArray[Any]], mask: NDArray[np.bool_]) -> NDArray[Any]:
    """How far all atoms are above the middle of some, as a share of the third edge, at most half of it; the cell is periodic."""
    positions, cell = frame
    fractions = (positions @ np.linalg.inv(cell))[:, 2]
    middle = np.angle(np.exp(2.0j * np.pi * fractions[mask]).mean()) / (2.0 * np.pi)
    return np.asarray((fractions - middle + 0.5) % 1.0 - 0.5)
