"""Energies of crystals, relaxed with any calculator, as a file of entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_json
from mlip_interfaces.screening.relaxing.relaxation import relaxed, start_hash
from mlip_interfaces.screening.same_request import read_kept, require_same
from mlip_interfaces.structures.crystals import LIBRARY, crystal_elements, load_crystal

if TYPE_CHECKING:
    from ase import Atoms


@dataclass(frozen=True, slots=True)
class RelaxedCrystal:
    """One crystal at rest.

    Attributes
    ----------
    name : str
        Of the library, or of a file.
    formula : str
        Of the cell.
    energy_ev_per_atom : float, eV
        After the relaxation.
    converged : bool
        Whether forces and stress came below the bound.
    is_new : bool
        Whether it was relaxed now, and not found in the file.
    """

    name: str
    formula: str
    energy_ev_per_atom: float
    converged: bool
    is_new: bool


def crystals_of(elements: Sequence[str], structures: Iterable[Path] = ()) -> dict[str, Atoms]:
    """Crystals of the library that have no other elements, and those of files.

    Parameters
    ----------
    elements : sequence of str
        Symbols.
    structures : iterable of Path, optional
        Files of more crystals, as `load_crystal` reads them.

    Returns
    -------
    dict of str to ase.Atoms
        Primitive cells by name.

    Raises
    ------
    InputFileError
        If a symbol is none, two files have one name, or a file has another element.
    """
    from ase.data import chemical_symbols

    for symbol in elements:
        if symbol not in chemical_symbols[1:]:
            raise InputFileError(f"'{symbol}' is no element; give symbols as in Li,P,S.")
    found = {name: load_crystal(name) for name in LIBRARY if set(crystal_elements(name)) <= set(elements)}
    for path in structures:
        atoms = load_crystal(path)
        others = sorted(set(atoms.get_chemical_symbols()) - set(elements))
        if others:
            raise InputFileError(
                f"{path} has {', '.join(others)}, which --elements does not name; add it, or leave out the file."
            )
        if path.stem in found:
            raise InputFileError(f"{path}: there is a crystal called {path.stem} already; rename the file.")
        found[path.stem] = atoms
    return {name: _primitive(atoms) for name, atoms in found.items()}


def missing_references(elements: Sequence[str], crystals: Mapping[str, Atoms]) -> tuple[str, ...]:
    """Elements that no crystal is made of alone.

    Parameters
    ----------
    elements : sequence of str
        Symbols.
    crystals : mapping of str to ase.Atoms
        As `crystals_of` gives them.

    Returns
    -------
    tuple of str
        Those that a window needs and that a file has to give.
    """
    alone = {atoms.symbols[0] for atoms in crystals.values() if len(set(atoms.get_chemical_symbols())) == 1}
    return tuple(symbol for symbol in elements if symbol not in alone)


def relax_crystals(
    crystals: Mapping[str, Atoms],
    calculator: Any,
    path: Path,
    settings: Mapping[str, object],
    *,
    fmax_ev_per_angstrom: float,
    max_steps: int,
    provenance: Mapping[str, object],
    report: Callable[[RelaxedCrystal], None],
) -> list[RelaxedCrystal]:
    """Relax cells and positions, and write the file anew after each crystal.

    Parameters
    ----------
    crystals : mapping of str to ase.Atoms
        By name.
    calculator : ase.calculators.calculator.Calculator
        With energy, forces and stress.
    path : Path
        JSON with ``entries`` of pymatgen; what it has of the same settings and starts is kept.
    settings : mapping of str to object
        Of the calculator, for the file.
    fmax_ev_per_angstrom : float, eV/angstrom
        Bound on forces, and on those on the cell.
    max_steps : int
        At most.
    provenance : mapping of str to object
        For the file.
    report : callable
        Called with each crystal.

    Returns
    -------
    list of RelaxedCrystal
        In the order given.

    Raises
    ------
    OtherInputsError
        If the file was made with other settings.
    StructureError
        If an energy is no number.
    """
    settings = dict(settings) | {"fmax_ev_per_angstrom": fmax_ev_per_angstrom, "max_steps": max_steps}
    before = _entries_before(path, settings)
    entries: dict[str, dict[str, Any]] = dict(before)
    done = []
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, start in crystals.items():
        mark = start_hash(start)
        known = before.get(name)
        is_new = known is None or known["data"]["start_sha256"] != mark
        if is_new:
            entries[name] = _entry(name, start, calculator, settings, mark, fmax_ev_per_angstrom, max_steps)
        missing = [other for other in crystals if other not in entries]
        write_json(
            path, {"entries": list(entries.values()), "missing": missing, "settings": settings} | dict(provenance)
        )
        entry = entries[name]
        crystal = RelaxedCrystal(
            name,
            start.get_chemical_formula(),
            entry["energy"] / len(start),
            entry["data"]["converged"],
            is_new,
        )
        report(crystal)
        done.append(crystal)
    return done


def _entries_before(path: Path, settings: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    content = read_kept(path, "'screen entries'", "settings", "entries")
    require_same(path, content["settings"], settings, results="energies")
    return {entry["entry_id"]: entry for entry in content["entries"]}


def _entry(
    name: str,
    start: Atoms,
    calculator: Any,
    settings: Mapping[str, object],
    mark: str,
    fmax_ev_per_angstrom: float,
    max_steps: int,
) -> dict[str, Any]:
    atoms, converged, n_steps = relaxed(
        start, calculator, "all", fmax_ev_per_angstrom=fmax_ev_per_angstrom, max_steps=max_steps, name=name
    )
    symbols = atoms.get_chemical_symbols()
    return {
        "@module": "pymatgen.entries.computed_entries",
        "@class": "ComputedEntry",
        "entry_id": name,
        "composition": {symbol: symbols.count(symbol) for symbol in dict.fromkeys(symbols)},
        "energy": float(atoms.get_potential_energy()),
        "correction": 0.0,
        "energy_adjustments": [],
        "parameters": dict(settings),
        "data": {
            "converged": converged,
            "n_steps": n_steps,
            "largest_force_ev_per_angstrom": float(np.abs(atoms.get_forces()).max()),
            "volume_angstrom3_per_atom": float(atoms.get_volume()) / len(atoms),
            "volume_change_fraction": float(atoms.get_volume() / start.get_volume() - 1.0),
            "start_sha256": mark,
        },
    }


def _primitive(atoms: Atoms) -> Atoms:
    import spglib
    from ase import Atoms

    found = spglib.find_primitive((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), symprec=1e-3)
    if found is None:
        return atoms
    cell, positions, numbers = found
    return Atoms(numbers=numbers, scaled_positions=positions, cell=cell, pbc=True)
