"""What masters and agents of Mesos are known to write into their logs when something is wrong, and what then.

The words are those of Mesos' sources: `src/master/master.cpp`, `src/slave/slave.cpp`, the containerizers
under `src/slave`, `src/zookeeper`, and `process.cpp` of libprocess. Some of it Mesos takes for information.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparkmesos_core.conf.finding import Severity


@dataclass(frozen=True)
class LogTrouble:
    """Something that logs tell, and that is known."""

    pattern: str
    """A regular expression, compiled when the first log is read: that takes its time."""
    meaning: str
    """What it means, as a clause: `agents are turned away`."""
    hint: str
    severity: Severity = Severity.WARNING
    """NOTE for what sounds worse than it is."""


LOG_TROUBLES: tuple[LogTrouble, ...] = (
    # --- what sounds worse than it is
    LogTrouble(
        r"Failed to shutdown socket .*(not connected|Socket closed)",
        "a client hung up",
        "It means nothing: somebody closed a connection before Mesos did.",
        Severity.NOTE,
    ),
    LogTrouble(
        r"Failed to get resource statistics for executor",
        "an executor ended while it was measured",
        "It means nothing if the executor had ended.",
        Severity.NOTE,
    ),
    LogTrouble(
        r"ACCEPT(_INVERSE_OFFERS)? call used invalid offers|Ignoring (accept|decline) of (inverse )?offer",
        "a framework answered an offer that was withdrawn before",
        "It means little, as the framework gets another offer; if there are many, the framework or the "
        "network is slow, or --offer_timeout is short.",
        Severity.NOTE,
    ),
    LogTrouble(
        r"flag is deprecated|is deprecated",
        "a flag of the past is used",
        "Look up what replaces it before the next release of Mesos.",
        Severity.NOTE,
    ),
    LogTrouble(
        # What each master writes when it starts without --credentials, also where nobody has to have any.
        r"No credentials provided, authentication requests will be",
        "the master knows no credentials",
        "It means nothing where nobody has to authenticate; else start the masters with --credentials=FILE.",
        Severity.NOTE,
    ),
    # --- who may take part
    LogTrouble(
        r"(Refusing|Disallowing) .*(registration|subscription).* not authenticated",
        "somebody without credentials is turned away",
        "Give agents --credential=FILE, and Spark spark.mesos.principal and spark.mesos.secret, as the "
        "master's --credentials have them.",
    ),
    LogTrouble(
        r"Failed to authenticate with master|Authentication of .* was unsuccessful|Authentication timed out",
        "authentication fails",
        "Make the principal and the secret of --credential (agents) or of spark.mesos.principal and "
        "spark.mesos.secret those of the master's --credentials, and restart what was turned away.",
    ),
    LogTrouble(
        r"not present in the master's --roles",
        "a framework asks for a role that the master does not allow",
        "Set spark.mesos.role to a role of the master's --roles, or start all masters with that role in it.",
    ),
    LogTrouble(
        r"User 'root' is not allowed to run frameworks",
        "a framework wants to run as root, which the master does not allow",
        "Run the driver as another user, or start the masters with --root_submissions.",
    ),
    LogTrouble(
        r"Refusing subscription of framework|Disallowing subscription attempt|Dropping SUBSCRIBE call",
        "a framework is turned away",
        "What stands behind its name in the line is the reason: set that property of Spark (role, principal, "
        "user) to what the master allows.",
    ),
    LogTrouble(
        r"Refusing registration of agent .* is `DOWN`|Machine is `DOWN`",
        "an agent is turned away, as its machine is under maintenance",
        "End the maintenance once it is done: POST the machine to /machine/up of the master.",
    ),
    LogTrouble(
        r"Refusing (re)?registration of agent",
        "an agent is turned away",
        "What stands at the end of the line is the reason: its principal needs the ACL register_agents, or "
        "its version or capabilities do not fit the master.",
    ),
    LogTrouble(
        r"Whitelist is empty, no offers will be made",
        "no agent is offered to anybody",
        "Put the host names of the agents into the file of the master's --whitelist, or leave that flag out.",
    ),
    # --- masters, ZooKeeper and the network
    LogTrouble(
        r"Recovery failed|Failed to recover registrar|Failed to perform (fetch|store)",
        "the master could not read what the masters keep together",
        "Set --quorum to more than half of the masters, have each of them reach the others at port 5050, and "
        "start them all: then restart this one.",
    ),
    LogTrouble(
        r"Lost leadership",
        "the master lost its session at ZooKeeper, and ended",
        "Look after the ZooKeeper servers and the network to them, and have a supervisor restart masters.",
    ),
    LogTrouble(
        r"Timed out waiting to connect to ZooKeeper|zk retcode=-4|Group aborting|Failed to watch memberships",
        "ZooKeeper does not answer",
        "Check --zk of this master or agent, the ZooKeeper servers, and the network between them.",
    ),
    LogTrouble(
        r"Master bound to loopback interface|Agent bound to loopback interface|bound to loopback",
        "it listens on loopback alone, where no other machine can reach it",
        "Start it with --ip=ADDRESS, or --ip_discovery_command, and --advertise_ip where there is NAT.",
        Severity.NOTE,
    ),
    LogTrouble(
        r"health check timed out|failed health checks|[Mm]arking agent .* unreachable",
        "the master lost sight of agents",
        "Look whether these agents run and are overloaded, and whether the network between them and the "
        "master drops connections; --agent_ping_timeout of the master gives them more time.",
        Severity.NOTE,  # agents that are still away have a check of their own
    ),
    LogTrouble(
        r"Temporary failure in name resolution|Name or service not known|nodename nor servname|"
        r"[Ff]ailed to resolve|UnknownHostException",
        "a name cannot be resolved there",
        "Have that machine resolve the name: in DNS or /etc/hosts; or start agents with --hostname and an "
        "address or a name that all resolve.",
    ),
    LogTrouble(
        r"Too many open files",
        "it has reached its limit of open files",
        "Raise it (LimitNOFILE=65536 in the unit of systemd, or ulimit -n) and restart it.",
    ),
    LogTrouble(
        r"Address already in use",
        "a port that it wants is taken",
        "End what listens there, or give it another --port.",
    ),
    # --- agents
    LogTrouble(
        r"No space left on device|Disk quota exceeded",
        "a disk is full",
        "Free space where --work_dir of this agent is; --gc_delay, or --disk_watch_interval, of the agent "
        "makes it remove old sandboxes sooner.",
    ),
    LogTrouble(
        r"Current disk usage (9\d|100)(\.\d+)?%",
        "the disk of the agent is nearly full, so that it removes sandboxes early",
        "Free space where --work_dir of this agent is, or set --gc_delay of the agent to less than a week.",
    ),
    LogTrouble(
        r"None of the enabled containerizers",
        "a container was asked for that the agent cannot make",
        "Start agents with --containerizers=docker,mesos (and --image_providers=docker for images with "
        "spark.mesos.containerizer=mesos), or remove spark.mesos.executor.docker.image.",
    ),
    LogTrouble(
        r"Failed to fetch (all URIs|')",
        "an agent cannot fetch a URI of a task",
        "See which in the stderr of the task's sandbox; try `curl` with it on that agent. The checks of the "
        "group distribution look at the executor's.",
    ),
    LogTrouble(
        r"[Ff]ailed to run '?docker|[Ff]ailed to ('?docker.* )?pull|Failed to inspect container",
        "Docker fails on the agent",
        "Try `docker pull` with the image on that agent: name, registry, credentials "
        "(spark.mesos.executor.docker.* and the agent's --docker_config).",
    ),
    LogTrouble(
        r"Failed to chown|[Nn]o such user|Failed to get user information|getpwnam"
        r"|user '[^']*' (does not exist|not found)",
        "the user that the task is to run as does not exist on the agent",
        "Create that user on all agents, or run the driver as one who exists there (SPARK_USER), or start "
        "the agents with --no-switch_user.",
    ),
    LogTrouble(
        r"did not register within",
        "executors are given up before they have started",
        "Raise --executor_registration_timeout of the agents (1mins by default): fetching and unpacking "
        "Spark, or pulling an image, takes longer. A smaller archive, or "
        "spark.mesos.fetcherCache.enable=true, "
        "helps, too.",
    ),
    LogTrouble(
        r"Memory limit exceeded|OOM detected for container",
        "the kernel ended executors that used more memory than they had asked for",
        "Raise spark.executor.memoryOverhead (spark.mesos.executor.memoryOverhead), or "
        "spark.executor.memory.",
        Severity.NOTE,  # of containers of all frameworks; tasks that fail so have a check of their own
    ),
    LogTrouble(
        r"Incompatible agent info detected|Configuration change not permitted",
        "an agent was restarted with other flags than it had, and does not start",
        "Restart it as it was, or with --reconfiguration_policy=additive; or remove "
        "WORK_DIR/meta/slaves/latest, "
        "which gives up its tasks.",
    ),
)
"""The first that matches counts."""


def known_trouble(text: str) -> LogTrouble | None:
    """What a record of a log is known for."""
    return next((trouble for trouble in LOG_TROUBLES if re.search(trouble.pattern, text)), None)
