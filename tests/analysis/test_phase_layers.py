"""Layers and interphases of counts whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from mlip_interfaces.analysis.phase_history import PhaseMap, PhaseRecorder, interphase_history
from mlip_interfaces.analysis.phase_layers import blurred_shares, interphase_spans, phase_layers
from mlip_interfaces.analysis.phases import FramePhases, PhaseClassifier
from mlip_interfaces.errors import AnalysisError

NAMES = ["Li", "Li2S", "Li3P", "glass"]


def drawn(shares: list[tuple[int, list[float]]], n_atoms: int, seed: int) -> np.ndarray:
    """Atoms of slices drawn from the composition of their layer."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.multinomial(n_atoms, share, size=n) for n, share in shares])


def test_planes_of_drawn_layers_are_found_within_a_slice() -> None:
    stack = [(30, [1, 0, 0, 0]), (24, [0, 0.5, 0.5, 0]), (40, [0, 1, 0, 0]), (26, [0, 0.1, 0, 0.9])]
    for seed in range(5):
        layers = phase_layers(drawn(stack, 8, seed), NAMES, 60.0)
        assert [set(layer.phase.split(" + ")) for layer in layers] == [{"Li"}, {"Li2S", "Li3P"}, {"Li2S"}, {"glass"}]
        np.testing.assert_allclose([layer.to_angstrom for layer in layers], [15, 27, 47, 60], rtol=0, atol=0.51)
        assert layers[0].from_angstrom == 0.0
        assert sum(layer.n_atoms for layer in layers) == 8 * 120


def test_one_composition_is_one_layer_whatever_its_noise() -> None:
    for seed in range(10):
        assert len(phase_layers(drawn([(120, [0.3, 0.3, 0.4, 0])], 6, seed), NAMES, 60.0)) == 1


def test_layer_through_the_boundary_is_one_layer_that_begins_below_zero() -> None:
    layers = phase_layers(drawn([(20, [1, 0, 0, 0]), (40, [0, 1, 0, 0]), (40, [1, 0, 0, 0])], 6, 1), NAMES, 50.0)
    assert [layer.phase for layer in layers] == ["Li", "Li2S"]
    np.testing.assert_allclose([layers[0].from_angstrom, layers[0].to_angstrom], [-20.0, 10.0], rtol=0, atol=0.51)
    assert layers[0].thickness_angstrom == pytest.approx(30.0, abs=1.0)


def test_gap_is_a_vacuum_and_empty_slices_between_planes_of_atoms_are_none() -> None:
    counts = np.zeros((100, 4), dtype=int)
    counts[:60:3, 0] = 10
    layers = phase_layers(counts, NAMES, 50.0)
    assert [layer.phase for layer in layers] == ["Li", "vacuum"]
    assert layers[1].n_atoms == 0
    np.testing.assert_allclose(layers[0].to_angstrom, 29.0, rtol=0, atol=1.6)


@pytest.mark.parametrize("thickness", [6.0, 20.0])
def test_interphase_is_as_thick_as_the_products_by_phase_and_wider_by_the_blur_of_both_edges(thickness: float) -> None:
    counts = np.zeros((200, 4))
    edge = 60 + round(thickness / 0.5)
    counts[:60, 0] = counts[60:edge, 1] = counts[edge:, 3] = 5.0
    shares = blurred_shares(counts, 0.5)
    np.testing.assert_allclose(shares[:, 1].sum() * 0.5, thickness, rtol=0.01, atol=0)
    spans = interphase_spans(shares, np.array([True, False, False, True]), 0.5)
    assert len(spans) == 2
    # A Gaussian of 1 angstrom has fallen to a tenth of its step at 1.2816 angstrom.
    assert all(span.is_contact for span in spans)
    (interphase,) = [span.thickness_angstrom for span in spans if span.products_angstrom > 1.0]
    np.testing.assert_allclose(interphase, thickness + 2 * 1.2816, rtol=0, atol=0.15)
    # The bare contact through the boundary: the 10-90 width of a step.
    (contact,) = [span.thickness_angstrom for span in spans if span.products_angstrom <= 1.0]
    np.testing.assert_allclose(contact, 2 * 1.2816, rtol=0, atol=0.15)


BOTH = {"Li": ["Li"], "glass": ["glass"]}


def made_map(time_ps: float, slices: np.ndarray) -> PhaseMap:
    """Of half-angstrom slices, on 4 nm2."""
    counts = slices.sum(axis=0)[:, None].astype(np.int64)
    return PhaseMap(time_ps, counts, slices.astype(np.int32), {}, 3.0, 0.5 * len(slices), 400.0)  # type: ignore[arg-type]


def one_map(time_ps: float, n_reacted: int) -> PhaseMap:
    slices = np.zeros((200, 4), dtype=np.int32)
    slices[:60, 0] = slices[60:, 3] = 5
    slices[60 : 60 + n_reacted] = [0, 5, 0, 0]
    counts = slices.sum(axis=0)[:, None].astype(np.int64)
    return PhaseMap(time_ps, counts, slices, {}, 3.0, 100.0, 400.0)  # type: ignore[arg-type]


