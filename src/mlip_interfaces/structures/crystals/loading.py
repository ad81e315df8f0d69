"""Crystals by name, from published lattices, or from the user's file or structure object."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from mlip_interfaces.errors import StructureError, StructureWarning
from mlip_interfaces.structures.crystals.cif import PartlyOccupiedError
from mlip_interfaces.structures.crystals.library import DEFAULT_POLYMORPHS, LIBRARY, CrystalData
from mlip_interfaces.structures.crystals.plausibility import check_plausible
from mlip_interfaces.structures.crystals.reading import read_structure, without_extras
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

if TYPE_CHECKING:
    from pymatgen.core import Structure

_ARGYRODITE = "Li6PS5Cl"
_INVERSION = re.compile(rf"{_ARGYRODITE}:inversion=([0-9.]+)(?:,seed=(\d+))?")


@dataclass(frozen=True, slots=True)
class CrystalSummary:
    """One line of the table of crystals.

    Attributes
    ----------
    name, formula, source : str
        As in the library; the path and formula of a file.
    space_group : str
        Symbol and number; of anything but a library entry as found to 0.01 angstrom.
    n_atoms : int
        In the cell as `load_crystal` gives it.
    density_g_per_cm3 : float, g/cm^3
        Of that cell.
    """

    name: str
    formula: str
    space_group: str
    n_atoms: int
    density_g_per_cm3: float
    source: str


def load_crystal(material: str | Path | Atoms | Structure) -> Atoms:
    """Conventional cell of a library crystal, or the structure of a file or object.

    Parameters
    ----------
    material : str, Path, ase.Atoms or pymatgen Structure
        A library name (``LiCoO2``, ``beta-Li3PS4``); a formula with several polymorphs means its default;
        ``Li6PS5Cl:inversion=0.5,seed=1`` for the argyrodite with exchanged anions; the path of a CIF, POSCAR or any
        other file that ASE reads; an ASE or pymatgen structure.

    Returns
    -------
    ase.Atoms
        Symbols, positions and cell alone, periodic in all directions.

    Raises
    ------
    StructureError
        If the name is unknown, the file cannot be read, sites are partly occupied, or atoms are on each other.

    Warns
    -----
    StructureWarning
        With what was assumed when a file was read, and what is doubtful about the structure.
    """
    atoms, notes = _load(material)
    for note in notes:
        warnings.warn(note, StructureWarning, stacklevel=2)
    return atoms


def _load(material: str | Path | Atoms | Structure) -> tuple[Atoms, tuple[str, ...]]:
    """The crystal, and notes on how it was read."""
    if not isinstance(material, (str, Path)):
        what = "The given structure"
        try:
            bare = without_extras(material, what) if isinstance(material, Atoms) else _from_pymatgen(material)
        except PartlyOccupiedError as error:
            raise _disordered(what, error.sites, error.elements) from error
        return bare, tuple(f"{what}: {note}." for note in check_plausible(bare, what))
    name = str(material)
    entry = library_entry(name)
    if entry is not None:
        return _conventional_cell(entry), ()
    if match := _INVERSION.fullmatch(name):
        return argyrodite(float(match[1]), seed=int(match[2] or 0)), ()
    path = Path(material)
    if not os.path.isfile(path):
        known = [*LIBRARY, *DEFAULT_POLYMORPHS]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"The library holds {', '.join(sorted(known))}."
        raise StructureError(f"'{name}' is neither a crystal of the library nor a file. {hint}")
    try:
        return read_structure(path)
    except PartlyOccupiedError as error:
        raise _disordered(str(path), error.sites, error.elements) from error


def library_entry(name: str) -> CrystalData | None:
    """Look up a crystal in the library; a formula with several polymorphs means its default.

    Parameters
    ----------
    name : str
        A name of the library, or such a formula.

    Returns
    -------
    CrystalData or None
        None if there is none of that name.
    """
    return LIBRARY.get(DEFAULT_POLYMORPHS.get(name, name))


def in_library(name: str) -> bool:
    """Whether a name means a crystal of the library, the argyrodite with exchanged anions included.

    Parameters
    ----------
    name : str
        As `load_crystal` takes it.

    Returns
    -------
    bool
        False for a file, and for a name that means nothing.

    Examples
    --------
    >>> in_library("Li6PS5Cl:inversion=0.5"), in_library("Li6PS5Cl.cif")
    (True, False)
    """
    return _underlying_entry(name) is not None


def argyrodite(inversion_fraction: float, *, seed: int, repeats: tuple[int, int, int] = (1, 1, 1)) -> Atoms:
    """Li6PS5Cl with a fraction of the Cl on 4a exchanged with S on 4d.

    Parameters
    ----------
    inversion_fraction : float
        Share of the 4a sites that hold S; round(fraction x N) exchanges are made, N being four per cell, so that one
        cell knows only quarters.
    seed : int
        Which sites.
    repeats : (3,) tuple of int
        Cells along each axis, repeated before the exchange.

    Returns
    -------
    ase.Atoms
        With as many atoms of each element as the ordered crystal.

    Raises
    ------
    StructureError
        If the fraction is not between 0 and 1, or rounds to no exchange.

    Notes
    -----
    Neutron diffraction finds about 0.6 on 4a; 0 is the library's ordered ``Li6PS5Cl``, 1 is ordered the other way.
    Lithium stays on 24g; relax before use.
    """
    if not 0.0 <= inversion_fraction <= 1.0:
        raise StructureError(f"An inversion of {inversion_fraction:g} is not a fraction; give one between 0 and 1.")
    atoms = _conventional_cell(LIBRARY[_ARGYRODITE]).repeat(repeats)
    symbols = np.array(atoms.get_chemical_symbols())
    doubled = atoms.get_scaled_positions() * np.array(repeats) * 2.0
    halves = np.abs(doubled - np.round(doubled)).max(axis=1) < 0.01  # 4a and 4b, as opposed to 4d at quarters
    quarters = np.abs(doubled - np.floor(doubled) - 0.5).max(axis=1) < 0.01
    chlorine, sulfur = np.flatnonzero((symbols == "Cl") & halves), np.flatnonzero((symbols == "S") & quarters)
    n_exchanged = round(inversion_fraction * chlorine.size)
    if inversion_fraction > 0.0 and n_exchanged == 0:
        raise StructureError(
            f"An inversion of {inversion_fraction:g} on {chlorine.size} sites rounds to none; the smallest is "
            f"{1 / chlorine.size:g}, or repeat the cell first."
        )
    rng = np.random.default_rng(seed)
    symbols[rng.choice(chlorine, n_exchanged, replace=False)] = "S"
    symbols[rng.choice(sulfur, n_exchanged, replace=False)] = "Cl"
    atoms.set_chemical_symbols(symbols.tolist())
    return atoms


def crystal_elements(material: str) -> tuple[str, ...]:
    """Elements of a crystal in the order of its formula.

    Parameters
    ----------
    material : str
        Library name, or file, as `load_crystal` takes it.

    Returns
    -------
    tuple of str
        Symbols; of a file in the order of its atoms.

    Raises
    ------
    StructureError
        As `load_crystal`.
    """
    entry = _underlying_entry(material)
    if entry is not None:
        # ASE's Formula knows no fractional counts, as in LiNi0.5Mn1.5O4.
        return tuple(dict.fromkeys(re.findall("[A-Z][a-z]?", entry.formula)))
    return tuple(dict.fromkeys(load_crystal(material).get_chemical_symbols()))


def bulk_cell(material: str, min_length_angstrom: float = 5.5) -> Atoms:
    """Repeat the conventional cell until every lattice vector is long enough.

    Parameters
    ----------
    material : str
        Library name, or file, as `load_crystal` takes it.
    min_length_angstrom : float, angstrom, optional
        Shortest lattice vector wanted.

    Returns
    -------
    ase.Atoms
        The repeated cell.

    Raises
    ------
    StructureError
        As `load_crystal`.
    """
    atoms = load_crystal(material)
    repeats: Sequence[int] = [max(1, round(min_length_angstrom / length + 0.49)) for length in atoms.cell.lengths()]
    return atoms.repeat(repeats)


def summarise_crystal(material: str) -> CrystalSummary:
    """Name, formula, space group, size, density and source of a crystal.

    Parameters
    ----------
    material : str
        Library name, or file, as `load_crystal` takes it.

    Returns
    -------
    CrystalSummary
        Of the cell that `load_crystal` gives.

    Raises
    ------
    StructureError
        As `load_crystal`.
    """
    atoms = load_crystal(material)
    entry = library_entry(material)
    base = _underlying_entry(material)
    return CrystalSummary(
        name=DEFAULT_POLYMORPHS.get(material, material),
        formula=base.formula if base else atoms.symbols.formula.reduce()[0].format("metal"),
        space_group=f"{entry.space_group_symbol} ({entry.space_group})" if entry else _found_space_group(atoms),
        n_atoms=len(atoms),
        density_g_per_cm3=float(atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_ANGSTROM3_TO_G_PER_CM3),
        source=entry.source if entry else (f"{base.source}; anions exchanged" if base else "file"),
    )


def crystal_table() -> tuple[CrystalSummary, ...]:
    """Every crystal of the library, in its order."""
    return tuple(summarise_crystal(name) for name in LIBRARY)


def _underlying_entry(name: str) -> CrystalData | None:
    """The library's entry, that of the ordered argyrodite for one with exchanged anions."""
    return LIBRARY[_ARGYRODITE] if _INVERSION.fullmatch(name) else library_entry(name)


