"""A progress of which nobody hears until somebody waits."""

from __future__ import annotations

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


def test_who_listens_late_hears_how_far_it_is() -> None:
    held, listener = HeldProgress(), Listener()
    held.begin("One", 5)
    held.advance(5)
    held.end()
    held.begin("Two", 10)
    held.advance(3)
    held.already(1)
    assert listener.heard == []
    held.tell(listener)
    held.advance(6)
    held.end()
    assert listener.heard == [("begin", "Two", 10), ("advance", 4), ("advance", 6), ("end",)]
    held.begin("Three", None)
    held.end()
    assert listener.heard[4:] == [("begin", "Three", None), ("end",)]


def test_who_listens_no_more_hears_that_it_ends() -> None:
    held, listener = HeldProgress(), Listener()
    held.begin("One", None)
    held.tell(listener)
    held.hush()
    held.advance(1)
    held.end()
    assert listener.heard == [("begin", "One", None), ("advance", 0), ("end",)]


def test_between_steps_there_is_nothing_to_tell() -> None:
    held, listener = HeldProgress(), Listener()
    held.tell(listener)
    held.hush()
    assert listener.heard == []
