"""How long `sparkmesos --help` takes, beside `python -c 'import click'` in the same run.

Usage: python -m benchmarks.help [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

OURS = [str(Path(sys.executable).parent / "sparkmesos"), "--help"]
PEER = [sys.executable, "-c", "import click"]


def seconds(command: list[str]) -> float:
    """Wall time of one run of the command, from start to exit."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Runs both in turn and prints medians and their ratio."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    seconds(OURS), seconds(PEER)  # warm the file cache
    pairs = [(seconds(OURS), seconds(PEER)) for _ in range(runs)]
    ours, peer = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"sparkmesos --help {ours * 1000:.0f} ms, import click {peer * 1000:.0f} ms, "
        f"ratio {ratio:.2f} ({runs} runs)"
    )


if __name__ == "__main__":
    main()
