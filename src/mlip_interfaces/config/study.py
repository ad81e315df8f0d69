"""The study schema: one YAML file says everything a campaign needs.

Unknown keys are forbidden, every number carries its unit in its name, and the field descriptions are the
user documentation (``mlip-interfaces config schema``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal, Self

from ase.data import atomic_numbers
from pydantic import Field, JsonValue, field_validator, model_validator

from mlip_interfaces.choices import BACKEND_LABELS, BACKEND_OF_ENDING, BackendName, CellFreedom, ModelKind
from mlip_interfaces.config.analysis import Analysis, canonical_analysis
from mlip_interfaces.config.dft import DFT_CODES, Dft, resolved
from mlip_interfaces.config.execution import Execution, LocalExecution
from mlip_interfaces.config.gates import Gates
from mlip_interfaces.config.interface import Interface, ModelPlan
from mlip_interfaces.config.recommendation import Recommendation
from mlip_interfaces.observables import Chemistry, Msd, Rdf
from mlip_interfaces.settings import (
    MOST,
    Bar,
    Contact,
    ContactFactor,
    CoreHours,
    Count,
    Cutoff,
    Displacement,
    Distinct,
    Femtoseconds,
    Few,
    Force,
    Kelvin,
    LearningRate,
    Length,
    Name,
    Picoseconds,
    Positive,
    Seconds,
    Section,
    Span,
    VolumePerAtom,
    Whole,
)
from mlip_interfaces.structures.crystals import in_library
from mlip_interfaces.units import FS_TO_PS

MIN_FRAMES = 8
"""Of a run: fewer give no error bar."""

LossWeight = Annotated[float, Field(ge=0, le=1e8)]
Neurons = Annotated[int, Field(ge=1, le=10_000)]


SEVENNETS = ("7net-0", "7net-0_22may2024", "7net-l3i5", "7net-mf-0")
"""Models of SevenNet whose weights are in its wheel; it would download others."""

_FIDELITIES = {"7net-mf-0": ("PBE", "R2SCAN")}
"""Of models of SevenNet that label on several levels of theory: names of `modal`, as their checkpoints have them."""


START_ENDINGS = {"pytorch": ".pt", "tensorflow": ".pb"}
"""Of the files that a training of each backend can start from."""


def _check_models(calculator: str, parameters: Mapping[str, JsonValue]) -> None:
    """Refuse parameters of a Deep Potential or of SevenNet that name no model which is here."""
    model = parameters.get("model")
    if calculator == "deepmd":
        unknown = [name for name in parameters if name not in ("model", "head")]
        if unknown:
            raise ValueError(
                f"parameters.{unknown[0]}: deepmd takes `model` and `head`, and nothing else; leave it out"
            )
        if not isinstance(model, str) or not model.endswith(tuple(BACKEND_OF_ENDING)):
            raise ValueError(
                "deepmd labels with a Deep Potential of yours: give it as parameters.model, a file that ends in "
                f"{', '.join(BACKEND_OF_ENDING)}"
            )
        if not isinstance(parameters.get("head", ""), str):
            raise ValueError("parameters.head is the name of a head of the model; give it as text, or leave it out")
    if calculator == "sevennet" and isinstance(model, str) and "." not in model and model.lower() not in SEVENNETS:
        raise ValueError(
            f"parameters.model is '{model}', whose weights are not in the package sevenn, and nothing is downloaded; give one of "
            f"{', '.join(SEVENNETS)}, or a checkpoint file (.pth) of yours"
        )
    levels = _FIDELITIES.get(str(model).lower(), ()) if calculator == "sevennet" else ()
    if levels and parameters.get("modal") not in levels:
        given = f"is {parameters['modal']!r}" if "modal" in parameters else "is missing"
        raise ValueError(
            f"parameters.modal {given}: {model} labels on several levels of theory, and modal says on which; give {' or '.join(levels)}"
        )


class Labels(Section):
    """Who labels structures with energy, forces and virial."""

    calculator: str = Field(
        description="vasp, gpaw, cp2k or abacus (with the section `dft`); chgnet, sevennet, deepmd (a Deep Potential of your own), tblite, "
        "or package.module:callable returning an ASE calculator (with `parameters`)."
    )
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Keyword arguments of the ASE calculator, as they stand; a model file (.pb, .pt, .model ...) is relative to "
        "the study's folder. Of deepmd: `model`, and the `head` of a multi-task model. Of sevennet: `model`, 7net-0 if left out.",
    )
    dft: Dft | None = Field(None, description="Settings of vasp, gpaw, cp2k or abacus.")
    second_attempt: bool = Field(
        False, description="Try an unconverged vasp, gpaw, cp2k or abacus label once more with safer SCF settings."
    )
    timeout_seconds: Seconds = Field(600.0, description="A label that takes longer is given up.")
    max_force_ev_per_angstrom: Force = Field(60.0, description="A label with a larger force on an atom is refused.")
    min_distance_angstrom: Contact = Field(0.7, description="A structure with a shorter contact is refused.")
    max_failed_fraction: float = Field(
        0.3, ge=0, le=1, description="Share of failed labels in one iteration that stops the campaign."
    )

    @model_validator(mode="after")
    def _settings_of_its_kind(self) -> Self:
        if self.calculator in DFT_CODES:
            if self.dft is None:
                raise ValueError(f"calculator {self.calculator} needs the section labels.dft (it may be empty: {{}})")
            if self.parameters:
                raise ValueError(f"parameters are for ASE calculators; {self.calculator} takes labels.dft")
        elif self.dft is not None:
            raise ValueError(f"dft is for {', '.join(DFT_CODES)}; {self.calculator} takes labels.parameters")
        _check_models(self.calculator, self.parameters)
        return self


class Perturbation(Section):
    """Rattled and strained copies of the starting structures."""

    n_per_bulk: Few = Field(20, description="Copies of each bulk cell.")
    n_per_interface: Few = Field(5, description="Copies of each interface model that is explored.")
    displacement_angstrom: Displacement = Field(0.1, description="Standard deviation of the displacements.")
    cell_strain: float = Field(0.03, ge=0, lt=0.3, description="Largest strain component of the cell.")
    n_shifted_per_interface: Few = Field(
        0, description="Copies of each interface model with its layers shifted rigidly."
    )
    shift_lateral_angstrom: Length = Field(1.0, description="Largest shift of a layer along x and along y.")
    shift_vertical_angstrom: Length = Field(0.3, description="Largest shift of a layer along z.")
    n_with_vacancies: Few = Field(0, description="Copies of each structure that lack a few atoms.")
    vacancy_element: str = Field("Li", description="Element of those atoms.")
    n_vacancies: Count = Field(1, description="How many of them a copy lacks.")


class Scrambled(Section):
    """Atoms of all elements at random places: they teach the walls between elements that crystals keep apart."""

    n: Few = Field(0, description="How many structures.")
    atoms_per_element: Annotated[Count, Field(le=1000)] = Field(6)
    volume_per_atom_angstrom3: VolumePerAtom = Field(16.0)
    shortest_factor: tuple[ContactFactor, ContactFactor] = Field(
        (0.72, 0.95),
        description="Shortest contact over the sum of covalent radii, of the first and the last structure.",
    )


class Packed(Section):
    """Cells of one composition packed at random: what an amorphous or molten product may look like."""

    composition: dict[str, Annotated[Count, Field(le=1000)]] = Field(
        min_length=1,
        max_length=118,
        description="Atoms of each element of one unit, as {Li: 3, P: 1}; a mixture of two phases is their sum.",
    )
    n: Few = Field(10, description="How many cells.")
    n_atoms: Annotated[Count, Field(ge=8, le=2000)] = Field(
        64, description="Of a cell, to the nearest number of whole units."
    )
    volume_per_atom_angstrom3: tuple[VolumePerAtom, VolumePerAtom] = Field(
        description="Of the first and the last cell; those between go evenly from one to the other."
    )

    @property
    def name(self) -> str:
        """Of the first of its cells, where a teacher MD may start: ``packed-Li3P``."""
        return "packed-" + "".join(f"{e}{n if n > 1 else ''}" for e, n in self.composition.items())

    @property
    def counts(self) -> dict[str, int]:
        """Atoms of each element of a cell."""
        n_units = max(1, round(self.n_atoms / sum(self.composition.values())))
        return {element: n_units * number for element, number in self.composition.items()}


class TeacherMD(Section):
    """A short MD run with the teacher itself (the seed's short AIMD)."""

    structure: str = Field(
        description="'bulk-LAYER' of a layer, 'crystal-NAME' or 'packed-FORMULA' of crystals and packed cells of this section, or "
        "the name of an interface model."
    )
    temperature_kelvin: Kelvin
    steps: Whole
    sample_every: Count = Field(10, description="A labelled frame is kept each so many steps.")
    timestep_fs: Femtoseconds = Field(1.0)
    relax_steps: Whole = Field(0, description="Relaxation steps before the MD; sampled likewise.")
    held_out: bool = Field(
        False, description="Hold this run out of training, before any other data are drawn for that."
    )

    @model_validator(mode="after")
    def _samples(self) -> Self:
        longest = max(self.steps, self.relax_steps)
        if 0 < longest < self.sample_every:
            raise ValueError(
                f"sample_every is {self.sample_every}, but the run has only {longest} steps; sample more often, or run longer"
            )
        return self


class InitialData(Section):
    """Data the first committee is trained on."""

    perturbation: Perturbation = Field(default_factory=lambda: Perturbation())
    scrambled: Scrambled = Field(default_factory=lambda: Scrambled())
    crystals: Distinct[str] = Field(
        (),
        max_length=100,
        description="Crystals that no layer is of, such as products of a reaction: names of the crystal library, or CIF, POSCAR or other "
        "files relative to the study's folder; perturbed like the bulk cell of a layer.",
    )
    packed: tuple[Packed, ...] = Field((), max_length=100)
    teacher_md: tuple[TeacherMD, ...] = Field((), max_length=1000)
    n_melt_quench_snapshots: Few = Field(
        0, description="Snapshots of each amorphous layer's melt-quench that are labelled."
    )
    structures: tuple[str, ...] = Field(
        (),
        max_length=1000,
        description="Extended XYZ files of structures to label and train on besides: frames around the failure of a sick run "
        "(candidates.extxyz), structures that repair a failed gate, or your own; relative to the study's folder.",
    )
    held_out_fraction: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="Share of all labels kept out of training to measure errors: whole trajectories, of every layer.",
    )

    @property
    def origins(self) -> dict[str, str | Packed]:
        """What is labelled besides the study's models, by its name in the data set: a crystal, or how cells are packed."""
        crystals = {crystal_origin(material): material for material in self.crystals}
        return {**crystals, **{packed.name: packed for packed in self.packed}}

    @model_validator(mode="after")
    def _names_apart(self) -> Self:
        names = [*map(crystal_origin, self.crystals), *(packed.name for packed in self.packed)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    f"two entries of `crystals` and `packed` are both called '{name}'; give files other names, and a composition one "
                    "entry with a range of volumes"
                )
        return self


