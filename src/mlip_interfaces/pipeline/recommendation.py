"""The recommendation of a thickness: gathered from the results of a scan, judged, and said in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlip_interfaces.analysis.recommendation import Candidate, Recommendation, Rule, recommend_thickness
from mlip_interfaces.analysis.replicas import Replicas, compare
from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex
from mlip_interfaces.books.recommendation import (
    RECOMMENDATION_FILE,
    MeanOfRuns,
    RecommendationBook,
    ThicknessRow,
    VariantAnswer,
    frozen_in,
)
from mlip_interfaces.books.run import AnalysisEntry, ScanEntry, read_optional_book, write_book
from mlip_interfaces.config import Study
from mlip_interfaces.errors import counted
from mlip_interfaces.files import read_json
from mlip_interfaces.observables import Chemistry, Msd
from mlip_interfaces.observables.results import measured
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import PS_TO_NS

SHORTER = 0.99
"""Runs that are shorter than this share of the longest one have had less time to react."""


@dataclass(frozen=True, slots=True)
class _Point:
    """One quantity of one run.

    `interval` is that of the run itself, if it has one. `at_least_ps` is how long a run must be that is too short for the quantity,
    not-a-number if nobody knows. `few` says that the error is that of few atoms, which no time makes smaller.
    """

    thickness_angstrom: float
    value: float
    error: float
    run: str
    time_ps: float
    interval: tuple[float, float] | None = None
    at_least_ps: float | None = None
    few: bool = False


@dataclass(frozen=True, slots=True)
class _Lack:
    """Why no run of a study can have a quantity, and what would give it."""

    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One quantity of all runs that have it."""

    said: str
    points: tuple[_Point, ...]
    lowest: float = -math.inf
    highest: float = math.inf
    lack: _Lack | None = None

    @property
    def few(self) -> set[float]:
        """Thicknesses whose error no time makes smaller."""
        return {point.thickness_angstrom for point in self.points if point.few}

    def mean(self, thickness: float) -> MeanOfRuns | None:
        """Mean of the runs of a thickness, with an interval within what the quantity can be; None without a run."""
        runs = self.replicas.get(thickness)
        if runs is None:
            return None
        own = [point.interval for point in self.points if point.thickness_angstrom == thickness]
        low, high = (own[0] if runs.n_runs == 1 else None) or runs.interval()
        return MeanOfRuns(runs.mean, runs.error, max(low, self.lowest), min(high, self.highest), runs.n_runs)

    @property
    def replicas(self) -> dict[float, Replicas]:
        found = {}
        for thickness in sorted({point.thickness_angstrom for point in self.points}):
            own = [point for point in self.points if point.thickness_angstrom == thickness]
            found[thickness] = Replicas(tuple(one.value for one in own), tuple(one.error for one in own))
        return found

    @property
    def times_ps(self) -> tuple[float, float]:
        """Of the shortest and of the longest run."""
        times = [point.time_ps for point in self.points] or [math.nan]
        return min(times), max(times)

    @property
    def at_least_ps(self) -> dict[float, float]:
        """Of each thickness with runs that are too short; not-a-number where one of them has no known length."""
        found: dict[float, float] = {}
        for point in self.points:
            if point.at_least_ps is not None:
                # A run of which nobody knows hides all that are known.
                longest = found.get(point.thickness_angstrom, 0.0)
                unknown = math.isnan(longest) or math.isnan(point.at_least_ps)
                found[point.thickness_angstrom] = math.nan if unknown else max(longest, point.at_least_ps)
        return found


