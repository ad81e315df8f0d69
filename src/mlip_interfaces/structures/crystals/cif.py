"""Crystals of CIF and magnetic CIF files: the sites and elements as they are written, the symmetry of the setting meant."""

from __future__ import annotations

import gzip
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals.plausibility import is_impossible
from mlip_interfaces.structures.crystals.symmetry_of_cif import Setting, settings_of
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

SAME_SPOT_ANGSTROM = 0.1
"""Images of one site closer than this are one atom on a special position: 0.333 stands for a third."""

_EXACT_ANGSTROM, _NOTED_ANGSTROM = 0.005, 0.0005
_COMPOSITION_TOLERANCE, _COMPOSITION_LIMIT = 0.02, 0.1
_DENSITY_TOLERANCE = 0.05
_UNKNOWN = ("", "?", ".")
_CELL_KEYS = (
    "_cell_length_a", "_cell_length_b", "_cell_length_c", "_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma",
)  # fmt: skip
_SPECIES = re.compile(r"([A-Za-z]{1,2})(?:\d*[+-]?|[+-]\d*|\d+(?:\.\d+)?[+-]?)")
_MIXED = re.compile(r"\d*\.\d+\s*[A-Z][a-z]?|[A-Z][a-z]?\s*\d*\.\d+|[A-Z][a-z]?\d*[+-]?\s*[,/&+]\s*[A-Z][a-z]?")


@dataclass(frozen=True, slots=True)
class Site:
    """One row of a CIF's table of atoms.

    Attributes
    ----------
    element : str
        Its symbol.
    fractional : (3,) tuple of float
        Position in units of the cell.
    occupancy : float
        1 where the file says nothing.
    """

    element: str
    fractional: tuple[float, float, float]
    occupancy: float


class PartlyOccupiedError(StructureError):
    """Sites that hold more or less than one atom.

    Parameters
    ----------
    sites : sequence of str
        As in ``Li0.9``.
    elements : set of str
        All elements of the crystal.
    """

    def __init__(self, sites: Sequence[str], elements: set[str]) -> None:
        super().__init__("; ".join(sites))
        self.sites, self.elements = list(dict.fromkeys(sites)), elements


def is_cif(path: Path) -> bool:
    """Whether a file is a CIF, by its name or its content.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        True for ``*.cif``, ``*.mcif`` (both also ``.gz``) and what begins with a data block that has a cell.
    """
    if path.name.lower().removesuffix(".gz").endswith((".cif", ".mcif")):
        return True
    with path.open("rb") as file:
        head = file.read(20_000).decode("latin1").lower()
    return bool(re.search(r"^data_", head, flags=re.MULTILINE)) and "_cell_length_a" in head


def read_cif(path: Path) -> tuple[Atoms, tuple[str, ...]]:
    """All atoms in the cell of a CIF.

    Parameters
    ----------
    path : Path
        With one crystal.

    Returns
    -------
    atoms : ase.Atoms
        Every atom of the cell, periodic.
    notes : tuple of str
        What was assumed, or left out, in sentences.

    Raises
    ------
    PartlyOccupiedError
        If a site holds more or less than one atom.
    StructureError
        If there is no crystal or more than one, or its elements, positions or symmetry cannot be known.
    """
    blocks = _blocks(path)
    if not blocks:
        raise StructureError(f"{path} has no crystal in it: no data block has a table of atoms with coordinates.")
    if len(blocks) > 1:
        names = ", ".join(f"data_{name}" for name, _ in blocks)
        raise StructureError(
            f"{path} holds {len(blocks)} crystals ({names}); keep the block you mean in a file of its own."
        )
    name, tags = blocks[0]
    where = f"{path}, block data_{name},"
    cell = _cell(tags, where)
    sites, notes = _sites(tags, cell, where)
    elements = {site.element for site in sites}
    partial = [f"{site.element}{site.occupancy:.3g}" for site in sites if abs(site.occupancy - 1.0) > 1e-3]
    if partial:
        raise PartlyOccupiedError(partial, elements)
    settings = settings_of(tags, cell, where)
    if not settings:
        notes.append("it says nothing of its symmetry; the listed atoms were taken for all of the cell (P 1)")
        settings = (Setting("P1", np.eye(3)[None], np.zeros((1, 3))),)
    atoms, chosen = _of_best_setting(sites, cell, settings, _formula(tags))
    others = [setting for setting in settings if setting is not chosen]
    if chosen is not settings[0]:
        notes.append(
            f"its space group has several settings; {chosen.name} was taken, for {settings[0].name} puts atoms on each other or "
            "disagrees with the formula"
        )
    elif chosen.is_origin_choice and any(setting.is_origin_choice for setting in others):
        notes.append(f"it does not say which origin of its space group is meant; {chosen.name} was taken")
    moved = _farthest_moved(sites, atoms)
    if moved > _NOTED_ANGSTROM:
        notes.append(
            f"coordinates given to few digits (0.333 for a third) were put on their special positions, up to {moved:.3f} angstrom away"
        )
    return atoms, (*notes, *_disagreements(atoms, tags, where))


