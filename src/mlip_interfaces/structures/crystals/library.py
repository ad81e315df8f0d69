"""Published crystals: lattices, orbits and where each number comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CrystalData:
    """A conventional cell.

    Attributes
    ----------
    formula : str
        Of one formula unit; its order is the order of the elements.
    space_group : int
        Its number.
    space_group_symbol : str
        Its Hermann-Mauguin symbol.
    cell : (6,) tuple of float, angstrom and degrees
        a, b, c, alpha, beta, gamma.
    orbits : tuple of (str, float, float, float)
        Element and fractional coordinates of one atom per orbit, in the first origin choice (ASE's setting 1).
    source : str
        Where the lattice and the coordinates come from.
    """

    formula: str
    space_group: int
    space_group_symbol: str
    cell: tuple[float, float, float, float, float, float]
    orbits: tuple[tuple[str, float, float, float], ...]
    source: str


def _cubic(a: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, a, 90.0, 90.0, 90.0)


def _orthorhombic(a: float, b: float, c: float) -> tuple[float, float, float, float, float, float]:
    return (a, b, c, 90.0, 90.0, 90.0)


def _hexagonal(a: float, c: float) -> tuple[float, float, float, float, float, float]:
    return (a, a, c, 90.0, 90.0, 120.0)


_HOMMA_2011 = "K. Homma et al., Solid State Ionics 182, 53 (2011)"
_OBELIX = "OBELiX dataset (NRC-Mila, CC-BY-4.0)"
_RELAXED = "coordinates relaxed with CHGNet 0.3.0 in that cell and space group"

LIBRARY: dict[str, CrystalData] = {
    # Cathodes.
    "LiCoO2": CrystalData(
        "LiCoO2", 166, "R-3m", _hexagonal(2.8156, 14.0542),
        (("Li", 0, 0, 0), ("Co", 0, 0, 0.5), ("O", 0, 0, 0.2395)),
        "experiment; z(O) of a PBEsol relaxation",
    ),
    "LiNiO2": CrystalData(
        "LiNiO2", 166, "R-3m", _hexagonal(2.878, 14.19),
        (("Li", 0, 0, 0), ("Ni", 0, 0, 0.5), ("O", 0, 0, 0.242)),
        "A. Hirano et al., Solid State Ionics 78, 123 (1995); stoichiometric, mean (not Jahn-Teller distorted) structure",
    ),
    "LiMn2O4": CrystalData(
        "LiMn2O4", 227, "Fd-3m", _cubic(8.245),
        (("Li", 0, 0, 0), ("Mn", 0.625, 0.625, 0.625), ("O", 0.3882, 0.3882, 0.3882)),
        "cubic spinel, experiment at room temperature; u(O) = 0.2632 in the second origin choice",
    ),
    "LiNi0.5Mn1.5O4": CrystalData(
        "LiNi0.5Mn1.5O4", 212, "P4_332", _cubic(8.17),
        (
            ("Li", 0.00269, 0.00269, 0.00269), ("Ni", 0.625, 0.625, 0.625), ("Mn", 0.125, 0.37722, 0.87278),
            ("O", 0.38421, 0.38421, 0.38421), ("O", 0.10492, 0.12554, 0.39030),
        ),
        f"ordered spinel, lattice of experiment; Ni on 4b and Mn on 12d of the spinel's 16d site, {_RELAXED}",
    ),
    # Sulfide electrolytes.
    "Li6PS5Cl": CrystalData(
        "Li6PS5Cl", 216, "F-43m", _cubic(9.86026),
        (
            ("P", 0, 0, 0.5), ("Cl", 0, 0, 0), ("S", 0.25, 0.25, 0.75), ("S", 0.1186, -0.1186, 0.6186),
            ("Li", 0.25, 0.0183, 0.75),
        ),
        "neutron diffraction (B. J. Morgan, data_argyrodite_disorder, MIT); ordered model: Cl on 4a, S on 4d, Li on the "
        "24g midpoint of each 48h pair",
    ),
    "Li7P3S11": CrystalData(
        "Li7P3S11", 2, "P-1", (6.1172, 12.3091, 12.5689, 107.626, 102.685, 102.259),
        (
            ("Li", 0.09327, 0.28818, 0.29397), ("Li", 0.15909, 0.61096, 0.88763), ("Li", 0.20084, 0.03044, 0.74573),
            ("Li", 0.26952, 0.32977, 0.89708), ("Li", 0.28207, 0.66699, 0.50093), ("Li", 0.30631, 0.82839, 0.30048),
            ("Li", 0.40450, 0.13700, 0.12043), ("P", 0.13846, 0.83735, 0.06312), ("P", 0.18469, 0.22044, 0.54477),
            ("P", 0.47230, 0.47151, 0.27322), ("S", 0.09496, 0.18760, 0.68105), ("S", 0.09556, 0.82744, 0.60220),
            ("S", 0.15646, 0.68207, 0.09227), ("S", 0.16664, 0.50104, 0.29673), ("S", 0.19139, 0.14520, 0.94158),
            ("S", 0.19590, 0.82789, 0.90548), ("S", 0.24431, 0.40827, 0.57355), ("S", 0.38011, 0.97976, 0.20448),
            ("S", 0.45359, 0.15982, 0.51303), ("S", 0.47653, 0.51882, 0.87845), ("S", 0.49231, 0.68244, 0.70228),
        ),
        "relaxed, cell included, with the moment tensor potential (optB88) of Materials Virtual Lab's maml, BSD-3-Clause",
    ),
    "beta-Li3PS4": CrystalData(
        "Li3PS4", 62, "Pnma", _orthorhombic(12.819, 8.2195, 6.1236),
        (
            ("Li", 0.16421, 0.53187, 0.88118), ("Li", 0, 0, 0.5), ("P", 0.08899, 0.25, 0.15077),
            ("S", 0.15440, 0.03734, 0.26373), ("S", 0.06093, 0.75, 0.71834), ("S", 0.09138, 0.25, 0.81740),
        ),
        f"lattice of {_HOMMA_2011}; ordered model: Li fills 8d and 4b (experiment: 4b 0.7, 4c 0.3), {_RELAXED}",
    ),
    "gamma-Li3PS4": CrystalData(
        "Li3PS4", 31, "Pmn2_1", _orthorhombic(7.70829, 6.53521, 6.1365),
        (
            ("Li", 0.25581, 0.67165, 0.49538), ("Li", 0, 0.14579, 0.48584), ("P", 0, 0.82569, 0.99457),
            ("S", 0.22442, 0.68453, 0.88855), ("S", 0, 0.12369, 0.88361), ("S", 0, 0.81083, 0.32932),
        ),
        f"lattice of {_HOMMA_2011}; {_RELAXED}",
    ),
    # Oxide and oxynitride electrolytes.
    "gamma-Li3PO4": CrystalData(
        "Li3PO4", 62, "Pnma", _orthorhombic(10.4612, 6.1113, 4.9208),
        (
            ("Li", 0.1627, 0.5016, 0.3008), ("Li", 0.4246, 0.75, 0.2045), ("P", 0.4115, 0.25, 0.3079),
            ("O", 0.3418, 0.0441, 0.2054), ("O", 0.0503, 0.25, 0.2928), ("O", 0.0896, 0.75, 0.1223),
        ),
        "B. Wang et al., J. Solid State Chem. 115, 313 (1995), AMCSD 0013843; turned from Pmnb to Pnma",
    ),
    "beta-Li3PO4": CrystalData(
        "Li3PO4", 31, "Pmn2_1", _orthorhombic(6.115, 5.2394, 4.8554),
        (
            ("Li", 0.2481, 0.3277, 0.986), ("Li", 0.5, 0.8428, 0.9893), ("P", 0, 0.8243, 0),
            ("O", 0.20777, 0.68676, 0.8961), ("O", 0, 0.1052, 0.9004), ("O", 0.5, 0.1814, 0.8172),
        ),
        "AMCSD 0012673",
    ),
    "Li2PO2N": CrystalData(
        "Li2PO2N", 36, "Cmc2_1", _orthorhombic(9.0692, 5.3999, 4.6856),
        (
            ("Li", 0.16604, 0.33943, 0.99852), ("P", 0, 0.15711, 0.49855), ("O", 0.13997, 0.30837, 0.41490),
            ("N", 0, 0.11454, 0.84401),
        ),
        "lattice of K. Senevirathne et al., Solid State Ionics 233, 95 (2013); published coordinates not at hand: built as "
        f"Li2SiO3 with N on the bridging site, {_RELAXED}",
    ),
    "Li7La3Zr2O12": CrystalData(
        "Li7La3Zr2O12", 142, "I4_1/acd", (13.1279, 13.1279, 12.6715, 90, 90, 90),
        (
            ("Li", 0.0806, 0.1643, 0.4291), ("Li", 0.1797, 0.3203, 0.5), ("Li", 0, 0, 0), ("La", 0.127, 0.25, 0.875),
            ("La", 0, 0, 0.25), ("Zr", 0, 0.25, 0.125), ("O", 0.0338, 0.1952, 0.2774), ("O", 0.0541, 0.1029, 0.5912),
            ("O", 0.1496, 0.2224, 0.0714),
        ),
        f"tetragonal, Li ordered; entry wyu of the {_OBELIX}",
    ),
    "Li3OCl": CrystalData(
        "Li3OCl", 221, "Pm-3m", _cubic(3.91),
        (("Cl", 0, 0, 0), ("O", 0.5, 0.5, 0.5), ("Li", 0.5, 0.5, 0)),
        f"antiperovskite; entry 4p7 of the {_OBELIX}",
    ),
    "Li3OBr": CrystalData(
        "Li3OBr", 221, "Pm-3m", _cubic(4.056),
        (("Br", 0, 0, 0), ("O", 0.5, 0.5, 0.5), ("Li", 0.5, 0.5, 0)),
        f"antiperovskite; entry qbb of the {_OBELIX}",
    ),
    # Coatings, lithium and products of decomposition.
    "LiF": CrystalData("LiF", 225, "Fm-3m", _cubic(4.0263), (("Li", 0, 0, 0), ("F", 0.5, 0.5, 0.5)), "experiment"),
    "LiCl": CrystalData("LiCl", 225, "Fm-3m", _cubic(5.1396), (("Li", 0, 0, 0), ("Cl", 0.5, 0.5, 0.5)), "experiment"),
    "Li": CrystalData("Li", 229, "Im-3m", _cubic(3.51), (("Li", 0, 0, 0),), "experiment"),
    "Li2S": CrystalData(
        "Li2S", 225, "Fm-3m", _cubic(5.7158), (("Li", 0.25, 0.25, 0.25), ("S", 0, 0, 0)), "antifluorite, experiment"
    ),
    "Li3P": CrystalData(
        "Li3P", 194, "P6_3/mmc", _hexagonal(4.273, 7.594),
        (("Li", 0, 0, 0.25), ("Li", 1 / 3, 2 / 3, 0.5864), ("P", 1 / 3, 2 / 3, 0.25)),
        f"Na3As type; lattice of entry 11b of the {_OBELIX}",
    ),
    "LiP": CrystalData(
        "LiP", 14, "P2_1/c", (5.582, 4.940, 10.255, 90, 118.15, 90),
        (
            ("Li", 0.23248, 0.38705, 0.33151), ("Li", 0.22020, 0.66969, 0.03154), ("P", 0.29600, 0.89336, 0.28694),
            ("P", 0.31272, 0.17281, 0.11569),
        ),
        "lattice of W. Hoenle, H. G. von Schnering, Z. Kristallogr. 155, 307 (1981); published coordinates not at hand: "
        f"LiAs type, {_RELAXED}",
    ),
    "Co9S8": CrystalData(
        "Co9S8", 225, "Fm-3m", _cubic(9.923),
        (("Co", 0.5, 0.5, 0.5), ("Co", 0.126, 0.126, 0.126), ("S", 0.25, 0.25, 0.25), ("S", 0.259, 0, 0)),
        "pentlandite type; V. Rajamani, C. T. Prewitt, Can. Mineral. 13, 75 (1975)",
    ),
    "CoS2": CrystalData(
        "CoS2", 205, "Pa-3", _cubic(5.538), (("Co", 0, 0, 0), ("S", 0.3896, 0.3896, 0.3896)), "pyrite type, experiment"
    ),
    "Co3S4": CrystalData(
        "Co3S4", 227, "Fd-3m", _cubic(9.406),
        (("Co", 0, 0, 0), ("Co", 0.625, 0.625, 0.625), ("S", 0.384, 0.384, 0.384)),
        "linnaeite, thiospinel, experiment",
    ),
}  # fmt: skip

DEFAULT_POLYMORPHS: dict[str, str] = {"Li3PS4": "beta-Li3PS4", "Li3PO4": "gamma-Li3PO4"}
"""What a bare formula with several polymorphs means: the fast conductor, and the form of ceramics and sputter targets."""
