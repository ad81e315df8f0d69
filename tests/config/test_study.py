"""The study file: what is accepted, and what is said of what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlip_interfaces.config import SlurmExecution, load_study, parse_study, study_schema
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
        (
            "[0, 5, -10]",
            "[0, 5, 10]",
            "interface.layers.1.thickness_angstrom.2 is -10, but it should be 0 to 1000 angstrom",
        ),
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
        ("coers: 2", "cores: 2", "unknown key 'execution.coers'. Did you mean 'cores'?"),
        ("kind: slrm", "kind: local", "execution.kind must be 'local' or 'slurm'"),
        *(
            (f"execution: {{kind: slurm, {wrong}}}", "execution: {kind: local, cores: 2, poll_seconds: 1}", expected)
            for wrong, expected in (
                ("defaults: {partiton: x}", "'execution.defaults.partiton'. Did you mean 'partition'?"),
                ("train: {gpus_per_node: -1}", "execution.train.gpus_per_node is -1"),
                (
                    "label: {para_deg: 4}",
                    "execution: label, with the defaults: para_deg is 4, but a job has only 1 tasks",
                ),
                (
                    "md: {para_deg: 4, group_size: 9}",
                    "md, with the defaults: para_deg is 4, but a job has only 1 cores",
                ),
                (
                    "train: {group_size: 9, cores_per_node: 8, gpus_per_node: 2, para_deg: 3}",
                    "take one node and a multiple of its GPUs",
                ),
                ("defaults: {custom_flags: [--exclusive]}", "'--exclusive' is no directive"),
                ("defaults: {modules: ['a; b']}", "put shell code into prepend_script or setup"),
                ("defaults: {environment: {A-B: 1}}", "'A-B' is no name of an environment variable"),
                ("context: ssh, remote_root: /x", "context ssh needs hostname and username"),
                ("context: local", "context local needs remote_root"),
                ("remote_root: /x", "with lazy-local leave them out"),
            )
        ),
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
    assert [model.name for model in study.interface.models] == ["coating-00A", "coating-05A", "coating-10A"]
    assert study.explored == ("coating-00A", "coating-05A")
    odd = parse_study(demo.replace("thickness_angstrom: [0, 5, 10]", "thickness_angstrom: [0, 5, 2.5]"), NAME)
    assert [model.name for model in odd.scan_models] == ["coating-00A", "coating-2p5A", "coating-05A"]


def test_scanned_vacancies_double_the_models_and_stay_in_their_layer(demo: str) -> None:
    electrolyte = "miller: [1, 1, 0], thickness_angstrom: 7"
    text = demo.replace(electrolyte, f"{electrolyte}, vacancies: [{{element: Li, fraction: [0, 0.1]}}]")
    models = parse_study(text, NAME).interface.models
    assert [model.name for model in models][:2] == ["coating-00A", "coating-00A-vac10"]
    assert len(models) == 6
    for model in models:
        removed = {plan.section.name: plan.vacancies for plan in model.layers if plan.vacancies}
        assert removed == ({"electrolyte": (("Li", 0.1),)} if model.variant else {})


SMALL = "  small: {thickness_angstrom: {cathode: 4, coating: [0, 5]}, max_atoms: 300}\n  layers:"


def test_small_cells_bring_each_pair_of_layers_and_are_what_is_explored(demo: str) -> None:
    text = demo.replace("  layers:", SMALL).replace("structure: coating", "structure: dft-coating")
    study = parse_study(text, NAME)
    assert [model.name for model in study.interface.models] == [
        "dft-coating-00A", "dft-coating-05A", "dft-cathode-coating", "dft-coating-electrolyte",
        "coating-00A", "coating-05A", "coating-10A",
    ]  # fmt: skip
    assert study.explored == ("dft-coating-00A", "dft-coating-05A", "dft-cathode-coating", "dft-coating-electrolyte")
    assert [model.name for model in study.scan_models] == ["coating-00A", "coating-05A", "coating-10A"]
    thickness = {plan.section.name: plan.thickness_angstrom for plan in study.interface.models[1].layers}
    assert thickness == {"cathode": 4.0, "coating": 5.0, "electrolyte": 7.0}


@pytest.mark.parametrize(
    ("small", "expected"),
    [
        ("{coatin: 5}", "there is no layer 'coatin'"),
        ("{cathode: [4, 5]}", "only the scanned layer may have a list"),
        ("{cathode: 0}", "only the scanned layer can be left out"),
    ],
)
def test_small_cells_that_cannot_be_are_refused(demo: str, small: str, expected: str) -> None:
    text = demo.replace("  layers:", f"  small: {{thickness_angstrom: {small}}}\n  layers:")
    with pytest.raises(StudyError, match=expected):
        parse_study(text, NAME)


def test_two_scanned_lists_of_vacancies_are_refused(demo: str) -> None:
    both = "{element: Li, fraction: [0, 0.1]}, {element: S, fraction: [0, 0.1]}"
    text = demo.replace("thickness_angstrom: 7}", f"thickness_angstrom: 7, vacancies: [{both}]}}")
    with pytest.raises(StudyError, match="only one list of vacancy fractions"):
        parse_study(text, NAME)


def test_amorphous_compound_without_a_potential_is_refused(demo: str) -> None:
    with pytest.raises(StudyError, match="Tosi-Fumi potential is for LiF, not for Li3PO4"):
        parse_study(demo.replace("material: LiF", "material: Li3PO4"), NAME)


def test_steps_have_the_defaults_and_their_own_keys_on_top(demo: str) -> None:
    text = demo.replace(
        "execution: {kind: local, cores: 2, poll_seconds: 1}",
        "execution: {kind: slurm, defaults: {partition: cpu, modules: [a, b], group_size: 3}, "
        "train: {partition: gpu, gpus_per_node: 1, modules: [c]}, md: {partition: ''}}",
    )
    execution = parse_study(text, NAME).execution
    assert isinstance(execution, SlurmExecution)
    train, md = execution.resources("train"), execution.resources("md")
    assert (train.partition, train.gpus_per_node, train.modules, train.group_size) == ("gpu", 1, ("c",), 3)
    # No GPU in a partition, and the cluster's default partition, are fine.
    assert (md.partition, md.gpus_per_node, md.modules) == ("", 0, ("a", "b"))


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
