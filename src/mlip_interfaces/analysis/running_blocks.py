"""Sums over blocks of frames whose number stays bounded however long the run is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_BLOCKS = 256

MIN_WINDOW_FRAMES = 40
"""Of a window of transport coefficients."""


@dataclass(frozen=True, slots=True)
class Block:
    """Sum over consecutive frames.

    Attributes
    ----------
    total : float array
        Sum of the values, any shape.
    n_frames : int
        Frames summed.
    time_start_ps, time_end_ps : float, ps
        Time of the first and last frame.
    """

    total: NDArray[np.float64]
    n_frames: int
    time_start_ps: float
    time_end_ps: float

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean over the frames."""
        return self.total / self.n_frames


class RunningBlocks:
    """Block sums of a quantity fed frame by frame.

    Blocks hold one frame each until there are `MAX_BLOCKS` of them; then neighbours are merged and blocks hold twice as
    many from there on, so that memory does not grow with the run.

    Examples
    --------
    >>> blocks = RunningBlocks()
    >>> for i in range(1000):
    ...     blocks.add(np.array([1.0]), float(i))
    >>> sum(block.n_frames for block in blocks.blocks), len(blocks.blocks) <= MAX_BLOCKS
    (1000, True)
    """

    def __init__(self) -> None:
        self._done: list[Block] = []
        self._open: Block | None = None
        self._size = 1

    def add(self, values: NDArray[np.float64], time_ps: float) -> None:
        """Add one frame.

        Parameters
        ----------
        values : float array
            Of any shape, the same in all frames.
        time_ps : float, ps
            Of the frame.
        """
        if self._open is None:
            self._open = Block(np.array(values, dtype=np.float64), 1, time_ps, time_ps)
        else:
            self._open = merged([self._open, Block(values, 1, time_ps, time_ps)])
        if self._open.n_frames == self._size:
            self._done.append(self._open)
            self._open = None
            if len(self._done) == MAX_BLOCKS:
                self._done = [merged(self._done[i : i + 2]) for i in range(0, MAX_BLOCKS, 2)]
                self._size *= 2

    @property
    def blocks(self) -> list[Block]:
        """All blocks in order of time; the last one may be shorter."""
        return [*self._done, *([self._open] if self._open is not None else [])]


def merged(blocks: list[Block]) -> Block:
    """Consecutive blocks as one.

    Parameters
    ----------
    blocks : list of Block
        In order of time, at least one.

    Returns
    -------
    Block
        Their sum.
    """
    total = blocks[0].total.copy()
    for block in blocks[1:]:
        total += block.total
    return Block(total, sum(block.n_frames for block in blocks), blocks[0].time_start_ps, blocks[-1].time_end_ps)


def regrouped(blocks: list[Block], n_groups: int) -> list[list[Block]]:
    """Deal consecutive blocks to groups of as equal length as the blocks allow.

    Parameters
    ----------
    blocks : list of Block
        In order of time.
    n_groups : int
        Largest number of groups.

    Returns
    -------
    list of list of Block
        None of them empty.

    Examples
    --------
    >>> blocks = [Block(np.zeros(1), 1, float(i), float(i)) for i in range(5)]
    >>> [len(group) for group in regrouped(blocks, 2)]
    [2, 3]
    """
    ends = np.cumsum([block.n_frames for block in blocks])
    groups: list[list[Block]] = [[] for _ in range(n_groups)]
    for block, end in zip(blocks, ends, strict=True):
        middle = end - block.n_frames / 2.0
        groups[min(n_groups - 1, int(middle * n_groups / ends[-1]))].append(block)
    return [group for group in groups if group]


def standard_error(blocks: list[Block], n_groups: int = 10) -> NDArray[np.float64]:
    """Standard error of the mean over all frames from the scatter of groups of blocks.

    Parameters
    ----------
    blocks : list of Block
        In order of time.
    n_groups : int, optional
        Largest number of groups.

    Returns
    -------
    float array
        Of the shape of the values; zeros for a single block.

    Examples
    --------
    >>> blocks = [Block(np.array([value]), 1, 0.0, 0.0) for value in (1.0, 2.0, 3.0)]
    >>> standard_error(blocks).round(6).tolist()
    [0.57735]
    """
    return scatter_of_means(group_means(blocks, n_groups))


def group_means(blocks: list[Block], n_groups: int = 10) -> NDArray[np.float64]:
    """Means over groups of blocks, from whose scatter errors come.

    Parameters
    ----------
    blocks : list of Block
        In order of time.
    n_groups : int, optional
        Largest number of groups.

    Returns
    -------
    (n_groups, ...) float array
        Of the shape of the values.
    """
    return np.array([merged(group).mean for group in regrouped(blocks, n_groups)])


def scatter_of_means(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean of some groups.

    Parameters
    ----------
    means : (n_groups, ...) float array
        Of each group.

    Returns
    -------
    float array
        Of the shape of the values; zeros for a single group.
    """
    if len(means) < 2:
        return np.zeros_like(means[0])
    return np.asarray(means.std(axis=0, ddof=1) / np.sqrt(len(means)))


def error_of_mean(values: NDArray[np.floating | np.integer], n_groups: int = 10) -> float:
    """Standard error of the mean of a series from the scatter of its parts, as `standard_error`.

    Parameters
    ----------
    values : (n_frames,) float array
        In order of time.
    n_groups : int, optional
        Largest number of parts.

    Returns
    -------
    float
        Of the unit of the values; zero for a single one.

    Examples
    --------
    >>> round(error_of_mean(np.array([1.0, 2.0, 3.0])), 6)
    0.57735
    """
    frames, n_groups = np.arange(len(values)), min(n_groups, len(values))
    group = ((frames + 0.5) * n_groups / len(values)).astype(np.int64)
    means = np.bincount(group, weights=values) / np.bincount(group)
    return float(means.std(ddof=1) / np.sqrt(n_groups)) if n_groups > 1 else 0.0
