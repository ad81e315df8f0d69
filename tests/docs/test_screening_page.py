"""The commands and files of the page on screening do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.cli.main import build_parser, main
from mlip_interfaces.screening.ranking.priority import CRITERIA
from mlip_interfaces.screening.transport.conductivity_file import load_conductivity_series


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


def test_commands_of_the_page_on_conductivity_run_on_trajectories_of_one_s_own(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (repository / "docs" / "howto" / "conductivity.md").read_text()
    for name, content in re.findall(r'```(?:yaml|csv) title="([\w.]+)"\n(.*?)```', page, re.DOTALL):
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    # The first file needs a potential, and days.
    assert load_conductivity_series(Path("conductivity.yaml")).crystals[1].label == "LPSCl"
    rng = np.random.default_rng(2)
    for kelvin in (500, 650, 750):
        paths = 6.0 + np.cumsum(rng.normal(0.0, 0.4, (120, 8, 3)), axis=0)
        frames = [
            Atoms(["Li"] * 8 + ["O"] * 8, np.vstack([one, paths[0] + rng.normal(0, 0.05, (8, 3))]), cell=[12.0] * 3, pbc=True, info={"time_ps": float(t)})
            for t, one in enumerate(paths)
        ]  # fmt: skip
        write(f"{kelvin}K.extxyz", frames, format="extxyz")
    commands = re.findall(r"^mlip-interfaces (screen .*)$", page, re.MULTILINE)
    assert len(commands) == 4
    for command in commands[1:]:
        assert main(shlex.split(command)) == 0, command
    out = capsys.readouterr().out
    assert "composition 0.55: D begins to fall with temperature at 650 K, between 575 K and 750 K" in out
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {"own/conductivity.png", "crowding/crowding.png"}
