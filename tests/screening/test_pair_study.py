"""The study of a pair: valid for every pair that is offered, of the demo's keys, and built into what was ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlip_interfaces as mi
from mlip_interfaces.cli.main import main
from mlip_interfaces.config.load import parse_study
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.files import write_text
from mlip_interfaces.screening.ranking.pair_ranking import RankedPair, Ranking, rank_materials
from mlip_interfaces.screening.ranking.pair_study import pair_study, study_file_name
from mlip_interfaces.shipped_files import study_file
from mlip_interfaces.structures import load_crystal
from mlip_interfaces.yaml_text import parse_yaml


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    """Every kind of pair, and a cell that is too narrow to stand alone."""
    names = {"cathode": ["LCO"], "anode": ["Li"], "electrolyte": ["LPS", "Li6PS5Cl"], "coating": ["LiF"]}
    return rank_materials(names)


def offered(ranking: Ranking) -> list[RankedPair]:
    found = [one for one in ranking.pairs if not one.cannot]
    assert {one.kind for one in found} == {"cathode", "anode", "coated"}
    return found


def keys(content: Any, path: str = "") -> set[str]:
    """Every key with those above it; entries of lists are one."""
    if isinstance(content, dict):
        return {f"{path}{key}" for key in content} | {
            k for key, one in content.items() for k in keys(one, f"{path}{key}.")
        }
    if isinstance(content, list):
        return {key for one in content for key in keys(one, path)}
    return set()


def test_every_pair_that_is_offered_has_a_valid_study_of_both_sizes(ranking: Ranking, tmp_path: Path) -> None:
    for pair in offered(ranking):
        for size in ("demo", "production"):
            path = tmp_path / study_file_name(pair)
            text = pair_study(pair, size, tmp_path)
            study = parse_study(text, path)
            assert f"# {' | '.join(pair.solids)}: number {pair.rank} of a ranking" in text
            assert study.labels.calculator == ("chgnet" if size == "demo" else "vasp")
            assert study.elements[0] == "Li"
            held = {symbol for crystal in pair.crystals for symbol in load_crystal(crystal).get_chemical_symbols()}
            assert set(study.elements) == held
            assert max(map(len, text.splitlines())) < 160


def test_a_demo_has_the_keys_of_the_demos_that_are_shipped(ranking: Ranking, tmp_path: Path) -> None:
    known = {"gates", "gates.if_failed", "interface.lateral_repeat", "protocols.contact", "protocols.hot"}
    for name in ("demo.yaml", "demo_li_li7p3s11.yaml"):
        known |= keys(parse_yaml(study_file(name).read_text(), Path(name)))
    protocol = {key.removeprefix("protocols.reaction.") for key in known if key.startswith("protocols.reaction.")}
    known |= {f"protocols.{name}.{key}" for name in ("contact", "hot") for key in protocol}
    for pair in offered(ranking):
        text = pair_study(pair, "demo", tmp_path)
        assert keys(parse_yaml(text, tmp_path / "study.yaml")) <= known


def test_a_demo_trains_and_explores_as_the_demo_that_is_shipped(ranking: Ranking, tmp_path: Path) -> None:
    shipped = parse_yaml(study_file("demo.yaml").read_text(), Path("demo.yaml"))
    for pair in offered(ranking):
        study = parse_yaml(pair_study(pair, "demo", tmp_path), tmp_path / "study.yaml")
        thicknesses = {"thicknesses_angstrom": [0, 5]} if pair.kind == "coated" else {}
        assert study["training"] == shipped["training"]
        without = {key: value for key, value in shipped["exploration"].items() if key != "thicknesses_angstrom"}
        assert study["exploration"] == without | thicknesses
        for key in ("perturbation", "scrambled"):
            assert study["initial_data"][key] == shipped["initial_data"][key]


def test_studies_that_are_written_are_built_into_the_models_that_were_ranked(
    ranking: Ranking, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = [one for one in offered(ranking) if one.kind != "coated"]
    for pair in np.random.default_rng(20).choice(np.array(bare, dtype=object), 1):
        path, out = tmp_path / study_file_name(pair), tmp_path / study_file_name(pair).removesuffix(".yaml")
        write_text(path, pair_study(pair, "demo", tmp_path))
        assert main(["config", "check", str(path)]) == 0
        assert main(["run", str(path), "--dry-run", "--out", str(out)]) == 0
        assert "build     made" in capsys.readouterr().out
        (model,) = mi.build(path, out=out).values()
        assert len(model) == pair.match.n_atoms
        widths = [model.get_volume() / model.cell[2, 2] / np.linalg.norm(model.cell[k]) for k in (1, 0)]
        expected = np.multiply(pair.match.widths_angstrom, pair.match.lateral_repeat)
        np.testing.assert_allclose(widths, expected, rtol=1e-6, atol=0)


def test_a_narrow_cell_is_repeated(ranking: Ranking, tmp_path: Path) -> None:
    pair = ranking.pair("Li6PS5Cl/Li")
    assert pair.match is not None
    assert min(pair.match.widths_angstrom) < 7.0
    study = parse_study(pair_study(pair, "demo", tmp_path), tmp_path / "study.yaml")
    assert study.interface.lateral_repeat == pair.match.lateral_repeat != (1, 1)


def test_a_file_of_the_users_is_named_from_the_studys_folder(tmp_path: Path) -> None:
    own = tmp_path / "my Li3OCl.cif"
    load_crystal("Li3OCl").write(own)
    found = rank_materials({"cathode": [], "anode": ["Li"], "electrolyte": [str(own)], "coating": []})
    pair = found.pair("my Li3OCl/Li")
    path = tmp_path / "deep" / study_file_name(pair)
    assert path.name == "my-Li3OCl_Li.yaml"
    path.parent.mkdir()
    write_text(path, pair_study(pair, "demo", path.parent))
    assert main(["config", "check", str(path)]) == 0
    material = parse_yaml(path.read_text(), path)["interface"]["layers"][0]["material"]
    assert not Path(material).is_absolute()
    assert (path.parent / material).resolve() == Path(pair.crystals[0]).resolve()


def test_a_coated_cathode_is_scanned_with_and_without_its_coating(ranking: Ranking, tmp_path: Path) -> None:
    pair = ranking.pair("LCO/LiF/LPS")
    demo, production = (
        parse_study(pair_study(pair, size, tmp_path), tmp_path / "study.yaml") for size in ("demo", "production")
    )
    assert [model.name for model in demo.scan_models] == ["coating-00A", "coating-05A"]
    assert [model.coating_angstrom for model in production.scan_models] == [0.0, 5.0, 10.0, 20.0]
    assert [layer.name for layer in demo.interface.layers] == ["cathode", "coating", "electrolyte"]


def test_production_has_u_and_moments_of_its_metals(ranking: Ranking, tmp_path: Path) -> None:
    nickelate = rank_materials({"cathode": ["LNO"], "anode": [], "electrolyte": ["LPS"], "coating": []})
    studies = {
        name: parse_study(pair_study(found.pair(name), "production", tmp_path), tmp_path / "study.yaml")
        for name, found in (("LCO/LPS", ranking), ("LNO/LPS", nickelate))
    }
    cobalt, nickel = (studies[name].labels.dft for name in studies)
    assert cobalt is not None
    assert nickel is not None
    assert (cobalt.elements["Co"].hubbard_u_ev, cobalt.spin_polarised) == (5.14, False)
    assert (nickel.elements["Ni"].hubbard_u_ev, nickel.elements["Ni"].hubbard_orbital) == (6.2, "d")
    assert nickel.spin_polarised
    assert nickel.elements["Ni"].moment > 0
    # Wide enough for production: 20 angstrom at least.
    match = ranking.pair("LCO/LPS").match
    assert match is not None
    for width, times in zip(match.widths_angstrom, studies["LCO/LPS"].interface.lateral_repeat, strict=True):
        assert width * times >= 20.0


def test_a_pair_without_crystals_has_no_study(tmp_path: Path) -> None:
    found = rank_materials({"cathode": ["LNCO"], "anode": [], "electrolyte": ["LPS"], "coating": []})
    with pytest.raises(InputFileError, match="No study of LNCO/LPS can be written"):
        pair_study(found.pairs[0], "demo", tmp_path)
