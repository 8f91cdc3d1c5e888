"""The process of the framework in the background; `process.start` starts it."""

from __future__ import annotations

import sys

from sparkmesos_core.shuffle_service.on_agents.process import main

if __name__ == "__main__":
    sys.exit(main())