def write_recommendation(
    context: RunContext, runs: Sequence[ScanEntry], entries: Sequence[AnalysisEntry]
) -> RecommendationBook | None:
    """Write ``recommendation.json`` where several thicknesses are scanned.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    runs : sequence of ScanEntry
        Of the scan, with their times.
    entries : sequence of AnalysisEntry
        What was analysed of them.

    Returns
    -------
    RecommendationBook or None
        What was written; None where there is nothing to choose from, and no file then.
    """
    file = context.analysis / RECOMMENDATION_FILE
    book = None
    if len({run.coating_angstrom or 0.0 for run in runs}) > 1:
        domain = read_optional_book(DomainIndex, context.scan / DOMAIN_FILE)
        left = [look.name for look in domain.runs if look.verdict == "leaves"] if domain else []
        book = recommended(context.study, context.analysis, runs, entries, left)
    if book is None:
        file.unlink(missing_ok=True)
        return None
    write_book(file, book)
    return book


def recommended(
    study: Study,
    analysis: Path,
    runs: Sequence[ScanEntry],
    entries: Sequence[AnalysisEntry],
    left_domain: Sequence[str] = (),
) -> RecommendationBook | None:
    """Judge the thicknesses of a scan.

    Parameters
    ----------
    study : Study
        With the section `recommendation`.
    analysis : Path
        Folder with the results.
    runs : sequence of ScanEntry
        Of the scan.
    entries : sequence of AnalysisEntry
        What was analysed of them.
    left_domain : sequence of str, optional
        Runs that left the domain of the model.

    Returns
    -------
    RecommendationBook or None
        None where the study has nothing that tells what is lost.
    """
    asked, times = study.recommendation, {run.name: run.time_ps for run in runs}
    rule = Rule(asked.level, asked.smallest_reduction_fraction, asked.largest_drop_fraction, asked.power)
    by_heat = sorted(study.protocols, key=lambda name: study.protocols[name].temperature_kelvin)
    cold, hot = asked.loss_protocol or by_heat[0], asked.transport_protocol or by_heat[-1]
    answers = []
    for variant in dict.fromkeys(entry.variant for entry in entries):
        own = [entry for entry in entries if entry.variant == variant]
        loss = _losses(study, analysis, [entry for entry in own if entry.protocol == cold], times)
        transport = _diffusivities(study, analysis, [entry for entry in own if entry.protocol == hot], times)
        if len(loss.replicas) > 1 or len(transport.replicas) > 1:
            answer = _answer(variant, rule, (loss, transport), own, (cold, hot), left_domain)
            answers.append(replace(answer, caveats=(*answer.caveats, *_of_study(study, variant))))
    if not answers:
        return None
    return RecommendationBook(
        tuple(answers), _rule_in_words(rule), rule.level, rule.smallest_reduction, rule.largest_drop, rule.power
    )


def _of_study(study: Study, variant: str) -> tuple[str, ...]:
    """What the confidence cannot know of, whatever the runs are."""
    said, layer = [], study.interface.compared
    frozen = frozen_in(
        has_glass=study.interface.scanned is not None,
        has_vacancies=bool(variant)
        or any(layer.vacancies for model in study.scan_models if not model.variant for layer in model.layers),
    )
    said += [] if frozen is None else [frozen]
    name = study.recommendation.loss_among(study.analysis.requests, study.elements)
    request = study.analysis.requests.get(name or "")
    if isinstance(request, Chemistry) and (
        request.layer == layer or not request.layer and request.outside_layer != layer
    ):
        said.append(
            f"What is lost is counted in the layer '{layer}' too, whose own units dilute it as it becomes thicker: set `outside_layer: {layer}` "
            f"of the analysis '{name}'."
        )
    return tuple(said)


def _losses(study: Study, analysis: Path, entries: Sequence[AnalysisEntry], times: Mapping[str, float]) -> _Quantity:
    """What each run lost."""
    asked, points, said = study.recommendation, [], ""
    name, lack = asked.loss_among(study.analysis.requests, study.elements), _no_loss(study)
    for entry in entries if lack is None else ():
        if not entry.analysed or name not in entry.of_kind("chemistry"):
            continue
        lost = _lost(read_json(analysis / entry.directory / f"{name}.json"), asked.loss)
        if lost is not None:
            said = lost.said
            thickness = entry.coating_angstrom or 0.0
            points.append(_Point(thickness, lost.value, lost.error, entry.name, times[entry.name], few=lost.few))
    low, high = (0.0, 1.0) if asked.loss == "intact" else (-math.inf, math.inf)
    return _Quantity(said, tuple(points), low, high, lack)


