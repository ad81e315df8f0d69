"""Which models a study's interface section makes: thicknesses, vacancies, small cells, pairs of layers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from mlip_interfaces.config.interface import AmorphousLayer, CrystalLayer, Interface, Vacancies

CATHODE = {"kind": "crystal", "name": "cathode", "material": "LiCoO2", "miller": [1, 1, 0], "thickness_angstrom": 6}
COATING = {"kind": "amorphous", "name": "coating", "material": "LiF", "thickness_angstrom": [10, 0, 5]}
ELECTROLYTE = {
    "kind": "crystal",
    "name": "electrolyte",
    "material": "Li6PS5Cl",
    "miller": [1, 1, 0],
    "thickness_angstrom": 7,
}


def interface(*layers: dict[str, Any], **settings: Any) -> Interface:
    chosen = layers or (CATHODE, COATING, ELECTROLYTE)
    return Interface.model_validate({"layers": [copy.deepcopy(layer) for layer in chosen]} | settings)


def stacks(made: Interface) -> dict[str, dict[str, float]]:
    """Model -> layer -> thickness, angstrom."""
    return {model.name: {plan.section.name: plan.thickness_angstrom for plan in model.layers} for model in made.models}


def test_thicknesses_ascend_whatever_their_order_and_zero_leaves_the_layer_out() -> None:
    assert stacks(interface()) == {
        "coating-00A": {"cathode": 6, "electrolyte": 7},
        "coating-05A": {"cathode": 6, "coating": 5, "electrolyte": 7},
        "coating-10A": {"cathode": 6, "coating": 10, "electrolyte": 7},
    }


def test_one_thickness_is_a_scan_of_one() -> None:
    assert list(stacks(interface(CATHODE, COATING | {"thickness_angstrom": 8}, ELECTROLYTE))) == ["coating-08A"]


@pytest.mark.parametrize(
    ("thickness", "name"), [(2.5, "coating-2p5A"), (0.25, "coating-0p25A"), (100, "coating-100A"), (7.0, "coating-07A")]
)
def test_names_hold_the_thickness_without_a_point(thickness: float, name: str) -> None:
    (model,) = interface(CATHODE, COATING | {"thickness_angstrom": thickness}).models
    assert (model.name, model.coating_angstrom) == (name, thickness)


def test_interface_of_two_crystals_is_one_model_without_a_coating() -> None:
    (model,) = interface(CATHODE, ELECTROLYTE).models
    assert (model.name, model.coating_angstrom, model.variant) == ("interface", None, "")
    assert interface(CATHODE, ELECTROLYTE).scanned is None


def test_layers_stay_in_their_order_in_every_model() -> None:
    for model in interface(ELECTROLYTE, COATING, CATHODE).models:
        names = [plan.section.name for plan in model.layers]
        assert names == [name for name in ("electrolyte", "coating", "cathode") if name in names]


def test_second_amorphous_layer_keeps_its_thickness_in_every_model() -> None:
    other = COATING | {"name": "interphase", "thickness_angstrom": 4}
    made = interface(CATHODE, other, COATING, ELECTROLYTE)
    assert made.scanned is not None
    assert made.scanned.name == "coating"
    assert [stack["interphase"] for stack in stacks(made).values()] == [4, 4, 4]


def test_each_vacancy_fraction_is_built_for_each_thickness() -> None:
    some = ELECTROLYTE | {"vacancies": [{"element": "Li", "fraction": [0.1, 0, 0.025]}]}
    models = interface(CATHODE, COATING, some).models
    assert [model.name for model in models][:3] == ["coating-00A", "coating-00A-vac2p5", "coating-00A-vac10"]
    assert [model.variant for model in models] == ["", "vac2p5", "vac10"] * 3
    removed = {model.name: [plan.vacancies for plan in model.layers if plan.vacancies] for model in models}
    assert removed["coating-05A"] == []
    assert removed["coating-05A-vac2p5"] == [(("Li", 0.025),)]


def test_vacancies_that_are_not_scanned_are_in_every_model_and_in_no_name() -> None:
    fixed = CATHODE | {"vacancies": [{"element": "O", "fraction": 0.05}, {"element": "Li", "fraction": 0}]}
    for model in interface(fixed, COATING, ELECTROLYTE).models:
        assert model.variant == ""
        assert model.layers[0].vacancies == (("O", 0.05),)


def test_scanned_and_fixed_vacancies_of_one_layer_go_together() -> None:
    both = ELECTROLYTE | {"vacancies": [{"element": "Li", "fraction": [0, 0.1]}, {"element": "S", "fraction": 0.02}]}
    plain, scanned = interface(CATHODE, both).models
    assert plain.layers[1].vacancies == (("S", 0.02),)
    assert scanned.layers[1].vacancies == (("Li", 0.1), ("S", 0.02))


def small(**settings: Any) -> dict[str, Any]:
    return {"small": {"thickness_angstrom": {"cathode": 4, "coating": [0, 5]}} | settings}


def test_small_cells_come_first_and_only_they_are_labelled() -> None:
    made = interface(**small())
    assert [model.name for model in made.label_models] == [
        "dft-coating-00A",
        "dft-coating-05A",
        "dft-cathode-coating",
        "dft-coating-electrolyte",
    ]
    assert [model.name for model in made.scan_models] == ["coating-00A", "coating-05A", "coating-10A"]
    assert made.models == (*made.label_models, *made.scan_models)
    assert all(model.small and model.max_atoms == 400 for model in made.label_models)
    assert all(not model.small and model.max_atoms is None for model in made.scan_models)


def test_without_small_cells_the_models_serve_for_everything() -> None:
    made = interface()
    assert made.label_models == made.scan_models == made.models


def test_small_cells_take_the_thickness_that_is_given_and_keep_the_others() -> None:
    found = stacks(interface(**small()))
    assert found["dft-coating-05A"] == {"cathode": 4, "coating": 5, "electrolyte": 7}
    # A pair has the scanned layer at its thinnest that is there at all.
    assert found["dft-cathode-coating"] == {"cathode": 4, "coating": 5}
    assert found["dft-coating-electrolyte"] == {"coating": 5, "electrolyte": 7}


def test_pair_that_is_a_model_already_is_not_made_twice() -> None:
    assert "dft-cathode-electrolyte" not in stacks(interface(**small()))
    without_zero = interface(small={"thickness_angstrom": {"coating": 5}})
    assert "dft-cathode-electrolyte" in stacks(without_zero)


def test_pairs_can_be_left_out() -> None:
    assert [model.name for model in interface(**small(sub_interfaces=False)).label_models] == [
        "dft-coating-00A",
        "dft-coating-05A",
    ]


def test_two_amorphous_layers_alone_are_no_pair() -> None:
    other = COATING | {"name": "interphase", "thickness_angstrom": 4}
    made = interface(CATHODE, other, COATING, ELECTROLYTE, small={"thickness_angstrom": {"coating": 5}})
    assert "dft-interphase-coating" not in stacks(made)


def test_small_cells_are_not_repeated_and_production_is() -> None:
    made = interface(lateral_repeat=[2, 3], **small())
    assert {model.lateral_repeat for model in made.label_models} == {(1, 1)}
    assert {model.lateral_repeat for model in made.scan_models} == {(2, 3)}


@pytest.mark.parametrize(
    ("layers", "settings", "expected"),
    [
        ((CATHODE,), {}, "at least 2 items"),
        ((COATING, COATING | {"name": "other", "thickness_angstrom": 3}), {}, "at least one layer must be a crystal"),
        ((CATHODE, CATHODE), {}, "two layers have the same name"),
        (
            (CATHODE, COATING, COATING | {"name": "other"}),
            {},
            "only one layer may have a list of thicknesses",
        ),
        (
            (
                CATHODE | {"vacancies": [{"element": "O", "fraction": [0, 0.1]}]},
                ELECTROLYTE | {"vacancies": [{"element": "S", "fraction": [0, 0.1]}]},
            ),
            {},
            "only one list of vacancy fractions",
        ),
        ((CATHODE, COATING | {"thickness_angstrom": []}), {}, "at least one entry and no entry twice"),
        ((CATHODE, COATING | {"thickness_angstrom": [5, 5]}), {}, "at least one entry and no entry twice"),
        (
            (CATHODE, COATING),
            {"small": {"thickness_angstrom": {COATING["name"]: [4, 4]}}},
            f"two models would be called 'dft-{COATING['name']}-04A'",
        ),
        (
            (CATHODE, COATING | {"thickness_angstrom": [5, 5.000000001]}),
            {},
            f"two models would be called '{COATING['name']}-05A'",
        ),
        ((CATHODE | {"miller": [0, 0, 0]}, ELECTROLYTE), {}, "is no plane"),
        ((CATHODE | {"name": "my layer"}, ELECTROLYTE), {}, "match pattern"),
        ((CATHODE, ELECTROLYTE), {"max_strain": 0.5}, "less than 0.3"),
        ((CATHODE, ELECTROLYTE), {"max_strain": 0}, "greater than 0"),
        ((CATHODE, ELECTROLYTE), {"lateral_repeat": [0, 1]}, "greater than or equal to 1"),
        ((CATHODE, ELECTROLYTE), {"vacuum_angstrom": -1}, "0 to 1000 angstrom"),
        ((CATHODE, ELECTROLYTE), {"strained": "nobody"}, "'film', 'substrate' or 'both'"),
        ((CATHODE, COATING | {"density_g_per_cm3": 0}), {}, "0.05 to 25 g/cm3"),
        ((CATHODE, COATING | {"material": "Li3N"}), {}, "Tosi-Fumi potential is for LiF, not for Li3N"),
        (
            (
                CATHODE,
                {k: v for k, v in COATING.items() if k != "density_g_per_cm3"}
                | {"material": "Li3PO4", "potential": "a.pb"},
            ),
            {},
            "density of amorphous Li3PO4 is not known; give `density_g_per_cm3`",
        ),
    ],
)
def test_interfaces_that_cannot_be_are_refused(
    layers: tuple[dict[str, Any], ...], settings: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValidationError, match=expected):
        interface(*layers, **settings)


@pytest.mark.parametrize("fraction", [1.0, 1.5, -0.1, [], [0.1, 0.1], [0, 1.0]])
def test_share_of_removed_atoms_is_below_one_and_listed_once(fraction: Any) -> None:
    with pytest.raises(ValidationError):
        Vacancies.model_validate({"element": "Li", "fraction": fraction})


def test_fractions_ascend() -> None:
    assert Vacancies(element="Li", fraction=(0.2, 0.0, 0.1)).fractions == (0.0, 0.1, 0.2)
    assert Vacancies(element="Li", fraction=0.3).fractions == (0.3,)


def test_other_glass_needs_only_a_potential_and_its_density() -> None:
    given = {"material": "Li3PO4", "potential": "li3po4.pb", "density_g_per_cm3": 2.3}
    layer = AmorphousLayer.model_validate(COATING | given)
    assert (layer.potential, layer.thicknesses) == ("li3po4.pb", (0.0, 5.0, 10.0))
    assert layer.density_g_per_cm3 == pytest.approx(2.3, rel=1e-6, abs=0)
    assert AmorphousLayer.model_validate(COATING).density_g_per_cm3 == pytest.approx(2.45, rel=1e-6, abs=0)


def test_crystal_keeps_all_its_lithium_and_has_no_defect_unless_asked() -> None:
    layer = CrystalLayer.model_validate(CATHODE)
    assert (layer.lithium_content, layer.defects, layer.vacancies) == (None, None, ())
    assert layer.stoichiometric
    assert not layer.symmetric
