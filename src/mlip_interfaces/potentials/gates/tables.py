"""Tables that the decks of the gates write."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.potentials.gates.contract import Floats


def read_columns(file: Path) -> dict[str, Floats]:
    """Columns of a table, all of its whole lines.

    Parameters
    ----------
    file : Path
        CSV with a line of titles.

    Returns
    -------
    dict of str to (n_rows,) float array
        By the name of the column; without rows where LAMMPS fell apart at once.

    Raises
    ------
    InputFileError
        If it is missing or empty.
    """
    try:
        with file.open(newline="") as handle:
            rows = list(csv.reader(handle))
    except OSError as error:
        raise InputFileError(f"{file} cannot be read: {error}") from error
    if not rows:
        raise InputFileError(f"{file} is empty; delete its folder to have LAMMPS run again.")
    lines = [row for row in rows[1:] if len(row) == len(rows[0])]
    table = np.array(lines, dtype=np.float64).reshape(-1, len(rows[0]))
    return dict(zip(rows[0], table.T, strict=True))


def ended_early(times_ps: Floats, asked_ps: float) -> bool:
    """Whether a run did not come to its end.

    Parameters
    ----------
    times_ps : (n_rows,) float array, ps
        Of the rows of its table.
    asked_ps : float, ps
        Length that was asked for.

    Returns
    -------
    bool
        True also where there is no row.
    """
    return not times_ps.size or bool(times_ps[-1] < asked_ps * (1 - 1e-6) - 1e-9)
