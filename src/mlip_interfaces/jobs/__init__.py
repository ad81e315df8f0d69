"""Batches of tasks through dpdispatcher: the local shell."""

from mlip_interfaces.jobs.local import JobTask, local_machine, local_resources, run_tasks, watching
from mlip_interfaces.jobs.reopen import reopen_tasks

__all__ = ["JobTask", "local_machine", "local_resources", "reopen_tasks", "run_tasks", "watching"]
