"""Progress on the terminal: which stage runs, how far it is, what it has cost."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Display:
    """Progress bars on a terminal, one plain line per change elsewhere; always on standard error.

    Parameters
    ----------
    stages : tuple of str
        Names of all stages, in order.
    console : Console or None
        Where to write; standard error by default.
    """

    def __init__(self, stages: tuple[str, ...], console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._stages = stages
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._last = ("", -1.0)
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.fields[stage]:>13}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, stage: str) -> None:
        """Say that a stage starts.

        Parameters
        ----------
        stage : str
            One of the stages.
        """
        self._bars[stage] = self._progress.add_task("", total=1.0, stage=stage, note="")
        self._line(f"[{self._stages.index(stage) + 1}/{len(self._stages)}] {stage}: started")

    def update(self, stage: str, fraction: float, note: str) -> None:
        """Say how far a stage is; a log file gets a line for each new tenth.

        Parameters
        ----------
        stage : str
            One that was begun.
        fraction : float
            What is done, 0 to 1.
        note : str
            What is happening.
        """
        # Plain output (a log file) gets a line for each new tenth.
        tenth = (stage, int(fraction * 10))
        with self._lock:
            self._progress.update(self._bars[stage], completed=min(fraction, 1.0), note=note)
            is_new, self._last = tenth != self._last, tenth
        if is_new:
            self._line(f"    {stage}: {100 * fraction:3.0f} %  {note}")

    def end(self, stage: str, note: str) -> None:
        """Say that a stage is finished.

        Parameters
        ----------
        stage : str
            One that was begun.
        note : str
            What came of it.
        """
        self._progress.update(self._bars[stage], completed=1.0, note=note)
        self._progress.stop_task(self._bars[stage])
        self._line(f"[{self._stages.index(stage) + 1}/{len(self._stages)}] {stage}: done, {note}")

    def skip(self, stage: str) -> None:
        """Say that a stage was finished before.

        Parameters
        ----------
        stage : str
            One of the stages.
        """
        self._bars[stage] = self._progress.add_task("", total=1, completed=1, stage=stage, note="finished before")
        self._progress.stop_task(self._bars[stage])
        self._line(f"[{self._stages.index(stage) + 1}/{len(self._stages)}] {stage}: finished before")

    def _line(self, text: str) -> None:
        if not self._console.is_terminal:
            elapsed = time.monotonic() - self._began
            self._console.print(f"{elapsed:7.0f} s  {text}", highlight=False, markup=False, soft_wrap=True)
