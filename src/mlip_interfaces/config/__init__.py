"""The study file: schema, loading, friendly errors."""

from mlip_interfaces.config.load import load_study, parse_study, study_schema
from mlip_interfaces.config.study import (
    AmorphousLayer,
    CrystalLayer,
    Study,
)

__all__ = [
    "AmorphousLayer",
    "CrystalLayer",
    "Study",
    "load_study",
    "parse_study",
    "study_schema",
]
