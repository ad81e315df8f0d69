"""The text of a study means what YAML 1.2 says, each key stands once, and no text hangs the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlip_interfaces.config import load_study, parse_study
from mlip_interfaces.errors import StudyError
from mlip_interfaces.yaml_text import MOST_BYTES, MOST_DEPTH, MOST_VALUES, parse_yaml

FILE = Path("x.yaml")


def value(text: str) -> Any:
    return parse_yaml(text, FILE, of="a study", refused=StudyError)


def refusal(text: str) -> str:
    with pytest.raises(StudyError) as raised:
        value(text)
    assert str(raised.value).startswith("x.yaml")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Y", "Y"), ("No", "No"), ("N", "N"), ("on", "on"), ("off", "off"), ("yes", "yes"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("'true'", "true"), ('"12"', "12"), ("!!str 12", "12"),
        ("12", 12), ("-3", -3), ("014", 14), ("0o14", 12), ("0x1F", 31), ("1_000", "1_000"), ("+7", 7),
        ("1e3", 1000.0), ("1E-3", 0.001), ("-1.5e+2", -150.0), (".5", 0.5), ("2.", 2.0), ("1.0", 1.0), ("e3", "e3"), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_words_are_those_of_the_core_schema(written: str, read: Any) -> None:
    (found,) = value(f"[{written}]") if written else value("- ")
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize("text", ["a: .nan", "a: [1, -.inf]", "a: {b: .INF}", "a: 1e999", "a: -2e400"])
def test_number_that_is_not_finite_is_refused_wherever_it_stands(text: str) -> None:
    assert refusal(f"x: 1\n{text}").startswith("x.yaml: line 2: ")
    assert "not a finite number" in refusal(text)


@pytest.mark.parametrize(
    ("text", "key", "first", "second"),
    [
        ("a: 1\nb: 2\na: 3", "a", 1, 3),
        ("p:\n  hot: {t: 1}\n  cold: {t: 2}\n\n  hot: {t: 3}", "hot", 2, 5),
        ("{a: 1, 'a': 2}", "a", 1, 1),
        ("1: x\n1.0: y", "1.0", 1, 2),
        ("b: &b {c: 1}\na:\n  <<: *b\n  <<: *b", "<<", 3, 4),
    ],
)
def test_key_that_stands_twice_is_refused_with_both_lines(text: str, key: str, first: int, second: int) -> None:
    assert refusal(text) == (
        f"x.yaml: line {second}: the key '{key}' stands in line {first} already; keep one of the two."
    )


def test_equal_keys_of_different_mappings_are_no_duplicates() -> None:
    assert value("a: {x: 1}\nb: {x: 2}") == {"a": {"x": 1}, "b": {"x": 2}}


def test_aliases_repeat_and_merged_keys_give_way_to_own_ones() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\nd: {<<: [*a, {x: 8, z: 9}]}"
    expected = {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}, "d": {"x": 1, "y": 2, "z": 9}}
    assert value(text) == expected == yaml.safe_load(text)


def test_aliases_of_aliases_are_counted_before_they_are_told_out() -> None:
    rows = [f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 9)}]" for i in range(30)]
    assert f"more than {MOST_VALUES} values" in refusal("\n".join(["l0: &l0 [a]", *rows]))


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? ", "a:\n "])
def test_depth_is_refused_before_it_ends_the_program(opening: str) -> None:
    text = opening * 1500 if opening != "a:\n " else "".join(f"{' ' * i}a:\n" for i in range(1500))
    assert f"more than {MOST_DEPTH} lists and mappings stand in each other" in refusal(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "is not valid YAML: line 2, column 1: "),
        ("a: 1\n b: 2", "is not valid YAML: line 2, column "),
        ("a: !!python/object:os.system 1", "means nothing in a study; leave it out"),
        ("a: !!set {b, c}", "means nothing in a study; leave it out"),
        ("a: 1\n---\na: 2", "line 2: a second document begins"),
        ("a: *b", "is not valid YAML|no complete part 'b'"),
        ("a: &a [*a]", "no complete part 'a'"),
        ("{[1]: 2}", "cannot be a key"),
        ("a: {<<: 3}", "'<<' takes in mappings"),
        ("\x01: 1", "is it a text file?"),
        ('a: "\\0"', "control character"),
        (f"a: {'9' * 5000}", "a number has 5000 digits"),
    ],
)
def test_text_that_is_no_study_is_refused_with_its_line(text: str, said: str) -> None:
    assert any(part in refusal(text) for part in said.split("|"))


def test_shipped_studies_read_as_before(repository: Path) -> None:
    for file in (*(repository / "configs").glob("*.yaml"), repository / "tests" / "studies" / "miniature.yaml"):
        assert parse_yaml(file.read_text(), file) == yaml.safe_load(file.read_text())


def test_elements_whose_symbols_were_truth_values_are_elements(miniature: Path) -> None:
    text = miniature.read_text().replace("[Li, F, S]", "[Li, F, S, Y, No]")
    assert parse_study(text, FILE).elements == ("Li", "F", "S", "Y", "No")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: caf\xe9\n".encode("latin-1"), "is no text in UTF-8 (byte 0xe9 in line 1); save it as UTF-8"),
        ("# a\nname: x\n".encode("utf-16"), "is no text in UTF-8 (byte 0xff in line 1)"),
        (b"# a\n\x80", "(byte 0x80 in line 2)"),
        (bytes(range(256)), "in UTF-8"),
        (b"name: x\x00y", "is it a text file?"),
        (b"#" * (MOST_BYTES + 1), "has 1000001 bytes, more than the 1000000"),
        (b"", "must hold a mapping"),
    ],
)
def test_file_that_is_no_text_of_a_study_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    with pytest.raises(StudyError) as raised:
        load_study(file)
    assert str(raised.value).startswith(str(file))
    assert said in str(raised.value)


def test_byte_order_mark_is_no_part_of_a_study(tmp_path: Path, miniature: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(miniature.read_text().encode("utf-8-sig"))
    assert load_study(file).name == "miniature"
