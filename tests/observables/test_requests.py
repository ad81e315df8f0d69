"""What all requests share: texts of the command line, names, checks against a study, options with the model's defaults."""

from __future__ import annotations

import argparse
import dataclasses
import json
import typing
from typing import Any

import numpy as np
import pytest
from made_trajectories import trajectory, walk
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.cli.options import option_of
from mlip_interfaces.cli.request_options import add_request_options, request_of
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables import ANALYSES, Arrhenius, Request

LEAST: dict[str, dict[str, Any]] = {
    "rdf": {"pairs": "Li-S"},
    "msd": {"species": "Li"},
    "onsager": {"species": "Li", "temperature_kelvin": 300},
    "tetrahedra": {},
    "chemistry": {},
    "profile": {},
    "van-hove": {"species": "Li", "lags_ps": "0.1"},
    "residence": {"species": "Li", "jump_distance_angstrom": 2},
    "density": {"species": "Li"},
    "reactions": {},
    "environments": {"species": "Li"},
    "crystallites": {},
    "phases": {},
    "growth": {},
    "arrhenius": {"temperatures_kelvin": "500,600"},
}
"""Settings without a default, as the command line has them."""

KINDS = ANALYSES | {"arrhenius": Arrhenius}
each_kind = pytest.mark.parametrize("kind", KINDS)


