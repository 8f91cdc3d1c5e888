"""ACCEPT calls: which offers are used for which tasks, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.master import scheduler_call as calls
from sparkmesos_core.localcluster.master.allocation import refuse
from sparkmesos_core.localcluster.master.launch_validation import (
    launch_cost,
    same_executor,
    task_problem,
)
from sparkmesos_core.localcluster.master.master_actions import Action, TellAgent, master_status
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import (
    Agent,
    Executor,
    Framework,
    JsonObject,
    Offer,
    Task,
)
from sparkmesos_core.localcluster.messages import RunTask
from sparkmesos_core.mesos.resources import Resources


@dataclass(frozen=True)
class _Refused:
    """A task that cannot be launched, and why."""

    task: JsonObject
    problem: str
    reason: str = "REASON_TASK_INVALID"


@dataclass(frozen=True)
class _Launch:
    """A task that is launched; `starts` is what its executor takes if that does not run yet."""

    task: JsonObject
    resources: Resources
    starts: Resources | None


def accept(books: Books, framework: Framework, call: calls.Accept, now: float) -> list[Action]:
    """Launch what can be launched on the offers; CallRefused for operations that are not implemented."""
    launches = [_launched(operation, framework.framework_id) for operation in call.operations]
    books.counters["messages_launch_tasks"] += sum(bool(tasks) for tasks in launches)
    if (problem := _offers_problem(books, framework, call.offer_ids)) is not None:
        for offer_id in call.offer_ids:
            if (offer := framework.offers.get(offer_id)) is not None:
                books.discard_offer(offer)
        statuses = [_invalid_offers(framework, task, problem, now) for tasks in launches for task in tasks]
        return [action for status in statuses for action in books.send_status(framework, status)]
    offers = [framework.offers[offer_id] for offer_id in call.offer_ids]
    first = offers[0]
    available = Resources()
    for offer in offers:
        available = available + offer.resources
    judge = _Judge(framework, books.agents[first.agent_id], first.role, available)
    for operation, tasks in zip(call.operations, launches, strict=True):
        for task in tasks:
            judge.judge(operation["type"], task)
    # Nothing has been changed so far: whatever goes wrong above, the offers are still there.
    for offer in offers:
        books.close_offer(offer)
    actions: list[Action] = []
    for verdict in judge.verdicts:
        if isinstance(verdict, _Refused):
            actions += books.send_status(framework, _refusal(verdict, now))
        else:
            actions.append(_launch(books, framework, first, verdict))
    refuse(books, framework, first, judge.available, call.refuse_seconds, now)
    return actions


def _offers_problem(books: Books, framework: Framework, offer_ids: tuple[str, ...]) -> str | None:
    if not offer_ids:
        return "No offers specified"
    if len(set(offer_ids)) < len(offer_ids):
        twice = next(offer_id for offer_id in offer_ids if offer_ids.count(offer_id) > 1)
        return f"Duplicate offer {twice} in offer list"
    for offer_id in offer_ids:
        if offer_id not in books.offers:
            return f"Offer {offer_id} is no longer valid"
    for offer_id in offer_ids:
        if (owner := books.offers[offer_id].framework_id) != framework.framework_id:
            return f"Offer {offer_id} belongs to framework {owner}, not to {framework.framework_id}"
    offers = [framework.offers[offer_id] for offer_id in offer_ids]
    if len({offer.role for offer in offers}) > 1:
        return "Aggregated offers must belong to one single role"
    if len({offer.agent_id for offer in offers}) > 1:
        return "Aggregated offers must belong to one single agent"
    return None


class _Judge:
    """Decides on one task after the other what becomes of it, and what is left of the offers after that."""

    def __init__(self, framework: Framework, agent: Agent, role: str, available: Resources) -> None:
        self.available = available
        self.verdicts: list[_Refused | _Launch] = []
        self._framework = framework
        self._agent = agent
        self._role = role
        self._launched: set[str] = set()
        self._executors = {
            executor_id: executor.info
            for (owner, executor_id), executor in agent.executors.items()
            if owner == framework.framework_id
        }

    def judge(self, kind: str, task: JsonObject) -> None:
        """`kind` is that of the operation which launches the task."""
        if kind == "LAUNCH_GROUP":
            problem = "The embedded cluster does not launch task groups"
            verdict: _Refused | _Launch = _Refused(task, problem, "REASON_TASK_GROUP_INVALID")
        elif (problem_ := self._problem(task)) is not None:
            verdict = _Refused(task, problem_)
        else:
            verdict = self._launch(task)
        self.verdicts.append(verdict)

    def _problem(self, task: JsonObject) -> str | None:
        duplicate = self._duplicate(task["task_id"]["value"])
        problem = task_problem(task, self._framework.framework_id, self._agent.agent_id, duplicate)
        if problem is not None or "executor" not in task:
            return problem
        executor_id = task["executor"]["executor_id"]["value"]
        known = self._executors.get(executor_id)
        if known is None or same_executor(task["executor"], known):
            return None
        return (
            f"ExecutorInfo is not compatible with that of the executor '{executor_id}',"
            " which runs on the agent already"
        )

    def _duplicate(self, task_id: str) -> str | None:
        if task_id in self._launched or task_id in self._framework.tasks:
            return f"Task has duplicate ID: {task_id}"
        if task_id in self._framework.unreachable_tasks:
            return f"Task reuses the ID of an unreachable task: {task_id}"
        return None

    def _launch(self, task: JsonObject) -> _Refused | _Launch:
        executor = task.get("executor")
        if executor is not None and executor["executor_id"]["value"] in self._executors:
            executor = None  # it runs, or another task of this call starts it
        cost = launch_cost(task, executor, self.available, self._role)
        if isinstance(cost, str):
            return _Refused(task, cost)
        resources, executor_resources = cost
        self.available = self.available - (resources + executor_resources)
        self._launched.add(task["task_id"]["value"])
        if executor is None:
            return _Launch(task, resources, None)
        self._executors[executor["executor_id"]["value"]] = executor
        return _Launch(task, resources, executor_resources)


def _launch(books: Books, framework: Framework, offer: Offer, launch: _Launch) -> Action:
    framework_id = framework.framework_id
    if launch.starts is not None:
        info = launch.task["executor"]
        books.add_executor(Executor(info, framework_id, offer.agent_id, offer.role, launch.starts))
    books.add_task(Task(launch.task, framework_id, offer.agent_id, offer.role, launch.resources))
    launch_executor = launch.starts is not None or "executor" not in launch.task
    return TellAgent(offer.agent_id, RunTask(framework.info, launch.task, offer.role, launch_executor))


def _launched(operation: JsonObject, framework_id: str) -> list[JsonObject]:
    """The tasks of a launch, with the framework's id in their executors.

    CallRefused for all other operations, since Mesos has no answer that says so.
    """
    kind = operation.get("type")
    try:
        if kind == "LAUNCH":
            tasks = operation["launch"]["task_infos"]
        elif kind == "LAUNCH_GROUP":
            tasks = operation["launch_group"]["task_group"]["tasks"]
        else:
            raise CallRefused(
                400, f"The embedded cluster implements no offer operation but LAUNCH, and this is {kind}"
            )
        return [_checked(task, framework_id) for task in tasks]
    except (KeyError, TypeError, AttributeError) as error:
        raise CallRefused(
            400, f"Failed to convert JSON into Call protobuf: Missing required fields: task_infos ({error})"
        ) from None


def _checked(task: JsonObject, framework_id: str) -> JsonObject:
    """What no task can do without; KeyError or TypeError for one that does."""
    if not isinstance(task["task_id"]["value"], str) or not isinstance(task["name"], str):
        raise TypeError("a name or an id is not a string")
    if not isinstance((task.get("agent_id") or {}).get("value", ""), str):
        raise TypeError("an agent id is not a string")
    executor = task.get("executor")
    if executor is None:
        return {name: value for name, value in task.items() if name != "executor"}
    if not isinstance(executor["executor_id"]["value"], str):
        raise TypeError("an executor id is not a string")
    if not isinstance(executor.get("framework_id") or {}, dict):
        raise TypeError("a framework id is not an object")
    return {**task, "executor": {"framework_id": {"value": framework_id}, **executor}}


def _invalid_offers(framework: Framework, task: JsonObject, problem: str, now: float) -> JsonObject:
    return master_status(
        task["task_id"]["value"],
        "TASK_DROPPED" if framework.partition_aware else "TASK_LOST",
        now,
        message=f"Task launched with invalid offers: {problem}",
        reason="REASON_INVALID_OFFERS",
        agent_id=(task.get("agent_id") or {}).get("value"),
    )


def _refusal(refused: _Refused, now: float) -> JsonObject:
    return master_status(
        refused.task["task_id"]["value"],
        "TASK_ERROR",
        now,
        message=refused.problem,
        reason=refused.reason,
        agent_id=(refused.task.get("agent_id") or {}).get("value"),
    )
