"""Master and dispatcher URLs: from text to a value, and back to text. No I/O.

The forms are those of Spark and libmesos, widened where neither has an opinion: a default port, a list of
plain masters, https, and the embedded cluster. An error quotes what is wrong, but never what may be a
password: nothing that stands before an "@", and no port of a ZooKeeper URL that is not a number, since
`zk://user:password/path` looks like one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Literal

from sparkmesos_core.errors import MasterUrlError

DEFAULT_MASTER_PORT = 5050
DEFAULT_DISPATCHER_PORT = 7077
DEFAULT_ZOOKEEPER_PORT = 2181
DEFAULT_EMBEDDED_AGENTS = 2
MAX_EMBEDDED_AGENTS = 100

_LONGEST_QUOTATION = 200

BACKEND_PREFIX = "spark+"
"""What stands in front of a master's `mesos://` for Spark 4.

Its spark-submit refuses `mesos://`, and leaves to the SparkContext whatever else begins with `spark`. There
our backend takes it.
"""

Scheme = Literal["http", "https"]

_MASTER_HINT = (
    "Write mesos://HOST:5050, mesos://HOST1:5050,HOST2:5050, mesos://zk://HOST1:2181,HOST2:2181/mesos, "
    "mesos://https://HOST:5050, or embedded[N] for a cluster of its own on this machine"
)
_ZOOKEEPER_HINT = (
    "Write mesos://zk://HOST1:2181,HOST2:2181/mesos, or mesos://zk://USER:PASSWORD@HOST:2181/mesos"
    " if ZooKeeper wants a digest credential"
)
_DISPATCHER_HINT = (
    "Write the address of the dispatcher: mesos://HOST:7077, mesos://HOST1:7077,HOST2:7077 for several, "
    "or mesos://https://HOST:7077"
)
_CREDENTIALS_HINT = (
    "Credentials for a Mesos master go into the properties spark.mesos.principal and spark.mesos.secret"
)


@dataclass(frozen=True, order=True)
class HostPort:
    """A host (a name, an IPv4 or an IPv6 address without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Credential:
    """A user and a password for ZooKeeper's digest scheme; its text forms hide the password."""

    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.user}:***"

    @property
    def digest(self) -> str:
        """What ZooKeeper gets to see: user and password, in clear."""
        return f"{self.user}:{self.password}"


@dataclass(frozen=True)
class MesosMaster:
    """One Mesos master, or several of which the leader is to be found by asking."""

    hosts: tuple[HostPort, ...]
    scheme: Scheme = "http"

    @property
    def spark_url(self) -> str:
        """The canonical URL; what Spark's `--master` takes if it is a single host over http."""
        return _plain_url(self.scheme, ",".join(map(str, self.hosts)))

    def __str__(self) -> str:
        return self.spark_url


@dataclass(frozen=True)
class ZooKeeperMaster:
    """Masters whose leader is found through ZooKeeper; `path` is absolute and normalised."""

    servers: tuple[HostPort, ...]
    path: str
    credential: Credential | None = None

    @property
    def spark_url(self) -> str:
        """What Spark's `--master` takes. It holds the password: show `str()` of this value instead."""
        return self._url(f"{self.credential.digest}@" if self.credential else "")

    def __str__(self) -> str:
        return self._url(f"{self.credential}@" if self.credential else "")

    def _url(self, userinfo: str) -> str:
        return f"mesos://zk://{userinfo}{','.join(map(str, self.servers))}{self.path}"


@dataclass(frozen=True)
class EmbeddedMaster:
    """A cluster on this machine that lives as long as the command, with this many agents."""

    agents: int = DEFAULT_EMBEDDED_AGENTS

    @property
    def spark_url(self) -> str:
        """The canonical text. Spark itself gets the URL of the cluster that was started for it."""
        return f"embedded[{self.agents}]"

    def __str__(self) -> str:
        return self.spark_url


@dataclass(frozen=True)
class Dispatcher:
    """The address of a dispatcher, which takes drivers for cluster mode, or of several that share theirs."""

    address: HostPort
    scheme: Scheme = "http"
    others: tuple[HostPort, ...] = ()
    """Where to ask if it does not answer."""

    @property
    def addresses(self) -> tuple[HostPort, ...]:
        """All of them, in the order in which they are to be asked."""
        return (self.address, *self.others)

    @property
    def spark_url(self) -> str:
        """What Spark's `--master` takes in cluster mode, if it is over http."""
        return _plain_url(self.scheme, ",".join(map(str, self.addresses)))

    def __str__(self) -> str:
        return self.spark_url


