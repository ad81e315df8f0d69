"""The elements of a frozen Deep Potential, asked of DeePMD-kit in a process of its own.

``python -m mlip_interfaces.potentials.type_map MODEL`` prints them: TensorFlow's start-up and messages stay out of the caller.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlip_interfaces.engines import require_packages
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.programs import ask_program

_LIMIT_SECONDS = 300.0
_MARK = "type map:"


def read_type_map(model: Path) -> tuple[str, ...]:
    """Elements that a frozen model knows, in its order.

    Parameters
    ----------
    model : Path
        Frozen or compressed Deep Potential.

    Returns
    -------
    tuple of str
        Its type map.

    Raises
    ------
    InputFileError
        If DeePMD-kit cannot read the file, or the model does not name its elements.
    MissingEngineError
        If DeePMD-kit is not installed.
    """
    require_packages("deepmd")
    answer = ask_program([sys.executable, "-m", __name__, str(model)], limit_seconds=_LIMIT_SECONDS)
    found = [line.removeprefix(_MARK).split() for line in answer.output.splitlines() if line.startswith(_MARK)]
    if answer.status != 0 or not found:
        said = answer.errors.rpartition("\n")[2] or f"exit status {answer.status}"
        raise InputFileError(
            f"{model} is no frozen Deep Potential that DeePMD-kit can read ({said}); give one from `dp freeze`."
        )
    if not found[-1]:
        raise InputFileError(
            f"{model} does not say which elements it knows, so that LAMMPS cannot map them; train it with a `type_map`."
        )
    return tuple(found[-1])


def _main() -> None:
    from deepmd.infer import DeepPot

    print(_MARK, *DeepPot(sys.argv[1]).get_type_map(), flush=True)


if __name__ == "__main__":
    _main()