def crystal_origin(material: str) -> str:
    """Name in the data set of a crystal that no layer is of.

    Parameters
    ----------
    material : str
        Of the crystal library, or the path of a file.

    Returns
    -------
    str
        ``crystal-`` and the name, or the file's without folder and suffix; what is no letter or digit becomes a hyphen.

    Examples
    --------
    >>> crystal_origin("Li2S"), crystal_origin("products/Li3P7 (ICSD).cif")
    ('crystal-Li2S', 'crystal-Li3P7-ICSD')
    """
    stem = material if in_library(material) else PurePath(material).stem
    return "crystal-" + re.sub(r"[^A-Za-z0-9.]+", "-", stem).strip("-")


class ExplorationStep(Section):
    """One rung of the ladder: all temperatures times all pressures, for each explored model."""

    temperatures_kelvin: Distinct[Kelvin] = Field(min_length=1, max_length=30)
    pressures_bar: Distinct[Bar] = Field((1.0,), min_length=1, max_length=30)
    steps: Count
    sample_every: Count = Field(description="Model deviation is evaluated each so many steps.")

    @model_validator(mode="after")
    def _samples(self) -> Self:
        if self.sample_every > self.steps:
            raise ValueError(
                f"sample_every is {self.sample_every}, but a run has only {self.steps} steps; sample more often, or run longer"
            )
        return self


