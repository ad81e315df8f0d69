"""LAMMPS runs of interface models: the command of a protocol, and the verdict on a finished run."""

from mlip_interfaces.md.health import HealthBounds, RunVerdict, judge_run
from mlip_interfaces.md.protocol import MDProtocol, md_command

__all__ = ["HealthBounds", "MDProtocol", "RunVerdict", "judge_run", "md_command"]
