"""A scan with a potential that is there: from the study to the report, without labels, a campaign or a training."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read, write

from mlip_interfaces.books.gates import GATES_FILE, GatesVerdict
from mlip_interfaces.books.run import GivenModel, read_book
from mlip_interfaces.cli.main import main
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, write_json
from mlip_interfaces.pipeline import given_potential
from mlip_interfaces.pipeline.flow import initialise_scan, run_single_stage, run_study
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.potentials.gates.registry import BOUNDS_ALONE, GATES, QUANTITIES
from mlip_interfaces.programs import program_environment
from mlip_interfaces.run.manifests import read_manifest, recorded
from mlip_interfaces.run.stages import run_status
from mlip_interfaces.trajectory import open_trajectory

SCRIPT = Path(__file__).with_name("tiny_potential.py")
TYPE_MAP = ("F", "Cl", "Li", "S")
STUDY = {
    "name": "given",
    "elements": ["S", "Li", "F"],
    "interface": {
        "max_strain": 0.01,
        "max_area_angstrom2": 40,
        "layers": [
            {"kind": "crystal", "name": "base", "material": "LiF", "miller": [1, 0, 0], "thickness_angstrom": 4},
            {"kind": "crystal", "name": "electrolyte", "material": "Li2S", "miller": [1, 0, 0], "thickness_angstrom": 5.7},
        ],
    },
    "labels": {"calculator": "chgnet"},
    "exploration": {"iterations": [{"temperatures_kelvin": [300], "steps": 1000, "sample_every": 10}]},
    "protocols": {"warm": {"temperature_kelvin": 300, "time_ps": 0.05, "timestep_fs": 0.5, "dump_interval_ps": 0.005}},
    "health": {
        "max_temperature_ratio": 1000, "mean_temperature_tolerance": 0.99, "density_change": 0.9, "min_distance_angstrom": 0.3,
    },
    "analysis": [{"kind": "msd"}, {"kind": "profile"}],
    "gates": {"run": []},
    "execution": {"cores": 1, "poll_seconds": 0.2},
}  # fmt: skip
SHORT_GATES = {
    "heating_ps": 0.02, "drift_ps": 0.02, "drift_warm_up_ps": 0.01, "n_rattled": 2, "rattled_relax_steps": 3, "pair_relax_steps": 2,
}  # fmt: skip


def run_script(*words: str) -> str:
    command = [sys.executable, str(SCRIPT), *words]
    done = subprocess.run(
        command, cwd=Path(words[1]).parent, env=program_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def potential(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frozen; it knows an element more than the study, in another order."""
    model = tmp_path_factory.mktemp("potential") / "mine.pb"
    run_script("train", str(model), *TYPE_MAP)
    return model


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    return file


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are taken for potentials of the type map, whatever is in them."""
    monkeypatch.setattr(given_potential, "_type_map", lambda model: TYPE_MAP)


def by_hand(tmp_path: Path, root: Path) -> None:
    """A folder of the scan is a whole input of LAMMPS, also of a copy, whoever made it."""
    shutil.copytree(root, tmp_path / "copied", symlinks=True)
    directory = tmp_path / "copied" / "scan" / "interface" / "warm" / "seed-1"
    done = subprocess.run(
        ["sh", "command.sh"], cwd=directory, env=program_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert len((directory / "thermo.csv").read_text().splitlines()) == 1 + 11
    assert (directory / "final.data").is_file()


def statuses(root: Path) -> dict[str, str]:
    return {state.stage: state.status for state in run_status(root)}


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(words)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out + captured.err


def test_a_potential_alone_leads_from_the_study_to_the_report(
    potential: Path,
    study_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    root = Path("../runs/given")
    assert main(["scan", "init", "../given.yaml", "--model", str(potential), "--out", str(root)]) == 0
    given = dict.fromkeys(("data", "campaign", "train", "validate"), "not needed")
    ahead = dict.fromkeys(("scan", "analyze", "report"), "to do")
    assert statuses(root) == given | {"build": "done"} | ahead
    assert tuple(json.loads((root / "model" / "given.json").read_text())["type_map"]) == TYPE_MAP
    code, text = said(["analyze", "all", str(root)], capsys)
    assert code == 2
    assert "scan collect ../runs/given" in text
    monkeypatch.chdir(tmp_path)
    root = Path("runs/given")
    by_hand(tmp_path, root)
    for words in (["scan", "submit"], ["scan", "collect"], ["analyze", "all"], ["report"]):
        assert main([*words, str(root)]) == 0
    assert statuses(root) == given | dict.fromkeys(("build", "scan", "analyze", "report"), "done")
    results = json.loads((root / "report" / "results.json").read_text())
    assert list(results["runs"]) == ["interface/warm/seed-1"]
    assert (results["campaign"], results["validation"]) == (None, None)
    page = (root / "report" / "index.html").read_text()
    assert "The potential was given, so that there is no campaign." in page
    assert "The potential was given: mine.pb" in page
    assert "how large its errors are on this interface, is not known here" in page
    assert "surrogate" not in page.partition("The study file")[0]
    capsys.readouterr()
    code, text = said(["run", str(study_file), "--out", str(root)], capsys)
    assert code == 0
    assert text.count("finished before") == 4
    code, text = said(["run", str(root / "study.yaml"), "--out", str(root), "--dry-run"], capsys)
    assert code == 0
    plan = [line.split()[:3] for line in text.partition("\n\n")[0].splitlines()]
    assert [words[0] for words in plan] == ["build", "build", "build", "scan", "analyze", "report"]
    assert {words[1] for words in plan} == {"kept"}

    # LAMMPS gives each atom the network of its element, though the study has other elements in another order.
    directory = root / "scan" / "interface" / "warm" / "seed-1"
    found = open_trajectory(directory / "traj.dcd", layers=directory / "layers.json", frame_interval_ps=0.005)
    frames = next(found.chunks(1))
    write(tmp_path / "first.xyz", Atoms(found.symbols, positions=frames.positions[0], cell=frames.cells[0], pbc=True))
    (line,) = [
        line
        for line in run_script("energy", str(potential), str(tmp_path / "first.xyz")).splitlines()
        if "energy:" in line
    ]
    first = (directory / "thermo.csv").read_text().splitlines()[1].split(",")
    np.testing.assert_allclose(float(first[4]), float(line.split()[1]), rtol=1e-5, atol=0)


def test_a_potential_that_fails_a_gate_moves_no_run_unless_told(
    potential: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has seen noise: one in a thousand such networks is a solid."""
    study_file, root = tmp_path / "given.yaml", tmp_path / "run"
    study_file.write_text(yaml.safe_dump(STUDY | {"gates": SHORT_GATES}))
    code, text = said(["gates", str(study_file), "--model", str(potential), "--out", str(root)], capsys)
    assert code == 2
    assert "pairs        FAILED" in text
    assert "structures to label: " in text
    verdict = read_book(GatesVerdict, root / "validation" / GATES_FILE)
    assert [result.gate for result in verdict.results] == list(GATES)
    assert set(verdict.structures) == {"bulk-base", "bulk-electrolyte", "interface"}
    assert verdict.model_sha256 == file_hash(potential)
    by_name = {result.gate: result for result in verdict.results}
    # A frozen network has one energy, in LAMMPS and in Python, and it is extensive, whatever it was trained on.
    assert by_name["compiled"].passed
    assert len(by_name["compiled"].checks) == 6
    assert by_name["extensivity"].passed
    assert {frozenset(check.what.split("-")) for check in by_name["pairs"].checks} == {
        frozenset(pair)
        for pair in itertools.combinations_with_replacement(STUDY["elements"], 2)  # type: ignore[call-overload]
    }
    repaired = next(check for check in by_name["pairs"].failed if check.repair)
    images = read(root / "validation" / repaired.repair, index=":")
    assert len(images) == 8

    code, text = said(["scan", "submit", str(root)], capsys)
    assert code == 2
    assert "is not fit for production: " in text
    assert "safety gates failed: 'pairs': " in text
    assert f"({by_name['pairs'].failed[0].side} {by_name['pairs'].failed[0].bound:g})" in text
    assert "--despite-gates" in text
    assert not (root / "scan" / "index.json").exists()

    before = (root / "validation" / "gates" / "static" / "findings.json").stat().st_mtime_ns
    assert main(["scan", "submit", str(root), "--despite-gates"]) == 0
    assert (root / "validation" / "gates" / "static" / "findings.json").stat().st_mtime_ns == before
    assert main(["analyze", "all", str(root)]) == 0
    assert main(["report", str(root)]) == 0
    page = (root / "report" / "index.html").read_text()
    assert "The model fails the safety gate" in page
    assert "the scan was run all the same" in page
    assert "gates.min_pair_wall_ev" in page
    assert json.loads((root / "report" / "results.json").read_text())["gates"]["compiled"] is True

    # Bounds that judge what was measured are moved without measuring it again.
    loose = {quantity.setting: 1e3 if quantity.side == "at most" else -100 for quantity in QUANTITIES.values()}
    allowed = {name: 1 if "volume" in name else value for name, value in loose.items() if name in BOUNDS_ALONE}
    allowed |= {"min_compression_pressure_bar": 1e-6, "min_contact_share": 1e-6, "max_pair_hole_ev": 100}
    allowed |= {"max_pair_fall_ev": 100, "max_collapse_ev_per_atom": 100}
    study_file.write_text(yaml.safe_dump(STUDY | {"gates": SHORT_GATES | allowed}))
    (root / "study.yaml").write_text(study_file.read_text())
    said(["gates", str(root)], capsys)
    again = read_book(GatesVerdict, root / "validation" / GATES_FILE)
    assert (root / "validation" / "gates" / "static" / "findings.json").stat().st_mtime_ns == before
    assert len(again.failed) < len(verdict.failed)
    assert [[check.value for check in result.checks] for result in again.results] == [
        [check.value for check in result.checks] for result in verdict.results
    ]


