"""The DeePMD-kit training input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class DescriptorSizes:
    """Sizes of a two-body embedding (se_e2_a) Deep Potential.

    Attributes
    ----------
    cutoff_angstrom, smooth_from_angstrom : float, angstrom
        Radial cutoff and where its switching begins.
    embedding_neurons, fitting_neurons : tuple of int
        Sizes of the networks' layers.
    axis_neurons : int
        Columns of the embedding kept as axes.
    max_neighbors : tuple of int
        Neighbours kept of each element (DeePMD's ``sel``), in type-map order.
    precision : str
        Floating-point precision of the networks.
    """

    cutoff_angstrom: float
    smooth_from_angstrom: float
    embedding_neurons: tuple[int, ...]
    axis_neurons: int
    fitting_neurons: tuple[int, ...]
    max_neighbors: tuple[int, ...]
    precision: str = "float64"


@dataclass(frozen=True, slots=True)
class LossPrefactors:
    """Weights of the loss at the start and at the end of a training.

    Attributes
    ----------
    energy, force, virial : tuple of float
        DeePMD's ``start_pref`` and ``limit_pref``; the defaults go from the forces first to a balance at the end.
    """

    energy: tuple[float, float] = (0.02, 1.0)
    force: tuple[float, float] = (1000.0, 1.0)
    virial: tuple[float, float] = (0.02, 1.0)


@dataclass(frozen=True, slots=True)
class ShortRangeBlend:
    """Where a table of pair energies takes over from the network.

    Attributes
    ----------
    file : str
        The table, relative to where training runs; `zbl_table` makes it.
    from_angstrom, to_angstrom : float, angstrom
        An atom whose nearest neighbour is closer than the first has the table's energy alone, one beyond the second the network's.
    """

    file: str
    from_angstrom: float
    to_angstrom: float


_SOFTMIN_ANGSTROM = 0.1
"""Width of the soft minimum that stands for the distance of the nearest neighbour."""


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
    return tuple(int(max(4, 4 * np.ceil(count / 4))) for count in largest)


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


def short_range_keys(blend: ShortRangeBlend) -> dict[str, JsonValue]:
    """DeePMD's words for a table that takes over at short distances.

    Parameters
    ----------
    blend : ShortRangeBlend
        The table and where it acts.

    Returns
    -------
    dict of str to JSON
        Keys of the section ``model``.
    """
    return {
        "use_srtab": blend.file,
        "smin_alpha": _SOFTMIN_ANGSTROM,
        "sw_rmin": blend.from_angstrom,
        "sw_rmax": blend.to_angstrom,
    }


def training_input(
    sizes: DescriptorSizes,
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
    sizes : DescriptorSizes
        The model.
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
    seeded: dict[str, JsonValue] = {} if seed is None else {"seed": seed}
    training: dict[str, JsonValue] = {
        "numb_steps": n_steps,
        "disp_file": "lcurve.out",
        "disp_freq": max(1, min(1000, n_steps // 10)),
        "save_freq": max(1, n_steps // 4),
        "max_ckpt_keep": 1,
        "disp_training": True,
        "time_training": True,
        **seeded,
    }
    if systems:
        training["training_data"] = {"systems": list(systems), "batch_size": batch_size}
    return {
        "model": {
            "type_map": list(elements),
            **({} if short_range is None else short_range_keys(short_range)),
            "descriptor": {
                "type": "se_e2_a",
                "rcut": sizes.cutoff_angstrom,
                "rcut_smth": sizes.smooth_from_angstrom,
                "sel": list(sizes.max_neighbors),
                "neuron": list(sizes.embedding_neurons),
                "axis_neuron": sizes.axis_neurons,
                "type_one_side": True,
                "resnet_dt": False,
                "precision": sizes.precision,
                **seeded,
            },
            "fitting_net": {
                "neuron": list(sizes.fitting_neurons),
                "resnet_dt": True,
                "precision": sizes.precision,
                **seeded,
            },
        },
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
            "start_pref_f": loss.force[0],
            "limit_pref_f": loss.force[1],
            "start_pref_v": loss.virial[0],
            "limit_pref_v": loss.virial[1],
        },
        "training": training,
    }
