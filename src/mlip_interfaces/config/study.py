"""The study schema: one YAML file says everything a campaign needs.

Unknown keys are forbidden, every number carries its unit in its name, and the field descriptions are the
user documentation (``mlip-interfaces config schema``).
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal, Self

from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

ContactFactor = Annotated[float, Field(gt=0.4, le=1.2)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class Section(BaseModel):
    """Base of all sections: immutable, unknown keys forbidden, infinities refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Vacancies(Section):
    """Atoms removed at random from one layer."""

    element: str = Field(description="Element whose atoms are removed.")
    fraction: float = Field(gt=0, lt=1, description="Share of that element's atoms in the layer.")


class MeltQuenchSection(Section):
    """Melt-quench of an amorphous layer in LAMMPS (Tosi-Fumi potential)."""

    melt_kelvin: Positive = Field(3000.0, description="Temperature of the melt.")
    melt_ps: Positive = Field(10.0, description="Time in the melt.")
    quench_kelvin_per_ps: Positive = Field(100.0, description="Cooling rate down to 300 K.")
    hold_ps: Positive = Field(5.0, description="Time at 300 K after the quench.")
    timestep_fs: Positive = Field(1.0, description="MD time step.")


class CrystalLayer(Section):
    """A crystalline layer, cut along a Miller plane."""

    kind: Literal["crystal"]
    name: Name = Field(description="Name of the layer, kept on each of its atoms.")
    material: str = Field(description="Library crystal (LiCoO2, Li6PS5Cl, ...) or a CIF or POSCAR file.")
    miller: tuple[int, int, int] = Field(description="Plane parallel to the interface.")
    thickness_angstrom: Positive = Field(description="Thickness; rounded to whole repeat units.")
    vacancies: tuple[Vacancies, ...] = Field((), description="Vacancies in this layer.")

    @field_validator("miller")
    @classmethod
    def _not_zero(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if value == (0, 0, 0):
            raise ValueError("(0, 0, 0) is no plane; give for example [1, 1, 0]")
        return value


class AmorphousLayer(Section):
    """An amorphous layer, made by melt-quench in the lateral cell of the interface."""

    kind: Literal["amorphous"]
    name: Name = Field(description="Name of the layer, kept on each of its atoms.")
    material: Literal["LiF"] = Field(description="Compound with a melt-quench potential (LiF: Tosi-Fumi).")
    thickness_angstrom: NonNegative | tuple[NonNegative, ...] = Field(
        description="Thickness, or a list of thicknesses to scan; 0 leaves the layer out."
    )
    density_g_per_cm3: Positive = Field(2.45, description="Density of the layer.")
    melt_quench: MeltQuenchSection = Field(default_factory=lambda: MeltQuenchSection())

    @field_validator("thickness_angstrom")
    @classmethod
    def _distinct(cls, value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if isinstance(value, tuple) and (not value or len(set(value)) != len(value)):
            raise ValueError("the list of thicknesses must have at least one entry and no entry twice")
        return value

    @property
    def thicknesses(self) -> tuple[float, ...]:
        """All thicknesses to build, angstrom, ascending."""
        value = self.thickness_angstrom
        return tuple(sorted(value)) if isinstance(value, tuple) else (value,)


class Interface(Section):
    """The layers, bottom to top, and the limits of lattice matching."""

    layers: tuple[Annotated[CrystalLayer | AmorphousLayer, Field(discriminator="kind")], ...] = Field(min_length=2)
    max_strain: float = Field(0.03, gt=0, lt=0.3, description="Largest strain of the strained crystal.")
    max_area_angstrom2: Positive = Field(250.0, description="Largest lateral cell searched for a match.")

    @model_validator(mode="after")
    def _layers(self) -> Self:
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError("two layers have the same name; give each its own")
        if sum(isinstance(layer, CrystalLayer) for layer in self.layers) != 2:
            raise ValueError("exactly two layers must be crystals; amorphous layers go between them")
        if not (isinstance(self.layers[0], CrystalLayer) and isinstance(self.layers[-1], CrystalLayer)):
            raise ValueError("the first and the last layer must be crystals")
        scans = [layer for layer in self.layers if isinstance(layer, AmorphousLayer) and len(layer.thicknesses) > 1]
        if len(scans) > 1:
            raise ValueError("only one layer may have a list of thicknesses")
        return self

    @property
    def scanned(self) -> AmorphousLayer | None:
        """The amorphous layer whose thickness names the models, if there is one."""
        coatings = [layer for layer in self.layers if isinstance(layer, AmorphousLayer)]
        return max(coatings, key=lambda layer: len(layer.thicknesses), default=None)


class Labels(Section):
    """Who labels structures with energy, forces and virial."""

    calculator: str = Field(description="chgnet, gpaw, tblite, or package.module:callable returning an ASE calculator.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Keyword arguments of the calculator, as they stand."
    )
    timeout_seconds: Positive = Field(600.0, description="A label that takes longer is given up.")
    max_force_ev_per_angstrom: Positive = Field(60.0, description="A label with a larger force is refused.")
    min_distance_angstrom: Positive = Field(0.7, description="A structure with a shorter contact is refused.")
    max_failed_fraction: float = Field(
        0.3, ge=0, le=1, description="Share of failed labels in one iteration that stops the campaign."
    )


class Perturbation(Section):
    """Rattled and strained copies of the starting structures."""

    n_per_bulk: int = Field(20, ge=0, description="Copies of each bulk cell.")
    n_per_interface: int = Field(5, ge=0, description="Copies of each interface model that is explored.")
    displacement_angstrom: Positive = Field(0.1, description="Standard deviation of the displacements.")
    cell_strain: float = Field(0.03, ge=0, lt=0.3, description="Largest strain component of the cell.")


class Scrambled(Section):
    """Atoms of all elements at random places: they teach the walls between elements that crystals keep apart."""

    n: int = Field(0, ge=0, description="How many structures.")
    atoms_per_element: Count = Field(6)
    volume_per_atom_angstrom3: Positive = Field(16.0)
    shortest_factor: tuple[ContactFactor, ContactFactor] = Field(
        (0.72, 0.95),
        description="Shortest contact over the sum of covalent radii, of the first and the last structure.",
    )


class TeacherMD(Section):
    """A short MD run with the teacher itself (the seed's short AIMD)."""

    structure: str = Field(description="'bulk-LAYER' of a layer, or the name of an interface model.")
    temperature_kelvin: Positive
    steps: int = Field(ge=0)
    sample_every: Count = Field(10, description="A labelled frame is kept each so many steps.")
    timestep_fs: Positive = Field(1.0)
    relax_steps: int = Field(0, ge=0, description="Relaxation steps before the MD; sampled likewise.")


class InitialData(Section):
    """Data the first committee is trained on."""

    perturbation: Perturbation = Field(default_factory=lambda: Perturbation())
    scrambled: Scrambled = Field(default_factory=lambda: Scrambled())
    teacher_md: tuple[TeacherMD, ...] = ()
    n_melt_quench_snapshots: int = Field(
        0, ge=0, description="Snapshots of each amorphous layer's melt-quench that are labelled."
    )
    held_out_fraction: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="Share of all labels kept out of training to measure errors: whole trajectories, of every layer.",
    )


class ExplorationStep(Section):
    """One active-learning iteration: all temperatures times all pressures, for each explored model."""

    temperatures_kelvin: tuple[Positive, ...] = Field(min_length=1)
    pressures_bar: tuple[float, ...] = Field((1.0,), min_length=1)
    steps: Count
    sample_every: Count = Field(description="Model deviation is evaluated each so many steps.")


class Exploration(Section):
    """Committee MD that looks for structures the committee does not know."""

    iterations: tuple[ExplorationStep, ...] = Field(min_length=1)
    thicknesses_angstrom: tuple[NonNegative, ...] | None = Field(
        None, description="Coating thicknesses to explore; all when left out."
    )
    timestep_fs: Positive = Field(1.0)
    force_trust_low_ev_per_angstrom: Positive = Field(0.15)
    force_trust_high_ev_per_angstrom: Positive = Field(0.5)
    max_labels_per_model: Count = Field(
        30, description="Candidates labelled per model and iteration (DP-GEN's fp_task_max)."
    )

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if self.force_trust_high_ev_per_angstrom <= self.force_trust_low_ev_per_angstrom:
            raise ValueError("force_trust_high_ev_per_angstrom must be larger than force_trust_low_ev_per_angstrom")
        return self


class Training(Section):
    """Deep Potential (se_e2_a, one side) and its training."""

    committee_size: int = Field(4, ge=2)
    cutoff_angstrom: Positive = Field(6.0)
    smooth_from_angstrom: Positive = Field(0.5)
    embedding_neurons: tuple[Count, ...] = Field((25, 50, 100), min_length=1)
    axis_neurons: Count = Field(16)
    fitting_neurons: tuple[Count, ...] = Field((240, 240, 240), min_length=1)
    precision: Literal["float64", "float32"] = Field(
        "float64", description="Of the networks; float32 trains and runs about 1.4 times as fast on CPUs."
    )
    max_neighbors: tuple[Count, ...] | None = Field(
        None,
        description="Neighbours kept per element (DeePMD's sel), in the order of `elements`; counted when left out.",
    )
    steps: Count = Field(400_000, description="Steps of a committee member in the first iteration.")
    steps_reuse: Count = Field(100_000, description="Steps when it starts from the iteration before.")
    steps_final: Count = Field(1_000_000, description="Steps of the final model.")
    start_learning_rate: Positive = Field(1e-3)
    stop_learning_rate: Positive = Field(3.5e-8)
    start_learning_rate_reuse: Positive = Field(2e-4)
    batch_size: str | int = Field("auto", description="Frames per step, or auto (at least 32 atoms).")

    @model_validator(mode="after")
    def _smooth(self) -> Self:
        if self.smooth_from_angstrom >= self.cutoff_angstrom:
            raise ValueError("smooth_from_angstrom must be smaller than cutoff_angstrom")
        return self


class Validation(Section):
    """Labels that no training sees."""

    n_exploration_frames: int = Field(
        20, ge=0, description="Frames of the last exploration that are labelled only to measure errors."
    )


class Protocol(Section):
    """One named MD protocol, run for every thickness and seed."""

    ensemble: Literal["npt", "nvt"] = Field("npt")
    temperature_kelvin: Positive
    pressure_bar: float | tuple[float, float, float] = Field(1.0, description="One pressure, or x, y and z.")
    time_ps: Positive
    timestep_fs: Positive = Field(1.0)
    dump_interval_ps: Positive
    seeds: tuple[Count, ...] = Field((1,), min_length=1)

    @property
    def pressures(self) -> tuple[float, float, float]:
        """Pressure along x, y and z, bar."""
        value = self.pressure_bar
        return value if isinstance(value, tuple) else (value, value, value)

    @model_validator(mode="after")
    def _times(self) -> Self:
        if self.dump_interval_ps > self.time_ps / 8:
            raise ValueError("dump_interval_ps must leave at least eight frames of time_ps")
        return self


class Health(Section):
    """Bounds that a run must keep; one that leaves them is stopped and kept out of all averages."""

    max_temperature_ratio: float = Field(2.0, gt=1, description="Largest instantaneous T over the target T.")
    mean_temperature_tolerance: float = Field(0.15, gt=0, lt=1, description="Mean T against the target T.")
    density_change: float = Field(0.25, gt=0, lt=1, description="Largest relative change of density.")
    min_distance_angstrom: Positive = Field(1.1, description="No two atoms may come closer.")


class RdfSection(Section):
    """Partial radial distribution functions in time blocks."""

    pairs: tuple[str, ...] = Field(("P-O", "P-S", "Co-S", "S-S"), min_length=1)
    r_max_angstrom: Positive = Field(6.0)
    bin_width_angstrom: Positive = Field(0.05)
    blocks: Count = Field(4)


class MsdSection(Section):
    """Mean squared displacement and diffusivity."""

    species: tuple[str, ...] = Field(("Li",), min_length=1)
    layer: str | None = Field(None, description="Only atoms that started in this layer; all when left out.")


class TetrahedraSection(Section):
    """Regular tetrahedra (four ligands within the cutoff, Errington-Debenedetti q above q_min)."""

    center: str = "Li"
    ligand: str = "F"
    cutoff_angstrom: Positive = 2.6
    q_min: float = Field(0.85, gt=0, le=1)
    average_ps: NonNegative = Field(1.0, description="Positions are averaged over this time first.")


class OnsagerSection(Section):
    """Transport coefficients L_ij, in windows of time."""

    species: tuple[str, ...] = Field(min_length=1)
    charges: tuple[float, ...] = Field(description="Of each species, e; conductivities name the set.")
    windows: Count = Field(1)

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.charges) != len(self.species):
            raise ValueError("charges must have one number for each of species")
        return self


