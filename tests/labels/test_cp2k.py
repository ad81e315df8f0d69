"""CP2K: inputs by composition, and the real program."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from cp2k_input_tools.parser import CP2KInputParser
from dft_cases import CASES, HERE, assert_same_text, dft, label_of, licoo2, lif, settings, task

from mlip_interfaces.errors import MissingProgramError
from mlip_interfaces.labels.codes.cp2k import CP2K, PROGRAMS, parse
from mlip_interfaces.labels.driver import label_task
from mlip_interfaces.labels.evaluation import LabelFailure
from mlip_interfaces.labels.teacher import require_teacher

needs_cp2k = pytest.mark.skipif(
    not any(shutil.which(name) for name in PROGRAMS), reason="CP2K is missing: apt-get install cp2k cp2k-data"
)
COARSE = {"grid_cutoff_ry": 300, "relative_cutoff_ry": 40}


@pytest.fixture(autouse=True)
def _no_data_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CP2K_DATA_DIR", raising=False)


@pytest.mark.parametrize("case", CASES)
def test_input_is_the_golden_one(case: str, tmp_path: Path) -> None:
    CP2K.write(CASES[case](), dft("cp2k"), tmp_path, 1)
    golden = HERE / "golden" / case / "cp2k" / "cp2k.inp"
    assert_same_text((tmp_path / "cp2k.inp").read_text(), golden.read_text())


@pytest.mark.parametrize("case", ["LiF", "interface"])
def test_input_is_valid_and_u_is_on_cobalt_alone(case: str, tmp_path: Path) -> None:
    CP2K.write(CASES[case](), dft("cp2k"), tmp_path, 1)
    kinds = {kind["_"]: kind for kind in parsed(tmp_path)["+subsys"]["+kind"]}
    assert set(kinds) == set(CASES[case]().get_chemical_symbols())
    assert [symbol for symbol, kind in kinds.items() if "+dft_plus_u" in kind] == (["Co"] if "Co" in kinds else [])
    if "Co" in kinds:
        # In hartree: without its unit the value would be 27 times too large.
        np.testing.assert_allclose(kinds["Co"]["+dft_plus_u"]["u_minus_j"], 5.14 / 27.211386, rtol=1e-5, atol=0)
        assert kinds["Co"]["+dft_plus_u"]["l"] == 2


def parsed(folder: Path) -> dict[str, Any]:
    with (folder / "cp2k.inp").open() as handle:
        (evaluation,) = CP2KInputParser().parse(handle)["+force_eval"]
    return evaluation


def test_second_attempt_mixes_gently_and_spins_and_smearing_are_written(tmp_path: Path) -> None:
    elements = {"Co": {"hubbard_u_ev": 5.14, "hubbard_orbital": "d", "moment": 3.0}}
    section = dft("cp2k", elements=elements, spin_polarised=True, smearing_ev=0)
    written = CP2K.write(licoo2(), section, tmp_path, 2)
    content = parsed(tmp_path)
    scf = content["+dft"]["+scf"]
    assert written.safer_settings == {"ALPHA": 0.1, "NBROYDEN": 12, "MAX_SCF": 360}
    assert (scf["+mixing"]["alpha"], scf["max_scf"]) == (0.1, 360)
    assert "+smear" not in scf
    assert content["+dft"]["uks"] is True
    kinds = {kind["_"]: kind for kind in content["+subsys"]["+kind"]}
    assert (kinds["Co"]["magnetization"], "magnetization" in kinds["O"]) == (3.0, False)


def test_missing_basis_is_named(tmp_path: Path) -> None:
    (tmp_path / "BASIS_MOLOPT").write_text(" Li  SZV-MOLOPT-SR-GTH SZV-MOLOPT-SR-GTH-q3\n")
    (tmp_path / "GTH_POTENTIALS").write_text("Li GTH-PBE-q3 GTH-PBE\n")
    wrong = settings("cp2k", command="sh -i cp2k.inp", pseudopotential_dir=str(tmp_path))
    with pytest.raises(MissingProgramError, match="BASIS_MOLOPT has no DZVP-MOLOPT-SR-GTH-q3 for Li"):
        require_teacher(wrong, wrong.dft.elements)
    folder = task(tmp_path / "tasks", lif(), wrong)
    label_task(folder)
    assert (label_of(folder)["status"], label_of(folder)["cause"]) == ("failed", "configuration")


def test_abort_is_named_by_its_own_words(tmp_path: Path) -> None:
    script = tmp_path / "cp2k"
    script.write_text(
        "#!/bin/sh\ncat <<'END'\n *   ___                                        *\n"
        " *  /   \\                                       *\n * [ABORT]                                      *\n"
        " *  \\___/     the number of electrons is odd     *\n *    |                                         *\nEND\nexit 1\n"
    )
    script.chmod(0o755)
    folder = task(tmp_path / "tasks", lif(), settings("cp2k", command=str(script)))
    label_task(folder)
    assert "exit status 1" in label_of(folder)["reason"]
    assert "the number of electrons is odd" in label_of(folder)["reason"]


def test_box_of_an_abort_is_read_across_its_lines(tmp_path: Path) -> None:
    (tmp_path / "cp2k.out").write_text(
        " ***************************************************\n *   ___                                           *\n"
        " *  /   \\                                          *\n * [ABORT] The specified OLD file <BASIS> cannot be *\n"
        " *  \\___/    opened. It does not                   *\n *    |                    exist. Data directory:   *\n"
        " *  O/|                   /opt/cp2k/data            *\n * /| |                                            *\n"
        " * / \\                          Overflow.F:395      *\n ***************************************************\n"
    )
    with pytest.raises(
        LabelFailure, match=r"does not exist\. Data directory: /opt/cp2k/data Overflow\.F:395$"
    ) as caught:
        parse(Atoms("H", cell=[9, 9, 9], pbc=True), tmp_path)
    assert caught.value.cause == "configuration"


def _output(energy: str, forces: list[str]) -> str:
    """The parts of an output that are read, of two atoms in a box of 4, 5 and 6 angstrom."""
    rows = zip("abc", ("4.0 0.0 0.0", "0.0 5.0 0.0", "0.0 0.0 6.0"), strict=True)
    lines = [
        " CP2K| version string:                    CP2K version 2025.1",
        " GLOBAL| Run type                         ENERGY_FORCE",
        *(f" CELL| Vector {axis} [angstrom]:  " + "  ".join(f"{float(v):8.3f}" for v in row.split()) + f"    |{axis}| =   1.0" for axis, row in rows),
        " MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM", "",
        "   Atom Kind Element         X             Y             Z       Z(eff)     Mass", "",
        "      1    1 Li    3      0.000000      0.000000      0.000000   3.0000      6.9400",
        "      2    2 F     9      2.000000      2.500000      3.000000   7.0000     18.9984", "",
        " *** SCF run converged in    12 steps ***", "", energy, "", *forces, "",
        " STRESS| Analytical stress tensor [GPa]",
        " STRESS|                        x                   y                   z",
        " STRESS|      x       1.50000000000E+00   1.00000000000E-01   2.00000000000E-01",
        " STRESS|      y       1.00000000000E-01   1.60000000000E+00   3.00000000000E-01",
        " STRESS|      z       2.00000000000E-01   3.00000000000E-01   1.70000000000E+00", "", " PROGRAM ENDED AT", "",
    ]  # fmt: skip
    return "\n".join(lines)


def test_layout_of_cp2k_2025_is_read_in_its_units(tmp_path: Path) -> None:
    forces = [
        " FORCES| Atomic forces [hartree/bohr]",
        " FORCES|   Atom     x               y               z               |f|",
        " FORCES|      1  2.00000000E-03 -4.00000000E-04  7.00000000E-03  7.29100000E-03",
        " FORCES|      2 -2.00000000E-03  4.00000000E-04 -7.00000000E-03  7.29100000E-03",
        " FORCES| Sum -5.20417043E-18 -1.73472348E-18 -8.67361738E-19   0.00000000E+00",
    ]
    energy = " ENERGY| Total FORCE_EVAL ( QS ) energy [hartree]            -31.500000000000000"
    atoms = Atoms("LiF", positions=[[0, 0, 0], [2, 2.5, 3]], cell=[4, 5, 6], pbc=True)
    (tmp_path / "cp2k.out").write_text(_output(energy, forces))
    answer = parse(atoms, tmp_path)
    assert answer.energy_ev == pytest.approx(-31.5 * units.Hartree, rel=1e-7, abs=0)
    expected = np.array([[2e-3, -4e-4, 7e-3], [-2e-3, 4e-4, -7e-3]]) * units.Hartree / units.Bohr
    np.testing.assert_allclose(answer.forces_ev_per_angstrom, expected, rtol=1e-7, atol=0)
    stress = np.array([[1.5, 0.1, 0.2], [0.1, 1.6, 0.3], [0.2, 0.3, 1.7]])
    np.testing.assert_allclose(answer.virial_ev, stress * units.GPa * 120.0, rtol=1e-7, atol=0)
    for cut in (forces[:3], [forces[0].replace("hartree/bohr", "eV/angstrom"), *forces[1:]]):
        (tmp_path / "cp2k.out").write_text(_output(energy, cut))
        with pytest.raises(LabelFailure, match="cannot be read"):
            parse(atoms, tmp_path)


@needs_cp2k
def test_unconverged_run_is_refused_though_it_exits_with_zero(tmp_path: Path) -> None:
    folder = task(tmp_path / "tasks", lif(), settings("cp2k", max_scf_steps=2, **COARSE))
    label_task(folder)
    assert label_of(folder)["reason"] == "the SCF did not converge"
    assert "SCF run NOT converged" in (folder / "cp2k" / "cp2k.out").read_text()


@needs_cp2k
def test_real_label_has_balanced_forces_and_the_structure_s_cell(tmp_path: Path) -> None:
    atoms = lif()
    # Not to be had from an output with three decimals.
    atoms.set_cell(np.asarray(atoms.cell) * 1.000123, scale_atoms=True)
    atoms.positions[0] += (0.15, 0, 0)
    folder = task(tmp_path / "tasks", atoms, settings("cp2k", **COARSE))
    label_task(folder)
    label = label_of(folder)
    assert label["status"] == "ok", label["reason"]
    assert label["calculator"].startswith("CP2K 20")
    assert label["symbols"] == atoms.get_chemical_symbols()
    np.testing.assert_allclose(label["cell_angstrom"], np.asarray(atoms.cell), rtol=1e-12, atol=1e-12)
    forces = np.array(label["forces_ev_per_angstrom"])
    # The moved Li is driven back, its neighbour in front is pushed on; the grid breaks the balance slightly.
    assert forces[0, 0] < -0.3
    np.testing.assert_allclose(forces.sum(axis=0), 0, rtol=0, atol=0.15)
    np.testing.assert_allclose(forces[:, 1:], 0, rtol=0, atol=0.15)
