"""Force error against the number of labels: candidates chosen by coverage, and at random as DP-GEN chooses them.

``python benchmarks/label_efficiency.py li7p3s11 --data ../shared/data/li7p3s11 --work /tmp/efficiency``
    Li7P3S11, 42 atoms; the teacher is the published moment tensor potential through the package ``motep`` (5 to 10 ms a
    label; ``pip install --no-deps motep``).
``python benchmarks/label_efficiency.py coated --data runs/demo --work /tmp/efficiency``
    LiCoO2 | LiF | Li6PS5Cl of a finished demo run; the teacher is CHGNet (2 s a label).
``python benchmarks/label_efficiency.py fine-tune --data runs/demo --work /tmp/efficiency --pretrain coating-05A --target bulk-electrolyte``
    No new labels: a model of DeePMD-kit's PyTorch backend is trained on the labels of some systems of a finished run, and its
    fine-tuning held against training from scratch on 1/8, 1/4, 1/2 and all labels of another, with equally many steps each.

The first two: both strategies start from the same committee of two small Deep Potentials and choose from the same pool, correlated frames
of MD with an early model at several temperatures, labelled once; held-out frames come from other trajectories. Each
round trains on from the round before with all labels so far. Everything is kept in the work folder: the same command
continues, and with more seeds or strategies adds to it. Where training is short, its own error hides that of few
labels: compare ``rmse_f_trn`` in ``member.0/lcurve.out`` with the held-out error. It ends with ``CASE.csv`` and ``CASE.png``/``.svg`` in ``--out``,
fine-tuning with ``fine-tune.json`` and a figure.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.md.langevin import Langevin
from ase.neighborlist import neighbor_list
from record import write_record

from mlip_interfaces.figures.style import PALETTE, new_figure, save_figure, styled
from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.potentials import DescriptorSizes, checkpoint_keys

ROUND = Path(__file__).with_name("committee_round.py")
FINE_TUNING = Path(__file__).with_name("fine_tuning.py")
THREADS = {
    "OMP_NUM_THREADS": "1",
    "DP_INTRA_OP_PARALLELISM_THREADS": "1",
    "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
LABELS = {
    "coverage": "by coverage (ours)", "random": "at random (DP-GEN)",
    "scratch": "from scratch", "fine-tuned": "fine-tuned",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One teacher and one system."""

    elements: tuple[str, ...]
    sizes: DescriptorSizes
    start_steps: int
    round_steps: int
    rounds: tuple[int, ...]
    trust_ev_per_angstrom: tuple[float, float]
    prepare: Callable[[Path, Path, Case], None]
    start_checkpoints: Callable[[Path], list[str | None]]


def labelled(atoms: Atoms, teacher: Any) -> Atoms:
    """A copy with the teacher's energy, forces and stress."""
    copy = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True, info=atoms.info)
    copy.calc = teacher
    energy, forces, stress = copy.get_potential_energy(), copy.get_forces(), copy.get_stress()
    copy.calc = SinglePointCalculator(copy, energy=energy, forces=forces, stress=stress)
    return copy


def label_file(file: Path, frames: Callable[[], Sequence[Atoms]], teacher: Callable[[], Any]) -> None:
    """Label frames into a file; goes on after the last one where it was interrupted."""
    if file.is_file():
        return
    working = file.with_name(f".{file.name}")
    n_done = len(read(working, index=":")) if working.is_file() else 0
    calculator = teacher()
    for atoms in frames()[n_done:]:
        write(working, labelled(atoms, calculator), format="extxyz", append=True)
    working.rename(file)


def langevin(
    start: Atoms, calculator: Any, *, kelvin: float, n_steps: int, sample_every: int, skip: int = 0, seed: int
) -> list[Atoms]:
    """Frames of constant-volume MD with 2 fs steps, until it runs away."""
    rng = np.random.default_rng(seed)
    atoms = start.copy()
    atoms.calc = calculator
    atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * np.sqrt(atoms.get_masses() * units.kB * kelvin)[:, None])
    dynamics = Langevin(atoms, 2 * units.fs, temperature_K=kelvin, friction=0.02 / units.fs, rng=rng, fixcm=False)
    frames = []
    for step in range(0, n_steps, sample_every):
        dynamics.run(sample_every)
        if step >= skip:
            frames.append(
                Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True, info={"kelvin": kelvin})
            )
        if atoms.get_temperature() > 6 * kelvin:
            break
    return frames


