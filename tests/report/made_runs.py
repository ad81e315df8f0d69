"""Run folders made by hand: a few small trajectories really analysed, with the index that the stages write."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import write

import mlip_interfaces as mi
from mlip_interfaces.books.campaign import (
    SUMMARY,
    CampaignSummary,
    ConditionCounts,
    DeviationDistribution,
    FailureGroup,
    Hint,
    IterationSummary,
    LabelsSummary,
    StepDecision,
    StepSeconds,
    TrustDecision,
)
from mlip_interfaces.books.domain import DOMAIN_FILE, CommitteeFrame, DomainIndex, RunDomain, SpotLabel
from mlip_interfaces.books.run import (
    DATA_SUMMARY,
    INDEX,
    VALIDATION_FILE,
    AnalysisEntry,
    AnalysisIndex,
    BulkEntry,
    ErrorTable,
    FailedLabel,
    FinalModel,
    GlassEntry,
    InitialData,
    LayerEntry,
    LayerForceError,
    ModelEntry,
    ScanEntry,
    ScanIndex,
    StructureIndex,
    SystemErrors,
    TrainingCost,
    Validation,
)
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.report.parts import Picture
from mlip_interfaces.run.manifests import Manifest

SYMBOLS = ["Li"] * 12 + ["P"] * 3 + ["S"] * 9 + ["F"] * 8
LAYERS = ["coating"] * 16 + ["electrolyte"] * 16
LENGTH, KELVIN = 11.0, 500.0

REQUESTS: dict[str, mi.Request] = {
    "rdf": mi.Rdf(pairs="P-S,S-S", r_max_angstrom=5.0, bin_width_angstrom=0.5, blocks=3, temperature_kelvin=KELVIN),
    "far": mi.Rdf(pairs="Li-F", r_max_angstrom=5.0, bin_width_angstrom=0.5, temperature_kelvin=KELVIN),
    "msd": mi.Msd(species="Li,S"),
    "coating-li": mi.Msd(species="Li", layer="coating"),
    "tetrahedra": mi.Tetrahedra(),
    "sulfides": mi.Tetrahedra(ligand="S", cutoff_angstrom=3.5, q_min=0.1),
    "chemistry": mi.Chemistry(),
    "profile": mi.Profile(),
}


@functools.cache
def analyzed(seed: int) -> mi.Results:
    """Walkers that get slower: later blocks of time differ from earlier ones."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.25, (50, len(SYMBOLS), 3))
    steps[0] = rng.random((len(SYMBOLS), 3)) * LENGTH
    steps[30:] *= 0.1
    reader = mi.trajectory_of_arrays(
        np.cumsum(steps, axis=0), np.eye(3) * LENGTH, SYMBOLS, frame_interval_ps=0.1, layers=LAYERS
    )
    return mi.analyze(reader, REQUESTS)


def entry(name: str, coating: float | None, condition: str = "hot", seed: int = 1) -> AnalysisEntry:
    return AnalysisEntry(
        name=name, directory=name, coating_angstrom=coating, protocol=condition, condition=condition,
        temperature_kelvin=KELVIN, seed=seed, healthy=True, results=tuple(REQUESTS),
        kinds={name: request.kind for name, request in REQUESTS.items()},
    )  # fmt: skip


RUNS = (
    entry("00A/hot/seed-1", 0.0),
    entry("00A/hot/seed-2", 0.0, seed=2),
    entry("05A/hot/seed-1", 5.0, seed=3),
    entry("bare/cold/seed-1", None, "cold", seed=4),
)
SICK = replace(entry("05A/hot/seed-2", 5.0, seed=5), healthy=False, results=(), kinds={})
"""Two thicknesses, two seeds of one of them, a run without a coating at another condition, and one that blew up."""


def write_analysis(run: Path, entries: tuple[AnalysisEntry, ...] = (*RUNS, SICK)) -> Path:
    """JSON and tables of every result, without its figure, and the index."""
    for one in entries:
        if one.healthy:
            folder = run / "analysis" / one.directory
            folder.mkdir(parents=True)
            contents = analyzed(one.seed).contents()
            for name in one.results:
                write_json(folder / f"{name}.json", contents[name])
                for end, table in analyzed(one.seed)[name].tables().items():
                    write_csv(folder / (f"{name}_{end}.csv" if end else f"{name}.csv"), *table)
    write_json(run / "analysis" / INDEX, AnalysisIndex(entries).to_json())
    return run


@dataclass
class Pictures:
    """Keeps figures by name in place of saving them."""

    figures: dict[str, object] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)

    def __call__(self, figure: object, name: str, caption: str) -> Picture:
        assert name not in self.figures, f"{name} would be written twice"
        self.figures[name], self.captions[name] = figure, caption
        return Picture("data:", caption)


