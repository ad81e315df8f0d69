"""The gates of a run folder without engines: which structures, which jobs, when a job is over, and who refuses what."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import write

from mlip_interfaces.books.gates import GATES_FILE, GateFindings, GatesVerdict, MeasuredNumber
from mlip_interfaces.books.run import INDEX, BulkEntry, LayerEntry, ModelEntry, StructureIndex, read_book
from mlip_interfaces.config import Study, load_study, warned_alone
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, write_json
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.pipeline import unfit_model
from mlip_interfaces.pipeline.gate_tasks import _LAMMPS_COMMAND
from mlip_interfaces.pipeline.gates import _hash, current_verdict, gates_batch, md_plan, read_hosts
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.unfit_model import refuse_unfit_model
from mlip_interfaces.potentials.gates.judging import judge
from mlip_interfaces.run.context import RunContext

ELEMENTS = ("Li", "F", "S")


@pytest.fixture
def context(miniature: Path, tmp_path: Path) -> RunContext:
    """A run folder with three models and a potential that nobody reads."""
    study = load_study(miniature)
    context = RunContext(study, tmp_path)
    layer = LayerEntry("base", "LiF", 4.0, 4.0, 4.0, 2, "LiF")
    entries: list[ModelEntry | BulkEntry] = []
    for name, symbols in (("thick", "LiFSLi"), ("thin", "LiFS"), ("bare", "LiF")):
        atoms = Atoms(
            symbols, positions=[[0, 0, 2.0 * k] for k in range(len(Atoms(symbols)))], cell=[5, 5, 12], pbc=True
        )
        atoms.arrays["layer_id"] = np.arange(len(atoms))
        (context.structures / name).mkdir(parents=True)
        write(context.structures / name / "model.xyz", atoms, format="extxyz")
        pairs = {"Li-F": 2.0} | ({"Li-S": 2.5} if "S" in symbols else {})
        entries.append(
            ModelEntry(
                name=name, role="interface", file=f"{name}/model.xyz", n_atoms=len(atoms), composition="", density_g_per_cm3=2.0,
                min_distance_angstrom=2.0, min_distances_angstrom=pairs, coating_angstrom=None, area_angstrom2=25.0,
                layers=(layer,), strain=0.0,
            )
        )  # fmt: skip
    (context.structures / "bulk-base").mkdir()
    write(
        context.structures / "bulk-base" / "model.xyz",
        Atoms("LiF", positions=[[0, 0, 0], [2, 0, 0]], cell=[4] * 3, pbc=True),
    )
    entries.append(BulkEntry("bulk-base", "bulk", "bulk-base/model.xyz", 2, "FLi", 2.6, 2.0, {"Li-F": 2.0}))
    write_json(context.structures / INDEX, StructureIndex(tuple(entries)).to_json())
    context.model.mkdir()
    (context.model / "model.pb").write_bytes(b"graph")
    return context


def keep(context: RunContext, wall_ev: float) -> GatesVerdict:
    """A verdict as the gates would leave it, on a wall of this height."""
    settings = context.study.gates
    results = judge([GateFindings("pairs", (MeasuredNumber("Li-F", "pair_wall_ev", wall_ev),))], settings)
    model_hash = file_hash(context.model / "model.pb")
    verdict = GatesVerdict(
        passed=results[0].passed, model_sha256=model_hash, measured_for=_hash(context.study, read_hosts(context), model_hash),
        structures=("thin",), results=results, settings=settings.model_dump(mode="json"),
    )  # fmt: skip
    context.validation.mkdir(exist_ok=True)
    write_json(context.validation / GATES_FILE, verdict.to_json())
    return verdict


def with_gates(context: RunContext, **keys: object) -> RunContext:
    study = context.study
    return replace(context, study=study.model_copy(update={"gates": study.gates.model_copy(update=keys)}))


def test_bulk_cells_and_the_smallest_of_the_richest_interfaces_are_tried(context: RunContext) -> None:
    hosts = read_hosts(context)
    assert [(host.name, host.role) for host in hosts] == [("bulk-base", "bulk"), ("thin", "interface")]
    assert hosts[1].layer_id.tolist() == [0, 1, 2]
    plan = md_plan(context.study, hosts)
    assert (plan.hottest_kelvin, plan.shortest_timestep_fs, plan.n_frames) == (50, 0.5, 2)


def test_what_python_measures_is_one_job_and_each_gate_of_lammps_another(context: RunContext) -> None:
    batch = gates_batch(context)
    assert [task.name for task in batch.tasks] == ["static", "compiled", "heating", "drift"]
    assert set(batch.common_files) == {"model.pb", "gate_compiled.in", "gate_heating.in", "gate_drift.in"}
    assert batch.tasks[1].inputs == ("command.sh", "frame.1.data", "frame.2.data")
    some = gates_batch(with_gates(context, run=("pairs", "drift")))
    assert [task.name for task in some.tasks] == ["static", "drift"]


@pytest.mark.parametrize(
    ("script", "over"),
    [
        ("echo 'Total wall time: 0:00:01' > log.lammps", True),
        ("echo 'ERROR: Lost atoms: original 20 current 17' > log.lammps; exit 1", True),
        ("echo 'Step Temp' > log.lammps; exit 247", False),
        ("echo 'Step Temp' > log.lammps", False),
        ("echo 'ERROR: Cannot open data file' > log.lammps; exit 1", False),
    ],
)
def test_atoms_that_fly_apart_are_a_result_and_a_killed_lammps_is_none(tmp_path: Path, script: str, over: bool) -> None:
    (tmp_path / "command.sh").write_text(script)
    (tmp_path / DONE).write_text("of an earlier time")
    done = subprocess.run(_LAMMPS_COMMAND, shell=True, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode == 0) is over
    assert (tmp_path / DONE).is_file() is over


def test_a_model_that_fails_is_refused_with_gate_number_and_bound(context: RunContext) -> None:
    keep(context, 0.25)
    strict = with_gates(context, if_failed="refuse")
    keep(strict, 0.25)
    with pytest.raises(
        InputFileError,
        match=r"not fit for production: 1 of 1 safety gates failed: 'pairs': Li-F: height of the wall is 0.25 eV \(at least 2\)",
    ) as error:
        refuse_unfit_model(strict)
    assert len(str(error.value).splitlines()) == 1
    refuse_unfit_model(replace(strict, study=warned_alone(strict.study)))
    keep(strict, 25.0)
    refuse_unfit_model(strict)


def test_a_bound_that_is_moved_judges_anew_what_was_measured(context: RunContext) -> None:
    """No job runs: the potential here is none."""
    numbers = (MeasuredNumber("Li-F", "pair_pull_ev_per_angstrom", 0.8, "at 1 angstrom"),)
    strict = with_gates(context, if_failed="refuse")
    verdict = keep(strict, 25.0)
    results = judge([GateFindings("pairs", numbers, 3.0, {"Li-F": "gates/x.xyz"})], strict.study.gates)
    write_json(strict.validation / GATES_FILE, replace(verdict, passed=False, results=results).to_json())
    with pytest.raises(InputFileError, match=r"0.8 eV/angstrom \(at most 0.5\)"):
        refuse_unfit_model(strict)
    loose = with_gates(strict, max_pair_pull_ev_per_angstrom=1.0)
    refuse_unfit_model(loose)
    kept = read_book(GatesVerdict, loose.validation / GATES_FILE)
    assert kept.passed
    assert kept.settings["max_pair_pull_ev_per_angstrom"] == 1.0
    assert (kept.results[0].checks[0].value, kept.results[0].checks[0].note) == (0.8, "at 1 angstrom")


def test_without_gates_nothing_is_refused_and_nothing_measured(context: RunContext) -> None:
    refuse_unfit_model(with_gates(context, run=()))
    assert not (context.validation / GATES_FILE).exists()


def test_a_verdict_holds_for_its_model_its_structures_and_its_settings(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Path] = []

    def measure(other: RunContext) -> GatesVerdict:
        measured.append(other.root)
        return keep(other, 25.0)

    monkeypatch.setattr(unfit_model, "run_gates", measure)
    refuse_unfit_model(context)
    refuse_unfit_model(context)
    assert len(measured) == 1
    assert current_verdict(context) == read_book(GatesVerdict, context.validation / GATES_FILE)
    for other in (with_gates(context, pair_step_angstrom=0.1), with_gates(context, max_temperature_ratio=3.0)):
        assert current_verdict(other) is None
    (context.model / "model.pb").write_bytes(b"another graph")
    assert current_verdict(context) is None
    refuse_unfit_model(context)
    assert len(measured) == 2
    write(context.structures / "thin" / "model.xyz", Atoms("LiFS", positions=np.eye(3) * 2, cell=[5, 5, 12], pbc=True))
    assert current_verdict(context) is None


def test_no_stage_depends_on_the_gates(miniature: Path, tmp_path: Path) -> None:
    raw = yaml.safe_load(miniature.read_text())
    before, after = (
        StudyHashes(Study.model_validate(raw | {"gates": gates})).stages(tmp_path)
        for gates in ({}, {"run": [], "if_failed": "warn"})
    )
    assert before == after
