"""The ``analysis`` section of a study: any number of requests, each with a name of its own, and what all of them share."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from mlip_interfaces.choices import Scheme
from mlip_interfaces.config.default_requests import default_requests, default_settings
from mlip_interfaces.observables import ANALYSES, Request, check_names
from mlip_interfaces.settings import Name, Section, Span


class _AnyRequest:
    """A request of any registered kind, in a study a mapping with `kind`."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parsed, serialization=core_schema.plain_serializer_function_ser_schema(cls.written)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        entries = []
        for kind, request in ANALYSES.items():
            entry = request.model_json_schema()
            entry["properties"] = {"kind": {"const": kind}} | entry["properties"]
            entry["required"] = ["kind", *entry.get("required", [])]
            entries.append(entry)
        return {"anyOf": entries}

    @staticmethod
    def parsed(value: Any) -> Request:
        if isinstance(value, Request):
            return value
        if not isinstance(value, Mapping):
            raise ValueError("must be a mapping of settings, such as {kind: msd, species: [Li]}")
        kind = value.get("kind")
        if kind not in ANALYSES:
            close = difflib.get_close_matches(str(kind), ANALYSES, n=1)
            hint = f"Did you mean '{close[0]}'?" if close else f"The kinds are {', '.join(ANALYSES)}."
            raise ValueError(f"there is no kind of analysis '{kind}'. {hint}")
        return ANALYSES[kind].model_validate({name: setting for name, setting in value.items() if name != "kind"})

    @staticmethod
    def written(value: Request) -> dict[str, Any]:
        return {"kind": value.kind} | value.settings()


class Analysis(Section):
    """What is computed from every trajectory.

    Requests stand in a list (each may have a `name`) or in a mapping from names. In the short form keys are kinds, and what is
    left out of it is the default. Left out, pairs, species, tetrahedra and bonds of a reaction follow the elements of the study.
    """

    drift: str = Field("com", description="Frame of reference: com, none, elements (Co,O) or a layer's name.")
    unwrap: Scheme = Field("auto", description="How paths are made continuous in a cell that changes.")
    start_ps: Span | None = Field(None, description="Frames before are left out.")
    stop_ps: Span | None = Field(None, description="Frames after are left out.")
    requests: dict[Name, Annotated[Request, _AnyRequest]] = Field(
        default_factory=lambda: {kind: ANALYSES[kind](**settings) for kind, settings in default_requests().items()},
        description="Analyses by name, each with its kind; their settings are those of the command line. Left out: g(r), MSD, "
        "tetrahedra, chemistry and profile, as far as the elements of the study have them, and the MSD of the layer whose thickness is "
        "scanned.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return canonical_analysis(value)

    @model_validator(mode="after")
    def _files(self) -> Self:
        check_names(self.requests)
        return self


def canonical_analysis(value: Any, elements: Collection[str] | None = None, scanned: str | None = None) -> Any:
    """Any form of the section as the one with `requests`, a mapping from names to settings with `kind`.

    Parameters
    ----------
    value : object
        As it stands in the study: a list of requests, a mapping from names to requests with kinds, or the short form.
    elements : collection of str or None
        Of the study, for what is analysed by default.
    scanned : str or None
        Layer of which several thicknesses are compared, if there is one: its MSD is analysed by default, and its units do not count
        as those that may be lost.

    Returns
    -------
    object
        What is no form of it is returned as it is, for the schema to refuse.
    """
    if value is None:
        value = {}
    if isinstance(value, list):
        return {"requests": _of_elements(_by_name(value), elements, scanned)}
    if not isinstance(value, Mapping):
        return value
    shared = {name: entry for name, entry in value.items() if name in Analysis.model_fields}
    own = {name: entry for name, entry in value.items() if name not in shared}
    requests = shared.get("requests")
    if isinstance(requests, list):
        return dict(value) | {"requests": _of_elements(_by_name(requests), elements, scanned)}
    if requests is not None:
        if not isinstance(requests, Mapping):
            return value
        named = {name: _of_kind(name, entry) for name, entry in requests.items()}
        return dict(value) | {"requests": _of_elements(named, elements, scanned)}
    if any(isinstance(entry, Mapping) and "kind" in entry for entry in own.values()):
        named = {name: _of_kind(name, entry) for name, entry in own.items()}
        return shared | {"requests": _of_elements(named, elements, scanned)}
    requests = _with_layer(_short_form(own, default_requests(elements)), scanned)
    return shared | {"requests": _of_elements(requests, elements, scanned)}


def _of_elements(requests: dict[str, Any], elements: Collection[str] | None, scanned: str | None) -> dict[str, Any]:
    """Requests with the settings that follow from the elements and the scanned layer, where they leave them out."""
    if elements is None:
        return requests
    known = default_settings([symbol for symbol in elements if isinstance(symbol, str)])
    return {name: _outside(_completed(entry, known), scanned) for name, entry in requests.items()}


def _outside(entry: Any, scanned: str | None) -> Any:
    """Chemistry without the units of the scanned layer, where it says nothing of layers itself."""
    if scanned is None or not isinstance(entry, Mapping) or entry.get("kind") != "chemistry":
        return entry
    return dict(entry) if {"layer", "outside_layer"} & set(entry) else dict(entry) | {"outside_layer": scanned}


def _completed(entry: Any, known: Mapping[str, Mapping[str, Any]]) -> Any:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("kind"), str):
        return entry
    usual = known.get(entry["kind"], {})
    if entry["kind"] == "tetrahedra" and set(usual) & set(entry):
        # Centre, ligand and cutoff go together: who sets one of them does not mean the others of another pair.
        return entry
    return dict(entry) | {name: setting for name, setting in usual.items() if name not in entry}


