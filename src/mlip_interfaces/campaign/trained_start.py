"""A trained model that the first committee begins with: its model section, its file in the campaign, and DP-GEN's keys for it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from mlip_interfaces.config import Study
from mlip_interfaces.deep_potentials import Head, read_deep_potential, write_single_head
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import file_hash, known_hash, whole_file, write_json
from mlip_interfaces.potentials.model_file import why_no_potential
from mlip_interfaces.potentials.model_section import TWO_BODY, kinds_of
from mlip_interfaces.records import Record, read_as

START_FILE = "start.json"
"""In a campaign's folder: what its first committee began with."""

_OF_ITS_OWN_TRAINING = ("info", "model_branch_alias", "finetune_head")
"""Keys of a section that say how the model itself was made: a head to start from is not there any more."""

_FINE_TUNED_BY_TENSORFLOW = frozenset({"se_atten", "se_atten_v2"})


@dataclass(frozen=True, slots=True)
class TrainedStart(Record):
    """``start.json``.

    Attributes
    ----------
    file, sha256 : str
        Name and content of the file that the study names.
    head : str
        Of a multi-task model; empty for one without heads.
    checkpoint, checkpoint_sha256 : str
        The file in the campaign's folder that `dp` starts from, and its content: a copy, or the head alone.
    """

    file: str
    sha256: str
    head: str
    checkpoint: str
    checkpoint_sha256: str

    def __str__(self) -> str:
        return f"{self.file} (SHA-256 {self.sha256[:12]}{f', head {self.head}' if self.head else ''})"


def start_section(study: Study) -> dict[str, JsonValue]:
    """DeePMD-kit's section ``model`` of a trained model, for the elements of the study.

    Parameters
    ----------
    study : Study
        With an absolute path in ``training.start_from``.

    Returns
    -------
    dict of str to JSON
        With the study's type map: DeePMD-kit takes over what it knows of each element.

    Raises
    ------
    InputFileError
        If the file cannot be read, has no such head, does not know an element, was compressed, or has a type map that this
        kind of model cannot leave.
    MissingEngineError
        If its backend is not installed.
    """
    file, head = Path(str(study.training.start_from)), study.training.start_from_head
    potential = read_deep_potential(file)
    potential.require_elements(study.elements, head)
    found = potential.head(head)
    if not isinstance(found.model.get("descriptor"), dict) or "fitting_net" not in found.model:
        raise InputFileError(f"{file} does not say with which descriptor and fitting net it was trained; give another.")
    if "compress" in found.model:
        raise InputFileError(
            f"{file} was compressed and cannot be trained on; give the frozen model before `dp compress`."
        )
    if "use_srtab" in found.model:
        raise InputFileError(
            f"{file} was trained with a short-range table, which is not in the file; give a model without one."
        )
    section = {key: value for key, value in found.model.items() if key not in _OF_ITS_OWN_TRAINING}
    why, _ = why_no_potential(section, len(found.type_map))
    if why:
        raise InputFileError(f"{file} cannot be trained on here: {why}; give another model.")
    if found.type_map != study.elements:
        _require_remapping(file, found, study)
    return {**section, "type_map": list(study.elements)}


def _require_remapping(file: Path, head: Head, study: Study) -> None:
    fixed = [kind for kind in kinds_of(head.model) if kind in TWO_BODY]
    why = f"a model of {fixed[0]} keeps it" if fixed else ""
    if study.training.backend != "pytorch":
        why = "the TensorFlow backend keeps it"
    if why:
        raise InputFileError(
            f"{file} has the type map {', '.join(head.type_map)}, and {why}; make it the study's `elements` "
            f"({', '.join(study.elements)}), in this order, or start from a model with one net for all elements."
        )


def dpgen_start(study: Study) -> dict[str, JsonValue]:
    """DP-GEN's keys for the start of the first committee.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    dict of str to JSON
        Empty where training starts from nothing. PyTorch fine-tunes, and so does TensorFlow models with attention's descriptor;
        of others TensorFlow takes over the weights alone.
    """
    training = study.training
    if training.start_from is None:
        return {}
    fine_tuned = training.backend == "pytorch" or _FINE_TUNED_BY_TENSORFLOW.issuperset(kinds_of(start_section(study)))
    key = "training_finetune_model" if fine_tuned else "training_init_frozen_model"
    return {key: [start_name(study)] * training.committee_size}


def start_name(study: Study) -> str:
    """Name of the file in the campaign's folder that training starts from.

    Parameters
    ----------
    study : Study
        With ``training.start_from``.
    """
    return f"start{Path(str(study.training.start_from)).suffix}"


def keep_start(study: Study, directory: Path) -> None:
    """Write the file that training starts from into the campaign's folder, once; see that it is still what the study names.

    Parameters
    ----------
    study : Study
        With an absolute path in ``training.start_from``, or without one.
    directory : Path
        Of the campaign.

    Raises
    ------
    InputFileError
        If the study's file, its head or the campaign's file is another than when the campaign began.
    """
    training = study.training
    if training.start_from is None:
        return
    source = Path(training.start_from)
    if (directory / START_FILE).is_file():
        why = why_another_start(study, directory)
        if why:
            raise InputFileError(why)
        return
    checkpoint = directory / start_name(study)
    potential = read_deep_potential(source)
    head = potential.name_of_head(training.start_from_head)
    if head:
        write_single_head(potential, head, checkpoint)
    else:
        with whole_file(checkpoint) as working:
            shutil.copyfile(source, working)
    start = TrainedStart(source.name, file_hash(source), head, checkpoint.name, file_hash(checkpoint))
    write_json(directory / START_FILE, start.to_json())


def read_start(directory: Path) -> TrainedStart | None:
    """What the first committee of a campaign began with.

    Parameters
    ----------
    directory : Path
        Of the campaign.

    Returns
    -------
    TrainedStart or None
        None where it began with nothing.

    Raises
    ------
    InputFileError
        If the record is damaged.
    """
    file = directory / START_FILE
    if not file.is_file():
        return None
    return read_as(TrainedStart, file, if_damaged="delete it to have it written again from training.start_from")


def why_another_start(study: Study, directory: Path) -> str:
    """Why the start that a campaign keeps is not, or no longer, what the study names.

    Parameters
    ----------
    study : Study
        With an absolute path in ``training.start_from``.
    directory : Path
        Of a campaign with a start.

    Returns
    -------
    str
        Empty where all is as it was.

    Raises
    ------
    InputFileError
        If the record is damaged.
    """
    start, source = read_start(directory), Path(str(study.training.start_from))
    if start is None:
        return ""
    if known_hash(source) != start.sha256:
        return (
            f"{source} has the SHA-256 {known_hash(source)[:12]}, but the campaign in {directory} began with {start}; give that file "
            "again, or another --out folder."
        )
    checkpoint = directory / start.checkpoint
    if not checkpoint.is_file() or known_hash(checkpoint) != start.checkpoint_sha256:
        return (
            f"{checkpoint}, which the first committee starts from, is missing or is not what was written; delete {directory / START_FILE} "
            "to have it written again."
        )
    return ""
