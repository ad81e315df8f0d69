"""Energies, forces and virials of a frozen Deep Potential on a labelled data set, in a process of its own.

``python -m mlip_interfaces.potentials.predict MODEL OUTPUT.npz SYSTEM... [--committee MODEL...]``: TensorFlow's start-up,
threads and messages stay out of the caller.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import dpdata
import numpy as np
from deepmd.infer import DeepPot

from mlip_interfaces.potentials.errors_against_labels import Predictions, save_predictions
from mlip_interfaces.potentials.features import force_deviation


def predict(model: Path, systems: Sequence[Path], committee: Sequence[Path] = ()) -> list[Predictions]:
    """Evaluate `model` on every frame of each ``deepmd/npy`` system.

    Parameters
    ----------
    model : Path
        Frozen or compressed Deep Potential.
    systems : sequence of Path
        Folders in ``deepmd/npy`` format.
    committee : sequence of Path, optional
        Frozen Deep Potentials whose force deviation is measured too; a single one has none.

    Returns
    -------
    list of Predictions
        One per system.
    """
    potential = DeepPot(str(model))
    members = [DeepPot(str(path)) for path in committee] if len(committee) > 1 else []
    results = []
    for path in systems:
        system = dpdata.LabeledSystem(str(path), fmt="deepmd/npy", type_map=potential.get_type_map())
        data = system.data
        n_frames, n_atoms = data["coords"].shape[:2]
        frames = data["coords"].reshape(n_frames, -1), data["cells"].reshape(n_frames, 9)
        energies, forces, virials = potential.eval(*frames, data["atom_types"].tolist())[:3]
        names = np.asarray(data["atom_names"])
        kinds = [[member.get_type_map().index(name) for name in names[data["atom_types"]]] for member in members]
        of_members = [member.eval(*frames, kind)[1] for member, kind in zip(members, kinds, strict=True)]
        has_virials = "virials" in data
        results.append(
            Predictions(
                system=path.name,
                energy_reference_ev=np.asarray(data["energies"], dtype=np.float64).reshape(n_frames),
                energy_model_ev=np.asarray(energies, dtype=np.float64).reshape(n_frames),
                force_reference_ev_per_angstrom=np.asarray(data["forces"], dtype=np.float64),
                force_model_ev_per_angstrom=np.asarray(forces, dtype=np.float64).reshape(n_frames, n_atoms, 3),
                symbols=names[data["atom_types"]],
                volume_angstrom3=np.abs(np.linalg.det(np.asarray(data["cells"], dtype=np.float64))),
                virial_reference_ev=np.asarray(data["virials"], dtype=np.float64) if has_virials else None,
                virial_model_ev=np.asarray(virials, dtype=np.float64).reshape(n_frames, 3, 3) if has_virials else None,
                deviation_ev_per_angstrom=(
                    force_deviation(np.array(of_members).reshape(-1, n_frames, n_atoms, 3)).max(axis=-1)
                    if members
                    else None
                ),
            )
        )
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("systems", type=Path, nargs="+")
    parser.add_argument("--committee", type=Path, nargs="*", default=[])
    asked = parser.parse_args()
    save_predictions(asked.output, predict(asked.model, asked.systems, asked.committee))
