"""How others call a command of ours as it is called here: its arguments, and what its environment holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sparkmesos_core.errors import UsageError
from sparkmesos_core.redaction import is_secret_name, redact_text

_OF_ANY_MACHINE = (
    "HADOOP_USER_NAME",
    "SPARK_DAEMON_CLASSPATH",
    "SPARK_DAEMON_JAVA_OPTS",
    "SPARK_DAEMON_MEMORY",
    "SPARK_EXECUTOR_URI",
    "SPARK_MESOS_PRINCIPAL",
    "SPARK_MESOS_SECRET",
    "SPARK_SHUFFLE_OPTS",
    "SPARK_USER",
)
PATHS = (
    "CURL_CA_BUNDLE",
    "HADOOP_CONF_DIR",
    "JAVA_HOME",
    "REQUESTS_CA_BUNDLE",
    "SPARKMESOS_CACHE_DIR",
    "SPARKMESOS_CONFIG",
    "SPARKMESOS_STATE_DIR",
    "SPARK_CONF_DIR",
    "SPARK_HOME",
    "SPARK_LOG_DIR",
    "SPARK_MESOS_PRINCIPAL_FILE",
    "SPARK_MESOS_SECRET_FILE",
    "SPARK_PID_DIR",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
"""Variables of this machine that are each the path of one file or folder."""
_OF_THIS_MACHINE = (
    *PATHS,
    "LIBPROCESS_ADVERTISE_IP",
    "LIBPROCESS_IP",
    "SPARK_DIST_CLASSPATH",
    "SPARK_IDENT_STRING",
    "SPARK_LAUNCHER_OPTS",
    "SPARK_LOCAL_DIRS",
    "SPARK_LOCAL_HOSTNAME",
    "SPARK_LOCAL_IP",
    "SPARK_LOG_MAX_FILES",
    "SPARK_MESOS_DISPATCHER_HOST",
    "SPARK_MESOS_DISPATCHER_NUM",
    "SPARK_MESOS_DISPATCHER_PORT",
    "SPARK_NICENESS",
    "SPARK_PUBLIC_DNS",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
)


@dataclass(frozen=True)
class GivenOption:
    """An option of ours that was given: in the call, in a variable or in the settings file."""

    name: str
    """`--zk`."""
    value: str | None
    """None for a switch."""
    variable: str | None = None
    """Which variable means the same, if one does."""
    from_variable: bool = False
    """Whether that is where the value came from."""


@dataclass(frozen=True)
class ProgramCall:
    """What runs the same command."""

    words: tuple[str, ...]
    """Behind the program: the command and its options. None holds a secret."""
    variables: Mapping[str, str]
    """To be set, beside those in `hidden`. None holds a secret."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Variables that are to be set to secrets, each with what holds the secret here: an option, or itself."""


def program_call(
    words: Sequence[str],
    given: Sequence[GivenOption],
    environment: Mapping[str, str],
    *,
    on_this_machine: bool,
    handed_over: Collection[str] = (),
) -> ProgramCall:
    """The call of a command with what it was given; what holds a secret becomes a variable.

    `words` begin it. Of the environment what matters for our daemons is kept, on another machine only what
    does not depend on this one. `handed_over` are variables that others set anyhow: options that mean the
    same are left out. Raises UsageError for a secret that no variable stands for.
    """
    arguments, variables, hidden = list(words), {}, {}
    for option in given:
        if option.variable is not None and option.variable in handed_over:
            continue
        if _shows_secret(option):
            if option.variable is None:
                raise UsageError(
                    f"{option.name} {_name_of(option)}holds a secret, which everybody could read there",
                    hint="Put it into a properties file that only the user can read whom it runs as, and "
                    "give --properties-file.",
                )
            hidden[option.variable] = option.variable if option.from_variable else option.name
            continue
        arguments.append(option.name)
        if option.value is not None:
            arguments.append(option.value)
    for name in sorted((*_OF_ANY_MACHINE, *(_OF_THIS_MACHINE if on_this_machine else ()))):
        value = environment.get(name, "")
        if not value or name in handed_over:
            continue
        if is_secret_name(name) or redact_text(value) != value:
            hidden[name] = name
        else:
            variables[name] = value
    return ProgramCall(tuple(arguments), variables, hidden)


def _shows_secret(option: GivenOption) -> bool:
    value = option.value or ""
    if option.name == "--conf":
        name, _, value = value.partition("=")
        if is_secret_name(name):
            return True
        # The servers of ZooKeeper have no scheme in front.
        return redact_text(value) != value or (name == "spark.deploy.zookeeper.url" and "@" in value)
    return redact_text(value) != value or (option.name in ("--zk", "--master") and "@" in value)


def _name_of(option: GivenOption) -> str:
    return f"{(option.value or '').partition('=')[0]} " if option.name == "--conf" else ""
