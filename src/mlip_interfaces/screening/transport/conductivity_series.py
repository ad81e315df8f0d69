"""Conductivities of the crystals of a file: their runs analysed, lines through temperatures, doubts, files and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlip_interfaces.analysis.depths import face_widths
from mlip_interfaces.errors import AnalysisError, UserError, counted
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.observables.results import measured, number
from mlip_interfaces.screening.transport.conductivity import (
    NO_LINE,
    Estimate,
    IonMotion,
    Line,
    RunTransport,
    TemperatureTransport,
    charge_diffusivity_factor,
    line_through,
    of_temperature,
    sum_of,
)
from mlip_interfaces.screening.transport.conductivity_file import Bulk, ConductivitySeries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlip_interfaces.figures.conductivity_plots import CrystalPoints
    from mlip_interfaces.observables.msd import MsdResult
    from mlip_interfaces.observables.onsager import OnsagerResult
    from mlip_interfaces.trajectory import TrajectoryReader

DEFINITION = (
    "Nernst-Einstein: sum n z^2 e^2 D / (V kT) over mobile ions; collective: e^2 sum z_i z_j L_ij of their summed displacements with the rest of the "
    "crystal at rest; Haven ratio: the first over the second; means over runs that differ by chance alone, 95 % intervals"
)
LEAST_WIDTH_ANGSTROM = 8.0
"""Between a cell's faces: ions that hop 3 angstrom meet their own images in narrower ones."""


@dataclass(frozen=True, slots=True)
class RunOnDisk:
    """A trajectory of one crystal at one temperature.

    Attributes
    ----------
    name : str
        In messages.
    file : Path
        The trajectory.
    topology, layers : Path or None
        Elements and masses, where the trajectory has none.
    temperature_kelvin : float, K
        Of its thermostat.
    frame_interval_ps, start_ps, stop_ps : float or None, ps
        As `open_trajectory` takes them.
    """

    name: str
    file: Path
    topology: Path | None
    layers: Path | None
    temperature_kelvin: float
    frame_interval_ps: float | None = None
    start_ps: float | None = None
    stop_ps: float | None = None


