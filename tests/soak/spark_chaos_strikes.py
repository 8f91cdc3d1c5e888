"""Strikes at an application and what it runs on, and lets come back whoever is to, while the application goes on."""

from __future__ import annotations

import contextlib
import functools
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import psutil

from sparkmesos_core.errors import LocalClusterError
from tests.servers.cutting_proxy import CuttingProxy, Direction
from tests.soak.cluster_operator import Operator
from tests.soak.nodes import Nodes, Who
from tests.soak.patience import Deadline, Patience, StuckError
from tests.soak.returns import Returns
from tests.soak.spark_application import SparkApplication
from tests.soak.spark_chaos_deeds import Deed
from tests.soak.spark_chaos_executors import cut_between, executors_of
from tests.soak.spark_chaos_plan import Blow, Size, Strike
from tests.soak.spark_chaos_stage import Stage, host_of

_RUN_SECONDS = 720.0
"""For which a run goes on at the most, however busy the machine is."""
_VICTIM_SECONDS = 20.0
"""For how long it is waited for an executor that could be struck, or a connection."""
_OPERATOR_SECONDS = 60.0
"""For how long an operator tries to have something done."""
_POLL_SECONDS = 0.1
_ASK_AGAIN_SECONDS = 0.5
_GRACE_SECONDS = 5
"""That executors of a drained agent get at the most."""
_WARNING_SECONDS = 1.0
"""So long before its maintenance a machine is scheduled for it."""
_EVER = 1_000_000_000
_SIGNALS = {
    Blow.EXECUTOR_KILLED: signal.SIGKILL,
    Blow.EXECUTOR_PAUSED: signal.SIGSTOP,
    Blow.EXECUTOR_TOLD_TO_END: signal.SIGTERM,  # as an agent sends it when somebody wants the executor to end
}


