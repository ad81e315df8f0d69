"""Two crystals on one lateral cell: Zur-McGill matching with pymatgen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals import load_crystal

# Bonds that a cut must not go through: the polyanions of thiophosphates and phosphates, angstrom.
UNCUT_BONDS: dict[tuple[str, str], float] = {("P", "S"): 2.4, ("P", "O"): 1.8, ("P", "P"): 2.5}


@dataclass(frozen=True, slots=True)
class Strain:
    """Strain of the film (the second crystal) on the substrate.

    Attributes
    ----------
    tensor : in-plane engineering strain F - 1 in the frame of the cell, shape (2, 2).
    max_strain : largest absolute principal strain, so that shear counts too.
    angle_degrees : change of the angle between the lattice vectors.
    """

    tensor: NDArray[np.float64]
    max_strain: float
    angle_degrees: float


@dataclass(frozen=True, slots=True)
class MatchedSlabs:
    """Two slabs with the same lateral cell, the second one strained to the first.

    Attributes
    ----------
    substrate, film : slabs with cell rows a = (ax, 0, 0), b = (bx, by, 0), c = (0, 0, thickness).
    area_angstrom2 : of the lateral cell.
    strain : of the film.
    """

    substrate: Atoms
    film: Atoms
    area_angstrom2: float
    strain: Strain


def match_slabs(
    substrate: str,
    substrate_miller: tuple[int, int, int],
    substrate_angstrom: float,
    film: str,
    film_miller: tuple[int, int, int],
    film_angstrom: float,
    *,
    max_area_angstrom2: float,
    max_strain: float,
) -> MatchedSlabs:
    """Cut both crystals and find the smallest common lateral cell below the strain limit.

    Parameters
    ----------
    substrate, film : library names or files.
    substrate_miller, film_miller : planes.
    substrate_angstrom, film_angstrom : thicknesses; each is rounded to whole repeat units, at least one.
    max_area_angstrom2, max_strain : limits of the search.

    Raises
    ------
    StructureError
        If nothing matches; the message names the nearest match beyond the limits.

    References
    ----------
    A. Zur, T. C. McGill, J. Appl. Phys. 55, 378 (1984).
    """
    from pymatgen.analysis.interfaces.zsl import ZSLGenerator, reduce_vectors

    lower = cut_slab(substrate, substrate_miller, substrate_angstrom)
    upper = cut_slab(film, film_miller, film_angstrom)
    lower_vectors = reduce_vectors(*np.asarray(lower.cell)[:2])
    upper_vectors = reduce_vectors(*np.asarray(upper.cell)[:2])

    def best(area: float, tolerance: float) -> tuple[float, float, object] | None:
        generator = ZSLGenerator(
            max_area=area,
            max_area_ratio_tol=2.5 * tolerance,
            max_length_tol=tolerance,
            # A shear within the limit turns a right angle by up to 2 tolerance; the exact limit is applied below.
            max_angle_tol=2.0 * tolerance,
        )
        found = [
            (
                round(float(match.match_area), 3),
                principal_strain(match.film_sl_vectors, match.substrate_sl_vectors),
                match,
            )
            for match in generator(upper_vectors, lower_vectors)
        ]
        within = [entry for entry in found if entry[1] <= tolerance]
        return min(within, key=lambda entry: entry[:2], default=None)

    found = best(max_area_angstrom2, max_strain)
    if found is None:
        nearest = best(2.0 * max_area_angstrom2, 0.1)
        hint = (
            f"The nearest has {nearest[0]:.0f} angstrom^2 and {100 * nearest[1]:.1f} % strain; allow that or choose other planes."
            if nearest
            else "There is none within twice that area and 10 % strain either; choose other planes."
        )
        raise StructureError(
            f"{substrate} {substrate_miller} and {film} {film_miller} share no lateral cell of at most "
            f"{max_area_angstrom2:g} angstrom^2 with strain below {100 * max_strain:g} %. {hint}"
        )
    match = found[2]
    bottom = _supercell(lower, np.asarray(match.substrate_sl_vectors))  # type: ignore[attr-defined]
    top = _supercell(upper, np.asarray(match.film_sl_vectors))  # type: ignore[attr-defined]
    target, original = np.asarray(bottom.cell)[:2, :2].copy(), np.asarray(top.cell)[:2, :2].copy()
    # Rows are vectors: target = original (1 + strain)^T.
    tensor = np.linalg.solve(original, target).T - np.eye(2)
    cell = np.asarray(top.cell).copy()
    cell[:2, :2] = target
    top.set_cell(cell, scale_atoms=True)
    strain = Strain(
        tensor=tensor,
        max_strain=principal_strain(original, target),
        angle_degrees=_angle(target) - _angle(original),
    )
    return MatchedSlabs(bottom, top, float(abs(np.linalg.det(target))), strain)


def cut_slab(material: str, miller: tuple[int, int, int], thickness_angstrom: float) -> Atoms:
    """A slab without vacuum: whole repeat units of a crystal along a plane's normal.

    Cuts never go through P-S, P-O or P-P bonds. The thickness is the repeat distance times the number of units,
    the number being the one nearest to the request, at least one.

    Raises
    ------
    StructureError
        If every cut breaks a polyanion.
    """
    from pymatgen.core.surface import SlabGenerator
    from pymatgen.io.ase import AseAtomsAdaptor

    structure = AseAtomsAdaptor.get_structure(load_crystal(material))
    unit = SlabGenerator(structure, miller, 1.0, 0.0, primitive=False, center_slab=False, lll_reduce=False)
    lattice = unit.oriented_unit_cell.lattice
    height = lattice.volume / float(np.linalg.norm(np.cross(lattice.matrix[0], lattice.matrix[1])))
    n_units = max(1, round(thickness_angstrom / height))
    generator = SlabGenerator(
        structure, miller, n_units * height - 0.01, 0.0, primitive=False, center_slab=False, lll_reduce=False
    )
    present = {site.specie.symbol for site in structure}
    bonds = {pair: length for pair, length in UNCUT_BONDS.items() if set(pair) <= present}
    slabs = generator.get_slabs(bonds=bonds or None, max_broken_bonds=0)
    if not slabs:
        raise StructureError(f"Every cut of {material} along {miller} breaks a P-S or P-O bond; choose another plane.")
    slab = slabs[0].get_orthogonal_c_slab()
    atoms = AseAtomsAdaptor.get_atoms(slab)
    atoms = Atoms(atoms.get_chemical_symbols(), positions=atoms.positions, cell=atoms.cell, pbc=True)
    return _upright(atoms, n_units * height)


def _supercell(slab: Atoms, vectors: NDArray[np.float64]) -> Atoms:
    from ase.build import make_supercell

    lateral = np.asarray(slab.cell)[:2]
    transform = np.eye(3, dtype=int)
    transform[:2, :2] = np.rint(np.linalg.lstsq(lateral.T, vectors.T, rcond=None)[0].T).astype(int)
    mirrored = np.linalg.det(transform) < 0
    if mirrored:
        transform[[0, 1]] = transform[[1, 0]]
    crystal = make_supercell(slab, transform)
    cell = np.asarray(crystal.cell).copy()
    if mirrored:
        # The asked-for order of a and b is left-handed seen from above: turn the slab upside down.
        cell[[0, 1]] = cell[[1, 0]]
        half_turn = np.diag([1.0, -1.0, -1.0])
        cell[:2] = cell[:2] @ half_turn
        crystal = Atoms(crystal.get_chemical_symbols(), positions=crystal.positions @ half_turn, cell=cell, pbc=True)
    return _upright(crystal, float(np.asarray(slab.cell)[2, 2]))


def _upright(slab: Atoms, height: float) -> Atoms:
    """The slab with a along x, b in the xy-plane, c of the given height along z, atoms from z = 0 up."""
    cell = np.asarray(slab.cell)
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    x = cell[0] / np.linalg.norm(cell[0])
    frame = np.array([x, np.cross(normal, x), normal])
    positions = slab.positions @ frame.T
    new = cell @ frame.T
    new[2] = (0.0, 0.0, height)
    positions[:, 2] -= positions[:, 2].min()
    atoms = Atoms(slab.get_chemical_symbols(), positions=positions, cell=new, pbc=True)
    atoms.wrap(pbc=(True, True, False), eps=1e-6)
    return atoms


def principal_strain(film: NDArray[np.float64], substrate: NDArray[np.float64]) -> float:
    """Largest absolute principal strain; from the metrics, so the two cells may lie in any planes."""
    before, after = np.asarray(film), np.asarray(substrate)
    squares = np.linalg.eigvals(np.linalg.solve(before @ before.T, after @ after.T)).real
    return float(np.abs(np.sqrt(squares) - 1.0).max())


def _angle(vectors: NDArray[np.float64]) -> float:
    a, b = vectors
    return float(np.degrees(np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))))
