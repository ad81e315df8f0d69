"""How much of a motion may be undone after the run, for coefficients that rest on few samples of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.analysis.diffusion import CHANGES, diffusivity
from mlip_interfaces.analysis.onsager import OnsagerWindow

SAMPLE_ATOMS = 100
"""Atoms of a species that are looked at."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """The share of a species' motion that lasts.

    Attributes
    ----------
    share : float
        Lower end of the 95 % interval of its long-range diffusivity over the slope that the run shows, from 0 to 1; 1 where
        the run shows diffusion, or motion that is driven.
    because : tuple of str
        Why it is not known to be all, or that it changes during the run.
    run_at_least_ps : float, ps
        Length of a run that would tell; not a number where this one does, or none would.
    """

    share: float
    because: tuple[str, ...]
    run_at_least_ps: float


def lasting_share(displacements: NDArray[np.floating], frame_interval_ps: float) -> Lasting:
    """What part of the motion of a species is known to last.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Of its atoms, unwrapped, drift removed; a sample of them is looked at.
    frame_interval_ps : float, ps
        Time between frames.

    Returns
    -------
    Lasting
        From the MSD of single atoms, their common steady flow taken out.

    Examples
    --------
    >>> walk = np.cumsum(np.random.default_rng(0).normal(0.0, 1.0, (1000, 50, 3)), axis=0)
    >>> lasting_share(walk, 1.0).share
    1.0
    """
    sample = displacements[:, :: max(1, displacements.shape[1] // SAMPLE_ATOMS)]
    moved = np.asarray(sample - sample[0], dtype=np.float64)
    if moved.shape[1] > 1:
        moved = moved - np.linspace(0.0, 1.0, len(moved))[:, None, None] * moved[-1].mean(axis=0)
    found = diffusivity(moved, frame_interval_ps)
    # Where nothing moves, nothing is undone.
    if not np.isfinite(found.below_cm2_per_s) or not found.msd_angstrom2.any():
        changes = found.not_diffusive_because if CHANGES in found.not_diffusive_because else ()
        return Lasting(1.0, changes, float("nan"))
    low, line = found.confidence_95_cm2_per_s[0], found.line_cm2_per_s
    share = min(max(low / line, 0.0), 1.0) if line > 0.0 else 0.0
    return Lasting(share, found.not_diffusive_because, found.run_at_least_ps)


def with_undone(window: OnsagerWindow, lasting: Sequence[Lasting]) -> OnsagerWindow:
    """Coefficients whose intervals reach down to what is known to last.

    Parameters
    ----------
    window : OnsagerWindow
        With intervals of what the run shows.
    lasting : sequence of Lasting
        Of each species.

    Returns
    -------
    OnsagerWindow
        The end of each interval that is farther from zero is kept; the one nearer to zero is multiplied by the geometric mean
        of the two species' shares.

    Notes
    -----
    A collective displacement is a single path, too little to show its own crossover. It is taken to relax as its atoms do, by
    as much as these may at most.

    Examples
    --------
    >>> from mlip_interfaces.analysis.onsager import OnsagerSettings, onsager_window
    >>> walk = np.cumsum(np.random.default_rng(0).normal(0.0, 1.0, (400, 20, 3)), axis=0)
    >>> settings = OnsagerSettings(
    ...     frame_interval_ps=1.0, volume_angstrom3=1000.0, temperature_kelvin=300.0, charges=(1.0,)
    ... )
    >>> whole = onsager_window([walk - walk[0]], settings)
    >>> half = with_undone(whole, [Lasting(0.5, ("its MSD may still bend",), 4000.0)])
    >>> ends = half.l_confidence_95_per_ev_angstrom_ps / whole.l_confidence_95_per_ev_angstrom_ps
    >>> ends.round(9).ravel().tolist()
    [0.5, 1.0]
    """
    share = np.sqrt([one.share for one in lasting])
    factor = np.outer(share, share)
    low, high = window.l_confidence_95_per_ev_angstrom_ps
    ends = np.array([np.where(low > 0.0, low * factor, low), np.where(high < 0.0, high * factor, high)])
    return replace(window, l_confidence_95_per_ev_angstrom_ps=ends)
