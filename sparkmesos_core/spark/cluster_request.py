"""What spark-submit asks a dispatcher to run, made from a command line and a configuration without a JVM.

Source: `SparkSubmit.prepareSubmitEnvironment` and `RestSubmissionClientApp` of Spark 3.5, for a `mesos://`
master and deploy mode cluster. What differs on purpose is in `DIFFERENCES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.precedence import submitted_properties
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.errors import ConfigurationError, UsageError
from sparkmesos_core.master import parse_dispatcher
from sparkmesos_core.redaction import is_secret_name, redact_text
from sparkmesos_core.spark.argument_bytes import driver_locale
from sparkmesos_core.spark.arguments import NO_RESOURCE, RUN_EXAMPLE, SHELLS, SubmitArguments
from sparkmesos_core.spark.file_patterns import resolve_files
from sparkmesos_core.spark.java_uri import parse_uri, resolve_uri, resolve_uris
from sparkmesos_core.spark.machine_variables import MACHINE_VARIABLES


@dataclass(frozen=True)
class Difference:
    """One way in which our request differs on purpose from that of Spark's own spark-submit."""

    id: str
    """In kebab case."""
    what: str
    """What it is about, as a phrase in Markdown."""
    spark: str
    """What Spark does, as a sentence."""
    ours: str
    """What we do, and why, as sentences."""


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "secret-variables",
        "Variables whose names say that they hold secrets, such as `SPARK_MESOS_SECRET`",
        "It sends them.",
        "They are not sent: the dispatcher shows and keeps what it gets. Properties are, since they were set "
        "for this application; a warning names those that the network can see.",
    ),
    Difference(
        "machine-variables",
        "Variables about this machine, such as `SPARK_LOCAL_IP` and `MESOS_NATIVE_JAVA_LIBRARY`",
        "It sends them, and so binds the driver to addresses and paths of the wrong machine.",
        "They are not sent. What an agent needs is set there, or with `spark.mesos.driverEnv.NAME`.",
    ),
    Difference(
        "program-variables",
        "Variables about Spark's daemons and start scripts, such as `SPARK_DAEMON_MEMORY`",
        "It sends them, and those that its own scripts set.",
        "They are not sent: they mean nothing to a driver.",
    ),
    Difference(
        "rest-enabled",
        "`spark.master.rest.enabled`",
        "It submits only where this is `true`.",
        "It is not needed, and sent only if it is set.",
    ),
    Difference(
        "ignored-options",
        "`--executor-cores`, `--num-executors`, `--queue` and `SPARK_EXECUTOR_CORES`",
        "They leave no trace in the request.",
        "They become the properties that mean the same.",
    ),
    Difference(
        "argument-bytes",
        "Arguments and properties that are not ASCII",
        "Drivers get `?` for each such character, since tasks run without a locale.",
        "`spark.mesos.driverEnv.LC_ALL=C.UTF-8` is sent along, unless `LC_ALL`, `LC_CTYPE` or `LANG` is "
        "set for the driver in this way.",
    ),
    Difference(
        "unreadable-bytes",
        "Arguments with a carriage return, or that are not UTF-8",
        "Its scripts remove carriage returns since 3.4, and the JVM puts other characters in place of such "
        "bytes.",
        "They are refused before anything starts, in client mode, too; carriage returns only there where the "
        "Spark that is used would remove them.",
    ),
    Difference(
        "blank-in-path",
        "A folder of settings (`SPARK_CONF_DIR`) whose path has a blank",
        "It does not find the `spark-env.sh` in it.",
        "It is sourced.",
    ),
    Difference(
        "local-files",
        "Plain paths as application, `--jars`, `--files`, `--py-files` or `--archives`",
        "It sends `file:` URLs of this machine, which agents do not find.",
        "They are refused. A `file:` URL is taken for a file that each agent has.",
    ),
    Difference(
        "escapes",
        "Percent signs in URLs of `--jars`, `--files`, `--py-files` and `--archives`",
        "It decodes them, which breaks signed URLs, and fragments with blanks.",
        "URLs stay as they are.",
    ),
    Difference(
        "remote-files",
        "URLs of Hadoop's file systems (`hdfs:`, `s3a:` and others) in these lists",
        "It connects to them to resolve patterns, and fails where it has no access or no such class.",
        "They stay as they are: only agents need to reach them.",
    ),
    Difference(
        "nothing-found",
        "Patterns without a match, and folders, in these lists",
        "It leaves them out in silence.",
        "They are refused, like files whose name has a `?`, of which it makes a wrong URL.",
    ),
    Difference(
        "main-class",
        "A JAR without `--class`",
        "It reads the JAR through Hadoop, remote ones too where it can.",
        "It is read if it is a file of this machine (`file:`). For all others the class has to be given.",
    ),
    Difference(
        "dispatcher",
        "`--master mesos://zk://…` in cluster mode",
        "It fails with a wrong address.",
        "It is refused, saying that a dispatcher is wanted. One over https is possible: `mesos://https://…`.",
    ),
    Difference(
        "several-dispatchers",
        "`--master mesos://HOST1:7077,HOST2:7077` in cluster mode",
        "It fails with a wrong address.",
        "One is asked after the other until one answers.",
    ),
    Difference(
        "token",
        "`spark.mesos.dispatcher.token`",
        "It does not have it.",
        "A random text is sent, by which our dispatcher knows a request that is repeated because its answer "
        "was lost. To Spark's own it is one more property.",
    ),
    Difference(
        "examples",
        "`run-example` in cluster mode",
        "It sends the paths of this machine's examples.",
        "It is refused.",
    ),
    Difference(
        "kerberos",
        "Hadoop with Kerberos",
        "It adds `spark.hadoop.yarn.resourcemanager.principal`, the name of the local user.",
        "It is not added: set it if the driver is to fetch delegation tokens.",
    ),
)  # fmt: skip
"""All differences that are meant; others are mistakes."""

