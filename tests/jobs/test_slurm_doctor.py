"""``doctor`` where Slurm answers, and where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from mlip_interfaces import doctor
from mlip_interfaces.programs import ProgramAnswer


def test_doctor_names_version_and_partitions(slurm: Any) -> None:
    finding = doctor._slurm()[-1]
    assert finding.works
    assert finding.detail.startswith("slurm")
    assert "cpu* (1 nodes of 8 cores, gpu:1, limit infinite); gpu (1" in finding.detail


def test_doctor_says_what_a_cluster_that_does_not_answer_needs(slurm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ask_program", lambda *_, **__: ProgramAnswer(1, "", "a\nfatal: no"))
    finding = doctor._slurm()[-1]
    assert (finding.works, finding.required, finding.detail) == (False, False, "sbatch: fatal: no")
    assert "SLURM_CONF" in finding.remedy