class Strikes:
    """Who is down, and until when. For one thread."""

    def __init__(self, stage: Stage, application: SparkApplication, size: Size) -> None:
        self.deeds: list[Deed] = []
        """Those that met nobody included."""
        self._stage = stage
        self._application = application
        self._size = size
        self._control = stage.cluster.control
        self._operator = Operator(stage.cluster)
        self._returns: Returns[Who] = Returns()
        self._nodes = Nodes(self._control, self._returns, masters_elect=True)
        self._maintained = False
        self._end = time.monotonic() + _RUN_SECONDS

    @property
    def counts(self) -> Counter[Blow]:
        """The strikes that met somebody."""
        return Counter(deed.blow for deed in self.deeds if deed.met)

    @property
    def skipped(self) -> Counter[Blow]:
        """The others."""
        return Counter(deed.blow for deed in self.deeds if not deed.met)

    def strike(self, strike: Strike) -> None:
        """Wait until it is time, and do it. Raises StuckError if the application does not come that far."""
        application, stage = self._application, strike.stage
        self.until(lambda: application.is_driver, "there is a driver")
        if stage == self._size.stages:
            self.until(lambda: application.right > 0, "the first job is right")
        else:
            # What is behind the second job's last stage is when it has ended.
            self.until(
                lambda: len(application.stages) >= stage or application.right == 2,
                f"{stage} stages have ended",
            )
        self._returns.wait(strike.delay)
        begin = datetime.now()
        now = time.monotonic()
        deed = Deed(strike.blow, now, now + strike.downtime)
        self.deeds.append(deed)
        deed.met = self._do(strike, deed)
        self._log(f"{begin:%H:%M:%S.%f} {strike}{'' if deed.met else ' met nobody'}")

    def wait_for_all(self) -> None:
        """Wait until everybody is back."""
        self._returns.wait_for_all()
        self._log(f"{datetime.now():%H:%M:%S.%f} everybody is back")

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something, while those come back whose time it is.

        Raises StuckError if it does not happen though the application says nothing new for long, or not in all the time
        that there is, or if the application ends before.
        """
        application = self._application
        deadline = Deadline(Patience(), until=self._end)
        while not holds():
            if application.ended:
                raise StuckError(f"the application has ended before this: {what}")
            # Executors that come and go are no progress.
            if deadline.is_over((len(application.stages), application.right)):
                raise StuckError(f"never: {what}")
            self._returns.wait(_POLL_SECONDS)

    def executors(self) -> Mapping[str, psutil.Process]:
        """The JVMs of the executors that live, by their ids."""
        return executors_of(self._stage.commands)

    def _do(self, strike: Strike, deed: Deed) -> bool:
        match strike.blow:
            case Blow.EXECUTOR_KILLED | Blow.EXECUTOR_PAUSED | Blow.EXECUTOR_TOLD_TO_END:
                return self._strike_executor(strike, deed)
            case Blow.EXECUTORS_CUT:
                return self._cut_executors(strike.downtime, deed)
            case Blow.MASTER_KILLED:
                return self._nodes.kill_masters([self._control.leading_master()], strike.downtime)
            case Blow.MASTERS_KILLED:
                return self._nodes.kill_masters(range(self._size.masters), strike.downtime)
            case Blow.ZOOKEEPER_ENDED:
                return self._nodes.end_zookeeper(self._stage.zookeeper, strike.downtime)
            case Blow.MASTER_CUT | Blow.MASTER_SILENT:
                if self._stage.to_master is None:
                    return self._cut_at_master()
                return self._strike_connections("to the master", [self._stage.to_master], strike, deed)
            case Blow.DRIVER_CUT | Blow.DRIVER_SILENT:
                return self._strike_connections("to the driver", self._stage.to_driver, strike, deed)
            case Blow.SERVICE_KILLED:
                return self._kill_service(strike.downtime)
        return self._strike_agent(strike, deed)

    def _strike_executor(self, strike: Strike, deed: Deed) -> bool:
        deadline = time.monotonic() + _VICTIM_SECONDS
        while not (found := self._upright_executors()):
            if time.monotonic() > deadline or self._application.ended:
                return False
            self._returns.wait(_POLL_SECONDS)
        name, process = found[strike.number % len(found)]
        deed.executors = frozenset([name])
        deed.begin = time.monotonic()
        deed.end = deed.begin + strike.downtime
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(_SIGNALS[strike.blow])
        if strike.blow is Blow.EXECUTOR_PAUSED:
            who = Who("executor", process.pid)
            self._returns.after(strike.downtime, who, functools.partial(_go_on, process))
        return True

    def _upright_executors(self) -> list[tuple[str, psutil.Process]]:
        away = self._returns.away()
        return [
            (name, process)
            for name, process in sorted(self.executors().items())
            if Who("executor", process.pid) not in away
        ]

    def _cut_executors(self, seconds: float, deed: Deed) -> bool:
        """Again and again: a connection that is cut is made again within milliseconds."""
        who = Who("executors' connections")
        if who in self._returns.away():
            return False
        deed.met = False

        def cut() -> None:
            deed.met |= cut_between(self.executors().values()) > 0
            if time.monotonic() < deed.begin + seconds:
                self._returns.after(_POLL_SECONDS, who, cut)

        cut()
        return deed.met

    def _strike_connections(
        self, name: str, proxies: Sequence[CuttingProxy], strike: Strike, deed: Deed
    ) -> bool:
        who = Who(name)
        if who in self._returns.away():
            return False
        is_cut = strike.blow in (Blow.MASTER_CUT, Blow.DRIVER_CUT)
        direction: Direction = "up" if strike.upwards else "down"
        before = sum(proxy.fired for proxy in proxies)
        for proxy in proxies:
            if is_cut:
                proxy.cut()
            else:
                # Whoever says the next word, on this connection and on those that are made meanwhile.
                proxy.plan("stall", 0, direction=direction, times=_EVER)

        def back() -> None:
            # In a silence nobody may have wanted to say anything.
            deed.met = sum(proxy.fired for proxy in proxies) > before
            for proxy in proxies:
                if is_cut or not strike.lost:
                    proxy.heal()
                else:
                    proxy.drop()
            deed.end = time.monotonic()

        self._returns.after(strike.downtime, who, back)
        return not is_cut or sum(proxy.fired for proxy in proxies) > before

    def _cut_at_master(self) -> bool:
        """Of several masters, at that which leads; the driver may just be on its way to it."""
        deadline = time.monotonic() + _VICTIM_SECONDS
        while time.monotonic() < deadline and not self._application.ended:
            leading = self._control.leading_master()
            if leading is not None and self._control.cut_connections(leading) > 0:
                return True
            self._returns.wait(_POLL_SECONDS)
        return False

    def _kill_service(self, downtime: float) -> bool:
        service, who = self._stage.service, Who("service")
        if service is None or who in self._returns.away():
            return False
        service.kill()
        self._returns.after(downtime, who, service.start)
        return True

    def _strike_agent(self, strike: Strike, deed: Deed) -> bool:
        number = self._nodes.upright("agent", strike.number, self._size.agents)
        if number is None:
            return False
        match strike.blow:
            case Blow.AGENT_PAUSED:
                self._nodes.pause_agent(number, strike.downtime)
            case Blow.AGENT_DRAINED:
                agent_id = self._operator.drain(host_of(number), _GRACE_SECONDS)
                if agent_id is None:
                    return False
                what = f"the agent {agent_id} is drained, and reactivated"
                step = functools.partial(self._operator.reactivate, agent_id)
                return self._until_done(what, Who("agent", number), deed, strike.downtime, step)
            case Blow.MACHINE_MAINTAINED:
                return self._maintain(number, strike, deed)
            case _:
                for_good = strike.blow is Blow.AGENT_REPLACED
                self._nodes.end_agent(number, strike.downtime, for_good=for_good)
        return True

    def _maintain(self, number: int, strike: Strike, deed: Deed) -> bool:
        """There is one schedule, and one machine in it. Nothing else befalls the agent meanwhile."""
        host, agent = host_of(number), Who("agent", number)
        if self._maintained or not self._operator.schedule(host, _WARNING_SECONDS):
            return False
        self._maintained = True
        in_time = functools.partial(self._until_done, f"the machine {host} is maintained", agent, deed)

        def over() -> bool:
            self._maintained = False
            return True

        def runs() -> bool:
            with contextlib.suppress(LocalClusterError):  # it runs, or has not heard yet that it was to end
                self._control.start_agent(number)
            return self._operator.has_agent(host) and over()

        def up() -> bool:
            return self._operator.bring_up(host) and in_time(0.0, runs)

        def down() -> bool:
            return self._operator.take_down(host) and in_time(strike.downtime, up)

        if strike.lost:
            return in_time(_WARNING_SECONDS, down)
        return in_time(strike.downtime, lambda: self._operator.unschedule() and over())

    def _until_done(self, what: str, who: Who, deed: Deed, seconds: float, step: Callable[[], bool]) -> bool:
        """True: this is done so many seconds from now, or tried again until it is. Raises StuckError then if it never is."""
        deadline = time.monotonic() + seconds + _OPERATOR_SECONDS

        def once() -> None:
            if step():
                deed.end = time.monotonic()
            elif time.monotonic() > deadline:
                raise StuckError(f"never: {what}")
            else:
                self._returns.after(_ASK_AGAIN_SECONDS, who, once)

        self._returns.after(seconds, who, once)
        return True

    def _log(self, line: str) -> None:
        with (self._stage.commands.folder / "strikes.log").open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")


def _go_on(process: psutil.Process) -> None:
    """It may have been killed meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGCONT)
