"""The file of crystals whose conductivity is wanted: what runs, at which temperatures, which ions carry the current; its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, model_validator

from mlip_interfaces.choices import Scheme
from mlip_interfaces.config.execution import Execution, LocalExecution
from mlip_interfaces.screening.solids.reading import read_section
from mlip_interfaces.screening.transport.flux_file import RunFiles, Species
from mlip_interfaces.settings import (
    Bar,
    Charge,
    Count,
    Distinct,
    Femtoseconds,
    Kelvin,
    Name,
    Picoseconds,
    Section,
    Span,
    Thickness,
)  # fmt: skip

LEAST_FRAMES = 40
"""Of a run, with the time left out taken away: collective displacements need so many."""

Repeats = Annotated[tuple[Annotated[int, Field(ge=1, le=100)], ...], Field(min_length=3, max_length=3)]
Amount = Annotated[float, Field(ge=-1e6, le=1e6)]


class OwnRun(RunFiles):
    """A trajectory that is there, of one temperature."""

    temperature_kelvin: Kelvin = Field(description="Of its thermostat, K.")
    frame_interval_ps: Picoseconds | None = Field(None, description="Time between frames where the file has none, ps.")
    start_ps: Span | None = Field(None, description="Leave out frames before, ps.")
    stop_ps: Span | None = Field(None, description="Leave out frames after, ps.")


class Bulk(Section):
    """One crystal; its name alone is `crystal`."""

    crystal: str | None = Field(
        None, description="Of the library, or a file; relative names start at the folder of this file."
    )
    name: Name | None = Field(None, description="In files and figures; that of the crystal by default.")
    supercell: Repeats | None = Field(None, description="Repeats of the cell along a, b and c.")
    min_edge_angstrom: Thickness = Field(
        10.0, description="Without supercell: repeats until every edge is as long, angstrom."
    )
    composition: Amount | None = Field(
        None, description="A number that orders crystals for `screen crowding`: x of LixLa0.56TiO3."
    )
    runs: Annotated[tuple[OwnRun, ...], Field(max_length=1000)] = Field(
        (), description="Trajectories that are there; none is made then."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.crystal is None) != bool(self.runs):
            raise ValueError(f"{self.label}: give crystal, whose MD is made, or runs that are there (one of the two)")
        if self.runs and self.name is None:
            raise ValueError("runs need a name; give name")
        return self

    @property
    def label(self) -> str:
        """In files, figures and messages."""
        return self.name or Path(self.crystal or "a crystal").stem


def _of_name(value: Any) -> Any:
    return {"crystal": value} if isinstance(value, str) else value


class ConductivitySeries(Section):
    """Crystals, their MD at several temperatures, and the ions that carry the current."""

    crystals: tuple[Annotated[Bulk, BeforeValidator(_of_name)], ...] = Field(
        min_length=1, max_length=200, description="Each a name of the library, a file, or a section."
    )
    species: Distinct[Species] = Field(
        ("Li",), min_length=1, max_length=10, description="Mobile ions; all others are the framework, which is at rest."
    )
    charges: dict[Species, Charge] = Field({}, description="Of one mobile ion, in e; formal ones where left out.")
    potential: str | None = Field(
        None,
        description="MD with LAMMPS: tosi-fumi (LiF), a Deep Potential (.pb, .pth), or a file of LAMMPS lines with '# elements: Li S'.",
    )
    calculator: str | None = Field(
        None, description="MD with ASE instead: chgnet, sevennet, deepmd, tblite, or package.module:callable."
    )
    parameters: dict[str, JsonValue] = Field({}, description="Of the calculator.")
    temperatures_kelvin: Distinct[Kelvin] = Field((), max_length=50, description="Of the MD, K.")
    seeds: Distinct[Count] = Field(
        (1, 2, 3), min_length=1, max_length=100, description="Of the velocities; a run for each."
    )
    ensemble: Literal["nvt", "npt"] = Field("nvt", description="Of the MD; npt, of LAMMPS, lets all edges change.")
    pressure_bar: Bar = Field(1.0, description="With npt, bar.")
    timestep_fs: Femtoseconds = Field(1.0, description="Of the MD, fs.")
    time_ps: Picoseconds | None = Field(None, description="Of each run, ps, with the time left out.")
    leave_out_ps: Span | None = Field(
        None, description="At the start of each run, in which it comes to its temperature, ps."
    )
    dump_interval_ps: Picoseconds = Field(0.1, description="Between frames, ps.")
    at_kelvin: Kelvin = Field(300.0, description="Extrapolate to this temperature, K.")
    drift: str | None = Field(
        None, description="At rest: com, none, or elements (P,S); by default the framework, or com where there is none."
    )
    unwrap: Scheme = Field("auto", description="How paths of `runs` are made continuous.")
    execution: Execution = Field(default_factory=lambda: LocalExecution(), description="Where jobs run, as in a study.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        names = [one.label for one in self.crystals]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two crystals are called {twice[0]}; give names")
        for name in self.charges:
            if name not in self.species:
                raise ValueError(f"charges has {name}, which is not in species ({', '.join(self.species)})")
        for name in self.species:
            if self.charge(name) == 0.0:
                raise ValueError(f"charges: {name} has none, and an ion has one; give it, in e")
        if any(one.crystal is not None for one in self.crystals):
            self._md_possible()
        return self

    def _md_possible(self) -> None:
        if (self.potential is None) == (self.calculator is None):
            raise ValueError("give potential (MD with LAMMPS) or calculator (MD with ASE), one of the two")
        missing = [
            name for name in ("temperatures_kelvin", "time_ps", "leave_out_ps") if not _is_given(getattr(self, name))
        ]
        if missing:
            raise ValueError(f"MD needs {', '.join(missing)}; add them")
        if self.calculator is not None and self.ensemble == "npt":
            raise ValueError(
                "npt is for a potential of LAMMPS; with a calculator give nvt, in a cell of the right volume"
            )
        if self.parameters and self.calculator is None:
            raise ValueError("parameters are those of a calculator, and there is none")
        if self.execution.staged:
            raise ValueError("execution.context must be lazy-local: jobs of crystals run where their folders are")
        n_frames = int((self.length_ps - self.left_out_ps) / self.dump_interval_ps + 1e-6)
        if n_frames < LEAST_FRAMES:
            raise ValueError(
                f"{n_frames} frames are left of each run (time_ps less leave_out_ps, over dump_interval_ps), and {LEAST_FRAMES} are needed; "
                "run longer, or write frames more often"
            )

    @property
    def length_ps(self) -> float:
        """Of each run, ps."""
        return self.time_ps or 0.0

    @property
    def left_out_ps(self) -> float:
        """Of each run, ps."""
        return self.leave_out_ps or 0.0

    def charge(self, element: str) -> float:
        """Charge of a mobile ion.

        Parameters
        ----------
        element : str
            One of `species`.

        Returns
        -------
        float, e
            As given, else the formal one.

        Raises
        ------
        ValueError
            If there is neither.
        """
        from mlip_interfaces.chemistry.charges import ELEMENT_CHARGES

        charges = ELEMENT_CHARGES | self.charges
        if element not in charges:
            raise ValueError(f"charges: there is no formal charge of {element}; give it, in e")
        return float(charges[element])


def _is_given(value: object) -> bool:
    return value is not None and value != ()


def load_conductivity_series(file: Path) -> ConductivitySeries:
    """Crystals whose conductivity is wanted.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    ConductivitySeries
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    return read_section(
        ConductivitySeries, file, "crystals and their MD", "crystals, potential, temperatures_kelvin, time_ps"
    )
