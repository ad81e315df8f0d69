"""Names of DP-GEN, dpdispatcher and the others that no documentation promises: each is there in the installed version.

The sources are read for them, so that the list cannot fall behind. When one is gone after an update, its test says which
file uses it: adapt that file, then raise the cap in pyproject.toml.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.metadata
import io
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mlip_interfaces.campaign import dpgen_launcher
from mlip_interfaces.config import LocalExecution
from mlip_interfaces.engines import PACKAGES
from mlip_interfaces.jobs.tasks import Batch, JobTask, make_submission

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "mlip_interfaces").rglob("*.py"))
ENGINES = {name for name, extra in PACKAGES.items() if extra == "engines"}
SUBMISSION = (
    "belonging_jobs", "belonging_tasks", "generate_jobs", "get_hash", "machine", "resources", "run_submission",
    "submission_hash", "submission_to_json", "try_recover_from_json",
)  # fmt: skip
JOB = ("fail_count", "job_hash", "job_id", "job_state", "job_task_list", "script_file_name")
TASK = ("backward_files", "task_hash", "task_state", "task_work_path")
MACHINE = ("context", "gen_script", "gen_script_command", "retry_count")
CONTEXT = (
    "block_call", "check_file_exists", "init_local_root", "local_root", "read_file", "remote_root", "temp_local_root",
    "temp_remote_root",
)  # fmt: skip


def used_names() -> list[tuple[str, str, str]]:
    """Module, name and the file that uses it, for all that is imported of an engine and asked of its modules."""
    found = set()
    for file in SOURCES:
        tree = ast.parse(file.read_text())
        modules = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ENGINES:
                for name in node.names:
                    found.add((str(node.module), name.name, file.name))
                    modules[name.asname or name.name] = f"{node.module}.{name.name}"
            elif isinstance(node, ast.Import):
                for name in node.names:
                    if name.name.partition(".")[0] in ENGINES:
                        modules[name.asname or name.name] = name.name
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                found.add((modules[node.value.id], node.attr, file.name))
    return sorted(found)


@pytest.mark.parametrize(("module", "name", "file"), used_names(), ids=lambda text: text)
def test_name_of_an_engine_is_there(module: str, name: str, file: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            owner = importlib.import_module(module)
        except ModuleNotFoundError:
            # A class or object of the module above.
            parent, _, last = module.rpartition(".")
            owner = getattr(importlib.import_module(parent), last)
    assert hasattr(owner, name) or is_module(f"{module}.{name}"), (
        f"{module}.{name} is gone from {module.partition('.')[0]} {version_of(module)}, and {file} uses it: adapt {file}, "
        "then raise the cap in pyproject.toml."
    )


def is_module(name: str) -> bool:
    """Whether a module of this name can be imported."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def version_of(module: str) -> str:
    """Installed version of the distribution."""
    name = module.partition(".")[0]
    return importlib.metadata.version("deepmd-kit" if name == "deepmd" else name)


@pytest.mark.parametrize("name", dpgen_launcher._STEPS)
def test_every_step_that_the_launcher_bounds_is_one_of_dpgen(name: str) -> None:
    assert hasattr(dpgen_launcher.dpgen_run, name), (
        f"dpgen.generator.run.{name} is gone from dpgen {version_of('dpgen')}, and dpgen_launcher.py puts its own in its "
        "place: adapt it, then raise the cap in pyproject.toml."
    )


def test_what_is_asked_of_dpdispatchers_objects_is_there(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    batch = Batch((JobTask("task", "true", ("done",)),), tmp_path, "label")
    submission = make_submission(batch, LocalExecution(kind="local", cores=1))
    submission.generate_jobs()
    job = submission.belonging_jobs[0]
    context = submission.machine.context
    for thing, names in (
        (submission, SUBMISSION), (job, JOB), (job.job_task_list[0], TASK), (submission.machine, MACHINE), (context, CONTEXT),
    ):  # fmt: skip
        for name in names:
            assert hasattr(thing, name), (
                f"{type(thing).__name__}.{name} is gone from dpdispatcher {version_of('dpdispatcher')}, and jobs/ uses it: "
                "adapt it, then raise the cap in pyproject.toml."
            )
    script = submission.machine.gen_script_command(job)
    assert "\ncd task\n" in script, "jobs/queue.py reads the folders of a job's tasks from these lines"
    assert f"{job.job_task_list[0].task_hash}_task_tag_finished" in script
    assert f"{job.job_hash}_job_tag_finished" in submission.machine.gen_script(job)
    assert job.script_file_name == f"{job.job_hash}.sub" or job.script_file_name == f".{job.job_hash}.sub"


def extras() -> dict[str, list[Requirement]]:
    """Requirements of the core (under the empty name) and of each extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {name: [Requirement(text) for text in texts] for name, texts in groups.items()}


def distribution(module: str) -> str:
    """Name of the distribution that a package comes from."""
    return "deepmd-kit" if module == "deepmd" else module


def test_every_engine_whose_names_are_used_is_capped_and_the_installed_one_is_in_the_range() -> None:
    declared = {r.name: r for group in ("engines", "campaign") for r in extras()[group]}
    for module in {module.partition(".")[0] for module, _, _ in used_names()}:
        requirement = declared[distribution(module)]
        assert any(part.operator in ("<", "==", "~=") for part in requirement.specifier), f"{requirement} has no cap"
        assert importlib.metadata.version(requirement.name) in requirement.specifier


def test_engines_on_cpus_and_on_gpus_are_the_same_but_for_tensorflow() -> None:
    groups = extras()
    assert [r.name for r in groups["engines"]] == [r.name for r in groups["gpu"]] == ["deepmd-kit", "mlip-interfaces"]
    assert groups["engines"][0].extras == {"cpu", "lmp"}
    assert groups["gpu"][0].extras == {"cu12", "gpu", "lmp"}
    assert groups["engines"][0].specifier == groups["gpu"][0].specifier == groups["pytorch"][0].specifier
    assert not any(r.name.startswith(("deepmd", "tensorflow", "dp", "torch")) for r in groups[""])


def test_every_imported_package_is_declared() -> None:
    names = {
        "yaml": "pyyaml", "lazy_loader": "lazy-loader", "annotated_types": "annotated-types", "pydantic_core": "pydantic-core", "MDAnalysis": "MDAnalysis", "deepmd": "deepmd-kit", "gpaw": "", "llvmlite": "numba", "PIL": "pillow",
    }  # fmt: skip
    declared = {r.name.lower() for group in extras().values() for r in group}
    imported = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
    foreign = imported - sys.stdlib_module_names - {"mlip_interfaces", "gpaw"}
    missing = sorted(name for name in foreign if names.get(name, name).lower() not in declared)
    assert missing == [], "imported and not declared in pyproject.toml"


def test_pinned_versions_are_in_the_declared_ranges() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {pin.name.lower().replace("_", "-"): next(iter(pin.specifier)).version for pin in pins}
    for group, requirements in extras().items():
        for requirement in requirements:
            version = pinned.get(requirement.name.lower())
            if version is not None:
                assert version in requirement.specifier, f"constraints.txt pins {requirement.name} {version}; {group}"