@dataclass(frozen=True, slots=True)
class CrystalConductivity:
    """What runs of one crystal say.

    Attributes
    ----------
    bulk : Bulk
        As asked for.
    formula : str
        Of the cell.
    ions : dict of str to tuple of (int, float)
        Mobile ions in the cell and charge of one in e, by element.
    temperatures : tuple of TemperatureTransport
        In ascending order.
    lines : dict of str to Line
        Of the diffusivity of each element; absent where there is none.
    charge_line : Line or None
        Of the charge diffusivity, the collective conductivity over `charge_diffusivity_factor`.
    at_kelvin : float, K
        Extrapolated to.
    notes : tuple of str
        Doubts, in sentences.
    """

    bulk: Bulk
    formula: str
    ions: dict[str, tuple[int, float]]
    temperatures: tuple[TemperatureTransport, ...]
    lines: dict[str, Line]
    charge_line: Line | None
    at_kelvin: float
    notes: tuple[str, ...]

    def nernst_einstein_at(self, kelvin: float) -> Estimate | None:
        """Nernst-Einstein conductivity by the lines of all elements.

        Parameters
        ----------
        kelvin : float, K
            Any.

        Returns
        -------
        Estimate or None, mS/cm
            At the volume of the lowest temperature; None where an element has no line.
        """
        if set(self.lines) != set(self.ions):
            return None
        return sum_of(
            [
                line.at(kelvin).times(charge_diffusivity_factor({name: self.ions[name]}, self._volume(), kelvin))
                for name, line in self.lines.items()
            ]
        )

    def conductivity_at(self, kelvin: float) -> Estimate | None:
        """Collective conductivity by its own line.

        Parameters
        ----------
        kelvin : float, K
            Any.

        Returns
        -------
        Estimate or None, mS/cm
            At the volume of the lowest temperature; None without a line.
        """
        if self.charge_line is None:
            return None
        return self.charge_line.at(kelvin).times(charge_diffusivity_factor(self.ions, self._volume(), kelvin))

    def _volume(self) -> float:
        return self.temperatures[0].volume_angstrom3

    def to_json(self) -> dict[str, object]:
        """As the JSON file has it.

        Returns
        -------
        dict
            With units in the keys.
        """
        at = self.at_kelvin
        return {
            "name": self.bulk.label,
            "formula": self.formula,
            "composition": self.bulk.composition,
            "ions": {name: {"n_ions": n_ions, "charge_e": charge} for name, (n_ions, charge) in self.ions.items()},
            "temperatures": [_temperature_json(one) for one in self.temperatures],
            "arrhenius": {
                name: _line_json(line) | {"at_kelvin": at} | _estimate("diffusivity_at", "cm2_per_s", line.at(at))
                for name, line in self.lines.items()
            },
            "charge_arrhenius": None if self.charge_line is None else _line_json(self.charge_line),
            "at_kelvin": at,
            **_estimate("nernst_einstein_at", "ms_per_cm", self.nernst_einstein_at(at)),
            **_estimate("conductivity_at", "ms_per_cm", self.conductivity_at(at)),
            "notes": list(self.notes),
        }

    def lines_in_words(self) -> list[str]:
        """Conductivities in sentences.

        Returns
        -------
        list of str
            One for each temperature, energy and extrapolation.
        """
        said = []
        for one in self.temperatures:
            start = f"{self.bulk.label} at {one.temperature_kelvin:g} K"
            kind = "" if one.is_point else ", not diffusive yet: a bound" if one.is_bound else ", not diffusive"
            haven = "" if one.haven_ratio is None else f"; Haven ratio {_words(one.haven_ratio)}"
            said.append(
                f"{start}: conductivity {_words(one.conductivity)} mS/cm, Nernst-Einstein {_words(one.nernst_einstein)} mS/cm{haven}; "
                f"{counted(one.n_runs, 'run')}{kind}"
            )
        for name, line in self.lines.items():
            said.append(
                f"{self.bulk.label}: activation energy of {name} {_words(line.activation_energy_ev)} eV from {len(line.temperatures_kelvin)} temperatures"
            )
        if self.charge_line is not None:
            said.append(
                f"{self.bulk.label}: activation energy of conductivity times temperature {_words(self.charge_line.activation_energy_ev)} eV"
            )
        for what, found in (
            ("Nernst-Einstein", self.nernst_einstein_at(self.at_kelvin)),
            ("conductivity", self.conductivity_at(self.at_kelvin)),
        ):
            if found is not None:
                said.append(
                    f"{self.bulk.label} at {self.at_kelvin:g} K, by the line: {what} {found.value:.3g} mS/cm, 95 % {found.low:.2g} to {found.high:.2g}"
                )
        return said


def own_runs(bulk: Bulk, folder: Path) -> list[RunOnDisk]:
    """Trajectories that a file names.

    Parameters
    ----------
    bulk : Bulk
        With `runs`.
    folder : Path
        Where relative names start.

    Returns
    -------
    list of RunOnDisk
        In order.
    """
    return [
        RunOnDisk(
            one.file,
            folder / one.file,
            None if one.topology is None else folder / one.topology,
            None if one.layers is None else folder / one.layers,
            one.temperature_kelvin,
            one.frame_interval_ps,
            one.start_ps,
            one.stop_ps,
        )
        for one in bulk.runs
    ]


def crystal_conductivity(
    series: ConductivitySeries, bulk: Bulk, runs: Sequence[RunOnDisk], notes: Sequence[str] = ()
) -> CrystalConductivity:
    """Analyse the runs of a crystal.

    Parameters
    ----------
    series : ConductivitySeries
        Ions, charges, frame of reference.
    bulk : Bulk
        The crystal.
    runs : sequence of RunOnDisk
        One at least.
    notes : sequence of str, optional
        On runs that are left out.

    Returns
    -------
    CrystalConductivity
        With all doubts.

    Raises
    ------
    AnalysisError
        If a run cannot be analysed; the message names it.
    """
    said = list(notes)
    analysed = []
    formulas: dict[str, str] = {}
    for run in runs:
        transport, formula, own = _analysed(series, bulk, run)
        analysed.append(transport)
        formulas[run.name] = formula
        said += own
    first = next(iter(formulas))
    for name, formula in formulas.items():
        if formula != formulas[first]:
            raise AnalysisError(
                f"{bulk.label}: {name} has the atoms {formula}, but {first} {formulas[first]}; runs of one crystal are of one cell."
            )
    kelvins = sorted({one.temperature_kelvin for one in analysed})
    temperatures = tuple(
        of_temperature([one for one in analysed if one.temperature_kelvin == kelvin]) for kelvin in kelvins
    )
    ions = {name: (one.n_ions, one.charge) for name, one in analysed[0].ions.items()}
    lines = {name: line for name in ions if (line := _line(temperatures, name)) is not None}
    charge_line, left_out = _charge_line(temperatures, ions)
    found = CrystalConductivity(
        bulk, formulas[first], ions, temperatures, lines, charge_line, series.at_kelvin, ()
    )  # fmt: skip
    said += _doubts(found, analysed, left_out)
    return replace(found, notes=tuple(dict.fromkeys(said)))


