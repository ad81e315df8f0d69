"""The study file: what is accepted, and what is said of what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlip_interfaces.config import load_study, parse_study, study_schema
from mlip_interfaces.errors import StudyError

NAME = Path("x.yaml")


@pytest.fixture(scope="module")
def demo(repository: Path) -> str:
    return (repository / "configs" / "demo.yaml").read_text()


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("thickness_angstorm: 7", "thickness_angstrom: 7", "Did you mean 'thickness_angstrom'?"),
        ("time_p: 3", "time_ps: 3", "Did you mean 'time_ps'?"),
        ("nmae: demo", "name: demo", "Did you mean 'name'?"),
        ("thickness_angstrom: -7", "thickness_angstrom: 7", "interface.layers.2.thickness_angstrom is -7"),
        ("[0, 5, -10]", "[0, 5, 10]", "greater than or equal to 0"),
        ("kind: amorph", "kind: amorphous", "interface.layers.1.kind must be 'crystal' or 'amorphous'"),
        ("Xx, Cl]", "S, Cl]", "'Xx' is not a chemical element"),
        ("pairs: [P-Q", "pairs: [P-O", "'P-Q' must be two of the elements"),
        ("pairs: [P@coatin-O", "pairs: [P-O", "each with a layer if you like (cathode, coating, electrolyte)"),
        ("analysis:\n  drift: Zn", "analysis:", "analysis.drift is 'Zn'"),
        (
            "analysis:\n  onsager: {species: [Zn], charges: [2]}",
            "analysis:",
            "analysis.onsager.species: 'Zn' is not in elements",
        ),
        ("analysis:\n  onsager: {species: [Li], charges: [1, 2]}", "analysis:", "one number for each of species"),
        ("layer: coatin}", "layer: coating}", "the layers are cathode, coating, electrolyte"),
        ("cores: two", "cores: 2", "execution.cores is 'two'"),
        ("{structure: coating-99A", "{structure: coating-00A", "there is no structure 'coating-99A'"),
        ("miller: [0, 0, 0]", "miller: [1, 1, 0]", "(0, 0, 0) is no plane"),
    ],
)
def test_mistake_is_named_with_file_key_and_remedy(demo: str, wrong: str, right: str, expected: str) -> None:
    assert right in demo
    with pytest.raises(StudyError) as error:
        parse_study(demo.replace(right, wrong, 1), NAME)
    assert "x.yaml" in str(error.value)
    assert expected in str(error.value)


def test_missing_file_says_where_to_start(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study file"):
        load_study(tmp_path / "absent.yaml")


def test_text_that_is_not_yaml_is_refused() -> None:
    with pytest.raises(StudyError, match="not valid YAML"):
        parse_study("a: [1", NAME)


def test_models_are_named_by_thickness(demo: str) -> None:
    study = parse_study(demo, NAME)
    assert [study.model_name(t) for t in study.thicknesses] == ["coating-00A", "coating-05A", "coating-10A"]
    assert study.model_name(2.5) == "coating-2p5A"


def test_schema_documents_every_section() -> None:
    schema = study_schema()
    assert schema["additionalProperties"] is False
    assert {"interface", "labels", "exploration", "training", "protocols"} <= set(schema["properties"])


@pytest.fixture(scope="module")
def production(repository: Path) -> str:
    return (repository / "configs" / "lco_lif_lpscl.yaml").read_text()


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("hubard_u_ev: 5.14", "hubbard_u_ev: 5.14", "Did you mean 'hubbard_u_ev'?"),
        ("hubbard_u_ev: -1", "hubbard_u_ev: 5.14", "labels.dft.elements.Co.hubbard_u_ev is -1"),
        ("hubbard_orbital: q", "hubbard_orbital: d", "labels.dft.elements.Co.hubbard_orbital is 'q'"),
        ("5.14", "5.14, hubbard_orbital: d", "hubbard_u_ev needs hubbard_orbital"),
        ("      Zr: {", "      Cl: {", "labels.dft.elements.Zr: that element is not in `elements`"),
        ("spin_polarised: true", "spin_polarised: false", "no element has a moment"),
        ("calculator: gpaw", "calculator: vasp", "plane_wave_cutoff_ev is 520, where GPAW's stress means nothing"),
        ("calculator: chgnet", "calculator: vasp", "dft is for vasp, gpaw, cp2k, abacus"),
        ("parameters: {a: 1}\n  dft:", "dft:", "parameters are for ASE calculators"),
        (
            "extra: {INCAR: {LDAUU: 5 0 0}}\n    functional: PBE",
            "functional: PBE",
            "extra.INCAR.LDAUU is decided by other keys",
        ),
        (
            "elements: [Li, Co, O, F, P, S, Cl, Zr]",
            "elements: [Li, Co, O, F, P, S, Cl]",
            "elements.Zr.pseudopotential.vasp is missing",
        ),
    ],
)
def test_mistakes_in_the_dft_settings_are_named(wrong: str, right: str, expected: str, production: str) -> None:
    assert right in production
    with pytest.raises(StudyError) as raised:
        parse_study(production.replace(right, wrong, 1), NAME)
    assert expected in str(raised.value)


@pytest.mark.parametrize(("kpoints", "expected"), [("[3, 3, 1]", "has no k-points"), ("[1, 1, 1]", None)])
def test_cp2k_with_u_takes_no_k_points(kpoints: str, expected: str | None, production: str) -> None:
    text = production.replace("calculator: vasp", "calculator: cp2k").replace(
        "kpoints: [1, 1, 1]", f"kpoints: {kpoints}"
    )
    if expected is None:
        assert parse_study(text, NAME).labels.calculator == "cp2k"
        return
    with pytest.raises(StudyError, match=expected):
        parse_study(text, NAME)


def test_production_study_has_the_published_settings(production: str) -> None:
    study = parse_study(production, NAME)
    dft = study.labels.dft
    assert dft is not None
    assert (study.labels.calculator, dft.functional, dft.plane_wave_cutoff_ev, dft.kpoints) == (
        "vasp",
        "PBE",
        520,
        (1, 1, 1),
    )
    assert not dft.spin_polarised
    assert {s: e.hubbard_u_ev for s, e in dft.elements.items() if e.has_u} == {"Co": 5.14}