@pytest.mark.usefixtures("known")
def test_gates_want_a_run_folder_or_a_study_with_a_model(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([str(study_file)], [str(tmp_path), "--out", str(tmp_path / "run")]):
        code, text = said(["gates", *words], capsys)
        assert code == 2
        assert "give a run folder, or a study file with --model" in text
    (tmp_path / "mine.pb").write_text("graph")
    initialise_scan(study_file, tmp_path / "run", tmp_path / "mine.pb")
    code, text = said(["gates", str(tmp_path / "run")], capsys)
    # The study asks for none.
    assert code == 0
    assert "no gate was asked for" in text


def test_a_file_that_is_no_frozen_model_is_refused(study_file: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.pb").write_bytes(b"no graph")
    with pytest.raises(
        InputFileError, match=r"--model: DeePMD-kit cannot read .*noise.pb as a model of its TensorFlow backend"
    ):
        initialise_scan(study_file, tmp_path / "run", tmp_path / "noise.pb")


@pytest.mark.usefixtures("known")
def test_a_potential_that_lacks_an_element_is_refused_before_anything_is_built(
    study_file: Path, tmp_path: Path
) -> None:
    study_file.write_text(yaml.safe_dump(STUDY | {"elements": ["Li", "F", "S", "P", "O"]}))
    (tmp_path / "mine.pb").write_text("graph")
    with pytest.raises(InputFileError, match=r"knows F, Cl, Li, S, but not P, O of the study's `elements`"):
        initialise_scan(study_file, tmp_path / "run", tmp_path / "mine.pb")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("known")
def test_other_files_for_a_potential_are_refused(study_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"--model: there is no file .*none.pb"):
        initialise_scan(study_file, tmp_path / "run", tmp_path / "none.pb")
    (tmp_path / "mine.pt2").write_text("graph")
    with pytest.raises(InputFileError, match=r"mine.pt2 does not end in .pb \(TensorFlow\) or .pth \(PyTorch\)"):
        initialise_scan(study_file, tmp_path / "run", tmp_path / "mine.pt2")


@pytest.mark.usefixtures("known")
def test_a_folder_keeps_the_potential_it_was_given(study_file: Path, tmp_path: Path) -> None:
    root, model = tmp_path / "run", tmp_path / "mine.pb"
    model.write_text("graph")
    initialise_scan(study_file, root, model)
    initialise_scan(study_file, root, model)
    before = (root / "model" / "model.pb").read_bytes()
    model.write_text("another graph")
    with pytest.raises(InputFileError, match=r"is another model than mine.pb; give another --out folder"):
        initialise_scan(study_file, root, model)
    assert (root / "model" / "model.pb").read_bytes() == before
    for stage in ("data", "train", "validate"):
        with pytest.raises(InputFileError, match=rf"has no stage '{stage}', since its potential was given"):
            run_study(study_file, root, until=stage)
    with pytest.raises(InputFileError, match="has no stage 'validate'"):
        run_single_stage(root, "validate")


@pytest.mark.usefixtures("known")
def test_a_folder_with_a_potential_of_its_own_takes_none(study_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.pb").write_text("graph")
    with recorded(tmp_path / "run" / "campaign", "campaign", ""):
        pass
    with pytest.raises(InputFileError, match=r"makes a potential of its own \(it has the stage 'campaign'\)"):
        initialise_scan(study_file, tmp_path / "run", tmp_path / "mine.pb")


def test_submit_before_anything_was_built_is_a_sentence(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "run"
    root.mkdir()
    code, text = said(["scan", "submit", str(root)], capsys)
    assert code == 2
    assert "is no run folder" in text
    (root / "study.yaml").write_text(study_file.read_text())
    code, text = said(["scan", "submit", str(root)], capsys)
    assert code == 2
    assert "The stage 'build' of" in text
    code, text = said(["scan", "collect", str(root)], capsys)
    assert code == 2
    assert "`mlip-interfaces scan init`, or `run`, prepares the runs" in text
    run_study(study_file, root, until="build")
    code, text = said(["scan", "submit", str(root)], capsys)
    assert code == 2
    assert "The stage 'data' of" in text
    assert "or `scan init` with a potential that you have" in text


def test_a_scan_with_a_given_potential_depends_on_it_and_on_nothing_about_its_making(
    study_file: Path, tmp_path: Path
) -> None:
    given = GivenModel("mine.pb", "0" * 64, 1, TYPE_MAP)
    study = load_study(study_file)

    def hashes(sections: dict[str, object], potential: GivenModel = given) -> dict[str, str]:
        write_json(tmp_path / "model" / "given.json", potential.to_json())
        return StudyHashes(Study.model_validate(study.model_dump(mode="json") | sections)).stages(tmp_path)

    (tmp_path / "model").mkdir()

    assert list(hashes({})) == ["build", "scan", "analyze", "report"]
    assert hashes({"labels": {"calculator": "tblite"}, "training": {"steps": 5}}) == hashes({})
    assert hashes({}, replace(given, file="other name.pb")) == hashes({})
    other = hashes({}, replace(given, sha256="1" * 64))
    assert [name for name in other if other[name] != hashes({})[name]] == ["scan", "analyze", "report"]
    hot = hashes({"protocols": {"hot": STUDY["protocols"]["warm"]}})  # type: ignore[index]
    assert [name for name in hot if hot[name] != hashes({})[name]] == ["scan", "analyze", "report"]


@pytest.mark.usefixtures("known")
def test_an_edited_study_is_noticed_in_a_folder_with_a_given_potential(study_file: Path, tmp_path: Path) -> None:
    root, model = tmp_path / "run", tmp_path / "mine.pb"
    model.write_text("graph")
    initialise_scan(study_file, root, model)
    study_file.write_text(yaml.safe_dump(STUDY | {"seed": 2}))
    assert not (root / "aside").exists()
    initialise_scan(study_file, root, model)
    manifest = read_manifest(root / "structures")
    assert manifest is not None
    assert manifest.input_hash == StudyHashes(load_study(study_file)).stages(root)["build"]
