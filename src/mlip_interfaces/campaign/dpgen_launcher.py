"""``dpgen run`` up to a given step, with a short poll, seeded choices and diverse candidates, in a process of its own.

``python -m mlip_interfaces.campaign.dpgen_launcher PARAM MACHINE OPTIONS`` (OPTIONS is JSON, see `LauncherOptions`) runs DP-GEN's
own iteration loop; plain ``dpgen run param.json machine.json`` in the same folder does the same steps and continues where
this stopped. The differences: it stops after the step that was asked for, so that the caller decides what comes next;
finished jobs are noticed at once instead of every 30 s; every random choice (network seeds, velocities) follows from the
study's seed, iteration and step, so that an interrupted campaign ends like an uninterrupted one; candidates are ranked by
diversity where DP-GEN shuffles them, those of runs that fell apart last; and an exploration that blows up, or whose
deviation is no number, costs its frames and not the campaign.
"""

from __future__ import annotations

import functools
import json
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dpgen.generator.run as dpgen_run
import numpy as np
from dpgen.dispatcher import Dispatcher as dpgen_dispatcher

from mlip_interfaces.campaign.candidate_ranking import Candidate, rank_candidates
from mlip_interfaces.campaign.folder import is_submission_note
from mlip_interfaces.campaign.launching import LauncherOptions
from mlip_interfaces.campaign.stopped_explorations import keep_whole_frames, surviving
from mlip_interfaces.files import relink
from mlip_interfaces.jobs.alone import alone
from mlip_interfaces.jobs.attaching import AttachingSubmission

_STEPS = (
    "make_train", "run_train", "post_train", "make_model_devi", "run_model_devi", "post_model_devi", "make_fp", "run_fp",
    "post_fp",
)  # fmt: skip
# Position in this list enters the seed.
_SEEDED_STEPS = ("make_train", "make_model_devi", "make_fp")
_FAILED_DEVIATION = 1e30


class _Reached(Exception):
    """The last step that was asked for is done."""


def main(param_file: str, machine_file: str, options: LauncherOptions) -> None:
    """Run the campaign in the current directory until the step that was asked for.

    Parameters
    ----------
    param_file, machine_file : str
        DP-GEN's two files.
    options : LauncherOptions
        How far, and how.
    """
    param = json.loads(Path(param_file).read_text())
    AttachingSubmission.poll_seconds = options.poll_seconds
    dpgen_dispatcher.Submission = AttachingSubmission
    forget_damaged_submissions(Path())
    for number, name in enumerate(_STEPS):
        setattr(dpgen_run, name, _bounded(getattr(dpgen_run, name), number, options))
    dpgen_run.copy_model = _keeping_compressed(dpgen_run.copy_model)
    dpgen_run.make_submission = _guarded(dpgen_run.make_submission)
    dpgen_run.post_model_devi = _keeping_whole_frames(dpgen_run.post_model_devi)
    dpgen_run._read_model_devi_file = _failed_where_not_finite(dpgen_run._read_model_devi_file)
    if options.selection == "diverse":
        _rank_instead_of_shuffling(param["type_map"], param["fp_task_max"], options.seed)
    try:
        dpgen_run.run_iter(param_file, machine_file)
    except _Reached:
        dpgen_run.dlog.info("reached iteration %d, task %02d", options.until_iteration, options.until_step)


def _bounded(step: Any, number: int, options: LauncherOptions) -> Any:
    name = _STEPS[number]

    @functools.wraps(step)
    def run(iteration: int, *arguments: Any) -> Any:
        if (iteration, number) > (options.until_iteration, options.until_step):
            raise _Reached
        if name in _SEEDED_STEPS:
            place = _SEEDED_STEPS.index(name)
            random.seed(f"{options.seed}-{iteration}-{place}")
            np.random.seed((options.seed + 1009 * iteration + place) % 2**32)  # noqa: NPY002 (DP-GEN uses the global state)
        return step(iteration, *arguments)

    return run


