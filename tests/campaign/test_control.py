"""Decisions of a campaign: pure functions on numbers, and the controller on an imitated DP-GEN."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from imitated_dpgen import LABEL, dpgen, prepare, run, study_with

from mlip_interfaces import files
from mlip_interfaces.campaign import folder
from mlip_interfaces.campaign.control import (
    Decision,
    FrameCounts,
    IterationOutcome,
    Limits,
    decide,
    is_healthy,
    labels_left,
    trust_levels,
)
from mlip_interfaces.config import load_study
from mlip_interfaces.pipeline import campaign

LIMITS = Limits("when_healthy", 0.1, 0.99, max_iterations=40, max_repeats=5, stall_iterations=3)
RUNGS = [
    {"temperatures_kelvin": [t], "pressures_bar": [1], "steps": 99, "sample_every": 1} for t in (300, 500, 900)
]  # fmt: skip


def outcome(
    rung: int, *systems: tuple[int, int, int], stopped: int = 0, rmse: float | None = None, labels: int = 10
) -> IterationOutcome:
    counts = {f"model-{i}": FrameCounts(*triple) for i, triple in enumerate(systems)}
    return IterationOutcome(rung, counts, stopped, rmse, labels, label_core_hours=0.5 * labels)


GOOD, BAD, DONE = (80, 15, 5), (60, 20, 20), (99, 1, 0)


def next_step(*history: IterationOutcome, limits: Limits = LIMITS, n_rungs: int = 3) -> Decision:
    return decide(history, n_rungs, limits, n_systems=len(history[-1].systems) if history else 1)


def test_first_rung_comes_first() -> None:
    assert next_step() == Decision("explore", 0, "first", "The first rung.")


def test_healthy_rung_is_left_and_sick_one_is_repeated() -> None:
    up, again = next_step(outcome(0, GOOD)), next_step(outcome(0, BAD))
    assert (up.action, up.rung, up.reason) == ("explore", 1, "climb")
    assert (again.action, again.rung, again.reason) == ("explore", 0, "repeat")
    assert "20.0 %" in again.sentence


def test_one_stopped_run_keeps_a_rung_from_being_healthy() -> None:
    assert is_healthy(outcome(0, DONE), LIMITS)
    assert not is_healthy(outcome(0, DONE, stopped=1), LIMITS)
    assert "runs stopped early: 1" in next_step(outcome(0, DONE, stopped=1)).sentence


def test_health_is_judged_over_all_models_and_its_limit_is_excluded() -> None:
    assert is_healthy(outcome(0, (82, 0, 18), (99, 0, 1)), LIMITS)
    assert not is_healthy(outcome(0, (80, 0, 20), (100, 0, 0)), LIMITS)


@pytest.mark.parametrize(
    ("history", "converged"),
    [
        ([outcome(2, DONE, DONE), outcome(2, DONE, DONE)], True),
        ([outcome(2, DONE, DONE)], False),
        ([outcome(1, DONE, DONE), outcome(2, DONE, DONE)], False),
        ([outcome(2, DONE, DONE), outcome(2, DONE, (98, 2, 0))], False),
        ([outcome(2, DONE, (98, 2, 0)), outcome(2, DONE, DONE)], False),
        ([outcome(2, DONE, DONE), outcome(2, DONE, DONE, stopped=1)], False),
        ([outcome(2, DONE, DONE), outcome(2, GOOD, DONE), outcome(2, DONE, DONE)], False),
    ],
)
def test_converged_means_every_model_twice_in_a_row_on_the_last_rung(
    history: list[IterationOutcome], converged: bool
) -> None:
    assert (next_step(*history).reason == "converged") is converged


def test_stalled_when_neither_accuracy_nor_error_improves() -> None:
    flat = [outcome(1, (50, 49, 1), rmse=0.2) for _ in range(4)]
    assert next_step(*[replace(o, rung=2) for o in flat]).reason == "stalled"
    better_share = [*flat[:3], outcome(2, (60, 39, 1), rmse=0.2)]
    better_error = [*flat[:3], outcome(2, (50, 49, 1), rmse=0.15)]
    for history in (better_share, better_error):
        assert next_step(*[replace(o, rung=2) for o in history]).reason == "repeat"
    assert next_step(*[replace(o, rung=2) for o in flat[:3]]).reason == "repeat"
    # A new rung starts afresh.
    assert next_step(*flat, outcome(2, (20, 79, 1), rmse=0.2)).reason == "repeat"


def test_rung_that_never_gets_healthy_ends_the_campaign_by_name() -> None:
    history = [outcome(0, (50 + 5 * i, 30 - 5 * i, 20)) for i in range(5)]
    assert [next_step(*history[: i + 1]).reason for i in range(5)] == ["repeat"] * 4 + ["not healthy"]
    last_rung = [outcome(2, (60 + 5 * i, 35 - 5 * i, 5)) for i in range(5)]
    assert next_step(*last_rung).reason == "not converged"


def test_budgets_end_the_campaign_before_they_are_overdrawn() -> None:
    history = [outcome(0, BAD, BAD, labels=10), outcome(0, BAD, GOOD, labels=9)]
    for limits, word in (
        (
            replace(LIMITS, max_labels=20),
            "1 label left of 20 (exploration.max_labels), fewer than one for each of 2 models.",
        ),
        (replace(LIMITS, max_core_hours=9.5), "9.5 core hours"),
        (replace(LIMITS, max_iterations=2), "max_iterations: 2"),
    ):
        decision = next_step(*history, limits=limits)
        assert decision.reason == "over budget"
        assert word in decision.sentence
    for limits in (
        replace(LIMITS, max_labels=21),
        replace(LIMITS, max_core_hours=9.6),
        replace(LIMITS, max_iterations=3),
    ):
        assert next_step(*history, limits=limits).action == "explore"
    assert labels_left(history, replace(LIMITS, max_labels=25)) == 6
    assert labels_left(history, replace(LIMITS, max_labels=5)) == 0
    assert labels_left(history, LIMITS) is None


def test_ladder_that_is_only_climbed_takes_each_rung_once() -> None:
    limits = replace(LIMITS, climb="always")
    history: list[IterationOutcome] = []
    while (decision := next_step(*history, limits=limits)).action == "explore":
        history.append(outcome(decision.rung, BAD, stopped=1))
    assert [o.rung for o in history] == [0, 1, 2]
    assert decision.reason == "ladder used up"


@pytest.mark.parametrize("found", [BAD, GOOD, DONE])
def test_demo_explores_exactly_twice_whatever_it_finds(repository: Path, found: tuple[int, int, int]) -> None:
    study = load_study(repository / "configs" / "demo.yaml")
    limits, history = campaign.limits_of(study), []
    while next_step(*history, limits=limits, n_rungs=len(study.exploration.iterations)).action == "explore":
        history.append(outcome(len(history), found, found))
    assert len(history) == 2


def test_no_frame_at_all_is_not_healthy() -> None:
    assert not is_healthy(outcome(0, (0, 0, 0)), LIMITS)


@pytest.mark.parametrize("mode", ["fixed", "adaptive"])
@pytest.mark.parametrize("rmse", [0.01, 0.0850049, 0.2, 0.31, 1.0])
def test_lower_trust_level_is_never_below_the_force_error(mode: str, rmse: float) -> None:
    levels = trust_levels(mode, 0.12, 0.3, force_rmse_ev_per_angstrom=rmse, rmse_factor=1.0, ratio=3.0)
    assert levels.low_ev_per_angstrom >= max(0.12, rmse)
    assert levels.high_ev_per_angstrom > levels.low_ev_per_angstrom


def test_fixed_levels_stay_unless_the_error_is_larger() -> None:
    def levels(rmse: float | None) -> tuple[float, float, bool]:
        found = trust_levels("fixed", 0.12, 0.3, force_rmse_ev_per_angstrom=rmse, rmse_factor=2.0, ratio=9.0)
        return found.low_ev_per_angstrom, found.high_ev_per_angstrom, bool(found.note)

    assert levels(0.1) == (0.12, 0.3, False)
    # The window keeps its proportions where the error is in it or beyond it.
    assert levels(0.2) == (0.2, 0.5, True)
    assert levels(0.6) == (0.6, 1.5, True)
    assert levels(None) == (0.12, 0.3, True)


def test_window_of_fixed_levels_neither_closes_nor_jumps_where_the_error_crosses_it() -> None:
    low, high, rounding = 0.15, 0.30, 1e-4

    def levels(rmse: float) -> tuple[float, float]:
        found = trust_levels("fixed", low, high, force_rmse_ev_per_angstrom=rmse, rmse_factor=2.0, ratio=3.0)
        return found.low_ev_per_angstrom, found.high_ev_per_angstrom

    assert levels(0.299) == (0.299, 0.598)
    assert levels(0.300) == (0.300, 0.600)
    step = 0.00037
    before = levels(0.10)
    assert before == (low, high)
    for number in range(1, 1000):
        now = levels(0.10 + step * number)
        assert now[1] / now[0] >= high / low * (1 - 1e-12), now
        for level, (value, last) in zip(("low", "high"), zip(now, before, strict=True), strict=True):
            # Continuous and rising: no step larger than that of the error, times the ratio, and the rounding.
            assert 0 <= value - last <= step * high / low + 2 * rounding, (level, number)
        before = now


def test_wide_fixed_levels_keep_their_upper_one_until_the_lower_one_comes_near() -> None:
    def levels(rmse: float) -> tuple[float, float]:
        found = trust_levels("fixed", 0.0001, 50.0, force_rmse_ev_per_angstrom=rmse, rmse_factor=2.0, ratio=3.0)
        return found.low_ev_per_angstrom, found.high_ev_per_angstrom

    assert levels(0.24) == (0.24, 50.0)
    assert levels(20.0) == (20.0, 60.0)


def test_adaptive_levels_follow_the_error_down_to_their_floor() -> None:
    def levels(rmse: float) -> tuple[float, float]:
        found = trust_levels("adaptive", 0.12, 0.3, force_rmse_ev_per_angstrom=rmse, rmse_factor=2.0, ratio=3.0)
        return found.low_ev_per_angstrom, found.high_ev_per_angstrom

    assert levels(0.085) == (0.17, 0.51)
    assert levels(0.01) == (0.12, 0.36)


def learned(iteration: int, job: dict, system: int) -> list[float]:
    """A committee that finds a hotter rung harder at first and learns it in two iterations."""
    kelvin = job["temps"][0]
    before = 2 if kelvin == 300 else 4
    worse = 40 if iteration < before else 0
    n_candidates = max(0, 60 - 12 * iteration) if kelvin < 900 else max(0, 40 - 20 * (iteration - 4))
    return [9.0] * worse + [0.1] * n_candidates + [0.001] * (100 - worse - n_candidates)


def climbing(miniature: Path, **exploration: object):
    fields = {"iterations": RUNGS, "force_trust_low_ev_per_angstrom": 0.05, "force_trust_high_ev_per_angstrom": 1.0}
    return study_with(miniature, **(fields | exploration))


def test_campaign_climbs_when_healthy_and_stops_converged(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = run(prepare(tmp_path, climbing(miniature)), dpgen(learned), monkeypatch)
    assert [entry["rung"] for entry in summary["iterations"]] == [0, 0, 0, 1, 1, 2, 2, 2]
    assert summary["stop"]["reason"] == "converged"
    assert summary["step"] == "finished"
    reasons = [entry["reason"] for entry in summary["decisions"] if entry["action"] == "explore"]
    assert reasons == ["first", "repeat", "repeat", "climb", "repeat", "climb", "repeat", "repeat"]
    # DP-GEN's own file lists the ladder, once; ours the iterations.
    param = json.loads((tmp_path / "campaign" / "param.json").read_text())
    running = json.loads((tmp_path / "campaign" / "param.running.json").read_text())
    assert [job["temps"] for job in param["model_devi_jobs"]] == [[300], [500], [900]]
    assert [job["temps"][0] for job in running["model_devi_jobs"]] == [300] * 3 + [500] * 2 + [900] * 3
    assert {key: value for key, value in param.items() if key not in ("model_devi_jobs", "ratio_failed")} == {
        key: value for key, value in running.items() if key not in ("model_devi_jobs", "ratio_failed")
    }


def test_trust_levels_of_each_iteration_are_in_its_job(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = climbing(miniature, trust="adaptive", force_trust_low_ev_per_angstrom=0.04, trust_ratio=25)
    summary = run(prepare(tmp_path, study), dpgen(learned, rmse=30.0), monkeypatch)
    running = json.loads((tmp_path / "campaign" / "param.running.json").read_text())
    for number, (job, entry) in enumerate(zip(running["model_devi_jobs"], summary["iterations"], strict=True)):
        low = max(0.04, 2 * 0.030 * 0.9**number)
        for side, exact in (("lo", low), ("hi", 25 * low)):
            assert job[f"model_devi_f_trust_{side}"] == pytest.approx(
                math.ceil(1e4 * exact - 1e-6) / 1e4, rel=1e-12, abs=0
            )
        assert entry["trust_low_ev_per_angstrom"] == job["model_devi_f_trust_lo"]


def test_label_budget_is_never_exceeded(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = climbing(miniature, max_labels=13, max_labels_per_model=5)
    summary = run(prepare(tmp_path, study), dpgen(learned), monkeypatch)
    made = [entry["labels_made"] for entry in summary["iterations"]]
    assert made == [10, 2]
    assert summary["stop"]["reason"] == "over budget"
    assert summary["iterations"][0]["label_core_hours"] == pytest.approx(0.1, rel=1e-6, abs=0)
    assert any(hint["trigger"] == "over budget" for hint in summary["hints"])


def test_raised_budget_goes_on_where_it_stopped(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = prepare(tmp_path, climbing(miniature, max_iterations=2))
    assert run(context, dpgen(learned), monkeypatch)["stop"]["reason"] == "over budget"
    assert not campaign.has_more_to_do(context)
    more = replace(context, study=climbing(miniature))
    assert campaign.has_more_to_do(more)
    summary = run(more, dpgen(learned), monkeypatch)
    assert summary["stop"]["reason"] == "converged"
    assert len(summary["iterations"]) == 8


def test_user_edits_of_param_json_are_kept(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = prepare(tmp_path, climbing(miniature))
    campaign.init_campaign(context)
    file = context.campaign / "param.json"
    param = json.loads(file.read_text())
    param["model_devi_jobs"][1]["taut"] = 0.25
    param["dp_compress"] = False
    file.write_text(json.dumps(param))
    run(context, dpgen(learned), monkeypatch)
    running = json.loads((context.campaign / "param.running.json").read_text())
    assert [job["taut"] for job in running["model_devi_jobs"]] == [0.1] * 3 + [0.25] * 2 + [0.1] * 3
    assert running["dp_compress"] is False
    assert json.loads(file.read_text()) == param


def test_iterations_that_plain_dpgen_made_are_taken_over(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = prepare(tmp_path, climbing(miniature))
    campaign.init_campaign(context)
    plain = json.loads((context.campaign / "param.json").read_text())
    for job in plain["model_devi_jobs"]:
        job |= {"model_devi_f_trust_lo": 0.05, "model_devi_f_trust_hi": 1.0}
    running = context.campaign / "param.running.json"
    running.write_text(json.dumps(plain))
    # Two iterations, and the training of the third one.
    dpgen(learned)(context, 2, 2)
    running.unlink()
    summary = run(context, dpgen(learned), monkeypatch)
    assert [entry["rung"] for entry in summary["iterations"]][:3] == [0, 1, 1]
    assert summary["stop"]["reason"] == "converged"
    record = (context.campaign / "record.dpgen").read_text().split("\n")
    assert len(record) == len(set(record))


class Killed(BaseException):
    """The process is gone."""


def killing(write: Callable, survive: int, *, after: bool) -> Callable:
    """`write_text`, until it has been called `survive` times."""
    calls = 0

    def write_or_die(path: Path, content: str) -> None:
        nonlocal calls
        calls += 1
        if calls > survive and not after:
            raise Killed
        write(path, content)
        if calls > survive:
            raise Killed

    return write_or_die


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_every_file_it_writes_it_decides_the_same(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    study = climbing(miniature)
    expected = run(prepare(tmp_path / "straight", study), dpgen(learned), monkeypatch)
    context = prepare(tmp_path / "killed", study)
    write, n_kills = files.write_text, 0
    while True:
        # Each start gets one file further than the one before.
        with monkeypatch.context() as patch:
            mortal = killing(write, 0 if after else 1, after=after)
            patch.setattr(files, "write_text", mortal)
            patch.setattr(folder, "write_text", mortal)
            try:
                found = run(context, dpgen(learned), patch)
                break
            except Killed:
                n_kills += 1
        assert n_kills < 200
    assert n_kills > 20
    found = run(context, dpgen(learned), monkeypatch)
    assert found == expected
    for name in ("param.running.json", "decisions.jsonl", "record.dpgen"):
        assert (context.campaign / name).read_text() == (tmp_path / "straight" / "campaign" / name).read_text()


def test_failed_labels_are_grouped_with_examples(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def label(task: str) -> dict:
        number = int(task[-6:])
        failures = {0: "timed out after 20 s", 1: "timed out after 21.5 s", 2: "the energy is not finite"}
        reason = failures.get(number)
        return LABEL if reason is None else LABEL | {"status": "failed", "reason": reason}

    study = climbing(miniature, climb="always", max_labels_per_model=4)
    summary = run(prepare(tmp_path, study), dpgen(learned, label=label), monkeypatch)
    groups = summary["labels"]["failure_groups"]
    assert [(group["count"], group["reason"]) for group in groups] == [
        (12, "timed out after 20 s"),
        (6, "the energy is not finite"),
    ]
    assert groups[0]["examples"][0] == "iter.000000/02.fp/task.000.000000"
    assert "many failed labels" in {hint["trigger"] for hint in summary["hints"]}
