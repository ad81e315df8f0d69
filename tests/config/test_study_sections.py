"""Sections of the study on their own: defaults that follow from others, limits, and what is checked across sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from mlip_interfaces.config import Study, load_study, parse_study, study_schema
from mlip_interfaces.config.study import (
    Exploration,
    Health,
    InitialData,
    Labels,
    Protocol,
    Scrambled,
    Training,
)
from mlip_interfaces.errors import StudyError

RUNG = {"temperatures_kelvin": [300], "steps": 100, "sample_every": 10}
NAME = Path("x.yaml")


@pytest.fixture
def raw(miniature: Path) -> dict[str, Any]:
    """The miniature study as YAML has it."""
    return yaml.safe_load(miniature.read_text())


def refusal(raw: dict[str, Any], **sections: Any) -> str:
    with pytest.raises(StudyError) as error:
        parse_study(yaml.safe_dump(raw | sections), NAME)
    return str(error.value)


# Protocols


def test_one_pressure_acts_along_all_axes_and_three_along_each() -> None:
    shared = {"temperature_kelvin": 300, "time_ps": 10, "dump_interval_ps": 1}
    assert Protocol.model_validate(shared).pressures == (1.0, 1.0, 1.0)
    assert Protocol.model_validate(shared | {"pressure_bar": [1, 1, 1000]}).pressures == (1, 1, 1000)
    with pytest.raises(ValidationError):
        Protocol.model_validate(shared | {"pressure_bar": [1, 1000]})


def test_lateral_edges_of_an_interface_are_coupled_unless_another_cell_is_asked_for() -> None:
    shared = {"temperature_kelvin": 300, "time_ps": 10, "dump_interval_ps": 1}
    assert Protocol.model_validate(shared).cell == "coupled_xy"
    for cell in ("coupled_xy", "fixed_xy", "free"):
        assert Protocol.model_validate(shared | {"cell": cell}).cell == cell
    assert exploration().cell == "free"


@pytest.mark.parametrize(
    ("protocol", "fits"),
    [
        ({"pressure_bar": [1, 5, 1000]}, False),
        ({"pressure_bar": [1, 5, 1000], "cell": "coupled_xy"}, False),
        ({"pressure_bar": [5, 5, 1000]}, True),
        ({"pressure_bar": [1, 5, 1000], "cell": "free"}, True),
        ({"pressure_bar": [1, 5, 1000], "cell": "fixed_xy"}, True),
        ({"pressure_bar": [1, 5, 1000], "ensemble": "nvt"}, True),
    ],
)
def test_coupled_edges_have_one_pressure(raw: dict[str, Any], protocol: dict[str, Any], fits: bool) -> None:
    protocols = {"press": {"temperature_kelvin": 300, "time_ps": 10, "dump_interval_ps": 1} | protocol}
    if fits:
        parse_study(yaml.safe_dump(raw | {"protocols": protocols}), NAME)
        return
    assert refusal(raw, protocols=protocols) == (
        "x.yaml: protocols.press: pressure_bar is 1 along x and 5 along y, but cell: coupled_xy scales a and b together, under "
        "one pressure; give both the same, or set cell: free."
    )


@pytest.mark.parametrize(("interval", "fits"), [(1.25, True), (1.26, False), (10, False)])
def test_run_has_at_least_eight_frames(interval: float, fits: bool) -> None:
    content = {"temperature_kelvin": 300, "time_ps": 10, "dump_interval_ps": interval}
    if fits:
        Protocol.model_validate(content)
        return
    with pytest.raises(ValidationError, match="at least eight frames"):
        Protocol.model_validate(content)


@pytest.mark.parametrize(
    "broken",
    [
        {"seeds": []},
        {"seeds": [0]},
        {"ensemble": "nve"},
        {"cell": "isotropic"},
        {"temperature_kelvin": 0},
        {"timestep_fs": 0},
        {"time_ps": -1},
    ],
)
def test_protocol_out_of_range_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Protocol.model_validate({"temperature_kelvin": 300, "time_ps": 10, "dump_interval_ps": 1} | broken)


# Exploration


def exploration(**settings: Any) -> Exploration:
    return Exploration.model_validate({"iterations": [RUNG]} | settings)


@pytest.mark.parametrize(("low", "high", "fits"), [(0.1, 0.3, True), (0.3, 0.3, False), (0.4, 0.3, False)])
def test_upper_trust_level_lies_above_the_lower_one(low: float, high: float, fits: bool) -> None:
    levels = {"force_trust_low_ev_per_angstrom": low, "force_trust_high_ev_per_angstrom": high}
    if fits:
        exploration(**levels)
        return
    with pytest.raises(ValidationError, match="must be larger than"):
        exploration(**levels)


def test_ladder_that_is_only_climbed_needs_an_iteration_for_each_rung() -> None:
    ladder = {"iterations": [RUNG] * 3, "climb": "always"}
    exploration(**ladder, max_iterations=3)
    with pytest.raises(ValidationError, match="needs one for each of the 3 rungs"):
        exploration(**ladder, max_iterations=2)
    # With repeats a ladder may end before its last rung.
    exploration(iterations=[RUNG] * 3, climb="when_healthy", max_iterations=2)


@pytest.mark.parametrize(
    "broken",
    [
        {"iterations": []},
        {"iterations": [RUNG | {"temperatures_kelvin": []}]},
        {"iterations": [RUNG | {"temperatures_kelvin": [0]}]},
        {"iterations": [RUNG | {"steps": 0}]},
        {"iterations": [RUNG | {"pressures_bar": []}]},
        {"healthy_failed_fraction": 0},
        {"converged_accurate_fraction": 1.1},
        {"trust_rmse_factor": 0.5},
        {"trust_ratio": 1},
        {"max_labels": 0},
        {"max_core_hours": 0},
        {"trust": "loose"},
        {"selection": "best"},
        {"cell": "coupled_xy"},
        {"climb": "never"},
    ],
)
def test_exploration_out_of_range_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        exploration(**broken)


def test_budgets_are_open_unless_set() -> None:
    found = exploration()
    assert (found.max_labels, found.max_core_hours, found.thicknesses_angstrom) == (None, None, None)


# Training


def test_descriptor_is_smooth_from_inside_its_cutoff() -> None:
    Training(cutoff_angstrom=6, smooth_from_angstrom=5.9)
    for smooth in (6.0, 7.0):
        with pytest.raises(ValidationError, match="smaller than cutoff_angstrom"):
            Training(cutoff_angstrom=6, smooth_from_angstrom=smooth)


@pytest.mark.parametrize(
    "broken",
    [{"committee_size": 1}, {"embedding_neurons": []}, {"embedding_neurons": [0]}, {"steps": 0}, {"precision": "half"}],
)
def test_training_out_of_range_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Training.model_validate(broken)


def test_later_iterations_and_the_final_model_train_as_the_defaults_say() -> None:
    training = Training()
    assert training.steps_reuse < training.steps < training.steps_final
    assert training.start_learning_rate_reuse < training.start_learning_rate
    assert training.stop_learning_rate < training.start_learning_rate_reuse


# Labels and initial data


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"calculator": "vasp"}, "needs the section labels.dft"),
        ({"calculator": "vasp", "dft": {}, "parameters": {"x": 1}}, "parameters are for ASE calculators"),
        ({"calculator": "chgnet", "dft": {}}, "dft is for vasp, gpaw, cp2k, abacus"),
        ({"calculator": "chgnet", "max_failed_fraction": 1.5}, "less than or equal to 1"),
        ({"calculator": "chgnet", "timeout_seconds": 0}, "0.001 to 10000000 s"),
        ({"calculator": "chgnet", "timeout_seconds": float("inf")}, "finite"),
        ({"calculator": "deepmd"}, "give it as parameters.model, a file that ends in .pb, .pth, .pt, .pt2"),
        ({"calculator": "deepmd", "parameters": {"model": "a.xyz"}}, "give it as parameters.model"),
        (
            {"calculator": "deepmd", "parameters": {"modle": "a.pb"}},
            "parameters.modle: deepmd takes `model` and `head`",
        ),
        ({"calculator": "deepmd", "parameters": {"model": "a.pt", "head": 1}}, "parameters.head is the name of a head"),
        ({}, "required"),
    ],
)
def test_labels_name_what_goes_with_their_calculator(labels: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Labels.model_validate(labels)


@pytest.mark.parametrize("calculator", ["vasp", "gpaw", "cp2k", "abacus"])
def test_empty_dft_section_is_enough_for_a_code(calculator: str) -> None:
    assert Labels.model_validate({"calculator": calculator, "dft": {}}).dft is not None


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_some_labels_are_held_out_and_most_are_not(share: float) -> None:
    with pytest.raises(ValidationError):
        InitialData(held_out_fraction=share)


@pytest.mark.parametrize("factors", [(0.3, 0.9), (0.7, 1.3), (0.7,)])
def test_scrambled_contacts_are_short_and_not_fused(factors: Any) -> None:
    with pytest.raises(ValidationError):
        Scrambled(n=1, shortest_factor=factors)


@pytest.mark.parametrize(
    "broken",
    [
        {"max_temperature_ratio": 1},
        {"mean_temperature_tolerance": 0},
        {"density_change": 1},
        {"lateral_change": 0},
        {"lateral_change": 1},
        {"min_distance_angstrom": 0},
    ],
)
def test_bounds_of_health_are_bounds(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Health.model_validate(broken)


# Across sections


def test_structures_of_teacher_md_are_models_or_bulk_cells_of_the_study(raw: dict[str, Any]) -> None:
    md = {"temperature_kelvin": 300, "steps": 10}
    for structure in ("coating-06A", "coating-00A", "bulk-base", "bulk-coating", "bulk-electrolyte"):
        data = raw["initial_data"] | {"teacher_md": [md | {"structure": structure}]}
        parse_study(yaml.safe_dump(raw | {"initial_data": data}), NAME)
    data = raw["initial_data"] | {"teacher_md": [md | {"structure": "bulk-anode"}]}
    said = refusal(raw, initial_data=data)
    assert "there is no structure 'bulk-anode'" in said
    assert "bulk-electrolyte" in said
    assert "coating-06A" in said


def test_explored_thicknesses_are_among_those_that_are_built(raw: dict[str, Any]) -> None:
    def study(thicknesses: list[float]) -> dict[str, Any]:
        return raw | {"exploration": raw["exploration"] | {"thicknesses_angstrom": thicknesses}}

    assert parse_study(yaml.safe_dump(study([6])), NAME).explored == ("coating-06A",)
    assert parse_study(yaml.safe_dump(study([0, 6])), NAME).explored == ("coating-00A", "coating-06A")
    assert "must be among 0, 6" in refusal(study([5]))


def test_a_study_without_a_glass_has_no_thickness_to_explore(repository: Path) -> None:
    pair = yaml.safe_load((repository / "configs" / "li_li7p3s11.yaml").read_text())
    assert "no layer is amorphous" in refusal(pair, exploration=pair["exploration"] | {"thicknesses_angstrom": [0]})


def test_neighbour_counts_are_one_for_each_element(raw: dict[str, Any]) -> None:
    assert "has 2 entries for 3 elements" in refusal(raw, training=raw["training"] | {"max_neighbors": [40, 40]})
    found = parse_study(yaml.safe_dump(raw | {"training": raw["training"] | {"max_neighbors": [40, 40, 20]}}), NAME)
    assert found.training.max_neighbors == (40, 40, 20)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (["Li", "F", "F"], "an element stands twice"),
        (["Li", "F", "X"], "'X' is not a chemical element"),
        (["Li", "F", "s"], "'s' is not a chemical element"),
        ([], "at least 1 item"),
    ],
)
def test_type_map_holds_each_element_once(raw: dict[str, Any], elements: list[str], expected: str) -> None:
    assert expected in refusal(raw, elements=elements)


@pytest.mark.parametrize(
    ("section", "change", "expected"),
    [
        ("protocols", {"seeds": [1, 2, 1]}, ".seeds: 1 stands twice in the list"),
        (
            "exploration",
            {"temperatures_kelvin": [300, 500, 300.0]},
            ".temperatures_kelvin: 300.0 stands twice in the list",
        ),
        ("exploration", {"pressures_bar": [1, 1]}, ".pressures_bar: 1.0 stands twice in the list"),
    ],
)
def test_entry_that_becomes_a_folder_or_a_condition_stands_once(
    raw: dict[str, Any], section: str, change: dict[str, Any], expected: str
) -> None:
    if section == "protocols":
        changed: Any = {name: protocol | change for name, protocol in raw["protocols"].items()}
    else:
        changed = raw[section] | {"iterations": [rung | change for rung in raw[section]["iterations"]]}
    assert expected in refusal(raw, **{section: changed})


def test_explored_thickness_stands_once(raw: dict[str, Any]) -> None:
    exploration = raw["exploration"] | {"thicknesses_angstrom": [6, 6]}
    assert "exploration.thicknesses_angstrom: 6.0 stands twice" in refusal(raw, exploration=exploration)


@pytest.mark.parametrize("seed", [0, -1, 2**31, 1.5])
def test_seed_fits_every_program(raw: dict[str, Any], seed: float) -> None:
    assert "seed" in refusal(raw, seed=seed)


@pytest.mark.parametrize("name", ["my study", "", "-x", "a/b", "ä"])
def test_names_are_fit_for_folders(raw: dict[str, Any], name: str) -> None:
    assert "name is" in refusal(raw, name=name)


def test_protocol_names_are_fit_for_folders(raw: dict[str, Any]) -> None:
    (protocol,) = raw["protocols"].values()
    assert "protocols" in refusal(raw, protocols={"a b": protocol})
    assert "protocols" in refusal(raw, protocols={})


def test_every_problem_has_its_line(raw: dict[str, Any]) -> None:
    said = refusal(raw, seed=0, health={"density_chnage": 0.4}, validation={"n_exploration_frames": -1})
    lines = said.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("x.yaml: ") for line in lines)
    assert any("Did you mean 'density_change'?" in line for line in lines)


@pytest.mark.parametrize("section", ["interface", "labels", "exploration", "protocols", "elements", "name"])
def test_missing_section_is_named(raw: dict[str, Any], section: str) -> None:
    del raw[section]
    assert f"the key '{section}' is missing" in refusal(raw)


@pytest.mark.parametrize("section", ["initial_data", "training", "validation", "health", "analysis", "execution"])
def test_section_with_defaults_may_be_left_out(raw: dict[str, Any], section: str) -> None:
    del raw[section]
    parse_study(yaml.safe_dump(raw), NAME)


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "", "12"])
def test_file_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(StudyError, match="must hold a mapping of sections"):
        parse_study(text, NAME)


def test_study_is_immutable(miniature: Path) -> None:
    study = load_study(miniature)
    with pytest.raises(ValidationError, match="frozen"):
        study.seed = 4  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        study.labels.calculator = "vasp"  # type: ignore[misc]


@pytest.mark.parametrize(
    "file",
    [
        "configs/demo.yaml",
        "configs/demo_li_li7p3s11.yaml",
        "configs/lco_lif_lpscl.yaml",
        "configs/li_li7p3s11.yaml",
    ],
)
def test_study_written_out_in_full_is_the_same_study(repository: Path, file: str) -> None:
    study = load_study(repository / file)
    again = Study.model_validate(study.model_dump(mode="json"))
    assert again == study
    assert parse_study(yaml.safe_dump(study.model_dump(mode="json")), NAME) == study


# The schema is the reference


def models_below(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for definition in model.model_fields.values():
        stack = [definition.annotation]
        while stack:
            annotation = stack.pop()
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                found |= models_below(annotation) if annotation not in found else set()
            stack += list(getattr(annotation, "__args__", ()))
    return found


def test_no_section_takes_a_key_it_does_not_know() -> None:
    models = models_below(Study)
    assert {Labels, Exploration, Training, Protocol, Health} <= models
    for model in models:
        assert model.model_config.get("extra") == "forbid", model
        assert model.model_config.get("frozen"), model
        assert model.__doc__, model


def test_every_number_with_a_unit_names_it() -> None:
    """A key that sounds like a quantity ends in its unit."""
    units = ("angstrom", "angstrom2", "angstrom3", "kelvin", "ps", "fs", "bar", "ev", "seconds", "minutes", "hours",
             "cm3", "ry", "kelvin_per_ps", "g_per_cm3", "ev_per_angstrom", "cm2_per_s")  # fmt: skip
    sounds = ("temperature", "pressure", "thickness", "displacement", "distance", "density_g", "timestep", "cutoff_")
    exempt = {"max_temperature_ratio", "mean_temperature_tolerance", "density_change"}
    for model in models_below(Study):
        for name in model.model_fields:
            if name in exempt or not any(name.startswith(sound) or f"_{sound}" in name for sound in sounds):
                continue
            assert name.endswith(units), f"{model.__name__}.{name}"


def test_schema_says_which_keys_must_be_there() -> None:
    schema = study_schema()
    assert set(schema["required"]) == {"name", "elements", "interface", "labels", "exploration", "protocols"}
    sections = schema["$defs"]
    assert sections["Exploration"]["properties"]["trust"]["enum"] == ["fixed", "adaptive"]


@pytest.mark.parametrize(
    ("section", "wrong", "right"),
    [
        ("interface", "max_srain", "max_strain"),
        ("labels", "calcuator", "calculator"),
        ("initial_data", "held_out_fractio", "held_out_fraction"),
        ("exploration", "iteration", "iterations"),
        ("training", "step", "steps"),
        ("validation", "n_exploration_frame", "n_exploration_frames"),
        ("gates", "if_faild", "if_failed"),
        ("health", "max_temperature_rato", "max_temperature_ratio"),
        ("domain", "frame_per_run", "frames_per_run"),
        ("execution", "core", "cores"),
    ],
)
def test_misspelt_key_of_each_section_gets_the_right_one(
    raw: dict[str, Any], section: str, wrong: str, right: str
) -> None:
    said = refusal(raw, **{section: raw.get(section, {}) | {wrong: 1}})
    assert f"unknown key '{section}.{wrong}'. Did you mean '{right}'?" in said


def test_key_that_resembles_none_gets_all_that_are_known(raw: dict[str, Any]) -> None:
    said = refusal(raw, validation={"qqq": 1})
    assert "unknown key 'validation.qqq'. Known here: n_exploration_frames, own_md, reference_md." in said


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (("interface", "layers", 0), "interface.layers.0.thicknes_angstrom"),
        (("interface", "layers", 1, "melt_quench"), "interface.layers.1.melt_quench.thicknes_angstrom"),
        (("exploration", "iterations", 0), "exploration.iterations.0.thicknes_angstrom"),
        (("initial_data", "teacher_md", 0), "initial_data.teacher_md.0.thicknes_angstrom"),
        (("protocols", "diffusion"), "protocols.diffusion.thicknes_angstrom"),
    ],
)
def test_place_of_a_nested_mistake_is_the_one_in_the_file(
    raw: dict[str, Any], place: tuple[str | int, ...], key: str
) -> None:
    """Pydantic puts the kind of a layer into the place; the file has no such key."""
    inside: Any = raw
    for part in place:
        inside = inside[part]
    inside["thicknes_angstrom"] = 5
    assert f"unknown key '{key}'" in refusal(raw)


def test_study_of_another_folder_is_named_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("name: [1\n")
    with pytest.raises(StudyError) as error:
        load_study(file)
    assert str(error.value).startswith(f"{file} is not valid YAML")


def test_merged_keys_may_be_replaced(raw: dict[str, Any]) -> None:
    text = "parts:\n- &one {a: 1}\n- &two {<<: *one, a: 2}\n- {<<: *two}\n"
    with pytest.raises(StudyError, match="unknown key 'parts'"):
        parse_study(yaml.safe_dump(raw) + text, NAME)


def test_crystals_and_packed_cells_have_names_that_teacher_md_may_start_from(repository: Path) -> None:
    content = yaml.safe_load((repository / "configs" / "li_li7p3s11.yaml").read_text())
    study = Study.model_validate(content)
    assert list(study.initial_data.origins)[:4] == ["crystal-Li2S", "crystal-Li3P", "crystal-LiP", "packed-Li2S"]
    assert study.initial_data.packed[-1].counts == {"Li": 62, "P": 6, "S": 22}
    content["initial_data"]["packed"][0]["composition"] = {"Li": 2, "O": 1}
    with pytest.raises(ValidationError, match=r"initial_data.packed.0.composition has O, not in elements \(Li, P, S\)"):
        Study.model_validate(content)
    # The teacher MD that began there has no start any more.
    content["initial_data"]["packed"][0]["composition"] = {"Li": 4, "S": 1}
    with pytest.raises(ValidationError, match="there is no structure 'packed-Li2S'"):
        Study.model_validate(content)


@pytest.mark.parametrize(
    "twice",
    [
        {"crystals": ["products/Li3P7.cif", "other/Li3P7.vasp"]},
        {
            "packed": [
                {"composition": {"Li": 3, "P": 1}, "volume_per_atom_angstrom3": [size, size]} for size in (15, 17)
            ]
        },
    ],
)
def test_two_sources_of_one_name_are_refused(twice: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="are both called '(crystal-Li3P7|packed-Li3P)'"):
        InitialData.model_validate(twice)
