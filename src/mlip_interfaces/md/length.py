"""What becomes of a run that is there when its study is edited: it is kept, extended, cut, gone on with, or made anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md.ending import DONE, is_over
from mlip_interfaces.md.health import HealthBounds, keeps_bounds
from mlip_interfaces.md.origin import Motion, differences, started_with
from mlip_interfaces.md.pieces import CHECKPOINT, END, START, TABLE, time_reached_ps
from mlip_interfaces.md.protocol import MDProtocol
from mlip_interfaces.units import FS_TO_PS

RunAction = Literal["kept", "cut", "extended", "continued", "made"]
"""From the cheapest to the dearest."""
_CHEAPEST_FIRST: tuple[RunAction, ...] = ("kept", "cut", "extended", "continued", "made")


@dataclass(frozen=True, slots=True)
class RunState:
    """What the files of a run are worth to a study.

    Attributes
    ----------
    action : {'kept', 'cut', 'extended', 'continued', 'made'}
        Finished; finished and longer than asked; finished and shorter; interrupted; or nothing of use.
    why : str
        As the end of a sentence; empty where nothing is to be said.
    n_steps : int
        Steps that are there and of use.
    taken : bool
        Whether there are files of another motion, or of no use, which must make room.
    """

    action: RunAction
    why: str = ""
    n_steps: int = 0
    taken: bool = False

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller for what costs less to finish."""
        return _CHEAPEST_FIRST.index(self.action), -self.n_steps


def state_of_run(directory: Path, script: str, protocol: MDProtocol, bounds: HealthBounds) -> RunState:
    """Compare what a folder holds with the script that a study asks for; files are only read.

    Parameters
    ----------
    directory : Path
        Folder of the run, there or not.
    script : str
        From `start_script`.
    protocol : MDProtocol
        That of the script.
    bounds : HealthBounds
        Those of the script.

    Returns
    -------
    RunState
        What is to be done.
    """
    made = started_with(directory)
    if made is None:
        return RunState("made")
    if found := differences(directory, script):
        return RunState("made", ", ".join(found), taken=True)
    n_steps = round(time_reached_ps(directory) / (protocol.timestep_fs * FS_TO_PS))
    if not is_over(directory):
        return _unfinished(directory, n_steps, protocol)
    if n_steps == protocol.n_steps:
        return RunState("kept", n_steps=n_steps)
    if n_steps > protocol.n_steps:
        return RunState("cut", f"{_ps(n_steps, protocol)} are there", n_steps)
    if (directory / DONE).read_text().strip() != "0":
        return RunState("kept", "its atoms flew apart", n_steps)
    n_asked_then = Motion.of(made).steps
    halted = n_asked_then is None or n_steps < n_asked_then
    if halted and not _within(directory, protocol, bounds):
        return RunState("kept", "a bound of `health` ended it", n_steps)
    if not _has_state(directory):
        return RunState("made", f"it kept no state at its end of {_ps(n_steps, protocol)} to go on from", taken=True)
    return RunState("extended", f"from {_ps(n_steps, protocol)}", n_steps)


def _unfinished(directory: Path, n_steps: int, protocol: MDProtocol) -> RunState:
    if n_steps > protocol.n_steps:
        return RunState("cut", f"{_ps(n_steps, protocol)} are there", n_steps)
    if (directory / CHECKPOINT).is_file() and not _has_state(directory):
        return RunState("made", f"{START} is missing, without which its checkpoint is of no use", taken=True)
    return RunState("continued", f"from {_ps(n_steps, protocol)}" if n_steps else "", n_steps)


def _has_state(directory: Path) -> bool:
    """Whether the deck can go on: older versions left another file, or none, beside their checkpoint."""
    state = any((directory / name).is_file() for name in (END, CHECKPOINT))
    return state and (directory / START).is_file()


def _within(directory: Path, protocol: MDProtocol, bounds: HealthBounds) -> bool:
    try:
        return keeps_bounds(directory / TABLE, target_kelvin=protocol.temperature_kelvin, bounds=bounds)
    except InputFileError:
        return False


def _ps(n_steps: int, protocol: MDProtocol) -> str:
    return f"{n_steps * protocol.timestep_fs * FS_TO_PS:g} ps"
