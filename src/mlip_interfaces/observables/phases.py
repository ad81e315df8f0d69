"""Phases of all atoms against time and depth, layers in their order, and the interphase between the reactants."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mlip_interfaces.errors import AnalysisError, InputFileError
from mlip_interfaces.observables.observer import Batch, Observer, Record, Start
from mlip_interfaces.observables.request import Names, Option, Request
from mlip_interfaces.observables.results import Headline, Result, Table, number, plain
from mlip_interfaces.settings import Picoseconds, Span

if TYPE_CHECKING:
    from mlip_interfaces.analysis.phase_history import InterphaseHistory, PhaseMap, PhaseRecorder
    from mlip_interfaces.analysis.phase_layers import PhaseLayer
    from mlip_interfaces.analysis.phase_rules import PhaseRules
    from mlip_interfaces.analysis.phases import FramePhases
    from mlip_interfaces.figures import Figure

AXES = ("a", "b", "c")

ELECTROLYTE = "electrolyte"
"""Name of all phases that are made of units of several elements, as one reactant."""

UNNAMED = 0.02
"""Share of the atoms, of known elements and in no phase, that is worth a note."""

SHOWN = 0.01
"""Least share of the atoms of a phase in the legend of a figure."""

MOST_TIMES = 100
"""Of the tables of phases against depth and time."""

FRAMES_OF_CLUSTERS = 6
"""Frames of the run that clusters are looked for in: as many to twice as many, evenly spaced."""


class PhaseSettings(Request):
    """What every analysis that names phases is asked."""

    rules: Annotated[str | None, Option("FILE")] = Field(
        None, description="YAML of rules that come before those of the package; docs/theory/phases.md."
    )
    reactants: Annotated[Names | None, Option("Li,Li7P3S11+glass")] = Field(
        None,
        description="Phases that the interphase grows from, several as one with a plus; those of the rules that are there at the start where left out.",
    )
    average_ps: Annotated[Span, Option("T")] = Field(0.2, description="Positions are averaged over this time first.")
    every_ps: Annotated[Picoseconds | None, Option("T")] = Field(
        None, description="Time between maps; where left out, all windows of the average, and 400 maps at most."
    )

    axis: Literal["a", "b", "c"] = Field(
        "c", description="Cell vector that the layers are stacked along; depths are along the normal of the other two."
    )

    @model_validator(mode="after")
    def _windows_in_order(self) -> Self:
        if self.every_ps is not None and self.every_ps < self.average_ps:
            raise ValueError(
                f"`every_ps` ({self.every_ps:g}) is shorter than `average_ps` ({self.average_ps:g}); maps are of whole windows"
            )
        return self

    def check(self, elements: Collection[str], layers: Collection[str]) -> None:
        """Whether the rules can be read, and know an element and the reactants.

        Parameters
        ----------
        elements : collection of str
            Of the study.
        layers : collection of str
            Names of its layers.

        Raises
        ------
        ValueError
            If not.
        """
        from mlip_interfaces.analysis.phases import PhaseClassifier

        try:
            found = self.phase_rules()
        except InputFileError as error:
            raise ValueError(f"rules: {error}") from error
        for name in "+".join(self.reactants or ()).split("+") if self.reactants else ():
            if name not in found.phases:
                raise ValueError(
                    f"reactants: there is no rule for '{name}'; there are those for {', '.join(found.phases)}"
                )
        PhaseClassifier(np.array(sorted(elements)), found)

    def phase_rules(self) -> PhaseRules:
        """The rules asked for.

        Returns
        -------
        PhaseRules
            Those of the package, those of the file before them.

        Raises
        ------
        InputFileError
            If the file cannot be used.
        """
        from mlip_interfaces.analysis.phase_rules import phase_rules

        return phase_rules(self.rules)


def shared_recorder(request: PhaseSettings, start: Start) -> PhaseRecorder:
    """What names the atoms of a run, one for all analyses of a pass that ask for the same.

    Parameters
    ----------
    request : PhaseSettings
        Rules and windows.
    start : Start
        Of the pass.

    Returns
    -------
    PhaseRecorder
        Fed by each of them; frames that it has are not named again.

    Raises
    ------
    AnalysisError
        If no rule knows an element of the trajectory.
    """
    from mlip_interfaces.analysis.phase_history import PhaseRecorder
    from mlip_interfaces.analysis.phases import PhaseClassifier

    key = ("phases", request.rules, request.average_ps, request.every_ps, request.axis)
    if key not in start.shared:
        symbols = start.trajectory.symbols
        classifier = PhaseClassifier(symbols, request.phase_rules())
        start.shared[key] = PhaseRecorder(
            classifier, symbols, average_ps=request.average_ps, every_ps=request.every_ps, axis=AXES.index(request.axis)
        )
    found: PhaseRecorder = start.shared[key]
    return found


def axis_note(request: PhaseSettings, recorder: PhaseRecorder) -> list[str]:
    """What is said where the layers lie along another cell vector.

    Parameters
    ----------
    request : PhaseSettings
        With the axis asked for.
    recorder : PhaseRecorder
        At the end of the run.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    better = recorder.better_axis()
    if better is None:
        return []
    return [
        f"The phases lie in layers along {AXES[better]} and not along {request.axis}: layers and thickness are those along {request.axis}. "
        f"Choose {AXES[better]} with `axis`."
    ]


