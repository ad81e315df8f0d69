"""Records of labels to a data set that DeePMD-kit trains on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import whole_folder, write_json
from mlip_interfaces.labels.record import LabelRecord, Numbers

if TYPE_CHECKING:
    import dpdata
    from ase import Atoms

Floats = NDArray[np.float64]


def write_dataset(
    records: Sequence[LabelRecord], directory: Path, elements: Sequence[str], *, layer: Sequence[str]
) -> None:
    """Write good labels of one structure as a ``deepmd/npy`` system, whole or not at all.

    Parameters
    ----------
    records : sequence of dict of str to Any
        Good labels, all with the same atoms in the same order.
    directory : Path
        Folder of the system; replaced if it exists.
    elements : sequence of str
        The type map.
    layer : sequence of str
        Layer name of each atom, written as ``layer.json`` beside the data.

    Raises
    ------
    InputFileError
        If the records differ in their atoms, in the settings or in the pseudopotentials that made them.
    """
    symbols = records[0]["symbols"]
    if any(record["symbols"] != symbols for record in records) or len(layer) != len(symbols):
        raise InputFileError(f"The labels for {directory} are not all of the same atoms; keep structures apart.")
    if len({record["settings_hash"] for record in records}) > 1:
        raise InputFileError(f"The labels for {directory} were made with different settings; they must not be mixed.")
    _refuse_mixed_pseudopotentials(records, directory)

    def stacked(key: Numbers) -> Floats:
        return np.array([record[key] for record in records], dtype=np.float64)

    system = labeled_system(
        symbols,
        elements,
        cells_angstrom=stacked("cell_angstrom"),
        positions_angstrom=stacked("positions_angstrom"),
        energies_ev=stacked("energy_ev"),
        forces_ev_per_angstrom=stacked("forces_ev_per_angstrom"),
        virials_ev=stacked("virial_ev"),
    )
    with whole_folder(directory, replace=True) as working:
        system.to("deepmd/npy", str(working), set_size=len(records), prec=np.float64)
        write_json(working / "layer.json", list(layer), indent=None)


def _refuse_mixed_pseudopotentials(records: Sequence[LabelRecord], directory: Path) -> None:
    first: dict[str, str] = {}
    for record in records:
        for symbol, used in record.get("pseudopotentials", {}).items():
            identity = used.get("sha256", used["name"])
            if first.setdefault(symbol, identity) != identity:
                raise InputFileError(
                    f"The labels for {directory} were made with different pseudopotentials of {symbol}; they must not be mixed."
                )


def read_dataset(directory: Path) -> list[Atoms]:
    """Structures of a ``deepmd/npy`` system, without their labels.

    Parameters
    ----------
    directory : Path
        Folder of the system.

    Returns
    -------
    list of Atoms
        Periodic, in the order of the data.
    """
    import dpdata

    structures: list[Atoms] = dpdata.System(str(directory), fmt="deepmd/npy").to_ase_structure()
    return structures


def labeled_system(
    symbols: Sequence[str],
    elements: Sequence[str],
    *,
    cells_angstrom: Floats,
    positions_angstrom: Floats,
    energies_ev: Floats,
    forces_ev_per_angstrom: Floats,
    virials_ev: Floats,
) -> dpdata.LabeledSystem:
    """Labels of the same atoms as dpdata holds them, types by name.

    Parameters
    ----------
    symbols : sequence of str
        Element of each atom.
    elements : sequence of str
        The type map.
    cells_angstrom : (n_labels, 3, 3) float array, angstrom
        Rows are lattice vectors.
    positions_angstrom : (n_labels, n_atoms, 3) float array, angstrom
        Of the atoms, in the order of `symbols`.
    energies_ev : (n_labels,) float array, eV
        Total energies.
    forces_ev_per_angstrom : (n_labels, n_atoms, 3) float array, eV/angstrom
        On the atoms.
    virials_ev : (n_labels, 3, 3) float array, eV
        Minus volume times stress (tension positive).

    Returns
    -------
    dpdata.LabeledSystem
        With the types of `elements`.
    """
    import dpdata

    index = {symbol: number for number, symbol in enumerate(elements)}
    return dpdata.LabeledSystem(
        data={
            "atom_names": list(elements),
            "atom_numbs": [list(symbols).count(symbol) for symbol in elements],
            "atom_types": np.array([index[symbol] for symbol in symbols]),
            "orig": np.zeros(3),
            "cells": cells_angstrom,
            "coords": positions_angstrom,
            "energies": energies_ev,
            "forces": forces_ev_per_angstrom,
            "virials": virials_ev,
        }
    )
