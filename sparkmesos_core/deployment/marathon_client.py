"""Giving an app to Marathon: `PUT /v2/apps/ID`, which creates it or puts it in the place of the one there.

As in Marathon's `AppsResource`, 1.4.6 to 1.11: 201 for a new app, 200 for a changed one, both with the id of
the deployment that was begun; refusals as JSON with a `message`, and `details` by field.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from sparkmesos_core.errors import DeploymentError, UnreachableError, UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.mesos.http import authorities_file, describe_answer
from sparkmesos_core.network_failures import FailureKind, check_ca_file, network_failure_of
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

if TYPE_CHECKING:
    import requests

_TIMEOUT = 30.0
"""Seconds; Marathon itself waits for as long for what it writes."""
_MOST_HOPS = 5
_HINT = "Write it as http://HOST:8080, with USER:PASSWORD@ in front of the host if it wants to know who asks."
_LOCKED = (
    "Wait until that deployment is over, or look at it and end it: GET and DELETE {url}/v2/deployments/{id}"
)
_NETWORK = "Check the address, the network and firewalls."


@dataclass(frozen=True)
class MarathonUrl:
    """Where Marathon is, and as whom it is asked."""

    base: str
    """Without credentials and without a slash at its end; it may have a path."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Deployment:
    """What Marathon does about an app that it was given."""

    app_id: str
    id: str
    """Of the deployment; empty if Marathon does not tell."""
    created: bool
    """Whether there was no such app before."""
    url: str
    """Who took it: the leader, where Marathon pointed to it."""


def parse_marathon_url(text: str) -> MarathonUrl:
    """Read `http://[USER:PASSWORD@]HOST[:PORT][/PATH]`. Raises UsageError, which shows no password."""
    shown = redact_text(text)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f"{shown} is no URL of a Marathon", hint=_HINT) from None
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageError(f"{shown} is no URL of a Marathon", hint=_HINT)
    netloc = f"[{host}]" if ":" in host else host
    netloc = netloc if port is None else f"{netloc}:{port}"
    # What people copy from a browser may end in what its pages, or its interface, are called.
    path = parts.path.rstrip("/").removesuffix("/ui").removesuffix("/v2/apps").rstrip("/")
    return MarathonUrl(
        urlunsplit((parts.scheme, netloc, path, "", "")),
        None if parts.username is None else unquote(parts.username),
        None if parts.username is None else unquote(parts.password or ""),
    )


def deploy(app: Mapping[str, Any], marathon: MarathonUrl) -> Deployment:
    """Creates the app, or replaces it by this definition.

    Follows redirects to the leader, with the credentials, but not from https to http. Certificates are
    checked against those of REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, if one is set. Raises UnreachableError if
    there is no answer or no leader, DeploymentError if Marathon refuses, UsageError for what is no bundle.
    """
    import requests

    with requests.Session() as session:
        # No netrc file, which could send foreign credentials; proxies are still those of the environment.
        session.trust_env = False
        session.verify = _authorities() if marathon.base.startswith("https:") else True
        if marathon.user is not None:
            # As bytes: requests would write text as Latin-1.
            session.auth = requests.auth.HTTPBasicAuth(
                marathon.user.encode(), (marathon.password or "").encode()
            )
        return _put(session, app, marathon.base)


def _authorities() -> str:
    """What certificates are checked against: a file, or a folder of the environment's. Raises UsageError."""
    place = authorities_file(None)
    if not Path(place).is_dir():
        try:
            check_ca_file(place)
        except UsageError as error:
            raise UsageError(
                error.message,
                hint="The variable REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names it: correct that.",
            ) from error
    return place


def _put(session: requests.Session, app: Mapping[str, Any], base: str) -> Deployment:
    # A slash of the id is one of the path there.
    place = f"{base}/v2/apps{app['id']}"
    body = json.dumps(app).encode()
    for _ in range(_MOST_HOPS):
        response = _ask(session, place, body)
        if response.status_code not in (301, 302, 307, 308):
            return _understood(response, app, place.removesuffix(f"/v2/apps{app['id']}"))
        place = _redirected(place, response.headers.get("Location", ""))
    raise DeploymentError(f"{base} redirects without end", hint="Give the address of the leader.")


def _redirected(place: str, location: str) -> str:
    """Where a redirect points to, without a query. Raises DeploymentError for one that leads nowhere."""
    try:
        parts = urlsplit(urljoin(place, location))
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise DeploymentError(
            f"{place} redirects to {quoted(redact_text(location))}, which is no address",
            hint="Look at its log.",
        )
    # No credentials but those that were given.
    target = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if target == place:
        raise DeploymentError(f"{place} redirects to itself", hint="Look at its log.")
    if place.startswith("https:") and parts.scheme == "http":
        raise DeploymentError(f"{place} redirects from https to {target}", hint="Give the leader's address.")
    return target


