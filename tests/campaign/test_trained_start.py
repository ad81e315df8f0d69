"""A campaign that begins with a trained model: what is refused, what DP-GEN is told, and what the folder keeps of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write
from pydantic import ValidationError

from mlip_interfaces.campaign import trained_start
from mlip_interfaces.campaign.dpgen_files import render_param
from mlip_interfaces.campaign.start_zero import require_energy_zero
from mlip_interfaces.campaign.trained_start import START_FILE, dpgen_start, keep_start, read_start, start_section
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.config.study import Training
from mlip_interfaces.deep_potentials import DeepPotential, Head
from mlip_interfaces.doctor import examine_run
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash
from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.study_files import keep_files, load_run_study
from mlip_interfaces.programs import program_environment

TINY_POTENTIAL = Path(__file__).parent.parent / "pipeline" / "tiny_potential.py"


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"start_from": "a.pt"}, "a model of PyTorch: set backend: pytorch, or give one that ends in .pb"),
        ({"start_from": "a.pb", "backend": "pytorch"}, "a model of TensorFlow: set backend: tensorflow"),
        (
            {"start_from": "a.pth", "backend": "pytorch"},
            "a frozen model: give the checkpoint of its training, which ends in .pt",
        ),
        ({"start_from": "a.xyz"}, "give a file that ends in .pb"),
        ({"start_from": "a.pb", "start_from_head": "LPS"}, "models of the TensorFlow backend have no heads"),
        ({"start_from_head": "LPS"}, "start_from_head is a head of the model in start_from; give that, too"),
        ({"start_from": "a.pb", "cutoff_angstrom": 5, "axis_neurons": 4}, "leave out cutoff_angstrom, axis_neurons"),
        ({"start_from": "a.pb", "model": "se_atten_v2"}, "start_from gives the whole model; leave out model"),
        ({"start_from": "a.pb", "model_file": "m.json"}, "leave out model_file"),
        (
            {"start_from": "a.pt", "backend": "pytorch", "short_range": {}},
            "a wrong repulsion .* leave short_range out, or start_from",
        ),
    ],
)
def test_start_names_what_goes_with_it(training: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Training.model_validate(training)


def test_later_iterations_learn_no_faster_than_the_fine_tuning() -> None:
    asked = {"start_from": "a.pt", "backend": "pytorch", "start_learning_rate": 1e-4}
    with pytest.raises(
        ValidationError, match="start_learning_rate_reuse is 0.0002, but with start_from start_learning_rate is 0.0001"
    ):
        Training.model_validate(asked)
    assert Training.model_validate(asked | {"start_learning_rate_reuse": 1e-4}).start_learning_rate_reuse == 1e-4
    # From nothing, rates are as before.
    assert Training(start_learning_rate=1e-4).start_learning_rate_reuse == 2e-4


def test_documented_example_says_all_lengths_and_rates(repository: Path) -> None:
    text = (repository / "docs" / "howto" / "fine-tuning.md").read_text()
    example = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])["training"]
    training = Training.model_validate(example)
    lengths = {key for key in Training.model_fields if key.startswith("steps") or "learning_rate" in key}
    assert lengths <= set(example)
    assert training.steps_reuse <= training.steps <= training.steps_final
    assert training.start_learning_rate_reuse <= training.start_learning_rate < Training().start_learning_rate


def by_script(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(TINY_POTENTIAL), *words],
        check=False, capture_output=True, text=True, env=program_environment(), cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("start") / "trained.pb"
    by_script(file.parent, "train", str(file), "Li", "F", "S")
    return file


def started(miniature: Path, file: Path, elements: tuple[str, ...] = ("Li", "F", "S")) -> Study:
    content = load_study(miniature).model_dump(mode="json")
    content["training"] = {
        "committee_size": 3,
        "steps": 10,
        "steps_reuse": 5,
        "steps_final": 20,
        "start_from": str(file),
    }
    return Study.model_validate(content | {"elements": list(elements)})


def test_tensorflow_takes_over_the_weights_of_a_frozen_model(frozen: Path, miniature: Path) -> None:
    study = started(miniature, frozen)
    assert dpgen_start(study) == {"training_init_frozen_model": ["start.pb"] * 3}
    # DP-GEN's strict schema looks at it.
    model = render_param(study, initial_systems=["bulk"], max_neighbors=(1, 1, 1))["default_training_param"]["model"]
    assert model["descriptor"]["neuron"] == [2, 4]
    assert model["descriptor"]["rcut"] == 3.2
    assert model["type_map"] == ["Li", "F", "S"]


def test_training_goes_on_from_the_weights_of_the_frozen_model(frozen: Path, miniature: Path, tmp_path: Path) -> None:
    """DeePMD-kit's TensorFlow, with the sections that DP-GEN gets and its ``--init-frz-model``."""
    study = started(miniature, frozen)
    content = render_param(study, initial_systems=["bulk"], max_neighbors=(1, 1, 1))["default_training_param"]
    # A rate so small that nothing changes.
    content["learning_rate"] |= {"start_lr": 1e-12, "stop_lr": 1e-13}
    content["training"] |= {"numb_steps": 1, "save_freq": 1}
    content["training"]["seed"] = content["model"]["fitting_net"]["seed"] = content["model"]["descriptor"]["seed"] = 7
    (tmp_path / "input.json").write_text(json.dumps(content))
    rng = np.random.default_rng(3)
    cells = [Atoms("LiFSLi", positions=rng.random((4, 3)) * 5, cell=np.eye(3) * 7, pbc=True) for _ in range(3)]
    write(tmp_path / "cells.xyz", cells, format="extxyz")
    said = by_script(tmp_path, "go-on", str(frozen), "input.json", "cells.xyz", "Li", "F", "S")
    energies = np.array([float(line.split()[1]) for line in said.splitlines() if line.startswith("energy: ")])
    before, after = energies.reshape(2, 3)
    assert np.ptp(before) > 1e-4
    np.testing.assert_allclose(np.diff(after), np.diff(before), rtol=1e-6, atol=0)


