"""What every kind of destination can do, so that one procedure (`transfer.py`) uploads to all of them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import Progress
from sparkmesos_core.upload.local_file import LocalFile

Pieces: TypeAlias = Generator[bytes, None, None]
"""The bytes of a file, piece by piece. Who stops before their end closes it, and so frees a connection."""


class TransientFailureError(Exception):
    """Something failed that may work the next time: a cut connection, a 5xx answer, a standby namenode.

    `error` is what the user is told when it keeps failing; `retry_after` the seconds that the server asked
    to be left alone for.
    """

    def __init__(self, error: SparkMesosError, retry_after: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after


class WithdrawnError(SparkMesosError):
    """The file is not to be uploaded after all. What was sent of it is of no use, also not to a later run."""


@dataclass(frozen=True)
class Stored:
    """What the destination has under the final name."""

    size: int | None
    """Bytes; None if it does not say."""
    modified: float | None = None
    """When it was last written, by its clock, in seconds since the epoch; None if it does not say."""
    sha256: str | None = None
    """The digest that it keeps together with this very content (metadata of S3); None for others."""


@dataclass(frozen=True)
class HttpOptions:
    """For http and https. A user and password in the URL win over these."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    """A bearer token."""
    ca_file: Path | None = None


@dataclass(frozen=True)
class S3Options:
    """For s3, s3a and s3n. Credentials come from where boto3 looks for them."""

    endpoint_url: str | None = None
    path_style: bool | None = None
    """True: the bucket is in the path; False: it is in the host name; None: as the endpoint suggests."""
    profile: str | None = None
    region: str | None = None
    acl: str | None = None
    """A canned ACL, such as `public-read`."""
    encryption: str | None = None
    """`AES256` or `aws:kms`."""
    kms_key: str | None = None
    storage_class: str | None = None
    ca_file: Path | None = None


@dataclass(frozen=True)
class HdfsOptions:
    """For hdfs, webhdfs and swebhdfs."""

    conf_dir: Path | None = None
    """The folder of core-site.xml and hdfs-site.xml; None: HADOOP_CONF_DIR, else HADOOP_HOME's."""
    user: str | None = None
    """None: HADOOP_USER_NAME, else the user of this process."""
    token: str | None = field(default=None, repr=False)
    """A delegation token."""
    replication: int | None = None
    permission: str | None = None
    """Octal, such as `644`."""
    ca_file: Path | None = None


@dataclass(frozen=True)
class UploadOptions:
    """How to reach destinations."""

    environment: Mapping[str, str]
    http: HttpOptions = HttpOptions()
    s3: S3Options = S3Options()
    hdfs: HdfsOptions = HdfsOptions()
    stall_seconds: float = 60.0
    """How long a server may be silent."""
    resume: bool = False
    """Keep the parts of an interrupted multipart upload, and take up those that an earlier run has kept."""


class Target(Protocol):
    """One file at a destination. For one thread, one upload.

    Every method but `discard` and `close` raises TransientFailureError for what may work the next time, else
    a SparkMesosError: UnreachableError if there is no answer, UploadError if the destination refuses. No
    message holds a secret.
    """

    @property
    def uri(self) -> str:
        """What agents fetch: the final name, without credentials, in the scheme that the user gave."""

    @property
    def label(self) -> str:
        """The same for messages, with whatever could be secret replaced."""

    @property
    def remarks(self) -> Sequence[str]:
        """What the user should know: that it was not put there at once, say; after `discard` also what that
        could not remove. Often none."""

    @property
    def sends_aside(self) -> bool:
        """Whether nobody can see what `send` sends before `publish`. Known after `prepare`."""

    def prepare(self) -> None:
        """Make the folder if need be, and find out cheaply whether a file can be written there.

        Before anything large is sent: wrong credentials, a missing bucket, a read-only place show here.
        """

    def stat(self) -> Stored | None:
        """What there is under the final name; None if nothing."""

    def content(self) -> Pieces:
        """The bytes under the final name."""

    def read_record(self) -> tuple[bytes, float | None] | None:
        """What stands beside, in `<name>.sha256`, and when it was modified; None if it is not there."""

    def send(self, file: LocalFile, progress: Progress) -> None:
        """Transfer the file, but not to its final name yet, unless `sends_aside` is false.

        Called again after a TransientFailureError. Advances `progress` by what was sent, and takes back what
        has to be sent again; does not begin or end a step. Asks again and again whether the file is still
        wanted, and raises what that raises.
        """

    def sent(self) -> Pieces | None:
        """The bytes of what `send` sent, to be compared; None if the server has checked them by a digest."""

    def publish(self) -> None:
        """Give what was sent its final name, at once, in the place of what may be there."""

    def write_record(self, content: bytes) -> None:
        """Put `<name>.sha256` beside."""

    def discard(self, *, withdrawn: LocalFile | None = None) -> None:
        """Remove what `send` left, if anything. Never raises; called after successes and interrupts, too.

        What a later run could go on from stays, if `UploadOptions.resume` asks for that. Of a file that was
        `withdrawn` it does not, nor does what an earlier run has kept of it.
        """

    def close(self) -> None:
        """Close connections. Never raises."""
