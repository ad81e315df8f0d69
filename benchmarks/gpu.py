"""Does it run on this GPU, and how fast? Training and MD of the production interface, from nothing to one JSON and a figure.

``python benchmarks/gpu.py --json gpu.json --figure gpu.png`` labels frames of a coated interface (no network, no teacher to
install), trains Deep Potentials of the shipped study's sizes, freezes and compresses them, and runs the shipped LAMMPS deck with
them at 1,000 to 32,000 atoms: microseconds per atom and step, ns/day at 1 fs, memory; compressed and not; single and double
precision; se_e2_a, se_atten_v2 and dpa3; training steps against the size of a batch; runs packed on one GPU with and without
NVIDIA MPS. It does so with DeePMD-kit's TensorFlow and PyTorch backends, those that can be imported.

It ends within ``--budget`` seconds: cases are done in the order of their importance, and one that no time is left for is named with
that reason. The JSON is written anew after every step, and the figure is drawn from it (``--draw gpu.json`` draws it again).

The interface is the shipped study's coated model of one lateral cell (``gpu_structures``, 896 atoms, made by ``mlip-interfaces
build``), repeated along a and b: the neighbours of each atom are those of production. The models are trained for some hundred steps
on a pair potential, with ions of half their charges whose contacts are those of the structure: they are no good for anything, and
only their cost is that of real ones.

Whether a program ran on the GPU is told by three signs, all kept: what DeePMD-kit or TensorFlow wrote into its log, whether
``nvidia-smi`` listed one more process (in a container it may list none), and how much more of the GPU's memory was in use. Without a
GPU everything runs on the CPU, smaller, with the demo's sizes, and the table, the JSON and the figure say so.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from ase.neighborlist import neighbor_list
from record import reason, write_record

from mlip_interfaces.campaign.dpgen_files import asked_model, neighbors_kept
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.errors import MissingProgramError, ProgramError, StudyError
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.gpus import VERBOSE, Gpu, WatchedRun, installed_gpus, run_watched
from mlip_interfaces.jobs.gpus import TAKE_A_PLACE, GpuPlaces
from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.md import HealthBounds, MDProtocol, md_command
from mlip_interfaces.potentials import BACKENDS, training_input, why_not_compressed
from mlip_interfaces.programs import ask_program
from mlip_interfaces.shipped_files import lammps_deck, study_file
from mlip_interfaces.structures.crystals.files import in_type_order, write_crystal

STRUCTURES = Path(__file__).parent / "gpu_structures"
COULOMB_EV_ANGSTROM = 14.399645
CHARGES = {"Li": 1, "Co": 3, "O": -2, "F": -1, "P": 5, "S": -2, "Cl": -1}
"""Halved in the toy: a soft solid of the right contacts."""
TOY_CUTOFF, REPULSION_ANGSTROM, FAR_CONTACT = 6.0, 0.3, 2.4
N_FRAMES = 16
KELVIN, TIMESTEP_FS, PILOT_STEPS = 100.0, 0.5, 10
NS_PER_DAY = 86_400 * 1e-6
"""At 1 fs and a step a second."""
SMALL_DPA3 = {"layers": 2, "node_neurons": 16, "edge_neurons": 8, "angle_neurons": 4}
"""For a CPU, where one step of the study's takes seconds."""
# Nothing stops a run: it is timed, not believed.
NO_BOUNDS = HealthBounds(1000.0, 0.99, 0.9, 0.9, 0.3)
PACKAGES = (
    "deepmd-kit", "lammps", "tensorflow", "tensorflow-cpu", "torch", "nvidia-cuda-runtime-cu12", "numpy", "ase", "dpdata",
)  # fmt: skip
SMALLEST = 600
"""Atoms of a piece of the interface; for fewer, on a CPU, the cell for DFT stands in."""
START_SECONDS = 25.0
"""About what a program takes before it does anything: below this no case is begun."""


@dataclass(frozen=True)
class Model:
    """A Deep Potential to be timed."""

    backend: str
    kind: str
    precision: str

    @property
    def name(self) -> str:
        return f"{self.backend} {self.kind} {self.precision}"


