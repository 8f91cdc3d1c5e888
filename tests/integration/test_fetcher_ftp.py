"""Fetching from a real FTP server, with and without TLS."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.localcluster.agent.fetcher import FetcherCache, FetchError
from tests.fetching import fetch, files, last_error, make_sandbox, make_tar

# pyftpdlib stands on asyncore, or from Python 3.12 on on a copy of it.
pytestmark = pytest.mark.filterwarnings("ignore:The asyn(core|chat) module is deprecated:DeprecationWarning")

USER, PASSWORD = "op", "p@ss/w"
LOGIN = "op:p%40ss%2Fw"


@contextmanager
def ftp_server(folder: Path, certificate: Path | None = None, **attributes: Any) -> Iterator[str]:
    """A server which one user, and anybody without a name, may read from; its address."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

    class ImplicitTls(TLS_FTPHandler):  # type: ignore[misc]  # it has no types
        """With TLS from the first byte, as an ftps URI means it."""

        def handle(self) -> None:
            self.secure_connection(self.ssl_context)

        def handle_ssl_established(self) -> None:
            super().handle()

    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder))
    authorizer.add_anonymous(str(folder))
    attributes["authorizer"] = authorizer
    base = FTPHandler
    if certificate is not None:
        base = ImplicitTls
        attributes.update(certfile=str(certificate), tls_control_required=True, tls_data_required=True)
    handler = type("Handler", (base,), attributes)
    server = FTPServer(("127.0.0.1", 0), handler)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            server.serve_forever(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"localhost:{server.address[1]}"
    finally:
        over.set()
        thread.join()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub dir").mkdir(parents=True)
    make_tar(folder / "sub dir" / "a.tgz", content=os.urandom(300_000))
    return folder


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    return make_sandbox(tmp_path)


@pytest.mark.parametrize("login", ["", f"{LOGIN}@"])
def test_ftp(login: str, source: Path, sandbox: Path) -> None:
    with ftp_server(source) as address:
        log = fetch(sandbox, f"ftp://{login}{address}/sub%20dir/a.tgz")
    assert files(sandbox) == {"a.tgz", "top/bin/run"}
    assert (sandbox / "a.tgz").read_bytes() == (source / "sub dir" / "a.tgz").read_bytes()
    assert (
        f"Downloading resource from 'ftp://{login.replace(LOGIN, 'op:***')}{address}/sub%20dir/a.tgz'" in log
    )
    assert "ss%2Fw" not in log


def test_through_the_cache(source: Path, sandbox: Path, tmp_path: Path) -> None:
    cache = FetcherCache(tmp_path / "cache")
    with ftp_server(source) as address:
        uri = {"value": f"ftp://{address}/sub%20dir/a.tgz", "cache": True}
        fetch(sandbox, uri, cache=cache)
        log = fetch(sandbox, uri, cache=cache)
    assert "RETRIEVE_FROM_CACHE" in log
    assert log.count("Downloading") == 1


def test_ftps(source: Path, sandbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    with ftp_server(source, tmp_path / "server.pem") as address:
        uri = f"ftps://{LOGIN}@{address}/sub%20dir/a.tgz"
        with pytest.raises(FetchError):
            fetch(sandbox, uri)
        assert "the certificate of 'localhost' is not trusted" in last_error(sandbox)
        assert files(sandbox) == set()
        monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
        fetch(sandbox, uri)
    assert (sandbox / "a.tgz").read_bytes() == (source / "sub dir" / "a.tgz").read_bytes()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("{}/nope", "the FTP server says: 550"),
        ("{}/sub%20dir", "the FTP server says: 550"),
        ("op:hunter2@{}/a", "the FTP server says: 530"),
    ],
    ids=["no file", "folder", "wrong password"],
)
def test_why_it_failed(path: str, why: str, source: Path, sandbox: Path) -> None:
    with ftp_server(source, auth_failed_timeout=0) as address, pytest.raises(FetchError):
        fetch(sandbox, "ftp://" + path.format(address))
    assert last_error(sandbox).startswith(f"Error downloading resource: {why}")
    assert "hunter2" not in (sandbox / "stderr").read_text()
    assert files(sandbox) == set()


def test_another_code_than_226_is_a_failure(source: Path, sandbox: Path) -> None:
    def respond(self: Any, response: str, *arguments: Any, **more: Any) -> None:
        super(type(self), self).respond(response.replace("226 ", "250 "), *arguments, **more)

    with ftp_server(source, respond=respond) as address, pytest.raises(FetchError):
        fetch(sandbox, f"ftp://{address}/sub%20dir/a.tgz")
    assert last_error(sandbox) == "Error downloading resource, received FTP return code 250"
