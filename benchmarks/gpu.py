"""Does it run on this GPU, and how fast? Training and MD of a Deep Potential of production size, from nothing to one JSON.

``python benchmarks/gpu.py --json gpu.json`` labels a few frames of a seven-element Lennard-Jones crystal (no network, no
teacher to install), trains with ``dp`` for ``--steps``, freezes and compresses the model, and runs the shipped LAMMPS deck
with it at two sizes, each for about ``--seconds``. It does so with DeePMD-kit's TensorFlow and PyTorch backends, those that
can be imported (the extras ``gpu`` and ``pytorch``). Sizes of the model and the training input are those of a shipped
study: the production one where there is a GPU, the demo's where there is none; ``--study`` and ``--atoms`` change that.

Whether a program ran on the GPU is told by three signs, all kept: what DeePMD-kit or TensorFlow wrote into its log, whether
``nvidia-smi`` listed one more process (in a container it may list none), and how much more of the GPU's memory was in use.
Without a GPU everything runs on the CPU, and the table and the JSON say so. The JSON is written anew after every step.

The PyTorch backend needs the very version of torch that its wheel was built with; where another one is installed, it is not
run and the reason is kept. The model is no good for anything: a few hundred steps on a toy. Only its cost is that of a real
one.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from record import reason, write_record

from mlip_interfaces.campaign.dpgen_files import descriptor_sizes
from mlip_interfaces.config import load_study
from mlip_interfaces.errors import MissingProgramError, ProgramError
from mlip_interfaces.files import write_json
from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.md import HealthBounds, MDProtocol, md_command
from mlip_interfaces.potentials import max_neighbors, training_input
from mlip_interfaces.programs import ask_program, find_program, log_tail, program_environment, start_program
from mlip_interfaces.shipped_files import lammps_deck, study_file
from mlip_interfaces.structures.crystals.files import in_type_order, write_crystal

# An fcc crystal of 0.1 atoms per cubic angstrom, between LiF and Li6PS5Cl, whose nearest neighbours sit in the minimum.
LATTICE_ANGSTROM = 3.42
TOY = {"sigma": 2.15, "epsilon": 0.05, "rc": 5.0, "smooth": True}
N_FRAMES, CELLS_OF_A_FRAME = 8, 3
KELVIN, TIMESTEP_FS, PILOT_STEPS = 50.0, 0.5, 10
# Nothing stops a run: it is timed, not believed.
NO_BOUNDS = HealthBounds(1000.0, 0.99, 0.9, 0.9, 0.3)
# TensorFlow says at its lowest level which device it takes.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "0"}
PACKAGES = (
    "deepmd-kit", "lammps", "tensorflow", "tensorflow-cpu", "torch", "nvidia-cuda-runtime-cu12", "numpy", "ase", "dpdata",
)  # fmt: skip
ON_GPU = re.compile(r"device:GPU:\d+ with|load model from: .* to gpu|computing device: *(gpu|cuda)", re.IGNORECASE)
BATCH_SECONDS = re.compile(r"average training time:? *([\d.]+) s/batch", re.IGNORECASE)
LOOP = re.compile(r"Loop time of ([\d.e+-]+) on \d+ procs for (\d+) steps with (\d+) atoms")


@dataclass(frozen=True)
class Backend:
    """One of DeePMD-kit's backends: its module, the option that asks for it, the files it freezes into."""

    module: str
    option: str
    suffix: str


BACKENDS = {
    "tensorflow": Backend("deepmd.tf", "--tf", ".pb"),
    "pytorch": Backend("deepmd.pt", "--pt", ".pth"),
}


@dataclass
class GpuWatch:
    """What `nvidia-smi` shows while a program runs, beyond what it showed before."""

    memory_before_mb: list[float]
    processes_before: int
    memory_mb: float = 0.0
    processes: int = 0
    utilization_percent: float = 0.0

    def look(self) -> None:
        """Take one reading."""
        states = smi("query-gpu", "memory.used,utilization.gpu")
        for before, (used, busy) in zip(self.memory_before_mb, states, strict=False):
            self.memory_mb = max(self.memory_mb, number(used) - before)
            self.utilization_percent = max(self.utilization_percent, number(busy))
        self.processes = max(self.processes, len(smi("query-compute-apps", "pid")) - self.processes_before)


@dataclass
class Bench:
    """The work folder, the options, and the record that grows."""

    folder: Path
    steps: int
    seconds: float
    atoms: tuple[int, ...]
    study: Path
    on_change: Callable[[dict[str, Any]], None]
    gpus: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)

    def keep(self) -> None:
        """Write what is known so far."""
        self.on_change({"gpus": self.gpus, "study": self.study.name, "backends": self.results})


