"""The studies of lithium on Li7P3S11 validate as that field does: equation of state, scan of pairs, g(r) against reference MD."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlip_interfaces.books.run import INDEX, BulkEntry, LayerEntry, ModelEntry, StructureIndex
from mlip_interfaces.choices import GateName
from mlip_interfaces.config import load_study
from mlip_interfaces.files import write_json
from mlip_interfaces.pipeline.gates import read_hosts
from mlip_interfaces.pipeline.reference_md import compared_pairs
from mlip_interfaces.potentials.gates.contract import Host
from mlip_interfaces.potentials.gates.registry import GATES
from mlip_interfaces.run.context import RunContext
from mlip_interfaces.shipped_files import study_file
from mlip_interfaces.structures.crystals import bulk_cell

STUDIES = ("li_li7p3s11.yaml", "demo_li_li7p3s11.yaml")


def built(name: str, folder: Path) -> RunContext:
    """Bulk cells of both layers, as the stage builds them, and both together as a stand-in for their interface."""
    context = RunContext(load_study(study_file(name)), folder)
    cells = {"bulk-electrolyte": bulk_cell("Li7P3S11"), "bulk-anode": bulk_cell("Li")}
    interface = cells["bulk-electrolyte"].copy()
    interface.arrays["layer_id"] = np.arange(len(interface)) % 2
    entries: list[ModelEntry | BulkEntry] = [
        BulkEntry(called, "bulk", f"{called}/model.xyz", len(atoms), "", 1.0, 1.0, {})
        for called, atoms in cells.items()
    ]
    entries.append(
        ModelEntry(
            name="interface", role="interface", file="interface/model.xyz", n_atoms=len(interface), composition="", density_g_per_cm3=1.0,
            min_distance_angstrom=2.0, min_distances_angstrom={"Li-P": 2.0, "P-S": 2.0}, coating_angstrom=None, area_angstrom2=25.0,
            layers=(LayerEntry("anode", "Li", 4.0, 4.0, 4.0, 2, "Li"),), strain=0.0,
        )
    )  # fmt: skip
    for called, atoms in {**cells, "interface": interface}.items():
        (context.structures / called).mkdir(parents=True)
        write(context.structures / called / "model.xyz", atoms, format="extxyz")
    write_json(context.structures / INDEX, StructureIndex(tuple(entries)).to_json())
    return context


def formula(host: Host) -> str:
    return str(Atoms(list(host.symbols)).symbols.formula.reduce()[0].format("hill"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_gate_and_a_comparison_of_g_of_r_are_asked_for(name: str) -> None:
    study = load_study(study_file(name))
    assert set(study.gates.run) == set(get_args(GateName)) >= {"pairs", "compression", "voids"}
    assert study.gates.if_failed == "refuse"
    assert study.validation.reference_md is not None
    pairs = compared_pairs(study, np.array(["Li", "P", "S"] * 2))
    assert {"P-S", "P-P", "Li-P", "Li-S"} <= set(pairs)


def test_crystals_of_reactants_and_products_are_hosts_and_an_interface_is_the_last(tmp_path: Path) -> None:
    hosts = read_hosts(built(STUDIES[0], tmp_path))
    assert [(host.name, host.role) for host in hosts] == [
        ("bulk-electrolyte", "bulk"), ("bulk-anode", "bulk"), ("crystal-Li2S", "bulk"), ("crystal-Li3P", "bulk"),
        ("crystal-LiP", "bulk"), ("interface", "interface"),
    ]  # fmt: skip
    assert [formula(host) for host in hosts[:-1]] == ["Li7P3S11", "Li", "Li2S", "Li3P", "LiP"]
    # What is not trained on is not tried.
    assert [host.name for host in read_hosts(built(STUDIES[1], tmp_path / "demo"))] == [
        "bulk-electrolyte", "bulk-anode", "interface",
    ]  # fmt: skip


def test_the_equation_of_state_of_each_crystal_and_the_scan_of_each_pair_are_measured(tmp_path: Path) -> None:
    context = built(STUDIES[0], tmp_path)
    hosts = read_hosts(context)

    def springs(symbols: Sequence[str], positions: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest at the volume as built, and no force: enough to see what is asked for."""
        host = next((one for one in hosts if one.symbols == tuple(symbols)), hosts[0])
        ratio = np.abs(np.linalg.det(np.broadcast_to(cells, (len(positions), 3, 3)))) / host.volume
        return 50.0 * (ratio - 1.0) ** 2 * len(host.symbols), np.zeros_like(positions)

    state = GATES["compression"].measure(springs, hosts[:-1], context.study.gates)  # type: ignore[misc]
    lowest = {one.what: one.value for one in state.measurements if one.quantity == "volume_error"}
    assert set(lowest) == {host.name for host in hosts[:-1]}
    np.testing.assert_allclose(list(lowest.values()), 0.0, rtol=0, atol=1e-6)
    every_pair = {"-".join(pair) for pair in combinations_with_replacement(context.study.elements, 2)}
    scan = GATES["pairs"].measure(springs, hosts, context.study.gates)  # type: ignore[misc]
    assert {one.what for one in scan.measurements} >= every_pair
