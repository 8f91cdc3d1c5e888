"""Compares what a live Mesos says with what was recorded: ids, times, addresses and paths apart, all must be equal.

Ids, addresses and paths differ between any two runs: they are bound to each other when they are first met, and
have to keep to that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.contract.scheduler_client import Json

# Fields whose value only has to be of the same kind: times, process ids, what processes use.
_MEASURED = {
    "timestamp",
    "registered_time",
    "reregistered_time",
    "unregistered_time",
    "unreachable_time.nanoseconds",
    "start_time",
    "elected_time",
    "mtime",
    "executor_pid",
    "size",
    "cpus_system_time_secs",
    "cpus_user_time_secs",
    "mem_rss_bytes",
}
# uuids, ids that are made of one, and the uuids of updates.
_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-[SO]?\d+)?|[A-Za-z0-9+/]{22}=="
_BOUND_FIELDS = {"hostname", "port", "pid", "ip"}


class Bindings:
    """Which live text stands for which recorded one, and in `numbers` which number in a field of a name.

    `came_back` holds the recorded ids of agents that were away in this replay. All agents of the recorded
    master had come back to it once, before the first conversation, and so have a `reregistered_time`.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.live: dict[str, str] = dict(known)
        self.numbers: dict[tuple[str, float], float] = {}
        self.came_back: set[str] = set()

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

    def unbound(self, text: str) -> list[str]:
        """Recorded ids in a text that the live side has not said anything of yet."""
        # An id of zeros was made up by the recorder.
        return [
            each
            for each in re.findall(_ID, text)
            if each not in self.live and not each.startswith("00000000-0000-0000")
        ]

    def own(self, recorded: Any) -> Any:
        """A recorded document without what other frameworks left on the master: conversations were recorded one
        after the other on one cluster, and each is replayed on a cluster of its own.
        """
        if isinstance(recorded, dict):
            return {key: self.own(item) for key, item in recorded.items()}
        if isinstance(recorded, list):
            return [self.own(item) for item in recorded if not self._of_another(item)]
        return recorded

    def _of_another(self, item: Any) -> bool:
        if not isinstance(item, dict):
            return False
        owner = item.get("framework_id", item.get("id") if "webui_url" in item else None)
        owner = owner.get("value") if isinstance(owner, dict) else owner
        return isinstance(owner, str) and owner not in self.live

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
            if (
                recorded.keys() - live.keys() == {"reregistered_time"}
                and recorded["id"] not in self.came_back
            ):
                recorded = {key: value for key, value in recorded.items() if key != "reregistered_time"}
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
                recorded, live = sorted(recorded, key=resource_order), sorted(live, key=resource_order)
            if len(recorded) != len(live):
                return [f"{where}: has {len(live)} items instead of {len(recorded)}: {live}"]
            pairs = zip(recorded, live, strict=True)
            return [d for i, (r, v) in enumerate(pairs) for d in self.differences(r, v, f"{where}[{i}]")]
        if {name, _last_two(where)} & _MEASURED and _is_number(recorded) and _is_number(live):
            # Processor time comes in ticks of 10 ms, of which a young process may have none.
            same = bool(recorded) == bool(live) or name.startswith("cpus_")
            return [] if same else [f"{where}: is {live}"]
        scaled = _is_number(recorded) and (name, recorded) in self.numbers
        if (scaled or (name in _BOUND_FIELDS and isinstance(recorded, int))) and type(recorded) is type(live):
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


def _last_two(where: str) -> str:
    return ".".join(where.split(".")[-2:])


def resource_order(item: Json) -> str:
    return f"{item['name']} {item.get('role')}"
