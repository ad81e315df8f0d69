"""What runs are called in figures: by the thickness of their coating where a study compares some, else by their names."""

from __future__ import annotations

from collections.abc import Sequence

from mlip_interfaces.books.run import AnalysisEntry, ScanEntry
from mlip_interfaces.figures.runs import Which


def names_in_figures(runs: Sequence[AnalysisEntry] | Sequence[ScanEntry]) -> dict[str, Which]:
    """What each run is called.

    Parameters
    ----------
    runs : sequence of AnalysisEntry or ScanEntry
        All runs of the study, those that are not healthy too: a thickness has the same colour in all figures of the page.

    Returns
    -------
    dict of str to Which
        By name: the thickness in angstrom where there are two or more, zero without a coating; else the name.
    """
    thicknesses = {run.name: run.coating_angstrom or 0.0 for run in runs}
    if len(set(thicknesses.values())) > 1:
        return dict(thicknesses)
    return {run.name: run.name for run in runs}
