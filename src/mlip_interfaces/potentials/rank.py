"""Ranking of candidates by a committee of Deep Potentials, in a process of its own.

``python -m mlip_interfaces.potentials.rank REQUEST.json OUTPUT.json``: TensorFlow's start-up, threads and messages stay
out of the caller. The request names ``candidates`` and ``training`` (extended XYZ files; ``training`` may be null),
``models``, ``n_select`` and ``seed``; the output is the list of chosen candidates, the most telling first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ase.io import read

from mlip_interfaces.potentials.selection import rank_frames


def rank(request_file: Path, output: Path) -> None:
    """Answer one request."""
    request = json.loads(request_file.read_text())
    order = rank_frames(
        read(request["candidates"], index=":"),
        [Path(name) for name in request["models"]],
        training_frames=read(request["training"], index=":") if request["training"] else [],
        n_select=request["n_select"],
        seed=request["seed"],
    )
    output.write_text(json.dumps(order.tolist()) + "\n")


if __name__ == "__main__":
    rank(Path(sys.argv[1]), Path(sys.argv[2]))
