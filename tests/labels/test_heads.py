"""A model with two heads, trained here for two steps on labels of two kinds: which heads it has, and one of them taken out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_multi_task import two_kinds_of_labels

from mlip_interfaces.deep_potentials import read_deep_potential, write_single_head
from mlip_interfaces.engines import is_installed
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.multi_task import export_branches
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.store import collect_labels
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.programs import program_environment

MULTI_HEAD = Path(__file__).with_name("multi_head.py")
ENERGIES = """
import json, sys
import numpy as np
from deepmd.infer import DeepPot
found = []
for file, head in json.loads(sys.argv[1]):
    potential = DeepPot(file, head=head)
    kinds = [potential.get_type_map().index(symbol) for symbol in ("Li", "Li", "F", "F")]
    positions = np.random.default_rng(1).random((1, 12)) * 6
    found.append(potential.eval(positions, np.diag([6.0, 6.5, 7.0]).reshape(1, 9), kinds)[0].item())
print(json.dumps(found))
"""


def in_own_process(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, env=program_environment()
    )


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heads")
    export_branches(collect_labels([two_kinds_of_labels(folder / "labels")]), folder / "data", ["Li", "F", "S"])
    done = in_own_process(str(MULTI_HEAD), str(folder / "data"), str(folder / "trained"))
    if "version of PyTorch" in done.stderr or not is_installed("torch"):
        pytest.skip("DeePMD-kit's PyTorch backend is not installed, or not with its torch")
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "trained" / "model.ckpt.pt"


def test_heads_are_named_and_one_that_is_not_there_is_refused(checkpoint: Path) -> None:
    model = read_deep_potential(checkpoint)
    assert (model.backend, list(model.heads)) == ("PyTorch", ["code-aaaaaa", "code-bbbbbb"])
    assert model.head("code-bbbbbb").type_map == ("Li", "F", "S")
    assert model.head("code-bbbbbb").model["descriptor"]["type"] == "se_atten_v2"
    with pytest.raises(InputFileError, match="has no head 'nix'; its heads are code-aaaaaa, code-bbbbbb"):
        model.head("nix")
    with pytest.raises(InputFileError, match="a model with the heads code-aaaaaa, code-bbbbbb; name one of them"):
        model.head(None)
    labels = LabelSettings(calculator="deepmd", parameters={"model": str(checkpoint)})
    with pytest.raises(InputFileError, match="labels.calculator is 'deepmd': .*name one of them"):
        require_teacher(labels, ["Li"])


def test_head_taken_out_computes_what_it_computed(checkpoint: Path, tmp_path: Path) -> None:
    single = tmp_path / "single.pt"
    write_single_head(read_deep_potential(checkpoint), "code-bbbbbb", single)
    assert read_deep_potential(single).head(None).type_map == ("Li", "F", "S")
    asked = [[str(checkpoint), "code-aaaaaa"], [str(checkpoint), "code-bbbbbb"], [str(single), None]]
    done = in_own_process("-c", ENERGIES, json.dumps(asked))
    assert done.returncode == 0, done.stderr[-2000:]
    other, head, alone = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(alone, head, rtol=1e-12, atol=0)
    assert abs(other - head) > 1e-3