class ChemistrySection(Section):
    """P-S units, S2 dimers, new bonds and exchanges of sulfur for oxygen."""

    min_lifetime_ps: NonNegative = Field(0.1, description="Bonds that last less are collisions.")
    exchange_window_ps: Positive = Field(1.0, description="A P-O bond made and a P-S bond broken within it.")


class ProfileSection(Section):
    """Density against depth."""

    bin_width_angstrom: Positive = 0.5


class Analysis(Section):
    """What is computed from every trajectory."""

    rdf: RdfSection = Field(default_factory=lambda: RdfSection())
    msd: MsdSection = Field(default_factory=lambda: MsdSection())
    onsager: OnsagerSection | None = Field(None, description="Left out: no transport coefficients.")
    tetrahedra: TetrahedraSection = Field(default_factory=lambda: TetrahedraSection())
    chemistry: ChemistrySection = Field(default_factory=lambda: ChemistrySection())
    profile: ProfileSection = Field(default_factory=lambda: ProfileSection())
    drift: str = Field("com", description="Frame of reference: com, none, elements (Co,O) or a layer's name.")


class Execution(Section):
    """Where jobs run: dpdispatcher's local shell."""

    kind: Literal["local"] = "local"
    cores: Count = Field(2, description="Single-core tasks side by side.")
    poll_seconds: Positive = Field(1.0, description="How often running jobs are looked at.")


