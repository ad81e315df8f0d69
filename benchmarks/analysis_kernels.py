"""Seconds per frame of the analysis kernels, beside MDAnalysis on the same synthetic frames in the same run.

Run with ``python benchmarks/analysis_kernels.py``. Machines differ: read the ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from MDAnalysis.lib.distances import capped_distance
from MDAnalysis.lib.mdamath import triclinic_box

from mlip_interfaces.analysis.chemistry import frame_chemistry
from mlip_interfaces.analysis.diffusion import per_atom_msd
from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.analysis.rdf import RdfAccumulator

N_LI, N_P, N_S, N_CL = 1700, 400, 1400, 500


def best_of(work: Callable[[], object], repeats: int = 3) -> float:
    """Shortest CPU time of several calls, s."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Time the kernels on a 4,000-atom frame."""
    rng = np.random.default_rng(1)
    cell = np.diag([40.0, 40.0, 50.0])
    symbols = np.array(["Li"] * N_LI + ["P"] * N_P + ["S"] * N_S + ["Cl"] * N_CL)
    positions = rng.random((symbols.size, 3)) @ cell
    box = triclinic_box(*cell)
    lithium, sulfur = (positions[symbols == symbol].astype(np.float32) for symbol in ("Li", "S"))

    def rdf() -> None:
        accumulator = RdfAccumulator("Li-S", symbols, r_max_angstrom=8.0, bin_width_angstrom=0.1)
        accumulator.add(find_pairs(positions, cell, 8.0), float(np.linalg.det(cell)))

    def reference_rdf() -> None:
        _, distances = capped_distance(lithium, sulfur, 8.0, box=box)
        np.histogram(distances, bins=80, range=(0, 8))

    pairs = find_pairs(positions, cell, 3.0)
    walk = np.cumsum(rng.normal(0, 0.1, (1000, 200, 3)), axis=0)
    print(f"g(r) Li-S to 8 A, {symbols.size} atoms: {best_of(rdf):.3f} s a frame")
    print(f"  the same with MDAnalysis capped_distance: {best_of(reference_rdf):.3f} s a frame")
    print(f"bond chemistry: {best_of(lambda: frame_chemistry(symbols, pairs)):.3f} s a frame")
    print(f"MSD, 200 atoms x 1000 frames: {best_of(lambda: per_atom_msd(walk)):.3f} s")


if __name__ == "__main__":
    main()
