"""The study file: schema, loading, friendly errors."""

from mlip_interfaces.config.execution import Execution, LocalExecution, SlurmExecution, SlurmResources, Step
from mlip_interfaces.config.load import load_study, parse_study, study_schema
from mlip_interfaces.config.study import (
    AmorphousLayer,
    CrystalLayer,
    Study,
)

__all__ = [
    "AmorphousLayer",
    "CrystalLayer",
    "Execution",
    "LocalExecution",
    "SlurmExecution",
    "SlurmResources",
    "Step",
    "Study",
    "load_study",
    "parse_study",
    "study_schema",
]
