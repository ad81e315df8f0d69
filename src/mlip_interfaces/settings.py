"""Base of everything that a user sets, the number types they share, and what each kind of quantity may be."""

from __future__ import annotations

import typing
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MOST = 2**31 - 1
"""Of what is counted: LAMMPS and DeePMD-kit count in 31 bits."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a quantity may be: far beyond all use, but no further than physics and programs go.

    Attributes
    ----------
    quantity : str
        Its name.
    low, high : float
        The bounds, which it may reach.
    unit : str
        Of both; empty for a number without.
    why : str
        What lies beyond.
    """

    quantity: str
    low: float
    high: float
    unit: str
    why: str

    def __str__(self) -> str:
        """As in ``1 to 20000 K``."""
        return f"{self.low:.10g} to {self.high:.10g} {self.unit}".rstrip()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Refuse what lies beyond, with bounds and unit."""
        return core_schema.no_info_after_validator_function(self._within, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show the bounds."""
        return handler(schema) | {"minimum": self.low, "maximum": self.high}

    def _within(self, value: float) -> float:
        if not self.low <= value <= self.high:
            raise PydanticCustomError(
                "out_of_bounds",
                "Input should be {bounds}, as a {quantity}",
                {"bounds": str(self), "quantity": self.quantity},
            )
        return value


TEMPERATURE = Bounds("temperature", 1, 20_000, "K", "Nuclei are quantum below; no solid, melt or potential is above.")
PRESSURE = Bounds(
    "pressure", -1e6, 1e7, "bar", "Diamond tears under such a tension; the centre of the Earth has 3.6e6."
)
DENSITY = Bounds("density", 0.05, 25, "g/cm3", "Foam and gas are lighter; osmium, the densest element, has 22.6.")
TIMESTEP = Bounds(
    "time step", 0.05, 10, "fs", "A two-hundredth of the vibration of O-H; all of it, so that no bond is followed."
)
TIME = Bounds("time", 1e-5, 1e9, "ps", "A fifth of the shortest step; a millisecond, a thousand times what MD reaches.")
SPAN = Bounds("time", 0, 1e9, "ps", "As of a time, where none at all is allowed.")
COOLING_RATE = Bounds(
    "cooling rate", 1e-6, 1e6, "K/ps", "A million degrees a second, slow for no MD; 1000 K within a step."
)
THICKNESS = Bounds(
    "thickness", 0.1, 1000, "angstrom", "Far thinner than an atom; a tenth of a micrometre has a million atoms."
)
LENGTH = Bounds("length", 0, 1000, "angstrom", "A tenth of a micrometre, as of a thickness.")
DISTANCE = Bounds("distance", 0.01, 1000, "angstrom", "A hundredth of a bond; a tenth of a micrometre.")
SPACING = Bounds(
    "spacing of a grid", 0.02, 100, "angstrom", "A thousand million voxels in a cell of 20 angstrom; more than a cell."
)
DISPLACEMENT = Bounds("displacement", 1e-4, 3, "angstrom", "Less than rounding; more than a bond.")
CONTACT = Bounds("distance of two atoms", 0.05, 5, "angstrom", "Below all nuclei in matter; farther than any bond.")
CUTOFF = Bounds("cutoff", 2, 20, "angstrom", "No neighbour is nearer; above, thousands of neighbours for each atom.")
WIDTH = Bounds("width of bins", 1e-3, 100, "angstrom", "A hundredth of a thermal amplitude; more than a cell.")
AREA = Bounds("area", 5, 1e5, "angstrom2", "Less than any lattice has; a square of 30 nm.")
VOLUME_PER_ATOM = Bounds(
    "volume per atom", 3, 1000, "angstrom3", "Half of what diamond has, the densest of all; a gas."
)
FORCE = Bounds("force", 1e-6, 1e4, "eV/angstrom", "Below what codes converge; nuclei that touch.")
LEARNING_RATE = Bounds("learning rate", 1e-12, 1, "", "Nothing moves in float32; no training survives it.")
ENERGY_CUTOFF = Bounds("plane-wave cutoff", 200, 20_000, "eV", "No pseudopotential is that soft; none so hard.")
GRID_CUTOFF = Bounds("grid cutoff", 5, 5000, "Ry", "No density fits; beyond all-electron grids.")
ENERGY = Bounds("energy", 0, 30, "eV", "No U, no smearing of use is larger.")
CONVERGENCE = Bounds("energy", 1e-12, 1, "eV", "The last digit of a double; errors as large as formation energies.")
MOMENT = Bounds("magnetic moment", -20, 20, "Bohr magnetons", "No free ion has more than 11.")
CHARGE = Bounds("charge", -10, 10, "e", "No ion has more.")
SECONDS = Bounds("time", 1e-3, 1e7, "s", "No process starts so fast; four months.")
CORE_HOURS = Bounds("core time", 1e-6, 1e10, "h", "A moment; a year of a million cores.")

