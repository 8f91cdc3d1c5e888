"""What the log of a JVM says about its end."""

from __future__ import annotations

import pytest

from sparkmesos_core.shuffle_service.on_this_machine.java_process import (
    ended_as_asked,
    how_it_ended,
    reason_in,
)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", ""),
        ("26/11/23 12:00:00 INFO Some: thing\nError in the middle\n", ""),
        (
            "INFO Starting\n"
            'Exception in thread "main" java.net.BindException: Address already in use\n'
            "\tat java.base/sun.nio.ch.Net.bind0(Native Method)\n",
            "java.net.BindException: Address already in use",
        ),
        (
            'Exception in thread "main" java.lang.RuntimeException: x\n\tat a.B\n'
            "Caused by: java.lang.IllegalStateException: y\n\tat a.C\n"
            "Caused by: java.io.IOException: -Dspark.authenticate.secret=hush\n\t... 3 more\n",
            "java.io.IOException: -Dspark.authenticate.secret=***",
        ),
        (
            "Error: A JNI error has occurred\n"
            'Exception in thread "main" java.lang.InternalError: no file\n\tat a.B\n',
            "java.lang.InternalError: no file",
        ),
        (
            "Unrecognized VM option 'Foo'\nError: Could not create the Java Virtual Machine.\n",
            "Unrecognized VM option 'Foo'",
        ),
        ("Invalid maximum heap size: -Xmxfoo\nError: Could not\n", "Invalid maximum heap size: -Xmxfoo"),
        (
            "Error occurred during initialization of VM\nCould not reserve enough space\n",
            "Could not reserve enough space",
        ),
        ("Error occurred during initialization of VM\n", ""),
        ("Error: Could not find or load main class x\n", "Error: Could not find or load main class x"),
    ],
)
def test_reason(log: str, reason: str) -> None:
    assert reason_in(log) == reason


@pytest.mark.parametrize(
    ("status", "asked", "words"),
    [(143, True, "exit status 143"), (-15, True, "killed by signal 15"), (1, False, "exit status 1")],
)
def test_ends(status: int, asked: bool, words: str) -> None:
    assert ended_as_asked(status) is asked
    assert how_it_ended(status) == words


def test_a_killed_one_was_not_asked() -> None:
    assert not ended_as_asked(-9)
    assert not ended_as_asked(0)
