"""``environments``: P in its S and P among Li, which move at different rates, named and told apart."""

from __future__ import annotations

import numpy as np
import pytest
from made_trajectories import column, content, found, rows, trajectory

import mlip_interfaces as mi
from mlip_interfaces.analysis.phase_rules import shipped_rules
from mlip_interfaces.errors import AnalysisError

N_FRAMES, N_EACH, INTERVAL, STEPS = 400, 12, 0.25, (0.06, 0.2)
SYMBOLS = ["P"] * (2 * N_EACH + 1) + ["S"] * (4 * N_EACH + 4) + ["Li"] * (2 * N_EACH)


def planted() -> np.ndarray:
    """Twelve slow PS4, twelve fast P with two Li, and one PS4 that falls apart in the middle; far from each other."""
    rng = np.random.default_rng(5)
    corners = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    sites = 14.0 * np.stack(np.meshgrid(range(4), range(4), range(2), indexing="ij"), axis=-1).reshape(-1, 3)
    sigma = np.repeat([STEPS[0], STEPS[1], STEPS[0]], [N_EACH, N_EACH, 1])
    steps = rng.normal(size=(N_FRAMES, sigma.size, 3)) * sigma[:, None]
    steps[0] = sites[: sigma.size]
    centers = np.cumsum(steps, axis=0)
    slow = [*range(N_EACH), 2 * N_EACH]
    sulfur = (centers[:, slow, None] + corners).reshape(N_FRAMES, -1, 3)
    sulfur[N_FRAMES // 2 :, -4:] += [0.0, 0.0, 5.0]
    lithium = centers[:, N_EACH : 2 * N_EACH, None] + np.array([[2.5, 0, 0], [-2.5, 0, 0]])
    return np.concatenate([centers, sulfur, lithium.reshape(N_FRAMES, -1, 3)], axis=1)


@pytest.fixture(scope="module")
def result():
    reader = trajectory(planted(), 56.0, SYMBOLS, INTERVAL)
    return found(reader, mi.Environments(species="P", jump_distance_angstrom=1.5))


def test_each_environment_has_its_name_atoms_and_rate(result) -> None:
    entries = {entry["name"]: entry for entry in content(result)["environments"]}
    assert list(entries) == ["4 S", "1-4 Li", "no neighbour"]
    expected = {"4 S": (N_EACH + 0.5, STEPS[0]), "1-4 Li": (N_EACH, STEPS[1])}
    for name, (atoms, sigma) in expected.items():
        entry = entries[name]
        np.testing.assert_allclose(entry["n_atoms_mean"], atoms, rtol=1e-9, atol=0)
        true = sigma**2 / (2 * INTERVAL) * 1e-4
        low, high = entry["confidence_95_cm2_per_s"]
        assert abs(entry["diffusivity_cm2_per_s"] - true) < 4.0 * entry["diffusivity_error_cm2_per_s"]
        assert entry["diffusivity_error_cm2_per_s"] < 0.15 * true
        assert low < entry["diffusivity_cm2_per_s"] < high
    assert entries["4 S"]["neighbors_mean"] == {"Li": 0.0, "P": 0.0, "S": 4.0}
    assert entries["1-4 Li"]["neighbors_mean"]["Li"] == 2.0
    assert entries["no neighbour"]["not_diffusive_because"] == ["fewer than two atoms were in it"]
    assert entries["no neighbour"]["diffusivity_cm2_per_s"] is None


def test_the_one_that_leaves_makes_the_residence_time(result) -> None:
    entries = {entry["name"]: entry for entry in content(result)["environments"]}
    # Stays count from half a picosecond, two frames: none ends in its own first, nor in the last of the run.
    watched = (N_EACH * (N_FRAMES - 3) + N_FRAMES // 2 - 1) * INTERVAL
    assert (entries["4 S"]["n_left"], entries["1-4 Li"]["n_left"]) == (1, 0)
    np.testing.assert_allclose(entries["4 S"]["settled_stay_ps"], watched, rtol=1e-9, atol=0)
    # Nothing comes back, and nothing is hidden.
    np.testing.assert_allclose(entries["4 S"]["residence_time_ps"], watched, rtol=1e-3, atol=0)
    assert entries["1-4 Li"]["residence_time_ps"] is None
    least = N_EACH * (N_FRAMES - 3) * INTERVAL / 3.688879
    np.testing.assert_allclose(entries["1-4 Li"]["residence_time_at_least_ps"], least, rtol=1e-6, atol=0)
    counts = rows(result, "counts")
    np.testing.assert_array_equal(column(counts, "4 S"), np.where(np.arange(N_FRAMES) < N_FRAMES // 2, 13, 12))


def test_rare_surroundings_are_the_others_and_neighbours_can_be_set() -> None:
    reader = trajectory(planted(), 56.0, SYMBOLS, INTERVAL)
    names = [e["name"] for e in content(found(reader, mi.Environments(species="P", most=1)))["environments"]]
    assert names == ["4 S", "others"]
    near = mi.Environments(species="P", neighbor_cutoffs_angstrom="P-Li=2.0")
    assert [e["name"] for e in content(found(reader, near))["environments"]] == ["no neighbour", "4 S"]


def test_numbers_of_neighbours_without_bonds_are_told_apart_in_classes() -> None:
    """P among one, four, five and fourteen Li, two of each; one of the first meets S."""
    rng = np.random.default_rng(8)
    around = rng.normal(size=(14, 3))
    around *= 2.5 / np.linalg.norm(around, axis=1, keepdims=True)
    sites = 14.0 * np.stack(np.meshgrid(range(2), range(2), range(2), indexing="ij"), axis=-1).reshape(-1, 3)
    atoms, symbols = [], []
    for site, n in zip(sites, (1, 1, 4, 4, 5, 5, 14, 14), strict=True):
        atoms += [site, *(site + around[:n])]
        symbols += ["P"] + ["Li"] * n
    path = np.repeat(np.array([*atoms, sites[0] - [0.0, 0.0, 2.0]])[None], 40, axis=0)
    reader = trajectory(path + rng.normal(0.0, 0.01, path.shape), 28.0, [*symbols, "S"], INTERVAL)
    near = mi.Environments(species="P", neighbor_cutoffs_angstrom="P-Li=2.8")
    seen = {e["name"]: e["n_atoms_mean"] for e in content(found(reader, near))["environments"]}
    assert seen == {"1-4 Li": 3.0, "5-8 Li": 2.0, "13+ Li": 2.0, "1 S + 1-4 Li": 1.0}
    apart = near.model_copy(update={"class_width": 1})
    seen = {e["name"]: e["n_atoms_mean"] for e in content(found(reader, apart))["environments"]}
    assert seen == {"4 Li": 2.0, "5 Li": 2.0, "14 Li": 2.0, "1 Li": 1.0, "1 S + 1 Li": 1.0}


def test_environments_can_be_phases() -> None:
    reader = trajectory(planted(), 56.0, SYMBOLS, INTERVAL)
    result = found(reader, mi.Environments(species="P", by="phases", jump_distance_angstrom=1.5))
    slow = content(result)["environments"][0]
    assert slow["name"] in shipped_rules().phases
    assert slow["name"] != "unknown"
    assert result.lines()[0].startswith(f"P in {slow['name']}: ")
    np.testing.assert_allclose(slow["n_atoms_mean"], N_EACH + 0.5, rtol=1e-9, atol=0)


def test_what_cannot_be_done_is_said() -> None:
    reader = trajectory(planted(), 56.0, SYMBOLS, INTERVAL)
    with pytest.raises(AnalysisError, match="There is no Co"):
        found(reader, mi.Environments(species="Co"))
    ions = trajectory(planted(), 56.0, [{"S": "Cl", "P": "Na"}.get(s, s) for s in SYMBOLS], INTERVAL)
    with pytest.raises(AnalysisError, match="No distance of a neighbour of Na among Cl, Li, Na is known"):
        found(ions, mi.Environments(species="Na"))
    with pytest.raises(AnalysisError, match="at least 16 frames, not 12"):
        found(trajectory(planted()[:12], 56.0, SYMBOLS, INTERVAL), mi.Environments(species="P"))
