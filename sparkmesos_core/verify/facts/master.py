"""The leading master: where it is, how it is asked, and what it wants to know of those who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sparkmesos_core.conf.checks import Mode
from sparkmesos_core.conf.mesos_credentials import mesos_credentials
from sparkmesos_core.configuration_check import submission_mode
from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError, UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.mesos.http import NO_TLS, ONLY_TLS, MesosHttp
from sparkmesos_core.mesos.leader import Leader, resolve_leader
from sparkmesos_core.submit.mesos_driver import libmesos_for
from sparkmesos_core.verify.facts.foreign_server import identify, usual_port
from sparkmesos_core.verify.facts.zookeeper import MEMBERS
from sparkmesos_core.verify.known import Fact, Known, UnknownFactError

_PRINCIPAL, _SECRET = "spark.mesos.principal", "spark.mesos.secret"


def _unused(_known: Known) -> None:
    return None


URL: Fact[None] = Fact("the URL of the master", _unused, reported_by="master-url")
"""At the root of failures that come of a URL which names something else; it is not read."""


def _leader(known: Known) -> Leader:
    master = known.subject.master
    if isinstance(master, MesosMaster):
        return _leader_of_list(known, master)
    member = known[MEMBERS].leader
    # ZooKeeper's word is not enough: the node of a master that has died lives on for a while.
    try:
        found = resolve_leader(
            MesosMaster((member.address,), member.scheme), ca_file=ca_file_of(known), timeout=known.timeout
        )
    except UnreachableError as error:
        reason = error.message.removeprefix("no leading Mesos master: ")
        # What is wrong with a URL does not help who has not written it.
        hint = error.hint
        if ONLY_TLS in reason:
            hint = (
                "Give the certificates of the masters' authority with --ca-file: then masters that ZooKeeper"
                " names are spoken to over https."
            )
        elif NO_TLS in reason:
            hint = "Leave out --ca-file: with it, masters that ZooKeeper names are spoken to over https."
        elif is_loopback(member.address.host) and not all(is_loopback(each.host) for each in master.servers):
            hint = (
                "It has registered its loopback address, which nobody else can use: start it with --ip (or"
                " --advertise_ip) and --hostname of its network."
            )
        raise UnreachableError(
            f"the master that ZooKeeper names as the leader does not answer: {reason}", hint=hint
        ) from error
    return replace(found, hostname=member.hostname) if found.address == member.address else found


def _leader_of_list(known: Known, master: MesosMaster) -> Leader:
    deadline = known.deadline()
    try:
        return resolve_leader(master, ca_file=ca_file_of(known), timeout=known.timeout)
    except UnreachableError as error:
        # Who has kept us waiting until now would not say more to another question, either.
        foreign = identify(master, ca_file=ca_file_of(known), deadline=deadline)
        if foreign:
            said = "; ".join(f"{host} is {each.what}, not a Mesos master" for host, each in foreign.items())
            hints = dict.fromkeys(each.hint for each in foreign.values())
            raise UnknownFactError(URL, UnreachableError(said, hint=" ".join(hints))) from error
        if ports := dict.fromkeys(filter(None, map(usual_port, master.hosts))):
            raise UnreachableError(error.message, hint=f"{error.hint}. {'; '.join(ports)}") from error
        raise


LEADER: Fact[Leader] = Fact("the leading master", _leader, reported_by="master-leader", patience=3)
"""Through ZooKeeper, or by asking the masters of the URL. It has been asked itself in the end."""


def _credentials(known: Known) -> tuple[str | None, str | None]:
    return mesos_credentials(known.subject.configuration)


CREDENTIALS: Fact[tuple[str | None, str | None]] = Fact(
    "principal and secret", _credentials, reported_by="configuration"
)
"""Those that a driver on this machine would have; not known if a file with one of them cannot be read."""


def _flags(known: Known) -> Mapping[str, Any]:
    with master_http(known, *credentials(known)) as http:
        answer = http.get("/flags")
        if answer.status_code == 401:
            raise refused_credentials(known)
        if answer.status_code in (403, 404):
            return {}
        content = http.decode(answer)
    flags = content.get("flags") if isinstance(content, dict) else None
    if not isinstance(flags, dict):
        raise MesosError(
            f"{known[LEADER].http_url}/flags answers without flags",
            hint="Check that the address is that of a Mesos master",
        )
    return flags


FLAGS: Fact[Mapping[str, Any]] = Fact("the master's flags", _flags, reported_by="master-authentication")
"""By their names, as texts; empty where the master's ACLs keep them from us (403), or it is too old (404).