def parser_of(kind: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    add_request_options(parser, KINDS[kind])
    return parser


def words_of(settings: dict[str, Any]) -> list[str]:
    return [word for name, value in settings.items() for word in (option_of(name), str(value))]


def test_every_registered_kind_is_tried_here() -> None:
    assert set(LEAST) == set(KINDS)
    assert all(request.kind == kind for kind, request in KINDS.items())


@each_kind
def test_options_make_the_same_request_as_the_settings(kind: str) -> None:
    parsed = request_of(KINDS[kind], parser_of(kind).parse_args(words_of(LEAST[kind])))
    assert parsed == KINDS[kind](**LEAST[kind])


@each_kind
def test_help_shows_the_default_of_the_model(kind: str) -> None:
    actions = {action.dest: action for action in parser_of(kind)._actions if action.dest != "help"}
    assert set(actions) == set(KINDS[kind].model_fields)
    for name, setting in KINDS[kind].model_fields.items():
        text, default = str(actions[name].help), None if setting.is_required() else setting.get_default()
        assert actions[name].default is None, "the parser must know no default of its own"
        if default in (None, {}):
            assert "(default" not in text
        else:
            shown = text.rpartition("(default ")[2].removesuffix(")")
            assert getattr(KINDS[kind](**LEAST[kind] | {name: shown}), name) == default
        assert (setting.description or "").rstrip(".")[1:].replace("%", "%%") in text
        if typing.get_origin(setting.annotation) is typing.Literal:
            assert tuple(actions[name].choices or ()) == typing.get_args(setting.annotation)


@each_kind
def test_a_misspelt_setting_gets_the_right_one(kind: str) -> None:
    for name in KINDS[kind].model_fields:
        wrong = name[:-1] if len(name) > 4 else f"{name}s"
        with pytest.raises(ValidationError, match=f"unknown key '{wrong}'. Did you mean '"):
            KINDS[kind](**LEAST[kind] | {wrong: 1})
    with pytest.raises(ValidationError, match=r"unknown key 'xyzzy'\. Known here: "):
        KINDS[kind](**LEAST[kind] | {"xyzzy": 1})


@each_kind
def test_requests_are_immutable_described_and_come_back_from_json(kind: str) -> None:
    request = KINDS[kind](**LEAST[kind])
    name = next(iter(KINDS[kind].model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(request, name, getattr(request, name))
    assert KINDS[kind](**json.loads(json.dumps(request.settings(), allow_nan=False))) == request
    assert set(request.settings()) == set(KINDS[kind].model_fields)
    for field, setting in KINDS[kind].model_fields.items():
        assert setting.description, f"{kind}.{field} says nothing of itself"
    assert request.summary
    assert (KINDS[kind].__doc__ or "").strip()


@each_kind
def test_numbers_that_are_not_finite_are_refused(kind: str) -> None:
    for name, setting in KINDS[kind].model_fields.items():
        if "float" not in str(setting.annotation):
            continue
        for value in (float("nan"), float("inf")):
            inner = {"Li": value} if "dict" in str(setting.annotation) else (value, value)
            given = inner if "dict" in str(setting.annotation) or "tuple" in str(setting.annotation) else value
            with pytest.raises((ValidationError, AnalysisError)):
                KINDS[kind](**LEAST[kind] | {name: given})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("P-S", ("P-S",)), (" P-S , S-S,", ("P-S", "S-S")), (["P-S", "S-S"], ("P-S", "S-S")), (("S-S",), ("S-S",))],
)
def test_a_text_with_commas_is_a_list(text: Any, expected: tuple[str, ...]) -> None:
    assert mi.Rdf(pairs=text).pairs == expected


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"species": "Li,S,Li,S"}, "names Li, S twice"),
        ({"species": ()}, "names nothing"),
        ({"species": " , "}, "names nothing"),
        ({"species": 3}, "valid tuple"),
        ({"species": "Li", "site_distance_angstrom": "Li3"}, "'Li3' is not like Li=1"),
        ({"species": "Li", "site_distance_angstrom": "Li=x"}, "'Li=x' is not like Li=1"),
        ({"species": "Li", "site_distance_angstrom": "Li=-3"}, "0.01 to 1000 angstrom"),
        ({"species": "Li", "first_lag_ps": 0}, "1e-05 to 1000000000 ps"),
    ],
)
def test_names_and_numbers_by_name_are_checked(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        mi.Msd(**settings)


def test_errors_of_options_speak_of_options() -> None:
    for words, sentence in (
        (["--species", "Li,Li"], "--species names Li twice."),
        (["--species", "Li", "--site-distance-angstrom", "Li"], "--site-distance-angstrom 'Li' is not like Li=1."),
    ):
        with pytest.raises(AnalysisError) as refused:
            request_of(mi.Msd, parser_of("msd").parse_args(words))
        assert str(refused.value) == sentence
    with pytest.raises(AnalysisError) as refused:
        request_of(mi.VanHove, parser_of("van-hove").parse_args(["--species", "Li", "--lags-ps=-1"]))
    assert str(refused.value).startswith("--lags-ps is ")
    both = dict.fromkeys(mi.Onsager.model_fields) | {"species": "Li", "layer": "a", "region": "b"}
    with pytest.raises(AnalysisError, match="`layer` and a region exclude each other"):
        request_of(mi.Onsager, argparse.Namespace(**both))


@pytest.mark.parametrize(
    "request_",
    [
        mi.Msd(species="Li,Co"),
        mi.VanHove(species="Co", lags_ps=(1,)),
        mi.Residence(species="Co", jump_distance_angstrom=2),
        mi.Density(species="Co"),
        mi.Environments(species="Co"),
        mi.Onsager(species="Co,Li", temperature_kelvin=300),
    ],
)
def test_an_element_that_a_study_lacks_is_named(request_: Request) -> None:
    with pytest.raises(ValueError, match="species: 'Co' is not in elements"):
        request_.check(["Li", "S"], ["a"])
    request_.check(["Li", "Co"], ["a"])


@pytest.mark.parametrize(
    "request_",
    [mi.Msd(species="Li", layer="top"), mi.Residence(species="Li", jump_distance_angstrom=2, layer="top")],
)
def test_a_layer_that_a_study_lacks_is_named(request_: Request) -> None:
    with pytest.raises(ValueError, match="layer is 'top', but the layers are a, b"):
        request_.check(["Li"], ["b", "a"])
    request_.check(["Li"], ["top"])


def test_temperature_of_a_run_is_taken_where_a_request_has_none() -> None:
    assert mi.Rdf(pairs="P-S").at(450.0).temperature_kelvin == 450.0
    assert mi.Rdf(pairs="P-S", temperature_kelvin=300).at(450.0).temperature_kelvin == 300.0
    profile = mi.Profile()
    assert profile.at(450.0) is profile


def test_results_say_what_was_asked_for() -> None:
    reader = trajectory(walk(20, 12, 10.0, 0.1, 1), 10.0, ["Li"] * 8 + ["S"] * 4)
    text = str(mi.analyze(reader, [mi.Residence(species="Li", jump_distance_angstrom=1.5)])["residence"])
    assert text.startswith("residence (species Li, jump_distance_angstrom 1.5, smooth_ps 0.0)\n  Li: ")


@pytest.mark.parametrize("kind", ANALYSES)
def test_every_kind_gives_json_tables_a_figure_and_lines(kind: str) -> None:
    # Li, P, S, F and Co in one gas: what every kind asks for.
    symbols = ["Li"] * 10 + ["P"] * 4 + ["S"] * 10 + ["F"] * 8
    reader = trajectory(walk(60, 32, 11.0, 0.1, 2), 11.0, symbols, layers=["a"] * 16 + ["b"] * 16)
    settings = LEAST[kind] | ({"r_max_angstrom": 5} if kind in ("rdf", "van-hove") else {})
    settings |= {"reactants": "unknown", "average_ps": 0.5} if kind == "growth" else {}
    result = mi.analyze(reader, [ANALYSES[kind](**settings)])[kind]
    assert dataclasses.is_dataclass(result)
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert "settings" in json.loads(text)
    assert result.lines()
    assert all(isinstance(line, str) and "nan" not in line for line in result.lines())
    for table in result.tables().values():
        lengths = {len(row) for row in table.rows}
        assert lengths <= {len(table.columns)}
        assert not any(str(cell) in ("nan", "None", "inf") for row in table.rows for cell in row)
    figure = result.plot()
    assert figure is not None
    for ax in (ax for ax in figure.axes if ax.get_label() != "<colorbar>"):
        assert ax.get_xlabel() or ax.get_ylabel() or ax.get_title(loc="left") or ax.images, "a panel without a word"
    for headline in result.headlines():
        assert np.isfinite([headline.value, headline.error]).all()
        assert headline.error >= 0


def units(name: str) -> bool:
    known = ("angstrom", "angstrom2", "angstrom3", "ps", "kelvin", "ev", "cm", "s", "cm3", "fraction", "degrees", "nm2")
    return name.rsplit("_", 1)[-1] in known


def numbers(content: Any, name: str = "") -> typing.Iterator[str]:
    """Names of all numbers with a fraction."""
    if isinstance(content, dict):
        for key, value in content.items():
            # Keys that are elements, pairs or layers say nothing of units.
            yield from numbers(value, key if key.islower() and len(key) > 2 else name)
    elif isinstance(content, list):
        for value in content:
            yield from numbers(value, name)
    elif isinstance(content, float):
        yield name


WITHOUT_UNIT = {
    "first_peak_height", "first_peak_height_error", "coordination_to_first_minimum", "charges", "haven_ratio", "transference",
    "correlation", "n_effective", "n_independent", "relative_error_of_diffusivity", "n_jumps", "quality_factor", "log_log_slope", "line_probability",
    "quality_by_first_lag_ps", "count_mean", "count_error", "fraction_mean", "fraction_error", "q_min", "p_s_units",
    "p_s_tetrahedra_mean", "bonds_per_atom_initial", "s2_dimers_mean", "polysulfides_mean", "bonds", "non_gaussian", "n_atoms", "survival_at_end",
    "bootstrap_over_atoms", "blocks_in_time", "independent_walks", "interfaces", "number", "error", "mean", "intact_fraction_error",
    "hysteresis", "least_correlation", "n_atoms_mean", "neighbors_mean", "q4", "q6", "axes",
    "fraction", "confidence", "atom_confidence", "shares", "zintl_x", "exponent", "exponent_95", "bic", "aicc", "rate", "unknown",
}  # fmt: skip
"""Counts, shares and ratios, and what stands under a key with a unit."""


@pytest.mark.parametrize("kind", ANALYSES)
def test_every_number_with_a_unit_names_it(kind: str) -> None:
    symbols = ["Li"] * 10 + ["P"] * 4 + ["S"] * 10 + ["F"] * 8
    reader = trajectory(walk(60, 32, 11.0, 0.1, 2), 11.0, symbols)
    settings = LEAST[kind] | ({"r_max_angstrom": 5} if kind in ("rdf", "van-hove") else {})
    settings |= {"reactants": "unknown", "average_ps": 0.5} if kind in ("phases", "growth") else {}
    result = mi.analyze(reader, [ANALYSES[kind](**settings)])[kind]
    nameless = {name for name in numbers(result.to_dict()) if not units(name)} - WITHOUT_UNIT
    assert not nameless
