"""Section ``labels.dft``: the settings of VASP, GPAW, CP2K and ABACUS, and one map of elements for all of them.

The defaults are those of the a-LiF coating study (PBE, 520 eV, Gamma, not spin-polarised); U is nowhere unless the
study says so.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, JsonValue, model_validator

from mlip_interfaces.settings import Convergence, Count, Energy, EnergyCutoff, GridCutoff, Moment, Section

CodeName = Literal["vasp", "gpaw", "cp2k", "abacus"]
DFT_CODES: tuple[CodeName, ...] = get_args(CodeName)
ORBITALS = "spdf"

KPoints = Annotated[int, Field(ge=1, le=1000)]

DEFAULT_CUTOFF_EV = {"vasp": 520.0, "gpaw": 700.0, "abacus": 1360.57}
"""Plane waves, eV; GPAW's stress wants more than VASP's, ABACUS' 100 Ry go with its orbital files."""

LOWEST_GPAW_CUTOFF_EV = 600.0
"""Virial of rock-salt LiF, 8 moved atoms, trace: -15.5 eV at 500 eV, -4.6 at 600, -5.4 at 700, -6.5 at 900 (measured)."""

# VASP: the POTCARs of the coating study. CP2K: GTH potentials of BASIS_MOLOPT's short-range sets. ABACUS: SG15 and its
# orbitals of 100 Ry. Each with its number of valence electrons.
_DEFAULTS: dict[str, dict[str, tuple[str, str | None, int]]] = {
    "vasp": {
        "Li": ("Li_sv", None, 3), "Co": ("Co", None, 9), "O": ("O", None, 6), "F": ("F", None, 7),
        "P": ("P", None, 5), "S": ("S", None, 6), "Cl": ("Cl", None, 7),
    },
    "cp2k": {
        symbol: (f"GTH-PBE-q{valence}", f"DZVP-MOLOPT-SR-GTH-q{valence}", valence)
        for symbol, valence in {"Li": 3, "Co": 17, "O": 6, "F": 7, "P": 5, "S": 6, "Cl": 7}.items()
    },
    "abacus": {
        symbol: (f"{symbol}_ONCV_PBE-1.0.upf", f"{symbol}_gga_{orbitals}.orb", valence)
        for symbol, orbitals, valence in (
            ("Li", "7au_100Ry_4s1p", 3), ("Co", "8au_100Ry_4s2p2d1f", 17), ("O", "7au_100Ry_2s2p1d", 6),
            ("F", "7au_100Ry_2s2p1d", 7), ("P", "7au_100Ry_2s2p1d", 5), ("S", "7au_100Ry_2s2p1d", 6),
            ("Cl", "7au_100Ry_2s2p1d", 7),
        )
    },
}  # fmt: skip

# Tags that the section's own keys or the element map decide: writing them twice would let them disagree.
_OWN_TAGS: dict[str, frozenset[str]] = {
    "INCAR": frozenset(
        [
            "LDAU",
            "LDAUTYPE",
            "LDAUL",
            "LDAUU",
            "LDAUJ",
            "MAGMOM",
            "ISPIN",
            "ENCUT",
            "EDIFF",
            "NELM",
            "SIGMA",
            "GGA",
            "NSW",
            "IBRION",
            "ISIF",
            "KSPACING",
            "KGAMMA",
        ]
    ),
    "INPUT": frozenset(
        [
            "calculation",
            "basis_type",
            "ntype",
            "suffix",
            "nspin",
            "ecutwfc",
            "scf_nmax",
            "scf_thr",
            "smearing_sigma",
            "dft_functional",
            "dft_plus_u",
            "orbital_corr",
            "hubbard_u",
            "pseudo_dir",
            "orbital_dir",
            "stru_file",
            "kpoint_file",
            "kspacing",
            "gamma_only",
            "cal_force",
            "cal_stress",
        ]
    ),
    "GPAW": frozenset(["mode", "xc", "setups", "kpts", "occupations", "spinpol", "maxiter", "txt", "convergence"]),
}
_CODE_OF_EXTRA: dict[str, CodeName] = {"INCAR": "vasp", "INPUT": "abacus", "GPAW": "gpaw"}

# They share the work out and leave the numbers alone, so that they are no part of the settings hash.
PARALLEL_TAGS = frozenset(
    ["NCORE", "NPAR", "KPAR", "NSIM", "LPLANE", "LSCALU", "NWRITE", "kpar", "bndpar", "ks_solver", "nb2d", "parallel"]
)


