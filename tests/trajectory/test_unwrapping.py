"""Unwrapping in tilted and breathing cells, and frames of reference."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.errors import AnalysisError, InputFileError
from mlip_interfaces.trajectory import center_of_mass_path, remove_drift, unwrap
from mlip_interfaces.trajectory.unwrapping import Unwrapper

TILTED = np.array([[8.0, 0, 0], [3.5, 7.0, 0], [-2.0, 3.0, 9.0]])


def walk(rng: np.random.Generator, n_frames: int, n_atoms: int, sigma: float) -> np.ndarray:
    return rng.random((n_atoms, 3)) * 5 + np.cumsum(rng.normal(0, sigma, (n_frames, n_atoms, 3)), axis=0)


def wrapped(positions: np.ndarray, cells: np.ndarray) -> np.ndarray:
    scaled = positions @ np.linalg.inv(cells)
    return (scaled - np.floor(scaled)) @ cells


@pytest.mark.parametrize("scheme", ["tor", "frac"])
def test_paths_in_a_fixed_tilted_cell_are_recovered_exactly(scheme) -> None:
    path = walk(np.random.default_rng(1), 300, 6, 0.4)
    cells = np.repeat(TILTED[None], 300, axis=0)
    moved = unwrap(wrapped(path, cells), cells, scheme=scheme)
    np.testing.assert_allclose(moved - moved[0], path - path[0], rtol=0, atol=1e-9)
    assert np.abs(path - path[0]).max() > 9.0, "paths cross boundaries"


@pytest.mark.parametrize("scheme", ["tor", "frac"])
def test_chunks_change_nothing(scheme) -> None:
    rng = np.random.default_rng(2)
    cells = TILTED * rng.normal(1, 0.01, (50, 1, 1))
    positions = wrapped(walk(rng, 50, 4, 0.4), cells)
    whole = unwrap(positions, cells, scheme=scheme)
    unwrapper = Unwrapper(scheme)
    parts = [unwrapper.feed(positions[i : i + 7], cells[i : i + 7]) for i in range(0, 50, 7)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-9)


def test_tor_equals_a_loop_over_frames_in_a_breathing_cell() -> None:
    rng = np.random.default_rng(3)
    lengths = 9.0 * rng.normal(1, 0.02, 200)
    cells = lengths[:, None, None] * np.eye(3)
    view = walk(rng, 200, 1, 0.4)[:, 0, 0] % lengths
    expected = [view[0]]
    for i in range(1, 200):
        step = view[i] - view[i - 1]
        expected.append(expected[-1] + step - np.floor(step / lengths[i] + 0.5) * lengths[i])
    positions = np.zeros((200, 1, 3))
    positions[:, 0, 0] = view
    np.testing.assert_allclose(unwrap(positions, cells)[:, 0, 0], expected, rtol=0, atol=1e-9)


def test_images_times_a_noisy_box_are_noise_that_both_schemes_leave_out() -> None:
    # An atom at rest in the box's middle of image +5, as `xu` writes it, jitters by five times the noise of the box.
    lengths = 10.0 * np.random.default_rng(4).normal(1, 0.01, 500)
    cells = lengths[:, None, None] * np.eye(3)
    positions = np.zeros((500, 1, 3))
    positions[:, 0, 0] = 0.1 * 10.0 + 5 * lengths
    assert positions[:, 0, 0].std() > 0.4
    for scheme in ("tor", "frac"):
        assert unwrap(positions, cells, scheme=scheme)[:, 0, 0].std() < 0.05


@pytest.mark.parametrize("scheme", ["tor", "frac"])
def test_a_step_of_nearly_half_a_cell_is_refused_with_its_frames(scheme) -> None:
    positions = np.zeros((6, 2, 3))
    positions[4:, 1, 2] = 0.45 * 9.0
    cells = np.repeat(9.0 * np.eye(3)[None], 6, axis=0)
    with pytest.raises(InputFileError, match="between frames 3 and 4"):
        unwrap(positions, cells, scheme=scheme)
    unwrapper = Unwrapper(scheme)
    unwrapper.feed(positions[:4], cells[:4])
    with pytest.raises(InputFileError, match="between frames 3 and 4"):
        unwrapper.feed(positions[4:], cells[4:])


def test_image_flags_are_trusted_in_a_constant_cell_and_refused_in_a_changing_one() -> None:
    rng = np.random.default_rng(5)
    path = walk(rng, 50, 6, 3.0)
    cells = np.repeat(TILTED[None], 50, axis=0)
    view = wrapped(path, cells)
    np.testing.assert_allclose(Unwrapper("image").feed(view, cells, stored=path), path, rtol=0, atol=1e-9)
    np.testing.assert_allclose(Unwrapper("auto").feed(view, cells, stored=path), path, rtol=0, atol=1e-9)
    with pytest.raises(InputFileError, match="is a guess"):
        Unwrapper("tor").feed(view, cells)
    breathing = cells * rng.normal(1, 0.01, (50, 1, 1))
    with pytest.raises(InputFileError, match="The cell changes"):
        Unwrapper("image").feed(view, breathing, stored=path)
    with pytest.raises(InputFileError, match="no image flags"):
        Unwrapper("image").feed(view, cells)


def test_auto_turns_to_tor_where_the_cell_starts_to_change() -> None:
    rng = np.random.default_rng(7)
    scale = np.concatenate([np.ones(20), rng.normal(1, 0.005, 30)])
    cells = TILTED * scale[:, None, None]
    path = walk(rng, 50, 6, 0.3)
    for stored in (path, None):
        unwrapper = Unwrapper("auto")
        parts = [
            unwrapper.feed(
                wrapped(path, cells)[i : i + 10],
                cells[i : i + 10],
                stored=None if stored is None else stored[i : i + 10],
            )
            for i in range(0, 50, 10)
        ]
        moved = np.concatenate(parts)
        np.testing.assert_allclose(moved[:20] - moved[0], path[:20] - path[0], rtol=0, atol=1e-9)
        by_tor = unwrap(wrapped(path, cells)[19:], cells[19:])
        np.testing.assert_allclose(moved[19:] - moved[19], by_tor - by_tor[0], rtol=0, atol=1e-9)


def test_a_box_that_breathes_about_its_centre_moves_nobody_at_the_centre() -> None:
    lengths = 10.0 + np.sin(np.arange(30.0))
    cells = lengths[:, None, None] * np.eye(3)
    origins = np.repeat((5.0 - lengths / 2.0)[:, None], 3, axis=1)
    positions = np.full((30, 1, 3), 5.0)
    for scheme in ("tor", "frac"):
        unwrapper = Unwrapper(scheme)
        for i in range(0, 30, 7):
            path = unwrapper.feed(positions[i : i + 7], cells[i : i + 7], origins=origins[i : i + 7])
            np.testing.assert_allclose(path, 5.0, rtol=0, atol=1e-12)


def test_lattice_frame_keeps_the_reference_at_rest_and_no_one_else() -> None:
    rng = np.random.default_rng(6)
    positions, masses = rng.normal(size=(20, 5, 3)), np.array([7.0, 7.0, 59.0, 16.0, 32.0])
    reference = np.array([False, False, True, True, False])
    moved = remove_drift(positions, masses, reference_mask=reference)
    np.testing.assert_allclose(np.einsum("tai,a->ti", moved[:, 2:4], masses[2:4]), 0.0, rtol=0, atol=1e-12)
    assert np.abs(center_of_mass_path(moved, masses)).max() > 0.1


def test_empty_reference_is_refused() -> None:
    with pytest.raises(AnalysisError, match="has no atom"):
        remove_drift(np.zeros((3, 2, 3)), np.ones(2), reference_mask=np.zeros(2, dtype=bool))
