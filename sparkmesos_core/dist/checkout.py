"""A checkout of Spark's source, and its own script that makes an archive of it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sparkmesos_core.errors import ArchiveError, UsageError
from sparkmesos_core.quoting import printable

_SCRIPT = "dev/make-distribution.sh"
_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_LAST_LINES = 15
_LARGEST_PIECE = 1 << 16
# The script takes its own options first, and hands all that follows to Maven.
_OWN_FLAGS = frozenset(["--tgz", "--pip", "--r", "--connect", "--clean", "--sbt-enabled"])
_OWN_OPTIONS = frozenset(["--name", "--mvn", "--sbt"])
_MESOS_PROFILE = re.compile(r"<id>\s*mesos\s*</id>")


def is_checkout(path: Path) -> bool:
    """Whether this is the top folder of Spark's source."""
    return (path / _SCRIPT).is_file() and (path / "pom.xml").is_file()


def build_distribution(
    checkout: Path,
    arguments: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    output: Callable[[str], None],
) -> Path:
    """Runs the checkout's own `dev/make-distribution.sh --tgz` and returns the archive that it has made.

    `arguments` are for that script: its own options, such as `--name NAME`, and those of Maven, such as
    `-Pyarn`; the profile `mesos` is added where there is one. All that it prints goes to `output` line by
    line and to the file `log`, whose folder is made and which is removed if it ends well. Takes as long as
    a build of Spark. An interrupt ends the script and what it has started.

    Raises ArchiveError if the script fails or makes no archive, or several; UsageError for options that it
    does not have.
    """
    command = [str(checkout / _SCRIPT), *_script_arguments(checkout, arguments)]
    before = _archives(checkout)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            status = _run(command, checkout, environment, file.fileno(), log, output)
    except OSError as error:
        raise ArchiveError(
            f"{printable(command[0])} cannot be run: {error.strerror or error}",
            hint="Check that it may be executed, and that there is room on the disk.",
        ) from error
    if status != 0:
        ended = f"exit code {status}" if status > 0 else f"signal {-status}"
        raise ArchiveError(
            f"{_SCRIPT} in {printable(str(checkout))} failed ({ended}):\n{_last_lines(log)}",
            hint=f"All that it printed is in {log}.",
        )
    after = _archives(checkout)
    made = sorted(path for path in after if after[path] != before.get(path))
    if len(made) != 1:
        found = ", ".join(printable(path.name) for path in made) or "none"
        raise ArchiveError(
            f"{_SCRIPT} should have made one .tgz in {printable(str(checkout))}, but there are new: {found}",
            hint=f"All that it printed is in {log}. An archive that you have can be given instead.",
        )
    log.unlink()
    return made[0]


def _script_arguments(checkout: Path, arguments: Sequence[str]) -> list[str]:
    own, maven = ["--tgz"], []
    rest = iter(arguments)
    for argument in rest:
        if argument in _OWN_OPTIONS:
            if not (value := next(rest, "")):
                raise UsageError(
                    f"{argument} of {_SCRIPT} needs a value", hint=f"Such as {argument} VALUE, in two words."
                )
            own += [argument, value]
        elif argument in _OWN_FLAGS:
            own += [] if argument == "--tgz" else [argument]
        else:
            maven.append(argument)
    if _has_mesos_profile(checkout) and "-Pmesos" not in maven:
        maven.insert(0, "-Pmesos")
    return own + maven


def _has_mesos_profile(checkout: Path) -> bool:
    """Whether there is a Mesos module, to be asked for. Raises ArchiveError if pom.xml cannot be read."""
    try:
        project = (checkout / "pom.xml").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ArchiveError(
            f"{printable(str(checkout / 'pom.xml'))} cannot be read: {error.strerror or error}",
            hint="Check its permissions.",
        ) from error
    # Before Spark 2.1 all builds could run on Mesos. Spark 4 has no such profile, and needs none.
    return _MESOS_PROFILE.search(project) is not None


def _archives(checkout: Path) -> dict[Path, tuple[int, int, int]]:
    """The archives at the top, with what changes when one is written anew."""
    found = {}
    for path in checkout.glob("*.tgz"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _run(
    command: Sequence[str],
    checkout: Path,
    environment: Mapping[str, str],
    descriptor: int,
    log: Path,
    output: Callable[[str], None],
) -> int:
    # It writes to the file itself: servers that Maven leaves behind would keep a pipe open.
    process = subprocess.Popen(
        command,
        cwd=checkout,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=descriptor,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        with log.open("rb") as file:
            begun = b""
            while True:
                ended = _wait(process, _LOOK_SECONDS)
                while piece := file.read(_LARGEST_PIECE):
                    *lines, begun = (begun + piece).split(b"\n")
                    for line in lines:
                        output(_text(line))
                if ended:
                    if begun:
                        output(_text(begun))
                    return process.returncode
    finally:
        if process.poll() is None:
            _end(process)


def _text(line: bytes) -> str:
    return printable(line.decode(errors="replace").rstrip("\r"), keep="\t")


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it has ended within that time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends all that it has started in its session, which is of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        if _wait(process, _GRACE_SECONDS):
            break
    # The script has ended; of those that it waited for, some may take their time or not listen.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_lines(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _LARGEST_PIECE))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return "\n".join(printable(line, keep="\t") for line in lines[-_LAST_LINES:])