class Pseudopotential(Section):
    """Pseudopotential or PAW data of an element, by code."""

    vasp: str | None = Field(None, description="POTCAR, as in Li_sv.")
    cp2k: str | None = Field(None, description="GTH potential, as in GTH-PBE-q3.")
    abacus: str | None = Field(None, description="File in pseudopotential_dir.")
    sha256: str | None = Field(None, description="Hash that the file must have (VASP, ABACUS).")


class BasisSet(Section):
    """Basis of an element, for the codes that work with local orbitals."""

    cp2k: str | None = Field(None, description="Name in BASIS_MOLOPT, as in DZVP-MOLOPT-SR-GTH-q3.")
    abacus: str | None = Field(None, description="Orbital file in pseudopotential_dir.")


class ElementDft(Section):
    """What one element needs."""

    hubbard_u_ev: Energy = Field(0.0, description="U minus J of Dudarev's PBE+U, eV; 0 for none.")
    hubbard_orbital: Literal["s", "p", "d", "f"] | None = Field(None, description="Shell that U acts on.")
    moment: Moment = Field(0.0, description="Initial magnetic moment, Bohr magnetons; used if spin_polarised.")
    pseudopotential: Pseudopotential = Field(default_factory=lambda: Pseudopotential())
    basis: BasisSet = Field(default_factory=lambda: BasisSet())
    valence: int | None = Field(
        None, ge=1, le=118, description="Valence electrons, checked against the pseudopotential."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.hubbard_u_ev > 0 and self.hubbard_orbital is None:
            raise ValueError("hubbard_u_ev needs hubbard_orbital (s, p, d or f)")
        return self

    @property
    def has_u(self) -> bool:
        """Whether U acts on this element."""
        return self.hubbard_u_ev > 0

    @property
    def angular_momentum(self) -> int:
        """Of the shell that U acts on; -1 for none."""
        return ORBITALS.index(self.hubbard_orbital) if self.has_u and self.hubbard_orbital else -1


class Dft(Section):
    """A density functional calculation: one point, energy, forces and stress."""

    functional: Literal["PBE", "PBEsol"] = "PBE"
    plane_wave_cutoff_ev: EnergyCutoff | None = Field(
        None, description="Default: VASP 520, GPAW 700 (its stress needs it), ABACUS 1360.57 (100 Ry)."
    )
    grid_cutoff_ry: GridCutoff = Field(500.0, description="CP2K's density grid.")
    relative_cutoff_ry: GridCutoff = Field(50.0, description="CP2K's grid for the Gaussians.")
    kpoints: tuple[KPoints, KPoints, KPoints] = Field((1, 1, 1), description="Grid with the Gamma point.")
    spin_polarised: bool = False
    smearing_ev: Energy = Field(
        0.05, description="Width: Gaussian in VASP and ABACUS, Fermi-Dirac in GPAW and CP2K; CP2K also takes 0."
    )
    energy_convergence_ev: Convergence = Field(1e-5, description="Change of the energy at which the SCF ends.")
    max_scf_steps: int = Field(120, ge=1, le=100_000, description="A label that needs more is refused.")
    elements: dict[str, ElementDft] = Field(
        default_factory=dict,
        description="The map. Elements of the shipped studies need no entry unless U acts on them.",
    )
    command: str | None = Field(
        None,
        description="Runs the code, as in `srun vasp_std`, `mpiexec -n 4 cp2k.psmp`; for GPAW a Python that has it. Found when left out.",
    )
    cores: Count | None = Field(
        None, description="Cores the command uses, for the account; Slurm's allocation or 1 when left out."
    )
    pseudopotential_dir: str | None = Field(
        None,
        description="Relative to the study's folder. Default: the environment's VASP_PP_PATH, CP2K_DATA_DIR or ABACUS_PP_PATH.",
    )
    extra: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict, description="Further tags as they stand: INCAR (VASP), INPUT (ABACUS), GPAW (keywords)."
    )

    @model_validator(mode="after")
    def _extra_tags(self) -> Self:
        for file, tags in self.extra.items():
            if file not in _OWN_TAGS:
                raise ValueError(f"extra: '{file}' is not one of {', '.join(_OWN_TAGS)}")
            own = sorted(tag for tag in tags if {tag, tag.upper(), tag.lower()} & _OWN_TAGS[file])
            if own:
                raise ValueError(f"extra.{file}.{own[0]} is decided by other keys of labels.dft; set it there")
        return self

    def cutoff_ev(self, code: str) -> float:
        """Plane-wave cutoff of a code, eV.

        Parameters
        ----------
        code : str
            Name of the code.

        Returns
        -------
        float, eV
            The study's, or the default of the code.
        """
        return self.plane_wave_cutoff_ev if self.plane_wave_cutoff_ev is not None else DEFAULT_CUTOFF_EV[code]

    def tags(self, file: str) -> dict[str, JsonValue]:
        """Extra tags of one file.

        Parameters
        ----------
        file : str
            Name of the input file.

        Returns
        -------
        dict of str to JSON value
            Empty where the study gives none.
        """
        return dict(self.extra.get(file, {}))