def _plain_url(scheme: Scheme, hosts: str) -> str:
    return f"mesos://https://{hosts}" if scheme == "https" else f"mesos://{hosts}"


def parse_master(text: str) -> MesosMaster | ZooKeeperMaster | EmbeddedMaster:
    """Understand what `--master` may be when it names a Mesos cluster.

    `mesos://` and `zk://` forms follow Spark 2.0 and newer and libmesos' master detector (the grammar of
    `zk://` including what counts as the credential; `master@` before a host). Raises MasterUrlError.
    """
    _refuse_white_space(text, _MASTER_HINT)
    if text == "embedded" or text.startswith("embedded["):
        return _parse_embedded(text)
    scheme, rest = _split_scheme(text, "master", _MASTER_HINT)
    if scheme == "zk":
        return _parse_zookeeper(rest)
    hosts = _parse_hosts(rest, DEFAULT_MASTER_PORT, scheme, f"master URL '{_shown(text)}'", _MASTER_HINT)
    return MesosMaster(hosts, scheme)


def parse_dispatcher(text: str) -> Dispatcher:
    """Understand the address of a dispatcher: `mesos://HOST:7077`, with https as for a master.

    There may be several that share their drivers: `mesos://HOST1:7077,HOST2:7077`. Raises MasterUrlError,
    also for URLs of Mesos masters that cannot be meant: Spark's own client would make a nonsensical address
    of them.
    """
    _refuse_white_space(text, _DISPATCHER_HINT)
    if text == "embedded" or text.startswith("embedded["):
        raise MasterUrlError(
            f"the embedded cluster ('{_shown(text)}') has no dispatcher of its own to give drivers to",
            hint=_DISPATCHER_HINT,
        )
    scheme, rest = _split_scheme(text, "dispatcher", _DISPATCHER_HINT)
    if scheme == "zk":
        raise MasterUrlError(
            "a zk:// URL names Mesos masters, but cluster mode wants the dispatcher's address",
            hint=_DISPATCHER_HINT,
        )
    where = f"dispatcher URL '{_shown(text)}'"
    address, *others = _parse_hosts(rest, DEFAULT_DISPATCHER_PORT, scheme, where, _DISPATCHER_HINT)
    return Dispatcher(address, scheme, tuple(others))


