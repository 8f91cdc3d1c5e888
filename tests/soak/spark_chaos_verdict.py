"""Whether an application held more than it may, kept offers, or launched without end, by what it and Mesos said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.soak.spark_chaos_deeds import ENDED, Course, Deed, launched
from tests.soak.spark_chaos_plan import Blow

OF_MASTERS = (
    Blow.MASTER_KILLED,
    Blow.MASTERS_KILLED,
    Blow.MASTER_CUT,
    Blow.MASTER_SILENT,
    Blow.ZOOKEEPER_ENDED,
)
"""Blows while which, and for a while after which, what is said between master and driver may not arrive."""
OF_AGENTS = (
    Blow.AGENT_KILLED,
    Blow.AGENT_PAUSED,
    Blow.AGENT_REPLACED,
    Blow.MACHINE_MAINTAINED,
    *OF_MASTERS,  # to whose successors agents have to come in time
)
"""Blows that let a master give an agent up."""
_MOST_SKIPPED = 0.25


def excesses(course: Course, most: float, excused: float) -> Iterator[str]:
    """When the tasks that were launched and had not ended held more than `most` cores, a line for each time.

    There is one excuse, for so many seconds: a task that was told to be lost runs after all, for its agent is
    back, while another one has taken its place.
    """
    cores: dict[str, float] = {}
    held: dict[str, float] = {}
    lost: set[str] = set()
    since: float | None = None
    told = False
    for at, said in course:
        new = {task["task_id"]["value"]: _cpus(task) for task in launched(said)}
        cores |= new
        held |= new
        what = f"{', '.join(new)} launched"
        if said["type"] == "UPDATE":
            task, state = said["update"]["status"]["task_id"]["value"], said["update"]["status"]["state"]
            what = f"{task} {state}"
            if state in ENDED:
                held.pop(task, None)
                lost.add(task)
            elif task in cores:
                held[task] = cores[task]
        elif not new:
            continue
        total = sum(held.values())
        if total <= most:
            if since is not None and at - since > excused:
                yield f"for {at - since:.1f} s tasks held more than {most:g} cores, until {what}"
            since, told = None, False
            continue
        since = at if since is None else since
        back = sum(held[task] for task in held if task in lost)
        if total - back > most and not told:
            told = True
            yield f"at {what} tasks hold {total - back:g} cores, not {most:g}, without those that were lost before: {held}"
    if since is not None:
        yield f"in the end tasks hold more than {most:g} cores: {held}"


def kept_offers(
    course: Course, patience: float, troubles: Sequence[tuple[float, float]], in_trouble: float
) -> Iterator[str]:
    """Offers that were neither answered nor void after so many seconds, a line for each.

    A new subscription makes all void; a connection that is cut or silent, too, but that is not said: `troubles` are when
    that may have been.
    """
    out: dict[str, float] = {}
    for at, said in course:
        match said["type"]:
            case "OFFERS":
                out |= {offer["id"]["value"]: at for offer in said["offers"]["offers"]}
                continue
            case "SUBSCRIBED" | "TEARDOWN":
                gone = list(out)
            case "ACCEPT" | "DECLINE" as answer:
                gone = [offer["value"] for offer in said[answer.lower()]["offer_ids"]]
            case "RESCIND":
                gone = [said["rescind"]["offer_id"]["value"]]
            case _:
                continue
        for offer in gone:
            since = out.pop(offer, at)
            excused = any(begin <= at and since <= end for begin, end in troubles)
            if at - since > (in_trouble if excused else patience):
                yield f"the offer {offer} was kept for {at - since:.1f} s, until {said['type']}"
    yield from (f"the offer {offer} was kept to the end" for offer in out)


def churn(launches: int, executors: int, strikes: int, *, dynamic: bool) -> Iterator[str]:
    """Whether more was launched than so many strikes explain: each one ends all executors at the most.

    Executors that are allocated dynamically also go when they have nothing to do: once between the two jobs, and
    otherwise only where tasks wait for what a strike has met, of which those then are the executors that it ends.
    """
    most = executors * (1 + strikes + dynamic)
    if launches > most:
        yield f"{launches} launches; {strikes} strikes at {executors} executors explain {most} at the most"


def missed(deeds: Iterable[Deed], planned: int) -> Iterator[str]:
    """Whether too many of the strikes that were planned met nobody, so that the run says little."""
    skipped = planned - sum(deed.met for deed in deeds)
    if skipped > _MOST_SKIPPED * planned:
        yield f"{skipped} of {planned} strikes met nobody"


def agents_lost(course: Course, troubles: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """How often a master gave an agent up, and how many of these times no strike explains."""
    return sum(1 for _ in _losses(course)), sum(1 for _ in unexplained_losses(course, troubles))


def unexplained_losses(course: Course, troubles: Sequence[tuple[float, float]]) -> Iterator[str]:
    """When a master gave an agent up that nothing had befallen, a line for each time.

    However busy the machine is, there is none: masters and agents share one event loop, on which a pong that
    is late is still there before the next ping is due.
    """
    for at, agent in _losses(course):
        if not any(begin <= at <= end for begin, end in troubles):
            yield f"the master gave the agent {agent} up, which no strike explains"


def _losses(course: Course) -> Iterator[tuple[float, str]]:
    """When a master gave which agent up."""
    for at, said in course:
        if said["type"] == "FAILURE" and "executor_id" not in said["failure"]:
            yield at, said["failure"]["agent_id"]["value"]


def _cpus(task: Any) -> float:
    return float(sum(one["scalar"]["value"] for one in task["resources"] if one["name"] == "cpus"))
