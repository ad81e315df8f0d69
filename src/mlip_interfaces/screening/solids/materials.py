"""The schema of a material file: an anode, an electrolyte (or coating, or interphase), a cathode; and of a space-charge layer."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Discriminator, Field, TypeAdapter, model_validator

from mlip_interfaces.screening.defects.charged_defects import (
    Bands,
    ChargedDefect,
    DefectEquilibrium,
    defect_equilibrium,
)
from mlip_interfaces.screening.solids.levels import line_through
from mlip_interfaces.screening.solids.space_charge import SpaceChargeInputs
from mlip_interfaces.settings import Bounds, Kelvin, Name, Section

VOLTAGE = Bounds("voltage against lithium metal", -3, 10, "V", "No electrode is there.")
POTENTIAL = Bounds("electrostatic potential", -20, 20, "V", "Steps of potential at interfaces are of a few volts.")
IONISATION = Bounds("energy below the vacuum", 0.5, 20, "eV", "No solid holds its electrons so weakly, or so strongly.")
BAND_GAP = Bounds("band gap", 0, 20, "eV", "LiF, the widest of all, has 14.")
FERMI_LEVEL = Bounds("Fermi level above the valence band edge", -5, 20, "eV", "Deep in a band.")
FORMATION_ENERGY = Bounds("formation energy", -50, 50, "eV", "No defect costs or gains as much.")
DENSITY_PER_CM3 = Bounds("density of sites", 1e10, 1e25, "1/cm3", "One in a grain; more than atoms in any solid.")
PERMITTIVITY = Bounds("relative permittivity", 1, 1e5, "", "The vacuum; ferroelectrics.")

_MOST_THERMAL_ENERGIES = 1000

Volts = Annotated[float, VOLTAGE]
Potential = Annotated[float, POTENTIAL]
Ionisation = Annotated[float, IONISATION]
Gap = Annotated[float, BAND_GAP]
FermiLevel = Annotated[float, FERMI_LEVEL]
FormationEnergy = Annotated[float, FORMATION_ENERGY]
PerCm3 = Annotated[float, DENSITY_PER_CM3]

Soc = Annotated[str, Field(pattern=r"^(\d{1,3}|\+)$")]
"""State of charge in percent, or ``+`` beyond it."""

Sources = Annotated[dict[str, str], Field(description="Where each number comes from: key to text.")]
Formula = Annotated[str, Field(min_length=1, max_length=80, description="As in a figure, Li7La3Zr2O12.")]
NamedMaterial = Annotated[Name, Field(description="By which it is called: LLZO.")]
Basis = Annotated[
    str, Field(max_length=200, description="What the numbers are: calculated, measured, reconstructed from a paper.")
]


class FermiLine(Section):
    """The Fermi level at some voltages, straight between them and beyond."""

    voltage_v: tuple[Volts, ...] = Field(
        min_length=2, max_length=1000, description="Against lithium metal, V; rising, two at least."
    )
    above_vbm_ev: tuple[FermiLevel, ...] = Field(
        min_length=2, max_length=1000, description="Fermi level above the valence band edge at each, eV."
    )

    @model_validator(mode="after")
    def _is_a_line(self) -> Self:
        if len(self.voltage_v) != len(self.above_vbm_ev):
            raise ValueError(
                f"voltage_v has {len(self.voltage_v)} values and above_vbm_ev {len(self.above_vbm_ev)}; give as many of both"
            )
        if any(low >= high for low, high in zip(self.voltage_v, self.voltage_v[1:], strict=False)):
            raise ValueError("voltage_v must rise from value to value; sort both lists, and give each voltage once")
        return self


class DefectSpecies(Section):
    """A defect in one charge state."""

    name: str = Field(min_length=1, max_length=40, description="As in Li_i or V_Li.")
    charge_e: int = Field(ge=-10, le=10, description="Against the perfect crystal, e: +1 of an interstitial Li ion.")
    lithium: int = Field(ge=-10, le=10, description="Li atoms that it adds: +1 of an interstitial, -1 of a vacancy.")
    formation_energy_ev: FormationEnergy = Field(
        description="At lithium metal (mu_Li = 0) with the Fermi level at the valence band edge, eV."
    )
    site_density_per_cm3: PerCm3 = Field(description="Places where it can be, 1/cm3.")
    degeneracy: float = Field(1.0, gt=0, le=1e4, description="Ways to be at one place.")


class DefectChemistry(Section):
    """Charged defects whose neutrality gives the Fermi level."""

    temperature_kelvin: Kelvin = Field(description="Of the equilibrium, K.")
    conduction_density_per_cm3: PerCm3 = Field(
        description="Effective density of states of the conduction band at that temperature, 1/cm3."
    )
    valence_density_per_cm3: PerCm3 = Field(description="The same of the valence band, 1/cm3.")
    species: tuple[DefectSpecies, ...] = Field(max_length=100, description="Every defect in every charge state.")

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [species.name for species in self.species]
        for name in names:
            if name in ("electrons", "holes"):
                raise ValueError(f"a defect is called {name}, as what the bands give is; call it otherwise")
            if names.count(name) > 1:
                raise ValueError(f"two defects are called {name}; give each charge state its own name")
        return self

    def equilibrium(self, band_gap_ev: float, voltages_v: NDArray[np.float64]) -> DefectEquilibrium:
        """Neutral at each voltage.

        Parameters
        ----------
        band_gap_ev : float, eV
            Of the material.
        voltages_v : (n,) float array, V
            Against lithium metal.

        Returns
        -------
        DefectEquilibrium
            Fermi level and concentrations.
        """
        bands = Bands(band_gap_ev, self.conduction_density_per_cm3, self.valence_density_per_cm3)
        defects = [
            ChargedDefect(
                one.name, one.charge_e, one.lithium, one.formation_energy_ev, one.site_density_per_cm3, one.degeneracy
            )
            for one in self.species
        ]
        return defect_equilibrium(defects, bands, voltages_v, self.temperature_kelvin)


class SpaceCharge(Section):
    """What the space-charge layer at an electrode follows from."""

    interface_potential_v: Potential = Field(description="Bulk of the electrolyte against the electrode, V; not zero.")
    site_density_per_cm3: PerCm3 = Field(description="Lithium sites, 1/cm3.")
    formation_energy_ev: Annotated[float, Bounds("formation energy", -1, 20, "eV", "More than every site.")] = Field(
        description="Of the lithium defects where the crystal is neutral, eV."
    )
    relative_permittivity: Annotated[float, PERMITTIVITY] = Field(description="Of the electrolyte.")
    temperature_kelvin: Kelvin = Field(description="K.")
    vacancy_fraction: float = Field(
        gt=0, le=1, description="alpha: largest share of the sites that the layer empties or fills."
    )
    sources: Sources = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_a_layer(self) -> Self:
        if self.interface_potential_v == 0.0:
            raise ValueError(
                "interface_potential_v is 0, and no space charge is where no potential drops; give the step"
            )
        if self.formation_energy_ev > _MOST_THERMAL_ENERGIES * self.inputs().thermal_ev:
            raise ValueError(
                f"formation_energy_ev is more than {_MOST_THERMAL_ENERGIES} kT at temperature_kelvin: no crystal has one such defect; "
                "check both"
            )
        return self

    def inputs(self) -> SpaceChargeInputs:
        """The numbers alone.

        Returns
        -------
        SpaceChargeInputs
            For the kernels.
        """
        return SpaceChargeInputs(**{name: getattr(self, name) for name in SpaceChargeInputs.__slots__})


class Anode(Section):
    """A metal that gives lithium."""

    kind: Literal["anode"] = Field(description="anode.")
    name: NamedMaterial
    formula: Formula
    basis: Basis = ""
    work_function_ev: Ionisation = Field(description="From its Fermi level up to the vacuum, eV.")
    voltage_v: Volts = Field(0.0, description="Against lithium metal, V; 0 for lithium itself.")
    sources: Sources = Field(default_factory=dict)


class Electrolyte(Section):
    """What conducts lithium and no electrons: an electrolyte, a coating, an interphase."""

    kind: Literal["electrolyte"] = Field(description="electrolyte, of coatings and interphases, too.")
    name: NamedMaterial
    formula: Formula
    basis: Basis = ""
    reduction_limit_v: Volts = Field(description="Lower end of its electrochemical window against lithium metal, V.")
    oxidation_limit_v: Volts = Field(description="Upper end of the window, V.")
    ionisation_potential_ev: Ionisation = Field(description="From the valence band edge up to the vacuum, eV.")
    band_gap_ev: Gap = Field(description="eV.")
    fermi_level: FermiLine | None = Field(None, description="The Fermi level against the voltage; or give defects.")
    defects: DefectChemistry | None = Field(None, description="Charged defects that determine the Fermi level.")
    space_charge: SpaceCharge | None = Field(None, description="For `screen space-charge --material`.")
    sources: Sources = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.reduction_limit_v >= self.oxidation_limit_v:
            raise ValueError(
                f"reduction_limit_v ({self.reduction_limit_v:g} V) must lie below oxidation_limit_v ({self.oxidation_limit_v:g} V); "
                "both are against lithium metal"
            )
        if (self.fermi_level is None) == (self.defects is None):
            which = "neither fermi_level nor defects" if self.fermi_level is None else "both fermi_level and defects"
            raise ValueError(f"it has {which}; give one of the two, which says where the Fermi level is")
        return self

    def fermi_level_ev(self, voltages_v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fermi level above the valence band edge.

        Parameters
        ----------
        voltages_v : (n,) float array, V
            Against lithium metal.

        Returns
        -------
        (n,) float array, eV
            From the line, or from the defects.
        """
        if self.defects is not None:
            return self.defects.equilibrium(self.band_gap_ev, voltages_v).fermi_level_ev
        assert self.fermi_level is not None, "the schema asks for one of the two"
        knots, levels = np.array(self.fermi_level.voltage_v), np.array(self.fermi_level.above_vbm_ev)
        return line_through(knots, levels, voltages_v)


