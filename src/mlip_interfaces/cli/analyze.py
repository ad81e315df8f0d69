"""``analyze rdf|msd|onsager|tetrahedra|chemistry|profile TRAJ`` and ``analyze all DIR``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlip_interfaces.cli.arguments import Subparsers, add_run_folder, count, non_negative, positive

if TYPE_CHECKING:
    from mlip_interfaces.pipeline.region_analysis import RegionRequest
    from mlip_interfaces.pipeline.trajectory_analysis import AnalysisPlan


def register(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = subparsers.add_parser("analyze", help="turn trajectories into numbers with error bars")
    actions = parser.add_subparsers(dest="action", metavar="ANALYSIS", required=True)
    everything = actions.add_parser("all", help="all analyses of a study over its scan, one pass over each trajectory")
    add_run_folder(everything)
    everything.set_defaults(run=run_all)

    rdf = _trajectory_parser(actions, "rdf", "partial g(r) in blocks of time, coordination numbers, -kT ln g(r)")
    rdf.add_argument("--pairs", required=True, metavar="P-S,S-S", help="with layers: Li@coating-S@electrolyte")
    rdf.add_argument("--r-max-angstrom", type=positive, metavar="R", help="default 8, or half of a smaller cell")
    rdf.add_argument("--bin-width-angstrom", type=positive, default=0.05, metavar="W")
    rdf.add_argument("--blocks", type=count, default=1, metavar="N", help="blocks of time (default 1)")
    rdf.add_argument(
        "--temperature-kelvin", type=positive, metavar="T", help="of the run: gives -kT ln g(r) and barriers"
    )

    msd = _trajectory_parser(actions, "msd", "mean squared displacement and diffusivity")
    msd.add_argument("--species", required=True, metavar="Li,S")
    msd.add_argument("--layer", metavar="NAME", help="only atoms that started in this layer")
    msd.add_argument(
        "--first-lag-ps", type=positive, metavar="T", help="first lag of the fit; chosen by its quality if left out"
    )
    _add_displacement_options(msd)

    onsager = _trajectory_parser(actions, "onsager", "transport coefficients L_ij, conductivity, Haven ratio, fluxes")
    onsager.add_argument("--species", required=True, metavar="Li,P,S,Cl")
    onsager.add_argument("--temperature-kelvin", type=positive, required=True, metavar="T")
    onsager.add_argument("--charges", metavar="Li=1,S=-2", help="in e; formal oxidation states where left out")
    onsager.add_argument("--windows", type=count, default=1, metavar="N", help="windows of time (default 1)")
    where = onsager.add_mutually_exclusive_group()
    where.add_argument("--layer", metavar="NAME", help="only atoms that started in this layer, wherever they go")
    where.add_argument(
        "--region", metavar="LAYER", help="atoms in the space that this layer takes at the start of each window"
    )
    where.add_argument(
        "--region-fraction",
        metavar="LO,HI",
        help="atoms between two depths, shares of the cell, at the start of each window",
    )
    where.add_argument(
        "--region-angstrom", metavar="LO,HI", help="the same from the cell's corner, or from an interface: =-5,5"
    )
    onsager.add_argument(
        "--interface", metavar="LOWER/UPPER", help="zero of --region-angstrom: where one layer ends and the next begins"
    )
    onsager.add_argument("--directions", choices=("xyz", "xy", "x", "y", "z"), default="xyz", help="averaged for L_ij")
    onsager.add_argument(
        "--flux-axis",
        choices=("x", "y", "z"),
        default="z",
        help="of the fluxes against time; a region's are along the depth",
    )
    _add_displacement_options(onsager)

    tetrahedra = _trajectory_parser(actions, "tetrahedra", "regular tetrahedra such as LiF4, against time and depth")
    tetrahedra.add_argument("--center", default="Li")
    tetrahedra.add_argument("--ligand", default="F")
    tetrahedra.add_argument("--cutoff-angstrom", type=positive, default=2.6, metavar="R")
    tetrahedra.add_argument(
        "--q-min", type=non_negative, default=0.85, metavar="Q", help="Errington-Debenedetti order parameter"
    )
    tetrahedra.add_argument(
        "--average-ps", type=non_negative, default=1.0, metavar="T", help="positions are averaged over it"
    )

    chemistry = _trajectory_parser(actions, "chemistry", "P-S units, S2 dimers, new bonds, O-S exchanges")
    chemistry.add_argument(
        "--min-lifetime-ps", type=non_negative, default=0.1, metavar="T", help="shorter bonds are collisions"
    )
    chemistry.add_argument("--exchange-window-ps", type=positive, default=1.0, metavar="T")

    profile = _trajectory_parser(actions, "profile", "density against depth, interface positions and widths")
    profile.add_argument("--axis", choices=("a", "b", "c"), default="c", help="cell vector along the depth")
    profile.add_argument("--bin-width-angstrom", type=positive, default=0.5, metavar="W")

    hove = _trajectory_parser(actions, "van-hove", "van Hove functions, self and distinct")
    hove.add_argument("--species", required=True, metavar="Li")
    hove.add_argument("--lags-ps", required=True, metavar="0.5,2,5")
    hove.add_argument("--r-max-angstrom", type=positive, default=6.0, metavar="R")
    hove.add_argument("--bin-width-angstrom", type=positive, default=0.1, metavar="W")
    _add_displacement_options(hove)

    residence = _trajectory_parser(actions, "residence", "residence times of hopping ions")
    residence.add_argument("--species", required=True, metavar="Li")
    residence.add_argument(
        "--jump-distance-angstrom", type=positive, required=True, metavar="R", help="2/3 of that of sites"
    )
    residence.add_argument(
        "--smooth-ps", type=non_negative, default=0.0, metavar="T", help="positions are averaged over it"
    )
    residence.add_argument("--layer", metavar="NAME", help="only atoms that started in this layer")
    _add_displacement_options(residence)

    density = _trajectory_parser(actions, "density", "probability density on a grid: cube file and figure")
    density.add_argument("--species", required=True, metavar="Li")
    density.add_argument("--spacing-angstrom", type=positive, default=0.25, metavar="W")
    _add_displacement_options(density)

    arrhenius = actions.add_parser("arrhenius", help="activation energy from the msd.json of several temperatures")
    arrhenius.add_argument("files", type=Path, nargs="+", metavar="MSD_JSON")
    arrhenius.add_argument("--temperatures-kelvin", required=True, metavar="500,600,700", help="one for each file")
    arrhenius.add_argument("--species", default="Li")
    arrhenius.add_argument(
        "--at-kelvin", type=positive, default=300.0, metavar="T", help="extrapolate to (default 300)"
    )
    arrhenius.add_argument("--n-ions", type=count, metavar="N", help="with --volume-angstrom3: conductivity too")
    arrhenius.add_argument("--volume-angstrom3", type=positive, metavar="V")
    arrhenius.add_argument("--out", type=Path, metavar="DIR", help="folder for JSON and figure")
    arrhenius.add_argument("--json", action="store_true", help="print the result's JSON, nothing else")
    arrhenius.set_defaults(run=run_arrhenius)


def _trajectory_parser(actions: Subparsers[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text)
    parser.add_argument(
        "trajectory", type=Path, metavar="TRAJ", help="LAMMPS dump (.gz), DCD, XTC, NetCDF, XDATCAR, extXYZ"
    )
    parser.add_argument("--topology", type=Path, metavar="F", help="LAMMPS data file or structure: elements and masses")
    parser.add_argument("--layers", type=Path, metavar="F", help="layers.json: element and layer of each atom")
    parser.add_argument(
        "--frame-interval-ps", type=positive, metavar="T", help="time between frames where the file has none"
    )
    parser.add_argument("--start-ps", type=float, metavar="T")
    parser.add_argument("--stop-ps", type=float, metavar="T")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for JSON, CSV and figures")
    parser.add_argument("--json", action="store_true", help="print the result's JSON, nothing else")
    parser.add_argument("--processes", type=count, default=1, metavar="N", help="threads for pair searches (default 1)")
    parser.set_defaults(run=run_one)
    return parser


def _add_displacement_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--drift", default="com", metavar="FRAME", help="at rest: com (default), none, elements (Co,O) or a layer"
    )
    parser.add_argument("--unwrap", choices=("auto", "tor", "frac", "image", "none"), default="auto")


def run_all(arguments: argparse.Namespace) -> int:
    """Run the analysis stage."""
    from mlip_interfaces.pipeline.flow import run_single_stage

    run_single_stage(arguments.directory, "analyze")
    print(arguments.directory / "analysis" / "index.json")
    return 0


def run_one(arguments: argparse.Namespace) -> int:
    """Run one analysis over one trajectory."""
    from mlip_interfaces.errors import AnalysisError

    if arguments.out is None and not arguments.json:
        raise AnalysisError("Give --out DIR for files, or --json for the result on standard output.")
    from mlip_interfaces.pipeline.analyze import write_results
    from mlip_interfaces.pipeline.trajectory_analysis import analyze_trajectory
    from mlip_interfaces.trajectory import open_trajectory

    plan = _plan(arguments)
    reader = open_trajectory(
        arguments.trajectory,
        topology=arguments.topology,
        layers=arguments.layers,
        frame_interval_ps=arguments.frame_interval_ps,
        start_ps=arguments.start_ps,
        stop_ps=arguments.stop_ps,
        unwrap=getattr(arguments, "unwrap", "auto"),
    )
    results = analyze_trajectory(reader, plan, n_processes=arguments.processes)
    contents = write_results(reader, plan, results, arguments.out, getattr(arguments, "temperature_kelvin", None))
    for note in results.notes:
        print(f"mlip-interfaces: {note}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(contents[arguments.action], indent=1))
    else:
        print(arguments.out / f"{arguments.action}.json")
    return 0


def _plan(arguments: argparse.Namespace) -> AnalysisPlan:
    from mlip_interfaces.pipeline import trajectory_analysis as requests

    drift = getattr(arguments, "drift", "com")
    if arguments.action == "rdf":
        request = requests.RdfRequest(
            _named(arguments.pairs, "--pairs"), arguments.r_max_angstrom, arguments.bin_width_angstrom, arguments.blocks
        )
        return requests.AnalysisPlan(rdf=request)
    if arguments.action == "msd":
        moving = requests.MsdRequest(_named(arguments.species, "--species"), arguments.layer, arguments.first_lag_ps)
        return requests.AnalysisPlan(msd=moving, drift=drift)
    if arguments.action == "onsager":
        species = _named(arguments.species, "--species")
        transport = requests.OnsagerRequest(
            species=species,
            temperature_kelvin=arguments.temperature_kelvin,
            charges=_charges(species, arguments.charges),
            windows=arguments.windows,
            layer=arguments.layer,
            directions=arguments.directions,
            flux_axis="xyz".index(arguments.flux_axis),
            region=_region(arguments),
        )
        return requests.AnalysisPlan(onsager=transport, drift=drift)
    if arguments.action == "tetrahedra":
        order = requests.TetrahedraRequest(
            arguments.center, arguments.ligand, arguments.cutoff_angstrom, arguments.q_min, arguments.average_ps
        )
        return requests.AnalysisPlan(tetrahedra=order)
    if arguments.action == "chemistry":
        bonds = requests.ChemistryRequest(arguments.min_lifetime_ps, arguments.exchange_window_ps)
        return requests.AnalysisPlan(chemistry=bonds)
    if arguments.action == "van-hove":
        functions = requests.VanHoveRequest(
            arguments.species,
            tuple(_numbers(arguments.lags_ps, "--lags-ps")),
            arguments.r_max_angstrom,
            arguments.bin_width_angstrom,
        )
        return requests.AnalysisPlan(van_hove=functions, drift=drift)
    if arguments.action == "residence":
        jumps = requests.ResidenceRequest(
            arguments.species, arguments.jump_distance_angstrom, arguments.smooth_ps, arguments.layer
        )
        return requests.AnalysisPlan(residence=jumps, drift=drift)
    if arguments.action == "density":
        grid = requests.DensityRequest(arguments.species, arguments.spacing_angstrom)
        return requests.AnalysisPlan(density=grid, drift=drift)
    depth = requests.ProfileRequest("abc".index(arguments.axis), arguments.bin_width_angstrom)
    return requests.AnalysisPlan(profile=depth)


def run_arrhenius(arguments: argparse.Namespace) -> int:
    """Fit the diffusivities of several runs."""
    from mlip_interfaces.errors import AnalysisError
    from mlip_interfaces.pipeline.activation import fit_activation

    if arguments.out is None and not arguments.json:
        raise AnalysisError("Give --out DIR for files, or --json for the result on standard output.")
    content = fit_activation(
        arguments.files,
        _numbers(arguments.temperatures_kelvin, "--temperatures-kelvin"),
        species=arguments.species,
        at_kelvin=arguments.at_kelvin,
        n_ions=arguments.n_ions,
        volume_angstrom3=arguments.volume_angstrom3,
        output=arguments.out,
    )
    print(json.dumps(content, indent=1) if arguments.json else arguments.out / "arrhenius.json")
    return 0


def _region(arguments: argparse.Namespace) -> RegionRequest | None:
    from mlip_interfaces.errors import AnalysisError
    from mlip_interfaces.pipeline.region_analysis import RegionRequest

    planes: dict[str, tuple[float, float]] = {}
    for unit in ("fraction", "angstrom"):
        text = getattr(arguments, f"region_{unit}")
        if text is not None:
            numbers = _numbers(text, f"--region-{unit}")
            if len(numbers) != 2:
                raise AnalysisError(f"--region-{unit}: '{text}' is not two numbers such as 0.2,0.4.")
            planes[unit] = (numbers[0], numbers[1])
    interface: tuple[str, str] | None = None
    if arguments.interface is not None:
        lower, _, upper = arguments.interface.partition("/")
        if not (lower and upper):
            raise AnalysisError(f"--interface: '{arguments.interface}' is not two layers such as cathode/coating.")
        interface = (lower, upper)
    if arguments.region is None and not planes:
        if interface is not None:
            raise AnalysisError("--interface says from where --region-angstrom is measured; give both.")
        return None
    return RegionRequest(arguments.region, planes.get("fraction"), planes.get("angstrom"), interface)


def _numbers(text: str, option: str) -> list[float]:
    from mlip_interfaces.errors import AnalysisError

    try:
        return [float(part) for part in _names(text)]
    except ValueError:
        raise AnalysisError(f"{option}: '{text}' is not a list of numbers such as 500,600.") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _named(text: str, option: str) -> tuple[str, ...]:
    """Names of an option that needs one at least, each once."""
    from mlip_interfaces.errors import AnalysisError

    names = _names(text)
    if not names:
        raise AnalysisError(f"{option} names nothing.")
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise AnalysisError(f"{option} names {', '.join(twice)} twice.")
    return names


def _charges(species: tuple[str, ...], text: str | None) -> tuple[float, ...]:
    """Charges by species: those given, formal oxidation states for the others."""
    from mlip_interfaces.chemistry.charges import SPECIES_CHARGES
    from mlip_interfaces.errors import AnalysisError

    charges = dict(SPECIES_CHARGES)
    for part in _names(text or ""):
        name, _, value = part.partition("=")
        try:
            charges[name] = float(value)
            if not math.isfinite(charges[name]):
                raise ValueError(value)
        except ValueError:
            raise AnalysisError(f"--charges: '{part}' is not like Li=1.") from None
        if name not in species:
            raise AnalysisError(f"--charges names {name}, which is not in --species {','.join(species)}.")
    missing = [name for name in species if name not in charges]
    if missing:
        raise AnalysisError(
            f"There is no formal charge for {', '.join(missing)}; give it with --charges {missing[0]}=..."
        )
    return tuple(charges[name] for name in species)
