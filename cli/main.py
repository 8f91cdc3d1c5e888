"""The command `sparkmesos`: finds the command to run, and maps every error to its text and exit code."""

from __future__ import annotations

from . import early_interrupts  # first of all: to load the rest takes its time

# isort: split
import contextlib
import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from sparkmesos_core import __version__
from sparkmesos_core.errors import AlreadyRunningError, ExitCode, SparkMesosError, UsageError

from . import lost_interrupts
from .lazy_group import LazyGroup
from .terminal import Terminal

early_interrupts.end()

# Name, module and summary of every command, so that `--help` imports none of them.
COMMANDS = {
    "submit": ("submit", "Run an application on Mesos, as spark-submit does."),
    "shell": ("shell", "Work with Spark on Mesos at its prompt: in Scala, Python, SQL or R."),
    "status": ("status", "Tell what has become of a driver in cluster mode."),
    "kill": ("kill", "Kill drivers in cluster mode."),
    "list": ("list", "List the drivers of a dispatcher."),
    "logs": ("logs", "Print what a driver or an executor wrote."),
    "quickstart": ("quickstart", "Run real Spark applications on an embedded Mesos and show what happens."),
    "upload-dist": ("upload_dist", "Put a Spark where agents can fetch it."),
    "serve-dist": ("serve_dist", "Serve archives of Spark to agents over HTTP, until Ctrl-C."),
    "start-dispatcher": (
        "start_dispatcher",
        "Start a dispatcher: it takes applications for cluster mode and runs their drivers on Mesos.",
    ),
    "stop-dispatcher": (
        "stop_dispatcher",
        "Stop the dispatcher that start-dispatcher started in the background.",
    ),
    "start-shuffle-service": (
        "start_shuffle_service",
        "Start Spark's external shuffle service, on this machine or on all agents.",
    ),
    "stop-shuffle-service": (
        "stop_shuffle_service",
        "Stop the shuffle service that start-shuffle-service started on this machine.",
    ),
    "start-local-cluster": (
        "start_local_cluster",
        "Start an embedded Mesos on this machine: a master and its agents, on loopback.",
    ),
    "stop-local-cluster": (
        "stop_local_cluster",
        "Stop the embedded Mesos that start-local-cluster started, and all its tasks.",
    ),
    "bridge": ("bridge", "The bridge that lets Spark speak to Mesos over HTTP, without libmesos."),
    "verify-cluster": (
        "verify_cluster",
        "Tell exactly why Spark will or will not run on a cluster, and what to do about it.",
    ),
    "config": ("config", "Show, explain, check and write the configuration of Spark on Mesos."),
    "completion": ("completion", "Print the completion script of a shell."),
}


# Nothing that these load writes a log, and to load what writes one takes as long as an answer of the
# dispatcher.
_NOTHING_TO_LOG = frozenset({"status", "kill"})

# Python looks for cycles of garbage whenever it holds some hundred objects more than before. Starting makes
# tens of thousands that all stay: searching through them is a good part of the time of a short command.
_OBJECTS_BETWEEN_SEARCHES = 20_000

# Set by the drop-ins of `scripts/`.
IN_PLACE_OF_SPARK = "_SPARKMESOS_IN_PLACE_OF_SPARK"

