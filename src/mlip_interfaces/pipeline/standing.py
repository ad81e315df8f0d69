"""What stands in a run folder: which stages are done for a study, which must make room, and what older versions left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlip_interfaces.books.run import INDEX, AnalysisIndex, StructureIndex, read_optional_book, write_book
from mlip_interfaces.config import Study
from mlip_interfaces.errors import UnfinishedError
from mlip_interfaces.jobs.stopping import running_jobs
from mlip_interfaces.pipeline.analyze import missing_analyses
from mlip_interfaces.pipeline.campaign import has_more_to_do
from mlip_interfaces.pipeline.made_for import mark_made_of
from mlip_interfaces.pipeline.made_of import StudyHashes, mark_of_keys, structures_there
from mlip_interfaces.pipeline.scan import scan_runs, source_of_run
from mlip_interfaces.pipeline.study_files import load_run_study
from mlip_interfaces.run.aside import aside_of, bring_back, set_aside
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.run.manifests import SCHEMA_VERSION, Manifest, read_manifest, write_manifest
from mlip_interfaces.run.stages import FOLDERS

WHOLE_STAGES = ("data", "campaign", "train")
"""Stages that are of one piece: for another study they are made anew, and their folder is set aside."""


def standing_hashes(root: Path) -> dict[str, str]:
    """What the stages of a run folder were made of.

    Parameters
    ----------
    root : Path
        The run folder, there or not.

    Returns
    -------
    dict of str to str
        Hash of each stage that was begun. A stage of an older version, whose hash says another thing, was made of the study that
        the folder keeps.

    Raises
    ------
    InputFileError
        If a manifest is damaged.
    StudyError
        If an older folder's study is wrong.
    """
    manifests = _manifests(root)
    older = _hashes_of_older(root, manifests)
    made_of = older.stages(root) if older is not None else {}
    return {
        name: made_of.get(name, "") if _is_older(manifest) else manifest.input_hash
        for name, manifest in manifests.items()
    }


def standing_structures(context: RunContext) -> dict[str, str]:
    """What the structures of a run folder were made of.

    Parameters
    ----------
    context : RunContext
        The run.

    Returns
    -------
    dict of str to str
        Hash of each structure whose files are there, by its name.

    Raises
    ------
    InputFileError
        If the index is damaged.
    """
    there = structures_there(context)
    manifests = _manifests(context.root)
    if "build" not in manifests or not _is_older(manifests["build"]):
        return {name: entry.made_of for name, entry in there.items()}
    adopted = StudyHashes(load_run_study(context.root)).structures
    return {name: adopted.get(name, "") for name in there}


def adopt_older(root: Path) -> None:
    """Write the hashes of now into the books of an older version, so that the folder goes on; does nothing for others.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.

    Raises
    ------
    InputFileError
        If a book is damaged.
    StudyError
        If the folder's study is wrong.
    """
    manifests = _manifests(root)
    older = _hashes_of_older(root, manifests)
    if older is None:
        return
    index = read_optional_book(StructureIndex, root / FOLDERS["build"] / INDEX)
    if index is not None and "build" in manifests and _is_older(manifests["build"]):
        models = tuple(replace(entry, made_of=older.structures.get(entry.name, "")) for entry in index.models)
        write_book(root / FOLDERS["build"] / INDEX, replace(index, models=models))
    if "validate" in manifests and _is_older(manifests["validate"]):
        for name, made_of in older.parts_of_validation(root).items():
            if (root / FOLDERS["validate"] / name).is_dir():
                mark_made_of(root / FOLDERS["validate"] / name, made_of)
    # The manifests last: they say that all is adopted.
    for name, made_of in standing_hashes(root).items():
        write_manifest(
            root / FOLDERS[name],
            replace(manifests[name], input_hash=made_of, schema_version=SCHEMA_VERSION, keys=mark_of_keys()),
        )


def is_done(context: RunContext, stage: str, made_of: str, standing: str | None) -> bool:
    """Whether nothing is left to do in a stage.

    Parameters
    ----------
    context : RunContext
        The study and its run folder.
    stage : str
        Its name.
    made_of : str
        Hash that it is to have.
    standing : str or None
        Hash that it has, of `standing_hashes`.

    Returns
    -------
    bool
        False too where a trajectory could not be analysed, which may have been mended, and where results are of an older version.
    """
    manifest = read_manifest(context.root / FOLDERS[stage])
    if manifest is None or manifest.status != "done" or standing != made_of:
        return False
    if stage == "scan":
        return all(source_of_run(context, run).is_all for run in scan_runs(context.study))
    if stage == "analyze":
        analysed = read_optional_book(AnalysisIndex, context.root / FOLDERS[stage] / INDEX) or AnalysisIndex()
        return not any(
            run.trouble or (run.healthy and missing_analyses(context, run.name, run.temperature_kelvin))
            for run in analysed.runs
        )
    return True


def make_room_for_stage(root: Path, stage: str, made_of: str) -> None:
    """Set a stage of one piece aside if it was made for another study, and bring back the one that is asked for.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds; what older versions left is adopted.
    stage : str
        Its name.
    made_of : str
        Hash that it is to have.

    Raises
    ------
    UnfinishedError
        If jobs of the other study still run there.
    """
    directory = root / FOLDERS[stage]
    manifest = read_manifest(directory)
    if stage not in WHOLE_STAGES or (manifest is not None and manifest.input_hash == made_of):
        return
    if manifest is not None:
        working = [job for job in running_jobs(root).jobs if job.folder.is_relative_to(directory.resolve())]
        if working:
            raise UnfinishedError(
                f"{directory} is to make room for what the study asks for now, but {working[0]} still works. Wait for its end, or "
                f"end it with `mlip-interfaces stop {root}`."
            )
        set_aside(root, directory, manifest.input_hash)
    for earlier in aside_of(root, directory, made_of)[:1] if not directory.exists() else ():
        bring_back(root, earlier)


def campaign_goes_on(study: Study, root: Path) -> bool:
    """Whether a finished campaign would go on under the study's limits as they are now.

    Parameters
    ----------
    study : Study
        The study.
    root : Path
        The run folder.

    Returns
    -------
    bool
        False for a campaign of another study, and for one that is not finished.
    """
    manifest = read_manifest(root / FOLDERS["campaign"])
    if (
        manifest is None
        or manifest.status != "done"
        or standing_hashes(root)["campaign"] != StudyHashes(study).campaign
    ):
        return False
    return has_more_to_do(RunContext(study, root))


def reopen_stage(root: Path, name: str) -> None:
    """Let a finished stage go on; what was made of it is made anew, since it will be of other content.

    Parameters
    ----------
    root : Path
        The run folder, whose lock the caller holds.
    name : str
        Of the stage.
    """
    directory = root / FOLDERS[name]
    manifest = read_manifest(directory)
    if manifest is not None and manifest.status == "done":
        write_manifest(directory, replace(manifest, status="running", finished=None))


def _manifests(root: Path) -> dict[str, Manifest]:
    found = {name: read_manifest(root / folder) for name, folder in FOLDERS.items()}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def _is_older(manifest: Manifest) -> bool:
    """Whether a version with other keys, or other defaults, wrote the hash: it is no change of the study."""
    return manifest.keys != mark_of_keys()


def _hashes_of_older(root: Path, manifests: Mapping[str, Manifest]) -> StudyHashes | None:
    """Of the study that an older folder was made with; None where no stage is of an older version."""
    return StudyHashes(load_run_study(root)) if any(map(_is_older, manifests.values())) else None
