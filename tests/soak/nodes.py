"""The masters and agents of an embedded cluster, and their ZooKeeper, while they are struck: who is down, and comes back."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.cluster import ClusterControl
from tests.integration.zookeeper import ZooKeeperServer
from tests.soak.returns import Returns


@dataclass(frozen=True)
class Who:
    """Somebody who is down, or fares otherwise than usual."""

    kind: str
    number: int = 0


class Nodes:
    """Strikes them, and has them come back, together with all others in `returns`. For one thread."""

    def __init__(
        self, control: ClusterControl, returns: Returns[Who], *, masters_elect: bool = False
    ) -> None:
        """`masters_elect` if a ZooKeeper that may be struck is theirs."""
        self._control = control
        self._masters_elect = masters_elect
        self._returns = returns

    def upright(self, kind: str, first: int, count: int) -> int | None:
        """One of a kind, of which there are so many, that is not down, from a number on; None if all are."""
        down = {who.number for who in self._returns.away() if who.kind == kind}
        return next((n % count for n in range(first, first + count) if n % count not in down), None)

    def kill_masters(self, numbers: Iterable[int | None], downtime: float) -> bool:
        """Kill those of them that are not down; whether there was one."""
        down = {who.number for who in self._returns.away() if who.kind == "master"}
        up = [number for number in numbers if number is not None and number not in down]
        for number in up:
            with contextlib.suppress(
                LocalClusterError
            ):  # it has ended itself, and is just being started again
                self._control.kill_master(number)
            back = functools.partial(self._start_master, number)
            self._returns.after(downtime, Who("master", number), back)
        return bool(up)

    def _start_master(self, number: int) -> None:
        """It waits for its ZooKeeper, which would have to come back meanwhile, and so does before."""
        for one in self._returns.pending:
            if one.who.kind == "zookeeper" and self._masters_elect:
                self._returns.at_once(one)
        self._control.start_master(number)

    def end_zookeeper(
        self, zookeeper: ZooKeeperServer | None, downtime: float, back: Callable[[], None] | None = None
    ) -> bool:
        """End the ZooKeeper, which comes back, if there is one that is not down; `back` starts it."""
        if zookeeper is None or Who("zookeeper") in self._returns.away():
            return False
        zookeeper.stop()
        self._returns.after(downtime, Who("zookeeper"), back or zookeeper.start)
        return True

    def pause_agent(self, number: int, downtime: float) -> None:
        """Stop one, which goes on later."""
        self._control.pause_agent(number)
        back = functools.partial(self._control.resume_agent, number)
        self._returns.after(downtime, Who("agent", number), back)

    def end_agent(
        self, number: int, downtime: float, *, for_good: bool, back: Callable[[], None] | None = None
    ) -> None:
        """Kill one, which comes back; or end it with all it runs, and another one comes. `back` starts it."""
        if for_good:
            self._control.shut_down_agent(number)
        else:
            self._control.kill_agent(number)
        back = back or functools.partial(self._control.start_agent, number)
        self._returns.after(downtime, Who("agent", number), back)
