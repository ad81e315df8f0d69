"""Material files into materials, with sentences that name file, key and remedy; the dictionary that is shipped."""

from __future__ import annotations

import csv
import difflib
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from mlip_interfaces.config.yaml_text import parse_yaml, read_text
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.cells_file import CellSeries
from mlip_interfaces.screening.flux_file import FluxSeries
from mlip_interfaces.screening.materials import (
    KINDS,
    MATERIAL,
    Anode,
    Cathode,
    Electrolyte,
    SpaceCharge,
    Stack,
    in_order,
)
from mlip_interfaces.shipped_files import shipped_materials

SHIPPED = ("Li", "LiPON", "LPO", "LLZO", "LPS", "LCO", "LNO", "LNCO", "LMO", "LNMO")
"""In the order of the paper."""
PUBLISHED_TABLE = "swift2021_table_1.csv"
"""Beside the shipped materials."""

_Model = TypeVar("_Model")


@dataclass(frozen=True, slots=True)
class PublishedStep:
    """A row of the published table.

    Attributes
    ----------
    cathode, electrolyte, soc : str
        Names and state of charge.
    delta_phi_cathode_v : float, V
        As printed.
    """

    cathode: str
    electrolyte: str
    soc: str
    delta_phi_cathode_v: float


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Materials by name.

    Attributes
    ----------
    anodes : dict of str to Anode
        In the order they were read, as the others.
    electrolytes : dict of str to Electrolyte
        Coatings and interphases among them.
    cathodes : dict of str to Cathode
        With their states.
    own : frozenset of str
        Names of those that are the user's, not the ones shipped.
    files : tuple of Path
        All that were read.
    """

    anodes: dict[str, Anode]
    electrolytes: dict[str, Electrolyte]
    cathodes: dict[str, Cathode]
    own: frozenset[str]
    files: tuple[Path, ...]

    def anode(self, name: str) -> Anode:
        """The anode of this name.

        Parameters
        ----------
        name : str
            As in its file.

        Returns
        -------
        Anode
            That is there.

        Raises
        ------
        InputFileError
            If none is called so; the message lists those that are.
        """
        return _named(self.anodes, name, "anode")

    def electrolyte(self, name: str) -> Electrolyte:
        """The electrolyte, coating or interphase of this name.

        Parameters
        ----------
        name : str
            As in its file.

        Returns
        -------
        Electrolyte
            That is there.

        Raises
        ------
        InputFileError
            If none is called so; the message lists those that are.
        """
        return _named(self.electrolytes, name, "electrolyte")

    def cathode(self, name: str) -> Cathode:
        """The cathode of this name.

        Parameters
        ----------
        name : str
            As in its file.

        Returns
        -------
        Cathode
            That is there.

        Raises
        ------
        InputFileError
            If none is called so; the message lists those that are.
        """
        return _named(self.cathodes, name, "cathode")


def _named(among: dict[str, _Model], name: str, kind: str) -> _Model:
    if name not in among:
        raise InputFileError(
            f"There is no {kind} '{name}'; known are {', '.join(among)}. Add a material file with --materials."
        )
    return among[name]


def load_dictionary(materials: Iterable[Path] = ()) -> Dictionary:
    """The shipped materials and the user's own.

    Parameters
    ----------
    materials : iterable of Path, optional
        Material files, and folders of them (``*.yaml``). One called as a shipped one takes its place.

    Returns
    -------
    Dictionary
        Of all.

    Raises
    ------
    InputFileError
        If a file is missing or wrong, a folder has none, or two files of the user's have one name.
    """
    shipped = [shipped_materials() / f"{name}.yaml" for name in SHIPPED]
    found: dict[str, Anode | Electrolyte | Cathode] = {}
    for file in shipped:
        material = load_material(file)
        found[material.name] = material
    own: dict[str, Path] = {}
    for file in _files_in(materials):
        material = load_material(file)
        if material.name in own:
            raise InputFileError(
                f"{file}: name: {own[material.name]} is called '{material.name}', too; give each its own name."
            )
        own[material.name] = file
        found[material.name] = material
    in_turn = found.values()
    return Dictionary(
        anodes={one.name: one for one in in_turn if isinstance(one, Anode)},
        electrolytes={one.name: one for one in in_turn if isinstance(one, Electrolyte)},
        cathodes={one.name: _sorted_states(one) for one in in_turn if isinstance(one, Cathode)},
        own=frozenset(own),
        files=(*shipped, *own.values()),
    )


def _sorted_states(cathode: Cathode) -> Cathode:
    return cathode.model_copy(
        update={"states": dict(sorted(cathode.states.items(), key=lambda item: in_order(item[0])))}
    )


def _files_in(materials: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in materials:
        if path.is_dir():
            inside = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not inside:
                raise InputFileError(
                    f"{path} has no material file (*.yaml); add one, or give the folder that has them."
                )
            files += inside
        else:
            files.append(path)
    return files


def load_material(file: Path) -> Anode | Electrolyte | Cathode:
    """One material.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    Anode, Electrolyte or Cathode
        Checked.

    Raises
    ------
    InputFileError
        If it is missing, or a value is missing or impossible; one line for each.
    """
    content = _mapping(file, "a material", "kind, name, formula, ...")
    model = KINDS.get(content.get("kind", "")) if isinstance(content.get("kind"), str) else None
    if model is None:
        raise InputFileError(
            f"{file}: kind must be anode, electrolyte or cathode; a coating or interphase is an electrolyte."
        )
    return _checked(MATERIAL, model, content, file)


def load_stack(file: Path) -> Stack:
    """Names of the layers of a battery.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    Stack
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    return _checked(TypeAdapter(Stack), Stack, _mapping(file, "a stack", "anode, layers, cathode, soc"), file)


