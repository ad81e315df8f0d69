"""What grows: the sentences at the top against the files they are of, what is said of reactants that are gone, and of few anions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex, write_book
from mlip_interfaces.report.headline import collect_results
from mlip_interfaces.report.interphase_numbers import interphase_numbers
from mlip_interfaces.report.interphase_section import interphase_answer, interphase_limits, interphase_sections

KINDS = ("phases", "growth", "crystallites", "reactions", "environments", "onsager")


def results(number: int, left: int) -> dict[str, Any]:
    """Files of one run, in which so many atoms of the metal are left."""
    growth = {
        "thickness_angstrom": [2.0, 20.0 + number], "times_ps": [0.0, 500.0], "reactants": ["Li", "Li7P3S11"],
        "law": ("arrest", "power")[number], "exponent": 0.5, "exponent_95": [0.25, 0.75],
        "arrest_ps": (100.0, None)[number], "arrest_95_ps": ([50.0, 150.0], None)[number],
        "second_stage_ps": None, "second_stage_95_ps": None, "runs": [{"law": ("arrest", "power")[number]}],
    }  # fmt: skip
    phases = {
        "phases": {
            "Li2S": {"n_atoms": 80, "fraction": 0.8 + 0.02 * number, "confidence": 0.9},
            "Li": {"n_atoms": left, "fraction": 0.1, "confidence": 0.8},
        },
        "layers": [{"phase": "Li", "thickness_angstrom": 12.0}, {"phase": "Li2S", "thickness_angstrom": 20.0}],
        "interphase": {"reactant_phases": {"Li": ["Li"], "electrolyte": ["Li7P3S11", "glass"]}},
        "history": {"times_ps": [0.0, 500.0], "n_atoms": {"Li": [50, left], "Li7P3S11": [60, 30], "Li2S": [0, 80]}},
    }
    bond = {
        "at_start": 41,
        "at_end": 30,
        "made": 1,
        "broken": 12,
        "net_broken_per_ps": 0.02,
        "net_broken_error_per_ps": 0.01,
    }
    environment = {
        "n_atoms_mean": 3.0, "residence_time_ps": 4.0, "residence_time_error_ps": 1.0, "n_hops": 5,
        "diffusivity_cm2_per_s": 2e-6, "confidence_95_cm2_per_s": [1e-6, 3e-6],
    }  # fmt: skip
    walk = "its MSD is not that of a random walk"
    return {
        "phases": phases,
        "growth": growth,
        "crystallites": {
            "grains": [{"phase": "Li2S", "diameter_angstrom": 21.0}] * number, "crystalline_fraction": 0.3 * number,
            "history": {"n_grains": [0, number]}, "settings": {"anions": ["S", "P"]},
        },
        "reactions": {"bonds": {"P-S": bond, "P-P": bond | {"made": 0, "broken": 0}}},
        "environments": {
            "settings": {"species": "P", "by": "neighbors"},
            "environments": [
                environment | {"name": "4 S", "not_diffusive_because": []},
                environment | {"name": "1-4 Li", "not_diffusive_because": [walk], "diffusivity_cm2_per_s": 1e-9},
            ],
        },
        "onsager": {
            "species": ["Li", "P"],
            "interfaces": {
                "anode/electrolyte": {
                    "zero_within_2_sigma_since_ps": {"Li": 200.0, "P": (0.0, None)[number]},
                    "flux_per_angstrom2_ps": [[0.0, 0.0]], "error_per_angstrom2_ps": [[1e-4, 2e-4]],
                }
            },
        },
    }  # fmt: skip


def made(root: Path, left: int = 10) -> list[AnalysisEntry]:
    entries = []
    for number in range(2):
        name = f"interface/warm/seed-{number + 1}"
        folder = root / "analysis" / name
        folder.mkdir(parents=True)
        for kind, content in results(number, left).items():
            (folder / f"{kind}.json").write_text(json.dumps(content))
        entries.append(
            AnalysisEntry(
                name=name,
                directory=name,
                coating_angstrom=None,
                protocol="warm",
                temperature_kelvin=300.0,
                seed=number + 1,
                healthy=True,
                results=KINDS,
            )
        )
    return entries


def test_every_question_has_a_sentence_with_the_numbers_of_all_runs(tmp_path: Path) -> None:
    (section,) = interphase_answer(tmp_path, made(tmp_path))
    assert section.answer
    assert section.points == [
        "Products. warm (300 K): at 500 ps the atoms are Li2S 80 to 82 %, Li 10 % in 2 runs.",
        "Layers. warm (300 K): Li 12 Å | Li2S 20 Å in interface/warm/seed-1.",
        "Thickness. warm (300 K): 2 Å at 0 ps, 20 to 21 Å at 500 ps between Li and Li7P3S11 in 2 runs.",
        "Law of growth. warm (300 K): arrest with exponent 0.5 (95 %: 0.25 to 0.75), stands still from 100 ps on (50 to 150) "
        "(seed 1) and power with exponent 0.5 (95 %: 0.25 to 0.75) (seed 2), so that the runs agree on no law.",
        "Crystals. warm (300 K): 1 at the end in 2 runs (Li2S), 21 Å across, 0 to 30 % of S/P.",
        "Bonds. warm (300 K): P-S 41 → 30 in 2 runs.",
        "Motion. warm (300 K): P stays with 4 S 4 ps (3 atoms), with 1-4 Li 4 ps (3 atoms), and with 4 S D is 2e-06 cm²/s "
        "(95 %: 1e-06 to 3e-06).",
        "Fluxes through the interfaces. warm (300 K): not zero at the end: P at anode/electrolyte (seed 2).",
    ]


def test_fluxes_that_vanish_come_with_what_their_errors_leave_room_for(tmp_path: Path) -> None:
    (section,) = interphase_answer(tmp_path, made(tmp_path)[:1])
    # Two errors of 2e-4 per square angstrom.
    assert section.points[-1].endswith("since 200 ps at the latest; their errors leave room for 0.04 atoms/(nm² ps).")


def test_growth_that_ends_for_want_of_a_reactant_is_no_passivation(tmp_path: Path) -> None:
    entries = made(tmp_path, left=0)
    said = "Used up at the end: Li in 2 of 2 runs. Growth that ends there, and fluxes that vanish, show no passivation."
    (section,) = interphase_answer(tmp_path, entries)
    assert section.points[-1] == said
    limits = interphase_limits(tmp_path, entries)
    assert limits[0] == said
    assert limits[1].startswith("A law of growth rests on 500 ps at most")


def test_tables_have_every_run_and_only_runs_with_crystals_have_their_figure(tmp_path: Path) -> None:
    entries = made(tmp_path)
    for entry in entries:
        for kind in KINDS:
            (tmp_path / "analysis" / entry.directory / f"{kind}.png").write_bytes(b"png")
    products, reactions, surroundings = interphase_sections(tmp_path, entries)
    assert products.points == ["No crystal at any time: interface/warm/seed-1."]
    shares, growth = products.tables
    assert [row[1:] for row in shares.rows] == [
        ["80 (0.90)", "10 (0.80)", "Li 12 | Li2S 20"], ["82 (0.90)", "10 (0.80)", "Li 12 | Li2S 20"],
    ]  # fmt: skip
    assert [row[1:4] for row in growth.rows] == [["2", "20", "500"], ["2", "21", "500"]]
    # One run of each condition has its figures; the first has no crystal.
    assert [picture.caption.split(",")[0] for picture in products.figures] == ["phases", "growth"]
    assert [row[:6] for row in reactions.tables[0].rows] == [
        [entry.name, "P-S", "41", "30", "1", "12"] for entry in entries
    ]
    assert [row[-1] for row in surroundings.tables[0].rows] == ["", "no random walk"] * 2


@pytest.mark.parametrize("kind", ["crystallites", "onsager"])
def test_a_study_that_asks_for_no_interphase_has_no_such_section(tmp_path: Path, kind: str) -> None:
    entries = [
        AnalysisEntry(
            name="a",
            directory="a",
            coating_angstrom=None,
            protocol="warm",
            temperature_kelvin=300.0,
            seed=1,
            healthy=True,
            results=(),
        )
    ]
    assert (
        interphase_answer(tmp_path, entries)
        == interphase_sections(tmp_path, entries)
        == interphase_limits(tmp_path, entries)
        == []
    )


def test_answers_stand_in_the_results_beside_the_others(tmp_path: Path) -> None:
    entries = made(tmp_path)
    write_book(tmp_path / "analysis" / INDEX, AnalysisIndex(tuple(entries)))
    first, second = collect_results(tmp_path).runs.values()
    assert first["phase_fractions"] == {"Li2S": 0.8, "Li": 0.1}
    assert first["layers"] == [
        {"phase": "Li", "thickness_angstrom": 12.0}, {"phase": "Li2S", "thickness_angstrom": 20.0},
    ]  # fmt: skip
    assert (first["interphase_angstrom"], first["interphase_at_ps"]) == (20.0, 500.0)
    assert (first["growth_law"], first["growth_exponent"], first["growth_exponent_95"]) == ("arrest", 0.5, [0.25, 0.75])
    assert (first["arrest_ps"], first["arrest_95_ps"], second["arrest_ps"]) == (100.0, [50.0, 150.0], None)
    assert (first["n_grains_by_phase"], first["largest_grain_angstrom"]) == ({}, None)
    assert (second["n_grains_by_phase"], second["largest_grain_angstrom"]) == ({"Li2S": 1}, 21.0)
    assert second["crystalline_fraction"] == 0.3
    assert first["environments"]["P"]["4 S"]["confidence_95_cm2_per_s"] == [1e-6, 3e-6]
    assert first["environments"]["P"]["1-4 Li"]["not_diffusive_because"] == ["its MSD is not that of a random walk"]
    assert set(first["reacting_bonds"]) == {"P-S"}
    assert first["fluxes_zero_since_ps"] == {"anode/electrolyte": {"Li": 200.0, "P": 0.0}}
    assert second["fluxes_zero_since_ps"]["anode/electrolyte"]["P"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_of_keys_that_results_have(kind: str, repository: Path) -> None:
    """Made-up results above are no proof: what the numbers read is described, and a test of the descriptions reads real results."""
    text = (repository / "docs" / "reference" / "results.md").read_text()
    (section,) = re.findall(rf"^## {kind}\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    asked = Asked(results(0, 10)[kind])
    interphase_numbers(kind, asked)
    read = asked.read - {"settings"}
    assert read
    assert read <= set(re.findall(r"`([a-z][a-z0-9_]*)`", section))


class Asked(dict):
    """A mapping that remembers which of its keys were asked for."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__(content)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)
