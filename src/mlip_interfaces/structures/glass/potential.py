"""The potential of a melt-quench: Tosi-Fumi, a Deep Potential, or any LAMMPS pair style."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ase.data import atomic_masses, atomic_numbers

from mlip_interfaces.errors import StructureError
from mlip_interfaces.shipped_files import lammps_deck

TOSI_FUMI = "tosi-fumi"
TOSI_FUMI_FILE = "tosi_fumi_lif.lammps"
DEEP_POTENTIAL_SUFFIXES = (".pb", ".pth", ".pt2")

COMMANDS = frozenset(
    [
        "mass",
        "set",
        "pair_style",
        "pair_coeff",
        "pair_modify",
        "kspace_style",
        "kspace_modify",
        "dielectric",
        "special_bonds",
        "neighbor",
        "neigh_modify",
        "plugin",
        "variable",
    ]
)
_ELEMENTS = re.compile(r"#\s*elements:\s*(.+)", re.IGNORECASE)
_FILE_LIKE = re.compile(r".*[A-Za-z].*[./].*|.*[./].*[A-Za-z].*")
_CHARGE = re.compile(r"set\s+type\s+(\d+)\s+charge\s+(\S+)")


@dataclass(frozen=True, slots=True)
class QuenchPotential:
    """A potential as LAMMPS reads it, units metal.

    Attributes
    ----------
    name : str
        For messages and summaries.
    elements : tuple of str
        LAMMPS type i is the i-th of it; masses follow from it.
    atom_style : {'charge', 'atomic'}
        ``charge`` where the elements carry charges, else ``atomic``.
    lines : tuple of str
        LAMMPS commands after ``read_data``: charges, pair style, coefficients, long-range solver.
    charges : tuple of float, e
        Of the elements; empty without.
    files : tuple of Path
        Files that the lines name; their content is part of what made a layer.

    Examples
    --------
    >>> QuenchPotential.tosi_fumi().elements
    ('Li', 'F')
    >>> QuenchPotential.custom("soft", ["Li", "Cl"], ["pair_style zbl 3.0 4.0"], charges={"Li": 1, "Cl": -1}).atom_style
    'charge'
    """

    name: str
    elements: tuple[str, ...]
    atom_style: Literal["charge", "atomic"]
    lines: tuple[str, ...]
    charges: tuple[float, ...] = ()
    files: tuple[Path, ...] = ()

    @classmethod
    def tosi_fumi(cls) -> QuenchPotential:
        """LiF by Fumi and Tosi (1964)."""
        return _from_lines(TOSI_FUMI, lammps_deck(TOSI_FUMI_FILE))

    @classmethod
    def deep_potential(cls, file: Path, elements: Sequence[str]) -> QuenchPotential:
        """A frozen Deep Potential.

        Parameters
        ----------
        file : Path
            ``.pb`` (TensorFlow) or ``.pth`` (PyTorch).
        elements : sequence of str
            Of the compound; each must be in the model's type map.

        Returns
        -------
        QuenchPotential
            Without charges.

        Raises
        ------
        StructureError
            If there is no such file.
        """
        path = _existing(file)
        lines = (f"pair_style deepmd {path}", f"pair_coeff * * {' '.join(elements)}")
        return cls(path.name, tuple(elements), "atomic", lines, files=(path,))

    @classmethod
    def custom(
        cls, name: str, elements: Sequence[str], lines: Sequence[str], *, charges: Mapping[str, float] | None = None
    ) -> QuenchPotential:
        """Any LAMMPS pair style.

        Parameters
        ----------
        name : str
            For messages.
        elements : sequence of str
            LAMMPS type i is the i-th.
        lines : sequence of str
            ``pair_style``, ``pair_coeff``, ``pair_modify``, ``kspace_style`` and the like; types by number.
        charges : mapping of str to float, e, or None
            Of each element; leave out for a potential without.

        Returns
        -------
        QuenchPotential
            With the charges that were given, or that the lines set.

        Raises
        ------
        StructureError
            If an element is unknown or lacks a charge, a command is not one of a potential, or there is no pair style.
        """
        unknown = [symbol for symbol in elements if symbol not in atomic_numbers or symbol == "X"]
        if unknown or not elements:
            raise StructureError(
                f"The potential {name} has no elements, or unknown ones: {', '.join(unknown) or 'none'}."
            )
        charges = charges or {}
        missing = [symbol for symbol in elements if charges and symbol not in charges]
        if missing:
            raise StructureError(
                f"The potential {name} gives no charge to {', '.join(missing)}; give one to each element."
            )
        settings = [
            f"set type {number} charge {charges[symbol]:g}" for number, symbol in enumerate(elements, 1) if charges
        ]
        return _parsed(name, tuple(elements), [*settings, *lines], Path())

    @classmethod
    def from_file(cls, file: Path) -> QuenchPotential:
        """A file of LAMMPS commands with its elements in a comment ``# elements: Li S``.

        Parameters
        ----------
        file : Path
            Lines as in `custom`; files that they name are looked for beside it.

        Returns
        -------
        QuenchPotential
            Named as the file.

        Raises
        ------
        StructureError
            As `custom`, and if the file or the comment is missing, or it is no text.
        """
        return _from_lines(file.name, _existing(file))

    def with_masses(self) -> str:
        """What the deck includes: masses and the lines."""
        masses = [
            f"mass            {number} {atomic_masses[atomic_numbers[symbol]]:.6f}  # {symbol}"
            for number, symbol in enumerate(self.elements, 1)
        ]
        return "\n".join([*masses, *self.lines]) + "\n"

    def portable_text(self) -> str:
        """The potential as a file for `from_file`, in whose folder the files that it names must lie.

        Returns
        -------
        str
            Elements and commands.

        Raises
        ------
        StructureError
            If two files of different folders have one name.
        """
        names = [file.name for file in self.files]
        twice = [name for name in names if len({file for file in self.files if file.name == name}) > 1]
        if twice:
            raise StructureError(f"The potential {self.name} names two files called {twice[0]}; rename one of them.")
        text = "\n".join(self.lines)
        for file in self.files:
            text = text.replace(str(file), file.name)
        return f"# elements: {' '.join(self.elements)}\n{text}\n"

    def fingerprint(self) -> str:
        """Hash of the lines and of the files they name, whatever folder the files lie in."""
        text = "\n".join(self.lines)
        digest = hashlib.sha256(" ".join(self.elements).encode())
        for file in self.files:
            text = text.replace(str(file), file.name)
            digest.update(file.read_bytes())
        digest.update(text.encode())
        return digest.hexdigest()

    def refuse_compound(self, material: str, counts: Mapping[str, int]) -> None:
        """Refuse a compound with elements the potential lacks, or with a net charge.

        Parameters
        ----------
        material : str
            What the compound is called in the message.
        counts : mapping of str to int
            Atoms of each element in one formula unit.

        Raises
        ------
        StructureError
            Naming the elements that are missing, or the charge.
        """
        missing = [symbol for symbol in counts if symbol not in self.elements]
        if missing:
            raise StructureError(
                f"The potential {self.name} knows {', '.join(self.elements)}, not {', '.join(missing)} of {material}; name "
                "another one: a Deep Potential file or a file of LAMMPS pair style lines."
            )
        if self.charges:
            net = sum(self.charges[self.elements.index(symbol)] * number for symbol, number in counts.items())
            if abs(net) > 1e-6:
                raise StructureError(
                    f"A formula unit of {material} carries {net:+g} elementary charges with the charges of {self.name}; "
                    "correct the charges or the formula."
                )


def named_potential(text: str, elements: Sequence[str]) -> QuenchPotential:
    """Potential that a user means by a word or a file.

    Parameters
    ----------
    text : str
        ``tosi-fumi``, a Deep Potential file (by its ending), or a file of LAMMPS lines.
    elements : sequence of str
        Of the compound, for a Deep Potential.

    Returns
    -------
    QuenchPotential
        As `QuenchPotential.tosi_fumi`, `deep_potential` or `from_file` make it.

    Raises
    ------
    StructureError
        If it is none of them.
    """
    if text == TOSI_FUMI:
        return QuenchPotential.tosi_fumi()
    if Path(text).suffix in DEEP_POTENTIAL_SUFFIXES:
        return QuenchPotential.deep_potential(Path(text), elements)
    return QuenchPotential.from_file(Path(text))


def _existing(file: Path) -> Path:
    if not os.path.isfile(file):
        raise StructureError(
            f"There is no potential '{file}': give {TOSI_FUMI} (LiF), a Deep Potential (.pb, .pth) or a file of LAMMPS "
            "pair style lines."
        )
    return file.resolve()


def _from_lines(name: str, path: Path) -> QuenchPotential:
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise StructureError(
            f"{path} is no text file of LAMMPS commands; a Deep Potential ends in .pb or .pth."
        ) from error
    found = _ELEMENTS.search(text)
    if not found:
        raise StructureError(
            f"{path} does not say which element each atom type is: add a comment such as '# elements: Li S'."
        )
    return _parsed(name, tuple(found[1].split()), text.splitlines(), path.parent)


def _parsed(name: str, elements: tuple[str, ...], lines: Sequence[str], folder: Path) -> QuenchPotential:
    """Check the commands, read the charges, make the paths of files absolute."""
    kept, files = [], []
    charges: dict[int, float] = {}
    for line in lines:
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] not in COMMANDS:
            raise StructureError(
                f"The potential {name} has the line '{line.strip()}': only {', '.join(sorted(COMMANDS))} belong to one."
            )
        for index, word in enumerate(words[1:], 1):
            path = folder / word
            if words[0].startswith("pair_") and _FILE_LIKE.fullmatch(word) and path.is_file():
                words[index] = str(path.resolve())
                files.append(path.resolve())
        kept.append(" ".join(words))
        if found := _CHARGE.match(kept[-1]):
            charges[int(found[1])] = float(found[2])
    if not any(line.startswith("pair_style") for line in kept):
        raise StructureError(f"The potential {name} has no pair_style line.")
    wanted = set(range(1, len(elements) + 1))
    if charges and set(charges) != wanted:
        raise StructureError(
            f"The potential {name} must set a charge for each of its types 1 to {len(elements)}, or for none; it does for "
            f"{', '.join(map(str, sorted(charges)))}."
        )
    return QuenchPotential(
        name,
        elements,
        "charge" if charges else "atomic",
        tuple(kept),
        tuple(charges[number] for number in sorted(charges)),
        tuple(files),
    )
