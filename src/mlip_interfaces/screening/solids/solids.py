"""Solids that may meet in a battery: levels of the dictionary, crystals of the library, and what each of them lacks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mlip_interfaces.chemistry import formula
from mlip_interfaces.errors import InputFileError, StructureError
from mlip_interfaces.screening.solids.dictionary import Dictionary
from mlip_interfaces.screening.solids.materials import Anode, Cathode, Electrolyte
from mlip_interfaces.structures.crystals import DEFAULT_POLYMORPHS, LIBRARY, formula_counts, in_library, load_crystal

Role = Literal["cathode", "anode", "electrolyte", "coating"]
ROLES: tuple[Role, ...] = get_args(Role)

LIBRARY_ROLES: dict[str, Role | None] = {
    "LiCoO2": "cathode", "LiNiO2": "cathode", "LiMn2O4": "cathode", "LiNi0.5Mn1.5O4": "cathode",
    "Li": "anode",
    "Li6PS5Cl": "electrolyte", "Li7P3S11": "electrolyte", "beta-Li3PS4": "electrolyte", "gamma-Li3PS4": "electrolyte",
    "gamma-Li3PO4": "electrolyte", "beta-Li3PO4": "electrolyte", "Li2PO2N": "electrolyte", "Li7La3Zr2O12": "electrolyte",
    "Li3OCl": "electrolyte", "Li3OBr": "electrolyte",
    "LiF": "coating", "LiCl": "coating",
    "Li2S": None, "Li3P": None, "LiP": None, "Co9S8": None, "CoS2": None, "Co3S4": None,
}  # fmt: skip
"""What each crystal of the library is taken for where no list is given; None for products of reactions."""

DICTIONARY_COATINGS = ("LPO", "LiPON")
"""Electrolytes of the shipped dictionary that are used as coatings, too."""


@dataclass(frozen=True, slots=True)
class Solid:
    """One solid in one role.

    Attributes
    ----------
    name : str
        Of the dictionary, of the library, or of the structure's file.
    role : {"cathode", "anode", "electrolyte", "coating"}
        In the pairs.
    formula : str
        Of one formula unit.
    crystal : str
        Library name or path of its crystal; empty where there is none.
    levels : Cathode, Anode, Electrolyte or None
        Of the dictionary; None for a crystal alone.
    """

    name: str
    role: Role
    formula: str
    crystal: str
    levels: Cathode | Anode | Electrolyte | None

    @property
    def lacks_crystal(self) -> str:
        """A sentence where nothing can be built of it, else empty."""
        if self.crystal:
            return ""
        return (
            f"{self.name} ({self.formula}) is in the dictionary and not in the crystal library, so that no pair with it can be simulated; "
            f"give its structure by --crystal {self.name}=FILE."
        )


def default_names(dictionary: Dictionary, role: Role) -> tuple[str, ...]:
    """What is paired where no list is given.

    Parameters
    ----------
    dictionary : Dictionary
        Of levels.
    role : {"cathode", "anode", "electrolyte", "coating"}
        Whose.

    Returns
    -------
    tuple of str
        The dictionary's, and crystals of the library with other compositions.
    """
    of_role = list(_levels(dictionary, role))
    if role == "coating":
        of_role = [name for name in DICTIONARY_COATINGS if name in of_role]
    known = {_composition(_levels(dictionary, role)[name].formula) for name in of_role}
    crystals = [name for name, given in LIBRARY_ROLES.items() if given == role and _composition(name) not in known]
    return (*of_role, *crystals) if role != "coating" else (*crystals, *of_role)


def solids(
    names: Sequence[str], role: Role, dictionary: Dictionary, crystals: Mapping[str, str] | None = None
) -> tuple[Solid, ...]:
    """Solids by name.

    Parameters
    ----------
    names : sequence of str
        Of the dictionary, of the crystal library, or structure files.
    role : {"cathode", "anode", "electrolyte", "coating"}
        In which they are paired.
    dictionary : Dictionary
        Of levels.
    crystals : mapping of str to str, optional
        By name, library crystals or files instead of those of the same formula.

    Returns
    -------
    tuple of Solid
        In the order of the names.

    Raises
    ------
    InputFileError
        If a name means nothing, or two solids of a role are called alike.
    StructureError
        If a file holds no crystal.
    """
    of_role = _levels(dictionary, role)
    found: dict[str, Solid] = {}
    for name in names:
        if name in of_role:
            levels = of_role[name]
            crystal = (crystals or {}).get(name, "") or _library_crystal(levels.formula)
            solid = Solid(name, role, levels.formula, _checked(crystal, name, levels.formula), levels)
        elif in_library(name) or os.path.isfile(name):
            called = name if in_library(name) else Path(name).stem
            solid = Solid(called, role, _formula_of(name), name, None)
        else:
            raise InputFileError(
                f"There is no {role} '{name}': it is neither in the dictionary ({', '.join(of_role)}) nor in the crystal library, and no structure "
                "file. Add a material file by --materials, or give a CIF."
            )
        if solid.name in found:
            raise InputFileError(f"Two of the {role}s are called {solid.name}; name each once, and files differently.")
        found[solid.name] = solid
    return tuple(found.values())


def _levels(dictionary: Dictionary, role: Role) -> Mapping[str, Cathode | Anode | Electrolyte]:
    if role == "cathode":
        return dictionary.cathodes
    return dictionary.anodes if role == "anode" else dictionary.electrolytes


def same_composition(first: str, second: str) -> bool:
    """Whether two formulas or crystals have one composition.

    Parameters
    ----------
    first, second : str
        As `formula_counts` takes them.

    Returns
    -------
    bool
        Whatever the order of their elements.

    Examples
    --------
    >>> same_composition("beta-Li3PS4", "PS4Li3")
    True
    """
    return _composition(first) == _composition(second)


def _composition(material: str) -> frozenset[tuple[str, int]]:
    return frozenset(formula_counts(material))


def _library_crystal(formula_text: str) -> str:
    """The crystal of the library with this formula, of several the default one; empty where there is none."""
    wanted = _composition(formula_text)
    alike = [name for name in LIBRARY if _composition(name) == wanted]
    default = [name for name in alike if name in DEFAULT_POLYMORPHS.values()]
    return next(iter(default or alike), "")


def _formula_of(crystal: str) -> str:
    if in_library(crystal):
        return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in formula_counts(crystal))
    return formula(load_crystal(crystal).get_chemical_symbols(), reduce=True)


def _checked(crystal: str, name: str, formula_text: str) -> str:
    if not crystal:
        return ""
    if not in_library(crystal) and not os.path.isfile(crystal):
        raise InputFileError(f"--crystal {name}={crystal}: it is neither a crystal of the library nor a file.")
    own = _formula_of(crystal)
    if not same_composition(own, formula_text):
        raise StructureError(
            f"--crystal {name}={crystal}: the crystal is {own}, and {name} is {formula_text}; give one of that composition."
        )
    return crystal
