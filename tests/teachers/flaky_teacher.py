"""A teacher that fails for three structures in ten, in five ways; the structure decides, so that a repeat does the same."""

import os
import time
import zlib
from pathlib import Path

import numpy as np
from ase.calculators.lj import LennardJones

WAYS = ("dies", "not a number", "hangs", "garbage", "empty")


def fate(positions):
    """``fine`` or the way it fails."""
    number = zlib.crc32(np.ascontiguousarray(np.round(positions, 6) + 0.0).tobytes()) % 50
    return WAYS[number // 3] if number < 15 else "fine"


class _Flaky(LennardJones):
    def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        doom = fate(self.atoms.positions)
        with Path(os.environ["MINI_TEACHER_LOG"]).open("a") as log:
            log.write(f"{self.atoms.positions.sum():.8f} {doom}\n")
        match doom:
            case "dies":
                os._exit(9)
            case "not a number":
                self.results["forces"] = np.full_like(self.results["forces"], np.nan)
            case "hangs":
                time.sleep(600)
            case "garbage":
                self.results["forces"] = "segmentation fault"
            case "empty":
                self.results.clear()


def flaky():
    """The toy solid of `mini_teacher`, unreliable."""
    return _Flaky(sigma=1.85, epsilon=0.05, rc=5.0, smooth=True)
