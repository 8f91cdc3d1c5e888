"""What is said when a destination does not answer, and what is tried again."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import pytest
import requests

from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.upload.connection_failures import connection_failure
from sparkmesos_core.upload.target import TransientFailureError


def failure_of(error: BaseException) -> tuple[UnreachableError, bool]:
    """The error for the user, and whether it is tried again first."""
    failure = connection_failure(error, "https://h/spark.tgz", "h", 30)
    if isinstance(failure, TransientFailureError):
        assert isinstance(failure.error, UnreachableError)
        return failure.error, True
    return failure, False


@pytest.mark.parametrize(
    ("error", "said", "hint", "again"),
    [
        (socket.gaierror(-2, "x"), "the name 'h' cannot be resolved", "host name", False),
        (socket.gaierror(socket.EAI_AGAIN, "x"), "the name 'h' cannot be resolved", "host name", True),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "speaks plain HTTP", "http://", False),
        (ssl.SSLEOFError(8, "x"), "broke the TLS connection", "TLS settings", True),
        (requests.ConnectTimeout(), "did not accept a connection within 30 s", "firewalls", True),
        (TimeoutError(), "was silent for 30 s", "--stall-timeout", True),
        (EOFError(), "ended its answer early", "network", True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refuses the connection", "running there", True),
        (ConnectionResetError(errno.ECONNRESET, "x"), "closed the connection", "log", True),
        (
            OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)),
            "Network is unreachable",
            "network",
            True,
        ),
        (
            requests.exceptions.ProxyError(OSError("Tunnel connection failed: 407 no")),
            "through the proxy of the environment (407 no)",
            "https_proxy",
            True,
        ),
    ],
)
def test_words(error: BaseException, said: str, hint: str, again: bool) -> None:
    failure, tried_again = failure_of(error)
    assert failure.message.startswith("https://h/spark.tgz ")
    assert said in failure.message
    assert hint in failure.hint
    assert tried_again is again


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Hostname mismatch, certificate is not valid for 'h'", "a certificate for another name than 'h'"),
        ("certificate has expired", "not trusted (certificate has expired)"),
    ],
)
def test_certificates(message: str, said: str) -> None:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = message
    failure, tried_again = failure_of(error)
    assert said in failure.message
    assert not tried_again
