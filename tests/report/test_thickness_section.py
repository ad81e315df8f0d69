"""What thicknesses are compared by: counts per atom with errors, and never the height of a peak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import RUNS, Pictures, analyzed, entry, write_analysis

from mlip_interfaces.analysis.replicas import Replicas, compare
from mlip_interfaces.observables.results import measured
from mlip_interfaces.report.thickness_section import thickness_sections


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_analysis(tmp_path_factory.mktemp("run"))


def headlines(seed: int, name: str) -> dict[str, tuple[float, float]]:
    return {found.quantity: (found.value, found.error) for found in analyzed(seed)[name].headlines()}


def test_quantities_are_those_of_the_results_and_no_peak_is_among_them(run: Path) -> None:
    pictures = Pictures()
    (section,) = thickness_sections(run, RUNS, pictures)
    # Of the cold runs there is one thickness.
    assert set(pictures.figures) == {"thickness-hot"}
    (table,) = section.tables
    assert table.head == ["quantity", "0 Å", "5 Å", "thickest less thinnest"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert set(rows) == {
        "P-S neighbours within 2.5 Å", "S-S neighbours within 2.5 Å", "Li-F neighbours within 2.5 Å (far)", "intact share of P",
        "PS₄ per P", "S₂ dimers per S", "P-P bonds per P",
    }  # fmt: skip
    assert not any("peak" in name for name in rows)
    one, two, thick = (headlines(seed, "rdf")["P-S neighbours within 2.5 Å"] for seed in (1, 2, 3))
    both, alone = Replicas((one[0], two[0]), (one[1], two[1])), Replicas(thick[:1], thick[1:])
    low, high = both.interval()
    said = f"{measured(both.mean, both.error)} (2 runs, 95 %: {low:.3g} to {high:.3g})"
    assert rows["P-S neighbours within 2.5 Å"][:2] == [said, measured(*thick)]
    difference = compare(alone, both)
    p = 2 * min(difference.p_value, compare(both, alone).p_value)
    assert (
        rows["P-S neighbours within 2.5 Å"][2]
        == f"{measured(difference.difference, difference.error)}, p = {min(1.0, p):.2g}"
    )
    intact = headlines(3, "chemistry")["intact share of P"]
    assert rows["intact share of P"][1] == measured(*intact)
    assert "do not serve here" in section.paragraphs[0]


def test_a_thickness_of_one_run_is_said_to_have_no_error_of_seeds(run: Path) -> None:
    (both,) = thickness_sections(run, RUNS, Pictures())
    assert len(both.paragraphs) == 1
    (single,) = thickness_sections(run, RUNS[1:3], Pictures())
    assert single.paragraphs[1].startswith("In hot each thickness has one run")


def test_one_thickness_or_no_such_analysis_makes_no_section(run: Path) -> None:
    assert thickness_sections(run, RUNS[:2], Pictures()) == []
    profiles = [replace(one, results=("profile",), kinds={"profile": "profile"}) for one in RUNS]
    assert thickness_sections(run, profiles, Pictures()) == []
    assert thickness_sections(run, [], Pictures()) == []


def test_what_does_not_differ_is_said_not_to(tmp_path: Path) -> None:
    entries = (entry("a", 0.0, seed=1), entry("b", 5.0, seed=1))
    write_analysis(tmp_path, entries)
    (section,) = thickness_sections(tmp_path, entries, Pictures())
    assert {row[-1] for row in section.tables[0].rows} == {"no difference"}
