"""Growth of an interphase: thickness against time, the law that it follows, and when it is arrested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.phases import PhaseSettings, axis_note, history_of, shared_recorder
from mlip_interfaces.observables.request import CombinedRequest, Option
from mlip_interfaces.observables.results import Headline, Result, Table, number, plain
from mlip_interfaces.settings import Count

if TYPE_CHECKING:
    from mlip_interfaces.analysis.growth import Growth as GrowthFit
    from mlip_interfaces.analysis.phase_history import InterphaseHistory
    from mlip_interfaces.figures import Figure

SEED = 20261128
"""Of the resampling: the same run gives the same intervals."""


class Growth(PhaseSettings, CombinedRequest):
    """Thickness of the interphase against time, and the law of its growth."""

    kind: ClassVar[str] = "growth"
    summary: ClassVar[str] = "thickness of the interphase against time, law and exponent of its growth, its arrest"

    definition: Literal["phase", "10-90"] = Field(
        "phase", description="Thickness by the share of products, or of the stretch between 90 % of either reactant."
    )
    n_bootstrap: Annotated[Count, Option("N")] = Field(200, description="Resampled series behind each error.")

    def check_frames(self, n_frames: int, interval_ps: float) -> None:
        """Whether there are maps enough for a choice among laws.

        Parameters
        ----------
        n_frames : int
            In the time that is analysed.
        interval_ps : float, ps
            Between them.

        Raises
        ------
        ValueError
            If there are not.
        """
        from mlip_interfaces.analysis.growth import FEWEST_TIMES
        from mlip_interfaces.analysis.phase_history import window_and_stride

        n_window, stride = window_and_stride(interval_ps, self.average_ps, self.every_ps)
        # One for each whole window, or every so many of them, and one for frames at the end.
        n_maps = -(-n_frames // (n_window * stride)) + (n_window * stride > 1)
        if n_maps < FEWEST_TIMES:
            setting = "average_ps" if self.every_ps is None else "every_ps"
            raise ValueError(
                f"{setting} is {getattr(self, setting):g}: {n_maps} maps at most, where a law of growth needs {FEWEST_TIMES} (shorten it, or run "
                f"longer), are in the {n_frames} frames"
            )

    def observe(self, start: Start) -> Observer:
        """Name atoms, window by window.

        Parameters
        ----------
        start : Start
            What is known before the first frame.

        Returns
        -------
        Observer
            Fed by the pass.
        """
        return _GrowthObserver(self, start)

    def combined(self, results: Sequence[Result]) -> GrowthResult:
        """The law of several runs that differ by chance alone.

        Parameters
        ----------
        results : sequence of Result
            Of this request, one for each run.

        Returns
        -------
        GrowthResult
            Of all of them.

        Raises
        ------
        AnalysisError
            If the runs have not the same reactants.
        """
        return self._together([run for result in results if isinstance(result, GrowthResult) for run in result.runs])

    def combined_of(self, contents: Sequence[Mapping[str, Any]]) -> GrowthResult:
        """The law of several runs that differ by chance alone, of what was written of each.

        Parameters
        ----------
        contents : sequence of mapping
            Of each ``growth.json``.

        Returns
        -------
        GrowthResult
            Of all of them.

        Raises
        ------
        AnalysisError
            If the runs have not the same reactants.
        """
        return self._together([self._history(run, content) for content in contents for run in content["runs"]])

    def _history(self, run: Mapping[str, Any], content: Mapping[str, Any]) -> InterphaseHistory:
        """What ``growth.json`` has of a run; the thickness by the other definition is not there."""
        from mlip_interfaces.analysis.phase_history import InterphaseHistory

        thickness, unknown = np.array(run["thickness_angstrom"]), np.full(len(run["times_ps"]), np.nan)
        by_phase, by_width = (thickness, unknown) if self.definition == "phase" else (unknown, thickness)
        lost = {name: np.array(values) for name, values in run["consumed_per_nm2"].items()}
        phases = {name: tuple(those) for name, those in content["reactant_phases"].items()}
        return InterphaseHistory(
            np.array(run["times_ps"]), by_phase, by_width, int(run["n_interphases"]), tuple(content["reactants"]), lost,
            int(run["n_contacts"]), phases,
        )  # fmt: skip

    def _together(self, runs: Sequence[InterphaseHistory]) -> GrowthResult:
        for run in runs[1:]:
            if run.reactants != runs[0].reactants:
                raise AnalysisError(
                    f"The runs are not of one interface: one grows between {' and '.join(runs[0].reactants)}, another one between "
                    f"{' and '.join(run.reactants)}. Give each alone, or name `reactants`."
                )
        # A mean over contacts in one run is none over other ones in another.
        most = max(run.n_interphases for run in runs)
        return self.fitted([run.per(most) for run in runs])

    def fitted(self, runs: Sequence[InterphaseHistory]) -> GrowthResult:
        """The law of thickness against time.

        Parameters
        ----------
        runs : sequence of InterphaseHistory
            Runs that differ by chance alone.

        Returns
        -------
        GrowthResult
            Law, exponent, arrest.

        Raises
        ------
        AnalysisError
            If a run has fewer than eight maps.
        """
        from mlip_interfaces.analysis.growth import fit_growth

        series = [thickness_of(run, self.definition) for run in runs]
        found = fit_growth([run.times_ps for run in runs], series, n_bootstrap=self.n_bootstrap, seed=SEED)
        return GrowthResult(self, tuple(runs), found)


def thickness_of(run: InterphaseHistory, definition: str) -> NDArray[np.float64]:
    """Thickness by one of the two definitions.

    Parameters
    ----------
    run : InterphaseHistory
        Of a run.
    definition : {"phase", "10-90"}
        Which.

    Returns
    -------
    (n_maps,) float array, angstrom
        Against time.
    """
    return np.asarray(run.thickness_angstrom if definition == "phase" else run.thickness_10_90_angstrom)


class _GrowthObserver(Observer):
    def __init__(self, request: Growth, start: Start) -> None:
        super().__init__()
        self._request = request
        self._require_maps(start)
        self._recorder = shared_recorder(request, start)

    def _require_maps(self, start: Start) -> None:
        """Before the first frame is named, where it costs nothing to count frames."""
        reader = start.trajectory
        if reader.path is None or reader.path.suffix != ".dcd" or reader.frame_interval_ps is None:
            return
        try:
            self._request.check_frames(reader.count_frames(), reader.frame_interval_ps)
        except ValueError as error:
            raise AnalysisError(f"{error} of {reader.name}.") from error

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Name what is a whole window."""
        frames = batch.frames
        self._recorder.add(frames.positions, frames.cells, frames.origins, frames.times_ps)

    def finish(self, record: Record) -> GrowthResult:
        """The law of the growth."""
        recorder = self._recorder
        recorder.finish()
        self.notes += axis_note(self._request, recorder)
        history = history_of(self._request, recorder.maps, recorder.names)
        self.notes += [history.note] if history.note else []
        return self._request.fitted([history])


