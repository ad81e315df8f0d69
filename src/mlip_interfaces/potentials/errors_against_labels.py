"""Errors of a potential against labels: for the whole, per system, per layer and per element; a systematic offset apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.running_blocks import error_of_mean
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import read_arrays, write_arrays
from mlip_interfaces.units import BAR_TO_GPA, EV_PER_ANGSTROM3_TO_BAR, EV_TO_MEV

Floats = NDArray[np.float64]


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
    symbols : (n_atoms,) str array or None
        Element of each atom.
    volume_angstrom3 : (n_frames,) float array or None, angstrom^3
        Of the cells.
    virial_reference_ev, virial_model_ev : (n_frames, 3, 3) float array or None, eV
        Minus volume times stress; None where the labels have none.
    deviation_ev_per_angstrom : (n_frames,) float array or None, eV/angstrom
        Largest force deviation of a committee; None where none was asked.
    """

    system: str
    energy_reference_ev: Floats
    energy_model_ev: Floats
    force_reference_ev_per_angstrom: Floats
    force_model_ev_per_angstrom: Floats
    symbols: NDArray[np.str_] | None = None
    volume_angstrom3: Floats | None = None
    virial_reference_ev: Floats | None = None
    virial_model_ev: Floats | None = None
    deviation_ev_per_angstrom: Floats | None = None

    @property
    def n_atoms(self) -> int:
        """Atoms of a frame."""
        return int(self.force_reference_ev_per_angstrom.shape[1])

    @property
    def energy_error_mev_per_atom(self) -> Floats:
        """Model less label of each frame, (n_frames,), meV/atom."""
        return np.asarray((self.energy_model_ev - self.energy_reference_ev) / self.n_atoms * EV_TO_MEV)

    @property
    def virial_error_ev(self) -> Floats | None:
        """Model less label of each frame, (n_frames, 3, 3), eV; None without virials."""
        if self.virial_model_ev is None or self.virial_reference_ev is None:
            return None
        return self.virial_model_ev - self.virial_reference_ev

    @property
    def max_force_error_ev_per_angstrom(self) -> Floats:
        """Largest error of the force on an atom in each frame, (n_frames,), eV/angstrom."""
        difference = self.force_model_ev_per_angstrom - self.force_reference_ev_per_angstrom
        return np.asarray(np.sqrt((difference**2).sum(axis=-1)).max(axis=-1))


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Root mean squared errors, and mean absolute ones.

    Attributes
    ----------
    n_frames, n_atoms : int
        Frames, and atoms over all frames.
    energy_rmse_mev_per_atom, energy_mae_mev_per_atom : float, meV/atom
        Every frame counts once.
    force_rmse_mev_per_angstrom, force_mae_mev_per_angstrom : float, meV/angstrom
        Over all Cartesian components.
    virial_rmse_mev_per_atom, virial_mae_mev_per_atom : float or None, meV/atom
        Over all nine components of the virial per atom; None where the labels have none.
    stress_rmse_gpa : float or None, GPa
        The same of the stress.
    pressure_mean_error_gpa : float or None, GPa
        Pressure of the model less that of the labels, mean over the frames.
    """

    n_frames: int
    n_atoms: int
    energy_rmse_mev_per_atom: float
    force_rmse_mev_per_angstrom: float
    energy_mae_mev_per_atom: float
    force_mae_mev_per_angstrom: float
    virial_rmse_mev_per_atom: float | None = None
    virial_mae_mev_per_atom: float | None = None
    stress_rmse_gpa: float | None = None
    pressure_mean_error_gpa: float | None = None


@dataclass(frozen=True, slots=True)
class SignedErrors:
    """Energy errors with their sign.

    Attributes
    ----------
    n_frames : int
        How many.
    mean_mev_per_atom, standard_error_mev_per_atom : float, meV/atom
        Mean of model less label, and its standard error from parts of the series, for neighbours in time err alike.
    rmse_without_mev_per_atom : float, meV/atom
        What is left where the mean is taken off.
    lowest_mev_per_atom, highest_mev_per_atom : float, meV/atom
        The ends.
    """

    n_frames: int
    mean_mev_per_atom: float
    standard_error_mev_per_atom: float
    rmse_without_mev_per_atom: float
    lowest_mev_per_atom: float
    highest_mev_per_atom: float


_FIELDS = (
    "energy_reference_ev",
    "energy_model_ev",
    "force_reference_ev_per_angstrom",
    "force_model_ev_per_angstrom",
)
_OPTIONAL = ("symbols", "volume_angstrom3", "virial_reference_ev", "virial_model_ev", "deviation_ev_per_angstrom")
"""What older files lack, and labels without virials."""


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
    >>> errors = label_errors([Predictions("x", np.array([1.0]), np.array([1.2]), zero, zero + 0.1)])
    >>> errors.energy_rmse_mev_per_atom, errors.force_rmse_mev_per_angstrom
    (100.0, 100.0)
    """
    energy = np.concatenate([p.energy_error_mev_per_atom for p in predictions])
    force = EV_TO_MEV * np.concatenate(
        [(p.force_model_ev_per_angstrom - p.force_reference_ev_per_angstrom).ravel() for p in predictions]
    )
    of_virials = [(p, error) for p in predictions if (error := p.virial_error_ev) is not None]
    virial = [(error / p.n_atoms).ravel() * EV_TO_MEV for p, error in of_virials]
    stress = [
        -error / p.volume_angstrom3[:, None, None] * (EV_PER_ANGSTROM3_TO_BAR * BAR_TO_GPA)
        for p, error in of_virials
        if p.volume_angstrom3 is not None
    ]
    return LabelErrors(
        n_frames=energy.size,
        n_atoms=force.size // 3,
        energy_rmse_mev_per_atom=_rmse(energy),
        force_rmse_mev_per_angstrom=_rmse(force),
        energy_mae_mev_per_atom=_mae(energy),
        force_mae_mev_per_angstrom=_mae(force),
        virial_rmse_mev_per_atom=_rmse(np.concatenate(virial)) if virial else None,
        virial_mae_mev_per_atom=_mae(np.concatenate(virial)) if virial else None,
        stress_rmse_gpa=_rmse(np.concatenate([part.ravel() for part in stress])) if stress else None,
        pressure_mean_error_gpa=(
            round(float(-np.concatenate([part.trace(axis1=1, axis2=2) / 3 for part in stress]).mean()), 6)
            if stress
            else None
        ),
    )


