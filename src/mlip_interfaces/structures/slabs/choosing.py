"""Slabs of a crystal along any plane: its distinct terminations, a thickness in angstrom, polyanions whole."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence

import numpy as np
from ase import Atoms

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.slabs.terminations import Family, Slab, surfaces_of


def enumerate_slabs(
    material: str,
    miller: Sequence[int],
    thickness_angstrom: float,
    *,
    symmetric: bool = False,
    stoichiometric: bool = False,
    primitive: bool = False,
    charges: Mapping[str, float] | None = None,
) -> tuple[Slab, ...]:
    """One slab of every distinct termination, each as near to the thickness as it comes.

    Parameters
    ----------
    material : str
        Library name or file.
    miller : sequence of int
        Plane, indices of the crystal's cell as `load_crystal` gives it; a common factor is taken out.
    thickness_angstrom : float, angstrom
        Thickness wanted.
    symmetric : bool
        Only slabs with the same plane on both sides.
    stoichiometric : bool
        Only slabs with the crystal's composition.
    primitive : bool
        On the lateral cell of the primitive lattice instead of the conventional one.
    charges : mapping of str to float, e, or None
        Formal charges by element, instead of the usual ones.

    Returns
    -------
    slabs : tuple of Slab
        Every slab that is stoichiometric or symmetric, in an order that does not depend on the thickness:
        stoichiometric before not, by Tasker class, by dipole of the repeat unit, the same cut on both sides before two
        different ones, wide gaps between the atoms that are parted before narrow ones, by name.

    Raises
    ------
    StructureError
        As `load_crystal`, `planes.plane_stack` and `formal_charges`; if no slab is both symmetric and stoichiometric
        although both were asked for.

    Notes
    -----
    Cuts run between planes of whole polyanions, so no bond of one is broken. Two terminations are the same if an
    operation of the space group that keeps the normal turns one into the other; upside down they differ, for in an
    interface it matters which surface faces the other crystal.

    References
    ----------
    P. W. Tasker, J. Phys. C 12, 4977 (1979).
    """
    if not (math.isfinite(thickness_angstrom) and thickness_angstrom > 0):
        raise StructureError(
            f"A slab of {material} cannot be {thickness_angstrom:g} angstrom thick; give a positive thickness."
        )
    surfaces = surfaces_of(material, miller, primitive, charges)
    families = [family for family in surfaces.families() if family.stoichiometric or family.symmetric]
    wanted = [
        family
        for family in families
        if (family.symmetric or not symmetric) and (family.stoichiometric or not stoichiometric)
    ]
    if not wanted:
        names = {
            flag: [surfaces.name(f) for f in families if getattr(f, flag)] for flag in ("symmetric", "stoichiometric")
        }
        known = "; ".join(f"{flag}: {', '.join(dict.fromkeys(named)) or 'none'}" for flag, named in names.items())
        asked = " and ".join(
            word for word, flag in (("symmetric", symmetric), ("stoichiometric", stoichiometric)) if flag
        )
        raise StructureError(f"{material} {_bracket(miller)} has no {asked} slab. There are {known}.")
    nearest: dict[str, tuple[tuple[object, ...], int, Family]] = {}
    for family in wanted:
        n_repeats = surfaces.n_repeats(family, thickness_angstrom)
        deviation = abs(surfaces.thickness(family, n_repeats) - thickness_angstrom)
        key = (not family.stoichiometric, round(deviation, 6), n_repeats, family.bottom)
        name = surfaces.name(family)
        if name not in nearest or key < nearest[name][0]:
            nearest[name] = (key, n_repeats, family)
    slabs = [(surfaces.rank(family), surfaces.slab(family, n)) for _, n, family in nearest.values()]
    return tuple(slab for _, slab in sorted(slabs, key=lambda pair: (pair[0], pair[1].termination.name)))


def choose_slab(
    material: str,
    miller: Sequence[int],
    thickness_angstrom: float,
    *,
    termination: str | int | None = None,
    symmetric: bool = False,
    stoichiometric: bool = False,
    primitive: bool = False,
    charges: Mapping[str, float] | None = None,
) -> Slab:
    """The slab of one termination: by its name, its number in `enumerate_slabs`, or the first.

    Parameters
    ----------
    material : str
        Library name or file.
    miller : sequence of int
        Plane, indices of the crystal's cell.
    thickness_angstrom : float, angstrom
        Thickness wanted.
    termination : str or int or None, optional
        Name, which may also be that of the top plane alone, or number; the first when left out.
    symmetric, stoichiometric, primitive : bool, optional
        As in `enumerate_slabs`.
    charges : mapping of str to float, e, or None, optional
        Formal charges by element, instead of the usual ones.

    Returns
    -------
    Slab
        Without vacuum.

    Raises
    ------
    StructureError
        As `enumerate_slabs`; if there is no such termination, with the nearest name.
    """
    slabs = enumerate_slabs(
        material, miller, thickness_angstrom, symmetric=symmetric, stoichiometric=stoichiometric, primitive=primitive,
        charges=charges,
    )  # fmt: skip
    if termination is None:
        return slabs[0]
    names = [slab.termination.name for slab in slabs]
    listed = ", ".join(f"{number} {name}" for number, name in enumerate(names))
    where = f"{material} {_bracket(miller)}"
    if isinstance(termination, int):
        if 0 <= termination < len(slabs):
            return slabs[termination]
        raise StructureError(f"{where} has no termination {termination}; there are {listed}.")
    wanted = "".join(termination.split()).lower()
    keys = ["".join(name.split()).lower() for name in names]
    tops = [key.split("|")[0] for key in keys]
    for known in (keys, tops):
        if wanted in known:
            return slabs[known.index(wanted)]
    close = difflib.get_close_matches(wanted, keys + tops, n=1, cutoff=0.0)
    nearest = names[(keys + tops).index(close[0]) % len(names)] if close else names[0]
    raise StructureError(f"{where} has no termination '{termination}'. Did you mean '{nearest}'? There are {listed}.")


def cut_slab(
    material: str,
    miller: Sequence[int],
    thickness_angstrom: float,
    *,
    termination: str | int | None = None,
    symmetric: bool = False,
    stoichiometric: bool = False,
    primitive: bool = False,
) -> Atoms:
    """The atoms of `choose_slab`.

    Parameters
    ----------
    material : str
        Library name or file.
    miller : sequence of int
        Plane, indices of the crystal's cell.
    thickness_angstrom : float, angstrom
        Thickness wanted.
    termination : str or int or None, optional
        Name or number; the first when left out.
    symmetric, stoichiometric, primitive : bool, optional
        As in `enumerate_slabs`.

    Returns
    -------
    ase.Atoms
        Without vacuum.

    Raises
    ------
    StructureError
        As `choose_slab`.
    """
    return choose_slab(
        material, miller, thickness_angstrom, termination=termination, symmetric=symmetric,
        stoichiometric=stoichiometric, primitive=primitive,
    ).atoms  # fmt: skip


def with_vacuum(slab: Atoms, vacuum_angstrom: float) -> Atoms:
    """The slab in the middle of a cell with vacuum between its outermost atoms and their images.

    Parameters
    ----------
    slab : ase.Atoms
        Cell rows a and b in the xy-plane.
    vacuum_angstrom : float, angstrom
        Thickness of the vacuum.

    Returns
    -------
    ase.Atoms
        A copy, with c along z.

    Raises
    ------
    StructureError
        If the vacuum is negative.
    """
    if not vacuum_angstrom >= 0:
        raise StructureError(f"A vacuum of {vacuum_angstrom:g} angstrom is impossible; give zero or more.")
    isolated = slab.copy()
    cell = np.asarray(slab.cell).copy()
    low, high = slab.positions[:, 2].min(), slab.positions[:, 2].max()
    cell[2] = (0.0, 0.0, high - low + vacuum_angstrom)
    isolated.set_cell(cell)
    isolated.positions[:, 2] += vacuum_angstrom / 2.0 - low
    return isolated


def _bracket(miller: Sequence[int]) -> str:
    return f"({' '.join(map(str, miller))})"
