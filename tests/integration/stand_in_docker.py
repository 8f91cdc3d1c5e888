"""A stand-in for the docker CLI: it runs "containers" as plain processes and writes down what it was asked for.

Standard library only. Calls are in `calls.jsonl` beside the script, each with the environment file's text if it
has one. If there is a file `no-engine` there, it answers as a CLI that finds no engine; images are those named in
`images`, and what is pulled is added.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).absolute().parent
WITHOUT_VALUE = ("--privileged",)


def main(arguments: list[str]) -> int:
    call: dict[str, Any] = {"arguments": arguments}
    if "--env-file" in arguments:
        file = Path(arguments[arguments.index("--env-file") + 1])
        call["environment"] = file.read_text(errors="surrogateescape")
        call["mode"] = oct(file.stat().st_mode & 0o777)
    with (HERE / "calls.jsonl").open("a") as log:
        log.write(json.dumps(call) + "\n")
    if (HERE / "no-engine").exists():
        print("Cannot connect to the Docker daemon", file=sys.stderr)
        return 1
    images = HERE / "images"
    known = images.read_text().split() if images.exists() else []
    match arguments:
        case ["version", *_]:
            print("24.0.7")
        case ["image", "inspect", *_, image]:
            return 0 if image in known else 1
        case ["pull", image]:
            if image.startswith("missing"):
                print("manifest unknown")
                return 1
            if image.startswith("slow"):
                time.sleep(600)
            images.write_text(" ".join([*known, image]))
        case ["run", *rest]:
            return run(rest)
        case ["stop", "-t", seconds, name]:
            stop(name, float(seconds))
        case ["rm", "--force", name]:
            stop(name, 0.0)
        case _:
            return 64
    return 0


def run(arguments: list[str]) -> int:
    environment, name, entrypoint, sandbox = {}, "", None, "."
    while arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option.startswith("--env="):
            key, _, text = option.removeprefix("--env=").partition("=")
            environment[key] = text
            continue
        if option in WITHOUT_VALUE or "=" in option:
            continue
        value = arguments.pop(0)
        if option == "--env-file":
            for line in Path(value).read_text(errors="surrogateescape").splitlines():
                key, _, text = line.partition("=")
                environment[key] = text
        elif option == "--env":
            environment[value] = os.environ[value]
        elif option == "--name":
            name = value
        elif option == "--entrypoint":
            entrypoint = value
        elif option == "-v" and value.endswith(":/mnt/mesos/sandbox"):
            sandbox = value.partition(":")[0]
    if arguments[0].startswith("late"):
        time.sleep(600)
    command = arguments[1:]
    environment.setdefault("PATH", "/usr/bin:/bin")
    argv = [entrypoint, *command] if entrypoint else command
    process = subprocess.Popen(argv, env=environment, cwd=sandbox, start_new_session=True)
    new = HERE / f"{name}.new"
    new.write_text(str(process.pid))
    new.rename(HERE / f"{name}.pid")  # which is never there without its contents
    status = process.wait()
    (HERE / f"{name}.pid").unlink(missing_ok=True)
    return 128 - status if status < 0 else status


def stop(name: str, grace: float) -> None:
    file = HERE / f"{name}.pid"
    if not file.exists():
        return
    group = int(file.read_text())
    if grace:
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if file.exists():
        signal_group(group, signal.SIGKILL)
        file.unlink(missing_ok=True)  # who waits for the container may be dead, too


def signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
