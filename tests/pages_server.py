"""The dispatcher's pages behind a real HTTP server, in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn

from sparkmesos_core.dispatcher.server.pages import pages_app
from sparkmesos_core.dispatcher.server.settings import PagesSettings
from sparkmesos_core.dispatcher.server.standby import standby_pages
from sparkmesos_core.durable_framework.standing_by import StandbyState
from sparkmesos_core.http_service.access_token import AccessToken
from sparkmesos_core.http_service.leader_connections import LeaderConnections
from sparkmesos_core.http_service.tls import ServerIdentity
from tests.in_memory_dispatcher import InMemoryDispatcher

_PATIENCE = 30.0


class PagesServer:
    """Answers from `serve_pages` on; what changes the dispatcher is done in its loop."""

    def __init__(self, dispatcher: InMemoryDispatcher, app: Any, identity: ServerIdentity | None) -> None:
        self.dispatcher = dispatcher
        config = uvicorn.Config(
            app, port=0, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        config.load()
        if identity is not None:
            config.ssl = identity.context
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="pages")
        self._thread.start()
        assert self._server.begun.wait(_PATIENCE)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"{'http' if identity is None else 'https'}://127.0.0.1:{port}"

    def change(self, change: Callable[[InMemoryDispatcher], None]) -> None:
        """Do something with the dispatcher where nothing else looks at it."""
        done = threading.Event()

        def do() -> None:
            change(self.dispatcher)
            done.set()

        self._server.loop.call_soon_threadsafe(do)
        assert done.wait(_PATIENCE)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something in the loop of the server."""
        asyncio.run_coroutine_threadsafe(coroutine, self._server.loop).result(_PATIENCE)

    def wait(self) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            self._thread.join()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.run(self._server.serve())


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()
        self.loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: Any = None) -> None:
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.begun.set()


@contextlib.contextmanager
def serve_pages(
    dispatcher: InMemoryDispatcher,
    *,
    token: str = "",
    identity: ServerIdentity | None = None,
    **settings: str,
) -> Iterator[PagesServer]:
    app = pages_app(
        dispatcher,
        PagesSettings(address="mesos://dispatcher.example:7077", max_drivers=200, version="1.0", **settings),
        token=AccessToken(token) if token else None,
    )
    server = PagesServer(dispatcher, app, identity)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def serve_standby(leader: Callable[[], PagesServer | None]) -> Iterator[PagesServer]:
    """The pages of a dispatcher that knows no driver and passes on to `leader`, as long as there is one."""

    def state() -> StandbyState:
        url = None if (server := leader()) is None else server.url
        return StandbyState(url, url, 0.0, "they are just electing one")

    connections = LeaderConnections()
    settings = PagesSettings(address="mesos://standby.example:7077", max_drivers=200, version="1.0")
    server = PagesServer(InMemoryDispatcher(), standby_pages(state, settings, connections=connections), None)
    try:
        yield server
    finally:
        server.run(connections.close())
        server.stop()
