"""Regular tetrahedra, such as LiF4."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import pairs_in_no_order
from mlip_interfaces.analysis.position_mean import WindowMeans
from mlip_interfaces.errors import AnalysisError

SENSITIVITY = (0.80, 0.85, 0.90)
N_SLICES = 40


@dataclass(frozen=True, slots=True)
class Tetrahedra:
    """Regular tetrahedra along a trajectory.

    Attributes
    ----------
    times_ps : (n_windows,) float array, ps
        Middle of each averaging window.
    counts : (n_windows,) int array
        Regular tetrahedra in each.
    n_centers : int
        Centres that could have one.
    count_mean, count_error : float
        Mean over windows and its standard error from up to five blocks.
    sensitivity : dict of str to float
        Mean count for other thresholds q_min.
    depth_fraction : (n_slices,) float array
        Middles of slices of the cell along its third vector, in units of it.
    depth_counts, depth_centers : (n_slices,) float array
        Regular tetrahedra and centres in each slice, mean over windows.
    """

    times_ps: NDArray[np.float64]
    counts: NDArray[np.int64]
    n_centers: int
    count_mean: float
    count_error: float
    sensitivity: dict[str, float]
    depth_fraction: NDArray[np.float64]
    depth_counts: NDArray[np.float64]
    depth_centers: NDArray[np.float64]


def tetrahedral_order(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Errington-Debenedetti order parameter q = 1 - 3/8 sum_{j<k} (cos psi_jk + 1/3)^2.

    Parameters
    ----------
    vectors : (n_centers, 4, 3) float array, any unit
        From each centre to its four neighbours.

    Returns
    -------
    (n_centers,) float array
        1 for a regular tetrahedron, 0 on average for random directions.

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
    """Order parameter q of every centre of a frame.

    Parameters
    ----------
    positions : (n_atoms, 3) float array, angstrom
        In any image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    center_mask, ligand_mask : (n_atoms,) bool array
        Atoms that may be a centre, or a corner.
    cutoff_angstrom : float, angstrom
        Of the first shell.

    Returns
    -------
    (n_centers,) float array
        That of `tetrahedral_order` where exactly four ligands are within the cutoff; minus infinity for the others.

    Examples
    --------
    >>> corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    >>> center = np.array([True, False, False, False, False])
    >>> order_parameters(np.vstack([[[0.0, 0, 0]], corners]), np.eye(3) * 20.0, center, ~center, 2.0).round(9).tolist()
    [1.0]
    """
    first, _, vectors = pairs_in_no_order(
        positions, cell, cutoff_angstrom, first_mask=center_mask, second_mask=ligand_mask
    )
    row = np.cumsum(center_mask) - 1
    return np.asarray(_orders(row[first], vectors, int(center_mask.sum())))


@njit(cache=True, nogil=True)
def _orders(centers, vectors, n_centers):  # type: ignore[no-untyped-def]
    """`tetrahedral_order` of each centre that has exactly four of the vectors, minus infinity of the others."""
    n_ligands = np.zeros(n_centers, dtype=np.int64)
    unit = np.empty((n_centers, 4, 3))
    for p in range(centers.shape[0]):
        c = centers[p]
        if n_ligands[c] < 4:
            x, y, z = vectors[p, 0], vectors[p, 1], vectors[p, 2]
            length = np.sqrt(x * x + y * y + z * z)
            to = unit[c, n_ligands[c]]
            to[0], to[1], to[2] = x / length, y / length, z / length
        n_ligands[c] += 1
    q = np.full(n_centers, -np.inf)
    for c in range(n_centers):
        if n_ligands[c] != 4:
            continue
        total = 0.0
        for j in range(4):
            for k in range(j + 1, 4):
                cosine = 0.0
                for d in range(3):
                    cosine += unit[c, j, d] * unit[c, k, d]
                total += (cosine + 1.0 / 3.0) ** 2
        q[c] = 1.0 - 0.375 * total
    return q


class TetrahedraAccumulator:
    """Counts centres with exactly four ligands in a regular tetrahedron, on time-averaged positions, frame by frame.

    Parameters
    ----------
    center_mask, ligand_mask : (n_atoms,) bool array
        Atoms that may be a centre, or a corner.
    cutoff_angstrom : float, angstrom, optional
        Of the first shell.
    q_min : float, optional
        Threshold of the order parameter.
    average_ps : float, ps, optional
        Window of the average.

    Raises
    ------
    AnalysisError
        If there is no centre or no ligand.

    Notes
    -----
    Positions are averaged in fractional coordinates of each frame's cell, so that a breathing cell does not blur them.
    The definition is ours: that of the papers on LiF coatings is not public.
    """

    def __init__(
        self,
        center_mask: NDArray[np.bool_],
        ligand_mask: NDArray[np.bool_],
        *,
        cutoff_angstrom: float = 2.6,
        q_min: float = 0.85,
        average_ps: float = 1.0,
    ) -> None:
        if not center_mask.any() or not ligand_mask.any():
            raise AnalysisError("There are no centres or no ligands for tetrahedra in this trajectory.")
        self._masks = (center_mask, ligand_mask)
        self._kept = np.flatnonzero(center_mask | ligand_mask)
        self._kept_masks = (center_mask[self._kept], ligand_mask[self._kept])
        self._cutoff, self._q_min = cutoff_angstrom, q_min
        self._thresholds = sorted({*SENSITIVITY, q_min})
        self._windows = WindowMeans(average_ps)
        self._middles: list[float] = []
        self._table: list[list[int]] = []
        self._depth = np.zeros((2, N_SLICES))

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> None:
        """Add a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            From the corner of the cell, in any image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.
        time_ps : float, ps
            Of the frame.
        """
        for mean in self._windows.add(positions[self._kept], cell, time_ps):
            self._count(*mean)

    def result(self) -> Tetrahedra:
        """Give the counts of all whole windows; of the whole run where it is shorter than one.

        Returns
        -------
        Tetrahedra
            Over all frames added.
        """
        if not self._table:
            rest = self._windows.rest()
            if rest is None:
                raise AnalysisError("There is no frame for tetrahedra.")
            self._count(*rest)
        table = np.array(self._table)
        chosen = table[:, self._thresholds.index(self._q_min)]
        blocks = [block.mean() for block in np.array_split(chosen, min(5, len(chosen)))]
        return Tetrahedra(
            times_ps=np.array(self._middles),
            counts=chosen,
            n_centers=int(self._masks[0].sum()),
            count_mean=float(chosen.mean()),
            count_error=float(np.std(blocks, ddof=1) / np.sqrt(len(blocks))) if len(blocks) > 1 else 0.0,
            sensitivity={f"{t:.2f}": float(table[:, i].mean()) for i, t in enumerate(self._thresholds)},
            depth_fraction=(np.arange(N_SLICES) + 0.5) / N_SLICES,
            depth_counts=self._depth[0] / len(table),
            depth_centers=self._depth[1] / len(table),
        )

    def _count(self, scaled: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> None:
        centers, ligands = self._kept_masks
        q = order_parameters(scaled @ cell, cell, centers, ligands, self._cutoff)
        self._table.append([int((q >= threshold).sum()) for threshold in self._thresholds])
        self._middles.append(time_ps)
        slices = np.minimum((scaled[centers, 2] % 1.0 * N_SLICES).astype(np.int64), N_SLICES - 1)
        self._depth[0] += np.bincount(slices[q >= self._q_min], minlength=N_SLICES)
        self._depth[1] += np.bincount(slices, minlength=N_SLICES)


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
    """Count regular tetrahedra of a whole trajectory; see `TetrahedraAccumulator`.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) float array, angstrom
        In any image.
    cells : (n_frames, 3, 3) float array, angstrom
        Rows are lattice vectors.
    times_ps : (n_frames,) float array, ps
        Of the frames.
    center_mask, ligand_mask : (n_atoms,) bool array
        Atoms that may be a centre, or a corner.
    cutoff_angstrom : float, angstrom, optional
        Of the first shell.
    q_min : float, optional
        Threshold of the order parameter.
    average_ps : float, ps, optional
        Window of the average.

    Returns
    -------
    Tetrahedra
        Over all frames.

    Raises
    ------
    AnalysisError
        If there is no centre or no ligand.

    Examples
    --------
    >>> frame = np.array([[0.0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    >>> lithium = np.array([True, False, False, False, False])
    >>> found = regular_tetrahedra(frame[None], np.eye(3)[None] * 20.0, np.zeros(1), lithium, ~lithium)
    >>> found.count_mean, found.n_centers
    (1.0, 1)
    """
    accumulator = TetrahedraAccumulator(
        center_mask, ligand_mask, cutoff_angstrom=cutoff_angstrom, q_min=q_min, average_ps=average_ps
    )
    for frame, cell, time in zip(positions, cells, times_ps, strict=True):
        accumulator.add(frame, cell, float(time))
    return accumulator.result()
