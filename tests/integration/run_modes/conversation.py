"""What frameworks and the masters of embedded clusters say to each other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from sparkmesos_core.localcluster.call_body import CallRefused, parse_body
from sparkmesos_core.localcluster.master import scheduler_http
from sparkmesos_core.localcluster.master.master import Master

JsonObject = dict[str, Any]


@dataclass
class Conversation:
    """What frameworks and the embedded masters of this process say to each other, as the JSON that it is."""

    calls: list[JsonObject] = field(default_factory=list)
    offers: dict[str, JsonObject] = field(default_factory=dict)
    statuses: list[JsonObject] = field(default_factory=list)
    """The TaskStatuses that frameworks were told, with the messages that `/state` does not show."""
    course: list[tuple[float, JsonObject]] = field(default_factory=list)
    """All calls and events in their order, with the seconds of the monotonic clock."""
    refused: set[int] = field(default_factory=set)
    """The places in `course` of calls that a master did not take."""
    _parse: Callable[[bytes], JsonObject] = parse_body
    _record: Callable[[Any], bytes] = scheduler_http.record
    _call: Callable[..., None] = Master.call

    def hear(self, body: bytes) -> JsonObject:
        """A framework calls."""
        call = self._parse(body)
        self.calls.append(call)
        self.course.append((time.monotonic(), call))
        return call

    def take(self, master: Master, *call: Any) -> None:
        """A master takes the call that was heard last, or raises CallRefused."""
        place = len(self.course) - 1
        try:
            self._call(master, *call)
        except CallRefused:
            self.refused.add(place)
            raise

    @property
    def taken(self) -> list[tuple[float, JsonObject]]:
        """The course without the calls that a master refused."""
        return [one for place, one in enumerate(self.course) if place not in self.refused]

    def tell(self, event: JsonObject) -> bytes:
        """A framework is told something."""
        self.course.append((time.monotonic(), event))
        if event["type"] == "OFFERS":
            self.offers.update({offer["id"]["value"]: offer for offer in event["offers"]["offers"]})
        elif event["type"] == "UPDATE":
            self.statuses.append(event["update"]["status"])
        return self._record(event)

    def calls_of(self, framework_id: str) -> list[JsonObject]:
        """Those of one framework, in order; the SUBSCRIBE of a new one, which has no id yet, is not among them."""
        return [call for call in self.calls if (call.get("framework_id") or {}).get("value") == framework_id]

    def framework_info(self, name: str) -> JsonObject | None:
        """The FrameworkInfo that the framework of this name subscribed with first."""
        subscriptions = (call["subscribe"] for call in self.calls if call["type"] == "SUBSCRIBE")
        infos = (subscription["framework_info"] for subscription in subscriptions)
        return next((info for info in infos if info["name"] == name), None)

    @classmethod
    @contextlib.contextmanager
    def overheard(cls) -> Iterator[Conversation]:
        """One that is written down as long as the block lasts."""
        heard = cls()

        def take(master: Master, *call: Any) -> None:
            heard.take(master, *call)

        with (
            mock.patch.object(Master, "call", take),
            mock.patch.object(scheduler_http, "parse_body", heard.hear),
            mock.patch.object(scheduler_http, "record", heard.tell),
        ):
            yield heard
