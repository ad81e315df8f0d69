"""Choices that settings offer and kernels take, so that neither needs the other."""

from __future__ import annotations

from typing import Literal, get_args

Scheme = Literal["auto", "tor", "frac", "image", "none"]
"""How paths are made continuous; see `mlip_interfaces.trajectory.unwrapping.Unwrapper`."""

CellFreedom = Literal["coupled_xy", "fixed_xy", "free"]
"""How a barostat may change the cell; see `mlip_interfaces.md.MDProtocol`."""

GateName = Literal["pairs", "compression", "rattled", "voids", "species", "extensivity", "compiled", "heating", "drift"]
"""Safety gates; see `mlip_interfaces.potentials.gates`."""

BackendName = Literal["tensorflow", "pytorch"]
"""Backends of DeePMD-kit that train and run a potential; see `mlip_interfaces.potentials.backend`."""

BACKEND_LABELS: dict[str, str] = {"tensorflow": "TensorFlow", "pytorch": "PyTorch"}
"""Backends as people write them."""

BACKEND_OF_ENDING: dict[str, BackendName] = {
    ".pb": "tensorflow",
    ".pth": "pytorch",
    ".pt": "pytorch",
    ".pt2": "pytorch",
}
"""Backend that a file of DeePMD-kit is for: .pb, .pth and .pt2 are frozen models, .pt is a checkpoint of a training."""

ModelKind = Literal["se_e2_a", "se_atten_v2", "dpa2", "dpa3"]
"""Deep Potentials that a study describes by their sizes; see `mlip_interfaces.potentials.model_section`."""

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
