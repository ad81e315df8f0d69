"""Phases by rules: crystals under noise, units and Zintl counts that are exact, balance, oracles, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.spacegroup import crystal

from mlip_interfaces.analysis.phase_rules import phase_rules, shipped_rules
from mlip_interfaces.analysis.phases import PhaseClassifier, classify
from mlip_interfaces.errors import AnalysisError, InputFileError
from mlip_interfaces.structures import load_crystal
from mlip_interfaces.structures.crystals import LIBRARY

CRYSTALS = {
    "Li": "Li", "Li2S": "Li2S", "Li3P": "Li3P", "LiP": "LiP", "Li7P3S11": "Li7P3S11", "Li6PS5Cl": "Li6PS5Cl", "beta-Li3PS4": "Li3PS4",
    "gamma-Li3PS4": "Li3PS4", "LiF": "LiF", "LiCl": "LiCl", "LiCoO2": "LiCoO2", "LiNiO2": "LiNiO2", "LiMn2O4": "LiMn2O4", "Co9S8": "CoSx",
    "Co3S4": "CoSx", "CoS2": "CoS2", "gamma-Li3PO4": "PO4", "beta-Li3PO4": "PO4",
    "Li7La3Zr2O12": "Li7La3Zr2O12", "Li3OCl": "Li3OCl", "Li3OBr": "Li3OBr", "LiNi0.5Mn1.5O4": "LiNi0.5Mn1.5O4", "Li2PO2N": "POxNy",
}  # fmt: skip


def block(name: str, least_angstrom: float = 14.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    crystal = load_crystal(name)
    crystal = crystal.repeat([int(np.ceil(least_angstrom / length)) for length in crystal.cell.lengths()])
    return np.array(crystal.get_chemical_symbols()), crystal.positions, crystal.cell.array


def cages(
    symbols_of_cage: list[str], cage: np.ndarray, lithium: np.ndarray, length: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two by two by two groups of P, each with its lithium around, in a cubic lattice."""
    corners = np.array([[u, v, w] for u in range(2) for v in range(2) for w in range(2)]) * length
    own = np.concatenate([cage, lithium])
    symbols = np.array((symbols_of_cage + ["Li"] * len(lithium)) * 8)
    return symbols, (corners[:, None] + own).reshape(-1, 3), np.eye(3) * 2 * length


# Heptaphosphanortricyclane: three P in a triangle, three that bridge to the one at the top; 9 bonds of 2.15 to 2.25 angstrom.
_TURN = np.radians([0.0, 120.0, 240.0])
P7 = np.concatenate(
    [
        np.stack([1.30 * np.cos(_TURN), 1.30 * np.sin(_TURN), 0.0 * _TURN], axis=1),
        np.stack([1.78 * np.cos(_TURN), 1.78 * np.sin(_TURN), 2.12 + 0.0 * _TURN], axis=1),
        [[0.0, 0.0, 3.40]],
    ]
)


