"""What every gate takes and gives: hosts and a calculator function in, measured quantities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.config.gates import Gates
from mlip_interfaces.units import FS_TO_PS

Floats = NDArray[np.float64]

Evaluate = Callable[[Sequence[str], Floats, Floats], tuple[Floats, Floats]]
"""A potential as a function: elements of the atoms, positions (n_frames, n_atoms, 3) and cells (n_frames, 3, 3) in angstrom give
energies (n_frames,) in eV and forces (n_frames, n_atoms, 3) in eV/angstrom of periodic structures."""


@dataclass(frozen=True, slots=True)
class Host:
    """A structure that a potential is tried on.

    Attributes
    ----------
    name : str
        Of the model or of the bulk cell.
    role : {"bulk", "interface"}
        What it is.
    symbols : tuple of str
        Element of each atom.
    positions : (n_atoms, 3) float array, angstrom
        Of the atoms.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors; periodic in all three.
    layer_id : (n_atoms,) int array
        Layer of each atom, counted from the bottom.
    """

    name: str
    role: Literal["bulk", "interface"]
    symbols: tuple[str, ...]
    positions: Floats
    cell: Floats
    layer_id: NDArray[np.int64]

    @property
    def volume(self) -> float:
        """Of the cell, angstrom^3."""
        return float(abs(np.linalg.det(self.cell)))


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a gate measures and what bounds it.

    Attributes
    ----------
    key : str
        Its name in the books.
    title, unit : str
        Its name in words, and the unit of value and bound; empty for a number without.
    side : {"at most", "at least"}
        Which side of the bound is good.
    setting : str
        Key of the bound in the study's section `gates`.
    """

    key: str
    title: str
    unit: str
    side: Literal["at most", "at least"]
    setting: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured number.

    Attributes
    ----------
    what : str
        Pair of elements, structure or run that it belongs to.
    quantity : str
        Key of the `Quantity`.
    value : float
        The number; not-a-number where the potential gave none.
    note : str
        Where it was found, for those who read it.
    """

    what: str
    quantity: str
    value: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """A structure by itself.

    Attributes
    ----------
    symbols : tuple of str
        Element of each atom.
    positions : (n_atoms, 3) float array, angstrom
        Of the atoms.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    comment : str
        What it shows.
    """

    symbols: tuple[str, ...]
    positions: Floats
    cell: Floats
    comment: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a gate found.

    Attributes
    ----------
    measurements : tuple of Measurement
        All of them, good and bad.
    curves : mapping of str to (2, n) float array
        Abscissa and ordinate by name, for the figures.
    frames : mapping of str to tuple of Frame
        What a measurement of this name (its `what`) stands on: structures that would repair the potential once labelled.
    """

    measurements: tuple[Measurement, ...]
    curves: Mapping[str, Floats] = field(default_factory=dict)
    frames: Mapping[str, tuple[Frame, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MdPlan:
    """What LAMMPS is asked for.

    Attributes
    ----------
    settings : Gates
        Of the study.
    elements : tuple of str
        The study's type map, in the order of the data files.
    hottest_kelvin : float, K
        Of the study's protocols.
    shortest_timestep_fs : float, fs
        Of the study's protocols.
    n_frames : int
        Structures that LAMMPS and Python evaluate.
    """

    settings: Gates
    elements: tuple[str, ...]
    hottest_kelvin: float
    shortest_timestep_fs: float
    n_frames: int

    @property
    def timestep_ps(self) -> float:
        """Time step, ps."""
        asked = self.settings.timestep_fs
        return (self.shortest_timestep_fs if asked is None else asked) * FS_TO_PS


@dataclass(frozen=True, slots=True)
class LammpsGate:
    """The part of a gate that LAMMPS does.

    Attributes
    ----------
    deck : str
        Its input, of ``lammps_inputs/``.
    variables : callable
        Variables of the deck by name, those of model and elements left out.
    outputs : callable
        Files that it leaves.
    read : callable
        What it found, from the folder of the gates, where each gate has a folder by its name.
    """

    deck: str
    variables: Callable[[MdPlan], Mapping[str, str]]
    outputs: Callable[[MdPlan], tuple[str, ...]]
    read: Callable[[Path, MdPlan], Found]


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate: it has the one or the other of the last two.

    Attributes
    ----------
    name : str
        As in the study's ``gates.run``.
    title : str
        What it asks, in a few words.
    quantities : tuple of Quantity
        What it measures.
    measure : callable or None
        What it finds with a potential on the hosts; it needs no MD.
    lammps : LammpsGate or None
        Where LAMMPS does the work.
    """

    name: str
    title: str
    quantities: tuple[Quantity, ...]
    measure: Callable[[Evaluate, Sequence[Host], Gates], Found] | None = None
    lammps: LammpsGate | None = None
