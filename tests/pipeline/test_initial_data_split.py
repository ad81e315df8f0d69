"""Held-out initial data: whole trajectories, and every layer both trained on and measured."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read, write
from ase.neighborlist import neighbor_list

from mlip_interfaces.books.run import BulkEntry, ModelEntry, StructureIndex
from mlip_interfaces.config import load_study
from mlip_interfaces.config.study import Study
from mlip_interfaces.files import write_json
from mlip_interfaces.labels.driver import INPUT_FILE, structure_hash
from mlip_interfaces.labels.store import collect_labels
from mlip_interfaces.pipeline.campaign import init_campaign
from mlip_interfaces.pipeline.initial_data import SCRAMBLED, _write_datasets, _write_tasks, run_initial_data
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.structures.assembly import write_model


def write_structures(study: Study, directory: Path) -> None:
    """A stand-in of each model: two atoms of each of its layers, far apart."""
    models = {model.name: [plan.section for plan in model.layers] for model in study.interface.models}
    models |= {f"bulk-{layer.name}": [layer] for layer in study.interface.layers}
    for number, (name, layers) in enumerate(models.items()):
        names = np.repeat([layer.name for layer in layers], 2)
        atoms = Atoms(
            [study.elements[0]] * len(names),
            positions=[[0, 0, 4.0 * place] for place in range(len(names))],
            cell=[8, 8, 4.0 * len(names)],
            pbc=True,
        )
        # No two sites and no two models are alike.
        atoms.rattle(0.3, seed=number)
        atoms.set_array("layer", names)
        atoms.set_array("layer_id", np.repeat(np.arange(len(layers)), 2))
        write_model(atoms, directory / name, study.elements)
        if layers[0].kind == "amorphous":
            frames = [atoms.copy() for _ in range(8)]
            for number, frame in enumerate(frames):
                frame.rattle(0.3, seed=number)
            write(directory / name / "snapshots.xyz", frames)
    write_json(directory / "index.json", StructureIndex(tuple(map(entry, models))).to_json())


def entry(name: str) -> ModelEntry | BulkEntry:
    """What the index says of a structure; only its name and its role matter here."""
    shared = {
        "file": f"{name}/model.xyz", "n_atoms": 2, "composition": "Li2", "density_g_per_cm3": 1.0,
        "min_distance_angstrom": 4.0, "min_distances_angstrom": {"Li-Li": 4.0},
    }  # fmt: skip
    if name.startswith("bulk"):
        return BulkEntry(name=name, role="bulk", **shared)
    return ModelEntry(
        name=name, role="interface", **shared, coating_angstrom=None, area_angstrom2=64.0, layers=(), strain=0.0
    )


def good_record(atoms: Atoms) -> dict:
    return {
        "status": "ok",
        "symbols": atoms.get_chemical_symbols(),
        "positions_angstrom": atoms.positions.tolist(),
        "cell_angstrom": atoms.cell.array.tolist(),
        "energy_ev": -1.0,
        "forces_ev_per_angstrom": np.zeros((len(atoms), 3)).tolist(),
        "virial_ev": np.eye(3).tolist(),
        "settings_hash": "aaaa",
        "structure_hash": structure_hash(atoms),
        "calculator": "none",
        "wall_seconds": 1.0,
    }


def label_tasks(tasks: Path, n_md_frames: int = 15) -> None:
    for task in sorted(tasks.glob("*.*/")):
        atoms = read(task / INPUT_FILE, format="vasp")
        if not task.name.startswith("md."):
            (task / "label.json").write_text(json.dumps(good_record(atoms)))
            continue
        lines = []
        for number in range(n_md_frames):
            moved = atoms.copy()
            moved.rattle(0.1, seed=1000 * int(task.name[3:]) + number)
            lines.append(json.dumps(good_record(moved)))
        (task / "records.jsonl").write_text("\n".join(lines) + "\n")
        (task / "checkpoint.json").write_text(json.dumps({"n_records": n_md_frames}))
        (task / "teacher_md_result.json").write_text(json.dumps({"status": "ok", "reason": None}))


STUDIES = [
    "configs/demo.yaml", "configs/demo_li_li7p3s11.yaml", "configs/lco_lif_lpscl.yaml", "configs/li_li7p3s11.yaml",
    "tests/studies/miniature.yaml",
]  # fmt: skip


Made = Callable[[str], tuple[RunContext, dict]]


@pytest.fixture(scope="module")
def made(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The initial data of a study, made once, with its summary."""

    @functools.cache
    def make(name: str) -> tuple[RunContext, dict]:
        study = load_study(repository / name)
        context = RunContext(study, tmp_path_factory.mktemp("run"), lambda fraction, note: None)
        write_structures(study, context.structures)
        tasks = context.initial_data / "tasks"
        _write_tasks(context, tasks)
        label_tasks(tasks)
        return context, _write_datasets(context, tasks, json.loads((tasks / "origins.json").read_text()))

    return make


