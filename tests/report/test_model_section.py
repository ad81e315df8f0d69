"""What the page says of a model: offsets by name, whether the committee warns, its MD beside the labelling method's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from made_runs import VALIDATION, Pictures, write_stages

from mlip_interfaces.books.run import (
    FRAMES_FILE,
    HELD_OUT,
    OWN_MD,
    REFERENCE_FILE,
    VALIDATION_FILE,
    DeviationAgainstError,
    EnergyOffset,
    ErrorTable,
    LayerForceError,
    OwnMDRun,
    PairOverlap,
    ReferenceComparison,
    SystemErrors,
    TwoMeans,
    Validation,
    read_book,
    write_book,
)
from mlip_interfaces.campaign.trained_start import TrainedStart
from mlip_interfaces.files import write_arrays
from mlip_interfaces.report.headline import collect_results, limitations
from mlip_interfaces.report.model_section import (
    deviation_sentence,
    made_sentence,
    model_section,
    offset_sentences,
    reference_sentences,
)

ABOVE = EnergyOffset(24, 33.0, 2.0, 8.0, 20.4, 49.6)
BELOW = EnergyOffset(8, -38.7, 7.9, 21.0, -64.0, -12.0)


def table(offset: EnergyOffset, **more: float) -> ErrorTable:
    return ErrorTable(
        n_frames=offset.n_frames, n_atoms=100, energy_rmse_mev_per_atom=34.0, force_rmse_mev_per_angstrom=270.0,
        layers={"coating": LayerForceError(150.0, 40)}, elements={"Li": LayerForceError(120.0, 70)}, offset=offset, **more,
    )  # fmt: skip


REFERENCE = ReferenceComparison(
    structure="00A", calculator="chgnet 0.4", temperature_kelvin=300.0, n_runs=2, n_frames=40, time_ps=0.5, r_max_angstrom=6.0,
    overlaps={"P-S": PairOverlap(0.9, 0.02, 0.97), "Co-S": PairOverlap(0.6, 0.05, 0.85)}, unit="PS4", n_units=4,
    intact=TwoMeans(3.9, 0.05, 2.1, 0.2), bonds={"P-S": TwoMeans(15.9, 0.1, 12.0, 0.3)},
)  # fmt: skip
FULL = replace(
    VALIDATION,
    energy_mae_mev_per_atom=3.0,
    force_mae_mev_per_angstrom=100.0,
    sets={
        HELD_OUT: table(ABOVE, virial_rmse_mev_per_atom=56.1, virial_mae_mev_per_atom=41.0, stress_rmse_gpa=0.68),
        OWN_MD: table(BELOW),
    },
    systems={
        "initial-05A": SystemErrors(38.0, 270.0, 24, HELD_OUT, "F4Li4", 12.81, 59.9, 1.05, ABOVE),
        "own-00A": SystemErrors(44.0, 296.0, 8, OWN_MD, "Li4S2", 15.87, 122.1, -1.87, BELOW),
    },
    own_md=(OwnMDRun("00A", 0.4, 1.0, 8, ("the density changed by 30 %",), 2.77, 2.31),),
    deviation=DeviationAgainstError(2, 32, 0.51, 0.3, 0.69, 0.6, 1.2),
    reference=REFERENCE,
)


def write_full(run: Path) -> Path:
    write_stages(run)
    write_book(run / "validation" / VALIDATION_FILE, FULL)
    write_arrays(
        run / "validation" / FRAMES_FILE,
        {
            "system": np.array(["initial-05A"] * 2 + ["own-00A"]), "set": np.array([HELD_OUT] * 2 + [OWN_MD]),
            "energy_error_mev_per_atom": np.array([30.0, 36.0, -38.7]), "volume_per_atom_angstrom3": np.array([12.8, 12.9, 15.9]),
            "max_force_error_ev_per_angstrom": np.array([1.0, 1.1, 1.3]), "deviation_ev_per_angstrom": np.array([0.4, 0.5, np.nan]),
        },
    )  # fmt: skip
    r = np.linspace(0.05, 5.95, 60)
    curves = {
        f"{pair}/{which}{end}": np.ones(60)
        for pair in REFERENCE.overlaps
        for which in ("labels", "model")
        for end in ("", "/error")
    }
    intact = {"intact/labels": np.full((2, 20), 4.0), "intact/model": np.full((2, 20), 2.0), "time_ps": np.arange(20.0)}
    write_arrays(run / "validation" / REFERENCE_FILE, {"r_angstrom": r, **curves, **intact})
    return run


def test_a_one_sided_offset_is_called_so_and_both_sides_are_named() -> None:
    first, second, both = offset_sentences(FULL)
    assert first == (
        "Systematic energy offset: all 24 energies of held-out labels lie 20 to 50 meV/atom above their labels, +33.0 ± 2.0 on "
        "average; 8.0 meV/atom are left without the offset."
    )
    assert (
        "all 8 energies of snapshots of the model's own MD lie 12 to 64 meV/atom below their labels, -38.7 ± 7.9"
        in second
    )
    assert both.startswith(
        "Energies are off on both sides, each system by its own: -38.7 ± 7.9 meV/atom on own-00A, +33.0 ± 2.0 on initial-05A."
    )


def test_an_offset_that_scatter_reaches_across_is_told_by_its_mean() -> None:
    across = EnergyOffset(24, 31.1, 5.3, 15.5, -4.0, 52.0)
    (said,) = offset_sentences(replace(FULL, sets={HELD_OUT: table(across)}, systems={}))
    assert said == (
        "Systematic energy offset: E(model) - E(label) of held-out labels is +31.1 ± 5.3 meV/atom on average over 24 frames; 15.5 "
        "meV/atom are left without the offset."
    )


def test_scatter_is_no_offset() -> None:
    scatter = EnergyOffset(24, 2.0, 3.0, 8.0, -15.0, 19.0)
    system = SystemErrors(8.0, 100.0, 24, HELD_OUT, "F4Li4", 12.8, offset=scatter)
    assert offset_sentences(replace(FULL, sets={HELD_OUT: table(scatter)}, systems={"x": system})) == []


def test_a_committee_that_does_not_warn_is_said_to() -> None:
    assert FULL.deviation is not None
    assert deviation_sentence(FULL.deviation).startswith("The committee's deviation warns of force errors")
    assert "0.51, 95 % interval 0.30 to 0.69, 32 frames" in deviation_sentence(FULL.deviation)
    assert "does not warn" in deviation_sentence(replace(FULL.deviation, low=-0.1))


def test_intact_units_stand_side_by_side_with_the_worst_overlap() -> None:
    intact, overlap = reference_sentences(REFERENCE)
    assert intact.startswith(
        "PS4 intact: 3.900 ± 0.050 of 4 with chgnet 0.4, 2.10 ± 0.20 with the model: they differ (2 runs of 0.5 ps at 300 K of 00A"
    )
    assert "overlap least for Co-S: 0.600 ± 0.050 of 1; halves of the former overlap by 0.85." in overlap
    alike = replace(REFERENCE, intact=TwoMeans(3.9, 0.05, 3.7, 0.2))
    assert "no difference beyond two standard errors" in reference_sentences(alike)[0]
    broken = replace(REFERENCE, trouble=("md.000 with the model: the largest force is 56.2 eV/angstrom, over 30",))
    (said,) = reference_sentences(broken)
    assert "was not compared with MD by chgnet 0.4: md.000 with the model: the largest force is 56.2" in said


def test_the_section_has_every_figure_and_table(tmp_path: Path) -> None:
    pictures = Pictures()
    section = model_section(write_full(tmp_path), pictures)
    assert set(pictures.figures) == {"parity", "energy-errors", "deviation-against-error", "reference-md"}
    errors, systems, reference = section.tables
    assert errors.rows[0] == ["held-out labels", "34.0", "270", "56.1 (41.0)", "0.68", "24 frames"]
    assert errors.rows[2] == ["– element Li", "", "120", "", "", "70 forces on atoms"]
    assert systems.rows[1] == [
        "own-00A", "Li4S2", "15.87", "-38.7 ± 7.9", "44.0", "21.0", "296", "122.1", "-1.87", "8 frames",
    ]  # fmt: skip
    assert reference.rows[1] == ["g(r) Co-S", "", "", "0.600 ± 0.050", "0.85"]
    assert reference.rows[2] == ["intact PS4, of 4", "3.900 ± 0.050", "2.10 ± 0.20", "", ""]
    assert any("00A from 2.77 to 2.31" in point for point in section.points)
    assert any(
        "ended after 0.4 of 1 ps or left its bounds: the density changed by 30 %" in point for point in section.points
    )
    # The frame whose deviation is not known is in no figure of it.
    assert len(pictures.figures["deviation-against-error"].axes[0].collections) == 1


def test_the_book_comes_back_and_its_numbers_are_in_the_results(tmp_path: Path) -> None:
    run = write_full(tmp_path)
    assert read_book(Validation, run / "validation" / VALIDATION_FILE) == FULL
    found = collect_results(run)
    assert found.validation is not None
    assert found.validation.reference == REFERENCE
    assert found.validation.own_md == FULL.sets[OWN_MD]
    said = limitations(run, found, "surrogate")
    assert any("2.1 of 4 PS4 stay intact with the model, and 3.9 with chgnet 0.4" in sentence for sentence in said)


def test_page_says_what_trained_model_the_first_committee_started_from(tmp_path: Path) -> None:
    write_stages(tmp_path)
    start = TrainedStart("DPA-3.1-3M.pt", "0123456789abcdef" * 4, "Domains_SSE_PBE", "start.pt", "f" * 64)
    tuned = replace(
        FULL.model, backend="pytorch", kind="dpa3", not_compressed="dpa3 cannot be", started_from=str(start)
    )
    write_book(tmp_path / "validation" / VALIDATION_FILE, replace(VALIDATION, model=tuned))
    (paragraph,) = model_section(tmp_path, Pictures()).paragraphs
    assert (
        "started from the trained model DPA-3.1-3M.pt (SHA-256 0123456789ab, head Domains_SSE_PBE). Trained on"
        in paragraph
    )
    assert "started from" not in made_sentence(FULL.model)
