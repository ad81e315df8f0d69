"""Watching work that other processes do: at the study's own pace, and never in the way of what goes wrong."""

from __future__ import annotations

import time

import pytest

from mlip_interfaces.jobs import watching


def test_looks_come_at_the_given_pace_and_once_at_the_end() -> None:
    looks: list[float] = []
    began = time.monotonic()
    with watching(lambda: looks.append(time.monotonic() - began), every_seconds=0.05):
        time.sleep(0.5)
    assert 4 <= len(looks) <= 12
    slow: list[int] = []
    with watching(lambda: slow.append(1), every_seconds=60):
        time.sleep(0.1)
    assert slow == [1], "the last look alone"


def test_error_of_the_work_comes_out_though_the_look_fails_too() -> None:
    def look() -> None:
        raise RuntimeError("the look")

    def work() -> None:
        with watching(look, every_seconds=0.01):
            time.sleep(0.1)
            raise ValueError("the work")

    with pytest.raises(ValueError, match="the work") as error:
        work()
    assert error.value.__context__ is None


def test_error_of_a_look_comes_out_when_the_work_is_done() -> None:
    looks = []
    done = []

    def look() -> None:
        looks.append(1)
        raise RuntimeError("the look")

    def work() -> None:
        with watching(look, every_seconds=0.01):
            time.sleep(0.1)
            done.append("all of it")

    with pytest.raises(RuntimeError, match="the look"):
        work()
    assert done == ["all of it"]
    assert looks == [1], "one that fails is not repeated"


def test_failed_work_is_not_looked_at_again() -> None:
    looks: list[int] = []

    def work() -> None:
        with watching(lambda: looks.append(1), every_seconds=60):
            raise ValueError("the work")

    with pytest.raises(ValueError, match="the work"):
        work()
    assert looks == []
