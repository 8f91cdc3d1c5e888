"""A thin client of the operator endpoints of Mesos masters and agents, which turns failures into words."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.network_failures import FailureKind, check_ca_file, network_failure_of, speaks_tls

if TYPE_CHECKING:
    import requests

ONLY_TLS = "speaks TLS, not plain HTTP"
NO_TLS = "speaks plain HTTP, not TLS"
"""What stands in the message of an UnreachableError if http is taken for https, or the other way round."""
NO_ANSWER = "did not answer within"
HANGS = f"takes connections, but {NO_ANSWER}"
"""What stands there if no answer came in time: to anything at all, and once there was a connection."""
_CREDENTIALS_HINT = "Set spark.mesos.principal and spark.mesos.secret to credentials that Mesos accepts"
_WRONG_SERVER = "Check that the address is that of a Mesos master or agent"
_LOOK_AT_SERVER = "Try again in a moment; if it stays so, look at the log of that server"
_LONGEST_EXCERPT = 300
_PIECE = 256 * 1024
"""Bytes of an answer that are had at once, if it is not read as a whole."""


class MesosHttp:
    """Asks one master or agent, over one connection that is kept.

    `base_url` is `http://HOST:PORT` or `https://HOST:PORT`; `timeout` is in seconds, for connecting and for
    each wait for data. `ca_file` holds the certificates that an https server is checked against, instead of
    the usual ones. Principal and secret (basic authentication) are sent only if both are given, and only to
    a server that has asked for them: one that lets everybody in, or is not the one that was meant, does not
    get to see them.

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
            self._session.auth = _on_demand(principal, secret)
        if not is_loopback(self._host):
            self._session.proxies.update(requests.utils.get_environ_proxies(self.base_url))
        if ca_file is not None:
            check_ca_file(ca_file)
        self._session.verify = authorities_file(ca_file)

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
        return self._request("GET", path, params=params)

    def call(self, content: Mapping[str, Any]) -> Any:
        """What a call of the v1 operator API (`POST /api/v1`, Mesos 1.0) answers, decoded from JSON.

        Raises as `get_json` does.
        """
        return self.decode(self._request("POST", "/api/v1", json=content))

    @contextlib.contextmanager
    def streamed(
        self, path: str, /, **params: str | int
    ) -> Iterator[tuple[Mapping[str, str], Iterator[bytes]]]:
        """The headers of the answer to `GET path?params`, and its body in pieces: for what is very large.

        Raises as `get_json` does, also between pieces, but leaves it to the caller whether the body is JSON.
        """
        with contextlib.closing(self._request("GET", path, params=params, stream=True)) as response:
            self._accept(response)
            yield response.headers, self._pieces(response)

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        import requests
        import urllib3

        try:
            yield from response.iter_content(_PIECE)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if network_failure_of(error).kind is FailureKind.SILENCE:
                raise self._unreachable(error) from error
            raise UnreachableError(
                f"{self.base_url} closed the connection in the middle of its answer",
                hint="Try again; if that goes on, look for a proxy on the way that cuts off long answers",
            ) from error

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        import requests
        import urllib3

        try:
            return self._session.request(
                method, self.base_url + path, timeout=self.timeout, allow_redirects=False, **options
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: BaseException) -> UnreachableError:
        reason, hint = self._explain(error)
        return UnreachableError(f"{self.base_url} {reason}", hint=hint)

    def decode(self, response: requests.Response) -> Any:
        """The JSON in an answer; MesosError, with Mesos' own words, if it is a refusal or something else.

        What is not UTF-8 in it becomes U+FFFD.
        """
        self._accept(response)
        try:
            # Mesos puts bytes of log files that are not UTF-8 into its JSON as they are.
            return json.loads(response.content.decode("utf-8", "replace"))
        except ValueError:
            raise MesosError(
                f"{_asked(response)} answered something else than JSON: {describe_answer(response)}",
                hint=_WRONG_SERVER,
            ) from None

    def _accept(self, response: requests.Response) -> None:
        """Raises MesosError if an answer is a refusal."""
        if response.status_code in (301, 302, 307, 308):
            raise MesosError(
                f"{_asked(response)} points to {response.headers.get('Location', 'nowhere')}:"
                " this master does not lead",
                hint="The leader may just have changed; try again",
                status=response.status_code,
            )
        if not response.ok:
            hint = _LOOK_AT_SERVER if response.status_code >= 500 else _WRONG_SERVER
            if response.status_code in (401, 403):
                hint = _CREDENTIALS_HINT
            raise MesosError(
                f"{_asked(response)} answered {describe_answer(response)}",
                hint=hint,
                status=response.status_code,
            )

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
                return NO_TLS, f"Write mesos://{plain}, without https and CA file"
            case FailureKind.TLS:
                reason = f"failed in the TLS handshake ({failure.reason or 'closed'})"
                return reason, "Check the TLS settings of the server"
            case FailureKind.NO_CONNECTION:
                reason = f"{NO_ANSWER} {_rounded(self.timeout)} s"
                return reason, "Check the address, the network and firewalls"
            case FailureKind.SILENCE:
                reason = f"{HANGS} {_rounded(self.timeout)} s"
                return reason, (
                    "See on that machine whether the process hangs or is overloaded: its log tells. If it"
                    " hangs, restart it"
                )
            case FailureKind.NAME:
                reason = f"cannot be reached: the name '{self._host}' cannot be resolved"
                return reason, "Check the host name"
            case FailureKind.REFUSED:
                return (
                    "refuses the connection",
                    "Check host and port, and that the server is running there",
                )
        if not self._tls and speaks_tls(self._host, self._port, self.timeout):
            return ONLY_TLS, f"Write https://{_netloc(self._host)}:{self._port}"
        if failure.kind is FailureKind.CLOSED:
            return "closed the connection without an answer", "Check that this is the port of a Mesos server"
        return f"cannot be reached: {failure.reason}", "Check the address and the network"


