"""Barriers: surfaces that are formulas, a hop whose top symmetry gives, hops that have none, folders that go on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.io import read
from ase.optimize import FIRE
from landscape_teacher import egg_box

from mlip_interfaces.errors import OtherInputsError, StructureError
from mlip_interfaces.screening.migration.hops import distinct_hops, interstitial_sites, named_hop, sites_of
from mlip_interfaces.screening.migration.migration import HopRecord, Migration, hop_ends, migration, network_of
from mlip_interfaces.screening.migration.migration_outputs import migration_content
from mlip_interfaces.screening.migration.neb import BandSettings, HopFailure, Surface, relax_band, relax_ends
from mlip_interfaces.screening.relaxing.relaxation import relaxed

BOX = Atoms("Li", cell=(3.0, 3.2, 3.4), pbc=True)
QUICK = BandSettings(n_images=5, fmax_ev_per_angstrom=0.02)


class MuellerBrown(Calculator):
    """The surface of Mueller and Brown for the first atom, in 0.01 eV and angstrom; others are held where they begin."""

    implemented_properties = ("energy", "forces")
    A, A_XX, A_XY = np.array([-200, -100, -170, 15.0]), np.array([-1, -1, -6.5, 0.7]), np.array([0, 0, 11, 0.6])
    A_YY, X0, Y0 = np.array([-10, -10, -6.5, 0.7]), np.array([1, 0, -0.5, -1.0]), np.array([0, 0.5, 1.5, 1.0])

    def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        x, y, z = self.atoms.positions[0]
        dx, dy = x - self.X0, y - self.Y0
        terms = 0.01 * self.A * np.exp(self.A_XX * dx**2 + self.A_XY * dx * dy + self.A_YY * dy**2)
        forces = np.zeros((2, 3))
        forces[0] = (
            -(terms * (2 * self.A_XX * dx + self.A_XY * dy)).sum(),
            -(terms * (2 * self.A_YY * dy + self.A_XY * dx)).sum(),
            -20.0 * z,
        )
        self.results = {"energy": terms.sum() + 10.0 * z**2, "forces": forces}


def on_mueller_brown(x: float, y: float) -> Atoms:
    return Atoms("LiHe", positions=[(x, y, 0.0), (0.0, 0.0, 9.0)], cell=(20, 20, 20), pbc=True)


def test_mueller_and_browns_minima_and_saddle() -> None:
    surface = Surface(MuellerBrown())
    settings = BandSettings(n_images=9, fmax_ev_per_angstrom=0.01)
    ends = relax_ends(on_mueller_brown(-0.5, 1.5), on_mueller_brown(0.6, 0.0), 0, surface, settings, 1.9)
    band = relax_band(*ends, 0, surface, settings)
    assert band.is_converged
    # K. Mueller, L. D. Brown, Theor. Chim. Acta 53, 75 (1979): minima -146.700 and -108.167, the higher saddle -40.665.
    assert band.energies_ev[0] == pytest.approx(-1.46700, rel=0, abs=2e-5)
    assert band.energies_ev.max() == pytest.approx(-0.40665, rel=0, abs=2e-4)
    assert band.reaction_energy_ev == pytest.approx(0.38533, rel=0, abs=3e-5)
    assert band.forward_barrier_ev == pytest.approx(1.06035, rel=0, abs=5e-3)
    assert band.backward_barrier_ev == pytest.approx(0.67502, rel=0, abs=5e-3)
    np.testing.assert_allclose(band.positions[0, 0, :2], [-0.558, 1.442], rtol=0, atol=2e-3)
    np.testing.assert_allclose(band.positions[-1, 0, :2], [0.623, 0.028], rtol=0, atol=2e-3)
    np.testing.assert_allclose(band.positions[band.energies_ev.argmax(), 0, :2], [-0.822, 0.624], rtol=0, atol=0.01)
    # The third minimum lies between.
    assert "The path has a minimum of its own" in " ".join(band.notes)
    assert 2.0 < band.ion_path_angstrom < 2.8


def test_barriers_and_percolation_of_an_egg_box_are_its_heights(tmp_path: Path) -> None:
    sites = sites_of(BOX, "Li")
    heights = (0.2, 0.35, 0.5)
    found = migration(
        BOX, sites, distinct_hops(sites, 3.5), egg_box(heights), tmp_path / "out", {}, band=QUICK, min_length_angstrom=6.0,
        keep_cell=True,
    )  # fmt: skip
    assert [record.name for record in found.records] == ["Li1-Li1_1,0,0", "Li1-Li1_0,1,0", "Li1-Li1_0,0,1"]
    for record, height, length in zip(found.records, heights, (3.0, 3.2, 3.4), strict=True):
        assert record.state == "converged"
        assert record.forward_barrier_ev == pytest.approx(height, rel=1e-4, abs=0)
        assert record.backward_barrier_ev == pytest.approx(height, rel=1e-4, abs=0)
        assert record.reaction_energy_ev == pytest.approx(0.0, rel=0, abs=1e-6)
        assert record.path_length_angstrom == pytest.approx(length, rel=1e-4, abs=0)
        assert record.ion_path_angstrom == pytest.approx(length, rel=1e-4, abs=0)
        # The cubic through energies and slopes follows the cosine.
        s = np.array(record.fit_path_angstrom) / length
        np.testing.assert_allclose(record.fit_energies_ev, height * np.sin(np.pi * s) ** 2, rtol=0, atol=0.01 * height)
    reached = found.network.percolation
    assert {axis: one.level for axis, one in reached.axes.items()} == pytest.approx(
        {"a": 0.2, "b": 0.35, "c": 0.5}, rel=1e-4, abs=0
    )
    assert {number: one.level for number, one in reached.directions.items()} == pytest.approx(
        {1: 0.2, 2: 0.35, 3: 0.5}, rel=1e-4, abs=0
    )
    images = read(tmp_path / "out" / "hops" / "Li1-Li1_1,0,0.xyz", ":")
    assert len(images) == 7
    assert images[3].get_potential_energy() - images[0].get_potential_energy() == pytest.approx(0.2, rel=1e-4, abs=0)


def test_the_top_of_a_vacancys_hop_is_the_one_that_symmetry_gives(tmp_path: Path) -> None:
    copper = bulk("Cu", cubic=True)
    sites = sites_of(copper, "Cu")
    (hop,) = distinct_hops(sites, 3.0)
    found = migration(
        copper, sites, [hop], EMT(), tmp_path, {}, band=BandSettings(1, 0.02), min_length_angstrom=7.0, keep_cell=True
    )
    (record,) = found.records
    assert (record.state, record.n_equivalent, found.n_atoms) == ("converged", 24, 31)
    assert record.reaction_energy_ev == pytest.approx(0.0, rel=0, abs=1e-5)
    # At the middle of the hop symmetry holds the ion: all others relax around it.
    start, end, ion = hop_ends(copper, sites, hop, (2, 2, 2))
    middle = start.copy()
    middle.positions = 0.5 * (start.positions + end.positions)
    middle.set_constraint(FixAtoms([ion]))
    tops = []
    for atoms in (start, middle):
        atoms.calc = EMT()
        FIRE(atoms, logfile=None).run(fmax=0.01, steps=300)
        tops.append(atoms.get_potential_energy())
    assert record.forward_barrier_ev == pytest.approx(tops[1] - tops[0], rel=0, abs=1e-3)
    assert 0.4 < tops[1] - tops[0] < 1.2


def test_a_hop_between_places(tmp_path: Path) -> None:
    crystal = Atoms("He", scaled_positions=[(0.5, 0.5, 0.5)], cell=BOX.cell, pbc=True)
    sites = interstitial_sites(crystal, "Li", [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
    hops = [named_hop(sites, "i1-i2_0,0,0")]
    found = migration(
        crystal,
        sites,
        hops,
        egg_box((0.2, 0.35, 0.5)),
        tmp_path,
        {},
        band=QUICK,
        min_length_angstrom=6.0,
        keep_cell=True,
    )
    assert found.records[0].forward_barrier_ev == pytest.approx(0.35, rel=1e-4, abs=0)
    assert found.n_atoms == 3 * 3 * 2 + 1


def made_of_egg_boxes(tmp_path: Path, places: list[tuple[float, float, float]], **settings: Any) -> HopRecord:
    crystal = Atoms("He", scaled_positions=[(0.5, 0.5, 0.5)], cell=BOX.cell, pbc=True)
    sites = interstitial_sites(crystal, "Li", places)
    options = {"band": QUICK, "min_length_angstrom": 7.0, "keep_cell": True} | settings
    heights = (0.2, 0.35, 0.5)
    (record,) = migration(
        crystal, sites, [named_hop(sites, "i1-i2_0,0,0")], egg_box(heights), tmp_path, {}, **options
    ).records
    return record


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ([(0.1, 0.0, 0.0), (0.0, 0.2, 0.0)], "Both ends come to rest in the same place"),
        ([(0.0, 0.0, 0.0), (0.0, 0.6, 0.0)], "The last end comes to rest elsewhere: the ion goes 1.2"),
        ([(0.0, 0.0, 0.0), (0.5, 0.5, 0.6)], "An end of the hop lies 0.34 angstrom from an atom"),
    ],
)
def test_a_hop_without_sites_is_a_sentence(
    places: list[tuple[float, float, float]], sentence: str, tmp_path: Path
) -> None:
    record = made_of_egg_boxes(tmp_path, places)
    assert record.state == "failed"
    assert record.forward_barrier_ev is None
    assert sentence in record.notes[0]


def test_images_that_merge_are_a_sentence() -> None:
    class Flat(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": 0.0, "forces": np.zeros((2, 3))}

    surface = Surface(Flat())
    first = on_mueller_brown(0.0, 0.0)
    first.calc = surface
    first.get_forces()
    with pytest.raises(HopFailure, match="Images 0 and 1, 1 and 2, 2 and 3 of the band merge"):
        relax_band(first, first.copy(), 0, surface, BandSettings(n_images=2))


def test_what_one_hop_lacks_does_not_stop_the_others(tmp_path: Path) -> None:
    sites = sites_of(BOX, "Li")
    hops = distinct_hops(sites, 3.5)
    options: dict[str, Any] = {"band": QUICK, "min_length_angstrom": 6.0, "keep_cell": True}
    found = migration(BOX, sites, hops, egg_box((0.5, 0.35, 0.2), fails_above=0.4), tmp_path, {}, **options)
    assert [record.state for record in found.records] == ["failed", "converged", "converged"]
    assert "The calculator failed (RuntimeError: too high for me)" in found.records[0].notes[0]
    assert sorted(found.network.percolation.directions) == [1, 2]
    assert sorted(found.network.percolation.axes) == ["b", "c"]
    content = migration_content(found, {})
    assert content["percolation"]["directions"]["3"] is None  # type: ignore[index]
    assert "1 hop without effect on percolation, since there is no barrier: Li1-Li1_1,0,0." in found.notes


def test_what_is_finished_is_kept_and_more_steps_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("MINI_TEACHER_LOG", str(log))
    folder = tmp_path / "out"
    sites = sites_of(BOX, "Li")
    hops = distinct_hops(sites, 3.3)
    was_new: list[bool] = []
    options: dict[str, Any] = {
        "min_length_angstrom": 7.0, "keep_cell": True, "report": lambda record, is_new: was_new.append(is_new),
    }  # fmt: skip

    def states(steps: int, which: Any = hops) -> list[str]:
        log.write_text("")
        was_new.clear()
        band = BandSettings(4, 0.02, steps)
        found = migration(BOX, sites, which, egg_box((0.2, 0.35, 0.5)), folder, {}, band=band, **options)
        return [record.state for record in found.records]

    # No image of four begins at the top: the highest has to climb.
    assert states(3, hops[:1]) == ["not converged"]
    assert (
        "is not at rest after 3 steps" in json.loads((folder / "hops" / "Li1-Li1_1,0,0.json").read_text())["notes"][0]
    )
    assert states(3, hops[:1]) == ["not converged"]
    assert (was_new, log.read_text()) == ([False], "")
    assert states(500) == ["converged", "converged"]
    assert was_new == [True, True]
    # A kill between two hops: the second has no file.
    (folder / "hops" / "Li1-Li1_0,1,0.json").unlink()
    assert states(400) == ["converged", "converged"]
    assert was_new == [False, True]
    assert states(900) == ["converged", "converged"]
    assert (was_new, log.read_text()) == ([False, False], "")


def test_hops_of_a_crystal_that_is_not_at_rest_stay_in_its_first_cell(tmp_path: Path) -> None:
    copper = bulk("Cu", cubic=True)
    copper.set_cell(copper.cell.array * [1.0, 1.0, 1.06], scale_atoms=True)
    sites = sites_of(copper, "Cu")
    hops = distinct_hops(sites, 3.0)

    def found(steps: int, which: Any) -> Migration:
        band = BandSettings(1, 0.1, steps)
        return migration(copper, sites, which, EMT(), tmp_path, {}, band=band, min_length_angstrom=7.0)

    few, many = found(12, hops[:1]), found(300, hops)
    assert [record.state for record in (*few.records, *many.records)] == ["converged"] * 3
    assert (few.bulk.converged, many.bulk) == (False, few.bulk)
    assert "Raise --max-steps in another --out" in many.notes[0]
    # All sites are one, and so is the energy of a vacancy, whichever hop begins there.
    energies = [record.first_energy_ev for record in many.records]
    assert energies[0] == few.records[0].first_energy_ev
    assert energies[1] == pytest.approx(energies[0], rel=0, abs=1e-6)


def test_sites_without_a_converged_hop_are_named(tmp_path: Path) -> None:
    crystal = Atoms("Li3He", positions=[(3.0 * k, 0.0, 0.0) for k in range(4)], cell=(12.0, 3.2, 3.4), pbc=True)
    sites = sites_of(crystal, "Li")
    hops = [named_hop(sites, f"{site}-{site}_0,1,0") for site in ("Li1", "Li2")]
    for which, expected in ((hops[:1], ["Li2"]), (hops[1:], ["Li1"]), (hops, [])):
        found = migration(
            crystal, sites, which, egg_box((0.2, 0.35, 0.5)), tmp_path, {}, band=QUICK, min_length_angstrom=6.0, keep_cell=True
        )  # fmt: skip
        named = [note.split()[3] for note in found.notes if "levels of percolation are too low" in note]
        assert named == expected


def test_another_request_is_refused(tmp_path: Path) -> None:
    sites = sites_of(BOX, "Li")
    hops = distinct_hops(sites, 3.1)
    options: dict[str, Any] = {"min_length_angstrom": 6.0, "keep_cell": True}
    folder = tmp_path / "out"
    migration(BOX, sites, hops, egg_box((0.2, 0.3, 0.4)), folder, {"calculator": "one"}, band=QUICK, **options)
    with pytest.raises(
        OtherInputsError, match="was made with calculator one, not two; barriers of both do not compare"
    ):
        migration(BOX, sites, hops, egg_box((0.2, 0.3, 0.4)), folder, {"calculator": "two"}, band=QUICK, **options)
    with pytest.raises(OtherInputsError, match="was made with n_images 5, not 7"):
        migration(
            BOX,
            sites,
            hops,
            egg_box((0.2, 0.3, 0.4)),
            folder,
            {"calculator": "one"},
            band=BandSettings(7, 0.02),
            **options,
        )
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("")
    with pytest.raises(OtherInputsError, match="has files and no request.json"):
        migration(BOX, sites, hops, egg_box((0.2, 0.3, 0.4)), other, {}, band=QUICK, **options)
    with pytest.raises(OtherInputsError, match="thesis.txt is a file; give a folder"):
        migration(BOX, sites, hops, egg_box((0.2, 0.3, 0.4)), other / "thesis.txt", {}, band=QUICK, **options)


def test_a_calculator_without_stress_needs_the_cell_kept(tmp_path: Path) -> None:
    sites = sites_of(BOX, "Li")
    with pytest.raises(StructureError, match="A calculator without stress needs --keep-cell"):
        migration(BOX, sites, distinct_hops(sites, 3.1), egg_box((0.2, 0.3, 0.4)), tmp_path / "out", {}, band=QUICK)
    # Nothing is there that would refuse another calculator.
    assert not (tmp_path / "out").exists()
    failing = egg_box((0.2, 0.3, 0.4), fails_above=-1.0)
    with pytest.raises(StructureError, match=r"^Li: The calculator failed \(RuntimeError: too high for me\)\.$"):
        migration(BOX, sites, distinct_hops(sites, 3.1), failing, tmp_path / "out", {}, band=QUICK)


@pytest.mark.parametrize("keep_cell", [False, True])
def test_a_failure_that_speaks_of_stress_is_no_lack_of_it(keep_cell: bool, tmp_path: Path) -> None:
    class Strained(Calculator):
        implemented_properties = ("energy", "forces", "stress")

        def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
            raise RuntimeError("the stress is too high for me")

    sites = sites_of(BOX, "Li")
    with pytest.raises(
        StructureError, match=r"^Li: The calculator failed \(RuntimeError: the stress is too high for me\)\.$"
    ):
        migration(BOX, sites, distinct_hops(sites, 3.1), Strained(), tmp_path / "out", {}, keep_cell=keep_cell)


@pytest.mark.parametrize("wrong", ["forces", "stress"])
def test_forces_and_stresses_that_are_no_numbers_are_a_sentence(wrong: str, tmp_path: Path) -> None:
    class Lost(Calculator):
        implemented_properties = ("energy", "forces", "stress")

        def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": 0.0, "forces": np.zeros((len(self.atoms), 3)), "stress": np.zeros(6)}
            self.results[wrong][0] = np.nan

    sites = sites_of(BOX, "Li")
    with pytest.raises(StructureError, match="^Li: The calculator gives .* no finite numbers"):
        migration(BOX, sites, distinct_hops(sites, 3.1), Lost(), tmp_path / "out", {})
    if wrong == "forces":
        with pytest.raises(StructureError, match="^Li: the calculator gives .* no finite numbers"):
            relaxed(BOX, Lost(), "none", fmax_ev_per_angstrom=0.1, max_steps=1, name="Li")


def test_a_calculator_without_forces_is_a_sentence_and_the_cell_is_not_blamed(tmp_path: Path) -> None:
    class Bare(Calculator):
        implemented_properties = ("energy",)

        def calculate(self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes) -> None:
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": 0.0}

    sites = sites_of(BOX, "Li")
    with pytest.raises(StructureError, match="lacks what a relaxation needs .* energy, forces and stress.$"):
        migration(BOX, sites, distinct_hops(sites, 3.1), Bare(), tmp_path / "out", {}, keep_cell=True)


def test_a_deep_site_counts_for_every_path() -> None:
    crystal = Atoms("Li2", scaled_positions=[(0, 0, 0), (0.4, 0, 0)], cell=(5, 6, 7), pbc=True)
    sites = sites_of(crystal, "Li")
    hops = [named_hop(sites, "Li1-Li2"), named_hop(sites, "Li2-Li1_1,0,0"), named_hop(sites, "Li2-Li2_0,1,0")]

    def record(place: int, energy: float, forward: float, reaction: float) -> HopRecord:
        hop = hops[place]
        return HopRecord(
            hop.name, "converged", hop.distance_angstrom, len(hop.edges), hop.joins_equals, 1, 1, forward, forward - reaction,
            reaction, energy,
        )  # fmt: skip

    # Site 2 lies 0.3 eV over site 1: along a the top is 0.5 over site 1; along b 0.4 over site 2, and so 0.7 over site 1.
    records = [record(0, -10.0, 0.5, 0.3), record(1, -9.7, 0.1, -0.3), record(2, -9.7, 0.4, 0.0)]
    found = network_of(sites, hops, records)
    assert {axis: one.level for axis, one in found.percolation.axes.items()} == pytest.approx(
        {"a": 0.5, "b": 0.7}, rel=1e-9, abs=0
    )
    assert found.lowest_ev == -10.0
    assert [found.owners[one.limiting] for one in found.percolation.axes.values()] == ["Li1-Li2", "Li2-Li2_0,1,0"]
    without = network_of(sites, hops, [replace(records[0], state="not converged"), *records[1:]])
    assert list(without.percolation.axes) == ["b"]
    assert network_of(sites, hops, [replace(one, state="failed") for one in records]).percolation.directions == {}


def test_ends_follow_the_cells_of_a_supercell() -> None:
    crystal = bulk("Cu", cubic=True)
    sites = sites_of(crystal, "Cu")
    for name in ("Cu1-Cu2", "Cu1-Cu2_0,-1,0", "Cu3-Cu1_1,0,-1"):
        hop = named_hop(sites, name)
        start, end, ion = hop_ends(crystal, sites, hop, (3, 3, 3))
        moved = np.linalg.norm(end.positions - start.positions, axis=1)
        assert np.flatnonzero(moved).tolist() == [ion]
        assert moved[ion] == pytest.approx(hop.distance_angstrom, rel=1e-9, abs=0)
        # The ion goes to the vacancy: both ends are the perfect crystal without one atom.
        for one in (start, end):
            assert len(one) == 4 * 27 - 1
            assert one.get_all_distances(mic=True)[~np.eye(len(one), dtype=bool)].min() == pytest.approx(
                3.61 / np.sqrt(2), rel=1e-6, abs=0
            )
