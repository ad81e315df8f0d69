"""DP-GEN's files: its own strict schema, and the reference campaigns that are shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlip_interfaces.campaign.dpgen_files import check_machine, check_param, render_machine, render_param
from mlip_interfaces.config import Study, load_study
from mlip_interfaces.errors import StudyError
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.pipeline.initial_data import label_settings

REFERENCES = ("demo", "lco_lif_lpscl", "li_li7p3s11")


def reference(repository: Path, name: str) -> tuple[dict, dict]:
    folder = repository / "dpgen_params" / name
    return tuple(json.loads((folder / file).read_text()) for file in ("param.json", "machine.json"))


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_campaign_passes_the_strict_schema(repository: Path, name: str) -> None:
    param, machine = reference(repository, name)
    check_param(param)
    check_machine(machine)


@pytest.mark.parametrize("name", REFERENCES)
def test_reference_campaign_is_what_the_study_renders(
    repository: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The interpreter's folder is the only thing in these files that depends on the machine.
    monkeypatch.setattr("sys.executable", "/path/to/.venv/bin/python")
    study = load_study(repository / "configs" / f"{name}.yaml")
    param, machine = reference(repository, name)
    systems, neighbors = param["init_data_sys"], param["default_training_param"]["model"]["descriptor"]["sel"]
    assert render_param(study, initial_systems=systems, max_neighbors=neighbors) == param
    assert render_machine(study) == machine
    assert LabelSettings.read(repository / "dpgen_params" / name / "label_settings.json") == label_settings(study)


@pytest.mark.parametrize("name", REFERENCES[1:])
def test_production_campaigns_are_for_vasp_on_gpu_nodes_of_slurm(repository: Path, name: str) -> None:
    _, machine = reference(repository, name)
    assert {machine[step]["machine"]["batch_type"] for step in ("train", "model_devi", "fp")} == {"Slurm"}
    assert machine["train"]["resources"]["gpu_per_node"] == machine["model_devi"]["resources"]["gpu_per_node"] == 1
    settings = LabelSettings.read(repository / "dpgen_params" / name / "label_settings.json")
    assert settings.calculator == "vasp"
    assert settings.dft is not None
    assert {symbol: entry.hubbard_u_ev for symbol, entry in settings.dft.elements.items() if entry.has_u} == (
        {"Co": 5.14} if name == "lco_lif_lpscl" else {}
    )


@pytest.mark.parametrize(
    ("key", "value"), [("fp_accurate_treshold", 0.9), ("model_devi_taut", 0.1), ("fp_style", "vaspp")]
)
def test_mistakes_that_older_dpgen_let_pass_are_refused(repository: Path, key: str, value: object) -> None:
    param, _ = reference(repository, "demo")
    with pytest.raises(StudyError, match=r"DP-GEN refuses param\.json"):
        check_param(param | {key: value})


def test_what_the_schema_misses_is_checked(repository: Path) -> None:
    param, machine = reference(repository, "demo")
    with pytest.raises(StudyError, match="init_data_prefix"):
        check_param({key: value for key, value in param.items() if key != "init_data_prefix"})
    with pytest.raises(StudyError, match="equally many"):
        check_param(param | {"sys_batch_size": ["auto"]})
    del machine["train"]["resources"]["batch_type"]
    with pytest.raises(StudyError, match=r"DP-GEN refuses machine\.json"):
        check_machine(machine)


@pytest.mark.parametrize(("cell", "barostat"), [("free", "aniso"), ("isotropic", "iso")])
def test_exploration_changes_the_cell_as_asked(repository: Path, cell: str, barostat: str) -> None:
    """In DP-GEN's own words: its plain npt has one ratio for all edges."""
    from dpgen.generator.lib.lammps import make_lammps_input

    study = load_study(repository / "configs" / "demo.yaml").model_dump()
    asked = Study.model_validate(study | {"exploration": study["exploration"] | {"cell": cell}})
    reference_param, _ = reference(repository, "demo")
    neighbors = reference_param["default_training_param"]["model"]["descriptor"]["sel"]
    param = render_param(asked, initial_systems=["a"], max_neighbors=neighbors)
    for job in param["model_devi_jobs"]:
        text = make_lammps_input(
            job["ensemble"], "conf.lmp", ["graph.000.pb"], 10, 0.001, 0, 5, [1.0], 300.0, param, pres=1.0,
            deepmd_version="3.2.0",
        )  # fmt: skip
        (barostat_line,) = [line for line in text.splitlines() if " npt " in line]
        assert f" {barostat} ${{PRES}} ${{PRES}} " in barostat_line


def test_every_job_names_its_elements_and_its_order(repository: Path) -> None:
    param, _ = reference(repository, "demo")
    study = load_study(repository / "configs" / "demo.yaml")
    assert param["type_map"] == list(study.elements) == param["default_training_param"]["model"]["type_map"]
    assert len(param["model_devi_jobs"]) == len(study.exploration.iterations) >= 2
    assert "shuffle_poscar" not in param