def load_space_charge(file: Path) -> SpaceCharge:
    """Inputs of a space-charge layer.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    SpaceCharge
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    content = _mapping(file, "a space-charge layer", "interface_potential_v, site_density_per_cm3, ...")
    return _checked(TypeAdapter(SpaceCharge), SpaceCharge, content, file)


def load_flux_series(file: Path) -> FluxSeries:
    """Compositions whose fluxes are wanted.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    FluxSeries
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    content = _mapping(file, "a series of compositions", "length_angstrom, chemical_potentials, compositions")
    return _checked(TypeAdapter(FluxSeries), FluxSeries, content, file)


def load_cell_series(file: Path) -> CellSeries:
    """Compositions whose cells and MD are wanted.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    CellSeries
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    content = _mapping(file, "a series of cells", "compositions, temperatures_kelvin, edge_angstrom, time_ps")
    return _checked(TypeAdapter(CellSeries), CellSeries, content, file)


def published_steps() -> tuple[PublishedStep, ...]:
    """Table 1 of the paper that the shipped dictionary reconstructs, as printed.

    Returns
    -------
    tuple of PublishedStep
        43 rows.
    """
    lines = (shipped_materials() / PUBLISHED_TABLE).read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return tuple(
        PublishedStep(row["cathode"], row["electrolyte"], row["soc"], float(row["delta_phi_cathode_v"])) for row in rows
    )


def _mapping(file: Path, what: str, keys: str) -> dict[str, Any]:
    if not file.is_file():
        raise InputFileError(f"There is no file {file}; give one that describes {what}.")
    content = parse_yaml(read_text(file), file)
    if not isinstance(content, dict):
        raise InputFileError(f"{file} must hold a mapping of keys ({keys}).")
    return content


def _checked(adapter: TypeAdapter[_Model], model: type[BaseModel], content: dict[str, Any], file: Path) -> _Model:
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise InputFileError("\n".join(f"{file}: {_sentence(problem, model)}" for problem in problems)) from error


def _sentence(problem: Any, model: type[BaseModel]) -> str:
    place: Sequence[Any] = [part for part in problem["loc"] if part not in KINDS]
    key = ".".join(map(str, place))
    match problem["type"]:
        case "missing":
            described = _description(model, place)
            return f"the key '{key}' is missing; add it{f' ({described})' if described else ''}."
        case "extra_forbidden":
            known = sorted(_keys(model, place[:-1]))
            close = difflib.get_close_matches(str(place[-1]), known, n=1)
            return f"unknown key '{key}'. " + (
                f"Did you mean '{close[0]}'?" if close else f"Known here: {', '.join(known)}."
            )
        case "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            return f"{key}: {message}." if key else f"{message}."
        case "string_type" | "string_pattern_mismatch" if place[-1] == "[key]" or place[-1] == "soc":
            return f'{".".join(map(str, place[:-1])) or key} wants a state of charge in quotes: "0", "100" or "+".'
        case _:
            message = problem["msg"][0].lower() + problem["msg"][1:]
            return f"{key} is {repr(problem.get('input'))[:60]}, but {message.replace('input', 'it', 1).replace('tuple', 'it')}."


def _description(model: type[BaseModel], place: Sequence[Any]) -> str:
    for parent in _models_at(model, place[:-1]):
        field = parent.model_fields.get(str(place[-1]))
        if field is not None and field.description:
            return field.description.rstrip(".")
    return ""


def _keys(model: type[BaseModel], place: Sequence[Any]) -> set[str]:
    return {name for parent in _models_at(model, place) for name in parent.model_fields}


def _models_at(model: type[BaseModel], place: Sequence[Any]) -> list[type[BaseModel]]:
    models = [model]
    for part in place:
        below = [
            one
            for parent in models
            if part in parent.model_fields
            for one in _models_in(parent.model_fields[part].annotation)
        ]
        # The number of an entry, or the name of a state, leaves them as they are.
        models = below or models
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