def _rmse(errors: Floats) -> float:
    return round(float(np.sqrt(np.mean(errors**2))), 6)


def _mae(errors: Floats) -> float:
    return round(float(np.mean(np.abs(errors))), 6)


def signed_errors(energy_errors_mev_per_atom: Floats) -> SignedErrors:
    """Split energy errors into what all have in common and the rest.

    Parameters
    ----------
    energy_errors_mev_per_atom : (n_frames,) float array, meV/atom
        Model less label, in order of time.

    Returns
    -------
    SignedErrors
        The squares of `mean` and `rmse_without` add up to that of the RMSE.

    Examples
    --------
    >>> found = signed_errors(np.array([41.0, 43.0, 45.0]))
    >>> found.mean_mev_per_atom, round(found.rmse_without_mev_per_atom, 3)
    (43.0, 1.633)
    """
    errors = energy_errors_mev_per_atom
    mean, standard_error = float(errors.mean()), error_of_mean(errors)
    numbers = (mean, standard_error, float(errors.std()), float(errors.min()), float(errors.max()))
    return SignedErrors(errors.size, *(round(value, 6) for value in numbers))


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
    return _force_rmse(predictions, [np.asarray(layers[prediction.system]) for prediction in predictions])


def element_force_rmse(predictions: Sequence[Predictions]) -> dict[str, tuple[float, int]]:
    """Force error of the atoms of each element.

    Parameters
    ----------
    predictions : sequence of Predictions
        One per system; one that does not know its elements is left out.

    Returns
    -------
    dict of str to tuple of (float, int)
        RMSE in meV/angstrom and number of atoms over all frames, of each element.
    """
    known = [prediction for prediction in predictions if prediction.symbols is not None]
    return _force_rmse(known, [np.asarray(prediction.symbols) for prediction in known])


def _force_rmse(predictions: Sequence[Predictions], kinds: Sequence[NDArray[np.str_]]) -> dict[str, tuple[float, int]]:
    """Force error of each kind of atoms, by the kinds of the atoms of each system."""
    squares: dict[str, list[Floats]] = {}
    for prediction, names in zip(predictions, kinds, strict=True):
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
    arrays = {
        f"{p.system}/{field}": getattr(p, field)
        for p in predictions
        for field in (*_FIELDS, *_OPTIONAL)
        if getattr(p, field) is not None
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
        return [
            Predictions(
                system,
                *(arrays[f"{system}/{field}"] for field in _FIELDS),
                *(arrays.get(f"{system}/{field}") for field in _OPTIONAL),
            )
            for system in systems
        ]
    except KeyError as error:
        raise InputFileError(f"{file} lacks {error}; delete it and run its stage again.") from error
