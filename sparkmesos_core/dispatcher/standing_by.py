"""A dispatcher's part in an election, and what it knows of the leader while that is another one."""

from __future__ import annotations

import time

from sparkmesos_core.dispatcher.candidates import Candidate, why_not_passed_on
from sparkmesos_core.dispatcher.election import Election
from sparkmesos_core.dispatcher.server.leader_connections import LeaderConnections, NotReachedError
from sparkmesos_core.dispatcher.server.standby import NOBODY_LEADS, NOT_PASSED_ON, NOT_TOLD, StandbyState
from sparkmesos_core.dispatcher.store.ownership import this_process
from sparkmesos_core.dispatcher.store.store import Store
from sparkmesos_core.dispatcher.store.zookeeper import open_zookeeper
from sparkmesos_core.dispatcher.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.dispatcher.terms import Terms


class StandingBy:
    """Joins the election with the terms that follow from it. Lives in one event loop."""

    def __init__(
        self,
        address: ZooKeeperAddress,
        terms: Terms,
        http_url: str,
        webui_url: str,
        *,
        session_timeout: float,
        ca_file: str | None,
        certificate: str | None,
    ) -> None:
        """The URLs are where this dispatcher answers; `session_timeout` is in seconds. `LeaderConnections`
        tells what `ca_file` and `certificate` are.

        To be closed: `connections`. The election ends with the terms.
        """
        self.connections = LeaderConnections(ca_file=ca_file, certificate=certificate)
        self.obstacle = ""
        """Why the leader could not be reached when it was tried last."""
        self._address = address
        self._session_timeout = session_timeout
        self._terms = terms
        self._own = Candidate(this_process(), http_url, webui_url)
        self._started_at = time.time()
        self._election: Election | None = None

    async def stand(self) -> None:
        """Begin. Raises what `Terms.stand` does."""
        self._election = Election(
            self._address, self._own, self._terms.tell, session_timeout=self._session_timeout
        )
        await self._terms.stand(self._election, self._open_store)

    def state(self) -> StandbyState:
        """Where requests can be passed on to."""
        standing = self._terms.standing
        verdict = NOT_TOLD
        if standing is None or standing.leader is None:
            reason = standing.reason if standing is not None else "the election has not begun"
        elif (
            standing.node is not None
            and self._election is not None
            and not self._election.leads(standing.node)
        ):
            reason = f"{self._address} has not answered for too long"
        elif standing.node is not None:
            verdict = NOBODY_LEADS
            reason = "this dispatcher was elected, and has to find out first where the one before it stopped"
        elif not (reason := why_not_passed_on(standing.leader, self._own)):
            leader = standing.leader
            return StandbyState(leader.http_url, leader.webui_url, self._started_at)
        else:
            verdict = NOT_PASSED_ON
        return StandbyState(None, None, self._started_at, reason, verdict)

    async def reach(self) -> str | None:
        """The URL of the leader if it is another dispatcher and can be reached; else see `obstacle`."""
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

    def _open_store(self, election: Election, node: str) -> Store:
        fence = election.begin_epoch(node)
        return open_zookeeper(self._address, fence, session_timeout=self._session_timeout)
