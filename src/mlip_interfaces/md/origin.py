"""Which command made the files of a run: the run itself keeps a copy of the script that started it.

A script is written anew whenever the study is edited; the files beside it are those of the last one that was started.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from mlip_interfaces.files import content_hash, write_text
from mlip_interfaces.md.pieces import CHECKPOINT, TABLE, TRAJECTORY
from mlip_interfaces.md.protocol import BOUNDS

COMMAND = "command.sh"
STARTED = "started.sh"
"""Copy of the script that started the run last."""

# What `command.sh` leaves of an earlier command is not gone on from, and not taken for its own where LAMMPS cannot start.
_BEGIN = (
    f'if [ -f {STARTED} ] && [ "$(cat {STARTED})" != "$(cat {COMMAND})" ]; then '
    f"rm -f {CHECKPOINT} traj.dcd traj.*.dcd thermo.csv thermo.*.csv log.lammps; fi\n"
    f"cp {COMMAND} {STARTED} || exit 126"
)


def start_script(command: str) -> str:
    """Content of ``command.sh``: it removes what another command left, keeps a copy of itself, and starts LAMMPS.

    Parameters
    ----------
    command : str
        From `md_command`, one line.

    Returns
    -------
    str
        A script for ``sh``.
    """
    return f"#!/bin/sh\n{_BEGIN}\n{command}\n"


def command_of(script: str) -> str:
    r"""The line of a script that starts LAMMPS: its last one, in scripts of older versions too.

    Parameters
    ----------
    script : str
        Content of a ``command.sh``.

    Returns
    -------
    str
        Empty where the script is.

    Examples
    --------
    >>> command_of("#!/bin/sh\nlmp -in deck.in\n")
    'lmp -in deck.in'
    """
    lines = script.strip().splitlines()
    return lines[-1] if lines else ""


def motion_hash(script: str) -> str:
    """Hash of how a script makes atoms move: of its command without the bounds that end a run, which a verdict looks at anew.

    Parameters
    ----------
    script : str
        Content of a ``command.sh``.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> cold, hot = "lmp -var temperature 300 -var min_distance 1", "lmp -var temperature 400 -var min_distance 1"
    >>> motion_hash(cold) == motion_hash(cold.replace("distance 1", "distance 2")), motion_hash(cold) == motion_hash(hot)
    (True, False)
    """
    command = command_of(script)
    try:
        words = shlex.split(command)
    except ValueError:
        # Edited by hand: a command of its own.
        return content_hash(command)
    kept = []
    while words:
        if words[0] == "-var" and words[1:2] and words[1] in BOUNDS:
            words = words[3:]
        else:
            kept.append(words.pop(0))
    return content_hash(kept)


def started_with(directory: Path) -> str | None:
    """The script that made the trajectory and the table of a run.

    Parameters
    ----------
    directory : Path
        Folder of the run.

    Returns
    -------
    str or None
        None where there is neither trajectory nor table; empty where nothing says what made them. In folders of older versions,
        whose runs kept no copy, ``command.sh`` as it is.
    """
    if not any(next(directory.glob(name), None) for name in (*_any_piece(TABLE), *_any_piece(TRAJECTORY))):
        return None
    for name in (STARTED, COMMAND):
        if (directory / name).is_file():
            return (directory / name).read_text(errors="replace")
    return ""


def _any_piece(name: str) -> tuple[str, str]:
    stem, suffix = name.split(".")
    return name, f"{stem}.*.{suffix}"


def write_start_script(directory: Path, script: str) -> None:
    """Write ``command.sh``; a checkpoint of another command goes, since it is no place to go on from.

    Parameters
    ----------
    directory : Path
        Folder of the run.
    script : str
        From `start_script`.
    """
    made, file = started_with(directory), directory / COMMAND
    before = made if made is not None else file.read_text(errors="replace") if file.is_file() else script
    same = command_of(before) == command_of(script)
    if not same:
        (directory / CHECKPOINT).unlink(missing_ok=True)
    if made is not None:
        # Runs of older versions kept no copy, or one that differs in its other lines alone.
        _update(directory / STARTED, script if same else made)
    _update(file, script)


def _update(file: Path, content: str) -> None:
    if not file.is_file() or file.read_text(errors="replace") != content:
        write_text(file, content)
