"""``mlip-interfaces VERB``: parsing, exit codes, nothing else.

Exit codes: 0 done, 1 bug (traceback shown), 2 user error (message only), 3 unfinished (the same call continues).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from mlip_interfaces import __version__
from mlip_interfaces.errors import UnfinishedError, UserError

VERBS = (
    "run",
    "demo",
    "status",
    "build",
    "campaign",
    "validate",
    "scan",
    "analyze",
    "report",
    "config",
    "structures",
    "doctor",
    "label",
    "labels",
    "teacher_md",
)


def build_parser() -> argparse.ArgumentParser:
    """Parser of all verbs; each verb's file adds its own."""
    parser = argparse.ArgumentParser(
        prog="mlip-interfaces",
        description="From one study file to the figures of a paper: solid-solid battery interfaces with "
        "active-learned Deep Potentials.",
    )
    parser.add_argument("--version", action="version", version=f"mlip-interfaces {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in VERBS:
        importlib.import_module(f"mlip_interfaces.cli.{name}").register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except UserError as error:
        print(f"mlip-interfaces: {error}", file=sys.stderr)
        return 2
    except UnfinishedError as error:
        print(f"mlip-interfaces: unfinished: {error}\nThe same command continues.", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("mlip-interfaces: interrupted; the same command continues.", file=sys.stderr)
        return 3
    return code


if __name__ == "__main__":
    sys.exit(main())
