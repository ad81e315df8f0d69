from .arrhenius import ArrheniusFit, arrhenius_fit, jump_statistics, nernst_einstein_s_per_cm
from .barrier import Barrier, barriers, potential_of_mean_force
from .chemistry import BondFinder, BondHistory, Exchange, FrameChemistry, exchanges, origins
from .crystallites import BondOrder, Grain, bond_order, contacts, grains
from .density_grid import DensityGrid, DensityGridAccumulator, cube_text
from .depth_profile import DepthProfile, DepthProfileAccumulator, Interface, fit_interfaces
from .diffusion import Diffusivity, diffusivity, mean_msd, msd_by_atom
from .displacement_store import DisplacementStore
from .environments import Environment
from .growth import Growth, LawFit, fit_growth
from .lattice_fit import Orientation, best_orientation, direction_in_crystal, misorientation, nearest_axis, orientation
from .layer_transport import LayerTransport, filled_span
from .lifetimes import Survival, survival
from .neighbors import Pairs, find_pairs
from .onsager import FluxHistory, OnsagerSettings, OnsagerWindow, flux_history, onsager_window, onsager_windows
from .phase_layers import PhaseLayer, phase_layers
from .phase_rules import PhaseRules, phase_rules
from .phases import FramePhases, PhaseClassifier, classify
from .rdf import (
    PairCounter,
    Rdf,
    RdfAccumulator,
    RdfBlock,
    first_minimum,
    first_peak,
    first_peak_change,
    largest_r_max,
)
from .reactions import BondSearch, UnitHistory, unit_history
from .region_transport import PlaneFlux, RegionWindow, SlabFluxes, region_windows, slab_fluxes
from .residence import Residence, SlabSurvival, residence_times, slab_survival
from .slab import DepthTracker, Slab, interface_depth, layer_slab, layer_volumes, mean_slab
from .tetrahedra import Tetrahedra, TetrahedraAccumulator, order_parameters, regular_tetrahedra, tetrahedral_order
from .van_hove import VanHove

__all__ = [
    "ArrheniusFit", "Barrier", "BondFinder", "BondHistory", "BondOrder", "BondSearch", "DensityGrid",
    "DensityGridAccumulator", "DepthProfile", "DepthProfileAccumulator", "DepthTracker", "Diffusivity",
    "DisplacementStore", "Environment", "Exchange", "FluxHistory", "FrameChemistry", "FramePhases", "Grain", "Growth",
    "Interface", "LawFit", "LayerTransport", "OnsagerSettings", "OnsagerWindow", "Orientation", "PairCounter", "Pairs",
    "PhaseClassifier", "PhaseLayer", "PhaseRules", "PlaneFlux", "Rdf", "RdfAccumulator", "RdfBlock", "RegionWindow",
    "Residence", "Slab", "SlabFluxes", "SlabSurvival", "Survival", "Tetrahedra", "TetrahedraAccumulator",
    "UnitHistory", "VanHove", "arrhenius_fit", "barriers", "best_orientation", "bond_order", "classify", "contacts", "cube_text", "diffusivity", "direction_in_crystal",
    "exchanges", "filled_span", "find_pairs", "first_minimum", "first_peak", "first_peak_change", "fit_growth",
    "fit_interfaces", "flux_history", "grains", "interface_depth", "jump_statistics", "largest_r_max", "layer_slab",
    "layer_volumes", "mean_msd", "mean_slab", "misorientation", "msd_by_atom", "nearest_axis", "nernst_einstein_s_per_cm",
    "onsager_window", "onsager_windows", "order_parameters", "orientation", "origins", "phase_layers", "phase_rules",
    "potential_of_mean_force", "region_windows", "regular_tetrahedra", "residence_times", "slab_fluxes",
    "slab_survival", "survival", "tetrahedral_order", "unit_history",
]  # fmt: skip