def _guarded(make_submission: Any) -> Any:
    @functools.wraps(make_submission)
    def make(*arguments: Any, **named: Any) -> Any:
        command = "&&".join(named["commands"])
        if Path(named["work_path"]).name == dpgen_run.model_devi_name:
            command = surviving(command)
        named["commands"] = [alone(command)]
        return make_submission(*arguments, **named)

    return make


def _keeping_compressed(copy_model: Any) -> Any:
    """Without new labels DP-GEN takes the models over, but not the compressed ones, which are several times faster."""

    @functools.wraps(copy_model)
    def copy(n_models: int, before: int, now: int, suffix: str = ".pb") -> None:
        copy_model(n_models, before, now, suffix)
        folder = Path(dpgen_run.make_iter_name(now), dpgen_run.train_name)
        for number in range(n_models):
            compressed = folder / f"{number:03d}" / f"frozen_model_compressed{suffix}"
            if compressed.is_file():
                relink(folder / f"graph.{number:03d}{suffix}", compressed)

    return copy


def _keeping_whole_frames(post_model_devi: Any) -> Any:
    @functools.wraps(post_model_devi)
    def post(iteration: int, jdata: Any, mdata: Any) -> Any:
        if jdata.get("model_devi_merge_traj", False):
            for task in sorted(Path(dpgen_run.make_iter_name(iteration), dpgen_run.model_devi_name).glob("task.*")):
                keep_whole_frames(task)
        return post_model_devi(iteration, jdata, mdata)

    return post


def _failed_where_not_finite(read: Any) -> Any:
    """DP-GEN ends the campaign on a deviation that is no number: make it a failed frame."""

    @functools.wraps(read)
    def read_finite(*arguments: Any, **named: Any) -> Any:
        return np.nan_to_num(read(*arguments, **named), nan=_FAILED_DEVIATION, posinf=_FAILED_DEVIATION)

    return read_finite


def _rank_instead_of_shuffling(elements: Sequence[str], n_select: int, seed: int) -> None:
    """Order the list of candidates where DP-GEN shuffles it; its other lists are shuffled as ever."""
    select = dpgen_run._select_by_model_devi_standard
    chosen: list[list[Candidate]] = []

    @functools.wraps(select)
    def remember(*arguments: Any, **named: Any) -> Any:
        result = select(*arguments, **named)
        chosen[:] = [result[1]]
        return result

    def shuffle(entries: list[Candidate]) -> None:
        if chosen and entries is chosen[0] and entries:
            iteration, system = _place(str(entries[0][0]))
            entries[:] = rank_candidates(
                Path(), iteration, system, list(entries), elements=elements, n_select=n_select, seed=seed
            )
        else:
            random.shuffle(entries)

    dpgen_run._select_by_model_devi_standard = remember
    dpgen_run.random = _Random(shuffle)


class _Random:
    """The module `random` with another `shuffle`."""

    def __init__(self, shuffle: Any) -> None:
        self.shuffle = shuffle

    def __getattr__(self, name: str) -> Any:
        return getattr(random, name)


def _place(task: str) -> tuple[int, int]:
    """Iteration and system of ``iter.000002/01.model_devi/task.001.000003``."""
    found = re.fullmatch(r"iter\.(\d+)/.*/task\.(\d+)\.\d+", task)
    if found is None:
        raise ValueError(f"{task} is no exploration of DP-GEN.")
    return int(found[1]), int(found[2])


def forget_damaged_submissions(campaign: Path) -> None:
    """Remove dpdispatcher's notes on a submission that were cut off while being written (a full disk, a kill).

    It could never read them again; without them it makes the submission anew, and finished tasks of it are skipped.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder.
    """
    for file in campaign.glob("iter.*/0*/*.json"):
        if is_submission_note(file):
            try:
                json.loads(file.read_text())
            except (ValueError, RecursionError):
                file.unlink()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], LauncherOptions.model_validate_json(sys.argv[3]))
