"""Atomic environments by a real, tiny committee."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.programs import run_program

Found = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    directory = tmp_path_factory.mktemp("committee")
    script = Path(__file__).with_name("look_with_committee.py")
    run_program(["python", str(script), str(directory)], directory=directory, log_file=directory / "log")
    return dict(np.load(directory / "found.npz"))


@pytest.mark.parametrize(("variant", "name"), [(1, "moved"), (2, "turned"), (3, "wrapped"), (5, "repeated")])
def test_environments_do_not_change_when_the_structure_is(found: Found, variant: int, name: str) -> None:
    first, other = (found["features"][found["frame"] == number] for number in (0, variant))
    copies = len(other) // len(first)
    np.testing.assert_allclose(other, np.tile(first, (copies, 1)), rtol=1e-9, atol=1e-10)
    deviation = found["deviation"][found["frame"] == 0]
    assert deviation.min() > 1e-6
    np.testing.assert_allclose(
        found["deviation"][found["frame"] == variant], np.tile(deviation, copies), rtol=1e-6, atol=0
    )


def test_exchanging_like_atoms_exchanges_their_environments(found: Found) -> None:
    first, other = (found["features"][found["frame"] == number] for number in (0, 4))
    lithium = np.flatnonzero(found["species"][found["frame"] == 0] == 0)
    order = np.arange(8)
    order[lithium] = lithium[::-1]
    assert not np.allclose(first[order], first, rtol=1e-3, atol=0)
    np.testing.assert_allclose(other, first[order], rtol=1e-9, atol=1e-10)


def test_deviations_are_those_of_the_members_forces(found: Found) -> None:
    first, second = found["forces"]
    expected = np.linalg.norm(first - second, axis=-1) / 2
    np.testing.assert_allclose(found["sample_deviation"], expected.ravel(), rtol=1e-9, atol=0)
    np.testing.assert_allclose(found["largest"], expected.max(axis=1), rtol=1e-9, atol=0)


def test_ranks_are_the_same_for_turned_structures_and_in_every_run(found: Found) -> None:
    straight, turned, again = found["ranks"].tolist()
    assert straight == turned == again
    assert sorted(straight) == list(range(12))
    # The two that are trained on already are copies: they come last.
    assert set(straight[-2:]) == {0, 1}
