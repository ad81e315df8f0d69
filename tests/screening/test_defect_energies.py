"""Formation and binding energies: the seed's table, reservoirs, arrangements in supercells, the verb."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import write

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import StructureError
from mlip_interfaces.screening.defects.defect_cells import check_set, defect_cells
from mlip_interfaces.screening.defects.defect_energies import Reservoir, binding_energy, exchange_with, formation_energy
from mlip_interfaces.structures.crystals import load_crystal
from mlip_interfaces.structures.defects import parse_defects

# Table 1 of the review: E_f and E_coul of pairs in Li3OCl, eV.
PAIRS = {
    ("V_Li'", "Li_i."): (2.002, -0.004),
    ("Li_i.", "O_Cl'"): (1.676, -0.660),
    ("Li_i.", "S_Cl'"): (1.141, -0.031),
    ("V_Li'", "V_Cl."): (1.398, -0.074),
}


def test_binding_energy_has_the_sign_of_the_table() -> None:
    """E_b = E_f(pair) - sum E_f(isolated) < 0; charged single defects are fixed by the pairs but for one constant, the Fermi level."""
    sums = {pair: energy - binding for pair, (energy, binding) in PAIRS.items()}
    for level in (-1.0, 0.0, 2.5):
        # Choose the interstitial; all others follow from sums of isolated defects, and shift with it by their charge.
        isolated = {"Li_i.": level}
        isolated["V_Li'"] = sums["V_Li'", "Li_i."] - isolated["Li_i."]
        isolated["O_Cl'"] = sums["Li_i.", "O_Cl'"] - isolated["Li_i."]
        isolated["S_Cl'"] = sums["Li_i.", "S_Cl'"] - isolated["Li_i."]
        isolated["V_Cl."] = sums["V_Li'", "V_Cl."] - isolated["V_Li'"]
        for pair, (energy, binding) in PAIRS.items():
            found = binding_energy(energy, [isolated[name] for name in pair])
            assert found == pytest.approx(binding, rel=0, abs=1e-9)
            assert found < 0.0
    # The text's 0.26 eV between the pairs with a vacancy and with sulfur.
    assert PAIRS["V_Li'", "V_Cl."][0] - PAIRS["Li_i.", "S_Cl'"][0] == pytest.approx(0.26, rel=0, abs=0.005)


LICL = Reservoir("LiCl", {"Li": 1, "Cl": 1}, -7.0)
LI2S = Reservoir("Li2S", {"Li": 2, "S": 1}, -11.0)
LI3OCL = Reservoir("Li3OCl", {"Li": 3, "O": 1, "Cl": 1}, -21.5)


def test_reservoirs_make_up_what_is_exchanged() -> None:
    """S on Cl with an interstitial: Li2S in, LiCl out; O on Cl: one Li3OCl in, two LiCl out."""
    found = exchange_with({"Li": 1, "S": 1, "Cl": -1}, [LICL, LI2S, LI3OCL])
    assert found.taken == {"Li2S": 1.0, "LiCl": -1.0}
    assert found.cost_ev == pytest.approx(-11.0 + 7.0, rel=1e-12, abs=0)
    oxygen = exchange_with({"Li": 1, "O": 1, "Cl": -1}, [LICL, LI2S, LI3OCL])
    assert oxygen.taken == {"Li3OCl": 1.0, "LiCl": -2.0}
    assert formation_energy(-100.0, -97.5, oxygen) == pytest.approx(-2.5 - (-21.5 + 14.0), rel=1e-12, abs=0)
    assert exchange_with({}, []).cost_ev == 0.0


@pytest.mark.parametrize(
    ("reservoirs", "sentence"),
    [
        ([], "name the phases that give and take them"),
        ([LICL], "cannot be made up of the reservoirs LiCl"),
        ([LICL, LI2S, Reservoir("Li", {"Li": 1}, -1.9), Reservoir("Cl", {"Cl": 1}, -2.0)], "follow from each other"),
    ],
)
def test_reservoirs_that_do_not_fix_the_potentials_are_refused(reservoirs: list[Reservoir], sentence: str) -> None:
    with pytest.raises(StructureError, match=sentence):
        exchange_with({"Li": 1, "S": 1, "Cl": -1}, reservoirs)


def test_pairs_come_in_shells_and_as_far_as_the_cell_allows() -> None:
    """Distances of Li and Cl sites in the cubic cell, a = 3.91 angstrom: a / sqrt 2, a sqrt 1.5, and the farthest of 3 x 3 x 3."""
    unit = load_crystal("Li3OCl")
    length = unit.cell.lengths()[0]
    cells = defect_cells(unit, (3, 3, 3), parse_defects("V'Li + V^.Cl"), n_shells=2)
    assert [cell.name for cell in cells] == ["near-1", "near-2", "farthest"]
    distances = [cell.distance_angstrom for cell in cells]
    np.testing.assert_allclose(distances, length * np.sqrt([0.5, 1.5, 1.5**2 + 1.0 + 1.5**2]), rtol=1e-6, atol=0)
    for cell in cells:
        assert cell.atoms.symbols.formula.count() == {"Li": 80, "O": 27, "Cl": 26}
    (given,) = defect_cells(unit, (2, 2, 2), parse_defects("V'Li + V^.Cl"), places=[(0.5, 0.5, 0.0), (1.0, 0.0, 0.0)])
    np.testing.assert_allclose(given.distance_angstrom, length * np.sqrt(0.5), rtol=1e-6, atol=0)
    compact, loose = defect_cells(unit, (3, 3, 3), parse_defects("V^.._O + 2 V'Li"))
    assert compact.distance_angstrom == pytest.approx(length / 2, rel=1e-6, abs=0)
    assert loose.distance_angstrom > 6.0
    assert loose.atoms.symbols.formula.count() == {"Li": 79, "O": 26, "Cl": 27}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("V'Li", r"net charge of -1 .* A charged cell needs a calculator with electrons"),
        ("V''Li + V^..O", "the charges of the ions make it -1"),
        ("S_P'", "has no site: the crystal has"),
    ],
)
def test_charged_sets_are_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(StructureError, match=sentence):
        check_set(parse_defects(text), load_crystal("Li3OCl").get_chemical_symbols())


WORDS = ["screen", "defect-energies", "Li3OCl", "--calculator", "mini_teacher:counting", "--repeat", "2", "2", "2"]
PHASES = [word for name in ("Li3OCl", "LiCl", "Li2S", "Li") for word in ("--reservoir", name)]


def test_energies_of_atoms_that_do_not_see_each_other_come_out_even(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every set costs nothing, whatever it exchanges; sulfur beside the interstitial gains what the calculator gives it."""
    out = tmp_path / "out"
    texts = ["Li^.i + S'Cl", "Li^.i + O'Cl", "V'Li + V^.Cl", "S^x_O", "V^x_Li", "Li^x_i"]
    asked = [word for text in texts for word in ("--defects", text)]
    assert main([*WORDS, *asked, *PHASES, "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    sulfur, *others = found["sets"]
    assert [row["arrangement"] for row in sulfur["rows"]] == ["near-1", "farthest"]
    assert [row["formation_energy_ev"] for row in sulfur["rows"]] == pytest.approx([-0.3, 0.0], rel=0, abs=1e-8)
    assert sulfur["binding_energy_ev"] == pytest.approx(-0.3, rel=0, abs=1e-8)
    assert sulfur["taken"] == {"LiCl": -1.0, "Li2S": 1.0}
    for one in others:
        assert [row["formation_energy_ev"] for row in one["rows"]] == pytest.approx(
            [0.0] * len(one["rows"]), rel=0, abs=1e-8
        )
    notes = " ".join(found["notes"])
    assert "stands for the sum of isolated defects" in notes
    assert "V_Lix leaves electrons over" in notes
    assert "S_Ox leaves electrons" not in notes
    assert (out / "defect_energies.png").is_file()
    with (out / "defect_energies.csv").open() as file:
        assert [row["defects"] for row in csv.DictReader(file)][:2] == ["Li_i. + S_Cl'"] * 2
    # Again: all is there.
    assert main([*WORDS, *asked, *PHASES, "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "binding energy -0.300 eV (bound)" in said.out


def test_a_pair_that_falls_together_is_not_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--defects", "V'Li + Li^.i"]
    assert main([*WORDS, *asked, "--out", str(tmp_path), "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["sets"]
    assert all(row["recombined"] for row in one["rows"])
    assert one["formation_energy_ev"] is None
    assert one["binding_energy_ev"] is None


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--defects", "V'Li"], "A charged cell needs a calculator with electrons"),
        (["--defects", "V+Li"], "is no defect in Kröger-Vink notation"),
        (["--defects", "V^x_Li"], "name the phases that give and take them"),
        (["--defects", "V^x_Li", "--chemical-potential", "Li:1"], "is not like Li=-1.9"),
        (["--defects", "V^x_Li", "--chemical-potential", "Li=-1.9", "--at", "0 0"], "three fractions for each defect"),
        (["--defects", "V^x_Li", "--chemical-potential", "Li=-1.9", "--at", "0 0 0"], "the nearest Li is 2.7"),
        (["--defects", "V^x_Li", "--reservoir", "Li", "--reservoir", "Li"], "there is one called Li already"),
        (["--defects", "V^x_Li", "--at", "0 0 0", "--at", "0 0 0"], "--at is given 2 times for 1 --defects"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, *words, "--out", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_crystal_and_a_potential_may_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "host.cif"
    write(path, load_crystal("Li3OCl"))
    words = [word if word != "Li3OCl" else str(path) for word in WORDS]
    asked = ["--defects", "V^x_Li", "--chemical-potential", "Li=-1.5", "--out", str(tmp_path / "out"), "--json"]
    assert main([*words, *asked]) == 0
    (one,) = json.loads(capsys.readouterr().out)["sets"]
    # The atom is worth -1.9 eV in the crystal and -1.5 eV outside: taking it out costs 0.4 eV.
    assert one["formation_energy_ev"] == pytest.approx(0.4, rel=1e-8, abs=0)
