"""Frames from trajectory files, layer labels, unwrapping, frames of reference."""

from mlip_interfaces.choices import SCHEMES, Scheme
from mlip_interfaces.trajectory.reader import (
    Frames,
    Trajectory,
    TrajectoryReader,
    open_trajectory,
    read_trajectory,
    trajectory_of_arrays,
)
from mlip_interfaces.trajectory.reference_frame import center_of_mass_path, remove_drift
from mlip_interfaces.trajectory.unwrapping import unwrap

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
    "trajectory_of_arrays",
    "unwrap",
]
