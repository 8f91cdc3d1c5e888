"""The app of Marathon that is Spark's shuffle service on every agent, as Spark's documentation asks for.

Agents need nothing of ours: the command finds Spark where executors find it, and becomes the service.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparkmesos_core.deployment.cluster_agents import FittingAgents
from sparkmesos_core.deployment.marathon_app import MarathonApp, Wanted, definition, ports_of
from sparkmesos_core.deployment.marathon_constraints import ONE_PER_HOST, marathon_constraints
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import image
from sparkmesos_core.shuffle_service.command import SECRET_VARIABLE, authenticates, service_command
from sparkmesos_core.shuffle_service.container import local_folders
from sparkmesos_core.shuffle_service.on_agents.settings import ServicesSettings

_IMAGE = "spark.mesos.executor.docker.image"
_JAVA_HOME = "spark.executorEnv.JAVA_HOME"
_SECRET = "spark.authenticate.secret"  # noqa: S105 - its name


def shuffle_service_app(
    settings: ServicesSettings,
    app_id: str,
    agents: FittingAgents,
    *,
    instances: int | None = None,
    secrets: Mapping[str, str] | None = None,
) -> MarathonApp:
    """The app; with `instances`, else one for each host of `agents`.

    `secrets` are the variables that Marathon sets, with the names of the secrets. Raises UsageError for what
    cannot be said to Marathon, or would show a secret, and as `service_command` does.
    """
    secrets = secrets or {}
    if image(settings.properties) is not None:
        raise UsageError(
            f"The app cannot run in the image of {_IMAGE}",
            hint="Run it with --on-mesos. Or, where agents have or fetch Spark themselves, add "
            f"--conf {_IMAGE}=",
        )
    if instances is None and not agents.hosts:
        raise _no_number(agents.problem, constrained=bool(settings.constraints))
    command = service_command(
        _without_secret(settings.properties, secrets),
        heap=settings.heap,
        spark_home=settings.spark_home,
        variables=settings.variables,
    )
    ports = ports_of({"shuffle": settings.service_port}, agents.ports)
    variables = {"LANG": "C.UTF-8"}
    if java := settings.properties.get(_JAVA_HOME):
        variables["JAVA_HOME"] = java
    wanted = Wanted(
        id=app_id,
        command=command.script,
        user=settings.user,
        cpus=settings.cpus,
        mem=settings.memory,
        instances=instances or agents.hosts,
        constraints=[ONE_PER_HOST, *marathon_constraints(settings.constraints, agents.attributes)],
        ports=ports,
        health_check={"protocol": "MESOS_TCP", **ports.checked("shuffle")},
        role=settings.properties.get("spark.mesos.role", "").strip(),
        fetched=command.uris,
        variables=variables,
        secrets=secrets,
    )
    return MarathonApp(definition(wanted), tuple(_notes(wanted, settings, ports.offered, instances is None)))


def _without_secret(properties: Mapping[str, str], secrets: Mapping[str, str]) -> Mapping[str, str]:
    """The properties, with the secret of `spark.authenticate` left to Marathon."""
    if not authenticates(properties):
        return properties
    if SECRET_VARIABLE not in secrets:
        raise UsageError(
            f"{_SECRET} cannot be in the app: everybody could read it who may see that",
            hint=f"Put it into Marathon's store and name it: --marathon-secret {SECRET_VARIABLE}=NAME. Or "
            "run it with --on-mesos, which hides it.",
        )
    # That there is one somewhere is all that matters: Marathon sets its variable.
    return {**properties, _SECRET: "in the store"}


def _no_number(problem: str, *, constrained: bool) -> UsageError:
    """What is said where nobody tells the number of instances, and it cannot be counted."""
    if not problem:
        return UsageError(
            "Nobody knows how many instances there are to be",
            hint="Give their number with --instances, or let the master tell: --master mesos://HOST:5050.",
        )
    correct = "Correct --constraints (spark.mesos.constraints). " if constrained else ""
    return UsageError(
        f"The app would have no instances: {problem}",
        hint=f"{correct}If such agents are to come, give their number: --instances N.",
    )


def _notes(wanted: Wanted, settings: ServicesSettings, offered: bool, counted: bool) -> list[str]:
    notes = []
    if counted:
        notes.append(
            f"Instances: {wanted.instances}, one for each host that fits. Marathon cannot say everywhere: "
            "when agents come, scale it (--on-mesos does that by itself)"
        )
    if not offered:
        notes.append(
            f"Not all agents hand out the port {settings.service_port}, so it is not among the app's "
            "resources: nobody else may use it"
        )
    if wanted.role and wanted.role != "*":
        notes.append(f"Marathon has to be registered for the role {wanted.role} to take its resources")
    folders = ", ".join(local_folders(settings.properties))
    notes.append(
        f"It runs as {wanted.user}, who has to be the user of executors, whose files are in {folders}"
    )
    return notes
