"""The ``analysis`` section in all its forms: a list, names, the short form, nothing at all; and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.choices import SCHEMES
from mlip_interfaces.config import Study, study_schema
from mlip_interfaces.config.analysis import Analysis
from mlip_interfaces.config.default_requests import default_requests
from mlip_interfaces.config.load import parse_study
from mlip_interfaces.errors import StudyError
from mlip_interfaces.observables import ANALYSES
from mlip_interfaces.pipeline.analyze import study_requests


@pytest.fixture(scope="module")
def raw(repository: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((repository / "configs" / "demo.yaml").read_text())
    return content


def study(raw: dict[str, Any], analysis: Any) -> Study:
    return parse_study(yaml.safe_dump(raw | {"analysis": analysis}), Path("study.yaml"))


def refusal(raw: dict[str, Any], analysis: Any) -> str:
    with pytest.raises(StudyError) as refused:
        study(raw, analysis)
    return str(refused.value)


def requests(raw: dict[str, Any], analysis: Any) -> dict[str, mi.Request]:
    return dict(study(raw, analysis).analysis.requests)


def test_a_list_has_any_number_of_each_kind_with_names_of_their_own(raw: dict[str, Any]) -> None:
    found = requests(
        raw,
        [
            {"kind": "msd", "species": ["Li"]},
            {"kind": "msd", "species": ["S"]},
            {"kind": "rdf", "name": "far", "pairs": ["P-S"], "r_max_angstrom": 6},
            {"kind": "msd", "name": "li-coating", "species": "Li", "layer": "coating"},
        ],
    )
    assert found == {
        "msd": mi.Msd(species="Li"), "msd-2": mi.Msd(species="S"), "far": mi.Rdf(pairs="P-S", r_max_angstrom=6),
        "li-coating": mi.Msd(species="Li", layer="coating"),
    }  # fmt: skip
    assert list(found) == ["msd", "msd-2", "far", "li-coating"]


def test_a_name_that_is_given_is_kept_and_others_go_round_it(raw: dict[str, Any]) -> None:
    entries = [
        {"kind": "msd", "species": ["Li"]},
        {"kind": "msd", "species": ["S"]},
        {"kind": "profile", "name": "msd-2"},
    ]
    assert {name: request.kind for name, request in requests(raw, entries).items()} == {
        "msd": "msd", "msd-3": "msd", "msd-2": "profile",
    }  # fmt: skip


def test_a_list_stands_alone_or_beside_what_all_share(raw: dict[str, Any]) -> None:
    entries = [{"kind": "profile"}]
    alone = study(raw, entries).analysis
    assert (alone.drift, alone.unwrap, alone.start_ps, alone.stop_ps) == ("com", "auto", None, None)
    shared = study(raw, {"drift": "Co,O", "unwrap": "tor", "start_ps": 1, "stop_ps": 9.5, "requests": entries}).analysis
    assert shared.requests == alone.requests == {"profile": mi.Profile()}
    assert (shared.drift, shared.unwrap, shared.start_ps, shared.stop_ps) == ("Co,O", "tor", 1.0, 9.5)


def test_a_mapping_from_names_is_the_same_as_a_list(raw: dict[str, Any]) -> None:
    named = {"across": {"kind": "profile", "axis": "a"}, "tetrahedra": {"q_min": 0.9}}
    expected = {"across": mi.Profile(axis="a"), "tetrahedra": mi.Tetrahedra(q_min=0.9)}
    assert requests(raw, {"requests": named}) == expected
    assert requests(raw, named) == expected
    assert requests(raw, [{"name": name, "kind": name} | entry for name, entry in named.items()]) == expected


def test_the_short_form_has_the_defaults_where_it_says_nothing(raw: dict[str, Any]) -> None:
    found = requests(raw, {"rdf": {"blocks": 7}, "residence": {"species": "Li", "jump_distance_angstrom": 2}})
    assert found["rdf"] == mi.Rdf(pairs=("P-O", "P-S", "Co-S", "S-S"), blocks=7)
    assert found["msd"] == mi.Msd(species="Li")
    assert found["residence"].jump_distance_angstrom == 2.0
    assert list(found) == ["rdf", "msd", "tetrahedra", "chemistry", "profile", "residence", "msd-coating"]


def test_null_leaves_a_kind_out(raw: dict[str, Any]) -> None:
    assert set(requests(raw, {"rdf": None, "tetrahedra": None})) == {"msd", "msd-coating", "chemistry", "profile"}
    assert requests(raw, []) == requests(raw, {"requests": {}}) == {}


def test_without_a_section_the_defaults_follow_the_elements() -> None:
    assert default_requests(["Li", "P", "S", "O"])["rdf"]["pairs"] == ["P-O", "P-S", "S-S"]
    assert default_requests(["Li", "P", "S"]) == {
        "rdf": {"pairs": ["P-S", "S-S", "P-P"], "blocks": 4},
        "msd": {"species": ["Li"]},
        "tetrahedra": {"center": "Li", "ligand": "S", "cutoff_angstrom": 3.0},
        "chemistry": {"reaction_bonds": ["P-P", "S-S"]},
        "profile": {},
    }
    assert default_requests(["Li", "F"])["rdf"]["pairs"] == ["Li-F"]
    assert default_requests(["Na", "P", "S"])["msd"]["species"] == ["Na"]
    assert set(default_requests(["Mg", "O"])) == {"rdf", "msd", "profile"}
    assert default_requests(["Ag", "I"]) == {"rdf": {"pairs": ["Ag-I"], "blocks": 4}, "profile": {}}
    assert default_requests(["Cu"])["rdf"]["pairs"] == ["Cu-Cu"]
    assert set(default_requests()) == set(Analysis().requests)


LAYERS = [
    {"kind": "crystal", "name": name, "material": "Li", "miller": [1, 0, 0], "thickness_angstrom": 9} for name in "ab"
]


@pytest.mark.parametrize("analysis", [{}, None, {"drift": "none"}, {"msd": {"species": ["Li"]}}])
def test_where_thicknesses_are_compared_msd_is_of_that_layer_too(raw: dict[str, Any], analysis: Any) -> None:
    of_msd = {name: one for name, one in requests(raw, analysis).items() if one.kind == "msd"}
    assert of_msd == {"msd": mi.Msd(species="Li"), "msd-coating": mi.Msd(species="Li", layer="coating")}


@pytest.mark.parametrize(
    ("chemistry", "outside"),
    [
        ({}, "coating"),
        ({"layer": "electrolyte"}, None),
        ({"outside_layer": None}, None),
        ({"outside_layer": "cathode"}, "cathode"),
    ],
)
def test_where_thicknesses_are_compared_units_of_that_layer_are_left_out_by_default(
    raw: dict[str, Any], chemistry: dict[str, Any], outside: str | None
) -> None:
    for analysis in ({"chemistry": chemistry}, [{"kind": "chemistry"} | chemistry]):
        assert requests(raw, analysis)["chemistry"] == mi.Chemistry(
            reaction_bonds=("P-O", "Co-S"), layer=chemistry.get("layer"), outside_layer=outside
        )
    assert "analysis.chemistry.outside_layer is 'top', but the layers are cathode, coating" in refusal(
        raw, {"chemistry": {"outside_layer": "top"}}
    )


def test_msd_of_the_layer_is_not_added_to_what_the_study_says_itself(raw: dict[str, Any]) -> None:
    for analysis, names in (
        ({"msd": {"layer": "electrolyte"}}, ["msd"]),
        ({"msd": None}, []),
        ([{"kind": "msd"}], ["msd"]),
    ):
        assert [name for name, one in requests(raw, analysis).items() if one.kind == "msd"] == names
    single = yaml.safe_load(yaml.safe_dump(raw))
    for layer in single["interface"]["layers"]:
        if layer["kind"] == "amorphous":
            layer["thickness_angstrom"] = 10
    single["exploration"] = {"iterations": raw["exploration"]["iterations"]}
    single["initial_data"]["teacher_md"] = []
    assert "msd-coating" not in requests(single, {})


@pytest.mark.parametrize("analysis", [{}, None, {"drift": "none"}, [{"kind": kind} for kind in ("rdf", "msd")]])
@pytest.mark.parametrize(
    "elements", [*itertools.combinations(["Li", "P", "S", "O", "Na", "Co", "F"], 2), ["Mg", "Cl"], ["Li"], ["Ca", "H"]]
)
def test_a_default_never_fails_whatever_the_elements(
    raw: dict[str, Any], elements: Sequence[str], analysis: Any
) -> None:
    if isinstance(analysis, list) and not default_requests(elements).get("msd"):
        analysis = analysis[:1]
    sections = {name: raw[name] for name in ("name", "labels", "exploration", "protocols")}
    sections["exploration"] = {"iterations": raw["exploration"]["iterations"]}
    content = sections | {"elements": list(elements), "interface": {"layers": LAYERS}, "analysis": analysis}
    found = parse_study(yaml.safe_dump(content), Path("study.yaml")).analysis.requests
    assert found["rdf"].pairs
    for name, request in found.items():
        request.check(elements, {"a", "b"})
        assert name in default_requests(elements)


def test_settings_that_a_request_leaves_out_follow_the_elements_and_those_it_has_stay(raw: dict[str, Any]) -> None:
    own = raw | {"elements": ["Li", "P", "S"], "interface": {"layers": LAYERS}}
    own = {name: own[name] for name in ("name", "elements", "labels", "protocols", "interface")}
    own["exploration"] = {"iterations": raw["exploration"]["iterations"]}
    asked = [
        {"kind": "tetrahedra", "average_ps": 0.5}, {"kind": "rdf", "blocks": 2}, {"kind": "msd", "species": ["S"]},
        {"kind": "chemistry", "min_lifetime_ps": 1}, {"kind": "tetrahedra", "name": "own", "ligand": "P"},
    ]  # fmt: skip
    assert requests(own, asked) == {
        "tetrahedra": mi.Tetrahedra(ligand="S", cutoff_angstrom=3.0, average_ps=0.5),
        "rdf": mi.Rdf(pairs=("P-S", "S-S", "P-P"), blocks=2),
        "msd": mi.Msd(species="S"),
        "chemistry": mi.Chemistry(reaction_bonds=("P-P", "S-S"), min_lifetime_ps=1),
        "own": mi.Tetrahedra(ligand="P"),
    }
    assert "analysis.tetrahedra.ligand is 'F', which is not in elements" in refusal(
        own, [{"kind": "tetrahedra", "cutoff_angstrom": 2.6}]
    )


@pytest.mark.parametrize(
    ("analysis", "sentence"),
    [
        ([{"kind": "msdd", "species": ["Li"]}], "there is no kind of analysis 'msdd'. Did you mean 'msd'?"),
        ([{"kind": "xyzzy"}], "The kinds are rdf, msd, onsager"),
        ([{"species": ["Li"]}], "there is no kind of analysis 'None'"),
        ({"vanhove": {"species": "Li"}}, "Did you mean 'van-hove'?"),
        (["msd"], "must be a mapping of settings, such as {kind: msd, species: [Li]}"),
        ("msd", "analysis"),
        ([{"kind": "msd", "species": ["Li"], "layr": "coating"}], "analysis.msd: unknown key 'layr'. Did you mean 'layer'?"),
        ([{"kind": "onsager"}], "the key 'analysis.onsager.species' is missing"),
        ([{"kind": "msd", "name": "a b", "species": ["Li"]}], "a b"),
        ([{"kind": "msd", "name": "../x", "species": ["Li"]}], "../x"),
        ([{"kind": "msd", "name": "a", "species": ["Li"]}, {"kind": "profile", "name": "a"}], "the name 'a' in analysis stands twice"),
        (
            [{"kind": "rdf", "pairs": ["Li-F"]}, {"kind": "msd", "name": "rdf_whole", "species": ["Li"]}],
            "analyses 'rdf' and 'rdf_whole' would both write rdf_whole.csv",
        ),
        ([{"kind": "rdf", "pairs": ["P-Zn"]}], "analysis.rdf.pairs: 'P-Zn' must be two of the elements"),
        ([{"kind": "rdf", "name": "far", "pairs": ["P-Zn"]}], "analysis.far.pairs"),
        ([{"kind": "msd", "species": ["Li"], "layer": "top"}], "layer is 'top', but the layers are"),
        ([{"kind": "onsager", "species": ["Li"], "region": "top"}], "region names 'top'"),
        ([{"kind": "profile", "axis": "z"}], "analysis.profile.axis is 'z', but it should be 'a', 'b' or 'c'"),
        ([{"kind": "rdf", "pairs": ["P-S"], "blocks": 0}], "analysis.rdf.blocks is 0"),
        ({"unwrap": "never"}, "analysis.unwrap is 'never'"),
        ({"drift": "coatin"}, "analysis.drift is 'coatin'"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_its_place(raw: dict[str, Any], analysis: Any, sentence: str) -> None:
    assert sentence in refusal(raw, analysis)


def test_every_problem_of_a_list_is_told_at_once(raw: dict[str, Any]) -> None:
    text = refusal(raw, [{"kind": "msdd"}, {"kind": "onsager"}, {"kind": "profile", "axis": "q"}])
    assert text.count("study.yaml: ") == 3


def test_a_layer_may_be_at_rest(raw: dict[str, Any]) -> None:
    for drift in ("none", "com", "coating", "Co,O", "Li"):
        assert study(raw, {"drift": drift}).analysis.drift == drift


def test_the_temperature_of_a_run_reaches_every_request_that_takes_one(raw: dict[str, Any]) -> None:
    made = study(raw, [{"kind": "rdf", "pairs": ["P-S"]}, {"kind": "onsager", "species": ["Li"]}, {"kind": "profile"}])
    found = study_requests(made, 640.0)
    assert [found[name].temperature_kelvin for name in ("rdf", "onsager")] == [640.0, 640.0]
    assert made.analysis.requests["onsager"].temperature_kelvin is None
    own = study(raw, [{"kind": "rdf", "pairs": ["P-S"], "temperature_kelvin": 300}])
    assert study_requests(own, 640.0)["rdf"].temperature_kelvin == 300.0


def test_written_out_in_full_it_is_the_same_section(raw: dict[str, Any]) -> None:
    entries = [{"kind": kind} | LEAST.get(kind, {}) for kind in ANALYSES]
    made = study(raw, entries).analysis
    assert set(made.requests) == set(ANALYSES)
    again = Analysis.model_validate(made.model_dump(mode="json"))
    assert again == made
    assert study(raw, yaml.safe_load(yaml.safe_dump(made.model_dump(mode="json")))).analysis == made


LEAST: dict[str, dict[str, Any]] = {
    "rdf": {"pairs": ["P-S"]}, "msd": {"species": ["Li"]}, "onsager": {"species": ["Li"], "region_angstrom": [0, 5]},
    "van-hove": {"species": "Li", "lags_ps": [1]}, "residence": {"species": "Li", "jump_distance_angstrom": 2},
    "density": {"species": "Li"}, "environments": {"species": "Li"}, "chemistry": {"bond_cutoffs_angstrom": {"P-S": 2.5}},
}  # fmt: skip
"""Settings of each kind that have no default, and some that have."""


def test_the_schema_knows_every_kind_with_its_settings() -> None:
    section = study_schema()["$defs"]["Analysis"]["properties"]
    (entries,) = section["requests"]["patternProperties"].values()
    kinds = {entry["properties"]["kind"]["const"]: entry for entry in entries["anyOf"]}
    assert set(kinds) == set(ANALYSES)
    for kind, request in ANALYSES.items():
        assert set(kinds[kind]["properties"]) == {"kind", *request.model_fields}
        required = {name for name, setting in request.model_fields.items() if setting.is_required()}
        assert set(kinds[kind]["required"]) == {"kind", *required}
        assert kinds[kind]["additionalProperties"] is False
    assert set(section["unwrap"]["enum"]) == set(SCHEMES)


def test_requests_of_python_are_taken_as_they_are() -> None:
    made = Analysis(requests={"a": mi.Profile(axis="b")})
    assert made.requests["a"].axis == "b"
    with pytest.raises(ValidationError, match="must be a mapping of settings"):
        Analysis(requests={"a": 3})
