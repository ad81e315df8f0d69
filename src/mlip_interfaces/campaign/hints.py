"""What to do where a campaign goes wrong: a trigger on its numbers, and a remedy."""

from __future__ import annotations

from mlip_interfaces.books.campaign import CampaignSummary, Hint, IterationSummary
from mlip_interfaces.config import Study
from mlip_interfaces.errors import counted
from mlip_interfaces.units import EV_TO_MEV

_MANY_FAILED_LABELS = 0.1
_REMEDY_AFTER_STOP = {
    "stalled": "Label more per iteration (exploration.max_labels_per_model), add initial data of what is uncertain, or enlarge "
    "the model; the trust levels may also ask for more than this model can give.",
    "over budget": "Raise exploration.max_labels, max_core_hours or max_iterations in the study; `campaign run` then goes on.",
    "not healthy": "Add initial data near these conditions (more strain, teacher MD at this temperature), put a cooler or "
    "shorter rung before this one, or raise exploration.max_repeats.",
    "not converged": "Raise exploration.max_repeats to go on, or see whether the trust levels ask for more than the labels give.",
}


def hints(summary: CampaignSummary, study: Study) -> tuple[Hint, ...]:
    """Triggers that fire on the last iteration, each with its remedy.

    Parameters
    ----------
    summary : CampaignSummary
        Of the campaign; its own hints are not looked at.
    study : Study
        With the limits and levels that the remedies name.

    Returns
    -------
    tuple of Hint
        Empty where nothing fires.
    """
    found: list[tuple[str, str]] = []
    if summary.iterations:
        last = summary.iterations[-1]
        found += _exploration_hints(last, study)
        found += _label_hints(last, summary)
        found += _error_hints(last, study)
    stop = summary.stop
    if stop and stop.reason in _REMEDY_AFTER_STOP:
        found.append((stop.reason, f"{stop.sentence} {_REMEDY_AFTER_STOP[stop.reason]}"))
    return tuple(Hint(summary.iteration, name, text) for name, text in found)


def _exploration_hints(last: IterationSummary, study: Study) -> list[tuple[str, str]]:
    found = []
    not_finite = last.max_force_deviation_ev_per_angstrom.n_not_finite
    if not_finite:
        found.append(
            (
                "deviation not a number",
                f"In {counted(not_finite, 'frame')} the model deviation is no number: atoms came on top of each other. Add "
                "initial_data.scrambled structures (they teach the walls) or take a smaller exploration.timestep_fs.",
            )
        )
    if last.stopped_runs:
        first = last.stopped_runs[0]
        why = f" ({first.error})" if first.error else ""
        found.append(
            (
                "exploration stopped early",
                f"{counted(len(last.stopped_runs), 'run')} stopped early, as {first.task} after {first.n_frames} of "
                f"{first.n_asked} frames{why}. The frames before are used. If it goes on: more strained and scrambled initial "
                "data, a smaller timestep, or a gentler rung first.",
            )
        )
    total = last.accurate + last.candidate + last.failed
    wanted = study.exploration.converged_accurate_fraction
    if last.finished and total and not last.candidate and last.accurate < wanted * total:
        found.append(
            (
                "no candidates",
                f"No frame lies between the trust levels ({last.trust_low_ev_per_angstrom:g} and "
                f"{last.trust_high_ev_per_angstrom:g} eV/angstrom), but {last.failed} of {total} lie above: nothing can be "
                "learnt here. Raise the upper level, explore more gently, or add initial data.",
            )
        )
    return found


def _label_hints(last: IterationSummary, summary: CampaignSummary) -> list[tuple[str, str]]:
    n_failed = len(last.labels_failed)
    n_made = last.labels_made
    if not n_failed or n_failed <= _MANY_FAILED_LABELS * (n_failed + n_made):
        return []
    groups = summary.labels.failure_groups
    common = f"; most often: {groups[0].reason} ({groups[0].examples[0]})" if groups else ""
    return [
        (
            "many failed labels",
            f"{n_failed} of {n_failed + n_made} labels failed{common}. Look at that task's folder; cure the cause, delete its "
            "label.json to have it labelled again, or raise labels.max_failed_fraction to go on without them.",
        )
    ]


def _error_hints(last: IterationSummary, study: Study) -> list[tuple[str, str]]:
    if last.held_out is None:
        return []
    rmse = last.held_out.force_rmse_mev_per_angstrom
    configured = study.exploration.force_trust_low_ev_per_angstrom
    if study.exploration.trust == "adaptive" or rmse <= configured * EV_TO_MEV:
        return []
    worst = last.held_out.worst_layer
    return [
        (
            "force error above the lower trust level",
            f"The force RMSE on held-out labels is {rmse:.0f} meV/angstrom (worst in {worst}), above the study's lower trust level of "
            f"{configured * EV_TO_MEV:.0f}: the level is raised to it. Train longer or label more, or set exploration.trust: "
            "adaptive.",
        )
    ]
