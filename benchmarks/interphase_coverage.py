"""How often 95 % intervals of interphases hold what was planted: growth exponents and change points, D by surroundings, fluxes.

``python benchmarks/interphase_coverage.py`` makes ``--replicas`` synthetic series or walks of each case, 200 by default, whose truth is known, and
counts: of 200 intervals that hold the truth 95 times in 100, 184 to 196 do. It takes about a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from record import write_record

from mlip_interfaces.units import BOLTZMANN_EV_PER_K

LENGTH_PS = 1000.0
CHANGE_PS = 413.0
"""Between two of the places at which the fit looks first, as is the exponent of what is arrested."""
NOISE = 0.02
"""Of the last thickness."""

LIVES_FRAMES, RATES_ANGSTROM2_PER_FRAME = (60.0, 30.0), (0.005, 0.05)
"""How long an atom stays in the slow and the fast surroundings, and its D there."""

CELL_ANGSTROM = np.array([12.0, 12.0, 20.0])
KELVIN = 600.0
WALKS = (40, 40)
D_ANGSTROM2_PER_PS = (0.02, 0.01)
DRIFT_ANGSTROM_PER_PS = 0.05
DELTA_MU_EV = (0.3, -0.6)
LENGTH_ANGSTROM = 10.0

Held = Iterator[tuple[str, bool]]
"""What an interval is of, and whether it holds the truth."""


def thickness(law: str, exponent: float, offset_angstrom: float, times_ps: np.ndarray) -> np.ndarray:
    """Of a power law that is 24 angstrom thicker at the end, or of one that stands still after a change point."""
    until = np.minimum(times_ps, CHANGE_PS) if law == "arrest" else times_ps
    return offset_angstrom + 24.0 * (until / until[-1]) ** exponent


def remembering(n_times: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance, of points that remember the one before."""
    noise = rng.standard_normal(n_times)
    for k in range(1, n_times):
        noise[k] = correlation * noise[k - 1] + np.sqrt(1.0 - correlation**2) * noise[k]
    return noise


def of_growth(
    law: str, exponent: float, offset_angstrom: float, n_times: int, correlation: float, n_runs: int, seed: int
) -> Held:
    """Exponent, and change point where there is one."""
    from mlip_interfaces.analysis.growth import fit_growth

    rng = np.random.default_rng(seed)
    times = np.linspace(0.0, LENGTH_PS, n_times)
    exact = thickness(law, exponent, offset_angstrom, times)
    series = [exact + NOISE * exact[-1] * remembering(n_times, correlation, rng) for _ in range(n_runs)]
    found = fit_growth([times] * n_runs, series, n_bootstrap=100)
    yield "exponent", found.exponent_95[0] <= exponent <= found.exponent_95[1]
    if law == "arrest":
        yield "change point", found.change_95_ps[0] <= CHANGE_PS <= found.change_95_ps[1]


def of_earlier_growth(exponent: float, first_angstrom: float, seed: int, n_times: int = 200) -> Held:
    """Exponent of a growth that began before the first map, and is so thick in it; 24 angstrom at the end."""
    from mlip_interfaces.analysis.growth import fit_growth

    rng = np.random.default_rng(seed)
    times = np.linspace(0.0, LENGTH_PS, n_times)
    before = LENGTH_PS / ((24.0 / first_angstrom) ** (1.0 / exponent) - 1.0)
    exact = 24.0 * ((times + before) / (LENGTH_PS + before)) ** exponent
    found = fit_growth([times], [exact + NOISE * 24.0 * rng.standard_normal(n_times)], n_bootstrap=100)
    yield "exponent", found.exponent_95[0] <= exponent <= found.exponent_95[1]


