"""One round of active learning, in a process of its own: train a committee, freeze it, look at frames with it.

``python benchmarks/committee_round.py FOLDER`` reads ``FOLDER/plan.json`` and ``FOLDER/train.xyz`` and writes the frozen
models; with frames to look at it also writes ``look.npz``: forces of every member. TensorFlow starts once for all
members; ``dp train`` and ``dp freeze`` by hand do the same.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import dpdata
import numpy as np
from ase import Atoms
from ase.io import read

from mlip_interfaces.potentials import DescriptorSizes, training_input


def write_systems(frames: Sequence[Atoms], elements: Sequence[str], directory: Path) -> list[str]:
    """One ``deepmd/npy`` system for each sequence of elements; returns their folders."""
    groups: dict[str, list[Atoms]] = {}
    for atoms in frames:
        groups.setdefault(str(atoms.symbols), []).append(atoms)
    for name, members in groups.items():
        symbols = members[0].get_chemical_symbols()
        system = dpdata.LabeledSystem(
            data={
                "atom_names": list(elements),
                "atom_numbs": [symbols.count(element) for element in elements],
                "atom_types": np.array([elements.index(symbol) for symbol in symbols]),
                "orig": np.zeros(3),
                "cells": np.array([atoms.cell.array for atoms in members]),
                "coords": np.array([atoms.positions for atoms in members]),
                "energies": np.array([atoms.get_potential_energy() for atoms in members]),
                "forces": np.array([atoms.get_forces() for atoms in members]),
                "virials": np.array([-atoms.get_volume() * atoms.get_stress(voigt=False) for atoms in members]),
            }
        )
        system.to("deepmd/npy", str(directory / name), set_size=len(members))
    return [f"{directory.name}/{name}" for name in groups]


def committee_forces(models: Sequence[Path], frames: Sequence[Atoms]) -> list[list[np.ndarray]]:
    """Forces of every member on every frame, eV/angstrom."""
    from deepmd.infer import DeepPot

    results = []
    for model in models:
        potential = DeepPot(str(model))
        types = potential.get_type_map()
        forces = []
        for atoms in frames:
            kinds = [types.index(symbol) for symbol in atoms.get_chemical_symbols()]
            forces.append(potential.eval(atoms.positions[None], atoms.cell.array[None], kinds)[1][0])
        results.append(forces)
    return results


def train_committee(folder: Path) -> None:
    """Train and freeze every member that is not there yet."""
    plan = json.loads((folder / "plan.json").read_text())
    frames = read(folder / "train.xyz", index=":")
    systems = write_systems(frames, plan["elements"], folder / "data")
    from deepmd.tf.entrypoints.freeze import freeze
    from deepmd.tf.entrypoints.train import train
    from deepmd.tf.env import tf

    for number, seed in enumerate(plan["seeds"]):
        member = folder / f"member.{number}"
        if (member / "model.pb").is_file():
            continue
        member.mkdir(exist_ok=True)
        content = training_input(
            DescriptorSizes(**plan["sizes"]),
            plan["elements"],
            n_steps=plan["steps"],
            start_learning_rate=plan["start_learning_rate"],
            stop_learning_rate=plan["stop_learning_rate"],
            systems=[f"../{system}" for system in systems],
            batch_size=1,
            seed=seed,
        )
        (member / "input.json").write_text(json.dumps(content))
        start = f"../../{plan['start_from']}/{member.name}/model.ckpt" if plan["start_from"] else None
        with contextlib.chdir(member):
            tf.reset_default_graph()
            train(
                INPUT="input.json", init_model=start, restart=None, output="out.json", init_frz_model=None,
                mpi_log="master", log_level=30, log_path=None, skip_neighbor_stat=True,
            )  # fmt: skip
            tf.reset_default_graph()
            freeze(checkpoint_folder=".", output="whole.pb")
            Path("whole.pb").rename("model.pb")


if __name__ == "__main__":
    train_committee(Path(sys.argv[1]).resolve())