def _no_loss(study: Study) -> _Lack | None:
    """Why no run of the study can tell what is lost; None where one can."""
    asked, requests = study.recommendation, study.analysis.requests
    name = asked.loss_among(requests, study.elements)
    request = requests.get(name or "")
    if isinstance(request, Chemistry) and asked.counted_by(request, study.elements):
        return None
    what = "units of polyanions" if asked.loss == "intact" else f"{asked.loss} bonds"
    remedy = f"an analysis of kind chemistry that counts {what}, or another `recommendation.loss` that is counted"
    if not any(isinstance(one, Chemistry) for one in requests.values()):
        return _Lack("the study asks for no analysis of kind chemistry, which would count what is lost", remedy)
    return _Lack(f"no analysis of kind chemistry counts {what}", remedy)


@dataclass(frozen=True, slots=True)
class _Loss:
    """What one run lost, per centre or atom; `few` as in `_Point`."""

    value: float
    error: float
    said: str
    few: bool = False


def _lost(found: Mapping[str, Any], what: str) -> _Loss | None:
    """Loss per centre or atom, its error, and what it is; None where a result does not have it."""
    if what == "intact":
        n_centers = found.get("n_centers", 0)
        if not n_centers or found.get("intact_fraction_error") is None:
            return None
        lost, of = 1.0 - found["intact_fraction"], ", ".join(found["settings"]["centers"])
        # Bonds that broke for good do not fluctuate: a share is known no better than as many independent centres tell it.
        likely = (lost * n_centers + 2.0) / (n_centers + 4.0)
        counting = math.sqrt(likely * (1.0 - likely) / n_centers)
        own, said = found["intact_fraction_error"], f"share of {of} whose neighbours changed"
        return _Loss(lost, max(own, counting), said, few=counting > own)
    first, second = what.split("-")
    bonds = found.get("bonds_per_atom", {})
    bond = what if what in bonds else f"{second}-{first}"
    if bond not in bonds:
        return None
    mean, error = bonds[bond]["mean"], bonds[bond]["error"]
    atom = bond.split("-")[0]
    if bond in found["settings"].get("reaction_bonds", ()):
        return _Loss(mean, error, f"{bond} bonds made per {atom}")
    initial = found.get("bonds_per_atom_initial", {}).get(bond)
    return None if initial is None else _Loss(initial - mean, error, f"{bond} bonds gone per {atom}")


def _diffusivities(
    study: Study, analysis: Path, entries: Sequence[AnalysisEntry], times: Mapping[str, float]
) -> _Quantity:
    """D of each run, and how long those that are no diffusion yet should be."""
    asked, points, said = study.recommendation, [], ""
    layer, lack = study.interface.compared, _no_transport(study)
    name = asked.transport_among(study.analysis.requests, layer)
    for entry in entries if lack is None else ():
        if not entry.analysed or name not in entry.results:
            continue
        species = read_json(analysis / entry.directory / f"{name}.json")["species"]
        mobile = asked.mobile or next(iter(species))
        found = species.get(mobile)
        if found is None or found["diffusivity_error_cm2_per_s"] is None:
            continue
        said = f"D of the {layer}'s {mobile}"
        points.append(
            _Point(
                entry.coating_angstrom or 0.0,
                found["diffusivity_cm2_per_s"],
                found["diffusivity_error_cm2_per_s"],
                entry.name,
                times[entry.name],
                tuple(found["confidence_95_cm2_per_s"]),
                None if found["diffusive"] else found.get("run_at_least_ps") or math.nan,
            )
        )
    return _Quantity(said, tuple(points), 0.0, lack=lack)