class Exploration(Section):
    """Committee MD that looks for structures the committee does not know."""

    iterations: tuple[ExplorationStep, ...] = Field(
        min_length=1,
        max_length=1000,
        description="The ladder, easiest rung first; each iteration explores on one rung.",
    )
    climb: Literal["when_healthy", "always"] = Field(
        "when_healthy",
        description="when_healthy: a rung is repeated until it is healthy, the last one until the campaign has "
        "converged. always: every rung once, whatever was found.",
    )
    healthy_failed_fraction: float = Field(
        0.1,
        gt=0,
        le=1,
        description="A rung is healthy when a smaller share of its frames failed and no run stopped early.",
    )
    converged_accurate_fraction: float = Field(
        0.99,
        gt=0,
        le=1,
        description="Converged: this share of frames is accurate for every model, twice in a row on the last rung.",
    )
    max_iterations: Count = Field(40, description="Most iterations in all.")
    max_repeats: Count = Field(8, description="Most iterations in a row on one rung.")
    stall_iterations: Count = Field(
        3, description="Stalled: this many iterations on one rung bring neither accuracy nor a smaller force error."
    )
    max_labels: Count | None = Field(
        None, description="Most labels of the campaign, failed ones included, the initial data not."
    )
    max_core_hours: CoreHours | None = Field(None, description="Most core hours of the campaign's labels.")
    thicknesses_angstrom: Distinct[Length] | None = Field(
        None, description="Coating thicknesses to explore; all when left out."
    )
    timestep_fs: Femtoseconds = Field(1.0)
    cell: Literal["free", "isotropic"] = Field(
        "free",
        description="How the cell changes; its angles stay. free: each edge alone (DP-GEN's npt-aniso), which covers every `cell` "
        "of the protocols. isotropic: all edges in one ratio (DP-GEN's npt), which never shows a stack that closes its gaps "
        "along c while a and b stay.",
    )
    trust: Literal["fixed", "adaptive"] = Field(
        "fixed",
        description="fixed: the two levels below; while the force error on held-out labels is above the lower one, that level is "
        "raised to the error and the upper one in proportion. adaptive: the lower level follows the force error, and the one "
        "below is its floor.",
    )
    force_trust_low_ev_per_angstrom: Force = Field(0.15)
    force_trust_high_ev_per_angstrom: Force = Field(0.5)
    trust_rmse_factor: float = Field(
        2.0, ge=1, le=100, description="Adaptive: lower level over the force RMSE on held-out labels."
    )
    trust_ratio: float = Field(
        3.0,
        gt=1,
        le=100,
        description="Adaptive: upper level over lower level. Fixed: how near the two come at most where the lower one is raised.",
    )
    max_labels_per_model: Annotated[int, Field(ge=1, le=2000)] = Field(
        30, description="Candidates labelled per model and iteration (DP-GEN's fp_task_max)."
    )
    selection: Literal["diverse", "random"] = Field(
        "diverse", description="How candidates are chosen for labelling; plain `dpgen run` always does it at random."
    )

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if self.force_trust_high_ev_per_angstrom <= self.force_trust_low_ev_per_angstrom:
            raise ValueError("force_trust_high_ev_per_angstrom must be larger than force_trust_low_ev_per_angstrom")
        if self.climb == "always" and self.max_iterations < len(self.iterations):
            raise ValueError(
                f"max_iterations is {self.max_iterations}, but climb: always needs one for each of the "
                f"{len(self.iterations)} rungs"
            )
        return self


class LossWeights(Section):
    """Prefactors of the training's loss at its start and at its end; in between they follow the learning rate."""

    energy: tuple[LossWeight, LossWeight] = Field(
        (0.02, 1.0),
        description="Too small at the end of a short training, and energies of a composition all lie on one side.",
    )
    force: tuple[LossWeight, LossWeight] = Field((1000.0, 1.0))
    virial: tuple[LossWeight, LossWeight] = Field((0.02, 1.0), description="It holds the density of NPT runs.")
    energy_start_reuse: LossWeight = Field(
        0.2, description="At the start of a training that goes on from the iteration before."
    )
    force_start_reuse: LossWeight = Field(100.0, description="Likewise.")
    force_shift_ev_per_angstrom: Force | None = Field(
        None,
        description="The error of a force F counts by shift / (|F| + shift), so that the large forces of scrambled and "
        "strained cells do not outweigh those of MD (DeePMD's relative_f); without it all count alike.",
    )


