"""What a scan costs beside LAMMPS: one MD run by hand and the same run as a scan, in turn.

``python benchmarks/scan_overhead.py RUN`` takes structures and model of a run folder (a finished demo), copies them, and runs the
thinnest interface model for ``--steps`` steps: by hand, ``sh command.sh``, and as ``scan submit`` does, prepared, submitted, watched and
judged (without the look at the model's domain, which is asked for). It compares LAMMPS' own time per step in both, the wall
clock, and says the CPU time of this process meanwhile, which is what a login node notices. Starting, polling and judging are a matter of
seconds whatever the length, so that the share of a long run is their sum over it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from record import write_record

from mlip_interfaces.config import LocalExecution, load_study
from mlip_interfaces.jobs import run_tasks, watching
from mlip_interfaces.md import COMMAND
from mlip_interfaces.md.ending import LOG
from mlip_interfaces.pipeline.scan import collect_scan, prepare_scan, scan_batch, scan_runs
from mlip_interfaces.pipeline.scan_status import scan_status
from mlip_interfaces.programs import program_environment
from mlip_interfaces.run.context import RunContext

LONG_RUN_SECONDS = 8 * 3600.0


def context_of(run: Path, folder: Path, n_steps: int) -> RunContext:
    """A run folder with one run of the given length."""
    study = load_study(run / "study.yaml")
    name, protocol = next(iter(study.protocols.items()))
    interval_ps = n_steps * protocol.timestep_fs / 1000 / 20
    wanted = protocol.model_copy(update={"time_ps": 20 * interval_ps, "dump_interval_ps": interval_ps, "seeds": (1,)})
    execution = LocalExecution(cores=1, poll_seconds=2.0)
    study = study.model_copy(update={"protocols": {name: wanted}, "execution": execution})
    for place in ("structures", "model"):
        shutil.copytree(run / place, folder / place)
    return RunContext(study, folder)


def loop_seconds(directory: Path) -> float:
    """Of the MD, by LAMMPS' own clock."""
    found = re.findall(r"^Loop time of (\S+) on .*\n\nPerformance:", (directory / LOG).read_text(), flags=re.MULTILINE)
    return sum(map(float, found))


def by_hand(context: RunContext) -> tuple[float, float]:
    """Wall clock and LAMMPS' own time of one run."""
    run = scan_runs(context.study)[-1]
    prepare_scan(context)
    directory = context.scan / run.name
    began = time.perf_counter()
    subprocess.run(["sh", COMMAND], cwd=directory, env=program_environment(), capture_output=True, check=True)
    return time.perf_counter() - began, loop_seconds(directory)


def _look(context: RunContext) -> None:
    """As the stage does, and dearer: it looks at all runs."""
    scan_status(context)


def as_scan(context: RunContext) -> tuple[float, float, float]:
    """Wall clock, LAMMPS' own time, and CPU time of this process."""
    run = scan_runs(context.study)[-1]
    began, cpu = time.perf_counter(), time.process_time()
    prepare_scan(context)
    with watching(lambda: _look(context), every_seconds=context.study.execution.poll_seconds):
        run_tasks(scan_batch(context, [run]), context.study.execution, despite_failures=True)
    collect_scan(context)
    return time.perf_counter() - began, loop_seconds(context.scan / run.name), time.process_time() - cpu


def measure(run: Path, n_steps: int, n_runs: int) -> dict[str, Any]:
    """Both, in turn; the least of each is what an idle machine takes."""
    hand, scan = [], []
    for _ in range(n_runs):
        for ways, way in ((hand, by_hand), (scan, as_scan)):
            with tempfile.TemporaryDirectory() as name:
                ways.append(way(context_of(run, Path(name), n_steps)))
    wall, wall_scan = min(entry[0] for entry in hand), min(entry[0] for entry in scan)
    return {
        "steps": n_steps,
        "wall_by_hand_seconds": wall,
        "wall_scan_seconds": wall_scan,
        "loop_by_hand_seconds": min(entry[1] for entry in hand),
        "loop_scan_seconds": min(entry[1] for entry in scan),
        "beside_seconds": wall_scan - wall,
        "cpu_seconds": min(entry[2] for entry in scan),
        "share_of_long_run": (wall_scan - wall) / LONG_RUN_SECONDS,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="run folder with structures and a model")
    parser.add_argument("--steps", type=int, default=1000, help="MD steps (default 1000)")
    parser.add_argument("--runs", type=int, default=2, help="of each kind (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here")
    arguments = parser.parse_args()
    found = measure(arguments.run, arguments.steps, arguments.runs)
    print(
        f"LAMMPS' own time, by hand {found['loop_by_hand_seconds']:.2f} s, in a scan {found['loop_scan_seconds']:.2f} s"
    )
    print(f"wall clock, by hand {found['wall_by_hand_seconds']:.2f} s, in a scan {found['wall_scan_seconds']:.2f} s")
    print(
        f"beside LAMMPS {found['beside_seconds']:.2f} s, {found['cpu_seconds']:.2f} s of CPU here; of a run of eight hours "
        f"{100 * found['share_of_long_run']:.3f} %"
    )
    if arguments.json:
        write_record(arguments.json, found, ("lammps", "deepmd-kit", "dpdispatcher"))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
