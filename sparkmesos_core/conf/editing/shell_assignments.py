"""Finding what a bash script assigns to variables, without running it. No I/O.

Only as much of bash's grammar as it takes to tell assignments from what merely looks like them: quotes,
expansions, comments, here-documents, and which commands run unconditionally.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from typing import NoReturn

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=")
_OPENERS = {"if", "for", "while", "until", "select", "{"}
_CLOSERS = {"fi", "done", "}"}
_TRANSPARENT = {"then", "else", "elif", "do", "!", "time"}
_DECLARATIONS = {"export", "declare", "typeset", "readonly", "local"}
_END_OF_WORD = frozenset(" \t\n;&|<>()")
_DEEPEST = 50


@dataclass(frozen=True)
class Assignment:
    """One place that gives a variable a value, or takes it away."""

    name: str
    value: str | None
    """None if only the shell can tell: it holds an expansion, or the variable is unset."""
    start: int
    """Where the word NAME=VALUE begins in the text; for unset: the name."""
    end: int
    line: int
    certain: bool
    """Whether it happens whenever the script runs: not under a condition, in a function or in a subshell."""

    @property
    def is_replaceable(self) -> bool:
        """Whether another value in its place is what the variable has in the end."""
        return self.certain and self.end - self.start > len(self.name)


@dataclass
class _Word:
    raw: str
    start: int
    end: int
    name: str = ""
    value: str | None = None


@dataclass
class _Scanner:
    text: str
    where: str
    position: int = 0
    found: list[Assignment] = field(default_factory=list)
    words: list[_Word] = field(default_factory=list)
    depth: int = 0
    enclosing: list[str] = field(default_factory=list)
    """The subshells, "(", and the case commands, "case", that are open, the innermost last."""
    nesting: int = 0
    """How many expansions this text is in."""
    is_list: bool = False
    """Whether it is the words of an array, where no word is a keyword."""
    closed: bool = False
    """Whether there was a parenthesis that closes none of its own."""
    before: str = "\n"
    """The operator in front of the command that is being read."""
    here_documents: list[tuple[str, bool]] = field(default_factory=list)
    line_ends: list[int] | None = None

    def run(self) -> list[Assignment]:
        self._read(nested=False)
        if self.here_documents:
            self._refuse_endless(len(self.text), self.here_documents[0][0])
        return self.found

    def _read(self, *, nested: bool) -> None:
        """Reads all commands; those of a substitution up to the parenthesis that closes it."""
        text, size = self.text, len(self.text)
        while self.position < size and not (nested and self.closed):
            character = text[self.position]
            if character in " \t":
                self.position += 1
            elif text.startswith("\\\n", self.position):
                self.position += 2
            elif character == "#":
                end = text.find("\n", self.position)
                self.position = size if end < 0 else end
            elif character == "\n":
                self._end_command("\n", 1)
                self._skip_here_documents()
            elif text.startswith("&>", self.position):
                self.position += 1
                self._redirection()
            elif character in ";&|":
                width = 2 if text[self.position : self.position + 2] in ("&&", "||", ";;", "|&", ";&") else 1
                self._end_command(text[self.position : self.position + width], width)
            elif character in "()":
                self._parenthesis(character)
            elif character in "<>":
                self._redirection()
            else:
                self._take_word()
        self._end_command("\n", 0)

    def _take_word(self) -> None:
        word = self._word()
        if word.raw.isdigit() and self.text[self.position : self.position + 1] in ("<", ">"):
            return  # the descriptor of a redirection
        if self.words or self.is_list or not self._is_keyword(word.raw):
            self.words.append(word)

    def _is_keyword(self, word: str) -> bool:
        """Whether the first word of a command is a keyword; notes what that opens or closes."""
        if word in _OPENERS:
            self.depth += 1
        elif word in _CLOSERS:
            self.depth = max(0, self.depth - 1)
        elif word == "case":
            self.enclosing.append(word)
        elif word == "esac":
            if self.enclosing[-1:] == ["case"]:
                self.enclosing.pop()
        else:
            return word in _TRANSPARENT
        return True

    def _parenthesis(self, character: str) -> None:
        if not self.words and self.text.startswith("((", self.position):
            self._skip_balanced(")", self.position, self.nesting)  # arithmetic, where << shifts
            return
        self._end_command(character, 1)
        if character == "(":
            self.enclosing.append(character)
        elif not self.enclosing:
            self.closed = True
        elif self.enclosing[-1] == "(":
            self.enclosing.pop()
        # Else it ends a pattern of a case.

    def _end_command(self, operator: str, width: int) -> None:
        certain = (
            not self.depth
            and not self.enclosing
            and self.before not in ("&&", "||", "|", "|&")
            and operator not in ("|", "|&", "&")
        )
        self._assignments(certain)
        # A line that ends in && goes on in the next.
        if self.words or operator != "\n" or self.before not in ("&&", "||", "|", "|&"):
            self.before = operator
        self.words = []
        self.position += width

    def _assignments(self, certain: bool) -> None:
        words = self.words
        first = next((index for index, word in enumerate(words) if not word.name), len(words))
        if first == len(words):
            assigned = words
        elif words[first].raw in _DECLARATIONS:
            assigned = [word for word in words[first + 1 :] if word.name]
        elif words[first].raw == "unset":
            assigned = words[first + 1 :]
        else:
            return  # variables of one command, or none at all
        for word in assigned:
            name, line = word.name or word.raw, self._line(word.start)
            self.found.append(Assignment(name, word.value, word.start, word.end, line, certain))

    def _word(self) -> _Word:
        start = self.position
        match = _NAME.match(self.text, start)
        if match:
            self.position = match.end()
        value = self._rest_of_word(is_value=match is not None)
        raw = self.text[start : self.position]
        if not match:
            return _Word(raw, start, self.position)
        return _Word(raw, start, self.position, match[1], None if match[2] else value)

    def _rest_of_word(self, *, is_value: bool) -> str | None:
        """Moves to the end of a word; its value, None if the shell has to compute it."""
        text, parts, literal = self.text, list[str](), True
        if is_value and text.startswith("(", self.position):
            self._skip_commands(self.position, self.nesting, is_list=True)
            return None
        while self.position < len(text) and (character := text[self.position]) not in _END_OF_WORD:
            begin = self.position
            if character == "\\":
                parts.append(text[begin + 1 : begin + 2].replace("\n", "") if begin + 1 < len(text) else "\\")
                self.position += 2
            elif character == "'":
                end = self._find("'", begin + 1, begin)
                parts.append(text[begin + 1 : end])
                self.position = end + 1
            elif character == '"':
                inner = self._double_quoted(self.nesting)
                literal = literal and inner is not None
                parts.append(inner or "")
            elif character in "$`":
                if self._expansion(self.nesting):
                    literal = False
                else:
                    parts.append(character)
            else:
                if character == "{" or (character == "~" and (not parts or parts[-1] in (":", "="))):
                    literal = False
                parts.append(character)
                self.position += 1
        self.position = min(self.position, len(text))
        return "".join(parts) if literal else None

    def _double_quoted(self, depth: int) -> str | None:
        text, begin, parts, literal = self.text, self.position, list[str](), True
        self.position += 1
        while self.position < len(text):
            character = text[self.position]
            if character == '"':
                self.position += 1
                return "".join(parts) if literal else None
            if character == "\\" and text[self.position + 1 : self.position + 2] in (
                "$",
                "`",
                '"',
                "\\",
                "\n",
            ):
                parts.append(text[self.position + 1].replace("\n", ""))
                self.position += 2
            elif character in "$`" and self._expansion(depth + 1, quoted=True):
                literal = False
            else:
                parts.append(character)
                self.position += 1
        self._refuse(begin, 'the " that stands there has no end')

    def _expansion(self, depth: int, *, quoted: bool = False) -> bool:
        """Moves behind an expansion; False, and one character further at most, if there is none."""
        text, begin = self.text, self.position
        if text[begin] == "`":
            self.position += 1
            while self.position < len(text) and text[self.position] != "`":
                self.position += 2 if text[self.position] == "\\" else 1
            if self.position >= len(text):
                self._refuse(begin, "the ` that stands there has no end")
            self.position += 1
            return True
        following = text[begin + 1 : begin + 2]
        if following == "(" and text.startswith("((", begin + 1):
            self._skip_balanced(")", begin + 1, depth)
        elif following == "(":
            self._skip_commands(begin + 1, depth)
        elif following == "{":
            self._skip_balanced("}", begin + 1, depth, quoted=quoted)
        elif following == "'" and not quoted:
            self.position += 2
            while self.position < len(text) and text[self.position] != "'":
                self.position += 2 if text[self.position] == "\\" else 1
            if self.position >= len(text):
                self._refuse(begin, "the $' that stands there has no end")
            self.position += 1
        elif following == '"' and not quoted:
            self.position += 1
            self._double_quoted(depth)
        elif match := re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])").match(text, begin):
            self.position = match.end()
        else:
            if not quoted:
                self.position += 1
            return False
        return True

    def _skip_commands(self, begin: int, depth: int, *, is_list: bool = False) -> None:
        """Moves behind the parenthesis that closes the one at `begin`, with commands in between."""
        if depth > _DEEPEST:
            self._refuse(begin, "expansions are nested too deeply")
        commands = _Scanner(
            self.text, self.where, begin + 1, nesting=depth + 1, is_list=is_list, line_ends=self.line_ends
        )
        commands._read(nested=True)
        if not commands.closed:
            self._refuse(begin, "the ( that stands there has no end")
        self.position = commands.position
        self.here_documents += commands.here_documents

    def _skip_balanced(self, closing: str, begin: int, depth: int, *, quoted: bool = False) -> None:
        """Moves behind the bracket that closes the one at `begin`, with no commands in between."""
        if depth > _DEEPEST:
            self._refuse(begin, "expansions are nested too deeply")
        text, level = self.text, 0
        opening = "(" if closing == ")" else ""  # to bash a single { is nothing special in ${…}
        self.position = begin
        while self.position < len(text):
            character = text[self.position]
            if character == "\\":
                self.position += 2
            elif character == "'" and not quoted:
                self.position = self._find("'", self.position + 1, self.position) + 1
            elif character == '"':
                self._double_quoted(depth + 1)
            elif character in "$`" and self._expansion(depth + 1):
                pass
            elif character in "$`":
                pass  # a lone dollar, which was passed
            else:
                level += (character == opening or self.position == begin) - (character == closing)
                self.position += 1
                if not level:
                    return
        self._refuse(begin, f"the {text[begin]} that stands there has no end")

    def _redirection(self) -> None:
        match = re.compile(r"<<<|<<-|<<|<>|<&|>>|>&|>\||[<>]").match(self.text, self.position)
        assert match is not None
        self.position = match.end()
        while self.text[self.position : self.position + 1] in (" ", "\t"):
            self.position += 1
        if self.text[self.position : self.position + 1] == "(":  # <(command)
            self._skip_commands(self.position, self.nesting)
            return
        start = self.position
        value = self._rest_of_word(is_value=False)
        if match[0] in ("<<", "<<-"):
            delimiter = value if value is not None else self.text[start : self.position]
            self.here_documents.append((delimiter, match[0] == "<<-"))

    def _skip_here_documents(self) -> None:
        for delimiter, strip in self.here_documents:
            begin = self.position
            while True:
                if self.position >= len(self.text):
                    self._refuse_endless(begin, delimiter)
                end = self.text.find("\n", self.position)
                end = len(self.text) if end < 0 else end
                line = self.text[self.position : end]
                self.position = min(end + 1, len(self.text))
                if (line.lstrip("\t") if strip else line) == delimiter:
                    break
        self.here_documents = []

    def _line(self, position: int) -> int:
        if self.line_ends is None:
            self.line_ends = [match.start() for match in re.finditer("\n", self.text)]
        return bisect.bisect_left(self.line_ends, position) + 1

    def _find(self, what: str, start: int, begin: int) -> int:
        end = self.text.find(what, start)
        if end < 0:
            self._refuse(begin, f"the {what} that stands there has no end")
        return end

    def _refuse_endless(self, position: int, delimiter: str) -> NoReturn:
        self._refuse(position, f"the here-document that ends with {quoted(delimiter)} has no end")

    def _refuse(self, position: int, problem: str) -> NoReturn:
        raise UsageError(
            f"{self.where}:{self._line(position)}: {problem}",
            hint="Correct the script; `bash -n` checks it. If that finds nothing, edit the script by hand.",
        )


def find_assignments(text: str, where: str) -> list[Assignment]:
    """What a script assigns, in order. Raises UsageError, naming the line, for quotes without end."""
    return _Scanner(text, where).run()
