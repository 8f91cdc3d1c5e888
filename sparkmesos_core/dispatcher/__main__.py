"""The process of a dispatcher in the background; `daemon.start` starts it."""

from __future__ import annotations

import sys

from sparkmesos_core.dispatcher.process import main

if __name__ == "__main__":
    sys.exit(main())
