"""Files of doped and pymatgen-analysis-defects.

Both files in ``golden`` were written by those packages (doped 3.2.1, pymatgen-analysis-defects 2026.10.24) from the same made-up energies of
LiF; the numbers below are those of their own formation energies.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mlip_interfaces.cli.main import main
from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.defects.charged_defects import formation_energy
from mlip_interfaces.screening.defects.defect_files import read_defects

GOLDEN = Path(__file__).parent / "golden"
DOPED, ANALYSIS_DEFECTS = GOLDEN / "doped_3.2.1.json.gz", GOLDEN / "pymatgen_analysis_defects.json.gz"
LIMIT_V = 6.3
"""Formation energy of LiF per Li: the voltage of its oxidation."""


@pytest.mark.parametrize(
    ("path", "limit", "expected"),
    [
        (DOPED, "Li-LiF", {"v_F_+1": -0.30, "v_Li_0": 6.10, "v_Li_-1": 3.31, "Li_i_Td_+1": -0.37}),
        (ANALYSIS_DEFECTS, "Li-rich", {"V_Lix": 6.10, "V_Li'": 3.31, "Li_i.": -0.37}),
    ],
)
def test_energies_are_those_of_the_package(path: Path, limit: str, expected: dict[str, float]) -> None:
    found = read_defects(path, limit)
    assert {one.name: formation_energy(one, 0.0, 0.0) for one in found.defects} == pytest.approx(
        expected, rel=0, abs=1e-9
    )
    charges = {one.name: one.charge for one in found.defects}
    # The package's own numbers at the fluorine-rich end, where the voltage is that of the oxidation: of lithium's defects alone.
    oxidised = {one.name: formation_energy(one, LIMIT_V, 0.0) for one in found.defects if one.lithium}
    ends = {-1: -2.99, 0: -0.20, 1: 5.93}
    assert oxidised == pytest.approx({name: ends[charges[name]] for name in oxidised}, rel=0, abs=1e-9)


def test_fluorine_has_the_potential_of_the_limit() -> None:
    """doped's own: v_F+1 at the fluorine-rich limit 6.00 eV; lithium stays at its metal."""
    found = {one.name: one for one in read_defects(DOPED, "F-rich").defects}
    assert found["v_F_+1"].formation_energy_ev == pytest.approx(6.0, rel=0, abs=1e-9)
    assert found["v_Li_-1"].formation_energy_ev == pytest.approx(3.31, rel=0, abs=1e-9)


def test_sites_and_degeneracy_are_those_of_doped() -> None:
    """bulk_site_concentration of doped: 6.1114583e22 and twice that per cm3."""
    found = {one.name: one for one in read_defects(DOPED, "Li-rich").defects}
    assert found["v_Li_-1"].site_density_per_cm3 == pytest.approx(6.1114583013595825e22, rel=1e-9, abs=0)
    assert found["Li_i_Td_+1"].site_density_per_cm3 == pytest.approx(1.2222916602719165e23, rel=1e-9, abs=0)
    assert found["v_Li_0"].degeneracy == 2.0
    assert found["v_Li_0"].lithium == found["v_Li_-1"].lithium == -1
    assert found["v_Li_-1"].charge == -1


MATERIAL = """
kind: electrolyte
name: LiF
formula: LiF
basis: made up
reduction_limit_v: 0.0
oxidation_limit_v: 6.0
ionisation_potential_ev: 13.0
band_gap_ev: 13.0
defects:
  temperature_kelvin: 300
  conduction_density_per_cm3: 1.0e20
  valence_density_per_cm3: 1.0e20
  species: []
"""


def test_screen_defects_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "LiF.yaml"
    file.write_text(MATERIAL)
    words = ["screen", "defects", str(file), "--from-v", "2", "--to-v", "3", "--points", "2", "--json"]
    assert main([*words, "--species", str(DOPED), "--limit", "Li-LiF"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert {one["name"] for one in found["species"]} == {"v_F_+1", "v_Li_0", "v_Li_-1", "Li_i_Td_+1"}
    assert "Chemical potentials of other elements than Li are those of Li-LiF." in said.err
    charge = [
        sum(one["charge_e"] * found["concentrations_per_cm3"][one["name"]][place] for one in found["species"])
        + found["concentrations_per_cm3"]["holes"][place]
        - found["concentrations_per_cm3"]["electrons"][place]
        for place in (0, 1)
    ]
    for place in (0, 1):
        total = sum(values[place] for values in found["concentrations_per_cm3"].values())
        assert charge[place] == pytest.approx(0.0, rel=0, abs=1e-6 * total)
    given = ["--chemical-potential", "Li=-1.9", "--chemical-potential", "F=-8.1"]
    assert main([*words, "--species", str(DOPED), *given]) == 0
    assert json.loads(capsys.readouterr().out)["species"] == found["species"]
    assert main([*words, "--limit", "Li-LiF"]) == 2
    assert "are of defects that --species names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "limit", "sentence"),
    [
        (lambda content: None, None, "has several limits of chemical potentials; name one by --limit: Li-LiF, F2-LiF"),
        (lambda content: None, "Na-rich", "has no limit 'Na-rich'"),
        (lambda content: content.update(chempots=None), None, "has no chemical potentials"),
        (lambda content: content["chempots"].update(elemental_refs={}) or content.update(el_refs={}), "Li-LiF", "energy of lithium metal"),
        (lambda content: content["defect_entries"]["v_Li_-1"].update(bulk_entry=None), "Li-LiF", "has no bulk_entry"),
        (lambda content: content["defect_entries"]["v_Li_-1"]["defect"].update(multiplicity=None), "Li-LiF", "its multiplicity"),
        (lambda content: content["defect_entries"]["v_Li_-1"]["sc_entry"].update(energy=float("nan")), "Li-LiF", "v_Li_-1 is no finite number"),
        (lambda content: [one.update(F=float("nan")) for one in content["chempots"]["limits"].values()], "F-rich", "has no limit 'F-rich'"),
        (lambda content: content["chempots"]["limits"]["Li-LiF"].pop("F"), "Li-LiF", "exchanges F, whose chemical potential"),
        (lambda content: content.update({"@class": "Structure", "defect_entries": 3}), None, "is none of what is read"),
        (lambda content: content["defect_entries"]["v_Li_-1"]["sc_entry"].pop("energy"), "Li-LiF", "is not as it is expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_a_sentence(change, limit: str | None, sentence: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content = json.loads(gzip.decompress(DOPED.read_bytes()))
    change(content)
    path = tmp_path / "dump.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputFileError, match=sentence):
        read_defects(path, limit)


def test_entries_alone_need_their_potentials_and_the_band_edge(tmp_path: Path) -> None:
    """A dictionary of doped's entries has the edge in each; a list of the other package's has none."""
    content = json.loads(gzip.decompress(DOPED.read_bytes()))
    path = tmp_path / "entries.json"
    path.write_text(json.dumps(content["defect_entries"]))
    found = {one.name: one.formation_energy_ev for one in read_defects(path, None, {"Li": -1.9, "F": -8.1}).defects}
    assert found["v_Li_-1"] == pytest.approx(3.31, rel=0, abs=1e-9)
    diagrams = json.loads(gzip.decompress(ANALYSIS_DEFECTS.read_bytes()))["formation_energy_diagrams"]
    path.write_text(json.dumps(diagrams[0]["defect_entries"]))
    with pytest.raises(InputFileError, match="valence band edge"):
        read_defects(path, None, {"Li": -1.9})
    path.write_bytes(b"\x1f\x8b no gzip")
    with pytest.raises(InputFileError, match="is no JSON that can be read"):
        read_defects(path)
