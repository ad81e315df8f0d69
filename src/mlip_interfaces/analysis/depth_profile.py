"""Density and composition against depth, and where interfaces are."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.depths import cell_height
from mlip_interfaces.analysis.running_blocks import RunningBlocks, merged, standard_error
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

WIDTH_10_90 = 2.197
"""10-90 width of 1/2 (1 + tanh(z / w)) in units of w: 2 artanh(0.8)."""


MAX_CENTRINGS, MIN_SLICES = 6, 8


@dataclass(frozen=True, slots=True)
class Interface:
    """Edge of a layer.

    Attributes
    ----------
    side : str
        ``lower`` or ``upper``.
    position_angstrom, position_error_angstrom : float, angstrom
        Of the middle of the fitted step, along the depth, within the cell.
    width_10_90_angstrom, width_error_angstrom : float, angstrom
        Over which the density of the layer goes from 10 to 90 %.
    """

    side: str
    position_angstrom: float
    position_error_angstrom: float
    width_10_90_angstrom: float
    width_error_angstrom: float


@dataclass(frozen=True, slots=True)
class DepthProfile:
    """Densities in slices of the cell.

    Attributes
    ----------
    depth_angstrom : (n_slices,) float array, angstrom
        Middles of the slices, by the mean cell.
    elements : tuple of str
        Names.
    number_density_per_angstrom3, error_per_angstrom3 : (n_elements, n_slices) float array, 1/angstrom^3
        Over the whole run, and its standard error.
    first_half_per_angstrom3, second_half_per_angstrom3 : (n_elements, n_slices) float array, 1/angstrom^3
        Of the halves of the run.
    mass_density_g_per_cm3 : (n_slices,) float array, g/cm^3
        Of all elements together.
    interfaces : dict of str to tuple of Interface
        The two edges of each layer; none where the layer fills the cell or its edges cannot be fitted.
    """

    depth_angstrom: NDArray[np.float64]
    elements: tuple[str, ...]
    number_density_per_angstrom3: NDArray[np.float64]
    error_per_angstrom3: NDArray[np.float64]
    first_half_per_angstrom3: NDArray[np.float64]
    second_half_per_angstrom3: NDArray[np.float64]
    mass_density_g_per_cm3: NDArray[np.float64]
    interfaces: dict[str, tuple[Interface, ...]]


class DepthProfileAccumulator:
    """Counts atoms in slices along a cell vector, fed frame by frame.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    masses_amu : (n_atoms,) float array, u
        Mass of each atom.
    layers : (n_atoms,) str array, optional
        Layer each atom started in, or None.
    axis : int, optional
        Cell vector, 0, 1 or 2; depth is measured across the planes of the two others.
    bin_width_angstrom : float, angstrom, optional
        Of a slice in the first frame; slices are shares of the cell and breathe with it.

    Notes
    -----
    rho(z) = <n(z)> / (V / number of slices); every frame is normalised by its own volume. Errors are from the scatter of
    blocks of time.

    Examples
    --------
    >>> profile = DepthProfileAccumulator(np.array(["Li", "S"]), np.array([6.94, 32.06]), bin_width_angstrom=2.5)
    >>> profile.add(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 6.0]]), np.eye(3) * 10.0, time_ps=0.0)
    >>> profile.result().number_density_per_angstrom3.round(9).tolist()
    [[0.004, 0.0, 0.0, 0.0], [0.0, 0.0, 0.004, 0.0]]
    """

    def __init__(
        self,
        symbols: NDArray[np.str_],
        masses_amu: NDArray[np.float64],
        layers: NDArray[np.str_] | None = None,
        *,
        axis: int = 2,
        bin_width_angstrom: float = 0.5,
    ) -> None:
        self._elements, self._element = np.unique(symbols, return_inverse=True)
        self._mass = np.array([masses_amu[symbols == element].mean() for element in self._elements])
        self._layers: tuple[str, ...] = ()
        self._layer = np.zeros(symbols.size, dtype=np.int64)
        if layers is not None and (layers != "").any():
            names, self._layer = np.unique(layers, return_inverse=True)
            self._layers = tuple(names.tolist())
        self._axis, self._bin_width = axis, bin_width_angstrom
        self._n_slices = 0
        self._heights = 0.0
        self._n_frames = 0
        self._blocks = RunningBlocks()

    def add(self, positions: NDArray[np.float64], cell: NDArray[np.float64], time_ps: float) -> None:
        """Add a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            From the corner of the cell, wrapped or not.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.
        time_ps : float, ps
            Of the frame.
        """
        inverse = np.linalg.inv(cell)[:, self._axis]
        height = float(cell_height(cell, axis=self._axis))
        if self._n_slices == 0:
            self._n_slices = max(4, round(height / self._bin_width))
        self._heights += height
        self._n_frames += 1
        n_elements, n_layers = len(self._elements), max(1, len(self._layers))
        counts = np.zeros((n_layers * n_elements, self._n_slices), dtype=np.int64)
        _count_slices(positions, inverse, self._layer * n_elements + self._element, counts)
        slice_volume = abs(float(np.linalg.det(cell))) / self._n_slices
        self._blocks.add(counts.reshape(n_layers, n_elements, self._n_slices) / slice_volume, time_ps)

    def result(self) -> DepthProfile:
        """Give densities over the whole run and its halves, and the edges of each layer.

        Returns
        -------
        DepthProfile
            Over all frames added.

        Raises
        ------
        AnalysisError
            If no frame was added.
        """
        blocks = self._blocks.blocks
        if not blocks:
            raise AnalysisError("There is no frame for a profile.")
        by_layer = merged(blocks).mean
        half = max(1, len(blocks) // 2)
        first = merged(blocks[:half]).mean.sum(axis=0)
        second = merged(blocks[half:] or blocks).mean.sum(axis=0)
        totals = [type(block)(block.total.sum(axis=0), block.n_frames, 0.0, 0.0) for block in blocks]
        of_layers = [type(block)(block.total.sum(axis=1), block.n_frames, 0.0, 0.0) for block in blocks]
        layer_error = standard_error(of_layers)
        height = self._heights / self._n_frames
        depth = (np.arange(self._n_slices) + 0.5) * height / self._n_slices
        density = by_layer.sum(axis=0)
        return DepthProfile(
            depth_angstrom=depth,
            elements=tuple(self._elements.tolist()),
            number_density_per_angstrom3=density,
            error_per_angstrom3=standard_error(totals),
            first_half_per_angstrom3=first,
            second_half_per_angstrom3=second,
            mass_density_g_per_cm3=self._mass @ density * AMU_PER_ANGSTROM3_TO_G_PER_CM3,
            interfaces={
                name: fit_interfaces(depth, by_layer[i].sum(axis=0), height, layer_error[i])
                for i, name in enumerate(self._layers)
            },
        )


@njit(cache=True, nogil=True)
def _count_slices(positions, inverse, row, counts):  # type: ignore[no-untyped-def]
    """Add each atom to its slice in its row of the counts; `inverse` gives the place along the axis."""
    n_slices = counts.shape[1]
    for a in range(positions.shape[0]):
        place = positions[a, 0] * inverse[0] + positions[a, 1] * inverse[1] + positions[a, 2] * inverse[2]
        # A tiny negative number wraps to one.
        counts[row[a], min(int((place - np.floor(place)) * n_slices), n_slices - 1)] += 1


def fit_interfaces(
    depth: NDArray[np.float64],
    density: NDArray[np.float64],
    height: float,
    error: NDArray[np.float64] | None = None,
) -> tuple[Interface, ...]:
    """Both edges of a layer in a periodic cell, from the density of its own atoms.

    Parameters
    ----------
    depth : (n_slices,) float array, angstrom
        Middles of equal slices.
    density : (n_slices,) float array, any unit
        Of the layer's atoms.
    height : float, angstrom
        Of the cell, along the depth.
    error : (n_slices,) float array, optional
        Standard error of the density; without it, errors come from the residual.

    Returns
    -------
    tuple of Interface
        Lower and upper edge; empty where the layer has no end or the fit fails.

    Notes
    -----
    The layer is centred by a circular mean and halved; each half is fitted with
    rho = (rho_L + rho_R) / 2 - (rho_L - rho_R) / 2 tanh((z - z_0) / w), whose 10-90 width is 2.197 w, and the layer is centred
    again between its edges until they stay. Density oscillations of the layer's planes are left to the residual. A step
    narrower than a slice has half a slice for its error.

    References
    ----------
    npj Comput. Mater. (2024), article s41524-024-01327-1, Fig. 3, for interfaces from 10 to 90 % of the number density.

    Examples
    --------
    >>> depth = np.arange(40) + 0.5
    >>> density = (np.tanh((depth - 10.0) / 2.0) - np.tanh((depth - 30.0) / 2.0)) / 2.0
    >>> [(edge.side, round(edge.position_angstrom, 2)) for edge in fit_interfaces(depth, density, 40.0)]
    [('lower', 10.0), ('upper', 30.0)]
    """
    if density.sum() <= 0.0:
        return ()
    slice_width = height / depth.size
    centre = float(np.angle((density * np.exp(2j * np.pi * depth / height)).sum())) / (2.0 * np.pi) * height
    sigma = None
    if error is not None and (error > 0.0).any():
        sigma = np.maximum(error, float(np.median(error[error > 0.0])))
    found: list[Interface] = []
    for _ in range(MAX_CENTRINGS):
        z = (depth - centre + height / 2.0) % height - height / 2.0
        found = []
        for side, chosen, direction in (("lower", z <= 0.0, 1.0), ("upper", z >= 0.0, -1.0)):
            rows = np.flatnonzero(chosen)[np.argsort(z[chosen])]
            step = _fit_step(z[rows], density[rows], slice_width, None if sigma is None else sigma[rows])
            if step is None or step[4] * direction <= 0.0:
                return ()
            found.append(Interface(side, step[0], step[1], step[2], step[3]))
        moved = (found[0].position_angstrom + found[1].position_angstrom) / 2.0
        found = [replace(edge, position_angstrom=(edge.position_angstrom + centre) % height) for edge in found]
        centre += moved
        if abs(moved) < slice_width / 2.0:
            break
    return tuple(found)


def _fit_step(
    z: NDArray[np.float64], rho: NDArray[np.float64], slice_width: float, sigma: NDArray[np.float64] | None
) -> tuple[float, float, float, float, float] | None:
    """Position, its error, 10-90 width, its error, and rise of a single step; None where there is none."""
    if z.size < MIN_SLICES:
        return None
    from scipy.optimize import OptimizeWarning, curve_fit

    third = max(2, z.size // 3)
    below, above, span = float(np.median(rho[:third])), float(np.median(rho[-third:])), float(z[-1] - z[0])
    share = (float(rho.mean()) - above) / (below - above) if below != above else 0.5
    start = float(z[0]) + span * min(0.95, max(0.05, share))

    def step(x: NDArray[np.float64], low: float, high: float, middle: float, w: float) -> NDArray[np.float64]:
        return np.asarray(0.5 * (low + high) - 0.5 * (low - high) * np.tanh((x - middle) / w))

    try:
        with warnings.catch_warnings():
            # A step within one slice leaves its width undetermined; that is dealt with below.
            warnings.simplefilter("ignore", OptimizeWarning)
            values, covariance = curve_fit(
                step, z, rho, p0=[below, above, start, max(slice_width, 0.02 * span)],
                sigma=sigma, absolute_sigma=sigma is not None,
                x_scale=[rho.max(), rho.max(), slice_width, slice_width],
                bounds=([-np.inf, -np.inf, z[0], 0.1 * slice_width], [np.inf, np.inf, z[-1], span]),
            )  # fmt: skip
    except RuntimeError:
        return None
    low, high, middle, w = values.tolist()
    if min(middle - z[0], z[-1] - middle) < slice_width or low == high:
        return None
    if not np.isfinite(covariance).all() or WIDTH_10_90 * w <= slice_width:
        return middle, slice_width / 2.0, WIDTH_10_90 * w, slice_width, high - low
    if abs(high - low) <= 3.0 * np.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])):
        return None
    errors = np.sqrt(np.diag(covariance))
    return middle, float(errors[2]), WIDTH_10_90 * w, float(WIDTH_10_90 * errors[3]), high - low
