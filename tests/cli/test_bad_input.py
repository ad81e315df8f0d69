"""Every analysis of a trajectory that cannot be analysed ends with exit code 2 and a sentence, and prints nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mlip_interfaces.cli.main import main

SYMBOLS = ["Li"] * 8 + ["F"] * 4 + ["S"] * 4
LAYERS = ["coating"] * 12 + ["electrolyte"] * 4
VERBS = {
    "rdf": "--pairs Li-S --r-max-angstrom 5",
    "msd": "--species Li",
    "onsager": "--species Li,S --temperature-kelvin 500",
    "tetrahedra": "",
    "chemistry": "",
    "profile": "",
    "van-hove": "--species Li --lags-ps 0.5 --r-max-angstrom 5",
    "residence": "--species Li --jump-distance-angstrom 1",
    "density": "--species Li",
    "reactions": "",
    "environments": "--species S",
    "crystallites": "",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound trajectory of 60 frames in a cell of 12 angstrom, and what can be wrong with one."""
    folder = tmp_path_factory.mktemp("bad")
    rng = np.random.default_rng(41)
    path = rng.random((16, 3)) * 12.0 + np.cumsum(rng.normal(0, 0.1, (60, 16, 3)), axis=0)
    frames = []
    for t, positions in enumerate(path % 12.0):
        rows = "".join(
            f"{i + 1} {symbol} {x:.5f} {y:.5f} {z:.5f}\n"
            for i, (symbol, (x, y, z)) in enumerate(zip(SYMBOLS, positions, strict=True))
        )
        bounds = "0 12.0\n" * 3
        frames.append(
            f"ITEM: TIMESTEP\n{t}\nITEM: NUMBER OF ATOMS\n16\nITEM: BOX BOUNDS pp pp pp\n{bounds}"
            f"ITEM: ATOMS id element x y z\n{rows}"
        )
    text = "".join(frames)
    (folder / "good.lammpstrj").write_text(text)
    (folder / "one.lammpstrj").write_text(frames[0])
    (folder / "nan.lammpstrj").write_text("".join([*frames[:7], re.sub(r"\n5 Li \S+", "\n5 Li nan", frames[7])]))
    (folder / "binary.lammpstrj").write_bytes(bytes(range(256)) * 100)
    (folder / "empty.lammpstrj").write_bytes(b"")
    none = re.sub(r"(id element x y z\n)(?:\d.*\n)+", r"\1", text.replace("ATOMS\n16", "ATOMS\n0"))
    (folder / "none.lammpstrj").write_text(none)
    (folder / "layers.json").write_text(json.dumps({"symbols": SYMBOLS, "layer": LAYERS}))
    return folder


def refusal(folder: Path, capsys: pytest.CaptureFixture[str], verb: str, file: str, options: str) -> str:
    words = ["analyze", verb, str(folder / file), "--frame-interval-ps", "0.1", *options.split(), "--json"]
    try:
        code = main(words)
    except SystemExit as ended:
        code = ended.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("one.lammpstrj", "has a single frame in the time asked for"),
        ("nan.lammpstrj", "not finite numbers (frame 7): the MD blew up. Analyse what came before with --stop-ps"),
        ("binary.lammpstrj", "is not a LAMMPS text dump"),
        ("empty.lammpstrj", "holds no frame"),
        ("none.lammpstrj", "holds no atoms"),
        ("absent.lammpstrj", "does not exist"),
    ],
)
def test_a_file_that_is_no_trajectory_is_named(folder: Path, capsys, verb: str, file: str, sentence: str) -> None:
    error = refusal(folder, capsys, verb, file, VERBS[verb])
    assert sentence in error
    assert file in error


@pytest.mark.parametrize("verb", VERBS)
def test_a_time_without_frames_is_named(folder: Path, capsys, verb: str) -> None:
    options = f"{VERBS[verb]} --start-ps 99"
    assert "has no frame in the time asked for" in refusal(folder, capsys, verb, "good.lammpstrj", options)


