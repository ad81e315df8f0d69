"""What a request is: the settings of one analysis, the same in a study, on the command line and in Python."""

from __future__ import annotations

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.settings import Charge, Distance, Kelvin, Section, Span

if TYPE_CHECKING:
    from mlip_interfaces.observables.observer import Observer, Start
    from mlip_interfaces.observables.results import Result


@dataclass(frozen=True, slots=True)
class Option:
    """How a setting looks on the command line, beyond what its type says.

    Attributes
    ----------
    metavar : str
        Placeholder of the value; the choices where it is empty and the setting has some.
    required : bool
        Whether the command line must give it though the model need not (a study knows it from elsewhere).
    choice : str
        Name of a group of which one at most may be given.
    """

    metavar: str = ""
    required: bool = False
    choice: str = ""


def _split(value: Any) -> Any:
    """A list as the command line writes it."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _named_once(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names nothing")
    twice = [name for name in dict.fromkeys(value) if value.count(name) > 1]
    if twice:
        raise ValueError(f"names {', '.join(twice)} twice")
    return value


def _numbers(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return tuple(float(part) for part in _split(value))
    except ValueError:
        raise ValueError(f"'{value}' is not a list of numbers such as 500,600") from None


def _two_numbers(value: Any) -> Any:
    numbers = _numbers(value)
    if isinstance(value, str) and len(numbers) != 2:
        raise ValueError(f"'{value}' is not two numbers such as 0.2,0.4")
    return numbers


def _numbers_by_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = {}
    for part in _split(value):
        name, _, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
            if not math.isfinite(found[name.strip()]):
                raise ValueError(number)
        except ValueError:
            raise ValueError(f"'{part}' is not like Li=1") from None
    return found


Names = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_named_once)]
"""One name or more, each once; a text with commas is a list."""

Times = Annotated[tuple[Span, ...], BeforeValidator(_numbers)]
"""Times, none of them negative; a text with commas is a list."""

Temperatures = Annotated[tuple[Kelvin, ...], BeforeValidator(_numbers)]
"""Temperatures; a text with commas is a list."""

TwoNumbers = Annotated[tuple[float, float], BeforeValidator(_two_numbers)]
"""Two numbers; a text with a comma is a pair."""

ChargeByName = Annotated[dict[str, Charge], BeforeValidator(_numbers_by_name)]
"""A charge for each name; a text such as ``Li=1,S=-2`` is a mapping."""

DistanceByName = Annotated[dict[str, Distance], BeforeValidator(_numbers_by_name)]
"""The same with distances."""


class Settings(Section):
    """Settings of whatever has a result; immutable, validated once.

    Attributes
    ----------
    kind : str
        Name of the verb, the kind in a study, and the files.
    summary : str
        One line of help.
    """

    kind: ClassVar[str]
    summary: ClassVar[str]

    def settings(self) -> dict[str, object]:
        """All settings by name, as JSON has them.

        Returns
        -------
        settings : dict of str to object
            Defaults included.
        """
        return self.model_dump(mode="json")

    def file_hashes(self) -> dict[str, str]:
        """Content of the files that settings name, which decides a result as the settings do.

        Returns
        -------
        dict of str to str
            As in ``rules_sha256``, by the name of the setting; files that are not there are left out.
        """
        from mlip_interfaces.files import file_hash

        files = {
            name: Path(value)
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) is not None
            and any(isinstance(part, Option) and part.metavar == "FILE" for part in field.metadata)
        }
        return {f"{name}_sha256": file_hash(path) for name, path in files.items() if path.is_file()}

    @model_validator(mode="before")
    @classmethod
    def _known_settings(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name in value:
                if name not in cls.model_fields:
                    close = difflib.get_close_matches(str(name), cls.model_fields, n=1)
                    known = (
                        f"Did you mean '{close[0]}'" if close else f"Known here: {', '.join(sorted(cls.model_fields))}"
                    )
                    raise ValueError(f"unknown key '{name}'. {known}{'?' if close else ''}")
        return value


class Request(Settings, ABC):
    """Settings of one analysis of a trajectory.

    A child names its kind, says in a line what it gives, and makes the observer that consumes a trajectory. Registered in
    `mlip_interfaces.observables.ANALYSES` it is a verb of ``analyze``, a kind in a study, and a page of the documentation.

    Attributes
    ----------
    uses_displacements : bool
        Whether results depend on how paths are unwrapped and on the frame of reference.
    table_ends : tuple of str
        Ends of the tables' names that a result may have, as `Result.tables` gives them.
    """

    uses_displacements: ClassVar[bool] = False
    table_ends: ClassVar[tuple[str, ...]] = ("",)

    @abstractmethod
    def observe(self, start: Start) -> Observer:
        """What consumes the frames of one trajectory.

        Parameters
        ----------
        start : Start
            What is known before the first frame is taken.

        Returns
        -------
        observer : Observer
            Fed by `mlip_interfaces.observables.analyze`.

        Raises
        ------
        AnalysisError
            If the trajectory has not what the request asks for.
        """

    def check(self, elements: Collection[str], layers: Collection[str]) -> None:
        """Whether the request can be met by a study.

        Parameters
        ----------
        elements : collection of str
            Of the study.
        layers : collection of str
            Names of its layers.

        Raises
        ------
        ValueError
            If it names an element or a layer that is not there; the text begins with the setting.
        """
        species = getattr(self, "species", ())
        for symbol in (species,) if isinstance(species, str) else species:
            if symbol not in elements:
                raise ValueError(f"species: '{symbol}' is not in elements")
        layer = getattr(self, "layer", None)
        if layer is not None and layer not in layers:
            raise ValueError(f"layer is '{layer}', but the layers are {', '.join(sorted(layers))}")

    def check_frames(self, n_frames: int, interval_ps: float) -> None:  # noqa: B027 (optional)
        """Whether a trajectory of so many frames is long enough.

        Parameters
        ----------
        n_frames : int
            In the time that is analysed.
        interval_ps : float, ps
            Between them.

        Raises
        ------
        ValueError
            If it is not; the text begins with the setting.
        """

    def at(self, temperature_kelvin: float) -> Self:
        """The request with the temperature of a run, where it takes one and has none of its own.

        Parameters
        ----------
        temperature_kelvin : float, K
            Of the run.

        Returns
        -------
        request : Request
            Itself where there is nothing to set.
        """
        if getattr(self, "temperature_kelvin", temperature_kelvin) is not None:
            return self
        return self.model_copy(update={"temperature_kelvin": temperature_kelvin})


class CombinedRequest(Request):
    """A request that makes one result of several runs that differ by chance alone; the command line takes them together."""

    @abstractmethod
    def combined(self, results: Sequence[Result]) -> Result:
        """One result of several runs.

        Parameters
        ----------
        results : sequence of Result
            Of this request, one for each run.

        Returns
        -------
        Result
            Of all of them.
        """

    @abstractmethod
    def combined_of(self, contents: Sequence[Mapping[str, Any]]) -> Result:
        """One result of several runs whose results were written before.

        Parameters
        ----------
        contents : sequence of mapping
            Of the JSON file of each run, with results of this request.

        Returns
        -------
        Result
            As of `combined`.
        """


def required_temperature(temperature_kelvin: float | None) -> float:
    """The temperature of a run, which some analyses cannot do without.

    Parameters
    ----------
    temperature_kelvin : float or None, K
        As the request has it.

    Returns
    -------
    temperature_kelvin : float, K
        The same.

    Raises
    ------
    AnalysisError
        If there is none.
    """
    if temperature_kelvin is None:
        raise AnalysisError("The temperature of the run is needed: give `temperature_kelvin`.")
    return temperature_kelvin


TemperatureKelvin = Annotated[Kelvin | None, Field(description="Of the run; a study takes that of the protocol.")]
