"""Pages written from the code when the site is built: the command line, the study's keys, analyses, Python names."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mkdocs_gen_files

from mlip_interfaces.cli.main import build_parser
from mlip_interfaces.config import study_schema
from mlip_interfaces.observables import ANALYSES, Request
from mlip_interfaces.screening.solids.materials import KINDS, SpaceCharge, Stack
from mlip_interfaces.screening.transport.cells_file import CellSeries
from mlip_interfaces.screening.transport.conductivity_file import ConductivitySeries
from mlip_interfaces.screening.transport.crowding_table import DiffusivityRows
from mlip_interfaces.screening.transport.flux_file import FluxSeries
from mlip_interfaces.settings import ALL_BOUNDS

ROOT = Path(__file__).parent.parent
READING = (
    "* Text in UTF-8, one document, at most 1 MB.",
    "* Words mean what YAML 1.2 says (its core schema): `true` and `false` are the truth values, so that `Y`, `No` and `on` are texts "
    "(the elements Y and No need no quotes); `1e3` is a number; `1:30` and a date are texts; `014` is 14.",
    "* A key that stands twice in one mapping is refused with both lines.",
    "* `.nan` and `.inf` are refused wherever they stand, and `true` is no number.",
    "* Anchors, aliases and `<<` work; what they stand for counts towards the 100,000 values that a study may have. Tags (`!!`) "
    "other than `!!str` are refused.",
)
"""What the page of the study says of `yaml_text`."""

ROOMS = {
    "mlip_interfaces.api": "What `import mlip_interfaces as mi` gives.",
    "mlip_interfaces.trajectory": "Frames from any file, unwrapping, frames of reference, layers.",
    "mlip_interfaces.observables": "One request and one result for each analysis, and the pass that feeds them.",
    "mlip_interfaces.analysis": "Kernels on arrays.",
    "mlip_interfaces.chemistry": "Charges, radii and contacts of ions, bonds, formulas.",
    "mlip_interfaces.screening.solids.levels": "Equations of potential maps.",
    "mlip_interfaces.screening.maps.potential_map": "Batteries: steps, barriers, flags.",
    "mlip_interfaces.screening.maps.pair_table": "All batteries of a dictionary of materials.",
    "mlip_interfaces.screening.solids.dictionary": "Material files.",
    "mlip_interfaces.screening.ranking.pair_ranking": "All pairs with what is known of them, ranked.",
    "mlip_interfaces.screening.ranking.priority": "Criteria, bounds and the order that follows.",
    "mlip_interfaces.screening.solids.solids": "Solids in their roles: levels and crystals.",
    "mlip_interfaces.screening.ranking.lattice_match": "Planes of the smallest model of two crystals.",
    "mlip_interfaces.screening.transport.conductivities": "Measured conductivities.",
    "mlip_interfaces.screening.ranking.pair_study": "The study of a pair.",
    "mlip_interfaces.screening.windows.windows": "Electrochemical windows.",
    "mlip_interfaces.screening.windows.compounds": "Phases and their energies.",
    "mlip_interfaces.screening.windows.entries": "Files of energies.",
    "mlip_interfaces.screening.relaxing.crystal_energies": "Energies of crystals with any calculator.",
    "mlip_interfaces.screening.relaxing.relaxation": "Structures at rest under any calculator.",
    "mlip_interfaces.screening.adhesion.adhesion": "Work of adhesion and interface energy.",
    "mlip_interfaces.screening.adhesion.interface_cells": "Cells of interfaces to relax.",
    "mlip_interfaces.screening.adhesion.adhesion_outputs": "Energetics of a series of interfaces.",
    "mlip_interfaces.screening.defects.defect_energies": "Formation and binding energies of defects.",
    "mlip_interfaces.screening.defects.defect_cells": "Supercells with defects.",
    "mlip_interfaces.screening.defects.defect_series": "Defects of a crystal with any calculator.",
    "mlip_interfaces.screening.defects.defect_files": "Files of doped and pymatgen-analysis-defects.",
    "mlip_interfaces.screening.defects.charged_defects": "Fermi level from charged defects.",
    "mlip_interfaces.screening.solids.space_charge": "Space-charge layers.",
    "mlip_interfaces.screening.transport.conductivity": "Conductivities from runs at several temperatures.",
    "mlip_interfaces.screening.transport.conductivity_series": "Conductivities of the crystals of a file.",
    "mlip_interfaces.screening.transport.crowding": "Where diffusion slows down with temperature.",
    "mlip_interfaces.screening.transport.flux": "Fluxes from transport coefficients.",
    "mlip_interfaces.screening.transport.flux_series": "Fluxes through a series of compositions.",
    "mlip_interfaces.screening.migration.hops": "Distinct hops of an ion.",
    "mlip_interfaces.screening.migration.neb": "The barrier of one hop.",
    "mlip_interfaces.screening.migration.percolation": "Percolation of hops.",
    "mlip_interfaces.screening.migration.migration": "Barriers of all hops of a crystal.",
    "mlip_interfaces.structures": "Crystals, slabs, matching, amorphous layers, defects, stacking.",
    "mlip_interfaces.config": "The study file.",
    "mlip_interfaces.labels": "Teachers, labels and data sets.",
    "mlip_interfaces.potentials": "Training input, committee deviation, errors, selection.",
    "mlip_interfaces.md": "Decks, health verdicts, pieces of interrupted runs.",
    "mlip_interfaces.jobs": "Jobs in the local shell or on Slurm.",
    "mlip_interfaces.campaign": "Decisions, books and files of an active-learning campaign.",
    "mlip_interfaces.run": "Run folders, manifests, progress.",
    "mlip_interfaces.books": "What stages leave for each other: typed records.",
    "mlip_interfaces.pipeline": "The flow and its stages.",
    "mlip_interfaces.figures": "Results as figures.",
    "mlip_interfaces.report": "Results as a page.",
    "mlip_interfaces.errors": "What is raised.",
    "mlip_interfaces.units": "Constants and conversions.",
}


def main() -> None:
    """Write all pages."""
    os.environ["COLUMNS"] = "100"
    page("changelog.md", (ROOT / "CHANGELOG.md").read_text())
    page("contributing.md", (ROOT / "CONTRIBUTING.md").read_text())
    page("reference/cli.md", command_line())
    page("reference/study.md", study())
    page("reference/materials.md", materials())
    analyses()
    python()


def page(path: str, text: str) -> None:
    """One page of the site."""
    with mkdocs_gen_files.open(path, "w") as file:
        file.write(text)
    mkdocs_gen_files.set_edit_path(path, None)


# --- the command line ---


def command_line() -> str:
    """The help of every verb, as the program prints it."""
    lines = [
        "# Command line",
        "",
        "Exit codes: 0 done, 1 a bug (with traceback), 2 a mistake in what was given (a sentence), 3 unfinished (the same command "
        "continues), 141 whoever read the output has gone.",
        "",
    ]
    for depth, parser in parsers(build_parser(), 2):
        lines += [f"{'#' * depth} `{parser.prog}`", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def parsers(parser: argparse.ArgumentParser, depth: int) -> Iterator[tuple[int, argparse.ArgumentParser]]:
    """A parser and those below it, with the depth of their headings."""
    yield depth, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below, min(4, depth + 1 if parser.prog.count(" ") else depth))


# --- tables of settings ---


def study() -> str:
    """Every key of a study."""
    schema = study_schema()
    sections: dict[str, Any] = schema.get("$defs", {})
    text = [
        "# The study file",
        "",
        "One YAML file says everything. Unknown keys are refused with a suggestion, and every number has its unit in its name. "
        "This page is written from the schema that checks the file; `mlip-interfaces config schema` prints it as JSON. Complete "
        "examples are on [Studies](../studies.md).",
        "",
        *table(schema, sections, "study.md"),
        "",
        "## How it is read",
        "",
        *READING,
        "",
        "## What a quantity may be",
        "",
        "Bounds lie far beyond all use: what they refuse is a slip of a unit or of a digit.",
        "",
        "| quantity | bounds | what lies below, and above |",
        "| --- | --- | --- |",
        *(f"| {bounds.quantity} | {bounds} | {cell(bounds.why)} |" for bounds in ALL_BOUNDS),
        "",
    ]
    for name in reachable(schema, sections):
        section = sections[name]
        if "properties" not in section:
            continue
        text += [f"## {name}", "", first_paragraph(section.get("description", "")), ""]
        text += [*table(section, sections, "study.md"), ""]
    return "\n".join(text)


def materials() -> str:
    """Every key of the files that `screen` reads."""
    text = [
        "# Material files",
        "",
        "What `screen` reads: one YAML file for each material, `kind` first. Voltages are against lithium metal, energies of bands below "
        "the vacuum are positive. How to use them is on [Screen pairs](../howto/screen-pairs.md); this page is written from the schema that checks them.",
        "",
    ]
    sections: dict[str, Any] = {}
    for name, model in (
        *KINDS.items(),
        ("space-charge layer", SpaceCharge),
        ("stack", Stack),
        ("series of compositions", FluxSeries),
        ("cells of compositions", CellSeries),
        ("conductivity of crystals", ConductivitySeries),
        ("table of diffusivities", DiffusivityRows),
    ):
        schema = model.model_json_schema()
        sections |= schema.get("$defs", {})
        text += [f"## {name.capitalize()}", "", first_paragraph(schema.get("description", "")), ""]
        text += [*table(schema, sections, "materials.md"), ""]
    for name, section in sections.items():
        if "properties" in section:
            text += [f"## {name}", "", first_paragraph(section.get("description", "")), ""]
            text += [*table(section, sections, "materials.md"), ""]
    return "\n".join(text)


def reachable(schema: dict[str, Any], sections: dict[str, Any]) -> list[str]:
    """Sections in the order in which a reader of the study meets them."""
    found: list[str] = []

    def visit(node: object) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                name = str(node["$ref"]).rpartition("/")[2]
                if name not in found:
                    found.append(name)
                    visit(sections[name])
            for key, value in node.items():
                if key not in ("$defs", "default"):
                    visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(schema.get("properties", {}))
    return found


def table(section: dict[str, Any], sections: dict[str, Any], target: str) -> list[str]:
    """Keys of one section with type, default and meaning."""
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    required = section.get("required", [])
    for key, entry in section.get("properties", {}).items():
        kind = type_text(entry, sections, target)
        default = "**required**" if key in required else default_text(entry)
        rows.append(f"| `{key}` | {kind} | {default} | {cell(entry.get('description', ''))} |")
    return rows


def default_text(entry: dict[str, Any]) -> str:
    """The default of a key; sections have their own."""
    if "default" not in entry:
        return "its defaults"
    value = entry["default"]
    if value is None:
        return "left out"
    if isinstance(value, dict):
        return "its defaults" if value else "`{}`"
    return f"`{cell(value if isinstance(value, str) and value else json.dumps(value))}`"


def type_text(entry: dict[str, Any], sections: dict[str, Any], target: str) -> str:
    """Type of a key in words, with its bounds."""
    if "$ref" in entry:
        name = str(entry["$ref"]).rpartition("/")[2]
        if "properties" in sections[name]:
            return f"[{name}]({target}#{name.lower()})"
        return type_text(sections[name], sections, target)
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return " or ".join(f"`{value}`" for value in entry["enum"])
    for several in ("anyOf", "oneOf"):
        if several in entry:
            kinds = [type_text(part, sections, target) for part in entry[several] if part.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    kind = entry.get("type", "any value")
    if "kind" in entry.get("properties", {}):
        # A request of an analysis, which has a page of its own.
        name = entry["properties"]["kind"]["const"]
        return f"[{name}](analyses/{name}.md)"
    if kind == "array":
        if "prefixItems" in entry:
            return "[" + ", ".join(type_text(part, sections, target) for part in entry["prefixItems"]) + "]"
        return f"list of {type_text(entry.get('items', {}), sections, target)}"
    if kind == "object":
        values = entry.get("additionalProperties") or next(iter(entry.get("patternProperties", {}).values()), None)
        return f"mapping to {type_text(values, sections, target)}" if isinstance(values, dict) else "mapping"
    words = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    bounds = [
        f"{sign} {entry[name]:.10g}"
        for name, sign in (
            ("exclusiveMinimum", ">"), ("minimum", "≥"), ("exclusiveMaximum", "<"), ("maximum", "≤"),
        )
        if name in entry
    ]  # fmt: skip
    return " ".join([words.get(kind, str(kind)), ", ".join(bounds)]).strip()


def sentence(text: str) -> str:
    """A line of help as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def cell(text: object) -> str:
    """Text that stands in a table."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def first_paragraph(text: str) -> str:
    """What a docstring says before its sections."""
    return " ".join(text.split("\n\n")[0].split())


# --- analyses ---


def analyses() -> None:
    """A page for each analysis in the registry."""
    kinds = registered()
    lines = ["# Analyses", "", "Settings of each, as in a study, on the command line and in Python.", ""]
    lines += ["| kind | what it gives |", "| --- | --- |"]
    summary = ["* [Overview](index.md)"]
    for kind, (text, _) in kinds.items():
        lines.append(f"| [{kind}]({kind}.md) | {cell(text)} |")
        summary.append(f"* [{kind}]({kind}.md)")
    page("reference/analyses/index.md", "\n".join(lines) + "\n")
    for kind, (text, schema) in kinds.items():
        page(f"reference/analyses/{kind}.md", analysis(kind, text, schema))
    page("reference/analyses/SUMMARY.md", "\n".join(summary) + "\n")


def registered() -> dict[str, tuple[str, dict[str, Any]]]:
    """Kind, summary and schema of every analysis."""
    return {kind: (request.summary, request.model_json_schema()) for kind, request in ANALYSES.items()}


def analysis(kind: str, text: str, schema: dict[str, Any]) -> str:
    """The page of one analysis."""
    lines = [f"# {kind}", "", sentence(text), ""]
    if (ROOT / "docs" / "theory" / f"{kind}.md").is_file():
        lines += [f"Formula, errors, meaning and limits: [theory](../../theory/{kind}.md).", ""]
    sections = schema.get("$defs", {})
    lines += ["## Settings", "", *table(schema, sections, f"{kind}.md"), ""]
    for name in reachable(schema, sections):
        if "properties" in sections[name]:
            lines += [f"### {name}", "", first_paragraph(sections[name].get("description", "")), ""]
            lines += [*table(sections[name], sections, f"{kind}.md"), ""]
    (parser,) = (parser for _, parser in parsers(build_parser(), 2) if parser.prog.endswith(f" analyze {kind}"))
    lines += ["## On the command line", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


# --- Python ---


def python() -> None:
    """A page for each room that says what is its own."""
    summary = []
    lines = ["# Python", "", "| module | what it is for |", "| --- | --- |"]
    for room, text in ROOMS.items():
        file = f"{room.rpartition('.')[2]}.md"
        content = contents(room)
        if content:
            lines.append(f"| [`{room}`]({file}) | {text} |")
            summary.append(f"* [{room}]({file})")
            page(f"reference/api/{file}", f"# `{room}`\n\n{text}\n\n{content}\n")
    page("reference/api/index.md", "\n".join(lines) + "\n")
    page("reference/api/SUMMARY.md", "\n".join(["* [Overview](index.md)", *summary]) + "\n")


def contents(room: str) -> str:
    """What a room names as its own; all of a module that has no list. Empty where there is neither."""
    module = importlib.import_module(room)
    names = [name for name in getattr(module, "__all__", ()) if not name.startswith("__")]
    if not names:
        return "" if hasattr(module, "__path__") else f"::: {room}\n    options:\n      show_root_heading: false"
    blocks, constants = [], []
    for name in names:
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, Request) and value is not Request:
            blocks.append(f"### `{name}`\n\n{request_text(value)}")
        elif isinstance(value, type) or callable(value):
            if value.__module__.startswith("mlip_interfaces"):
                blocks.append(f"::: {room}.{name}")
        elif isinstance(value, str | int | float | tuple):
            constants.append(f"| `{name}` | `{cell(repr(value))}` |")
        else:
            blocks.append(f"::: {room}.{name}")
    if constants:
        blocks.append("\n".join(["### Constants", "", "| name | value |", "| --- | --- |", *constants]))
    return "\n\n".join(blocks)


def request_text(request: type[Request]) -> str:
    """What a request is for, and where its settings stand."""
    if request.kind in ANALYSES:
        return f"{sentence(request.summary)} [Settings](../analyses/{request.kind}.md)."
    schema = request.model_json_schema()
    return "\n".join([sentence(request.summary), "", *table(schema, schema.get("$defs", {}), "")])


main()
