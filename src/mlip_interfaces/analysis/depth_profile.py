"""Density and composition against depth, and where interfaces are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from mlip_interfaces.analysis.running_blocks import RunningBlocks, merged, standard_error
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import AMU_PER_ANGSTROM3_TO_G_PER_CM3

WIDTH_10_90 = 2.197
"""10-90 width of 1/2 (1 + tanh(z / w)) in units of w: 2 artanh(0.8)."""


@dataclass(frozen=True, slots=True)
class Interface:
    """Edge of a layer.

    Attributes
    ----------
    side : ``lower`` or ``upper``.
    position_angstrom, position_error_angstrom : of the middle of the fitted step, along the depth, within the cell.
    width_10_90_angstrom, width_error_angstrom : over which the density of the layer goes from 10 to 90 %.
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
    depth_angstrom : middles of the slices, shape (n_slices,), by the mean cell.
    elements : names.
    number_density_per_angstrom3, error_per_angstrom3 : shape (n_elements, n_slices).
    first_half_per_angstrom3, second_half_per_angstrom3 : of the halves of the run, shape (n_elements, n_slices).
    mass_density_g_per_cm3 : shape (n_slices,).
    interfaces : layer -> its two edges; none where the layer fills the cell or its edges cannot be fitted.
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
    symbols : element of each atom, shape (n_atoms,).
    masses_amu : shape (n_atoms,).
    layers : layer each atom started in, shape (n_atoms,), or None.
    axis : cell vector, 0, 1 or 2; depth is measured across the planes of the two others.
    bin_width_angstrom : of a slice in the first frame; slices are shares of the cell and breathe with it.
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
        """Add a frame: positions (n_atoms, 3) wrapped or not, cell (3, 3), time."""
        inverse = np.linalg.inv(cell)[:, self._axis]
        height = float(1.0 / np.linalg.norm(inverse))
        if self._n_slices == 0:
            self._n_slices = max(4, round(height / self._bin_width))
        self._heights += height
        self._n_frames += 1
        place = np.minimum((positions @ inverse % 1.0 * self._n_slices).astype(np.int64), self._n_slices - 1)
        n_elements, n_layers = len(self._elements), max(1, len(self._layers))
        flat = (self._layer * n_elements + self._element) * self._n_slices + place
        counts = np.bincount(flat, minlength=n_layers * n_elements * self._n_slices)
        slice_volume = abs(float(np.linalg.det(cell))) / self._n_slices
        self._blocks.add(counts.reshape(n_layers, n_elements, self._n_slices) / slice_volume, time_ps)

    def result(self) -> DepthProfile:
        """Densities over the whole run and its halves, and the edges of each layer.

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
                name: fit_interfaces(depth, by_layer[i].sum(axis=0), height) for i, name in enumerate(self._layers)
            },
        )


def fit_interfaces(depth: NDArray[np.float64], density: NDArray[np.float64], height: float) -> tuple[Interface, ...]:
    """Both edges of a layer in a periodic cell, from the density of its own atoms.

    Parameters
    ----------
    depth : middles of equal slices, shape (n_slices,), angstrom.
    density : of the layer's atoms, shape (n_slices,).
    height : of the cell, angstrom.

    Returns
    -------
    interfaces : lower and upper edge; empty where the layer has no end or the fit fails.

    Notes
    -----
    The layer is centred by a circular mean, then rho = rho_0 / 2 [tanh((z - z_1) / w_1) - tanh((z - z_2) / w_2)] is fitted;
    the 10-90 width is 2.197 w. Density oscillations of the layer's planes are left to the residual.
    """
    if density.sum() <= 0.0 or np.count_nonzero(density < 0.05 * density.max()) < 2:
        return ()
    angle = 2.0 * np.pi * depth / height
    centre = float(np.angle((density * np.exp(1j * angle)).sum())) / (2.0 * np.pi) * height
    z = (depth - centre + height / 2.0) % height - height / 2.0
    order = np.argsort(z)
    z, rho = z[order], density[order]
    width = float(rho.sum() / np.median(rho[rho > 0.5 * rho.max()])) * height / depth.size

    def step(x: NDArray[np.float64], top: float, z1: float, z2: float, w1: float, w2: float) -> NDArray[np.float64]:
        return np.asarray(0.5 * top * (np.tanh((x - z1) / w1) - np.tanh((x - z2) / w2)))

    start = [float(np.median(rho[rho > 0.5 * rho.max()])), -width / 2.0, width / 2.0, 1.0, 1.0]
    slice_width = height / depth.size
    try:
        values, covariance = curve_fit(
            step, z, rho, p0=start,
            bounds=([0, -height / 2, -height / 2, slice_width / 10, slice_width / 10],
                    [np.inf, height / 2, height / 2, height / 2, height / 2]),
        )  # fmt: skip
    except RuntimeError:
        return ()
    errors = np.sqrt(np.diag(covariance))
    return tuple(
        Interface(
            side,
            float((values[i] + centre) % height),
            float(errors[i]),
            float(WIDTH_10_90 * values[i + 2]),
            float(WIDTH_10_90 * errors[i + 2]),
        )
        for side, i in (("lower", 1), ("upper", 2))
    )
