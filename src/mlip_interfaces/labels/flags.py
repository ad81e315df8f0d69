"""Flags of doubtful labels, in a file beside them that a person may read and edit."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_json
from mlip_interfaces.labels.outliers import LabelFlag, find_near_duplicates, find_outliers
from mlip_interfaces.labels.store import LabelStore

FLAGS_FILE = "label_flags.json"


def check_labels(
    store: LabelStore, directories: Sequence[Path], *, threshold: float, near_angstrom: float
) -> list[LabelFlag]:
    """Find outliers and near duplicates and write each folder's into its ``label_flags.json``.

    Parameters
    ----------
    store : LabelStore
        What `collect_labels` found in the folders.
    directories : sequence of Path
        The folders.
    threshold : float
        Robust z-score above which a label is flagged.
    near_angstrom : float, angstrom
        Largest displacement of a near duplicate.

    Returns
    -------
    list of LabelFlag
        Of all folders.
    """
    flags = find_outliers(store.labels, threshold=threshold)
    flags += find_near_duplicates(store.labels, distance_angstrom=near_angstrom)
    settings = {"threshold": threshold, "near_angstrom": near_angstrom, "n_labels": len(store.labels)}
    for directory in directories:
        inside = [asdict(flag) for flag in flags if _is_below(flag.label, directory)]
        write_json(directory / FLAGS_FILE, {"settings": settings, "flags": inside})
    return flags


def flagged_names(directories: Sequence[Path], kinds: Collection[str]) -> frozenset[str]:
    """Labels flagged as one of `kinds`.

    Parameters
    ----------
    directories : sequence of Path
        Checked before by `check_labels`.
    kinds : collection of str
        Kinds of `LabelFlag`.

    Returns
    -------
    frozenset of str
        Names of labels.

    Raises
    ------
    InputFileError
        If kinds are asked for and a folder was never checked, or its flag file is broken.
    """
    names: set[str] = set()
    for directory in directories if kinds else ():
        file = directory / FLAGS_FILE
        try:
            content = json.loads(file.read_text())
            names |= {flag["label"] for flag in content["flags"] if flag["kind"] in kinds}
        except FileNotFoundError as error:
            raise InputFileError(
                f"{file} is missing; give `mlip-interfaces labels check {directory}` first, or drop --leave-out."
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputFileError(f"{file} cannot be read ({error!r}); check the labels again.") from error
    return frozenset(names)


def _is_below(name: str, directory: Path) -> bool:
    return Path(name).is_relative_to(directory.resolve())
