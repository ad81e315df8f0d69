"""``dpgen run`` with a short poll and seeded choices, in a process of its own.

``python -m mlip_interfaces.pipeline.dpgen_launcher PARAM MACHINE POLL_SECONDS SEED`` runs DP-GEN's own iteration
loop; plain ``dpgen run param.json machine.json`` in the same folder does the same work and continues where this
stopped. Three differences: finished jobs are noticed at once instead of every 30 s; every random choice (network
seeds, velocities, the shuffle of candidates) follows from the study's seed, iteration and step, so that an
interrupted campaign ends like an uninterrupted one; and the committee is not trained once more after the last
labels, because the final model is trained on them anyway.
"""

from __future__ import annotations

import functools
import json
import random
import sys
from pathlib import Path
from typing import Any

import dpgen.generator.run as dpgen_run
import numpy as np
from dpgen.dispatcher import Dispatcher as dpgen_dispatcher

from mlip_interfaces.jobs.attaching import AttachingSubmission

_SEEDED_STEPS = ("make_train", "make_model_devi", "make_fp")


class _CampaignDone(Exception):
    """The last requested iteration has its labels."""


def main(param_file: str, machine_file: str, poll_seconds: float, seed: int) -> None:
    """Run the campaign in the current directory until its last iteration is labelled."""
    n_iterations = len(json.loads(Path(param_file).read_text())["model_devi_jobs"])
    AttachingSubmission.poll_seconds = poll_seconds
    dpgen_dispatcher.Submission = AttachingSubmission
    for number, name in enumerate(_SEEDED_STEPS):
        setattr(dpgen_run, name, _seeded(getattr(dpgen_run, name), seed, number, n_iterations))
    try:
        dpgen_run.run_iter(param_file, machine_file)
    except _CampaignDone:
        dpgen_run.dlog.info("all iterations are labelled")


def _seeded(step: Any, seed: int, number: int, n_iterations: int) -> Any:
    @functools.wraps(step)
    def run(iteration: int, *arguments: Any) -> Any:
        if iteration >= n_iterations:
            raise _CampaignDone
        random.seed(f"{seed}-{iteration}-{number}")
        np.random.seed((seed + 1009 * iteration + number) % 2**32)  # noqa: NPY002 (DP-GEN uses the global state)
        return step(iteration, *arguments)

    return run


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
