"""Units, reactions and lives against slow counting; bonds with two lengths against one pair followed by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mlip_interfaces.analysis.chemistry import BondHistory
from mlip_interfaces.analysis.components import component_roots
from mlip_interfaces.analysis.lifetimes import poisson_interval, survival
from mlip_interfaces.analysis.reactions import BondSearch, unit_history

ELEMENTS = ("P", "S")


def random_bonds(seed: int, n_atoms: int, n_frames: int) -> list[set[tuple[int, int]]]:
    """Bonds of each frame, a few of which change from one to the next."""
    rng = np.random.default_rng(seed)
    bonds: set[tuple[int, int]] = set()
    frames = []
    for t in range(n_frames):
        for _ in range(12 if t == 0 else rng.integers(0, 4)):
            a, b = sorted(rng.choice(n_atoms, 2, replace=False).tolist())
            bonds ^= {(a, b)}
        frames.append(set(bonds))
    return frames


def events(frames: list[set[tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    before: set[tuple[int, int]] = set()
    formed, broken = [], []
    for t, now in enumerate(frames):
        formed += [(t, *pair) for pair in now - before]
        broken += [(t, *pair) for pair in before - now]
        before = now
    return np.array(formed).reshape(-1, 3), np.array(broken).reshape(-1, 3)


def slow_units(bonds: set[tuple[int, int]], n_atoms: int) -> set[frozenset[int]]:
    groups = [{a} for a in range(n_atoms)]
    for a, b in bonds:
        first, second = (next(group for group in groups if atom in group) for atom in (a, b))
        if first is not second:
            groups.remove(second)
            first |= second
    return {frozenset(group) for group in groups}


def slow_name(unit: frozenset[int], part: np.ndarray) -> str:
    counts = Counter(part[list(unit)].tolist())
    large = len(unit) > 6
    return "".join(
        f"{symbol}{'x' if large else counts[i] if counts[i] > 1 else ''}"
        for i, symbol in enumerate(ELEMENTS)
        if counts[i]
    )


@pytest.mark.parametrize("seed", range(6))
def test_units_reactions_flows_and_lives_equal_slow_counting(seed: int) -> None:
    n_atoms, n_frames = 24, 40
    part = np.random.default_rng(seed + 100).integers(0, 2, n_atoms)
    frames = random_bonds(seed, n_atoms, n_frames)
    found = unit_history(part, ELEMENTS, n_frames, *events(frames), largest_unit=6)
    units = [slow_units(bonds, n_atoms) for bonds in frames]
    for t in range(n_frames):
        expected = Counter(slow_name(unit, part) for unit in units[t])
        assert {u: n for u, n in zip(found.units, found.counts[:, t].tolist(), strict=True) if n} == expected
    # Every group of units that share atoms and changed is one reaction.
    reactions: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
    flows: Counter[tuple[str, str]] = Counter()
    for before, after in zip(units[:-1], units[1:], strict=True):
        open_old, open_new = before - after, after - before
        while open_old:
            old, new = {open_old.pop()}, set()
            grown = True
            while grown:
                atoms = frozenset().union(*old, *new)
                more_new = {unit for unit in open_new if unit & atoms}
                more_old = {unit for unit in open_old if unit & atoms}
                grown = bool(more_new or more_old)
                new |= more_new
                old |= more_old
                open_new -= more_new
                open_old -= more_old
            reactions[
                tuple(sorted(slow_name(u, part) for u in old)), tuple(sorted(slow_name(u, part) for u in new))
            ] += 1
            for a in old:
                for b in new:
                    flows[slow_name(a, part), slow_name(b, part)] += len(a & b)
    assert found.reactions == reactions
    assert {(f.source, f.target): sum(f.n_atoms) for f in found.flows} == {pair: n for pair, n in flows.items() if n}
    lives: Counter[tuple[str, int, int, int]] = Counter()
    since = dict.fromkeys(units[0], 0)
    for t in range(1, n_frames):
        for unit in units[t - 1] - units[t]:
            lives[slow_name(unit, part), since.pop(unit), t, 1] += 1
        since |= dict.fromkeys(units[t] - units[t - 1], t)
    for unit, start in since.items():
        lives[slow_name(unit, part), start, n_frames - 1, 0] += 1
    assert Counter((name, *row) for name, rows in found.lives.items() for row in rows.tolist()) == lives


@pytest.mark.parametrize("seed", range(3))
def test_what_is_lost_is_found(seed: int) -> None:
    part = np.random.default_rng(seed).integers(0, 2, 30)
    frames = random_bonds(seed + 10, 30, 60)
    found = unit_history(part, ELEMENTS, 60, *events(frames))
    assert found.is_balanced()
    np.testing.assert_array_equal(found.atoms_in_frame, np.tile(np.bincount(part), (60, 1)))
    change = dict(zip(found.units, found.counts[:, -1] - found.counts[:, 0], strict=True))
    assert found.change_by_reactions() == change
    assert any(change.values())
    # A count that nothing made is noticed.
    found.counts[0, -1] += 1
    assert not found.is_balanced()


def test_roots_are_the_lowest_atoms_of_components() -> None:
    edges = np.random.default_rng(5).integers(0, 60, (40, 2))
    expected = np.arange(60)
    for unit in slow_units({(int(a), int(b)) for a, b in edges if a != b}, 60):
        expected[list(unit)] = min(unit)
    np.testing.assert_array_equal(component_roots(60, edges), expected)


def test_a_vibration_between_both_lengths_is_no_event() -> None:
    """P-S forms below 2.6 and breaks beyond 2.99: one pair is followed through both."""
    lengths = [2.1, 2.7, 2.5, 2.9, 2.2, 3.1, 2.8, 2.7, 2.5, 2.1]
    search, history = BondSearch(np.array(["S", "P"]), {"P-S": 2.6}, 1.15), BondHistory(2, 1)
    for length in lengths:
        found = search.find(np.array([[0.2, 0.0, 0.0], [0.2 - length, 0.0, 0.0]]) % 20.0, np.eye(3) * 20.0)
        history.add(found.bonds, found.stretched)
    changes = history.changes()
    assert changes.formed.tolist() == [[0, 0, 1], [8, 0, 1]]
    assert changes.broken.tolist() == [[5, 0, 1, 0]]


def test_pairs_of_a_frame_equal_all_images() -> None:
    rng = np.random.default_rng(8)
    symbols = np.array(["P"] * 12 + ["S"] * 20 + ["Li"] * 15)
    rng.shuffle(symbols)
    cell = np.array([[8.0, 0.0, 0.0], [2.0, 7.5, 0.0], [-1.0, 1.5, 9.0]])
    positions = rng.random((47, 3)) @ cell
    lengths = {"P-S": 2.6, "P-P": 2.5, "S-S": 2.5, "Li-P": 2.9}
    found = BondSearch(symbols, lengths, 1.2).find(positions, cell)
    shifts = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ cell
    near, far = [], []
    for a in range(47):
        for b in range(a + 1, 47):
            length = lengths.get(f"{symbols[a]}-{symbols[b]}", lengths.get(f"{symbols[b]}-{symbols[a]}"))
            apart = np.linalg.norm(positions[b] - positions[a] + shifts, axis=1).min()
            if length is not None and apart < 1.2 * length:
                (near if apart < length else far).append([a, b])
    assert found.bonds.tolist() == near
    assert found.stretched.tolist() == far
    assert len(near) > 20
    assert len(far) > 10


def test_survival_of_a_constant_rate_with_censoring_is_exponential() -> None:
    """Lives of 5 ps on average, each watched for a time of its own: the estimate, its interval and the mean life."""
    rng = np.random.default_rng(3)
    covered, means = 0, []
    for _ in range(200):
        life, watched = rng.exponential(5.0, 150), rng.uniform(2.0, 12.0, 150)
        found = survival(np.minimum(life, watched), life <= watched)
        at = np.searchsorted(found.times_ps, 5.0, side="right") - 1
        covered += found.low[at] <= np.exp(-1.0) <= found.high[at]
        means.append((found.mean_ps - 5.0) / found.mean_error_ps)
    assert 176 <= covered <= 198
    assert abs(np.mean(means)) < 0.25
    np.testing.assert_allclose(np.std(means), 1.0, rtol=0.2, atol=0)


def test_without_an_end_there_is_a_lower_bound() -> None:
    found = survival(np.full(10, 4.0), np.zeros(10, dtype=bool))
    assert found.survival.tolist() == [1.0, 1.0]
    assert np.isinf(found.mean_ps)
    assert np.isinf(found.median_ps)
    # 40 ps without an event: exp(-40 / tau) = 0.025.
    np.testing.assert_allclose(found.mean_at_least_ps, -40.0 / np.log(0.025), rtol=1e-9, atol=0)


def test_the_interval_of_counts_holds_the_expected_number() -> None:
    counts = np.random.default_rng(4).poisson(4.0, 2000).tolist()
    inside = sum(low <= 4.0 <= high for low, high in map(poisson_interval, counts))
    assert inside >= 0.95 * 2000
