"""The ``analysis`` section of a study: any number of requests, each with a name of its own, and what all of them share."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from mlip_interfaces.choices import Scheme
from mlip_interfaces.observables import ANALYSES, Request, check_names
from mlip_interfaces.settings import Name, Section

PAIRS = ("P-O", "P-S", "Co-S", "S-S")
"""Bonds of the interface between an oxide and a thiophosphate: made, kept and broken."""


def default_requests(elements: Collection[str] | None = None) -> dict[str, dict[str, Any]]:
    """What is analysed where a study does not say; in its short form, settings that are left out are those of here.

    Parameters
    ----------
    elements : collection of str or None
        Of the study: pairs and species that it has not are left out.

    Returns
    -------
    dict of str to dict
        Kind -> settings that differ from those of the kind.
    """

    def there(name: str) -> bool:
        return elements is None or set(name.split("-")) <= set(elements)

    requests: dict[str, dict[str, Any]] = {}
    pairs = [pair for pair in PAIRS if there(pair)]
    if pairs:
        requests["rdf"] = {"pairs": pairs, "blocks": 4}
    if there("Li"):
        requests["msd"] = {"species": ["Li"]}
    return requests | {"tetrahedra": {}, "chemistry": {}, "profile": {}}


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
    left out of it is the default.
    """

    drift: str = Field("com", description="Frame of reference: com, none, elements (Co,O) or a layer's name.")
    unwrap: Scheme = Field("auto", description="How paths are made continuous in a cell that changes.")
    start_ps: float | None = Field(None, description="Frames before are left out.")
    stop_ps: float | None = Field(None, description="Frames after are left out.")
    requests: dict[Name, Annotated[Request, _AnyRequest]] = Field(
        default_factory=lambda: {kind: ANALYSES[kind](**settings) for kind, settings in default_requests().items()},
        description="Analyses by name, each with its kind; their settings are those of the command line.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return canonical_analysis(value)

    @model_validator(mode="after")
    def _files(self) -> Self:
        check_names(self.requests)
        return self


def canonical_analysis(value: Any, elements: Collection[str] | None = None) -> Any:
    """Any form of the section as the one with `requests`, a mapping from names to settings with `kind`.

    Parameters
    ----------
    value : object
        As it stands in the study: a list of requests, a mapping from names to requests with kinds, or the short form.
    elements : collection of str or None
        Of the study, for what is analysed by default.

    Returns
    -------
    object
        What is no form of it is returned as it is, for the schema to refuse.
    """
    if isinstance(value, list):
        return {"requests": _by_name(value)}
    if not isinstance(value, Mapping):
        return value
    shared = {name: entry for name, entry in value.items() if name in Analysis.model_fields}
    own = {name: entry for name, entry in value.items() if name not in shared}
    requests = shared.get("requests")
    if isinstance(requests, list):
        return dict(value) | {"requests": _by_name(requests)}
    if requests is not None:
        if not isinstance(requests, Mapping):
            return value
        return dict(value) | {"requests": {name: _of_kind(name, entry) for name, entry in requests.items()}}
    if any(isinstance(entry, Mapping) and "kind" in entry for entry in own.values()):
        return shared | {"requests": {name: _of_kind(name, entry) for name, entry in own.items()}}
    return shared | {"requests": _short_form(own, default_requests(elements))}


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
            requests[kind] = {"kind": kind} | dict(defaults.get(kind, {})) | dict(given)
        elif given is not None:
            requests[kind] = given
    return requests
