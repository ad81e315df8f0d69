"""Rules that name the phase of an atom, as data: bonded groups, ions by their neighbours, mixtures of groups, metals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le

from mlip_interfaces.errors import InputFileError

SHIPPED = ("cathodes", "halides", "thiophosphates")
"""Files of rules of this package, in the order in which they are tried."""

UNKNOWN = "unknown"
"""Name of what no rule fits."""

ELEMENT = re.compile(r"[A-Z][a-z]?")
PAIR = re.compile(r"[A-Z][a-z]?-[A-Z][a-z]?")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9().-]*")

Share = Annotated[float, Ge(0), Le(1)]
Amount = Annotated[float, Ge(0)]
Number = Annotated[int, Ge(0)]
Length = Annotated[float, Gt(0), Le(20)]

FORBID = {"extra": "forbid"}
"""Of every rule: what a file says beyond its keys is a mistake."""


def _require(pattern: re.Pattern[str], what: str, *names: str) -> None:
    for name in names:
        if not pattern.fullmatch(name):
            raise ValueError(f"'{name}' is no {what}")


@dataclass(frozen=True)
class Range:
    """From a least to a most number, both included.

    Attributes
    ----------
    least, most : float
        Least and most.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    least: Amount = 0.0
    most: Amount = 1.0e9

    def __post_init__(self) -> None:
        if self.least > self.most:
            raise ValueError(f"least ({self.least:g}) is above most ({self.most:g})")


@dataclass(frozen=True)
class Coordination:
    """Number of neighbours of an element.

    Attributes
    ----------
    least : int
        Fewer are another phase.
    crystal : int
        Number in the crystal, at which the confidence is one.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    least: Number = 1
    crystal: Annotated[int, Ge(1)] = 1


@dataclass(frozen=True)
class MetalRule:
    """A cation that has neighbours of its own kind and hardly an anion.

    Attributes
    ----------
    phase : str
        Name.
    element : str
        Of the metal.
    shell_angstrom : float, angstrom
        Up to which its own kind are neighbours.
    neighbors : Coordination
        Of its own kind.
    most_anions : int
        Anions in its shell.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    phase: str
    element: str
    shell_angstrom: Length
    neighbors: Coordination
    most_anions: Number = 0

    def __post_init__(self) -> None:
        _require(NAME, "name of a phase", self.phase)
        _require(ELEMENT, "element", self.element)


@dataclass(frozen=True)
class UnitRule:
    """A bonded group of several elements: its formula, or the elements in it.

    Attributes
    ----------
    unit : str
        Name of the group, and of its atoms where no mixture takes them.
    atoms : dict of str to int or None
        Exact formula.
    elements : tuple of str
        All elements of the group, in any number.
    alike_bonds : int or None
        Bonds between atoms of one element, such as P-P.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    unit: str
    atoms: dict[str, Number] | None = None
    elements: tuple[str, ...] = ()
    alike_bonds: Number | None = None

    def __post_init__(self) -> None:
        _require(NAME, "name of a unit", self.unit)
        if (self.atoms is None) == (not self.elements):
            raise ValueError("a unit has `atoms` (its formula) or `elements` (in any number)")
        _require(ELEMENT, "element", *(self.atoms or self.elements))


@dataclass(frozen=True)
class IonRule:
    """Atoms of one element, alone or bonded to each other: how many, their Zintl count, their neighbours.

    Attributes
    ----------
    phase : str
        Name.
    element : str
        Of the atoms.
    atoms : Range
        Of the group.
    zintl : Range or None
        Valence less the mean number of bonds, of the group.
    valence : int
        Bonds that fill the shell: 8 - N.
    neighbors : dict of str to Coordination
        Cations in the shell, mean over the group.
    beside : dict of str to Coordination
        Atoms within `PhaseRules.beside_angstrom`, of any element, mean over the group; a `crystal` no larger than `least` is no measure
        of likeness.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    phase: str
    element: str
    atoms: Range = Range(least=1.0)
    zintl: Range | None = None
    valence: Number = 3
    neighbors: dict[str, Coordination] = field(default_factory=dict)
    beside: dict[str, Coordination] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(NAME, "name of a phase", self.phase)
        _require(ELEMENT, "element", self.element, *self.neighbors, *self.beside)