def _with_layer(requests: dict[str, Any], scanned: str | None) -> dict[str, Any]:
    """The requests, and the MSD of the scanned layer beside that of all layers: of these a thicker coating has more, however its ions move."""
    msd = requests.get("msd")
    if scanned is None or not isinstance(msd, Mapping) or msd.get("layer") is not None:
        return requests
    return requests | {f"msd-{scanned}": dict(msd) | {"layer": scanned}}


def _by_name(entries: list[Any]) -> dict[str, Any]:
    """A list of requests by their names, or their kinds: the second of a kind without a name is ``msd-2``."""
    given = [str(entry["name"]) for entry in entries if isinstance(entry, Mapping) and "name" in entry]
    twice = [name for name in dict.fromkeys(given) if given.count(name) > 1]
    if twice:
        raise ValueError(f"the name '{twice[0]}' in analysis stands twice; each request needs one of its own")
    named: dict[str, Any] = {}
    for entry in entries:
        settings = dict(entry) if isinstance(entry, Mapping) else entry
        kind = settings.get("kind") if isinstance(settings, dict) else "request"
        if isinstance(settings, dict) and "name" in settings:
            named[str(settings.pop("name"))] = settings
            continue
        name, number = str(kind), 2
        while name in named or name in given:
            name = f"{kind}-{number}"
            number += 1
        named[name] = settings
    return named


def _of_kind(name: str, entry: Any) -> Any:
    """A request whose name is its kind where it says no other."""
    return {"kind": name} | dict(entry) if isinstance(entry, Mapping) else entry


def _short_form(own: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One request of each kind: the defaults, and what the study says; null leaves a kind out."""
    requests: dict[str, Any] = {}
    known = [kind for kind in ANALYSES if kind in defaults or kind in own]
    for kind in (*known, *(kind for kind in own if kind not in ANALYSES)):
        given = own.get(kind, {})
        if isinstance(given, Mapping):
            requests[kind] = _completed({"kind": kind} | dict(given), defaults)
        elif given is not None:
            requests[kind] = given
    return requests
