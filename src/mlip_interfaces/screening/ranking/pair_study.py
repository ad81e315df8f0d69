"""The study file of a pair, ready to run: of demo size with a teacher that works here, or of production size."""

from __future__ import annotations

import itertools
import os
import textwrap
from pathlib import Path
from typing import Literal

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.ranking.lattice_match import LatticeMatch
from mlip_interfaces.screening.ranking.pair_ranking import (
    AMORPHOUS_COATING,
    COATING_ANGSTROM,
    COATING_DENSITY_G_PER_CM3,
    RankedPair,
)
from mlip_interfaces.screening.relaxing.supercells import repeats_for
from mlip_interfaces.shipped_files import study_file
from mlip_interfaces.structures.crystals import crystal_elements, in_library, load_crystal
from mlip_interfaces.structures.matching import plane_label

Size = Literal["demo", "production"]

LAYER_NAMES = {
    "cathode": ("cathode", "electrolyte"),
    "anode": ("electrolyte", "anode"),
    "coated": ("cathode", "electrolyte"),
}
"""Of the crystals, from bottom to top, by kind of pair."""
PRODUCTION_ANGSTROM = {"cathode": 28.0, "electrolyte": 35.0, "anode": 40.0}
_PRODUCTION_WIDTH_ANGSTROM = 20.0
_SMALL_ATOMS = 420

_HUBBARD_U_EV = {"Co": 5.14, "Mn": 3.9, "Ni": 6.2}
"""Co as in lco_lif_lpscl.yaml; Mn and Ni as the Materials Project has them."""
_MOMENTS = {"Mn": 5.0, "Ni": 3.0}
_POTCARS = {"Li": "Li_sv", "Zr": "Zr_sv"}
"""Where they are not called as the element."""
_LINE = 118


def pair_study(pair: RankedPair, size: Size, folder: Path, calculator: str = "chgnet") -> str:
    """The study as text.

    Parameters
    ----------
    pair : RankedPair
        One that can be simulated.
    size : {"demo", "production"}
        Less than an hour on two cores, or as in a publication.
    folder : Path
        Where the file will lie: paths of crystals are relative to it.
    calculator : str, optional
        The teacher of the demo.

    Returns
    -------
    str
        YAML with comments.

    Raises
    ------
    InputFileError
        If no study of the pair can be written.
    """
    if pair.match is None:
        raise InputFileError(f"No study of {pair.name} can be written. {pair.cannot}")
    body = _demo(pair, pair.match, folder, calculator) if size == "demo" else _production(pair, pair.match, folder)
    return "\n".join([*_header(pair, pair.match, size, calculator), f"name: {_study_name(pair)}", *body]) + "\n"


def study_file_name(pair: RankedPair) -> str:
    """Name of the study's file.

    Parameters
    ----------
    pair : RankedPair
        Of the study.

    Returns
    -------
    str
        As in ``LCO_LPS.yaml``.
    """
    return f"{_study_name(pair)}.yaml"


def _study_name(pair: RankedPair) -> str:
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "/-") else "-" for letter in pair.name)
    return kept.replace("/", "_").lstrip("-_")[:60]


def _header(pair: RankedPair, match: LatticeMatch, size: Size, calculator: str) -> list[str]:
    planes = " on ".join(
        f"{crystal} {plane_label(miller)}" for crystal, miller in zip(match.crystals, match.millers, strict=True)
    )
    said = [
        f"{' | '.join(pair.solids)}: number {pair.rank} of a ranking of `mlip-interfaces screen rank`, which wrote this file.",
        f"Why there: {pair.why}.",
        f"Planes: {planes}, {match.area_angstrom2:.0f} angstrom2, strain {100 * match.max_strain:.1f} % of the upper one. "
        "Cathodes are as discharged.",
        *pair.notes,
    ]
    if size == "demo":
        said.append(
            f"Demo size, for two CPU cores and less than an hour. The teacher is {calculator}: no DFT, and so small a model shows that the "
            "flow works, not what the interface does."
        )
    else:
        said.append(
            "Production size. Labels: VASP, PBE+U, 520 eV, Gamma only. Put in your cluster's names, and check U, moments and POTCARs."
        )
    return [f"# {line}" for text in said for line in textwrap.wrap(text, _LINE - 2)]


