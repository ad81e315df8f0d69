"""The phase of every atom of a frame, by rules: bonded groups, ions by their neighbours, mixtures of groups, metals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlip_interfaces.analysis.neighbors import grouped, pairs_in_no_order
from mlip_interfaces.analysis.pair_kernel import collect_pairs
from mlip_interfaces.analysis.phase_rules import Coordination, IonRule, MixtureRule, PhaseRules, UnitRule, shipped_rules
from mlip_interfaces.errors import AnalysisError

BY_EXCLUSION = 0.5
"""Confidence of a group whose name says what it is, and not of which phase."""

STRAGGLERS_ANGSTROM = 4.5
"""Up to which a cation without an anion in its shell, and no metal, is named by all that is around it."""

FOREIGN_ANGSTROM = 3.2
"""Up to which a cation is in the shell of an anion that no rule brings it together with."""

FOREIGN_ION = 0.2
"""Share of such cations around an ion from which on no rule names it."""

FOREIGN_UNIT = 0.5
"""The same around a unit, for a mixture."""

FEW_CENTERS = 3
"""Of a mixture around an ion that belongs to it."""


@dataclass(frozen=True, slots=True)
class FramePhases:
    """Phases of one frame.

    Attributes
    ----------
    codes : (n_atoms,) int16 array
        Phase of each atom, an index into `names`.
    names : tuple of str
        Of all phases that there are rules for; the last one is ``unknown``.
    confidence : (n_atoms,) float32 array
        Of each atom's name, from 0 to 1: how much of what the crystal has around such an atom is there.
    units : Counter of str
        Bonded groups of several elements (``PS4``, ``P2S7`` ...), by name.
    zintl_x : float
        Lithium per P of the phosphides by the Zintl count, 3 less the mean number of P-P bonds; not-a-number without one.
    """

    codes: NDArray[np.int16]
    names: tuple[str, ...]
    confidence: NDArray[np.float32]
    units: Counter[str]
    zintl_x: float

    def counts(self) -> dict[str, int]:
        """Atoms of each phase that is there.

        Returns
        -------
        dict of str to int
            In the order of `names`; they add up to all atoms.
        """
        numbers = np.bincount(self.codes, minlength=len(self.names)).tolist()
        return {name: number for name, number in zip(self.names, numbers, strict=True) if number}

    def of(self, *phases: str) -> NDArray[np.bool_]:
        """Atoms of some phases.

        Parameters
        ----------
        *phases : str
            Names.

        Returns
        -------
        (n_atoms,) bool array
            Whether each atom is in one of them.
        """
        return np.isin(self.codes, [code for code, name in enumerate(self.names) if name in phases])


def classify(
    symbols: NDArray[np.str_],
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    rules: PhaseRules | None = None,
) -> FramePhases:
    """Name the phase of every atom of a frame; see `PhaseClassifier` for many frames.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    positions : (n_atoms, 3) float array, angstrom
        In any periodic image.
    cell : (3, 3) float array, angstrom
        Rows are lattice vectors.
    rules : PhaseRules, optional
        Those of the package where left out.

    Returns
    -------
    FramePhases
        Codes, names, confidence.

    Examples
    --------
    >>> corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    >>> positions = np.concatenate([corners, corners + 0.25, corners + 0.75]) * 5.7158
    >>> classify(np.array(["S"] * 4 + ["Li"] * 8), positions, np.eye(3) * 5.7158).counts()
    {'Li2S': 12}
    """
    return PhaseClassifier(symbols, rules).classify(positions, cell)


class PhaseClassifier:
    """Names the phase of every atom, one frame after another.

    Parameters
    ----------
    symbols : (n_atoms,) str array
        Element of each atom.
    rules : PhaseRules, optional
        Those of the package where left out.

    Raises
    ------
    AnalysisError
        If there are no rules for any element.

    Notes
    -----
    Anions that are bonded to each other are a group; a bond between two atoms of one element joins them only where both or
    neither are bonded to another element, so that a chain of P is a phosphide up to the atom that carries S. Groups of several
    elements are named by formula, groups of one element by their size, their Zintl count and the cations around them, the
    first rule that fits; with a fifth or more of the cations in their shell of elements that no rule brings together with them
    they are unknown. Units that are those of a mixture within `PhaseRules.surroundings_angstrom` take its name. A
    cation has the phase that most anions in its shell have, the nearer ones where they tie; a cation with hardly an anion and
    enough of its own kind is a metal; one that is neither has the phase of most atoms within 4.5 angstrom.
    """

    def __init__(self, symbols: NDArray[np.str_], rules: PhaseRules | None = None) -> None:
        self._rules = rules = shipped_rules() if rules is None else rules
        self._symbols = symbols
        self._elements = tuple(sorted(set(symbols.tolist())))
        self._names = rules.phases
        self._code = {name: code for code, name in enumerate(self._names)}
        self._element = np.searchsorted(np.array(self._elements), symbols)
        if not rules.elements & set(self._elements):
            raise AnalysisError(
                f"No rule of phases knows {', '.join(self._elements)}; give rules for them in a file (`rules`)."
            )
        self._is_cation = np.isin(symbols, rules.cations)
        members, self._class_start = grouped([self._element == k for k in range(len(self._elements))])
        self._members = members
        self._cutoffs = np.zeros((len(self._elements), len(self._elements)))
        for lengths in (rules.bonds_angstrom, rules.shells_angstrom):
            for pair, length in lengths.items():
                if set(pair.split("-")) <= set(self._elements):
                    a, b = (self._elements.index(side) for side in pair.split("-"))
                    self._cutoffs[a, b] = length
        # Cations beside anions that no rule brings together with them: their names would be those of another compound.
        self._is_foreign = np.zeros_like(self._cutoffs, dtype=bool)
        foreign = [element for element in self._elements if element not in rules.elements]
        others = [element for element in self._elements if element in rules.cations or element in foreign]
        for a in (self._elements.index(element) for element in others):
            for b, element in enumerate(self._elements):
                if element not in others and self._cutoffs[a, b] == 0.0:
                    self._cutoffs[a, b], self._is_foreign[a, b] = FOREIGN_ANGSTROM, True

    @property
    def names(self) -> tuple[str, ...]:
        """Of all phases, in the order of the codes."""
        return self._names

    def classify(self, positions: NDArray[np.float64], cell: NDArray[np.float64]) -> FramePhases:
        """Name the phase of every atom of a frame.

        Parameters
        ----------
        positions : (n_atoms, 3) float array, angstrom
            In any periodic image.
        cell : (3, 3) float array, angstrom
            Rows are lattice vectors.

        Returns
        -------
        FramePhases
            Codes, names, confidence.
        """
        positions = np.ascontiguousarray(positions, dtype=np.float64)
        cell = np.ascontiguousarray(cell, dtype=np.float64)
        n_atoms = len(positions)
        codes = np.full(n_atoms, len(self._names) - 1, dtype=np.int16)
        confidence = np.zeros(n_atoms, dtype=np.float32)
        first, second, lengths = self._pairs(positions, cell)
        # In a shell the cation comes first.
        is_foreign = self._is_foreign[self._element[first], self._element[second]]
        is_shell = self._is_cation[first] & ~is_foreign
        is_bond = ~is_shell & ~is_foreign
        bonds = np.stack([first[is_bond], second[is_bond]])
        foreign_to = second[is_foreign]
        cations, anions, lengths = first[is_shell], second[is_shell], lengths[is_shell]
        groups = _Groups(self._element, len(self._elements), bonds, ~self._is_cation)
        n_around = _cations_around(anions, self._element[cations], n_atoms, len(self._elements))
        n_foreign = np.bincount(foreign_to, minlength=n_atoms).astype(np.int32)[:, None]
        foreign = groups.mean_over(n_foreign)[:, 0]
        foreign = foreign / np.maximum(foreign + groups.mean_over(n_around).sum(axis=1), 1e-9)
        unit_of_group = self._name_units(groups, codes, confidence)
        n_beside = self._beside(positions, cell)
        self._name_ions(groups, n_around, n_beside, foreign < FOREIGN_ION, codes, confidence)
        self._name_mixtures(positions, cell, groups, unit_of_group, foreign < FOREIGN_UNIT, codes, confidence)
        n_anions = self._name_cations(cations, anions, lengths, codes, confidence)
        self._name_metals(positions, cell, n_anions, codes, confidence)
        self._name_stragglers(positions, cell, codes, confidence)
        numbers = np.bincount(unit_of_group[unit_of_group >= 0], minlength=len(self._names))
        units = Counter({self._names[k]: int(number) for k, number in enumerate(numbers) if number})
        return FramePhases(codes, self._names, confidence, units, self._zintl(groups))

    def _pairs(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Bonds of anions and shells of cations, and their lengths."""
        if not self._cutoffs.any():
            nothing = np.empty(0, dtype=np.int64)
            return nothing, nothing, np.empty(0, dtype=np.float32)
        first, second, vectors = collect_pairs(positions, cell, self._members, self._class_start, self._cutoffs)
        return first, second, np.sqrt(np.einsum("ij,ij->i", vectors, vectors)).astype(np.float32)

    def _beside(
        self, positions: NDArray[np.float64], cell: NDArray[np.float64]
    ) -> dict[tuple[str, str], NDArray[np.int64]]:
        """Atoms of an element within `PhaseRules.beside_angstrom` of each ion that a rule asks it of."""
        asked = dict.fromkeys((rule.element, other) for rule in self._rules.ions for other in rule.beside)
        found = {}
        for element, other in asked:
            own, others = self._symbols == element, self._symbols == other
            if own.any() and others.any():
                first, _, _ = pairs_in_no_order(
                    positions, cell, self._rules.beside_angstrom, first_mask=own, second_mask=others
                )
                found[element, other] = np.bincount(first, minlength=len(positions))
        return found

    def _column(self, element: str) -> int | None:
        return self._elements.index(element) if element in self._elements else None

    def _name_units(
        self, groups: _Groups, codes: NDArray[np.int16], confidence: NDArray[np.float32]
    ) -> NDArray[np.int16]:
        """Name groups of several elements by their formula; the code of each group, -1 for the others."""
        several = (groups.atoms > 0).sum(axis=1) > 1
        unit = np.full(groups.n_groups, -1, dtype=np.int16)
        for rule in self._rules.units:
            fits = several & (unit < 0) & self._has_formula(groups, rule)
            unit[fits] = self._code[rule.unit]
        atoms = groups.members(unit >= 0)
        codes[atoms] = unit[groups.of_atom[atoms]]
        confidence[atoms] = BY_EXCLUSION
        return unit

    def _has_formula(self, groups: _Groups, rule: UnitRule) -> NDArray[np.bool_]:
        wanted = rule.atoms if rule.atoms is not None else dict.fromkeys(rule.elements, 1)
        if not set(wanted) <= set(self._elements):
            return np.zeros(groups.n_groups, dtype=bool)
        numbers = np.array([wanted.get(element, 0) for element in self._elements])
        if rule.atoms is None:
            return np.asarray(((groups.atoms > 0) == (numbers > 0)).all(axis=1))
        fits = (groups.atoms == numbers).all(axis=1)
        return np.asarray(fits if rule.alike_bonds is None else fits & (groups.n_alike == rule.alike_bonds))

    def _name_ions(
        self,
        groups: _Groups,
        n_around: NDArray[np.int32],
        n_beside: Mapping[tuple[str, str], NDArray[np.int64]],
        is_own: NDArray[np.bool_],
        codes: NDArray[np.int16],
        confidence: NDArray[np.float32],
    ) -> None:
        """Name groups of one element by size, Zintl count and what is around, unless that is of another compound."""
        sizes = groups.atoms.sum(axis=1)
        alone = (groups.atoms > 0).sum(axis=1) == 1
        around = groups.mean_over(n_around)
        named = np.full(groups.n_groups, -1, dtype=np.int16)
        trust = np.zeros(groups.n_groups, dtype=np.float32)
        for rule in self._rules.ions:
            column = self._column(rule.element)
            if column is None:
                continue
            fits = alone & is_own & (named < 0) & (groups.atoms[:, column] > 0)
            fits &= (sizes >= rule.atoms.least) & (sizes <= rule.atoms.most)
            if rule.zintl is not None:
                x = rule.valence - groups.mean_bonds()
                fits &= (x >= rule.zintl.least) & (x <= rule.zintl.most)
            agreement = self._agreement(rule, around)
            for other, expected in rule.beside.items():
                beside = n_beside.get((rule.element, other))
                number = np.zeros(groups.n_groups) if beside is None else groups.mean_over(beside[:, None])[:, 0]
                agreement = np.minimum(agreement, _likeness(number, expected))
            fits &= agreement > 0.0
            named[fits] = self._code[rule.phase]
            trust[fits] = agreement[fits]
        atoms = groups.members(named >= 0)
        codes[atoms] = named[groups.of_atom[atoms]]
        confidence[atoms] = trust[groups.of_atom[atoms]]

    def _agreement(self, rule: IonRule, around: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the neighbours of each group with those of the crystal, zero where there are too few."""
        agreement = np.ones(len(around))
        for element, expected in rule.neighbors.items():
            column = self._column(element)
            number = around[:, column] if column is not None else np.zeros(len(around))
            agreement = np.minimum(agreement, _likeness(number, expected))
        return agreement

    def _name_mixtures(
        self,
        positions: NDArray[np.float64],
        cell: NDArray[np.float64],
        groups: _Groups,
        unit_of_group: NDArray[np.int16],
        is_own: NDArray[np.bool_],
        codes: NDArray[np.int16],
        confidence: NDArray[np.float32],
    ) -> None:
        """Name units by what is around them, and the ions that sit among them."""
        is_unit = np.zeros(len(codes), dtype=bool)
        is_unit[groups.members(unit_of_group >= 0)] = True
        for element in dict.fromkeys(rule.centers for rule in self._rules.mixtures):
            rules = [rule for rule in self._rules.mixtures if rule.centers == element]
            is_center = (self._symbols == element) & is_unit
            if not is_center.any():
                continue
            takers = {ion for rule in rules for ion in (*rule.ions, *rule.takes)}
            is_ion = np.isin(self._symbols, list(takers)) & ~is_unit
            surroundings = self._surroundings(positions, cell, is_center, is_ion)
            phase, trust = self._mixture_of_groups(rules, surroundings, groups, unit_of_group)
            atoms = groups.members((phase >= 0) & is_own)
            codes[atoms] = phase[groups.of_atom[atoms]]
            confidence[atoms] = trust[groups.of_atom[atoms]]
            if any(rule.takes for rule in rules):
                self._take_ions(rules, surroundings, codes, confidence)

    def _surroundings(
        self,
        positions: NDArray[np.float64],
        cell: NDArray[np.float64],
        is_center: NDArray[np.bool_],
        is_ion: NDArray[np.bool_],
    ) -> _Surroundings:
        """Centres around centres, both ways, and ions around centres."""
        members, class_start = grouped([is_center, is_ion])
        radius = self._rules.surroundings_angstrom
        first, second, vectors = collect_pairs(
            positions, cell, members, class_start, np.array([[radius, radius], [0.0, 0.0]])
        )
        of_ion = is_ion[second]
        a, b = first[~of_ion], second[~of_ion]
        itself = np.flatnonzero(is_center)
        near = of_ion & (np.einsum("ij,ij->i", vectors, vectors) < self._rules.among_angstrom**2)
        return _Surroundings(
            np.concatenate([itself, a, b]), np.concatenate([itself, b, a]),
            first[of_ion], second[of_ion], first[near], second[near],
        )  # fmt: skip

    def _mixture_of_groups(
        self,
        rules: Sequence[MixtureRule],
        around: _Surroundings,
        groups: _Groups,
        unit_of_group: NDArray[np.int16],
    ) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """Code of the mixture that each group belongs to, -1 for none, and the share of the mixture's units around it."""
        n_names, n_elements = len(self._names), len(self._elements)
        units = unit_of_group[groups.of_atom[around.other]]
        counts = contingency(groups.of_atom[around.center], units, groups.n_groups, n_names)
        total = np.maximum(counts.sum(axis=1), 1)
        ions = contingency(groups.of_atom[around.ion_center], self._element[around.ion], groups.n_groups, n_elements)
        phase = np.full(groups.n_groups, -1, dtype=np.int16)
        trust = np.zeros(groups.n_groups, dtype=np.float32)
        for rule in rules:
            own = [self._code[unit] for unit in rule.units if unit in self._code]
            share = counts[:, own].sum(axis=1) / total
            fits = (phase < 0) & np.isin(unit_of_group, own) & (share >= rule.least)
            for unit, range_ in rule.each.items():
                part = counts[:, self._code[unit]] / total
                fits &= (part >= range_.least) & (part <= range_.most)
            for element, least in rule.ions.items():
                # Ions around each centre, of as many centres as there are around.
                number = ions[:, self._elements.index(element)] if element in self._elements else np.zeros(len(total))
                fits &= number >= least * total
            phase[fits] = self._code[rule.phase]
            trust[fits] = share[fits]
        return phase, trust

    def _take_ions(
        self,
        rules: Sequence[MixtureRule],
        around: _Surroundings,
        codes: NDArray[np.int16],
        confidence: NDArray[np.float32],
    ) -> None:
        """Give free ions among the units of a mixture its name."""
        ions, row = np.unique(around.near_ion, return_inverse=True)
        counts = contingency(row, codes[around.near_center], len(ions), len(self._names))
        total = counts.sum(axis=1)
        for rule in rules:
            number = counts[:, self._code[rule.phase]]
            takes = np.isin(self._symbols[ions], rule.takes) & (number >= FEW_CENTERS) & (2 * number > total)
            codes[ions[takes]] = self._code[rule.phase]
            confidence[ions[takes]] = number[takes] / total[takes]

    def _name_cations(
        self,
        cations: NDArray[np.int64],
        anions: NDArray[np.int64],
        lengths: NDArray[np.float32],
        codes: NDArray[np.int16],
        confidence: NDArray[np.float32],
    ) -> NDArray[np.int32]:
        """Give cations the name that most anions around them have; the number of anions around each atom."""
        n_cations = int(self._is_cation.sum())
        row = np.cumsum(self._is_cation) - 1
        unknown = len(self._names) - 1
        best, trust, number = _vote(row[cations], codes[anions], confidence[anions], lengths, n_cations, unknown)
        codes[self._is_cation] = best
        confidence[self._is_cation] = trust
        n_anions = np.zeros(len(codes), dtype=np.int32)
        n_anions[self._is_cation] = number
        return n_anions

    def _name_metals(
        self,
        positions: NDArray[np.float64],
        cell: NDArray[np.float64],
        n_anions: NDArray[np.int32],
        codes: NDArray[np.int16],
        confidence: NDArray[np.float32],
    ) -> None:
        """Name cations with hardly an anion and enough of their own kind."""
        for rule in self._rules.metals:
            own = self._symbols == rule.element
            few = own & (n_anions <= rule.most_anions)
            if not few.any():
                continue
            first, _, _ = pairs_in_no_order(positions, cell, rule.shell_angstrom, first_mask=few, second_mask=own)
            number = np.bincount(first, minlength=len(codes))
            metal = few & (number >= rule.neighbors.least)
            codes[metal] = self._code[rule.phase]
            confidence[metal] = np.minimum(1.0, number[metal] / rule.neighbors.crystal)

    def _name_stragglers(
        self,
        positions: NDArray[np.float64],
        cell: NDArray[np.float64],
        codes: NDArray[np.int16],
        confidence: NDArray[np.float32],
    ) -> None:
        """Give cations outside of all shells, on their way between two sites, the name of most atoms around them."""
        unknown = len(self._names) - 1
        lost = self._is_cation & (codes == unknown)
        if not lost.any():
            return
        first, second, vectors = pairs_in_no_order(
            positions, cell, STRAGGLERS_ANGSTROM, first_mask=lost, second_mask=codes != unknown
        )
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)).astype(np.float32)
        row = np.cumsum(lost) - 1
        best, trust, _ = _vote(row[first], codes[second], confidence[second], lengths, int(lost.sum()), unknown)
        codes[lost] = best
        confidence[lost] = BY_EXCLUSION * trust

    def _zintl(self, groups: _Groups) -> float:
        """Lithium per P of all phosphides."""
        column = self._column("P")
        if column is None:
            return float("nan")
        phosphides = (groups.atoms[:, column] > 0) & ((groups.atoms > 0).sum(axis=1) == 1)
        n_atoms = groups.atoms[phosphides, column].sum()
        return float(3.0 - 2.0 * groups.n_alike[phosphides].sum() / n_atoms) if n_atoms else float("nan")


