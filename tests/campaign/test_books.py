"""The campaign's books: read back as they were written, refused by file and key, drawn and told from the same records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imitated_dpgen import study_with

from mlip_interfaces.books.campaign import (
    CampaignSummary,
    ConditionCounts,
    DeviationDistribution,
    FailureGroup,
    IterationSummary,
    LabelsSummary,
    StepDecision,
    StepSeconds,
    StoppedRun,
    TrustDecision,
    decision_from_json,
)
from mlip_interfaces.books.run import ErrorTable, FailedLabel, LayerForceError
from mlip_interfaces.campaign.hints import hints
from mlip_interfaces.campaign.launching import LAUNCHER, LauncherOptions, launcher_command
from mlip_interfaces.campaign.summary import failure_groups
from mlip_interfaces.campaign.text import status_lines
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.figures import campaign_plots

FILE = Path("run/campaign/summary.json")


def error_table(rmse: float, **layers: float) -> ErrorTable:
    return ErrorTable(
        n_frames=3,
        n_atoms=30,
        energy_rmse_mev_per_atom=1.5,
        force_rmse_mev_per_angstrom=rmse,
        layers={name: LayerForceError(value, 10) for name, value in layers.items()},
    )


def iteration(number: int = 0, **changes: Any) -> IterationSummary:
    """An iteration in which nothing is wrong."""
    plain = IterationSummary(
        iteration=number,
        rung=0,
        temperatures_kelvin=(300.0, 500.0),
        pressures_bar=(1.0,),
        finished=True,
        n_training_frames=40 + 10 * number,
        trust_low_ev_per_angstrom=0.15,
        trust_high_ev_per_angstrom=0.5,
        systems=(
            ConditionCounts("coating-00A", 300.0, 1.0, 90, 8, 2),
            ConditionCounts("coating-00A", 500.0, 1.0, 80, 18, 2),
        ),
        accurate=170,
        candidate=26,
        failed=4,
        stopped_runs=(),
        max_force_deviation_ev_per_angstrom=DeviationDistribution(
            {"0.05": 0.01, "0.25": 0.05, "0.5": 0.08, "0.75": 0.12, "0.95": 0.3}, (0.0, 0.5, 1.0), (190, 10), 0
        ),
        held_out=error_table(80.0, cathode=60.0, coating=110.0),
        labels_made=10,
        labels_failed=(),
        label_core_hours=2.5,
        wall_seconds=StepSeconds(10.0, 20.0, 30.0),
    )
    return replace(plain, **changes)


def summary(*iterations: IterationSummary, stop: StepDecision | None = None, **changes: Any) -> CampaignSummary:
    decisions = (
        StepDecision(0, "explore", 0, "first", "The first rung."),
        TrustDecision(0, "trust", 0.15, 0.5, 0.08, ""),
    )
    plain = CampaignSummary(
        iteration=max(0, len(iterations) - 1),
        rung=0,
        n_rungs=3,
        step="finished" if stop else "train",
        stop=stop,
        iterations=iterations,
        decisions=(*decisions, *([stop] if stop else [])),
        n_initial_frames=40,
        n_training_frames=50,
        labels=LabelsSummary("CHGNet 0.4.2", "surrogate", 50, (), (), 9000.0),
    )
    return replace(plain, **changes)


STOP = StepDecision(2, "stop", 0, "stalled", "In the last 3 iterations nothing grew.")


@pytest.mark.parametrize(
    "given",
    [
        summary(),
        summary(iteration()),
        summary(iteration(0), iteration(1, held_out=None), stop=STOP),
        summary(iteration(stopped_runs=(StoppedRun("iter.000000/01.model_devi/task.000.000000", 3, 10, 1, "ERROR"),))),
    ],
    ids=["empty", "one", "stopped", "blown up"],
)
def test_summary_comes_back_from_its_file_as_it_was(given: CampaignSummary) -> None:
    text = json.dumps(given.to_json(), allow_nan=False)
    assert CampaignSummary.from_json(json.loads(text), FILE) == given
    # And gives the same file again, key by key.
    assert json.dumps(CampaignSummary.from_json(json.loads(text), FILE).to_json()) == text


def test_keys_of_the_file_are_the_documented_ones_in_their_order() -> None:
    content = summary(iteration()).to_json()
    assert list(content) == [
        "iteration", "rung", "n_rungs", "step", "stop", "iterations", "decisions", "n_initial_frames",
        "n_training_frames", "labels", "hints",
    ]  # fmt: skip
    entry = json.loads(json.dumps(content))["iterations"][0]
    assert entry["held_out"]["layers"]["coating"] == {"force_rmse_mev_per_angstrom": 110.0, "n_atoms": 10}
    assert entry["wall_seconds"] == {"train": 10.0, "explore": 20.0, "label": 30.0}


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "n_rungs"),
        (("labels",), "made"),
        (("iterations", 0), "trust_low_ev_per_angstrom"),
        (("iterations", 0, "held_out"), "force_rmse_mev_per_angstrom"),
        (("iterations", 0, "systems", 1), "failed"),
        (("decisions", 0), "action"),
    ],
)
def test_key_that_is_missing_is_named_with_its_file(place: tuple[str | int, ...], key: str) -> None:
    content = json.loads(json.dumps(summary(iteration()).to_json()))
    inside = content
    for part in place:
        inside = inside[part]
    del inside[key]
    with pytest.raises(InputFileError) as error:
        CampaignSummary.from_json(content, FILE)
    said = str(error.value)
    assert said.startswith(f"{FILE}: ")
    assert ".".join(map(str, place)) in said
    assert key in said


def test_value_of_the_wrong_kind_is_named_with_its_file() -> None:
    content = summary(iteration()).to_json() | {"n_rungs": "three"}
    with pytest.raises(InputFileError, match=r"summary\.json: n_rungs is wrong .*run its stage again"):
        CampaignSummary.from_json(content, FILE)
    with pytest.raises(InputFileError, match=r"summary\.json: its content is wrong"):
        CampaignSummary.from_json([], FILE)


def test_folder_of_an_older_or_a_newer_version_is_read() -> None:
    content = json.loads(json.dumps(summary(iteration()).to_json()))
    del content["hints"], content["iterations"][0]["trust_note"], content["iterations"][0]["wall_seconds"]
    content["of tomorrow"] = content["iterations"][0]["more"] = {"x": 1}
    assert CampaignSummary.from_json(content, FILE) == summary(iteration(wall_seconds=StepSeconds()))


def test_lines_of_decisions_are_of_two_kinds() -> None:
    for decision in (STOP, TrustDecision(1, "trust", 0.1, 0.3, None, "no labels are held out")):
        assert decision_from_json(decision.to_json(), FILE) == decision
    for broken in ({"action": "wait", "iteration": 0}, {"action": "trust", "iteration": 0}, []):
        with pytest.raises(InputFileError, match=r"summary\.json"):
            decision_from_json(broken, FILE)


# What people are told


def test_status_tells_every_number_of_the_last_iteration() -> None:
    text = "\n".join(status_lines(summary(iteration(0), iteration(1, rung=1), rung=1)))
    assert text.splitlines()[0] == "iteration 1, rung 2 of 3, train"
    for words in (
        "0.15..0.5", "coating-00A", "300 K", "500 K", "90 / 8 / 2", "5% 0.010", "50% 0.080", "95% 0.300", "cathode 60",
        "coating 110", "50 labels by CHGNet 0.4.2", "2.5 core hours", "explore on rung 1, first: The first rung.",
        "trust levels 0.15 and 0.5 eV/angstrom",
    ):  # fmt: skip
        assert words in text, words


def test_status_of_a_stopped_campaign_begins_with_the_reason() -> None:
    lines = status_lines(summary(iteration(), stop=STOP))
    assert lines[0] == f"finished after iteration 0, rung 1 of 3; stalled: {STOP.sentence}"
    assert f"  before iteration 2: stop, stalled: {STOP.sentence}" in lines


def test_status_without_frames_or_held_out_labels_says_nothing_of_them() -> None:
    nothing = DeviationDistribution(dict.fromkeys(("0.05", "0.5", "0.95")), (0.0, 1.0), (0,), 0)
    bare = iteration(max_force_deviation_ev_per_angstrom=nothing, held_out=None, systems=())
    text = "\n".join(status_lines(summary(bare)))
    assert "quantiles" not in text
    assert "force RMSE on" not in text


def test_failures_are_grouped_by_what_is_left_without_their_numbers() -> None:
    failed = [
        *(FailedLabel(f"task.{i}", f"the largest force is {60 + i}.5 eV/angstrom, over 60") for i in range(5)),
        *(FailedLabel(f"other.{i}", f"timed out after {i}e+3 s") for i in range(2)),
        FailedLabel("last", "the SCF did not converge"),
    ]
    groups = failure_groups(failed)
    assert [group.count for group in groups] == [5, 2, 1]
    assert groups[0] == FailureGroup(failed[0].reason, 5, ("task.0", "task.1", "task.2"))
    assert failure_groups([]) == ()


# Hints


def fired(miniature: Path, given: CampaignSummary, **exploration: object) -> dict[str, str]:
    levels = {"force_trust_low_ev_per_angstrom": 0.15, "force_trust_high_ev_per_angstrom": 0.5}
    return {hint.trigger: hint.sentence for hint in hints(given, study_with(miniature, **(levels | exploration)))}


def test_no_hint_where_nothing_is_wrong(miniature: Path) -> None:
    assert fired(miniature, summary(iteration())) == {}
    assert fired(miniature, summary()) == {}


def test_only_the_last_iteration_gives_hints(miniature: Path) -> None:
    sick = iteration(held_out=error_table(900.0, coating=900.0))
    assert fired(miniature, summary(sick, iteration(1))) == {}
    assert fired(miniature, summary(iteration(), replace(sick, iteration=1))).keys() == {
        "force error above the lower trust level"
    }


def test_force_error_is_held_against_the_fixed_level_and_names_the_worst_layer(miniature: Path) -> None:
    trigger = "force error above the lower trust level"
    assert trigger not in fired(miniature, summary(iteration(held_out=error_table(150.0, a=150.0))))
    above = summary(iteration(held_out=error_table(151.0, cathode=100.0, coating=300.0)))
    assert "151 meV/angstrom (worst in coating)" in fired(miniature, above)[trigger]
    assert trigger not in fired(miniature, above, trust="adaptive")


def test_failed_labels_are_many_above_a_tenth(miniature: Path) -> None:
    failed = tuple(FailedLabel(f"task.{i}", "the SCF did not converge") for i in range(2))
    groups = failure_groups(failed)
    labels = LabelsSummary("x", "dft", 50, failed, groups, 0.0)
    few = summary(iteration(labels_made=18, labels_failed=failed), labels=labels)
    many = summary(iteration(labels_made=17, labels_failed=failed), labels=labels)
    assert fired(miniature, few) == {}
    said = fired(miniature, many)["many failed labels"]
    assert "2 of 19 labels failed; most often: the SCF did not converge (task.0)" in said


def test_gap_between_the_levels_is_told_only_when_the_iteration_is_over(miniature: Path) -> None:
    none = {"accurate": 100, "candidate": 0, "failed": 100}
    assert "no candidates" in fired(miniature, summary(iteration(**none)))
    assert "no candidates" not in fired(miniature, summary(iteration(**none, finished=False)))
    assert "no candidates" not in fired(miniature, summary(iteration(accurate=199, candidate=0, failed=1)))


@pytest.mark.parametrize("reason", ["stalled", "over budget", "not healthy", "not converged"])
def test_each_end_that_is_no_success_has_a_remedy(miniature: Path, reason: str) -> None:
    said = fired(miniature, summary(iteration(), stop=replace(STOP, reason=reason)))[reason]
    assert said.startswith(STOP.sentence)
    assert "exploration." in said or "model" in said


def test_success_has_none(miniature: Path) -> None:
    for reason in ("converged", "ladder used up"):
        assert fired(miniature, summary(iteration(), stop=replace(STOP, reason=reason))) == {}


# Figures


def test_figures_draw_the_numbers_of_the_books() -> None:
    made = [
        iteration(0),
        iteration(1, rung=1, held_out=None),
        iteration(2, rung=1, accurate=200, candidate=0, failed=0),
    ]
    exploration = campaign_plots.exploration(made)
    verdicts, deviations = exploration.axes
    accurate = [bar.get_height() for bar in verdicts.containers[0]]
    np.testing.assert_allclose(accurate, [85.0, 85.0, 100.0], rtol=1e-12, atol=0)
    assert deviations.get_ylim()[1] == pytest.approx(1.6 * 0.5, rel=1e-6, abs=0)
    errors, _labels, costs = campaign_plots.learning(made).axes
    lines = {line.get_label(): line.get_xydata() for line in errors.lines}
    np.testing.assert_allclose(lines["all"], [[0, 80.0], [2, 80.0]], rtol=1e-7, atol=0)
    np.testing.assert_allclose(lines["coating"][:, 1], [110.0, 110.0], rtol=1e-7, atol=0)
    np.testing.assert_allclose(costs.lines[0].get_ydata(), [2.5, 5.0, 7.5], rtol=1e-7, atol=0)


def test_figure_of_a_campaign_without_frames_can_be_drawn() -> None:
    nothing = DeviationDistribution(dict.fromkeys(("0.05", "0.25", "0.5", "0.75", "0.95")), (0.0, 1.0), (0,), 0)
    empty = iteration(accurate=0, candidate=0, failed=0, max_force_deviation_ev_per_angstrom=nothing, held_out=None)
    assert [bar.get_height() for bar in campaign_plots.exploration([empty]).axes[0].containers[0]] == [0.0]
    campaign_plots.learning([empty])


# The launcher's command line


def test_launcher_reads_the_options_that_the_controller_gives() -> None:
    options = LauncherOptions(until_iteration=3, until_step=8, poll_seconds=0.5, seed=11, selection="diverse")
    command = launcher_command("param.running.json", "machine.json", options)
    assert command[:5] == ["python", "-m", LAUNCHER, "param.running.json", "machine.json"]
    assert LauncherOptions.model_validate_json(command[5]) == options
    module = Path(__file__).parents[2] / "src" / (LAUNCHER.replace(".", "/") + ".py")
    assert "main(sys.argv[1], sys.argv[2]," in module.read_text()
