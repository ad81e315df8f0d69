"""The whole flow with DeePMD-kit's PyTorch backend, from a trained model whose elements stand in another order: real dpgen, dp --pt and
lmp on the miniature study, killed once and continued."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from mlip_interfaces.books.gates import GATES_FILE, GatesVerdict
from mlip_interfaces.books.run import MODEL_FILE, FinalModel, read_book
from mlip_interfaces.campaign.folder import STEPS, read_position
from mlip_interfaces.pipeline.flow import STAGES
from mlip_interfaces.potentials import Backend, read_model_deviation
from mlip_interfaces.programs import program_environment
from mlip_interfaces.run.stages import run_status

pytestmark = pytest.mark.campaign

COMMAND = [sys.executable, "-m", "mlip_interfaces.cli.main"]
RUN = "coating-00A/diffusion/seed-1"


@pytest.fixture(scope="module")
def study(pytorch: Backend, miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The miniature study with another backend and one model of everything that takes time."""
    raw = yaml.safe_load(miniature.read_text())
    raw["interface"]["layers"][1]["thickness_angstrom"] = [0]
    raw["initial_data"]["n_melt_quench_snapshots"] = 0
    raw["labels"]["parameters"] = {}
    kept = {key: value for key, value in raw["training"].items() if "rate" in key or key == "committee_size"}
    lengths = {"steps": 20, "steps_reuse": 40, "steps_final": 20}
    raw["training"] = kept | lengths | {"backend": "pytorch", "start_from": "trained.pt"}
    raw["validation"] = {
        "n_exploration_frames": 1,
        "own_md": {"n_snapshots": 1, "time_ps": 0.01, "temperature_kelvin": 50},
    }
    raw["gates"] |= {"run": ["extensivity"]}
    raw["protocols"]["diffusion"]["committee_deviation_interval_ps"] = 0.05
    raw["domain"] = {"spot_labels_per_run": 0}
    raw["analysis"] = {"msd": {"species": ["Li"]}}
    file = tmp_path_factory.mktemp("pytorch") / "study.yaml"
    file.write_text(yaml.safe_dump(raw))
    script = Path(__file__).with_name("tiny_potential.py")
    subprocess.run(
        [sys.executable, script, "checkpoint", file.with_name("trained.pt"), "S", "F", "Li"], check=True,
        capture_output=True, env=program_environment(),
    )  # fmt: skip
    return file


def start(study: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "run", str(study), "--out", str(study.parent / "run")], text=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=os.environ | {"MINI_TEACHER_LOG": str(study.parent / "evaluations")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(study: Path) -> Path:
    """Killed in the middle of the committee's training, then continued to its end."""
    root, process = study.parent / "run", start(study)
    while STEPS[read_position(root / "campaign").step] != "train":
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    time.sleep(3.0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    process = start(study)
    _, error = process.communicate()
    assert process.returncode == 0, error
    return root


def test_every_stage_is_done_and_the_model_is_pytorchs(finished: Path) -> None:
    assert [state.status for state in run_status(finished)] == ["done"] * len(STAGES)
    param = json.loads((finished / "campaign" / "param.json").read_text())
    assert (param["train_backend"], param["dp_compress"]) == ("pytorch", True)
    model = read_book(FinalModel, finished / "model" / MODEL_FILE)
    assert (model.file, model.backend, model.kind, model.not_compressed) == ("model.pth", "pytorch", "se_atten_v2", "")
    assert model.max_neighbors == ()
    assert list(finished.rglob("*.pb")) == []
    assert (finished / "model" / "model.pth").stat().st_size == model.size_bytes


def test_lammps_and_python_have_one_potential(finished: Path) -> None:
    agreement = read_book(FinalModel, finished / "model" / MODEL_FILE).agreement
    assert agreement is not None
    assert agreement.energy_difference_ev_per_atom <= 1e-6 == agreement.max_energy_difference_ev_per_atom
    assert agreement.force_difference_ev_per_angstrom <= 1e-5 == agreement.max_force_difference_ev_per_angstrom
    verdict = read_book(GatesVerdict, finished / "validation" / GATES_FILE)
    assert {result.gate for result in verdict.results} == {"extensivity"}
    assert verdict.passed


def test_the_committee_was_explored_labelled_and_watched_in_production(finished: Path) -> None:
    summary = json.loads((finished / "campaign" / "summary.json").read_text())
    (iteration,) = summary["iterations"]
    assert iteration["accurate"] + iteration["candidate"] + iteration["failed"] == 5
    assert iteration["labels_made"] > 0
    assert np.isfinite(summary["iterations"][0]["held_out"]["force_rmse_mev_per_angstrom"])
    # Ranked by what the committee sees, where DP-GEN shuffles.
    explored = read_model_deviation(finished / "campaign/iter.000000/01.model_devi/task.000.000000/model_devi.out")
    assert (explored.max_force_ev_per_angstrom > 0).all()
    watched = read_model_deviation(finished / "scan" / RUN / "model_devi.out")
    assert (watched.max_force_ev_per_angstrom > 0).all()
    assert "../../../model.pth" in (finished / "scan" / RUN / "command.sh").read_text()


def test_the_committee_began_with_the_trained_model(finished: Path) -> None:
    campaign = finished / "campaign"
    assert json.loads((campaign / "param.json").read_text())["training_finetune_model"] == ["start.pt", "start.pt"]
    training = campaign / "iter.000000" / "00.train"
    assert (training / "000" / "old" / "init.pt").read_bytes() == (campaign / "start.pt").read_bytes()
    assert any("--finetune old/init.pt" in file.read_text() for file in training.glob(".*.sub.run"))
    model = json.loads((training / "000" / "input.json").read_text())["model"]
    assert model["type_map"] == ["Li", "F", "S"]
    assert read_book(FinalModel, finished / "model" / MODEL_FILE).started_from.startswith("trained.pt (SHA-256 ")


def test_the_report_says_which_backend_made_the_model(finished: Path) -> None:
    page = (finished / "report" / "index.html").read_text()
    assert "A model of kind se_atten_v2, made by DeePMD-kit&#39;s PyTorch backend, frozen and compressed." in page
    assert "LAMMPS against Python: of coating-00A, energies differ by" in page