def _blocks(path: Path) -> list[tuple[str, dict[str, list[str]]]]:
    """Name and tags of every data block with a table of atoms."""
    from ase.io.cif import parse_cif

    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parsed = list(parse_cif(io.BytesIO(content)))
        except Exception as error:  # noqa: BLE001 (ASE's parser raises anything at all)
            raise StructureError(f"{path} cannot be read as a CIF ({type(error).__name__}: {error}).") from error
    blocks = []
    for block in parsed:
        tags = {
            key.lower().replace(".", "_"): [str(item) for item in (value if isinstance(value, list) else [value])]
            for key, value in block.items()
        }
        if "_atom_site_fract_x" in tags or "_atom_site_cartn_x" in tags:
            blocks.append((block.name, tags))
    return blocks


def _cell(tags: dict[str, list[str]], where: str) -> NDArray[np.float64]:
    from ase.geometry import cellpar_to_cell

    missing = [key for key in _CELL_KEYS if not tags.get(key) or _number(tags[key][0]) is None]
    if missing:
        raise StructureError(f"{where} has no number for {', '.join(missing)}; a crystal needs its cell.")
    values = [_number(tags[key][0]) for key in _CELL_KEYS]
    cell = np.asarray(cellpar_to_cell(values), dtype=np.float64)
    if not np.isfinite(cell).all() or np.linalg.det(cell) < 1e-3:
        raise StructureError(f"{where} has the cell {' '.join(map(str, values))}, which has no volume.")
    return cell


def _sites(tags: dict[str, list[str]], cell: NDArray[np.float64], where: str) -> tuple[list[Site], list[str]]:
    """The rows of the table of atoms, and notes on those that were left out."""
    keys = [f"_atom_site_fract_{axis}" for axis in "xyz"]
    cartesian = any(key not in tags for key in keys)
    columns = [tags.get(key, []) for key in ([f"_atom_site_cartn_{axis}" for axis in "xyz"] if cartesian else keys)]
    n_rows = len(columns[0])
    labels, types = tags.get("_atom_site_label", []), tags.get("_atom_site_type_symbol", [])
    occupancies = tags.get("_atom_site_occupancy", [])
    flags, hydrogens = tags.get("_atom_site_calc_flag", []), tags.get("_atom_site_attached_hydrogens", [])
    if any(len(column) != n_rows for column in columns):
        raise StructureError(f"{where} has a table of atoms whose rows have not all three coordinates.")
    known = frozenset(_formula(tags))
    capitals = [word for word in labels if word[:2].isalpha() and len(word) > 1]
    sites, notes, left_out = [], [], []
    for row in range(n_rows):
        label = labels[row] if row < len(labels) else f"row {row + 1}"
        position = [_number(column[row]) for column in columns]
        if row < len(flags) and flags[row].lower() == "dum":
            left_out.append(label)
            continue
        if any(value is None for value in position):
            left_out.append(label)
            continue
        symbol = types[row] if row < len(types) and types[row] not in _UNKNOWN else ""
        element = _element(symbol, label, known, bool(capitals) and all(w[:2].isupper() for w in capitals), where)
        text = occupancies[row] if row < len(occupancies) else "1"
        occupancy = 1.0 if text in _UNKNOWN else _number(text)
        if occupancy is None:
            raise StructureError(f"{where} gives {label} the occupancy '{text}', which is no number.")
        fractional = np.array(position, dtype=np.float64)
        if cartesian:
            fractional = fractional @ np.linalg.inv(cell)
        sites.append(Site(element, (float(fractional[0]), float(fractional[1]), float(fractional[2])), occupancy))
        if row < len(hydrogens) and (_number(hydrogens[row]) or 0.0) > 0:
            notes.append(f"{label} has attached hydrogen that has no coordinates; it was left out")
    if left_out:
        notes.append(f"sites without coordinates were left out: {', '.join(left_out)}")
    if not sites:
        raise StructureError(f"{where} has no atom with coordinates.")
    return sites, notes


