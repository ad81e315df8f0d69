"""``doctor`` on this machine, where everything required is installed."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError

import pytest

from mlip_interfaces import doctor
from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import MissingProgramError


def test_required_engines_work_and_absent_ones_have_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    lammps = findings["TensorFlow: dp trains and lmp runs ten steps"]
    assert lammps["works"]
    assert "compressed, DeePMD plugin loaded" in lammps["detail"]
    pytorch = findings["PyTorch: dp trains and lmp runs ten steps"]
    assert "plugin loaded" in pytorch["detail"] if pytorch["works"] else "extra pytorch" in pytorch["remedy"]
    assert not pytorch["required"]
    assert findings["teacher chgnet (surrogate)"]["works"]
    for finding in findings.values():
        assert bool(finding["remedy"]) == (not finding["works"])
    assert {"GPU", "program Slurm sbatch"} <= set(findings)
    assert {f"DFT code {code}" for code in ("VASP", "GPAW", "CP2K", "ABACUS")} | {"VASP's POTCARs"} <= set(findings)
    assert "apt-get install gpaw" in (findings["DFT code GPAW"]["remedy"] or "apt-get install gpaw")


def test_missing_program_is_named_with_its_remedy_and_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(name: str) -> str:
        if name == "lmp":
            raise MissingProgramError("no lmp")
        return f"/somewhere/{name}"

    monkeypatch.setattr(doctor, "find_program", find)
    for module in ("programs", "gpus"):
        monkeypatch.setattr(f"mlip_interfaces.{module}.find_program", lambda name: find("lmp"))
    assert main(["doctor"]) == 3
    said = capsys.readouterr().out
    assert "MISSING program lmp: not found\n        get it: make install" in said
    assert "MISSING TensorFlow: dp trains and lmp runs ten steps" in said


@pytest.mark.parametrize(
    ("installed", "name", "said"),
    [
        (
            {"tensorflow": "2.21.0", "tensorflow-cpu": "2.21.0"},
            "one TensorFlow",
            "tensorflow 2.21.0 and tensorflow-cpu 2.21.0",
        ),
        (
            {"nvidia-cudnn-cu12": "9.8.0", "nvidia-cudnn-cu13": "9.19.0"},
            "one cuDNN",
            r"nvidia-cudnn-cu12 9.8.0 \(for TensorFlow\) and nvidia-cudnn-cu13 9.19.0 \(for torch\)",
        ),
    ],
)
def test_two_wheels_with_the_same_files_are_named_and_one_alone_is_not(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], name: str, said: str
) -> None:
    def look() -> list[doctor.Finding]:
        return [*doctor._two_tensorflows(), *doctor._two_cudnns()]

    def version(package: str) -> str:
        if package not in there:
            raise PackageNotFoundError(package)
        return there[package]

    monkeypatch.setattr("importlib.metadata.version", version)
    there = installed
    (finding,) = look()
    assert (finding.name, finding.works) == (name, False)
    assert re.match(f"{said} overwrite each other$", finding.detail)
    assert finding.remedy
    for alone in installed:
        there = {alone: installed[alone]}
        assert look() == []
