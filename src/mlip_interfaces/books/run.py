"""The books of a run folder: what each stage leaves for the next ones and for the report, as typed records.

Keys of the files are the names of the fields. What older versions did not write has a default.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, JsonValue

from mlip_interfaces.errors import InputFileError, counted
from mlip_interfaces.files import read_json, write_json
from mlip_interfaces.records import Record

INDEX = "index.json"
"""In the folders of structures, scan and analysis."""
RUN_INDEX = "run.index.json"
"""In the folder of each run in analysis; no analysis has a name with a dot."""
MEANS_FILE = "means.csv"
"""In the folder of analysis: seeds of one model as one."""
MODEL_FILE = "model.json"
GIVEN_MODEL = "given.json"
CANDIDATES = "candidates.extxyz"
"""In the folder of a sick run of the scan."""
INPUTS = "inputs"
"""Folder of the files that a study names."""
VALIDATION_FILE = "validation.json"
PARITY_FILE = "parity.npz"
PARITY_ARRAYS = (
    "energy_reference_ev_per_atom", "energy_model_ev_per_atom", "force_reference", "force_model", "force_layer",
)  # fmt: skip
"""Of it, in the order of `figures.validation_plots.parity`."""
VIRIAL_ARRAYS = ("virial_reference_ev_per_atom", "virial_model_ev_per_atom")
"""Of it, where labels have virials; older versions wrote none."""
FRAMES_FILE = "frames.npz"
FRAMES_ARRAYS = (
    "system", "set", "energy_error_mev_per_atom", "volume_per_atom_angstrom3", "max_force_error_ev_per_angstrom",
    "deviation_ev_per_angstrom",
)  # fmt: skip
"""Of it: a value for each labelled frame; what was not measured is not-a-number. Older versions wrote no such file."""
REFERENCE_FILE = "reference_md.npz"
"""g(r) of MD with the labelling method and with the model."""
HELD_OUT, OWN_MD, REFERENCE_MD = "held_out", "own_md", "reference_md"
"""Sets of labels that a potential is held against."""
DATA_SUMMARY = "summary.json"

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True, slots=True)
class LayersOfAtoms(Record):
    """``layers.json`` beside a structure or a trajectory.

    Attributes
    ----------
    symbols, layer : tuple of str
        Element and layer of each atom.
    """

    symbols: tuple[str, ...]
    layer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputIndex(Record):
    """``inputs/index.json``: the files that the study of a run names.

    Attributes
    ----------
    folder : str
        Folder of the study file that the run was made with; what is not kept is relative to it.
    files : mapping of str to str
        As the study names a file -> its copy in ``inputs/``.
    beside : str
        `folder` from the run folder, for a run that is moved together with its study; empty in older files.
    """

    folder: str
    files: Mapping[str, str]
    beside: str = ""


@dataclass(frozen=True, slots=True)
class LayerEntry(Record):
    """One layer of a model.

    Attributes
    ----------
    name, material : str
        Of the layer; its chemical formula.
    thickness_angstrom, requested_thickness_angstrom : float, angstrom
        As made and as asked.
    extent_angstrom : float, angstrom
        Height of the cell without the widest gap between two atoms of the layer.
    n_atoms : int
        Atoms of the layer.
    composition : str
        Formula of these atoms.
    """

    name: str
    material: str
    thickness_angstrom: float
    requested_thickness_angstrom: float
    extent_angstrom: float
    n_atoms: int
    composition: str


@dataclass(frozen=True, slots=True)
class CrystalLayerEntry(LayerEntry):
    """A crystal layer, with how its slab ends.

    Attributes
    ----------
    termination : str
        Name of its terminations.
    stoichiometric : bool
        Whether the slab has the crystal's composition.
    tasker : int
        Tasker's type, 1 to 3.
    dipole_e_per_angstrom : float, e/angstrom
        Dipole moment along z per area of the surface.
    """

    termination: str
    stoichiometric: bool
    tasker: int
    dipole_e_per_angstrom: float


@dataclass(frozen=True, slots=True)
class StrainEntry(Record):
    """Strain of one crystal of a model.

    Attributes
    ----------
    layer : str
        Its name.
    max_strain : float
        Largest principal strain.
    tensor : (2, 2) tuple of float
        The in-plane tensor.
    angle_degrees : float, degrees
        Change of the angle between the lateral lattice vectors.
    """

    layer: str
    max_strain: float
    tensor: tuple[tuple[float, ...], ...]
    angle_degrees: float


@dataclass(frozen=True, slots=True)
class _StructureEntry(Record):
    name: str
    role: str
    file: str
    n_atoms: int
    composition: str
    density_g_per_cm3: float
    min_distance_angstrom: float
    min_distances_angstrom: Mapping[str, float]
    made_of: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class BulkEntry(_StructureEntry):
    """The bulk cell of one layer, in ``structures/index.json``.

    Attributes
    ----------
    name, file : str
        Of the structure; its extended XYZ, relative to the folder of the index.
    role : "bulk"
        Tells it from an interface.
    n_atoms : int
        Atoms of the cell.
    composition : str
        Hill formula.
    density_g_per_cm3 : float, g/cm3
        Mass over volume.
    min_distance_angstrom : float, angstrom
        The shortest contact.
    min_distances_angstrom : mapping of str to float, angstrom
        The shortest contact of each pair of elements, as in ``Li-O``.
    made_of : str
        Hash of what decides it; empty where an older version wrote this.
    strain, layers : None and ()
        A bulk cell has neither.
    """

    role: Literal["bulk"]
    strain: None = None
    layers: tuple[LayerEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry(_StructureEntry):
    """An interface model, in ``structures/index.json``; fields as in `BulkEntry`, and these.

    Attributes
    ----------
    role : "interface"
        Tells it from a bulk cell.
    small : bool
        Whether it is one of the small cells for DFT.
    coating_angstrom : float or None, angstrom
        Thickness asked for the coating that is scanned; None where there is none.
    variant : str
        What vacancies it has, empty for none.
    area_angstrom2 : float, angstrom2
        Of the lateral cell.
    layers : tuple of LayerEntry
        From bottom to top.
    strain : float
        The largest of `strains`.
    strains : tuple of StrainEntry
        Of each crystal.
    """

    role: Literal["interface"]
    small: bool = False
    coating_angstrom: float | None
    variant: str = ""
    area_angstrom2: float
    layers: tuple[Annotated[CrystalLayerEntry | LayerEntry, Field(union_mode="left_to_right")], ...]
    strain: float
    strains: tuple[StrainEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class GlassEntry(Record):
    """One melt-quenched layer, in ``structures/index.json``.

    Attributes
    ----------
    directory : str
        Where it was made, relative to the folder of the index.
    material : str
        Formula.
    thickness_angstrom : float, angstrom
        Asked for.
    density_g_per_cm3, requested_density_g_per_cm3 : float, g/cm3
        As made and as asked.
    coordination_mean : float
        Anions around the first cation of the formula.
    n_attempts : int
        Seeds tried until it did not crystallise.
    quench_kelvin_per_ps : float, K/ps
        Cooling rate of the last one.
    verdict : str
        How it compares with the crystal, as a sentence.
    order : mapping
        The numbers behind the verdict (`structures`' order report).
    """

    directory: str
    material: str
    thickness_angstrom: float
    density_g_per_cm3: float
    requested_density_g_per_cm3: float
    coordination_mean: float
    n_attempts: int
    quench_kelvin_per_ps: float
    verdict: str
    order: Mapping[str, JsonValue]


StructureEntry = Annotated[ModelEntry | BulkEntry, Field(discriminator="role")]


@dataclass(frozen=True, slots=True)
class StructureIndex(Record):
    """``structures/index.json``.

    Attributes
    ----------
    models : tuple of ModelEntry and BulkEntry
        Interface models in the study's order, then the bulk cells.
    amorphous : tuple of GlassEntry
        The quenched layers.
    """

    models: tuple[StructureEntry, ...] = ()
    amorphous: tuple[GlassEntry, ...] = ()

    @property
    def interfaces(self) -> tuple[ModelEntry, ...]:
        """The interface models."""
        return tuple(model for model in self.models if isinstance(model, ModelEntry))


@dataclass(frozen=True, slots=True)
class FailedLabel(Record):
    """A label that was not made.

    Attributes
    ----------
    task, reason : str
        Its folder, and why.
    """

    task: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialData(Record):
    """``initial_data/summary.json``.

    Attributes
    ----------
    calculator, kind : str
        Who labelled; ``surrogate``, ``dft``, ``semiempirical`` or ``custom``.
    made, n_training, n_held_out : int
        Labels in all, and in the two data sets.
    held_out_trajectories : tuple of str
        Names of what was held out.
    failed : tuple of FailedLabel
        Labels that were not made.
    core_seconds : float, s
        Cost.
    """

    calculator: str
    kind: str
    made: int
    n_training: int = 0
    n_held_out: int = 0
    held_out_trajectories: tuple[str, ...] = ()
    failed: tuple[FailedLabel, ...]
    core_seconds: float


@dataclass(frozen=True, slots=True)
class LayerForceError(Record):
    """Force error of the atoms of one layer.

    Attributes
    ----------
    force_rmse_mev_per_angstrom : float, meV/angstrom
        Root mean square over all components.
    n_atoms : int
        Atoms over all frames.
    """

    force_rmse_mev_per_angstrom: float
    n_atoms: int


@dataclass(frozen=True, slots=True)
class EnergyOffset(Record):
    """Energy errors with their sign: model less label.

    Attributes
    ----------
    n_frames : int
        How many.
    mean_mev_per_atom, standard_error_mev_per_atom : float, meV/atom
        Their mean, and its standard error.
    rmse_without_mev_per_atom : float, meV/atom
        What is left where the mean is taken off.
    lowest_mev_per_atom, highest_mev_per_atom : float, meV/atom
        The ends.
    """

    n_frames: int
    mean_mev_per_atom: float
    standard_error_mev_per_atom: float
    rmse_without_mev_per_atom: float
    lowest_mev_per_atom: float
    highest_mev_per_atom: float

    @property
    def dominates(self) -> bool:
        """Whether it is an offset rather than scatter: beyond two standard errors, and above half of the RMSE."""
        size = abs(self.mean_mev_per_atom)
        rmse = math.hypot(self.mean_mev_per_atom, self.rmse_without_mev_per_atom)
        return self.n_frames > 1 and size > 2 * self.standard_error_mev_per_atom and size > rmse / 2

    @property
    def one_sided(self) -> bool:
        """Whether all errors have one sign."""
        return self.lowest_mev_per_atom > 0 or self.highest_mev_per_atom < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable(Record):
    """Errors of a potential on labels that its training has not seen.

    Attributes
    ----------
    n_frames, n_atoms : int
        Frames, and atoms over all frames.
    energy_rmse_mev_per_atom : float, meV/atom
        Every frame counts once.
    force_rmse_mev_per_angstrom : float, meV/angstrom
        Over all components.
    layers, elements : mapping of str to LayerForceError
        By the layer of the atom, and by its element.
    energy_mae_mev_per_atom, force_mae_mev_per_angstrom : float or None, meV/atom and meV/angstrom
        Mean absolute errors; None where an older version wrote this.
    virial_rmse_mev_per_atom, virial_mae_mev_per_atom : float or None, meV/atom
        Over all components of the virial per atom; None where the labels have none.
    stress_rmse_gpa, pressure_mean_error_gpa : float or None, GPa
        Of the stress, and the mean of the pressure with its sign (model less label).
    offset : EnergyOffset or None
        What all energy errors have in common.
    """

    n_frames: int
    n_atoms: int = 0
    energy_rmse_mev_per_atom: float
    force_rmse_mev_per_angstrom: float
    layers: Mapping[str, LayerForceError]
    elements: Mapping[str, LayerForceError] = field(default_factory=dict)
    energy_mae_mev_per_atom: float | None = None
    force_mae_mev_per_angstrom: float | None = None
    virial_rmse_mev_per_atom: float | None = None
    virial_mae_mev_per_atom: float | None = None
    stress_rmse_gpa: float | None = None
    pressure_mean_error_gpa: float | None = None
    offset: EnergyOffset | None = None

    @property
    def worst_layer(self) -> str:
        """Name of the layer with the largest force error."""
        return max(self.layers, key=lambda name: self.layers[name].force_rmse_mev_per_angstrom)


@dataclass(frozen=True, slots=True)
class SystemErrors(Record):
    """Errors on one labelled system.

    Attributes
    ----------
    energy_rmse_mev_per_atom : float, meV/atom
        Root mean square over its frames.
    force_rmse_mev_per_angstrom : float, meV/angstrom
        Root mean square over all components.
    n_frames : int
        Its frames.
    labels : str
        Name of the set of labels that it is of; empty where an older version wrote this, as in what follows.
    composition : str
        Hill formula.
    volume_per_atom_angstrom3 : float or None, angstrom^3
        Mean over its frames.
    virial_rmse_mev_per_atom, pressure_mean_error_gpa, offset : float or EnergyOffset or None
        As in `ErrorTable`.
    """

    energy_rmse_mev_per_atom: float
    force_rmse_mev_per_angstrom: float
    n_frames: int
    labels: str = ""
    composition: str = ""
    volume_per_atom_angstrom3: float | None = None
    virial_rmse_mev_per_atom: float | None = None
    pressure_mean_error_gpa: float | None = None
    offset: EnergyOffset | None = None


@dataclass(frozen=True, slots=True)
class Agreement(Record):
    """How far LAMMPS' pair style and the Python interface are apart, of one structure.

    Attributes
    ----------
    structure : str
        Its name.
    energy_difference_ev_per_atom, max_energy_difference_ev_per_atom : float, eV/atom
        Of the energy, and its bound.
    force_difference_ev_per_angstrom, max_force_difference_ev_per_angstrom : float, eV/angstrom
        The largest of a component of a force, and its bound.
    """

    structure: str
    energy_difference_ev_per_atom: float
    force_difference_ev_per_angstrom: float
    max_energy_difference_ev_per_atom: float
    max_force_difference_ev_per_angstrom: float

    def __str__(self) -> str:
        return (
            f"of {self.structure}, energies differ by {self.energy_difference_ev_per_atom:.2g} eV/atom (at most "
            f"{self.max_energy_difference_ev_per_atom:g}), forces by {self.force_difference_ev_per_angstrom:.2g} eV/angstrom (at most "
            f"{self.max_force_difference_ev_per_angstrom:g})"
        )


@dataclass(frozen=True, slots=True)
class FinalModel(Record):
    """``model/model.json``: the final Deep Potential.

    Attributes
    ----------
    file, sha256 : str
        Name and hash of the frozen model.
    size_bytes : int, bytes
        Its size.
    steps, n_frames : int
        Training steps, and frames trained on.
    max_neighbors : tuple of int
        Neighbours kept of each element; of all together for models that do not count them apart, none where a model file says it.
    backend : str
        Of DeePMD-kit.
    kind : str
        The descriptor.
    not_compressed : str
        Why it is used as it was frozen; empty where it is compressed.
    agreement : Agreement or None
        LAMMPS against Python; None where an older version wrote this.
    started_from : str
        The trained model that the first committee began with; empty where there was none.
    """

    file: str
    sha256: str
    size_bytes: int
    steps: int
    n_frames: int
    max_neighbors: tuple[int, ...] = ()
    backend: str = "tensorflow"
    kind: str = "se_e2_a"
    not_compressed: str = ""
    agreement: Agreement | None = None
    started_from: str = ""


@dataclass(frozen=True, slots=True)
class GivenModel(Record):
    """``model/given.json``: a Deep Potential that was there before the run, which labels and trains nothing itself.

    Attributes
    ----------
    file, sha256 : str
        Name it was given by, and hash.
    size_bytes : int, bytes
        Its size.
    type_map : tuple of str
        Its elements, in its order.
    """

    file: str
    sha256: str
    size_bytes: int
    type_map: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.file}, {self.size_bytes / 1e6:.1f} MB, of {', '.join(self.type_map)} (SHA-256 {self.sha256[:12]})"
        )


@dataclass(frozen=True, slots=True)
class TrainingCost(Record):
    """What the final training took.

    Attributes
    ----------
    steps : int
        Training steps.
    wall_seconds : float, s
        Time of the stage over all its starts.
    n_frames : int
        Frames trained on.
    """

    steps: int
    wall_seconds: float
    n_frames: int


@dataclass(frozen=True, slots=True)
class OwnMDRun(Record):
    """MD with the final model, of which snapshots were labelled.

    Attributes
    ----------
    structure : str
        Its name.
    time_ps, asked_ps : float, ps
        How far the run came, and how far it was to go.
    n_snapshots : int
        Labelled snapshots of it, failed ones too.
    reasons : tuple of str
        Bounds of `health` that it left; snapshots before that were labelled all the same.
    density_start_g_per_cm3, density_mean_g_per_cm3 : float or None, g/cm3
        At the start, and over the second half.
    """

    structure: str
    time_ps: float
    asked_ps: float
    n_snapshots: int
    reasons: tuple[str, ...] = ()
    density_start_g_per_cm3: float | None = None
    density_mean_g_per_cm3: float | None = None


@dataclass(frozen=True, slots=True)
class DeviationAgainstError(Record):
    """Whether the committee's force deviation warns of the model's force error; frame by frame.

    Attributes
    ----------
    n_members, n_frames : int
        Networks, and frames of all sets.
    spearman, low, high : float
        Rank correlation of the largest deviation and the largest error in a frame, and its 95 % interval.
    mean_deviation_ev_per_angstrom, mean_error_ev_per_angstrom : float, eV/angstrom
        Means over the frames: a deviation far below the error is too sure of itself.
    """

    n_members: int
    n_frames: int
    spearman: float
    low: float
    high: float
    mean_deviation_ev_per_angstrom: float
    mean_error_ev_per_angstrom: float

    @property
    def warns(self) -> bool:
        """Whether larger deviations go with larger errors, beyond chance."""
        return self.low > 0


@dataclass(frozen=True, slots=True)
class TwoMeans(Record):
    """A mean over MD with the labelling method and one over MD with the model.

    Attributes
    ----------
    reference, reference_error, model, model_error : float
        Means, and their standard errors from parts of the runs.
    """

    reference: float
    reference_error: float
    model: float
    model_error: float

    @property
    def differ(self) -> bool:
        """Whether they are more than two standard errors apart."""
        return abs(self.model - self.reference) > 2 * math.hypot(self.reference_error, self.model_error)


@dataclass(frozen=True, slots=True)
class PairOverlap(Record):
    """What g(r) of one pair has in common.

    Attributes
    ----------
    value, error : float
        Integral of the lower curve over that of the higher one, and its standard error; 1 for the same curve.
    of_itself : float or None
        The same of the two halves of the MD with the labelling method.
    """

    value: float
    error: float
    of_itself: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceComparison(Record):
    """MD with the labelling method against MD with the model: same structure, velocities, thermostat and time.

    Attributes
    ----------
    structure, calculator : str
        What moved, and who labels.
    temperature_kelvin : float, K
        Of the thermostat.
    n_runs, n_frames : int
        Runs of each method, and frames compared of each.
    time_ps : float, ps
        Compared of each run.
    r_max_angstrom : float, angstrom
        Range of g(r).
    overlaps : mapping of str to PairOverlap
        By pair.
    unit : str
        What the units of polyanions are at the start, as in ``PS4``; empty where there is none.
    n_units : int
        Centres of such units.
    intact : TwoMeans or None
        Centres with as many neighbours of each element as at the start.
    bonds : mapping of str to TwoMeans
        Bonds of each kind per frame.
    trouble : tuple of str
        Why a run did not come to its end; nothing is compared then.
    """

    structure: str
    calculator: str
    temperature_kelvin: float
    n_runs: int
    n_frames: int
    time_ps: float
    r_max_angstrom: float
    overlaps: Mapping[str, PairOverlap] = field(default_factory=dict)
    unit: str = ""
    n_units: int = 0
    intact: TwoMeans | None = None
    bonds: Mapping[str, TwoMeans] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation(ErrorTable):
    """``validation/validation.json``: fields as in `ErrorTable`, of the held-out labels, and these.

    Attributes
    ----------
    systems : mapping of str to SystemErrors
        By the labelled system.
    model : FinalModel
        What was tested.
    failed_labels : tuple of FailedLabel
        Labels for this test that were not made.
    training : TrainingCost
        Of the model.
    sets : mapping of str to ErrorTable
        Errors by set of labels: held out, snapshots of the model's own MD, frames of the reference MD.
    own_md : tuple of OwnMDRun
        Runs of the model that snapshots are of.
    deviation : DeviationAgainstError or None
        None without a committee, or with too few frames.
    reference : ReferenceComparison or None
        None where none is asked for.
    """

    systems: Mapping[str, SystemErrors]
    model: FinalModel
    failed_labels: tuple[FailedLabel, ...] = ()
    training: TrainingCost
    sets: Mapping[str, ErrorTable] = field(default_factory=dict)
    own_md: tuple[OwnMDRun, ...] = ()
    deviation: DeviationAgainstError | None = None
    reference: ReferenceComparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SickRun(Record):
    """Where a run left a bound that halts one, or fell apart.

    Attributes
    ----------
    last_good_frame : int or None
        Number of the last frame, from 0, before which nothing was wrong; None where the first was wrong already.
    last_good_ps : float or None, ps
        Its time.
    candidates : str
        Frames around the failure, relative to the scan's folder, for `initial_data.structures`; empty where none is of use.
    n_candidates : int
        How many.
    """

    last_good_frame: int | None
    last_good_ps: float | None
    candidates: str = ""
    n_candidates: int = 0

    def __str__(self) -> str:
        if self.last_good_frame is None or self.last_good_ps is None:
            return "no frame of it is good"
        kept = f"; {counted(self.n_candidates, 'frame')} around its end: {self.candidates}" if self.candidates else ""
        return f"its last good frame is number {self.last_good_frame}, at {self.last_good_ps:.6g} ps{kept}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationOnTheFly(Record):
    """How far the forces of the committee and the model were apart along a run.

    Attributes
    ----------
    n_frames : int
        How often they were compared.
    interval_ps : float, ps
        Between two of these.
    first_ps : float, ps
        Of the first: later than 0 where the study asked for it when the run was under way.
    mean_ev_per_angstrom, largest_ev_per_angstrom : float, eV/angstrom
        Of the largest deviation of an atom, over these frames; of those that are no number none.
    high_ev_per_angstrom : float or None, eV/angstrom
        Upper trust level of the campaign; None where it is not known.
    share_above : float or None
        Share of the frames at or above it, those that are no number included.
    """

    n_frames: int
    interval_ps: float
    first_ps: float
    mean_ev_per_angstrom: float
    largest_ev_per_angstrom: float
    high_ev_per_angstrom: float | None = None
    share_above: float | None = None

    def __str__(self) -> str:
        since = f" since {self.first_ps:g} ps" if self.first_ps > 0 else ""
        above = ""
        if self.share_above is not None:
            above = f"; {100 * self.share_above:.3g} % reach the upper trust level of {self.high_ev_per_angstrom:.3g}"
        return (
            f"largest force deviation of an atom from the committee each {self.interval_ps:g} ps{since}: "
            f"{self.mean_ev_per_angstrom:.3g} eV/angstrom in the mean, {self.largest_ev_per_angstrom:.3g} at most{above}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanEntry(Record):
    """One MD run of the scan, in ``scan/index.json``.

    Attributes
    ----------
    name, directory : str
        Of the run; its folder, relative to the scan's.
    model, variant, protocol, condition : str
        Interface model, its vacancies, the MD protocol, and protocol with variant.
    coating_angstrom : float or None, angstrom
        Thickness of the coating.
    ensemble : str
        Of the protocol.
    temperature_kelvin : float, K
        Of the thermostat.
    pressure_bar : tuple of float, bar
        Of the barostat along each axis; empty without one.
    seed : int
        Of the velocities.
    trajectory, topology, layers, thermo_file : str
        Names of files in `directory`.
    frame_interval_ps : float, ps
        Between two frames of the trajectory.
    n_atoms : int
        Atoms of the model.
    healthy, reasons : bool, tuple of str
        The verdict, and each bound that was left.
    time_ps : float, ps
        How far the run came.
    n_steps, n_frames : int
        MD steps and frames of the trajectory.
    motion_sha256 : str
        Hash of how the atoms moved (`md.Motion`): the command that made the trajectory and its inputs; empty where there is none, or an older version wrote this.
    wall_seconds : float or None, s
        Time of MD in LAMMPS' log.
    steps_per_second, atom_steps_per_second : float or None, 1/s
        Speed; None where LAMMPS told no time.
    temperature_mean_kelvin, temperature_max_kelvin : float or None, K
        Of the run; None where there is nothing to judge, as in what follows.
    density_initial_g_per_cm3, density_mean_g_per_cm3 : float or None, g/cm3
        At the start, and over the second half.
    min_distance_angstrom : float or None, angstrom
        The shortest contact.
    edges_initial_angstrom, edges_mean_angstrom : tuple of float or None, angstrom
        Edges a, b and c of the cell at the start, and over the second half; None where the table has no cell.
    sick : SickRun or None
        Where a run that left a bound, or fell apart, did so; None for every other.
    deviation : DeviationOnTheFly or None
        Of the committee along the run, where the protocol asks for it.
    finished : bool
        Whether the run came to its end, be it one that a bound or its physics set; a failed or interrupted one may go on.
    """

    name: str
    model: str
    coating_angstrom: float | None
    variant: str = ""
    protocol: str
    condition: str = ""
    ensemble: str
    temperature_kelvin: float
    pressure_bar: tuple[float, ...]
    seed: int
    directory: str
    trajectory: str
    topology: str
    layers: str
    thermo_file: str
    frame_interval_ps: float
    n_atoms: int
    healthy: bool
    reasons: tuple[str, ...]
    time_ps: float
    n_steps: int
    n_frames: int
    motion_sha256: str = ""
    wall_seconds: float | None = None
    steps_per_second: float | None = None
    atom_steps_per_second: float | None = None
    temperature_mean_kelvin: float | None = None
    temperature_max_kelvin: float | None = None
    density_initial_g_per_cm3: float | None = None
    density_mean_g_per_cm3: float | None = None
    min_distance_angstrom: float | None = None
    edges_initial_angstrom: tuple[float, float, float] | None = None
    edges_mean_angstrom: tuple[float, float, float] | None = None
    sick: SickRun | None = None
    deviation: DeviationOnTheFly | None = None
    finished: bool = True

    def __post_init__(self) -> None:
        """Files of older versions have no condition."""
        object.__setattr__(self, "condition", self.condition or _condition(self.protocol, self.variant))


@dataclass(frozen=True, slots=True)
class ScanIndex(Record):
    """``scan/index.json``.

    Attributes
    ----------
    runs : tuple of ScanEntry
        Longest first.
    """

    runs: tuple[ScanEntry, ...] = ()

    @property
    def unfinished(self) -> tuple[str, ...]:
        """Names of the runs that have not come to their end."""
        return tuple(entry.name for entry in self.runs if not entry.finished)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisEntry(Record):
    """One run of the scan, in ``analysis/index.json``.

    Attributes
    ----------
    name, directory : str
        Of the run; its folder, relative to the analysis'.
    coating_angstrom : float or None, angstrom
        Thickness of the coating.
    variant, protocol, condition : str
        Vacancies of the model, the MD protocol, and protocol with variant.
    temperature_kelvin : float, K
        Of the thermostat.
    seed : int
        Of the velocities.
    healthy : bool
        The verdict on the run.
    motion_sha256 : str
        Of the run, as the index of the scan had it.
    trouble : str
        Why a healthy run was not analysed: its files are cut, damaged, or of another run.
    results : tuple of str
        Names of analyses that have a JSON file in `directory`.
    kinds : mapping of str to str
        Their kinds, by name; where it is missing, a name is a kind.
    absent : mapping of str to str
        Analyses that could not be made, and why.
    """

    name: str
    directory: str
    coating_angstrom: float | None
    variant: str = ""
    protocol: str
    condition: str = ""
    temperature_kelvin: float
    seed: int
    healthy: bool
    motion_sha256: str = ""
    trouble: str = ""
    results: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Files of older versions have no condition."""
        object.__setattr__(self, "condition", self.condition or _condition(self.protocol, self.variant))

    @property
    def analysed(self) -> bool:
        """Whether the run was healthy and its files were whole."""
        return self.healthy and not self.trouble

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Names of the analyses of a kind.

        Parameters
        ----------
        kind : str
            As in ``msd``.

        Returns
        -------
        tuple of str
            Of those that have a result, in order.
        """
        return tuple(name for name in self.results if self.kinds.get(name, name) == kind)

    @classmethod
    def of_run(cls, run: ScanEntry, *, kinds: Mapping[str, str], absent: Mapping[str, str], trouble: str = "") -> Self:
        """The entry of a run of the scan with what was found of it.

        Parameters
        ----------
        run : ScanEntry
            The run.
        kinds : mapping of str to str
            Kind of each analysis that has a result, by name.
        absent : mapping of str to str
            Analyses that could not be made, and why.
        trouble : str, optional
            Why none was.

        Returns
        -------
        AnalysisEntry
            Its directory is called as that of the run.
        """
        return cls(
            name=run.name,
            directory=run.directory,
            coating_angstrom=run.coating_angstrom,
            variant=run.variant,
            protocol=run.protocol,
            condition=run.condition,
            temperature_kelvin=run.temperature_kelvin,
            seed=run.seed,
            healthy=run.healthy,
            motion_sha256=run.motion_sha256,
            trouble=trouble,
            results=tuple(kinds),
            kinds=kinds,
            absent=absent,
        )


@dataclass(frozen=True, slots=True)
class HeadlineNumber(Record):
    """A number of a result that is compared between runs.

    Attributes
    ----------
    quantity : str
        What it is, with its unit.
    value, error : float or None
        The number and its standard error; None where it is not finite.
    """

    quantity: str
    value: float | None
    error: float | None


@dataclass(frozen=True, slots=True)
class MadeAnalysis(Record):
    """One analysis of one run, whose files are all there.

    Attributes
    ----------
    made_of : str
        SHA-256 of its settings, of the files that were read, and of the version of this record.
    kind : str
        Of the request; empty where it has no result.
    absent : mapping of str to str
        The analysis or parts of it that could not be made, and why.
    headlines : tuple of HeadlineNumber
        Its numbers.
    asked : str
        Hash of its settings alone; empty where an older version wrote this.
    """

    made_of: str
    kind: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    headlines: tuple[HeadlineNumber, ...] = ()
    asked: str = ""


@dataclass(frozen=True, slots=True)
class MadeAnalyses(Record):
    """``analysis/RUN/run.index.json``: what is there, and what it was made of; written after the files that it vouches for.

    Attributes
    ----------
    analyses : mapping of str to MadeAnalysis
        By name.
    """

    analyses: Mapping[str, MadeAnalysis] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedEntry(Record):
    """One result of several seeds of a model in a condition, in ``analysis/index.json``.

    Attributes
    ----------
    name : str
        Model and condition.
    result, kind : str
        Name of the analysis, and what it is.
    runs : tuple of str
        Names of the runs in it.
    trouble : str
        Why they make no result together.
    """

    name: str
    result: str
    kind: str
    runs: tuple[str, ...]
    trouble: str = ""

    @property
    def directory(self) -> str:
        """Its folder, relative to the analysis'."""
        return self.name


@dataclass(frozen=True, slots=True)
class AnalysisIndex(Record):
    """``analysis/index.json``.

    Attributes
    ----------
    runs : tuple of AnalysisEntry
        As in the scan.
    combined : tuple of CombinedEntry
        Seeds as one, where an analysis is fitted to all of them.
    """

    runs: tuple[AnalysisEntry, ...] = ()
    combined: tuple[CombinedEntry, ...] = ()

    def combined_of(self, runs: Collection[str]) -> tuple[CombinedEntry, ...]:
        """Results of several seeds that rest on these runs alone.

        Parameters
        ----------
        runs : collection of str
            Their names.

        Returns
        -------
        tuple of CombinedEntry
            Those that have a result.
        """
        return tuple(entry for entry in self.combined if not entry.trouble and set(entry.runs) <= set(runs))


def read_book(kind: type[_R], file: Path) -> _R:
    """A record from its file.

    Parameters
    ----------
    kind : type
        Class of the record.
    file : Path
        Where it lies.

    Returns
    -------
    Record
        Of that class.

    Raises
    ------
    InputFileError
        If the file is missing, damaged, or lacks a key.
    """
    return kind.from_json(read_json(file), file)


def write_book(file: Path, book: Record) -> None:
    """Write a record unless its file says it already; keys that are there and are not ours, of a newer version or of the user, stay.

    Those of an entry of a list, known by its `name`, are kept as long as all that the record says of it is the same: who wrote
    them wrote them of that.

    Parameters
    ----------
    file : Path
        Where it goes.
    book : Record
        What it holds.
    """
    content = book.to_json()
    try:
        before = read_json(file) if file.is_file() else None
    except InputFileError:
        # What is damaged is written anew.
        before = None
    if isinstance(before, dict):
        content = {key: _with_unknown_keys(before.get(key), value) for key, value in content.items()}
        content |= {key: value for key, value in before.items() if key not in content}
    if content != before:
        write_json(file, content)


def _with_unknown_keys(before: object, entries: object) -> object:
    """Entries of a list, each with what else the file says of the same."""
    if not isinstance(before, list) or not isinstance(entries, list):
        return entries
    known = {entry["name"]: entry for entry in before if isinstance(entry, dict) and isinstance(entry.get("name"), str)}
    kept = []
    for entry in entries:
        older = known.get(entry.get("name"), {}) if isinstance(entry, dict) else {}
        kept.append(entry | older if older and _says(older, entry) else entry)
    return kept


def _says(before: object, content: object) -> bool:
    """Whether a file says all of this already, and maybe more."""
    if isinstance(before, dict) and isinstance(content, dict):
        return all(_says(before.get(key), value) for key, value in content.items())
    if isinstance(before, list) and isinstance(content, list):
        return len(before) == len(content) and all(map(_says, before, content))
    return before == content


def read_optional_book(kind: type[_R], file: Path) -> _R | None:
    """A record from its file, if there is one.

    Parameters
    ----------
    kind : type
        Class of the record.
    file : Path
        Where it may lie.

    Returns
    -------
    Record or None
        Of that class; None if there is no such file.

    Raises
    ------
    InputFileError
        If the file is damaged, or lacks a key.
    """
    return read_book(kind, file) if file.is_file() else None


def _condition(protocol: str, variant: str) -> str:
    return f"{protocol}-{variant}" if variant else protocol
