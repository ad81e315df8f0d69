"""Messages of kernels and readers, which speak of arguments, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping

ARGUMENT = re.compile(r"`([A-Za-z_][A-Za-z0-9_]*)`")


def spoken(text: str, options: Mapping[str, str]) -> str:
    """A message in which arguments are called by the options of a verb.

    Parameters
    ----------
    text : str
        Names of arguments stand in backquotes.
    options : mapping of str to str
        Argument to option; what is not among them stays as it is, backquotes and all.

    Returns
    -------
    str
        The message.

    Examples
    --------
    >>> spoken("There is no time; give `frame_interval_ps`.", {"frame_interval_ps": "--frame-interval-ps"})
    'There is no time; give --frame-interval-ps.'
    """
    return ARGUMENT.sub(lambda match: options.get(match[1], match[0]), text)
