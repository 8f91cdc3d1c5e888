"""Masters that speak TLS: whom the bridge trusts, and that nothing goes out in clear."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.contract.bridge.conftest import ScriptedMaster, serve_tls
from tests.contract.bridge.messages import FRAMEWORK

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe

pytestmark = pytest.mark.slow


def test_https(tls_probe: Probe, master: ScriptedMaster, authority: trustme.CA, name: str) -> None:
    secure = serve_tls(authority, "127.0.0.1")
    try:
        tls_probe.do("new", name, master=f"https://{secure.address}", framework=FRAMEWORK)
        tls_probe.do("start", name)
        secure.stream().subscribed()
        assert tls_probe.callback(name)["callback"] == "registered"
        tls_probe.do("revive", name)
        assert secure.call()["type"] == "REVIVE"
        assert tls_probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
        assert secure.call()["type"] == "TEARDOWN"
    finally:
        secure.stop()


def refused(tls_probe: Probe, name: str, **options: object) -> str:
    """Why a driver gives up at once."""
    tls_probe.do("new", name, framework=FRAMEWORK, **options)
    tls_probe.do("runs", name)
    error = tls_probe.callback(name)
    assert error["callback"] == "error"
    assert tls_probe.callback(name)["outcome"] == "DRIVER_ABORTED"
    return str(error["message"])


@pytest.mark.parametrize(
    ("trusted", "host", "said"),
    [(True, "other.example", "127.0.0.1"), (False, "127.0.0.1", "SPARKMESOS_CA_FILE")],
)
def test_a_certificate_that_is_not_to_be_trusted(
    trusted: bool,
    host: str,
    said: str,
    tls_probe: Probe,
    master: ScriptedMaster,
    authority: trustme.CA,
    name: str,
) -> None:
    """For another host, or of an authority that nobody knows: nothing is sent, least of all the credentials."""
    impostor = serve_tls(authority if trusted else trustme.CA(), host)
    try:
        message = refused(tls_probe, name, master=f"https://{impostor.address}", principal="p", secret="s")
        assert message.startswith(f"https://{impostor.address}: ")
        assert said in message
        assert impostor.streams.empty()
    finally:
        impostor.stop()


def test_a_certificate_that_expires_later_does_not_end_the_application(
    tls_probe: Probe, master: ScriptedMaster, authority: trustme.CA, name: str
) -> None:
    """Who was registered once tries again: the operator may mend it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # with one, a client that comes again looks at no certificate
    authority.issue_cert("127.0.0.1").configure_cert(context)
    secure = ScriptedMaster(context)
    try:
        tls_probe.do("new", name, master=f"https://{secure.address}", framework=FRAMEWORK)
        tls_probe.do("start", name)
        stream = secure.stream()
        stream.subscribed()
        assert tls_probe.callback(name)["callback"] == "registered"
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        before = secure.handshakes
        stream.close()
        assert tls_probe.callback(name)["callback"] == "disconnected"
        deadline = time.monotonic() + 20
        while secure.handshakes < before + 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        secure.stream().subscribed()
        assert tls_probe.callback(name)["callback"] == "reregistered"
        tls_probe.do("stop", name, failover=True)
    finally:
        secure.stop()


@pytest.mark.parametrize("location", ["//{}/master/api/v1/scheduler", "https://{}", "{}"])
def test_a_redirect_without_a_scheme_stays_with_https(
    location: str, tls_probe: Probe, master: ScriptedMaster, authority: trustme.CA, name: str
) -> None:
    first, leader = (serve_tls(authority, "127.0.0.1") for _ in range(2))
    first.on_subscribe = lambda call, headers: (307, {"Location": location.format(leader.address)}, "")
    try:
        tls_probe.do("new", name, master=f"https://{first.address}", framework=FRAMEWORK)
        tls_probe.do("start", name)
        leader.stream().subscribed()
        assert tls_probe.callback(name)["callback"] == "registered"
        assert tls_probe.do("stop", name, failover=False) == "DRIVER_STOPPED"
        assert leader.call()["type"] == "TEARDOWN"
    finally:
        first.stop()
        leader.stop()


def test_a_redirect_to_plain_http_is_not_followed(
    tls_probe: Probe, master: ScriptedMaster, authority: trustme.CA, name: str
) -> None:
    secure = serve_tls(authority, "127.0.0.1")
    secure.on_subscribe = lambda call, headers: (307, {"Location": f"http://{master.address}"}, "")
    try:
        message = refused(tls_probe, name, master=f"https://{secure.address}", principal="p", secret="s")
        assert f"redirects from https to http://{master.address}" in message
        assert master.streams.empty()
    finally:
        secure.stop()


def test_http_spoken_to_a_tls_port(
    tls_probe: Probe, master: ScriptedMaster, authority: trustme.CA, name: str
) -> None:
    """Servers answer with a TLS alert, if at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

        def alert() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(bytes([21, 3, 1, 0, 2, 2, 70]))

        answering = threading.Thread(target=alert, daemon=True)
        answering.start()
        message = refused(tls_probe, name, master=address)
        answering.join()
    assert message == f"{address} speaks TLS: write https:// before its name"
