"""The barrier of one hop: a climbing-image nudged elastic band between two ends at rest."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
from numpy.typing import NDArray

from mlip_interfaces.errors import MlipInterfacesError
from mlip_interfaces.screening.relaxing.relaxation import LONGEST_STEP_ANGSTROM, relaxed

_SPRING_EV_PER_ANGSTROM2 = 0.5
_FIRST_FMAX_TIMES = 4.0
"""How much the forces may exceed the bound when the highest image begins to climb."""
_MERGED = 0.1
"""Share of the mean distance between neighbouring images below which two are one."""
_ELSEWHERE = 0.5
_SAME_SITE = 0.25
"""Shares of a hop's length: an atom that went further is elsewhere; ends that lie closer are one."""
_HOLLOW_EV = 0.02
_FAR_FROM_IMAGE_EV = 0.05


class HopFailure(MlipInterfacesError):
    """No barrier of a hop; the message is the reason, a sentence."""


@dataclass(frozen=True, slots=True)
class BandSettings:
    """How a band is relaxed.

    Attributes
    ----------
    n_images : int
        Between the ends.
    fmax_ev_per_angstrom : float, eV/angstrom
        Bound on the forces on each end and on each image: those of the calculator across the path and of the springs along it; on the image that climbs
        those of the calculator alone, turned round along the path.
    max_steps : int
        Of each relaxation at most: of an end, of the band, and of the band that climbs.
    """

    n_images: int = 5
    fmax_ev_per_angstrom: float = 0.03
    max_steps: int = 500


@dataclass(frozen=True, slots=True)
class Band:
    """The path of a hop at rest.

    Attributes
    ----------
    positions : (n, n_atoms, 3) float array, angstrom
        Of all images, ends included; continuous, not wrapped.
    energies_ev : (n,) float array, eV
        Of the supercell.
    path_angstrom : (n,) float array, angstrom
        Length of the path up to each image, in the space of all atoms.
    fit_path_angstrom, fit_energies_ev : (m,) float array, angstrom and eV
        The spline through energies and forces; over the first end.
    forward_barrier_ev, backward_barrier_ev : float, eV
        From the first end, and from the last one, to the top of the spline.
    reaction_energy_ev : float, eV
        Of the last end over the first.
    path_length_angstrom, ion_path_angstrom : float, angstrom
        In the space of all atoms; of the ion alone.
    residual_ev_per_angstrom : float, eV/angstrom
        The largest of the forces on images that the bound is about.
    is_converged : bool
        Whether it is below the bound.
    notes : tuple of str
        Doubts, as sentences.
    """

    positions: NDArray[np.float64]
    energies_ev: NDArray[np.float64]
    path_angstrom: NDArray[np.float64]
    fit_path_angstrom: NDArray[np.float64]
    fit_energies_ev: NDArray[np.float64]
    forward_barrier_ev: float
    backward_barrier_ev: float
    reaction_energy_ev: float
    path_length_angstrom: float
    ion_path_angstrom: float
    residual_ev_per_angstrom: float
    is_converged: bool
    notes: tuple[str, ...]


class Surface(Calculator):  # type: ignore[misc]
    """A calculator that is counted, gives the energy that its forces are the slope of, and whose failures are sentences.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        With energy and forces, and stress where a cell is relaxed.

    Attributes
    ----------
    n_evaluations : int
        Structures so far.
    """

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def __init__(self, calculator: Any) -> None:
        super().__init__()
        self.n_evaluations = 0
        self._inner = calculator
        known = getattr(calculator, "implemented_properties", ())
        self._energy = "free_energy" if "free_energy" in known else "energy"

    def calculate(
        self, atoms: Any = None, properties: Sequence[str] = ("energy",), system_changes: Sequence[str] = all_changes
    ) -> None:
        """Energy and forces, and the stress if it is asked for.

        Parameters
        ----------
        atoms : ase.Atoms
            A structure.
        properties : sequence of str, optional
            As ASE names them.
        system_changes : sequence of str, optional
            As ASE names them.

        Raises
        ------
        HopFailure
            If the calculator raises, or gives what is no finite number.
        PropertyNotImplementedError
            If it has no energy, forces or stress at all, which is no matter of one structure.
        """
        super().calculate(atoms, properties, system_changes)
        self.n_evaluations += 1
        try:
            energy = float(self._inner.get_property(self._energy, self.atoms))
            forces = np.array(self._inner.get_property("forces", self.atoms), dtype=np.float64)
            stress = np.array(self._inner.get_property("stress", self.atoms)) if "stress" in properties else None
        except PropertyNotImplementedError:
            raise
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            # What calculators raise for a structure that they cannot treat; NotImplementedError is a RuntimeError.
            raise HopFailure(f"The calculator failed ({type(error).__name__}: {error}).") from error
        given = np.concatenate([[energy], forces.ravel(), [] if stress is None else stress])
        if forces.shape != (len(self.atoms), 3) or not np.isfinite(given).all():
            raise HopFailure("The calculator gives energies, forces or a stress that are no finite numbers.")
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if stress is not None:
            self.results["stress"] = stress