def write_stages(run: Path) -> Path:
    """Structures, initial data, campaign, model, validation and scan of a finished run, as their stages leave them."""
    _write_structures(run / "structures")
    write_json(made(run / "initial_data") / DATA_SUMMARY, INITIAL_DATA.to_json())
    write_json(made(run / "campaign") / SUMMARY, campaign().to_json())
    write_json(made(run / "validation") / VALIDATION_FILE, VALIDATION.to_json())
    forces = np.linspace(-1.0, 1.0, 12)
    np.savez(
        run / "validation" / "parity.npz", energy_reference_ev_per_atom=[-4.0, -3.9], energy_model_ev_per_atom=[-4.01, -3.9],
        force_reference=forces, force_model=1.05 * forces, force_layer=np.array(["coating", "electrolyte"] * 6),
    )  # fmt: skip
    for one in SCAN:
        table = [(0.5 * k, KELVIN + k, 2.4 - 0.01 * k, 11.0 + 0.1 * k, 12.0, 30.0 - k) for k in range(5)]
        columns = (
            "time_ps", "temperature_kelvin", "density_g_per_cm3", "a_angstrom", "b_angstrom", "c_angstrom",
        )  # fmt: skip
        write_csv(made(run / "scan" / one.directory) / one.thermo_file, columns, table)
    write_json(run / "scan" / INDEX, ScanIndex(SCAN).to_json())
    write_json(run / "scan" / DOMAIN_FILE, DOMAIN.to_json())
    for stage, seconds in (("structures", 12.0), ("scan", 3600.4)):
        manifest = Manifest(
            stage, "done", "0" * 64, "2026-01-01T00:00:00", "2026-01-01T01:00:00", seconds, "mlip-interfaces run a.yaml",
            {"lammps": "2 Aug 2023"}, 2,
        )  # fmt: skip
        write_json(run / stage / "manifest.json", manifest.to_json())
    return run


