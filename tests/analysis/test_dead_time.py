"""Residence times behind a dead time: switching in continuous time between two and three states, flickers, and what cannot be known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mlip_interfaces.analysis.dead_time import ResidenceTime, residence_of_states

INTERVAL_PS, LEAST, N_FRAMES, N_ATOMS, N_RUNS = 0.1, 5, 800, 50, 60
"""A stay counts from half a picosecond on."""

TWO = {
    lives: [[0.0, 1 / lives[0]], [1 / lives[1], 0.0]] for lives in ((1.0, 10.0), (5.0, 10.0), (2.5, 2.5), (1.0, 1.0))
}
THREE = [[0.0, 0.3, 0.1], [0.35, 0.0, 0.05], [0.05, 0.15, 0.0]]


def switching(rates: list[list[float]], seed: int, n_frames: int = N_FRAMES) -> np.ndarray:
    """Atoms that change their state at any time, at constant rates per picosecond, seen once per frame; drawn jump by jump."""
    rng, table = np.random.default_rng(seed), np.array(rates)
    leaving = table.sum(axis=1)
    steady = np.linalg.lstsq(
        np.vstack([(table - np.diag(leaving)).T, np.ones(len(table))]), np.append(np.zeros(len(table)), 1.0), rcond=None
    )[0]
    frames, labels = np.arange(n_frames) * INTERVAL_PS, np.empty((n_frames, N_ATOMS), dtype=np.int16)
    for a in range(N_ATOMS):
        state, times, states = int(rng.choice(len(table), p=steady)), [0.0], []
        while times[-1] <= frames[-1]:
            states.append(state)
            times.append(times[-1] + rng.exponential(1 / leaving[state]))
            state = int(rng.choice(len(table), p=table[state] / leaving[state]))
        labels[:, a] = np.array(states)[np.searchsorted(times, frames, side="right") - 1]
    return labels


@cache
def found(lives: tuple[float, ...]) -> list[list[ResidenceTime]]:
    rates = TWO.get(lives, THREE)
    return [residence_of_states(switching(rates, seed), len(rates), LEAST, INTERVAL_PS) for seed in range(N_RUNS)]


CASES = [*TWO, tuple(1 / np.sum(row) for row in THREE)]


@pytest.mark.parametrize("lives", CASES)
def test_residence_times_have_no_bias(lives: tuple[float, ...]) -> None:
    for state, life in enumerate(lives):
        values = np.array([run[state].mean_ps for run in found(lives)])
        assert abs(values.mean() - life) < 4.0 * values.std() / np.sqrt(N_RUNS)
        # Where short stays are hidden, time over departures is far off.
        if min(lives) <= 1.0:
            assert np.mean([run[state].settled_ps for run in found(lives)]) > 1.1 * life


@pytest.mark.parametrize("lives", [lives for lives in CASES if lives != (1.0, 1.0)])
def test_intervals_hold_the_planted_lives(lives: tuple[float, ...]) -> None:
    for state, life in enumerate(lives):
        runs = [run[state] for run in found(lives)]
        inside = np.mean([abs(run.mean_ps - life) <= 1.96 * run.mean_error_ps for run in runs])
        assert 0.85 <= inside <= 1.0
        errors, spread = np.mean([run.mean_error_ps for run in runs]), np.std([run.mean_ps for run in runs])
        np.testing.assert_allclose(errors, spread, rtol=0.3, atol=0)
        assert np.mean([run.mean_at_least_ps <= life for run in runs]) > 0.9


def test_a_flicker_is_no_stay() -> None:
    """Long stays whose label vibrates: without the flickers it would be the same time."""
    labels = switching([[0.0, 0.05], [0.05, 0.0]], 1)
    flicker = np.random.default_rng(2).random(labels.shape) < 0.02
    clean, noisy = (
        residence_of_states(one, 2, LEAST, INTERVAL_PS) for one in (labels, np.where(flicker, 1 - labels, labels))
    )
    for before, after in zip(clean, noisy, strict=True):
        np.testing.assert_allclose(after.mean_ps, before.mean_ps, rtol=0.06, atol=0)
        assert after.n_left == before.n_left


def test_without_a_least_stay_it_is_time_over_departures() -> None:
    labels = np.zeros((101, 2), dtype=np.int16)
    labels[60:, 0] = 1
    first, second = residence_of_states(labels, 2, 1, 0.5)
    assert (first.settled_ps, first.n_stays, first.n_left) == (0.5 * (60 + 100), 2, 1)
    # Nothing comes back: from -log(1 - u) per frame.
    np.testing.assert_allclose(first.mean_ps, 0.5 / -np.log(1 - 1 / 160), rtol=1e-9, atol=0)
    np.testing.assert_allclose(first.mean_error_ps, first.mean_ps, rtol=0.01, atol=0)
    assert (second.n_left, second.mean_ps) == (0, np.inf)
    np.testing.assert_allclose(second.mean_at_least_ps, 0.5 * 40 / 3.688879, rtol=1e-6, atol=0)
    assert residence_of_states(labels, 3, 1, 0.5)[2] is None


def test_stays_as_short_as_the_least_are_not_known() -> None:
    labels = (np.arange(200)[:, None] // 5 % 2 + np.zeros((1, 8))).astype(np.int16)
    assert all(np.isnan(one.mean_ps) for one in residence_of_states(labels, 2, 5, 0.1))
