"""The file of a series of compositions whose fluxes are wanted, and its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mlip_interfaces.choices import Scheme
from mlip_interfaces.screening.solids.materials import Soc
from mlip_interfaces.screening.solids.reading import read_section
from mlip_interfaces.settings import Bounds, Kelvin, Name, Picoseconds, Section, Span

SEPARATION = Bounds("length", 0.1, 1e10, "angstrom", "Less than a bond; a metre.")
CHEMICAL_POTENTIAL = Bounds("chemical potential", -1e6, 1e6, "eV", "Beyond all electrons of any atom.")
COEFFICIENT = Bounds("transport coefficient", -1e6, 1e6, "1/(eV angstrom ps)", "No liquid moves so fast.")

Separation = Annotated[float, SEPARATION]
Electronvolts = Annotated[float, CHEMICAL_POTENTIAL]
Coefficient = Annotated[float, COEFFICIENT]
Matrix = Annotated[tuple[tuple[Coefficient, ...], ...], Field(min_length=1, max_length=20)]
Formula = Annotated[str, Field(pattern=r"^([A-Z][a-z]?\d*\.?\d*|[()])+$", max_length=80)]
Species = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
Phases = Annotated[tuple[Formula, ...], Field(min_length=1, max_length=20)]


def _with_key(key: str, *types: type) -> BeforeValidator:
    return BeforeValidator(lambda value: {key: value} if isinstance(value, types) else value)


class Step(Section):
    """Difference of a chemical potential over the length, in one of three ways; a number alone is `delta_ev`."""

    delta_ev: Electronvolts | None = Field(None, description="At the far end less that at the near one, eV.")
    from_ev: Electronvolts | None = Field(None, description="At the near end, eV; with to_ev.")
    to_ev: Electronvolts | None = Field(None, description="At the far end, eV.")
    from_material: str | None = Field(
        None, description="Of Li: electrode at the near end, of the materials of `screen`; with to_material."
    )
    to_material: str | None = Field(None, description="Electrode at the far end.")
    from_soc: Soc = Field("0", description='State of charge in quotes, where from_material is a cathode: "0", "100".')
    to_soc: Soc = Field("0", description="The same of to_material.")
    error_ev: Annotated[float, Bounds("error", 0, 1e3, "eV", "No error is negative, or so large.")] = Field(
        0.0, description="Standard error of the difference, eV."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = {
            "delta_ev": (self.delta_ev,),
            "from_ev and to_ev": (self.from_ev, self.to_ev),
            "from_material and to_material": (self.from_material, self.to_material),
        }
        begun = [name for name, values in ways.items() if any(value is not None for value in values)]
        if len(begun) != 1 or None in ways[begun[0]]:
            raise ValueError(f"give one of {'; '.join(ways)}, whole (here: {' and '.join(begun) or 'none'})")
        return self


class RunFiles(Section):
    """A trajectory; its name alone is `file`."""

    file: str = Field(description="Trajectory; relative names start at the folder of this file.")
    topology: str | None = Field(None, description="LAMMPS data file or structure: elements and masses.")
    layers: str | None = Field(None, description="layers.json: element and layer of each atom.")


class Composition(Section):
    """One composition at one temperature: trajectories, results of `analyze onsager`, or L_ij themselves."""

    formula: Formula = Field(description="Of all its atoms: Li48P16S61.")
    name: Name | None = Field(None, description="In the figure; the formula by default.")
    temperature_kelvin: Kelvin = Field(description="Of its runs, K.")
    trajectories: tuple[Annotated[RunFiles, _with_key("file", str)], ...] = Field(
        (), max_length=1000, description="Runs that differ by chance alone."
    )
    topology: str | None = Field(None, description="Of all trajectories that name none.")
    frame_interval_ps: Picoseconds | None = Field(None, description="Time between frames where the file has none, ps.")
    start_ps: Span | None = Field(None, description="Leave out frames before, ps.")
    stop_ps: Span | None = Field(None, description="Leave out frames after, ps.")
    onsager: tuple[str, ...] = Field(
        (), max_length=1000, description="Files onsager.json of `analyze onsager`, of runs that differ by chance alone."
    )
    species: tuple[Species, ...] = Field((), max_length=20, description="Order of the rows of l_per_ev_angstrom_ps.")
    l_per_ev_angstrom_ps: Matrix | None = Field(None, description="L_ij, 1/(eV angstrom ps).")
    l_error_per_ev_angstrom_ps: Matrix | None = Field(None, description="Their standard errors.")
    length_angstrom: Separation | None = Field(None, description="Of this composition, angstrom.")
    chemical_potentials: dict[Species, Annotated[Step, _with_key("delta_ev", int, float)]] = Field(
        {}, description="Of this composition, by element."
    )
    from_phases: Phases | None = Field(
        None, description="In equilibrium at the near end, one for each element; energies from phase_energies_ev."
    )
    to_phases: Phases | None = Field(None, description="The same at the far end.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        ways = {
            "trajectories": bool(self.trajectories),
            "onsager": bool(self.onsager),
            "l_per_ev_angstrom_ps": self.l_per_ev_angstrom_ps is not None,
        }
        there = [name for name, is_there in ways.items() if is_there]
        if len(there) != 1:
            raise ValueError(f"{self.formula}: give one of {', '.join(ways)} (here: {' and '.join(there) or 'none'})")
        if self.l_per_ev_angstrom_ps is not None:
            n_species = len(self.species)
            for key in ("l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps"):
                matrix = getattr(self, key)
                if matrix is None or len(matrix) != n_species or any(len(row) != n_species for row in matrix):
                    raise ValueError(
                        f"{self.formula}: {key} must have a row and a column for each of species ({', '.join(self.species) or 'none given'})"
                    )
                if any(matrix[i][j] != matrix[j][i] for i in range(n_species) for j in range(i)):
                    raise ValueError(f"{self.formula}: {key} must be symmetric, L_ij = L_ji")
            if any(value < 0.0 for row in self.l_error_per_ev_angstrom_ps or () for value in row):
                raise ValueError(f"{self.formula}: l_error_per_ev_angstrom_ps has a negative error")
        if (self.from_phases is None) != (self.to_phases is None):
            raise ValueError(f"{self.formula}: from_phases and to_phases belong together; give both")
        return self

    @property
    def label(self) -> str:
        """In figures and messages."""
        return self.name or self.formula


class FluxSeries(Section):
    """Compositions between one end and the other, and what drives fluxes through each."""

    length_angstrom: Separation | None = Field(
        None, description="Over which the chemical potentials fall, angstrom; of all compositions that have none."
    )
    chemical_potentials: dict[Species, Annotated[Step, _with_key("delta_ev", int, float)]] = Field(
        {}, description="By element, of all compositions that have none of it."
    )
    phase_energies_ev: dict[Formula, Electronvolts] = Field(
        {}, description="Energy of each phase per formula unit as written, eV, all against the same zero."
    )
    axis: str = Field(
        "order",
        pattern=r"^(order|[A-Z][a-z]?)$",
        description="Of the figure: an element, whose share of the atoms it is, or the order of this file.",
    )
    directions: Literal["xyz", "xy", "x", "y", "z"] = Field("xyz", description="Averaged for L_ij.")
    drift: str = Field("com", description="At rest in trajectories: com, none, or elements (P,S).")
    unwrap: Scheme = Field("auto", description="How paths are made continuous.")
    compositions: tuple[Composition, ...] = Field(
        min_length=1, max_length=1000, description="In order from the near end."
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[tuple[str, float]] = set()
        for one in self.compositions:
            if (one.label, one.temperature_kelvin) in seen:
                raise ValueError(
                    f"{one.label} at {one.temperature_kelvin:g} K stands twice in compositions; give replicas together, or names"
                )
            seen.add((one.label, one.temperature_kelvin))
        return self


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
    return read_section(
        FluxSeries, file, "a series of compositions", "length_angstrom, chemical_potentials, compositions"
    )
