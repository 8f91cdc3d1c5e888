"""An embedded cluster in a process of its own, so that what it takes can be told from what measures it."""

from __future__ import annotations

import asyncio
import contextlib
import cProfile
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from sparkmesos_core.localcluster.cluster import running_cluster
from sparkmesos_core.localcluster.cluster_spec import ClusterSpec


@dataclass(frozen=True)
class ClusterProcess:
    """Where the cluster is: the master's HTTP URL, its URL for Spark, and the process with all of it."""

    http_url: str
    url: str
    pid: int


@contextlib.contextmanager
def cluster_process(spec: ClusterSpec, profile: Path | None = None) -> Iterator[ClusterProcess]:
    """A cluster for the length of the block; `profile` is a file to write the statistics of cProfile to.

    The daemon of `start-local-cluster` is the same, but has no options for heartbeats and allocation.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(spec, theirs, profile))
    process.start()
    theirs.close()
    try:
        http_url, url = ours.recv()
        assert process.pid is not None
        yield ClusterProcess(http_url, url, process.pid)
    finally:
        ours.close()  # the cluster ends when it notices
        process.join()


def _serve(spec: ClusterSpec, parent: Connection, profile: Path | None) -> None:
    if profile is None:
        asyncio.run(_run(spec, parent))
        return
    profiler = cProfile.Profile()
    try:
        profiler.runcall(asyncio.run, _run(spec, parent))
    finally:
        profiler.dump_stats(profile)


async def _run(spec: ClusterSpec, parent: Connection) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with running_cluster(spec) as cluster:
        parent.send((cluster.http_url, cluster.url))
        loop.add_reader(parent.fileno(), stopped.set)
        await stopped.wait()
        loop.remove_reader(parent.fileno())