def _elements(pair: RankedPair) -> list[str]:
    """Lithium first, then as the layers have them."""
    symbols: dict[str, None] = {}
    for crystal in pair.crystals:
        own = crystal_elements(crystal) if in_library(crystal) else load_crystal(crystal).get_chemical_symbols()
        symbols |= dict.fromkeys(own)
    return sorted(symbols, key=lambda symbol: symbol != "Li")


def _interface(
    pair: RankedPair,
    folder: Path,
    thicknesses: tuple[float, float],
    repeat: tuple[int, int],
    coating: list[str],
) -> list[str]:
    match = pair.match
    assert match is not None, "no study is written without one"
    crystals = [
        f"    - {{kind: crystal, name: {name}, material: {_material(crystal, folder)}, miller: {list(miller)}, thickness_angstrom: {thickness:g}}}"
        for name, crystal, miller, thickness in zip(
            LAYER_NAMES[pair.kind], match.crystals, match.millers, thicknesses, strict=True
        )
    ]
    layer = ["    - kind: amorphous", "      name: coating", f"      material: {AMORPHOUS_COATING}"]
    return [
        "interface:",
        f"  max_strain: {match.limits.max_strain:g}",
        f"  max_area_angstrom2: {match.limits.max_area_angstrom2:g}",
        "  primitive: true",
        "  registry: lowest",
        f"  lateral_repeat: {list(repeat)}",
        "  layers:",
        crystals[0],
        *([*layer, *(f"      {line}" for line in coating)] if pair.kind == "coated" else []),
        crystals[1],
    ]


def _material(crystal: str, folder: Path) -> str:
    return crystal if in_library(crystal) else '"' + os.path.relpath(crystal, folder).replace('"', '\\"') + '"'


def _demo(pair: RankedPair, match: LatticeMatch, folder: Path, calculator: str) -> list[str]:
    lower, upper = LAYER_NAMES[pair.kind]
    coated = pair.kind == "coated"
    model = "coating-00A" if coated else "interface"
    thick = f"coating-{round(COATING_ANGSTROM):02d}A" if coated else "interface"
    coating = [
        f"thickness_angstrom: [0, {COATING_ANGSTROM:g}]",
        f"density_g_per_cm3: {COATING_DENSITY_G_PER_CM3:g}",
        "melt_quench: {melt_kelvin: 3000, melt_ps: 3, quench_kelvin_per_ps: 500, hold_ps: 1, timestep_fs: 1}",
    ]
    interface = _interface(pair, folder, match.thicknesses_angstrom, match.lateral_repeat, coating)
    return [
        f"elements: [{', '.join(_elements(pair))}]",
        "seed: 20",
        "",
        *interface,
        "",
        "labels:",
        f"  calculator: {calculator}",
        "  timeout_seconds: 300",
        "  max_force_ev_per_angstrom: 30",
        "",
        "initial_data:",
        "  # Strong strains teach the pressure of compressed cells: without them NPT collapses.",
        *_of_demo("initial_data", "perturbation"),
        *(["  n_melt_quench_snapshots: 6"] if coated else []),
        *_of_demo("initial_data", "scrambled"),
        "  teacher_md:",
        f"    - {{structure: {model}, temperature_kelvin: 500, steps: 60, sample_every: 3, timestep_fs: 2, relax_steps: 30}}",
        *(
            [
                f"    - {{structure: {thick}, temperature_kelvin: 500, steps: 45, sample_every: 3, timestep_fs: 2, relax_steps: 24}}"
            ]
            if coated
            else []
        ),
        f"    - {{structure: bulk-{lower}, temperature_kelvin: 600, steps: 100, sample_every: 10, timestep_fs: 2}}",
        f"    - {{structure: bulk-{upper}, temperature_kelvin: 600, steps: 100, sample_every: 10, timestep_fs: 2}}",
        "    # All layers, in states like those that MD will meet: the error there is the one that counts.",
        f"    - {{structure: {thick}, temperature_kelvin: 400, steps: 40, sample_every: 4, timestep_fs: 2, relax_steps: 12, held_out: true}}",
        "  held_out_fraction: 0.05",
        "",
        "exploration:",
        *([f"  thicknesses_angstrom: [0, {COATING_ANGSTROM:g}]"] if coated else []),
        *_of_demo("exploration", without="thicknesses_angstrom"),
        "",
        "training:",
        *_of_demo("training"),
        "",
        "validation: {n_exploration_frames: 10, own_md: {n_snapshots: 4, time_ps: 1, timestep_fs: 2}}",
        "",
        "# A demo comes to its end: the report says which gate its potential fails. For production leave this out.",
        "gates: {if_failed: warn}",
        "",
        "protocols:",
        "  contact: {temperature_kelvin: 300, pressure_bar: 1, time_ps: 3, timestep_fs: 2, dump_interval_ps: 0.02}",
        "  hot: {temperature_kelvin: 500, pressure_bar: 1, time_ps: 3, timestep_fs: 2, dump_interval_ps: 0.02}",
        "",
        "# The gaps between layers close in the MD, and layers of two or three planes react as a whole.",
        "health: {max_temperature_ratio: 3, density_change: 0.5, lateral_change: 0.2}",
        "",
        "# The first and the last frame of every run are labelled: is the model still right there?",
        "domain: {frames_per_run: 10, spot_labels_per_run: 2}",
        "",
        "execution: {kind: local, cores: 2, poll_seconds: 1}",
    ]


