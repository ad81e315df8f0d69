"""Cells whose energies give work of adhesion and interface energy: of two crystals, or of a model that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.screening.relaxing.relaxation import Task
from mlip_interfaces.structures.assembly import Layer, stack
from mlip_interfaces.structures.matching import MatchedStack, SlabRequest, Strained, match_slabs, oriented_bulk
from mlip_interfaces.structures.slabs import with_vacuum

LOWEST, AS_GIVEN = "lowest", "as given"
"""Registries that are no shift."""
_LEAST_VACUUM_ANGSTROM = 6.0
"""A wider gap between the layers of a model is vacuum; contacts of ions are shorter."""

_POLAR_CLASS = 3


@dataclass(frozen=True, slots=True)
class LayerCells:
    """Names of the cells of one layer.

    Attributes
    ----------
    name : str
        Of the layer.
    slab : str or None
        Layer under vacuum.
    strained_bulk, bulk : str or None
        Bulk crystal strained as the layer is, and at rest.
    n_bulk_cells : float
        How many of either have as many atoms as the layer.
    """

    name: str
    slab: str | None
    strained_bulk: str | None = None
    bulk: str | None = None
    n_bulk_cells: float = 0.0


@dataclass(frozen=True, slots=True)
class InterfaceCells:
    """What the energetics of one interface model follow from.

    Attributes
    ----------
    name : str
        Of its own cell.
    registry : str
        ``lowest`` (of the contact energy), a shift as in ``0.50-0.00``, or ``as given``.
    thickness_angstrom : tuple of float, angstrom
        Of each layer.
    layers : tuple of LayerCells
        From the bottom.
    opened : tuple of (str, str)
        Two layers, and the cell in which they are parted by vacuum; of models with more than two layers.
    area_angstrom2 : float, angstrom^2
        Of the lateral cell.
    n_interfaces : int
        In the cell.
    n_atoms : int
        In the cell.
    """

    name: str
    registry: str
    thickness_angstrom: tuple[float, ...]
    layers: tuple[LayerCells, ...]
    opened: tuple[tuple[str, str], ...]
    area_angstrom2: float
    n_interfaces: int
    n_atoms: int


@dataclass(frozen=True, slots=True)
class InterfaceSeries:
    """Interfaces and all cells to relax for them, each once.

    Attributes
    ----------
    interfaces : tuple of InterfaceCells
        Thicknesses, and registries of each.
    tasks : dict of str to Task
        Small cells first.
    notes : tuple of str
        What is doubtful before anything is computed.
    strains : dict of str to float
        Largest strain of each layer in its plane; empty where it is not known.
    """

    interfaces: tuple[InterfaceCells, ...]
    tasks: dict[str, Task]
    notes: tuple[str, ...]
    strains: dict[str, float]


@dataclass(frozen=True, slots=True)
class LayerBulk:
    """The crystal of a layer, as it is strained there and at rest.

    Attributes
    ----------
    strained : ase.Atoms
        In the frame of the layer.
    own : ase.Atoms
        Of as many atoms, not strained.
    max_strain : float
        In the plane.
    """

    strained: Atoms
    own: Atoms
    max_strain: float


def built_interfaces(
    requests: tuple[SlabRequest, SlabRequest],
    thicknesses_angstrom: Sequence[float],
    *,
    n_registries: int,
    vacuum_angstrom: float,
    max_area_angstrom2: float,
    max_strain: float,
    strained: Strained,
) -> InterfaceSeries:
    """Superlattices of two crystals, of each thickness and registry.

    Parameters
    ----------
    requests : (2,) tuple of SlabRequest
        Substrate and film; their thicknesses are replaced.
    thicknesses_angstrom : sequence of float, angstrom
        Wanted of both slabs.
    n_registries : int
        Shifts of the film along each edge of the smaller lattice cell, besides the lowest registry; 0 for that alone.
    vacuum_angstrom : float, angstrom
        Above slabs alone.
    max_area_angstrom2, max_strain : float
        As in `match_slabs`.
    strained : {'film', 'substrate', 'both'}
        As in `match_slabs`.

    Returns
    -------
    InterfaceSeries
        With references of both crystals.

    Raises
    ------
    StructureError
        As `match_slabs` and `stack`.
    """
    slabs: dict[str, Task] = {}
    cells: dict[str, Task] = {}
    bulks: dict[str, Task] = {}
    interfaces, notes = [], []
    strains: dict[str, float] = {}
    names = _distinct([Path(request.material).stem for request in requests])
    for thickness in dict.fromkeys(thicknesses_angstrom):
        asked = [replace(request, thickness_angstrom=thickness) for request in requests]
        matched = match_slabs(asked, max_area_angstrom2=max_area_angstrom2, max_strain=max_strain, strained=strained)
        if not bulks:
            found = [
                LayerBulk(
                    oriented_bulk(one.material, one.miller, lattice, turned=turned),
                    oriented_bulk(one.material, one.miller),
                    strain.max_strain,
                )
                for one, lattice, turned, strain in zip(
                    asked, matched.lattices, matched.turned, matched.strains, strict=True
                )
            ]
            references = dict(zip(names, found, strict=True))
            bulks = _bulk_tasks(references)
            strains = {name: bulk.max_strain for name, bulk in references.items()}
            notes = _notes_on_ends(names, matched)
        size = f"{thickness:g}A"
        layers = []
        for name, slab in zip(names, matched.slabs, strict=True):
            slabs[f"slab-{name}-{size}"] = Task(with_vacuum(slab, vacuum_angstrom), "atoms")
            layers.append(_layer_cells(name, f"slab-{name}-{size}", slab, references[name]))
        for registry, atoms in _registries(names, matched, n_registries).items():
            name = f"interface-{size}-{registry}"
            cells[name] = Task(atoms, "height")
            interfaces.append(
                InterfaceCells(
                    name, registry, tuple(one.thickness_angstrom for one in matched.terminations), tuple(layers), (),
                    matched.area_angstrom2, 2, len(atoms),
                )
            )  # fmt: skip
    return InterfaceSeries(tuple(interfaces), bulks | slabs | cells, tuple(notes), strains)


def model_interfaces(
    models: Mapping[str, Atoms], bulks: Mapping[str, Mapping[str, LayerBulk]], *, vacuum_angstrom: float
) -> InterfaceSeries:
    """Interface models that are there.

    Parameters
    ----------
    models : mapping of str to ase.Atoms
        By name; with arrays ``layer`` and ``layer_id``, a and b in the xy-plane.
    bulks : mapping of str to mapping of str to LayerBulk
        Of each model, the crystals of its layers by name, where they are known.
    vacuum_angstrom : float, angstrom
        Between parted layers.

    Returns
    -------
    InterfaceSeries
        With the slabs of a model of two layers; of one with more, a cell for each interface, opened there.

    Raises
    ------
    StructureError
        If a model has no two layers, or a lateral vector out of the xy-plane.
    """
    interfaces, notes = [], []
    tasks: dict[str, Task] = {}
    strains: dict[str, float] = {}
    for name, atoms in models.items():
        known = bulks.get(name, {})
        parts = _upright_layers(atoms, name)
        labels = _distinct([str(part.arrays["layer"][0]) for part in parts])
        height = float(atoms.cell[2, 2])
        extent = parts[-1].positions[:, 2].max() - parts[0].positions[:, 2].min()
        periodic = height - extent < _LEAST_VACUUM_ANGSTROM
        references = {label: known[str(part.arrays["layer"][0])] for label, part in zip(labels, parts, strict=True)
                      if str(part.arrays["layer"][0]) in known}  # fmt: skip
        tasks |= {f"{name}-{key}": task for key, task in _bulk_tasks(references).items()}
        strains |= {f"{name}: {label}": bulk.max_strain for label, bulk in references.items()}
        layers: list[LayerCells] = []
        opened: list[tuple[str, str]] = []
        for label, part in zip(labels, parts, strict=True):
            slab = f"{name}-slab-{label}" if len(parts) == 2 else None
            if slab is not None:
                tasks[slab] = Task(with_vacuum(part, vacuum_angstrom), "atoms")
            cells = LayerCells(label, slab)
            if label in references:
                cells = _layer_cells(label, slab, part, references[label], f"{name}-")
                if cells.strained_bulk is None:
                    notes.append(f"{name}: {label} has not the composition of its crystal: no interface energy.")
            layers.append(cells)
        if len(parts) > 2:
            opened = _opened(name, atoms, parts, labels, tasks, vacuum_angstrom, periodic=periodic)
        tasks[name] = Task(atoms, "height" if periodic else "atoms")
        interfaces.append(
            InterfaceCells(
                name, AS_GIVEN, tuple(float(np.ptp(part.positions[:, 2])) for part in parts), tuple(layers), tuple(opened),
                abs(float(np.linalg.det(atoms.cell.array[:2, :2]))), len(parts) if periodic else len(parts) - 1, len(atoms),
            )
        )  # fmt: skip
    return InterfaceSeries(tuple(interfaces), tasks, tuple(notes), strains)


def _opened(
    name: str,
    atoms: Atoms,
    parts: Sequence[Atoms],
    labels: Sequence[str],
    tasks: dict[str, Task],
    vacuum_angstrom: float,
    *,
    periodic: bool,
) -> list[tuple[str, str]]:
    """A cell for each interface, the layers above it brought below; a slab is opened by moving its upper part up."""
    found = []
    height = float(atoms.cell[2, 2])
    for number in range(len(parts) if periodic else len(parts) - 1):
        between = f"{labels[number]} | {labels[(number + 1) % len(parts)]}"
        cell = f"{name}-opened-{number + 1}"
        moved = [part.copy() for part in parts]
        if periodic:
            for part in moved[: number + 1]:
                part.positions += atoms.cell.array[2]
            joined = _joined([*moved[number + 1 :], *moved[: number + 1]])
            tasks[cell] = Task(with_vacuum(joined, vacuum_angstrom), "atoms")
        else:
            for part in moved[number + 1 :]:
                part.positions[:, 2] += vacuum_angstrom
            joined = _joined(moved)
            rows = atoms.cell.array.copy()
            rows[2] *= (height + vacuum_angstrom) / height
            joined.set_cell(rows)
            tasks[cell] = Task(joined, "atoms")
        found.append((between, cell))
    return found


def _joined(parts: Sequence[Atoms]) -> Atoms:
    whole = parts[0].copy()
    for part in parts[1:]:
        whole.extend(part)
    return whole


def _upright_layers(atoms: Atoms, name: str) -> list[Atoms]:
    """Layers from the bottom, each in one piece."""
    ids = atoms.arrays.get("layer_id")
    if ids is None or "layer" not in atoms.arrays or len(np.unique(ids)) < 2:
        raise StructureError(
            f"{name} has no two layers; give a model as 'build' writes it, each atom with 'layer' and 'layer_id'."
        )
    cell = atoms.cell.array
    if np.abs(cell[:2, 2]).max() > 1e-6 * np.abs(cell).max() or cell[2, 2] <= 0:
        raise StructureError(f"{name}: the first two vectors of its cell must lie in the xy-plane, the third above it.")
    parts: list[Atoms] = []
    for number in np.unique(ids):
        part = atoms[ids == number]
        scaled = part.get_scaled_positions(wrap=True)
        order = np.sort(scaled[:, 2])
        gaps = np.diff(np.append(order, order[0] + 1.0))
        lowest = order[(int(gaps.argmax()) + 1) % len(order)]
        scaled[:, 2] = lowest + (scaled[:, 2] - lowest) % 1.0
        below = parts[-1].get_scaled_positions(wrap=False)[:, 2].min() if parts else -np.inf
        while scaled[:, 2].min() < below:
            scaled[:, 2] += 1.0
        part.set_scaled_positions(scaled)
        parts.append(part)
    return parts


def _bulk_tasks(references: Mapping[str, LayerBulk]) -> dict[str, Task]:
    tasks = {}
    for name, bulk in references.items():
        tasks[f"bulk-{name}"] = Task(bulk.own, "all")
        tasks[f"bulk-{name}-strained"] = Task(bulk.strained, "height")
    return tasks


def _layer_cells(name: str, slab: str | None, layer: Atoms, bulk: LayerBulk, prefix: str = "") -> LayerCells:
    counts, unit = layer.symbols.formula.count(), bulk.strained.symbols.formula.count()
    ratios = {Fraction(counts.get(symbol, 0), number) for symbol, number in unit.items()}
    if len(ratios) > 1 or counts.keys() != unit.keys():
        return LayerCells(name, slab)
    return LayerCells(name, slab, f"{prefix}bulk-{name}-strained", f"{prefix}bulk-{name}", float(ratios.pop()))


def _registries(names: Sequence[str], matched: MatchedStack, n_registries: int) -> dict[str, Atoms]:
    """Superlattices: the lowest registry of the contact energy, and shifts over the smaller of both lattice cells."""
    layers = [Layer(name, slab) for name, slab in zip(names, matched.slabs, strict=True)]
    made = {LOWEST: stack(layers, registry="lowest")}
    lattice: NDArray[np.float64] = min(matched.lattices, key=lambda cell: abs(float(np.linalg.det(cell))))
    for first in range(n_registries):
        for second in range(n_registries):
            share = np.array([first, second]) / n_registries
            film = matched.slabs[1].copy()
            film.positions[:, :2] += share @ lattice
            made[f"{share[0]:.2f}-{share[1]:.2f}"] = stack([layers[0], Layer(names[1], film)])
    return made


def _notes_on_ends(names: Sequence[str], matched: MatchedStack) -> list[str]:
    notes = []
    for name, ends in zip(names, matched.terminations, strict=True):
        if not ends.stoichiometric:
            notes.append(
                f"The slab of {name} ({ends.name}) has not the composition of its crystal: no interface energy; the work of adhesion holds."
            )
        if ends.tasker == _POLAR_CLASS:
            notes.append(
                f"The slab of {name} ({ends.name}) is polar: energies of slabs grow with the thickness and mean little; choose another termination."
            )
        if not ends.symmetric:
            notes.append(
                f"The surfaces of the slab of {name} ({ends.name}) differ: all numbers are means of two different interfaces."
            )
    return notes


def _distinct(names: Sequence[str]) -> list[str]:
    """Names with a number where one comes twice."""
    return [
        name if names.count(name) == 1 else f"{name}-{names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]
