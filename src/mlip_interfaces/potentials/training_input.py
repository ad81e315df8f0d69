"""The DeePMD-kit training input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pydantic import JsonValue

from mlip_interfaces.potentials.model_section import DescriptorSizes, ShortRangeBlend, model_section, short_range_keys


@dataclass(frozen=True, slots=True)
class LossPrefactors:
    """Weights of the loss at the start and at the end of a training.

    Attributes
    ----------
    energy, force, virial : tuple of float
        DeePMD's ``start_pref`` and ``limit_pref``; the defaults go from the forces first to a balance at the end.
    force_shift_ev_per_angstrom : float or None, eV/angstrom
        If given, the error of a force F counts by ``shift / (|F| + shift)``: like others where forces are small against it.
    """

    energy: tuple[float, float] = (0.02, 1.0)
    force: tuple[float, float] = (1000.0, 1.0)
    virial: tuple[float, float] = (0.02, 1.0)
    force_shift_ev_per_angstrom: float | None = None

    def deepmd_force(self, prefactor: float) -> float:
        """A prefactor of forces as DeePMD takes it.

        Its errors relative to ``|F| + shift`` (``relative_f``) have no unit; their square is multiplied by that of the shift.

        Parameters
        ----------
        prefactor : float
            Of errors in eV/angstrom.

        Returns
        -------
        float
            The same without a shift.
        """
        shift = self.force_shift_ev_per_angstrom
        return prefactor if shift is None else prefactor * shift**2


def checkpoint_keys(n_steps: int) -> dict[str, JsonValue]:
    """How often a training writes a line of its curve, and a checkpoint: about ten and four times.

    DeePMD-kit (TensorFlow, 3.2) writes a checkpoint only where a line is due too, and leaves out the last one where its step
    is one for a checkpoint. Were the second interval no multiple of the first, trainings of some lengths, DP-GEN's shorter ones
    among them, would end without their last checkpoint, or with none.

    Parameters
    ----------
    n_steps : int
        Of the training.

    Returns
    -------
    dict of str to JSON
        ``disp_freq`` and ``save_freq``.

    Examples
    --------
    >>> checkpoint_keys(1604)
    {'disp_freq': 160, 'save_freq': 320}
    """
    line = max(1, min(1000, n_steps // 10))
    return {"disp_freq": line, "save_freq": line * max(1, n_steps // 4 // line)}


def max_neighbors(
    structures: Sequence[Atoms],
    elements: Sequence[str],
    cutoff_angstrom: float,
    *,
    margin: float = 1.4,
    labelled: Sequence[Atoms] = (),
) -> tuple[int, ...]:
    """Neighbours of each element within the cutoff: the largest count found, with a margin for hot structures.

    DeePMD leaves out the farthest neighbours beyond this number, so that energies jump where atoms come and go.

    Parameters
    ----------
    structures : sequence of Atoms
        Periodic structures that MD begins with.
    elements : sequence of str
        The type map.
    cutoff_angstrom : float, angstrom
        Radial cutoff.
    margin : float, optional
        Factor on the largest count in `structures`.
    labelled : sequence of Atoms, optional
        Structures to train on, hot, compressed or of other composition already: they count without the margin.

    Returns
    -------
    tuple of int
        One per element, in type-map order: a multiple of four, at least 4.
    """
    largest = np.maximum(
        margin * _most_neighbors(structures, elements, cutoff_angstrom),
        _most_neighbors(labelled, elements, cutoff_angstrom),
    )
    return tuple(map(_with_margin, largest))


def total_neighbors(
    structures: Sequence[Atoms],
    cutoffs_angstrom: Sequence[float],
    *,
    margin: float = 1.4,
    labelled: Sequence[Atoms] = (),
) -> tuple[int, ...]:
    """Neighbours of all elements together within each cutoff, for models that do not count them apart.

    An atom that has the most of one element seldom has the most of another: the sum of what `max_neighbors` gives is larger.

    Parameters
    ----------
    structures : sequence of Atoms
        Periodic structures that MD begins with.
    cutoffs_angstrom : sequence of float, angstrom
        Radial cutoffs.
    margin, labelled : float or sequence of Atoms, optional
        As in `max_neighbors`.

    Returns
    -------
    tuple of int
        One per cutoff: a multiple of four, at least 4.
    """
    return tuple(
        _with_margin(
            margin * _neighbor_counts(structures, cutoff).max(initial=0),
            _neighbor_counts(labelled, cutoff).max(initial=0),
        )
        for cutoff in cutoffs_angstrom
    )


def _with_margin(*counts: float) -> int:
    return int(max(4, 4 * np.ceil(max(counts) / 4)))


def _most_neighbors(structures: Sequence[Atoms], elements: Sequence[str], cutoff_angstrom: float) -> NDArray[np.int64]:
    """The largest number of neighbours of each element that an atom has."""
    largest = np.zeros(len(elements), dtype=np.int64)
    index = {symbol: i for i, symbol in enumerate(elements)}
    for atoms in structures:
        types = np.array([index[symbol] for symbol in atoms.get_chemical_symbols()])
        first, second = neighbor_list("ij", atoms, cutoff_angstrom)
        counts = np.zeros((len(atoms), len(elements)), dtype=np.int64)
        np.add.at(counts, (first, types[second]), 1)
        largest = np.maximum(largest, counts.max(axis=0))
    return largest


def _neighbor_counts(structures: Sequence[Atoms], cutoff_angstrom: float) -> NDArray[np.int64]:
    """The number of neighbours of each atom."""
    counts = [np.bincount(neighbor_list("i", atoms, cutoff_angstrom), minlength=len(atoms)) for atoms in structures]
    return np.concatenate([np.empty(0, dtype=np.int64), *counts])


def training_input(
    model: DescriptorSizes | Mapping[str, JsonValue],
    elements: Sequence[str],
    *,
    n_steps: int,
    start_learning_rate: float,
    stop_learning_rate: float,
    systems: Sequence[str] = (),
    batch_size: str | int = "auto",
    seed: int | None = None,
    loss: LossPrefactors = LossPrefactors(),
    short_range: ShortRangeBlend | None = None,
) -> dict[str, JsonValue]:
    """Training input for one Deep Potential; energies, forces and virials enter the loss.

    Without `systems` and `seed` it is DP-GEN's ``default_training_param``, which fills both in.

    Parameters
    ----------
    model : DescriptorSizes or mapping
        Sizes of the model, or DeePMD-kit's own section of it.
    elements : sequence of str
        The type map.
    n_steps : int
        Training steps.
    start_learning_rate, stop_learning_rate : float
        Ends of the exponential decay.
    systems : sequence of str, optional
        Data folders, relative to where training runs.
    batch_size : str or int, optional
        Frames a step, or "auto" (at least 32 atoms).
    seed : int, optional
        Draws the first weights and the order of batches.
    loss : LossPrefactors, optional
        Of energy, force and virial.
    short_range : ShortRangeBlend or None, optional
        The table that takes over at short distances.

    Returns
    -------
    dict of str to JSON
        Content of ``input.json``.
    """
    if isinstance(model, DescriptorSizes):
        section = model_section(model, elements, seed=seed, short_range=short_range)
    else:
        section = {**model, **({} if short_range is None else short_range_keys(short_range))}
    seeded: dict[str, JsonValue] = {} if seed is None else {"seed": seed}
    training: dict[str, JsonValue] = {
        "numb_steps": n_steps,
        "disp_file": "lcurve.out",
        **checkpoint_keys(n_steps),
        "max_ckpt_keep": 1,
        "disp_training": True,
        "time_training": True,
        **seeded,
    }
    if systems:
        training["training_data"] = {"systems": list(systems), "batch_size": batch_size}
    return {
        "model": section,
        "learning_rate": {
            "type": "exp",
            "start_lr": start_learning_rate,
            "stop_lr": stop_learning_rate,
            "decay_steps": max(1, min(5000, n_steps // 50)),
        },
        "loss": {
            "type": "ener",
            "start_pref_e": loss.energy[0],
            "limit_pref_e": loss.energy[1],
            "start_pref_f": loss.deepmd_force(loss.force[0]),
            "limit_pref_f": loss.deepmd_force(loss.force[1]),
            "start_pref_v": loss.virial[0],
            "limit_pref_v": loss.virial[1],
            **({} if loss.force_shift_ev_per_angstrom is None else {"relative_f": loss.force_shift_ev_per_angstrom}),
        },
        "training": training,
    }