@dataclass(frozen=True)
class MixtureRule:
    """A phase that its units tell only together.

    Attributes
    ----------
    phase : str
        Name.
    centers : str
        Element whose atoms stand for the units.
    units : tuple of str
        That it is made of.
    least : float
        Share of these units around, by their centres.
    each : dict of str to Range
        Share of single ones.
    ions : dict of str to float
        Least free ions per centre around.
    takes : tuple of str
        Free ions that belong to it where they sit among its units.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    phase: str
    centers: str
    units: tuple[str, ...]
    least: Share
    each: dict[str, Range] = field(default_factory=dict)
    ions: dict[str, Amount] = field(default_factory=dict)
    takes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(NAME, "name of a phase", self.phase, *self.units, *self.each)
        _require(ELEMENT, "element", self.centers, *self.ions, *self.takes)


@dataclass(frozen=True)
class PhaseRules:
    """Rules of one file, or of several; the first rule that fits names an atom.

    Attributes
    ----------
    only : bool
        Whether the rules of the package are left out.
    bonds_angstrom : dict of str to float, angstrom
        Longest bonds within groups of anions.
    shells_angstrom : dict of str to float, angstrom
        Ends of first shells, cation first.
    surroundings_angstrom : float, angstrom
        Radius in which a mixture is looked at.
    among_angstrom : float, angstrom
        Radius within which a free ion sits among the units of a mixture.
    beside_angstrom : float, angstrom
        Radius in which an ion looks for what is beside it.
    metals : tuple of MetalRule
        Tried on cations with hardly an anion.
    units : tuple of UnitRule
        Groups of several elements.
    ions : tuple of IonRule
        Groups of one element.
    mixtures : tuple of MixtureRule
        Phases made of units.
    reactants : tuple of str
        Phases that an interphase may grow from.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = FORBID

    only: bool = False
    bonds_angstrom: dict[str, Length] = field(default_factory=dict)
    shells_angstrom: dict[str, Length] = field(default_factory=dict)
    surroundings_angstrom: Length = 8.0
    among_angstrom: Length = 5.6
    beside_angstrom: Length = 4.2
    metals: tuple[MetalRule, ...] = ()
    units: tuple[UnitRule, ...] = ()
    ions: tuple[IonRule, ...] = ()
    mixtures: tuple[MixtureRule, ...] = ()
    reactants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(PAIR, "pair of elements such as Li-S", *self.bonds_angstrom, *self.shells_angstrom)
        anions = {side for bond in self.bonds_angstrom for side in bond.split("-")}
        anions |= {rule.element for rule in self.ions}
        for pair in self.shells_angstrom:
            cation, anion = pair.split("-")
            if cation in anions:
                raise ValueError(
                    f"shells_angstrom: {pair} begins with {cation}, which is an anion here; write {anion}-{cation}"
                )

    @property
    def phases(self) -> tuple[str, ...]:
        """Names of all phases, in the order of their codes; the last one is unknown."""
        simple = [*(rule.phase for rule in self.metals), *(rule.phase for rule in self.ions)]
        made_of_units = [*(rule.phase for rule in self.mixtures), *(rule.unit for rule in self.units)]
        return (*dict.fromkeys([*simple, *made_of_units]), UNKNOWN)

    @property
    def elements(self) -> frozenset[str]:
        """Elements that any rule knows."""
        pairs = (*self.bonds_angstrom, *self.shells_angstrom)
        alone = [*(rule.element for rule in self.ions), *(rule.element for rule in self.metals)]
        return frozenset([*alone, *(side for pair in pairs for side in pair.split("-"))])

    @property
    def cations(self) -> tuple[str, ...]:
        """Elements that take the name of the anions around them."""
        return tuple(dict.fromkeys(pair.split("-")[0] for pair in self.shells_angstrom))

    def before(self, other: PhaseRules) -> PhaseRules:
        """These rules, and then others.

        Parameters
        ----------
        other : PhaseRules
            Tried where none of these fits.

        Returns
        -------
        PhaseRules
            All of them; lengths of bonds and shells are those of these rules where both have one.
        """
        return PhaseRules(
            bonds_angstrom=_overridden(other.bonds_angstrom, self.bonds_angstrom),
            shells_angstrom=_overridden(other.shells_angstrom, self.shells_angstrom),
            surroundings_angstrom=self.surroundings_angstrom,
            among_angstrom=self.among_angstrom,
            beside_angstrom=self.beside_angstrom,
            metals=(*self.metals, *other.metals),
            units=(*self.units, *other.units),
            ions=(*self.ions, *other.ions),
            mixtures=(*self.mixtures, *other.mixtures),
            reactants=tuple(dict.fromkeys((*self.reactants, *other.reactants))),
        )


