"""Requests to the server of an http destination: authentication, redirects, proxies, failures in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

from sparkmesos_core.errors import SparkMesosError, UnreachableError, UploadError, UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.network_failures import FailureKind, check_ca_file, network_failure_of, speaks_tls
from sparkmesos_core.upload.connection_failures import connection_failure
from sparkmesos_core.upload.http.answers import (
    REDIRECTS,
    is_transient,
    offers,
    origin,
    redirected,
    refusal,
    retry_after,
    shown,
)
from sparkmesos_core.upload.http.body import FileAdapter, FileBody
from sparkmesos_core.upload.target import HttpOptions, Pieces, TransientFailureError, UploadOptions

_MAX_REDIRECTS = 10
_TLS_SECONDS = 5.0
_LONGEST_EXCERPT = 300
_PIECE_BYTES = 1 << 20
_TEXT_BYTES = 1 << 16


class _Nobody(AuthBase):
    """No authentication, not even what requests would find in a URL."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class Answer:
    """An answer, and the URL that gave it, after redirects. Its body is still to be read."""

    def __init__(self, response: requests.Response, url: str) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = url
        self.response = response
        self._text: bytes | None = None

    def text(self) -> bytes:
        """The body, of which no more than what a message has is read. Raises what requests raises."""
        if self._text is None:
            text = bytearray()
            try:
                for piece in self.response.iter_content(_TEXT_BYTES):
                    text += piece
                    if len(text) > _TEXT_BYTES:
                        break
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
                # Who refuses a file while it is sent may be gone before the reason has arrived.
                if self.status < 400:
                    raise
            finally:
                self.response.close()
            self._text = bytes(text)
        return self._text

    @property
    def said(self) -> str:
        """Status and text in one line; pages are not quoted."""
        status = f"{self.status} {self.response.reason or ''}".strip()
        if "html" in self.headers.get("Content-Type", "").lower():
            return status
        text = " ".join(self.text().decode("utf-8", "replace").split())
        if len(text) > _LONGEST_EXCERPT:
            text = text[:_LONGEST_EXCERPT] + "…"
        return f"{status}: {text}" if text else status