def _likeness(number: NDArray[np.float64], expected: Coordination) -> NDArray[np.float64]:
    """Of numbers of neighbours with that of the crystal, zero where there are too few; a crystal of any number is as good as enough."""
    if expected.crystal <= expected.least:
        return np.where(number >= expected.least, 1.0, 0.0)
    ratio = np.minimum(number, expected.crystal) / np.maximum(np.maximum(number, expected.crystal), 1.0)
    return np.where(number >= expected.least, ratio, 0.0)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Pairs of centres of units, both ways and each with itself, and of centres and ions, all and the near ones."""

    center: NDArray[np.int64]
    other: NDArray[np.int64]
    ion_center: NDArray[np.int64]
    ion: NDArray[np.int64]
    near_center: NDArray[np.int64]
    near_ion: NDArray[np.int64]


class _Groups:
    """Anions bonded to each other: group of each atom (-1 for cations), atoms of each group by element, bonds within."""

    def __init__(
        self, element: NDArray[np.int64], n_elements: int, bonds: NDArray[np.int64], is_anion: NDArray[np.bool_]
    ) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        anions = np.flatnonzero(is_anion)
        row = np.cumsum(is_anion) - 1
        first, second = row[bonds]
        kind = element[anions]
        alike = kind[first] == kind[second]
        mixed = np.zeros(anions.size, dtype=bool)
        mixed[first[~alike]] = mixed[second[~alike]] = True
        joins = ~alike | (mixed[first] == mixed[second])
        graph = coo_array(
            (np.ones(int(joins.sum()), dtype=np.int8), (first[joins], second[joins])), shape=(anions.size, anions.size)
        )
        self.n_groups, labels = connected_components(graph, directed=False)
        of_anion = labels.astype(np.int64)
        self.of_atom = np.full(element.size, -1, dtype=np.int64)
        self.of_atom[anions] = of_anion
        self._of_anion, self._anions = of_anion, anions
        self.atoms = contingency(of_anion, kind, self.n_groups, n_elements)
        # A bond to an atom of another group of its kind counts half in each.
        halves = np.bincount(of_anion[first[alike]], minlength=self.n_groups)
        halves += np.bincount(of_anion[second[alike]], minlength=self.n_groups)
        self.n_alike = halves / 2.0

    def members(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Atoms of the chosen groups."""
        return self._anions[chosen[self._of_anion]]

    def mean_bonds(self) -> NDArray[np.float64]:
        """Mean number of bonds of each atom to its own kind, by group."""
        return np.asarray(2.0 * self.n_alike / np.maximum(self.atoms.sum(axis=1), 1))

    def mean_over(self, of_atom: NDArray[np.integer]) -> NDArray[np.float64]:
        """Mean over the atoms of each group of some numbers of each atom, shape (n_groups, n_numbers)."""
        sums = [
            np.bincount(self._of_anion, weights=column[self._anions], minlength=self.n_groups) for column in of_atom.T
        ]
        return np.asarray(np.stack(sums, axis=1) / np.maximum(self.atoms.sum(axis=1), 1)[:, None])


