"""Regions that follow phases: planes of a planted growth, whichever way the cell drifts, and what has no such region."""

from __future__ import annotations

import numpy as np
import planted_interphase as planted
import pytest
from made_trajectories import content, found, trajectory

import mlip_interfaces as mi
from mlip_interfaces.analysis.phase_region import phase_slab
from mlip_interfaces.analysis.slab import Slab
from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import AnalysisError

N_LAYERS = (1, 2, 4, 5)
"""Of blocks that have turned, in each window of time."""
N_FRAMES = 40
"""Of a window."""
NAMES = ["Li", "Li2S", "Li7P3S11"]


@pytest.fixture(scope="module")
def grown() -> mi.TrajectoryReader:
    """Li | Li2S + Li3P | Li3PS4: the upper plane of the products moves from one window to the next, and all drifts through the boundary."""
    thickness = np.repeat(np.array(N_LAYERS) * planted.CELL, N_FRAMES)
    symbols, frames, cell = planted.growing(thickness, across=2, n_blocks=7)
    shaken = frames + np.random.default_rng(3).normal(0.0, 0.05, frames.shape)
    shaken[:, :, 2] += np.linspace(0.0, 60.0, len(frames))[:, None]
    return trajectory(shaken, cell, symbols.tolist(), interval_ps=1.0)


def request(**settings: object) -> mi.Onsager:
    charges = {"Li": 1.0, "S": -2.0}
    return mi.Onsager(species="Li,S", charges=charges, temperature_kelvin=300.0, **settings)


def test_planes_follow_the_phases_from_window_to_window(grown: mi.TrajectoryReader) -> None:
    result = content(found(grown, request(region_phase="Li2S,Li3P", windows=4), drift="com"))
    assert result["settings"]["region"]["phases"] == ["Li2S", "Li3P"]
    lows = [window["region"]["low_angstrom"] for window in result["windows"]]
    # With the drift taken out the lower plane stays, and each block of four by two by two has four S and twelve Li about them.
    np.testing.assert_allclose(lows, lows[0], rtol=0, atol=1.0)
    for window, n_layers in zip(result["windows"], N_LAYERS, strict=True):
        region = window["region"]
        np.testing.assert_allclose(region["thickness_angstrom"], n_layers * planted.CELL, rtol=0, atol=1.0)
        assert region["n_atoms"]["S"] == 4 * 4 * n_layers
        assert region["survivors"]["S"] == 1.0
    # Nothing passes the planes but what rattles.
    since = result["region"]["inside"]["zero_within_2_sigma_since_ps"]
    assert since["S"] is not None


def test_coefficients_are_those_of_the_same_planes_in_angstrom(grown: mi.TrajectoryReader) -> None:
    by_phase = content(found(grown, request(region_phase="Li2S,Li3P")))
    region = by_phase["windows"][0]["region"]
    low, high = region["low_angstrom"], region["low_angstrom"] + region["thickness_angstrom"]
    by_planes = content(found(grown, request(region_angstrom=(low, high))))
    for key in ("l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps", "conductivity_s_per_cm"):
        np.testing.assert_allclose(by_phase["whole"][key], by_planes["whole"][key], rtol=1e-6, atol=0)


def test_windows_before_the_phase_is_there_are_left_out_and_told() -> None:
    thickness = np.repeat([0.0, 3 * planted.CELL, 3 * planted.CELL], N_FRAMES)
    symbols, frames, cell = planted.growing(thickness, across=2, n_blocks=7)
    shaken = frames + np.random.default_rng(4).normal(0.0, 0.05, frames.shape)
    reader = trajectory(shaken, cell, symbols.tolist(), interval_ps=1.0)
    results = mi.analyze(reader, [request(region_phase="Li2S", windows=3)], drift="none")
    assert any("No layer is of Li2S before 40 ps: 1 of 3 windows are left out" in note for note in results.notes)
    windows = content(results["onsager"])["windows"]
    assert [(window["time_start_ps"], window["region"]["n_atoms"]["S"]) for window in windows] == [
        (40.0, 48),
        (80.0, 48),
    ]
    alone = mi.trajectory_of_arrays(shaken[N_FRAMES:], cell, symbols.tolist(), frame_interval_ps=1.0)
    expected = content(found(alone, request(region_phase="Li2S", windows=2)))
    np.testing.assert_allclose(
        content(results["onsager"])["whole"]["l_per_ev_angstrom_ps"],
        expected["whole"]["l_per_ev_angstrom_ps"],
        # Displacements are kept in single precision.
        rtol=1e-4,
        atol=0,
    )


def test_of_two_layers_the_thicker_one_is_followed_and_not_left_for_the_other() -> None:
    def slices(*layers: tuple[int, int]) -> np.ndarray:
        table = np.zeros((80, 3), dtype=np.int64)
        table[:, 0] = 6
        for start, stop in layers:
            table[start:stop] = [0, 6, 0]
        return table

    first = phase_slab(slices((10, 20), (50, 64)), NAMES, {"Li2S"}, 40.0)
    assert first == Slab(50 / 80, 14 / 80)
    # The other one has become the thicker.
    assert phase_slab(slices((8, 26), (48, 66)), NAMES, {"Li2S"}, 40.0, first) == Slab(48 / 80, 18 / 80)
    through = phase_slab(slices((0, 8), (70, 80)), NAMES, {"Li2S"}, 40.0)
    assert through is not None
    np.testing.assert_allclose([through.low, through.width], [70 / 80, 18 / 80], rtol=1e-9, atol=0)
    assert phase_slab(slices(), NAMES, {"Li2S"}, 40.0) is None
    assert phase_slab(slices(), NAMES, {"Li"}, 40.0) == Slab(0.0, 1.0)


def test_phases_that_are_not_there_and_those_without_a_rule_are_told(
    grown: mi.TrajectoryReader, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        AnalysisError, match=r"No layer is of LiP7 at 80 ps, where window 2 of 2 starts: its atoms are in .*Li2S"
    ):
        found(grown, request(region_phase="LiP7", windows=2))
    with pytest.raises(AnalysisError, match="names Li9S, and there is no rule for it; there are those for Co"):
        found(grown, request(region_phase="Li9S"))
    with pytest.raises(ValueError, match="there is no rule for it"):
        request(region_phase="Li9S").check(["Li", "S"], ["anode"])
    with pytest.raises(ValueError, match="give one of them"):
        request(region_phase="Li2S", region_fraction=(0.1, 0.2))
    words = ["analyze", "onsager", "none.xyz", "--species", "Li", "--temperature-kelvin", "300", "--json"]
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--region-phase", "Li2S", "--region", "anode"])
    assert "not allowed with argument --region-phase" in capsys.readouterr().err
