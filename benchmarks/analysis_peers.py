"""Trajectory analysis beside its peers: CPU seconds, ratios and peak memory, all in one run on one machine.

``python benchmarks/analysis_peers.py`` makes a synthetic trajectory of 4,000 atoms and 1,000 frames (1,700 Li, 400 P,
1,400 S, 500 Cl; a random walk in 40 x 40 x 50 angstrom), runs every task in a fresh process, best of three, and prints a
table with the ratios to the first row of each task; ``--json FILE`` keeps it. Every row runs on one core unless it says
two. Machines are noisy: read the ratios, and those of the wall clock only where nothing else runs.

Peers that are not installed are left out. The extra ``bench`` brings fastatomstruct, freud, mdtraj and pyscal3, the package
itself MDAnalysis; ``pip install chemfiles mdapy mdcraft ovito`` the others. Their objects are made of arrays in memory
before the clock starts, except for OVITO, whose pipeline is made for each frame.

What is not here: fastatomstruct reads no LAMMPS dump and has no van Hove function; mdtraj has no MSD and no tetrahedral
order; pyscal3 has g(r) of all atoms alike, no partial one, no MSD, no van Hove function and no tetrahedral order.

What differs: mdtraj, freud and MDAnalysis' in-memory frames are in single precision. fastatomstruct divides g(r) by
4 pi r^2 dr at the middle of a bin where the others take the shell's volume (0.3 % at 0.5 angstrom). mdtraj's g(r, t) is one
function of all pairs, the self part among them, where ours gives two and the non-Gaussian parameter. The numbers were
compared once: g(r), MSD, van Hove and q agree to these differences.
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
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record

COUNTS = {"Li": 1700, "P": 400, "S": 1400, "Cl": 500}
LENGTHS = np.array([40.0, 40.0, 50.0])
N_FRAMES, N_READ, N_RDF = 1000, 200, 40
KELVIN = 500.0
LAGS = (1, 10, 30)
TETRAHEDRA_CUTOFF = 3.8
PAIRS = list(combinations_with_replacement(COUNTS, 2))
PEERS = (
    "MDAnalysis", "chemfiles", "fastatomstruct", "freud-analysis", "mdapy", "mdcraft", "mdtraj", "ovito", "pyscal3",
    "numpy", "numba",
)  # fmt: skip
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


def mdtraj_topology(symbols: np.ndarray):  # type: ignore[no-untyped-def]
    """The atoms for mdtraj, each a residue of its own."""
    import mdtraj

    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for symbol in symbols:
        residue = topology.add_residue(symbol, chain)
        topology.add_atom(symbol, mdtraj.element.get_by_symbol(symbol), residue)
    return topology


def mdtraj_of(positions: np.ndarray, symbols: np.ndarray):  # type: ignore[no-untyped-def]
    """mdtraj's trajectory in memory; its unit is the nanometer."""
    import mdtraj

    trajectory = mdtraj.Trajectory((positions / 10).astype(np.float32), mdtraj_topology(symbols))
    trajectory.unitcell_lengths = np.tile(LENGTHS / 10, (len(positions), 1))
    trajectory.unitcell_angles = np.full((len(positions), 3), 90.0)
    return trajectory


def fastatomstruct_of(positions: np.ndarray, symbols: np.ndarray) -> list[Any]:
    """fastatomstruct's frames in memory."""
    import fastatomstruct

    elements = [getattr(fastatomstruct.Element, symbol) for symbol in symbols]
    return [fastatomstruct.Atoms(frame, np.diag(LENGTHS), elements) for frame in positions]


def fastatomstruct_pair(center: str, other: str) -> Any:
    """Its filter for atoms of one element around those of another."""
    import fastatomstruct

    return fastatomstruct.FilterElement(
        getattr(fastatomstruct.Element, center), getattr(fastatomstruct.Element, other), False
    )


def read_mdtraj(folder: Path) -> Work:
    import mdtraj

    topology = mdtraj_topology(symbols_of())
    return lambda: mdtraj.load_lammpstrj(str(folder / "short.lammpstrj"), top=topology)


def read_pyscal3(folder: Path) -> Work:
    from pyscal3 import Trajectory

    def work() -> None:
        trajectory = Trajectory(str(folder / "short.lammpstrj"))
        for number in range(trajectory.nblocks):
            trajectory[number].to_atoms(species=list(COUNTS))

    return work


def rdf_ours(folder: Path) -> Work:
    return _rdf_ours(["Li-S"])


def rdf_all_ours(folder: Path) -> Work:
    return _rdf_ours([f"{a}-{b}" for a, b in PAIRS])


