"""Decoding JSON that is too large to be held as a whole, such as `/state` of a master with many tasks.

Whoever reads walks through objects and arrays, and decodes as a whole only what is small: each element is
gone when the next one comes. What is decoded is decoded by the C scanner of `json`.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sparkmesos_core.errors import MesosError

_LARGEST_VALUE = 16 * 1024 * 1024
"""Characters. What is malformed is not told from what goes on before there is so much of it."""

_BEHIND_VALUES = frozenset(":,]} \t\n\r")
_SPACE = re.compile(r"[ \t\n\r]*")


class JsonStream:
    """JSON text that arrives in pieces, read from its start to its end, once.

    `pieces` are bytes of UTF-8, cut anywhere; what is no UTF-8 becomes U+FFFD, as Mesos may put bytes into
    its JSON as they are. `source` names where they come from. All methods raise MesosError for what is no
    JSON, not what the caller says there is, or ends too early, and let through what `pieces` raises.
    """

    def __init__(self, pieces: Iterable[bytes], source: str) -> None:
        self._pieces = iter(pieces)
        self.source = source
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._position = 0
        self._complete = False

    def members(self) -> Iterator[str]:
        """The names in the object that comes next; after each, its value has to be taken from here."""
        self._expect("{")
        if self._next() == "}":
            self._position += 1
            return
        while True:
            name = self.value() if self._next() == '"' else None
            if not isinstance(name, str):
                raise self._malformed()
            self._expect(":")
            yield name
            if not self._goes_on("}"):
                return

    def items(self) -> Iterator[None]:
        """Once for each element of the array that comes next; each time, the element has to be taken."""
        self._expect("[")
        if self._next() == "]":
            self._position += 1
            return
        while True:
            yield None
            if not self._goes_on("]"):
                return

    def elements(self) -> Iterator[Any]:
        """The elements of the array that comes next, each decoded as a whole."""
        for _ in self.items():
            yield self.value()

    def value(self) -> Any:
        """What comes next, decoded as a whole."""
        self._next()
        while True:
            try:
                value, end = self._scan(self._text, self._position)
            except (ValueError, RecursionError) as error:
                # Nothing tells what is cut off from what is malformed but that there is no more to come.
                too_much = len(self._text) - self._position > _LARGEST_VALUE
                if too_much or isinstance(error, RecursionError) or not self._more():
                    raise self._malformed() from None
                continue
            # A number may go on behind the end of the text, and is one without the rest of it, too.
            if self._text[end : end + 1] in _BEHIND_VALUES or not self._more():
                self._position = end
                return value

    def skip(self) -> None:
        """Passes over what comes next: an array is dropped element by element."""
        if self._next() == "[":
            for _ in self.items():
                self.value()
        else:
            self.value()

    def end(self) -> None:
        """Makes sure that nothing comes any more."""
        if self._upcoming():
            raise self._malformed()

    def is_array(self) -> bool:
        """Whether an array comes next."""
        return self._next() == "["

    def is_object(self) -> bool:
        """Whether an object comes next."""
        return self._next() == "{"

    def _goes_on(self, closing: str) -> bool:
        """Passes over a comma, or over what closes an object or an array."""
        found = self._next()
        if found not in (",", closing):
            raise self._malformed()
        self._position += 1
        return found == ","

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise self._malformed()
        self._position += 1

    def _next(self) -> str:
        """The character that comes next, after white space."""
        found = self._upcoming()
        if not found:
            raise self._malformed()
        return found

    def _upcoming(self) -> str:
        while True:
            text, position = self._text, self._position
            if position < len(text) and (found := text[position]) not in " \t\n\r":
                return found
            match = _SPACE.match(text, position)
            self._position = match.end() if match is not None else position
            if self._position == len(text) and not self._more():
                return ""

    def _more(self) -> bool:
        """Adds to the text what comes next, as much again as is waiting at least; whether there was any.

        So something large that arrives in many pieces is not scanned anew after each of them.
        """
        if self._complete:
            return False
        waiting = self._text[self._position :]
        added: list[str] = []
        missing = max(len(waiting), 1)
        while missing > 0:
            piece = next(self._pieces, None)
            if piece is None:
                self._complete = True
                added.append(self._decode(b"", True))
                break
            added.append(self._decode(piece))
            missing -= len(added[-1])
        text = "".join((waiting, *added))
        if len(text) == len(waiting):
            return False
        self._text, self._position = text, 0
        return True

    def _malformed(self) -> MesosError:
        around = " ".join(self._text[self._position : self._position + 40].split())
        where = f"at '{around}'" if around else "it ends too early"
        return MesosError(
            f"{self.source} answered what cannot be understood: {where}",
            hint="Check that the address is that of a Mesos master or agent, and that no proxy cuts off or"
            " changes its answers",
        )
