"""Base of everything that a user sets, and the number types they share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_Entry = TypeVar("_Entry", bound=Hashable)


def _each_once(values: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        raise ValueError(f"{twice} stands twice in the list; give each entry once")
    return values


ContactFactor = Annotated[float, Field(gt=0.4, le=1.2)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Distinct = Annotated[tuple[_Entry, ...], AfterValidator(_each_once)]
"""A list whose entries become folders or conditions: two alike would be one."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Section(BaseModel):
    """Base of all sections of a study: immutable, unknown keys forbidden, infinities refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
