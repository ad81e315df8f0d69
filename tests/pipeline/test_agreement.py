"""LAMMPS against Python on the final model: what is compared, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from mlip_interfaces.books.run import INDEX, Agreement, BulkEntry, StructureIndex
from mlip_interfaces.config import Execution, load_study
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_arrays, write_json
from mlip_interfaces.jobs import Batch
from mlip_interfaces.pipeline import agreement
from mlip_interfaces.potentials.gates.plan import PLAN_FILE, StaticPlan
from mlip_interfaces.potentials.gates.static import run_static_gates
from mlip_interfaces.records import read_as
from mlip_interfaces.run.context import RunContext

N_ATOMS = 2


@pytest.fixture
def context(miniature: Path, tmp_path: Path) -> RunContext:
    """A run folder with a bulk cell and a model that nobody reads."""
    context = RunContext(load_study(miniature), tmp_path)
    (context.structures / "bulk-base").mkdir(parents=True)
    atoms = Atoms("LiF", positions=[[0, 0, 0], [2, 0, 0]], cell=[4, 4, 5], pbc=True)
    write(context.structures / "bulk-base" / "model.xyz", atoms)
    entry = BulkEntry("bulk-base", "bulk", "bulk-base/model.xyz", N_ATOMS, "FLi", 2.6, 2.0, {"Li-F": 2.0})
    write_json(context.structures / INDEX, StructureIndex((entry,)).to_json())
    (context.model / "training").mkdir(parents=True)
    (context.model / "training" / "model.pth").write_bytes(b"graph")
    return context


def spring(symbols: object, positions: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A potential that pulls atoms to the origin."""
    return (positions**2).sum(axis=(1, 2)), -2 * positions


def lammps_is_off_by(
    monkeypatch: pytest.MonkeyPatch, energy_ev: float, force_ev_per_angstrom: float
) -> list[tuple[str, ...]]:
    """Python measures as ever; in the place of LAMMPS the same potential, off by so much. Calls are kept."""
    calls: list[tuple[str, ...]] = []

    def run(batch: Batch, execution: Execution) -> None:
        calls.append(tuple(task.name for task in batch.tasks))
        static, compiled = batch.directory / "static", batch.directory / "compiled"
        plan = read_as(StaticPlan, static / PLAN_FILE)
        settings = Gates.model_validate(dict(plan.settings))
        run_static_gates(spring, [entry.host() for entry in plan.hosts], settings, static)
        atoms = read(compiled / "frame.1.data", format="lammps-data", atom_style="atomic")
        expected = read_arrays(static / "compiled.npz")
        # LAMMPS has read the structure that Python evaluated.
        energy, forces = spring(None, atoms.positions[None], atoms.cell.array[None])
        np.testing.assert_allclose(energy, expected["bulk-base/energy_ev"], rtol=1e-9)
        (compiled / "energies.csv").write_text(
            f"frame,energy_ev\n1,{float(expected['bulk-base/energy_ev'][0]) + energy_ev!r}\n"
        )
        found = expected["bulk-base/force_ev_per_angstrom"].copy()
        found[1, 2] += force_ev_per_angstrom
        rows = "".join(f"{number + 1} {x!r} {y!r} {z!r}\n" for number, (x, y, z) in enumerate(found.tolist()))
        (compiled / "forces.1.dump").write_text("header\n" * 9 + rows)

    monkeypatch.setattr(agreement, "run_tasks", run)
    return calls


def compare(context: RunContext, *, single_precision: bool = False) -> Agreement:
    return agreement.require_agreement(
        context, context.model / "training" / "model.pth", single_precision=single_precision
    )


def test_one_potential_in_both_is_accepted_with_its_numbers(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = lammps_is_off_by(monkeypatch, 0.9e-6 * N_ATOMS, -9e-6)
    found = compare(context)
    assert calls == [("static", "compiled")]
    assert found.structure == "bulk-base"
    np.testing.assert_allclose(found.energy_difference_ev_per_atom, 0.9e-6, rtol=1e-3)
    np.testing.assert_allclose(found.force_difference_ev_per_angstrom, 9e-6, rtol=1e-3)
    assert (context.model / "agreement" / "model.pth").samefile(context.model / "training" / "model.pth")
    command = (context.model / "agreement" / "compiled" / "command.sh").read_text()
    assert "-var potential ../model.pth" in command
    batch = agreement.agreement_batch(context, Path("model.pth"))
    assert "gates.static ../model.pth" in batch.tasks[0].command
    assert batch.tasks[1].inputs == ("command.sh", "frame.1.data")


@pytest.mark.parametrize(("energy", "force"), [(1.1e-6, 0.0), (0.0, 1.1e-5), (float("nan"), 0.0), (0.0, float("nan"))])
def test_two_potentials_are_refused_in_double_precision_and_measured_again(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, energy: float, force: float
) -> None:
    lammps_is_off_by(monkeypatch, energy * N_ATOMS, force)
    with pytest.raises(
        InputFileError, match=r"do not have one potential in .*model.pth: of bulk-base, energies"
    ) as error:
        compare(context)
    assert len(str(error.value).splitlines()) == 1
    lammps_is_off_by(monkeypatch, 0.0, 0.0)
    assert compare(context).force_difference_ev_per_angstrom < 1e-12


def test_single_precision_has_wider_bounds_that_are_bounds(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    lammps_is_off_by(monkeypatch, 9e-6 * N_ATOMS, 9e-4)
    assert compare(context, single_precision=True).max_force_difference_ev_per_angstrom == 1e-3
    (context.model / "training" / "model.pth").write_bytes(b"another graph")
    lammps_is_off_by(monkeypatch, 0.0, 1.1e-3)
    with pytest.raises(InputFileError, match="at most 0.001"):
        compare(context, single_precision=True)
