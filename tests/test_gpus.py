"""GPUs of a machine and who used them, with a program that stands for nvidia-smi."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlip_interfaces import doctor
from mlip_interfaces.errors import ProgramError
from mlip_interfaces.gpus import WatchedRun, installed_gpus, run_watched
from mlip_interfaces.potentials import BACKENDS

SMI = """#!/bin/sh
case "$*" in
  *name,memory.total,driver_version*) echo "NVIDIA H200, 143771, 580.159.03" ;;
  *memory.used,utilization.gpu*) echo "$(cat {used}), 87" ;;
  *memory.used*) cat {used} ;;
  *) ;;
esac
"""
ON_CPU = WatchedRun(9.0, 500.0, "", 0, 0.0, 0.0)
ON_GPU = WatchedRun(9.0, 500.0, "load model from: model.pth to gpu", 0, 620.0, 40.0)


@pytest.fixture
def used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a GPU of which 10 MB are in use; what is written here later is in use then."""
    file = tmp_path / "used"
    file.write_text("10\n")
    program = tmp_path / "programs" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(SMI.format(used=file))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return file


def watch(tmp_path: Path, shell: str, **options: float) -> WatchedRun:
    return run_watched(["sh", "-c", shell], directory=tmp_path, log_file=tmp_path / "log", **options)


def test_gpus_are_named_with_memory_and_driver(used: Path) -> None:
    assert [str(gpu) for gpu in installed_gpus()] == ["NVIDIA H200, 140 GiB, driver 580.159.03"]


def test_memory_beyond_that_of_others_is_a_sign_of_a_gpu(tmp_path: Path, used: Path) -> None:
    found = watch(tmp_path, "echo 510 > used; sleep 0.6; echo 10 > used; sleep 0.3")
    assert (found.on_gpu, found.gpu_memory_mb, found.utilization_percent) == (True, 500.0, 87.0)
    assert not watch(tmp_path, "echo 60 > used; sleep 0.4").on_gpu


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Created device /job:localhost/replica:0/task:0/device:GPU:0 with 137000 MB memory", True),
        ("load model from: ../model.pb to gpu 0", True),
        ("load model from: ../model.pb to cpu", False),
        ("[2026-11-28 11:00:00] DEEPMD INFO    computing device:      cpu:0", False),
    ],
)
def test_log_says_where_a_program_ran(tmp_path: Path, said: str, expected: bool) -> None:
    assert watch(tmp_path, f"echo '{said}'").on_gpu is expected


def test_program_that_hangs_is_ended_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"'sh' took more than 0.3 s. The end of .*log:\nhalf way"):
        watch(tmp_path, "echo half way; exec sleep 60", limit_seconds=0.3)
    with pytest.raises(ProgramError, match=r"exit status 1. The GPU's memory is used up: "):
        watch(tmp_path, "echo CUDA out of memory; exit 1")


@pytest.mark.parametrize("place", ["gpu", "cpu", "failed"])
def test_doctor_says_where_each_backend_ran(place: str, used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(command: list[str], *, directory: Path, **_: object) -> WatchedRun:
        if command[0] == "lmp":
            (directory / "log.lammps").write_text("Loop time of 0.1 on 1 procs for 10 steps with 54 atoms\n")
        if place == "failed" and command[0] == "lmp":
            raise ProgramError("'lmp' failed with exit status 1. The NVIDIA driver there is missing.")
        return ON_GPU if place == "gpu" else ON_CPU

    monkeypatch.setattr(doctor, "run_watched", stand_in)
    gpus = installed_gpus()
    assert doctor._gpu(gpus).detail == "NVIDIA H200, 140 GiB, driver 580.159.03"
    first, *others = doctor._deep_potential_in_lammps(BACKENDS["tensorflow"], gpus)
    assert first.works is (place != "failed")
    assert [finding.works for finding in others] == {"gpu": [True], "cpu": [False], "failed": []}[place]
    if place == "failed":
        assert first.detail == "'lmp' failed with exit status 1. The NVIDIA driver there is missing."
        return
    on_gpu = "on the GPU ('load model from: model.pth to gpu', 620 MB of it)"
    where = on_gpu if place == "gpu" else "on the CPU"
    assert others[0].detail == f"training {where}; MD {where}"
    assert 'pip install "mlip-interfaces[gpu]"' in others[0].remedy
    assert len(doctor._deep_potential_in_lammps(BACKENDS["tensorflow"], ())) == 1


@pytest.mark.parametrize(("there", "missing"), [("lacks", None), ("lacks dpa1_graph_descriptor", "DPA-1"), ("", None)])
def test_doctor_names_the_fused_operators_that_are_missing(
    there: str, missing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "is_installed", lambda name: True)
    answer = doctor.ask_program(["echo", "torch says this and that\n" + there])
    monkeypatch.setattr(doctor, "ask_program", lambda *_, **__: answer)
    found = doctor._fused_operators()
    assert len(found) == bool(there)
    assert [finding.works for finding in found] == ([missing is None] if there else [])
    if missing:
        assert found[0].detail == "none for DPA-1: such models run on torch's own operators, more slowly"
        assert "DP_VARIANT=cuda" in found[0].remedy