def test_other_order_of_elements_is_refused_where_it_cannot_be_remapped(frozen: Path, miniature: Path) -> None:
    with pytest.raises(
        InputFileError, match="has the type map Li, F, S, and the TensorFlow backend keeps it; make it the study's"
    ):
        start_section(started(miniature, frozen, ("S", "Li", "F")))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fitting_net": {"type": "dos"}}, 'fitting_net.type is "dos", which gives no energy'),
        ({"fitting_net": {"numb_fparam": 1}}, "fitting_net.numb_fparam is 1, but parameters of frames"),
        ({"spin": {"use_spin": [True, False, False]}}, "spin: spins are in no label"),
    ],
)
def test_start_that_is_no_potential_is_refused(
    miniature: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], why: str
) -> None:
    elements = ("Li", "F", "S")
    model = {"descriptor": {"type": "se_e2_a", "sel": [9, 9, 9]}, "fitting_net": {}}

    def holds(content: dict[str, Any]) -> DeepPotential:
        return DeepPotential(Path("big.pb"), "tensorflow", {"": Head(elements, content)}, {})

    study = started(miniature, Path("/big.pb"))
    monkeypatch.setattr(trained_start, "read_deep_potential", lambda _: holds(model))
    assert start_section(study) == model | {"type_map": list(elements)}
    monkeypatch.setattr(trained_start, "read_deep_potential", lambda _: holds(model | change))
    with pytest.raises(InputFileError, match=f"big.pb cannot be trained on here: {why}.*; give another model"):
        start_section(study)