def _element(symbol: str, label: str, known: frozenset[str], capitals: bool, where: str) -> str:
    """Element of a site, from its type symbol or else from its label."""
    for text in (symbol, label):
        if _MIXED.search(text):
            shares = re.findall(r"(\d*\.?\d*)\s*([A-Z][a-z]?)\s*(\d*\.\d+)?", text)
            elements = {element for _, element, _ in shares if element in atomic_numbers}
            if len(elements) > 1 or (elements and re.search(r"\d\.\d|\.\d", text)):
                raise PartlyOccupiedError([text], elements)
    if symbol:
        match = _SPECIES.fullmatch(symbol)
        element = _spelled(match[1]) if match else ""
        if element not in atomic_numbers:
            raise StructureError(
                f"{where} gives {label} the type symbol '{symbol}', which is no element; write its symbol, as in Li or Li1+."
            )
        return element
    letters = re.match(r"[A-Za-z]+", label)
    start = letters[0] if letters else ""
    candidates = [_spelled(start[:2]), _spelled(start[:1])]
    candidates = [element for element in dict.fromkeys(candidates) if element in atomic_numbers]
    if len(start) > 1 and start[1].isupper() and not capitals and not start[0].islower():
        candidates.reverse()  # OH1 beside Li1 is an oxygen; NA1 beside CL1 is sodium
    candidates = [element for element in candidates if element in known] or candidates
    if start.lower() in {"wat", "vac", "va"} or not candidates:
        raise StructureError(
            f"{where} has the atom '{label}' whose element cannot be told; add _atom_site_type_symbol to its table."
        )
    return candidates[0]


def _spelled(letters: str) -> str:
    """The symbol with its first letter alone a capital; deuterium is hydrogen."""
    element = letters.capitalize()
    return "H" if element in ("D", "T") else element


def _of_best_setting(
    sites: Sequence[Site], cell: NDArray[np.float64], settings: tuple[Setting, ...], formula: dict[str, float]
) -> tuple[Atoms, Setting]:
    """The first setting whose crystal is possible and has the formula; else the first that is possible; else the first."""
    first: tuple[Atoms, Setting] | None = None
    possible: tuple[Atoms, Setting] | None = None
    for setting in settings:
        atoms = _expanded(sites, cell, setting)
        first = first or (atoms, setting)
        if is_impossible(atoms):
            continue
        possible = possible or (atoms, setting)
        if not formula or _deviation(atoms, formula) < _COMPOSITION_TOLERANCE:
            return atoms, setting
    assert first is not None
    return possible or first


def _expanded(sites: Sequence[Site], cell: NDArray[np.float64], setting: Setting) -> Atoms:
    symbols: list[str] = []
    rows: list[NDArray[np.float64]] = []
    for site in sites:
        images = setting.rotations @ np.array(site.fractional) + setting.translations
        groups = _merged(images, cell, SAME_SPOT_ANGSTROM)
        if len({len(group) for group in groups}) > 1:
            groups = _merged(images, cell, _EXACT_ANGSTROM)
        for group in groups:
            centre = group.mean(axis=0)
            # A site that is listed twice, or with all its images, is one.
            if rows:
                difference = np.array(rows) - centre
                near = np.linalg.norm((difference - np.round(difference)) @ cell, axis=1) < SAME_SPOT_ANGSTROM
                if any(symbols[i] == site.element for i in np.flatnonzero(near)):
                    continue
            symbols.append(site.element)
            rows.append(centre)
    scaled = np.array(rows) % 1.0
    scaled[scaled > 1.0 - 1e-9] = 0.0
    return Atoms(symbols, scaled_positions=scaled, cell=cell, pbc=True)


