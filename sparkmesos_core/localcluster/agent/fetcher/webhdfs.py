"""Files of HDFS over WebHDFS, for machines without a Hadoop client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.agent.fetcher.content import PIECE_BYTES, Content
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.localcluster.agent.fetcher.network_failures import network_failure
from sparkmesos_core.localcluster.agent.fetcher.uris import authority_and_path, scheme_of
from sparkmesos_core.storage.hadoop_configuration import (
    configuration_folder,
    hadoop_settings,
    hadoop_user,
    namenode_addresses,
)
from sparkmesos_core.storage.namenodes import (
    DatanodeError,
    NameNodes,
    NoNamenodeError,
    RefusedError,
    WebHdfsAccess,
)

SCHEMES = ("hdfs", "webhdfs", "swebhdfs")


@contextmanager
def open_webhdfs(location: str, stall_seconds: float) -> Iterator[Content]:
    """The file that an hdfs, webhdfs or swebhdfs URI names. Raises FetchError if it cannot be had."""
    with _asking(location, stall_seconds) as (namenodes, path):
        size = int(_status(namenodes, path)["length"])
        yield Content(namenodes.read(path, PIECE_BYTES), size)


def webhdfs_size(location: str, stall_seconds: float) -> int:
    """How many bytes the file has. Raises FetchError if it cannot be asked for, or is none."""
    with _asking(location, stall_seconds) as (namenodes, path):
        return int(_status(namenodes, path)["length"])


@contextmanager
def _asking(location: str, stall_seconds: float) -> Iterator[tuple[NameNodes, str]]:
    authority, path = authority_and_path(location)
    if "@" in authority:
        raise FetchError("WebHDFS takes no user name or password in a URI: set HADOOP_USER_NAME")

    def explain(error: BaseException, host: str) -> str:
        return network_failure(error, host, stall_seconds)

    try:
        settings = hadoop_settings(configuration_folder(os.environ))
        addresses = namenode_addresses(scheme_of(location) or "", authority, settings)
        access = WebHdfsAccess(hadoop_user(os.environ), stall_seconds=stall_seconds)
        namenodes = NameNodes(addresses, access, explain)
        try:
            yield namenodes, path
        finally:
            namenodes.close()
    except UsageError as error:
        raise FetchError(error.message) from None
    except NoNamenodeError as error:
        raise FetchError(
            f"{error}. Set HADOOP_CONF_DIR to the folder of hdfs-site.xml, or HADOOP_HOME to a Hadoop client"
        ) from None
    except RefusedError as error:
        raise FetchError(f"the namenode at {error}") from None
    except DatanodeError as error:
        host = error.host.rpartition(":")[0]
        raise FetchError(f"the datanode at {error.host}: {explain(error.__cause__ or error, host)}") from None


def _status(namenodes: NameNodes, path: str) -> dict[str, Any]:
    def ask(client: Any) -> dict[str, Any]:
        status: dict[str, Any] = client.status(path)
        status["length"], status["type"]  # KeyError: not what a namenode answers
        return status

    status = namenodes.ask(ask)
    if status["type"] != "FILE":
        raise FetchError(f"'{path}' is a directory")
    return status
