"""Runs of a collected scan whose trajectories are not those that the study asks for now."""

from __future__ import annotations

from collections.abc import Iterable

from mlip_interfaces.books.run import ScanEntry
from mlip_interfaces.md import motion_hash, started_with
from mlip_interfaces.pipeline.older_folders import as_it_was_meant
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
    study = as_it_was_meant(context.study, context.scan)
    asked = {run.name: motion_hash(run_script(study, run)) for run in scan_runs(study)}
    found = {}
    for entry in entries:
        if why := _why_stale(context, entry, asked.get(entry.name)):
            found[entry.name] = why
    return found


def _why_stale(context: RunContext, entry: ScanEntry, asked: str | None) -> str:
    script = started_with(context.scan / entry.directory)
    there = motion_hash(script) if script else None
    # Indexes of older versions do not say what made a run: its folder does.
    made = entry.command_sha256 or there
    if made is None or not entry.n_frames:
        return ""
    if asked is None:
        return "the study has no such run any more; `scan collect` leaves it out"
    if made != asked:
        return (
            "it was made with another command than the study asks for now; change the study back, or run the scan again"
        )
    if there not in (None, made):
        return "it was begun anew with another command after the scan was collected; finish it, or run `scan collect`"
    return ""
