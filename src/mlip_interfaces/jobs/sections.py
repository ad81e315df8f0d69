"""dpdispatcher's ``machine`` and ``resources`` of a study's execution, for DP-GEN's files and our own jobs alike."""

from __future__ import annotations

from mlip_interfaces.config import Execution, LocalExecution, Step
from mlip_interfaces.jobs.gpus import gpu_places
from mlip_interfaces.jobs.local import Section, local_machine, local_resources
from mlip_interfaces.jobs.slurm import slurm_machine, slurm_resources


def machine_section(execution: Execution, local_root: str) -> Section:
    """How jobs are started; `local_root` holds the tasks (DP-GEN wants ``./``).

    Parameters
    ----------
    execution : Execution
        How jobs are run: the study's section.
    local_root : str
        Folder that holds the tasks; DP-GEN wants ``./``.

    Returns
    -------
    Section
        As dpdispatcher reads it.
    """
    if isinstance(execution, LocalExecution):
        return local_machine(local_root)
    return slurm_machine(execution, local_root)


def resources_section(execution: Execution, step: Step, *, n_tasks: int, jobs_per_core: int = 1) -> Section:
    """What a job of this kind gets.

    Parameters
    ----------
    execution : Execution
        The study's section.
    step : Step
        Kind of job.
    n_tasks : int
        Tasks in the batch; the local shell deals them to ``jobs_per_core`` jobs for each core, or for each place on a GPU, which
        all start at once. Slurm takes the step's own ``group_size``.
    jobs_per_core : int, optional
        More than one for tasks of very different length: the system shares the cores out evenly.

    Returns
    -------
    dict of str to Any
        As dpdispatcher reads it.
    """
    if isinstance(execution, LocalExecution):
        places = gpu_places(execution, step)
        n_together = places.n_tasks if places else execution.cores
        n_jobs = min(jobs_per_core * n_together, n_tasks)
        return local_resources(-(-n_tasks // n_jobs), places)
    return slurm_resources(execution, step)
