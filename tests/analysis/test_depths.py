"""Depths of a cell: its height, shares from its corner, all axes."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.depths import cell_height, depth_shares


@pytest.mark.parametrize("axis", range(3))
def test_height_is_volume_over_area_and_depth_a_projection_on_the_normal(axis: int) -> None:
    rng = np.random.default_rng(axis)
    cells = np.eye(3) * [10.0, 12.0, 14.0] + rng.normal(0.0, 2.0, (5, 3, 3))
    corners, shares = rng.normal(0.0, 30.0, (5, 3)), rng.random((5, 7, 3))
    images = rng.integers(-3, 4, shares.shape)
    positions = (shares + images) @ cells + corners[:, None]
    others = [k for k in range(3) if k != axis]
    normals = np.cross(cells[:, others[0]], cells[:, others[1]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    heights = np.abs(np.einsum("ti,ti->t", cells[:, axis], normals))
    np.testing.assert_allclose(cell_height(cells, axis=axis), heights, rtol=1e-12, atol=0)
    found = depth_shares(positions, cells, corners, axis=axis)
    np.testing.assert_allclose(found, shares[..., axis], rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        depth_shares(positions[0], cells[0], corners[0], axis=axis), found[0], rtol=0, atol=1e-12
    )


def test_a_rounding_error_below_the_corner_is_the_corner() -> None:
    assert depth_shares(np.array([[0.0, 0.0, -1e-17]]), np.eye(3), np.zeros(3)).tolist() == [0.0]
