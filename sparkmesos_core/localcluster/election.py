"""Masters that elect their leader through ZooKeeper, and agents that learn of it, as Mesos' do.

Each master has a session of its own, and in it one ephemeral, sequential node `json.info_NNNNNNNNNN` that
holds its MasterInfo; the one with the smallest number leads. The node of a master that dies goes when its
session times out, not before. Who cannot reach ZooKeeper for as long as a session lasts takes it as lost,
since nobody can tell it (libmesos' rule). As recorded from Mesos 1.12.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, ConnectionLoss, KazooException, NoAuthError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.protocol.states import KazooState
from kazoo.security import CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

from sparkmesos_core.errors import LocalClusterError, SparkMesosError, UnreachableError
from sparkmesos_core.master import ZooKeeperMaster
from sparkmesos_core.mesos.leader import choose_member

JsonObject = dict[str, Any]

LABEL = "json.info_"
REPLICAS = "log_replicas"
"""Where real masters find each other's replicated log. There is none here, but it is among the masters."""

_RETRY_SECONDS = 0.5
logger = logging.getLogger(__name__)
_silent = logging.getLogger(f"{__name__}.client")


class ElectionMember:
    """One session at ZooKeeper: that of a master, if it has a MasterInfo, else of somebody who only watches.

    `tell` is called on the event loop with the leader's MasterInfo at every change; with None when there is
    no leader, or when ZooKeeper could not be asked for as long as a session lasts. A master that has led
    and is told of anybody else has lost; it does not stand again. `session_timeout` is in seconds.
    """

    def __init__(
        self,
        zookeeper: ZooKeeperMaster,
        tell: Callable[[JsonObject | None], None],
        *,
        info: JsonObject | None = None,
        session_timeout: float,
    ) -> None:
        self._zookeeper = zookeeper
        self._tell = tell
        self._info = info
        self._session_timeout = session_timeout
        self._loop = asyncio.get_running_loop()
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self._sockets: list[socket.socket] = []
        self._ending = False
        self._changed = threading.Event()
        self._lost_since: float | None = time.monotonic()
        self._told: list[JsonObject | None] = []
        self._own_session: int | None = None  # in which the node was made
        self._defeated = False
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._work, name="embedded-mesos-election", daemon=True)

    async def start(self, timeout: float) -> None:
        """Begin, and return when the node is there and the leader was told.

        Raises UnreachableError if ZooKeeper does not answer within `timeout` seconds, LocalClusterError if it
        does not allow it. Then, as ever, it wants to be closed.
        """
        self._client.add_listener(self._on_state)
        self._client.start_async()
        self._thread.start()
        try:
            await asyncio.wait_for(self._settled, timeout)
        except asyncio.TimeoutError:
            raise UnreachableError(
                f"ZooKeeper ({self._servers}) does not answer (waited {timeout:g} s)",
                hint="Check the address, and that ZooKeeper is running",
            ) from None

    def kill(self) -> None:
        """Cut the connection as when the process dies: the session, and its node, last a while yet."""
        self._ending = True
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """End; unless it was killed, the session and the node end, too. Its threads have ended afterwards."""
        self._ending = True
        self._changed.set()
        if not self._settled.done():
            self._settled.cancel()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with contextlib.suppress(KazooException, OSError):
            self._client.stop()
        self._client.close()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def _servers(self) -> str:
        return ",".join(map(str, self._zookeeper.servers))

    def _make_client(self) -> KazooClient:
        # The library logs each try to connect and, at level DEBUG, the password.
        for library in (logging.getLogger("kazoo"), _silent):
            library.setLevel(logging.CRITICAL + 1)
        handler = SequentialThreadingHandler()
        connect = handler.create_connection

        def create_connection(*args: Any, **kwargs: Any) -> socket.socket:
            if self._ending:
                raise ConnectionRefusedError("this member has ended")
            connection: socket.socket = connect(*args, **kwargs)
            self._sockets = [connection]
            return connection

        handler.create_connection = create_connection
        credential = self._zookeeper.credential
        return KazooClient(
            hosts=self._servers,
            timeout=self._session_timeout,
            handler=handler,
            auth_data=[("digest", credential.digest)] if credential else None,
            logger=_silent,
        )

    # --- in kazoo's threads

    def _on_state(self, state: Any) -> None:
        if state == KazooState.CONNECTED:
            self._lost_since = None
        elif state == KazooState.LOST:
            self._lost_since = time.monotonic() - self._session_timeout
        elif self._lost_since is None:
            self._lost_since = time.monotonic()
        self._changed.set()

    def _wake(self, _event: object) -> None:
        self._changed.set()

    # --- in a thread of its own

    def _work(self) -> None:
        while not self._ending:
            self._changed.clear()
            try:
                wait = self._look()
            except (NoAuthError, AuthFailedError):
                self._fail(
                    LocalClusterError(
                        f"ZooKeeper does not let the masters write to {self._zookeeper.path}",
                        hint="Give the credentials of whoever made this node (zk://USER:PASSWORD@HOST/PATH), "
                        "or another path",
                    )
                )
                wait = self._session_timeout
            except (KazooException, KazooTimeoutError) as error:
                logger.info("ZooKeeper (%s): %s; trying again", self._servers, type(error).__name__)
                wait = _RETRY_SECONDS
            except Exception:  # without this thread nobody would ever hear of another leader
                logger.exception("The election could not be looked at; trying again")
                wait = _RETRY_SECONDS
            self._changed.wait(wait)

    def _look(self) -> float | None:
        """Look who leads, and tell; returns the seconds to look again after, None to wait for news."""
        lost_since = self._lost_since
        if lost_since is not None:
            left = lost_since + self._session_timeout - time.monotonic()
            if left <= 0:
                self._report(None)
                return None
            return left
        if self._info is not None:
            self._contend(self._info)
        else:
            self._ask(self._client.ensure_path_async(self._zookeeper.path, acl=self._acl))
        children = self._ask(self._client.get_children_async(self._zookeeper.path, self._wake))
        name = choose_member(children)
        leader = None
        if name is not None:
            try:
                leader = _decoded(self._ask(self._client.get_async(f"{self._zookeeper.path}/{name}"))[0])
            except NoNodeError:
                return 0.0
        self._report(leader)
        return None

    @property
    def _acl(self) -> list[Any]:
        """As Mesos: with credentials everybody may read, but only who has them may write."""
        if self._zookeeper.credential is None:
            return list(OPEN_ACL_UNSAFE)
        return [*READ_ACL_UNSAFE, *CREATOR_ALL_ACL]

    def _contend(self, info: JsonObject) -> None:
        """Make the node of this session unless it is there."""
        if (client_id := self._client.client_id) is None:
            raise ConnectionLoss  # just now, and nobody has told us yet
        session = int(client_id[0])
        if self._own_session == session:
            return
        if self._own_session is not None:
            self._report(None)  # that session is over, even if a new one has begun before anybody looked
        if self._defeated:
            return
        path, data = self._zookeeper.path, node_content(info)
        self._ask(self._client.ensure_path_async(f"{path}/{REPLICAS}", acl=self._acl))
        if not self._has_node(session, data):
            node = f"{path}/{LABEL}"
            self._ask(self._client.create_async(node, data, acl=self._acl, ephemeral=True, sequence=True))
        self._own_session = session

    def _has_node(self, session: int, data: bytes) -> bool:
        """Whether the node was made before, and only the answer was lost."""
        path = self._zookeeper.path
        for name in self._ask(self._client.get_children_async(path)):
            with contextlib.suppress(NoNodeError):
                if name.startswith(LABEL):
                    content, stat = self._ask(self._client.get_async(f"{path}/{name}"))
                    if content == data and stat.ephemeralOwner == session:
                        return True
        return False

    def _ask(self, answer: Any) -> Any:
        """ZooKeeper's answer, which is not waited for longer than a session lasts: it may have been lost."""
        return answer.get(timeout=self._session_timeout)

    def _report(self, leader: JsonObject | None) -> None:
        if self._told == [leader]:
            return
        if self._info is not None and self._told == [self._info]:
            self._defeated = True
        self._told = [leader]
        self._on_loop(self._deliver, leader)

    def _fail(self, error: SparkMesosError) -> None:
        logger.error(error.message)
        self._on_loop(self._refuse, error)

    def _on_loop(self, function: Callable[..., None], argument: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            self._loop.call_soon_threadsafe(function, argument)

    # --- on the loop

    def _deliver(self, leader: JsonObject | None) -> None:
        if self._ending:
            return
        if not self._settled.done() and leader is not None:
            self._settled.set_result(None)
        self._tell(leader)

    def _refuse(self, error: SparkMesosError) -> None:
        if not self._settled.done():
            self._settled.set_exception(error)


def node_content(info: JsonObject) -> bytes:
    """The data of a master's node: its MasterInfo as Mesos writes it, keys in order and no white space."""
    return json.dumps(info, sort_keys=True, separators=(",", ":")).encode()


def _decoded(data: bytes) -> JsonObject | None:
    try:
        content = json.loads(data)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
