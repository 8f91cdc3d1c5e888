from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

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
