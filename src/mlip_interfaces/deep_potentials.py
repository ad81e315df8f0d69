"""What a file of DeePMD-kit holds: its backend, its elements, its heads; asked in a process of its own.

``python -m mlip_interfaces.deep_potentials FILE`` loads the file and prints the answer as the last line: start-up, threads and
messages of TensorFlow and of PyTorch stay out of the caller. ``... FILE HEAD NEW_FILE`` writes one head of a multi-task checkpoint as
a checkpoint of its own.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from mlip_interfaces.choices import BACKEND_LABELS, BACKEND_OF_ENDING, BackendName
from mlip_interfaces.engines import how_to_get, is_installed, other_torch, require_packages
from mlip_interfaces.errors import InputFileError, MissingEngineError
from mlip_interfaces.files import write_bytes
from mlip_interfaces.programs import ask_program

_LIMIT_SECONDS = 300.0
_MODULE = "mlip_interfaces.deep_potentials"


@dataclass(frozen=True, slots=True)
class Head:
    """One branch of a model, or the whole of one that has none.

    Attributes
    ----------
    type_map : tuple of str
        The elements it knows, in their order.
    model : mapping of str to JSON
        The section ``model`` of the training that made it; empty where the file does not say.
    """

    type_map: tuple[str, ...]
    model: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class DeepPotential:
    """A file of DeePMD-kit.

    Attributes
    ----------
    file : Path
        Where it lies.
    backend : {"tensorflow", "pytorch"}
        That it is for.
    heads : mapping of str to Head
        By name; the one of a model without heads has an empty name.
    aliases : mapping of str to str
        Other names of heads, each with the one in `heads`.
    """

    file: Path
    backend: BackendName
    heads: Mapping[str, Head]
    aliases: Mapping[str, str]

    @property
    def has_heads(self) -> bool:
        """Whether it is a multi-task model, of which one head must be named."""
        return "" not in self.heads

    def name_of_head(self, asked: str | None) -> str:
        """Name in `heads` of the head that is meant.

        Parameters
        ----------
        asked : str or None
            A name or an alias; None for a model without heads.

        Raises
        ------
        InputFileError
            If there is no such head, or one must be named; the message says which there are.
        """
        names = ", ".join(self.heads)
        if not self.has_heads:
            if asked is not None:
                raise InputFileError(
                    f"{self.file} is a model without heads, so that there is no '{asked}'; leave it out."
                )
            return ""
        if asked is None:
            raise InputFileError(f"{self.file} is a model with the heads {names}; name one of them.")
        name = self.aliases.get(asked, asked)
        if name not in self.heads:
            raise InputFileError(f"{self.file} has no head '{asked}'; its heads are {names}.")
        return name

    def head(self, asked: str | None) -> Head:
        """The head that is meant.

        Parameters
        ----------
        asked : str or None
            As for `name_of_head`, which also says what is raised.
        """
        return self.heads[self.name_of_head(asked)]

    def require_elements(self, elements: Sequence[str], asked: str | None) -> None:
        """Check that a head knows elements.

        Parameters
        ----------
        elements : sequence of str
            That it will be asked for.
        asked : str or None
            Which head.

        Raises
        ------
        InputFileError
            If it lacks one.
        """
        known = self.head(asked).type_map
        missing = [symbol for symbol in elements if symbol not in known]
        if missing:
            listed = ", ".join(known) if len(known) <= 20 else f"{', '.join(known[:20])} and {len(known) - 20} more"
            raise InputFileError(
                f"{self.file} does not know {', '.join(missing)}: its elements are {listed}; give a model that was trained on all "
                f"of {', '.join(elements)}."
            )


def _backend_of(file: Path) -> BackendName:
    """Backend that a file is for, by its ending: of frozen models, and of checkpoints."""
    backend = BACKEND_OF_ENDING.get(file.suffix)
    if backend is None:
        raise InputFileError(
            f"{file} is no Deep Potential: those end in .pb (TensorFlow), .pth or .pt2 (PyTorch, frozen) or .pt (PyTorch, checkpoint)."
        )
    return backend


def read_deep_potential(file: Path) -> DeepPotential:
    """Load a file of DeePMD-kit and say what is in it; takes ten seconds, the second time none.

    Parameters
    ----------
    file : Path
        A frozen model, or a checkpoint of the PyTorch backend.

    Returns
    -------
    DeepPotential
        Backend, heads, elements.

    Raises
    ------
    InputFileError
        If there is no such file, or DeePMD-kit cannot read it.
    MissingEngineError
        If its backend is not there, or is of another version than DeePMD-kit was built for.
    """
    _backend_of(file)
    if not file.is_file():
        raise InputFileError(f"There is no file {file}; give the Deep Potential itself.")
    require_packages("deepmd")
    state = file.stat()
    return _read(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _read(file: Path, _changed: int, _size: int) -> DeepPotential:
    backend = _backend_of(file)
    if backend == "pytorch":
        trouble = other_torch() if is_installed("torch") else f"torch is not installed; {how_to_get('pytorch')}."
        if trouble:
            raise MissingEngineError(f"{file} is a model of DeePMD-kit's PyTorch backend: {trouble}")
    answer = ask_program([sys.executable, "-m", _MODULE, str(file)], limit_seconds=_LIMIT_SECONDS)
    said = answer.output.rpartition("\n")[2] if answer.status == 0 else ""
    if not said:
        raise InputFileError(
            f"DeePMD-kit cannot read {file} as a model of its {BACKEND_LABELS[backend]} backend: {_reason(answer.errors)}."
        )
    content = json.loads(said)
    heads = {name: Head(tuple(head["type_map"]), head["model"]) for name, head in content["heads"].items()}
    return DeepPotential(file, backend, heads, content["aliases"])


def write_single_head(potential: DeepPotential, head: str, file: Path) -> None:
    """Write one head of a multi-task checkpoint as a checkpoint without heads, which ``dp train`` and DP-GEN start from.

    Descriptor, fitting net, energy bias and statistics are those of the head; it computes what the head computed.

    Parameters
    ----------
    potential : DeepPotential
        A checkpoint of the PyTorch backend.
    head : str
        Name of a head, or an alias.
    file : Path
        Replaced if it exists; appears whole or not at all.

    Raises
    ------
    InputFileError
        If there is no such head, or the checkpoint cannot be read.
    """
    name = potential.name_of_head(head)
    command = [sys.executable, "-m", _MODULE, str(potential.file), name, str(file)]
    answer = ask_program(command, limit_seconds=_LIMIT_SECONDS)
    if answer.status != 0:
        raise InputFileError(f"The head {name} of {potential.file} cannot be written: {_reason(answer.errors)}.")


def _reason(errors: str) -> str:
    """The exception that ended the process, without what libraries say around it."""
    raised = [line for line in errors.splitlines() if re.match(r"[\w.]+(Error|Exception|Interrupt)\b", line)]
    return (raised or errors.splitlines() or ["it said nothing"])[-1].partition(". ")[0].removesuffix(".")


def _describe(file: Path) -> dict[str, Any]:
    """Heads of a file as JSON has them; whatever DeePMD-kit raises ends the process."""
    if file.suffix == ".pt":
        import deepmd.pt  # noqa: F401 (raises where torch is of another version)
        import torch
        from deepmd.utils.model_branch_dict import get_model_dict

        content = torch.load(file, map_location="cpu", weights_only=True)
        model = content.get("model", content)["_extra_state"]["model_params"]
        if "model_dict" in model:
            branches = model["model_dict"]
            heads = {name: {"type_map": branch["type_map"], "model": branch} for name, branch in branches.items()}
            return {"heads": heads, "aliases": get_model_dict(branches)[0]}
        return {"heads": {"": {"type_map": model["type_map"], "model": model}}, "aliases": {}}
    from deepmd.infer import DeepPot

    potential = DeepPot(str(file))
    return {"heads": {"": {"type_map": potential.get_type_map(), "model": _section(potential)}}, "aliases": {}}


def _section(potential: Any) -> dict[str, Any]:
    """Section ``model`` that a frozen model was made with; compressed ones of some versions have none."""
    try:
        return dict(potential.deep_eval.get_model_def_script())
    except (AttributeError, KeyError, RuntimeError, ValueError):
        return {}


def _single(file: Path, head: str, output: Path) -> None:
    """As DeePMD-kit itself takes a head out of a checkpoint to evaluate it."""
    import torch

    content = torch.load(file, map_location="cpu", weights_only=True)
    state = content.get("model", content)
    extra, before = state["_extra_state"], f"model.{head}."
    weights = {
        f"model.Default.{key.removeprefix(before)}": value for key, value in state.items() if key.startswith(before)
    }
    # The head that this one was itself fine-tuned from is not in the new file.
    model = {key: value for key, value in extra["model_params"]["model_dict"][head].items() if key != "finetune_head"}
    buffer = io.BytesIO()
    torch.save({"model": weights | {"_extra_state": {**extra, "model_params": model}}}, buffer)
    write_bytes(output, buffer.getvalue())


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(json.dumps(_describe(Path(sys.argv[1]))))
    else:
        _single(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
