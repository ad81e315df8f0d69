"""The last committee of a campaign, for whoever asks it about the scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.campaign.folder import last_committee, last_explored, trust_levels_of
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.run.context import RunContext


@dataclass(frozen=True, slots=True)
class Committee:
    """The models of a committee and its trust levels.

    Attributes
    ----------
    models : tuple of Path
        In their order; empty where there is none.
    low, high : float or None, eV/angstrom
        Trust levels in force in the last exploration.
    missing : str
        Why there is none; empty where there is.
    """

    models: tuple[Path, ...] = ()
    low: float | None = None
    high: float | None = None
    missing: str = ""


def trusted_committee(context: RunContext) -> Committee:
    """Find the last committee that the campaign of a run folder has trained, with its trust levels.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.

    Returns
    -------
    Committee
        Without models where no campaign trained any here, or its trust levels are not known.
    """
    models = last_committee(context.campaign)
    if not models:
        return Committee(missing="the folder has no committee: its model was not trained by a campaign here")
    try:
        low, high = trust_levels_of(context.campaign, last_explored(context.campaign))
    except InputFileError as error:
        return Committee(missing=f"the committee has no trust levels: {error}")
    return Committee(models, low, high)
