"""Files appear whole or not at all; JSON says what is wrong with it; hashes follow the content."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest

import mlip_interfaces
from mlip_interfaces import files
from mlip_interfaces.errors import InputFileError


def test_what_breaks_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    files.write_csv(target, ("a", "b"), [(1, 2)])
    before = target.read_bytes()

    def rows():
        yield 3, 4
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        files.write_csv(target, ("a", "b"), rows())
    assert target.read_bytes() == before == b"a,b\r\n1,2\r\n"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_full_disk_leaves_the_old_file(small_disk: Path) -> None:
    target = small_disk / "text"
    files.write_text(target, "old")
    with pytest.raises(OSError, match="No space left"):
        files.write_text(target, "x" * 400_000)
    assert target.read_text() == "old"
    assert os.listdir(small_disk) == ["text"]


def test_numbers_that_json_has_no_word_for_are_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    files.write_json(target, {"x": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(target, {"x": float("nan")})
    assert target.read_text() == '{\n "x": 1.5\n}\n'


def test_update_leaves_a_file_that_says_the_same_untouched(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text('{"x":1}')
    files.update_json(target, {"x": 1})
    assert target.read_text() == '{"x":1}'
    files.update_json(target, {"x": 2})
    assert files.read_json(target) == {"x": 2}


def test_damaged_json_names_the_file_and_the_cure(tmp_path: Path) -> None:
    for content in (b"{", b"\xff\xfe\x00"):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(InputFileError, match=r"a\.json is not valid JSON.*delete it"):
            files.read_json(tmp_path / "a.json")
        with pytest.raises(InputFileError, match="label it anew"):
            files.read_optional_json(tmp_path / "b.json") or files.read_json(
                tmp_path / "a.json", if_damaged="label it anew"
            )
    with pytest.raises(InputFileError, match=r"b\.json is missing; run the stage"):
        files.read_json(tmp_path / "b.json")


def test_a_folder_appears_only_when_it_is_full(tmp_path: Path) -> None:
    target = tmp_path / "tasks"

    def break_off() -> None:
        with files.whole_folder(target) as working:
            (working / "one").write_text("1")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        break_off()
    assert not target.exists()
    with files.whole_folder(target) as working:
        # What the first try left would be a task too many.
        assert list(working.iterdir()) == []
        (working / "two").write_text("2")
    assert [path.name for path in target.iterdir()] == ["two"]
    with pytest.raises(OSError, match="not empty"), files.whole_folder(target) as working:
        (working / "three").write_text("3")
    with files.whole_folder(target, replace=True) as working:
        (working / "three").write_text("3")
    assert [path.name for path in target.iterdir()] == ["three"]


def test_arrays_come_back_under_their_names(tmp_path: Path) -> None:
    given = {"bulk-a/energy": np.arange(3.0), "layer": np.array(["film", "base"])}
    files.write_arrays(tmp_path / "p.npz", given)
    with np.load(tmp_path / "p.npz") as found:
        assert sorted(found.files) == sorted(given)
        for name, array in given.items():
            np.testing.assert_array_equal(found[name], array)
    assert os.listdir(tmp_path) == ["p.npz"]


def test_json_lines_are_appended_and_written_in_order(tmp_path: Path) -> None:
    target = tmp_path / "d.jsonl"
    files.write_json_lines(target, [{"n": 1}, {"n": 2}])
    files.append_json_line(target, {"n": 3})
    assert target.read_text() == '{"n": 1}\n{"n": 2}\n{"n": 3}\n'


def test_content_hash_ignores_the_order_of_keys_and_sees_a_changed_value() -> None:
    assert files.content_hash({"a": 1, "b": [2]}) == files.content_hash({"b": [2], "a": 1})
    assert files.content_hash({"a": 1}) != files.content_hash({"a": 1.5})
    assert files.content_hash({"a": 1}) == hashlib.sha256(b'{"a": 1}').hexdigest()


def test_hash_of_a_file_longer_than_a_block(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "big").write_bytes(content)
    assert files.file_hash(tmp_path / "big") == hashlib.sha256(content).hexdigest()


def test_lines_are_counted_while_the_last_one_is_being_written(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    assert files.count_lines(file) == 0
    file.write_text('{"a": 1}\n' * 300_000 + '{"a"')
    assert files.count_lines(file) == 300_000


def test_last_line_is_the_last_whole_one(tmp_path: Path) -> None:
    file = tmp_path / "lcurve.out"
    assert files.last_line(file) == ""
    file.write_text("# step\n")
    assert files.last_line(file) == "# step"
    file.write_text("".join(f"{step} 0.1\n" for step in range(10_000)) + "10000 0.")
    assert files.last_line(file) == "9999 0.1"


def test_lines_that_count_stay_and_the_rest_goes(tmp_path: Path) -> None:
    target = tmp_path / "table"
    files.append_text(target, "a\nbc\n")
    files.append_text(target, "d\nhalf")
    files.keep_lines(target, 2)
    assert target.read_bytes() == b"a\nbc\n"
    files.keep_lines(target, 5)
    assert target.read_bytes() == b"a\nbc\n"
    files.keep_lines(tmp_path / "new", 3)
    assert (tmp_path / "new").read_bytes() == b""


def test_a_link_leads_where_it_should_and_goes_on_doing_so_after_a_move(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "scan").mkdir(parents=True)
    (folder / "first").write_text("1")
    (folder / "second").write_text("2")
    link = folder / "scan" / "potential"
    files.relink(link, folder / "first")
    made = link.lstat().st_ino
    files.relink(link, folder / "first")
    assert (os.readlink(link), link.lstat().st_ino) == ("../first", made)
    files.relink(link, folder / "second")
    folder.rename(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "scan" / "potential").read_text() == "2"
    # What a copy that follows links left in its place.
    copied = tmp_path / "elsewhere" / "scan" / "copied"
    copied.write_text("1")
    files.relink(copied, tmp_path / "elsewhere" / "second")
    assert copied.is_symlink()
    assert copied.read_text() == "2"


def test_numbers_that_are_not_finite_are_null_in_pipes_and_lines(tmp_path: Path) -> None:
    content = {"runs": [{"t": math.nan, "p": (np.float64("inf"), 1.5)}], "n": 3}
    wanted = {"runs": [{"t": None, "p": [None, 1.5]}], "n": 3}

    def refuse(word: str) -> None:
        raise AssertionError(word)

    files.append_json_line(tmp_path / "lines", content)
    files.write_json_lines(tmp_path / "whole", [content])
    for text in (files.json_text(content), *((tmp_path / name).read_text() for name in ("lines", "whole"))):
        assert json.loads(text, parse_constant=refuse) == wanted


def test_json_is_written_in_one_place_alone() -> None:
    """Elsewhere `json.dumps` would write NaN, which is no JSON; programs that run without this package are apart."""
    package = Path(mlip_interfaces.__file__).parent
    apart = {"files.py", "deep_potentials.py", "gpaw_script.py", "gromacs_child.py", "attaching.py", "model_file.py"}
    found = {file.name for file in package.rglob("*.py") if re.search(r"json[.]dumps?[(]", file.read_text())}
    assert found <= apart