def chain_of_cages() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cages joined in a zigzag by two of their three two-bonded P: 20 ends of bonds for seven P."""
    apart = 2 * 1.78 + 2.2
    turned = P7 * [-1.0, -1.0, 1.0]
    lithium = np.array([[0.0, 0.0, -2.4]])
    places = np.concatenate([P7, lithium, turned + [apart, 0.0, 0.0], lithium + [apart, 0.0, 0.0]])
    step = apart * np.array([1.0 + np.cos(np.radians(300.0)), np.sin(np.radians(300.0)), 0.0])
    return np.array((["P"] * 7 + ["Li"]) * 2), places, np.array([step, [0.0, 16.0, 0.0], [0.0, 0.0, 16.0]])


def test_every_crystal_of_the_library_has_a_name_here() -> None:
    assert set(CRYSTALS) == set(LIBRARY)


@pytest.mark.parametrize("name", CRYSTALS)
def test_crystals_under_thermal_noise_are_named_right(name: str) -> None:
    symbols, positions, cell = block(name)
    rng = np.random.default_rng(7)
    for _ in range(2):
        found = classify(symbols, positions + rng.normal(0.0, 0.1, positions.shape), cell)
        assert found.counts().get(CRYSTALS[name], 0) >= 0.98 * len(symbols)
        assert found.confidence[found.of(CRYSTALS[name])].mean() > 0.45
        assert sum(found.counts().values()) == len(symbols)


def test_antifluorite_oxide_is_named_right() -> None:
    symbols, positions, cell = block("Li2S")
    oxide = classify(np.where(symbols == "S", "O", symbols), positions * 4.62 / 5.7158, cell * 4.62 / 5.7158)
    assert oxide.counts() == {"Li2O": len(symbols)}


def cubic(
    basis: list[tuple[str, list[float]]], length: float, repeat: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A cell of atoms at fractional places, repeated."""
    corners = np.stack(np.meshgrid(*[np.arange(repeat)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    places = np.array([place for _, place in basis])
    symbols = np.array([symbol for symbol, _ in basis] * len(corners))
    return symbols, ((corners[:, None] + places).reshape(-1, 3)) * length, np.eye(3) * length * repeat


FACES = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]


def test_compound_of_other_cations_has_no_name_of_lithium() -> None:
    oxide = [("Co", place) for place in FACES] + [("O", [x + 0.5, y, z]) for x, y, z in FACES]
    assert set(classify(*cubic(oxide, 4.26)).counts()) == {"CoOx"}
    # Pyrite, with S-S of 2.16 angstrom along the diagonals.
    u = 0.385
    signs = [[1, 1, 1], [-1, -1, -1], [1, -1, -1], [-1, 1, 1], [-1, 1, -1], [1, -1, 1], [-1, -1, 1], [1, 1, -1]]
    shifts = [
        [0, 0, 0],
        [0, 0, 0],
        [0.5, 0.5, 0],
        [0.5, 0.5, 0],
        [0, 0.5, 0.5],
        [0, 0.5, 0.5],
        [0.5, 0, 0.5],
        [0.5, 0, 0.5],
    ]
    pyrite = [("Fe", place) for place in FACES] + [
        ("S", [u * a + b for a, b in zip(sign, shift, strict=True)]) for sign, shift in zip(signs, shifts, strict=True)
    ]
    assert set(classify(*cubic(pyrite, 5.417)).counts()) == {"unknown"}
    symbols, positions, cell = block("beta-Li3PS4")
    sodium = classify(np.where(symbols == "Li", "Na", symbols), positions, cell).counts()
    assert set(sodium) == {"PS4", "unknown"}
    germanium = classify(np.where(symbols == "P", "Ge", symbols), positions, cell).counts()
    assert set(germanium) == {"unknown"}
    # Li3InCl6, C2/m.
    places = [(0.0, 0.0, 0.0), (0.0, 0.3333, 0.0), (0.0, 0.5, 0.5), (0.2466, 0.1617, 0.2404), (0.2447, 0.0, -0.235)]
    halide = crystal(
        ["In", "Li", "Li", "Cl", "Cl"], places, spacegroup=12, cellpar=[6.41, 11.04, 6.38, 90, 109.8, 90]
    ).repeat(2)
    found = classify(np.array(halide.get_chemical_symbols()), halide.positions, halide.cell.array)
    assert found.counts() == {"unknown": len(halide)}


def test_few_foreign_cations_change_no_name() -> None:
    symbols, positions, cell = block("Li2S")
    symbols = symbols.copy()
    symbols[np.flatnonzero(symbols == "Li")[::60]] = "Na"
    found = classify(symbols, positions, cell)
    assert found.counts()["Li2S"] > 0.9 * symbols.size


def test_li7p3s11_has_as_many_ps4_as_p2s7_and_li6ps5cl_has_ps4_alone() -> None:
    symbols, positions, cell = block("Li7P3S11")
    found = classify(symbols, positions, cell)
    assert dict(found.units) == {"PS4": np.sum(symbols == "P") // 3, "P2S7": np.sum(symbols == "P") // 3}
    symbols, positions, cell = block("Li6PS5Cl")
    assert dict(classify(symbols, positions, cell).units) == {"PS4": np.sum(symbols == "P")}


def test_zintl_count_is_exact() -> None:
    found = {}
    for name in ("Li3P", "LiP"):
        found[name] = classify(*block(name))
    lithium = np.array([[3.4, 0.0, 1.0], [-1.7, 2.94, 1.0], [-1.7, -2.94, 1.0]])
    found["Li3P7"] = classify(*cages(["P"] * 7, P7, lithium, 9.0))
    found["LiP7"] = classify(*chain_of_cages())
    x = {name: one.zintl_x for name, one in found.items()}
    expected = {"Li3P": 3.0, "LiP": 1.0, "Li3P7": 3.0 / 7.0, "LiP7": 1.0 / 7.0}
    np.testing.assert_allclose([x[name] for name in expected], list(expected.values()), rtol=1e-12, atol=0)
    for name, one in found.items():
        assert one.counts() == {name: len(one.codes)}


def test_polyanion_of_sulfur_cuts_no_chain_of_phosphorus_short() -> None:
    """A chain P-P-P-S: the two P without S are a phosphide, and the bond between them and the third P counts."""
    places = np.array([[0.0, 0, 0], [2.2, 0, 0], [4.4, 0, 0], [6.4, 0, 0], [0.0, 2.5, 0], [2.2, 2.5, 0]])
    found = classify(np.array(["P", "P", "P", "S", "Li", "Li"]), places, np.eye(3) * 20.0)
    assert [found.names[code] for code in found.codes] == ["LixP", "LixP", "PSx", "PSx", "LixP", "LixP"]
    assert found.zintl_x == pytest.approx(3.0 - (1 + 2) / 2, rel=1e-6, abs=1e-12)


def test_atom_in_no_shell_is_unknown_without_confidence() -> None:
    found = classify(np.array(["Li", "S"]), np.array([[0.0, 0, 0], [7.0, 0, 0]]), np.eye(3) * 20.0)
    assert found.counts() == {"unknown": 2}
    assert found.confidence.tolist() == [0.0, 0.0]


def test_cation_follows_most_of_its_anions_and_the_nearer_ones_where_they_tie() -> None:
    """F and Cl each with two more Li, and one Li in between."""
    places = [[0.0, 0, 0], [1.9, 0, 0], [-2.6, 0, 0], [3.9, 0, 0], [1.9, 2, 0], [-5.2, 0, 0], [-2.6, 2.6, 0]]
    found = classify(np.array(["Li", "F", "Cl", "Li", "Li", "Li", "Li"]), np.array(places), np.eye(3) * 30.0)
    assert found.names[found.codes[0]] == "LiF"


def test_every_species_balances_and_shifts_and_order_do_not_matter() -> None:
    symbols, positions, cell = block("Li7P3S11")
    rng = np.random.default_rng(2)
    moved = positions + rng.normal(0.0, 0.1, positions.shape)
    one = classify(symbols, moved, cell)
    order = rng.permutation(len(symbols))
    images = (moved + rng.integers(-2, 3, (len(symbols), 3)) @ cell + [1.0, -3.0, 40.0])[order]
    other = classify(symbols[order], images, cell)
    np.testing.assert_array_equal(other.codes, one.codes[order])
    for element in ("Li", "P", "S"):
        inside = symbols == element
        assert sum(np.bincount(one.codes[inside])) == inside.sum()


def test_small_cell_is_named_as_its_repeat() -> None:
    crystal = load_crystal("Li7P3S11")
    alone = classify(np.array(crystal.get_chemical_symbols()), crystal.positions, crystal.cell.array)
    assert alone.counts() == {"Li7P3S11": len(crystal)}
    assert alone.units == {"PS4": 2, "P2S7": 2}


def test_phosphide_in_no_list_is_lixp_and_its_confidence_says_how_much_lithium_is_there() -> None:
    dumbbell = np.array([[0.0, 0, 0], [2.2, 0, 0], [1.1, 2.2, 0], [1.1, -2.2, 0], [1.1, 0, 2.2], [1.1, 0, -2.2]])
    found = classify(np.array(["P", "P", "Li", "Li", "Li", "Li"]), dumbbell, np.eye(3) * 20.0)
    assert found.counts() == {"LixP": 6}
    assert found.confidence[0] == pytest.approx(1.0, rel=1e-6, abs=1e-12)
    fewer = classify(np.array(["P", "P", "Li", "Li"]), dumbbell[:4], np.eye(3) * 20.0)
    assert fewer.confidence[0] == pytest.approx(0.5, rel=1e-6, abs=1e-12)


def test_own_rules_come_first_and_may_be_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "shells_angstrom: {Li-S: 3.2}\nions:\n  - {phase: sulfide, element: S, neighbors: {Li: {least: 6, crystal: 8}}}\n"
    )
    symbols, positions, cell = block("Li2S")
    rules = phase_rules(file)
    assert rules.shells_angstrom["Li-S"] == 3.2
    assert PhaseClassifier(symbols, rules).classify(positions, cell).counts() == {"sulfide": len(symbols)}
    file.write_text("only: true\n" + file.read_text())
    assert phase_rules(file).phases == ("sulfide", "unknown")
    with pytest.raises(AnalysisError, match="No rule of phases knows F, Na; give rules for them in a file"):
        PhaseClassifier(np.array(["Na", "F"]), phase_rules(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ions: [{element: S}]", r"ions\[1\].phase: is missing"),
        ("ions: [{phase: A, element: S, colour: red}]", r"ions\[1\].colour: there is no such key"),
        ("units: [{unit: A}]", r"units\[1\]: a unit has `atoms` .* or `elements`"),
        ("shells_angstrom: {S-Li: 3}\nbonds_angstrom: {S-S: 2}", "begins with S, which is an anion here; write Li-S"),
        (
            "mixtures: [{phase: A, centers: P, units: [B], least: 2}]",
            r"mixtures\[1\].least: it should be less than or equal to 1",
        ),
        ("ions: [{phase: A, element: S, atoms: {least: 3, most: 2}}]", r"least \(3\) is above most \(2\)"),
        ("mixtures: [{phase: A, centers: P, units: [B], least: 1}]", "there is no rule for 'B'"),
        ("reactants: [B]", "there is no rule for 'B'"),
        ("- a", "must hold a mapping with any of only, bonds_angstrom"),
        ("a: [", "is not valid YAML: line 2"),
        ("ions: []\nonly: true\nions: []", "line 3: the key 'ions' stands in line 1 already"),
    ],
)
def test_wrong_rules_are_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputFileError, match=said) as refused:
        phase_rules(tmp_path / "r.yaml")
    assert "r.yaml" in str(refused.value)


def test_missing_file_of_rules_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"The rules nowhere.yaml cannot be read"):
        phase_rules("nowhere.yaml")


