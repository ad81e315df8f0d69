"""``training``: backends, kinds of models, and models of the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from mlip_interfaces.campaign.dpgen_files import (
    descriptor_sizes,
    neighbors_kept,
    render_param,
    uncounted_neighbors,
    why_uncompressed,
)
from mlip_interfaces.config import Study, load_study, parse_study
from mlip_interfaces.config.study import Training
from mlip_interfaces.errors import StudyError
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.study_files import keep_files, load_run_study


def study_with(miniature: Path, **training: Any) -> Study:
    raw = yaml.safe_load(miniature.read_text())
    return parse_study(yaml.safe_dump(raw | {"training": raw["training"] | training}), miniature)


def param_of(study: Study) -> dict[str, Any]:
    return render_param(study, initial_systems=["bulk-base"], max_neighbors=uncounted_neighbors(study))


def test_a_study_that_says_nothing_trains_the_two_body_model_with_tensorflow(miniature: Path) -> None:
    study = load_study(miniature)
    param = param_of(study)
    assert "train_backend" not in param
    assert param["dp_compress"] is True
    assert param == param_of(study_with(miniature, backend="tensorflow", model="se_e2_a"))
    assert param["default_training_param"]["model"]["descriptor"]["type"] == "se_e2_a"


@pytest.mark.parametrize(
    ("training", "descriptor", "compressed"),
    [
        ({"backend": "pytorch"}, "se_e2_a", True),
        ({"backend": "pytorch", "model": "se_atten_v2", "short_range": {}}, "se_atten_v2", True),
        ({"backend": "pytorch", "model": "dpa2", "dpa2": {"layers": 2, "inner_cutoff_angstrom": 3}}, "dpa2", True),
    ],
)
def test_dpgen_is_told_the_backend_and_whether_to_compress(
    miniature: Path, training: dict[str, Any], descriptor: str, compressed: bool
) -> None:
    param = param_of(study_with(miniature, **training))
    assert param["train_backend"] == "pytorch"
    assert param["dp_compress"] is compressed
    assert param["default_training_param"]["model"]["descriptor"]["type"] == descriptor


def test_a_message_passing_model_of_three_bodies_runs_uncompressed(repository: Path, miniature: Path) -> None:
    raw = yaml.safe_load(miniature.read_text())
    kept = {key: value for key, value in raw["training"].items() if "step" in key or key == "fitting_neurons"}
    asked = kept | {"backend": "pytorch", "model": "dpa3", "dpa3": {"inner_cutoff_angstrom": 3.0}}
    study = parse_study(yaml.safe_dump(raw | {"training": asked}), miniature)
    assert param_of(study)["dp_compress"] is False
    assert why_uncompressed(study) == "dpa3 cannot be compressed"
    sizes = descriptor_sizes(study, (40, 12))
    assert sizes.inner is not None
    assert (sizes.inner.cutoff_angstrom, sizes.inner.layers, sizes.max_neighbors) == (3.0, 6, (40, 12))


def test_mixed_types_are_trained_by_tensorflow_too_with_one_number_of_neighbours(miniature: Path) -> None:
    study = study_with(miniature, model="se_atten_v2")
    descriptor = param_of(study)["default_training_param"]["model"]["descriptor"]
    assert (descriptor["type"], descriptor["sel"], descriptor["attn_layer"]) == ("se_atten_v2", 1, 0)
    assert neighbors_kept(study, [], []) == (4,)
    assert neighbors_kept(load_study(miniature), [], []) == (4, 4, 4)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"model": "dpa3"}, "model dpa3 is trained by PyTorch alone; set backend: pytorch"),
        ({"model": "dpa2"}, "model dpa2 is trained by PyTorch alone"),
        (
            {"backend": "pytorch", "short_range": {}},
            "PyTorch takes it with models that count .* or leave short_range out",
        ),
        ({"model": "se_atten_v2", "short_range": {}}, "TensorFlow takes it with model se_e2_a alone .* or leave"),
        ({"dpa2": {"layers": 3}}, "dpa2: model se_e2_a does not have it"),
        ({"backend": "pytorch", "model": "dpa3", "embedding_neurons": [4]}, "embedding_neurons: model dpa3"),
        ({"model_file": "m.json", "precision": "float32"}, "model_file gives the whole model; leave out precision"),
        ({"model_file": "m.json", "model": "se_atten_v2"}, "leave out model"),
        ({"backend": "pytorch", "model": "dpa2", "cutoff_angstrom": 3.5}, "dpa2.inner_cutoff_angstrom is 4, more than"),
        ({"backend": "torch"}, "tensorflow"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_remedy(training: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Training.model_validate(training)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"model": "se_atten_v2", "max_neighbors": [20, 20, 20]}, "so give one number"),
        ({"backend": "pytorch", "model": "dpa2", "dpa2": {"inner_cutoff_angstrom": 3}, "max_neighbors": [20]}, "two numbers"),
    ],
)  # fmt: skip
def test_models_that_do_not_tell_elements_apart_count_them_together(
    miniature: Path, training: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        study_with(miniature, **training)


@pytest.fixture
def own_model(miniature: Path, tmp_path: Path) -> Path:
    """The miniature study with a model of the user's own beside it."""
    raw = yaml.safe_load(miniature.read_text())
    raw["training"] = {"model_file": "mine/model.json", "steps": 10, "steps_reuse": 10, "steps_final": 10}
    raw["labels"] = {"calculator": "chgnet"}
    (tmp_path / "mine").mkdir()
    descriptor = {"type": "se_atten", "rcut": 4.0, "sel": 40, "neuron": [2, 4], "attn_layer": 1, "precision": "float32"}
    section = {"type_map": raw["elements"], "descriptor": descriptor, "fitting_net": {"neuron": [4]}}
    (tmp_path / "mine" / "model.json").write_text(json.dumps(section))
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(raw))
    return file


def test_a_model_of_the_users_own_goes_into_the_campaign_as_it_stands(own_model: Path) -> None:
    study = load_checked_study(own_model)
    param = param_of(study)
    assert param["default_training_param"]["model"] == json.loads((own_model.parent / "mine/model.json").read_text())
    assert param["dp_compress"] is False


def test_a_run_folder_keeps_the_model_and_knows_when_it_changes(own_model: Path, tmp_path: Path) -> None:
    root, file = tmp_path / "run", own_model.parent / "mine" / "model.json"
    root.mkdir()
    keep_files(own_model, root)
    before = StudyHashes(load_run_study(root)).campaign
    assert before == StudyHashes(load_checked_study(own_model)).campaign
    assert (root / "inputs" / "training" / "model.json").is_file()
    file.write_text(file.read_text().replace('"sel": 40', '"sel": 44'))
    assert StudyHashes(load_checked_study(own_model)).campaign != before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Li", "F"', '"F", "Li"', r"training.model_file: .*model.json: type_map is"),
        ('"neuron"', '"neurons"', r"training.model_file: DeePMD-kit refuses"),
        ('"se_atten"', '"dpa4"', r"training: the backend TensorFlow cannot train dpa4|DeePMD-kit refuses"),
    ],
)
def test_a_wrong_model_is_refused_before_anything_is_built(own_model: Path, old: str, new: str, message: str) -> None:
    file = own_model.parent / "mine" / "model.json"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(StudyError, match=message):
        load_checked_study(own_model)


def test_a_model_file_that_is_not_there_is_named(own_model: Path) -> None:
    (own_model.parent / "mine" / "model.json").unlink()
    with pytest.raises(StudyError, match=r"training.model_file is 'mine/model.json', but there is no file"):
        load_checked_study(own_model)
