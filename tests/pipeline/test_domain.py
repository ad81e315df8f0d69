"""The look at whether runs stayed in the model's domain, with stand-ins for the committee, the labels and the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read, write

from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex, RunDomain
from mlip_interfaces.books.run import INDEX, ScanIndex, read_book
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import load_study, parse_study
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import write_json
from mlip_interfaces.jobs import Batch
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, structure_hash
from mlip_interfaces.pipeline import domain
from mlip_interfaces.pipeline.domain import look_at_domain
from mlip_interfaces.pipeline.domain_frames import read_frames
from mlip_interfaces.pipeline.scan import collect_scan, read_scan_index, scan_runs
from mlip_interfaces.potentials import Predictions
from mlip_interfaces.run.context import RunContext

N_FRAMES = 41
INTERVAL_PS = 0.005
ATOMS = Atoms("Li4F4", positions=[[0, 0, 2.0 * k] for k in range(8)], cell=[8, 8, 16], pbc=True)
# A frame says its number: the first atom stands there.
FRAMES = [Atoms(ATOMS.symbols, positions=ATOMS.positions + [0.01 * k, 0, 0], cell=ATOMS.cell, pbc=True) for k in range(N_FRAMES)]  # fmt: skip


def number_of(atoms: Atoms) -> int:
    return round(atoms.positions[0, 0] / 0.01)


@dataclass
class StandIns:
    """In place of jobs and of the model; both say what the frame's number makes of them."""

    deviation: Callable[[int], float] = lambda number: 0.1
    energy_error_mev: Callable[[int], float] = lambda number: 3.0
    refuses: Callable[[int], bool] = lambda number: False
    dies: bool = False
    done: list[str] = field(default_factory=list)

    def run_tasks(self, batch: Batch, execution: object) -> None:
        for task in batch.tasks:
            folder = batch.directory / task.name
            (output,) = task.outputs
            if (folder / output).is_file():
                continue
            if self.dies:
                raise UnfinishedError("the queue is gone")
            self.done.append(f"{batch.step} {task.name}")
            if batch.step == "explore":
                coordinates = np.load(folder / "system" / "set.000" / "coord.npy").reshape(-1, 8, 3)
                rows = [
                    f"{k} 0 0 0 {self.deviation(round(x / 0.01))} 0 0 0" for k, x in enumerate(coordinates[:, 0, 0])
                ]
                (folder / output).write_text("\n".join(["# step", *rows]) + "\n")
            else:
                (folder / output).write_text(json.dumps(self.record(read(folder / INPUT_FILE, format="vasp"))))

    def record(self, atoms: Atoms) -> dict[str, Any]:
        shared = {"settings_hash": "aaaa", "structure_hash": structure_hash(atoms), "wall_seconds": 1.0}
        if self.refuses(number_of(atoms)):
            return shared | {"status": "failed", "reason": "no convergence", "cause": "scf"}
        return shared | {
            "status": "ok", "reason": None, "symbols": atoms.get_chemical_symbols(), "energy_ev": -30.0,
            "positions_angstrom": atoms.positions.tolist(), "cell_angstrom": atoms.cell.array.tolist(),
            "forces_ev_per_angstrom": np.ones((8, 3)).tolist(), "virial_ev": np.eye(3).tolist(),
        }  # fmt: skip

    def predict(self, model: Path, systems: list[Path], *, output: Path, log_file: Path) -> list[Predictions]:
        found = []
        for path in systems:
            coordinates = np.load(path / "set.000" / "coord.npy").reshape(-1, 8, 3)
            energies = np.load(path / "set.000" / "energy.npy").reshape(-1)
            errors = [8 * self.energy_error_mev(round(x / 0.01)) / 1000 for x in coordinates[:, 0, 0]]
            forces = np.load(path / "set.000" / "force.npy").reshape(-1, 8, 3)
            found.append(Predictions(path.name, energies, energies + errors, forces, forces + 0.2))
        return found[::-1]


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> StandIns:
    made = StandIns()
    monkeypatch.setattr(domain, "run_tasks", made.run_tasks)
    monkeypatch.setattr(domain, "predict_systems", made.predict)
    return made


