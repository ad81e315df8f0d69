"""The whole flow with the real dpgen, dp and lmp on the miniature study: straight, killed in every stage, repeated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

import mlip_interfaces as mi
from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex
from mlip_interfaces.books.run import read_book
from mlip_interfaces.campaign.dpgen_files import check_machine, check_param
from mlip_interfaces.campaign.folder import STEPS, read_position
from mlip_interfaces.config import LocalExecution
from mlip_interfaces.jobs import run_tasks
from mlip_interfaces.jobs.stopping import running_jobs
from mlip_interfaces.md.health import COLUMNS
from mlip_interfaces.pipeline.domain import _write_system, committee_batch
from mlip_interfaces.pipeline.flow import STAGES
from mlip_interfaces.potentials import read_model_deviation
from mlip_interfaces.run.stages import run_status

pytestmark = pytest.mark.campaign

COMMAND = [sys.executable, "-m", "mlip_interfaces.cli.main"]
# Seconds into a stage at which it is killed: in the middle of its work.
KILL_AFTER = {
    "build": 2.0,
    "data": 3.0,
    "campaign": 8.0,
    "train": 5.0,
    "validate": 1.0,
    "scan": 1.0,
    "analyze": 0.0,
    "report": 0.0,
}


def environment(root: Path) -> dict[str, str]:
    return os.environ | {"MINI_TEACHER_LOG": str(root) + ".evaluations"}


def start(study: Path, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "run", str(study), "--out", str(root)], env=environment(root), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(study: Path, root: Path) -> str:
    """Run to the end; returns what was said."""
    process = start(study, root)
    _, error = process.communicate()
    assert process.returncode == 0, error
    return error


def evaluations(root: Path) -> list[str]:
    return Path(str(root) + ".evaluations").read_text().splitlines()


def results(root: Path) -> dict:
    return json.loads((root / "report" / "results.json").read_text())


@pytest.fixture(scope="module")
def finished(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("straight") / "run"
    finish(miniature, root)
    return root


def test_models_of_a_finished_run_are_read_and_not_made_again(
    finished: Path, miniature: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    monkeypatch.setenv("PATH", "")
    models = mi.build(miniature, out=tmp_path / "run")
    assert set(models) == {"coating-00A", "coating-06A"}
    assert set(models["coating-06A"].arrays["layer"]) == {"base", "coating", "electrolyte"}
    assert results(finished)["models"] == {name: len(atoms) for name, atoms in models.items()}


def test_every_stage_is_done_and_reports_what_it_made(finished: Path) -> None:
    assert [state.status for state in run_status(finished)] == ["done"] * len(STAGES)
    found = results(finished)
    assert set(found["models"]) == {"coating-00A", "coating-06A"}
    (iteration,) = found["campaign"]["iterations"]
    # Start frame and four samples, for each of two models.
    assert iteration["accurate"] + iteration["candidate"] + iteration["failed"] == 10
    assert iteration["labels_made"] + len(found["campaign"]["labels_failed"]) > 0
    assert found["validation"]["n_frames"] > 0
    assert np.isfinite(found["validation"]["force_rmse_mev_per_angstrom"])
    assert set(found["validation"]["layers"]) <= {"base", "coating", "electrolyte"}
    assert set(found["runs"]) | set(found["unhealthy"]) == {
        "coating-00A/diffusion/seed-1",
        "coating-06A/diffusion/seed-1",
    }


def test_dpgen_took_the_files_as_they_stand(finished: Path) -> None:
    check_param(json.loads((finished / "campaign" / "param.json").read_text()))
    check_machine(json.loads((finished / "campaign" / "machine.json").read_text()))
    assert read_position(finished / "campaign").iteration == 1
    running = json.loads((finished / "campaign" / "param.running.json").read_text())
    check_param(running)
    (job,) = running["model_devi_jobs"]
    measured = json.loads((finished / "campaign" / "held_out" / "iter.000000.json").read_text())
    assert job["model_devi_f_trust_lo"] >= measured["force_rmse_mev_per_angstrom"] / 1000


def test_failed_labels_are_named_and_not_in_the_data(finished: Path) -> None:
    summary = json.loads((finished / "campaign" / "summary.json").read_text())
    failed = summary["labels"]["failed"]
    assert failed
    assert all("a bad day" in entry["reason"] for entry in failed)
    page = (finished / "report" / "index.html").read_text()
    assert "a bad day" in page
    n_good = sum(len(np.load(f)) for f in finished.glob("campaign/iter.000000/02.fp/data.*/**/set.*/energy.npy"))
    assert n_good == summary["iterations"][0]["labels_made"]


def test_final_model_is_compressed_and_its_data_has_every_label(finished: Path) -> None:
    model = json.loads((finished / "model" / "model.json").read_text())
    summary = json.loads((finished / "campaign" / "summary.json").read_text())
    assert model["n_frames"] == summary["n_training_frames"]
    assert (finished / "model" / "training" / "compress.json").is_file()


def test_every_run_was_looked_at_by_the_committee_and_by_labels_at_its_ends(finished: Path) -> None:
    index = read_book(DomainIndex, finished / "scan" / DOMAIN_FILE)
    levels = json.loads((finished / "campaign" / "iter.000000" / "01.model_devi" / "cur_job.json").read_text())
    assert index.trust_low_ev_per_angstrom == levels["model_devi_f_trust_lo"]
    assert index.trust_high_ev_per_angstrom == levels["model_devi_f_trust_hi"]
    assert len(index.runs) == 2
    for run in index.runs:
        assert len(run.committee) == 20
        assert all(frame.max_force_deviation_ev_per_angstrom > 0 for frame in run.committee)
        assert (run.committee[0].time_ps, run.committee[-1].time_ps) == (0.0, pytest.approx(0.1, rel=1e-9, abs=0))
        # A fifth of the labels fail on purpose.
        assert len(run.spot_labels) + len(run.failed_labels) == 2
        assert all("a bad day" in failed.reason for failed in run.failed_labels)
        for label in run.spot_labels:
            number = round(label.time_ps / 0.005)
            task = finished / "scan" / "domain" / "tasks" / f"task.{run.name.replace('/', '.')}.{number:06d}"
            made = json.loads((task / "label.json").read_text())
            model = energy_in_thermo(finished / "scan" / run.name, number)
            expected = 1000 * (model - made["energy_ev"]) / len(made["symbols"])
            # The table has six digits of the energy, the trajectory single precision.
            assert label.energy_error_mev_per_atom == pytest.approx(expected, rel=0, abs=0.1)
            assert label.force_rmse_mev_per_angstrom > 0
    assert results(finished)["domain"] == {run.name: run.verdict for run in index.runs}
    assert "stay in the model" in (finished / "report" / "index.html").read_text()


def energy_in_thermo(run: Path, frame: int) -> float:
    """What LAMMPS wrote at a frame, eV."""
    line = (run / "thermo.csv").read_text().splitlines()[1 + frame]
    return float(line.split(",")[COLUMNS.index("potential_energy_ev")])


def test_the_committee_deviates_as_lammps_says(finished: Path, tmp_path: Path) -> None:
    """The same frames by `dp model-devi` and by DP-GEN's exploration."""
    iteration = finished / "campaign" / "iter.000000"
    task = iteration / "01.model_devi" / "task.000.000000"
    images = read(task / "all.lammpstrj", index=":", format="lammps-dump-text", order=True)
    elements = ["Li", "F", "S"]
    for image in images:
        image.symbols = [elements[kind - 1] for kind in image.arrays["type"]]
    _write_system(images, tmp_path / "run" / "system", elements)
    models = sorted(path.name for path in (iteration / "00.train").glob("graph.*"))
    for model in models:
        (tmp_path / model).symlink_to(iteration / "00.train" / model)
    run_tasks(committee_batch(["run"], models, tmp_path), LocalExecution(cores=1, poll_seconds=0.3))
    found = read_model_deviation(tmp_path / "run" / "model_devi.out").max_force_ev_per_angstrom
    expected = read_model_deviation(task / "model_devi.out").max_force_ev_per_angstrom
    # The dump has six digits of a position.
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=0)


