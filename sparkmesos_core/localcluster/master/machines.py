"""Machines that are to be maintained, and their schedule, as operators tell a master of them. Pure.

What is refused, and in which words: Mesos' `src/master/maintenance.cpp`.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.messages import AgentDescription

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class MachineId:
    """All agents with this name and this address; the name in small letters, as Mesos compares it."""

    hostname: str
    ip: str

    @classmethod
    def of(cls, hostname: str, ip: str) -> MachineId:
        """The machine with this name, in any case, and this address."""
        return cls(hostname.lower(), ip)

    @classmethod
    def of_agent(cls, agent: AgentDescription) -> MachineId:
        """The machine of an agent."""
        return cls.of(agent.hostname, agent.ip)


@dataclass(frozen=True)
class Machine:
    """A machine in the schedule: `shown` is its id as the operator wrote it, `unavailability` of the v1 API.

    `window` is the number of the schedule's window that names it. It is DRAINING, for which frameworks are
    asked, until an operator says that it is DOWN.
    """

    shown: JsonObject
    unavailability: JsonObject
    window: int
    mode: Literal["DRAINING", "DOWN"] = "DRAINING"


def scheduled(schedule: Any, known: Mapping[MachineId, Machine]) -> dict[MachineId, Machine]:
    """The machines of a new v1 Schedule, given those of the old one. Raises CallRefused."""
    machines: dict[MachineId, Machine] = {}
    for number, window in enumerate(_list(_object(schedule, "schedule"), "windows")):
        ids = _list(_object(window, "windows"), "machine_ids")
        if not ids:
            raise CallRefused(400, "List of machines in the maintenance window is empty")
        unavailability = _unavailability(window.get("unavailability"))
        for shown in ids:
            machine_id = _machine_id(shown)
            if machine_id in machines:
                raise CallRefused(400, f"Machine '{_text(shown)}' appears more than once in the schedule")
            mode = known[machine_id].mode if machine_id in known else "DRAINING"
            machines[machine_id] = Machine(shown, unavailability, number, mode)
    for machine_id, machine in known.items():
        if machine.mode == "DOWN" and machine_id not in machines:
            raise CallRefused(
                400,
                f"Machine '{_text(machine.shown)}' is deactivated and cannot be removed from the schedule",
            )
    return machines


def named(
    machines: Any, known: Mapping[MachineId, Machine], mode: Literal["DRAINING", "DOWN"]
) -> list[MachineId]:
    """Scheduled machines that an operator names, which have to be in this mode. Raises CallRefused."""
    if not isinstance(machines, list) or not machines:
        raise CallRefused(400, "List of machines is empty")
    result: list[MachineId] = []
    for shown in machines:
        machine_id = _machine_id(shown)
        if machine_id in result:
            raise CallRefused(400, f"Machine '{_text(shown)}' appears more than once in the schedule")
        result.append(machine_id)
    for machine_id, shown in zip(result, machines, strict=True):
        if machine_id not in known:
            raise CallRefused(400, f"Machine '{_text(shown)}' is not part of a maintenance schedule")
        if known[machine_id].mode != mode:
            where = "brought down" if mode == "DRAINING" else "brought up"
            raise CallRefused(400, f"Machine '{_text(shown)}' is not in {mode} mode and cannot be {where}")
    return result


def schedule_json(machines: Mapping[MachineId, Machine]) -> JsonObject:
    """The v1 Schedule of these machines, in the windows that they were scheduled in."""
    windows: dict[int, JsonObject] = {}
    for machine in machines.values():
        new = {"machine_ids": [], "unavailability": machine.unavailability}
        windows.setdefault(machine.window, new)["machine_ids"].append(machine.shown)
    return {"windows": list(windows.values())} if windows else {}


def _machine_id(shown: Any) -> MachineId:
    fields = _object(shown, "machine_ids")
    hostname, ip = (fields.get(name, "") for name in ("hostname", "ip"))
    if not isinstance(hostname, str) or not isinstance(ip, str):
        raise CallRefused(400, "A machine's hostname or ip is not a string")
    if not hostname and not ip:
        raise CallRefused(400, "Both 'hostname' and 'ip' for a machine are empty")
    if ip:
        try:
            ipaddress.IPv4Address(ip)
        except ValueError:
            raise CallRefused(400, f"Failed to parse the IP: {ip}") from None
    return MachineId.of(hostname, ip)


def _unavailability(value: Any) -> JsonObject:
    fields = _object(value, "unavailability")
    times = {"start": _nanoseconds(fields.get("start"), "start")}
    if "duration" in fields:
        times["duration"] = _nanoseconds(fields["duration"], "duration")
        if times["duration"] < 0:
            raise CallRefused(400, "Unavailability 'duration' is negative")
    return {name: {"nanoseconds": time} for name, time in times.items()}


def _nanoseconds(value: Any, name: str) -> int:
    time: Any = _object(value, name).get("nanoseconds")
    try:
        return int(time)
    except (TypeError, ValueError):
        raise CallRefused(400, f"unavailability.{name}.nanoseconds is not a whole number") from None


def _list(fields: JsonObject, name: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list):
        raise CallRefused(400, f"{name} is not an array")
    return value


def _object(value: Any, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise CallRefused(400, f"{where} is not an object")
    return value


def _text(shown: JsonObject) -> str:
    return json.dumps(shown, separators=(",", ":"))