def number(text: str) -> float:
    """A number of nvidia-smi, which says ``[N/A]`` where it knows none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def smi(query: str, fields: str) -> list[list[str]]:
    """Rows of an answer of `nvidia-smi`; none where there is no GPU."""
    answer = ask_program(["nvidia-smi", f"--{query}={fields}", "--format=csv,noheader,nounits"], limit_seconds=20)
    lines = answer.output.splitlines() if answer.status == 0 else []
    return [[word.strip() for word in line.split(",")] for line in lines if line.strip()]


def gpus() -> list[dict[str, Any]]:
    """The GPUs of this machine."""
    return [
        {"name": name, "memory_mb": number(memory), "driver": driver}
        for name, memory, driver in smi("query-gpu", "name,memory.total,driver_version")
    ]


def watched(command: list[str], directory: Path, log_file: Path, *, has_gpu: bool) -> dict[str, Any]:
    """Run a program to its end: seconds, memory, and the signs of a GPU.

    Raises
    ------
    ProgramError
        If it fails.
    """
    watch = GpuWatch([], 0)
    if has_gpu:
        used = smi("query-gpu", "memory.used")
        watch = GpuWatch([number(row[0]) for row in used], len(smi("query-compute-apps", "pid")))
    began = time.perf_counter()
    with log_file.open("wb") as log:
        process = start_program(
            [str(find_program(command[0])), *command[1:]],
            output=log,
            directory=directory,
            environment=program_environment(ENVIRONMENT),
        )
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        while not ended:
            if has_gpu:
                watch.look()
            time.sleep(0.1)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise ProgramError(
            f"'{command[0]}' failed with exit status {process.returncode}; {log_file}:\n{log_tail(log_file)}"
        )
    named = ON_GPU.search(log_file.read_text(errors="replace"))
    return {
        "wall_seconds": round(seconds, 2),
        "host_memory_mb": round(usage.ru_maxrss / 1024),
        "on_gpu": bool(named or watch.processes or watch.memory_mb > 100),
        "gpu_log_line": named[0] if named else None,
        "gpu_processes": watch.processes,
        "gpu_memory_mb": round(watch.memory_mb),
        "gpu_utilization_percent": watch.utilization_percent,
    }


def crystal(elements: tuple[str, ...], n_cells: int, seed: int) -> Atoms:
    """An fcc crystal whose sites hold the elements at random, in the order of the type map."""
    atoms = bulk("Ar", "fcc", a=LATTICE_ANGSTROM, cubic=True).repeat(n_cells)
    symbols = np.resize(elements, len(atoms))
    atoms.symbols = np.random.default_rng(seed).permutation(symbols)
    return in_type_order(atoms, elements)


def make_training(bench: Bench, elements: tuple[str, ...]) -> None:
    """Write ``data`` and ``input.json``: rattled frames of the crystal with the toy's labels."""
    rng = np.random.default_rng(1)
    start = crystal(elements, CELLS_OF_A_FRAME, seed=1)
    frames = []
    for _ in range(N_FRAMES):
        frame = start.copy()
        frame.set_cell(frame.cell.array @ (np.eye(3) + rng.normal(0.0, 0.01, (3, 3))), scale_atoms=True)
        frame.positions += rng.normal(0.0, 0.1, frame.positions.shape)
        frame.calc = LennardJones(**TOY)
        frames.append(frame)
    labeled_system(
        start.get_chemical_symbols(),
        elements,
        cells_angstrom=np.array([frame.cell.array for frame in frames]),
        positions_angstrom=np.array([frame.positions for frame in frames]),
        energies_ev=np.array([frame.get_potential_energy() for frame in frames]),
        forces_ev_per_angstrom=np.array([frame.get_forces() for frame in frames]),
        virials_ev=np.array([-frame.get_volume() * frame.get_stress(voigt=False) for frame in frames]),
    ).to("deepmd/npy", str(bench.folder / "data"), set_size=N_FRAMES)
    study = load_study(bench.study)
    counted = max_neighbors(frames, elements, study.training.cutoff_angstrom)
    content = training_input(
        descriptor_sizes(study, counted),
        elements,
        n_steps=bench.steps,
        start_learning_rate=study.training.start_learning_rate,
        stop_learning_rate=study.training.stop_learning_rate,
        systems=["../data"],
        batch_size=study.training.batch_size,
        seed=1,
    )
    write_json(bench.folder / "input.json", content)


def train(bench: Bench, backend: Backend, directory: Path) -> dict[str, Any]:
    """Train, freeze and compress into ``model.pb`` or ``model.pth``."""
    frozen, model = f"frozen{backend.suffix}", f"model{backend.suffix}"
    shutil.copyfile(bench.folder / "input.json", directory / "input.json")
    has_gpu = bool(bench.gpus)

    def dp(verb: str, *words: str) -> dict[str, Any]:
        return watched(["dp", backend.option, verb, *words], directory, directory / f"{verb}.log", has_gpu=has_gpu)

    trained = dp("train", "input.json")
    batch_seconds = BATCH_SECONDS.search((directory / "train.log").read_text(errors="replace"))
    steps_per_second = 1 / float(batch_seconds[1]) if batch_seconds and float(batch_seconds[1]) else None
    freezing = dp("freeze", "-o", frozen)
    compressing = dp("compress", "-i", frozen, "-o", model, "-t", "input.json")
    return {
        "steps": bench.steps,
        "atoms": 4 * CELLS_OF_A_FRAME**3,
        "steps_per_second": steps_per_second and round(steps_per_second, 2),
        **trained,
        "freeze_seconds": freezing["wall_seconds"],
        "compress_seconds": compressing["wall_seconds"],
        "model_mb": round((directory / model).stat().st_size / 1e6, 2),
    }