def run_transport(
    trajectory: TrajectoryReader,
    charges: Mapping[str, float],
    temperature_kelvin: float,
    *,
    name: str = "run",
    drift: str | None = None,
) -> tuple[RunTransport, tuple[str, ...]]:
    """Diffusivities and conductivity of one trajectory.

    Parameters
    ----------
    trajectory : TrajectoryReader
        From `open_trajectory`, of a bulk cell.
    charges : mapping of str to float, e
        Of the mobile ions, by element.
    temperature_kelvin : float, K
        Of its thermostat.
    name : str, optional
        For messages.
    drift : str or None, optional
        At rest; by default all other elements, or the centre of mass where there are none.

    Returns
    -------
    tuple of (RunTransport, tuple of str)
        And doubts, in sentences.

    Raises
    ------
    AnalysisError
        If it has not all the ions, or too few frames.
    """
    from mlip_interfaces.observables import Msd, Onsager, analyze
    from mlip_interfaces.observables.msd import MsdResult
    from mlip_interfaces.observables.onsager import OnsagerResult

    symbols, numbers = np.unique(trajectory.symbols, return_counts=True)
    present = dict(zip(symbols.tolist(), numbers.tolist(), strict=True))
    absent = [element for element in charges if element not in present]
    if absent:
        raise AnalysisError(
            f"it has no {', '.join(absent)}, but {', '.join(present)}; name its mobile ions by species."
        )
    framework = [element for element in present if element not in charges]
    species = (*charges, *framework)
    results = analyze(
        trajectory,
        [
            Msd(species=species),
            Onsager(species=tuple(charges), temperature_kelvin=temperature_kelvin, charges=dict(charges)),
        ],
        drift=drift or ",".join(framework) or "com",
    )
    msd, onsager = results["msd"], results["onsager"]
    assert isinstance(msd, MsdResult)
    assert isinstance(onsager, OnsagerResult)
    ions = {}
    for element, charge in charges.items():
        found = msd.species[element]
        ions[element] = IonMotion(
            found.n_atoms,
            charge,
            Estimate(found.diffusivity_cm2_per_s, found.diffusivity_error_cm2_per_s, *found.confidence_95_cm2_per_s),
            found.not_diffusive_because,
            found.run_at_least_ps,
        )
    notes = [*results.notes, *_moving_framework(msd, framework), *_narrow(results.mean_cell)]
    transport = RunTransport(name, temperature_kelvin, onsager.volume_angstrom3, ions, _conductivity(onsager))
    return transport, tuple(notes)


def _analysed(series: ConductivitySeries, bulk: Bulk, run: RunOnDisk) -> tuple[RunTransport, str, list[str]]:
    from mlip_interfaces.chemistry.formulas import formula
    from mlip_interfaces.trajectory import open_trajectory

    start = f"{bulk.label} at {run.temperature_kelvin:g} K"
    try:
        trajectory = open_trajectory(
            run.file,
            topology=run.topology,
            layers=run.layers,
            frame_interval_ps=run.frame_interval_ps,
            start_ps=run.start_ps,
            stop_ps=run.stop_ps,
            unwrap=series.unwrap,
        )
        charges = {element: series.charge(element) for element in series.species}
        transport, notes = run_transport(
            trajectory, charges, run.temperature_kelvin, name=run.name, drift=series.drift
        )  # fmt: skip
    except UserError as error:
        raise AnalysisError(f"{start}, {run.file}: {error}") from error
    return transport, formula(trajectory.symbols.tolist(), reduce=False), [f"{start}: {note}" for note in notes]


