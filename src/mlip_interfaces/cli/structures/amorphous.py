"""``structures amorphous``: a layer of glass by melt-quench."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers
from mlip_interfaces.cli.structures.words import MATERIAL
from mlip_interfaces.files import json_text

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms
    from numpy.typing import NDArray

    from mlip_interfaces.structures.glass import AmorphousLayer


def register(actions: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the action.

    Parameters
    ----------
    actions : argparse subparsers
        Those of ``structures``.
    """
    amorphous = actions.add_parser("amorphous", help="melt-quench an amorphous layer in LAMMPS")
    amorphous.add_argument("material", metavar="MATERIAL", help="a formula, or a name of the crystal library")
    amorphous.add_argument(
        "--area", required=True, metavar="A", help="lateral cell: 200 (square) or 9.8x14.1, angstrom"
    )
    amorphous.add_argument("--thickness-angstrom", type=float, required=True, metavar="T")
    amorphous.add_argument(
        "--density-g-cm3", type=float, metavar="D", help="default: 0.93 of the library crystal's (LiF: 2.45)"
    )
    amorphous.add_argument(
        "--potential",
        default="tosi-fumi",
        metavar="P",
        help="tosi-fumi (LiF), a Deep Potential file (.pb, .pth), or a file of LAMMPS lines (pair_style, pair_coeff, set "
        "type 1 charge, kspace_style) with a comment '# elements: Li S'; default: %(default)s",
    )
    amorphous.add_argument("--crystal", metavar="C", help=f"compared with, default MATERIAL: {MATERIAL}")
    amorphous.add_argument("--seed", type=int, default=1, metavar="N", help="default: %(default)d")
    amorphous.add_argument("--out", type=Path, required=True, metavar="DIR", help="LAMMPS runs, model and summary")
    amorphous.add_argument("--melt-kelvin", type=float, default=3000.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument("--melt-ps", type=float, default=10.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument(
        "--quench-kelvin-per-ps", type=float, default=100.0, metavar="R", help="default: %(default)g"
    )
    amorphous.add_argument("--final-kelvin", type=float, default=300.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument("--hold-ps", type=float, default=5.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument(
        "--relax-ps",
        type=float,
        default=0.0,
        metavar="T",
        help="time in which the height follows the pressure, a and b fixed; default: none, the density stays as asked",
    )
    amorphous.add_argument("--pressure-bar", type=float, default=1.0, metavar="P", help="along z, default: %(default)g")
    amorphous.add_argument("--timestep-fs", type=float, default=1.0, metavar="T", help="default: %(default)g")
    amorphous.add_argument("--json", action="store_true", help="print the summary as JSON, nothing else")
    amorphous.set_defaults(run=run_amorphous)


def run_amorphous(arguments: argparse.Namespace) -> int:
    """Make one layer and write it; a finished run in the folder is read and not repeated.

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

    from mlip_interfaces.files import write_json
    from mlip_interfaces.structures.crystals import formula_counts, library_entry, load_crystal, write_crystal
    from mlip_interfaces.structures.glass import MeltQuench, default_density, melt_quench, named_potential

    material, directory = arguments.material, arguments.out
    units = dict(formula_counts(material))
    elements = list(units)
    named = arguments.crystal or (material if library_entry(material) else None)
    crystal = load_crystal(named) if named else None
    potential = named_potential(arguments.potential, elements)
    potential.refuse_compound(material, units)
    layer = melt_quench(
        lateral_cell(arguments.area),
        material=material,
        potential=potential,
        crystal=crystal,
        thickness_angstrom=arguments.thickness_angstrom,
        density_g_per_cm3=arguments.density_g_cm3 or default_density(material),
        schedule=MeltQuench(
            melt_kelvin=arguments.melt_kelvin,
            melt_ps=arguments.melt_ps,
            quench_kelvin_per_ps=arguments.quench_kelvin_per_ps,
            hold_ps=arguments.hold_ps,
            timestep_fs=arguments.timestep_fs,
            final_kelvin=arguments.final_kelvin,
            relax_ps=arguments.relax_ps,
            pressure_bar=arguments.pressure_bar,
        ),
        seed=arguments.seed,
        directory=directory,
    )
    for name in ("layer.xyz", "layer.data", "POSCAR"):
        write_crystal(layer.atoms, directory / name, elements)
    _draw_glass(layer, crystal, directory)
    summary = {
        "material": material,
        "potential": potential.name,
        "n_atoms": len(layer.atoms),
        "composition": layer.atoms.get_chemical_formula(mode="hill"),
        "thickness_angstrom": float(layer.atoms.cell[2, 2]),
        "density_g_per_cm3": layer.density_g_per_cm3,
        "requested_density_g_per_cm3": layer.requested_density_g_per_cm3,
        "coordination_mean": layer.coordination_mean,
        "n_attempts": layer.n_attempts,
        "quench_kelvin_per_ps": layer.quench_kelvin_per_ps,
        "verdict": str(layer.order),
        "order": asdict(layer.order),
        "files": ["layer.xyz", "layer.data", "POSCAR", "glass.png", "glass.svg"],
    }
    write_json(directory / "summary.json", summary)
    if arguments.json:
        print(json_text(summary))
        return 0
    print(f"{layer.order}")
    print(
        f"density {layer.density_g_per_cm3:.3f} g/cm3 ({layer.requested_density_g_per_cm3:.3f} asked for), thickness "
        f"{layer.atoms.cell[2, 2]:.2f} angstrom, attempt {layer.n_attempts} at "
        f"{layer.quench_kelvin_per_ps:g} K/ps"
    )
    print(directory / "layer.xyz")
    return 0


def lateral_cell(text: str) -> NDArray[np.float64]:
    """Lateral vectors from an area (a square) or two lengths.

    Parameters
    ----------
    text : str
        As in ``200`` (angstrom^2) or ``9.8x14.1`` (angstrom).

    Returns
    -------
    (2, 2) float array, angstrom
        Rows along x and y.

    Raises
    ------
    StructureError
        If the text is neither.

    Examples
    --------
    >>> lateral_cell("100").tolist(), lateral_cell("9.8x14").tolist()
    ([[10.0, 0.0], [0.0, 10.0]], [[9.8, 0.0], [0.0, 14.0]])
    """
    import numpy as np

    from mlip_interfaces.errors import StructureError

    try:
        lengths = [float(part) for part in text.lower().split("x")]
    except ValueError:
        lengths = []
    if len(lengths) not in (1, 2) or min(lengths) <= 0.0:
        raise StructureError(f"A lateral cell is an area such as 200, or two lengths such as 9.8x14.1, not '{text}'.")
    return np.diag([np.sqrt(lengths[0])] * 2 if len(lengths) == 1 else lengths)


def _draw_glass(layer: AmorphousLayer, crystal: Atoms | None, directory: Path) -> None:
    from itertools import combinations_with_replacement

    from mlip_interfaces.figures.glass import GlassPair, amorphous_layer
    from mlip_interfaces.figures.style import save_figure
    from mlip_interfaces.structures.glass import partial_g

    symbols = list(dict.fromkeys(layer.atoms.get_chemical_symbols()))
    pairs = {}
    for first, second in combinations_with_replacement(symbols, 2):
        r, g = partial_g(layer.atoms, first, second)
        there = crystal is not None and {first, second} <= set(crystal.get_chemical_symbols())
        pairs[f"{first}-{second}"] = GlassPair(r, g, partial_g(crystal, first, second)[1] if there else None)
    figure = amorphous_layer(
        layer.trace.time_ps,
        layer.trace.temperature_kelvin,
        layer.trace.height_angstrom,
        pairs,
        title=f"{layer.atoms.get_chemical_formula()}, {layer.density_g_per_cm3:.2f} g/cm³: {layer.order}",
    )
    save_figure(figure, directory, "glass")
