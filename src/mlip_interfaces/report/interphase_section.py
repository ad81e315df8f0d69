"""What grows at an interface: the answers at the top of the page, the sections below, and what they cannot support."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlip_interfaces.analysis.diffusion import NO_LINE
from mlip_interfaces.analysis.environments import LEAVES_AT_ONCE, STAYS_BELOW_A_JUMP
from mlip_interfaces.books.run import INDEX, AnalysisEntry, CombinedEntry, StructureIndex, read_optional_book
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.files import read_result
from mlip_interfaces.report.own_figures import Runs, by_condition, first_of_each, own_figure
from mlip_interfaces.report.parts import PageSection, Picture, Table

OF_INTERPHASES = ("phases", "growth", "crystallites", "reactions", "environments")
"""Kinds of analyses that these sections show."""

SHOWN = 6
"""Phases, layers or surroundings in one sentence; the tables have all."""

LEFT_SHARE = 0.02
"""Of the atoms that a reactant had: with less of them left it is used up."""

WIDE_ANGSTROM = 40.0
"""Twice the size of the crystals of 2 nm that larger cells have: in a narrower one there is no room for one in its surroundings."""

DOUBTS = {
    NO_LINE: "no random walk",
    STAYS_BELOW_A_JUMP: "less than a jump",
    LEAVES_AT_ONCE: "leaves too soon",
}
"""Of a diffusivity by surroundings: how the words of a result begin, and what a table says."""

Found = tuple[AnalysisEntry, Any]
"""A run and the content of one of its results."""

Combined = Sequence[CombinedEntry]
"""Seeds as one."""

Grown = tuple[str, Any]
"""Of one run, or of several seeds together: what it is called, and the content of its ``growth.json``."""


def interphase_answer(run: Path, entries: Runs, combined: Combined = ()) -> list[PageSection]:
    """Which products, where, how thick, by which law, how crystalline, how atoms move, whether fluxes vanish: a sentence each.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.
    combined : sequence of CombinedEntry, optional
        Several of them as one.

    Returns
    -------
    list of PageSection
        One for the top of the page; none where no run has phases or growth.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    if not any(entry.of_kind(kind) for entry in entries for kind in ("phases", "growth")):
        return []
    section = PageSection("grows", "What grows at the interface", answer=True)

    told: dict[str, list[str]] = {}
    for condition, own in by_condition(entries):
        for title, said in _answers(run, own, combined):
            # Every question has its place, whichever condition answers it first.
            points = told.setdefault(title, [])
            if said:
                points.append(f"{condition} ({own[0].temperature_kelvin:g} K): {said}")
    section.points += [f"{title}. {'; '.join(points)}." for title, points in told.items() if points]
    section.points += _used_up(run, entries)
    return [section]


def _answers(run: Path, own: Runs, combined: Combined) -> Iterator[tuple[str, str]]:
    """Questions, and what runs of one condition say to each; nothing where they have no such result."""
    named = list(_results(run, own, "phases"))
    yield "Products", _products(named)
    yield "Layers", _layers(named)
    grown = _grown(run, own, combined)
    yield "Thickness", _thickness(grown)
    yield "Law of growth", _laws(grown)
    yield "Crystals", _crystals(list(_results(run, own, "crystallites")))
    yield "Bonds", _bonds(list(_results(run, own, "reactions")))
    yield "Motion", _motion(list(_results(run, own, "environments")))
    yield "Fluxes through the interfaces", _fluxes(list(_results(run, own, "onsager")))


