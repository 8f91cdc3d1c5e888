"""Who an owner is, and whether it can still be there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.durable_framework.store import ownership
from sparkmesos_core.durable_framework.store.ownership import read_owner, this_process

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux' /proc")


def test_there_and_back() -> None:
    ours = this_process()
    assert read_owner(ours.encode()) == ours
    assert not ours.has_ended


@given(st.binary())
def test_anything_else_is_nobody(content: bytes) -> None:
    assert read_owner(content) is None


@linux
def test_only_an_end_that_is_sure_is_one() -> None:
    ours = this_process()
    assert ours.machine
    assert replace(ours, started="1").has_ended  # another process had our pid
    for unsure in (replace(ours, machine=""), replace(ours, machine="another boot, or container")):
        assert not replace(unsure, pid=0, started="1").has_ended


@linux
def test_a_process_that_proc_does_not_show_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other users are hidden with the option hidepid."""
    ours = this_process()
    monkeypatch.setattr(ownership, "_started", lambda pid: None)
    assert not ours.has_ended

    def refuse(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not ours.has_ended


@linux
@pytest.mark.parametrize("pid", [(1 << 31) - 1, 1 << 70])
def test_a_number_that_no_process_has(pid: int) -> None:
    assert replace(this_process(), pid=pid).has_ended


@linux
def test_a_process_that_has_ended() -> None:
    program = (
        "import sys; from sparkmesos_core.durable_framework.store.ownership import this_process\n"
        "print(this_process().encode().decode(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        owner = read_owner(process.stdout.readline())
        assert owner is not None
        assert owner.pid == process.pid
        assert not owner.has_ended
    assert owner.has_ended
