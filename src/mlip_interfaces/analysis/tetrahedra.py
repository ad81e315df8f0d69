"""Regular tetrahedra, such as LiF4."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import find_pairs
from mlip_interfaces.errors import AnalysisError

SENSITIVITY = (0.80, 0.85, 0.90)


@dataclass(frozen=True, slots=True)
class Tetrahedra:
    """Regular tetrahedra along a trajectory.

    Attributes
    ----------
    times_ps : middle of each averaging window, shape (n_windows,).
    counts : regular tetrahedra in each, shape (n_windows,).
    n_centers : centres that could have one.
    count_mean, count_error : mean over windows and its standard error from up to five blocks.
    sensitivity : mean count for other thresholds q_min.
    """

    times_ps: NDArray[np.float64]
    counts: NDArray[np.int64]
    n_centers: int
    count_mean: float
    count_error: float
    sensitivity: dict[str, float]


def tetrahedral_order(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Errington-Debenedetti order parameter q = 1 - 3/8 sum_{j<k} (cos psi_jk + 1/3)^2.

    Parameters
    ----------
    vectors : from each centre to its four neighbours, shape (n_centers, 4, 3).

    Returns
    -------
    q : shape (n_centers,); 1 for a regular tetrahedron, 0 on average for random directions.

    References
    ----------
    J. R. Errington, P. G. Debenedetti, Nature 409, 318 (2001).

    Examples
    --------
    >>> corners = np.array([[[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]], dtype=float)
    >>> tetrahedral_order(corners).round(12).tolist()
    [1.0]
    """
    unit = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
    cosines = np.einsum("cji,cki->cjk", unit, unit)
    j, k = np.triu_indices(4, k=1)
    return np.asarray(1.0 - 0.375 * ((cosines[:, j, k] + 1.0 / 3.0) ** 2).sum(axis=1))


def order_parameters(
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    center_mask: NDArray[np.bool_],
    ligand_mask: NDArray[np.bool_],
    cutoff_angstrom: float,
) -> NDArray[np.float64]:
    """q of every centre with exactly four ligands within the cutoff; minus infinity for the others.

    Returns
    -------
    q : shape (number of centres,).
    """
    pairs = find_pairs(positions, cell, cutoff_angstrom).within(cutoff_angstrom, center_mask, ligand_mask)
    centers = np.flatnonzero(center_mask)
    n_ligands = np.bincount(pairs.first, minlength=len(positions))
    q = np.full(centers.size, -np.inf)
    four = n_ligands[centers] == 4
    order = np.argsort(pairs.first, kind="stable")
    vectors = pairs.vectors[order][(n_ligands == 4)[pairs.first[order]]]
    if vectors.size:
        q[four] = tetrahedral_order(vectors.reshape(-1, 4, 3))
    return q


def regular_tetrahedra(
    positions: NDArray[np.float64],
    cells: NDArray[np.float64],
    times_ps: NDArray[np.float64],
    center_mask: NDArray[np.bool_],
    ligand_mask: NDArray[np.bool_],
    *,
    cutoff_angstrom: float = 2.6,
    q_min: float = 0.85,
    average_ps: float = 1.0,
) -> Tetrahedra:
    """Count centres with exactly four ligands in a regular tetrahedron, on time-averaged positions.

    Parameters
    ----------
    positions : unwrapped, shape (n_frames, n_atoms, 3), angstrom; averaged in fractional coordinates of each frame's
        cell so that a breathing cell does not blur them.
    cells : shape (n_frames, 3, 3).
    times_ps : shape (n_frames,).
    center_mask, ligand_mask : shape (n_atoms,).
    cutoff_angstrom : of the first shell.
    q_min : threshold of the order parameter.
    average_ps : window of the average; the whole run if it is shorter.

    Raises
    ------
    AnalysisError
        If there is no centre or no ligand.
    """
    if not center_mask.any() or not ligand_mask.any():
        raise AnalysisError("There are no centres or no ligands for tetrahedra in this trajectory.")
    interval = float(times_ps[1] - times_ps[0]) if times_ps.size > 1 else 1.0
    window = min(len(positions), max(1, round(average_ps / interval)))
    thresholds = sorted({*SENSITIVITY, q_min})
    middles, counts = [], []
    for start in range(0, len(positions) - window + 1, window):
        part = slice(start, start + window)
        scaled = np.einsum("tai,tij->taj", positions[part], np.linalg.inv(cells[part])).mean(axis=0)
        cell = cells[part].mean(axis=0)
        q = order_parameters(scaled @ cell, cell, center_mask, ligand_mask, cutoff_angstrom)
        counts.append([int((q >= threshold).sum()) for threshold in thresholds])
        middles.append(float(times_ps[part].mean()))
    table = np.array(counts)
    chosen = table[:, thresholds.index(q_min)]
    blocks = [block.mean() for block in np.array_split(chosen, min(5, len(chosen)))]
    error = float(np.std(blocks, ddof=1) / np.sqrt(len(blocks))) if len(blocks) > 1 else 0.0
    return Tetrahedra(
        times_ps=np.array(middles),
        counts=chosen,
        n_centers=int(center_mask.sum()),
        count_mean=float(chosen.mean()),
        count_error=error,
        sensitivity={f"{t:.2f}": float(table[:, i].mean()) for i, t in enumerate(thresholds)},
    )
