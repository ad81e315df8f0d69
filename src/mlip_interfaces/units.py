"""Constants and named conversions: the only place for factors.

Inside the package: LAMMPS *metal* units (angstrom, ps, eV, K, bar, elementary charge). CODATA 2018 values.
"""

from scipy import constants as _codata

BOLTZMANN_EV_PER_K = _codata.k / _codata.e
"""Boltzmann constant, eV/K."""

ANGSTROM2_PER_PS_TO_CM2_PER_S = 1.0e-4
"""1 angstrom^2/ps in cm^2/s."""

FS_TO_PS = 1.0e-3

AMU_PER_ANGSTROM3_TO_G_PER_CM3 = _codata.atomic_mass * 1.0e3 * 1.0e24
"""1 u/angstrom^3 in g/cm^3 (1.6605)."""

EV_TO_MEV = 1.0e3

E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM = _codata.e * 1.0e22 / 1.0e2
"""1 e^2/(eV angstrom ps) in S/cm (16.02): e / (V angstrom ps)."""

CM2_PER_S_TO_ANGSTROM2_PER_PS = 1.0 / ANGSTROM2_PER_PS_TO_CM2_PER_S

ANGSTROM_TO_BOHR = 1.0e-10 / _codata.physical_constants["Bohr radius"][0]

SECONDS_PER_HOUR = 3600.0