class ShortRange(Section):
    """Repulsion of nuclei by the universal ZBL potential, below all distances that labels know (DeePMD's use_srtab).

    An atom whose nearest neighbour is closer than `from_angstrom` feels it alone, one beyond `to_angstrom` the network alone.
    """

    from_angstrom: Contact = Field(0.8)
    to_angstrom: Contact = Field(1.4, description="Shorter than the bonds, which are the network's.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.to_angstrom <= self.from_angstrom:
            raise ValueError("to_angstrom must be larger than from_angstrom")
        return self


class Dpa2(Section):
    """Sizes of the layers of DPA-2 that pass messages; its embedding has those of `training`."""

    layers: Annotated[Count, Field(le=100)] = Field(6, description="How often messages are passed.")
    node_neurons: Neurons = Field(128, description="Width of what is known of each atom (g1_dim).")
    edge_neurons: Neurons = Field(32, description="Width of what is known of each pair (g2_dim).")
    attention_neurons: Neurons = Field(32, description="Of the attention over pairs (attn2_hidden).")
    attention_heads: Annotated[Count, Field(le=100)] = Field(4)
    inner_cutoff_angstrom: Cutoff = Field(4.0, description="Neighbours that messages come from.")
    switch_width_angstrom: Annotated[Length, Field(gt=0)] = Field(0.5, description="Over which the inner cutoff acts.")


class Dpa3(Section):
    """Sizes of DPA-3, which has no embedding net: embedding_neurons, axis_neurons and smooth_from_angstrom are not for it."""

    layers: Annotated[Count, Field(le=100)] = Field(6, description="How often messages are passed.")
    node_neurons: Neurons = Field(128, description="Width of what is known of each atom (n_dim).")
    edge_neurons: Neurons = Field(64, description="Of each pair (e_dim).")
    angle_neurons: Neurons = Field(32, description="Of each angle (a_dim); a multiple of 4.", multiple_of=4)
    inner_cutoff_angstrom: Cutoff = Field(4.0, description="Neighbours that make angles.")
    switch_width_angstrom: Annotated[Length, Field(gt=0)] = Field(0.6, description="Over which both cutoffs act.")


_SIZES = (
    "dpa2", "dpa3", "cutoff_angstrom", "smooth_from_angstrom", "embedding_neurons", "axis_neurons", "fitting_neurons", "precision",
    "max_neighbors",
)  # fmt: skip
"""Keys of `Training` that say what the model is, besides its kind."""


class Training(Section):
    """Deep Potential and its training."""

    backend: BackendName = Field(
        "tensorflow",
        description="Of DeePMD-kit, for training, committee, exploration, validation and scan. pytorch: the extra of that name; it trains "
        "dpa2 and dpa3 too, and on a CPU takes about twice the time.",
    )
    model: ModelKind = Field(
        "se_e2_a",
        description="se_e2_a: two-body embedding, one net for each element of the neighbour. se_atten_v2: one net for all pairs (DPA-1 "
        "without attention), smaller where there are many elements. dpa2 and dpa3 (backend pytorch): larger, slower networks that "
        "pass messages.",
    )
    model_file: str | None = Field(
        None,
        description="DeePMD-kit's own section `model` in a JSON file, relative to the study's folder, instead of `model` and all sizes "
        "here; checked with DeePMD-kit's schema.",
    )
    start_from: str | None = Field(
        None,
        description="A trained model that the first committee is fine-tuned from, relative to the study's folder: of PyTorch a checkpoint "
        "(.pt), of TensorFlow a frozen model that was not compressed (.pb). It says what the model is, so that `model`, `model_file` "
        "and all sizes here are left out.",
    )
    start_from_head: str | None = Field(
        None, description="Head of a multi-task model; `dp --pt show FILE model-branch` lists them."
    )
    dpa2: Dpa2 = Field(default_factory=lambda: Dpa2(), description="Further sizes of model: dpa2.")
    dpa3: Dpa3 = Field(default_factory=lambda: Dpa3(), description="Sizes of model: dpa3.")
    committee_size: int = Field(
        4, ge=2, le=64, description="Networks; four tell errors apart, and each costs as much as the first."
    )
    cutoff_angstrom: Cutoff = Field(6.0)
    smooth_from_angstrom: Annotated[Length, Field(gt=0)] = Field(0.5, description="Where the cutoff begins to act.")
    embedding_neurons: tuple[Neurons, ...] = Field((25, 50, 100), min_length=1, max_length=20)
    axis_neurons: Neurons = Field(16)
    fitting_neurons: tuple[Neurons, ...] = Field((240, 240, 240), min_length=1, max_length=20)
    precision: Literal["float64", "float32"] = Field(
        "float64", description="Of the networks; float32 trains and runs about 1.4 times as fast on CPUs."
    )
    max_neighbors: tuple[Annotated[Count, Field(le=100_000)], ...] | None = Field(
        None,
        description="Neighbours kept per element (DeePMD's sel), in the order of `elements`; farther ones are left out. se_atten_v2: one "
        "number, of all elements together; dpa2 and dpa3: two, within the cutoff and within the inner one. When left out: "
        "the largest count in the models and 40 % more, and at least that of the initial data.",
    )
    steps: Count = Field(400_000, description="Steps of a committee member in the first iteration.")
    steps_reuse: Count = Field(100_000, description="Steps when it starts from the iteration before.")
    steps_final: Count = Field(1_000_000, description="Steps of the final model.")
    start_learning_rate: LearningRate = Field(1e-3)
    stop_learning_rate: LearningRate = Field(3.5e-8, description="Of the last step; below both of the first.")
    start_learning_rate_reuse: LearningRate = Field(2e-4)
    batch_size: str | int = Field("auto", description="Frames per step, or auto (at least 32 atoms).")
    loss: LossWeights = Field(default_factory=lambda: LossWeights())
    short_range: ShortRange | None = Field(
        None,
        description="Left out: the network alone; walls that no label teaches may have holes, which the gates look for.",
    )

    @property
    def inner(self) -> Dpa2 | Dpa3 | None:
        """Sizes of what passes messages; None for a model that has no such layers."""
        return self.dpa2 if self.model == "dpa2" else self.dpa3 if self.model == "dpa3" else None

    @model_validator(mode="after")
    def _smooth(self) -> Self:
        if self.smooth_from_angstrom >= self.cutoff_angstrom:
            raise ValueError("smooth_from_angstrom must be smaller than cutoff_angstrom")
        inner = self.inner
        if inner is not None and inner.inner_cutoff_angstrom > self.cutoff_angstrom:
            raise ValueError(
                f"{self.model}.inner_cutoff_angstrom is {inner.inner_cutoff_angstrom:g}, more than cutoff_angstrom "
                f"({self.cutoff_angstrom:g}); lower it"
            )
        if inner is not None and inner.switch_width_angstrom >= inner.inner_cutoff_angstrom:
            raise ValueError(f"{self.model}.switch_width_angstrom must be smaller than its inner_cutoff_angstrom")
        return self

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        """Whether keys are given that the model does not have; one that is written with its default does no harm."""
        fields = type(self).model_fields
        given = [key for key in _SIZES if getattr(self, key) != fields[key].get_default(call_default_factory=True)]
        if self.start_from is not None:
            self._check_start(
                [*(["model"] if self.model != "se_e2_a" else []), *(["model_file"] if self.model_file else []), *given]
            )
            return self
        if self.start_from_head is not None:
            raise ValueError("start_from_head is a head of the model in start_from; give that, too")
        if self.model_file is not None:
            unused = [*(["model"] if self.model != "se_e2_a" else []), *given]
            if unused:
                raise ValueError(f"model_file gives the whole model; leave out {', '.join(unused)}")
            return self
        if self.inner is not None and self.backend != "pytorch":
            raise ValueError(f"model {self.model} is trained by PyTorch alone; set backend: pytorch")
        if self.short_range is not None and (self.model == "se_e2_a") != (self.backend == "tensorflow"):
            raise ValueError(
                f"short_range: DeePMD-kit's {BACKEND_LABELS[self.backend]} takes it with "
                + (
                    "model se_e2_a alone (of models that count all elements together it mistakes every neighbour for the first element)"
                    if self.backend == "tensorflow"
                    else "models that count the neighbours of all elements together"
                )
                + "; use se_e2_a with tensorflow or se_atten_v2 with pytorch, or leave short_range out"
            )
        of_others = {"dpa2", "dpa3"} - {self.model}
        if self.model == "dpa3":
            of_others |= {"smooth_from_angstrom", "embedding_neurons", "axis_neurons"}
        unused = [key for key in given if key in of_others]
        if unused:
            raise ValueError(f"{', '.join(unused)}: model {self.model} does not have it; leave it out")
        return self

    def _check_start(self, unused: list[str]) -> None:
        if unused:
            raise ValueError(f"start_from gives the whole model; leave out {', '.join(unused)}")
        file, wanted = str(self.start_from), START_ENDINGS[self.backend]
        if not file.endswith(wanted):
            kind = BACKEND_OF_ENDING.get(f".{file.rpartition('.')[2]}")
            if kind is None:
                remedy = f"give a file that ends in {wanted}"
            elif kind != self.backend:
                remedy = (
                    f"that is a model of {BACKEND_LABELS[kind]}: set backend: {kind}, or give one that ends in {wanted}"
                )
            else:
                remedy = f"that is a frozen model: give the checkpoint of its training, which ends in {wanted}"
            raise ValueError(f"start_from is '{file}', but backend {self.backend} starts from {wanted} files; {remedy}")
        if self.start_from_head is not None and self.backend != "pytorch":
            raise ValueError("start_from_head: models of the TensorFlow backend have no heads; leave it out")
        if self.short_range is not None and self.backend == "pytorch":
            raise ValueError(
                "short_range: DeePMD-kit's PyTorch gives a model that starts from another one a wrong repulsion (the energies of the "
                "start's elements stay in the table's part of the energy); leave short_range out, or start_from"
            )

    @model_validator(mode="after")
    def _rates(self) -> Self:
        for name in ("start_learning_rate", "start_learning_rate_reuse"):
            start = getattr(self, name)
            if self.stop_learning_rate >= start:
                raise ValueError(
                    f"stop_learning_rate is {self.stop_learning_rate:g}, but {name} is {start:g}; the rate falls along a training, so "
                    "lower the one or raise the other"
                )
        if self.start_from is not None and self.start_learning_rate_reuse > self.start_learning_rate:
            raise ValueError(
                f"start_learning_rate_reuse is {self.start_learning_rate_reuse:g}, but with start_from start_learning_rate is "
                f"{self.start_learning_rate:g}: the second iteration would undo what the fine-tuning kept of the start; set it to at most that"
            )
        return self


class OwnMD(Section):
    """Snapshots of MD with the final model, labelled afterwards: the states that production meets."""

    n_snapshots: Few = Field(
        20, description="Labelled snapshots, at random over the runs and over their time; 0: none."
    )
    time_ps: Picoseconds = Field(20.0, description="Length of the run of each structure.")
    temperature_kelvin: Kelvin = Field(300.0)
    pressure_bar: Bar = Field(1.0, description="Along all axes; a and b scale together, c alone.")
    timestep_fs: Femtoseconds = Field(1.0)
    structures: Distinct[str] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Names of interface models that are explored; all when left out.",
    )

    @model_validator(mode="after")
    def _frames(self) -> Self:
        if self.time_ps < self.timestep_fs * FS_TO_PS * MIN_FRAMES:
            raise ValueError(f"time_ps is {self.time_ps:g}, less than eight steps; run longer")
        return self