# As the shell has it for what SIGPIPE ended: `| head` is no mistake, and needs no message.
_READER_IS_GONE = 128 + signal.SIGPIPE


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 the driver failed, 4 the driver was killed, 5 cluster "
    "unreachable, 6 timed out, 130 interrupted. Options can be given as "
    "variables too: --start-timeout as SPARKMESOS_START_TIMEOUT.",
)
@click.version_option(__version__, prog_name="sparkmesos", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", count=True, help="Say more of what is done; twice for everything.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.pass_context
def cli(context: click.Context, verbose: int, quiet: bool) -> None:
    """Run Apache Spark on Apache Mesos.

    New here? `sparkmesos quickstart` shows it all on this machine.
    """
    terminal = context.ensure_object(Terminal)
    terminal.verbosity = -1 if quiet else verbose
    if terminal.verbosity or context.invoked_subcommand not in _NOTHING_TO_LOG:
        _configure_log(terminal)
    _take_own_settings(context, terminal)


def _configure_log(terminal: Terminal) -> None:
    import logging

    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(terminal.verbosity, logging.DEBUG)
    logging.basicConfig(level=level, stream=terminal.stderr, format="%(levelname)s %(name)s: %(message)s")
    for name in ("urllib3", "botocore", "boto3", "s3transfer"):
        # In their details are URLs with signatures, and headers with tokens.
        logging.getLogger(name).setLevel(max(level, logging.INFO))


def _take_own_settings(context: click.Context, terminal: Terminal) -> None:
    """Makes the settings file the default of options; where there is none, this costs a look for it."""
    from sparkmesos_core.settings import read_settings

    settings = read_settings(terminal.environment)
    if settings.path is None:
        return
    from .default_map import GroupDefaults, check_names

    check_names(settings, (), list(COMMANDS))
    context.default_map = GroupDefaults(cli, settings)


def run(arguments: Sequence[str], terminal: Terminal | None = None) -> int:
    """Runs one command line and returns its exit code. Everything that is meant for the user ends here."""
    terminal = terminal or Terminal()
    try:
        result: Any = cli.main(list(arguments), prog_name="sparkmesos", standalone_mode=False, obj=terminal)
        return int(result or ExitCode.OK)
    except SparkMesosError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _READER_IS_GONE
        if terminal.in_place_of_spark and isinstance(error, AlreadyRunningError):
            from .spark_words import running

            with contextlib.suppress(SparkMesosError):  # where the shell closed stdout
                terminal.data(running(error))
        terminal.error(error)
        return int(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), file=terminal.stderr)
        return int(ExitCode.USAGE)
    except click.UsageError as error:
        from .wrong_values import usage_error

        terminal.error(usage_error(error))
        return int(ExitCode.USAGE)
    except click.ClickException as error:
        terminal.error(SparkMesosError(error.format_message()))
        return int(ExitCode.FAILED)
    except (click.Abort, KeyboardInterrupt):
        return int(ExitCode.INTERRUPTED)
    except RuntimeError as error:
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return int(ExitCode.INTERRUPTED)  # so Python 3.11 wraps one that comes while a class is made
    except OSError as error:
        if (refusal := _refusal(error)) is None:
            raise
        terminal.give_up_stdout()
        terminal.error(refusal)
        return int(refusal.exit_code)


def _refusal(error: OSError) -> SparkMesosError | None:
    """What may fail at any place of the program; None for what that place should have handled."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return UsageError("The current folder does not exist any more", hint="Change to one that does.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = error.filename or "What the command prints"
        return SparkMesosError(f"{what} cannot be written: {error.strerror}", hint="Make room for it.")
    return None


def main() -> NoReturn:
    """The console script."""
    try:
        gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)
        _occupy_standard_descriptors()
        signal.signal(signal.SIGTERM, _interrupt)
        lost_interrupts.bring_back()
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup and the like ignore it
            signal.signal(signal.SIGHUP, _interrupt)
        if "_SPARKMESOS_COMPLETE" in os.environ:
            from .shell_words import register

            register()
        terminal = Terminal(in_place_of_spark=bool(os.environ.pop(IN_PLACE_OF_SPARK, "")))
        code = run(sys.argv[1:], terminal)
        if terminal.in_place_of_spark and code == ExitCode.USAGE:
            code = int(ExitCode.FAILED)  # as Spark's own has it for whatever is wrong
    except KeyboardInterrupt:  # in front of, or behind, what `run` does about it
        code = int(ExitCode.INTERRUPTED)
    gc.freeze()  # what is left goes with the process: a last search through it all is for nothing
    sys.exit(code)


def submit_main() -> NoReturn:
    """The console script sparkmesos-submit, which scripts can call in the place of spark-submit."""
    sys.argv[1:1] = ["submit"]
    main()


def _occupy_standard_descriptors() -> None:
    """Opens those of 0, 1 and 2 that the shell closed, so that nothing else gets one of these numbers.

    A lock or pipe of that number would be lost to a program started by us, which puts its streams there. And
    without a stderr Click would write our talk to stdout, among the data.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - to the end of the process


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """SIGTERM, which CI sends, and the end of the terminal are treated as Ctrl-C."""
    raise KeyboardInterrupt
