"""What answers where a Mesos master was expected: the slips that people make with --master."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from sparkmesos_core.errors import MesosError, SparkMesosError, UnreachableError
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.preflight.reading_time import seconds_left
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.zookeeper_status import read_status

_MOST_OF_ZOOKEEPER = 2.0
"""Seconds."""
_MOST_OF_PAGE = 1 << 16
_STYLE_OF_SPARK = b"/static/webui.css"
"""The style sheet that each page of Spark names in its head (`UIUtils`); that a page mentions Spark says
nothing."""
_PORTS = {
    2181: "2181 is the port of ZooKeeper, whose URL is mesos://zk://{host}:2181/mesos",
    5051: "5051 is the port of Mesos agents; masters have 5050",
    7077: "7077 is the port of dispatchers and of Spark's own masters; Mesos masters have 5050",
    8080: "8080 is the port of web pages; Mesos masters have 5050",
    8081: "8081 is the port of a dispatcher's web page; Mesos masters have 5050",
}


@dataclass(frozen=True)
class Foreign:
    """A server that is no Mesos master."""

    what: str
    """To stand behind `is`: `a Mesos agent`."""
    hint: str


def identify(master: MesosMaster, *, ca_file: str | None, deadline: float) -> dict[HostPort, Foreign]:
    """Those of the hosts that are something else, as far as they tell until then, by `time.monotonic`."""
    if time.monotonic() >= deadline:
        return {}
    jobs = {str(host): partial(_identify, master, host, ca_file, deadline) for host in master.hosts}
    asked = side_by_side(jobs, deadline)
    found = {host: asked.results.get(str(host)) for host in master.hosts}
    return {host: foreign for host, foreign in found.items() if foreign is not None}


def usual_port(host: HostPort) -> str:
    """What a port is usually for, if it is not for masters; else empty."""
    return _PORTS.get(host.port, "").format(host=host.host)


def _identify(master: MesosMaster, host: HostPort, ca_file: str | None, deadline: float) -> Foreign | None:
    try:
        with MesosHttp(f"{master.scheme}://{host}", timeout=seconds_left(deadline), ca_file=ca_file) as http:
            return _by_http(http)
    except UnreachableError:
        # ZooKeeper hangs up on HTTP; an HTTP server would wait for more of ZooKeeper's commands.
        status = read_status(host, min(deadline, time.monotonic() + _MOST_OF_ZOOKEEPER))
    if status.version or status.serves is False:
        url = f"mesos://zk://{host}/mesos"
        return Foreign("a ZooKeeper server", f"Write {url}, with the path of the masters' --zk.")
    return None


def _by_http(http: MesosHttp) -> Foreign | None:
    flags = http.get("/flags")
    if "mesos-agent" in flags.headers.get("WWW-Authenticate", ""):
        return _agent("")
    if flags.status_code == 200:
        try:
            content = http.decode(flags)
            own = content.get("flags", {}) if isinstance(content, dict) else {}
            if isinstance(own, dict) and "containerizers" in own:  # which masters have not
                return _agent(str(own.get("master", "")))
        except SparkMesosError:
            pass  # not of Mesos
    content = _json(http, "/v1/submissions/status/none")
    if isinstance(content, dict) and "serverSparkVersion" in content:
        return Foreign(
            "a REST server of Spark, such as a dispatcher",
            "Give the address of a Mesos master (port 5050); a dispatcher is for --dispatcher, and for"
            " sparkmesos submit --deploy-mode cluster.",
        )
    try:
        with http.streamed("/") as (_headers, pieces):
            page = next(pieces, b"")[:_MOST_OF_PAGE]
    except MesosError:
        return None
    if _STYLE_OF_SPARK in page:
        return Foreign("a web page of Spark", "Give the address of a Mesos master (port 5050).")
    return None


def _agent(master: str) -> Foreign:
    url = master if master.startswith("zk://") else master.partition("@")[2] or master
    # There may be a password in it, or it is the path of a file on that agent.
    where = " (port 5050)" if not url or "@" in url or url.startswith(("file:", "/")) else f": mesos://{url}"
    return Foreign("a Mesos agent", f"Give the address of its master{where}.")


def _json(http: MesosHttp, path: str) -> object:
    try:
        content: object = http.get(path).json()
    except ValueError:
        return None
    return content
