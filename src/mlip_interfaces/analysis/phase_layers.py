"""Layers of phases along the depth: where the composition changes, what each layer is made of, how thick an interphase is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

VACUUM = "vacuum"
"""Name of a layer without atoms."""

MAX_SLICES = 600
"""That layers are looked for in: the search takes the square of it."""

THIN_ANGSTROM = 3.0
"""A layer is thicker than this, and so is a vacuum."""

ALIKE = 0.3
"""Two neighbouring layers are one where less than this share of their atoms is of other phases."""

NAMED = 0.2
"""Least share of the atoms of a layer that puts a phase into its name."""

BLUR_ANGSTROM = 1.0
"""Standard deviation of the Gaussian over which atoms are averaged for their shares: between two planes of a crystal are none."""

EMPTY = 0.02
"""Share of the mean density below which there is a vacuum."""


@dataclass(frozen=True, slots=True)
class PhaseLayer:
    """A layer of one composition.

    Attributes
    ----------
    phase : str
        Its phases with a fifth of its atoms or more, the most frequent first, as in ``Li3P + LixP``.
    from_angstrom, to_angstrom : float, angstrom
        Its planes, depths from the corner of the cell; the first is negative where a layer reaches through the boundary.
    shares : dict of str to float
        Share of its atoms in each phase, the most frequent first.
    n_atoms : int
        In it.
    """

    phase: str
    from_angstrom: float
    to_angstrom: float
    shares: dict[str, float]
    n_atoms: int

    @property
    def thickness_angstrom(self) -> float:
        """Between its planes, angstrom."""
        return self.to_angstrom - self.from_angstrom


def phase_layers(counts: NDArray[np.integer], names: Sequence[str], height_angstrom: float) -> tuple[PhaseLayer, ...]:
    r"""Layers of a periodic stack, in order.

    Parameters
    ----------
    counts : (n_slices, n_phases) int array
        Atoms of each phase in equal slices of the cell.
    names : sequence of str
        Of the phases.
    height_angstrom : float, angstrom
        Of the cell.

    Returns
    -------
    tuple of PhaseLayer
        They fill the cell.

    Notes
    -----
    The stack is cut where that makes it most likely that the atoms of each layer are drawn from one composition: the cuts
    minimise :math:`-\sum_l \sum_k n_{lk} \ln (n_{lk} / n_l) + 3 m \ln N` for :math:`m` layers, found by dynamic programming. What is
    thinner than 3 angstrom or like its neighbour is then no layer of its own, and each plane is moved to where it divides its two
    layers best.

    References
    ----------
    B. Jackson et al., IEEE Signal Process. Lett. 12, 105 (2005), for optimal partitioning.

    Examples
    --------
    >>> counts = np.zeros((40, 2), dtype=int)
    >>> counts[:15, 0] = counts[15:, 1] = 6
    >>> [(layer.phase, layer.from_angstrom, layer.to_angstrom) for layer in phase_layers(counts, ["Li", "Li2S"], 20.0)]
    [('Li', 0.0, 7.5), ('Li2S', 7.5, 20.0)]
    """
    width = height_angstrom / len(counts)
    table = _with_vacuum(np.asarray(counts, dtype=np.float64), width)
    whole = np.concatenate([np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)])
    planes = _cuts(whole, 3.0 * float(np.log(max(2.0, whole[-1].sum()))))
    before: list[int] = []
    while planes != before:
        before = planes
        planes = _refined(table, whole, _merged(whole, planes, THIN_ANGSTROM / width))
        if len(planes) == len(before):
            break
    all_names = [*names, VACUUM]
    bounds = list(zip(planes[:-1], planes[1:], strict=True))
    inside = [whole[stop] - whole[start] for start, stop in bounds]
    spans = [(start * width, stop * width) for start, stop in bounds]
    if len(bounds) > 1 and _difference(inside[0], inside[-1]) < ALIKE:
        inside[0] = inside[0] + inside.pop()
        spans[0] = (spans.pop()[0] - height_angstrom, spans[0][1])
    return tuple(_layer(content, span, all_names) for content, span in zip(inside, spans, strict=True))


def blurred_shares(counts: NDArray[np.integer] | NDArray[np.float64], width_angstrom: float) -> NDArray[np.float64]:
    """Share of each phase against depth, both its atoms and all atoms averaged with a Gaussian of 1 angstrom.

    Parameters
    ----------
    counts : (n_slices, n_phases) array
        Atoms of each phase in equal slices of a periodic cell.
    width_angstrom : float, angstrom
        Of a slice.

    Returns
    -------
    (n_slices, n_phases) float array
        They add up to one; all are zero in a vacuum.

    Examples
    --------
    >>> blurred_shares(np.array([[4, 0], [0, 0], [4, 0], [0, 0]]), 0.5).round(9)[:, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(
        np.asarray(counts, dtype=np.float64), BLUR_ANGSTROM / width_angstrom, axis=0, mode="wrap"
    )
    total = smooth.sum(axis=1, keepdims=True)
    return np.where(total > EMPTY * total.mean(), smooth / np.maximum(total, 1e-30), 0.0)


@dataclass(frozen=True, slots=True)
class InterphaseSpan:
    """A stretch in which no reactant has 90 % of what it has in its own bulk.

    Attributes
    ----------
    thickness_angstrom : float, angstrom
        Of the stretch; up to the vacuum where it ends there.
    products_angstrom : float, angstrom
        Share of products, integrated over it.
    is_contact : bool
        Whether there are two different reactants at its ends.
    """

    thickness_angstrom: float
    products_angstrom: float
    is_contact: bool


def interphase_spans(
    shares: NDArray[np.float64], reactants: NDArray[np.bool_], width_angstrom: float
) -> list[InterphaseSpan]:
    """Stretches outside of the bulk of the reactants, by the 10-90 definition.

    Parameters
    ----------
    shares : (n_slices, n_phases) float array
        Of `blurred_shares`.
    reactants : (n_phases,) bool array
        Phases from which an interphase grows.
    width_angstrom : float, angstrom
        Of a slice.

    Returns
    -------
    list of InterphaseSpan
        In the order of the depth.

    Notes
    -----
    Without a product in between, the stretch is the 10-90 width of the step from one reactant to the other. More than 3 angstrom
    without atoms, the average over depth aside, are a vacuum: a stretch ends there.

    Examples
    --------
    >>> counts = np.zeros((100, 3))
    >>> counts[:40, 0] = counts[40:60, 1] = counts[60:, 2] = 5
    >>> found = interphase_spans(blurred_shares(counts, 1.0), np.array([True, False, True]), 1.0)
    >>> [(round(span.thickness_angstrom, 1), span.is_contact) for span in found if span.products_angstrom > 1.0]
    [(22.7, True)]
    """
    own, product = shares[:, reactants], shares[:, ~reactants].sum(axis=1)
    strong = own > 0.5
    if not strong.any():
        return [InterphaseSpan(len(shares) * width_angstrom, float(product.sum() * width_angstrom), False)]
    bulk = [np.median(own[strong[:, k], k]) if strong[:, k].any() else np.inf for k in range(own.shape[1])]
    of_bulk = own / np.array(bulk)
    excess, whose = of_bulk.max(axis=1) - 0.9, of_bulk.argmax(axis=1)
    is_bulk = excess >= 0.0
    if is_bulk.all() or not is_bulk.any():
        return []
    # The row begins in a bulk.
    shift = int(np.flatnonzero(is_bulk)[0])
    excess, whose, product, is_bulk = (np.roll(values, -shift) for values in (excess, whose, product, is_bulk))
    vacuum = _long_runs(np.roll(shares.sum(axis=1) == 0.0, -shift), THIN_ANGSTROM / width_angstrom)
    spans = []
    for start, stop in _runs(~is_bulk & ~vacuum):
        after = stop % len(excess)
        ends = (start - 1, start), (after, stop - 1)
        # Where the line between two slices crosses 90 %; a vacuum begins between two slices.
        outside = sum(0.5 if vacuum[a] else excess[a] / (excess[a] - excess[b]) for a, b in ends)
        spans.append(
            InterphaseSpan(
                float(stop - start + 1 - outside) * width_angstrom,
                float(product[start:stop].sum()) * width_angstrom,
                bool(is_bulk[start - 1] and is_bulk[after] and whose[start - 1] != whose[after]),
            )
        )
    return spans


def _runs(chosen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one past the last place of each run of what is chosen."""
    edges = np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def _long_runs(chosen: NDArray[np.bool_], longer_than: float) -> NDArray[np.bool_]:
    """What is chosen, without the short runs of it."""
    long = np.zeros_like(chosen)
    for start, stop in _runs(chosen):
        long[start:stop] = stop - start > longer_than
    return long


def _with_vacuum(counts: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """The counts, and as many atoms of vacuum as a filled slice has in each slice of a gap."""
    table = np.concatenate([counts, np.zeros((len(counts), 1))], axis=1)
    empty = counts.sum(axis=1) == 0.0
    if not empty.any() or empty.all():
        return table
    shift = int(np.flatnonzero(~empty)[0])
    gap = np.roll(_long_runs(np.roll(empty, -shift), THIN_ANGSTROM / width), shift)
    table[gap, -1] = counts.sum() / np.count_nonzero(~empty)
    return table


@njit(cache=True, nogil=True)
def _cuts(whole, penalty):  # type: ignore[no-untyped-def]
    """Planes between layers that minimise the cost, ends included; `whole` has the running sums of the counts."""
    n_slices, n_phases = whole.shape[0] - 1, whole.shape[1]
    cost = np.full(n_slices + 1, np.inf)
    back = np.zeros(n_slices + 1, dtype=np.int64)
    cost[0] = -penalty
    for stop in range(1, n_slices + 1):
        for start in range(stop):
            total, inside = 0.0, 0.0
            for k in range(n_phases):
                number = whole[stop, k] - whole[start, k]
                if number > 0.0:
                    total += number
                    inside -= number * np.log(number)
            if total > 0.0:
                inside += total * np.log(total)
            if cost[start] + inside + penalty < cost[stop]:
                cost[stop], back[stop] = cost[start] + inside + penalty, start
    planes = [n_slices]
    while planes[-1] > 0:
        planes.append(back[planes[-1]])
    return planes[::-1]


def _merged(whole: NDArray[np.float64], planes: Sequence[int], thin: float) -> list[int]:
    """Planes without those between a layer and one like it, and without layers that are too thin."""
    planes = list(planes)
    while len(planes) > 2:
        inside = [whole[stop] - whole[start] for start, stop in zip(planes[:-1], planes[1:], strict=True)]
        different = [_difference(a, b) for a, b in zip(inside[:-1], inside[1:], strict=True)]
        thickness = np.diff(planes)
        slim = np.flatnonzero(thickness < thin)
        if slim.size:
            # The thinnest one first, into the neighbour that is more like it.
            k = int(slim[np.argmin(thickness[slim])])
            sides = [side for side in (k - 1, k) if 0 <= side < len(different)]
            del planes[1 + min(sides, key=lambda side: different[side])]
        elif min(different) < ALIKE:
            del planes[1 + int(np.argmin(different))]
        else:
            break
    return planes


def _refined(table: NDArray[np.float64], whole: NDArray[np.float64], planes: list[int]) -> list[int]:
    """Each plane where it divides its two layers best, by the likelihood of either composition."""
    planes = list(planes)
    for k in range(1, len(planes) - 1):
        low, middle, high = planes[k - 1 : k + 2]
        logs = []
        for start, stop in ((low, middle), (middle, high)):
            # The middle of a layer is its composition; its ends may belong to the other one.
            quarter = (stop - start) // 4
            content = whole[stop - quarter] - whole[start + quarter]
            logs.append(np.log((content + 0.5) / (content.sum() + 0.5 * content.size)))
        gain = np.concatenate([[0.0], np.cumsum(table[low:high] @ (logs[0] - logs[1]))])
        # Between two planes of atoms all places are as good: the middle one.
        best = np.flatnonzero(gain[1:-1] >= gain[1:-1].max() - 1e-9) if high - low > 2 else np.array([middle - low - 1])
        planes[k] = low + 1 + int(best[len(best) // 2])
    return planes


def _difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Share of the atoms of one layer that another one has in other phases."""
    totals = max(1.0, float(first.sum())), max(1.0, float(second.sum()))
    return float(0.5 * np.abs(first / totals[0] - second / totals[1]).sum())


def _layer(content: NDArray[np.float64], span: tuple[float, float], names: Sequence[str]) -> PhaseLayer:
    total = max(1.0, float(content.sum()))
    order = [k for k in np.argsort(-content, kind="stable").tolist() if content[k] > 0.0]
    shares = {names[k]: float(content[k] / total) for k in order}
    of_name = [name for name, share in shares.items() if share >= NAMED] or list(shares)[:1]
    n_atoms = int(content[:-1].sum())
    return PhaseLayer(" + ".join(of_name) if of_name else VACUUM, span[0], span[1], shares, n_atoms)
