"""What the pages are told of their dispatcher when it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PagesSettings:
    """The settings that pages show or make links of. None of it may be a secret."""

    address: str
    """Where submissions go: `mesos://HOST:7077`."""
    max_drivers: int
    """How many drivers may be launched at the same time."""
    version: str
    """Of sparkmesos."""
    history_server: str = ""
    """`spark.mesos.dispatcher.historyServer.url`: it shows applications at `/history/FRAMEWORK-ID`."""
    mesos_ui: str = ""
    """`spark.mesos.proxy.baseURL`: where the web UI of Mesos is, which sandboxes are linked to in."""
