"""Which ZooKeeper, and which node in it, records are kept under."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.durable_framework.record import RecordKind
from sparkmesos_core.errors import MasterUrlError, UsageError
from sparkmesos_core.master import Credential, HostPort, ZooKeeperMaster, parse_master

_HINT = (
    "Write HOST1:2181,HOST2:2181, or USER:PASSWORD@HOST1:2181,HOST2:2181 for nodes that only this user may"
    " see, best in a properties file that only you can read"
)


@dataclass(frozen=True)
class ZooKeeperAddress:
    """The servers, the node that all others are below, and whom these belong to (None: everybody)."""

    servers: tuple[HostPort, ...]
    base: str
    credential: Credential | None = None

    def __str__(self) -> str:
        """For people: without the password."""
        return f"{self.base} in ZooKeeper ({','.join(map(str, self.servers))})"


def parse_zookeeper(servers: str, base: str | None, kind: RecordKind[Any]) -> ZooKeeperAddress:
    """From `spark.deploy.zookeeper.url` (or `--zk`) and `spark.deploy.zookeeper.dir`, None without one.

    Without a base the one that records of this kind have by default is taken.
    Servers are written as Spark wants them, `h1:2181,h2:2181`, with `USER:PASSWORD@` in front of all for
    nodes that are theirs alone; a URL, `zk://h1:2181/path`, is understood, too, and has the base in it unless
    that is given. Raises UsageError, which never quotes a password.
    """
    text = re.sub(r"^(mesos://)?zk://", "", servers.strip(), flags=re.IGNORECASE)
    hosts, slash, path = text.partition("/")
    if base is not None and not base.startswith("/"):
        raise UsageError(f"The node '{base}' in ZooKeeper does not begin with a /", hint="Write it as /a/b")
    if base is None:
        base = slash + path if path.strip("/") else kind.zookeeper_base
    try:
        parsed = parse_master(f"mesos://zk://{hosts}{base}")
    except MasterUrlError as error:
        raise UsageError(f"The ZooKeeper servers cannot be understood: {error.message}", hint=_HINT) from None
    assert isinstance(parsed, ZooKeeperMaster)
    return ZooKeeperAddress(parsed.servers, parsed.path, parsed.credential)
