"""``docs/reference/results.md`` and the files say the same: every key that is described is there, and every key is described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_trajectories import content, trajectory, walk

import mlip_interfaces as mi
from mlip_interfaces.observables import ANALYSES, Result

SYMBOLS = ["Li"] * 40 + ["P"] * 6 + ["S"] * 24 + ["O"] * 10
LENGTHS = np.array([10.0, 10.0, 20.0])
REQUESTS = {
    "rdf": mi.Rdf(pairs="Li-S,Li@lower-S@upper", r_max_angstrom=6, temperature_kelvin=300, blocks=2),
    "msd": mi.Msd(species="Li", layer="lower"),
    "onsager": mi.Onsager(species="Li,S", temperature_kelvin=300, region_fraction=(0.1, 0.6)),
    "tetrahedra": mi.Tetrahedra(ligand="S"),
    "chemistry": mi.Chemistry(),
    "profile": mi.Profile(),
    "van-hove": mi.VanHove(species="Li", lags_ps="0.5", r_max_angstrom=5),
    "residence": mi.Residence(species="Li", jump_distance_angstrom=1),
    "density": mi.Density(species="Li", spacing_angstrom=2),
    "reactions": mi.Reactions(),
    "environments": mi.Environments(species="Li"),
    "crystallites": mi.Crystallites(least_bonds=1, least_correlation=0.2),
    "phases": mi.Phases(reactants="unknown"),
    "growth": mi.Growth(reactants="unknown", average_ps=0.5, n_bootstrap=10),
}
WRITTEN_AROUND = {"settings", "summary", "provenance", "file"}
"""Keys of every file."""

DATA_COLUMNS = {("reactions", ""), ("environments", "counts")}
"""Tables with a column for each unit, or each environment."""


@pytest.fixture(scope="module")
def results() -> mi.Results:
    path = walk(120, 80, 1.0, 0.12, 41) + np.random.default_rng(42).random((80, 3)) * LENGTHS
    # One P takes an O for an S: an exchange, whose keys are described.
    place = path[:, 40].copy()
    path[:, 70] = place + np.where(np.arange(120) < 60, 4.0, 1.5)[:, None] * [0.0, 0.0, 1.0]
    path[:, 46] = place + np.where(np.arange(120) < 60, 2.05, 5.0)[:, None] * [0.0, 0.0, -1.0]
    layers = np.where(path[0, :, 2] % 20.0 < 10.0, "lower", "upper").tolist()
    return mi.analyze(trajectory(path, LENGTHS, SYMBOLS, layers=layers), REQUESTS, drift="none")


def arrhenius(folder: Path) -> Result:
    for kelvin, value in ((500, 1e-6), (600, 3e-6)):
        entry = {"diffusivity_cm2_per_s": value, "diffusivity_error_cm2_per_s": 1e-7}
        (folder / f"{kelvin}.json").write_text(json.dumps({"species": {"Li": entry}}))
    request = mi.Arrhenius(temperatures_kelvin="500,600", n_ions=10, volume_angstrom3=1000)
    return request.fit([folder / "500.json", folder / "600.json"])


def described(repository: Path, kind: str) -> set[str]:
    """Words in backquotes of the section of a kind, as far as they may be keys or columns."""
    text = (repository / "docs" / "reference" / "results.md").read_text()
    (section,) = re.findall(rf"^## {kind}\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([a-z][a-z0-9_]*)`", section))


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from keys(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from keys(entry)


def names(result: Result) -> set[str]:
    columns = {column for table in result.tables().values() for column in table.columns}
    return set(keys(content(result))) | columns | WRITTEN_AROUND


def test_every_kind_is_tried_here() -> None:
    assert set(REQUESTS) == set(ANALYSES)


@pytest.mark.parametrize("kind", [*ANALYSES, "arrhenius"])
def test_what_is_described_is_there_and_what_is_there_is_described(
    kind: str, results: mi.Results, repository: Path, tmp_path: Path
) -> None:
    result = arrhenius(tmp_path) if kind == "arrhenius" else results[kind]
    words = described(repository, kind)
    assert words - names(result) == set()
    assert set(content(result)) - WRITTEN_AROUND - words == set()
    for end, table in result.tables().items():
        if (kind, end) not in DATA_COLUMNS and kind not in ("chemistry", "onsager"):
            assert set(table.columns) <= words, end


def test_every_file_is_described(results: mi.Results, repository: Path) -> None:
    text = (repository / "docs" / "reference" / "results.md").read_text()
    for kind, result in results.items():
        for end in result.tables():
            assert f"`{kind}_{end}.csv`" in text or (not end and f"`{kind}.csv`" in text)


def test_threads_change_no_result_of_any_kind(results: mi.Results) -> None:
    path = walk(60, 80, 10.0, 0.1, 43)
    alone, together = (
        mi.analyze(trajectory(path, LENGTHS, SYMBOLS, layers=["lower"] * 40 + ["upper"] * 40), REQUESTS, n_threads=n)
        for n in (1, 3)
    )
    assert list(alone) == list(together) == list(results)
    for kind in alone:
        assert content(alone[kind]) == content(together[kind])
        for end, table in alone[kind].tables().items():
            assert list(table.rows) == list(together[kind].tables()[end].rows)
