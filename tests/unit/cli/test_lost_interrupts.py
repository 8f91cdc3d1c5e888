"""An interrupt in a callback, where Python cannot raise it, ends the program all the same."""

import subprocess
import sys

_PROGRAM = """
import os, signal, sys, time, weakref
from sparkmesos_cli import lost_interrupts
from sparkmesos_cli.main import _interrupt

class Thing:
    pass

signal.signal(signal.SIGTERM, _interrupt)
if sys.argv[1] == "brought back":
    lost_interrupts.bring_back()

def callback(_reference):
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):
        pass

thing = Thing()
reference = weakref.ref(thing, callback)
try:
    del thing
    print("went on", flush=True)
    time.sleep(float(sys.argv[2]))
    print("slept")
except KeyboardInterrupt:
    print("interrupted")
"""


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=True, timeout=60
    )


def test_an_interrupt_in_a_callback_comes_again() -> None:
    done = _run("brought back", "50")
    assert done.stdout == "went on\ninterrupted\n"
    assert done.stderr == ""


def test_without_that_python_forgets_it() -> None:
    done = _run("forgotten", "0")
    assert done.stdout == "went on\nslept\n"
    assert "Exception ignored" in done.stderr


def test_other_errors_in_callbacks_are_shown_as_ever() -> None:
    program = (
        "from sparkmesos_cli import lost_interrupts\n"
        "lost_interrupts.bring_back()\n"
        "class Broken:\n    def __del__(self):\n        raise ValueError('as ever')\n"
        "Broken()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "as ever" in done.stderr