ALL_BOUNDS = (
    TEMPERATURE, PRESSURE, DENSITY, TIMESTEP, TIME, SPAN, COOLING_RATE, THICKNESS, LENGTH, DISTANCE, SPACING, DISPLACEMENT, CONTACT, CUTOFF, WIDTH, AREA,
    VOLUME_PER_ATOM, FORCE, LEARNING_RATE, ENERGY_CUTOFF, GRID_CUTOFF, ENERGY, CONVERGENCE, MOMENT, CHARGE, SECONDS, CORE_HOURS,
)  # fmt: skip
"""For the documentation."""

Kelvin = Annotated[float, TEMPERATURE]
Bar = Annotated[float, PRESSURE]
GramsPerCm3 = Annotated[float, DENSITY]
Femtoseconds = Annotated[float, TIMESTEP]
Picoseconds = Annotated[float, TIME]
Span = Annotated[float, SPAN]
KelvinPerPs = Annotated[float, COOLING_RATE]
Thickness = Annotated[float, THICKNESS]
Length = Annotated[float, LENGTH]
Distance = Annotated[float, DISTANCE]
Spacing = Annotated[float, SPACING]
Displacement = Annotated[float, DISPLACEMENT]
Contact = Annotated[float, CONTACT]
Cutoff = Annotated[float, CUTOFF]
Width = Annotated[float, WIDTH]
Area = Annotated[float, AREA]
VolumePerAtom = Annotated[float, VOLUME_PER_ATOM]
Force = Annotated[float, FORCE]
LearningRate = Annotated[float, LEARNING_RATE]
EnergyCutoff = Annotated[float, ENERGY_CUTOFF]
GridCutoff = Annotated[float, GRID_CUTOFF]
Energy = Annotated[float, ENERGY]
Convergence = Annotated[float, CONVERGENCE]
Moment = Annotated[float, MOMENT]
Charge = Annotated[float, CHARGE]
Seconds = Annotated[float, SECONDS]
CoreHours = Annotated[float, CORE_HOURS]

_Entry = TypeVar("_Entry", bound=Hashable)


def _each_once(values: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands twice in the list; give each entry once")
    return values


Distinct = Annotated[tuple[_Entry, ...], AfterValidator(_each_once)]
"""A list whose entries become folders or conditions: two alike would be one."""

ContactFactor = Annotated[float, Field(gt=0.4, le=1.2)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Whole = Annotated[int, Field(ge=0, le=MOST)]
Few = Annotated[int, Field(ge=0, le=10_000)]
"""Structures that are made or labelled at once: each has a folder of its own."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]
"""It becomes a part of the names of folders, which have 255 characters at most."""


class Section(BaseModel):
    """Base of all sections of a study: immutable, unknown keys forbidden, infinities and truth values for numbers refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_no_truth(cls, value: Any) -> Any:
        """Python counts True as 1."""
        if isinstance(value, dict):
            for name, field in cls.model_fields.items():
                if _has_truth(value.get(name)) and not _takes_truth(field.annotation):
                    raise ValueError(
                        f"{name} has a truth value (true or false) where none belongs; give what it stands for"
                    )
        return value


def _has_truth(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_truth, value))
    return isinstance(value, bool)


def _takes_truth(annotation: Any) -> bool:
    """Whether a truth value may stand there, or somewhere in there."""
    if annotation in (bool, Any, JsonValue):
        return True
    return any(map(_takes_truth, typing.get_args(annotation)))
