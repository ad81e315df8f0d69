"""What every DFT code gives: a writer of inputs, a command and a parser of outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from pydantic import JsonValue

from mlip_interfaces.config.dft import Dft

Tags = dict[str, JsonValue]
"""Keywords of a code's input and their values; what is nested is a section."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for one structure.

    Attributes
    ----------
    pseudopotentials : dict of str to dict of str to str
        By element, what identifies the file (``name``, ``sha256``, ...).
    safer_settings : dict of str to JSON
        SCF settings that differ from the first attempt's.
    missing : str
        Why the inputs cannot be run here; empty if they can.
    """

    pseudopotentials: dict[str, dict[str, str]] = field(default_factory=dict)
    safer_settings: Tags = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a code printed, in the order of the structure's atoms.

    Attributes
    ----------
    energy_ev : float, eV
        Free energy where the code smears.
    forces_ev_per_angstrom : (n_atoms, 3) float array, eV/angstrom
        On each atom.
    virial_ev : (3, 3) float array, eV
        Minus volume times stress (tension positive).
    code : str
        Name and version.
    cores : int or None
        Number as printed; None where the code does not say.
    """

    energy_ev: float
    forces_ev_per_angstrom: NDArray[np.float64]
    virial_ev: NDArray[np.float64]
    code: str
    cores: int | None


@dataclass(frozen=True, slots=True)
class Code:
    """A DFT code.

    Attributes
    ----------
    name : str
        As in ``labels.calculator``.
    label : str
        Its own spelling.
    install : str
        How to get it.
    command : callable
        From the words of the study's command, none if there is none, to the argument vector that runs the code in the
        folder of its inputs.
    write : callable
        Writes the inputs of one structure; the attempt counts from 1, the second is the careful one.
    parse : callable
        Reads the outputs; given what the program wrote to its log.
    log : str
        File that receives standard output and error.
    discard : tuple of str
        Glob patterns of files that are of no use after a good run.
    packages : tuple of str
        What `parse` imports and an extra brings.
    """

    name: str
    label: str
    install: str
    command: Callable[[list[str]], list[str]]
    write: Callable[[Atoms, Dft, Path, int], Written]
    parse: Callable[[Atoms, Path], Answer]
    log: str
    discard: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def grouped_order(atoms: Atoms) -> tuple[list[str], NDArray[np.int64]]:
    """Species by first appearance, and the atoms sorted by species.

    Parameters
    ----------
    atoms : Atoms
        Any order.

    Returns
    -------
    species : list of str
        Each once.
    order : (n_atoms,) int array
        Indices into `atoms`: file row k holds atom ``order[k]``; within a species the order stays.

    Examples
    --------
    >>> grouped_order(Atoms("OCoO"))
    (['O', 'Co'], array([0, 2, 1]))
    """
    symbols = atoms.get_chemical_symbols()
    species = list(dict.fromkeys(symbols))
    return species, np.argsort([species.index(symbol) for symbol in symbols], kind="stable")


def atom_order(rows: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows of a file that was written in `order`, back in the order of the structure.

    Parameters
    ----------
    rows : (n_atoms, ...) float array
        As in the file.
    order : (n_atoms,) int array
        File row k holds atom ``order[k]``.

    Returns
    -------
    (n_atoms, ...) float array
        Row i belongs to atom i.
    """
    back = np.empty_like(rows)
    back[order] = rows
    return back
