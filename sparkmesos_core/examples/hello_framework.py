"""A Mesos framework in Python: runs one command on every agent, waits for the tasks, and is gone.

Usage: hello_framework.py MASTER
"""

from __future__ import annotations

import sys
from typing import Any

from sparkmesos_core.errors import SparkMesosError, UsageError
from sparkmesos_core.master import EmbeddedMaster, parse_master
from sparkmesos_core.mesos.framework import Framework
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.leader import Leader, resolve_leader

ENDED = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_ERROR"}


class Hello:
    """Launches a task on the first offer of each agent and says how each ended."""

    def __init__(self, leader: Leader) -> None:
        self.agents: dict[str, str] = {}
        self.ended: set[str] = set()
        self.left = len(MesosHttp(leader.http_url).get_json("/slaves")["slaves"])
        self.framework = Framework({"user": "", "name": "Hello"}, leader, self.on_event)

    def on_event(self, event: dict[str, Any]) -> None:
        """Gets every event of Mesos' scheduler API, one at a time."""
        if event["type"] == "OFFERS":
            for offer in event["offers"]["offers"]:
                self.on_offer(offer)
        elif event["type"] == "UPDATE":
            self.on_update(event["update"]["status"])

    def on_offer(self, offer: dict[str, Any]) -> None:
        """Uses a bit of the offer if its agent has no task yet; what is left goes back to Mesos."""
        agent = offer["agent_id"]["value"]
        if agent in self.agents:
            self.framework.decline([offer["id"]], {"refuse_seconds": 600})
            return
        self.agents[agent] = f"{offer['hostname']}:{offer['url']['address']['port']}"
        task = {
            "name": "hello",
            "task_id": {"value": f"hello-{agent}"},
            "agent_id": offer["agent_id"],
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
            ],
            "command": {"shell": True, "value": 'echo "hello from $MESOS_SANDBOX"'},
        }
        launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
        self.framework.accept([offer["id"]], [launch], {"refuse_seconds": 600})

    def on_update(self, status: dict[str, Any]) -> None:
        """Ends the framework when the tasks of all agents have ended."""
        agent = status["agent_id"]["value"]
        if status["state"] not in ENDED or agent in self.ended:
            return  # a task that was lost with its agent may come back with it, and end once more
        self.ended.add(agent)
        self.left -= 1
        print(f"{self.agents[agent]}\t{status['state']}")
        if self.left == 0:
            self.framework.stop(teardown=True)


def main() -> None:
    """Runs the framework to its end."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        master = parse_master(sys.argv[1])
        if isinstance(master, EmbeddedMaster):
            raise UsageError("This framework wants a master that runs", hint="sparkmesos start-local-cluster")
        hello = Hello(resolve_leader(master))
        with hello.framework:
            hello.framework.join()
    except SparkMesosError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")


if __name__ == "__main__":
    main()
