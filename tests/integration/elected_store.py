"""A store in ZooKeeper, opened as by a dispatcher that was elected just now."""

from __future__ import annotations

import uuid
from contextlib import closing

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.store.ownership import Fence, begin_epoch
from sparkmesos_core.durable_framework.store.store import Store
from sparkmesos_core.durable_framework.store.znodes import Layout
from sparkmesos_core.durable_framework.store.zookeeper import open_zookeeper
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.durable_framework.store.zookeeper_nodes import prepare_nodes
from sparkmesos_core.durable_framework.store.zookeeper_requests import ZooKeeperRequests
from sparkmesos_core.zookeeper_session import Session


def take_over(place: ZooKeeperAddress, session_timeout: float, patience: float) -> Fence:
    """Make the nodes that are missing, and begin an epoch. Raises as an `Election` does."""
    session = Session(place.servers, place.credential, session_timeout)
    session.start(patience)
    requests = ZooKeeperRequests(place, DRIVERS, session, patience)
    with closing(requests):
        prepare_nodes(requests)
        layout = Layout(place.base, DRIVERS.plural)
        node = session.client.create(
            layout.candidate(f"{uuid.uuid4().hex}-"), acl=requests.acl, ephemeral=True, sequence=True
        )
        return begin_epoch(session, layout, node.rpartition("/")[2])


def open_elected(place: ZooKeeperAddress, session_timeout: float, patience: float) -> Store[Driver]:
    """A store whose writes succeed until somebody else takes over."""
    fence = take_over(place, session_timeout, patience)
    return open_zookeeper(place, fence, DRIVERS, session_timeout=session_timeout, patience=patience)
