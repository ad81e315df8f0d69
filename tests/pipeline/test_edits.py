"""A run folder whose study is edited, which is killed and moved: it ends as a fresh run of the last study does.

Folders, books and decisions are the real ones, and so are structures and analyses. The programs that cost minutes have
stand-ins: ``lmp``, and the stages that make a potential, each of which leaves a file that follows from all that it is made of.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlip_interfaces.cli.main import main
from mlip_interfaces.config import Execution, Study
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.files import content_hash
from mlip_interfaces.jobs import Batch
from mlip_interfaces.jobs.alone import alone
from mlip_interfaces.observables import Result
from mlip_interfaces.pipeline import flow, standing
from mlip_interfaces.pipeline.checked_study import load_checked_study
from mlip_interfaces.pipeline.flow import run_study
from mlip_interfaces.pipeline.made_of import LIMITS, SECTIONS, StudyHashes
from mlip_interfaces.pipeline.plan import Artefact, plan_run
from mlip_interfaces.pipeline.study_files import load_run_study, put
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.context import RunContext

STUDY: dict[str, Any] = {
    "name": "edited",
    "elements": ["S", "Li", "F"],
    "interface": {
        "max_strain": 0.01,
        "max_area_angstrom2": 40,
        "layers": [
            {
                "kind": "crystal", "name": "base", "material": "LiF", "miller": [1, 0, 0], "thickness_angstrom": 4,
                "vacancies": [{"element": "Li", "fraction": 0.25}],
            },
            {"kind": "crystal", "name": "electrolyte", "material": "Li2S", "miller": [1, 0, 0], "thickness_angstrom": 5.7},
        ],
    },
    "labels": {"calculator": "mini_teacher:slow_lennard_jones"},
    "initial_data": {"perturbation": {"n_per_bulk": 1}},
    "exploration": {
        "iterations": [{"temperatures_kelvin": [300], "steps": 1000, "sample_every": 10}],
        "max_iterations": 2,
    },
    "training": {"steps_final": 100},
    "protocols": {"warm": {"temperature_kelvin": 300, "time_ps": 0.05, "timestep_fs": 0.5, "dump_interval_ps": 0.005}},
    "health": {"density_change": 0.9, "min_distance_angstrom": 0.3},
    # Its potential is none.
    "gates": {"run": []},
    "analysis": {"msd": {}},
    "execution": {"cores": 1, "poll_seconds": 0.1},
}  # fmt: skip
WARM = ("protocols", "warm")
EDITS: tuple[tuple[tuple[str | int, ...], tuple[Any, ...]], ...] = (
    ((*WARM, "seeds"), ([1], [1, 2], [2])),
    ((*WARM, "time_ps"), (0.05, 0.08, 0.11)),
    ((*WARM, "temperature_kelvin"), (300, 310)),
    (
        ("protocols", "hot"),
        (None, {"temperature_kelvin": 500, "time_ps": 0.05, "timestep_fs": 0.5, "dump_interval_ps": 0.005}),
    ),
    (("interface", "layers", 0, "vacancies", 0, "fraction"), (0.25, [0.0, 0.25])),
    (("initial_data", "perturbation", "n_per_bulk"), (1, 2)),
    (("exploration", "max_iterations"), (2, 3)),
    (("exploration", "max_labels_per_model"), (30, 31)),
    (("training", "steps_final"), (100, 200)),
    (("health", "min_distance_angstrom"), (0.3, 2.5)),
    (("analysis", "stop_ps"), (None, 0.045)),
    (("analysis", "msd"), ({}, {"species": ["S"]})),
)
FILES = (
    "structures/*/model.data", "initial_data/dataset/*/*/*", "campaign/iter.*/02.fp/*/*/*/*", "model/model.pb", "validation/errors",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """On the path and in the flow; figures are left out, since nothing here is about them."""
    folder = tmp_path_factory.mktemp("programs")
    program = folder / "lmp"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {Path(__file__).with_name("toy_lmp.py")} "$@"\n')
    program.chmod(0o755)
    toys = {"data": toy_data, "campaign": toy_campaign, "train": toy_train, "validate": toy_validate}
    stages = tuple(
        flow.Stage(stage.name, toys.get(stage.name, stage.run)) for stage in flow.STAGES if stage.name != "report"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        patch.setattr("mlip_interfaces.pipeline.scan.run_tasks", run_here)
        patch.setattr(flow, "STAGES", stages)
        patch.setattr(standing, "has_more_to_do", toy_has_more)
        patch.setattr(Result, "plot", lambda self: None)
        patch.setattr("mlip_interfaces.pipeline.domain.look_at_domain", lambda context, begun: "")
        yield


def run_here(batch: Batch, execution: Execution, *, despite_failures: bool) -> None:
    """The tasks' own commands, without dpdispatcher's seconds between two looks."""
    assert despite_failures
    for task in batch.tasks:
        subprocess.run(
            ["sh", "-c", alone(task.command)], cwd=batch.directory / task.name, capture_output=True, check=False
        )
    if not all((batch.directory / task.name / output).is_file() for task in batch.tasks for output in task.outputs):
        raise UnfinishedError("a task did not finish")


class Killed(BaseException):
    """As a kill, between two writes of a toy stage."""


KILL: list[str] = []
"""Name of the stage that is killed next."""


def digest(*content: Any) -> bytes:
    return hashlib.sha256(repr(content).encode()).digest()


def leave(context: RunContext, stage: str, file: Path, content: bytes) -> None:
    """One file before a kill may come and one after."""
    file.parent.mkdir(parents=True, exist_ok=True)
    (file.parent / "begun").write_bytes(content)
    if [stage] == KILL:
        KILL.clear()
        raise Killed
    file.write_bytes(content)


def contents(root: Path, *patterns: str) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for pattern in patterns
        for file in sorted(root.glob(pattern))
        if file.is_file()
    }


def toy_data(context: RunContext) -> str:
    study = context.study
    structures = contents(
        context.structures, *(f"{name}/model.data" for name in (*study.explored, "bulk-base", "bulk-electrolyte"))
    )
    made_of = digest(structures, study.initial_data, study.labels.calculator, study.seed, study.elements)
    leave(context, "data", context.initial_data / "dataset" / "all" / "set.000" / "energy.npy", made_of)
    return ""


def toy_campaign(context: RunContext) -> str:
    study = context.study
    for number in range(study.exploration.max_iterations):
        file = context.campaign / f"iter.{number:06d}" / "02.fp" / "data.000" / "x" / "set.000" / "energy.npy"
        if not file.is_file():
            asked = (
                study.exploration.max_labels_per_model,
                study.exploration.iterations,
                study.training.steps,
                study.explored,
            )
            leave(
                context,
                "campaign",
                file,
                digest(contents(context.root, "initial_data/dataset/*/*/energy.npy"), asked, number),
            )
    return ""


def toy_has_more(context: RunContext) -> bool:
    return len(list(context.campaign.glob("iter.*"))) < context.study.exploration.max_iterations


def toy_train(context: RunContext) -> str:
    data = contents(context.root, "initial_data/dataset/*/*/energy.npy", "campaign/iter.*/02.fp/*/*/*/energy.npy")
    leave(context, "train", context.model / "model.pb", digest(data, context.study.training.steps_final))
    return ""


def toy_validate(context: RunContext) -> str:
    made_of = digest(contents(context.root, "model/model.pb"), context.study.validation)
    leave(context, "validate", context.validation / "errors", made_of)
    return ""


def edited(choices: dict[int, int]) -> dict[str, Any]:
    """The study with the choice of each edit, by its number."""
    study = copy.deepcopy(STUDY)
    for number, choice in choices.items():
        (*path, key), values = EDITS[number]
        value, section = values[choice], study
        for name in path:
            section = section[name]
        if value is None:
            section.pop(key, None)
        else:
            section[key] = value
    # Fewer iterations than a campaign has made are no reason to undo them: the budget only grows.
    return study


def run(study: dict[str, Any], folder: Path, root: Path) -> bool:
    """Whether it ended; a kill may have come."""
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False))
    try:
        run_study(file, root, until="analyze")
    except (Killed, UnfinishedError):
        return False
    return True


def artefacts(root: Path) -> dict[str, Any]:
    """All that a study asks for, without times and places."""
    context = RunContext(load_run_study(root), root)
    index = json.loads((context.scan / "index.json").read_text())["runs"]
    found: dict[str, Any] = contents(root, *(pattern for pattern in FILES if not pattern.startswith("structures")))
    names = [model["name"] for model in json.loads((context.structures / "index.json").read_text())["models"]]
    found |= contents(root, *(f"structures/{name}/model.data" for name in names))
    for entry in index:
        found |= contents(
            root, *(f"scan/{entry['directory']}/{name}" for name in ("traj.dcd", "thermo.csv", "md.done"))
        )
        found[entry["name"]] = {key: value for key, value in entry.items() if "second" not in key}
    for entry in json.loads((context.analysis / "index.json").read_text())["runs"]:
        found[f"analysis of {entry['name']}"] = entry
        for name in entry["results"]:
            result = json.loads((context.analysis / entry["directory"] / f"{name}.json").read_text())
            found[f"{name} of {entry['name']}"] = {key: value for key, value in result.items() if key != "provenance"}
    return found


def in_order(root: Path) -> set[str]:
    """What a plan of the folder's own study would do."""
    planned = plan_run(load_run_study(root), root, flow.STAGE_NAMES[:-1])
    return {artefact.action for artefact in planned} - {"orphaned"}


