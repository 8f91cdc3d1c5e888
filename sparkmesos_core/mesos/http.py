"""A thin client of the operator endpoints of Mesos masters and agents, which turns failures into words."""

from __future__ import annotations

import json
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.network_failures import FailureKind, check_ca_file, network_failure_of, speaks_tls

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
        failure = network_failure_of(error)
        if failure.proxy:
            return "cannot be reached through the proxy of the environment", "Check http_proxy and no_proxy"
        match failure.kind:
            case FailureKind.CERTIFICATE if failure.other_name:
                reason = f"has a certificate for another name than '{self._host}'"
                return reason, "Use a name that is in the certificate"
            case FailureKind.CERTIFICATE:
                reason = f"has a certificate that is not trusted ({failure.reason})"
                return reason, "Give the certificate of its authority with --ca-file"
            case FailureKind.NO_TLS:
                plain = f"{_netloc(self._host)}:{self._port}"
                return "speaks plain HTTP, not TLS", f"Write mesos://{plain}, without https and CA file"
            case FailureKind.TLS:
                reason = f"failed in the TLS handshake ({failure.reason or 'closed'})"
                return reason, "Check the TLS settings of the server"
            case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
                reason = f"did not answer within {self.timeout:g} s"
                return reason, "Check the address, the network and firewalls"
            case FailureKind.NAME:
                reason = f"cannot be reached: the name '{self._host}' cannot be resolved"
                return reason, "Check the host name"
            case FailureKind.REFUSED:
                return (
                    "refuses the connection",
                    "Check host and port, and that the server is running there",
                )
        if not self._tls and speaks_tls(self._host, self._port, self.timeout):
            return "speaks TLS, not plain HTTP", f"Write https://{_netloc(self._host)}:{self._port}"
        if failure.kind is FailureKind.CLOSED:
            return "closed the connection without an answer", "Check that this is the port of a Mesos server"
        return f"cannot be reached: {failure.reason}", "Check the address and the network"


def describe_answer(response: requests.Response) -> str:
    """Status and text of an answer in one line; pages are not quoted."""
    status = f"{response.status_code} {response.reason}".strip()
    if "html" in response.headers.get("Content-Type", "").lower():
        return f"{status} (a web page)"
    text = " ".join(response.content[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace").split())
    if len(text) > _LONGEST_EXCERPT:
        text = text[:_LONGEST_EXCERPT] + "…"
    return f"{status}: {text}" if text else status


def _netloc(host: str) -> str:
    return f"[{host}]" if ":" in host else host
