"""Section on whether the runs of the scan stayed in the model's domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlip_interfaces.books.domain import DOMAIN_FILE, DomainIndex, RunDomain
from mlip_interfaces.books.run import INDEX, ScanIndex, read_optional_book
from mlip_interfaces.figures.domain_plots import DeviationTrace, deviation_over_time
from mlip_interfaces.figures.runs import Which
from mlip_interfaces.report.left_out import NONE_STALE
from mlip_interfaces.report.parts import PageSection, Table
from mlip_interfaces.report.run_names import names_in_figures
from mlip_interfaces.report.run_sections import MakePicture


def domain_section(run: Path, picture: MakePicture, stale: Mapping[str, str] = NONE_STALE) -> PageSection:
    """What the committee and the spot labels say of each run.

    Parameters
    ----------
    run : Path
        The run folder.
    picture : callable
        Saves a figure.
    stale : mapping of str to str, optional
        Runs whose trajectories are not of the study as it is now; nothing is said of them.

    Returns
    -------
    PageSection
        Saying so where nobody looked.

    Raises
    ------
    InputFileError
        If a book is damaged.
    """
    section = PageSection("domain", "Did production stay in the model's domain?")
    index = read_optional_book(DomainIndex, run / "scan" / DOMAIN_FILE)
    if index is None:
        section.absent = "No run has been looked at; `mlip-interfaces scan domain` does it for a scan that is there."
        return section
    index = replace(index, runs=tuple(entry for entry in index.runs if entry.name not in stale))
    if index.committee:
        section.paragraphs.append(
            f"A run leaves the domain when most frames from some time on have a largest force deviation above the upper trust "
            f"level of {index.trust_high_ev_per_angstrom:.3g} eV/Å (the lower one is {index.trust_low_ev_per_angstrom:.3g}), or "
            f"when E(model) - E(label) changes by more than {index.max_energy_drift_mev_per_atom:g} meV/atom along it. Members "
            f"of a committee may be wrong alike: labels are the stronger evidence."
        )
    scan = read_optional_book(ScanIndex, run / "scan" / INDEX) or ScanIndex()
    called = names_in_figures(scan.runs)
    traces = _traces(scan, index, called)
    if traces and index.trust_low_ev_per_angstrom is not None and index.trust_high_ev_per_angstrom is not None:
        figure = deviation_over_time(
            traces,
            index.trust_low_ev_per_angstrom,
            index.trust_high_ev_per_angstrom,
            of_study=called.values(),
        )
        caption = (
            "Largest force deviation of the committee in frames of each run; dotted: the trust levels; dashed: runs that "
            "leave the domain."
        )
        section.figures.append(picture(figure, "domain", caption))
    head = [
        "run", "verdict", "deviation start, median, end (eV/Å)", "E(model) - E(label) (meV/atom)", "force RMSE (meV/Å)",
    ]  # fmt: skip
    section.tables.append(Table(head, [_row(entry) for entry in index.runs]))
    section.points += [f"{entry.name}: {reason}." for entry in index.runs for reason in _angstrom(entry.reasons)]
    section.points += [
        f"{entry.name}: the label {failed.task} was not made: {failed.reason.rstrip('.')}."
        for entry in index.runs
        for failed in entry.failed_labels
    ]
    for what, found in (
        ("Not judged by a committee", {entry.name: entry.no_committee for entry in index.runs}),
        ("Not compared with labels", {entry.name: entry.no_labels for entry in index.runs}),
    ):
        for why in dict.fromkeys(filter(None, found.values())):
            names = [name for name, reason in found.items() if reason == why]
            listed = "all runs" if len(names) == len(index.runs) else ", ".join(names)
            section.points.append(f"{what} ({listed}): {why.rstrip('.')}.")
    return section


def _traces(scan: ScanIndex, index: DomainIndex, called: Mapping[str, Which]) -> list[DeviationTrace]:
    entries = {entry.name: entry for entry in scan.runs}
    return [
        DeviationTrace(
            which=called[found.name],
            condition=entries[found.name].condition,
            time_ps=np.array([frame.time_ps for frame in found.committee]),
            deviation_ev_per_angstrom=np.array(
                [frame.max_force_deviation_ev_per_angstrom for frame in found.committee], dtype=np.float64
            ),
            leaves=found.verdict == "leaves",
        )
        for found in index.runs
        if found.committee and found.name in entries
    ]


def _row(run: RunDomain) -> list[str]:
    left = f" at {run.left_at_ps:.6g} ps" if run.left_at_ps is not None else ""
    deviation = ""
    if run.committee:
        values = np.array([frame.max_force_deviation_ev_per_angstrom for frame in run.committee], dtype=np.float64)
        # What is no number is beyond all bounds.
        median = np.median(np.nan_to_num(values, nan=np.inf))
        deviation = ", ".join(
            f"{value:.3g}" if np.isfinite(value) else "no number" for value in (values[0], median, values[-1])
        )
    energies = " → ".join(f"{label.energy_error_mev_per_atom:.1f}" for label in run.spot_labels)
    forces = " → ".join(f"{label.force_rmse_mev_per_angstrom:.0f}" for label in run.spot_labels)
    return [run.name, f"{run.verdict}{left}", deviation, energies, forces]


def _angstrom(reasons: tuple[str, ...]) -> list[str]:
    return [reason.replace("eV/angstrom", "eV/Å") for reason in reasons]
