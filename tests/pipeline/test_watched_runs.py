"""A protocol that asks for the committee's deviation: where the models are, what becomes of runs that are there, what is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_scan import context, dcd, edited, half_run, table  # noqa: F401 (a fixture)

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md import CHECKPOINT, COMMAND, DEVIATIONS
from mlip_interfaces.md.ending import DONE
from mlip_interfaces.pipeline import committee
from mlip_interfaces.pipeline.made_of import StudyHashes
from mlip_interfaces.pipeline.scan import collect_scan, prepare_scan, read_scan_index, scan_batch, scan_runs
from mlip_interfaces.pipeline.scan_status import scan_status, status_lines
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.context import RunContext

WATCHED = {"committee_deviation_interval_ps": 0.01}


def test_without_a_committee_it_is_refused_in_a_sentence(context: RunContext) -> None:  # noqa: F811
    with pytest.raises(InputFileError, match="but the folder has no committee: .* Leave the key out"):
        prepare_scan(edited(context, **WATCHED))


@pytest.fixture
def watched(context: RunContext, monkeypatch: pytest.MonkeyPatch) -> RunContext:  # noqa: F811
    """Half a run of a study without it, then the study with it and a committee."""
    half_run(context)
    other = edited(context, **WATCHED)
    for number in range(context.study.training.committee_size):
        folder = context.campaign / "iter.000001" / "00.train"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"graph.{number:03d}.pb").write_text(f"network {number}\n")
    monkeypatch.setattr(committee, "last_explored", lambda folder: 1)
    monkeypatch.setattr(committee, "trust_levels_of", lambda folder, iteration: (0.1, 0.4))
    return other


def test_runs_that_are_there_go_on_and_find_the_models(watched: RunContext, context: RunContext) -> None:  # noqa: F811
    first = scan_runs(watched.study)[0]
    directory = watched.scan / first.name
    prepare_scan(watched)
    assert all_aside(watched.root) == []
    assert (directory / CHECKPOINT).is_file()
    assert StudyHashes(watched.study).stages(watched.root) == StudyHashes(context.study).stages(watched.root)
    command = (directory / COMMAND).read_text()
    every = round(0.01 / (first.protocol.timestep_fs / 1000))
    assert f"-var deviation_every {every} -var committee '../../../committee/graph.000.pb " in command
    for number in range(watched.study.training.committee_size):
        assert (directory / f"../../../committee/graph.{number:03d}.pb").read_text() == f"network {number}\n"
    # They travel with jobs that do not run in place.
    batch = scan_batch(watched, [first])
    assert [name for name in batch.common_files if name.startswith("committee/")] == [
        f"committee/graph.{number:03d}.pb" for number in range(watched.study.training.committee_size)
    ]
    assert DEVIATIONS in batch.tasks[0].extras
    # A newer committee takes the place of the older one; asked for no more, none is given.
    newer = watched.campaign / "iter.000002" / "00.train"
    newer.mkdir(parents=True)
    for number in range(watched.study.training.committee_size):
        (newer / f"graph.{number:03d}.pb").write_text(f"newer {number}\n")
    prepare_scan(watched)
    assert (directory / "../../../committee/graph.001.pb").read_text() == "newer 1\n"
    prepare_scan(context)
    assert "committee" not in (directory / COMMAND).read_text()


def test_index_and_status_tell_mean_largest_and_share_above_the_trust_level(watched: RunContext) -> None:
    first = scan_runs(watched.study)[0]
    directory, protocol = watched.scan / first.name, first.protocol
    prepare_scan(watched)
    n_frames = protocol.n_steps // protocol.dump_every + 1
    (directory / "thermo.csv").write_text(
        table(0, n_frames - 1, protocol.frame_interval_ps, protocol.temperature_kelvin)
    )
    (directory / "traj.dcd").write_bytes(dcd(n_frames, protocol.dump_every, 8))
    # Turned on when the run was at step 40: 0.1 to 0.5, of which the last two reach 0.4.
    steps = 40 + protocol.deviation_every * np.arange(5)
    forces = (0.1, 0.2, 0.3, 0.4, 0.5)
    lines = [f"{step} 9 9 9 {force} 0 0" for step, force in zip(steps, forces, strict=True)]
    (directory / f"model_devi.{steps[0]}.out").write_text("\n".join(lines) + "\n")
    going_on = scan_status(watched).runs[0]
    np.testing.assert_allclose(going_on.deviation_ev_per_angstrom, 0.3, rtol=1e-12)
    np.testing.assert_allclose(going_on.deviation_share_above, 0.4, rtol=1e-12)
    (directory / DONE).write_text("0\n")
    collect_scan(watched)
    entry = read_scan_index(watched)[0]
    assert [file.name for file in directory.glob("model_devi*")] == [DEVIATIONS]
    found = entry.deviation
    assert found is not None
    step_ps = protocol.timestep_fs / 1000
    np.testing.assert_allclose(found.mean_ev_per_angstrom, 0.3, rtol=1e-12)
    np.testing.assert_allclose(found.first_ps, 40 * step_ps, rtol=1e-12)
    assert (found.n_frames, found.largest_ev_per_angstrom, found.high_ev_per_angstrom, found.share_above) == (
        5,
        0.5,
        0.4,
        0.4,
    )
    assert "0.3 eV/angstrom in the mean, 0.5 at most; 40 % reach the upper trust level of 0.4" in str(found)
    assert "deviation 0.3 eV/angstrom, 40 % above trust" in "\n".join(status_lines(scan_status(watched)))
    # What is no number is above any level, and in no mean.
    with (directory / DEVIATIONS).open("a") as file:
        file.write(f"{steps[-1] + 1} 9 9 9 nan 0 0\n")
    collect_scan(watched)
    again = read_scan_index(watched)[0].deviation
    assert again == replace(found, n_frames=6, share_above=0.5)


def test_interval_longer_than_the_run_is_refused(context: RunContext) -> None:  # noqa: F811
    with pytest.raises(ValueError, match="committee_deviation_interval_ps is 10000, longer than time_ps"):
        edited(context, committee_deviation_interval_ps=1e4)
