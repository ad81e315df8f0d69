"""Data sets for DeePMD-kit from a label store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

import numpy as np

from mlip_interfaces.engines import require_packages
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import whole_folder, write_json
from mlip_interfaces.labels.dataset import labeled_system
from mlip_interfaces.labels.splitting import Trajectory, hold_out
from mlip_interfaces.labels.store import LabelStore, StoredLabel

if TYPE_CHECKING:
    import dpdata

DataFormat = Literal["npy", "mixed"]
EXPORT_FILE = "export.json"


class Export(TypedDict):
    """Content of ``export.json``; systems with the names of their labels, in the order of the data."""

    elements: list[str]
    format: str
    settings_hash: str
    calculators: list[str]
    held_out_trajectories: list[str]
    left_out: list[str]
    training: dict[str, list[str]]
    held_out: NotRequired[dict[str, list[str]]]


def export_labels(
    store: LabelStore,
    directory: Path,
    elements: Sequence[str],
    *,
    data_format: DataFormat = "npy",
    leave_out: Collection[str] = (),
    held_out_share: float = 0.0,
    seed: int = 0,
) -> Export:
    """Write ``training/`` and, where a share is held out, ``held_out/``; the folder appears whole or not at all.

    Parameters
    ----------
    store : LabelStore
        Labels of one settings hash.
    directory : Path
        Must not exist.
    elements : sequence of str
        The type map; labels are brought to it by the names of their atoms.
    data_format : {'npy', 'mixed'}, optional
        Of these, ``npy`` writes one system for each sequence of atoms, ``mixed`` one for each number of atoms.
    leave_out : collection of str, optional
        Names of labels to leave out.
    held_out_share : float, optional
        Share of the labels that is held out by whole trajectories (`hold_out`).
    seed : int, optional
        Of the choice of trajectories.

    Returns
    -------
    Export
        Content of ``export.json``: where every frame comes from, in the order of the data.

    Raises
    ------
    InputFileError
        If settings are mixed, an element is not in the type map, nothing is left, or the folder exists.
    MissingEngineError
        If dpdata is not installed.
    """
    require_packages("dpdata")
    labels = [label for label in store.labels if label.name not in leave_out]
    if not labels:
        raise InputFileError("There is no label to export: all failed or are left out.")
    refuse_mixed_settings(labels)
    unknown = sorted({symbol for label in labels for symbol in label.symbols} - set(elements))
    if unknown:
        raise InputFileError(
            f"The type map {', '.join(elements)} lacks {', '.join(unknown)}, which labels contain; add it to --elements."
        )
    if directory.exists():
        raise InputFileError(f"{directory} exists already; choose another folder or delete it.")
    away = held_out_trajectories(labels, held_out_share, seed=seed)
    parts = {"training": [label for label in labels if label.trajectory not in away]}
    if away:
        parts["held_out"] = [label for label in labels if label.trajectory in away]
    content: Export = {
        "elements": list(elements),
        "format": f"deepmd/npy{'/mixed' if data_format == 'mixed' else ''}",
        "settings_hash": labels[0].settings_hash,
        "calculators": sorted({label.calculator for label in labels}),
        "held_out_trajectories": sorted(away),
        "left_out": sorted(leave_out),
        "training": {},
    }
    with whole_folder(directory) as working:
        content["training"] = _write_systems(parts["training"], working / "training", elements, data_format)
        if away:
            content["held_out"] = _write_systems(parts["held_out"], working / "held_out", elements, data_format)
        write_json(working / EXPORT_FILE, content)
    return content


def refuse_mixed_settings(labels: Sequence[StoredLabel]) -> None:
    """Labels of different settings or pseudopotentials have no common energy zero and never share a data set.

    Parameters
    ----------
    labels : sequence of StoredLabel
        That are to share a data set.

    Raises
    ------
    InputFileError
        Naming the settings and where a label of each lies.
    """
    examples: dict[str, StoredLabel] = {}
    for label in labels:
        examples.setdefault(label.settings_hash, label)
    if len(examples) > 1:
        listed = " and ".join(f"{key} ({label.calculator}, {label.name})" for key, label in examples.items())
        raise InputFileError(
            f"The labels were made with different settings and must not be mixed: {listed}. Export them apart: give "
            "only the folders of one, or choose with --settings HASH."
        )
    seen: dict[str, StoredLabel] = {}
    for label in labels:
        for symbol, sha256 in label.pseudopotentials.items():
            other = seen.setdefault(symbol, label)
            if other.pseudopotentials[symbol] != sha256:
                raise InputFileError(
                    f"The labels were made with different pseudopotentials of {symbol} and must not be mixed: {other.name} "
                    f"and {label.name}. Give only the folders of one."
                )


def held_out_trajectories(labels: Sequence[StoredLabel], share: float, *, seed: int) -> frozenset[str]:
    """Names of the trajectories to hold out; each element counts as a layer of its own, so that all are seen.

    Parameters
    ----------
    labels : sequence of StoredLabel
        Of one settings hash.
    share : float
        Part of all labels, 0 to below 1.
    seed : int
        Draws the order of trajectories.

    Returns
    -------
    frozenset of str
        As from `hold_out`.
    """
    groups: dict[str, list[StoredLabel]] = defaultdict(list)
    for label in labels:
        groups[label.trajectory].append(label)
    trajectories = [
        Trajectory(name, members[0].system, len(members), frozenset(members[0].symbols))
        for name, members in groups.items()
    ]
    return hold_out(trajectories, share, seed=seed)


def _write_systems(
    labels: Sequence[StoredLabel], directory: Path, elements: Sequence[str], data_format: DataFormat
) -> dict[str, list[str]]:
    """Write the systems; returns the labels of each in the order of its frames."""
    same_atoms: dict[tuple[str, tuple[str, ...]], list[StoredLabel]] = defaultdict(list)
    for label in labels:
        same_atoms[label.system, label.symbols].append(label)
    written: dict[str, list[str]] = {}
    if data_format == "npy":
        for (system, _), members in same_atoms.items():
            name = _free_name(system, written)
            written[name] = [label.name for label in members]
            _system(members, elements).to("deepmd/npy", str(directory / name), set_size=len(members), prec=np.float64)
        return written
    mixed: dict[str, dpdata.LabeledSystem] = {}
    for (_, symbols), members in same_atoms.items():
        name = f"{len(symbols):06d}"
        part = _system(members, elements)
        part.convert_to_mixed_type(type_map=list(elements))
        if name in mixed:
            mixed[name].append(part)
        else:
            mixed[name] = part
        written.setdefault(name, []).extend(label.name for label in members)
    for name, system in mixed.items():
        system.to("deepmd/npy/mixed", str(directory / name), set_size=len(system), prec=np.float64)
    return written


def _free_name(system: str, taken: Collection[str]) -> str:
    number = 2
    name = system
    while name in taken:
        name, number = f"{system}-{number}", number + 1
    return name


def _system(labels: Sequence[StoredLabel], elements: Sequence[str]) -> dpdata.LabeledSystem:
    return labeled_system(
        labels[0].symbols,
        elements,
        cells_angstrom=np.array([label.cell_angstrom for label in labels]),
        positions_angstrom=np.array([label.positions_angstrom for label in labels]),
        energies_ev=np.array([label.energy_ev for label in labels]),
        forces_ev_per_angstrom=np.array([label.forces_ev_per_angstrom for label in labels]),
        virials_ev=np.array([label.virial_ev for label in labels]),
    )
