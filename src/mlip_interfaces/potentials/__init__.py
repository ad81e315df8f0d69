"""Deep Potentials: training input, committee deviation, errors against labels."""

from mlip_interfaces.potentials.deviation import FrameDeviations, read_model_deviation
from mlip_interfaces.potentials.errors_against_labels import (
    LabelErrors,
    Predictions,
    label_errors,
    layer_force_rmse,
    load_predictions,
    save_predictions,
)
from mlip_interfaces.potentials.training_input import DescriptorSizes, max_neighbors, training_input

__all__ = [
    "DescriptorSizes",
    "FrameDeviations",
    "LabelErrors",
    "Predictions",
    "label_errors",
    "layer_force_rmse",
    "load_predictions",
    "max_neighbors",
    "read_model_deviation",
    "save_predictions",
    "training_input",
]
