from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkmesos_core.localcluster import cluster
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, cluster_in_thread, resources_text
from sparkmesos_core.mesos.resources import Ranges, Resources


def ports(number: int, agents: int) -> Ranges:
    value = Resources.parse(resources_text(AgentSpec(), number, agents)).total("ports")
    assert isinstance(value, Ranges)
    return value


def test_a_few_agents_have_a_thousand_ports_each() -> None:
    assert ports(0, 3) == Ranges(((31000, 31999),))
    assert ports(2, 3) == Ranges(((33000, 33999),))


@pytest.mark.parametrize("agents", [1, 30, 31, 36, 100, 1000])
def test_every_agent_has_ports_of_its_own_that_exist(agents: int) -> None:
    taken = [ports(number, agents).pairs[0] for number in range(agents)]
    assert len({end - begin for begin, end in taken}) == 1
    assert all(end < begin for (_, end), (begin, _) in pairwise(taken))
    assert taken[0][0] == 31000
    assert taken[-1][1] < 61000


def test_what_is_given_is_left_as_it_is() -> None:
    assert "ports:[1-5]" in resources_text(AgentSpec(ports="[1-5]"), 50, 100)
    assert resources_text(AgentSpec(resources="cpus:1"), 50, 100) == "cpus:1"


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
