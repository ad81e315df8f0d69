"""Selection by coverage: analytic cases, an oracle for the greedy step, and what the order must not depend on."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mlip_interfaces.potentials.features import Environments, force_deviation, scaled_features
from mlip_interfaces.potentials.selection import greedy_coverage, rank_environments, select_diverse


def environments(features: np.ndarray, frame: np.ndarray, deviation: np.ndarray | None = None) -> Environments:
    n_atoms = len(features)
    return Environments(
        frame=frame,
        species=np.zeros(n_atoms, dtype=np.int64),
        features=features,
        deviation_ev_per_angstrom=np.ones(n_atoms) if deviation is None else deviation,
        n_frames=int(frame.max()) + 1,
    )


def coverage(similarity: np.ndarray, weights: np.ndarray, covered: np.ndarray, chosen: list[int]) -> float:
    """The function that is maximised, as its definition says."""
    total = 0.0
    for row in range(len(similarity)):
        total += weights[row] * max([covered[row], *(similarity[row, column] for column in chosen)])
    return total


@pytest.mark.parametrize("seed", range(5))
def test_each_pick_gains_as_much_as_the_best_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarity = rng.random((30, 12))
    weights, covered = rng.random(30), 0.7 * rng.random(30)
    order = greedy_coverage(similarity.astype(np.float32), weights, 12, covered.astype(np.float32))
    assert sorted(order) == list(range(12))
    for number, picked in enumerate(order):
        before = order[:number]
        gains = {
            column: coverage(similarity, weights, covered, [*before, column])
            for column in range(12)
            if column not in before
        }
        np.testing.assert_allclose(gains[picked], max(gains.values()), rtol=1e-6, atol=0)


def test_greedy_is_within_its_guarantee_of_the_best_batch() -> None:
    rng = np.random.default_rng(7)
    similarity = rng.random((25, 9)) ** 4
    weights, covered = rng.random(25), np.zeros(25)
    order = greedy_coverage(similarity.astype(np.float32), weights, 3)
    best = max(coverage(similarity, weights, covered, list(batch)) for batch in itertools.combinations(range(9), 3))
    assert coverage(similarity, weights, covered, order) >= (1 - 1 / np.e) * best


def test_one_of_each_cluster_comes_before_a_second_of_any() -> None:
    rng = np.random.default_rng(1)
    centers = 6.0 * np.eye(5)
    cluster = np.repeat(np.arange(5), [40, 3, 20, 10, 2])
    features = centers[cluster] + 0.05 * rng.normal(size=(75, 5))
    order = select_diverse(features, 10)
    assert sorted(cluster[order[:5]]) == [0, 1, 2, 3, 4]
    # What is common goes first: it is what the error consists of.
    assert cluster[order[0]] == 0


def test_copies_come_after_everything_distinct() -> None:
    distinct = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    order = select_diverse(distinct[[0, 0, 0, 1, 2, 1, 3]], 7)
    assert {tuple(distinct[[0, 0, 0, 1, 2, 1, 3]][index]) for index in order[:4]} == {tuple(row) for row in distinct}


def test_points_on_a_line_are_spread_over_it() -> None:
    line = np.linspace(0.0, 10.0, 101)[:, None]
    picked = np.sort(line[select_diverse(line, 5, length=1.0), 0])
    # Five wells of equal width would lie at 1, 3, 5, 7, 9; greedy picks need not be optimal, but leave no gap.
    assert np.diff(picked).min() > 1.2
    assert max(picked[0], 10.0 - picked[-1]) < 2.0


def test_what_is_labelled_already_is_passed_over() -> None:
    rng = np.random.default_rng(2)
    known = rng.normal(size=(200, 3))
    near, new = known[:50] + 0.02 * rng.normal(size=(50, 3)), rng.normal(size=(3, 3)) + 20.0 * np.eye(3)
    order = select_diverse(np.concatenate([near, new]), 5, already=known)
    assert set(order[:3]) == {50, 51, 52}


def test_known_surroundings_of_another_element_do_not_count() -> None:
    features = np.array([[0.0], [3.0]])
    species = np.array([0, 1])
    order = select_diverse(
        features, 1, frame=np.arange(2), species=species, already=np.array([[0.0], [3.0]]),
        already_species=np.array([0, 0]),
    )  # fmt: skip
    assert order.tolist() == [1]


def test_uncertain_atoms_decide() -> None:
    """One frame with three atoms a little uncertain, one with one very uncertain atom."""
    features = np.array([[0.0], [10.0], [20.0], [30.0], [40.0], [50.0]])
    frame = np.array([0, 0, 0, 1, 1, 1])
    for deviation, expected in ((2.0, 0), (4.0, 1)):
        weights = np.array([1.0, 1.0, 1.0, deviation, 0.1, 0.1])
        assert select_diverse(features, 1, frame=frame, weights=weights).tolist() == [expected]


def test_a_lone_outlier_is_worth_less_than_a_crowd() -> None:
    crowd = np.zeros((50, 1)) + 0.01 * np.random.default_rng(3).normal(size=(50, 1))
    order = select_diverse(np.concatenate([[[30.0]], crowd]), 2)
    assert order[0] != 0
    assert order[1] == 0


def test_the_sample_that_stands_for_many_atoms_picks_as_the_full_set_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    cluster = rng.choice(6, size=3000, p=[0.3, 0.25, 0.2, 0.12, 0.08, 0.05])
    features = 5.0 * np.eye(6)[cluster] + 0.05 * rng.normal(size=(3000, 6))
    sampled = select_diverse(features, 6, seed=1)
    monkeypatch.setattr("mlip_interfaces.potentials.selection._N_DEMAND", 10_000)
    full = select_diverse(features, 6)
    # Clusters in the order of their sizes, both times.
    assert cluster[sampled].tolist() == cluster[full].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_order_does_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    features, frame = rng.normal(size=(300, 4)), np.repeat(np.arange(30), 10)
    whole = select_diverse(features, 30, frame=frame)
    monkeypatch.setattr("mlip_interfaces.potentials.selection._BLOCK_ATOMS", 17)
    assert select_diverse(features, 30, frame=frame).tolist() == whole.tolist()


def test_the_order_follows_the_candidates_wherever_they_stand_in_the_list() -> None:
    rng = np.random.default_rng(6)
    features = rng.normal(size=(20, 8, 3))
    shuffle = rng.permutation(20)
    frame = np.repeat(np.arange(20), 8)
    order = select_diverse(features.reshape(-1, 3), 20, frame=frame)
    atoms_shuffled = features[shuffle][:, rng.permutation(8)].reshape(-1, 3)
    moved = select_diverse(atoms_shuffled, 20, frame=frame)
    assert shuffle[moved].tolist() == order.tolist()


def test_equal_calls_give_equal_orders() -> None:
    rng = np.random.default_rng(8)
    features = rng.normal(size=(4000, 3))
    assert select_diverse(features, 9, seed=3).tolist() == select_diverse(features, 9, seed=3).tolist()


def test_no_candidate_gives_no_order_and_more_than_all_gives_all() -> None:
    assert select_diverse(np.empty((0, 3)), 4).size == 0
    assert sorted(select_diverse(np.arange(3.0)[:, None], 10)) == [0, 1, 2]


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_weights_that_are_no_weights_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        select_diverse(np.zeros((2, 1)), 1, weights=np.array([1.0, wrong]))


def test_scaled_features_have_unit_variance_and_keep_distances() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(size=(5000, 4)) * [3.0, 2.0, 1.0, 0.5] + 7.0
    parts = [environments(values[:4000], np.arange(4000)), environments(values[4000:], np.arange(1000))]
    first, second = scaled_features(parts, n_components=4)
    together = np.concatenate([first, second])
    # Clipping at 0.5 and 99.5 % takes 2.6 % off the variance of a normal distribution, sampling noise adds 2 %.
    np.testing.assert_allclose(together.var(axis=0).sum(), 1.0, rtol=0.06, atol=0)
    ratio = np.linalg.norm(together[:50, None] - together[None, :50], axis=2)[~np.eye(50, dtype=bool)]
    true = np.linalg.norm(values[:50, None] - values[None, :50], axis=2)[~np.eye(50, dtype=bool)]
    np.testing.assert_allclose(ratio / true, (ratio / true)[0], rtol=1e-9, atol=0)


def test_force_deviation_is_the_population_standard_deviation_of_the_vector() -> None:
    rng = np.random.default_rng(10)
    forces = rng.normal(size=(4, 5, 3))
    expected = np.sqrt(forces.var(axis=0, ddof=0).sum(axis=1))
    np.testing.assert_allclose(force_deviation(forces), expected, rtol=1e-12, atol=0)


def test_a_frame_of_known_environments_ranks_last() -> None:
    rng = np.random.default_rng(11)
    frame = np.repeat(np.arange(4), 6)
    features = rng.normal(size=(24, 5)) + 8.0 * np.eye(5)[np.minimum(frame, 3)]
    known = environments(features[frame == 2], np.zeros(6, dtype=np.int64))
    order = rank_environments(environments(features, frame), known, 4)
    assert order[-1] == 2
