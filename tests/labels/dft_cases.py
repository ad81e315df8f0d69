"""Structures, settings and tasks for the tests of the DFT codes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import write
from ase.spacegroup import crystal

from mlip_interfaces.config.dft import Dft, resolved
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings

HERE = Path(__file__).parent
ELEMENTS = ("Li", "Co", "O", "F", "P", "S", "Cl")
VALENCE = {"Li_sv": 3, "Co": 9, "O": 6, "F": 7, "P": 5, "S": 6, "Cl": 7}
U_ON_COBALT = {"Co": {"hubbard_u_ev": 5.14, "hubbard_orbital": "d"}}


def licoo2() -> Atoms:
    """The hexagonal cell, 12 atoms, with the cobalt first."""
    basis = [(0, 0, 0), (0, 0, 0.5), (0, 0, 0.2605)]
    return crystal(["Co", "Li", "O"], basis, spacegroup=166, cellpar=[2.816, 2.816, 14.05, 90, 90, 120])


def lif() -> Atoms:
    """Rock salt, 8 atoms, Li and F in turn."""
    return bulk("LiF", "rocksalt", a=4.03, cubic=True)


def interface() -> Atoms:
    """All seven elements, twice each, not grouped, in a skew cell."""
    rng = np.random.default_rng(3)
    symbols = [ELEMENTS[i] for i in rng.permutation(14) % 7]
    grid = np.array([(x, y, z) for x in range(2) for y in range(2) for z in range(4)])[:14]
    cell = np.array([(6.0, 0, 0), (0.5, 6.0, 0), (0, 0.25, 12.0)])
    scaled = (grid + 0.25) / (2, 2, 4) + np.round(rng.normal(0, 0.01, (14, 3)), 4)
    return Atoms(symbols, scaled_positions=scaled, cell=cell, pbc=True)


CASES = {"LiCoO2": licoo2, "LiF": lif, "interface": interface}


def settings(
    code: str, *, symbols: tuple[str, ...] = ELEMENTS, labels: dict[str, Any] | None = None, **dft: Any
) -> LabelSettings:
    """Settings as a study would have them, U = 5.14 eV on Co."""
    section = Dft.model_validate({"elements": U_ON_COBALT if "Co" in symbols else {}, **dft})
    return LabelSettings(calculator=code, dft=resolved(section, code, symbols), **(labels or {}))


def dft(code: str, **section: Any) -> Dft:
    """The resolved section of `settings`."""
    found = settings(code, **section).dft
    assert found is not None
    return found


def stand_in(code: str) -> str:
    """Command that runs the stand-in of a code."""
    return f"{sys.executable} {HERE / f'stand_in_{code}.py'}"


def potcars(folder: Path) -> Path:
    """A library of files that have a POTCAR's header and nothing else."""
    for name, valence in VALENCE.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "POTCAR").write_text(
            f"  PAW_PBE {name} 10Sep2004\n   TITEL  = PAW_PBE {name} 10Sep2004\n"
            f"   POMASS =    6.941; ZVAL   =    {valence}.000    mass and valenz\n   End of Dataset\n"
        )
    return folder


def task(folder: Path, atoms: Atoms, label_settings: LabelSettings, name: str = "task.000.000000") -> Path:
    """A task of the label driver."""
    (folder / name).mkdir(parents=True)
    write(folder / name / INPUT_FILE, atoms, format="vasp", direct=True)
    label_settings.write(folder / SETTINGS_FILE)
    return folder / name


def label_of(folder: Path) -> dict[str, Any]:
    """The label of a task."""
    return json.loads((folder / OUTPUT_FILE).read_text())


def assert_same_text(found: str, expected: str) -> None:
    """The same words, numbers to ten digits."""
    lines = found.splitlines()
    assert len(lines) == len(expected.splitlines())
    for line, wanted in zip(lines, expected.splitlines(), strict=True):
        words, others = line.split(), wanted.split()
        assert len(words) == len(others), f"{line!r} is not {wanted!r}"
        for word, other in zip(words, others, strict=True):
            if word != other:
                np.testing.assert_allclose(
                    float(word), float(other), rtol=1e-10, atol=1e-10, err_msg=f"{line!r} {wanted!r}"
                )
