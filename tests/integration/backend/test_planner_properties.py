"""The planner with random offers, settings and events: what must always hold, holds (planner_model.py)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.integration.backend.planner_model import Model, Size
from tests.integration.backend.stories import offer, ports, scalar, tell

Json = dict[str, Any]

pytestmark = pytest.mark.slow

AGENTS = 2
HOSTS = [f"agent{number}.mesos.example" for number in range(AGENTS)]
PORT = 31005
HOUR = 3_600_000

# Resources of one name differ in more than their role, and Mesos takes none for another.
KINDS: list[Json] = [
    {"role": "*"},
    {"role": "*", "allocation_info": {"role": "spark"}},
    {"role": "spark"},
    {"role": "spark", "reservation": {"principal": "ops"}},
    {
        "role": "spark",
        "reservation": {"principal": "ops", "labels": {"labels": [{"key": "team", "value": "a"}]}},
    },
    {
        "role": "*",
        "reservations": [{"type": "STATIC", "role": "spark"}],
        "allocation_info": {"role": "spark/etl"},
    },
    {
        "role": "*",
        "reservations": [
            {"type": "STATIC", "role": "spark"},
            {"type": "DYNAMIC", "role": "spark/etl", "principal": "p"},
        ],
    },
    {"role": "*", "provider_id": {"value": "rp"}},
]
ATTRIBUTES: list[Json] = [
    {"name": "zone", "type": "TEXT", "text": {"value": "a"}},
    {"name": "zone", "type": "TEXT", "text": {"value": "b"}},
    {"name": "rack", "type": "SCALAR", "scalar": {"value": 3}},
    {"name": "open", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 4}, {"begin": 8, "end": 9}]}},
    {"name": "disks", "type": "SET", "set": {"item": ["ssd", "hdd"]}},
]
CONSTRAINTS = [
    "",
    "zone:a",
    "zone:",
    "zone:a,b;rack:2",
    "rack:4",
    "open:3",
    "open:5,8",
    "disks:ssd",
    "disks:ssd,tape",
    "os:",
]

kinds = st.sampled_from(KINDS)
amounts = st.one_of(st.integers(0, 8), st.sampled_from([0.001, 0.1, 0.5, 1.9, 2.001, 3.999]))
cpus = st.builds(lambda amount, kind: {**scalar("cpus", amount), **kind}, amounts, kinds)
memory = st.builds(
    lambda amount, kind: {**scalar("mem", amount), **kind},
    st.sampled_from([100, 500, 884, 1000.5, 2048, 6000]),
    kinds,
)
gpus = st.builds(lambda amount, kind: {**scalar("gpus", amount), **kind}, st.integers(0, 3), kinds)
ranges = st.sampled_from(
    [((31000, 31010),), ((31000, 31004), (31005, 31005)), ((31006, 31009),), ((31005, 31007),), ()]
)
open_ports = st.builds(lambda bounds, kind: {**ports(*bounds), **kind}, ranges, kinds)
others = st.sampled_from(
    [
        scalar("disk", 1000),
        scalar(
            "disk",
            50,
            "spark",
            disk={"persistence": {"id": "v"}, "volume": {"container_path": "p", "mode": "RW"}},
        ),
        {"name": "licences", "type": "SET", "set": {"item": ["x"]}, "role": "*"},
    ]
)
parts = st.lists(st.one_of(cpus, cpus, memory, memory, gpus, open_ports, others), max_size=8)
# One offer in two is as large as those of real agents, so that several executors fit.
large = st.builds(
    lambda rest, kind: [
        {**scalar("cpus", 9), **kind},
        scalar("mem", 9000),
        scalar("gpus", 2),
        ports((31000, 31010)),
        *rest,
    ],
    parts,
    kinds,
)
attributes = st.one_of(
    st.just(ATTRIBUTES[1:]),
    st.lists(st.sampled_from(ATTRIBUTES), unique_by=lambda one: one["name"], max_size=4),
)


@st.composite
def properties(draw: st.DrawFn) -> dict[str, str]:
    maybe: dict[str, st.SearchStrategy[Any]] = {
        "spark.cores.max": st.integers(1, 20),
        "spark.executor.cores": st.integers(2, 3),
        "spark.task.cpus": st.integers(1, 2),
        "spark.mesos.extra.cores": st.integers(0, 2),
        "spark.mesos.executor.memoryOverhead": st.sampled_from([0, 1, 300]),
        "spark.mesos.gpus.max": st.integers(1, 4),
        "spark.mesos.constraints": st.sampled_from(CONSTRAINTS),
        "spark.blockManager.port": st.just(PORT),
        "spark.dynamicAllocation.enabled": st.sampled_from(["false", "true"]),
        "spark.mesos.executor.agentFailures.max": st.integers(0, 3),
        "spark.mesos.executor.agentFailures.expiry": st.sampled_from(["0s", "10s", "2h"]),
        "spark.locality.wait": st.sampled_from(["0s", "5s", "1h"]),
        "spark.mesos.rejectOfferDuration": st.just("7s"),
        "spark.mesos.rejectOfferDurationForReachedMaxCores": st.just("11s"),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(maybe)))) | {"spark.dynamicAllocation.enabled"}
    if draw(st.booleans()):
        chosen.add("spark.executor.cores")
    heap = draw(st.sampled_from([100, 500, 2000]))
    return {"spark.executor.memory": f"{heap}m"} | {name: str(draw(maybe[name])) for name in sorted(chosen)}


@st.composite
def profiles(draw: st.DrawFn) -> list[Json]:
    def one(number: int) -> Json:
        asked = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "cores": st.integers(2, 5),
                    "memory": st.sampled_from([200, 900]),
                    "memoryOverhead": st.sampled_from([10, 100]),
                    "gpu": st.integers(1, 2),
                },
            )
        )
        return {"id": number, "asked": asked, "taskCpus": draw(st.integers(1, 2))}

    return [one(number) for number in range(1, 1 + draw(st.integers(0, 2)))]


@st.composite
def events(draw: st.DrawFn) -> list[Json]:
    numbers = st.fixed_dictionaries(
        {"0": st.integers(0, 6)}, optional={number: st.integers(0, 4) for number in ("1", "2", "3")}
    )
    ids = st.integers(0, 3).map(str)
    agents = st.integers(0, AGENTS - 1)
    hosts = st.dictionaries(st.sampled_from([*HOSTS, "elsewhere"]), st.integers(1, 3), min_size=1, max_size=2)
    happening = st.one_of(
        st.builds(lambda one: {"wanted": one}, numbers),
        st.builds(lambda one: {"running": one}, ids),
        st.builds(lambda one: {"ending": one}, ids),
        st.builds(lambda one, failure: {"ended": one, "isFailure": failure}, ids, st.booleans()),
        st.builds(
            lambda most, failure: {"trouble": most, "isFailure": failure},
            st.sampled_from([3, 8]),
            st.booleans(),
        ),
        st.builds(lambda one: {"localTasks": one}, st.dictionaries(st.sampled_from(["0", "1"]), hosts)),
        st.builds(
            lambda agent, leaving: {"draining": f"S{agent}", "isDraining": leaving}, agents, st.booleans()
        ),
    )
    offers = st.lists(st.tuples(st.one_of(large, parts), agents, attributes), min_size=1, max_size=3)
    now, offered = 0, 0
    told: list[Json] = []
    if draw(st.booleans()):  # Spark knows from the start what it wants, and where
        told += [{"wanted": draw(numbers), "at": now}, {"localTasks": {"0": draw(hosts)}, "at": now}]
    for _ in range(draw(st.integers(3, 14))):
        turn: Any = draw(offers if draw(st.integers(0, 9)) < 5 else happening)
        now += draw(st.sampled_from([0, 1, 1_000, 4_000, 6_000, HOUR]))
        if isinstance(turn, dict):
            several = [{"ended": str(one), **turn} for one in range(turn.pop("trouble", 0))]
            told += [{**one, "at": now} for one in several or [turn]]
            continue
        made = [
            {**offer(offered + number, agent=agent, attributes=there), "resources": resources}
            for number, (resources, agent, there) in enumerate(turn)
        ]
        offered += len(made)
        told.append({"offers": made, "at": now})
    return told


@given(properties(), profiles(), events())
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_whatever_is_offered(harness, conf, own, happened):
    sizes = sizes_of(conf, own)
    if any(size.gpus for size in sizes.values()):
        conf.setdefault("spark.mesos.gpus.max", "3")
    model = model_of(conf, sizes)
    steps = tell(harness, happened, conf, own)
    for event, step in zip(happened, steps, strict=True):
        note(f"{event} -> {step}")
        model.follow(event, step)


def sizes_of(conf: dict[str, str], own: list[Json]) -> dict[str, Size]:
    """What the properties and the profiles mean, told anew. Memory in MiB."""
    heap = int(conf["spark.executor.memory"].rstrip("m"))
    extra = int(conf.get("spark.mesos.extra.cores", 0))
    tasks = int(conf.get("spark.task.cpus", 1))
    overhead = conf.get("spark.mesos.executor.memoryOverhead")
    cores = int(conf["spark.executor.cores"]) if "spark.executor.cores" in conf else None

    def size(asked: Json, task_cpus: int) -> Size:
        own_heap = asked.get("memory", heap)
        besides = asked.get("memoryOverhead", max(own_heap // 10, 384) if overhead is None else int(overhead))
        own_cores = asked.get("cores", cores)
        return Size(
            own_cores, own_heap + besides, asked.get("gpu", 0), own_cores or max(1, task_cpus - extra)
        )

    return {"0": size({}, tasks)} | {str(one["id"]): size(one["asked"], one["taskCpus"]) for one in own}


def model_of(conf: dict[str, str], sizes: dict[str, Size]) -> Model:
    refuse = float(conf.get("spark.mesos.rejectOfferDuration", "120s").rstrip("s"))
    reached = conf.get("spark.mesos.rejectOfferDurationForReachedMaxCores")
    expiry = {"0s": 0, "10s": 10_000, "2h": 2 * HOUR}
    waits = {"0s": 0, "5s": 5_000, "1h": HOUR}
    return Model(
        cores_max=int(conf["spark.cores.max"]) if "spark.cores.max" in conf else None,
        gpus_max=int(conf.get("spark.mesos.gpus.max", 0)),
        port=int(conf["spark.blockManager.port"]) if "spark.blockManager.port" in conf else None,
        constraints=conf.get("spark.mesos.constraints", ""),
        refuse_unmet=refuse,
        refuse_reached=refuse if reached is None else float(reached.rstrip("s")),
        failures_max=int(conf.get("spark.mesos.executor.agentFailures.max", 2)),
        expiry=expiry[conf["spark.mesos.executor.agentFailures.expiry"]]
        if "spark.mesos.executor.agentFailures.expiry" in conf
        else HOUR,
        locality_wait=waits[conf["spark.locality.wait"]] if "spark.locality.wait" in conf else 3_000,
        is_dynamic=conf.get("spark.dynamicAllocation.enabled") == "true",
        sizes=sizes,
    )
