"""Amorphous LiF by melt-quench in LAMMPS, in the lateral cell of the interface."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from ase.io import read, write
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from mlip_interfaces.errors import StructureError
from mlip_interfaces.programs import run_program
from mlip_interfaces.shipped_files import lammps_deck
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3, FS_TO_PS

DECK = "melt_quench.in"
INPUTS = "inputs.json"
MATERIAL, SPECIES = "LiF", ("Li", "F")
FIRST_SHELL_ANGSTROM = 2.6
"""First minimum of the Li-F g(r), angstrom."""

CRYSTALLINE_COORDINATION = 5.5
"""A layer whose Li have more F neighbours than this is taken for rock salt (6); quenched LiF has 4 to 5."""

MAX_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class MeltQuench:
    """Schedule of a melt-quench.

    Attributes
    ----------
    melt_kelvin, melt_ps : temperature of the melt and time in it.
    quench_kelvin_per_ps : cooling rate to 300 K.
    hold_ps : time at 300 K.
    timestep_fs : MD time step.
    """

    melt_kelvin: float = 3000.0
    melt_ps: float = 10.0
    quench_kelvin_per_ps: float = 100.0
    hold_ps: float = 5.0
    timestep_fs: float = 1.0


@dataclass(frozen=True, slots=True)
class AmorphousLayer:
    """A melt-quenched layer.

    Attributes
    ----------
    atoms : the layer; its cell has the asked lateral vectors and the thickness along z, periodic in all three.
    snapshots : structures sampled in the melt and along the quench.
    density_g_per_cm3 : of the layer as made.
    coordination_mean : F neighbours of Li within `FIRST_SHELL_ANGSTROM` (rock salt: 6).
    n_attempts : seeds tried until the layer stayed amorphous.
    """

    atoms: Atoms
    snapshots: tuple[Atoms, ...]
    density_g_per_cm3: float
    coordination_mean: float
    n_attempts: int


def melt_quench(
    lateral: NDArray[np.float64],
    *,
    thickness_angstrom: float,
    density_g_per_cm3: float,
    schedule: MeltQuench,
    seed: int,
    directory: Path,
    n_samples: int = 40,
    material: str = MATERIAL,
) -> AmorphousLayer:
    """Melt and quench LiF; a finished run in `directory` is read and not repeated.

    Parameters
    ----------
    lateral : lateral cell, rows a = (ax, 0), b = (bx, by), shape (2, 2), angstrom.
    thickness_angstrom : height of the layer.
    density_g_per_cm3 : sets the number of formula units, rounded.
    schedule : temperatures and times.
    seed : of the starting positions and velocities.
    directory : where LAMMPS runs.
    n_samples : snapshots kept over the whole schedule.
    material : LiF; there is no potential for another one yet.

    Raises
    ------
    StructureError
        If the material is another one, the layer is too thin to hold a formula unit, or stayed crystalline, or `directory` holds the run of
        other inputs.
    ProgramError
        If LAMMPS fails.
    """
    if material != MATERIAL:
        raise StructureError(f"There is a melt-quench potential for {MATERIAL} only, not for {material}.")
    volume = abs(float(np.linalg.det(lateral))) * thickness_angstrom
    unit_mass = sum(atomic_masses[atomic_numbers[symbol]] for symbol in SPECIES)
    n_units = round(density_g_per_cm3 / AMU_PER_ANGSTROM3_TO_G_PER_CM3 * volume / unit_mass)
    if n_units < 4:
        raise StructureError(
            f"An amorphous LiF layer of {thickness_angstrom:g} angstrom holds {n_units} formula units in this lateral "
            "cell; make it thicker."
        )
    for attempt in range(MAX_ATTEMPTS):
        folder = directory / f"attempt-{attempt}"
        inputs = {
            "lateral_angstrom": np.asarray(lateral).tolist(),
            "thickness_angstrom": thickness_angstrom,
            "n_units": n_units,
            "schedule": asdict(schedule),
            "seed": seed + 1000 * attempt,
            "n_samples": n_samples,
        }
        if not (folder / "quenched.data").is_file():
            _run(lateral, thickness_angstrom, n_units, schedule, seed + 1000 * attempt, folder, n_samples, inputs)
        _refuse_other_inputs(folder, inputs)
        atoms = _read_data(folder / "quenched.data")
        coordination = _coordination(atoms)
        if coordination <= CRYSTALLINE_COORDINATION:
            break
    else:
        raise StructureError(
            f"The LiF layer in {directory} crystallised in {MAX_ATTEMPTS} attempts (Li has {coordination:.2f} F "
            "neighbours): quench faster or melt longer."
        )
    frames = read(folder / "quench.lammpstrj", index=":", format="lammps-dump-text", specorder=list(SPECIES))
    snapshots = tuple(
        Atoms(frame.get_chemical_symbols(), positions=frame.positions, cell=atoms.cell, pbc=True) for frame in frames
    )
    return AmorphousLayer(
        atoms=atoms,
        snapshots=snapshots,
        density_g_per_cm3=float(atoms.get_masses().sum() / atoms.get_volume()) * AMU_PER_ANGSTROM3_TO_G_PER_CM3,
        coordination_mean=coordination,
        n_attempts=attempt + 1,
    )


def lateral_cell(text: str) -> NDArray[np.float64]:
    """Lateral vectors from an area (a square) or two lengths, shape (2, 2), angstrom.

    Raises
    ------
    StructureError
        If the text is neither.

    Examples
    --------
    >>> lateral_cell("100").tolist(), lateral_cell("9.8x14").tolist()
    ([[10.0, 0.0], [0.0, 10.0]], [[9.8, 0.0], [0.0, 14.0]])
    """
    try:
        lengths = [float(part) for part in text.lower().split("x")]
    except ValueError:
        lengths = []
    if len(lengths) not in (1, 2) or min(lengths) <= 0.0:
        raise StructureError(f"A lateral cell is an area such as 200, or two lengths such as 9.8x14.1, not '{text}'.")
    return np.diag([np.sqrt(lengths[0])] * 2 if len(lengths) == 1 else lengths)


def _run(
    lateral: NDArray[np.float64],
    thickness: float,
    n_units: int,
    schedule: MeltQuench,
    seed: int,
    directory: Path,
    n_samples: int,
    inputs: dict[str, object],
) -> None:
    working = directory.with_name(f".{directory.name}")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    start = _scattered(lateral, thickness, n_units, seed)
    write(working / "start.data", start, format="lammps-data", atom_style="charge", specorder=list(SPECIES))
    shutil.copyfile(lammps_deck(DECK), working / DECK)
    (working / INPUTS).write_text(json.dumps(inputs) + "\n")
    step_ps = schedule.timestep_fs * FS_TO_PS
    steps = {
        "melt_steps": round(schedule.melt_ps / step_ps),
        "quench_steps": round((schedule.melt_kelvin - 300.0) / schedule.quench_kelvin_per_ps / step_ps),
        "hold_steps": round(schedule.hold_ps / step_ps),
    }
    variables = {
        "data": "start.data",
        "melt": f"{schedule.melt_kelvin:g}",
        **{name: str(number) for name, number in steps.items()},
        "timestep": f"{step_ps:g}",
        "sample_every": str(max(1, sum(steps.values()) // n_samples)),
        "seed": str(seed),
    }
    command = ["lmp", "-in", DECK, "-log", "log.lammps"]
    for name, value in variables.items():
        command += ["-var", name, value]
    run_program(command, directory=working, log_file=working / "lmp.out")
    shutil.rmtree(directory, ignore_errors=True)
    working.rename(directory)


def _refuse_other_inputs(folder: Path, inputs: dict[str, object]) -> None:
    file = folder / INPUTS
    made_with = json.loads(file.read_text()) if file.is_file() else {}
    changed = [name for name, value in inputs.items() if made_with.get(name) != value]
    if changed:
        raise StructureError(
            f"{folder} holds a melt-quench made with other inputs ({', '.join(changed)}); delete {folder.parent} or give "
            "another directory."
        )


def _scattered(lateral: NDArray[np.float64], thickness: float, n_units: int, seed: int) -> Atoms:
    """Ions on the sites of a grid, signs alternating, sites left free at random: a start without close contacts."""
    rng = np.random.default_rng(seed)
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = lateral, thickness
    lengths = np.linalg.norm(cell, axis=1)
    # The coarsest even grid with enough sites.
    spacing = (abs(np.linalg.det(cell)) / (2 * n_units)) ** (1 / 3)
    shape = np.maximum(2, 2 * np.round(lengths / spacing / 2)).astype(int)
    while shape.prod() < 2 * n_units:
        shape[np.argmax(lengths / shape)] += 2
    sites = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    even = sites.sum(axis=1) % 2 == 0
    chosen = [rng.choice(np.flatnonzero(mask), n_units, replace=False) for mask in (even, ~even)]
    scaled = (sites[np.concatenate(chosen)] + 0.5) / shape
    positions = scaled @ cell + rng.uniform(-0.1, 0.1, (2 * n_units, 3))
    return Atoms(["Li"] * n_units + ["F"] * n_units, positions=positions, cell=cell, pbc=True)


def _read_data(file: Path) -> Atoms:
    atoms = read(file, format="lammps-data", atom_style="charge", sort_by_id=True)
    symbols = [SPECIES[kind - 1] for kind in atoms.arrays["type"]]
    return Atoms(symbols, scaled_positions=atoms.get_scaled_positions(wrap=True), cell=atoms.cell, pbc=True)


def _coordination(atoms: Atoms) -> float:
    symbols = np.array(atoms.get_chemical_symbols())
    first, second = neighbor_list("ij", atoms, FIRST_SHELL_ANGSTROM)
    pairs = (symbols[first] == "Li") & (symbols[second] == "F")
    return float(np.count_nonzero(pairs) / np.count_nonzero(symbols == "Li"))