def _conventional_cell(data: CrystalData) -> Atoms:
    from ase.spacegroup import crystal as ase_crystal

    atoms = ase_crystal(
        [orbit[0] for orbit in data.orbits],
        [orbit[1:] for orbit in data.orbits],
        spacegroup=data.space_group,
        cellpar=data.cell,
        setting=1,
    )
    positions = atoms.get_scaled_positions()
    return Atoms(atoms.get_chemical_symbols(), scaled_positions=positions, cell=atoms.cell, pbc=True)


def _found_space_group(atoms: Atoms) -> str:
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        analyzer = SpacegroupAnalyzer(AseAtomsAdaptor.get_structure(atoms), symprec=0.01)
    except SymmetryUndeterminedError:
        return "no space group found"
    return f"{analyzer.get_space_group_symbol()} ({analyzer.get_space_group_number()})"


def _from_pymatgen(structure: Structure) -> Atoms:
    if not structure.is_ordered:
        sites = {str(site.species): None for site in structure if not site.is_ordered}
        raise PartlyOccupiedError(list(sites), {element.symbol for element in structure.elements})
    symbols = [site.specie.symbol for site in structure]
    return Atoms(symbols, scaled_positions=structure.frac_coords, cell=structure.lattice.matrix, pbc=True)


def _disordered(what: str, sites: list[str], elements: set[str]) -> StructureError:
    ordered = [name for name in LIBRARY if set(crystal_elements(name)) == elements]
    hint = f", or take the ordered crystal of the library, '{ordered[0]}'" if ordered else ""
    return StructureError(
        f"{what} has partly occupied sites ({'; '.join(sites)}): a simulation needs one atom or none on each. Order them "
        f"first, for example with pymatgen's OrderDisorderedStructureTransformation{hint}."
    )
