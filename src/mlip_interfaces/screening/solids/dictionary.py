"""Material files into materials, with sentences that name file, key and remedy; the dictionary that is shipped."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mlip_interfaces.errors import InputFileError
from mlip_interfaces.screening.solids.materials import (
    KINDS,
    MATERIAL,
    Anode,
    Cathode,
    Electrolyte,
    SpaceCharge,
    Stack,
    in_order,
)
from mlip_interfaces.screening.solids.reading import checked, read_mapping, read_section
from mlip_interfaces.shipped_files import shipped_materials

SHIPPED = ("Li", "LiPON", "LPO", "LLZO", "LPS", "LCO", "LNO", "LNCO", "LMO", "LNMO")
"""In the order of the paper."""
PUBLISHED_TABLE = "swift2021_table_1.csv"
"""Beside the shipped materials."""

_Model = TypeVar("_Model")


@dataclass(frozen=True, slots=True)
class PublishedStep:
    """A row of the published table.

    Attributes
    ----------
    cathode, electrolyte, soc : str
        Names and state of charge.
    delta_phi_cathode_v : float, V
        As printed.
    """

    cathode: str
    electrolyte: str
    soc: str
    delta_phi_cathode_v: float


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Materials by name.

    Attributes
    ----------
    anodes : dict of str to Anode
        In the order they were read, as the others.
    electrolytes : dict of str to Electrolyte
        Coatings and interphases among them.
    cathodes : dict of str to Cathode
        With their states.
    own : frozenset of str
        Names of those that are the user's, not the ones shipped.
    files : tuple of Path
        All that were read.
    """

    anodes: dict[str, Anode]
    electrolytes: dict[str, Electrolyte]
    cathodes: dict[str, Cathode]
    own: frozenset[str]
    files: tuple[Path, ...]

    def anode(self, name: str) -> Anode:
        """The anode of this name.

        Parameters
        ----------
        name : str
            As in its file.

        Returns
        -------
        Anode
            That is there.

        Raises
        ------
        InputFileError
            If none is called so; the message lists those that are.
        """
        return _named(self.anodes, name, "anode")

    def electrolyte(self, name: str) -> Electrolyte:
        """The electrolyte, coating or interphase of this name.

        Parameters
        ----------
        name : str
            As in its file.

        Returns
        -------
        Electrolyte
            That is there.

        Raises
        ------
        InputFileError
            If none is called so; the message lists those that are.
        """
        return _named(self.electrolytes, name, "electrolyte")

    def cathode(self, name: str) -> Cathode:
        """The cathode of this name.

        Parameters
        ----------
        name : str
            As in its file.

        Returns
        -------
        Cathode
            That is there.

        Raises
        ------
        InputFileError
            If none is called so; the message lists those that are.
        """
        return _named(self.cathodes, name, "cathode")


def _named(among: dict[str, _Model], name: str, kind: str) -> _Model:
    if name not in among:
        raise InputFileError(
            f"There is no {kind} '{name}'; known are {', '.join(among)}. Add a material file with --materials."
        )
    return among[name]


def load_dictionary(materials: Iterable[Path] = ()) -> Dictionary:
    """The shipped materials and the user's own.

    Parameters
    ----------
    materials : iterable of Path, optional
        Material files, and folders of them (``*.yaml``). One called as a shipped one takes its place.

    Returns
    -------
    Dictionary
        Of all.

    Raises
    ------
    InputFileError
        If a file is missing or wrong, a folder has none, or two files of the user's have one name.
    """
    files = material_files(materials)
    found: dict[str, Anode | Electrolyte | Cathode] = {}
    for file in files[: len(SHIPPED)]:
        material = load_material(file)
        found[material.name] = material
    own: dict[str, Path] = {}
    for file in files[len(SHIPPED) :]:
        material = load_material(file)
        if material.name in own:
            raise InputFileError(
                f"{file}: name: {own[material.name]} is called '{material.name}', too; give each its own name."
            )
        own[material.name] = file
        found[material.name] = material
    in_turn = found.values()
    return Dictionary(
        anodes={one.name: one for one in in_turn if isinstance(one, Anode)},
        electrolytes={one.name: one for one in in_turn if isinstance(one, Electrolyte)},
        cathodes={one.name: _sorted_states(one) for one in in_turn if isinstance(one, Cathode)},
        own=frozenset(own),
        files=files,
    )


def material_files(materials: Iterable[Path] = ()) -> tuple[Path, ...]:
    """The files that `load_dictionary` reads.

    Parameters
    ----------
    materials : iterable of Path, optional
        As given to it.

    Returns
    -------
    tuple of Path
        Shipped ones first.

    Raises
    ------
    InputFileError
        If a folder has none.
    """
    return (*(shipped_materials() / f"{name}.yaml" for name in SHIPPED), *_files_in(materials))


def _sorted_states(cathode: Cathode) -> Cathode:
    return cathode.model_copy(
        update={"states": dict(sorted(cathode.states.items(), key=lambda item: in_order(item[0])))}
    )


def _files_in(materials: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in materials:
        if path.is_dir():
            inside = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not inside:
                raise InputFileError(
                    f"{path} has no material file (*.yaml); add one, or give the folder that has them."
                )
            files += inside
        else:
            files.append(path)
    return files


def load_material(file: Path) -> Anode | Electrolyte | Cathode:
    """One material.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    Anode, Electrolyte or Cathode
        Checked.

    Raises
    ------
    InputFileError
        If it is missing, or a value is missing or impossible; one line for each.
    """
    content = read_mapping(file, "a material", "kind, name, formula, ...")
    model = KINDS.get(content.get("kind", "")) if isinstance(content.get("kind"), str) else None
    if model is None:
        raise InputFileError(
            f"{file}: kind must be anode, electrolyte or cathode; a coating or interphase is an electrolyte."
        )
    return checked(MATERIAL, model, content, file)


def load_stack(file: Path) -> Stack:
    """Names of the layers of a battery.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    Stack
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    return read_section(Stack, file, "a stack", "anode, layers, cathode, soc")


def load_space_charge(file: Path) -> SpaceCharge:
    """Inputs of a space-charge layer.

    Parameters
    ----------
    file : Path
        YAML.

    Returns
    -------
    SpaceCharge
        Checked.

    Raises
    ------
    InputFileError
        If it is missing or wrong.
    """
    return read_section(SpaceCharge, file, "a space-charge layer", "interface_potential_v, site_density_per_cm3, ...")


def published_steps() -> tuple[PublishedStep, ...]:
    """Table 1 of the paper that the shipped dictionary reconstructs, as printed.

    Returns
    -------
    tuple of PublishedStep
        43 rows.
    """
    lines = (shipped_materials() / PUBLISHED_TABLE).read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return tuple(
        PublishedStep(row["cathode"], row["electrolyte"], row["soc"], float(row["delta_phi_cathode_v"])) for row in rows
    )
