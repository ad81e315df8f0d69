"""The section ``execution``: what a job of each kind gets, and what would fail on the cluster only after an hour."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from mlip_interfaces.config.execution import Execution, LocalExecution, SlurmExecution, SlurmResources, Step

STEPS: tuple[Step, ...] = get_args(Step)


def execution(**settings: Any) -> LocalExecution | SlurmExecution:
    return TypeAdapter(Execution).validate_python(settings)


def slurm(**settings: Any) -> SlurmExecution:
    made = execution(kind="slurm", **settings)
    assert isinstance(made, SlurmExecution)
    return made


def test_without_a_kind_it_is_this_machine() -> None:
    found = execution(cores=8)
    assert isinstance(found, LocalExecution)
    assert (found.cores, found.staged, found.poll_seconds) == (8, False, 1.0)


def test_queue_is_looked_at_less_often_than_processes() -> None:
    assert slurm().poll_seconds > execution().poll_seconds


@pytest.mark.parametrize("step", STEPS)
def test_each_kind_of_job_has_the_defaults_and_its_own_keys_on_top(step: Step) -> None:
    found = slurm(
        defaults={"partition": "cpu", "time_limit_minutes": 60, "modules": ["a"]}, **{step: {"partition": "x"}}
    )
    for other in STEPS:
        resources = found.resources(other)
        assert resources.partition == ("x" if other == step else "cpu")
        assert (resources.time_limit_minutes, resources.modules) == (60, ("a",))


def test_lists_replace_lists_and_environments_replace_environments() -> None:
    found = slurm(
        defaults={"modules": ["a", "b"], "environment": {"A": 1, "B": 2}},
        md={"modules": ["c"], "environment": {"C": 3}},
    )
    assert found.resources("md").modules == ("c",)
    assert found.resources("md").environment == {"C": 3}
    assert found.resources("train").environment == {"A": 1, "B": 2}


def test_zero_gpus_are_said_and_not_left_out() -> None:
    found = slurm(defaults={"gpus_per_node": 2}, label={"gpus_per_node": 0})
    assert (found.resources("label").gpus_per_node, found.resources("train").gpus_per_node) == (0, 2)


@pytest.mark.parametrize(
    ("settings", "staged"),
    [
        ({}, False),
        ({"context": "local", "remote_root": "/scratch"}, True),
        ({"context": "ssh", "remote_root": "/x", "remote_profile": {"hostname": "h", "username": "u"}}, True),
    ],
)
def test_files_travel_where_jobs_do_not_run_in_place(settings: dict[str, Any], staged: bool) -> None:
    assert slurm(**settings).staged is staged


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"context": "local"}, "needs remote_root"),
        ({"context": "local", "remote_root": "scratch"}, "an absolute path"),
        ({"remote_root": "/scratch"}, "with lazy-local leave them out"),
        ({"remote_profile": {"symlink": True}}, "with lazy-local leave them out"),
        ({"context": "ssh", "remote_root": "/x", "remote_profile": {"hostname": "h"}}, "needs hostname and username"),
        ({"context": "sftp"}, "'lazy-local', 'local' or 'ssh'"),
        ({"retries": 0}, "greater than or equal to 1"),
        ({"poll_seconds": 0}, "0.001 to 10000000 s"),
    ],
)
def test_context_that_cannot_work_is_refused(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        slurm(**settings)


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"para_deg": 3, "group_size": 2, "cores_per_node": 8}, "only 2 tasks"),
        ({"para_deg": 9, "group_size": 9, "cores_per_node": 8}, "only 8 cores"),
        (
            {"para_deg": 3, "group_size": 9, "cores_per_node": 8, "gpus_per_node": 2},
            "each GPU gets equally many tasks",
        ),
        (
            {"para_deg": 4, "group_size": 9, "cores_per_node": 8, "gpus_per_node": 2, "nodes": 2},
            "each GPU gets equally many tasks",
        ),
        ({"runs_per_gpu": 2, "group_size": 9, "cores_per_node": 8}, "runs_per_gpu is 2, but a job has no GPU"),
        (
            {"runs_per_gpu": 4, "gpus_per_node": 2, "group_size": 4, "cores_per_node": 8},
            "a job has only 4 of 8 tasks; raise group_size",
        ),
        (
            {"runs_per_gpu": 4, "gpus_per_node": 2, "group_size": 8, "cores_per_node": 4},
            "only 4 cores for 8 tasks; raise cores_per_node",
        ),
        (
            {"runs_per_gpu": 2, "gpus_per_node": 2, "group_size": 8, "cores_per_node": 8, "para_deg": 2},
            "which is 4 tasks side by side, but para_deg is 2; leave para_deg out",
        ),
        ({"runs_per_gpu": 1, "gpus_per_node": 1, "nodes": 2}, "take one node"),
        ({"custom_flags": ["--exclusive"]}, "no directive"),
        ({"custom_flags": ["#SBATCH--exclusive"]}, "no directive"),
        ({"modules": [" "]}, "must be a plain name"),
        ({"modules": ["vasp; rm x"]}, "must be a plain name"),
        ({"source_files": ["$HOME/env.sh"]}, "must be a plain name"),
        ({"environment": {"1A": 1}}, "no name of an environment variable"),
        ({"environment": {"A B": 1}}, "no name of an environment variable"),
        ({"partition": "a b"}, "must be one word"),
        ({"account": "my account"}, "must be one word"),
        ({"nodes": 0}, "greater than or equal to 1"),
        ({"gpus_per_node": -1}, "greater than or equal to 0"),
        ({"time_limit_minutes": 0}, "greater than or equal to 1"),
    ],
)
def test_resources_that_no_job_could_use_are_refused(resources: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        SlurmResources.model_validate(resources)


@pytest.mark.parametrize(
    "resources",
    [
        {"para_deg": 4, "group_size": 9, "cores_per_node": 8, "gpus_per_node": 2},
        {"para_deg": 3, "group_size": 9, "cores_per_node": 8, "gpus_per_node": 1},
        {"para_deg": 4, "group_size": 4, "cores_per_node": 2, "nodes": 2},
        {"runs_per_gpu": 2, "gpus_per_node": 2, "group_size": 9, "cores_per_node": 4},
        {"runs_per_gpu": 2, "gpus_per_node": 2, "group_size": 9, "cores_per_node": 4, "para_deg": 4},
        {"custom_flags": ["#SBATCH --exclusive", "#SBATCH -C haswell"]},
        {"modules": ["vasp/6.4.2"], "source_files": ["/opt/env.sh"]},
    ],
)
def test_resources_that_a_job_can_use_are_let_through(resources: dict[str, Any]) -> None:
    SlurmResources.model_validate(resources)


def test_step_that_breaks_a_rule_only_with_the_defaults_is_named() -> None:
    with pytest.raises(ValidationError, match="md, with the defaults: para_deg is 4"):
        slurm(defaults={"cores_per_node": 8, "group_size": 2}, md={"para_deg": 4})


def test_truth_of_yaml_becomes_the_word_that_programs_want() -> None:
    found = SlurmResources.model_validate({"environment": {"DP_JIT": True, "X": False, "N": 4, "S": "yes"}})
    assert found.environment == {"DP_JIT": "true", "X": "false", "N": 4, "S": "yes"}


def test_schema_says_what_the_deck_does_at_the_time_limit() -> None:
    """An MD run goes on from its checkpoint (tests/md/test_pieces.py); nothing starts anew."""
    text = SlurmResources.model_fields["time_limit_minutes"].description or ""
    assert "go on where they stopped" in text
    assert "anew" not in text


def test_packing_of_the_defaults_is_not_asked_of_steps_without_a_gpu() -> None:
    found = slurm(
        defaults={"gpus_per_node": 1, "cores_per_node": 4, "group_size": 4, "runs_per_gpu": 4},
        label={"gpus_per_node": 0},
    )
    packed = {step: found.resources(step).runs_per_gpu for step in STEPS}
    assert packed == {"train": 4, "explore": 4, "label": None, "md": 4, "analyze": None}
    with pytest.raises(ValidationError, match="label, with the defaults: runs_per_gpu is 2, but a job has no GPU"):
        slurm(label={"runs_per_gpu": 2})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"runs_per_gpu": 2}, "no GPU is given out; set gpus"),
        ({"gpus": 2, "runs_per_gpu": 4, "cores": 4}, "need 8 cores to feed them, but cores is 4"),
    ],
)
def test_gpus_of_this_machine_need_cores_that_feed_them(settings: dict[str, int], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        execution(**settings)
