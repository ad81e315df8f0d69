"""What all tests share: the stand-in teachers on the path, one thread per process, a small disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 300 kB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
