"""Section of the page that compares thicknesses of the coating, by numbers that the size of the cell does not enter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlip_interfaces.analysis.replicas import Replicas, compare
from mlip_interfaces.books.run import MEANS_FILE, AnalysisEntry
from mlip_interfaces.figures.thickness import against_thickness, runs_by_thickness
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.files import read_means, read_result
from mlip_interfaces.report.headline import Headline, without_diffusivity
from mlip_interfaces.report.parts import PageSection, Table
from mlip_interfaces.report.recommendation_section import mean_and_interval
from mlip_interfaces.report.run_sections import MakePicture

Points = list[tuple[float, float, float]]
"""Thickness of the coating, value and standard error of each run."""


def thickness_sections(run: Path, entries: Sequence[AnalysisEntry], picture: MakePicture) -> list[PageSection]:
    """Neighbours, intact polyanions and bonds against the thickness of the coating.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.
    picture : callable
        Saves a figure.

    Returns
    -------
    list of PageSection
        One; none where fewer than two thicknesses have such numbers.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    section = PageSection("thickness", "Bonds and coordination against thickness")
    single = []
    for condition in dict.fromkeys(entry.condition for entry in entries):
        own = [entry for entry in entries if entry.condition == condition]
        found: dict[str, Points] = {}
        for entry in own:
            for quantity, value, error in numbers_of(run, entry):
                found.setdefault(quantity, []).append((entry.coating_angstrom or 0.0, value, error))
        thicknesses = sorted({point[0] for points in found.values() for point in points})
        if len(thicknesses) < 2:
            continue
        if len({entry.coating_angstrom or 0.0 for entry in own}) == len(own):
            single.append(condition)
        kelvin = own[0].temperature_kelvin
        caption = f"Numbers per atom against the thickness of the coating, {kelvin:g} K ({condition}), with standard errors (caps) and 95 % intervals (thin)."
        section.figures.append(picture(against_thickness(found), f"thickness-{condition}", caption))
        head = ["quantity", *(f"{thickness:g} Å" for thickness in thicknesses), "thickest less thinnest"]
        rows = [[quantity, *_cells(points, thicknesses)] for quantity, points in found.items()]
        section.tables.append(Table(head, rows, caption=f"{condition}, {kelvin:g} K"))
    if not section.figures:
        return []
    section.paragraphs.append(
        "Counted per atom, within fixed distances, and pairs of two layers by the area of their interface: neither the size of the cell nor the "
        "thickness of a layer enters. The heights of the peaks of g(r) do not serve "
        "here: normalised by the whole cell, they grow with the coating while nothing changes around any atom. Intact is what has as "
        "many neighbours of each element as in the first frame of its run, whatever time is analysed. Errors "
        "are standard errors: of one run from its parts, of several seeds from the scatter between them, or what the errors "
        "of the runs leave where that is more; intervals are Student's. p: how often chance alone makes such a difference."
    )
    if single:
        section.paragraphs.append(
            f"In {', '.join(single)} each thickness has one run: what other velocities would have given is not in its error."
        )
    return [section]


def seeds_sections(run: Path, results: Headline) -> list[PageSection]:
    """Headline numbers of models that several seeds were run of, seeds as one.

    Parameters
    ----------
    run : Path
        The run folder.
    results : Headline
        Its headline numbers, which say where D is a bound.

    Returns
    -------
    list of PageSection
        One; none where each model has one seed, and where an older version analysed.
    """
    found = read_means(run / "analysis" / MEANS_FILE)
    if not found:
        return []
    section = PageSection("seeds", "Seeds together")
    section.paragraphs.append(
        "Means over the seeds of one model in one protocol, with standard errors and 95 % intervals: Student's, from the scatter between seeds, "
        "or those that the errors from within runs leave where they are wider. Two seeds have wide intervals, and rightly so."
    )
    rows = [
        [
            condition,
            model,
            quantity,
            str(mean.n_runs),
            *(
                [bound, ""]
                if (bound := without_diffusivity(results, f"{model}/{condition}", quantity))
                else mean_and_interval(mean)
            ),
        ]
        for condition, model, quantity, mean in found
    ]
    section.tables.append(Table(["condition", "model", "quantity", "seeds", "mean", "95 %"], rows))
    return [section]


