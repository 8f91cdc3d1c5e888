"""The cases that both sides are run through, and what is different in them on purpose."""

from __future__ import annotations

from tests.integration.drop_in_scripts.dispatcher_cases import (
    a_dispatcher,
    a_dispatcher_without_mesos,
    a_port_of_a_dispatcher_in_use,
    the_foreground,
    the_host_of_a_dispatcher,
    usage,
    usage_in_the_background,
)
from tests.integration.drop_in_scripts.playing import Case
from tests.integration.drop_in_scripts.service_cases import (
    a_life,
    a_port_in_use,
    defaults,
    folders_with_spaces,
    options_of_the_service,
    spark_env,
    wrong_pid_files,
    wrong_settings,
)

CASES = (
    # The longest ones come first: several are run at a time.
    Case(
        the_foreground,
        {
            "SHUFFLE_SERVICE: files": "foreground-log",
            "SHUFFLE_SERVICE: exit code after SIGTERM": "foreground-signal",
            "SHUFFLE_SERVICE: runs on": "foreground-signal",
            "DISPATCHER: exit code after SIGTERM": "foreground-signal",
            "DISPATCHER: runs on": "foreground-signal",
        },
    ),
    Case(usage, {"--port=0 --help": "option-forms"}),
    Case(a_dispatcher),
    Case(a_life),
    Case(
        wrong_pid_files,
        {
            "its file stays": "stale-pid-file",
            "stop of another java": "another-java",
            "another java lives": "another-java",
            "a wrong option": "ignored-arguments",
        },
    ),
    Case(defaults),
    Case(spark_env),
    Case(folders_with_spaces, {"it runs": "spaces", "files": "spaces", "stop": "spaces"}),
    Case(a_port_in_use, {"start": "failed-start", "pid file": "failed-start"}),
    Case(
        wrong_settings,
        {
            "SPARK_LOG_MAX_FILES=0": "exit-255",
            "SPARK_LOG_MAX_FILES=-1": "exit-255",
            "SPARK_LOG_MAX_FILES=many": "exit-255",
        },
    ),
    Case(options_of_the_service, {"start": "ignored-arguments", "it runs": "ignored-arguments"}),
    Case(usage_in_the_background, {"start": "failed-start", "files": "failed-start"}),
    Case(a_dispatcher_without_mesos, {"stop": "number-at-stop"}),
    Case(a_port_of_a_dispatcher_in_use, {"start": "next-port", "it runs": "next-port"}),
    Case(the_host_of_a_dispatcher),
)
