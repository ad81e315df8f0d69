"""The page of a finished run as a browser reads it: well formed, self-contained, every cell a word or a number."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_runs import INITIAL_DATA, RUNS, write_analysis, write_stages

from mlip_interfaces.books.run import DATA_SUMMARY
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.report.page import write_report

HEALTHY = (RUNS[0], RUNS[2])
"""Two thicknesses at one condition."""

VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Page(HTMLParser):
    """Elements that are open, and what was found of tables, pictures and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.ids: list[str] = []
        self.sources: list[str] = []
        self.captions: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.sources += [values[name] or "" for name in ("src", "href") if name in values]
        if tag == "img" and not values.get("alt"):
            self.faults.append("a picture without words")
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "figcaption":
            self.captions.append("")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> in line {self.getpos()[0]}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif self.open and self.open[-1] == "figcaption":
            self.captions[-1] += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = write_stages(write_analysis(tmp_path_factory.mktemp("run"), HEALTHY))
    write_report(run, study_name="demo <&>", study_text="name: demo\n# a < b & c\n", teacher_kind="surrogate")
    return run


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return (run / "report" / "index.html").read_text()


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    found = Page()
    found.feed(text)
    found.close()
    return found


def test_every_element_is_closed_where_it_belongs(page: Page) -> None:
    assert page.faults == []
    assert page.open == []
    assert {"html", "head", "body", "table", "figure", "details"} <= page.tags


def test_sections_stand_once_in_the_order_of_the_work(page: Page) -> None:
    assert page.ids == [
        "found", "structures", "campaign", "model", "gates", "md", "domain", "thickness", "rdf", "transport", "onsager", "order", "analyses",
        "limits", "provenance",
    ]  # fmt: skip
    # Each is in the contents.
    assert [source for source in page.sources if source.startswith("#")] == [f"#{name}" for name in page.ids]


def test_nothing_comes_from_outside(page: Page, text: str) -> None:
    pictures = [source for source in page.sources if not source.startswith("#")]
    assert len(pictures) == len(page.captions) > 15
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.findall(r"https?://|@import|url\(|<script[^>]*src", without_pictures)
    # The browser is told to fetch nothing, whatever the page says.
    assert "default-src 'none'" in text


def test_every_cell_is_a_word_or_a_number_and_tables_are_rectangles(page: Page) -> None:
    assert len(page.tables) >= 12
    for table in page.tables:
        assert {len(row) for row in table} == {len(table[0])}
        for cell in (cell for row in table for cell in row):
            assert not re.search(r"\b(nan|none|inf|null)\b|[{}\[\]]", cell.lower()), cell
    for caption in page.captions:
        assert not re.search(r"\b(nan|none|null)\b", caption.lower()), caption


def test_hostile_names_are_text(text: str, page: Page) -> None:
    assert "demo &lt;&amp;&gt;" in text
    assert "# a &lt; b &amp; c" in text
    assert text.count("<h1>") == text.count("demo &lt;&amp;&gt;</h1>") == 1


def test_boxes_sum_up_the_run(text: str) -> None:
    boxes = re.findall(r"<div><b>(.*?)</b>(.*?)</div>", text)
    assert (
        text.index('id="found"')
        < text.index('class="warning"')
        < text.index('class="numbers"')
        < text.index('id="structures"')
    )
    assert boxes == [
        ("2", "interface models, 4 atoms"),
        ("36", "labels made, 1 failed"),
        ("3.2 meV/atom", "energy RMSE, held-out labels"),
        ("123 meV/Å", "force RMSE, held-out labels"),
        ("8 ps", "healthy MD analysed"),
    ]


def test_every_figure_of_the_page_is_a_file_too(run: Path, page: Page) -> None:
    made = list((run / "report" / "figures").iterdir())
    files = {path.stem for path in made if path.suffix != ".json"}
    assert {"".join(path.suffixes) for path in made} == {".png", ".svg", ".curves.json"}
    assert len(files) == len(page.captions)
    assert {"structures", "health", "rdf-hot", "mean-force-hot", "transport-hot-2", "order-hot-2", "parity"} <= files


def test_results_stand_beside_the_page_in_alphabetical_order(run: Path) -> None:
    content = read_json(run / "report" / "results.json")
    assert (
        list(content)
        == sorted(content)
        == [
            "campaign",
            "combined",
            "domain",
            "gates",
            "left_out",
            "md_ps",
            "means",
            "models",
            "preliminary_without",
            "recommendation",
            "runs",
            "unhealthy",
            "validation",
        ]
    )
    assert set(content["runs"]) == {one.name for one in HEALTHY}


@pytest.mark.parametrize(
    ("kind", "warning"),
    [
        ("surrogate", "All labels are by surrogate-x, a surrogate potential: not DFT."),
        ("semiempirical", "All labels are by surrogate-x: not DFT."),
        ("dft", None),
    ],
)
def test_who_labelled_stands_at_the_top(tmp_path: Path, kind: str, warning: str | None) -> None:
    (tmp_path / "initial_data").mkdir()
    write_json(tmp_path / "initial_data" / DATA_SUMMARY, INITIAL_DATA.to_json())
    text = write_report(tmp_path, study_name="a", study_text="", teacher_kind=kind).read_text()
    assert re.findall(r'<p class="warning"><b>(.*?)</b>', text) == ([] if warning is None else [warning])
