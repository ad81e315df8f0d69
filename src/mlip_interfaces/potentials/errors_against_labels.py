"""Errors of a potential against labels: for the whole, per system and per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_arrays, write_arrays
from mlip_interfaces.units import EV_TO_MEV


@dataclass(frozen=True, slots=True)
class Predictions:
    """Reference and model values for one system of equal composition.

    Attributes
    ----------
    system : str
        Its name.
    energy_reference_ev, energy_model_ev : (n_frames,) float array, eV
        Total energies.
    force_reference_ev_per_angstrom, force_model_ev_per_angstrom : (n_frames, n_atoms, 3) float array, eV/angstrom
        Forces on the atoms.
    """

    system: str
    energy_reference_ev: NDArray[np.float64]
    energy_model_ev: NDArray[np.float64]
    force_reference_ev_per_angstrom: NDArray[np.float64]
    force_model_ev_per_angstrom: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Root mean squared errors.

    Attributes
    ----------
    n_frames, n_atoms : int
        Frames, and atoms over all frames.
    energy_rmse_mev_per_atom : float, meV/atom
        Every frame counts once.
    force_rmse_mev_per_angstrom : float, meV/angstrom
        Over all Cartesian components.
    """

    n_frames: int
    n_atoms: int
    energy_rmse_mev_per_atom: float
    force_rmse_mev_per_angstrom: float


_FIELDS = (
    "energy_reference_ev",
    "energy_model_ev",
    "force_reference_ev_per_angstrom",
    "force_model_ev_per_angstrom",
)


def label_errors(predictions: Sequence[Predictions]) -> LabelErrors:
    """Errors over all systems together.

    Parameters
    ----------
    predictions : sequence of Predictions
        One per system.

    Returns
    -------
    LabelErrors
        Every frame and every atom counts once.

    Examples
    --------
    >>> zero = np.zeros((1, 2, 3))
    >>> label_errors([Predictions("x", np.array([1.0]), np.array([1.2]), zero, zero + 0.1)])
    LabelErrors(n_frames=1, n_atoms=2, energy_rmse_mev_per_atom=100.0, force_rmse_mev_per_angstrom=100.0)
    """
    energy = np.concatenate(
        [(p.energy_model_ev - p.energy_reference_ev) / p.force_reference_ev_per_angstrom.shape[1] for p in predictions]
    )
    force = np.concatenate(
        [(p.force_model_ev_per_angstrom - p.force_reference_ev_per_angstrom).ravel() for p in predictions]
    )
    return LabelErrors(
        n_frames=energy.size,
        n_atoms=force.size // 3,
        energy_rmse_mev_per_atom=round(float(np.sqrt(np.mean(energy**2))) * EV_TO_MEV, 6),
        force_rmse_mev_per_angstrom=round(float(np.sqrt(np.mean(force**2))) * EV_TO_MEV, 6),
    )


def layer_force_rmse(
    predictions: Sequence[Predictions], layers: Mapping[str, Sequence[str]]
) -> dict[str, tuple[float, int]]:
    """Force error of the atoms of each layer.

    Parameters
    ----------
    predictions : sequence of Predictions
        One per system.
    layers : mapping of str to sequence of str
        Layer name of each atom, per system.

    Returns
    -------
    dict of str to tuple of (float, int)
        RMSE in meV/angstrom and number of atoms over all frames, of each layer.
    """
    squares: dict[str, list[NDArray[np.float64]]] = {}
    for prediction in predictions:
        names = np.asarray(layers[prediction.system])
        difference = prediction.force_model_ev_per_angstrom - prediction.force_reference_ev_per_angstrom
        for name in np.unique(names):
            squares.setdefault(str(name), []).append((difference[:, names == name] ** 2).ravel())
    errors = {}
    for name, parts in squares.items():
        values = np.concatenate(parts)
        errors[name] = (round(float(np.sqrt(values.mean())) * EV_TO_MEV, 6), values.size // 3)
    return errors


def save_predictions(file: Path, predictions: Sequence[Predictions]) -> None:
    """Write predictions as one compressed ``.npz``.

    Parameters
    ----------
    file : Path
        Replaced if it exists.
    predictions : sequence of Predictions
        One per system.
    """
    arrays: dict[str, NDArray[np.float64]] = {
        f"{p.system}/{field}": getattr(p, field) for p in predictions for field in _FIELDS
    }
    write_arrays(file, arrays)


def load_predictions(file: Path) -> list[Predictions]:
    """Read what `save_predictions` wrote.

    Parameters
    ----------
    file : Path
        As `save_predictions` wrote it.

    Returns
    -------
    list of Predictions
        In the same order.
    """
    arrays = read_arrays(file)
    systems = sorted({name.rsplit("/", 1)[0] for name in arrays})
    try:
        return [Predictions(system, *(arrays[f"{system}/{field}"] for field in _FIELDS)) for system in systems]
    except KeyError as error:
        raise InputFileError(f"{file} lacks {error}; delete it and run its stage again.") from error
