"""Where the potential of a run folder lies, and what its file is called."""

from __future__ import annotations

from pathlib import Path

from mlip_interfaces.campaign.dpgen_files import backend_of_study
from mlip_interfaces.config import Study
from mlip_interfaces.potentials.backend import Backend, backend_of
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.stages import given_model


def potential_of(context: RunContext) -> Path:
    """The file of the potential that production runs with.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    Path
        Of the potential that was given, else of what the study's backend makes; there or not.

    Raises
    ------
    InputFileError
        If the record of a given potential is damaged.
    """
    return context.model / backend_of_folder(context.study, context.root).potential


def backend_of_folder(study: Study, root: Path) -> Backend:
    """The backend of the potential of a run folder.

    Parameters
    ----------
    study : Study
        The study.
    root : Path
        Its run folder, there or not.

    Returns
    -------
    Backend
        Of the potential that was given, else what the study asks for.

    Raises
    ------
    InputFileError
        If the record of a given potential is damaged.
    """
    given = given_model(root)
    return backend_of_study(study) if given is None else backend_of(Path(given.file))
