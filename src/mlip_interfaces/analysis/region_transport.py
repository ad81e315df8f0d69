"""Transport in a slab fixed in space: coefficients of the atoms found there at the start of each window, and fluxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.onsager import (
    LAG_ATOMS,
    OnsagerSettings,
    OnsagerWindow,
    common_walking_lag,
    correlations,
    fitting_lag,
    haven_and_transference,
    onsager_window,
    window_bounds,
    zero_since,
)
from mlip_interfaces.analysis.slab import Slab
from mlip_interfaces.errors import AnalysisError

N_INTERVALS = 20
MIN_INTERVAL_FRAMES = 4
MIN_FOR_SCATTER = 6
"""Intervals from whose differences the noise of a flux can be told."""

MEDIAN_OF_DIFFERENCES = 0.9539
"""Median of |x - y| of two normal numbers of unit variance: 0.6745 sqrt(2)."""


@dataclass(frozen=True, slots=True)
class RegionWindow:
    """Transport coefficients of the atoms that a slab holds at the start of a window of time.

    Attributes
    ----------
    slab : Slab
        Where the slab is in this window.
    volume_angstrom3 : float, angstrom^3
        Of the slab, mean over the window.
    n_atoms : (n_species,) int array
        Atoms of each species that were tagged.
    survivors : (n_species,) float array
        Share of them inside at the last frame of the window; the others have counted with what they did outside.
    transport : OnsagerWindow
        Coefficients of the tagged atoms.
    """

    slab: Slab
    volume_angstrom3: float
    n_atoms: NDArray[np.int64]
    survivors: NDArray[np.float64]
    transport: OnsagerWindow


@dataclass(frozen=True, slots=True)
class PlaneFlux:
    """Flux along the depth through a plane, or averaged over all planes of a slab.

    Attributes
    ----------
    passages : (n_intervals, n_species) float array
        Atoms that went up less those that went down; of a slab the mean over its planes.
    flux_per_angstrom2_ps, error_per_angstrom2_ps : (n_intervals, n_species) float array, 1/(angstrom^2 ps)
        Passages / (area time) and standard error.
    zero_since_ps : tuple of float or None, ps
        Since when it is within two errors of zero, for each species; None where it is not at the end.
    """

    passages: NDArray[np.float64]
    flux_per_angstrom2_ps: NDArray[np.float64]
    error_per_angstrom2_ps: NDArray[np.float64]
    zero_since_ps: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class SlabFluxes:
    """Atoms in a slab, and their flux through its planes, against time.

    Attributes
    ----------
    time_start_ps, time_end_ps : (n_intervals,) float array, ps
        Of each interval.
    n_start, n_end : (n_intervals, n_species) int array
        Atoms inside at its first and last frame; n_end - n_start is ``lower.passages - upper.passages`` exactly.
    lower, upper, inside : PlaneFlux
        Through either plane, and the mean over all planes between them.
    """

    time_start_ps: NDArray[np.float64]
    time_end_ps: NDArray[np.float64]
    n_start: NDArray[np.int64]
    n_end: NDArray[np.int64]
    lower: PlaneFlux
    upper: PlaneFlux
    inside: PlaneFlux


def region_windows(
    displacements: NDArray[np.floating],
    depths: NDArray[np.floating],
    species: NDArray[np.int64],
    slabs: Sequence[Slab],
    volumes_angstrom3: NDArray[np.float64],
    settings: OnsagerSettings,
    names: Sequence[str],
) -> tuple[OnsagerWindow, tuple[RegionWindow, ...]]:
    """Transport coefficients of a slab, in equal windows of time and their mean.

    Parameters
    ----------
    displacements : (n_frames, n_atoms, 3) float array, angstrom
        Displacements r(t) - r(0), unwrapped, in the frame of reference wanted.
    depths : (n_frames, n_atoms) float array, shares of the cell
        Of the same atoms in the same frame of reference.
    species : (n_atoms,) int array
        Index of each atom's species, -1 for atoms that do not count.
    slabs : sequence of Slab
        The region in each window.
    volumes_angstrom3 : (n_frames,) float array, angstrom^3
        Of the cell.
    settings : OnsagerSettings
        Of the run; its volume is not used.
    names : sequence of str
        Names of the species, for errors.

    Returns
    -------
    mean : OnsagerWindow
        Mean over the windows, with the errors of independent windows; the only window if there is one.
    windows : tuple of RegionWindow
        In order of time.

    Raises
    ------
    AnalysisError
        If a window has fewer than forty frames, or the slab holds no atom of a species at the start of one.

    Notes
    -----
    Atoms inside at the first frame of a window are followed through it wherever they go, as identities are conserved and
    displacements cut at a border are not those of a walk. The shorter the window against the time that atoms stay, the more
    local the coefficient is; `RegionWindow.survivors` says how local. All windows use the first lag that the run as a whole
    needs, or as much of it as fits.
    """
    bounds = window_bounds(len(depths), len(slabs))
    lag = _first_lag(displacements, species, settings, len(names))
    windows = []
    for number, (start, stop, slab) in enumerate(zip(bounds[:-1], bounds[1:], slabs, strict=True), start=1):
        time = settings.time_start_ps + start * settings.frame_interval_ps
        inside = slab.inside(depths[start])
        rows = [np.flatnonzero(inside & (species == index)) for index in range(len(names))]
        for name, tagged in zip(names, rows, strict=True):
            if tagged.size == 0:
                raise AnalysisError(
                    f"The region holds no {name} at {time:g} ps, where window {number} of {len(slabs)} starts; leave {name} "
                    "out of `species`, or choose another region or other windows."
                )
        volume = slab.width * float(volumes_angstrom3[start:stop].mean())
        transport = onsager_window(
            [displacements[start:stop, tagged] for tagged in rows],
            replace(
                settings,
                volume_angstrom3=volume,
                time_start_ps=time,
                first_lag_ps=fitting_lag(lag, stop - start) * settings.frame_interval_ps,
            ),
        )
        at_end = slab.inside(depths[stop - 1])
        windows.append(
            RegionWindow(
                slab=slab,
                volume_angstrom3=volume,
                n_atoms=np.array([tagged.size for tagged in rows]),
                survivors=np.array([at_end[tagged].mean() for tagged in rows]),
                transport=transport,
            )
        )
    return _mean([window.transport for window in windows], settings), tuple(windows)


def _first_lag(
    displacements: NDArray[np.floating], species: NDArray[np.int64], settings: OnsagerSettings, n_species: int
) -> int:
    """First lag of the fits (frames), from the whole run: a short window alone would take cages for a walk."""
    if settings.first_lag_ps is not None:
        return max(1, round(settings.first_lag_ps / settings.frame_interval_ps))
    members = [np.flatnonzero(species == index) for index in range(n_species)]
    return common_walking_lag(
        [displacements[:, rows[:: max(1, rows.size // LAG_ATOMS)]] for rows in members if rows.size]
    )


def slab_fluxes(
    depths: NDArray[np.floating],
    species: NDArray[np.int64],
    slabs: Sequence[Slab],
    areas_angstrom2: NDArray[np.float64],
    times_ps: NDArray[np.float64],
    n_species: int,
) -> SlabFluxes:
    """Fluxes J = dN / (A dt) through the planes of a slab in intervals of time, and since when they are zero.

    Parameters
    ----------
    depths : (n_frames, n_atoms) float array, shares of the cell
        Of all atoms that may count, in any periodic image.
    species : (n_atoms,) int array
        Index of each atom's species, -1 for atoms that do not count.
    slabs : sequence of Slab
        Of equal windows of time; planes stay where they are through a window.
    areas_angstrom2 : (n_frames,) float array, angstrom^2
        Of the cell's cross section.
    times_ps : (n_frames,) float array, ps
        Of the frames.
    n_species : int
        Number of species.

    Returns
    -------
    SlabFluxes
        Atoms inside and fluxes through both planes and the mean plane.

    Notes
    -----
    A passage is a change of the number of planes (and their periodic images) below an atom, so that the balance of
    passages and atoms inside is one of whole numbers. The mean over all planes of the slab is the path of atoms inside it
    over its thickness, (1 / (A W)) sum v_z, which does not jump with atoms that rattle about one plane. The error is that
    of atoms that move independently, the root of the sum over atoms of squared passages; or, where it is larger, the
    scatter of neighbouring intervals (from the median of their differences, blind to a slow change): a lattice plane
    that rattles through a plane as one is noise. There are about twenty intervals, and at least one in each window.
    """
    parts = max(1, N_INTERVALS // len(slabs))
    ends = np.linspace(0, len(depths), len(slabs) + 1).astype(np.int64)
    ends[-1] = len(depths) - 1
    edges = [0]
    planes: list[tuple[float, float]] = []
    for start, stop, slab in zip(ends[:-1], ends[1:], slabs, strict=True):
        own = max(1, min(parts, int(stop - start) // MIN_INTERVAL_FRAMES))
        edges += np.linspace(start, stop, own + 1).astype(int).tolist()[1:]
        planes += [(slab.low, slab.width)] * own
    numbers, sums, squares = _passages(depths, species, np.array(edges), np.array(planes), n_species)
    start_ps, end_ps = times_ps[edges[:-1]], times_ps[edges[1:]]
    area = np.array([areas_angstrom2[a : b + 1].mean() for a, b in zip(edges[:-1], edges[1:], strict=True)])
    per_flux = (area * (end_ps - start_ps))[:, None]
    fluxes = []
    for passages, square in zip(sums, squares, strict=True):
        error = np.sqrt(np.maximum(square, _scatter(passages) ** 2)) / per_flux
        flux = passages / per_flux
        fluxes.append(PlaneFlux(passages, flux, error, zero_since(flux, error, start_ps)))
    lower, upper, inside = fluxes
    return SlabFluxes(start_ps, end_ps, numbers[0], numbers[1], lower, upper, inside)


def _mean(windows: Sequence[OnsagerWindow], settings: OnsagerSettings) -> OnsagerWindow:
    """Mean over windows of equal length; errors as of independent ones."""
    from scipy.special import stdtrit

    if len(windows) == 1:
        return windows[0]

    def mean(name: str) -> NDArray[np.float64]:
        return np.asarray(np.mean([getattr(window, name) for window in windows], axis=0))

    def error(name: str) -> NDArray[np.float64]:
        values = np.array([getattr(window, name) for window in windows])
        return np.asarray(np.sqrt((values**2).sum(axis=0)) / len(windows))

    charges = np.asarray(settings.charges, dtype=np.float64)
    l_matrix, l_error = mean("l_per_ev_angstrom_ps"), error("l_error_per_ev_angstrom_ps")
    n_effective = float(sum(window.n_effective for window in windows))
    # The least degrees of freedom that the windows have.
    reach = stdtrit(len(windows[0].l_by_direction_per_ev_angstrom_ps) * n_effective, 0.975) * l_error
    conductivity = float(mean("conductivity_s_per_cm")), float(error("conductivity_error_s_per_cm"))
    nernst_einstein = float(mean("nernst_einstein_s_per_cm"))
    haven_ratio, transference = haven_and_transference(l_matrix, charges, nernst_einstein, conductivity)
    l_self = mean("l_self_per_ev_angstrom_ps")
    return OnsagerWindow(
        time_start_ps=windows[0].time_start_ps,
        time_end_ps=windows[-1].time_end_ps,
        l_per_ev_angstrom_ps=l_matrix,
        l_error_per_ev_angstrom_ps=l_error,
        l_confidence_95_per_ev_angstrom_ps=np.array([l_matrix - reach, l_matrix + reach]),
        l_self_per_ev_angstrom_ps=l_self,
        l_self_error_per_ev_angstrom_ps=error("l_self_error_per_ev_angstrom_ps"),
        l_distinct_per_ev_angstrom_ps=np.diag(l_matrix) - l_self,
        l_by_direction_per_ev_angstrom_ps=mean("l_by_direction_per_ev_angstrom_ps"),
        l_error_by_direction_per_ev_angstrom_ps=error("l_error_by_direction_per_ev_angstrom_ps"),
        rattling_angstrom2=mean("rattling_angstrom2"),
        correlation=correlations(l_matrix),
        net_flux_per_angstrom2_ps=mean("net_flux_per_angstrom2_ps"),
        net_flux_error_per_angstrom2_ps=error("net_flux_error_per_angstrom2_ps"),
        conductivity_s_per_cm=conductivity[0],
        conductivity_error_s_per_cm=conductivity[1],
        nernst_einstein_s_per_cm=nernst_einstein,
        haven_ratio=haven_ratio,
        transference=transference,
        n_effective=n_effective,
        lags_ps=(min(window.lags_ps[0] for window in windows), max(window.lags_ps[1] for window in windows)),
    )


def _scatter(passages: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation of an interval's passages from those of its neighbours, shape (n_species,)."""
    if len(passages) < MIN_FOR_SCATTER:
        return np.zeros(passages.shape[1])
    return np.asarray(np.median(np.abs(np.diff(passages, axis=0)), axis=0) / MEDIAN_OF_DIFFERENCES)


