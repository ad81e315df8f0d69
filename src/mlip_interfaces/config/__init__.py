"""The study file: schema, loading, friendly errors."""

from mlip_interfaces.config.execution import Execution, LocalExecution, SlurmExecution, SlurmResources, Step
from mlip_interfaces.config.interface import AmorphousLayer, CrystalLayer, LayerPlan, ModelPlan
from mlip_interfaces.config.load import load_study, parse_study, study_schema
from mlip_interfaces.config.study import Study, warned_alone

__all__ = [
    "AmorphousLayer",
    "CrystalLayer",
    "LayerPlan",
    "ModelPlan",
    "Execution",
    "LocalExecution",
    "SlurmExecution",
    "SlurmResources",
    "Step",
    "Study",
    "load_study",
    "parse_study",
    "study_schema",
    "warned_alone",
]
