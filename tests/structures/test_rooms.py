"""The rooms of structures from outside: what they offer, and what importing them costs."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

ROOMS = ["crystals", "slabs", "matching", "glass", "defects", "assembly"]
HEAVY = (
    "pymatgen",
    "ase.io",
    "ase.build",
    "ase.neighborlist",
    "ase.spacegroup",
    "scipy.optimize",
    "scipy.ndimage",
    "spglib",
)


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_rooms_offer_what_they_name(room: str) -> None:
    module = importlib.import_module(f"mlip_interfaces.structures{'.' if room else ''}{room}")
    assert len(set(module.__all__)) == len(module.__all__) > 3
    for name in module.__all__:
        thing = getattr(module, name)
        assert thing.__doc__ or not (inspect.isfunction(thing) or inspect.isclass(thing))


def test_importing_structures_loads_nothing_heavy() -> None:
    code = f"import sys, mlip_interfaces.structures; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
