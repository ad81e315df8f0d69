"""Solid-solid battery interfaces with active-learned Deep Potentials: ``import mlip_interfaces as mi``.

What `mlip_interfaces.api` holds is here under the same name, imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from mlip_interfaces.version import __version__ as __version__

if TYPE_CHECKING:
    from mlip_interfaces.api import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name == "api":
        raise AttributeError(f"module 'mlip_interfaces' has no attribute '{name}'")
    api = importlib.import_module("mlip_interfaces.api")
    if name not in api.__all__:
        raise AttributeError(f"module 'mlip_interfaces' has no attribute '{name}'")
    return getattr(api, name)


def __dir__() -> list[str]:
    api = importlib.import_module("mlip_interfaces.api")
    return sorted({*globals(), *api.__all__})
