"""The properties of every Spark about addresses, ports, authentication and encryption.

Facts: see `spark_properties.py`, of whose table this is a part.
"""

from __future__ import annotations

from sparkmesos_core.conf.properties.registered_property import InSpark4, Property, Reader
from sparkmesos_core.conf.values import value_types as types

_D = frozenset({Reader.DISPATCHER})
_B = frozenset({Reader.BACKEND})
_A = frozenset({Reader.DRIVER})
_X = frozenset({Reader.SHUFFLE_SERVICE})
_C = frozenset({Reader.CLIENT})
_NOBODY: frozenset[Reader] = frozenset()

NETWORK: tuple[Property, ...] = (
    Property(
        "spark.driver.host",
        types.TEXT,
        "The name or address that executors reach the driver at",
        since="0.7.0",
        readers=_B | _A,
        computed_default="the address of this machine",
    ),
    Property(
        "spark.driver.bindAddress",
        types.TEXT,
        "The address that the driver listens on",
        since="2.1.0",
        readers=_A,
        computed_default="spark.driver.host",
    ),
    Property(
        "spark.driver.port",
        types.PORT,
        "The port that executors reach the driver at; 0 means any",
        since="0.7.0",
        readers=_B | _A,
        default="0",
    ),
    Property(
        "spark.blockManager.port",
        types.PORT,
        "The port of the block managers; if set, an agent runs one executor only, and must offer the port",
        since="1.1.0",
        readers=_B | _A,
        default="0",
    ),
    Property(
        "spark.driver.blockManager.port",
        types.PORT,
        "The port of the driver's block manager",
        since="2.1.0",
        readers=_A,
        computed_default="spark.blockManager.port",
    ),
    Property(
        "spark.port.maxRetries",
        types.at_least(types.INTEGER, 0),
        "How many ports to try after one that is in use; for the dispatcher, too",
        since="1.1.1",
        readers=_D | _A,
        default="16",
    ),
    Property(
        "spark.network.timeout",
        types.SECONDS,
        "How long to wait for another process on the network before it counts as lost",
        since="1.3.0",
        readers=_B | _A,
        default="120s",
    ),
    Property(
        "spark.executor.heartbeatInterval",
        types.MILLISECONDS,
        "How often executors, and the driver towards the shuffle service, say that they live",
        since="1.1.0",
        readers=_B | _A,
        default="10s",
    ),
    Property(
        "spark.storage.blockManagerHeartbeatTimeoutMs",
        types.MILLISECONDS,
        "How long an executor, or for the shuffle service a driver, may be silent before it counts as lost",
        since="3.1.0",
        readers=_B | _A,
        computed_default="spark.network.timeout",
        documented=False,
    ),
    Property(
        "spark.storage.blockManagerSlaveTimeoutMs",
        types.MILLISECONDS,
        "The name of spark.storage.blockManagerHeartbeatTimeoutMs before Spark 3.1",
        since="0.7.0",
        readers=_B | _A,
        computed_default="spark.network.timeout",
        deprecated="Spark 3.1 renamed it: use spark.storage.blockManagerHeartbeatTimeoutMs from then on",
        documented=False,
    ),
    Property(
        "spark.authenticate",
        types.BOOLEAN,
        "Whether driver, executors and shuffle service authenticate to each other",
        since="1.0.0",
        readers=_A | _X,
        default="false",
        spark_4=InSpark4("Executors are told of it, and get the secret"),
    ),
    Property(
        "spark.authenticate.secret",
        types.TEXT,
        "The secret for spark.authenticate; Spark's own dispatcher refuses to start with it",
        since="1.0.0",
        readers=_D | _A | _X,
        secret=True,
    ),
    Property(
        "spark.authenticate.secret.file",
        types.PATH,
        "Nothing on Mesos: only on Kubernetes may a file hold the secret for spark.authenticate",
        since="3.0.0",
        readers=_NOBODY,
    ),
    Property(
        "spark.authenticate.enableSaslEncryption",
        types.BOOLEAN,
        "Whether authenticated connections are encrypted in the old way, with SASL",
        since="1.4.0",
        readers=_A | _X,
        default="false",
    ),
    Property(
        "spark.network.crypto.enabled",
        types.BOOLEAN,
        "Whether authenticated connections are encrypted with AES",
        since="2.2.0",
        readers=_A | _X,
        default="false",
    ),
    Property(
        "spark.io.encryption.enabled",
        types.BOOLEAN,
        "Whether shuffle files are encrypted; Spark on Mesos refuses to start with it",
        since="2.1.0",
        readers=_B | _A,
        default="false",
        spark_4=InSpark4("It works", meaning="Whether shuffle files are encrypted", readers=_A),
    ),
    Property(
        "spark.kerberos.principal",
        types.TEXT,
        "The Kerberos principal of the application, in client mode",
        since="3.0.0",
        readers=_C | _A,
        spark_4=InSpark4("The driver logs in, not spark-submit: what that reads takes a ticket"),
    ),
    Property(
        "spark.kerberos.keytab",
        types.PATH,
        "The Kerberos keytab of the application, in client mode",
        since="3.0.0",
        readers=_C | _A,
        spark_4=InSpark4("The driver logs in, not spark-submit: what that reads takes a ticket"),
    ),
    Property(
        "spark.yarn.queue",
        types.TEXT,
        "Nothing on Mesos: spark.mesos.dispatcher.queue and spark.mesos.role are what comes near",
        since="1.0.0",
        readers=_NOBODY,
        default="default",
        documented=False,
    ),
)
