"""Charged defects from files of doped and pymatgen-analysis-defects, without either package."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.defects.charged_defects import ChargedDefect
from mlip_interfaces.structures.defects import PointDefect
from mlip_interfaces.units import PER_CM3_TO_PER_ANGSTROM3

_WANTED = (
    "a DefectThermodynamics or a dictionary of defect entries of doped, or a (Multi)FormationEnergyDiagram or a list of defect entries of "
    "pymatgen-analysis-defects"
)
_ENTRY_KEYS = {"charge_state", "sc_entry", "defect"}
_RICH = "-rich"


@dataclass(frozen=True, slots=True)
class DefectsRead:
    """Defects of a file.

    Attributes
    ----------
    defects : tuple of ChargedDefect
        Formation energies at lithium metal, with the Fermi level at the valence band edge.
    limit : str or None
        Name of the chemical potentials of the other elements; None where they were given.
    notes : tuple of str
        What was assumed.
    """

    defects: tuple[ChargedDefect, ...]
    limit: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Dump:
    """Entries with names, the valence band edge, and chemical potentials of each limit, absolute."""

    entries: list[tuple[str | None, Mapping[str, Any]]]
    vbm_ev: float | None
    limits: dict[str, dict[str, float]]
    lithium_ev: float | None
    bulk: Mapping[str, Any] | None


def read_defects(path: Path, limit: str | None = None, potentials_ev: Mapping[str, float] | None = None) -> DefectsRead:
    r"""Read formation energies of charged defects.

    Parameters
    ----------
    path : Path
        JSON, plain or ``.gz``, as monty's ``dumpfn`` writes it.
    limit : str or None
        Name of a limit of the file, or ``X-rich`` for that with the highest chemical potential of X; needed where there are several.
    potentials_ev : mapping of str to float, eV, or None
        Absolute chemical potentials instead, Li that of its metal.

    Returns
    -------
    DefectsRead
        Every defect in every charge state.

    Raises
    ------
    InputFileError
        If it is no such file, or a limit, a chemical potential, the valence band edge or a multiplicity is missing.

    Notes
    -----
    :math:`E_0 = E_\mathrm{defect} - E_\mathrm{bulk} + E_\mathrm{corr} + q E_\mathrm{VBM} - \sum n_i \mu_i` with lithium at its metal whatever
    the limit, so that the voltage is the one of `charged_defects`; sites are the multiplicity per volume of the cell of the defect.
    """
    try:
        dump = _dump(_content(path), path)
        potentials, chosen = _potentials(dump, limit, potentials_ev, path)
        defects = [_defect(name, entry, dump, potentials, path) for name, entry in dump.entries]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(
            f"{path} is not as it is expected of {_WANTED} ({type(error).__name__}: {error})."
        ) from error
    if not defects:
        raise InputFileError(f"{path} has no defect entry.")
    return DefectsRead(_named_once(defects), chosen, _notes(dump))


def _content(path: Path) -> Any:
    if not path.is_file():
        raise InputFileError(f"There is no file {path}; give {_WANTED}.")
    try:
        raw = path.read_bytes()
        return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputFileError(f"{path} is no JSON that can be read ({error}); give {_WANTED}.") from error


def _dump(content: Any, path: Path) -> _Dump:
    kind = content.get("@class") if isinstance(content, Mapping) else None
    if kind == "DefectThermodynamics":
        chempots = content.get("chempots") or {}
        references = chempots.get("elemental_refs") or content.get("el_refs") or {}
        return _Dump(
            _entries(content["defect_entries"]),
            content.get("vbm"),
            dict(chempots.get("limits") or {}),
            references.get("Li"),
            None,
        )
    if kind == "MultiFormationEnergyDiagram":
        diagrams = content["formation_energy_diagrams"]
        parts = [_dump(diagram, path) for diagram in diagrams]
        first = parts[0]
        return _Dump(
            [entry for part in parts for entry in part.entries],
            first.vbm_ev,
            first.limits,
            first.lithium_ev,
            first.bulk,
        )
    if kind == "FormationEnergyDiagram":
        entries = _entries(content["defect_entries"])
        bulk = content.get("bulk_entry") or entries[0][1]["bulk_entry"]
        limits, lithium = _limits_of_phases(content["pd_entries"], bulk)
        return _Dump(entries, content["vbm"], limits, lithium, content.get("bulk_entry"))
    entries = _entries(content) if isinstance(content, (Mapping, list)) else []
    if not entries:
        raise InputFileError(f"{path} is none of what is read: {_WANTED}.")
    return _Dump(entries, None, {}, None, None)


def _entries(content: Any) -> list[tuple[str | None, Mapping[str, Any]]]:
    """Those of a list, or of a mapping with their names; nothing of anything else."""
    pairs: Iterator[tuple[Any, Any]] = iter(
        content.items() if isinstance(content, Mapping) else ((None, one) for one in content)
    )
    return [
        (None if name is None else str(name), one)
        for name, one in pairs
        if isinstance(one, Mapping) and one.keys() >= _ENTRY_KEYS
    ]


def _limits_of_phases(phases: Any, bulk: Mapping[str, Any]) -> tuple[dict[str, dict[str, float]], float | None]:
    """Chemical potentials at the corners of the host's field in a phase diagram."""
    from pymatgen.analysis.phase_diagram import PhaseDiagram

    diagram = PhaseDiagram([_entry(one) for one in phases])
    composition = _entry(bulk).composition.reduced_composition
    limits = {
        str(name): {element.symbol: float(value) for element, value in potentials.items()}
        for name, potentials in diagram.get_all_chempots(composition).items()
    }
    lithium = next((one.energy_per_atom for element, one in diagram.el_refs.items() if element.symbol == "Li"), None)
    return limits, lithium


