"""Messages of kernels and readers, which speak of arguments, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from mlip_interfaces.errors import UserError

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


def option_of(argument: str) -> str:
    """The option of an argument.

    Parameters
    ----------
    argument : str
        As in ``r_max_angstrom``.

    Returns
    -------
    str
        As in ``--r-max-angstrom``.
    """
    return f"--{argument.replace('_', '-')}"


@contextmanager
def spoken_errors(arguments: Iterable[str]) -> Iterator[None]:
    """Errors of the user in the words of the command line.

    Parameters
    ----------
    arguments : iterable of str
        Names of those that are options of the verb.

    Yields
    ------
    None
        While the body runs.

    Raises
    ------
    UserError
        As the body raises it, with options in place of arguments.
    """
    try:
        yield
    except UserError as error:
        raise type(error)(spoken(str(error), {name: option_of(name) for name in arguments})) from error
