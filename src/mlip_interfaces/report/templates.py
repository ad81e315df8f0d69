"""How pages are made of the templates that lie beside this file."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """What templates of this room are rendered by: text is escaped, and a name that is not given is an error.

    Returns
    -------
    Environment
        A new one, to which filters may be added.
    """
    return Environment(loader=PackageLoader("mlip_interfaces.report", "."), autoescape=True, undefined=StrictUndefined)