def test_consumption_is_what_a_reactant_lost_per_area_and_two_interphases_are_counted() -> None:
    found = interphase_history([one_map(0.0, 0), one_map(1.0, 40)], NAMES, BOTH)
    np.testing.assert_allclose(found.thickness_angstrom, [0.0, 20.0], rtol=0, atol=0.05)
    assert found.n_interphases == 1
    # 40 slices of 5 atoms, on 4 nm2.
    np.testing.assert_allclose(found.consumed_per_nm2["glass"], [0.0, 50.0], rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.consumed_per_nm2["Li"], [0.0, 0.0], rtol=0, atol=0)
    both = one_map(1.0, 40)
    both.slices[160:] = [0, 5, 0, 0]
    both.counts[:, 0] = both.slices.sum(axis=0)
    mirrored = interphase_history([one_map(0.0, 0), both], NAMES, BOTH)
    assert mirrored.n_interphases == 2
    np.testing.assert_allclose(mirrored.thickness_angstrom[1], 20.0, rtol=0, atol=0.05)
    np.testing.assert_allclose(mirrored.consumed_per_nm2["glass"][1], 50.0, rtol=1e-12, atol=0)


def test_reactants_that_are_not_there_are_refused() -> None:
    with pytest.raises(AnalysisError, match=r"its atoms are in Li \(300\), glass \(700\). Name the phases"):
        interphase_history([one_map(0.0, 0)], NAMES, {"Li3P": ["Li3P"]})
    with pytest.raises(AnalysisError, match="no rule for the reactant LiF"):
        interphase_history([one_map(0.0, 0)], NAMES, {"LiF": ["LiF"]})


def two_sided(each_angstrom: float) -> np.ndarray:
    """Li, product, glass, product: as thick on either side."""
    slices = np.zeros((200, 4))
    slices[:60, 0] = slices[60:, 3] = 12
    share = each_angstrom / 0.5
    for k in range(int(np.ceil(share))):
        turned = round(12 * min(1.0, share - k))
        for place in (60 + k, 199 - k):
            slices[place] = [0, turned, 0, 12 - turned]
    return slices


@pytest.mark.parametrize("at_end", [1.5, 2.6, 3.5, 4.5, 6.0, 12.0])
def test_thickness_is_that_of_one_of_two_interphases_however_thin_they_are(at_end: float) -> None:
    maps = [made_map(t, two_sided(at_end * (t / 20.0) ** 0.5)) for t in np.arange(21.0)]
    found = interphase_history(maps, NAMES, BOTH)
    assert (found.n_contacts, found.n_interphases) == (2, 2)
    np.testing.assert_allclose(found.thickness_angstrom[-1], at_end, rtol=0, atol=0.1)
    # Where one run has two interphases and another one of the same interface has one, both are means over two.
    halved = interphase_history([one_map(0.0, 0), one_map(1.0, 40)], NAMES, BOTH).per(2)
    np.testing.assert_allclose(halved.thickness_angstrom, [0.0, 10.0], rtol=0, atol=0.05)
    np.testing.assert_allclose(halved.consumed_per_nm2["glass"], [0.0, 25.0], rtol=1e-12, atol=0)


def test_thickness_by_10_90_is_that_of_the_products_and_not_of_the_vacuum_behind_them() -> None:
    slices = np.zeros((240, 4))
    slices[:60, 0] = slices[60:84, 1] = slices[84:180, 3] = 5
    found = interphase_history([made_map(0.0, slices)], NAMES, BOTH)
    assert found.n_contacts == 1
    # 12 angstrom of products and the blur of either edge; the vacuum is 30 angstrom.
    np.testing.assert_allclose(found.thickness_10_90_angstrom, 12.0 + 2 * 1.2816, rtol=0, atol=0.15)
    # Products at a surface: up to the vacuum, and no contact.
    slices[60:84], slices[172:180] = [0, 0, 0, 5], [0, 5, 0, 0]
    spans = interphase_spans(blurred_shares(slices, 0.5), np.array([True, False, False, True]), 0.5)
    surface = max(spans, key=lambda span: span.products_angstrom)
    assert not surface.is_contact
    np.testing.assert_allclose(surface.thickness_angstrom, 4.0 + 1.2816, rtol=0, atol=2.5)


def inert(shares: list[float]) -> list[PhaseMap]:
    """Li | something of these shares of Li, Li2S, Li3P, glass and unknown, twice."""
    slices = np.zeros((200, 5))
    slices[:80, 0], slices[80:] = 100, 100 * np.array(shares)
    return [made_map(time, slices) for time in (0.0, 1.0)]


