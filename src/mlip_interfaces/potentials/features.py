"""Atomic environments as a committee of Deep Potentials sees them: descriptors and force deviations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError

Floats = NDArray[np.float64]
_FRAMES_A_CALL = 64


@dataclass(frozen=True, slots=True)
class Environments:
    """Atoms of a sequence of frames, one after another.

    Attributes
    ----------
    frame : (n_atoms,) int array
        Frame of each atom, ascending.
    species : (n_atoms,) int array
        Element index of each atom.
    features : (n_atoms, n_features) float array
        Descriptor of each atom's surroundings; equal up to rounding for surroundings that differ by a translation, a
        rotation or an exchange of like atoms.
    deviation_ev_per_angstrom : (n_atoms,) float array, eV/angstrom
        Committee's standard deviation of the force on each atom.
    n_frames : int
        Number of frames, those without atoms included.
    """

    frame: NDArray[np.int64]
    species: NDArray[np.int64]
    features: Floats
    deviation_ev_per_angstrom: Floats
    n_frames: int

    def largest_deviation(self) -> Floats:
        """Largest deviation in each frame, eV/angstrom: what trust levels are compared with."""
        largest = np.zeros(self.n_frames)
        np.maximum.at(largest, self.frame, self.deviation_ev_per_angstrom)
        return largest


def force_deviation(forces_ev_per_angstrom: NDArray[np.floating]) -> Floats:
    """Standard deviation of the force on each atom over a committee.

    Parameters
    ----------
    forces_ev_per_angstrom : (n_members, ..., 3) float array, eV/angstrom
        Of each member on each atom.

    Returns
    -------
    (...) float array, eV/angstrom
        The root sqrt(<|F - <F>|^2>) over members (population variance, as LAMMPS and DP-GEN define it).

    Examples
    --------
    >>> force_deviation(np.array([[[0.0, 0.0, 1.0]], [[0.0, 0.0, 3.0]]]))
    array([1.])
    """
    forces = np.asarray(forces_ev_per_angstrom, dtype=np.float64)
    spread = forces - forces.mean(axis=0)
    result: Floats = np.sqrt((spread**2).sum(axis=-1).mean(axis=0))
    return result


def committee_environments(frames: Sequence[Atoms], models: Sequence[Path], *, deviations: bool = True) -> Environments:
    """Descriptors by the first member of a committee, force deviations by all.

    Parameters
    ----------
    frames : sequence of Atoms
        Periodic structures.
    models : sequence of Path
        Frozen or compressed Deep Potentials with one type map.
    deviations : bool, optional
        False leaves the deviations zero and needs the first model only.

    Returns
    -------
    Environments
        Of all frames.

    Raises
    ------
    InputFileError
        If a frame has an element that the models do not know.
    """
    from deepmd.infer import DeepPot

    groups: dict[tuple[str, ...], list[int]] = {}
    for number, atoms in enumerate(frames):
        groups.setdefault(tuple(atoms.get_chemical_symbols()), []).append(number)
    features: list[Floats] = [np.empty((0, 0))] * len(frames)
    species: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(frames)
    forces: list[list[Floats]] = [[] for _ in frames]
    for position, model in enumerate(models if deviations else models[:1]):
        potential = DeepPot(str(model))
        type_map = potential.get_type_map()
        for symbols, numbers in groups.items():
            unknown = sorted(set(symbols) - set(type_map))
            if unknown:
                raise InputFileError(f"{model} knows {', '.join(type_map)}, but a frame has {', '.join(unknown)}.")
            kinds = np.array([type_map.index(symbol) for symbol in symbols], dtype=np.int64)
            for start in range(0, len(numbers), _FRAMES_A_CALL):
                part = numbers[start : start + _FRAMES_A_CALL]
                coordinates = np.array([frames[number].positions for number in part])
                cells = np.array([frames[number].cell.array for number in part])
                if position == 0:
                    seen = np.asarray(potential.eval_descriptor(coordinates, cells, kinds), dtype=np.float64)
                    for number, values in zip(part, seen, strict=True):
                        features[number], species[number] = values.reshape(len(kinds), -1), kinds
                if deviations:
                    for number, values in zip(part, potential.eval(coordinates, cells, kinds)[1], strict=True):
                        forces[number].append(np.asarray(values, dtype=np.float64))
    n_atoms = [len(atoms) for atoms in frames]
    return Environments(
        frame=np.repeat(np.arange(len(frames)), n_atoms),
        species=np.concatenate(species) if frames else np.empty(0, dtype=np.int64),
        features=np.concatenate(features) if frames else np.empty((0, 0)),
        deviation_ev_per_angstrom=(
            np.concatenate([force_deviation(np.array(members)) for members in forces])
            if deviations and frames
            else np.zeros(sum(n_atoms))
        ),
        n_frames=len(frames),
    )


def scaled_features(parts: Sequence[Environments], *, n_components: int = 24) -> list[Floats]:
    """Principal components of the descriptors of each element, fitted to all parts together.

    Descriptors are clipped to their 0.5 and 99.5 % quantiles before the fit, so that a few exploded frames do not set
    the scale; two atoms of an element drawn at random are then sqrt(2) apart on average (root mean square).

    Parameters
    ----------
    parts : sequence of Environments
        Environments by one model.
    n_components : int, optional
        Components kept of each element.

    Returns
    -------
    list of (n_atoms, n_components) float array
        One array for each part.
    """
    scaled = [np.zeros((len(part.species), n_components)) for part in parts]
    kinds = np.unique(np.concatenate([part.species for part in parts]))
    for kind in kinds:
        values = np.concatenate([part.features[part.species == kind] for part in parts if len(part.species)])
        low, high = np.quantile(values, [0.005, 0.995], axis=0)
        clipped = np.clip(values, low, high)
        center = clipped.mean(axis=0)
        covariance = (clipped - center).T @ (clipped - center) / len(clipped)
        variances, axes = np.linalg.eigh(covariance)
        kept = min(n_components, len(variances))
        leading = axes[:, ::-1][:, :kept]
        scale = np.sqrt(max(float(variances[::-1][:kept].sum()), np.finfo(float).tiny))
        for part, target in zip(parts, scaled, strict=True):
            inside = part.species == kind
            if inside.any():
                target[inside, :kept] = (part.features[inside] - center) @ leading / scale
    return scaled
