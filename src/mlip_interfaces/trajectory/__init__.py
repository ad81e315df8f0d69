"""Frames from trajectory files, layer labels, unwrapping, frames of reference."""

from mlip_interfaces.trajectory.reader import Frames, Trajectory, TrajectoryReader, open_trajectory, read_trajectory
from mlip_interfaces.trajectory.reference_frame import center_of_mass_path, remove_drift
from mlip_interfaces.trajectory.unwrapping import SCHEMES, Scheme, unwrap

__all__ = [
    "SCHEMES",
    "Frames",
    "Scheme",
    "Trajectory",
    "TrajectoryReader",
    "center_of_mass_path",
    "open_trajectory",
    "read_trajectory",
    "remove_drift",
    "unwrap",
]
