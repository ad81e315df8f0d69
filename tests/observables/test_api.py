"""The front door: the same numbers from a file, from structures, from a universe and from arrays; results that print themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from ase import Atoms
from ase.io import write

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError, InputFileError

SYMBOLS = ["Li"] * 40 + ["S"] * 20
LENGTH, N_FRAMES, INTERVAL_PS = 11.0, 60, 0.2


def walk() -> np.ndarray:
    rng = np.random.default_rng(61)
    start = rng.random((60, 3)) * LENGTH
    steps = rng.normal(0.0, 0.12, (N_FRAMES, 60, 3))
    steps[0] = 0.0
    return start + np.cumsum(steps, axis=0)


REQUESTS = [mi.Rdf(pairs=("Li-S",), r_max_angstrom=5.0, blocks=2), mi.Msd(species=("Li",))]


@pytest.fixture(scope="module")
def results() -> mi.Results:
    return mi.analyze(
        mi.trajectory_of_arrays(walk() % LENGTH, np.eye(3) * LENGTH, SYMBOLS, frame_interval_ps=INTERVAL_PS), REQUESTS
    )


def numbers(found: mi.Results) -> tuple[np.ndarray, float]:
    return found["rdf"].pairs["Li-S"].whole.g, found["msd"].species["Li"].diffusivity_cm2_per_s


def test_file_structures_universe_and_arrays_give_the_same_numbers(tmp_path: Path, results: mi.Results) -> None:
    frames = [Atoms(SYMBOLS, positions=places, cell=[LENGTH] * 3, pbc=True) for places in walk() % LENGTH]
    write(tmp_path / "t.extxyz", frames, format="extxyz")
    universe = MDAnalysis.Universe.empty(60, trajectory=True)
    universe.add_TopologyAttr("elements", SYMBOLS)
    universe.load_new(
        np.array([frame.positions for frame in frames], dtype=np.float32), dimensions=[LENGTH] * 3 + [90.0] * 3
    )
    g, diffusivity = numbers(results)
    for source, rtol in ((tmp_path / "t.extxyz", 1e-6), (frames, 1e-12), (universe, 1e-5)):
        found = mi.analyze(mi.open_trajectory(source, frame_interval_ps=INTERVAL_PS), REQUESTS)
        same_g, same_diffusivity = numbers(found)
        # Single precision moves a pair over the edge of a bin here and there.
        assert np.count_nonzero(g != same_g) <= 4
        np.testing.assert_allclose(same_diffusivity, diffusivity, rtol=100 * rtol, atol=0)


def test_shortcuts_on_arrays_are_the_same_analyses(results: mi.Results) -> None:
    arrays = (walk() % LENGTH, np.eye(3) * LENGTH, SYMBOLS)
    g = mi.rdf(*arrays, pairs=["Li-S"], frame_interval_ps=INTERVAL_PS, r_max_angstrom=5.0, blocks=2)
    np.testing.assert_array_equal(g.pairs["Li-S"].whole.g, results["rdf"].pairs["Li-S"].whole.g)
    msd = mi.msd(*arrays, species=["Li"], frame_interval_ps=INTERVAL_PS)
    assert msd.species["Li"].diffusivity_cm2_per_s == results["msd"].species["Li"].diffusivity_cm2_per_s
    # 0.12 angstrom along each axis every 0.2 ps: D = 0.12^2 / (2 x 0.2) angstrom^2/ps.
    low, high = msd.species["Li"].confidence_95_cm2_per_s
    assert low < 0.12**2 / 0.4 * 1e-4 < high


def test_results_print_value_error_sample_and_settings(results: mi.Results) -> None:
    text = str(results)
    diffusivity = results["msd"].species["Li"]
    assert f"{diffusivity.diffusivity_cm2_per_s:.1e}"[:3] in text
    for part in ("±", "40 atoms", "60 frames of 60 atoms", "95 %", "species ['Li']", "at rest: com"):
        assert part in text


def test_results_are_read_only_and_go_to_json(results: mi.Results) -> None:
    with pytest.raises(ValueError, match="read-only"):
        results["rdf"].pairs["Li-S"].whole.g[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        results["msd"].species["Li"].msd_angstrom2[0] = 1.0
    assert json.loads(json.dumps(results["msd"].to_dict(), allow_nan=False))["species"]["Li"]["n_atoms"] == 40
    assert results["rdf"].plot().axes[0].get_title(loc="left") == "Li-S"


def test_two_requests_of_a_kind_have_names_of_their_own() -> None:
    trajectory = mi.trajectory_of_arrays(walk() % LENGTH, np.eye(3) * LENGTH, SYMBOLS, frame_interval_ps=INTERVAL_PS)
    both = [mi.Rdf(pairs=("Li-S",), r_max_angstrom=5.0), mi.Rdf(pairs=("Li-Li",), r_max_angstrom=3.0)]
    found = mi.analyze(trajectory, both)
    assert list(found) == ["rdf", "rdf-2"]
    assert found["rdf-2"].r_max_angstrom == 3.0
    named = mi.analyze(trajectory, {"near": both[1], "far": both[0]})
    assert list(named) == ["near", "far"]
    assert named.kinds() == {"near": "rdf", "far": "rdf"}


def test_masses_are_the_files_own_or_those_of_the_elements(tmp_path: Path) -> None:
    arrays = mi.trajectory_of_arrays(walk() % LENGTH, np.eye(3) * LENGTH, SYMBOLS, frame_interval_ps=INTERVAL_PS)
    np.testing.assert_allclose(arrays.read().masses_amu[[0, -1]], [6.94, 32.06], rtol=1e-3, atol=0)
    universe = MDAnalysis.Universe.empty(60, trajectory=True)
    universe.add_TopologyAttr("elements", SYMBOLS)
    universe.add_TopologyAttr("masses", np.full(60, 7.016))
    universe.load_new((walk() % LENGTH).astype(np.float32), dimensions=[LENGTH] * 3 + [90.0] * 3)
    assert set(mi.open_trajectory(universe, frame_interval_ps=1.0).masses_amu) == {7.016}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: mi.trajectory_of_arrays(np.zeros((5, 3)), np.eye(3), ["Li"], frame_interval_ps=1.0), "`positions` has the shape"),
        (lambda: mi.trajectory_of_arrays(np.zeros((5, 1, 3)), np.eye(2), ["Li"], frame_interval_ps=1.0), "`cells` has the shape"),
        (lambda: mi.trajectory_of_arrays(np.zeros((5, 1, 3)), np.eye(3), ["Li", "S"], frame_interval_ps=1.0), "`symbols` has"),
        (lambda: mi.trajectory_of_arrays(np.zeros((5, 1, 3)), np.eye(3), ["Qq"], frame_interval_ps=1.0), "not an element"),
        (lambda: mi.trajectory_of_arrays(np.zeros((5, 1, 3)), np.eye(3), ["Li"], frame_interval_ps=0.0), "must be positive"),
        (lambda: mi.trajectory_of_arrays(np.zeros((0, 1, 3)), np.eye(3), ["Li"], frame_interval_ps=1.0), "no frame"),
        (lambda: mi.open_trajectory([]), "no frame"),
        (lambda: mi.open_trajectory([Atoms("Li", cell=[5] * 3)]), "give `frame_interval_ps`"),
    ],
)  # fmt: skip
def test_what_is_no_trajectory_is_refused_with_the_argument(call, sentence: str) -> None:
    with pytest.raises(InputFileError, match=sentence):
        call()


def test_frames_in_memory_without_a_cell_are_refused() -> None:
    trajectory = mi.open_trajectory([Atoms("LiF", positions=[[0] * 3, [2] * 3])] * 4, frame_interval_ps=1.0)
    with pytest.raises(InputFileError, match="4 structures in memory has no cell"):
        mi.analyze(trajectory, [mi.Profile()])
    universe = MDAnalysis.Universe.empty(1, trajectory=True)
    with pytest.raises(InputFileError, match="universe has no cell"):
        mi.open_trajectory(universe, frame_interval_ps=1.0)


def test_frames_far_apart_are_read_by_what_needs_no_displacements() -> None:
    rng = np.random.default_rng(3)
    trajectory = mi.trajectory_of_arrays(
        rng.random((30, 60, 3)) * LENGTH, np.eye(3) * LENGTH, SYMBOLS, frame_interval_ps=100.0
    )
    found = mi.analyze(
        trajectory, [mi.Rdf(pairs=("Li-S",), r_max_angstrom=5.0), mi.Profile(), mi.Tetrahedra(ligand="S")]
    )
    far = found["rdf"].pairs["Li-S"].whole
    # An ideal gas: g = 1 within four standard errors of counting.
    counts = far.counts[40:]
    assert abs(far.g[40:].mean() - 1.0) < 4.0 / np.sqrt(counts.sum())
    with pytest.raises(InputFileError, match="periodic image is a guess"):
        mi.analyze(trajectory, [mi.Msd(species=("Li",))])


def test_what_cannot_be_done_is_an_error_or_named_as_absent() -> None:
    trajectory = mi.trajectory_of_arrays(walk() % LENGTH, np.eye(3) * LENGTH, SYMBOLS, frame_interval_ps=INTERVAL_PS)
    asked = [mi.Rdf(pairs=("Li-S", "Li-Co")), mi.Msd(species=("Co",)), mi.Profile()]
    with pytest.raises(AnalysisError, match="no Co"):
        mi.analyze(trajectory, asked)
    found = mi.analyze(trajectory, asked, strict=False)
    assert set(found) == {"rdf", "profile"}
    assert set(found.absent) == {"rdf Li-Co", "msd"}
    assert set(found["rdf"].pairs) == {"Li-S"}


def test_import_is_light_and_unknown_names_are_attribute_errors() -> None:
    code = (
        "import sys, mlip_interfaces as mi\n"
        "print([m for m in ('numpy', 'ase', 'numba') if m in sys.modules], 'Rdf' in dir(mi), hasattr(mi, 'Rdff'))\n"
        "mi.Rdf(pairs='P-S')\n"
        "print([m for m in ('MDAnalysis', 'matplotlib', 'dpdata', 'pymatgen') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "[] True False"
    assert second == "[]"
