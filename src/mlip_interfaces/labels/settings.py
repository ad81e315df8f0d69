"""Settings of a batch of labels, written beside its tasks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from mlip_interfaces.errors import InputFileError

SETTINGS_FILE = "label_settings.json"


class LabelSettings(BaseModel):
    """What labels a structure, and when a label is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    calculator: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    timeout_seconds: float = Field(600.0, gt=0)
    max_force_ev_per_angstrom: float = Field(60.0, gt=0)
    min_distance_angstrom: float = Field(0.7, gt=0)

    def write(self, file: Path) -> None:
        """Write the settings as JSON."""
        file.write_text(self.model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read settings.

        Raises
        ------
        InputFileError
            If the file is missing or wrong.
        """
        try:
            return cls.model_validate_json(file.read_text())
        except FileNotFoundError as error:
            raise InputFileError(f"{file} is missing; `mlip-interfaces campaign init` writes it.") from error
        except ValidationError as error:
            raise InputFileError(f"{file} is wrong: {error}") from error

    @property
    def physics_hash(self) -> str:
        """Hash of what decides the numbers of a label: calculator and parameters."""
        text = json.dumps([self.calculator, self.parameters], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
