"""A label of the same structure by the same settings is good wherever it was made."""

from __future__ import annotations

import json
from pathlib import Path

from test_driver import record, rock_salt, write_task

from mlip_interfaces.labels.again import reuse_labels
from mlip_interfaces.labels.driver import OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher_md import PLAN_FILE, RECORDS_FILE, RESULT_FILE

SETTINGS = LabelSettings(calculator="mini_teacher:lennard_jones")


def labelled(folder: Path) -> Path:
    """One labelled task, and a finished teacher MD run."""
    folder.mkdir()
    SETTINGS.write(folder / SETTINGS_FILE)
    label_task(write_task(folder / "task.000.000007", rock_salt()))
    run = write_task(folder / "md.000", rock_salt())
    (run / PLAN_FILE).write_text('{"seed": 1}')
    (run / RECORDS_FILE).write_text("{}\n")
    (run / RESULT_FILE).write_text('{"status": "ok"}')
    return folder


def asked(folder: Path, settings: LabelSettings = SETTINGS, *, seed: int = 1) -> Path:
    """The same structure under another number, another structure, and a teacher MD run."""
    settings.write(write_task(folder / "task.000.000000", rock_salt()).parent / SETTINGS_FILE)
    other = rock_salt()
    other.positions[0, 0] += 1e-6
    write_task(folder / "task.000.000001", other)
    (write_task(folder / "md.004", rock_salt()) / PLAN_FILE).write_text(json.dumps({"seed": seed}))
    return folder


def made(folder: Path) -> set[str]:
    return {file.parent.name for name in (OUTPUT_FILE, RESULT_FILE) for file in folder.glob(f"*/{name}")}


def test_same_structure_and_same_run_are_found_under_any_number(tmp_path: Path) -> None:
    earlier, now = labelled(tmp_path / "earlier"), asked(tmp_path / "now")
    assert reuse_labels(now, [tmp_path / "nowhere", earlier]) == 2
    assert made(now) == {"task.000.000000", "md.004"}
    assert record(now / "task.000.000000") == record(earlier / "task.000.000007")
    assert (now / "md.004" / RECORDS_FILE).read_text() == "{}\n"


def test_other_settings_stricter_limits_and_another_seed_are_other_labels(tmp_path: Path) -> None:
    earlier = labelled(tmp_path / "earlier")
    others = {
        "physics": SETTINGS.model_copy(update={"parameters": {"epsilon": 0.06}}),
        "force": SETTINGS.model_copy(update={"max_force_ev_per_angstrom": 1e-6}),
        "distance": SETTINGS.model_copy(update={"min_distance_angstrom": 3.0}),
    }
    for name, settings in others.items():
        assert reuse_labels(asked(tmp_path / name, settings), [earlier]) == 0, name
    now = asked(tmp_path / "seed", seed=2)
    assert reuse_labels(now, [earlier]) == 1
    assert made(now) == {"task.000.000000"}


def test_failed_label_is_made_again(tmp_path: Path) -> None:
    earlier = labelled(tmp_path / "earlier")
    file = earlier / "task.000.000007" / OUTPUT_FILE
    file.write_text(json.dumps(record(file.parent) | {"status": "failed", "reason": "timeout"}))
    now = asked(tmp_path / "now")
    assert reuse_labels(now, [earlier]) == 1
    assert made(now) == {"md.004"}
