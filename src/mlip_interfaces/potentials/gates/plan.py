"""What is handed to the process of the static gates, and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import JsonValue

from mlip_interfaces.books.gates import GateFindings
from mlip_interfaces.potentials.gates.contract import Host
from mlip_interfaces.records import Record

PLAN_FILE = "plan.json"
FINDINGS_FILE = "findings.json"
REPAIR_FOLDER = "repair"


@dataclass(frozen=True, slots=True)
class HostEntry(Record):
    """A structure in ``plan.json``; fields as in `Host`.

    Attributes
    ----------
    name : str
        Of the model or of the bulk cell.
    role : {"bulk", "interface"}
        What it is.
    symbols : tuple of str
        Element of each atom.
    positions_angstrom : tuple of tuple of float, angstrom
        Of the atoms.
    cell_angstrom : tuple of tuple of float, angstrom
        Rows are lattice vectors.
    layer_id : tuple of int
        Layer of each atom.
    """

    name: str
    role: Literal["bulk", "interface"]
    symbols: tuple[str, ...]
    positions_angstrom: tuple[tuple[float, ...], ...]
    cell_angstrom: tuple[tuple[float, ...], ...]
    layer_id: tuple[int, ...]

    @classmethod
    def of_host(cls, host: Host) -> HostEntry:
        """The entry of a host.

        Parameters
        ----------
        host : Host
            The structure.

        Returns
        -------
        HostEntry
            With the same numbers.
        """
        return cls(
            host.name,
            host.role,
            host.symbols,
            tuple(map(tuple, host.positions.tolist())),
            tuple(map(tuple, host.cell.tolist())),
            tuple(host.layer_id.tolist()),
        )

    def host(self) -> Host:
        """The structure as arrays.

        Returns
        -------
        Host
            With the same numbers.
        """
        return Host(
            self.name,
            self.role,
            self.symbols,
            np.array(self.positions_angstrom, dtype=np.float64).reshape(-1, 3),
            np.array(self.cell_angstrom, dtype=np.float64),
            np.array(self.layer_id, dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class StaticPlan(Record):
    """``plan.json`` of the static gates.

    Attributes
    ----------
    settings : mapping
        The study's section `gates`.
    hosts : tuple of HostEntry
        Structures to try the potential on.
    """

    settings: Mapping[str, JsonValue]
    hosts: tuple[HostEntry, ...]


@dataclass(frozen=True, slots=True)
class StaticFindings(Record):
    """``findings.json`` of the static gates.

    Attributes
    ----------
    gates : tuple of GateFindings
        One for each static gate.
    """

    gates: tuple[GateFindings, ...]
