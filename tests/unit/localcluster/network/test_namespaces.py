"""Moving into a network of one's own where that cannot be; tests/integration/test_network_namespaces.py does it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.network.namespaces import enter_own_network


def namespaces() -> list[str]:
    return [str(Path("/proc/self/ns", kind).readlink()) for kind in ("user", "net")]


def test_a_process_with_threads_stays_where_it_is() -> None:
    before = namespaces()
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with pytest.raises(LocalClusterError, match="has threads already") as refused:
            enter_own_network()
    finally:
        done.set()
        thread.join()
    assert "before all that starts threads" in refused.value.hint
    assert namespaces() == before