def _no_transport(study: Study) -> _Lack | None:
    """Why no run of the study can have the D that thicknesses are compared by; None where one can."""
    layer, requests = study.interface.compared, study.analysis.requests
    name = study.recommendation.transport_among(requests, layer)
    request = requests.get(name or "")
    if isinstance(request, Msd) and request.layer == layer:
        return None
    none = "no analysis of kind msd is" if name is None else f"the analysis '{name}' is not"
    return _Lack(
        f"{none} of the layer '{layer}', and D of all ions depends on how many of them the layer has",
        f"an analysis of kind msd with `layer: {layer}`",
    )


def _answer(
    variant: str,
    rule: Rule,
    points: tuple[_Quantity, _Quantity],
    entries: Sequence[AnalysisEntry],
    protocols: tuple[str, str],
    left_domain: Sequence[str],
) -> VariantAnswer:
    loss, transport = points
    losses, diffusivities = loss.replicas, transport.replicas
    found = recommend_thickness(losses, diffusivities, not_diffusive=tuple(transport.at_least_ps), rule=rule)
    judged = {candidate.thickness_angstrom: candidate for candidate in found.candidates}
    thicknesses = sorted({entry.coating_angstrom or 0.0 for entry in entries if entry.protocol in protocols})
    rows = tuple(_row(thickness, judged.get(thickness), found, points) for thickness in thicknesses)
    return VariantAnswer(
        variant=variant,
        outcome=found.outcome,
        thickness_angstrom=found.thickness_angstrom,
        confidence=found.confidence,
        sentence=_sentence(found, rows, points),
        decide=_what_decides(found, rows, points),
        caveats=_caveats(found, points, entries, protocols, left_domain, rule),
        loss_of=f"{loss.said or 'what is lost'} ({protocols[0]})",
        transport_of=f"{transport.said or 'D'} ({protocols[1]})",
        rows=rows,
    )


def _row(
    thickness: float,
    judged: Candidate | None,
    found: Recommendation,
    points: tuple[_Quantity, _Quantity],
) -> ThicknessRow:
    if judged is None:
        return ThicknessRow(
            coating_angstrom=thickness,
            loss=points[0].mean(thickness),
            diffusivity_cm2_per_s=points[1].mean(thickness),
            protection="reference" if thickness == found.loss_reference_angstrom else "no data",
            transport="no coating"
            if thickness == 0.0
            else "reference"
            if thickness == found.transport_reference_angstrom
            else "no data",
            verdict="reference" if thickness == found.loss_reference_angstrom else "undecided",
            diffusive=thickness not in points[1].at_least_ps,
        )
    transport_ps = _scaled(judged.transport_times, points[1].times_ps[1])
    if judged.transport == "undecided" and transport_ps is None:
        # Too short for a diffusivity, this one or that of the reference.
        waits = [points[1].at_least_ps.get(t, 0.0) for t in (thickness, found.transport_reference_angstrom or 0.0)]
        transport_ps = max(waits) if any(waits) and not any(map(math.isnan, waits)) else None
    return ThicknessRow(
        coating_angstrom=thickness,
        loss=points[0].mean(thickness),
        diffusivity_cm2_per_s=points[1].mean(thickness),
        p_reduced=judged.p_reduced,
        p_kept=judged.p_kept,
        p_below=judged.p_below,
        p_qualifies=judged.p_qualifies,
        protection=judged.protection,
        transport=judged.transport,
        verdict=judged.verdict,
        diffusive=thickness not in points[1].at_least_ps,
        loss_run_ps=None
        if points[0].few & {thickness, found.loss_reference_angstrom}
        else _scaled(judged.loss_times, points[0].times_ps[1]),
        transport_run_ps=transport_ps,
        loss_runs=judged.loss_runs,
        transport_runs=judged.transport_runs,
    )


def _scaled(times: float | None, run_ps: float) -> float | None:
    return None if times is None or not math.isfinite(times) else times * run_ps