class HttpSession:
    """Asks one origin, and those that it redirects to.

    Of the environment only proxies (never for loopback addresses), REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are
    used, no netrc file: it could send foreign credentials. A password goes by https at once, in the clear
    only to a server that asks for it, or refuses without saying what it wants. Raises UsageError for options
    that cannot be used.
    """

    def __init__(self, url: str, options: UploadOptions, user: str | None, password: str | None) -> None:
        http = options.http
        self._origin = origin(url)
        self._stall_seconds = options.stall_seconds
        self._session = requests.Session()
        self._session.trust_env = False
        # What is stored counts, not what it can be decoded to.
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["Cache-Control"] = "no-cache"
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, FileAdapter())
        environment = options.environment
        bundle = environment.get("REQUESTS_CA_BUNDLE") or environment.get("CURL_CA_BUNDLE")
        if http.ca_file is not None:
            check_ca_file(http.ca_file)
            bundle = str(http.ca_file)
        self._session.verify = bundle or True
        self._basic, self._digest = _of_user(http, user, password)
        self._auth: AuthBase = _Nobody()
        self._chosen = False
        self.answered = False
        """Whether there ever was an answer."""
        if http.token is not None and user is None:
            self._auth, self._chosen = _bearer(http.token), True
        elif self._basic is not None and self._origin[0] == "https":
            self._auth = self._basic

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | FileBody | None = None,
        stream: bool = False,
        patience: float | None = None,
    ) -> Answer:
        """The answer to a request, whatever its status, after redirects.

        A `Destination` header moves along: the file stays in the folder that it is redirected to. With
        `stream` the caller reads the body, by `pieces`. `patience` is for how many seconds at most the server
        may be silent, if that is less than usual. Raises UnreachableError or TransientFailureError if
        there is no answer, UploadError for a redirect that must not be followed.
        """
        wanted = dict(headers or {})
        silence = min(self._stall_seconds, patience or self._stall_seconds)
        seen = {url}
        while True:
            answer = self._ask_as_somebody(method, url, wanted, body, stream, silence)
            if answer.status not in REDIRECTS:
                return answer
            answer.response.close()
            target = redirected(url, answer.headers.get("Location"))
            if target in seen or len(seen) > _MAX_REDIRECTS:
                raise UploadError(
                    f"{shown(url)} redirects in circles, now to {shown(target)}",
                    hint="Check the address, or ask who runs it.",
                )
            if "Destination" in wanted:
                name = urlsplit(wanted["Destination"]).path.rpartition("/")[2]
                wanted["Destination"] = shown(target).rpartition("/")[0] + "/" + name
            if isinstance(body, FileBody):
                body.linger = 0.0
            seen.add(target)
            url = target

    def success(self, method: str, answer: Answer, accepted: tuple[int, ...]) -> Answer:
        """The same answer if its status is accepted.

        Raises TransientFailureError or UploadError else.
        """
        if answer.status in accepted:
            return answer
        raise self.refused(method, answer)

    def refused(self, method: str, answer: Answer) -> SparkMesosError | TransientFailureError:
        """What to raise for an answer that is no success."""
        error = refusal(method, shown(answer.url), answer.said, answer.status)
        if answer.status == 401 and origin(answer.url) != self._origin and (self._chosen or self._basic):
            error = UploadError(
                error.message,
                hint="It was redirected there, and credentials are not sent to another address: write that "
                "one as the destination.",
            )
        if is_transient(answer.status):
            return TransientFailureError(error, retry_after(answer.headers.get("Retry-After"), time.time()))
        return error

    def pieces(self, answer: Answer) -> Pieces:
        """The body of an answer to a request with `stream`. Raises as `ask` does."""
        try:
            yield from answer.response.raw.stream(_PIECE_BYTES, decode_content=False)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error, answer.url, self._stall_seconds) from error
        finally:
            answer.response.close()

    def _ask_as_somebody(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | FileBody | None,
        stream: bool,
        silence: float,
    ) -> Answer:
        def ask(auth: AuthBase) -> Answer:
            return self._ask_once(method, url, headers, body, stream, silence, auth)

        if origin(url) != self._origin:
            return ask(_Nobody())
        answer = ask(self._auth)
        if answer.status in (401, 403) and self._choose(answer.headers.get("WWW-Authenticate")):
            answer.response.close()
            answer = ask(self._auth)
        return answer

    def _choose(self, challenge: str | None) -> bool:
        """Who to be from now on, once, as the server's challenge asks; whether that is a change."""
        if self._chosen or self._basic is None:
            return False
        self._chosen = True
        before = self._auth
        if self._digest is not None and offers(challenge, "digest"):
            self._auth = self._digest
        elif offers(challenge, "basic") or not challenge:
            self._auth = self._basic
        return self._auth is not before

    def _ask_once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | FileBody | None,
        stream: bool,
        silence: float,
        auth: AuthBase,
    ) -> Answer:
        proxies = {}
        if not is_loopback(urlsplit(url).hostname or ""):
            proxies = requests.utils.get_environ_proxies(url)
        try:
            response = self._session.request(
                method,
                url,
                headers=headers,
                data=body,  # type: ignore[arg-type]  # any iterable with a length will do
                auth=auth,
                stream=True,
                proxies=proxies,
                timeout=(silence, silence),
                allow_redirects=False,
            )
            self.answered = True
            answer = Answer(response, url)
            if not stream:
                answer.text()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._failure(error, url, silence) from error
        return answer

    def _failure(self, error: Exception, url: str, silence: float) -> Exception:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # It is the server that fails, not the file asked for, which may be one that nobody has heard of.
        server = shown(parts._replace(path="").geturl())
        failure = network_failure_of(error)
        if (
            not self.answered
            and parts.scheme == "http"
            and failure.kind in (FailureKind.CLOSED, FailureKind.GARBAGE)
            and not failure.proxy
            and speaks_tls(host, parts.port or 80, min(silence, _TLS_SECONDS))
        ):
            hint = f"Write {parts._replace(scheme='https', path='', query='').geturl()}/…"
            return UnreachableError(f"{server} speaks TLS, not plain HTTP", hint=hint)
        return connection_failure(error, server, host, silence)


def _of_user(
    http: HttpOptions, user: str | None, password: str | None
) -> tuple[HTTPBasicAuth | None, HTTPDigestAuth | None]:
    if user is None:
        user, password = http.user, http.password
    elif password is None and user == http.user:
        password = http.password
    if user is None:
        return None, None
    if ":" in user:
        raise UsageError(
            "the user name has a colon in it", hint="Basic authentication has no way to say that."
        )
    given = password or ""
    # Only names that a header can hold as they are; others would not be what the digest is computed of.
    digest = HTTPDigestAuth(user, given) if user.isascii() and '"' not in user else None
    return HTTPBasicAuth(user.encode(), given.encode()), digest


def _bearer(token: str) -> AuthBase:
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            "the token is empty, or has a blank or a line break in it",
            hint="Give the token alone, without `Bearer` before it.",
        )
    return _Bearer(token)
