# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion as a person has it: real shells in a terminal, the Tab key, and a control server that knows the names."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tools
from tests.cli import test_main as test_cli
from tests.cli.test_main import environment, esimshaper

server = test_cli.server  # a fixture: this module gets a server of its own

START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {script}; PS1='re''ady> '\r"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "fpath=({folder} $fpath); autoload -U compinit; compinit -u -d {folder}/dump; PS1='re''ady> '\r",
    ),
}
TYPED = {
    "hist": "history ",
    "--vers": "--version ",
    "history --by mo": "month ",
    "history --by=mo": "=month ",
    "history --by day --js": "--json ",
    "completion z": "zsh ",
    "check my": r"my\ plan.yaml",
    "unload --config my": r"my\ plan.yaml",
    "grant group/l": "group/living-room ",
    "block --for 2h client/al": "client/alice-phone ",
    "block client/02:00:00:00:00:2": "client/02:00:00:00:00:20 ",
    "allow al": "alice-phone ",
    "grant li": "living-room ",
    "flows --client ro": "router ",
    "history group/l": "group/living-room ",
    "clients li": "living-room ",
    "history --client li": "living-room ",
    "services --category cl": "cloud-sync ",
    "services --service=my": "=my-bank ",
    "flows --client=unat": "=unattributed ",
}


class Shell:
    """An interactive shell in a terminal of its own."""

    def __init__(self, command: list[str], folder: Path, variables: dict[str, str]) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, variables)  # noqa: S606
        self._seen = ""

    def type(self, text: str, until: str) -> None:
        """Waits until the shell has written `until` after it was given `text`."""
        self._seen = ""
        os.write(self._terminal, text.encode())
        end = time.monotonic() + 30
        while until not in self._seen:
            assert time.monotonic() < end, f"{text!r} did not become {until!r}: {self._seen!r}"
            if select.select([self._terminal], [], [], 0.5)[0]:
                self._seen += os.read(self._terminal, 65536).decode(errors="replace")

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


@pytest.fixture(scope="module", params=START)
def shell(request: pytest.FixtureRequest, server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Has `esimshaper` on its path and loaded what that prints for it."""
    tools.find(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "my plan.yaml").touch()
    script = folder / "_esimshaper"
    script.write_text(esimshaper("completion", request.param).stdout)
    program = folder / "bin/esimshaper"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m esimshaper "$@"\n')
    program.chmod(0o755)
    command, load = START[request.param]
    path = f"{program.parent}:{os.environ['PATH']}"
    place = str(server.parent)
    shell = Shell(command, folder, environment(TERM="dumb", HOME=str(folder), PATH=path, RUNTIME_DIRECTORY=place))
    shell.type(load.format(folder=folder, script=script), "ready> ")
    yield shell
    shell.close()


@pytest.mark.parametrize("typed", TYPED)
def test_tab_completes(shell, typed):
    shell.type(f"\x15esimshaper {typed}\t", TYPED[typed])


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("Ev", ["Eva\\'s\\ phone", "Eva\\ \\(TV\\)"]),
        ("client/Eva\\ ", ["client/Eva\\ \\(TV\\)"]),
        ('"Eva ', ["Eva (TV)"]),
        ("日", ["日本の電話"]),
    ],
)
def test_names_with_spaces_are_offered_as_the_shell_takes_them(tmp_path, typed, offered):
    program = tmp_path / "esimshaper"
    program.write_text(
        "#!/bin/sh\nprintf '%s\\n' \"client/Eva's phone\" 'client/Eva (TV)' client/日本の電話 group/kids\n"
    )
    program.chmod(0o755)
    script = esimshaper("completion", "bash").stdout
    run = f'{script}\nCOMP_WORDS=(esimshaper block "$1") COMP_CWORD=2\n_esimshaper {program}\n'
    done = subprocess.run(
        ["bash", "-c", run + 'printf "%s\\n" "${COMPREPLY[@]}"', "bash", typed],
        capture_output=True,
        text=True,
        env=environment(LC_ALL="C.UTF-8"),
        check=True,
    )
    assert done.stdout.splitlines() == offered


def test_tab_twice_shows_all_verbs(shell):
    shell.type("\x15esimshaper \t\t", "unload")


def test_without_a_daemon_no_names_are_offered(tmp_path):
    done = esimshaper("completion", "subjects", "--socket", tmp_path / "none.sock")
    assert (done.returncode, done.stdout) == (3, "")


def test_names_are_those_of_the_daemon(server):
    subjects = esimshaper("completion", "subjects", "--socket", server).stdout.split()
    clients = esimshaper("completion", "clients", "--socket", server).stdout.split()
    assert {"everyone", "group/unknown", "client/alice-phone"} <= {*subjects}
    assert {"alice-phone", "router", "unattributed"} <= {*clients}
    members = esimshaper("completion", "members", "--socket", server).stdout.split()
    assert {*members} == {*clients} | {one for one in subjects if one.startswith("group/")}


def test_the_scripts_have_no_lint(tmp_path):
    script = tmp_path / "script"
    for shell, check in (("bash", ("shellcheck", "--shell=bash")), ("zsh", ("zsh", "-n"))):
        script.write_text(esimshaper("completion", shell).stdout)
        done = subprocess.run([tools.find(check[0]), *check[1:], script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
