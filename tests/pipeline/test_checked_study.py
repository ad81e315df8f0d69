"""What ``config check`` finds before a run: files, elements, slabs, lithium, frames and ranges; each with its key and a remedy."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlip_interfaces.cli.main import main
from mlip_interfaces.config import Study
from mlip_interfaces.errors import StructureError, StudyError
from mlip_interfaces.pipeline.build import run_build
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.study_files import put
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.structures.glass import amorphous

ANODE = {"kind": "crystal", "name": "anode", "material": "Li", "miller": [1, 1, 0], "thickness_angstrom": 14}
STUDY: dict[str, Any] = {
    "name": "anode",
    "elements": ["Li", "P", "S"],
    "interface": {
        "max_area_angstrom2": 200,
        "primitive": True,
        "layers": [
            {
                "kind": "crystal",
                "name": "electrolyte",
                "material": "Li7P3S11",
                "miller": [1, 0, -1],
                "thickness_angstrom": 12,
            },
            ANODE,
        ],
    },
    "labels": {"calculator": "chgnet"},
    "exploration": {"iterations": [{"temperatures_kelvin": [300], "steps": 1000, "sample_every": 10}]},
    "protocols": {"reaction": {"temperature_kelvin": 300, "time_ps": 100, "dump_interval_ps": 0.5}},
}
CATHODE = {"kind": "crystal", "name": "cathode", "material": "LiCoO2", "miller": [1, 1, 0], "thickness_angstrom": 9}
GLASS = {
    "kind": "amorphous", "name": "glass", "material": "Li2S", "thickness_angstrom": 6, "density_g_per_cm3": 1.5,
    "potential": "glass.pb",
}  # fmt: skip
LAYER = ("interface", "layers", 0)


def study(changes: Mapping[tuple[str | int, ...], Any]) -> dict[str, Any]:
    content = copy.deepcopy(STUDY)
    for place, value in changes.items():
        put(content, place, value)
    return content


def checked(folder: Path, changes: Mapping[tuple[str | int, ...], Any]) -> Study:
    file = folder / "anode.yaml"
    file.write_text(yaml.safe_dump(study(changes)))
    return load_checked_study(file)


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ({(*LAYER,): GLASS}, "interface.layers.0.potential", "there is no file"),
        (
            {(*LAYER, "material"): "mine.cif"},
            "interface.layers.0.material",
            "Paths in a study are relative to its folder",
        ),
        ({(*LAYER, "material"): "Li7P3S1"}, "interface.layers.0.material", "Did you mean 'Li7P3S11'?"),
        (
            {("labels",): {"calculator": "deepmd.calculator:DP", "parameters": {"model": "teacher.pb"}}},
            "labels.parameters.model",
            "there is no file",
        ),
        (
            {("labels",): {"calculator": "vasp", "dft": {"pseudopotential_dir": "potcars"}}},
            "labels.dft.pseudopotential_dir",
            "no such folder",
        ),
        ({("elements",): ["Li", "P", "S", "Xx"]}, "elements", "'Xx' is not a chemical element"),
        (
            {(*LAYER, "vacancies"): [{"element": "Xx", "fraction": 0.1}]},
            "interface.layers.0.vacancies",
            "name one of Li, P, S",
        ),
        ({(*LAYER, "defects"): {"kinds": ["V_Xx'"]}}, "interface.layers.0.defects.kinds", "is no defect"),
        ({(*LAYER, "defects"): {"kinds": ["V_Li'"]}}, "interface.layers.0.defects.kinds", "net charge of -1"),
        (
            {(*LAYER, "defects"): {"kinds": ["V_Clx"]}},
            "interface.layers.0.defects.kinds",
            "there is no Cl in the crystal",
        ),
        ({(*LAYER, "defects"): {"kinds": ["O_S"]}}, "interface.layers.0.defects.kinds", "add it to `elements`"),
        (
            {("initial_data",): {"perturbation": {"n_with_vacancies": 2, "vacancy_element": "Xx"}}},
            "initial_data.perturbation.vacancy_element",
            "name one of them",
        ),
        ({("analysis",): {"tetrahedra": {"ligand": "Xx"}}}, "analysis.tetrahedra.ligand", "not in elements (Li, P, S)"),
        (
            {("analysis",): {"rdf": {"blocks": 400}}},
            "analysis.rdf.blocks",
            "blocks is 400 (ask for fewer, or lower dump_interval_ps), more than the 201 frames that the protocol 'reaction' gives",
        ),
        (
            {("analysis",): {"onsager": {"species": ["Li"], "windows": 400}}},
            "analysis.onsager.windows",
            "400 (ask for fewer, or lower dump_interval_ps), and each needs 40 frames, 16000 in all, more than the 201 that the protocol 'reaction' gives",
        ),
        ({("analysis",): {"start_ps": 99}}, "analysis.start_ps", "leave 3 frames of the protocol 'reaction'"),
        (
            {("analysis",): {"rdf": {"r_max_angstrom": 9}}},
            "analysis.rdf.r_max_angstrom",
            "half of the cell is 7.3 angstrom at most",
        ),
        ({(*LAYER, "termination"): "Zz | Zz"}, "interface.layers.0.termination", "Did you mean"),
        ({("interface", "layers", 1, "termination"): 7}, "interface.layers.1.termination", "there are 0 Li | Li"),
        (
            {("elements",): ["Li", "Co", "O"], LAYER: CATHODE | {"lithium_content": 1.0}},
            "interface.layers.0.lithium_content",
            "has 1 Li per Co, and lithium is only taken out; give less",
        ),
        ({(*LAYER, "lithium_content"): 0.5}, "interface.layers.0.lithium_host", "name one of P, S"),
        (
            {("interface", "layers", 1, "lithium_content"): 0.5},
            "interface.layers.1.lithium_host",
            "leave `lithium_content` out",
        ),
    ],
)
def test_what_would_fail_in_the_run_is_one_sentence_of_the_check(
    changes: dict[tuple[str | int, ...], Any],
    key: str,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "anode.yaml"
    file.write_text(yaml.safe_dump(study(changes)))
    assert main(["config", "check", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}: " in said
    assert key in said
    assert sentence in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


def test_the_same_study_without_these_mistakes_passes(tmp_path: Path) -> None:
    assert checked(tmp_path, {}).name == "anode"
    sound = {"lithium_content": 0.5, "termination": 0, "vacancies": [{"element": "O", "fraction": 0.1}]}
    assert checked(tmp_path, {("elements",): ["Li", "Co", "O"], LAYER: CATHODE | sound}).name == "anode"
    edges = {"rdf": {"r_max_angstrom": 7.2, "blocks": 201}, "onsager": {"species": ["Li"], "windows": 5}}
    assert set(checked(tmp_path, {("analysis",): edges}).analysis.requests) >= {"rdf", "onsager"}
    assert checked(tmp_path, {("analysis",): {"start_ps": 96.5}}).analysis.start_ps == 96.5


def test_each_protocol_is_held_against_what_analyses_need(tmp_path: Path) -> None:
    """Windows of 1 ps: 101 in the protocol with fewer frames, 2 in the one with more of them."""
    reaction = {"temperature_kelvin": 300, "time_ps": 100, "dump_interval_ps": 1.0}
    quick = {"temperature_kelvin": 300, "time_ps": 2, "dump_interval_ps": 0.01}
    growth = {("analysis",): {"growth": {"every_ps": 1.0}}}
    assert checked(tmp_path, growth | {("protocols",): {"reaction": reaction}}).name == "anode"
    with pytest.raises(
        StudyError, match=r"analysis\.growth\.every_ps is 1: .* in the 201 frames that the protocol"
    ) as told:
        checked(tmp_path, growth | {("protocols",): {"reaction": reaction, "quick": quick}})
    assert "'quick'" in str(told.value)
    # More frames of the same time are no more windows.
    assert "(shorten it, or run longer)" in str(told.value)
    assert "dump_interval_ps" not in str(told.value)


def test_a_glass_of_any_formula_passes_with_its_potential(tmp_path: Path) -> None:
    (tmp_path / "glass.lammps").write_text("# elements: Li S\npair_style zbl 3.0 4.0\npair_coeff * * 3 16\n")
    glass = GLASS | {"material": "Li4S3", "potential": "glass.lammps"}
    assert checked(tmp_path, {LAYER: glass}).name == "anode"
    with pytest.raises(ValueError, match=r"layers.0.potential: The potential glass.lammps knows Li, S, not P of Li3P"):
        checked(tmp_path, {LAYER: glass | {"material": "Li3P"}})


def test_lithium_that_cannot_be_taken_out_of_a_small_slab_is_told_before_any_quench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.99 Li per Co is possible in the crystal, and rounds to none in a slab of a few Co."""
    quenched: list[object] = []
    monkeypatch.setattr(amorphous, "melt_quench", lambda *arguments, **options: quenched.append(options))
    layers = [
        CATHODE | {"thickness_angstrom": 5, "lithium_content": 0.99},
        {"kind": "amorphous", "name": "coating", "material": "LiF", "thickness_angstrom": 6},
    ]
    made = checked(tmp_path, {("elements",): ["Li", "Co", "O", "F"], ("interface", "layers"): layers})
    with pytest.raises(StructureError, match="x = 0.99"):
        run_build(RunContext(made, tmp_path / "run"))
    assert quenched == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no file"),
        ("no structure\n", "cannot be read as extended XYZ"),
        ("", "holds no structure"),
        (
            '1\nLattice="5 0 0 0 5 0 0 0 5"\nNa 0 0 0\n',
            "whose structure 0 contains Na; add it to `elements` (Li, P, S)",
        ),
        ("1\n\nLi 0 0 0\n", "whose structure 0 has no cell"),
    ],
)
def test_given_structures_that_cannot_be_labelled_are_one_sentence(
    text: str | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "anode.yaml"
    file.write_text(yaml.safe_dump(study({("initial_data",): {"structures": ["mine.extxyz"]}})))
    if text is not None:
        (tmp_path / "mine.extxyz").write_text(text)
    assert main(["config", "check", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}: initial_data.structures.0" in said
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("crystal", "expected"),
    [
        ("LiS", "initial_data.crystals.0: 'LiS' is neither a crystal of the library nor a file. Did you mean 'Li2S'"),
        ("LiCoO2", r"initial_data.crystals.0 is 'LiCoO2', which contains Co, O; add it to `elements` \(Li, P, S\)"),
        ("products/mine.cif", "initial_data.crystals.0 is 'products/mine.cif', but there is no file .*mine.cif"),
    ],
)
def test_crystals_of_the_initial_data_are_there_and_of_elements_of_the_study(
    tmp_path: Path, crystal: str, expected: str
) -> None:
    with pytest.raises(StudyError, match=expected):
        checked(tmp_path, {("initial_data",): {"crystals": [crystal]}})