def run_md(bench: Bench, model: Path, elements: tuple[str, ...], n_atoms: int, n_steps: int) -> dict[str, Any]:
    """MD with the shipped deck; the minimisation before it warms up and is not timed."""
    directory = model.parent / f"md.{n_atoms}.{n_steps}"
    directory.mkdir()
    write_crystal(crystal(elements, round((n_atoms / 4) ** (1 / 3)), seed=2), directory / "model.data", elements)
    time_ps = n_steps * TIMESTEP_FS / 1000
    protocol = MDProtocol(
        "nvt", "free", KELVIN, (1.0, 1.0, 1.0), time_ps, TIMESTEP_FS, dump_interval_ps=time_ps, seed=1
    )
    command = md_command(
        protocol,
        NO_BOUNDS,
        deck=str(lammps_deck("interface_md.in")),
        data="model.data",
        potential=str(model),
        elements=elements,
    )
    found = watched(shlex.split(command), directory, directory / "lmp.log", has_gpu=bool(bench.gpus))
    loops = LOOP.findall((directory / "log.lammps").read_text())[1:]
    steps, seconds = sum(int(loop[1]) for loop in loops), sum(float(loop[0]) for loop in loops)
    atoms = int(loops[0][2])
    return {"atoms": atoms, "steps": steps, "atom_steps_per_second": round(atoms * steps / seconds), **found}


def run_backend(bench: Bench, name: str, elements: tuple[str, ...]) -> None:
    """Training, then MD at each size; what fails is kept as a sentence, and what depends on it is left out."""
    backend, result = BACKENDS[name], bench.results.setdefault(name, {})
    asked = ask_program([sys.executable, "-c", f"import {backend.module}"], limit_seconds=300)
    if asked.status != 0:
        result["not_run"] = reason(asked.errors)
        say(f"{name}: not run: {result['not_run']}")
        bench.keep()
        return
    directory = bench.folder / name
    directory.mkdir()
    try:
        result["train"] = train(bench, backend, directory)
        say(f"{name}: {result['train']['steps_per_second']} training steps/s, {where(result['train'])}")
        bench.keep()
        result["md"] = []
        for n_atoms in bench.atoms:
            model = directory / f"model{backend.suffix}"
            pilot = run_md(bench, model, elements, n_atoms, PILOT_STEPS)
            n_steps = round(bench.seconds * pilot["atom_steps_per_second"] / pilot["atoms"])
            found = run_md(bench, model, elements, n_atoms, max(2 * PILOT_STEPS, n_steps))
            result["md"].append(found)
            say(f"{name}: {found['atoms']} atoms, {found['atom_steps_per_second']} atom-steps/s, {where(found)}")
            bench.keep()
    except (ProgramError, MissingProgramError) as error:
        result["failed"] = str(error)
        say(f"{name}: {error}")
        bench.keep()


def where(found: dict[str, Any]) -> str:
    """In words, where it ran."""
    place = f"on the GPU, {found['gpu_memory_mb']} MB of it" if found["on_gpu"] else "on the CPU"
    return f"{place}; {found['host_memory_mb']} MB of the host's memory"


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def main() -> None:
    """Run what can be run and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the numbers go")
    parser.add_argument("--steps", type=int, default=400, metavar="N", help="training steps (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="S", help="of MD at each size (%(default)s)")
    parser.add_argument(
        "--atoms", type=int, nargs="+", metavar="N", help="sizes of the MD runs (2000 16000 on a GPU, else 250 1000)"
    )
    parser.add_argument("--study", type=Path, metavar="FILE", help="whose model sizes are taken")
    parser.add_argument("--backends", nargs="+", choices=list(BACKENDS), default=list(BACKENDS), help="(both)")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="new folder for logs and models, kept (else a passing one)"
    )
    arguments = parser.parse_args()
    found = gpus()
    say("; ".join(gpu["name"] for gpu in found) if found else "No GPU is seen: everything runs on the CPU.")

    def on_change(content: dict[str, Any]) -> None:
        if arguments.json:
            write_record(arguments.json, {"benchmark": "gpu", **content}, PACKAGES)

    with tempfile.TemporaryDirectory() as passing:
        folder = (arguments.work or Path(passing) / "work").resolve()
        folder.mkdir(parents=True)
        bench = Bench(
            folder=folder,
            steps=arguments.steps,
            seconds=arguments.seconds,
            atoms=tuple(arguments.atoms or ((2000, 16000) if found else (250, 1000))),
            study=arguments.study or study_file("lco_lif_lpscl.yaml" if found else "demo.yaml"),
            on_change=on_change,
            gpus=found,
        )
        elements = tuple(load_study(bench.study).elements)
        make_training(bench, elements)
        for name in arguments.backends:
            run_backend(bench, name, elements)
    if not any("md" in result for result in bench.results.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
