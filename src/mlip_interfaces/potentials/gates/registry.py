"""The gates by name, in the order in which they run."""

from __future__ import annotations

from mlip_interfaces.choices import GateName
from mlip_interfaces.potentials.gates.compiled import COMPILED
from mlip_interfaces.potentials.gates.compression import COMPRESSION
from mlip_interfaces.potentials.gates.contract import Gate, Quantity
from mlip_interfaces.potentials.gates.drift import DRIFT
from mlip_interfaces.potentials.gates.extensivity import EXTENSIVITY
from mlip_interfaces.potentials.gates.heating import HEATING
from mlip_interfaces.potentials.gates.pairs import PAIRS
from mlip_interfaces.potentials.gates.rattled import RATTLED
from mlip_interfaces.potentials.gates.species import SPECIES
from mlip_interfaces.potentials.gates.voids import VOIDS

GATES: dict[GateName, Gate] = {
    "pairs": PAIRS,
    "compression": COMPRESSION,
    "rattled": RATTLED,
    "voids": VOIDS,
    "species": SPECIES,
    "extensivity": EXTENSIVITY,
    "compiled": COMPILED,
    "heating": HEATING,
    "drift": DRIFT,
}
"""In the order of the report."""

QUANTITIES: dict[str, Quantity] = {quantity.key: quantity for gate in GATES.values() for quantity in gate.quantities}
"""What gates measure, by key."""

SHAPE_THE_MEASUREMENT = frozenset({"min_pair_wall_ev", "max_temperature_ratio", "min_distance_angstrom"})
"""Bounds that decide how far a scan counts or when a run is stopped: with another value it is measured anew."""

BOUNDS_ALONE = frozenset(quantity.setting for quantity in QUANTITIES.values()) - SHAPE_THE_MEASUREMENT
"""Keys of the section `gates` that only judge what was measured."""
