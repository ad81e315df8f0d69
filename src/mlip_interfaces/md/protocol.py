"""From a named protocol to the LAMMPS command that runs ``lammps_inputs/interface_md.in``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlip_interfaces.choices import CellFreedom
from mlip_interfaces.md.health import HealthBounds
from mlip_interfaces.units import FS_TO_PS

DECK = "interface_md.in"
CHECKPOINT_STEPS = 10_000
"""Minutes of a GPU, or a quarter of an hour of two CPU cores, for some thousands of atoms."""
BOUNDS = ("max_temperature", "density_change", "lateral_change", "min_distance")
"""Variables of the deck that end a run and do nothing else."""


@dataclass(frozen=True, slots=True)
class MDProtocol:
    """One MD run.

    Attributes
    ----------
    ensemble : {'npt', 'nvt'}
        Either ``npt`` (the cell changes as `cell` says) or ``nvt`` (it stays).
    cell : {'coupled_xy', 'fixed_xy', 'free'}
        With ``coupled_xy`` a and b scale together, under their mean pressure, and c alone; with ``fixed_xy`` c alone changes;
        with ``free`` each edge alone. Angles stay.
    temperature_kelvin : float, K
        Target temperature.
    pressure_bar : tuple of three float, bar
        Along x, y and z; x and y alike with ``coupled_xy``.
    time_ps, dump_interval_ps : float, ps
        Length and output interval.
    timestep_fs : float, fs
        Time step.
    seed : int
        Of the initial velocities.
    checkpoint_interval_ps : float or None, ps
        Time between two checkpoints; None for some ten thousand steps.
    deviation_interval_ps : float or None, ps
        Time between two looks at the committee's deviation; None for none.
    """

    ensemble: Literal["npt", "nvt"]
    cell: CellFreedom
    temperature_kelvin: float
    pressure_bar: tuple[float, float, float]
    time_ps: float
    timestep_fs: float
    dump_interval_ps: float
    seed: int
    checkpoint_interval_ps: float | None = None
    deviation_interval_ps: float | None = None

    @property
    def n_steps(self) -> int:
        """MD steps: a whole number of dump intervals."""
        return self.dump_every * max(1, round(self.time_ps / self.dump_interval_ps))

    @property
    def dump_every(self) -> int:
        """Steps between two frames."""
        return max(1, round(self.dump_interval_ps / (self.timestep_fs * FS_TO_PS)))

    @property
    def checkpoint_every(self) -> int:
        """Steps between two checkpoints, from which a killed run goes on: a whole number of dump intervals."""
        wanted = self.checkpoint_interval_ps
        n_steps = CHECKPOINT_STEPS if wanted is None else wanted / (self.timestep_fs * FS_TO_PS)
        return self.dump_every * max(1, round(n_steps / self.dump_every))

    @property
    def deviation_every(self) -> int:
        """Steps between two looks at the committee's deviation; 0 for none."""
        wanted = self.deviation_interval_ps
        return 0 if wanted is None else max(1, round(wanted / (self.timestep_fs * FS_TO_PS)))

    @property
    def frame_interval_ps(self) -> float:
        """Time between two frames, ps."""
        return self.dump_every * self.timestep_fs * FS_TO_PS


def md_command(
    protocol: MDProtocol,
    bounds: HealthBounds,
    *,
    deck: str,
    data: str,
    potential: str,
    elements: Sequence[str],
    committee: Sequence[str] = (),
) -> str:
    """Shell command that runs `protocol` with `deck`; it works by hand in the run's folder.

    Parameters
    ----------
    protocol : MDProtocol
        The run.
    bounds : HealthBounds
        Where it is stopped.
    deck : str
        LAMMPS input file.
    data : str
        LAMMPS data file.
    potential : str
        Model file.
    elements : sequence of str
        The type map.
    committee : sequence of str, optional
        Model files whose forces are compared with those of `potential`, where the protocol asks for it.

    Returns
    -------
    str
        One line.
    """
    variables: dict[str, str] = {
        "data": data,
        "potential": potential,
        "elements": " ".join(elements),
        "ensemble": protocol.ensemble,
        "cell": protocol.cell,
        "temperature": f"{protocol.temperature_kelvin:g}",
        "px": f"{protocol.pressure_bar[0]:g}",
        "py": f"{protocol.pressure_bar[1]:g}",
        "pz": f"{protocol.pressure_bar[2]:g}",
        "steps": str(protocol.n_steps),
        "timestep": f"{protocol.timestep_fs * FS_TO_PS:g}",
        "dump_every": str(protocol.dump_every),
        "checkpoint_every": str(protocol.checkpoint_every),
        "seed": str(protocol.seed),
        "max_temperature": f"{bounds.max_temperature_ratio * protocol.temperature_kelvin:g}",
        "density_change": f"{bounds.density_change:g}",
        "lateral_change": f"{bounds.lateral_change:g}",
        "min_distance": f"{bounds.min_distance_angstrom:g}",
    }
    if protocol.deviation_every:
        variables |= {"deviation_every": str(protocol.deviation_every), "committee": " ".join(committee)}
    words = ["lmp", "-log", "none", "-in", deck]
    for name, value in variables.items():
        words += ["-var", name, value]
    return shlex.join(words)
