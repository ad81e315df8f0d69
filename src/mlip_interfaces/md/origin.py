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
_CELL_LEFT_OUT = "free"
_CELL_OF_NVT = "coupled_xy"
"""Any will do; this one is what most scripts say."""

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


def variables_of(script: str) -> dict[str, str]:
    r"""What a script tells the deck.

    Parameters
    ----------
    script : str
        Content of a ``command.sh``.

    Returns
    -------
    dict of str to str
        Value of each ``-var`` by its name; empty where the command cannot be read.

    Examples
    --------
    >>> variables_of("#!/bin/sh\nlmp -in deck.in -var ensemble npt -var elements 'Li F'\n")
    {'ensemble': 'npt', 'elements': 'Li F'}
    """
    return {words[1]: words[2] for words in _options(script) or () if len(words) == 3}


def cell_of(script: str) -> str:
    """How the cell changes in the run of a script.

    Parameters
    ----------
    script : str
        Content of a ``command.sh``.

    Returns
    -------
    str
        Value of `cell`; in scripts of versions that did not write it each edge changed alone, as ``free`` says now.
    """
    return variables_of(script).get("cell", _CELL_LEFT_OUT)


def motion_hash(script: str) -> str:
    """Hash of how a script makes atoms move: of its command without the bounds that end a run, which a verdict looks at anew.

    Parameters
    ----------
    script : str
        Content of a ``command.sh``.

    Returns
    -------
    str
        64 hexadecimal digits. A script of a version that did not write `cell` has that of one that says ``free``; with ``nvt``,
        where the cell stays, `cell` counts for nothing.

    Examples
    --------
    >>> cold, hot = "lmp -var temperature 300 -var min_distance 1", "lmp -var temperature 400 -var min_distance 1"
    >>> motion_hash(cold) == motion_hash(cold.replace("distance 1", "distance 2")), motion_hash(cold) == motion_hash(hot)
    (True, False)
    """
    options = _options(script)
    if options is None:
        # Edited by hand: a command of its own.
        return content_hash(command_of(script))
    kept = []
    for words in options:
        name = words[1] if len(words) == 3 else ""
        if name in BOUNDS or name == "cell":
            continue
        kept += words
        if name == "ensemble":
            kept += ["-var", "cell", _CELL_OF_NVT if words[2] == "nvt" else cell_of(script)]
    return content_hash(kept)


def _options(script: str) -> list[list[str]] | None:
    """The words of a command, a ``-var`` with its name and its value together; None where a quote has no end."""
    try:
        words = shlex.split(command_of(script))
    except ValueError:
        return None
    options = []
    while words:
        n_words = 3 if words[0] == "-var" and len(words) > 2 else 1
        options.append(words[:n_words])
        words = words[n_words:]
    return options


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
