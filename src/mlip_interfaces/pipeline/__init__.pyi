from .checked_study import load_checked_study
from .flow import (
    STAGE_NAMES,
    build_some,
    initialise_campaign,
    initialise_scan,
    run_single_stage,
    run_study,
    submit_scan,
)

__all__ = [
    "STAGE_NAMES", "build_some", "initialise_campaign", "initialise_scan", "load_checked_study", "run_single_stage",
    "run_study", "submit_scan",
]  # fmt: skip
