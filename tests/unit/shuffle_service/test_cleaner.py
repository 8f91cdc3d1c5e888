"""Whether a service's cleaner lives, read from dumps of threads."""

from __future__ import annotations

import pytest

from sparkmesos_core.shuffle_service.cleaner import cleaner_lives

DUMP = """2026-11-23 13:21:11
Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):

"main" #1 prio=5 os_prio=0 cpu=1607.30ms elapsed=9.83s tid=0x1 nid=0x58e8 waiting on condition  [0x7f]
   java.lang.Thread.State: WAITING (parking)
\tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)

"{name}" #15 daemon prio=5 os_prio=0 cpu=5.21ms elapsed=7.99s tid=0x2 nid=0x5923 waiting on condition  [0x7f]
   java.lang.Thread.State: {state}
\tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)

"shuffle-boss-2-1" #16 daemon prio=5 os_prio=0 cpu=5.61ms elapsed=7.72s tid=0x3 nid=0x5936 runnable  [0x7f]
   java.lang.Thread.State: TIMED_WAITING (parking)
"""


@pytest.mark.parametrize(
    ("name", "state", "lives"),
    [
        ("shuffle-cleaner-watcher", "TIMED_WAITING (parking)", True),
        ("shuffle-cleaner-watcher", "WAITING (parking)", False),
        ("shuffle-cleaner-watcher", "RUNNABLE", None),
        ("shuffle-cleaner-watcher", "BLOCKED (on object monitor)", None),
        ("not-shuffle-cleaner-watcher", "WAITING (parking)", None),
        ("shuffle-cleaner-watcher-2", "WAITING (parking)", None),
    ],
)
def test_what_its_thread_does(name: str, state: str, lives: bool | None) -> None:
    assert cleaner_lives(DUMP.format(name=name, state=state)) is lives


@pytest.mark.parametrize("dump", ["", "Unable to open", '"shuffle-cleaner-watcher" #15 daemon\n'])
def test_no_dump_tells_nothing(dump: str) -> None:
    assert cleaner_lives(dump) is None
