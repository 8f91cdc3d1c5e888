"""A process's part in an election, and what it knows of the leader while that is another one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from sparkmesos_core.durable_framework.candidates import Candidate, why_not_beside, why_not_passed_on
from sparkmesos_core.durable_framework.election import Election
from sparkmesos_core.durable_framework.store.ownership import this_process
from sparkmesos_core.durable_framework.store.store import Store
from sparkmesos_core.durable_framework.store.zookeeper import open_zookeeper
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.durable_framework.store.zookeeper_requests import PATIENCE
from sparkmesos_core.durable_framework.terms import S, Terms
from sparkmesos_core.errors import UsageError
from sparkmesos_core.http_service.leader_connections import LeaderConnections, NotReachedError


@dataclass(frozen=True)
class StandbyState:
    """What a process that does not lead knows of the one that does."""

    rest_url: str | None
    """The http or https URL where the leader takes requests, such as that of a dispatcher's REST server; None
    if there is no leader, or it is unknown."""
    webui_url: str | None
    """The same of its pages."""
    started_at: float
    """When this process started, in seconds since 1970."""
    reason: str = ""
    """Why there is no leader to pass requests on to, for people."""
    verdict: str = ""
    """What that is a reason for: a sentence without its end."""


def nobody_leads(holder: str) -> str:
    """The verdict of a process that knows there is no leader, or that cannot be asked yet."""
    return f"No {holder} leads at the moment"


def not_told(holder: str) -> str:
    """The verdict of a process that ZooKeeper tells nothing."""
    return f"This {holder} cannot tell who leads at the moment"


def not_passed_on(holder: str) -> str:
    """The verdict of a process that knows the leader and cannot talk to it."""
    return f"This {holder} cannot pass requests on"


class StandingBy(Generic[S]):
    """Joins the election with the terms that follow from it. Lives in one event loop."""

    def __init__(
        self,
        address: ZooKeeperAddress,
        terms: Terms[S],
        http_url: str,
        webui_url: str,
        *,
        session_timeout: float,
        ca_file: str | None,
        certificate: str | None,
        agreed: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> None:
        """The URLs are where this process answers; `session_timeout` is in seconds. `LeaderConnections`
        tells what `ca_file` and `certificate` are, `Candidate` what `agreed` is. ZooKeeper is waited for at
        the start for `patience` seconds, or as long as `Election` does.

        To be closed: `connections`. The election ends with the terms.
        """
        self.connections = LeaderConnections(ca_file=ca_file, certificate=certificate)
        self.obstacle = ""
        """Why the leader could not be reached when it was tried last."""
        self._address = address
        self._session_timeout = session_timeout
        self._terms = terms
        self._own = Candidate(this_process(), http_url, webui_url, agreed or {})
        self._patience = PATIENCE if patience is None else min(PATIENCE, patience)
        self._started_at = time.time()
        self._election: Election | None = None

    async def stand(self) -> None:
        """Begin. Raises what `Terms.stand` does, and UsageError if this process must not stand by."""
        self._election = Election(
            self._address,
            self._terms.kind,
            self._own,
            self._terms.tell,
            session_timeout=self._session_timeout,
            patience=self._patience,
        )
        await self._terms.stand(self._election, self._open_store)
        standing, holder = self._terms.standing, self._terms.kind.holder
        if standing is None or standing.node is not None or standing.leader is None:
            return
        if why := why_not_beside(standing.leader, self._own, holder):
            raise UsageError(
                f"This {holder} cannot stand by: {why}",
                hint="Give both the same, or give this one another node in ZooKeeper. To change them, stop"
                f" all {holder}s first.",
            )

    def state(self) -> StandbyState:
        """Where requests can be passed on to."""
        standing = self._terms.standing
        holder = self._terms.kind.holder
        verdict = not_told(holder)
        if standing is None or standing.leader is None:
            reason = standing.reason if standing is not None else "the election has not begun"
        elif (
            standing.node is not None
            and self._election is not None
            and not self._election.leads(standing.node)
        ):
            reason = f"{self._address} has not answered for too long"
        elif standing.node is not None:
            verdict = nobody_leads(holder)
            reason = f"this {holder} was elected, and has to find out first where the one before it stopped"
        elif not (reason := why_not_passed_on(standing.leader, self._own, holder)):
            leader = standing.leader
            return StandbyState(leader.http_url, leader.webui_url, self._started_at)
        else:
            verdict = not_passed_on(holder)
        return StandbyState(None, None, self._started_at, reason, verdict)

    async def reach(self) -> str | None:
        """The URL of the leader if it is another process and can be reached; else see `obstacle`."""
        state = self.state()
        self.obstacle = state.reason
        if state.rest_url is None:
            return None
        try:
            await self.connections.reach(state.rest_url)
        except NotReachedError as error:
            self.obstacle = f"{state.rest_url}: {error}"
            return None
        return state.rest_url

    def _open_store(self, election: Election, node: str) -> Store[Any]:
        fence = election.begin_epoch(node)
        return open_zookeeper(self._address, fence, self._terms.kind, session_timeout=self._session_timeout)
