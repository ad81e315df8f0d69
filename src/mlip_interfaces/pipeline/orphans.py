"""What lies in a run folder and is of no use to its study: listed, and removed when its user says so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlip_interfaces.books.run import RUN_INDEX, MadeAnalyses, read_optional_book
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.md import COMMAND
from mlip_interfaces.pipeline.scan import scan_runs
from mlip_interfaces.run.aside import all_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.stages import FOLDERS

_STAGES = {folder: stage for stage, folder in FOLDERS.items()}


@dataclass(frozen=True, slots=True)
class Orphan:
    """A folder or file that the study does not ask for.

    Attributes
    ----------
    stage : str
        That made it.
    path : str
        From the run folder.
    why : str
        As the end of a sentence.
    """

    stage: str
    path: str
    why: str


def find_orphans(context: RunContext) -> tuple[Orphan, ...]:
    """Everything that the study of a run does not ask for.

    Parameters
    ----------
    context : RunContext
        The study and its run folder, there or not.

    Returns
    -------
    tuple of Orphan
        What was set aside first.
    """
    return (*_aside(context), *_structures(context), *_runs(context), *_analyses(context))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder.

    Parameters
    ----------
    path : Path
        The file or the folder.

    Returns
    -------
    int, bytes
        Links count as nothing.
    """
    if path.is_dir():
        return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())
    return path.lstat().st_size


def remove(root: Path, orphan: Orphan) -> None:
    """Delete an orphan, and the folders that are empty without it.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.
    orphan : Orphan
        Of `find_orphans`.
    """
    path = root / orphan.path
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder == root or folder.name in _STAGES or any(folder.iterdir()):
            return
        folder.rmdir()


def _aside(context: RunContext) -> Iterator[Orphan]:
    for item in all_aside(context.root):
        # The note may have been edited.
        stage = _STAGES.get(item.place.split("/")[0], "none")
        path = item.folder.parent.relative_to(context.root).as_posix()
        yield Orphan(stage, path, f"{item.place} of an earlier study, set aside on {item.since[:10]}")


def _structures(context: RunContext) -> Iterator[Orphan]:
    asked = {model.name for model in context.study.interface.models}
    asked |= {f"bulk-{layer.name}" for layer in context.study.interface.layers}
    for file in sorted(context.structures.glob("*/model.xyz")):
        if file.parent.name not in asked:
            yield Orphan("build", _below(context, file.parent), "the study has no such structure")


def _runs(context: RunContext) -> Iterator[Orphan]:
    asked = {run.name for run in scan_runs(context.study)}
    for file in sorted(context.scan.glob(f"*/*/*/{COMMAND}")):
        name = file.parent.relative_to(context.scan).as_posix()
        if name not in asked:
            yield Orphan("scan", _below(context, file.parent), "the study has no such run")


def _analyses(context: RunContext) -> Iterator[Orphan]:
    asked = {run.name for run in scan_runs(context.study)}
    for file in sorted((context.root / FOLDERS["analyze"]).glob(f"*/*/*/{RUN_INDEX}")):
        folder = file.parent
        if folder.relative_to(context.root / FOLDERS["analyze"]).as_posix() not in asked:
            yield Orphan("analyze", _below(context, folder), "the study has no such run")
            continue
        try:
            there = set((read_optional_book(MadeAnalyses, file) or MadeAnalyses()).analyses)
        except InputFileError:
            continue
        for name in sorted(there - set(context.study.analysis.requests)):
            for found in sorted(folder.glob(f"{name}[._]*")):
                # `rdf_2.json` is of the request `rdf_2`, where there is one.
                longer = {
                    other for other in there if other != name and found.name.startswith((f"{other}.", f"{other}_"))
                }
                if not any(len(other) > len(name) for other in longer):
                    yield Orphan("analyze", _below(context, found), f"the study asks for no analysis '{name}'")


def _below(context: RunContext, path: Path) -> str:
    return path.relative_to(context.root).as_posix()
