"""Kills, stops and wears out whatever shuffle services on agents depend on, and lets it come back in time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sparkmesos_core.process_end import has_ended
from tests.integration.services_stage import ServicesStage
from tests.integration.zookeeper import ZooKeeperServer
from tests.servers.shuffle_framework import ShuffleFramework
from tests.soak.master_picture import frameworks_at
from tests.soak.nodes import Nodes, Who
from tests.soak.returns import Returns
from tests.soak.shuffle_chaos_plan import Blow, Size, Strike
from tests.soak.shuffle_chaos_verdict import GRACE, Deeds, Life, failures, lives
from tests.soak.stand_in_service import plan, recorded

PATIENCE = 120.0
"""Seconds for which something is waited for that has to happen."""
_MOST_FAILURES = 4
"""Of services on one agent, after which another agent takes its place: back-offs would get too long."""
_POLL_SECONDS = 0.1


class Strikes:
    """Who is down, and until when. For one thread."""

    def __init__(
        self,
        stage: ServicesStage,
        hosts: Sequence[str],
        processes: Sequence[ShuffleFramework],
        zookeeper: ZooKeeperServer | None,
        size: Size,
        stop_options: Sequence[str],
    ) -> None:
        """`hosts` are those of the agents that are to have services, in the order of the agents, and
        `stop_options` those with which `--stop` works without a process.
        """
        self.counts: Counter[Blow] = Counter()
        self.skipped: Counter[Blow] = Counter()
        self.deeds = Deeds()
        self.problems: list[str] = []
        self._stage = stage
        self._hosts = hosts
        self._processes = processes
        self._zookeeper = zookeeper
        self._size = size
        self._stop_options = stop_options
        self._returns: Returns[Who] = Returns()
        self._nodes = Nodes(stage.cluster.control, self._returns, masters_elect=size.masters > 1)
        self._begun = [time.monotonic()] * len(processes)
        self._zookeeper_seen = -float("inf")
        """When ZooKeeper was found or made absent last."""
        for number in range(len(hosts)):
            plan(stage.record, hosts[number], self._usual(number))

    # What happens

    def strike(self, strike: Strike) -> None:
        """Wait as long as it says, and do it."""
        self._returns.wait(strike.delay)
        self.look_after_processes()
        begin = datetime.now()
        done = self._do(strike.blow, strike)
        with (self._stage.folder / "strikes.log").open("a", encoding="utf-8") as log:
            log.write(f"{begin:%H:%M:%S.%f} {strike}{'' if done else ' met nobody'}\n")
        if done:
            self.counts[strike.blow] += 1
        else:
            self.skipped[strike.blow] += 1

    def wait(self, seconds: float) -> None:
        """Wait, while those come back whose time it is."""
        self._returns.wait(seconds)

    def wait_for_all(self) -> None:
        """Wait until everybody is back."""
        self._returns.wait_for_all()
        self.look_after_processes()

    def look_after_processes(self) -> None:
        """None ends by itself, but one that starts without a ZooKeeper; somebody starts that again."""
        if any(who.kind == "zookeeper" for who in self._returns.away()):
            self._zookeeper_seen = time.monotonic()
        for number, process in enumerate(self._processes):
            if process.ended:
                status = process.await_end()
                if self._zookeeper_seen < self._begun[number]:
                    self.problems.append(f"process {number} has ended by itself, with exit code {status}")
                self._start(number)

    def stop_all(self, strike: Strike | None = None) -> None:
        """`--stop`, until it is done; everybody but masters is there. No process runs afterwards."""
        for one in self._returns.pending:
            if one.who.kind != "master":
                self._returns.at_once(one)
        self._until(
            lambda: all(self._answers(number) for number in range(len(self._processes))), "processes answer"
        )
        if strike is not None and strike.without_process:
            for process in self._processes:
                process.kill()
        begin = time.time()
        said: list[str] = []
        self._until(lambda: self._stop_succeeds(said), "--stop succeeds")
        if said and any("Traceback" in text for text in said):
            self.problems.append(f"--stop said {said}")
        for number, process in enumerate(self._processes):
            if process.process is None:
                continue
            try:
                status = process.await_end(60)
            except subprocess.TimeoutExpired:
                self.problems.append(f"process {number} goes on after --stop: {said}")
                continue
            if status != 0:
                self.problems.append(f"process {number} ended with {status} on --stop")
        self.deeds.stops.append((begin, time.time()))
        leading = self._stage.cluster.control.leading_master()
        if leading is not None and (left := frameworks_at(self._stage.cluster.master_urls[leading])):
            self.problems.append(f"after --stop the master has {left}; it said {said}")

    # What is seen

    def lives(self) -> Mapping[str, Sequence[Life]]:
        """All services there were."""
        return lives(recorded(self._stage.record), self.deeds.killed)

    def living(self, host: str) -> Sequence[Life]:
        """Those of a host that live."""
        return [life for life in self.lives().get(host, ()) if not has_ended(life.pid)]

    # How it is done

    def _do(self, blow: Blow, strike: Strike) -> bool:
        match blow:
            case Blow.PROCESS_KILLED | Blow.PROCESS_ENDED | Blow.PROCESS_PAUSED:
                return self._strike_process(blow, strike)
            case Blow.MASTER_KILLED:
                leading = self._stage.cluster.control.leading_master()
                return self._nodes.kill_masters([leading], strike.downtime)
            case Blow.MASTERS_KILLED:
                masters = range(self._size.masters)
                return self._nodes.kill_masters(masters, strike.downtime)
            case Blow.SERVICE_KILLED | Blow.SERVICE_CRASHES:
                return self._strike_service(blow, strike)
            case Blow.ZOOKEEPER_ENDED:
                return self._end_zookeeper(strike)
            case Blow.ALL_STOPPED:
                self.stop_all(strike)
                for process in range(len(self._processes)):
                    self._start(process)
                return True
        number = self._nodes.upright("agent", strike.number, self._size.agents)
        return number is not None and self._strike_agent(blow, number, strike.downtime)

    def _strike_process(self, blow: Blow, strike: Strike) -> bool:
        first = strike.number
        if strike.leading:
            leading = (n for n, process in enumerate(self._processes) if self._up(n) and process.leads())
            first = next(leading, first)
        number = self._nodes.upright("process", first, len(self._processes))
        if number is None:
            return False
        process = self._processes[number]
        if blow is Blow.PROCESS_ENDED and not self._answers(number):
            return False  # it is just starting, and may end in many ways
        if blow is Blow.PROCESS_PAUSED:
            process.pause()
            self._returns.after(strike.downtime, Who("process", number), process.resume)
            return True
        if blow is Blow.PROCESS_KILLED:
            process.kill()
        else:
            status = process.terminate()
            if status != 0:
                self.problems.append(f"process {number} ended with {status} on SIGTERM")
        self._returns.after(strike.downtime, Who("process", number), lambda: self._start(number))
        return True

    def _strike_agent(self, blow: Blow, number: int, downtime: float) -> bool:
        control, host, begin = self._stage.cluster.control, self._hosts[number], time.time()
        if blow is Blow.AGENT_PAUSED:
            self._nodes.pause_agent(number, downtime)
            return True

        def back() -> None:
            control.start_agent(number)
            times = (host, begin, time.time())
            if blow in (Blow.AGENT_REPLACED, Blow.AGENT_WIPED):
                self.deeds.renewals.append(times)
            if blow is Blow.AGENT_WIPED:
                self.deeds.wipes.append(times)

        self._nodes.end_agent(number, downtime, for_good=blow is Blow.AGENT_REPLACED, back=back)
        if blow is Blow.AGENT_WIPED:
            shutil.rmtree(self._stage.folder / "cluster" / f"agent{number + 1}" / "meta")
        return True

    def _strike_service(self, blow: Blow, strike: Strike) -> bool:
        deadline = time.monotonic() + 5
        while not (found := self._services(strike.number)):
            if time.monotonic() > deadline:
                return False
            self._returns.wait(_POLL_SECONDS)
        sound = [number for number, often in found.items() if often < _MOST_FAILURES]
        if not sound:
            there = [number for number in found if Who("agent", number) not in self._returns.away()]
            return bool(there) and self._strike_agent(Blow.AGENT_REPLACED, there[0], 0.0)
        number = sound[0]
        host = self._hosts[number]
        if blow is Blow.SERVICE_CRASHES:
            begin = time.time()
            plan(self._stage.record, host, "crash")

            def work_again() -> None:
                plan(self._stage.record, host, self._usual(number))
                self.deeds.crashes.append((host, begin, time.time()))

            self._returns.after(strike.downtime, Who("service", number), work_again)
        self.kill_service(host)
        return True

    def kill_service(self, host: str) -> None:
        """SIGKILL to all that live on a host."""
        for life in self.living(host):
            self.deeds.killed[life.pid] = time.time()
            os.kill(life.pid, signal.SIGKILL)

    def _services(self, first: int) -> dict[int, int]:
        """How often those have failed that live and fare as usual, by the numbers of agents, from one on."""
        everyone = self.lives()
        found = {}
        for number in ((first + step) % len(self._hosts) for step in range(len(self._hosts))):
            those = everyone.get(self._hosts[number], ())
            if those and not has_ended(those[-1].pid) and Who("service", number) not in self._returns.away():
                found[number] = failures(those)
        return found

    def _end_zookeeper(self, strike: Strike) -> bool:
        def back() -> None:
            assert self._zookeeper is not None
            self._zookeeper.start()
            self._zookeeper_seen = time.monotonic()

        return self._nodes.end_zookeeper(self._zookeeper, strike.downtime, back)

    def _stop_succeeds(self, said: list[str]) -> bool:
        self.look_after_stopped()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self._processes[0].run, "--stop", *self._stop_options, check=False)
            while not asked.done():  # masters that it waits for come back meanwhile
                self._returns.wait(_POLL_SECONDS)
        done = asked.result()
        said.append(done.stderr[-2000:])
        return done.returncode == 0

    def look_after_stopped(self) -> None:
        """Those that have ended are not asked any more: their exit codes are seen."""
        for number, process in enumerate(self._processes):
            if process.ended and (status := process.await_end()) != 0:
                self.problems.append(f"process {number} ended with {status} during --stop")

    def _start(self, number: int) -> None:
        self._begun[number] = time.monotonic()
        self._processes[number].start()

    def _up(self, number: int) -> bool:
        return Who("process", number) not in self._returns.away()

    def _answers(self, number: int) -> bool:
        process = self._processes[number]
        if process.ended:
            self.look_after_processes()
            return False
        try:
            with urllib.request.urlopen(f"{process.url}/health", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _usual(self, number: int) -> str:
        """How the services of an agent fare that nothing is planned for."""
        return "slow" if number % 2 else ""

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                self.problems.append(f"never: {what}")
                return
            self._returns.wait(_POLL_SECONDS)


def await_all_ended(strikes: Strikes, hosts: Sequence[str]) -> Sequence[Life]:
    """The services that live on after they should have ended; waits for them no longer than that takes."""
    deadline = time.monotonic() + GRACE
    while living := [life for host in hosts for life in strikes.living(host)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    return living
