"""The repulsion that takes over at short distances: against LAMMPS's own, and through a real training."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import write

from mlip_interfaces.potentials import SHORT_RANGE_TABLE, write_zbl_table, zbl_energy, zbl_table
from mlip_interfaces.programs import run_program

TINY = Path(__file__).parents[1] / "pipeline" / "tiny_potential.py"


def test_pair_energies_are_those_of_lammps(tmp_path: Path) -> None:
    distances = np.array([0.1, 0.5, 1.0, 2.0, 5.0])
    pairs = [(atomic_numbers[a], atomic_numbers[b]) for a, b in (("Li", "Li"), ("O", "Co"), ("S", "P"), ("H", "U"))]
    moves = "".join(
        f"displace_atoms second move {after - before:.12g} 0 0\nrun 0 post no\nvariable e equal pe\n"
        f'print "${{e}}" append energies\n'
        for before, after in zip([0.05, *distances[:-1]], distances, strict=True)
    )
    script = "".join(
        "clear\nunits metal\nboundary f f f\nregion box block -60 60 -60 60 -60 60\ncreate_box 2 box\ncreate_atoms 1 single 0 0 0\n"
        "create_atoms 2 single 0.05 0 0\ngroup second type 2\nmass * 1\n"
        # Its shift at the cutoff, which ours has not, is below 1e-7 eV.
        f"pair_style zbl 40 41\npair_coeff 1 1 {one} {one}\npair_coeff 2 2 {other} {other}\npair_coeff 1 2 {one} {other}\n"
        f"thermo_modify lost error norm no\n{moves}"
        for one, other in pairs
    )
    (tmp_path / "in").write_text(script)
    run_program(["lmp", "-in", "in", "-log", "none"], directory=tmp_path, log_file=tmp_path / "log")
    found = np.loadtxt(tmp_path / "energies").reshape(len(pairs), -1)
    expected = [zbl_energy(one, other, distances) for one, other in pairs]
    np.testing.assert_allclose(expected, found, rtol=1e-5, atol=2e-6)


def test_table_has_all_pairs_in_the_order_of_the_type_map_and_fades_out() -> None:
    elements = ("P", "Li", "Cl")
    table = zbl_table(elements)
    near = table[:, 0] <= 2.0
    for column, (first, second) in enumerate(combinations_with_replacement(elements, 2), start=1):
        expected = zbl_energy(atomic_numbers[first], atomic_numbers[second], table[near, 0])
        np.testing.assert_allclose(table[near, column], expected, rtol=1e-12, atol=0)
    assert np.abs(table[-1, 1:]).max() == 0.0
    assert (np.diff(table[:, 1:], axis=0)[:-1] < 0).all()


def test_a_trained_potential_repels_as_its_table_does(tmp_path: Path) -> None:
    """Where both atoms are closer than where the blend begins; lithium and sulfur, whatever the network has learnt."""
    write_zbl_table(tmp_path / SHORT_RANGE_TABLE, ("Li", "S"))
    distances = np.array([0.3, 0.5, 0.7])
    pairs = [Atoms("LiS", [[0, 0, 0], [distance, 0, 0]], cell=[12, 12, 12], pbc=True) for distance in distances]
    write(tmp_path / "pairs.xyz", pairs)

    def tiny(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, TINY, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    tiny("train", "model.pb", "--table", SHORT_RANGE_TABLE, "Li", "S")
    said = tiny("energy", "model.pb", "pairs.xyz")
    energies = [float(line.split()[1]) for line in said.splitlines() if line.startswith("energy:")]
    expected = zbl_energy(atomic_numbers["Li"], atomic_numbers["S"], distances)
    np.testing.assert_allclose(np.diff(energies), np.diff(expected), rtol=1e-4, atol=0)
