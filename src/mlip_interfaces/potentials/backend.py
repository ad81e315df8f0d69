"""Backends of DeePMD-kit: what the files of each are called, and the words that train, freeze and compress with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.choices import BACKEND_LABELS, BackendName
from mlip_interfaces.engines import finds_library, how_to_get, is_installed, other_torch, require_packages
from mlip_interfaces.errors import InputFileError, MissingEngineError

CHECKPOINT = "model.ckpt"
"""Name of a checkpoint as `dp train` takes it, whatever files it is made of."""

_CUDA_RUNTIME = "nvidia.cuda_runtime"

INPUT = "input.json"
"""The training input, in the folder of the training."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend of DeePMD-kit.

    Attributes
    ----------
    name : {"tensorflow", "pytorch"}
        As a study and DP-GEN's ``train_backend`` have it.
    option : str
        Of `dp`.
    suffix : str
        Of frozen models.
    checkpoint_file : str
        A file that is there once training has left a checkpoint.
    packages : tuple of str
        Python packages that it needs besides DeePMD-kit's own, by the names that are imported.
    extra : str
        That brings them.
    """

    name: BackendName
    option: str
    suffix: str
    checkpoint_file: str
    packages: tuple[str, ...] = ()
    extra: str = "engines"

    @property
    def label(self) -> str:
        """The name as people write it."""
        return BACKEND_LABELS[self.name]

    @property
    def potential(self) -> str:
        """Name of the final model's file in a run folder."""
        return f"model{self.suffix}"

    def member(self, number: int) -> str:
        """Name of a frozen committee member, as DP-GEN links it.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        str
            With the suffix.
        """
        return f"graph.{number:03d}{self.suffix}"

    def training_command(self, start: str, *, compress: bool) -> str:
        """Shell that trains on from its own checkpoint if there is one, and leaves the frozen model.

        Parameters
        ----------
        start : str
            Words that begin a training, for the shell: `from_checkpoint` gives those for the checkpoint of another.
        compress : bool
            Whether the frozen model is compressed.

        Returns
        -------
        str
            To be run in a folder with `INPUT`; at its end there is the file `potential`.
        """
        dp, frozen = f"dp {self.option}", f"frozen{self.suffix}"
        train = (
            f"if [ -f {self.checkpoint_file} ]; then {dp} train {INPUT} --restart {CHECKPOINT}; "
            f"else {dp} train {INPUT} {start}; fi && {dp} freeze -o {frozen}"
        )
        if not compress:
            return f"{train} && mv {frozen} {self.potential}"
        made = f"compressed{self.suffix}"
        return f"{train} && {dp} compress -i {frozen} -o {made} -t {INPUT} && mv {made} {self.potential}"

    def require(self) -> None:
        """Check that it is installed, before work is begun that would end for want of it.

        Raises
        ------
        MissingEngineError
            Naming what is missing or of another version, and how to get it.
        """
        require_packages("deepmd")
        require_packages(*self.packages, extra=self.extra)
        if self.name == "pytorch" and (trouble := other_torch()):
            raise MissingEngineError(trouble)
        # The launcher of LAMMPS finds that of the package by itself.
        if self.name == "pytorch" and not is_installed(_CUDA_RUNTIME) and not finds_library("libcudart.so.12"):
            raise MissingEngineError(
                "LAMMPS runs PyTorch models with libcudart.so.12 alone, also where there is no GPU, and there is none; "
                f"{how_to_get(self.extra)}, or: pip install nvidia-cuda-runtime-cu12."
            )


def from_checkpoint(folder: str) -> str:
    """Words that begin a training at the checkpoint of another.

    Parameters
    ----------
    folder : str
        Where that was trained, from where this one is.

    Returns
    -------
    str
        For `Backend.training_command`.
    """
    return f"--init-model {shlex.quote(f'{folder}/{CHECKPOINT}')}"


BACKENDS: Mapping[BackendName, Backend] = {
    "tensorflow": Backend("tensorflow", "--tf", ".pb", f"{CHECKPOINT}.index", ("tensorflow",)),
    "pytorch": Backend("pytorch", "--pt", ".pth", f"{CHECKPOINT}.pt", ("torch", "e3nn"), "pytorch"),
}
"""By name."""


def backend_of(model: Path) -> Backend:
    """The backend that froze a model.

    Parameters
    ----------
    model : Path
        Its file, there or not; the suffix tells.

    Returns
    -------
    Backend
        One of `BACKENDS`.

    Raises
    ------
    InputFileError
        If no backend that runs here writes such files.

    Examples
    --------
    >>> backend_of(Path("graph.000.pth")).name
    'pytorch'
    """
    for backend in BACKENDS.values():
        if model.suffix == backend.suffix:
            return backend
    known = " or ".join(f"{backend.suffix} ({backend.label})" for backend in BACKENDS.values())
    raise InputFileError(
        f"{model} does not end in {known}, as models do that run here; give one from `dp --tf freeze` or `dp --pt freeze`."
    )