def numbered(runs: Sequence[Sequence[Atoms]]) -> list[Atoms]:
    """Frames of all runs, one after another, that know their run."""
    for number, frames in enumerate(runs):
        for atoms in frames:
            atoms.info["run"] = number
    return [atoms for frames in runs for atoms in frames]


KELVINS = (300.0, 600.0, 900.0, 1200.0)


def prepare_li7p3s11(data: Path, work: Path, case: Case) -> None:
    """A start of five frames, held-out frames of the teacher's MD, and a pool explored by a model of sixty labels."""
    relaxed = read(data / "Li7P3S11_relaxed.cif")
    crystal = Atoms(relaxed.get_chemical_symbols(), positions=relaxed.positions, cell=relaxed.cell, pbc=True)

    def teacher() -> Any:
        from motep.calculator import MTP
        from motep.io.mlip.mtp import read_mtp

        # It warns of every contact closer than it was fitted to.
        logging.getLogger().setLevel(logging.ERROR)
        potential = read_mtp(str(data / "optb88.mtp"))
        potential.species = [3, 15, 16]
        return MTP(potential)

    def held_out() -> list[Atoms]:
        runs = [
            langevin(crystal, teacher(), kelvin=kelvin, n_steps=1750, sample_every=30, skip=250, seed=100 + number)
            for number, kelvin in enumerate(KELVINS)
        ]
        return [atoms for run in runs for atoms in run]

    def start() -> list[Atoms]:
        rng = np.random.default_rng(5)
        frames = []
        for _ in range(5):
            atoms = crystal.copy()
            atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.02, (3, 3))), scale_atoms=True)
            atoms.positions += rng.normal(0, 0.06, atoms.positions.shape)
            frames.append(atoms)
        return frames

    def explorer_data() -> list[Atoms]:
        runs = [
            langevin(crystal, teacher(), kelvin=kelvin, n_steps=400, sample_every=27, seed=300 + number)
            for number, kelvin in enumerate(KELVINS)
        ]
        return [atoms for run in runs for atoms in run]

    def pool() -> list[Atoms]:
        from deepmd.calculator import DP

        plan = start_plan(case, data, 0) | {"held_out": str(work / "held_out.xyz"), "seeds": [1], "start_from": [None]}
        early = run_round(work / "explorer", case, plan, read(work / "explorer.xyz", index=":"))
        explorer = DP(str(early / "member.0" / "model.pb"))
        runs = [
            langevin(crystal, explorer, kelvin=kelvin, n_steps=1000, sample_every=5, seed=200 + number)
            for number, kelvin in enumerate(KELVINS)
        ]
        return numbered(runs)

    label_file(work / "held_out.xyz", held_out, teacher)
    label_file(work / "start.xyz", start, teacher)
    label_file(work / "explorer.xyz", explorer_data, teacher)
    label_file(work / "pool.xyz", pool, teacher)


def prepare_coated(data: Path, work: Path, case: Case) -> None:
    """The demo's initial data; as pool its explorations; held out are frames of the scan's MD, 300 and 500 K."""
    from mlip_interfaces.labels.store import collect_labels
    from mlip_interfaces.trajectory.reader import read_trajectory

    def teacher() -> Any:
        from chgnet.model.dynamics import CHGNetCalculator

        return CHGNetCalculator(use_device="cpu")

    def start() -> list[Atoms]:
        frames = []
        for label in collect_labels([data / "initial_data"]).labels:
            atoms = label.atoms
            stress = -label.virial_ev / atoms.get_volume()
            atoms.calc = SinglePointCalculator(
                atoms, energy=label.energy_ev, forces=label.forces_ev_per_angstrom, stress=stress
            )
            frames.append(atoms)
        return frames

    def pool() -> list[Atoms]:
        runs = []
        for file in sorted(data.glob("campaign/iter.*/01.model_devi/task.*/all.lammpstrj")):
            frames = []
            for image in read(file, index="1:", format="lammps-dump-text", order=True):
                symbols = [case.elements[kind - 1] for kind in image.arrays["type"]]
                frames.append(Atoms(symbols, positions=image.positions, cell=image.cell, pbc=True))
            runs.append(frames)
        return numbered(runs)

    def held_out() -> list[Atoms]:
        frames = []
        for file in sorted(data.glob("scan/coating-0[05]A/*/seed-*/traj.dcd")):
            trajectory = read_trajectory(file, file.with_name("layers.json"), frame_interval_ps=0.02)
            for positions, cell in zip(trajectory.positions[14::15], trajectory.cells[14::15], strict=True):
                frames.append(Atoms(trajectory.symbols, positions=positions, cell=cell, pbc=True))
        return frames

    if not (work / "start.xyz").is_file():
        write(work / "start.xyz", start(), format="extxyz")
    label_file(work / "held_out.xyz", held_out, teacher)
    label_file(work / "pool.xyz", pool, teacher)


