"""Fluxes of a series of compositions: their transport coefficients, what drives them, files and figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.errors import AnalysisError, InputFileError, UserError
from mlip_interfaces.files import read_json, write_csv, write_json
from mlip_interfaces.observables.results import measured, number, plain
from mlip_interfaces.screening.solids.dictionary import Dictionary
from mlip_interfaces.screening.transport.flux import Coefficients, Drive, Fluxes, driven_fluxes
from mlip_interfaces.screening.transport.flux_file import Composition, FluxSeries, RunFiles, Step

if TYPE_CHECKING:
    from mlip_interfaces.figures.flux_plots import FluxPoints
    from mlip_interfaces.observables.onsager import OnsagerResult

DEFINITION = (
    "J_i = -sum_j L_ij dmu_j / l, dmu at the far end less that at the near one, positive from the near end to the far one; "
    "mean of runs that differ by chance alone, 95 % intervals"
)
_SHARE_DIFFERS = 0.02
"""Of the atoms, between a formula and its trajectory: a cell of whole atoms is as near."""


@dataclass(frozen=True, slots=True)
class CompositionFluxes:
    """Fluxes of one composition at one temperature.

    Attributes
    ----------
    composition : Composition
        As asked for.
    fractions : dict of str to float
        Share of each element in the atoms.
    species : tuple of str
        Elements whose fluxes are known.
    drive : Drive
        Differences of chemical potential and the length.
    runs : tuple of Coefficients
        Of each run.
    fluxes : Fluxes
        Of the species.
    not_diffusive_because : dict of str to tuple of str
        Species whose motion is not known to last, and why.
    notes : tuple of str
        In sentences.
    """

    composition: Composition
    fractions: dict[str, float]
    species: tuple[str, ...]
    drive: Drive
    runs: tuple[Coefficients, ...]
    fluxes: Fluxes
    not_diffusive_because: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """As the JSON file has it.

        Returns
        -------
        dict
            With units in the keys.
        """
        species, fluxes = self.species, self.fluxes
        low, high = fluxes.confidence_95_mmol_per_cm2_s
        l_matrices = np.array([one.l_per_ev_angstrom_ps for one in self.runs])
        return {
            "name": self.composition.label,
            "formula": self.composition.formula,
            "temperature_kelvin": self.composition.temperature_kelvin,
            "length_angstrom": self.drive.length_angstrom,
            "fractions": self.fractions,
            "n_runs": fluxes.n_runs,
            "species": list(species),
            "delta_mu_ev": dict(zip(species, plain(self.drive.delta_mu_ev), strict=True)),
            "delta_mu_error_ev": dict(zip(species, plain(self.drive.delta_mu_error_ev), strict=True)),
            "fluxes": {
                name: {
                    "flux_mmol_per_cm2_s": number(fluxes.flux_mmol_per_cm2_s[i]),
                    "error_mmol_per_cm2_s": number(fluxes.error_mmol_per_cm2_s[i]),
                    "confidence_95_mmol_per_cm2_s": [number(low[i]), number(high[i])],
                    "driven_by_mmol_per_cm2_s": dict(zip(species, plain(fluxes.parts_mmol_per_cm2_s[i]), strict=True)),
                    "zero_within_95": bool(low[i] <= 0.0 <= high[i]),
                }
                for i, name in enumerate(species)
            },
            "l_per_ev_angstrom_ps": plain(l_matrices.mean(axis=0)),
            "l_of_runs_per_ev_angstrom_ps": plain(l_matrices),
            "not_diffusive_because": {name: list(why) for name, why in self.not_diffusive_because.items()},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Fluxes in sentences.

        Returns
        -------
        list of str
            One for each species.
        """
        fluxes = self.fluxes
        start = f"{self.composition.label} at {self.composition.temperature_kelvin:g} K"
        lines = []
        for i, name in enumerate(self.species):
            value = measured(float(fluxes.flux_mmol_per_cm2_s[i]), float(fluxes.error_mmol_per_cm2_s[i]))
            low, high = fluxes.confidence_95_mmol_per_cm2_s[:, i]
            sign = "; its sign is not known" if low <= 0.0 <= high else ""
            lines.append(f"{start}: flux of {name} {value} mmol/(cm2 s), 95 % {low:.3g} to {high:.3g}{sign}")
        return lines


