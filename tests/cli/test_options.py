"""Arguments in messages, as the command line calls them."""

from __future__ import annotations

from mlip_interfaces.cli.options import spoken

OPTIONS = {"start_ps": "--start-ps", "stop_ps": "--stop-ps", "unwrap": "--unwrap", "out": "-o"}


def test_every_argument_that_is_an_option_is_called_by_it() -> None:
    text = "No frame between `start_ps` and `stop_ps`; use `unwrap` tor, `out` elsewhere."
    assert spoken(text, OPTIONS) == "No frame between --start-ps and --stop-ps; use --unwrap tor, -o elsewhere."


def test_what_is_no_option_of_the_verb_stays_as_it_is() -> None:
    for text in (
        "give `topology`",
        "run `mlip-interfaces scan submit DIR`",
        "start_ps without backquotes",
        "`start_ps",
        "`start_ps or stop_ps`",
        "'start_ps'",
        "",
    ):
        assert spoken(text, OPTIONS) == text


def test_what_is_put_in_is_not_read_again() -> None:
    assert spoken("`a` `b`", {"a": "`b`", "b": "--b"}) == "`b` --b"
