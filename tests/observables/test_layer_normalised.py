"""g(r) by the density in a pair's layers: a slab is the same beside a vacuum or another layer of any thickness."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import content, found, rows, trajectory

import mlip_interfaces as mi
from mlip_interfaces.observables.rdf import RdfResult
from mlip_interfaces.trajectory.reader import TrajectoryReader
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

KELVIN, SPACING, N_FRAMES = 600.0, 3.0, 60
GRID = np.array([(i, j, k) for i in range(4) for j in range(4) for k in range(5)], dtype=float)
TILTED = np.array([[12.0, 0.0, 0.0], [6.0, 12.0, 0.0], [-0.2, 0.15, 1.0]])
"""Edges of a cell whose third one is stretched to the height wanted."""
SYMBOLS = np.where(GRID.sum(axis=1) % 2 == 0, "P", "S")
REQUEST = mi.Rdf(
    pairs="P-S,S-S", r_max_angstrom=5.3, bin_width_angstrom=0.1, blocks=3, temperature_kelvin=KELVIN,
    neighbor_cutoffs_angstrom="P-S=4",
)  # fmt: skip


def slab(seed: int = 3) -> np.ndarray:
    """Rock salt of five planes that rattles, shape (n_frames, n_atoms, 3)."""
    return SPACING * (GRID + [0.0, 0.0, 0.5]) + np.random.default_rng(seed).normal(0.0, 0.25, (N_FRAMES, len(GRID), 3))


def cell_of(height: float, edges: np.ndarray = TILTED) -> np.ndarray:
    return edges * np.array([1.0, 1.0, height])[:, None]


def beside(
    height: float,
    others: np.ndarray | None = None,
    *,
    element: str = "Ar",
    shift: float = 0.0,
    edges: np.ndarray = TILTED,
) -> RdfResult:
    """g(r) of the slab in a cell of some height, with the atoms of another layer or without, all of it moved along the third edge."""
    cell, path = cell_of(height, edges), slab()
    symbols, layers = SYMBOLS.tolist(), ["electrolyte"] * len(GRID)
    if others is not None:
        path = np.concatenate([path, np.repeat(others[None], N_FRAMES, axis=0)], axis=1)
        symbols, layers = symbols + [element] * len(others), layers + ["inert"] * len(others)
    path = path + shift * cell[2]
    # In the cell, that a layer may reach through its boundary.
    share = path @ np.linalg.inv(cell)
    return found(trajectory((share - np.floor(share)) @ cell, cell, symbols, layers=layers), REQUEST)


def block_of(bottom: float, thickness: float) -> np.ndarray:
    """A lattice of another element above the slab, farther from it than g(r) reaches in no direction that counts."""
    planes = np.arange(bottom, bottom + thickness, 2.0)
    return np.array([(3.0 * i, 3.0 * j, z) for i in range(4) for j in range(4) for z in planes])


def assert_same_in_layer(one: RdfResult, other: RdfResult, rtol: float = 1e-9) -> None:
    """All of g(r) in the layer, and all that is exact, of two results."""
    for pair in ("P-S", "S-S"):
        a, b = one.pairs[pair], other.pairs[pair]
        np.testing.assert_array_equal(a.whole.counts, b.whole.counts)
        np.testing.assert_allclose(a.whole.g_in_layer, b.whole.g_in_layer, rtol=rtol, atol=0)
        np.testing.assert_allclose(a.whole.coordination, b.whole.coordination, rtol=1e-12, atol=0)
        for mine, its in zip(a.blocks, b.blocks, strict=True):
            np.testing.assert_allclose(mine.g_in_layer, its.g_in_layer, rtol=rtol, atol=0)
        first, second = (content(result)["pairs"][pair] for result in (one, other))
        assert first["neighbors"] == second["neighbors"]
        mine, its = first["in_layer"], second["in_layer"]
        assert mine["layers"] == its["layers"] == ["electrolyte"]
        np.testing.assert_allclose(mine["volume_angstrom3"], its["volume_angstrom3"], rtol=rtol, atol=0)
        assert mine["coordination_to_first_minimum"] == its["coordination_to_first_minimum"]
        np.testing.assert_allclose(mine["first_peak_height"], its["first_peak_height"], rtol=rtol, atol=0)
        for key in ("formation_ev", "breaking_ev", "error_ev"):
            np.testing.assert_allclose(mine["barrier"][key], its["barrier"][key], rtol=0, atol=1e-9)


@pytest.mark.parametrize("edges", [np.diag([12.0, 12.0, 1.0]), TILTED])
@pytest.mark.parametrize("height", [33.0, 40.0, 60.0])
def test_a_vacuum_of_any_thickness_changes_g_of_the_cell_by_the_volume_and_nothing_in_the_layer(
    height: float, edges: np.ndarray
) -> None:
    thin, thick = beside(27.0, edges=edges), beside(height, edges=edges)
    assert_same_in_layer(thin, thick)
    ratio = height / 27.0
    for pair in ("P-S", "S-S"):
        seen = thin.pairs[pair].whole.g > 0
        np.testing.assert_allclose(
            thick.pairs[pair].whole.g[seen] / thin.pairs[pair].whole.g[seen], ratio, rtol=1e-9, atol=0
        )
    first, second = (content(result)["pairs"]["P-S"] for result in (thin, thick))
    np.testing.assert_allclose(second["first_peak_height"] / first["first_peak_height"], ratio, rtol=1e-9, atol=0)
    np.testing.assert_allclose(
        first["barrier"]["formation_ev"] - second["barrier"]["formation_ev"], BOLTZMANN_EV_PER_K * KELVIN * np.log(ratio),
        rtol=1e-6, atol=0,
    )  # fmt: skip
    # Of the crystal, with an atom for every 27 cubic angstrom; five planes that rattle end two angstrom beyond the last atoms.
    volume = first["in_layer"]["volume_angstrom3"]
    assert len(GRID) * 27.0 < volume < len(GRID) * 27.0 * (1 + 2.5 / 15)


@pytest.mark.parametrize("thickness", [6.0, 12.0, 30.0])
def test_an_inert_layer_of_any_thickness_changes_nothing_in_the_layer(thickness: float) -> None:
    # The first inert plane is as far from the slab in all cells, and so are those of the next image.
    one, other = (beside(16.0 + t + 8.0, block_of(20.5, t)) for t in (4.0, thickness))
    assert_same_in_layer(one, other)
    assert (
        content(one)["pairs"]["P-S"]["first_peak_height"] < 0.95 * content(other)["pairs"]["P-S"]["first_peak_height"]
    )


def test_an_inert_layer_of_the_partners_element_is_not_the_partners_density() -> None:
    """Sulfur above the slab: S is then at home in both layers, P-S in the one that P and S share."""
    bare, coated = beside(60.0), beside(60.0, block_of(26.0, 20.0), element="S")
    ours, theirs = bare.pairs["P-S"], coated.pairs["P-S"]
    assert ours.layers == theirs.layers == ("electrolyte",)
    # No inert atom is within reach of a P.
    np.testing.assert_array_equal(ours.whole.counts, theirs.whole.counts)
    np.testing.assert_allclose(ours.whole.g_in_layer, theirs.whole.g_in_layer, rtol=1e-9, atol=0)
    assert coated.pairs["S-S"].layers == ("electrolyte", "inert")
    # By the whole cell there are far more S, and each peak is lower.
    assert theirs.whole.g.max() < 0.5 * ours.whole.g.max()


def test_a_layer_through_the_boundary_of_a_tilted_cell_is_the_same() -> None:
    for shift in (0.3, 0.55, 0.85):
        assert_same_in_layer(beside(33.0), beside(33.0, shift=shift), rtol=1e-8)


def test_without_layers_g_in_the_layer_is_that_of_the_cell_and_says_so() -> None:
    cell = cell_of(33.0)
    for layers in (None, [""] * len(GRID)):
        result = found(trajectory(slab(), cell, SYMBOLS.tolist(), layers=layers), REQUEST)
        entry = content(result)["pairs"]["P-S"]
        assert entry["in_layer"]["layers"] == []
        assert entry["in_layer"]["note"] == "the atoms have no layers: normalised by the whole cell"
        np.testing.assert_allclose(entry["in_layer"]["volume_angstrom3"], np.linalg.det(cell), rtol=1e-12, atol=0)
        np.testing.assert_array_equal(result.pairs["P-S"].whole.g_in_layer, result.pairs["P-S"].whole.g)
        assert "by the density" not in result.lines()[0]


def test_one_layer_without_a_vacuum_is_the_cell() -> None:
    rng = np.random.default_rng(5)
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-1.0, 1.5, 12.0]])
    path = rng.random((4, 60, 3)) @ cell
    result = found(trajectory(path, cell, ["Li"] * 60, layers=["all"] * 60), mi.Rdf(pairs="Li-Li", r_max_angstrom=4.0))
    assert result.pairs["Li-Li"].layers == ("all",)
    np.testing.assert_allclose(result.pairs["Li-Li"].whole.g_in_layer, result.pairs["Li-Li"].whole.g, rtol=1e-9, atol=0)


def gas(seed: int = 11) -> tuple[TrajectoryReader, np.ndarray, np.ndarray, np.ndarray]:
    """Two layers of an ideal gas that breathe and mix, in a tilted cell: reader, positions, cells, layers."""
    rng = np.random.default_rng(seed)
    edges = np.array([[13.0, 0, 0], [2.0, 12.0, 0], [-3.0, 1.0, 30.0]])
    cells = edges * (1.0 + 0.01 * np.sin(np.arange(20.0)))[:, None, None]
    share = rng.random((20, 300, 3))
    layers = np.where(np.arange(300) < 120, "lower", "upper")
    share[:, :120, 2] *= 0.4
    share[:, 120:, 2] = 0.4 + 0.6 * share[:, 120:, 2]
    share[:, ::10, 2] += 0.05 * np.arange(20)[:, None]
    path = np.einsum("tak,tkl->tal", share + rng.integers(-2, 3, share.shape), cells)
    symbols = np.array(["Li", "S", "P"] * 100)
    symbols[layers == "lower"] = np.where(symbols[layers == "lower"] == "P", "S", symbols[layers == "lower"])
    return trajectory(path, cells, symbols.tolist(), layers=layers.tolist()), path, cells, layers


def test_numbers_equal_a_slow_count() -> None:
    reader, path, cells, layers = gas()
    symbols, edges = reader.symbols, 0.5 * np.arange(11)
    pairs = ("Li-S", "Li-P", "P-Li", "S-S", "Li@lower-S@upper", "Li@upper-S@upper")
    result = found(reader, mi.Rdf(pairs=pairs, r_max_angstrom=5.0, bin_width_angstrom=0.5))
    images = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    homes = {
        "Li-S": ("lower", "upper"), "Li-P": ("upper",), "P-Li": ("upper",), "S-S": ("lower", "upper"),
        "Li@lower-S@upper": ("upper",), "Li@upper-S@upper": ("upper",),
    }  # fmt: skip
    expected = {pair: np.zeros(10) for pair in pairs}
    for positions, cell in zip(path, cells, strict=True):
        share = positions @ np.linalg.inv(cell)
        wrapped = (share - np.floor(share)) @ cell
        vectors = wrapped[None, :, None] - wrapped[:, None, None] + (images @ cell)[None, None]
        distances = np.linalg.norm(vectors, axis=-1)
        volume = np.linalg.det(cell)
        height = volume / np.linalg.norm(np.cross(cell[0], cell[1]))
        order = np.argsort(share[:, 2] % 1.0)
        depth = share[order, 2] % 1.0 * height
        gaps = np.diff(np.append(depth, depth[0] + height))
        spaces = np.minimum(gaps, 4.0) / 2.0
        own = dict.fromkeys(("lower", "upper"), 0.0)
        for place, atom in enumerate(order):
            own[layers[atom]] += (spaces[place] + spaces[place - 1]) * volume / height
        for pair in pairs:
            first, second = (_mask(side, symbols, layers) for side in pair.split("-"))
            counts = np.histogram(distances[np.ix_(first, second)], bins=np.append(1e-9, edges[1:]))[0]
            here = np.isin(layers, homes[pair])
            if (first & here).any():
                first, second = first & here, second & here
            n_ordered = first.sum() * second.sum() - (first & second).sum()
            expected[pair] += counts * sum(own[name] for name in homes[pair]) / n_ordered / shells / len(cells)
    for pair in pairs:
        assert result.pairs[pair].layers == homes[pair]
        np.testing.assert_allclose(result.pairs[pair].whole.g_in_layer, expected[pair], rtol=1e-9, atol=0)


def _mask(side: str, symbols: np.ndarray, layers: np.ndarray) -> np.ndarray:
    element, _, layer = side.partition("@")
    return (symbols == element) & ((layers == layer) if layer else True)


def test_chunks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, *_ = gas()
    request = mi.Rdf(pairs="Li-S,P-Li", r_max_angstrom=5.0, blocks=3, temperature_kelvin=KELVIN)
    whole = found(reader, request)
    monkeypatch.setattr("mlip_interfaces.trajectory.reader.CHUNK_ATOMS", 7 * 300)
    for n_threads in (1, 3):
        again = found(gas()[0], request, n_threads=n_threads)
        assert content(again) == content(whole)
        for end in whole.tables():
            assert rows(again, end) == rows(whole, end)


def test_blocks_and_tables_have_both_normalisations_and_the_errors_of_neighbours() -> None:
    result = beside(33.0)
    whole = result.pairs["P-S"].whole
    table = [row for row in rows(result, "whole") if row["pair"] == "P-S"]
    for column, values in (
        ("g_in_layer", whole.g_in_layer), ("g_in_layer_error", whole.g_in_layer_error),
        ("coordination_number_error", whole.coordination_error),
    ):  # fmt: skip
        np.testing.assert_allclose([float(row[column]) for row in table], values, rtol=1e-3, atol=0)
    seen = whole.g_in_layer > 0
    energies = [float(row["potential_of_mean_force_in_layer_ev"] or "nan") for row in table]
    expected = -BOLTZMANN_EV_PER_K * KELVIN * np.log(whole.g_in_layer[seen])
    np.testing.assert_allclose(np.array(energies)[seen], expected, rtol=0, atol=1e-5)
    entry = content(result)["pairs"]["P-S"]
    # In the bulk a P has six S at 3 angstrom; a fifth of all P is in either surface and has five.
    np.testing.assert_allclose(entry["neighbors"]["number"], 5.6, rtol=0.01, atol=0)
    assert entry["neighbors"]["within_angstrom"] == 4.0
    of_blocks = [block["neighbors"]["number"] for block in entry["blocks"]]
    np.testing.assert_allclose(np.mean(of_blocks), entry["neighbors"]["number"], rtol=1e-9, atol=0)
    assert {"first_peak_angstrom", "first_peak_height", "first_peak_height_error"} == set(
        entry["blocks"][0]["in_layer"]
    )
    assert "; by the density in electrolyte: first peak " in result.lines()[0]
    headlines = {headline.quantity: headline for headline in result.headlines()}
    assert set(headlines) == {"P-S neighbours within 4 Å", "S-S neighbours within 2.5 Å"}
    assert headlines["P-S neighbours within 4 Å"].error == entry["neighbors"]["error"] > 0.0


def test_errors_of_neighbours_cover_the_mean_of_many_runs() -> None:
    rng = np.random.default_rng(12)
    scores = []
    # Each run has its own number of neighbours in mind of an ideal gas: 19 of 20 atoms in a sphere of 3 angstrom.
    expected = 19 * 4 / 3 * np.pi * 3.0**3 / 12.0**3
    for _ in range(60):
        path = rng.random((100, 20, 3)) * 12.0
        request = mi.Rdf(pairs="Li-Li", r_max_angstrom=5.0, neighbor_cutoffs_angstrom="Li-Li=3")
        near = found(trajectory(path, 12.0, ["Li"] * 20), request).neighbors_of("Li-Li")
        scores.append((near.number - expected) / near.error)
    # Ten groups: Student's t with nine degrees of freedom has a standard deviation of 1.13; 60 scores know it to 9 %.
    assert 0.8 < np.std(scores) < 1.5


@pytest.mark.parametrize(
    ("cutoffs", "width", "within"),
    [("", 0.05, 2.6), ("S-P=3.1", 0.05, 3.1), ("P-S=3.13", 0.1, 3.1), ("P-S=9", 0.1, None), ("P-S=0.01", 0.1, None)],
)
def test_the_distance_is_that_asked_for_or_known_and_the_end_of_a_bin(
    cutoffs: str, width: float, within: float | None
) -> None:
    request = mi.Rdf(
        pairs="P@electrolyte-S", r_max_angstrom=5.0, bin_width_angstrom=width, neighbor_cutoffs_angstrom=cutoffs
    )
    reader = trajectory(slab()[:3], cell_of(33.0), SYMBOLS.tolist(), layers=["electrolyte"] * len(GRID))
    near = found(reader, request).neighbors_of("P@electrolyte-S")
    assert (near and near.within_angstrom) == within


def test_a_pair_of_cutoffs_that_is_none_or_twice_there_is_refused() -> None:
    for text, sentence in (("P=2", "'P' is no pair of elements"), ("P-S=2,S-P=3", "twice")):
        with pytest.raises(ValueError, match=sentence):
            mi.Rdf(pairs="P-S", neighbor_cutoffs_angstrom=text)


def contact(n_planes: int, shear: float = 0.0) -> RdfResult:
    """Sixteen Li at 2.5 angstrom below as many S, both the outermost planes of layers, in a cell of 12 by 12 angstrom."""
    square = [(3.0 * i, 3.0 * j) for i in range(4) for j in range(4)]
    sulfur = [(x, y, 3.0 * k) for x, y in square for k in range(5)]
    lithium = [(x, y, -2.5 - 3.0 * k) for x, y in square for k in range(n_planes)]
    cell = np.diag([12.0, 12.0, 30.0 + 3.0 * n_planes])
    cell[2, 0] = shear
    layers = ["electrolyte"] * len(sulfur) + ["coating"] * len(lithium)
    path = np.repeat(np.array(sulfur + lithium)[None], 10, axis=0)
    reader = trajectory(path, cell, ["S"] * len(sulfur) + ["Li"] * len(lithium), layers=layers)
    request = mi.Rdf(pairs="Li@coating-S@electrolyte,S@electrolyte-Li@coating,Li-S,Li@coating-S", r_max_angstrom=5.0)
    result: RdfResult = found(reader, request)
    return result


@pytest.mark.parametrize("n_planes", [1, 2, 4, 8])
@pytest.mark.parametrize("shear", [0.0, 9.0])
def test_contacts_by_the_area_do_not_depend_on_the_thickness_and_neighbours_do(n_planes: int, shear: float) -> None:
    pairs = content(contact(n_planes, shear))["pairs"]
    # Sixteen pairs of 2.5 angstrom on 1.44 nm^2, from either side.
    for pair in ("Li@coating-S@electrolyte", "S@electrolyte-Li@coating"):
        np.testing.assert_allclose(pairs[pair]["contacts"]["per_nm2"], 16 / 1.44, rtol=1e-12, atol=0)
        np.testing.assert_allclose(pairs[pair]["contacts"]["error_per_nm2"], 0.0, rtol=0, atol=1e-12)
        assert pairs[pair]["contacts"]["within_angstrom"] == pairs[pair]["neighbors"]["within_angstrom"] == 3.0
    np.testing.assert_allclose(
        pairs["Li@coating-S@electrolyte"]["neighbors"]["number"], 1 / n_planes, rtol=1e-12, atol=0
    )
    assert pairs["Li-S"]["contacts"] is None
    assert pairs["Li@coating-S"]["contacts"] is None


def test_contacts_are_headlines_that_seeds_are_combined_by() -> None:
    names = [headline.quantity for headline in contact(2).headlines()]
    assert "Li@coating-S@electrolyte contacts within 3 Å per nm²" in names
    assert "11.1" in contact(2).lines()[0]
