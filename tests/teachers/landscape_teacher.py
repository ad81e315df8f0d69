"""Energy surfaces that are formulas, named as ``landscape_teacher:NAME``: every atom moves in them alone."""

import os
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class EggBox(Calculator):
    """Wells on a rectangular lattice: height/2 (1 - cos(2 pi x/length)) along each axis, for each atom.

    Between neighbouring wells the barrier is the height along that axis, exactly.
    """

    implemented_properties = ("energy", "forces")

    def __init__(self, lengths, heights, fails_above=np.inf):
        super().__init__()
        self.lengths, self.heights, self.fails_above = np.array(lengths), np.array(heights), fails_above

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        phase = 2 * np.pi * self.atoms.positions / self.lengths
        energy = float((self.heights / 2 * (1 - np.cos(phase))).sum())
        if energy > self.fails_above:
            raise RuntimeError("too high for me")
        self.results["energy"] = energy
        self.results["forces"] = -np.pi * self.heights / self.lengths * np.sin(phase)
        if "MINI_TEACHER_LOG" in os.environ:
            with Path(os.environ["MINI_TEACHER_LOG"]).open("a") as log:
                log.write(f"{energy:.6f}\n")


def egg_box(heights, fails_above=np.inf):
    """In a crystal of 3.0, 3.2 and 3.4 angstrom."""
    return EggBox((3.0, 3.2, 3.4), heights, fails_above)