@pytest.fixture
def context(miniature: Path, tmp_path: Path) -> RunContext:
    """A run folder with a collected scan and the committee of two iterations, of which the second is not frozen."""
    context = RunContext(load_study(miniature), tmp_path / "run")
    for run in scan_runs(context.study):
        folder = context.scan / run.name
        folder.mkdir(parents=True)
        write_json(folder / "layers.json", {"symbols": ATOMS.get_chemical_symbols(), "layer": ["base"] * 8})
        write(folder / "traj.extxyz", FRAMES, format="extxyz")
    collect_scan(context)
    runs = tuple(
        replace(
            run, trajectory="traj.extxyz", frame_interval_ps=INTERVAL_PS, n_atoms=8, n_frames=N_FRAMES, healthy=True
        )
        for run in read_scan_index(context)
    )
    write_json(context.scan / INDEX, ScanIndex(runs).to_json())
    committee = context.campaign / "iter.000000" / "00.train"
    committee.mkdir(parents=True)
    (context.campaign / "iter.000001" / "00.train").mkdir(parents=True)
    for member in range(2):
        (committee / f"graph.{member:03d}.pb").write_text(f"member {member}\n")
    write_json(context.campaign / "param.json", {"model_devi_f_trust_lo": 0.2, "model_devi_f_trust_hi": 0.5})
    (context.campaign / "record.dpgen").write_text("".join(f"0 {step}\n" for step in range(9)))
    return context


def looked(context: RunContext) -> dict[str, RunDomain]:
    look_at_domain(context)
    return {run.name: run for run in read_book(DomainIndex, context.scan / DOMAIN_FILE).runs}


def with_domain(context: RunContext, **keys: Any) -> RunContext:
    raw = context.study.model_dump(mode="json")
    study = parse_study(yaml.safe_dump(raw | {"domain": raw["domain"] | keys}), Path("x.yaml"))
    return replace(context, study=study)


def test_each_run_is_judged_at_even_times_and_labelled_at_both_ends(context: RunContext, stand_ins: StandIns) -> None:
    stand_ins.deviation = lambda number: 0.001 * number + 0.01
    stand_ins.energy_error_mev = lambda number: 3.0 + number / 10
    runs = looked(with_domain(context, frames_per_run=11))
    assert set(runs) == {run.name for run in scan_runs(context.study)}
    for run in runs.values():
        times = [frame.time_ps for frame in run.committee]
        np.testing.assert_allclose(times, np.arange(0, 41, 4) * INTERVAL_PS, rtol=1e-12, atol=0)
        deviations = [frame.max_force_deviation_ev_per_angstrom for frame in run.committee]
        np.testing.assert_allclose(deviations, 0.001 * np.arange(0, 41, 4) + 0.01, rtol=1e-12, atol=0)
        assert [label.time_ps for label in run.spot_labels] == [0.0, 40 * INTERVAL_PS]
        energies = [label.energy_error_mev_per_atom for label in run.spot_labels]
        np.testing.assert_allclose(energies, [3.0, 7.0], rtol=1e-5, atol=0)
        forces = [label.force_rmse_mev_per_angstrom for label in run.spot_labels]
        np.testing.assert_allclose(forces, [200.0, 200.0], rtol=1e-6, atol=0)
        assert (run.verdict, run.left_at_ps, run.no_committee, run.no_labels) == ("inside", None, "", "")
    index = read_book(DomainIndex, context.scan / DOMAIN_FILE)
    assert (index.trust_low_ev_per_angstrom, index.trust_high_ev_per_angstrom) == (0.2, 0.5)
    assert index.committee == tuple(f"campaign/iter.000000/00.train/graph.{k:03d}.pb" for k in range(2))
    for member in range(2):
        link = context.scan / "domain" / "committee" / f"graph.{member:03d}.pb"
        assert link.read_text() == f"member {member}\n"


