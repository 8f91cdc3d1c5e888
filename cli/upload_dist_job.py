"""One run of `upload-dist`: make the archive, upload it, say what to do with its URI."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sparkmesos_core.errors import ExitCode, SparkMesosError
from sparkmesos_core.quoting import printable

from .terminal import Terminal
from .upload_destination import Wanted

if TYPE_CHECKING:
    from sparkmesos_core.dist.drafts import Making
    from sparkmesos_core.dist.prepare import Inspection, Prepared, PrepareOptions
    from sparkmesos_core.dist.source import Source
    from sparkmesos_core.initial_configuration import ClusterEntries
    from sparkmesos_core.progress import Progress
    from sparkmesos_core.upload.destination import Destination
    from sparkmesos_core.upload.local_file import DigestAhead, LocalFile
    from sparkmesos_core.upload.s3.presigned_url import PresignedUrl
    from sparkmesos_core.upload.target import UploadOptions
    from sparkmesos_core.upload.transfer import Uploaded

# Larger than /tmp on many machines, where that is in memory; see hier(7).
_LARGE_TEMPORARY = Path("/var/tmp")  # noqa: S108 - folders in it are made for us alone


@dataclass(frozen=True)
class _Outcome:
    """Where the archive is."""

    stored_at: str
    presigned: PresignedUrl | None = None

    @property
    def uri(self) -> str:
        """What agents fetch."""
        return self.stored_at if self.presigned is None else self.presigned.url


@dataclass(frozen=True)
class _Done:
    """What was uploaded."""

    prepared: Prepared
    file: LocalFile
    uploaded: Uploaded


@dataclass(frozen=True)
class Job:
    """One call of the command."""

    terminal: Terminal
    source: Source
    wanted: Wanted
    options: PrepareOptions
    upload: UploadOptions
    output: str
    given: Mapping[str, Any]

    def _check(self) -> None:
        """Raises UsageError for what can be known to be wrong before anything is read, made or asked."""
        from sparkmesos_core.upload.targets import open_target

        if not self.given["dry_run"]:
            self._require_writable_configuration()
        open_target(self.wanted.destination(self.source.name or "spark.tgz"), self.upload).close()

    def rehearse(self) -> int:
        """--dry-run."""
        from sparkmesos_core.dist import prepare
        from sparkmesos_core.upload.targets import open_target

        from . import upload_dist_report as report

        self._check()
        with telling(self.terminal) as progress:
            inspection = prepare.inspect(
                self.source.path, self.wanted.name, self.options, self.upload.environment, progress=progress
            )
        prepare.require_no_errors(inspection)
        destination = self.wanted.destination(inspection.name)
        with contextlib.closing(open_target(destination, self.upload)) as target:
            uri = target.uri
        report.say_findings(self.terminal, inspection.findings)
        report.say_left_out(self.terminal, inspection.left_out)
        signed = ", and a URL for it signed" if self._is_presigned(destination) else ""
        self.terminal.say(f"Dry run: {self._what(inspection)} would be put at {uri}{signed}.")
        return self._finish(_Outcome(uri), {"name": inspection.name}, dry_run=True)

    def _probe(self, name: str) -> None:
        """Raises what the destination would refuse an archive with, before all of it was read or made."""
        from sparkmesos_core.upload.targets import open_target
        from sparkmesos_core.upload.transfer import Uploader

        with contextlib.closing(open_target(self.wanted.destination(name), self.upload)) as target:
            Uploader(announce=self.terminal.warn).probe(target)

    def run(self) -> int:
        """Makes the archive, uploads it, and says what to do with it."""
        from sparkmesos_core.dist.source import SourceKind
        from sparkmesos_core.upload.local_file import DigestAhead

        from . import upload_dist_report as report

        # At once, while libraries are loaded. It is no use for an archive that turns out to need a change,
        # but costs only a core's idle time.
        ahead = DigestAhead(self.source.path) if self.source.kind is SourceKind.ARCHIVE else None
        self._check()
        terminal = self.terminal
        with (
            _work_dir(self.given["work_dir"], self.upload.environment, terminal.say) as work,
            telling(terminal) as progress,
        ):
            done = self._carry_out(work, progress, ahead)
        prepared, file, uploaded = done.prepared, done.file, done.uploaded
        outcome = self._outcome(self.wanted.destination(prepared.name))
        for remark in uploaded.remarks:
            terminal.warn(remark)
        by = ", by its .sha256 and size" if uploaded.by_record else ""
        said = "It is at" if uploaded.sent else f"The same content is there already{by}:"
        if self.output == "table" and outcome.presigned is None and _is_a_terminal(sys.stdout):
            terminal.say(said.removesuffix(":") + ":")  # the URI follows
        else:
            terminal.say(f"{said} {uploaded.uri}")
        record = report.prepared_record(prepared) | {
            "sha256": file.sha256,
            "size": file.size,
            "uploaded": uploaded.sent,
            "read_back": not uploaded.by_record,
            "remarks": list(uploaded.remarks),
        }
        return self._finish(outcome, record, dry_run=False)

    def _carry_out(self, work: Path, progress: Progress, ahead: DigestAhead | None) -> _Done:
        from sparkmesos_core.dist import prepare
        from sparkmesos_core.dist.first_look import require_archive, seems_ready

        terminal, environment = self.terminal, self.upload.environment
        name = self.wanted.name or self.source.name
        making = prepare.making(work, self.options, environment, progress, terminal.say)
        if ahead is not None:
            require_archive(self.source.path)
        self._probe(name or "spark.tgz")
        if (
            ahead is not None
            and name is not None
            and seems_ready(self.source, name, self.options, environment)
        ):
            return self._upload_while_checking(name, making, ahead)
        prepared = prepare.prepare(
            self.source.path,
            self.wanted.name,
            self.options,
            work,
            environment,
            progress=progress,
            announce=terminal.say,
            build_output=lambda line: terminal.say(printable(line, keep="\t")),
        )
        return self._upload(prepared, progress, ahead)

    def _upload(self, prepared: Prepared, progress: Progress, ahead: DigestAhead | None = None) -> _Done:
        from sparkmesos_core.upload.local_file import read_local_file
        from sparkmesos_core.upload.targets import open_target
        from sparkmesos_core.upload.transfer import Uploader

        from . import upload_dist_report as report

        report.say_prepared(self.terminal, prepared)
        if ahead is not None and not prepared.made:
            file = ahead.file(progress)
        else:
            file = read_local_file(prepared.path, progress)
        destination = self.wanted.destination(prepared.name)
        with contextlib.closing(open_target(destination, self.upload)) as target, self._resumable():
            uploader = Uploader(progress=progress, announce=self.terminal.warn)
            force, verify = self.given["force"], self.given["verify"]
            return _Done(prepared, file, uploader.put(target, file, force=force, verify=verify))

    def _upload_while_checking(self, name: str, making: Making, ahead: DigestAhead) -> _Done:
        """For an archive that will probably be uploaded as it is."""
        from sparkmesos_core.dist import prepare
        from sparkmesos_core.upload.target import WithdrawnError
        from sparkmesos_core.upload.targets import open_target
        from sparkmesos_core.upload.transfer import Uploader

        from . import upload_dist_report as report
        from .upload_while_checking import Checking, EarlyUpload

        progress = making.progress
        with contextlib.closing(open_target(self.wanted.destination(name), self.upload)) as target:
            file = ahead.file(progress)
            # Not sooner: until something can be sent, the check would only be in its way.
            checking = Checking(
                lambda progress: prepare.examine(
                    self.source, self.wanted.name, self.options, progress=progress
                )
            )
            upload = EarlyUpload(
                checking,
                progress,
                lambda examined: examined.as_it_is(making),
                lambda prepared: report.say_prepared(self.terminal, prepared),
            )
            uploader = Uploader(progress=progress, announce=self.terminal.warn, wait=checking.sleep)
            force, verify = self.given["force"], self.given["verify"]
            try:
                with self._resumable():
                    prepared, uploaded = upload.put(uploader, target, file, force=force, verify=verify)
                return _Done(prepared, file, uploaded)
            except WithdrawnError:
                examined = checking.examined(progress)  # which raises what is wrong with the archive
        self.terminal.say(f"{printable(name)} needs a change first; what was sent of it is removed")
        self._probe(name)  # it may be what ended the upload
        return self._upload(examined.make(making), progress)

    @contextlib.contextmanager
    def _resumable(self) -> Iterator[None]:
        """Says that an upload that ends early can go on."""
        from sparkmesos_core.upload.target import WithdrawnError

        try:
            yield
        except WithdrawnError:
            raise
        except (SparkMesosError, KeyboardInterrupt):
            if self.upload.resume:
                self.terminal.say("What has arrived is kept; the same command goes on from there.")
            raise

    def _what(self, inspection: Inspection) -> str:
        shown = printable(str(self.source.path))
        if inspection.makes:
            return f"an archive made of {shown}, as {inspection.name},"
        return shown if inspection.name == self.source.path.name else f"{shown}, as {inspection.name},"

    def _is_presigned(self, destination: Destination) -> bool:
        # A variable may say so for all destinations that have such URLs.
        return self.given["presign"] is not None and destination.scheme in ("s3", "s3a", "s3n")

    def _outcome(self, destination: Destination) -> _Outcome:
        if not self._is_presigned(destination):
            return _Outcome(destination.uri)
        from sparkmesos_core.upload.s3.presigned_url import presign

        return _Outcome(destination.uri, presign(destination, self.upload, self.given["presign"]))

    def _finish(self, outcome: _Outcome, record: Mapping[str, Any], *, dry_run: bool) -> int:
        """Prints the URI or the report, says what agents need, writes the configuration. The exit code."""
        from sparkmesos_core import initial_configuration as initial
        from sparkmesos_core.dist.agent_notes import Circumstances, agent_notes, is_cacheable

        from . import upload_dist_report as report

        http, s3, presigned = self.upload.http, self.upload.s3, outcome.presigned
        circumstances = Circumstances(
            outcome.uri,
            with_credentials=bool(self.wanted.destination("a.tgz").user or http.user or http.token),
            own_authority=http.ca_file is not None,
            replaces=bool(self.given["force"]),
            presigned_until=None if presigned is None else presigned.ends,
            ends_sooner=presigned is not None and presigned.shortened,
            temporary=presigned is not None and presigned.temporary,
            s3_endpoint=s3.endpoint_url or _endpoint_for_aws_tools(self.upload.environment),
            readable_by_all=(s3.acl or "").startswith("public-read"),
        )
        notes = agent_notes(circumstances)
        entries = initial.executor_entries(outcome.uri, exported=True, cached=is_cacheable(circumstances))
        lines = initial.configuration_lines(entries)
        if self.output == "json":
            self.terminal.json(
                "upload",
                {
                    "uri": outcome.uri,
                    "stored_at": outcome.stored_at,
                    "presigned_until": None if presigned is None else presigned.ends.isoformat(),
                    **record,
                    "dry_run": dry_run,
                    "agents": list(notes),
                    "configuration": {name: list(texts) for name, texts in lines.items()},
                },
            )
        else:
            self.terminal.data(outcome.uri)
        report.say_notes(self.terminal, notes)
        if self.given["write_conf"] is None:
            report.say_lines(self.terminal, lines)
            return int(ExitCode.OK)
        return self._write_conf(entries, dry_run=dry_run)

    def _require_writable_configuration(self) -> None:
        """Raises UsageError for what would end `_write_conf`: better now than after an upload."""
        if self.given["write_conf"] is None:
            return
        from sparkmesos_core.initial_configuration import ClusterEntries, plan_files

        from .configuration_writing import require_somebody_to_ask

        if not self.given["yes"]:
            require_somebody_to_ask()
        plan_files(self.given["write_conf"].absolute(), ClusterEntries((), ()), replace=False)

    def _write_conf(self, entries: ClusterEntries, *, dry_run: bool) -> int:
        from sparkmesos_core import initial_configuration as initial

        from .configuration_writing import report_conflicts, write_plans

        folder = self.given["write_conf"].absolute()
        plans = initial.plan_files(folder, entries, replace=self.given["replace"])
        for doubt in initial.check_entries(entries, plans):
            self.terminal.warn(f"{doubt.message}  [{doubt.id}]", hint=doubt.hint)
        initial.try_plans(plans, None, self.upload.environment)
        kept = report_conflicts(self.terminal, plans)
        written = write_plans(
            self.terminal, plans, folder, dry_run=dry_run, yes=self.given["yes"], on_stdout=False
        )
        return int(ExitCode.OK if written and not kept else ExitCode.FAILED)


def _is_a_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _endpoint_for_aws_tools(environment: Mapping[str, str]) -> str | None:
    """Where S3 is by the variables that boto3 reads, too."""
    return environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or None


@contextlib.contextmanager
def telling(terminal: Terminal) -> Iterator[Progress]:
    """A progress whose last step ends, whatever happens."""
    from .transfer_progress import TransferProgress

    progress = TransferProgress(terminal)
    try:
        yield progress
    finally:
        progress.end()


@contextlib.contextmanager
def _work_dir(
    given: Path | None, environment: Mapping[str, str], announce: Callable[[str], None]
) -> Iterator[Path]:
    """A folder for what is made on the way; it goes with everything in it."""
    from sparkmesos_core.dist.work_folder import work_folder

    parent = given or Path(environment.get("TMPDIR") or _LARGE_TEMPORARY)
    if given is None and not parent.is_dir():
        parent = Path(tempfile.gettempdir())
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(work_folder(parent.absolute(), announce))
        except OSError as error:
            raise SparkMesosError(
                f"no folder for the archive can be made in {parent}: {error.strerror or error}",
                hint="Name a folder on a disk with room with --work-dir.",
            ) from error
        yield folder
