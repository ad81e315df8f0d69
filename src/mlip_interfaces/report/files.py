"""What the report reads: JSON and tables of a run folder, absent ones included."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.books.recommendation import MeanOfRuns
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_optional_json


def read_result(file: Path) -> Any:
    """Content of a JSON file that its index promises.

    Parameters
    ----------
    file : Path
        The file.

    Returns
    -------
    object
        As JSON has it.

    Raises
    ------
    InputFileError
        If it is missing or damaged.
    """
    content = read_optional_json(file)
    if content is None:
        raise InputFileError(f"{file} is missing although its index names it; run `analyze all` again.")
    return content


def read_table(file: Path) -> dict[str, NDArray[Any]]:
    """Columns of a CSV file with a line of titles.

    Parameters
    ----------
    file : Path
        The table.

    Returns
    -------
    dict of str to (n_rows,) array
        Numbers where every entry is one (empty entries are not-a-number), else strings. A row that was not written to its
        end is left out.

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
        raise InputFileError(f"{file} is empty; run the stage that writes it again.")
    complete = [row for row in rows[1:] if len(row) == len(rows[0])]
    return {name: _column([row[i] for row in complete]) for i, name in enumerate(rows[0])}


def read_means(file: Path) -> list[tuple[str, str, str, MeanOfRuns]]:
    """Seeds of one model as one.

    Parameters
    ----------
    file : Path
        ``analysis/means.csv``, there or not.

    Returns
    -------
    list of tuple of (str, str, str, MeanOfRuns)
        Condition, model, quantity and its mean; none where each model has one seed, and where an older version analysed.
    """
    if not file.is_file():
        return []
    with file.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    found = []
    for row in rows:
        error, low, high = (_finite(row[name]) for name in ("error", "low_95", "high_95"))
        mean = MeanOfRuns(float(row["value"]), error, low, high, int(row["n_runs"]))
        found.append((row["condition"], row["model"], row["quantity"], mean))
    return found


def _finite(text: str) -> float | None:
    value = float(text)
    return value if np.isfinite(value) else None


def _column(entries: list[str]) -> NDArray[Any]:
    try:
        return np.array([float(entry) if entry else np.nan for entry in entries])
    except ValueError:
        return np.array(entries)
