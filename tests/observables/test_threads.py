"""One pass gives the same results to the last bit, whatever the number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.observables import Chemistry, Msd, Rdf, Results, Tetrahedra, analyze
from mlip_interfaces.trajectory import open_trajectory

SYMBOLS = ["Li"] * 60 + ["P"] * 10 + ["S"] * 60 + ["F"] * 30
LENGTH, N_FRAMES = 13.0, 90

REQUESTS = (
    Rdf(pairs=("P-S", "S-S", "Li-F"), r_max_angstrom=6.0, blocks=3),
    Msd(species=("Li",)),
    Tetrahedra(average_ps=0.4),
    Chemistry(),
)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    path = rng.random((len(SYMBOLS), 3)) * LENGTH + np.cumsum(rng.normal(0, 0.1, (N_FRAMES, len(SYMBOLS), 3)), axis=0)
    file = tmp_path / "traj.lammpstrj"
    with file.open("w") as handle:
        for step, positions in enumerate(path % LENGTH):
            handle.write(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(SYMBOLS)}\nITEM: BOX BOUNDS pp pp pp\n")
            handle.write(f"0 {LENGTH}\n" * 3 + "ITEM: ATOMS id element x y z\n")
            for i, (symbol, (x, y, z)) in enumerate(zip(SYMBOLS, positions.tolist(), strict=True)):
                handle.write(f"{i + 1} {symbol} {x:.6f} {y:.6f} {z:.6f}\n")
    return file


def analyzed(file: Path, n_threads: int) -> Results:
    return analyze(open_trajectory(file, frame_interval_ps=0.1), REQUESTS, n_threads=n_threads)


def test_results_do_not_depend_on_the_number_of_threads(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Chunks of seven frames: thirteen of them, the last one shorter.
    monkeypatch.setattr("mlip_interfaces.trajectory.reader.CHUNK_ATOMS", 7 * len(SYMBOLS))
    one = analyzed(dump, 1)
    assert len(one["chemistry"].frames) == N_FRAMES
    assert one["chemistry"].histories["S-S"].broken
    assert sum(rdf.whole.counts.sum() for rdf in one["rdf"].pairs.values()) > 100_000
    for n_threads in (2, 3, 5):
        many = analyzed(dump, n_threads)
        for pair, a in one["rdf"].pairs.items():
            b = many["rdf"].pairs[pair]
            for part, same in zip((a.whole, *a.blocks), (b.whole, *b.blocks), strict=True):
                np.testing.assert_array_equal(part.counts, same.counts)
                np.testing.assert_array_equal(part.g, same.g)
                np.testing.assert_array_equal(part.g_error, same.g_error)
        assert one["chemistry"].frames == many["chemistry"].frames
        for bond, history in one["chemistry"].histories.items():
            assert history.formed == many["chemistry"].histories[bond].formed
            assert history.broken == many["chemistry"].histories[bond].broken
        np.testing.assert_array_equal(one["tetrahedra"].counts.counts, many["tetrahedra"].counts.counts)
        first, other = one["msd"].species["Li"], many["msd"].species["Li"]
        assert first.diffusivity_cm2_per_s == other.diffusivity_cm2_per_s
        np.testing.assert_array_equal(first.msd_angstrom2, other.msd_angstrom2)


def test_positions_that_are_not_finite_are_refused_in_threads_too(dump: Path) -> None:
    lines = dump.read_text().splitlines(keepends=True)
    place = len(lines) - 20
    words = lines[place].split()
    lines[place] = " ".join([*words[:2], "nan", *words[3:]]) + "\n"
    dump.write_text("".join(lines))
    for n_threads in (1, 3):
        with pytest.raises(InputFileError, match="not finite"):
            analyzed(dump, n_threads)
