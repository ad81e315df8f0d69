"""Van Hove functions: how far an atom has gone, and where the others are, after a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import shortest_height
from mlip_interfaces.analysis.pair_kernel import count_distances
from mlip_interfaces.errors import AnalysisError

MAX_ORIGINS = 200


@dataclass(frozen=True, slots=True)
class VanHove:
    """Self and distinct parts at chosen lags.

    Attributes
    ----------
    lags_ps : (n_lags,) float array, ps
        As asked for.
    r_angstrom : (n_bins,) float array, angstrom
        Bin centres.
    self_part : (n_lags, n_bins) float array, 1/angstrom^3
        G_s(r, t) = <delta(r - |r_i(t_0 + t) - r_i(t_0)|)>; 4 pi r^2 G_s integrates to one.
    distinct_part : (n_lags, n_bins) float array
        G_d(r, t) over the mean density; g(r) at lag zero, one far away.
    non_gaussian : (n_lags,) float array
        alpha_2 = 3 <r^4> / (5 <r^2>^2) - 1; zero for a Gaussian walk.
    """

    lags_ps: NDArray[np.float64]
    r_angstrom: NDArray[np.float64]
    self_part: NDArray[np.float64]
    distinct_part: NDArray[np.float64]
    non_gaussian: NDArray[np.float64]


def van_hove(
    displacements: NDArray[np.floating],
    positions: NDArray[np.floating],
    cells: NDArray[np.float64],
    lags: NDArray[np.int64],
    *,
    frame_interval_ps: float,
    r_max_angstrom: float,
    bin_width_angstrom: float = 0.1,
) -> VanHove:
    """Van Hove functions of one group of atoms.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Unwrapped, drift removed.
    positions : (n_frames, n_atoms, 3) float array, angstrom
        In any periodic image, drift removed; in a cell that changes these are not the unwrapped paths.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    lags : (n_lags,) int array, frames
        Below the number of frames.
    frame_interval_ps : float, ps
        Time between frames.
    r_max_angstrom, bin_width_angstrom : float, angstrom
        Range and resolution; at most two hundred origins are averaged.

    Returns
    -------
    VanHove
        Both parts, and how far from Gaussian the self part is.

    Raises
    ------
    AnalysisError
        If the range is beyond half the cell, a lag is longer than the run, or there are fewer than two atoms.

    References
    ----------
    L. Van Hove, Phys. Rev. 95, 249 (1954).

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).normal(0.0, 0.3, (400, 50, 3)), axis=0)
    >>> found = van_hove(
    ...     walk, walk, np.eye(3)[None].repeat(400, axis=0) * 20.0, np.array([4]), frame_interval_ps=0.5, r_max_angstrom=6.0
    ... )
    >>> found.lags_ps.tolist(), bool(abs(found.non_gaussian[0]) < 0.05)
    ([2.0], True)
    """
    n_frames, n_atoms, _ = displacements.shape
    half = shortest_height(cells) / 2.0
    if r_max_angstrom > half:
        raise AnalysisError(f"A van Hove range of {r_max_angstrom:g} angstrom is beyond half the cell ({half:.2f}).")
    if n_atoms < 2 or int(lags.max()) >= n_frames:
        raise AnalysisError("A van Hove function needs two atoms and lags shorter than the run.")
    n_bins = max(1, round(r_max_angstrom / bin_width_angstrom))
    edges = np.linspace(0.0, r_max_angstrom, n_bins + 1)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    self_part, distinct_part, non_gaussian = np.zeros((lags.size, n_bins)), np.zeros((lags.size, n_bins)), []
    everyone, halves = np.arange(2 * n_atoms), np.array([0, n_atoms, 2 * n_atoms])
    channels = np.array([[-1, 0], [-1, -1]], dtype=np.int64)
    for row, lag in enumerate(lags.tolist()):
        starts = np.unique(np.linspace(0, n_frames - lag - 1, min(MAX_ORIGINS, n_frames - lag)).astype(np.int64))
        steps = np.asarray(displacements[starts + lag], dtype=np.float64) - displacements[starts]
        squares = (steps**2).sum(axis=2)
        second = squares.mean()
        non_gaussian.append(3.0 * (squares**2).mean() / (5.0 * second**2) - 1.0 if second > 0 else 0.0)
        self_part[row] = np.histogram(np.sqrt(squares), bins=edges)[0] / (squares.size * shells)
        for start in starts.tolist():
            counts = np.zeros((1, 1, n_bins), dtype=np.int64)
            both = np.concatenate([positions[start], positions[start + lag]]).astype(np.float64)
            cell = cells[start + lag]
            count_distances(both[None], cell[None], everyone, halves, channels, r_max_angstrom, n_bins, counts)
            # An atom and itself later: the nearest image, the only one within half a cell.
            moved = both[n_atoms:] - both[:n_atoms]
            moved = moved - np.round(moved @ np.linalg.inv(cell)) @ cell
            own = np.histogram(np.linalg.norm(moved, axis=1), bins=edges)[0]
            volume = abs(float(np.linalg.det(cell)))
            distinct_part[row] += (counts[0, 0] - own) * volume / (n_atoms * (n_atoms - 1) * shells * len(starts))
    return VanHove(
        lags_ps=np.asarray(lags * frame_interval_ps, dtype=np.float64),
        r_angstrom=(edges[1:] + edges[:-1]) / 2.0,
        self_part=self_part,
        distinct_part=distinct_part,
        non_gaussian=np.array(non_gaussian),
    )