def default_element(symbol: str, code: str) -> ElementDft:
    """What is shipped for an element and a code; empty where nothing is.

    Parameters
    ----------
    symbol : str
        Chemical symbol.
    code : str
        Name of the code.

    Returns
    -------
    ElementDft
        With a pseudopotential, a basis and valence electrons where they are known.
    """
    shipped = _DEFAULTS.get(code, {}).get(symbol)
    if shipped is None:
        return ElementDft()
    potential, basis, valence = shipped
    return ElementDft.model_validate(
        {
            "pseudopotential": {code: potential},
            "basis": {code: basis} if basis else {},
            "valence": valence,
        }
    )


def resolved(dft: Dft, code: str, symbols: tuple[str, ...]) -> Dft:
    """The settings with every element spelled out and nothing of other codes, checked for a code.

    Parameters
    ----------
    dft : Dft
        As in the study.
    code : str
        Code that will run them.
    symbols : tuple of str
        Elements of the study.

    Raises
    ------
    ValueError
        If the map lacks something the code needs, or the code cannot do what is asked.
    """
    unknown = [symbol for symbol in dft.elements if symbol not in symbols]
    if unknown:
        raise ValueError(f"dft.elements.{unknown[0]}: that element is not in `elements` ({', '.join(symbols)})")
    elements = {symbol: _resolved_element(dft.elements.get(symbol, ElementDft()), symbol, code) for symbol in symbols}
    _check_code(dft, code, elements)
    return dft.model_copy(
        update={
            "elements": elements,
            "plane_wave_cutoff_ev": dft.cutoff_ev(code) if code in DEFAULT_CUTOFF_EV else dft.plane_wave_cutoff_ev,
            "extra": {file: tags for file, tags in dft.extra.items() if _CODE_OF_EXTRA[file] == code},
        }
    )


def _resolved_element(given: ElementDft, symbol: str, code: str) -> ElementDft:
    shipped = default_element(symbol, code)
    if code == "gpaw":
        return given.model_copy(update={"pseudopotential": Pseudopotential(), "basis": BasisSet()})
    potential = getattr(given.pseudopotential, code)
    name = potential or getattr(shipped.pseudopotential, code)
    if name is None:
        raise ValueError(f"dft.elements.{symbol}.pseudopotential.{code} is missing: nothing is shipped for {symbol}")
    basis = None
    if code in BasisSet.model_fields:
        basis = getattr(given.basis, code) or getattr(shipped.basis, code)
        if basis is None:
            raise ValueError(f"dft.elements.{symbol}.basis.{code} is missing: nothing is shipped for {symbol}")
    # The shipped number of electrons goes with the shipped pseudopotential only.
    valence = given.valence or (
        shipped.valence if potential in (None, getattr(shipped.pseudopotential, code)) else None
    )
    return given.model_copy(
        update={
            "pseudopotential": Pseudopotential.model_validate({code: name, "sha256": given.pseudopotential.sha256}),
            "basis": BasisSet.model_validate({code: basis}) if basis else BasisSet(),
            "valence": valence,
        }
    )


def _check_code(dft: Dft, code: str, elements: dict[str, ElementDft]) -> None:
    with_u = [symbol for symbol, element in elements.items() if element.has_u]
    if dft.spin_polarised and not any(element.moment for element in elements.values()):
        raise ValueError("dft.spin_polarised is true, but no element has a moment, so that no spin would ever form")
    if code == "gpaw" and dft.functional != "PBE":
        raise ValueError("dft.functional must be PBE for GPAW")
    if code == "gpaw" and dft.cutoff_ev(code) < LOWEST_GPAW_CUTOFF_EV:
        raise ValueError(
            f"dft.plane_wave_cutoff_ev is {dft.cutoff_ev(code):g}, where GPAW's stress means nothing; give 600 or, better, 700 and more"
        )
    if code != "cp2k":
        if dft.smearing_ev == 0:
            raise ValueError("dft.smearing_ev must be above 0 for this code")
        return
    if dft.kpoints != (1, 1, 1) and with_u:
        raise ValueError("dft.kpoints must be [1, 1, 1] for CP2K with U: its DFT+U has no k-points; take a larger cell")
    if any(number % 2 == 0 for number in dft.kpoints):
        raise ValueError("dft.kpoints must be odd for CP2K: its even grids miss the Gamma point")
