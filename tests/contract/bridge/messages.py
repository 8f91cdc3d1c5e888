"""Messages of Mesos for the tests of the bridge, and drivers at the beginning and the end of their lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.contract.bridge.conftest import Probe, ScriptedMaster, Stream

Json = dict[str, Any]
FRAMEWORK = {"user": "u", "name": "n"}


def task(task_id: str = "t-1") -> Json:
    return {
        "name": "t",
        "task_id": {"value": task_id},
        "agent_id": {"value": "S-0"},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}}],
        "command": {"shell": True, "value": "true"},
    }


def offers(*ids: str) -> Json:
    return {
        "type": "OFFERS",
        "offers": {
            "offers": [
                {
                    "id": {"value": one},
                    "framework_id": {"value": "F-0"},
                    "agent_id": {"value": "S-0"},
                    "hostname": "agent",
                }
                for one in ids
            ]
        },
    }


def update(task_id: str, state: str, **more: Any) -> Json:
    status = {"task_id": {"value": task_id}, "state": state, "agent_id": {"value": "S-0"}, **more}
    return {"type": "UPDATE", "update": {"status": status}}


def start(probe: Probe, master: ScriptedMaster, name: str, **options: Any) -> Stream:
    """A driver that is registered."""
    probe.do("new", name, **{"master": master.address, "framework": FRAMEWORK, **options})
    assert probe.do("start", name) == "DRIVER_RUNNING"
    stream = master.stream()
    stream.subscribed()
    assert probe.callback(name)["callback"] == "registered"
    return stream


def resume(probe: Probe, master: ScriptedMaster, name: str) -> Stream:
    """The driver has lost its stream and subscribes again."""
    assert probe.callback(name)["callback"] == "disconnected"
    stream = master.stream()
    stream.subscribed()
    assert probe.callback(name)["callback"] == "reregistered"
    return stream


def finish(probe: Probe, name: str) -> None:
    probe.do("stop", name, failover=True)
