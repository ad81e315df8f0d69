"""The formula of a name of the library or of a text."""

from __future__ import annotations

import functools

from ase.data import chemical_symbols

from mlip_interfaces.errors import StructureError
from mlip_interfaces.structures.crystals.library import DEFAULT_POLYMORPHS, LIBRARY


@functools.lru_cache(maxsize=256)
def formula_counts(material: str) -> tuple[tuple[str, int], ...]:
    """Elements and whole numbers of one formula unit, in the order of the formula.

    Parameters
    ----------
    material : str
        A formula (``Li3PO4``, ``LiNi0.5Mn1.5O4``), or a name of the crystal library, whose formula is taken.

    Returns
    -------
    tuple of (str, int)
        Element and number.

    Raises
    ------
    StructureError
        If it is neither.

    Examples
    --------
    >>> formula_counts("gamma-Li3PO4")
    (('Li', 3), ('P', 1), ('O', 4))
    """
    from pymatgen.core import Composition

    entry = LIBRARY.get(DEFAULT_POLYMORPHS.get(material, material))
    formula = entry.formula if entry else material
    try:
        composition = Composition(formula)
        whole, _ = composition.get_integer_formula_and_factor(max_denominator=100)
        counts = {element.symbol: round(number) for element, number in Composition(whole).items()}
    except (ValueError, AttributeError) as error:
        raise _no_formula(material) from error
    if not counts or not set(counts) <= set(chemical_symbols):
        raise _no_formula(material)
    return tuple((element.symbol, counts[element.symbol]) for element in composition)


def _no_formula(material: str) -> StructureError:
    return StructureError(f"'{material}' is neither a chemical formula such as Li3PO4 nor a crystal of the library.")
