"""A stage of agents with networks of their own: an embedded cluster in a process that has moved into one.

Nothing outside gets there. So the process does as it is told on its input, in lines of JSON, and commands are run
beside it, as users do it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import IO, Any

import psutil
import pytest
import requests

from sparkmesos_core.errors import LocalClusterError, SparkMesosError
from sparkmesos_core.localcluster.agent.executor_environment import default_executor_environment
from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from sparkmesos_core.localcluster.network.namespaces import enter_own_network
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java

_ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0


class NamespacedCluster:
    """The cluster as it is seen from outside."""

    def __init__(self, process: subprocess.Popen[str], started: Mapping[str, Any]) -> None:
        self.pid = process.pid
        self.url: str = started["url"]
        """What `--master` takes."""
        self.http_url: str = started["http_url"]
        self.agent_urls: list[str] = started["agent_urls"]
        self.inside: list[str] = started["inside"]
        """What to put in front of a command."""
        self._process = process
        self._turn = threading.Lock()

    def control(self, method: str, *arguments: int) -> Any:
        """Call a method of ClusterControl."""
        return self._ask(control=method, arguments=arguments)

    def get(self, url: str) -> Any:
        """The JSON at a URL."""
        return self._ask(get=url)

    def _ask(self, **request: Any) -> Any:
        with self._turn:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return _answer(self._process)


def need_network_namespaces() -> None:
    """Skip the test where this machine does not allow them, or fail it with CI=true."""
    tried = subprocess.run(
        [sys.executable, "-m", __name__, "try"], cwd=_ROOT, capture_output=True, text=True, timeout=60
    )
    if tried.returncode == 0:
        return
    if os.environ.get("CI"):
        pytest.fail(tried.stderr, pytrace=False)
    pytest.skip(tried.stderr)


@contextlib.contextmanager
def namespaced_cluster(
    work_dir: Path, agents: Sequence[Mapping[str, Any]], **options: Any
) -> Iterator[NamespacedCluster]:
    """A cluster for the length of the block, with agents of these fields; `options` are fields of ClusterSpec.

    Its log is `stage.log` in the work dir.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with (
        (work_dir / "stage.log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", __name__, "serve"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        told = {"work_dir": str(work_dir), "agents": list(agents), "options": options}
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        try:
            yield NamespacedCluster(process, _answer(process))
        finally:
            with contextlib.suppress(OSError):  # it has ended already
                process.stdin.close()
            try:
                process.wait(_PATIENCE)
            finally:
                process.kill()


def network_of(pid: int) -> str | None:
    """The network namespace of a process; None if it has ended, or is somebody else's."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    return None


def living_in(networks: Set[str | None]) -> set[int]:
    """The processes in these network namespaces."""
    return {pid for pid in psutil.pids() if network_of(pid) in networks - {None}}


def _answer(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the cluster's process has ended, its log says why"
    answer = json.loads(line)
    assert "error" not in answer, answer["error"]
    return answer["is"]


# --- in the process


def _main(mode: str) -> int:
    try:
        network = enter_own_network()
        if mode == "try":
            network.agent_namespace(0).close()
            return 0
    except LocalClusterError as error:
        print(f"{error.message}. {error.hint}", file=sys.stderr)
        return 1
    told = json.loads(sys.stdin.readline())
    spark = find_spark(None, {})
    spec = ClusterSpec(
        work_dir=Path(told["work_dir"]),
        agents=tuple(AgentSpec(**agent) for agent in told["agents"]),
        host=network.address,
        network=network,
        executor_environment=default_executor_environment(find_java(spark, {})),
        **told["options"],
    )
    with cluster_in_thread(spec) as cluster:
        _say(
            {
                "url": cluster.url,
                "http_url": cluster.http_url,
                "agent_urls": cluster.agent_urls,
                "inside": network.command_inside(),
            }
        )
        _obey(cluster, sys.stdin)
    return 0


def _obey(cluster: RunningCluster, requested: IO[str]) -> None:
    """Until there is nothing more to read: the test has ended, however it did."""
    for line in requested:
        request = json.loads(line)
        try:
            if "get" in request:
                _say(requests.get(request["get"], timeout=_PATIENCE).json())
            else:
                _say(getattr(cluster.control, request["control"])(*request["arguments"]))
        except (SparkMesosError, requests.RequestException, ValueError) as error:
            _say(None, str(error))


def _say(what: Any, error: str | None = None) -> None:
    print(json.dumps({"is": what} if error is None else {"error": error}), flush=True)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
