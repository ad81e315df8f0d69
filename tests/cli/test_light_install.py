"""What works where the core alone is installed, what the rest says, and what the command line loads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from mlip_interfaces import engines
from mlip_interfaces.cli.main import build_parser
from mlip_interfaces.cli.verbs import VERBS
from mlip_interfaces.config import load_study
from mlip_interfaces.engines import ENGINES, how_to_get, require_packages
from mlip_interfaces.errors import MissingEngineError
from mlip_interfaces.labels.settings import SETTINGS_FILE, LabelSettings
from mlip_interfaces.programs import find_program

SENTENCE = 'with the extra engines: pip install "mlip-interfaces[engines]"'
Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """The command line without engines, in an empty folder."""
    script = Path(__file__).with_name("without_engines.py")

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(script), *map(str, words)], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("room", ["analysis", "config", "figures", "report", "structures", "trajectory"])
def test_rooms_that_compute_need_no_engine(call: Call, room: str) -> None:
    result = call("--import", f"mlip_interfaces.{room}")
    assert result.returncode == 0, result.stderr


def test_verbs_that_compute_work_without_engines(call: Call, miniature: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    crystal = bulk("LiF", "rocksalt", a=4.03, cubic=True).repeat(3)
    frames = [crystal.copy() for _ in range(4)]
    for frame in frames:
        frame.positions += rng.normal(0.0, 0.05, frame.positions.shape)
    write(tmp_path / "md.xyz", frames, format="extxyz")
    rdf = call("analyze", "rdf", "md.xyz", "--pairs", "Li-F", "--frame-interval-ps", "0.1", "--json")
    assert rdf.returncode == 0, rdf.stderr
    assert json.loads(rdf.stdout)["pairs"]["Li-F"]["first_peak_angstrom"] == pytest.approx(2.0, abs=0.1)
    for words in (
        ["structures", "list"],
        ["structures", "slabs", "LiF", "--miller", "0", "0", "1"],
        ["config", "check", miniature],
        ["config", "schema"],
    ):
        result = call(*words)
        assert result.returncode == 0, result.stderr
        assert result.stdout
    run = tmp_path / "run"
    run.mkdir()
    (run / "study.yaml").write_text(miniature.read_text())
    for words in (["status", run], ["report", run]):
        result = call(*words)
        assert result.returncode == 0, result.stderr
    assert (run / "report" / "index.html").is_file()


def test_verbs_that_need_engines_say_which_extra_brings_them_and_begin_nothing(
    call: Call, miniature: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "study.yaml").write_text(miniature.read_text())
    new = tmp_path / "new"
    for words in (
        ["run", miniature, "--out", new],
        ["campaign", "init", miniature, "--out", new],
        ["campaign", "run", run],
        ["scan", "submit", run],
        ["scan", "domain", run],
        ["validate", run],
        ["run", miniature, "--out", new, "--dry-run"],
    ):
        result = call(*words)
        assert result.returncode == 2, (words, result.stderr)
        assert SENTENCE in result.stderr
        assert "Traceback" not in result.stderr
        assert not new.exists()
    assert sorted(path.name for path in run.iterdir()) == ["study.yaml"]


def test_missing_program_names_its_extra(call: Call, tmp_path: Path) -> None:
    result = call("structures", "amorphous", "LiF", "--thickness-angstrom", "8", "--area", "12x12", "--out", "glass")
    assert result.returncode == 2, result.stderr
    assert "The program 'lmp' is neither in" in result.stderr
    assert SENTENCE in result.stderr


def test_a_label_without_its_engine_fails_for_the_configuration_and_names_the_extra(
    call: Call, miniature: Path, tmp_path: Path
) -> None:
    task = tmp_path / "task.000.000000"
    for calculator, dft, sentence in (
        ("chgnet", None, how_to_get("teacher")),
        ("vasp", load_study(miniature.parents[2] / "configs" / "lco_lif_lpscl.yaml").labels.dft, SENTENCE),
    ):
        task.mkdir(exist_ok=True)
        write(task / "POSCAR_in", bulk("LiF", "rocksalt", a=4.03), format="vasp")
        LabelSettings(
            calculator=calculator,
            parameters={},
            dft=dft,
            second_attempt=False,
            timeout_seconds=60,
            max_force_ev_per_angstrom=60,
            min_distance_angstrom=0.7,
        ).write(tmp_path / SETTINGS_FILE)
        result = call("label", task)
        assert result.returncode == 0, result.stderr
        label = json.loads((task / "label.json").read_text())
        assert (label["status"], label["cause"]) == ("failed", "configuration")
        assert sentence in label["reason"]


def test_doctor_shows_which_extras_are_there(call: Call) -> None:
    result = call("doctor", "--json")
    assert result.returncode == 3, result.stderr
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["extra engines"]["required"]
    assert findings["extra engines"]["detail"] == f"lacks {', '.join(ENGINES)}"
    for extra in ("engines", "teacher", "xtb"):
        assert findings[f"extra {extra}"]["remedy"] == how_to_get(extra)


def test_missing_packages_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    require_packages("dpdata", "dpgen")
    monkeypatch.setattr(engines, "is_installed", lambda package: package == "dpdata")
    with pytest.raises(MissingEngineError, match=r"^dpgen, deepmd are not installed; they come with the extra engines"):
        require_packages("dpdata", "dpgen", "deepmd")


def test_a_program_of_no_extra_leads_to_the_doctor() -> None:
    with pytest.raises(FileNotFoundError, match="mlip-interfaces doctor"):
        find_program("no-such-program")


def test_list_of_verbs_is_the_same_with_and_without_their_files() -> None:
    assert build_parser(()).format_help() == build_parser().format_help()
    for name in VERBS:
        actions = build_parser([name])._subparsers
        assert actions is not None


HEAVY = ("scipy.stats", "scipy.optimize", "ase.io", "MDAnalysis", "pymatgen", "matplotlib", "dpdata", "pandas")


@pytest.mark.parametrize(
    ("package", "light"),
    [
        ("mlip_interfaces.trajectory", ("scipy.special", "pydantic", *HEAVY)),
        ("mlip_interfaces.analysis", ("scipy.special", "pydantic", *HEAVY)),
        ("mlip_interfaces.config", ("scipy", "numba", *HEAVY)),
        ("mlip_interfaces.pipeline.flow", ("scipy", "numba", "rich", *HEAVY)),
    ],
)
def test_rooms_load_heavy_packages_only_where_they_are_used(package: str, light: tuple[str, ...]) -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        f"room = importlib.import_module({package!r})\n"
        "for module in pkgutil.walk_packages(getattr(room, '__path__', []), room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        f"print([name for name in {light!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