def _sentence(found: Recommendation, rows: Sequence[ThicknessRow], points: tuple[_Quantity, _Quantity]) -> str:
    """The answer."""
    if found.outcome == "recommended" and found.thickness_angstrom is not None and found.confidence is not None:
        said = f"Take {found.thickness_angstrom:g} Å: it reduces what is lost of the electrolyte"
        if found.thickness_angstrom != found.transport_reference_angstrom:
            said += f" and keeps the diffusivity of {found.transport_reference_angstrom:g} Å"
        percent = math.floor(1000.0 * found.confidence) / 10.0
        said += f" (confidence {'above 99.9' if percent >= 99.9 else f'{percent:g}'} %)."
        beyond = found.undecided_beyond
        if beyond:
            said += f" Whether {_listed(c.thickness_angstrom for c in beyond)} would do as well the data do not decide."
        return said
    if found.outcome == "none qualifies":
        reasons = [f"{row.coating_angstrom:g} Å {_why_not(row)}" for row in rows if row.verdict == "excluded"]
        return f"No thickness qualifies: {'; '.join(reasons)}."
    return f"The data do not decide which thickness to take{_missing(found, points)}."


def _missing(found: Recommendation, points: tuple[_Quantity, _Quantity]) -> str:
    no_loss, no_transport = (one.lack for one in points)
    if found.loss_reference_angstrom is None:
        return f": {'no healthy run tells what is lost' if no_loss is None else no_loss.why}"
    if not found.candidates:
        return ": only one thickness has healthy runs"
    lacks = []
    if not any(c.protection == "reduced" for c in found.candidates):
        lacks.append("none is shown to reduce the loss")
    if not any(c.transport in ("kept", "reference") for c in found.candidates):
        lacks.append("of none the diffusivity is known" if no_transport is None else no_transport.why)
    return f": {' and '.join(lacks)}" if lacks else ""


def _why_not(row: ThicknessRow) -> str:
    if row.transport == "below":
        return "slows diffusion" if row.protection != "not reduced" else "neither protects nor keeps the diffusivity"
    return "does not protect"


def _what_decides(
    found: Recommendation, rows: Sequence[ThicknessRow], points: tuple[_Quantity, _Quantity]
) -> tuple[str, ...]:
    """Run times and numbers of runs that would decide on each undecided thickness beyond the one recommended."""
    beyond, said = {c.thickness_angstrom for c in found.undecided_beyond}, []
    short = set(points[1].at_least_ps)
    for row in rows:
        if row.coating_angstrom not in beyond:
            continue
        parts = []
        for what, open_, run_ps, n_runs in (
            ("loss", row.protection == "undecided", row.loss_run_ps, row.loss_runs),
            ("diffusion", row.transport == "undecided", row.transport_run_ps, row.transport_runs),
        ):
            if open_ and what == "diffusion" and short & {row.coating_angstrom, found.transport_reference_angstrom}:
                parts.append(_longer(run_ps))
            elif open_:
                parts.append(_needed(what, run_ps, n_runs))
        parts += [
            f"a healthy run for {what}" if one.lack is None else one.lack.remedy
            for what, has, one in zip(("loss", "diffusion"), (row.protection, row.transport), points, strict=True)
            if has == "no data"
        ]
        said.append(f"{row.coating_angstrom:g} Å needs {'; '.join(parts)}.")
    return tuple(said)


def _needed(what: str, run_ps: float | None, n_runs: int | None) -> str:
    """As in ``runs of 5 ns, or 4 seeds, for diffusion``."""
    seeds = "" if n_runs is None else f"{n_runs} seeds as long as these"
    if run_ps is None:
        more = "a larger cell" if what == "loss" else "longer runs"
        return f"{seeds or 'far more seeds'}, or {more}, for {what}"
    return f"runs of {_time(run_ps)}{', or ' if seeds else ''}{seeds}, for {what}"


