"""Checks of what Spark's applications want besides Mesos: shuffle services, the history server, its logs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import UnreachableError
from sparkmesos_core.preflight.shuffle_advice import how_to_do_without, how_to_start, lasting_master
from sparkmesos_core.preflight.shuffle_reading import REFUSED, ShuffleServices
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.shuffle_service import ServiceKind
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.cluster import AGENTS
from sparkmesos_core.verify.facts.dispatcher import wants_cluster_mode
from sparkmesos_core.verify.facts.history_server import HISTORY_SERVER, HISTORY_VERSION
from sparkmesos_core.verify.facts.shuffle_service import SHUFFLE_SERVICES
from sparkmesos_core.verify.known import Known, UnknownFactError

CHECKS = Checks(Group.SERVICES)

_PORT = "spark.shuffle.service.port"
_ENABLED = "spark.shuffle.service.enabled"
_AUTHENTICATE = "spark.authenticate"
_EVENT_LOG = "spark.eventLog.enabled"
_EVENT_DIR = "spark.eventLog.dir"
_OFF = f"{_ENABLED} is not set"
_NO_HISTORY = "no history server is named"
_MOST_NAMED = 3


@CHECKS.add(
    "shuffle-service-ports",
    "The external shuffle service listens on every agent",
    Severity.ERROR,
    finds="nothing listens at `spark.shuffle.service.port` (7337) of an agent that executors may run on, "
    "though `spark.shuffle.service.enabled` is set, as dynamic allocation wants it: the application ends "
    "with *The scheduler failed in statusUpdate … Failed to connect to …* as soon as an executor starts "
    "there, or executors end with *Unable to register with external shuffle server*",
    remedy="Start Spark's shuffle service for Mesos at the port that the application has, with `sparkmesos "
    "start-shuffle-service` on each agent's machine, or with `sparkmesos start-shuffle-service --on-mesos` "
    "on all of them; and open that port between agents and to the driver.",
)
def _ports(known: Known) -> Verdict:
    services = known[SHUFFLE_SERVICES]
    if services is None:
        return not_applicable(_OFF)
    if not services.hosts:
        agents = known[AGENTS].agents
        return not_applicable("no agent meets the constraints" if agents else "no agent is registered")
    return judge_ports(
        services,
        cluster_mode=wants_cluster_mode(known),
        start=_start(known),
        without=how_to_do_without(known.subject.configuration),
    )


def judge_ports(services: ShuffleServices, *, cluster_mode: bool, start: str, without: str) -> Verdict:
    """Whether somebody listens on all hosts. In cluster mode a firewall may keep it from us alone.

    `start` says how to start the services, `without` how the application does without them.
    """
    asked = services.asked - len(services.unknown)
    seen = f"port {services.port} is open on {len(services.kinds)} of {_hosts(asked)}"
    if services.asked < services.hosts:
        seen += f" ({services.asked} of {services.hosts} were asked)"
    if services.unknown:
        seen += f"; {_hosts(len(services.unknown))} without an address here"
    if not services.closed:
        return Verdict(seen)
    silent = [host for host, why in services.closed.items() if why != REFUSED]
    where = _named(list(services.closed))
    hint = f"Start Spark's shuffle service there ({start}) with {_PORT}={services.port}."
    if silent:
        hint += f" Where nothing answers ({_named(silent)}), open the port in the firewall."
    if not services.kinds:
        hint += f" Or set {_PORT} to the port that it has, or {without}."
    problem = Problem(
        Severity.WARNING if cluster_mode and len(silent) == len(services.closed) else Severity.ERROR,
        f"No shuffle service listens at port {services.port} of {where}: the application would end",
        hint,
        _ENABLED,
        details=tuple(f"{host}:{services.port} {why}" for host, why in services.closed.items()),
    )
    return Verdict(seen, (problem,))


@CHECKS.add(
    "shuffle-service-kind",
    "What listens there is Spark's shuffle service for Mesos",
    Severity.ERROR,
    finds="at the port of the shuffle service something else listens; or Spark's service for standalone "
    "clusters or YARN, which does not clean up when drivers on Mesos end (*Unable to register app with "
    "external shuffle service. Please manually remove shuffle data*)",
    remedy="Start Spark's shuffle service for Mesos (`sparkmesos start-shuffle-service`) in its place, or "
    "set `spark.shuffle.service.port` to the port that it has.",
)
def _kind(known: Known) -> Verdict:
    services = known[SHUFFLE_SERVICES]
    if services is None:
        return not_applicable(_OFF)
    return judge_kinds(services, start=_start(known))


def judge_kinds(services: ShuffleServices, *, start: str) -> Verdict:
    """Whether what listens is what should; `start` says how to start the services."""
    if not services.kinds:
        return not_applicable("nothing listens: see shuffle-service-ports")
    problems = []
    if foreign := _of(services, ServiceKind.FOREIGN):
        problems.append(
            Problem(
                Severity.ERROR,
                f"What listens at port {services.port} of {_named(foreign)} is no shuffle service of Spark",
                f"Set {_PORT} to the port of the shuffle service, or start it there in the place of what "
                f"listens: {start}.",
                _PORT,
                details=tuple(foreign),
            )
        )
    if others := _of(services, ServiceKind.OTHER_SPARK):
        problems.append(
            Problem(
                Severity.WARNING,
                f"The shuffle service of {_named(others)} is not the one for Mesos: shuffle files of "
                f"applications stay when they have ended",
                f"Start the one for Mesos in its place, on all agents: {start}.",
                _ENABLED,
                details=tuple(others),
            )
        )
    if silent := _of(services, ServiceKind.SILENT):
        problems.append(
            Problem(
                Severity.WARNING,
                f"What listens at port {services.port} of {_named(silent)} takes the connection, but does "
                f"not answer",
                f"Look whether the shuffle service hangs there (its log, `jstack PID`), and restart it; if "
                f"it is something else, set {_PORT} to the port of the shuffle service.",
                _PORT,
                details=tuple(silent),
            )
        )
    counts = [(kind, len(_of(services, kind))) for kind in ServiceKind]
    seen = "; ".join(f"{kind.value} on {_hosts(count)}" for kind, count in counts if count)
    if _of(services, ServiceKind.SPARK):
        seen += " (whether it is the one for Mesos is asked of one alone: it leaves a line in its log)"
    return Verdict(seen, tuple(problems))


@CHECKS.add(
    "shuffle-service-authentication",
    "Shuffle service and application agree on authentication",
    Severity.ERROR,
    finds="the shuffle services want authentication and the application has none, or the other way round: "
    "executors end with *Expected SaslMessage, received something else*",
    remedy="Set `spark.authenticate` and `spark.authenticate.secret` alike for the application and in the "
    "spark-defaults.conf of the shuffle services.",
)
def _authentication(known: Known) -> Verdict:
    services = known[SHUFFLE_SERVICES]
    if services is None:
        return not_applicable(_OFF)
    return judge_authentication(
        services, authenticates=known.subject.configuration.typed(_AUTHENTICATE) is True
    )


def judge_authentication(services: ShuffleServices, *, authenticates: bool) -> Verdict:
    """Whether executors and services want the same."""
    demanding = _of(services, ServiceKind.AUTHENTICATING)
    open_kinds = (ServiceKind.MESOS, ServiceKind.OTHER_SPARK, ServiceKind.SPARK)
    open_to_all = [host for host, kind in services.kinds.items() if kind in open_kinds]
    if not demanding and not open_to_all:
        return not_applicable("no shuffle service answers")
    seen = f"{_hosts(len(demanding))} with it, {_hosts(len(open_to_all))} without it"
    if demanding and not authenticates:
        message = (
            f"The shuffle service of {_named(demanding)} wants authentication, but {_AUTHENTICATE} is not set"
        )
        hint = (
            f"Set {_AUTHENTICATE}=true and spark.authenticate.secret to the secret of the services, or "
            f"start them without {_AUTHENTICATE}."
        )
        return Verdict(
            seen, (Problem(Severity.ERROR, message, hint, _AUTHENTICATE, details=tuple(demanding)),)
        )
    if open_to_all and authenticates:
        message = (
            f"{_AUTHENTICATE} is set, but the shuffle service of {_named(open_to_all)} knows nothing of it"
        )
        hint = (
            f"Start these services with {_AUTHENTICATE}=true and the same spark.authenticate.secret in their "
            f"spark-defaults.conf, or set {_AUTHENTICATE}=false."
        )
        return Verdict(
            seen, (Problem(Severity.ERROR, message, hint, _AUTHENTICATE, details=tuple(open_to_all)),)
        )
    return Verdict(seen)


@CHECKS.add(
    "history-server-reachable",
    "The history server answers",
    Severity.ERROR,
    finds="the history server that `spark.mesos.dispatcher.historyServer.url` or `--history-server` names "
    "does not answer, or something else does, so that links to it lead nowhere",
    remedy="Start it (`sbin/start-history-server.sh`), or correct its address; its port is 18080.",
)
def _history(known: Known) -> Verdict:
    server = None
    try:
        server = known[HISTORY_SERVER]
        version = known[HISTORY_VERSION]
    except UnknownFactError as unknown:
        if unknown.fact not in (HISTORY_SERVER, HISTORY_VERSION):
            raise
        asked_for = known.subject.history_server is not None
        error = unknown.error
        problem = Problem(Severity.ERROR if asked_for else Severity.WARNING, error.message, error.hint)
        seen = f"{server} does not answer" if isinstance(error, UnreachableError) else error.message
        return Verdict(seen, (problem,))
    if server is None:
        return not_applicable(_NO_HISTORY)
    return Verdict(
        f"{server}, of Spark {version}" if version else f"{server}, which does not tell its version"
    )


@CHECKS.add(
    "history-server-version",
    "The history server understands the applications' logs",
    Severity.WARNING,
    finds="the history server is of an older Spark than the application: it may leave out or misread what "
    "newer ones write, such as the compression *zstd* or rolling logs",
    remedy="Run the history server of the newest Spark that applications are run with: it reads the logs of "
    "older ones.",
)
def _history_version(known: Known) -> Verdict:
    server, version, spark = known[HISTORY_SERVER], known[HISTORY_VERSION], known.subject.client.spark
    if server is None:
        return not_applicable(_NO_HISTORY)
    if not version:
        return not_applicable("the history server does not tell its version")
    if spark is None:
        return not_applicable("no Spark is here to compare it with")
    return judge_history_version(version, spark.version)


def judge_history_version(version: str, client: str) -> Verdict:
    """Whether a history server of one Spark reads what another one writes."""
    seen = f"Spark {version}, applications here are of {client}"
    theirs, ours = _numbers(version), _numbers(client)
    if theirs is None or ours is None or theirs >= ours:
        return Verdict(seen)
    problem = Problem(
        Severity.WARNING,
        f"The history server is of Spark {version}, older than the {client} of the application",
        f"Run the history server of Spark {client}: it reads the logs of older ones, too.",
    )
    return Verdict(seen, (problem,))


@CHECKS.add(
    "event-log",
    "Applications write what the history server shows",
    Severity.ERROR,
    finds="`spark.eventLog.enabled` is set, but the folder of `spark.eventLog.dir` is not there or cannot be "
    "written, so that the driver ends with *FileNotFoundException: File file:/tmp/spark-events does not "
    "exist*; or a history server is named, and applications write nothing for it",
    remedy="Make the folder, or set `spark.eventLog.dir` to one that the driver can write and the history "
    "server reads (`spark.history.fs.logDirectory`), as in hdfs://NAMENODE/spark-logs.",
)
def _event_log(known: Known) -> Verdict:
    configuration = known.subject.configuration
    if configuration.typed(_EVENT_LOG) is not True:
        if known[HISTORY_SERVER] is None:
            return not_applicable(f"{_EVENT_LOG} is not set")
        problem = Problem(
            Severity.NOTE,
            f"The application will not show up at the history server: {_EVENT_LOG} is not set",
            f"Set {_EVENT_LOG}=true, and {_EVENT_DIR} to the folder that the history server reads.",
            _EVENT_LOG,
        )
        return Verdict(f"{_EVENT_LOG} is not set", (problem,))
    folder = configuration.typed(_EVENT_DIR)
    path = local_folder(folder)
    if path is None or "${" in folder:  # which Spark replaces when it reads it
        return Verdict(f"it goes to {folder}, which is not looked at")
    if wants_cluster_mode(known):
        # Which of the agents the driver will run on nobody knows; a rule of the configuration speaks of it.
        return Verdict(f"it goes to {path}, which the agent of the driver has to have")
    problem_here = _problem_with(path)
    if problem_here is None:
        return Verdict(f"it goes to {path}")
    setting = configuration.setting(_EVENT_DIR)
    problem = Problem(
        Severity.ERROR,
        f"The driver would end at once: the folder for its event log, {quoted(str(path))}, {problem_here}",
        f"mkdir -p {path}, and let the user of the driver write there; or set {_EVENT_DIR} to another "
        f"folder, or {_EVENT_LOG}=false.",
        _EVENT_DIR,
        setting.origin if setting is not None else None,
    )
    return Verdict(f"{path} {problem_here}", (problem,))


def local_folder(folder: str) -> Path | None:
    """The path that a URI of a folder means on this machine; None if it is elsewhere.

    Without a scheme Spark takes it for a local one (`Utils.resolveURI`).
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", folder):
        return Path(folder)
    parts = urlsplit(folder)
    if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        return None
    return Path(unquote(parts.path))


def _problem_with(path: Path) -> str | None:
    if not path.exists():
        return "does not exist"
    if not path.is_dir():
        return "is no folder"
    if not os.access(path, os.W_OK | os.X_OK):
        return "cannot be written by this user"
    return None


def _start(known: Known) -> str:
    """How to start the services; not as tasks of a cluster that ends with this command."""
    lasts = lasting_master(known.subject.configuration.get("spark.master")) is not None
    return how_to_start(known.subject.master if lasts else None)


def _of(services: ShuffleServices, kind: ServiceKind) -> list[str]:
    return [host for host, found in services.kinds.items() if found is kind]


def _named(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - _MOST_NAMED} more" if len(hosts) > _MOST_NAMED else ""
    return ", ".join(hosts[:_MOST_NAMED]) + more


def _hosts(number: int) -> str:
    return "1 host" if number == 1 else f"{number} hosts"


def _numbers(version: str) -> tuple[int, int] | None:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None
