"""``param.json`` and ``machine.json`` of a campaign, checked against DP-GEN's own strict schema."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from pydantic import JsonValue

from mlip_interfaces.campaign.trained_start import dpgen_start, start_section
from mlip_interfaces.config import Step, Study
from mlip_interfaces.errors import StudyError
from mlip_interfaces.jobs import ON_A_PLACE, gpu_places, machine_section, resources_section
from mlip_interfaces.labels.settings import SETTINGS_FILE, travelling_files
from mlip_interfaces.potentials import (
    BACKENDS,
    SHORT_RANGE_TABLE,
    Backend,
    DescriptorSizes,
    InnerSizes,
    LossPrefactors,
    ShortRangeBlend,
    max_neighbors,
    model_section,
    read_model_file,
    short_range_keys,
    total_neighbors,
    training_input,
    why_not_compressed,
)
from mlip_interfaces.units import FS_TO_PS

DpgenContent = dict[str, Any]
"""Content of a file of DP-GEN, or an entry of one: DP-GEN's own schema says what is in it."""

LABEL_INPUT, LABEL_OUTPUT = "POSCAR_in", "label.json"
UNLESS_LABELLED = f"test -s {LABEL_OUTPUT} || "
LABEL_PROGRAM = "mlip-interfaces label ."
LABEL_COMMAND = UNLESS_LABELLED + LABEL_PROGRAM
"""What runs in each labelling task; one call labels its waiting siblings, so the next ones find theirs made."""

EXPLORED_ENSEMBLES = {"free": "npt-aniso", "isotropic": "npt"}
"""DP-GEN's word for each `exploration.cell`; its plain ``npt`` scales all edges in one ratio."""


def descriptor_sizes(study: Study, max_neighbors: Sequence[int]) -> DescriptorSizes:
    """Model sizes of the study.

    Parameters
    ----------
    study : Study
        The study, without a model file.
    max_neighbors : sequence of int
        As `neighbors_kept` gives them, where the study does not give its own.

    Returns
    -------
    DescriptorSizes
        For `potentials.training_input`.
    """
    training, inner = study.training, study.training.inner
    asked = {} if inner is None else inner.model_dump()
    cutoff = asked.pop("inner_cutoff_angstrom", None)
    return DescriptorSizes(
        cutoff_angstrom=training.cutoff_angstrom,
        smooth_from_angstrom=training.smooth_from_angstrom,
        embedding_neurons=training.embedding_neurons,
        axis_neurons=training.axis_neurons,
        fitting_neurons=training.fitting_neurons,
        max_neighbors=training.max_neighbors or tuple(max_neighbors),
        precision=training.precision,
        kind=training.model,
        inner=None if cutoff is None else InnerSizes(cutoff_angstrom=cutoff, **asked),
    )


def neighbors_kept(study: Study, structures: Sequence[Atoms], labelled: Sequence[Atoms]) -> tuple[int, ...]:
    """Neighbours that the study's model keeps where the study does not say how many.

    Parameters
    ----------
    study : Study
        The study.
    structures : sequence of Atoms
        Those that MD begins with.
    labelled : sequence of Atoms
        Those to train on.

    Returns
    -------
    tuple of int
        As `DescriptorSizes` has them; by element for a model of a file, which has its own.
    """
    training = study.training
    if training.model == "se_e2_a":
        return max_neighbors(structures, study.elements, training.cutoff_angstrom, labelled=labelled)
    inner = () if training.inner is None else (training.inner.inner_cutoff_angstrom,)
    return total_neighbors(structures, (training.cutoff_angstrom, *inner), labelled=labelled)


def asked_model(study: Study, max_neighbors: Sequence[int], *, seed: int | None = None) -> dict[str, JsonValue]:
    """DeePMD-kit's section ``model`` of the study.

    Parameters
    ----------
    study : Study
        The study, the path of its model file absolute.
    max_neighbors : sequence of int
        As `neighbors_kept` gives them.
    seed : int or None, optional
        Draws the first weights.

    Returns
    -------
    dict of str to JSON
        For `potentials.training_input`.

    Raises
    ------
    InputFileError
        If DeePMD-kit refuses the study's own model.
    """
    file, blend = study.training.model_file, short_range_blend(study)
    if study.training.start_from is not None:
        section = start_section(study)
        return {**section, **({} if blend is None else short_range_keys(blend))}
    if file is None:
        sizes = descriptor_sizes(study, max_neighbors)
        return model_section(sizes, study.elements, seed=seed, short_range=blend)
    section = read_model_file(Path(file), study.elements, backend_of_study(study))
    return {**section, **({} if blend is None else short_range_keys(blend))}


