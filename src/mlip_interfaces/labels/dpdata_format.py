"""Our label format for dpdata: a failed label is a system of zero frames, the one failure DP-GEN skips cleanly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from dpdata.format import Format


@Format.register("mlip_interfaces/label")
class MlipLabelFormat(Format):  # type: ignore[misc]
    """``label.json`` of the label driver."""

    def from_labeled_system(self, file_name: str, **kwargs: Any) -> dict[str, Any]:
        """Data of one label; zero frames if it failed or cannot be read.

        Parameters
        ----------
        file_name : str
            A ``label.json``.
        **kwargs : Any
            Not used.

        Returns
        -------
        dict of str to Any
            As dpdata holds it.
        """
        # dpdata loads its plug-ins whatever it is asked for.
        from mlip_interfaces.errors import InputFileError
        from mlip_interfaces.labels.record import read_label

        record: Any
        try:
            record = read_label(Path(file_name))
        except (OSError, InputFileError):
            record = {"status": "failed"}
        symbols = record.get("symbols", [])
        names = list(dict.fromkeys(symbols))
        n_atoms, n_frames = len(symbols), int(record["status"] == "ok")

        def frames(key: str, *shape: int) -> Any:
            return np.asarray(record[key], dtype=np.float64).reshape(1, *shape) if n_frames else np.empty((0, *shape))

        return {
            "atom_names": names,
            "atom_numbs": [symbols.count(name) for name in names],
            "atom_types": np.array([names.index(symbol) for symbol in symbols], dtype=int),
            "orig": np.zeros(3),
            "cells": frames("cell_angstrom", 3, 3),
            "coords": frames("positions_angstrom", n_atoms, 3),
            "energies": frames("energy_ev"),
            "forces": frames("forces_ev_per_angstrom", n_atoms, 3),
            "virials": frames("virial_ev", 3, 3),
        }