def interphase_sections(run: Path, entries: Runs, combined: Combined = ()) -> list[PageSection]:
    """Tables and figures of products and growth, of reactions, and of motion by surroundings.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.
    combined : sequence of CombinedEntry, optional
        Several of them as one.

    Returns
    -------
    list of PageSection
        Those for which there are results.

    Raises
    ------
    InputFileError
        If a result that the index names is missing or damaged.
    """
    products = PageSection("products", "Products, their layers and their growth")
    products.tables += _tables_of_products(run, entries, combined)
    reactions = PageSection("reactions", "Reactions")
    reactions.tables += _table_of_bonds(run, entries)
    surroundings = PageSection("surroundings", "Motion by surroundings")
    surroundings.tables += _table_of_surroundings(run, entries)
    if surroundings.tables:
        surroundings.paragraphs.append(
            "An atom belongs to the surroundings that it has at the start of a displacement. A diffusivity with a remark is the slope of a "
            "motion that is no random walk: compare the times that atoms stay instead."
        )
    words = {
        "phases": "Phases against time, and against depth at the end.",
        "growth": "Thickness of the interphase, and the law that fits it best.",
        "crystallites": "Crystallites against time, their sizes and their places.",
        "reactions": "Units and bonds against time and depth, who becomes what, and lifetimes.",
        "environments": "Displacements, diffusivities and stays by surroundings.",
    }
    bare = [
        entry.name for entry in entries for name in entry.of_kind("crystallites") if not _has_grains(run, entry, name)
    ]
    if bare:
        products.points.append(f"No crystal at any time: {', '.join(bare)}.")
    for section, kinds in (
        (products, OF_INTERPHASES[:3]), (reactions, OF_INTERPHASES[3:4]), (surroundings, OF_INTERPHASES[4:]),
    ):  # fmt: skip
        for kind in kinds:
            for name in dict.fromkeys(name for entry in entries for name in entry.of_kind(kind)):
                first = [
                    entry
                    for entry in first_of_each(entries, name)
                    if kind != "crystallites" or _has_grains(run, entry, name)
                ]
                together = [one for one in combined if one.result == name]
                covered = {entry for one in together for entry in one.runs}
                alone = [own_figure(run, entry, name, words[kind]) for entry in first if entry.name not in covered]
                shown = [*(own_figure(run, one, name, words[kind]) for one in together), *alone]
                section.figures += [one for one in shown if isinstance(one, Picture)]
    return [one for one in (products, reactions, surroundings) if one.tables or one.figures or one.points]


def interphase_limits(run: Path, entries: Runs) -> list[str]:
    """What cells and runs of this size cannot say of an interphase.

    Parameters
    ----------
    run : Path
        The run folder.
    entries : sequence of AnalysisEntry
        Healthy runs.

    Returns
    -------
    list of str
        Sentences, none where no run has phases, growth or crystallites.

    Raises
    ------
    InputFileError
        If a book, or a result that the index names, is missing or damaged.
    """
    sentences = list(_used_up(run, entries))
    grown = list(_results(run, entries, "growth"))
    if grown:
        longest = max(found["times_ps"][-1] for _, found in grown)
        sentences.append(
            f"A law of growth rests on {longest:.3g} ps at most, and begins where two crystals were put together: whether it holds for "
            "longer times, and for an interface that has aged, is not known."
        )
    if any(entry.of_kind("crystallites") for entry in entries):
        index = read_optional_book(StructureIndex, run / "structures" / INDEX) or StructureIndex()
        widths = [math.sqrt(model.area_angstrom2) for model in index.interfaces]
        if widths and min(widths) < WIDE_ANGSTROM:
            sentences.append(
                f"The models are about {min(widths):.0f} Å wide: a crystal of 2 nm in its surroundings has no room there, so that the "
                "absence of crystals, or their size, says nothing about a real interphase."
            )
    return sentences


def _results(run: Path, entries: Runs, kind: str) -> Iterator[Found]:
    for entry in entries:
        for name in entry.of_kind(kind):
            yield entry, read_result(run / "analysis" / entry.directory / f"{name}.json")


def _has_grains(run: Path, entry: AnalysisEntry, name: str) -> bool:
    """Whether a crystal was seen at any time."""
    found = read_result(run / "analysis" / entry.directory / f"{name}.json")
    return any(found["history"]["n_grains"])


def _span(values: Sequence[float], digits: int = 2) -> str:
    """The smallest and the largest, or one number where they are written alike."""
    return " to ".join(dict.fromkeys(_number(value, digits) for value in (min(values), max(values))))


def _number(value: float, digits: int = 2) -> str:
    """So many digits, or all before the point where these are more."""
    return f"{value:.0f}" if 10.0**digits <= abs(value) < 1e6 else f"{value:.{digits}g}"


def _of_runs(found: Sequence[Found]) -> str:
    return f" in {len(found)} runs" if len(found) > 1 else ""


def _products(found: Sequence[Found]) -> str:
    if not found:
        return ""
    shares: dict[str, list[float]] = {}
    for number, (_, content) in enumerate(found):
        for phase, values in content["phases"].items():
            shares.setdefault(phase, [0.0] * len(found))[number] = 100.0 * values["fraction"]
    often = sorted(shares, key=lambda phase: -sum(shares[phase]))
    told = ", ".join(f"{phase} {_span(shares[phase])} %" for phase in often[:SHOWN])
    rest = f" and {len(often) - SHOWN} more" if len(often) > SHOWN else ""
    end = found[0][1]["history"]["times_ps"][-1]
    return f"at {_number(end, 3)} ps the atoms are {told}{rest}{_of_runs(found)}"


