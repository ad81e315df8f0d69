"""Barriers of the hops of an ion through a crystal: ends, bands and files, hop by hop, and what the hops make together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import face_widths
from mlip_interfaces.errors import OtherInputsError, StructureError, counted
from mlip_interfaces.files import read_json, update_json, whole_file, write_json
from mlip_interfaces.records import Record
from mlip_interfaces.screening.migration.hops import Edge, Hop, Sites, edges_within
from mlip_interfaces.screening.migration.neb import Band, BandSettings, HopFailure, Surface, relax_band, relax_ends
from mlip_interfaces.screening.migration.percolation import AXES, Percolation, percolation
from mlip_interfaces.screening.relaxing.relaxation import relaxed, start_hash
from mlip_interfaces.screening.relaxing.supercells import repeats_for
from mlip_interfaces.screening.same_request import read_kept, require_same

if TYPE_CHECKING:
    from ase import Atoms

_UNEQUAL_EV = 0.02
_CONTACT_ANGSTROM = 0.8
_FIRST_DISTANCE_ANGSTROM = 3.0
_LONGEST_HOPS = 2.1
"""Width of the supercell in longest hops, at least: an ion half way must not meet its image."""
DEFAULT_BAND = BandSettings()
REQUEST, CRYSTAL, HOPS = "request.json", "crystal.json", "hops"


@dataclass(frozen=True, slots=True)
class HopRecord(Record):
    """What is known of one hop.

    Attributes
    ----------
    name : str
        Of the hop.
    state : {'converged', 'not converged', 'failed'}
        Only what is converged counts for percolation; what failed has no band.
    distance_angstrom : float, angstrom
        Between the sites of the crystal, straight.
    n_equivalent : int
        Hops of a cell that are this one by symmetry.
    joins_equals : bool
        Whether symmetry makes its ends one site.
    max_steps, n_evaluations : int
        Steps that were allowed; structures that were computed.
    forward_barrier_ev, backward_barrier_ev, reaction_energy_ev : float or None, eV
        From the first end, from the last one; of the last over the first.
    first_energy_ev : float or None, eV
        Of the supercell.
    path_length_angstrom, ion_path_angstrom : float or None, angstrom
        In the space of all atoms, and of the ion alone.
    residual_ev_per_angstrom : float or None, eV/angstrom
        The largest force that is left.
    path_angstrom, energies_ev : tuple of float, angstrom and eV
        Of the images; energies over the first end.
    fit_path_angstrom, fit_energies_ev : tuple of float, angstrom and eV
        Of the curve through them.
    notes : tuple of str
        Why there is no barrier, and doubts.
    """

    name: str
    state: Literal["converged", "not converged", "failed"]
    distance_angstrom: float
    n_equivalent: int
    joins_equals: bool
    max_steps: int
    n_evaluations: int
    forward_barrier_ev: float | None = None
    backward_barrier_ev: float | None = None
    reaction_energy_ev: float | None = None
    first_energy_ev: float | None = None
    path_length_angstrom: float | None = None
    ion_path_angstrom: float | None = None
    residual_ev_per_angstrom: float | None = None
    path_angstrom: tuple[float, ...] = ()
    energies_ev: tuple[float, ...] = ()
    fit_path_angstrom: tuple[float, ...] = ()
    fit_energies_ev: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bulk(Record):
    """The crystal at rest.

    Attributes
    ----------
    cell : (3, 3) tuple of float, angstrom
        Rows are lattice vectors.
    positions : (n, 3) tuple of float, angstrom
        In the order of the crystal given.
    energy_ev : float, eV
        Of the cell.
    converged : bool
        Whether forces, and the stress where the cell is relaxed, are below the bound.
    max_steps : int
        That were allowed.
    volume_change_fraction : float
        Against the crystal given.
    """

    cell: tuple[tuple[float, float, float], ...]
    positions: tuple[tuple[float, float, float], ...]
    energy_ev: float
    converged: bool
    max_steps: int
    volume_change_fraction: float


@dataclass(frozen=True, slots=True)
class Network:
    """What the converged hops make together.

    Attributes
    ----------
    percolation : Percolation
        Levels are energies of tops over the lowest end of all hops, in eV.
    owners : tuple of str
        Hop of each edge.
    records : dict of str to HopRecord
        The converged ones.
    lowest_ev : float, eV
        The lowest end of all of them; not a number where there is none.
    """

    percolation: Percolation
    owners: tuple[str, ...]
    records: dict[str, HopRecord]
    lowest_ev: float


@dataclass(frozen=True, slots=True)
class Migration:
    """All that was found.

    Attributes
    ----------
    sites : Sites
        Of the ion.
    hops : tuple of Hop
        Those asked for.
    records : tuple of HopRecord
        One for each.
    bulk : Bulk
        The crystal at rest.
    repeats : tuple of int
        Cells of the supercell along each lattice vector.
    n_atoms : int
        Of the supercell with its defect.
    network : Network
        Of the converged hops.
    notes : tuple of str
        On all of it.
    """

    sites: Sites
    hops: tuple[Hop, ...]
    records: tuple[HopRecord, ...]
    bulk: Bulk
    repeats: tuple[int, int, int]
    n_atoms: int
    network: Network
    notes: tuple[str, ...]


def migration(
    crystal: Atoms,
    sites: Sites,
    hops: Sequence[Hop],
    calculator: Any,
    folder: Path,
    settings: Mapping[str, object],
    *,
    band: BandSettings = DEFAULT_BAND,
    min_length_angstrom: float = 10.0,
    keep_cell: bool = False,
    report: Callable[[HopRecord, bool], None] = lambda record, is_new: None,
) -> Migration:
    """Barriers of hops in a crystal; what the folder has of the same request is kept.

    Parameters
    ----------
    crystal : ase.Atoms
        Periodic, as `load_crystal` gives it.
    sites : Sites
        Of its mobile ion: `sites_of` for vacancies, `interstitial_sites` for places between.
    hops : sequence of Hop
        Between them: `distinct_hops`, or `named_hop`.
    calculator : ase.calculators.calculator.Calculator
        With energy and forces, and stress unless the cell is kept.
    folder : Path
        For ``request.json``, ``crystal.json``, and JSON and extended XYZ of each hop in ``hops``.
    settings : mapping of str to object
        Of the calculator; a folder made with others is refused.
    band : BandSettings, optional
        Images, bound and steps.
    min_length_angstrom : float, angstrom, optional
        Least width of the supercell; it is at least twice the longest hop.
    keep_cell : bool, optional
        Whether the crystal keeps its lattice vectors; else they are relaxed first.
    report : callable, optional
        Called with each hop, and whether it was computed now.

    Returns
    -------
    Migration
        With a record for each hop, also for those without a barrier.

    Raises
    ------
    OtherInputsError
        If the folder was made with another request.
    StructureError
        If the calculator cannot treat the crystal.
    """
    longest = max(hop.distance_angstrom for hop in hops)
    a, b, c = repeats_for(face_widths(crystal.cell.array), max(min_length_angstrom, _LONGEST_HOPS * longest))
    repeats = a, b, c
    request = dict(settings) | {
        "crystal_sha256": start_hash(crystal),
        "ion": sites.ion,
        "mechanism": sites.mechanism,
        "sites": np.round(sites.fractional, 6).tolist(),
        "repeats": list(repeats),
        "n_images": band.n_images,
        "fmax_ev_per_angstrom": band.fmax_ev_per_angstrom,
        "keep_cell": keep_cell,
    }
    _refuse_other_request(folder, request)
    surface = Surface(calculator)
    bulk = _bulk(crystal, surface, folder / CRYSTAL, band, keep_cell)
    # Not before the calculator has shown that it can treat the crystal.
    (folder / HOPS).mkdir(parents=True, exist_ok=True)
    update_json(folder / REQUEST, request)
    update_json(folder / CRYSTAL, bulk.to_json())
    cell = crystal.copy()
    cell.set_cell(np.array(bulk.cell))
    cell.positions = np.array(bulk.positions)
    records = []
    for hop in hops:
        file = folder / HOPS / f"{hop.name}.json"
        known = _known(file, band.max_steps)
        record = known or _compute(cell, sites, hop, repeats, surface, band, file)
        report(record, known is None)
        records.append(record)
    return Migration(
        sites=sites,
        hops=tuple(hops),
        records=tuple(records),
        bulk=bulk,
        repeats=repeats,
        n_atoms=len(cell) * int(np.prod(repeats)) + (-1 if sites.are_occupied else 1),
        network=network_of(sites, hops, records),
        notes=_notes(bulk, sites, hops, records),
    )


def hop_ends(crystal: Atoms, sites: Sites, hop: Hop, repeats: tuple[int, int, int]) -> tuple[Atoms, Atoms, int]:
    """Supercells with the ion on either site of a hop.

    Parameters
    ----------
    crystal : ase.Atoms
        One cell at rest, its atoms in the order of the sites' crystal.
    sites : Sites
        Of the ion.
    hop : Hop
        Between two of them.
    repeats : tuple of int
        Of the supercell.

    Returns
    -------
    tuple of (ase.Atoms, ase.Atoms, int)
        Atoms in the same order in both; the last number is that of the ion.

    Raises
    ------
    HopFailure
        If a place between the atoms lies on one.
    """
    first, second, shift = hop.edge
    supercell = crystal.repeat(repeats)
    if sites.are_occupied:
        of_ion = np.flatnonzero(crystal.symbols == sites.ion)
        ion = int(of_ion[first])
        a, b, c = (step % n for step, n in zip(shift, repeats, strict=True))
        vacant = ((a * repeats[1] + b) * repeats[2] + c) * len(crystal) + int(of_ion[second])
        way = crystal.positions[of_ion[second]] + np.array(shift) @ crystal.cell.array - crystal.positions[ion]
        start = supercell.copy()
        del start[vacant]
        ion -= vacant < ion
    else:
        from ase import Atom

        begin, end = (
            (sites.fractional[k] + np.array(s)) @ crystal.cell.array for k, s in ((first, (0, 0, 0)), (second, shift))
        )
        way = end - begin
        start = supercell.copy()
        start.append(Atom(sites.ion, begin))
        ion = len(start) - 1
    finish = start.copy()
    finish.positions[ion] += way
    for one in (start, finish):
        others = [k for k in range(len(one)) if k != ion]
        contact = float(one.get_distances(ion, others, mic=True).min())
        if contact < _CONTACT_ANGSTROM:
            raise HopFailure(f"An end of the hop lies {contact:.2f} angstrom from an atom; name a place that is free.")
    return start, finish, ion


def network_of(sites: Sites, hops: Sequence[Hop], records: Sequence[HopRecord]) -> Network:
    """Percolation of the converged hops.

    Parameters
    ----------
    sites : Sites
        Of the ion.
    hops : sequence of Hop
        With all their equivalent edges.
    records : sequence of HopRecord
        One for each.

    Returns
    -------
    Network
        Empty where nothing converged.

    Notes
    -----
    The level of a hop is its top over the lowest end of all hops. All supercells have the same atoms, so that their energies compare. Where all sites are
    equal the level is the barrier; where an ion, or a vacancy, waits in a deep site, the depth of that site counts for every path.
    """
    found = {record.name: record for record in records if record.state == "converged"}
    ends = [
        value
        for record in found.values()
        if record.first_energy_ev is not None and record.reaction_energy_ev is not None
        for value in (record.first_energy_ev, record.first_energy_ev + record.reaction_energy_ev)
    ]
    lowest = min(ends, default=math.nan)
    edges: list[Edge] = []
    levels: list[float] = []
    owners: list[str] = []
    for hop in hops:
        record = found.get(hop.name)
        if record is None or record.first_energy_ev is None or record.forward_barrier_ev is None:
            continue
        edges += hop.edges
        levels += [record.first_energy_ev + record.forward_barrier_ev - lowest] * len(hop.edges)
        owners += [hop.name] * len(hop.edges)
    return Network(percolation(len(sites.labels), edges, levels), tuple(owners), found, lowest)


def percolating_distances(sites: Sites) -> Percolation:
    """Distances up to which hops must reach, so that they percolate.

    Parameters
    ----------
    sites : Sites
        Of an ion.

    Returns
    -------
    Percolation
        Levels are distances in angstrom; all three numbers of directions are there.
    """
    cutoff = _FIRST_DISTANCE_ANGSTROM
    while True:
        edges = edges_within(sites, cutoff)
        lengths = [float(np.linalg.norm(sites.vector(edge))) for edge in edges]
        found = percolation(len(sites.labels), edges, lengths)
        if len(found.directions) == len(found.axes) == len(AXES):
            return found
        cutoff *= 1.3


def _refuse_other_request(folder: Path, request: Mapping[str, object]) -> None:
    file = folder / REQUEST
    if folder.exists() and not folder.is_dir():
        raise OtherInputsError(f"--out: {folder} is a file; give a folder.")
    if not file.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise OtherInputsError(f"{folder} has files and no {REQUEST} of 'screen migration'; give another --out.")
        return
    require_same(folder, read_kept(file, "'screen migration'"), request, results="barriers")


def _known(file: Path, max_steps: int) -> HopRecord | None:
    """What a file has of a hop, unless more steps may make more of it."""
    if not file.is_file():
        return None
    record = HopRecord.from_json(read_json(file, if_damaged="delete it and give the command again"), file)
    return record if record.state == "converged" or record.max_steps >= max_steps else None


def _bulk(crystal: Atoms, surface: Surface, file: Path, band: BandSettings, keep_cell: bool) -> Bulk:
    if file.is_file():
        # Also where it is not at rest: the hops that are kept are those of this cell.
        return Bulk.from_json(read_json(file, if_damaged="give another --out"), file)
    formula = crystal.get_chemical_formula()
    try:
        # A third of the bound of ends, which would else go on with what is left here.
        atoms, converged, _ = relaxed(
            crystal, surface, "atoms" if keep_cell else "all",
            fmax_ev_per_angstrom=band.fmax_ev_per_angstrom / 3.0, max_steps=band.max_steps, name=formula,
        )  # fmt: skip
    except HopFailure as failure:
        raise StructureError(f"{formula}: {failure}") from failure
    except StructureError as error:
        if keep_cell:
            raise
        raise StructureError(f"{error} A calculator without stress needs --keep-cell.") from error
    return Bulk(
        cell=_rows(atoms.cell.array),
        positions=_rows(atoms.positions),
        energy_ev=float(atoms.get_potential_energy()),
        converged=converged,
        max_steps=band.max_steps,
        volume_change_fraction=float(atoms.get_volume() / crystal.get_volume() - 1.0),
    )


def _rows(values: NDArray[np.float64]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(x), float(y), float(z)) for x, y, z in values)


def _compute(
    cell: Atoms,
    sites: Sites,
    hop: Hop,
    repeats: tuple[int, int, int],
    surface: Surface,
    settings: BandSettings,
    file: Path,
) -> HopRecord:
    before = surface.n_evaluations
    record = HopRecord(
        hop.name, "failed", hop.distance_angstrom, len(hop.edges), hop.joins_equals, settings.max_steps, 0
    )
    try:
        start, end, ion = hop_ends(cell, sites, hop, repeats)
        first, last = relax_ends(start, end, ion, surface, settings, hop.distance_angstrom)
        band = relax_band(first, last, ion, surface, settings)
    except HopFailure as failure:
        record = replace(record, notes=(str(failure),))
    else:
        record = _with_band(record, band)
        _write_images(first, band, file.with_suffix(".xyz"))
    record = replace(record, n_evaluations=surface.n_evaluations - before)
    write_json(file, record.to_json())
    return record


def _with_band(record: HopRecord, band: Band) -> HopRecord:
    notes = list(band.notes)
    if record.joins_equals and abs(band.reaction_energy_ev) > _UNEQUAL_EV:
        notes.append(
            f"Symmetry makes its ends one site, and their energies differ by {band.reaction_energy_ev:+.3f} eV: the supercell is no good one, or an end is "
            "in another minimum."
        )
    zero = float(band.energies_ev[0])
    return replace(
        record,
        state="converged" if band.is_converged else "not converged",
        forward_barrier_ev=band.forward_barrier_ev,
        backward_barrier_ev=band.backward_barrier_ev,
        reaction_energy_ev=band.reaction_energy_ev,
        first_energy_ev=zero,
        path_length_angstrom=band.path_length_angstrom,
        ion_path_angstrom=band.ion_path_angstrom,
        residual_ev_per_angstrom=band.residual_ev_per_angstrom,
        path_angstrom=tuple(band.path_angstrom.tolist()),
        energies_ev=tuple((band.energies_ev - zero).tolist()),
        fit_path_angstrom=tuple(band.fit_path_angstrom.tolist()),
        fit_energies_ev=tuple(band.fit_energies_ev.tolist()),
        notes=tuple(notes),
    )


def _write_images(template: Atoms, band: Band, file: Path) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    images = []
    for positions, energy in zip(band.positions, band.energies_ev, strict=True):
        image = template.copy()
        image.positions = positions
        image.calc = SinglePointCalculator(image, energy=float(energy))
        images.append(image)
    with whole_file(file) as working:
        write(working, images, format="extxyz")


def _notes(bulk: Bulk, sites: Sites, hops: Sequence[Hop], records: Sequence[HopRecord]) -> tuple[str, ...]:
    notes = []
    if not bulk.converged:
        notes.append(
            f"The crystal is not at rest after {bulk.max_steps} steps; barriers hold for what it is then. Raise --max-steps in another --out."
        )
    for state, words in (("failed", "no barrier"), ("not converged", "no converged barrier")):
        names = [record.name for record in records if record.state == state]
        if names:
            notes.append(
                f"{counted(len(names), 'hop')} without effect on percolation, since there is {words}: {', '.join(names)}."
            )
    reached = {
        int(sites.orbits[site])
        for hop, record in zip(hops, records, strict=True)
        if record.state == "converged"
        for site in hop.edge[:2]
    }
    without = [sites.labels[orbit] for orbit in np.unique(sites.orbits) if orbit not in reached]
    if reached and without:
        notes.append(
            f"No hop of {', '.join(without)} has a converged barrier: if the defect has its lowest energy there, the levels of percolation are too low."
        )
    needed = percolating_distances(sites)
    reach = max(hop.distance_angstrom for hop in hops)
    missing = [number for number, one in needed.directions.items() if one.level > reach + 1e-3]
    if missing:
        words = ", ".join(f"{number} from {needed.directions[number].level:.2f} angstrom" for number in missing)
        notes.append(f"Hops up to {reach:.2f} angstrom cannot percolate in more directions: {words}.")
    return tuple(notes)
