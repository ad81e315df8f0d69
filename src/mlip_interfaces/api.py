"""The front door: ``import mlip_interfaces as mi``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

from mlip_interfaces.observables import (
    ANALYSES,
    Arrhenius,
    Chemistry,
    Crystallites,
    Density,
    Environments,
    Growth,
    Msd,
    Onsager,
    Phases,
    Profile,
    Rdf,
    Reactions,
    Request,
    Residence,
    Result,
    Results,
    Tetrahedra,
    VanHove,
    analyze,
)
from mlip_interfaces.trajectory import TrajectoryReader, open_trajectory, trajectory_of_arrays

if TYPE_CHECKING:
    from ase import Atoms

    from mlip_interfaces.observables.msd import MsdResult
    from mlip_interfaces.observables.rdf import RdfResult

__all__ = [
    "ANALYSES",
    "Arrhenius",
    "Chemistry",
    "Crystallites",
    "Density",
    "Environments",
    "Growth",
    "Msd",
    "Onsager",
    "Phases",
    "Profile",
    "Rdf",
    "Reactions",
    "Request",
    "Residence",
    "Result",
    "Results",
    "Tetrahedra",
    "TrajectoryReader",
    "VanHove",
    "analyze",
    "build",
    "msd",
    "open_trajectory",
    "rdf",
    "trajectory_of_arrays",
]


def rdf(
    positions: ArrayLike,
    cells: ArrayLike,
    symbols: Sequence[str],
    *,
    pairs: Sequence[str],
    frame_interval_ps: float,
    layers: Sequence[str] | None = None,
    **settings: Any,
) -> RdfResult:
    """g(r) of plain arrays.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) array, angstrom
        Wrapped or not.
    cells : (n_frames, 3, 3) or (3, 3) array, angstrom
        Rows are lattice vectors.
    symbols : sequence of str
        Element of each atom.
    pairs : sequence of str
        As in ``P-S``; with `layers` also ``Li@coating-S``.
    frame_interval_ps : float, ps
        Time between frames.
    layers : sequence of str or None
        Layer of each atom.
    **settings
        Further settings of `Rdf`.

    Returns
    -------
    mlip_interfaces.observables.rdf.RdfResult
        By pair, with errors.

    Raises
    ------
    AnalysisError
        If a pair is absent, or g(r) would reach beyond half the cell.
    InputFileError
        If shapes do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> places = np.random.default_rng(1).random((20, 200, 3)) * 12.0
    >>> found = rdf(places, 12.0 * np.eye(3), ["Li"] * 200, pairs=["Li-Li"], frame_interval_ps=0.1, r_max_angstrom=5.0)
    >>> bool(abs(found.pairs["Li-Li"].whole.g[-40:].mean() - 1.0) < 0.02)
    True
    """
    trajectory = trajectory_of_arrays(positions, cells, symbols, frame_interval_ps=frame_interval_ps, layers=layers)
    return cast("RdfResult", analyze(trajectory, [Rdf(pairs=tuple(pairs), **settings)])["rdf"])


def msd(
    positions: ArrayLike,
    cells: ArrayLike,
    symbols: Sequence[str],
    *,
    species: Sequence[str],
    frame_interval_ps: float,
    layers: Sequence[str] | None = None,
    drift: str = "com",
    **settings: Any,
) -> MsdResult:
    """Mean squared displacements and diffusivities of plain arrays.

    Parameters
    ----------
    positions : (n_frames, n_atoms, 3) array, angstrom
        Wrapped or not; they are unwrapped.
    cells : (n_frames, 3, 3) or (3, 3) array, angstrom
        Rows are lattice vectors.
    symbols : sequence of str
        Element of each atom.
    species : sequence of str
        Elements.
    frame_interval_ps : float, ps
        Time between frames.
    layers : sequence of str or None
        Layer of each atom.
    drift : str
        What is at rest: ``com``, ``none``, elements or a layer.
    **settings
        Further settings of `Msd`.

    Returns
    -------
    mlip_interfaces.observables.msd.MsdResult
        By element.

    Raises
    ------
    AnalysisError
        If an element is absent, or there are too few frames.
    InputFileError
        If shapes do not fit each other, or a step is too long to unwrap.
    """
    trajectory = trajectory_of_arrays(positions, cells, symbols, frame_interval_ps=frame_interval_ps, layers=layers)
    return cast("MsdResult", analyze(trajectory, [Msd(species=tuple(species), **settings)], drift=drift)["msd"])


def build(study: Path | str, *, out: Path | str) -> dict[str, Atoms]:
    """Build the interface models of a study.

    Parameters
    ----------
    study : path
        The study file.
    out : path
        The run folder, made or continued; finished models are kept.

    Returns
    -------
    dict of str to ase.Atoms
        By name, each atom with the ``layer`` it comes from.

    Raises
    ------
    UserError
        If the study is wrong, cannot be built, or differs from the one the folder was made with.
    UnfinishedError
        If LAMMPS failed in a melt-quench; the same call continues.
    """
    from ase.io import read

    from mlip_interfaces.books.run import INDEX, StructureIndex, read_book
    from mlip_interfaces.pipeline.flow import run_study

    root = Path(out)
    run_study(Path(study), root, until="build")
    found = {}
    for model in read_book(StructureIndex, root / "structures" / INDEX).interfaces:
        atoms = read(root / "structures" / model.file)
        assert not isinstance(atoms, list)
        found[model.name] = atoms
    return found
