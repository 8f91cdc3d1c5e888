"""A thin client of the operator endpoints of Mesos masters and agents, which turns failures into words."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import MesosError, UnreachableError, UsageError

if TYPE_CHECKING:
    import requests

_CREDENTIALS_HINT = "Set spark.mesos.principal and spark.mesos.secret to credentials that Mesos accepts"
_LONGEST_EXCERPT = 300


class MesosHttp:
    """Asks one master or agent, over one connection that is kept.

    `base_url` is `http://HOST:PORT` or `https://HOST:PORT`; `timeout` is in seconds, for connecting and for
    each wait for data. `ca_file` holds the certificates that an https server is checked against, instead of
    the usual ones. Principal and secret are sent (basic authentication) only if both are given.

    Redirects are not followed: a 307 of Mesos means that another master leads, which is for
    `sparkmesos_core.mesos.leader` to act on. Of the environment only proxies (never for loopback addresses)
    and `REQUESTS_CA_BUNDLE` are used, no netrc file: it could send foreign credentials.

    Raises UsageError if `ca_file` cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 10.0,
        ca_file: str | None = None,
        principal: str | None = None,
        secret: str | None = None,
    ) -> None:
        import requests
        from requests.auth import HTTPBasicAuth

        self.base_url = base_url.rstrip("/")
        self.timeout = timeout
        parts = urlsplit(self.base_url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = parts.scheme == "https"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept"] = "application/json"
        if principal is not None and secret is not None:
            self._session.auth = HTTPBasicAuth(principal.encode(), secret.encode())
        if not is_loopback(self._host):
            self._session.proxies.update(requests.utils.get_environ_proxies(self.base_url))
        if ca_file is not None:
            check_ca_file(ca_file)
        self._session.verify = (
            ca_file or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )

    def __enter__(self) -> MesosHttp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def get_json(self, path: str, /, **params: str | int) -> Any:
        """The decoded JSON that `GET path?params` answers with.

        Raises UnreachableError when there is no answer, MesosError when the answer is a refusal or no JSON.
        """
        response = self.get(path, **params)
        return self.decode(response)

    def get(self, path: str, /, **params: str | int) -> requests.Response:
        """The answer to `GET path?params`, whatever its status; UnreachableError when there is none."""
        import requests
        import urllib3

        try:
            return self._session.get(
                self.base_url + path, params=params, timeout=self.timeout, allow_redirects=False
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            reason, hint = self._explain(error)
            raise UnreachableError(f"{self.base_url} {reason}", hint=hint) from error

    def decode(self, response: requests.Response) -> Any:
        """The JSON in an answer; MesosError, with Mesos' own words, if it is a refusal or something else.

        What is not UTF-8 in it becomes U+FFFD.
        """
        where = f"{response.request.method} {response.url}"
        if response.status_code in (301, 302, 307, 308):
            raise MesosError(
                f"{where} points to {response.headers.get('Location', 'nowhere')}: this master does not lead",
                hint="The leader may just have changed; try again",
            )
        if not response.ok:
            hint = _CREDENTIALS_HINT if response.status_code in (401, 403) else ""
            raise MesosError(f"{where} answered {describe_answer(response)}", hint=hint)
        try:
            # Mesos puts bytes of log files that are not UTF-8 into its JSON as they are.
            return json.loads(response.content.decode("utf-8", "replace"))
        except ValueError:
            raise MesosError(
                f"{where} answered something else than JSON: {describe_answer(response)}",
                hint="Check that the address is that of a Mesos master or agent",
            ) from None

    def _explain(self, error: BaseException) -> tuple[str, str]:
        """What went wrong, to stand after the URL, and what to do about it."""
        import requests
        import urllib3

        causes = list(_causes(error))
        text = " ".join(str(cause) for cause in causes)
        if isinstance(error, requests.exceptions.ProxyError):
            return "cannot be reached through the proxy of the environment", "Check http_proxy and no_proxy"
        if any(isinstance(cause, ssl.SSLError) for cause in causes):
            return self._explain_tls(causes, text)
        if any(isinstance(cause, (requests.Timeout, TimeoutError)) for cause in causes):
            return f"did not answer within {self.timeout:g} s", "Check the address, the network and firewalls"
        if any(
            isinstance(cause, (socket.gaierror, urllib3.exceptions.LocationParseError)) for cause in causes
        ):
            return f"cannot be reached: the name '{self._host}' cannot be resolved", "Check the host name"
        if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return "refuses the connection", "Check host and port, and that the server is running there"
        if not self._tls and _speaks_tls(self._host, self._port, self.timeout):
            return "speaks TLS, not plain HTTP", f"Write https://{_netloc(self._host)}:{self._port}"
        if any(isinstance(cause, ConnectionError) for cause in causes):
            return "closed the connection without an answer", "Check that this is the port of a Mesos server"
        reasons = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
        reason = reasons[0] if reasons else type(error).__name__
        return f"cannot be reached: {reason}", "Check the address and the network"

    def _explain_tls(self, causes: list[BaseException], text: str) -> tuple[str, str]:
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                if "doesn't match" in cause.verify_message or "mismatch" in cause.verify_message.lower():
                    return (
                        f"has a certificate for another name than '{self._host}'",
                        "Use a name that is in the certificate",
                    )
                return (
                    f"has a certificate that is not trusted ({cause.verify_message})",
                    "Give the certificate of its authority with --ca-file",
                )
        if any(token in text for token in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")):
            plain = f"{_netloc(self._host)}:{self._port}"
            return "speaks plain HTTP, not TLS", f"Write mesos://{plain}, without https and CA file"
        reasons = [cause.reason for cause in causes if isinstance(cause, ssl.SSLError) and cause.reason]
        reason = reasons[0] if reasons else "closed"
        return f"failed in the TLS handshake ({reason})", "Check the TLS settings of the server"


def check_ca_file(path: str) -> None:
    """Raise UsageError unless the file holds certificates in PEM format."""
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise UsageError(
            f"CA file {path} holds no certificate", hint="Give a file with certificates in PEM format"
        ) from None
    except OSError as error:
        raise UsageError(
            f"CA file {path} cannot be read: {error.strerror}", hint="Check the path of --ca-file"
        ) from None


def describe_answer(response: requests.Response) -> str:
    """Status and text of an answer in one line; pages are not quoted."""
    status = f"{response.status_code} {response.reason}".strip()
    if "html" in response.headers.get("Content-Type", "").lower():
        return f"{status} (a web page)"
    text = " ".join(response.content[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace").split())
    if len(text) > _LONGEST_EXCERPT:
        text = text[:_LONGEST_EXCERPT] + "…"
    return f"{status}: {text}" if text else status


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, however requests and urllib3 packed it."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's loopback by its text alone; nothing is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _speaks_tls(host: str, port: int, timeout: float) -> bool:
    """Whether a server that gave no HTTP answer would have given a TLS one. Nothing is sent to it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the question is only which protocol it speaks
    try:
        with (
            socket.create_connection((host, port), timeout) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except OSError:
        return False


def _netloc(host: str) -> str:
    return f"[{host}]" if ":" in host else host
