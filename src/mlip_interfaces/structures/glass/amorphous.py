"""Amorphous layers by melt-quench in LAMMPS, in the lateral cell of the interface: any compound, any potential."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from mlip_interfaces.chemistry import compound_charges, ion_contact
from mlip_interfaces.chemistry.contacts import FUSED_SHARE
from mlip_interfaces.errors import OtherInputsError, ProgramError, StructureError
from mlip_interfaces.files import write_json, write_text
from mlip_interfaces.programs import run_program
from mlip_interfaces.records import read_as
from mlip_interfaces.shipped_files import lammps_deck
from mlip_interfaces.structures.crystals.formulas import formula_counts
from mlip_interfaces.structures.crystals.loading import library_entry, load_crystal
from mlip_interfaces.structures.glass.opening import opened_along_z
from mlip_interfaces.structures.glass.order import OrderReport, measure_order
from mlip_interfaces.structures.glass.packing import starting_positions
from mlip_interfaces.structures.glass.potential import COMMANDS, QuenchPotential
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3, FS_TO_PS

DECK, POTENTIAL, INPUTS = "melt_quench.in", "potential.lammps", "inputs.json"
MATERIAL = "LiF"

RATE_FACTORS = (1, 1, 2, 4, 8)
"""Cooling rate of each attempt over the one asked for: small cells crystallise at rates at which large ones stay glasses."""

MIN_ATOMS = 8

MAX_TEMPERATURE_RATIO = 5.0
"""A melt hotter than this times its target has blown up."""

GLASS_OVER_CRYSTAL_DENSITY = 0.93
"""Density of a quenched layer over the crystal's where the user names none: LiF 2.45 of 2.64 g/cm3."""

_BLOW_UPS = ("Fix halt condition", "Lost atoms", "Non-numeric", "Out of range atoms", "Nan", "nan")


@dataclass(frozen=True, slots=True)
class MeltQuench:
    """Schedule of a melt-quench.

    Attributes
    ----------
    melt_kelvin : float, K
        Temperature of the melt.
    melt_ps : float, ps
        Time in it.
    quench_kelvin_per_ps : float, K/ps
        Cooling rate to the final temperature.
    hold_ps : float, ps
        Time at the final temperature.
    timestep_fs : float, fs
        MD time step.
    final_kelvin : float, K
        Temperature after the quench.
    relax_ps : float, ps
        Time in which the height follows the pressure at the final temperature, a and b fixed; 0 leaves the density as
        asked for.
    pressure_bar : float, bar
        Along z, in that time.
    """

    melt_kelvin: float = 3000.0
    melt_ps: float = 10.0
    quench_kelvin_per_ps: float = 100.0
    hold_ps: float = 5.0
    timestep_fs: float = 1.0
    final_kelvin: float = 300.0
    relax_ps: float = 0.0
    pressure_bar: float = 1.0


@dataclass(frozen=True, slots=True)
class QuenchTrace:
    """What the run went through.

    Attributes
    ----------
    time_ps : (n_times,) float array, ps
    temperature_kelvin : (n_times,) float array, K
    potential_energy_ev : (n_times,) float array, eV
    height_angstrom : (n_times,) float array, angstrom
    """

    time_ps: NDArray[np.float64]
    temperature_kelvin: NDArray[np.float64]
    potential_energy_ev: NDArray[np.float64]
    height_angstrom: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AmorphousLayer:
    """A melt-quenched layer.

    Attributes
    ----------
    atoms : ase.Atoms
        The layer; its cell has the asked lateral vectors and the thickness along z, periodic in all three. Polyanions are
        whole along z, where atoms of them stick out of the cell.
    snapshots : tuple of ase.Atoms
        Structures sampled in the melt, along the quench and in the hold.
    density_g_per_cm3 : float, g/cm^3
        Of the layer as made; measured, where its height was relaxed.
    requested_density_g_per_cm3 : float, g/cm^3
        As asked for.
    coordination_mean : float
        Anions around the first cation of the formula (F around Li: rock salt has 6).
    n_attempts : int
        Seeds tried until the layer did not crystallise.
    quench_kelvin_per_ps : float, K/ps
        Cooling rate of the last one: faster than asked for from the third attempt on.
    order : OrderReport
        How it compares with the crystal.
    trace : QuenchTrace
        Temperature, energy and height against time.
    """

    atoms: Atoms
    snapshots: tuple[Atoms, ...]
    density_g_per_cm3: float
    requested_density_g_per_cm3: float
    coordination_mean: float
    n_attempts: int
    quench_kelvin_per_ps: float
    order: OrderReport
    trace: QuenchTrace