def test_a_run_that_leaves_by_its_deviation_or_by_the_drift_of_its_energy_says_when_and_why(
    context: RunContext, stand_ins: StandIns
) -> None:
    stand_ins.deviation = lambda number: 0.8 if number >= 24 else 0.1
    runs = looked(with_domain(context, frames_per_run=11))
    for run in runs.values():
        assert (run.verdict, run.left_at_ps) == ("leaves", pytest.approx(24 * INTERVAL_PS, rel=1e-12, abs=0))
        (reason,) = run.reasons
        assert reason.startswith("from 0.12 ps on, 5 of 5 frames deviate by more than the upper trust level of 0.5")
    stand_ins.deviation = lambda number: 0.1
    stand_ins.energy_error_mev = lambda number: 57.0 if number else -21.0
    # The tables and the labels stay; the model's energies are made anew.
    runs = looked(with_domain(context, frames_per_run=11))
    for run in runs.values():
        assert [label.energy_error_mev_per_atom for label in run.spot_labels] == pytest.approx(
            [-21.0, 57.0], rel=1e-5, abs=0
        )
        assert len(run.reasons) == 2
        assert "at 0.2 ps, E(model) - E(label) is 57.0 meV/atom; at 0 ps it was -21.0" in run.reasons[1]
    sentence = look_at_domain(with_domain(context, frames_per_run=11, max_energy_drift_mev_per_atom=1000))
    assert sentence == "2 of 2 leave the model's domain: coating-06A/diffusion/seed-1, coating-00A/diffusion/seed-1"


def test_nothing_is_made_again_and_an_interrupted_look_goes_on(context: RunContext, stand_ins: StandIns) -> None:
    first = looked(context)
    assert len(stand_ins.done) == len(set(stand_ins.done)) == 2 + 4
    stand_ins.done.clear()
    assert looked(context) == first
    assert stand_ins.done == []
    (lost, *_) = sorted((context.scan / "domain" / "tasks").glob(f"task.*/{OUTPUT_FILE}"))
    lost.unlink()
    assert looked(context) == first
    assert stand_ins.done == [f"label {lost.parent.name}"]


def test_another_frame_or_another_committee_is_looked_at_anew(context: RunContext, stand_ins: StandIns) -> None:
    looked(context)
    stand_ins.done.clear()
    name = scan_runs(context.study)[0].name
    moved = [frame.copy() for frame in FRAMES]
    moved[-1].positions[1, 1] += 0.5
    write(context.scan / name / "traj.extxyz", moved, format="extxyz")
    looked(context)
    assert stand_ins.done == [f"explore {name}", f"label task.{name.replace('/', '.')}.{N_FRAMES - 1:06d}"]
    stand_ins.done.clear()
    (context.campaign / "iter.000000" / "00.train" / "graph.001.pb").write_text("another\n")
    looked(context)
    assert stand_ins.done == [f"explore {run.name}" for run in scan_runs(context.study)]


def test_failed_labels_are_named_and_a_dead_queue_ends_nothing(context: RunContext, stand_ins: StandIns) -> None:
    stand_ins.refuses = lambda number: number > 0
    for run in looked(context).values():
        assert [label.time_ps for label in run.spot_labels] == [0.0]
        (failed,) = run.failed_labels
        assert (failed.task, failed.reason) == (
            f"task.{run.name.replace('/', '.')}.{N_FRAMES - 1:06d}",
            "no convergence",
        )
        assert run.verdict == "inside"
    stand_ins.dies = True
    for file in (context.scan / "domain").rglob("*"):
        if file.name in (OUTPUT_FILE, "model_devi.out"):
            file.unlink()
    for run in looked(context).values():
        assert run.verdict == "not looked at"
        assert "the queue is gone" in run.no_committee
        assert all("the queue is gone" in failed.reason for failed in run.failed_labels)
        assert len(run.failed_labels) == 2


