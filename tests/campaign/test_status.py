"""Status, hints and the report of campaigns, from files alone; damaged and half-written ones included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from imitated_dpgen import dpgen, prepare, run, study_with, write_deviations

from mlip_interfaces.books.campaign import CampaignSummary, StepDecision, TrustDecision
from mlip_interfaces.campaign.folder import (
    CampaignPosition,
    read_decisions,
    read_position,
    record_decision,
    reopen_deleted_labels,
    repair_record,
)
from mlip_interfaces.campaign.summary import summarize_campaign
from mlip_interfaces.campaign.text import status_lines
from mlip_interfaces.cli.main import file_system_sentence, main
from mlip_interfaces.config import load_study
from mlip_interfaces.errors import InputFileError, StudyError
from mlip_interfaces.pipeline import campaign
from mlip_interfaces.pipeline.flow import run_single_stage
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.report.page import write_report
from mlip_interfaces.run.folder import locked
from mlip_interfaces.run.manifests import read_manifest, recorded

RUNG = {"temperatures_kelvin": [300, 500], "pressures_bar": [1, 1000], "steps": 9, "sample_every": 1}


def hot_is_hard(iteration: int, job: dict, system: int) -> list[float]:
    return [0.01] * 5 + [0.2] * 3 + [7.0] * 2


def small(miniature: Path, **fields: object):
    defaults = {"iterations": [RUNG], "climb": "always", "max_labels_per_model": 2}
    return study_with(
        miniature, force_trust_low_ev_per_angstrom=0.05, force_trust_high_ev_per_angstrom=1.0, **(defaults | fields)
    )


def triggers(summary: dict) -> set[str]:
    return {hint["trigger"] for hint in summary["hints"]}


def test_frames_are_counted_by_model_temperature_and_pressure(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = run(prepare(tmp_path, small(miniature)), dpgen(hot_is_hard), monkeypatch)
    (iteration,) = summary["iterations"]
    assert [(s["name"], s["temperature_kelvin"], s["pressure_bar"]) for s in iteration["systems"]] == [
        (name, t, p) for name in ("coating-00A", "coating-06A") for t in (300, 500) for p in (1, 1000)
    ]
    assert all((s["accurate"], s["candidate"], s["failed"]) == (5, 3, 2) for s in iteration["systems"])
    assert (iteration["accurate"], iteration["candidate"], iteration["failed"]) == (40, 24, 16)
    found = iteration["max_force_deviation_ev_per_angstrom"]
    assert found["quantiles"]["0.5"] == pytest.approx(np.quantile(hot_is_hard(0, {}, 0), 0.5), rel=1e-6, abs=0)
    assert sum(found["counts"]) == 80
    # The last bin holds what lies beyond the axis.
    assert found["counts"][-1] == 16


def test_every_stage_of_a_running_campaign_has_a_status(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is taken after each of DP-GEN's steps, as another process would see it."""
    context = prepare(tmp_path, small(miniature))
    imitation, seen = dpgen(hot_is_hard), []

    def watched(where, iteration: int, step: int) -> None:
        first = read_position(where.campaign).step
        for one in range(first, step + 1):
            imitation(where, iteration, one)
            summary = summarize_campaign(where)
            seen.append(summary.step)
            content = json.loads(json.dumps(summary.to_json(), allow_nan=False))
            assert CampaignSummary.from_json(content, Path("summary.json")) == summary
            assert status_lines(summary)[0]

    run(context, watched, monkeypatch)
    assert seen == [
        "train",
        "post_train",
        "make_explore",
        "explore",
        "post_explore",
        "make_label",
        "label",
        "post_label",
        "make_train",
    ]