@njit(cache=True, nogil=True)
def _passages(depths, species, edges, planes, n_species):  # type: ignore[no-untyped-def]
    """Atoms inside at the start and end of each interval, and sums over atoms of passages and of their squares.

    Returns arrays (2, n_intervals, n_species), and (3, n_intervals, n_species) twice: lower, upper, all planes between.
    """
    n_intervals, n_atoms = edges.shape[0] - 1, depths.shape[1]
    numbers = np.zeros((2, n_intervals, n_species), dtype=np.int64)
    sums = np.zeros((3, n_intervals, n_species))
    squares = np.zeros((3, n_intervals, n_species))
    images = np.zeros(n_atoms)
    for k in range(n_intervals):
        low, width = planes[k, 0], planes[k, 1]
        first, last = edges[k], edges[k + 1]
        images[:] = 0.0
        for t in range(first + 1, last + 1):
            for a in range(n_atoms):
                # Cell boundaries crossed upwards, by the nearest image.
                images[a] -= np.floor(np.float64(depths[t, a]) - np.float64(depths[t - 1, a]) + 0.5)
        for a in range(n_atoms):
            s = species[a]
            if s < 0:
                continue
            start, end = np.float64(depths[first, a]) - low, np.float64(depths[last, a]) - low
            lower_start, lower_end = np.floor(start), np.floor(end)
            upper_start, upper_end = np.floor(start - width), np.floor(end - width)
            numbers[0, k, s] += np.int64(lower_start - upper_start)
            numbers[1, k, s] += np.int64(lower_end - upper_end)
            path = (
                lower_end + min((end - lower_end) / width, 1.0) - lower_start - min((start - lower_start) / width, 1.0)
            )
            passed = (lower_end - lower_start, upper_end - upper_start, path)
            for p in range(3):
                step = passed[p] + images[a]
                sums[p, k, s] += step
                squares[p, k, s] += step * step
    return numbers, sums, squares
