"""Batches of tasks through dpdispatcher: the local shell and Slurm."""

from mlip_interfaces.jobs.alone import worker_in
from mlip_interfaces.jobs.gpus import ON_A_PLACE, gpu_places
from mlip_interfaces.jobs.preview import BatchScripts, preview_batch, preview_submission
from mlip_interfaces.jobs.sections import machine_section, resources_section
from mlip_interfaces.jobs.tasks import Batch, JobTask, only_by_itself, run_tasks, tasks_given_up, watching

__all__ = [
    "ON_A_PLACE",
    "Batch",
    "BatchScripts",
    "JobTask",
    "gpu_places",
    "machine_section",
    "only_by_itself",
    "preview_batch",
    "preview_submission",
    "resources_section",
    "run_tasks",
    "tasks_given_up",
    "watching",
    "worker_in",
]
