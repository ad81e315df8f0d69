"""Runs of LAMMPS with the potential of a run folder: what the scan, and MD that is made to be labelled, have in common."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from mlip_interfaces.config import Study
from mlip_interfaces.files import content_hash, file_hash, relink
from mlip_interfaces.jobs import JobTask, only_by_itself
from mlip_interfaces.md import (
    CHECKPOINT,
    COMMAND,
    DATA,
    DEVIATIONS,
    END,
    MODEL,
    OLDER_CHECKPOINT,
    START,
    STARTED,
    TABLE,
    TRAJECTORY,
    HealthBounds,
    MDProtocol,
    md_command,
    start_script,
    write_start_script,
)
from mlip_interfaces.md.ending import CAME_TO_ITS_END, DONE, FELL_APART, LOG, SAY_HOW_IT_ENDED, is_over
from mlip_interfaces.md.protocol import DECK
from mlip_interfaces.pipeline.potential_file import potential_of
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.shipped_files import lammps_deck

PIECES = "pieces.tar"
# A run that went to its end, or whose physics fell apart, is finished, and the first keeps its last state. Any other goes on from its checkpoint: killed, without
# room on the disk or in memory, or never begun.
RUN_COMMAND = (
    f"sh {COMMAND}; status=$?; if {{ [ $status -eq 0 ] && {CAME_TO_ITS_END}; }} || {FELL_APART}; "
    f"then echo $status > {DONE}.new && mv {DONE}.new {DONE} || exit 1; "
    f"if [ $status -eq 0 ] && [ -f {CHECKPOINT} ]; then mv {CHECKPOINT} {END}; fi; rm -f {CHECKPOINT} {OLDER_CHECKPOINT}; "
    f"else {SAY_HOW_IT_ENDED}; exit 1; fi"
)
# Names of later pieces are not known beforehand: they travel as one file.
PACK_COMMAND = f"{RUN_COMMAND}; ls | grep -E '^(traj|thermo|model_devi)[.][0-9]+[.]' > pieces && tar cf {PIECES} -T pieces; rm -f pieces"


def health_bounds(study: Study) -> HealthBounds:
    """The study's bounds of a healthy run.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    HealthBounds
        For `md.judge_run`.
    """
    asked = study.health
    return HealthBounds(
        max_temperature_ratio=asked.max_temperature_ratio,
        mean_temperature_tolerance=asked.mean_temperature_tolerance,
        density_change=asked.density_change,
        lateral_change=asked.lateral_change,
        min_distance_angstrom=asked.min_distance_angstrom,
    )


def prepare_md(context: RunContext, folder: Path) -> None:
    """Put into a folder what all its runs share: the deck, and the potential.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with a potential.
    folder : Path
        The runs' folders are below it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(lammps_deck(DECK), folder / DECK)
    potential = potential_of(context)
    # Jobs that do not run in place take it along.
    relink(folder / potential.name, potential)


def write_md_run(context: RunContext, structure: str, directory: Path, script: str) -> None:
    """Write the folder of a run; one that is over keeps its end.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the structure.
    structure : str
        Name of the interface model.
    directory : Path
        Of the run.
    script : str
        As `md_script` gives it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for file in (DATA, "layers.json"):
        shutil.copyfile(context.structures / structure / file, directory / file)
    if not is_over(directory):
        (directory / DONE).unlink(missing_ok=True)
    write_start_script(directory, script)


def md_script(
    context: RunContext, structure: str, protocol: MDProtocol, *, top: str, committee: Sequence[str] = ()
) -> str:
    """The script that starts a run.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with the structure and a potential.
    structure : str
        Name of the interface model.
    protocol : MDProtocol
        What to run.
    top : str
        From the folder of the run to the one that `prepare_md` made.
    committee : sequence of str, optional
        Models whose forces are compared on the fly, from the folder of the run.

    Returns
    -------
    str
        Content of its ``command.sh``.
    """
    study, potential = context.study, potential_of(context)
    command = md_command(
        protocol,
        health_bounds(study),
        deck=f"{top}/{DECK}",
        data=DATA,
        potential=f"{top}/{potential.name}",
        elements=study.elements,
        committee=list(committee),
    )
    inputs = {MODEL: context.structures / structure / DATA, "potential": potential}
    return start_script(command, {what: _hash_now(file) for what, file in inputs.items() if file.is_file()})


def _hash_now(file: Path) -> str:
    """Hash of a file, read once as long as it stays: a scan asks for that of its potential with every look at every run."""
    state = file.stat()
    return _hash_of(file, state.st_size, state.st_mtime_ns, state.st_ino)


@cache
def _hash_of(file: Path, n_bytes: int, changed_ns: int, inode: int) -> str:
    return file_hash(file)


def md_task(name: str, directory: Path, script: str, *, staged: bool) -> JobTask:
    """A run as a task.

    Parameters
    ----------
    name : str
        Of the task.
    directory : Path
        Folder of the run.
    script : str
        Content of its ``command.sh``.
    staged : bool
        Whether it is carried elsewhere. Another script then makes another task, which what lies there does not pass for; a run
        that is extended takes its last state along.

    Returns
    -------
    JobTask
        Finished once the run is.
    """
    checkpoints = [name for name in (CHECKPOINT, OLDER_CHECKPOINT) if (directory / name).is_file()]
    state = (*checkpoints, START, STARTED, LOG) if checkpoints else ()
    return JobTask(
        name,
        f"{only_by_itself(content_hash(script))}; {PACK_COMMAND}" if staged else RUN_COMMAND,
        (DONE,),
        inputs=(DATA, "layers.json", COMMAND, *state),
        extras=(TRAJECTORY, TABLE, DEVIATIONS, LOG, STARTED, PIECES, START, END),
    )


def unpack(archive: Path) -> None:
    """Pieces of a run that was made elsewhere; the archive goes.

    Parameters
    ----------
    archive : Path
        Need not exist.
    """
    if archive.is_file():
        with tarfile.open(archive) as pieces:
            pieces.extractall(archive.parent, filter="data")
        archive.unlink()