def test_shipped_reactants_are_phases() -> None:
    assert set(shipped_rules().reactants) <= set(shipped_rules().phases)


def test_cations_have_the_prevailing_name_of_a_slow_search() -> None:
    """Halides at random: who is whose neighbour is found over all images, and counted one by one."""
    rng = np.random.default_rng(5)
    symbols = np.array(["Li"] * 60 + ["F"] * 30 + ["Cl"] * 30)
    positions, length = rng.random((120, 3)) * 12.0, 12.0
    found = classify(symbols, positions, np.eye(3) * length)
    shells = {"F": 2.8, "Cl": 3.4}
    delta = positions[None] - positions[:, None]
    distances = np.linalg.norm(delta - length * np.round(delta / length), axis=2)
    near = {kind: (distances < shell) & (symbols == kind) for kind, shell in shells.items()}
    n_lithium = {kind: near[kind][symbols == "Li"].sum(axis=0) for kind in shells}
    names = np.full(120, "unknown", dtype=object)
    for kind in shells:
        names[(symbols == kind) & (n_lithium[kind] >= 3)] = f"Li{kind}"
    assert [found.names[code] for code in found.codes[60:]] == names[60:].tolist()
    for a in range(60):
        voters = names[near["F"][a] | near["Cl"][a]]
        counts = {name: int(np.sum(voters == name)) for name in set(voters)}
        best = [name for name, count in counts.items() if count == max(counts.values())]
        if voters.size > 1 and len(best) == 1:
            assert found.names[found.codes[a]] == best[0]
            trust = (
                found.confidence[60:][(near["F"][a] | near["Cl"][a])[60:] & (names[60:] == best[0])].sum() / voters.size
            )
            np.testing.assert_allclose(found.confidence[a], trust, rtol=1e-6, atol=1e-9)