def contingency(
    rows: NDArray[np.integer], columns: NDArray[np.integer], n_rows: int, n_columns: int
) -> NDArray[np.int64]:
    """How often each row and column come together.

    Parameters
    ----------
    rows, columns : (n,) int array
        Numbers from 0.
    n_rows, n_columns : int
        How many there are of each.

    Returns
    -------
    (n_rows, n_columns) int array
        They add up to n.

    Examples
    --------
    >>> contingency(np.array([0, 1, 1]), np.array([2, 0, 0]), 2, 3).tolist()
    [[0, 0, 1], [2, 0, 0]]
    """
    table = np.bincount(rows * np.int64(n_columns) + columns, minlength=n_rows * n_columns)
    return table.reshape(n_rows, n_columns)


@njit(cache=True, nogil=True)
def _cations_around(anions, kinds, n_atoms, n_kinds):  # type: ignore[no-untyped-def]
    """Neighbours of each kind around each atom, shape (n_atoms, n_kinds)."""
    around = np.zeros((n_atoms, n_kinds), dtype=np.int32)
    for p in range(anions.shape[0]):
        around[anions[p], kinds[p]] += 1
    return around


@njit(cache=True, nogil=True)
def _vote(row, codes, trusts, lengths, n_cations, unknown):  # type: ignore[no-untyped-def]
    """Most frequent code around each cation, nearer ones where they tie; its share, times the trust in it; the voters."""
    votes = np.zeros((n_cations, unknown + 1), dtype=np.float32)
    numbers = np.zeros((n_cations, unknown + 1), dtype=np.uint16)
    trust = np.zeros((n_cations, unknown + 1), dtype=np.float32)
    for p in range(row.shape[0]):
        # A hundredth at most of a vote for being near.
        votes[row[p], codes[p]] += 1.0 + 0.01 / (1.0 + lengths[p])
        numbers[row[p], codes[p]] += 1
        trust[row[p], codes[p]] += trusts[p]
    best = np.full(n_cations, unknown, dtype=np.int16)
    confidence = np.zeros(n_cations, dtype=np.float32)
    n_voters = np.zeros(n_cations, dtype=np.int32)
    for c in range(n_cations):
        most = np.float32(0.0)
        for code in range(unknown + 1):
            n_voters[c] += numbers[c, code]
            if votes[c, code] > most:
                most, best[c] = votes[c, code], code
        if n_voters[c] > 0:
            confidence[c] = trust[c, best[c]] / n_voters[c]
    return best, confidence, n_voters
