"""What grows at an interface, in ``report/results.json``: the numbers of one result of each kind."""

from __future__ import annotations

from collections import Counter
from typing import Any

SAID_OF_AN_ENVIRONMENT = (
    "n_atoms_mean", "diffusivity_cm2_per_s", "confidence_95_cm2_per_s", "not_diffusive_because", "residence_time_ps",
    "residence_time_error_ps", "residence_time_at_least_ps",
)  # fmt: skip
SAID_OF_A_BOND = ("at_start", "at_end", "net_broken_per_ps", "net_broken_error_per_ps")
SAID_OF_GROWTH = ("arrest_ps", "arrest_95_ps", "n_arrested", "second_stage_ps", "second_stage_95_ps", "reactants")


def interphase_numbers(kind: str, content: Any) -> dict[str, object]:
    """The headline numbers of a result.

    Parameters
    ----------
    kind : str
        Of the analysis.
    content : object
        Of its JSON file.

    Returns
    -------
    dict of str to object
        None for analyses of another kind.
    """
    match kind:
        case "phases":
            return {
                "phase_fractions": {phase: values["fraction"] for phase, values in content["phases"].items()},
                "layers": [_some(layer, ("phase", "thickness_angstrom")) for layer in content["layers"]],
            }
        case "growth":
            return {
                "interphase_angstrom": content["thickness_angstrom"][-1],
                "interphase_95_angstrom": content.get("thickness_at_end_95_angstrom"),
                "interphase_at_ps": content["times_ps"][-1],
                "growth_law": content["law"],
                "growth_exponent": content["exponent"],
                "growth_exponent_95": content["exponent_95"],
            } | _some(content, SAID_OF_GROWTH)
        case "crystallites":
            sizes = [grain["diameter_angstrom"] for grain in content["grains"]]
            return {
                "n_grains_by_phase": dict(Counter(grain["phase"] for grain in content["grains"])),
                "largest_grain_angstrom": max(sizes, default=None),
                "crystalline_fraction": content["crystalline_fraction"],
                "crystalline_fraction_by_phase": content.get("crystalline_fraction_by_phase", {}),
                "phases_crystalline_at_start": content.get("phases_at_start", []),
            }
        case "environments":
            found = {one["name"]: _some(one, SAID_OF_AN_ENVIRONMENT) for one in content["environments"]}
            return {"environments": {content["settings"]["species"]: found}}
        case "reactions":
            changed = {bond: one for bond, one in content["bonds"].items() if one["made"] or one["broken"]}
            return {"reacting_bonds": {bond: _some(one, SAID_OF_A_BOND) for bond, one in changed.items()}}
        case "onsager":
            places = content.get("interfaces", {}) | {
                f"region, {plane}": content["region"][plane]
                for plane in ("lower", "upper", "inside")
                if "region" in content
            }
            since = {name: fluxes["zero_within_2_sigma_since_ps"] for name, fluxes in places.items()}
            return {"fluxes_zero_since_ps": since} if since else {}
    return {}


def _some(content: Any, names: tuple[str, ...]) -> dict[str, object]:
    return {name: content[name] for name in names if name in content}