def _farthest_moved(sites: Sequence[Site], atoms: Atoms) -> float:
    """How far the listed sites are from the atoms made of them, angstrom."""
    scaled, cell = atoms.get_scaled_positions(), np.asarray(atoms.cell)
    farthest = 0.0
    for site in sites:
        difference = scaled[[symbol == site.element for symbol in atoms.get_chemical_symbols()]] - np.array(
            site.fractional
        )
        distances = np.linalg.norm((difference - np.round(difference)) @ cell, axis=1)
        farthest = max(farthest, float(distances.min()))
    return farthest


def _merged(
    images: NDArray[np.float64], cell: NDArray[np.float64], distance_angstrom: float
) -> list[NDArray[np.float64]]:
    """Images on one spot, each moved by whole cells next to the first of them."""
    groups = []
    left = images
    while len(left):
        difference = left - left[0]
        near = difference - np.round(difference)
        same = np.linalg.norm(near @ cell, axis=1) < distance_angstrom
        groups.append(left[0] + near[same])
        left = left[~same]
    return groups


def _disagreements(atoms: Atoms, tags: dict[str, list[str]], where: str) -> list[str]:
    """What the file says of its composition and density otherwise than its atoms."""
    notes = []
    formula = _formula(tags)
    if formula:
        text = tags["_chemical_formula_sum"][0]
        deviation = _deviation(atoms, formula)
        found = atoms.symbols.formula.reduce()[0].format("metal")
        if deviation > _COMPOSITION_LIMIT:
            raise StructureError(
                f"{where} says '{text}' (_chemical_formula_sum), its atoms make {found}; add the atoms that are missing, or "
                "correct the formula."
            )
        if deviation > _COMPOSITION_TOLERANCE:
            notes.append(f"its formula is '{text}', its atoms make {found}")
        units = _number(tags.get("_cell_formula_units_z", ["?"])[0])
        # Some programs write the formula of the whole cell.
        total = sum(formula.values())
        if units and all(
            abs(number - len(atoms)) > _COMPOSITION_TOLERANCE * len(atoms) for number in (total, units * total)
        ):
            notes.append(f"{units:g} units of '{text}' are {units * total:g} atoms, its cell has {len(atoms)}")
    stated = _number(tags.get("_exptl_crystal_density_diffrn", ["?"])[0])
    density = float(atoms.get_masses().sum() / atoms.get_volume() * AMU_PER_ANGSTROM3_TO_G_PER_CM3)
    if stated and abs(stated - density) > _DENSITY_TOLERANCE * density:
        notes.append(f"it says {stated:g} g/cm3, its atoms and cell make {density:.3f} g/cm3")
    return notes


def _deviation(atoms: Atoms, formula: dict[str, float]) -> float:
    """Largest relative difference of an element's share; 1 where an element is on one side alone."""
    symbols = atoms.get_chemical_symbols()
    total = sum(formula.values())
    worst = 0.0
    for element in {*symbols, *formula}:
        found, said = symbols.count(element) / len(symbols), formula.get(element, 0.0) / total
        worst = max(worst, abs(found - said) / max(found, said))
    return worst


def _formula(tags: dict[str, list[str]]) -> dict[str, float]:
    """Counts of the formula in the file; empty where it has none that can be read."""
    text = tags.get("_chemical_formula_sum", ["?"])[0]
    if not re.fullmatch(r"(?:[A-Z][a-z]?\d*\.?\d*[\s,]*)+", text):
        return {}
    counts: dict[str, float] = {}
    for symbol, number in re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", text):
        element = _spelled(symbol)
        if element not in atomic_numbers:
            return {}
        counts[element] = counts.get(element, 0.0) + (float(number) if number else 1.0)
    return {element: count for element, count in counts.items() if count > 0}


def _number(text: str) -> float | None:
    """A number, with or without its uncertainty, or a fraction such as 1/3; None for anything else."""
    text = re.sub(r"\(\d*\)?$", "", text.strip())
    try:
        if match := re.fullmatch(r"([+-]?\d+)/(\d+)", text):
            return int(match[1]) / int(match[2])
        value = float(text)
    except (ValueError, ZeroDivisionError):
        return None
    return value if np.isfinite(value) else None
