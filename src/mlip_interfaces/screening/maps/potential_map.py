"""The potential map of a battery: levels in every layer, steps at every interface, barriers and what the bands say.

Minimum-interface assumption: as much of the change of the lithium potential as the electrochemical windows allow happens inside the layers;
only the rest sits at interfaces. Where the windows of neighbouring layers overlap, the border may lie anywhere in the overlap; borders are put
so that the potential changes as evenly over the layers as their windows allow (least squares of the changes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.solids.levels import (
    cathode_potential,
    electrostatic_potential,
    lithium_potential,
    valence_band,
)
from mlip_interfaces.screening.solids.materials import Anode, Cathode, Electrolyte

Barrier = Literal["discharge", "charge", "none"]

DENDRITE_GAP_EV = 1.0
"""Conduction band edge above the Fermi level of the anode below which its electrons tunnel (section 3.2 of the paper, on LLZO)."""
_POINTS_IN_LAYER = 101
_CLOSURE_TOLERANCE_V = 1e-9


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a battery.

    Attributes
    ----------
    name : str
        Of its material.
    voltage_v : (n,) float array, V
        From its anode side to its cathode side, against lithium metal.
    valence_band_ev, conduction_band_ev : (n,) float array, eV
        Against the Fermi level of lithium metal.
    potential_v : (n,) float array, V
        Electrostatic potential against the anode.
    """

    name: str
    voltage_v: NDArray[np.float64]
    valence_band_ev: NDArray[np.float64]
    conduction_band_ev: NDArray[np.float64]
    potential_v: NDArray[np.float64]

    @property
    def lithium_potential_ev(self) -> NDArray[np.float64]:
        """Chemical potential of lithium, eV."""
        return lithium_potential(self.voltage_v)


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at one interface.

    Attributes
    ----------
    between : tuple of (str, str)
        Names on its anode and its cathode side.
    delta_phi_v : float, V
        Electrostatic potential of the cathode side less that of the anode side.
    voltage_from_v, voltage_to_v : float, V
        Lithium potential of the two sides, as voltages; the windows leave this difference to the interface.
    """

    between: tuple[str, str]
    delta_phi_v: float
    voltage_from_v: float
    voltage_to_v: float

    @property
    def barrier_to(self) -> Barrier:
        """The process that it hinders."""
        return barrier_to(self.delta_phi_v)


@dataclass(frozen=True, slots=True)
class PotentialMap:
    """A battery at open circuit.

    Attributes
    ----------
    anode, cathode, soc : str
        Names of the electrodes, and the state of charge.
    anode_voltage_v, cathode_voltage_v : float, V
        Of the electrodes against lithium metal.
    cathode_potential_v : float, V
        Electrostatic potential of the cathode against the anode.
    layers : tuple of Layer
        From anode to cathode.
    steps : tuple of Step
        One more than layers.
    flags : tuple of str
        What windows and bands say of the electrodes; see `band_flags`.
    """

    anode: str
    cathode: str
    soc: str
    anode_voltage_v: float
    cathode_voltage_v: float
    cathode_potential_v: float
    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    flags: tuple[str, ...]

    @property
    def open_circuit_voltage_v(self) -> float:
        """Of the battery, V."""
        return self.cathode_voltage_v - self.anode_voltage_v

    @property
    def delta_phi_anode_v(self) -> float:
        """Equation 6: the step from the anode into the first layer, V."""
        return self.steps[0].delta_phi_v

    @property
    def delta_phi_cathode_v(self) -> float:
        """Equation 7: the step from the last layer into the cathode, V."""
        return self.steps[-1].delta_phi_v

    @property
    def name(self) -> str:
        """For people and files: Li | LLZO | LCO at 0 %."""
        soc = self.soc if self.soc == "+" else f"{self.soc} %"
        return " | ".join([self.anode, *(layer.name for layer in self.layers), self.cathode]) + f" at {soc}"

    def closure_v(self) -> float:
        """Steps and what layers change, less the potential of the cathode: nothing but rounding.

        Returns
        -------
        float, V
            Their difference.
        """
        inside = sum(float(layer.potential_v[-1] - layer.potential_v[0]) for layer in self.layers)
        return inside + sum(step.delta_phi_v for step in self.steps) - self.cathode_potential_v


def barrier_to(delta_phi_v: float) -> Barrier:
    """The process that a step of the potential hinders.

    Parameters
    ----------
    delta_phi_v : float, V
        Cathode side less anode side.

    Returns
    -------
    {"discharge", "charge", "none"}
        Li ions go from the anode to the cathode on discharge, and a rise of the potential is against them.

    Examples
    --------
    >>> barrier_to(0.6), barrier_to(-0.4), barrier_to(0.0)
    ('discharge', 'charge', 'none')
    """
    if delta_phi_v == 0.0:
        return "none"
    return "discharge" if delta_phi_v > 0.0 else "charge"


def borders(
    windows_v: Sequence[tuple[float, float]], anode_voltage_v: float, cathode_voltage_v: float
) -> list[tuple[float, float]]:
    """Voltages at which each layer begins and ends, by the minimum-interface assumption.

    Parameters
    ----------
    windows_v : sequence of (float, float), V
        Reduction and oxidation limit of each layer, from anode to cathode.
    anode_voltage_v, cathode_voltage_v : float, V
        Of the electrodes.

    Returns
    -------
    list of (float, float), V
        For each layer.

    Examples
    --------
    One layer keeps to its window, and two that overlap have the same change, or as nearly as they may:

    >>> borders([(0.5, 3.0)], 0.0, 4.0)
    [(0.5, 3.0)]
    >>> borders([(0.0, 3.0), (2.5, 4.0)], 0.0, 4.0)
    [(0.0, 2.5), (2.5, 4.0)]
    """
    # Begin and end of each layer in a row: those that its windows fix, and the shared ones, which are one unknown for two places.
    ends = np.empty(2 * len(windows_v))
    ends[0], ends[-1] = _within(anode_voltage_v, *windows_v[0]), _within(cathode_voltage_v, *windows_v[-1])
    shared: list[tuple[int, float, float]] = []
    for number, ((low, high), (next_low, next_high)) in enumerate(zip(windows_v, windows_v[1:], strict=False)):
        place, lowest, highest = 2 * number + 1, max(low, next_low), min(high, next_high)
        if lowest < highest:
            shared.append((place, lowest, highest))
            ends[place : place + 2] = 0.0
        else:
            ends[place : place + 2] = (high, next_low) if high <= next_low else (low, next_high)
    if shared:
        places = np.zeros((len(ends), len(shared)))
        for column, (place, _, _) in enumerate(shared):
            places[place : place + 2, column] = 1.0
        changes, fixed = places[1::2] - places[::2], ends[1::2] - ends[::2]
        lows, highs = [low for _, low, _ in shared], [high for _, _, high in shared]
        ends += places @ np.clip(lsq_linear(changes, -fixed, bounds=(lows, highs), method="bvls").x, lows, highs)
    return [(float(start), float(end)) for start, end in ends.reshape(-1, 2)]


def potential_map(anode: Anode, layers: Sequence[Electrolyte], cathode: Cathode, soc: str) -> PotentialMap:
    """The battery anode | layers | cathode at a state of charge.

    Parameters
    ----------
    anode : Anode
        Its potential is zero.
    layers : sequence of Electrolyte
        Interphase, electrolyte, coating: from anode to cathode.
    cathode : Cathode
        Of the battery.
    soc : str
        One of its states.

    Returns
    -------
    PotentialMap
        At open circuit.

    Raises
    ------
    InputFileError
        If the cathode has no such state, or lies below the anode.
    """
    if soc not in cathode.states:
        raise InputFileError(
            f"{cathode.name} has no state of charge '{soc}'; its file has {', '.join(cathode.states)}. Add it to states there."
        )
    state = cathode.states[soc]
    if state.open_circuit_voltage_v <= anode.voltage_v:
        raise InputFileError(
            f"{cathode.name} at {soc}: open_circuit_voltage_v ({state.open_circuit_voltage_v:g} V) is not above the anode's "
            f"voltage_v ({anode.voltage_v:g} V): no battery; both are against lithium metal."
        )
    anode_potential = cathode_potential(anode.voltage_v, anode.work_function_ev, anode.work_function_ev)
    psi = anode.work_function_ev
    windows = [(one.reduction_limit_v, one.oxidation_limit_v) for one in layers]
    made = []
    for one, (start, end) in zip(layers, borders(windows, anode.voltage_v, state.open_circuit_voltage_v), strict=True):
        voltages = np.linspace(start, end, _POINTS_IN_LAYER)
        levels = one.fermi_level_ev(voltages)
        band = valence_band(voltages, levels)
        potential = electrostatic_potential(voltages, levels, one.ionisation_potential_ev, psi) - anode_potential
        made.append(Layer(one.name, voltages, band, band + one.band_gap_ev, potential))
    end_potential = cathode_potential(state.open_circuit_voltage_v, state.work_function_ev, psi) - anode_potential
    edges = [
        (anode.name, anode.voltage_v, 0.0),
        *((one.name, float(one.voltage_v[side]), float(one.potential_v[side])) for one in made for side in (0, -1)),
        (cathode.name, state.open_circuit_voltage_v, end_potential),
    ]
    steps = tuple(
        Step((left[0], right[0]), right[2] - left[2], left[1], right[1])
        for left, right in zip(edges[::2], edges[1::2], strict=True)
    )
    found = PotentialMap(
        anode.name, cathode.name, soc, anode.voltage_v, state.open_circuit_voltage_v, end_potential, tuple(made), steps,
        band_flags(anode.voltage_v, state.open_circuit_voltage_v, made, windows),
    )  # fmt: skip
    assert abs(found.closure_v()) < _CLOSURE_TOLERANCE_V, "steps and layers add up to the potential of the cathode"
    return found


def band_flags(
    anode_voltage_v: float,
    cathode_voltage_v: float,
    layers: Sequence[Layer],
    windows_v: Sequence[tuple[float, float]],
) -> tuple[str, ...]:
    """What windows and bands say of the contacts with the electrodes.

    Parameters
    ----------
    anode_voltage_v, cathode_voltage_v : float, V
        Of the electrodes; their Fermi levels are at minus this, in eV.
    layers : sequence of Layer
        From anode to cathode.
    windows_v : sequence of (float, float), V
        Of the layers.

    Returns
    -------
    tuple of str
        ``outside-window-at-anode`` and ``outside-window-at-cathode``: part of the lithium potential must drop at that interface, or an interphase
        forms. ``reduced-by-anode``: the conduction band edge beside the anode is below its Fermi level. ``dendrites``: it
        is above, by less than 1 eV. ``oxidised-by-cathode``: the valence band edge beside the cathode is above its Fermi level.
    """
    flags = []
    if windows_v[0][0] > anode_voltage_v:
        flags.append("outside-window-at-anode")
    if windows_v[-1][1] < cathode_voltage_v:
        flags.append("outside-window-at-cathode")
    above = float(layers[0].conduction_band_ev[0]) - lithium_potential(anode_voltage_v)
    if above < 0.0:
        flags.append("reduced-by-anode")
    elif above < DENDRITE_GAP_EV:
        flags.append("dendrites")
    if float(layers[-1].valence_band_ev[-1]) > lithium_potential(cathode_voltage_v):
        flags.append("oxidised-by-cathode")
    return tuple(flags)


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
