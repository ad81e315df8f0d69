"""Exit codes and messages as a user meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlip_interfaces.cli.main import main


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("calculator: chgnett", "calculator: chgnet", "Did you mean 'chgnet'"),
        ("calculator: nowhere:at_all", "calculator: chgnet", "cannot be imported"),
        ("elements: [Li, Co, O, F, P, S]", "elements: [Li, Co, O, F, P, S, Cl]", "contains Cl"),
        ("thickness_angstrom: [0, -5, 10]", "thickness_angstrom: [0, 5, 10]", "0 to 1000 angstrom"),
        ("material: LiCoO3", "material: LiCoO2", "Did you mean 'LiCoO2'"),
        ("max_strian: 0.02", "max_strain: 0.02", "Did you mean 'max_strain'"),
    ],
)
def test_wrong_study_ends_with_code_2_and_one_message_and_writes_nothing(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str, right: str, expected: str
) -> None:
    text = (repository / "configs" / "demo.yaml").read_text()
    assert right in text
    study = tmp_path / "study.yaml"
    study.write_text(text.replace(right, wrong))
    code = main(["run", str(study), "--out", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert code == 2
    assert expected in error
    assert str(study) in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_dry_run_writes_nothing_and_names_every_stage(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(miniature), "--out", str(tmp_path / "run"), "--dry-run"]) == 0
    plan, scripts = capsys.readouterr().out.split("\n\n", 1)
    lines = plan.splitlines()
    assert list(dict.fromkeys(line.split()[0] for line in lines)) == [
        "build", "data", "campaign", "train", "validate", "scan", "analyze", "report",
    ]  # fmt: skip
    assert {line.split()[1] for line in lines} == {"made"}
    by_stage = {line.split()[0]: line for line in lines}
    # A number and its noun agree, for one of a kind too.
    assert by_stage["data"].endswith(": perturbed structures and 1 teacher MD run by mini_teacher:slow_lennard_jones")
    assert by_stage["campaign"].endswith(": a ladder of 1 rung, at most 1 iteration and 8 labels, committee of 2")
    assert by_stage["scan"].endswith(" coating-00A/diffusion/seed-1: 0.1 ps of MD")
    for title in ("teacher MD", "initial labels", "committee", "exploration", "final model", "MD of the scan"):
        assert f"===== {title}" in scripts
    assert not (tmp_path / "run").exists()


def test_unknown_stage_is_refused(miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(miniature), "--out", str(tmp_path / "run"), "--until", "trian"]) == 2
    assert "the stages are build" in capsys.readouterr().err


def test_status_of_something_else_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Study"


def test_every_shipped_study_is_valid(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(str(file) for file in (repository / "configs").glob("*.yaml"))
    assert main(["config", "check", *files]) == 0
    assert capsys.readouterr().out.count("is valid") == len(files)


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--help"], ("numpy", "pydantic", "ase", "numba", "dpdata", "matplotlib", "pymatgen", "torch")),
        (["analyze", "rdf", "--help"], ("ase", "numba", "dpdata", "matplotlib", "pymatgen", "torch")),
        (["campaign", "--help"], ("numpy", "pydantic", "ase", "numba", "dpdata", "matplotlib", "pymatgen", "torch")),
    ],
)
def test_help_does_not_load_heavy_packages(words: list[str], heavy: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom mlip_interfaces.cli.main import main\n"
        f"try: main({words})\nexcept SystemExit: pass\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [
        (["config", "schema"], ""),
        (["config", "schema"], "1"),
        (["--help"], ""),
        (["analyze", "rdf", "--help"], ""),
    ],
)
def test_a_reader_that_has_gone_ends_the_program_without_a_traceback(words: list[str], unbuffered: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mlip_interfaces.cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 128 + 13
    assert error == ""


def test_the_first_line_is_all_that_head_wants() -> None:
    command = f"{sys.executable} -m mlip_interfaces.cli.main config schema | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout == "{\n"
    assert result.stderr == ""
    assert result.returncode in (0, 128 + 13)


@pytest.mark.parametrize(
    ("options", "study", "folder"),
    [
        ([], "demo.yaml", "runs/demo"),
        (["--study", "li_li7p3s11"], "demo_li_li7p3s11.yaml", "runs/demo_li_li7p3s11"),
        (["--study", "lco_lif_lpscl", "--out", "here"], "demo.yaml", "here"),
    ],
)
def test_demo_runs_the_study_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], study: str, folder: str
) -> None:
    ran: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "mlip_interfaces.pipeline.flow.run_study", lambda file, out: ran.append((file.name, out.as_posix()))
    )
    assert main(["demo", *options]) == 0
    assert ran == [(study, folder)]
    assert capsys.readouterr().out.strip() == f"{folder}/report/index.html"
