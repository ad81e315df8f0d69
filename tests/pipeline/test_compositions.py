"""``screen compositions``: cells, MD at every temperature, and a file that ``screen flux`` takes; twice does no harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlip_interfaces.cli.main import main

ASKED: dict[str, Any] = {
    "compositions": [{"formula": "LiF", "density_g_per_cm3": 1.9}],
    "temperatures_kelvin": [1500, 1700],
    "replicas": 1,
    "edge_angstrom": 8.5,
    "melt_ps": 0.05,
    "quench_kelvin_per_ps": 20000,
    "hold_ps": 0.02,
    "time_ps": 0.6,
    "leave_out_ps": 0.1,
    "dump_interval_ps": 0.01,
    "flux": {"length_angstrom": 1.0e7, "chemical_potentials": {"Li": -0.5, "F": 0.5}},
}


def save(folder: Path, **changes: Any) -> str:
    file = folder / "cells.yaml"
    file.write_text(yaml.safe_dump(ASKED | changes))
    return str(file)


@pytest.mark.campaign
def test_cells_and_md_become_fluxes_and_are_not_made_twice(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [
        "screen",
        "compositions",
        save(tmp_path),
        "--potential",
        "tosi-fumi",
        "--out",
        str(tmp_path / "out"),
        "--json",
    ]
    assert main(words) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["left_out"] == {}
    assert [Path(run).name for run in made["runs"]] == ["LiF-r1-1500K", "LiF-r1-1700K"]
    trajectories = [Path(run) / "traj.dcd" for run in made["runs"]]
    before = [file.stat().st_mtime_ns for file in trajectories]
    assert main(["screen", "flux", made["flux_file"], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["compositions"]
    assert [one["temperature_kelvin"] for one in found] == [1500.0, 1700.0]
    assert all(set(one["fluxes"]) == {"Li", "F"} for one in found)
    assert found[0]["delta_mu_ev"] == {"Li": -0.5, "F": 0.5}
    assert main(words) == 0
    assert [file.stat().st_mtime_ns for file in trajectories] == before
    capsys.readouterr()
    words[2] = save(tmp_path, time_ps=0.8)
    assert main(words) == 2
    assert "was made with time_ps 0.6, not 0.8; cells and runs of both do not compare" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compositions": [{"formula": "Li2S", "density_g_per_cm3": 1.6}]}, "knows Li, F, not S of Li2S"),
        ({"compositions": [{"formula": "Li2F2", "flux": {"formula": "LiF"}}]}, "flux has formula"),
        ({"leave_out_ps": 0.6}, "must be less than time_ps"),
        ({"temperatures_kelvin": [900, 900]}, "twice"),
        ({"flux": {"lenght_angstrom": 3.0}}, "flux: unknown key 'lenght_angstrom'. Did you mean 'length_angstrom'?"),
    ],
)
def test_what_cannot_be_made_is_a_sentence_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    out = tmp_path / "out"
    assert (
        main(["screen", "compositions", save(tmp_path, **changes), "--potential", "tosi-fumi", "--out", str(out)]) == 2
    )
    assert words in capsys.readouterr().err
    assert not out.exists()
