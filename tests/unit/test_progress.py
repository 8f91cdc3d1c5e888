"""A progress of which nobody hears until somebody waits."""

from __future__ import annotations

import pytest

from sparkmesos_core.progress import HeldProgress


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def begin(self, step: str, total: int | None) -> None:
        self.heard.append(("begin", step, total))

    def advance(self, count: int) -> None:
        self.heard.append(("advance", count))

    def already(self, count: int) -> None:
        self.heard.append(("already", count))

    def end(self) -> None:
        self.heard.append(("end",))


def test_who_listens_late_hears_what_is_left() -> None:
    held, listener = HeldProgress(), Listener()
    held.begin("One", 5)
    held.advance(5)
    held.end()
    held.begin("Two", 10)
    held.advance(3)
    held.already(1)
    assert listener.heard == []
    with held.told_to(listener):
        held.advance(6)
        held.end()
        assert listener.heard == [("begin", "Two", 6), ("advance", 6), ("end",)]
        held.begin("Three", None)
        held.end()
    assert listener.heard[3:] == [("begin", "Three", None), ("end",)]


def listen_until_interrupted(held: HeldProgress, listener: Listener) -> None:
    with held.told_to(listener):
        raise KeyboardInterrupt


def test_who_listens_no_more_hears_that_it_ends() -> None:
    held, listener = HeldProgress(), Listener()
    held.begin("One", None)
    with pytest.raises(KeyboardInterrupt):
        listen_until_interrupted(held, listener)
    held.advance(1)
    held.end()
    assert listener.heard == [("begin", "One", None), ("end",)]


def test_between_steps_there_is_nothing_to_tell() -> None:
    held, listener = HeldProgress(), Listener()
    with held.told_to(listener):
        assert listener.heard == []
    assert listener.heard == []


def test_a_file_that_has_grown_has_nothing_left() -> None:
    held, listener = HeldProgress(), Listener()
    held.begin("One", 5)
    held.advance(7)
    with held.told_to(listener):
        assert listener.heard == [("begin", "One", 0)]
