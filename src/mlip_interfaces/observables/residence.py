"""How long ions stay where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mlip_interfaces.observables.observer import Observer, Record, Start
from mlip_interfaces.observables.request import Option, Request
from mlip_interfaces.observables.results import Result, measured, number
from mlip_interfaces.settings import Distance, Span

if TYPE_CHECKING:
    from mlip_interfaces.analysis.residence import Residence as ResidenceTimes
    from mlip_interfaces.figures import Figure


class Residence(Request):
    """Residence times of the hopping ions of one element, of one layer or of all."""

    kind: ClassVar[str] = "residence"
    summary: ClassVar[str] = "residence times of hopping ions"
    uses_displacements: ClassVar[bool] = True

    species: Annotated[str, Option("Li")] = Field(description="Element.")
    jump_distance_angstrom: Annotated[Distance, Option("R")] = Field(
        description="2/3 of that of sites: farther from where it last settled, an ion has jumped."
    )
    smooth_ps: Annotated[Span, Option("T")] = Field(0.0, description="Positions are averaged over it.")
    layer: Annotated[str | None, Option("NAME")] = Field(
        None, description="Only atoms that started in this layer; all when left out."
    )

    def observe(self, start: Start) -> Observer:
        """Keep the displacements of the element.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _ResidenceObserver(self, start)


class _ResidenceObserver(Observer):
    def __init__(self, request: Residence, start: Start) -> None:
        from mlip_interfaces.trajectory.selection import species_masks

        super().__init__()
        self._request = request
        self._mask = self.moving = species_masks(start.trajectory, (request.species,), request.layer)[request.species]

    def finish(self, record: Record) -> ResidenceResult:
        """Count jumps."""
        from mlip_interfaces.analysis.residence import residence_times

        request, interval = self._request, record.interval_ps
        found = residence_times(
            record.displacements(self._mask),
            interval,
            jump_distance_angstrom=request.jump_distance_angstrom,
            smooth_frames=max(1, round(request.smooth_ps / interval)),
        )
        return ResidenceResult(request, found)


@dataclass(frozen=True, slots=True)
class ResidenceResult(Result):
    """Residence times.

    Attributes
    ----------
    request : Residence
        What was asked for.
    times : mlip_interfaces.analysis.residence.Residence
        Jumps and residence time.
    """

    request: Residence
    times: ResidenceTimes

    def to_dict(self) -> dict[str, object]:
        """Content of ``residence.json``."""
        return {
            "n_jumps": self.times.n_jumps,
            "residence_time_ps": number(self.times.residence_time_ps),
            "residence_time_error_ps": number(self.times.residence_time_error_ps),
            "residence_time_lower_bound_95_ps": self.times.lower_bound_ps,
            "jumps_by_atom": self.times.jumps_by_atom.tolist(),
            "settings": self.request.settings(),
        }

    def lines(self) -> list[str]:
        """Residence time, or its lower bound."""
        found, species = self.times, self.request.species
        if found.n_jumps == 0:
            return [f"{species}: no jump; residence time above {found.lower_bound_ps:.3g} ps (95 %)"]
        time = measured(found.residence_time_ps, found.residence_time_error_ps)
        return [f"{species}: residence time {time} ps, {found.n_jumps} jumps of {found.jumps_by_atom.size} atoms"]

    def draw(self) -> Figure:
        """How many atoms jumped how often."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        figure, axes = new_figure(1, 1, width=4.6, height=3.0)
        ax = axes[0, 0]
        atoms = np.bincount(self.times.jumps_by_atom)
        ax.bar(np.arange(atoms.size), atoms, color=PALETTE[0])
        ax.set_xlabel("jumps of an atom in the run")
        ax.set_ylabel(f"{self.request.species} atoms")
        ax.set_title(self.lines()[0], loc="left", fontsize=8)
        return figure
