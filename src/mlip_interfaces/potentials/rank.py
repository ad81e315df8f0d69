"""`rank_frames` in a process of its own: TensorFlow's start-up, threads and messages stay out of the caller.

``python -m mlip_interfaces.potentials.rank CANDIDATES.xyz TRAINING.xyz ORDER.json N_SELECT SEED MODEL...``; files are
whatever ASE reads, ``ORDER.json`` gets the list of indices.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ase.io import read

from mlip_interfaces.files import write_json
from mlip_interfaces.potentials.selection import rank_frames


def main(candidates: str, training: str, output: str, n_select: str, seed: str, *models: str) -> None:
    """Read, rank, write whole or not at all.

    Parameters
    ----------
    candidates : str
        Extended XYZ file of the frames to be ranked.
    training : str
        Extended XYZ file of frames that are labelled already.
    output : str
        JSON file for the order.
    n_select : str
        A whole number.
    seed : str
        A whole number.
    *models : str
        Files of the committee.
    """
    order = rank_frames(
        read(candidates, index=":"),
        [Path(model) for model in models],
        training_frames=read(training, index=":"),
        n_select=int(n_select),
        seed=int(seed),
    )
    write_json(Path(output), order.tolist(), indent=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
