"""What the preflight reads of an agent's flags, as a real agent and the embedded one tell them."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from sparkmesos_core.localcluster.cluster import ClusterSpec, cluster_in_thread
from sparkmesos_core.preflight.agent_flags import executors_path, read_agent_flags, shares_files
from tests.contract.recorded import RECORDINGS, load
from tests.unit.preflight.clusters import agent


def test_a_real_agent() -> None:
    flags = load("agent-GET_flags")["exchanges"][0]["response"]["body"]["flags"]
    # It was started without --executor_environment_variables, and its folder is of another machine.
    path = executors_path(agent(), flags)
    assert path is not None
    assert path.split(":")[-1] == "/bin"
    recorded = (RECORDINGS / "executor-http.json").read_text()
    assert f'"PATH": "{path}"' in recorded  # what its executors were given
    assert not shares_files({**flags, "work_dir": flags["work_dir"] + "/of-that-machine"})


def test_an_embedded_agent(tmp_path: Path) -> None:
    variables = {"PATH": "/opt/bin", "API_TOKEN": "tale-of-two-cities"}
    with cluster_in_thread(ClusterSpec(tmp_path, executor_environment=variables)) as cluster:
        at = urlsplit(cluster.agent_urls[0])
        assert at.hostname is not None
        assert at.port is not None
        embedded = replace(agent(), host=at.hostname, port=at.port)
        flags = read_agent_flags(embedded, deadline=time.monotonic() + 60)
    assert flags is not None
    assert executors_path(embedded, flags) == "/opt/bin"
    assert shares_files(flags)
    assert flags["executor_environment_variables"] == '{"PATH": "/opt/bin", "API_TOKEN": "***"}'