def test_start_is_kept_with_its_hash_and_another_one_is_refused(frozen: Path, miniature: Path, tmp_path: Path) -> None:
    file, directory = tmp_path / "trained.pb", tmp_path / "campaign"
    directory.mkdir()
    file.write_bytes(frozen.read_bytes())
    study = started(miniature, file)
    keep_start(study, directory)
    assert file_hash(directory / "start.pb") == file_hash(frozen)
    start = read_start(directory)
    assert start is not None
    assert (start.file, start.sha256, start.head) == ("trained.pb", file_hash(frozen), "")
    before = StudyHashes(study).campaign
    keep_start(study, directory)
    (directory / "start.pb").write_bytes(b"other")
    with pytest.raises(
        InputFileError, match="start.pb, which the first committee starts from, is missing or is not what was written"
    ):
        keep_start(study, directory)
    (directory / START_FILE).unlink()
    keep_start(study, directory)
    assert file_hash(directory / "start.pb") == file_hash(frozen)
    # Another content under the same name is another campaign.
    file.write_bytes(frozen.read_bytes() + b" ")
    with pytest.raises(InputFileError, match=r"but the campaign in .* began with trained.pb \(SHA-256 "):
        keep_start(study, directory)
    assert StudyHashes(started(miniature, file)).campaign != before
    assert json.loads((directory / START_FILE).read_text())["sha256"] == file_hash(frozen)


def test_start_with_another_energy_zero_is_refused_before_the_campaign(
    frozen: Path, miniature: Path, tmp_path: Path
) -> None:
    """Labels that are the start's own energies, less or more than the bound of 1 eV/atom off."""
    study, symbols, rng = started(miniature, frozen), ["Li", "Li", "F", "F", "S", "S"], np.random.default_rng(4)
    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), axis=-1).reshape(-1, 3) * 7.0 / 3
    cells = [Atoms(symbols, positions=rng.permutation(grid)[:6], cell=np.eye(3) * 7.0, pbc=True) for _ in range(4)]
    write(tmp_path / "cells.xyz", cells, format="extxyz")
    said = by_script(tmp_path, "energy", str(frozen), "cells.xyz")
    energies = np.array([float(line.split()[1]) for line in said.splitlines() if line.startswith("energy: ")])

    def labels(name: str, ev_per_atom: float) -> Path:
        system = labeled_system(
            symbols, ["Li", "F", "S"],
            cells_angstrom=np.array([atoms.cell.array for atoms in cells]),
            positions_angstrom=np.array([atoms.positions for atoms in cells]),
            energies_ev=energies + ev_per_atom * len(symbols),
            forces_ev_per_angstrom=np.zeros((4, 6, 3)),
            virials_ev=np.zeros((4, 3, 3)),
        )  # fmt: skip
        system.to("deepmd/npy", str(tmp_path / name))
        return tmp_path / name

    far = [labels("far", 1.2)]
    with pytest.raises(InputFileError, match=r"differ from the labels' by 1.2 eV/atom \(median of 4 frames\).*pytorch"):
        require_energy_zero(study, tmp_path, far)
    require_energy_zero(study, tmp_path, [labels("near", -0.8)])
    # Once the campaign has begun it is not asked again.
    keep_start(study, tmp_path)
    require_energy_zero(study, tmp_path, far)


def test_doctor_loads_the_start_of_a_run_and_compares_its_content(
    frozen: Path, miniature: Path, tmp_path: Path
) -> None:
    study_file, root = tmp_path / "study.yaml", tmp_path / "run"
    content = load_study(miniature).model_dump(mode="json")
    content["training"] = {"committee_size": 2, "start_from": frozen.name}
    (tmp_path / frozen.name).write_bytes(frozen.read_bytes())
    # Of YAML, JSON is a part.
    study_file.write_text(json.dumps(content))
    (root / "campaign").mkdir(parents=True)
    keep_files(study_file, root)
    keep_start(load_run_study(root), root / "campaign")
    (finding,) = examine_run(root)
    assert finding.name == "start of the training, trained.pb"
    assert finding.works
    assert finding.detail == f"se_e2_a, SHA-256 {file_hash(frozen)}"
    (root / "campaign" / "start.pb").unlink()
    (finding,) = examine_run(root)
    assert not finding.works
    assert "is missing or is not what was written" in finding.detail
