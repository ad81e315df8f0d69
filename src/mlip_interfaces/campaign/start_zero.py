"""Whether a trained model that training starts from has the energy zero of the labels, where DeePMD-kit does not set it anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlip_interfaces.campaign.held_out import predict_systems
from mlip_interfaces.campaign.trained_start import START_FILE, dpgen_start
from mlip_interfaces.config import Study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.units import EV_TO_MEV

MAX_DIFFERENCE_EV_PER_ATOM = 1.0
"""Models of one method differ by tenths at most; zeros of two codes by tens or hundreds."""


def require_energy_zero(study: Study, directory: Path, systems: Sequence[Path]) -> None:
    """Check energies of a start against labels, once, before the campaign keeps the start.

    TensorFlow takes over the weights of most frozen models together with their energy zero (``--init-frz-model``), and a training
    from another zero spends its steps on the difference. A start that is fine-tuned gets the zero of the labels.

    Parameters
    ----------
    study : Study
        With an absolute path in ``training.start_from``, or without one.
    directory : Path
        Of the campaign.
    systems : sequence of Path
        Labelled data folders.

    Raises
    ------
    InputFileError
        If half of all frames differ by more than `MAX_DIFFERENCE_EV_PER_ATOM`.
    ProgramError
        If the model cannot be evaluated.
    """
    start = study.training.start_from
    if start is None or (directory / START_FILE).is_file() or "training_init_frozen_model" not in dpgen_start(study):
        return
    found = predict_systems(
        Path(start), systems, output=directory / "start_energies.npz", log_file=directory / "start_energies.log"
    )
    errors = np.concatenate([one.energy_error_mev_per_atom for one in found]) / EV_TO_MEV
    middle = float(np.median(np.abs(errors)))
    if middle > MAX_DIFFERENCE_EV_PER_ATOM:
        raise InputFileError(
            f"{start}: its energies differ from the labels' by {middle:.3g} eV/atom (median of {len(errors)} frames), so that it has another "
            "energy zero, which TensorFlow would keep; start from a model that was trained on labels of the same method, or from a "
            "checkpoint with backend: pytorch, which sets the energy of each element anew."
        )
