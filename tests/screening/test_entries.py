"""Files of energies: every format says the same, and what is wrong is named with its place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from monty.json import MontyEncoder
from pymatgen.core import Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry, ManualEnergyAdjustment

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.windows.entries import load_entries

ENERGIES = {"Li4": -7.6, "S8": -32.8, "Li4S2": -24.4}
"""eV of the formula as written."""
PER_ATOM = {"Li": -1.9, "S": -4.1, "Li2S": -24.4 / 6}


def written(kind: str, folder: Path) -> Path:
    entries = [ComputedEntry(formula, energy, entry_id=f"mp-{energy}") for formula, energy in ENERGIES.items()]
    path = folder / f"entries.{kind.split('-')[0]}"
    if kind == "json-dicts":
        path.write_text(json.dumps([entry.as_dict() for entry in entries]))
    elif kind == "json-monty":
        path.write_text(json.dumps(entries, cls=MontyEncoder))
    elif kind == "json-entries":
        path.write_text(json.dumps({"entries": {"GGA_GGA+U": [entry.as_dict() for entry in entries]}}))
    elif kind == "json-plain":
        path.write_text(
            json.dumps(
                [{"composition": dict(entry.composition.as_dict()), "energy": entry.energy} for entry in entries]
            )
        )
    elif kind == "csv":
        lines = [f"{formula}, {energy}" for formula, energy in ENERGIES.items()]
        path.write_text("\n".join(["formula, energy_ev_per_formula_unit", *lines, ""]))
    elif kind == "yaml":
        path.write_text(
            "\n".join(f"- {{formula: {name}, energy_ev_per_atom: {energy}}}" for name, energy in PER_ATOM.items())
        )
    else:
        frames = []
        for formula, energy in ENERGIES.items():
            atoms = Atoms(
                formula, positions=np.arange(3.0 * len(Atoms(formula))).reshape(-1, 3), cell=[30] * 3, pbc=True
            )
            atoms.calc = SinglePointCalculator(atoms, energy=energy)
            frames.append(atoms)
        write(path, frames, format="extxyz")
    return path


@pytest.mark.parametrize("kind", ["json-dicts", "json-monty", "json-entries", "json-plain", "csv", "yaml", "extxyz"])
def test_every_format_says_the_same(kind: str, tmp_path: Path) -> None:
    entries = load_entries(written(kind, tmp_path))
    assert {one.formula: one.energy_ev_per_atom for one in entries.phases} == pytest.approx(PER_ATOM, rel=1e-9, abs=0)
    assert entries.notes == ()


def test_corrections_of_the_materials_project_count(tmp_path: Path) -> None:
    structure = Structure(Lattice.cubic(4.0), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    entries = [
        ComputedStructureEntry(structure, -9.0, energy_adjustments=[ManualEnergyAdjustment(-0.5)]),
        ComputedEntry("LiCl", -7.0, correction=-0.25),
    ]
    path = tmp_path / "mp.json"
    path.write_text(json.dumps(entries, cls=MontyEncoder))
    assert [one.energy_ev_per_atom for one in load_entries(path).phases] == pytest.approx(
        [-4.75, -3.625], rel=1e-6, abs=1e-12
    )


def test_lowest_of_duplicates_is_kept_and_said(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("formula,energy_ev_per_atom,name\nLi2S,-4.0,high\nLi4S2,-4.1,low\nLi2S,-3.9,higher\n")
    entries = load_entries(path)
    assert [one.name for one in entries.phases] == ["low"]
    assert entries.notes == (f"2 entries of compositions that have a lower one left out, of 3 in {path}.",)


def test_uncertainties_of_tables_and_of_entries(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("formula,energy_ev_per_atom,uncertainty_ev_per_atom\nLi,-1.9,\nS,-4.1,0.03\n")
    assert [one.uncertainty_ev_per_atom for one in load_entries(path).phases] == [None, 0.03]
    entry = ComputedEntry("Li", -1.9, data={"uncertainty_ev_per_atom": 0.02})
    path = tmp_path / "e.json"
    path.write_text(json.dumps([entry], cls=MontyEncoder))
    assert load_entries(path).phases[0].uncertainty_ev_per_atom == 0.02


def test_mixed_functionals_and_unfinished_relaxations_are_said(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    entries = [
        ComputedEntry("Li", -1.9, parameters={"run_type": "GGA"}),
        ComputedEntry("S", -8.0, parameters={"run_type": "R2SCAN"}),
        ComputedEntry("Li2S", -12.0, data={"converged": False}, entry_id="slow"),
    ]
    path.write_text(json.dumps(entries, cls=MontyEncoder))
    first, second = load_entries(path).notes
    assert "GGA and of R2SCAN" in first
    assert second == "slow (Li2S) was not relaxed to its end; its energy may be too high."


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "e.csv",
            "formula,energy\nLi,1\n",
            "must have 'formula' and one of energy_ev_per_atom and energy_ev_per_formula_unit",
        ),
        ("e.csv", "formula,energy_ev_per_atom,colour\nLi,1,red\n", "has 'colour'; known are formula"),
        ("e.csv", "formula,energy_ev_per_atom\nLi,-1.9\nS,low\n", "line 3: could not convert string to float: 'low'"),
        ("e.csv", "formula,energy_ev_per_atom\nLi,-1.9\nS,\n", "line 3 lacks its formula or its energy"),
        ("e.csv", "formula,energy_ev_per_atom\nLx,-1.9\n", "line 2: 'Lx' is neither a chemical formula"),
        ("e.csv", "formula,energy_ev_per_atom\nLi,nan\n", "line 2: the energy of Li is no finite number"),
        ("e.csv", "formula,energy_ev_per_atom,uncertainty_ev_per_atom\nLi,1,-1\n", "must be zero or more"),
        ("e.csv", "formula,energy_ev_per_atom\n", "has no entry"),
        ("e.yaml", "entries: 3\n", "it needs a list of phases"),
        ("e.yaml", "- 3\n", "entry 1 is no mapping"),
        ("e.json", "[1]", "1 is no entry of pymatgen"),
        ("e.json", '[{"energy": -1.0}]', "entry 1 is no entry of pymatgen"),
        ("e.json", '[{"energy": -1.0, "composition": {}}]', "entry 1 has an empty composition"),
        ("e.json", '[{"energy": 1.0, "composition": {"Li": 1}, "data": [1]}]', "entry 1 is no entry of pymatgen"),
        (
            "e.json",
            '[{"energy": NaN, "composition": {"Li": 1}, "parameters": "x"}]',
            "the energy of Li is no finite number",
        ),
        ("e.json", "[", "e.json"),
        ("e.xyz", "2\nnothing\nLi 0 0 0\nLi 1 1 1\n", "frame 1 has no energy"),
        ("e.dat", "", "energies of '.dat' are not read"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputFileError) as caught:
        load_entries(tmp_path / name)
    assert sentence in str(caught.value)
    assert name in str(caught.value)