def _conductivity(result: OnsagerResult) -> Estimate:
    """S/cm; the interval is as wide as those of the L_ii, and reaches down to what is known to last."""
    whole = result.whole
    value, error = whole.conductivity_s_per_cm, whole.conductivity_error_s_per_cm
    diagonal, errors = np.diag(whole.l_per_ev_angstrom_ps), np.diag(whole.l_error_per_ev_angstrom_ps)
    high = np.diag(whole.l_confidence_95_per_ev_angstrom_ps[1])
    moving = errors > 0.0
    half = float(((high - diagonal)[moving] / errors[moving]).max()) if moving.any() else 0.0
    low = value - half * error
    if low > 0.0:
        low *= min(one.share for one in result.lasting)
    return Estimate(value, error, low, value + half * error)


def _moving_framework(msd: MsdResult, framework: Sequence[str]) -> list[str]:
    """Elements that are taken to be at rest and jump, the farthest first."""
    from mlip_interfaces.analysis.diffusion import BELOW_A_JUMP

    moving = [name for name in framework if BELOW_A_JUMP not in msd.species[name].not_diffusive_because]
    if not moving:
        return []
    moving.sort(key=lambda name: -float(msd.species[name].msd_angstrom2[-1]))
    verb = "moves" if len(moving) == 1 else "move"
    return [
        f"{', '.join(moving)} {verb} by more than a jump, and should be at rest: the crystal may have melted or decomposed, or these ions belong to species."
    ]


def _narrow(cell: NDArray[np.float64]) -> list[str]:
    narrowest = face_widths(cell).min()
    if narrowest >= LEAST_WIDTH_ANGSTROM:
        return []
    return [
        f"its cell is {narrowest:.1f} angstrom wide, and ions meet their own images in less than {LEAST_WIDTH_ANGSTROM:g}: give a larger supercell."
    ]


def _line(temperatures: Sequence[TemperatureTransport], name: str) -> Line | None:
    points = {
        one.temperature_kelvin: one.diffusivities[name]
        for one in temperatures
        if one.is_point and one.diffusivities[name].value > 0.0 and one.diffusivities[name].error > 0.0
    }
    bounds = {one.temperature_kelvin: one.diffusivities[name].high for one in temperatures if one.is_bound}
    return line_through(points, bounds) if len(points) > 1 else None


def _charge_line(
    temperatures: Sequence[TemperatureTransport], ions: Mapping[str, tuple[int, float]]
) -> tuple[Line | None, list[float]]:
    """And temperatures whose conductivity may be zero."""
    of_charge = {
        one.temperature_kelvin: one.conductivity.times(
            1.0 / charge_diffusivity_factor(ions, one.volume_angstrom3, one.temperature_kelvin)
        )
        for one in temperatures
    }
    known = [one.temperature_kelvin for one in temperatures if one.is_point]
    points = {kelvin: of_charge[kelvin] for kelvin in known if of_charge[kelvin].is_known}
    bounds = {one.temperature_kelvin: of_charge[one.temperature_kelvin].high for one in temperatures if one.is_bound}
    left_out = [kelvin for kelvin in known if kelvin not in points]
    return (line_through(points, bounds) if len(points) > 1 else None), left_out


def _doubts(found: CrystalConductivity, runs: Sequence[RunTransport], left_out: Sequence[float]) -> list[str]:
    start, said = found.bulk.label, []
    for one in found.temperatures:
        here = f"{start} at {one.temperature_kelvin:g} K"
        mine = [run for run in runs if run.temperature_kelvin == one.temperature_kelvin]
        longer = f"; run at least {one.run_at_least_ps:.2g} ps" if np.isfinite(one.run_at_least_ps) else ""
        why = " and ".join(dict.fromkeys(why for run in mine for ion in run.ions.values() for why in ion.because))
        if not one.is_point:
            meaning = (
                "its numbers are bounds, no points of a line"
                if one.is_bound
                else "its numbers are slopes of a motion that is no diffusion, and bound nothing"
            )
            said.append(
                f"{here}: {one.n_runs - one.n_diffusive} of {counted(one.n_runs, 'run')} not diffusive ({why}): {meaning}{longer}."
            )
        elif one.n_diffusive < one.n_runs:
            said.append(
                f"{here}: {one.n_runs - one.n_diffusive} of {one.n_runs} runs are not diffusive ({why}); they count, with their wide intervals{longer}."
            )
        if one.n_runs == 1:
            said.append(f"{here}: one run alone; how far another one would differ is known from within it only.")
    if left_out:
        said.append(
            f"{start}: the conductivity at {_listed(left_out)} K may be zero, and is no point of its line; longer runs, or more, would tell."
        )
    for what, line in (
        *((f"D of {name}", line) for name, line in found.lines.items()),
        ("conductivity", found.charge_line),
    ):
        if line is not None:
            said += [f"{start}: {doubt}" for doubt in _doubts_of_line(what, line, found.at_kelvin)]
    for name in found.ions:
        if name not in found.lines:
            said.append(
                f"{start}: fewer than two temperatures have a diffusivity of {name}; there is no line to {found.at_kelvin:g} K."
            )
    if found.charge_line is None and set(found.lines) == set(found.ions):
        said.append(
            f"{start}: fewer than two temperatures have a conductivity that is known not to be zero; there is no line of it."
        )
    return said


