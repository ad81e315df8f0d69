"""Whole models from random studies: what every one of them must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dpdata
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.data import covalent_radii
from ase.formula import Formula
from ase.io import read
from ase.neighborlist import neighbor_list
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure

from mlip_interfaces.config import CrystalLayer, LayerPlan, Study, parse_study
from mlip_interfaces.errors import StructureError, StudyError
from mlip_interfaces.files import read_json
from mlip_interfaces.pipeline.build import build_models, models_named, run_build
from mlip_interfaces.programs import run_program
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.structures.slabs import cut_slab

ELEMENTS = ("Li", "Co", "O", "F", "P", "S", "Cl")
CRYSTALS = (
    ("LiF", [1, 0, 0]), ("LiF", [1, 1, 0]), ("Li2S", [1, 0, 0]), ("Li2S", [1, 1, 0]), ("LiCl", [1, 0, 0]),
    ("LiCoO2", [1, 1, 0]), ("Li6PS5Cl", [1, 1, 0]), ("Li6PS5Cl", [1, 0, 0]), ("Li3OCl", [1, 0, 0]), ("Li", [1, 0, 0]),
)  # fmt: skip
QUENCH = {"melt_kelvin": 2500, "melt_ps": 0.2, "quench_kelvin_per_ps": 8000, "hold_ps": 0.1, "timestep_fs": 1}


def study_of(repository: Path, interface: dict[str, Any]) -> Study:
    raw = yaml.safe_load((repository / "tests" / "studies" / "miniature.yaml").read_text())
    raw["elements"], raw["interface"] = list(ELEMENTS), interface
    raw["initial_data"]["teacher_md"] = []
    raw["analysis"] = {}
    return parse_study(yaml.safe_dump(raw), Path("random.yaml"))


@st.composite
def interfaces(draw: st.DrawFn) -> dict[str, Any]:
    layers = []
    for number in range(draw(st.integers(2, 3))):
        material, miller = draw(st.sampled_from(CRYSTALS))
        layer = {
            "kind": "crystal", "name": f"layer{number}", "material": material, "miller": miller,
            "thickness_angstrom": draw(st.floats(3.0, 14.0)),
        }  # fmt: skip
        if draw(st.booleans()):
            layer["vacancies"] = [{"element": "Li", "fraction": draw(st.sampled_from([0.1, 0.25, 0.5]))}]
        layers.append(layer)
    with_glass = draw(st.booleans())
    if with_glass:
        glass = {
            "kind": "amorphous", "name": "glass", "material": "LiF", "melt_quench": QUENCH,
            "thickness_angstrom": draw(st.sampled_from([4.0, 7.0, [0, 5.0]])),
        }  # fmt: skip
        layers.insert(draw(st.integers(1, len(layers))), glass)
    return {
        "layers": layers, "max_strain": 0.12, "max_area_angstrom2": 90,
        # Four formula units are no glass.
        "lateral_repeat": [2, 2] if with_glass else [1, 1],
        "strained": draw(st.sampled_from(["film", "substrate", "both"])),
        "registry": draw(st.sampled_from(["as-cut", "lowest"])),
        "vacuum_angstrom": draw(st.sampled_from([0.0, 12.0])),
    }  # fmt: skip


def count(atoms: Atoms, layer: str) -> dict[str, int]:
    symbols = np.array(atoms.get_chemical_symbols())[atoms.arrays["layer"] == layer]
    return {str(symbol): int(n) for symbol, n in zip(*np.unique(symbols, return_counts=True), strict=True)}


def assert_nearest_thickness(plan: LayerPlan, made_angstrom: float) -> None:
    """Within one angstrom, or as near as slabs of that plane come."""
    section, wanted = plan.section, plan.thickness_angstrom
    deviation = abs(made_angstrom - wanted)
    if deviation > 1.0:
        assert isinstance(section, CrystalLayer)
        for other in np.arange(0.5, wanted + 15.0, 0.5):
            possible = cut_slab(section.material, section.miller, float(other), stoichiometric=True).cell[2, 2]
            assert abs(possible - wanted) >= deviation - 1e-6


@settings(
    max_examples=8, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)  # fmt: skip
@given(interface=interfaces())
def test_random_studies_give_models_as_asked(
    interface: dict[str, Any], repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    study = study_of(repository, interface)
    root = tmp_path_factory.mktemp("study")
    try:
        run_build(RunContext(study, root, lambda fraction, note: None))
    except StructureError as error:
        assume("share no lateral cell" not in str(error) and "rounds to none" not in str(error))
        raise
    index = {entry["name"]: entry for entry in read_json(root / "structures" / "index.json")["models"]}
    for model in study.interface.models:
        entry, atoms = index[model.name], read(root / "structures" / model.name / "model.xyz")
        assert entry["n_atoms"] == len(atoms)
        assert set(atoms.arrays["layer"]) == {plan.section.name for plan in model.layers}
        radii = covalent_radii[atoms.numbers]
        first, second, distance = neighbor_list("ijd", atoms, 4.0)
        assert (distance >= 0.7 * (radii[first] + radii[second])).all()
        np.testing.assert_allclose(entry["min_distance_angstrom"], distance.min(), rtol=0, atol=1e-4)
        for plan, made in zip(model.layers, entry["layers"], strict=True):
            formula = Formula(plan.section.material).count()
            found = count(atoms, plan.section.name)
            removed = dict(plan.vacancies)
            # Vacancies are where they were asked for, and round(f N) of them.
            units = {el: n for el, n in found.items() if el not in removed}
            n_units = {n / formula[el] for el, n in units.items()} or {made["n_atoms"]}
            if len(formula) > 1:
                assert len(n_units) == 1
                (whole,) = n_units
                assert whole == round(whole)
                for element, share in removed.items():
                    full = round(whole * formula[element])
                    assert found[element] == full - round(share * full)
            assert_nearest_thickness(plan, made["thickness_angstrom"])
            assert made["composition"] == Atoms("".join(f"{el}{n}" for el, n in found.items())).get_chemical_formula()
        for strain in entry["strains"]:
            assert strain["max_strain"] <= study.interface.max_strain + 1e-9


def test_files_of_a_model_are_read_back_alike_by_every_program(repository: Path, tmp_path: Path) -> None:
    interface = {
        "layers": [
            {"kind": "crystal", "name": "a", "material": "LiF", "miller": [1, 0, 0], "thickness_angstrom": 4},
            {"kind": "crystal", "name": "b", "material": "Li2S", "miller": [1, 0, 0], "thickness_angstrom": 5.7},
        ],
        "max_strain": 0.01, "max_area_angstrom2": 40,
    }  # fmt: skip
    study = study_of(repository, interface)
    run_build(RunContext(study, tmp_path, lambda fraction, note: None))
    folder = tmp_path / "structures" / "interface"
    atoms = read(folder / "model.xyz")
    symbols, scaled = atoms.get_chemical_symbols(), atoms.get_scaled_positions()
    labels = json.loads((folder / "layers.json").read_text())
    assert labels["symbols"] == symbols
    assert labels["layer"] == atoms.arrays["layer"].tolist()

    def same(other: np.ndarray, tolerance: float) -> None:
        difference = other - scaled
        np.testing.assert_allclose(difference - np.round(difference), 0.0, rtol=0, atol=tolerance)

    data = read(folder / "model.data", format="lammps-data", atom_style="atomic", sort_by_id=True)
    assert [ELEMENTS[kind - 1] for kind in data.arrays["type"]] == symbols
    same(data.get_scaled_positions(), 1e-7)
    structure = Structure.from_file(folder / "POSCAR")
    assert [site.specie.symbol for site in structure] == symbols
    same(structure.frac_coords, 1e-8)
    np.testing.assert_allclose(structure.lattice.matrix, np.asarray(atoms.cell), rtol=0, atol=1e-8)
    system = dpdata.System(str(folder / "POSCAR"), fmt="vasp/poscar")
    assert [system.data["atom_names"][t] for t in system.data["atom_types"]] == symbols
    np.testing.assert_allclose(system.data["coords"][0], atoms.positions, rtol=0, atol=1e-6)
    (tmp_path / "in.lammps").write_text(
        "units metal\natom_style atomic\nread_data structures/interface/model.data\npair_style zero 4.0 nocoeff\npair_coeff * *\n"
        "run 0\nwrite_dump all custom back.lammpstrj id element xs ys zs modify sort id element "
        + " ".join(ELEMENTS)
        + "\n"
    )
    run_program(["lmp", "-in", "in.lammps"], directory=tmp_path, log_file=tmp_path / "lmp.out")
    lines = (tmp_path / "back.lammpstrj").read_text().split("ITEM: ATOMS")[1].splitlines()[1:]
    assert [line.split()[1] for line in lines] == symbols
    same(np.array([line.split()[2:] for line in lines], dtype=float), 1e-5)


def test_some_models_can_be_built_before_the_rest(repository: Path, tmp_path: Path) -> None:
    layers = [
        {"kind": "crystal", "name": "a", "material": "LiF", "miller": [1, 0, 0], "thickness_angstrom": 4},
        {"kind": "amorphous", "name": "c", "material": "LiF", "thickness_angstrom": [0, 4, 6], "melt_quench": QUENCH},
        {"kind": "crystal", "name": "b", "material": "Li2S", "miller": [1, 0, 0], "thickness_angstrom": 5.7},
    ]
    study = study_of(repository, {"layers": layers, "max_strain": 0.01, "max_area_angstrom2": 40})
    context = RunContext(study, tmp_path, lambda fraction, note: None)

    def built() -> list[str]:
        return [
            m["name"] for m in read_json(tmp_path / "structures" / "index.json")["models"] if m["role"] == "interface"
        ]

    build_models(context, models_named(study, ["c-04A"]))
    assert built() == ["c-04A"]
    first = (tmp_path / "structures" / "c-04A" / "model.xyz").read_bytes()
    build_models(context, models_named(study, ["c-00A"]))
    assert sorted(built()) == ["c-00A", "c-04A"]
    run_build(context)
    assert sorted(built()) == ["c-00A", "c-04A", "c-06A"]
    assert (tmp_path / "structures" / "c-04A" / "model.xyz").read_bytes() == first
    table = (tmp_path / "structures" / "models.csv").read_text().splitlines()
    assert len(table) == 4
    assert (tmp_path / "structures" / "c-06A" / "side_view.png").stat().st_size > 10_000
    with pytest.raises(StudyError, match="has no model 'c-07A'; its models are c-00A, c-04A, c-06A"):
        models_named(study, ["c-07A"])


def test_small_cell_over_its_limit_names_the_remedy(repository: Path, tmp_path: Path) -> None:
    layers = [
        {"kind": "crystal", "name": "a", "material": "LiF", "miller": [1, 0, 0], "thickness_angstrom": 4},
        {"kind": "amorphous", "name": "c", "material": "LiF", "thickness_angstrom": 8, "density_g_per_cm3": 2.4},
        {"kind": "crystal", "name": "b", "material": "Li2S", "miller": [1, 0, 0], "thickness_angstrom": 5.7},
    ]
    small = {"thickness_angstrom": {"a": 20}, "max_atoms": 30}
    study = study_of(repository, {"layers": layers, "small": small, "max_strain": 0.01, "max_area_angstrom2": 40})
    with pytest.raises(StructureError, match=r"dft-c-08A has \d+ atoms, more than interface.small.max_atoms \(30\)"):
        run_build(RunContext(study, tmp_path, lambda fraction, note: None))
    # Nothing was quenched for it.
    assert not (tmp_path / "structures" / "amorphous").exists()
