"""Real DFT+U: GPAW through the label driver."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from dft_cases import dft, label_of, licoo2, lif, settings, task

from mlip_interfaces.labels.codes import gpaw
from mlip_interfaces.labels.driver import INPUT_FILE, label_task
from mlip_interfaces.labels.teacher_md import PLAN_FILE, RESULT_FILE, TeacherMDPlan, read_records, teacher_md

needs_gpaw = pytest.mark.skipif(
    gpaw.find_python() is None, reason="GPAW is missing: apt-get install gpaw gpaw-data, or pip install gpaw gpaw-data"
)
# The lowest that the schema lets through.
CUTOFF_EV = 600
DISPLACEMENT_ANGSTROM = 0.02
Labelled = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """Labels through the driver, each made once."""
    made: dict[str, dict[str, Any]] = {}

    def make(name: str, atoms: Atoms, **section: Any) -> dict[str, Any]:
        if name not in made:
            folder = task(
                tmp_path_factory.mktemp(name), atoms, settings("gpaw", plane_wave_cutoff_ev=CUTOFF_EV, **section)
            )
            label_task(folder)
            made[name] = label_of(folder)
        assert made[name]["status"] == "ok", made[name]["reason"]
        return made[name]

    return make


def moved(atoms: Atoms) -> Atoms:
    atoms.rattle(0.05, seed=2)
    return atoms


def small_licoo2(x_angstrom: float = 0.0) -> Atoms:
    """The primitive cell, 4 atoms, one cobalt; the cobalt moved along x."""
    a, c = 2.816, 14.05
    cell = np.array(
        [(a / 2, a / (2 * np.sqrt(3)), c / 3), (-a / 2, a / (2 * np.sqrt(3)), c / 3), (0, -a / np.sqrt(3), c / 3)]
    )
    scaled = [(0.0, 0, 0), (0.5, 0.5, 0.5), (0.26, 0.26, 0.26), (0.74, 0.74, 0.74)]
    atoms = Atoms("CoLiO2", scaled_positions=scaled, cell=cell, pbc=True)
    atoms.positions[0] += (0.1 + x_angstrom, 0.03, -0.05)
    return atoms


@needs_gpaw
def test_u_acts_on_licoo2_and_not_where_there_is_no_cobalt(labelled: Labelled) -> None:
    with_u = labelled("licoo2-u", moved(licoo2()))
    without = labelled("licoo2", moved(licoo2()), elements={})
    assert with_u["calculator"].startswith("GPAW ")
    assert with_u["settings_hash"] != without["settings_hash"]
    # U = 5.14 eV on three cobalt atoms raises the energy by electron volts and changes the forces far beyond the SCF's noise.
    assert with_u["energy_ev"] - without["energy_ev"] > 3.0
    change = np.abs(np.subtract(with_u["forces_ev_per_angstrom"], without["forces_ev_per_angstrom"]))
    assert change.max() > 0.05
    fluoride_u, fluoride = labelled("lif-u", moved(lif())), labelled("lif", moved(lif()), elements={})
    np.testing.assert_allclose(fluoride_u["energy_ev"], fluoride["energy_ev"], rtol=1e-12, atol=0)
    np.testing.assert_allclose(
        fluoride_u["forces_ev_per_angstrom"], fluoride["forces_ev_per_angstrom"], rtol=0, atol=1e-9
    )


@needs_gpaw
def test_force_on_cobalt_is_minus_the_slope_of_the_free_energy_with_u(labelled: Labelled) -> None:
    here = labelled("primitive", small_licoo2())
    ahead = labelled("ahead", small_licoo2(DISPLACEMENT_ANGSTROM))
    behind = labelled("behind", small_licoo2(-DISPLACEMENT_ANGSTROM))
    slope = (ahead["energy_ev"] - behind["energy_ev"]) / (2 * DISPLACEMENT_ANGSTROM)
    assert abs(slope) > 0.3
    np.testing.assert_allclose(here["forces_ev_per_angstrom"][0][0], -slope, rtol=0.02, atol=0)


@needs_gpaw
def test_short_aimd_labels_each_sampled_frame(tmp_path: Path) -> None:
    label_settings = settings("gpaw", plane_wave_cutoff_ev=CUTOFF_EV)
    folder = task(tmp_path, bulk("LiF", "rocksalt", a=4.03), label_settings)
    plan = TeacherMDPlan(temperature_kelvin=300, steps=2, sample_every=1, timestep_fs=1, relax_steps=0, seed=1)
    (folder / PLAN_FILE).write_text(plan.model_dump_json())
    teacher_md(folder)
    assert json.loads((folder / RESULT_FILE).read_text())["status"] == "ok"
    frames = read_records(folder)
    assert len(frames) == 2
    assert all(frame["kind"] == "dft" and frame["settings_hash"] == label_settings.physics_hash for frame in frames)
    assert frames[0]["positions_angstrom"] != frames[1]["positions_angstrom"]
    # The energy follows the force along the step.
    step = np.subtract(frames[1]["positions_angstrom"], frames[0]["positions_angstrom"])
    force = np.add(frames[0]["forces_ev_per_angstrom"], frames[1]["forces_ev_per_angstrom"]) / 2
    np.testing.assert_allclose(
        frames[1]["energy_ev"] - frames[0]["energy_ev"], -(step * force).sum(), rtol=0.1, atol=1e-4
    )


@needs_gpaw
def test_scf_that_does_not_converge_is_refused_and_tried_with_care(tmp_path: Path) -> None:
    label_settings = settings("gpaw", plane_wave_cutoff_ev=CUTOFF_EV, max_scf_steps=2, labels={"second_attempt": True})
    folder = task(tmp_path, bulk("LiF", "rocksalt", a=4.03), label_settings)
    label_task(folder)
    label = label_of(folder)
    assert (label["status"], label["reason"], label["attempt"]) == ("failed", "the SCF did not converge", 2)
    careful = json.loads((folder / "gpaw_attempt_2" / gpaw.INPUT).read_text())
    assert (careful["mixer_beta"], careful["keywords"]["maxiter"]) == (0.02, 6)


def test_u_is_written_for_the_species_that_are_there(tmp_path: Path) -> None:
    for name, atoms, expected in (("a", licoo2(), {"Co": ":d,5.14"}), ("b", lif(), {})):
        (tmp_path / name).mkdir()
        gpaw.write(atoms, dft("gpaw"), tmp_path / name, 1)
        content = json.loads((tmp_path / name / gpaw.INPUT).read_text())
        assert content["keywords"]["setups"] == expected
        assert content["plane_wave_cutoff_ev"] == 700
        np.testing.assert_allclose(content["positions_angstrom"], atoms.positions, rtol=0, atol=0)


@pytest.mark.skipif(importlib.util.find_spec("gpaw") is not None, reason="our own Python has GPAW")
def test_python_without_gpaw_is_a_named_configuration(tmp_path: Path) -> None:
    folder = task(tmp_path, lif(), settings("gpaw", command=sys.executable))
    label_task(folder)
    label = label_of(folder)
    assert (label["reason"], label["cause"]) == ("the Python of labels.dft.command has no GPAW", "configuration")
    assert (folder / INPUT_FILE).is_file()


def test_gpaw_of_our_own_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    gpaw.find_python.cache_clear()
    assert gpaw.command([]) == [sys.executable, gpaw.COPY]
    gpaw.find_python.cache_clear()
    assert gpaw.command(["mpiexec", "-n", "2", "gpaw", "python"])[-1] == gpaw.COPY