def demo_committee(data: Path) -> list[str | None]:
    """Checkpoints of the demo's first committee."""
    return [str((data / f"campaign/iter.000000/00.train/{number:03d}/model.ckpt").resolve()) for number in range(2)]


def cases(data: Path) -> dict[str, Case]:
    """The cases; neighbour counts of the demo are those it was trained with."""
    counts = data / "campaign" / "max_neighbors.json"
    neighbors = tuple(json.loads(counts.read_text())) if counts.is_file() else (4,) * 7
    return {
        "li7p3s11": Case(
            ("Li", "P", "S"),
            DescriptorSizes(5.0, 0.5, (10, 20, 40), 8, (64, 64, 64), (40, 24, 48), "float32"),
            # With fewer the error is that of the training, whatever the labels.
            start_steps=20_000,
            round_steps=10_000,
            rounds=(3, 5, 8, 14),
            trust_ev_per_angstrom=(0.2, 1.0),
            prepare=prepare_li7p3s11,
            start_checkpoints=lambda _: [None, None],
        ),
        "coated": Case(
            ("Li", "Co", "O", "F", "P", "S", "Cl"),
            DescriptorSizes(5.5, 0.5, (10, 20, 40), 8, (64, 64, 64), neighbors, "float32"),
            start_steps=1,
            round_steps=600,
            rounds=(5, 10, 20, 40),
            trust_ev_per_angstrom=(0.2, 1.5),
            prepare=prepare_coated,
            start_checkpoints=demo_committee,
        ),
    }


def start_plan(case: Case, data: Path, seed: int) -> dict[str, Any]:
    """Train the first committee of a seed."""
    return {
        "seeds": [10 * seed + 1, 10 * seed + 2],
        "start_from": case.start_checkpoints(data),
        "steps": case.start_steps,
        # One step so small that it changes nothing: a checkpoint of the data's own committee is the start.
        **(
            {"start_learning_rate": 3e-3}
            if case.start_steps > 1
            else {"start_learning_rate": 1e-8, "stop_learning_rate": 1e-9}
        ),
        "n_next": 0,
    }


def run_round(folder: Path, case: Case, plan: dict[str, Any], training: Sequence[Atoms]) -> Path:
    """Run one round in a process of its own, unless it is done."""
    common = {"elements": list(case.elements), "sizes": asdict(case.sizes), "stop_learning_rate": 1e-5}
    text = json.dumps(common | plan, indent=1) + "\n"
    plan_file, result = folder / "plan.json", folder / "round.json"
    if plan_file.is_file():
        old = json.loads(plan_file.read_text())
        # A curve may be made longer: its last round has not chosen anything yet.
        if json.loads(text) | {"n_next": old["n_next"]} != old or (old["n_next"] and old["n_next"] != plan["n_next"]):
            raise SystemExit(
                f"{plan_file} was written for other settings; give another --work folder or delete {folder}."
            )
    if result.is_file() and (not plan["n_next"] or "next" in json.loads(result.read_text())):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "train.xyz", list(training), format="extxyz")
    plan_file.write_text(text)
    with (folder / "log").open("w") as log:
        subprocess.run(
            [sys.executable, str(ROUND), str(folder)], check=True, stdout=log, stderr=subprocess.STDOUT,
            env=os.environ | THREADS,
        )  # fmt: skip
    return folder


