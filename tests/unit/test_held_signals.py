"""Signals that are held back."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from sparkmesos_core.held_signals import held_signals


def interrupted(then: Callable[[], None]) -> None:
    with held_signals():
        signal.raise_signal(signal.SIGINT)
        then()


def fail() -> None:
    raise ValueError


def test_they_have_their_effect_afterwards() -> None:
    done: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(lambda: done.append(True))
    assert done == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_in_the_block_does_not_hide_them() -> None:
    with pytest.raises(KeyboardInterrupt) as raised:
        interrupted(fail)
    assert isinstance(raised.value.__context__, ValueError)


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with held_signals():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_programs_started_meanwhile_obey() -> None:
    with held_signals():
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    assert process.stdin is not None
    process.stdin.close()


def test_other_threads_are_left_alone() -> None:
    def check() -> None:
        with held_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    seen: list[object] = []
    thread = threading.Thread(target=check)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