class Study(Section):
    """A whole study."""

    name: Name
    elements: tuple[str, ...] = Field(min_length=1, description="The type map: its order is the order everywhere.")
    seed: int = Field(1, ge=1, lt=2**31, description="Seed of everything random.")
    interface: Interface
    labels: Labels
    initial_data: InitialData = Field(default_factory=lambda: InitialData())
    exploration: Exploration
    training: Training = Field(default_factory=lambda: Training())
    validation: Validation = Field(default_factory=lambda: Validation())
    protocols: dict[Name, Protocol] = Field(min_length=1)
    health: Health = Field(default_factory=lambda: Health())
    analysis: Analysis = Field(default_factory=lambda: Analysis())
    execution: Execution = Field(default_factory=lambda: Execution())

    @field_validator("elements")
    @classmethod
    def _known_elements(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for symbol in value:
            if symbol not in atomic_numbers or symbol == "X":
                raise ValueError(f"'{symbol}' is not a chemical element")
        if len(set(value)) != len(value):
            raise ValueError("an element stands twice in the list")
        return value

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        layers = {layer.name for layer in self.interface.layers}
        self._check_analysis(layers)
        sel = self.training.max_neighbors
        if sel is not None and len(sel) != len(self.elements):
            raise ValueError(
                f"training.max_neighbors has {len(sel)} entries for {len(self.elements)} elements; give one each"
            )
        models = {self.model_name(thickness) for thickness in self.thicknesses}
        bulk = {f"bulk-{name}" for name in layers}
        for md in self.initial_data.teacher_md:
            if md.structure not in models | bulk:
                raise ValueError(
                    f"initial_data.teacher_md: there is no structure '{md.structure}'; "
                    f"the structures are {', '.join(sorted(models | bulk))}"
                )
        wanted = self.exploration.thicknesses_angstrom
        if wanted is not None and not set(wanted) <= set(self.thicknesses):
            raise ValueError(
                f"exploration.thicknesses_angstrom must be among {', '.join(f'{t:g}' for t in self.thicknesses)}"
            )
        return self

    def _check_analysis(self, layers: set[str]) -> None:
        asked = self.analysis
        if asked.msd.layer is not None and asked.msd.layer not in layers:
            raise ValueError(
                f"analysis.msd.layer is '{asked.msd.layer}', but the layers are {', '.join(sorted(layers))}"
            )
        element, layer = "|".join(self.elements), "|".join(map(re.escape, sorted(layers)))
        side = f"({element})(@({layer}))?"
        for pair in asked.rdf.pairs:
            if not re.fullmatch(f"{side}-{side}", pair):
                raise ValueError(
                    f"analysis.rdf.pairs: '{pair}' must be two of the elements {', '.join(self.elements)}, as in P-S, each "
                    f"with a layer if you like ({', '.join(sorted(layers))}), as in Li@{sorted(layers)[0]}-S"
                )
        for name, species in (("msd", asked.msd.species), ("onsager", asked.onsager.species if asked.onsager else ())):
            for symbol in species:
                if symbol not in self.elements:
                    raise ValueError(f"analysis.{name}.species: '{symbol}' is not in elements")
        if asked.drift not in {"com", "none", *layers} and not set(asked.drift.split(",")) <= set(self.elements):
            raise ValueError(
                f"analysis.drift is '{asked.drift}'; it must be com, none, a layer ({', '.join(sorted(layers))}) or elements "
                "such as Co,O"
            )

    @property
    def thicknesses(self) -> tuple[float, ...]:
        """Coating thicknesses of the scan, angstrom, ascending; (0,) for a study without a coating."""
        scanned = self.interface.scanned
        return scanned.thicknesses if scanned is not None else (0.0,)

    @property
    def explored(self) -> tuple[str, ...]:
        """Names of the interface models that exploration runs on."""
        wanted = self.exploration.thicknesses_angstrom
        return tuple(self.model_name(t) for t in self.thicknesses if wanted is None or t in wanted)

    def model_name(self, thickness_angstrom: float) -> str:
        """Name of the interface model with this coating thickness, as in ``coating-05A``."""
        scanned = self.interface.scanned
        if scanned is None:
            return "interface"
        whole = math.isclose(thickness_angstrom, round(thickness_angstrom))
        number = f"{round(thickness_angstrom):02d}" if whole else f"{thickness_angstrom:g}".replace(".", "p")
        return f"{scanned.name}-{number}A"