def run_curve(
    work: Path, data: Path, case: Case, strategy: str, seed: int, n_by_round: Sequence[int]
) -> list[dict[str, Any]]:
    """All rounds of one strategy and seed; returns the result of each."""
    files = {"pool": str(work / "pool.xyz"), "held_out": str(work / "held_out.xyz")}
    training = read(work / "start.xyz", index=":")
    pool = read(work / "pool.xyz", index=":")
    start = run_round(work / f"seed-{seed}" / "start", case, start_plan(case, data, seed) | files, training)
    taken: list[int] = []
    results = []
    previous = start
    for number, n_next in enumerate([*n_by_round, 0]):
        folder = work / f"seed-{seed}" / strategy / f"round-{number}"
        if number == 0:
            for member in start.glob("member.*"):
                shutil.copytree(member, folder / member.name, dirs_exist_ok=True)
        plan = files | {
            # Orders of batches, and choices at random, differ from round to round and seed to seed.
            "seeds": [1000 * seed + 10 * number + member for member in (3, 4)],
            "start_from": [str(previous / f"member.{member}" / "model.ckpt") for member in range(2)],
            "steps": case.round_steps,
            "start_learning_rate": 1e-3,
            "n_next": n_next,
            "strategy": strategy,
            "trust_ev_per_angstrom": case.trust_ev_per_angstrom,
            "taken": taken,
            "choice_seed": 100 * seed + number,
        }
        previous = run_round(folder, case, plan, training + [pool[index] for index in taken])
        results.append(json.loads((folder / "round.json").read_text()) | {"strategy": strategy, "seed": seed})
        print(
            f"{strategy}, seed {seed}, {results[-1]['n_labels']} labels: "
            f"{np.mean(results[-1]['member_rmse_mev_per_angstrom']):.1f} meV/angstrom",
            flush=True,
        )
        taken = taken + results[-1].get("next", [])
    return results


def fine_tune(arguments: argparse.Namespace, data: Path, work: Path) -> list[dict[str, Any]]:
    """Train on some systems, then on parts of the labels of another with that start and without; a row for each training."""
    from mlip_interfaces.labels.store import collect_labels

    store = collect_labels([data])
    elements = sorted({symbol for label in store.labels for symbol in label.symbols})
    first = [label for label in store.labels if label.system in arguments.pretrain]
    second = [label for label in store.labels if label.system == arguments.target]
    if not first or not second or arguments.target in arguments.pretrain:
        known = ", ".join(sorted({label.system for label in store.labels}))
        raise SystemExit(f"--pretrain and --target must name different systems of {data}: {known}")
    pool, held_out = last_of_each_trajectory(second, arguments.held_out)
    held_out_systems = write_systems(held_out, work / "held_out", elements)
    model = mixed_model(store.labels, elements, arguments.cutoff)

    def entry(folder: Path, labels: Sequence[Any], steps: int, seed: int, start: Path | None) -> dict[str, Any]:
        systems = write_systems(labels, folder / "data", elements)
        rates = (arguments.fine_tuning_rate, 1e-5) if start else (arguments.learning_rate, 1e-5)
        content = training_input(model, elements, n_steps=steps, rates=rates, systems=systems, seed=seed)
        return {
            "folder": str(folder),
            "input": content,
            "start": str(start) if start else None,
            "measured": folder.name != "start",
        }

    trainings = [entry(work / "start", first, arguments.pretrain_steps, 1, None)]
    rows = []
    for seed in arguments.seeds:
        order = np.random.default_rng(seed).permutation(len(pool))
        for share in arguments.shares:
            labels = [pool[number] for number in order[: max(1, round(share * len(pool)))]]
            for strategy, start in (("scratch", None), ("fine-tuned", work / "start" / "model.ckpt.pt")):
                folder = work / f"seed-{seed}" / f"{strategy}-{share:g}"
                trainings.append(entry(folder, labels, arguments.steps, 100 + seed, start))
                rows.append({"folder": folder, "strategy": strategy, "seed": seed, "n_labels": len(labels)})
    plan = work / "plan.json"
    plan.write_text(json.dumps({"held_out": held_out_systems, "trainings": trainings}, indent=1) + "\n")
    with (work / "log").open("w") as log:
        subprocess.run(
            [sys.executable, str(FINE_TUNING), str(plan)], check=True, stdout=log, stderr=subprocess.STDOUT,
            env=os.environ | THREADS,
        )  # fmt: skip
    for row in rows:
        result = json.loads((row.pop("folder") / "result.json").read_text())
        row["member_rmse_mev_per_angstrom"] = [result["force_rmse_mev_per_angstrom"]]
        row |= result
    write_record(
        (arguments.out or work) / "fine-tune.json",
        {
            "pretrained_on": {"systems": arguments.pretrain, "n_labels": len(first), "steps": arguments.pretrain_steps},
            "target": {
                "system": arguments.target,
                "n_labels": len(pool),
                "n_held_out": len(held_out),
                "steps": arguments.steps,
            },
            "learning_rates": {"scratch": arguments.learning_rate, "fine-tuned": arguments.fine_tuning_rate},
            "model": model,
            "trainings": [
                {key: value for key, value in row.items() if key != "member_rmse_mev_per_angstrom"} for row in rows
            ],
            "labels_needed": needed_by(curves(rows)),
        },
        ["deepmd-kit", "torch"],
    )
    return rows