def test_page_is_whole_and_brings_everything_with_it(finished: Path) -> None:
    sources: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            sources.extend(value or "" for name, value in attributes if name in ("src", "href"))

    page = (finished / "report" / "index.html").read_text()
    Reader().feed(page)
    assert sources
    assert all(source.startswith(("data:", "#")) for source in sources)
    for word in (
        "not DFT",
        "Structures",
        "Active learning",
        "held-out",
        "g(r)",
        "Diffusion",
        "cannot support",
        "What was run",
    ):
        assert word in page


def test_finished_run_again_does_nothing(finished: Path, miniature: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in finished.rglob("*") if file.is_file() and file.name != ".lock"}
    n_evaluations = len(evaluations(finished))
    said = finish(miniature, finished)
    assert said.count("finished before") == len(STAGES)
    after = {file: file.stat().st_mtime_ns for file in finished.rglob("*") if file.is_file() and file.name != ".lock"}
    assert before == after
    assert len(evaluations(finished)) == n_evaluations


def test_longer_time_and_another_seed_cost_themselves_alone_in_a_copy_of_the_run(
    finished: Path, miniature: Path, tmp_path: Path
) -> None:
    """The real programs: finished MD goes on from its last state, and nothing is labelled or trained."""
    copied = tmp_path / "copied"
    shutil.copytree(finished, copied, symlinks=True)
    other = tmp_path / "other.yaml"
    other.write_text(miniature.read_text().replace("time_ps: 0.1,", "time_ps: 0.12, seeds: [1, 2],"))
    said = finish(other, copied)
    (extended,) = [line for line in said.splitlines() if line.startswith("scan      extended")]
    assert "coating-06A/diffusion/seed-1, coating-00A/diffusion/seed-1: from 0.1 ps; 0.04 ps of MD" in extended
    assert said.count("finished before") == 5
    # The first and the last frame of each run, of which two first ones are labelled.
    assert len(evaluations(copied)) == 2 * 4 - 2
    runs = json.loads((copied / "scan" / "index.json").read_text())["runs"]
    assert [run["time_ps"] for run in runs] == pytest.approx([0.12] * 4, rel=1e-9, abs=0)
    assert all(run["healthy"] for run in runs), [run["reasons"] for run in runs]
    for run in (run for run in runs if run["seed"] == 1):
        before, after = (root / "scan" / run["name"] for root in (finished, copied))
        tables = [np.loadtxt(run / "thermo.csv", delimiter=",", skiprows=1) for run in (before, after)]
        # The last line is written again from the checkpoint.
        np.testing.assert_allclose(tables[1][: len(tables[0])], tables[0], rtol=1e-9, atol=0)
        assert len(tables[1]) == 25
        frames = [(run / "traj.dcd").read_bytes()[84 + 8 + 172 + 12 :] for run in (before, after)]
        n_kept = len(frames[0]) // 21 * 20
        assert frames[1][:n_kept] == frames[0][:n_kept]
    assert json.loads((copied / "analysis" / "index.json").read_text())["runs"][0]["results"]


