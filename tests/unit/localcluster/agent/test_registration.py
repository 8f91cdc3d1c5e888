from __future__ import annotations

import asyncio
import logging

from sparkmesos_core.localcluster.agent.registration import Registration
from sparkmesos_core.localcluster.link import AgentEnd, Link, MasterEnd
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import (
    AgentDescription,
    AgentRegistered,
    Ping,
    RegisterAgent,
    ToMaster,
    UnregisterAgent,
)

BACKOFF_SECONDS = 0.001


def test_an_agent_that_stands_still_offers_itself_once_when_it_goes_on() -> None:
    """Not as often as it would have done meanwhile, and with what it has to tell by then."""

    async def scene() -> list[ToMaster]:
        received: list[ToMaster] = []
        arrived = asyncio.Event()
        stand_still = True

        def receive(message: ToMaster) -> None:
            received.append(message)
            arrived.set()

        def connect(end: AgentEnd) -> Link:
            link = Link(end)
            link.accept(MasterEnd(receive, lambda: None))
            link.hold()
            links.append(link)
            return link

        def offer() -> RegisterAgent:
            hostname = "as it was" if stand_still else "as it is"
            return RegisterAgent(AgentDescription(hostname, "127.0.0.1", 5051, "cpus:1", ""))

        links: list[Link] = []
        log = LogFile(None, logging.getLogger(__name__))
        registration = Registration(BACKOFF_SECONDS, offer, lambda _: None, lambda: None, log)
        registration.ready()
        registration.master_detected(connect)
        await asyncio.sleep(20 * BACKOFF_SECONDS)  # time enough for several offers
        assert received == []
        stand_still = False
        links[0].release()
        await asyncio.wait_for(arrived.wait(), 60)
        first = list(received)
        registration.close()
        return first

    (message,) = asyncio.run(scene())
    assert isinstance(message, RegisterAgent)
    assert message.agent.hostname == "as it is"


def test_an_agent_that_is_ending_does_not_come_back() -> None:
    """Whether the master sends no more pings, believes that it is gone, or is another one; it can still be told things."""

    async def scene() -> list[ToMaster]:
        received: list[ToMaster] = []
        offered = asyncio.Event()

        def receive(message: ToMaster) -> None:
            received.append(message)
            offered.set()

        def connect(end: AgentEnd) -> Link:
            link = Link(end)
            link.accept(MasterEnd(receive, lambda: None))
            links.append(link)
            return link

        links: list[Link] = []
        lost: list[bool] = []
        log = LogFile(None, logging.getLogger(__name__))
        description = AgentDescription("it", "127.0.0.1", 5051, "cpus:1", "")
        registration = Registration(
            BACKOFF_SECONDS,
            lambda: RegisterAgent(description),
            lambda _: None,
            lambda: lost.append(True),
            log,
        )
        registration.ready()
        registration.master_detected(connect)
        await asyncio.wait_for(offered.wait(), 60)
        links[0].tell_agent(AgentRegistered("S0", "M", BACKOFF_SECONDS))
        await asyncio.wait_for(registration.registered.wait(), 60)
        registration.no_more()
        received.clear()
        lost.clear()
        while not lost:  # it has waited for a ping
            await asyncio.sleep(BACKOFF_SECONDS)
        links[0].tell_agent(Ping(connected=False))
        registration.master_detected(connect)
        await asyncio.sleep(20 * BACKOFF_SECONDS)  # time enough for several offers
        registration.tell(UnregisterAgent("S0"))
        links[1].close_by_agent()
        await asyncio.sleep(0)
        registration.close()
        return received

    assert asyncio.run(scene()) == [UnregisterAgent("S0")]
