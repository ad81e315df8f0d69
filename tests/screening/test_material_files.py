"""Material files: a user's own joins all pairs, and a missing or impossible value is a sentence with file, key and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mlip_interfaces.errors import InputFileError, UserError
from mlip_interfaces.screening.maps.pair_table import all_batteries
from mlip_interfaces.screening.solids.dictionary import (
    load_dictionary,
    load_material,
    load_space_charge,
    load_stack,
)
from mlip_interfaces.screening.solids.materials import Electrolyte

ELECTROLYTE: dict[str, Any] = {
    "kind": "electrolyte", "name": "LPSCl", "formula": "Li6PS5Cl", "reduction_limit_v": 1.7, "oxidation_limit_v": 2.3,
    "ionisation_potential_ev": 5.4, "band_gap_ev": 3.0, "fermi_level": {"voltage_v": [1.7, 2.3], "above_vbm_ev": [2.5, 2.2]},
}  # fmt: skip
CATHODE: dict[str, Any] = {
    "kind": "cathode", "name": "NCM", "formula": "LiNi0.8Co0.1Mn0.1O2",
    "states": {"0": {"open_circuit_voltage_v": 3.7, "ionisation_potential_ev": 5.5}, "50": {"open_circuit_voltage_v": 4.0, "ionisation_potential_ev": 5.6}},
}  # fmt: skip
DEFECTS: dict[str, Any] = {
    "temperature_kelvin": 300, "conduction_density_per_cm3": 1e20, "valence_density_per_cm3": 1e20,
    "species": [
        {"name": "Li_i", "charge_e": 1, "lithium": 1, "formation_energy_ev": -2.4, "site_density_per_cm3": 1e22},
        {"name": "V_Li", "charge_e": -1, "lithium": -1, "formation_energy_ev": 3.6, "site_density_per_cm3": 1e22},
    ],
}  # fmt: skip
LAYER: dict[str, Any] = {
    "interface_potential_v": 1.6, "site_density_per_cm3": 3e22, "formation_energy_ev": 0.01, "relative_permittivity": 50,
    "temperature_kelvin": 300, "vacancy_fraction": 0.1,
}  # fmt: skip


def written(folder: Path, content: object, name: str = "material.yaml") -> Path:
    file = folder / name
    file.write_text(yaml.safe_dump(content))
    return file


def test_own_materials_join_all_pairs(tmp_path: Path) -> None:
    """One more electrolyte meets all cathodes at all states, and one more cathode all electrolytes."""
    shipped = load_dictionary()
    states = sum(len(one.states) for one in shipped.cathodes.values())
    written(tmp_path, ELECTROLYTE, "a.yaml")
    file = written(tmp_path, CATHODE, "b.yml")
    joined = load_dictionary([tmp_path])
    assert len(list(all_batteries(joined, "Li"))) == (states + 2) * (len(shipped.electrolytes) + 1)
    assert joined.own == {"LPSCl", "NCM"}
    assert file in joined.files
    one = load_dictionary([written(tmp_path, ELECTROLYTE | {"name": "LLZO"}, "c.yaml")])
    assert one.electrolyte("LLZO").formula == "Li6PS5Cl"
    assert list(one.electrolytes) == list(shipped.electrolytes)


def test_defects_take_the_place_of_a_line(tmp_path: Path) -> None:
    """Interstitials and vacancies that cost the same at E_F = 3 - V."""
    content = {key: value for key, value in ELECTROLYTE.items() if key != "fermi_level"} | {"defects": DEFECTS}
    material = load_material(written(tmp_path, content))
    assert isinstance(material, Electrolyte)
    np.testing.assert_allclose(material.fermi_level_ev(np.array([1.0, 1.5])), [2.0, 1.5], atol=1e-6)


def without(key: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        del content[key]

    return change


def having(**values: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content.update(values)

    return change


@pytest.mark.parametrize(
    ("content", "change", "sentence"),
    [
        (ELECTROLYTE, without("band_gap_ev"), "the key 'band_gap_ev' is missing; add it (eV)."),
        (ELECTROLYTE, without("oxidation_limit_v"), "'oxidation_limit_v' is missing; add it (Upper end of the window, V)."),
        (ELECTROLYTE, having(band_gap=3.0), "unknown key 'band_gap'. Did you mean 'band_gap_ev'?"),
        (ELECTROLYTE, having(ionisation_potential_ev=-5.4), "ionisation_potential_ev is -5.4, but it should be 0.5 to 20 eV"),
        (ELECTROLYTE, having(reduction_limit_v=2.5), "reduction_limit_v (2.5 V) must lie below oxidation_limit_v (2.3 V)"),
        (ELECTROLYTE, having(band_gap_ev="wide"), "band_gap_ev is 'wide', but it should be a valid number"),
        (ELECTROLYTE, having(band_gap_ev=True), "band_gap_ev has a truth value"),
        (ELECTROLYTE, without("fermi_level"), "neither fermi_level nor defects; give one of the two"),
        (ELECTROLYTE, having(defects=DEFECTS), "both fermi_level and defects; give one of the two"),
        (ELECTROLYTE, having(fermi_level={"voltage_v": [2, 1], "above_vbm_ev": [1, 2]}), "fermi_level: voltage_v must rise"),
        (ELECTROLYTE, having(fermi_level={"voltage_v": [1, 2, 3], "above_vbm_ev": [1, 2]}), "voltage_v has 3 values and above_vbm_ev 2"),
        (ELECTROLYTE, having(kind="solid"), "kind must be anode, electrolyte or cathode"),
        (ELECTROLYTE, having(space_charge=LAYER | {"interface_potential_v": 0}), "space_charge: interface_potential_v is 0"),
        (ELECTROLYTE, having(space_charge=LAYER | {"vacancy_fraction": 2}), "space_charge.vacancy_fraction is 2, but it should be less than"),
        (ELECTROLYTE, having(space_charge=LAYER | {"formation_energy_ev": 1, "temperature_kelvin": 1}), "formation_energy_ev is more than 1000 kT"),
        (CATHODE, having(states={0: CATHODE["states"]["0"]}), 'states.0 wants a state of charge in quotes: "0", "100" or "+"'),
        (CATHODE, having(states={"full": CATHODE["states"]["0"]}), 'states.full wants a state of charge in quotes'),
        (CATHODE, having(states={"0": {"open_circuit_voltage_v": 3.7}}), "'states.0.ionisation_potential_ev' is missing"),
        (CATHODE, having(not_given=["0"]), "the state '0' stands in states and in not_given"),
        (CATHODE, having(states={}), "states is {}, but"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(
    tmp_path: Path, content: dict[str, Any], change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    changed = dict(content)
    change(changed)
    file = written(tmp_path, changed)
    with pytest.raises(InputFileError) as error:
        load_material(file)
    assert str(error.value).startswith(f"{file}: ")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("species", "sentence"),
    [
        ({"charge_e": 1.5}, "defects.species.0.charge_e is 1.5, but"),
        ({"name": "electrons"}, "a defect is called electrons"),
        ({"name": "V_Li"}, "two defects are called V_Li"),
        ({"site_density_per_cm3": 0}, "defects.species.0.site_density_per_cm3 is 0, but it should be 1e+10 to 1e+25 1/cm3"),
    ],
)  # fmt: skip
def test_wrong_defects_are_a_sentence(tmp_path: Path, species: dict[str, object], sentence: str) -> None:
    first, second = DEFECTS["species"]
    content = {key: value for key, value in ELECTROLYTE.items() if key != "fermi_level"}
    content["defects"] = DEFECTS | {"species": [first | species, second]}
    with pytest.raises(InputFileError) as error:
        load_material(written(tmp_path, content))
    assert sentence in str(error.value)


def test_files_that_are_none_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="There is no file"):
        load_material(tmp_path / "none.yaml")
    with pytest.raises(InputFileError, match="must hold a mapping"):
        load_material(written(tmp_path, ["a"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFileError, match="has no material file"):
        load_dictionary([tmp_path / "empty"])
    twice = [written(tmp_path, ELECTROLYTE, "1.yaml"), written(tmp_path, ELECTROLYTE, "2.yaml")]
    with pytest.raises(InputFileError, match="is called 'LPSCl', too"):
        load_dictionary(twice)
    (tmp_path / "bad.yaml").write_text("kind: anode\nname: [\n")
    with pytest.raises(UserError, match="line 3"):
        load_material(tmp_path / "bad.yaml")


def test_other_files_are_checked_alike(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="'temperature_kelvin' is missing; add it"):
        load_space_charge(
            written(tmp_path, {key: value for key, value in LAYER.items() if key != "temperature_kelvin"})
        )
    with pytest.raises(InputFileError, match="layers is"):
        load_stack(written(tmp_path, {"layers": [], "cathode": "LCO", "soc": "0"}))
    with pytest.raises(InputFileError, match="soc wants a state of charge in quotes"):
        load_stack(written(tmp_path, {"layers": ["LLZO"], "cathode": "LCO", "soc": 0}))
    with pytest.raises(InputFileError, match="no electrolyte 'LLZ0'; known are LiPON, LPO, LLZO, LPS"):
        load_dictionary().electrolyte("LLZ0")
