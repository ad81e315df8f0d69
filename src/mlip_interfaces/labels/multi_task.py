"""Data sets and training input for one model with a head for each kind of label (DeePMD-kit's multi-task training)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import whole_folder, write_json
from mlip_interfaces.labels.export import DataFormat, Export, export_labels
from mlip_interfaces.labels.store import LabelStore

INPUT_FILE = "input.json"

_STEPS = 1_000_000
CUTOFF_ANGSTROM = 6.0
"""Within which neighbours are counted."""

_DESCRIPTOR: dict[str, JsonValue] = {
    "type": "se_atten_v2", "rcut": CUTOFF_ANGSTROM, "rcut_smth": 0.5, "neuron": [25, 50, 100], "axis_neuron": 16, "attn_layer": 0,
}  # fmt: skip


def export_branches(
    store: LabelStore,
    directory: Path,
    elements: Sequence[str],
    *,
    max_neighbors: int,
    data_format: DataFormat = "npy",
    leave_out: Collection[str] = (),
    held_out_share: float = 0.0,
    seed: int = 0,
) -> dict[str, Export]:
    """Write a data set for each settings hash, and ``input.json`` that trains one model with a head for each.

    Labels of different settings have no common energy zero and never share a head; all heads share the descriptor. The folder
    appears whole or not at all.

    Parameters
    ----------
    store : LabelStore
        Labels of one settings hash or of several.
    directory : Path
        Must not exist.
    elements : sequence of str
        The type map of all heads.
    max_neighbors : int
        Neighbours kept within `CUTOFF_ANGSTROM`, of all elements and of all labels together: heads share a descriptor only if it
        is the same in each, which DeePMD-kit's own count of each data set (``auto``) is not.
    data_format : {'npy', 'mixed'}, optional
        As for `export_labels`.
    leave_out : collection of str, optional
        Names of labels to leave out.
    held_out_share : float, optional
        Share of the labels of each branch that is held out by whole trajectories; it becomes the validation data.
    seed : int, optional
        Of the choice of trajectories.

    Returns
    -------
    dict of str to Export
        By branch, what its ``export.json`` holds.

    Raises
    ------
    InputFileError
        As `export_labels`; if the folder exists.
    MissingEngineError
        If dpdata is not installed.
    """
    if directory.exists():
        raise InputFileError(f"{directory} exists already; choose another folder or delete it.")
    branches = branch_names(store)
    with whole_folder(directory) as working:
        written = {
            name: export_labels(
                store.with_settings(settings), working / name, elements,
                data_format=data_format, leave_out=leave_out, held_out_share=held_out_share, seed=seed,
            )
            for name, settings in branches.items()
        }  # fmt: skip
        write_json(working / INPUT_FILE, multi_task_input(written, elements, max_neighbors))
    return written


def branch_names(store: LabelStore) -> dict[str, str]:
    """A name for each settings hash of the labels, as in ``chgnet-3f2a9c``.

    Parameters
    ----------
    store : LabelStore
        The labels.

    Returns
    -------
    dict of str to str
        Name -> settings hash, in the order of the names.
    """
    calculators = {label.settings_hash: label.calculator for label in store.labels}
    names = {
        settings: re.split(r"\W+", calculator.strip())[0] or "labels" for settings, calculator in calculators.items()
    }
    return dict(sorted((f"{name}-{settings[:6]}", settings) for settings, name in names.items()))


def multi_task_input(
    branches: Mapping[str, Export], elements: Sequence[str], max_neighbors: int
) -> dict[str, JsonValue]:
    """Training input with a head for each branch, for ``dp --pt train`` in the folder that holds them.

    Parameters
    ----------
    branches : mapping of str to Export
        Data sets by name of the branch, which is also its folder.
    elements : sequence of str
        The type map.
    max_neighbors : int
        As in `export_branches`.

    Returns
    -------
    dict of str to JSON
        Content of ``input.json``. Branches are drawn with the share of their frames.
    """
    n_frames = {name: sum(map(len, export["training"].values())) for name, export in branches.items()}
    return {
        "model": {
            "shared_dict": {"type_map": list(elements), "descriptor": {**_DESCRIPTOR, "sel": max_neighbors}},
            "model_dict": {
                name: {"type_map": "type_map", "descriptor": "descriptor", "fitting_net": {"neuron": [240, 240, 240]}}
                for name in branches
            },
        },
        "learning_rate": {"type": "exp", "start_lr": 1e-3, "stop_lr": 3.5e-8, "decay_steps": 5000},
        "loss_dict": {
            name: {
                "type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1,
                "start_pref_v": 0.02, "limit_pref_v": 1,
            }
            for name in branches
        },
        "training": {
            "model_prob": {name: number / sum(n_frames.values()) for name, number in n_frames.items()},
            "data_dict": {name: _data(name, export) for name, export in branches.items()},
            "numb_steps": _STEPS,
            "seed": 1,
            "disp_file": "lcurve.out",
            "disp_freq": 1000,
            "save_freq": 10_000,
        },
    }  # fmt: skip


def _data(branch: str, export: Export) -> dict[str, JsonValue]:
    """Data of a branch: folders relative to that of the input."""
    found: dict[str, JsonValue] = {}
    for key, part, systems in (
        ("training_data", "training", export["training"]),
        ("validation_data", "held_out", export.get("held_out", {})),
    ):
        if systems:
            found[key] = {"systems": [f"{branch}/{part}/{name}" for name in systems], "batch_size": "auto"}
    return found
