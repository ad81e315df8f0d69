"""Relaxation of many structures of the same atoms at once, each by itself, without any package around the potential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.potentials.gates.contract import Evaluate, Floats

_FIRST_STEP, _LONGEST_STEP = 0.1, 1.0
_GROW, _SHRINK, _PATIENCE, _MIX, _MIX_SHRINK = 1.1, 0.5, 5, 0.1, 0.99
_LONGEST_MOVE_ANGSTROM = 0.15


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Structures after a relaxation.

    Attributes
    ----------
    positions : (n_frames, n_atoms, 3) float array, angstrom
        Where the atoms are.
    energies : (n_frames,) float array, eV
        Of each; not-a-number where the potential gave none on the way.
    forces : (n_frames, n_atoms, 3) float array, eV/angstrom
        On the atoms.
    """

    positions: Floats
    energies: Floats
    forces: Floats


def relax(
    evaluate: Evaluate,
    symbols: Sequence[str],
    positions: Floats,
    cells: Floats,
    *,
    n_steps: int,
    force_ev_per_angstrom: float = 0.05,
) -> Relaxed:
    """Atoms go downhill by FIRE [1]_ in a cell that stays, all frames side by side.

    Parameters
    ----------
    evaluate : callable
        The potential.
    symbols : sequence of str
        Element of each atom.
    positions : (n_frames, n_atoms, 3) float array, angstrom
        Start of each frame.
    cells : (n_frames, 3, 3) float array, angstrom
        Of each frame.
    n_steps : int
        Most steps; a capped relaxation is enough to see a collapse.
    force_ev_per_angstrom : float, eV/angstrom
        A frame is still when no force is larger.

    Returns
    -------
    Relaxed
        Frames that met no number stay where that was.

    References
    ----------
    .. [1] E. Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
    """
    places = np.array(positions, dtype=np.float64)
    energies, forces = evaluate(symbols, places, cells)
    n_frames = len(places)
    velocity = np.zeros_like(places)
    step, mix, patience = np.full(n_frames, _FIRST_STEP), np.full(n_frames, _MIX), np.zeros(n_frames, dtype=np.int64)
    for _ in range(n_steps):
        moving = _moves(energies, forces, force_ev_per_angstrom)
        if not moving.any():
            break
        pull = np.where(moving[:, None, None], forces, 0.0)
        downhill = np.einsum("fai,fai->f", pull, velocity) > 0.0
        length = np.linalg.norm(velocity.reshape(n_frames, -1), axis=1)
        size = np.linalg.norm(pull.reshape(n_frames, -1), axis=1)
        along = np.divide(length, size, out=np.zeros(n_frames), where=size > 0)
        mixed = (1 - mix)[:, None, None] * velocity + (mix * along)[:, None, None] * pull
        velocity = np.where(downhill[:, None, None], mixed, 0.0)
        patience = np.where(downhill, patience + 1, 0)
        grown = patience > _PATIENCE
        step = np.where(downhill, np.where(grown, np.minimum(step * _GROW, _LONGEST_STEP), step), step * _SHRINK)
        mix = np.where(downhill, np.where(grown, mix * _MIX_SHRINK, mix), _MIX)
        velocity += step[:, None, None] * pull
        move = step[:, None, None] * velocity
        longest = np.linalg.norm(move, axis=2).max(axis=1)
        move *= np.minimum(1.0, _LONGEST_MOVE_ANGSTROM / np.maximum(longest, 1e-12))[:, None, None]
        places[moving] += move[moving]
        energies[moving], forces[moving] = evaluate(symbols, places[moving], cells[moving])
    return Relaxed(places, energies, forces)


def _moves(energies: Floats, forces: Floats, force_ev_per_angstrom: float) -> NDArray[np.bool_]:
    """Frames that are numbers and not yet still."""
    finite = np.isfinite(energies) & np.isfinite(forces).all(axis=(1, 2))
    largest = np.nan_to_num(np.linalg.norm(forces, axis=2)).max(axis=1)
    moves: NDArray[np.bool_] = finite & (largest > force_ev_per_angstrom)
    return moves