@pytest.mark.parametrize(
    ("verb", "options", "sentence"),
    [
        # An element that is not there.
        ("rdf", "--pairs Co-S", "There is no Co for the pair Co-S"),
        ("msd", "--species Co", "There is no Co"),
        ("onsager", "--species Li,Co --temperature-kelvin 500", "There is no Co"),
        ("tetrahedra", "--center Co", "There is no Co"),
        ("tetrahedra", "--ligand Br", "There is no Br"),
        ("van-hove", "--species Co --lags-ps 0.5", "There is no Co"),
        ("residence", "--species Co --jump-distance-angstrom 1", "There is no Co"),
        ("density", "--species Co", "There is no Co"),
        ("environments", "--species Co", "There is no Co"),
        ("environments", "--species Li --layer x --layers L", "There is no layer 'x'"),
        ("reactions", "--bonds Li-S", "The length of Li-S is not known; give it in --bond-cutoffs-angstrom"),
        ("crystallites", "--anions Br", "There is no Br for the sublattice of anions; there are Li, F, S"),
        # A layer that is not there, or without the element.
        ("rdf", "--pairs Li@x-S --layers L", "There is no Li in the layer 'x'"),
        ("msd", "--species Li --layer x --layers L", "There is no layer 'x' in good.lammpstrj; its layers are coating"),
        ("onsager", "--species Li --temperature-kelvin 500 --layer x --layers L", "There is no layer 'x'"),
        ("onsager", "--species Li --temperature-kelvin 500 --region x --layers L", "There is no layer 'x'"),
        ("residence", "--species Li --jump-distance-angstrom 1 --layer x --layers L", "There is no layer 'x'"),
        ("rdf", "--pairs S@coating-S --layers L", "There is no S in the layer 'coating'"),
        ("msd", "--species S --layer coating --layers L", "There is no S in the layer 'coating'"),
        ("onsager", "--species S --temperature-kelvin 500 --layer coating --layers L", "no S in the layer 'coating'"),
        ("msd", "--species Li --layer coating", "no layer labels; give --layers"),
        ("rdf", "--pairs Li@coating-S", "no layer labels; give --layers"),
        ("onsager", "--species Li --temperature-kelvin 500 --region coating", "no layer labels; give --layers"),
        # Numbers that make no sense.
        ("rdf", "--pairs Li-S --r-max-angstrom -1", "--r-max-angstrom: must be positive, not -1"),
        ("rdf", "--pairs Li-S --r-max-angstrom nan", "must be a number, not nan"),
        ("rdf", "--pairs Li-S --bin-width-angstrom 0", "must be positive"),
        ("rdf", "--pairs Li-S --blocks 0", "must be a whole number, one or more, not 0"),
        ("rdf", "--pairs Li-S --temperature-kelvin 0", "must be positive"),
        ("rdf", "--pairs ,", "--pairs names nothing"),
        ("msd", "--species ,", "--species names nothing"),
        ("onsager", "--species Li,Li --temperature-kelvin 500", "--species names Li twice"),
        ("onsager", "--species Li --temperature-kelvin -5", "must be positive"),
        ("onsager", "--species Li --temperature-kelvin 500 --windows 0", "one or more, not 0"),
        ("onsager", "--species Li --temperature-kelvin 500 --charges Li=nan", "is not like Li=1"),
        ("profile", "--bin-width-angstrom 0", "must be positive"),
        ("tetrahedra", "--average-ps -1", "must not be negative"),
        ("chemistry", "--min-lifetime-ps x", "must be a number, not x"),
        ("density", "--species Li --spacing-angstrom 0", "must be positive"),
        ("reactions", "--bonds PS", "--bonds 'PS' is no bond; write P-S"),
        ("reactions", "--hysteresis 0.5", "should be greater than or equal to 1"),
        ("crystallites", "--rules absent.yaml", "absent.yaml"),
        ("environments", "--species Li --most 31", "should be less than or equal to 30"),
        ("crystallites", "--least-bonds 13", "should be less than or equal to 12"),
        ("van-hove", "--species Li --lags-ps 900", "lags shorter than the run"),
    ],
)  # fmt: skip
def test_requests_that_a_sound_file_cannot_meet_are_refused(
    folder: Path, capsys, verb: str, options: str, sentence: str
) -> None:
    options = options.replace("--layers L", f"--layers {folder / 'layers.json'}")
    assert sentence in refusal(folder, capsys, verb, "good.lammpstrj", options)
