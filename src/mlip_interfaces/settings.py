"""Base of everything that a user sets, and the number types they share."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

ContactFactor = Annotated[float, Field(gt=0.4, le=1.2)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

Scheme = Literal["auto", "tor", "frac", "image", "none"]
"""How paths are made continuous; see `mlip_interfaces.trajectory.unwrapping.Unwrapper`."""

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)


class Section(BaseModel):
    """Base of all sections of a study: immutable, unknown keys forbidden, infinities refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
