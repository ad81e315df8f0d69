"""Run folders: their lock and study, the manifest of each stage, the books that stages leave for each other, progress."""

from mlip_interfaces.run.context import Progress, RunContext, no_progress
from mlip_interfaces.run.folder import LOCK_FILE, STUDY_FILE, is_held, locked
from mlip_interfaces.run.manifests import MANIFEST, Manifest, read_manifest, recorded, write_manifest
from mlip_interfaces.run.stages import FOLDERS, POTENTIAL_STAGES, StageStatus, given_model, run_status, stages_of
from mlip_interfaces.run.versions import ENGINES, engine_versions

__all__ = [
    "ENGINES",
    "FOLDERS",
    "LOCK_FILE",
    "MANIFEST",
    "POTENTIAL_STAGES",
    "STUDY_FILE",
    "Manifest",
    "Progress",
    "RunContext",
    "StageStatus",
    "engine_versions",
    "given_model",
    "is_held",
    "locked",
    "no_progress",
    "read_manifest",
    "recorded",
    "run_status",
    "stages_of",
    "write_manifest",
]