class ReferenceMD(Section):
    """MD with the labelling method and with the model, from the same structure by the same thermostat, compared by what it shows."""

    structure: str | None = Field(
        None,
        description="Name of a structure that is labelled; when left out, the first that is explored (the bare interface).",
    )
    temperature_kelvin: Kelvin = Field(300.0)
    steps: Annotated[Count, Field(ge=MIN_FRAMES)] = Field(
        description="Of each run, in a cell that stays. Every step costs a label."
    )
    sample_every: Count = Field(10, description="Steps between two frames.")
    timestep_fs: Femtoseconds = Field(1.0)
    relax_steps: Whole = Field(0, description="Relaxation steps before the MD, of each method by itself.")
    discard_ps: Span = Field(0.0, description="Time at the start of each run that is not compared.")
    seeds: Distinct[Count] = Field((1,), min_length=1, max_length=1000, description="One run of each method for each.")

    @property
    def n_discarded(self) -> int:
        """Frames at the start of a run that are not compared."""
        return int(self.discard_ps / (self.sample_every * self.timestep_fs * FS_TO_PS) + 1e-9)

    @property
    def n_samples(self) -> int:
        """Frames of a run."""
        return -(-self.steps // self.sample_every)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        n_compared = max(0, self.n_samples - self.n_discarded)
        if n_compared < MIN_FRAMES:
            raise ValueError(
                f"steps, sample_every and discard_ps leave {n_compared} frames of a run; at least {MIN_FRAMES} are needed: run "
                "longer, or sample more often"
            )
        return self


class Validation(Section):
    """Labels that no training sees, and MD that is held against the labelling method."""

    n_exploration_frames: Few = Field(
        20, description="Frames of the last exploration that are labelled only to measure errors."
    )
    own_md: OwnMD = Field(default_factory=lambda: OwnMD())
    reference_md: ReferenceMD | None = Field(
        None,
        description="Left out, no MD with the labelling method is made: with DFT it costs as much as the campaign.",
    )


class Protocol(Section):
    """One named MD protocol, run for every thickness and seed."""

    ensemble: Literal["npt", "nvt"] = Field("npt")
    cell: CellFreedom = Field(
        "coupled_xy",
        description="How npt changes the cell; its angles stay. coupled_xy: a and b scale together, under their mean pressure, and "
        "c alone. fixed_xy: c alone changes, a and b stay. free: each edge alone; where a layer flows or reacts, one lateral edge "
        "may grow as the other shrinks. nvt changes nothing.",
    )
    temperature_kelvin: Kelvin
    pressure_bar: Bar | tuple[Bar, Bar, Bar] = Field(
        1.0, description="One pressure, or x, y and z; that of an edge that stays is not used."
    )
    time_ps: Picoseconds
    timestep_fs: Femtoseconds = Field(1.0)
    dump_interval_ps: Picoseconds
    checkpoint_interval_ps: Picoseconds | None = Field(
        None,
        description="How often the state is kept from which a killed run goes on: what a kill costs at most. Left out: each 10,000 "
        "steps. To the nearest multiple of dump_interval_ps, which is also the least. Of runs that are there nothing is made anew.",
    )
    committee_deviation_interval_ps: Picoseconds | None = Field(
        None,
        description="How often LAMMPS asks the campaign's last committee beside the model, and writes how far their forces are apart "
        "(model_devi.out); the model alone moves the atoms. Left out: never. Of runs that are there nothing is made anew.",
    )
    seeds: Distinct[Count] = Field((1,), min_length=1, max_length=1000)

    @property
    def pressures(self) -> tuple[float, float, float]:
        """Pressure along x, y and z, bar."""
        value = self.pressure_bar
        return value if isinstance(value, tuple) else (value, value, value)

    @model_validator(mode="after")
    def _times(self) -> Self:
        if self.dump_interval_ps > self.time_ps / MIN_FRAMES:
            raise ValueError("dump_interval_ps must leave at least eight frames of time_ps")
        watched = self.committee_deviation_interval_ps
        if watched is not None and watched > self.time_ps:
            raise ValueError(
                f"committee_deviation_interval_ps is {watched:g}, longer than time_ps ({self.time_ps:g}); lower it"
            )
        if self.dump_interval_ps < self.timestep_fs * FS_TO_PS * (1 - 1e-9):
            raise ValueError(
                f"dump_interval_ps is {self.dump_interval_ps:g}, shorter than a step (timestep_fs is {self.timestep_fs:g}); raise it"
            )
        if self.time_ps / (self.timestep_fs * FS_TO_PS) > MOST:
            raise ValueError(
                f"time_ps is {self.time_ps:g} in steps of {self.timestep_fs:g} fs, more than the {MOST} steps that LAMMPS takes in a "
                "run; give a shorter time, or more seeds"
            )
        return self

    @model_validator(mode="after")
    def _one_lateral_pressure(self) -> Self:
        along_x, along_y, _ = self.pressures
        if self.ensemble == "npt" and self.cell == "coupled_xy" and along_x != along_y:
            raise ValueError(
                f"pressure_bar is {along_x:g} along x and {along_y:g} along y, but cell: coupled_xy scales a and b together, under "
                "one pressure; give both the same, or set cell: free"
            )
        return self


class Health(Section):
    """Bounds that a run must keep; one that leaves them is stopped and kept out of all averages."""

    max_temperature_ratio: float = Field(2.0, gt=1, le=1e6, description="Largest instantaneous T over the target T.")
    mean_temperature_tolerance: float = Field(0.15, gt=0, lt=1, description="Mean T against the target T.")
    density_change: float = Field(0.25, gt=0, lt=1, description="Largest relative change of density.")
    lateral_change: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Largest relative change of a lateral edge of the cell, a or b. The height, c, is left to density_change: it "
        "shrinks as the gaps of a fresh interface close.",
    )
    min_distance_angstrom: Contact = Field(1.1, description="No two atoms may come closer.")


