"""What the extras of this package bring, and the sentence for an engine that is not there.

The core analyses, builds and reports; what labels, trains and runs is an extra of the installation.
"""

from __future__ import annotations

import configparser
import ctypes
import importlib.metadata
import importlib.util
from pathlib import Path

from mlip_interfaces.errors import MissingEngineError

PACKAGES = {
    "cp2kdata": "engines",
    "dargs": "engines",
    "deepmd": "engines",
    "dpdata": "engines",
    "dpdispatcher": "engines",
    "dpgen": "engines",
    "e3nn": "pytorch",
    "nvidia.cuda_runtime": "pytorch",
    "chgnet": "teacher",
    "torch": "teacher",
    "sevenn": "sevennet",
    "tblite": "xtb",
    "sklearn": "clusters",
}
"""Extra of each package that is not of the core, by the name that is imported."""

PROGRAMS = {"dp": "engines", "dpgen": "engines", "lmp": "engines"}
"""Extra of each program."""

ENGINES = tuple(name for name, extra in PACKAGES.items() if extra == "engines")
"""Packages without which nothing is labelled, trained or run."""


def how_to_get(extra: str, subject: str = "it comes") -> str:
    """Words for where an extra is to be had.

    Parameters
    ----------
    extra : str
        Name of the extra.
    subject : str
        How the sentence begins.

    Returns
    -------
    str
        With the command.

    Examples
    --------
    >>> how_to_get("xtb")
    'it comes with the extra xtb: pip install "mlip-interfaces[xtb]"'
    """
    other = ' (with NVIDIA GPUs: "mlip-interfaces[gpu]")' if extra == "engines" else ""
    return f'{subject} with the extra {extra}: pip install "mlip-interfaces[{extra}]"{other}'


def missing_engine(error: ModuleNotFoundError) -> MissingEngineError | None:
    """The same as a sentence for the user; None where what cannot be imported is no engine.

    Parameters
    ----------
    error : ModuleNotFoundError
        As raised by an import.

    Returns
    -------
    MissingEngineError or None
        To be raised from it.
    """
    if error.name not in PACKAGES:
        return None
    return MissingEngineError(f"{error.name} is not installed; {how_to_get(PACKAGES[error.name])}.")


def require_packages(*names: str, extra: str | None = None) -> None:
    """Check that packages are installed, before work is begun that would end for want of them.

    Parameters
    ----------
    *names : str
        Names by which they are imported.
    extra : str or None, optional
        The extra that brings them all; that of the first that is missing if None.

    Raises
    ------
    MissingEngineError
        Naming all that are not, and the extra that brings them.
    """
    missing = [name for name in names if not is_installed(name)]
    if missing:
        verb, subject = ("is", "it comes") if len(missing) == 1 else ("are", "they come")
        raise MissingEngineError(
            f"{', '.join(missing)} {verb} not installed; {how_to_get(extra or PACKAGES[missing[0]], subject)}."
        )


def other_torch() -> str:
    """What is wrong with the torch that is installed: DeePMD-kit's PyTorch backend works with the one that it was compiled with.

    Returns
    -------
    str
        With the remedy; empty where nothing is wrong, or one of the two is not installed.
    """
    spec = importlib.util.find_spec("deepmd")
    if spec is None or not spec.submodule_search_locations or not is_installed("torch"):
        return ""
    built = configparser.ConfigParser()
    built.read(Path(spec.submodule_search_locations[0]) / "lib" / "run_config.ini")
    wanted = built.get("CONFIG", "PT_VERSION", fallback="")
    found = importlib.metadata.version("torch")
    if not wanted or found.partition("+")[0] == wanted:
        return ""
    return (
        f"torch {found} is installed, but DeePMD-kit's PyTorch backend was compiled with torch {wanted}; "
        f"pip install torch=={wanted}, or leave training.backend at tensorflow."
    )


def finds_library(name: str) -> bool:
    """Whether the loader finds a shared library.

    Parameters
    ----------
    name : str
        Of its file, as in ``libcudart.so.12``.

    Returns
    -------
    bool
        False where it is in no folder that the loader searches.
    """
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def is_installed(package: str) -> bool:
    """Whether a package can be found; it is not imported.

    Parameters
    ----------
    package : str
        Name by which it is imported.

    Returns
    -------
    bool
        False where it or its parent is missing.
    """
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
