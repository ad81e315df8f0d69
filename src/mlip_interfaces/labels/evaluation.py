"""What a teacher answers for one structure, and the judgement of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import JsonValue

from mlip_interfaces.labels.settings import LabelSettings

Cause = Literal["structure", "code", "timeout", "configuration"]
_MIN_VOLUME_ANGSTROM3 = 1e-3


class LabelFailure(Exception):
    """No usable answer for one structure; the message is the reason.

    Parameters
    ----------
    reason : str
        A sentence without its period.
    cause : {'structure', 'code', 'timeout', 'configuration'}, optional
        Kept as an attribute.

    Attributes
    ----------
    cause : {'structure', 'code', 'timeout', 'configuration'}
        ``structure`` (it, or its answer, is beyond the limits), ``code`` (the teacher failed on it), ``timeout``, or
        ``configuration`` (nothing could be labelled here: such a label is made again once the cause is cured).
    attempt : int
        The last attempt, from 1.
    """

    def __init__(self, reason: str, cause: Cause = "code") -> None:
        super().__init__(reason)
        self.cause: Cause = cause
        self.attempt = 1


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Energy, forces and virial of one structure.

    Attributes
    ----------
    energy_ev : float, eV
        The energy the forces are the gradient of (the free energy where the engine smears).
    forces_ev_per_angstrom : (n_atoms, 3) float array, eV/angstrom
        On each atom.
    virial_ev : (3, 3) float array, eV
        Minus volume times stress (tension positive).
    wall_seconds : float, s
        Time it took, all attempts together.
    code : str or None
        Name and version as the code printed them; None for an ASE calculator.
    cores : int
        Cores that it ran on.
    attempt : int
        The attempt that succeeded, from 1.
    safer_settings : mapping of str to JSON
        SCF settings that the second attempt changed.
    pseudopotentials : dict of str to dict of str to str
        By element, what identifies the file that was used.
    """

    energy_ev: float
    forces_ev_per_angstrom: NDArray[np.float64]
    virial_ev: NDArray[np.float64]
    wall_seconds: float
    code: str | None = None
    cores: int = 1
    attempt: int = 1
    safer_settings: Mapping[str, JsonValue] = field(default_factory=dict)
    pseudopotentials: dict[str, dict[str, str]] = field(default_factory=dict)


def judge_structure(atoms: Atoms, settings: LabelSettings) -> None:
    """Refuse a structure that no teacher should be given.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    settings : LabelSettings
        With the limits.

    Raises
    ------
    LabelFailure
        If it has values that are no numbers, no volume, or a contact below the limit.
    """
    from ase.neighborlist import neighbor_list

    if not (np.isfinite(atoms.positions).all() and np.isfinite(np.asarray(atoms.cell)).all()):
        raise LabelFailure("the structure's positions or cell are not finite numbers", "structure")
    if abs(atoms.cell.volume) < _MIN_VOLUME_ANGSTROM3:
        raise LabelFailure("the structure's cell has no volume", "structure")
    distances = neighbor_list("d", atoms, settings.min_distance_angstrom)
    if distances.size:
        raise LabelFailure(
            f"two atoms are {distances.min():.2f} angstrom apart, below {settings.min_distance_angstrom:g}", "structure"
        )


def judge_answer(
    energy_ev: float, forces: NDArray[np.float64], virial: NDArray[np.float64], n_atoms: int, settings: LabelSettings
) -> None:
    """Refuse numbers that must not become data.

    Parameters
    ----------
    energy_ev : float, eV
        Total energy.
    forces : (n_atoms, 3) float array, eV/angstrom
        On the atoms.
    virial : (3, 3) float array, eV
        Minus volume times stress.
    n_atoms : int
        Of the structure.
    settings : LabelSettings
        With the limits.

    Raises
    ------
    LabelFailure
        If they are not finite, of the wrong shape, or the force on an atom is over the limit.
    """
    if forces.shape != (n_atoms, 3) or virial.shape != (3, 3):
        raise LabelFailure(f"the forces have the shape {forces.shape} for {n_atoms} atoms")
    if not (np.isfinite(energy_ev) and np.isfinite(forces).all() and np.isfinite(virial).all()):
        raise LabelFailure("the teacher's energy, forces or virial are not finite numbers")
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > settings.max_force_ev_per_angstrom:
        raise LabelFailure(
            f"the largest force is {largest:.1f} eV/angstrom, over {settings.max_force_ev_per_angstrom:g}",
            "structure",
        )
