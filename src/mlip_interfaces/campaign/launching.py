"""How DP-GEN is started: the command line of `dpgen_launcher`, which runs in a process of its own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

LAUNCHER = "mlip_interfaces.campaign.dpgen_launcher"


class LauncherOptions(BaseModel):
    """What the launcher is asked for.

    Attributes
    ----------
    until_iteration, until_step : int
        The last step (0 to 8) to run.
    poll_seconds : float, s
        Time between two looks at the jobs.
    seed : int
        The study's.
    selection : {"diverse", "random"}
        How candidates are chosen for labelling.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    until_iteration: int
    until_step: int
    poll_seconds: float
    seed: int
    selection: Literal["diverse", "random"]


def launcher_command(param: str, machine: str, options: LauncherOptions) -> list[str]:
    """Argument vector that runs DP-GEN in the campaign's folder.

    Parameters
    ----------
    param, machine : str
        DP-GEN's two files.
    options : LauncherOptions
        How far, and how.

    Returns
    -------
    list of str
        Program first.
    """
    return ["python", "-m", LAUNCHER, param, machine, options.model_dump_json()]
