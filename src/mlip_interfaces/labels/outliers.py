"""Labels that look wrong: flagged with the reason, never deleted.

Robust z-scores: a deviation from the median over 1.4826 times the median absolute deviation, which for a normal
distribution is the standard deviation and which a few wrong labels cannot move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.labels.store import StoredLabel
from mlip_interfaces.units import EV_TO_MEV

Floats = NDArray[np.float64]
_MAD_TO_SIGMA = 1.4826
_N_LEAST = 8
"""Labels below which no spread is trusted."""
_LEAST_SPREAD = {"energy": 1e-3, "force": 1e-2, "virial": 1e-3}
"""Spreads below these (eV/atom, in the logarithm, eV/atom) are those of copies, not of a population."""


@dataclass(frozen=True, slots=True)
class LabelFlag:
    """One doubtful label.

    Attributes
    ----------
    label : str
        Name of the label.
    kind : str
        ``energy``, ``force``, ``virial``, ``near_duplicate`` or ``disagreement``.
    reason : str
        A sentence with the numbers.
    """

    label: str
    kind: str
    reason: str


def robust_z(values: Floats, *, floor: float = 0.0) -> Floats:
    """Robust z-scores; zero for fewer than eight values.

    Parameters
    ----------
    values : (n,) float array, any unit
        To be judged against each other.
    floor : float, optional
        Least spread, in the unit of `values`, for values that are nearly all equal.

    Returns
    -------
    (n,) float array
        Distances from the median in units of the spread.

    Examples
    --------
    >>> robust_z(np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 100])).round(2)[-1]
    np.float64(32.38)
    """
    if values.size < _N_LEAST:
        return np.zeros(values.shape)
    middle = np.median(values)
    spread = max(float(_MAD_TO_SIGMA * np.median(np.abs(values - middle))), floor)
    result: Floats = (values - middle) / spread if spread > 0 else np.zeros(values.shape)
    return result


def energy_residuals(counts: NDArray[np.integer], energies_ev: Floats, *, n_iterations: int = 50) -> Floats:
    """Energy per atom less a sum of one energy per element, by least absolute deviations.

    Least squares, weighted anew by the inverse residual, converges to least absolute deviations [1]_: wrong labels do not
    drag the fit with them.

    Parameters
    ----------
    counts : (n_labels, n_elements) int array
        Atoms of each element.
    energies_ev : (n_labels,) float array, eV
        Total energies.
    n_iterations : int, optional
        Rounds of reweighting.

    Returns
    -------
    (n_labels,) float array, eV/atom
        What the composition does not say.

    References
    ----------
    .. [1] P. W. Holland and R. E. Welsch, Commun. Stat. Theory Methods 6, 813 (1977).
    """
    n_atoms = counts.sum(axis=1)
    shares, per_atom = counts / n_atoms[:, None], energies_ev / n_atoms
    weights = np.ones(len(per_atom))
    residuals: Floats = per_atom
    for _ in range(n_iterations):
        root = np.sqrt(weights)
        element_energies = np.linalg.lstsq(shares * root[:, None], per_atom * root, rcond=None)[0]
        residuals = np.asarray(per_atom - shares @ element_energies)
        weights = 1.0 / np.maximum(np.abs(residuals), 1e-6)
    return residuals


def find_outliers(labels: Sequence[StoredLabel], *, threshold: float = 6.0) -> list[LabelFlag]:
    """Flags by energy, force and virial; each group of equal settings is judged by itself.

    Energies by their residual per atom against composition and the virial by its trace per atom, on both sides; the
    largest force component by its logarithm, upwards only. Where a system has at least eight labels they are compared
    with each other, else with all others of the same settings.

    Parameters
    ----------
    labels : sequence of StoredLabel
        Of any systems.
    threshold : float, optional
        Robust z-score above which a label is flagged.

    Returns
    -------
    list of LabelFlag
        A label may have several.
    """
    flags: list[LabelFlag] = []
    by_settings: dict[str, list[StoredLabel]] = defaultdict(list)
    for label in labels:
        by_settings[label.settings_hash].append(label)
    for group in by_settings.values():
        flags += _flags_of_group(group, threshold)
    return flags


def _flags_of_group(group: Sequence[StoredLabel], threshold: float) -> list[LabelFlag]:
    elements = sorted({symbol for label in group for symbol in label.symbols})
    counts = np.array([[label.symbols.count(element) for element in elements] for label in group])
    n_atoms = counts.sum(axis=1)
    residual = energy_residuals(counts, np.array([label.energy_ev for label in group]))
    force = np.array([np.abs(label.forces_ev_per_angstrom).max() for label in group])
    virial = np.array([np.trace(label.virial_ev) for label in group]) / 3 / n_atoms
    systems = np.array([label.system for label in group])
    flags = []
    for kind, values, signed, unit in (
        ("energy", residual, True, "eV/atom off the fit to composition"),
        ("force", np.log(np.maximum(force, 1e-6)), False, "eV/angstrom is the largest force component"),
        ("virial", virial, True, "eV/atom is a third of the virial's trace"),
    ):
        scores = _scores(values, systems, _LEAST_SPREAD[kind])
        for index in np.flatnonzero((np.abs(scores) if signed else scores) > threshold).tolist():
            shown = force[index] if kind == "force" else values[index]
            reason = f"{shown:.4g} {unit}, {abs(scores[index]):.1f} robust standard deviations from the median"
            flags.append(LabelFlag(group[index].name, kind, reason))
    return flags


def _scores(values: Floats, systems: NDArray[np.str_], floor: float) -> Floats:
    scores = robust_z(values, floor=floor)
    for system in np.unique(systems):
        inside = systems == system
        if inside.sum() >= _N_LEAST:
            scores[inside] = robust_z(values[inside], floor=floor)
    return scores


def find_near_duplicates(labels: Sequence[StoredLabel], *, distance_angstrom: float = 0.02) -> list[LabelFlag]:
    """Labels whose every atom lies within a distance of the same atom in an earlier label of the same settings.

    Atoms are compared in their order, across periodic boundaries and after the mean displacement is taken out; the
    lattice vectors must agree to the same distance. Near copies that differ in energy by over 1 meV/atom are flagged
    as a ``disagreement``: one of the two is wrong.

    Parameters
    ----------
    labels : sequence of StoredLabel
        Of any systems.
    distance_angstrom : float, angstrom, optional
        Largest displacement of a near duplicate.

    Returns
    -------
    list of LabelFlag
        On the later label of each pair.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[StoredLabel]] = defaultdict(list)
    for label in labels:
        groups[label.settings_hash, label.symbols].append(label)
    flags = []
    for group in groups.values():
        cells = np.array([label.cell_angstrom for label in group])
        positions = np.array([label.positions_angstrom for label in group])
        for index in range(1, len(group)):
            distances = _largest_displacements(positions[:index], positions[index], cells[:index], cells[index])
            nearest = int(distances.argmin())
            if distances[nearest] > distance_angstrom:
                continue
            apart = (group[index].energy_ev - group[nearest].energy_ev) / len(group[index].symbols) * EV_TO_MEV
            twin = f"{group[nearest].name}: no atom is over {distances[nearest]:.3g} angstrom away"
            if abs(apart) > 1.0:
                reason = f"differs by {apart:.3g} meV/atom from {twin}"
                flags.append(LabelFlag(group[index].name, "disagreement", reason))
            else:
                flags.append(LabelFlag(group[index].name, "near_duplicate", f"nearly the same as {twin}"))
    return flags


def _largest_displacements(others: Floats, positions: Floats, other_cells: Floats, cell: Floats) -> Floats:
    """Largest displacement to each of the other frames, angstrom; infinite where cells differ too much to compare."""
    fractional = (others - positions) @ np.linalg.inv(cell)
    # Relative to the first atom, so that a translation over the boundary does not tear the structure apart.
    fractional -= fractional[:, :1]
    fractional -= np.round(fractional)
    displacements = fractional @ cell
    displacements -= displacements.mean(axis=1, keepdims=True)
    moved = np.linalg.norm(displacements, axis=2).max(axis=1)
    strained = np.linalg.norm(other_cells - cell, axis=2).max(axis=1)
    result: Floats = np.maximum(moved, strained)
    return result