def _doubts_of_line(what: str, line: Line, at_kelvin: float) -> list[str]:
    said = []
    if len(line.temperatures_kelvin) == 2:
        said.append(f"two temperatures make any line of {what}; a third would test it.")
    elif line.probability < NO_LINE:
        said.append(
            f"points of {what} scatter about their line more than their errors explain (chance {100 * line.probability:.2g} %); its interval is widened for that, "
            "but they may lie on no line."
        )
    if line.disagreeing_kelvin:
        said.append(
            f"the line of {what} is above the bound at {_listed(line.disagreeing_kelvin)} K: it bends, or those runs are too short."
        )
    low, high = min(line.temperatures_kelvin), max(line.temperatures_kelvin)
    if not low <= at_kelvin <= high:
        end = low if at_kelvin < low else high
        # Of the line's reach in 1 / T, how far beyond its points it is asked.
        ratio = abs(1.0 / at_kelvin - 1.0 / end) / (1.0 / low - 1.0 / high)
        said.append(
            f"{what} at {at_kelvin:g} K is extrapolated from {end:g} K, {ratio:.2g} times the reach of the points in 1/T: a transition or another mechanism on the way "
            "would not show."
        )
    return said


def _listed(temperatures_kelvin: Sequence[float]) -> str:
    return ", ".join(f"{kelvin:g}" for kelvin in temperatures_kelvin)


def _words(found: Estimate) -> str:
    return f"{measured(found.value, found.error)} (95 % {found.low:.3g} to {found.high:.3g})"


def _estimate(name: str, unit: str, found: Estimate | None) -> dict[str, object]:
    end = f"_{unit}" if unit else ""
    if found is None:
        return {f"{name}{end}": None, f"{name}_error{end}": None, f"{name}_confidence_95{end}": None}
    return {
        f"{name}{end}": number(found.value),
        f"{name}_error{end}": number(found.error),
        f"{name}_confidence_95{end}": [number(found.low), number(found.high)],
    }


def _temperature_json(one: TemperatureTransport) -> dict[str, object]:
    return {
        "temperature_kelvin": one.temperature_kelvin,
        "n_runs": one.n_runs,
        "n_diffusive": one.n_diffusive,
        "diffusive": one.is_point,
        "is_bound": one.is_bound,
        "run_at_least_ps": number(one.run_at_least_ps),
        "volume_angstrom3": one.volume_angstrom3,
        "diffusivities": {
            name: _estimate("diffusivity", "cm2_per_s", found) for name, found in one.diffusivities.items()
        },
        **_estimate("nernst_einstein", "ms_per_cm", one.nernst_einstein),
        **_estimate("conductivity", "ms_per_cm", one.conductivity),
        **_estimate("haven_ratio", "", one.haven_ratio),
    }


def _line_json(line: Line) -> dict[str, object]:
    energy = line.activation_energy_ev
    return {
        **_estimate("activation_energy", "ev", energy),
        "prefactor_cm2_per_s": number(line.fit.prefactor_cm2_per_s),
        "temperatures_kelvin": list(line.temperatures_kelvin),
        "probability": number(line.probability),
        "disagreeing_kelvin": list(line.disagreeing_kelvin),
    }


