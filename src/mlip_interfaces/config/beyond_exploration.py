"""Where production goes beyond all that the campaign explores: hotter, under another pressure, for far longer."""

from __future__ import annotations

from mlip_interfaces.config.study import Protocol, Study
from mlip_interfaces.units import FS_TO_PS

MOST_TIMES_LONGER = 100.0
"""Ten times longer than an exploration run is usual, and a campaign has tens to a hundred of these runs (models, temperatures,
pressures, iterations): up to here, production is about as long as all of them together."""

MOST_BAR_BEYOND = 1000.0
"""Compresses Li metal, the softest of battery solids (11 GPa), by one per cent, which strained copies in the initial data cover."""


def beyond_exploration(study: Study) -> list[str]:
    """What production does that no exploration does.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    list of str
        A sentence for each protocol and key, with both values and a remedy.
    """
    return [sentence for name, protocol in study.protocols.items() for sentence in _beyond(study, name, protocol)]


def _beyond(study: Study, name: str, protocol: Protocol) -> list[str]:
    exploration = study.exploration
    sentences = []
    hottest = max(max(rung.temperatures_kelvin) for rung in exploration.iterations)
    kelvin = protocol.temperature_kelvin
    if kelvin > hottest:
        sentences.append(
            f"protocols.{name}.temperature_kelvin is {kelvin:g}, hotter than all that is explored "
            f"(exploration.iterations: at most {hottest:g} K). Explore {kelvin:g} K in the last rung, or lower it."
        )
    explored = [bar for rung in exploration.iterations for bar in rung.pressures_bar]
    low, high = min(explored), max(explored)
    far = [bar for bar in protocol.pressures if not low - MOST_BAR_BEYOND <= bar <= high + MOST_BAR_BEYOND]
    if far and protocol.ensemble == "npt":
        sentences.append(
            f"protocols.{name}.pressure_bar is {', '.join(f'{bar:g}' for bar in dict.fromkeys(far))}, far from all that is "
            f"explored (exploration.iterations: {low:g} to {high:g} bar). Add it to pressures_bar of a rung."
        )
    longest_ps = max(rung.steps for rung in exploration.iterations) * exploration.timestep_fs * FS_TO_PS
    times = protocol.time_ps / longest_ps
    if times > MOST_TIMES_LONGER:
        sentences.append(
            f"protocols.{name}.time_ps is {protocol.time_ps:g}, {times:.0f} times the longest exploration run "
            f"(exploration.iterations: {longest_ps:g} ps): what takes long to happen is not in the training data. Raise `steps` "
            "of the last rung, or see after the scan which runs leave the model's domain (section `domain`)."
        )
    return sentences
