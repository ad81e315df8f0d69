"""Conductivities against published numbers, SI constants and walks whose correlations are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import constants

from mlip_interfaces.analysis.arrhenius import arrhenius_fit
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.screening.transport.conductivity import (
    Estimate,
    IonMotion,
    RunTransport,
    charge_diffusivity_factor,
    line_through,
    mean_estimate,
    of_temperature,
)
from mlip_interfaces.screening.transport.conductivity_series import run_transport
from mlip_interfaces.trajectory import trajectory_of_arrays

EDGE = 20.0
KELVIN = 800.0
STEP2 = 0.5
"""Mean square of a step along one direction, angstrom^2 per picosecond."""


def llzo() -> dict[float, Estimate]:
    # X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018).
    kelvin = (600, 650, 700, 720, 800, 900, 1050, 1200, 1500.0)
    d = np.array([1.24, 1.56, 2.13, 1.85, 3.51, 4.85, 8.24, 13.8, 18.3]) * 1e-6
    error = np.array([0.34, 0.405, 0.557, 0.387, 0.70, 0.699, 1.34, 1.49, 2.58]) * 1e-6
    return {T: Estimate(v, e, v - 2 * e, v + 2 * e) for T, v, e in zip(kelvin, d.tolist(), error.tolist(), strict=True)}


def test_llzo_has_its_published_energy_and_conductivity() -> None:
    line = line_through(llzo(), {})
    np.testing.assert_allclose(line.activation_energy_ev.value, 0.258128283, rtol=1e-4, atol=0)
    np.testing.assert_allclose(line.activation_energy_ev.error, 0.016832020, rtol=1e-4, atol=0)
    np.testing.assert_allclose(line.at(300.0).value, 6.80754e-9, rtol=1e-4, atol=0)
    factor = charge_diffusivity_factor({"Li": (56, 1.0)}, 12.98**3, 300.0)
    np.testing.assert_allclose(factor, 158701249.73192352, rtol=1e-4, atol=0)
    # Theirs is with k = 8.617e-5 eV/K in both factors.
    np.testing.assert_allclose(line.at(300.0).value * factor, 1.0803651, rtol=3e-4, atol=0)
    np.testing.assert_allclose(line.at(300.0).value * 158701249.73192352, 1.0803651, rtol=1e-4, atol=0)
    # Points that agree with their line leave its interval at 1.96 standard errors, even in log D.
    assert line.probability > 0.05
    np.testing.assert_allclose(line.half_95, 1.959964, rtol=1e-6, atol=0)
    value, low, high = line.fit.diffusivity(300.0)
    np.testing.assert_allclose(
        [line.at(300.0).low, line.at(300.0).high],
        [value * (low / value) ** 1.959964, value * (high / value) ** 1.959964],
        rtol=1e-5,
        atol=0,
    )


def test_intervals_of_an_extrapolation_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    kelvin = np.array([600.0, 700.0, 850.0, 1000.0])
    true = 1e-3 * np.exp(-0.3 * constants.e / (constants.k * kelvin))
    wanted = 1e-3 * np.exp(-0.3 * constants.e / (constants.k * 300.0))
    inside = 0
    for _ in range(400):
        found = true * np.exp(rng.normal(0.0, 0.15, 4))
        line = line_through({T: Estimate(v, 0.15 * v, 0.0, 1.0) for T, v in zip(kelvin, found, strict=True)}, {})
        inside += line.at(300.0).low < wanted < line.at(300.0).high
    # 0.95 within three standard errors of the count.
    assert abs(inside / 400 - 0.95) < 3.0 * np.sqrt(0.95 * 0.05 / 400)


def test_points_that_scatter_more_than_their_errors_say_widen_the_interval() -> None:
    points = {500.0: 1e-6, 600.0: 6e-6, 700.0: 7e-6, 900.0: 6e-5}
    small = {T: Estimate(v, 0.05 * v, 0.9 * v, 1.1 * v) for T, v in points.items()}
    line = line_through(small, {})
    assert line.probability < 0.05
    expected = np.array([line.fit.diffusivity(T)[0] for T in points])
    values = np.array(list(points.values()))
    ratio = np.sqrt(((np.log(values / expected) / 0.05) ** 2).sum() / 2)
    np.testing.assert_allclose(line.half_95, 4.302653 * ratio, rtol=1e-5, atol=0)


def test_bounds_are_no_points_and_are_held_against_the_line() -> None:
    points = llzo()
    alone = line_through(points, {})
    with_bounds = line_through(points, {400.0: 1e-6, 450.0: 1e-8})
    assert with_bounds.activation_energy_ev == alone.activation_energy_ev
    assert with_bounds.disagreeing_kelvin == (450.0,)
    with pytest.raises(AnalysisError, match="two temperatures"):
        line_through({600.0: points[600.0]}, {700.0: 1.0})


def test_mean_of_runs_is_theirs_and_what_is_not_diffusive_stays_wide() -> None:
    runs = [Estimate(1.0, 0.1, 0.8, 1.2), Estimate(1.2, 0.1, 0.1, 1.4), Estimate(1.1, 0.1, 0.2, 1.3)]
    all_known, some = mean_estimate(runs, [True] * 3), mean_estimate(runs, [True, False, False])
    np.testing.assert_allclose([all_known.value, all_known.error], [1.1, 0.1 / np.sqrt(3)], rtol=1e-9, atol=0)
    np.testing.assert_allclose(all_known.high - 1.1, 1.1 - all_known.low, rtol=1e-9, atol=0)
    assert all_known.low > 0.8
    np.testing.assert_allclose(some.low, np.mean([0.8, 0.1, 0.2]), rtol=1e-9, atol=0)


def test_most_runs_decide_whether_a_temperature_is_a_point() -> None:
    known = IonMotion(40, 1.0, Estimate(1e-6, 1e-7, 8e-7, 1.2e-6))
    bound = IonMotion(40, 1.0, Estimate(9e-7, 3e-7, 0.0, 1.5e-6), ("its MSD may still bend",), 500.0)
    sigma = Estimate(1e-3, 1e-4, 8e-4, 1.2e-3)
    runs = {name: RunTransport(name, KELVIN, EDGE**3, {"Li": one}, sigma) for name, one in (("a", known), ("b", bound))}
    assert of_temperature([runs["a"], runs["a"], runs["b"]]).is_point
    half = of_temperature([runs["a"], runs["b"]])
    assert not half.is_point
    assert half.haven_ratio is None
    assert half.is_bound
    # Motion that is driven has no length of a run that would tell, and bounds nothing.
    driven = RunTransport("c", KELVIN, EDGE**3, {"Li": IonMotion(40, 1.0, bound.diffusivity, ("no walk",))}, sigma)
    assert not of_temperature([driven]).is_bound
    longer = RunTransport("d", KELVIN, EDGE**3, {"Li": replace(bound, run_at_least_ps=800.0)}, sigma)
    np.testing.assert_allclose(of_temperature([longer, runs["b"], runs["a"]]).run_at_least_ps, 800.0, rtol=0, atol=0)
    for order in ([driven, longer], [longer, driven]):
        assert np.isnan(of_temperature(order).run_at_least_ps)
        assert not of_temperature(order).is_bound
    assert np.isnan(of_temperature([runs["a"]]).run_at_least_ps)
    # Nernst and Einstein in SI: n z^2 e^2 D / (V k T), from S/m to mS/cm.
    si = 40 / (EDGE * 1e-10) ** 3 * constants.e**2 * 0.95e-10 / (constants.k * KELVIN)
    np.testing.assert_allclose(half.nernst_einstein.value, si * 10.0, rtol=1e-9, atol=0)


def transport(steps: np.ndarray, symbols: list[str], charges: dict[str, float], drift: str | None = None):
    """Of walks with these steps, beside a framework that rattles."""
    rng = np.random.default_rng(99)
    walks = np.cumsum(steps, axis=0)
    framework = rng.normal(0.0, 0.05, (len(walks), 60, 3)) + rng.uniform(0.0, EDGE, (60, 3))
    trajectory = trajectory_of_arrays(
        np.concatenate([10.0 + walks, framework], axis=1),
        np.eye(3) * EDGE,
        [*symbols, *["O"] * 60],
        frame_interval_ps=1.0,
    )
    return run_transport(trajectory, charges, KELVIN, drift=drift)


def independent_sigma(n_ions: int, charge: float = 1.0) -> float:
    """S/cm of walkers with STEP2, in SI."""
    d_m2_per_s = STEP2 / 2.0 * 1e-20 / 1e-12
    return n_ions / (EDGE * 1e-10) ** 3 * (charge * constants.e) ** 2 * d_m2_per_s / (constants.k * KELVIN) / 100.0


@pytest.fixture(scope="module")
def free_steps() -> np.ndarray:
    return np.random.default_rng(7).normal(0.0, np.sqrt(STEP2), (3000, 24, 3))


def test_a_walk_of_known_diffusivity_has_the_conductivity_of_nernst_and_einstein(free_steps: np.ndarray) -> None:
    run, _ = transport(free_steps, ["Li"] * 24, {"Li": 1.0})
    found = of_temperature([run])
    expected = independent_sigma(24)
    np.testing.assert_allclose(run.ions["Li"].diffusivity.value, STEP2 / 2.0 * 1e-4, rtol=0.03, atol=0)
    np.testing.assert_allclose(found.nernst_einstein.value, 1000.0 * expected, rtol=0.03, atol=0)
    assert abs(run.conductivity.value - expected) < 3.0 * run.conductivity.error < 0.5 * expected
    assert run.conductivity.low < expected < run.conductivity.high
    # Independent walkers: the Haven ratio is one.
    assert found.haven_ratio is not None
    assert abs(found.haven_ratio.value - 1.0) < 3.0 * found.haven_ratio.error < 0.5
    assert found.haven_ratio.low < 1.0 < found.haven_ratio.high


def test_conductivity_grows_with_the_squared_charge(free_steps: np.ndarray) -> None:
    one, _ = transport(free_steps, ["Mg"] * 24, {"Mg": 1.0})
    two, _ = transport(free_steps, ["Mg"] * 24, {"Mg": 2.0})
    np.testing.assert_allclose(two.conductivity.value / one.conductivity.value, 4.0, rtol=1e-9, atol=0)
    ratio = of_temperature([two]).nernst_einstein.value / of_temperature([one]).nernst_einstein.value
    np.testing.assert_allclose(ratio, 4.0, rtol=1e-9, atol=0)


def test_ions_that_move_in_rigid_pairs_have_a_haven_ratio_of_one_half(free_steps: np.ndarray) -> None:
    run, _ = transport(np.repeat(free_steps[:, :12], 2, axis=1), ["Li"] * 24, {"Li": 1.0})
    haven = of_temperature([run]).haven_ratio
    assert haven is not None
    assert abs(haven.value - 0.5) < 3.0 * haven.error < 0.25


def test_ions_that_move_against_each_other_by_half_have_a_haven_ratio_of_two(free_steps: np.ndarray) -> None:
    first, other = free_steps[:, :12], free_steps[:, 12:]
    # <a b> = -1/2 of <a a>: of two ions, the summed displacement has half of the square of independent ones.
    second = -0.5 * first + np.sqrt(0.75) * other
    run, _ = transport(np.concatenate([first, second], axis=1), ["Li"] * 24, {"Li": 1.0})
    haven = of_temperature([run]).haven_ratio
    assert haven is not None
    assert abs(haven.value - 2.0) < 3.0 * haven.error < 1.0


def test_rigid_pairs_of_opposite_ions_carry_no_current(free_steps: np.ndarray) -> None:
    pairs = np.concatenate([free_steps[:, :12], free_steps[:, :12]], axis=1)
    run, _ = transport(pairs, ["Li"] * 12 + ["F"] * 12, {"Li": 1.0, "F": -1.0})
    found = of_temperature([run])
    assert abs(run.conductivity.value) < 1e-6 * independent_sigma(24)
    np.testing.assert_allclose(found.nernst_einstein.value, 1000.0 * independent_sigma(24), rtol=0.05, atol=0)
    assert found.haven_ratio is None


def test_a_framework_that_flows_does_not_conduct_and_one_that_moves_is_named(free_steps: np.ndarray) -> None:
    run, notes = transport(free_steps, ["Li"] * 24, {"Li": 1.0})
    assert not any("should be at rest" in note for note in notes)
    _, notes = transport(free_steps, ["Li"] * 12 + ["S"] * 12, {"Li": 1.0})
    assert any(note.startswith("S") and "by more than a jump" in note for note in notes)
    # A drift of the whole cell changes nothing.
    rng = np.random.default_rng(99)
    walks = 10.0 + np.cumsum(free_steps, axis=0)
    framework = rng.normal(0.0, 0.05, (len(walks), 60, 3)) + rng.uniform(0.0, EDGE, (60, 3))
    flow = 0.3 * np.arange(len(walks))[:, None, None]
    trajectory = trajectory_of_arrays(
        np.concatenate([walks, framework], axis=1) + flow,
        np.eye(3) * EDGE,
        [*["Li"] * 24, *["O"] * 60],
        frame_interval_ps=1.0,
    )
    flowing, _ = run_transport(trajectory, {"Li": 1.0}, KELVIN)
    np.testing.assert_allclose(flowing.conductivity.value, run.conductivity.value, rtol=1e-4, atol=0)


def test_a_narrow_cell_is_said() -> None:
    rng = np.random.default_rng(1)
    walks = np.cumsum(rng.normal(0.0, 0.3, (200, 4, 3)), axis=0)
    trajectory = trajectory_of_arrays(walks, np.diag([6.0, 20.0, 20.0]), ["Li", "Li", "F", "F"], frame_interval_ps=1.0)
    _, notes = run_transport(trajectory, {"Li": 1.0, "F": -1.0}, KELVIN)
    assert any("its cell is 6.0 angstrom wide" in note for note in notes)
    with pytest.raises(AnalysisError, match="it has no Na, but F, Li"):
        run_transport(trajectory, {"Na": 1.0}, KELVIN)


def test_the_weights_of_the_line_are_those_of_the_arrhenius_fit() -> None:
    points = llzo()
    fit = arrhenius_fit(list(points), [one.value for one in points.values()], [one.error for one in points.values()])
    np.testing.assert_allclose(line_through(points, {}).fit.covariance, fit.covariance, rtol=1e-12, atol=0)
