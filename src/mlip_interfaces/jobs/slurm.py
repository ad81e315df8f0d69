"""dpdispatcher's sections for Slurm."""

from __future__ import annotations

from mlip_interfaces.config import SlurmExecution, SlurmResources, Step
from mlip_interfaces.jobs.gpus import gpu_places
from mlip_interfaces.jobs.local import Section, own_programs_first
from mlip_interfaces.programs import THREAD_ENVIRONMENT

CONTEXTS = {"lazy-local": "LazyLocalContext", "local": "LocalContext", "ssh": "SSHContext"}
_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS")


def slurm_machine(execution: SlurmExecution, local_root: str) -> Section:
    """Machine section: how Slurm is reached and where its jobs run.

    Parameters
    ----------
    execution : SlurmExecution
        How jobs are run: the study's section.
    local_root : str
        Folder that holds the tasks; DP-GEN wants ``./``.

    Returns
    -------
    Section
        As dpdispatcher reads it.
    """
    machine: Section = {
        "batch_type": "Slurm",
        "context_type": CONTEXTS[execution.context],
        "local_root": local_root,
        "remote_root": execution.remote_root or local_root,
        "retry_count": execution.retries,
    }
    if execution.remote_profile:
        machine["remote_profile"] = dict(execution.remote_profile)
    return machine


def slurm_resources(execution: SlurmExecution, step: Step) -> Section:
    """Resources section of one kind of job.

    Parameters
    ----------
    execution : SlurmExecution
        How jobs are run: the study's section.
    step : Step
        Kind of job.

    Returns
    -------
    Section
        As dpdispatcher reads it.
    """
    asked = execution.resources(step)
    places = gpu_places(execution, step)
    n_together = places.n_tasks if places else asked.para_deg
    return {
        "batch_type": "Slurm",
        "number_node": asked.nodes,
        "cpu_per_node": asked.cores_per_node,
        "gpu_per_node": asked.gpus_per_node,
        "queue_name": asked.partition,
        "group_size": asked.group_size,
        # All start, and those without a place on a GPU wait for one: no place is empty while the longest of a batch ends.
        "para_deg": asked.group_size if places else asked.para_deg,
        # dpdispatcher's own numbers of GPUs, from 0, are those of other jobs where Slurm does not hide them.
        "strategy": {"if_cuda_multi_devices": False},
        "custom_flags": [*_directives(asked)],
        "module_list": list(asked.modules),
        "source_list": list(asked.source_files),
        "envs": {**_threads(asked, step, n_together), **(places.environment if places else {}), **asked.environment},
        "prepend_script": [
            *(asked.setup or [own_programs_first()]),
            *asked.prepend_script,
            *(places.script(own_gpus=True) if places else ()),
        ],
        "append_script": list(asked.append_script),
    }


def _directives(asked: SlurmResources) -> list[str]:
    lines = [f"#SBATCH --account={asked.account}"] if asked.account else []
    if asked.time_limit_minutes:
        hours, minutes = divmod(asked.time_limit_minutes, 60)
        lines.append(f"#SBATCH --time={hours:02d}:{minutes:02d}:00")
    return [*lines, *asked.custom_flags]


def _threads(asked: SlurmResources, step: Step, n_together: int) -> dict[str, str | int | float]:
    """Threads that fill a task's share of the cores; labels get one, since DFT codes fill them with ranks."""
    n_threads = 1 if step == "label" else max(1, asked.cores_per_node // n_together)
    return {**THREAD_ENVIRONMENT, **{name: str(n_threads) for name in _THREADED}}
