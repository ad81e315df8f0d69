"""The commands and files of the page on screening do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from mlip_interfaces.cli.main import build_parser, main
from mlip_interfaces.screening.priority import CRITERIA


def test_every_command_of_the_page_runs_on_its_files(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but the one that draws every battery."""
    page = (repository / "docs" / "howto" / "screen-pairs.md").read_text()
    for name, content in re.findall(r'```yaml title="([\w.]+)"\n(.*?)```', page, re.DOTALL):
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^mlip-interfaces (screen .*)$", page, re.MULTILINE)
    assert len(commands) == 8
    for command in commands:
        if "--all" not in command:
            assert main(shlex.split(command)) == 0, command
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {
        "maps/Li_LLZO_LCO_0.png", "maps/Li_LPS_LiF_LCO_100.png", "defects/defects.png", "layer/space_charge.png",
    }  # fmt: skip


def test_every_command_of_the_page_on_windows_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "howto" / "electrochemical-windows.md").read_text()
    ((name, content),) = re.findall(r'```csv title="([\w.]+)"\n(.*?)```', page, re.DOTALL)
    (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^mlip-interfaces (screen .*)$", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    assert "No crystal of F alone" in capsys.readouterr().out
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {f"window/{stem}.png" for stem in ("window", "uptake", "phases")} | {
        f"contact/{stem}.png" for stem in ("window", "uptake", "phases", "mutual_reactions")
    }


def test_every_command_of_the_page_on_migration_that_needs_no_engine_runs(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "howto" / "migration.md").read_text()
    commands = re.findall(r"^mlip-interfaces (screen .*)$", page, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert main(shlex.split(command)) == 0, command
    assert capsys.readouterr().out.count("percolate in 3 directions") == 2


def test_every_command_of_the_page_on_ranking_runs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the one that ranks every pair; and the Python at its end."""
    page = (repository / "docs" / "howto" / "rank-pairs.md").read_text()
    for name, content in re.findall(r'```csv title="([\w.]+)"\n(.*?)```', page, re.DOTALL):
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^mlip-interfaces (.*)$", page, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        if command != "screen rank --out ranking":
            assert main(shlex.split(command)) == 0, command
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")} == {
        "few/index.html",
        "own/index.html",
    }
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {})
    assert main(["config", "check", "first.yaml"]) == 0
    bounds = re.findall(r"^\| `(\w+)` \| at (?:most|least) (-?[\d.]+)", page, re.MULTILINE)
    assert {name: float(bound) for name, bound in bounds} == {one.name: one.bound for one in CRITERIA}


@pytest.mark.parametrize(("page", "n_commands"), [("interface-energetics", 3), ("defect-energies", 2)])
def test_every_command_of_pages_that_need_an_engine_is_understood(repository: Path, page: str, n_commands: int) -> None:
    text = (repository / "docs" / "howto" / f"{page}.md").read_text().replace("\\\n", " ")
    commands = re.findall(r"^mlip-interfaces (screen .*)$", text, re.MULTILINE)
    assert len(commands) == n_commands
    for command in commands:
        assert callable(build_parser(["screen"]).parse_args(shlex.split(command)).run)
