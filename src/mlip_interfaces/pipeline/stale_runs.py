"""Runs of a collected scan whose trajectories are not those that the study asks for now."""

from __future__ import annotations

from collections.abc import Iterable

from mlip_interfaces.books.run import ScanEntry
from mlip_interfaces.md import Motion, differences, started_with
from mlip_interfaces.pipeline.scan import run_script, scan_runs
from mlip_interfaces.run.context import RunContext


def stale_runs(context: RunContext, entries: Iterable[ScanEntry]) -> dict[str, str]:
    """Why entries of ``scan/index.json`` are not of the study, or not of the files in the runs' folders.

    Parameters
    ----------
    context : RunContext
        The study as it is now, and its run folder.
    entries : iterable of ScanEntry
        As the index has them.

    Returns
    -------
    dict of str to str
        Name of a run -> why, as the end of a sentence; without the runs that are as they should be.
    """
    runs = {run.name: run for run in scan_runs(context.study)}
    found = {}
    for entry in entries:
        if entry.name not in runs:
            found[entry.name] = "the study has no such run any more; `scan collect` leaves it out"
            continue
        if not entry.n_frames:
            continue
        directory, script = context.scan / entry.directory, run_script(context, runs[entry.name])
        made = started_with(directory)
        others = differences(directory, script) if made else ()
        if not made and entry.motion_sha256 not in ("", Motion.of(script).hash):
            # The folder says nothing: its index does.
            others = ("its index says so",)
        if others:
            found[entry.name] = (
                f"it was made with another command than the study asks for now ({', '.join(others)}); change the study back, or "
                "run the scan again"
            )
        elif made and entry.motion_sha256 not in ("", Motion.of(made).hash):
            found[entry.name] = (
                "it was begun anew with another command after the scan was collected; finish it, or run `scan collect`"
            )
    return found