def conductivity_content(series: ConductivitySeries, found: Sequence[CrystalConductivity]) -> dict[str, Any]:
    """Content of ``conductivity.json``, less its provenance.

    Parameters
    ----------
    series : ConductivitySeries
        What was asked for.
    found : sequence of CrystalConductivity
        Of each crystal.

    Returns
    -------
    dict
        With units in the keys.
    """
    return {
        "crystals": [one.to_json() for one in found],
        "summary": [line for one in found for line in one.lines_in_words()],
        "settings": series.model_dump(mode="json", exclude={"execution"}) | {"definition": DEFINITION},
    }


def write_conductivities(
    series: ConductivitySeries,
    found: Sequence[CrystalConductivity],
    content: Mapping[str, object],
    directory: Path,
    provenance: Mapping[str, object],
) -> None:
    """``conductivity.json``, ``conductivity.csv`` and the figure.

    Parameters
    ----------
    series : ConductivitySeries
        What was asked for.
    found : sequence of CrystalConductivity
        Of each crystal.
    content : mapping of str to object
        As `conductivity_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    from mlip_interfaces.figures.conductivity_plots import conductivity_against_temperature
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "conductivity.json", dict(content) | dict(provenance))
    write_csv(directory / "conductivity.csv", _COLUMNS, [row for one in found for row in _rows(one)])
    figure = conductivity_against_temperature([_points(one) for one in found], series.at_kelvin)
    save_figure(figure, directory, "conductivity")


_COLUMNS = (
    "name", "composition", "species", "temperature_kelvin", "n_runs", "n_diffusive", "diffusive",
    "diffusivity_cm2_per_s", "diffusivity_error_cm2_per_s", "diffusivity_low_95_cm2_per_s", "diffusivity_high_95_cm2_per_s",
    "nernst_einstein_ms_per_cm", "nernst_einstein_low_95_ms_per_cm", "nernst_einstein_high_95_ms_per_cm",
    "conductivity_ms_per_cm", "conductivity_error_ms_per_cm", "conductivity_low_95_ms_per_cm", "conductivity_high_95_ms_per_cm", "haven_ratio",
)  # fmt: skip


def _rows(found: CrystalConductivity) -> list[list[object]]:
    rows: list[list[object]] = []
    for one in found.temperatures:
        haven = "" if one.haven_ratio is None else f"{one.haven_ratio.value:.6g}"
        for name, d in one.diffusivities.items():
            numbers = (
                d.value, d.error, d.low, d.high, one.nernst_einstein.value, one.nernst_einstein.low, one.nernst_einstein.high,
                one.conductivity.value, one.conductivity.error, one.conductivity.low, one.conductivity.high,
            )  # fmt: skip
            rows.append(
                [
                    found.bulk.label, found.bulk.composition, name, one.temperature_kelvin,
                    one.n_runs, one.n_diffusive, one.is_point, *(f"{value:.6g}" for value in numbers), haven,
                ]
            )  # fmt: skip
    return rows


def _points(found: CrystalConductivity) -> CrystalPoints:
    """What the figure shows of a crystal, mS/cm."""
    from mlip_interfaces.figures.conductivity_plots import CrystalPoints, Curve, Points

    def points(name: str) -> Points:
        shown = [one for one in found.temperatures if one.is_point or one.is_bound]
        estimates = [getattr(one, name) for one in shown]
        return Points(
            kelvin=np.array([one.temperature_kelvin for one in shown]),
            value=np.array([one.value for one in estimates]),
            low=np.array([one.low for one in estimates]),
            high=np.array([one.high for one in estimates]),
            known=np.array([one.is_point for one in shown], dtype=np.bool_),
        )

    kelvins = [one.temperature_kelvin for one in found.temperatures] + [found.at_kelvin]
    grid = 1.0 / np.linspace(1.0 / max(kelvins), 1.0 / min(kelvins), 61)

    def curve(at: Any) -> Curve | None:
        values = [at(float(kelvin)) for kelvin in grid]
        if values[0] is None:
            return None
        return Curve(grid, *(np.array([getattr(one, part) for one in values]) for part in ("value", "low", "high")))

    return CrystalPoints(
        found.bulk.label,
        points("conductivity"),
        points("nernst_einstein"),
        curve(found.conductivity_at),
        curve(found.nernst_einstein_at),
    )