def _rdf_ours(pairs: list[str]) -> Work:
    from mlip_interfaces.analysis.rdf import PairCounter, RdfAccumulator

    frames, cell = frames_of(), np.diag(LENGTHS)
    counter = PairCounter(pairs, symbols_of(), r_max_angstrom=8.0, bin_width_angstrom=0.1)
    counter.count(frames[:1], cell[None])

    def work() -> object:
        accumulator = RdfAccumulator(counter)
        for number, frame in enumerate(frames):
            accumulator.add(counter.count(frame[None], cell[None])[0], float(LENGTHS.prod()), float(number))
        return accumulator.result()

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

    def work() -> object:
        rdf = freud.density.RDF(bins=80, r_max=8.0)
        for frame in frames:
            centred = frame - LENGTHS.astype(np.float32) / 2
            rdf.compute((box, centred[symbols == "S"]), query_points=centred[symbols == "Li"], reset=False)
        return rdf.rdf

    return work


def rdf_mdtraj(folder: Path) -> Work:
    return _rdf_mdtraj([("Li", "S")])


def rdf_all_mdtraj(folder: Path) -> Work:
    return _rdf_mdtraj(PAIRS)


def _rdf_mdtraj(pairs: list[tuple[str, str]]) -> Work:
    import mdtraj

    trajectory = mdtraj_of(frames_of(), symbols_of())
    tables = [trajectory.top.select_pairs(f"element {a}", f"element {b}") for a, b in pairs]
    return lambda: [mdtraj.compute_rdf(trajectory, table, r_range=(0.0, 0.8), n_bins=80)[1] for table in tables]


def rdf_fastatomstruct(folder: Path) -> Work:
    return _rdf_fastatomstruct([("Li", "S")])


def rdf_all_fastatomstruct(folder: Path) -> Work:
    return _rdf_fastatomstruct(PAIRS)


def _rdf_fastatomstruct(pairs: list[tuple[str, str]]) -> Work:
    from fastatomstruct.analysis import neighbours

    frames = fastatomstruct_of(frames_of(), symbols_of())
    filters = [fastatomstruct_pair(a, b) for a, b in pairs]
    return lambda: [neighbours.radial_distribution_function(frames, 8.0, 80, one)[1] for one in filters]


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


def msd_fastatomstruct(folder: Path) -> Work:
    import fastatomstruct
    from fastatomstruct.analysis import dynamics

    frames = fastatomstruct_of(walk()[:, :1700], symbols_of()[:1700])
    return lambda: dynamics.mean_squared_displacement(frames, 0.1 * fastatomstruct.units.ps)


def moving_lithium() -> np.ndarray:
    """Li that walk from where they are strewn, unwrapped, shape (n_frames, 1700, 3)."""
    return (frames_of(1) + walk(N_RDF))[:, :1700]


def van_hove_ours(folder: Path) -> Work:
    from mlip_interfaces.analysis.van_hove import van_hove

    path, cells = moving_lithium(), np.tile(np.diag(LENGTHS), (N_RDF, 1, 1))

    def work(lags: tuple[int, ...] = LAGS) -> object:
        return van_hove(path, path, cells, np.array(lags), frame_interval_ps=0.1, r_max_angstrom=8.0)

    work(LAGS[-1:])
    return work


def van_hove_mdtraj(folder: Path) -> Work:
    import mdtraj

    trajectory = mdtraj_of(moving_lithium(), symbols_of()[:1700])
    # Each pair both ways round: the earlier place of one atom, the later one of the other.
    pairs = np.argwhere(~np.eye(1700, dtype=bool))
    times = [np.array([(start, start + lag) for start in range(N_RDF - lag)]) for lag in LAGS]
    return lambda: [
        mdtraj.compute_rdf_t(trajectory, pairs, table, r_range=(0.0, 0.8), n_bins=80)[1].mean(axis=0) for table in times
    ]


def tetrahedra_ours(folder: Path) -> Work:
    from mlip_interfaces.analysis.tetrahedra import order_parameters

    frames, cell, symbols = frames_of(), np.diag(LENGTHS), symbols_of()
    masks = symbols == "Li", symbols == "S"
    order_parameters(frames[0], cell, *masks, TETRAHEDRA_CUTOFF)
    return lambda: [order_parameters(frame, cell, *masks, TETRAHEDRA_CUTOFF) for frame in frames]