def _overridden(lengths: Mapping[str, float], own: Mapping[str, float]) -> dict[str, float]:
    """Lengths by pair, the order of a pair's elements aside."""
    mine = {frozenset(pair.split("-")) for pair in own}
    return dict(own) | {pair: length for pair, length in lengths.items() if frozenset(pair.split("-")) not in mine}


@cache
def shipped_rules() -> PhaseRules:
    """The rules of this package.

    Returns
    -------
    PhaseRules
        Of all chemistries it knows.

    Examples
    --------
    >>> "Li7P3S11" in shipped_rules().phases
    True
    """
    *first, rules = [_read(Path(__file__).parent / "phase_rules_data" / f"{name}.yaml") for name in SHIPPED]
    for earlier in reversed(first):
        rules = earlier.before(rules)
    return rules


def phase_rules(file: Path | str | None = None) -> PhaseRules:
    """The rules of this package, those of a file before them.

    Parameters
    ----------
    file : path, optional
        YAML; with ``only: true`` in it, its rules alone.

    Returns
    -------
    PhaseRules
        In the order in which they are tried.

    Raises
    ------
    InputFileError
        If the file is missing, is no YAML, or says what no rule can be.
    """
    if file is None:
        return shipped_rules()
    own = _read(Path(file))
    rules = own if own.only else own.before(shipped_rules())
    asked = [unit for rule in own.mixtures for unit in (*rule.units, *rule.each)]
    for name in (*asked, *own.reactants):
        if name not in rules.phases:
            raise InputFileError(
                f"{file}: there is no rule for '{name}'; there are those for {', '.join(rules.phases[:-1])}."
            )
    return rules


def _read(file: Path) -> PhaseRules:
    from pydantic import TypeAdapter, ValidationError

    from mlip_interfaces.yaml_text import parse_yaml, read_text

    try:
        content = parse_yaml(read_text(file, of="a file of rules"), file, of="a file of rules")
    except OSError as error:
        raise InputFileError(f"The rules {file} cannot be read: {error.strerror}.") from error
    if not isinstance(content, dict):
        raise InputFileError(
            f"{file} must hold a mapping with any of {', '.join(one.name for one in fields(PhaseRules))}; docs/theory/phases.md explains them."
        )
    try:
        return TypeAdapter(PhaseRules).validate_python(content)
    except ValidationError as error:
        raise InputFileError(" ".join(_sentence(file, problem) for problem in error.errors())) from error


def _sentence(file: Path, problem: Any) -> str:
    where = _place(problem["loc"])
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{file}: {where}: there is no such key in rules of phases."
    if problem["type"] == "missing":
        return f"{file}: {where}: is missing."
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    return f"{file}: {where}: {message}." if where else f"{file}: {message}."


def _place(location: Sequence[str | int]) -> str:
    """As in ``ions[2].phase``."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text.removesuffix(".[key]")
