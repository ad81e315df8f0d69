"""Exploration runs that LAMMPS ended early: what they reached is kept, in files that DP-GEN can read."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.files import write_text

SURVIVES = "{{ {command}; }} || {{ status=$?; case $status in 130|137|143) exit $status;; esac; grep -qv '^#' model_devi.out; }}"
"""Shell command of an exploration: a run that blew up after its first frame is a result, not a failed job; one that was
killed from outside (SIGINT, SIGKILL, SIGTERM) is run again."""


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
