"""The label store: what is found, what is refused, what is flagged, and data sets that read back the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dpdata
import numpy as np
import pytest
from ase import Atoms

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.labels.driver import structure_hash
from mlip_interfaces.labels.export import export_labels
from mlip_interfaces.labels.outliers import energy_residuals, find_near_duplicates, find_outliers, robust_z
from mlip_interfaces.labels.splitting import Trajectory, hold_out
from mlip_interfaces.labels.store import StoredLabel, collect_labels

ENERGIES_EV = {"Li": -2.0, "F": -3.5, "S": -4.25}


def crystal(formula: str, seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    symbols = Atoms(formula).get_chemical_symbols()
    return Atoms(symbols, positions=rng.random((len(symbols), 3)) * 6, cell=np.diag([6.0, 6.5, 7.0]), pbc=True)


def record(atoms: Atoms, *, settings: str = "aaaa", **changes: object) -> dict:
    rng = np.random.default_rng(len(atoms))
    return {
        "status": "ok",
        "reason": None,
        "symbols": atoms.get_chemical_symbols(),
        "positions_angstrom": atoms.positions.tolist(),
        "cell_angstrom": atoms.cell.array.tolist(),
        "energy_ev": sum(ENERGIES_EV[symbol] for symbol in atoms.get_chemical_symbols()),
        "forces_ev_per_angstrom": rng.normal(size=(len(atoms), 3)).tolist(),
        "virial_ev": rng.normal(size=(3, 3)).tolist(),
        "settings_hash": settings,
        "structure_hash": structure_hash(atoms),
        "calculator": f"code {settings}",
        "wall_seconds": 90.0,
        "cores": 4,
    } | changes


def put(folder: Path, content: dict) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "label.json").write_text(json.dumps(content))
    return folder


def campaign(root: Path, n_labels: int = 3) -> Path:
    """A run folder: perturbed copies, a teacher MD, and labels of two exploration runs."""
    tasks = root / "initial_data" / "tasks"
    for number in range(n_labels):
        put(tasks / f"task.000.{number:06d}", record(crystal("Li2F2", number)))
    md = tasks / "md.000"
    md.mkdir()
    lines = [json.dumps(record(crystal("Li4S2", 100 + number))) for number in range(n_labels + 1)]
    (md / "records.jsonl").write_text("\n".join(lines) + "\n")
    (md / "checkpoint.json").write_text(json.dumps({"n_records": n_labels}))
    (md / "teacher_md_result.json").write_text(json.dumps({"status": "ok", "reason": None}))
    origins = {f"task.000.{number:06d}": "bulk" for number in range(n_labels)} | {"md.000": "interface"}
    (tasks / "origins.json").write_text(json.dumps(origins))
    (root / "campaign").mkdir()
    (root / "campaign" / "param.json").write_text(json.dumps({"sys_configs": [["interface/POSCAR"]]}))
    for run in range(2):
        explored = root / "campaign" / "iter.000000" / "01.model_devi" / f"task.000.{run:06d}"
        explored.mkdir(parents=True)
        (explored / "job.json").write_text("{}")
        for number in range(n_labels):
            task = root / "campaign" / "iter.000000" / "02.fp" / f"task.000.{run * n_labels + number:06d}"
            put(task, record(crystal("Li4S2", 1000 + 100 * run + number)))
            (task / "job.json").symlink_to(explored / "job.json")
    return root


def stored(formula: str, seed: int, **changes: object) -> StoredLabel:
    atoms = crystal(formula, seed)
    content = record(atoms)
    label = StoredLabel(
        file=Path(f"/{formula}-{seed}"),
        line=None,
        system=formula,
        trajectory=formula,
        symbols=tuple(content["symbols"]),
        positions_angstrom=atoms.positions,
        cell_angstrom=atoms.cell.array,
        energy_ev=content["energy_ev"],
        forces_ev_per_angstrom=np.array(content["forces_ev_per_angstrom"]),
        virial_ev=np.array(content["virial_ev"]),
        structure_hash=content["structure_hash"],
        settings_hash="aaaa",
        calculator="code",
        core_seconds=1.0,
        pseudopotentials={},
    )
    return replace(label, **changes)


def test_every_label_is_found_with_its_system_and_trajectory(tmp_path: Path) -> None:
    store = collect_labels([campaign(tmp_path)])
    assert len(store.labels) == 12
    found = {(label.system, Path(label.trajectory).relative_to(tmp_path.resolve())) for label in store.labels}
    assert found == {
        ("bulk", Path("initial_data/tasks/copies of bulk")),
        ("interface", Path("initial_data/tasks/md.000")),
        ("interface", Path("campaign/iter.000000/01.model_devi/task.000.000000")),
        ("interface", Path("campaign/iter.000000/01.model_devi/task.000.000001")),
    }


def test_folders_given_twice_or_inside_each_other_count_once(tmp_path: Path) -> None:
    root = campaign(tmp_path)
    store = collect_labels([root, root / "initial_data", root])
    assert len(store.labels) == 12
    assert store.duplicates == ()


def test_one_structure_with_the_same_settings_counts_once_and_with_others_twice(tmp_path: Path) -> None:
    first = put(tmp_path / "a", record(crystal("Li2F2", 1)))
    copy = put(tmp_path / "b", record(crystal("Li2F2", 1)))
    put(tmp_path / "c", record(crystal("Li2F2", 1), settings="bbbb"))
    store = collect_labels([tmp_path])
    assert len(store.labels) == 2
    assert [(twin.file.parent, kept.file.parent) for twin, kept in store.duplicates] == [(copy, first)]
    np.testing.assert_allclose(store.core_hours, 0.3, rtol=1e-12, atol=0)


def test_backups_validation_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    root = campaign(tmp_path)
    for number, folder in enumerate(
        ("validation/tasks", "scan/domain/tasks", "campaign/iter.000000/02.fp.bk000", "initial_data/.tasks")
    ):
        put(root / folder / "task.000.000000", record(crystal("Li2F2", 50 + number)))
    assert len(collect_labels([root]).labels) == 12


def test_failed_labels_are_counted_with_their_reason_and_cost(tmp_path: Path) -> None:
    put(tmp_path / "good", record(crystal("Li2F2", 1)))
    put(tmp_path / "bad", {"status": "failed", "symbols": ["Li"], "reason": "no convergence", "wall_seconds": 360.0})
    summary = collect_labels([tmp_path]).summary()
    assert summary["failed"] == 1
    assert summary["reasons"] == {"no convergence": 1}
    # 90 s on 4 cores and 360 s on one.
    np.testing.assert_allclose(summary["core_hours"], 0.2, rtol=1e-12, atol=0)


@pytest.mark.parametrize("broken", ["{", '{"status": "ok", "wall_seconds": 1, "symbols": ["Li"]}', "[]"])
def test_a_broken_label_is_named(tmp_path: Path, broken: str) -> None:
    (tmp_path / "label.json").write_text(broken)
    with pytest.raises(InputFileError, match=r"label\.json"):
        collect_labels([tmp_path])


@pytest.mark.parametrize("elements", [["Li", "F", "S"], ["S", "F", "Cl", "Li"]])
def test_exported_data_read_back_the_same_under_any_type_map(tmp_path: Path, elements: list[str]) -> None:
    store = collect_labels([campaign(tmp_path / "run")])
    content = export_labels(store, tmp_path / "data", elements)
    by_name = {label.name: label for label in store.labels}
    n_frames = 0
    for system, names in content["training"].items():
        folder = tmp_path / "data" / "training" / system
        assert (folder / "type_map.raw").read_text().split() == elements
        read = dpdata.LabeledSystem(str(folder), fmt="deepmd/npy")
        symbols = [read.data["atom_names"][kind] for kind in read.data["atom_types"]]
        for frame, name in enumerate(names):
            label = by_name[name]
            assert tuple(symbols) == label.symbols
            n_frames += 1
            for key, expected in (
                ("coords", label.positions_angstrom), ("cells", label.cell_angstrom), ("energies", label.energy_ev),
                ("forces", label.forces_ev_per_angstrom), ("virials", label.virial_ev),
            ):  # fmt: skip
                np.testing.assert_allclose(read.data[key][frame], expected, rtol=1e-12, atol=1e-12)
    assert n_frames == 12


def test_mixed_data_read_back_the_same(tmp_path: Path) -> None:
    for number, formula in enumerate(("Li2F2", "Li3F", "Li2S2", "Li2F2", "Li4S2")):
        put(tmp_path / "run" / str(number), record(crystal(formula, number)))
    store = collect_labels([tmp_path / "run"])
    content = export_labels(store, tmp_path / "data", ["S", "Li", "F"], data_format="mixed")
    assert set(content["training"]) == {"000004", "000006"}
    read = dpdata.MultiSystems()
    for folder in sorted((tmp_path / "data" / "training").iterdir()):
        read.load_systems_from_file(str(folder), fmt="deepmd/npy/mixed")
    found = {}
    for system in read.systems.values():
        symbols = tuple(system.data["atom_names"][kind] for kind in system.data["atom_types"])
        for frame in range(len(system)):
            found[round(float(system.data["coords"][frame, 0, 0]), 9)] = (symbols, system.data, frame)
    assert len(found) == 5
    for label in store.labels:
        symbols, data, frame = found[round(float(label.positions_angstrom[0, 0]), 9)]
        assert symbols == label.symbols
        np.testing.assert_allclose(data["forces"][frame], label.forces_ev_per_angstrom, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(data["energies"][frame], label.energy_ev, rtol=1e-12, atol=0)


def test_different_settings_are_refused_by_name_and_place(tmp_path: Path) -> None:
    first = put(tmp_path / "run" / "a", record(crystal("Li2F2", 1)))
    second = put(tmp_path / "run" / "b", record(crystal("Li2F2", 2), settings="bbbb"))
    store = collect_labels([tmp_path / "run"])
    with pytest.raises(InputFileError) as caught:
        export_labels(store, tmp_path / "data", ["Li", "F"])
    for part in ("aaaa", "bbbb", str(first), str(second), "code aaaa", "code bbbb", "--settings"):
        assert part in str(caught.value)
    assert not (tmp_path / "data").exists()
    assert export_labels(store.with_settings("bbbb"), tmp_path / "data", ["Li", "F"])["settings_hash"] == "bbbb"


def test_different_pseudopotentials_of_an_element_are_refused_by_place(tmp_path: Path) -> None:
    for name, sha256 in (("a", "11"), ("b", "22")):
        content = record(crystal("Li2F2", len(name) + ord(name))) | {"pseudopotentials": {"Li": {"sha256": sha256}}}
        put(tmp_path / "labels" / name, content)
    with pytest.raises(InputFileError, match=r"different pseudopotentials of Li .*labels/a.* and .*labels/b"):
        export_labels(collect_labels([tmp_path / "labels"]), tmp_path / "data", ["Li", "F"])


def test_an_element_outside_the_type_map_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "run" / "a", record(crystal("Li2F2", 1)))
    with pytest.raises(InputFileError, match="lacks F"):
        export_labels(collect_labels([tmp_path / "run"]), tmp_path / "data", ["Li", "S"])


def test_held_out_frames_share_no_trajectory_with_training(tmp_path: Path) -> None:
    store = collect_labels([campaign(tmp_path / "run")])
    content = export_labels(store, tmp_path / "data", ["Li", "F", "S"], held_out_share=0.3)
    trajectory = {label.name: label.trajectory for label in store.labels}
    parts = {
        part: {trajectory[name] for names in content[part].values() for name in names}
        for part in ("training", "held_out")
    }
    assert parts["held_out"]
    assert not parts["held_out"] & parts["training"]
    n_held_out = sum(map(len, content["held_out"].values()))
    assert n_held_out == len(list((tmp_path / "data" / "held_out").glob("*/type.raw"))) * 3


@pytest.mark.parametrize("seed", range(30))
def test_holding_out_covers_what_it_can_and_leaves_every_system_and_layer_to_train_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    runs = [
        Trajectory(
            f"run{number}",
            f"system{rng.integers(3)}",
            int(rng.integers(1, 20)),
            frozenset(rng.choice(list("abc"), size=rng.integers(1, 4))),
        )
        for number in range(rng.integers(1, 12))
    ]
    share = 0.2
    away = hold_out(runs, share, seed=seed)
    held, kept = ([run for run in runs if (run.name in away) == inside] for inside in (True, False))
    assert {run.system for run in kept} == {run.system for run in runs}
    assert frozenset().union(*(run.layers for run in kept)) == frozenset().union(*(run.layers for run in runs))
    # Whatever else could be held out would leave something untrained, or is over the share.
    covered = frozenset().union(*(run.layers for run in held))
    left = share * sum(run.n_frames for run in runs) - sum(run.n_frames for run in held)
    for run in kept:
        others = [other for other in kept if other is not run]
        possible = any(other.system == run.system for other in others) and run.layers <= frozenset().union(
            *(other.layers for other in others)
        )
        assert not possible or (run.layers <= covered and run.n_frames > left)


def test_what_is_asked_for_is_held_out_first_unless_nothing_would_be_left_to_train_on() -> None:
    runs = [Trajectory(f"run{number}", "cell", 5, frozenset("a")) for number in range(10)]
    for seed in range(10):
        assert hold_out(runs, 0.05, seed=seed, first=["run3"]) == {"run3"}
        assert hold_out(runs, 0.05, seed=seed, first=["run3", "run7"]) == {"run3", "run7"}
        assert "run3" in hold_out(runs, 0.3, seed=seed, first=["run3"])
        assert len(hold_out(runs, 0.3, seed=seed, first=["run3"])) == 3
        assert len(hold_out(runs, 0.3, seed=seed, first=[run.name for run in runs])) == 9
    alone = [*runs, Trajectory("lonely", "other", 5, frozenset("a"))]
    assert "lonely" not in hold_out(alone, 0.1, seed=1, first=["lonely"])


def test_nothing_is_held_out_for_a_share_of_zero() -> None:
    runs = [Trajectory(name, "cell", 5, frozenset("a")) for name in "xyz"]
    assert hold_out(runs, 0.0, seed=1) == frozenset()


def test_robust_z_of_a_normal_sample_has_unit_spread() -> None:
    scores = robust_z(np.random.default_rng(1).normal(5.0, 3.0, 20_000))
    # The median absolute deviation has an efficiency of 37 %: relative error 1/sqrt(2 n 0.37) = 0.8 %.
    np.testing.assert_allclose(scores.std(), 1.0, rtol=3 * 0.008, atol=0)
    assert abs(np.median(scores)) < 1e-12


def test_wrong_energies_do_not_drag_the_fit_to_composition() -> None:
    rng = np.random.default_rng(2)
    counts = rng.integers(1, 20, size=(60, 3))
    energies = counts @ np.array(list(ENERGIES_EV.values()))
    wrong = np.arange(0, 60, 8)
    energies[wrong] += counts[wrong].sum(axis=1) * 0.8
    residuals = energy_residuals(counts, energies)
    np.testing.assert_allclose(np.delete(residuals, wrong), 0.0, rtol=0, atol=1e-5)
    np.testing.assert_allclose(residuals[wrong], 0.8, rtol=1e-4, atol=0)


def test_planted_errors_are_flagged_for_the_right_reason_and_nothing_else_is() -> None:
    rng = np.random.default_rng(3)

    def noisy(formula: str, seed: int) -> StoredLabel:
        label = stored(formula, seed)
        return replace(
            label,
            energy_ev=label.energy_ev + 0.02 * len(label.symbols) * rng.normal(),
            forces_ev_per_angstrom=rng.normal(size=(len(label.symbols), 3)),
            virial_ev=0.1 * len(label.symbols) * np.eye(3) * rng.normal(),
        )

    labels = [noisy(formula, seed) for formula in ("Li2F2", "Li4S2") for seed in range(40)]
    labels[3] = replace(labels[3], energy_ev=labels[3].energy_ev + 4.0)
    labels[50] = replace(labels[50], forces_ev_per_angstrom=50.0 * labels[50].forces_ev_per_angstrom)
    labels[60] = replace(labels[60], virial_ev=labels[60].virial_ev - 20.0 * np.eye(3))
    # Small forces are no mistake: a relaxed structure has them.
    labels[70] = replace(labels[70], forces_ev_per_angstrom=1e-3 * labels[70].forces_ev_per_angstrom)
    found = {(flag.label, flag.kind) for flag in find_outliers(labels)}
    assert found == {(labels[3].name, "energy"), (labels[50].name, "force"), (labels[60].name, "virial")}


def test_labels_of_other_settings_are_judged_by_themselves() -> None:
    rng = np.random.default_rng(4)
    labels = [
        replace(stored("Li2F2", seed), energy_ev=zero + 0.05 * rng.normal(), settings_hash=settings)
        for settings, zero in (("aaaa", -10.0), ("bbbb", -900.0))
        for seed in range(20)
    ]
    assert not [flag for flag in find_outliers(labels) if flag.kind == "energy"]


def test_near_copies_are_flagged_across_boundaries_and_distinct_structures_are_not() -> None:
    label = stored("Li2F2", 1)
    rng = np.random.default_rng(5)
    shift = rng.normal(scale=0.004, size=label.positions_angstrom.shape)
    wrapped = (label.positions_angstrom + 2.7 + shift) % np.diag(label.cell_angstrom)
    near = replace(label, file=Path("/near"), positions_angstrom=wrapped)
    far = replace(label, file=Path("/far"), positions_angstrom=label.positions_angstrom + 12 * shift)
    strained = replace(label, file=Path("/strained"), cell_angstrom=1.02 * label.cell_angstrom)
    flags = find_near_duplicates([label, near, far, strained])
    assert [(flag.label, flag.kind) for flag in flags] == [("/near", "near_duplicate")]
    wrong = replace(near, energy_ev=near.energy_ev + 0.1)
    assert [flag.kind for flag in find_near_duplicates([label, wrong])] == ["disagreement"]


def test_command_line_lists_checks_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = campaign(tmp_path / "run", n_labels=20)
    odd = root / "campaign" / "iter.000000" / "02.fp" / "task.000.000007"
    content = json.loads((odd / "label.json").read_text())
    put(odd, content | {"energy_ev": content["energy_ev"] + 30.0})
    assert main(["labels", "list", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == 80
    out = tmp_path / "data"
    assert main(["labels", "export", str(root), "--out", str(out), "--leave-out", "energy"]) == 2
    assert "labels check" in capsys.readouterr().err
    before = sorted(path for path in root.rglob("*"))
    assert main(["labels", "check", str(root)]) == 0
    assert "1 energy" in capsys.readouterr().out
    assert sorted(path for path in root.rglob("*")) == sorted([*before, root / "label_flags.json"])
    elements = ["--elements", "S,F,Li"]
    assert main(["labels", "export", str(root), "--out", str(out), "--leave-out", "energy", *elements]) == 0
    exported = json.loads((out / "export.json").read_text())
    assert sum(map(len, exported["training"].values())) == 79
    assert exported["left_out"] == [str(odd.resolve() / "label.json")]
    assert main(["labels", "export", str(root), "--out", str(out), *elements]) == 2
    assert "exists already" in capsys.readouterr().err
