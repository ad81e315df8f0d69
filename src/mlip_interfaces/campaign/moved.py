"""A campaign whose run folder was moved or copied: what DP-GEN and older versions of this package made absolute.

DP-GEN's links to data, models and structures are absolute, and so was the path of the label settings in ``machine.json``.
A link is made relative wherever it points into the run folder, as that is called now or was called before; what the user
wrote is left as it is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mlip_interfaces.campaign.dpgen_files import DpgenContent
from mlip_interfaces.campaign.folder import MACHINE
from mlip_interfaces.files import read_json, update_json
from mlip_interfaces.jobs.local import own_programs_first
from mlip_interfaces.labels.settings import SETTINGS_FILE, TRAVELS

PLACE = "place.json"
"""Where the campaign lay when it was last begun."""
# Not by their whole names: pathlib finds a link that leads nowhere by a pattern alone.
_LINKS = (
    "00.train/data.*", "01.model_devi/graph.*", "01.model_devi/confs/*", "02.fp/task.*/label_settings.*",
    f"02.fp/task.*/{TRAVELS.format(parameter='*')}*",
)  # fmt: skip
_PROGRAMS_FIRST = re.compile(r'export PATH="(/[^"$:]*):\$PATH"')


def settle(campaign: Path) -> None:
    """Make a campaign independent of where it lies; does nothing where it is already.

    Parameters
    ----------
    campaign : Path
        DP-GEN's folder, with its ``machine.json``.

    Raises
    ------
    InputFileError
        If ``machine.json`` or ``place.json`` is damaged.
    """
    machine: DpgenContent = read_json(campaign / MACHINE, if_damaged="correct it, or delete it to have it written anew")
    here = campaign.resolve()
    before = _former_places(campaign, machine)
    for iteration in sorted(here.glob("iter.*")):
        for pattern in _LINKS:
            for link in iteration.glob(pattern):
                _make_relative(link, here.parent, [place.parent for place in (here, *before)])
    update_json(campaign / MACHINE, _settled(machine, before))
    update_json(campaign / PLACE, {"folder": str(here)})


def _former_places(campaign: Path, machine: DpgenContent) -> list[Path]:
    """The campaign's folder at the last start; without a note of it, as an older version wrote it into ``machine.json``."""
    if (campaign / PLACE).is_file():
        return [Path(read_json(campaign / PLACE, if_damaged="delete it")["folder"])]
    places = [Path(file).parent for file in _label_settings(machine) if Path(file).is_absolute()]
    return [place for place in places if place.name == campaign.resolve().name]


def _label_settings(machine: DpgenContent) -> list[str]:
    section = machine.get("fp")
    files = section.get("user_forward_files", []) if isinstance(section, dict) else []
    return [file for file in files if Path(file).name == SETTINGS_FILE]


def _make_relative(link: Path, root: Path, roots: list[Path]) -> None:
    if not link.is_symlink() or not os.path.isabs(target := os.readlink(link)):
        return
    for former in roots:
        if Path(target).is_relative_to(former):
            now = root / Path(target).relative_to(former)
            working = link.with_name(f".{link.name}.{os.getpid()}")
            working.symlink_to(os.path.relpath(now, link.parent))
            working.replace(link)
            return


def _settled(machine: DpgenContent, before: list[Path]) -> DpgenContent:
    """The same with our own paths as they are now: the label settings, and programs of an environment that is gone."""
    ours = {str(place / SETTINGS_FILE) for place in before}
    settled: DpgenContent = {}
    for name, section in machine.items():
        settled[name] = section
        if not isinstance(section, dict):
            continue
        changed = dict(section)
        if "user_forward_files" in section:
            changed["user_forward_files"] = [
                SETTINGS_FILE if file in ours else file for file in section["user_forward_files"]
            ]
        resources = section.get("resources", {})
        if resources.get("batch_type") == "Shell" and "prepend_script" in resources:
            lines = [own_programs_first() if _is_gone(line) else line for line in resources["prepend_script"]]
            changed["resources"] = resources | {"prepend_script": lines}
        settled[name] = changed
    return settled


def _is_gone(line: str) -> bool:
    match = _PROGRAMS_FIRST.fullmatch(line)
    return match is not None and not Path(match[1]).is_dir()
