from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from sparkmesos_core.localcluster.agent import process_table
from sparkmesos_core.localcluster.agent.process_table import Snapshot, take_snapshot


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    # Its name is as nasty as names can be.
    argv = ["a) R 1 (b", "-c", "import sys; print('ready', flush=True); sys.stdin.read()"]
    with subprocess.Popen(
        argv,
        executable=sys.executable,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_process_is_found_by_its_session_and_its_parent(child: subprocess.Popen[bytes]) -> None:
    snapshot = take_snapshot()
    assert [process.pid for process in snapshot.members(child.pid)] == [child.pid]
    assert child.pid in snapshot.children[os.getpid()]
    known = snapshot.members(child.pid)
    assert snapshot.still(known, -1) == known


def test_both_ways_of_looking_see_the_same(child: subprocess.Popen[bytes]) -> None:
    others = process_table._snapshot_of_others()
    ours = take_snapshot()
    for snapshot in (others, ours):
        assert child.pid in snapshot.alive
        assert snapshot.sessions[child.pid] == [child.pid]
        assert child.pid in snapshot.children[os.getpid()]


def test_who_has_ended_is_not_there(child: subprocess.Popen[bytes]) -> None:
    before = take_snapshot()
    known = before.members(child.pid)
    child.kill()
    psutil.wait_procs(known, timeout=10)
    after = take_snapshot()
    assert after.members(child.pid) == []
    assert after.still(known, child.pid) == []
    assert before.members(child.pid) == [], "it has ended since"


def test_an_id_that_was_given_to_another_process_is_not_mistaken(child: subprocess.Popen[bytes]) -> None:
    snapshot = Snapshot()
    snapshot.add(child.pid, os.getpid(), child.pid, zombie=False, started=1.0)
    assert snapshot.members(child.pid) == []
