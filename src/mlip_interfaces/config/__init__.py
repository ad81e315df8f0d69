"""The study file: schema, loading, friendly errors."""

from mlip_interfaces.config.interface import AmorphousLayer, CrystalLayer, LayerPlan, ModelPlan
from mlip_interfaces.config.load import load_study, parse_study, study_schema
from mlip_interfaces.config.study import Study

__all__ = [
    "AmorphousLayer",
    "CrystalLayer",
    "LayerPlan",
    "ModelPlan",
    "Study",
    "load_study",
    "parse_study",
    "study_schema",
]
