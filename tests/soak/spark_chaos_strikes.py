"""Strikes at an application and what it runs on, and lets come back whoever is to, while the application goes on."""

from __future__ import annotations

import contextlib
import functools
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import psutil

from sparkmesos_core.localcluster.cluster import RunningCluster
from tests.integration.commands import Commands
from tests.servers.cutting_proxy import CuttingProxy, Direction
from tests.soak.nodes import Nodes, Who
from tests.soak.returns import Returns
from tests.soak.spark_application import SparkApplication
from tests.soak.spark_chaos_plan import Blow, Size, Strike

PATIENCE = 240.0
"""Seconds for which something is waited for that has to happen, however busy the machine is."""
_VICTIM_SECONDS = 20.0
"""For how long it is waited for an executor that could be struck."""
_POLL_SECONDS = 0.1
_EVER = 1_000_000_000
_SIGNALS = {
    Blow.EXECUTOR_KILLED: signal.SIGKILL,
    Blow.EXECUTOR_PAUSED: signal.SIGSTOP,
    Blow.EXECUTOR_TOLD_TO_END: signal.SIGTERM,  # as an agent sends it when somebody wants the executor to end
}


class StuckError(Exception):
    """Something that has to happen does not; the text is what."""


class Strikes:
    """Who is down, and until when. For one thread."""

    def __init__(
        self,
        application: SparkApplication,
        commands: Commands,
        cluster: RunningCluster,
        to_master: CuttingProxy | None,
        to_driver: Sequence[CuttingProxy],
        size: Size,
    ) -> None:
        """`to_master` is between the driver and the one master, `to_driver` between executors and the driver."""
        self.counts: Counter[Blow] = Counter()
        self.skipped = 0
        self._application = application
        self._commands = commands
        self._cluster = cluster
        self._to_master = to_master
        self._to_driver = to_driver
        self._size = size
        self._returns: Returns[Who] = Returns()
        self._nodes = Nodes(cluster.control, self._returns)

    def strike(self, strike: Strike) -> None:
        """Wait until it is time, and do it. Raises StuckError if the application does not come that far."""
        application, stage = self._application, strike.stage
        if stage < self._size.stages:
            self.until(lambda: len(application.stages) >= stage, f"{stage} stages have ended")
        else:
            self.until(lambda: application.right > 0, "the first job is right")
        self._returns.wait(strike.delay)
        begin = datetime.now()
        done = self._do(strike)
        self._log(f"{begin:%H:%M:%S.%f} {strike}{'' if done else ' met nobody'}")
        if done:
            self.counts[strike.blow] += 1
        else:
            self.skipped += 1

    def wait_for_all(self) -> None:
        """Wait until everybody is back."""
        self._returns.wait_for_all()
        self._log(f"{datetime.now():%H:%M:%S.%f} everybody is back")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something, while those come back whose time it is.

        Raises StuckError if it does not happen though the application says nothing new for that long, or if the
        application ends before.
        """
        deadline, last = time.monotonic() + PATIENCE, self._progress()
        while not holds():
            if self._application.ended:
                raise StuckError(f"the application has ended before this: {what}")
            if last != self._progress():
                deadline, last = time.monotonic() + PATIENCE, self._progress()
            if time.monotonic() > deadline:
                raise StuckError(f"never: {what}")
            self._returns.wait(_POLL_SECONDS)

    def executors(self) -> dict[str, psutil.Process]:
        """The JVMs of the executors that live, by their sandboxes."""
        found = {}
        for process in self._commands.processes():
            with contextlib.suppress(psutil.Error, OSError):
                sandbox = process.environ().get("MESOS_SANDBOX")
                alive = process.status() != psutil.STATUS_ZOMBIE
                if sandbox and alive and process.name() == "java":
                    found[sandbox] = process
        return found

    def _do(self, strike: Strike) -> bool:
        control = self._cluster.control
        match strike.blow:
            case Blow.EXECUTOR_KILLED | Blow.EXECUTOR_PAUSED | Blow.EXECUTOR_TOLD_TO_END:
                return self._strike_executor(strike)
            case Blow.MASTER_KILLED:
                return self._nodes.kill_masters([control.leading_master()], strike.downtime)
            case Blow.MASTERS_KILLED:
                return self._nodes.kill_masters(range(self._size.masters), strike.downtime)
            case Blow.MASTER_CUT | Blow.MASTER_SILENT:
                if self._to_master is None:
                    leading = control.leading_master()
                    return leading is not None and control.cut_connections(leading) > 0
                return self._strike_connections("to the master", [self._to_master], strike)
            case Blow.DRIVER_CUT | Blow.DRIVER_SILENT:
                return self._strike_connections("to the driver", self._to_driver, strike)
        number = self._nodes.upright("agent", strike.number, self._size.agents)
        if number is None:
            return False
        if strike.blow is Blow.AGENT_PAUSED:
            self._nodes.pause_agent(number, strike.downtime)
        else:
            self._nodes.end_agent(number, strike.downtime, for_good=strike.blow is Blow.AGENT_REPLACED)
        return True

    def _strike_executor(self, strike: Strike) -> bool:
        deadline = time.monotonic() + _VICTIM_SECONDS
        while not (found := self._upright_executors()):
            if time.monotonic() > deadline or self._application.ended:
                return False
            self._returns.wait(_POLL_SECONDS)
        process = found[strike.number % len(found)]
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(_SIGNALS[strike.blow])
        if strike.blow is Blow.EXECUTOR_PAUSED:
            who = Who("executor", process.pid)
            self._returns.after(strike.downtime, who, functools.partial(_go_on, process))
        return True

    def _upright_executors(self) -> list[psutil.Process]:
        found = self.executors()
        away = self._returns.away()
        return [found[name] for name in sorted(found) if Who("executor", found[name].pid) not in away]

    def _strike_connections(self, name: str, proxies: Sequence[CuttingProxy], strike: Strike) -> bool:
        who = Who(name)
        if who in self._returns.away():
            return False
        is_cut = strike.blow in (Blow.MASTER_CUT, Blow.DRIVER_CUT)
        direction: Direction = "up" if strike.upwards else "down"
        for proxy in proxies:
            # Whoever says the next word, on this connection and on those that are made meanwhile.
            proxy.plan("reset" if is_cut else "stall", 0, direction=direction, times=_EVER)

        def back() -> None:
            for proxy in proxies:
                if is_cut or not strike.lost:
                    proxy.heal()
                else:
                    proxy.drop()

        self._returns.after(strike.downtime, who, back)
        return True

    def _progress(self) -> object:
        application = self._application
        return len(application.stages), application.executors, application.right

    def _log(self, line: str) -> None:
        with (self._commands.folder / "strikes.log").open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")


def _go_on(process: psutil.Process) -> None:
    """It may have been killed meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGCONT)
