"""Trajectories made of arrays, and results as others read them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

import mlip_interfaces as mi
from mlip_interfaces.observables import Request, Result


def trajectory(
    path: np.ndarray, length: float | np.ndarray, symbols: list[str], interval_ps: float = 0.1, **more: Any
) -> mi.TrajectoryReader:
    """Of positions (n_frames, n_atoms, 3) in a cubic cell, in one of three lengths, or in cells."""
    cells = np.asarray(length, dtype=float)
    cells = np.eye(3) * cells if cells.ndim == 0 else np.diag(cells) if cells.ndim == 1 else cells
    return mi.trajectory_of_arrays(path, cells, symbols, frame_interval_ps=interval_ps, **more)


def found(reader: mi.TrajectoryReader, request: Request, drift: str = "none", **options: Any) -> Any:
    """The result of one request; the drift stays in unless asked for otherwise."""
    return mi.analyze(reader, [request], drift=drift, **options)[request.kind]


def content(result: Result) -> dict[str, Any]:
    """What the JSON file holds, through JSON that knows no infinities."""
    back: dict[str, Any] = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    return back


def rows(result: Result, end: str = "") -> list[dict[str, str]]:
    """A table as a reader of the CSV file sees it."""
    table = result.tables()[end]
    text = io.StringIO()
    csv.writer(text).writerows([table.columns, *table.rows])
    return list(csv.DictReader(io.StringIO(text.getvalue())))


def column(table: list[dict[str, str]], name: str) -> np.ndarray:
    """Numbers of a column; an empty cell is not a number."""
    return np.array([float(row[name]) if row[name] else np.nan for row in table])


def walk(n_frames: int, n_atoms: int, length: float, step: float, seed: int) -> np.ndarray:
    """Independent walkers from anywhere in the cell."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, step, (n_frames, n_atoms, 3))
    steps[0] = rng.random((n_atoms, 3)) * length
    return np.cumsum(steps, axis=0)
