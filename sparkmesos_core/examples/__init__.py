"""Small Spark applications, and a book for them to read, that ship with sparkmesos.

`moby-dick.txt` is Herman Melville's novel of 1851, which is in the public domain everywhere.
"""

from pathlib import Path

FOLDER = Path(__file__).parent
"""Where the examples are."""
