"""What runs are called in figures, and their colours."""

from __future__ import annotations

from collections.abc import Collection

from mlip_interfaces.figures.style import thickness_color

Which = float | str
"""What a run is called in figures: the thickness of its coating, angstrom, in a study that compares some; else its name."""


def colors_of_runs(whiches: Collection[Which]) -> dict[Which, str]:
    """Colour of each thickness, in their order, or of each run.

    Parameters
    ----------
    whiches : collection of Which
        Of all runs.

    Returns
    -------
    dict of Which to str
        In the order of legends.
    """
    return {which: thickness_color(number) for number, which in enumerate(in_order(whiches))}


def in_order(whiches: Collection[Which]) -> list[Which]:
    """Thicknesses from thin to thick; names as they come.

    Parameters
    ----------
    whiches : collection of Which
        Of all runs.

    Returns
    -------
    list of Which
        Each once.
    """
    numbers: list[Which] = sorted(which for which in set(whiches) if not isinstance(which, str))
    return numbers + [which for which in dict.fromkeys(whiches) if isinstance(which, str)]


def called(which: Which) -> str:
    """A run in a legend.

    Parameters
    ----------
    which : Which
        The run.

    Returns
    -------
    str
        Its name, or its thickness with the unit.
    """
    return which if isinstance(which, str) else f"{which:g} Å"


def legend_title(whiches: Collection[Which]) -> str | None:
    """Title of a legend of runs.

    Parameters
    ----------
    whiches : collection of Which
        Of its runs.

    Returns
    -------
    str or None
        None where they have names.
    """
    return None if any(isinstance(which, str) for which in whiches) else "coating"
