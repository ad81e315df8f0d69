"""Motion by surroundings: planted environments of two rates, coverage of the intervals, and slow counting of every sum."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.environments import (
    LEAVES_AT_ONCE,
    STAYS_BELOW_A_JUMP,
    TOO_FEW,
    _conditional_sums,
    environments,
    neighbor_numbers,
    settled,
    stays_of,
)
from mlip_interfaces.errors import AnalysisError

LIVES, RATES, SCALE = (60.0, 30.0), (0.1, 1.0), 0.05
"""Residence times in frames, and diffusivities: 0.1 and 1, times a scale in angstrom^2 per frame."""


def two_environments(seed: int, n_frames: int = 240, n_atoms: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Walkers that change between a slow and a fast environment at constant rates, with rattling on top."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((n_frames, n_atoms), dtype=np.int16)
    labels[0] = rng.random(n_atoms) < 1 / 3
    for t in range(1, n_frames):
        leaves = rng.random(n_atoms) < 1 / np.array(LIVES)[labels[t - 1]]
        labels[t] = np.where(leaves, 1 - labels[t - 1], labels[t - 1])
    rate = SCALE * np.array(RATES)[labels]
    # Between two frames, half of the time in the environment of either: 2 D dt along each direction.
    steps = rng.normal(size=(n_frames - 1, n_atoms, 3)) * np.sqrt(rate[1:] + rate[:-1])[..., None]
    path = np.concatenate([np.zeros((1, n_atoms, 3)), np.cumsum(steps, axis=0)])
    return path - path[0] + rng.normal(0.0, 0.1, path.shape), labels


@pytest.fixture(scope="module")
def replicas():
    return [environments(*two_environments(seed), 2, 1.0, jump_distance_angstrom=1.5) for seed in range(200)]


def test_intervals_of_d_cover_the_planted_rates(replicas) -> None:
    for e, rate in enumerate(RATES):
        true = rate * SCALE * 1e-4
        inside = sum(low <= true <= high for low, high in (found[e].confidence_95_cm2_per_s for found in replicas))
        assert 176 <= inside <= 198


def test_d_of_either_environment_has_no_bias_and_the_uncorrected_one_has(replicas) -> None:
    for e, rate in enumerate(RATES):
        values = np.array([found[e].diffusivity_cm2_per_s for found in replicas]) / (rate * SCALE * 1e-4)
        assert abs(values.mean() - 1.0) < 4.0 * values.std() / np.sqrt(len(values))
        errors = np.array([found[e].diffusivity_error_cm2_per_s for found in replicas]) / (rate * SCALE * 1e-4)
        np.testing.assert_allclose(errors.mean(), values.std(), rtol=0.15, atol=0)
    slow = np.mean([found[0].uncorrected_cm2_per_s for found in replicas]) / (RATES[0] * SCALE * 1e-4)
    assert slow > 1.2
    assert all(found[0].fit_lags_ps[1] < found[0].residence.mean_ps for found in replicas)


def test_residence_times_with_censoring_have_no_bias(replicas) -> None:
    # Of the switching in continuous time that leaves with these probabilities from frame to frame.
    leaving = sum(1 / life for life in LIVES)
    for e, life in enumerate(LIVES):
        true = life * leaving / -np.log(1.0 - leaving)
        deviation = [(found[e].residence.mean_ps - true) / found[e].residence.mean_error_ps for found in replicas]
        assert abs(np.mean(deviation)) < 0.3
        np.testing.assert_allclose(np.std(deviation), 1.0, rtol=0.2, atol=0)
        at = [np.interp(life, found[e].entered.times_ps, found[e].entered.survival) for found in replicas]
        np.testing.assert_allclose(np.mean(at), np.exp(-1.0), rtol=0.05, atol=0)


def test_sums_equal_a_loop_over_all_origins() -> None:
    path, labels = two_environments(3, 40, 5)
    lags, group = np.array([1, 3, 8]), np.array([0, 0, 1, 1, 2])
    squares, origins, times = _conditional_sums(path, labels, lags, 2, group, 3)
    slow = np.zeros_like(squares), np.zeros_like(origins), np.zeros_like(times)
    for a in range(5):
        for k, lag in enumerate(lags):
            for t in range(40 - lag):
                at = (group[a], labels[t, a], k)
                slow[0][at] += ((path[t + lag, a] - path[t, a]) ** 2).sum()
                slow[1][at] += 1
                for s in range(t, t + lag):
                    slow[2][*at, labels[s, a]] += 0.5
                    slow[2][*at, labels[s + 1, a]] += 0.5
    for fast, expected in zip((squares, origins, times), slow, strict=True):
        np.testing.assert_allclose(fast, expected, rtol=1e-9, atol=1e-12)


def test_hops_are_those_of_the_environment_before_them() -> None:
    path = np.zeros((40, 2, 3))
    path[10:, 0, 0] += 3.0
    path[20:, 0, 1] += 3.0
    path[30:, 1, 2] -= 3.0
    labels = np.zeros((40, 2), dtype=np.int16)
    labels[15:, 0] = 1
    first, second = environments(path, labels, 2, 0.5, jump_distance_angstrom=2.0)
    assert (first.n_hops, second.n_hops) == (2, 1)
    # Fifteen frames of one atom and 39 steps of the other.
    np.testing.assert_allclose(first.hops_per_ps, 2 / (0.5 * (15 + 39)), rtol=1e-9, atol=0)
    low, high = first.hops_95_per_ps
    np.testing.assert_allclose([low, high], np.array([0.242209, 7.224688]) / 27.0, rtol=1e-5, atol=0)


def test_flickers_belong_to_the_stay_before() -> None:
    rng = np.random.default_rng(7)
    labels = np.repeat(rng.integers(0, 3, (12, 6)), 5, axis=0)[:60].astype(np.int16)
    noisy = labels.copy()
    noisy[7], noisy[33] = (noisy[7] + 1) % 3, (noisy[33] + 2) % 3
    np.testing.assert_array_equal(settled(noisy, 2), labels)
    np.testing.assert_array_equal(settled(noisy, 1), noisy)


def test_doubt_of_residence_times_where_a_least_stay_hides_most() -> None:
    """Ten frames are the least stay: of lives of 200 nothing is doubtful, of 30 and of 3 it is, as what 3 gives may look slow."""
    for life, doubtful in ((200.0, False), (30.0, True), (3.0, True)):
        rng = np.random.default_rng(3)
        labels = (np.cumsum(rng.random((1500, 40)) < 1.0 / life, axis=0) % 2).astype(np.int16)
        path = np.cumsum(rng.normal(0.0, 0.3, (1500, 40, 3)), axis=0)
        for one in environments(path - path[0], labels, 2, 0.1, jump_distance_angstrom=2.0, min_stay_frames=10):
            assert bool(one.residence_doubts) == doubtful


def test_stays_add_up_to_the_run() -> None:
    _, labels = two_environments(9)
    stays = stays_of(labels)
    assert (stays[:, 2] - stays[:, 1]).sum() == labels.shape[1] * (len(labels) - 1)
    assert stays[:, 3].sum() == np.count_nonzero(labels[1:] != labels[:-1])
    assert np.count_nonzero(stays[:, 3] == 0) == labels.shape[1]


def test_neighbours_equal_all_images() -> None:
    rng = np.random.default_rng(11)
    cell = np.array([[6.0, 0.0, 0.0], [1.5, 6.5, 0.0], [-1.0, 1.0, 7.0]])
    positions, kind = rng.random((40, 3)) @ cell, rng.integers(0, 3, 40)
    numbers = neighbor_numbers(positions, cell, kind == 0, [kind == k for k in range(3)], [2.5, 2.9, 2.2])
    shifts = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ cell
    for row, a in enumerate(np.flatnonzero(kind == 0)):
        lengths = np.linalg.norm(positions[:, None] + shifts - positions[a], axis=2)
        for k, cutoff in enumerate((2.5, 2.9, 2.2)):
            near = (lengths[kind == k] < cutoff) & (lengths[kind == k] > 1e-9)
            assert numbers[row, k] == near.sum()


def test_what_is_no_diffusivity_says_so() -> None:
    rng = np.random.default_rng(12)
    rattling = rng.normal(0.0, 0.2, (100, 8, 3))
    labels = np.zeros((100, 8), dtype=np.int16)
    labels[:, 0] = 1
    most, single = environments(rattling, labels, 2, 1.0, jump_distance_angstrom=2.0)
    assert most.doubts == (STAYS_BELOW_A_JUMP,)
    assert most.n_hops == 0
    assert single.doubts == (TOO_FEW,)
    assert np.isnan(single.diffusivity_cm2_per_s)
    changing = (np.arange(100)[:, None] // 2 % 2 + np.zeros((1, 8))).astype(np.int16)
    assert LEAVES_AT_ONCE in environments(rattling, changing, 2, 1.0, jump_distance_angstrom=2.0)[0].doubts
    with pytest.raises(AnalysisError, match="at least 16 frames, not 10"):
        environments(rattling[:10], labels[:10], 2, 1.0, jump_distance_angstrom=2.0)
