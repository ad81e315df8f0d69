"""Committee deviation, neighbour counts and errors against labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from mlip_interfaces.errors import InputFileError, MissingProgramError, ProgramError
from mlip_interfaces.potentials import (
    FrameDeviations,
    Predictions,
    first_lost_frame,
    label_errors,
    layer_force_rmse,
    load_predictions,
    max_neighbors,
    read_model_deviation,
    save_predictions,
)
from mlip_interfaces.programs import find_program, run_program


def test_grades_follow_the_trust_levels_and_nan_is_failed(tmp_path: Path) -> None:
    file = tmp_path / "model_devi.out"
    rows = ["# step a b c max_devi_f e f"] + [
        f"{i} 0 0 0 {v} 0 0" for i, v in enumerate(("0.1", "0.2", "0.49", "0.5", "nan"))
    ]
    file.write_text("\n".join(rows) + "\n")
    frames = read_model_deviation(file)
    assert frames.grade(0.2, 0.5).tolist() == ["accurate", "candidate", "candidate", "failed", "failed"]
    file.write_text("no numbers here\n")
    with pytest.raises(InputFileError, match=r"model_devi\.out"):
        read_model_deviation(file)


@pytest.mark.parametrize(
    ("verdicts", "first"),
    [
        ("", 0), (".", 1), ("x", 0), (".....", 5), ("xxxxx", 0), ("xxx....", 7), ("..x..x...", 9), ("...x", 3),
        ("....xxx.xxx", 4), ("....xx.x..x", 10), (".x.x.x", 5), ("..xxxx..........xxx.x", 16),
    ],
)  # fmt: skip
def test_a_run_is_lost_from_where_failed_frames_prevail_to_its_end(verdicts: str, first: int) -> None:
    assert first_lost_frame(np.array([verdict == "x" for verdict in verdicts], dtype=bool)) == first
    deviations = np.array([3.0 if verdict == "x" else 0.1 for verdict in verdicts])
    assert FrameDeviations(np.arange(len(verdicts)), deviations).n_before_loss(1.0) == first


def test_where_a_run_is_lost_agrees_with_trying_every_place() -> None:
    rng = np.random.default_rng(6)
    for _ in range(200):
        failed = rng.random(rng.integers(1, 30)) < rng.uniform(0.1, 0.9)
        surplus = [int(failed[start:].sum() - (~failed[start:]).sum()) for start in range(len(failed) + 1)]
        assert surplus[first_lost_frame(failed)] == max(surplus)
        assert first_lost_frame(failed) == max(i for i, value in enumerate(surplus) if value == max(surplus))


def test_neighbor_counts_of_rock_salt() -> None:
    # Within 4.1 angstrom of an ion of LiF: 6 + 8 of the other kind (2.01, 3.49), 12 + 6 of its own (2.85, 4.03).
    atoms = bulk("LiF", "rocksalt", a=4.0263, cubic=True)
    assert max_neighbors([atoms], ["Li", "F", "S"], 4.1, margin=1.0) == (20, 20, 4)


def test_labels_of_denser_structures_keep_all_their_neighbors() -> None:
    """A margin on the crystal at rest is not enough for compressed cells and for mixtures of other composition."""
    at_rest = bulk("LiF", "rocksalt", a=4.0263, cubic=True)
    # Of the other kind 6 + 8 + 24 (1.60, 2.77, 3.58), of its own 12 + 6 + 24 (2.26, 3.20, 3.92): at most 42.
    compressed = bulk("LiF", "rocksalt", a=3.2, cubic=True)
    elements = ["Li", "F", "S"]
    assert max_neighbors([at_rest], elements, 4.1) == (28, 28, 4)
    assert max_neighbors([at_rest], elements, 4.1, labelled=[compressed]) == (44, 44, 4)
    assert max_neighbors([at_rest], elements, 4.1, labelled=[at_rest]) == (28, 28, 4)


def make(system: str, seed: int, shift: float) -> Predictions:
    rng = np.random.default_rng(seed)
    energy, force = rng.normal(size=3), rng.normal(size=(3, 4, 3))
    model = force.copy()
    model[:, :2] += shift
    return Predictions(system, energy, energy + 4 * shift, force, model)


def test_errors_are_per_atom_per_component_and_per_layer() -> None:
    predictions = [make("one", 1, 0.1), make("two", 2, 0.1)]
    total = label_errors(predictions)
    np.testing.assert_allclose(total.energy_rmse_mev_per_atom, 100.0, rtol=1e-6, atol=0)
    np.testing.assert_allclose(total.force_rmse_mev_per_angstrom, 100.0 / np.sqrt(2), rtol=1e-6, atol=0)
    layers = layer_force_rmse(predictions, {"one": ["a", "a", "b", "b"], "two": ["a", "a", "b", "b"]})
    np.testing.assert_allclose(layers["a"][0], 100.0, rtol=1e-6, atol=0)
    assert layers["a"][1] == 12
    np.testing.assert_allclose(layers["b"][0], 0.0, rtol=0, atol=1e-9)


def test_predictions_survive_the_disk(tmp_path: Path) -> None:
    before = [make("one", 1, 0.1), make("two", 2, 0.2)]
    save_predictions(tmp_path / "p.npz", before)
    after = load_predictions(tmp_path / "p.npz")
    assert [p.system for p in after] == ["one", "two"]
    np.testing.assert_array_equal(after[1].force_model_ev_per_angstrom, before[1].force_model_ev_per_angstrom)


def test_failed_program_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"exit status 3(.|\n)*last words"):
        run_program(
            ["python", "-c", "print('last words'); raise SystemExit(3)"], directory=tmp_path, log_file=tmp_path / "log"
        )
    with pytest.raises(MissingProgramError, match="mlip-interfaces doctor"):
        find_program("no-such-program")
