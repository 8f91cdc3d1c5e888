"""Nodes that a durable framework needs in ZooKeeper: missing ones are made, others' left alone."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import Any

from kazoo.exceptions import NodeExistsError, NoNodeError
from kazoo.security import OPEN_ACL_UNSAFE

from sparkmesos_core.durable_framework.store import znodes
from sparkmesos_core.durable_framework.store.znodes import Layout
from sparkmesos_core.durable_framework.store.zookeeper_requests import ZooKeeperRequests
from sparkmesos_core.errors import StoreError

logger = logging.getLogger(__name__)

_FROM_SPARK = {"launchedDrivers", "driverQueue", "retryList"}


def prepare_nodes(requests: ZooKeeperRequests) -> None:
    """Make the nodes that are missing, for records of the requests' kind.

    Raises StoreError if ZooKeeper does not answer or refuses, or if the nodes are those of a newer version,
    of records of another kind, or of Spark's own dispatcher.
    """
    nodes = _Nodes(requests)
    requests.patiently(nodes.make)
    requests.patiently(nodes.protect)


class _Nodes:
    def __init__(self, requests: ZooKeeperRequests) -> None:
        self._kind = requests.kind
        self._requests = requests
        self._client = requests.client
        self._ask = requests.ask
        self._address = requests.address
        self._layout = Layout(requests.address.base, requests.kind.plural)

    def make(self) -> None:
        layout = self._layout
        if self._ask(self._client.exists_async(layout.base)) is None:
            # Only what is below the base is ours alone: others may want to have nodes beside it.
            nodes = layout.base.split("/")
            for depth in range(2, len(nodes)):
                self._make("/".join(nodes[:depth]), b"", OPEN_ACL_UNSAFE)
            self._make(layout.base, b"", self._requests.acl)
        children = set(self._ask(self._client.get_children_async(layout.base)))
        if "format" not in children and children & _FROM_SPARK:
            raise StoreError(
                f"{self._address} holds the drivers of Spark's own dispatcher, which only Java can read",
                hint="Choose another node in spark.deploy.zookeeper.dir",
            )
        if "format" in children and self._kind.plural not in children and children - self._names():
            raise self._not_ours()  # a base that another kind of records has got
        self._make(layout.format, json.dumps({"version": self._kind.version}).encode(), self._requests.acl)
        self._check_version(self._ask(self._client.get_async(layout.format))[0])
        for path, content in (
            (layout.candidates, b""),
            (layout.epoch, b""),
            (layout.framework, znodes.framework_content(None)),
            (layout.numbers, znodes.numbers_content(1)),
            (layout.journal, b""),
            (layout.records, b""),
        ):
            self._make(path, content, self._requests.acl)

    def _names(self) -> set[str]:
        """The nodes right below a base, whatever the records that it is for."""
        layout = self._layout
        paths = (layout.format, layout.candidates, layout.epoch, layout.framework, layout.numbers)
        return {path.rpartition("/")[2] for path in (*paths, layout.journal)}

    def _not_ours(self) -> StoreError:
        return StoreError(
            f"{self._address} holds what is not the {self._kind.plural} of a {self._kind.holder}",
            hint="Choose another node in spark.deploy.zookeeper.dir",
        )

    def _make(self, path: str, content: bytes, acl: Any) -> None:
        with suppress(NodeExistsError):
            self._ask(self._client.create_async(path, content, acl=acl))

    def _check_version(self, content: bytes) -> None:
        try:
            version = json.loads(content)["version"]
            newer = version > self._kind.version
        except (ValueError, KeyError, TypeError):
            raise self._not_ours() from None
        if newer:
            raise StoreError(
                f"{self._address} was written by a newer sparkmesos"
                f" (version {version} of the format, and {self._kind.version} is what this one understands)",
                hint="Use that sparkmesos again, or choose another node in spark.deploy.zookeeper.dir",
            )

    def protect(self) -> None:
        """Close nodes that were made without credentials, now that there are some: they hold secrets."""
        if self._address.credential is None:
            return
        base = self._layout.base
        if not self._is_open(base) and not self._is_open(self._layout.records):
            return
        logger.warning("%s was open to everybody, and is closed now to all but its user.", self._address)
        pending = [base]
        for path in pending:
            with suppress(NoNodeError):
                pending += [f"{path}/{name}" for name in self._ask(self._client.get_children_async(path))]
        # The base comes last: until it is closed, this is done again.
        for path in reversed(pending):
            with suppress(NoNodeError):
                self._ask(self._client.set_acls_async(path, self._requests.acl))

    def _is_open(self, path: str) -> bool:
        entries, _ = self._ask(self._client.get_acls_async(path))
        return any(entry.id.scheme == "world" for entry in entries)
