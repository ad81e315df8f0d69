"""Models that a study describes or brings: as DeePMD-kit's own schema has them, and what is known of each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mlip_interfaces.choices import ModelKind
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.potentials import (
    BACKENDS,
    Backend,
    DescriptorSizes,
    InnerSizes,
    LossPrefactors,
    ShortRangeBlend,
    checkpoint_keys,
    is_single_precision,
    kind_of,
    max_neighbors,
    model_section,
    read_model_file,
    total_neighbors,
    training_input,
    why_not_compressed,
    why_not_trained,
)

ELEMENTS = ["Li", "F"]
INNER = InnerSizes(layers=2, node_neurons=8, edge_neurons=8, cutoff_angstrom=3.0, switch_width_angstrom=0.5)
NEIGHBORS = {"se_e2_a": (20, 24), "se_atten_v2": (40,), "dpa2": (40, 12), "dpa3": (40, 12)}


def sizes(kind: str, precision: str = "float64") -> DescriptorSizes:
    inner = INNER if kind in ("dpa2", "dpa3") else None
    return DescriptorSizes(4.0, 0.5, (2, 4), 2, (4,), NEIGHBORS[kind], precision, kind, inner)  # type: ignore[arg-type]


def section(kind: str) -> dict:
    return model_section(sizes(kind), ELEMENTS)


@pytest.mark.parametrize("kind", get_args(ModelKind))
def test_deepmd_kits_own_schema_takes_every_kind_of_model(kind: str) -> None:
    from deepmd.utils.argcheck import normalize

    content = training_input(
        sizes(kind), ELEMENTS, n_steps=10, start_learning_rate=1e-3, stop_learning_rate=1e-5, systems=["data"], seed=1,
        short_range=ShortRangeBlend("table.txt", 0.8, 1.4), loss=LossPrefactors(force_shift_ev_per_angstrom=5.0),
    )  # fmt: skip
    checked = normalize(copy.deepcopy(content))
    assert checked["loss"]["relative_f"] == 5.0
    model = checked["model"]
    assert model["descriptor"]["type"] == kind
    assert model["use_srtab"] == "table.txt"
    assert kind_of(content["model"]) == kind  # type: ignore[arg-type]


def test_a_model_is_the_same_from_its_sizes_and_from_its_section() -> None:
    keys = {"n_steps": 10, "start_learning_rate": 1e-3, "stop_learning_rate": 1e-5}
    blend = ShortRangeBlend("table.txt", 0.8, 1.4)
    direct = training_input(sizes("se_e2_a"), ELEMENTS, **keys, short_range=blend)
    assert training_input(section("se_e2_a"), ELEMENTS, **keys, short_range=blend) == direct


@pytest.mark.parametrize(
    ("kind", "change", "why"),
    [
        ("se_e2_a", {}, ""),
        ("se_e2_a", {"resnet_dt": True}, "resnet_dt"),
        ("se_atten_v2", {}, ""),
        ("se_atten_v2", {"attn_layer": 2}, "attention"),
        ("se_atten_v2", {"type": "dpa1"}, "tebd_input_mode: strip"),
        ("se_atten_v2", {"type": "dpa1", "tebd_input_mode": "strip"}, ""),
        ("dpa2", {}, ""),
        ("dpa3", {}, "dpa3 cannot be compressed"),
    ],
)
def test_what_cannot_be_compressed_says_why(kind: str, change: dict, why: str) -> None:
    model = section(kind)
    model["descriptor"] |= change
    found = why_not_compressed(model)
    assert bool(found) == bool(why)
    assert why in found
    hybrid = {"descriptor": {"type": "hybrid", "list": [section("se_e2_a")["descriptor"], model["descriptor"]]}}
    assert why_not_compressed(hybrid) == found


def test_what_a_backend_cannot_train_is_said_with_the_one_that_can() -> None:
    for kind in get_args(ModelKind):
        assert why_not_trained(section(kind), BACKENDS["pytorch"]) == ""
    assert "set training.backend: pytorch" in why_not_trained(section("dpa3"), BACKENDS["tensorflow"])
    assert why_not_trained(section("se_atten_v2"), BACKENDS["tensorflow"]) == ""
    tabled = section("se_e2_a") | {"use_srtab": "table.txt"}
    assert why_not_trained(tabled, BACKENDS["tensorflow"]) == ""
    assert "not with se_e2_a; take the other backend" in why_not_trained(tabled, BACKENDS["pytorch"])
    tabled = section("se_atten_v2") | {"use_srtab": "table.txt"}
    assert "not with se_atten_v2; take the other backend" in why_not_trained(tabled, BACKENDS["tensorflow"])
    assert why_not_trained(tabled, BACKENDS["pytorch"]) == ""


def test_one_network_in_single_precision_makes_a_model_of_single_precision() -> None:
    assert not is_single_precision(section("dpa2"))
    assert is_single_precision(model_section(sizes("se_e2_a", "float32"), ELEMENTS))
    mixed = section("se_e2_a")
    mixed["fitting_net"]["precision"] = "float32"
    assert is_single_precision(mixed)


def test_a_model_file_is_read_as_a_section_or_as_a_whole_input(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    for content in (section("se_atten_v2"), {"model": section("se_atten_v2"), "training": {"numb_steps": 1}}):
        file.write_text(json.dumps(content))
        assert read_model_file(file, ELEMENTS, BACKENDS["tensorflow"]) == section("se_atten_v2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type_map": ["F", "Li"]}, r'type_map is \["F", "Li"\], but the study\'s `elements` are \["Li", "F"\]'),
        ({"type_map": None}, "type_map is null"),
        ({"use_srtab": "table.txt"}, "give training.short_range"),
        ({"fiting_net": {}}, r"DeePMD-kit refuses .*fiting_net"),
        ({"descriptor": {"type": "se_e2_b"}}, r"DeePMD-kit refuses .*se_e2_b"),
        ({"descriptor": None}, "has no `descriptor`"),
        ({"fitting_net": {"type": "dipole"}}, r'fitting_net.type is "dipole", which gives no energy; set it to ener'),
        ({"fitting_net": {"type": "dos", "numb_dos": 9}}, r'fitting_net.type is "dos"'),
        ({"fitting_net": {"type": "property", "property_name": "gap"}}, r'fitting_net.type is "property"'),
        (
            {"fitting_net": {"numb_fparam": 2}},
            "fitting_net.numb_fparam is 2, but parameters of frames are in no label .*; leave it out",
        ),
        ({"fitting_net": {"numb_aparam": 1}}, "fitting_net.numb_aparam is 1, but parameters of atoms"),
        (
            {"spin": {"use_spin": [True, False], "virtual_len": [0.4], "spin_norm": [1.2]}},
            "spin: spins are in no label",
        ),
        (
            {
                "modifier": {
                    "type": "dipole_charge",
                    "model_name": "x.pb",
                    "model_charge_map": [-8],
                    "sys_charge_map": [6, 1],
                }
            },
            "modifier: the model that it names would not travel with the training; leave it out",
        ),
        ({"finetune_head": "LPS"}, "finetune_head: a head to start from is given by training.start_from"),
        (
            {"descriptor": {"type": "se_e2_a", "sel": [40]}},
            "descriptor.sel of se_e2_a has 1 numbers for 2 elements; give the neighbours kept of each",
        ),
        (
            {
                "descriptor": {
                    "type": "hybrid",
                    "list": [{"type": "se_e2_a", "sel": [9, 9]}, {"type": "se_e2_r", "sel": [9, 9, 9]}],
                }
            },
            "descriptor.sel of se_e2_r has 3 numbers",
        ),
    ],
)
def test_a_wrong_model_file_is_refused_with_its_name(tmp_path: Path, change: dict, message: str) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(section("se_e2_a") | change))
    with pytest.raises(InputFileError, match=message) as error:
        read_model_file(file, ELEMENTS, BACKENDS["tensorflow"])
    assert str(file) in str(error.value)


OF_PYTORCH = {
    "pair_exclude_types": {"pair_exclude_types": [[0, 1]]},
    "atom_exclude_types": {"atom_exclude_types": [0]},
    "preset_out_bias": {"preset_out_bias": {"energy": [None, 1.0]}},
    "descriptor.env_protection": {"descriptor": {"type": "se_e2_a", "sel": [9, 9], "env_protection": 0.01}},
    "descriptor.list.env_protection": {
        "descriptor": {
            "type": "hybrid",
            "list": [{"type": "se_e2_a", "sel": [9, 9]}, {"type": "se_e2_a", "sel": [9, 9], "env_protection": 0.01}],
        }
    },
}
OF_TENSORFLOW = {
    "type_embedding": {"type_embedding": {"neuron": [2, 4]}},
    "srtab_add_bias": {"srtab_add_bias": False},
}


@pytest.mark.parametrize(
    ("key", "change", "heeded_by", "ignored_by"),
    [
        *((key, change, "pytorch", "tensorflow") for key, change in OF_PYTORCH.items()),
        *((key, change, "tensorflow", "pytorch") for key, change in OF_TENSORFLOW.items()),
    ],
)
def test_a_key_that_the_backend_would_ignore_is_refused(
    tmp_path: Path, key: str, change: dict, heeded_by: str, ignored_by: str
) -> None:
    file, content = tmp_path / "model.json", section("se_e2_a") | change
    file.write_text(json.dumps(content))
    assert read_model_file(file, ELEMENTS, BACKENDS[heeded_by]) == content
    backend = BACKENDS[ignored_by]
    with pytest.raises(
        InputFileError, match=f"{backend.label} does not heed {key}, which is for .*{BACKENDS[heeded_by].label}"
    ):
        read_model_file(file, ELEMENTS, backend)


def test_keys_of_another_backend_do_no_harm_with_their_defaults(tmp_path: Path) -> None:
    file, change = tmp_path / "model.json", {"pair_exclude_types": [], "srtab_add_bias": True}
    file.write_text(json.dumps(section("se_e2_a") | change))
    for backend in BACKENDS.values():
        assert read_model_file(file, ELEMENTS, backend)["pair_exclude_types"] == []


@pytest.mark.parametrize("text", ["{", "[1]", "null"])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "model.json"
    file.write_text(text)
    with pytest.raises(InputFileError, match="JSON"):
        read_model_file(file, ELEMENTS, BACKENDS["tensorflow"])


def test_neighbours_of_all_elements_are_counted_together() -> None:
    rng = np.random.default_rng(1)
    atoms = bulk("LiF", "rocksalt", a=4.03, cubic=True) * (2, 2, 2)
    atoms.positions += rng.normal(0, 0.3, atoms.positions.shape)
    alone = Atoms("Li", positions=[[0, 0, 0]], cell=np.eye(3) * 20, pbc=True)
    cutoffs = (4.5, 2.8)
    # All images, one by one.
    shifts = np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ atoms.cell.array
    images = (atoms.positions[:, None] + shifts[None]).reshape(-1, 3)
    distances = np.linalg.norm(atoms.positions[:, None] - images[None], axis=-1)
    most = [int((distances < cutoff).sum(axis=1).max()) - 1 for cutoff in cutoffs]
    assert total_neighbors([atoms, alone], cutoffs, margin=1.0) == tuple(4 * -(-n // 4) for n in most)
    assert total_neighbors([alone], cutoffs, labelled=[atoms]) == total_neighbors([atoms], cutoffs, margin=1.0)
    assert total_neighbors([alone], cutoffs) == (4, 4)
    assert total_neighbors([atoms], cutoffs, margin=1.0)[0] <= sum(max_neighbors([atoms], ELEMENTS, 4.5, margin=1.0))


def test_large_forces_count_less_and_small_ones_as_before_in_deepmd_kits_own_loss(pytorch: Backend) -> None:
    """Against the sum written out, with errors of 0.1 at forces of 0.2 and of 30 eV/angstrom."""
    torch = pytest.importorskip("torch")
    from deepmd.pt.loss.ener import EnergyStdLoss

    label = np.array([[[0.0, 0.2, 0.0], [0.0, 0.0, 30.0]]])
    error = np.full_like(label, 0.1)

    def force_term(loss: LossPrefactors) -> float:
        asked = training_input(
            sizes("se_e2_a"), ELEMENTS, n_steps=10, start_learning_rate=1e-3, stop_learning_rate=1e-5, systems=["data"],
            loss=loss,
        )["loss"]  # fmt: skip
        keys = {key: value for key, value in asked.items() if key != "type" and not key.endswith(("_e", "_v"))}
        there = EnergyStdLoss(starter_learning_rate=1.0, **keys)
        _, total, _ = there(
            {},
            lambda **_: {"force": torch.tensor(label - error)},
            {"force": torch.tensor(label), "find_force": 1.0},
            natoms=2,
            learning_rate=1.0,
        )
        return float(total)

    plain = 50.0 * np.mean(error**2)
    assert force_term(LossPrefactors(force=(50.0, 1.0))) == pytest.approx(plain, rel=1e-12, abs=0)
    shares = 5.0 / (np.linalg.norm(label, axis=2, keepdims=True) + 5.0)
    assert force_term(LossPrefactors(force=(50.0, 1.0), force_shift_ev_per_angstrom=5.0)) == pytest.approx(
        50.0 * np.mean((error * shares) ** 2), rel=1e-6, abs=0
    )
    assert shares.ravel() == pytest.approx([5 / 5.2, 5 / 35], rel=1e-12, abs=0)


def test_every_training_ends_with_its_last_checkpoint() -> None:
    """DeePMD's TensorFlow loop, condition by condition: its own length, and any other that DP-GEN gives the same input."""
    for n_steps in (1, 2, 9, 52, 60, 1604, 5400, 1_000_400):
        keys = checkpoint_keys(n_steps)
        line, save = keys["disp_freq"], keys["save_freq"]
        for asked in (n_steps, *range(1, 2000)):
            saved_at_its_line = asked % line == 0 and asked % save == 0
            saved_at_the_end = asked % save != 0
            assert saved_at_its_line or saved_at_the_end, (n_steps, asked)
        assert n_steps < 40 or 4 <= n_steps / save < 6
