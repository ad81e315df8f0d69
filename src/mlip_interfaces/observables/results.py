"""What analyses give: numbers with errors that print themselves, become JSON, tables and a figure, and know their origin."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlip_interfaces.observables.provenance import Provenance

if TYPE_CHECKING:
    from mlip_interfaces.figures import Figure
    from mlip_interfaces.observables.request import Settings


class Table(NamedTuple):
    """A table of a result.

    Attributes
    ----------
    columns : sequence of str
        Names, with units.
    rows : iterable of sequences
        Cells as they are written.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


class Headline(NamedTuple):
    """A number that a scan draws against the thickness of the coating.

    Attributes
    ----------
    quantity : str
        What it is, with its unit.
    value : float
        The number.
    error : float
        Its standard error.
    """

    quantity: str
    value: float
    error: float


class Result(ABC):
    """Base of all results; children are frozen dataclasses with read-only arrays.

    Attributes
    ----------
    request : Request
        The settings behind it.
    """

    __slots__ = ()

    request: Settings

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Content of the JSON file, less its provenance.

        Returns
        -------
        content : dict
            Plain numbers, texts, lists and mappings; None for what is not a number.
        """

    def tables(self) -> dict[str, Table]:
        """Tables, by the end of their file's name.

        Returns
        -------
        tables : dict of str to Table
            An empty key is the table ``NAME.csv``; ``depth`` is ``NAME_depth.csv``.
        """
        return {}

    def texts(self) -> dict[str, Callable[[], str]]:
        """Files besides JSON, tables and figure.

        Returns
        -------
        texts : dict of str to callable
            Suffix, as ``.cube``, to what makes all of the file.
        """
        return {}

    def headlines(self) -> list[Headline]:
        """Numbers to compare between runs.

        Returns
        -------
        headlines : list of Headline
            None by default.
        """
        return []

    def lines(self) -> list[str]:
        """The result in sentences for a terminal: value, error, sample size.

        Returns
        -------
        lines : list of str
            One for each number that matters.
        """
        return [f"{headline.quantity}: {measured(headline.value, headline.error)}" for headline in self.headlines()]

    def draw(self) -> Figure | None:
        """The figure, drawn with whatever look is set.

        Returns
        -------
        figure : matplotlib.figure.Figure or None
            None where the result has no figure.
        """
        return None

    def plot(self) -> Figure | None:
        """The figure, in the look of all figures here.

        Returns
        -------
        figure : matplotlib.figure.Figure or None
            None where the result has no figure.
        """
        from mlip_interfaces.figures.style import look

        with look():
            return self.draw()

    def content(self, name: str, origin: dict[str, object]) -> dict[str, object]:
        """Content of the JSON file.

        Parameters
        ----------
        name : str
            Of the files.
        origin : dict
            Where the result comes from.

        Returns
        -------
        content : dict
            Numbers, sentences, the names of other files, and the origin with the resolved settings.
        """
        files = [f"{name}{suffix}" for suffix in self.texts()]
        return (
            self.to_dict()
            | {"summary": self.lines()}
            | ({"file": files[0]} if files else {})
            | {"provenance": origin | {"request": {"kind": self.request.kind} | self.request.settings()}}
        )

    def write(self, folder: Path | str, name: str, content: dict[str, object]) -> None:
        """Write JSON, tables, figure and other files of one result.

        Parameters
        ----------
        folder : path
            Made if it does not exist.
        name : str
            Of the files.
        content : dict
            Of the JSON file.
        """
        from mlip_interfaces.files import write_csv, write_json, write_text

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for end, table in self.tables().items():
            write_csv(folder / (f"{name}_{end}.csv" if end else f"{name}.csv"), *table)
        for suffix, text in self.texts().items():
            write_text(folder / f"{name}{suffix}", text())
        write_json(folder / f"{name}.json", content)
        figure = self.plot()
        if figure is not None:
            from mlip_interfaces.figures.style import save_figure

            save_figure(figure, folder, name)

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.request.settings().items() if value is not None)
        return "\n".join([f"{self.request.kind} ({settings})", *(f"  {line}" for line in self.lines())])


@dataclass(frozen=True, slots=True)
class Results(Mapping[str, Result]):
    """What one pass over a trajectory gave, by the name of each request.

    Attributes
    ----------
    found : dict of str to Result
        Results that are there.
    absent : dict of str to str
        Name of a request, or name and part of it -> why there is no result.
    notes : tuple of str
        About the file and the settings, in sentences.
    times_ps : (n_frames,) float array, ps
        Of the frames analysed.
    mean_cell : (3, 3) float array, angstrom
        Mean over frames.
    provenance : Provenance
        Files, frames and settings behind all results.
    """

    found: dict[str, Result]
    absent: dict[str, str]
    notes: tuple[str, ...]
    times_ps: NDArray[np.float64]
    mean_cell: NDArray[np.float64]
    provenance: Provenance

    def __getitem__(self, name: str) -> Result:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def kinds(self) -> dict[str, str]:
        """Kind of each result.

        Returns
        -------
        kinds : dict of str to str
            Name -> kind.
        """
        return {name: result.request.kind for name, result in self.found.items()}

    def contents(self) -> dict[str, dict[str, object]]:
        """Content of the JSON file of each result, with its provenance.

        Returns
        -------
        contents : dict of str to dict
            Name -> content.
        """
        origin = self.provenance.to_json()
        return {name: result.content(name, origin) for name, result in self.found.items()}

    def write(self, folder: Path | str) -> dict[str, dict[str, object]]:
        """Write JSON, tables and figures of all results.

        Parameters
        ----------
        folder : path
            Made if it does not exist.

        Returns
        -------
        contents : dict of str to dict
            Name -> content of its JSON file.
        """
        contents = self.contents()
        for name, result in self.found.items():
            result.write(folder, name, contents[name])
        return contents

    def __str__(self) -> str:
        parts = [str(self.provenance), *(str(result) for result in self.found.values())]
        parts += [f"{name}: absent: {why}" for name, why in self.absent.items()]
        return "\n".join([*parts, *self.notes])


def number(value: float) -> float | None:
    """A number for JSON, which has no infinities.

    Parameters
    ----------
    value : float
        Any.

    Returns
    -------
    value : float or None
        None where it is not finite.
    """
    return float(value) if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Lists and numbers for JSON.

    Parameters
    ----------
    value : object
        An array, a list, a number, or what JSON has anyway.

    Returns
    -------
    value : object
        The same without arrays; None for what is not a finite number.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return number(value) if isinstance(value, float) else value


def measured(value: float, error: float) -> str:
    """A value with its standard error, to two digits of the error.

    Parameters
    ----------
    value : float
        The number.
    error : float
        Its standard error.

    Returns
    -------
    text : str
        As in ``1.25 ± 0.03``; without an error where that is zero or not finite.

    Examples
    --------
    >>> measured(1.2534, 0.031), measured(2.5e-6, 4e-7), measured(3.0, 0.0), measured(0.0, 0.22)
    ('1.253 ± 0.031', '2.50e-06 ± 4.0e-07', '3', '0.00 ± 0.22')
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0.0):
        return f"{value:.4g}"
    if not 1e-3 <= max(abs(value), error) < 1e5:
        digits = max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 1) if value else 1
        return f"{value:.{digits}e} ± {error:.1e}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def read_only(value: object) -> None:
    """Make the arrays of a result, and of the dataclasses, lists and mappings in it, read-only.

    Parameters
    ----------
    value : object
        A result or a part of one.
    """
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            read_only(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            read_only(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            read_only(item)
