"""`python -m sparkmesos_cli` is the command `sparkmesos`."""

from .main import main

main()
