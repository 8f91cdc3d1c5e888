"""Replays a recorded conversation with a real Mesos against a live master and compares what both said.

Ids, times, addresses and paths differ between any two runs: they are bound to each other when they are first met,
and have to keep to that. Everything else must be equal. `sleep`s of tasks and filters last a tenth of the recorded.
"""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sparkmesos_core.localcluster.cluster import AgentSpec
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

RECORDINGS = Path(__file__).parent / "recordings" / "mesos-1.12.0"

# Fields whose value only has to be of the same kind: times and process ids.
_MEASURED = {
    "timestamp",
    "registered_time",
    "unregistered_time",
    "start_time",
    "elected_time",
    "mtime",
    "executor_pid",
    "size",
}
# uuids, ids that are made of one, and the uuids of updates.
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-[SO]?\d+)?|[A-Za-z0-9+/]{22}=="
_BOUND_FIELDS = {"hostname", "port", "pid", "ip"}


def load(name: str) -> Json:
    """A recording by name."""
    recording: Json = json.loads((RECORDINGS / f"{name}.json").read_text())
    return recording


class Bindings:
    """Which live text stands for which recorded one."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.live: dict[str, str] = dict(known)
        self.numbers: dict[tuple[str, int], int] = {}

    def translate(self, value: Any) -> Any:
        """A recorded value with everything bound replaced, longest first."""
        if isinstance(value, dict):
            return {key: self.translate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        if not isinstance(value, str):
            return value
        texts = sorted(self.live, key=len, reverse=True)
        if not texts:
            return value
        pattern = "|".join(re.escape(text) for text in texts)
        return re.sub(pattern, lambda match: self.live[match[0]], value)

    def _bind_ids(self, recorded: str, live: str) -> None:
        """Bind the ids in a recorded text that are new, if the live one has ids in the same places."""
        new = [text for text in re.findall(_ID, recorded) if text not in self.live]
        if not new:
            return
        known = self.translate("\0".join(re.split("|".join(map(re.escape, new)), recorded)))
        match = re.fullmatch(f"({_ID})".join(map(re.escape, known.split("\0"))), live)
        if match is not None:
            self.live.update(zip(new, match.groups(), strict=True))

    def _in_recorded_order(self, recorded: list[Any], live: list[Any]) -> list[Any]:
        """Agents and the like are listed in no order that means anything."""
        if not _names_items(recorded) or not _names_items(live):
            return live
        wanted = [self.live.get(item["id"]) for item in recorded]
        return sorted(
            live, key=lambda item: wanted.index(item["id"]) if item["id"] in wanted else len(wanted)
        )

    def differences(self, recorded: Any, live: Any, where: str = "") -> list[str]:
        """What differs; values met for the first time are bound on the way."""
        name = where.rpartition(".")[2]
        if isinstance(recorded, dict) and isinstance(live, dict):
            if recorded.keys() != live.keys():
                return [f"{where}: has {sorted(live)} instead of {sorted(recorded)}"]
            return [
                d for key in recorded for d in self.differences(recorded[key], live[key], f"{where}.{key}")
            ]
        if isinstance(recorded, list) and isinstance(live, list):
            if name == "capabilities" and where.startswith(".slaves"):
                return [f"{where}: {item} is more than Mesos has" for item in live if item not in recorded]
            live = self._in_recorded_order(recorded, live)
            if recorded and isinstance(recorded[0], dict) and {"name", "type"} <= recorded[0].keys():
                recorded, live = sorted(recorded, key=_resource_order), sorted(live, key=_resource_order)
            if len(recorded) != len(live):
                return [f"{where}: has {len(live)} items instead of {len(recorded)}: {live}"]
            pairs = zip(recorded, live, strict=True)
            return [d for i, (r, v) in enumerate(pairs) for d in self.differences(r, v, f"{where}[{i}]")]
        if name in _MEASURED and _is_number(recorded) and _is_number(live):
            return [] if bool(recorded) == bool(live) else [f"{where}: is {live}"]
        if name in _BOUND_FIELDS and isinstance(recorded, int) and type(recorded) is type(live):
            bound = self.numbers.setdefault((name, recorded), live)
            return [] if live == bound else [f"{where}: is {live!r} instead of {bound!r}"]
        if isinstance(recorded, str) and isinstance(live, str):
            if name in _BOUND_FIELDS:
                self.live.setdefault(recorded, live)
            self._bind_ids(recorded, live)
        if self.translate(recorded) == live:
            return []
        return [f"{where}: is {live!r} instead of {self.translate(recorded)!r}"]


def _names_items(items: list[Any]) -> bool:
    return all(isinstance(item, dict) and isinstance(item.get("id"), str) for item in items)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _resource_order(item: Json) -> str:
    return f"{item['name']} {item.get('role')}"


def _hastened(value: Any, refuse_factor: float) -> Any:
    """The same call with shorter filters, and sleeps of a tenth."""
    if isinstance(value, dict):
        return {
            key: item * refuse_factor
            if key == "refuse_seconds"
            else re.sub(r"sleep (\d+)", lambda m: f"sleep {int(m[1]) / 10}", item)
            if key == "value" and isinstance(item, str)
            else _hastened(item, refuse_factor)
            for key, item in value.items()
        }
    return [_hastened(item, refuse_factor) for item in value] if isinstance(value, list) else value


class Replay:
    """One recording against one live cluster. Steps can be made one by one, so that two can be interleaved."""

    def __init__(
        self,
        name: str,
        url: str,
        agent_urls: tuple[str, ...],
        bindings: Bindings,
        *,
        refuse_factor: float = 0.1,
        ignore: str = "^$",
    ) -> None:
        """`ignore` matches differences in what depended on which of two things came first."""
        self._refuse_factor = refuse_factor
        self._ignore = re.compile(ignore)
        self.recording = load(name)
        self.url = url
        self.agent_urls = agent_urls
        self.bindings = bindings
        self.subscription: Subscription | None = None
        self.problems: list[str] = []
        order = self.recording.get("order")
        self._steps = order or [["exchange", i] for i in range(len(self.recording["exchanges"]))]
        self._expected: list[Json] = []
        self._offers: dict[str, list[Json]] = {}
        self._wanted_offers: list[Json] = []
        self._position = 0
        self._fresh = 0

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.subscription is not None:
            self.subscription.close()

    def run(self, until: str | None = None) -> Replay:
        """Go on to the end, or to just before the first event or call of the type `until`."""
        while self._position < len(self._steps):
            step = self._steps[self._position]
            kind, index = step.split() if isinstance(step, str) else step
            if kind.startswith("exchange"):
                exchange = self.recording["exchanges"][int(index)]
                body = exchange["request"].get("body")
                if until is not None and isinstance(body, dict) and body.get("type") == until:
                    return self
                self._exchange(exchange)
            else:
                event = self.recording["events"][int(index)]
                if until is not None and event.get("type") == until:
                    return self
                self._expect(event)
            self._position += 1
        self._settle(lambda: not self._expected and not self._wanted_offers)
        return self

    def check(self) -> None:
        """Fail with everything that differed."""
        problems = [problem for problem in self.problems if not self._ignore.search(problem)]
        assert not problems, "\n".join(problems)

    def _expect(self, event: Json) -> None:
        if event.get("type") == "OFFERS":
            self._wanted_offers += event["offers"]["offers"]
            self._match_offers()
        elif "the scheduler closes its" in event.get("_note", ""):
            self._settle(lambda: not self._expected)
            self.__exit__()
        elif "type" in event and event["type"] != "HEARTBEAT":
            self._expected.append(event)
            self._fresh += 1

    def _exchange(self, exchange: Json) -> None:
        recorded = exchange["request"]
        body, method = recorded.get("body"), recorded["method"]
        # What was listed before the call before this one cannot be an answer to this one.
        fresh, self._fresh = self._fresh, 0
        last = _kind(recorded) == "TEARDOWN" or method == "GET"
        self._settle(lambda: not self._acknowledges_expected(body))
        self._settle(lambda: len(self._expected) <= (0 if last else fresh))
        self._settle(
            lambda: not self._unbound([body, recorded["path"]]), what=self._unbound([body, recorded])
        )
        if last:
            self._settle(lambda: not self._wanted_offers)
        elif _kind(recorded) not in ("ACKNOWLEDGE", "DECLINE"):
            self._settle(lambda: not self._expected and not self._wanted_offers, soft=True)
        if (
            isinstance(body, dict)
            and body.get("type") == "SUBSCRIBE"
            and exchange["response"]["status"] == 200
        ):
            self.subscription = Subscription(self.url, self.bindings.translate(body))
            stream_id = exchange["response"]["headers"]["Mesos-Stream-Id"]
            self.bindings.live[stream_id] = self.subscription.stream_id
            self._compare(exchange, self.subscription.status, self.subscription.headers, None)
        else:
            headers = self.bindings.translate(recorded.get("headers", {}))
            path = quote(self.bindings.translate(unquote(recorded["path"])), safe="/?&=-_()")
            answer = request(
                self._server(exchange),
                method,
                path,
                _hastened(self.bindings.translate(body), self._refuse_factor),
                headers,
            )
            self._compare(exchange, *answer)

    def _acknowledges_expected(self, body: Any) -> bool:
        """Whether this acknowledges an update that is to be repeated before."""
        uuid = body.get("acknowledge", {}).get("uuid") if isinstance(body, dict) else None
        return uuid is not None and uuid in [
            event["update"]["status"].get("uuid") for event in self._expected if event["type"] == "UPDATE"
        ]

    def _server(self, exchange: Json) -> str:
        """Who was asked: an agent for files and for its own state, else the master."""
        path, body = exchange["request"]["path"], exchange["response"].get("body")
        if path.startswith("/files"):
            match = re.search(r"-S(\d+)", path)
            return self.agent_urls[int(match[1]) if match else 0]
        if isinstance(body, dict) and str(body.get("pid", "")).startswith("slave("):
            return self.agent_urls[int(body["id"].rpartition("-S")[2])]
        return self.url

    def _compare(self, exchange: Json, status: int, headers: dict[str, str], text: str | None) -> None:
        recorded, wanted = exchange["request"], exchange["response"]
        what = f"{recorded['method']} {recorded['path'][:80]} {_kind(recorded)}"
        if status != wanted["status"]:
            self.problems.append(f"{what}: {status} instead of {wanted['status']}: {text}")
            return
        for name in ("Content-Type", "Location", "Allow", "Content-Disposition"):
            if name in wanted.get("headers", {}) and name.lower() not in headers:
                self.problems.append(f"{what}: no header {name}")
        if text is None or "raw_body_latin1" in wanted:
            return
        body = wanted.get("body", "")
        if isinstance(body, str):
            if text != self.bindings.translate(body):
                self.problems.append(f"{what}: {text!r} instead of {self.bindings.translate(body)!r}")
        elif recorded["path"].startswith("/state"):
            pass  # compared field by field in test_operator_endpoints
        elif "stderr" in recorded["path"] or "stdout" in recorded["path"]:
            pass  # logs of processes are looked at by the tests themselves
        else:
            self.problems += [f"{what}{d}" for d in self.bindings.differences(body, json.loads(text))]

    def _unbound(self, value: Any) -> list[str]:
        """Recorded ids in a call that the live side has not said anything of yet."""
        found = re.findall(_ID, json.dumps(value))
        return [
            text
            for text in found
            if text not in self.bindings.live and not text.startswith("00000000-0000-0000")
        ]

    def _settle(self, done: Callable[[], bool], *, soft: bool = False, what: Any = "") -> None:
        """Take live events until a condition holds; what is missing after a while is a problem, unless `soft`.

        Soft: what comes at once was caused before, the rest may be the answer to the call that follows.
        """
        deadline = time.monotonic() + (0.25 if soft else PATIENCE)
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
        if event["type"] == "OFFERS":
            for offer in event["offers"]["offers"]:
                # Offers may be grouped otherwise and come in another order: what counts is each agent's sequence.
                self._offers.setdefault(_offer_mark(offer), []).append(offer)
        elif event["type"] != "HEARTBEAT":
            if not self._expected:
                # Mesos' answer to a call can be listed after it: it is expected only later.
                self._expect_ahead()
            if not self._expected:
                self.problems.append(f"unexpected: {event}")
                return
            wanted = self._expected.pop(0)
            self.problems += [f"{event['type']}{d}" for d in self.bindings.differences(wanted, event)]
        self._match_offers()

    def _match_offers(self) -> None:
        for wanted in list(self._wanted_offers):
            waiting = self._offers.get(_offer_mark(wanted), [])
            if waiting:
                self._wanted_offers.remove(wanted)
                self.problems += [f"offer{d}" for d in self.bindings.differences(wanted, waiting.pop(0))]
        marks = {_offer_mark(wanted) for wanted in self._wanted_offers}
        agents = {_agent_mark(wanted) for wanted in self._wanted_offers}
        for mark, offers in self._offers.items():
            if mark not in marks and offers and _agent_mark(offers[0]) in agents:
                # Part of what is wanted as a whole: something ended at another moment than in the recording.
                self._decline(offers)

    def _decline(self, offers: list[Json]) -> None:
        assert self.subscription is not None
        fields = {"offer_ids": [offer["id"] for offer in offers], "filters": {"refuse_seconds": 0}}
        assert self.subscription.call("DECLINE", decline=fields)[0] == 202
        offers.clear()

    def _expect_ahead(self) -> None:
        for position in range(self._position + 1, len(self._steps)):
            step = self._steps[position]
            kind, index = step.split() if isinstance(step, str) else step
            if kind.startswith("exchange"):
                continue
            event = self.recording["events"][int(index)]
            if event.get("type") not in (None, "OFFERS", "HEARTBEAT"):
                self._expected.append(event)
                del self._steps[position]
                return


def _agent_mark(offer: Json) -> str:
    """What an agent and a role can be known by on both sides."""
    return json.dumps([offer["attributes"], offer.get("allocation_info")])


def _offer_mark(offer: Json) -> str:
    """The same, and which resources are offered."""
    return _agent_mark(offer) + json.dumps(sorted(_resource_order(item) for item in offer["resources"]))


def _kind(recorded: Json) -> str:
    body = recorded.get("body")
    return str(body.get("type", "")) if isinstance(body, dict) else str(body or "")
