"""How long the command line takes to answer, as wall clock of whole processes.

``python benchmarks/cli_speed.py`` measures ``--help``, ``status DIR`` of a run folder whose stages are done (``--run DIR``:
of another), ``analyze rdf FILE --json`` of a text dump of 151 frames of 304 atoms that it makes, and beside them an
interpreter that does nothing. All are started in turn, ``--runs`` times, so that a busy minute meets each of them; what a
user waits for is the minimum on an idle machine, and the CPU time shows where it was not idle. A first turn, which fills
the caches of disk and numba, is not counted.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record

from mlip_interfaces.programs import find_program
from mlip_interfaces.run.folder import STUDY_FILE
from mlip_interfaces.run.manifests import recorded
from mlip_interfaces.run.stages import FOLDERS
from mlip_interfaces.shipped_files import study_file

N_FRAMES, CELL_ANGSTROM = 151, 16.0
COUNTS = {"Li": 128, "P": 16, "S": 96, "Cl": 64}
PYTHON = "python -c pass"


def make_dump(file: Path) -> None:
    """A random walk of 304 atoms as a LAMMPS text dump."""
    rng = np.random.default_rng(1)
    symbols = np.repeat(list(COUNTS), list(COUNTS.values()))
    positions = rng.random((symbols.size, 3)) * CELL_ANGSTROM
    bounds = f"0 {CELL_ANGSTROM:g}\n" * 3
    with file.open("w") as handle:
        for step in range(N_FRAMES):
            positions += rng.normal(0.0, 0.05, positions.shape)
            handle.write(
                f"ITEM: TIMESTEP\n{100 * step}\nITEM: NUMBER OF ATOMS\n{symbols.size}\nITEM: BOX BOUNDS pp pp pp\n{bounds}"
                "ITEM: ATOMS id element x y z\n"
            )
            for number, (symbol, (x, y, z)) in enumerate(zip(symbols, positions % CELL_ANGSTROM, strict=True)):
                handle.write(f"{number + 1} {symbol} {x:.6g} {y:.6g} {z:.6g}\n")


def commands(folder: Path, run: Path | None) -> dict[str, list[str]]:
    """What is measured; makes the files it needs in the folder."""
    make_dump(folder / "walk.lammpstrj")
    program = str(find_program("mlip-interfaces"))
    return {
        PYTHON: [sys.executable, "-c", "pass"],
        "--help": [program, "--help"],
        "status DIR": [program, "status", str(run or finished_run(folder))],
        "analyze rdf FILE --json": [
            program, "analyze", "rdf", str(folder / "walk.lammpstrj"), "--pairs", "Li-S", "--frame-interval-ps", "0.1", "--json",
        ],
    }  # fmt: skip


def finished_run(folder: Path) -> Path:
    """A run folder whose stages all say that they are done."""
    run = folder / "run"
    run.mkdir()
    shutil.copyfile(study_file("demo.yaml"), run / STUDY_FILE)
    for stage, name in FOLDERS.items():
        with recorded(run / name, stage, input_hash="made up"):
            pass
    return run


def measure(calls: dict[str, list[str]], n_runs: int) -> list[dict[str, Any]]:
    """Seconds of each command, in turn.

    Raises
    ------
    SystemExit
        If one of them fails.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    cpu_seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(n_runs + 1):
        for name, words in calls.items():
            start, cpu = time.perf_counter(), _cpu_of_children()
            done = subprocess.run(
                words, capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
            )
            if done.returncode:
                raise SystemExit(
                    f"'{' '.join(words)}' ended with exit status {done.returncode}:\n{done.stderr.strip()}"
                )
            if turn:
                seconds[name].append(time.perf_counter() - start)
                cpu_seconds[name].append(_cpu_of_children() - cpu)
    return [
        {
            "command": name,
            "minimum_seconds": round(min(found), 3),
            "median_seconds": round(statistics.median(found), 3),
            "minimum_cpu_seconds": round(min(cpu_seconds[name]), 3),
            "runs": n_runs,
        }
        for name, found in seconds.items()
    ]


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs", type=int, default=9, metavar="N", help="times that each command is started (%(default)s)"
    )
    parser.add_argument("--run", type=Path, metavar="DIR", help="run folder whose status is asked for")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the table goes, with machine, versions and date"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(commands(Path(folder), arguments.run), arguments.runs)
    print(f"{'command':28} {'minimum s':>10} {'median s':>10} {'CPU s':>8}")
    for row in rows:
        print(
            f"{row['command']:28} {row['minimum_seconds']:10.3f} {row['median_seconds']:10.3f} "
            f"{row['minimum_cpu_seconds']:8.3f}"
        )
    if arguments.json:
        write_record(arguments.json, {"benchmark": "cli_speed", "rows": rows}, ("numpy", "numba", "pydantic"))


if __name__ == "__main__":
    main()