def uncounted_neighbors(study: Study) -> tuple[int, ...]:
    """In place of `neighbors_kept`, before there are structures to count in.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    tuple of int
        Ones.
    """
    training = study.training
    return (1,) * (len(study.elements) if training.model == "se_e2_a" else 1 if training.inner is None else 2)


def why_uncompressed(study: Study) -> str:
    """Why the study's model is used as it was frozen.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    str
        Empty where it is compressed.
    """
    return why_not_compressed(asked_model(study, uncounted_neighbors(study)))


def backend_of_study(study: Study) -> Backend:
    """The backend that a study asks for.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    Backend
        Of DeePMD-kit.
    """
    return BACKENDS[study.training.backend]


def loss_prefactors(study: Study) -> LossPrefactors:
    """Weights of the study's loss.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    LossPrefactors
        For `potentials.training_input`.
    """
    loss = study.training.loss
    return LossPrefactors(loss.energy, loss.force, loss.virial, loss.force_shift_ev_per_angstrom)


def short_range_blend(study: Study) -> ShortRangeBlend | None:
    """The study's repulsion at short distances.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    ShortRangeBlend or None
        For `potentials.training_input`; its table lies in the folder of the training.
    """
    asked = study.training.short_range
    return None if asked is None else ShortRangeBlend(SHORT_RANGE_TABLE, asked.from_angstrom, asked.to_angstrom)


def render_param(study: Study, *, initial_systems: Sequence[str], max_neighbors: Sequence[int]) -> DpgenContent:
    """Content of DP-GEN's ``param.json``; all paths are relative to the campaign's folder.

    It lists the whole ladder, so that plain ``dpgen run`` climbs it rung by rung; ``campaign run`` takes its rungs from here
    and keeps the jobs it has asked for in ``param.running.json``.

    Parameters
    ----------
    study : Study
        The study.
    initial_systems : sequence of str
        Names of the data folders in ``../initial_data/dataset``.
    max_neighbors : sequence of int
        As `neighbors_kept` gives them.

    Returns
    -------
    dict
        As DP-GEN's schema says.

    Raises
    ------
    StudyError
        If DP-GEN's strict schema refuses the result.
    """
    exploration, training = study.exploration, study.training
    backend, model = backend_of_study(study), asked_model(study, max_neighbors)
    default = training_input(
        model,
        study.elements,
        n_steps=training.steps,
        start_learning_rate=training.start_learning_rate,
        stop_learning_rate=training.stop_learning_rate,
        loss=loss_prefactors(study),
    )
    param: DpgenContent = {
        "type_map": list(study.elements),
        "mass_map": "auto",
        "init_data_prefix": "../initial_data/dataset",
        "init_data_sys": list(initial_systems),
        "init_batch_size": [training.batch_size] * len(initial_systems),
        "sys_configs_prefix": "../structures",
        "sys_configs": [[f"{name}/POSCAR"] for name in study.explored],
        "sys_batch_size": [training.batch_size] * len(study.explored),
        "numb_models": training.committee_size,
        # Where it is left out, DP-GEN means TensorFlow.
        **({} if backend.name == "tensorflow" else {"train_backend": backend.name}),
        "default_training_param": default,
        "dp_compress": not why_not_compressed(model),
        # The neighbour statistics are what `dp compress` needs.
        "dp_train_skip_neighbor_stat": False,
        **dpgen_start(study),
        "training_reuse_iter": 1,
        "training_reuse_old_ratio": "auto:10",
        "training_reuse_numb_steps": training.steps_reuse,
        "training_reuse_start_lr": training.start_learning_rate_reuse,
        "training_reuse_start_pref_e": training.loss.energy_start_reuse,
        "training_reuse_start_pref_f": loss_prefactors(study).deepmd_force(training.loss.force_start_reuse),
        **({} if training.short_range is None else {"srtab_file_path": SHORT_RANGE_TABLE}),
        "model_devi_dt": exploration.timestep_fs * FS_TO_PS,
        "model_devi_skip": 0,
        "model_devi_f_trust_lo": exploration.force_trust_low_ev_per_angstrom,
        "model_devi_f_trust_hi": exploration.force_trust_high_ev_per_angstrom,
        "model_devi_merge_traj": True,
        "model_devi_clean_traj": False,
        "model_devi_jobs": [
            {
                "_idx": f"{index:03d}",
                "sys_idx": list(range(len(study.explored))),
                "temps": list(step.temperatures_kelvin),
                "press": list(step.pressures_bar),
                "trj_freq": step.sample_every,
                "nsteps": step.steps,
                "ensemble": EXPLORED_ENSEMBLES[exploration.cell],
                "taut": 0.1,
                "taup": 0.5,
                "neidelay": 0,
            }
            for index, step in enumerate(exploration.iterations)
        ],
        "fp_style": "custom",
        "fp_task_max": exploration.max_labels_per_model,
        "fp_task_min": 0,
        "ratio_failed": study.labels.max_failed_fraction,
        "detailed_report_make_fp": True,
        "fp_params": {
            "input_fmt": "vasp/poscar",
            "input_fn": LABEL_INPUT,
            "output_fmt": "mlip_interfaces/label",
            "output_fn": LABEL_OUTPUT,
        },
    }
    check_param(param)
    return param


