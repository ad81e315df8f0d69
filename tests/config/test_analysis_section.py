"""The section ``analysis``: every form of it becomes named requests, and each is checked against the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlip_interfaces.config import Study, parse_study
from mlip_interfaces.config.analysis import default_requests
from mlip_interfaces.errors import StudyError

NAME = Path("x.yaml")


@pytest.fixture
def raw(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / "configs" / "demo.yaml").read_text())


def study(raw: dict[str, Any], analysis: Any) -> Study:
    return parse_study(yaml.safe_dump(raw | {"analysis": analysis}), NAME)


def kinds(made: Study) -> dict[str, str]:
    return {name: request.kind for name, request in made.analysis.requests.items()}


def test_short_form_is_the_defaults_with_what_is_said_on_top(raw: dict[str, Any]) -> None:
    made = study(raw, {"msd": {"species": ["Li", "S"]}, "tetrahedra": None})
    assert kinds(made) == {"rdf": "rdf", "msd": "msd", "chemistry": "chemistry", "profile": "profile"}
    assert made.analysis.requests["msd"].species == ("Li", "S")


def test_list_may_ask_for_a_kind_twice_and_names_the_second(raw: dict[str, Any]) -> None:
    made = study(
        raw,
        [
            {"kind": "msd", "species": ["Li"]},
            {"kind": "msd", "species": ["S"]},
            {"kind": "msd", "name": "x", "species": ["P"]},
        ],
    )
    assert kinds(made) == {"msd": "msd", "msd-2": "msd", "x": "msd"}


def test_mapping_from_names_asks_for_nothing_else(raw: dict[str, Any]) -> None:
    made = study(raw, {"coating": {"kind": "msd", "species": ["Li"], "layer": "coating"}, "drift": "Co,O"})
    assert kinds(made) == {"coating": "msd"}
    assert made.analysis.drift == "Co,O"


@pytest.mark.parametrize(
    ("analysis", "expected"),
    [
        ({"msd": {"species": ["Zn"]}}, "analysis.msd.species: 'Zn' is not in elements"),
        ({"msd": {"species": ["Li"], "layer": "anode"}}, "anode"),
        ([{"kind": "mds", "species": ["Li"]}], "did you mean 'msd'"),
        ({"drift": "anode"}, "analysis.drift is 'anode'"),
        ([{"kind": "rdf", "pairs": ["P-Zn"]}], "'P-Zn' must be two of the elements"),
    ],
)
def test_request_that_the_study_cannot_answer_is_named(raw: dict[str, Any], analysis: Any, expected: str) -> None:
    with pytest.raises(StudyError) as error:
        study(raw, analysis)
    assert expected in str(error.value)


def test_defaults_ask_only_for_what_the_study_has() -> None:
    assert "rdf" not in default_requests(["Na", "F"])
    assert "msd" not in default_requests(["Na", "F"])
    assert default_requests(["Li", "P", "S"])["rdf"]["pairs"] == ["P-S", "S-S"]
