"""Conductivities from runs at several temperatures: means over runs, Haven ratios, lines through temperatures, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaincc, ndtri, stdtrit

from mlip_interfaces.analysis.arrhenius import ArrheniusFit, arrhenius_fit, nernst_einstein_s_per_cm
from mlip_interfaces.analysis.replicas import Replicas
from mlip_interfaces.errors import AnalysisError
from mlip_interfaces.units import S_TO_MS

_NORMAL_95 = float(ndtri(0.975))
NO_LINE = 0.05
"""Probability below which the scatter about a line is more than the errors of its points explain."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number that runs give.

    Attributes
    ----------
    value, error : float
        Mean and its standard error.
    low, high : float
        Ends of the 95 % interval.
    """

    value: float
    error: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether it is more than two standard errors above zero."""
        return self.value > 2.0 * self.error

    def times(self, factor: float) -> Estimate:
        """The same in another unit.

        Parameters
        ----------
        factor : float
            Not negative.

        Returns
        -------
        Estimate
            All of it multiplied.
        """
        return Estimate(self.value * factor, self.error * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class IonMotion:
    """How the ions of one element move in one run.

    Attributes
    ----------
    n_ions : int
        In the cell.
    charge : float, e
        Of one.
    diffusivity : Estimate, cm^2/s
        Tracer diffusivity; where it is not diffusive, the upper end of the interval is a bound.
    because : tuple of str
        Why it is not diffusive; empty where it is.
    run_at_least_ps : float, ps
        Length of a run that would tell; not a number where this one does, or none would.
    """

    n_ions: int
    charge: float
    diffusivity: Estimate
    because: tuple[str, ...] = ()
    run_at_least_ps: float = float("nan")


@dataclass(frozen=True, slots=True)
class RunTransport:
    """What one run gives.

    Attributes
    ----------
    name : str
        Of the run.
    temperature_kelvin : float, K
        Of its thermostat.
    volume_angstrom3 : float, angstrom^3
        Of its cell, mean.
    ions : mapping of str to IonMotion
        By element; all that carry current.
    conductivity : Estimate, S/cm
        From the collective displacement of these ions.
    """

    name: str
    temperature_kelvin: float
    volume_angstrom3: float
    ions: Mapping[str, IonMotion]
    conductivity: Estimate

    @property
    def diffusive(self) -> bool:
        """Whether all ions are."""
        return not any(one.because for one in self.ions.values())


@dataclass(frozen=True, slots=True)
class TemperatureTransport:
    """All runs at one temperature.

    Attributes
    ----------
    temperature_kelvin : float, K
        Of the runs.
    n_runs, n_diffusive : int
        Runs, and those among them whose ions are diffusive.
    run_at_least_ps : float, ps
        Length of runs that would tell of all that is not diffusive yet; not a number where nothing is, and where motion is driven: no length tells
        then, and upper ends of intervals bound nothing.
    volume_angstrom3 : float, angstrom^3
        Mean over runs.
    diffusivities : mapping of str to Estimate, cm^2/s
        By element.
    nernst_einstein, conductivity : Estimate, mS/cm
        Of independent ions, and from the collective displacement.
    haven_ratio : Estimate or None
        Nernst-Einstein over collective; None where the latter may be zero, or the ions are not diffusive.
    """

    temperature_kelvin: float
    n_runs: int
    n_diffusive: int
    run_at_least_ps: float
    volume_angstrom3: float
    diffusivities: Mapping[str, Estimate]
    nernst_einstein: Estimate
    conductivity: Estimate
    haven_ratio: Estimate | None

    @property
    def is_point(self) -> bool:
        """Whether it may be a point of a line: most runs are diffusive."""
        return 2 * self.n_diffusive > self.n_runs

    @property
    def is_bound(self) -> bool:
        """Whether it is no point, and bounds a line."""
        return bool(np.isfinite(self.run_at_least_ps)) and not self.is_point


@dataclass(frozen=True, slots=True)
class Line:
    """D = D_0 exp(-E_a / kT) through temperatures, and what it says of another one.

    Attributes
    ----------
    fit : ArrheniusFit
        Errors as those of the points give them.
    temperatures_kelvin : tuple of float, K
        Of the points.
    probability : float
        That points scatter as much about the line by chance; not a number of two points.
    half_95 : float
        Half of a 95 % interval in standard errors of the fit: 1.96, or more where the points scatter more than their errors say.
    disagreeing_kelvin : tuple of float, K
        Temperatures whose bound lies below the line's interval.
    """

    fit: ArrheniusFit
    temperatures_kelvin: tuple[float, ...]
    probability: float
    half_95: float
    disagreeing_kelvin: tuple[float, ...]

    @property
    def activation_energy_ev(self) -> Estimate:
        """E_a, eV."""
        value, error = self.fit.activation_energy_ev, self.fit.activation_energy_error_ev
        return Estimate(value, error, value - self.half_95 * error, value + self.half_95 * error)

    def at(self, temperature_kelvin: float) -> Estimate:
        """D at a temperature; the interval is even in log D.

        Parameters
        ----------
        temperature_kelvin : float, K
            Any.

        Returns
        -------
        Estimate, cm^2/s
            With half of the interval of one standard error as its error.
        """
        value, low, high = self.fit.diffusivity(temperature_kelvin)
        factor = float((high / low) ** (0.5 * self.half_95))
        return Estimate(value, (high - low) / 2.0, value / factor, value * factor)


def mean_estimate(estimates: Sequence[Estimate], diffusive: Sequence[bool]) -> Estimate:
    """Mean of runs that differ by chance alone.

    Parameters
    ----------
    estimates : sequence of Estimate
        Of each run, one at least.
    diffusive : sequence of bool
        Of each run, whether its motion is known to last.

    Returns
    -------
    Estimate
        With the error of `Replicas`. Where runs are not diffusive, the interval reaches as far as theirs do on average: what their
        length hides, their number does not show.

    Examples
    --------
    >>> one = Estimate(2.0, 0.5, 0.9, 3.1)
    >>> mean_estimate([one], [True]) == one
    True
    >>> found = mean_estimate([one, Estimate(2.2, 0.5, 0.1, 3.3)], [True, False])
    >>> found.value, round(found.low, 3)
    (2.1, 0.5)
    """
    runs = Replicas(tuple(one.value for one in estimates), tuple(one.error for one in estimates))
    if len(estimates) == 1:
        return estimates[0]
    low, high = runs.interval()
    if not all(diffusive):
        low = min(low, float(np.mean([one.low for one in estimates])))
        high = max(high, float(np.mean([one.high for one in estimates])))
    return Estimate(runs.mean, runs.error, low, high)


def nernst_einstein(run: RunTransport) -> Estimate:
    """Conductivity of independent ions, sum of n z^2 e^2 D / (V kT) over elements.

    Parameters
    ----------
    run : RunTransport
        With diffusivities.

    Returns
    -------
    Estimate, S/cm
        Errors of the elements as if they were independent; ends of the interval are sums of theirs.
    """
    parts = [
        one.diffusivity.times(
            nernst_einstein_s_per_cm(
                1.0, run.temperature_kelvin, n_ions=one.n_ions, volume_angstrom3=run.volume_angstrom3, charge=one.charge
            )
        )
        for one in run.ions.values()
    ]
    return sum_of(parts)


def of_temperature(runs: Sequence[RunTransport]) -> TemperatureTransport:
    """Means of runs of one crystal at one temperature.

    Parameters
    ----------
    runs : sequence of RunTransport
        One at least, with the same elements.

    Returns
    -------
    TemperatureTransport
        In mS/cm.

    Examples
    --------
    >>> motion = IonMotion(56, 1.0, Estimate(6.80754e-9, 1e-9, 5e-9, 8e-9))
    >>> run = RunTransport("a", 300.0, 12.98**3, {"Li": motion}, Estimate(5e-4, 1e-4, 3e-4, 7e-4))
    >>> found = of_temperature([run])
    >>> round(found.nernst_einstein.value, 3), round(found.haven_ratio.value, 2)
    (1.08, 2.16)
    """
    flags = [one.diffusive for one in runs]
    diffusivities = {
        name: mean_estimate([one.ions[name].diffusivity for one in runs], [not one.ions[name].because for one in runs])
        for name in runs[0].ions
    }
    needed = [ion.run_at_least_ps for one in runs for ion in one.ions.values() if ion.because]
    independent = mean_estimate([nernst_einstein(one) for one in runs], flags).times(S_TO_MS)
    together = mean_estimate([one.conductivity for one in runs], flags).times(S_TO_MS)
    found = TemperatureTransport(
        runs[0].temperature_kelvin,
        len(runs),
        sum(flags),
        # One that is not a number stays, wherever it stands.
        float(np.max(needed)) if needed else float("nan"),
        float(np.mean([one.volume_angstrom3 for one in runs])),
        diffusivities,
        independent,
        together,
        None,
    )
    if not found.is_point or not together.is_known or independent.value <= 0.0:
        return found
    return replace(found, haven_ratio=_ratio(independent, together))


def line_through(points: Mapping[float, Estimate], bounds: Mapping[float, float]) -> Line:
    """The line of diffusivities against temperature.

    Parameters
    ----------
    points : mapping of float to Estimate, K and cm^2/s
        By temperature; two at least, positive.
    bounds : mapping of float to float, K and cm^2/s
        What D is below at temperatures that are no points.

    Returns
    -------
    Line
        With intervals that hold the scatter of the points.

    Raises
    ------
    AnalysisError
        If there are fewer than two temperatures.

    Notes
    -----
    Weights are those of the errors. Where chi-squared is improbable (below 5 %), errors of the line are multiplied by
    sqrt(chi^2 / (n - 2)), and the interval is Student's with n - 2 degrees of freedom: either errors of points are too small, or the
    points are on no line.

    References
    ----------
    X. He, Y. Zhu, A. Epstein, Y. Mo, npj Comput. Mater. 4, 18 (2018).
    R. T. Birge, Phys. Rev. 40, 207 (1932), doi:10.1103/PhysRev.40.207.

    Examples
    --------
    >>> from mlip_interfaces.units import BOLTZMANN_EV_PER_K
    >>> exact = {T: 1e-3 * np.exp(-0.3 / (BOLTZMANN_EV_PER_K * T)) for T in (500.0, 700.0, 900.0)}
    >>> line = line_through({T: Estimate(D, 0.1 * D, 0.8 * D, 1.2 * D) for T, D in exact.items()}, {400.0: 2e-7})
    >>> round(line.activation_energy_ev.value, 6), round(line.half_95, 2), line.disagreeing_kelvin
    (0.3, 1.96, ())
    """
    if len(points) < 2:
        raise AnalysisError("A line needs two temperatures or more with a diffusivity.")
    kelvin = tuple(points)
    values, errors = (np.array([getattr(points[one], part) for one in kelvin]) for part in ("value", "error"))
    fit = arrhenius_fit(kelvin, values.tolist(), errors.tolist())
    expected = np.array([fit.diffusivity(one)[0] for one in kelvin])
    # As the fit weighs them: in log D.
    chi2 = float((((np.log(values) - np.log(expected)) * values / errors) ** 2).sum())
    freedom = len(kelvin) - 2
    probability = float(gammaincc(freedom / 2.0, chi2 / 2.0)) if freedom else float("nan")
    half = _NORMAL_95
    if freedom and probability < NO_LINE:
        half = float(stdtrit(freedom, 0.975)) * float(np.sqrt(chi2 / freedom))
    line = Line(fit, kelvin, probability, half, ())
    return replace(line, disagreeing_kelvin=tuple(one for one, bound in bounds.items() if line.at(one).low > bound))


def charge_diffusivity_factor(ions: Mapping[str, tuple[int, float]], volume_angstrom3: float, kelvin: float) -> float:
    """Conductivity of ions over their charge diffusivity, sum of n z^2 e^2 / (V kT).

    Parameters
    ----------
    ions : mapping of str to tuple of (int, float)
        Number in the volume and charge in e, by element.
    volume_angstrom3 : float, angstrom^3
        That they are in.
    kelvin : float, K
        Of the conductivity.

    Returns
    -------
    float, (mS/cm)/(cm^2/s)
        At 300 K, for 56 Li in a cube of 12.98 angstrom, 1.587e8.

    Examples
    --------
    >>> round(charge_diffusivity_factor({"Li": (56, 1.0)}, 12.98**3, 300.0) / 1.58701249732e8, 3)
    1.0
    """
    return S_TO_MS * sum(
        nernst_einstein_s_per_cm(1.0, kelvin, n_ions=number, volume_angstrom3=volume_angstrom3, charge=charge)
        for number, charge in ions.values()
    )


def sum_of(parts: Sequence[Estimate]) -> Estimate:
    """Sum of what elements give.

    Parameters
    ----------
    parts : sequence of Estimate
        Of each.

    Returns
    -------
    Estimate
        Errors as if they were independent; ends of the interval are sums of theirs.
    """
    return Estimate(
        sum(one.value for one in parts),
        float(np.sqrt(sum(one.error**2 for one in parts))),
        sum(one.low for one in parts),
        sum(one.high for one in parts),
    )


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    """Of two positive estimates as if they were independent, which is too wide for two of the same runs."""
    value = above.value / below.value
    relative = float(np.hypot(above.error / above.value, below.error / below.value))
    reach = [(one.high - one.low) / (2.0 * one.value) for one in (above, below)]
    half = float(np.exp(np.hypot(reach[0], reach[1])))
    return Estimate(value, value * relative, value / half, value * half)