def history_of(request: PhaseSettings, maps: Sequence[PhaseMap], names: Sequence[str]) -> InterphaseHistory:
    """Interphase of a run between the reactants asked for, or those of the rules that are there at the start.

    Parameters
    ----------
    request : PhaseSettings
        Which names reactants.
    maps : sequence of PhaseMap
        Of the run.
    names : sequence of str
        Of the phases.

    Returns
    -------
    InterphaseHistory
        Thickness and consumption.

    Raises
    ------
    AnalysisError
        If there is no reactant.
    """
    from mlip_interfaces.analysis.phase_history import PRESENT, interphase_history

    if request.reactants is not None:
        groups = [reactant.split("+") for reactant in request.reactants]
        return interphase_history(maps, names, {group[0]: group for group in groups})
    rules = request.phase_rules()
    shares = dict(zip(names, (maps[0].counts.sum(axis=1) / maps[0].counts.sum()).tolist(), strict=True))
    of_units = [rule for rule in rules.mixtures if rule.phase in rules.reactants]
    # Where units are whole, what they are called by their surroundings, or alone, is no reaction.
    electrolyte = list(
        dict.fromkeys([*(rule.phase for rule in of_units), *(one for rule in of_units for one in rule.units)])
    )
    found = {name: [name] for name in rules.reactants if name not in electrolyte and shares.get(name, 0.0) >= PRESENT}
    if sum(shares.get(name, 0.0) for name in electrolyte) >= PRESENT:
        # One name, whether a run begins as a crystal or as a glass.
        found[ELECTROLYTE] = electrolyte
    return interphase_history(maps, names, found)


