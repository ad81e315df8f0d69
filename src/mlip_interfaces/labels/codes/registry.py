"""The DFT codes by name."""

from __future__ import annotations

from mlip_interfaces.labels.codes.abacus import ABACUS
from mlip_interfaces.labels.codes.contract import Code
from mlip_interfaces.labels.codes.cp2k import CP2K
from mlip_interfaces.labels.codes.gpaw import GPAW
from mlip_interfaces.labels.codes.vasp import VASP

CODES: dict[str, Code] = {code.name: code for code in (VASP, GPAW, CP2K, ABACUS)}