def atom_counts(
    lateral: NDArray[np.float64], *, thickness_angstrom: float, density_g_per_cm3: float, material: str = MATERIAL
) -> dict[str, int]:
    """Atoms of each element that `melt_quench` takes: whole formula units, as near to the density as they come.

    Parameters
    ----------
    lateral : (2, 2) float array, angstrom
        Lateral cell, rows a = (ax, 0), b = (bx, by).
    thickness_angstrom : float, angstrom
        Height of the layer.
    density_g_per_cm3 : float, g/cm^3
        Density wanted.
    material : str, optional
        A formula, or a name of the crystal library.

    Returns
    -------
    dict of str to int
        In the order of the formula.

    Raises
    ------
    StructureError
        If the layer is too thin to hold eight atoms.
    """
    units = dict(formula_counts(material))
    volume = abs(float(np.linalg.det(lateral))) * thickness_angstrom
    unit_mass = sum(number * atomic_masses[atomic_numbers[symbol]] for symbol, number in units.items())
    n_units = round(density_g_per_cm3 / AMU_PER_ANGSTROM3_TO_G_PER_CM3 * volume / unit_mass)
    if n_units * sum(units.values()) < MIN_ATOMS:
        raise StructureError(
            f"An amorphous {material} layer of {thickness_angstrom:g} angstrom holds {n_units} formula units in this "
            "lateral cell; make it thicker."
        )
    return {symbol: n_units * number for symbol, number in units.items()}


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
    potential: QuenchPotential | None = None,
    crystal: Atoms | None = None,
) -> AmorphousLayer:
    """Melt and quench a compound; a finished run in `directory` is read and not repeated.

    Parameters
    ----------
    lateral : (2, 2) float array, angstrom
        Lateral cell, rows a = (ax, 0), b = (bx, by).
    thickness_angstrom : float, angstrom
        Height of the layer; with ``schedule.relax_ps`` where it starts.
    density_g_per_cm3 : float, g/cm^3
        Sets the number of formula units, rounded.
    schedule : MeltQuench
        Temperatures and times.
    seed : int
        Of the starting positions and velocities.
    directory : Path
        Where LAMMPS runs.
    n_samples : int
        Snapshots kept over the whole schedule.
    material : str
        A formula, or a name of the crystal library.
    potential : QuenchPotential or None
        Tosi-Fumi when left out.
    crystal : ase.Atoms or None
        What the layer is compared with; the library's crystal of that name when left out, if there is one.

    Returns
    -------
    AmorphousLayer
        Of the first attempt that did not crystallise.

    Raises
    ------
    StructureError
        If the potential does not know the elements, the layer is too thin to hold a formula unit, the melt blew up, the
        layer crystallised in every attempt, a polyanion goes on for ever along z, or `directory` holds the run of other
        inputs.
    ProgramError
        If LAMMPS fails in any other way.

    Notes
    -----
    A layer that `measure_order` calls crystalline is made again from another seed, and after two such at twice the rate
    of the one before. A layer thinner than three anion spacings orders by itself under its periodic images; unless it has
    the coordination of the crystal it is kept, and its verdict is ``confined``. Where the glass has polyanions, its
    periodic cell is opened at another height than that of the run: see `opening.opened_along_z`.
    """
    from ase.io import read

    potential = potential or QuenchPotential.tosi_fumi()
    units = dict(formula_counts(material))
    potential.refuse_compound(material, units)
    counts = atom_counts(
        lateral, thickness_angstrom=thickness_angstrom, density_g_per_cm3=density_g_per_cm3, material=material
    )
    crystal = load_crystal(material) if crystal is None and library_entry(material) else crystal
    for attempt, factor in enumerate(RATE_FACTORS):
        tried = replace(schedule, quench_kelvin_per_ps=factor * schedule.quench_kelvin_per_ps)
        folder = directory / f"attempt-{attempt}"
        inputs = {
            "lateral_angstrom": np.asarray(lateral).tolist(),
            "thickness_angstrom": thickness_angstrom,
            "atoms": counts,
            "potential": {"name": potential.name, "sha256": potential.fingerprint()},
            "schedule": asdict(tried),
            "seed": seed + 1000 * attempt,
            "n_samples": n_samples,
        }
        if not (folder / "quenched.data").is_file():
            start = starting_positions(lateral, thickness_angstrom, counts, seed=seed + 1000 * attempt)
            _run(start, potential, tried, inputs, folder)
        _refuse_other_inputs(folder, inputs)
        atoms = _read_data(folder / "quenched.data", potential)
        _refuse_fused(atoms, potential)
        order = measure_order(atoms, crystal)
        if order.verdict != "crystalline":
            break
    else:
        raise StructureError(
            f"The {material} layer in {directory} crystallised in {len(RATE_FACTORS)} attempts, the last at "
            f"{tried.quench_kelvin_per_ps:g} K/ps ({order}): quench faster, melt longer or hotter, or take another density."
        )
    frames = read(folder / "quench.lammpstrj", index=":", format="lammps-dump-text", specorder=list(potential.elements))
    # Samples end before the height is relaxed: they have the cell of the start.
    cell = np.asarray(atoms.cell).copy()
    cell[2, 2] = thickness_angstrom
    snapshots = tuple(
        Atoms(frame.get_chemical_symbols(), positions=frame.positions, cell=cell, pbc=True) for frame in frames
    )
    return AmorphousLayer(
        atoms=opened_along_z(atoms),
        snapshots=snapshots,
        density_g_per_cm3=float(atoms.get_masses().sum() / atoms.get_volume()) * AMU_PER_ANGSTROM3_TO_G_PER_CM3,
        requested_density_g_per_cm3=density_g_per_cm3,
        coordination_mean=next(iter(order.coordination.values())),
        n_attempts=attempt + 1,
        quench_kelvin_per_ps=tried.quench_kelvin_per_ps,
        order=order,
        trace=_read_trace(folder / "schedule.csv"),
    )