def _layers(found: Sequence[Found]) -> str:
    if not found:
        return ""
    layers = found[0][1]["layers"]
    told = " | ".join(f"{layer['phase']} {layer['thickness_angstrom']:.2g} Å" for layer in layers[: 2 * SHOWN])
    rest = f" and {len(layers) - 2 * SHOWN} more" if len(layers) > 2 * SHOWN else ""
    return f"{told}{rest}{f' in {found[0][0].name}' if len(found) > 1 else ''}"


def _grown(run: Path, own: Runs, combined: Combined) -> list[Grown]:
    """Growth of each model: of its seeds together where they were fitted so, or of each run."""
    together = _grown_together(own, combined)
    covered = {(one.result, name) for one in together for name in one.runs}
    return [
        *_read_together(run, together),
        *(
            (f"seed {entry.seed}", read_result(run / "analysis" / entry.directory / f"{name}.json"))
            for entry in own
            for name in entry.of_kind("growth")
            if (name, entry.name) not in covered
        ),
    ]


def _grown_together(own: Runs, combined: Combined) -> list[CombinedEntry]:
    """Growth that was fitted to several seeds, all of which are among these runs."""
    names = {entry.name for entry in own}
    return [one for one in combined if one.kind == "growth" and set(one.runs) <= names]


def _read_together(run: Path, together: Combined) -> list[Grown]:
    return [(one.name, read_result(run / "analysis" / one.directory / f"{one.result}.json")) for one in together]


def _thickness(found: Sequence[Grown]) -> str:
    told = []
    alone = [content for _, content in found if _n_runs(content) == 1]
    for name, content in found:
        n_runs = _n_runs(content)
        if n_runs > 1:
            low, high = content["thickness_at_end_95_angstrom"]
            where = f" in {name}" if len(found) > 1 else ""
            told.append(f"{_thicker([content], f' (95 %: {_number(low)} to {_number(high)}, {n_runs} runs)')}{where}")
    if alone:
        told.append(f"{_thicker(alone)}{f' in {len(alone)} runs' if len(alone) > 1 else ''}")
    return ", ".join(told)


def _thicker(contents: Sequence[Any], sure: str = "") -> str:
    first, last = ([content["thickness_angstrom"][end] for content in contents] for end in (0, -1))
    times, between = contents[0]["times_ps"], " and ".join(contents[0]["reactants"])
    return f"{_span(first)} Å at {_number(times[0])} ps, {_span(last)} Å{sure} at {_number(times[-1], 3)} ps between {between}"


def _laws(found: Sequence[Grown]) -> str:
    told = []
    for name, content in found:
        words, n_runs = _law(content), _n_runs(content)
        if n_runs > 1:
            laws = [one["law"] for one in content["runs"]]
            words += f", {n_runs} runs together"
            words += f" (each alone: {', '.join(laws)})" if set(laws) != {content["law"]} else ""
        told.append(f"{words}{f' ({name})' if len(found) > 1 else ''}")
    agree = any(_n_runs(content) > 1 for _, content in found) or len({content["law"] for _, content in found}) == 1
    return " and ".join(told) + ("" if agree or not found else ", so that the runs agree on no law")


def _n_runs(content: Any) -> int:
    """Runs in a ``growth.json``."""
    return len(content["runs"])


def _law(content: Any) -> str:
    if content["law"] == "none":
        return "no growth beyond its scatter"
    words = str(content["law"])
    if content["exponent_95"] is not None:
        low, high = content["exponent_95"]
        words += f" with exponent {content['exponent']:.2g} (95 %: {low:.2g} to {high:.2g})"
    for key, said in (("arrest", "stands still from"), ("second_stage", "slower from")):
        if content[f"{key}_ps"] is not None:
            low, high = content[f"{key}_95_ps"]
            words += f", {said} {_number(content[f'{key}_ps'])} ps on ({_number(low)} to {_number(high)})"
            n_runs, changed = _n_runs(content), sum(one.get("change_ps") is not None for one in content["runs"])
            words += f" in {changed} of {n_runs} runs" if 0 < changed < n_runs else ""
    if any(one.get("misfit_angstrom") for one in content["runs"]):
        words += ", though the law does not fit"
    return words


