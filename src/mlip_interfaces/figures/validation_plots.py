"""Figures of a validation: parity with the density of points, signed errors, deviation against error, MD against reference MD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mlip_interfaces.figures.style import PALETTE, legend_of_labels, new_figure, styled

Array = NDArray[np.float64]

FEW = 300
"""Points of a panel that are drawn one by one; of more, the density is drawn."""
_COLUMNS = 3
_MARKERS = "osD^vPX*"


@styled
def parity(
    energy_reference: Array,
    energy_model: Array,
    force_reference: Array,
    force_model: Array,
    force_layer: NDArray[np.str_],
    *,
    virials: tuple[Array, Array] | None = None,
) -> Figure:
    """Model against label with the density of points: energies per atom, force components, virials, and forces of each layer.

    Parameters
    ----------
    energy_reference, energy_model : (n_frames,) float array, eV/atom
        Energies of the labels, and of the model.
    force_reference, force_model : (n,) float array, eV/angstrom
        Components of the forces.
    force_layer : (n,) str array
        Layer of each component's atom.
    virials : tuple of two (m,) float array, eV/atom, optional
        Components of the virials per atom of the labels and of the model.

    Returns
    -------
    Figure
        Not saved.
    """
    panels = [
        (energy_reference, energy_model, "energy (eV/atom)", "energy"),
        (force_reference, force_model, "force component (eV/Å)", "force, all layers"),
    ]
    if virials is not None:
        panels.append((*virials, "virial component (eV/atom)", "virial"))
    layers = np.unique(force_layer)
    if layers.size > 1:
        masks = {str(name): force_layer == name for name in layers}
        panels += [
            (force_reference[mask], force_model[mask], "force component (eV/Å)", f"force, {name}")
            for name, mask in masks.items()
        ]
    n_columns = min(_COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure, axes = new_figure(n_rows, n_columns, height=3.3 * n_rows)
    for ax, (reference, model, what, title) in zip(axes.flat, panels, strict=False):
        _draw_parity(figure, ax, reference, model)
        ax.set_xlabel(f"label, {what}")
        ax.set_ylabel(f"Deep Potential, {what}")
        ax.set_title(title, loc="left")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    return figure


def _draw_parity(figure: Figure, ax: Axes, reference: Array, model: Array) -> None:
    low, high = (float(f(np.concatenate([reference, model]))) for f in (np.min, np.max))
    margin = 0.04 * (high - low) or 0.5
    low, high = low - margin, high + margin
    ax.plot([low, high], [low, high], color="#666666", lw=0.8, zorder=3)
    if reference.size > FEW:
        density = ax.hexbin(
            reference, model, gridsize=60, bins="log", mincnt=1, extent=(low, high, low, high), cmap="viridis", lw=0.2
        )
        figure.colorbar(density, ax=ax, label="points", shrink=0.75)
    else:
        ax.scatter(reference, model, s=16, color=PALETTE[0], alpha=0.6, lw=0)
    ax.set_xlim(low, high)
    ax.set_ylim(low, high)
    ax.set_aspect("equal")


@dataclass(frozen=True, slots=True)
class FrameErrors:
    """Labelled frames of one system.

    Attributes
    ----------
    name : str
        Of the system.
    labels : str
        Of the set that it belongs to.
    volume_per_atom_angstrom3 : (n_frames,) float array, angstrom^3
        Of each frame; not-a-number where it is not known.
    energy_error_mev_per_atom : (n_frames,) float array, meV/atom
        Model less label.
    deviation_ev_per_angstrom, max_force_error_ev_per_angstrom : (n_frames,) float array, eV/angstrom
        The committee's largest deviation, not-a-number without one, and the model's largest error.
    """

    name: str
    labels: str
    volume_per_atom_angstrom3: Array
    energy_error_mev_per_atom: Array
    deviation_ev_per_angstrom: Array
    max_force_error_ev_per_angstrom: Array


@styled
def signed_energy_errors(frames: Sequence[FrameErrors]) -> Figure:
    """Energy errors with their sign against the volume per atom: a slope is a wrong pressure, a shift a wrong reference.

    Parameters
    ----------
    frames : sequence of FrameErrors
        Of all systems.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=7.5, height=3.4)
    ax = axes[0, 0]
    for one, (color, marker) in zip(frames, _looks(frames), strict=True):
        ax.scatter(
            one.volume_per_atom_angstrom3, one.energy_error_mev_per_atom, s=22, color=color, marker=marker, alpha=0.75, lw=0,
            label=one.name,
        )  # fmt: skip
    ax.axhline(0.0, color="#666666", lw=0.8, zorder=0)
    ax.set_xlabel("volume per atom (Å³)")
    ax.set_ylabel("E(model) - E(label) (meV/atom)")
    legend_of_labels(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


@styled
def deviation_against_error(frames: Sequence[FrameErrors]) -> Figure:
    """Largest force error of each frame against the committee's largest force deviation there.

    Parameters
    ----------
    frames : sequence of FrameErrors
        Of all systems whose deviation is known.

    Returns
    -------
    Figure
        Not saved.
    """
    figure, axes = new_figure(1, 1, width=7.5, height=3.6)
    ax = axes[0, 0]
    for one, (color, marker) in zip(frames, _looks(frames), strict=True):
        ax.scatter(
            one.deviation_ev_per_angstrom, one.max_force_error_ev_per_angstrom, s=22, color=color, marker=marker, alpha=0.75, lw=0,
            label=one.name,
        )  # fmt: skip
    ends = [*ax.get_xlim(), *ax.get_ylim()]
    high = max(ends)
    ax.plot([0, high], [0, high], color="#666666", lw=0.8, zorder=0, label="as large")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.set_xlim(right=ends[1])
    ax.set_ylim(top=ends[3])
    ax.set_xlabel("committee's largest force deviation in the frame (eV/Å)")
    ax.set_ylabel("largest force error in the frame (eV/Å)")
    legend_of_labels(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _looks(frames: Sequence[FrameErrors]) -> list[tuple[str, str]]:
    """Colour and marker of each system: markers tell the sets apart."""
    sets = list(dict.fromkeys(one.labels for one in frames))
    return [
        (PALETTE[number % len(PALETTE)], _MARKERS[sets.index(one.labels) % len(_MARKERS)])
        for number, one in enumerate(frames)
    ]


@dataclass(frozen=True, slots=True)
class TwoCurves:
    """A curve of MD with the labelling method, and the same of MD with the model.

    Attributes
    ----------
    reference, reference_error, model, model_error : (n,) float array
        Curves and their standard errors.
    """

    reference: Array
    reference_error: Array
    model: Array
    model_error: Array


@styled
def against_reference_md(
    r_angstrom: Array,
    curves: Mapping[str, TwoCurves],
    *,
    called: tuple[str, str],
    time_ps: Array,
    intact: tuple[Array, Array] | None,
    unit: str,
) -> Figure:
    """g(r) of each pair by both kinds of MD, and what is intact of the units against time.

    Parameters
    ----------
    r_angstrom : (n_bins,) float array, angstrom
        Of g(r).
    curves : mapping of str to TwoCurves
        Curves of g(r) by pair.
    called : tuple of two str
        Who gave the forces.
    time_ps : (n_frames,) float array, ps
        Of the frames.
    intact : tuple of two (n_runs, n_frames) float array, or None
        Intact units of each run, by both.
    unit : str
        What they are.

    Returns
    -------
    Figure
        Not saved.
    """
    n_panels = len(curves) + (intact is not None)
    n_columns = min(_COLUMNS, n_panels)
    n_rows = -(-n_panels // n_columns)
    figure, axes = new_figure(n_rows, n_columns, height=2.7 * n_rows)
    for ax, (pair, both) in zip(axes.flat, curves.items(), strict=False):
        sides = ((both.reference, both.reference_error), (both.model, both.model_error))
        for name, color, (g, error) in zip(called, PALETTE, sides, strict=False):
            ax.plot(r_angstrom, g, color=color, label=name)
            ax.fill_between(r_angstrom, g - error, g + error, color=color, alpha=0.25, lw=0)
        ax.axhline(1.0, color="#bbbbbb", lw=0.7, zorder=0)
        ax.set_title(pair, loc="left")
        ax.set_xlabel("r (Å)")
        ax.set_ylabel("g(r)")
    if intact is not None:
        ax = axes.flat[len(curves)]
        for name, color, runs in zip(called, PALETTE, intact, strict=False):
            for run in runs:
                ax.plot(time_ps, run, color=color, alpha=0.8, lw=1.0, drawstyle="steps-mid", label=name)
        ax.set_ylim(bottom=0)
        ax.set_title(f"intact {unit}", loc="left")
        ax.set_xlabel("time (ps)")
        ax.set_ylabel("number in the cell")
    for ax in axes.flat[n_panels:]:
        ax.set_visible(False)
    legend_of_labels(axes[0, 0], loc="upper right")
    return figure