def of_surroundings(seed: int, n_frames: int = 240, n_atoms: int = 30) -> Held:
    """D of walkers that go to and fro between slow and fast surroundings, and rattle."""
    from mlip_interfaces.analysis.environments import environments

    rng = np.random.default_rng(seed)
    lives, rates = np.array(LIVES_FRAMES), np.array(RATES_ANGSTROM2_PER_FRAME)
    labels = np.zeros((n_frames, n_atoms), dtype=np.int16)
    labels[0] = rng.random(n_atoms) < lives[1] / lives.sum()
    for t in range(1, n_frames):
        leaves = rng.random(n_atoms) < 1.0 / lives[labels[t - 1]]
        labels[t] = np.where(leaves, 1 - labels[t - 1], labels[t - 1])
    rate = rates[labels]
    # Between two frames, half of the time in the surroundings of either: 2 D dt along each direction.
    steps = rng.standard_normal((n_frames - 1, n_atoms, 3)) * np.sqrt(rate[1:] + rate[:-1])[..., None]
    path = np.concatenate([np.zeros((1, n_atoms, 3)), np.cumsum(steps, axis=0)])
    found = environments(path + rng.normal(0.0, 0.1, path.shape), labels, 2, 1.0, jump_distance_angstrom=1.5)
    for name, one, true in zip(("D of the slow", "D of the fast"), found, rates * 1e-4, strict=True):
        low, high = one.confidence_95_cm2_per_s
        yield name, low <= true <= high


def walk(rng: np.random.Generator, n_frames: int) -> list[np.ndarray]:
    """Displacements of independent walkers of two species, in frames of 1 ps."""
    paths = [
        np.cumsum(rng.standard_normal((n_frames, n, 3)) * np.sqrt(2.0 * d), axis=0)
        for n, d in zip(WALKS, D_ANGSTROM2_PER_PS, strict=True)
    ]
    return [path - path[0] for path in paths]


def of_driven_fluxes(seed: int, n_runs: int) -> Held:
    """Fluxes of L_ij that come from walks, down differences of chemical potential."""
    from mlip_interfaces.analysis.onsager import OnsagerSettings, onsager_window
    from mlip_interfaces.screening.transport.flux import Coefficients, Drive, driven_fluxes

    rng = np.random.default_rng(seed)
    volume = float(CELL_ANGSTROM.prod())
    settings = OnsagerSettings(1.0, volume, KELVIN, (1.0, 1.0), first_lag_ps=1.0)
    runs = []
    for _ in range(n_runs):
        one = onsager_window(walk(rng, 300), settings)
        runs.append(
            Coefficients(
                one.l_per_ev_angstrom_ps, one.l_error_per_ev_angstrom_ps, one.l_confidence_95_per_ev_angstrom_ps
            )
        )
    drive = Drive(np.array(DELTA_MU_EV), np.zeros(2), LENGTH_ANGSTROM)
    exact = np.diag(np.array(WALKS) * D_ANGSTROM2_PER_PS / (BOLTZMANN_EV_PER_K * KELVIN * volume))
    nothing = np.zeros((2, 2))
    true = driven_fluxes([Coefficients(exact, nothing, np.array([exact, exact]))], drive).flux_mmol_per_cm2_s
    found = driven_fluxes(runs, drive).confidence_95_mmol_per_cm2_s
    for species in range(2):
        yield f"flux of species {species + 1}", found[0, species] <= true[species] <= found[1, species]


def of_crossings(drift_angstrom_per_ps: float, seed: int) -> Held:
    """Flux inside a slab, of walkers at rest or in a stream, in the last interval of time: two standard errors."""
    from mlip_interfaces.analysis.region_transport import slab_fluxes
    from mlip_interfaces.analysis.slab import Slab

    rng = np.random.default_rng(seed)
    n_frames, n_atoms, height = 400, 300, float(CELL_ANGSTROM[2])
    z = rng.uniform(0.0, height, n_atoms) + np.cumsum(
        rng.standard_normal((n_frames, n_atoms)) * np.sqrt(2.0 * D_ANGSTROM2_PER_PS[0]) + drift_angstrom_per_ps, axis=0
    )
    area = float(CELL_ANGSTROM[:2].prod())
    found = slab_fluxes(
        z / height, np.zeros(n_atoms, dtype=np.int64), [Slab(0.2, 0.3)], np.full(n_frames, area), np.arange(n_frames) * 1.0, 1
    ).inside  # fmt: skip
    true = n_atoms / float(CELL_ANGSTROM.prod()) * drift_angstrom_per_ps
    value, error = found.flux_per_angstrom2_ps[-1, 0], found.error_per_angstrom2_ps[-1, 0]
    yield "flux", bool(abs(value - true) <= 1.96 * error)


