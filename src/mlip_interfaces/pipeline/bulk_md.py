"""MD of cells without interfaces with LAMMPS and a potential of any kind: its deck, the folder of a run, the verdict on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from mlip_interfaces.deep_potentials import read_deep_potential
from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.files import file_hash, write_text
from mlip_interfaces.md import (
    DATA,
    MODEL,
    TABLE,
    HealthBounds,
    MDProtocol,
    join_pieces,
    judge_run,
    md_command,
    start_script,
    state_of_run,
    write_start_script,
)
from mlip_interfaces.md.ending import DONE, is_over
from mlip_interfaces.md.protocol import DECK
from mlip_interfaces.pipeline.making_room import reopen
from mlip_interfaces.shipped_files import lammps_deck
from mlip_interfaces.structures.glass import QuenchPotential, named_potential
from mlip_interfaces.structures.glass.potential import DEEP_POTENTIAL_SUFFIXES
from mlip_interfaces.units import FS_TO_PS

POTENTIAL = "potential.lammps"
BULK_BOUNDS = HealthBounds(
    max_temperature_ratio=2.5,
    mean_temperature_tolerance=0.1,
    density_change=0.5,
    lateral_change=0.3,
    min_distance_angstrom=0.6,
)
"""A hot liquid in a small cell fluctuates more than an interface; atoms that fuse or fly apart leave them all the same."""

_DECK_LINES = {
    "atom_style      atomic\n": "atom_style      ${atom_style}\n",
    "pair_style      deepmd ${potential} ${watch}\n": "",
    "pair_coeff      * * ${elements}\n": "",
    "timestep        ${timestep}\n": "include         ${potential}\ntimestep        ${timestep}\n",
}
_LISTS = "neigh_modify every 1 delay 0 check yes\n"
"""Light ions of a hot melt leave their neighbour list soon."""


def own_deck() -> str:
    """The deck of interfaces for a potential of any kind: an included file in place of the Deep Potential.

    Returns
    -------
    str
        With the variable ``atom_style``; ``potential`` names the file of masses, charges and pair style.

    Examples
    --------
    >>> "deepmd" in own_deck(), own_deck().count("include         ${potential}")
    (False, 1)
    """
    text = lammps_deck(DECK).read_text()
    body = text[text.index("variable        checkpoint_every") :]
    for old, new in _DECK_LINES.items():
        assert body.count(old) == 1, f"the deck has not '{old}' once"
        body = body.replace(old, new)
    return f"# Of {DECK}, for a potential of any kind.\n{body}"


def bulk_potential(text: str, material: str, counts: Mapping[str, int]) -> QuenchPotential:
    """The potential of a compound that a user names; one that lacks an element is refused before anything runs.

    Parameters
    ----------
    text : str
        As `named_potential` takes it.
    material : str
        What the compound is called in messages.
    counts : mapping of str to int
        Atoms of each element.

    Returns
    -------
    QuenchPotential
        Of these elements, if it is a Deep Potential; else of all that it has.

    Raises
    ------
    StructureError
        If it is none, lacks an element, or gives the compound a net charge.
    MissingEngineError
        If it is a Deep Potential and DeePMD-kit is not there to read it.
    """
    found = named_potential(text, list(counts))
    found.refuse_compound(material, counts)
    if Path(text).suffix in DEEP_POTENTIAL_SUFFIXES:
        try:
            read_deep_potential(Path(text)).require_elements(list(counts), None)
        except InputFileError as error:
            raise StructureError(f"{material}: {error}") from error
    return found


def write_bulk_run(run: Path, potential: QuenchPotential, protocol: MDProtocol) -> None:
    """Write the folder of a run; one that is over keeps its end, and goes on from there where it is to be longer.

    Parameters
    ----------
    run : Path
        Its folder, with the data file; the deck lies one above.
    potential : QuenchPotential
        Of all its elements.
    protocol : MDProtocol
        What to run.
    """
    write_text(run / POTENTIAL, potential.with_masses() + _LISTS)
    command = md_command(
        protocol,
        BULK_BOUNDS,
        deck=f"../{DECK}",
        data=DATA,
        potential=POTENTIAL,
        elements=potential.elements,
    )
    command += f" -var atom_style {potential.atom_style}"
    made_of = {MODEL: file_hash(run / DATA), "potential": potential.fingerprint()}
    script = start_script(command, made_of)
    if not is_over(run):
        (run / DONE).unlink(missing_ok=True)
    elif state_of_run(run, script, protocol, BULK_BOUNDS).action == "extended":
        reopen(run)
    write_start_script(run, script)


def put_together(run: Path, protocol: MDProtocol) -> tuple[str, ...]:
    """Put the pieces of a run together.

    Parameters
    ----------
    run : Path
        Its folder.
    protocol : MDProtocol
        What was asked for.

    Returns
    -------
    tuple of str
        Why it is not healthy; none where it is.
    """
    join_pieces(run)
    n_atoms = int(re.search(r"^(\d+) atoms", (run / DATA).read_text(), re.MULTILINE)[1])  # type: ignore[index]
    return verdict(run / TABLE, protocol, n_atoms)


def verdict(table: Path, protocol: MDProtocol, n_atoms: int) -> tuple[str, ...]:
    """Why a run is not fit to be analysed.

    Parameters
    ----------
    table : Path
        Its ``thermo.csv``.
    protocol : MDProtocol
        What was asked for.
    n_atoms : int
        In its cell.

    Returns
    -------
    tuple of str
        A sentence for each bound that was left.
    """
    try:
        judged = judge_run(
            table,
            target_kelvin=protocol.temperature_kelvin,
            requested_ps=protocol.n_steps * protocol.timestep_fs * FS_TO_PS,
            n_atoms=n_atoms,
            bounds=BULK_BOUNDS,
        )
    except InputFileError as error:
        return (f"nothing to judge: {error}",)
    return judged.reasons
