"""Energies and forces of a frozen Deep Potential on a labelled data set, in a process of its own.

``python -m mlip_interfaces.potentials.predict MODEL OUTPUT.npz SYSTEM...``: TensorFlow's start-up, threads and
messages stay out of the caller.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dpdata
import numpy as np
from deepmd.infer import DeepPot

from mlip_interfaces.potentials.errors_against_labels import Predictions, save_predictions


def predict(model: Path, systems: list[Path]) -> list[Predictions]:
    """Evaluate `model` on every frame of each ``deepmd/npy`` system.

    Parameters
    ----------
    model : Path
        Frozen or compressed Deep Potential.
    systems : list of Path
        Folders in ``deepmd/npy`` format.

    Returns
    -------
    list of Predictions
        One per system.
    """
    potential = DeepPot(str(model))
    results = []
    for path in systems:
        system = dpdata.LabeledSystem(str(path), fmt="deepmd/npy", type_map=potential.get_type_map())
        data = system.data
        n_frames, n_atoms = data["coords"].shape[:2]
        energies, forces, _ = potential.eval(
            data["coords"].reshape(n_frames, -1),
            data["cells"].reshape(n_frames, 9),
            data["atom_types"].tolist(),
        )[:3]
        results.append(
            Predictions(
                system=path.name,
                energy_reference_ev=np.asarray(data["energies"], dtype=np.float64).reshape(n_frames),
                energy_model_ev=np.asarray(energies, dtype=np.float64).reshape(n_frames),
                force_reference_ev_per_angstrom=np.asarray(data["forces"], dtype=np.float64),
                force_model_ev_per_angstrom=np.asarray(forces, dtype=np.float64).reshape(n_frames, n_atoms, 3),
            )
        )
    return results


if __name__ == "__main__":
    save_predictions(Path(sys.argv[2]), predict(Path(sys.argv[1]), [Path(name) for name in sys.argv[3:]]))
