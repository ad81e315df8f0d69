"""What all tests share: the stand-in teachers on the path, and one thread per process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Teachers run in processes of their own: both this one and those must find the module.
sys.path.insert(0, str(TESTS / "teachers"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS / "teachers"), os.environ.get("PYTHONPATH")]))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return TESTS.parent


@pytest.fixture(scope="session")
def miniature(repository: Path) -> Path:
    """The smallest complete study."""
    return TESTS / "studies" / "miniature.yaml"
