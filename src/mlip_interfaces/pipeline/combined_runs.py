"""Seeds of one model in one condition as one result, for analyses that are fitted to all of them: ``analysis/MODEL/CONDITION/NAME.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlip_interfaces.books.run import CombinedEntry, ScanEntry
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.files import read_json
from mlip_interfaces.observables.request import CombinedRequest
from mlip_interfaces.pipeline.analysis_jobs import RunOutcome
from mlip_interfaces.pipeline.run_analysis import requests_of
from mlip_interfaces.run.context import RunContext


def write_combined(
    context: RunContext, runs: Sequence[ScanEntry], outcomes: Mapping[str, RunOutcome]
) -> tuple[CombinedEntry, ...]:
    """Make what several seeds say together, from the results of each.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    runs : sequence of ScanEntry
        Of the scan.
    outcomes : mapping of str to RunOutcome
        What became of those that were analysed, by name.

    Returns
    -------
    tuple of CombinedEntry
        One for each request of that sort and each model and condition with two runs or more that have its result.

    Raises
    ------
    InputFileError
        If a result that was just made is missing or damaged.
    """
    return tuple(
        entry
        for (model, condition), seeds in _by_model_and_condition(runs).items()
        for entry in _of_seeds(context, f"{model}/{condition}", seeds, outcomes)
    )


def _by_model_and_condition(runs: Sequence[ScanEntry]) -> dict[tuple[str, str], list[ScanEntry]]:
    found: dict[tuple[str, str], list[ScanEntry]] = {}
    for run in runs:
        found.setdefault((run.model, run.condition), []).append(run)
    return found


def _of_seeds(
    context: RunContext, name: str, seeds: Sequence[ScanEntry], outcomes: Mapping[str, RunOutcome]
) -> Iterator[CombinedEntry]:
    for result, request in requests_of(context.study.analysis, seeds[0].temperature_kelvin).items():
        if not isinstance(request, CombinedRequest):
            continue
        there = [run for run in seeds if run.name in outcomes and _has(outcomes[run.name], result)]
        if len(there) < 2:
            _remove(context, name, result)
            continue
        contents = [read_json(context.analysis / run.directory / f"{result}.json") for run in there]
        trouble = ""
        try:
            found = request.combined_of(contents)
        except AnalysisError as error:
            trouble = str(error)
            _remove(context, name, result)
        else:
            origin: dict[str, object] = {
                "runs": [
                    {"run": run.name} | content["provenance"] for run, content in zip(there, contents, strict=True)
                ]
            }
            found.write(context.analysis / name, result, found.content(result, origin))
        yield CombinedEntry(
            name=name,
            result=result,
            kind=request.kind,
            runs=tuple(run.name for run in there),
            trouble=trouble,
        )


def _remove(context: RunContext, name: str, result: str) -> None:
    """What an earlier start made of runs that make no result together any more."""
    for file in (context.analysis / name).glob(f"{result}.*"):
        file.unlink()


def _has(outcome: RunOutcome, result: str) -> bool:
    return result in outcome.made and bool(outcome.made[result].kind)
