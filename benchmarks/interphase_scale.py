"""Analyses of interphases against atoms and frames: time and peak memory, which must grow no faster than either.

``python benchmarks/interphase_scale.py`` makes stacks Li | Li2S | Li3P | Li7P3S11 of the crystals, whose atoms shake about their sites by 0.1
angstrom, writes them as DCD in single precision, as LAMMPS does, and runs each analysis of an interphase, and all of them in one pass, in a fresh
process for each size. ``--atoms 1000000 --frames 100`` is production.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import reason, write_record

INTERVAL_PS = 100.0
LAYERS = (("Li", 0.3), ("Li2S", 0.15), ("Li3P", 0.15), ("Li7P3S11", 0.4))
"""Crystal, and share of the height."""
HEIGHT_ANGSTROM = 200.0
SIDE_ANGSTROM = 36.0
"""Of a stack, which is repeated across for more atoms."""
GAP_ANGSTROM = 1.8
SHAKE_ANGSTROM = 0.1
KINDS = ("phases", "growth", "crystallites", "environments", "reactions")
"""Of interphases, as far as this version has them."""
SETTINGS = {"environments": {"species": "P"}}
"""Of those that need any."""
ALL = "all in one pass"


def stack(n_atoms: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elements, sites (angstrom) and edges of the cell (angstrom) of about as many atoms."""
    from mlip_interfaces.structures.crystals import load_crystal

    symbols: list[str] = []
    parts = []
    bottom = 0.0
    for name, share in LAYERS:
        crystal = load_crystal(name)
        cell = crystal.cell.array
        height = HEIGHT_ANGSTROM * share
        # All of the crystal in a box, less than the room of an atom from each face to the next.
        reach = int(np.ceil((2.0 * SIDE_ANGSTROM + height) / crystal.cell.lengths().min())) + 2
        shifts = np.array(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij")).reshape(3, -1).T @ cell
        for symbol, place in zip(crystal.get_chemical_symbols(), crystal.positions, strict=True):
            sites = shifts + place
            inside = ((sites >= 0.0) & (sites < np.array([SIDE_ANGSTROM, SIDE_ANGSTROM, height]) - GAP_ANGSTROM)).all(
                axis=1
            )
            parts.append(sites[inside] + [0.0, 0.0, bottom])
            symbols += [symbol] * int(inside.sum())
        bottom += height
    sites, edges = np.concatenate(parts), np.array([SIDE_ANGSTROM, SIDE_ANGSTROM, bottom])
    times = max(1, round(np.sqrt(n_atoms / len(sites))))
    across = np.array([(i, j, 0) for i in range(times) for j in range(times)]) * edges
    return np.tile(symbols, times**2), (across[:, None] + sites).reshape(-1, 3), edges * [times, times, 1]


def make_trajectory(folder: Path, n_atoms: int, n_frames: int) -> int:
    """``traj.dcd`` and ``layers.json``; the number of atoms that there are."""
    from MDAnalysis.lib.formats.libdcd import DCDFile

    symbols, sites, edges = stack(n_atoms)
    (folder / "layers.json").write_text(json.dumps({"symbols": symbols.tolist(), "layer": ["all"] * len(symbols)}))
    rng = np.random.default_rng(1)
    with DCDFile(str(folder / "traj.dcd"), "w") as file:
        file.write_header(remarks="", natoms=len(sites), istart=0, nsavc=1, delta=1.0, is_periodic=1)
        for _ in range(n_frames):
            positions = sites + SHAKE_ANGSTROM * rng.standard_normal(sites.shape, dtype=np.float32)
            file.write(xyz=positions.astype(np.float32), box=np.array([edges[0], 90, edges[1], 90, 90, edges[2]]))
    return len(sites)


def measured(kind: str, folder: Path, n_threads: int) -> dict[str, Any]:
    """Wall and CPU seconds of an analysis and its figure, and the peak memory of its process, MB."""
    from mlip_interfaces.observables import ANALYSES, analyze
    from mlip_interfaces.trajectory import open_trajectory

    kinds = [name for name in KINDS if name in ANALYSES] if kind == ALL else [kind]
    reader = open_trajectory(folder / "traj.dcd", layers=folder / "layers.json", frame_interval_ps=INTERVAL_PS)
    began, cpu = time.perf_counter(), time.process_time()
    results = analyze(
        reader,
        [ANALYSES[name](**SETTINGS.get(name, {})) for name in kinds],
        drift="none",
        strict=False,
        n_threads=n_threads,
    )
    results.write(folder / "results")
    return {
        "wall_seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "absent": results.absent,
    }


def main() -> None:
    """Make a trajectory of each size, run every row in its own process and print the table."""
    from mlip_interfaces.observables import ANALYSES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--atoms",
        type=int,
        nargs="+",
        default=[50_000, 200_000],
        metavar="N",
        help="about how many (default 50000 200000)",
    )
    parser.add_argument(
        "--frames", type=int, nargs="+", default=[10, 20], metavar="N", help="of the trajectory (default 10 20)"
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="for pair searches (default 2)")
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose name contains this")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the table goes, with machine, versions and date"
    )
    parser.add_argument("--one", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments.one[0], Path(arguments.one[1]), arguments.threads)))
        return
    rows = []
    print(f"{'row':18} {'atoms':>9} {'frames':>7} {'wall s':>8} {'CPU s':>8} {'us/atom/frame':>14} {'MB':>7}")
    for size in arguments.atoms:
        for n_frames in arguments.frames:
            with tempfile.TemporaryDirectory() as folder:
                n_atoms = make_trajectory(Path(folder), size, n_frames)
                for name in (*(kind for kind in KINDS if kind in ANALYSES), ALL):
                    if arguments.only not in name:
                        continue
                    command = [sys.executable, __file__, "--one", name, folder, "--threads", str(arguments.threads)]
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
                    row: dict[str, Any] = {"row": name, "atoms": n_atoms, "frames": n_frames}
                    if done.returncode:
                        rows.append(row | {"not_run": reason(done.stderr)})
                        print(f"{name:18} {n_atoms:9} {n_frames:7} not run: {rows[-1]['not_run']}", flush=True)
                        continue
                    row |= json.loads(done.stdout.splitlines()[-1])
                    rows.append(row)
                    print(
                        f"{name:18} {n_atoms:9} {n_frames:7} {row['wall_seconds']:8.2f} {row['cpu_seconds']:8.2f} "
                        f"{1e6 * row['cpu_seconds'] / n_atoms / n_frames:14.3f} {row['memory_mb']:7.0f}"
                        + "".join(f"\n  {name} is absent: {why}" for name, why in row["absent"].items()),
                        flush=True,
                    )
    if arguments.json:
        write_record(
            arguments.json,
            {"benchmark": "interphase_scale", "threads": arguments.threads, "rows": rows},
            ("numba", "numpy", "scipy"),
        )


if __name__ == "__main__":
    main()
