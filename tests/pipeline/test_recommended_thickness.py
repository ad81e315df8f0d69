"""The recommendation of a thickness as it is gathered from results, judged and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import mlip_interfaces as mi
from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex, RunDomain
from mlip_interfaces.books.recommendation import RECOMMENDATION_FILE, RecommendationBook, VariantAnswer
from mlip_interfaces.books.run import AnalysisEntry, ScanEntry, read_book
from mlip_interfaces.config import Study, load_study, parse_study
from mlip_interfaces.errors import StudyError
from mlip_interfaces.files import write_json
from mlip_interfaces.observables import Request
from mlip_interfaces.pipeline.recommendation import recommended, write_recommendation
from mlip_interfaces.report.recommendation_section import recommendation_sections
from mlip_interfaces.run.context import RunContext

LOST = {0.0: 0.4, 5.0: 0.2, 10.0: 0.1, 20.0: 0.1}
ONE_GLASS = "All seeds of a model share one quenched glass and differ in velocities alone: what another glass would have given is in no interval."
D = {5.0: 0.6e-6, 10.0: 0.6e-6, 20.0: 0.2e-6}


@pytest.fixture(scope="module")
def study(repository: Path) -> Study:
    return load_study(repository / "configs" / "demo.yaml")


def scan(coating: float, protocol: str, seed: int = 1, variant: str = "") -> ScanEntry:
    name = f"coating-{coating:02g}A{variant}/{protocol}/seed-{seed}"
    return ScanEntry(
        name=name, model=f"coating-{coating:02g}A", coating_angstrom=coating, variant=variant, protocol=protocol, ensemble="npt",
        temperature_kelvin=300.0, pressure_bar=(1.0, 1.0, 1.0), seed=seed, directory=name, trajectory="t.dcd", topology="",
        layers="layers.json", thermo_file="", frame_interval_ps=0.1, n_atoms=100, healthy=True, reasons=(), time_ps=2000.0, n_steps=20,
        n_frames=20,
    )  # fmt: skip


def chemistry(lost: float, n_centers: int = 4000, error: float = 0.01) -> dict[str, Any]:
    return {
        "n_centers": n_centers,
        "intact_fraction": 1.0 - lost,
        "intact_fraction_error": error,
        "settings": {"centers": ["P"], "reaction_bonds": ["P-O"]},
        "bonds_per_atom": {"P-S": {"mean": 4.0 * (1 - lost), "error": 0.02}, "P-O": {"mean": lost, "error": 0.01}},
        "bonds_per_atom_initial": {"P-S": 4.0, "P-O": 0.0},
    }


def msd(value: float, error: float, *, diffusive: bool = True) -> dict[str, Any]:
    entry = {
        "diffusivity_cm2_per_s": value, "diffusivity_error_cm2_per_s": error, "diffusive": diffusive,
        "confidence_95_cm2_per_s": [value - 2 * error, value + 2 * error], "run_at_least_ps": None if diffusive else 8000.0,
    }  # fmt: skip
    return {"species": {"Li": entry}}


def write_scan(
    analysis: Path,
    losses: Mapping[float, dict[str, Any]],
    transport: Mapping[float, dict[str, Any]],
    seeds: tuple[int, ...] = (1,),
    variant: str = "",
) -> tuple[list[ScanEntry], list[AnalysisEntry]]:
    runs, entries = [], []
    for protocol, kind, contents in (("reaction", "chemistry", losses), ("diffusion", "msd", transport)):
        for coating, content in contents.items():
            for seed in seeds:
                run = scan(coating, protocol, seed, variant)
                (analysis / run.directory).mkdir(parents=True)
                write_json(analysis / run.directory / f"{kind}.json", content)
                runs.append(run)
                entries.append(AnalysisEntry.of_run(run, kinds={kind: kind}, absent={}))
    return runs, entries


def good(analysis: Path, variant: str = "") -> tuple[list[ScanEntry], list[AnalysisEntry]]:
    losses = {coating: chemistry(lost) for coating, lost in LOST.items()}
    return write_scan(analysis, losses, {t: msd(value, 0.03e-6) for t, value in D.items()}, (1, 2, 3), variant)


def only(book: RecommendationBook | None) -> VariantAnswer:
    assert book is not None
    (answer,) = book.answers
    return answer


def test_the_thickest_that_protects_and_conducts_is_recommended(study: Study, tmp_path: Path) -> None:
    answer = only(recommended(study, tmp_path, *good(tmp_path)))
    assert (answer.outcome, answer.thickness_angstrom) == ("recommended", 10.0)
    assert answer.sentence.startswith(
        "Take 10 Å: it reduces what is lost of the electrolyte and keeps the diffusivity of 5 Å"
    )
    assert answer.loss_of == "share of P whose neighbours changed (reaction)"
    assert answer.transport_of == "D of the coating's Li (diffusion)"
    verdicts = {row.coating_angstrom: (row.verdict, row.protection, row.transport) for row in answer.rows}
    assert verdicts == {
        0.0: ("reference", "reference", "no coating"),
        5.0: ("qualifies", "reduced", "reference"),
        10.0: ("qualifies", "reduced", "kept"),
        20.0: ("excluded", "reduced", "below"),
    }
    assert (answer.decide, answer.caveats) == ((), (ONE_GLASS,))
    first = answer.rows[0].loss
    assert first is not None
    assert (first.n_runs, round(first.value, 9)) == (3, 0.4)


def with_analysis(study: Study, requests: dict[str, Request], **recommendation: Any) -> Study:
    """The study with these analyses alone."""
    asked = study.recommendation.model_copy(update=recommendation)
    return study.model_copy(
        update={"analysis": study.analysis.model_copy(update={"requests": requests}), "recommendation": asked}
    )


@pytest.mark.parametrize("named", [None, "msd"])
def test_diffusion_of_all_ions_decides_on_no_thickness(study: Study, tmp_path: Path, named: str | None) -> None:
    # Of ions that do not change, the share of the slow coating's grows with its thickness, and the mean D falls.
    of_all = with_analysis(study, {"chemistry": mi.Chemistry(), "msd": mi.Msd(species="Li")}, transport_analysis=named)
    answer = only(recommended(of_all, tmp_path, *good(tmp_path)))
    assert (answer.outcome, answer.thickness_angstrom) == ("undecided", None)
    assert {row.transport for row in answer.rows} == {"no coating", "no data"}
    which = "the analysis 'msd' is not" if named else "no analysis of kind msd is"
    assert f"{which} of the layer 'coating', and D of all ions depends on how many" in answer.sentence
    assert answer.decide[0] == "5 Å needs an analysis of kind msd with `layer: coating`."


def test_the_msd_of_the_layer_serves_whichever_comes_first(study: Study, tmp_path: Path) -> None:
    requests = {"chemistry": mi.Chemistry(), "all": mi.Msd(species="Li"), "msd": mi.Msd(species="Li", layer="coating")}
    answer = only(recommended(with_analysis(study, requests), tmp_path, *good(tmp_path)))
    assert (answer.thickness_angstrom, answer.transport_of) == (10.0, "D of the coating's Li (diffusion)")


def test_loss_that_is_counted_in_the_scanned_layer_too_is_said(study: Study, tmp_path: Path) -> None:
    runs, entries = good(tmp_path)
    for settings, diluted in (({}, True), ({"layer": "electrolyte"}, False), ({"outside_layer": "coating"}, False)):
        requests = {"chemistry": mi.Chemistry(**settings), "msd": mi.Msd(species="Li", layer="coating")}
        said = " ".join(only(recommended(with_analysis(study, requests), tmp_path, runs, entries)).caveats)
        assert ("set `outside_layer: coating` of the analysis 'chemistry'" in said) is diluted


def test_seeds_and_sick_runs_and_the_domain_are_said(study: Study, tmp_path: Path) -> None:
    losses = {coating: chemistry(lost) for coating, lost in LOST.items()}
    runs, entries = write_scan(tmp_path, losses, {t: msd(value, 0.03e-6) for t, value in D.items()})
    sick = replace(entries[-1], healthy=False, results=(), kinds={})
    runs[0] = replace(runs[0], time_ps=900.0)
    answer = only(recommended(study, tmp_path, runs, [*entries[:-1], sick], [entries[1].name, "another"]))
    said = " ".join(answer.caveats)
    assert f"1 run of 6 left the domain of the model ({entries[1].name})" in said
    assert f"out of all numbers: {sick.name}." in said
    assert "One run each at 0, 5, 10, 20 Å: what other velocities would have given is in no interval." in said
    assert "Runs of reaction are 900 to 2000 ps long" in said
    assert answer.decide == ("20 Å needs a healthy run for diffusion.",)
    assert "Whether 20 Å would do as well the data do not decide." in answer.sentence


def test_the_time_and_the_seeds_that_would_decide_are_said(study: Study, tmp_path: Path) -> None:
    losses = {0.0: chemistry(0.4, error=0.1), 5.0: chemistry(0.25, error=0.1)}
    answer = only(recommended(study, tmp_path, *write_scan(tmp_path, losses, {5.0: msd(1e-6, 1e-7)})))
    assert answer.outcome == "undecided"
    row = answer.rows[1]
    assert row.loss_run_ps is not None
    # By hand: (t_0.95 + t_0.8 of 18 degrees of freedom) 0.1414 / 0.15, squared, times 2 ns.
    assert row.loss_run_ps == pytest.approx(2000.0 * ((1.734 + 0.862) * 0.1414 / 0.15) ** 2, rel=0.01, abs=0)
    assert answer.decide == (f"5 Å needs runs of 12 ns, or {row.loss_runs} seeds as long as these, for loss.",)


def test_few_units_are_known_no_better_than_few_coins_and_time_does_not_help(study: Study, tmp_path: Path) -> None:
    losses = {0.0: chemistry(0.5, n_centers=4, error=0.01), 5.0: chemistry(0.25, n_centers=4, error=0.01)}
    answer = only(recommended(study, tmp_path, *write_scan(tmp_path, losses, {5.0: msd(1e-6, 1e-7)})))
    bare = answer.rows[0].loss
    assert bare is not None
    assert bare.error == pytest.approx((0.5 * 0.5 / 4) ** 0.5, rel=1e-9, abs=0)
    assert bare.low == 0.0
    assert answer.outcome == "undecided"
    assert answer.rows[1].loss_run_ps is None
    assert "or a larger cell, for loss" in answer.decide[0]
    assert any("few units" in said for said in answer.caveats)


def test_runs_too_short_for_a_diffusivity_need_the_time_that_msd_says(study: Study, tmp_path: Path) -> None:
    losses = {coating: chemistry(lost) for coating, lost in LOST.items()}
    transport = {5.0: msd(6e-7, 1e-8), 10.0: msd(6e-7, 1e-8, diffusive=False)}
    answer = only(recommended(study, tmp_path, *write_scan(tmp_path, losses, transport)))
    assert answer.thickness_angstrom == 5.0
    assert answer.rows[2].transport_run_ps == 8000.0
    # With these runs D is one, and may still be too uncertain: they need not decide.
    assert answer.decide[0] == "10 Å needs runs of at least 8 ns before D can be judged."
    assert [row.diffusive for row in answer.rows[1:3]] == [True, False]


def test_the_table_has_a_bound_where_there_is_no_diffusivity(study: Study, tmp_path: Path) -> None:
    losses = {coating: chemistry(lost) for coating, lost in LOST.items()}
    transport = {5.0: msd(6e-7, 1e-8), 10.0: msd(6e-7, 1e-8, diffusive=False)}
    write_recommendation(RunContext(study, tmp_path), *write_scan(tmp_path / "analysis", losses, transport))
    (section,) = recommendation_sections(tmp_path)
    assert [row[4] for row in section.tables[0].rows[1:3]] == ["6.00e-07 ± 1.0e-08", "below 6.2e-07"]


@pytest.mark.parametrize("unknown", [(1,), (2,), (1, 2), ()])
def test_one_run_of_unknown_length_leaves_the_time_unknown(
    study: Study, tmp_path: Path, unknown: tuple[int, ...]
) -> None:
    losses = {coating: chemistry(lost) for coating, lost in LOST.items()}
    transport = {5.0: msd(6e-7, 1e-8), 10.0: msd(6e-7, 1e-8, diffusive=False)}
    runs, entries = write_scan(tmp_path, losses, transport, (1, 2))
    for run in runs:
        if run.protocol == "diffusion" and run.coating_angstrom == 10.0 and run.seed in unknown:
            content = msd(6e-7, 1e-8, diffusive=False)
            content["species"]["Li"]["run_at_least_ps"] = None
            write_json(tmp_path / run.directory / "msd.json", content)
    answer = only(recommended(study, tmp_path, runs, entries))
    assert answer.rows[2].transport_run_ps == (None if unknown else 8000.0)
    needed = "longer runs" if unknown else "runs of at least 8 ns"
    assert answer.decide[0] == f"10 Å needs {needed} before D can be judged."


@pytest.mark.parametrize(
    ("loss", "said", "bare"), [("P-S", "P-S bonds gone per P", 1.6), ("O-P", "P-O bonds made per P", 0.4)]
)
def test_bonds_lost_and_bonds_made_serve_as_well(
    study: Study, tmp_path: Path, loss: str, said: str, bare: float
) -> None:
    asked = study.model_copy(update={"recommendation": study.recommendation.model_copy(update={"loss": loss})})
    answer = only(recommended(asked, tmp_path, *good(tmp_path)))
    assert answer.loss_of == f"{said} (reaction)"
    first = answer.rows[0].loss
    assert first is not None
    assert first.value == pytest.approx(bare, rel=1e-9, abs=0)
    assert answer.thickness_angstrom == 10.0


def test_models_with_vacancies_have_an_answer_of_their_own(study: Study, tmp_path: Path) -> None:
    runs, entries = good(tmp_path)
    more_runs, more = good(tmp_path, "-vac10")
    book = recommended(study, tmp_path, [*runs, *more_runs], [*entries, *more])
    assert book is not None
    assert [answer.variant for answer in book.answers] == ["", "-vac10"]
    # Three seeds each, and none of them has another glass or another choice of vacancies.
    bare, vacant = (answer.caveats[-1] for answer in book.answers)
    assert bare == ONE_GLASS
    assert "share one quenched glass and one arrangement of vacancies and differ in velocities alone" in vacant
    assert "what another glass, or another arrangement of vacancies would have given is in no interval" in vacant


def test_the_file_is_written_shown_and_removed_when_there_is_nothing_to_choose(study: Study, tmp_path: Path) -> None:
    runs, entries = good(tmp_path / "analysis")
    (tmp_path / "scan").mkdir()
    looks = tuple(RunDomain(name=run.name, verdict="leaves") for run in runs[:2])
    look = DomainIndex(max_energy_drift_mev_per_atom=20.0, runs=looks)
    write_json(tmp_path / "scan" / DOMAIN_FILE, look.to_json())
    context = RunContext(study, tmp_path)
    write_recommendation(context, runs, entries)
    book = read_book(RecommendationBook, tmp_path / "analysis" / RECOMMENDATION_FILE)
    (section,) = recommendation_sections(tmp_path)
    assert section.title == "The answer"
    assert section.paragraphs == [book.answers[0].sentence]
    assert any("2 runs of" in point for point in section.points)
    (table,) = section.tables
    assert [row[0] for row in table.rows] == ["0", "5", "10", "20"]
    assert {len(row) for row in table.rows} == {len(table.head)}
    assert table.rows[2][-1] == "qualifies: loss reduced, D kept"
    assert table.rows[3][7] == "< 0.001"
    # One thickness alone: no choice, and no file of an earlier one.
    assert write_recommendation(context, runs[:1], entries[:1]) is None
    assert recommendation_sections(tmp_path) == []


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"loss_protocol": "cold"}, "protocols are reaction, diffusion"),
        ({"transport_analysis": "chemistry"}, "kind msd are msd"),
        ({"mobile": "Na"}, "Na is not in elements"),
        ({"loss": "Si-S"}, "Si is not in elements"),
        ({"loss": "everything"}, "loss"),
        ({"loss": "Li-Cl"}, "'Li-Cl', which no analysis of kind chemistry counts.*bond_cutoffs_angstrom: {Li-Cl: 3.0}"),
        ({"loss": "Li-Cl", "loss_analysis": "chemistry"}, "the analysis 'chemistry' does not count"),
        ({"mobile": "F"}, "'F', but the analysis 'msd' that D is taken from has Li; add it to analysis.msd.species"),
    ],
)
def test_what_the_study_does_not_have_is_refused(repository: Path, settings: dict[str, str], what: str) -> None:
    file = repository / "configs" / "demo.yaml"
    text = file.read_text() + yaml.safe_dump({"recommendation": settings})
    with pytest.raises(StudyError, match=what):
        parse_study(text, file)


def test_the_reason_is_the_study_where_it_counts_nothing_that_could_be_lost(study: Study, tmp_path: Path) -> None:
    runs, entries = good(tmp_path)
    of_layer = mi.Msd(species="Li", layer="coating")
    for requests, reason in (
        ({"msd": of_layer}, "the study asks for no analysis of kind chemistry, which would count what is lost."),
        (
            {"chemistry": mi.Chemistry(centers="C"), "msd": of_layer},
            "no analysis of kind chemistry counts units of polyanions.",
        ),
    ):
        answer = only(recommended(with_analysis(study, requests), tmp_path, runs, entries))
        assert answer.outcome == "undecided"
        assert answer.sentence == f"The data do not decide which thickness to take: {reason}"
        assert "needs an analysis of kind chemistry that counts units of polyanions" in answer.decide[0]
        assert "healthy" not in answer.sentence + " ".join(answer.decide)


def test_of_several_analyses_the_one_that_has_what_is_asked_for_is_taken(repository: Path) -> None:
    file = repository / "configs" / "demo.yaml"
    own = yaml.safe_load(file.read_text())
    own["analysis"] = [
        {"kind": "chemistry"},
        {"kind": "chemistry", "name": "chlorides", "bond_cutoffs_angstrom": {"Li-Cl": 3.2}},
        {"kind": "msd", "name": "fluorine", "species": ["F"], "layer": "coating"},
        {"kind": "msd", "name": "lithium", "species": ["Li"], "layer": "coating"},
    ]
    own["recommendation"] = {"loss": "Li-Cl", "mobile": "Li"}
    made = parse_study(yaml.safe_dump(own), file)
    asked, requests = made.recommendation, made.analysis.requests
    assert asked.loss_among(requests, made.elements) == "chlorides"
    assert asked.transport_among(requests, made.interface.compared) == "lithium"
