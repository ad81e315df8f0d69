"""Runs that were healthy and are not shown, since what is there is not what the study asks for, or not whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mlip_interfaces.books.run import INDEX, AnalysisIndex, ScanIndex, read_optional_book

NONE_STALE: Mapping[str, str] = MappingProxyType({})


def left_out_runs(run: Path, stale: Mapping[str, str] = NONE_STALE) -> dict[str, str]:
    """Why runs have no place in the numbers of a report.

    Parameters
    ----------
    run : Path
        The run folder.
    stale : mapping of str to str, optional
        Runs whose trajectories are not of the study as it is now, and why.

    Returns
    -------
    dict of str to str
        Name of a run -> why, as the end of a sentence; unhealthy runs are not among them.

    Raises
    ------
    InputFileError
        If an index is damaged.
    """
    scan = read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex()
    made = {entry.name: entry.motion_sha256 for entry in scan.runs}
    found = dict(stale)
    for entry in (read_optional_book(AnalysisIndex, run / "analysis" / INDEX) or AnalysisIndex()).runs:
        if entry.trouble:
            found.setdefault(entry.name, entry.trouble)
        elif entry.healthy and entry.motion_sha256 and made.get(entry.name) not in (None, entry.motion_sha256):
            found.setdefault(
                entry.name,
                "its results are of an earlier trajectory; `analyze all` makes those of the one that is there",
            )
    return found
