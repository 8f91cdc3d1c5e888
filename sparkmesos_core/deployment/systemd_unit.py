"""The unit of systemd that runs a program of ours in the foreground.

It uses what systemd 219 (the oldest that Mesos still runs on) knows or passes over with a warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkmesos_core.deployment.systemd_words import assignment, command_line, path_word, whole_line

_READ_ONLY = ("/usr", "/boot", "/efi", "/etc")
"""What ProtectSystem=full lets nobody write to."""


@dataclass(frozen=True)
class SystemdUnit:
    """A service. `text` may raise UsageError, for what no unit file can hold."""

    name: str
    """Of the file, with `.service` at its end."""
    description: str
    program: str
    """The path of what runs, from the root."""
    arguments: tuple[str, ...]
    user: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the program finds in its environment; everybody can read that, so no secrets."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Variables that are to stand in the environment file, each with what holds the secret now."""
    may_end: bool = False
    """Whether it also ends because it was asked to in another way than by systemd, and is to stay ended."""
    stop_seconds: int = 45
    """How long it may take to end after SIGTERM."""
    written: tuple[str, ...] = ()
    """Folders that it writes to, or deletes from."""

    @property
    def environment_file(self) -> str:
        """Where more of its environment may be, and has to be if there are `hidden` variables."""
        return f"/etc/sparkmesos/{self.name.removesuffix('.service')}.env"

    def text(self) -> str:
        """The unit file."""
        optional = "" if self.hidden else "-"
        lines = [
            "[Unit]",
            f"Description={whole_line(self.description)}",
            "Wants=network-online.target",
            "After=network-online.target",
            "",
            "[Service]",
            "Type=simple",
            f"User={whole_line(self.user)}",
            *(f"Environment={assignment(name, value)}" for name, value in sorted(self.variables.items())),
            f"EnvironmentFile={optional}{whole_line(self.environment_file)}",
            f"ExecStart={command_line(self.program, self.arguments)}",
            # What others kill, such as a JVM, has mostly ended well (143): that is no reason to stay away.
            f"Restart={'on-failure' if self.may_end else 'always'}",
            *_COURSE,
            f"TimeoutStopSec={self.stop_seconds}",
            *_HARDENING,
            *(f"ReadWritePaths=-{path_word(path)}" for path in self._opened()),
            "",
            "[Install]",
            "WantedBy=multi-user.target",
        ]
        return "\n".join(lines)

    def _opened(self) -> list[str]:
        """Folders that it has to write to, and that are below what nobody may."""
        return [
            path
            for path in self.written
            if any(path == one or path.startswith(one + "/") for one in _READ_ONLY)
        ]


_COURSE = (
    # 2 is what a mistake in options or properties ends with: the same again would not help. What 1 says may
    # pass, such as a port that somebody has or a Spark that is not mounted yet, however long that takes: so
    # there is no limit of starts. 130 is what a program of ours says that was asked to end before it ran.
    "RestartSec=5",
    "RestartPreventExitStatus=2",
    "SuccessExitStatus=130",
    # The program alone is asked to end, and ends its own; what it leaves is killed.
    "KillMode=mixed",
    "LimitNOFILE=65536",
)
_HARDENING = (
    # Not PrivateTmp, ProtectHome or DynamicUser: executors' files are in /tmp or where spark.local.dir says,
    # and belong to their user. Not MemoryDenyWriteExecute: JVMs compile.
    "NoNewPrivileges=yes",
    "ProtectSystem=full",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
)
