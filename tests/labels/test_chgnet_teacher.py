"""The real surrogate teacher, through the driver."""

from __future__ import annotations

from pathlib import Path

import pytest
from surrogate import label_of_a_rattled_crystal

from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teachers import build_teacher


# CHGNet 0.4 turns a tensor that needs a gradient into a number; recent torch warns of it.
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad:UserWarning")
def test_chgnet_label_is_that_of_a_direct_call_and_its_virial_the_strain_derivative(tmp_path: Path) -> None:
    label = label_of_a_rattled_crystal(tmp_path, LabelSettings(calculator="chgnet"), build_teacher("chgnet", {}))
    assert label["calculator"].startswith("chgnet 0.")
