"""What must hold of every plan, whatever is offered and wanted: told anew, from the offers' JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sparkmesos_core.conf.values.constraints import parse_constraints
from sparkmesos_core.mesos.attributes import attributes_from_json
from sparkmesos_core.mesos.constraints import unmet
from tests.integration.backend.stories import declined, launched, reasons

Json = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """What an executor of a profile needs; `cores` is None where it takes all it can get."""

    cores: int | None
    memory: int
    gpus: int
    least_cores: int


@dataclass
class Running:
    """An executor that holds resources."""

    agent: str
    host: str
    profile: str
    cores: int
    gpus: int
    is_ending: bool = False


@dataclass
class Model:
    """An application as its books should know it, and what its properties say. Times are in milliseconds."""

    cores_max: int | None
    gpus_max: int
    port: int | None
    constraints: str
    refuse_unmet: float
    refuse_reached: float
    failures_max: int
    expiry: int
    locality_wait: int
    is_dynamic: bool
    sizes: dict[str, Size]
    """By the ids of profiles, which are text here as in JSON."""
    wanted: dict[str, int] | None = None
    executors: dict[str, Running] = field(default_factory=dict)
    failures: list[tuple[str, int]] = field(default_factory=list)
    draining: set[str] = field(default_factory=set)
    local: dict[str, dict[str, int]] = field(default_factory=dict)
    seeking_since: int | None = None
    started: int = 0

    def __post_init__(self) -> None:
        if self.is_dynamic:
            self.wanted = {}

    def follow(self, event: Json, step: Json) -> None:
        """Takes note of an event, and checks what became of it."""
        now = event["at"]
        if "offers" in event:
            self._check_plan(event["offers"], step, now)
        elif "running" in event:
            pass
        elif "ending" in event:
            if event["ending"] in self.executors:
                self.executors[event["ending"]].is_ending = True
        elif "ended" in event:
            if (gone := self.executors.pop(event["ended"], None)) and event["isFailure"]:
                self.failures.append((gone.agent, now))
        elif "wanted" in event:
            self.wanted = event["wanted"]
            if self.seeking_since is not None:
                self.seeking_since = now
        elif "localTasks" in event:
            self.local = event["localTasks"]
        elif event["isDraining"]:
            self.draining.add(event["draining"])
        else:
            self.draining.discard(event["draining"])
        assert step["cores"] == self._cores()
        assert step["gpus"] == self._gpus()
        assert set(step["books"]["executors"]) == set(self.executors)

    def _check_plan(self, offers: list[Json], step: Json, now: int) -> None:
        answered = Counter(answer["offer"] for answer in step["answers"])
        assert answered == Counter(offer["id"]["value"] for offer in offers), "each offer is answered once"
        asking = [profile for profile in self.sizes if self._missing(profile) > 0]
        self.seeking_since = (now if self.seeking_since is None else self.seeking_since) if asking else None
        left = {offer["id"]["value"]: offered_parts(offer["resources"]) for offer in offers}
        found = launched(step)
        tasks = sorted(
            ((one, offer) for offer in offers for one in found.get(offer["id"]["value"], ())),
            key=lambda pair: int(pair[0]["id"]),
        )
        for task, offer in tasks:  # in the order in which the planner placed them
            rest = left[offer["id"]["value"]]
            self._check_launch(task, offer, totals(rest), now)
            take(rest, task["resources"])
        assert all(found.values()), "nothing is accepted for no executor"
        for offer in offers:
            self._check_rest(offer, left[offer["id"]["value"]], asking, step, now)
        assert step["wants"] == any(
            self._missing(profile) > 0 and self._cores_left() >= self.sizes[profile].least_cores
            for profile in self.sizes
        )

    def _check_launch(self, task: Json, offer: Json, left: Counter[str], now: int) -> None:
        agent, host, profile = offer["agent_id"]["value"], offer["hostname"], str(task["profile"]["id"])
        size = self.sizes[profile]
        assert task["id"] == str(self.started), "ids go up by one"
        assert self._missing(profile) > 0, "no more than are wanted"
        assert self._agent_is_good(agent, now)
        assert not self._unmet(offer)
        assert self._is_local(profile, host, now)
        total = totals(task["resources"])
        assert set(total) <= {"cpus", "mem", "gpus", "ports"}
        assert total["cpus"] == task["cores"] * 1000
        assert total["mem"] == size.memory * 1000
        assert total.get("gpus", 0) == task["gpus"] * 1000
        assert task["cores"] >= size.least_cores
        assert task["cores"] == (size.cores or min(left["cpus"] // 1000, self._cores_left())), (
            "all it can get"
        )
        assert task["gpus"] == self._gpus_for(size, left)
        assert ports_in(task["resources"]) == ([self.port] if self.port else [])
        assert task["ports"] == ([self.port] if self.port else [])
        self.executors[task["id"]] = Running(agent, host, profile, task["cores"], task["gpus"])
        self.started += 1
        assert self._cores_left() >= 0, "spark.cores.max"
        assert self._gpus() <= self.gpus_max, "spark.mesos.gpus.max"

    def _check_rest(self, offer: Json, left: list[Json], asking: Iterable[str], step: Json, now: int) -> None:
        """Nothing of use is given back, and each offer is refused for as long as it should be."""
        identity = offer["id"]["value"]
        if identity in declined(step):
            least = min((self.sizes[profile].least_cores for profile in asking), default=0)
            expected = None
            if asking and self._unmet(offer):
                expected = self.refuse_unmet
            elif asking and self._cores_left() < least:
                expected = self.refuse_reached
            assert declined(step)[identity] == expected, reasons(step)[identity]
            assert reasons(step)[identity]
        if self._unmet(offer) or not self._agent_is_good(offer["agent_id"]["value"], now):
            return
        total = totals(left)
        for profile in asking:
            size = self.sizes[profile]
            fits = (
                total["cpus"] // 1000 >= size.least_cores
                and total["mem"] >= size.memory * 1000
                and total["gpus"] // 1000 >= size.gpus
                and size.gpus <= self.gpus_max - self._gpus()
                and size.least_cores <= self._cores_left()
                and (self.port is None or self.port in ports_in(left))
                and self._missing(profile) > 0
                and self._is_local(profile, offer["hostname"], now)
            )
            assert not fits, f"an executor of profile {profile} would fit on what is left of {identity}"

    def _gpus_for(self, size: Size, left: Counter[str]) -> int:
        """Who can do without GPUs takes what there is, unless others cannot."""
        if size.gpus or any(other.gpus for other in self.sizes.values()):
            return size.gpus
        return min(left["gpus"] // 1000, self.gpus_max - self._gpus())

    def _missing(self, profile: str) -> float:
        if self.wanted is None:
            return float("inf") if profile == "0" else 0
        living = sum(one.profile == profile and not one.is_ending for one in self.executors.values())
        return self.wanted.get(profile, 0) - living

    def _agent_is_good(self, agent: str, now: int) -> bool:
        counting = sum(where == agent and now - at < self.expiry for where, at in self.failures)
        return agent not in self.draining and (self.failures_max == 0 or counting < self.failures_max)

    def _unmet(self, offer: Json) -> bool:
        return bool(unmet(parse_constraints(self.constraints), attributes_from_json(offer["attributes"])))

    def _is_local(self, profile: str, host: str, now: int) -> bool:
        desired = set(self.local.get(profile, ()))
        if not self.is_dynamic or not desired:
            return True
        has = {one.host for one in self.executors.values() if one.profile == profile and not one.is_ending}
        waited = now - (now if self.seeking_since is None else self.seeking_since)
        return host in desired - has or waited > self.locality_wait

    def _cores(self) -> int:
        return sum(one.cores for one in self.executors.values())

    def _gpus(self) -> int:
        return sum(one.gpus for one in self.executors.values())

    def _cores_left(self) -> float:
        return float("inf") if self.cores_max is None else self.cores_max - self._cores()


def identity_of(resource: Json) -> str:
    """All of a resource but how much of it there is: its name, role, reservations and whatever else Mesos goes by."""
    return json.dumps(
        {key: value for key, value in resource.items() if key not in ("scalar", "ranges")}, sort_keys=True
    )


def offered_parts(resources: list[Json]) -> list[Json]:
    """A copy, to be taken from."""
    copied: list[Json] = json.loads(json.dumps(resources))
    return copied


def take(left: list[Json], taken: list[Json]) -> None:
    """Takes pieces out of what is left, each from one like it. Fails where there is not enough of its very kind."""
    for piece in taken:
        alike = [one for one in left if identity_of(one) == identity_of(piece)]
        if "scalar" in piece:
            amount = thousandths(piece)
            assert amount > 0
            assert amount <= sum(map(thousandths, alike)), f"{piece} is not of {left}"
            for one in alike:
                some = min(amount, thousandths(one))
                one["scalar"]["value"] = (thousandths(one) - some) / 1000
                amount -= some
        else:
            (port,) = ports_in([piece])
            holding = [one for one in alike if port in ports_in([one])]
            assert holding, f"{piece} is not of {left}"
            rest = [number for number in ports_in([holding[0]]) if number != port]
            holding[0]["ranges"] = {"range": [{"begin": number, "end": number} for number in rest]}


def totals(resources: list[Json]) -> Counter[str]:
    """Thousandths of each scalar, ports by their number."""
    found: Counter[str] = Counter()
    for one in resources:
        if one["type"] == "SCALAR":
            found[one["name"]] += thousandths(one)
        elif one["name"] == "ports":
            found["ports"] += len(ports_in([one]))
    return found


def ports_in(resources: list[Json]) -> list[int]:
    return [
        port
        for one in resources
        if one["name"] == "ports"
        for bounds in one["ranges"]["range"]
        for port in range(bounds["begin"], bounds["end"] + 1)
    ]


def thousandths(resource: Json) -> int:
    return round(resource["scalar"]["value"] * 1000)
