"""Whether LAMMPS' pair style and the Python interface have one potential, of the final model and a structure of the study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlip_interfaces.books.run import Agreement
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import content_hash, file_hash
from mlip_interfaces.jobs import Batch, run_tasks
from mlip_interfaces.pipeline.gate_tasks import measure_again, prepare_gates, tasks_of_gates
from mlip_interfaces.pipeline.gates import md_plan, read_hosts
from mlip_interfaces.potentials.gates.compiled import COMPILED, ENERGY, FORCE, read
from mlip_interfaces.potentials.gates.contract import MdPlan
from mlip_interfaces.potentials.gates.plan import HostEntry
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.units import EV_TO_MEV

FOLDER = "agreement"
"""In the folder of the model."""

DOUBLE, SINGLE = (1e-6, 1e-5), (1e-5, 1e-3)
"""Largest differences of the energy (eV/atom) and of a force (eV/angstrom), of networks in double and in single precision."""


def agreement_plan(context: RunContext) -> MdPlan:
    """What is asked of LAMMPS: forces of one structure.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    MdPlan
        Of the gate ``compiled`` alone.
    """
    return replace(md_plan(context.study, []), settings=Gates(run=(COMPILED.name,)), n_frames=1)


def agreement_batch(context: RunContext, model: Path) -> Batch:
    """What runs as jobs: Python's side and that of LAMMPS.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    model : Path
        The frozen model.

    Returns
    -------
    Batch
        Of two tasks.
    """
    return tasks_of_gates(context.model / FOLDER, model, agreement_plan(context))


def require_agreement(context: RunContext, model: Path, *, single_precision: bool) -> Agreement:
    """Compare energy and forces of the smallest interface with the most elements, its atoms a little off their places.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with its structures.
    model : Path
        The frozen model.
    single_precision : bool
        Whether its networks compute in single precision.

    Returns
    -------
    Agreement
        The differences and their bounds.

    Raises
    ------
    InputFileError
        If a difference is above its bound, or LAMMPS has no number.
    UnfinishedError
        If a job failed; the same call continues.
    """
    host, plan, folder = read_hosts(context)[-1], agreement_plan(context), context.model / FOLDER
    asked = content_hash([file_hash(model), list(plan.elements), HostEntry.of_host(host).to_json()])
    prepare_gates(folder, model, [host], plan, asked)
    run_tasks(agreement_batch(context, model), context.study.execution)
    found = {one.quantity: one.value / EV_TO_MEV for one in read(folder, plan).measurements}
    energy_bound, force_bound = SINGLE if single_precision else DOUBLE
    agreement = Agreement(
        structure=host.name,
        energy_difference_ev_per_atom=found[ENERGY],
        force_difference_ev_per_angstrom=found[FORCE],
        max_energy_difference_ev_per_atom=energy_bound,
        max_force_difference_ev_per_angstrom=force_bound,
    )
    # A number that is not one is below no bound.
    if not (found[ENERGY] <= energy_bound and found[FORCE] <= force_bound):
        measure_again(folder)
        raise InputFileError(
            f"LAMMPS and Python do not have one potential in {model}: {agreement}. Production would run what was never "
            "tested; check with `mlip-interfaces doctor` that deepmd-kit and lammps belong together, and run the same command again."
        )
    return agreement
