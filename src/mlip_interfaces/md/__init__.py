"""LAMMPS runs of interface models: the command of a protocol, and the verdict on a finished run."""

from mlip_interfaces.md.health import HealthBounds, RunVerdict, first_sick_line, judge_run
from mlip_interfaces.md.length import RunState, state_of_run
from mlip_interfaces.md.origin import (
    COMMAND,
    DATA,
    MODEL,
    STARTED,
    Motion,
    command_of,
    differences,
    start_script,
    started_with,
    write_start_script,
)
from mlip_interfaces.md.pieces import (
    CHECKPOINT,
    DEVIATIONS,
    END,
    OLDER_CHECKPOINT,
    START,
    TABLE,
    TRAJECTORY,
    copy_start,
    flaws_of_trajectory,
    join_pieces,
    time_reached_ps,
)
from mlip_interfaces.md.progress import RunProgress, progress_of_run
from mlip_interfaces.md.protocol import MDProtocol, md_command

__all__ = [
    "CHECKPOINT",
    "COMMAND",
    "DATA",
    "DEVIATIONS",
    "END",
    "MODEL",
    "OLDER_CHECKPOINT",
    "START",
    "STARTED",
    "TABLE",
    "TRAJECTORY",
    "HealthBounds",
    "MDProtocol",
    "Motion",
    "RunProgress",
    "RunState",
    "RunVerdict",
    "command_of",
    "copy_start",
    "differences",
    "first_sick_line",
    "flaws_of_trajectory",
    "join_pieces",
    "judge_run",
    "md_command",
    "progress_of_run",
    "start_script",
    "started_with",
    "state_of_run",
    "time_reached_ps",
    "write_start_script",
]
