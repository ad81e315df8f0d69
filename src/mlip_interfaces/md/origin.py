"""Which command and which files made the trajectory of a run: the run itself keeps a copy of the script that started it.

A script is written anew whenever the study is edited; the files beside it are those of the last one that was started.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mlip_interfaces.files import content_hash, file_hash, write_text
from mlip_interfaces.md.pieces import CHECKPOINT, TABLE, TRAJECTORY
from mlip_interfaces.md.protocol import BOUNDS

COMMAND = "command.sh"
STARTED = "started.sh"
"""Copy of the script that started the run last."""
LENGTH = ("steps", "checkpoint_every")
"""Variables of the deck that say how far a run goes and how often it is kept, not how atoms move."""
WATCHED = ("deviation_every", "committee")
"""Variables of the deck for what is asked beside the model, which alone moves the atoms."""
_BEFORE_IT_WAS_A_VARIABLE = {"cell": "free"}
"""What decks of older versions did, whose commands lack the variable."""
MODEL = "interface model"
"""What the data file of a run is called among that which the run was made of."""
DATA = "model.data"

# What `command.sh` leaves of an earlier command is not gone on from, and not taken for its own where LAMMPS cannot start.
_BEGIN = (
    f'if [ -f {STARTED} ] && [ "$(cat {STARTED})" != "$(cat {COMMAND})" ]; then '
    f"rm -f {CHECKPOINT} traj.dcd traj.*.dcd thermo.csv thermo.*.csv log.lammps; fi\n"
    f"cp {COMMAND} {STARTED} || exit 126"
)
_MADE_OF = "# Made of {name}, SHA-256 {sha256}"
_MADE_OF_LINE = re.compile(r"^# Made of (?P<name>.+), SHA-256 (?P<sha256>[0-9a-f]{64})$", flags=re.MULTILINE)


def start_script(command: str, made_of: Mapping[str, str]) -> str:
    """Content of ``command.sh``: it removes what another command left, keeps a copy of itself, and starts LAMMPS.

    Parameters
    ----------
    command : str
        From `md_command`, one line.
    made_of : mapping of str to str
        SHA-256 of what it reads, by what that is: `MODEL`, and others.

    Returns
    -------
    str
        A script for ``sh``.
    """
    lines = [_MADE_OF.format(name=name, sha256=sha256) for name, sha256 in made_of.items()]
    return "\n".join(["#!/bin/sh", *lines, _BEGIN, command]) + "\n"


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


@dataclass(frozen=True, slots=True)
class Motion:
    """How a script makes atoms move.

    Attributes
    ----------
    words : tuple of str
        Of the command, without its variables.
    variables : mapping of str to str
        Of the deck, without those that end a run and those of its length.
    made_of : mapping of str to str
        SHA-256 of what is read, by what that is; empty in scripts of older versions.
    steps : int or None
        Length of the run; None in a command edited by hand beyond recognition.
    """

    words: tuple[str, ...]
    variables: Mapping[str, str]
    made_of: Mapping[str, str]
    steps: int | None

    @classmethod
    def of(cls, script: str) -> Motion:
        r"""Read a script.

        Parameters
        ----------
        script : str
            Content of a ``command.sh``, of any version.

        Returns
        -------
        Motion
            Whatever can be recognised.

        Examples
        --------
        >>> Motion.of("lmp -in deck.in -var temperature 300 -var steps 1000 -var min_distance 1\n").variables
        {'cell': 'free', 'temperature': '300'}
        """
        command, made_of = command_of(script), {line["name"]: line["sha256"] for line in _MADE_OF_LINE.finditer(script)}
        try:
            words = shlex.split(command)
        except ValueError:
            # Edited by hand: a command of its own.
            return cls((command,), {}, made_of, None)
        kept, variables = [], dict(_BEFORE_IT_WAS_A_VARIABLE)
        while words:
            if words[0] == "-var" and len(words) > 2:
                variables[words[1]] = words[2]
                words = words[3:]
            else:
                kept.append(words.pop(0))
        steps = variables.get("steps", "")
        if variables.get("ensemble") == "nvt":
            # The cell stays, whatever this says.
            del variables["cell"]
        moving = {name: value for name, value in variables.items() if name not in (*BOUNDS, *LENGTH, *WATCHED)}
        return cls(tuple(kept), moving, made_of, int(steps) if steps.isdigit() else None)

    def differs_from(self, other: Motion) -> tuple[str, ...]:
        """What is otherwise in another script, each as in ``temperature 300 for 400``; nothing where atoms move alike.

        Parameters
        ----------
        other : Motion
            Of a script. What an older version did not say it was made of is no difference.

        Returns
        -------
        tuple of str
            The other's value comes second.
        """
        found = ["the command"] if self.words != other.words else []
        for name in dict.fromkeys((*self.variables, *other.variables)):
            mine, theirs = self.variables.get(name, "nothing"), other.variables.get(name, "nothing")
            if mine != theirs:
                found.append(f"{name} {mine} for {theirs}")
        known = [name for name in self.made_of if name in other.made_of]
        return (*found, *(f"another {name}" for name in known if self.made_of[name] != other.made_of[name]))

    @property
    def hash(self) -> str:
        """64 hexadecimal digits, the same for every length and every bound of a run."""
        return content_hash([self.words, dict(sorted(self.variables.items())), dict(sorted(self.made_of.items()))])


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
    return _script_there(directory)


def differences(directory: Path, script: str) -> tuple[str, ...]:
    """Why the files of a run are not those that a script makes.

    Parameters
    ----------
    directory : Path
        Folder of the run, there or not.
    script : str
        From `start_script`.

    Returns
    -------
    tuple of str
        As of `Motion.differs_from`; empty where the files are the script's, or there are none.
    """
    made = started_with(directory)
    if made is None:
        return ()
    if not made:
        return (f"{STARTED}, which says what made the files, is missing",)
    asked, there = Motion.of(script), Motion.of(made)
    data = directory / DATA
    if not there.made_of and MODEL in asked.made_of and data.is_file():
        # An older version kept the file and not its hash.
        there = replace(there, made_of={MODEL: file_hash(data)})
    return asked.differs_from(there)


def _script_there(directory: Path) -> str:
    for name in (STARTED, COMMAND):
        if (directory / name).is_file():
            return (directory / name).read_text(errors="replace")
    return ""


def _any_piece(name: str) -> tuple[str, str]:
    stem, suffix = name.split(".")
    return name, f"{stem}.*.{suffix}"


def write_start_script(directory: Path, script: str) -> None:
    """Write ``command.sh``; what is there of the same motion is the new script's own, and goes on.

    Parameters
    ----------
    directory : Path
        Folder of the run; what it holds was made by a script that moves atoms alike, or it holds nothing.
    script : str
        From `start_script`.
    """
    made = started_with(directory)
    if made is not None:
        # It may be of another length, or of an older version that wrote other lines.
        _update(directory / STARTED, script)
    elif Motion.of(script).differs_from(Motion.of(_script_there(directory) or script)):
        # A checkpoint alone, of another motion, is no place to go on from.
        (directory / CHECKPOINT).unlink(missing_ok=True)
    _update(directory / COMMAND, script)


def _update(file: Path, content: str) -> None:
    if not file.is_file() or file.read_text(errors="replace") != content:
        write_text(file, content)
