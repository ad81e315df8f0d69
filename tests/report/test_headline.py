"""``results.json`` and the sentences on what it cannot support."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import (
    RUNS,
    SCAN,
    SICK,
    VALIDATION,
    analyzed,
    campaign,
    made,
    scan_entry,
    write_analysis,
    write_stages,
)

from mlip_interfaces.analysis.diffusion import BELOW_A_JUMP, CHANGES, MAY_BEND, NO_LINE
from mlip_interfaces.books.campaign import SUMMARY
from mlip_interfaces.books.run import (
    INDEX,
    VALIDATION_FILE,
    AnalysisIndex,
    GlassEntry,
    ScanIndex,
    StructureIndex,
    read_book,
)
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.report.headline import Headline, collect_results, limitations

NOTHING = Headline({}, None, None, 0.0, {}, {})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stages(write_analysis(tmp_path_factory.mktemp("run")))


def test_an_empty_folder_has_no_numbers(tmp_path: Path) -> None:
    assert collect_results(tmp_path) == NOTHING
    assert limitations(tmp_path, NOTHING, "dft") == []


def test_numbers_are_those_of_the_stages(run: Path) -> None:
    found = collect_results(run)
    assert found.models == {"05A": 4, "small": 4}
    assert found.campaign is not None
    assert [entry.accurate for entry in found.campaign.iterations] == [60, 60]
    assert (found.campaign.labels_made, len(found.campaign.labels_failed)) == (36, 1)
    assert found.validation is not None
    assert found.validation.force_rmse_mev_per_angstrom == VALIDATION.force_rmse_mev_per_angstrom
    # Four healthy runs of two picoseconds.
    assert found.md_ps == 8.0
    assert set(found.unhealthy) == {SICK.name, "05A/hot/seed-3"}
    assert set(found.runs) == {one.name for one in RUNS}


def test_analyses_with_names_of_their_own_stand_under_them(run: Path) -> None:
    numbers = collect_results(run).runs[RUNS[0].name]
    results = analyzed(1)
    assert numbers["condition"] == "hot"
    assert numbers["coating_angstrom"] == 0.0
    assert collect_results(run).runs[RUNS[3].name]["coating_angstrom"] is None
    assert numbers["diffusivity_cm2_per_s"] == {
        species: results["msd"].species[species].diffusivity_cm2_per_s for species in ("Li", "S")
    }
    assert numbers["coating-li"] == {
        "diffusivity_cm2_per_s": {"Li": results["coating-li"].species["Li"].diffusivity_cm2_per_s},
        "diffusivity_error_cm2_per_s": {"Li": results["coating-li"].species["Li"].diffusivity_error_cm2_per_s},
        "diffusivity_95_cm2_per_s": {"Li": list(results["coating-li"].species["Li"].confidence_95_cm2_per_s)},
        "diffusivity_below_cm2_per_s": {"Li": results["coating-li"].species["Li"].below_cm2_per_s},
        "not_diffusive_because": {"Li": [MAY_BEND, BELOW_A_JUMP]},
    }
    assert numbers["tetrahedra_count_mean"] == results["tetrahedra"].counts.count_mean
    assert numbers["sulfides"] == {"tetrahedra_count_mean": results["sulfides"].counts.count_mean}
    assert set(numbers["first_peaks"]) == {"P-S", "S-S"}
    assert set(numbers["far"]) == {"first_peaks", "first_peaks_in_layer", "neighbors"}
    assert numbers["first_peaks_in_layer"] == {
        pair: results["rdf"].summary_of(pair, in_layer=True).first_peak_height for pair in ("P-S", "S-S")
    }
    # All Li and F of this pair are of the coating, and its density is not that of the cell.
    assert numbers["far"]["first_peaks_in_layer"] != numbers["far"]["first_peaks"]
    assert numbers["neighbors"]["P-S"] == results["rdf"].to_dict()["pairs"]["P-S"]["neighbors"]
    assert numbers["bonds_per_atom"]["P-S"]["mean"] == results["chemistry"].bonds_per_atom["P-S"].mean
    assert numbers["p_s_tetrahedra_mean"] == results["chemistry"].to_dict()["p_s_tetrahedra_mean"]
    # A profile has no headline number.
    assert "profile" not in numbers


def test_results_are_typed_and_come_back_from_their_file(run: Path) -> None:
    found = collect_results(run)
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Headline.from_json(json.loads(text), run / "results.json") == found
    assert set(found.to_json()) == {
        "models",
        "campaign",
        "validation",
        "md_ps",
        "unhealthy",
        "runs",
        "domain",
        "left_out",
        "gates",
        "recommendation",
        "means",
        "combined",
        "preliminary_without",
    }
    assert set(found.to_json()["campaign"]) == {"iterations", "labels_made", "labels_failed"}


def test_a_run_of_an_older_version_has_the_same_keys(tmp_path: Path) -> None:
    entry = {name: value for name, value in RUNS[0].to_json().items() if name not in ("kinds", "absent")}
    entry["results"] = ["rdf", "msd", "tetrahedra", "chemistry"]
    write_analysis(tmp_path, RUNS[:1])
    write_json(tmp_path / "analysis" / INDEX, {"runs": [entry]})
    (numbers,) = collect_results(tmp_path).runs.values()
    assert set(numbers) == {
        "coating_angstrom", "condition", "diffusivity_cm2_per_s", "diffusivity_error_cm2_per_s", "diffusivity_95_cm2_per_s", "diffusivity_below_cm2_per_s", "not_diffusive_because", "tetrahedra_count_mean", "p_s_tetrahedra_mean",
        "s2_dimers_mean", "first_peaks", "first_peaks_in_layer", "neighbors", "p_s_tetrahedra_per_p", "bonds_per_atom", "s2_dimers_per_s",
    }  # fmt: skip


def sentences(run: Path, kind: str = "dft") -> str:
    return "\n".join(limitations(run, collect_results(run), kind))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("surrogate", "from a surrogate potential, not from DFT"), ("custom", "The labels are not DFT"), ("semiempirical", "not DFT")],
)  # fmt: skip
def test_labels_that_are_not_dft_are_a_limit(run: Path, kind: str, sentence: str) -> None:
    assert sentence in sentences(run, kind)
    assert "DFT" not in sentences(run, "dft")


def test_a_campaign_that_did_not_converge_is_a_limit(tmp_path: Path) -> None:
    for reason, said in (("budget", True), ("converged", False), ("", False)):
        write_json(made(tmp_path / "campaign") / SUMMARY, campaign(reason).to_json())
        assert ("ended before it had converged (budget)" in sentences(tmp_path)) is said


def test_length_of_runs_and_number_of_seeds_are_limits(tmp_path: Path) -> None:
    few = [replace(scan_entry(f"a/{seed}", seed=seed), time_ps=2.0 + seed) for seed in (1, 2)]
    write_json(made(tmp_path / "scan") / INDEX, ScanIndex(tuple(few)).to_json())
    assert "MD runs have 3 ps to 4 ps" in sentences(tmp_path)
    assert "fewer than three seeds" in sentences(tmp_path)
    write_json(tmp_path / "scan" / INDEX, ScanIndex((*few, scan_entry("a/3", seed=3))).to_json())
    assert "fewer than three seeds" not in sentences(tmp_path)
    # Seeds set velocities alone: no number of them tells what another glass, or other vacancies, would have given.
    assert "one quenched glass" not in sentences(tmp_path)
    glass = GlassEntry("glass", "LiF", 5.0, 2.31, 2.4, 4.2, 1, 100.0, "amorphous", {})
    write_json(made(tmp_path / "structures") / INDEX, StructureIndex(amorphous=(glass,)).to_json())
    assert "All seeds of a model share one quenched glass and differ in velocities alone" in sentences(tmp_path)
    # Three seeds in all, but of two thicknesses.
    write_json(tmp_path / "scan" / INDEX, ScanIndex((*few, scan_entry("b/3", coating=0.0, seed=3))).to_json())
    assert "fewer than three seeds" in sentences(tmp_path)


def test_small_models_and_large_force_errors_are_limits(tmp_path: Path) -> None:
    for n_atoms, said in ((999, True), (1000, False)):
        results = replace(NOTHING, models={"a": n_atoms, "b": 10})
        assert (
            any("lateral cells of a few lattice constants" in line for line in limitations(tmp_path, results, "dft"))
            is said
        )
    for rmse, said in ((111.0, True), (110.0, False)):
        write_json(
            made(tmp_path / "validation") / VALIDATION_FILE,
            replace(VALIDATION, force_rmse_mev_per_angstrom=rmse).to_json(),
        )
        assert ("reaches 110 meV/Å" in sentences(tmp_path)) is said


def with_diffusivity(run: Path, name: str, *, interval: tuple[float, float], **because: tuple[str, ...]) -> None:
    """Every species diffuses, but for those that are named with their reasons."""
    file = run / "analysis" / name / "msd.json"
    content = read_json(file)
    for symbol, values in content["species"].items():
        why = list(because.get(symbol, ()))
        below = interval[1] if why and CHANGES not in why else None
        values |= {"diffusive": not why, "not_diffusive_because": why, "confidence_95_cm2_per_s": list(interval)}
        values["below_cm2_per_s"] = below
    write_json(file, content)


def test_a_run_without_a_diffusivity_is_named_once(tmp_path: Path) -> None:
    entries = [replace(one, results=("msd",), kinds={"msd": "msd"}) for one in RUNS]
    write_analysis(tmp_path, tuple(entries))
    for one in entries:
        with_diffusivity(tmp_path, one.directory, interval=(1e-6, 2e-6))
    assert "diffusivity" not in sentences(tmp_path)
    with_diffusivity(tmp_path, RUNS[0].directory, interval=(-1e-6, 2e-6), Li=(NO_LINE,), S=(NO_LINE, BELOW_A_JUMP))
    with_diffusivity(tmp_path, RUNS[1].directory, interval=(1e-6, 2e-6), S=(BELOW_A_JUMP,))
    text = sentences(tmp_path)
    first, second = RUNS[0].name, RUNS[1].name
    # Each reason with the species that have it, and no other: Li's MSD is not said to be small.
    assert f"because its MSD is not that of a random walk: Li in {first}; S in {first}. What is known" in text
    assert f"because its MSD stays below 4.5 Å², a jump's worth: S in {first}, {second}. What is known" in text
    assert f"The 95 % interval of D contains zero in {RUNS[0].name}." in text
    with_diffusivity(tmp_path, RUNS[1].directory, interval=(1e-6, 2e-6), Li=(CHANGES,))
    text = sentences(tmp_path)
    # What changes has no bound.
    assert f"Not diffusive, because {CHANGES}: Li in {second}. The slope there is no diffusivity." in text


def test_many_runs_are_counted_and_not_listed(tmp_path: Path) -> None:
    entries = [
        replace(RUNS[0], name=f"r{k}", directory=f"r{k}", results=("msd",), kinds={"msd": "msd"}) for k in range(5)
    ]
    write_analysis(tmp_path, tuple(entries))
    for one in entries:
        with_diffusivity(tmp_path, one.directory, interval=(1e-6, 2e-6), Li=(NO_LINE,))
    assert "random walk: Li in 5 runs." in sentences(tmp_path)
    write_json(tmp_path / "analysis" / INDEX, AnalysisIndex(tuple(entries[:4])).to_json())
    assert "random walk: Li in r0, r1, r2, r3." in sentences(tmp_path)


def test_unhealthy_runs_are_a_limit(run: Path, tmp_path: Path) -> None:
    assert f"not healthy and enter no average: {SICK.name}, 05A/hot/seed-3." in sentences(run)
    healthy = tuple(one for one in SCAN if one.healthy)
    write_json(made(tmp_path / "scan") / INDEX, ScanIndex(healthy).to_json())
    assert "not healthy" not in sentences(tmp_path)


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ({"hot": (2000.0, 2000.0)}, "Each MD run has 2 ns. "),
        ({"hot": (1999.5, 2500.0)}, "MD runs have 1.9995 ns to 2.5 ns. "),
        ({"hot": (2000.0, 2000.0), "cold": (12.5, 500.0)}, "MD runs have 2 ns (hot), 12.5 ps to 500 ps (cold). "),
    ],
)
def test_lengths_of_runs_are_those_of_each_protocol(
    run: Path, times: dict[str, tuple[float, ...]], sentence: str
) -> None:
    first = read_book(ScanIndex, run / "scan" / INDEX).runs[0]
    runs = [
        replace(first, name=f"a/{protocol}/seed-{seed}", protocol=protocol, time_ps=time)
        for protocol, of_protocol in times.items()
        for seed, time in enumerate(of_protocol)
    ]
    write_json(run / "scan" / INDEX, ScanIndex(tuple(runs)).to_json())
    assert sentence in sentences(run)
