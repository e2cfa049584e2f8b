# SPDX-License-Identifier: GPL-2.0-or-later
"""The service in the sandbox that systemd really makes: what it can and cannot do there, and that it comes back."""

import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.edge import control_client
from esimshaper.edge.host.messages import Message
from esimshaper.lab import traffic
from esimshaper.lab.namespaces import Host, wait_until
from esimshaper.lab.world import LAN4, WAN4
from tests.netns.router import bytes_of
from tests.system.debian import PAGE, SERVICE, Debian, look

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to boot a system")

PINS = "/sys/fs/bpf/esimshaper"
NAMES = "esimshaper-names.service"
MODEMS = "esimshaper-modems.service"
NOTIFY = "esimshaper-notify.service"
NET_ADMIN = 1 << 12

# Runs where the daemon does. Each line: whether that works.
TRIES = """
import ctypes, mmap, os, socket, subprocess, time
from pathlib import Path
from esimshaper.edge.bpf import libbpf

libc = ctypes.CDLL(None, use_errno=True)

def said(name, work):
    try:
        done = work()
    except Exception as error:
        done = False
    print(name, bool(done) or done is None, flush=True)

def callback():
    kind = ctypes.CFUNCTYPE(ctypes.c_int)
    return kind(lambda: 7)() == 7

said("ask whether the clock is right", lambda: libc.adjtimex(ctypes.create_string_buffer(512)) >= 0)
said("be called from C", callback)
said("read leases", lambda: Path("/var/lib/misc/dnsmasq.leases").read_text())
said("set the clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))
said("make a map", lambda: libbpf.library().bpf_map_create(2, b"x", 4, 4, 1, None) >= 0)
said("write a program", lambda: Path("/usr/bin/evil").write_text(""))
said("write a setting of the kernel", lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
said("see the pins of others", lambda: os.listdir("/sys/fs/bpf"))
said("see processes of others", lambda: Path("/proc/1/cmdline").read_bytes())
said("write code", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC))
said("open a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM))
said("become somebody else", lambda: os.setuid(0))
said("make a namespace", lambda: libc.unshare(0x10000000) == 0)
"""
CAN = {"ask whether the clock is right", "be called from C", "read leases"}


@pytest.fixture(scope="module", params=["bookworm"])
def release(request: pytest.FixtureRequest) -> str:
    """That the service runs on all is tested in test_debian; this is about one unit file."""
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def at_work(router: Debian) -> Iterator[None]:
    """A test finds the service at work, without what the last one has added."""
    router.path(f"/run/systemd/system/{SERVICE}.d").mkdir(parents=True, exist_ok=True)
    yield
    router.path(f"/run/systemd/system/{SERVICE}.d/test.conf").unlink(missing_ok=True)
    router.configure("")
    router.run("systemctl", "daemon-reload")
    router.run("systemctl", "restart", SERVICE)
    wait_until("the first tick", router.is_at_work, timeout=20)


def add(router: Debian, *lines: str) -> None:
    """Lines for the unit's [Service], until the end of the test."""
    text = "\n".join(("[Service]", *lines, ""))
    router.path(f"/run/systemd/system/{SERVICE}.d/test.conf").write_text(text)
    router.run("systemctl", "daemon-reload")


def builds(router: Debian) -> list[str]:
    """What the building step said, each time."""
    return [
        line for line in router.journalctl("-u", "esimshaper-build", "-o", "cat").splitlines() if "kernel part " in line
    ]


def test_in_the_sandbox_works_what_must_and_nothing_else(router: Debian) -> None:
    router.path("/run/tries.py").write_text(TRIES)
    python = "/usr/bin/env PYTHONPATH=/usr/lib/python3/dist-packages:/usr/lib/esimshaper /usr/bin/python3 /run/tries.py"
    add(router, f"ExecStartPost={python}")
    router.run("systemctl", "restart", SERVICE)
    lines = router.journalctl("-u", SERVICE, "-o", "cat", "_SYSTEMD_INVOCATION_ID=" + router.show("InvocationID"))
    answers = {
        line.rpartition(" ")[0]: line.endswith(" True")
        for line in lines.splitlines()
        if line.endswith(("True", "False"))
    }
    assert len(answers) == TRIES.count("\nsaid(")
    assert {name for name, works in answers.items() if works} == CAN