class Domain(Section):
    """A look at each run of the scan when it is over: whether it stayed where the model was trained."""

    frames_per_run: Few = Field(
        20, description="Frames of each run, evenly over its time, that the committee judges; 0: none."
    )
    spot_labels_per_run: Few | None = Field(
        None,
        description="Frames of each run, evenly over its time, that are labelled and compared with the model; 1: the last one. Left "
        "out: 2, the first and the last, where the folder has a campaign that labels models of this size; none for larger ones.",
    )
    max_energy_drift_mev_per_atom: Positive = Field(
        20.0, le=1e6, description="A run leaves the domain when E(model) - E(label) changes by more than this along it."
    )


class Study(Section):
    """A whole study."""

    name: Name
    elements: tuple[str, ...] = Field(
        min_length=1, max_length=118, description="The type map: its order is the order everywhere."
    )
    seed: int = Field(1, ge=1, lt=2**31, description="Seed of everything random.")
    interface: Interface
    labels: Labels
    initial_data: InitialData = Field(default_factory=lambda: InitialData())
    exploration: Exploration
    training: Training = Field(default_factory=lambda: Training())
    validation: Validation = Field(default_factory=lambda: Validation())
    gates: Gates = Field(default_factory=lambda: Gates())
    protocols: dict[Name, Protocol] = Field(min_length=1, max_length=1000)
    health: Health = Field(default_factory=lambda: Health())
    domain: Domain = Field(default_factory=lambda: Domain())
    analysis: Analysis = Field(default_factory=lambda: Analysis())
    recommendation: Recommendation = Field(default_factory=lambda: Recommendation())
    execution: Execution = Field(default_factory=lambda: LocalExecution(), description="Where jobs run.")

    @model_validator(mode="before")
    @classmethod
    def _default_analysis(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not isinstance(value.get("elements"), (list, tuple)):
            return value
        if not all(isinstance(symbol, str) for symbol in value["elements"]):
            return value
        asked = value.get("analysis", {})
        if isinstance(asked, Analysis):
            return value
        scanned = _scanned_in(value.get("interface"))
        return value | {"analysis": canonical_analysis(asked, value["elements"], scanned)}

    @model_validator(mode="before")
    @classmethod
    def _deep_potentials_label_on_gpus(cls, value: Any) -> Any:
        """Whatever says nothing of it: DeePMD-kit computes on a GPU wherever it finds one, and would find the first of all."""
        if not isinstance(value, dict):
            return value
        labels, execution = value.get("labels"), value.get("execution")
        if not isinstance(labels, dict) or not isinstance(execution, dict):
            return value
        dealt_out = execution.get("kind", "local") == "local" and execution.get("gpus")
        if labels.get("calculator") != "deepmd" or not dealt_out:
            return value
        return value | {"execution": {"labels_on_gpus": True, **execution}}

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
        if self.labels.calculator in DFT_CODES and self.labels.dft is not None:
            try:
                resolved(self.labels.dft, self.labels.calculator, self.elements)
            except ValueError as error:
                raise ValueError(f"labels.{error}") from error
        layers = {layer.name for layer in self.interface.layers}
        self._check_analysis(layers)
        self._check_recommendation()
        self._check_lengths()
        self._check_ranges()
        self._check_neighbors()
        vacant = self.initial_data.perturbation
        if vacant.n_with_vacancies and vacant.vacancy_element not in self.elements:
            raise ValueError(
                f"initial_data.perturbation.vacancy_element is '{vacant.vacancy_element}', which is not in elements "
                f"({', '.join(self.elements)}); name one of them"
            )
        for number, packed in enumerate(self.initial_data.packed):
            unknown = [element for element in packed.composition if element not in self.elements]
            if unknown:
                raise ValueError(
                    f"initial_data.packed.{number}.composition has {', '.join(unknown)}, not in elements "
                    f"({', '.join(self.elements)}); add it there, or leave it out"
                )
        models = {model.name for model in self.interface.label_models}
        bulk = {f"bulk-{name}" for name in layers}
        starts = models | bulk | set(self.initial_data.origins)
        for md in self.initial_data.teacher_md:
            if md.structure not in starts:
                raise ValueError(
                    f"initial_data.teacher_md: there is no structure '{md.structure}'; "
                    f"the structures are {', '.join(sorted(starts))}"
                )
        wanted = self.exploration.thicknesses_angstrom
        possible = {m.coating_angstrom for m in self.interface.label_models if m.coating_angstrom is not None}
        if wanted is not None and not possible:
            raise ValueError(
                "exploration.thicknesses_angstrom: no layer is amorphous, so that there is none to scan; leave it out"
            )
        if wanted is not None and not set(wanted) <= possible:
            raise ValueError(
                f"exploration.thicknesses_angstrom must be among {', '.join(f'{t:g}' for t in sorted(possible))}"
            )
        self._check_validation(models | bulk)
        return self

    def _check_neighbors(self) -> None:
        sel, training = self.training.max_neighbors, self.training
        if sel is None:
            return
        if training.model == "se_e2_a" and len(sel) != len(self.elements):
            raise ValueError(
                f"training.max_neighbors has {len(sel)} entries for {len(self.elements)} elements; give one each"
            )
        n_cutoffs = 1 if training.inner is None else 2
        if training.model != "se_e2_a" and len(sel) != n_cutoffs:
            raise ValueError(
                f"training.max_neighbors has {len(sel)} entries; {training.model} counts the neighbours of all elements together, so "
                f"give {'one number' if n_cutoffs == 1 else 'two numbers, within the cutoff and within the inner one'}"
            )

    def _check_validation(self, labelled: set[str]) -> None:
        own = self.validation.own_md.structures or ()
        unknown = [name for name in own if name not in self.explored]
        if unknown:
            raise ValueError(
                f"validation.own_md.structures: '{unknown[0]}' is not explored; explored are {', '.join(self.explored)}"
            )
        asked = self.validation.reference_md and self.validation.reference_md.structure
        if asked and asked not in labelled:
            raise ValueError(
                f"validation.reference_md.structure: there is no structure '{asked}'; the structures are "
                f"{', '.join(sorted(labelled))}"
            )

    def _check_analysis(self, layers: set[str]) -> None:
        drift = self.analysis.drift
        if drift not in {"com", "none", *layers} and not set(drift.split(",")) <= set(self.elements):
            raise ValueError(
                f"analysis.drift is '{drift}'; it must be com, none, a layer ({', '.join(sorted(layers))}) or elements "
                "such as Co,O"
            )
        for name, request in self.analysis.requests.items():
            try:
                request.check(self.elements, layers)
            except ValueError as error:
                raise ValueError(f"analysis.{name}.{error}") from error

    def _check_recommendation(self) -> None:
        """Whether protocols, analyses and the element of the recommendation are there."""
        asked, requests = self.recommendation, self.analysis.requests
        for key in ("loss_protocol", "transport_protocol"):
            name = getattr(asked, key)
            if name is not None and name not in self.protocols:
                raise ValueError(
                    f"recommendation.{key} is '{name}'; the protocols are {', '.join(self.protocols)}, so name one of them"
                )
        for key, kind in (("loss_analysis", "chemistry"), ("transport_analysis", "msd")):
            name = getattr(asked, key)
            known = [own for own, request in requests.items() if request.kind == kind]
            if name is not None and name not in known:
                raise ValueError(
                    f"recommendation.{key} is '{name}'; analyses of kind {kind} are {', '.join(known) or 'none'}, so name one of them"
                )
        for key, elements in (("mobile", [asked.mobile]), ("loss", asked.loss.split("-"))):
            if elements in ([None], ["intact"]):
                continue
            missing = [symbol for symbol in elements if symbol not in self.elements]
            if missing:
                raise ValueError(
                    f"recommendation.{key}: {missing[0]} is not in elements ({', '.join(self.elements)}); name what is"
                )
        self._check_counted()

    def _check_counted(self) -> None:
        """Whether what the recommendation names is what its analyses have."""
        asked, requests = self.recommendation, self.analysis.requests
        name = asked.loss_among(requests, self.elements)
        counts = requests.get(name or "")
        if asked.loss != "intact" and not (isinstance(counts, Chemistry) and asked.counted_by(counts, self.elements)):
            none = "no analysis of kind chemistry counts" if name is None else f"the analysis '{name}' does not count"
            raise ValueError(
                f"recommendation.loss is '{asked.loss}', which {none}; give its longest length to a `chemistry`, as in "
                f"bond_cutoffs_angstrom: {{{asked.loss}: 3.0}}"
            )
        name = asked.transport_among(requests, self.interface.compared)
        has = requests.get(name or "")
        if asked.mobile is not None and isinstance(has, Msd) and asked.mobile not in has.species:
            raise ValueError(
                f"recommendation.mobile is '{asked.mobile}', but the analysis '{name}' that D is taken from has {', '.join(has.species)}; "
                f"add it to analysis.{name}.species, or name another one as `transport_analysis`"
            )

    def _check_lengths(self) -> None:
        """Whether every protocol gives the frames that each analysis needs; that with the fewest is the first to be named."""
        for name, protocol in sorted(self.protocols.items(), key=lambda item: self._n_frames(item[1])):
            n_frames = self._n_frames(protocol)
            if n_frames < MIN_FRAMES:
                raise ValueError(
                    f"analysis.start_ps and stop_ps leave {n_frames} frames of the protocol '{name}' ({protocol.time_ps:g} ps); at "
                    f"least {MIN_FRAMES} are needed: analyse a longer time, or lower protocols.{name}.dump_interval_ps"
                )
            for key, request in self.analysis.requests.items():
                try:
                    request.check_frames(n_frames, protocol.dump_interval_ps)
                except ValueError as error:
                    raise ValueError(f"analysis.{key}.{error} that the protocol '{name}' gives") from error

    def _n_frames(self, protocol: Protocol) -> int:
        """Frames of a run that are analysed."""
        start = max(self.analysis.start_ps or 0.0, 0.0)
        stop = min(protocol.time_ps if self.analysis.stop_ps is None else self.analysis.stop_ps, protocol.time_ps)
        return max(0, round((stop - start) / protocol.dump_interval_ps) + 1)

    def _check_ranges(self) -> None:
        """Whether g(r) fits into the widest cell that the matching may find; the run knows the cell itself."""
        half = self.interface.largest_half_width_angstrom
        for key, request in self.analysis.requests.items():
            asked = request.r_max_angstrom if isinstance(request, Rdf) else None
            if asked is not None and asked > half:
                raise ValueError(
                    f"analysis.{key}.r_max_angstrom is {asked:g}, but half of the cell is {half:.1f} angstrom at most "
                    f"(interface.max_area_angstrom2 {self.interface.max_area_angstrom2:g} and lateral_repeat "
                    f"{list(self.interface.lateral_repeat)}); ask for less, leave it out (8, or half of the cell), or raise "
                    "interface.lateral_repeat"
                )

    @property
    def explored(self) -> tuple[str, ...]:
        """Names of the interface models that exploration runs on."""
        wanted = self.exploration.thicknesses_angstrom
        return tuple(
            model.name
            for model in self.interface.label_models
            if wanted is None or model.coating_angstrom is None or model.coating_angstrom in wanted
        )

    @property
    def scan_models(self) -> tuple[ModelPlan, ...]:
        """Models of the production scan."""
        return self.interface.scan_models


def _scanned_in(interface: Any) -> str | None:
    """Name of the layer whose thicknesses are compared, of a section that is not parsed yet: `Interface.scanned` with more than one."""
    if isinstance(interface, Interface):
        return interface.compared
    layers = interface.get("layers") if isinstance(interface, Mapping) else None
    most, found = 1, None
    for layer in layers if isinstance(layers, (list, tuple)) else ():
        if not isinstance(layer, Mapping) or layer.get("kind") != "amorphous" or not isinstance(layer.get("name"), str):
            continue
        thicknesses = layer.get("thickness_angstrom")
        if isinstance(thicknesses, (list, tuple)) and len(thicknesses) > most:
            most, found = len(thicknesses), layer["name"]
    return found


def warned_alone(study: Study) -> Study:
    """The study with a scan that starts whatever the safety gates say; no stage depends on that.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    Study
        With ``gates.if_failed`` as warn.
    """
    return study.model_copy(update={"gates": study.gates.model_copy(update={"if_failed": "warn"})})