A master that wants credentials, and does not get any that it accepts, fails this fact: so what else it would
refuse is told once."""


def quorum_of(flags: Mapping[str, Any]) -> int | None:
    """The master's --quorum; None if it keeps its registry without one, or does not tell."""
    quorum = str(flags.get("quorum", ""))
    return int(quorum) if quorum.isdecimal() else None


def refused_credentials(known: Known) -> MesosError:
    """What to say of a master that has answered 401 to what there is.

    Raises UnknownFactError if a driver on this machine could not read its own credentials: that is told by
    itself, whatever the master wants.
    """
    url = known[LEADER].http_url
    try:
        principal, secret = mesos_credentials(known.subject.configuration)
    except UsageError as error:
        if submission_mode(known.subject.configuration) is Mode.CLIENT:
            known[CREDENTIALS]
        return MesosError(
            f"{url} wants credentials, and they cannot be read: {error.message}", hint=error.hint
        )
    if principal is None or secret is None:
        lacks = "there are none" if principal is None else "there is a principal, but no secret"
        return MesosError(
            f"{url} wants credentials, and {lacks} (401 Unauthorized)",
            hint=f"Set {_PRINCIPAL} and {_SECRET} to what the master has in its --credentials, or"
            " name files that hold them with the same properties and .file behind.",
        )
    if not may_see_secret(known):
        return MesosError(
            f"{url} wants credentials (401 Unauthorized), which libmesos never sends as they are: so"
            " they are not sent over plain HTTP",
            hint="Verify with --mesos-driver http, which sends them, or have the master speak https.",
        )
    return MesosError(
        f"{url} does not accept the credentials of the principal {principal} (401 Unauthorized)",
        hint=f"Correct {_PRINCIPAL} and {_SECRET}: the master takes those of its --credentials.",
    )


def leader_http(known: Known, *, anonymous: bool = False, timeout: float | None = None) -> MesosHttp:
    """A client of the leading master, with the framework's credentials where there are some and it asks.

    With `anonymous` it is for what is open to everybody (`/health`, `/version`, `/redirect`), without any.
    `timeout` is in seconds, for each wait, instead of that of checks.
    The caller closes it. Raises UnknownFactError if nobody leads or, unless anonymous, if the master lets
    nobody read that has no better credentials.
    """
    if anonymous:
        return master_http(known, None, None, timeout)
    known[FLAGS]
    return master_http(known, *credentials(known), timeout)


def agent_http(known: Known, host: str, port: int, *, timeout: float | None = None) -> MesosHttp:
    """A client of an agent, which speaks http or https as the leading master does, with the same credentials.

    `timeout` is in seconds, for each wait, instead of that of checks.
    The caller closes it. Raises UnknownFactError if nobody leads.
    """
    principal, secret = credentials(known)
    return MesosHttp(
        f"{known[LEADER].scheme}://{HostPort(host, port)}",
        timeout=known.timeout if timeout is None else timeout,
        ca_file=ca_file_of(known),
        principal=principal,
        secret=secret,
    )


def credentials(known: Known) -> tuple[str | None, str | None]:
    """Principal and secret for endpoints of Mesos; None where there are none, or they cannot be read.

    None also where sending them would be news: see `may_see_secret`.
    """
    try:
        principal, secret = mesos_credentials(known.subject.configuration)
    except UsageError:
        return None, None
    return (principal, secret) if secret is None or may_see_secret(known) else (None, None)


def may_see_secret(known: Known) -> bool:
    """Whether the network gets to see the secret by an application, too: through the bridge it does.

    libmesos proves that it knows it (CRAM-MD5), so over plain HTTP it is not sent for checks, either.
    """
    return not uses_libmesos(known) or known[LEADER].scheme == "https"


def uses_libmesos(known: Known) -> bool:
    """Whether an application in client mode would use libmesos; else it uses the bridge.

    True also where libmesos is wanted, but cannot be had: what it would not send is not sent then, either.
    """
    subject = known.subject
    try:
        return (
            libmesos_for(subject.options, subject.master, subject.environment, subject.client.spark)
            is not None
        )
    except SparkMesosError:
        return True


def master_http(
    known: Known, principal: str | None, secret: str | None, timeout: float | None = None
) -> MesosHttp:
    """A client of the leading master with these credentials, whatever it says to them."""
    return MesosHttp(
        known[LEADER].http_url,
        timeout=known.timeout if timeout is None else timeout,
        ca_file=ca_file_of(known),
        principal=principal,
        secret=secret,
    )


def ca_file_of(known: Known) -> str | None:
    """The certificates that servers are checked against, if others than the usual ones."""
    chosen = known.subject.options.ca_file
    return str(chosen) if chosen is not None else None
