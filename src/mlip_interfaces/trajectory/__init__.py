"""Frames from trajectory files, layer labels, frames of reference."""

from mlip_interfaces.trajectory.reader import Trajectory, read_trajectory
from mlip_interfaces.trajectory.reference_frame import remove_drift

__all__ = ["Trajectory", "read_trajectory", "remove_drift"]
