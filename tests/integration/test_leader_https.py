"""Masters that speak https, served by uvicorn."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.master import HostPort, MesosMaster, parse_master
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.leader import resolve_leader


@contextmanager
def master(
    folder: Path, certificate: trustme.LeafCert | None, leader: HostPort | None = None
) -> Iterator[HostPort]:
    """A server with the endpoints of a master: of the leading one, or of one that points to `leader`."""

    def roles(request: Request) -> Response:
        if leader is not None:
            return RedirectResponse(f"//{leader}/master/roles", 307)
        return JSONResponse({"roles": []})

    def version(request: Request) -> Response:
        return JSONResponse({"version": "1.12.0"})

    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

    pem: str | None = None
    if certificate is not None:
        pem = str(folder / "server.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    app = Starlette(routes=[Route("/roles", roles), Route("/version", version)])
    config = uvicorn.Config(app, lifespan="off", log_config=None, ssl_certfile=pem, ssl_keyfile=pem)
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        assert ready.wait(20)
        try:
            yield HostPort("localhost", listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def test_a_tls_master_needs_its_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    certificate = authority.issue_cert("localhost")
    with master(tmp_path, certificate) as leading, master(tmp_path, certificate, leading) as other:
        parsed = parse_master(f"mesos://https://{other}")
        assert isinstance(parsed, MesosMaster)
        leader = resolve_leader(parsed, ca_file=str(ca_file))
        assert (leader.address, leader.version) == (leading, "1.12.0")
        assert leader.spark_url == f"mesos://https://{leading}"
        with MesosHttp(leader.http_url, ca_file=str(ca_file)) as client:
            assert client.get_json("/version") == {"version": "1.12.0"}

        with pytest.raises(UnreachableError, match="not trusted"):
            resolve_leader(parsed)
        by_address = MesosMaster((HostPort("127.0.0.1", leading.port),), "https")
        with pytest.raises(UnreachableError, match=r"a certificate for another name than '127\.0\.0\.1'"):
            resolve_leader(by_address, ca_file=str(ca_file))
        with pytest.raises(UnreachableError, match="speaks TLS, not plain HTTP") as plainly:
            resolve_leader(MesosMaster((leading,)))
        assert f"https://{leading}" in plainly.value.hint


def test_a_plain_master_does_not_speak_tls(tmp_path: Path) -> None:
    with (
        master(tmp_path, None) as leading,
        pytest.raises(UnreachableError, match="speaks plain HTTP, not TLS"),
    ):
        resolve_leader(MesosMaster((leading,), "https"))
