"""Sourcing a script with bash and reading back what it has made of its environment."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.conf.process_limits import ProcessLimits, changed_limits, parse_limits
from sparkmesos_core.errors import TimedOutError, UsageError

# bash changes these for itself; they say nothing about the script.
_OF_THE_SHELL = ("_", "SHLVL", "PWD", "OLDPWD")
# What tells of that which a script can change besides variables. The second fails where the mode is off.
_REPORTS = (
    "builtin umask",
    "builtin shopt -o -p posix || :",
    "builtin ulimit -S -a",
    "builtin ulimit -H -a",
    "builtin pwd",
)
# Scripts use small descriptors (`exec 3>…`); ours stays out of their way.
_FIRST_DESCRIPTOR = 60


@dataclass(frozen=True)
class Sourced:
    """What a script has changed."""

    variables: dict[str, str]
    """The whole environment after it."""
    limits: ProcessLimits
    lost: tuple[str, ...]
    """What else it has changed, and cannot be handed on, in words."""


def source(script: Path, environment: Mapping[str, str], arguments: Sequence[str], timeout: float) -> Sourced:
    """Runs `script` and tells what it has changed.

    `arguments` are what the script sees as $0, $1, …; all that it assigns to is exported. What it prints goes
    to stderr, its stdin is empty. What it leaves running in the background is left alone.

    Raises UsageError if the script ends the shell, is not valid bash or cannot be read, and TimedOutError if
    it takes longer than `timeout` seconds, in which case all that it has started is killed.
    """
    bash = shutil.which("bash", path=environment.get("PATH"))
    # By its path, since the script may change PATH.
    env = shutil.which("env", path=os.defpath) or shutil.which("env", path=environment.get("PATH"))
    if bash is None or env is None:
        raise UsageError(
            f"{script} cannot be sourced: there is no {'bash' if bash is None else 'env'} on the PATH",
            hint="Install it, or correct PATH: Spark's own scripts need it, too.",
        )
    if not os.access(script, os.R_OK):
        raise UsageError(f"{script} cannot be read: Permission denied", hint="Correct its permissions.")
    # A file, not a pipe: what the script leaves running in the background would hold a pipe open.
    with tempfile.TemporaryFile() as result:
        descriptor = fcntl.fcntl(result.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
        try:
            command = [bash, "-c", _program(script, env, descriptor), *arguments]
            exit_status = _run(command, environment, script, descriptor, timeout)
        finally:
            os.close(descriptor)
        result.seek(0)
        items = result.read().split(b"\0")
    if len(items) <= 2 * len(_REPORTS) + 1 or items[-1]:
        raise UsageError(
            f"{script} ended the shell (exit status {exit_status}) instead of coming to its end",
            hint="Spark's programs end there, too. Correct it; use return where the rest is to be skipped.",
        )
    before, after = items[: len(_REPORTS)], items[len(_REPORTS) : 2 * len(_REPORTS)]
    status, *pairs = items[2 * len(_REPORTS) : -1]
    if status != b"0" and (line := _syntax_error(bash, script, environment)):
        raise UsageError(
            f"{script}:{line} is not valid bash, so that the rest of it has no effect",
            hint=f"See what is wrong with: bash -n {shlex.quote(str(script))}",
        )
    variables = {name: value for name, _, value in (os.fsdecode(pair).partition("=") for pair in pairs)}
    for name in _OF_THE_SHELL:
        variables.pop(name, None)
        if name in environment:
            variables[name] = environment[name]
    return Sourced(variables, *_beyond_variables(before, after))


def _beyond_variables(before: list[bytes], after: list[bytes]) -> tuple[ProcessLimits, tuple[str, ...]]:
    """What differs between the two times that `_REPORTS` were written."""
    (old_umask, _, _, _, old_folder), (new_umask, _, _, _, new_folder) = before, after
    old, new = (
        parse_limits(soft.decode(), hard.decode(), posix=mode.startswith(b"set -o"))
        for _, mode, soft, hard, _ in (before, after)
    )
    limits = changed_limits(old, new)
    lost = [f"a limit (ulimit -{limit.letter})" for limit in limits if not limit.is_known]
    if old_folder != new_folder:
        lost.append("the working folder")
    umask = int(new_umask, 8) if new_umask != old_umask else None
    return ProcessLimits(umask, tuple(limit for limit in limits if limit.is_known)), tuple(lost)


def _program(script: Path, env: str, descriptor: int) -> str:
    """The bash program that sources `script`.

    It writes, each with a null character behind it, what `_REPORTS` says before and after the script, the
    status of the latter, and the environment. It assigns to no variable, as each would be exported.
    """
    report = "".join(f"{{ {command}; builtin printf '\\0'; }} >&{descriptor}\n" for command in _REPORTS)
    return (
        f"{report}set -a\n. -- {shlex.quote(str(script.absolute()))}\n"
        f'builtin set -- "$?"\nbuiltin set +a\n{report}'
        f"builtin printf '%s\\0' \"$1\" >&{descriptor}\n"
        f"builtin exec {shlex.quote(env)} -0 >&{descriptor}\n"
    )


def _run(
    command: Sequence[str], environment: Mapping[str, str], script: Path, descriptor: int, timeout: float
) -> int:
    """Runs bash in a session of its own, so that all of it can be ended. Returns its exit status."""
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(descriptor,),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # too long, or a null character
        raise UsageError(
            f"{script} cannot be sourced: {error}", hint="Spark's own scripts would fail with this, too."
        ) from error
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise TimedOutError(
            f"{script} did not come to its end within {timeout:g} seconds",
            hint="Spark's own programs would wait for ever. Correct what it waits for; its stdin is empty.",
        ) from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _syntax_error(bash: str, script: Path, environment: Mapping[str, str]) -> int | None:
    """The line of the first syntax error of `script`, None if there is none."""
    checked = subprocess.run(
        [bash, "-O", "extglob", "-n", "--", str(script.absolute())],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    lines = re.findall(rb": line (\d+):", checked.stderr)
    return int(lines[0]) if checked.returncode != 0 and lines else None
