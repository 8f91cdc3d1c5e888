"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# The same examples on every machine, however slow it is. `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("repeatable")
