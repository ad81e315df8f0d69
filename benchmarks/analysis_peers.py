"""Trajectory analysis beside its peers: CPU seconds, ratios and peak memory, all in one run on one machine.

``python benchmarks/analysis_peers.py`` makes a synthetic trajectory of 4,000 atoms and 1,000 frames (1,700 Li, 400 P,
1,400 S, 500 Cl; a random walk in 40 x 40 x 50 angstrom), runs every task in a fresh process, best of three, and prints a
table with the ratios to the first row of each task. Every row runs on one core unless it says two. Peers that are not
installed are left out: ``pip install chemfiles freud-analysis mdapy mdcraft ovito``. Machines are noisy: read the ratios,
and those of the wall clock only where nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

COUNTS = {"Li": 1700, "P": 400, "S": 1400, "Cl": 500}
LENGTHS = np.array([40.0, 40.0, 50.0])
N_FRAMES, N_READ, N_RDF = 1000, 200, 40
KELVIN = 500.0
Work = Callable[[], object]


def symbols_of(scale: int = 1) -> np.ndarray:
    """Elements of the synthetic system, `scale` times as large."""
    return np.repeat(list(COUNTS), [scale * count for count in COUNTS.values()])


def make_dump(file: Path, n_frames: int, scale: int = 1) -> None:
    """A LAMMPS text dump ``id type element x y z`` of a random walk; a larger system is longer along z."""
    rng = np.random.default_rng(1)
    symbols = symbols_of(scale)
    types = {symbol: i + 1 for i, symbol in enumerate(COUNTS)}
    heads = [f"{i + 1} {types[symbol]} {symbol} " for i, symbol in enumerate(symbols)]
    lengths = LENGTHS * [1, 1, scale]
    positions = rng.random((symbols.size, 3)) * lengths
    with file.open("w") as handle:
        for step in range(n_frames):
            positions += rng.normal(0.0, 0.05, positions.shape)
            bounds = "".join(f"0 {length:g}\n" for length in lengths)
            rows = (positions % lengths).tolist()
            handle.write(
                f"ITEM: TIMESTEP\n{100 * step}\nITEM: NUMBER OF ATOMS\n{symbols.size}\nITEM: BOX BOUNDS pp pp pp\n{bounds}"
                "ITEM: ATOMS id type element x y z\n"
                + "".join(f"{head}{x:.6g} {y:.6g} {z:.6g}\n" for head, (x, y, z) in zip(heads, rows, strict=True))
            )


def walk(n_frames: int = N_FRAMES) -> np.ndarray:
    """Unwrapped random walk, shape (n_frames, 4000, 3)."""
    rng = np.random.default_rng(2)
    return np.cumsum(rng.normal(0.0, 0.05, (n_frames, 4000, 3)), axis=0)


def frames_of(n_frames: int = N_RDF) -> np.ndarray:
    """Wrapped positions for g(r), shape (n_frames, 4000, 3)."""
    return np.random.default_rng(3).random((n_frames, 4000, 3)) * LENGTHS


def universe_of(positions: np.ndarray):  # type: ignore[no-untyped-def]
    """MDAnalysis universe in memory."""
    import MDAnalysis

    universe = MDAnalysis.Universe.empty(positions.shape[1], trajectory=True)
    universe.add_TopologyAttr("types", symbols_of())
    universe.add_TopologyAttr("masses", np.ones(positions.shape[1]))
    universe.load_new(positions.astype(np.float32), dimensions=np.array([*LENGTHS, 90, 90, 90], dtype=np.float32))
    return universe


def read_ours(folder: Path) -> Work:
    from mlip_interfaces.trajectory.lammps_text import LammpsTextFrames

    next(iter(LammpsTextFrames(folder / "short.lammpstrj")))
    return lambda: sum(1 for _ in LammpsTextFrames(folder / "short.lammpstrj"))


def read_mdanalysis(folder: Path) -> Work:
    from MDAnalysis.coordinates.LAMMPS import DumpReader

    return lambda: sum(1 for _ in DumpReader(str(folder / "short.lammpstrj")))


def read_ovito(folder: Path) -> Work:
    from ovito.io import import_file

    def work() -> None:
        pipeline = import_file(str(folder / "short.lammpstrj"))
        for frame in range(pipeline.num_frames):
            pipeline.compute(frame)

    return work


def read_chemfiles(folder: Path) -> Work:
    from chemfiles import Trajectory

    def work() -> None:
        with Trajectory(str(folder / "short.lammpstrj"), "r", "LAMMPS") as trajectory:
            for _ in range(trajectory.nsteps):
                frame = trajectory.read()
                frame.positions.sum()

    return work


def rdf_ours(folder: Path) -> Work:
    return _rdf_ours(["Li-S"])


def rdf_all_ours(folder: Path) -> Work:
    names = list(COUNTS)
    return _rdf_ours([f"{a}-{b}" for i, a in enumerate(names) for b in names[i:]])


def _rdf_ours(pairs: list[str]) -> Work:
    from mlip_interfaces.analysis.rdf import PairCounter, RdfAccumulator

    frames, cell = frames_of(), np.diag(LENGTHS)
    counter = PairCounter(pairs, symbols_of(), r_max_angstrom=8.0, bin_width_angstrom=0.1)
    counter.count(frames[:1], cell[None])

    def work() -> None:
        accumulator = RdfAccumulator(counter)
        for number, frame in enumerate(frames):
            accumulator.add(counter.count(frame[None], cell[None])[0], float(LENGTHS.prod()), float(number))
        accumulator.result()

    return work


def rdf_mdanalysis(folder: Path) -> Work:
    from MDAnalysis.analysis.rdf import InterRDF

    universe = universe_of(frames_of())
    lithium, sulfur = universe.select_atoms("type Li"), universe.select_atoms("type S")
    return lambda: InterRDF(lithium, sulfur, nbins=80, range=(0.0, 8.0)).run()


def rdf_freud(folder: Path) -> Work:
    import freud

    freud.parallel.set_num_threads(1)
    frames, symbols = frames_of().astype(np.float32), symbols_of()
    box = freud.box.Box(*LENGTHS)

    def work() -> None:
        rdf = freud.density.RDF(bins=80, r_max=8.0)
        for frame in frames:
            centred = frame - LENGTHS.astype(np.float32) / 2
            rdf.compute((box, centred[symbols == "S"]), query_points=centred[symbols == "Li"], reset=False)
        _ = rdf.rdf

    return work


def rdf_all_ovito(folder: Path) -> Work:
    from ovito.data import DataCollection, Particles, ParticleType, SimulationCell
    from ovito.modifiers import CoordinationAnalysisModifier
    from ovito.pipeline import Pipeline, StaticSource

    frames, symbols = frames_of(), symbols_of()

    def work() -> None:
        for frame in frames:
            data = DataCollection()
            cell = SimulationCell(pbc=(True, True, True))
            cell[:, :3] = np.diag(LENGTHS)
            data.objects.append(cell)
            particles = Particles(count=frame.shape[0])
            data.objects.append(particles)
            particles.create_property("Position", data=frame)
            kinds = particles.create_property("Particle Type", data=np.unique(symbols, return_inverse=True)[1] + 1)
            for i, name in enumerate(np.unique(symbols)):
                kinds.types.append(ParticleType(id=i + 1, name=str(name)))
            pipeline = Pipeline(source=StaticSource(data=data))
            pipeline.modifiers.append(CoordinationAnalysisModifier(cutoff=8.0, number_of_bins=80, partial=True))
            pipeline.compute()

    return work


def msd_ours(folder: Path) -> Work:
    from mlip_interfaces.analysis.diffusion import mean_msd

    path = walk()[:, :1700]
    return lambda: mean_msd(path)


def msd_mdanalysis(folder: Path) -> Work:
    from MDAnalysis.analysis.msd import EinsteinMSD

    universe = universe_of(walk())
    return lambda: EinsteinMSD(universe, select="type Li", msd_type="xyz", fft=True).run()


def msd_mdapy(folder: Path) -> Work:
    import mdapy

    path = walk()[:, :1700]
    return lambda: mdapy.MeanSquaredDisplacement(path, mode="window").compute()


def onsager_ours(folder: Path) -> Work:
    from mlip_interfaces.analysis.onsager import OnsagerSettings, onsager_windows

    path, symbols = walk(), symbols_of()
    species = [path[:, symbols == name] for name in COUNTS]
    settings = OnsagerSettings(0.1, 80_000.0, KELVIN, (1, 5, -2, -1))
    onsager_windows([part[:100, :3] for part in species], settings, n_windows=1)
    return lambda: onsager_windows(species, settings, n_windows=4)


def onsager_mdcraft(folder: Path) -> Work:
    from mdcraft.analysis.transport import Onsager

    universe = universe_of(walk())
    groups = tuple(universe.select_atoms(f"type {name}") for name in COUNTS)
    return lambda: Onsager(
        groups, temperature=KELVIN, charges=np.array([1.0, 5.0, -2.0, -1.0]), dt=0.1, verbose=False
    ).run()  # fmt: skip


def everything_ours(folder: Path) -> Work:
    return _everything(folder / "long.lammpstrj")


def everything_two_cores(folder: Path) -> Work:
    return _everything(folder / "long.lammpstrj", n_threads=2)


def _everything(file: Path, n_threads: int = 1) -> Work:
    from mlip_interfaces.observables import Chemistry, Msd, Rdf, Tetrahedra, analyze
    from mlip_interfaces.trajectory import open_trajectory

    requests = [
        Rdf(pairs=("P-S", "S-S", "Li-S", "Li-Cl"), r_max_angstrom=8.0, bin_width_angstrom=0.05, blocks=4),
        Msd(species=("Li",)),
        Tetrahedra(center="Li", ligand="Cl", cutoff_angstrom=3.0),
        Chemistry(),
    ]
    analyze(open_trajectory(file, frame_interval_ps=0.1, stop_ps=5.0), requests)
    return lambda: analyze(open_trajectory(file, frame_interval_ps=0.1), requests, n_threads=n_threads)


def bare_reading_ours(folder: Path) -> Work:
    from mlip_interfaces.trajectory import open_trajectory

    reader = open_trajectory(folder / "long.lammpstrj", frame_interval_ps=0.1)
    next(reader.chunks())
    return lambda: sum(1 for _ in reader.chunks())


def everything_quarter(folder: Path) -> Work:
    return _everything(folder / "quarter.lammpstrj")


def everything_double_atoms(folder: Path) -> Work:
    return _everything(folder / "double.lammpstrj")


TASKS: dict[str, dict[str, Callable[[Path], Work]]] = {
    "read a text dump, 200 frames": {
        "ours": read_ours, "MDAnalysis": read_mdanalysis, "OVITO": read_ovito, "chemfiles": read_chemfiles,
    },
    "g(r) Li-S to 8 A, 40 frames": {"ours": rdf_ours, "MDAnalysis": rdf_mdanalysis, "freud": rdf_freud},
    "all ten partial g(r), 40 frames": {"ours": rdf_all_ours, "OVITO": rdf_all_ovito},
    "MSD 1,700 x 1,000": {"ours": msd_ours, "MDAnalysis": msd_mdanalysis, "mdapy": msd_mdapy},
    "all L_ij, four species": {"ours, 1 + 4 windows, errors": onsager_ours, "mdcraft, no errors": onsager_mdcraft},
    "seed 001 from the dump, 1,000 frames": {
        "bare reading, one core": bare_reading_ours, "everything, one core": everything_ours,
        "everything, two cores": everything_two_cores,
    },
    "everything: scaling": {
        "250 frames": everything_quarter, "1,000 frames": everything_ours, "250 frames, 8,000 atoms": everything_double_atoms,
    },
}  # fmt: skip


def run_one(task: str, name: str, folder: Path) -> None:
    """Best of three, in this process; prints JSON. What is not said to run on two cores is held to one."""
    warnings.simplefilter("ignore")
    if "two cores" not in name and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    work = TASKS[task][name](folder)
    seconds, walls = [], []
    for _ in range(3):
        start, wall = time.process_time(), time.perf_counter()
        work()
        seconds.append(time.process_time() - start)
        walls.append(time.perf_counter() - wall)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": min(seconds), "wall": min(walls), "memory": memory}))


def main() -> None:
    """Run every task in its own process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=3, metavar=("TASK", "NAME", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--only", metavar="TEXT", help="tasks whose name contains this")
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.one[0], arguments.one[1], Path(arguments.one[2]))
        return
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        make_dump(folder / "short.lammpstrj", N_READ)
        make_dump(folder / "long.lammpstrj", N_FRAMES)
        make_dump(folder / "quarter.lammpstrj", N_FRAMES // 4)
        make_dump(folder / "double.lammpstrj", N_FRAMES // 4, scale=2)
        print(f"{'task':38} {'who':28} {'CPU s':>8} {'wall s':>8} {'x CPU':>7} {'x wall':>7} {'MB':>6}")
        for task, entries in TASKS.items():
            if arguments.only and arguments.only not in task:
                continue
            first = None
            for name in entries:
                command = [sys.executable, __file__, "--one", task, name, text]
                cores = "2" if "two cores" in name else "1"
                limited = os.environ | {"OMP_NUM_THREADS": cores, "OPENBLAS_NUM_THREADS": cores}
                done = subprocess.run(command, capture_output=True, text=True, check=False, env=limited)
                if done.returncode:
                    reason = (done.stderr.strip().splitlines() or ["?"])[-1]
                    print(f"{task:38} {name:28} not run: {reason[:80]}", flush=True)
                    continue
                found = json.loads(done.stdout.strip().splitlines()[-1])
                first = found if first is None else first
                print(
                    f"{task:38} {name:28} {found['cpu']:8.3f} {found['wall']:8.3f} {found['cpu'] / first['cpu']:7.1f} "
                    f"{found['wall'] / first['wall']:7.1f} {found['memory']:6.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