def series_fluxes(series: FluxSeries, file: Path, dictionary: Dictionary) -> list[CompositionFluxes]:
    """Fluxes of every composition of a file.

    Parameters
    ----------
    series : FluxSeries
        Content of the file.
    file : Path
        Where relative names of files start; in messages.
    dictionary : Dictionary
        Materials that chemical potentials may name.

    Returns
    -------
    list of CompositionFluxes
        In order of the file.

    Raises
    ------
    InputFileError
        If a length or a chemical potential is missing, or a file is not what it must be.
    AnalysisError
        If a trajectory cannot be analysed; the message names it.
    """
    if series.axis != "order" and not any(series.axis in _counts(one.formula, file) for one in series.compositions):
        raise InputFileError(f"{file}: axis: no composition has {series.axis}; name one of their elements, or 'order'.")
    drives = [_drive(series, one, file, dictionary) for one in series.compositions]
    return [_of_composition(series, one, drive, file) for one, drive in zip(series.compositions, drives, strict=True)]


def _of_composition(
    series: FluxSeries, composition: Composition, drive: tuple[tuple[str, ...], Drive], file: Path
) -> CompositionFluxes:
    species, driven = drive
    counts = _counts(composition.formula, file)
    n_atoms = sum(counts.values())
    fractions = {name: count / n_atoms for name, count in counts.items()}
    because: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    if composition.trajectories:
        results = [
            _analyzed(series, composition, one, species, fractions, file, notes) for one in composition.trajectories
        ]
        runs = tuple(
            Coefficients(
                one.whole.l_per_ev_angstrom_ps,
                one.whole.l_error_per_ev_angstrom_ps,
                one.whole.l_confidence_95_per_ev_angstrom_ps,
            )
            for one in results
        )
        for one in results:
            because |= {name: part.because for name, part in zip(species, one.lasting, strict=True) if part.because}
    elif composition.onsager:
        runs = tuple(_read_run(file.parent / name, composition, species, because) for name in composition.onsager)
    else:
        runs = (_given_run(composition, species, file),)
    return CompositionFluxes(
        composition, fractions, species, driven, runs, driven_fluxes(runs, driven), because,
        tuple(dict.fromkeys([*notes, *_doubts(composition, because)])),
    )  # fmt: skip


def _doubts(composition: Composition, because: Mapping[str, Sequence[str]]) -> list[str]:
    start = f"{composition.label} at {composition.temperature_kelvin:g} K"
    return [
        f"{start}: {name} is not diffusive ({' and '.join(why)}): intervals reach to the flux of the motion that is known to last."
        for name, why in because.items()
    ]


def _counts(formula: str, file: Path) -> dict[str, float]:
    from pymatgen.core import Composition as Formula
    from pymatgen.core import Element

    wrong = f"{file}: '{formula}' is no formula; write elements and numbers, as in Li7P3S11."
    try:
        counts = dict(Formula(formula).items())
    except ValueError as error:
        raise InputFileError(wrong) from error
    if not all(isinstance(element, Element) for element in counts):
        raise InputFileError(wrong)
    return {element.symbol: float(count) for element, count in counts.items()}


def _drive(
    series: FluxSeries, composition: Composition, file: Path, dictionary: Dictionary
) -> tuple[tuple[str, ...], Drive]:
    """Species of a composition, and what drives them."""
    species = composition.species or tuple(_counts(composition.formula, file))
    for name in species:
        if name not in _counts(composition.formula, file):
            raise InputFileError(f"{file}: {composition.label}: species names {name}, which its formula does not have.")
    length = composition.length_angstrom or series.length_angstrom
    if length is None:
        raise InputFileError(
            f"{file}: {composition.label} has no length_angstrom; give the length over which the chemical potentials fall, there or "
            "for all."
        )
    deltas = dict(_of_phases(series, composition, file))
    steps = series.chemical_potentials | composition.chemical_potentials
    own = {name: _of_step(step, name, composition, file, dictionary) for name, step in steps.items()}
    # What a composition has itself comes before what all have.
    deltas = {name: own[name] for name in series.chemical_potentials} | deltas
    deltas |= {name: own[name] for name in composition.chemical_potentials}
    missing = [name for name in species if name not in deltas]
    if missing:
        raise InputFileError(
            f"{file}: {composition.label} has no chemical potential of {', '.join(missing)}; add {missing[0]} to chemical_potentials "
            "(eV, at the far end less that at the near one; 0 where it does not change)."
        )
    values = np.array([deltas[name] for name in species])
    return species, Drive(values[:, 0], values[:, 1], length)


