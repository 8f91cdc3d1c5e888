"""What is said if an app of Marathon names servers by a loopback address: each agent has its own."""

from __future__ import annotations

import socket
from collections.abc import Collection
from typing import TYPE_CHECKING

from sparkmesos_core.loopback import is_loopback

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.settings import DispatcherSettings
    from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

    from .terminal import Terminal


def warn_of_loopback_servers(
    terminal: Terminal,
    settings: DispatcherSettings | ServicesSettings,
    zk_variable: str,
    host: str | None,
    handed_over: Collection[str],
) -> None:
    """Says which of --master and --zk an agent other than this machine would look for on itself.

    `host` is the only agent that the process runs on; None: on any. `zk_variable` is what may be set instead
    of --zk; of `handed_over` are the variables whose values come from Marathon's store.
    """
    from sparkmesos_core.master import ZooKeeperMaster

    if host is not None and (is_loopback(host) or host.lower() == socket.gethostname().lower()):
        return
    master, zookeeper = settings.parsed_master, settings.zookeeper_address
    masters = master.servers if isinstance(master, ZooKeeperMaster) else master.hosts
    for option, variable, written, servers in (
        ("--master", "SPARKMESOS_MASTER", "mesos://HOST:5050", masters),
        ("--zk", zk_variable, "HOST:2181", () if zookeeper is None else zookeeper.servers),
    ):
        near = [str(one) for one in servers if is_loopback(one.host)]
        if near and variable not in handed_over:
            terminal.warn(
                f"{', '.join(near)} of {option} is on this machine, and an agent would look for it on itself",
                hint=f"Unless it is there, too, give the name that agents know it by: {option} {written}",
            )
