"""Constants and named conversions: the only place for factors.

Inside the package: LAMMPS *metal* units (angstrom, ps, eV, K, bar, elementary charge). k, e and N_A are exact (SI), the
atomic mass constant, the Bohr radius and the permittivity of the vacuum are those of CODATA 2022.
"""

import math

_BOLTZMANN_J_PER_K = 1.380649e-23
_ELEMENTARY_CHARGE_C = 1.602176634e-19
_ATOMIC_MASS_KG = 1.66053906892e-27
_BOHR_RADIUS_M = 5.29177210544e-11
_VACUUM_PERMITTIVITY_F_PER_M = 8.8541878188e-12
_AVOGADRO_PER_MOL = 6.02214076e23

BOLTZMANN_EV_PER_K = _BOLTZMANN_J_PER_K / _ELEMENTARY_CHARGE_C
"""Boltzmann constant, eV/K."""

ANGSTROM2_PER_PS_TO_CM2_PER_S = 1.0e-4
"""1 angstrom^2/ps in cm^2/s."""

FS_TO_PS = 1.0e-3
PS_TO_NS = 1.0e-3

NM_TO_ANGSTROM = 10.0

AMU_PER_ANGSTROM3_TO_G_PER_CM3 = _ATOMIC_MASS_KG * 1.0e3 * 1.0e24
"""1 u/angstrom^3 in g/cm^3 (1.6605)."""

EV_TO_MEV = 1.0e3
S_TO_MS = 1.0e3

E2_PER_EV_ANGSTROM_PS_TO_S_PER_CM = _ELEMENTARY_CHARGE_C * 1.0e22 / 1.0e2
"""1 e^2/(eV angstrom ps) in S/cm (16.02): e / (V angstrom ps)."""

CM2_PER_S_TO_ANGSTROM2_PER_PS = 1.0 / ANGSTROM2_PER_PS_TO_CM2_PER_S

ANGSTROM_TO_BOHR = 1.0e-10 / _BOHR_RADIUS_M

EV_PER_ANGSTROM3_TO_BAR = _ELEMENTARY_CHARGE_C * 1.0e30 / 1.0e5
"""1 eV/angstrom^3 in bar (1.602e6)."""

BAR_TO_GPA = 1.0e-4

EV_PER_ANGSTROM2_TO_J_PER_M2 = _ELEMENTARY_CHARGE_C * 1.0e20
"""1 eV/angstrom^2 in J/m^2 (16.02)."""

COULOMB_EV_ANGSTROM = _ELEMENTARY_CHARGE_C * 1.0e10 / (4.0 * math.pi * _VACUUM_PERMITTIVITY_F_PER_M)
"""Energy of two elementary charges one angstrom apart, eV angstrom (14.40)."""

PER_CM3_TO_PER_ANGSTROM3 = 1.0e-24

PER_ANGSTROM2_PS_TO_MMOL_PER_CM2_S = 1.0e16 * 1.0e12 * 1.0e3 / _AVOGADRO_PER_MOL
"""1 atom/(angstrom^2 ps) in mmol/(cm^2 s) (1.661e7)."""

E_PER_ANGSTROM2_TO_E_PER_NM2 = NM_TO_ANGSTROM**2

E_PER_NM2_V_TO_UF_PER_CM2 = _ELEMENTARY_CHARGE_C * 1.0e14 * 1.0e6
"""1 e/(nm^2 V) in uF/cm^2 (16.02)."""

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0

LAMMPS_ANGSTROM = {
    "metal": 1.0,
    "real": 1.0,
    "electron": 1.0 / ANGSTROM_TO_BOHR,
    "si": 1.0e10,
    "cgs": 1.0e8,
    "micro": 1.0e4,
    "nano": 10.0,
}
"""Unit of length of each LAMMPS style of units, angstrom; reduced units (lj) have none."""

LAMMPS_PS = {
    "metal": 1.0,
    "real": FS_TO_PS,
    "electron": FS_TO_PS,
    "si": 1.0e12,
    "cgs": 1.0e12,
    "micro": 1.0e6,
    "nano": 1.0e3,
}
"""Unit of time of each LAMMPS style of units, ps."""
