"""What exceptions say about a network."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl

import pytest
import requests
import urllib3

from sparkmesos_core.network_failures import FailureKind, network_failure_of


def wrapped(error: BaseException) -> BaseException:
    """As requests and urllib3 hand it on."""
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", error))


def certificate_error(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = message
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(-2, "Name or service not known"), FailureKind.NAME),
        (urllib3.exceptions.LocationParseError("x"), FailureKind.NAME),
        (certificate_error("self-signed certificate"), FailureKind.CERTIFICATE),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), FailureKind.NO_TLS),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), FailureKind.TLS),
        (requests.ConnectTimeout(), FailureKind.NO_CONNECTION),
        (requests.ReadTimeout(), FailureKind.SILENCE),
        (TimeoutError("timed out"), FailureKind.SILENCE),
        (http.client.IncompleteRead(b"", 5), FailureKind.EARLY_END),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), FailureKind.REFUSED),
        (OSError("SOCKS: connection refused"), FailureKind.REFUSED),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), FailureKind.UNREACHABLE),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), FailureKind.CLOSED),
        (http.client.RemoteDisconnected("closed"), FailureKind.CLOSED),
        (http.client.BadStatusLine("SSH-2.0"), FailureKind.GARBAGE),
        (OSError(errno.EMFILE, "Too many open files"), FailureKind.OTHER),
        (ValueError("x"), FailureKind.OTHER),
    ],
)
def test_kinds(error: BaseException, kind: FailureKind) -> None:
    assert network_failure_of(error).kind is kind
    if kind is not FailureKind.OTHER:  # wrapped, urllib3 says that it is about the protocol
        assert network_failure_of(wrapped(error)).kind is kind


def test_reasons() -> None:
    assert network_failure_of(wrapped(OSError(errno.EMFILE, "Too many"))).reason == "Too many"
    assert network_failure_of(ValueError("http://user:hush@host")).reason == "ValueError"
    other = network_failure_of(certificate_error("Hostname mismatch, certificate is not valid for 'x'"))
    assert other.other_name
    assert not network_failure_of(certificate_error("has expired")).other_name


def test_proxies() -> None:
    error = requests.exceptions.ProxyError(ConnectionRefusedError(111, "Connection refused"))
    assert network_failure_of(error).proxy
    assert network_failure_of(error).kind is FailureKind.REFUSED


def test_errors_in_a_circle() -> None:
    first, second = OSError("a"), OSError("b")
    first.__cause__, second.__cause__ = second, first
    assert network_failure_of(first).kind is FailureKind.OTHER
