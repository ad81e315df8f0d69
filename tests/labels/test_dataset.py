"""Data sets are read from a folder of any name, as dpdata reads them from a plain one."""

from __future__ import annotations

from pathlib import Path

import dpdata
import numpy as np

from mlip_interfaces.labels.dataset import labeled_system, read_dataset


def test_data_in_a_folder_of_any_name_are_those_that_dpdata_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    symbols, n_frames = ["F", "Li", "Li", "S"], 5
    cells = 6.0 * np.eye(3) + rng.normal(0.0, 0.5, (n_frames, 3, 3))
    system = labeled_system(
        symbols, ["Li", "F", "O", "S"],
        cells_angstrom=cells,
        positions_angstrom=rng.normal(0.0, 3.0, (n_frames, 4, 3)),
        energies_ev=rng.normal(size=n_frames),
        forces_ev_per_angstrom=rng.normal(size=(n_frames, 4, 3)),
        virials_ev=rng.normal(size=(n_frames, 3, 3)),
    )  # fmt: skip
    plain, odd = tmp_path / "plain", tmp_path / "it's [1] a*? #é"
    for folder in (plain, odd):
        # Two sets, and a third that is not full.
        system.to("deepmd/npy", str(folder), set_size=2, prec=np.float64)
    expected = dpdata.LabeledSystem(str(plain), fmt="deepmd/npy").to_ase_structure()
    found = read_dataset(odd)
    assert len(found) == len(expected) == n_frames
    for one, other in zip(found, expected, strict=True):
        assert one.get_chemical_symbols() == other.get_chemical_symbols() == symbols
        assert one.pbc.all()
        np.testing.assert_allclose(one.positions, other.positions, rtol=1e-12, atol=0)
        np.testing.assert_allclose(one.cell[:], other.cell[:], rtol=1e-12, atol=0)
