"""The ``interface`` section: layers, the lateral cell they share, and the models that follow from them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from mlip_interfaces.settings import (
    THICKNESS,
    Area,
    Bar,
    Count,
    Femtoseconds,
    Few,
    GramsPerCm3,
    Kelvin,
    KelvinPerPs,
    Length,
    Name,
    Picoseconds,
    Section,
    Span,
    Thickness,
)

Share = Annotated[float, Field(ge=0, lt=1)]


def _none_or_thick(value: float) -> float:
    if 0 < value < THICKNESS.low:
        raise ValueError(
            f"a layer of {value:g} angstrom is thinner than an atom; give 0, or {THICKNESS.low:g} and more"
        )
    return value


Coating = Annotated[Length, AfterValidator(_none_or_thick)]
"""Thickness of a layer that may be absent."""
Coatings = Annotated[tuple[Coating, ...], Field(max_length=100)]
Repeats = Annotated[int, Field(ge=1, le=100)]
MillerIndex = Annotated[int, Field(ge=-20, le=20)]
"""Planes of larger ones are steps of others, and no slab of them is thin."""


class Vacancies(Section):
    """Atoms removed at random from one layer."""

    element: str = Field(description="Element whose atoms are removed.")
    fraction: Share | Annotated[tuple[Share, ...], Field(max_length=100)] = Field(
        description="Share of that element's atoms in the layer, or a list to scan, as in [0, 0.1]."
    )

    @field_validator("fraction")
    @classmethod
    def _distinct(cls, value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if isinstance(value, tuple) and (not value or len(set(value)) != len(value)):
            raise ValueError("the list of fractions must have at least one entry and no entry twice")
        return value

    @property
    def fractions(self) -> tuple[float, ...]:
        """All fractions to build, ascending."""
        return tuple(sorted(self.fraction)) if isinstance(self.fraction, tuple) else (self.fraction,)


class Defects(Section):
    """Charged point defects, put into one layer at random; together they must be neutral."""

    kinds: tuple[str, ...] = Field(
        min_length=1, max_length=100, description='Kroger-Vink symbols, as in ["S_Cl\'", Li_i.].'
    )
    n: Annotated[Few, Field(ge=1)] = Field(1, description="How often the whole list is put in.")


class MeltQuenchSection(Section):
    """Melt-quench of an amorphous layer in LAMMPS."""

    melt_kelvin: Kelvin = Field(3000.0, description="Temperature of the melt.")
    melt_ps: Picoseconds = Field(10.0, description="Time in the melt.")
    quench_kelvin_per_ps: KelvinPerPs = Field(
        100.0,
        description="Cooling rate to the final temperature. A layer that crystallises twice is cooled faster, and "
        "structures/index.json says so.",
    )
    hold_ps: Picoseconds = Field(5.0, description="Time at the final temperature.")
    timestep_fs: Femtoseconds = Field(1.0, description="MD time step.")
    final_kelvin: Kelvin = Field(300.0, description="Temperature after the quench.")
    relax_ps: Span = Field(
        0.0, description="Time in which the height follows the pressure, a and b fixed; 0 keeps the density as asked."
    )
    pressure_bar: Bar = Field(1.0, description="Along z, in that time.")


class CrystalLayer(Section):
    """A crystalline layer, cut along a Miller plane."""

    kind: Literal["crystal"]
    name: Name = Field(description="Name of the layer, kept on each of its atoms.")
    material: str = Field(
        description="Library crystal (LiCoO2, Li6PS5Cl, ...) or a CIF or POSCAR file, relative to the study's folder."
    )
    miller: tuple[MillerIndex, MillerIndex, MillerIndex] = Field(description="Plane parallel to the interface.")
    thickness_angstrom: Thickness = Field(description="Thickness; the slab comes as near as its planes allow.")
    termination: str | int | None = Field(
        None, description="Name or number of the termination (`structures slabs` lists them); the first when left out."
    )
    symmetric: bool = Field(False, description="Only slabs with the same plane on both sides.")
    stoichiometric: bool = Field(True, description="Only slabs with the composition of the crystal.")
    lithium_content: float | None = Field(
        None, ge=0, le=100, description="Li per host atom, as x in LixCoO2; all when left out."
    )
    lithium_host: str = Field("Co", description="Element whose charge balances the Li that goes.")
    lithium_order: Literal["random", "ordered"] = Field(
        "random", description="Which Li go: at random, or those whose loss costs the least Coulomb energy."
    )
    defects: Defects | None = Field(None, description="Charge-balanced point defects in this layer.")
    vacancies: tuple[Vacancies, ...] = Field((), max_length=100, description="Vacancies in this layer.")

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
    material: str = Field(description="Formula of the compound, as in LiF or Li3PO4.")
    thickness_angstrom: Coating | Coatings = Field(
        description="Thickness, or a list of thicknesses to scan; 0 leaves the layer out."
    )
    density_g_per_cm3: GramsPerCm3 = Field(
        2.45, description="Density of the layer; the default is that of LiF, every other glass needs its own."
    )
    potential: str = Field(
        "tosi-fumi",
        description="tosi-fumi (LiF only), the file of a Deep Potential, or a file of LAMMPS lines (pair_style ...); relative to the "
        "study's folder.",
    )
    melt_quench: MeltQuenchSection = Field(default_factory=lambda: MeltQuenchSection())

    @field_validator("thickness_angstrom")
    @classmethod
    def _distinct(cls, value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if isinstance(value, tuple) and (not value or len(set(value)) != len(value)):
            raise ValueError("the list of thicknesses must have at least one entry and no entry twice")
        return value

    @model_validator(mode="after")
    def _has_potential(self) -> Self:
        if self.potential == "tosi-fumi" and self.material != "LiF":
            raise ValueError(
                f"the Tosi-Fumi potential is for LiF, not for {self.material}; give `potential` (a Deep Potential or a "
                "file of LAMMPS lines)"
            )
        return self

    @model_validator(mode="after")
    def _has_density(self) -> Self:
        if self.material != "LiF" and "density_g_per_cm3" not in self.model_fields_set:
            raise ValueError(
                f"the density of amorphous {self.material} is not known; give `density_g_per_cm3` (about 0.93 of the crystal's)"
            )
        return self

    @property
    def thicknesses(self) -> tuple[float, ...]:
        """All thicknesses to build, angstrom, ascending."""
        value = self.thickness_angstrom
        return tuple(sorted(value)) if isinstance(value, tuple) else (value,)


AnyLayer = CrystalLayer | AmorphousLayer


class SmallCells(Section):
    """Cells that DFT can afford: the same planes and lateral cell, thinner layers, and pairs of layers alone."""

    thickness_angstrom: dict[Name, Coating | Coatings] = Field(
        description="Thickness of each layer by name, a list for the scanned one; layers left out keep theirs."
    )
    sub_interfaces: bool = Field(True, description="Also each pair of layers as a cell of its own.")
    max_atoms: Count = Field(400, description="A larger cell is refused.")


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer of one model.

    Attributes
    ----------
    section : AnyLayer
        The layer of the study.
    thickness_angstrom : float, angstrom
        Asked for.
    vacancies : tuple of tuple of (str, float)
        Element and share of its atoms that are removed.
    """

    section: AnyLayer
    thickness_angstrom: float
    vacancies: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One interface model to build.

    Attributes
    ----------
    name : str
        Of its folder.
    small : bool
        Whether it is a cell for DFT; a study without small cells uses its models for everything.
    coating_angstrom : float or None, angstrom
        Thickness of the scanned layer; None in a pair of layers without it, and where no layer can be scanned.
    variant : str
        ``vac10`` where vacancies are scanned and a tenth is removed, else empty.
    layers : tuple of LayerPlan
        Bottom to top.
    lateral_repeat : tuple of int
        Of the matched lateral cell.
    max_atoms : int or None
        A larger model is refused.
    """

    name: str
    small: bool
    coating_angstrom: float | None
    variant: str
    layers: tuple[LayerPlan, ...]
    lateral_repeat: tuple[int, int]
    max_atoms: int | None


class Interface(Section):
    """The layers, bottom to top, and the limits of lattice matching."""

    layers: tuple[Annotated[AnyLayer, Field(discriminator="kind")], ...] = Field(min_length=2, max_length=20)
    max_strain: float = Field(0.03, gt=0, lt=0.3, description="Largest strain of a strained crystal.")
    max_area_angstrom2: Area = Field(250.0, description="Largest lateral cell searched for a match.")
    strained: Literal["film", "substrate", "both"] = Field(
        "film", description="Who takes the strain: all but the first crystal, the first one, or both alike."
    )
    primitive: bool = Field(
        False,
        description="Match the primitive lattices of centred crystals, not the conventional ones: often a smaller cell.",
    )
    lateral_repeat: tuple[Repeats, Repeats] = Field(
        (1, 1), description="Repeats of the lateral cell in production models."
    )
    relax_gaps: bool = Field(True, description="Close the gaps between rigid layers to their lowest contact energy.")
    registry: Literal["as-cut", "lowest"] = Field(
        "as-cut",
        description="Lateral place of a layer on the one below: as it was cut, or of the lowest contact energy.",
    )
    vacuum_angstrom: Length = Field(0.0, description="Vacuum above the last layer; 0 makes a superlattice.")
    small: SmallCells | None = Field(None, description="Cells for DFT; without them all models serve for everything.")

    @model_validator(mode="after")
    def _layers(self) -> Self:
        names = [layer.name for layer in self.layers]
        if len(set(names)) != len(names):
            raise ValueError("two layers have the same name; give each its own")
        if not any(isinstance(layer, CrystalLayer) for layer in self.layers):
            raise ValueError("at least one layer must be a crystal: it sets the lateral cell")
        if sum(len(layer.thicknesses) > 1 for layer in self.layers if isinstance(layer, AmorphousLayer)) > 1:
            raise ValueError("only one layer may have a list of thicknesses")
        if sum(len(vacancies.fractions) > 1 for vacancies in self._all_vacancies) > 1:
            raise ValueError("only one list of vacancy fractions can be scanned")
        if self.small is not None:
            self._check_small(self.small, set(names))
        models = [model.name for model in self.models]
        for name in models:
            if models.count(name) > 1:
                raise ValueError(
                    f"two models would be called '{name}'; give each thickness and each fraction of vacancies once, and well apart"
                )
        return self

    def _check_small(self, small: SmallCells, names: set[str]) -> None:
        for name, value in small.thickness_angstrom.items():
            if name not in names:
                raise ValueError(
                    f"small.thickness_angstrom: there is no layer '{name}'; the layers are {', '.join(sorted(names))}"
                )
            scanned = self.scanned is not None and name == self.scanned.name
            if isinstance(value, tuple) and not scanned:
                raise ValueError(f"small.thickness_angstrom.{name}: only the scanned layer may have a list")
            if not scanned and value == 0:
                raise ValueError(f"small.thickness_angstrom.{name} is 0; only the scanned layer can be left out")

    @property
    def _all_vacancies(self) -> tuple[Vacancies, ...]:
        return tuple(v for layer in self.layers if isinstance(layer, CrystalLayer) for v in layer.vacancies)

    @property
    def scanned(self) -> AmorphousLayer | None:
        """The amorphous layer whose thickness names the models, if there is one."""
        coatings = [layer for layer in self.layers if isinstance(layer, AmorphousLayer)]
        return max(coatings, key=lambda layer: len(layer.thicknesses), default=None)

    @property
    def compared(self) -> str | None:
        """Name of the layer of which there are several thicknesses to choose from, if there is one."""
        coating = self.scanned
        return coating.name if coating is not None and len(coating.thicknesses) > 1 else None

    @property
    def largest_half_width_angstrom(self) -> float:
        """Half of the widest lateral cell that production models can have, angstrom.

        A parallelogram of area A is nowhere wider than sqrt(A) in both directions; strain may stretch it.
        """
        n_cells = self.lateral_repeat[0] * self.lateral_repeat[1]
        return 0.5 * (1.0 + self.max_strain) * math.sqrt(self.max_area_angstrom2 * n_cells)

    @property
    def models(self) -> tuple[ModelPlan, ...]:
        """All interface models of the study: small cells first, then those for production."""
        production = self._full_models({}, None)
        if self.small is None:
            return production
        small = self.small
        pairs = self._pairs(small) if small.sub_interfaces else ()
        return (*self._full_models(small.thickness_angstrom, small), *pairs, *production)

    @property
    def scan_models(self) -> tuple[ModelPlan, ...]:
        """Models for production MD."""
        return tuple(model for model in self.models if not model.small)

    @property
    def label_models(self) -> tuple[ModelPlan, ...]:
        """Models that are explored and labelled: the small cells, or all where there are none."""
        return tuple(model for model in self.models if model.small or self.small is None)

    def _full_models(
        self, given: dict[str, float | tuple[float, ...]], small: SmallCells | None
    ) -> tuple[ModelPlan, ...]:
        scanned = self.scanned
        wanted: float | tuple[float, ...] = 0.0
        if scanned is not None:
            wanted = given.get(scanned.name, scanned.thickness_angstrom)
        thicknesses = tuple(sorted(wanted)) if isinstance(wanted, tuple) else (wanted,)
        scan = next((v for v in self._all_vacancies if len(v.fractions) > 1), None)
        models = []
        for thickness, fraction in itertools.product(thicknesses, scan.fractions if scan else (None,)):
            layers = tuple(
                LayerPlan(layer, self._thickness(layer, given, thickness), _vacancies(layer, scan, fraction))
                for layer in self.layers
                if layer is not scanned or thickness > 0
            )
            variant = f"vac{100 * fraction:g}".replace(".", "p") if fraction else ""
            parts = ("dft" if small else "", self._coating_name(thickness), variant)
            models.append(
                ModelPlan(
                    name="-".join(filter(None, parts)), small=small is not None,
                    coating_angstrom=None if scanned is None else thickness, variant=variant, layers=layers, lateral_repeat=(1, 1) if small else self.lateral_repeat,
                    max_atoms=small.max_atoms if small else None,
                )
            )  # fmt: skip
        return tuple(models)

    def _pairs(self, small: SmallCells) -> tuple[ModelPlan, ...]:
        """Each pair of layers that is no model by itself, without vacancies; the scanned layer at its thinnest."""
        given = small.thickness_angstrom
        full = self._full_models(given, small)
        stacks = {tuple(plan.section.name for plan in model.layers) for model in full}
        thinnest = min((model.coating_angstrom or math.inf for model in full), default=math.inf)
        models = []
        for pair in itertools.combinations(self.layers, 2):
            crystals = [layer for layer in pair if isinstance(layer, CrystalLayer)]
            if (
                tuple(layer.name for layer in pair) in stacks
                or not crystals
                or (self.scanned in pair and thinnest == math.inf)
            ):
                continue
            models.append(
                ModelPlan(
                    name=f"dft-{pair[0].name}-{pair[1].name}", small=True,
                    coating_angstrom=thinnest if self.scanned in pair else None, variant="",
                    layers=tuple(LayerPlan(layer, self._thickness(layer, given, thinnest)) for layer in pair),
                    lateral_repeat=(1, 1), max_atoms=small.max_atoms,
                )
            )  # fmt: skip
        return tuple(models)

    def _thickness(
        self, layer: AnyLayer, given: dict[str, float | tuple[float, ...]], scanned_angstrom: float
    ) -> float:
        if layer is self.scanned:
            return scanned_angstrom
        value = given.get(layer.name, layer.thickness_angstrom)
        return value[0] if isinstance(value, tuple) else value

    def _coating_name(self, thickness_angstrom: float) -> str:
        """As in ``coating-05A``."""
        if self.scanned is None:
            return "interface"
        whole = math.isclose(thickness_angstrom, round(thickness_angstrom))
        number = f"{round(thickness_angstrom):02d}" if whole else f"{thickness_angstrom:g}".replace(".", "p")
        return f"{self.scanned.name}-{number}A"


def _vacancies(layer: AnyLayer, scan: Vacancies | None, fraction: float | None) -> tuple[tuple[str, float], ...]:
    if not isinstance(layer, CrystalLayer):
        return ()
    pairs = ((v.element, fraction if v is scan else v.fractions[0]) for v in layer.vacancies)
    return tuple((element, share) for element, share in pairs if share)
