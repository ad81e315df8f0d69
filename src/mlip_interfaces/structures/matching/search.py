"""All pairs of planes of two crystals, ranked by the lateral cell they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.files import write_csv
from mlip_interfaces.structures.crystals.loading import load_crystal
from mlip_interfaces.structures.matching.common_cells import Strained, always, common_cells
from mlip_interfaces.structures.matching.lateral_cells import lateral_cell
from mlip_interfaces.structures.slabs.planes import Miller, plane_stack

Tensor = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """The smallest common lateral cell of two planes.

    Attributes
    ----------
    substrate_miller, film_miller : (3,) tuple of int
        Planes, indices of the conventional cell; (0, 0, 3) is the basal plane of a rhombohedral crystal in hexagonal
        axes.
    area_angstrom2 : float, angstrom^2
        Of the common cell.
    max_strain : float
        Largest absolute principal strain of either crystal.
    n_atoms_estimate : int
        Atoms of a bilayer with the thicknesses of the search, from the bulk densities.
    strained : {'film', 'substrate', 'both'}
        ``film``, ``substrate`` or ``both``.
    substrate_strain, film_strain : (2, 2) tuple of float
        In-plane strain F - 1 of each, in the frame of the cell with a along x.
    """

    substrate_miller: Miller
    film_miller: Miller
    area_angstrom2: float
    max_strain: float
    n_atoms_estimate: int
    strained: Strained
    substrate_strain: Tensor
    film_strain: Tensor


@dataclass(frozen=True, slots=True)
class _Plane:
    miller: Miller
    cell: NDArray[np.float64]


def rank_matches(
    substrate: str,
    film: str,
    *,
    max_area_angstrom2: float = 400.0,
    max_strain: float = 0.02,
    max_miller: int = 1,
    substrate_angstrom: float = 15.0,
    film_angstrom: float = 20.0,
    strained: Strained = "film",
    primitive: bool = False,
) -> tuple[MatchCandidate, ...]:
    """Candidates of every pair of symmetry-distinct planes, smallest area first, then smallest strain.

    Each is the match that `match_slabs` makes of these planes under these limits. Planes that can only be cut
    through an endless polyanion are left out.

    Parameters
    ----------
    substrate, film : str
        Library names or files.
    max_area_angstrom2 : float, angstrom^2
        Limit for the film's cell before straining, as in the search of Zur and McGill.
    max_strain : float
        Neither crystal is strained by more.
    max_miller : int
        Largest absolute index.
    substrate_angstrom, film_angstrom : float, angstrom
        Thicknesses for the estimate of the number of atoms.
    strained : {'film', 'substrate', 'both'}
        Which crystal takes the strain, as in `match_slabs`.
    primitive : bool
        Which lattices are matched, as in `match_slabs`.

    Returns
    -------
    tuple of MatchCandidate
        At least one.

    Raises
    ------
    StructureError
        If nothing is under the limits; the message names the nearest match beyond them.
    """
    if not (max_area_angstrom2 > 0 and 0 < max_strain < 0.3 and max_miller >= 1):
        raise StructureError(
            f"The area limit {max_area_angstrom2:g} angstrom^2 and the largest index {max_miller} must be positive, the strain "
            f"limit {max_strain:g} between 0 and 0.3."
        )
    lower, upper = load_crystal(substrate), load_crystal(film)
    areal_density = (
        substrate_angstrom * len(lower) / lower.get_volume() + film_angstrom * len(upper) / upper.get_volume()
    )
    planes = [_distinct_planes(crystal, max_miller, primitive) for crystal in (lower, upper)]
    labels = (_rhombohedral(lower), _rhombohedral(upper))

    def candidates(area: float, strain: float) -> Iterator[MatchCandidate]:
        for a in planes[0]:
            for b in planes[1]:
                found = next(
                    common_cells([a.cell, b.cell], area, strain, turnable=[always, always], strained=strained), None
                )
                if found is not None:
                    yield MatchCandidate(
                        substrate_miller=_label(a.miller, labels[0]),
                        film_miller=_label(b.miller, labels[1]),
                        area_angstrom2=found.area_angstrom2,
                        max_strain=found.max_strain,
                        n_atoms_estimate=round(found.area_angstrom2 * areal_density),
                        strained=strained,
                        substrate_strain=_tensor(found.strains[0].tensor),
                        film_strain=_tensor(found.strains[1].tensor),
                    )

    ranked = sorted(candidates(max_area_angstrom2, max_strain), key=_rank)
    if ranked:
        return tuple(ranked)
    by_strain = min(candidates(max_area_angstrom2, 0.1), key=lambda c: c.max_strain, default=None)
    by_area = min(candidates(3.0 * max_area_angstrom2, max_strain), key=_rank, default=None)
    wider = {"strain": by_strain, "area": by_area}
    if by_strain is None and by_area is None:
        wider = {"of both": min(candidates(max(3.0 * max_area_angstrom2, 400.0), 0.1), key=_rank, default=None)}
    hints = [f"allowing more {limit}, {_described(candidate)}" for limit, candidate in wider.items() if candidate]
    nearest = f"The nearest: {'; '.join(hints)}." if hints else "There is none with far wider limits either."
    raise StructureError(
        f"No planes of {substrate} and {film} with indices up to {max_miller} share a lateral cell of at most "
        f"{max_area_angstrom2:g} angstrom^2 with strain below {100 * max_strain:g} %. {nearest}"
    )


def plane_label(miller: Miller) -> str:
    """Indices in parentheses, ``(1 1 0)``.

    Parameters
    ----------
    miller : (3,) tuple of int
        The plane.

    Returns
    -------
    str
        For messages and tables.
    """
    return f"({' '.join(map(str, miller))})"


def _rank(candidate: MatchCandidate) -> tuple[float, float, Miller, Miller]:
    return (
        round(candidate.area_angstrom2, 3),
        round(candidate.max_strain, 6),
        candidate.substrate_miller,
        candidate.film_miller,
    )


def _described(candidate: MatchCandidate) -> str:
    planes = [plane_label(miller) for miller in (candidate.substrate_miller, candidate.film_miller)]
    return f"{'|'.join(planes)} with {candidate.area_angstrom2:.0f} angstrom^2 and {100 * candidate.max_strain:.1f} %"


def write_matches_csv(candidates: Sequence[MatchCandidate], path: Path) -> None:
    """Write one line per candidate; planes as in ``1 1 0``, tensors by component.

    Parameters
    ----------
    candidates : sequence of MatchCandidate
        In the order of the lines.
    path : Path
        The table.
    """
    components = ("xx", "xy", "yx", "yy")
    head = ["substrate_miller", "film_miller", "area_angstrom2", "max_strain", "n_atoms_estimate", "strained"]
    head += [f"{side}_strain_{component}" for side in ("substrate", "film") for component in components]
    rows = []
    for c in candidates:
        tensors = [value for tensor in (c.substrate_strain, c.film_strain) for row in tensor for value in row]
        planes = [" ".join(map(str, miller)) for miller in (c.substrate_miller, c.film_miller)]
        rows.append([*planes, c.area_angstrom2, c.max_strain, c.n_atoms_estimate, c.strained, *tensors])
    write_csv(path, head, rows)


def _tensor(strain: NDArray[np.float64]) -> Tensor:
    (xx, xy), (yx, yy) = np.round(strain, 12).tolist()
    return (xx + 0.0, xy + 0.0), (yx + 0.0, yy + 0.0)


def _distinct_planes(crystal: Atoms, max_miller: int, primitive: bool) -> list[_Plane]:
    from pymatgen.core.surface import get_symmetrically_distinct_miller_indices
    from pymatgen.io.ase import AseAtomsAdaptor

    planes = []
    for indices in get_symmetrically_distinct_miller_indices(AseAtomsAdaptor.get_structure(crystal), max_miller):
        h, k, l = (int(index) for index in indices)  # noqa: E741 (the names of crystallography)
        try:
            plane_stack(crystal, (h, k, l))
        except StructureError:
            continue
        planes.append(_Plane((h, k, l), lateral_cell(crystal, (h, k, l), primitive=primitive)))
    return planes


def _rhombohedral(crystal: Atoms) -> bool:
    """Whether the cell is the hexagonal one of a rhombohedral lattice, in either setting."""
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    a, b, _, alpha, beta, gamma = crystal.cell.cellpar()
    if not np.allclose([a / b, alpha, beta, gamma], [1.0, 90.0, 90.0, 120.0], rtol=1e-3, atol=0):
        return False
    symbol: str = SpacegroupAnalyzer(AseAtomsAdaptor.get_structure(crystal), symprec=0.01).get_space_group_symbol()
    return symbol.startswith("R")


def _label(miller: Miller, rhombohedral: bool) -> Miller:
    """The plane as the literature calls it: the first reflection of the basal plane of a rhombohedral crystal is 003."""
    return (0, 0, 3) if rhombohedral and miller == (0, 0, 1) else miller