def numbers_of(run: Path, entry: AnalysisEntry) -> Iterator[tuple[str, float, float]]:
    """What a run has to compare between thicknesses; older results have nothing.

    Parameters
    ----------
    run : Path
        The run folder.
    entry : AnalysisEntry
        One of its runs.

    Yields
    ------
    tuple of (str, float, float)
        Quantity, value and standard error.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    folder = run / "analysis" / entry.directory
    bonds_of_g = set()
    for name in entry.of_kind("rdf"):
        for pair, found in read_result(folder / f"{name}.json")["pairs"].items():
            neighbors = found.get("neighbors")
            if neighbors is not None:
                bonds_of_g.add(pair)
            contacts = found.get("contacts")
            if contacts is not None:
                # Neighbours of an atom of a layer become fewer as it grows, whatever its contact with the other one is.
                quantity = f"{pair} contacts within {contacts['within_angstrom']:g} Å per nm²"
                yield f"{quantity}{_called(name, 'rdf')}", contacts["per_nm2"], contacts["error_per_nm2"]
            elif neighbors is not None:
                quantity = f"{pair} neighbours within {neighbors['within_angstrom']:g} Å"
                yield f"{quantity}{_called(name, 'rdf')}", neighbors["number"], neighbors["error"]
    for name in entry.of_kind("chemistry"):
        for quantity, value, error in _of_chemistry(read_result(folder / f"{name}.json"), bonds_of_g):
            yield f"{quantity}{_called(name, 'chemistry')}", value, error


def _of_chemistry(found: dict[str, Any], without: set[str]) -> Iterator[tuple[str, float, float]]:
    """What is intact, PS4, S2 and the bonds of reactions, but for those that g(r) has as neighbours."""
    if found.get("intact_fraction_error") is not None:
        centers = ", ".join(found["settings"]["centers"])
        yield f"intact share of {centers}", found["intact_fraction"], found["intact_fraction_error"]
    for key, quantity in (("p_s_tetrahedra_per_p", "PS₄ per P"), ("s2_dimers_per_s", "S₂ dimers per S")):
        if found.get(key) is not None:
            yield quantity, found[key]["mean"], found[key]["error"]
    for bond in found["settings"].get("reaction_bonds", ()):
        if bond in found.get("bonds_per_atom", {}) and bond not in without:
            yield f"{bond} bonds per {bond.split('-')[0]}", *found["bonds_per_atom"][bond].values()


def _called(name: str, kind: str) -> str:
    return "" if name == kind else f" ({name})"


def _cells(points: Points, thicknesses: Sequence[float]) -> list[str]:
    """Mean of each thickness, of several runs with its interval, and the difference of the last and the first."""
    found = runs_by_thickness(points)
    cells = []
    for thickness in thicknesses:
        runs = found.get(thickness)
        if runs is None:
            cells.append("")
        elif runs.n_runs == 1:
            cells.append(measured(runs.mean, runs.error))
        else:
            low, high = runs.interval()
            cells.append(f"{measured(runs.mean, runs.error)} ({runs.n_runs} runs, 95 %: {low:.3g} to {high:.3g})")
    if thicknesses[0] not in found or thicknesses[-1] not in found:
        return [*cells, ""]
    return [*cells, _judged(found[thicknesses[-1]], found[thicknesses[0]])]


def _judged(last: Replicas, first: Replicas) -> str:
    """A difference, and how often chance alone makes one as large, of either sign."""
    above = compare(last, first)
    if above.difference == 0.0:
        return "no difference"
    if above.error == 0.0:
        return f"{above.difference:.3g}, and nothing fluctuates"
    probability = 2.0 * min(above.p_value, compare(first, last).p_value)
    said = "< 0.001" if probability < 0.001 else f"= {min(1.0, probability):.2g}"
    return f"{measured(above.difference, above.error)}, p {said}"