def default_density(material: str) -> float:
    """Density to quench at when none is named: 0.93 of the library crystal's, g/cm3, to two decimals.

    Parameters
    ----------
    material : str
        A name of the crystal library.

    Returns
    -------
    float, g/cm^3
        For `melt_quench`.

    Raises
    ------
    StructureError
        If the library has no crystal of that name.

    Examples
    --------
    >>> default_density("LiF")
    2.45
    """
    if library_entry(material) is None:
        raise StructureError(f"The library has no crystal of {material} to guess a density from; give one in g/cm3.")
    crystal = load_crystal(material)
    density = float(crystal.get_masses().sum() / crystal.get_volume()) * AMU_PER_ANGSTROM3_TO_G_PER_CM3
    return round(GLASS_OVER_CRYSTAL_DENSITY * density, 2)


def _run(
    start: Atoms, potential: QuenchPotential, schedule: MeltQuench, inputs: dict[str, Any], directory: Path
) -> None:
    from ase.io import write

    working = directory.with_name(f".{directory.name}")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    species = list(potential.elements)
    write(working / "start.data", start, format="lammps-data", atom_style=potential.atom_style, specorder=species)
    shutil.copyfile(lammps_deck(DECK), working / DECK)
    write_text(working / POTENTIAL, potential.with_masses())
    write_json(working / INPUTS, inputs, indent=None)
    step_ps = schedule.timestep_fs * FS_TO_PS
    cooling_ps = (schedule.melt_kelvin - schedule.final_kelvin) / schedule.quench_kelvin_per_ps
    steps = {
        "melt_steps": round(schedule.melt_ps / step_ps),
        "quench_steps": round(cooling_ps / step_ps),
        "hold_steps": round(schedule.hold_ps / step_ps),
    }
    total = sum(steps.values())
    variables = {
        "data": "start.data",
        "potential": POTENTIAL,
        "atom_style": potential.atom_style,
        "melt": f"{schedule.melt_kelvin:g}",
        "final": f"{schedule.final_kelvin:g}",
        "pressure": f"{schedule.pressure_bar:g}",
        **{name: str(number) for name, number in steps.items()},
        "relax_steps": str(round(schedule.relax_ps / step_ps)),
        "timestep": f"{step_ps:g}",
        "sample_every": str(max(1, total // inputs["n_samples"])),
        "print_every": str(max(1, min(50, total // 200))),
        "max_temperature": f"{MAX_TEMPERATURE_RATIO * schedule.melt_kelvin:g}",
        "seed": str(inputs["seed"]),
    }
    command = ["lmp", "-in", DECK, "-log", "log.lammps"]
    for name, value in variables.items():
        command += ["-var", name, value]
    try:
        run_program(command, directory=working, log_file=working / "lmp.out")
    except ProgramError as error:
        raise _explained(working, start.get_chemical_formula(), potential) or error from error
    shutil.rmtree(directory, ignore_errors=True)
    working.rename(directory)


def _explained(folder: Path, formula: str, potential: QuenchPotential) -> StructureError | None:
    """What LAMMPS complained about, if it is the potential's doing: a melt that blew up, or a line it does not accept."""
    lines = (folder / "lmp.out").read_text(errors="replace").splitlines()
    reason = next((line.split("(/")[0].split(": ", 1)[-1].strip() for line in lines if line.startswith("ERROR")), "")
    if any(words in reason for words in _BLOW_UPS):
        return StructureError(
            f"The melt of {formula} blew up under {potential.name} ({reason}). A potential may know neither so hot a melt "
            "nor so short contacts: lower the melt's temperature or the time step, or take another potential. The run is in "
            f"{folder}."
        )
    last = next((line.split(":", 1)[1].split() for line in lines if line.startswith("Last input line:")), [])
    if last and last[0] in COMMANDS:
        return StructureError(
            f"LAMMPS does not accept the line '{' '.join(last)}' of the potential {potential.name}: {reason}."
        )
    return None


def _refuse_other_inputs(folder: Path, inputs: dict[str, Any]) -> None:
    file = folder / INPUTS
    made_with = read_as(dict[str, Any], file) if file.is_file() else {}
    changed = [name for name, value in inputs.items() if made_with.get(name) != value]
    if changed:
        raise OtherInputsError(
            f"{folder} holds a melt-quench made with other inputs ({', '.join(changed)}); delete {folder.parent} or give "
            "another directory."
        )


def _refuse_fused(atoms: Atoms, potential: QuenchPotential) -> None:
    from ase.neighborlist import neighbor_list

    symbols = atoms.get_chemical_symbols()
    charges = compound_charges(symbols)
    first, second, distance = neighbor_list("ijd", atoms, 2.0)
    for i, j, length in zip(first, second, distance, strict=True):
        if length < FUSED_SHARE * ion_contact(symbols[i], symbols[j], charges):
            raise StructureError(
                f"{symbols[i]} and {symbols[j]} are {length:.2f} angstrom apart after the quench under {potential.name}: the "
                "potential has no wall between them. Add a short-range repulsion (pair_style zbl) or take another one."
            )


def _read_data(file: Path, potential: QuenchPotential) -> Atoms:
    from ase.io import read

    atoms = read(file, format="lammps-data", atom_style=potential.atom_style, sort_by_id=True)
    symbols = [potential.elements[kind - 1] for kind in atoms.arrays["type"]]
    return Atoms(symbols, scaled_positions=atoms.get_scaled_positions(wrap=True), cell=atoms.cell, pbc=True)


def _read_trace(file: Path) -> QuenchTrace:
    columns = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2).T
    return QuenchTrace(*columns)
