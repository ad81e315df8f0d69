"""Where results come from: files by hash, frames, settings of the pass, command and versions."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.files import file_hash
from mlip_interfaces.version import __version__

LIBRARIES = ("numpy", "scipy", "numba", "ase", "MDAnalysis")
"""What reads trajectories and computes."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of the results of one pass.

    Attributes
    ----------
    trajectory : str
        The file, or what the trajectory in memory is.
    inputs : tuple of Path
        Files that were read: the trajectory, its topology, its layers.
    n_frames, n_atoms : int
        Analysed.
    time_start_ps, time_end_ps : float, ps
        First and last frame.
    unwrap, drift : str
        How paths are made continuous, and what is at rest.
    notes : tuple of str
        About the file and the settings.
    """

    trajectory: str
    inputs: tuple[Path, ...]
    n_frames: int
    n_atoms: int
    time_start_ps: float
    time_end_ps: float
    unwrap: str
    drift: str
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As result files have it; hashes are made now.

        Returns
        -------
        content : dict
            With the hash of every input and the versions of this package and its libraries.
        """
        return {
            "trajectory": self.trajectory,
            "n_frames": self.n_frames,
            "n_atoms": self.n_atoms,
            "time_start_ps": self.time_start_ps,
            "time_end_ps": self.time_end_ps,
            "unwrap": self.unwrap,
            "drift": self.drift,
            "notes": list(self.notes),
        } | made_of(self.inputs)

    def __str__(self) -> str:
        return (
            f"{self.trajectory}: {self.n_frames} frames of {self.n_atoms} atoms, {self.time_start_ps:g} to "
            f"{self.time_end_ps:g} ps; paths unwrapped by {self.unwrap}, at rest: {self.drift}"
        )


def made_of(inputs: Iterable[Path]) -> dict[str, object]:
    """What every result file says of where it comes from.

    Parameters
    ----------
    inputs : iterable of Path
        Files that were read.

    Returns
    -------
    dict
        Their hashes, the command, and the versions of this package and its libraries.
    """
    return {
        "inputs_sha256": {str(path): file_hash(path) for path in inputs},
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "mlip_interfaces_version": __version__,
        "versions": {"python": sys.version.split()[0]}
        | {library: importlib.metadata.version(library) for library in LIBRARIES},
    }
