# SPDX-License-Identifier: GPL-2.0-or-later
"""An edited configuration in a running daemon: in force with the next packet, or refused and nothing has changed."""

import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.edge import control_client
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from tests.netns.limits import ALICE_2MB, LINK, passes, quotas, row_of, send_until_cut, state_of
from tests.netns.router import PYTHON, Router, bytes_of

ACCEPTED = "esimshaper_config_last_reload_successful"
MOMENT = "esimshaper_config_last_reload_success_timestamp_seconds"
LISTEN = "metrics: {listen: '127.0.0.1:19473'}"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN, shape=LINK) as built:
        yield built


def edit(router: Router, old: str, new: str) -> None:
    """As an editor does: never half a file."""
    text = router.config.read_text()
    assert old in text
    write(router, text.replace(old, new))


def write(router: Router, text: str) -> None:
    fresh = router.config.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(router.config)


def post(router: Router) -> list[str]:
    """What changed."""
    done: list[str] = control_client.post(router.socket, "/v1/reload", {}, patience=60)["changes"]
    return done


def reload(router: Router, *arguments: str) -> str:
    done = router.run("reload", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def hang_up(router: Router) -> None:
    assert router.process
    router.process.send_signal(signal.SIGHUP)


# --- in force


def test_another_limit_counts_at_once_and_what_was_used_and_granted_stays(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    alice, server = lab.clients[0], lab.servers4[0]
    alice.call(traffic.tcp_down, server, 1_000_000)
    assert router.run("grant", "alice", "1KB").returncode == 0
    assert router.run("block", "bob").returncode == 0
    before = router.measure()
    used = row_of(router, "daily", "client/alice")["used_bytes"]

    edit(router, "limit: 2MB", "limit: 500KB")
    assert reload(router, "--dry-run").splitlines() == [
        "quota daily: limit 2.00 MB -> 500 KB",
        "nothing was changed (--dry-run)",
    ]
    assert state_of(router, "alice") == "open"
    assert reload(router).splitlines() == ["quota daily: limit 2.00 MB -> 500 KB", "in force now"]
    assert state_of(router, "alice") == "blocked"
    row = row_of(router, "daily", "client/alice")
    assert (row["used_bytes"], row["granted_bytes"]) == (used, 1000)
    assert not passes(alice, server)

    edit(router, "limit: 500KB", "limit: 2MB")
    edit(router, "name: alice,", "name: anna,")
    edit(router, "client/alice", "client/anna")
    document = router.json("reload")
    assert document["applied"]
    assert document["changes"] == ["client alice: renamed to anna", "quota daily: limit 500 KB -> 2.00 MB"]
    assert passes(alice, server)
    assert [each["subject"] for each in router.get("/v1/quotas")["by_hand"]] == ["client/bob"]
    after = router.measure()
    moved = (after.bill - before.bill).of(server)
    assert bytes_of(after.totals["anna"]) == bytes_of(before.totals["alice"] + moved)
    assert reload(router) == "no changes\n"

    edit(router, "quotas:\n", "quotas:\n  - {name: plan, for: everyone, limit: 50MB, period: month, then: block}\n")
    for options in (("--dry-run",), ()):
        new, counted, _ = reload(router, *options).splitlines()
        assert (new[:15], "that were used since" in counted) == ("quota plan: new", True)
    billed = router.measure()
    plan = row_of(router, "plan", "everyone")["used_bytes"]
    assert plan == billed.sum.total_bytes, "all that was counted, though it was added only now"

    assert "everyone counts as having used 49.9 MB" in router.run("correct", "plan", "49900KB").stdout
    send_until_cut(alice, server, 300_000)
    cut = (lab.carrier.settle() - billed.bill).total.total_bytes
    assert 100_000 - 1228 < cut <= 100_000
    assert router.stop() == 0
    router.start()
    assert not passes(alice, server)
    assert "`correct plan 49900KB`" in router.run("undo").stdout
    assert passes(alice, server)
    assert row_of(router, "plan", "everyone")["used_bytes"] >= plan + cut


def test_sighup_does_the_same_and_systemd_and_the_journal_are_told(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(router.place / "notify"))
        manager.settimeout(5)
        router.environment["NOTIFY_SOCKET"] = str(router.place / "notify")
        router.start()

        def told(first: str) -> list[str]:
            """The next message of systemd's that begins so."""
            while True:
                lines = manager.recv(4096).decode().splitlines()
                if lines[0] == first:
                    return lines

        loaded = router.scrape()[MOMENT]
        edit(router, "then: block", "then: notify")
        hang_up(router)
        assert told("RELOADING=1")[1].startswith("MONOTONIC_USEC=")
        told("READY=1")
        assert row_of(router, "daily", "client/alice")["action"] == "notify"
        wait_until("the metrics", lambda: router.scrape()[MOMENT] > loaded, timeout=3)
        edit(router, "then: notify", "then: nothing")
        hang_up(router)
        told("RELOADING=1")
        told("READY=1")
        assert router.scrape()[ACCEPTED] == 0
    log = router.log.read_text()
    assert log.count("the configuration was read again: quota daily: then block -> notify") == 1
    assert f"stays in force:\n{router.config}:6:" in log
    assert ": `nothing` is not an action at the limit\n" in log


def test_metrics_move_to_another_address_beside_the_old_one(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab).start()
    for old, new in (
        ("127.0.0.1:19473", "0.0.0.0:19473"),
        ("0.0.0.0:19473", "[::]:19473"),
        ("[::]:19473", "127.0.0.1:19474"),
        ("127.0.0.1:19474", "127.0.0.1:19473"),
    ):
        edit(router, old, new)
        assert post(router)[0] == f"metrics.listen: {old} -> {new}"
        listening = router.lab.router.run(["ss", "-Hltn"])
        assert f"{new.replace('[::]', '*')} " in listening
        assert listening.count(":1947") == 1
    assert router.scrape()[ACCEPTED] == 1


# --- refused


def refused(router: Router) -> list[tuple[str, str]]:
    """The mistakes of a refused reload, as FILE:LINE and sentence. Nothing has changed."""
    before = in_force(router)
    with pytest.raises(control_client.ControlError) as caught:
        control_client.post(router.socket, "/v1/reload", {})
    assert caught.value.message == "the edited configuration is refused; the previous one stays in force"
    assert not router.get("/v1/status")["configuration"]["accepted"]
    assert router.scrape()[ACCEPTED] == 0
    assert in_force(router) == before
    return [
        (f"{Path(each['file']).name}:{each['line']}", each["message"]) for each in caught.value.document["problems"]
    ]


def in_force(router: Router) -> tuple[object, ...]:
    """Quotas; and programs, classes and listeners, as the kernel has them."""
    commands = ("tc filter show dev wan0 egress", "tc filter show dev br0 ingress", "tc qdisc show", "ss -Hltn")
    return (router.get("/v1/quotas")["quotas"], *(router.lab.router.run(command.split()) for command in commands))


def test_a_file_that_is_wrong_is_refused_with_all_that_is_wrong(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    good, loaded = router.config.read_text(), router.scrape()[MOMENT]
    drop_in = router.config.parent / "conf.d" / "more.yaml"
    drop_in.parent.mkdir()
    write(router, good.replace("2MB", "2").replace("client/alice", "client/nobody"))
    drop_in.write_text("clients: [{name: bob, mac: nothing}]\n")
    assert refused(router) == [
        ("esimshaper.yaml:6", "no client is named `nobody`"),
        ("esimshaper.yaml:6", "`2` is not an amount of data with its unit"),
        ("more.yaml:1", "the name `bob` is used twice"),
        ("more.yaml:1", "`nothing` is not a MAC address"),
    ]
    done = router.run("reload")
    *lines, last = done.stderr.splitlines()
    assert (done.returncode, done.stdout, lines) == (2, "", checked(router))
    assert last == "esimshaper: the edited configuration is refused; the previous one stays in force"
    answer = router.run("reload", "--json")
    assert (answer.returncode, json.loads(answer.stdout)["applied"]) == (2, False)
    planned = router.run("reload", "--dry-run")
    assert (planned.returncode, planned.stderr) == (2, done.stderr)

    drop_in.unlink()
    write(router, "wan: {interface: [\n")
    assert len(refused(router)) == 1
    router.config.unlink()
    assert refused(router) == [("esimshaper.yaml:1", "there is no such file")]
    assert router.scrape()[MOMENT] == loaded
    write(router, good)
    post(router)
    assert router.scrape()[ACCEPTED] == 1
    assert router.scrape()[MOMENT] > loaded


def checked(router: Router) -> list[str]:
    """What `check` says."""
    return router.run("check", str(router.config)).stderr.splitlines()


def test_what_only_this_machine_can_tell_is_refused_before_anything_is_changed(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    lab.clients[0].call(traffic.udp_echo, lab.servers4[0])
    good, counted = router.config.read_text(), router.measure().totals["alice"].total_bytes
    lab.router.ip("link add lan9 type bridge")
    lab.router.run(["tc", "qdisc", "add", "dev", "lan9", "ingress"])
    other = lab.router.popen([PYTHON, "-m", "http.server", "--bind", "127.0.0.1", "19999"], stderr=subprocess.DEVNULL)
    wait_until("a server", lambda: ":19999 " in lab.router.run(["ss", "-Hltn"]))
    edited = good.replace("19473", "19999").replace("2MB", "1MB") + "meter: {max_flows: 2048}\n"
    write(router, edited.replace("interfaces: [br0]", "mark_mask: 0x0ff00000, interfaces: [br0, lan9]"))
    assert refused(router) == [
        ("esimshaper.yaml:2", "lan.mark_mask cannot change while the daemon runs (none -> 0x0ff00000)"),
        ("esimshaper.yaml:7", "meter.max_flows cannot change while the daemon runs (65536 -> 2048)"),
        ("esimshaper.yaml:2", "a qdisc `ingress` on lan9 shuts clsact out (tc qdisc del dev lan9 ingress)"),
        ("esimshaper.yaml:3", "cannot serve metrics on 127.0.0.1:19999: Address already in use"),
    ]
    other.kill()
    other.wait()
    write(router, good.replace("'127.0.0.1:19473'", "'192.0.2.1:19473', tls: {certificate: /none, key: /none}"))
    address, certificate = refused(router)
    assert address[1].endswith("Cannot assign requested address")
    assert certificate == ("esimshaper.yaml:3", "there is no /none")

    write(router, good + "meter: {max_flows: 2048}\n")
    assert len(refused(router)) == 1
    assert router.stop() == 0
    router.start()
    assert row_of(router, "daily", "client/alice")["used_bytes"] == counted > 0
    rows = router.get("/v1/history", by="day", client="alice")["rows"]
    assert sum(row["total_bytes"] for row in rows) == counted


def test_an_uplink_that_is_not_there_yet_is_taken_and_told(make_router: Callable[..., Router], lab: Lab) -> None:
    router = make_router(lab, quotas(ALICE_2MB)).start()
    edit(router, "interface: wan0", "interface: wwan9")
    assert reload(router).splitlines()[:2] == [
        "wan.interface: wan0 -> wwan9",
        "note: interface wwan9 is not there; what passes it is counted from when it comes",
    ]
    assert lab.router.run(["tc", "filter", "show", "dev", "wan0", "egress"]) == ""
    lab.router.ip("link set wan0 down", "link set wan0 name wwan9", "link set wwan9 up")  # as ModemManager may
    wait_until("counting", lambda: router.get("/v1/status")["wan"]["attached"], timeout=5)


def test_reload_without_a_daemon_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [PYTHON, "-m", "esimshaper", "reload", "--socket", str(tmp_path / "none")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert "the daemon is not running" in done.stderr
