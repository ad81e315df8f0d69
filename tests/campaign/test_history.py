"""The history of a campaign is read once: what a finished iteration found is kept, and only what changed is read again."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from imitated_dpgen import LABEL, dpgen, prepare, run, study_with, write_deviations

from mlip_interfaces.campaign import folder, history
from mlip_interfaces.campaign.control import FrameCounts
from mlip_interfaces.campaign.folder import read_position
from mlip_interfaces.campaign.history import finished_outcomes, keep_finished, measure, measured_iterations
from mlip_interfaces.campaign.summary import summarize_campaign
from mlip_interfaces.config import Study
from mlip_interfaces.files import read_json
from mlip_interfaces.run.context import RunContext

N_ITERATIONS = 6
N_RUNS = 2
"""Explorations of an iteration: two models at one condition."""


def repeating(miniature: Path, **exploration: object) -> Study:
    """A study that never gets healthy, and so makes as many iterations as it may."""
    rung = {"temperatures_kelvin": [300], "pressures_bar": [1], "steps": 9, "sample_every": 1}
    fields = {"iterations": [rung], "max_repeats": N_ITERATIONS, "stall_iterations": 99}
    levels = {"force_trust_low_ev_per_angstrom": 0.05, "force_trust_high_ev_per_angstrom": 1.0}
    return study_with(miniature, **(fields | levels | exploration))


def sick(iteration: int, job: dict, system: int) -> list[float]:
    return [0.01] * (3 + iteration) + [0.5] * 2 + [60.0] * (5 - iteration)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """How often each file of deviations, and each label, is parsed."""
    reads: Counter = Counter()
    deviations, label = folder.deviations_so_far, folder._label_record

    def counting(read: Callable) -> Callable:
        def wrapped(file: Path):
            reads[f"{file.parents[2].name}/{file.parent.name}/{file.name}"] += 1
            return read(file)

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(folder, "deviations_so_far", counting(deviations))
        patch.setattr(folder, "_label_record", counting(label))
        yield reads


@pytest.fixture
def finished(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunContext:
    """A campaign of six iterations that has stopped."""
    context = prepare(tmp_path, repeating(miniature))
    run(context, dpgen(sick), monkeypatch)
    assert read_position(context.campaign).iteration == N_ITERATIONS
    return context


@pytest.mark.parametrize("budget", [{}, {"max_labels": 1000}], ids=["no budget", "budget"])
def test_a_campaign_parses_each_file_of_its_history_once(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: dict
) -> None:
    context = prepare(tmp_path, repeating(miniature, **budget))
    with counted(monkeypatch) as reads:
        run(context, dpgen(sick), monkeypatch)
    deviations = {name: number for name, number in reads.items() if name.endswith("model_devi.out")}
    assert len(deviations) == N_ITERATIONS * N_RUNS
    assert set(deviations.values()) == {1}
    labels = {name: number for name, number in reads.items() if name.endswith("label.json")}
    assert len(labels) > N_ITERATIONS
    assert set(labels.values()) == {1}


def test_status_of_a_finished_campaign_parses_nothing_and_writes_nothing(
    finished: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file: file.stat().st_mtime_ns for file in finished.root.rglob("*")}
    with counted(monkeypatch) as reads:
        summary = summarize_campaign(finished)
    assert not reads
    assert len(summary.iterations) == N_ITERATIONS
    assert before == {file: file.stat().st_mtime_ns for file in finished.root.rglob("*")}


def test_kept_numbers_are_those_of_the_files(finished: RunContext) -> None:
    kept = measured_iterations(finished, N_ITERATIONS)
    assert list(kept) == [measure(finished, i, is_explored=True) for i in range(N_ITERATIONS)]
    shutil.rmtree(finished.campaign / history.FOLDER)
    before = summarize_campaign(finished)
    keep_finished(finished)
    assert summarize_campaign(finished) == before


def test_only_the_iteration_whose_files_changed_is_read_again(
    finished: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = finished.campaign / "iter.000002" / "01.model_devi" / "task.000.000000"
    write_deviations(task / "model_devi.out", [0.01] * 10, 1)
    with counted(monkeypatch) as reads:
        found = measured_iterations(finished, N_ITERATIONS)
    assert {name.split("/")[0] for name in reads} == {"iter.000002"}
    assert found[2].frames.accurate == 10 + 3 + 2
    keep_finished(finished)
    with counted(monkeypatch) as reads:
        measured_iterations(finished, N_ITERATIONS)
    assert not reads


def test_label_that_is_deleted_or_spoilt_is_noticed(finished: RunContext) -> None:
    made = [measured.labels_made for measured in measured_iterations(finished, N_ITERATIONS)]
    labels = sorted((finished.campaign / "iter.000001" / "02.fp").glob("task.*/label.json"))
    labels[0].unlink()
    labels[1].write_text('{"status')
    found = measured_iterations(finished, N_ITERATIONS)
    assert [measured.labels_made for measured in found] == [made[0], made[1] - 2, *made[2:]]
    assert [len(measured.labels_failed) for measured in found] == [0, 1, 0, 0, 0, 0]


def test_same_size_at_another_time_is_read_again(finished: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    file = finished.campaign / "iter.000000" / "01.model_devi" / "task.000.000000" / "model_devi.out"
    text = file.read_text()
    file.write_text(text.replace("0.01", "0.09"))
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    assert len(file.read_text()) == len(text)
    with counted(monkeypatch) as reads:
        measured_iterations(finished, N_ITERATIONS)
    assert {name.split("/")[0] for name in reads} == {"iter.000000"}


@pytest.mark.parametrize("content", ["{", "[]", '{"key": "x"}', '{"key": "x", "measured": {}}'])
def test_kept_file_that_is_damaged_or_of_another_version_is_made_again(finished: RunContext, content: str) -> None:
    expected = measured_iterations(finished, N_ITERATIONS)
    file = finished.campaign / history.FOLDER / "iter.000003.json"
    whole = file.read_text()
    file.write_text(content)
    assert measured_iterations(finished, N_ITERATIONS) == expected
    keep_finished(finished)
    assert file.read_text() == whole


def test_folder_that_was_copied_without_its_times_says_the_same(finished: RunContext, tmp_path: Path) -> None:
    other = tmp_path / "copy"
    shutil.copytree(finished.root, other, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("copy"))
    copied = replace(finished, root=other)
    assert [m.systems for m in measured_iterations(copied, N_ITERATIONS)] == [
        m.systems for m in measured_iterations(finished, N_ITERATIONS)
    ]


def test_iteration_in_work_is_never_kept(finished: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    record = finished.campaign / "record.dpgen"
    lines = record.read_text().splitlines()
    record.write_text("".join(f"{line}\n" for line in lines[:-3]))
    (finished.campaign / history.FOLDER / f"iter.{N_ITERATIONS - 1:06d}.json").unlink()
    keep_finished(finished)
    names = sorted(file.name for file in (finished.campaign / history.FOLDER).iterdir())
    assert names == [f"iter.{i:06d}.json" for i in range(N_ITERATIONS - 1)]
    with counted(monkeypatch) as reads:
        summary = summarize_campaign(finished)
    assert {name.split("/")[0] for name in reads} == {f"iter.{N_ITERATIONS - 1:06d}"}
    assert [entry.finished for entry in summary.iterations] == [True] * (N_ITERATIONS - 1) + [False]


def test_what_is_kept_of_an_iteration_in_work_before_is_not_believed(finished: RunContext) -> None:
    """A record that was taken back (a label is made again) opens its iteration again."""
    record = finished.campaign / "record.dpgen"
    lines = record.read_text().splitlines()
    record.write_text("".join(f"{line}\n" for line in lines[:-5]))
    (last,) = summarize_campaign(finished).iterations[-1:]
    assert not last.finished
    assert last.stopped_runs == ()


def test_decisions_see_every_frame_label_and_hour_of_the_history(finished: RunContext) -> None:
    outcomes = finished_outcomes(finished)
    assert [outcome.rung for outcome in outcomes] == [0] * N_ITERATIONS
    for iteration, outcome in enumerate(outcomes):
        values = sick(iteration, {}, 0)
        expected = FrameCounts(
            sum(v < 0.05 for v in values), sum(0.05 <= v < 1 for v in values), sum(v >= 1 for v in values)
        )
        assert dict(outcome.systems) == {"coating-00A": expected, "coating-06A": expected}
        assert outcome.force_rmse_ev_per_angstrom == pytest.approx(0.020 * 0.9**iteration, rel=1e-9, abs=0)
        assert outcome.n_labels == 4
        assert outcome.label_core_hours == pytest.approx(4 * LABEL["wall_seconds"] / 3600, rel=1e-12, abs=0)


def test_model_without_a_frame_counts_as_one_that_is_not_accurate(finished: RunContext) -> None:
    measured = measured_iterations(finished, 1)[0]
    outcome = measured.outcome(0, ["coating-00A", "coating-06A", "another"])
    assert outcome.systems["another"] == FrameCounts(0, 0, 0)
    assert outcome.least_accurate == ("another", 0.0)


def test_frames_that_a_run_never_reached_have_failed_only_when_it_is_over(finished: RunContext) -> None:
    task = finished.campaign / "iter.000000" / "01.model_devi" / "task.001.000000"
    write_deviations(task / "model_devi.out", [0.01, 0.01, float("nan")], 1)
    running = measure(finished, 0, is_explored=False)
    over = measure(finished, 0, is_explored=True)
    counts = {run.name: run.failed for run in running.systems}
    # Ten frames were asked for.
    assert {run.name: run.failed for run in over.systems} == {
        "coating-00A": counts["coating-00A"],
        "coating-06A": counts["coating-06A"] + 7,
    }
    assert counts["coating-06A"] == 1
    assert running.stopped_runs == ()
    (stopped,) = over.stopped_runs
    assert (stopped.n_frames, stopped.n_asked, stopped.n_not_finite) == (3, 10, 1)


def test_histogram_holds_every_finite_frame_and_ends_at_twice_the_upper_level(finished: RunContext) -> None:
    measured = measured_iterations(finished, 1)[0]
    found = measured.deviations
    assert sum(found.counts) == 2 * len(sick(0, {}, 0))
    assert found.edges[0] == 0
    assert found.edges[-1] == pytest.approx(2 * measured.trust_high_ev_per_angstrom, rel=1e-6, abs=0)
    assert len(found.edges) == len(found.counts) + 1
    levels = [found.quantiles[key] for key in ("0.05", "0.25", "0.5", "0.75", "0.95")]
    assert levels == sorted(levels)
    # Five of ten frames are below the jump from 0.5 to 60.
    assert found.quantiles["0.5"] == pytest.approx((0.5 + 60) / 2, rel=1e-6, abs=0)


def test_campaign_without_a_frame_has_no_quantiles(miniature: Path, tmp_path: Path) -> None:
    context = prepare(tmp_path, repeating(miniature))
    (context.campaign / "param.json").write_text(
        json.dumps({"model_devi_jobs": [], "model_devi_f_trust_lo": 0.1, "model_devi_f_trust_hi": 0.3})
    )
    measured = measure(context, 0, is_explored=False)
    assert set(measured.deviations.quantiles.values()) == {None}
    assert measured.frames.total == 0
    assert summarize_campaign(context).iterations == ()


def test_kept_file_is_small_and_has_no_frames(finished: RunContext) -> None:
    file = finished.campaign / history.FOLDER / "iter.000000.json"
    content = read_json(file)
    assert set(content) == {"key", "measured"}
    assert file.stat().st_size < 10_000
