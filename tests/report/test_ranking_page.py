"""The page of a ranking in a browser, headless: nothing from outside, the order of the rule, sorting, filters, phone and paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.report.ranking_page import ranking_html, write_ranking_page
from mlip_interfaces.screening.ranking.lattice_match import LatticeMatch, Limits
from mlip_interfaces.screening.ranking.pair_ranking import LowestReaction, RankedPair, Ranking, SolidWindow, StepAt
from mlip_interfaces.screening.ranking.priority import CRITERIA, ORDER, criteria, place, reasons, standing
from mlip_interfaces.screening.transport.conductivities import Conductivity

playwright = pytest.importorskip("playwright.sync_api", reason="playwright (the extra `dev`) is not installed")
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed (Debian: apt install chromium)", allow_module_level=True)

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage"]
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
NAMES = ["LCO", "LNO", "LMO"]
ELECTROLYTES = [f"E{k}" for k in range(14)]


def made_pair(cathode: str, electrolyte: str, coating: str, rng: np.random.Generator) -> RankedPair:
    """A pair with numbers that are drawn, some of them on a bound, one in five unknown."""
    able = rng.random() < 0.8
    steps = tuple(
        StepAt(soc, f"{electrolyte} | {cathode}", float(round(rng.normal(0.0, 0.6), 4)), "charge")
        for soc in ("0", "100")
    )
    steps = steps if rng.random() < 0.8 else ()
    strain, n_atoms = float(rng.choice([0.001, 0.03, 0.0301])), int(rng.choice([100, 300, 301]))
    match = LatticeMatch(
        ("LiCoO2", "Li3PS4"),
        ((1, 1, 0), (1, 0, -1)),
        (6.0, 8.0),
        119.4,
        strain,
        (11.0, 12.0),
        (1, 1),
        n_atoms,
        False,
        Limits(),
    )
    reaction = LowestReaction("A | B", "closed", float(rng.choice([-0.5, -0.1, 0.0])), 0.4, "A + <b>B</b> -> C")
    conductivity = Conductivity(float(rng.choice([1e-15, 0.1, 3.2])), 298.0, "glass & crystal", "10.1/2")
    values: dict[str, float | None] = {
        "largest_barrier_v": max((abs(one.delta_phi_v) for one in steps), default=None),
        "beyond_window_v": None if rng.random() < 0.2 else float(rng.choice([0.0, 1.2])),
        "reaction_energy_ev_per_atom": reaction.energy_ev_per_atom if rng.random() < 0.8 else None,
        "max_strain": strain if able else None,
        "n_atoms": n_atoms if able else None,
        "conductivity_ms_per_cm": conductivity.conductivity_ms_per_cm if rng.random() < 0.8 else None,
    }
    solids = (cathode, coating, electrolyte) if coating else (cathode, electrolyte)
    found = standing(values, CRITERIA)
    return RankedPair(
        0, "/".join(solids), "coated" if coating else "cathode", solids, solids, solids, steps,
        (SolidWindow(electrolyte, 0.5, None, 0.1, None, "entries"),), reaction if values["reaction_energy_ev_per_atom"] is not None else None,
        match if able else None, conductivity if values["conductivity_ms_per_cm"] is not None else None, values, found.passed, found.failed,
        found.unknown, "" if able else "It lacks a crystal.", reasons(found, CRITERIA, values), ("A doubt.",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    rng = np.random.default_rng(11)
    pairs = [made_pair(c, e, coating, rng) for c in NAMES for e in ELECTROLYTES for coating in ("", "LiF")]
    pairs.sort(key=lambda one: (place(one.standing, one.values, not one.cannot), one.name))
    ranked = tuple(
        RankedPair(number, *(getattr(one, name) for name in RankedPair.__slots__[1:]))
        for number, one in enumerate(pairs, start=1)
    )
    return Ranking(ORDER, CRITERIA, ranked, ("LNCO is missing.",))


class Seen:
    """The open page, and what went wrong on it."""

    def __init__(self, browser: playwright.Browser, file: Path, size: dict[str, int]) -> None:
        self.faults: list[str] = []
        self.page = browser.new_page(viewport=size)
        self.page.on(
            "console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "request",
            lambda asked: None if asked.url.startswith(("file:", "data:", "blob:")) else self.faults.append(asked.url),
        )
        self.page.goto(file.as_uri())

    def names(self) -> list[str]:
        found: list[str] = self.page.eval_on_selector_all("#pairs tbody tr", "all => all.map(row => row.dataset.name)")
        return found

    def column(self, title: str) -> list[str]:
        titles = self.page.locator("#pairs th").all_inner_texts()
        place_of = titles.index(title)
        found: list[str] = self.page.eval_on_selector_all(
            "#pairs tbody tr", f"all => all.map(row => row.cells[{place_of}].textContent)"
        )
        return found


@pytest.fixture(scope="module")
def file(ranking: Ranking, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ranking_page(ranking, tmp_path_factory.mktemp("page"), command="mlip-interfaces screen rank --out <x>")


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def wide(browser: playwright.Browser, file: Path) -> Iterator[Seen]:
    seen = Seen(browser, file, WIDE)
    yield seen
    assert seen.faults == []
    seen.page.close()


@pytest.fixture
def phone(browser: playwright.Browser, file: Path) -> Iterator[Seen]:
    seen = Seen(browser, file, PHONE)
    yield seen
    assert seen.faults == []
    seen.page.close()


def test_the_page_is_one_light_file_that_is_whole_without_scripts(ranking: Ranking, file: Path) -> None:
    html = file.read_text()
    assert len(html) < 400_000
    assert re.findall(r'(?:src|href)="(?!#|data:)[^"]*', html) == []
    without = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert without.count('data-able="') == len(ranking.pairs)
    assert "screen rank --out &lt;x&gt;" in without
    assert "A + &lt;b&gt;B&lt;/b&gt; -&gt; C" in without
    assert "glass &amp; crystal; 10.1/2" in without
    assert "0.50 ± 0.10 to no end (entries)" in without


def test_the_scripts_order_is_that_of_the_rule(ranking: Ranking, wide: Seen) -> None:
    wide.page.locator(".more button").click()
    assert wide.names() == [one.name for one in ranking.pairs]
    assert wide.column("rank") == [str(one.rank) for one in ranking.pairs]


@pytest.mark.parametrize(
    ("bounds", "left_out"),
    [({"strain": 0.0005, "barrier": 1.0}, []), ({"reaction": -0.6}, ["conductivity", "window"]), ({}, ["size"])],
)
def test_moved_bounds_and_left_out_criteria_rank_as_the_command_line_does(
    ranking: Ranking, wide: Seen, bounds: dict[str, float], left_out: list[str]
) -> None:
    for name, bound in bounds.items():
        wide.page.get_by_label(f"bound of {name}").fill(str(bound))
    for name in left_out:
        wide.page.get_by_label(f"{name} counts").uncheck()
    wide.page.locator(".more button").click()
    rules = criteria(bounds, left_out)
    expected = sorted(
        ranking.pairs, key=lambda one: (place(standing(one.values, rules), one.values, not one.cannot), one.name)
    )
    assert wide.names() == [one.name for one in expected]
    assert wide.names() != [one.name for one in ranking.pairs]
    found = [standing(one.values, rules) for one in expected]
    counts = [f"{len(one.passed)} pass, {len(one.failed)} fail, {len(one.unknown)} unknown" for one in found]
    assert wide.column("criteria") == counts
    first = [one.name.replace("/", " | ") for one in expected if not one.cannot][:5]
    assert wide.page.locator(".first b").all_inner_texts() == first


def test_what_passes_and_fails_is_coloured_and_follows_the_bound(ranking: Ranking, wide: Seen) -> None:
    pair = ranking.pairs[0]
    cell = wide.page.locator(f'tr[data-name="{pair.name}"] td[data-criterion="strain"]')
    assert cell.get_attribute("class") == ("good" if "strain" in pair.passed else "bad")
    wide.page.get_by_label("bound of strain").fill("0.0001")
    assert cell.get_attribute("class") == "bad"
    wide.page.get_by_label("bound of strain").fill("0.2")
    assert cell.get_attribute("class") == "good"


def test_columns_sort_by_their_numbers_with_unknown_ones_last(wide: Seen) -> None:
    wide.page.locator(".more button").click()
    heading = wide.page.locator("#pairs th", has_text="largest barrier (V)")
    for side in ("ascending", "descending"):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == side
        values = wide.column("largest barrier (V)")
        known = [float(value) for value in values if value != "unknown"]
        assert values[len(known) :] == ["unknown"] * (len(values) - len(known))
        assert 0 < len(known) < len(values)
        assert known == sorted(known, reverse=side == "descending")
    wide.page.locator("#pairs th", has_text="conductivity").locator("button").click()
    values = [float(value) for value in wide.column("conductivity (mS/cm)") if value != "unknown"]
    assert values == sorted(values)
    assert values[0] < 1e-10
    wide.page.locator(".by-rule").click()
    assert wide.column("rank")[:3] == ["1", "2", "3"]
    assert heading.get_attribute("aria-sort") is None


def test_filters_leave_what_was_asked_for(ranking: Ranking, wide: Seen) -> None:
    assert len(wide.names()) == 30
    wide.page.locator(".find").fill("lno E1")
    expected = [
        one.name
        for one in ranking.pairs
        if one.solids[0] == "LNO" and one.solids[-1] in ("E1", "E10", "E11", "E12", "E13")
    ]
    assert wide.names() == expected
    wide.page.locator(".kind").select_option("coated cathode")
    assert wide.names() == [name for name in expected if "/LiF/" in name]
    wide.page.locator(".find").fill("")
    wide.page.locator(".able").check()
    wide.page.locator(".more button").click()
    assert wide.names() == [one.name for one in ranking.pairs if one.kind == "coated" and not one.cannot]
    assert (
        wide.page.locator(".count").inner_text()
        == f"{len(wide.names())} of {len(wide.names())} pairs shown, of 84 in all."
    )


def test_nothing_is_wider_than_a_phone(phone: Seen) -> None:
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    outside = phone.page.evaluate(
        "[...document.querySelectorAll('main *')].filter(one => !one.closest('.table') && one.getBoundingClientRect().right > 390.5)"
        ".map(one => one.outerHTML.slice(0, 80))"
    )
    assert outside == []
    table = phone.page.locator(".table:has(#pairs)")
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    # The pair stays in sight where the rest is moved sideways.
    table.evaluate("one => { one.scrollLeft = 600; }")
    box = phone.page.locator("#pairs tbody td").first.bounding_box()
    assert box is not None
    assert 0 <= box["x"] < 40


def test_paper_shows_the_table_and_no_controls(wide: Seen) -> None:
    wide.page.emulate_media(media="print")
    assert not wide.page.locator(".filters").is_visible()
    assert wide.page.locator("#pairs").is_visible()
    assert len(wide.page.pdf()) > 10_000


def test_a_ranking_of_which_nothing_can_be_simulated_says_so(ranking: Ranking) -> None:
    unable = tuple(one for one in ranking.pairs if one.cannot)
    html = ranking_html(Ranking(ORDER, CRITERIA, unable, ()), "")
    assert "None of these pairs can be simulated" in html
