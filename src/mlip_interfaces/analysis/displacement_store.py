"""Displacements of chosen atoms over a whole run, in single precision, on disk where they are many."""

from __future__ import annotations

import tempfile
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

MEMORY_BYTES = 512_000_000


class DisplacementStore:
    """Grows by chunks of frames; read as one array. A context manager, for the file it may need.

    Displacements are r(t) - r(0), small numbers that single precision keeps to 1e-5 angstrom.

    Parameters
    ----------
    mask : (n_atoms,) bool array
        Atoms kept.
    memory_bytes : int, optional
        Beyond this, chunks go to a temporary file (in ``TMPDIR``) that vanishes with the store.
    n_components : int, optional
        Numbers for each atom and frame: three of a displacement, one of a depth.

    Examples
    --------
    >>> with DisplacementStore(np.array([True, False, True])) as store:
    ...     store.add(np.arange(9.0).reshape(1, 3, 3))
    ...     store.of(np.array([False, False, True])).tolist()
    [[[6.0, 7.0, 8.0]]]
    """

    def __init__(self, mask: NDArray[np.bool_], *, memory_bytes: int = MEMORY_BYTES, n_components: int = 3) -> None:
        self.atoms = np.flatnonzero(mask)
        self._row_of_atom = np.where(mask, np.cumsum(mask) - 1, -1)
        self._memory_bytes = memory_bytes
        self._shape = (self.atoms.size, n_components)
        self._chunks: list[NDArray[np.float32]] = []
        self._file: IO[bytes] | None = None
        self._n_frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, displacements: NDArray[np.float64]) -> None:
        """Add frames.

        Parameters
        ----------
        displacements : (n_frames, n_atoms, n_components) float array, angstrom
            Of all atoms, those not kept included.
        """
        chunk = np.ascontiguousarray(displacements[:, self.atoms], dtype=np.float32)
        self._n_frames += len(chunk)
        if self._file is None and self._n_frames * self._shape[0] * self._shape[1] * 4 > self._memory_bytes:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the store)
            for part in self._chunks:
                part.tofile(self._file)
            self._chunks = []
        if self._file is None:
            self._chunks.append(chunk)
        else:
            chunk.tofile(self._file)

    def array(self) -> NDArray[np.float32]:
        """Give all that was added.

        Returns
        -------
        (n_frames, n_kept, n_components) float array, angstrom
            In single precision; backed by the temporary file where there is one.
        """
        if self._file is not None:
            self._file.flush()
            return np.memmap(self._file, dtype=np.float32, mode="r", shape=(self._n_frames, *self._shape))
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)]
        return self._chunks[0] if self._chunks else np.empty((0, *self._shape), dtype=np.float32)

    def rows(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Find the rows of the array for some of the kept atoms.

        Parameters
        ----------
        mask : (n_atoms,) bool array
            Over all atoms; only kept ones may be chosen.

        Returns
        -------
        (n_chosen,) int array
            Places along the second axis of `array`.

        Raises
        ------
        ValueError
            If an atom was not kept.
        """
        rows = np.asarray(self._row_of_atom[mask], dtype=np.int64)
        if (rows < 0).any():
            raise ValueError(f"{np.count_nonzero(rows < 0)} of {rows.size} atoms were not kept")
        return rows

    def of(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Displacements of some of the kept atoms.

        Parameters
        ----------
        mask : (n_atoms,) bool array
            Over all atoms; only kept ones may be chosen.

        Returns
        -------
        (n_frames, n_chosen, n_components) float array, angstrom
            In single precision.
        """
        rows = self.rows(mask)
        everything = self.array()
        return everything if rows.size == self.atoms.size else everything[:, rows]
