"""Analyses of trajectories of production size: time beside that of merely reading the file, and peak memory.

``python benchmarks/production_sizes.py`` makes a stack LiCoO2 | LiF | Li6PS5Cl of 4,000 atoms at the crystals' densities, whose atoms
shake about their sites and whose coating's Li walks, writes 500 frames of it as DCD in single precision, as LAMMPS does, and runs each row in
a fresh process: the bare file, MDAnalysis' reader, ours, each analysis that a study asks for alone, and all together as the stage
``analyze`` does. ``--atoms 1000000 --frames 20`` is for memory. Figures and files of results are in the last row alone.

Everything grows in proportion to the frames but for the fits of the last frames' curves: ``--frames 2000`` tells. The first analysis of a
machine compiles; each row does its work once on three frames before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import reason, write_record

from mlip_interfaces.config import load_study
from mlip_interfaces.trajectory import TrajectoryReader, open_trajectory

STUDY = Path(__file__).parents[1] / "configs" / "demo.yaml"
INTERVAL_PS = 0.5
LAYERS = (("cathode", "LiCoO2", 0.35), ("coating", "LiF", 0.15), ("electrolyte", "Li6PS5Cl", 0.5))
"""Name, crystal, and share of the height."""
HEIGHT_ANGSTROM = 75.0
N_SMALL = 4000
"""Atoms beyond which a stack grows laterally."""
SHAKE_ANGSTROM, WALK_ANGSTROM = 0.12, 0.1
READERS = ("the file alone", "MDAnalysis' DCD reader", "frames of ours", "chunks of ours", "paths of ours")
ALL, STAGE = "all analyses in one pass", "all, with files and figures"


def stack(n_atoms: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Elements, layers, sites (angstrom) and edges of the cell (angstrom) of about as many atoms."""
    from ase.build import make_supercell

    from mlip_interfaces.structures.crystals import load_crystal

    blocks = []
    for name, material, share in LAYERS:
        atoms = load_crystal(material)
        if abs(atoms.cell.angles()[2] - 120.0) < 1e-3:
            atoms = make_supercell(atoms, [[1, 0, 0], [1, 2, 0], [0, 0, 1]])
        blocks.append((name, atoms, share))
    density = sum(share * len(atoms) / atoms.get_volume() for _, atoms, share in blocks)
    side = np.sqrt(min(n_atoms, N_SMALL) / density / HEIGHT_ANGSTROM)
    symbols, layers, parts, bottom = [], [], [], 0.0
    for name, atoms, share in blocks:
        a, b, c = atoms.cell.lengths()
        n = np.maximum(1, np.rint(np.array([side, side, HEIGHT_ANGSTROM * share]) / [a, b, c])).astype(int)
        block = atoms.repeat(n)
        # The volume is kept: what the sides are strained by, the height takes back.
        height = block.get_volume() / side**2
        parts.append(block.get_scaled_positions() * [side, side, height] + [0, 0, bottom])
        symbols += block.get_chemical_symbols()
        layers += [name] * len(block)
        bottom += height
    sites, edges = np.concatenate(parts), np.array([side, side, bottom])
    times = max(1, round(np.sqrt(n_atoms / len(sites))))
    shifts = np.array([(i, j, 0) for i in range(times) for j in range(times)]) * edges
    sites = (shifts[:, None] + sites).reshape(-1, 3)
    return np.tile(symbols, times**2), np.tile(layers, times**2), sites, edges * [times, times, 1]


def make_trajectory(folder: Path, n_atoms: int, n_frames: int) -> int:
    """``traj.dcd``, ``few.dcd`` of three frames and ``layers.json``; the number of atoms that there are."""
    from MDAnalysis.lib.formats.libdcd import DCDFile

    symbols, layers, sites, edges = stack(n_atoms)
    (folder / "layers.json").write_text(json.dumps({"symbols": symbols.tolist(), "layer": layers.tolist()}))
    walkers = np.flatnonzero((symbols == "Li") & (layers == "coating"))
    for name, n in (("few.dcd", 3), ("traj.dcd", n_frames)):
        rng = np.random.default_rng(1)
        walked = np.zeros((walkers.size, 3))
        with DCDFile(str(folder / name), "w") as file:
            file.write_header(remarks="", natoms=len(sites), istart=0, nsavc=1, delta=1.0, is_periodic=1)
            for _ in range(n):
                positions = sites + SHAKE_ANGSTROM * rng.standard_normal(sites.shape, dtype=np.float32)
                walked += WALK_ANGSTROM * rng.standard_normal(walked.shape)
                positions[walkers] += walked
                breath = 1.0 + 0.002 * rng.standard_normal()
                cell = edges * breath
                file.write(
                    xyz=(positions * breath % cell).astype(np.float32),
                    box=np.array([cell[0], 90, cell[1], 90, 90, cell[2]]),
                )
    return len(sites)