_FOREIGN = (
    (re.compile(r"spark\+mesos:", re.I), "is what this toolkit itself tells Spark 4; users write mesos://"),
    (re.compile(r"spark:", re.I), "is the URL of a Spark standalone cluster, not of Mesos"),
    (re.compile(r"k8s:", re.I), "is the URL of a Kubernetes cluster, not of Mesos"),
    (re.compile(r"yarn\b", re.I), "means a Hadoop YARN cluster, not Mesos"),
    (re.compile(r"local(\[|$)", re.I), "runs Spark inside one process, without Mesos"),
    (re.compile(r"local-cluster(\[|$)", re.I), "is Spark's own test cluster, without Mesos"),
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def _split_scheme(text: str, what: str, hint: str) -> tuple[Literal["http", "https", "zk"], str]:
    """Take the scheme, or `mesos://` and the scheme within, off a URL; give what to speak and the rest."""
    if not text:
        raise MasterUrlError(f"the {what} URL is empty", hint=hint)
    for pattern, meaning in _FOREIGN:
        if pattern.match(text):
            raise MasterUrlError(f"'{_shown(text)}' {meaning}", hint=hint)
    if text.startswith("-"):
        raise MasterUrlError(
            f"'{_shown(text)}' looks like an option, and is no {what} URL",
            hint=f"Does what stands in front of it lack its value? {hint}",
        )
    if not (match := _SCHEME.match(text)):
        hint_here = f"Did you mean mesos://{_cut(text)}? {hint}" if _looks_like_hosts(text) else hint
        raise MasterUrlError(f"{what} URL '{_shown(text)}' does not begin with mesos://", hint=hint_here)
    scheme, rest = match[1].lower(), text[match.end() :]
    if scheme == "mesos" and (inner := _SCHEME.match(rest)):
        scheme, rest = inner[1].lower(), rest[inner.end() :]
        if scheme == "file":
            raise MasterUrlError(
                "mesos://file:// (a file that holds the URL) is a form of libmesos that is not supported",
                hint="Give the content of that file as the URL",
            )
        if scheme not in ("http", "https", "zk"):
            raise MasterUrlError(
                f"'{_cut(scheme)}://' cannot stand within a mesos:// URL; zk:// and https:// can", hint=hint
            )
    if scheme == "mesos":
        scheme = "http"
    if scheme in ("http", "https", "zk"):
        return scheme, rest  # type: ignore[return-value]  # mypy does not narrow str to literals
    raise MasterUrlError(f"'{_cut(scheme)}://' is not the scheme of a {what} URL", hint=hint)


def _parse_embedded(text: str) -> EmbeddedMaster:
    if text == "embedded":
        return EmbeddedMaster()
    match = re.fullmatch(r"embedded\[([0-9]{1,9})\]", text)
    if not match or not 1 <= int(match[1]) <= MAX_EMBEDDED_AGENTS:
        raise MasterUrlError(
            f"'{_shown(text)}' is no number of agents that an embedded cluster can have",
            hint=f"Write embedded or embedded[N], with N from 1 to {MAX_EMBEDDED_AGENTS}",
        )
    return EmbeddedMaster(int(match[1]))


def _parse_zookeeper(rest: str) -> ZooKeeperMaster:
    servers, slash, path = rest.partition("/")
    if "@" in path:
        raise MasterUrlError(
            "the zk:// URL has an '@' behind its first '/', where the path begins", hint=_ZOOKEEPER_HINT
        )
    userinfo, at, servers = servers.rpartition("@")
    visible = ("***@" if at else "") + (_cut(servers) if _ports_are_numbers(servers) else "…")
    shown = f"ZooKeeper URL 'zk://{visible}{slash}{_cut(path)}'"
    credential = None
    if at:
        user, colon, password = userinfo.partition(":")
        if not (user and colon and password):
            raise MasterUrlError(
                f"what stands before the '@' in {shown} is not USER:PASSWORD", hint=_ZOOKEEPER_HINT
            )
        credential = Credential(user, password)
    if odd := re.search(r"[?#]", path):
        raise MasterUrlError(f"{shown} has a '{odd[0]}' in its path", hint=_ZOOKEEPER_HINT)
    hosts = _parse_addresses(servers, DEFAULT_ZOOKEEPER_PORT, shown, _ZOOKEEPER_HINT, quote_ports=False)
    nodes = [node for node in path.split("/") if node]
    if not nodes:
        raise MasterUrlError(f"{shown} has no path", hint=_ZOOKEEPER_HINT)
    if dots := [node for node in nodes if node in (".", "..")]:
        raise MasterUrlError(f"{shown} has a relative path ('{dots[0]}')", hint=_ZOOKEEPER_HINT)
    return ZooKeeperMaster(hosts, "/" + "/".join(nodes), credential)


def _parse_hosts(rest: str, default_port: int, scheme: Scheme, where: str, hint: str) -> tuple[HostPort, ...]:
    """Hosts of a URL that is not ZooKeeper's: nothing but an optional lone slash may follow them."""
    quote_ports = "@" not in rest
    rest = ",".join(part.removeprefix("master@") for part in rest.split(","))
    if "@" in rest:
        many = " and more than one '@'" if rest.count("@") > 1 else ""
        raise MasterUrlError(f"{where} has user information{many}", hint=_CREDENTIALS_HINT)
    if odd := re.search(r"[?#].*", rest):
        raise MasterUrlError(f"{where} has '{_cut(odd[0])}', which means nothing here", hint=hint)
    hosts, _, path = rest.partition("/")
    if path and (again := re.findall(rf",((?:{_SCHEME.pattern})+)", rest)):
        schemes = {"mesos://"} if scheme == "http" else {"mesos://https://", "https://"}
        meant = re.sub(_SCHEME, "", rest)
        clear = {each[0] for each in again} <= schemes and "/" not in meant
        raise MasterUrlError(
            f"{where} has '{_cut(again[0][0])}' in front of a host that is not its first: "
            "it stands there once",
            hint=f"Did you mean {_cut(_plain_url(scheme, meant))}? {hint}" if clear else hint,
        )
    if path:
        raise MasterUrlError(f"{where} has a path ('/{_cut(path)}')", hint=hint)
    return _parse_addresses(hosts, default_port, where, hint, quote_ports=quote_ports)


def _parse_addresses(
    text: str, default_port: int, where: str, hint: str, *, quote_ports: bool
) -> tuple[HostPort, ...]:
    if not text:
        raise MasterUrlError(f"{where} has no host", hint=hint)
    return tuple(
        _parse_address(part, default_port, where, hint, quote_ports=quote_ports) for part in text.split(",")
    )


def _parse_address(text: str, default_port: int, where: str, hint: str, *, quote_ports: bool) -> HostPort:
    if not text:
        raise MasterUrlError(f"{where} has an empty host between commas", hint=hint)
    if text.startswith("["):
        literal, bracket, port_text = text[1:].partition("]")
        if not bracket or (port_text and not port_text.startswith(":")):
            raise MasterUrlError(f"{where} has brackets that do not fit", hint=hint)
        host = _ipv6(literal)
        if host is None:
            raise MasterUrlError(f"'{_cut(literal)}' in {where} is not an IPv6 address", hint=hint)
    else:
        host, colon, port_text = text.partition(":")
        port_text = colon + port_text
        if _ipv6(text) is not None and text.count(":") > 1:
            raise MasterUrlError(f"the IPv6 address in {where} needs brackets: [{_cut(text)}]", hint=hint)
        if not host:
            raise MasterUrlError(
                f"{where} has no host before '{_cut(text) if quote_ports else ':'}'", hint=hint
            )
    port = _port(port_text, default_port)
    if port is None:
        digits = port_text[1:].isascii() and port_text[1:].isdigit()
        quoted = f"'{_cut(port_text[1:])}'" if quote_ports or digits else "what follows the colon"
        raise MasterUrlError(
            f"the port of '{_cut(host)}' in {where} is not a number from 1 to 65535: {quoted}", hint=hint
        )
    if not text.startswith("[") and not _is_host(host):
        raise MasterUrlError(f"'{_cut(host)}' in {where} is not a host name or an address", hint=hint)
    return HostPort(host, port)


def _port(text: str, default: int) -> int | None:
    """The port in ":5050", the default for "", None for anything else."""
    if not text:
        return default
    if not re.fullmatch(r":[0-9]{1,9}", text) or not 1 <= int(text[1:]) <= 65535:
        return None
    return int(text[1:])


def _ipv6(text: str) -> str | None:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _is_host(text: str) -> bool:
    """Whether this is an IPv4 address or a name; underscores are common in the names of containers."""
    if re.fullmatch(r"[0-9.]+", text):
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            return False
        return True
    label = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
    return len(text) <= 253 and re.fullmatch(rf"{label}(\.{label})*\.?", text) is not None


def _refuse_white_space(text: str, hint: str) -> None:
    if any(character.isspace() or not character.isprintable() for character in text):
        raise MasterUrlError("the URL contains white space or control characters", hint=hint)


def _shown(text: str) -> str:
    """The text for a message: what stands before the last "@" may be a secret, and is left out."""
    before, at, after = text.rpartition("@")
    if not at:
        return _cut(text)
    scheme = _SCHEME.match(before)
    return f"{scheme[0] if scheme else ''}***@{_cut(after)}"


def _cut(text: str) -> str:
    """The beginning of what may be of any length, for a message."""
    return text if len(text) <= _LONGEST_QUOTATION else text[:_LONGEST_QUOTATION] + "…"


def _looks_like_hosts(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_.-]+(:[0-9]+)?(,[A-Za-z0-9_.-]+(:[0-9]+)?)*/?", text) is not None


def _ports_are_numbers(text: str) -> bool:
    """Whether no port in a list of servers can be a password for which the "@HOST" was forgotten."""
    return all(re.fullmatch(r"[^:]*(:[0-9]*)?|\[[^\]]*\](:[0-9]*)?", part) for part in text.split(","))
