"""What is computed from trajectories: one file per analysis, the registry of all, and the one pass that feeds them."""

from mlip_interfaces.observables.arrhenius import Arrhenius
from mlip_interfaces.observables.chemistry import Chemistry
from mlip_interfaces.observables.crystallites import Crystallites
from mlip_interfaces.observables.density import Density
from mlip_interfaces.observables.environments import Environments
from mlip_interfaces.observables.growth import Growth
from mlip_interfaces.observables.msd import Msd
from mlip_interfaces.observables.one_pass import analyze, check_names, named
from mlip_interfaces.observables.onsager import Onsager
from mlip_interfaces.observables.phases import Phases
from mlip_interfaces.observables.profile import Profile
from mlip_interfaces.observables.rdf import Rdf
from mlip_interfaces.observables.reactions import Reactions
from mlip_interfaces.observables.request import Request, Settings
from mlip_interfaces.observables.residence import Residence
from mlip_interfaces.observables.results import Result, Results
from mlip_interfaces.observables.tetrahedra import Tetrahedra
from mlip_interfaces.observables.van_hove import VanHove

ANALYSES: dict[str, type[Request]] = {
    request.kind: request
    for request in (
        Rdf,
        Msd,
        Onsager,
        Tetrahedra,
        Chemistry,
        Profile,
        VanHove,
        Residence,
        Density,
        Reactions,
        Environments,
        Crystallites,
        Phases,
        Growth,
    )
}
"""Analyses of a trajectory by kind: each is a verb of ``analyze``, a kind in a study and a page of the documentation."""

__all__ = [
    "ANALYSES",
    "Arrhenius",
    "Chemistry",
    "Crystallites",
    "Density",
    "Environments",
    "Growth",
    "Msd",
    "Onsager",
    "Phases",
    "Profile",
    "Rdf",
    "Reactions",
    "Request",
    "Residence",
    "Result",
    "Results",
    "Settings",
    "Tetrahedra",
    "VanHove",
    "analyze",
    "check_names",
    "named",
]
