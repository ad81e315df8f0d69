"""Backends of DeePMD-kit: the words of their trainings, their files, and what is said where one is not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlip_interfaces import engines
from mlip_interfaces.errors import InputFileError, MissingEngineError
from mlip_interfaces.potentials import BACKENDS, backend_of
from mlip_interfaces.potentials import backend as backend_module
from mlip_interfaces.potentials.backend import CHECKPOINT, from_checkpoint

# Writes down what it is asked for, and leaves the file that it is told to.
DP = """#!/bin/sh
echo "$@" >> said
while [ $# -gt 1 ]; do [ "$1" = -o ] && echo model > "$2"; shift; done
exit 0
"""


def said_by(folder: Path, command: str) -> list[str]:
    """What `dp` is asked for by a command."""
    program = folder / "bin" / "dp"
    program.parent.mkdir(exist_ok=True)
    program.write_text(DP)
    program.chmod(0o755)
    subprocess.run(command, shell=True, cwd=folder, env={"PATH": f"{program.parent}:/bin:/usr/bin"}, check=True)
    lines = (folder / "said").read_text().splitlines()
    (folder / "said").unlink()
    return lines


@pytest.mark.parametrize(("name", "option", "suffix"), [("tensorflow", "--tf", ".pb"), ("pytorch", "--pt", ".pth")])
def test_a_training_begins_at_another_checkpoint_and_goes_on_from_its_own(
    tmp_path: Path, name: str, option: str, suffix: str
) -> None:
    backend = next(backend for backend in BACKENDS.values() if backend.name == name)
    command = backend.training_command(from_checkpoint("../a member"), compress=True)
    said = said_by(tmp_path, command)
    assert said == [
        f"{option} train input.json --init-model ../a member/model.ckpt",
        f"{option} freeze -o frozen{suffix}",
        f"{option} compress -i frozen{suffix} -o compressed{suffix} -t input.json",
    ]
    assert (tmp_path / backend.potential).is_file()
    assert backend.checkpoint_file.startswith(f"{CHECKPOINT}.")
    (tmp_path / backend.checkpoint_file).write_text("")
    assert said_by(tmp_path, command)[0] == f"{option} train input.json --restart model.ckpt"


def test_what_is_not_compressed_is_used_as_it_was_frozen(tmp_path: Path) -> None:
    said = said_by(tmp_path, BACKENDS["pytorch"].training_command("", compress=False))
    assert [line.split()[1] for line in said] == ["train", "freeze"]
    assert (tmp_path / "model.pth").is_file()


def test_a_suffix_tells_the_backend_and_an_unknown_one_is_refused() -> None:
    for backend in BACKENDS.values():
        assert backend_of(Path(f"somewhere/{backend.member(3)}")) is backend
    with pytest.raises(InputFileError, match=r"model.ckpt.pt does not end in .pb \(TensorFlow\) or .pth \(PyTorch\)"):
        backend_of(Path("model.ckpt.pt"))


def test_a_backend_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda name: name not in ("e3nn", "torch"))
    with pytest.raises(MissingEngineError, match=r"^torch, e3nn are not .* with the extra pytorch: pip"):
        BACKENDS["pytorch"].require()


@pytest.mark.parametrize(("packaged", "on_the_system"), [(True, False), (False, True), (False, False)])
def test_a_missing_libcudart_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, packaged: bool, on_the_system: bool
) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda name: True)
    monkeypatch.setattr(backend_module, "other_torch", lambda: "")
    monkeypatch.setattr(backend_module, "is_installed", lambda name: packaged)
    monkeypatch.setattr(backend_module, "finds_library", lambda name: on_the_system)
    if packaged or on_the_system:
        BACKENDS["pytorch"].require()
        return
    with pytest.raises(MissingEngineError, match=r"libcudart.so.12 .* pip install nvidia-cuda-runtime-cu12") as error:
        BACKENDS["pytorch"].require()
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("version", "fits"), [("2.11.0", True), ("2.11.0+cpu", True), ("2.13.0+cpu", False)])
def test_another_torch_than_the_backend_was_compiled_with_is_named(
    monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda name: True)
    monkeypatch.setattr(backend_module, "is_installed", lambda name: True)
    found = engines.importlib.metadata.version
    monkeypatch.setattr(engines.importlib.metadata, "version", lambda name: version if name == "torch" else found(name))
    if fits:
        BACKENDS["pytorch"].require()
        return
    with pytest.raises(MissingEngineError, match=r"torch 2.13.0\+cpu is installed, .* compiled with torch 2.11.0; pip"):
        BACKENDS["pytorch"].require()
    BACKENDS["tensorflow"].require()


def test_the_module_itself_needs_no_engine() -> None:
    assert {"torch", "deepmd", "tensorflow"}.isdisjoint(vars(backend_module))
