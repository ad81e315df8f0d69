"""Trains, freezes and evaluates tiny models of the PyTorch backend, in one process: ``pytorch_models.py FRAME.xyz KIND...`` leaves
``KIND/model.pth`` of each, compressed where it can be, and prints as the last line its energy and forces of the frame, and its energies of
two atoms at short distances. Of se_atten_v2 the repulsion is that of a table."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

ELEMENTS = ["Li", "F"]
N_FRAMES = 4
PAIRS, DISTANCES_ANGSTROM = (("Li", "F"), ("F", "F")), (0.5, 0.7)


def write_system(folder: Path, atoms: Atoms) -> None:
    """Frames around a structure, each atom pulled back to its place by a spring of 2 eV/angstrom^2."""
    rng, frames = np.random.default_rng(5), folder / "set.000"
    frames.mkdir(parents=True)
    moved = rng.normal(0, 0.1, (N_FRAMES, len(atoms), 3))
    (folder / "type.raw").write_text("".join(f"{ELEMENTS.index(symbol)}\n" for symbol in atoms.get_chemical_symbols()))
    (folder / "type_map.raw").write_text("".join(f"{symbol}\n" for symbol in ELEMENTS))
    np.save(frames / "coord.npy", (atoms.positions + moved).reshape(N_FRAMES, -1))
    np.save(frames / "box.npy", np.tile(atoms.cell.array.reshape(1, 9), (N_FRAMES, 1)))
    np.save(frames / "energy.npy", (moved**2).sum(axis=(1, 2)) - 3.0 * len(atoms))
    np.save(frames / "force.npy", (-2.0 * moved).reshape(N_FRAMES, -1))


def model(kind: str, folder: Path, system: Path, atoms: Atoms) -> dict[str, Any]:
    """Train by the package's own section; where it can be, compress."""
    from deepmd.infer import DeepPot
    from deepmd.pt.entrypoints.compress import enable_compression
    from deepmd.pt.entrypoints.main import freeze, train
    from deepmd.pt.utils import env

    from mlip_interfaces.potentials import (
        DescriptorSizes,
        InnerSizes,
        ShortRangeBlend,
        model_section,
        total_neighbors,
        training_input,
        why_not_compressed,
        write_zbl_table,
    )
    from mlip_interfaces.potentials.backend import CHECKPOINT

    inner = InnerSizes(
        layers=2, node_neurons=8, edge_neurons=4, cutoff_angstrom=2.5, switch_width_angstrom=0.5, angle_neurons=4,
        attention_neurons=4, attention_heads=2,
    )  # fmt: skip
    alone = kind == "se_atten_v2"
    neighbors = total_neighbors([atoms], (3.5,) if alone else (3.5, 2.5))
    sizes = DescriptorSizes(3.5, 0.5, (2, 4), 2, (4,), neighbors, "float64", kind, None if alone else inner)
    blend = ShortRangeBlend("short_range.txt", 0.8, 1.4) if alone else None
    section = model_section(sizes, ELEMENTS, seed=1, short_range=blend)
    content = training_input(
        section, ELEMENTS, n_steps=3, start_learning_rate=1e-2, stop_learning_rate=1e-3, systems=[str(system)], batch_size=1,
        seed=1,
    )  # fmt: skip
    folder.mkdir()
    os.chdir(folder)
    Path("input.json").write_text(json.dumps(content))
    if blend is not None:
        write_zbl_table(Path(blend.file), ELEMENTS)
    train(
        "input.json", init_model=None, restart=None, finetune=None, init_frz_model=None, model_branch="",
        skip_neighbor_stat=True,
    )  # fmt: skip
    # `dp --pt train` sets it in its own process, which `dp --pt freeze` never sees: the function for training has no script.
    env.CUSTOM_OP_USE_JIT = False
    if why_not_compressed(section):
        freeze(f"{CHECKPOINT}.pt", "model.pth")
    else:
        freeze(f"{CHECKPOINT}.pt", "frozen.pth")
        enable_compression("frozen.pth", "model.pth", training_script="input.json")
    potential = DeepPot("model.pth")
    names = potential.get_type_map()

    def evaluate(some: Atoms) -> tuple[Any, Any]:
        kinds = [names.index(symbol) for symbol in some.get_chemical_symbols()]
        energy, forces = potential.eval(some.positions.reshape(1, -1), some.cell.array.reshape(1, 9), kinds)[:2]
        return energy.item(), forces[0].tolist()

    energy, forces = evaluate(atoms)
    close = [
        [evaluate(Atoms(pair, positions=[[0, 0, 0], [r, 0, 0]], cell=np.eye(3) * 20))[0] for r in DISTANCES_ANGSTROM]
        for pair in PAIRS
    ]
    return {"energy": energy, "forces": forces, "close": close}


if __name__ == "__main__":
    structure, here = read(sys.argv[1]), Path.cwd()
    write_system(here / "system", structure)
    found = {kind: model(kind, here / kind, here / "system", structure) for kind in sys.argv[2:]}
    print(json.dumps(found))