def relax_ends(
    start: Atoms, end: Atoms, ion: int, surface: Surface, settings: BandSettings, length_angstrom: float
) -> tuple[Atoms, Atoms]:
    """Both ends of a hop at rest, once and for all.

    Parameters
    ----------
    start, end : ase.Atoms
        The ion on either site; all other atoms alike.
    ion : int
        Which atom hops.
    surface : Surface
        Of energies.
    settings : BandSettings
        Bound and steps.
    length_angstrom : float, angstrom
        Between the sites.

    Returns
    -------
    tuple of ase.Atoms
        With energies and forces that nothing computes again.

    Raises
    ------
    HopFailure
        If an end does not come to rest, goes elsewhere, or both come to rest in one place.
    """
    rested = [_at_rest(one, which, surface, settings) for one, which in ((start, "first"), (end, "last"))]
    first, last = rested
    between = np.linalg.norm(last.positions - first.positions, axis=1)
    if between.max() < _SAME_SITE * length_angstrom:
        raise HopFailure(
            f"Both ends come to rest in the same place ({between.max():.2f} angstrom apart, {length_angstrom:.2f} before): one of the two is no site of "
            "this energy surface, and there is no hop."
        )
    for one, before, which in ((first, start, "first"), (last, end, "last")):
        gone = np.linalg.norm(one.positions - before.positions, axis=1)
        far = int(gone.argmax())
        if gone[far] > _ELSEWHERE * length_angstrom:
            who = "the ion" if far == ion else f"{one.symbols[far]} (atom {far + 1})"
            raise HopFailure(
                f"The {which} end comes to rest elsewhere: {who} goes {gone[far]:.2f} angstrom from its site. Find the site that it goes to, and name a hop "
                "between sites that hold."
            )
    return first, last


def relax_band(first: Atoms, last: Atoms, ion: int, surface: Surface, settings: BandSettings) -> Band:
    """The path of least energy between two ends at rest.

    Parameters
    ----------
    first, last : ase.Atoms
        As `relax_ends` gives them.
    ion : int
        Which atom hops.
    surface : Surface
        Of energies.
    settings : BandSettings
        Images, bound and steps.

    Returns
    -------
    Band
        Converged or not.

    Raises
    ------
    HopFailure
        If images merge, or the calculator fails.

    Notes
    -----
    Images begin on the path of the image-dependent pair potential and are relaxed with improved tangents, at first as a plain band, then with the highest image
    climbing.

    References
    ----------
    G. Henkelman, H. Jonsson, J. Chem. Phys. 113, 9978 (2000); G. Henkelman, B. P. Uberuaga, H. Jonsson, J. Chem. Phys. 113, 9901 (2000);
    S. Smidstrup et al., J. Chem. Phys. 140, 214106 (2014).
    """
    from ase.mep import NEB
    from ase.optimize import FIRE

    images = [first, *(first.copy() for _ in range(settings.n_images)), last]
    for image in images[1:-1]:
        image.calc = surface
    band = NEB(images, k=_SPRING_EV_PER_ANGSTROM2, method="improvedtangent", allow_shared_calculator=True)
    _interpolate(band)
    merged = merged_images(np.array([image.positions for image in images]))
    if merged:
        raise HopFailure(_merged_sentence(merged))
    fmax = settings.fmax_ev_per_angstrom
    FIRE(band, logfile=None, maxstep=LONGEST_STEP_ANGSTROM).run(fmax=_FIRST_FMAX_TIMES * fmax, steps=settings.max_steps)
    # Where an end is the highest point, the image beside it would climb onto it.
    band.climb = max(band.energies[1:-1]) > max(band.energies[0], band.energies[-1])
    FIRE(band, logfile=None, maxstep=LONGEST_STEP_ANGSTROM).run(fmax=fmax, steps=settings.max_steps)
    residual = float(np.linalg.norm(band.get_forces(), axis=1).max())
    energies, forces = np.array(band.energies), np.array(band.real_forces)
    merged = merged_images(np.array([image.positions for image in images]))
    if merged:
        raise HopFailure(_merged_sentence(merged))
    for place, image in enumerate(images[1:-1], start=1):
        _freeze(image, float(energies[place]), forces[place])
    return _band_of(images, ion, residual, settings)