def _of_step(
    step: Step, element: str, composition: Composition, file: Path, dictionary: Dictionary
) -> tuple[float, float]:
    if step.delta_ev is not None:
        return step.delta_ev, step.error_ev
    if step.from_ev is not None and step.to_ev is not None:
        return step.to_ev - step.from_ev, step.error_ev
    if element != "Li":
        raise InputFileError(
            f"{file}: {composition.label}: materials have the chemical potential of Li alone; give that of {element} in eV."
        )
    ends = [
        _voltage_v(dictionary, name or "", soc)
        for name, soc in ((step.from_material, step.from_soc), (step.to_material, step.to_soc))
    ]
    return ends[0] - ends[1], step.error_ev


def _voltage_v(dictionary: Dictionary, name: str, soc: str) -> float:
    """Of an electrode against lithium metal, V: -mu_Li / e."""
    if name in dictionary.anodes:
        return dictionary.anodes[name].voltage_v
    if name not in dictionary.cathodes:
        known = ", ".join([*dictionary.anodes, *dictionary.cathodes])
        raise InputFileError(
            f"'{name}' is no electrode, which has a voltage; known are {known}. Give the chemical potentials in eV, or a material "
            "file with --materials."
        )
    states = dictionary.cathodes[name].states
    if soc not in states:
        raise InputFileError(f"{name} has no state of charge '{soc}'; known are {', '.join(states)}.")
    return states[soc].open_circuit_voltage_v


def _of_phases(series: FluxSeries, composition: Composition, file: Path) -> dict[str, tuple[float, float]]:
    """Differences between two equilibria of phases."""
    if composition.from_phases is None or composition.to_phases is None:
        return {}
    near, far = (
        _equilibrium(series, composition, phases, file) for phases in (composition.from_phases, composition.to_phases)
    )
    return {name: (far[name] - near[name], 0.0) for name in near if name in far}


def _equilibrium(series: FluxSeries, composition: Composition, phases: Sequence[str], file: Path) -> dict[str, float]:
    """Chemical potentials of phases that are in equilibrium: sum_j n_j mu_j is the energy of each."""
    absent = [name for name in phases if name not in series.phase_energies_ev]
    if absent:
        raise InputFileError(f"{file}: {composition.label}: phase_energies_ev has no {', '.join(absent)}; add it.")
    counts = [_counts(name, file) for name in phases]
    elements = list(dict.fromkeys(name for one in counts for name in one))
    matrix = np.array([[one.get(name, 0.0) for name in elements] for one in counts])
    if len(phases) != len(elements) or np.linalg.matrix_rank(matrix) < len(elements):
        raise InputFileError(
            f"{file}: {composition.label}: {', '.join(phases)} do not determine the chemical potentials of {', '.join(elements)}; name "
            "as many phases as elements, none a mixture of the others."
        )
    energies = np.array([series.phase_energies_ev[name] for name in phases])
    return dict(zip(elements, np.linalg.solve(matrix, energies).tolist(), strict=True))


