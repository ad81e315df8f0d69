"""Phases and growth of planted trajectories: names, layers in order, balance, thickness, laws, the command line, refusals."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import planted_interphase as planted
import pytest
from ase import Atoms
from ase.io import write
from made_trajectories import column, content, found, rows, trajectory
from MDAnalysis.lib.formats.libdcd import DCDFile

import mlip_interfaces as mi
from mlip_interfaces.analysis.phase_history import PhaseMap
from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.phases import history_of

GROWN = np.concatenate([[0.0, 0.0], 28.0 * np.minimum(np.linspace(0.02, 1.0, 38), 0.6) ** 0.5])
"""Thickness of a growth that is arrested at three fifths of the run, angstrom."""


@pytest.fixture(scope="module")
def stack() -> mi.Phases:
    symbols, places, cell, planes = planted.four_layers()
    reader = trajectory(planted.shaken(places, 3), cell, symbols.tolist(), interval_ps=2.0)
    return found(reader, mi.Phases()), symbols, planes


@pytest.fixture(scope="module")
def grown() -> mi.TrajectoryReader:
    symbols, frames, cell = planted.growing(GROWN, across=3, n_blocks=8)
    noise = np.random.default_rng(3).normal(0.0, 0.05, frames.shape)
    return trajectory(frames + noise, cell, symbols.tolist(), interval_ps=5.0)


def test_planted_layers_come_out_in_order_within_an_angstrom(stack: tuple) -> None:
    result, _, planes = stack
    layers = [set(layer.phase.split(" + ")) for layer in result.layers]
    assert layers == [{"Li"}, {"Li3P", "LixP"}, {"Li2S"}, {"LixP", "Li2S"}, {"Li7P3S11"}]
    thickness = [layer.thickness_angstrom for layer in result.layers]
    np.testing.assert_allclose(thickness, np.diff(planes), rtol=0, atol=1.0)


@pytest.mark.parametrize(
    "order",
    [
        ("Li", "Li2S", "Li3P", "LixP", "Li7P3S11"), ("Li2S", "Li", "Li7P3S11", "Li3P", "LixP"),
        ("Li3P", "Li2S", "LixP", "Li", "Li7P3S11"), ("Li3P", "LixP", "Li", "Li2S", "Li7P3S11"),
    ],
)  # fmt: skip
def test_layers_come_out_in_any_order(order: tuple[str, ...]) -> None:
    of = {"Li": (planted.LITHIUM, 5), "Li2S": (planted.LI2S, 3), "Li3P": (planted.LI3P, 3), "LixP": (planted.LIXP, 3)}
    of["Li7P3S11"] = planted.li7p3s11(4, 1), 1
    symbols, places, cell, planes = planted.stacked([(planted.only(of[name][0]), of[name][1]) for name in order])
    result = found(trajectory(planted.shaken(places, 2, seed=5), cell, symbols.tolist()), mi.Phases())
    # Units at a plane of LixP lose S to it, and are a thin layer of PSx.
    layers = [layer for layer in result.layers if "PSx" not in layer.phase]
    assert [layer.phase for layer in layers] == list(order)
    thickness = np.array([layer.thickness_angstrom for layer in result.layers])
    if len(layers) == len(result.layers):
        np.testing.assert_allclose(thickness, np.diff(planes), rtol=0, atol=1.0)


@pytest.mark.parametrize(("axis", "order"), [("a", (2, 0, 1)), ("b", (1, 2, 0))])
def test_stack_along_another_vector_is_told_and_found_there(axis: str, order: tuple[int, ...], stack: tuple) -> None:
    along_c, _, _ = stack
    symbols, places, cell, _ = planted.four_layers()
    turned = list(order)
    reader = trajectory(
        planted.shaken(places, 3)[:, :, turned], cell[np.ix_(turned, turned)], symbols.tolist(), interval_ps=2.0
    )
    asked = mi.analyze(reader, [mi.Phases()], drift="none")
    assert any(f"The phases lie in layers along {axis} and not along c" in note for note in asked.notes)
    results = mi.analyze(reader, [mi.Phases(axis=axis)], drift="none")
    assert not any("lie in layers along" in note for note in results.notes)
    found_there = results["phases"]
    assert [layer.phase for layer in found_there.layers] == [layer.phase for layer in along_c.layers]
    np.testing.assert_allclose(
        [layer.thickness_angstrom for layer in found_there.layers],
        [layer.thickness_angstrom for layer in along_c.layers], rtol=0, atol=0.6,
    )  # fmt: skip


def test_atoms_of_known_elements_without_a_phase_are_told() -> None:
    symbols = ["Li"] * 8 + ["S"] * 2
    places = np.concatenate(
        [np.random.default_rng(0).random((8, 3)) + [0, 0, 0.0], [[6.0, 6.0, 6.0], [6.0, 6.0, 14.0]]]
    )
    reader = trajectory(np.array([places, places]), np.eye(3) * 20.0, symbols)
    notes = mi.analyze(reader, [mi.Phases()], drift="none").notes
    assert any("though rules know their elements" in note and "S 2" in note for note in notes)


def test_every_species_balances_in_every_frame(stack: tuple) -> None:
    result, symbols, _ = stack
    numbers = {element: int(np.sum(symbols == element)) for element in result.elements}
    for one in result.maps:
        assert dict(zip(result.elements, one.counts.sum(axis=0).tolist(), strict=True)) == numbers
        assert one.slices.sum() == len(symbols)
    text = content(result)
    assert len(text["atom_phases"]) == len(symbols)
    assert len(text["atom_confidence"]) == len(symbols)
    trust = np.array(text["atom_confidence"])
    for name, phase in text["phases"].items():
        own = np.array(text["atom_phases"]) == name
        np.testing.assert_allclose(trust[own].mean(), phase["confidence"], rtol=0, atol=6e-4)
        assert phase["n_atoms"] == text["atom_phases"].count(name) == sum(phase["elements"].values())
        assert 0.0 <= phase["confidence"] <= 1.0
    np.testing.assert_allclose(sum(phase["fraction"] for phase in text["phases"].values()), 1.0, rtol=1e-12, atol=0)


def test_units_and_zintl_count_of_the_stack(stack: tuple) -> None:
    result, symbols, _ = stack
    units = content(result)["units"]
    assert abs(units["PS4"] - units["P2S7"]) <= 0.15 * units["PS4"]
    assert 1.9 < content(result)["zintl_x"] < 3.0


def test_tables_say_the_same(stack: tuple) -> None:
    result, symbols, _ = stack
    against_time, against_depth, both, all_of_it = (rows(result, end) for end in ("", "depth", "map", "composition"))
    assert column(all_of_it, "n_atoms").sum() == len(symbols) * len(result.maps)
    mixed = [row for row in all_of_it if 22.0 < float(row["depth_angstrom"]) < 38.0]
    assert {"Li3P", "LixP"} <= {row["phase"] for row in mixed}
    for row in both[:40]:
        there = [
            one
            for one in all_of_it
            if (one["time_ps"], one["depth_angstrom"]) == (row["time_ps"], row["depth_angstrom"])
        ]
        assert sum(int(one["n_atoms"]) for one in there) == int(row["n_atoms"])
        assert max(int(one["n_atoms"]) for one in there) == round(float(row["share"]) * int(row["n_atoms"]))
    counts = content(result)["history"]["n_atoms"]
    assert {row["phase"]: int(row["n_atoms"]) for row in against_time[-len(counts) :]} == {
        name: n[-1] for name, n in counts.items()
    }
    np.testing.assert_allclose(column(against_time, "fraction").sum(), len(result.maps), rtol=1e-4, atol=0)
    assert column(against_depth, "n_atoms").sum() == len(symbols)
    assert column(both, "n_atoms").sum() == len(symbols) * len(result.maps)
    assert {row["phase"] for row in both} <= set(counts)
    thickness = column(rows(result, "interphase"), "thickness_angstrom")
    np.testing.assert_allclose(thickness, content(result)["history"]["thickness_angstrom"], rtol=1e-5, atol=0)


def test_growth_that_is_arrested_is_told_with_its_exponent_and_time(grown: mi.TrajectoryReader) -> None:
    results = mi.analyze(grown, [mi.Phases(), mi.Growth()], drift="none")
    phases, growth = content(results["phases"]), content(results["growth"])
    np.testing.assert_allclose(growth["thickness_angstrom"], GROWN, rtol=0, atol=0.8)
    assert growth["thickness_angstrom"] == phases["history"]["thickness_angstrom"]
    assert growth["law"] == "arrest"
    assert abs(growth["exponent"] - 0.5) < 0.05 + 0.08
    assert abs(growth["arrest_ps"] - 120.0) < 0.05 * 195.0 + 5.0
    assert growth["arrest_95_ps"][0] < growth["arrest_ps"] < growth["arrest_95_ps"][1]
    assert set(growth["reactants"]) == {"Li", "electrolyte"}
    lost = phases["history"]["consumed_per_nm2"]["electrolyte"]
    assert lost[0] == 0.0
    # Sixteen atoms a block; what turned is gone from the electrolyte, but for Li between the two.
    np.testing.assert_allclose(lost[-1], GROWN[-1] / planted.CELL * 16 / (planted.CELL**2 / 100.0), rtol=0.1, atol=0)


def test_units_of_time_are_those_of_the_file(grown: mi.TrajectoryReader) -> None:
    fewer = content(found(grown, mi.Growth(every_ps=15.0)))
    assert fewer["times_ps"] == pytest.approx(np.arange(0.0, 196.0, 15.0), rel=1e-6, abs=1e-12)
    assert abs(fewer["arrest_ps"] - 120.0) < 20.0


def test_run_that_begins_as_a_crystal_and_one_that_begins_as_a_glass_are_one_interface() -> None:
    """Units of Li7P3S11 as they are; and with some S taken from one PS4 to another, so that none is a crystal's."""
    crystal = planted.li7p3s11(4, 1)
    only = planted.only
    symbols, places, cell, _ = planted.stacked([(only(planted.LITHIUM), 5), (only(crystal), 1)])
    rules = mi.Phases().phase_rules()
    as_glass = replace(rules, mixtures=tuple(rule for rule in rules.mixtures if rule.phase == "glass"))
    reader = trajectory(planted.shaken(places, 9, 0.05), cell, symbols.tolist(), interval_ps=1.0)
    one = found(reader, mi.Growth(n_bootstrap=5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mi.Growth, "phase_rules", lambda self: as_glass)
        other = found(reader, mi.Growth(n_bootstrap=5))
    both = mi.Growth(n_bootstrap=5).combined([one, other])
    assert content(both)["reactants"] == ["Li", "electrolyte"]
    assert set(content(one)["reactant_phases"]["electrolyte"]) >= {"Li7P3S11", "glass", "PS4", "P2S7", "P2S6"}


def test_units_that_no_mixture_takes_are_no_product() -> None:
    names = mi.Phases().phase_rules().phases
    slices = np.zeros((80, len(names)), dtype=np.int32)
    slices[:40, names.index("Li")] = 10
    for k, unit in enumerate(("PS4", "P2S7", "P2S6")):
        slices[40 + k :: 3, names.index(unit)] = 10
    one = PhaseMap(0.0, slices.sum(axis=0)[:, None].astype(np.int64), slices, Counter(), float("nan"), 40.0, 400.0)
    history = history_of(mi.Phases(), [one], names)
    assert history.reactants == ("Li", "electrolyte")
    np.testing.assert_allclose(history.thickness_angstrom, 0.0, rtol=0, atol=1e-9)


def test_runs_are_combined(grown: mi.TrajectoryReader) -> None:
    request = mi.Growth(n_bootstrap=30)
    one = found(grown, request)
    both = request.combined([one, one])
    assert len(content(both)["runs"]) == 2
    np.testing.assert_allclose(content(both)["thickness_angstrom"], one.thickness_angstrom, rtol=1e-12, atol=0)
    assert "mean of 2 runs" in both.lines()[0]


def test_clusters_agree_with_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    only = planted.only
    symbols, places, cell, _ = planted.stacked(
        [(only(planted.LITHIUM), 10), (only(planted.LI2S), 6), (only(planted.li7p3s11(4, 3)), 1)]
    )
    reader = trajectory(planted.shaken(places, 3), cell, symbols.tolist())
    result = found(reader, mi.Phases(method="unsupervised"))
    comparison = content(result)["comparison"]
    assert comparison["adjusted_rand_index"] >= 0.9
    assert sorted(comparison["by_rules"].values()) == ["Li", "Li2S", "Li7P3S11"]
    assert [comparison["by_rules"][layer.phase] for layer in result.layers] == ["Li", "Li2S", "Li7P3S11"]


def test_trajectory_without_a_metal_or_of_one_frame_or_too_short_is_told_in_a_sentence() -> None:
    symbols, places, cell, _ = planted.stacked([(planted.only(planted.LI2S), 3)], across=2)
    frames = planted.shaken(places, 10)
    reader = trajectory(frames, cell, symbols.tolist(), interval_ps=1.0)
    alone = found(reader, mi.Phases())
    assert content(alone)["interphase"] is None
    assert (
        "no interphase: No phase that an interphase could grow from is there at the start: its atoms are in Li2S (144)"
        in str(alone)
    )
    with pytest.raises(AnalysisError, match="No phase that an interphase could grow from"):
        found(reader, mi.Growth())
    with pytest.raises(AnalysisError, match="there is no rule for the reactant Mg|no rule for the reactant Mg"):
        found(reader, mi.Phases(reactants="Li2S,Mg"))
    with pytest.raises(AnalysisError, match="has a single frame in the time asked for"):
        found(trajectory(frames[:1], cell, symbols.tolist()), mi.Phases())
    with pytest.raises(AnalysisError, match="between two reactants, and only Li2S is there"):
        found(reader, mi.Growth(reactants="Li2S"))
    grown_symbols, grown_frames, grown_cell = planted.growing([0.0, 0.0, 0.0], across=2, n_blocks=4)
    with pytest.raises(AnalysisError, match="needs 8 times or more, and there are 3"):
        found(trajectory(grown_frames, grown_cell, grown_symbols.tolist(), interval_ps=1.0), mi.Growth())
    with pytest.raises(AnalysisError, match="No rule of phases knows Na; give rules"):
        found(trajectory(frames[:2], cell, ["Na"] * len(symbols)), mi.Phases())
    other = trajectory(frames[:2], cell, ["Mg" if symbol == "Li" else symbol for symbol in symbols])
    results = mi.analyze(other, [mi.Phases()], drift="none")
    assert any("No rule of phases knows Mg" in note for note in results.notes)
    assert content(results["phases"])["phases"]["unknown"]["n_atoms"] == len(symbols)


def test_too_few_maps_are_told_by_the_study_and_before_the_first_frame_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Windows of 2, of 10, and every tenth of 2 frames; the last frames are one map more.
    for asked, n_frames in (({}, 12), ({"average_ps": 1.0}, 60), ({"every_ps": 2.0}, 120)):
        mi.Growth(**asked).check_frames(n_frames + 1, 0.1)
        with pytest.raises(ValueError, match=f"7 maps at most, .* are in the {n_frames} frames"):
            mi.Growth(**asked).check_frames(n_frames, 0.1)
    mi.Growth(average_ps=1.0).check_frames(100, 0.1)
    with pytest.raises(
        ValueError,
        match=r"every_ps is 2: 6 maps at most, where a law of growth needs 8 \(shorten it, or run longer\), are in the 100",
    ):
        mi.Growth(every_ps=2.0).check_frames(100, 0.1)
    # Sodium has no rule, which would be told by the first thing that names anything.
    (tmp_path / "layers.json").write_text(json.dumps({"symbols": ["Na"], "layer": ["a"]}))
    with DCDFile(str(tmp_path / "traj.dcd"), "w") as file:
        file.write_header(remarks="", natoms=1, istart=0, nsavc=1, delta=1.0, is_periodic=1)
        for _ in range(20):
            file.write(xyz=np.zeros((1, 3), dtype=np.float32), box=np.array([5.0, 90, 5.0, 90, 90, 5.0]))
    words = ["analyze", "growth", str(tmp_path / "traj.dcd"), "--layers", str(tmp_path / "layers.json"), "--json"]
    assert main([*words, "--frame-interval-ps", "0.1", "--average-ps", "1"]) == 2
    said = "average_ps is 1: 3 maps at most, where a law of growth needs 8 (shorten it, or run longer), are in the 20 frames"
    assert said in capsys.readouterr().err


def test_command_line_names_phases_by_own_rules_and_fits_runs_together(
    tmp_path: Path, grown: mi.TrajectoryReader, capsys: pytest.CaptureFixture[str]
) -> None:
    run = grown.read()
    frames = [Atoms(grown.symbols, positions=p, cell=run.cells[k], pbc=True) for k, p in enumerate(run.positions)]
    write(tmp_path / "run.xyz", frames, format="extxyz")
    file = str(tmp_path / "run.xyz")
    (tmp_path / "mine.yaml").write_text(
        "mixtures:\n  - {phase: electrolyte, centers: P, units: [PS4], least: 0.5}\nreactants: [electrolyte]\n"
    )
    words = ["analyze", "phases", file, "--frame-interval-ps", "5", "--every-ps", "50"]
    assert main([*words, "--rules", str(tmp_path / "mine.yaml"), "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["phases"]["electrolyte"]["n_atoms"] > 0
    assert read["settings"]["rules_sha256"]
    assert {"phase", "from_angstrom", "to_angstrom"} <= set(read["layers"][0])
    assert len(read["atom_phases"]) == grown.n_atoms
    assert (
        main(
            [
                "analyze",
                "growth",
                file,
                file,
                "--frame-interval-ps",
                "5",
                "--n-bootstrap",
                "20",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    assert (tmp_path / "out" / "growth.png").is_file()
    read = json.loads((tmp_path / "out" / "growth.json").read_text())
    assert len(read["runs"]) == len(read["provenance"]["runs"]) == 2
    assert {"times_ps", "thickness_angstrom", "law", "exponent", "exponent_95", "arrest_ps"} <= set(read)
    assert main([*words, "--rules", str(tmp_path / "no.yaml"), "--json"]) == 2
    assert "cannot be read" in capsys.readouterr().err
    # An atom lost on the way.
    write(tmp_path / "lost.xyz", [frames[0], frames[1][:-1]], format="extxyz")
    assert main(["analyze", "phases", str(tmp_path / "lost.xyz"), "--frame-interval-ps", "1", "--json"]) == 2
    assert "atoms" in capsys.readouterr().err
