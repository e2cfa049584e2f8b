# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, completion: `completion` prints a script for bash or zsh, made from the argument parser.

The scripts ask `esimshaper completion subjects` (or `clients`, ...) for the names that the daemon knows, if it runs.
"""
# ruff: noqa: T201 - prints a script

import argparse

from esimshaper.cli.base import DONE, Verbs, add_socket, add_verb, fetch
from esimshaper.cli.syntax import Argument, Command, Expects, read
from esimshaper.core.model.identity import PSEUDO_CLIENTS

BASH = r"""# bash completion for esimshaper, printed by `esimshaper completion bash`

_esimshaper_expects() { # what: a verb or nothing, and an option or the number of a place after the verb
    case $1 in
@EXPECTS@
        *) expects='' ;;
    esac
}

_esimshaper_options() { # verb
    case $1 in
@OPTIONS@
    esac
}

_esimshaper() {
    local verb='' value='' place=0 expects='' seen=' ' count=0 i piece word quote='' words=()
    COMPREPLY=()
    # Readline splits at = and :, which are parts of --by=day and of MAC addresses.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if ((count)) && [[ $piece == [=:]* || ${words[count - 1]} == *[=:] ]]; then
            words[count - 1]+=$piece
        else
            words[count++]=$piece
        fi
    done
    word=${words[count - 1]}
    for piece in "${words[@]:0:count-1}"; do
        if [[ $value ]]; then
            value=''
        elif [[ $piece == -* ]]; then
            seen+="${piece%%=*} "
            _esimshaper_expects "$verb $piece"
            value=$expects
        elif [[ ! $verb ]]; then
            verb=$piece
        else
            ((place += 1))
        fi
    done
    if [[ $value ]]; then
        expects=$value
    elif [[ $word == --*=* ]]; then
        _esimshaper_expects "$verb ${word%%=*}"
        word=${word#*=}
    else
        expects=''
        [[ $word == -* ]] || _esimshaper_expects "$verb $place"
        [[ $expects ]] || _esimshaper_options "$verb"
    fi
    case $expects in
        anything) return ;;
        file)
            compopt -o default
            return
            ;;
        subjects | clients | members | quotas | services | categories)
            mapfile -t words < <("$1" completion "$expects" 2>/dev/null)
            ;;
        *) read -ra words <<<"$expects" ;;
    esac
    # Names may have spaces and signs of the shell: they are compared as they are, and written as the shell takes them.
    [[ $word == [\"\']* ]] && quote=${word:0:1} word=${word:1}
    [[ $quote ]] || word=${word//\\/}
    for piece in "${words[@]}"; do
        if [[ $seen == *" $piece "* ]]; then
            continue
        elif [[ $piece == "$word"* ]]; then
            COMPREPLY+=("$piece")
        elif [[ $word && $piece == @(client|group)/"$word"* ]]; then
            COMPREPLY+=("${piece#*/}")
        fi
    done
    COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*[=:]}"}"}")
    for i in "${!COMPREPLY[@]}"; do
        [[ $quote ]] || printf -v "COMPREPLY[i]" %q "${COMPREPLY[i]}"
    done
}

complete -F _esimshaper esimshaper
"""

ZSH = r"""#compdef esimshaper
# zsh completion for esimshaper, printed by `esimshaper completion zsh`

@LISTS@
_esimshaper_verbs() {
    local -a verbs=(
@VERBS@
    )
    _describe verb verbs
}

_esimshaper() {
    local context state state_descr line curcontext=$curcontext
    typeset -A opt_args
    _arguments -C \
@BEFORE@ \
        '1:verb:_esimshaper_verbs' '*::argument:->verb' && return
    [[ $state == verb ]] || return
    curcontext=${curcontext%:*:*}:esimshaper-$words[1]:
    case $words[1] in
@ARGUMENTS@
    esac
}

if [[ $funcstack[1] == _esimshaper ]]; then
    _esimshaper "$@"
else
    compdef _esimshaper esimshaper
fi
"""


ZSH_LIST = r"""_esimshaper_@LIST@() {
    local -a found=(${(f)"$(_call_program @LIST@ esimshaper completion @LIST@ 2>/dev/null)"})
    compadd "$@" -a found || compadd "$@" -- ${${(M)found:#(client|group)/*}#*/}
}
"""

LISTS = tuple(each.value for each in (Expects.QUOTA, Expects.SERVICE, Expects.CATEGORY))
"""Names that the daemon has as a list of its own."""

PEOPLE = tuple(each.value for each in (Expects.SUBJECT, Expects.CLIENT, Expects.MEMBERS))
"""Names of subjects: all; clients; clients, and groups as a word for their members."""


def add_verbs(verbs: Verbs) -> None:
    """`completion`."""
    completion = add_verb(
        verbs,
        "completion",
        _completion,
        "prints what makes a shell complete these commands, or the names that it offers",
        "source <(esimshaper completion bash)",
    )
    completion.add_argument("what", choices=("bash", "zsh", *PEOPLE, *LISTS), help="a shell, or what the daemon knows")
    add_socket(completion)


def _completion(options: argparse.Namespace) -> int:
    if options.what in LISTS:
        print("\n".join(fetch(options, "/v1/subjects")[options.what]))
        return DONE
    if options.what in PEOPLE:
        print("\n".join(_names(options.what, fetch(options, "/v1/subjects")["subjects"])))
        return DONE
    before, all_verbs = read(options.parser)
    print((bash if options.what == "bash" else zsh)(before, all_verbs), end="")
    return DONE


def _names(what: str, subjects: list[str]) -> list[str]:
    if what == Expects.SUBJECT.value:
        return subjects
    clients = [subject.removeprefix("client/") for subject in subjects if subject.startswith("client/")]
    groups = [subject for subject in subjects if subject.startswith("group/")]
    return [*clients, *PSEUDO_CLIENTS.values(), *(groups if what == Expects.MEMBERS.value else [])]


def bash(before: Command, verbs: tuple[Command, ...]) -> str:
    """The script for bash 4.4 and later; it needs nothing of the package bash-completion."""
    expects = {" 0": " ".join(verb.name for verb in verbs)}
    for command in (before, *verbs):
        named = [(flag, option) for option in command.options for flag in option.flags]
        placed = [(str(number), place) for number, place in enumerate(command.places)]
        for name, argument in (*named, *placed):
            if argument.value:
                expects[f"{command.name} {name}"] = " ".join(argument.words) or argument.expects.value
    options = {
        command.name: " ".join(flag for each in command.options for flag in each.flags) for command in (before, *verbs)
    }
    return BASH.replace("@EXPECTS@", _bash_cases(expects)).replace("@OPTIONS@", _bash_cases(options))


def _bash_cases(table: dict[str, str]) -> str:
    return "\n".join(f"        '{pattern}') expects='{value}' ;;" for pattern, value in table.items())


def zsh(before: Command, verbs: tuple[Command, ...]) -> str:
    """The script for zsh: `_esimshaper` on its fpath, or sourced after compinit."""
    lines = (f"        {_quoted(f'{verb.name}:{verb.summary}')}" for verb in verbs)
    cases = (f"        {verb.name}) _arguments \\\n{_zsh_arguments(verb)} ;;" for verb in verbs)
    lists = "\n".join(ZSH_LIST.replace("@LIST@", name) for name in (*PEOPLE, *LISTS))
    parts = {
        "@LISTS@": lists,
        "@VERBS@": "\n".join(lines),
        "@BEFORE@": _zsh_arguments(before),
        "@ARGUMENTS@": "\n".join(cases),
    }
    script = ZSH
    for mark, text in parts.items():
        script = script.replace(mark, text)
    return script


def _zsh_arguments(command: Command) -> str:
    options = [_zsh_option(flag, option) for option in command.options for flag in option.flags]
    places = [f":{_zsh_value(place)}" for place in command.places]
    return " \\\n".join(f"        {_quoted(each)}" for each in (*options, *places))


def _zsh_option(flag: str, option: Argument) -> str:
    """A spec of _arguments: what it excludes, its name, its help and what follows it."""
    excluded = "- *" if {"--help", "--version"} & {*option.flags} else " ".join((*option.flags, *option.rivals))
    value = f":{_zsh_value(option)}" if option.value else ""
    return f"({excluded}){flag}{'=' if value else ''}[{_zsh_text(option.help)}]{value}"


def _zsh_value(argument: Argument) -> str:
    actions = {
        Expects.WORD: f"({' '.join(argument.words)})",
        Expects.FILE: "_files",
        **{each: f"_esimshaper_{each.value}" for each in Expects if each.value in (*PEOPLE, *LISTS)},
    }
    return f"{_zsh_text(argument.value)}:{actions.get(argument.expects, ' ')}"


def _zsh_text(text: str) -> str:
    for sign in "\\[]:":
        text = text.replace(sign, f"\\{sign}")
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
