"""Files that a study names: found beside it from anywhere, kept in the run folder, and noticed when they change."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ase.io import read, write

from mlip_interfaces.config import CrystalLayer, Study, load_study
from mlip_interfaces.errors import StructureError, StudyError
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.flow import run_study
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.study_files import keep_files, load_run_study
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.glass import QuenchPotential

LINES = "# elements: Li S\npair_style table linear 100\npair_coeff 1 2 sub/li-s.table BOTH\npair_coeff * * sub/li-s.table BOTH\n"


def content(**sections: Any) -> dict[str, Any]:
    layers = [
        {
            "kind": "crystal",
            "name": "base",
            "material": "crystals/mine.cif",
            "miller": [1, 0, 0],
            "thickness_angstrom": 4,
        },
        {"kind": "crystal", "name": "electrolyte", "material": "Li2S", "miller": [1, 0, 0], "thickness_angstrom": 5.7},
    ]
    return {
        "name": "files",
        "elements": ["Li", "F", "S"],
        "interface": {"max_strain": 0.02, "max_area_angstrom2": 40, "layers": layers},
        "labels": {"calculator": "chgnet"},
        "exploration": {"iterations": [{"temperatures_kelvin": [300], "steps": 1000, "sample_every": 10}]},
        "protocols": {"cold": {"temperature_kelvin": 50, "time_ps": 0.1, "dump_interval_ps": 0.005}},
    } | sections


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """A study in a folder of its own, with a crystal beside it."""
    home = tmp_path / "home"
    (home / "crystals").mkdir(parents=True)
    write_cif(home / "crystals" / "mine.cif", 4.0)
    file = home / "mine.yaml"
    file.write_text(yaml.safe_dump(content()))
    return file


def write_cif(file: Path, lattice_angstrom: float) -> None:
    atoms = load_crystal("LiF")
    atoms.set_cell(np.eye(3) * lattice_angstrom, scale_atoms=True)
    write(file, atoms)


def material(study: Study) -> Path:
    layer = study.interface.layers[0]
    assert isinstance(layer, CrystalLayer)
    return Path(layer.material)


def lattice_angstrom(root: Path) -> float:
    return float(read(root / "structures" / "bulk-base" / "model.xyz").cell.lengths()[0])


def test_a_path_is_relative_to_the_study_wherever_it_is_called_from(
    study_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "elsewhere" / "crystals"
    other.mkdir(parents=True)
    write_cif(other / "mine.cif", 4.2)
    monkeypatch.chdir(other.parent)
    expected = study_file.parent / "crystals" / "mine.cif"
    for name in (study_file, Path(os.path.relpath(study_file))):
        assert material(load_checked_study(name)) == expected
    study_file.write_text(yaml.safe_dump(content()).replace("crystals/mine.cif", str(expected)))
    assert material(load_checked_study(study_file)) == expected
    expected.unlink()
    with pytest.raises(StudyError, match=r"interface.layers.0.material is .*, but there is no file"):
        load_checked_study(study_file)
    study_file.write_text(yaml.safe_dump(content()))
    with pytest.raises(StudyError, match=r"is 'crystals/mine.cif', but there is no file .*home/crystals/mine.cif"):
        load_checked_study(study_file)


def test_a_run_folder_keeps_its_crystal_and_can_be_moved(study_file: Path, tmp_path: Path) -> None:
    run_study(study_file, tmp_path / "run", until="build")
    np.testing.assert_allclose(lattice_angstrom(tmp_path / "run"), 8.0, rtol=1e-6, atol=0)
    index = json.loads((tmp_path / "run" / "structures" / "index.json").read_text())
    model = next(entry for entry in index["models"] if entry["role"] == "interface")
    assert [layer["material"] for layer in model["layers"]] == ["mine.cif", "Li2S"]
    shutil.move(tmp_path / "run", tmp_path / "moved")
    shutil.rmtree(study_file.parent)
    found = load_run_study(tmp_path / "moved")
    assert material(found) == tmp_path / "moved" / "inputs" / "base" / "mine.cif"
    before = (tmp_path / "moved" / "structures" / "manifest.json").read_text()
    run_study(tmp_path / "moved" / "study.yaml", tmp_path / "moved", until="build")
    assert (tmp_path / "moved" / "structures" / "manifest.json").read_text() == before
    run_study(tmp_path / "moved" / "study.yaml", tmp_path / "second", until="build")
    np.testing.assert_allclose(lattice_angstrom(tmp_path / "second"), 8.0, rtol=1e-6, atol=0)


def test_an_edited_crystal_is_noticed_and_its_place_is_not(study_file: Path, tmp_path: Path) -> None:
    root, cif = tmp_path / "run", study_file.parent / "crystals" / "mine.cif"
    run_study(study_file, root, until="build")
    for place in ("crystals/../crystals/mine.cif", str(cif)):
        study_file.write_text(yaml.safe_dump(content()).replace("crystals/mine.cif", place))
        run_study(study_file, root, until="build")
    write_cif(cif, 4.05)
    np.testing.assert_allclose(lattice_angstrom(root), 8.0, rtol=1e-6, atol=0)
    run_study(study_file, root, until="build")
    np.testing.assert_allclose(lattice_angstrom(root), 8.1, rtol=1e-6, atol=0)


def test_a_run_in_the_folder_of_its_own_study_notices_an_edited_crystal(study_file: Path) -> None:
    own = study_file.rename(study_file.with_name("study.yaml"))
    run_study(own, own.parent, until="build")
    run_study(own, own.parent, until="build")
    write_cif(own.parent / "crystals" / "mine.cif", 4.05)
    run_study(own, own.parent, until="build")
    np.testing.assert_allclose(lattice_angstrom(own.parent), 8.1, rtol=1e-6, atol=0)


def test_what_lies_beside_the_study_is_found_after_both_were_moved(study_file: Path, tmp_path: Path) -> None:
    """And where the study stays, its own folder wins over a stranger's at the same distance."""
    labels = {"calculator": "vasp", "dft": {"pseudopotential_dir": "potcars"}}
    study_file.write_text(yaml.safe_dump(content(labels=labels)))
    home, root = study_file.parent, study_file.parent / "runs" / "one"
    (home / "potcars").mkdir()
    root.mkdir(parents=True)
    keep_files(study_file, root)

    def folder(run: Path) -> str | None:
        dft = load_run_study(run).labels.dft
        assert dft is not None
        return dft.pseudopotential_dir

    copied = tmp_path / "copied" / "runs" / "one"
    shutil.copytree(root, copied)
    assert folder(root) == folder(copied) == str(home / "potcars")
    moved = home.rename(tmp_path / "away")
    assert folder(moved / "runs" / "one") == str(moved / "potcars")


