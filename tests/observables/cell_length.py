"""An analysis as somebody might add it: the mean length of a cell vector. All of it stands in this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.observables.observer import Observer, Record, Start
from mlip_interfaces.observables.request import Request
from mlip_interfaces.observables.results import Headline, Result, Table


class CellLength(Request):
    """Mean length of a cell vector."""

    kind: ClassVar[str] = "cell-length"
    summary: ClassVar[str] = "mean length of a cell vector"

    axis: Literal["a", "b", "c"] = Field("c", description="Which cell vector.")

    def observe(self, start: Start) -> Observer:
        return _Lengths(self)


class _Lengths(Observer):
    def __init__(self, request: CellLength) -> None:
        super().__init__()
        self._request = request

    def finish(self, record: Record) -> CellLengthResult:
        lengths = np.linalg.norm(record.cells[:, "abc".index(self._request.axis)], axis=1)
        return CellLengthResult(self._request, record.times_ps, lengths)


@dataclass(frozen=True, slots=True)
class CellLengthResult(Result):
    request: CellLength
    times_ps: NDArray[np.float64]
    lengths_angstrom: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        return {"length_mean_angstrom": float(self.lengths_angstrom.mean()), "settings": self.request.settings()}

    def tables(self) -> dict[str, Table]:
        return {"": Table(("time_ps", "length_angstrom"), zip(self.times_ps, self.lengths_angstrom, strict=True))}

    def headlines(self) -> list[Headline]:
        error = float(self.lengths_angstrom.std(ddof=1) / np.sqrt(self.lengths_angstrom.size))
        return [Headline(f"length of {self.request.axis} (Å)", float(self.lengths_angstrom.mean()), error)]

    def draw(self) -> Any:
        from mlip_interfaces.figures.style import new_figure

        figure, axes = new_figure(1, 1, height=3.0)
        axes[0, 0].plot(self.times_ps, self.lengths_angstrom)
        axes[0, 0].set_xlabel("time (ps)")
        return figure
