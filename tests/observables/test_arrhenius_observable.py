"""``arrhenius``: an activation energy that is known, and files that have none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_trajectories import content
from pydantic import ValidationError

import mlip_interfaces as mi
from mlip_interfaces.errors import AnalysisError, InputFileError
from mlip_interfaces.units import BOLTZMANN_EV_PER_K

ENERGY, PREFACTOR = 0.25, 1e-3
KELVIN = (500.0, 600.0, 800.0)


def diffusivity(kelvin: float) -> float:
    return float(PREFACTOR * np.exp(-ENERGY / (BOLTZMANN_EV_PER_K * kelvin)))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for kelvin in KELVIN:
        value = diffusivity(kelvin)
        entry = {"diffusivity_cm2_per_s": value, "diffusivity_error_cm2_per_s": 0.1 * value}
        (tmp_path / f"{kelvin:g}.json").write_text(json.dumps({"species": {"Li": entry}}))
    return [tmp_path / f"{kelvin:g}.json" for kelvin in KELVIN]


def test_energy_prefactor_and_extrapolation_are_those_of_the_law(files: list[Path]) -> None:
    entry = content(mi.Arrhenius(temperatures_kelvin=KELVIN).fit(files))
    np.testing.assert_allclose(entry["activation_energy_ev"], ENERGY, rtol=1e-9, atol=0)
    np.testing.assert_allclose(entry["prefactor_cm2_per_s"], PREFACTOR, rtol=1e-9, atol=0)
    np.testing.assert_allclose(entry["diffusivity_cm2_per_s"], diffusivity(300.0), rtol=1e-9, atol=0)
    assert entry["at_kelvin"] == 300.0
    low, high = entry["diffusivity_one_sigma_cm2_per_s"]
    np.testing.assert_allclose(np.sqrt(low * high), diffusivity(300.0), rtol=1e-6, atol=0)
    # Least squares by hand: relative errors of 10 % are 0.1 in ln D.
    x = 1 / (BOLTZMANN_EV_PER_K * np.array(KELVIN))
    np.testing.assert_allclose(
        entry["activation_energy_error_ev"], 0.1 / np.sqrt(((x - x.mean()) ** 2).sum()), rtol=1e-9, atol=0
    )
    assert entry["temperatures_kelvin"] == list(KELVIN)
    np.testing.assert_allclose(
        entry["diffusivities_cm2_per_s"], [diffusivity(kelvin) for kelvin in KELVIN], rtol=1e-7, atol=0
    )


def test_seeds_of_one_temperature_are_one_point_with_their_scatter(files: list[Path], tmp_path: Path) -> None:
    value = diffusivity(600.0)
    for name, factor in (("a", 0.7), ("b", 1.3)):
        entry = {"diffusivity_cm2_per_s": factor * value, "diffusivity_error_cm2_per_s": 0.01 * value}
        (tmp_path / f"{name}.json").write_text(json.dumps({"species": {"Li": entry}}))
    seeds = [tmp_path / "a.json", tmp_path / "b.json"]
    result = mi.Arrhenius(temperatures_kelvin=(500.0, 600.0, 600.0, 800.0)).fit([files[0], *seeds, files[2]])
    entry = content(result)
    assert entry["temperatures_kelvin"] == [500.0, 600.0, 800.0]
    np.testing.assert_allclose(entry["diffusivities_cm2_per_s"][1], value, rtol=1e-9, atol=0)
    # Two runs that are 0.6 apart: a standard error of 0.3, and not the 0.007 that their own errors leave.
    np.testing.assert_allclose(entry["errors_cm2_per_s"][1], 0.3 * value, rtol=1e-9, atol=0)
    assert "from 3 temperatures" in result.lines()[0]


def test_ions_and_volume_give_a_conductivity(files: list[Path]) -> None:
    request = mi.Arrhenius(temperatures_kelvin=KELVIN, at_kelvin=500, n_ions=24, volume_angstrom3=1000.0)
    entry = content(request.fit(files))
    # N e^2 D / (V kT), in S/cm.
    expected = 24 * 1.602176634e-19 * diffusivity(500.0) / (1000e-24 * BOLTZMANN_EV_PER_K * 500.0)
    np.testing.assert_allclose(entry["nernst_einstein_s_per_cm"], expected, rtol=1e-6, atol=0)
    without = content(mi.Arrhenius(temperatures_kelvin=KELVIN, n_ions=24).fit(files))
    assert "nernst_einstein_s_per_cm" not in without
    assert entry["charge"] == 1.0


@pytest.mark.parametrize(
    ("species", "charge", "expected"), [("Mg", None, 2.0), ("O", None, -2.0), ("Al", None, 3.0), ("Mg", 1.5, 1.5), ("Cu", 1.0, 1.0)]
)  # fmt: skip
def test_a_conductivity_goes_with_the_square_of_the_charge(
    files: list[Path], species: str, charge: float | None, expected: float
) -> None:
    for file in files:
        file.write_text(file.read_text().replace("Li", species))
    request = mi.Arrhenius(
        temperatures_kelvin=KELVIN, at_kelvin=500, n_ions=24, volume_angstrom3=1000.0, species=species, charge=charge
    )
    result = request.fit(files)
    entry = content(result)
    single = 24 * 1.602176634e-19 * diffusivity(500.0) / (1000e-24 * BOLTZMANN_EV_PER_K * 500.0)
    np.testing.assert_allclose(entry["nernst_einstein_s_per_cm"], expected**2 * single, rtol=1e-6, atol=0)
    assert entry["charge"] == expected
    assert result.lines()[2] == f"Nernst-Einstein at 500 K: {expected**2 * single:.3g} S/cm, 24 ions of {expected:+g} e"


@pytest.mark.parametrize(
    ("keys", "message"),
    [({"species": "Cu"}, "no formal charge of Cu; give `charge`"), ({"charge": 0.0}, "`charge` is 0"), ({"charge": "nan"}, "charge")],
)  # fmt: skip
def test_a_conductivity_needs_a_charge(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        mi.Arrhenius(temperatures_kelvin=KELVIN, n_ions=24, volume_angstrom3=1000.0, **keys)
    # Without a conductivity none is asked for.
    mi.Arrhenius(temperatures_kelvin=KELVIN, species="Cu")


def bounded(file: Path, below: float) -> None:
    entry = json.loads(file.read_text())
    # A slope that would bend the line, were it fitted.
    entry["species"]["Li"] |= {
        "diffusive": False,
        "diffusivity_cm2_per_s": 5 * below,
        "confidence_95_cm2_per_s": [0.0, below],
    }
    file.write_text(json.dumps(entry))


@pytest.mark.parametrize(("share", "verdict"), [(3.0, "the line agrees"), (0.1, "the line does not agree")])
def test_a_temperature_that_is_not_diffusive_yet_is_a_bound_and_no_point_of_the_line(
    files: list[Path], share: float, verdict: str
) -> None:
    below = share * diffusivity(KELVIN[0])
    bounded(files[0], below)
    result = mi.Arrhenius(temperatures_kelvin=KELVIN).fit(files)
    entry = content(result)
    without = mi.Arrhenius(temperatures_kelvin=KELVIN[1:]).fit(files[1:])
    assert entry["activation_energy_ev"] == content(without)["activation_energy_ev"]
    assert entry["temperatures_kelvin"] == list(KELVIN[1:])
    assert entry["not_diffusive_kelvin"] == [500.0]
    assert entry["bounds_cm2_per_s"] == [below]
    assert result.lines()[-1].startswith(f"not diffusive yet at 500 K: D is below {below:.2g} cm^2/s there")
    assert verdict in result.lines()[-1]
    labels = [line.get_label() for line in result.plot().axes[0].lines]
    assert "D is below" in labels


def test_bounds_alone_give_no_line(files: list[Path]) -> None:
    for file in files[1:]:
        bounded(file, 1e-6)
    with pytest.raises(AnalysisError, match="Not diffusive yet at 600, 800 K: .*run_at_least_ps"):
        mi.Arrhenius(temperatures_kelvin=KELVIN).fit(files)


def test_lines_headline_and_figure(files: list[Path], tmp_path: Path) -> None:
    result = mi.Arrhenius(temperatures_kelvin="500,600,800", at_kelvin=400).fit(files)
    first, second = result.lines()
    assert first.startswith("activation energy of Li: 0.250 ± ")
    assert first.endswith("eV from 3 temperatures")
    assert second.startswith("D at 400 K: ")
    (headline,) = result.headlines()
    assert headline.quantity == "activation energy (eV)"
    (ax,) = result.plot().axes
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("1000 / T (1/K)", "D (cm²/s)", "log")
    points = ax.containers[0].lines[0]
    np.testing.assert_allclose(points.get_xdata(), 1000 / np.array(KELVIN), rtol=1e-7, atol=0)
    fitted = ax.lines[-1]
    np.testing.assert_allclose(fitted.get_xdata()[[0, -1]], [1000 / 800, 1000 / 400], rtol=1e-7, atol=0)
    np.testing.assert_allclose(fitted.get_ydata()[-1], diffusivity(400.0), rtol=1e-9, atol=0)
    assert result.tables() == {}
    result.write(tmp_path / "out", "arrhenius", result.to_dict())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"arrhenius.{end}" for end in ("json", "curves.json", "png", "svg")
    }


def test_files_without_the_species_are_named(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"500\.json is no msd\.json with a diffusivity of Na"):
        mi.Arrhenius(temperatures_kelvin=KELVIN, species="Na").fit(files)
    for broken in ("{", "[]", '{"species": {"Li": {"diffusivity_cm2_per_s": null}}}'):
        files[1].write_text(broken)
        with pytest.raises(InputFileError, match=r"600\.json is no msd\.json"):
            mi.Arrhenius(temperatures_kelvin=KELVIN).fit(files)
    with pytest.raises(InputFileError, match=r"none\.json is no msd\.json"):
        mi.Arrhenius(temperatures_kelvin=(500,)).fit([tmp_path / "none.json"])


def test_numbers_that_give_no_line_are_refused(files: list[Path]) -> None:
    with pytest.raises(AnalysisError, match="3 files, 2 temperatures"):
        mi.Arrhenius(temperatures_kelvin=(500, 600)).fit(files)
    with pytest.raises(AnalysisError, match="at two temperatures or more"):
        mi.Arrhenius(temperatures_kelvin=(500, 500, 500)).fit(files)
    entry = {"diffusivity_cm2_per_s": -1e-9, "diffusivity_error_cm2_per_s": 1e-9}
    files[0].write_text(json.dumps({"species": {"Li": entry}}))
    with pytest.raises(AnalysisError, match="diffusivity at 500 K, or its error, is not positive"):
        mi.Arrhenius(temperatures_kelvin=KELVIN).fit(files)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"temperatures_kelvin": "500;600"}, "is not a list of numbers such as 500,600"),
        ({"temperatures_kelvin": (500, 0)}, "1 to 20000 K"),
        ({"temperatures_kelvin": (500, 600), "at_kelvin": 0}, "1 to 20000 K"),
        ({"temperatures_kelvin": (500, 600), "n_ions": 0}, "greater than or equal to 1"),
        ({"temperatures_kelvin": (500, 600), "temperature": 3}, "unknown key 'temperature'. Did you mean 'temperatures_kelvin'?"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings: dict, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        mi.Arrhenius(**settings)