def _longer(run_ps: float | None) -> str:
    """What must be before D can be judged at all: no time that decides, and no number of short runs makes up for it."""
    return f"{'longer runs' if run_ps is None else f'runs of at least {_time(run_ps)}'} before D can be judged"


def _time(run_ps: float) -> str:
    in_ns = run_ps * PS_TO_NS >= 1.0
    return f"{_rounded(run_ps * PS_TO_NS if in_ns else run_ps)} {'ns' if in_ns else 'ps'}"


def _rounded(number: float) -> str:
    """Two digits."""
    return f"{float(f'{number:.2g}'):g}"


def _caveats(
    found: Recommendation,
    points: tuple[_Quantity, _Quantity],
    entries: Sequence[AnalysisEntry],
    protocols: tuple[str, str],
    left_domain: Sequence[str],
    rule: Rule,
) -> tuple[str, ...]:
    """What the confidence does not know of."""
    said, used = [], {point.run for one in points for point in one.points}
    reference = found.loss_reference_angstrom
    if reference is not None:
        lost = points[0].replicas[reference]
        if compare(lost, Replicas((0.0,), (0.0,))).p_value > rule.level:
            where = "the bare interface" if reference == 0.0 else f"the interface with {reference:g} Å"
            said.append(
                f"What {where} loses ({measured(lost.mean, lost.error)}) is not told from nothing: there is nothing yet to protect it from."
            )
        if reference > 0.0:
            said.append(f"There is no bare interface: losses are held against those with {reference:g} Å.")
    out = [name for name in left_domain if name in used]
    if out:
        said.append(
            f"{counted(len(out), 'run')} of {len(used)} left the domain of the model ({_few(out)}): errors of the potential are in no interval."
        )
    sick = [entry.name for entry in entries if entry.protocol in protocols and not entry.analysed]
    if sick:
        said.append(
            f"{counted(len(sick), 'run')} left the bounds of health or could not be analysed, out of all numbers: {_few(sick)}."
        )
    if points[1].at_least_ps:
        said.append(
            f"D at {_listed(points[1].at_least_ps)} is no diffusivity yet: runs are too short to say that it is kept."
        )
    if points[0].few:
        said.append(
            f"The loss at {_listed(sorted(points[0].few))} is that of few units, which break for good: seeds or a larger cell make its error "
            "smaller, a longer run does not."
        )
    single = sorted({t for one in points for t, own in one.replicas.items() if own.n_runs == 1})
    if single:
        said.append(
            f"One run each at {_listed(single)}: what other velocities would have given is in no interval. Two seeds or more have it."
        )
    for one, protocol in zip(points, protocols, strict=True):
        shortest, longest = one.times_ps
        if shortest < SHORTER * longest:
            said.append(
                f"Runs of {protocol} are {shortest:.4g} to {longest:.4g} ps long: the shorter ones had less time to react."
            )
    return tuple(dict.fromkeys(said))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _listed(thicknesses: Iterable[float]) -> str:
    return f"{', '.join(f'{t:g}' for t in thicknesses)} Å"


def _rule_in_words(rule: Rule) -> tuple[str, ...]:
    return (
        "The thickest coating is taken of those that qualify.",
        "To qualify, its loss must be significantly below that of the bare interface, and its diffusivity neither significantly below that "
        f"of the thinnest coating, nor possibly lower by {100 * rule.largest_drop:g} % or more: that must be excluded by the data.",
        "One-sided tests of Welch, with the scatter between seeds and with the errors from within runs, whichever convinces less; joined by "
        f"their largest p-value, adjusted by Holm for the number of thicknesses, at a level of {100 * rule.level:g} %.",
        f"A coating that reduces the loss by less than {100 * rule.smallest_reduction:g} % of it does not protect; one whose diffusivity is "
        "significantly lower is too thick.",
        f"Where the data do not decide: the run time with which they would in {100 * rule.power:g} % of all cases, errors shrinking "
        "as one over its root.",
    )
