"""Trains a tiny committee, looks at variants of a structure and ranks them; writes ``found.npz``. Run by test_features.py.

TensorFlow stays out of pytest's own process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dpdata
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.geometry import wrap_positions
from deepmd.infer import DeepPot
from deepmd.tf.entrypoints.freeze import freeze
from deepmd.tf.entrypoints.train import train
from deepmd.tf.env import tf

from mlip_interfaces.files import write_json
from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.potentials import DescriptorSizes, training_input
from mlip_interfaces.potentials.features import committee_environments
from mlip_interfaces.potentials.selection import rank_frames

ELEMENTS = ["Li", "F"]


def structures(n: int, seed: int) -> list[Atoms]:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(n):
        atoms = bulk("LiF", "rocksalt", a=4.1, cubic=True)
        atoms.positions += rng.normal(0.0, 0.15, atoms.positions.shape)
        frames.append(atoms)
    return frames


def train_committee(directory: Path) -> list[Path]:
    frames = structures(4, 1)
    rng = np.random.default_rng(2)
    system: dpdata.LabeledSystem = labeled_system(
        frames[0].get_chemical_symbols(),
        ELEMENTS,
        cells_angstrom=np.array([atoms.cell.array for atoms in frames]),
        positions_angstrom=np.array([atoms.positions for atoms in frames]),
        energies_ev=rng.normal(size=4),
        forces_ev_per_angstrom=rng.normal(size=(4, 8, 3)),
        virials_ev=rng.normal(size=(4, 3, 3)),
    )
    system.to("deepmd/npy", str(directory / "system"))
    sizes = DescriptorSizes(3.8, 0.5, (4, 8), 2, (8,), (20, 20))
    models = []
    for seed in (1, 2):
        content = training_input(
            sizes, ELEMENTS, n_steps=2, start_learning_rate=1e-3, stop_learning_rate=1e-4,
            systems=[str(directory / "system")], batch_size=1, seed=seed,
        )  # fmt: skip
        write_json(directory / "input.json", content)
        tf.reset_default_graph()
        train(
            INPUT=str(directory / "input.json"), init_model=None, restart=None, output="out.json", init_frz_model=None,
            mpi_log="master", log_level=30, log_path=None, skip_neighbor_stat=True,
        )  # fmt: skip
        tf.reset_default_graph()
        freeze(checkpoint_folder=".", output=f"model.{seed}.pb")
        models.append(directory / f"model.{seed}.pb")
    return models


def variants(atoms: Atoms) -> list[Atoms]:
    """The same structure moved, turned, wrapped otherwise, and with like atoms exchanged; then 3 x 1 x 1 of it."""
    moved, turned, wrapped, exchanged = (atoms.copy() for _ in range(4))
    moved.positions += [0.3, -1.1, 2.7]
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    wrapped.positions = wrap_positions(atoms.positions + 9.0, atoms.cell)
    order = np.arange(8)
    lithium = np.flatnonzero(atoms.numbers == 3)
    order[lithium] = lithium[::-1]
    exchanged.positions = atoms.positions[order]
    return [atoms, moved, turned, wrapped, exchanged, atoms.repeat((3, 1, 1))]


def main(directory: Path) -> None:
    models = train_committee(directory)
    seen = committee_environments(variants(structures(1, 5)[0]), models)
    sample = structures(3, 6)
    environments = committee_environments(sample, models)
    forces = np.array(
        [
            [
                DeepPot(str(model)).eval(
                    atoms.positions[None], atoms.cell.array[None], [ELEMENTS.index(s) for s in atoms.symbols]
                )[1][0]
                for atoms in sample
            ]
            for model in models
        ]
    )
    pool = structures(12, 7)
    for number, atoms in enumerate(pool):
        atoms.set_cell(atoms.cell * (1.0 + 0.02 * (number % 4)), scale_atoms=True)
    turned = [variants(atoms)[2] for atoms in pool]
    ranks = [
        rank_frames(frames, models, training_frames=pool[:2], n_select=12, seed=1) for frames in (pool, turned, pool)
    ]
    np.savez(
        directory / "found.npz",
        features=seen.features, frame=seen.frame, species=seen.species, deviation=seen.deviation_ev_per_angstrom,
        forces=forces, sample_deviation=environments.deviation_ev_per_angstrom, largest=environments.largest_deviation(),
        ranks=np.array(ranks),
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
