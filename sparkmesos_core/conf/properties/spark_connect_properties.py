"""The properties of Spark Connect, and of its server, which `sparkmesos shell --lang connect` runs on Mesos.

Facts: `config/Connect.scala` of Spark's `sql/connect/server`.
"""

from __future__ import annotations

from sparkmesos_core.conf.properties.registered_property import InSpark4, Property, Reader
from sparkmesos_core.conf.values import value_types as types

_A = frozenset({Reader.DRIVER})

CONNECT: tuple[Property, ...] = (
    Property(
        "spark.api.mode",
        types.choice("classic", "connect", any_case=True),
        "Whether an application is its own driver, or the client of a server of Spark Connect in it "
        "(connect), which does not work on Mesos",
        since="4.0.0",
        readers=frozenset({Reader.CLIENT}),
        default="classic",
    ),
    Property(
        "spark.connect.grpc.binding.address",
        types.TEXT,
        "The address of this machine that the server of Spark Connect listens at",
        since="4.0.0",
        readers=_A,
        computed_default="all addresses",
    ),
    Property(
        "spark.connect.grpc.binding.port",
        types.PORT,
        "The port that the server of Spark Connect listens on; 0 means any",
        since="3.4.0",
        readers=_A,
        default="15002",
    ),
    Property(
        "spark.connect.grpc.port.maxRetries",
        types.at_least(types.INTEGER, 0),
        "How many ports the server of Spark Connect tries after one that is in use",
        since="4.0.0",
        readers=_A,
        default="0",
    ),
    Property(
        "spark.connect.authenticate.token",
        types.TEXT,
        "What clients of the server of Spark Connect have to show",
        since="4.0.0",
        readers=_A,
        computed_default="SPARK_CONNECT_AUTHENTICATE_TOKEN",
        secret=True,
        documented=False,
    ),
    Property(
        "spark.connect.grpc.interceptor.classes",
        types.LIST,
        "Classes that the server of Spark Connect lets look at all requests, as for authentication",
        since="3.4.0",
        readers=_A,
    ),
    Property(
        "spark.connect.grpc.maxInboundMessageSize",
        types.BYTES,
        "The largest request that the server of Spark Connect takes",
        since="3.4.0",
        readers=_A,
        default="128m",
    ),
    Property(
        "spark.connect.grpc.arrow.maxBatchSize",
        types.BYTES,
        "How much of a result the server of Spark Connect sends at once",
        since="3.4.0",
        readers=_A,
        default="4m",
        spark_4=InSpark4("The default is as large as a message may be", default="128m"),
    ),
    Property(
        "spark.connect.session.manager.defaultSessionTimeout",
        types.MILLISECONDS,
        "After what time without requests the server of Spark Connect forgets a session; -1 keeps it",
        since="4.0.0",
        readers=_A,
        default="60m",
        documented=False,
    ),
)
