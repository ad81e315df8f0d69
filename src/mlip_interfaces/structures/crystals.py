"""Crystals by name, from published lattices, or from the user's file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms
from ase.formula import Formula
from ase.io import read
from ase.spacegroup import crystal as ase_crystal

from mlip_interfaces.errors import StructureError


@dataclass(frozen=True, slots=True)
class CrystalData:
    """A conventional cell.

    Attributes
    ----------
    symbols, positions : one entry per orbit, fractional.
    space_group : number.
    cell : a, b, c (angstrom), alpha, beta, gamma (degrees).
    source : where the lattice comes from.
    setting : origin choice, as ASE counts it.
    """

    symbols: tuple[str, ...]
    positions: tuple[tuple[float, float, float], ...]
    space_group: int
    cell: tuple[float, float, float, float, float, float]
    source: str
    setting: int = 1


def _cubic(a: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, a, 90.0, 90.0, 90.0)


LIBRARY: dict[str, CrystalData] = {
    "LiCoO2": CrystalData(
        ("Li", "Co", "O"), ((0, 0, 0), (0, 0, 0.5), (0, 0, 0.2395)), 166,
        (2.8156, 2.8156, 14.0542, 90, 90, 120), "R-3m, experiment; z(O) of a PBEsol relaxation",
    ),
    "Li6PS5Cl": CrystalData(
        ("P", "Cl", "S", "S", "Li"),
        ((0, 0, 0.5), (0, 0, 0), (0.25, 0.25, 0.75), (0.1186, -0.1186, 0.6186), (0.25, 0.0183, 0.75)),
        216, _cubic(9.86026),
        "F-43m, neutron diffraction; ordered model: Cl on 4a, S on 4d, Li on the 24g midpoint of each 48h pair",
    ),
    "LiF": CrystalData(("Li", "F"), ((0, 0, 0), (0.5, 0.5, 0.5)), 225, _cubic(4.0263), "Fm-3m, experiment"),
    "LiCl": CrystalData(("Li", "Cl"), ((0, 0, 0), (0.5, 0.5, 0.5)), 225, _cubic(5.1396), "Fm-3m, experiment"),
    "Li2S": CrystalData(("S", "Li"), ((0, 0, 0), (0.25, 0.25, 0.25)), 225, _cubic(5.7158), "Fm-3m, experiment"),
    "Li": CrystalData(("Li",), ((0, 0, 0),), 229, _cubic(3.51), "Im-3m, experiment"),
    "Li3P": CrystalData(
        ("Li", "Li", "P"), ((0, 0, 0.25), (1 / 3, 2 / 3, 0.5864), (1 / 3, 2 / 3, 0.25)), 194,
        (4.273, 4.273, 7.594, 90, 90, 120), "P6_3/mmc, experiment",
    ),
    "Li3OCl": CrystalData(
        ("Cl", "O", "Li"), ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)), 221, _cubic(3.91), "Pm-3m, experiment"
    ),
    "Li7P3S11": CrystalData(
        ("Li",) * 7 + ("P",) * 3 + ("S",) * 11,
        (
            (0.09327, 0.28818, 0.29397), (0.15909, 0.61096, 0.88763), (0.20084, 0.03044, 0.74573),
            (0.26952, 0.32977, 0.89708), (0.28207, 0.66699, 0.50093), (0.30631, 0.82839, 0.30048),
            (0.40450, 0.13700, 0.12043), (0.13846, 0.83735, 0.06312), (0.18469, 0.22044, 0.54477),
            (0.47230, 0.47151, 0.27322), (0.09496, 0.18760, 0.68105), (0.09556, 0.82744, 0.60220),
            (0.15646, 0.68207, 0.09227), (0.16664, 0.50104, 0.29673), (0.19139, 0.14520, 0.94158),
            (0.19590, 0.82789, 0.90548), (0.24431, 0.40827, 0.57355), (0.38011, 0.97976, 0.20448),
            (0.45359, 0.15982, 0.51303), (0.47653, 0.51882, 0.87845), (0.49231, 0.68244, 0.70228),
        ),
        2, (6.1172, 12.3091, 12.5689, 107.626, 102.685, 102.259),
        "P-1, relaxed with a published moment tensor potential (optB88)",
    ),
}  # fmt: skip


def load_crystal(material: str) -> Atoms:
    """Conventional cell of a library crystal, or the structure of a CIF or POSCAR file.

    Raises
    ------
    StructureError
        If the name is unknown, the file cannot be read, or its sites are partly occupied.
    """
    if material in LIBRARY:
        data = LIBRARY[material]
        atoms = ase_crystal(
            data.symbols, data.positions, spacegroup=data.space_group, cellpar=data.cell, setting=data.setting
        )
        return Atoms(
            atoms.get_chemical_symbols(),
            scaled_positions=atoms.get_scaled_positions(),
            cell=atoms.cell,
            pbc=True,
        )
    path = Path(material)
    if not path.is_file():
        close = difflib.get_close_matches(material, LIBRARY, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"The library holds {', '.join(sorted(LIBRARY))}."
        raise StructureError(f"'{material}' is neither a crystal of the library nor a file. {hint}")
    try:
        atoms = read(path)
    except Exception as error:  # noqa: BLE001 (ASE's readers raise anything at all)
        raise StructureError(f"{path} cannot be read as a structure: {error}") from error
    occupancy = atoms.info.get("occupancy", {})
    if any(len(site) > 1 or any(share < 0.999 for share in site.values()) for site in occupancy.values()):
        raise StructureError(f"{path} has partly occupied sites; order them first and give the ordered structure.")
    return Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)


def crystal_elements(material: str) -> tuple[str, ...]:
    """Elements of a library crystal or structure file, in the order of its formula.

    Raises
    ------
    StructureError
        As `load_crystal`.
    """
    if material in LIBRARY:
        return tuple(Formula(material).count())
    return tuple(dict.fromkeys(load_crystal(material).get_chemical_symbols()))


def bulk_cell(material: str, min_length_angstrom: float = 5.5) -> Atoms:
    """The conventional cell, repeated until every lattice vector has at least the given length."""
    atoms = load_crystal(material)
    repeats: Sequence[int] = [max(1, round(min_length_angstrom / length + 0.49)) for length in atoms.cell.lengths()]
    return atoms.repeat(repeats)
