"""Run folders made by hand: a few small trajectories really analysed, with the index that the stages write."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import mlip_interfaces as mi
from mlip_interfaces.books.run import INDEX, AnalysisEntry, AnalysisIndex
from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.report.parts import Picture

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
