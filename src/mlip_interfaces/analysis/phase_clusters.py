"""Phases without rules: averaged surroundings of atoms, density-based clusters of them, and how far they agree with rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import pairs_in_no_order
from mlip_interfaces.analysis.phases import FramePhases
from mlip_interfaces.errors import AnalysisError

SHELLS_ANGSTROM = (2.4, 3.1, 3.9)
"""Radii up to which atoms of each element are counted around an atom; each count fades over half an angstrom."""

FADE_ANGSTROM = 0.5
AVERAGE_ANGSTROM = 5.5
"""Radius within which the counts of all atoms are averaged, with less weight for those farther away."""

SAMPLE = 6000
"""Atoms that clusters are looked for among; all others go with the nearest of these."""

SMALLEST_CLUSTER = 0.05
"""Of the sample."""

N_COMPONENTS = 8
NEAREST = 15
"""Atoms of the sample by which another one is named."""


def averaged_surroundings(
    symbols: NDArray[np.str_], positions: NDArray[np.float64], cell: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Composition and counts of neighbours by element, averaged over what is near each atom.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    positions : (n_atoms, 3) float array, angstrom
        In any image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.

    Returns
    -------
    (n_atoms, n_numbers) float array
        The share of each element, and for each of them the number of neighbours of each element within three radii.

    Notes
    -----
    A neighbour at the distance r counts 1 / (1 + exp((r - R) / 0.125)) within R. The average weighs with (1 - (r / 5.5)^2)^2, so that
    all atoms of one crystal have about the same numbers whatever their element, as in the averaged order parameters of Lechner and
    Dellago.

    References
    ----------
    W. Lechner, C. Dellago, J. Chem. Phys. 129, 114707 (2008).

    Examples
    --------
    >>> numbers = averaged_surroundings(np.array(["Li", "F"]), np.array([[0.0, 0, 0], [2.0, 0, 0]]), np.eye(3) * 20.0)
    >>> numbers.shape, (numbers[0, :2] + numbers[1, :2]).round(9).tolist()
    ((2, 14), [1.0, 1.0])
    """
    from scipy.sparse import coo_array

    elements, element = np.unique(symbols, return_inverse=True)
    n_atoms, n_elements = len(symbols), len(elements)
    first, second, vectors = pairs_in_no_order(positions, cell, AVERAGE_ANGSTROM)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    kinds = np.zeros((n_atoms, n_elements))
    kinds[np.arange(n_atoms), element] = 1.0
    # Around an atom: neighbours of each element; of the element of the atom itself: one block of columns each.
    own = [kinds]
    for radius in SHELLS_ANGSTROM:
        weight = 1.0 / (1.0 + np.exp((lengths - radius) / (FADE_ANGSTROM / 4.0)))
        near = weight > 1e-3
        counts = coo_array((weight[near], (first[near], second[near])), shape=(n_atoms, n_atoms)).tocsr() @ kinds
        own.append((kinds[:, :, None] * counts[:, None, :]).reshape(n_atoms, -1))
    numbers = np.concatenate(own, axis=1)
    weights = (1.0 - (lengths / AVERAGE_ANGSTROM) ** 2) ** 2
    average = coo_array((weights, (first, second)), shape=(n_atoms, n_atoms)).tocsr()
    total = 1.0 + np.asarray(average.sum(axis=1)).ravel()
    return np.asarray((numbers + average @ numbers) / total[:, None])


class ClusterClassifier:
    """Names atoms by the cluster that their averaged surroundings fall into.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    frames : sequence of tuple of array
        Positions and cell of frames in which all phases are there.
    seed : int, optional
        Of the sample.

    Raises
    ------
    AnalysisError
        If there are too few atoms for a cluster.

    Notes
    -----
    Surroundings of a sample of atoms of all frames are scaled and reduced to eight principal components; HDBSCAN finds the clusters;
    each atom of the sample that is in none, and every other atom, has the cluster of most of the fifteen nearest ones that are.

    References
    ----------
    R. J. G. B. Campello et al., Lect. Notes Comput. Sci. 7819, 160 (2013).
    """

    def __init__(
        self,
        symbols: NDArray[np.str_],
        frames: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
        *,
        seed: int = 0,
    ) -> None:
        from sklearn.cluster import HDBSCAN
        from sklearn.decomposition import PCA
        from sklearn.neighbors import KNeighborsClassifier

        self._symbols = symbols
        rng = np.random.default_rng(seed)
        each = min(len(symbols), max(1, SAMPLE // len(frames)))
        parts, chosen = [], []
        for positions, cell in frames:
            rows = np.sort(rng.choice(len(symbols), each, replace=False))
            parts.append(averaged_surroundings(symbols, positions, cell)[rows])
            chosen.append(symbols[rows])
        sample, of_sample = np.concatenate(parts), np.concatenate(chosen)
        size = max(10, round(SMALLEST_CLUSTER * len(sample)))
        if len(sample) < 2 * size:
            raise AnalysisError(f"{len(sample)} atoms are too few for clusters of {size} atoms; name phases by rules.")
        # Each element's numbers are as wide as the spread of its counts makes them; those that never change are left out.
        self._moves = sample.std(axis=0) > 1e-6
        self._reduce: Any = PCA(n_components=min(N_COMPONENTS, int(self._moves.sum())), random_state=0)
        reduced = self._reduce.fit_transform(sample[:, self._moves])
        labels = HDBSCAN(min_cluster_size=size, min_samples=NEAREST, allow_single_cluster=True, copy=True).fit_predict(
            reduced
        )
        if (labels < 0).all():
            labels = np.zeros(len(sample), dtype=np.int64)
        inside = labels >= 0
        self._nearest: Any = KNeighborsClassifier(n_neighbors=NEAREST).fit(reduced[inside], labels[inside])
        self._names = tuple(
            f"{chr(ord('A') + k % 26)}{'' if k < 26 else k // 26}: {_composition(of_sample[labels == k])}"
            for k in range(int(labels.max()) + 1)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Of all clusters: a letter, and what they are made of in percent."""
        return self._names

    def classify(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> FramePhases:
        """Name the cluster of every atom of a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        FramePhases
            The confidence is the share of the nearest atoms of the sample that are in the cluster.
        """
        numbers = averaged_surroundings(self._symbols, positions, cell)
        shares = self._nearest.predict_proba(self._reduce.transform(numbers[:, self._moves]))
        codes = shares.argmax(axis=1)
        return FramePhases(
            codes.astype(np.int16), self._names, shares.max(axis=1).astype(np.float32), Counter(), float("nan")
        )


def agreement(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Adjusted Rand index of two ways to name the same atoms.

    Parameters
    ----------
    first, second : (n_atoms,) int array
        Codes; which ones does not matter, only who has the same.

    Returns
    -------
    float
        One where both divide the atoms alike, about zero where they have nothing to do with each other.

    References
    ----------
    L. Hubert, P. Arabie, J. Classif. 2, 193 (1985).

    Examples
    --------
    >>> agreement(np.array([0, 0, 1, 1]), np.array([3, 3, 2, 2]))
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))


def _composition(symbols: NDArray[np.str_]) -> str:
    names, numbers = np.unique(symbols, return_counts=True)
    return " ".join(f"{name}{100 * number / symbols.size:.0f}" for name, number in zip(names, numbers, strict=True))
