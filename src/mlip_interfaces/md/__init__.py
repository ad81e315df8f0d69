"""LAMMPS runs of interface models: the command of a protocol, and the verdict on a finished run."""

from mlip_interfaces.md.health import HealthBounds, RunVerdict, judge_run
from mlip_interfaces.md.pieces import CHECKPOINT, TABLE, TRAJECTORY, join_pieces, time_reached_ps
from mlip_interfaces.md.protocol import MDProtocol, md_command

__all__ = [
    "CHECKPOINT",
    "TABLE",
    "TRAJECTORY",
    "HealthBounds",
    "MDProtocol",
    "RunVerdict",
    "join_pieces",
    "judge_run",
    "md_command",
    "time_reached_ps",
]