def authorities_file(ca_file: str | None) -> str:
    """What an https server's certificate is checked against: a file, or a folder of the environment's."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    named = ca_file or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return named or DEFAULT_CA_BUNDLE_PATH


def proxy_for(url: str) -> str | None:
    """The proxy of the environment through which a `MesosHttp` of this URL speaks; None if there is none."""
    import requests

    if is_loopback(urlsplit(url).hostname or ""):
        return None
    return requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))


def _on_demand(principal: str, secret: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Authentication for a session with one server, which sees credentials once it has asked for them.

    That is by 401, or by 403 where its ACLs keep those out who have not said who they are.
    """
    from requests.auth import HTTPBasicAuth

    basic = HTTPBasicAuth(principal.encode(), secret.encode())
    demanded = False

    def again(refusal: requests.Response, **how: Any) -> requests.Response:
        nonlocal demanded
        if demanded or refusal.status_code not in (401, 403):
            return refusal
        demanded = True
        refusal.content  # noqa: B018 - read to its end, so that the connection can be used again
        refusal.close()
        request = refusal.request.copy()
        basic(request)
        answer: requests.Response = refusal.connection.send(request, **how)
        answer.request = request
        return answer

    def authenticate(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if demanded:
            basic(request)
        else:
            request.hooks["response"].append(again)
        return request

    return authenticate


def _asked(response: requests.Response) -> str:
    """What was asked: `GET http://192.0.2.1:5050/state`."""
    return f"{response.request.method} {response.url}"


def describe_answer(response: requests.Response) -> str:
    """Status and text of an answer in one line; pages are not quoted, nor a text that repeats the status."""
    status = f"{response.status_code} {response.reason}".strip()
    if "html" in response.headers.get("Content-Type", "").lower():
        return f"{status} (a web page)"
    text = " ".join(response.content[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace").split())
    if len(text) > _LONGEST_EXCERPT:
        text = text[:_LONGEST_EXCERPT] + "…"
    repeats = text.rstrip(".").lower() in (status.lower(), (response.reason or "").lower())
    return status if not text or repeats else f"{status}: {text}"


def _rounded(seconds: float) -> str:
    """As people read it: what is left of a limit is rarely a round number."""
    return f"{round(seconds, 1 if seconds >= 1 else 3):g}"


def _netloc(host: str) -> str:
    return f"[{host}]" if ":" in host else host
