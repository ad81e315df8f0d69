"""A model with two heads, trained here for two steps on labels of two kinds: its heads, one taken out, and a training that starts from it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_multi_task import two_kinds_of_labels

from mlip_interfaces.campaign.dpgen_files import render_param
from mlip_interfaces.campaign.trained_start import keep_start, start_section
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.deep_potentials import read_deep_potential
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.potentials import Backend
from mlip_interfaces.programs import program_environment, run_program

MULTI_HEAD = Path(__file__).with_name("multi_head.py")
ANSWERS = """
import json, sys
import numpy as np
from deepmd.infer import DeepPot
found = []
for file, head in json.loads(sys.argv[1]):
    potential = DeepPot(file, head=head)
    kinds = [potential.get_type_map().index(symbol) for symbol in ("Li", "Li", "F", "F")]
    positions = np.random.default_rng(1).random((1, 12)) * 6
    energy, forces = potential.eval(positions, np.diag([6.0, 6.5, 7.0]).reshape(1, 9), kinds)[:2]
    found.append([energy.item(), forces.reshape(-1).tolist()])
print(json.dumps(found))
"""


def in_own_process(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, env=program_environment()
    )


def started(miniature: Path, **training: object) -> Study:
    """The miniature study with a training that starts from a file."""
    content = load_study(miniature).model_dump(mode="json")
    content["training"] = {"committee_size": 2, "steps": 10, "steps_reuse": 10, "steps_final": 10, **training}
    return Study.model_validate(content)


@pytest.fixture(scope="module")
def checkpoint(pytorch: Backend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    labels, out = two_kinds_of_labels(folder / "labels"), folder / "data"
    assert main(["labels", "export", str(labels), "--out", str(out), "--elements", "S,F,Li", "--multi-task"]) == 0
    done = in_own_process(str(MULTI_HEAD), str(folder / "data"), str(folder / "trained"))
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "trained" / "model.ckpt.pt"


def test_heads_are_named_and_one_that_is_not_there_is_refused(checkpoint: Path) -> None:
    model = read_deep_potential(checkpoint)
    assert (model.backend, list(model.heads)) == ("pytorch", ["code-aaaaaa", "code-bbbbbb"])
    assert model.head("code-bbbbbb").type_map == ("S", "F", "Li")
    assert model.head("code-bbbbbb").model["descriptor"]["type"] == "se_atten_v2"
    with pytest.raises(InputFileError, match="has no head 'nix'; its heads are code-aaaaaa, code-bbbbbb"):
        model.head("nix")
    with pytest.raises(InputFileError, match="a model with the heads code-aaaaaa, code-bbbbbb; name one of them"):
        model.head(None)
    labels = LabelSettings(calculator="deepmd", parameters={"model": str(checkpoint)})
    with pytest.raises(InputFileError, match="labels.calculator is 'deepmd': .*name one of them"):
        require_teacher(labels, ["Li"])


def test_training_starts_from_a_head_and_has_the_elements_in_the_order_of_the_study(
    checkpoint: Path, miniature: Path, tmp_path: Path
) -> None:
    study = started(miniature, start_from=str(checkpoint), start_from_head="code-bbbbbb", backend="pytorch")
    keep_start(study, tmp_path)
    single = tmp_path / "start.pt"
    assert read_deep_potential(single).head(None).type_map == ("S", "F", "Li")
    assert "finetune_head" in read_deep_potential(checkpoint).head("code-bbbbbb").model
    assert "finetune_head" not in read_deep_potential(single).head(None).model
    param = render_param(study, initial_systems=["bulk"], max_neighbors=(1, 1, 1))
    assert param["training_finetune_model"] == ["start.pt", "start.pt"]
    content = param["default_training_param"]
    assert content["model"]["type_map"] == ["Li", "F", "S"]
    # A head that was itself fine-tuned from another says so, and no training finds that other again.
    assert "finetune_head" not in content["model"]
    # A rate so small that nothing but the energies of the elements changes.
    content["learning_rate"] |= {"start_lr": 1e-12, "stop_lr": 1e-13}
    exported = checkpoint.parent.parent / "data" / "code-aaaaaa" / "training"
    content["training"] |= {
        "numb_steps": 1, "save_freq": 1, "training_data": {"systems": [str(path) for path in exported.iterdir()], "batch_size": 1},
    }  # fmt: skip
    folder = tmp_path / "000"
    folder.mkdir()
    (folder / "input.json").write_text(json.dumps(content))
    run_program(
        ["dp", "--pt", "train", "input.json", "--finetune", "../start.pt", "--skip-neighbor-stat"],
        directory=folder,
        log_file=folder / "log",
    )  # fmt: skip
    trained = folder / "model.ckpt.pt"
    assert read_deep_potential(trained).head(None).type_map == ("Li", "F", "S")

    asked = [[str(checkpoint), head] for head in ("code-aaaaaa", "code-bbbbbb")]
    done = in_own_process("-c", ANSWERS, json.dumps([*asked, [str(single), None], [str(trained), None]]))
    assert done.returncode == 0, done.stderr[-2000:]
    other, head, alone, tuned = json.loads(done.stdout.splitlines()[-1])
    assert abs(other[0] - head[0]) > 1e-3
    np.testing.assert_allclose(alone[0], head[0], rtol=1e-12, atol=0)
    np.testing.assert_allclose(alone[1], head[1], rtol=0, atol=1e-14)
    assert np.abs(head[1]).max() > 1e-6
    np.testing.assert_allclose(tuned[1], head[1], rtol=1e-6, atol=1e-12)


def test_start_that_cannot_be_is_one_sentence(checkpoint: Path, miniature: Path) -> None:
    without_head = started(miniature, start_from=str(checkpoint), backend="pytorch")
    with pytest.raises(InputFileError, match="a model with the heads code-aaaaaa, code-bbbbbb; name one of them"):
        start_section(without_head)
    chlorine = without_head.model_copy(update={"elements": ("Li", "Cl")})
    with pytest.raises(InputFileError, match="does not know Cl: its elements are S, F, Li"):
        start_section(
            chlorine.model_copy(
                update={"training": without_head.training.model_copy(update={"start_from_head": "code-aaaaaa"})}
            )
        )
