r"""Work of adhesion and interface energy, from energies of cells.

A superlattice of two slabs has two interfaces in its cell, a pair of slabs under vacuum one. With the area :math:`A`, :math:`n` interfaces, and
:math:`X` either slab,

.. math::
   W = \frac{\sum_X E_X^\mathrm{slab} - E_\mathrm{int}}{n A}, \qquad
   \gamma_\mathrm{int} = \frac{E_\mathrm{int} - \sum_X N_X e_X}{n A} - \frac{2 - n}{n} \sum_X \gamma_X, \qquad
   \gamma_X = \frac{E_X^\mathrm{slab} - N_X e_X}{2 A},

where :math:`e_X` is the energy of the bulk crystal **strained in the plane as its slab is**, free along the normal: what straining the bulk
costs, which grows with the thickness, is in neither number, and :math:`W = \sum_X \gamma_X - \gamma_\mathrm{int}`.

Of a cell with more slabs both would be means of interfaces between different solids, which belong to none of them: there is no such number. Each
of its interfaces has a work of its own, that of opening it by vacuum while the others stay closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerEnergies:
    """Energies that belong to one layer of an interface.

    Attributes
    ----------
    name : str
        Of the layer.
    slab_ev : float or None, eV
        Of the layer alone under vacuum; None in cells with more than two layers, whose interfaces are opened one by one.
    strained_bulk_ev : float or None, eV
        Of as many atoms of the bulk, strained as the layer is; None where the layer has not the composition of a crystal.
    bulk_ev : float or None, eV
        The same of the crystal at rest.
    """

    name: str
    slab_ev: float | None
    strained_bulk_ev: float | None
    bulk_ev: float | None


@dataclass(frozen=True, slots=True)
class InterfaceEnergetics:
    """What an interface costs and how it holds.

    Attributes
    ----------
    work_of_adhesion_ev_per_angstrom2 : float or None, eV/angstrom^2
        Of the one interface under vacuum, mean of both in a superlattice; positive where the solids stick to each other. None of more than two layers.
    interface_energy_ev_per_angstrom2 : float or None, eV/angstrom^2
        Of the same, excess over the strained bulk crystals; None without references, and of more than two layers.
    surface_energies_ev_per_angstrom2 : tuple of (float or None), eV/angstrom^2
        Of each layer, mean of its two surfaces.
    strain_energies_ev_per_angstrom2 : tuple of (float or None), eV/angstrom^2
        Of each layer: its strained bulk against the crystal at rest, per area; in no other number.
    """

    work_of_adhesion_ev_per_angstrom2: float | None
    interface_energy_ev_per_angstrom2: float | None
    surface_energies_ev_per_angstrom2: tuple[float | None, ...]
    strain_energies_ev_per_angstrom2: tuple[float | None, ...]


def work_of_adhesion(
    slab_energies_ev: Sequence[float], interface_ev: float, area_angstrom2: float, n_interfaces: int
) -> float:
    """Work to part an interface into its two slabs.

    Parameters
    ----------
    slab_energies_ev : (2,) sequence of float, eV
        Of the slabs under vacuum, in the lateral cell of the interface.
    interface_ev : float, eV
        Of the cell with both of them.
    area_angstrom2 : float, angstrom^2
        Of the lateral cell.
    n_interfaces : int
        In the cell: 2 in a superlattice, 1 under vacuum.

    Returns
    -------
    float, eV/angstrom^2
        Mean of the interfaces.

    Examples
    --------
    >>> work_of_adhesion([-10.0, -20.0], -34.0, 20.0, 2)
    0.1
    """
    return (sum(slab_energies_ev) - interface_ev) / (n_interfaces * area_angstrom2)


def surface_energy(slab_ev: float, bulk_ev: float, area_angstrom2: float) -> float:
    """Mean energy of the two surfaces of a slab.

    Parameters
    ----------
    slab_ev : float, eV
        Of the slab under vacuum.
    bulk_ev : float, eV
        Of as many atoms of the bulk, strained as the slab is.
    area_angstrom2 : float, angstrom^2
        Of the lateral cell.

    Returns
    -------
    float, eV/angstrom^2
        Positive for a stable crystal.
    """
    return (slab_ev - bulk_ev) / (2.0 * area_angstrom2)


def interface_energetics(
    layers: Sequence[LayerEnergies], interface_ev: float, area_angstrom2: float, n_interfaces: int
) -> InterfaceEnergetics:
    """All numbers of an interface.

    Parameters
    ----------
    layers : sequence of LayerEnergies
        Those of the cell.
    interface_ev : float, eV
        Of the cell.
    area_angstrom2 : float, angstrom^2
        Of the lateral cell.
    n_interfaces : int
        In the cell: as many as layers in a superlattice, one less under vacuum.

    Returns
    -------
    InterfaceEnergetics
        With None where something is not known, or is no number of one interface.

    Notes
    -----
    Under vacuum the two outer surfaces count as the mean surfaces of the slabs, which is exact for symmetric ones.

    References
    ----------
    N. D. Lepley, N. A. W. Holzwarth, Phys. Rev. B 92, 214201 (2015): interface energies without strain.
    M. W. Finnis, J. Phys.: Condens. Matter 8, 5811 (1996): work of adhesion.
    """
    slabs = [layer.slab_ev for layer in layers if layer.slab_ev is not None]
    strained = [layer.strained_bulk_ev for layer in layers if layer.strained_bulk_ev is not None]
    surfaces = tuple(
        None
        if layer.slab_ev is None or layer.strained_bulk_ev is None
        else surface_energy(layer.slab_ev, layer.strained_bulk_ev, area_angstrom2)
        for layer in layers
    )
    strains = tuple(
        None
        if layer.strained_bulk_ev is None or layer.bulk_ev is None
        else (layer.strained_bulk_ev - layer.bulk_ev) / area_angstrom2
        for layer in layers
    )
    if len(layers) > 2:
        return InterfaceEnergetics(None, None, surfaces, strains)
    work = None
    if len(slabs) == len(layers):
        work = work_of_adhesion(slabs, interface_ev, area_angstrom2, n_interfaces)
    excess = None
    outer = [] if n_interfaces == len(layers) else surfaces
    known = [surface for surface in outer if surface is not None]
    if len(strained) == len(layers) and len(known) == len(outer):
        excess = ((interface_ev - sum(strained)) / area_angstrom2 - sum(known)) / n_interfaces
    return InterfaceEnergetics(work, excess, surfaces, strains)