def tetrahedra_fastatomstruct(folder: Path) -> Work:
    import fastatomstruct
    from fastatomstruct.analysis import bond_order

    frames, lithium_by_sulfur = fastatomstruct_of(frames_of(), symbols_of()), fastatomstruct_pair("Li", "S")
    cutoff = fastatomstruct.CutoffMode.Fixed(TETRAHEDRA_CUTOFF)
    strict = fastatomstruct.NeighbourMode.Strict
    return lambda: [bond_order.q_tetrahedral(frame, cutoff, 4, lithium_by_sulfur, strict) for frame in frames]


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
        "mdtraj": read_mdtraj, "pyscal3": read_pyscal3,
    },
    "g(r) Li-S to 8 A, 40 frames": {
        "ours": rdf_ours, "MDAnalysis": rdf_mdanalysis, "freud": rdf_freud, "mdtraj": rdf_mdtraj,
        "fastatomstruct": rdf_fastatomstruct,
    },
    "all ten partial g(r), 40 frames": {
        "ours": rdf_all_ours, "OVITO": rdf_all_ovito, "mdtraj": rdf_all_mdtraj, "fastatomstruct": rdf_all_fastatomstruct,
    },
    "MSD 1,700 x 1,000": {
        "ours": msd_ours, "MDAnalysis": msd_mdanalysis, "mdapy": msd_mdapy, "fastatomstruct": msd_fastatomstruct,
    },
    "van Hove Li-Li to 8 A, 3 lags, 40 frames": {"ours": van_hove_ours, "mdtraj": van_hove_mdtraj},
    "tetrahedral order, 40 frames": {"ours": tetrahedra_ours, "fastatomstruct": tetrahedra_fastatomstruct},
    "all L_ij, four species": {"ours, 1 + 4 windows, errors": onsager_ours, "mdcraft, no errors": onsager_mdcraft},
    "seed 001 from the dump, 1,000 frames": {
        "bare reading, one core": bare_reading_ours, "everything, one core": everything_ours,
        "everything, two cores": everything_two_cores,
    },
    "everything: scaling": {
        "250 frames": everything_quarter, "1,000 frames": everything_ours, "250 frames, 8,000 atoms": everything_double_atoms,
    },
}  # fmt: skip

DUMPS = {
    "read a text dump, 200 frames": ("short",),
    "seed 001 from the dump, 1,000 frames": ("long",),
    "everything: scaling": ("quarter", "long", "double"),
}
# fastatomstruct sends the names and times of calls to its makers unless told not to.
QUIET = {"FASTATOMSTRUCT_NO_TELEMETRY": "1"}


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
    found = {"cpu_seconds": min(seconds), "wall_seconds": min(walls), "memory_mb": memory}
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))


def make_dumps(folder: Path, tasks: list[str]) -> None:
    """The files that these tasks read."""
    sizes = {"short": (N_READ, 1), "long": (N_FRAMES, 1), "quarter": (N_FRAMES // 4, 1), "double": (N_FRAMES // 4, 2)}
    for name in sorted({name for task in tasks for name in DUMPS.get(task, ())}):
        make_dump(folder / f"{name}.lammpstrj", *sizes[name])


def measured(task: str, name: str, folder: Path) -> dict[str, Any]:
    """One row: what `run_one` finds in a process of its own, or why it was not run."""
    cores = "2" if "two cores" in name else "1"
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), cores)
    done = subprocess.run(
        [sys.executable, __file__, "--one", task, name, str(folder)],
        capture_output=True, text=True, check=False, env=os.environ | limits | QUIET,
    )  # fmt: skip
    if done.returncode:
        return {"task": task, "who": name, "not_run": (done.stderr.strip().splitlines() or ["?"])[-1][:80]}
    return {"task": task, "who": name} | json.loads(done.stdout.strip().splitlines()[-1])


def table(tasks: list[str], who: str, folder: Path) -> Iterator[dict[str, Any]]:
    """All rows of these tasks whose names contain `who`, with the ratios to the first that ran of each task."""
    for task in tasks:
        first: dict[str, Any] = {}
        for name in TASKS[task]:
            if who not in name:
                continue
            row = measured(task, name, folder)
            if "not_run" not in row:
                first = first or row
                for clock in ("cpu", "wall"):
                    row[f"{clock}_ratio"] = round(row[f"{clock}_seconds"] / first[f"{clock}_seconds"], 2)
            yield row


def main() -> None:
    """Run every task in its own process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=3, metavar=("TASK", "NAME", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--only", metavar="TEXT", default="", help="tasks whose name contains this")
    parser.add_argument("--who", metavar="TEXT", default="", help="rows whose name contains this")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="where the table goes, with machine, versions and date"
    )
    arguments = parser.parse_args()
    if arguments.one:
        run_one(arguments.one[0], arguments.one[1], Path(arguments.one[2]))
        return
    tasks = [task for task in TASKS if arguments.only in task]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        make_dumps(Path(folder), tasks)
        print(f"{'task':40} {'who':28} {'CPU s':>8} {'wall s':>8} {'x CPU':>7} {'x wall':>7} {'MB':>6}")
        for row in table(tasks, arguments.who, Path(folder)):
            rows.append(row)
            start = f"{row['task']:40} {row['who']:28}"
            if "not_run" in row:
                print(f"{start} not run: {row['not_run']}", flush=True)
            else:
                print(
                    f"{start} {row['cpu_seconds']:8.3f} {row['wall_seconds']:8.3f} {row['cpu_ratio']:7.1f} "
                    f"{row['wall_ratio']:7.1f} {row['memory_mb']:6.0f}",
                    flush=True,
                )
    if arguments.json:
        write_record(arguments.json, {"benchmark": "analysis_peers", "rows": rows}, PEERS)


if __name__ == "__main__":
    main()