@pytest.mark.parametrize("name", STUDIES)
def test_every_layer_is_held_out_and_trained_on_and_no_trajectory_is_split(made: Made, name: str) -> None:
    context, summary = made(name)
    study, tasks = context.study, context.initial_data / "tasks"
    layers = {
        part: {
            layer
            for file in (context.initial_data / part).glob("*/layer.json")
            for layer in json.loads(file.read_text())
        }
        for part in ("dataset", "held_out")
    }
    every = {layer.name for layer in study.interface.layers}
    # Of each product too, crystal or packed.
    assert layers["held_out"] == every | set(study.initial_data.origins)
    assert layers["dataset"] >= every
    # What the store reads from the same folders knows the same trajectories.
    by_structure = {
        label.positions_angstrom.round(6).tobytes(): Path(label.trajectory).name
        for label in collect_labels([tasks]).labels
    }
    found: dict[str, set[str]] = {}
    n_frames = dict.fromkeys(layers, 0)
    for part in layers:
        for file in (context.initial_data / part).glob("*/set.000/coord.npy"):
            for coordinates in np.load(file):
                found.setdefault(part, set()).add(by_structure[coordinates.reshape(-1, 3).round(6).tobytes()])
                n_frames[part] += 1
    assert not found["dataset"] & found["held_out"]
    assert found["held_out"] == set(summary.held_out_trajectories)
    assert SCRAMBLED not in found["held_out"]
    asked_for = {f"md.{number:03d}" for number, md in enumerate(study.initial_data.teacher_md) if md.held_out}
    assert asked_for <= found["held_out"]
    assert asked_for or not name.startswith("configs/demo")
    assert (n_frames["dataset"], n_frames["held_out"]) == (summary.n_training, summary.n_held_out)
    assert summary.n_held_out / summary.made < 2.5 * study.initial_data.held_out_fraction


@pytest.mark.parametrize("name", ["configs/demo.yaml", "configs/demo_li_li7p3s11.yaml"])
def test_committee_keeps_every_neighbor_in_its_data(made: Made, name: str) -> None:
    """DeePMD leaves out what is beyond `sel`: scrambled and strained copies have more neighbours than the models."""
    context, _ = made(name)
    init_campaign(context)
    study = context.study
    param = json.loads((context.campaign / "param.json").read_text())
    kept = dict(zip(study.elements, param["default_training_param"]["model"]["descriptor"]["sel"], strict=True))
    most = dict.fromkeys(study.elements, 0)
    for file in (context.initial_data / "tasks").glob(f"task.*/{INPUT_FILE}"):
        atoms = read(file, format="vasp")
        symbols = np.array(atoms.get_chemical_symbols())
        centers, others = neighbor_list("ij", atoms, study.training.cutoff_angstrom)
        for element in set(symbols):
            counts = np.bincount(centers[symbols[others] == element], minlength=len(atoms))
            most[element] = max(most[element], int(counts.max()))
    assert all(most[element] <= kept[element] for element in study.elements), (most, kept)


def test_copies_with_vacancies_and_shifted_layers_keep_their_labels(made: Made) -> None:
    context, _ = made("configs/lco_lif_lpscl.yaml")
    study, tasks = context.study, context.initial_data / "tasks"
    kinds = {name.split()[1] for name in json.loads((tasks / "trajectories.json").read_text()).values() if " " in name}
    assert kinds == {"perturbed", "shifted", "vacancies", "melt-quench"}
    lacking = sorted(path for path in (context.initial_data / "dataset").glob("*-vacancies-*"))
    assert {path.name.split("-vacancies-")[0] for path in lacking} >= set(study.explored)
    for path in lacking:
        model = path.name.split("-vacancies-")[0]
        whole = json.loads((context.structures / model / "layers.json").read_text())["layer"]
        left = json.loads((path / "layer.json").read_text())
        assert len(left) == len(whole) - 1 == np.load(path / "set.000" / "coord.npy").shape[1] // 3
        assert all(left.count(layer) <= whole.count(layer) for layer in set(whole))


