"""Migration as JSON, CSV and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from mlip_interfaces.files import write_csv, write_json
from mlip_interfaces.screening.migration.hops import Hop, Sites
from mlip_interfaces.screening.migration.migration import HopRecord, Migration, percolating_distances
from mlip_interfaces.screening.migration.percolation import AXES, Step, Threshold


def hops_content(sites: Sites, hops: tuple[Hop, ...]) -> dict[str, object]:
    """Sites, hops and distances as JSON has them, before any barrier.

    Parameters
    ----------
    sites : Sites
        Of the ion.
    hops : tuple of Hop
        Between them.

    Returns
    -------
    dict
        With units in the keys.
    """
    needed = percolating_distances(sites)
    return {
        "ion": sites.ion,
        "mechanism": sites.mechanism,
        "sites": [
            {"label": label, "fractional": [float(x) for x in place], "equivalent_to": sites.labels[int(orbit)]}
            for label, place, orbit in zip(sites.labels, sites.fractional, sites.orbits, strict=True)
        ],
        "distinct_hops": [
            {
                "name": hop.name,
                "distance_angstrom": hop.distance_angstrom,
                "n_equivalent": len(hop.edges),
                "is_its_own_reverse": hop.has_mirror,
                "joins_equivalent_sites": hop.joins_equals,
            }
            for hop in hops
        ],
        "percolating_distance_angstrom": {str(number): one.level for number, one in sorted(needed.directions.items())}
        | {axis: one.level for axis, one in needed.axes.items()},
    }


def migration_content(found: Migration, settings: Mapping[str, object]) -> dict[str, object]:
    """Barriers and percolation as JSON has them.

    Parameters
    ----------
    found : Migration
        Of all hops.
    settings : mapping of str to object
        Of the calculator and the bands.

    Returns
    -------
    dict
        With units in the keys.
    """
    content = hops_content(found.sites, found.hops)
    reached = found.network.percolation
    return content | {
        "hops": [record.to_json() for record in found.records],
        "percolation": {
            "directions": {
                str(number): _threshold(found, reached.directions.get(number)) for number in range(1, len(AXES) + 1)
            },
            "axes": {axis: _threshold(found, reached.axes.get(axis)) for axis in AXES},
        },
        "crystal": {
            "energy_ev": found.bulk.energy_ev,
            "is_at_rest": found.bulk.converged,
            "volume_change_fraction": found.bulk.volume_change_fraction,
            "cell_angstrom": found.bulk.cell,
        },
        "supercell": {"repeats": found.repeats, "n_atoms": found.n_atoms},
        "settings": dict(settings),
        "notes": list(found.notes),
        "summary": summary(found),
    }


def summary(found: Migration) -> list[str]:
    """What was found, in sentences.

    Parameters
    ----------
    found : Migration
        Of all hops.

    Returns
    -------
    list of str
        One for each hop, then percolation.
    """
    return [*map(hop_sentence, found.records), *percolation_sentences(found)]


def percolation_sentences(found: Migration) -> list[str]:
    """What the hops make together, in words.

    Parameters
    ----------
    found : Migration
        Of all hops.

    Returns
    -------
    list of str
        One for each number of directions, then one for each axis that is reached.
    """
    lines = []
    reached = found.network.percolation
    for number in range(1, len(AXES) + 1):
        what = "1 direction" if number == 1 else f"{number} directions"
        limit = reached.directions.get(number)
        if limit is None:
            lines.append(f"The hops with a barrier do not percolate in {what}.")
        else:
            lines.append(
                f"Percolation in {what} from {limit.level:.3f} eV, limited by {found.network.owners[limit.limiting]}."
            )
    for axis, limit in reached.axes.items():
        steps = [f"{_label(found.sites, step, 0)} -> {_label(found.sites, step, 1)}" for step in limit.path]
        lines.append(f"Along {axis} from {limit.level:.3f} eV: {', '.join(steps)}.")
    return lines


def hop_sentence(record: HopRecord) -> str:
    """One hop in words.

    Parameters
    ----------
    record : HopRecord
        Of it.

    Returns
    -------
    str
        With its barriers, or why it has none.
    """
    if record.forward_barrier_ev is None:
        return f"{record.name}: {' '.join(record.notes)}"
    open_end = "" if record.state == "converged" else " (not converged)"
    return (
        f"{record.name}: {record.forward_barrier_ev:.3f} eV forward, {record.backward_barrier_ev:.3f} eV backward, {record.reaction_energy_ev:+z.3f} eV "
        f"from end to end, a path of {record.ion_path_angstrom:.2f} angstrom{open_end}."
    )


def write_migration(
    found: Migration, content: Mapping[str, object], directory: Path, provenance: Mapping[str, object]
) -> list[Path]:
    """``migration.json``, ``hops.csv``, ``profiles.csv`` and the figures.

    Parameters
    ----------
    found : Migration
        Of all hops.
    content : mapping of str to object
        As `migration_content` gives it.
    directory : Path
        That the hops are in.
    provenance : mapping of str to object
        For the JSON.

    Returns
    -------
    list of Path
        The PNGs.
    """
    from mlip_interfaces.figures.migration_plots import HopProfile, hop_profiles, percolation_levels
    from mlip_interfaces.figures.style import save_figure

    write_json(directory / "migration.json", dict(content) | dict(provenance))
    columns = (
        "name", "state", "distance_angstrom", "n_equivalent", "forward_barrier_ev", "backward_barrier_ev", "reaction_energy_ev",
        "path_length_angstrom", "ion_path_angstrom", "residual_ev_per_angstrom",
    )  # fmt: skip
    write_csv(
        directory / "hops.csv",
        [*columns, "notes"],
        ([*(getattr(one, key) for key in columns), " ".join(one.notes)] for one in found.records),
    )
    write_csv(
        directory / "profiles.csv",
        ["hop", "kind", "path_angstrom", "energy_ev"],
        (
            [one.name, kind, x, y]
            for one in found.records
            for kind, places, energies in (
                ("image", one.path_angstrom, one.energies_ev),
                ("curve", one.fit_path_angstrom, one.fit_energies_ev),
            )
            for x, y in zip(places, energies, strict=True)
        ),
    )
    profiles = [
        HopProfile(
            name=one.name,
            path=np.array(one.path_angstrom),
            energies=np.array(one.energies_ev),
            fit_path=np.array(one.fit_path_angstrom),
            fit_energies=np.array(one.fit_energies_ev),
            is_converged=one.state == "converged",
        )
        for one in found.records
        if one.path_angstrom
    ]
    missing = [one.name for one in found.records if not one.path_angstrom]
    reached = found.network.percolation
    limits = [
        (f"{number}D", one.level, found.network.owners[one.limiting])
        for number, one in sorted(reached.directions.items())
    ] + [(axis, one.level, found.network.owners[one.limiting]) for axis, one in reached.axes.items()]
    figures = {
        "profiles": hop_profiles(profiles, missing),
        "percolation": percolation_levels(_levels(found), limits),
    }
    for name, figure in figures.items():
        save_figure(figure, directory, name)
    return [directory / f"{name}.png" for name in figures]


def _levels(found: Migration) -> list[tuple[str, float, float, float]]:
    """Of each converged hop: name, both ends and top over the lowest end of all."""
    records = [one for one in found.records if one.name in found.network.records]
    first = {one.name: (one.first_energy_ev or 0.0) - found.network.lowest_ev for one in records}
    return [
        (
            one.name,
            first[one.name],
            first[one.name] + (one.reaction_energy_ev or 0.0),
            first[one.name] + (one.forward_barrier_ev or 0.0),
        )
        for one in records
    ]


def _threshold(found: Migration, limit: Threshold | None) -> dict[str, object] | None:
    if limit is None:
        return None
    return {
        "barrier_ev": limit.level,
        "limiting_hop": found.network.owners[limit.limiting],
        "path": [
            {
                "hop": found.network.owners[step.number],
                "from": _label(found.sites, step, 0),
                "to": _label(found.sites, step, 1),
                "cell": list(step.edge[2]),
                "barrier_ev": _barrier(found, step),
            }
            for step in limit.path
        ],
    }


def _barrier(found: Migration, step: Step) -> float | None:
    """Forward where the step runs as its hop is named."""
    name = found.network.owners[step.number]
    record = found.network.records[name]
    return record.forward_barrier_ev if step.is_forward else record.backward_barrier_ev


def _label(sites: Sites, step: Step, end: Literal[0, 1]) -> str:
    return sites.labels[step.edge[end]]
