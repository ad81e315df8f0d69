"""What is at rest: never the mobile ions themselves; charges that do not sum to zero; names of files that collide."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_trajectories import content, found, trajectory, walk

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.observables import Request, check_names
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

STEP, INTERVAL, LENGTH, KELVIN = 0.25, 0.2, 12.0, 600.0
DIFFUSIVITY = STEP**2 / (2 * INTERVAL)
"""Of every walker, in angstrom^2/ps."""

NO_FRAMEWORK = "no framework that they move in"
UNBALANCED = "The charges sum to"


def walkers(symbols: list[str], seed: int = 3) -> mi.TrajectoryReader:
    return trajectory(walk(400, len(symbols), LENGTH, STEP, seed), LENGTH, symbols, INTERVAL)


def conduction(species: str, **more: object) -> mi.Onsager:
    return mi.Onsager(species=species, temperature_kelvin=KELVIN, **more)


def test_ions_alone_conduct_as_independent_walkers_do() -> None:
    results = mi.analyze(walkers(["Li"] * 24), [conduction("Li")])
    entry = content(results["onsager"])
    expected = 24 * DIFFUSIVITY / (BOLTZMANN_EV_PER_K * KELVIN * LENGTH**3)
    value, error = (entry["whole"][key][0][0] for key in ("l_per_ev_angstrom_ps", "l_error_per_ev_angstrom_ps"))
    assert error < 0.4 * expected
    assert abs(value - expected) < 3 * error
    assert entry["settings"]["drift"] == results.provenance.drift == "none"
    assert NO_FRAMEWORK in results.notes[0]


def test_a_tracer_alone_diffuses() -> None:
    results = mi.analyze(walkers(["Na"]), [mi.Msd(species="Na")])
    np.testing.assert_allclose(results["msd"].species["Na"].diffusivity_cm2_per_s, 1e-4 * DIFFUSIVITY, rtol=0.5, atol=0)


@pytest.mark.parametrize(
    ("symbols", "framework"),
    [
        (["Li", "Na"], False), (["Cl", "Br"], False), (["Ag"], False), (["Li", "Cl"], True), (["P", "S"], True),
        (["Li", "Si"], True), (["Ag", "I"], True),
    ],
)  # fmt: skip
def test_a_melt_and_an_alloy_have_a_centre_of_mass_and_ions_of_one_sign_have_none(
    symbols: list[str], framework: bool
) -> None:
    results = mi.analyze(walkers(symbols * 6), [mi.Msd(species=",".join(symbols))])
    assert results.provenance.drift == ("com" if framework else "none")
    assert any(NO_FRAMEWORK in note for note in results.notes) is not framework


def test_nothing_is_said_of_a_frame_that_no_analysis_uses() -> None:
    assert mi.analyze(walkers(["Li"] * 24), [mi.Rdf(pairs="Li-Li")]).notes == ()


def test_ions_that_are_put_at_rest_themselves_are_refused() -> None:
    with pytest.raises(AnalysisError, match=r"these Li atoms is what `drift` puts at rest.*zero whatever they do"):
        found(walkers(["Li"] * 12 + ["S"] * 6), conduction("Li"), drift="Li")
    # Both together are the usual frame of the framework.
    both = found(walkers(["Li"] * 12 + ["S"] * 6), conduction("Li,S"), drift="S")
    np.testing.assert_allclose(both.whole.l_per_ev_angstrom_ps[1, 1], 0.0, atol=1e-9, rtol=1e-7)
    assert both.whole.l_per_ev_angstrom_ps[0, 0] > 0.0


@pytest.mark.parametrize(
    ("symbols", "species", "charges", "total"),
    [
        (["Li"] * 12 + ["S"] * 6, "Li,S", {}, None),
        (["Li"] * 12 + ["S"] * 6, "Li", {}, None),
        (["Li"] * 12 + ["S"] * 6, "Li,S", {"S": -1.0}, "+6 e"),
        (["Li"] * 12 + ["S"] * 6, "Li", {"Li": 2.0}, "+12 e"),
        (["Mg"] * 6 + ["Cl"] * 11, "Mg", {}, "+1 e"),
        # Charges to two digits; and an element that has none.
        (["Li"] * 12 + ["S"] * 6, "Li,S", {"Li": 0.88, "S": -1.7601}, None),
        (["Li"] * 12 + ["Xe"], "Li", {}, None),
    ],
)
def test_charges_that_do_not_sum_to_zero_over_the_cell_are_a_note(
    symbols: list[str], species: str, charges: dict[str, float], total: str | None
) -> None:
    notes = mi.analyze(walkers(symbols), [conduction(species, charges=charges)]).notes
    said = [note for note in notes if UNBALANCED in note]
    assert len(said) == (total is not None)
    if total:
        assert f"{UNBALANCED} {total} over the cell" in said[0]


RDF, COUNTS = mi.Rdf(pairs="Li-S"), mi.Tetrahedra(center="Li", ligand="S")


@pytest.mark.parametrize(
    ("asked", "file"),
    [
        ({"rdf": RDF, "rdf_whole": mi.Msd(species="Li")}, "rdf_whole.csv"),
        ({"near_depth": RDF, "near": COUNTS}, "near_depth.csv"),
        ({"onsager": conduction("Li"), "onsager_region": RDF}, "onsager_region.csv"),
    ],
)
def test_two_results_never_share_a_file(asked: dict[str, Request], file: str) -> None:
    with pytest.raises(AnalysisError, match=f"would both write {file}; give one of them another name"):
        mi.analyze(walkers(["Li"] * 12 + ["S"] * 6), asked)


def test_all_tables_of_a_result_are_announced(tmp_path: Path) -> None:
    asked = {
        "rdf": RDF,
        "near": COUNTS,
        "rdf_depth": mi.Msd(species="Li"),
        "flow": conduction("Li", region_fraction="0,1"),
    }
    check_names(asked)
    results = mi.analyze(walkers(["Li"] * 12 + ["S"] * 6), asked)
    results.write(tmp_path)
    for result in results.values():
        assert set(result.tables()) <= set(result.request.table_ends)
    written = {file.stem for file in tmp_path.glob("*.csv")}
    assert written == {"rdf", "rdf_whole", "rdf_potential", "near", "near_depth", "rdf_depth", "flow", "flow_region"}
