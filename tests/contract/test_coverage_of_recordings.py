"""Which test holds which recording against the embedded cluster, the bridge and the core's clients, or why none does."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.contract.bridge import test_replay as bridge_replay
from tests.contract.recorded import RECORDINGS, load
from tests.contract.test_framework_client import REPLAYED as FRAMEWORK_CLIENT
from tests.contract.test_operator_client import OPERATOR_RECORDINGS

HERE = Path(__file__).parent
RECORDED = {path.stem for path in RECORDINGS.glob("*.json")}

SCHEDULER = "test_localcluster_scheduler.py::"
OPERATOR = "test_localcluster_operator_endpoints.py::"

EMBEDDED_CLUSTER = {
    "authentication": "test_localcluster_authentication.py::test_every_recorded_request",
    "executor-bad-requests": "test_localcluster_executor_replay.py::test_malformed_calls",
    "executor-http": "test_localcluster_executor_replay.py::test_from_launch_to_shutdown",
    "executor-http-agent-restart": "test_localcluster_executor_replay.py::test_an_agent_dies_and_comes_back",
    "executor-http-agent-restart-scheduler-side": (
        "test_localcluster_executor_replay.py::test_an_agent_dies_and_comes_back"
    ),
    "executor-http-scheduler-side": "test_localcluster_executor_replay.py::test_from_launch_to_shutdown",
    "leading-master-redirect": "test_localcluster_masters.py::test_who_is_asked_and_does_not_lead",
    "non-leading-master": "test_localcluster_masters.py::test_who_is_asked_and_does_not_lead",
    "scheduler-agent-gone": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-agent-killed": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-agent-killed-partition-aware": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-agent-lost-checkpoint": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-agent-lost-partition-aware": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-agent-partitioned": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-agent-partitioned-partition-aware": (
        "test_localcluster_agents.py::test_what_happens_to_an_agent"
    ),
    "scheduler-agent-shutdown": "test_localcluster_agents.py::test_what_happens_to_an_agent",
    "scheduler-authenticated": "test_localcluster_authentication.py::test_frameworks",
    "scheduler-authenticated-no-principal": "test_localcluster_authentication.py::test_frameworks",
    "scheduler-authenticated-other-principal": "test_localcluster_authentication.py::test_frameworks",
    "scheduler-bad-requests": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-containers": SCHEDULER + "test_containers",
    "scheduler-decline-revive": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-failover-new": SCHEDULER + "test_failover",
    "scheduler-failover-old": SCHEDULER + "test_failover",
    "scheduler-failover-timeout": SCHEDULER + "test_a_scheduler_comes_back_too_late",
    "scheduler-fetcher": SCHEDULER + "test_fetcher",
    "scheduler-heartbeat": SCHEDULER + "test_heartbeats_as_recorded",
    "scheduler-invalid-launch": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-kill": SCHEDULER + "test_kill",
    "scheduler-kill-partition-aware": SCHEDULER + "test_kill",
    "scheduler-master-failover-after": "test_localcluster_masters.py::test_the_leader_is_killed",
    "scheduler-master-failover-before": "test_localcluster_masters.py::test_the_leader_is_killed",
    "scheduler-not-subscribed": SCHEDULER + "test_a_scheduler_goes_away_and_comes_back",
    "scheduler-reconcile": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-reconcile-partition-aware": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-removed-framework": SCHEDULER + "test_failover",
    "scheduler-rescind": SCHEDULER + "test_offers_are_rescinded",
    "scheduler-resubscribed": SCHEDULER + "test_a_scheduler_goes_away_and_comes_back",
    "scheduler-role-both": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-role-invalid": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-role-legacy": SCHEDULER + "test_reserved_resources",
    "scheduler-role-multi": SCHEDULER + "test_reserved_resources",
    "scheduler-role-refined": SCHEDULER + "test_reserved_resources",
    "scheduler-role-two": SCHEDULER + "test_two_roles",
    "scheduler-task-failed": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-task-finished": SCHEDULER + "test_a_finished_task_and_its_sandbox",
    "scheduler-torn-down-by-operator": SCHEDULER + "test_says_what_mesos_said",
    "scheduler-unknown-framework-id": SCHEDULER + "test_says_what_mesos_said",
    "zookeeper-mesos": "test_localcluster_masters.py::test_znodes",
    # Operator endpoints
    "agent-GET_containers": OPERATOR + "test_an_idle_agent",
    "agent-GET_files_debug": OPERATOR + "test_files_of_a_master_and_an_agent_without_logs",
    "agent-GET_flags": OPERATOR + "test_version_and_flags_claim_nothing_that_mesos_does_not_have",
    "agent-GET_health": OPERATOR + "test_an_idle_agent",
    "agent-GET_slave1_health": OPERATOR + "test_an_idle_agent",
    "agent-GET_slave1_state": OPERATOR + "test_an_idle_agent",
    "agent-GET_state": OPERATOR + "test_an_idle_agent",
    "agent-GET_version": OPERATOR + "test_version_and_flags_claim_nothing_that_mesos_does_not_have",
    "agent-api-GET_CONTAINERS": OPERATOR + "test_the_operator_api_of_an_idle_agent",
    "agent-api-GET_HEALTH": OPERATOR + "test_the_operator_api_of_an_idle_agent",
    "agent-api-GET_STATE": OPERATOR + "test_the_operator_api_of_an_idle_agent",
    "agent-api-GET_VERSION": OPERATOR + "test_the_operator_api_of_an_idle_agent",
    "agent-files-large-log": "test_localcluster_files.py::test_as_recorded",
    "agent-while-running": OPERATOR + "test_the_agent_while_a_task_runs",
    "agent2-GET_state": OPERATOR + "test_an_idle_agent",
    "master-GET_api_v1": OPERATOR + "test_the_idle_master",
    "master-GET_files_debug": OPERATOR + "test_the_log_of_the_master",
    "master-GET_flags": OPERATOR + "test_version_and_flags_claim_nothing_that_mesos_does_not_have",
    "master-GET_frameworks": OPERATOR + "test_the_idle_master",
    "master-GET_health": OPERATOR + "test_the_idle_master",
    "master-GET_master_health": OPERATOR + "test_the_idle_master",
    "master-GET_master_redirect": SCHEDULER + "test_the_only_master_leads",
    "master-GET_master_slaves": OPERATOR + "test_the_idle_master",
    "master-GET_master_state-summary": OPERATOR + "test_the_idle_master",
    "master-GET_maintenance_status": OPERATOR + "test_the_idle_master",
    "master-GET_metrics_snapshot": OPERATOR + "test_version_and_flags_claim_nothing_that_mesos_does_not_have",
    "master-GET_nope": OPERATOR + "test_the_idle_master",
    "master-GET_redirect": SCHEDULER + "test_the_only_master_leads",
    "master-GET_roles": OPERATOR + "test_the_idle_master",
    "master-GET_slaves": OPERATOR + "test_the_idle_master",
    "master-GET_state": OPERATOR + "test_the_idle_master",
    "master-GET_state_completed": SCHEDULER + "test_what_is_left_of_a_framework",
    "master-GET_state-summary": OPERATOR + "test_the_idle_master",
    "master-GET_tasks": OPERATOR + "test_the_idle_master",
    "master-GET_version": OPERATOR + "test_version_and_flags_claim_nothing_that_mesos_does_not_have",
    **{
        name: OPERATOR + "test_the_operator_api_of_the_idle_master"
        for name in RECORDED
        if name.startswith("master-api-")
    },
    "master-files-log": OPERATOR + "test_the_log_of_the_master",
    "master-while-running": OPERATOR + "test_the_master_while_a_task_runs",
}

NO_OPERATOR_HERE = "settings of operators that nobody here makes or reads"
NOT_ON_THE_EMBEDDED_CLUSTER = {
    "agent-GET_metrics_snapshot": "counters of agents, which nobody here reads",
    "agent-GET_monitor_statistics": "the older form of /containers, which nobody here reads",
    "agent-api-GET_FLAGS": "agent-GET_flags in another form, which is compared with that of the same agent",
    "master-GET_logging_toggle": NO_OPERATOR_HERE,
    "master-GET_quota": NO_OPERATOR_HERE,
    "master-GET_system_stats.json": "load and memory of the master's machine, which nobody here reads",
    "master-GET_weights": NO_OPERATOR_HERE,
}

BRIDGE = {
    **dict.fromkeys(bridge_replay.REPLAYED, "bridge/test_replay.py::test_replay"),
    **{name: f"bridge/{test}" for name, test in bridge_replay.ELSEWHERE.items()},
    "executor-bad-requests": "bridge/test_executor_driver.py::test_a_refused_call_is_an_error",
    "executor-http": "bridge/test_executor_driver.py::test_replay",
    "executor-http-agent-restart": "bridge/test_executor_driver.py::test_replay",
    "master-GET_slaves": "bridge/test_start_advice.py::test_agents_as_recorded",
}

CORE = {
    **dict.fromkeys(FRAMEWORK_CLIENT, "test_framework_client.py::test_conversation"),
    **dict.fromkeys(OPERATOR_RECORDINGS, "test_operator_client.py::test_every_recorded_answer"),
    "scheduler-bad-requests": "test_framework_client.py::test_a_refused_subscription_says_why",
    "scheduler-authenticated-other-principal": (
        "test_framework_client.py::test_a_refused_subscription_says_why"
    ),
    "zookeeper-mesos": "test_leader.py::test_zookeeper_nodes",
}

EXECUTORS = "the core has no executor; MesosExecutorDriver of the bridge has"
OPERATOR_CALLS = "the core asks the older endpoints, which say the same"
NOT_IN_THE_CORE = {
    **{name: EXECUTORS for name in RECORDED - CORE.keys() if name.startswith("executor-")},
    **{name: OPERATOR_CALLS for name in RECORDED if "-api-" in name},
}
OF_OPERATORS = "operator endpoints, of which the bridge reads no more than /slaves and /version"
NOT_IN_THE_BRIDGE = {
    **{name: OF_OPERATORS for name in RECORDED - BRIDGE.keys() if name.startswith(("master-", "agent"))},
    "leading-master-redirect": "the bridge asks nobody who leads: it subscribes and follows redirects",
}

AWAY = "bridge/test_away.py::"
REFUSALS = "bridge/test_refusals.py::"
FRAMEWORK = "test_framework_client.py::"

# What surprised in the recorded Mesos, and the tests that our clients cope with it.
SURPRISES = {
    "redirects are 307 with a Location without scheme, and with /master before the path": [
        "test_leader.py::test_every_redirect_of_a_non_leading_master_points_to_the_leader",
        FRAMEWORK + "test_a_call_to_a_master_that_leads_no_more",
        "bridge/test_conversation.py::test_the_recorded_redirect",
    ],
    "the others point at a dead leader for seconds, and the next one answers 503 once": [
        "test_leader.py::test_the_master_that_leads_after_a_failover_is_found_through_the_other_one",
        FRAMEWORK + "test_the_leader_dies",
        AWAY + "test_the_successor_of_a_killed_leader",
    ],
    "a new leader does not answer explicit reconciliation before the agent has come back": [
        FRAMEWORK + "test_reconciliation_is_repeated_until_it_is_answered",
        AWAY + "test_reconciliation_is_repeated_for_those_not_told_of",
    ],
    "TASK_LOST of an unreachable agent and the TASK_RUNNING after it have no uuid; it was not final": [
        FRAMEWORK + "test_updates_are_acknowledged_by_themselves_unless_they_have_no_uuid",
        AWAY + "test_a_lost_task_that_comes_back",
    ],
    "PARTITION_AWARE does not help without checkpointing when the agent's process dies": [
        FRAMEWORK + "test_conversation",
        "bridge/test_replay.py::test_replay",
    ],
    "what is unknown is LOST, UNKNOWN, GONE or DROPPED; stale offers and empty ACCEPTs are taken": [
        FRAMEWORK + "test_conversation",
        "bridge/test_replay.py::test_replay",
    ],
    "a framework id that was never issued is taken; one that was removed gets 200 and an ERROR": [
        FRAMEWORK + "test_torn_down_by_an_operator",
        REFUSALS + "test_an_error_instead_of_a_subscription",
    ],
    "an operator's teardown ends the stream without an ERROR": [
        FRAMEWORK + "test_torn_down_by_an_operator",
        AWAY + "test_a_framework_torn_down_by_the_operator",
    ],
    "a failover is told with an ERROR": [
        FRAMEWORK + "test_conversation",
        "bridge/test_replay.py::test_replay",
    ],
    "a wrong Mesos-Stream-Id is 400, a framework whose stream is closed gets 403": [
        FRAMEWORK + "test_a_subscription_that_mesos_no_longer_knows_is_renewed",
        "bridge/test_conversation.py::test_a_call_of_a_framework_that_is_not_subscribed_brings_a_new_subscription",
        AWAY + "test_a_call_with_the_id_of_an_older_stream",
    ],
    "malformed calls: 400 with odd words, 415": [
        FRAMEWORK + "test_a_refused_subscription_says_why",
        REFUSALS + "test_recorded_refusals",
    ],
    "credentials that do not fit the principal are 400, and none in FrameworkInfo is fine": [
        FRAMEWORK + "test_a_refused_subscription_says_why",
        REFUSALS + "test_credentials_of_another_principal",
        REFUSALS + "test_no_principal_with_right_credentials_is_fine",
    ],
    "/version, /health and /redirect stay open when all else wants credentials": [
        "test_leader.py::test_a_leading_master_with_authentication_leads",
        "test_operator_client.py::test_every_recorded_answer",
    ],
    "bytes of a log that are not UTF-8 stand raw inside the JSON": [
        "test_operator_client.py::test_every_recorded_answer"
    ],
    "large answers are gzipped": ["test_operator_client.py::test_every_recorded_answer"],
    "reserved resources come in two formats": [
        "test_operator_client.py::test_reserved_resources_are_read_in_both_formats",
        "bridge/test_replay.py::test_replay",
    ],
    "executor shutdown: FAILURE comes before the task's TASK_FAILED": [
        FRAMEWORK + "test_conversation",
        "bridge/test_replay.py::test_replay",
    ],
    "an executor's environment has neither LANG nor HOME": [
        "bridge/test_executor_driver.py::test_replay",
        "test_localcluster_executor_replay.py::test_from_launch_to_shutdown",
    ],
    "the fetcher takes file:/path for a relative one": [
        "test_dispatcher_taskinfo.py::test_uris_that_the_fetcher_takes"
    ],
    "secrets by value are variables that nobody shows; those by reference want a resolver": [
        "test_dispatcher_taskinfo.py::test_what_spark_launches_we_launch"
    ],
    "/files/read: sizes, 64 KiB at most, offsets in bytes that cut characters": [
        "test_sandbox_files.py::test_the_size_of_a_recorded_file",
        "test_sandbox_files.py::test_a_recorded_piece",
        "test_sandbox_files.py::test_bytes_come_out_as_they_are",
    ],
    "the first heartbeat follows SUBSCRIBED at once": [
        FRAMEWORK + "test_conversation",
        "bridge/test_conversation.py::test_heartbeats_keep_the_stream",
    ],
}

REST = "test_dispatcher_rest.py::"
TASKINFO = "test_dispatcher_taskinfo.py::"
OFFERS = "test_dispatcher_offers.py::"
BOOK = "../unit/dispatcher/drivers/test_book.py::"
REQUESTS = "../unit/dispatcher/rest/test_requests.py::"
COMMAND_LINE = "../unit/dispatcher/launch/test_command_line.py::"

# What surprised in Spark's recorded dispatcher, and the tests in which ours is right, or says what it keeps.
SURPRISES_OF_THE_DISPATCHER = {
    "an unknown queue is accepted, and every later submission is a 500": [
        REST + "test_answers_as_spark_does",
        OFFERS + "test_which_offer_and_what_of_it",
    ],
    "bad constraints, port maps, containerizers and overheads are accepted and stop all behind them": [
        REST + "test_answers_as_spark_does",
        BOOK + "test_constraints_that_cannot_be_read_end_only_their_driver",
        BOOK + "test_a_driver_whose_task_cannot_be_made_fails_and_the_next_gets_the_offer",
        BOOK + "test_sizes_that_cannot_be_counted_end_only_their_driver",
    ],
    "a failed validation does not name the field or property": [
        REST + "test_a_failed_validation_names_the_field",
        REST + "test_a_wrong_value_is_named",
    ],
    "null, an unknown action and a body that is not UTF-8 are a 500; 0 cores and a memory of 1024 are fine": [
        REST + "test_answers_as_spark_does",
        REQUESTS + "test_bodies_that_are_no_message",
        REQUESTS + "test_numbers_and_booleans_are_texts_as_they_are_written_and_null_is_nothing",
    ],
    "no Content-Type is looked at, /create/x works, HEAD of a status is 200; wrong methods are 405 and 501": [
        REST + "test_answers_as_spark_does",
        REST + "test_head_is_answered_like_get_without_a_body",
    ],
    "/v1/other is an unknown version; there is no killall, clear or readyz": [
        REST + "test_answers_as_spark_does"
    ],
    "a repeated key is reported in unknownFields": [
        REST + "test_answers_as_spark_does",
        REQUESTS + "test_unknown_and_repeated_fields",
    ],
    "a driver that is killed while it is queued or waits for its retry is forgotten": [
        REST + "test_the_life_of_a_driver",
        BOOK + "test_kill_of_a_queued_driver",
        BOOK + "test_kill_of_a_driver_that_is_to_be_tried_again",
    ],
    "fatal start-up errors exit with 50": ["test_dispatcher_command_line.py::test_exit_status"],
    "the driver's memory has two overheads": [
        TASKINFO + "test_what_spark_launches_we_launch",
        REQUESTS + "test_memory_is_the_heap_and_one_overhead",
    ],
    "secrets stand in the driver's command line": [TASKINFO + "test_what_spark_launches_we_launch"],
    "the shell reads names of files and arguments, and runs what is behind a line feed": [
        TASKINFO + "test_what_spark_launches_we_launch",
        TASKINFO + "test_arguments_that_did_not_arrive_on_a_real_mesos",
        COMMAND_LINE + "test_any_text_is_one_argument",
    ],
    "non-ASCII arguments arrive as ??": [TASKINFO + "test_arguments_that_did_not_arrive_on_a_real_mesos"],
    "with an image the sandbox in front of py-files is not expanded": [
        TASKINFO + "test_what_spark_launches_we_launch"
    ],
    "driverDefault reaches only --conf; a name in driverEnv and environmentVariables appears twice": [
        TASKINFO + "test_what_spark_launches_we_launch",
        "../unit/dispatcher/launch/test_environment.py::test_the_clients_variables_win_and_come_once",
    ],
    "malformed labels, wrong secrets or no Spark: FINISHED without a word": [
        TASKINFO + "test_what_spark_drops_is_refused"
    ],
    "a RANGES constraint never matches; resources are taken in the order of the offer": [
        OFFERS + "test_which_offer_and_what_of_it"
    ],
    "FAILED and LOST are tried again, ERROR and KILLED are not": [
        TASKINFO + "test_a_driver_that_is_launched_again",
        BOOK + "test_supervised_drivers_are_launched_again_with_twice_the_pause_each_time",
        BOOK + "test_supervised_drivers_survive_their_agent",
        BOOK + "test_what_is_not_tried_again",
    ],
    "--driver-cores is a decimal, which no spark-submit takes": [
        TASKINFO + "test_cores_that_spark_submit_takes"
    ],
    "a py-file of file:/path is not found": [TASKINFO + "test_uris_that_the_fetcher_takes"],
    "a retry that is due after 1 s comes after 122 s": [
        "../unit/dispatcher/drivers/test_demand.py::test_a_retry_that_is_due_asks_for_offers_then_and_not_before"
    ],
}
OF_OTHERS = "of executors, which are launched by the driver's Spark and not by a dispatcher"
SURPRISES_THAT_ARE_NOT_THE_DISPATCHERS = {
    "extra cores, blanks in front of commands, no --hostname, agents that are given up after two failures": OF_OTHERS,
    "dynamic allocation declines the first offers; declines with filters of their own": OF_OTHERS,
    "an executor that cannot resolve its agent's name: the driver waits for ever": OF_OTHERS,
    "/json/ of the web UI is empty": "ours has no such page; GET /v1/submissions lists all drivers",
}

# Of these nobody here is concerned yet; they are for the one that will be.
SURPRISES_FOR_LATER = {
    "hdfs: runs hadoop on the agent; a DOCKER container fails where there is no engine": (
        "what an agent lacks is not known before a driver fails on it: for the command that verifies a cluster"
    ),
}


@cache
def functions(file: str) -> set[str]:
    """The test functions of a module."""
    tree = ast.parse((HERE / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("tests", "left_out"),
    [
        (EMBEDDED_CLUSTER, NOT_ON_THE_EMBEDDED_CLUSTER),
        (BRIDGE, NOT_IN_THE_BRIDGE),
        (CORE, NOT_IN_THE_CORE),
    ],
    ids=["embedded cluster", "bridge", "core"],
)
def test_every_recording_is_replayed_or_left_out_for_a_reason(
    tests: dict[str, str], left_out: dict[str, str]
) -> None:
    missing = RECORDED - tests.keys() - left_out.keys()
    assert sorted(missing) == [], "neither replayed nor left out"
    assert tests.keys() | left_out.keys() <= RECORDED, "not recorded"
    assert not tests.keys() & left_out.keys(), "both"
    assert all(left_out.values())
    for test in set(tests.values()):
        file, _, name = test.partition("::")
        assert name in functions(file), f"there is no {test}"


@pytest.mark.parametrize(("recording", "test"), sorted(EMBEDDED_CLUSTER.items()))
def test_the_test_uses_the_recording(recording: str, test: str) -> None:
    file = test.partition("::")[0]
    text = (HERE / file).read_text()
    # Some names are put together there from who is asked and what.
    owner, _, asked = recording.partition("-")
    call = recording.rpartition("_")[2]
    put_together = f'{{prefix}}-{asked}"' in text or (f'"{owner}-api-GET_{{' in text and f'"{call}"' in text)
    assert f'"{recording}"' in text or put_together


def test_no_recording_is_empty() -> None:
    for name in RECORDED:
        recording = load(name)
        assert recording.get("exchanges") or recording.get("conversation") or recording.get("two_masters"), (
            name
        )


ALL_SURPRISES = {**SURPRISES, **SURPRISES_OF_THE_DISPATCHER}


@pytest.mark.parametrize("tests", ALL_SURPRISES.values(), ids=ALL_SURPRISES.keys())
def test_every_surprise_is_coped_with(tests: list[str]) -> None:
    for test in tests:
        file, _, name = test.partition("::")
        assert name in functions(file), f"there is no {test}"
