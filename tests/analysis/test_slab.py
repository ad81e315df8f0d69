"""Depths in a frame of reference, and the space that layers take."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.slab import DepthTracker, Slab, interface_depth, layer_slab, layer_volumes, mean_slab
from mlip_interfaces.errors import AnalysisError

HEIGHT = 50.0


def test_inside_equals_comparing_images_one_by_one() -> None:
    depth = np.random.default_rng(1).uniform(-2, 3, 500)
    for low, width in ((0.2, 0.3), (0.9, 0.4), (-0.4, 0.999)):
        expected = [any(low <= z + k < low + width for k in range(-5, 6)) for z in depth]
        assert Slab(low, width).inside(depth).tolist() == expected
    assert Slab(0.3, 1.0).inside(depth).all()


@pytest.mark.parametrize("chunk", [1, 7, 40])
def test_a_breathing_drifting_tilted_cell_leaves_atoms_at_their_depth(chunk: int) -> None:
    rng = np.random.default_rng(2)
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-1.0, 1.5, 20.0]])
    share = rng.random((30, 3))
    cells = np.array([cell * (1 + 0.03 * np.sin(0.4 * t)) for t in range(40)])
    # The box breathes about its centre and flows upwards, through its boundary, with all atoms.
    origins = np.array([[3.0, 4.0, 5.0] + (cell - own).sum(axis=0) / 2 for own in cells])
    flow = 0.7 * np.arange(40)[:, None, None] * np.array([0.0, 0.0, 1.0])
    positions = np.einsum("as,tsi->tai", share, cells) + origins[:, None] + flow
    positions -= np.floor(rng.random((40, 30, 1)) * 3 - 1) * cells[:, 2][:, None]
    tracker = DepthTracker(rng.uniform(1, 30, 30), np.ones(30, dtype=bool))
    found = np.concatenate(
        [tracker.feed(*(part[i : i + chunk] for part in (positions, cells, origins))) for i in range(0, 40, chunk)]
    )
    first = ((positions[0] - origins[0]) @ np.linalg.inv(cells[0]))[:, 2] % 1.0
    np.testing.assert_allclose((found - first + 0.5) % 1.0, 0.5, rtol=0, atol=1e-12)
    assert (found >= 0).all()
    assert (found < 1).all()
    # Left in, the flow is there: 0.7 angstrom in a frame.
    free = DepthTracker(np.ones(30)).feed(positions, cells, origins)
    expected = flow[:, :, 2] * np.linalg.inv(cells)[:, 2, 2][:, None]
    np.testing.assert_allclose((free - first - expected + 0.5) % 1.0, 0.5, rtol=0, atol=1e-12)


def test_a_reference_of_heavy_atoms_weighs_them_by_mass() -> None:
    positions = np.zeros((2, 3, 3))
    positions[1, :, 2] = [1.0, 4.0, 2.0]
    cells, origins = np.repeat(np.eye(3)[None] * 10, 2, axis=0), np.zeros((2, 3))
    tracker = DepthTracker(np.array([3.0, 1.0, 50.0]), np.array([True, True, False]))
    # The first two moved by (3 * 1 + 4) / 4 = 1.75.
    np.testing.assert_allclose(
        tracker.feed(positions, cells, origins)[1], [0.925, 0.225, 0.025], rtol=1e-12, atol=1e-12
    )


def stack(rng: np.random.Generator, low: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Depths of a layer of 300 atoms between `low` and `low + width` and of 700 others in the rest; which are the layer's."""
    depths = np.concatenate([low + rng.random(300) * width, low + width + rng.random(700) * (1 - width)]) % 1.0
    return depths, np.arange(1000) < 300


