"""Replays a recorded conversation with a real Mesos against a live cluster and compares what both said.

The recorder's notes on what befell masters and agents are acted on. `sleep`s of tasks and filters are shorter
than recorded. Three things are left open, since they depended on when the real master's next allocation was:
how offers of several agents are grouped, when an offer comes relative to other events, and offers that nobody
waits for.
"""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote, unquote

from sparkmesos_core.localcluster.cluster import AgentSpec
from tests.contract.comparison import Bindings as Bindings
from tests.contract.comparison import resource_order
from tests.contract.recorded import load as load
from tests.contract.scheduler_client import PATIENCE, Json, Subscription, request

# The agents of the recorded cluster.
AGENTS = (
    AgentSpec(
        resources="cpus:4;mem:4096;disk:10000;ports:[31000-32000]",
        attributes="os:centos7;zone:us-east-1a;rackid:3;port_range:[7000-8000]",
    ),
    AgentSpec(
        resources="cpus:2;mem:2048;disk:5000;ports:[32001-33000];cpus(spark):1;mem(spark):512;"
        "ports(spark):[33001-33010]",
        attributes="os:debian12;zone:us-east-1b",
    ),
)

_SOFT = 0.25
"""Seconds in which what was caused before a call has come, if it was not caused by the call."""

_COMPARED_HEADERS = ("Content-Type", "Location", "Allow", "Content-Disposition", "WWW-Authenticate")

_OFFERS_FIRST = {"TEARDOWN", "RECONCILE", "GET_TASKS"}
"""Before these calls, and GETs, all offers are awaited: they tell that an agent is back or a task's end known."""

# Which events can be an answer to a call, and so come after it although they are listed before it: a call is
# listed when its answer is complete.
_ANSWERS = {
    "ACCEPT": {"UPDATE"},
    "ACKNOWLEDGE": {"UPDATE"},
    "RECONCILE": {"UPDATE"},
    "KILL": {"UPDATE"},
    "MESSAGE": {"MESSAGE"},
    "SHUTDOWN": {"FAILURE", "UPDATE"},
    "SUBSCRIBE": {"ERROR"},
    "MARK_AGENT_GONE": {"RESCIND", "UPDATE", "FAILURE"},
    "(note)": {"RESCIND", "UPDATE", "FAILURE"},
}


_CERTAIN = {"ACCEPT", "ACKNOWLEDGE"}
"""Calls whose possible answers cannot come before them: a task's first update, and the one after another."""


class Control(Protocol):
    """What can befall the nodes of a cluster."""

    def kill_agent(self, agent: int) -> None: ...
    def terminate_agent(self, agent: int) -> None: ...
    def start_agent(self, agent: int) -> None: ...
    def pause_agent(self, agent: int) -> None: ...
    def resume_agent(self, agent: int) -> None: ...
    def kill_master(self, master: int) -> None: ...


# The recorder's words, and what they did to the first agent or master.
_ACTIONS: dict[str, Callable[[Control], None]] = {
    "the agent process gets SIGKILL": lambda cluster: cluster.kill_agent(0),
    "the agent process is killed with SIGKILL": lambda cluster: cluster.kill_agent(0),
    "the agent process gets SIGTERM": lambda cluster: cluster.terminate_agent(0),
    "the agent process is stopped with SIGSTOP": lambda cluster: cluster.pause_agent(0),
    "the agent process gets SIGCONT": lambda cluster: cluster.resume_agent(0),
    "the agent is started again": lambda cluster: cluster.start_agent(0),
    "the agent was started again": lambda cluster: cluster.start_agent(0),
    "the leading master gets SIGKILL": lambda cluster: cluster.kill_master(0),
}
_RETURNS = [
    _ACTIONS[words]
    for words in (
        "the agent process gets SIGCONT",
        "the agent is started again",
        "the agent was started again",
    )
]
_REMARKS = (
    "an unused offer",
    "the update came",
    "offer came back after",
    "after SUPPRESS and REVIVE",
    "the task has ended meanwhile",
    "(no acknowledgement is sent",
)