def test_a_model_from_elsewhere_has_no_committee_and_is_labelled_when_asked(
    context: RunContext, stand_ins: StandIns
) -> None:
    context.campaign.rename(context.root / "elsewhere")
    for run in looked(context).values():
        assert (run.verdict, run.committee, run.spot_labels) == ("not looked at", (), ())
        assert "no committee" in run.no_committee
        assert "domain.spot_labels_per_run asks for them" in run.no_labels
    assert look_at_domain(context) == "nothing says whether they stay in the model's domain"
    assert stand_ins.done == []
    for run in looked(with_domain(context, spot_labels_per_run=3)).values():
        assert (run.verdict, run.no_labels) == ("inside", "")
        np.testing.assert_allclose([label.time_ps for label in run.spot_labels], [0, 0.1, 0.2], rtol=1e-12, atol=0)


def test_a_teacher_that_cannot_run_here_leaves_the_committee(context: RunContext, stand_ins: StandIns) -> None:
    raw = context.study.model_dump(mode="json")
    raw["labels"] |= {"calculator": "vasp", "parameters": {}, "dft": {"command": "no_vasp_here"}}
    missing = replace(context, study=parse_study(yaml.safe_dump(raw), Path("x.yaml")))
    for run in looked(missing).values():
        assert "no_vasp_here" in run.no_labels
        assert (run.verdict, len(run.committee)) == ("inside", 20)


def test_models_larger_than_those_labelled_are_labelled_only_when_asked(repository: Path, tmp_path: Path) -> None:
    for name, n_labels in (("demo", 12), ("li_li7p3s11", 0)):
        study = load_study(repository / "configs" / f"{name}.yaml")
        context = RunContext(study, tmp_path)
        models = {run.name: run.model.name for run in scan_runs(study)}
        batches = domain.planned_looks(context, models)
        assert len(batches["committee on frames of the scan"].tasks) == len(models)
        labels = batches.get("spot labels of the scan")
        assert (len(labels.tasks) if labels else 0) == n_labels
        one = domain.planned_looks(with_domain(context, spot_labels_per_run=1), models)
        assert len(one["spot labels of the scan"].tasks) == len(models)


def test_a_run_without_a_readable_frame_is_not_looked_at(context: RunContext, stand_ins: StandIns) -> None:
    first, second = scan_runs(context.study)
    (context.scan / first.name / "traj.extxyz").unlink()
    runs = looked(context)
    assert runs[second.name].verdict == "inside"
    assert runs[first.name].verdict == "not looked at"
    assert "does not exist" in runs[first.name].no_committee
    assert runs[first.name].no_labels == runs[first.name].no_committee


def test_a_run_that_was_cut_short_is_looked_at_up_to_its_last_frame(context: RunContext) -> None:
    run = replace(read_scan_index(context)[0], n_frames=61)
    found = read_frames(context.scan, run, n_judged=4, n_labelled=1)
    assert (found.judged, found.labelled) == ((0, 20, 40), (40,))
    assert {number: number_of(atoms) for number, atoms in found.structures.items()} == {0: 0, 20: 20, 40: 40}


def test_scan_domain_prints_the_verdicts_and_asks_for_a_collected_scan(
    context: RunContext, stand_ins: StandIns, miniature: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (context.root / "study.yaml").write_text(miniature.read_text())
    assert main(["scan", "domain", str(context.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[:2]] == ["inside", "inside"]
    assert lines[2] == "none is seen to leave the model's domain"
    (context.scan / INDEX).unlink()
    assert main(["scan", "domain", str(context.root)]) == 2
    assert INDEX in capsys.readouterr().err


def test_run_whose_files_are_of_another_study_is_not_looked_at(context: RunContext, stand_ins: StandIns) -> None:
    first, *others = (run.name for run in read_scan_index(context))
    look_at_domain(context, stale={first: "it is of another study"})
    found = {run.name: run for run in read_book(DomainIndex, context.scan / DOMAIN_FILE).runs}
    assert (found[first].verdict, found[first].committee, found[first].spot_labels) == ("not looked at", (), ())
    assert found[first].no_committee == found[first].no_labels == "it is of another study"
    assert {found[name].verdict for name in others} == {"inside"}
    assert not any(first.replace("/", ".") in task or first in task for task in stand_ins.done)
