"""Kills dispatchers, masters and agents, or stops dispatchers, and lets them come back when it is time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from sparkmesos_core.localcluster.cluster import RunningCluster
from tests.servers.dispatcher import DispatcherServer
from tests.soak.chaos_plan import Size, Strike, Target
from tests.soak.chaos_verdict import Absences
from tests.soak.returns import Returns


class Strikes:
    """Who is down, and until when. For one thread."""

    def __init__(self, cluster: RunningCluster, servers: Sequence[DispatcherServer], size: Size) -> None:
        self.kills: Counter[Target] = Counter()
        self.pauses = 0
        self.absences = Absences()
        self.problems: list[str] = []
        self._cluster = cluster
        self._servers = servers
        self._size = size
        self._returns: Returns[tuple[Target, int, bool]] = Returns()
        """Of which kind, with which number, and whether paused, in place of killed."""

    def strike(self, strike: Strike) -> None:
        """Wait as long as it says, and do it: to another one of the same kind if that one is down."""
        self.wait(strike.delay)
        number = self._victim(strike)
        if strike.awaited and strike.target is Target.DISPATCHER:
            try:
                self._servers[number].await_ready()
            except (AssertionError, ValueError) as error:
                self.problems.append(f"dispatcher {number}: {error}")
        self._down(strike, number)
        who = (strike.target, number, strike.paused)
        self._returns.after(strike.downtime, who, lambda: self._up(strike, number))

    def wait(self, seconds: float) -> None:
        """Wait, while those come back whose time it is."""
        self._returns.wait(seconds)

    def wait_for_all(self) -> None:
        """Wait until everybody is back."""
        self._returns.wait_for_all()

    def _victim(self, strike: Strike) -> int:
        count = self._size.count(strike.target)
        leading = self._leading(strike.target) if strike.leading else None
        first = strike.number if leading is None else leading
        down = self._away(strike.target)
        for number in range(first, first + count):
            if number % count not in down:
                return number % count
        # All are down: the next one that would come back anyway does so at once, the stopped ones last.
        next_one = min(
            (one for one in self._returns.pending if one.who[0] is strike.target),
            key=lambda one: (one.who[2], one),
        )
        self._returns.at_once(next_one)
        return next_one.who[1]

    def _away(self, target: Target) -> set[int]:
        return {number for other, number, _ in self._returns.away() if other is target}

    def _leading(self, target: Target) -> int | None:
        if self._size.count(target) == 1:
            return 0
        if target is Target.MASTER:
            return self._cluster.control.leading_master()
        down = self._away(target)
        up = [number for number in range(len(self._servers)) if number not in down]
        return next((number for number in up if self._servers[number].leads()), None)

    def _down(self, strike: Strike, number: int) -> None:
        if strike.target is Target.DISPATCHER:
            server = self._servers[number]
            if server.ended:
                self.problems.append(f"dispatcher {number} has ended by itself")
            if strike.paused:
                server.pause()
                self.pauses += 1
                return
            server.kill()
        elif strike.target is Target.MASTER:
            self._cluster.control.kill_master(number)
        else:
            self.absences.began(_agent(self._cluster, number), time.time())
            self._cluster.control.kill_agent(number)
        self.kills[strike.target] += 1

    def _up(self, strike: Strike, number: int) -> None:
        if strike.paused:
            self._servers[number].resume()
        elif strike.target is Target.DISPATCHER:
            self._servers[number].start()
        elif strike.target is Target.MASTER:
            self._cluster.control.start_master(number)
        else:
            self._cluster.control.start_agent(number)
            self.absences.ended(_agent(self._cluster, number), time.time())


def _agent(cluster: RunningCluster, number: int) -> str:
    return cluster.agent_urls[number].partition("://")[2]
