"""Why a container cannot be launched."""

from __future__ import annotations


class LaunchFailed(Exception):
    """A container that cannot be launched: the status message of its tasks, and its reason."""

    def __init__(self, message: str, reason: str = "REASON_CONTAINER_LAUNCH_FAILED") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
