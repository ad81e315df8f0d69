"""How often the 95 % interval of D from a short run holds the truth: ours, that of a bare line, and kinisi's.

``python benchmarks/diffusion_coverage.py --data ../shared/data/argyrodite`` takes the files ``NAME_runN.*`` of a folder, with
the same NAME the pieces of one run, one after another. Joined, they give D of the long run: the least-squares slope of the MSD
at lags of 10 to 30 ps, with its error from the scatter over atoms. Each piece alone then gives a value and an interval by each
method, and the table says whether the interval holds D of the long run.

Beside them are motions whose D is known, ``--repeats`` times each; without ``--data`` they are all there is.

``ours`` is what the product says; ``line`` the interval of the line that it fits, as if that could always be believed (the
product's own where it does believe it); ``kinisi`` the 95 % of its posterior, diffusion from ``--kinisi-start-ps`` on, with all
atoms but the diffusing ones at rest. Without kinisi (it comes with the extra ``dev``) its column is left out.

Read with care: D of the long run has an error of its own, so that a miss by less than two of them is counted apart (``near``);
its MSD may still bend; and the pieces of one run, which is made of them, are no independent trials.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from record import write_record
from scipy.signal import lfilter
from scipy.special import fdtrc, stdtrit

from mlip_interfaces.analysis.diffusion import (
    BLOCKS_DISAGREE,
    N_BLOCKS,
    Diffusivity,
    diffusivity,
    independent_share,
    msd_by_atom,
)
from mlip_interfaces.observables.results import number
from mlip_interfaces.trajectory import Trajectory, TrajectoryReader, open_trajectory, remove_drift, trajectory_of_arrays
from mlip_interfaces.trajectory.selection import reference_mask
from mlip_interfaces.units import ANGSTROM2_PER_PS_TO_CM2_PER_S

PIECE = re.compile(r"(?P<name>.+)_run(?P<number>\d+)\b.*")
STEP_OF_INDEPENDENCE_PS = 1.0
"""Length of the steps whose correlations tell how many atoms of the long run are independent; longer ones are too few."""

LARGEST_BREAK = 2.0
"""Root mean square step from one piece to the next, over that within pieces, beyond which they are not of one run."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """D of one run by one method, and its 95 % interval."""

    value_cm2_per_s: float
    low_cm2_per_s: float
    high_cm2_per_s: float

    def holds(self, truth: float, margin: float = 0.0) -> bool:
        """Whether the interval, with a margin on both sides, holds the truth."""
        return self.low_cm2_per_s - margin <= truth <= self.high_cm2_per_s + margin

    @property
    def width(self) -> float:
        """Of the interval, cm^2/s."""
        return self.high_cm2_per_s - self.low_cm2_per_s


@dataclass(frozen=True, slots=True)
class Row:
    """A short run: D of its long run with the error, and what each method says of the short one."""

    file: str
    length_ps: float
    long_run_cm2_per_s: float
    long_run_error_cm2_per_s: float
    estimates: dict[str, Estimate]
    line_probability: float
    run_at_least_ps: float
    not_diffusive_because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the files."""

    frame_interval_ps: float
    species: str
    drift: str
    long_lags_ps: tuple[float, float]
    kinisi_start_ps: float
    seed: int


