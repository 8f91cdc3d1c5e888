from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkmesos_core.errors import TimedOutError
from sparkmesos_core.localcluster import cluster
from sparkmesos_core.localcluster.cluster import ClusterSpec, cluster_in_thread


def test_an_interruption_while_it_starts_leaves_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise KeyboardInterrupt

    monkeypatch.setattr(cluster, "threading", SimpleNamespace(Event=Interrupted, Thread=threading.Thread))
    threads = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), cluster_in_thread(ClusterSpec(work_dir=tmp_path)):
        pass
    assert set(threading.enumerate()) <= threads


def test_nothing_of_zookeeper_is_loaded_without_need(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from sparkmesos_core.localcluster.cluster import ClusterSpec, cluster_in_thread\n"
        "with cluster_in_thread(ClusterSpec(work_dir=pathlib.Path(sys.argv[1]))): pass\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'kazoo'])"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert process.stdout == "[]\n"


def test_what_does_not_happen_in_time_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: int) -> None:
        await asyncio.Event().wait()

    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as running:
        monkeypatch.setattr(cluster, "_PATIENCE_SECONDS", 0.05)
        monkeypatch.setattr(running.nodes, "pause_agent", never)
        with pytest.raises(TimedOutError, match=r"has not done what it was told after 0\.05 s"):
            running.control.pause_agent(0)


@pytest.mark.parametrize("address", ["127.0.0.1:5050", ["127.0.0.1"], 5, {"ip": ["a"]}, None])
def test_a_foreign_leader_is_none_of_ours(
    address: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cluster_in_thread(ClusterSpec(work_dir=tmp_path)) as running:
        told: list[object] = []
        monkeypatch.setattr(running.nodes, "_leader_is", told.append)
        running.nodes._told({"id": "x", "address": address})
        assert told == [None]
