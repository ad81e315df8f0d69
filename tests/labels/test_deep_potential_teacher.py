"""A Deep Potential as the teacher of another, through the driver and teacher MD; tiny ones, trained here for two steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from mlip_interfaces.choices import BACKEND_LABELS, BACKEND_OF_ENDING
from mlip_interfaces.cli.main import main
from mlip_interfaces.deep_potentials import read_deep_potential
from mlip_interfaces.errors import InputFileError, UserError
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.labels.teacher_md import PLAN_FILE, TeacherMDPlan, read_records, teacher_md
from mlip_interfaces.programs import program_environment

TINY_POTENTIAL = Path(__file__).parent.parent / "pipeline" / "tiny_potential.py"
DIRECT = """
import json, sys
import numpy as np
from ase.io import read
from deepmd.infer import DeepPot
potential = DeepPot(sys.argv[1])
names = potential.get_type_map()
atoms = read(sys.argv[2], format="vasp")
kinds = [names.index(symbol) for symbol in atoms.get_chemical_symbols()]
energy, forces, virial = potential.eval(atoms.positions.reshape(1, -1), np.asarray(atoms.cell).reshape(1, 9), kinds)[:3]
print(json.dumps({"energy": energy.item(), "forces": forces[0].tolist(), "virial": virial[0].reshape(3, 3).tolist()}))
"""


def in_own_process(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        check=False, capture_output=True, text=True, env=program_environment(), cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("teacher") / "teacher.pb"
    in_own_process(str(TINY_POTENTIAL), "train", str(file), "F", "Li", folder=file.parent)
    return file


def write_task(task: Path, model: Path, symbol: str = "F") -> None:
    task.mkdir()
    atoms = bulk(f"Li{symbol}", "rocksalt", a=5.0, cubic=True)
    atoms.rattle(0.05, seed=1)
    write(task / INPUT_FILE, atoms, format="vasp", direct=True)
    LabelSettings(calculator="deepmd", parameters={"model": str(model)}).write(task.parent / SETTINGS_FILE)


def test_label_is_the_models_own_and_an_unknown_element_one_failed_label(model: Path, tmp_path: Path) -> None:
    task, of_other_elements = tmp_path / "task.000.000000", tmp_path / "task.000.000001"
    write_task(task, model)
    write_task(of_other_elements, model, "Cl")
    label_task(task)
    assert "does not know Cl" in json.loads((of_other_elements / OUTPUT_FILE).read_text())["reason"]
    label = json.loads((task / OUTPUT_FILE).read_text())
    assert label["status"] == "ok", label["reason"]
    direct = json.loads(in_own_process("-c", DIRECT, str(model), str(task / INPUT_FILE)).splitlines()[-1])
    np.testing.assert_allclose(label["energy_ev"], direct["energy"], rtol=1e-12, atol=0)
    np.testing.assert_allclose(label["forces_ev_per_angstrom"], direct["forces"], rtol=0, atol=1e-12)
    virial = np.array(direct["virial"])
    assert np.abs(virial).max() > 1e-6
    np.testing.assert_allclose(label["virial_ev"], (virial + virial.T) / 2, rtol=0, atol=1e-10)
    assert label["kind"] == "surrogate"
    assert label["calculator"].startswith("deepmd 3.")
    assert "(teacher.pb " in label["calculator"]


def test_frames_of_its_md_are_labels_by_it(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "md.000"
    write_task(folder, model)
    plan = TeacherMDPlan(temperature_kelvin=50, steps=2, sample_every=1, timestep_fs=1, relax_steps=0, seed=1)
    (folder / PLAN_FILE).write_text(plan.model_dump_json())
    teacher_md(folder)
    records = read_records(folder)
    assert [record["status"] for record in records] == ["ok", "ok"]
    assert records[0]["positions_angstrom"] != records[1]["positions_angstrom"]


def test_labels_of_one_model_are_one_data_set_wherever_it_lies(model: Path, tmp_path: Path) -> None:
    def settings(file: Path, **more: str) -> LabelSettings:
        return LabelSettings(calculator="deepmd", parameters={"model": str(file), **more})

    copy = tmp_path / "copy.pb"
    copy.write_bytes(model.read_bytes())
    assert settings(copy).physics_hash == settings(model).physics_hash
    assert settings(copy, head="LPS").physics_hash != settings(model).physics_hash
    copy.write_bytes(model.read_bytes() + b"x")
    assert settings(copy).physics_hash != settings(model).physics_hash


def test_element_and_head_that_the_model_lacks_are_named_before_anything_is_labelled(model: Path) -> None:
    settings = LabelSettings(calculator="deepmd", parameters={"model": str(model)})
    require_teacher(settings, ["Li", "F"])
    with pytest.raises(
        InputFileError, match=r"labels.calculator is 'deepmd': .*teacher.pb does not know Cl: its elements are F, Li"
    ):
        require_teacher(settings, ["Li", "Cl"])
    asked = LabelSettings(calculator="deepmd", parameters={"model": str(model), "head": "LPS"})
    with pytest.raises(InputFileError, match="a model without heads, so that there is no 'LPS'; leave it out"):
        require_teacher(asked, ["Li", "F"])


def test_structures_with_an_element_that_the_model_lacks_are_not_relaxed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    sentence = f"--calculator {model} does not know S: its elements are F, Li; give one that knows all of "
    migration = ["screen", "migration", "Li2S", "--calculator", str(model), "--out", str(out)]
    defects = ["screen", "defect-energies", "LiF", "--defects", "S_F' + V_F.", "--calculator", str(model)]
    for words in (migration, [*defects, "--reservoir", "Li2S", "--out", str(out)]):
        assert main(words) == 2
        assert sentence in capsys.readouterr().err
    cells = {
        "compositions": [{"formula": "Li2S", "density_g_per_cm3": 1.6}],
        "temperatures_kelvin": [900],
        "edge_angstrom": 9,
        "time_ps": 1,
        "leave_out_ps": 0.1,
        "flux": {"length_angstrom": 1e7, "chemical_potentials": {"Li": -0.5, "S": 0.5}},
    }
    (tmp_path / "cells.yaml").write_text(json.dumps(cells))
    assert (
        main(["screen", "compositions", str(tmp_path / "cells.yaml"), "--potential", str(model), "--out", str(out)])
        == 2
    )
    assert "Li2S: " in (said := capsys.readouterr().err)
    assert "teacher.pb does not know S: its elements are F, Li" in said
    runs = {
        "crystals": ["Li2S"],
        "temperatures_kelvin": [900],
        "time_ps": 1,
        "leave_out_ps": 0.1,
        "dump_interval_ps": 0.01,
    }
    for by in ({"potential": str(model)}, {"calculator": "deepmd", "parameters": {"model": str(model)}}):
        (tmp_path / "runs.yaml").write_text(json.dumps(runs | by))
        assert main(["screen", "conductivity", str(tmp_path / "runs.yaml"), "--out", str(out)]) == 2
        assert "teacher.pb does not know S: its elements are F, Li" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("ending", [".pb", ".pt"])
def test_damaged_model_and_wrong_torch_are_one_sentence(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{ending}"
    file.write_text("no model\n")
    with pytest.raises(UserError) as raised:
        read_deep_potential(file)
    said = str(raised.value)
    assert str(file) in said
    assert BACKEND_LABELS[BACKEND_OF_ENDING[ending]] in said
    assert "\n" not in said


def test_file_of_another_kind_is_no_deep_potential(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"is no Deep Potential: those end in .pb"):
        read_deep_potential(tmp_path / "model.xyz")
    with pytest.raises(InputFileError, match="There is no file"):
        read_deep_potential(tmp_path / "model.pb")
