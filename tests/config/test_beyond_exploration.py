"""Warnings where production goes beyond what is explored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlip_interfaces.cli.main import main
from mlip_interfaces.config import load_study, parse_study
from mlip_interfaces.config.beyond_exploration import beyond_exploration

# 400 steps of 0.5 fs are 0.2 ps.
LADDER = [
    {"temperatures_kelvin": [300, 500], "pressures_bar": [1, 2000], "steps": 400, "sample_every": 10},
    {"temperatures_kelvin": [400], "pressures_bar": [-500], "steps": 100, "sample_every": 10},
]


def warnings_for(miniature: Path, **protocol: Any) -> list[str]:
    raw = yaml.safe_load(miniature.read_text())
    raw["exploration"] |= {"iterations": LADDER, "timestep_fs": 0.5}
    raw["protocols"] = {"hot": {"temperature_kelvin": 300, "time_ps": 1, "dump_interval_ps": 0.01} | protocol}
    return beyond_exploration(parse_study(yaml.safe_dump(raw), miniature))


@pytest.mark.parametrize(
    "protocol",
    [
        {},
        {"temperature_kelvin": 500},
        {"temperature_kelvin": 10},
        {"time_ps": 20},
        {"pressure_bar": [3000, -1500, 1], "cell": "free"},
    ],
)
def test_production_within_bounds_has_no_warning(miniature: Path, protocol: dict[str, Any]) -> None:
    assert warnings_for(miniature, **protocol) == []


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ({"temperature_kelvin": 501}, ["protocols.hot.temperature_kelvin is 501", "at most 500 K", "Explore 501 K"]),
        ({"time_ps": 20.2}, ["protocols.hot.time_ps is 20.2, 101 times", "0.2 ps", "Raise `steps`"]),
        ({"pressure_bar": 3001}, ["protocols.hot.pressure_bar is 3001", "-500 to 2000 bar", "Add it to pressures_bar"]),
        ({"pressure_bar": [1, 1, -1501]}, ["protocols.hot.pressure_bar is -1501"]),
    ],
)
def test_what_goes_beyond_names_the_key_both_values_and_a_remedy(
    miniature: Path, protocol: dict[str, Any], said: list[str]
) -> None:
    (sentence,) = warnings_for(miniature, **protocol)
    assert [words for words in said if words not in sentence] == []


def test_a_run_at_constant_volume_has_no_pressure_to_warn_of(miniature: Path) -> None:
    assert warnings_for(miniature, ensemble="nvt", pressure_bar=90_000) == []
    assert len(warnings_for(miniature, pressure_bar=90_000)) == 1


def test_the_demo_and_the_reference_for_lithium_have_no_warning_and_ten_nanoseconds_have(repository: Path) -> None:
    found = {name: beyond_exploration(load_study(repository / "configs" / f"{name}.yaml")) for name in
             ("demo", "li_li7p3s11", "lco_lif_lpscl")}  # fmt: skip
    assert (found["demo"], found["li_li7p3s11"]) == ([], [])
    (sentence,) = found["lco_lif_lpscl"]
    assert "protocols.diffusion.time_ps is 10000, 200 times the longest exploration run" in sentence


def test_config_check_prints_warnings_and_ends_well(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        miniature.read_text().replace("diffusion: {temperature_kelvin: 50,", "diffusion: {temperature_kelvin: 60,")
    )
    assert main(["config", "check", str(miniature), str(study)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split()[0] for line in lines] == ["study", "study", "warning"]
    assert lines[2].startswith(f"{study}: warning: protocols.diffusion.temperature_kelvin is 60, hotter")


def test_a_given_potential_is_asked_for_its_elements_and_no_exploration_is(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study, asked = repository / "docs" / "studies" / "scan-minimal.yaml", []
    assert main(["config", "check", str(study)]) == 0
    assert "times the longest exploration run" in capsys.readouterr().out
    assert main(["config", "check", str(study), "--model", str(tmp_path / "none.pb")]) == 2
    assert f"--model: there is no file {tmp_path / 'none.pb'}" in capsys.readouterr().err
    monkeypatch.setattr(
        "mlip_interfaces.pipeline.given_potential.examine_potential", lambda model, elements: asked.append(elements)
    )
    assert main(["config", "check", str(study), "--model", str(tmp_path / "model.pb")]) == 0
    assert asked == [("Li", "Co", "O", "F", "P", "S", "Cl")]
    assert "warning" not in capsys.readouterr().out
