"""Spark's history server: where it is said to be, and which Spark it is of."""

from __future__ import annotations

from sparkmesos_core.verify.facts.master import ca_file_of
from sparkmesos_core.verify.history_server import HistoryServer, history_server_at, spark_version_of
from sparkmesos_core.verify.known import Fact, Known

URL_KEY = "spark.mesos.dispatcher.historyServer.url"


def _server(known: Known) -> HistoryServer | None:
    if known.subject.history_server is not None:
        return known.subject.history_server
    setting = known.subject.configuration.setting(URL_KEY)
    if setting is None or not setting.value.strip():
        return None
    return history_server_at(setting.value.strip(), named_by=f"{URL_KEY}, set in {setting.origin}")


HISTORY_SERVER: Fact[HistoryServer | None] = Fact(
    "the history server", _server, reported_by="history-server-reachable"
)
"""None if nothing names one."""


def _version(known: Known) -> str | None:
    server = known[HISTORY_SERVER]
    return None if server is None else spark_version_of(server, known.timeout, ca_file_of(known))


HISTORY_VERSION: Fact[str | None] = Fact(
    "the history server's version", _version, reported_by="history-server-reachable", patience=2
)
"""None if there is no history server; empty if it answers, but does not tell its version."""
