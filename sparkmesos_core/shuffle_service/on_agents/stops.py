"""How often all services were stopped so far, read from ZooKeeper before anybody stands for leader.

Whoever is elected later and finds more was stopped while standing by: `--stop` means the processes that
wait for their turn, too.
"""

from __future__ import annotations

import logging

from kazoo.exceptions import NoNodeError

from sparkmesos_core.durable_framework.store.format import decode
from sparkmesos_core.durable_framework.store.znodes import Layout, unpack
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.durable_framework.store.zookeeper_requests import PATIENCE, ZooKeeperRequests
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.record import STOPS_ID, Stops
from sparkmesos_core.zookeeper_session import Session

logger = logging.getLogger(__name__)


def stops_so_far(address: ZooKeeperAddress, *, session_timeout: float, patience: float = PATIENCE) -> int:
    """The number of stops that a store in ZooKeeper holds; 0 if there is no store yet. Times are seconds.

    Raises UnreachableError if ZooKeeper does not answer at all, StoreError if it refuses.
    """
    session = Session(address.servers, address.credential, session_timeout)
    session.start(patience)
    requests = ZooKeeperRequests(address, SERVICES, session, patience)
    try:
        node = Layout(address.base, SERVICES.plural).record(STOPS_ID)
        content = requests.patiently(lambda: _content(requests, node))
        record = decode(SERVICES, STOPS_ID, unpack(content)) if content else None
    except ValueError as error:
        logger.error("%s: the number of stops is not known: %s", address, error)
        return 0
    finally:
        requests.close()
    return record.count if isinstance(record, Stops) else 0


def _content(requests: ZooKeeperRequests, node: str) -> bytes:
    try:
        content: bytes = requests.ask(requests.client.get_async(node))[0]
    except NoNodeError:
        return b""
    return content
