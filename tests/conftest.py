"""What all tests share: the stand-in teachers on the path, one thread per process, MD of argon, PyTorch, a small disk."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from mlip_interfaces.errors import MissingEngineError
from mlip_interfaces.md import HealthBounds, MDProtocol, md_command
from mlip_interfaces.potentials import BACKENDS, Backend
from mlip_interfaces.programs import program_environment
from mlip_interfaces.shipped_files import lammps_deck

TESTS = Path(__file__).parent
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Teachers run in processes of their own: both this one and those must find the module.
sys.path.insert(0, str(TESTS / "teachers"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS / "teachers"), os.environ.get("PYTHONPATH")]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What `pytest -n 2 --dist loadfile --no-loadscope-reorder` runs side by side, the files with the longest tests first."""
    if not hasattr(config, "workerinput"):
        return
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(str(item.path), []).append(item)

    def minutes_first(members: list[pytest.Item]) -> tuple[bool, int]:
        n_long = sum(item.get_closest_marker("campaign") is not None for item in members)
        return n_long == 0, -n_long

    items[:] = [item for members in sorted(files.values(), key=minutes_first) for item in members]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The tests of a file stay together, since they share what they make; all tests of Slurm share one cluster."""
    from xdist.scheduler import LoadFileScheduling

    class TogetherScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "slurm" if "test_slurm" in file else file

    return TogetherScheduling(config, log)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return TESTS.parent


@pytest.fixture(scope="session")
def miniature(repository: Path) -> Path:
    """The smallest complete study."""
    return TESTS / "studies" / "miniature.yaml"


@pytest.fixture(scope="session")
def argon() -> Callable[[Path, MDProtocol, HealthBounds], str]:
    """Writes a crystal of argon and the MD deck for it into a new folder; only the pair style differs from production."""

    def write(folder: Path, protocol: MDProtocol, bounds: HealthBounds) -> str:
        """The command that runs the deck in the folder."""
        folder.mkdir(parents=True)
        deck = lammps_deck("interface_md.in").read_text()
        deck = deck.replace("pair_style      deepmd ${potential}", "pair_style lj/cut 8.0")
        deck = deck.replace("pair_coeff      * * ${elements}", "pair_coeff * * 0.0104 3.4")
        (folder / "deck.in").write_text(deck)
        (folder / "make.in").write_text(
            "units metal\nlattice fcc 5.3\nregion box prism 0 3 0 3 0 3 0.3 0 0\ncreate_box 1 box\ncreate_atoms 1 box\n"
            "mass 1 39.95\npair_style zero 5.0\npair_coeff * *\nwrite_data model.data nocoeff\n"
        )
        subprocess.run(
            ["lmp", "-in", "make.in"], cwd=folder, env=program_environment(), capture_output=True, check=True
        )
        return md_command(protocol, bounds, deck="deck.in", data="model.data", potential="none", elements=["Ar"])

    return write


@pytest.fixture(scope="session")
def quick_lmp(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment with an ``lmp`` that starts the real one as the wheel's does, from Python, but without loading TensorFlow."""
    folder = tmp_path_factory.mktemp("programs")
    spec = importlib.util.find_spec("lammps")
    assert spec is not None
    assert spec.origin is not None
    real = Path(spec.origin).with_name("lmp")
    mpi = next((file.locate().parent for file in metadata.files("mpich") or () if "libmpi.so" in str(file)), "")
    (folder / "lmp").write_text(
        f"#!{sys.executable} -I\nimport subprocess, sys\n"
        f"raise SystemExit(subprocess.call([{str(real)!r}, *sys.argv[1:]], close_fds=False))\n"
    )
    (folder / "lmp").chmod(0o755)
    inherited = program_environment()
    return inherited | {"PATH": f"{folder}{os.pathsep}{inherited['PATH']}", "LD_LIBRARY_PATH": str(mpi)}


@pytest.fixture(scope="session")
def pytorch() -> Backend:
    """DeePMD-kit's PyTorch backend, where it is installed with the torch that it was compiled with."""
    backend = BACKENDS["pytorch"]
    try:
        backend.require()
    except MissingEngineError as error:
        pytest.skip(str(error))
    return backend


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 300 kB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