def made(folder: Path) -> Path:
    """The folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_structures(folder: Path) -> None:
    layers = (
        LayerEntry("coating", "LiF", 5.1, 5.0, 5.0, 2, "LiF"),
        LayerEntry("electrolyte", "Li3PS4", 8.0, 8.0, 7.5, 2, "PS"),
    )
    entries = []
    for name, small, coating in (("05A", False, 5.0), ("small", True, 5.0)):
        atoms = Atoms("LiFPS", positions=[[1, 1, 1], [2, 2, 3], [3, 3, 6], [1, 3, 9]], cell=[5, 5, 12], pbc=True)
        atoms.arrays["layer"] = np.array(["coating"] * 2 + ["electrolyte"] * 2)
        write(made(folder) / f"{name}.extxyz", atoms)
        entries.append(
            ModelEntry(
                name=name, role="interface", file=f"{name}.extxyz", n_atoms=4, composition="FLiPS", density_g_per_cm3=2.345,
                min_distance_angstrom=1.91, min_distances_angstrom={"Li-F": 1.91, "P-S": 2.05}, small=small,
                coating_angstrom=coating, area_angstrom2=25.0, layers=layers, strain=0.0123,
            )
        )  # fmt: skip
    bulk = BulkEntry("LiF", "bulk", "LiF.extxyz", 8, "FLi", 2.6, 2.0, {"Li-F": 2.0})
    glass = GlassEntry("glass", "LiF", 5.0, 2.31, 2.4, 4.2, 1, 100.0, "amorphous: no peak of the crystal is left", {})
    write_json(folder / INDEX, StructureIndex((*entries, bulk), (glass,)).to_json())


INITIAL_DATA = InitialData(calculator="surrogate-x", kind="surrogate", made=20, failed=(), core_seconds=10.0)

VALIDATION = Validation(
    n_frames=7, energy_rmse_mev_per_atom=3.21, force_rmse_mev_per_angstrom=123.4,
    layers={"coating": LayerForceError(150.0, 40), "electrolyte": LayerForceError(90.0, 60)},
    systems={"05A-md": SystemErrors(2.5, 110.0, 7)}, model=FinalModel("model.pb", "0" * 64, 1000, 400, 60),
    training=TrainingCost(400, 12.0, 60),
)  # fmt: skip


def scan_entry(
    name: str, *, coating: float | None = 5.0, condition: str = "hot", seed: int = 1, healthy: bool = True
) -> ScanEntry:
    """A run of two picoseconds."""
    return ScanEntry(
        name=name, model=name.split("/")[0], coating_angstrom=coating, protocol=condition, condition=condition, ensemble="nvt",
        temperature_kelvin=KELVIN, pressure_bar=(), seed=seed, directory=name, trajectory="t.dcd", topology="m.data",
        layers="layers.json", thermo_file="thermo.csv", frame_interval_ps=0.1, n_atoms=32, healthy=healthy,
        reasons=() if healthy else ("the temperature reached 9000 K",), time_ps=2.0, n_steps=2000, n_frames=21,
        steps_per_second=30.0, temperature_mean_kelvin=510.2, temperature_max_kelvin=560.7, density_initial_g_per_cm3=2.4,
        density_mean_g_per_cm3=2.31, min_distance_angstrom=1.62, edges_initial_angstrom=(11.0, 12.0, 30.0),
        edges_mean_angstrom=(11.3, 12.0, 27.0),
    )  # fmt: skip


SCAN = tuple(
    scan_entry(one.name, coating=one.coating_angstrom, condition=one.condition, seed=one.seed, healthy=one.healthy)
    for one in (*RUNS, SICK)
) + (replace(scan_entry("05A/hot/seed-3", healthy=False), n_frames=0, time_ps=0.0, steps_per_second=None),)
"""Runs of the analysis, and one that never wrote a frame."""


def run_domain(name: str, deviations: tuple[float | None, ...] = (0.1, 0.3, 0.2), **more: Any) -> RunDomain:
    """A run that stayed inside, looked at every picosecond."""
    frames = tuple(CommitteeFrame(float(k), value) for k, value in enumerate(deviations))
    return RunDomain(
        **{"name": name, "verdict": "inside", "committee": frames, "no_labels": "none was asked for"} | more
    )


DOMAIN = DomainIndex(
    committee=("graph.000.pb", "graph.001.pb"), trust_low_ev_per_angstrom=0.15, trust_high_ev_per_angstrom=0.3,
    max_energy_drift_mev_per_atom=20.0,
    runs=(
        run_domain(SCAN[0].name),
        run_domain(
            SCAN[2].name, (0.1, 0.4, None), verdict="leaves", left_at_ps=1.0, no_labels="",
            reasons=("from 1 ps on, 2 of 2 frames deviate by more than the upper trust level of 0.3 eV/angstrom",),
            spot_labels=(SpotLabel(0.0, -21.04, 90.4), SpotLabel(2.0, 57.0, 410.0)),
            failed_labels=(FailedLabel("task.05A.hot.seed-1.000010", "SCF did not converge"),),
        ),
        run_domain(SCAN[-1].name, (), verdict="not looked at", no_committee="the run has no frame"),
    ),
)  # fmt: skip
"""One run that stayed, one that left, one without a frame; of the others nothing is known."""


def iteration(number: int, *, held_out: float | None = 90.0) -> IterationSummary:
    """An iteration of sixty accurate frames, thirty candidates and ten failed ones."""
    quantiles = {"0.05": 0.05, "0.25": 0.1, "0.5": 0.2, "0.75": 0.3, "0.95": 0.4}
    errors = None
    if held_out is not None:
        errors = ErrorTable(
            n_frames=5, energy_rmse_mev_per_atom=2.0, force_rmse_mev_per_angstrom=held_out,
            layers={"coating": LayerForceError(held_out, 10)},
        )  # fmt: skip
    return IterationSummary(
        iteration=number, rung=number, temperatures_kelvin=(300.0,), pressures_bar=(1.0,), finished=True, n_training_frames=50,
        trust_low_ev_per_angstrom=0.15, trust_high_ev_per_angstrom=0.3,
        systems=(ConditionCounts("05A", 300.0, 1.0, 60, 30, 10),), accurate=60, candidate=30, failed=10, stopped_runs=(),
        max_force_deviation_ev_per_angstrom=DeviationDistribution(quantiles, (0.0, 1.0), (100,), 0), held_out=errors,
        labels_made=8, labels_failed=(FailedLabel("task.1", "SCF"),), label_core_hours=1.5,
        wall_seconds=StepSeconds(10.4, 20.0, 30.0),
    )  # fmt: skip


def campaign(reason: str = "budget") -> CampaignSummary:
    """Two iterations, of which the second holds out nothing, and a stop."""
    stop = StepDecision(2, "stop", 1, reason, "two iterations were asked for") if reason else None
    decisions = (
        TrustDecision(0, "trust", 0.15, 0.3, None, ""), StepDecision(0, "explore", 0, "begin", "the ladder begins"),
        TrustDecision(1, "trust", 0.2, 0.4, 0.09, "the error is nearer"),
    )  # fmt: skip
    failed = (FailedLabel("task.1", "SCF did not converge in 60 steps"),)
    labels = LabelsSummary(
        "surrogate-x", "surrogate", 36, failed, (FailureGroup("SCF did not converge", 1, ("task.1",)),), 7200.0
    )
    return CampaignSummary(
        iteration=1, rung=1, n_rungs=2, step="finished" if stop else "label", stop=stop,
        iterations=(iteration(0), iteration(1, held_out=None)), decisions=(*decisions, *((stop,) if stop else ())),
        n_initial_frames=20, n_training_frames=44, labels=labels, hints=(Hint(1, "labels fail", "Look at task.1."),),
    )  # fmt: skip