def test_run_that_is_still_going_has_no_failed_frames_yet(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = prepare(tmp_path, small(miniature))
    run(context, dpgen(hot_is_hard), monkeypatch)
    record = context.campaign / "record.dpgen"
    for task in (context.campaign / "iter.000000" / "01.model_devi").glob("task.*"):
        with (task / "model_devi.out").open("r+") as file:
            lines = file.readlines()
            file.seek(0)
            file.truncate()
            file.writelines([*lines[:4], lines[4][:9]])
    record.write_text("".join(f"0 {step}\n" for step in range(4)))
    (iteration,) = summarize_campaign(context).iterations
    assert (iteration.accurate, iteration.candidate, iteration.failed) == (24, 0, 0)
    assert iteration.stopped_runs == ()
    record.write_text("".join(f"0 {step}\n" for step in range(5)))
    (iteration,) = summarize_campaign(context).iterations
    assert (iteration.accurate, iteration.failed) == (24, 56)
    assert len(iteration.stopped_runs) == 8


def test_hints_name_the_trouble_and_a_remedy(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sick(iteration: int, job: dict, system: int) -> list[float]:
        return [0.01] * 3 + [float("nan")] + [5.0] * 3

    study = small(miniature, climb="when_healthy", max_repeats=2)
    context = prepare(tmp_path, study)
    summary = run(context, dpgen(sick, rmse=90.0), monkeypatch)
    assert triggers(summary) == {
        "deviation not a number", "exploration stopped early", "no candidates", "force error above the lower trust level",
        "not healthy",
    }  # fmt: skip
    assert all(len(hint["sentence"].split()) > 10 for hint in summary["hints"])
    text = "\n".join(status_lines(CampaignSummary.from_json(summary, tmp_path)))
    assert "finished after iteration 1, rung 1 of 1; not healthy" in text
    page = write_report(tmp_path, study_name="x", study_text="", teacher_kind="custom").read_text()
    for sentence in ("exploration.timestep_fs", "stop: not healthy", "What was decided, and why"):
        assert sentence in page


def test_healthy_campaign_has_no_hints(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small(miniature, climb="when_healthy")
    summary = run(prepare(tmp_path, study), dpgen(lambda i, job, s: [0.01] * 10), monkeypatch)
    assert summary["stop"]["reason"] == "converged"
    assert triggers(summary) == set()


def test_cores_of_a_label_enter_its_cost(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label = {"status": "ok", "reason": None, "wall_seconds": 1800.0, "cores": 8}
    summary = run(prepare(tmp_path, small(miniature)), dpgen(hot_is_hard, label=lambda task: label), monkeypatch)
    assert summary["iterations"][0]["labels_made"] == 4
    assert summary["iterations"][0]["label_core_hours"] == pytest.approx(4 * 0.5 * 8, rel=1e-6, abs=0)


@pytest.mark.parametrize(
    ("record", "position"),
    [
        ("", (0, 0)),
        ("0 0\n0 1\n", (0, 2)),
        ("0 8\n", (1, 0)),
        ("0 0\n0", (0, 1)),
        ("0 0\n0 1", (0, 1)),
        ("3 8\n4 2\n", (4, 3)),
    ],
)
def test_record_that_was_cut_off_counts_whole_lines_and_is_repaired(
    tmp_path: Path, record: str, position: tuple[int, int]
) -> None:
    (tmp_path / "record.dpgen").write_text(record)
    assert read_position(tmp_path) == CampaignPosition(*position)
    repair_record(tmp_path)
    repaired = (tmp_path / "record.dpgen").read_text()
    assert record.startswith(repaired)
    assert repaired == "" or repaired.endswith("\n")
    assert read_position(tmp_path) == CampaignPosition(*position)


def test_decisions_are_written_once(tmp_path: Path) -> None:
    first = StepDecision(0, "explore", 0, "first", "The first rung.")
    trust = TrustDecision(0, "trust", 0.1, 0.3, None, "")
    wider = replace(trust, high_ev_per_angstrom=0.4)
    for entry in (first, first, trust, first, trust, wider):
        record_decision(tmp_path, entry)
    assert read_decisions(tmp_path) == (first, trust, wider)


def test_damaged_label_is_a_failed_one(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = prepare(tmp_path, small(miniature))
    run(context, dpgen(hot_is_hard), monkeypatch)
    next((context.campaign / "iter.000000" / "02.fp").glob("task.*/label.json")).write_text('{"status": "o')
    (iteration,) = summarize_campaign(context).iterations
    assert (iteration.labels_made, len(iteration.labels_failed)) == (3, 1)
    assert "damaged" in iteration.labels_failed[0].reason


def test_deleted_failed_label_is_made_again(miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = prepare(tmp_path, small(miniature))
    run(context, dpgen(hot_is_hard), monkeypatch)
    folder = context.campaign / "iter.000000" / "02.fp"
    record = context.campaign / "record.dpgen"
    record.write_text("".join(f"0 {step}\n" for step in range(8)))
    tasks = sorted(folder.glob("task.*"))
    for task in tasks:
        (task / f"{'c' * 40}_task_tag_finished").touch()
    for name in (f"{'a' * 40}.json", f"{'d' * 40}_job_tag_finished", f"{'d' * 40}_job_id"):
        (folder / name).write_text("{}")
    assert reopen_deleted_labels(context.campaign) == 0
    assert read_position(context.campaign).name == "post_label"
    (tasks[1] / "label.json").unlink()
    assert reopen_deleted_labels(context.campaign) == 1
    assert read_position(context.campaign).name == "label"
    left = [len(list(task.glob("*_task_tag_finished"))) for task in tasks]
    assert left == [1, 0, 1, 1]
    assert not list(folder.glob("*.json"))
    assert not list(folder.glob("*_job_*"))


def test_damaged_decisions_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "decisions.jsonl").write_text("{")
    with pytest.raises(InputFileError, match=r"decisions\.jsonl is damaged"):
        read_decisions(tmp_path)


def test_status_without_a_campaign_says_how_to_start_one(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(miniature, tmp_path / "study.yaml")
    assert main(["campaign", "status", str(tmp_path)]) == 2
    assert "has no campaign yet" in capsys.readouterr().err


def test_status_on_the_command_line_is_json_or_text(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(miniature, tmp_path / "study.yaml")
    run(prepare(tmp_path, small(miniature)), dpgen(hot_is_hard), monkeypatch)
    assert main(["campaign", "status", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["stop"]["reason"] == "ladder used up"
    # While another process holds the folder, too: only files are read.
    with locked(tmp_path):
        assert main(["campaign", "status", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for words in ("ladder used up", "coating-06A", "500 K", "1000 bar", "40", "core hours", "quantiles"):
        assert words in said


def test_second_campaign_run_is_refused_and_harms_nothing(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(miniature, tmp_path / "study.yaml")
    holder = subprocess.Popen(
        ["python3", "-c", "import fcntl, sys, time; f = open(sys.argv[1], 'a+'); fcntl.flock(f, fcntl.LOCK_EX); "
         "print('held', flush=True); time.sleep(60)", str(tmp_path / ".lock")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    with holder.stdout:
        holder.stdout.readline()
        code = main(["campaign", "run", str(tmp_path)])
        holder.kill()
        holder.wait()
    assert code == 2
    assert "Another process" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "study.yaml"]


def test_raised_limit_reopens_a_finished_campaign_and_another_campaign_is_refused(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def study(n: int) -> None:
        text = miniature.read_text().replace("climb: always", f"climb: when_healthy\n  max_iterations: {n}")
        (tmp_path / "study.yaml").write_text(
            text.replace("trust_low_ev_per_angstrom: 0.0001", "trust_low_ev_per_angstrom: 0.05")
        )

    def n_iterations() -> int:
        return len(json.loads((tmp_path / "campaign" / "summary.json").read_text())["iterations"])

    study(1)
    prepare(tmp_path, load_study(tmp_path / "study.yaml"))
    for folder, stage in (("structures", "build"), ("initial_data", "data")):
        with recorded(tmp_path / folder, stage, ""):
            pass
    made_of = StudyHashes(load_study(tmp_path / "study.yaml"))
    monkeypatch.setattr(campaign, "_run_dpgen", dpgen(lambda i, job, s: [0.01] * 3 + [0.5, 60.0]))
    for n, expected in ((1, 1), (1, 1), (3, 3)):
        study(n)
        run_single_stage(tmp_path, "campaign")
        assert n_iterations() == expected
    assert read_manifest(tmp_path / "campaign").input_hash == made_of.campaign
    other = (tmp_path / "study.yaml").read_text().replace("max_labels_per_model: 4", "max_labels_per_model: 5")
    (tmp_path / "study.yaml").write_text(other)
    with pytest.raises(StudyError, match="asks for another campaign than the one of .* sets the old one aside"):
        run_single_stage(tmp_path, "campaign")
    assert n_iterations() == 3


def test_limits_may_change_in_mid_campaign_and_what_is_explored_may_not(miniature: Path) -> None:
    hashes = {name: StudyHashes(study_with(miniature, **fields)).campaign for name, fields in {
        "as it is": {}, "more labels": {"max_labels": 99, "max_iterations": 7, "max_repeats": 3},
        "other levels": {"trust": "adaptive"}, "other choice": {"selection": "random"},
    }.items()}  # fmt: skip
    assert hashes["as it is"] == hashes["more labels"]
    assert len(set(hashes.values())) == 3


def test_full_disk_is_one_sentence_and_nothing_is_lost(
    miniature: Path, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small(miniature, climb="when_healthy", max_repeats=6)
    expected = run(prepare(tmp_path / "straight", study), dpgen(hot_is_hard), monkeypatch)
    context = prepare(small_disk / "run", study)
    ballast = small_disk / "ballast"
    fails = 0
    for free_bytes in range(20_000, 300_000, 40_000):
        ballast.unlink(missing_ok=True)
        usage = shutil.disk_usage(small_disk)
        with ballast.open("wb") as file:
            file.write(b"0" * max(0, usage.free - free_bytes))
        try:
            run(context, dpgen(hot_is_hard), monkeypatch)
        except OSError as error:
            sentence = file_system_sentence(error)
            assert sentence is not None
            assert "Make room" in sentence
            fails += 1
    assert fails > 0
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    repair_record(context.campaign)
    assert run(context, dpgen(hot_is_hard), monkeypatch)["stop"] == expected["stop"]
    assert not list(context.campaign.glob(".*.json.*"))


def test_read_only_folder_is_one_sentence(
    miniature: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(miniature, small_disk / "study.yaml")
    (small_disk / ".lock").touch()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert main(["campaign", "run", str(small_disk)]) == 3
    said = capsys.readouterr().err
    assert "Read-only file system" in said
    assert "Traceback" not in said
    assert str(small_disk) in said


def test_other_errors_of_the_system_stay_bugs() -> None:
    assert file_system_sentence(OSError(5, "Input/output error", "x")) is None


def test_init_keeps_what_the_user_edited(miniature: Path, tmp_path: Path) -> None:
    context = prepare(tmp_path, small(miniature))
    campaign.init_campaign(context)
    for name in ("param.json", "machine.json"):
        file = context.campaign / name
        edited = json.loads(file.read_text()) | {"_mine": 1}
        file.write_text(json.dumps(edited))
        campaign.init_campaign(context)
        assert json.loads(file.read_text()) == edited
    assert os.path.getsize(context.campaign / "label_settings.json") > 0


def test_blown_up_frames_do_not_hide_the_trust_levels(
    miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = prepare(tmp_path, small(miniature))
    summary = run(context, dpgen(hot_is_hard), monkeypatch)
    task = next((context.campaign / "iter.000000" / "01.model_devi").glob("task.*"))
    write_deviations(task / "model_devi.out", [1e30] * 10, 1)
    again = summarize_campaign(context)
    edges = again.iterations[0].max_force_deviation_ev_per_angstrom.edges
    assert list(edges) == summary["iterations"][0]["max_force_deviation_ev_per_angstrom"]["edges"]
    write_report(tmp_path, study_name="x", study_text="", teacher_kind="custom")