@dataclass
class Bench:
    """The work folder, the options, and the record that grows."""

    folder: Path
    study: Study
    steps: int
    seconds: float
    sizes: tuple[int, ...]
    budget_seconds: float
    on_change: Callable[[dict[str, Any]], None]
    gpus: tuple[Gpu, ...] = ()
    began: float = field(default_factory=time.monotonic)
    record: dict[str, Any] = field(
        default_factory=lambda: {"training": [], "batches": [], "md": [], "packed": [], "skipped": []}
    )
    speeds: dict[tuple[Model, bool], float] = field(default_factory=dict)
    """Seconds per atom and step of each model, compressed or not, at its last size."""

    @property
    def left_seconds(self) -> float:
        return self.budget_seconds - (time.monotonic() - self.began)

    @property
    def elements(self) -> tuple[str, ...]:
        return tuple(self.study.elements)

    def keep(self, table: str, row: dict[str, Any]) -> None:
        """Add a row, and write what is known so far."""
        self.record[table].append(row)
        say("; ".join(f"{key} {value}" for key, value in row.items() if value not in ("", None)))
        self.on_change(
            {
                "device": "; ".join(map(str, self.gpus)) or "CPU: no GPU is seen",
                "study": self.study.name,
                "budget_seconds": self.budget_seconds,
                "elapsed_seconds": round(time.monotonic() - self.began),
                **self.record,
            }
        )

    def run(
        self, command: Sequence[str], directory: Path, log: str, environment: Mapping[str, str] | None = None
    ) -> WatchedRun:
        """A program, within what is left of the budget."""
        return run_watched(
            command,
            directory=directory,
            log_file=directory / log,
            environment={**VERBOSE, **(environment or {})},
            limit_seconds=max(1.0, self.left_seconds),
        )

    def case(self, name: str, work: Callable[[], None], *, seconds: float = START_SECONDS) -> bool:
        """Do one case, or say why not; whether it was done."""
        if self.left_seconds < seconds:
            self.keep("skipped", {"case": name, "reason": f"no time left: it takes {seconds:.0f} s or more"})
            return False
        try:
            work()
        except (ProgramError, MissingProgramError, StudyError, OSError) as error:
            said = " ".join(str(error).partition(" The end of ")[0].replace(f"{self.folder}/", "").split())
            self.keep("skipped", {"case": name, "reason": said})
            return False
        return True


def structure(name: str, elements: Sequence[str]) -> Atoms:
    """A shipped structure, in the order of the type map."""
    return in_type_order(read(STRUCTURES / f"{name}.xyz"), elements)


