# SPDX-License-Identifier: GPL-2.0-or-later
"""The sender delivers each job once and in its time, whatever hangs, and outlives the daemon."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from esimshaper.lab.namespaces import wait_until
from esimshaper.notify import process
from tests.notify.daemon import StandIn, job, step_until

SCRIPT = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read() + chr(10))"


def command(*words: str, name: str = "command") -> dict[str, object]:
    return {"name": name, "kind": "command", "command": list(words)}


def writer(file: Path, name: str = "command") -> dict[str, object]:
    return command(sys.executable, "-c", SCRIPT, str(file), name=name)


def test_a_command_gets_the_notice_as_json_and_no_shell_sees_it(sender_of, tmp_path):
    daemon, sender = sender_of(command(sys.executable, "-c", SCRIPT, str(tmp_path / "$(touch evil) ;")))
    hostile = job()
    hostile["notices"][0]["client"] = "tv'; touch evil"
    assert daemon.deliver(sender, hostile) == ["sent"]
    told = json.loads((tmp_path / "$(touch evil) ;").read_text())
    assert (told["version"], told["key"], told["event_type"]) == (1, "surge/tv/1", "alarm")
    assert told["notices"] == hostile["notices"]
    assert daemon.results[1]["steps"][-1] == "it has ended with status 0"
    assert not list(tmp_path.glob("evil"))


@pytest.mark.parametrize(("status", "result"), [(1, "failed"), (75, "failed"), (65, "refused")])
def test_a_command_says_by_its_status_whether_to_try_again(sender_of, status, result):
    daemon, sender = sender_of(command("/bin/sh", "-c", f"echo no paper >&2; exit {status}"))
    assert daemon.deliver(sender, job()) == [result]
    assert "no paper" in daemon.results[1]["error"]


def test_a_command_that_is_not_there_is_said_once_and_for_all(sender_of):
    daemon, sender = sender_of(command("/nonexistent/tell"))
    assert daemon.deliver(sender, job()) == ["impossible"]
    assert daemon.results[1]["error"] == "/nonexistent/tell cannot be run: No such file or directory"


def test_a_command_that_cannot_be_run_at_this_moment_is_tried_again(sender_of, tmp_path):
    busy = tmp_path / "busy"
    shutil.copy("/bin/true", busy)
    with busy.open("ab"):  # ETXTBSY: it is being written
        daemon, sender = sender_of(command(str(busy)))
        assert daemon.deliver(sender, job()) == ["failed"]
    assert daemon.deliver(sender, job(2)) == ["sent"]


def test_without_a_daemon_for_a_while_no_helper_stays(sender_of, monkeypatch):
    daemon, sender = sender_of({"name": "mqtt", "kind": "mqtt", "host": "127.0.0.1", "port": 1, "security": "none"})
    step_until(sender, "a helper", lambda: bool(sender._helpers._running))
    daemon.stop()
    sender.step(0.1)
    assert sender._helpers._running, "a daemon that is started again finds it"
    monkeypatch.setattr(process, "LOOK_SECONDS", 0.5)
    step_until(sender, "its end", lambda: not sender._helpers._running)


def test_what_waits_for_its_turn_goes_out_though_the_daemon_is_away_for_a_while(sender_of, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "MOST_CHILDREN", 1)
    monkeypatch.setattr(process, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(process, "RETRY_SECONDS", 0.2)
    slow = command("/bin/sleep", "3", name="slow")
    daemon, sender = sender_of(slow, writer(tmp_path / "told"))
    daemon.waiting.extend([job(1, "slow"), job(2)])
    step_until(sender, "both", lambda: len(sender._waiting) == 1)
    daemon.stop()
    step_until(sender, "the second", (tmp_path / "told").exists)


def test_what_hangs_is_killed_at_its_deadline_with_all_that_it_has_started_while_others_go_on(sender_of, tmp_path):
    hangs = command("/bin/sh", "-c", f"sleep 1000 & echo $! >{tmp_path}/pid; wait", name="hangs")
    daemon, sender = sender_of(hangs, writer(tmp_path / "told"))
    assert daemon.deliver(sender, job(1, "hangs", deadline=5), job(2)) == ["unknown", "sent"]
    assert daemon.results[1]["error"] == "it took longer than its time"
    assert list(daemon.results) == [2, 1], "the one that hangs has held nobody up"
    slept = int((tmp_path / "pid").read_text())
    wait_until("the end of what it has started", lambda: not _runs(slept))


def _runs(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_all_places_are_taken_by_what_hangs_and_the_others_have_their_turn(sender_of, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "MOST_CHILDREN", 1)
    daemon, sender = sender_of(command("/bin/sleep", "1000", name="hangs"), writer(tmp_path / "told"))
    results = daemon.deliver(sender, job(1, "hangs", deadline=5), job(2), job(3, deadline=4))
    assert results == ["unknown", "sent", "failed"]
    assert daemon.results[3]["error"] == "others took all of its time"


def test_what_is_done_while_the_daemon_is_dead_is_told_to_the_next_one(sender_of, tmp_path):
    daemon, sender = sender_of(writer(tmp_path / "told"))
    daemon.waiting.append(job())
    step_until(sender, "a question", lambda: daemon.asked > 0)
    daemon.stop()
    step_until(sender, "the delivery", (tmp_path / "told").exists)
    sender.step(0.1)
    again = StandIn(daemon.path, daemon.channels).start()
    step_until(sender, "the result", lambda: 1 in again.results)
    assert again.deliver(sender, job(2)) == ["sent"]
    again.stop()
    assert len((tmp_path / "told").read_text().splitlines()) == 2


def test_a_daemon_that_does_not_know_a_job_any_more_is_asked_on(sender_of, tmp_path):
    daemon, sender = sender_of(writer(tmp_path / "told"))
    daemon.denies = True
    assert daemon.deliver(sender, job()) == ["sent"]
    daemon.denies = False
    assert daemon.deliver(sender, job(2)) == ["sent"]


def test_a_channel_that_has_gone_is_told_of(sender_of):
    daemon, sender = sender_of()
    assert daemon.deliver(sender, job(channel="email")) == ["impossible"]


def test_a_child_that_is_killed_is_one_delivery_and_nobody_knows_what_became_of_it(sender_of):
    kills = "import os; os.kill(os.getppid(), 9)"  # its parent is the child that delivers
    daemon, sender = sender_of(command(sys.executable, "-c", kills))
    assert daemon.deliver(sender, job()) == ["unknown"]
    assert daemon.results[1]["error"] == "its process has ended (signal 9)"


def test_the_process_idles_small_ends_when_told_and_leaves_no_child(tmp_path):
    daemon = StandIn(tmp_path / "notify.sock", [command("/bin/sleep", "1000")]).start()
    environment = {**os.environ, "ESIMSHAPER_NOTIFY": str(daemon.path)}
    sender = subprocess.Popen([sys.executable, "-m", "esimshaper.notify"], env=environment)
    try:
        wait_until("questions", lambda: daemon.asked > 2)
        status = Path(f"/proc/{sender.pid}/status").read_text()
        assert int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) < 16 * 1024
        daemon.waiting.append(job())
        wait_until("a child", lambda: bool(_children(sender.pid)))
        (child,) = _children(sender.pid)
        wait_until("the command", lambda: bool(_children(child)))
        (slept,) = _children(child)
        sender.send_signal(signal.SIGTERM)
        assert sender.wait(20) == 0
        wait_until("the end of its child", lambda: not _runs(child) and not _runs(slept))
        assert daemon.results[1]["result"] == "unknown"
    finally:
        sender.kill()
        sender.wait()
        daemon.stop()


def _children(process: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
