"""Mean squared displacement and tracer diffusivity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.stats import t as student_t

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import ANGSTROM2_PER_PS_TO_CM2_PER_S

MIN_FRAMES = 8
FIT_WINDOW = (0.1, 0.4)
"""Lags of the fit as shares of the run; beyond it too few independent pieces of the run are averaged."""


@dataclass(frozen=True, slots=True)
class Diffusivity:
    """Tracer diffusivity of a group of atoms.

    Attributes
    ----------
    lags_ps, msd_angstrom2, msd_error_angstrom2 : the mean squared displacement and its standard error over atoms,
        shape (n_lags,).
    diffusivity_cm2_per_s, diffusivity_error_cm2_per_s : slope / 6 and its standard error.
    confidence_95_cm2_per_s : 95 % interval; contains zero, or is negative, where the data say so.
    n_atoms : atoms averaged.
    fit_window_ps : lags of the fit.
    log_log_slope : d ln MSD / d ln t over the window: 1 for diffusion, below 1 for atoms in cages.
    diffusive : whether the MSD passes 4.5 angstrom^2, a jump's worth, within the window.
    """

    lags_ps: NDArray[np.float64]
    msd_angstrom2: NDArray[np.float64]
    msd_error_angstrom2: NDArray[np.float64]
    diffusivity_cm2_per_s: float
    diffusivity_error_cm2_per_s: float
    confidence_95_cm2_per_s: tuple[float, float]
    n_atoms: int
    fit_window_ps: tuple[float, float]
    log_log_slope: float
    diffusive: bool


def per_atom_msd(displacements: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean squared displacement of each atom over all time origins, by FFT in double precision.

    Parameters
    ----------
    displacements : r(t) - r(0), unwrapped, shape (n_frames, n_atoms, 3), angstrom.

    Returns
    -------
    msd : shape (n_frames, n_atoms), angstrom^2; row k is lag k.

    References
    ----------
    V. Calandrini et al., Collection SFN 12, 201 (2011).
    """
    n_frames = displacements.shape[0]
    size = next_fast_len(2 * n_frames)
    spectrum = rfft(displacements, n=size, axis=0)
    correlation = irfft((np.abs(spectrum) ** 2).sum(axis=2), n=size, axis=0)[:n_frames]
    squares = (displacements**2).sum(axis=2)
    total = np.concatenate([np.zeros((1, squares.shape[1])), np.cumsum(squares, axis=0)])
    lags = np.arange(n_frames)
    # Sum of r(t)^2 + r(t + k)^2 over all origins t, from cumulative sums.
    ends = total[n_frames - lags] + total[n_frames] - total[lags]
    return np.asarray((ends - 2.0 * correlation) / (n_frames - lags)[:, None])


def diffusivity(
    displacements: NDArray[np.float64], frame_interval_ps: float, *, fit_window: tuple[float, float] = FIT_WINDOW
) -> Diffusivity:
    """Diffusivity from the slope of the MSD.

    Parameters
    ----------
    displacements : of the group's atoms, drift removed, shape (n_frames, n_atoms, 3), angstrom.
    frame_interval_ps : time between frames.
    fit_window : first and last lag of the straight-line fit (with intercept), as shares of the run.

    Notes
    -----
    The fit is linear in the data, so the diffusivity is the mean of one slope per atom, and its standard error is
    their scatter over sqrt(n_atoms): every atom is an independent walk, whatever the correlations in time. The interval
    is Student's.

    Raises
    ------
    AnalysisError
        If there are fewer than eight frames or two atoms.
    """
    n_frames, n_atoms = displacements.shape[:2]
    if n_frames < MIN_FRAMES:
        raise AnalysisError(f"A diffusivity needs at least {MIN_FRAMES} frames; the trajectory has {n_frames}.")
    if n_atoms < 2:
        raise AnalysisError(f"A diffusivity with an error needs at least two atoms; there are {n_atoms}.")
    msd = per_atom_msd(displacements)
    lags = np.arange(n_frames, dtype=np.float64) * frame_interval_ps
    start = max(1, round(fit_window[0] * (n_frames - 1)))
    stop = max(start + 3, round(fit_window[1] * (n_frames - 1)) + 1)
    x = lags[start:stop] - lags[start:stop].mean()
    slopes = x @ msd[start:stop] / (x @ x)
    factor = ANGSTROM2_PER_PS_TO_CM2_PER_S / 6.0
    value = float(slopes.mean() * factor)
    error = float(slopes.std(ddof=1) / np.sqrt(n_atoms) * factor)
    reach = float(student_t.ppf(0.975, n_atoms - 1)) * error
    mean = msd.mean(axis=1)
    log_slope = np.polyfit(np.log(lags[start:stop]), np.log(np.maximum(mean[start:stop], 1e-12)), 1)[0]
    return Diffusivity(
        lags_ps=lags[:stop],
        msd_angstrom2=mean[:stop],
        msd_error_angstrom2=msd[:stop].std(axis=1, ddof=1) / np.sqrt(n_atoms),
        diffusivity_cm2_per_s=value,
        diffusivity_error_cm2_per_s=error,
        confidence_95_cm2_per_s=(value - reach, value + reach),
        n_atoms=n_atoms,
        fit_window_ps=(float(lags[start]), float(lags[stop - 1])),
        log_log_slope=float(log_slope),
        diffusive=bool(mean[stop - 1] > 4.5),
    )
