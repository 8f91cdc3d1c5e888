"""How a fetch can end badly. None of these ever carries a secret of a URI."""

from __future__ import annotations


class FetchError(Exception):
    """A URI could not be fetched; the message, one line, says why, and is in the sandbox's `stderr`, too."""

    def launch_failure(self, container_id: str) -> str:
        """What Mesos says of it after `Failed to launch container: ` in the task's status."""
        return f"Failed to fetch all URIs for container '{container_id}': exited with status 1"


class InvalidUriError(FetchError):
    """A URI that Mesos refuses before anything is fetched: its sandbox has no word of it, the status has."""

    def launch_failure(self, container_id: str) -> str:
        """What Mesos says of it after `Failed to launch container: ` in the task's status."""
        return f"Could not fetch: {self}"


class FetchCancelled(Exception):
    """The task is to be killed: nobody waits for its files any more."""
