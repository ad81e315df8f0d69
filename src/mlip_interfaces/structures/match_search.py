"""All pairs of planes of two crystals, ranked by the lateral cell they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.matching import cut_slab, principal_strain

Miller = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class MatchCandidate:
    """The smallest common lateral cell of two planes.

    Attributes
    ----------
    substrate_miller, film_miller : planes, indices of the conventional cell; (0, 0, 3) is the basal plane of a
        rhombohedral crystal in hexagonal axes.
    area_angstrom2 : of the substrate's supercell, to which the film is strained.
    max_strain : largest absolute principal strain of the film.
    n_atoms_estimate : atoms of a bilayer with the thicknesses of the search, from the bulk densities.
    """

    substrate_miller: Miller
    film_miller: Miller
    area_angstrom2: float
    max_strain: float
    n_atoms_estimate: int


@dataclass(frozen=True, slots=True)
class _Plane:
    miller: Miller
    vectors: NDArray[np.float64]


def rank_matches(
    substrate: str,
    film: str,
    *,
    max_area_angstrom2: float = 400.0,
    max_strain: float = 0.02,
    max_miller: int = 1,
    substrate_angstrom: float = 15.0,
    film_angstrom: float = 20.0,
) -> tuple[MatchCandidate, ...]:
    """Candidates of every pair of symmetry-distinct planes, smallest area first, then smallest strain.

    Each is the match that `match_slabs` makes of these planes under these limits. Planes that can only be cut
    through a polyanion are left out.

    Parameters
    ----------
    substrate, film : library names or files.
    max_area_angstrom2, max_strain : limits; the area is the film's before straining, as in the search of Zur and McGill.
    max_miller : largest absolute index.
    substrate_angstrom, film_angstrom : thicknesses for the estimate of the number of atoms.

    Raises
    ------
    StructureError
        If nothing is under the limits; the message names the nearest match beyond them.
    """
    if max_area_angstrom2 <= 0 or max_strain <= 0 or max_miller < 1:
        raise StructureError("The limits of area, strain and Miller index must be positive.")
    lower, upper = load_crystal(substrate), load_crystal(film)
    areal_density = (
        substrate_angstrom * len(lower) / lower.get_volume() + film_angstrom * len(upper) / upper.get_volume()
    )
    pairs = [(a, b) for a in _distinct_planes(lower, max_miller) for b in _distinct_planes(upper, max_miller)]
    labels = (_rhombohedral(lower), _rhombohedral(upper))
    cuttable = _Cuttable(substrate, film)

    def candidates(area: float, strain: float) -> Iterator[MatchCandidate]:
        for a, b in pairs:
            found = _smallest_match(a, b, area, strain)
            if found is not None and cuttable(a.miller, b.miller):
                yield MatchCandidate(
                    substrate_miller=_label(a.miller, labels[0]),
                    film_miller=_label(b.miller, labels[1]),
                    area_angstrom2=found[0],
                    max_strain=found[1],
                    n_atoms_estimate=round(found[0] * areal_density),
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


def _rank(candidate: MatchCandidate) -> tuple[float, float, Miller, Miller]:
    return (
        round(candidate.area_angstrom2, 3),
        round(candidate.max_strain, 6),
        candidate.substrate_miller,
        candidate.film_miller,
    )


def _described(candidate: MatchCandidate) -> str:
    planes = [f"({' '.join(map(str, miller))})" for miller in (candidate.substrate_miller, candidate.film_miller)]
    return f"{'|'.join(planes)} with {candidate.area_angstrom2:.0f} angstrom^2 and {100 * candidate.max_strain:.1f} %"


def _distinct_planes(crystal: Atoms, max_miller: int) -> list[_Plane]:
    from pymatgen.analysis.interfaces.zsl import reduce_vectors
    from pymatgen.core.surface import SlabGenerator, get_symmetrically_distinct_miller_indices
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = AseAtomsAdaptor.get_structure(crystal)
    planes = []
    for indices in get_symmetrically_distinct_miller_indices(structure, max_miller):
        h, k, l = (int(index) for index in indices)  # noqa: E741 (the names of crystallography)
        # The oriented cell of `cut_slab`, so that a candidate found here is one that can be built there.
        unit = SlabGenerator(structure, (h, k, l), 1.0, 0.0, primitive=False, center_slab=False, lll_reduce=False)
        vectors = np.array(reduce_vectors(*np.asarray(unit.oriented_unit_cell.lattice.matrix)[:2]))
        planes.append(_Plane((h, k, l), vectors))
    return planes


def _smallest_match(substrate: _Plane, film: _Plane, area: float, strain: float) -> tuple[float, float] | None:
    """Area of the substrate's supercell and strain; the tolerances are those of `match_slabs`."""
    from pymatgen.analysis.interfaces.zsl import ZSLGenerator

    generator = ZSLGenerator(
        max_area=area, max_area_ratio_tol=2.5 * strain, max_length_tol=strain, max_angle_tol=2.0 * strain
    )
    matches: Iterable[Any] = generator(film.vectors, substrate.vectors)
    found = [(float(m.match_area), principal_strain(m.film_sl_vectors, m.substrate_sl_vectors), m) for m in matches]
    within = [entry for entry in found if entry[1] <= strain]
    if not within:
        return None
    _, smallest_strain, match = min(within, key=lambda entry: (round(entry[0], 3), entry[1]))
    return float(np.linalg.norm(np.cross(*match.substrate_sl_vectors))), smallest_strain


class _Cuttable:
    """Whether planes can be cut without breaking a polyanion; each plane is tried once."""

    def __init__(self, substrate: str, film: str) -> None:
        self._materials = (substrate, film)
        self._known: dict[tuple[str, Miller], bool] = {}

    def __call__(self, *planes: Miller) -> bool:
        return all(self._plane(*pair) for pair in zip(self._materials, planes, strict=True))

    def _plane(self, material: str, miller: Miller) -> bool:
        if (material, miller) not in self._known:
            try:
                cut_slab(material, miller, 1.0)
            except StructureError:
                self._known[material, miller] = False
            else:
                self._known[material, miller] = True
        return self._known[material, miller]


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
