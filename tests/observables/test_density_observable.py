"""``density``: atoms at rest in their voxels, a cube file that ASE reads, a drift taken out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io.cube import read_cube
from made_trajectories import content, found, trajectory
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError

ARGYRODITE = Path(__file__).parents[3] / "shared" / "data" / "argyrodite"
LENGTHS = np.array([4.0, 6.0, 8.0])
PLACES = np.array([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0], [0.1, 0.2, 7.9]])


def at_rest(drift: float = 0.0) -> mi.TrajectoryReader:
    path = PLACES + drift * np.arange(10)[:, None, None]
    return trajectory(path, LENGTHS, ["Li", "Li", "S"])


def test_atoms_at_rest_fill_their_voxels() -> None:
    result = found(at_rest(), mi.Density(species="Li", spacing_angstrom=1.0))
    density = result.grid.density_per_angstrom3
    assert density.shape == (4, 6, 8)
    expected = np.zeros((4, 6, 8))
    expected[1, 2, 3] = expected[3, 5, 7] = 1.0
    np.testing.assert_allclose(density, expected, rtol=1e-12, atol=0)
    entry = content(result)
    assert entry["shape"] == [4, 6, 8]
    np.testing.assert_allclose([entry["n_atoms"], entry["largest_per_angstrom3"]], [2.0, 1.0], rtol=1e-12, atol=0)


def test_a_finer_grid_has_the_same_atoms_and_a_higher_peak() -> None:
    entry = content(found(at_rest(), mi.Density(species="Li", spacing_angstrom=0.5)))
    assert entry["shape"] == [8, 12, 16]
    np.testing.assert_allclose([entry["n_atoms"], entry["largest_per_angstrom3"]], [2.0, 8.0], rtol=1e-9, atol=0)


def test_a_drift_smears_unless_it_is_taken_out() -> None:
    request = mi.Density(species="Li", spacing_angstrom=1.0)
    assert content(found(at_rest(drift=0.3), request))["largest_per_angstrom3"] < 0.5
    still = content(found(at_rest(drift=0.3), request, drift="com"))
    np.testing.assert_allclose(still["largest_per_angstrom3"], 1.0, rtol=1e-9, atol=0)
    assert content(found(at_rest(drift=0.3), request, drift="S")) == still


def test_a_walk_around_the_cell_leads_through_it() -> None:
    # Once around along a in four steps of one angstrom, waiting longer at the beginning; the other atom rests.
    steps = np.repeat([0.0, 1.0, 2.0, 3.0], [10, 2, 4, 2])
    path = np.array([[0.0, 2.0, 3.0], [3.0, 5.0, 7.0]]) + np.zeros((len(steps), 1, 1))
    path[:, 0, 0] = steps
    result = found(
        trajectory(path, LENGTHS, ["Li", "Li"]), mi.Density(species="Li", spacing_angstrom=1.0), drift="none"
    )
    ways = {way["along"]: way for way in content(result)["percolation"]}
    assert {name for name, way in ways.items() if way["density_per_angstrom3"] is not None} == {"a", "1 direction"}
    assert ways["a"]["n_visits"] == 2
    assert ways["a"]["density_per_angstrom3"] == pytest.approx(2 / 18, rel=1e-12, abs=0)
    assert ways["a"]["below_largest_kt"] == pytest.approx(np.log(18 / 2), rel=1e-12, abs=0)
    assert ways["c"] == {"along": "c", "density_per_angstrom3": None, "below_largest_kt": None, "n_visits": 0}
    assert result.lines()[1] == (
        "the density leads through the cell along a 2.20 kT below the largest density (visits of the narrowest voxel: 2); "
        "fewer than 10 visits are chance: run longer, or take a wider spacing"
    )


def test_cube_file_is_read_by_ase(tmp_path: Path) -> None:
    results = mi.analyze(at_rest(), {"lithium": mi.Density(species="Li", spacing_angstrom=1.0)}, drift="none")
    results.write(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".cube", ".png", ".svg"}
    with (tmp_path / "lithium.cube").open() as handle:
        cube = read_cube(handle)
    assert cube["atoms"].get_chemical_symbols() == ["Li", "Li", "S"]
    np.testing.assert_allclose(cube["atoms"].positions, PLACES, rtol=0, atol=1e-5)
    np.testing.assert_allclose(cube["atoms"].cell.lengths(), LENGTHS, rtol=1e-6, atol=0)
    np.testing.assert_allclose(cube["data"], results["lithium"].grid.density_per_angstrom3, rtol=1e-5, atol=0)
    assert results.contents()["lithium"]["file"] == "lithium.cube"


def test_line_and_figure_show_three_projections() -> None:
    result = found(at_rest(), mi.Density(species="Li", spacing_angstrom=1.0))
    assert result.lines() == [
        "Li: 2 atoms on a grid of 4 x 6 x 8, at most 1 /angstrom^3",
        "the density does not lead through the cell along any axis in this run: voxels that were never visited close a way, so look at a wider spacing too",
    ]
    figure = result.plot()
    maps = [ax for ax in figure.axes if ax.images]
    assert [(ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) for ax in maps] == [
        ("along a", "b (Å)", "c (Å)"), ("along b", "a (Å)", "c (Å)"), ("along c", "a (Å)", "b (Å)"),
    ]  # fmt: skip
    # Each projection integrates to two atoms: pixels of one square angstrom.
    for ax in maps:
        np.testing.assert_allclose(ax.images[0].get_array().sum(), 2.0, rtol=1e-9, atol=0)
    assert maps[2].images[0].get_array()[2, 1] == 1.0


def test_an_absent_element_and_a_spacing_of_nothing_are_refused() -> None:
    with pytest.raises(AnalysisError, match="There is no Co"):
        found(at_rest(), mi.Density(species="Co"))
    with pytest.raises(ValidationError, match="0.02 to 100 angstrom"):
        mi.Density(species="Li", spacing_angstrom=0)


@pytest.mark.skipif(not ARGYRODITE.is_dir(), reason="the real trajectories are not beside the checkout")
def test_lithium_leads_through_argyrodite_only_where_anions_are_disordered() -> None:
    # B. J. Morgan, Chem. Mater. 33, 2004 (2021): anions are ordered at 0 and 100 % of exchanged S and Cl, and Li is fast only at 50 %.
    ways = {}
    for share in ("0p", "50p", "100p"):
        run = mi.open_trajectory(ARGYRODITE / f"Li6PS5Cl_{share}_run1.XDATCAR.gz", frame_interval_ps=0.1)
        result = mi.analyze(run, {"lithium": mi.Density(species="Li", spacing_angstrom=1.0)}, drift="P")["lithium"]
        ways[share] = [way["density_per_angstrom3"] is not None for way in content(result)["percolation"]]
    assert ways == {"0p": [False] * 6, "50p": [True] * 6, "100p": [False] * 6}
