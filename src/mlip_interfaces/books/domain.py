"""Whether the runs of a scan stayed in the model's domain, as a typed record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlip_interfaces.books.run import FailedLabel
from mlip_interfaces.records import Record

DOMAIN_FILE = "domain.json"
"""In the folder of the scan."""

Verdict = Literal["inside", "leaves", "not looked at"]

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class CommitteeFrame(Record):
    """What the committee says of one frame.

    Attributes
    ----------
    time_ps : float, ps
        Of the frame.
    max_force_deviation_ev_per_angstrom : float or None, eV/angstrom
        Largest over atoms of the committee's standard deviation of the force; None where it is no number.
    """

    time_ps: float
    max_force_deviation_ev_per_angstrom: float | None


@dataclass(frozen=True, slots=True)
class SpotLabel(Record):
    """The final model against one label.

    Attributes
    ----------
    time_ps : float, ps
        Of the labelled frame.
    energy_error_mev_per_atom : float, meV/atom
        Energy of the model minus that of the label.
    force_rmse_mev_per_angstrom : float, meV/angstrom
        Root mean square over all components.
    """

    time_ps: float
    energy_error_mev_per_atom: float
    force_rmse_mev_per_angstrom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDomain(Record):
    """One run of the scan.

    Attributes
    ----------
    name : str
        Of the run.
    verdict : {"inside", "leaves", "not looked at"}
        Inside by all that was looked at.
    left_at_ps : float or None, ps
        When it left; None where it did not.
    reasons : tuple of str
        One sentence for each rule that says so.
    committee : tuple of CommitteeFrame
        In order of time.
    spot_labels : tuple of SpotLabel
        In order of time.
    failed_labels : tuple of FailedLabel
        Labels that were not made.
    no_committee, no_labels : str
        Why there are none; empty where there are.
    """

    name: str
    verdict: Verdict
    left_at_ps: float | None = None
    reasons: tuple[str, ...] = ()
    committee: tuple[CommitteeFrame, ...] = ()
    spot_labels: tuple[SpotLabel, ...] = ()
    failed_labels: tuple[FailedLabel, ...] = ()
    no_committee: str = ""
    no_labels: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainIndex(Record):
    """``scan/domain.json``.

    Attributes
    ----------
    committee : tuple of str
        Its models, relative to the run folder; empty without one.
    trust_low_ev_per_angstrom, trust_high_ev_per_angstrom : float or None, eV/angstrom
        Trust levels in force in the last exploration; None without a committee.
    max_energy_drift_mev_per_atom : float, meV/atom
        Bound of the change of the energy error.
    runs : tuple of RunDomain
        As in the scan.
    """

    committee: tuple[str, ...] = ()
    trust_low_ev_per_angstrom: float | None = None
    trust_high_ev_per_angstrom: float | None = None
    max_energy_drift_mev_per_atom: float
    runs: tuple[RunDomain, ...] = ()

    @property
    def leaving(self) -> tuple[RunDomain, ...]:
        """Runs that leave the domain."""
        return tuple(run for run in self.runs if run.verdict == "leaves")

    @property
    def not_looked_at(self) -> tuple[RunDomain, ...]:
        """Runs that nothing is known of."""
        return tuple(run for run in self.runs if run.verdict == "not looked at")

    @property
    def sentence(self) -> str:
        """The verdicts in a line: who leaves the domain, and how many were not looked at."""
        unknown = self.not_looked_at
        if len(unknown) == len(self.runs):
            return "nothing says whether they stay in the model's domain"
        if self.leaving:
            names = [run.name for run in self.leaving]
            listed = ", ".join(names[:_MOST_NAMES]) + (" ..." if len(names) > _MOST_NAMES else "")
            found = f"{len(names)} of {len(self.runs)} leave the model's domain: {listed}"
        else:
            found = "none is seen to leave the model's domain"
        return f"{found}; {len(unknown)} not looked at" if unknown else found
