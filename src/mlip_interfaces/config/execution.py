"""The section ``execution``: where jobs run and what each kind of job gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Discriminator, Field, JsonValue, Tag, ValidationError, field_validator, model_validator

from mlip_interfaces.settings import Count, Seconds, Section, Whole

Step = Literal["train", "explore", "label", "md", "analyze"]
"""Kinds of jobs: training, exploration and other work of the committee, labels and teacher MD, MD of the scan, its analysis."""


class LocalExecution(Section):
    """Jobs in the local shell of this machine, one core each."""

    kind: Literal["local"] = Field("local", description="Jobs run here.")
    cores: Count = Field(2, description="Single-core tasks side by side.")
    gpus: Whole = Field(
        0,
        description="GPUs of this machine for training, exploration and MD: the first so many of CUDA_VISIBLE_DEVICES, or of the "
        "machine. A task takes one and sees it alone; no other task of this user gets it meanwhile. 0: programs take what they find.",
    )
    runs_per_gpu: Count = Field(
        1,
        description="Explorations and MD runs on each GPU at the same time, with NVIDIA MPS where it is installed: small runs do not "
        "fill a GPU alone. A training has its GPU to itself.",
    )
    labels_on_gpus: bool = Field(
        False,
        description="Labels and teacher MD take such a place, too: for a teacher that computes on a GPU. On by itself where "
        "labels.calculator is deepmd.",
    )
    poll_seconds: Seconds = Field(1.0, description="How often running jobs are looked at.")

    @property
    def staged(self) -> bool:
        """Whether files are carried to another folder or machine: never."""
        return False

    @model_validator(mode="after")
    def _gpus(self) -> Self:
        if self.runs_per_gpu > 1 and not self.gpus:
            raise ValueError(f"runs_per_gpu is {self.runs_per_gpu}, but no GPU is given out; set gpus")
        if self.gpus * self.runs_per_gpu > self.cores:
            raise ValueError(
                f"{self.gpus} GPUs with {self.runs_per_gpu} runs on each need {self.gpus * self.runs_per_gpu} cores to feed them, but "
                f"cores is {self.cores}; raise cores, or lower gpus or runs_per_gpu"
            )
        return self


class SlurmResources(Section):
    """What one Slurm job asks for and does before and after its tasks."""

    nodes: Count = Field(1, description="Nodes of a job (--nodes).")
    cores_per_node: Count = Field(
        1,
        description="Cores on each node (--ntasks-per-node). Training, exploration, MD and analysis run that many threads; labels run "
        "one, because DFT codes use ranks: give OMP_NUM_THREADS in `environment` for a teacher with threads.",
    )
    gpus_per_node: Whole = Field(
        0,
        description="GPUs on each node (--gres=gpu:N); 0 is allowed in any partition. Give each GPU some cores: they feed it.",
    )
    partition: str = Field("", description="Partition (--partition); empty: the cluster's default.")
    account: str | None = Field(None, description="Account that pays (--account).")
    time_limit_minutes: Count | None = Field(
        None,
        description="Wall time of a job (--time). A job that reaches it is submitted again: training, exploration, labels and MD "
        "runs of the scan go on where they stopped (from the last checkpoint). Only tries that bring no training and no run of the scan "
        "further count for `retries`. Give a job time for some progress, and an analysis, which starts over, time for all of it.",
    )
    group_size: Count = Field(1, description="Tasks in one job, one after the other unless `para_deg` says otherwise.")
    para_deg: Count = Field(
        1,
        description="Tasks of a job side by side; they share its cores. With several GPUs it must be a multiple of "
        "`gpus_per_node`, and each task sees one of them (CUDA_VISIBLE_DEVICES); otherwise Slurm's choice stands.",
    )
    runs_per_gpu: Count | None = Field(
        None,
        description="Tasks on each GPU at the same time: 1, or several small runs that do not fill a GPU alone, with NVIDIA MPS where "
        "the node has it. A task takes a place on one GPU and sees that one alone; those without a place wait in the job, so "
        "`group_size` may be many. In place of `para_deg`. Left out: `para_deg` decides.",
    )
    modules: tuple[str, ...] = Field((), description="Environment modules to load.")
    source_files: tuple[str, ...] = Field(
        (), description="Shell files to source, after the modules; one that lies beside the study is found there."
    )
    environment: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Environment variables; they win over our own thread counts."
    )
    custom_flags: tuple[str, ...] = Field((), description="Further lines '#SBATCH ...', as they stand.")
    prepend_script: tuple[str, ...] = Field((), description="Shell lines before the tasks.")
    append_script: tuple[str, ...] = Field((), description="Shell lines after all tasks succeeded.")
    setup: tuple[str, ...] | None = Field(
        None,
        description="Shell lines after which mlip-interfaces, dp and lmp are found on the node; left out: the environment that "
        "submits comes first on PATH.",
    )

    @field_validator("custom_flags")
    @classmethod
    def _directives(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            if not line.startswith("#SBATCH "):
                raise ValueError(f"'{line}' is no directive; each must begin with '#SBATCH '")
        return value

    @field_validator("environment", mode="before")
    @classmethod
    def _yaml_truth(cls, value: Any) -> Any:
        """YAML reads ``true`` as a truth value; programs want the word."""
        if not isinstance(value, dict):
            return value
        return {key: str(item).lower() if isinstance(item, bool) else item for key, item in value.items()}

    @field_validator("environment")
    @classmethod
    def _names(cls, value: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        for name in value:
            if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
                raise ValueError(f"'{name}' is no name of an environment variable")
        return value

    @field_validator("modules", "source_files")
    @classmethod
    def _static(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if not entry.strip() or re.search(r"[$`;&|<>()*?\n]", entry):
                raise ValueError(f"'{entry}' must be a plain name; put shell code into prepend_script or setup")
        return value

    @field_validator("partition", "account")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value and re.search(r"\s", value):
            raise ValueError(f"'{value}' must be one word")
        return value

    @model_validator(mode="after")
    def _parallel(self) -> Self:
        if self.para_deg > self.group_size:
            raise ValueError(
                f"para_deg is {self.para_deg}, but a job has only {self.group_size} tasks; raise group_size or lower para_deg"
            )
        if self.para_deg > self.nodes * self.cores_per_node:
            raise ValueError(
                f"para_deg is {self.para_deg}, but a job has only {self.nodes * self.cores_per_node} cores; raise "
                "cores_per_node or lower para_deg"
            )
        if self.para_deg > 1 and self.gpus_per_node > 1 and (self.para_deg % self.gpus_per_node or self.nodes > 1):
            raise ValueError(
                f"para_deg is {self.para_deg} with {self.nodes} nodes of {self.gpus_per_node} GPUs; take one node and a "
                "multiple of its GPUs, so that each GPU gets equally many tasks"
            )
        return self

    @model_validator(mode="after")
    def _places_on_gpus(self) -> Self:
        if self.runs_per_gpu is None:
            return self
        places, said = self.gpus_per_node * self.runs_per_gpu, f"runs_per_gpu is {self.runs_per_gpu}"
        if not places:
            raise ValueError(f"{said}, but a job has no GPU; give it gpus_per_node")
        if self.nodes > 1:
            raise ValueError(f"{said} with {self.nodes} nodes; take one node, tasks are dealt to the GPUs of one")
        if self.para_deg not in (1, places):
            raise ValueError(
                f"{said} with {self.gpus_per_node} GPUs, which is {places} tasks side by side, but para_deg is {self.para_deg}; leave "
                "para_deg out"
            )
        if places > self.group_size:
            raise ValueError(
                f"{said} with {self.gpus_per_node} GPUs, but a job has only {self.group_size} of {places} tasks; raise group_size or "
                "lower runs_per_gpu"
            )
        if places > self.cores_per_node:
            raise ValueError(
                f"{said} with {self.gpus_per_node} GPUs, but a job has only {self.cores_per_node} cores for {places} tasks; raise "
                "cores_per_node or lower runs_per_gpu"
            )
        return self


class SlurmOverrides(Section):
    """What a kind of job has instead of the defaults; a key that is left out keeps the default, lists replace lists."""

    nodes: Count | None = None
    cores_per_node: Count | None = None
    gpus_per_node: Whole | None = None
    partition: str | None = None
    account: str | None = None
    time_limit_minutes: Count | None = None
    group_size: Count | None = None
    para_deg: Count | None = None
    runs_per_gpu: Count | None = None
    modules: tuple[str, ...] | None = None
    source_files: tuple[str, ...] | None = None
    environment: dict[str, str | int | float | bool] | None = None
    custom_flags: tuple[str, ...] | None = None
    prepend_script: tuple[str, ...] | None = None
    append_script: tuple[str, ...] | None = None
    setup: tuple[str, ...] | None = None


class SlurmExecution(Section):
    """Jobs through Slurm, from a machine that has sbatch or by SSH."""

    kind: Literal["slurm"] = Field(description="Jobs go to a Slurm cluster.")
    cores: Count = Field(
        2,
        description="Threads of what runs on the submitting machine itself: `build`, and `analyze all DIR --out FOLDER`.",
    )
    poll_seconds: Seconds = Field(30.0, description="How often the queue is looked at.")
    retries: Count = Field(
        3,
        description="How often a job that ended unfinished, and no further than before, is submitted again before it is given up.",
    )
    context: Literal["lazy-local", "local", "ssh"] = Field(
        "lazy-local",
        description="lazy-local: jobs run in the run folder, which the nodes must see. local: in a folder below `remote_root` "
        "that links to it (scratch). ssh: on another machine, files are carried there and back.",
    )
    remote_root: str | None = Field(
        None, description="Absolute folder for jobs of context local or ssh; it must exist."
    )
    remote_profile: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="dpdispatcher's remote_profile: for ssh hostname, username, port, key_filename, ...; for local symlink.",
    )
    defaults: SlurmResources = Field(default_factory=lambda: SlurmResources(), description="For every kind of job.")
    train: SlurmOverrides = Field(default_factory=lambda: SlurmOverrides(), description="Committee and final model.")
    explore: SlurmOverrides = Field(
        default_factory=lambda: SlurmOverrides(), description="MD of the committee; its look at the scan."
    )
    label: SlurmOverrides = Field(
        default_factory=lambda: SlurmOverrides(),
        description="Labels of initial data, campaign, validation and scan; teacher MD.",
    )
    md: SlurmOverrides = Field(default_factory=lambda: SlurmOverrides(), description="MD runs of the scan.")
    analyze: SlurmOverrides = Field(
        default_factory=lambda: SlurmOverrides(),
        description="Analysis of the scan, a task for each trajectory; without GPUs, whatever the defaults say.",
    )

    @property
    def staged(self) -> bool:
        """Whether files are carried to another folder or machine."""
        return self.context != "lazy-local"

    def resources(self, step: Step) -> SlurmResources:
        """What a job of this kind gets: the defaults with the step's own keys on top; analysis has no use for a default GPU.

        Parameters
        ----------
        step : Step
            Kind of job.

        Returns
        -------
        SlurmResources
            Complete.
        """
        own: SlurmOverrides = getattr(self, step)
        defaults = self.defaults.model_dump() | ({"gpus_per_node": 0} if step == "analyze" else {})
        asked = defaults | own.model_dump(exclude_none=True)
        if not asked["gpus_per_node"] and own.runs_per_gpu is None:
            asked["runs_per_gpu"] = None
        return SlurmResources.model_validate(asked)

    @model_validator(mode="after")
    def _remote(self) -> Self:
        if self.staged and not (self.remote_root or "").startswith("/"):
            raise ValueError(f"context {self.context} needs remote_root, an absolute path of a folder that exists")
        if not self.staged and (self.remote_root or self.remote_profile):
            raise ValueError(
                "remote_root and remote_profile are for context local or ssh; with lazy-local leave them out"
            )
        if self.context == "ssh" and not {"hostname", "username"} <= set(self.remote_profile):
            raise ValueError("context ssh needs hostname and username in remote_profile")
        return self

    @model_validator(mode="after")
    def _every_step(self) -> Self:
        for step in get_args(Step):
            try:
                self.resources(step)
            except ValidationError as error:
                messages = [problem["msg"].removeprefix("Value error, ") for problem in error.errors()]
                raise ValueError(f"{step}, with the defaults: {'; '.join(messages)}") from error
        return self


def _kind(value: Any) -> str:
    return str(value.get("kind", "local")) if isinstance(value, Mapping) else str(getattr(value, "kind", "local"))


Execution = Annotated[
    Annotated[LocalExecution, Tag("local")] | Annotated[SlurmExecution, Tag("slurm")], Discriminator(_kind)
]
