"""SevenNet, through the driver, where its package is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from surrogate import label_of_a_rattled_crystal

from mlip_interfaces.config.study import Labels
from mlip_interfaces.engines import is_installed
from mlip_interfaces.errors import MissingProgramError
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teacher import require_teacher
from mlip_interfaces.labels.teachers import build_teacher

INSTALLED = is_installed("sevenn")


@pytest.mark.skipif(not INSTALLED, reason='SevenNet is not installed: pip install "mlip-interfaces[sevennet]"')
# TorchScript, which SevenNet uses, is on its way out of torch.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sevennet_label_is_that_of_a_direct_call_and_its_virial_the_strain_derivative(tmp_path: Path) -> None:
    # Left out, the model is the same.
    label = label_of_a_rattled_crystal(
        tmp_path,
        LabelSettings(calculator="sevennet", parameters={"model": "7net-0"}),
        build_teacher("sevennet", {}),
    )
    assert label["calculator"].startswith("sevennet 0.")
    assert label["calculator"].endswith("(7net-0)")


def test_absent_sevennet_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlip_interfaces.labels.teachers.is_installed", lambda module: module != "sevenn")
    with pytest.raises(
        MissingProgramError, match=r'not installed. Get it with: pip install "mlip-interfaces\[sevennet\]"'
    ):
        require_teacher(LabelSettings(calculator="sevennet"), ["Li"])


def test_model_that_would_be_downloaded_is_refused() -> None:
    with pytest.raises(
        ValidationError, match="7net-omni', whose weights are not in the package sevenn, and nothing is downloaded"
    ):
        Labels(calculator="sevennet", parameters={"model": "7net-omni"})
    assert Labels(calculator="sevennet", parameters={"model": "mine/checkpoint_best.pth"}).parameters["model"]


@pytest.mark.parametrize(
    ("parameters", "said"), [({}, "parameters.modal is missing"), ({"modal": "pbe"}, "parameters.modal is 'pbe'")]
)
def test_model_of_several_fidelities_wants_to_know_which(parameters: dict[str, Any], said: str) -> None:
    for model in ("7net-mf-0", "7NET-MF-0"):
        with pytest.raises(ValidationError, match=f"{said}: {model} labels on several levels .*; give PBE or R2SCAN"):
            Labels(calculator="sevennet", parameters={"model": model, **parameters})
    for modal in ("PBE", "R2SCAN"):
        Labels(calculator="sevennet", parameters={"model": "7net-mf-0", "modal": modal})


@pytest.mark.skipif(not INSTALLED, reason='SevenNet is not installed: pip install "mlip-interfaces[sevennet]"')
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fidelities_are_those_of_the_packages_checkpoint() -> None:
    with pytest.raises(ValueError, match=r"modal argument missing \(avail: \['R2SCAN', 'PBE'\]\)"):
        build_teacher("sevennet", {"model": "7net-mf-0"})
