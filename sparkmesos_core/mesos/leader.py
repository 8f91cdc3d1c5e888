"""Which of several Mesos masters leads: asked of the masters themselves, or read from ZooKeeper.

Plain masters are asked `GET /roles`, which only the leader answers itself (with 401 or 403 if it wants
credentials); the others send a 307 with a `Location` that has no scheme. After the leader has died they go on
pointing at it until its ZooKeeper session ends, and the next one answers 503 while it recovers; so those
answers are asked for again. Behaviour as recorded from Mesos 1.12.0.

ZooKeeper holds one ephemeral, sequential node for each master. The one with the smallest number leads
(libmesos' rule). Its data does not say whether the master speaks TLS: with a CA file it is spoken to over
https.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.master import HostPort, MesosMaster, Scheme, ZooKeeperMaster
from sparkmesos_core.mesos.http import MesosHttp, describe_answer
from sparkmesos_core.zookeeper_session import new_client, no_server

if TYPE_CHECKING:
    import requests
    from kazoo.client import KazooClient

logger = logging.getLogger(__name__)

SESSION_TIMEOUT = 10.0
"""Seconds; libmesos asks ZooKeeper for the same."""

_POLL_INTERVAL = 0.25
_SHORTEST_WAIT = 0.5
_MAX_HOPS = 5
_MEMBER = re.compile(r"(json\.info_|info_|)([0-9]{10})")


@dataclass(frozen=True)
class Leader:
    """The leading master: where it answers, its own name for itself, and its version if it is known."""

    address: HostPort
    scheme: Scheme = "http"
    hostname: str = ""
    version: str | None = None

    @property
    def http_url(self) -> str:
        """Its base URL, for `MesosHttp`."""
        return f"{self.scheme}://{self.address}"

    @property
    def spark_url(self) -> str:
        """What names exactly this master as a `--master`."""
        return MesosMaster((self.address,), self.scheme).spark_url


def resolve_leader(
    master: MesosMaster | ZooKeeperMaster, *, ca_file: str | None = None, timeout: float = 10.0
) -> Leader:
    """Find the leading master, waiting up to `timeout` seconds while an election is under way.

    Masters of a list are asked in turn. A leader found through ZooKeeper is not asked; it is taken to speak
    https if there is a `ca_file`, since ZooKeeper does not say. Raises UnreachableError, which names every
    host with its reason, and UsageError if the CA file cannot be used.
    """
    if isinstance(master, ZooKeeperMaster):
        return _resolve_through_zookeeper(master, "https" if ca_file else "http", timeout)
    return _resolve_by_asking(master, ca_file, timeout)


# Asking the masters


@dataclass(frozen=True)
class Leads:
    """The answer of a leading master; `sure` unless something else might answer the same."""

    sure: bool


@dataclass(frozen=True)
class PointsTo:
    """The answer of a master that does not lead: where the leader is."""

    scheme: Scheme
    address: HostPort


@dataclass(frozen=True)
class Refusal:
    """Why a host is not the leader, to stand behind its URL; `passing` if that may soon change."""

    reason: str
    passing: bool
    hint: str = ""


def judge(response: requests.Response, scheme: Scheme) -> Leads | PointsTo | Refusal:
    """What the answer of a host to `GET /roles` says about who leads. `scheme` is the one it was asked by."""
    status = response.status_code
    if status == 307:
        return _read_redirect(response.headers.get("Location", ""), scheme)
    if status in (401, 403):
        return Leads(sure=False)
    if status in (502, 503, 504):
        return Refusal(f"answered {describe_answer(response)}", passing=True)
    try:
        content = response.json()
    except ValueError:
        content = None
    if isinstance(content, dict) and status == 200 and isinstance(content.get("roles"), list):
        return Leads(sure=True)
    hint = "Check that host and port are those of a Mesos master (5050 unless configured otherwise)"
    if isinstance(content, dict) and "serverSparkVersion" in content:
        reason = "is a REST server of Spark, such as a dispatcher, not a Mesos master"
        return Refusal(
            reason,
            passing=False,
            hint=f"{hint}; a dispatcher is for applications (`sparkmesos submit --deploy-mode cluster`)",
        )
    return Refusal(
        f"does not answer like a Mesos master: {describe_answer(response)}", passing=False, hint=hint
    )


def _read_redirect(location: str, scheme: Scheme) -> PointsTo | Refusal:
    try:
        target = urlsplit(location if "//" in location else f"//{location}")
        host, port = target.hostname, target.port
    except ValueError:
        host = port = None
        target = urlsplit("")
    if not host or target.scheme not in ("", "http", "https"):
        return Refusal(f"redirects to '{location}', which is no address", passing=False)
    if scheme == "https" and target.scheme == "http":
        return Refusal(
            f"redirects from https to {location}",
            passing=False,
            hint="Let all masters speak https, or name them without it",
        )
    chosen: Scheme = "https" if "https" in (scheme, target.scheme) else "http"
    return PointsTo(chosen, HostPort(host, port or (443 if chosen == "https" else 80)))


def _resolve_by_asking(master: MesosMaster, ca_file: str | None, timeout: float) -> Leader:
    deadline = time.monotonic() + timeout
    while True:
        refusals: list[tuple[str, Refusal]] = []
        for index, host in enumerate(master.hosts):
            patience = (deadline - time.monotonic()) / (len(master.hosts) - index)
            outcome = _follow(master.scheme, host, ca_file, max(patience, _SHORTEST_WAIT))
            if isinstance(outcome, Leader):
                return outcome
            refusals.append((f"{master.scheme}://{host}", outcome))
        passing = any(refusal.passing for _, refusal in refusals)
        if not passing or time.monotonic() + _POLL_INTERVAL >= deadline:
            break
        time.sleep(_POLL_INTERVAL)
    listed = "; ".join(f"{url} {refusal.reason}" for url, refusal in refusals)
    waited = f" (asked for {timeout:g} s)" if passing else ""
    hints = list(dict.fromkeys(refusal.hint for _, refusal in refusals if refusal.hint))
    raise UnreachableError(
        f"no leading Mesos master: {listed}{waited}",
        hint=". ".join(hints) or "Check that the masters are running and can elect a leader",
    )


def _follow(scheme: Scheme, host: HostPort, ca_file: str | None, patience: float) -> Leader | Refusal:
    """Ask a host, and those that it points to, who leads. `patience` is in seconds for each answer."""
    trail: list[str] = []
    while True:
        url = f"{scheme}://{host}"
        behind = f"points to {url}, which " if trail else ""
        if url in trail or len(trail) > _MAX_HOPS:
            return Refusal(f"points to {url} without end", passing=True)
        trail.append(url)
        with MesosHttp(url, timeout=patience, ca_file=ca_file) as client:
            try:
                answer = judge(client.get("/roles"), scheme)
                if isinstance(answer, Leads):
                    version = _ask_version(client)
                    if not answer.sure and version is None:
                        return Refusal(behind + "wants credentials, but is no Mesos master", passing=False)
                    elsewhere = None if answer.sure else _ask_redirect(client, scheme, host)
                    if elsewhere is None:
                        return Leader(host, scheme, host.host, version)
                    answer = elsewhere
            except UnreachableError as error:
                # Whom a master points at may have died a moment ago; what the user wrote is simply not there.
                reason = error.message.removeprefix(f"{url} ")
                return Refusal(behind + reason, passing=bool(behind), hint=error.hint)
        if isinstance(answer, Refusal):
            return Refusal(behind + answer.reason, answer.passing, answer.hint)
        scheme, host = answer.scheme, answer.address


def _ask_redirect(client: MesosHttp, scheme: Scheme, host: HostPort) -> PointsTo | Refusal | None:
    """Where a master that wants credentials for `/roles` sends us; None if it is itself the leader.

    Mesos looks at credentials before it redirects, so a master which does not lead answers 401 as well. Only
    `/redirect` stays open. The leader may call itself by a name that only its own network knows.
    """
    response = client.get("/redirect")
    answer = judge(response, scheme) if response.status_code in (307, 503) else None
    if isinstance(answer, Refusal):
        return answer
    if not isinstance(answer, PointsTo) or (answer.scheme, answer.address) == (scheme, host):
        return None
    try:
        socket.getaddrinfo(answer.address.host, answer.address.port)
    except OSError:
        return None
    return answer


def _ask_version(client: MesosHttp) -> str | None:
    """The version of a master; `/version` stays open when credentials are wanted for everything else."""
    try:
        content = client.get_json("/version")
    except MesosError:
        return None
    version = content.get("version") if isinstance(content, dict) else None
    return version if isinstance(version, str) else None


# Reading ZooKeeper


def choose_member(children: Iterable[str]) -> str | None:
    """The node of the leader among the children of the masters' path: the one with the smallest number.

    None if there is no master.
    """
    members = members_of(children)
    return members[0] if members else None


def members_of(children: Iterable[str]) -> list[str]:
    """The nodes of masters among the children of their path, the leader's first: they have numbers.

    Nodes of old masters (`info_` and no label) take part, since they could lead; others, such as
    `log_replicas`, do not.
    """
    members = [(int(match[2]), match[0]) for name in children if (match := _MEMBER.fullmatch(name))]
    return [name for _, name in sorted(members)]


def read_member(name: str, data: bytes, scheme: Scheme) -> Leader:
    """The master that a node describes.

    Raises UnreachableError if it is one of Mesos 0.23 or older, which wrote binary data (and have no HTTP
    API that frameworks could use), or if the data is not that of a master.
    """
    if not name.startswith("json.info_"):
        raise UnreachableError(
            f"the leading master's ZooKeeper node '{name}' is in the format of Mesos 0.23 and older",
            hint="Upgrade Mesos: 1.0 is the oldest version that works",
        )
    try:
        info = json.loads(data)
        address = info.get("address", {})
        named = HostPort(info.get("hostname", ""), info.get("port", 0))
        candidates = [HostPort(address.get("ip", ""), address.get("port", 0)), named]
        host, _, port = str(info.get("pid", "")).rpartition("@")[2].rpartition(":")
        candidates.append(HostPort(host.strip("[]"), int(port) if port.isdigit() else 0))
        usable = [candidate for candidate in candidates if _is_address(candidate)]
        hostname = address.get("hostname") or info.get("hostname") or usable[0].host
        version = info.get("version")
        return Leader(usable[0], scheme, str(hostname), version if isinstance(version, str) else None)
    except (ValueError, AttributeError, IndexError):
        raise UnreachableError(
            f"the leading master's ZooKeeper node '{name}' does not describe a Mesos master",
            hint="Check that the path in the ZooKeeper URL is the one that the Mesos masters use",
        ) from None


def _is_address(candidate: HostPort) -> bool:
    host, port = candidate.host, candidate.port
    return isinstance(host, str) and bool(host) and type(port) is int and 0 < port < 65536


def _resolve_through_zookeeper(master: ZooKeeperMaster, scheme: Scheme, timeout: float) -> Leader:
    from kazoo.handlers.threading import KazooTimeoutError

    deadline = time.monotonic() + timeout
    client = _client(master)
    try:
        try:
            client.start(timeout)
        except KazooTimeoutError:
            raise no_server(master.servers, timeout) from None
        return await_leader(client, master, scheme, max(deadline - time.monotonic(), 0))
    finally:
        client.stop()
        client.close()


def await_leader(client: KazooClient, master: ZooKeeperMaster, scheme: Scheme, timeout: float) -> Leader:
    """The leader, asked of ZooKeeper by a client that is connected; the first one within `timeout` seconds.

    Raises UnreachableError if there is none until then, and for what keeps it from being known: the path does
    not exist, or may not be read, or holds what is not understood, or ZooKeeper does not answer.
    """
    deadline = time.monotonic() + timeout
    changed = threading.Event()

    def wake(_event: object) -> None:
        changed.set()

    while True:
        changed.clear()
        left = max(deadline - time.monotonic(), _SHORTEST_WAIT)
        leader = _read_leader(client, master, scheme, left, wake)
        if leader is not None:
            return leader
        if not changed.wait(max(deadline - time.monotonic(), 0)):
            raise UnreachableError(
                f"no Mesos master is elected: none is registered under {master.path} in ZooKeeper"
                f" (waited {timeout:g} s)",
                hint="Check that the Mesos masters are running, with this ZooKeeper and this path",
            )


def _client(master: ZooKeeperMaster) -> KazooClient:
    return new_client(master.servers, master.credential, SESSION_TIMEOUT)


def _read_leader(
    client: KazooClient,
    master: ZooKeeperMaster,
    scheme: Scheme,
    timeout: float,
    on_change: Callable[[object], None],
) -> Leader | None:
    """The leader that ZooKeeper knows now; None if there is no master.

    `on_change` is called, from another thread, when asking again may give another result; give the same one
    each time, since ZooKeeper's client keeps all that it was given until they have been called. `timeout` is
    in seconds for each answer. Raises UnreachableError.
    """
    from kazoo.exceptions import AuthFailedError, KazooException, NoAuthError, NoNodeError
    from kazoo.handlers.threading import KazooTimeoutError

    try:
        if client.exists_async(master.path, on_change).get(timeout=timeout) is None:
            raise UnreachableError(
                f"the path {master.path} does not exist in ZooKeeper ({_servers(master)})",
                hint="Check the path in the ZooKeeper URL: it is the one in the masters' option --zk",
            )
        name = choose_member(client.get_children_async(master.path, on_change).get(timeout=timeout))
        if name is None:
            return None
        data, _ = client.get_async(f"{master.path}/{name}").get(timeout=timeout)
    except (NoAuthError, AuthFailedError):
        given = "these credentials" if master.credential else "a client without credentials"
        raise UnreachableError(
            f"ZooKeeper does not let {given} read {master.path}",
            hint="Give the masters' credentials in the URL: mesos://zk://USER:PASSWORD@HOST:2181/PATH",
        ) from None
    except NoNodeError:
        # Gone between two answers. Who leads now?
        return _read_leader(client, master, scheme, timeout, on_change)
    except KazooTimeoutError:
        raise no_server(master.servers, timeout) from None
    except KazooException as error:
        raise UnreachableError(
            f"ZooKeeper ({_servers(master)}) failed to answer: {type(error).__name__}",
            hint="Check the ZooKeeper servers",
        ) from error
    return read_member(name, data, scheme)


def _servers(master: ZooKeeperMaster) -> str:
    return ",".join(map(str, master.servers))


class LeaderWatch:
    """Tells `callback` who leads, as ZooKeeper knows it: first soon after entering, then at every change.

    The callback gets None when no leader is known: none is elected, or ZooKeeper has not been reached for as
    long as a session lasts (libmesos' rule). `problem` then says why, if it is more than an election. Loss
    and renewal of the session are handled. The callback runs in the watch's own thread, one call at a time,
    and should not raise: what it raises is logged.

    With a `ca_file` leaders are taken to speak https, as in `resolve_leader`.
    """

    def __init__(
        self,
        master: ZooKeeperMaster,
        callback: Callable[[Leader | None], None],
        *,
        ca_file: str | None = None,
    ) -> None:
        self.problem: SparkMesosError | None = None
        self._master = master
        self._callback = callback
        self._scheme: Scheme = "https" if ca_file else "http"
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._lost_since: float | None = None
        self._thread = threading.Thread(target=self._watch, name="mesos-leader-watch", daemon=True)

    def __enter__(self) -> LeaderWatch:
        self._client = _client(self._master)
        self._lost_since = time.monotonic()
        self._client.add_listener(self._on_state)
        self._client.start_async()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._changed.set()
        self._client.stop()
        self._client.close()
        self._thread.join()

    def _wake(self, _event: object) -> None:
        self._changed.set()

    def _on_state(self, state: Any) -> None:
        from kazoo.protocol.states import KazooState

        if state == KazooState.CONNECTED:
            self._lost_since = None
        elif self._lost_since is None:
            self._lost_since = time.monotonic()
        self._changed.set()

    def _watch(self) -> None:
        told: list[Leader | None] = []
        while not self._stopping.is_set():
            self._changed.clear()
            leader, recheck_after = self._look(told[0] if told else None)
            if self._stopping.is_set():
                return
            unsettled = leader is None and not told and self.problem is None and recheck_after is not None
            if not unsettled and told != [leader]:
                told = [leader]
                try:
                    self._callback(leader)
                except Exception:
                    logger.exception("the callback of a leader watch failed")
            self._changed.wait(recheck_after)

    def _look(self, known: Leader | None) -> tuple[Leader | None, float | None]:
        """The leader to tell of, and the seconds after which to look again even if nothing is heard."""
        lost_since = self._lost_since
        if lost_since is not None:
            left = lost_since + SESSION_TIMEOUT - time.monotonic()
            if left > 0:
                return known, left
            self.problem = no_server(self._master.servers, SESSION_TIMEOUT)
            return None, None
        try:
            leader = _read_leader(self._client, self._master, self._scheme, SESSION_TIMEOUT, self._wake)
        except UnreachableError as error:
            if self._lost_since is not None:
                return known, _POLL_INTERVAL  # the connection broke meanwhile: that decides
            self.problem = error
            return None, SESSION_TIMEOUT
        self.problem = None
        return leader, None
