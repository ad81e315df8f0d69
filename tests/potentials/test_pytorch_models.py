"""Models of the PyTorch backend as a study has them, through ``dp --pt`` into LAMMPS: the pair style computes what Python computes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.data import atomic_numbers
from ase.io import write

from mlip_interfaces.potentials import Backend, zbl_energy
from mlip_interfaces.programs import program_environment, run_program

PAIRS = [("Li", "F"), ("F", "F")]
DECK = """
units metal
atom_style atomic
atom_modify map yes
newton on
read_data frame.data
pair_style deepmd {kind}/model.pth
pair_coeff * * Li F
thermo_modify format float %.15g
dump forces all custom 1 {kind}/forces.dump id fx fy fz
dump_modify forces sort id format float %.15g
run 0
variable energy equal pe
print "energy: $(v_energy:%.15g)"
"""


def test_lammps_computes_what_python_computes_and_a_table_repels_as_nuclei_do(pytorch: Backend, tmp_path: Path) -> None:
    kinds = ["se_atten_v2", "dpa2", "dpa3"]
    atoms = bulk("LiF", "rocksalt", a=4.03, cubic=True)
    atoms.rattle(0.1, seed=3)
    write(tmp_path / "frame.xyz", atoms)
    write(tmp_path / "frame.data", atoms, format="lammps-data", specorder=["Li", "F"], masses=True, atom_style="atomic")
    script = Path(__file__).with_name("pytorch_models.py")
    made = subprocess.run(
        [sys.executable, script, "frame.xyz", *kinds], cwd=tmp_path, env=program_environment(), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-2000:]
    in_python = json.loads(made.stdout.splitlines()[-1])
    for kind in kinds:
        (tmp_path / f"{kind}.in").write_text(DECK.format(kind=kind))
        said = run_program(
            ["lmp", "-in", f"{kind}.in", "-log", "none"], directory=tmp_path, log_file=tmp_path / f"{kind}.log"
        ).log_file.read_text()
        (energy,) = [float(line.split()[1]) for line in said.splitlines() if line.startswith("energy: ")]
        forces = np.loadtxt(tmp_path / kind / "forces.dump", skiprows=9)[:, 1:]
        expected = np.array(in_python[kind]["forces"])
        assert np.abs(expected).max() > 1e-3
        np.testing.assert_allclose(energy, in_python[kind]["energy"], rtol=0, atol=1e-6 * len(atoms))
        np.testing.assert_allclose(forces, expected, rtol=0, atol=1e-6)
    # Splines of a table in steps of 0.005 angstrom.
    repulsion = [
        np.diff(zbl_energy(*(atomic_numbers[symbol] for symbol in pair), np.array([0.5, 0.7]))) for pair in PAIRS
    ]
    np.testing.assert_allclose(np.diff(in_python["se_atten_v2"]["close"], axis=1), repulsion, rtol=1e-4, atol=0)