class Replay:
    """One recording against one live cluster. Steps can be made one by one, so that two can be interleaved."""

    def __init__(
        self,
        name: str,
        url: str,
        agent_urls: tuple[str, ...],
        bindings: Bindings,
        *,
        control: Control | None = None,
        refuse_factor: float = 0.1,
        sleep_factor: float = 0.1,
        all_heartbeats: bool = False,
        any_amounts: bool = False,
        comparable: Callable[[Any], Any] | None = None,
        ignore: str = "^$",
    ) -> None:
        """`ignore` matches differences in what depended on which of two things came first.

        `any_amounts` is for recordings in which an offer came while a task was running, and so held less: how
        much of a resource is offered is not compared then. `comparable` takes from a `/state` what the embedded
        cluster has not.
        """
        self._comparable = comparable
        self._refuse_factor, self._sleep_factor = refuse_factor, sleep_factor
        self._all_heartbeats, self._any_amounts = all_heartbeats, any_amounts
        self._control = control
        self._ignore = re.compile(ignore)
        self.recording = load(name)
        self.url = url
        self.agent_urls = agent_urls
        self.bindings = bindings
        self.subscription: Subscription | None = None
        self.problems: list[str] = []
        order = self.recording.get("order") or [
            f"exchange {i}" for i in range(len(self.recording["exchanges"]))
        ]
        self._steps = [(kind, int(index)) for kind, index in (step.split() for step in order)]
        self._expected: list[Json] = []
        self._offers: dict[str, list[Json]] = {}
        self._wanted_offers: list[Json] = []
        self._position = 0
        self._fresh = 0
        self._just_subscribed = False
        self._closed_by_mesos = False

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.subscription is not None:
            self.subscription.close()

    def run(self, until: str | None = None) -> Replay:
        """Go on to the end, or to just before the first event, call or remark that `until` names."""
        while self._position < len(self._steps):
            kind, index = self._steps[self._position]
            if kind == "exchange":
                exchange = self.recording["exchanges"][index]
                if until is not None and _kind(exchange["request"]) == until:
                    return self
                self._exchange(exchange)
            else:
                event = self.recording["events"][index]
                if until is not None and (
                    until in (event.get("type"), *event) or event.get("_note", "").startswith(until)
                ):
                    return self
                self._expect(event)
            self._position += 1
        self._settle(lambda: not self._expected and not self._wanted_offers)
        if self._closed_by_mesos:
            self._await_end()
        return self

    def check(self) -> None:
        """Fail with everything that differed."""
        problems = [problem for problem in self.problems if not self._ignore.search(problem)]
        assert not problems, "\n".join(problems)

    def _await_end(self) -> None:
        """The stream ends, and nothing comes before that."""
        assert self.subscription is not None
        while True:
            try:
                event = self.subscription.next()
            except EOFError:
                return
            except queue.Empty:
                self.problems.append("the stream did not end")
                return
            if event["type"] not in ("OFFERS", "HEARTBEAT"):
                self.problems.append(f"unexpected: {event}")

    def _expect(self, event: Json) -> None:
        if event.get("type") == "OFFERS":
            self._wanted_offers += event["offers"]["offers"]
            self._match_offers()
        elif "_note" in event:
            self._act(event["_note"])
        elif "_connection" in event:
            self._closed_by_mesos = True
        elif "type" in event and self._is_compared(self._position):
            self._expected.append(event)
            self._fresh += 1

    def _is_compared(self, position: int) -> bool:
        """Heartbeats only where they do not depend on how long something took: after SUBSCRIBED."""
        event = self.recording["events"][self._steps[position][1]]
        before = self._steps[position - 1]
        return (
            event["type"] != "HEARTBEAT"
            or self._all_heartbeats
            or (before[0] == "event" and self.recording["events"][before[1]].get("type") == "SUBSCRIBED")
        )

    def _act(self, note: str) -> None:
        """Do what the recorder did, when what is listed before has come, but for what was caused by it."""
        if note.startswith("the scheduler closes its"):
            self._settle(lambda: not self._expected)
            self._closed_by_mesos = False
            self.__exit__()
            return
        action = next((act for words, act in _ACTIONS.items() if note.startswith(words)), None)
        if action is None:
            assert note.startswith(_REMARKS), note
            if note.startswith("an unused offer"):
                self._settle(lambda: not self._expected and not self._wanted_offers)
            return
        fresh, self._fresh = self._fresh, 0
        self._settle_before("(note)", None, fresh)
        assert self._control is not None, "this recording wants a cluster whose nodes can be killed"
        action(self._control)
        if action in _RETURNS:
            self.bindings.came_back |= set(re.findall(r"[0-9a-f-]{36}-S0", json.dumps(self.recording)))

    def _settle_before(self, kind: str, body: Any, fresh: int) -> None:
        """Await what is listed before a call, apart from what may be its answer: that only if it comes soon."""
        open_answers = 0
        for event in reversed(self._expected[-fresh:] if fresh else []):
            if not _may_answer(kind, body, event):
                break
            open_answers += 1
        self._settle(lambda: len(self._expected) <= open_answers)
        if kind not in _CERTAIN:
            self._settle(lambda: not self._expected, soft=True)

    def _exchange(self, exchange: Json) -> None:
        recorded = exchange["request"]
        body, method, kind = recorded.get("body"), recorded["method"], _kind(recorded)
        # What was listed before the call before this one cannot be an answer to this one.
        fresh, self._fresh = self._fresh, 0
        self._settle(lambda: not self._acknowledges_expected(body))
        self._settle(
            lambda: not self._unbound([body, recorded["path"]]), what=self._unbound([body, recorded])
        )
        self._settle_before(kind if method == "POST" else "", body, fresh)
        if method == "GET" or kind in _OFFERS_FIRST:
            self._settle(lambda: not self._wanted_offers)
        elif kind not in ("ACKNOWLEDGE", "DECLINE"):
            self._settle(lambda: not self._wanted_offers, soft=True)
        if kind == "SUBSCRIBE" and exchange["response"]["status"] == 200:
            self.subscribe(exchange)
            return
        headers = self.bindings.translate(recorded.get("headers", {}))
        path = quote(self.bindings.translate(unquote(recorded["path"])), safe="/?&=-_()")
        hastened = _hastened(self.bindings.translate(body), self._refuse_factor, self._sleep_factor)
        answer = request(self._server(exchange), method, path, hastened, headers)
        self.compare(exchange, *answer)

    def subscribe(self, exchange: Json) -> None:
        """Make a recorded SUBSCRIBE that was accepted."""
        recorded = exchange["request"]
        credentials = {k: v for k, v in recorded["headers"].items() if k == "Authorization"}
        self.subscription = Subscription(
            self.url, self.bindings.translate(recorded["body"]), headers=credentials
        )
        stream_id = exchange["response"]["headers"]["Mesos-Stream-Id"]
        self.bindings.live[stream_id] = self.subscription.stream_id
        self.compare(exchange, self.subscription.status, self.subscription.headers, None)

    def _acknowledges_expected(self, body: Any) -> bool:
        """Whether this acknowledges an update that is to be repeated before."""
        uuid = body.get("acknowledge", {}).get("uuid") if isinstance(body, dict) else None
        return uuid is not None and uuid in [
            event["update"]["status"].get("uuid") for event in self._expected if event["type"] == "UPDATE"
        ]

    def _server(self, exchange: Json) -> str:
        """Who was asked: an agent for files, containers and its own state, else the master."""
        path, body = exchange["request"]["path"], exchange["response"].get("body")
        if path.startswith(("/files", "/containers")):
            match = re.search(r"-S(\d+)", path)
            return self.agent_urls[int(match[1]) if match else 0]
        if isinstance(body, dict) and str(body.get("pid", "")).startswith("slave("):
            return self.agent_urls[int(body["id"].rpartition("-S")[2])]
        return self.url

    def compare(self, exchange: Json, status: int, headers: dict[str, str], text: str | None) -> None:
        """Note all that an answer has otherwise than recorded. Without a text only status and headers."""
        recorded, wanted = exchange["request"], exchange["response"]
        what = f"{recorded['method']} {recorded['path'][:80]} {_kind(recorded)}"
        if status != wanted["status"]:
            self.problems.append(f"{what}: {status} instead of {wanted['status']}: {text}")
            return
        for name in _COMPARED_HEADERS:
            value = self.bindings.translate(wanted.get("headers", {}).get(name))
            if value is not None and value != headers.get(name.lower()):
                self.problems.append(f"{what}: {name} is {headers.get(name.lower())} instead of {value}")
        if text is None or "raw_body_latin1" in wanted:
            return
        body = wanted.get("body", "")
        if isinstance(body, str):
            if text != self.bindings.translate(body):
                self.problems.append(f"{what}: {text!r} instead of {self.bindings.translate(body)!r}")
        elif recorded["path"].startswith("/state"):
            assert self._comparable is not None, "say what of a state is to be compared"
            wanted_state, state = self._comparable(body), self._comparable(json.loads(text))
            self.problems += [f"{what}{d}" for d in self.bindings.differences(wanted_state, state)]
        elif "/executors/fetch-" in recorded["path"]:
            pass  # listings of sandboxes and the fetcher's log: compared in test_localcluster_fetcher
        elif recorded["path"].startswith("/files/read"):
            self._compare_log(what, body, json.loads(text))
        else:
            body = self.bindings.own(body)
            self.problems += [f"{what}{d}" for d in self.bindings.differences(body, json.loads(text))]

    def _compare_log(self, what: str, recorded: Json, live: Json) -> None:
        """What a task wrote, without what Mesos' executor added for its developers (lines of glog)."""
        if recorded.keys() != live.keys():
            self.problems.append(f"{what}: has {sorted(live)} instead of {sorted(recorded)}")
            return
        if recorded["data"] == "":  # asked for the size, which depends on paths
            if live["data"] != "" or not isinstance(live["offset"], int):
                self.problems.append(f"{what}: is {live}")
            return
        wanted = [line for line in recorded["data"].splitlines() if not re.match(r"I\d{8} ", line)]
        if self.bindings.translate(wanted) != live["data"].splitlines():
            self.problems.append(
                f"{what}: is {live['data']!r} instead of {self.bindings.translate(wanted)!r}"
            )

    def _unbound(self, value: Any) -> list[str]:
        """Recorded ids in a call that the live side has not said anything of yet."""
        return self.bindings.unbound(json.dumps(value))

    def _settle(self, done: Callable[[], bool], *, soft: bool = False, what: Any = "") -> None:
        """Take live events until a condition holds; what is missing after a while is a problem, unless `soft`."""
        deadline = time.monotonic() + (_SOFT if soft else PATIENCE)
        while not done():
            assert self.subscription is not None, "nothing to wait for"
            try:
                event = self.subscription.next(timeout=max(0.0, deadline - time.monotonic()))
            except (queue.Empty, EOFError) as error:
                if soft:
                    return
                missing = [json.dumps(e)[:200] for e in self._expected + self._wanted_offers]
                problems = "\n".join(self.problems)
                raise AssertionError(f"{error!r} while waiting for {what} {missing}\n{problems}") from None
            self._take(event)

    def _take(self, event: Json) -> None:
        just_subscribed, self._just_subscribed = self._just_subscribed, event["type"] == "SUBSCRIBED"
        if event["type"] == "OFFERS":
            for offer in event["offers"]["offers"]:
                # Offers may be grouped otherwise and come in another order: what counts is each agent's sequence.
                self._offers.setdefault(_agent_mark(offer), []).append(offer)
        elif event["type"] == "HEARTBEAT" and not self._expects_heartbeat(just_subscribed):
            pass
        else:
            if not self._expected:
                # Mesos' answer to a call can be listed after it: it is expected only later.
                self._expect_ahead()
            if not self._expected:
                self.problems.append(f"unexpected: {event}")
                return
            wanted = self._expected.pop(self._rescinded(event) or 0)
            self.problems += [f"{event['type']}{d}" for d in self.bindings.differences(wanted, event)]
        self._match_offers()

    def _expects_heartbeat(self, just_subscribed: bool) -> bool:
        """Whether a heartbeat that has come is one that is compared."""
        next_one = self._expected[0]["type"] if self._expected else ""
        return self._all_heartbeats or (just_subscribed and next_one == "HEARTBEAT")

    def _rescinded(self, event: Json) -> int | None:
        """Which of several RESCINDs in a row it is: in which order agents were offered is not compared either."""
        for position, expected in enumerate(self._expected):
            if not event["type"] == expected["type"] == "RESCIND":
                return None
            if self.bindings.translate(expected) == event:
                return position
        return None

    def _match_offers(self) -> None:
        for wanted in list(self._wanted_offers):
            waiting = self._offers.get(_agent_mark(wanted), [])
            fitting = [offer for offer in waiting if self._fits(wanted, offer)]
            if fitting:
                self._wanted_offers.remove(wanted)
                waiting.remove(fitting[0])
                self.problems += [f"offer{d}" for d in self.bindings.differences(wanted, fitting[0])]
        agents = {_agent_mark(wanted) for wanted in self._wanted_offers}
        for mark, offers in self._offers.items():
            if mark in agents and offers:
                # Part of what is wanted as a whole: a task ended at another moment than in the recording.
                self._decline(offers)

    def _fits(self, wanted: Json, offer: Json) -> bool:
        """Whether it is the wanted offer: all that the agent has at that moment."""
        one, other = (sorted(each["resources"], key=resource_order) for each in (wanted, offer))
        if self._any_amounts:
            return [resource_order(item) for item in one] == [resource_order(item) for item in other]
        return bool(one == other)

    def _decline(self, offers: list[Json]) -> None:
        assert self.subscription is not None
        fields = {"offer_ids": [offer["id"] for offer in offers], "filters": {"refuse_seconds": 0}}
        assert self.subscription.call("DECLINE", decline=fields)[0] == 202
        offers.clear()

    def _expect_ahead(self) -> None:
        for position in range(self._position + 1, len(self._steps)):
            kind, index = self._steps[position]
            if kind == "exchange":
                continue
            event = self.recording["events"][index]
            if event.get("type") not in (None, "OFFERS") and self._is_compared(position):
                self._expected.append(event)
                del self._steps[position]
                return


