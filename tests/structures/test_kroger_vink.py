"""Kröger-Vink notation as papers print it, and the balance of mass, sites and charge."""

from __future__ import annotations

import pytest

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.defects import (
    PointDefect,
    check_reaction,
    exchanged_atoms,
    mathtext,
    parse_defect,
    parse_defects,
    refuse_unbalanced,
)

FORMAL = {"Li": 1.0, "O": -2.0, "Cl": -1.0, "S": -2.0}

# Of a review on lithium antiperovskites, Table 1: E_f (eV), E_coul (eV), distance (angstrom) of pairs in Li3OCl, and E_f of single defects.
PAIRS = {
    "V'Li + Li^.i": (2.002, -0.004, 2.90),
    "Li^.i + O'Cl": (1.676, -0.660, 1.78),
    "Li^.i + S'Cl": (1.141, -0.031, 4.43),
    "V'Li + V^.Cl": (1.398, -0.074, 4.77),
}
SINGLES = {"S^x_O": 1.353, "V^x_Li": 3.778, "Li^x_i": 3.026}


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("V'Li", PointDefect(None, "Li", -1)),
        ("V′Li", PointDefect(None, "Li", -1)),
        ("V_{Li}^{'}", PointDefect(None, "Li", -1)),
        (r"$V_{\mathrm{Li}}^{\prime}$", PointDefect(None, "Li", -1)),
        ("Li^.i", PointDefect("Li", None, 1)),
        ("Li•i", PointDefect("Li", None, 1)),
        ("Li_i.", PointDefect("Li", None, 1)),
        ("O'Cl", PointDefect("O", "Cl", -1)),
        ("S'_Cl", PointDefect("S", "Cl", -1)),
        ("V^.Cl", PointDefect(None, "Cl", 1)),
        ("V^.._O", PointDefect(None, "O", 2)),
        ("S^x_O", PointDefect("S", "O", 0)),
        ("S×O", PointDefect("S", "O", 0)),
        ("V_Lix", PointDefect(None, "Li", 0)),
        ("V_Sx", PointDefect(None, "S", 0)),
        ("Al•••_Li", PointDefect("Al", "Li", 3)),
    ],
)
def test_every_way_to_write_a_defect_means_the_same(text: str, defect: PointDefect) -> None:
    assert parse_defect(text) == defect
    assert parse_defect(str(defect)) == defect
    assert parse_defect(mathtext(defect)) == defect


@pytest.mark.parametrize("text", ["V+Li", "Li", "V'", "Xq'Li", "V'i", "Li'Li", "LixO", "V^Li", ""])
def test_what_is_no_defect_is_refused(text: str) -> None:
    with pytest.raises(StructureError, match="is no defect in Kröger-Vink notation"):
        parse_defect(text)


@pytest.mark.parametrize("text", PAIRS)
def test_pairs_of_the_table_are_balanced_against_the_charges_of_the_ions(text: str) -> None:
    refuse_unbalanced(parse_defects(text), FORMAL)


def test_a_set_that_is_not_balanced_says_what_would() -> None:
    with pytest.raises(StructureError, match=r"net charge of -1 per set; add V_Cl\. or Li_i\. to it"):
        refuse_unbalanced(parse_defects("S'Cl"), FORMAL)
    with pytest.raises(StructureError, match="the charges of the ions make it -1"):
        refuse_unbalanced(parse_defects("V''Li + V^..O"), FORMAL)


def test_exchanged_atoms_of_the_table() -> None:
    exchanged = {text: exchanged_atoms(parse_defects(text)) for text in [*PAIRS, *SINGLES]}
    assert exchanged == {
        "V'Li + Li^.i": {},
        "Li^.i + O'Cl": {"Li": 1, "O": 1, "Cl": -1},
        "Li^.i + S'Cl": {"Li": 1, "S": 1, "Cl": -1},
        "V'Li + V^.Cl": {"Li": -1, "Cl": -1},
        "S^x_O": {"S": 1, "O": -1},
        "V^x_Li": {"Li": -1},
        "Li^x_i": {"Li": 1},
    }


@pytest.mark.parametrize(
    "text",
    [
        "Li_Li + V_i -> V_Li' + Li_i.",
        "Li2O + Cl_Cl + V_i -> O_Cl' + Li_i. + LiCl",
        "Li2S + Cl_Cl -> S_Cl' + Li_i. + LiCl",
        "Li_Li + Cl_Cl → V_Li' + V_Cl. + LiCl",
        "Li2S + O_O -> S_O^x + Li2O",
        "Li_Li -> V_Lix + Li",
        "Li_Li + h. -> V_Li' + 2 h. + Li",
        "0 -> 3 V_Li' + V_O.. + V_Cl.",
        "O_O -> V_O.. + 1/2 O2 + 2 e'",
    ],
)
def test_reactions_that_hold(text: str) -> None:
    check_reaction(text, "Li3OCl")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Li_Li -> V_Li'", "1 Li on the left and 0 on the right"),
        ("Li_Li -> V_Li' + Li", "its charge is 0 on the left and -1 on the right"),
        ("Li2S + Cl_Cl -> 2 S_Cl' + Li_i. + LiCl", "1 S on the left and 2 on the right"),
        ("0 -> V_Li' + V_Cl.", r"it makes sites \(\+1 Li, 0 O, \+1 Cl\) that are not in the proportion of Li3OCl"),
        ("F_F -> V_F. + 1/2 F2 + e'", "Li3OCl has no F sites"),
        ("Li_Li + V_i", "is no reaction"),
        ("Li_Li + V_i -> V_Q' + Li_i.", "is no defect"),
    ],
)
def test_reactions_that_do_not_hold_say_why(text: str, sentence: str) -> None:
    with pytest.raises(StructureError, match=sentence):
        check_reaction(text, "Li3OCl")
