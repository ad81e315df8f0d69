"""Labels of several settings as branches of one multi-task training; DeePMD-kit's own schema judges the input."""

from __future__ import annotations

import json
from pathlib import Path

import dpdata
import numpy as np
import pytest
from test_store import crystal, put, record

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.multi_task import export_branches
from mlip_interfaces.labels.store import collect_labels


def two_kinds_of_labels(root: Path) -> Path:
    """Six labels by one code, three by another, of different elements; of three trajectories each."""
    for number in range(6):
        put(
            root / "first" / f"run-{number % 3}" / f"task.000.{number:06d}",
            record(crystal("Li2F2", number), settings="aaaaaa11"),
        )
    for number in range(3):
        put(
            root / "second" / f"run-{number}" / f"task.000.{number:06d}",
            record(crystal("Li4S2", number), settings="bbbbbb22"),
        )
    return root


def test_each_settings_hash_is_a_branch_and_deepmd_takes_the_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deepmd.utils.argcheck import normalize

    labels, out = two_kinds_of_labels(tmp_path / "labels"), tmp_path / "data"
    command = ["labels", "export", str(labels), "--out", str(out), "--elements", "S,F,Li", "--multi-task"]
    assert main([*command, "--held-out", "0.3"]) == 0
    assert "heads code-aaaaaa, code-bbbbbb" in capsys.readouterr().out
    content = json.loads((out / "input.json").read_text())
    data = content["training"]["data_dict"]
    assert (
        list(content["model"]["model_dict"])
        == list(data)
        == list(content["loss_dict"])
        == ["code-aaaaaa", "code-bbbbbb"]
    )
    # As DeePMD-kit does before it looks at the branches: what is shared stands in each.
    shared = content["model"].pop("shared_dict")
    for branch in content["model"]["model_dict"].values():
        branch.update({key: shared[branch[key]] for key in ("type_map", "descriptor")})
    normalize(content, multi_task=True)

    exported = {name: json.loads((out / name / "export.json").read_text()) for name in data}
    n_frames = {name: sum(map(len, one["training"].values())) for name, one in exported.items()}
    assert sum(n_frames.values()) < 9
    for name, section in data.items():
        frames = [dpdata.LabeledSystem(str(out / one), fmt="deepmd/npy") for one in section["training_data"]["systems"]]
        assert sum(map(len, frames)) == n_frames[name]
        assert all((out / one / "type.raw").is_file() for one in section["validation_data"]["systems"])
        share = content["training"]["model_prob"][name]
        assert share == pytest.approx(n_frames[name] / sum(n_frames.values()), rel=1e-12, abs=0)
        assert (out / section["training_data"]["systems"][0] / "type_map.raw").read_text().split() == ["S", "F", "Li"]


def test_all_heads_keep_as_many_neighbours_as_the_densest_label_has_and_a_fifth_more(tmp_path: Path) -> None:
    """DeePMD-kit's own count differs between branches, which then cannot share a descriptor."""
    labels, out = two_kinds_of_labels(tmp_path / "labels"), tmp_path / "data"
    assert main(["labels", "export", str(labels), "--out", str(out), "--elements", "S,F,Li", "--multi-task"]) == 0
    shifts = np.array([[i, j, k] for i in (-2, -1, 0, 1, 2) for j in (-2, -1, 0, 1, 2) for k in (-2, -1, 0, 1, 2)])
    most: dict[str, int] = {}
    for label in collect_labels([labels]).labels:
        images = (label.positions_angstrom[:, None] + (shifts @ label.cell_angstrom)[None]).reshape(-1, 3)
        distances = np.linalg.norm(label.positions_angstrom[:, None] - images[None], axis=-1)
        found = int((distances < 6.0).sum(axis=1).max()) - 1
        most[label.settings_hash] = max(most.get(label.settings_hash, 0), found)
    sparse, dense = sorted(most.values())
    assert dense > 1.2 * sparse
    descriptor = json.loads((out / "input.json").read_text())["model"]["shared_dict"]["descriptor"]
    assert descriptor["rcut"] == 6.0
    assert descriptor["sel"] == 4 * -(-1.2 * dense // 4)


def test_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    store = collect_labels([two_kinds_of_labels(tmp_path / "labels")])
    (tmp_path / "data").mkdir()
    with pytest.raises(InputFileError, match="exists already"):
        export_branches(store, tmp_path / "data", ["Li", "F", "S"], max_neighbors=4)
    with pytest.raises(InputFileError, match="lacks S"):
        export_branches(store, tmp_path / "new", ["Li", "F"], max_neighbors=4)
    assert not (tmp_path / "new").exists()