def _ask(session: requests.Session, place: str, body: bytes) -> requests.Response:
    import requests
    import urllib3

    if not is_loopback(urlsplit(place).hostname or ""):
        session.proxies = requests.utils.get_environ_proxies(place)
    try:
        return session.put(
            place,
            # Else fields that are not given would stay as they were.
            params={"partialUpdate": "false"},
            data=body,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        said, hint = _explain(error, urlsplit(place).hostname or "")
        base = place.partition("/v2/apps")[0]
        raise UnreachableError(f"Marathon at {base} {said}", hint=hint) from error
    except (
        ValueError
    ) as error:  # requests looks at where a redirect points to, even if it is not to follow it
        raise DeploymentError(f"{place} redirects to what is no address", hint="Look at its log.") from error


def _explain(error: BaseException, host: str) -> tuple[str, str]:
    """What went wrong, to stand behind the address, and what to do about it."""
    failure = network_failure_of(error)
    if failure.proxy:
        return "cannot be reached through the proxy of the environment", "Check http_proxy and no_proxy."
    match failure.kind:
        case FailureKind.NAME:
            return f"cannot be reached: the name '{host}' cannot be resolved", "Check the host name."
        case FailureKind.CERTIFICATE:
            return (
                f"has a certificate that is not trusted ({failure.reason})",
                "Name the certificate of its authority in the variable REQUESTS_CA_BUNDLE.",
            )
        case FailureKind.NO_TLS:
            return "speaks plain HTTP, not TLS", "Write http:// if that is what you want."
        case FailureKind.REFUSED:
            return "refuses the connection", "Check host and port, and that Marathon runs there."
        case FailureKind.NO_CONNECTION | FailureKind.SILENCE:
            return f"did not answer within {_TIMEOUT:g} s", f"{_NETWORK} It may have got the app: look there."
    return f"gave no answer ({failure.reason or failure.kind.value})", "Check host and port, and its log."


def _understood(response: requests.Response, app: Mapping[str, Any], base: str) -> Deployment:
    status = response.status_code
    try:
        content = json.loads(response.content)
    except ValueError:
        content = None
    answer = content if isinstance(content, dict) else {}
    if status in (200, 201) and isinstance(content, dict):
        deployment = response.headers.get("Marathon-Deployment-Id") or answer.get("deploymentId") or ""
        return Deployment(str(app["id"]), str(deployment), status == 201, base)
    said = "; ".join(_refusal(answer)) or describe_answer(response)
    if status == 401:
        raise DeploymentError(
            f"Marathon at {base} wants other credentials than these, or some: {said}",
            hint="Give them in --marathon-url: http://USER:PASSWORD@HOST:8080. To keep them from "
            "others on this machine, set SPARKMESOS_MARATHON_URL to it instead.",
        )
    if status == 403:
        raise DeploymentError(
            f"Marathon at {base} does not allow this: {said}",
            hint="Ask who runs it for the right to change this app; or too many deployments are under way.",
        )
    if status == 409:
        running = [str(one.get("id")) for one in answer.get("deployments", ()) if isinstance(one, dict)]
        raise DeploymentError(
            f"Marathon at {base} is still at work on {app['id']}: {said}",
            hint=_LOCKED.format(url=base, id=running[0] if running else "ID"),
        )
    if status in (400, 422):
        raise DeploymentError(
            f"Marathon at {base} refuses the app {app['id']}: {said}",
            hint="Print it with --marathon alone, change what it names, and give it to Marathon yourself.",
        )
    if status in (502, 503, 504):
        raise UnreachableError(
            f"Marathon at {base} cannot take it now: {said}",
            hint="Nobody may lead there just now. Try again in a moment; if it stays so, look at its log.",
        )
    if status in (404, 405) or status < 300:
        raise DeploymentError(
            f"{base} is no Marathon: it answered {said}",
            hint="Give the address of a Marathon, such as http://HOST:8080.",
        )
    raise DeploymentError(
        f"{base}/v2/apps answered {said}",
        hint="Check that this is the address of a Marathon, and look at its log.",
    )


def _refusal(answer: Mapping[str, Any]) -> Iterator[str]:
    """What Marathon says of a refusal: its message, and each field with what is wrong."""
    message, details = answer.get("message"), answer.get("details")
    if isinstance(message, str) and message:
        yield message
    if isinstance(details, str):
        yield details
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            errors = detail.get("errors")
            said = ", ".join(map(str, errors)) if isinstance(errors, list) else str(errors)
            yield f"{detail.get('path') or '/'} {said}"
