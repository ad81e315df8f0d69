"""VASP inputs by composition, and the driver around a stand-in that refuses what VASP would misread."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.io import read
from dft_cases import (
    CASES,
    HERE,
    assert_same_text,
    dft,
    interface,
    label_of,
    licoo2,
    lif,
    potcars,
    settings,
    stand_in,
    task,
)
from pymatgen.io.vasp import Incar, Poscar

from mlip_interfaces.errors import InputFileError, MissingProgramError, UnfinishedError
from mlip_interfaces.labels.again import forget_configuration_failures
from mlip_interfaces.labels.codes.vasp import VASP, potcar_content, potcar_file
from mlip_interfaces.labels.dataset import write_dataset
from mlip_interfaces.labels.driver import INPUT_FILE, OUTPUT_FILE, label_task
from mlip_interfaces.labels.evaluation import LabelFailure
from mlip_interfaces.labels.settings import LabelSettings
from mlip_interfaces.labels.teacher import require_teacher

ATOMIC_NUMBERS = {"Li": 3, "O": 8, "F": 9, "P": 15, "S": 16, "Cl": 17, "Co": 27}
EV_PER_ANGSTROM3_PER_KBAR = 1 / 1602.1766


@pytest.fixture(autouse=True)
def _no_library_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VASP_PP_PATH", "PMG_VASP_PSP_DIR", "STAND_IN_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return potcars(tmp_path / "library")


def with_vasp(library: Path, **changes: object) -> LabelSettings:
    return settings("vasp", **{"command": stand_in("vasp"), "pseudopotential_dir": str(library), **changes})


@pytest.mark.parametrize("case", CASES)
def test_inputs_are_the_golden_ones(case: str, tmp_path: Path) -> None:
    written = VASP.write(CASES[case](), dft("vasp"), tmp_path, 1)
    assert "no library of POTCARs" in written.missing
    golden = sorted((HERE / "golden" / case / "vasp").iterdir())
    assert [file.name for file in golden] == ["INCAR", "KPOINTS", "POSCAR", "POTCAR.symbols"]
    for file in golden:
        assert_same_text((tmp_path / file.name).read_text(), file.read_text())


@pytest.mark.parametrize("case", CASES)
def test_u_follows_the_species_of_the_poscar_and_nothing_else_differs(case: str, tmp_path: Path) -> None:
    VASP.write(CASES[case](), dft("vasp"), tmp_path, 1)
    incar = Incar.from_file(str(tmp_path / "INCAR"))
    species = Poscar.from_file(str(tmp_path / "POSCAR")).site_symbols
    u_keys = {key for key in incar if key.startswith("LDAU")}
    if "Co" in species:
        assert u_keys == {"LDAU", "LDAUTYPE", "LDAUL", "LDAUU", "LDAUJ"}
        assert dict(zip(species, incar["LDAUU"], strict=True)) == {s: 5.14 if s == "Co" else 0 for s in species}
        assert dict(zip(species, incar["LDAUL"], strict=True)) == {s: 2 if s == "Co" else -1 for s in species}
    else:
        assert not u_keys
    VASP.write(lif(), dft("vasp"), tmp_path, 1)
    plain = Incar.from_file(str(tmp_path / "INCAR"))
    assert {key: value for key, value in incar.items() if key not in u_keys | {"SYSTEM"}} == {
        key: value for key, value in plain.items() if key != "SYSTEM"
    }
    assert plain["LMAXMIX"] == 4


def test_moments_follow_the_species_and_f_shells_have_their_mixing(tmp_path: Path) -> None:
    elements = {
        "Co": {"hubbard_u_ev": 5.14, "hubbard_orbital": "d", "moment": 3.0},
        "O": {"moment": 0.5},
        "Ce": {"hubbard_u_ev": 5.0, "hubbard_orbital": "f", "pseudopotential": {"vasp": "Ce"}},
    }
    section = dft("vasp", symbols=("Li", "Co", "O", "Ce"), spin_polarised=True, elements=elements)
    VASP.write(licoo2(), section, tmp_path, 1)
    incar = Incar.from_file(str(tmp_path / "INCAR"))
    assert incar["MAGMOM"] == [3.0] * 3 + [0.0] * 3 + [0.5] * 6
    assert incar["ISPIN"] == 2
    assert incar["LMAXMIX"] == 6
    assert len(incar["LDAUU"]) == 3


def test_extra_tags_are_written_and_parallel_ones_leave_the_hash(tmp_path: Path) -> None:
    plain = settings("vasp")
    parallel = settings("vasp", extra={"INCAR": {"NCORE": 4}}, command="srun vasp_std", cores=32, max_scf_steps=300)
    other = settings("vasp", extra={"INCAR": {"ADDGRID": True}})
    assert plain.physics_hash == parallel.physics_hash != other.physics_hash
    assert settings("vasp", plane_wave_cutoff_ev=520).physics_hash == plain.physics_hash
    assert settings("vasp", elements={}).physics_hash != plain.physics_hash
    assert other.dft is not None
    VASP.write(lif(), other.dft, tmp_path, 1)
    assert Incar.from_file(str(tmp_path / "INCAR"))["ADDGRID"] is True


@pytest.mark.parametrize("case", CASES)
def test_label_is_in_the_order_of_the_structure(case: str, tmp_path: Path, library: Path) -> None:
    folder = task(tmp_path / "tasks", CASES[case](), with_vasp(library))
    label_task(folder)
    label, atoms = label_of(folder), read(folder / INPUT_FILE, format="vasp")
    assert label["status"] == "ok", label["reason"]
    symbols = atoms.get_chemical_symbols()
    assert label["symbols"] == symbols
    wrapped = atoms.get_scaled_positions(wrap=False) @ np.asarray(atoms.cell)
    expected = [(ATOMIC_NUMBERS[s], 0.1 * y, 0.1 * z) for s, (_, y, z) in zip(symbols, wrapped, strict=True)]
    np.testing.assert_allclose(label["forces_ev_per_angstrom"], expected, rtol=0, atol=2e-6)
    u = 5.14 * symbols.count("Co")
    np.testing.assert_allclose(label["energy_ev"], u - sum(ATOMIC_NUMBERS[s] for s in symbols), rtol=1e-10, atol=0)
    # VASP's printed pressure tensor, xx yy zz xy yz zx: a cell under pressure has a positive virial.
    kbar = np.array([[10, 1, 3], [1, 20, 2], [3, 2, 30]])
    expected_virial = kbar * EV_PER_ANGSTROM3_PER_KBAR * atoms.get_volume()
    np.testing.assert_allclose(label["virial_ev"], expected_virial, rtol=1e-6, atol=0)
    assert (label["calculator"], label["kind"], label["cores"], label["attempt"]) == ("VASP 6.4.2", "dft", 8, 1)
    assert label["pseudopotentials"]["Li"]["name"] == "PAW_PBE Li_sv 10Sep2004"
    assert set(label["pseudopotentials"]) == set(symbols)
    assert not (folder / "vasp" / "POTCAR").exists()


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("unconverged", "the SCF did not converge"),
        ("exhausted", "the SCF did not converge"),
        ("crash", "VASP ended with exit status 139: Error EDDDAV"),
        ("nan", "not finite numbers"),
        ("hang", "timed out after 3 s"),
        ("garbage", "OUTCAR cannot be read"),
        ("empty", "VASP wrote no OUTCAR"),
    ],
)
def test_failed_run_is_a_named_failure_and_its_sibling_is_made(
    mode: str, reason: str, tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    label_settings = with_vasp(library, labels={"timeout_seconds": 3})
    bad = task(tmp_path / "tasks", lif(), label_settings)
    monkeypatch.setenv("STAND_IN_MODE", mode)
    label_task(bad)
    assert label_of(bad)["status"] == "failed"
    assert reason in label_of(bad)["reason"]
    assert label_of(bad)["cause"] == ("timeout" if mode == "hang" else "code")
    monkeypatch.delenv("STAND_IN_MODE")
    good = task(tmp_path / "tasks", licoo2(), label_settings, "task.000.000001")
    label_task(bad)
    # A failure of the code on a structure stands; only one of the configuration is tried again.
    assert label_of(bad)["status"] == "failed"
    assert label_of(good)["status"] == "ok"


def test_second_attempt_is_careful_and_recorded(tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = with_vasp(library)
    twice = with_vasp(library, labels={"second_attempt": True})
    assert once.physics_hash == twice.physics_hash
    monkeypatch.setenv("STAND_IN_MODE", "second")
    failed, made = task(tmp_path / "a", lif(), once), task(tmp_path / "b", lif(), twice)
    label_task(failed)
    label_task(made)
    assert label_of(failed)["reason"] == "the SCF did not converge"
    label = label_of(made)
    assert (label["status"], label["attempt"]) == ("ok", 2)
    assert label["safer_settings"]["ALGO"] == "All"
    assert Incar.from_file(str(made / "vasp_attempt_2" / "INCAR"))["NELM"] == 3 * 120
    monkeypatch.setenv("STAND_IN_MODE", "unconverged")
    hopeless = task(tmp_path / "c", lif(), twice)
    label_task(hopeless)
    assert (label_of(hopeless)["attempt"], label_of(hopeless)["reason"]) == (2, "the SCF did not converge")


def test_hanging_program_ends_with_all_it_started(tmp_path: Path, library: Path) -> None:
    script = tmp_path / "mpirun"
    script.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    script.chmod(0o755)
    folder = task(tmp_path / "tasks", lif(), with_vasp(library, command=str(script), labels={"timeout_seconds": 5}))
    label_task(folder)
    assert label_of(folder)["reason"] == "timed out after 5 s"
    stat = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    # Killed, it is gone when the kernel next looks at it.
    last = time.monotonic() + 5.0
    while _is_alive(stat) and time.monotonic() < last:
        time.sleep(0.05)
    assert not _is_alive(stat)


def _is_alive(stat: Path) -> bool:
    try:
        return stat.read_text().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_program_ends_with_a_killed_driver_and_the_label_is_made_later(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_MODE", "hang")
    folder = task(tmp_path / "tasks", lif(), with_vasp(library))
    driver = subprocess.Popen([sys.executable, "-m", "mlip_interfaces.cli.main", "label", str(folder)])
    log = folder / "vasp" / "vasp.out"
    while not log.exists():
        time.sleep(0.05)
    time.sleep(0.5)
    driver.kill()
    driver.wait()
    time.sleep(0.5)
    running = [
        entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and _works_in(entry, folder / "vasp")
    ]
    assert not running
    assert not (folder / OUTPUT_FILE).exists()
    monkeypatch.delenv("STAND_IN_MODE")
    label_task(folder)
    assert label_of(folder)["status"] == "ok"


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return os.readlink(process / "cwd") == str(folder)
    except OSError:
        return False


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("program", "the program 'vasp_gam_absent' of labels.dft.command 'vasp_gam_absent' is not on PATH"),
        ("library", "does not exist"),
        ("element", "holds no POTCAR of Li_sv"),
        ("title", "the POTCAR for Li should be PAW_PBE Li_sv, but says PAW_PBE Li"),
        ("valence", "has 1 valence electrons"),
        ("hash", "is not the one the study or the first label used"),
    ],
)
def test_wrong_configuration_is_named_before_anything_runs_and_cured_later(
    wrong: str, reason: str, tmp_path: Path, library: Path
) -> None:
    right = with_vasp(library)
    changes: dict[str, object] = {}
    potcar = library / "Li_sv" / "POTCAR"
    content = potcar.read_text()
    match wrong:
        case "program":
            changes["command"] = "vasp_gam_absent"
        case "library":
            changes["pseudopotential_dir"] = str(tmp_path / "nowhere")
        case "element":
            potcar.unlink()
        case "title":
            potcar.write_text(content.replace("Li_sv", "Li"))
        case "valence":
            potcar.write_text(content.replace("3.000", "1.000"))
        case "hash":
            changes["elements"] = {"Li": {"pseudopotential": {"sha256": "0" * 64}}}
            right = with_vasp(library, elements={})
    label_settings = with_vasp(library, **changes)
    if wrong != "hash":
        with pytest.raises(MissingProgramError, match="labels.calculator is 'vasp', but") as raised:
            require_teacher(label_settings, ["Li", "F"])
        assert reason in str(raised.value)
    folder = task(tmp_path / "tasks", lif(), label_settings)
    label_task(folder)
    assert (label_of(folder)["status"], label_of(folder)["cause"]) == ("failed", "configuration")
    assert reason in label_of(folder)["reason"]
    assert not (folder / "vasp" / "vasp.out").exists()
    potcar.write_text(content)
    right.write(folder.parent / "label_settings.json")
    require_teacher(right, ["Li", "F"])
    label_task(folder)
    assert label_of(folder)["status"] == "ok"


def test_other_potcar_than_the_first_label_used_is_refused(tmp_path: Path, library: Path) -> None:
    first = task(tmp_path / "tasks", lif(), with_vasp(library))
    label_task(first)
    potcar = library / "F" / "POTCAR"
    potcar.write_text(potcar.read_text() + "   another release\n")
    second = task(tmp_path / "tasks", interface(), with_vasp(library), "task.000.000001")
    label_task(second)
    assert "PAW_PBE F 10Sep2004 of F is not the one" in label_of(second)["reason"]
    # From another folder the driver cannot know; the data set refuses the mixture.
    other = task(tmp_path / "elsewhere", lif(), with_vasp(library))
    label_task(other)
    records = [label_of(first), label_of(other)]
    with pytest.raises(InputFileError, match="different pseudopotentials of F"):
        write_dataset(records, tmp_path / "data", ["Li", "F"], layer=["a"] * 8)


def test_failures_of_the_configuration_are_forgotten_and_others_stay(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = task(tmp_path / "tasks", lif(), with_vasp(library, command="vasp_gam_absent"))
    label_task(absent)
    monkeypatch.setenv("STAND_IN_MODE", "crash")
    crashed = task(tmp_path / "tasks", lif(), with_vasp(library), "task.000.000001")
    (absent / INPUT_FILE).rename(absent / "elsewhere")
    label_task(crashed)
    assert forget_configuration_failures(tmp_path / "tasks") == [absent.name]
    assert not (absent / OUTPUT_FILE).exists()
    assert (crashed / OUTPUT_FILE).exists()


def fill(file: Path, pages_left: int) -> None:
    room = os.statvfs(file.parent)
    file.write_bytes(b"x" * max(0, room.f_bavail - pages_left) * room.f_frsize)


def test_full_disk_is_one_sentence_and_nothing_is_lost(small_disk: Path, library: Path) -> None:
    first = task(small_disk, lif(), with_vasp(library))
    label_task(first)
    good = (first / OUTPUT_FILE).read_bytes()
    second = task(small_disk, licoo2(), with_vasp(library), "task.000.000001")
    fill(small_disk / "ballast", pages_left=3)
    label_task(second)
    assert label_of(second)["status"] == "failed"
    assert "the disk is full" in label_of(second)["reason"]
    fill(small_disk / "more", pages_left=0)
    with pytest.raises(UnfinishedError, match="the disk is full. Labels that were written are kept"):
        label_task(second)
    assert (first / OUTPUT_FILE).read_bytes() == good
    for name in ("ballast", "more"):
        (small_disk / name).unlink(missing_ok=True)
    label_task(second)
    assert label_of(second)["status"] == "ok"


def test_read_only_folder_is_one_sentence(small_disk: Path, library: Path) -> None:
    folder = task(small_disk, lif(), with_vasp(library))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "mlip_interfaces.cli.main", "label", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "the folder is read-only" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "place",
    [
        "Li_sv/POTCAR", "potpaw_PBE/Li_sv/POTCAR", "potpaw_PBE.54/Li_sv/POTCAR", "POT_GGA_PAW_PBE/POTCAR.Li_sv.gz",
        "POT_GGA_PAW_PBE_54/POTCAR.Li_sv.gz", "POT_PAW_PBE_64/POTCAR.Li_sv", "POT_GGA_PAW_PBE/Li_sv/POTCAR.gz",
        "POTPAW_PBE_54/Li_sv/POTCAR", "POTCAR.Li_sv.gz",
    ],
)  # fmt: skip
def test_potcars_are_found_in_every_layout_and_unpacked(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    content = b"  PAW_PBE Li_sv 10Sep2004\n"
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    assert potcar_file(tmp_path, "Li_sv") == file
    assert potcar_content(file) == content
    with pytest.raises(LabelFailure, match="holds no POTCAR of Li"):
        potcar_file(tmp_path, "Li")


def test_several_releases_and_a_damaged_potcar_are_named(tmp_path: Path) -> None:
    for release in ("POT_GGA_PAW_PBE_52", "POT_PAW_PBE_64"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "POTCAR.F.gz").write_bytes(b"no gzip")
    with pytest.raises(LabelFailure, match=r"several releases \(POT_GGA_PAW_PBE_52, POT_PAW_PBE_64\)"):
        potcar_file(tmp_path, "F")
    with pytest.raises(LabelFailure, match="cannot be unpacked"):
        potcar_content(tmp_path / "POT_PAW_PBE_64" / "POTCAR.F.gz")
