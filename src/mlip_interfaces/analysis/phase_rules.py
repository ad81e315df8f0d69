"""Rules that name the phase of an atom, as data: bonded groups, ions by their neighbours, mixtures of groups, metals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.settings import Cutoff, Distance, Section

SHIPPED = ("cathodes", "halides", "thiophosphates")
"""Files of rules of this package, in the order in which they are tried."""

UNKNOWN = "unknown"
"""Name of what no rule fits."""

Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[int, Field(ge=0, le=10_000)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
Pair = Annotated[str, Field(pattern=r"^[A-Z][a-z]?-[A-Z][a-z]?$")]
PhaseName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9().-]*$", max_length=40)]


class Range(Section):
    """From a least to a most number, both included."""

    least: float = Field(0.0, ge=0, description="Least.")
    most: float = Field(1.0e9, ge=0, description="Most.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least ({self.least:g}) is above most ({self.most:g})")
        return self


class Coordination(Section):
    """Number of neighbours of an element: the least, and that of the crystal."""

    least: Number = Field(1, description="Fewer are another phase.")
    crystal: Number = Field(1, ge=1, description="Number in the crystal, at which the confidence is one.")


class MetalRule(Section):
    """A cation that has neighbours of its own kind and hardly an anion."""

    phase: PhaseName = Field(description="Name.")
    element: Symbol = Field(description="Of the metal.")
    shell_angstrom: Distance = Field(description="Up to which its own kind are neighbours.")
    neighbors: Coordination = Field(description="Of its own kind.")
    most_anions: Number = Field(0, description="Anions in its shell.")


class UnitRule(Section):
    """A bonded group of several elements: its formula, or the elements in it."""

    unit: PhaseName = Field(description="Name of the group, and of its atoms where no mixture takes them.")
    atoms: dict[Symbol, Number] | None = Field(None, description="Exact formula.")
    elements: tuple[Symbol, ...] = Field((), description="All elements of the group, in any number.")
    alike_bonds: Number | None = Field(None, description="Bonds between atoms of one element, such as P-P.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.atoms is None) == (not self.elements):
            raise ValueError("a unit has `atoms` (its formula) or `elements` (in any number)")
        return self


class IonRule(Section):
    """Atoms of one element, alone or bonded to each other: how many, their Zintl count, their neighbours."""

    phase: PhaseName = Field(description="Name.")
    element: Symbol = Field(description="Of the atoms.")
    atoms: Range = Field(Range(least=1.0), description="Of the group.")
    zintl: Range | None = Field(None, description="Valence less the mean number of bonds, of the group.")
    valence: Number = Field(3, description="Bonds that fill the shell: 8 - N.")
    neighbors: dict[Symbol, Coordination] = Field({}, description="Cations in the shell, mean over the group.")


class MixtureRule(Section):
    """A phase that its units tell only together."""

    phase: PhaseName = Field(description="Name.")
    centers: Symbol = Field(description="Element whose atoms stand for the units.")
    units: tuple[PhaseName, ...] = Field(min_length=1, description="That it is made of.")
    least: Share = Field(description="Share of these units around, by their centres.")
    each: dict[PhaseName, Range] = Field({}, description="Share of single ones.")
    ions: dict[Symbol, Annotated[float, Field(ge=0)]] = Field({}, description="Least free ions per centre around.")
    takes: tuple[Symbol, ...] = Field((), description="Free ions that belong to it where they sit among its units.")


class PhaseRules(Section):
    """Rules of one file, or of several; the first rule that fits names an atom."""

    only: bool = Field(False, description="Whether the rules of the package are left out.")
    bonds_angstrom: dict[Pair, Distance] = Field({}, description="Longest bonds within groups of anions.")
    shells_angstrom: dict[Pair, Distance] = Field({}, description="Ends of first shells, cation-anion.")
    surroundings_angstrom: Cutoff = Field(8.0, description="Radius in which a mixture is looked at.")
    among_angstrom: Cutoff = Field(5.6, description="Radius within which a free ion sits among the units of a mixture.")
    metals: tuple[MetalRule, ...] = Field((), description="Tried on cations with hardly an anion.")
    units: tuple[UnitRule, ...] = Field((), description="Groups of several elements.")
    ions: tuple[IonRule, ...] = Field((), description="Groups of one element.")
    mixtures: tuple[MixtureRule, ...] = Field((), description="Phases made of units.")
    reactants: tuple[PhaseName, ...] = Field((), description="Phases that an interphase may grow from.")

    @model_validator(mode="after")
    def _sides(self) -> Self:
        anions = {side for bond in self.bonds_angstrom for side in bond.split("-")}
        anions |= {rule.element for rule in self.ions}
        for pair in self.shells_angstrom:
            cation, anion = pair.split("-")
            if cation in anions:
                raise ValueError(
                    f"shells_angstrom: {pair} begins with {cation}, which is an anion here; write {anion}-{cation}"
                )
        return self

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
    return own if own.only else own.before(shipped_rules())


def _read(file: Path) -> PhaseRules:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputFileError(f"The rules {file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputFileError(f"{file} is not a YAML file: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputFileError(
            f"{file} must hold a mapping with any of {', '.join(PhaseRules.model_fields)}; docs/theory/phases.md explains them."
        )
    try:
        return PhaseRules.model_validate(content)
    except ValidationError as error:
        raise InputFileError(" ".join(_sentence(file, problem) for problem in error.errors())) from error


def _sentence(file: Path, problem: Any) -> str:
    where = _place(problem["loc"])
    if problem["type"] == "extra_forbidden":
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
