"""The section ``labels.dft``: what each code is given for each element, and what a code cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from ase import units
from pydantic import ValidationError

from mlip_interfaces.config.dft import (
    DEFAULT_CUTOFF_EV,
    DFT_CODES,
    LOWEST_GPAW_CUTOFF_EV,
    PARALLEL_TAGS,
    BasisSet,
    Dft,
    ElementDft,
    default_element,
    resolved,
)

SYMBOLS = ("Li", "Co", "O", "F", "P", "S", "Cl")
VALENCE = {"Li": 3, "O": 6, "F": 7, "P": 5, "S": 6, "Cl": 7}
"""Of the shipped pseudopotentials, alike in all codes; those of Co are not."""


def dft(**settings: Any) -> Dft:
    return Dft.model_validate(settings)


@pytest.mark.parametrize("code", ["vasp", "cp2k", "abacus"])
def test_every_element_of_the_shipped_studies_has_a_pseudopotential(code: str) -> None:
    found = resolved(dft(), code, SYMBOLS)
    assert tuple(found.elements) == SYMBOLS
    for symbol, element in found.elements.items():
        assert getattr(element.pseudopotential, code)
        assert (code in BasisSet.model_fields) == (getattr(element.basis, code, None) is not None)
        if symbol in VALENCE:
            assert element.valence == VALENCE[symbol]
    assert found.elements["Co"].valence == {"vasp": 9, "cp2k": 17, "abacus": 17}[code]


@pytest.mark.parametrize("code", ["cp2k", "abacus"])
def test_names_of_a_code_carry_their_element_and_electrons(code: str) -> None:
    for symbol in SYMBOLS:
        element = default_element(symbol, code)
        name, basis = getattr(element.pseudopotential, code), getattr(element.basis, code)
        if code == "cp2k":
            assert name.endswith(f"-q{element.valence}")
            assert basis.endswith(f"-q{element.valence}")
        else:
            assert name.startswith(f"{symbol}_ONCV")
            assert basis.startswith(f"{symbol}_gga")


@pytest.mark.parametrize("code", DFT_CODES)
def test_what_is_resolved_has_nothing_of_other_codes(code: str) -> None:
    given = dft(
        elements={
            "Li": {
                "pseudopotential": {"vasp": "Li", "cp2k": "GTH-PBE-q1", "abacus": "Li.upf"},
                "basis": {"cp2k": "SZV-GTH-q1", "abacus": "Li.orb"},
            }
        },
        extra={"INCAR": {"NCORE": 4}, "INPUT": {"bndpar": 2}, "GPAW": {"symmetry": "off"}},
    )
    found = resolved(given, code, ("Li",))
    element = found.elements["Li"]
    others = set(DFT_CODES) - {code}
    assert not [name for name in others if getattr(element.pseudopotential, name, None)]
    assert not [name for name in others if getattr(element.basis, name, None)]
    own = {"vasp": "INCAR", "abacus": "INPUT", "gpaw": "GPAW"}
    assert list(found.extra) == ([own[code]] if code in own else [])


def test_own_pseudopotential_stands_before_the_shipped_one_and_brings_no_shipped_electrons() -> None:
    other = resolved(dft(elements={"Li": {"pseudopotential": {"vasp": "Li"}}}), "vasp", ("Li",)).elements["Li"]
    assert (other.pseudopotential.vasp, other.valence) == ("Li", None)
    same = resolved(dft(elements={"Li": {"pseudopotential": {"vasp": "Li_sv"}}}), "vasp", ("Li",)).elements["Li"]
    assert (same.pseudopotential.vasp, same.valence) == ("Li_sv", 3)
    told = resolved(dft(elements={"Li": {"pseudopotential": {"vasp": "Li"}, "valence": 1}}), "vasp", ("Li",)).elements[
        "Li"
    ]
    assert told.valence == 1


def test_hash_of_a_pseudopotential_is_kept_where_a_file_is_used() -> None:
    given = dft(elements={"Li": {"pseudopotential": {"sha256": "ab" * 32}}})
    assert resolved(given, "vasp", ("Li",)).elements["Li"].pseudopotential.sha256 == "ab" * 32
    assert resolved(given, "gpaw", ("Li",)).elements["Li"].pseudopotential.sha256 is None


def test_element_without_an_entry_gets_no_u_and_no_moment() -> None:
    for element in resolved(dft(), "vasp", SYMBOLS).elements.values():
        assert not element.has_u
        assert element.angular_momentum == -1
        assert element.moment == 0


@pytest.mark.parametrize(("orbital", "momentum"), [("s", 0), ("p", 1), ("d", 2), ("f", 3)])
def test_shell_of_u_is_its_angular_momentum(orbital: str, momentum: int) -> None:
    element = ElementDft.model_validate({"hubbard_u_ev": 4.0, "hubbard_orbital": orbital})
    assert (element.has_u, element.angular_momentum) == (True, momentum)
    # A shell without a U acts on nothing.
    idle = ElementDft.model_validate({"hubbard_orbital": orbital})
    assert (idle.has_u, idle.angular_momentum) == (False, -1)


def test_cutoffs_follow_the_code_unless_the_study_has_one() -> None:
    assert resolved(dft(), "vasp", ("Li",)).plane_wave_cutoff_ev == 520.0
    assert resolved(dft(), "gpaw", ("Li",)).plane_wave_cutoff_ev == 700.0
    assert resolved(dft(plane_wave_cutoff_ev=800), "vasp", ("Li",)).plane_wave_cutoff_ev == 800.0
    # CP2K has a density grid and no plane-wave cutoff.
    assert resolved(dft(), "cp2k", ("Li",)).plane_wave_cutoff_ev is None
    assert resolved(dft(), "abacus", ("Li",)).plane_wave_cutoff_ev == pytest.approx(
        100 * units.Rydberg, rel=1e-5, abs=0
    )
    assert set(DEFAULT_CUTOFF_EV) == set(DFT_CODES) - {"cp2k"}


@pytest.mark.parametrize(
    ("settings", "code", "symbols", "expected"),
    [
        ({"elements": {"Zr": {}}}, "vasp", ("Li",), r"dft\.elements\.Zr: that element is not in `elements` \(Li\)"),
        ({}, "vasp", ("Zr",), r"dft\.elements\.Zr\.pseudopotential\.vasp is missing"),
        ({}, "cp2k", ("Zr",), r"dft\.elements\.Zr\.pseudopotential\.cp2k is missing"),
        (
            {"elements": {"Zr": {"pseudopotential": {"cp2k": "GTH-PBE-q12"}}}},
            "cp2k",
            ("Zr",),
            r"dft\.elements\.Zr\.basis\.cp2k is missing",
        ),
        ({"spin_polarised": True}, "vasp", ("Co",), "no element has a moment"),
        ({"functional": "PBEsol"}, "gpaw", ("Li",), "must be PBE for GPAW"),
        ({"plane_wave_cutoff_ev": 520}, "gpaw", ("Li",), "520, where GPAW's stress means nothing"),
        ({"smearing_ev": 0}, "vasp", ("Li",), "smearing_ev must be above 0"),
        ({"smearing_ev": 0}, "gpaw", ("Li",), "smearing_ev must be above 0"),
        ({"smearing_ev": 0}, "abacus", ("Li",), "smearing_ev must be above 0"),
        ({"kpoints": [2, 2, 1]}, "cp2k", ("Li",), "even grids miss the Gamma point"),
        (
            {"kpoints": [3, 3, 1], "elements": {"Co": {"hubbard_u_ev": 5, "hubbard_orbital": "d"}}},
            "cp2k",
            ("Co",),
            "has no k-points",
        ),
    ],
)
def test_what_a_code_cannot_do_is_said_before_anything_is_labelled(
    settings: dict[str, Any], code: str, symbols: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        resolved(dft(**settings), code, symbols)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"smearing_ev": 0}, "cp2k"),
        ({"kpoints": [2, 2, 1]}, "vasp"),
        ({"kpoints": [3, 1, 1]}, "cp2k"),
        ({"plane_wave_cutoff_ev": LOWEST_GPAW_CUTOFF_EV}, "gpaw"),
        ({"functional": "PBEsol"}, "vasp"),
        ({"spin_polarised": True, "elements": {"Li": {"moment": 0.5}}}, "vasp"),
    ],
)
def test_what_a_code_can_do_is_let_through(settings: dict[str, Any], code: str) -> None:
    assert resolved(dft(**settings), code, ("Li",)).elements["Li"] is not None


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"INCAR": {"ENCUT": 300}}, r"extra\.INCAR\.ENCUT is decided by other keys"),
        # However it is spelled, the code would read it.
        ({"INCAR": {"encut": 300}}, r"extra\.INCAR\.encut is decided"),
        ({"INPUT": {"HUBBARD_U": "5"}}, r"extra\.INPUT\.HUBBARD_U is decided"),
        ({"GPAW": {"kpts": [1, 1, 1]}}, r"extra\.GPAW\.kpts is decided"),
        ({"KPOINTS": {}}, "'KPOINTS' is not one of INCAR, INPUT, GPAW"),
    ],
)
def test_tag_that_the_section_decides_is_not_written_twice(extra: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        dft(extra=extra)


def test_tags_of_a_file_are_a_copy_and_stand_as_they_are() -> None:
    given = dft(extra={"INCAR": {"NCORE": 4, "LREAL": False, "ROPT": [1e-3, 1e-3]}})
    tags = given.tags("INCAR")
    assert tags == {"NCORE": 4, "LREAL": False, "ROPT": [1e-3, 1e-3]}
    tags["NCORE"] = 8
    assert given.tags("INCAR")["NCORE"] == 4
    assert given.tags("INPUT") == {}


def test_tags_that_share_out_the_work_are_not_among_those_that_decide_numbers() -> None:
    for tag in PARALLEL_TAGS:
        for file in ("INCAR", "INPUT", "GPAW"):
            assert dft(extra={file: {tag: 2}}).tags(file) == {tag: 2}


@pytest.mark.parametrize(
    "settings",
    [
        {"plane_wave_cutoff_ev": 150},
        {"kpoints": [0, 1, 1]},
        {"kpoints": [1, 1]},
        {"smearing_ev": -0.1},
        {"energy_convergence_ev": 0},
        {"max_scf_steps": 0},
        {"cores": 0},
        {"functional": "LDA"},
        {"elements": {"Co": {"hubbard_u_ev": 5.14}}},
        {"elements": {"Co": {"valence": 0}}},
        {"cutoff_ev": 520},
    ],
)
def test_numbers_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        dft(**settings)
