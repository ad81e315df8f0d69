"""The planes on which two crystals are simulated: the cell with the fewest atoms, without a dipole where there is one."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from mlip_interfaces.analysis.depths import face_widths
from mlip_interfaces.errors import StructureError
from mlip_interfaces.records import Record
from mlip_interfaces.screening.relaxing.supercells import repeats_for
from mlip_interfaces.structures.crystals import in_library
from mlip_interfaces.structures.matching import MatchedStack, SlabRequest, match_slabs, rank_matches
from mlip_interfaces.structures.slabs import Miller
from mlip_interfaces.structures.slabs.terminations import NO_DIPOLE

LEAST_WIDTH_ANGSTROM = 7.0
"""A narrower lateral cell is repeated: its atoms would mostly see their own images."""


@dataclass(frozen=True, slots=True)
class Limits(Record):
    """How far a common lateral cell is looked for.

    Attributes
    ----------
    max_area_angstrom2 : float, angstrom^2
        Of the cell, before repeats.
    max_strain : float
        Of the strained crystal.
    """

    max_area_angstrom2: float = 250.0
    max_strain: float = 0.04


@dataclass(frozen=True, slots=True)
class LatticeMatch(Record):
    """Two crystals on one lateral cell.

    Attributes
    ----------
    crystals : tuple of (str, str)
        Below and above; the one above is strained.
    millers : tuple of (Miller, Miller)
        Their planes, indices of the conventional cells.
    thicknesses_angstrom : tuple of (float, float), angstrom
        Asked for.
    area_angstrom2 : float, angstrom^2
        Of the matched cell, before repeats.
    max_strain : float
        Largest principal strain.
    widths_angstrom : tuple of (float, float), angstrom
        Of the matched cell across a and b, before repeats.
    lateral_repeat : tuple of (int, int)
        That make it wide enough.
    n_atoms : int
        Of both slabs with these repeats.
    is_polar : bool
        Whether a slab has a dipole along its normal, by formal charges.
    limits : Limits
        Within which it was looked for; with others, the same planes may have another cell.
    """

    crystals: tuple[str, str]
    millers: tuple[Miller, Miller]
    thicknesses_angstrom: tuple[float, float]
    area_angstrom2: float
    max_strain: float
    widths_angstrom: tuple[float, float]
    lateral_repeat: tuple[int, int]
    n_atoms: int
    is_polar: bool
    limits: Limits


def best_match(
    lower: str,
    upper: str,
    thicknesses_angstrom: tuple[float, float],
    limits: Limits,
) -> LatticeMatch:
    """Planes with indices up to one whose slabs make the smallest model.

    Parameters
    ----------
    lower, upper : str
        Library names or files; the upper crystal is strained.
    thicknesses_angstrom : tuple of (float, float), angstrom
        Of the slabs.
    limits : Limits
        Of area and strain.

    Returns
    -------
    LatticeMatch
        Without a dipole if any pair of planes has none, and with the fewest atoms among these.

    Raises
    ------
    StructureError
        If no planes fit within the limits, or none of those that do can be cut into stoichiometric slabs.
    """
    search = _kept if in_library(lower) and in_library(upper) else _search
    return search(lower, upper, thicknesses_angstrom, limits)


def _search(lower: str, upper: str, thicknesses_angstrom: tuple[float, float], limits: Limits) -> LatticeMatch:
    found: LatticeMatch | None = None
    reasons: list[str] = []
    candidates = rank_matches(
        lower, upper, max_area_angstrom2=limits.max_area_angstrom2, max_strain=limits.max_strain, primitive=True
    )
    for candidate in candidates:
        millers = (candidate.substrate_miller, candidate.film_miller)
        try:
            requests = [
                SlabRequest(*one, stoichiometric=True)
                for one in zip((lower, upper), millers, thicknesses_angstrom, strict=True)
            ]
            stack = match_slabs(
                requests, max_area_angstrom2=limits.max_area_angstrom2, max_strain=limits.max_strain, primitive=True
            )
        except StructureError as error:
            reasons.append(str(error))
            continue
        match = _match((lower, upper), millers, thicknesses_angstrom, stack, limits)
        if found is None or (match.is_polar, match.n_atoms) < (found.is_polar, found.n_atoms):
            found = match
    if found is None:
        raise StructureError(f"No fitting planes of {lower} and {upper} can be cut into slabs. {reasons[0]}")
    return found


def _match(
    crystals: tuple[str, str],
    millers: tuple[Miller, Miller],
    thicknesses_angstrom: tuple[float, float],
    stack: MatchedStack,
    limits: Limits,
) -> LatticeMatch:
    across_a, across_b = face_widths(np.asarray(stack.slabs[0].cell)[:2, :2]).tolist()
    widths = across_a, across_b
    along_a, along_b = repeats_for(widths, LEAST_WIDTH_ANGSTROM)
    is_polar = any(abs(one.dipole_e_per_angstrom) >= NO_DIPOLE for one in stack.terminations)
    return LatticeMatch(
        crystals, millers, thicknesses_angstrom, stack.area_angstrom2, max(one.max_strain for one in stack.strains),
        widths, (along_a, along_b), sum(len(slab) for slab in stack.slabs) * along_a * along_b, is_polar, limits,
    )  # fmt: skip


@functools.lru_cache(maxsize=1024)
def _kept(lower: str, upper: str, thicknesses_angstrom: tuple[float, float], limits: Limits) -> LatticeMatch:
    """Of crystals of the library, which do not change, so that a second ranking, with other bounds, looks for none of them again."""
    return _search(lower, upper, thicknesses_angstrom, limits)
