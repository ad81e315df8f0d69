"""Batches of tasks through dpdispatcher: the local shell."""

from mlip_interfaces.jobs.local import JobTask, local_machine, local_resources, run_tasks, watching

__all__ = ["JobTask", "local_machine", "local_resources", "run_tasks", "watching"]