def merged_images(positions: NDArray[np.float64]) -> tuple[int, ...]:
    """Images that have become one with the next.

    Parameters
    ----------
    positions : (n, n_atoms, 3) float array, angstrom
        Of all images.

    Returns
    -------
    tuple of int
        Number of each, from 0, whose successor lies closer than a tenth of the mean distance; all of them where there is no distance at all.

    Examples
    --------
    >>> merged_images(np.array([0.0, 1.0, 1.01, 2.0])[:, None, None] * np.ones(3))
    (1,)
    """
    gaps = np.linalg.norm(np.diff(positions, axis=0).reshape(len(positions) - 1, -1), axis=1)
    return tuple(int(place) for place in np.flatnonzero(gaps <= _MERGED * gaps.mean()))


def hollows(path: NDArray[np.float64], energies_ev: NDArray[np.float64]) -> tuple[float, ...]:
    """Where a profile has a minimum between its ends.

    Parameters
    ----------
    path : (n,) float array
        Along the path.
    energies_ev : (n,) float array, eV
        Of the profile.

    Returns
    -------
    tuple of float
        Places that lie more than 0.02 eV below the highest point on either side.

    Examples
    --------
    >>> hollows(np.arange(5.0), np.array([0.0, 0.3, 0.1, 0.4, 0.0]))
    (2.0,)
    """
    before, after = np.maximum.accumulate(energies_ev), np.maximum.accumulate(energies_ev[::-1])[::-1]
    depth = np.minimum(before, after) - energies_ev
    is_least = np.r_[False, (energies_ev[1:-1] < energies_ev[:-2]) & (energies_ev[1:-1] <= energies_ev[2:]), False]
    return tuple(float(one) for one in path[is_least & (depth > _HOLLOW_EV)])


def _at_rest(start: Atoms, which: str, surface: Surface, settings: BandSettings) -> Atoms:
    atoms, is_at_rest, _ = relaxed(
        start, surface, "atoms", fmax_ev_per_angstrom=settings.fmax_ev_per_angstrom, max_steps=settings.max_steps,
        name=f"the {which} end",
    )  # fmt: skip
    if not is_at_rest:
        raise HopFailure(
            f"The {which} end is not at rest after {settings.max_steps} steps; raise --max-steps, and give the command again."
        )
    _freeze(atoms, float(atoms.get_potential_energy()), atoms.get_forces())
    return atoms


def _interpolate(band: Any) -> None:
    """Images on the path of the image-dependent pair potential."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        band.interpolate(method="idpp", mic=True)


def _freeze(atoms: Atoms, energy_ev: float, forces: NDArray[np.float64]) -> None:
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms.calc = SinglePointCalculator(atoms, energy=energy_ev, forces=forces)


def _merged_sentence(merged: Sequence[int]) -> str:
    pairs = ", ".join(f"{place} and {place + 1}" for place in merged)
    return f"Images {pairs} of the band merge (0 is the first end): the path has collapsed; give fewer --images, or a hop between other sites."


def _band_of(images: Sequence[Atoms], ion: int, residual: float, settings: BandSettings) -> Band:
    from ase.utils.forcecurve import fit_images

    positions = np.array([image.positions for image in images])
    energies = np.array([image.get_potential_energy() for image in images])
    fit = fit_images(images)
    path, fit_path = np.array(fit.path), np.array(fit.fit_path)
    fit_energies = np.array(fit.fit_energies)
    top, reaction = float(fit_energies.max()), float(energies[-1] - energies[0])
    is_converged = residual < settings.fmax_ev_per_angstrom
    notes = []
    if not is_converged:
        notes.append(
            f"The band is not at rest after {settings.max_steps} steps (a force of {residual:.2f} eV/angstrom is left): its barrier is no result. Raise "
            "--max-steps, and give the command again."
        )
    if int(fit_energies.argmax()) in (0, len(fit_energies) - 1):
        notes.append("An end is the highest point of the path: the hop has no barrier of its own on that side.")
    elif abs(top - float((energies - energies[0]).max())) > _FAR_FROM_IMAGE_EV:
        notes.append(
            f"The top of the curve lies {top - float((energies - energies[0]).max()):.2f} eV above the highest image; give more --images."
        )
    found = hollows(path, energies)
    if found:
        places = ", ".join(f"{place:.1f}" for place in found)
        notes.append(
            f"The path has a minimum of its own at {places} of {path[-1]:.1f} angstrom: it is more than one hop, and the barrier is that of the highest."
        )
    return Band(
        positions=positions,
        energies_ev=energies,
        path_angstrom=path,
        fit_path_angstrom=fit_path,
        fit_energies_ev=fit_energies,
        forward_barrier_ev=top,
        backward_barrier_ev=top - reaction,
        reaction_energy_ev=reaction,
        path_length_angstrom=float(path[-1]),
        ion_path_angstrom=float(np.linalg.norm(np.diff(positions[:, ion], axis=0), axis=1).sum()),
        residual_ev_per_angstrom=residual,
        is_converged=is_converged,
        notes=tuple(notes),
    )
