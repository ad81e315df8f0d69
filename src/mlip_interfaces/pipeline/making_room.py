"""Room for a run as an edited study asks for it: what is there goes on, is cut, or is set aside, and may come back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import write_text
from mlip_interfaces.jobs import worker_in
from mlip_interfaces.md import (
    CHECKPOINT,
    COMMAND,
    END,
    STARTED,
    HealthBounds,
    MDProtocol,
    Motion,
    RunState,
    copy_start,
    join_pieces,
    started_with,
    state_of_run,
)
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.run.aside import Aside, aside_of, bring_back, set_aside


@dataclass(frozen=True, slots=True)
class BestSource:
    """Where the work on a run begins.

    Attributes
    ----------
    state : RunState
        What is to be done.
    aside : Aside or None
        What was set aside and serves better than what is in the run's folder; None where that is best.
    taken : bool
        Whether the run's folder must make room.
    """

    state: RunState
    aside: Aside | None
    taken: bool

    @property
    def is_all(self) -> bool:
        """Whether the run is there, as it is asked for."""
        return self.state.action == "kept" and self.aside is None


def best_source(root: Path, directory: Path, script: str, protocol: MDProtocol, bounds: HealthBounds) -> BestSource:
    """Look where the work on a run begins; files are only read.

    Parameters
    ----------
    root : Path
        The run folder.
    directory : Path
        The run's own, there or not.
    script : str
        That the study asks for.
    protocol : MDProtocol
        That of the script.
    bounds : HealthBounds
        Those of the script.

    Returns
    -------
    BestSource
        What costs least.
    """
    here = state_of_run(directory, script, protocol, bounds)
    best, source = here, None
    if here.action not in ("kept", "cut"):
        for aside in aside_of(root, directory):
            there = state_of_run(aside.folder, script, protocol, bounds)
            if there.action != "made" and there.rank < best.rank:
                best, source = there, aside
    has_files = started_with(directory) is not None
    return BestSource(best, source, taken=has_files and (source is not None or here.taken or here.action == "cut"))


def make_room(root: Path, directory: Path, script: str, protocol: MDProtocol, bounds: HealthBounds) -> None:
    """Bring the folder of a run into the state from which its script leads to what the study asks for; loses nothing.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.
    directory : Path
        The run's own, there or not.
    script : str
        That the study asks for.
    protocol : MDProtocol
        That of the script.
    bounds : HealthBounds
        Those of the script.

    Raises
    ------
    InputFileError
        If a trajectory that is to be cut has not the frames that its table promises.
    UnfinishedError
        If a process works in a folder that must make room.
    """
    best = best_source(root, directory, script, protocol, bounds)
    if best.taken and (holder := worker_in(directory)):
        raise UnfinishedError(
            f"{directory} is to make room for what the study asks for now ({best.state.why or best.state.action}), but {holder} works "
            "in it. Wait for its end, or end it with `mlip-interfaces stop`."
        )
    if best.state.action == "cut":
        _cut(root, directory, script, protocol, best.aside)
        return
    if best.taken:
        set_aside(root, directory, _made_of(directory))
    if best.aside is not None:
        bring_back(root, best.aside)
    if best.state.action == "extended":
        reopen(directory)


def _cut(root: Path, directory: Path, script: str, protocol: MDProtocol, aside: Aside | None) -> None:
    """A run of the first frames of a longer one, which is set aside whole."""
    source = aside.folder if aside is not None else directory
    join_pieces(source)
    if started_with(directory) is not None:
        moved = set_aside(root, directory, _made_of(directory))
        source = moved.folder if aside is None and moved is not None else source
    directory.mkdir(parents=True, exist_ok=True)
    copy_start(source, directory, protocol.n_steps // protocol.dump_every + 1)
    for name in (COMMAND, STARTED):
        write_text(directory / name, script)
    write_text(directory / DONE, "0\n")


def reopen(directory: Path) -> None:
    """A finished run goes on from its last state; killed in between, the same is done again.

    Parameters
    ----------
    directory : Path
        Of the run, with that state.
    """
    if not (directory / CHECKPOINT).is_file():
        (directory / END).replace(directory / CHECKPOINT)
    (directory / DONE).unlink()


def _made_of(directory: Path) -> str:
    return Motion.of(started_with(directory) or "").hash
