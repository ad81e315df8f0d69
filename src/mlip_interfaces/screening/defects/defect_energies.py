r"""Formation and binding energies of charge-balanced defects: what reservoirs give and take, and what a pair gains.

With the atoms :math:`n_i` that the crystal gains and the chemical potentials :math:`\mu_i` of the reservoirs,

.. math:: E_f = E_\mathrm{defective} - E_\mathrm{perfect} - \sum_i n_i \mu_i , \qquad
   E_b = E_f(\mathrm{pair}) - \sum E_f(\mathrm{isolated}) ,

so that a bound pair has :math:`E_b < 0`. Defects of no net charge need no Fermi level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlip_interfaces.errors import StructureError

_BALANCE = 1e-8


@dataclass(frozen=True, slots=True)
class Reservoir:
    """A phase that gives and takes atoms.

    Attributes
    ----------
    name : str
        As it is called.
    amounts : dict of str to int
        Atoms of each element in one cell or unit.
    energy_ev : float, eV
        Of that cell or unit, by the calculator of the defects.
    """

    name: str
    amounts: dict[str, int]
    energy_ev: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where the atoms of a set of defects come from and go.

    Attributes
    ----------
    cost_ev : float, eV
        Energy of what the reservoirs give, less that of what they take: sum of n_i mu_i.
    taken : dict of str to float
        Atoms of each reservoir that the crystal takes, in cells or units of it; negative where it gives.
    """

    cost_ev: float
    taken: dict[str, float]


def exchange_with(atoms: Mapping[str, int], reservoirs: Sequence[Reservoir]) -> Exchange:
    """Make up a gain of atoms from reservoirs.

    Parameters
    ----------
    atoms : mapping of str to int
        Atoms that the crystal gains, negative where it loses, as `exchanged_atoms` gives them.
    reservoirs : sequence of Reservoir
        In equilibrium with the crystal; as many as are needed, and none that follows from the others.

    Returns
    -------
    Exchange
        The one way to make it up.

    Raises
    ------
    StructureError
        If the reservoirs cannot make it up, or can in more than one way.

    Examples
    --------
    A vacancy pair V_Li' + V_Cl. gives one unit of LiCl:

    >>> exchange_with({"Li": -1, "Cl": -1}, [Reservoir("LiCl", {"Li": 1, "Cl": 1}, -7.0)])
    Exchange(cost_ev=7.0, taken={'LiCl': -1.0})
    """
    wanted = {symbol: number for symbol, number in atoms.items() if number}
    if not wanted:
        return Exchange(0.0, {})
    elements = sorted({*wanted, *(symbol for one in reservoirs for symbol in one.amounts)})
    matrix = np.array([[one.amounts.get(symbol, 0) for one in reservoirs] for symbol in elements], dtype=np.float64)
    right = np.array([wanted.get(symbol, 0) for symbol in elements], dtype=np.float64)
    said = " ".join(f"{number:+d} {symbol}" for symbol, number in wanted.items())
    if not reservoirs:
        raise StructureError(
            f"These defects exchange atoms ({said}); name the phases that give and take them as reservoirs."
        )
    names = ", ".join(one.name for one in reservoirs)
    if np.linalg.matrix_rank(matrix) < len(reservoirs):
        raise StructureError(
            f"The reservoirs {names} follow from each other, so that chemical potentials are not fixed; leave one out."
        )
    taken = np.linalg.lstsq(matrix, right, rcond=None)[0]
    missing = right - matrix @ taken
    if np.abs(missing).max() > _BALANCE:
        lacking = [symbol for symbol, rest in zip(elements, missing, strict=True) if abs(rest) > _BALANCE]
        raise StructureError(
            f"The exchange {said} cannot be made up of the reservoirs {names} ({', '.join(lacking)} does not come out); add a phase with "
            f"{lacking[0]} that is in equilibrium with the crystal."
        )
    amounts = {
        one.name: round(float(share), 9) + 0.0
        for one, share in zip(reservoirs, taken, strict=True)
        if abs(share) > _BALANCE
    }
    return Exchange(float(sum(amounts.get(one.name, 0.0) * one.energy_ev for one in reservoirs)), amounts)


def formation_energy(defective_ev: float, perfect_ev: float, exchange: Exchange) -> float:
    """Energy to make a set of defects without net charge.

    Parameters
    ----------
    defective_ev, perfect_ev : float, eV
        Of the supercell with and without it.
    exchange : Exchange
        As `exchange_with` gives it.

    Returns
    -------
    float, eV
        Positive where the crystal resists.
    """
    return defective_ev - perfect_ev - exchange.cost_ev


def binding_energy(together_ev: float, isolated_ev: Sequence[float]) -> float:
    """What defects gain by being together.

    Parameters
    ----------
    together_ev : float, eV
        Formation energy of the pair, or of the cluster.
    isolated_ev : sequence of float, eV
        Formation energies of its members alone.

    Returns
    -------
    float, eV
        Negative where they are bound.

    References
    ----------
    The "Coulombic binding energy" of the review that `Table 1` of the docs is from has the same sign.

    Examples
    --------
    >>> round(binding_energy(1.676, [2.336]), 3)
    -0.66
    """
    return together_ev - sum(isolated_ev)
