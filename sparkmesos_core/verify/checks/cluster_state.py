"""Whether the leading master tells what its cluster consists of."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Checks, Group, Verdict
from sparkmesos_core.verify.facts.cluster import AGENTS, STATE
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import counted

CHECKS = Checks(Group.MASTER)


@CHECKS.add(
    "master-state",
    "What the master tells of the cluster",
    Severity.ERROR,
    finds="a master that answers, but does not list its agents, frameworks and tasks, or not in time",
    remedy="Give a principal and secret whose ACLs let it read (`view_frameworks`, `view_tasks`), make sure"
    " that no proxy on the way changes or cuts off answers, and give a very large master more time with"
    " `--check-timeout`.",
)
def _master_state(known: Known) -> Verdict:
    agents = known[AGENTS].agents
    seen = counted(len(agents), "agent")
    if known.reads_tasks:
        frameworks = [one for one in known[STATE].frameworks if not one.completed]
        running = sum(one.tasks.get("TASK_RUNNING", 0) for one in frameworks)
        seen += f", {counted(len(frameworks), 'framework')}, {counted(running, 'running task')}"
    return Verdict(seen)
