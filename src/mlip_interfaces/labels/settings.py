"""Settings of a batch of labels, written beside its tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from mlip_interfaces.config.dft import DFT_CODES, PARALLEL_TAGS, Dft
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import content_hash, known_hash, relink, write_text

SETTINGS_FILE = "label_settings.json"

TRAVELS = "teacher-{parameter}-"
"""How a file of the teacher's begins where it lies beside the settings and travels with them."""


class LabelSettings(BaseModel):
    """What labels a structure, and when a label is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    calculator: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    dft: Dft | None = None
    second_attempt: bool = False
    timeout_seconds: float = Field(600.0, gt=0)
    max_force_ev_per_angstrom: float = Field(60.0, gt=0)
    min_distance_angstrom: float = Field(0.7, gt=0)

    def write(self, file: Path, *, with_files: bool = False) -> None:
        """Write the settings as JSON.

        Parameters
        ----------
        file : Path
            Replaced if it exists.
        with_files : bool, optional
            Whether the files that the parameters name are linked beside it and named there: jobs that do not run in place
            take both along.
        """
        parameters = dict(self.parameters)
        for parameter, name in travelling_files(self.parameters).items() if with_files else ():
            relink(file.parent.resolve() / name, Path(str(parameters[parameter])))
            parameters[parameter] = name
        write_text(file, self.model_copy(update={"parameters": parameters}).model_dump_json(indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read settings.

        Parameters
        ----------
        file : Path
            As `write` writes it.

        Returns
        -------
        LabelSettings
            Validated; files that lie beside it have absolute paths.

        Raises
        ------
        InputFileError
            If the file is missing or wrong.
        """
        try:
            settings = cls.model_validate_json(file.read_bytes())
        except FileNotFoundError as error:
            raise InputFileError(f"{file} is missing; `mlip-interfaces campaign init` writes it.") from error
        except ValidationError as error:
            raise InputFileError(f"{file} is wrong: {error}") from error
        beside: dict[str, JsonValue] = {
            name: str(file.parent.resolve() / value)
            for name, value in settings.parameters.items()
            if isinstance(value, str) and value.startswith(TRAVELS.format(parameter=name))
        }
        return settings.model_copy(update={"parameters": settings.parameters | beside}) if beside else settings

    def same_labels(self, other: Self) -> bool:
        """Whether other settings make the same labels and refuse the same ones, wherever their files lie.

        Parameters
        ----------
        other : LabelSettings
            Of other tasks.

        Returns
        -------
        bool
            False where one limit differs.
        """
        moved = other.model_copy(update={"parameters": self.parameters})
        return moved == self and other.physics_hash == self.physics_hash

    @model_validator(mode="after")
    def _dft_for_its_codes(self) -> Self:
        if (self.calculator in DFT_CODES) != (self.dft is not None):
            raise ValueError(f"the section dft goes with {', '.join(DFT_CODES)}, and with no other calculator")
        return self

    @property
    def physics_hash(self) -> str:
        """Hash of what decides the numbers of a label.

        Calculator and parameters, or the DFT settings and the element map. Not the command, the folders, the limits,
        tags that only share out the work, nor how often and how carefully the SCF is tried: a converged answer is the
        same physics whichever road led there.
        """
        content: list[object] = [
            self.calculator,
            _contents(self.parameters) if self.dft is None else _physics(self.dft, self.calculator),
        ]
        return content_hash(content)[:16]


def travelling_files(parameters: Mapping[str, JsonValue]) -> dict[str, str]:
    """Files that a teacher's parameters name by absolute paths, by the names they have beside the settings.

    Parameters
    ----------
    parameters : mapping of str to JSON
        As in the study.

    Returns
    -------
    dict of str to str
        Parameter -> name.
    """
    return {
        parameter: TRAVELS.format(parameter=parameter) + Path(str(value)).name
        for parameter, value in parameters.items()
        if _is_file(value)
    }


def _contents(parameters: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Parameters with what a file holds in place of its absolute path: a run folder may be moved."""
    return {
        name: {"sha256": known_hash(Path(str(value)))} if _is_file(value) else value
        for name, value in parameters.items()
    }


def _is_file(value: JsonValue) -> bool:
    return isinstance(value, str) and value.startswith("/") and Path(value).is_file()


def _physics(dft: Dft, code: str) -> dict[str, object]:
    content = dft.model_dump(
        mode="json", exclude={"command", "cores", "pseudopotential_dir", "max_scf_steps", "extra", "elements"}
    )
    for key in ("grid_cutoff_ry", "relative_cutoff_ry") if code != "cp2k" else ("plane_wave_cutoff_ev",):
        del content[key]
    content["extra"] = [
        [file, tag, value]
        for file, tags in sorted(dft.extra.items())
        for tag, value in sorted(tags.items())
        if not {tag, tag.upper(), tag.lower()} & PARALLEL_TAGS
    ]
    content["elements"] = {
        symbol: {
            "u": [element.hubbard_u_ev, element.hubbard_orbital] if element.has_u else None,
            "moment": element.moment if dft.spin_polarised else None,
            "pseudopotential": getattr(element.pseudopotential, code, None),
            "basis": getattr(element.basis, code, None),
        }
        for symbol, element in dft.elements.items()
    }
    return content