@pytest.mark.parametrize("low", [0.1, 0.85])
def test_a_sharp_layer_ends_half_way_to_the_next_atom_and_layers_share_the_cell(low: float) -> None:
    depths, mine = stack(np.random.default_rng(3), low, 0.3)
    found, rest = layer_slab(depths, mine, HEIGHT), layer_slab(depths, ~mine, HEIGHT)
    assert found is not None
    assert rest is not None
    from_low = (depths - low) % 1.0
    first, last = from_low[mine].min(), from_low[mine].max()
    after, before = from_low[~mine].min(), from_low[~mine].max() - 1.0
    np.testing.assert_allclose((found.low - low + 0.5) % 1.0 - 0.5, (first + before) / 2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.width, (last + after - first - before) / 2, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.width + rest.width, 1.0, rtol=1e-12, atol=0)
    np.testing.assert_allclose((found.low + found.width - rest.low + 0.5) % 1.0, 0.5, rtol=0, atol=1e-12)


def test_the_space_of_a_layer_equals_trying_every_pair_of_planes() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        depths = rng.random(15)
        mine = rng.random(15) < 0.7
        found = layer_slab(depths, mine, HEIGHT)
        planes = np.sort(depths) - 1e-9
        best = max(
            sum(1 if own else -1 for z, own in zip(depths, mine, strict=True) if (z - a) % 1.0 < (b - a) % 1.0)
            for a in planes
            for b in planes
        )
        if found is not None and not mine.all():
            inside = found.inside(depths)
            assert np.count_nonzero(inside & mine) - np.count_nonzero(inside & ~mine) == max(best, mine.sum() * 2 - 15)


@pytest.mark.parametrize("low", [0.1, 0.85])
def test_atoms_that_have_left_a_layer_move_no_plane_and_mixing_leaves_it_where_both_are_equally_dense(
    low: float,
) -> None:
    rng = np.random.default_rng(5)
    slabs = []
    for _ in range(20):
        depths, mine = stack(rng, low, 0.3)
        depths[:60] = rng.random(60)
        # Two angstrom of mixing.
        slabs.append(layer_slab((depths + rng.normal(0, 2.0 / HEIGHT, 1000)) % 1.0, mine, HEIGHT))
    found = mean_slab([slab for slab in slabs if slab is not None])
    assert None not in slabs
    np.testing.assert_allclose((found.low - low + 0.5) % 1.0 - 0.5, 0.0, rtol=0, atol=1.0 / HEIGHT)
    np.testing.assert_allclose(found.width, 0.3, rtol=0, atol=1.5 / HEIGHT)


def test_a_layer_before_a_vacuum_ends_two_angstrom_beyond_its_atoms() -> None:
    depths = np.array([0.10, 0.15, 0.20, 0.25, 0.30, 0.35])
    found = layer_slab(depths, np.arange(6) >= 3, HEIGHT)
    assert found is not None
    np.testing.assert_allclose([found.low, found.width], [0.225, 0.125 + 2.0 / HEIGHT], rtol=1e-12, atol=0)


def test_a_layer_that_is_all_there_is_fills_the_cell_and_one_that_has_dissolved_has_no_space() -> None:
    rng = np.random.default_rng(6)
    assert layer_slab(rng.random(20), np.ones(20, dtype=bool), HEIGHT) == Slab(0.0, 1.0)
    assert layer_slab(rng.random(2000), np.arange(2000) < 400, HEIGHT) is None


def test_the_mean_of_slabs_does_not_care_for_the_boundary() -> None:
    found = mean_slab([Slab(0.98, 0.2), Slab(0.04, 0.3)])
    np.testing.assert_allclose([found.low, found.width], [0.01, 0.25], rtol=1e-9, atol=0)


def test_an_interface_is_the_middle_between_two_layers_that_touch() -> None:
    lower, upper = Slab(0.6, 0.36), Slab(0.0, 0.3)
    np.testing.assert_allclose(interface_depth(lower, upper, HEIGHT, ("a", "b")), 0.98, rtol=1e-12, atol=0)
    np.testing.assert_allclose(interface_depth(Slab(0.3, 0.31), lower, HEIGHT, ("b", "a")), 0.605, rtol=1e-12, atol=0)
    with pytest.raises(AnalysisError, match="'a' does not begin where 'b' ends"):
        interface_depth(upper, lower, HEIGHT, ("b", "a"))