def test_plain_dpgen_accepts_the_folder(finished: Path) -> None:
    """``dpgen run`` reads the finished record and goes on with the training that comes next; it is stopped there."""
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "dpgen"), "run", "param.json", "machine.json"],
        cwd=finished / "campaign",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    folder = finished / "campaign" / "iter.000001" / "00.train"
    deadline = time.monotonic() + 120
    while not (folder / "000" / "input.json").is_file() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    # Its jobs are in its group and go with it.
    os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate()
    assert (folder / "000" / "input.json").is_file(), output
    assert "continue from iter 000 task 08" in output


def wait_until_running(root: Path, folder: str, process: subprocess.Popen[str]) -> None:
    manifest = root / folder / "manifest.json"
    while process.poll() is None:
        if manifest.is_file() and json.loads(manifest.read_text())["status"] == "running":
            return
        time.sleep(0.01)
    raise AssertionError(process.communicate()[1])


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def stopped_and_moved(root: Path, moved: Path) -> Path:
    """The run folder elsewhere, with nothing of it running."""
    done = subprocess.run([*COMMAND, "stop", str(root)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert running_jobs(root).jobs == ()
    Path(f"{root}.evaluations").rename(f"{moved}.evaluations")
    return root.rename(moved)


def test_killed_in_every_stage_and_moved_it_continues_and_ends_the_same(
    miniature: Path, finished: Path, tmp_path: Path
) -> None:
    root = tmp_path / "run"
    for stage in STAGES:
        process = start(miniature, root)
        wait_until_running(root, stage.folder, process)
        if stage.name == "data":
            second = start(miniature, root)
            _, error = second.communicate()
            assert second.returncode == 2
            assert "Another process" in error
        time.sleep(KILL_AFTER[stage.name])
        kill(process)
        status = json.loads((root / stage.folder / "manifest.json").read_text())["status"]
        assert status == "running", f"{stage.name} was over before it was killed"
        if stage.name == "campaign":
            # Once more, inside the labelling step.
            process = start(miniature, root)
            while STEPS[read_position(root / "campaign").step] != "label":
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.05)
            time.sleep(2.0)
            kill(process)
            root = stopped_and_moved(root, tmp_path / 'it\'s "é" {1} $x&;(')
        if stage.name == "scan":
            # Once more, while the runs are looked at.
            process = start(miniature, root)
            while not list((root / "scan" / "domain").glob("committee/graph.*")):
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.05)
            time.sleep(2.0)
            kill(process)
            assert not (root / "scan" / DOMAIN_FILE).exists()
    finish(miniature, root)
    assert results(root) == results(finished)
    labelled = [
        file.relative_to(finished) for file in finished.glob("campaign/iter.*/02.fp/data.*/**/*") if file.is_file()
    ]
    assert labelled
    assert all((root / file).read_bytes() == (finished / file).read_bytes() for file in labelled)
    # A structure in work when its driver's parent died is finished by that driver; none is evaluated twice, but for the
    # one that a killed teacher MD or driver had just begun.
    counted = evaluations(root)
    assert len(counted) - len(set(counted)) <= len(STAGES)
    assert set(counted) == set(evaluations(finished))
    n_jobs = [len(list(where.glob("campaign/iter.000000/0*/*.sub"))) for where in (root, finished)]
    assert n_jobs[0] == n_jobs[1]