def test_a_run_in_the_folder_of_its_own_study_can_be_moved(study_file: Path, tmp_path: Path) -> None:
    own = study_file.rename(study_file.with_name("study.yaml"))
    keep_files(own, own.parent)
    moved = own.parent.rename(tmp_path / "away")
    assert material(load_run_study(moved)) == moved / "crystals" / "mine.cif"


def test_a_study_of_the_library_needs_no_folder_of_inputs(study_file: Path, tmp_path: Path) -> None:
    study_file.write_text(yaml.safe_dump(content()).replace("crystals/mine.cif", "LiF"))
    assert load_checked_study(study_file) == load_study(study_file)
    run_study(study_file, tmp_path / "run", until="build")
    assert not (tmp_path / "run" / "inputs").exists()
    assert (tmp_path / "run" / "study.yaml").read_text() == study_file.read_text()


def glass(study_file: Path, potential: str) -> None:
    sections = content()
    sections["interface"]["layers"].append(
        {
            "kind": "amorphous", "name": "glass", "material": "Li2S", "thickness_angstrom": 6, "density_g_per_cm3": 1.5,
            "potential": potential,
        }
    )  # fmt: skip
    study_file.write_text(yaml.safe_dump(sections))


def test_a_potential_is_kept_with_the_files_it_names(study_file: Path, tmp_path: Path) -> None:
    home, root = study_file.parent, tmp_path / "run"
    (home / "sub").mkdir()
    (home / "sub" / "li-s.table").write_text("numbers\n")
    (home / "glass.lammps").write_text(LINES)
    glass(study_file, "glass.lammps")
    asked = load_checked_study(study_file)
    before = StudyHashes(asked).stages(root)["build"]
    root.mkdir()
    keep_files(study_file, root)
    kept = load_run_study(root)
    assert StudyHashes(kept).stages(root)["build"] == before
    shutil.move(root, tmp_path / "moved")
    (home / "sub" / "li-s.table").write_text("other numbers\n")
    assert StudyHashes(load_checked_study(study_file)).stages(root)["build"] != before
    shutil.rmtree(home)
    moved = load_run_study(tmp_path / "moved")
    assert StudyHashes(moved).stages(root)["build"] == before
    potential = QuenchPotential.from_file(tmp_path / "moved" / "inputs" / "glass" / "glass.lammps")
    assert potential.lines[-1].split()[3] == str(tmp_path / "moved" / "inputs" / "glass" / "li-s.table")


