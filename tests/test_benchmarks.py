"""The benchmarks run: their options, one small row, and what they make before they measure."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlip_interfaces.analysis.diffusion import diffusivity
from mlip_interfaces.config import load_study
from mlip_interfaces.errors import ProgramError
from mlip_interfaces.run.stages import run_status
from mlip_interfaces.shipped_files import study_file
from mlip_interfaces.trajectory import open_trajectory

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A script as a module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module(request.param)


@pytest.mark.parametrize(
    "name",
    [
        "analysis_peers",
        "backends",
        "cli_speed",
        "diffusion_coverage",
        "gates",
        "gpu",
        "interphase_coverage",
        "interphase_scale",
        "label_efficiency",
        "production_sizes",
        "training_recipes",
    ],
)
def test_script_tells_its_options(name: str) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: {name}.py" in done.stdout


@pytest.mark.parametrize("script", ["interphase_coverage"], indirect=True)
def test_every_case_of_coverage_counts_its_intervals(script: ModuleType) -> None:
    for case in script.CASES:
        rows = script.counted(case, 3)
        assert all(0 <= row["held"] <= row["n_replicas"] == 3 for row in rows)
        # One miss in twenty: three misses of three would be a truth that is not the planted one.
        assert all(row["held"] > 0 for row in rows)


@pytest.mark.parametrize("script", ["analysis_peers"], indirect=True)
def test_peers_are_compared_with_ours(script: ModuleType) -> None:
    own = {"bare reading", "everything", "1,000 frames", "250 frames"}
    for task, entries in script.TASKS.items():
        first, *others = entries
        assert first.startswith("ours") or all(
            any(name.startswith(word) for word in own) for name in [first, *others]
        ), task
    assert set(script.DUMPS) <= set(script.TASKS)


@pytest.mark.parametrize("script", ["analysis_peers"], indirect=True)
def test_only_the_dumps_of_the_chosen_tasks_are_made(script: ModuleType, tmp_path: Path) -> None:
    script.make_dumps(tmp_path, ["tetrahedral order, 40 frames"])
    assert list(tmp_path.iterdir()) == []


def test_one_row_of_the_table_ends_in_json(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    command = [sys.executable, str(FOLDER / "analysis_peers.py")]
    done = subprocess.run(
        [*command, "--only", "tetrahedral", "--who", "ours", "--json", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(file.read_text())
    assert {"date", "machine", "versions", "rows"} <= set(content)
    (row,) = content["rows"]
    assert (row["task"], row["who"]) == ("tetrahedral order, 40 frames", "ours")
    assert row["cpu_seconds"] > 0
    assert row["cpu_ratio"] == row["wall_ratio"] == 1.0


@pytest.mark.parametrize("script", ["production_sizes"], indirect=True)
def test_stack_of_production_size_has_the_crystals_density_and_its_layers(script: ModuleType, tmp_path: Path) -> None:
    symbols, layers, sites, edges = script.stack(16000)
    assert abs(symbols.size - 16000) < 0.05 * 16000
    names = ("cathode", "coating", "electrolyte")
    bottoms = [*(sites[layers == name, 2].min() for name in names), edges[2]]
    assert bottoms == sorted(bottoms)
    # Atoms per angstrom^3 of LiCoO2 (R-3m), LiF and Li6PS5Cl, by their cells.
    for name, density, height in zip(names, (0.1244, 0.1222, 0.0542), np.diff(bottoms), strict=True):
        np.testing.assert_allclose((layers == name).sum() / (edges[0] * edges[1] * height), density, rtol=0.03, atol=0)
    n_atoms = script.make_trajectory(tmp_path, 800, 4)
    reader = script.opened(tmp_path, "traj.dcd")
    assert (reader.n_atoms, reader.count_frames()) == (n_atoms, 4)
    work = script.works(script.STUDY, 1)
    assert set(work) >= {*script.READERS, "rdf alone", "chemistry alone", script.ALL, script.STAGE}
    assert work["MDAnalysis' DCD reader"](tmp_path, "traj.dcd") > 0.0
    assert work["paths of ours"](tmp_path, "traj.dcd") == 4
    assert len(work["profile alone"](tmp_path, "traj.dcd")) == 1


@pytest.mark.parametrize("script", ["interphase_scale"], indirect=True)
def test_stack_of_an_interphase_is_measured(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "SIDE_ANGSTROM", 18.0)
    monkeypatch.setattr(script, "HEIGHT_ANGSTROM", 80.0)
    n_atoms = script.make_trajectory(tmp_path, 1, 3)
    found = script.measured("phases", tmp_path, 1)
    assert found["memory_mb"] > 0.0
    assert not found["absent"]
    phases = json.loads((tmp_path / "results" / "phases.json").read_text())
    assert [layer["phase"] for layer in phases["layers"]][:3] == ["Li", "Li2S", "Li3P"]
    assert len(phases["atom_phases"]) == n_atoms


@pytest.mark.parametrize("script", ["cli_speed"], indirect=True)
def test_command_line_is_measured_on_a_trajectory_and_a_finished_run(script: ModuleType, tmp_path: Path) -> None:
    calls = script.commands(tmp_path, None)
    assert [name for name in calls if "rdf" in name or "status" in name] == ["status DIR", "analyze rdf FILE --json"]
    reader = open_trajectory(tmp_path / "walk.lammpstrj", frame_interval_ps=0.1)
    shapes = [chunk.positions.shape for chunk in reader.chunks()]
    assert (sum(shape[0] for shape in shapes), shapes[0][1]) == (151, 304)
    assert {state.status for state in run_status(tmp_path / "run")} == {"done"}
    (row,) = script.measure({"nothing": [sys.executable, "-c", "pass"]}, 2)
    assert 0 < row["minimum_seconds"] <= row["median_seconds"]
    with pytest.raises(SystemExit, match="exit status 3"):
        script.measure({"fails": [sys.executable, "-c", "raise SystemExit(3)"]}, 1)


def gpu_bench(script: ModuleType, folder: Path, **options: Any) -> Any:
    study = load_study(study_file("demo.yaml"))
    defaults = {
        "steps": 20,
        "seconds": 1.0,
        "sizes": (896,),
        "budget_seconds": 100.0,
        "on_change": lambda content: None,
    }
    return script.Bench(folder, study, **(defaults | options))


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
def test_gpu_benchmark_trains_on_labels_of_its_own_with_the_inputs_of_the_product(
    script: ModuleType, tmp_path: Path
) -> None:
    bench = gpu_bench(script, tmp_path)
    script.make_data(bench)
    force = np.load(tmp_path / "data" / "set.000" / "force.npy")
    assert force.shape == (script.N_FRAMES, 3 * 326)
    assert 0.3 < force.std() < 3
    for kind, precision in (("se_e2_a", "float32"), ("se_atten_v2", "float64"), ("dpa3", "float32")):
        model = script.Model("pytorch", kind, precision)
        section = script.write_input(bench, model, tmp_path / kind, steps=20, batch_size=3)
        content = json.loads((tmp_path / kind / "input.json").read_text())
        assert content["model"] == section
        assert (section["descriptor"]["type"], section["descriptor"]["precision"]) == (kind, precision)
        assert content["training"]["training_data"]["batch_size"] == 3
        if kind != "dpa3":
            assert section["descriptor"]["neuron"] == list(bench.study.training.embedding_neurons)


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
def test_toy_forces_and_virial_are_derivatives_of_its_energy(script: ModuleType) -> None:
    atoms = script.structure("training_cell", ("Li", "Co", "O", "F", "P", "S", "Cl"))
    contact, step = script.contacts(atoms), 1e-4
    _, forces, virial = script.toy_labels(atoms, contact)
    energies = []
    for sign in (1, -1):
        moved, strained = atoms.copy(), atoms.copy()
        moved.positions[17, 2] += sign * step
        strained.set_cell(atoms.cell.array * [1, 1, 1 + sign * step], scale_atoms=True)
        energies.append([script.toy_labels(other, contact)[0] for other in (moved, strained)])
    force, stress = (energies[1][place] - energies[0][place] for place in (0, 1))
    np.testing.assert_allclose([force / (2 * step), stress / (2 * step)], [forces[17, 2], virial[2, 2]], rtol=1e-5)


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
def test_interface_is_repeated_to_the_sizes_of_production(script: ModuleType) -> None:
    elements = ("Li", "Co", "O", "F", "P", "S", "Cl")
    for asked in (896, 3584, 32256):
        made = script.repeated(asked, elements)
        assert len(made) == asked
        a, b, c = made.cell.lengths()
        assert 0.6 < a / b < 1.6
        assert c == pytest.approx(77.23, rel=1e-3, abs=0)


@pytest.mark.parametrize("script", ["gpu"], indirect=True)
def test_case_without_time_or_with_a_failure_is_named_and_the_figure_is_drawn_from_what_there_is(
    script: ModuleType, tmp_path: Path
) -> None:
    kept: list[dict[str, Any]] = []
    bench = gpu_bench(script, tmp_path, budget_seconds=10.0, on_change=kept.append)
    assert not bench.case("too long", lambda: None)

    def fail() -> None:
        raise ProgramError("'dp' failed.\nThe GPU's memory is used up.")

    assert not bench.case("fails", fail, seconds=0.0)
    assert bench.case("runs", lambda: None, seconds=0.0)
    row = {"model": "pytorch se_e2_a float64", "on_gpu": False, "gpu_memory_mb": 0, "host_memory_mb": 900}
    speed = {"microseconds_per_atom_and_step": 12.0, "ns_per_day_at_1_fs": 0.4}
    for atoms in (1792, 896):
        bench.keep("md", {**row, **speed, "compressed": True, "atoms": atoms})
    bench.keep("batches", {**row, "frames": 1, "steps_per_second": 3.0})
    bench.keep("training", {**row, "steps_per_second": 3.0})
    bench.keep("packed", {**row, "runs": 2, "mps": False, "atom_steps_per_second_together": 9e4})
    assert [entry["case"] for entry in kept[-1]["skipped"]] == ["too long", "fails"]
    assert kept[-1]["skipped"][1]["reason"] == "'dp' failed. The GPU's memory is used up."
    assert kept[-1]["device"] == "CPU: no GPU is seen"
    script.draw({**kept[-1], "date": "2026-11-28T00:00:00"}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 20_000


def write_pieces(folder: Path, positions: np.ndarray, symbols: dict[str, int], lengths: list[int]) -> None:
    """A run in a cubic cell of 12 angstrom as XDATCARs that follow one another."""
    head = f"run\n12.0\n1 0 0\n0 1 0\n0 0 1\n{' '.join(symbols)}\n{' '.join(map(str, symbols.values()))}\n"
    ends = np.cumsum(lengths)
    for number, (start, end) in enumerate(zip(ends - lengths, ends, strict=True)):
        frames = [
            f"Direct configuration= {place + 1}\n" + "".join(f"{x:.8f} {y:.8f} {z:.8f}\n" for x, y, z in frame)
            for place, frame in enumerate(positions[start:end] / 12.0 % 1.0)
        ]
        # Ten comes after nine.
        (folder / f"made_run{number + 9}.XDATCAR").write_text(head + "".join(frames))


@pytest.mark.parametrize("script", ["diffusion_coverage"], indirect=True)
def test_short_runs_are_judged_by_the_long_run_that_they_are_pieces_of(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # 0.05 angstrom^2/ps through the boundaries of the cell, of two files and of a frame that flows: 5e-6 cm^2/s.
    rng = np.random.default_rng(5)
    path = rng.random((1, 44, 3)) * 12.0 + 0.1 * np.arange(200)[:, None, None]
    path[:, :40] += np.cumsum(rng.normal(0.0, np.sqrt(2 * 0.05), (200, 40, 3)), axis=0)
    write_pieces(tmp_path, path, {"Li": 40, "S": 4}, [120, 80])
    file = tmp_path / "table.json"
    options = f"--data {tmp_path} --frame-interval-ps 1 --drift S --long-lags-ps 5 20 --repeats 1 --json {file}"
    monkeypatch.setattr(sys, "argv", ["diffusion_coverage.py", *options.split()])
    script.main()
    printed = capsys.readouterr().out
    content = json.loads(file.read_text())
    assert {"date", "machine", "versions", "settings"} <= set(content)
    assert [(row["file"], row["length_ps"]) for row in content["rows"]] == [("made_run9", 120.0), ("made_run10", 80.0)]
    for row in content["rows"]:
        truth, error = row["long_run_cm2_per_s"], row["long_run_error_cm2_per_s"]
        assert abs(truth - 5e-6) < 4 * error < 3e-6
        assert row["file"] in printed
        assert set(row["estimates"]) == {"ours", "line", "kinisi"}
        for found in row["estimates"].values():
            # Four standard errors of a piece.
            width = found["high_cm2_per_s"] - found["low_cm2_per_s"]
            assert abs(found["value_cm2_per_s"] - 5e-6) < width < 1e-5
    for entry in content["summary"]:
        rows = content["rows"][: entry["n_runs"]]
        inside = [
            row["estimates"][entry["method"]]["low_cm2_per_s"]
            <= row["long_run_cm2_per_s"]
            <= row["estimates"][entry["method"]]["high_cm2_per_s"]
            for row in rows
        ]
        assert entry["n_runs"] == (1 if entry["runs"] == "120 ps" else 2)
        assert entry["covered"] == sum(inside) <= entry["near"]
    assert [row["motion"] for row in content["motions"]] == list(script.MOTIONS)


@pytest.mark.parametrize("script", ["diffusion_coverage"], indirect=True)
def test_files_that_are_not_pieces_of_one_run_are_refused(script: ModuleType, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    path = rng.random((1, 20, 3)) * 12.0 + np.cumsum(rng.normal(0.0, 0.1, (60, 20, 3)), axis=0)
    path[30:] += rng.normal(0.0, 0.5, (20, 3))
    write_pieces(tmp_path, path, {"Li": 16, "S": 4}, [30, 30])
    question = script.Question(1.0, "Li", "S", (5.0, 20.0), 2.0, 0)
    (files,) = script.pieces_of_runs(tmp_path).values()
    with pytest.raises(SystemExit, match=r"made_run10\.XDATCAR does not go on where made_run9\.XDATCAR ends"):
        script.rows_of_run(files, question)
    with pytest.raises(SystemExit, match="do not fit a run of 30 ps"):
        script.rows_of_run(files[:1], question)


@pytest.mark.parametrize("script", ["diffusion_coverage"], indirect=True)
@pytest.mark.parametrize("in_the_middle", [1.0, 1.6])
def test_line_has_the_interval_of_the_product_where_that_believes_it(script: ModuleType, in_the_middle: float) -> None:
    # Walkers that hurry in the middle of the run: blocks in time scatter more than atoms do, and its halves are alike.
    steps = np.random.default_rng(8).normal(0.0, 0.5, (2000, 30, 3))
    steps[500:1500] *= in_the_middle
    found = diffusivity(np.cumsum(steps, axis=0), 1.0)
    assert found.diffusive
    by_blocks = found.error_blocks_cm2_per_s > 2 * found.error_bootstrap_cm2_per_s
    assert by_blocks == (in_the_middle > 1.0)
    straight = script.line(found, 2000, 1.0)
    interval = (straight.low_cm2_per_s, straight.high_cm2_per_s)
    np.testing.assert_allclose(interval, found.confidence_95_cm2_per_s, rtol=1e-9, atol=0)


@pytest.mark.parametrize("script", ["diffusion_coverage"], indirect=True)
def test_made_up_motions_are_what_they_say(script: ModuleType) -> None:
    rng = np.random.default_rng(9)
    cage = script.caged(rng, 60, 4000, 20.0, 1.2)
    # Stationary from the first frame on, and forgotten within 20 frames: six sigma of 12,000 coordinates.
    np.testing.assert_allclose([cage[0].var(), cage[-1].var()], 1.2**2, rtol=6 * np.sqrt(2 / 12000), atol=0)
    np.testing.assert_allclose((cage[0] * cage[20]).mean(), 1.2**2 / np.e, rtol=0.15, atol=0)
    np.testing.assert_allclose(script.walk(rng, 100, 4000, 0.05)[-1].var(), 2 * 0.05 * 100, rtol=0.08, atol=0)
    # Variance 2 D t; jumps of an atom share their time in all directions.
    np.testing.assert_allclose(
        script.jumps(rng, 1000, 4000, 0.01, 1.5)[-1].var(), 0.01 * 1.5**2 * 1000, rtol=0.15, atol=0
    )
    row = script.known_motion("cages as long as the run", 5, 0)
    np.testing.assert_allclose(row["true_cm2_per_s"], 5e-7, rtol=1e-12, atol=0)
    assert row["covered"] >= 4
    assert row["line_covered"] <= 1
    assert row["median_width_over_line"] > 5


@pytest.mark.parametrize("script", ["training_recipes"], indirect=True)
def test_recipes_change_what_they_say(script: ModuleType, tmp_path: Path) -> None:
    content = {
        "model": {
            "type_map": ["Li", "S"],
            "descriptor": {"rcut": 6.0, "sel": [40, 40]},
            "fitting_net": {"neuron": [8]},
        },
        "learning_rate": {"start_lr": 1e-3},
        "loss": {"start_pref_v": 5.0},
        "training": {"training_data": {"systems": ["data/bulk", "data/scrambled"]}},
    }
    made = {}
    for name, change in script.RECIPES.items():
        made[name] = json.loads(json.dumps(content))
        change(made[name], tmp_path)
    assert {made[name]["loss"]["limit_pref_e"] for name in made if name != "unchanged"} == {20.0}
    assert made["unchanged"]["loss"]["limit_pref_e"] == 1.0
    assert made["weighted"]["training"] == content["training"]
    assert made["walled"]["training"]["training_data"]["systems"] == ["data/bulk"]
    assert np.loadtxt(tmp_path / made["walled"]["model"]["use_srtab"]).shape == (600, 4)
    assert made["near"]["model"]["descriptor"] == {"rcut": 5.0, "sel": [24, 24]}
    assert made["together"]["training"] == content["training"]
    assert made["shifted"]["loss"] == made["together"]["loss"] | {
        "relative_f": 5.0,
        "start_pref_f": 25_000.0,
        "limit_pref_f": 250.0,
    }


@pytest.mark.parametrize("script", ["label_efficiency"], indirect=True)
def test_last_frames_of_each_trajectory_are_held_out(script: ModuleType) -> None:
    labels = [
        SimpleNamespace(trajectory=name, file=Path(name), line=line)
        for name, n_frames in (("md", 10), ("short", 2))
        for line in range(n_frames)
    ]
    rest, held_out = script.last_of_each_trajectory(labels, 0.3)
    assert [(label.trajectory, label.line) for label in held_out] == [("md", 7), ("md", 8), ("md", 9), ("short", 1)]
    assert len(rest) == 8


@pytest.mark.parametrize("script", ["label_efficiency"], indirect=True)
def test_labels_that_fine_tuning_needs_are_read_off_its_curve(script: ModuleType) -> None:
    n_labels = np.array([[4, 8, 16]])
    found = {
        "scratch": (n_labels, np.array([[90.0, 70.0, 50.0]])),
        "fine-tuned": (n_labels, np.array([[60.0, 40.0, 30.0]])),
    }
    assert script.needed_by(found) == {"force_rmse_mev_per_angstrom": 50.0, "scratch": 16.0, "fine-tuned": 6.0}
    worse = found | {"fine-tuned": (n_labels, np.array([[95.0, 80.0, 60.0]]))}
    assert script.needed_by(worse)["fine-tuned"] is None


@pytest.mark.parametrize("script", ["backends"], indirect=True)
def test_backends_that_differ_by_more_than_their_seeds_stand_out(script: ModuleType) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0.0, 50.0, 400)
    alike = [truth + rng.normal(0.0, 3.0, truth.size) for _ in range(8)]
    found = script.compared(script.pair_differences(alike), 4)
    # Two models scatter by the root of two of each.
    assert found["between_seeds"] == pytest.approx(3.0 * np.sqrt(2.0), rel=0.1, abs=0)
    assert found["ratio"] == pytest.approx(1.0, rel=0.1, abs=0)
    assert (found["splits"], found["share_of_splits_with_such_a_ratio"] > 0.03) == (35, True)
    shifted = [*alike[:4], *(model + 10.0 for model in alike[4:])]
    found = script.compared(script.pair_differences(shifted), 4)
    assert found["between_seeds"] == pytest.approx(3.0 * np.sqrt(2.0), rel=0.1, abs=0)
    assert found["between_backends"] == pytest.approx(np.sqrt(100.0 + 18.0), rel=0.1, abs=0)
    assert found["share_of_splits_with_such_a_ratio"] == round(1 / 35, 3)


@pytest.mark.parametrize("script", ["gates"], indirect=True)
def test_tosi_fumis_crystal_has_its_lattice_energy_and_forces_are_slopes(script: ModuleType) -> None:
    host = script.host_of("LiF", script.load_crystal("LiF"))
    places = np.repeat(host.positions[None], 3, axis=0)
    places[1:, 0, 0] += [0.01, -0.01]
    energies, forces = script.tosi_fumi()(host.symbols, places, np.repeat(host.cell[None], 3, axis=0))
    # 10.5 eV a pair: M. P. Tosi, Solid State Phys. 16, 1 (1964), table of alkali halides at room temperature.
    assert 2 * energies[0] / len(host.symbols) == pytest.approx(-10.5, rel=0.03, abs=0)
    assert np.abs(forces[0]).max() < 1e-3
    pull = np.array([forces[1, 0, 0], forces[2, 0, 0]])
    assert pull[0] < 0 < pull[1]
    np.testing.assert_allclose(energies[1:] - energies[0], 0.5 * 0.01 * np.abs(pull), rtol=0.02, atol=0)


@pytest.mark.parametrize("script", ["gates"], indirect=True)
def test_share_of_a_bound_is_one_at_the_bound_on_either_side(script: ModuleType) -> None:
    assert [script.share_of_bound(value, 0.5, "at most") for value in (0.25, 0.5, 1.0)] == [0.5, 1.0, 2.0]
    assert [script.share_of_bound(value, 2.0, "at least") for value in (4.0, 2.0, 1.0)] == [0.5, 1.0, 2.0]
    assert script.share_of_bound(-1.0, 2.0, "at least") == script.share_of_bound(None, 2.0, "at most") == np.inf
    assert [script.share_of_bound(value, 0.0, "at least") for value in (1.0, -1.0)] == [0.0, np.inf]


def test_gpu_benchmark_begins_with_the_packages_that_its_page_names(repository: Path) -> None:
    """Everything that is not of Python, of them or of the engines' own wheels is refused, as where it is not installed."""
    page = (repository / "docs" / "howto" / "gpus.md").read_text()
    named = page.partition("```text\n")[2].partition("\n```")[0].split()
    words = [word.lower().replace("-", "_") for word in [*named, "numpy", "scipy", "ase", "mlip_interfaces"]]
    modules = [{"pyyaml": "yaml"}.get(word, word) for word in words]
    assert {"pydantic", "yaml", "lazy_loader"} <= set(modules)
    probe = (
        "import sys\n"
        f"allowed = {{*sys.stdlib_module_names, *{modules}, 'gpu', 'record', '_yaml'}}\n"
        "class Refuse:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name.partition('.')[0] not in allowed and not name.startswith('_sysconfigdata'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Refuse)\n"
        f"sys.path.insert(0, {str(FOLDER)!r})\n"
        "import gpu\n"
        "study = gpu.load_study(gpu.study_file('lco_lif_lpscl.yaml'))\n"
        "counted = gpu.neighbors_kept(study, [gpu.structure('interface', study.elements)], [])\n"
        "assert len(gpu.asked_model(study, counted, seed=1)['descriptor']['sel']) == len(study.elements)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
