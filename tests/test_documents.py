"""What is shipped beside the code works: the notebook runs, doctests hold, files name no address."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import mlip_interfaces


@pytest.mark.filterwarnings("ignore")
def test_quickstart_notebook_runs(repository: Path) -> None:
    notebook = nbformat.read(repository / "notebooks" / "quickstart.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [str(output) for output in outputs]
    assert any("148 atoms" in text for text in texts)
    assert any("{'PS4': 16.0}" in text for text in texts)
    assert any("diffusive: True" in text and "diffusive: False" in text for text in texts)
    # Four results draw themselves.
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4


PACKAGE = Path(mlip_interfaces.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if ">>>" in path.read_text()
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_hold(name: str) -> None:
    module = importlib.import_module(f"mlip_interfaces.{name}")
    result = doctest.testmod(module, extraglobs={"np": np})
    assert result.attempted > 0
    assert result.failed == 0


def test_constraints_hold_versions_and_no_address(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)