EDIT = st.tuples(st.integers(0, len(EDITS) - 1), st.integers(1, 2))
"""Number of an edit, and how many of its values it goes on."""
EVENT = st.one_of(
    st.none(), st.sampled_from(["data", "campaign", "train", "validate"]), st.integers(0, 12), st.just("move")
)
"""A stage that is killed, the frame at which ``lmp`` is, or a move of the folder."""


@settings(
    max_examples=12, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@example(steps=[([(number, 1)], None) for number in range(len(EDITS))])
@given(steps=st.lists(st.tuples(st.lists(EDIT, min_size=1, max_size=2), EVENT), min_size=3, max_size=5))
def test_edited_killed_and_moved_a_run_ends_as_a_fresh_run_of_its_last_study(
    steps: list[tuple[list[tuple[int, int]], str | int | None]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, choices = Path(name), dict[int, int]()
        root = folder / "run"
        run(edited(choices), folder, root)
        for number, (edits, event) in enumerate(steps):
            for which, by in edits:
                place, values = EDITS[which]
                # A campaign keeps the iterations that it has made: its budget only grows.
                grows = place == ("exploration", "max_iterations")
                choices[which] = (
                    min(1, choices.get(which, 0) + by) if grows else (choices.get(which, 0) + by) % len(values)
                )
            KILL[:] = [event] if isinstance(event, str) and event != "move" else []
            if isinstance(event, int):
                (root / "scan" / "kill_at").write_text(str(event))
            elif event == "move":
                root = root.rename(folder / f"moved-{number}")
            run(edited(choices), folder, root)
        KILL.clear()
        (root / "scan" / "kill_at").unlink(missing_ok=True)
        assert run(edited(choices), folder, root)
        assert in_order(root) == {"kept"}
        fresh = folder / "fresh"
        assert run(edited(choices), folder, fresh)
        assert artefacts(root) == artefacts(fresh)
        # Nothing is lost, and nothing of it is of use: it can be removed, and the run is as it was.
        assert main(["clean", str(root), "--yes"]) == 0
        assert not (root / "aside").exists()
        assert artefacts(root) == artefacts(fresh)
        assert in_order(root) == {"kept"}


def planned(root: Path, folder: Path, choices: dict[int, int]) -> dict[str, list[Artefact]]:
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(edited(choices), sort_keys=False))
    found: dict[str, list[Artefact]] = {}
    for artefact in plan_run(load_checked_study(file), root, flow.STAGE_NAMES[:-1]):
        found.setdefault(artefact.action, []).append(artefact)
    return found


def number_of(*place: str | int) -> int:
    return next(number for number, (found, _) in enumerate(EDITS) if found == place)


def test_longer_time_extends_a_shorter_one_cuts_and_each_length_comes_back(tmp_path: Path) -> None:
    root, time, name = tmp_path / "run", number_of(*WARM, "time_ps"), "interface/warm/seed-1"
    assert run(edited({}), tmp_path, root)
    traj = root / "scan" / name / "traj.dcd"
    short = traj.read_bytes()
    (artefact,) = planned(root, tmp_path, {time: 2})["extended"]
    assert (artefact.name, artefact.why) == (name, "from 0.05 ps")
    np.testing.assert_allclose(artefact.md_ps, 0.06, rtol=1e-9, atol=0)
    assert run(edited({time: 2}), tmp_path, root)
    long = traj.read_bytes()
    n_header = len(short) % ((len(long) - len(short)) // 12)
    assert long[n_header : len(short)] == short[n_header:], "the first frames are those that were there"
    assert not all_aside(root)
    (artefact,) = planned(root, tmp_path, {time: 1})["cut"]
    assert (artefact.why, artefact.md_ps) == ("0.11 ps are there", 0.0)
    for choice in (1, 0):
        assert run(edited({time: choice}), tmp_path, root)
        fresh = tmp_path / f"fresh-{choice}"
        assert run(edited({time: choice}), tmp_path, fresh)
        assert artefacts(root) == artefacts(fresh)
    (artefact, *_) = planned(root, tmp_path, {time: 2})["brought back"]
    assert artefact.name == name
    assert run(edited({time: 2}), tmp_path, root)
    assert traj.read_bytes() == long


def test_run_without_its_last_state_is_made_anew_where_it_is_to_be_longer(tmp_path: Path) -> None:
    """As finished runs of older versions are."""
    root, time = tmp_path / "run", number_of(*WARM, "time_ps")
    assert run(edited({}), tmp_path, root)
    (root / "scan" / "interface" / "warm" / "seed-1" / "md.end").unlink()
    (artefact,) = [artefact for artefact in planned(root, tmp_path, {time: 1})["made"] if artefact.stage == "scan"]
    assert artefact.why == "it kept no state at its end of 0.05 ps to go on from"
    assert run(edited({time: 1}), tmp_path, root)
    assert run(edited({time: 1}), tmp_path, tmp_path / "fresh")
    assert artefacts(root) == artefacts(tmp_path / "fresh")
    assert [item.place for item in all_aside(root)] == ["scan/interface/warm/seed-1"]


@pytest.mark.parametrize(
    ("place", "value", "remade"),
    [
        ((*WARM, "seeds"), [1, 2], {"scan", "analyze"}),
        (("protocols", "hot"), EDITS[3][1][1], {"scan", "analyze"}),
        (("analysis", "msd"), {"species": ["S"]}, {"analyze"}),
        (("health", "min_distance_angstrom"), 2.5, set()),
        (("training", "steps_final"), 200, {"train", "validate", "scan", "analyze"}),
        (("exploration", "max_labels_per_model"), 31, {"campaign", "train", "validate", "scan", "analyze"}),
        (
            ("initial_data", "perturbation", "n_per_bulk"),
            2,
            {"data", "campaign", "train", "validate", "scan", "analyze"},
        ),
        (("labels", "timeout_seconds"), 5, set()),
        (("execution", "cores"), 2, set()),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_an_edit_costs_what_depends_on_it_and_says_so(
    tmp_path: Path, finished: Path, place: tuple[str | int, ...], value: Any, remade: set[str]
) -> None:
    file, study = tmp_path / "mine.yaml", copy.deepcopy(STUDY)
    section = study
    for name in place[:-1]:
        section = section[name]
    section[place[-1]] = value
    file.write_text(yaml.safe_dump(study))
    plan = plan_run(load_checked_study(file), finished, flow.STAGE_NAMES[:-1])
    assert {artefact.stage for artefact in plan if artefact.action != "kept"} == remade
    first = next((artefact for artefact in plan if artefact.action == "made"), None)
    if first is not None and first.stage not in ("scan", "analyze"):
        assert f"{'.'.join(map(str, place))} " in first.why
        assert str(value) in first.why


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, stand_ins: None) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert run(STUDY, folder, folder / "run")
    return folder / "run"


def test_every_key_of_the_study_is_in_the_hash_of_a_stage_or_known_to_decide_nothing(finished: Path) -> None:
    """A key that nobody counts would be an edit that nobody notices."""
    counted = {section for sections in SECTIONS.values() for section in sections} | {"execution", "domain", "gates"}
    assert set(Study.model_fields) == counted
    study = load_run_study(finished)
    before = StudyHashes(study).stages(finished)

    def changes(content: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
        if isinstance(content, dict):
            for name, value in content.items():
                yield from changes(value, (*place, name))
        elif isinstance(content, (bool, int, float)) and place[0] not in (
            "execution",
            "domain",
            "gates",
            "interface",
            "elements",
        ):
            yield place, content

    limits = {(section, name) for section, names in LIMITS.items() for name in names}
    n_changed = 0
    content = study.model_dump(mode="json")
    for place, value in changes(content, ()):
        other = copy.deepcopy(content)
        put(
            other,
            place,
            not value if isinstance(value, bool) else value * 1.01 if isinstance(value, float) else value + 1,
        )
        try:
            after = StudyHashes(Study.model_validate(other)).stages(finished)
        except ValidationError:
            continue
        assert (after == before) == (place[:2] in limits), place
        n_changed += 1
    assert n_changed > 40


def test_status_and_clean_name_what_is_orphaned_and_remove_it_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "run"
    assert run(edited({0: 1}), tmp_path, root)
    assert run(edited({0: 0, 2: 1}), tmp_path, root)
    capsys.readouterr()
    assert main(["status", str(root), "--json"]) == 0
    told = {orphan["path"] for orphan in json.loads(capsys.readouterr().out)["orphans"]}
    assert told == {"aside/0001", "scan/interface/warm/seed-2", "analysis/interface/warm/seed-2"}
    assert main(["clean", str(root)]) == 0
    said = capsys.readouterr().out
    assert all(path in said for path in told)
    assert "3 things of" in said
    assert all((root / path).exists() for path in told)
    assert main(["clean", str(root), "--yes"]) == 0
    assert "Removed 3 things of" in capsys.readouterr().out
    assert not any((root / path).exists() for path in told)
    assert main(["clean", str(root)]) == 0
    assert "holds nothing that its study does not ask for" in capsys.readouterr().out


def test_results_of_an_older_version_are_made_again_and_nothing_else(
    finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("mlip_interfaces.pipeline.run_analysis.RESULT_FORMAT", 99)
    assert {
        artefact.stage
        for artefact in plan_run(load_run_study(finished), finished, flow.STAGE_NAMES[:-1])
        if artefact.action != "kept"
    } == {"analyze"}
    assert run(STUDY, tmp_path, finished)
    assert in_order(finished) == {"kept"}


def test_another_version_with_other_keys_is_no_edit_of_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "run"
    assert run(STUDY, tmp_path, root)
    monkeypatch.setattr(standing, "mark_of_keys", lambda: "other keys")
    monkeypatch.setattr(flow, "mark_of_keys", lambda: "other keys")

    def of_other_keys(self: StudyHashes, *sections: str, **more: Any) -> str:
        return content_hash([{name: self.content[name] for name in sections}, more])

    monkeypatch.setattr(StudyHashes, "_of", of_other_keys)
    assert in_order(root) == {"kept"}
    (artefact,) = planned(root, tmp_path, {number_of("training", "steps_final"): 1})["made"][:1]
    assert artefact.stage == "train"
    assert run(STUDY, tmp_path, root)
    assert not all_aside(root)
    # Adopted: from now on the hashes of this version count.
    assert in_order(root) == {"kept"}
    assert {json.loads(file.read_text())["keys"] for file in root.glob("*/manifest.json")} == {"other keys"}