def _crystals(found: Sequence[Found]) -> str:
    if not found:
        return ""
    grains = [grain for _, content in found for grain in content["grains"]]
    if not grains:
        return f"none at the end{_of_runs(found)}"
    # What was crystalline from the start, as an electrode, is no product.
    products = [
        g for _, content in found for g in content["grains"] if g["phase"] not in content.get("phases_at_start", ())
    ]
    grains = products or grains
    named = {grain["phase"] for grain in grains}
    shares = [
        100.0 * sum(share for phase, share in content["crystalline_fraction_by_phase"].items() if phase in named)
        if "crystalline_fraction_by_phase" in content
        else 100.0 * content["crystalline_fraction"]
        for _, content in found
    ]
    phases = ", ".join(dict.fromkeys(grain["phase"] for grain in grains))
    sizes = [grain["diameter_angstrom"] for grain in grains]
    of = "/".join(found[0][1]["settings"]["anions"])
    return f"{len(grains)} at the end{_of_runs(found)} ({phases}), {_span(sizes)} Å across, {_span(shares)} % of {of}"


def _bonds(found: Sequence[Found]) -> str:
    names = list(dict.fromkeys(bond for _, content in found for bond in content["bonds"]))
    told = []
    for bond in names:
        both = [content["bonds"][bond] for _, content in found if bond in content["bonds"]]
        if any(one["made"] or one["broken"] for one in both):
            told.append(f"{bond} {_span([b['at_start'] for b in both], 4)} → {_span([b['at_end'] for b in both], 4)}")
    return ", ".join(told) + _of_runs(found) if told else ""


