"""The user's own section ``model`` of DeePMD-kit: whether it can be a potential here, and whether the backend heeds all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.potentials.backend import Backend
from mlip_interfaces.potentials.model_section import TWO_BODY, Section, descriptors, kinds_of

if TYPE_CHECKING:
    from dargs.dargs import Argument

_NOT_HERE = "no label and in no run of LAMMPS here"
_NO_KEYS = {
    "spin": f"spins are in {_NOT_HERE}",
    "modifier": "the model that it names would not travel with the training",
    "compress": "a model is compressed after its training",
    "finetune_head": "a head to start from is given by training.start_from and training.start_from_head",
}
"""Keys of the section that no potential here has."""
_SUPPORTED = "(Supported Backend: "
"""With what follows up to the bracket DeePMD-kit's schema begins the description of a key that not all backends have."""


def read_model_file(file: Path, elements: Sequence[str], backend: Backend) -> Section:
    """The user's own section ``model``, checked with DeePMD-kit's schema.

    Parameters
    ----------
    file : Path
        JSON: the section, or a training input that has it.
    elements : sequence of str
        The study's type map.
    backend : Backend
        That is to train it.

    Returns
    -------
    dict of str to JSON
        As in the file.

    Raises
    ------
    InputFileError
        If the file cannot be read, DeePMD-kit refuses it, its type map is another, it is no potential, or it has a key that the
        backend does not heed.
    MissingEngineError
        If DeePMD-kit is not installed.
    """
    from mlip_interfaces.engines import require_packages

    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputFileError(f"{file} must hold DeePMD-kit's section `model` as a JSON object.")
    section = content["model"] if isinstance(content.get("model"), dict) else content
    if section.get("type_map") != list(elements):
        raise InputFileError(
            f"{file}: type_map is {json.dumps(section.get('type_map'))}, but the study's `elements` are {json.dumps(list(elements))}; "
            "make them the same, in the same order."
        )
    if "use_srtab" in section:
        raise InputFileError(
            f"{file} has use_srtab, whose table would not travel with the training; leave it out, and give training.short_range."
        )
    if not isinstance(section.get("descriptor"), dict):
        raise InputFileError(f"{file} has no `descriptor`; give a model of one descriptor and one fitting net.")
    require_packages("deepmd", "dargs")
    from dargs.dargs import ArgumentError
    from deepmd.utils.argcheck import model_args

    schema: Argument = model_args()
    try:
        normalized = schema.normalize_value(section, trim_pattern="_*")
        schema.check_value(normalized, strict=True)
    except ArgumentError as error:
        raise InputFileError(f"DeePMD-kit refuses {file}: {error}") from error
    why, remedy = why_no_potential(section, len(elements))
    if why:
        raise InputFileError(f"{file}: {why}; {remedy}.")
    for key, supporting in _of_some_backends(schema, normalized):
        if backend.label not in supporting:
            raise InputFileError(
                f"{file}: {backend.label} does not heed {key}, which is for {' and '.join(supporting)} alone; leave it out, or set "
                "training.backend to one that has it."
            )
    return dict(section)


def why_no_potential(section: Mapping[str, JsonValue], n_elements: int) -> tuple[str, str]:
    """Why a model gives no energy that labels here can teach and LAMMPS here can use.

    Parameters
    ----------
    section : mapping
        The section ``model``, of one descriptor and one fitting net.
    n_elements : int
        Length of its type map.

    Returns
    -------
    why, remedy : str
        The key and what is wrong with it, and what to do in a file of one's own; empty where it is a potential.
    """
    fitting = section.get("fitting_net")
    net = fitting if isinstance(fitting, dict) else {}
    what = net.get("type", "ener")
    if what != "ener":
        return f"fitting_net.type is {json.dumps(what)}, which gives no energy", "set it to ener"
    for key, name in (("numb_fparam", "frames"), ("numb_aparam", "atoms")):
        if net.get(key):
            return (
                f"fitting_net.{key} is {json.dumps(net[key])}, but parameters of {name} are in {_NOT_HERE}",
                "leave it out",
            )
    for key, reason in _NO_KEYS.items():
        if section.get(key):
            return f"{key}: {reason}", "leave it out"
    for kind, descriptor in zip(kinds_of(section), descriptors(section), strict=True):
        sel = descriptor.get("sel")
        if kind in TWO_BODY and isinstance(sel, list) and len(sel) != n_elements:
            return (
                f"descriptor.sel of {kind} has {len(sel)} numbers for {n_elements} elements",
                "give the neighbours kept of each element, in the order of type_map",
            )
    return "", ""


def _of_some_backends(schema: Argument, values: Mapping[str, Any], inside: str = "") -> Iterator[tuple[str, list[str]]]:
    """Keys that are not at their defaults and that not all backends have, each with those that have it."""
    for key, argument in schema.flatten_sub(dict(values)).items():
        if key not in values or values[key] == argument.default:
            continue
        if argument.doc.startswith(_SUPPORTED):
            yield inside + key, argument.doc.removeprefix(_SUPPORTED).partition(")")[0].split(", ")
        parts = values[key] if argument.repeat else [values[key]]
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield from _of_some_backends(argument, part, f"{inside}{key}.")
