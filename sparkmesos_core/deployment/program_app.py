"""The app of Marathon that is a process of ours, on an agent that has sparkmesos.

That is a dispatcher, or the framework of the shuffle services.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkmesos_core.deployment.cluster_agents import FittingAgents
from sparkmesos_core.deployment.marathon_app import MarathonApp, Wanted, definition, ports_of
from sparkmesos_core.deployment.marathon_constraints import ONE_PER_HOST, on_host
from sparkmesos_core.deployment.program_call import ProgramCall
from sparkmesos_core.errors import UsageError

_CPUS = 0.5
_MEM = 512
"""MiB: of some hundred drivers or agents a process knows all that there is to know in a third of it."""
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - Marathon decides where it runs


@dataclass(frozen=True)
class Process:
    """A process of ours."""

    kind: str
    """What messages call it: "dispatcher"."""
    call: ProgramCall
    """Without where it listens."""
    user: str
    ports: Mapping[str, int]
    """By the options that say them, without hyphens in front: {"port": 7077}. 0: Marathon chooses."""
    health_port: str
    """Which of them answers `/health`."""
    host: str = ANY_ADDRESS
    """Where it listens."""
    https: bool = False
    keeps_state_here: bool = True
    """Whether what it knows is in a file of its machine."""
    role: str = ""
    files: Sequence[str] = ()
    """Files of its options, which its agent needs."""
    notes: Sequence[str] = ()
    """What else there is to know."""


def program_app(
    process: Process,
    app_id: str,
    agents: FittingAgents,
    *,
    host: str | None = None,
    instances: int | None = None,
    secrets: Mapping[str, str] | None = None,
) -> MarathonApp:
    """The app that runs a process of ours, on the agent `host` or, None, on any.

    `secrets` are the variables that Marathon sets, with the names of the secrets. Raises UsageError for what
    would lose what the process knows, or show a secret, or Marathon would refuse.
    """
    secrets = secrets or {}
    if process.keeps_state_here and host is None:
        raise UsageError(
            f"Marathon starts the {process.kind} anew on any agent, but what it knows is in a file of one",
            hint="Keep it in ZooKeeper (--zk HOST:2181), or name the agent that it always runs on: "
            "--marathon-host HOST.",
        )
    if (host is not None or process.keeps_state_here) and (instances or 1) > 1:
        raise UsageError(
            f"More than one {process.kind} needs ZooKeeper (--zk) and more than one agent",
            hint="Leave out --instances, or --marathon-host.",
        )
    if unset := [(name, given) for name, given in process.call.hidden.items() if name not in secrets]:
        name, given = unset[0]
        what = "the secret" if given == name else f"the value of {given}"
        raise UsageError(
            f"{given} holds a secret, which everybody could read who may see the app",
            hint=f"Put {what} into Marathon's store and name it: --marathon-secret {name}=NAME. Or "
            "set the property in a file of the agent, and give --properties-file.",
        )
    ports = ports_of(process.ports, agents.ports)
    # MESOS_HTTP asks at the loopback address of the agent, HTTP at the agent's name.
    near = process.host in ("0.0.0.0", "::", "127.0.0.1", "localhost")  # noqa: S104
    protocol = ("MESOS_HTTP" if near else "HTTP") + ("S" if process.https else "")
    wanted = Wanted(
        id=app_id,
        command=_command(process, {name: ports.shell_word(name) for name in process.ports}),
        user=process.user,
        cpus=_CPUS,
        mem=_MEM,
        instances=instances or 1,
        constraints=[ONE_PER_HOST] if host is None else [on_host(host)],
        ports=ports,
        health_check={"protocol": protocol, "path": "/health", **ports.checked(process.health_port)},
        role=process.role,
        variables=process.call.variables,
        secrets=secrets,
        is_single=process.keeps_state_here,
    )
    notes = [f"Agents need the command sparkmesos in their PATH, and the user {process.user}"]
    notes.append(
        "It reads the configuration of its agent, such as SPARK_HOME and spark-defaults.conf, not that of "
        "this machine: give what matters with --conf or --properties-file"
    )
    if process.files:
        notes.append(f"Agents need the same files as this machine: {', '.join(process.files)}")
    fixed = [str(port) for port in process.ports.values() if port]
    if fixed and not ports.offered:
        which, they, them = ("port", "it is", "it") if len(fixed) == 1 else ("ports", "they are", "them")
        notes.append(
            f"Agents do not hand out the {which} {' and '.join(fixed)}, so {they} not among its resources: "
            f"nobody else may use {them}"
        )
    return MarathonApp(definition(wanted), (*notes, *process.notes))


def _command(process: Process, ports: Mapping[str, str]) -> str:
    listening = [f"--host {shlex.quote(process.host)}", *(f"--{name} {word}" for name, word in ports.items())]
    lines = []
    if process.host == ANY_ADDRESS:
        # By which name others reach it: Marathon tells a task that of its agent.
        lines.append('export SPARK_PUBLIC_DNS="${SPARK_PUBLIC_DNS:-$HOST}"')
    lines.append(" ".join(["exec sparkmesos", shlex.join(process.call.words), *listening]))
    return "\n".join(lines)
