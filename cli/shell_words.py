"""Completion of words that hold `=` and `:`, such as `--conf spark.mesos.coarse=true`, in each shell's way.

bash takes such a word apart, in its `COMP_WORDS` as in what it replaces by a completion, unless it is quoted.
Click's completion reads `COMP_WORDS` and offers whole words: after the first `--conf a=b` it understands
nothing. The one here reads the line, and offers what comes after the last of these characters. zsh and fish
replace the whole word, of which Click forgets the option in `--conf=KEY`. Where a value has to follow, no
blank is added.
"""

from __future__ import annotations

import os
from pathlib import Path

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

COMPLETE_VARIABLE = "_SPARKMESOS_COMPLETE"
_LINE = "_SPARKMESOS_LINE"
_WORD = "_SPARKMESOS_WORD"
_DROP_IN = "sparkmesos-submit"
_CURSOR = "\x01"  # stands where the cursor is, so that it is seen whether a word ends there

_BASH = f"""\
%(complete_func)s() {{
    local type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(env %(complete_var)s=bash_complete {_LINE}="${{COMP_LINE:0:COMP_POINT}}" {_WORD}="$2" "$1")
    if [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == *[=.] ]]; then
        compopt -o nospace
    fi
}}
complete -o nosort -F %(complete_func)s %(prog_name)s {_DROP_IN}
"""

_ZSH = f"""\
#compdef %(prog_name)s {_DROP_IN}

%(complete_func)s() {{
    local -a response complete begun
    local type value help
    (( $+commands[$words[1]] )) || return 1
    response=("${{(@f)$(env COMP_WORDS="${{words[*]}}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete $words[1])}}")
    for type value help in $response; do
        # Click escapes colons only where there is a help behind one.
        [[ $help == _ ]] && value=${{value//:/\\:}} && help=
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain)
                if [[ $value == *[=.] ]]; then
                    begun+=("$value${{help:+:$help}}")
                else
                    complete+=("$value${{help:+:$help}}")
                fi ;;
        esac
    done
    (( $#begun )) && _describe -V begun begun -U -S ''
    (( $#complete )) && _describe -V complete complete -U
}}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s {_DROP_IN}
fi
"""


def _without_program(words: list[str]) -> list[str]:
    """The words behind the program, as if it were always sparkmesos."""
    program, *rest = words
    return ["submit", *rest] if Path(program).name == _DROP_IN else rest


def _split_option(words: list[str], incomplete: str) -> tuple[str, str]:
    """Takes `--option=` off a word and adds the option to the words in front; returns both parts."""
    if not incomplete.startswith("--") or "=" not in incomplete:
        return "", incomplete
    option, _, value = incomplete.partition("=")
    words.append(option)
    return f"{option}=", value


class BashLineComplete(BashComplete):
    """Completion that reads the line up to the cursor, and the word which bash would replace."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words in front of the one at the cursor, and that one up to the cursor."""
        words = _without_program(split_arg_string(os.environ[_LINE] + _CURSOR))
        _, self._incomplete = _split_option(words, words.pop().removesuffix(_CURSOR))
        return words, self._incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """As much of a completion as takes the place of the word that bash replaces."""
        replaced = os.environ[_WORD]
        if self._incomplete.endswith(replaced):
            value = item.value[len(self._incomplete) - len(replaced) :]
        else:  # quoted, and so with the option in front: "--conf=spark.…
            value = replaced.removesuffix(self._incomplete) + item.value
        return f"{item.type},{value}"


class _WholeWords(ShellComplete):
    """Completion in shells that replace the whole word."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words in front of the one at the cursor, and that one."""
        words, incomplete = super().get_completion_args()
        program = split_arg_string(os.environ["COMP_WORDS"])[0]
        words = _without_program([program, *words])
        self._option, incomplete = _split_option(words, incomplete)
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """A completion with the option that the word begins with."""
        return super().format_completion(CompletionItem(self._option + item.value, item.type, item.help))


class ZshWordComplete(_WholeWords, ZshComplete):
    """Completion in zsh."""

    source_template = _ZSH


class FishWordComplete(_WholeWords, FishComplete):
    """Completion in fish, which adds no blank behind `=` and `.` by itself."""


def register() -> None:
    """Makes Click use these."""
    for completion in (BashLineComplete, ZshWordComplete, FishWordComplete):
        add_completion_class(completion)
