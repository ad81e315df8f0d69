"""Defects of a crystal in supercells, relaxed with any calculator: from the crystal to energies, tables and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlip_interfaces.analysis.depths import face_widths
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.defects.defect_cells import DefectCell, check_set, defect_cells
from mlip_interfaces.screening.defects.defect_energies import (
    Exchange,
    Reservoir,
    binding_energy,
    exchange_with,
    formation_energy,
)
from mlip_interfaces.screening.relaxing.relaxation import Rest, Task, relax_tasks, relaxed_structure, unfinished_note
from mlip_interfaces.screening.relaxing.supercells import repeats_for
from mlip_interfaces.structures.defects import PointDefect, exchanged_atoms

if TYPE_CHECKING:
    from ase import Atoms

CRYSTAL, PERFECT = "crystal", "perfect"
_FARTHEST = "farthest"
_RECOMBINED_EV = 0.05
"""A cell with the atoms of the perfect one and this energy above it has no defect any more."""


@dataclass(frozen=True, slots=True)
class DefectSet:
    """What is asked of one set of defects.

    Attributes
    ----------
    defects : tuple of PointDefect
        Without net charge.
    places : tuple of (3,) tuples of float, or None
        Where they are, in fractions of the unit cell; where their sites allow when left out.
    """

    defects: tuple[PointDefect, ...]
    places: tuple[tuple[float, ...], ...] | None = None

    def __str__(self) -> str:
        """The notation, with plus signs."""
        return " + ".join(map(str, self.defects))


@dataclass(frozen=True, slots=True)
class DefectRow:
    """One arrangement of a set.

    Attributes
    ----------
    arrangement : str
        ``near-1`` (the nearest), ``farthest``, ``site-1``, ``given`` and so on.
    distance_angstrom : float or None, angstrom
        Smallest between two defects, as placed.
    formation_energy_ev : float, eV
        Of the whole set.
    converged : bool
        Whether the cell is at rest.
    recombined : bool
        Whether the relaxation undid the defects.
    """

    arrangement: str
    distance_angstrom: float | None
    formation_energy_ev: float
    converged: bool
    recombined: bool


@dataclass(frozen=True, slots=True)
class SetEnergies:
    """A set of defects and its numbers.

    Attributes
    ----------
    defects : str
        Kröger-Vink notation.
    taken : dict of str to float
        What the crystal takes of each reservoir, in formula units; negative where it gives.
    rows : tuple of DefectRow
        Arrangements, from near to far.
    formation_energy_ev : float or None, eV
        Of the lowest arrangement that is not recombined.
    binding_energy_ev : float or None, eV
        The lowest of the near arrangements against the farthest one, negative where bound; None of one defect and of given places.
    """

    defects: str
    taken: dict[str, float]
    rows: tuple[DefectRow, ...]
    formation_energy_ev: float | None
    binding_energy_ev: float | None


@dataclass(frozen=True, slots=True)
class DefectSeries:
    """Sets of defects of one crystal.

    Attributes
    ----------
    sets : tuple of SetEnergies
        In the order asked for.
    repeat : (3,) tuple of int
        Of the supercell.
    n_atoms : int
        Of the perfect supercell.
    notes : tuple of str
        What is doubtful.
    """

    sets: tuple[SetEnergies, ...]
    repeat: tuple[int, int, int]
    n_atoms: int
    notes: tuple[str, ...]


def run_defects(
    crystal: Atoms,
    sets: Sequence[DefectSet],
    reservoirs: Mapping[str, Atoms],
    potentials_ev: Mapping[str, float],
    calculator: Any,
    directory: Path,
    settings: Mapping[str, object],
    *,
    repeat: tuple[int, int, int] | None,
    least_length_angstrom: float,
    n_shells: int,
    fmax_ev_per_angstrom: float,
    max_steps: int,
    report: Callable[[str, Rest], None],
) -> DefectSeries:
    """Relax a crystal, its reservoirs and its defects.

    Parameters
    ----------
    crystal : ase.Atoms
        Unit cell; relaxed first, cell and all.
    sets : sequence of DefectSet
        Each without net charge.
    reservoirs : mapping of str to ase.Atoms
        Phases that give and take atoms; relaxed too.
    potentials_ev : mapping of str to float, eV
        Chemical potentials of elements that are given instead, on the calculator's scale.
    calculator : ase.calculators.calculator.Calculator
        With energy, forces and stress.
    directory : Path
        Keeps what is done, as `relax_tasks`.
    settings : mapping of str to object
        Of the calculator.
    repeat : (3,) tuple of int, or None
        Of the supercell; from the length when left out.
    least_length_angstrom : float, angstrom
        Between a defect and its image.
    n_shells : int
        As for `defect_cells`.
    fmax_ev_per_angstrom, max_steps : float and int
        As for `relax_tasks`.
    report : callable
        The same.

    Returns
    -------
    DefectSeries
        With notes.

    Raises
    ------
    StructureError
        As `check_set`, `exchange_with`, `defect_cells` and `relax_tasks`.
    """
    symbols = crystal.get_chemical_symbols()
    empty = [_reservoir(name, atoms, 0.0) for name, atoms in reservoirs.items()]
    empty += [Reservoir(symbol, {symbol: 1}, 0.0) for symbol in potentials_ev]
    for one in sets:
        check_set(one.defects, symbols)
        exchange_with(exchanged_atoms(one.defects), empty)
    _cells(crystal, sets, repeat or _wide_enough(crystal, least_length_angstrom), n_shells)
    options: dict[str, Any] = {"fmax_ev_per_angstrom": fmax_ev_per_angstrom, "max_steps": max_steps, "report": report}
    phases = {CRYSTAL: Task(crystal, "all")} | {
        f"reservoir-{name}": Task(atoms, "all") for name, atoms in reservoirs.items()
    }
    rests = relax_tasks(phases, calculator, directory, settings, **options)
    unit = relaxed_structure(directory, CRYSTAL)
    chosen = repeat or _wide_enough(unit, least_length_angstrom)
    cells = _cells(unit, sets, chosen, n_shells)
    tasks = {PERFECT: Task(unit.repeat(chosen), "atoms")} | {
        cell.name: Task(cell.atoms, "atoms") for group in cells for cell in group
    }
    rests |= relax_tasks(tasks, calculator, directory, settings, **options)
    known = [_reservoir(name, atoms, rests[f"reservoir-{name}"].energy_ev) for name, atoms in reservoirs.items()]
    known += [Reservoir(symbol, {symbol: 1}, value) for symbol, value in potentials_ev.items()]
    found = tuple(
        _energies(one, exchange_with(exchanged_atoms(one.defects), known), group, rests)
        for one, group in zip(sets, cells, strict=True)
    )
    return DefectSeries(found, chosen, rests[PERFECT].n_atoms, tuple(_notes(sets, found, rests)))


def series_content(series: DefectSeries, settings: Mapping[str, object]) -> dict[str, object]:
    """What JSON has.

    Parameters
    ----------
    series : DefectSeries
        As `run_defects` gives it.
    settings : mapping of str to object
        Of the calculator and the relaxations.

    Returns
    -------
    dict
        With units in the keys.
    """
    return asdict(series) | {"settings": dict(settings)}


def write_defect_series(
    series: DefectSeries,
    sets: Sequence[DefectSet],
    content: Mapping[str, object],
    directory: Path,
    provenance: Mapping[str, object],
) -> Path:
    """``defect_energies.json``, ``.csv`` and the figure.

    Parameters
    ----------
    series : DefectSeries
        The energies.
    sets : sequence of DefectSet
        As asked for, for the labels.
    content : mapping of str to object
        As `series_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.

    Returns
    -------
    Path
        The PNG.
    """
    from mlip_interfaces.figures.adhesion_plots import defect_ladder
    from mlip_interfaces.figures.style import save_figure
    from mlip_interfaces.structures.defects import mathtext

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "defect_energies.json", dict(content) | dict(provenance))
    write_csv(
        directory / "defect_energies.csv",
        ["defects", "arrangement", "distance_angstrom", "formation_energy_ev", "converged", "recombined"],
        (
            (one.defects, row.arrangement, row.distance_angstrom,
             row.formation_energy_ev, row.converged, row.recombined)
            for one in series.sets
            for row in one.rows
        ),
    )  # fmt: skip
    curves = [
        (
            " + ".join(mathtext(defect) for defect in asked.defects),
            [(row.distance_angstrom, row.formation_energy_ev) for row in one.rows if not row.recombined],
        )
        for asked, one in zip(sets, series.sets, strict=True)
    ]
    save_figure(defect_ladder(curves), directory, "defect_energies")
    return directory / "defect_energies.png"


def _reservoir(name: str, atoms: Atoms, energy_ev: float) -> Reservoir:
    """One formula unit of a cell."""
    counts = atoms.symbols.formula.count()
    n_units = math.gcd(*counts.values())
    return Reservoir(name, {symbol: number // n_units for symbol, number in counts.items()}, energy_ev / n_units)


def _wide_enough(unit: Atoms, least_length_angstrom: float) -> tuple[int, int, int]:
    a, b, c = repeats_for(face_widths(unit.cell.array), least_length_angstrom)
    return a, b, c


def _cells(
    unit: Atoms, sets: Sequence[DefectSet], repeat: tuple[int, int, int], n_shells: int
) -> list[list[DefectCell]]:
    return [
        defect_cells(unit, repeat, one.defects, n_shells=n_shells, places=one.places, name=f"set-{number}-")
        for number, one in enumerate(sets, start=1)
    ]


def _energies(
    one: DefectSet, exchange: Exchange, cells: Sequence[DefectCell], rests: Mapping[str, Rest]
) -> SetEnergies:
    perfect = rests[PERFECT].energy_ev
    rows = []
    for cell in cells:
        rest = rests[cell.name]
        energy = formation_energy(rest.energy_ev, perfect, exchange)
        undone = not exchanged_atoms(one.defects) and energy < _RECOMBINED_EV
        arrangement = cell.name.split("-", 2)[2]
        rows.append(DefectRow(arrangement, cell.distance_angstrom, energy, rest.converged, undone))
    whole = [row for row in rows if not row.recombined]
    near = [
        row.formation_energy_ev for row in whole if row.arrangement.startswith("near") or row.arrangement == "compact"
    ]
    far = [row.formation_energy_ev for row in whole if row.arrangement in (_FARTHEST, "open")]
    return SetEnergies(
        str(one), exchange.taken, tuple(rows),
        min((row.formation_energy_ev for row in whole), default=None),
        binding_energy(min(near), far) if near and far else None,
    )  # fmt: skip


def _notes(sets: Sequence[DefectSet], found: Sequence[SetEnergies], rests: Mapping[str, Rest]) -> list[str]:
    notes = ["Energies are those of neutral cells of one volume, at 0 K and without vibrations."]
    if any(one.binding_energy_ev is not None for one in found):
        notes.append(
            "Binding energies are against the farthest arrangement that the supercell allows, which stands for the sum of isolated defects: images still "
            "attract, so that the binding is rather too weak; a larger supercell tells by how much."
        )
    if any(defect.site is None for one in sets if one.places is None for defect in one.defects):
        notes.append(
            "Interstitials begin in the largest voids; other places, such as split ones, are tried by --at alone."
        )
    for one in sets:
        if len(one.defects) == 1 and not _is_isovalent(one.defects[0]):
            notes.append(
                f"{one} leaves electrons over, or lacks some: a potential without electrons gives what its training data had there."
            )
    recombined = [f"{one.defects} ({row.arrangement})" for one in found for row in one.rows if row.recombined]
    if recombined:
        notes.append(
            f"Recombined while relaxing, and left out: {', '.join(recombined)}; raise --shells for wider pairs."
        )
    return [*notes, *unfinished_note(rests)]


def _is_isovalent(defect: PointDefect) -> bool:
    """Whether an element of the same group is on the site, so that no electron is left over."""
    from pymatgen.core import Element

    if defect.species is None or defect.site is None:
        return False
    return bool(Element(defect.species).group == Element(defect.site).group)