# What Spark itself holds back.
_NEVER_SENT = frozenset({"SPARK_ENV_LOADED", "SPARK_HOME", "SPARK_CONF_DIR"})
_ABOUT_PROGRAMS = frozenset(
    {
        "SPARK_DAEMON_JAVA_OPTS", "SPARK_DAEMON_MEMORY", "SPARK_DAEMON_CLASSPATH", "SPARK_SHUFFLE_OPTS",
        "SPARK_MESOS_DISPATCHER_HOST", "SPARK_MESOS_DISPATCHER_PORT", "SPARK_MESOS_DISPATCHER_NUM",
        "SPARK_LOG_DIR", "SPARK_LOG_MAX_FILES", "SPARK_PID_DIR", "SPARK_IDENT_STRING", "SPARK_NICENESS",
        "SPARK_NO_DAEMONIZE", "SPARK_LAUNCHER_OPTS",
        # Set by bin/load-spark-env.sh and bin/spark-class.
        "SPARK_SCALA_VERSION", "SPARK_BEELINE_OPTS",
    }
)  # fmt: skip

_NOT_IN_CLUSTER_MODE = {
    "org.apache.spark.sql.hive.thriftserver.SparkSQLCLIDriver": "Spark's SQL shell",
    "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2": "Spark's Thrift server",
    "org.apache.spark.sql.connect.service.SparkConnectServer": "the Spark Connect server",
}
_FILE_LISTS = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")
_YARN_LISTS = ("spark.yarn.dist.files", "spark.yarn.dist.archives", "spark.yarn.dist.jars")
_KERBEROS = {"spark.kerberos.principal": "spark.yarn.principal", "spark.kerberos.keytab": "spark.yarn.keytab"}


def cluster_request(
    arguments: SubmitArguments,
    configuration: Configuration,
    environment: Mapping[str, str],
    *,
    spark_version: str,
    directory: Path,
    now_ms: int,
) -> CreateSubmissionRequest:
    """What the dispatcher that `configuration` names as master is asked to run.

    `configuration` is the effective one of these arguments, `environment` that after spark-env.sh,
    `directory` what relative paths are relative to, `now_ms` the time in milliseconds since the epoch. Looks
    at the file system for `file:` URLs. Raises UsageError for what cannot run in cluster mode and for files
    that Spark could not send.
    """
    resource = _resource(arguments)
    properties = {
        key: value for key, value in submitted_properties(configuration).items() if key.startswith("spark.")
    }
    if "spark.local.connect" in properties:
        properties.pop("spark.remote", None)  # a server of its own takes the place of that one
    _check_digits(configuration)
    parse_dispatcher(properties.get("spark.master", ""))
    app_resource = resource if resource == NO_RESOURCE else resolve_uri(resource, directory)
    properties.pop("spark.driver.host", None)  # which is an address of this machine
    properties["spark.submit.deployMode"] = "cluster"
    properties["spark.app.name"] = _name(arguments, configuration, app_resource)
    properties["spark.driver.supervise"] = "true" if "--supervise" in arguments.values else "false"
    for key, older in _KERBEROS.items():
        if key not in properties and older in properties:
            properties[key] = properties[older]
    for key in _FILE_LISTS:
        if key in properties:
            properties[key] = _files(key, properties[key], configuration, directory)
    properties.setdefault("spark.submit.pyFiles", "")
    main_class = ""
    if not (arguments.is_python or arguments.is_r):
        main_class = _main_class(arguments, app_resource)
        own = [] if resource == NO_RESOURCE else [app_resource]
        properties["spark.jars"] = ",".join([*to_sequence(properties.get("spark.jars", "")), *own])
    for key in _YARN_LISTS:
        if key in properties:
            properties[key] = resolve_uris(properties[key], directory)
    properties.setdefault("spark.app.submitTime", str(now_ms))
    properties |= driver_locale((app_resource, main_class, *arguments.application_arguments), properties)
    return CreateSubmissionRequest(
        app_resource=app_resource,
        main_class=main_class,
        app_args=arguments.application_arguments,
        spark_properties=dict(sorted(properties.items())),
        environment_variables={
            name: value for name, value in sorted(environment.items()) if is_sent_variable(name)
        },
        client_spark_version=spark_version,
    )


