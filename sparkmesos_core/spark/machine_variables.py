"""Variables that are about one machine, and wrong on any other."""

from __future__ import annotations

MACHINE_VARIABLES = frozenset(
    {
        "SPARK_LOCAL_IP", "SPARK_LOCAL_HOSTNAME", "SPARK_PUBLIC_DNS", "SPARK_LOCAL_DIRS",
        "SPARK_EXECUTOR_DIRS", "SPARK_DIST_CLASSPATH",
        "SPARK_MESOS_PRINCIPAL_FILE", "SPARK_MESOS_SECRET_FILE",
        "MESOS_NATIVE_JAVA_LIBRARY", "MESOS_NATIVE_LIBRARY",
        # What an agent tells a task: a client may run in one, and the driver will be told its own.
        "MESOS_SANDBOX", "MESOS_DIRECTORY", "MESOS_TASK_ID", "MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID",
        "MESOS_SLAVE_ID", "MESOS_SLAVE_PID", "MESOS_AGENT_ENDPOINT", "MESOS_CHECKPOINT", "MESOS_LOCAL",
        "MESOS_RECOVERY_TIMEOUT", "MESOS_SUBSCRIPTION_BACKOFF_MAX", "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
        "MESOS_HTTP_COMMAND_EXECUTOR", "MESOS_CONTAINER_IP", "MESOS_CONTAINER_NAME", "MESOS_ALLOCATION_ROLE",
        "MESOS_DOMAIN_SOCKET",
    }
)  # fmt: skip
"""A client does not send them, and what an older one has sent a dispatcher does not pass on to the agent."""
