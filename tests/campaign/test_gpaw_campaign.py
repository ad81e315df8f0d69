"""A whole DP-GEN iteration whose labels are real DFT+U: GPAW labels what the committee found, through the driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dpdata
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import write

from mlip_interfaces.campaign.dpgen_files import check_param, render_machine, render_param
from mlip_interfaces.config import Study, parse_study
from mlip_interfaces.labels.codes import gpaw
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.settings import SETTINGS_FILE
from mlip_interfaces.pipeline.initial_data import write_label_settings
from mlip_interfaces.structures.crystals import load_crystal

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.skipif(
        gpaw.find_python() is None,
        reason="GPAW is missing: apt-get install gpaw gpaw-data, or pip install gpaw gpaw-data",
    ),
]
ELEMENTS = ("Li", "Co", "O", "F", "S")
SYSTEMS = {"fluoride": "LiF", "cathode": "LiCoO2"}


def study(repository: Path) -> Study:
    """The miniature with GPAW; its interface plays no part here."""
    raw = yaml.safe_load((repository / "tests" / "studies" / "miniature.yaml").read_text())
    raw["elements"] = list(ELEMENTS)
    raw["labels"] = {
        "calculator": "gpaw",
        "timeout_seconds": 600,
        "dft": {"plane_wave_cutoff_ev": 600, "elements": {"Co": {"hubbard_u_ev": 5.14, "hubbard_orbital": "d"}}},
    }
    raw["exploration"]["iterations"] = [
        {"temperatures_kelvin": [50], "pressures_bar": [1], "steps": 2, "sample_every": 1}
    ]
    raw["exploration"]["max_labels_per_model"] = 1
    return parse_study(yaml.safe_dump(raw), Path("gpaw.yaml"))


def structures() -> dict[str, Atoms]:
    """LiF with 8 atoms and LiCoO2 with 12, a little off their places."""
    found = {"fluoride": bulk("LiF", "rocksalt", a=4.03, cubic=True), "cathode": load_crystal("LiCoO2")}
    for number, (name, atoms) in enumerate(found.items()):
        sorted_atoms = atoms[
            np.argsort([ELEMENTS.index(symbol) for symbol in atoms.get_chemical_symbols()], kind="stable")
        ]
        sorted_atoms.rattle(0.03, seed=number)
        found[name] = sorted_atoms
    return found


def test_gpaw_labels_an_iteration_of_dpgen_with_u_on_cobalt(repository: Path, tmp_path: Path) -> None:
    asked = study(repository)
    campaign, dataset = tmp_path / "campaign", tmp_path / "initial_data" / "dataset"
    campaign.mkdir()
    write_label_settings(asked, campaign / SETTINGS_FILE)
    for name, atoms in structures().items():
        task = tmp_path / "initial_data" / "tasks" / name
        task.mkdir(parents=True)
        write_label_settings(asked, task / SETTINGS_FILE)
        write(task / INPUT_FILE, atoms, format="vasp", direct=True)
        label_task(task)
        record = json.loads((task / OUTPUT_FILE).read_text())
        assert record["status"] == "ok", record["reason"]
        write_dataset([record], dataset / name, ELEMENTS, layer=[name] * len(atoms))
        (tmp_path / "structures" / name).mkdir(parents=True)
        write(tmp_path / "structures" / name / "POSCAR", atoms, format="vasp", direct=True)
    param = render_param(asked, initial_systems=list(SYSTEMS), max_neighbors=[40] * len(ELEMENTS)) | {
        "sys_configs": [[f"{name}/POSCAR"] for name in SYSTEMS],
        "sys_batch_size": ["auto"] * len(SYSTEMS),
        # Every frame is a candidate.
        "model_devi_f_trust_lo": 1e-12,
        "model_devi_f_trust_hi": 1e6,
    }
    check_param(param)
    (campaign / "param.json").write_text(json.dumps(param))
    machine = render_machine(asked)
    (campaign / "machine.json").write_text(json.dumps(machine))
    options = {"until_iteration": 0, "until_step": 8, "poll_seconds": 0.3, "seed": 1, "selection": "random"}
    done = subprocess.run(
        [sys.executable, "-m", "mlip_interfaces.campaign.dpgen_launcher", "param.json", "machine.json", json.dumps(options)],
        cwd=campaign, env=os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (campaign / "record.dpgen").read_text().split()[-2:] == ["0", "8"]
    settings_hashes = set()
    for number, formula in enumerate(SYSTEMS.values()):
        (task,) = campaign.glob(f"iter.000000/02.fp/task.{number:03d}.*")
        record = json.loads((task / OUTPUT_FILE).read_text())
        assert record["status"] == "ok"
        assert record["calculator"].startswith("GPAW")
        settings_hashes.add(record["settings_hash"])
        (folder,) = (campaign / f"iter.000000/02.fp/data.{number:03d}").iterdir()
        collected = dpdata.LabeledSystem(str(folder), fmt="deepmd/npy")
        assert len(collected) == 1
        np.testing.assert_allclose(collected.data["energies"], [record["energy_ev"]], rtol=1e-6, atol=0)
        assert set(collected.data["atom_names"]) == set(ELEMENTS)
        assert Atoms(record["symbols"]).symbols.formula.reduce()[0] == Atoms(formula).symbols.formula.reduce()[0]
        # What GPAW was asked for: U where there is cobalt, nothing where there is none.
        inputs = "".join(
            file.read_text(errors="replace") for file in sorted((task / "gpaw").glob("*")) if file.is_file()
        )
        assert (":d,5.14" in inputs) == ("Co" in record["symbols"])
    assert len(settings_hashes) == 1
