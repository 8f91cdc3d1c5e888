"""By what others recognise a probe: what Mesos lists, and what stands in its logs, is ours."""

from __future__ import annotations

FRAMEWORK = "sparkmesos probe"
"""The name of the framework, and of its tasks."""

TASK_PREFIX = "sparkmesos-probe-"
"""What the ids of its tasks, and with them of their executors, begin with."""
