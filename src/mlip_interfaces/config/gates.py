"""Section ``gates``: what a potential must stand before it moves a production run, with every bound as a number."""

from __future__ import annotations

from typing import Literal, Self, get_args

from pydantic import Field, model_validator

from mlip_interfaces.choices import GateName
from mlip_interfaces.settings import (
    Contact,
    Count,
    Displacement,
    Distinct,
    Femtoseconds,
    Few,
    Kelvin,
    Picoseconds,
    Positive,
    Section,
)


class Gates(Section):
    """Safety gates: tests of the final potential that need no label. A scan does not start with one that fails."""

    run: Distinct[GateName] = Field(
        get_args(GateName), max_length=len(get_args(GateName)), description="Which gates; an empty list for none."
    )
    if_failed: Literal["refuse", "warn"] = Field(
        "refuse",
        description="refuse: the scan does not start. warn: it starts, and the report says which gate failed. "
        "`scan submit --despite-gates` does so once.",
    )

    pair_from_angstrom: Contact = Field(0.8, description="pairs: nearest distance of the scan of two atoms.")
    pair_to_angstrom: Contact = Field(4.0, description="pairs: farthest distance.")
    pair_step_angstrom: Displacement = Field(0.05, description="pairs: distance between two points of the scan.")
    pair_relax_steps: Few = Field(30, description="pairs: steps of relaxation before the scan.")
    max_pair_hole_ev: Positive = Field(
        0.1, le=100, description="pairs: largest fall of the energy where two atoms come closer than any bond is short."
    )
    min_pair_wall_ev: Positive = Field(
        2.0,
        le=1000,
        description="pairs: the energy must rise that far on the way in. 2 eV is 26 kT at 900 K: of a thousand atoms that try 1e13 times "
        "a second, none gets over it in 10 ns.",
    )
    max_pair_fall_ev: Positive = Field(
        1.0,
        le=100,
        description="pairs: largest fall of the energy anywhere on the way in. A bond may form there, but two atoms that are driven "
        "together in a rigid solid gain less.",
    )
    max_pair_pull_ev_per_angstrom: Positive = Field(
        0.5, le=1000, description="pairs: largest force that pulls two atoms together where they are too close."
    )

    compressed_volume_ratio: float = Field(
        0.75, ge=0.3, lt=1, description="compression: smallest volume over that as built."
    )
    expanded_volume_ratio: float = Field(1.2, gt=1, le=3, description="compression: largest volume over that as built.")
    max_volume_error: Positive = Field(
        0.15,
        le=1,
        description="compression: largest relative distance of a bulk cell's volume of lowest energy from that as built.",
    )
    max_compression_fall_mev_per_atom: Positive = Field(
        5.0, le=1e4, description="compression: largest fall of the energy on the way to smaller volumes."
    )
    min_compression_pressure_bar: Positive = Field(
        2000.0,
        le=1e7,
        description="compression: mean pressure from the volume of lowest energy to the smallest one. Twice 1000 bar, so that no usual "
        "barostat presses a cell that far.",
    )

    n_rattled: Few = Field(8, description="rattled: starts for each structure, half of them compressed.")
    rattle_angstrom: Displacement = Field(0.15, description="rattled: standard deviation of each displacement.")
    rattled_strain: float = Field(
        0.03, ge=0, lt=0.3, description="rattled: shortening of each edge of the compressed starts."
    )
    rattled_relax_steps: Count = Field(60, description="rattled: steps of relaxation.")
    min_contact_share: float = Field(
        0.6, gt=0, le=1, description="rattled: shortest contact after it over the sum of the covalent radii."
    )
    max_collapse_ev_per_atom: Positive = Field(
        0.2, le=100, description="rattled: how far the energy after it may be below that of the relaxed structure."
    )

    separation_angstrom: Contact = Field(5.0, description="voids: how far two layers are pulled apart.")
    min_separation_j_per_m2: float = Field(
        0.0, ge=-100, le=100, description="voids: work to pull two layers apart, at least."
    )
    min_void_ev: float = Field(
        0.0, ge=-100, le=100, description="voids: energy to take a formula unit out of a bulk cell, at least."
    )

    min_exchange_ev: float = Field(
        0.5, ge=-100, le=100, description="species: energy to exchange a cation with an anion beside it, at least."
    )

    max_extensivity_mev_per_atom: Positive = Field(
        0.1, le=1000, description="extensivity: difference of the energy in a 2x2x1 supercell."
    )
    max_extensivity_mev_per_angstrom: Positive = Field(
        2.0, le=1e4, description="extensivity: difference of a force in a 2x2x1 supercell, or with an atom far away."
    )

    max_compiled_mev_per_atom: Positive = Field(
        0.1, le=1000, description="compiled: difference of the energy between LAMMPS and Python."
    )
    max_compiled_mev_per_angstrom: Positive = Field(
        2.0, le=1e4, description="compiled: difference of a force between LAMMPS and Python."
    )

    heating_ps: Picoseconds = Field(2.0, description="heating: length of the ramp.")
    heating_to_kelvin: Kelvin | None = Field(
        None, description="heating: temperature at its end. When left out: twice that of the hottest protocol."
    )
    max_temperature_ratio: float = Field(
        2.0, gt=1, le=1e6, description="heating: temperature over that of the thermostat."
    )
    min_distance_angstrom: Contact = Field(1.0, description="heating and drift: no two atoms may come closer.")

    drift_ps: Picoseconds = Field(2.0, description="drift: length of the run at constant energy.")
    drift_warm_up_ps: Picoseconds = Field(0.5, description="drift: time with a thermostat before it.")
    drift_kelvin: Kelvin | None = Field(
        None, description="drift: temperature. When left out: that of the hottest protocol."
    )
    max_drift_mev_per_atom_ns: Positive = Field(
        100.0,
        le=1e6,
        description="drift: slope of the energy, beyond twice its error. A thermostat with a damping of 0.1 ps takes 100 away at 0.04 K. "
        "Long runs can be held to 5.",
    )
    max_excursion_mev_per_atom: Positive = Field(
        1.0, le=1e4, description="drift: largest distance of the energy from its straight line."
    )
    timestep_fs: Femtoseconds | None = Field(
        None, description="heating and drift: time step. When left out: the shortest of the protocols."
    )

    @model_validator(mode="after")
    def _scan(self) -> Self:
        if self.pair_to_angstrom <= self.pair_from_angstrom:
            raise ValueError("pair_to_angstrom must be larger than pair_from_angstrom")
        return self