def _entry(content: Mapping[str, Any]) -> Any:
    from pymatgen.entries.computed_entries import ComputedEntry

    return ComputedEntry.from_dict(
        {
            "composition": content["composition"],
            "energy": content["energy"],
            "correction": content.get("correction") or 0.0,
            "energy_adjustments": content.get("energy_adjustments"),
        }
    )


def _potentials(
    dump: _Dump, limit: str | None, given: Mapping[str, float] | None, path: Path
) -> tuple[dict[str, float], str | None]:
    if given:
        return dict(given), None
    if not dump.limits:
        raise InputFileError(
            f"{path} has no chemical potentials; give them by --chemical-potential, those of all elements that come or go."
        )
    names = list(dump.limits)
    chosen = limit
    if limit is None and len(names) == 1:
        chosen = names[0]
    elif limit is not None and limit not in names and limit.endswith(_RICH):
        symbol = limit.removesuffix(_RICH)
        with_it = [name for name in names if math.isfinite(dump.limits[name].get(symbol, math.nan))]
        chosen = max(with_it, key=lambda name: dump.limits[name][symbol], default=None)
    if chosen not in names:
        said = "has several limits of chemical potentials" if limit is None else f"has no limit '{limit}'"
        raise InputFileError(f"{path} {said}; name one by --limit: {', '.join(names)}, or X{_RICH} of an element.")
    if dump.lithium_ev is None:
        raise InputFileError(f"{path} does not say the energy of lithium metal; give all by --chemical-potential.")
    return dump.limits[chosen] | {"Li": float(dump.lithium_ev)}, chosen


def _defect(
    name: str | None, entry: Mapping[str, Any], dump: _Dump, potentials: Mapping[str, float], path: Path
) -> ChargedDefect:
    charge = int(entry["charge_state"])
    bulk = entry.get("bulk_entry") or dump.bulk
    said = name or entry.get("entry_id") or "a defect"
    if bulk is None:
        raise InputFileError(f"{path}: {said} has no bulk_entry; parse it with its bulk supercell.")
    with_defect, without = _entry(entry["sc_entry"]), _entry(bulk)
    gained = _counts(with_defect.composition)
    for symbol, number in _counts(without.composition).items():
        gained[symbol] = gained.get(symbol, 0) - number
    gained = {symbol: number for symbol, number in gained.items() if number}
    lacking = sorted(gained.keys() - potentials.keys())
    if lacking:
        raise InputFileError(
            f"{path}: {said} exchanges {', '.join(lacking)}, whose chemical potential is not known; give it by --chemical-potential."
        )
    edge = (entry.get("calculation_metadata") or {}).get("vbm", dump.vbm_ev)
    if edge is None and charge:
        raise InputFileError(
            f"{path}: {said} does not say the valence band edge ('vbm'); dump the thermodynamics, not the entries alone."
        )
    energy = (
        float(with_defect.energy - without.energy)
        + sum(float(value) for value in (entry.get("corrections") or {}).values())
        + charge * float(edge or 0.0)
        - sum(number * potentials[symbol] for symbol, number in gained.items())
    )
    if not math.isfinite(energy):
        raise InputFileError(
            f"{path}: the formation energy of {said} is no finite number; parse it again, or leave it out."
        )
    multiplicity = entry["defect"].get("multiplicity")
    if not multiplicity:
        raise InputFileError(f"{path}: {said} does not say its multiplicity; parse it again with sites counted.")
    volume = float(entry["defect"]["structure"]["lattice"]["volume"])
    degeneracy = math.prod(float(value) for value in (entry.get("degeneracy_factors") or {}).values())
    return ChargedDefect(
        name or _notation(gained, charge),
        charge,
        gained.get("Li", 0),
        energy,
        float(multiplicity) / volume / PER_CM3_TO_PER_ANGSTROM3,
        degeneracy,
    )


def _counts(composition: Any) -> dict[str, int]:
    return {symbol: round(number) for symbol, number in composition.get_el_amt_dict().items()}


def _notation(gained: Mapping[str, int], charge: int) -> str:
    """Of a defect that adds an atom, takes one out, or does both; the atoms and the charge of anything else."""
    added = [symbol for symbol, number in gained.items() if number == 1]
    removed = [symbol for symbol, number in gained.items() if number == -1]
    if len(added) <= 1 and len(removed) <= 1 and len(added) + len(removed) == len(gained) > 0:
        return str(PointDefect(added[0] if added else None, removed[0] if removed else None, charge))
    return " ".join([*(f"{number:+d}{symbol}" for symbol, number in gained.items()), f"({charge:+d})"])


def _named_once(defects: list[ChargedDefect]) -> tuple[ChargedDefect, ...]:
    from dataclasses import replace

    names = [defect.name for defect in defects]
    return tuple(
        defect
        if names.count(defect.name) == 1
        else replace(defect, name=f"{defect.name} {names[: place + 1].count(defect.name)}")
        for place, defect in enumerate(defects)
    )


def _notes(dump: _Dump) -> tuple[str, ...]:
    plain = [
        name or entry.get("entry_id")
        for name, entry in dump.entries
        if int(entry["charge_state"]) and not entry.get("corrections")
    ]
    notes = []
    if plain:
        notes.append(f"Charged without a correction for the finite cell: {', '.join(map(str, plain))}.")
    if any(not entry.get("degeneracy_factors") for _, entry in dump.entries):
        notes.append("Defects without degeneracy factors count as one way to be at a site, spin included.")
    return tuple(notes)