def render_machine(study: Study) -> DpgenContent:
    """Content of DP-GEN's ``machine.json``, as the study's execution says.

    Its one path, the settings that each labelling task gets, is relative to the campaign's folder. Editing the file in the
    middle of a campaign (another queue, another ``group_size``) repeats nothing that is finished: dpdispatcher marks finished
    tasks by their command and files, whatever their resources.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    dict
        As DP-GEN's schema says.

    Raises
    ------
    StudyError
        If DP-GEN's strict schema refuses the result.
    """
    n_explorations = len(study.explored) * max(
        len(step.temperatures_kelvin) * len(step.pressures_bar) for step in study.exploration.iterations
    )
    n_labels = study.exploration.max_labels_per_model * len(study.explored)

    def section(program: str, step: Step, n_tasks: int, jobs_per_core: int = 1, unless: str = "") -> DpgenContent:
        on_gpu = ON_A_PLACE if gpu_places(study.execution, step) else ""
        return {
            "command": unless + on_gpu + program,
            "machine": machine_section(study.execution, "./"),
            "resources": resources_section(study.execution, step, n_tasks=n_tasks, jobs_per_core=jobs_per_core),
        }

    machine = {
        "api_version": "1.0",
        "deepmd_version": "3.2.0",
        "train": section("dp", "train", study.training.committee_size),
        # Explorations differ in length: twice as many jobs as cores.
        "model_devi": section("lmp", "explore", n_explorations, jobs_per_core=2),
        "fp": {
            **section(LABEL_PROGRAM, "label", n_labels, unless=UNLESS_LABELLED),
            "user_forward_files": [
                SETTINGS_FILE,
                *(travelling_files(study.labels.parameters).values() if study.execution.staged else ()),
            ],
        },
    }
    check_machine(machine)
    return machine


def check_param(param: DpgenContent) -> None:
    """Check ``param.json`` with DP-GEN's strict schema and for what that schema lets pass.

    Parameters
    ----------
    param : dict
        Content of the file.

    Raises
    ------
    StudyError
        With DP-GEN's own message, or the field that is missing or too short.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        from dpgen.generator.arginfo import run_jdata_arginfo
        from dpgen.util import normalize
    _checked(lambda: normalize(run_jdata_arginfo(), param, strict_check=True), "param.json")
    if "init_data_prefix" not in param:
        raise StudyError("param.json lacks init_data_prefix, which DP-GEN reads without asking.")
    for field, n_expected in (("init_batch_size", "init_data_sys"), ("sys_batch_size", "sys_configs")):
        if len(param[field]) != len(param[n_expected]):
            raise StudyError(f"param.json: {field} and {n_expected} must have equally many entries.")


def check_machine(machine: DpgenContent) -> None:
    """Check ``machine.json`` with DP-GEN's strict schema, which ``dpgen run`` itself never does.

    Parameters
    ----------
    machine : dict
        Content of the file.

    Raises
    ------
    StudyError
        With DP-GEN's own message.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        from dpgen.generator.arginfo import run_mdata_arginfo
        from dpgen.util import normalize
    _checked(lambda: normalize(run_mdata_arginfo(), machine, strict_check=True), "machine.json")


def _checked(check: Callable[[], object], name: str) -> None:
    from dargs.dargs import ArgumentError

    try:
        check()
    except ArgumentError as error:
        raise StudyError(f"DP-GEN refuses {name}: {error}") from error
