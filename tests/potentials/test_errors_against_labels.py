"""Errors by element, of virials and with their sign, against loops that are slow and plain; ranks against scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from mlip_interfaces.books.run import EnergyOffset
from mlip_interfaces.campaign.held_out import energy_offset
from mlip_interfaces.pipeline.validate import deviation_against_error
from mlip_interfaces.potentials import (
    Predictions,
    element_force_rmse,
    label_errors,
    load_predictions,
    rank_correlation,
    save_predictions,
    signed_errors,
)

SYMBOLS = np.array(["Li", "S", "Li", "P"])


def made(system: str, seed: int, n_frames: int = 5, n_atoms: int = 4) -> Predictions:
    rng = np.random.default_rng(seed)
    energy, force, virial = (
        rng.normal(size=n_frames),
        rng.normal(size=(n_frames, n_atoms, 3)),
        rng.normal(size=(n_frames, 3, 3)),
    )
    return Predictions(
        system, energy, energy + 0.1 * rng.normal(size=n_frames), force, force + 0.2 * rng.normal(size=force.shape),
        np.resize(SYMBOLS, n_atoms), 50.0 + rng.random(n_frames), virial, virial + 0.3 * rng.normal(size=virial.shape),
        rng.random(n_frames),
    )  # fmt: skip


def test_force_errors_of_elements_are_those_of_a_loop_over_atoms() -> None:
    predictions = [made("a", 1), made("b", 2, n_frames=3, n_atoms=6)]
    found = element_force_rmse(predictions)
    assert set(found) == {"Li", "S", "P"}
    for element, (rmse, n_atoms) in found.items():
        squares = []
        for one in predictions:
            assert one.symbols is not None
            for frame in range(len(one.energy_model_ev)):
                for atom, symbol in enumerate(one.symbols):
                    if symbol == element:
                        difference = (
                            one.force_model_ev_per_angstrom[frame, atom]
                            - one.force_reference_ev_per_angstrom[frame, atom]
                        )
                        squares += [float(value) ** 2 for value in difference]
        assert n_atoms == len(squares) // 3
        np.testing.assert_allclose(rmse, 1000 * np.sqrt(sum(squares) / len(squares)), rtol=1e-6, atol=0)


def test_virial_errors_are_per_atom_and_pressures_have_their_sign() -> None:
    one = made("a", 1)
    assert one.virial_reference_ev is not None
    assert one.volume_angstrom3 is not None
    # 0.04 eV more on the diagonal of four atoms: 10 meV/atom there, and a higher pressure.
    moved = Predictions(
        "a", one.energy_reference_ev, one.energy_model_ev, one.force_reference_ev_per_angstrom, one.force_model_ev_per_angstrom,
        SYMBOLS, np.full(5, 50.0), one.virial_reference_ev, one.virial_reference_ev + 0.04 * np.eye(3),
    )  # fmt: skip
    found = label_errors([moved])
    np.testing.assert_allclose(found.virial_rmse_mev_per_atom, 10.0 / np.sqrt(3), rtol=1e-6, atol=0)
    np.testing.assert_allclose(found.virial_mae_mev_per_atom, 10.0 / 3, rtol=1e-6, atol=0)
    # 1 eV/angstrom^3 is 160.218 GPa.
    np.testing.assert_allclose(found.pressure_mean_error_gpa, 0.04 / 50 * 160.2177, rtol=1e-5, atol=0)
    np.testing.assert_allclose(found.stress_rmse_gpa, 0.04 / 50 * 160.2177 / np.sqrt(3), rtol=1e-5, atol=0)


def test_labels_without_virials_have_no_error_of_them() -> None:
    one = made("a", 1)
    bare = Predictions(
        "b", one.energy_reference_ev, one.energy_model_ev, one.force_reference_ev_per_angstrom, one.force_model_ev_per_angstrom
    )  # fmt: skip
    found = label_errors([bare])
    assert (found.virial_rmse_mev_per_atom, found.stress_rmse_gpa, found.pressure_mean_error_gpa) == (None, None, None)
    assert element_force_rmse([bare]) == {}
    np.testing.assert_allclose(
        label_errors([bare, one]).virial_rmse_mev_per_atom, label_errors([one]).virial_rmse_mev_per_atom
    )


def test_offset_and_scatter_add_up_to_the_error() -> None:
    rng = np.random.default_rng(5)
    errors = 43.0 + 6.0 * rng.standard_normal(400)
    found = signed_errors(errors)
    np.testing.assert_allclose(found.mean_mev_per_atom, 43.0, rtol=0, atol=4 * 6.0 / 20)
    np.testing.assert_allclose(found.standard_error_mev_per_atom, 6.0 / 20, rtol=0.8, atol=0)
    np.testing.assert_allclose(
        np.hypot(found.mean_mev_per_atom, found.rmse_without_mev_per_atom),
        np.sqrt((errors**2).mean()),
        rtol=1e-6,
        atol=0,
    )
    assert (found.lowest_mev_per_atom, found.highest_mev_per_atom) == (round(errors.min(), 6), round(errors.max(), 6))


def test_neighbours_in_time_that_err_alike_make_the_error_of_the_mean_larger() -> None:
    steps = np.random.default_rng(1).standard_normal(20)
    alone, alike = signed_errors(np.tile(steps, 20)), signed_errors(np.repeat(steps, 20))
    assert alike.standard_error_mev_per_atom > 3 * alone.standard_error_mev_per_atom


def test_an_offset_dominates_where_it_is_beyond_chance_and_half_of_the_error() -> None:
    def offset(mean: float, error: float, rest: float, n: int = 10) -> EnergyOffset:
        return EnergyOffset(n, mean, error, rest, mean - rest, mean + rest)

    assert offset(-40.0, 2.0, 5.0).dominates
    assert offset(-40.0, 2.0, 5.0).one_sided
    # Within two standard errors, within half of the error, a single frame.
    assert not offset(-40.0, 25.0, 5.0).dominates
    assert not offset(10.0, 1.0, 30.0).dominates
    assert not offset(10.0, 1.0, 30.0).one_sided
    assert not offset(10.0, 0.0, 0.0, n=1).dominates
    one = made("a", 1)
    mean = float((1000 * (one.energy_model_ev - one.energy_reference_ev) / 4).mean())
    np.testing.assert_allclose(energy_offset([one]).mean_mev_per_atom, mean, rtol=0, atol=1e-5)


def test_ranks_are_those_of_scipy_and_chance_is_in_the_interval() -> None:
    rng = np.random.default_rng(2)
    deviation = rng.random(60)
    error = deviation + rng.random(60)
    found = rank_correlation(deviation, error)
    assert found is not None
    np.testing.assert_allclose(found.value, spearmanr(deviation, error).statistic, rtol=1e-12, atol=0)
    assert 0 < found.low < found.value < found.high <= 1
    unrelated = rank_correlation(rng.random(60), rng.random(60))
    assert unrelated is not None
    assert unrelated.low < 0 < unrelated.high
    assert rank_correlation(deviation[:4], error[:4]) is None
    assert rank_correlation(np.ones(9), error[:9]) is None
    with_a_hole = rank_correlation(np.append(deviation, np.nan), np.append(error, 1.0))
    assert with_a_hole is not None
    assert with_a_hole.n == 60


def test_the_committee_is_held_against_the_largest_error_on_an_atom() -> None:
    one = made("a", 1, n_frames=30)
    largest = [
        max(float(np.linalg.norm(a - b)) for a, b in zip(model, label, strict=True))
        for model, label in zip(one.force_model_ev_per_angstrom, one.force_reference_ev_per_angstrom, strict=True)
    ]
    np.testing.assert_allclose(one.max_force_error_ev_per_angstrom, largest, rtol=1e-12, atol=0)
    found = deviation_against_error([one], 4)
    assert found is not None
    assert one.deviation_ev_per_angstrom is not None
    np.testing.assert_allclose(
        found.spearman, spearmanr(one.deviation_ev_per_angstrom, largest).statistic, rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(found.mean_error_ev_per_angstrom, np.mean(largest), rtol=0, atol=1e-6)
    bare = Predictions(
        "b", one.energy_reference_ev, one.energy_model_ev, one.force_reference_ev_per_angstrom, one.force_model_ev_per_angstrom
    )  # fmt: skip
    assert deviation_against_error([bare], 0) is None


def test_virials_elements_and_deviations_survive_the_disk(tmp_path: Path) -> None:
    one = made("a", 1)
    bare = Predictions(
        "b", one.energy_reference_ev, one.energy_model_ev, one.force_reference_ev_per_angstrom, one.force_model_ev_per_angstrom
    )  # fmt: skip
    save_predictions(tmp_path / "p.npz", [one, bare])
    first, second = load_predictions(tmp_path / "p.npz")
    assert first.symbols is not None
    assert first.symbols.tolist() == SYMBOLS.tolist()
    np.testing.assert_array_equal(first.virial_model_ev, one.virial_model_ev)
    np.testing.assert_array_equal(first.deviation_ev_per_angstrom, one.deviation_ev_per_angstrom)
    assert (second.symbols, second.virial_error_ev, second.deviation_ev_per_angstrom) == (None, None, None)
