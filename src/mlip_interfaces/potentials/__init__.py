"""Deep Potentials: training input, committee deviation, errors against labels."""

from mlip_interfaces.potentials.backend import BACKENDS, Backend, backend_of
from mlip_interfaces.potentials.deviation import FrameDeviations, first_lost_frame, read_model_deviation
from mlip_interfaces.potentials.errors_against_labels import (
    LabelErrors,
    Predictions,
    SignedErrors,
    element_force_rmse,
    label_errors,
    layer_force_rmse,
    load_predictions,
    save_predictions,
    signed_errors,
)
from mlip_interfaces.potentials.features import Environments, committee_environments, force_deviation
from mlip_interfaces.potentials.model_file import read_model_file
from mlip_interfaces.potentials.model_section import (
    DescriptorSizes,
    InnerSizes,
    ShortRangeBlend,
    is_single_precision,
    kind_of,
    model_section,
    short_range_keys,
    why_not_compressed,
    why_not_trained,
)
from mlip_interfaces.potentials.production_domain import left_by_deviation, left_by_drift
from mlip_interfaces.potentials.rank_correlation import RankCorrelation, rank_correlation
from mlip_interfaces.potentials.selection import rank_environments, rank_frames, select_diverse
from mlip_interfaces.potentials.short_range import SHORT_RANGE_TABLE, write_zbl_table, zbl_energy, zbl_table
from mlip_interfaces.potentials.training_input import (
    LossPrefactors,
    checkpoint_keys,
    max_neighbors,
    total_neighbors,
    training_input,
)

__all__ = [
    "BACKENDS",
    "SHORT_RANGE_TABLE",
    "Backend",
    "DescriptorSizes",
    "Environments",
    "FrameDeviations",
    "InnerSizes",
    "LabelErrors",
    "LossPrefactors",
    "Predictions",
    "RankCorrelation",
    "ShortRangeBlend",
    "SignedErrors",
    "backend_of",
    "checkpoint_keys",
    "committee_environments",
    "element_force_rmse",
    "first_lost_frame",
    "force_deviation",
    "is_single_precision",
    "kind_of",
    "label_errors",
    "layer_force_rmse",
    "left_by_deviation",
    "left_by_drift",
    "load_predictions",
    "max_neighbors",
    "model_section",
    "rank_correlation",
    "rank_environments",
    "rank_frames",
    "read_model_deviation",
    "read_model_file",
    "save_predictions",
    "select_diverse",
    "signed_errors",
    "short_range_keys",
    "total_neighbors",
    "training_input",
    "why_not_compressed",
    "why_not_trained",
    "write_zbl_table",
    "zbl_energy",
    "zbl_table",
]
