"""Tutorials run as they are written, and print what they say they print."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbclient import NotebookClient


@pytest.fixture(scope="module")
def pages(repository: Path) -> ModuleType:
    """``docs/pages.py``."""
    spec = importlib.util.spec_from_file_location("pages", repository / "docs" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _our_programs_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")


@pytest.mark.filterwarnings("ignore")
def test_a_trajectory_becomes_numbers(pages: ModuleType, repository: Path, tmp_path: Path) -> None:
    pages.run_page(repository / "docs" / "tutorials" / "trajectory.md", tmp_path)
    assert (tmp_path / "results" / "rdf.svg").is_file()
    assert (tmp_path / "results-python" / "msd.json").is_file()


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore")
def test_a_campaign_runs_to_its_report_its_potential_makes_a_scan_and_the_notebook_walks_through_it(
    pages: ModuleType, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.run_page(repository / "docs" / "tutorials" / "campaign.md", tmp_path)
    assert (tmp_path / "runs" / "miniature" / "report" / "index.html").is_file()
    pages.run_page(repository / "docs" / "tutorials" / "scan.md", tmp_path)
    assert (tmp_path / "runs" / "scan" / "report" / "index.html").is_file()
    monkeypatch.setenv("MLIP_INTERFACES_RUN", str(tmp_path / "runs" / "miniature"))
    notebook = nbformat.read(repository / "notebooks" / "finished_run.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert (
        sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])) >= 3
    )


def page(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "page.md"
    file.write_text(text)
    return file


def test_blocks_share_names_exports_and_files(pages: ModuleType, tmp_path: Path) -> None:
    pages.run_page(
        page(
            tmp_path,
            '```text title="one.txt"\nhello\n```\n```bash\nexport WORD=$(cat one.txt)\n```\n```bash\necho $WORD\n```\n'
            '```text title="output"\nhello\n```\n```python\nx = 2\n```\n```python\nprint("x is", x + 0.123)\n```\n'
            '```text title="output"\nx is 2.1...\n```\n```yaml\nnot: run\n```\n',
        ),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("```bash\nfalse\n```\n", "page.md, line 1: exit status 1"),
        ("\n```python\n1 / 0\n```\n", "page.md, line 2: ZeroDivisionError"),
        ('```bash\necho a\n```\n```text title="output"\nb\n```\n', "page.md, line 4: the page says\nb"),
    ],
)
def test_what_fails_is_named_with_its_line(pages: ModuleType, tmp_path: Path, block: str, message: str) -> None:
    with pytest.raises(pages.PageError) as raised:
        pages.run_page(page(tmp_path, block), tmp_path)
    assert str(raised.value).startswith(message)
