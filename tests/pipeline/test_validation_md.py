"""A model's own MD, labelled afterwards, and MD with the labelling method: made once, gone on with, set aside and brought back.

``lmp`` is the toy of `toy_lmp.py`, the labels are a Lennard-Jones toy's, and so is the model in MD.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

from mlip_interfaces.books.run import LayersOfAtoms, write_book
from mlip_interfaces.config import Execution, Study, load_study
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import write_text
from mlip_interfaces.jobs import Batch
from mlip_interfaces.jobs.alone import alone
from mlip_interfaces.pipeline import own_md, reference_md
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.own_md import label_own_md
from mlip_interfaces.pipeline.reference_md import compare_with_reference, compared_pairs
from mlip_interfaces.pipeline.standing import adopt_older
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.manifests import Manifest, write_manifest

MINIATURE = Path(__file__).parents[1] / "studies" / "miniature.yaml"
NAME = "coating-00A"


def asking(**validation: Any) -> Study:
    content = load_study(MINIATURE).model_dump(mode="json")
    content["validation"] = {"own_md": {"n_snapshots": 0}} | validation
    # Atoms of the toy stand anywhere.
    content["labels"] |= {
        "calculator": "mini_teacher:lennard_jones",
        "parameters": {},
        "max_force_ev_per_angstrom": 1e4,
    }
    content["labels"]["min_distance_angstrom"] = 0.5
    return Study.model_validate(content)


def run_here(batch: Batch, execution: Execution) -> None:
    """The tasks' own commands, those that are not finished, without dpdispatcher's seconds between two looks."""
    for task in batch.tasks:
        if not all((batch.directory / task.name / output).is_file() for output in task.outputs):
            RAN.append(f"{batch.step} {task.name}")
            subprocess.run(
                ["sh", "-c", alone(task.command)], cwd=batch.directory / task.name, capture_output=True, check=False
            )
    missing = [task.name for task in batch.tasks if not (batch.directory / task.name / task.outputs[0]).is_file()]
    if missing:
        raise UnfinishedError(f"{missing[0]} did not finish")


RAN: list[str] = []


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "programs" / "lmp"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {Path(__file__).with_name("toy_lmp.py")} "$@"\n')
    program.chmod(0o755)
    # The toy, then the programs beside the interpreter, as a job's script has them.
    here = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), str(here), os.environ["PATH"]]))
    for module in (own_md, reference_md):
        monkeypatch.setattr(module, "run_tasks", run_here)
    monkeypatch.setattr(reference_md, "_CALCULATOR", "mini_teacher:softer")
    monkeypatch.setattr(StudyHashes, "stages", lambda self, root: {"train": (root / "model" / "model.pb").read_text()})
    RAN.clear()
    run = tmp_path / "run"
    atoms: Atoms = bulk("LiF", "rocksalt", a=4.0, cubic=True) * (2, 2, 1)
    atoms.arrays["layer"] = np.where(atoms.positions[:, 0] < 4, "base", "electrolyte")
    atoms.arrays["layer_id"] = np.where(atoms.positions[:, 0] < 4, 0, 1)
    folder = run / "structures" / NAME
    folder.mkdir(parents=True)
    write(folder / "model.xyz", atoms, format="extxyz")
    write(folder / "model.data", atoms, format="lammps-data", specorder=["Li", "F", "S"], masses=True)
    symbols, layer = atoms.get_chemical_symbols(), atoms.arrays["layer"].tolist()
    write_book(folder / "layers.json", LayersOfAtoms(tuple(symbols), tuple(layer)))
    (run / "model").mkdir()
    (run / "model" / "model.pb").write_text("the first model")
    return run


def test_snapshots_of_own_md_are_labelled_once_and_go_on_after_a_kill(root: Path) -> None:
    study = asking(own_md={"n_snapshots": 3, "time_ps": 0.05, "structures": [NAME]})
    context = RunContext(study, root)
    (root / "validation" / "own_md" / "runs").mkdir(parents=True)
    (root / "validation" / "own_md" / "runs" / "kill_at").write_text("20")
    made_of = StudyHashes(study).own_md(root)
    (root / "validation" / "own_md" / "made_of.sha256").write_text(made_of)
    with pytest.raises(UnfinishedError):
        label_own_md(context, begun=0.0, share=1.0)
    found = label_own_md(context, begun=0.0, share=1.0)
    assert RAN[:2] == [f"md {NAME}"] * 2
    # One process labels what waits beside it.
    assert all(name.startswith("label ") for name in RAN[2:])
    (run,) = found.runs
    assert (run.structure, run.n_snapshots, run.asked_ps) == (NAME, 3, 0.05)
    np.testing.assert_allclose(run.time_ps, 0.05, rtol=1e-6, atol=0)
    (system,) = found.systems
    assert found.failed == ()
    assert np.load(system / "set.000" / "energy.npy").size == 3
    assert (system / "layer.json").is_file()
    # Random frames of the run, its start not among them, in order of time.
    tasks = sorted(path.name for path in (root / "validation" / "own_md" / "tasks").glob("task.*"))
    places = [int(name.rsplit(".", 1)[1]) for name in tasks]
    assert 0 not in places
    assert len(set(places)) == 3
    RAN.clear()
    assert label_own_md(context, begun=0.0, share=1.0) == found
    assert RAN == []


def test_another_model_moves_anew_and_the_first_comes_back(root: Path) -> None:
    context = RunContext(asking(own_md={"n_snapshots": 2, "time_ps": 0.05, "structures": [NAME]}), root)
    first = label_own_md(context, begun=0.0, share=1.0)
    (root / "model" / "model.pb").write_text("the second model")
    RAN.clear()
    label_own_md(context, begun=0.0, share=1.0)
    assert f"md {NAME}" in RAN
    assert [item.place for item in all_aside(root)] == ["validation/own_md"]
    (root / "model" / "model.pb").write_text("the first model")
    RAN.clear()
    assert label_own_md(context, begun=0.0, share=1.0) == first
    assert RAN == []


def test_nothing_is_made_where_nothing_is_asked_for(root: Path) -> None:
    context = RunContext(asking(), root)
    assert label_own_md(context, begun=0.0, share=1.0).systems == ()
    assert compare_with_reference(context, begun=0.0, share=1.0).comparison is None
    assert not (root / "validation").exists()


def test_both_kinds_of_md_begin_alike_and_are_compared(root: Path) -> None:
    asked = {
        "structure": NAME,
        "temperature_kelvin": 300,
        "steps": 40,
        "sample_every": 2,
        "timestep_fs": 1,
        "discard_ps": 0.01,
    }
    context = RunContext(asking(reference_md=asked), root)
    found = compare_with_reference(context, begun=0.0, share=1.0)
    comparison = found.comparison
    assert comparison is not None
    assert comparison.trouble == ()
    # Five of twenty frames are before 0.01 ps, and at it.
    assert (comparison.n_runs, comparison.n_frames) == (1, 15)
    np.testing.assert_allclose(comparison.time_ps, 0.03, rtol=1e-9, atol=0)
    assert set(comparison.overlaps) == {"Li-F"}
    overlap = comparison.overlaps["Li-F"]
    assert 0.3 < overlap.value < 1.0
    assert overlap.error > 0
    assert (comparison.intact, comparison.unit) == (None, "")
    labels, model = (
        read(root / "validation" / "reference_md" / which / "md.000" / "POSCAR_in", format="vasp")
        for which in ("labels", "model")
    )
    np.testing.assert_array_equal(labels.positions, model.positions)
    (system,) = found.systems
    assert np.load(system / "set.000" / "energy.npy").size == 15
    # A second model moves anew; MD with the labels stays. So does what only fewer frames are compared of.
    RAN.clear()
    assert compare_with_reference(context, begun=0.0, share=1.0) == found
    (root / "model" / "model.pb").write_text("the second model")
    compare_with_reference(RunContext(asking(reference_md=asked | {"discard_ps": 0.02}), root), begun=0.0, share=1.0)
    assert RAN == ["md md.000"]


def test_a_run_that_falls_apart_is_no_comparison(root: Path) -> None:
    asked = {"structure": NAME, "temperature_kelvin": 300, "steps": 16, "sample_every": 2}
    study = asking(reference_md=asked)
    study = study.model_copy(update={"labels": study.labels.model_copy(update={"max_force_ev_per_angstrom": 1e-3})})
    comparison = compare_with_reference(RunContext(study, root), begun=0.0, share=1.0).comparison
    assert comparison is not None
    assert comparison.overlaps == {}
    assert [said.split(":")[0] for said in comparison.trouble] == [
        "md.000 with mini_teacher", "md.000 with the model",
    ]  # fmt: skip


def test_pairs_are_those_of_the_study_that_are_there() -> None:
    study = load_study(MINIATURE)
    assert compared_pairs(study, np.array(["Li", "F", "Li"])) == ["Li-F"]
    assert compared_pairs(study, np.array(["Li", "S", "S", "P"])) == ["Li-S", "P-S", "S-S"]
    assert compared_pairs(study, np.array(["Co", "Co"])) == ["Co-Co"]


def test_a_folder_of_another_version_keeps_its_md(root: Path) -> None:
    study = asking(own_md={"n_snapshots": 2, "time_ps": 0.05}, reference_md={"steps": 16, "sample_every": 2})
    parts = StudyHashes(study).parts_of_validation(root)
    for name in parts:
        (root / "validation" / name).mkdir(parents=True)
        (root / "validation" / name / "made_of.sha256").write_text("as an earlier version counted")
    write_text(root / "study.yaml", yaml.safe_dump(study.model_dump(mode="json")))
    write_manifest(root / "validation", Manifest("validate", "done", "an earlier hash", keys="earlier"))
    adopt_older(root)
    assert {name: (root / "validation" / name / "made_of.sha256").read_text().strip() for name in parts} == parts
    assert set(parts) == {"tasks", "own_md", "reference_md/labels", "reference_md/model"}
    assert set(StudyHashes(asking()).parts_of_validation(root)) == {"tasks"}


def test_hashes_change_with_what_a_part_is_made_of_and_with_nothing_else(root: Path) -> None:
    plain = asking(own_md={"n_snapshots": 3}, reference_md={"steps": 16, "sample_every": 2})
    base = StudyHashes(plain)

    def other(**validation: Any) -> StudyHashes:
        kept = {"own_md": {"n_snapshots": 3}, "reference_md": {"steps": 16, "sample_every": 2}}
        return StudyHashes(asking(**(kept | validation)))

    own = other(own_md={"n_snapshots": 4})
    assert own.own_md(root) != base.own_md(root)
    assert own.reference_md == base.reference_md
    assert own.held_out(root) == base.held_out(root)
    reference = other(reference_md={"steps": 18, "sample_every": 2})
    assert reference.reference_md != base.reference_md
    assert reference.model_md(root) != base.model_md(root)
    assert reference.own_md(root) == base.own_md(root)
    (root / "model" / "model.pb").write_text("another model")
    again = StudyHashes(plain)
    assert again.reference_md == base.reference_md
