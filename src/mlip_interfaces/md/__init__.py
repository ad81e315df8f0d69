"""LAMMPS runs of interface models: the command of a protocol, and the verdict on a finished run."""

from mlip_interfaces.md.health import HealthBounds, RunVerdict, judge_run
from mlip_interfaces.md.origin import (
    COMMAND,
    STARTED,
    cell_of,
    command_of,
    motion_hash,
    start_script,
    started_with,
    variables_of,
    write_start_script,
)
from mlip_interfaces.md.pieces import CHECKPOINT, TABLE, TRAJECTORY, flaws_of_trajectory, join_pieces, time_reached_ps
from mlip_interfaces.md.protocol import MDProtocol, md_command

__all__ = [
    "CHECKPOINT",
    "COMMAND",
    "STARTED",
    "TABLE",
    "TRAJECTORY",
    "HealthBounds",
    "MDProtocol",
    "RunVerdict",
    "cell_of",
    "command_of",
    "flaws_of_trajectory",
    "join_pieces",
    "judge_run",
    "md_command",
    "motion_hash",
    "start_script",
    "started_with",
    "time_reached_ps",
    "variables_of",
    "write_start_script",
]
