"""The recommendation of a thickness, counted on made scans whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from mlip_interfaces.analysis.recommendation import Recommendation, Rule, recommend_thickness
from mlip_interfaces.analysis.replicas import Replicas

N_SCANS = 400


def _scan(
    rng: np.random.Generator,
    truth: Mapping[float, float],
    relative: float,
    n_runs: int,
    between: float = 0.0,
) -> dict[float, Replicas]:
    """Runs of each thickness, with errors from ten parts of each; `between` is what the errors do not know of."""
    scan = {}
    for thickness, value in truth.items():
        within = relative * max(truth.values())
        values = value + rng.normal(0.0, np.hypot(within, between * max(truth.values())), n_runs)
        errors = within * np.sqrt(rng.chisquare(9, n_runs) / 9)
        scan[thickness] = Replicas(tuple(values.tolist()), tuple(errors.tolist()))
    return scan


def _answers(
    loss: Mapping[float, float],
    transport: Mapping[float, float],
    relative: float,
    n_runs: int = 1,
    between: float = 0.0,
) -> list[Recommendation]:
    rng = np.random.default_rng(11)
    return [
        recommend_thickness(
            _scan(rng, loss, relative, n_runs, between), _scan(rng, transport, relative, n_runs, between)
        )
        for _ in range(N_SCANS)
    ]


SAME = {5.0: 1.0, 10.0: 1.0, 20.0: 1.0}
HALVED = {5.0: 1.0, 10.0: 0.5, 20.0: 0.5}
NOTHING_GAINED = {0.0: 1.0, 5.0: 1.0, 10.0: 1.0, 20.0: 1.0}
PROTECTED = {0.0: 1.0, 5.0: 0.3, 10.0: 0.2, 20.0: 0.2}


@pytest.mark.parametrize("relative", [0.02, 0.1, 0.3])
@pytest.mark.parametrize(("n_runs", "between"), [(1, 0.0), (3, 0.0), (3, 0.3)])
def test_a_coating_that_does_not_protect_is_recommended_as_seldom_as_the_level_says(
    relative: float, n_runs: int, between: float
) -> None:
    answers = _answers(NOTHING_GAINED, SAME, relative, n_runs, between)
    wrong = np.mean([answer.outcome == "recommended" for answer in answers])
    assert wrong < 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / N_SCANS)


@pytest.mark.parametrize("relative", [0.02, 0.1, 0.3])
@pytest.mark.parametrize(("n_runs", "between"), [(1, 0.0), (3, 0.3)])
def test_a_coating_that_loses_half_of_d_is_recommended_as_seldom_as_the_level_says(
    relative: float, n_runs: int, between: float
) -> None:
    answers = _answers(PROTECTED, HALVED, relative, n_runs, between)
    wrong = np.mean([(answer.thickness_angstrom or 0.0) > 5.0 for answer in answers])
    assert wrong < 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / N_SCANS)


def test_seed_001_in_numbers_as_good_as_these_gives_ten_angstrom() -> None:
    # D of the coating's Li, 1e-5 cm2/s: 0.06 +- 0.003 at 5 angstrom, 0.02 +- 0.003 at 20; that at 10 with an error as small.
    transport = {5.0: Replicas((0.06,), (0.003,)), 10.0: Replicas((0.06,), (0.004,)), 20.0: Replicas((0.02,), (0.003,))}
    loss = {t: Replicas((value,), (0.02,)) for t, value in ((0.0, 0.4), (5.0, 0.2), (10.0, 0.1), (20.0, 0.05))}
    answer = recommend_thickness(loss, transport)
    assert (answer.outcome, answer.thickness_angstrom) == ("recommended", 10.0)
    assert answer.confidence == pytest.approx(1.0, abs=0.05)
    assert [c.transport for c in answer.candidates] == ["reference", "kept", "below"]
    assert answer.undecided_beyond == ()


def test_the_published_error_at_ten_angstrom_does_not_decide_it_and_the_time_that_would_is_said() -> None:
    transport = {5.0: Replicas((0.06,), (0.003,)), 10.0: Replicas((0.06,), (0.04,)), 20.0: Replicas((0.02,), (0.003,))}
    loss = {t: Replicas((value,), (0.02,)) for t, value in ((0.0, 0.4), (5.0, 0.2), (10.0, 0.1), (20.0, 0.05))}
    answer = recommend_thickness(loss, transport)
    assert (answer.outcome, answer.thickness_angstrom) == ("recommended", 5.0)
    (ten,) = answer.undecided_beyond
    assert (ten.thickness_angstrom, ten.protection, ten.transport) == (10.0, "reduced", "undecided")
    # An error of 0.04 on 0.03 above the bound: by hand, ((t_0.983 + t_0.8) 0.04 / 0.03)^2 with about nine degrees of freedom.
    assert ten.transport_times == pytest.approx(((2.5 + 0.88) * 0.04 / 0.03) ** 2, rel=0.06, abs=0)


def test_a_true_best_thickness_is_found_by_good_data_and_a_thicker_one_that_traps_is_not() -> None:
    answers = _answers(PROTECTED, {5.0: 1.0, 10.0: 1.0, 20.0: 0.33}, 0.05, 3)
    # D of 10 angstrom is called significantly below that of 5, which it equals, at most as often as the level says.
    assert np.mean([answer.thickness_angstrom == 10.0 for answer in answers]) > 0.9
    assert np.mean([answer.thickness_angstrom == 20.0 for answer in answers]) == 0.0


def test_good_data_on_coatings_that_do_not_help_say_that_none_qualifies() -> None:
    answers = _answers(NOTHING_GAINED, SAME, 0.02, 3)
    assert np.mean([answer.outcome == "none qualifies" for answer in answers]) > 0.85


def test_poor_data_do_not_decide_and_as_much_more_time_as_is_said_mostly_does() -> None:
    rng, transport = np.random.default_rng(13), {5.0: 1.0}
    loss, relative = {0.0: 1.0, 5.0: 0.6}, 0.3
    answer = recommend_thickness(
        {0.0: Replicas((1.0,), (relative,)), 5.0: Replicas((0.6,), (relative,))}, {5.0: Replicas((1.0,), (0.1,))}
    )
    assert answer.outcome == "undecided"
    times = answer.candidates[0].loss_times
    assert times is not None
    assert times > 1.0
    again = [
        recommend_thickness(_scan(rng, loss, relative / np.sqrt(times), 1), _scan(rng, transport, 0.1, 1)).outcome
        for _ in range(N_SCANS)
    ]
    assert abs(np.mean([outcome == "recommended" for outcome in again]) - 0.8) < 0.08


def test_a_d_that_is_none_yet_is_never_said_to_be_kept() -> None:
    loss = {t: Replicas((value,), (0.01,)) for t, value in PROTECTED.items()}
    transport = {t: Replicas((1.0,), (0.02,)) for t in SAME}
    assert recommend_thickness(loss, transport).thickness_angstrom == 20.0
    answer = recommend_thickness(loss, transport, not_diffusive=(20.0,))
    assert answer.thickness_angstrom == 10.0
    assert [c.thickness_angstrom for c in answer.undecided_beyond] == [20.0]


def test_a_thickness_without_data_is_undecided_and_one_reference_is_the_next_coating() -> None:
    loss = {t: Replicas((value,), (0.01,)) for t, value in PROTECTED.items() if t != 20.0}
    answer = recommend_thickness(loss, {10.0: Replicas((1.0,), (0.02,)), 20.0: Replicas((1.0,), (0.02,))})
    assert answer.transport_reference_angstrom == 10.0
    verdicts = {c.thickness_angstrom: (c.protection, c.transport, c.verdict) for c in answer.candidates}
    assert verdicts[5.0] == ("reduced", "no data", "undecided")
    assert verdicts[10.0] == ("reduced", "reference", "qualifies")
    assert verdicts[20.0] == ("no data", "kept", "undecided")


def test_without_a_loss_nothing_is_recommended() -> None:
    assert recommend_thickness({}, {5.0: Replicas((1.0,), (0.1,))}).outcome == "undecided"
    assert recommend_thickness({0.0: Replicas((1.0,), (0.1,))}, {}).candidates == ()


def test_a_stricter_level_takes_more_to_convince() -> None:
    loss = {0.0: Replicas((1.0,), (0.2,)), 5.0: Replicas((0.2,), (0.2,))}
    transport = {5.0: Replicas((1.0,), (0.1,))}
    assert recommend_thickness(loss, transport).outcome == "recommended"
    assert recommend_thickness(loss, transport, rule=Rule(level=0.001)).outcome == "undecided"
