"""Exploration runs that LAMMPS ended early: what they reached is kept, in files that DP-GEN can read."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.files import write_text
from mlip_interfaces.md.ending import CAME_TO_ITS_END, FELL_APART, LOG, SAY_HOW_IT_ENDED


def surviving(command: str) -> str:
    """Shell command of an exploration that may blow up: after its first frame that is a result, not a failed job.

    Parameters
    ----------
    command : str
        DP-GEN's own.

    Returns
    -------
    str
        Fails where LAMMPS was killed, or had no room on the disk or in memory, whatever it had reached: the log tells it from a
        run that fell apart. The job is then repeated.
    """
    return (
        f"{{ {command}; }}; status=$?; if [ $status -eq 0 ]; then [ ! -e {LOG} ] || {CAME_TO_ITS_END}; "
        f"else {FELL_APART} && grep -qv '^#' model_devi.out; fi || {{ {SAY_HOW_IT_ENDED}; exit 1; }}"
    )


def keep_whole_frames(task: Path) -> int:
    """Cut ``model_devi.out`` and ``all.lammpstrj`` to the frames that both have whole.

    Parameters
    ----------
    task : Path
        Folder of one exploration.

    Returns
    -------
    n_frames : int
        Frames that are left.
    """
    deviations, dump = task / "model_devi.out", task / "all.lammpstrj"
    frames = _whole_frames(dump)
    text = deviations.read_text()
    lines = text.split("\n")[:-1]
    header = [line for line in lines if line.startswith("#")]
    by_step = {int(float(line.split()[0])): line for line in lines if len(line.split()) >= 7 and line not in header}
    steps = [step for step in frames if step in by_step]
    kept = "".join(f"{line}\n" for line in [*header, *(by_step[step] for step in steps)])
    if kept != text:
        write_text(deviations, kept)
    whole = "".join(frames[step] for step in steps)
    if whole != dump.read_text():
        write_text(dump, whole)
    return len(steps)


def _whole_frames(dump: Path) -> dict[int, str]:
    """Text of each frame by its step; the last writer of a step counts."""
    frames = {}
    for part in dump.read_text().split("ITEM: TIMESTEP\n")[1:]:
        lines = part.split("\n")
        try:
            step, n_atoms = int(lines[0]), int(lines[lines.index("ITEM: NUMBER OF ATOMS") + 1])
            first = next(i for i, line in enumerate(lines) if line.startswith("ITEM: ATOMS")) + 1
        except (ValueError, IndexError, StopIteration):
            continue
        if len(lines) > first + n_atoms:
            # What follows the atoms is the cut beginning of the next frame.
            frames[step] = "\n".join(["ITEM: TIMESTEP", *lines[: first + n_atoms]]) + "\n"
    return frames
