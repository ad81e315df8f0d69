"""The table of pair energies that takes over from the network where nuclei come too close."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlip_interfaces.files import write_text
from mlip_interfaces.units import COULOMB_EV_ANGSTROM

SHORT_RANGE_TABLE = "short_range.txt"
"""Its name in the folder of a training."""
_SCREENING = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
"""Weights and rates of the universal screening function."""
_SCREENING_LENGTH_ANGSTROM, _EXPONENT = 0.46850, 0.23
_SPACING_ANGSTROM, _FADES_FROM_ANGSTROM, _ENDS_AT_ANGSTROM = 0.005, 2.0, 3.0


def zbl_energy(first: int, second: int, distance_angstrom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Universal screened repulsion of two nuclei.

    Parameters
    ----------
    first, second : int
        Atomic numbers.
    distance_angstrom : (n,) float array, angstrom
        Above zero.

    Returns
    -------
    (n,) float array, eV
        Energy of the pair.

    References
    ----------
    J. F. Ziegler, J. P. Biersack, U. Littmark, The Stopping and Range of Ions in Matter (Pergamon, 1985), chapter 2.
    """
    screened = distance_angstrom * (first**_EXPONENT + second**_EXPONENT) / _SCREENING_LENGTH_ANGSTROM
    screening = sum(weight * np.exp(-rate * screened) for weight, rate in _SCREENING)
    energy: NDArray[np.float64] = COULOMB_EV_ANGSTROM * first * second / distance_angstrom * screening
    return energy


def zbl_table(elements: Sequence[str]) -> NDArray[np.float64]:
    """Repulsion of all pairs of elements as DeePMD's ``use_srtab`` reads it.

    Parameters
    ----------
    elements : sequence of str
        The type map.

    Returns
    -------
    (600, 1 + n (n + 1) / 2) float array, angstrom and eV
        Distance, then the energy of the pairs 0-0, 0-1, ... 1-1, ...; it fades to zero, smoothly, from 2 to 3 angstrom, far beyond where
        it acts.
    """
    distance = _SPACING_ANGSTROM * np.arange(1, round(_ENDS_AT_ANGSTROM / _SPACING_ANGSTROM) + 1, dtype=np.float64)
    part = np.clip((distance - _FADES_FROM_ANGSTROM) / (_ENDS_AT_ANGSTROM - _FADES_FROM_ANGSTROM), 0.0, 1.0)
    fading = 1.0 - part**3 * (10.0 - 15.0 * part + 6.0 * part**2)
    pairs = combinations_with_replacement([atomic_numbers[symbol] for symbol in elements], 2)
    return np.column_stack([distance, *(fading * zbl_energy(first, second, distance) for first, second in pairs)])


def write_zbl_table(file: Path, elements: Sequence[str]) -> None:
    """Write the table.

    Parameters
    ----------
    file : Path
        Text.
    elements : sequence of str
        The type map.
    """
    rows = (" ".join(f"{value:.10e}" for value in row) for row in zbl_table(elements))
    write_text(file, "\n".join(rows) + "\n")