def last_of_each_trajectory(labels: Sequence[Any], share: float) -> tuple[list[Any], list[Any]]:
    """The rest, and the last frames of each trajectory, which are measured on: a system of a demo has too few to hold out whole ones."""
    trajectories: dict[str, list[Any]] = {}
    for label in labels:
        trajectories.setdefault(label.trajectory, []).append(label)
    rest, held_out = [], []
    for members in trajectories.values():
        ordered = sorted(members, key=lambda label: (str(label.file), label.line or 0))
        n_rest = len(ordered) - max(1, round(share * len(ordered)))
        rest += ordered[:n_rest]
        held_out += ordered[n_rest:]
    return rest, held_out


def mixed_model(labels: Sequence[Any], elements: Sequence[str], cutoff_angstrom: float) -> dict[str, Any]:
    """A small DPA-1 without attention: one embedding for all pairs, so that what was learnt of one pair serves another."""
    frames = [label.atoms for label in labels[:: max(1, len(labels) // 40)]]
    neighbors = max(int(np.bincount(neighbor_list("i", atoms, cutoff_angstrom)).max()) for atoms in frames)
    return {
        "type_map": list(elements),
        "descriptor": {
            "type": "se_atten_v2", "rcut": cutoff_angstrom, "rcut_smth": 0.5, "sel": int(1.3 * neighbors), "neuron": [8, 16, 32],
            "axis_neuron": 8, "attn_layer": 0, "precision": "float32", "seed": 1,
        },
        "fitting_net": {"neuron": [64, 64, 64], "precision": "float32", "seed": 1},
    }  # fmt: skip


def training_input(
    model: dict[str, Any],
    elements: Sequence[str],
    *,
    n_steps: int,
    rates: tuple[float, float],
    systems: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Input of one training; another seed has other first weights and another order of frames."""
    seeded = {part: model[part] | {"seed": seed} for part in ("descriptor", "fitting_net")}
    return {
        "model": model | seeded,
        "learning_rate": {"type": "exp", "start_lr": rates[0], "stop_lr": rates[1], "decay_steps": max(1, n_steps // 50)},
        "loss": {
            "type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 10,
            "start_pref_v": 0.02, "limit_pref_v": 0.02,
        },
        "training": {
            "training_data": {"systems": list(systems), "batch_size": 1}, "numb_steps": n_steps, "seed": seed,
            "disp_file": "lcurve.out", "max_ckpt_keep": 1, **checkpoint_keys(n_steps),
        },
    }  # fmt: skip


def write_systems(labels: Sequence[Any], directory: Path, elements: Sequence[str]) -> list[str]:
    """Write labels as deepmd/npy systems, one for each sequence of atoms; what is there is left as it is."""
    groups: dict[tuple[str, ...], list[Any]] = {}
    for label in labels:
        groups.setdefault(label.symbols, []).append(label)
    paths = []
    for number, (symbols, members) in enumerate(groups.items()):
        path = directory / f"{number:03d}"
        paths.append(str(path))
        if not path.is_dir():
            labeled_system(
                symbols, elements,
                cells_angstrom=np.array([label.cell_angstrom for label in members]),
                positions_angstrom=np.array([label.positions_angstrom for label in members]),
                energies_ev=np.array([label.energy_ev for label in members]),
                forces_ev_per_angstrom=np.array([label.forces_ev_per_angstrom for label in members]),
                virials_ev=np.array([label.virial_ev for label in members]),
            ).to("deepmd/npy", str(path), set_size=len(members), prec=np.float64)  # fmt: skip
    return paths


def needed_by(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Labels that fine-tuning needs for the best error of training from scratch, by the means over seeds; None: more than there are."""
    means = {strategy: (n_labels.mean(axis=0), errors.mean(axis=0)) for strategy, (n_labels, errors) in found.items()}
    target = float(means["scratch"][1].min())
    needed = {strategy: labels_needed(*curve, target) for strategy, curve in means.items()}
    return {
        "force_rmse_mev_per_angstrom": round(target, 1),
        **{strategy: float(number) if np.isfinite(number) else None for strategy, number in needed.items()},
    }


def write_table(file: Path, results: Sequence[dict[str, Any]]) -> None:
    """One row for each strategy, seed and round."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(
            ["strategy", "seed", "n_labels", "member_0_force_rmse_mev_per_angstrom",
             "member_1_force_rmse_mev_per_angstrom", "committee_mean_force_rmse_mev_per_angstrom",
             "n_candidates", "choice_seconds"]
        )  # fmt: skip
        for row in results:
            errors = [f"{value:.2f}" for value in row["member_rmse_mev_per_angstrom"]]
            table.writerow(
                [row["strategy"], row["seed"], row["n_labels"], *errors, f"{row['mean_rmse_mev_per_angstrom']:.2f}",
                 row.get("candidates", ""), row.get("choice_seconds", "")]
            )  # fmt: skip


def curves(results: Sequence[dict[str, Any]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Labels, and the RMSE (mean of the members), of each seed and round, shape (n_seeds, n_rounds), by strategy.

    Where candidates run out, a round has fewer labels than asked for.
    """
    found = {}
    for strategy in dict.fromkeys(row["strategy"] for row in results):
        rows = [row for row in results if row["strategy"] == strategy]
        runs = [[row for row in rows if row["seed"] == seed] for seed in sorted({row["seed"] for row in rows})]
        errors = [[np.mean(row["member_rmse_mev_per_angstrom"]) for row in run] for run in runs]
        found[strategy] = (np.array([[row["n_labels"] for row in run] for run in runs]), np.array(errors))
    return found


def labels_needed(n_labels: np.ndarray, errors: np.ndarray, target: float) -> float:
    """Labels at which a curve first falls to `target`, by linear interpolation; infinite if it never does."""
    below = np.flatnonzero(errors <= target)
    if below.size == 0:
        return np.inf
    first = int(below[0])
    if first == 0:
        return float(n_labels[0])
    return float(np.interp(target, errors[first - 1 : first + 1][::-1], n_labels[first - 1 : first + 1][::-1]))


@styled
def draw(title: str, found: dict[str, tuple[np.ndarray, np.ndarray]]) -> Any:
    """Mean over seeds with the spread as a band, single seeds as dots."""
    figure, axes = new_figure(1, 1, width=5.2, height=3.6)
    axis = axes[0, 0]
    for color, (strategy, (n_labels, errors)) in zip(PALETTE, found.items(), strict=False):
        mean, spread = errors.mean(axis=0), errors.std(axis=0, ddof=1) if len(errors) > 1 else np.zeros(errors.shape[1])
        middle = n_labels.mean(axis=0)
        axis.fill_between(middle, mean - spread, mean + spread, color=color, alpha=0.2, lw=0)
        axis.plot(
            middle,
            mean,
            "o-",
            color=color,
            label=f"{LABELS.get(strategy, strategy)}, {len(errors)} seed{'s' * (len(errors) > 1)}",
        )
        axis.plot(n_labels.ravel(), errors.ravel(), ".", color=color, ms=4, alpha=0.6)
    axis.set_xlabel("labels in the training set")
    axis.set_ylabel("held-out force RMSE (meV/Å)")
    axis.set_title(title)
    axis.legend()
    return figure


def main() -> None:
    """Run the benchmark and print how many labels each strategy saves against random choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=("li7p3s11", "coated", "fine-tune"))
    parser.add_argument("--data", type=Path, required=True, help="../shared/data/li7p3s11, or a finished demo run")
    parser.add_argument("--work", type=Path, required=True, help="work folder; kept, so that the same call continues")
    parser.add_argument("--out", type=Path, help="where table and figure go (default: the work folder)")
    parser.add_argument("--strategies", nargs="+", default=["random", "coverage"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rounds", nargs="+", type=int, help="labels chosen in each round (default: the case's)")
    parser.add_argument("--round-steps", type=int, help="training steps of each round (default: the case's)")
    tuned = parser.add_argument_group("fine-tune")
    tuned.add_argument(
        "--pretrain", nargs="+", default=["coating-05A"], help="systems of the run that the start is trained on"
    )
    tuned.add_argument("--target", default="bulk-electrolyte", help="system whose labels are learnt")
    tuned.add_argument(
        "--shares", nargs="+", type=float, default=[0.125, 0.25, 0.5, 1.0], help="of the target's labels"
    )
    tuned.add_argument("--held-out", type=float, default=0.3, help="share of each of the target's trajectories")
    tuned.add_argument("--pretrain-steps", type=int, default=20_000)
    tuned.add_argument(
        "--steps", type=int, default=10_000, help="of each fine-tuning, and of each training from scratch"
    )
    tuned.add_argument("--learning-rate", type=float, default=1e-3, help="at the start, from scratch")
    tuned.add_argument("--fine-tuning-rate", type=float, default=1e-3, help="at the start of a fine-tuning")
    tuned.add_argument("--cutoff", type=float, default=5.0, help="angstrom")
    arguments = parser.parse_args()
    data, work = arguments.data.resolve(), arguments.work.resolve() / arguments.case
    work.mkdir(parents=True, exist_ok=True)
    if arguments.case == "fine-tune":
        rows = fine_tune(arguments, data, work)
        found = curves(rows)
        title = f"{', '.join(arguments.pretrain)} to {arguments.target}: force error against labels"
        save_figure(draw(title, found), arguments.out or work, arguments.case)
        for strategy, (n_labels, error) in found.items():
            points = zip(n_labels.mean(axis=0), error.mean(axis=0), error.std(axis=0), strict=True)
            print(f"{strategy}: {', '.join(f'{n:g}: {e:.1f} +- {s:.1f}' for n, e, s in points)} meV/angstrom")
        print(needed_by(found))
        return
    case = cases(data)[arguments.case]
    if arguments.round_steps is not None:
        case = replace(case, round_steps=arguments.round_steps)
    case.prepare(data, work, case)
    results = [
        row
        for seed in arguments.seeds
        for strategy in arguments.strategies
        for row in run_curve(work, data, case, strategy, seed, arguments.rounds or case.rounds)
    ]
    out = arguments.out or work
    write_table(out / f"{arguments.case}.csv", results)
    found = curves(results)
    save_figure(draw(f"{arguments.case}: force error against labels", found), out, arguments.case)
    averages = {
        strategy: (n_labels.mean(axis=0), errors.mean(axis=0)) for strategy, (n_labels, errors) in found.items()
    }
    for strategy, (n_labels, error) in averages.items():
        print(f"{strategy}: {', '.join(f'{n:g}: {e:.1f}' for n, e in zip(n_labels, error, strict=True))} meV/angstrom")
        if strategy != "random" and "random" in averages:
            reference_labels, reference = averages["random"]
            target = float(reference.min())
            needed = labels_needed(n_labels, error, target) - n_labels[0]
            spent = labels_needed(reference_labels, reference, target) - reference_labels[0]
            print(
                f"  the best error of random choice ({target:.1f}) after {needed:.0f} new labels instead of {spent:.0f}"
            )


if __name__ == "__main__":
    main()
