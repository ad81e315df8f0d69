"""Teachers for tests, named in studies as ``mini_teacher:NAME``; this folder is on PYTHONPATH while tests run."""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from ase.neighborlist import neighbor_list


def lennard_jones():
    """A toy solid: nearest neighbours near 2 angstrom, weakly bound."""
    return LennardJones(sigma=1.85, epsilon=0.05, rc=5.0, smooth=True)


class _Slow(LennardJones):
    """Takes its time, writes a line for every evaluation, and fails for a fifth of the cells it meets."""

    def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        time.sleep(float(os.environ.get("MINI_TEACHER_SECONDS", "0.1")))
        if "MINI_TEACHER_LOG" in os.environ:
            with Path(os.environ["MINI_TEACHER_LOG"]).open("a") as log:
                log.write(f"{len(self.atoms)} {self.atoms.positions.sum():.10f}\n")
        if self.parameters["fails"] and round(self.atoms.get_volume() * 1e6) % 5 == 0:
            raise ValueError("a bad day")


def slow_lennard_jones(fails=False):
    """As `lennard_jones`, slow enough to be killed in the middle, and counted."""
    return _Slow(sigma=1.85, epsilon=0.05, rc=5.0, smooth=True, fails=fails)


class _Moody(LennardJones):
    """Fails in a chosen way for structures of a chosen size."""

    def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        match len(self.atoms):
            case 2:
                raise ValueError("no convergence")
            case 3:
                self.results["energy"] = self.results["free_energy"] = np.nan
            case 4:
                time.sleep(60)
            case 5:
                os._exit(11)
            case 7:
                engine = subprocess.Popen(["sleep", "60"])
                Path(os.environ["MINI_TEACHER_LOG"]).write_text(str(engine.pid))
                engine.wait()


def moody():
    """Raises for 2 atoms, NaN for 3, hangs for 4, dies for 5, starts a hanging program for 7, fine otherwise."""
    return _Moody(sigma=1.85, epsilon=0.05, rc=5.0, smooth=True)


def unloadable():
    """Cannot be made."""
    raise RuntimeError("no licence")


def softer(model):
    """A model that was trained on `lennard_jones` and holds atoms less tightly; its file must be there."""
    if not Path(model).is_file():
        raise FileNotFoundError(model)
    return LennardJones(sigma=1.85, epsilon=0.03, rc=5.0, smooth=True)


class _Springs(Calculator):
    """Simple cubic crystals: each upright bond gains what its two elements say, each level bond costs ``stiffness`` times its strain squared.

    Strain is in the bulk alone: surfaces and interfaces are what their bonds are worth, however far a crystal is stretched.
    """

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, gains, lengths, stiffness):
        super().__init__()
        self.gains, self.lengths, self.stiffness = gains, lengths, stiffness

    def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        first, second, vectors, distances = neighbor_list("ijDd", self.atoms, 3.8)
        energy = 0.0
        symbols = self.atoms.get_chemical_symbols()
        for i, j, vector, distance in zip(first, second, vectors, distances, strict=True):
            if abs(vector[2]) < 1.0:
                energy += 0.5 * self.stiffness * (distance / self.lengths[symbols[i]] - 1.0) ** 2
            else:
                energy -= 0.5 * self.gains["-".join(sorted((symbols[i], symbols[j])))]
        self.results = {"energy": energy, "forces": np.zeros((len(symbols), 3)), "stress": np.zeros(6)}


def springs():
    """Copper and silver that bind each other less than themselves."""
    return _Springs({"Cu-Cu": 1.0, "Ag-Ag": 0.8, "Ag-Cu": 0.15}, {"Cu": 2.80, "Ag": 2.86}, 30.0)


class _WithoutStress(LennardJones):
    implemented_properties = ("energy", "forces")


def without_stress():
    """Cells cannot relax."""
    return _WithoutStress(sigma=1.85, epsilon=0.05, rc=5.0, smooth=True)


class _Counting(Calculator):
    """Atoms that do not see each other, but for sulfur, which gains 0.3 eV for each lithium above twelve within 2.9 angstrom."""

    implemented_properties = ("energy", "forces", "stress")
    energies = {"Li": -1.9, "O": -4.5, "Cl": -2.2, "S": -3.7}

    def calculate(self, atoms=None, properties=None, system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        symbols = np.array(self.atoms.get_chemical_symbols())
        energy = sum(self.energies[symbol] for symbol in symbols)
        first, second = neighbor_list("ij", self.atoms, {("S", "Li"): 2.9})
        for sulfur in np.flatnonzero(symbols == "S"):
            energy -= 0.3 * max(int((first == sulfur).sum()) - 12, 0)
        self.results = {"energy": float(energy), "forces": np.zeros((len(symbols), 3)), "stress": np.zeros(6)}


def counting():
    """Energies of compounds are the sums of their atoms, so that reservoirs must come out even."""
    return _Counting()
