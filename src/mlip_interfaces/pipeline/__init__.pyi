from .checked_study import load_checked_study
from .flow import (
    STAGE_NAMES,
    build_some,
    initialise_campaign,
    initialise_scan,
    report_run,
    run_single_stage,
    run_study,
)

__all__ = [
    "STAGE_NAMES", "build_some", "initialise_campaign", "initialise_scan", "load_checked_study", "report_run",
    "run_single_stage", "run_study",
]  # fmt: skip