def is_sent_variable(name: str) -> bool:
    """Whether a driver in cluster mode gets this variable of the client."""
    return _is_sent_by_spark(name) and not reason_not_sent(name)


def reason_not_sent(name: str) -> str:
    """Why we hold back a variable that Spark would send, as the id of a difference; empty if we do not."""
    if not _is_sent_by_spark(name):
        return ""
    if name in MACHINE_VARIABLES:
        return "machine-variables"
    if name in _ABOUT_PROGRAMS:
        return "program-variables"
    return "secret-variables" if is_secret_name(name) else ""


def _is_sent_by_spark(name: str) -> bool:
    """`RestSubmissionClient.filterSystemEnvironment`."""
    return name.startswith(("SPARK_", "MESOS_")) and name not in _NEVER_SENT


def _resource(arguments: SubmitArguments) -> str:
    """The application as it was given. Raises UsageError for what cannot run in cluster mode."""
    resource = arguments.resource
    if resource is None:
        raise UsageError(
            "No application given",
            hint="Name the URL of a JAR, a Python file or an R file behind the options.",
        )
    what = f"{resource}, a shell," if resource in SHELLS else None
    if resource == RUN_EXAMPLE:
        what = "An example of this machine's Spark"
    elif what is None and arguments.main_class in _NOT_IN_CLUSTER_MODE:
        what = _NOT_IN_CLUSTER_MODE[arguments.main_class or ""]
    if what is not None:
        raise UsageError(
            f"{what[0].upper()}{what[1:]} cannot run in cluster mode",
            hint="Use --deploy-mode client."
            if resource != RUN_EXAMPLE
            else "Use --deploy-mode client, or name the URL of the examples' JAR and the class with --class.",
        )
    return resource


def _check_digits(configuration: Configuration) -> None:
    """Raises ConfigurationError for digits that spark-submit takes and the check of a request does not."""
    for key in ("spark.driver.cores", "spark.cores.max"):
        setting = configuration.setting(key)
        if setting is not None and not setting.value.isascii():
            raise ConfigurationError(
                setting, UsageError("is not in ASCII digits", hint="Write 2, for example.")
            )


def _name(arguments: SubmitArguments, configuration: Configuration, app_resource: str) -> str:
    setting = configuration.setting("spark.app.name")
    # Of -Dspark.app.name spark-submit knows nothing when it makes up a name.
    if setting is not None and setting.origin.source is not Source.JAVA_OPTIONS:
        return setting.value
    if arguments.main_class is not None:
        return arguments.main_class
    return basename(app_resource.rstrip("/"))


def _files(key: str, value: str, configuration: Configuration, directory: Path) -> str:
    """A list of files as it is sent. What comes from an option is resolved as a list of paths first."""
    setting = configuration.setting(key)
    if setting is not None and setting.origin.source is Source.OPTION:
        value = resolve_uris(value, directory)
    if setting is not None and setting.origin.source is Source.JAVA_OPTIONS:
        return resolve_uris(value, directory)  # in which spark-submit does not look for patterns
    return resolve_files(value, directory)


def _main_class(arguments: SubmitArguments, app_resource: str) -> str:
    """--class, or what the JAR says. Raises UsageError if neither says anything."""
    if arguments.main_class is not None:
        return arguments.main_class
    uri = parse_uri(app_resource)
    if uri is None or (uri.scheme or "").lower() != "file" or not uri.path:
        raise UsageError(
            f"The main class of {redact_text(arguments.resource or '')} is not known",
            hint="Give it with --class CLASS.",
        )
    from sparkmesos_core.spark.jar_manifest import main_class_of  # which reads archives, and is rarely needed

    return main_class_of(Path(uri.decoded_path))
