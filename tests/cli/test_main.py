# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line as a person has it: a process, against a control server that is another process."""

import codecs
import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from esimshaper.cli import main as cli
from tests import tools

ROOT = Path(__file__).parents[2]
ASKING = ("status", "clients", "flows", "history")
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("run") / "control.sock") as path:
        yield path


@contextlib.contextmanager
def serving(path: Path, more_clients: int = 0):
    command = [sys.executable, str(ROOT / "tests/synthetic_router.py"), str(path), str(more_clients)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout.readline() == b"ready\n"
        yield path
        process.kill()


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONWARNINGS": "error",
        **more,
    }


def esimshaper(*arguments: str, before: Sequence[str] = (), **changes) -> subprocess.CompletedProcess:
    env = environment(**changes.pop("env", {}))
    command = [*before, sys.executable, "-m", "esimshaper", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env, check=False, **changes)
    assert "Traceback" not in done.stderr
    return done


CTRL_C = b"\x03"


def on_terminal(
    *arguments: str, columns: int = 80, keys: bytes = b"", until: str = "", pager: str = ""
) -> tuple[str, int]:
    """Runs in a terminal of its own; types `keys` once `until` has been seen. Gives the text without escapes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= environment(TERM="xterm-256color", COLUMNS=str(columns), LINES="30", PAGER=pager)
        os.execv(sys.executable, [sys.executable, "-m", "esimshaper", *map(str, arguments)])  # noqa: S606
    seen, typed, quiet, end = "", 0, 0, time.monotonic() + 30
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a character
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            # Between its prompt and its read, Python only notes a Ctrl-C and waits for a line: people press it again.
            # Not while the program ends, which may take a busy machine a while.
            quiet += 1
            if typed and keys == CTRL_C and quiet % 5 == 0 and "\n" not in seen[typed:]:
                os.write(terminal, keys)
            continue
        try:
            seen += decoder.decode(os.read(terminal, 65536))
        except OSError:  # the other end is gone
            break
        if keys and not typed and until in seen:
            os.write(terminal, keys)
            typed, quiet = len(seen), 0
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return ESCAPES.sub("", seen).replace("\r", ""), status


@pytest.mark.parametrize("verb", ASKING)
def test_pipes_get_plain_lines_and_json_on_demand(server, verb):
    plain = esimshaper(verb, "--socket", server)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert plain.stdout
    assert "\x1b" not in plain.stdout
    document = json.loads(esimshaper(verb, "--socket", server, "--json").stdout)
    assert document["version"] == 1


def test_clients_tells_everybody_apart_and_uses_units(server):
    lines = esimshaper("clients", "--socket", server).stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[2:7]] == [
        "alice-phone",
        "Pixel-7-of-somebody-with-a-long-name (00:1f)",
        "router",
        "02:00:00:00:00:20",
        "unattributed",
    ]
    assert "12.0 Mbit/s" in lines[2]
    assert "192.168.8.20, 2001:db8:8::20" in lines[2]


SEEN = {
    "status": ("WAN wwan0: metering", "LEFT", "throttled", "blocked", "TODAY", "00:1f)"),
    "clients": ("CLIENT", "STATE", "TODAY", "MONTH", "throttled", "all together", "00:1f)"),
    "flows": ("REMOTE", "DOWN", "UP", "2.0"),
    "history": ("TOTAL", "23 Nov", "all together"),
    "quotas": ("LEFT", "STATE", "alice-phone", "3.8", "throttled", "for 8 days"),
}


@pytest.mark.parametrize("columns", [48, 80, 120, 200])
@pytest.mark.parametrize("verb", SEEN)
def test_tables_fit_the_terminal_and_keep_what_a_person_must_see(server, verb, columns):
    text, status = on_terminal(verb, "--socket", server, columns=columns)
    assert status == 0
    assert max(map(len, text.splitlines())) <= columns
    assert [word for word in SEEN[verb] if word not in text] == []


@pytest.mark.parametrize("verb", ASKING)
def test_a_wide_terminal_has_every_number_that_a_pipe_has(server, verb):
    text, _ = on_terminal(verb, "--socket", server, columns=200)
    units = r"\d+(?:\.\d+)? (?:[KMGT]?B|[kMG]?bit/s)(?![a-z])"
    assert len(re.findall(units, text)) == len(re.findall(units, esimshaper(verb, "--socket", server).stdout)) > 0


def test_a_page_that_is_longer_than_the_terminal_goes_to_the_pager(server):
    shown, status = on_terminal("history", "--last", "35", "--socket", server, pager="sed 's/^/paged: /'")
    assert status == 0
    assert shown.count("paged: ") > 30
    shown, status = on_terminal("history", "--last", "3", "--socket", server, pager="sed 's/^/paged: /'")
    assert (status, "paged: " in shown, "all together" in shown) == (0, False, True)
    shown, status = on_terminal("history", "--last", "35", "--socket", server, pager="no-such-pager")
    assert (status, "all together" in shown) == (0, True)


def test_history_has_a_bar_per_row_and_marks_what_is_estimated(server):
    lines = esimshaper("history", "--by", "hour", "--last", "4", "--client", "alice-phone", "--socket", server).stdout
    assert lines.count("█") > 4
    assert len(re.findall(r"^Mon 23 Nov \d\d:00", lines, re.MULTILINE)) == 4
    assert "* estimated" in lines


def test_top_in_a_pipe_prints_blocks_and_ends(server):
    done = esimshaper("top", "--count", "2", "--interval", "1", "--socket", server)
    assert done.returncode == 0
    blocks = done.stdout.split("wwan0  plan ")[1:]
    assert len(blocks) == 2
    (speed,) = re.findall(r"tcp rr3\.googlevideo\.com +alice-phone +([\d.]+) Mbit/s", blocks[1])
    assert 6 < float(speed) < 24  # 12, as far as two clocks and a busy machine let it be known
    lines = esimshaper("top", "--count", "2", "--interval", "0.1", "--json", "--socket", server).stdout.splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["clients", "flows", "status", "version"]] * 2


def test_q_leaves_the_live_view(server):
    text, status = on_terminal("top", "--socket", server, keys=b"q", until="q quits")
    assert status == 0
    assert "alice-phone" in text


def test_ctrl_c_leaves_the_live_view(server):
    text, status = on_terminal("top", "--socket", server, keys=b"\x03", until="q quits")
    assert (status, "Traceback" in text) == (0, False)


def test_a_daemon_that_goes_away_ends_top_with_one_line(tmp_path):
    path = tmp_path / "control.sock"
    command = [sys.executable, str(ROOT / "tests/synthetic_router.py"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as daemon:
        daemon.stdout.readline()
        top = [sys.executable, "-m", "esimshaper", "top", "--interval", "0.2", "--socket", str(path)]
        with subprocess.Popen(
            top, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        ) as process:
            process.stdout.readline()
            daemon.kill()
            errors = process.communicate(timeout=300)[1]
    assert process.returncode in (1, 3)  # 1 if it died in the middle of an answer
    assert errors.startswith("esimshaper: the daemon")
    assert "Traceback" not in errors


@pytest.mark.parametrize("verb", [*ASKING, "top"])
def test_no_daemon_is_status_3_with_a_hint(tmp_path, verb):
    done = esimshaper(verb, "--socket", tmp_path / "none.sock")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"esimshaper: the daemon is not running .*\n  hint: .*systemctl start.*\n", done.stderr)


def test_the_socket_is_where_systemd_says(server):
    assert esimshaper("status", env={"RUNTIME_DIRECTORY": str(server.parent)}).returncode == 0
    assert esimshaper("status", env={"RUNTIME_DIRECTORY": "/nonexistent"}).returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_person_outside_the_group_is_told_which_group(tmp_path):
    path = Path(f"/tmp/esimshaper-test-{os.getpid()}.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        try:
            listening.bind(str(path))
            path.chmod(0o660)
            os.chown(path, 0, 4)  # adm
            listening.listen()
            done = esimshaper("status", "--socket", path, before=tools.AS_NOBODY, cwd="/")
        finally:
            path.unlink(missing_ok=True)
    assert done.returncode == 1
    assert "you may not talk to the daemon" in done.stderr
    assert "usermod -aG adm" in done.stderr


def test_a_reader_that_has_seen_enough_is_no_failure(server):
    command = [sys.executable, "-m", "esimshaper", "top", "--interval", "0.1", "--socket", str(server)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=300) == 0
        assert process.stderr.read() == b""


def test_a_full_disk_is_said_so(server):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "esimshaper", "status", "--socket", str(server)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False)
    assert (done.returncode, done.stderr) == (1, "esimshaper: cannot write: No space left on device\n")


def test_a_daemon_of_another_version_is_named_as_the_reason(tmp_path):
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=_answer, args=(listening, b'{"version":2}'))
        thread.start()
        done = esimshaper("status", "--socket", path)
        thread.join()
    assert done.returncode == 1
    assert "restart the daemon" in done.stderr


def _answer(listening: socket.socket, body: bytes) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def test_what_the_daemon_refuses_is_passed_on(server):
    done = esimshaper("flows", "--client", "nobody", "--socket", server)
    assert done.returncode == 1
    assert done.stderr.startswith("esimshaper: there is no device or group `nobody`; `esimshaper clients` lists")


def test_the_language_of_the_terminal_is_spoken_but_not_to_programs(server):
    tools.find("msgfmt")
    japanese = {"LC_ALL": "ja_JP.UTF-8"}
    assert "今月" in esimshaper("status", "--socket", server, env=japanese).stdout
    assert "今月" not in esimshaper("status", "--socket", server, env={**japanese, "LC_ALL": "C"}).stdout
    document = json.loads(esimshaper("quotas", "--json", "--socket", server, env=japanese).stdout)
    assert document["quotas"][0]["subject"] == "everyone"
    assert esimshaper("grant", "tv", env=japanese).stderr.startswith("esimshaper grant: 容量（SIZE）")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["flows", "--limit", "0"],
        ["history", "--by", "year"],
        ["history", "--calendar", "--by", "hour"],
        ["history", "--calendar", "--each"],
        ["top", "--interval", "nan"],
        ["status", "x"],
    ],
)
def test_wrong_use_is_status_2(arguments):
    done = esimshaper(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: esimshaper" in done.stderr


def test_every_verb_explains_itself_with_an_example():
    parser = cli.build_parser()
    (verbs,) = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    wanted = {"run", "check", "status", "clients", "flows", "top", "history", "quotas", "grant", "block", "allow"}
    wanted |= {"build", "reload", "unload", "doctor", "demo", "explain", "completion", "unblock", "help", "version"}
    wanted |= {"services", "setup", "name", "events", "undo", "correct", "restart", "plan", "recommend", "replay"}
    wanted |= {"report", "export", "import", "web", "alarms", "notify", "allow-name", "review", "rules", "low-data"}
    wanted |= {"saver"}
    assert set(verbs) == wanted
    assert sorted(name for names in cli.GROUPS.values() for name in names) == sorted(wanted)
    for name, verb in verbs.items():
        assert f"esimshaper {name}" in verb.format_help().split("example: ")[1]
    assert esimshaper("--version").stdout.startswith("esimshaper ")


def test_asking_verbs_load_neither_server_nor_daemon_nor_rich(server):
    code = (
        "import sys; from esimshaper.cli.main import main; main(sys.argv[1:]);"
        "bad = {'cheroot', 'rich', 'prometheus_client', 'pyroute2', 'yaml'} & set(sys.modules);"
        "sys.exit(f'loaded: {bad}' if bad else 0)"
    )
    command = [sys.executable, "-c", code, "status", "--socket", str(server)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@tools.needs_systemd
def test_check_says_what_is_wrong_and_where(tmp_path):
    good = esimshaper("check", ROOT / "etc/esimshaper.yaml")
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith(": good (WAN wwan0, LAN br0, 0 named clients, 0 quotas)\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text("wan: {interface: wwan0}\nlan: {interfaces: [br0]}\ntimezone: Nowhere/Else\ncolour: red\n")
    done = esimshaper("check", bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{bad}:3:" in done.stderr
    assert f"{bad}:4:" in done.stderr
    started = esimshaper("run", "--config", bad)
    assert (started.returncode, started.stderr) == (2, done.stderr)
    document = json.loads(esimshaper("check", "--json", bad).stdout)
    assert document["valid"] is False
    assert {problem["line"] for problem in document["problems"]} == {3, 4}
    bad.write_text("wan: {interface: a}\nlan: {interfaces: [b]}\nmetrics: {tls: {certificate: /no/a, key: /no/b}}\n")
    done = esimshaper("check", bad)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"{bad}:3:30: there is no /no/a")


def test_a_missing_library_is_named_with_its_package(tmp_path):
    (tmp_path / "yaml.py").write_text("raise ModuleNotFoundError('gone', name='yaml')\n")
    done = esimshaper("check", ROOT / "etc/esimshaper.yaml", env={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert done.returncode == 1
    assert done.stderr == "esimshaper: the Python library yaml is missing\n  hint: apt install python3-yaml\n"
