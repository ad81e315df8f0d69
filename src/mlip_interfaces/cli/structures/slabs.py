"""``structures slabs``: every termination of a plane."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.structures.words import MATERIAL, print_table
from mlip_interfaces.files import json_text


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``structures``.
    """
    slabs = actions.add_parser("slabs", help="every termination of a plane; --out writes the slabs")
    slabs.add_argument("name", metavar="NAME", help=MATERIAL)
    slabs.add_argument("--miller", type=int, nargs=3, required=True, metavar=("H", "K", "L"), help="plane")
    slabs.add_argument(
        "--thickness-angstrom",
        type=float,
        default=15.0,
        metavar="T",
        help="each slab comes as near as it can; default: %(default)g",
    )
    slabs.add_argument("--symmetric", action="store_true", help="only slabs with the same plane on both sides")
    slabs.add_argument("--stoichiometric", action="store_true", help="only slabs with the composition of the crystal")
    slabs.add_argument("--primitive", action="store_true", help="on the lateral cell of the primitive lattice")
    slabs.add_argument(
        "--charge",
        action="append",
        default=[],
        metavar="X=Q",
        help="formal charge of an element, such as Co=3; may be repeated",
    )
    slabs.add_argument(
        "--vacuum-angstrom", type=float, default=15.0, metavar="V", help="vacuum in the files, default: %(default)g"
    )
    slabs.add_argument("--json", action="store_true", help="as JSON")
    slabs.add_argument("--out", type=Path, metavar="DIR", help="folder for slabs.csv and each slab as .xyz and .vasp")
    slabs.set_defaults(run=run_slabs)


def run_slabs(arguments: argparse.Namespace) -> int:
    """Print the terminations and write the slabs if asked.

    Parameters
    ----------
    arguments : argparse.Namespace
        As parsed.

    Returns
    -------
    int
        Exit code, 0.
    """
    from dataclasses import asdict

    from mlip_interfaces.structures.slabs import enumerate_slabs, write_slabs

    slabs = enumerate_slabs(
        arguments.name, arguments.miller, arguments.thickness_angstrom, symmetric=arguments.symmetric,
        stoichiometric=arguments.stoichiometric, primitive=arguments.primitive, charges=_charges(arguments.charge),
    )  # fmt: skip
    rows = [slab.termination for slab in slabs]
    if arguments.out is not None:
        write_slabs(slabs, arguments.out, vacuum_angstrom=arguments.vacuum_angstrom)
    if arguments.json:
        print(json_text([asdict(row) for row in rows], indent=2))
        return 0
    print_table(
        ("", "top | bottom", "composition", "atoms", "thickness/angstrom", "stoichiometric", "symmetric", "Tasker",
         "dipole/(e/angstrom)", "charge/e"),
        [
            (
                str(number), row.name, row.composition, str(row.n_atoms), f"{row.thickness_angstrom:.2f}",
                "yes" if row.stoichiometric else "no", "yes" if row.symmetric else "no", str(row.tasker),
                f"{row.dipole_e_per_angstrom:.3f}", f"{row.charge_e:g}",
            )
            for number, row in enumerate(rows)
        ],
    )  # fmt: skip
    if arguments.out is not None:
        print(f"written to {arguments.out}")
    return 0


def _charges(words: Sequence[str]) -> dict[str, float] | None:
    """Charges by element from words such as Co=3."""
    from ase.data import chemical_symbols

    from mlip_interfaces.errors import StructureError

    charges = {}
    for word in words:
        element, _, value = word.partition("=")
        try:
            charges[element] = float(value)
        except ValueError:
            element = ""
        if element not in chemical_symbols or not math.isfinite(charges[element]):
            raise StructureError(f"--charge {word} is no charge of an element; write for example --charge Co=3.")
    return charges or None