@pytest.mark.parametrize(
    ("shares", "reactants", "other", "said"),
    [
        ([0, 0, 0, 0, 1], {"Li": ["Li"]}, "unknown", "unknown) counts as one, and is no product"),
        ([0, 0.7, 0, 0, 0.3], {"Li": ["Li"]}, "Li2S", "(Li2S) counts as one, and is no product"),
        ([0, 0, 0, 0.7, 0.3], BOTH, "glass", ""),
        ([0, 0, 0, 1, 0], BOTH, "glass", ""),
    ],
)
def test_inert_stack_has_no_interphase_whether_rules_know_its_other_side_or_not(
    shares: list[float], reactants: dict[str, list[str]], other: str, said: str
) -> None:
    names = [*NAMES, "unknown"]
    found = interphase_history(inert(shares), names, reactants)
    assert found.reactants == ("Li", other)
    assert said in found.note
    assert bool(said) == bool(found.note)
    np.testing.assert_allclose(found.thickness_angstrom, 0.0, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.thickness_10_90_angstrom, 2 * 1.2816, rtol=0, atol=0.15)


def test_one_reactant_alone_is_refused_and_reactants_that_do_not_touch_are_told() -> None:
    names = [*NAMES, "unknown"]
    alone = np.zeros((100, 5))
    alone[:, 0] = 5
    with pytest.raises(AnalysisError, match="between two reactants, and only Li is there at the start"):
        interphase_history([made_map(0.0, alone)], names, BOTH)
    alone[:, 3] = 5
    mixed = interphase_history([made_map(0.0, alone)], names, BOTH)
    assert (mixed.n_contacts, mixed.n_interphases) == (0, 1)
    assert "Li and glass do not lie next to each other along the depth" in mixed.note


def recorded(n_frames: int, interval_ps: float, **settings: float) -> PhaseRecorder:
    symbols = np.array(["Li", "F"])
    rng = np.random.default_rng(0)
    places = np.array([[0.0, 0, 0], [2.0, 0, 0]]) + rng.normal(0.0, 0.05, (n_frames, 2, 3))
    # Every other frame is of another image, as in a file that wraps.
    places[::2] += [10.0, 0.0, -10.0]
    recorder = PhaseRecorder(PhaseClassifier(symbols), symbols, **settings)
    for start in range(0, n_frames, 7):
        part = places[start : start + 7]
        cells, origins = np.tile(np.eye(3) * 10.0, (len(part), 1, 1)), np.zeros((len(part), 3))
        times = interval_ps * np.arange(start, start + len(part))
        # Two analyses feed it the same frames.
        for _ in range(2):
            recorder.add(part, cells, origins, times)
    recorder.finish()
    return recorder


def test_windows_of_the_average_and_the_last_one_are_named_once() -> None:
    assert [one.time_ps for one in recorded(10, 1.0).maps] == pytest.approx(np.arange(10.0), rel=1e-6, abs=1e-12)
    found = recorded(23, 0.1, average_ps=0.5)
    assert [one.time_ps for one in found.maps] == pytest.approx([0.2, 0.7, 1.2, 1.7, 2.0], rel=1e-6, abs=1e-12)
    assert [one.time_ps for one in recorded(21, 1.0, every_ps=5.0).maps] == pytest.approx(
        [0, 5, 10, 15, 20], rel=1e-6, abs=1e-12
    )
    assert [one.time_ps for one in recorded(23, 1.0, every_ps=5.0).maps] == pytest.approx(
        [0, 5, 10, 15, 20, 22], rel=1e-6, abs=1e-12
    )


def test_long_runs_have_fewer_maps_evenly_spaced_and_the_last_frame() -> None:
    times = np.array([one.time_ps for one in recorded(1001, 1.0).maps])
    assert 200 <= times.size <= 400
    assert set(np.diff(times)[:-1]) == {4.0}
    assert times[-1] == 1000.0


def test_positions_are_averaged_in_one_image() -> None:
    """Frames alternate between two images along the depth: a mean of these as they are would lie in the middle of the cell."""
    for one in recorded(20, 0.1, average_ps=1.0).maps:
        places = np.flatnonzero(one.slices.sum(axis=1))
        assert (np.minimum(places, 19 - places) <= 1).all()


@pytest.mark.parametrize("n_frames", [1, 3, 20, 21, 25, 39])
def test_last_map_is_the_mean_of_the_last_window_whatever_the_number_of_frames(n_frames: int) -> None:
    """Li at 0.1 x number of the frame, F at 5 angstrom: the mean of ten frames backwards from the end, and no single frame."""
    seen = []

    class Seen(PhaseClassifier):
        def classify(self, positions: np.ndarray, cell: np.ndarray) -> FramePhases:
            seen.append(positions[0, 2])
            return super().classify(positions, cell)

    symbols = np.array(["Li", "F"])
    recorder = PhaseRecorder(Seen(symbols), symbols, average_ps=1.0)
    for k in range(n_frames):
        places = np.array([[[0.0, 0.0, 0.1 * k], [0.0, 0.0, 5.0]]])
        recorder.add(places, np.eye(3)[None] * 10.0, np.zeros((1, 3)), np.array([0.1 * k]))
    recorder.finish()
    last = np.arange(n_frames)[-10:]
    np.testing.assert_allclose(seen[-1], 0.1 * last.mean(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(recorder.maps[-1].time_ps, 0.1 * last.mean(), rtol=0, atol=1e-9)
    assert len(recorder.maps) == -(-n_frames // 10)
