"""A model earns its production run: the scan does not start with one that fails a safety gate."""

from __future__ import annotations

from mlip_interfaces.books.gates import GATES_FILE
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.pipeline.gates import current_verdict, run_gates
from mlip_interfaces.run.context import RunContext


def refuse_unfit_model(context: RunContext) -> None:
    """Refuse a potential that fails a safety gate; one that has been through none goes through them first.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, with its structures and a potential.

    Raises
    ------
    InputFileError
        If the potential fails, and the study does not let it run all the same (``gates.if_failed``).
    UnfinishedError
        If a gate could not be measured; the same call continues.
    """
    if not context.study.gates.run:
        return
    verdict = current_verdict(context) or run_gates(context)
    if not verdict.passed and context.study.gates.if_failed == "refuse":
        raise InputFileError(
            f"The model of {context.root} is not fit for production: {verdict.sentence}. {context.validation / GATES_FILE} has every "
            "number, and structures whose labels would repair it. Train it on more, or set gates.if_failed to warn in "
            f"{context.root / 'study.yaml'}, or give --despite-gates."
        )
