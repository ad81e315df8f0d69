"""The file of amorphous compositions whose transport is wanted: their cells and their MD; its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mlip_interfaces.config.execution import Execution, LocalExecution
from mlip_interfaces.screening.solids.reading import read_section
from mlip_interfaces.screening.transport.flux_file import Composition, Formula
from mlip_interfaces.settings import (
    Bar,
    Count,
    Femtoseconds,
    GramsPerCm3,
    Kelvin,
    KelvinPerPs,
    Picoseconds,
    Section,
    Span,
    Thickness,
)  # fmt: skip

_OWN = ("temperature_kelvin", "trajectories", "topology", "frame_interval_ps", "start_ps", "stop_ps", "onsager", "species",
        "l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps", "formula", "name")  # fmt: skip
_TO_FLUX = tuple(name for name in Composition.model_fields if name not in _OWN)


class Cell(Section):
    """One composition."""

    formula: Formula = Field(description="Whole numbers of atoms: Li48P16S61.")
    density_g_per_cm3: GramsPerCm3 | None = Field(
        None, description="Of the cell, g/cm3; 0.93 of the crystal's where the library has one."
    )
    flux: dict[str, Any] = Field(
        {}, description=f"Copied to the file for `screen flux`: {', '.join(_TO_FLUX)} of this composition."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.flux:
            if name not in _TO_FLUX:
                raise ValueError(f"{self.formula}: flux has {name}, but takes {', '.join(_TO_FLUX)}")
        return self


class CellSeries(Section):
    """Cells by melt-quench, and MD of each at every temperature."""

    compositions: tuple[Cell, ...] = Field(
        min_length=1, max_length=200, description="From the near end to the far one."
    )
    temperatures_kelvin: tuple[Kelvin, ...] = Field(min_length=1, max_length=20, description="Of the MD, K.")
    replicas: Count = Field(2, description="Cells of each composition, each from its own places and velocities.")
    edge_angstrom: Thickness = Field(description="Of the cubic cell, angstrom.")
    seed: Count = Field(1, description="Of the first replica; the others count on.")
    melt_kelvin: Kelvin = Field(3000.0, description="Of the melt, K.")
    melt_ps: Picoseconds = Field(10.0, description="Time in it, ps.")
    quench_kelvin_per_ps: KelvinPerPs = Field(100.0, description="Cooling rate, K/ps.")
    final_kelvin: Kelvin = Field(300.0, description="After the quench, K.")
    hold_ps: Picoseconds = Field(5.0, description="Time at that temperature, ps.")
    ensemble: Literal["nvt", "npt"] = Field("nvt", description="Of the MD; npt lets all edges change.")
    pressure_bar: Bar = Field(1.0, description="With npt, bar.")
    timestep_fs: Femtoseconds = Field(1.0, description="Of quench and MD, fs.")
    time_ps: Picoseconds = Field(description="Of the MD, ps, with the time left out.")
    leave_out_ps: Span = Field(description="At the start of the MD, in which the cell comes to its temperature, ps.")
    dump_interval_ps: Picoseconds = Field(0.1, description="Between frames, ps.")
    flux: dict[str, Any] = Field(
        {},
        description="Copied to the file for `screen flux`: length_angstrom, chemical_potentials, phase_energies_ev, axis ...",
    )
    execution: Execution = Field(default_factory=lambda: LocalExecution(), description="Where jobs run, as in a study.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.leave_out_ps >= self.time_ps:
            raise ValueError(f"leave_out_ps ({self.leave_out_ps:g}) must be less than time_ps ({self.time_ps:g})")
        if self.final_kelvin >= self.melt_kelvin:
            raise ValueError(
                f"final_kelvin ({self.final_kelvin:g}) must be less than melt_kelvin ({self.melt_kelvin:g})"
            )
        for what, names in (
            ("compositions", [one.formula for one in self.compositions]),
            ("temperatures_kelvin", [f"{kelvin:g}" for kelvin in self.temperatures_kelvin]),
        ):
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise ValueError(f"{what} has {twice[0]} twice; give it once, replicas make more of it")
        if self.execution.staged:
            raise ValueError("execution.context must be lazy-local: jobs of cells run where their folders are")
        return self


def load_cell_series(file: Path) -> CellSeries:
    """Compositions whose cells and MD are wanted.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    CellSeries
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    return read_section(
        CellSeries, file, "a series of cells", "compositions, temperatures_kelvin, edge_angstrom, time_ps"
    )