def _may_answer(kind: str, body: Any, event: Json) -> bool:
    """Whether an event may be caused by a call, or by what the recorder did to a node."""
    if event["type"] not in _ANSWERS.get(kind, set()):
        return False
    if event["type"] != "UPDATE":
        return True
    status = event["update"]["status"]
    task = status["task_id"]["value"]
    reconciled = status.get("reason") == "REASON_RECONCILIATION"
    match kind:
        case "RECONCILE":
            return bool(reconciled)
        case "(note)":
            return bool(status["source"] == "SOURCE_MASTER" and not reconciled)
        case "ACCEPT":
            launches = [operation["launch"]["task_infos"] for operation in body["accept"]["operations"]]
            return task in [info["task_id"]["value"] for infos in launches for info in infos]
        case "KILL" | "ACKNOWLEDGE":
            return bool(task == body[kind.lower()]["task_id"]["value"])
        case _:
            return True


def _hastened(value: Any, refuse_factor: float, sleep_factor: float) -> Any:
    """The same call with shorter filters and sleeps."""
    if isinstance(value, dict):
        return {
            key: item * refuse_factor
            if key == "refuse_seconds"
            else re.sub(r"sleep (\d+)", lambda m: f"sleep {int(m[1]) * sleep_factor:g}", item)
            if key == "value" and isinstance(item, str)
            else _hastened(item, refuse_factor, sleep_factor)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_hastened(item, refuse_factor, sleep_factor) for item in value]
    return value


def _agent_mark(offer: Json) -> str:
    """What an agent and a role can be known by on both sides."""
    return json.dumps([offer["attributes"], offer.get("allocation_info")])


def _kind(recorded: Json) -> str:
    body = recorded.get("body")
    return str(body.get("type", "")) if isinstance(body, dict) else str(body or "")
