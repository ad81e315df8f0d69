"""The page of a ranking of pairs: bounds to move, columns to sort by, filters; one HTML file without anything from outside."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from mlip_interfaces.files import json_text, write_text
from mlip_interfaces.report.templates import environment
from mlip_interfaces.screening.maps.outputs import CHARGE_NAMES
from mlip_interfaces.screening.ranking.pair_ranking import RankedPair, Ranking, SolidWindow
from mlip_interfaces.screening.ranking.priority import reasons
from mlip_interfaces.screening.ranking.rank_outputs import planes, states, step_at
from mlip_interfaces.version import __version__

SCRIPTS = ("page.js", "ranking.js")
"""Beside the template; they stand in the page."""
STYLES = ("page.css", "ranking.css")

FIRST = 5
"""Pairs in the answer."""

_KINDS = {"cathode": "cathode", "anode": "anode", "coated": "coated cathode"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the table.

    Attributes
    ----------
    text : str
        Shown.
    value : str
        To sort by: a number, or text; empty where it is unknown, which is sorted last.
    criterion : str
        Name of the criterion that it is judged by; empty for none.
    verdict : str
        ``good``, ``bad``, ``absent`` or empty.
    is_text : bool
        Whether it is set flush left.
    """

    text: str
    value: str
    criterion: str = ""
    verdict: str = ""
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A pair on the page.

    Attributes
    ----------
    name, kind : str
        Of the pair.
    is_able : bool
        Whether it can be simulated.
    values : str
        What the criteria are about by their names, and what breaks ties by its key, as JSON.
    cells : tuple of Cell
        One for each column.
    """

    name: str
    kind: str
    is_able: bool
    values: str
    cells: tuple[Cell, ...]


def write_ranking_page(ranking: Ranking, directory: Path, *, command: str) -> Path:
    """Write ``index.html``.

    Parameters
    ----------
    ranking : Ranking
        All pairs.
    directory : Path
        Made where it is missing.
    command : str
        That made it.

    Returns
    -------
    Path
        The page.
    """
    directory.mkdir(parents=True, exist_ok=True)
    page = directory / "index.html"
    write_text(page, ranking_html(ranking, command))
    return page


def ranking_html(ranking: Ranking, command: str) -> str:
    """The page as text.

    Parameters
    ----------
    ranking : Ranking
        All pairs.
    command : str
        That made it.

    Returns
    -------
    str
        HTML.
    """
    template = environment().get_template("ranking.html.j2")
    shipped = files("mlip_interfaces.report")
    socs = states(ranking.pairs)
    able = [one for one in ranking.pairs if not one.cannot]
    return template.render(
        version=__version__,
        style=Markup("".join(shipped.joinpath(name).read_text(encoding="utf-8") for name in STYLES)),
        scripts=[Markup(shipped.joinpath(name).read_text(encoding="utf-8")) for name in SCRIPTS],
        ranking=ranking,
        first=[{"name": shown_name(one.name), "said": reasons(one.standing, ranking.criteria)} for one in able[:FIRST]],
        n_able=len(able),
        head=_head(ranking, socs),
        rows=[_row(one, ranking, socs) for one in ranking.pairs],
        kinds=[kind for kind in _KINDS.values() if any(_KINDS[one.kind] == kind for one in ranking.pairs)],
        notes=ranking.notes,
        sources=_sources(ranking),
        command=command,
    )


def shown_name(name: str) -> str:
    """A pair as people write it.

    Parameters
    ----------
    name : str
        As in ``LCO/LPS``.

    Returns
    -------
    str
        As in ``LCO | LPS``.
    """
    return name.replace("/", " | ")


def _head(ranking: Ranking, socs: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Titles of the columns, and whether they hold text."""
    steps = [f"step, {CHARGE_NAMES.get(soc, f'{soc} %')} (V)" for soc in socs]
    return [
        ("pair", False), ("rank", False), ("electrode", True), *((title, False) for title in steps), ("largest barrier (V)", False),
        ("beyond window (V)", False), ("window (V)", True), ("reaction (eV/atom)", False), ("reaction", True), ("strain", False),
        ("atoms", False), ("area (Å²)", False), ("planes", True), ("conductivity (mS/cm)", False), ("criteria", True),
        ("notes", True),
    ]  # fmt: skip


def _row(pair: RankedPair, ranking: Ranking, socs: tuple[str, ...]) -> Row:
    values, match, reaction = pair.values, pair.match, pair.reaction
    verdicts = (
        dict.fromkeys(pair.passed, "good") | dict.fromkeys(pair.failed, "bad") | dict.fromkeys(pair.unknown, "absent")
    )
    keys = {one.name: one.key for one in ranking.criteria}

    def judged(name: str, key: str, shown: str) -> Cell:
        value = values[key]
        if value is None:
            return Cell("unknown", "", name, "absent")
        return Cell(shown % value, repr(value), name, verdicts.get(name, ""))

    steps = [step_at(pair, soc) for soc in socs]
    cells = (
        Cell(shown_name(pair.name), pair.name),
        Cell(str(pair.rank), str(pair.rank)),
        Cell(_KINDS[pair.kind], _KINDS[pair.kind], is_text=True),
        *(Cell("", "") if step is None else Cell(f"{step:+.2f}", repr(step)) for step in steps),
        judged("barrier", "largest_barrier_v", "%.2f"),
        judged("window", "beyond_window_v", "%.2f"),
        _text("; ".join(_window(one) for one in pair.windows)),
        judged("reaction", "reaction_energy_ev_per_atom", "%.3f"),
        _text("" if reaction is None else f"{reaction.between}, {reaction.condition}: {reaction.reaction}"),
        judged("strain", "max_strain", "%.3f"),
        judged("size", "n_atoms", "%d"),
        Cell("", "") if match is None else Cell(f"{match.area_angstrom2:.0f}", repr(match.area_angstrom2)),
        _text(planes(pair)),
        judged("conductivity", "conductivity_ms_per_cm", "%.2g"),
        Cell(
            f"{len(pair.passed)} pass, {len(pair.failed)} fail, {len(pair.unknown)} unknown",
            str(len(pair.passed)), is_text=True,
        ),
        _text(" ".join(filter(None, (pair.cannot, *pair.notes)))),
    )  # fmt: skip
    by_name = {name: values[key] for name, key in keys.items()} | {
        "largest_barrier_v": values["largest_barrier_v"], "n_atoms": values["n_atoms"],
    }  # fmt: skip
    return Row(pair.name, _KINDS[pair.kind], not pair.cannot, json_text(by_name, indent=None), cells)


def _text(content: str) -> Cell:
    return Cell(content, content, is_text=True)


def _window(one: SolidWindow) -> str:
    upper = "no end" if one.upper_v is None else _with_error(one.upper_v, one.upper_error_v)
    return f"{one.solid} {_with_error(one.lower_v, one.lower_error_v)} to {upper} ({one.source})"


def _with_error(value: float, error: float | None) -> str:
    return f"{value:.2f}" if error is None else f"{value:.2f} ± {error:.2f}"


def _sources(ranking: Ranking) -> list[str]:
    """Where conductivities come from."""
    found = {}
    for pair in ranking.pairs:
        if pair.conductivity is not None:
            name = pair.solids[0] if pair.kind == "anode" else pair.solids[-1]
            one = pair.conductivity
            found[name] = (
                f"{name}: {one.conductivity_ms_per_cm:.3g} mS/cm at {one.temperature_kelvin:g} K; {one.form}; {one.source}"
            )
    return list(found.values())
