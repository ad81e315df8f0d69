"""ABACUS inputs by composition, and the driver around a stand-in that refuses wrong ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from dft_cases import CASES, HERE, assert_same_text, dft, label_of, licoo2, lif, settings, stand_in, task

from mlip_interfaces.config.dft import default_element
from mlip_interfaces.labels.codes.abacus import ABACUS
from mlip_interfaces.labels.driver import INPUT_FILE, label_task
from mlip_interfaces.labels.settings import LabelSettings

ATOMIC_NUMBERS = {"Li": 3, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Co": 27}
EV_PER_ANGSTROM3_PER_KBAR = 1 / 1602.1766


@pytest.fixture(autouse=True)
def _no_library_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABACUS_PP_PATH", "STAND_IN_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    for symbol in ATOMIC_NUMBERS:
        element = default_element(symbol, "abacus")
        (folder / str(element.pseudopotential.abacus)).write_text(f'z_valence="  {element.valence}.00"\n')
        (folder / str(element.basis.abacus)).write_text("orbitals\n")
    return folder


def with_abacus(library: Path, **changes: object) -> LabelSettings:
    return settings("abacus", **{"command": stand_in("abacus"), "pseudopotential_dir": str(library), **changes})


@pytest.mark.parametrize("case", CASES)
def test_inputs_are_the_golden_ones(case: str, tmp_path: Path) -> None:
    written = ABACUS.write(CASES[case](), dft("abacus"), tmp_path, 1)
    assert "no folder of pseudopotentials" in written.missing
    golden = sorted((HERE / "golden" / case / "abacus").iterdir())
    assert [file.name for file in golden] == ["INPUT", "KPT", "STRU"]
    for file in golden:
        assert_same_text((tmp_path / file.name).read_text(), file.read_text())


def test_moments_stand_with_their_species(tmp_path: Path) -> None:
    elements = {"Co": {"hubbard_u_ev": 5.14, "hubbard_orbital": "d", "moment": 3.0}}
    ABACUS.write(licoo2(), dft("abacus", elements=elements, spin_polarised=True), tmp_path, 1)
    words = (tmp_path / "STRU").read_text().split("Direct")[1].split()
    assert words[:3] == ["Co", "3", "3"]
    assert words[words.index("O") : words.index("O") + 3] == ["O", "0", "6"]
    assert "nspin                2" in (tmp_path / "INPUT").read_text()


@pytest.mark.parametrize("case", CASES)
def test_label_is_in_the_order_of_the_structure(case: str, tmp_path: Path, library: Path) -> None:
    folder = task(tmp_path / "tasks", CASES[case](), with_abacus(library))
    label_task(folder)
    label, atoms = label_of(folder), read(folder / INPUT_FILE, format="vasp")
    assert label["status"] == "ok", label["reason"]
    symbols = atoms.get_chemical_symbols()
    expected = [(ATOMIC_NUMBERS[s], 0.1 * y, 0.1 * z) for s, (_, y, z) in zip(symbols, atoms.positions, strict=True)]
    np.testing.assert_allclose(label["forces_ev_per_angstrom"], expected, rtol=0, atol=1e-6)
    u = 5.14 * symbols.count("Co")
    np.testing.assert_allclose(label["energy_ev"], u - sum(ATOMIC_NUMBERS[s] for s in symbols), rtol=1e-10, atol=0)
    kbar = np.array([[10, 1, 3], [1, 20, 2], [3, 2, 30]])
    expected_virial = kbar * EV_PER_ANGSTROM3_PER_KBAR * atoms.get_volume()
    np.testing.assert_allclose(label["virial_ev"], expected_virial, rtol=1e-6, atol=0)
    assert (label["calculator"], label["cores"]) == ("ABACUS 3.10.1", 4)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("unconverged", "the SCF did not converge"),
        ("crash", "ABACUS ended with exit status 139: Segmentation fault"),
        ("nan", "cannot be read"),
        ("hang", "timed out after 3 s"),
        ("garbage", "cannot be read"),
        ("empty", "ABACUS wrote no running_scf.log"),
    ],
)
def test_failed_run_is_a_named_failure(
    mode: str, reason: str, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_MODE", mode)
    folder = task(tmp_path / "tasks", lif(), with_abacus(library, labels={"timeout_seconds": 3}))
    label_task(folder)
    assert label_of(folder)["status"] == "failed"
    assert reason in label_of(folder)["reason"]


def test_second_attempt_mixes_gently(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_MODE", "second")
    folder = task(tmp_path / "tasks", licoo2(), with_abacus(library, labels={"second_attempt": True}))
    label_task(folder)
    label = label_of(folder)
    assert (label["status"], label["attempt"], label["safer_settings"]["mixing_beta"]) == ("ok", 2, 0.1)


@pytest.mark.parametrize(("kind", "reason"), [("basis", "4s1p.orb for Li"), ("valence", "has 2 valence electrons")])
def test_missing_basis_and_wrong_pseudopotential_are_named(
    kind: str, reason: str, tmp_path: Path, library: Path
) -> None:
    if kind == "basis":
        (library / str(default_element("Li", "abacus").basis.abacus)).unlink()
    else:
        (library / str(default_element("Li", "abacus").pseudopotential.abacus)).write_text('z_valence="2.0"\n')
    folder = task(tmp_path / "tasks", lif(), with_abacus(library))
    label_task(folder)
    assert label_of(folder)["cause"] == "configuration"
    assert reason in label_of(folder)["reason"]
