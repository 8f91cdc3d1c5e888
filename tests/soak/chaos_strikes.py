"""Kills dispatchers, masters and agents, or stops dispatchers, and lets them come back when it is time."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Sequence

from sparkmesos_core.localcluster.cluster import RunningCluster
from tests.servers.dispatcher import DispatcherServer
from tests.soak.chaos_plan import Size, Strike, Target
from tests.soak.chaos_verdict import Absences


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
        self._returns: list[tuple[float, int, Strike, int]] = []
        """When, in which order, after which strike and with which number somebody comes back."""
        self._count = 0

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
        self._count += 1
        heapq.heappush(self._returns, (time.monotonic() + strike.downtime, self._count, strike, number))

    def wait(self, seconds: float) -> None:
        """Wait, while those come back whose time it is."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            while self._returns and self._returns[0][0] <= now:
                _, _, strike, number = heapq.heappop(self._returns)
                self._up(strike, number)
            if now >= end:
                return
            time.sleep(max(0.0, min(end, self._returns[0][0] if self._returns else end) - now))

    def wait_for_all(self) -> None:
        """Wait until everybody is back."""
        while self._returns:
            self.wait(self._returns[0][0] - time.monotonic())

    def _victim(self, strike: Strike) -> int:
        count = self._size.count(strike.target)
        leading = self._leading(strike.target) if strike.leading else None
        first = strike.number if leading is None else leading
        down = {number for _, _, other, number in self._returns if other.target is strike.target}
        for number in range(first, first + count):
            if number % count not in down:
                return number % count
        # All are down: the next one that would come back anyway does so at once, the stopped ones last.
        entry = min(
            (entry for entry in self._returns if entry[2].target is strike.target),
            key=lambda entry: (entry[2].paused, entry),
        )
        self._returns.remove(entry)
        heapq.heapify(self._returns)
        self._up(entry[2], entry[3])
        return entry[3]

    def _leading(self, target: Target) -> int | None:
        if self._size.count(target) == 1:
            return 0
        if target is Target.MASTER:
            return self._cluster.control.leading_master()
        down = {number for _, _, strike, number in self._returns if strike.target is target}
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
