"""The numbers a report stands on, and what they cannot support."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlip_interfaces.books.campaign import SUMMARY, CampaignSummary
from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex
from mlip_interfaces.books.gates import GATES_FILE, GatesVerdict
from mlip_interfaces.books.recommendation import RECOMMENDATION_FILE, MeanOfRuns, RecommendationBook, frozen_in
from mlip_interfaces.books.run import (
    INDEX,
    MEANS_FILE,
    OWN_MD,
    VALIDATION_FILE,
    AnalysisEntry,
    AnalysisIndex,
    CombinedEntry,
    DeviationAgainstError,
    EnergyOffset,
    ErrorTable,
    FailedLabel,
    LayerForceError,
    ReferenceComparison,
    ScanIndex,
    StructureIndex,
    Validation,
    read_optional_book,
)
from mlip_interfaces.errors import counted
from mlip_interfaces.files import read_optional_json
from mlip_interfaces.records import Record
from mlip_interfaces.report.files import read_means
from mlip_interfaces.report.interphase_numbers import interphase_numbers
from mlip_interfaces.report.left_out import NONE_STALE, left_out_runs
from mlip_interfaces.run.stages import given_model
from mlip_interfaces.units import PS_TO_NS

_DIFFUSIVITY = re.compile(r"D of (?P<symbol>\w+) \(cm²/s\)(?: \((?P<name>.+)\))?")
"""A diffusivity among the headlines of runs, with the name of an analysis that has one of its own."""


@dataclass(frozen=True, slots=True)
class IterationNumbers(Record):
    """One iteration of the campaign.

    Attributes
    ----------
    accurate, candidate, failed : int
        Explored frames by verdict.
    labels_made, n_training_frames : int
        Good labels, and frames its committee was trained on.
    """

    accurate: int
    candidate: int
    failed: int
    labels_made: int
    n_training_frames: int


@dataclass(frozen=True, slots=True)
class CampaignNumbers(Record):
    """The campaign.

    Attributes
    ----------
    iterations : tuple of IterationNumbers
        In order.
    labels_made, labels_failed : int, tuple of FailedLabel
        Labels, the initial data included.
    """

    iterations: tuple[IterationNumbers, ...]
    labels_made: int
    labels_failed: tuple[FailedLabel, ...]


@dataclass(frozen=True, slots=True)
class ValidationNumbers(Record):
    """Errors of the final model, as `ErrorTable` has them.

    Attributes
    ----------
    n_frames : int
        Held-out frames.
    energy_rmse_mev_per_atom : float, meV/atom
        Every frame counts once.
    force_rmse_mev_per_angstrom : float, meV/angstrom
        Over all components.
    layers, elements : mapping of str to LayerForceError
        By the layer of the atom, and by its element.
    virial_rmse_mev_per_atom : float or None, meV/atom
        Over all components; None where it was not measured, as in what follows.
    offset : EnergyOffset or None
        What all energy errors have in common.
    own_md : ErrorTable or None
        Errors on snapshots of the model's own MD.
    deviation : DeviationAgainstError or None
        Whether the committee warns of force errors.
    reference : ReferenceComparison or None
        MD with the labelling method against MD with the model.
    """

    n_frames: int
    energy_rmse_mev_per_atom: float
    force_rmse_mev_per_angstrom: float
    layers: Mapping[str, LayerForceError]
    elements: Mapping[str, LayerForceError] = field(default_factory=dict)
    virial_rmse_mev_per_atom: float | None = None
    offset: EnergyOffset | None = None
    own_md: ErrorTable | None = None
    deviation: DeviationAgainstError | None = None
    reference: ReferenceComparison | None = None


@dataclass(frozen=True, slots=True)
class Answer(Record):
    """Which thickness to take.

    Attributes
    ----------
    outcome : {"recommended", "none qualifies", "undecided"}
        In a word.
    thickness_angstrom : float or None, angstrom
        What is recommended.
    confidence : float or None
        Chance that it is no wrong one.
    sentence : str
        The answer.
    """

    outcome: str
    thickness_angstrom: float | None
    confidence: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Headline(Record):
    """``report/results.json``: no times, no dates, so that two reports can be compared.

    Attributes
    ----------
    models : mapping of str to int
        Interface model -> its atoms.
    campaign, validation : CampaignNumbers, ValidationNumbers or None
        None where the stage has not run.
    md_ps : float, ps
        Healthy MD.
    unhealthy : mapping of str to tuple of str
        Run -> why it is kept out.
    runs : mapping of str to mapping
        Healthy run -> numbers of its analyses.
    domain : mapping of str to str
        Run -> whether it stayed in the model's domain.
    left_out : mapping of str to str
        Run that was healthy and enters no number -> why.
    gates : mapping of str to bool
        Safety gate -> whether the model passed it.
    recommendation : mapping of str to Answer
        Variant of the models -> which thickness to take; empty where none is scanned.
    means : mapping of str to mapping
        Model and condition that have several seeds -> numbers of all of them.
    combined : mapping of str to mapping
        The same -> numbers of analyses that are fitted to all of them.
    preliminary_without : tuple of str
        Runs that have not come to their end, and may go on: every number here is preliminary while there are any.
    """

    models: Mapping[str, int]
    campaign: CampaignNumbers | None
    validation: ValidationNumbers | None
    md_ps: float
    unhealthy: Mapping[str, tuple[str, ...]]
    runs: Mapping[str, Mapping[str, object]]
    domain: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, bool] = field(default_factory=dict)
    recommendation: Mapping[str, Answer] = field(default_factory=dict)
    means: Mapping[str, Mapping[str, MeanOfRuns]] = field(default_factory=dict)
    combined: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    preliminary_without: tuple[str, ...] = ()


def collect_results(run: Path, stale: Mapping[str, str] = NONE_STALE) -> Headline:
    """Headline numbers of a run folder; runs that are not healthy, or left out for another reason, are named and kept out.

    Parameters
    ----------
    run : Path
        The run folder; a stage that has not run leaves its numbers empty.
    stale : mapping of str to str, optional
        Runs of the scan whose trajectories are not of the study as it is now, and why.

    Returns
    -------
    Headline
        Content of ``report/results.json``.

    Raises
    ------
    InputFileError
        If a book or a result is damaged.
    """
    structures = read_optional_book(StructureIndex, run / "structures" / INDEX) or StructureIndex()
    scan = read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex()
    analysis = read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()
    domain = read_optional_book(DomainIndex, run / "scan" / DOMAIN_FILE)
    judged = domain.runs if domain else ()
    gates = read_optional_book(GatesVerdict, run / "validation" / GATES_FILE)
    recommended = read_optional_book(RecommendationBook, run / "analysis" / RECOMMENDATION_FILE)
    left_out = left_out_runs(run, stale)
    kept = {entry.name for entry in analysis.runs if entry.healthy and entry.name not in left_out}
    return Headline(
        models={model.name: model.n_atoms for model in structures.interfaces},
        campaign=_campaign_numbers(read_optional_book(CampaignSummary, run / "campaign" / SUMMARY)),
        validation=_validation_numbers(read_optional_book(Validation, run / "validation" / VALIDATION_FILE)),
        md_ps=sum(entry.time_ps for entry in scan.runs if entry.healthy and entry.name not in left_out),
        unhealthy={entry.name: entry.reasons for entry in scan.runs if not entry.healthy},
        runs={
            entry.name: _run_numbers(run / "analysis" / entry.directory, entry)
            for entry in analysis.runs
            if entry.name in kept
        },
        domain={entry.name: entry.verdict for entry in judged if entry.name not in stale},
        left_out=left_out,
        gates={result.gate: result.passed for result in gates.results} if gates else {},
        recommendation={
            answer.variant or "all atoms": Answer(
                answer.outcome, answer.thickness_angstrom, answer.confidence, answer.sentence
            )
            for answer in (recommended.answers if recommended else ())
        },
        means=_means(run / "analysis" / MEANS_FILE),
        combined=_combined(run / "analysis", analysis.combined_of(kept)),
        preliminary_without=scan.unfinished,
    )


def _means(file: Path) -> dict[str, dict[str, MeanOfRuns]]:
    """Seeds as one, by model and condition."""
    found: dict[str, dict[str, MeanOfRuns]] = {}
    for condition, model, quantity, mean in read_means(file):
        found.setdefault(f"{model}/{condition}", {})[quantity] = mean
    return found


def _combined(folder: Path, entries: Sequence[CombinedEntry]) -> dict[str, dict[str, object]]:
    """Analyses fitted to several seeds, by model and condition."""
    found: dict[str, dict[str, object]] = {}
    for entry in entries:
        numbers = _analysis_numbers(entry.kind, read_optional_json(folder / entry.directory / f"{entry.result}.json"))
        own = numbers if entry.result == entry.kind else {entry.result: numbers}
        found[entry.name] = found.get(entry.name, {"runs": list(entry.runs)}) | own
    return found


def _campaign_numbers(campaign: CampaignSummary | None) -> CampaignNumbers | None:
    if campaign is None:
        return None
    iterations = tuple(
        IterationNumbers(entry.accurate, entry.candidate, entry.failed, entry.labels_made, entry.n_training_frames)
        for entry in campaign.iterations
    )
    return CampaignNumbers(iterations, campaign.labels.made, campaign.labels.failed)


def _validation_numbers(validation: Validation | None) -> ValidationNumbers | None:
    if validation is None:
        return None
    return ValidationNumbers(
        validation.n_frames,
        validation.energy_rmse_mev_per_atom,
        validation.force_rmse_mev_per_angstrom,
        validation.layers,
        validation.elements,
        validation.virial_rmse_mev_per_atom,
        validation.offset,
        validation.sets.get(OWN_MD),
        validation.deviation,
        validation.reference,
    )


def _run_numbers(folder: Path, entry: AnalysisEntry) -> dict[str, object]:
    """Numbers of a run; those of analyses that have a name of their own stand under it."""
    numbers: dict[str, object] = {"coating_angstrom": entry.coating_angstrom, "condition": entry.condition}
    for name in entry.results:
        kind = entry.kinds.get(name, name)
        found = _analysis_numbers(kind, read_optional_json(folder / f"{name}.json"))
        if name == kind:
            numbers |= found
        elif found:
            numbers[name] = found
    return numbers


def _analysis_numbers(kind: str, content: Any) -> dict[str, object]:
    if content is None:
        return {}
    match kind:
        case "msd":
            species = content["species"]
            return {
                "diffusivity_cm2_per_s": {
                    symbol: values["diffusivity_cm2_per_s"] for symbol, values in species.items()
                },
                "diffusivity_error_cm2_per_s": {
                    symbol: values.get("diffusivity_error_cm2_per_s") for symbol, values in species.items()
                },
                "diffusivity_95_cm2_per_s": {
                    symbol: values["confidence_95_cm2_per_s"] for symbol, values in species.items()
                },
                "diffusivity_below_cm2_per_s": {
                    symbol: values["below_cm2_per_s"]
                    for symbol, values in species.items()
                    if values.get("below_cm2_per_s") is not None
                },
                "not_diffusive_because": {
                    symbol: not_diffusive_because(values)
                    for symbol, values in species.items()
                    if not values["diffusive"]
                },
            }
        case "tetrahedra":
            return {"tetrahedra_count_mean": content["count_mean"]}
        case "chemistry":
            names = (
                "p_s_tetrahedra_mean", "s2_dimers_mean", "intact_fraction", "intact_fraction_error", "p_s_tetrahedra_per_p",
                "s2_dimers_per_s", "bonds_per_atom",
            )  # fmt: skip
            return {name: content[name] for name in names if content.get(name) is not None}
        case "rdf":
            pairs = content["pairs"].items()
            neighbors = {pair: values["neighbors"] for pair, values in pairs if values.get("neighbors") is not None}
            in_layer = {
                pair: values["in_layer"]["first_peak_height"]
                for pair, values in pairs
                if values.get("in_layer", {}).get("layers")
            }
            found = {"first_peaks_in_layer": in_layer, "neighbors": neighbors}
            return {"first_peaks": {pair: values["first_peak_height"] for pair, values in pairs}} | {
                name: numbers for name, numbers in found.items() if numbers
            }
    return interphase_numbers(kind, content)


def not_diffusive_because(values: Mapping[str, Any]) -> list[str]:
    """Why the slope of an MSD is no diffusivity.

    Parameters
    ----------
    values : mapping of str to Any
        An element's entry in ``msd.json``, of an older version too.

    Returns
    -------
    list of str
        Empty where it is one.
    """
    return list(values.get("not_diffusive_because", () if values["diffusive"] else ("its run is too short",)))


def without_diffusivity(results: Headline, of_seeds: str, quantity: str) -> str:
    """What seeds together say of a diffusivity that not each of them has.

    Parameters
    ----------
    results : Headline
        Of the run folder.
    of_seeds : str
        Model and condition, as in `Headline.means`.
    quantity : str
        Name of any quantity there.

    Returns
    -------
    str
        The largest of the bounds on D, or that D is none; empty for what each seed has, and for other quantities.
    """
    asked = _DIFFUSIVITY.fullmatch(quantity)
    if asked is None:
        return ""
    of_runs = [numbers for name, numbers in results.runs.items() if seeds_of(name, numbers) == of_seeds]
    named: list[Any] = [numbers.get(asked["name"], {}) if asked["name"] else numbers for numbers in of_runs]
    symbol = asked["symbol"]
    without = [found for found in named if symbol in found.get("not_diffusive_because", {})]
    if not without:
        return ""
    bounds = [found.get("diffusivity_below_cm2_per_s", {}).get(symbol) for found in without]
    which = f"in {len(without)} of {counted(len(named), 'seed')}"
    return f"not diffusive {which}" if None in bounds else f"below {max(bounds):.2g} {which}"


def seeds_of(name: str, numbers: Mapping[str, object]) -> str:
    """What a run shares with its other seeds: model and condition, as in `Headline.means`.

    Parameters
    ----------
    name : str
        Of the run, which begins with that of the model.
    numbers : mapping of str to object
        Of `Headline.runs`.

    Returns
    -------
    str
        Both, with a slash.
    """
    return f"{name.split('/')[0]}/{numbers.get('condition')}"


def limitations(run: Path, results: Headline, teacher_kind: str) -> list[str]:
    """What the numbers cannot support, each sentence from the data of this run.

    Parameters
    ----------
    run : Path
        The run folder.
    results : Headline
        Its headline numbers.
    teacher_kind : {"surrogate", "dft", "semiempirical", "custom"}
        Who labelled.

    Returns
    -------
    list of str
        Sentences.

    Raises
    ------
    InputFileError
        If a book is damaged.
    """
    scan = _without(read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex(), results.left_out)
    sentences = []
    if given_model(run):
        sentences.append(
            "The potential was given: what it was trained on, and how large its errors are on this interface, is not known here."
        )
    elif teacher_kind == "surrogate":
        sentences.append(
            "The labels come from a surrogate potential, not from DFT: the Deep Potential inherits its errors, and no "
            "energy here is a DFT energy."
        )
    elif teacher_kind != "dft":
        sentences.append("The labels are not DFT; the Deep Potential is as good as the calculator named above.")
    gates = read_optional_book(GatesVerdict, run / "validation" / GATES_FILE)
    if gates is not None and gates.failed:
        names = ", ".join(result.gate for result in gates.failed)
        sentences.append(f"The model fails safety gates ({names}): what its runs show may be the model's own doing.")
    elif scan.runs and (gates is None or not gates.results):
        sentences.append("The model was put through no safety gate: whether it is fit for production is not known.")
    campaign = read_optional_book(CampaignSummary, run / "campaign" / SUMMARY)
    stop = campaign.stop if campaign else None
    if stop and stop.reason != "converged":
        sentences.append(
            f"The active learning ended before it had converged ({stop.reason}): there are structures in reach that "
            "the committee does not agree on."
        )
    if any(entry.time_ps for entry in scan.runs):
        sentences.append(
            f"{_lengths(scan)} Interfaces react and Li diffuses over nanoseconds: what has not "
            "happened here may happen later, and what is seen is the first relaxation after joining the layers."
        )
    seeds: dict[tuple[float | None, str], list[int]] = {}
    for entry in scan.runs:
        seeds.setdefault((entry.coating_angstrom, entry.condition), []).append(entry.seed)
    structures = read_optional_book(StructureIndex, run / "structures" / INDEX) or StructureIndex()
    if seeds and min(len(found) for found in seeds.values()) < 3:
        sentences.append(_few_seeds(scan))
    frozen = frozen_in(has_glass=bool(structures.amorphous), has_vacancies=any(entry.variant for entry in scan.runs))
    if seeds and frozen is not None:
        sentences.append(frozen)
    sizes = list(results.models.values())
    if sizes and max(sizes) < 1000:
        have = "model has" if len(sizes) == 1 else "models have"
        cells = "a lateral cell" if len(sizes) == 1 else "lateral cells"
        glass = ", and an amorphous layer this small is one sample" if structures.amorphous else ""
        sentences.append(
            f"The {have} {spoken_range(sizes)} atoms and {cells} of a few lattice constants: interfaces feel each other and "
            f"their periodic images{glass}."
        )
    if results.validation:
        rmse = results.validation.force_rmse_mev_per_angstrom
        if rmse > 110:
            sentences.append(
                f"The force error on held-out labels is {rmse:.0f} meV/Å; a published production model of LiCoO₂ | LiF | "
                "Li₆PS₅Cl reaches 110 meV/Å. Barriers and rates depend on it exponentially."
            )
        if results.validation.offset is not None and results.validation.offset.dominates:
            mean = results.validation.offset.mean_mev_per_atom
            sentences.append(
                f"Energies of held-out labels are off by {mean:+.0f} meV/atom as a whole: densities and differences of energy between "
                "states of other density or composition need not be right."
            )
        reference = results.validation.reference
        if reference is not None and reference.intact is not None and reference.intact.differ:
            sentences.append(
                f"In {reference.time_ps:.3g} ps from the same start, {reference.intact.model:.2g} of {reference.n_units} "
                f"{reference.unit} stay intact with the model, and {reference.intact.reference:.2g} with {reference.calculator}: "
                "the model's own chemistry is not that of its labels."
            )
    sentences += _domain_limits(run, scan)
    sentences += _transport_limits(run, results.left_out)
    if results.unhealthy:
        names = ", ".join(results.unhealthy)
        sentences.append(f"These runs were not healthy and enter no average: {names}.")
    if results.left_out:
        sentences.append(f"These runs are left out, as is said at the top: {', '.join(results.left_out)}.")
    return sentences


def _without(scan: ScanIndex, left_out: Mapping[str, str]) -> ScanIndex:
    return replace(scan, runs=tuple(entry for entry in scan.runs if entry.name not in left_out))


def _few_seeds(scan: ScanIndex) -> str:
    """What fewer than three seeds do not tell, in the words of a study that compares thicknesses or does not."""
    if len({entry.coating_angstrom or 0.0 for entry in scan.runs}) > 1:
        return (
            "There are fewer than three seeds per thickness and protocol: a difference between thicknesses is not separated "
            "from the chance of one set of velocities."
        )
    return (
        "There are fewer than three seeds per model and protocol: what a run shows is not separated from the chance of one set "
        "of velocities."
    )


def _lengths(scan: ScanIndex) -> str:
    """How long the runs of each protocol are."""
    found: dict[str, list[float]] = {}
    for entry in scan.runs:
        if entry.time_ps:
            found.setdefault(entry.protocol, []).append(entry.time_ps)
    spoken = {
        protocol: " to ".join(dict.fromkeys(spoken_time(time) for time in (min(times), max(times))))
        for protocol, times in found.items()
    }
    if len(set(spoken.values())) > 1:
        return f"MD runs have {', '.join(f'{times} ({protocol})' for protocol, times in spoken.items())}."
    (times,) = set(spoken.values())
    return f"MD runs have {times}." if " to " in times else f"Each MD run has {times}."


def spoken_time(time_ps: float) -> str:
    """A time of MD in the unit in which it is planned.

    Parameters
    ----------
    time_ps : float, ps
        Any.

    Returns
    -------
    str
        In ns from one on.

    Examples
    --------
    >>> spoken_time(1999.5), spoken_time(12.0), spoken_time(50000.0)
    ('1.9995 ns', '12 ps', '50 ns')
    """
    return f"{time_ps * PS_TO_NS:.6g} ns" if time_ps * PS_TO_NS >= 1.0 else f"{time_ps:.6g} ps"


def spoken_range(numbers: Sequence[int]) -> str:
    """The smallest and the largest of some numbers.

    Parameters
    ----------
    numbers : sequence of int
        One at least.

    Returns
    -------
    str
        As in ``52 to 90``; one number where they are the same.

    Examples
    --------
    >>> spoken_range([90, 52]), spoken_range([52])
    ('52 to 90', '52')
    """
    return " to ".join(str(number) for number in sorted({min(numbers), max(numbers)}))


def _domain_limits(run: Path, scan: ScanIndex) -> list[str]:
    domain = read_optional_book(DomainIndex, run / "scan" / DOMAIN_FILE)
    shown = {entry.name for entry in scan.runs}
    looked_at = [entry for entry in domain.runs if entry.verdict != "not looked at"] if domain else []
    known = {entry.name: entry for entry in looked_at if entry.name in shown}
    sentences = []
    leaving = [f"{entry.name} at {entry.left_at_ps:.6g} ps" for entry in known.values() if entry.left_at_ps is not None]
    if leaving:
        sentences.append(
            f"These runs leave the model's domain, and what they show from then on is extrapolation: {'; '.join(leaving)}."
        )
    unknown = [entry.name for entry in scan.runs if entry.name not in known]
    if unknown:
        sentences.append(f"Nothing says whether these runs stayed in the model's domain: {_listed(unknown)}.")
    return sentences


def _transport_limits(run: Path, left_out: Mapping[str, str]) -> list[str]:
    analysis = read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()
    short: dict[tuple[str, bool], dict[str, list[str]]] = {}
    zero = []
    for entry in (entry for entry in analysis.runs if entry.name not in left_out):
        folder = run / "analysis" / entry.directory
        found = [read_optional_json(folder / f"{name}.json") or {"species": {}} for name in entry.of_kind("msd")]
        for symbol, values in (pair for content in found for pair in content["species"].items()):
            for why in not_diffusive_because(values):
                bounded = values.get("below_cm2_per_s") is not None
                short.setdefault((why, bounded), {}).setdefault(symbol, []).append(entry.name)
            low, high = values["confidence_95_cm2_per_s"]
            if low <= 0 <= high:
                zero.append(entry.name)
    sentences = []
    for (why, bounded), species in short.items():
        where = "; ".join(f"{symbol} in {_listed(names)}" for symbol, names in species.items())
        known = (
            "What is known of D there is the upper end of its interval"
            if bounded
            else "The slope there is no diffusivity"
        )
        sentences.append(
            f"Not diffusive{' yet' if bounded else ''}, because {why.replace('angstrom^2', 'Å²')}: {where}. {known}."
        )
    if zero:
        sentences.append(f"The 95 % interval of D contains zero in {_listed(zero)}.")
    return sentences


def _listed(names: Sequence[str]) -> str:
    """Each run once, however many of its diffusivities are meant."""
    runs = list(dict.fromkeys(names))
    return ", ".join(runs) if len(runs) < 5 else f"{len(runs)} runs"