def test_given_structures_are_labelled_trained_on_and_never_held_out(miniature: Path, tmp_path: Path) -> None:
    """Candidates of a sick run, with layers, and structures that repair a gate, without."""
    study = load_study(miniature)
    write_structures(study, tmp_path / "structures")
    candidates = [read(next((tmp_path / "structures").glob("bulk-*/model.xyz"))) for _ in range(3)]
    for number, atoms in enumerate(candidates):
        atoms.rattle(0.05, seed=number + 7)
    pair = Atoms([study.elements[0], study.elements[1]], positions=[[0, 0, 0], [0, 0, 0.9]], cell=[9, 9, 9], pbc=True)
    write(tmp_path / "candidates.extxyz", [*candidates, pair], format="extxyz")
    content = study.model_dump()
    content["initial_data"]["structures"] = [str(tmp_path / "candidates.extxyz")]
    content["initial_data"]["held_out_fraction"] = 0.4
    study = Study.model_validate(content)
    context = RunContext(study, tmp_path)
    _write_tasks(context, context.initial_data / "tasks")
    origins = json.loads((context.initial_data / "tasks" / "origins.json").read_text())
    given = {task: origin for task, origin in origins.items() if origin.startswith("structures-")}
    assert sorted(given.values()) == ["structures-0-0"] * 3 + ["structures-0-1"]
    hashes = {structure_hash(read(context.initial_data / "tasks" / task / INPUT_FILE)) for task in given}
    np.testing.assert_equal(len(hashes), 4)
    shortest = min(
        neighbor_list("d", read(context.initial_data / "tasks" / task / INPUT_FILE), 2.0).min(initial=9.0)
        for task, origin in given.items()
        if origin == "structures-0-1"
    )
    # What repairs a wall is close on purpose; only the label's own bound refuses it.
    np.testing.assert_allclose(shortest, 0.9, rtol=1e-6)
    for task in origins:
        folder = context.initial_data / "tasks" / task
        if task.startswith("md."):
            continue
        write_json(folder / "label.json", good_record(read(folder / INPUT_FILE)))
    summary = _write_datasets(
        context, context.initial_data / "tasks", {t: o for t, o in origins.items() if t[:2] != "md"}
    )
    assert summary.n_held_out > 0
    assert not [name for name in summary.held_out_trajectories if name.startswith("structures")]
    for origin, n_frames in (("structures-0-0", 3), ("structures-0-1", 1)):
        folder = context.initial_data / "dataset" / origin
        assert len(np.load(folder / "set.000" / "energy.npy")) == n_frames
    layers = json.loads((context.initial_data / "dataset" / "structures-0-0" / "layer.json").read_text())
    assert set(np.ravel(layers)) == set(candidates[0].arrays["layer"])


def test_a_toy_teacher_labels_crystals_and_packed_cells_and_each_has_its_own_error(
    repository: Path, tmp_path: Path
) -> None:
    study = Study.model_validate(
        yaml.safe_load((repository / "tests" / "studies" / "miniature.yaml").read_text())
        | {
            "labels": {"calculator": "mini_teacher:lennard_jones", "max_force_ev_per_angstrom": 1e4},
            "initial_data": {
                "perturbation": {"n_per_bulk": 2, "n_per_interface": 0, "displacement_angstrom": 0.02},
                "crystals": ["LiF"],
                "packed": [
                    {"composition": {"Li": 2, "S": 1}, "n": 3, "n_atoms": 13, "volume_per_atom_angstrom3": [18, 24]}
                ],
                "teacher_md": [{"structure": "packed-Li2S", "temperature_kelvin": 100, "steps": 4, "sample_every": 2}],
            },
        }
    )
    context = RunContext(study, tmp_path, lambda fraction, note: None)
    write_structures(study, context.structures)
    run_initial_data(context)
    for name, n_atoms, n_frames in (("crystal-LiF", 64, 2), ("packed-Li2S", 12, 3)):
        found = []
        for part in (context.initial_data / "dataset" / name, context.initial_data / "held_out" / f"initial-{name}"):
            assert json.loads((part / "layer.json").read_text()) == [name] * n_atoms
            found.append(np.load(part / "set.000" / "energy.npy").size)
        # The teacher MD starts from the first cell and is a trajectory of its own.
        assert sum(found) >= n_frames
        assert min(found) > 0