class Phases(PhaseSettings):
    """Phase of every atom, layers along a cell vector, and the interphase between the reactants."""

    kind: ClassVar[str] = "phases"
    summary: ClassVar[str] = "phase of every atom, layers in their order, thickness of the interphase"
    table_ends: ClassVar[tuple[str, ...]] = ("", "depth", "map", "composition", "interphase")

    method: Literal["rules", "unsupervised"] = Field(
        "rules", description="Rules that a chemist reads, or clusters of surroundings of the anions without any rule."
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
        return _PhaseObserver(self, start) if self.method == "rules" else _ClusterObserver(self, start)


class _PhaseObserver(Observer):
    def __init__(self, request: Phases, start: Start) -> None:
        super().__init__()
        self._request = request
        self._rules = request.phase_rules()
        self._recorder = shared_recorder(request, start)
        nameless = sorted(set(start.trajectory.symbols.tolist()) - self._rules.elements)
        if nameless:
            self.notes.append(f"No rule of phases knows {', '.join(nameless)}: these atoms are called unknown.")

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Name what is a whole window."""
        frames = batch.frames
        self._recorder.add(frames.positions, frames.cells, frames.origins, frames.times_ps)

    def finish(self, record: Record) -> Result | None:
        """Phases against time and depth."""
        from mlip_interfaces.analysis.phase_layers import phase_layers

        recorder = self._recorder
        recorder.finish()
        assert recorder.last is not None
        maps, names = tuple(recorder.maps), recorder.names
        self.notes += axis_note(self._request, recorder)
        history, alone = None, ""
        try:
            history = history_of(self._request, maps, names)
        except AnalysisError as error:
            if self._request.reactants is not None:
                raise
            alone = str(error)
        if history is not None and history.note:
            self.notes.append(history.note)
        layers = phase_layers(maps[-1].slices, names, maps[-1].height_angstrom)
        elements = tuple(recorder.elements.tolist())
        self.notes += self._unnamed(maps[-1], elements)
        return PhasesResult(self._request, names, elements, maps, recorder.last, layers, history, alone)

    def _unnamed(self, last: PhaseMap, elements: Sequence[str]) -> list[str]:
        """What is said of atoms of known elements that no rule fits."""
        of = {
            element: int(number_)
            for element, number_ in zip(elements, last.counts[-1], strict=True)
            if element in self._rules.elements
        }
        share = sum(of.values()) / int(last.counts.sum())
        if share < UNNAMED:
            return []
        told = ", ".join(f"{element} {n}" for element, n in of.items() if n)
        return [
            f"No rule fits {100.0 * share:.2g} % of the atoms at the end, though rules know their elements ({told}): they are called unknown. "
            "Give rules for what they are in with `rules`."
        ]


class _ClusterObserver(Observer):
    """Keeps a few frames of the run, the last one among them, and looks for clusters in all of them."""

    def __init__(self, request: Phases, start: Start) -> None:
        from mlip_interfaces.analysis.phases import PhaseClassifier
        from mlip_interfaces.engines import require_packages

        super().__init__()
        require_packages("sklearn")
        self._request, self._symbols = request, start.trajectory.symbols
        self._by_rules = PhaseClassifier(self._symbols, request.phase_rules())
        self._kept: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
        self._last: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None
        self._n_frames, self._stride = 0, 1

    def feed(self, batch: Batch, scanned: Any) -> None:
        """Keep some frames."""
        frames = batch.frames
        for k, time in enumerate(frames.times_ps.tolist()):
            self._last = (frames.positions[k] - frames.origins[k], frames.cells[k], time)
            if self._n_frames % self._stride == 0:
                self._kept.append(self._last)
                if len(self._kept) == 2 * FRAMES_OF_CLUSTERS:
                    del self._kept[1::2]
                    self._stride *= 2
            self._n_frames += 1

    def finish(self, record: Record) -> Result | None:
        """Clusters against time and depth."""
        from mlip_interfaces.analysis.phase_clusters import ClusterClassifier, agreement
        from mlip_interfaces.analysis.phase_history import PhaseRecorder
        from mlip_interfaces.analysis.phase_layers import phase_layers

        assert self._last is not None
        frames = [*self._kept, *([self._last] if self._kept[-1][2] < self._last[2] else [])]
        classifier = ClusterClassifier(self._symbols, [(positions, cell) for positions, cell, _ in frames])
        recorder = PhaseRecorder(classifier, self._symbols, average_ps=0.0, axis=AXES.index(self._request.axis))
        for positions, cell, time in frames:
            recorder.add(positions[None], cell[None], np.zeros((1, 3)), np.array([time]))
        recorder.finish()
        assert recorder.last is not None
        rules = self._by_rules.classify(*frames[-1][:2])
        compared = Comparison(agreement(recorder.last.codes, rules.codes), _prevailing(recorder.last, rules))
        maps, names = tuple(recorder.maps), recorder.names
        layers = phase_layers(maps[-1].slices, names, maps[-1].height_angstrom)
        elements = tuple(recorder.elements.tolist())
        why = "clusters do not say which of them are reactants"
        return PhasesResult(self._request, names, elements, maps, recorder.last, layers, None, why, compared)


def _prevailing(clusters: FramePhases, rules: FramePhases) -> dict[str, str]:
    """What the rules call most atoms of each cluster."""
    found = {}
    for code, name in enumerate(clusters.names):
        inside = rules.codes[clusters.codes == code]
        if inside.size:
            found[name] = rules.names[int(np.bincount(inside).argmax())]
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """Clusters beside rules, in the last frame.

    Attributes
    ----------
    adjusted_rand_index : float
        One where both divide the atoms alike.
    by_rules : dict of str to str
        Cluster -> what the rules call most of its atoms.
    """

    adjusted_rand_index: float
    by_rules: dict[str, str]


@dataclass(frozen=True, slots=True)
class PhasesResult(Result):
    """Phases of a run.

    Attributes
    ----------
    request : Phases
        What was asked for.
    names : tuple of str
        Of all phases, in the order of the maps.
    elements : tuple of str
        Of the trajectory, in the order of the maps.
    maps : tuple of PhaseMap
        Phases against depth, one for each window of time.
    last : FramePhases
        Of the last map.
    layers : tuple of PhaseLayer
        Of the last map.
    interphase : InterphaseHistory or None
        Between the reactants; None where there is none.
    no_interphase : str
        Why.
    comparison : Comparison or None
        Of clusters with rules; None of rules.
    """

    request: Phases
    names: tuple[str, ...]
    elements: tuple[str, ...]
    maps: tuple[PhaseMap, ...]
    last: FramePhases
    layers: tuple[PhaseLayer, ...]
    interphase: InterphaseHistory | None
    no_interphase: str
    comparison: Comparison | None = None

    @property
    def times_ps(self) -> NDArray[np.float64]:
        """Of the maps, shape (n_maps,), ps."""
        return np.array([one.time_ps for one in self.maps])

    @property
    def counts(self) -> NDArray[np.int64]:
        """Atoms of each phase and element, shape (n_maps, n_phases, n_elements)."""
        return np.array([one.counts for one in self.maps])

    @property
    def present(self) -> list[int]:
        """Phases that are there at some time, the most frequent first."""
        totals = self.counts.sum(axis=(0, 2))
        return [k for k in np.argsort(-totals, kind="stable").tolist() if totals[k]]

    def to_dict(self) -> dict[str, object]:
        """Content of ``phases.json``."""
        last, counts = self.maps[-1].counts, self.counts.sum(axis=2)
        n_atoms = int(last.sum())
        codes, confidence = self.last.codes, self.last.confidence
        trust = np.bincount(codes, weights=confidence, minlength=len(self.names))
        found = {
            self.names[k]: {
                "n_atoms": int(last[k].sum()),
                "fraction": float(last[k].sum() / n_atoms),
                "confidence": float(trust[k] / last[k].sum()),
                "elements": {e: int(n) for e, n in zip(self.elements, last[k].tolist(), strict=True) if n},
            }
            for k in np.argsort(-last.sum(axis=1), kind="stable").tolist()
            if last[k].any()
        }
        units = list(dict.fromkeys(unit for one in self.maps for unit in one.units))
        history: dict[str, object] = {
            "times_ps": self.times_ps.tolist(),
            "n_atoms": {self.names[k]: counts[:, k].tolist() for k in self.present},
            "units": {unit: [one.units.get(unit, 0) for one in self.maps] for unit in units},
            "zintl_x": plain([one.zintl_x for one in self.maps]),
        }
        return {
            "phases": found,
            "layers": [
                {
                    "phase": layer.phase,
                    "from_angstrom": layer.from_angstrom,
                    "to_angstrom": layer.to_angstrom,
                    "thickness_angstrom": layer.thickness_angstrom,
                    "n_atoms": layer.n_atoms,
                    "shares": layer.shares,
                }
                for layer in self.layers
            ],
            "interphase": self._of_interphase(),
            "comparison": None if self.comparison is None else asdict(self.comparison),
            "units": dict(self.last.units),
            "zintl_x": number(self.last.zintl_x),
            "history": history | self._of_history(),
            "atom_phases": np.array(self.names)[codes].tolist(),
            "atom_confidence": np.round(confidence.astype(np.float64), 3).tolist(),
            "settings": self.request.settings()
            | self.request.file_hashes()
            | {
                "layers": "of the last map, along the normal of the cell vectors other than `axis`, from the corner of the cell",
                "confidence": "share of what the crystal has around such an atom that is there; mean over the atoms",
            },
        }

    def _of_interphase(self) -> dict[str, object] | None:
        found = self.interphase
        if found is None:
            return None
        return {
            "reactants": list(found.reactants),
            "reactant_phases": {name: list(phases) for name, phases in found.reactant_phases.items()},
            "n_contacts": found.n_contacts,
            "n_interphases": found.n_interphases,
            "thickness_angstrom": float(found.thickness_angstrom[-1]),
            "thickness_10_90_angstrom": float(found.thickness_10_90_angstrom[-1]),
            "consumed_per_nm2": {name: float(lost[-1]) for name, lost in found.consumed_per_nm2.items()},
        }

    def _of_history(self) -> dict[str, object]:
        found = self.interphase
        if found is None:
            return {}
        return {
            "thickness_angstrom": found.thickness_angstrom.tolist(),
            "thickness_10_90_angstrom": found.thickness_10_90_angstrom.tolist(),
            "consumed_per_nm2": {name: lost.tolist() for name, lost in found.consumed_per_nm2.items()},
        }

    def tables(self) -> dict[str, Table]:
        """Phases against time, against depth at the end, against both and what prevails there, and the thickness of the interphase."""
        counts, last = self.counts.sum(axis=2), self.maps[-1]
        n_atoms = int(counts[0].sum())
        against_time = [
            (f"{time:.6g}", self.names[k], int(counts[m, k]), f"{counts[m, k] / n_atoms:.6g}")
            for m, time in enumerate(self.times_ps)
            for k in self.present
        ]
        against_depth = [
            (f"{depth:.5g}", self.names[k], int(row[k]))
            for depth, row in zip(_depths(last), last.slices, strict=True)
            for k in self.present
            if row[k]
        ]
        chosen = np.unique(np.linspace(0, len(self.maps) - 1, min(len(self.maps), MOST_TIMES)).round().astype(int))
        composition = [
            (f"{one.time_ps:.6g}", f"{depth:.5g}", self.names[k], int(row[k]))
            for one in (self.maps[m] for m in chosen)
            for depth, row in zip(_depths(one), one.slices, strict=True)
            for k in self.present
            if row[k]
        ]
        prevailing = [
            (
                f"{one.time_ps:.6g}",
                f"{depth:.5g}",
                self.names[int(row.argmax())],
                f"{row.max() / row.sum():.4g}",
                int(row.sum()),
            )
            for one in (self.maps[m] for m in chosen)
            for depth, row in zip(_depths(one), one.slices, strict=True)
            if row.any()
        ]
        tables = {
            "": Table(("time_ps", "phase", "n_atoms", "fraction"), against_time),
            "depth": Table(("depth_angstrom", "phase", "n_atoms"), against_depth),
            "map": Table(("time_ps", "depth_angstrom", "phase", "share", "n_atoms"), prevailing),
            "composition": Table(("time_ps", "depth_angstrom", "phase", "n_atoms"), composition),
        }
        found = self.interphase
        if found is not None:
            series = zip(found.times_ps, found.thickness_angstrom, found.thickness_10_90_angstrom, strict=True)
            rows = [tuple(f"{value:.6g}" for value in row) for row in series]
            tables["interphase"] = Table(("time_ps", "thickness_angstrom", "thickness_10_90_angstrom"), rows)
        return tables

    def headlines(self) -> list[Headline]:
        """Thickness of the interphase at the end, with the scatter of the last tenth of the maps."""
        if self.interphase is None:
            return []
        end = self.interphase.thickness_angstrom[-max(1, len(self.maps) // 10) :]
        error = float(end.std(ddof=1) / np.sqrt(end.size)) if end.size > 1 else 0.0
        return [Headline("interphase thickness (Å)", float(end.mean()), error)]

    def lines(self) -> list[str]:
        """Phases, layers and interphase at the end."""
        n_atoms = self.last.codes.size
        shares = ", ".join(
            f"{name} {100 * count / n_atoms:.3g} %"
            for name, count in sorted(self.last.counts().items(), key=lambda item: -item[1])
        )
        stack = " | ".join(f"{layer.phase} {layer.thickness_angstrom:.3g}" for layer in self.layers)
        lines = [f"phases at {self.times_ps[-1]:.4g} ps: {shares}", f"layers (angstrom): {stack}"]
        if self.comparison is not None:
            called = ", ".join(f"{name} is {phase}" for name, phase in self.comparison.by_rules.items())
            lines.append(
                f"adjusted Rand index with the rules: {self.comparison.adjusted_rand_index:.3f}; by these, {called}"
            )
        found = self.interphase
        if found is None:
            return [*lines, f"no interphase: {self.no_interphase}"]
        lines.append(
            f"interphase between {' and '.join(found.reactants)}: {found.thickness_angstrom[-1]:.3g} angstrom by phase, "
            f"{found.thickness_10_90_angstrom[-1]:.3g} by 10-90 %, at each of {found.n_interphases} (of {found.n_contacts} contacts); at the start "
            f"{found.thickness_angstrom[0]:.3g} and {found.thickness_10_90_angstrom[0]:.3g}"
        )
        consumed = ", ".join(f"{name} {lost[-1]:.3g}" for name, lost in found.consumed_per_nm2.items())
        return [*lines, f"consumed (atoms/nm2 of each): {consumed}"]

    def draw(self) -> Figure:
        """Phases against depth and time, shares against time, the stack at the end, and the thickness of the interphase."""
        from mlip_interfaces.analysis.phase_layers import blurred_shares
        from mlip_interfaces.figures.phase_plots import draw_phase_map, draw_stack, phase_color
        from mlip_interfaces.figures.style import new_figure, note_empty

        figure, axes = new_figure(2, 2, height=6.4)
        (against_both, stack), (against_time, thickness) = axes
        names = [self.names[k] for k in self.present]
        colors = [phase_color(name, place) for place, name in enumerate(names)]
        shares = np.array(
            [blurred_shares(one.slices[:, self.present], one.height_angstrom / len(one.slices)) for one in self.maps]
        )
        totals = 100.0 * self.counts.sum(axis=2)[:, self.present] / self.counts[0].sum()
        shown = {
            name: color
            for name, color, most in zip(names, colors, totals.max(axis=0), strict=True)
            if most >= 100 * SHOWN
        }
        last = self.maps[-1]
        draw_phase_map(against_both, self.times_ps, shares, last.height_angstrom, colors, shown)
        against_both.set_ylabel(f"depth along {self.request.axis} (Å)")
        planes = [(layer.phase, layer.from_angstrom, layer.to_angstrom) for layer in self.layers]
        draw_stack(stack, shares[-1], last.height_angstrom, colors, planes)
        stack.set_xlabel(f"depth along {self.request.axis} (Å) at {last.time_ps:.4g} ps")
        for name, color in shown.items():
            against_time.plot(self.times_ps, totals[:, names.index(name)], color=color, label=name)
        against_time.set_xlabel("time (ps)")
        against_time.set_ylabel("atoms (%)")
        against_time.set_ylim(0, None)
        thickness.set_ylabel("thickness of an interphase (Å)")
        found = self.interphase
        if found is None:
            note_empty(thickness, "no interphase")
            return figure
        thickness.plot(found.times_ps, found.thickness_angstrom, color="#000000", label="by phase")
        thickness.plot(found.times_ps, found.thickness_10_90_angstrom, color="#999999", label="10-90 %")
        thickness.set_ylim(0, None)
        thickness.set_xlabel("time (ps)")
        thickness.legend()
        return figure


def _depths(one: PhaseMap) -> NDArray[np.float64]:
    """Middles of the slices, angstrom."""
    return (np.arange(len(one.slices)) + 0.5) * one.height_angstrom / len(one.slices)
