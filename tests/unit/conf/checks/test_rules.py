"""Each rule finds what it is for, and keeps quiet about a sane configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from sparkmesos_core.conf.checks import RULES, Circumstances, FileFacts, Mode, check_configuration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.conf.precedence import daemon_configuration, submit_configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv

CLIENT, CLUSTER, DISPATCHER, SHUFFLE = Mode.CLIENT, Mode.CLUSTER, Mode.DISPATCHER, Mode.SHUFFLE_SERVICE
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
FILE = "/etc/spark/spark-defaults.conf"
MASTER = "mesos://master.example:5050"


@dataclass(frozen=True)
class Given:
    """A configuration in its circumstances."""

    lines: str = ""
    """Of the properties file; a semicolon with blanks around it separates lines."""
    conf: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    """Properties that an option means, each by its option."""
    variables: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = CLIENT
    spark: str | None = "3.5.9"
    master: str | None = None
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    over_http: bool = False
    starts_here: bool = True
    names_application: bool = False
    spark_home: str | None = None

    def configuration(self) -> Configuration:
        file = parse_properties(self.lines.replace(" ; ", "\n"), FILE)
        conf = [Setting(key, value, Origin(Source.CONF, "--conf")) for key, value in self.conf.items()]
        options = [Setting(key, value, Origin(Source.OPTION, "--x")) for key, value in self.options.items()]
        env = SparkEnv(self.variables)
        if self.mode is DISPATCHER:
            return daemon_configuration(Reader.DISPATCHER, options=options, conf=conf, file=file, env=env)
        if self.mode is SHUFFLE:
            return daemon_configuration(
                Reader.SHUFFLE_SERVICE, options=options, conf=conf, file=file, env=env
            )
        return submit_configuration(options=options, conf=conf, file=file, env=env)

    def findings(self) -> list[Finding]:
        circumstances = Circumstances(
            mode=self.mode,
            spark_version=self.spark,
            master=self.master,
            environment=self.variables,
            scripts=self.scripts,
            files=self.files,
            over_http=self.over_http,
            starts_here=self.starts_here,
            names_application=self.names_application,
            spark_home=self.spark_home,
        )
        return check_configuration(self.configuration(), circumstances)


IMAGE = "spark.mesos.executor.docker.image example/spark"
DYNAMIC = "spark.dynamicAllocation.enabled true"
FILES = "spark.mesos.principal.file /p ; spark.mesos.secret.file /s"
TLS = {
    "LIBPROCESS_SSL_ENABLED": "1",
    "LIBPROCESS_SSL_KEY_FILE": "/key",
    "LIBPROCESS_SSL_CERT_FILE": "/cert",
}
ARCHIVE = "http://repo.example/spark-3.5.9-bin-hadoop3.tgz"
PIPS = "/home/me/venv/lib/python3.11/site-packages/pyspark"
TOLD = "spark.executorEnv.JAVA_TOOL_OPTIONS -Dspark.authenticate=true"

# Rule, how bad it is, what the message holds, and where it is found.
FIRES: list[tuple[str, Severity, str, Given]] = [
    ("unknown-property", ERROR, "spark.mesos.rol", Given("spark.mesos.rol x")),
    ("unknown-property", ERROR, "spark.mesos.executor.memory", Given("spark.mesos.executor.memory 1g")),
    ("unknown-property", WARNING, "spark.mesos.whatever", Given("spark.mesos.whatever x")),
    ("unknown-property", WARNING, "DC/OS", Given("spark.mesos.scheduler.revive.interval 5s")),
    (
        "unknown-property",
        ERROR,
        "spark.mesos.rol",
        Given("spark.mesos.dispatcher.driverDefault.spark.mesos.rol x", mode=DISPATCHER),
    ),
    ("misspelt-property", WARNING, "spark.executor.cores", Given("spark.executor.core 2")),
    ("misspelt-property", WARNING, "spark.cores.max", Given("spark.Cores.max 2")),
    ("ignored-property", WARNING, "mesos.role", Given("mesos.role x")),
    (
        "variable-without-effect",
        NOTE,
        "MESOS_NATIVE_JAVA_LIBRARY has no effect: with Spark 4 nothing uses libmesos",
        Given(
            variables={"MESOS_NATIVE_JAVA_LIBRARY": "/l"},
            scripts={"MESOS_NATIVE_JAVA_LIBRARY": "/s"},
            spark="4.0.0",
        ),
    ),
    (
        "variable-without-effect",
        NOTE,
        "SPARK_CLASSPATH",
        Given(variables={"SPARK_CLASSPATH": "a"}, spark="4.3.0"),
    ),
    ("wrong-value", ERROR, "spark.cores.max", Given("spark.cores.max many")),
    ("wrong-value", ERROR, "spark.mesos.constraints", Given("spark.mesos.constraints os")),
    ("wrong-value", WARNING, "webui.url", Given("spark.mesos.driver.webui.url h:4040")),
    ("wrong-value", WARNING, "spark.mesos.maxDrivers", Given("spark.mesos.maxDrivers many")),
    ("wrong-value", WARNING, "a URL", Given("spark.mesos.driver.webui.url http://u:topsecret@h:x")),
    (
        "wrong-value",
        ERROR,
        "driverDefault.spark.cores.max",
        Given("spark.mesos.dispatcher.driverDefault.spark.cores.max x", mode=DISPATCHER),
    ),
    ("placeholder", ERROR, "<URL of it>", Given("spark.executor.uri <URL of it>")),
    ("placeholder", ERROR, "MESOS_NATIVE", Given(variables={"MESOS_NATIVE_JAVA_LIBRARY": "<path>"})),
    ("empty-value", ERROR, "spark.executor.uri", Given(variables={"SPARK_EXECUTOR_URI": ""})),
    ("empty-value", ERROR, "docker.image", Given("spark.mesos.executor.docker.image=")),
    ("set-twice", WARNING, "line 1", Given("spark.cores.max 2 ; spark.cores.max 4")),
    ("deprecated-property", NOTE, "fetchCache", Given("spark.mesos.fetchCache.enable true", spark="2.2.0")),
    ("not-in-this-spark", WARNING, "2.4.0", Given("spark.mesos.secret.file /s", spark="2.3.4")),
    ("not-in-this-spark", WARNING, "2.4.1", Given("spark.mesos.fetchCache.enable true")),
    ("not-in-this-spark", WARNING, "2.4.1", Given("spark.mesos.fetchCache.enable true", spark="4.3.0")),
    (
        "not-in-this-spark",
        WARNING,
        "Spark 4.0.0 does not read spark.mesos.mesosExecutor.cores: 4.0.0 removed it",
        Given("spark.mesos.mesosExecutor.cores 2", spark="4.0.0"),
    ),
    (
        "not-in-this-spark",
        WARNING,
        "Spark 3.5.9 does not read spark.mesos.checkpoint: sparkmesos' backend for Spark 4 does",
        Given("spark.mesos.checkpoint true"),
    ),
    (
        "wrong-value",
        ERROR,
        "spark.executor.memoryOverhead",
        Given("spark.executor.memoryOverhead x", spark="4.3.0"),
    ),
    ("wrong-value", WARNING, "spark.executor.memoryOverhead", Given("spark.executor.memoryOverhead x")),
    (
        "gpus-not-asked-for",
        ERROR,
        "spark.executor.resource.gpu.amount is 2, but all executors together may have 1",
        Given("spark.executor.resource.gpu.amount 2 ; spark.mesos.gpus.max 1", spark="4.3.0"),
    ),
    (
        "gpus-not-asked-for",
        WARNING,
        "spark.mesos.gpus.max",
        Given("spark.executor.resource.gpu.amount 1", spark="4.3.0", mode=CLUSTER),
    ),
    (
        "secret-and-docker",
        WARNING,
        "spark.mesos.executor.secret.envkeys",
        Given(
            f"{IMAGE} ; spark.mesos.executor.secret.names /a ; spark.mesos.executor.secret.envkeys A",
            spark="4.3.0",
        ),
    ),
    (
        "executor-uri-not-unpacked",
        WARNING,
        "not unpacked",
        Given(f"spark.executor.uri {ARCHIVE.removesuffix('.tgz')}?sig=a.tgz#b", spark="4.3.0"),
    ),
    ("executor-home-characters", ERROR, "'~'", Given("spark.mesos.executor.home ~/spark", spark="4.3.0")),
    (
        "uri-file-slash",
        ERROR,
        "file:/a.tgz",
        Given("spark.mesos.uris file:/a.tgz", spark="4.3.0", mode=CLUSTER),
    ),
    ("no-effect-here", WARNING, "spark.mesos.driverEnv.A", Given(conf={"spark.mesos.driverEnv.A": "b"})),
    ("no-effect-here", NOTE, "spark.mesos.driverEnv.A", Given("spark.mesos.driverEnv.A b")),
    ("no-effect-here", NOTE, "spark.driver.supervise", Given("spark.driver.supervise true")),
    (
        "no-effect-here",
        NOTE,
        "spark.mesos.executor.memoryOverhead means it",
        Given("spark.executor.memoryOverhead 1g"),
    ),
    ("no-effect-here", NOTE, "spark.cores.max", Given("spark.cores.max 8", mode=DISPATCHER)),
    ("other-run-mode", NOTE, "mesosExecutor", Given("spark.mesos.mesosExecutor.cores 0.5")),
    (
        "other-run-mode",
        WARNING,
        "extra.cores",
        Given("spark.mesos.coarse false", conf={"spark.mesos.extra.cores": "2"}),
    ),
    ("quoted-value", ERROR, "spark.mesos.role", Given('spark.mesos.role "analytics"')),
    ("quoted-value", ERROR, "spark.executor.uri", Given(f"spark.executor.uri '{ARCHIVE}'")),
    ("quoted-value", ERROR, "spark.cores.max", Given(conf={"spark.cores.max": '"4"'})),
    ("quoted-value", ERROR, "spark.master", Given('spark.master "mesos://h:5050"')),
    ("quoted-value", WARNING, "spark.app.name", Given('spark.app.name "My Job"')),
    ("quoted-value", WARNING, "spark.mesos.secret", Given('spark.mesos.secret "topsecret"')),
    ("quoted-value", WARNING, "spark.hadoop.a", Given('spark.hadoop.a "b"')),
    ("empty-value", ERROR, "spark.local.dir", Given("spark.local.dir")),
    ("empty-value", ERROR, "spark.driver.host is empty", Given("spark.driver.host=")),
    ("empty-value", ERROR, "without a host", Given(conf={"spark.driver.host": " "})),
    ("empty-value", ERROR, "SPARK_LOCAL_HOSTNAME", Given(variables={"SPARK_LOCAL_HOSTNAME": ""})),
    (
        "variable-without-effect",
        WARNING,
        "SPARK_MASTER",
        Given(variables={"SPARK_MASTER": "h"}, scripts={"SPARK_MASTER": "/spark-env.sh"}),
    ),
    ("variable-without-effect", NOTE, "2.2.0", Given(variables={"SPARK_JAVA_OPTS": "-Da=b"})),
    (
        "misspelt-variable",
        WARNING,
        "SPARK_EXECUTOR_MEMORY",
        Given(variables={"SPARK_EXECUTER_MEMORY": "1g"}, scripts={"SPARK_EXECUTER_MEMORY": "/spark-env.sh"}),
    ),
    ("misspelt-variable", NOTE, "SPARK_LOCAL_DIRS", Given(variables={"SPARK_LOCAL_DIR": "/d"})),
    ("no-master", NOTE, "No master", Given()),
    ("no-master", WARNING, "No dispatcher", Given(mode=CLUSTER, names_application=True)),
    ("untried-spark", WARNING, "not tried with Spark 4.4.1", Given("", spark="4.4.1")),
    ("untried-spark", WARNING, "made for Spark 4.0 to 4.3", Given("", spark="5.0.0")),
    ("untried-spark", WARNING, "not tried with Spark 4.4.0", Given("", spark="4.4.0", mode=SHUFFLE)),
    ("untried-spark", WARNING, "not tried with Spark 4.4.0", Given("", spark="4.4.0", mode=DISPATCHER)),
    ("connect-mode", WARNING, "spark.api.mode=connect makes", Given("spark.api.mode Connect", spark="4.3.0")),
    (
        "connect-mode",
        WARNING,
        "spark.api.mode=connect makes",
        Given("spark.api.mode connect", spark="4.3.0", mode=CLUSTER),
    ),
    (
        "connect-mode",
        WARNING,
        "SPARK_CONNECT_MODE=1 makes",
        Given("", spark="4.3.0", variables={"SPARK_CONNECT_MODE": "1"}),
    ),
    (
        "connect-mode",
        WARNING,
        "SPARK_API_MODE=connect makes",
        Given("", spark="4.3.0", variables={"SPARK_API_MODE": "connect"}),
    ),
    (
        "conf-dir-missing",
        WARNING,
        "/no/conf",
        Given(
            variables={"SPARK_CONF_DIR": "/no/conf"},
            files={"/no/conf": FileFacts(exists=False, is_file=False)},
        ),
    ),
    ("unit-forgotten", WARNING, "30 ms", Given("spark.executor.heartbeatInterval 30")),
    ("unit-forgotten", WARNING, "120000 s", Given("spark.network.timeout 120000")),
    (
        "credential-file",
        WARNING,
        "does not exist",
        Given(FILES, files={"/s": FileFacts(exists=False)}, starts_here=False),
    ),
    ("master-url", ERROR, "Kubernetes", Given(master="k8s://https://h:6443")),
    ("master-url", ERROR, "zk://", Given(master="mesos://zk://h:2181/mesos", mode=CLUSTER)),
    (
        "libmesos-missing",
        ERROR,
        "/no/libmesos.so",
        Given(
            variables={"MESOS_NATIVE_JAVA_LIBRARY": "/no/libmesos.so"},
            files={"/no/libmesos.so": FileFacts(exists=False, is_file=False)},
        ),
    ),
    ("driver-host-brackets", ERROR, "in brackets only", Given(conf={"spark.driver.host": "::1"})),
    ("driver-host-brackets", ERROR, "does not know", Given("spark.driver.host fe80::1%eth0", spark="2.4.8")),
    ("driver-on-loopback", WARNING, "localhost", Given("spark.driver.host localhost", master=MASTER)),
    (
        "driver-on-loopback",
        WARNING,
        "127.0.0.1",
        Given(variables={"SPARK_LOCAL_IP": "127.0.0.1"}, master=MASTER),
    ),
    (
        "tls-not-verified",
        WARNING,
        "VERIFY_SERVER_CERT",
        Given(variables={**TLS, "LIBPROCESS_SSL_VERIFY_SERVER_CERT": "0"}),
    ),
    ("tls-files-missing", WARNING, "KEY_FILE", Given(variables={**TLS, "LIBPROCESS_SSL_KEY_FILE": ""})),
    (
        "tls-files-missing",
        WARNING,
        "/cert",
        Given(variables=TLS, files={"/cert": FileFacts(exists=False, is_file=False)}),
    ),
    ("authentication-secret-missing", ERROR, "spark.authenticate", Given("spark.authenticate true")),
    (
        "authentication-secret-missing",
        ERROR,
        "spark.authenticate",
        Given("spark.authenticate true", mode=SHUFFLE),
    ),
    (
        "authentication-secret-missing",
        ERROR,
        "a file",
        Given("spark.authenticate true ; spark.authenticate.secret.file /s"),
    ),
    ("io-encryption", ERROR, "spark.io.encryption", Given("spark.io.encryption.enabled true")),
    (
        "encryption-without-authentication",
        ERROR,
        "spark.network.crypto.enabled",
        Given("spark.network.crypto.enabled true"),
    ),
    ("heartbeat-interval", ERROR, "heartbeatInterval", Given("spark.executor.heartbeatInterval 120s")),
    ("heartbeat-interval", ERROR, "heartbeatInterval", Given("spark.network.timeout 10")),
    ("secret-without-principal", ERROR, "principal", Given("spark.mesos.secret topsecret")),
    ("secret-without-principal", ERROR, "principal", Given(variables={"SPARK_MESOS_SECRET_FILE": "/s"})),
    (
        "credential-twice",
        WARNING,
        "SPARK_MESOS_PRINCIPAL",
        Given("spark.mesos.principal a", variables={"SPARK_MESOS_PRINCIPAL": "b"}),
    ),
    ("credential-twice", WARNING, "principal.file", Given("spark.mesos.principal a ; " + FILES)),
    ("credential-file", ERROR, "does not exist", Given(FILES, files={"/s": FileFacts(exists=False)})),
    ("credential-file", ERROR, "is not a file", Given(FILES, files={"/p": FileFacts(is_file=False)})),
    ("credential-file", ERROR, "cannot be read", Given(FILES, files={"/p": FileFacts(readable=False)})),
    ("credential-file", ERROR, "is empty", Given(FILES, files={"/p": FileFacts(empty=True)})),
    ("credential-file", ERROR, "UTF-8", Given(FILES, files={"/p": FileFacts(is_text=False)})),
    ("credential-file-newline", WARNING, "/s", Given(FILES, files={"/s": FileFacts(ends_with_newline=True)})),
    ("secret-readable", WARNING, "/s", Given(FILES, files={"/s": FileFacts(world_readable=True)})),
    (
        "secret-readable",
        WARNING,
        f"chmod o-r {FILE}",
        Given("spark.authenticate.secret x", files={FILE: FileFacts(world_readable=True)}),
    ),
    (
        "secret-readable",
        WARNING,
        "spark.ssl.keyPassword",
        Given("spark.ssl.keyPassword topsecret", files={FILE: FileFacts(world_readable=True)}),
    ),
    (
        "secret-readable",
        WARNING,
        "The key in /key",
        Given(variables=TLS, files={"/key": FileFacts(world_readable=True)}),
    ),
    (
        "secret-on-command-line",
        WARNING,
        "spark.mesos.secret",
        Given("spark.mesos.principal p", conf={"spark.mesos.secret": "topsecret"}),
    ),
    (
        "secret-on-command-line",
        WARNING,
        "spark.hadoop.fs.s3a.secret.key",
        Given(conf={"spark.hadoop.fs.s3a.secret.key": "topsecret"}),
    ),
    (
        "secret-on-command-line",
        WARNING,
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY",
        Given(conf={"spark.executorEnv.AWS_SECRET_ACCESS_KEY": "topsecret"}),
    ),
    (
        "secret-in-submission",
        NOTE,
        "spark.mesos.secret",
        Given("spark.mesos.principal p ; spark.mesos.secret topsecret", mode=CLUSTER),
    ),
    (
        "secret-in-submission",
        NOTE,
        "and keeps what it is sent",
        Given("spark.mesos.driver.secret.values x", mode=CLUSTER, master="mesos://localhost:7077"),
    ),
    (
        "secret-in-submission",
        NOTE,
        "and keeps what it is sent",
        Given("spark.mesos.driver.secret.values x", mode=CLUSTER, master="mesos://https://d.example"),
    ),
    (
        "secret-in-submission",
        WARNING,
        "sent spark.hadoop.fs.s3a.secret.key, spark.mesos.secret, in clear over the network",
        Given(
            "spark.mesos.principal p ; spark.mesos.secret topsecret ; spark.hadoop.fs.s3a.secret.key topsecret",
            mode=CLUSTER,
            master="mesos://d.example:7077",
        ),
    ),
    (
        "secret-in-submission",
        NOTE,
        "driverEnv.DB_PASSWORD",
        Given("spark.mesos.driverEnv.DB_PASSWORD topsecret", mode=CLUSTER),
    ),
    ("cores-max-unset", WARNING, "spark.cores.max", Given(master=MASTER)),
    ("cores-max-unset", WARNING, "spark.cores.max", Given(master="mesos://d.example:7077", mode=CLUSTER)),
    ("cores-max-too-small", ERROR, "4 cores", Given("spark.cores.max 2 ; spark.executor.cores 4")),
    ("cores-max-no-multiple", WARNING, "use 6", Given("spark.cores.max 7 ; spark.executor.cores 2")),
    ("fine-grained", NOTE, "deprecated", Given("spark.mesos.coarse FALSE")),
    ("fine-grained-gone", ERROR, "4.3.0", Given("spark.mesos.coarse FALSE", spark="4.3.0")),
    ("fine-grained-gone", WARNING, "4.3.0", Given("spark.mesos.coarse false", spark="4.3.0", mode=CLUSTER)),
    (
        "executor-too-small-for-task",
        ERROR,
        "spark.task.cpus",
        Given("spark.executor.cores 1 ; spark.task.cpus 2"),
    ),
    ("heap-too-small", ERROR, "256 MiB", Given("spark.executor.memory 256m")),
    ("heap-too-small", ERROR, "1 MiB", Given("spark.driver.memory 2000000")),
    ("heap-not-for-java", ERROR, "'2gb'", Given("spark.driver.memory 2gb")),
    ("heap-not-for-java", ERROR, "' 2g'", Given(conf={"spark.driver.memory": " 2g"})),
    ("heap-not-for-java", ERROR, "'2gb'", Given("spark.driver.memory 2gb", mode=CLUSTER)),
    (
        "heap-not-for-java",
        ERROR,
        "SPARK_DAEMON_MEMORY",
        Given(variables={"SPARK_DAEMON_MEMORY": "1gb"}, mode=SHUFFLE),
    ),
    ("heap-in-java-options", ERROR, "-Xmx", Given("spark.executor.extraJavaOptions -Xmx4g")),
    ("heap-in-java-options", ERROR, "-Xmx", Given("spark.driver.extraJavaOptions -Dx=y -Xmx4g")),
    ("heap-in-java-options", ERROR, "-Xmx", Given("spark.executor.defaultJavaOptions -Dx=Xmx")),
    (
        "heap-in-java-options",
        ERROR,
        "SPARK_DAEMON_JAVA_OPTS",
        Given(variables={"SPARK_DAEMON_JAVA_OPTS": "-Xmx4g"}, mode=DISPATCHER),
    ),
    (
        "heap-in-java-options",
        ERROR,
        "SPARK_SHUFFLE_OPTS",
        Given(variables={"SPARK_SHUFFLE_OPTS": "-Xmx4g"}, mode=SHUFFLE),
    ),
    (
        "properties-in-java-options",
        ERROR,
        "spark.ui.port",
        Given("spark.executor.extraJavaOptions -Dspark.ui.port=1"),
    ),
    ("dynamic-allocation-without-shuffle", ERROR, "shuffle", Given(DYNAMIC, spark="3.3.4")),
    ("dynamic-allocation-without-shuffle", ERROR, "shuffle", Given(DYNAMIC, spark="2.4.8")),
    (
        "dynamic-allocation-without-shuffle",
        ERROR,
        "shuffle",
        Given(f"{DYNAMIC} ; spark.dynamicAllocation.shuffleTracking.enabled false"),
    ),
    (
        "dynamic-allocation-limits",
        ERROR,
        "minExecutors",
        Given(f"{DYNAMIC} ; spark.dynamicAllocation.minExecutors 5 ; spark.dynamicAllocation.maxExecutors 2"),
    ),
    (
        "dynamic-allocation-limits",
        ERROR,
        "maxExecutors",
        Given(f"{DYNAMIC} ; spark.dynamicAllocation.maxExecutors 0"),
    ),
    ("executor-instances-ignored", NOTE, "instances", Given("spark.executor.instances 4")),
    ("executor-instances-ignored", WARNING, "instances", Given(conf={"spark.executor.instances": "4"})),
    ("block-manager-port", NOTE, "spark.blockManager.port", Given("spark.blockManager.port 31000")),
    ("image-missing", NOTE, "volumes", Given("spark.mesos.executor.docker.volumes /a:/b")),
    (
        "image-missing",
        WARNING,
        "portmaps",
        Given(conf={"spark.mesos.executor.docker.portmaps": "8080:80"}),
    ),
    (
        "docker-containerizer-only",
        WARNING,
        "parameters",
        Given(f"{IMAGE} ; spark.mesos.containerizer mesos ; spark.mesos.executor.docker.parameters a=b"),
    ),
    (
        "portmaps-without-network",
        WARNING,
        "network",
        Given(f"{IMAGE} ; spark.mesos.executor.docker.portmaps 8080:80"),
    ),
    ("network-name-missing", NOTE, "labels", Given("spark.mesos.network.labels a:b")),
    ("shuffle-service-and-image", WARNING, "volumes", Given(f"{IMAGE} ; spark.shuffle.service.enabled true")),
    (
        "task-secrets",
        ERROR,
        "by value",
        Given("spark.mesos.executor.secret.names a ; spark.mesos.executor.secret.values topsecret"),
    ),
    ("task-secrets", ERROR, "filenames", Given("spark.mesos.driver.secret.filenames f", mode=CLUSTER)),
    ("secret-without-destination", WARNING, "executor", Given("spark.mesos.executor.secret.names a")),
    (
        "secret-and-docker",
        WARNING,
        "executor.secret.filenames",
        Given(f"{IMAGE} ; spark.mesos.executor.secret.names a ; spark.mesos.executor.secret.filenames f"),
    ),
    (
        "secret-and-docker",
        WARNING,
        "executor.secret.envkeys makes empty variables",
        Given(f"{IMAGE} ; spark.mesos.executor.secret.values x ; spark.mesos.executor.secret.envkeys A"),
    ),
    (
        "secret-and-docker",
        WARNING,
        "driver.secret.envkeys",
        Given(
            f"{IMAGE} ; spark.mesos.driver.secret.names a ; spark.mesos.driver.secret.envkeys A", mode=CLUSTER
        ),
    ),
    (
        "network-and-addresses",
        WARNING,
        "Spark 2.4.4",
        Given("spark.mesos.network.name overlay", spark="2.4.4"),
    ),
    (
        "image-and-executor-uri",
        WARNING,
        "WORKDIR",
        Given(f"{IMAGE}", variables={"SPARK_EXECUTOR_URI": ARCHIVE}),
    ),
    (
        "image-and-executor-uri",
        NOTE,
        "WORKDIR",
        Given(f"{IMAGE} ; spark.executor.uri {ARCHIVE} ; spark.mesos.containerizer mesos", mode=CLUSTER),
    ),
    ("constraint-number", NOTE, "3 or more", Given("spark.mesos.constraints rackid:3")),
    (
        "constraint-number",
        WARNING,
        "all from 4.5 on",
        Given("spark.mesos.driver.constraints a:7,4.5,12", mode=CLUSTER),
    ),
    ("constraint-number", WARNING, "fails at the text", Given("spark.mesos.constraints rack:3,r4")),
    (
        "executor-cores-unset",
        WARNING,
        "4 cores",
        Given("spark.task.cpus 4 ; spark.cores.max 8"),
    ),
    (
        "dynamic-allocation-cores-unset",
        WARNING,
        "spark.executor.cores is not set",
        Given(DYNAMIC, master=MASTER),
    ),
    ("executor-home-of-this-machine", WARNING, f"{PIPS} on agents", Given(master=MASTER, spark_home=PIPS)),
    (
        "executor-home-of-this-machine",
        WARNING,
        f"{PIPS} in the image",
        Given(IMAGE, master=MASTER, spark_home=PIPS),
    ),
    ("executor-home-characters", ERROR, "quote", Given('spark.mesos.executor.home /opt/"spark')),
    ("executor-home-characters", ERROR, "'~'", Given("spark.mesos.executor.home ~/spark", mode=CLUSTER)),
    (
        "executor-home-characters",
        ERROR,
        "' '",
        Given("spark.mesos.coarse false ; spark.mesos.executor.home /opt/my spark", mode=CLUSTER),
    ),
    ("executor-uri-name", ERROR, "'('", Given("spark.executor.uri http://h/spark(1).tgz")),
    ("executor-uri-name", ERROR, "begins with a dot", Given("spark.executor.uri http://h/.tgz")),
    ("executor-uri-name", ERROR, "is missing", Given("spark.executor.uri /")),
    ("executor-uri-name", ERROR, "'-'", Given(variables={"SPARK_EXECUTOR_URI": "http://h/-spark.tgz"})),
    (
        "executor-uri-ambiguous",
        WARNING,
        "'spark-3-conf.zip'",
        Given(f"spark.executor.uri {ARCHIVE} ; spark.mesos.uris http://h/a.zip, http://h/spark-3-conf.zip"),
    ),
    ("local-dir-unused", NOTE, "sandboxes", Given("spark.local.dir /fast")),
    ("local-dir-unused", WARNING, "SPARK_LOCAL_DIRS", Given(conf={"spark.local.dir": "/fast"}, mode=CLUSTER)),
    (
        "gpus-not-asked-for",
        WARNING,
        "spark.mesos.gpus.max",
        Given(conf={"spark.executor.resource.gpu.amount": "1"}),
    ),
    (
        "authentication-of-executors",
        WARNING,
        "JAVA_TOOL_OPTIONS",
        Given("spark.authenticate true ; spark.authenticate.secret topsecret"),
    ),
    (
        "user-of-hadoop",
        NOTE,
        "'hdfs'",
        Given(variables={"HADOOP_USER_NAME": "hdfs", "USER": "me"}, master=MASTER),
    ),
    ("supervise-property", WARNING, "--supervise", Given("spark.driver.supervise true", mode=CLUSTER)),
    (
        "driver-address-of-this-machine",
        WARNING,
        "10.0.0.5",
        Given("spark.driver.bindAddress 10.0.0.5", mode=CLUSTER),
    ),
    (
        "driver-address-of-this-machine",
        WARNING,
        "127.0.0.1, but the driver runs on an agent, where executors on others do not find it",
        Given("spark.driver.bindAddress 127.0.0.1", master="mesos://d.example:7077", mode=CLUSTER),
    ),
    (
        "driver-address-of-this-machine",
        WARNING,
        "spark.driver.host has no effect",
        Given(conf={"spark.driver.host": "gateway"}, mode=CLUSTER),
    ),
    (
        "credential-file-of-agents",
        NOTE,
        "on an agent",
        Given("spark.mesos.principal p ; spark.mesos.secret.file /s", mode=CLUSTER),
    ),
    (
        "event-log-of-agents",
        WARNING,
        "spark.eventLog.dir",
        Given("spark.eventLog.enabled true", mode=CLUSTER),
    ),
    (
        "hadoop-configuration-not-sent",
        NOTE,
        "driverEnv.HADOOP_CONF_DIR",
        Given(variables={"HADOOP_CONF_DIR": "/etc/hadoop"}, mode=CLUSTER),
    ),
    ("framework-id-fixed", WARNING, "Mesos refuses", Given("spark.mesos.driver.frameworkId id")),
    ("framework-id-fixed", NOTE, "Mesos refuses", Given(conf={"spark.mesos.driver.frameworkId": "id"})),
    (
        "framework-id-fixed",
        WARNING,
        "its dispatcher knows",
        Given(conf={"spark.mesos.driver.frameworkId": "id"}, mode=CLUSTER),
    ),
    ("constraint-notation", WARNING, "[7000-8000]", Given("spark.mesos.constraints port:[7000-8000]")),
    ("constraint-notation", WARNING, "{a", Given("spark.mesos.driver.constraints z:{a,b}", mode=CLUSTER)),
    ("constraint-blank", WARNING, "' centos7'", Given("spark.mesos.constraints os: centos7")),
    ("constraint-blank", WARNING, "'os '", Given("spark.mesos.constraints zone:a;os :centos7")),
    ("constraint-blank", WARNING, "'a b'", Given("spark.mesos.driver.constraints z:a b", mode=CLUSTER)),
    (
        "executor-uri-differs",
        WARNING,
        "different",
        Given(f"spark.executor.uri {ARCHIVE}", variables={"SPARK_EXECUTOR_URI": "http://h/s.tgz"}),
    ),
    ("executor-uri-not-unpacked", WARNING, "unpacked", Given("spark.executor.uri http://h/spark")),
    ("executor-uri-not-unpacked", WARNING, "unpacked", Given(f"spark.executor.uri {ARCHIVE}?sig=1")),
    (
        "executor-home-unused",
        NOTE,
        "SPARK_EXECUTOR_URI",
        Given("spark.mesos.executor.home /opt/spark", variables={"SPARK_EXECUTOR_URI": ARCHIVE}),
    ),
    ("uri-file-slash", ERROR, "file:/a.zip", Given("spark.mesos.uris http://h/b,file:/a.zip")),
    ("uri-needs-hadoop", NOTE, "hdfs", Given("spark.executor.uri hdfs://n/spark.tgz")),
    ("uri-scheme-misspelt", WARNING, "misspelt http", Given("spark.executor.uri htp://h/spark.tgz")),
    ("uri-scheme-misspelt", WARNING, "misspelt https", Given("spark.mesos.uris http://h/a,htps://h/b")),
    ("uri-scheme-misspelt", WARNING, "misspelt hdfs", Given("spark.executor.uri hfds:///spark.tgz")),
    ("uri-scheme-misspelt", WARNING, "misspelt file", Given("spark.executor.uri FIEL:///spark.tgz")),
    ("uri-scheme-misspelt", WARNING, "token=***", Given("spark.mesos.uris hhtp://h/a?token=topsecret")),
    ("uri-relative", WARNING, "spark.tgz", Given("spark.executor.uri spark.tgz")),
    ("uri-relative", WARNING, "a?token=***", Given("spark.mesos.uris a?token=topsecret")),
    ("uri-file-slash", ERROR, "file:///a?token=***", Given("spark.mesos.uris file:/a?token=topsecret")),
    (
        "recovery-without-zookeeper",
        ERROR,
        "zookeeper.url",
        Given("spark.deploy.recoveryMode zookeeper", mode=DISPATCHER),
    ),
    ("recovery-off", WARNING, "ZooKeeper", Given("spark.deploy.zookeeper.url h:2181", mode=DISPATCHER)),
    (
        "zookeeper-url-scheme",
        ERROR,
        "not a URL",
        Given(
            "spark.deploy.recoveryMode ZOOKEEPER ; spark.deploy.zookeeper.url zk://h:2181/x", mode=DISPATCHER
        ),
    ),
    (
        "dispatcher-authentication",
        ERROR,
        "spark.authenticate.secret",
        Given("spark.authenticate.secret x", mode=DISPATCHER),
    ),
    ("default-queue", WARNING, "default", Given("spark.mesos.dispatcher.queue.default 1", mode=DISPATCHER)),
    (
        "driver-default-name",
        WARNING,
        "executor.memory",
        Given("spark.mesos.dispatcher.driverDefault.executor.memory 1g", mode=DISPATCHER),
    ),
]

# Where a rule must not say anything: sane configurations that come near to what it is for.
SILENT: list[tuple[str, Given]] = [
    ("unknown-property", Given("spark.mesos.role x ; spark.mesos.driverEnv.X y")),
    ("unknown-property", Given("spark.mesos.dispatcher.queue.fast 1.5", mode=DISPATCHER)),
    ("misspelt-property", Given("spark.executor.extraJavaOptions -Da=b ; spark.sql.shuffle.partitions 4")),
    ("misspelt-property", Given("spark.driver.hostnames x")),
    ("ignored-property", Given("spark.hadoop.fs.s3a.access.key x")),
    ("wrong-value", Given("spark.cores.max ${env:CORES} ; spark.executor.memory 4g")),
    ("placeholder", Given("spark.executor.uri http://h/spark.tgz ; spark.redaction.regex (?<x>secret)")),
    ("empty-value", Given("spark.mesos.constraints= ; spark.mesos.uris=")),
    ("empty-value", Given("spark.executor.uri=", mode=DISPATCHER)),
    # Neither gets to the dispatcher.
    ("empty-value", Given("spark.driver.host=", mode=CLUSTER)),
    ("empty-value", Given(variables={"SPARK_LOCAL_HOSTNAME": ""}, mode=CLUSTER)),
    ("empty-value", Given("spark.driver.host h", variables={"SPARK_LOCAL_HOSTNAME": ""})),
    ("empty-value", Given("spark.driver.host ${env:HOST}", variables={"SPARK_LOCAL_HOSTNAME": ""})),
    ("driver-host-brackets", Given("spark.driver.host [::1]")),
    ("driver-host-brackets", Given(conf={"spark.driver.host": "::1"}, mode=CLUSTER)),
    # Spark itself puts them in brackets.
    ("driver-host-brackets", Given(variables={"SPARK_LOCAL_IP": "::1", "SPARK_LOCAL_HOSTNAME": "::1"})),
    ("set-twice", Given("spark.cores.max 2 ; spark.cores.max 2", conf={"spark.cores.max": "4"})),
    ("deprecated-property", Given("spark.mesos.fetcherCache.enable true")),
    ("not-in-this-spark", Given("spark.mesos.secret.file /s", spark=None)),
    ("not-in-this-spark", Given("spark.mesos.gpus.max 0", spark="2.0.2")),
    ("not-in-this-spark", Given("spark.mesos.role a", spark="4.0.0")),
    ("not-in-this-spark", Given("spark.mesos.checkpoint true", spark="4.0.0")),
    ("not-in-this-spark", Given("spark.mesos.checkpoint true", spark=None)),
    ("no-effect-here", Given("spark.executor.memoryOverhead 1g", spark="4.0.0")),
    ("no-effect-here", Given("spark.mesos.role a ; spark.mesos.executor.agentFailures.max 3", spark="4.3.0")),
    # These are mended with Spark 4.
    ("other-run-mode", Given("spark.mesos.mesosExecutor.cores 2", spark="4.3.0")),
    ("other-run-mode", Given("spark.mesos.coarse false ; spark.mesos.extra.cores 2", spark="4.3.0")),
    ("executor-cores-unset", Given("spark.task.cpus 2", spark="4.3.0")),
    ("executor-home-characters", Given('spark.mesos.executor.home /opt/"s"', spark="4.3.0")),
    ("executor-uri-name", Given("spark.executor.uri http://h/a&b.tgz", spark="4.3.0")),
    (
        "executor-uri-ambiguous",
        Given(f"spark.executor.uri {ARCHIVE} ; spark.mesos.uris http://h/spark-3.txt", spark="4.3.0"),
    ),
    ("executor-uri-not-unpacked", Given(f"spark.executor.uri {ARCHIVE}?signature=x", spark="4.3.0")),
    ("untried-spark", Given("", spark="4.3.7")),
    ("untried-spark", Given("", spark="3.5.9")),
    ("untried-spark", Given("", spark="4.4.0", mode=CLUSTER)),
    ("untried-spark", Given("", spark="4.3.0", mode=SHUFFLE)),
    ("connect-mode", Given("spark.api.mode classic", spark="4.3.0")),
    ("connect-mode", Given("", spark="4.3.0", variables={"SPARK_CONNECT_MODE": "0"})),
    (
        "connect-mode",
        Given("spark.api.mode classic", spark="4.3.0", variables={"SPARK_CONNECT_MODE": "1"}),
    ),
    ("connect-mode", Given("", spark="3.5.9", variables={"SPARK_CONNECT_MODE": "1"})),
    ("connect-mode", Given("", spark=None, variables={"SPARK_CONNECT_MODE": "1"})),
    ("uri-file-slash", Given("spark.mesos.uris file:/a.tgz", spark="4.3.0")),
    (
        "gpus-not-asked-for",
        Given("spark.executor.resource.gpu.amount 1 ; spark.mesos.gpus.max 2", spark="4.3.0"),
    ),
    (
        "secret-and-docker",
        Given(
            f"{IMAGE} ; spark.mesos.executor.secret.values a ; spark.mesos.executor.secret.envkeys A",
            spark="4.3.0",
        ),
    ),
    ("no-effect-here", Given("spark.mesos.driverEnv.A b", mode=CLUSTER)),
    ("no-effect-here", Given("spark.mesos.maxDrivers 200")),
    ("no-effect-here", Given(options={"spark.driver.supervise": "true"})),
    (
        "no-effect-here",
        Given("spark.sql.shuffle.partitions 4 ; spark.master mesos://h:5050", mode=DISPATCHER),
    ),
    ("other-run-mode", Given("spark.mesos.mesosExecutor.cores 1.0 ; spark.mesos.extra.cores 2")),
    ("quoted-value", Given('spark.executor.extraJavaOptions "-Da=b c" ; spark.sql.csv.quote \'"\'')),
    ("quoted-value", Given('spark.x.list "a","b" ; spark.mesos.role a', conf={"spark.x.json": '"a"'})),
    ("wrong-value", Given('spark.cores.max "4"')),
    ("executor-uri-not-unpacked", Given(f"spark.executor.uri '{ARCHIVE}'")),
    ("master-url", Given(master='"mesos://h:5050"')),
    ("set-twice", Given(conf={"spark.cores.max": "4"})),
    ("deprecated-property", Given("spark.mesos.fetchCache.enable true")),
    ("no-effect-here", Given("spark.mesos.fetchCache.enable true")),
    ("variable-without-effect", Given(variables={"MASTER": "h", "SPARK_JAVA_OPTS": "-Da=b"}, spark="2.0.2")),
    (
        "variable-without-effect",
        Given(variables={"SPARK_MASTER_HOST": "h", "SPARK_CLASSPATH": "a"}, spark=None),
    ),
    (
        "misspelt-variable",
        Given(variables={"SPARK_WORKER_CORES": "4", "SPARK_SHELL": "x", "SPARK_VERSION": "3"}),
    ),
    ("variable-without-effect", Given(variables={"MESOS_NATIVE_JAVA_LIBRARY": "/l"})),
    ("no-master", Given(master=MASTER)),
    ("no-master", Given(mode=SHUFFLE)),
    (
        "conf-dir-missing",
        Given(
            variables={"SPARK_CONF_DIR": "/spark/conf", "SPARK_HOME": "/spark"},
            files={"/spark/conf": FileFacts(exists=False, is_file=False)},
        ),
    ),
    ("conf-dir-missing", Given(variables={"SPARK_CONF_DIR": "/c"}, files={"/c": FileFacts(is_file=False)})),
    ("unit-forgotten", Given("spark.executor.heartbeatInterval 10000 ; spark.network.timeout 600")),
    ("unit-forgotten", Given("spark.executor.heartbeatInterval 30s ; spark.network.timeout 10000000")),
    ("master-url", Given(master="embedded[3]")),
    ("master-url", Given(master="mesos://zk://u:p@h:2181/mesos")),
    ("master-url", Given(master="mesos://dispatcher", mode=CLUSTER)),
    (
        "libmesos-missing",
        Given(
            variables={"MESOS_NATIVE_JAVA_LIBRARY": "/no/libmesos.so"},
            files={"/no/libmesos.so": FileFacts(exists=False, is_file=False)},
            over_http=True,
        ),
    ),
    ("libmesos-missing", Given(variables={"MESOS_NATIVE_JAVA_LIBRARY": "/l"}, files={"/l": FileFacts()})),
    ("driver-on-loopback", Given("spark.driver.host localhost", master="mesos://127.0.0.1:5050")),
    ("driver-on-loopback", Given(variables={"SPARK_LOCAL_IP": "10.0.0.1"}, master=MASTER)),
    (
        "driver-on-loopback",
        Given("spark.driver.host h", variables={"SPARK_LOCAL_IP": "127.0.0.1"}, master=MASTER),
    ),
    ("tls-not-verified", Given(variables={**TLS, "LIBPROCESS_SSL_VERIFY_CERT": "true"})),
    ("tls-not-verified", Given(variables={"LIBPROCESS_SSL_VERIFY_CERT": "false"})),
    ("tls-files-missing", Given(variables=TLS, files={"/key": FileFacts(), "/cert": FileFacts()})),
    (
        "authentication-secret-missing",
        Given("spark.authenticate true ; spark.authenticate.secret x"),
    ),
    ("authentication-secret-missing", Given("spark.authenticate false")),
    (
        "authentication-secret-missing",
        Given("spark.authenticate true", mode=SHUFFLE, variables={"_SPARK_AUTH_SECRET": "s"}),
    ),
    ("io-encryption", Given("spark.io.encryption.enabled true", spark="2.1.0")),
    (
        "encryption-without-authentication",
        Given("spark.network.crypto.enabled true ; spark.authenticate true ; spark.authenticate.secret x"),
    ),
    ("heartbeat-interval", Given("spark.executor.heartbeatInterval 20s ; spark.network.timeout 600s")),
    (
        "secret-without-principal",
        Given("spark.mesos.secret.file /s", variables={"SPARK_MESOS_PRINCIPAL": "a"}),
    ),
    ("secret-without-principal", Given("spark.mesos.secret x", mode=SHUFFLE)),
    ("credential-twice", Given("spark.mesos.principal a", variables={"SPARK_MESOS_PRINCIPAL": "a"})),
    ("credential-twice", Given(FILES)),
    ("credential-file", Given(FILES, files={"/p": FileFacts(), "/s": FileFacts()})),
    ("credential-file", Given("spark.mesos.secret x ; " + FILES, files={"/s": FileFacts(exists=False)})),
    ("credential-file", Given(FILES, files={"/s": FileFacts(exists=False)}, mode=CLUSTER)),
    ("credential-file-newline", Given(FILES, files={"/s": FileFacts(world_readable=True)})),
    (
        "credential-file-newline",
        Given(FILES, files={"/s": FileFacts(ends_with_newline=True)}, over_http=True),
    ),
    ("secret-readable", Given("spark.mesos.role x", files={FILE: FileFacts(world_readable=True)})),
    ("secret-readable", Given("spark.mesos.secret x", files={FILE: FileFacts()})),
    ("secret-on-command-line", Given("spark.mesos.secret x", conf={"spark.mesos.role": "y"})),
    (
        "secret-on-command-line",
        Given(
            conf={
                "spark.hadoop.fs.s3a.aws.credentials.provider": "a.Provider",
                "spark.security.credentials.hive.enabled": "true",
                "spark.authenticate.secretBitLength": "256",
                "spark.mesos.secret.file": "/s",
                "spark.my.requireToken": "true",
            }
        ),
    ),
    ("secret-in-submission", Given("spark.mesos.driver.secret.names a", mode=CLUSTER)),
    ("secret-in-submission", Given(variables={"SPARK_MESOS_SECRET": "topsecret"}, mode=CLUSTER)),
    ("cores-max-unset", Given()),
    ("cores-max-unset", Given(master="embedded[2]")),
    ("cores-max-unset", Given(master="mesos://localhost:5050")),
    ("cores-max-unset", Given("spark.cores.max 4", master=MASTER)),
    ("cores-max-unset", Given(DYNAMIC, master=MASTER)),
    ("cores-max-unset", Given("spark.mesos.coarse false", master=MASTER)),
    ("cores-max-too-small", Given("spark.cores.max 4 ; spark.executor.cores 4")),
    ("cores-max-no-multiple", Given("spark.cores.max 8 ; spark.executor.cores 4")),
    ("cores-max-no-multiple", Given("spark.cores.max 7")),
    ("fine-grained", Given("spark.mesos.coarse true")),
    ("fine-grained", Given("spark.mesos.coarse false", spark="4.3.0")),
    ("fine-grained-gone", Given("spark.mesos.coarse true", spark="4.3.0")),
    ("fine-grained-gone", Given("spark.mesos.coarse false", spark="3.5.9")),
    ("io-encryption", Given("spark.io.encryption.enabled true", spark="4.3.0")),
    ("authentication-of-executors", Given("spark.authenticate true", spark="4.3.0")),
    ("executor-too-small-for-task", Given("spark.executor.cores 2 ; spark.task.cpus 2")),
    ("heap-too-small", Given("spark.executor.memory 450m ; spark.driver.memory 1073741824")),
    ("heap-too-small", Given("spark.executor.memory 100m ; spark.testing.reservedMemory 0")),
    ("heap-not-for-java", Given("spark.driver.memory 2G ; spark.executor.memory 2gb")),
    ("heap-not-for-java", Given(variables={"SPARK_DAEMON_MEMORY": "1g"}, mode=DISPATCHER)),
    ("heap-not-for-java", Given(variables={"SPARK_DAEMON_MEMORY": "1gb"})),
    ("heap-in-java-options", Given("spark.executor.extraJavaOptions -Xms1g -XX:+UseG1GC")),
    ("heap-in-java-options", Given(variables={"SPARK_DAEMON_JAVA_OPTS": "-Xmx1g"})),
    ("properties-in-java-options", Given("spark.driver.extraJavaOptions -Dspark.ui.port=1")),
    ("dynamic-allocation-without-shuffle", Given(DYNAMIC)),
    ("dynamic-allocation-without-shuffle", Given(DYNAMIC, spark=None)),
    (
        "dynamic-allocation-without-shuffle",
        Given(f"{DYNAMIC} ; spark.shuffle.service.enabled true", spark="2.4.8"),
    ),
    (
        "dynamic-allocation-without-shuffle",
        Given(f"{DYNAMIC} ; spark.dynamicAllocation.shuffleTracking.enabled true", spark="3.0.0"),
    ),
    ("dynamic-allocation-without-shuffle", Given("spark.mesos.coarse false ; " + DYNAMIC, spark="2.4.8")),
    (
        "dynamic-allocation-limits",
        Given(f"{DYNAMIC} ; spark.dynamicAllocation.minExecutors 2 ; spark.dynamicAllocation.maxExecutors 2"),
    ),
    ("dynamic-allocation-limits", Given("spark.dynamicAllocation.maxExecutors 0")),
    ("executor-instances-ignored", Given(f"{DYNAMIC} ; spark.executor.instances 4")),
    ("block-manager-port", Given("spark.blockManager.port 0")),
    ("image-missing", Given("spark.mesos.containerizer docker")),
    ("image-missing", Given(f"{IMAGE} ; spark.mesos.executor.docker.volumes /a:/b")),
    ("docker-containerizer-only", Given(f"{IMAGE} ; spark.mesos.executor.docker.parameters a=b")),
    (
        "portmaps-without-network",
        Given(f"{IMAGE} ; spark.mesos.network.name n ; spark.mesos.executor.docker.portmaps 8080:80"),
    ),
    ("network-name-missing", Given("spark.mesos.network.name n ; spark.mesos.network.labels a:b")),
    ("shuffle-service-and-image", Given("spark.shuffle.service.enabled true")),
    (
        "shuffle-service-and-image",
        Given(
            f"{IMAGE} ; spark.shuffle.service.enabled true ; "
            "spark.mesos.executor.docker.parameters volume=/a:/a"
        ),
    ),
    ("task-secrets", Given("spark.mesos.driver.secret.envkeys A")),
    (
        "task-secrets",
        Given("spark.mesos.executor.secret.values a,b ; spark.mesos.executor.secret.envkeys A,B"),
    ),
    (
        "secret-without-destination",
        Given("spark.mesos.executor.secret.names a ; spark.mesos.executor.secret.filenames f"),
    ),
    (
        "secret-and-docker",
        Given(
            f"{IMAGE} ; spark.mesos.containerizer mesos ; spark.mesos.executor.secret.names a ; "
            "spark.mesos.executor.secret.filenames f"
        ),
    ),
    (
        "secret-and-docker",
        Given(
            f"{IMAGE} ; spark.mesos.driver.secret.values a ; spark.mesos.driver.secret.envkeys A",
            mode=CLUSTER,
        ),
    ),
    (
        "secret-and-docker",
        Given("spark.mesos.executor.secret.values a ; spark.mesos.executor.secret.envkeys A"),
    ),
    ("network-and-addresses", Given("spark.mesos.network.name overlay")),
    ("network-and-addresses", Given("spark.mesos.network.name overlay", spark="2.4.5")),
    ("network-and-addresses", Given("spark.mesos.network.name overlay", spark=None)),
    ("image-and-executor-uri", Given(f"{IMAGE} ; spark.mesos.executor.home /opt/spark")),
    ("image-and-executor-uri", Given(f"spark.executor.uri {ARCHIVE}")),
    ("constraint-number", Given("spark.mesos.constraints os:centos7,debian12;us-east-1:false;gpu:")),
    ("constraint-number", Given("spark.mesos.driver.constraints rack:3,r4")),
    ("executor-cores-unset", Given("spark.task.cpus 4 ; spark.executor.cores 8")),
    ("executor-cores-unset", Given("spark.task.cpus 1")),
    ("executor-cores-unset", Given("spark.task.cpus 4 ; spark.mesos.coarse false")),
    ("dynamic-allocation-cores-unset", Given(f"{DYNAMIC} ; spark.executor.cores 2", master=MASTER)),
    ("dynamic-allocation-cores-unset", Given(f"{DYNAMIC} ; spark.cores.max 8", master=MASTER)),
    ("dynamic-allocation-cores-unset", Given(DYNAMIC, master="embedded[2]")),
    ("executor-home-of-this-machine", Given(master=MASTER, spark_home="/opt/spark")),
    ("executor-home-of-this-machine", Given(master="mesos://localhost:5050", spark_home=PIPS)),
    ("executor-home-of-this-machine", Given(master="embedded", spark_home=PIPS)),
    (
        "executor-home-of-this-machine",
        Given("spark.mesos.executor.home /opt/spark", master=MASTER, spark_home=PIPS),
    ),
    ("executor-home-of-this-machine", Given("spark.home /opt/spark", master=MASTER, spark_home=PIPS)),
    (
        "executor-home-of-this-machine",
        Given(variables={"SPARK_EXECUTOR_URI": ARCHIVE}, master=MASTER, spark_home=PIPS),
    ),
    (
        "executor-home-of-this-machine",
        Given(master="mesos://d.example:7077", spark_home=PIPS, mode=CLUSTER),
    ),
    ("executor-home-characters", Given("spark.mesos.executor.home $SOMEWHERE/my spark (3)")),
    ("executor-home-characters", Given("spark.mesos.executor.home ~/spark ; spark.mesos.coarse false")),
    (
        "executor-home-characters",
        Given(f"spark.mesos.executor.home ~/spark ; spark.executor.uri {ARCHIVE}"),
    ),
    ("executor-home-characters", Given("spark.mesos.executor.home /opt/spark ; spark.mesos.coarse false")),
    ("executor-uri-name", Given(f"spark.executor.uri {ARCHIVE}")),
    ("executor-uri-name", Given("spark.executor.uri hdfs://n/a b/spark_3-5.tgz")),
    ("executor-uri-name", Given(f"spark.executor.uri '{ARCHIVE}'")),
    (
        "executor-uri-ambiguous",
        Given(f"spark.executor.uri {ARCHIVE} ; spark.mesos.uris http://h/a-spark-3.zip,{ARCHIVE}"),
    ),
    ("executor-uri-ambiguous", Given("spark.mesos.uris http://h/spark-3-conf.zip")),
    ("local-dir-unused", Given("spark.local.dir /fast ; spark.shuffle.service.enabled true")),
    ("local-dir-unused", Given("spark.local.dir /fast ; spark.executorEnv.SPARK_LOCAL_DIRS /fast")),
    ("local-dir-unused", Given(variables={"SPARK_LOCAL_DIRS": "/fast"})),
    (
        "gpus-not-asked-for",
        Given("spark.executor.resource.gpu.amount 1 ; spark.mesos.gpus.max 2"),
    ),
    ("authentication-of-executors", Given(f"spark.authenticate true ; {TOLD}")),
    ("authentication-of-executors", Given("spark.authenticate true ; spark.mesos.coarse false")),
    ("authentication-of-executors", Given("spark.authenticate false")),
    ("user-of-hadoop", Given(variables={"HADOOP_USER_NAME": "me", "USER": "me"}, master=MASTER)),
    (
        "user-of-hadoop",
        Given(variables={"HADOOP_USER_NAME": "hdfs", "SPARK_USER": "me"}, master=MASTER),
    ),
    ("user-of-hadoop", Given(variables={"HADOOP_USER_NAME": "hdfs"}, master="mesos://localhost:5050")),
    ("supervise-property", Given(options={"spark.driver.supervise": "true"}, mode=CLUSTER)),
    ("supervise-property", Given("spark.driver.supervise false", mode=CLUSTER)),
    ("driver-address-of-this-machine", Given("spark.driver.bindAddress 0.0.0.0", mode=CLUSTER)),
    (
        "driver-address-of-this-machine",
        Given("spark.driver.bindAddress localhost", master="mesos://127.0.0.1:7077", mode=CLUSTER),
    ),
    ("driver-address-of-this-machine", Given("spark.driver.host gateway", mode=CLUSTER)),
    ("driver-address-of-this-machine", Given("spark.driver.bindAddress 10.0.0.5 ; spark.driver.host h")),
    ("credential-file-of-agents", Given("spark.mesos.secret.file /s")),
    ("credential-file-of-agents", Given(variables={"SPARK_MESOS_SECRET_FILE": "/s"}, mode=CLUSTER)),
    (
        "event-log-of-agents",
        Given("spark.eventLog.enabled true ; spark.eventLog.dir hdfs://n/logs", mode=CLUSTER),
    ),
    ("event-log-of-agents", Given("spark.eventLog.enabled true")),
    ("hadoop-configuration-not-sent", Given(variables={"HADOOP_CONF_DIR": "/etc/hadoop"})),
    (
        "hadoop-configuration-not-sent",
        Given(
            "spark.mesos.driverEnv.HADOOP_CONF_DIR /etc/hadoop",
            variables={"HADOOP_CONF_DIR": "/etc/hadoop"},
            mode=CLUSTER,
        ),
    ),
    ("framework-id-fixed", Given("spark.mesos.driver.failoverTimeout 60")),
    ("constraint-notation", Given("spark.mesos.constraints rack:1-2;port:7500;zone:a,b;os:")),
    ("constraint-blank", Given("spark.mesos.constraints os:centos7 ;rack: 3,\\t4;my zone:a")),
    (
        "executor-uri-differs",
        Given(f"spark.executor.uri {ARCHIVE}", variables={"SPARK_EXECUTOR_URI": ARCHIVE}),
    ),
    ("executor-uri-not-unpacked", Given(f"spark.executor.uri {ARCHIVE}")),
    ("executor-home-unused", Given("spark.mesos.executor.home /opt/spark")),
    ("uri-file-slash", Given("spark.mesos.uris file:///a.zip,/b.zip")),
    ("uri-needs-hadoop", Given("spark.mesos.uris https://h/a,ftp://h/b,/c,file:///d")),
    ("uri-relative", Given("spark.mesos.uris /a,http://h/b")),
    *(
        ("uri-scheme-misspelt", Given(f"spark.executor.uri {scheme}://h/spark.tgz"))
        for scheme in (
            "https",
            "file",
            "FTP",
            "hdfs",
            "webhdfs",
            "s3",
            "s3a",
            "s3n",
            "gs",
            "abfss",
            "viewfs",
            "hftp",
            "dfs",
            "sftp",
            "oss",
            "maprfs",
            "alluxio",
            "x",
        )
    ),
    # One line is enough.
    ("uri-needs-hadoop", Given("spark.executor.uri htp://h/spark.tgz")),
    (
        "recovery-without-zookeeper",
        Given("spark.deploy.recoveryMode ZOOKEEPER ; spark.deploy.zookeeper.url h:2181", mode=DISPATCHER),
    ),
    (
        "recovery-off",
        Given("spark.deploy.recoveryMode ZOOKEEPER ; spark.deploy.zookeeper.url h:2181", mode=DISPATCHER),
    ),
    (
        "zookeeper-url-scheme",
        Given("spark.deploy.recoveryMode ZOOKEEPER ; spark.deploy.zookeeper.url h:1,i:2", mode=DISPATCHER),
    ),
    ("dispatcher-authentication", Given("spark.authenticate.secret x", mode=DISPATCHER, spark="2.3.4")),
    ("default-queue", Given("spark.mesos.dispatcher.queue.fast 1", mode=DISPATCHER)),
    (
        "driver-default-name",
        Given("spark.mesos.dispatcher.driverDefault.spark.executor.memory 1g", mode=DISPATCHER),
    ),
]


def of_rule(findings: list[Finding], rule: str) -> list[Finding]:
    return [finding for finding in findings if finding.id == rule]


def ids(cases: Sequence[tuple[Any, ...]]) -> list[str]:
    return [f"{case[0]}-{number}" for number, case in enumerate(cases)]


@pytest.mark.parametrize(("rule", "severity", "part", "given"), FIRES, ids=ids(FIRES))
def test_fires(rule: str, severity: Severity, part: str, given: Given) -> None:
    found = of_rule(given.findings(), rule)
    assert found, given.findings()
    assert found[0].severity is severity
    assert part in found[0].message + found[0].hint
    for finding in given.findings():
        text = finding.message + finding.hint
        assert "topsecret" not in text
        assert not finding.message.endswith(".")
        assert not finding.hint or finding.hint.rstrip("\"'").endswith((".", "?")) or "Run: " in finding.hint


@pytest.mark.parametrize(("rule", "given"), SILENT, ids=ids(SILENT))
def test_keeps_quiet(rule: str, given: Given) -> None:
    assert of_rule(given.findings(), rule) == []


def test_every_rule_has_both_kinds_of_case() -> None:
    names = {rule.id for rule in RULES}
    assert {rule for rule, *_ in FIRES} == names
    assert {rule for rule, _ in SILENT} == names
    assert len(names) == len(RULES)


def test_the_worst_severity_is_the_one_that_the_rule_declares() -> None:
    for rule in RULES:
        seen = {severity for name, severity, *_ in FIRES if name == rule.id}
        order = list(Severity)
        assert min(map(order.index, seen)) >= order.index(rule.severity), rule.id


def test_errors_come_first() -> None:
    found = Given("spark.blockManager.port 31000 ; spark.mesos.rol x", master=MASTER).findings()
    assert [one.severity for one in found] == [ERROR, WARNING, NOTE]


def test_a_finding_names_its_place() -> None:
    (found,) = Given("spark.mesos.role a ; spark.mesos.rol x", master="embedded").findings()
    assert str(found.origin) == f"{FILE}:2"


def test_a_sane_configuration_is_clean() -> None:
    given = Given(
        f"spark.executor.uri {ARCHIVE} ; spark.cores.max 16 ; spark.executor.cores 4 ; spark.executor.memory 8g ; "
        "spark.driver.memory 2g ; spark.mesos.role analytics ; spark.mesos.constraints os:centos7 ; "
        "spark.mesos.principal analytics ; spark.mesos.secret.file /etc/spark/secret ; "
        "spark.sql.shuffle.partitions 64 ; spark.serializer org.apache.spark.serializer.KryoSerializer ; "
        "spark.eventLog.enabled true ; spark.eventLog.dir hdfs:///logs ; spark.ui.port 0",
        variables={"SPARK_EXECUTOR_URI": ARCHIVE, "LANG": "C.UTF-8"},
        files={FILE: FileFacts(world_readable=True), "/etc/spark/secret": FileFacts()},
        master="mesos://zk://z1:2181,z2:2181/mesos",
    )
    assert given.findings() == []
