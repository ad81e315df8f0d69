"""Quantities of a study stay where physics and programs are: what lies beyond is refused with value, bounds and unit."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from mlip_interfaces.config import Study, parse_study
from mlip_interfaces.config.analysis import Analysis
from mlip_interfaces.errors import StudyError
from mlip_interfaces.observables import ANALYSES
from mlip_interfaces.settings import ALL_BOUNDS, Bounds

PROTOCOL = "protocols.diffusion"
PROTOCOL_SECTION = {"temperature_kelvin": 300, "time_ps": 1, "dump_interval_ps": 0.01}


def changed(miniature: Path, place: str, new: Any) -> str:
    tree = yaml.safe_load(miniature.read_text())
    *above, last = place.split(".")
    node = tree
    for part in above:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    node[int(last) if isinstance(node, list) else last] = new
    return yaml.safe_dump(tree)


def refusal(miniature: Path, place: str, new: Any) -> str:
    with pytest.raises(StudyError) as raised:
        parse_study(changed(miniature, place, new), Path("x.yaml"))
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("place", "new", "said"),
    [
        (f"{PROTOCOL}.time_ps", 1e30, "is 1e+30, but it should be 1e-05 to 1000000000 ps, as a time."),
        (f"{PROTOCOL}.temperature_kelvin", 1e-30, "is 1e-30, but it should be 1 to 20000 K, as a temperature."),
        (f"{PROTOCOL}.timestep_fs", 100, "is 100, but it should be 0.05 to 10 fs, as a time step."),
        (f"{PROTOCOL}.pressure_bar", 1e9, "should be -1000000 to 10000000 bar"),
        ("interface.layers.1.density_g_per_cm3", 1000, "is 1000, but it should be 0.05 to 25 g/cm3, as a density."),
        ("interface.layers.1.thickness_angstrom", [0, 1e5], "thickness_angstrom.1 is 100000.0, but it should be 0 to 1000"),
        ("interface.layers.1.thickness_angstrom", [0, 1e-30], "thinner than an atom"),
        ("interface.layers.0.thickness_angstrom", 1e5, "should be 0.1 to 1000 angstrom"),
        ("interface.layers.0.miller", [10**9, 1, 0], "miller.0 is 1000000000"),
        ("interface.max_area_angstrom2", 1e12, "should be 5 to 100000 angstrom2"),
        ("interface.layers.1.melt_quench.quench_kelvin_per_ps", 1e-12, "should be 1e-06 to 1000000 K/ps"),
        ("training.cutoff_angstrom", 100, "is 100, but it should be 2 to 20 angstrom, as a cutoff."),
        ("training.start_learning_rate", 1e6, "should be 1e-12 to 1, as a learning rate"),
        ("training.committee_size", 100_000, "less than or equal to 64"),
        ("training.steps", 10**15, "less than or equal to 2147483647"),
        ("labels.timeout_seconds", 1e-9, "should be 0.001 to 10000000 s"),
        ("exploration.force_trust_high_ev_per_angstrom", 1e30, "should be 1e-06 to 10000 eV/angstrom"),
        ("exploration.iterations.0.temperatures_kelvin", [1e6], "temperatures_kelvin.0 is 1000000.0, but it should be 1 to"),
        ("initial_data.perturbation.n_per_bulk", 10**8, "less than or equal to 10000"),
        ("analysis.rdf.bin_width_angstrom", 1e-9, "should be 0.001 to 100 angstrom, as a width of bins"),
        ("analysis.tetrahedra.average_ps", 1e300, "should be 0 to 1000000000 ps"),
        ("name", "x" * 300, "at most 60 characters"),
        ("name", "a b", "letters, digits, '-' and '_'"),
        ("protocols", {300: PROTOCOL_SECTION}, "protocols.300 is no text; put it in quotes"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_its_bounds(miniature: Path, place: str, new: Any, said: str) -> None:
    assert said in refusal(miniature, place, new)


@pytest.mark.parametrize(
    ("place", "new"),
    [
        (f"{PROTOCOL}.time_ps", 1e5),
        (f"{PROTOCOL}.temperature_kelvin", 1),
        (f"{PROTOCOL}.temperature_kelvin", 20_000),
        (f"{PROTOCOL}.timestep_fs", 5),
        (f"{PROTOCOL}.pressure_bar", [-1000, -1000, 1e6]),
        ("interface.layers.1.density_g_per_cm3", 25),
        ("interface.layers.1.thickness_angstrom", [0, 0.1, 1000]),
        ("training.cutoff_angstrom", 12),
        ("training.committee_size", 16),
        ("interface.vacuum_angstrom", 0),
        ("seed", 1e3),
    ],
)
def test_unusual_but_possible_values_are_taken(miniature: Path, place: str, new: Any) -> None:
    parse_study(changed(miniature, place, new), Path("x.yaml"))


@pytest.mark.parametrize(
    ("place", "new", "said"),
    [
        ("training.stop_learning_rate", 0.03, "stop_learning_rate is 0.03, but start_learning_rate_reuse is 0.02"),
        ("training.stop_learning_rate", 0.06, "stop_learning_rate is 0.06, but start_learning_rate is 0.05"),
        ("training.start_learning_rate_reuse", 0.001, "but start_learning_rate_reuse is 0.001"),
        ("exploration.iterations.0.sample_every", 21, "sample_every is 21, but a run has only 20 steps"),
        ("initial_data.teacher_md.0.sample_every", 21, "sample_every is 21, but the run has only 20 steps"),
        (f"{PROTOCOL}.dump_interval_ps", 1e-4, "dump_interval_ps is 0.0001, shorter than a step (timestep_fs is 0.5)"),
        (f"{PROTOCOL}.time_ps", 1.1e6, "more than the 2147483647 steps that LAMMPS takes in a run"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(miniature: Path, place: str, new: Any, said: str) -> None:
    assert said in refusal(miniature, place, new)


@pytest.mark.parametrize(
    "place",
    [
        f"{PROTOCOL}.time_ps",
        "seed",
        "execution.cores",
        "analysis.rdf.blocks",
        "interface.max_strain",
        "training.batch_size",
        "interface.lateral_repeat",
    ],
)
def test_truth_value_is_no_number(miniature: Path, place: str) -> None:
    new: Any = [True, 1] if place.endswith("repeat") else True
    key = place.rpartition(".")[2]
    assert f"{key} has a truth value (true or false) where none belongs" in refusal(miniature, place, new)


def test_truth_values_stay_where_they_belong(miniature: Path) -> None:
    assert parse_study(changed(miniature, "interface.primitive", True), Path("x.yaml")).interface.primitive
    # YAML 1.1 had more words for it, and studies still use them.
    text = miniature.read_text().replace("  max_strain:", "  relax_gaps: no\n  max_strain:")
    assert not parse_study(text, Path("x.yaml")).interface.relax_gaps
    slurm = {"kind": "slurm", "defaults": {"environment": {"A": True}}, "label": {"environment": {"B": False}}}
    execution = parse_study(changed(miniature, "execution", slurm), Path("x.yaml")).execution
    assert execution.defaults.environment == {"A": "true"}


def test_every_number_of_a_study_has_both_bounds() -> None:
    """Else somebody forgot to say what the new quantity may be."""
    free = {
        # A name or a number, and what stands in a file of another program as it is.
        "CrystalLayer.termination", "Training.batch_size", "SlurmResources.environment", "SlurmOverrides.environment",
        # Bounded by the cell of the run, which the study does not know.
        "Onsager.region_fraction", "Onsager.region_angstrom",
        # The analyses, each of which is looked at by itself.
        "Analysis.requests",
    }  # fmt: skip
    found = set()
    for model in {*models_below(Study), *models_below(Analysis), *ANALYSES.values()}:
        for name, entry in model.model_json_schema()["properties"].items():
            if not all(map(is_bounded, numbers(entry))):
                found.add(f"{model.__name__}.{name}")
    assert found == free


def models_below(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found |= models_below(part)
    return found


def parts(annotation: Any) -> list[Any]:
    return [annotation, *(part for argument in typing.get_args(annotation) for part in parts(argument))]


def numbers(entry: Any) -> list[dict[str, Any]]:
    """All numbers in the schema of a key, that of other sections not."""
    if isinstance(entry, list):
        return [number for part in entry for number in numbers(part)]
    if not isinstance(entry, dict) or "$ref" in entry:
        return []
    own = [entry] if entry.get("type") in ("number", "integer") else []
    return own + [
        number for key, part in entry.items() if key not in ("default", "const", "enum") for number in numbers(part)
    ]


def is_bounded(entry: dict[str, Any]) -> bool:
    return bool({"minimum", "exclusiveMinimum"} & entry.keys()) and bool({"maximum", "exclusiveMaximum"} & entry.keys())


def test_bounds_are_bounds_and_say_why() -> None:
    for bounds in ALL_BOUNDS:
        assert bounds.low < bounds.high, bounds
        assert bounds.why.endswith("."), bounds
    assert str(Bounds("temperature", 1, 20_000, "K", "")) == "1 to 20000 K"
    assert str(Bounds("learning rate", 1e-12, 1, "", "")) == "1e-12 to 1"