def dealt(depths: np.ndarray, layers: np.ndarray, height: float) -> np.ndarray:
    """Thickness of each layer, atom by atom: half of both gaps, at most two angstrom of each."""
    order = np.argsort(depths % height)
    thickness = np.zeros(layers.max() + 1)
    for place, atom in enumerate(order):
        here = depths[atom] % height
        before, after = (depths[order[(place + step) % order.size]] % height for step in (-1, 1))
        thickness[layers[atom]] += min((here - before) % height / 2, 2.0) + min((after - here) % height / 2, 2.0)
    return thickness


@pytest.mark.parametrize("mixing", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("n_atoms", [7, 60, 900])
def test_volumes_of_layers_equal_dealing_gaps_one_by_one(mixing: float, n_atoms: int) -> None:
    rng = np.random.default_rng(7)
    cell = np.array([[9.0, 0, 0], [2.0, 8.0, 0], [-4.0, 1.5, 21.0]])
    share = rng.random((5, n_atoms, 3))
    layers = np.digitize(share[0, :, 2], [0.3, 0.55])
    share[:, :, 2] = share[0, :, 2] + rng.normal(0.0, mixing / 21.0, (5, n_atoms))
    cells = np.array([cell * (1 + 0.01 * t) for t in range(5)])
    positions = np.einsum("tak,tkl->tal", share + rng.integers(-2, 3, share.shape), cells)
    found = layer_volumes(positions, cells, layers)
    for t in range(5):
        scale = 1 + 0.01 * t
        expected = 9.0 * 8.0 * scale**2 * dealt(share[t, :, 2] * 21.0 * scale, layers, 21.0 * scale)
        np.testing.assert_allclose(found[t], expected, rtol=1e-9, atol=1e-9)
        if n_atoms > 7:
            np.testing.assert_allclose(found[t].sum(), np.linalg.det(cells[t]), rtol=1e-9, atol=0)


def test_volumes_of_sharp_layers_are_those_of_their_slabs() -> None:
    rng = np.random.default_rng(8)
    depths, mine = stack(rng, 0.85, 0.3)
    positions = np.zeros((1, 1000, 3))
    positions[0, :, 2] = depths * HEIGHT
    volumes = layer_volumes(positions, np.diag([3.0, 4.0, HEIGHT])[None], mine.astype(np.int64))[0]
    for layer, mask in enumerate((~mine, mine)):
        space = layer_slab(depths, mask, HEIGHT)
        assert space is not None
        np.testing.assert_allclose(volumes[layer], 12.0 * HEIGHT * space.width, rtol=1e-9, atol=0)


def test_atoms_that_react_take_the_space_of_an_atom_and_vapour_none() -> None:
    rng = np.random.default_rng(9)
    # Twenty angstrom of 400 atoms, twenty of 400 others, and forty of vacuum.
    depths = np.concatenate([rng.random(400) * 20.0, 20.0 + rng.random(400) * 20.0])
    layers = np.repeat([0, 1], 400)

    def volumes(of: np.ndarray) -> np.ndarray:
        positions = np.zeros((1, 800, 3))
        positions[0, :, 2] = of
        return np.asarray(layer_volumes(positions, np.diag([10.0, 10.0, 80.0])[None], layers)[0])

    before = volumes(depths)
    np.testing.assert_allclose(before, [2200.0, 2200.0], rtol=0.01, atol=0)
    # Forty atoms go deep into the other layer, which has to make room.
    mixed = depths.copy()
    mixed[:40] = 22.0 + rng.random(40) * 16.0
    after = volumes(mixed)
    np.testing.assert_allclose(after.sum(), before.sum(), rtol=0.02, atol=0)
    # 360 of 400 atoms of the first half, and a part of 40 in 440 of the second one.
    np.testing.assert_allclose(after[0], 2200.0 + 40 / 440 * 2000.0, rtol=0.03, atol=0)
    # Six atoms that evaporate, one after the other along the whole vacuum, neither have nor bound any space.
    gone = depths.copy()
    gone[[3, 50, 100, 450, 500, 600]] = [43.0, 47.0, 52.0, 58.0, 66.0, 74.0]
    np.testing.assert_allclose(volumes(gone), before, rtol=0.01, atol=0)
