"""Rules about which Spark it is, and which of its two ways to run an application."""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.bridge.kinds import LAST_WITH_BACKEND, is_untried, untried
from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import APPLICATION, Found, Rules, Subject
from sparkmesos_core.conf.finding import Severity

RULES = Rules()

_API_MODE = "spark.api.mode"
_MODE_VARIABLES = {"SPARK_CONNECT_MODE": "1", "SPARK_API_MODE": "connect"}


@RULES.add(
    "untried-spark",
    Severity.WARNING,
    f"a Spark newer than {'.'.join(map(str, LAST_WITH_BACKEND))}, which may have moved internals that the "
    "backend and the shuffle service for Spark 4 need, or changed what they do",
    modes=frozenset({Mode.CLIENT, Mode.DISPATCHER, Mode.SHUFFLE_SERVICE}),
)
def _untried_spark(subject: Subject) -> Iterable[Found]:
    version = subject.circumstances.version
    if version is not None and is_untried(version[:2]):
        yield Found(
            untried(".".join(map(str, version))),
            "Look for a newer sparkmesos, or try it with something that may fail.",
        )


@RULES.add(
    "connect-mode",
    Severity.WARNING,
    "`spark.api.mode=connect`, or `SPARK_CONNECT_MODE=1` in the environment: the application would be the "
    "client of a server in its own driver, which neither spark-submit nor the shells of Spark 4.3 can do",
    modes=APPLICATION,
)
def _connect_mode(subject: Subject) -> Iterable[Found]:
    if not subject.since(4):
        return
    mode = (subject.text(_API_MODE) or "").strip().lower()
    message = (
        "makes the application the client of a server of Spark Connect in its own driver: spark-submit of "
        "Spark 4.3 does not load what that needs, and the application fails"
    )
    if mode == "connect":
        yield Found(f"{_API_MODE}=connect {message}", f"Set {_API_MODE}=classic, or leave it out.", _API_MODE)
    elif not mode:
        for name, value in _MODE_VARIABLES.items():
            if (subject.variable(name) or "").strip().lower() == value:
                yield Found(f"{name}={value} {message}", "Unset it.", origin=subject.variable_origin(name))
