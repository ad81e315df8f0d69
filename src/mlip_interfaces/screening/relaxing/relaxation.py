"""Structures at rest under any calculator, and the file that keeps them, so that an interrupted series goes on."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlip_interfaces.errors import StructureError
from mlip_interfaces.files import content_hash, whole_file, write_json
from mlip_interfaces.screening.same_request import read_kept, require_same

if TYPE_CHECKING:
    from ase import Atoms

LONGEST_STEP_ANGSTROM = 0.1
_STEPS_BETWEEN_COPIES = 25

Freedom = Literal["none", "atoms", "height", "all"]
"""What a relaxation may change: nothing, positions, positions and the third cell vector, positions and the whole cell."""

_HEIGHT_MASK = np.array([[0.0, 0.0, 1.0]] * 3)
"""Of the deformation F, cell -> cell F^T: a and b, which lie in the xy-plane, stay as they are."""


@dataclass(frozen=True, slots=True)
class Rest:
    """How a relaxation ended.

    Attributes
    ----------
    energy_ev : float, eV
        Of the cell.
    n_atoms : int
        In it.
    converged : bool
        Whether all forces, those on the cell included, came below the bound; also where nothing may move.
    n_steps : int
        In all.
    largest_force_ev_per_angstrom : float, eV/angstrom
        Longest component that is left on an atom.
    start_sha256 : str
        Of the structure that it began with and what it may change.
    """

    energy_ev: float
    n_atoms: int
    converged: bool
    n_steps: int
    largest_force_ev_per_angstrom: float
    start_sha256: str


@dataclass(frozen=True, slots=True)
class Task:
    """A structure to relax.

    Attributes
    ----------
    atoms : ase.Atoms
        Where it begins.
    freedom : Freedom
        What it may change.
    """

    atoms: Atoms
    freedom: Freedom


def relaxed(
    atoms: Atoms,
    calculator: Any,
    freedom: Freedom,
    *,
    fmax_ev_per_angstrom: float,
    max_steps: int,
    name: str,
    keep: Callable[[Atoms, int], None] | None = None,
) -> tuple[Atoms, bool, int]:
    """Relax a structure by FIRE.

    Parameters
    ----------
    atoms : ase.Atoms
        Not changed.
    calculator : ase.calculators.calculator.Calculator
        With energy and forces; with stress where the cell changes.
    freedom : Freedom
        What may change.
    fmax_ev_per_angstrom : float, eV/angstrom
        Bound on forces, and on those on the cell per atom.
    max_steps : int
        At most.
    name : str
        For messages.
    keep : callable or None
        Called now and then with the structure and the steps so far.

    Returns
    -------
    tuple of (ase.Atoms, bool, int)
        The structure with its calculator, whether it is at rest, and the steps.

    Raises
    ------
    StructureError
        If the energy or a force is no finite number, or the calculator knows no stress where the cell changes.
    """
    from ase.calculators.calculator import PropertyNotImplementedError
    from ase.filters import FrechetCellFilter, UnitCellFilter
    from ase.optimize import FIRE

    moved = atoms.copy()
    moved.calc = calculator
    converged, n_steps = True, 0
    try:
        if freedom != "none":
            free: Any = moved
            if freedom == "height":
                free = UnitCellFilter(moved, mask=_HEIGHT_MASK)
            elif freedom == "all":
                free = FrechetCellFilter(moved)
            optimiser = FIRE(free, logfile=None, maxstep=LONGEST_STEP_ANGSTROM)
            if keep is not None:
                optimiser.attach(lambda: keep(moved, int(optimiser.nsteps)), interval=_STEPS_BETWEEN_COPIES)
            with warnings.catch_warnings():
                # Of the logarithm of the cell's deformation, for errors of 1e-13.
                warnings.filterwarnings("ignore", message="logm result may be inaccurate")
                converged = bool(optimiser.run(fmax=fmax_ev_per_angstrom, steps=max_steps))
            n_steps = int(optimiser.nsteps)
        is_known = bool(np.isfinite(moved.get_potential_energy()) and np.isfinite(moved.get_forces()).all())
    except PropertyNotImplementedError as error:
        raise StructureError(
            f"{name}: the calculator lacks what a relaxation needs ({error}); give one with energy, forces and stress."
        ) from error
    if not is_known:
        raise StructureError(
            f"{name}: the calculator gives energies or forces that are no finite numbers; it does not know this structure."
        )
    return moved, converged, n_steps


def start_hash(atoms: Atoms, *more: object, n_digits: int = 6) -> str:
    """Hash of a structure.

    Parameters
    ----------
    atoms : ase.Atoms
        Symbols, cell and positions count.
    *more : object
        What else makes a difference.
    n_digits : int, optional
        Of lengths in angstrom that count, behind the point.

    Returns
    -------
    str
        SHA-256.
    """
    return content_hash(
        [
            atoms.get_chemical_symbols(),
            np.round(atoms.cell.array, n_digits).tolist(),
            np.round(atoms.positions, n_digits).tolist(),
            *more,
        ]
    )


def relax_tasks(
    tasks: Mapping[str, Task],
    calculator: Any,
    directory: Path,
    settings: Mapping[str, object],
    *,
    fmax_ev_per_angstrom: float,
    max_steps: int,
    report: Callable[[str, Rest], None],
) -> dict[str, Rest]:
    """Relax structures one after the other; what the folder has is kept, what was cut short goes on, what begins as another began is that one.

    Parameters
    ----------
    tasks : mapping of str to Task
        By names that may be names of files.
    calculator : ase.calculators.calculator.Calculator
        As `relaxed` takes it.
    directory : Path
        Of ``energies.json`` and of ``relaxed/NAME.xyz``; made where it is missing.
    settings : mapping of str to object
        Of the calculator.
    fmax_ev_per_angstrom : float, eV/angstrom
        Bound on forces.
    max_steps : int
        For each structure, in all; a higher one than before goes on where the last ended.
    report : callable
        Called with each name and what is known of it.

    Returns
    -------
    dict of str to Rest
        In the order given.

    Raises
    ------
    OtherInputsError
        If the folder has energies of other settings.
    StructureError
        As `relaxed`.
    """
    book, settings = directory / "energies.json", dict(settings) | {"fmax_ev_per_angstrom": fmax_ev_per_angstrom}
    known = _known(book, settings)
    (directory / "relaxed").mkdir(parents=True, exist_ok=True)
    done: dict[str, Rest] = {}
    for name, task in tasks.items():
        mark = start_hash(task.atoms, task.freedom)
        over = [
            one
            for one, rest in known.items()
            if _is_over(rest, mark, max_steps) and (directory / "relaxed" / f"{one}.xyz").is_file()
        ]
        if name not in over:
            if over:
                _copy_structure(directory / "relaxed", over[0], name)
                known[name] = known[over[0]]
            else:
                known[name] = _relax_task(
                    name, task, calculator, directory / "relaxed", mark, fmax_ev_per_angstrom, max_steps
                )
            write_json(book, {"settings": settings, "structures": {one: asdict(rest) for one, rest in known.items()}})
        done[name] = known[name]
        report(name, done[name])
    return done


def _is_over(rest: Rest, mark: str, max_steps: int) -> bool:
    """Whether a relaxation of this start needs no more steps."""
    return rest.start_sha256 == mark and (rest.converged or rest.n_steps >= max_steps)


def _copy_structure(directory: Path, one: str, name: str) -> None:
    with whole_file(directory / f"{name}.xyz") as partial:
        shutil.copyfile(directory / f"{one}.xyz", partial)


def unfinished_note(rests: Mapping[str, Rest]) -> list[str]:
    """What is not at rest, in a sentence.

    Parameters
    ----------
    rests : mapping of str to Rest
        As `relax_tasks` gives them.

    Returns
    -------
    list of str
        Empty where all are.
    """
    names = [name for name, rest in rests.items() if not rest.converged]
    if not names:
        return []
    return [
        f"Not relaxed to their end: {', '.join(names)}; their energies may be too high. Raise --max-steps and run again: it goes on from there."
    ]


def relaxed_structure(directory: Path, name: str) -> Atoms:
    """A structure that `relax_tasks` has relaxed.

    Parameters
    ----------
    directory : Path
        As given there.
    name : str
        Of the task.

    Returns
    -------
    ase.Atoms
        At rest.
    """
    from ase.io import read

    atoms: Atoms = read(directory / "relaxed" / f"{name}.xyz")
    return atoms


def _known(book: Path, settings: Mapping[str, object]) -> dict[str, Rest]:
    if not book.is_file():
        return {}
    content = read_kept(book, "'screen adhesion' or 'screen defect-energies'", "settings", "structures")
    require_same(book, content["settings"], settings, results="energies")
    return {name: Rest(**rest) for name, rest in content["structures"].items()}


def _relax_task(
    name: str, task: Task, calculator: Any, directory: Path, mark: str, fmax_ev_per_angstrom: float, max_steps: int
) -> Rest:
    """From the last copy of the same start, or from the start; a copy is a structure that says its steps and its start."""
    from ase.io import read, write

    path = directory / f"{name}.xyz"

    def keep(atoms: Atoms, n_steps: int) -> None:
        bare = atoms.copy()
        bare.info = {"n_steps": n_before + n_steps, "start_sha256": mark}
        with whole_file(path) as partial:
            write(partial, bare, format="extxyz")

    start, n_before = task.atoms, 0
    if path.is_file() and task.freedom != "none":
        copy = read(path)
        if copy.info.get("start_sha256") == mark:
            start, n_before = copy, int(copy.info["n_steps"])
    atoms, converged, n_steps = relaxed(
        start, calculator, task.freedom, fmax_ev_per_angstrom=fmax_ev_per_angstrom,
        max_steps=max(max_steps - n_before, 0), name=name, keep=keep,
    )  # fmt: skip
    keep(atoms, n_steps)
    return Rest(
        energy_ev=float(atoms.get_potential_energy()),
        n_atoms=len(atoms),
        converged=converged,
        n_steps=n_before + n_steps,
        largest_force_ev_per_angstrom=float(np.abs(atoms.get_forces()).max()),
        start_sha256=mark,
    )
