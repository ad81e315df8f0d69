"""What every stage gets: the study, the run folder's layout and a way to report progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlip_interfaces.config import Study

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a short note."""


def no_progress(fraction: float, note: str) -> None:
    """Report to nobody.

    Parameters
    ----------
    fraction : float
        What is done, 0 to 1.
    note : str
        What is happening.
    """


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run folder with its study.

    Attributes
    ----------
    study : Study
        The validated study.
    root : Path
        The run folder.
    progress : callable
        Where the running stage reports.
    results : Path or None
        Where the analysis or the report goes instead of into the run folder, which is then read only.
    """

    study: Study
    root: Path
    progress: Progress = no_progress
    results: Path | None = None

    @property
    def structures(self) -> Path:
        """Interface models and bulk cells."""
        return self.root / "structures"

    @property
    def initial_data(self) -> Path:
        """Labels of the initial data and the data set made of them."""
        return self.root / "initial_data"

    @property
    def campaign(self) -> Path:
        """DP-GEN's folder."""
        return self.root / "campaign"

    @property
    def model(self) -> Path:
        """The final Deep Potential."""
        return self.root / "model"

    @property
    def validation(self) -> Path:
        """Errors of the final model on held-out labels."""
        return self.root / "validation"

    @property
    def scan(self) -> Path:
        """Production MD, one folder for each thickness, protocol and seed."""
        return self.root / "scan"

    @property
    def analysis(self) -> Path:
        """Results per run of the scan."""
        return self.results or self.root / "analysis"

    @property
    def report(self) -> Path:
        """The report."""
        return self.results or self.root / "report"