class CathodeState(Section):
    """A cathode at one state of charge."""

    open_circuit_voltage_v: Volts = Field(description="Against lithium metal, V.")
    ionisation_potential_ev: Ionisation = Field(description="From the valence band edge up to the vacuum, eV.")
    fermi_level_above_vbm_ev: FermiLevel = Field(0.0, description="eV; 0 for a heavily p-type cathode.")
    band_gap_ev: Gap | None = Field(None, description="eV, for the figure of bands.")
    sources: Sources = Field(default_factory=dict)

    @property
    def work_function_ev(self) -> float:
        """From the Fermi level up to the vacuum, eV."""
        return self.ionisation_potential_ev - self.fermi_level_above_vbm_ev


class Cathode(Section):
    """What takes lithium, at each state of charge."""

    kind: Literal["cathode"] = Field(description="cathode.")
    name: NamedMaterial
    formula: Formula
    basis: Basis = ""
    states: dict[Soc, CathodeState] = Field(
        min_length=1, description='By state of charge in quotes: "0" (discharged), "100" (charged), "+" (overcharged).'
    )
    not_given: tuple[Soc, ...] = Field(
        (), max_length=20, description="States that its source names without numbers: listed as missing, never filled."
    )
    sources: Sources = Field(default_factory=dict)

    @model_validator(mode="after")
    def _not_given_are_not_there(self) -> Self:
        both = sorted(set(self.not_given) & set(self.states))
        if both:
            raise ValueError(f"the state '{both[0]}' stands in states and in not_given; take it out of one of them")
        return self


Material = Annotated[Anode | Electrolyte | Cathode, Discriminator("kind")]
MATERIAL: TypeAdapter[Anode | Electrolyte | Cathode] = TypeAdapter(Material)
KINDS: dict[str, type[BaseModel]] = {"anode": Anode, "electrolyte": Electrolyte, "cathode": Cathode}


class Stack(Section):
    """Layers between an anode and a cathode."""

    anode: str = Field("Li", description="Name of an anode.")
    layers: tuple[str, ...] = Field(
        min_length=1,
        max_length=20,
        description="Names of electrolytes, coatings and interphases from anode to cathode.",
    )
    cathode: str = Field(description="Name of a cathode.")
    soc: Soc = Field(description='State of charge of the cathode in quotes: "0", "100", "+".')


def in_order(soc: str) -> tuple[bool, int]:
    """Order of states of charge: by percent, ``+`` last.

    Parameters
    ----------
    soc : str
        As in a material file.

    Returns
    -------
    tuple of (bool, int)
        To sort by.

    Examples
    --------
    >>> sorted(["+", "100", "0"], key=in_order)
    ['0', '100', '+']
    """
    return (soc == "+", int(soc) if re.fullmatch(r"\d+", soc) else 0)
