"""What a client asks for in a CreateSubmissionRequest, checked and completed: a submission.

All that can be wrong with it is said at once, and before it is accepted: see `rest/properties.py` and
section "Validation" of docs/reference/rest.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparkmesos_core.conf.values.overheads import DEFAULT_FACTOR, container_memory, driver_overhead
from sparkmesos_core.conf.values.scalars import parse_boolean, parse_integer, parse_number
from sparkmesos_core.conf.values.value_types import MEBIBYTES, MEMORY, WHOLE_MEBIBYTES
from sparkmesos_core.dispatcher.drivers.submission import DEFAULT_QUEUE, Submission
from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY
from sparkmesos_core.dispatcher.rest.command_limits import (
    LONGEST_COMMAND,
    carriage_return_problems,
    command_problems,
    length_problems,
)
from sparkmesos_core.dispatcher.rest.json_body import Body, Number, parse_body, text_of
from sparkmesos_core.dispatcher.rest.problems import Problem, RequestError
from sparkmesos_core.dispatcher.rest.properties import combination_problems, property_problems
from sparkmesos_core.dispatcher.rest.rules import MAX_RETRIES, QUEUE, ROLE_PROPERTY, Rules
from sparkmesos_core.dispatcher.rest.uris import uri_problem
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_MESSAGE = "CreateSubmissionRequest"
_FAILED = f"Malformed request: Validation of message {_MESSAGE} failed!"
_FIELDS = frozenset(
    {
        "action",
        "appArgs",
        "appResource",
        "clientSparkVersion",
        "environmentVariables",
        "mainClass",
        "message",
        "sparkProperties",
    }
)
_LONGEST_TOKEN = 256
_MOST_UNKNOWN = 100
_LONGEST_SHOWN = 8192
"""Characters of what is told of each driver in lists."""
_TOO_LONG = f"it has more than {_LONGEST_SHOWN} characters"
_DEFAULT_HEAP = 1024
_MOST_CORES = 2**31 - 1
"""As many as spark-submit, which gets them, can count."""
_OF_MEMORY = (
    "spark.driver.memory",
    "spark.mesos.driver.memoryOverhead",
    "spark.driver.memoryOverhead",
    "spark.driver.memoryOverheadFactor",
)


@dataclass(frozen=True)
class CreateRequest:
    """An understood request."""

    submission: Submission
    token: str
    """What the client made up to recognise its request by; empty without one."""
    unknown_fields: tuple[str, ...]
    """What stands in the request and means nothing here."""


def read_create_request(body: bytes, rules: Rules) -> CreateRequest:
    """The submission in the body of a request. Raises RequestError, which names all that is wrong with it."""
    message = parse_body(body)
    action = message.fields.get("action")
    if not isinstance(action, str) or isinstance(action, Number):
        raise RequestError("Malformed request: the field 'action' is missing")
    if action != _MESSAGE:
        raise RequestError(f"Received message of unexpected type {quoted(action)[1:-1]}.")
    fields = _Fields(message)
    resource = fields.text("appResource")
    main_class = fields.text("mainClass")
    version = fields.text("clientSparkVersion")
    arguments = fields.texts("appArgs")
    environment = fields.mapping("environmentVariables")
    own_properties = fields.mapping("sparkProperties")
    problems = fields.problems
    properties = {**rules.defaults, **own_properties}
    token = properties.pop(TOKEN_PROPERTY, "")
    if rules.enforce_role and rules.role != "*":
        properties.setdefault(ROLE_PROPERTY, rules.role)
    if len(body) > LONGEST_COMMAND and (too_long := length_problems(arguments, properties)):
        raise RequestError(_FAILED, too_long)  # and whatever else there is would take long to be found
    if "sparkProperties" in fields.understood:
        problems.extend(property_problems(properties))
        problems.extend(combination_problems(properties))
        problems.extend(_rule_problems(properties, environment, token, rules))
    if "appResource" in fields.understood and (reason := uri_problem(resource.strip())) is not None:
        problems.append(Problem("appResource", *reason))
    problems.extend(_variable_problems(environment))
    problems.extend(carriage_return_problems(main_class, arguments, properties))
    sizes = _Sizes(properties, {problem.key for problem in problems})
    problems.extend(sizes.problems)
    if problems:
        raise RequestError(_FAILED, problems)
    queue = properties.get(QUEUE, DEFAULT_QUEUE)
    retries = properties.get(MAX_RETRIES)
    submission = Submission(
        app_resource=resource,
        main_class=main_class,
        app_args=arguments,
        properties=properties,
        environment=environment,
        name=properties.get("spark.app.name") or main_class,
        cores=sizes.cores,
        heap=sizes.heap,
        memory=sizes.memory,
        supervise=parse_boolean(properties.get("spark.driver.supervise", "false")),
        max_retries=rules.max_retries if retries is None else parse_integer(retries),
        queue=queue,
        priority=rules.queues[queue],
        client_version=version,
    )
    if problems := command_problems(submission, rules.cluster):
        raise RequestError(_FAILED, problems)
    return CreateRequest(submission, token, _unknown(message))


class _Fields:
    """The fields of a message, each asked for once; what is wrong with them gathers in `problems`."""

    def __init__(self, message: Body) -> None:
        self._fields = message.fields
        self.problems: list[Problem] = []
        self.understood: set[str] = set()

    def text(self, name: str) -> str:
        value = self._required(name)
        if value is None:
            return ""
        text = text_of(value)
        if text is None:
            self._wrong(name, "a text")
            return ""
        if "\0" in text:
            self.problems.append(Problem(name, "it holds a NUL"))
        if len(text) > _LONGEST_SHOWN:
            self.problems.append(Problem(name, _TOO_LONG))
            return ""
        self.understood.add(name)
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._required(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._wrong(name, "an array of texts")
            return ()
        texts = []
        for index, item in enumerate(value):
            text = text_of(item)
            if text is None:
                self.problems.append(Problem(f"{name}[{index}]", "it is not a text"))
            elif "\0" in text:
                self.problems.append(Problem(f"{name}[{index}]", "it holds a NUL, which no argument can"))
            else:
                texts.append(text)
        self.understood.add(name)
        return tuple(texts)

    def mapping(self, name: str) -> dict[str, str]:
        value = self._required(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(name, "an object of texts")
            return {}
        texts = {}
        for key, item in value.items():
            if item is None:
                continue  # as if it were not there
            text = text_of(item)
            if text is None:
                self.problems.append(Problem(f"{name}.{quoted(key)[1:-1]}", "its value is not a text"))
            elif "\0" in key or "\0" in text:
                self.problems.append(Problem(f"{name}.{quoted(key)[1:-1]}", "it holds a NUL"))
            else:
                texts[key] = text
        self.understood.add(name)
        return texts

    def _required(self, name: str) -> Any:
        value = self._fields.get(name)
        if value is None:
            self.problems.append(Problem(name, f"'{name}' is missing in message {_MESSAGE}"))
        return value

    def _wrong(self, name: str, expected: str) -> None:
        self.problems.append(Problem(name, f"it is not {expected}"))


class _Sizes:
    """What a driver needs, of properties some of which may be `broken`: those are not looked at again."""

    def __init__(self, properties: Mapping[str, str], broken: set[str]) -> None:
        self.problems: list[Problem] = []
        self.cores, self.heap, self.memory = 1.0, _DEFAULT_HEAP, 0
        if "spark.driver.cores" not in broken:
            self.cores = parse_number(properties.get("spark.driver.cores", "1"))
            if self.cores <= 0:
                self.problems.append(
                    Problem("spark.driver.cores", "it is not more than 0", "Write a number, as in 1 or 0.5.")
                )
            if self.cores > _MOST_CORES:
                self.problems.append(Problem("spark.driver.cores", f"it is more than {_MOST_CORES}"))
        if broken.isdisjoint(_OF_MEMORY):
            self._read_memory(properties)

    def _read_memory(self, properties: Mapping[str, str]) -> None:
        heap, mesos, generic, factor = (properties.get(key) for key in _OF_MEMORY)
        if heap is not None:
            self.heap = MEMORY.parse(heap)
        overhead = driver_overhead(
            None if mesos is None else WHOLE_MEBIBYTES.parse(mesos),
            None if generic is None else MEBIBYTES.parse(generic),
        )
        try:
            self.memory = container_memory(
                self.heap, overhead, DEFAULT_FACTOR if factor is None else parse_number(factor)
            )
        except UsageError as error:
            key = next(key for key in (*_OF_MEMORY[1:], _OF_MEMORY[0]) if key in properties)
            self.problems.append(Problem(key, error.message, error.hint))


def _rule_problems(
    properties: Mapping[str, str], environment: Mapping[str, str], token: str, rules: Rules
) -> list[Problem]:
    """What the dispatcher's own configuration has against a submission."""
    problems = []
    if "spark.app.name" not in properties:
        problems.append(
            Problem("spark.app.name", f"'spark.app.name' is missing in sparkProperties of {_MESSAGE}")
        )
    if len(properties.get("spark.app.name", "")) > _LONGEST_SHOWN:
        problems.append(Problem("spark.app.name", _TOO_LONG))
    queue = properties.get(QUEUE, DEFAULT_QUEUE)
    if queue not in rules.queues:
        problems.append(
            Problem(
                QUEUE,
                f"this dispatcher has no queue {quoted(queue)}",
                f"It has {', '.join(sorted(rules.queues))}.",
            )
        )
    role = properties.get(ROLE_PROPERTY, rules.role)
    if rules.enforce_role and role != rules.role:
        problems.append(
            Problem(
                ROLE_PROPERTY,
                f"this dispatcher takes drivers of its own role {quoted(rules.role)} only",
                "Leave it out.",
            )
        )
    if len(token) > _LONGEST_TOKEN or not token.isprintable():
        problems.append(Problem(TOKEN_PROPERTY, f"it is not a line of at most {_LONGEST_TOKEN} characters"))
    if not _has_spark(properties, environment, rules):
        problems.append(
            Problem(
                "spark.executor.uri",
                "nothing says where agents find Spark",
                "Set spark.executor.uri to an archive of it, spark.mesos.executor.home to its directory on"
                " agents, or spark.mesos.executor.docker.image to an image that holds it.",
            )
        )
    return problems


def _has_spark(properties: Mapping[str, str], environment: Mapping[str, str], rules: Rules) -> bool:
    return bool(
        "spark.mesos.executor.docker.image" in properties
        or "spark.executor.uri" in properties
        or environment.get("SPARK_EXECUTOR_URI", "").strip()
        or properties.get("spark.mesos.executor.home")
        or rules.spark_home
    )


def _variable_problems(environment: Mapping[str, str]) -> list[Problem]:
    problems = [
        Problem(f"environmentVariables.{quoted(name)[1:-1]}", "it is not the name of a variable")
        for name in environment
        if not name or "=" in name
    ]
    archive = environment.get("SPARK_EXECUTOR_URI", "").strip()
    if archive and (reason := uri_problem(archive)) is not None:
        problems.append(Problem("environmentVariables.SPARK_EXECUTOR_URI", *reason))
    return problems


def _unknown(message: Body) -> tuple[str, ...]:
    """As Spark reports them: fields that it does not know, and known ones that are given twice."""
    unknown = [name for name in message.fields if name not in _FIELDS]
    unknown += [name for name in message.repeated if name in _FIELDS]
    return tuple(quoted(name)[1:-1] for name in unknown[:_MOST_UNKNOWN])