def _of_demo(section: str, key: str = "", *, without: str = "") -> list[str]:
    """Lines of a section of the demo that is shipped: all of them, that of one key, or all but that of one."""
    text = study_file("demo.yaml").read_text(encoding="utf-8")
    _, _, below = text.partition(f"\n{section}:\n")
    lines = list(itertools.takewhile(lambda line: line.startswith(" "), below.splitlines()))
    if key:
        return [line for line in lines if line.startswith(f"  {key}:")]
    return [line for line in lines if not (without and line.startswith(f"  {without}:"))]


def _production(pair: RankedPair, match: LatticeMatch, folder: Path) -> list[str]:
    names = LAYER_NAMES[pair.kind]
    elements = _elements(pair)
    coated = pair.kind == "coated"
    along_a, along_b = repeats_for(match.widths_angstrom, _PRODUCTION_WIDTH_ANGSTROM)
    coating = ["thickness_angstrom: [0, 5, 10, 20]", f"density_g_per_cm3: {COATING_DENSITY_G_PER_CM3:g}"]
    interface = _interface(
        pair, folder, (PRODUCTION_ANGSTROM[names[0]], PRODUCTION_ANGSTROM[names[1]]), (along_a, along_b), coating
    )
    small = [f"{name}: {thickness:g}" for name, thickness in zip(names, match.thicknesses_angstrom, strict=True)]
    if coated:
        small.append("coating: [0, 5, 10]")
    most = max(_SMALL_ATOMS, 2 * match.n_atoms if coated else match.n_atoms)
    magnetic = [symbol for symbol in elements if symbol in _MOMENTS]
    model = "dft-coating-00A" if coated else "dft-interface"
    return [
        f"elements: [{', '.join(elements)}]",
        "seed: 1",
        "",
        *interface,
        "  # Cells for DFT: one lateral cell, thin layers.",
        f"  small: {{thickness_angstrom: {{{', '.join(small)}}}, max_atoms: {most}}}",
        "",
        "labels:",
        "  calculator: vasp",
        "  dft:",
        "    functional: PBE",
        "    plane_wave_cutoff_ev: 520",
        "    kpoints: [1, 1, 1]",
        f"    spin_polarised: {'true' if magnetic else 'false'}",
        "    smearing_ev: 0.05",
        "    energy_convergence_ev: 1.0e-5",
        "    max_scf_steps: 120",
        "    command: srun vasp_std",
        "    elements:",
        *(f"      {symbol}: {{{_dft(symbol)}}}" for symbol in elements),
        "  second_attempt: true",
        "  timeout_seconds: 14400",
        "",
        "initial_data:",
        "  perturbation: {n_per_bulk: 50, n_per_interface: 20, displacement_angstrom: 0.1, cell_strain: 0.03, "
        "n_shifted_per_interface: 5, n_with_vacancies: 5}",
        *(["  n_melt_quench_snapshots: 40"] if coated else []),
        "  scrambled: {n: 40, atoms_per_element: 8, volume_per_atom_angstrom3: 17, shortest_factor: [0.72, 0.95]}",
        "  teacher_md:",
        f"    - {{structure: {model}, temperature_kelvin: 600, steps: 100, sample_every: 2, timestep_fs: 1}}",
        *(
            f"    - {{structure: bulk-{name}, temperature_kelvin: 900, steps: 100, sample_every: 2, timestep_fs: 1}}"
            for name in names
        ),
        "  held_out_fraction: 0.1",
        "",
        "exploration:",
        "  timestep_fs: 1",
        "  trust: adaptive",
        "  force_trust_low_ev_per_angstrom: 0.12",
        "  force_trust_high_ev_per_angstrom: 0.3",
        "  max_labels_per_model: 60",
        "  iterations:",
        "    - {temperatures_kelvin: [300, 500], pressures_bar: [1, 1000], steps: 1000, sample_every: 10}",
        "    - {temperatures_kelvin: [300, 500, 700], pressures_bar: [1, 1000], steps: 5000, sample_every: 25}",
        "    - {temperatures_kelvin: [300, 500, 700, 900], pressures_bar: [1, 1000], steps: 10000, sample_every: 50}",
        "    - {temperatures_kelvin: [300, 500, 700, 900], pressures_bar: [1, 1000], steps: 50000, sample_every: 100}",
        "",
        "validation: {n_exploration_frames: 200, own_md: {n_snapshots: 200, time_ps: 200}}",
        "gates: {n_rattled: 20, heating_ps: 20, drift_ps: 50, max_drift_mev_per_atom_ns: 5}",
        "",
        "protocols:",
        "  contact: {temperature_kelvin: 300, pressure_bar: 1, time_ps: 2000, timestep_fs: 1, dump_interval_ps: 0.5, seeds: [1, 2, 3]}",
        "  hot: {temperature_kelvin: 500, pressure_bar: 1, time_ps: 5000, timestep_fs: 1, dump_interval_ps: 1, seeds: [1, 2, 3]}",
        "",
        "# Partition names, modules and the Python environment are the cluster's: put in yours.",
        "execution:",
        "  kind: slurm",
        "  poll_seconds: 60",
        "  defaults: {partition: gpu, cores_per_node: 8, gpus_per_node: 1, time_limit_minutes: 1440}",
        "  explore: {group_size: 4, para_deg: 4}",
        "  label: {partition: cpu, cores_per_node: 64, gpus_per_node: 0, group_size: 10}",
        "  analyze: {partition: cpu, cores_per_node: 4}",
    ]


def _dft(symbol: str) -> str:
    parts = []
    if symbol in _HUBBARD_U_EV:
        parts.append(f"hubbard_u_ev: {_HUBBARD_U_EV[symbol]:g}, hubbard_orbital: d")
    if symbol in _MOMENTS:
        parts.append(f"moment: {_MOMENTS[symbol]:g}")
    parts.append(f"pseudopotential: {{vasp: {_POTCARS.get(symbol, symbol)}}}")
    return ", ".join(parts)
