"""The site is built without a warning, loads nothing from elsewhere, and says nothing of tests or keys that are not there."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from ase import Atoms

from mlip_interfaces.cli.main import main
from mlip_interfaces.config import load_study, parse_study, study_schema
from mlip_interfaces.observables import ANALYSES

PACKAGES = ("mkdocs", "material", "mkdocstrings", "mkdocs_gen_files", "latex2mathml")
LOADS = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("link", "href")}


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site, built as ``make docs`` builds it."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    # `make install` brings them: without them the site was not checked, and that is no success.
    assert not missing, f"not installed: {', '.join(missing)} (the extra `docs`)"
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=repository,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def loads(page: Path) -> list[str]:
    """Everything that a page makes a browser fetch."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attributes if (tag, name) in LOADS)

    Reader().feed(page.read_text())
    return found


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        assert not [url for url in loads(page) if re.match(r"(https?:)?//", url)], page
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\(['\"]?(?:https?:)?//", style.read_text()), style


def test_formulas_are_mathml_and_none_is_left_in_latex(site: Path) -> None:
    page = (site / "theory" / "msd.html").read_text()
    assert page.count("<math") > 5
    for file in (site / "theory").glob("*.html"):
        assert "arithmatex" not in file.read_text(), file


def test_every_verb_and_every_key_of_a_study_has_its_place(site: Path) -> None:
    verbs = (site / "reference" / "cli.html").read_text()
    assert "mlip-interfaces campaign status" in verbs
    keys = (site / "reference" / "study.html").read_text()
    schema = study_schema()
    sections = [schema, *schema["$defs"].values()]
    for key in {key for section in sections for key in section.get("properties", {})}:
        assert f"<code>{key}</code>" in keys, key
    for kind, request in ANALYSES.items():
        settings = (site / "reference" / "analyses" / f"{kind}.html").read_text()
        assert f"theory/{kind}.html" in settings
        for key in request.model_fields:
            assert f"<code>{key}</code>" in settings, f"{kind}.{key}"


def documents(repository: Path) -> list[Path]:
    return [repository / "README.md", *(repository / "docs").rglob("*.md")]


def test_tests_that_pages_name_are_there(repository: Path) -> None:
    tests = {file.name: file for file in (repository / "tests").rglob("test_*.py")}
    functions = {
        name for file in tests.values() for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    for document in documents(repository):
        text = document.read_text()
        for path in re.findall(r"`(tests/[\w/]+\.py)`", text):
            assert (repository / path).is_file(), f"{document.name} names {path}"
        for name in re.findall(r"`(test_\w+\.py)`", text):
            assert name in tests, f"{document.name} names {name}"
        for name in re.findall(r"`(test_\w+)`", text):
            assert name in functions, f"{document.name} names {name}"


def test_links_of_the_readme_lead_somewhere(repository: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", (repository / "README.md").read_text()):
        assert (repository / link).exists(), link


def test_every_analysis_has_a_theory_page_with_all_its_parts(repository: Path) -> None:
    parts = (
        "## Units",
        "## Errors and their assumptions",
        "## What the numbers mean",
        "## Limits",
        "## Tests",
        "## Source",
    )
    pages = sorted((repository / "docs" / "theory").glob("*.md"))
    assert {*ANALYSES, "region", "arrhenius"} <= {file.stem for file in pages}
    for file in pages:
        if file.stem != "index":
            assert not [part for part in parts if part not in file.read_text()], file.name


@pytest.mark.parametrize("name", ["campaign-minimal", "campaign-full", "scan-minimal", "scan-full", "analyses"])
def test_studies_of_the_site_are_valid(name: str, repository: Path) -> None:
    assert load_study(repository / "docs" / "studies" / f"{name}.yaml").name


def test_analyses_that_a_how_to_shows_are_valid(repository: Path) -> None:
    study = yaml.safe_load((repository / "docs" / "studies" / "analyses.yaml").read_text())
    text = (repository / "docs" / "howto" / "choose-analyses.md").read_text()
    shown = re.findall(r"```yaml\n(analysis:.*?)```", text, re.DOTALL)
    assert len(shown) == 2
    for block in shown:
        found = parse_study(yaml.safe_dump(study | yaml.safe_load(block)), Path("choose-analyses.md"))
        assert "rdf" in found.analysis.requests


# --- result files ---

REQUESTS = {
    "rdf": ["--pairs", "Li-S,P-S", "--blocks", "2", "--temperature-kelvin", "500", "--r-max-angstrom", "4"],
    "msd": ["--species", "Li", "--layer", "a"],
    "onsager": ["--species", "Li,S", "--temperature-kelvin", "500", "--region-fraction", "0.1,0.9"],
    "tetrahedra": ["--ligand", "S", "--cutoff-angstrom", "3"],
    "chemistry": [],
    "profile": [],
    "van-hove": ["--species", "Li", "--lags-ps", "1", "--r-max-angstrom", "4"],
    "residence": ["--species", "Li", "--jump-distance-angstrom", "2"],
    "density": ["--species", "Li", "--spacing-angstrom", "1"],
    "reactions": [],
    "environments": ["--species", "Li"],
    "crystallites": [],
    "phases": [],
    "growth": [],
}
DATA = {"pairs", "species", "interfaces", "charges", "transference", "sensitivity", "p_s_units", "bonds", "bonds_formed", "bonds_per_atom", "bonds_per_atom_initial",
        "bonds_broken", "survivors", "n_atoms", "lifetimes", "neighbors_mean", "anions", "zero_within_2_sigma_since_ps", "not_diffusive_because",
        "phases", "reactant_phases", "elements", "shares", "consumed_per_nm2", "units", "criteria", "parameters"}  # fmt: skip
"""Their keys are elements, pairs, layers, units, phases, laws and their parameters."""


@pytest.fixture(scope="module")
def rattling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty frames of a rattling Li6PS5Cl in two layers."""
    import numpy as np

    from mlip_interfaces.structures import load_crystal

    crystal = load_crystal("Li6PS5Cl")
    crystal.arrays["layer"] = np.where(crystal.get_scaled_positions()[:, 2] < 0.5, "a", "b")
    return rattled(crystal, tmp_path_factory.mktemp("rattling"))


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty frames of rattling lithium metal beside Li6PS5Cl: an interphase grows between two solids."""
    from mlip_interfaces.structures import load_crystal

    stack = load_crystal("Li6PS5Cl")
    side, height = stack.cell.lengths()[:2], stack.cell.lengths()[2]
    metal = load_crystal("Li").repeat((3, 3, 3))
    thickness = metal.cell.lengths()[2]
    metal.set_cell([*side, thickness], scale_atoms=True)
    metal.positions[:, 2] += height + 1.0
    stack.set_cell([*side, height + thickness + 2.0])
    stack.extend(metal)
    return rattled(stack, tmp_path_factory.mktemp("stacked"))


def rattled(structure: Atoms, folder: Path) -> Path:
    """A trajectory of 80 frames whose atoms stay where they are."""
    import numpy as np
    from ase.io import write

    rng = np.random.default_rng(1)
    frames = []
    for step in range(80):
        frame = structure.copy()
        frame.positions += rng.normal(0.0, 0.1, frame.positions.shape)
        frame.info["time_ps"] = 0.5 * step
        frames.append(frame)
    file = folder / "traj.xyz"
    write(file, frames, format="extxyz")
    return file


def keys_of(content: object, of_data: bool = False) -> set[str]:
    """All keys, those that are data left out, as is what settings and provenance hold."""
    if isinstance(content, list):
        return set().union(*(keys_of(item) for item in content[:2]))
    if not isinstance(content, dict):
        return set()
    found: set[str] = set() if of_data else set(content)
    for key, value in content.items():
        if key not in ("settings", "provenance"):
            found |= keys_of(value, key in DATA and not of_data)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", REQUESTS)
def test_every_key_of_a_result_is_explained(
    kind: str, rattling: Path, stacked: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trajectory = stacked if kind == "growth" else rattling
    assert main(["analyze", kind, str(trajectory), "--json", *REQUESTS[kind]]) == 0
    content = json.loads(capsys.readouterr().out)
    text = (repository / "docs" / "reference" / "results.md").read_text()
    missing = {key for key in keys_of(content) if f"`{key}`" not in text}
    assert not missing
