"""An archive that is sent while it is still being checked, and published only after that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from sparkmesos_core.dist.prepare import Examined, Prepared, require_no_errors
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.progress import HeldProgress, Progress
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.target import Target, WithdrawnError
from sparkmesos_core.upload.transfer import Uploaded, Uploader


class Checking:
    """The check of an archive, in a thread."""

    def __init__(self, examine: Callable[[Progress], Examined]) -> None:
        """`examine` reads the archive; it may raise SparkMesosError."""
        self._examine = examine
        self._progress = HeldProgress()
        self._over = threading.Event()
        self._in_vain = threading.Event()
        self._examined: Examined | None = None
        self._error: BaseException | None = None
        # A daemon: whoever is interrupted does not wait for it.
        threading.Thread(target=self._run, name="check", daemon=True).start()

    def _run(self) -> None:
        try:
            self._examined = self._examine(self._progress)
            require_no_errors(self._examined.inspection)
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            self._error = error
        if self._error is not None or (self._examined is not None and self._examined.inspection.makes):
            self._in_vain.set()
        self._over.set()

    def require_hope(self) -> None:
        """Raises WithdrawnError if it is known that the archive will not be uploaded as it is."""
        if self.is_in_vain:
            raise _withdrawn()

    def sleep(self, seconds: float) -> None:
        """Wait, and raise as `require_hope` as soon as that does."""
        self._in_vain.wait(seconds)
        self.require_hope()

    def wait(self, progress: Progress) -> None:
        """Wait until the check is over, and tell how far it is."""
        if not self._over.is_set():
            with self._progress.told_to(progress):
                self._over.wait()

    @property
    def is_in_vain(self) -> bool:
        """Whether it is known by now that the archive will not be uploaded as it is."""
        return self._in_vain.is_set()

    def examined(self, progress: Progress) -> Examined:
        """What was found; waits for it. Raises what `examine` raises, and ArchiveError for what is wrong."""
        self.wait(progress)
        if self._error is not None:
            raise self._error
        assert self._examined is not None
        return self._examined


class EarlyUpload:
    """One upload that begins before the check of its archive has ended."""

    def __init__(
        self,
        checking: Checking,
        progress: Progress,
        take: Callable[[Examined], Prepared | None],
        tell: Callable[[Prepared], None],
    ) -> None:
        """`take` says what is uploaded if it is the source as it is, else None; `tell` gets it."""
        self._checking = checking
        self._progress = progress
        self._take = take
        self._tell = tell
        self._prepared: Prepared | None = None

    def put(
        self, uploader: Uploader, target: Target, file: LocalFile, *, force: bool, verify: bool
    ) -> tuple[Prepared, Uploaded]:
        """As `Uploader.put`, whose `wait` is the check's `sleep`.

        Raises WithdrawnError if the archive is no good, or needs a change: the check tells which. That is
        also so if something is wrong with the destination, whichever is known first.
        """
        wanted = replace(file, still_wanted=self._checking.require_hope)
        good = self._require_good
        try:
            uploaded = uploader.put(target, wanted, force=force, verify=verify, require_good=good)
        except WithdrawnError:
            raise
        except SparkMesosError as error:
            self._checking.wait(self._progress)
            if self._checking.is_in_vain:
                target.discard(withdrawn=file)
                raise _withdrawn() from error
            raise
        assert self._prepared is not None, "it was required to be good"
        return self._prepared, uploaded

    def _require_good(self) -> None:
        if self._prepared is not None:
            return
        self._checking.wait(self._progress)
        self._checking.require_hope()
        self._prepared = self._take(self._checking.examined(self._progress))
        if self._prepared is None:
            raise _withdrawn()
        self._tell(self._prepared)


def _withdrawn() -> WithdrawnError:
    return WithdrawnError("the archive is not to be uploaded as it is")