def opened(folder: Path, name: str) -> TrajectoryReader:
    """A trajectory with its labels."""
    return open_trajectory(folder / name, layers=folder / "layers.json", frame_interval_ps=INTERVAL_PS)


def works(study: Path, n_threads: int) -> dict[str, Callable[[Path, str], object]]:
    """What each row does with a file of a folder."""
    from mlip_interfaces.observables import Request, analyze

    def file_alone(folder: Path, name: str) -> int:
        with (folder / name).open("rb") as file:
            return sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))

    def mdanalysis(folder: Path, name: str) -> float:
        from MDAnalysis.coordinates.DCD import DCDReader

        return sum(float(step.positions[0, 0]) for step in DCDReader(str(folder / name), dt=INTERVAL_PS))

    def frames(folder: Path, name: str) -> int:
        from mlip_interfaces.trajectory.formats.dcd import dcd_frames

        return sum(1 for _ in dcd_frames(folder / name, []))

    def chunks(folder: Path, name: str) -> int:
        return sum(len(part.times_ps) for part in opened(folder, name).chunks(unwrapped=False))

    def paths(folder: Path, name: str) -> int:
        return sum(len(part.times_ps) for part in opened(folder, name).chunks())

    requests: dict[str, Request] = {
        key: request.at(300.0) for key, request in load_study(study).analysis.requests.items()
    }

    def analysis(asked: dict[str, Request]) -> Callable[[Path, str], object]:
        return lambda folder, name: analyze(opened(folder, name), asked, strict=False, n_threads=n_threads)

    def stage(folder: Path, name: str) -> object:
        results = analyze(opened(folder, name), requests, strict=False, n_threads=n_threads)
        return results.write(folder / "results")

    found = dict(zip(READERS, (file_alone, mdanalysis, frames, chunks, paths), strict=True))
    found |= {f"{key} alone": analysis({key: request}) for key, request in requests.items()}
    return found | {ALL: analysis(requests), STAGE: stage}


def measured(row: str, study: Path, n_threads: int, folder: Path) -> dict[str, Any]:
    """Wall and CPU seconds of a row, and the peak memory of its process, MB."""
    work = works(study, n_threads)[row]
    # Packages and compiled code are loaded before the clock starts.
    work(folder, "few.dcd")
    began, cpu = time.perf_counter(), time.process_time()
    work(folder, "traj.dcd")
    return {
        "wall_seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Make the trajectory, run every row in its own process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atoms", type=int, default=4000, metavar="N", help="about how many (default 4000)")
    parser.add_argument("--frames", type=int, default=500, metavar="N", help="frames of the trajectory (default 500)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="for pair searches (default 2)")
    parser.add_argument(
        "--study", type=Path, default=STUDY, metavar="FILE", help="whose analyses (default: the demo's)"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains this")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the table goes, with machine, versions and date"
    )
    parser.add_argument("--one", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments.one[0], arguments.study, arguments.threads, Path(arguments.one[1]))))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        n_atoms = make_trajectory(Path(folder), arguments.atoms, arguments.frames)
        print(f"{n_atoms} atoms, {arguments.frames} frames, {arguments.threads} threads")
        print(f"{'row':32} {'wall s':>8} {'CPU s':>8} {'ms/frame':>9} {'x wall':>7} {'x CPU':>7} {'MB':>7}")
        reading: dict[str, Any] | None = None
        for name in works(arguments.study, arguments.threads):
            if arguments.only not in name and name != READERS[1]:
                continue
            command = [sys.executable, __file__, "--one", name, folder]
            command += ["--study", str(arguments.study), "--threads", str(arguments.threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                rows.append({"row": name, "not_run": reason(done.stderr)})
                print(f"{name:32} not run: {rows[-1]['not_run']}", flush=True)
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            reading = row if name == READERS[1] else reading
            ratios = [row[key] / reading[key] if reading else None for key in ("wall_seconds", "cpu_seconds")]
            rows.append({"row": name, "wall_ratio": ratios[0], "cpu_ratio": ratios[1]} | row)
            print(
                f"{name:32} {row['wall_seconds']:8.2f} {row['cpu_seconds']:8.2f} {1e3 * row['wall_seconds'] / arguments.frames:9.3f} "
                + " ".join(f"{'' if ratio is None else f'{ratio:.2f}':>7}" for ratio in ratios)
                + f" {row['memory_mb']:7.0f}",
                flush=True,
            )
    if arguments.json:
        sizes = {"atoms": n_atoms, "frames": arguments.frames, "threads": arguments.threads}
        write_record(
            arguments.json, {"benchmark": "production_sizes"} | sizes | {"rows": rows}, ("MDAnalysis", "numba", "numpy")
        )


if __name__ == "__main__":
    main()