def repeated(n_atoms: int, elements: Sequence[str]) -> Atoms:
    """The interface so often along a and b that it has about so many atoms and is as square as can be; the cell for DFT below."""
    unit = structure("training_cell" if n_atoms < SMALLEST else "interface", elements)
    n_cells = max(1, round(n_atoms / len(unit)))
    a, b = unit.cell.lengths()[:2]
    across = min(
        (n for n in range(1, n_cells + 1) if n_cells % n == 0), key=lambda n: abs(np.log(n * a / (n_cells // n * b)))
    )
    return in_type_order(unit.repeat((across, n_cells // across, 1)), elements)


def contacts(atoms: Atoms) -> dict[frozenset[str], float]:
    """Mean distance of the nearest neighbours of opposite charge, by the two elements."""
    first, second, distances = neighbor_list("ijd", atoms, 3.5)
    symbols = np.array(atoms.get_chemical_symbols())
    found: dict[frozenset[str], list[float]] = {}
    for one in CHARGES:
        for other in CHARGES:
            chosen = (symbols[first] == one) & (symbols[second] == other)
            if CHARGES[one] * CHARGES[other] < 0 and chosen.any():
                nearest = np.full(len(atoms), np.inf)
                np.minimum.at(nearest, first[chosen], distances[chosen])
                found.setdefault(frozenset((one, other)), []).extend(nearest[np.isfinite(nearest)])
    return {pair: float(np.mean(values)) for pair, values in found.items()}


def toy_labels(atoms: Atoms, contact: dict[frozenset[str], float]) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy (eV), forces (eV/angstrom) and virial (eV) of half-charged ions that rest at their contacts."""
    first, second, distances, vectors = neighbor_list("ijdD", atoms, TOY_CUTOFF)
    symbols = atoms.get_chemical_symbols()
    kinds = sorted(set(symbols))
    index = np.array([kinds.index(symbol) for symbol in symbols])
    product = 0.25 * COULOMB_EV_ANGSTROM * np.multiply.outer(*[[CHARGES[kind] for kind in kinds]] * 2)
    rest = np.array([[contact.get(frozenset((one, other)), FAR_CONTACT) for other in kinds] for one in kinds])
    attraction, at_rest = product[index[first], index[second]], rest[index[first], index[second]]
    wall = np.where(attraction < 0, -REPULSION_ANGSTROM * attraction * (at_rest**-2 - TOY_CUTOFF**-2), 0.0)
    repulsion = wall * np.exp((at_rest - distances) / REPULSION_ANGSTROM)
    energies = attraction * (1 / distances - 2 / TOY_CUTOFF + distances / TOY_CUTOFF**2) + repulsion
    slopes = attraction * (TOY_CUTOFF**-2 - distances**-2) - repulsion / REPULSION_ANGSTROM
    pulls = (slopes / distances)[:, None] * vectors
    forces = np.zeros((len(atoms), 3))
    np.add.at(forces, first, pulls)
    return float(energies.sum() / 2), forces, -0.5 * vectors.T @ pulls


def make_data(bench: Bench) -> None:
    """Write ``data``: rattled frames of the cell for DFT with the toy's labels."""
    rng = np.random.default_rng(1)
    start = structure("training_cell", bench.elements)
    contact = contacts(start)
    frames = []
    for _ in range(N_FRAMES):
        frame = start.copy()
        frame.set_cell(frame.cell.array @ (np.eye(3) + rng.normal(0.0, 0.01, (3, 3))), scale_atoms=True)
        frame.positions += rng.normal(0.0, 0.1, frame.positions.shape)
        frames.append(frame)
    energies, forces, virials = zip(*(toy_labels(frame, contact) for frame in frames), strict=True)
    labeled_system(
        start.get_chemical_symbols(),
        bench.elements,
        cells_angstrom=np.array([frame.cell.array for frame in frames]),
        positions_angstrom=np.array([frame.positions for frame in frames]),
        energies_ev=np.array(energies),
        forces_ev_per_angstrom=np.array(forces),
        virials_ev=np.array(virials),
    ).to("deepmd/npy", str(bench.folder / "data"), set_size=N_FRAMES)


def asked_study(bench: Bench, model: Model) -> Study:
    """The study with another model; of its own sizes those that this one has."""
    training = bench.study.training
    changed: dict[str, Any] = {"backend": model.backend, "model": model.kind, "precision": model.precision}
    if not bench.gpus:
        changed["dpa3"] = training.dpa3.model_copy(update=SMALL_DPA3)
    changed |= {"max_neighbors": None, "short_range": None}
    return bench.study.model_copy(update={"training": training.model_copy(update=changed)})


def write_input(bench: Bench, model: Model, directory: Path, *, steps: int, batch_size: int | str) -> dict[str, Any]:
    """The product's own training input; gives its section ``model``."""
    study = asked_study(bench, model)
    counted = neighbors_kept(study, [structure("interface", bench.elements)], [])
    section = asked_model(study, counted, seed=1)
    content = training_input(
        section,
        bench.elements,
        n_steps=steps,
        start_learning_rate=study.training.start_learning_rate,
        stop_learning_rate=study.training.stop_learning_rate,
        systems=[str(bench.folder / "data")],
        batch_size=batch_size,
        seed=1,
    )
    directory.mkdir(parents=True)
    # The first interval is warm-up, which DeePMD-kit leaves out of its average.
    content["training"] |= {"disp_freq": max(1, steps // 4)}
    write_json(directory / "input.json", content)
    return section


def steps_per_second(log: Path) -> float | None:
    """As ``dp train`` says at its end."""
    found = re.search(r"average training time:? *([\d.]+) s/batch", log.read_text(errors="replace"), re.IGNORECASE)
    return 1 / float(found[1]) if found and float(found[1]) else None


def signs(found: WatchedRun) -> dict[str, Any]:
    """Where it ran, for a row."""
    row = asdict(found)
    return {
        "on_gpu": found.on_gpu,
        "gpu_memory_mb": round(row["gpu_memory_mb"]),
        "host_memory_mb": round(row["host_memory_mb"]),
        "gpu_utilization_percent": row["utilization_percent"],
        "wall_seconds": round(row["wall_seconds"], 1),
        "said": row["said"],
    }


def model_file(bench: Bench, model: Model, *, compressed: bool) -> Path:
    """Of a trained model."""
    name = "compressed" if compressed else "frozen"
    return bench.folder / model.name.replace(" ", ".") / f"{name}{BACKENDS[model.backend].suffix}"


def train(bench: Bench, model: Model) -> None:
    """Train, freeze, and compress what can be compressed."""
    directory = bench.folder / model.name.replace(" ", ".")
    backend = BACKENDS[model.backend]
    section = write_input(
        bench,
        model,
        directory,
        steps=bench.steps,
        batch_size=1 if model.kind == "dpa3" else bench.study.training.batch_size,
    )
    trained = bench.run(["dp", backend.option, "train", "input.json"], directory, "train.log")
    speed = steps_per_second(directory / "train.log")
    row = {
        "model": model.name,
        "steps": bench.steps,
        "atoms": len(structure("training_cell", bench.elements)),
        "steps_per_second": speed and round(speed, 2),
        **signs(trained),
    }
    frozen = model_file(bench, model, compressed=False)
    bench.run(["dp", backend.option, "freeze", "-o", frozen.name], directory, "freeze.log")
    row["frozen_mb"] = round(frozen.stat().st_size / 1e6, 2)
    row["not_compressed"] = why_not_compressed(section)
    if not row["not_compressed"]:
        compressed = model_file(bench, model, compressed=True)
        words = ["compress", "-i", frozen.name, "-o", compressed.name, "-t", "input.json"]
        bench.run(["dp", backend.option, *words], directory, "compress.log")
        row["compressed_mb"] = round(compressed.stat().st_size / 1e6, 2)
    bench.keep("training", row)


def time_batches(bench: Bench, model: Model, batch_size: int) -> None:
    """Training steps with so many frames in each."""
    directory = bench.folder / "batches" / f"{model.name.replace(' ', '.')}.{batch_size}"
    steps = max(8, bench.steps // 8)
    write_input(bench, model, directory, steps=steps, batch_size=batch_size)
    found = bench.run(
        ["dp", BACKENDS[model.backend].option, "train", "input.json", "--skip-neighbor-stat"], directory, "train.log"
    )
    speed = steps_per_second(directory / "train.log")
    bench.keep(
        "batches",
        {
            "model": model.name,
            "frames": batch_size,
            "steps_per_second": speed and round(speed, 3),
            "frames_per_second": speed and round(batch_size * speed, 2),
            **signs(found),
        },
    )


def write_run(bench: Bench, model: Path, directory: Path, atoms: Atoms, n_steps: int) -> str:
    """Folder of an MD run with the shipped deck; gives its command."""
    directory.mkdir(parents=True)
    write_crystal(atoms, directory / "model.data", bench.elements)
    time_ps = n_steps * TIMESTEP_FS / 1000
    protocol = MDProtocol(
        "nvt", "free", KELVIN, (1.0, 1.0, 1.0), time_ps, TIMESTEP_FS, dump_interval_ps=time_ps, seed=1
    )
    return md_command(
        protocol,
        NO_BOUNDS,
        deck=str(lammps_deck("interface_md.in")),
        data="model.data",
        potential=str(model),
        elements=bench.elements,
    )


def loop_of(directory: Path) -> tuple[float, int, int]:
    """Seconds, steps and atoms of the run; the minimisation before it warms up and is not timed."""
    text = (directory / "log.lammps").read_text()
    loops = re.findall(r"Loop time of ([\d.e+-]+) on \d+ procs for (\d+) steps with (\d+) atoms", text)[1:]
    if not loops:
        raise ProgramError(f"LAMMPS ended without a run; {directory / 'log.lammps'} has no loop.")
    return sum(float(loop[0]) for loop in loops), sum(int(loop[1]) for loop in loops), int(loops[0][2])


def guessed_steps(bench: Bench, model: Model, n_atoms: int, *, compressed: bool) -> int:
    """Steps that take about the seconds that were asked for."""
    speed = bench.speeds.get((model, compressed)) or bench.speeds.get((model, not compressed))
    return 2 * PILOT_STEPS if speed is None else int(np.clip(bench.seconds / (speed * n_atoms), 2 * PILOT_STEPS, 5000))


def run_md(bench: Bench, model: Model, n_atoms: int, *, compressed: bool) -> None:
    """One MD run; the first of a model is preceded by a pilot that tells how many steps to ask for."""
    atoms, file = repeated(n_atoms, bench.elements), model_file(bench, model, compressed=compressed)
    if not file.is_file():
        raise ProgramError(f"{model.name} was not {'compressed' if compressed else 'trained'}")
    if (model, compressed) not in bench.speeds:
        time_md(bench, model, file, atoms, PILOT_STEPS, compressed=compressed)
    n_steps = guessed_steps(bench, model, len(atoms), compressed=compressed)
    seconds, steps, found = time_md(bench, model, file, atoms, n_steps, compressed=compressed)
    bench.keep(
        "md",
        {
            "model": model.name,
            "compressed": compressed,
            "atoms": len(atoms),
            "steps": steps,
            "microseconds_per_atom_and_step": round(1e6 * seconds / steps / len(atoms), 4),
            "ns_per_day_at_1_fs": float(f"{NS_PER_DAY * steps / seconds:.4g}"),
            **signs(found),
        },
    )


def time_md(
    bench: Bench, model: Model, file: Path, atoms: Atoms, n_steps: int, *, compressed: bool
) -> tuple[float, int, WatchedRun]:
    """Seconds and steps of a run; what it says of the speed is kept for the next."""
    folder = bench.folder / f"md.{model.name.replace(' ', '.')}.{int(compressed)}.{len(atoms)}.{n_steps}"
    command = write_run(bench, file, folder, atoms, n_steps)
    found = bench.run(shlex.split(command), folder, "lmp.log")
    seconds, steps, _ = loop_of(folder)
    bench.speeds[model, compressed] = seconds / steps / len(atoms)
    return seconds, steps, found


def run_packed(bench: Bench, model: Model, n_runs: int, *, mps: bool) -> None:
    """Runs of the smallest size side by side on one GPU, as a job of the product packs them."""
    atoms = repeated(bench.sizes[0], bench.elements)
    compressed = model_file(bench, model, compressed=True).is_file()
    n_steps = guessed_steps(bench, model, n_runs * len(atoms), compressed=compressed)
    folder = bench.folder / f"packed.{n_runs}.{int(mps)}"
    tasks = []
    for number in range(n_runs):
        run = folder / str(number)
        command = write_run(bench, model_file(bench, model, compressed=compressed), run, atoms, n_steps)
        tasks.append(f"( cd {shlex.quote(str(run))}; {TAKE_A_PLACE} {command} >> lmp.log 2>&1 ) &")
    places = GpuPlaces(1, n_runs)
    script = "\n".join([*([] if mps else ["export MLIP_NO_MPS=1"]), *places.script(own_gpus=False), *tasks, "wait"])
    found = bench.run(["bash", "-c", script], folder, "job.log", places.environment)
    rates = []
    for number in range(n_runs):
        seconds, steps, _ = loop_of(folder / str(number))
        rates.append(len(atoms) * steps / seconds)
    bench.keep(
        "packed",
        {
            "model": model.name,
            "runs": n_runs,
            "mps": "NVIDIA MPS runs for this job." in (folder / "job.log").read_text(),
            "mps_asked": mps,
            "atoms": len(atoms),
            "steps": n_steps,
            "atom_steps_per_second_together": round(sum(rates)),
            "microseconds_per_atom_and_step_together": round(1e6 / sum(rates), 4),
            **signs(found),
        },
    )


def importable(bench: Bench, names: Sequence[str]) -> list[str]:
    """Those backends that work here; the others with their reason."""
    found = []
    for name in names:
        asked = ask_program(
            [sys.executable, "-c", f"import deepmd.{'tf' if name == 'tensorflow' else 'pt'}"], limit_seconds=300
        )
        if asked.status == 0:
            found.append(name)
        else:
            bench.keep("skipped", {"case": f"backend {name}", "reason": reason(asked.errors)})
    return found


def measure(bench: Bench, backends: Sequence[str], batches: Sequence[int], packs: Sequence[int]) -> None:
    """All cases, the most important first."""
    make_data(bench)
    small, *middle, large = bench.sizes if len(bench.sizes) > 1 else (bench.sizes[0], bench.sizes[0])

    def md(model: Model, sizes: Sequence[int], *, compressed: bool = True) -> None:
        what = "compressed" if compressed else "not compressed"
        for n_atoms in dict.fromkeys(sizes):
            bench.case(f"MD, {model.name}, {what}, {n_atoms} atoms", partial(run_md, bench, model, n_atoms, compressed=compressed))  # fmt: skip

    def trained(model: Model) -> bool:
        return bench.case(f"training, {model.name}", partial(train, bench, model), seconds=3 * START_SECONDS)

    first = [Model(backend, "se_e2_a", "float64") for backend in backends]
    done = []
    for model in first:
        if trained(model):
            md(model, [large, small])
            done.append(model)
    others = [Model(backend, "se_atten_v2", "float64") for backend in backends[-1:]]
    others += [Model("pytorch", "dpa3", "float32")] if "pytorch" in backends else []
    for model in others:
        if trained(model):
            compressed = model_file(bench, model, compressed=True).is_file()
            md(model, [small, large], compressed=compressed)
    for model in done[-1:]:
        for n_runs in packs:
            for mps in (True, False) if bench.gpus and n_runs > 1 else (False,):
                case = f"{n_runs} runs packed, {'with' if mps else 'without'} MPS"
                bench.case(case, partial(run_packed, bench, model, n_runs, mps=mps))
        for frames in batches:
            bench.case(f"{frames} frames in a batch", partial(time_batches, bench, model, frames))
        md(model, [small, large], compressed=False)
    for backend in backends[-1:]:
        single = Model(backend, "se_e2_a", "float32")
        if trained(single):
            md(single, [large, small])
    for model in done:
        md(model, middle)


def draw(record: dict[str, Any], file: Path) -> None:
    """The figure, from the JSON."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import StrMethodFormatter

    figure, panels = plt.subplots(2, 3, figsize=(16, 9), layout="constrained")
    figure.suptitle(f"{record['device']}    ({record['study']}, {record['date'][:10]})", fontsize=13)
    columns = {
        "microseconds_per_atom_and_step": ("microseconds per atom and step", 1.0),
        "ns_per_day_at_1_fs": ("ns/day at 1 fs", 1.0),
        "gpu_memory_mb": ("memory of the GPU, GB", 1e-3),
    }
    on_cpu = not any(row["on_gpu"] for row in record["md"])
    if on_cpu:
        columns["host_memory_mb"] = ("memory of the host, GB", 1e-3)
        del columns["gpu_memory_mb"]
    curves: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for row in record["md"]:
        curves.setdefault((row["model"], row["compressed"]), []).append(row)
    for panel, (key, (label, factor)) in zip(panels[0], columns.items(), strict=True):
        for (name, compressed), rows in curves.items():
            ordered = sorted(rows, key=lambda row: row["atoms"])
            panel.loglog(
                [row["atoms"] for row in ordered],
                [factor * row[key] for row in ordered],
                marker="o" if compressed else "s",
                linestyle="-" if compressed else "--",
                label=f"{name}{', compressed' if compressed else ''}",
            )
        panel.set(xlabel="atoms", ylabel=label)
        values = [row[key] for row in record["md"]]
        if values and max(values) < 3 * min(values):
            panel.set_yscale("linear")
            panel.set_ylim(0, None)
        else:
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        sizes = sorted({row["atoms"] for row in record["md"]})
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
        panel.minorticks_off()
        panel.grid(alpha=0.3, which="both")
    if curves:
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=9)
    for name in dict.fromkeys(row["model"] for row in record["batches"]):
        rows = [row for row in record["batches"] if row["model"] == name and row["steps_per_second"]]
        panels[1, 0].plot([row["frames"] for row in rows], [row["steps_per_second"] for row in rows], "o-", label=name)
    panels[1, 0].set(xlabel="frames in a batch", ylabel="training steps per second", ylim=(0, None))
    if record["batches"]:
        panels[1, 0].legend(fontsize=8)
    bars = [row for row in record["training"] if row["steps_per_second"]]
    panels[1, 1].barh([row["model"].replace(" ", "\n") for row in bars], [row["steps_per_second"] for row in bars])
    panels[1, 1].set(xlabel="training steps per second")
    labels = [f"{row['runs']}{', MPS' if row['mps'] else ''}" for row in record["packed"]]
    panels[1, 2].bar(labels, [row["atom_steps_per_second_together"] / 1e3 for row in record["packed"]])
    panels[1, 2].set(xlabel="runs on one GPU" if not on_cpu else "runs side by side (no GPU)", ylabel="thousand atom-steps per second, all together")  # fmt: skip
    for panel in panels.flat:
        if not panel.has_data():
            panel.text(0.5, 0.5, "not measured", ha="center", transform=panel.transAxes)
            panel.set(xticks=[], yticks=[])
    figure.savefig(file, dpi=100)
    plt.close(figure)


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def main() -> None:
    """Run what can be run and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the numbers go")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="where the figure goes (.png, .svg, .pdf)")
    parser.add_argument("--draw", type=Path, metavar="JSON", help="measure nothing: draw --figure from this file")
    parser.add_argument("--budget", type=float, default=570.0, metavar="S", help="seconds, all in all (%(default)s)")
    parser.add_argument("--steps", type=int, metavar="N", help="training steps (2000 on a GPU, else 20)")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="of MD in each run (%(default)s)")
    parser.add_argument(
        "--atoms", type=int, nargs="+", metavar="N", help="sizes of MD (896 ... 32256; 326 896 on a CPU)"
    )
    parser.add_argument("--study", type=Path, metavar="FILE", help="whose model sizes are taken")
    parser.add_argument("--backends", nargs="+", choices=list(BACKENDS), default=list(BACKENDS), help="(both)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="new folder for logs and models, kept")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(read_json(arguments.draw), arguments.figure or arguments.draw.with_suffix(".png"))
        return
    found = installed_gpus()
    say("; ".join(map(str, found)) or "No GPU is seen: everything runs on the CPU, smaller.")

    def on_change(content: dict[str, Any]) -> None:
        if arguments.json:
            write_record(arguments.json, {"benchmark": "gpu", **content}, PACKAGES)
            if arguments.figure:
                draw(read_json(arguments.json), arguments.figure)

    with tempfile.TemporaryDirectory() as passing:
        folder = (arguments.work or Path(passing) / "work").resolve()
        folder.mkdir(parents=True)
        bench = Bench(
            folder=folder,
            study=load_study(arguments.study or study_file("lco_lif_lpscl.yaml" if found else "demo.yaml")),
            steps=arguments.steps or (2000 if found else 20),
            seconds=arguments.seconds,
            sizes=tuple(arguments.atoms or ((896, 1792, 3584, 8064, 16128, 32256) if found else (326, 896))),
            budget_seconds=arguments.budget,
            on_change=on_change,
            gpus=found,
        )
        backends = importable(bench, arguments.backends)
        measure(bench, backends, (1, 4, 16) if found else (1, 2), (1, 2, 4) if found else (1, 2))
    if not bench.record["md"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
