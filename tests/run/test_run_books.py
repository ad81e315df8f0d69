"""The books that stages leave: the same JSON back, keys of their files as ever, older folders read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlip_interfaces.books.run import (
    AnalysisEntry,
    AnalysisIndex,
    BulkEntry,
    CrystalLayerEntry,
    FailedLabel,
    FinalModel,
    GlassEntry,
    InitialData,
    LayerEntry,
    LayerForceError,
    ModelEntry,
    ScanEntry,
    ScanIndex,
    StrainEntry,
    StructureIndex,
    SystemErrors,
    TrainingCost,
    Validation,
    read_book,
    read_optional_book,
    write_book,
)
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_json

FILE = Path("run/index.json")
SIZE = ("LiF", 5.0, 5.5, 4.8, 24, "F12Li12")
SHARED = {
    "n_atoms": 60, "composition": "F12Li48", "density_g_per_cm3": 2.5, "min_distance_angstrom": 1.8,
    "min_distances_angstrom": {"Li-F": 1.8, "Li-Li": 2.6},
}  # fmt: skip


def index() -> StructureIndex:
    """An interface of a crystal and a glass, with their bulk cells."""
    model = ModelEntry(
        name="coating-05A",
        role="interface",
        file="coating-05A/model.xyz",
        **SHARED,
        coating_angstrom=5.0,
        area_angstrom2=64.0,
        layers=(
            CrystalLayerEntry("cathode", *SIZE, "Li-O", True, 2, 0.25),
            LayerEntry("coating", *SIZE),
        ),
        strain=0.01,
        strains=(StrainEntry("cathode", 0.01, ((0.01, 0.0), (0.0, -0.01)), 30.0),),
    )
    bulk = BulkEntry(name="bulk-cathode", role="bulk", file="bulk-cathode/model.xyz", **SHARED)
    glass = GlassEntry("amorphous/coating-5", "LiF", 5.0, 2.4, 2.45, 4.1, 1, 500.0, "a glass", {"verdict": "glass"})
    return StructureIndex((model, bulk), (glass,))


def scan_entry(**changes: object) -> ScanEntry:
    plain = {
        "name": "a/b/seed-1", "model": "a", "coating_angstrom": 5.0, "variant": "", "protocol": "b", "condition": "b",
        "ensemble": "npt", "temperature_kelvin": 300.0, "pressure_bar": (1.0, 1.0, 1000.0), "seed": 1,
        "directory": "a/b/seed-1", "trajectory": "traj.dcd", "topology": "model.data", "layers": "layers.json",
        "thermo_file": "thermo.csv", "frame_interval_ps": 0.1, "n_atoms": 60, "healthy": True, "reasons": (),
        "time_ps": 2.0, "n_steps": 2000, "n_frames": 21,
    }  # fmt: skip
    return ScanEntry(**(plain | changes))


BOOKS = [
    index(),
    ScanIndex(
        (
            scan_entry(edges_initial_angstrom=(1.0, 2.0, 3.0)),
            scan_entry(healthy=False, reasons=("too hot",), coating_angstrom=None),
        )
    ),
    AnalysisIndex(
        (AnalysisEntry.of_run(scan_entry(), kinds={"rdf": "rdf", "msd of Li": "msd"}, absent={"chemistry": "no P"}),)
    ),
    InitialData(calculator="x", kind="dft", made=7, failed=(FailedLabel("t", "r"),), core_seconds=3.5),
    Validation(
        n_frames=3,
        n_atoms=9,
        energy_rmse_mev_per_atom=1.0,
        force_rmse_mev_per_angstrom=50.0,
        layers={"cathode": LayerForceError(50.0, 9)},
        systems={"bulk": SystemErrors(1.0, 50.0, 3)},
        model=FinalModel("model.pb", "ab", 10, 100, 50, (4, 8)),
        failed_labels=(FailedLabel("t", "r"),),
        training=TrainingCost(100, 60.0, 50),
    ),
]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: type(book).__name__)
def test_book_comes_back_from_its_file_and_gives_the_same_file(book, tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    write_json(file, book.to_json())
    text = file.read_text()
    again = read_book(type(book), file)
    assert again == book
    write_json(file, again.to_json())
    assert file.read_text() == text


def test_layer_of_a_crystal_says_how_it_ends_and_that_of_a_glass_does_not() -> None:
    crystal, glass = json.loads(json.dumps(index().to_json()))["models"][0]["layers"]
    assert set(crystal) - set(glass) == {"termination", "stoichiometric", "tasker", "dipole_e_per_angstrom"}
    model = StructureIndex.from_json(json.loads(json.dumps(index().to_json())), FILE).interfaces[0]
    assert [type(layer) for layer in model.layers] == [CrystalLayerEntry, LayerEntry]


def test_interfaces_are_told_from_bulk_cells_by_their_role() -> None:
    assert [model.name for model in index().interfaces] == ["coating-05A"]
    content = json.loads(json.dumps(index().to_json()))
    content["models"][1]["role"] = "interface"
    with pytest.raises(InputFileError, match=r"index\.json: models\.1\.interface\.coating_angstrom is missing"):
        StructureIndex.from_json(content, FILE)


def test_older_folders_lack_sizes_and_variants() -> None:
    content = json.loads(json.dumps(index().to_json()))
    del content["models"][0]["small"], content["models"][0]["variant"], content["models"][0]["strains"]
    found = StructureIndex.from_json(content, FILE).interfaces[0]
    assert (found.small, found.variant, found.strains) == (False, "", ())
    run = json.loads(json.dumps(scan_entry().to_json()))
    del run["variant"], run["condition"], run["steps_per_second"], run["wall_seconds"]
    assert ScanEntry.from_json(run, FILE) == scan_entry()
    analysed = json.loads(json.dumps(AnalysisEntry.of_run(scan_entry(variant="vac10"), kinds={}, absent={}).to_json()))
    del analysed["condition"]
    assert AnalysisEntry.from_json(analysed, FILE).condition == "b-vac10"


def test_entry_of_an_analysis_is_that_of_its_run() -> None:
    run = scan_entry(healthy=False)
    entry = AnalysisEntry.of_run(run, kinds={}, absent={})
    for name in ("name", "directory", "coating_angstrom", "protocol", "condition", "temperature_kelvin", "seed"):
        assert getattr(entry, name) == getattr(run, name)
    assert (entry.healthy, entry.results, entry.absent) == (False, (), {})


def test_analyses_are_found_by_kind_and_in_older_folders_by_name() -> None:
    entry = AnalysisEntry.of_run(scan_entry(), kinds={"rdf": "rdf", "wide": "rdf", "msd": "msd"}, absent={})
    assert entry.of_kind("rdf") == ("rdf", "wide")
    assert replace(entry, kinds={}).of_kind("rdf") == ("rdf",)


def test_worst_layer_has_the_largest_error() -> None:
    layers = {name: LayerForceError(value, 1) for name, value in (("a", 10.0), ("b", 99.0), ("c", 20.0))}
    assert replace(BOOKS[-1], layers=layers).worst_layer == "b"


def test_absent_book_is_none_or_named(tmp_path: Path) -> None:
    assert read_optional_book(ScanIndex, tmp_path / "index.json") is None
    with pytest.raises(InputFileError, match=r"index\.json is missing; run the stage"):
        read_book(ScanIndex, tmp_path / "index.json")
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(InputFileError, match="not valid JSON"):
        read_optional_book(ScanIndex, tmp_path / "index.json")


def test_keys_of_a_newer_version_stay_in_what_is_the_same(tmp_path: Path) -> None:
    file, runs = tmp_path / "index.json", (scan_entry(name="a"), scan_entry(name="b"))
    write_book(file, ScanIndex(runs))
    content = json.loads(file.read_text())
    content["moon"] = "full"
    for entry in content["runs"]:
        entry["tide"] = {"high": True}
    file.write_text(json.dumps(content))
    text = file.read_text()
    write_book(file, read_book(ScanIndex, file))
    assert file.read_text() == text
    write_book(file, ScanIndex((runs[0], replace(runs[1], n_frames=22), scan_entry(name="c"))))
    again = json.loads(file.read_text())
    assert again["moon"] == "full"
    assert [entry.get("tide") for entry in again["runs"]] == [{"high": True}, None, None]
    assert [entry["n_frames"] for entry in again["runs"]] == [21, 22, 21]


def test_keys_of_a_newer_version_stay_in_the_parts_of_an_entry(tmp_path: Path) -> None:
    file = tmp_path / "index.json"
    write_book(file, index())
    content = json.loads(file.read_text())
    content["models"][0]["layers"][1]["moon"] = "full"
    file.write_text(json.dumps(content))
    write_book(file, replace(index(), amorphous=()))
    again = json.loads(file.read_text())
    assert again["amorphous"] == []
    assert again["models"] == content["models"]


@pytest.mark.parametrize("damage", ["{", "[1]", "null"])
def test_damaged_book_is_written_anew(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "index.json"
    file.write_text(damage)
    write_book(file, index())
    assert read_book(StructureIndex, file) == index()