@dataclass(frozen=True, slots=True)
class GrowthResult(Result):
    """Growth of an interphase in one or several runs.

    Attributes
    ----------
    request : Growth
        What was asked for.
    runs : tuple of InterphaseHistory
        Thickness against time, of each run.
    growth : mlip_interfaces.analysis.growth.Growth
        The law.
    """

    request: Growth
    runs: tuple[InterphaseHistory, ...]
    growth: GrowthFit

    @property
    def times_ps(self) -> NDArray[np.float64]:
        """Of the first run, as far as all runs reach, shape (n_times,), ps."""
        end = min(run.times_ps[-1] for run in self.runs)
        times = self.runs[0].times_ps
        return np.asarray(times[times <= end])

    @property
    def thickness_angstrom(self) -> NDArray[np.float64]:
        """Mean over the runs at these times, shape (n_times,), angstrom."""
        return np.asarray(np.mean(self._each(), axis=0))

    def _each(self) -> list[NDArray[np.float64]]:
        return [np.interp(self.times_ps, run.times_ps, thickness_of(run, self.request.definition)) for run in self.runs]

    @property
    def at_end_95_angstrom(self) -> tuple[float, float]:
        """Interval of the mean thickness at the last of these times, from the scatter between runs; not-a-number of one run, angstrom."""
        from mlip_interfaces.analysis.replicas import Replicas

        last = tuple(float(values[-1]) for values in self._each())
        low, high = Replicas(last, (float("nan"),) * len(last)).interval()
        return max(0.0, low) if np.isfinite(low) else low, high

    def to_dict(self) -> dict[str, object]:
        """Content of ``growth.json``."""
        from mlip_interfaces.analysis.growth import LAWS, running_exponent

        found = self.growth
        change, change_95 = number(found.change_ps), plain(list(found.change_95_ps))
        slower = found.law == "two-stage"
        arrested = not slower and bool(np.isfinite(found.change_ps))
        times, thickness = self.times_ps, self.thickness_angstrom
        at, slopes = running_exponent(times - times[0], thickness)
        return {
            "times_ps": times.tolist(),
            "thickness_angstrom": thickness.tolist(),
            "thickness_at_end_95_angstrom": plain(list(self.at_end_95_angstrom)) if len(self.runs) > 1 else None,
            "law": found.law,
            "exponent": number(found.exponent),
            "exponent_95": plain(list(found.exponent_95)) if np.isfinite(found.exponent) else None,
            "arrest_ps": change if arrested else None,
            "arrest_95_ps": change_95 if arrested else None,
            "n_arrested": 0 if slower else int(np.isfinite(found.changes_ps).sum()),
            "second_stage_ps": change if slower else None,
            "second_stage_95_ps": change_95 if slower else None,
            "criteria": {
                law: {
                    "bic": number(sum(fits[law].bic for fits in found.fits)),
                    "aicc": number(sum(fits[law].aicc for fits in found.fits)),
                }
                for law in LAWS
            },
            "running_exponent": {"times_ps": at.tolist(), "exponent": slopes.tolist()},
            "reactants": list(self.runs[0].reactants),
            "reactant_phases": {name: list(phases) for name, phases in self.runs[0].reactant_phases.items()},
            "runs": [
                {
                    "times_ps": run.times_ps.tolist(),
                    "thickness_angstrom": thickness_of(run, self.request.definition).tolist(),
                    "fitted_angstrom": curve.tolist(),
                    "law": alone,
                    "change_ps": number(changed),
                    "misfit_angstrom": misfit,
                    "parameters": fits[found.law].parameters,
                    "n_independent": n_independent,
                    "n_contacts": run.n_contacts,
                    "n_interphases": run.n_interphases,
                    "consumed_per_nm2": {name: lost.tolist() for name, lost in run.consumed_per_nm2.items()},
                }
                for run, curve, alone, changed, misfit, fits, n_independent in zip(
                    self.runs,
                    found.fitted_angstrom,
                    found.laws,
                    found.changes_ps,
                    found.misfits_angstrom,
                    found.fits,
                    found.n_independent,
                    strict=True,
                )
            ],
            "settings": self.request.settings()
            | self.request.file_hashes()
            | {
                "thickness": "share of the atoms that are of no reactant, integrated over the depth, per interphase"
                if self.request.definition == "phase"
                else "of the stretch in which no reactant has 90 % of its bulk, mean over the interphases",
                "arrest_ps": "mean over the runs that are arrested before their end",
                "criterion": "BIC of independent points, the simplest law within 6 of the least",
            },
        }

    def tables(self) -> dict[str, Table]:
        """Thickness against time and the law, by run."""
        rows = [
            (place, f"{time:.6g}", f"{value:.6g}", f"{law:.6g}")
            for place, (run, curve) in enumerate(zip(self.runs, self.growth.fitted_angstrom, strict=True), start=1)
            for time, value, law in zip(run.times_ps, thickness_of(run, self.request.definition), curve, strict=True)
        ]
        return {"": Table(("run", "time_ps", "thickness_angstrom", "fitted_angstrom"), rows)}

    def headlines(self) -> list[Headline]:
        """The exponent; none without growth."""
        found = self.growth
        if not np.isfinite(found.exponent):
            return []
        low, high = found.exponent_95
        return [Headline("growth exponent", found.exponent, (high - low) / 3.92)]

    def lines(self) -> list[str]:
        """Thickness, law, exponent, change point and what the law is chosen over."""
        found, thickness, times = self.growth, self.thickness_angstrom, self.times_ps
        n_runs, between = "one run", ""
        if len(self.runs) > 1:
            least, most = self.at_end_95_angstrom
            n_runs, between = f"mean of {len(self.runs)} runs", f" ({least:.3g} to {most:.3g}, 95 %)"
        lines = [
            f"interphase between {' and '.join(self.runs[0].reactants)}: {thickness[0]:.3g} angstrom at {times[0]:.4g} ps, "
            f"{thickness[-1]:.3g}{between} at {times[-1]:.4g} ps, {n_runs}"
        ]
        if len(set(found.laws)) > 1:
            lines.append(f"the laws of the runs alone: {', '.join(found.laws)}")
        doubt = self._misfit()
        lines += [doubt] if doubt else []
        if found.law in ("none", "shrinks"):
            return [*lines, "no growth beyond its scatter" if found.law == "none" else "it shrinks"]
        low, high = found.exponent_95
        lines.append(f"law: {found.law}; exponent {found.exponent:.3g}, {low:.3g} to {high:.3g} (95 %)")
        if np.isfinite(found.change_ps):
            what = "slower since" if found.law == "two-stage" else "arrested at"
            lines.append(
                f"{what} {found.change_ps:.4g} ps, {found.change_95_ps[0]:.4g} to {found.change_95_ps[1]:.4g} (95 %){self._of_how_many()}"
            )
        criterion = {law: sum(fits[law].bic for fits in found.fits) for law in found.fits[0]}
        others = sorted((value - criterion[found.law], law) for law, value in criterion.items() if law != found.law)
        told = ", ".join(f"{law} {difference:+.3g}" for difference, law in others if np.isfinite(difference))
        return [*lines, f"criterion of the other laws, less that of {found.law}: {told}"]

    def _of_how_many(self) -> str:
        """In how many of the runs the growth changes, where it does not in all of them."""
        there = np.isfinite(self.growth.changes_ps)
        if there.all():
            return ""
        ends = [float(run.times_ps[-1]) for run, changed in zip(self.runs, there, strict=True) if not changed]
        return f", in {int(there.sum())} of {there.size} runs; not before their end ({min(ends):.4g} ps or later) in the others"

    def _misfit(self) -> str:
        """That no law fits; empty where one does."""
        off = [misfit for misfit in self.growth.misfits_angstrom if misfit > 0.0]
        if not off:
            return ""
        where = "" if len(self.runs) == 1 else f" in {len(off)} of {len(self.runs)} runs"
        return (
            f"no law fits{where}: a smooth curve is {max(off):.2g} angstrom (root mean square) from the closest one, more than chance "
            "explains; look at the curve, and take neither law nor exponent for what happens"
        )

    def draw(self) -> Figure:
        """Thickness against time with the law, and what was consumed."""
        from mlip_interfaces.figures.style import PALETTE, new_figure

        figure, axes = new_figure(1, 2, height=3.2)
        left, right = axes[0]
        found = self.growth
        for place, (run, curve) in enumerate(zip(self.runs, found.fitted_angstrom, strict=True)):
            color = PALETTE[place % len(PALETTE)]
            alone = "by phase" if self.request.definition == "phase" else "10-90 %"
            label = alone if len(self.runs) == 1 else f"run {place + 1}"
            left.plot(run.times_ps, thickness_of(run, self.request.definition), ".", ms=3, color=color, label=label)
            left.plot(run.times_ps, curve, color=color, label=found.law if place == 0 else None)
        if np.isfinite(found.change_ps):
            left.axvline(found.change_ps, color="#666666", ls="--", lw=0.9)
            if np.isfinite(found.change_95_ps).all():
                left.axvspan(*found.change_95_ps, color="#666666", alpha=0.15, lw=0)
        left.set_ylim(0, None)
        left.set_xlabel("time (ps)")
        left.set_ylabel("thickness of an interphase (Å)")
        if np.isfinite(found.exponent):
            low, high = found.exponent_95
            left.set_title(f"n = {found.exponent:.2f} ({low:.2f} to {high:.2f})", loc="left")
        left.legend()
        for place, name in enumerate(self.runs[0].consumed_per_nm2):
            for run in self.runs:
                lost = run.consumed_per_nm2.get(name, np.zeros(run.times_ps.size))
                right.plot(
                    run.times_ps, lost, color=PALETTE[place % len(PALETTE)], label=name if run is self.runs[0] else None
                )
        right.set_xlabel("time (ps)")
        right.set_ylabel("consumed (atoms/nm²)")
        right.legend()
        return figure
