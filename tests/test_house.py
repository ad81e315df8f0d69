"""Rules of the house that types and import-linter do not see: who starts programs, who writes, who imports by name."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlip_interfaces

PACKAGE = Path(mlip_interfaces.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}

ALONE = {"labels/codes/gpaw_script.py"}
"""Copied beside a structure and run by a Python that lacks this package."""
LOGS_AND_LOCKS = {"gpus.py", "programs.py", "run/folder.py", "labels/driver.py"}
"""Open a log for a program, or a file to lock: neither is a result."""
TOY_DATA = {"doctor.py"}
"""Arrays in a temporary folder that ends with the look."""
BY_NAME = {"labels/teachers.py", "cli/main.py", "__init__.py"}
"""A study names a function of the user's by its module; verbs, and the names of the front door, are imported when asked for."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name of what is called: ``name`` or ``.attribute``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id, node
            elif isinstance(node.func, ast.Attribute):
                yield f".{node.func.attr}", node


def imported(path: Path) -> set[str]:
    """First part of every imported module, anywhere in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def opens_for_writing(call: ast.Call) -> bool:
    modes = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    modes += [k.value.value for k in call.keywords if k.arg == "mode" and isinstance(k.value, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)


def test_the_rules_would_see_what_they_forbid(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "import subprocess as s\nfile.open('w')\nopen('a', mode='ab')\nfile.write_text('')\nopen('w.txt')\n"
    )
    assert "subprocess" in imported(file)
    assert [opens_for_writing(call) for _, call in calls(file)].count(True) == 2
    assert [name for name, _ in calls(file)].count(".write_text") == 1


def test_programs_are_started_in_one_place() -> None:
    starters = {".system", ".popen", ".Popen", ".execv", ".execvp", ".posix_spawn"}
    offenders = [
        name
        for name, path in MODULES.items()
        if name != "programs.py"
        and ("subprocess" in imported(path) or {called for called, _ in calls(path)} & starters)
    ]
    assert offenders == []


def assigned(path: Path) -> Iterator[tuple[str, str]]:
    """Every plain assignment of a call: the name, and the call as it stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            yield from ((ast.unparse(target), ast.unparse(node.value)) for target in node.targets)


def test_files_are_written_in_one_place() -> None:
    offenders = []
    for name, path in MODULES.items():
        if name == "files.py" or name in ALONE:
            continue
        writers = {".write_text", ".write_bytes", ".savez", ".savez_compressed", ".savetxt"}
        writers |= set() if name in TOY_DATA else {".save"}
        # `open` on the file that `files.whole_file` gives is whole.
        whole = "working.open" if "whole_file" in path.read_text() else ""
        in_memory = {target for target, made in assigned(path) if made == "io.BytesIO()"}
        for called, call in calls(path):
            opens = called in ("open", ".open") and opens_for_writing(call) and ast.unparse(call.func) != whole
            if called == ".save" and any(ast.unparse(argument) in in_memory for argument in call.args):
                continue
            if called in writers or (opens and name not in LOGS_AND_LOCKS):
                offenders.append(f"{name}:{call.lineno} {ast.unparse(call.func)}")
    assert offenders == []


def test_nothing_is_looked_up_by_a_name_that_types_cannot_see() -> None:
    hidden = {"globals", "locals", "eval", "exec", "__import__", "import_module", ".import_module"}
    offenders = [
        f"{name}:{call.lineno} {called}"
        for name, path in MODULES.items()
        if name not in BY_NAME
        for called, call in calls(path)
        if called in hidden
    ]
    assert offenders == []


def test_figures_alone_imports_matplotlib() -> None:
    """As import-linter's contract says, and also for a module that the contract has not been told of."""
    assert [name for name, path in MODULES.items() if "matplotlib" in imported(path) and name[:8] != "figures/"] == []


@pytest.mark.parametrize(
    ("words", "extras", "said"),
    [
        ([], "engines,pytorch,teacher,", "for CPUs"),
        (["DEVICE=gpu"], "gpu,pytorch,teacher,", "for NVIDIA GPUs (CUDA 12)"),
        (["DEVICE=gpu", "BACKENDS=tensorflow"], "gpu,teacher,", "for NVIDIA GPUs (CUDA 12)"),
    ],
)
def test_make_installs_the_engines_of_one_device_and_says_so(
    repository: Path, words: list[str], extras: str, said: str
) -> None:
    command = ["make", "--dry-run", "--always-make", "install", *words]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout
    assert f'--editable ".[{extras}' in done
    assert f"the extras {extras}" in done
    assert said in done


def test_make_knows_two_devices(repository: Path) -> None:
    command = ["make", "--dry-run", "install", "DEVICE=tpu"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DEVICE is tpu; give cpu or gpu" in done.stderr