def _analyzed(
    series: FluxSeries,
    composition: Composition,
    run: RunFiles,
    species: tuple[str, ...],
    fractions: Mapping[str, float],
    file: Path,
    notes: list[str],
) -> OnsagerResult:
    """The analysis of one trajectory; what it notes is added."""
    from mlip_interfaces.observables import Onsager, analyze
    from mlip_interfaces.observables.onsager import OnsagerResult
    from mlip_interfaces.trajectory import open_trajectory

    path, topology = file.parent / run.file, run.topology or composition.topology
    start = f"{composition.label} at {composition.temperature_kelvin:g} K"
    try:
        trajectory = open_trajectory(
            path,
            topology=None if topology is None else file.parent / topology,
            layers=None if run.layers is None else file.parent / run.layers,
            frame_interval_ps=composition.frame_interval_ps,
            start_ps=composition.start_ps,
            stop_ps=composition.stop_ps,
            unwrap=series.unwrap,
        )
        symbols, counts = np.unique(trajectory.symbols, return_counts=True)
        found = dict(zip(symbols.tolist(), (counts / counts.sum()).tolist(), strict=True))
        for name in dict.fromkeys([*fractions, *found]):
            if abs(fractions.get(name, 0.0) - found.get(name, 0.0)) > _SHARE_DIFFERS:
                raise InputFileError(
                    f"{path} has {100 * found.get(name, 0.0):.3g} % {name}, but {composition.formula} {100 * fractions.get(name, 0.0):.3g} "
                    "%; give the formula of all its atoms."
                )
        # Charges make a conductivity, which is not asked for.
        request = Onsager(
            species=species,
            temperature_kelvin=composition.temperature_kelvin,
            charges=dict.fromkeys(found, 0.0) if set(found) == set(species) else dict.fromkeys(species, 0.0),
            directions=series.directions,
        )
        results = analyze(trajectory, [request], drift=series.drift)
    except UserError as error:
        raise AnalysisError(f"{start}, {path}: {error}") from error
    result = results["onsager"]
    assert isinstance(result, OnsagerResult)
    notes.extend(f"{start}, {path.name}: {note}" for note in results.notes)
    return result


