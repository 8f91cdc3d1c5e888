"""Why a probe's task has told nothing, or not everything, by what Mesos and its fetcher say."""

from __future__ import annotations

import re
from enum import Enum, auto

from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.probe.names import TASK_PREFIX
from sparkmesos_core.verify.probe.result import Ending, TriedAgent

_FETCH = re.compile(r"Failed to fetch|stall_timeout", re.IGNORECASE)
_USER = re.compile(r"No such user|Failed to get user|user '[^']*' does not exist", re.IGNORECASE)
_IDS = re.compile(rf"\b[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(-\w+)?|{TASK_PREFIX}\d+")
"""Those that Mesos gives to agents, offers, frameworks and containers, and those of our tasks."""
_SANDBOX = re.compile(r"/[^\s']*/frameworks/[^\s']*/runs/[^/\s']+")
_BEGUN = ("TASK_STARTING", "TASK_RUNNING")
_LONGEST = 300


class Trouble(Enum):
    """What has kept a task from telling everything."""

    FETCH = auto()
    """The agent could not fetch what executors need, or has not come to the end of it."""
    USER = auto()
    """There is no such user on the agent."""
    START = auto()
    """Everything else."""


def trouble_of(agent: TriedAgent, *, fetches: bool) -> Trouble | None:
    """None if the task has told everything; `fetches` says whether there is anything to fetch."""
    if agent.ending is Ending.TOLD:
        return None
    if agent.report is None:
        if _USER.search(agent.message):
            return Trouble.USER
        is_fetching = agent.ending is Ending.LATE and agent.state not in _BEGUN
        if fetches and (is_fetching or _FETCH.search(agent.message)):
            return Trouble.FETCH
    return Trouble.START


def words_of(agent: TriedAgent) -> str:
    """What Mesos says of the end of a task, in a line, without what differs from agent to agent."""
    text = re.sub(r"container '[0-9a-f-]+'", "the container", agent.message)
    text = re.sub(r"'/\S*/(stdout|stderr)'", r"\1", text)
    text = _IDS.sub("…", _SANDBOX.sub("…", text))
    words = " ".join(printable(redact_text(text)).split())
    return words[:_LONGEST] or agent.state or "nothing is known of it"


def fetching_line(agent: TriedAgent) -> str:
    """The line in which the fetcher says what went wrong; empty if there is none."""
    for line in reversed(agent.output):
        if (at := line.find("Failed to fetch '")) >= 0:
            return printable(redact_text(_SANDBOX.sub("…", line[at:])))[:_LONGEST]
    return ""


def fetching_hint(agent: TriedAgent) -> str:
    """What to do about an agent that cannot fetch."""
    text = "\n".join(agent.output).lower()
    for pattern, hint in _HINTS:
        if re.search(pattern, text):
            return hint
    return "See in the details what the agent's fetcher says, and try the URI on that agent."


_UPLOAD = "`sparkmesos upload-dist` uploads an archive and prints the URI to set."
_HINTS = (
    (
        r"no space left|disk quota",
        "Make room on the agent's disk, where its --work_dir and fetcher cache are.",
    ),
    (
        r"hadoop client is not available|hadoop: |hadoop_home",
        "Install Hadoop's client on agents and set --hadoop_home, or serve the archive over HTTP: "
        "`sparkmesos upload-dist` or `sparkmesos serve-dist`.",
    ),
    (r"\b404\b|not found", f"Nothing is there for agents: correct the URI. {_UPLOAD}"),
    (
        r"\b40[13]\b|permission denied|access denied|forbidden",
        "Agents may not read it: let everybody read it there, or give agents the credentials it wants.",
    ),
    (
        r"cannot stat|no such file",
        f"The path has to be on every agent: put the file there, or give a URI that agents fetch. {_UPLOAD}",
    ),
    (
        r"resolve host|name or service not known|unknown host|resolve",
        "Agents do not know the name of that host: put it into their DNS or hosts files, or use its address.",
    ),
    (
        r"connect to server|connection refused|timed out|no route|unreachable",
        "Agents cannot connect to that server: see that it listens for other machines and that no firewall "
        "is between.",
    ),
    (
        r"extract|tar:|gzip|unzip|archive",
        f"Agents cannot unpack it: it was cut off, or its name does not say what it is. {_UPLOAD}",
    ),
)