def _motion(found: Sequence[Found]) -> str:
    if not found:
        return ""
    species = found[0][1]["settings"]["species"]
    often: dict[str, float] = {}
    stays: dict[str, list[float]] = {}
    known: list[tuple[float, str]] = []
    for _, content in found:
        with_ = "in" if content["settings"]["by"] == "phases" else "with"
        for one in content["environments"]:
            name = f"{with_} {one['name']}"
            often[name] = often.get(name, 0.0) + one["n_atoms_mean"] / len(found)
            if one["residence_time_ps"] is not None:
                stays.setdefault(name, []).append(one["residence_time_ps"])
            low, high = one["confidence_95_cm2_per_s"]
            if low is not None and low > 0.0 and not one["not_diffusive_because"]:
                value = one["diffusivity_cm2_per_s"]
                known.append((value, f"{name} D is {value:.2g} cm²/s (95 %: {low:.2g} to {high:.2g})"))
    if not often:
        return ""
    most = sorted(often, key=lambda name: -often[name])[: SHOWN // 2]
    told = [f"{name} {_span(stays[name])} ps ({often[name]:.2g} atoms)" for name in most if name in stays]
    said = [f"{species} stays {', '.join(told)}"] if told else []
    if known:
        said += list(dict.fromkeys((min(known)[1], max(known)[1])))
    else:
        said.append(
            "in no surroundings is its motion a random walk, so that no diffusivity, and no trapping, is proved"
        )
    return ", and ".join(said)


def _fluxes(found: Sequence[Found]) -> str:
    moving, since, largest, n_cases = [], [], 0.0, 0
    for entry, content in found:
        for place, fluxes in content["interfaces"].items():
            for number, species in enumerate(content["species"]):
                n_cases += 1
                zero = fluxes["zero_within_2_sigma_since_ps"][species]
                value, error = (fluxes[key][-1][number] for key in ("flux_per_angstrom2_ps", "error_per_angstrom2_ps"))
                largest = max(largest, abs(value) + 2.0 * error)
                if zero is None:
                    moving.append(f"{species} at {place} (seed {entry.seed})")
                else:
                    since.append(zero)
    if not n_cases:
        return ""
    bound = f"their errors leave room for {100.0 * largest:.2g} atoms/(nm² ps)"
    if moving:
        named = ", ".join(moving[:SHOWN]) + (f" and {len(moving) - SHOWN} more" if len(moving) > SHOWN else "")
        return f"not zero at the end: {named}"
    return f"all are zero within two errors since {_number(max(since))} ps at the latest; {bound}"


def _used_up(run: Path, entries: Runs) -> Iterator[str]:
    """That growth ended for want of a reactant."""
    gone: dict[str, list[str]] = {}
    named = list(_results(run, entries, "phases"))
    for entry, content in named:
        reactants, n_atoms_of = (content["interphase"] or {}).get("reactant_phases", {}), content["history"]["n_atoms"]
        series = {
            name: [
                sum(numbers) for numbers in zip(*(n_atoms_of[one] for one in phases if one in n_atoms_of), strict=True)
            ]
            for name, phases in reactants.items()
        }
        used = [
            name for name, n_atoms in series.items() if n_atoms and n_atoms[0] and n_atoms[-1] < LEFT_SHARE * n_atoms[0]
        ]
        if used:
            gone.setdefault(" and ".join(used), []).append(entry.name)
    for names, runs in gone.items():
        where = ", ".join(runs) if len(runs) < min(4, len(named)) else f"{len(runs)} of {len(named)} runs"
        yield (
            f"Used up at the end: {names} in {where}. Growth that ends there, and fluxes that vanish, show no passivation."
        )


def _tables_of_products(run: Path, entries: Runs, combined: Combined) -> list[Table]:
    tables = []
    named = list(_results(run, entries, "phases"))
    if named:
        phases = list(dict.fromkeys(phase for _, content in named for phase in content["phases"]))
        rows = []
        for entry, content in named:
            cells = []
            for phase in phases:
                values = content["phases"].get(phase)
                sure = "" if values is None else f"{100 * values['fraction']:.3g} ({values['confidence']:.2f})"
                cells.append(sure)
            layers = " | ".join(f"{one['phase']} {one['thickness_angstrom']:.3g}" for one in content["layers"])
            rows.append([entry.name, *cells, layers])
        tables.append(
            Table(
                ["run", *(f"{phase} (%)" for phase in phases), "layers (Å)"],
                rows,
                caption="Share of the atoms in each phase at the end, with the mean confidence of the name (1: all that the crystal has "
                "around such an atom is there).",
            )
        )
    grown = [(entry.name, content) for entry, content in _results(run, entries, "growth")]
    grown += _read_together(run, _grown_together(entries, combined))
    if grown:
        rows = [
            [
                name if _n_runs(content) == 1 else f"{name}: {_n_runs(content)} runs together",
                f"{content['thickness_angstrom'][0]:.3g}", _at_end(content), f"{content['times_ps'][-1]:.3g}", _law(content),
            ]
            for name, content in grown
        ]  # fmt: skip
        head = ["run", "thickness at the start (Å)", "at the end (Å)", "end (ps)", "law, with 95 % intervals"]
        tables.append(Table(head, rows))
    return tables


def _at_end(content: Any) -> str:
    """Thickness at the end, with the interval of several runs."""
    interval = content.get("thickness_at_end_95_angstrom")
    sure = f" ({_number(interval[0])} to {_number(interval[1])})" if interval else ""
    return f"{content['thickness_angstrom'][-1]:.3g}{sure}"


def _table_of_bonds(run: Path, entries: Runs) -> list[Table]:
    rows = [
        [
            entry.name, bond, str(one["at_start"]), str(one["at_end"]), str(one["made"]), str(one["broken"]),
            measured(one["net_broken_per_ps"], one["net_broken_error_per_ps"]),
        ]
        for entry, content in _results(run, entries, "reactions")
        for bond, one in content["bonds"].items()
        if one["made"] or one["broken"]
    ]  # fmt: skip
    head = ["run", "bond", "at the start", "at the end", "made", "broken", "broken less made (1/ps)"]
    return [Table(head, rows)] if rows else []


def _short(doubt: str) -> str:
    """A doubt in few words, or as the result has it."""
    return next(
        (short for start, short in DOUBTS.items() if doubt.startswith(start)), doubt.replace("angstrom^2", "Å²")
    )


def _table_of_surroundings(run: Path, entries: Runs) -> list[Table]:
    rows = []
    for entry, content in _results(run, entries, "environments"):
        for one in content["environments"]:
            value = one["diffusivity_cm2_per_s"]
            low, high = one["confidence_95_cm2_per_s"]
            stay = one["residence_time_ps"]
            rows.append(
                [
                    entry.name, content["settings"]["species"], one["name"], f"{one['n_atoms_mean']:.2g}",
                    "" if value is None else f"{value:.1e}",
                    "" if low is None else f"{low:.1e} to {high:.1e}",
                    "" if stay is None else measured(stay, one["residence_time_error_ps"] or 0.0),
                    str(one["n_hops"]),
                    "; ".join(map(_short, [*one["not_diffusive_because"], *one.get("residence_time_doubtful_because", [])])),
                ]
            )  # fmt: skip
    head = ["run", "of", "surroundings", "atoms", "D (cm²/s)", "95 %", "stays (ps)", "hops", "doubts"]
    return [Table(head, rows)] if rows else []