def _read_run(
    path: Path, composition: Composition, species: tuple[str, ...], because: dict[str, tuple[str, ...]]
) -> Coefficients:
    """Coefficients of a file of ``analyze onsager``."""
    content = read_json(
        path, if_missing="make it by `analyze onsager`", if_damaged="make it again by `analyze onsager`"
    )
    try:
        there, whole = list(content["species"]), content["whole"]
        temperature = float(content["settings"]["temperature_kelvin"])
        matrices = [
            np.array(whole[f"l_{key}per_ev_angstrom_ps"], dtype=float) for key in ("", "error_", "confidence_95_")
        ]
        doubts = {str(name): tuple(why) for name, why in content["not_diffusive_because"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputFileError(f"{path} is no onsager.json of this program; make it by `analyze onsager`.") from error
    absent = [name for name in species if name not in there]
    if absent:
        raise InputFileError(f"{path} has {', '.join(there)}, but {composition.label} needs {', '.join(absent)}, too.")
    if abs(temperature - composition.temperature_kelvin) > 0.5:
        raise InputFileError(
            f"{path} is of {temperature:g} K, but {composition.label} of {composition.temperature_kelvin:g} K; correct one."
        )
    order = [there.index(name) for name in species]
    if not all(np.isfinite(_in_order(matrix, order)).all() for matrix in matrices):
        raise InputFileError(
            f"{path}: an L_ij of {', '.join(species)}, or its error, is no number; make it again with a longer run."
        )
    because |= {name: why for name, why in doubts.items() if name in species}
    return Coefficients(*(_in_order(matrix, order) for matrix in matrices))


def _in_order(matrix: NDArray[np.float64], order: list[int]) -> NDArray[np.float64]:
    return np.asarray(matrix[..., order, :][..., order])


def _given_run(composition: Composition, species: tuple[str, ...], file: Path) -> Coefficients:
    """Coefficients of the file itself, with normal intervals."""
    from scipy.special import ndtri

    matrix, error = (
        np.array(part, dtype=float)
        for part in (composition.l_per_ev_angstrom_ps, composition.l_error_per_ev_angstrom_ps)
    )
    reach = float(ndtri(0.975)) * error
    return Coefficients(matrix, error, np.array([matrix - reach, matrix + reach]))


def files_of(series: FluxSeries, file: Path) -> list[Path]:
    """Every file that a series reads.

    Parameters
    ----------
    series : FluxSeries
        Content of the file.
    file : Path
        The file itself.

    Returns
    -------
    list of Path
        Each once.
    """
    names: list[str | None] = []
    for one in series.compositions:
        names += [one.topology, *one.onsager]
        for run in one.trajectories:
            names += [run.file, run.topology, run.layers]
    return list(dict.fromkeys([file, *(file.parent / name for name in names if name is not None)]))


def flux_content(series: FluxSeries, found: Sequence[CompositionFluxes]) -> dict[str, Any]:
    """Content of ``flux.json``, less its provenance.

    Parameters
    ----------
    series : FluxSeries
        What was asked for.
    found : sequence of CompositionFluxes
        Of each composition.

    Returns
    -------
    dict
        With units in the keys.
    """
    return {
        "compositions": [one.to_json() for one in found],
        "summary": [line for one in found for line in one.lines()],
        "settings": {
            "axis": series.axis, "directions": series.directions, "drift": series.drift, "definition": DEFINITION,
        },
    }  # fmt: skip


def write_fluxes(
    series: FluxSeries,
    found: Sequence[CompositionFluxes],
    content: Mapping[str, object],
    directory: Path,
    provenance: Mapping[str, object],
) -> None:
    """``flux.json``, ``flux.csv`` and the figure.

    Parameters
    ----------
    series : FluxSeries
        What was asked for.
    found : sequence of CompositionFluxes
        Of each composition.
    content : mapping of str to object
        As `flux_content` gives it.
    directory : Path
        Made where it is missing.
    provenance : mapping of str to object
        For the JSON.
    """
    from mlip_interfaces.figures.flux_plots import flux_against_composition
    from mlip_interfaces.figures.style import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "flux.json", dict(content) | dict(provenance))
    elements = list(dict.fromkeys(name for one in found for name in one.fractions))
    columns = [
        "name", "formula", "temperature_kelvin", *(f"fraction_{name}" for name in elements), "species", "delta_mu_ev", "length_angstrom",
        "n_runs", "flux_mmol_per_cm2_s", "error_mmol_per_cm2_s", "low_95_mmol_per_cm2_s", "high_95_mmol_per_cm2_s",
    ]  # fmt: skip
    rows = [
        [
            one.composition.label, one.composition.formula, one.composition.temperature_kelvin,
            *(f"{one.fractions.get(element, 0.0):.6g}" for element in elements),
            name, one.drive.delta_mu_ev[i], one.drive.length_angstrom, one.fluxes.n_runs,
            *(
                f"{value:.6g}"
                for value in (
                    one.fluxes.flux_mmol_per_cm2_s[i], one.fluxes.error_mmol_per_cm2_s[i],
                    *one.fluxes.confidence_95_mmol_per_cm2_s[:, i],
                )
            ),
        ]
        for one in found
        for i, name in enumerate(one.species)
    ]  # fmt: skip
    write_csv(directory / "flux.csv", columns, rows)
    labels = list(dict.fromkeys(one.composition.label for one in found)) if series.axis == "order" else None
    save_figure(flux_against_composition(_points(series, found, labels), series.axis, labels), directory, "flux")


def _points(
    series: FluxSeries, found: Sequence[CompositionFluxes], labels: Sequence[str] | None
) -> dict[str, dict[float, FluxPoints]]:
    """What the figure shows, by species and temperature."""
    from mlip_interfaces.figures.flux_plots import FluxPoints

    points: dict[str, dict[float, FluxPoints]] = {}
    for name in dict.fromkeys(name for one in found for name in one.species):
        by_temperature = points.setdefault(name, {})
        for temperature in sorted({one.composition.temperature_kelvin for one in found}):
            rows = sorted(
                (
                    labels.index(one.composition.label) if labels is not None else one.fractions.get(series.axis, 0.0),
                    float(one.fluxes.flux_mmol_per_cm2_s[one.species.index(name)]),
                    *one.fluxes.confidence_95_mmol_per_cm2_s[:, one.species.index(name)].tolist(),
                )
                for one in found
                if one.composition.temperature_kelvin == temperature and name in one.species
            )
            if rows:
                by_temperature[temperature] = FluxPoints(*np.array(rows).T)
    return points
