"""Whatever happens, and wherever the dispatcher dies: no driver is lost, none runs twice, all end truthfully."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.book import Book
from sparkmesos_core.dispatcher.drivers.driver import Driver, Outcome, State
from sparkmesos_core.dispatcher.drivers.limits import Limits
from sparkmesos_core.dispatcher.drivers.obstacle import waits_for_launch
from sparkmesos_core.durable_framework.actions import Action, Forget, LaunchTasks, Save, SaveFramework
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.durable_framework.store.store import Stored
from tests.unit.dispatcher.drivers.mesos_model import Agent, Mesos, Task
from tests.unit.dispatcher.drivers.play import build, submission

LIMITS = Limits(max_drivers=4, retained=10**6, longest_wait=4.0, refuse_seconds=30.0, reconcile_seconds=40.0)


class World:
    """A book with a disk that is written late, calls that are made late, and a Mesos that fails."""

    def __init__(self) -> None:
        self.mesos = Mesos(agents=3)
        self.disk: dict[str, str] = {}
        self.disk_framework: str | None = None
        self.next_number = 1
        self.pending: list[Action] = []
        self.outbox: list[Action] = []
        self.connected = False
        self.framework_removals = 0
        self.accepted: dict[str, bool] = {}
        """Whether a client was told that it is killed."""
        self._begin()

    # The dispatcher's process, as the service runs it.

    def _begin(self) -> None:
        self.book = Book(LIMITS, build)
        drivers = tuple(Driver.from_json(json.loads(text)) for text in self.disk.values())
        stored = Stored(records=drivers, framework_id=self.disk_framework, next_number=self.next_number)
        self.pending, self.outbox = [], []
        self.connected = False
        self._decide(self.book.recover(stored, self.mesos.now))

    def _decide(self, actions: Sequence[Action]) -> None:
        self.pending += actions

    def _write(self) -> None:
        for action in self.pending:
            if isinstance(action, Save):
                self.disk[action.record.id] = json.dumps(action.record.to_json())
                self.next_number = max(self.next_number, action.record.number + 1)
                self.accepted.setdefault(action.record.id, False)
                assert isinstance(action.record, Driver)
                if action.record.kill_requested:
                    self.accepted[action.record.id] = True
            elif isinstance(action, Forget):
                raise AssertionError("nothing is to be forgotten here")
            elif isinstance(action, SaveFramework):
                self.disk_framework = action.framework_id
            elif self.connected:
                self.outbox.append(action)
        self.pending = []

    def _send(self, count: int) -> None:
        for action in self.outbox[:count]:
            if isinstance(action, LaunchTasks):
                for task in action.tasks:
                    driver_id, _, number = task["task_id"]["value"].partition("-retry-")
                    on_disk = Driver.from_json(json.loads(self.disk[driver_id]))
                    assert on_disk.launches > int(number or 0), "launched before it was written"
            self.mesos.call(action)
        del self.outbox[:count]

    def _lose_connection(self) -> None:
        if self.connected:
            self.connected, self.outbox = False, []
            self._decide(self.book.disconnected(self.mesos.now))

    # Clients.

    def submit(self, number: int) -> None:
        if len(self.book.drivers()) >= 12:
            return
        wanted = submission(
            cores=(0.5, 1.0, 2.0)[number % 3],
            memory=512,
            supervise=number % 2 == 1,
            max_retries=(None, 1)[number // 4 % 2],
            priority=float(number % 5 == 0),
        )
        created, actions = self.book.submit(wanted, "", self.mesos.now)
        assert created.driver is not None
        self._decide(actions)

    def kill(self, number: int) -> None:
        drivers = self.book.drivers()
        if drivers:
            _, actions = self.book.kill(drivers[number % len(drivers)].id, self.mesos.now)
            self._decide(actions)

    # The dispatcher.

    def writes(self, number: int) -> None:
        self._write()

    def sends(self, number: int) -> None:
        if self.connected:
            self._send(1 + number % 3)

    def all_goes_well(self, number: int) -> None:
        self.subscribes(0)
        for _ in range(1 + number % 2):
            self._write()
            self._send(len(self.outbox))
            self.mesos.make_offers()
            self._hear(10**6)

    def hears(self, number: int) -> None:
        self._hear(1 + number % 4)

    def _hear(self, count: int) -> None:
        for _ in range(count):
            if not self.connected or not self.mesos.inbox:
                return
            event = self.mesos.inbox.pop(0)
            if event["type"] == "OFFERS":
                offers = [Offer.from_mesos(offer) for offer in event["offers"]["offers"]]
                self._decide(self.book.offers(offers, self.mesos.now))
            else:
                self._decide(self.book.updated(event["update"]["status"], self.mesos.now))

    def crashes(self, number: int) -> None:
        self.mesos.drop_connection()
        self._begin()

    def subscribes(self, number: int) -> None:
        if self.connected:
            return
        framework = self.mesos.subscribe(self.book.framework_id)
        if framework is None:
            self._decide(self.book.framework_removed(self.mesos.now))
            framework = self.mesos.subscribe(None)
            assert framework is not None
        self.connected = True
        self._decide(self.book.subscribed(framework, self.mesos.now))

    def time_passes(self, number: int) -> None:
        end = self.mesos.now + (0.3, 1.0, 5.0, 40.0, 120.0)[number % 5]
        while (due := self.book.next_due) is not None and due <= end:
            self.mesos.now = max(self.mesos.now, due)
            self._decide(self.book.tick(self.mesos.now))
        self.mesos.now = end
        self.mesos.answer()

    # Mesos.

    def offers_are_made(self, number: int) -> None:
        self.mesos.make_offers()

    def offers_are_rescinded(self, number: int) -> None:
        self.mesos.rescind()

    def a_launch_is_lost(self, number: int) -> None:
        self.mesos.lose_next_launch = True

    def _running(self) -> list[Task]:
        return [task for task in self.mesos.started if not task.ended and self._condition(task) != "dead"]

    def _condition(self, task: Task) -> str:
        return self.mesos.agents[task.agent].condition

    def a_task_goes_on(self, number: int) -> None:
        running = self._running()
        if running:
            task = running[number % len(running)]
            following = {"TASK_STAGING": "TASK_STARTING", "TASK_STARTING": "TASK_RUNNING"}
            end = "TASK_FINISHED" if number % 3 == 0 else "TASK_FAILED"
            self.mesos.progress(task, following.get(task.state, end))

    def an_agent_is_lost(self, number: int) -> None:
        agent = self.mesos.agents[f"S{number % 3}"]
        if agent.condition == "up":
            # One of them stays, so that everything can end.
            self.mesos.lose_agent(agent, for_ever=number % 5 == 0 and agent.id != "S0")

    def an_agent_returns(self, number: int) -> None:
        agent = self.mesos.agents[f"S{number % 3}"]
        if agent.condition in ("away", "unregistered"):
            self.mesos.return_agent(agent)
        elif agent.condition == "up":
            self.mesos.reconnect_agent(agent)

    def the_master_fails_over(self, number: int) -> None:
        self.mesos.fail_over()
        self._lose_connection()

    def the_connection_breaks(self, number: int) -> None:
        self.mesos.drop_connection()
        self._lose_connection()

    def the_framework_is_removed(self, number: int) -> None:
        if self.disk_framework is not None and self.disk_framework not in self.mesos.removed:
            self.framework_removals += 1
            self.mesos.remove_framework(self.disk_framework)
            self._lose_connection()

    # What is always so.

    def what_was_accepted_is_on_disk(self) -> None:
        assert self.accepted.keys() == self.disk.keys()
        assert all(self.book.driver(driver_id) for driver_id in self.disk)

    def every_driver_is_in_one_place(self) -> None:
        counts = self.book.counts
        by_state = [driver.state for driver in self.book.drivers()]
        assert counts == {state: by_state.count(state) for state in State}
        queued = [driver for driver in self.book.drivers() if driver.state is State.QUEUED]
        order = sorted(queued, key=lambda driver: (-driver.submission.priority, driver.number))
        positions = [self.book.queue_position(driver.id) for driver in order]
        assert positions == list(range(1, len(queued) + 1))

    def who_waits_is_told_for_what(self) -> None:
        for driver in self.book.drivers():
            waits = waits_for_launch(driver, self.mesos.now)
            assert (self.book.obstacle(driver.id, self.mesos.now) is not None) == waits

    def who_is_not_supervised_runs_once(self) -> None:
        starts = [task.id.partition("-retry-")[0] for task in self.mesos.started]
        for driver_id in set(starts):
            driver = self.book.driver(driver_id)
            assert driver is not None
            if not driver.submission.supervise:
                assert starts.count(driver_id) == 1, f"{driver_id} ran more than once"

    def check(self) -> None:
        """All of it."""
        self.what_was_accepted_is_on_disk()
        self.every_driver_is_in_one_place()
        self.who_waits_is_told_for_what()
        self.who_is_not_supervised_runs_once()

    def end(self) -> None:
        """In the end the machines that are left are well, and everything comes to its end, and to the truth."""
        for agent in self._agents():
            if agent.condition in ("away", "unregistered"):
                self.mesos.return_agent(agent)
        self.mesos.lose_next_launch = False
        for _ in range(12):
            self._calm_down()
        for task in self._running():
            driver = self.book.driver(task.id.partition("-retry-")[0])
            assert driver is not None
            assert driver.state is State.LAUNCHED, f"nobody wants {task.id}, and it runs"
            assert driver.launch is not None
            assert driver.launch.task_id == task.id, f"nobody wants {task.id}, and it runs"
            assert not driver.kill_requested, f"{task.id} was to be killed, and runs"
        if len(self._running()) < LIMITS.max_drivers:
            # There is room for each of them on an agent alone.
            used = {task.agent for task in self._running()}
            room = any(agent.id not in used and agent.condition == "up" for agent in self._agents())
            assert not (room and self.book.counts[State.QUEUED]), "somebody waits, and there is room"
        for _ in range(60):
            for task in self._running():
                self.mesos.progress(task, "TASK_FINISHED")
            self._calm_down()
            done = all(driver.state is State.FINISHED for driver in self.book.drivers())
            if done and not self._running() and not (self.pending or self.outbox or self.mesos.inbox):
                break
        self._write()
        self.check()
        for text in self.disk.values():
            self._check_end(Driver.from_json(json.loads(text)))

    def _calm_down(self) -> None:
        for _ in range(5):
            self.all_goes_well(1)
        for agent in self._agents():
            if agent.condition == "up":
                self.mesos.reconnect_agent(agent)
        self.time_passes(2)
        self.check()

    def _agents(self) -> list[Agent]:
        return list(self.mesos.agents.values())

    def _check_end(self, driver: Driver) -> None:
        assert driver.state is State.FINISHED, driver
        runs = [task for task in self.mesos.started if task.id.partition("-retry-")[0] == driver.id]
        ends = [task.state for task in runs]
        agents = [self.mesos.agents[task.agent] for task in runs]
        if driver.launch is not None:
            agents.append(self.mesos.agents[driver.launch.agent_id])
        unsure = bool(self.framework_removals) or any(agent.ever_away for agent in agents)
        if driver.outcome is Outcome.SUCCEEDED:
            assert "TASK_FINISHED" in ends
        elif driver.outcome is Outcome.KILLED:
            assert self.accepted[driver.id], "nobody asked to kill it"
        elif driver.outcome is Outcome.FAILED:
            assert "TASK_FAILED" in ends
        else:
            assert driver.outcome is Outcome.LOST
            assert unsure, "lost, though its agent was there all the time"
        if not unsure and not self.accepted[driver.id]:
            assert runs, "it never ran"
            assert driver.outcome is (Outcome.SUCCEEDED if ends[-1] == "TASK_FINISHED" else Outcome.FAILED)


OFTEN = [World.submit, World.all_goes_well, World.offers_are_made, World.writes, World.sends, World.hears]
SOMETIMES = [*3 * [World.a_task_goes_on], World.time_passes, World.an_agent_is_lost, World.an_agent_returns]
SELDOM = [
    World.kill,
    World.crashes,
    World.subscribes,
    World.offers_are_rescinded,
    World.a_launch_is_lost,
    World.the_master_fails_over,
    World.the_connection_breaks,
]
EVENTS = [*3 * OFTEN, *2 * SOMETIMES, *SELDOM]

WITHOUT_REMOVAL = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 59)), min_size=20, max_size=80)
WITH_REMOVAL = st.lists(
    st.tuples(st.sampled_from([*EVENTS, World.the_framework_is_removed]), st.integers(0, 59)),
    min_size=20,
    max_size=80,
)
Steps = list[tuple[Callable[[World, int], None], int]]


def play(steps: Steps) -> World:
    """Let all this happen, and come to an end."""
    world = World()
    for event, number in steps:
        event(world, number)
        world.check()
    world.end()
    return world


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(WITHOUT_REMOVAL)
def test_nothing_is_lost_and_nothing_runs_twice(steps: Steps) -> None:
    play(steps)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(WITH_REMOVAL)
def test_nothing_is_lost_when_an_operator_removes_the_framework(steps: Steps) -> None:
    play(steps)
