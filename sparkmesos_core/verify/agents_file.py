"""The list of agents that should be there, as provisioning writes it: a host a line."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.regular_files import read_regular_file

_MOST_BYTES = 10 << 20
_STDIN = ("-", "/dev/stdin")


def read_agents_file(path: Path) -> tuple[str, ...]:
    """The hosts of a file, each once; `-` is stdin, which is waited for.

    Raises UsageError if it cannot be read, or is no such list.
    """
    try:
        content = _of_stdin() if str(path) in _STDIN else read_regular_file(path, _MOST_BYTES)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise _not_usable(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _not_usable(path, "is not a text in UTF-8") from error
    hosts = parse_agents_file(text, str(path))
    if not hosts:
        raise _not_usable(path, "names no host")
    return hosts


def parse_agents_file(text: str, name: str) -> tuple[str, ...]:
    """The hosts of a text, each once, without blank lines and `#` comments.

    `name` is that of the file, for the UsageError about a line that holds more than one word.
    """
    hosts: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if len(words) > 1:
            raise UsageError(
                f"{name}:{number}: {quoted(' '.join(words))} is more than one host",
                hint="Put each on a line of its own; comments begin with #.",
            )
        hosts.update(dict.fromkeys(words))
    return tuple(hosts)


def _of_stdin() -> bytes:
    """Raises OSError."""
    if sys.stdin is None:  # as Python has it where the shell closed it
        raise OSError(errno.EBADF, "it is closed")
    content = sys.stdin.buffer.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_MOST_BYTES} bytes")
    return content


def _not_usable(path: Path, problem: str) -> UsageError:
    return UsageError(
        f"--agents-file: {path} {problem}",
        hint="Name a file with a host name or an address on each line, or - for stdin.",
    )