def pieces_of_runs(folder: Path) -> dict[str, list[Path]]:
    """Files ``NAME_runN.*`` by NAME, in the order of N."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for file in sorted(folder.iterdir()):
        if matched := PIECE.fullmatch(file.name):
            found.setdefault(matched["name"], []).append((int(matched["number"]), file))
    if not found:
        raise SystemExit(f"{folder} has no file NAME_runN.*, as in Li6PS5Cl_0p_run1.XDATCAR.gz.")
    return {name: [file for _, file in sorted(numbered)] for name, numbered in found.items()}


def rows_of_run(files: Sequence[Path], question: Question) -> list[Row]:
    """Every piece of one run beside the whole."""
    interval = question.frame_interval_ps
    readers = [open_trajectory(file, frame_interval_ps=interval) for file in files]
    pieces = [reader.read() for reader in readers]
    truth, error = long_run(displacements(*joined(files, pieces, interval), question), question)
    rows = []
    for file, reader, piece in zip(files, readers, pieces, strict=True):
        found = diffusivity(displacements(reader, piece, question), interval)
        n_frames = piece.times_ps.size
        estimates = {"ours": ours(found), "line": line(found, n_frames, interval)}
        if importlib.util.find_spec("kinisi") is not None:
            estimates["kinisi"] = by_kinisi(piece, question)
        rows.append(
            Row(
                PIECE.sub(r"\g<name>_run\g<number>", file.name),
                n_frames * interval,
                truth,
                error,
                estimates,
                found.line_probability,
                found.run_at_least_ps,
                found.not_diffusive_because,
            )
        )
    return rows


def joined(
    files: Sequence[Path], pieces: Sequence[Trajectory], frame_interval_ps: float
) -> tuple[TrajectoryReader, Trajectory]:
    """The run that the pieces are cut from, and its frames.

    Raises
    ------
    SystemExit
        If atoms jump from one piece to the next, or are others.
    """
    first = pieces[0]
    for file, piece in zip(files, pieces, strict=True):
        if not np.array_equal(piece.symbols, first.symbols):
            raise SystemExit(f"{file} has other atoms than {files[0]}: they are not pieces of one run.")
    whole = trajectory_of_arrays(
        np.concatenate([piece.positions for piece in pieces]),
        np.concatenate([piece.cells for piece in pieces]),
        first.symbols.tolist(),
        frame_interval_ps=frame_interval_ps,
    )
    frames = whole.read()
    steps = np.sqrt((np.diff(frames.paths, axis=0) ** 2).sum(axis=2).mean(axis=1))
    ends = np.cumsum([piece.times_ps.size for piece in pieces])[:-1]
    for end, (before, after) in zip(ends, pairwise(files), strict=True):
        if steps[end - 1] > LARGEST_BREAK * np.median(steps):
            raise SystemExit(
                f"Atoms move by {steps[end - 1]:.3g} angstrom from the last frame of {before} to the first of {after}, and by "
                f"{np.median(steps):.3g} between other frames: {after.name} does not go on where {before.name} ends."
            )
    return whole, frames


def displacements(reader: TrajectoryReader, frames: Trajectory, question: Question) -> np.ndarray:
    """Of the diffusing atoms, in the frame of reference asked for, angstrom."""
    asked = frames.symbols == question.species
    if not asked.any():
        raise SystemExit(f"{reader.name} has no {question.species}; name an element that it has with --species.")
    at_rest = reference_mask(reader, question.drift)
    if at_rest is None:
        return (frames.paths - frames.paths[0])[:, asked]
    return remove_drift(frames.paths, frames.masses_amu, reference_mask=at_rest)[:, asked]


def long_run(moved: np.ndarray, question: Question) -> tuple[float, float]:
    """D and its standard error, cm^2/s: least squares through the MSD of each atom at all lags between the two asked for."""
    interval = question.frame_interval_ps
    first, last = (round(lag / interval) for lag in question.long_lags_ps)
    if not 0 < first < last < 0.6 * len(moved):
        raise SystemExit(
            f"Lags of {question.long_lags_ps[0]:g} to {question.long_lags_ps[1]:g} ps do not fit a run of "
            f"{len(moved) * interval:g} ps; choose others with --long-lags-ps."
        )
    lags = np.arange(first, last + 1)
    times = (lags - lags.mean()) * interval
    by_atom = times @ msd_by_atom(moved, lags).sum(axis=2) / (times @ times) / 6.0 * ANGSTROM2_PER_PS_TO_CM2_PER_S
    n_independent = by_atom.size * independent_share(moved, max(1, round(STEP_OF_INDEPENDENCE_PS / interval)))
    return float(by_atom.mean()), float(by_atom.std(ddof=1) / np.sqrt(n_independent))


def ours(found: Diffusivity) -> Estimate:
    """What the product says."""
    return Estimate(found.diffusivity_cm2_per_s, *found.confidence_95_cm2_per_s)


def line(found: Diffusivity, n_frames: int, frame_interval_ps: float) -> Estimate:
    """The line with Student's interval: atoms resampled, or blocks in time where these scatter significantly more."""
    last_lag = round(found.fit_lags_ps[1] / frame_interval_ps)
    by_atoms, by_blocks = found.error_bootstrap_cm2_per_s, found.error_blocks_cm2_per_s
    freedom = max(2, min(found.n_atoms - 1, round(found.n_independent * (3 * n_frames // last_lag))))
    error = by_atoms
    if np.isfinite(by_blocks):
        n_blocks = min(N_BLOCKS, n_frames // (4 * last_lag))
        if fdtrc(n_blocks - 1, freedom, (by_blocks / by_atoms) ** 2) < BLOCKS_DISAGREE:
            error, freedom = by_blocks, n_blocks - 1
    reach = float(stdtrit(freedom, 0.975)) * error
    return Estimate(found.line_cm2_per_s, found.line_cm2_per_s - reach, found.line_cm2_per_s + reach)


def by_kinisi(frames: Trajectory, question: Question) -> Estimate:
    """Mean and 95 % of kinisi's posterior, from the frames as they are in the file."""
    from ase.geometry import cell_to_cellpar

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis
        import scipp
        from kinisi.analyze import DiffusionAnalyzer

        universe = MDAnalysis.Universe.empty(frames.symbols.size, trajectory=True)
        universe.add_TopologyAttr("types", frames.symbols.tolist())
        edges_and_angles = np.array([cell_to_cellpar(cell) for cell in frames.cells], dtype=np.float32)
        universe.load_new(frames.positions.astype(np.float32), dimensions=edges_and_angles)
        analyzer = DiffusionAnalyzer.from_universe(
            universe,
            specie=question.species,
            time_step=question.frame_interval_ps * scipp.Unit("ps"),
            step_skip=1 * scipp.Unit("dimensionless"),
            progress=False,
        )
        analyzer.diffusion(
            question.kinisi_start_ps * scipp.Unit("ps"),
            progress=False,
            random_state=np.random.RandomState(question.seed),
        )
    samples = analyzer.D.to(unit="cm^2/s").values
    low, high = np.quantile(samples, (0.025, 0.975))
    return Estimate(float(samples.mean()), float(low), float(high))


def summary(rows: Sequence[Row]) -> list[dict[str, object]]:
    """For the longest of the short runs and for all: how often each method is right, and how wide its intervals are."""
    longest = max(row.length_ps for row in rows)
    sets = {f"{longest:g} ps": [row for row in rows if row.length_ps > 0.99 * longest], "all": list(rows)}
    entries: list[dict[str, object]] = []
    for name, chosen in sets.items():
        for method in rows[0].estimates:
            pairs = [(row, row.estimates[method]) for row in chosen]
            entries.append(
                {
                    "runs": name,
                    "method": method,
                    "n_runs": len(pairs),
                    "covered": sum(found.holds(row.long_run_cm2_per_s) for row, found in pairs),
                    "near": sum(
                        found.holds(row.long_run_cm2_per_s, 2 * row.long_run_error_cm2_per_s) for row, found in pairs
                    ),
                    "median_width_over_long_run": median(found.width / row.long_run_cm2_per_s for row, found in pairs),
                    "median_width_over_value": median(found.width / found.value_cm2_per_s for _, found in pairs),
                }
            )
    return entries


@dataclass(frozen=True, slots=True)
class Motion:
    """A motion of frames 1 ps apart whose D, angstrom^2/ps, is known."""

    truth: float
    path: Callable[[np.random.Generator], np.ndarray]


def walk(rng: np.random.Generator, n_frames: int, n_atoms: int, d: float) -> np.ndarray:
    """Free walk."""
    return np.cumsum(rng.normal(0.0, np.sqrt(2.0 * d), (n_frames, n_atoms, 3)), axis=0)


def jumps(rng: np.random.Generator, n_frames: int, n_atoms: int, rate: float, length: float) -> np.ndarray:
    """Jumps at a rate per frame, normal in each direction: D = rate length^2 / 2."""
    jumping = rng.random((n_frames, n_atoms, 1)) < rate
    return np.cumsum(jumping * rng.normal(0.0, length, (n_frames, n_atoms, 3)), axis=0)


def caged(rng: np.random.Generator, n_frames: int, n_atoms: int, memory: float, size: float) -> np.ndarray:
    """Motion in a harmonic cage, forgotten within `memory` frames; an Ornstein-Uhlenbeck process."""
    keep = np.exp(-1.0 / memory)
    pushes = rng.normal(0.0, size * np.sqrt(1.0 - keep**2), (n_frames, n_atoms, 3))
    pushes[0] /= np.sqrt(1.0 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], pushes, axis=0))


MOTIONS = {
    "free walk": Motion(0.05, lambda rng: walk(rng, 200, 25, 0.05)),
    "walk with noise": Motion(0.05, lambda rng: walk(rng, 200, 25, 0.05) + rng.normal(0.0, 0.5, (200, 25, 3))),
    "jumps between cages": Motion(
        0.01 * 1.5**2 / 2.0, lambda rng: caged(rng, 400, 25, 2.0, 0.3) + jumps(rng, 400, 25, 0.01, 1.5)
    ),
    "large cages": Motion(0.05, lambda rng: caged(rng, 400, 100, 20.0, 1.0) + walk(rng, 400, 100, 0.05)),
    "cages as long as the run": Motion(
        0.005, lambda rng: caged(rng, 300, 100, 150.0, 1.2) + walk(rng, 300, 100, 0.005)
    ),
    "long walk": Motion(0.05, lambda rng: walk(rng, 2000, 60, 0.05)),
}


def known_motion(name: str, n_repeats: int, seed: int) -> dict[str, object]:
    """How often the intervals of ours and of the line hold the D that is known, and the ratio of their widths."""
    motion, rng = MOTIONS[name], np.random.default_rng([seed, list(MOTIONS).index(name)])
    truth = motion.truth * ANGSTROM2_PER_PS_TO_CM2_PER_S
    covered, line_covered, diffusive, ratios = 0, 0, 0, []
    for _ in range(n_repeats):
        path = motion.path(rng)
        found = diffusivity(path - path[0], 1.0)
        product, straight = ours(found), line(found, len(path), 1.0)
        covered += product.holds(truth)
        line_covered += straight.holds(truth)
        diffusive += found.diffusive
        ratios.append(product.width / straight.width)
    return {
        "motion": name,
        "repeats": n_repeats,
        "true_cm2_per_s": truth,
        "covered": covered,
        "line_covered": line_covered,
        "diffusive": diffusive,
        "median_width_over_line": median(ratios),
    }


def print_rows(rows: Sequence[Row], entries: Sequence[dict[str, object]]) -> None:
    """The runs, and how often each method is right."""
    methods = list(rows[0].estimates)
    print("D in 1e-6 cm^2/s: value [95 %] and whether the interval holds that of the long run")
    head = "".join(f" {method:27}" for method in methods)
    print(f"{'run':20} {'ps':>5} {'long run':>14}  {head} {'P(line)':>7} {'needs ps':>8}")
    for row in rows:
        truth = f"{row.long_run_cm2_per_s * 1e6:.3g} +- {row.long_run_error_cm2_per_s * 1e6:.2g}"
        cells = "".join(f" {_cell(found, row.long_run_cm2_per_s):27}" for found in row.estimates.values())
        needs = f"{row.run_at_least_ps:.0f}" if np.isfinite(row.run_at_least_ps) else "-"
        print(f"{row.file:20} {row.length_ps:5.3g} {truth:>14}  {cells} {row.line_probability:7.2f} {needs:>8}")
    doubted = sum(bool(row.not_diffusive_because) for row in rows)
    print(f"not diffusive yet, says ours: {doubted} of {len(rows)} runs\n")
    print(f"{'runs':8} {'method':8} {'covered':>9} {'near':>9} {'width/long run':>15} {'width/own value':>16}")
    for entry in entries:
        covered, near = (f"{entry[key]} of {entry['n_runs']}" for key in ("covered", "near"))
        print(
            f"{entry['runs']:8} {entry['method']:8} {covered:>9} {near:>9} {entry['median_width_over_long_run']:15.2f} "
            f"{entry['median_width_over_value']:16.2f}"
        )


def _cell(found: Estimate, truth: float) -> str:
    value, low, high = (1e6 * part for part in astuple(found))
    return f"{value:.3g} [{low:.3g}, {high:.3g}] {'yes' if found.holds(truth) else 'no'}"


def _record(row: Row) -> dict[str, object]:
    """For JSON, which has no word for what is not a number."""
    return asdict(row) | {
        "line_probability": number(row.line_probability),
        "run_at_least_ps": number(row.run_at_least_ps),
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="files NAME_runN.*: pieces of runs")
    parser.add_argument(
        "--frame-interval-ps", type=float, default=0.1, metavar="T", help="between frames (%(default)s)"
    )
    parser.add_argument("--species", default="Li", metavar="X", help="that diffuses (%(default)s)")
    parser.add_argument("--drift", default="P,S,Cl", metavar="X,Y", help="elements at rest, com or none (%(default)s)")
    parser.add_argument(
        "--long-lags-ps", type=float, nargs=2, default=(10.0, 30.0), metavar="T", help="of the long run (%(default)s)"
    )
    parser.add_argument(
        "--kinisi-start-ps",
        type=float,
        default=2.0,
        metavar="T",
        help="where diffusion begins, for kinisi (%(default)s)",
    )
    parser.add_argument(
        "--repeats", type=int, default=100, metavar="N", help="of each known motion; 0: none (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of motions and of kinisi (%(default)s)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the tables go, with machine, versions and date"
    )
    arguments = parser.parse_args()
    rows: list[Row] = []
    entries: list[dict[str, object]] = []
    settings: dict[str, object] = {"seed": arguments.seed}
    if arguments.data is not None:
        question = Question(
            arguments.frame_interval_ps,
            arguments.species,
            arguments.drift,
            (arguments.long_lags_ps[0], arguments.long_lags_ps[1]),
            arguments.kinisi_start_ps,
            arguments.seed,
        )
        settings = asdict(question)
        rows = [row for files in pieces_of_runs(arguments.data).values() for row in rows_of_run(files, question)]
        entries = summary(rows)
        print_rows(rows, entries)
    motions = []
    if arguments.repeats > 0:
        print(f"\n{'known motion':24} {'ours':>10} {'line':>10} {'width/line':>11} {'diffusive':>10}")
        for name in MOTIONS:
            motions.append(known_motion(name, arguments.repeats, arguments.seed))
            of = f" of {arguments.repeats}"
            covered, line_covered, diffusive = (
                f"{motions[-1][key]}{of}" for key in ("covered", "line_covered", "diffusive")
            )
            ratio = motions[-1]["median_width_over_line"]
            print(f"{name:24} {covered:>10} {line_covered:>10} {ratio:11.2f} {diffusive:>10}", flush=True)
    if arguments.json:
        content = {
            "benchmark": "diffusion_coverage",
            "settings": settings,
            "rows": [_record(row) for row in rows],
            "summary": entries,
            "motions": motions,
        }
        write_record(arguments.json, content, ("kinisi", "MDAnalysis", "numpy", "scipy", "numba"))


if __name__ == "__main__":
    main()
