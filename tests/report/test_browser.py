"""The page in a browser, headless: nothing from outside, figures to read off and switch, structures to turn, phone and paper."""

from __future__ import annotations

import csv
import io
import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
from made_runs import RUNS, SCAN, write_analysis, write_stages
from PIL import Image
from test_gates_section import NUMBERS, keep, verdict

from mlip_interfaces.books.run import INDEX, ScanIndex
from mlip_interfaces.files import write_json
from mlip_interfaces.report.page import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright (the extra `dev`) is not installed")
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed (Debian: apt install chromium)", allow_module_level=True)

# Graphics by software, where no card is; a sandbox that root may not have.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
N_ATOMS = SCAN[0].n_atoms


def write_motion(folder: Path) -> None:
    """A trajectory whose atoms all move by 2 angstrom along x, in a cell that gets longer."""
    start = np.random.default_rng(3).uniform(1.0, 8.0, (N_ATOMS, 3))
    symbols = ["Li", "S"] * (N_ATOMS // 2)
    layers = ["coating"] * (N_ATOMS // 2) + ["electrolyte"] * (N_ATOMS // 2)
    write_json(folder / "layers.json", {"symbols": symbols, "layer": layers})
    universe = MDAnalysis.Universe.empty(N_ATOMS, trajectory=True)
    with MDAnalysis.Writer(str(folder / "t.dcd"), n_atoms=N_ATOMS) as writer:
        for part in (0.0, 0.5, 1.0):
            universe.atoms.positions = start + [2.0 * part, 0.0, 0.0]
            universe.dimensions = [10.0, 10.0, 20.0 + part, 90.0, 90.0, 90.0]
            writer.write(universe.atoms)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a finished run: two thicknesses, gates, and a trajectory."""
    run = keep(write_stages(write_analysis(tmp_path_factory.mktemp("run"), (RUNS[0], RUNS[2]))), verdict(*NUMBERS))
    write_json(run / "scan" / INDEX, ScanIndex(tuple(replace(one, trajectory="t.dcd") for one in SCAN)).to_json())
    write_motion(run / "scan" / SCAN[0].directory)
    return write_report(run, study_name="two thicknesses", study_text="name: a\n", teacher_kind="surrogate")


class Seen:
    """The open page, and what went wrong on it."""

    def __init__(self, browser: playwright.Browser, file: Path, size: dict[str, int]) -> None:
        self.faults: list[str] = []
        self.page = browser.new_page(viewport=size)
        self.page.on(
            "console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("requestfailed", lambda asked: self.faults.append(f"failed: {asked.url[:80]}"))
        self.page.on("request", self.note)
        self.page.goto(file.as_uri())
        self.page.evaluate("Promise.all([page.ready, page.viewers])")
        self.page.wait_for_timeout(100)

    def note(self, asked: playwright.Request) -> None:
        if not asked.url.startswith(("file:", "data:", "blob:")):
            self.faults.append(f"asked for {asked.url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def wide(browser: playwright.Browser, file: Path) -> Seen:
    return Seen(browser, file, WIDE)


@pytest.fixture(scope="module")
def phone(browser: playwright.Browser, file: Path) -> Seen:
    return Seen(browser, file, PHONE)


def figure(seen: Seen, name: str) -> playwright.Locator:
    found = seen.page.locator(f'figure[data-name="{name}"]')
    found.scroll_into_view_if_needed()
    return found


def test_nothing_goes_wrong_and_nothing_is_asked_for_outside(wide: Seen, phone: Seen) -> None:
    assert wide.faults == []
    assert phone.faults == []


def test_every_figure_is_there(wide: Seen) -> None:
    widths = wide.page.eval_on_selector_all("figure img", "all => all.map(one => one.naturalWidth)")
    assert len(widths) > 15
    assert min(widths) > 100
    panels = wide.page.eval_on_selector_all(
        ".panel > svg", "all => all.map(one => one.querySelectorAll('path, rect').length)"
    )
    assert len(panels) > 40
    # A frame, and a curve or bars.
    assert min(panels) >= 2


def test_pointing_at_a_curve_says_its_value_and_its_error(wide: Seen) -> None:
    panel = figure(wide, "thickness-hot").locator(".panel").first
    curve = json.loads(
        wide.page.evaluate("page.unpack(document.querySelector('figure[data-name=thickness-hot] .curves'))")
    )["panels"][0]
    points = next(one for one in curve["curves"] if one["kind"] == "points" and one["low"])
    place = panel.locator("svg").first.evaluate(
        "(svg, [x, y]) => { const box = svg.getBoundingClientRect();"
        " return [box.left + svg.panel.x(x), box.top + svg.panel.y(y)]; }",
        [points["x"][0], points["y"][0]],
    )
    wide.page.mouse.move(*place)
    said = panel.locator(".readout")
    assert said.is_visible()
    text = said.inner_text()
    assert f"{points['y'][0]:.4g}" in text
    if points["high"][0] > points["low"][0]:
        assert f"± {(points['high'][0] - points['low'][0]) / 2:.2g}" in text
    wide.page.mouse.move(2, 2)
    assert not said.is_visible()


def test_a_curve_is_switched_off_and_on_by_its_name(wide: Seen) -> None:
    shown = figure(wide, "health")
    button = shown.get_by_role("button", name="0 Å", exact=True)
    count = "all => all.map(one => one.querySelectorAll('path').length)"
    before = shown.locator(".panel > svg").evaluate_all(count)
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    without = shown.locator(".panel > svg").evaluate_all(count)
    assert sum(without) < sum(before)
    button.click()
    assert shown.locator(".panel > svg").evaluate_all(count) == before


def test_a_curve_is_read_with_the_keyboard(wide: Seen) -> None:
    panel = figure(wide, "health").locator(".panel").first
    panel.locator("svg").first.focus()
    wide.page.keyboard.press("ArrowRight")
    first = panel.locator(".readout").inner_text()
    wide.page.keyboard.press("ArrowRight")
    assert panel.locator(".readout").inner_text() != first
    assert first.startswith("time (ps) 0")
    wide.page.keyboard.press("Escape")
    assert not panel.locator(".readout").is_visible()


def test_figures_are_taken_away_as_png_svg_and_csv_with_units(wide: Seen) -> None:
    shown, found = figure(wide, "rdf-hot"), {}
    for kind in ("PNG", "SVG", "CSV"):
        with wide.page.expect_download() as waited:
            shown.get_by_role("button", name=kind, exact=True).click()
        assert waited.value.suggested_filename == f"rdf-hot.{kind.lower()}"
        found[kind] = Path(waited.value.path()).read_bytes()
    assert Image.open(io.BytesIO(found["PNG"])).format == "PNG"
    assert ElementTree.fromstring(found["SVG"]).tag.endswith("svg")
    rows = list(csv.DictReader(io.StringIO(found["CSV"].decode("utf-8-sig"))))
    assert list(rows[0])[:3] == ["panel", "curve", "r (Å)"]
    assert {"g(r) by cell, P-S", "g(r) by cell, S-S"} <= set(rows[0])
    assert all(float(row["r (Å)"]) > 0 for row in rows)


def pixels(seen: Seen, canvas: playwright.Locator) -> np.ndarray:
    seen.page.wait_for_timeout(60)
    return np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)


def coloured(image: np.ndarray) -> int:
    return int((np.ptp(image, axis=2) > 40).sum())


def test_structures_are_drawn_and_turn_zoom_and_reset(wide: Seen) -> None:
    canvas = wide.page.locator(".viewer canvas").first
    canvas.scroll_into_view_if_needed()
    before = pixels(wide, canvas)
    assert coloured(before) > 500
    box = canvas.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wide.page.mouse.move(*middle)
    wide.page.mouse.down()
    wide.page.mouse.move(middle[0] + 70, middle[1] + 30, steps=3)
    wide.page.mouse.up()
    after = pixels(wide, canvas)
    assert (np.abs(after - before).max(axis=2) > 40).sum() > 300
    canvas.focus()
    wide.page.mouse.wheel(0, -400)
    assert coloured(pixels(wide, canvas)) > 2 * coloured(after)
    wide.page.locator(".viewer").first.get_by_role("button", name="reset").click()
    wide.page.mouse.move(2, 2)
    np.testing.assert_allclose(pixels(wide, canvas), before, atol=12)


def test_elements_and_layers_are_switched_and_an_atom_says_its_name(wide: Seen) -> None:
    viewer = wide.page.locator(".viewer").nth(1)
    first, second = viewer.locator("canvas").all()
    first.scroll_into_view_if_needed()
    both = pixels(wide, first)
    viewer.get_by_role("button", name="S", exact=True).click()
    without = pixels(wide, first)
    assert 0 < coloured(without) < coloured(both)
    viewer.get_by_role("button", name="electrolyte").click()
    assert coloured(pixels(wide, first)) < coloured(without)
    for name in ("S", "electrolyte"):
        viewer.get_by_role("button", name=name, exact=True).click()
    labels = viewer.locator(".viewer-label").all_inner_texts()
    assert labels == ["start, 0 ps", "end, 2 ps"]
    # All atoms moved: start and end differ.
    assert (pixels(wide, first) != pixels(wide, second)).any()
    found = first.evaluate(
        """canvas => page.viewers.then(all => {
          const screen = all[1].screens[0], box = canvas.getBoundingClientRect();
          const seen = [...screen.snapshot.places.subarray(0, 3)].map((value, k) => value - screen.middle[k]);
          const [x, y] = turned(all[1].turn, seen), scale = screen.perAngstrom() * box.width / canvas.width;
          return [box.left + box.width / 2 + scale * x, box.top + box.height / 2 - scale * y];
        })"""
    )
    wide.page.mouse.move(*found)
    said = viewer.locator(".viewer-said").inner_text()
    assert said.split(" ")[0] in ("Li", "S")
    assert said.endswith("Å")


def test_links_of_the_contents_lead_to_their_sections(wide: Seen, phone: Seen) -> None:
    for seen in (wide, phone):
        targets = seen.page.eval_on_selector_all(
            ".contents a",
            "all => all.map(one => [one.hash.slice(1), document.getElementById(one.hash.slice(1))?.textContent, one.textContent])",
        )
        assert len(targets) > 12
        assert all(heading == text for _, heading, text in targets)
        assert targets[0][0] == "found"
        if not seen.page.locator(".contents").evaluate("one => one.open"):
            seen.page.locator(".contents summary").click()
        seen.page.locator('.contents a[href="#limits"]').click()
        seen.page.wait_for_timeout(150)
        top = seen.page.locator("#limits").bounding_box()["y"]
        # Below the bar of the contents, and in sight.
        assert 0 <= top < 500
        assert seen.page.locator(".contents a[aria-current]").get_attribute("href") == "#limits"
    assert wide.page.locator(".contents").evaluate("one => one.open")
    assert not phone.page.locator(".contents").evaluate("one => one.open")


def test_nothing_overflows_on_a_phone_and_first_columns_stay(wide: Seen, phone: Seen) -> None:
    for seen, size in ((wide, WIDE), (phone, PHONE)):
        assert seen.page.evaluate("document.documentElement.scrollWidth") == size["width"]
        sticking_out = seen.page.evaluate(
            """() => [...document.querySelectorAll("main *")].filter(one => !one.closest(".table, pre, svg, .readout, figure")
              && one.getBoundingClientRect().right > window.innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""
        )
        assert sticking_out == []
    # The bounds of the gates are whole at 1200 pixels, and their names stay in sight on a phone.
    inside = "table => [table.scrollWidth, table.parentElement.clientWidth]"
    needed, room = wide.page.locator("table.bounds").evaluate(inside)
    assert needed <= room
    table = phone.page.locator(".table:has(table.bounds)")
    needed, room = phone.page.locator("table.bounds").evaluate(inside)
    assert needed > room
    first = phone.page.locator("table.bounds tbody td").first
    before = first.bounding_box()["x"]
    table.evaluate("one => { one.scrollLeft = 200; }")
    assert first.bounding_box()["x"] == pytest.approx(before, abs=1)


def test_a_bound_that_is_moved_changes_its_verdict(wide: Seen) -> None:
    row = wide.page.locator("table.bounds tbody tr").first
    value = float(row.get_attribute("data-value"))
    at_most = row.get_attribute("data-side") == "at most"
    for bound, verdict_of in ((value + 1.0, at_most), (value - 1.0, not at_most)):
        row.locator("input").fill(str(bound))
        assert row.locator(".good, .bad").inner_text() == ("passes" if verdict_of else "fails")


def test_the_page_prints_with_its_pictures_and_whole_tables(
    browser: playwright.Browser, file: Path, tmp_path: Path
) -> None:
    seen = Seen(browser, file, WIDE)
    seen.page.emulate_media(media="print")
    # An A4 page without its margins, at 96 pixels an inch.
    seen.page.set_viewport_size({"width": 688, "height": 970})
    shown = "all => all.map(one => getComputedStyle(one).display)"
    assert set(seen.page.eval_on_selector_all("figure img", shown)) == {"block"}
    boxes = "all => all.filter(one => one.getClientRects().length).length"
    assert seen.page.eval_on_selector_all(".panels, .legend, .take, .viewer", boxes) == 0
    cut = seen.page.eval_on_selector_all(
        "table", "all => all.filter(one => one.scrollWidth > 688).map(one => one.innerText.slice(0, 60))"
    )
    assert cut == []
    paper = seen.page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    assert len(paper) > 100_000
    seen.page.close()


def test_without_a_script_the_page_is_there_to_read(browser: playwright.Browser, file: Path) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("figure img").first.is_visible()
    assert page.locator("h2#found").is_visible()
    assert not page.locator(".viewer").first.is_visible()
    context.close()
