from __future__ import annotations

import asyncio
import logging

from sparkmesos_core.localcluster.agent.registration import Registration
from sparkmesos_core.localcluster.link import AgentEnd, Link, MasterEnd
from sparkmesos_core.localcluster.log_lines import LogFile
from sparkmesos_core.localcluster.messages import AgentDescription, RegisterAgent, ToMaster

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
