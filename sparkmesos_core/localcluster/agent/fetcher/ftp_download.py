"""Downloads by ftp, and by ftps with TLS from the first byte, as libcurl takes it; passive mode."""

from __future__ import annotations

import ftplib
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from sparkmesos_core.localcluster.agent.fetcher.content import PIECE_BYTES, Content
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.localcluster.agent.fetcher.network_failures import network_failure

_TRANSFER_COMPLETE = "226"
_PORTS = {"ftp": 21, "ftps": 990}


class _ImplicitTls(ftplib.FTP_TLS):
    """FTP_TLS of the standard library begins in the clear and asks for TLS; here it comes first."""

    def connect(self, host: str = "", port: int = 0, timeout: Any = -999, source_address: Any = None) -> str:
        self.host = host
        self.timeout = timeout
        connection = socket.create_connection((host, port), timeout, source_address)
        self.af = connection.family
        self.sock = self.context.wrap_socket(connection, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd: str, rest: Any = None) -> tuple[socket.socket, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)  # noqa: S321 - see connect
        # Many servers want data connections to continue the TLS session, to know who it is.
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        wrapped = self.context.wrap_socket(connection, server_hostname=self.host, session=session)
        return wrapped, size


@contextmanager
def open_ftp(location: str, stall_seconds: float) -> Iterator[Content]:
    """The file that an ftp URL names. Raises FetchError if it cannot be had, or does not end with a 226."""
    with _connected(location, stall_seconds) as (ftp, path):
        try:
            size = ftp.size(path)
        except ftplib.error_perm:
            size = None  # not every server tells
        yield Content(_pieces(ftp, path), size)


def ftp_size(location: str, stall_seconds: float) -> int:
    """How many bytes the file has. Raises FetchError if the server does not say."""
    with _connected(location, stall_seconds) as (ftp, path):
        size = ftp.size(path)
        if size is None:
            raise FetchError("the FTP server does not tell the size")
        return size


def _pieces(ftp: ftplib.FTP, path: str) -> Iterator[bytes]:
    with ftp.transfercmd(f"RETR {path}") as connection:
        while piece := connection.recv(PIECE_BYTES):
            yield piece
        if isinstance(connection, ssl.SSLSocket):
            with suppress(OSError):  # not every server says goodbye; whether all came is told below
                connection.unwrap()
    answer = ftp.voidresp()
    if not answer.startswith(_TRANSFER_COMPLETE):
        raise FetchError(f"Error downloading resource, received FTP return code {answer[:3]}")


@contextmanager
def _connected(location: str, stall_seconds: float) -> Iterator[tuple[ftplib.FTP, str]]:
    try:
        parts = urlsplit(location)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise FetchError("Error downloading resource: the URL is malformed") from None
    # A query means nothing to FTP: a question mark is a part of the name.
    path = unquote(location.partition("://")[2].partition("/")[2])
    # Whoever writes ftp:// has asked for FTP.
    ftp = _ImplicitTls(context=_tls_context()) if parts.scheme == "ftps" else ftplib.FTP()  # noqa: S321
    try:
        with ftp:
            ftp.connect(host, port, timeout=stall_seconds)
            user = unquote(parts.username) if parts.username else "anonymous"
            password = unquote(parts.password) if parts.password else ""
            if isinstance(ftp, _ImplicitTls):
                ftp.login(user, password, secure=False)  # it is already
                ftp.prot_p()
            else:
                ftp.login(user, password)
            ftp.voidcmd("TYPE I")
            yield ftp, path
    except ftplib.Error as error:
        raise FetchError(f"Error downloading resource: the FTP server says: {error}") from None
    except (OSError, EOFError) as error:
        reason = network_failure(error, host, stall_seconds)
        raise FetchError(f"Error downloading resource: {reason}") from None
    except ValueError:  # not before: an untrusted certificate is one, too
        raise FetchError("Error downloading resource: the URL holds a line break") from None


def _tls_context() -> ssl.SSLContext:
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle or None)
