"""What still runs of a run folder, and its end: processes of the local shell and jobs of Slurm.

A job is a script ``.HASH.sub`` of dpdispatcher, started below the run folder or in the folder elsewhere that a
``.job_root.json`` in it names. It is found by the script's name and the folder it works in, never by a number in a file that
may be old.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.files import read_json
from mlip_interfaces.programs import ask_program
from mlip_interfaces.run.folder import STUDY_FILE

ROOT_FILE = ".job_root.json"
"""dpdispatcher's folder of the tasks beside it, where jobs do not run in place."""
JOB_SCRIPT = re.compile(r"\.([0-9a-f]{40})\.sub\b")
_PROC = Path("/proc")
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that waits or runs.

    Attributes
    ----------
    number : int
        Of the process, or of the job in Slurm.
    in_slurm : bool
        Which of the two.
    folder : Path
        Where it works.
    born : str
        Mark of a process, which tells it from a later one of the same number.
    """

    number: int
    in_slurm: bool
    folder: Path
    born: str = ""

    def __str__(self) -> str:
        return f"{'Slurm job' if self.in_slurm else 'process'} {self.number} in {self.folder}"


@dataclass(frozen=True, slots=True)
class RunningJobs:
    """All that is known to run of a run folder.

    Attributes
    ----------
    jobs : tuple of RunningJob
        Local ones first.
    unknown : tuple of str
        What could not be asked, a sentence each.
    """

    jobs: tuple[RunningJob, ...]
    unknown: tuple[str, ...] = ()


def running_jobs(root: Path) -> RunningJobs:
    """The jobs of a run folder that wait or run.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    RunningJobs
        On this machine, and in the Slurm that it submits to.
    """
    folders, unknown = [root.resolve()], []
    for file in sorted(root.rglob(ROOT_FILE)):
        place = read_json(file, if_damaged="delete it")
        if place["context"] == "SSHContext":
            unknown.append(
                f"Jobs of {file.parent} run on another machine, in {place['folder']}; end them there with scancel."
            )
        else:
            folders.append(Path(place["folder"]))
    jobs = _local_jobs(folders)
    if shutil.which("squeue"):
        answer = ask_program(["squeue", "-u", str(os.getuid()), "-h", "-o", "%i|%Z|%o"])
        if answer.status == 0:
            jobs += _slurm_jobs(answer.output, folders)
        elif _may_use_slurm(root):
            said = answer.errors.rpartition("\n")[2] or f"exit status {answer.status}"
            unknown.append(f"Slurm's queue cannot be read (squeue: {said}); jobs there, if any, go on.")
    return RunningJobs(tuple(jobs), tuple(unknown))


def stop_jobs(jobs: Sequence[RunningJob]) -> None:
    """End jobs: local ones with all that they started, those of Slurm by ``scancel``.

    Parameters
    ----------
    jobs : sequence of RunningJob
        As `running_jobs` found them; one that has ended since does no harm.
    """
    numbers = [str(job.number) for job in jobs if job.in_slurm]
    if numbers:
        ask_program(["scancel", "-Q", *numbers])
    # A process that took the number of one that ended meanwhile is none of ours.
    local = [job.number for job in jobs if not job.in_slurm and job.born and _birth(job.number) == job.born]
    # The scripts first, or they would go on to their next task.
    _signal(local, signal.SIGSTOP)
    everything = {number: birth for number in _with_children(local) if (birth := _birth(number))}
    for sign in (signal.SIGTERM, signal.SIGCONT):
        _signal(everything, sign)
    deadline = time.monotonic() + _GRACE_SECONDS
    while (left := [number for number, birth in everything.items() if _birth(number) == birth]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    _signal(left, signal.SIGKILL)


def _local_jobs(folders: Sequence[Path]) -> list[RunningJob]:
    """Scripts of the local shell that work in one of the folders or below; their subshells belong to them."""
    numbers = sorted(int(entry.name) for entry in _PROC.glob("[0-9]*"))
    found = {number: folder for number in numbers if (folder := _script_folder(number)) is not None}
    return [
        RunningJob(number, False, folder, _birth(number))
        for number, folder in found.items()
        if _parent(number) not in found and any(folder.is_relative_to(place) for place in folders)
    ]


def _script_folder(number: int) -> Path | None:
    """Where a job script of this user works; None for every other process."""
    process = _PROC / str(number)
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        is_ours = process.stat().st_uid == os.getuid() and any(
            JOB_SCRIPT.fullmatch(Path(word).name) for word in words[1:]
        )
        return Path(os.readlink(process / "cwd")) if is_ours else None
    except OSError:
        return None


def _may_use_slurm(root: Path) -> bool:
    """Whether the study or DP-GEN's file speaks of Slurm: a machine may have the program and no cluster."""
    files = (root / STUDY_FILE, root / "campaign" / "machine.json")
    return any("slurm" in file.read_text(errors="replace").lower() for file in files if file.is_file())


def _slurm_jobs(answer: str, folders: Sequence[Path]) -> list[RunningJob]:
    jobs = []
    for line in answer.splitlines():
        number, _, place_and_script = line.partition("|")
        folder, _, script = place_and_script.rpartition("|")
        if JOB_SCRIPT.search(script) and any(Path(folder).is_relative_to(place) for place in folders):
            jobs.append(RunningJob(int(number.partition("_")[0]), True, Path(folder)))
    return jobs


def _status(number: int) -> list[str]:
    """State, parent and so on of a process; empty if there is none, or nothing but its end is left of it."""
    try:
        fields = (_PROC / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def _parent(number: int) -> int:
    fields = _status(number)
    return int(fields[1]) if fields else 0


def _birth(number: int) -> str:
    """When the process began, which tells it from a later one of the same number; empty if it has ended."""
    fields = _status(number)
    return fields[19] if fields else ""


def _with_children(numbers: Sequence[int]) -> list[int]:
    """Processes and all that they started, parents first."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        children.setdefault(_parent(int(entry.name)), []).append(int(entry.name))
    found = list(numbers)
    for number in found:
        found += children.get(number, [])
    return found


def _signal(numbers: Iterable[int], sign: signal.Signals) -> None:
    for number in numbers:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(number, sign)
