"""Makes and uses a tiny Deep Potential, in a process of its own: ``tiny_potential.py train MODEL [--table FILE] ELEMENT...`` freezes
one that has seen noise, with a table of repulsion or without; ``tiny_potential.py checkpoint MODEL.pt ELEMENT...`` leaves the checkpoint of such a one of PyTorch; ``tiny_potential.py go-on START INPUT.json FRAME.xyz ELEMENT...`` trains a frozen one on by
the sections of that file, on other noise, and prints the energies by the one and by the other; ``tiny_potential.py energy MODEL FRAME.xyz`` prints the energy of each structure, each atom by the name of its element."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

LENGTH_ANGSTROM = 7.0


def write_noise(system: Path, elements: list[str], seed: int) -> None:
    """Two of each element on a grid of 27, with energies and forces by chance."""
    rng, frames = np.random.default_rng(seed), system / "set.000"
    frames.mkdir(parents=True)
    kinds = [number for number in range(len(elements)) for _ in range(2)]
    (system / "type.raw").write_text("".join(f"{kind}\n" for kind in kinds))
    (system / "type_map.raw").write_text("".join(f"{symbol}\n" for symbol in elements))
    grid = np.stack(np.meshgrid(*[np.arange(3.0)] * 3), axis=-1).reshape(-1, 3) * LENGTH_ANGSTROM / 3
    places = np.array([rng.permutation(grid)[: len(kinds)] for _ in range(3)])
    np.save(frames / "coord.npy", places.reshape(3, -1))
    np.save(frames / "box.npy", np.tile((np.eye(3) * LENGTH_ANGSTROM).reshape(1, 9), (3, 1)))
    np.save(frames / "energy.npy", -2.0 * len(kinds) + rng.normal(0, 0.1, 3))
    np.save(frames / "force.npy", rng.normal(0, 0.1, (3, 3 * len(kinds))))


def run(content: dict[str, Any], folder: Path, model: Path, start: Path | None = None) -> None:
    """Train in a folder and freeze."""
    from deepmd.tf.entrypoints.freeze import freeze
    from deepmd.tf.entrypoints.train import train as run_training
    from deepmd.tf.env import tf

    from mlip_interfaces.files import write_json

    write_json(folder / "input.json", content)
    tf.reset_default_graph()
    run_training(
        INPUT=str(folder / "input.json"), init_model=None, restart=None, output=str(folder / "out.json"),
        init_frz_model=None if start is None else str(start), mpi_log="master", log_level=30, log_path=None,
        skip_neighbor_stat=True,
    )  # fmt: skip
    tf.reset_default_graph()
    freeze(checkpoint_folder=".", output=str(model))


def go_on(start: Path, sections: Path, frames: Path, elements: list[str]) -> list[float]:
    content, model = json.loads(sections.read_text()), start.with_name("went-on.pb").resolve()
    with tempfile.TemporaryDirectory() as name:
        write_noise(Path(name) / "system", elements, seed=2)
        content["training"]["training_data"] = {"systems": [str(Path(name) / "system")], "batch_size": 1}
        run(content, Path(name), model, start)
    return [*energies(start, frames), *energies(model, frames)]


def train(model: Path, elements: list[str], table: Path | None = None) -> None:
    from mlip_interfaces.potentials import DescriptorSizes, ShortRangeBlend, training_input

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_noise(folder / "system", elements, seed=1)
        sizes = DescriptorSizes(3.2, 0.5, (2, 4), 2, (4,), (30,) * len(elements))
        content = training_input(
            sizes, elements, n_steps=2, start_learning_rate=1e-3, stop_learning_rate=1e-5, systems=[str(folder / "system")],
            batch_size=1, seed=1,
            short_range=None if table is None else ShortRangeBlend(str(table.resolve()), 0.8, 1.4),
        )  # fmt: skip
        run(content, folder, model)


def checkpoint(model: Path, elements: list[str]) -> None:
    from deepmd.pt.entrypoints.main import train as run_training

    from mlip_interfaces.files import write_json
    from mlip_interfaces.potentials import DescriptorSizes, training_input

    with tempfile.TemporaryDirectory() as name:
        write_noise(Path(name) / "system", elements, seed=1)
        content = training_input(
            DescriptorSizes(4.0, 0.5, (4, 8), 4, (16, 16), (80,), kind="se_atten_v2"), elements, n_steps=2,
            start_learning_rate=1e-3, stop_learning_rate=1e-5, systems=["system"], batch_size=1, seed=1,
        )  # fmt: skip
        os.chdir(name)
        write_json(Path("input.json"), content)
        run_training(
            "input.json", init_model=None, restart=None, finetune=None, init_frz_model=None, model_branch="",
            skip_neighbor_stat=True,
        )  # fmt: skip
        shutil.copyfile("model.ckpt.pt", model)


def energies(model: Path, frames: Path) -> list[float]:
    from ase.io import read
    from deepmd.infer import DeepPot

    potential = DeepPot(str(model))
    names = potential.get_type_map()
    found = []
    for atoms in read(frames, ":"):
        kinds = [names.index(symbol) for symbol in atoms.get_chemical_symbols()]
        said = potential.eval(atoms.positions.reshape(1, -1), atoms.cell.array.reshape(1, 9), kinds)[0]
        found.append(float(np.asarray(said).item()))
    return found


if __name__ == "__main__":
    if sys.argv[1] == "train":
        tabled = sys.argv[3] == "--table"
        train(Path(sys.argv[2]), sys.argv[5 if tabled else 3 :], Path(sys.argv[4]) if tabled else None)
    elif sys.argv[1] == "checkpoint":
        checkpoint(Path(sys.argv[2]).resolve(), sys.argv[3:])
    elif sys.argv[1] == "go-on":
        start, sections, frames = (Path(word) for word in sys.argv[2:5])
        print(*(f"energy: {energy}" for energy in go_on(start, sections, frames, sys.argv[5:])), sep="\n")
    else:
        print(*(f"energy: {energy}" for energy in energies(Path(sys.argv[2]), Path(sys.argv[3]))), sep="\n")