CASES: dict[str, Callable[[int], Held]] = {
    "growth: power 0.3": partial(of_growth, "power", 0.3, 0.0, 200, 0.0, 1),
    "growth: power 0.3, correlated 0.6": partial(of_growth, "power", 0.3, 0.0, 200, 0.6, 1),
    "growth: power 0.3, begins at 0.2 angstrom": partial(of_growth, "power", 0.3, 0.2, 200, 0.0, 1),
    "growth: power 0.3, begins at 1.2 angstrom": partial(of_growth, "power", 0.3, 1.2, 200, 0.0, 1),
    "growth: power 0.3, begins at 5 angstrom": partial(of_growth, "power", 0.3, 5.0, 200, 0.0, 1),
    "growth: power 0.3, 50 points": partial(of_growth, "power", 0.3, 0.0, 50, 0.0, 1),
    "growth: power 0.3, 400 points correlated 0.9": partial(of_growth, "power", 0.3, 0.0, 400, 0.9, 1),
    "growth: power 0.3, 3 runs": partial(of_growth, "power", 0.3, 0.0, 100, 0.0, 3),
    "growth: parabolic": partial(of_growth, "power", 0.5, 0.0, 200, 0.0, 1),
    "growth: parabola that began before, 2 angstrom": partial(of_earlier_growth, 0.5, 2.0),
    "growth: parabola that began before, 5 angstrom": partial(of_earlier_growth, 0.5, 5.0),
    "growth: power 0.3 that began before, 5 angstrom": partial(of_earlier_growth, 0.3, 5.0),
    "growth: power 0.3 that began before, 8 angstrom": partial(of_earlier_growth, 0.3, 8.0),
    "growth: linear, begins at 2 angstrom, correlated 0.5": partial(of_growth, "power", 1.0, 2.0, 200, 0.5, 1),
    "growth: arrest": partial(of_growth, "arrest", 0.47, 0.0, 200, 0.0, 1),
    "growth: arrest, begins at 1 angstrom, correlated 0.5": partial(of_growth, "arrest", 0.47, 1.0, 200, 0.5, 1),
    "surroundings": of_surroundings,
    "driven flux, 1 run": partial(of_driven_fluxes, n_runs=1),
    "driven flux, 4 runs": partial(of_driven_fluxes, n_runs=4),
    "crossings, at rest": partial(of_crossings, 0.0),
    "crossings, in a stream": partial(of_crossings, DRIFT_ANGSTROM_PER_PS),
}


def counted(case: str, n_replicas: int) -> list[dict[str, Any]]:
    """For each quantity of a case, how many of the intervals hold the truth."""
    held: dict[str, int] = {}
    for seed in range(n_replicas):
        for quantity, holds in CASES[case](seed=seed):
            held[quantity] = held.get(quantity, 0) + bool(holds)
    return [
        {"case": case, "quantity": quantity, "held": n, "n_replicas": n_replicas, "coverage": n / n_replicas}
        for quantity, n in held.items()
    ]


def main() -> None:
    """Count case by case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, default=200, metavar="N", help="of each case (default 200)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains this")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where the table goes, with machine, versions and date"
    )
    arguments = parser.parse_args()
    rows = []
    print(f"{'case':54} {'interval of':20} {'hold':>10} {'coverage':>9}")
    for case in CASES:
        if arguments.only not in case:
            continue
        for row in counted(case, arguments.replicas):
            rows.append(row)
            held = f"{row['held']} of {row['n_replicas']}"
            print(f"{case:54} {row['quantity']:20} {held:>10} {row['coverage']:9.3f}", flush=True)
    if arguments.json:
        write_record(arguments.json, {"benchmark": "interphase_coverage", "rows": rows}, ("numpy", "scipy"))


if __name__ == "__main__":
    main()