def test_it_runs_as_its_own_user_with_one_capability(router: Debian) -> None:
    status = router.path(f"/proc/{router.show('MainPID')}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == [router.run("id", "-u", "esimshaper").strip()] * 4
    sets = {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert sets == {NET_ADMIN}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_who_reads_what_devices_send_may_do_nothing_else_and_names_what_passes_also_after_it_was_killed(
    router: Debian,
) -> None:
    def process() -> str:
        return router.run("systemctl", "show", NAMES, "--value", "--property=MainPID").strip()

    try:
        wait_until("a name", lambda: router.is_named("r1.googlevideo.com"))
    except TimeoutError as problem:
        problem.add_note(router.journalctl("--no-pager", "--lines=30", "-u", NAMES))
        problem.add_note(router.run("find", PINS, "/var/lib/esimshaper", "-ls"))
        raise
    fields = _status(router, process())
    assert fields["Uid"].split() == [router.run("id", "-u", "esimshaper-names").strip()] * 4
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    wait_until("rest, and less memory", lambda: int(_status(router, process())["VmRSS"].split()[0]) <= 16 * 1024)
    for breaks in (("kill", "--signal=KILL", NAMES), ("restart", SERVICE)):
        before = process()
        router.run("systemctl", *breaks)
        wait_until("another process", lambda before=before: process() not in ("0", before), timeout=40)
        wait_until("a name", lambda breaks=breaks: router.is_named(f"{breaks[0]}.googlevideo.com"), timeout=40)


def test_who_watches_modems_reaches_the_bus_and_may_do_nothing_else(router: Debian) -> None:
    report = router.path("/run/esimshaper-modems/modems.json")

    def said() -> dict[str, object]:
        return json.loads(report.read_text()) if report.exists() else {}

    assert router.run("systemctl", "show", MODEMS, "--value", "--property=ConditionResult").strip() == "no"
    router.path("/usr/sbin/ModemManager").touch()  # without it, nothing is to be watched
    try:
        router.run("systemctl", "restart", SERVICE)
        wait_until("a report", lambda: "modems" in said(), timeout=40)
        assert (said()["problem"], said()["manager"]) == ("", False), "the bus has answered"
        fields = _status(router, router.run("systemctl", "show", MODEMS, "--value", "--property=MainPID").strip())
        assert fields["Uid"].split() == [router.run("id", "-u", "esimshaper-modems").strip()] * 4
        assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
        assert int(fields["VmRSS"].split()[0]) <= 32 * 1024
        assert "ModemManager does not run" in router.try_run("esimshaper", "doctor").stdout
    finally:
        router.path("/usr/sbin/ModemManager").unlink()
        router.run("systemctl", "stop", MODEMS)


def test_who_tells_people_may_do_nothing_else_and_gets_secrets_of_root_as_credentials(router: Debian) -> None:
    def process() -> str:
        return router.run("systemctl", "show", NOTIFY, "--value", "--property=MainPID").strip()

    def user() -> str:
        return _status(router, process()).get("Uid", "") if process() != "0" else ""

    whole = "\t".join([router.run("id", "-u", "esimshaper-notify").strip()] * 4)
    try:
        wait_until("the sender, without any secret", lambda: user() == whole)
    except TimeoutError as problem:
        problem.add_note(router.journalctl("--no-pager", "--lines=30", "-u", NOTIFY))
        raise
    fields = _status(router, process())
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    wait_until("rest", lambda: int(_status(router, process())["VmRSS"].split()[0]) <= 20 * 1024)
    router.path("/etc/credstore").mkdir(mode=0o700, exist_ok=True)
    router.path("/etc/credstore/esimshaper.email").write_text("correct horse\n")
    router.path("/etc/credstore/esimshaper.email").chmod(0o600)
    router.run("systemctl", "restart", NOTIFY)
    wait_until("another process", lambda: user() == whole)
    seen = router.path(f"/proc/{process()}/root/run/credentials/{NOTIFY}")
    assert [(each.name, each.read_text()) for each in seen.iterdir()] == [("esimshaper.email", "correct horse\n")]
    assert_a_notice_arrives(router, lambda: router.path(f"/proc/{process()}/root/tmp/told"))


def assert_a_notice_arrives(router: Debian, told: Callable[[], Path]) -> None:
    """By a command in the sandbox of the sender, whose /tmp is its own."""
    router.configure("notices: {command: [/usr/bin/tee, /tmp/told], webhook: {url: 'https://nowhere.invalid/'}}\n")
    router.run("systemctl", "reload", SERVICE)
    control_client.post(router.socket, "/v1/notify/test", {"channel": "command"})
    try:
        wait_until("the notice", lambda: told().exists() and told().read_text().endswith("}"), timeout=40)
    except TimeoutError as problem:
        problem.add_note(router.journalctl("--no-pager", "--lines=30", "-u", NOTIFY))
        raise
    assert json.loads(told().read_text())["notices"][0]["kind"] == "test"
    home = control_client.get(router.socket.with_name("notify.sock"), "/v1/notify/home")
    assert {"clients", "quotas", "plans", "alarms"} <= set(home)
    said = router.try_run("esimshaper", "doctor").stdout
    assert "The channel command has what it needs" in said
    assert "nowhere.invalid has no address" in said


def test_who_answers_the_wi_fi_has_no_network_and_the_carrier_finds_nobody(router: Debian) -> None:
    phone, address = router.lab.clients[0], f"{LAN4}.1"
    assert phone.call(look, address)[0] == 0, "off until the configuration has it"
    router.configure("web: {}\n")
    router.run("systemctl", "reload", SERVICE)
    try:
        wait_until("the page", lambda: phone.call(look, address)[0] == 200, timeout=40)
    except TimeoutError as problem:
        problem.add_note(router.journalctl("--no-pager", "--lines=60"))
        raise
    process = router.run("systemctl", "show", PAGE, "--value", "--property=MainPID").strip()
    fields = _status(router, process)
    assert fields["Uid"].split() == [router.run("id", "-u", "esimshaper-web").strip()] * 4
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert int(fields["VmRSS"].split()[0]) <= 30 * 1024
    assert "lan0" not in router.path(f"/proc/{process}/net/dev").read_text()
    assert router.lab.internet.call(look, f"{WAN4}.2")[0] == 0
    assert_page_outlives_its_ends(router, phone, address)
    router.configure("")
    router.run("systemctl", "reload", SERVICE)
    wait_until("the end of the page", lambda: phone.call(look, address)[0] == 0, timeout=40)
    assert not list(router.path("/run/systemd/system").glob("esimshaper-web*"))


def assert_page_outlives_its_ends(router: Debian, phone: Host, address: str) -> None:
    """It may be killed, and says so itself while the daemon is stopped."""
    before = router.show("MainPID")
    router.run("systemctl", "kill", "--signal=KILL", PAGE)
    wait_until("another process", lambda: phone.call(look, address)[0] == 200)
    assert router.show("MainPID") == before
    router.run("systemctl", "stop", SERVICE)
    assert phone.call(look, address)[0] == 503
    router.run("systemctl", "start", SERVICE)
    wait_until("the daemon", lambda: phone.call(look, address)[0] == 200, timeout=20)


def _status(router: Debian, process: str) -> dict[str, str]:
    lines = router.path(f"/proc/{process}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def test_killed_it_comes_back_without_compiling_and_no_byte_is_missing_also_behind_a_queue_of_somebody_else(
    router: Debian,
) -> None:
    before, killed = router.measure(), router.show("MainPID")
    said = builds(router)
    router.run("systemctl", "kill", "--signal=KILL", SERVICE)
    router.lab.clients[0].call(traffic.tcp_down, router.lab.servers4[0], 1_000_000)
    wait_until("another process", lambda: router.show("MainPID") not in ("0", killed), timeout=40)
    wait_until("its first tick", router.is_at_work, timeout=20)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.sum.down_bytes > 1_000_000
    assert builds(router)[len(said) :] == ["the kernel part is there already"]
    assert_exact_behind_a_queue_of_somebody_else(router)
    assert router.show("NFileDescriptorStore") == "0", "packet sockets of the daemon end with it"


def assert_exact_behind_a_queue_of_somebody_else(router: Debian) -> None:
    """The daemon has packet sockets, which it may not open."""
    wan, (flooder, client) = router.lab.wan_interface, router.lab.clients[:2]
    router.run("tc", "qdisc", "replace", "dev", wan, *["root", "tbf", "rate", "8mbit", "burst", "10k", "limit", "20k"])
    try:
        wait_until("a tap", lambda: router.get("/v1/status")["uplink_drops"]["means"] == "tap")
        before = router.measure()
        flooder.call(_flood, router.lab.servers4[0])
        client.call(traffic.tcp_up, router.lab.servers4[1], 100_000)
        moved, dropped = router.measure() - before, router.get("/v1/status")["uplink_drops"]
    finally:
        router.run("tc", "qdisc", "del", "dev", wan, "root")
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert (dropped["bytes"] > 1_000_000, dropped["estimated_bytes"]) == (True, 0)


def _flood(server: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(3000):
            with contextlib.suppress(OSError):
                sock.sendto(bytes(1400), (server, 5555))


def test_what_root_left_behind_is_taken_over(router: Debian) -> None:
    """An older version ran as root, or somebody ran it by hand."""
    before = router.measure()
    router.run("systemctl", "stop", SERVICE)
    router.run("chown", "-R", "root:root", "/var/lib/esimshaper", PINS)
    router.run("systemctl", "start", SERVICE)
    wait_until("the first tick", router.is_at_work, timeout=20)
    assert router.measure().sum.total_bytes >= before.sum.total_bytes
    assert router.run("find", "/var/lib/esimshaper", PINS, "!", "-user", "esimshaper") == ""


def test_pins_that_vanished_are_made_again(router: Debian) -> None:
    router.run("systemctl", "stop", SERVICE)
    router.run("esimshaper", "unload")
    assert not router.path(PINS).exists()
    router.run("systemctl", "start", SERVICE)
    wait_until("the first tick", router.is_at_work, timeout=20)
    assert builds(router)[-1] == "the kernel part was built"


def test_a_kernel_part_that_cannot_be_built_is_loud_refuses_traffic_if_so_wished_and_is_tried_again(
    router: Debian,
) -> None:
    client, server = router.lab.clients[0], router.lab.servers4[0]
    add(router, "RestartSec=1")
    router.configure("on_failure: closed\n")
    router.run("systemctl", "stop", SERVICE)
    router.run("esimshaper", "unload")
    router.run("umount", "-l", "/sys/fs/bpf")
    assert router.try_run("systemctl", "start", SERVICE).returncode != 0
    assert "BPF file system is not mounted" in router.show("StatusText")
    with pytest.raises(ConnectionRefusedError):
        client.call(traffic.tcp_up, server, 1000)
    failed = f"MESSAGE_ID={Message.START_FAILED.id}"
    # The journal finds out whose a message is while the sender lives, who may be gone too soon; it is tried again.
    wait_until("the message", lambda: bool(router.journal(failed)))
    told = router.journal(failed)
    assert {each["PRIORITY"] for each in told} == {"3"}
    assert "nothing is forwarded to wan0" in told[0]["MESSAGE"]
    router.run("mount", "-t", "bpf", "-o", "mode=700", "bpf", "/sys/fs/bpf")
    wait_until("a good start by itself", router.is_at_work, timeout=40)
    before = router.measure()
    client.call(traffic.tcp_up, server, 100_000)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