def test_a_potential_that_names_two_files_alike_is_refused(study_file: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (study_file.parent / name).mkdir()
        (study_file.parent / name / "x.table").write_text(name)
    lines = (
        "# elements: Li S",
        "pair_style table linear 100",
        "pair_coeff 1 1 a/x.table LI",
        "pair_coeff 2 2 b/x.table S",
    )
    study_file.with_name("glass.lammps").write_text("\n".join(lines))
    glass(study_file, "glass.lammps")
    (tmp_path / "run").mkdir()
    with pytest.raises(StructureError, match=r"names two files called x.table; rename one of them"):
        keep_files(study_file, tmp_path / "run")


def test_a_model_of_the_teacher_is_kept_and_counts_by_content(study_file: Path, tmp_path: Path) -> None:
    labels = {"calculator": "deepmd.calculator:DP", "parameters": {"model": "teacher.pb", "name": "medium"}}
    model = study_file.with_name("teacher.pb")
    model.write_text("graph")
    study_file.write_text(yaml.safe_dump(content(labels=labels)))
    asked = load_study(study_file)
    (tmp_path / "run").mkdir()
    keep_files(study_file, tmp_path / "run")
    kept = load_run_study(tmp_path / "run")
    assert kept.labels.parameters == {
        "model": str(tmp_path / "run" / "inputs" / "teacher-model" / "teacher.pb"), "name": "medium",
    }  # fmt: skip
    there = LabelSettings(calculator="x:y", parameters=kept.labels.parameters).physics_hash
    shutil.move(tmp_path / "run", tmp_path / "moved")
    moved = load_run_study(tmp_path / "moved")
    assert LabelSettings(calculator="x:y", parameters=moved.labels.parameters).physics_hash == there
    (tmp_path / "moved" / "inputs" / "teacher-model" / "teacher.pb").write_text("another graph")
    assert LabelSettings(calculator="x:y", parameters=moved.labels.parameters).physics_hash != there
    assert asked.labels.parameters["model"] == "teacher.pb"


COMMAND = "srun -n $SLURM_NTASKS {} > 'vasp out' && true"
"""The shell's variables, quotes and operators are to stay."""


def test_paths_of_the_machine_are_relative_to_the_study_and_stay_there(study_file: Path, tmp_path: Path) -> None:
    home = study_file.parent
    (home / "potcars").mkdir()
    for name in ("vasp.sh", "setup.sh", "key"):
        (home / "bin").mkdir(exist_ok=True)
        (home / "bin" / name).write_text("#\n")
    labels = {
        "calculator": "vasp",
        "dft": {"pseudopotential_dir": "potcars", "command": COMMAND.format("./bin/vasp.sh")},
    }
    execution = {
        "kind": "slurm", "context": "ssh", "remote_root": "/scratch",
        "remote_profile": {"hostname": "h", "username": "u", "key_filename": "bin/key"},
        "defaults": {"source_files": ["bin/setup.sh", "/opt/env.sh", "on/the/node.sh"]},
    }  # fmt: skip
    study_file.write_text(yaml.safe_dump(content(labels=labels, execution=execution)))
    (tmp_path / "run").mkdir()
    keep_files(study_file, tmp_path / "run")
    for found in (load_checked_study(study_file), load_run_study(tmp_path / "run")):
        assert found.labels.dft is not None
        assert found.labels.dft.pseudopotential_dir == str(home / "potcars")
        assert found.labels.dft.command == COMMAND.format(f"{home}/bin/vasp.sh")
        assert found.execution.kind == "slurm"
        assert found.execution.remote_profile["key_filename"] == str(home / "bin" / "key")
        assert found.execution.defaults.source_files == (f"{home}/bin/setup.sh", "/opt/env.sh", "on/the/node.sh")


def test_given_structures_are_kept_beside_each_other_and_count_by_content(study_file: Path, tmp_path: Path) -> None:
    home, sections = study_file.parent, {"initial_data": {"structures": ["a/candidates.extxyz", "b/candidates.extxyz"]}}
    for number, name in enumerate(("a", "b")):
        (home / name).mkdir()
        atoms = load_crystal("LiF")
        atoms.rattle(0.1, seed=number)
        write(home / name / "candidates.extxyz", atoms)
    study_file.write_text(yaml.safe_dump(content(**sections)))
    before = StudyHashes(load_checked_study(study_file))
    keep_files(study_file, tmp_path)
    kept = load_run_study(tmp_path).initial_data.structures
    assert kept == tuple(str(tmp_path / "inputs" / f"structures-{number}" / "candidates.extxyz") for number in (0, 1))
    for name, path in zip(("a", "b"), kept, strict=True):
        assert Path(path).read_bytes() == (home / name / "candidates.extxyz").read_bytes()
    assert StudyHashes(load_run_study(tmp_path)).data == before.data
    write(home / "b" / "candidates.extxyz", load_crystal("LiF"))
    after = StudyHashes(load_checked_study(study_file))
    assert after.data != before.data
    assert after.structures == before.structures
