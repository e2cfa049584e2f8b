# SPDX-License-Identifier: GPL-2.0-or-later
"""The package on real Debians 12 and 13, booted by systemd, as the router of a lab: from apt install to apt purge."""

import contextlib
import json
import os
import shutil
import socket
import urllib.parse
from pathlib import Path

import pytest

from esimshaper.core.model.counts import Counters
from esimshaper.core.model.notices import NoticeKind
from esimshaper.edge.host.messages import MESSAGE_IDS
from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.servers import TCP_PORT, UDP_PORT
from esimshaper.lab.world import LAN4
from esimshaper.web import captive
from tests.certificates import Authority
from tests.netns.router import bytes_of
from tests.system.debian import CHANGES, PAGE, SERVICE, Debian, look
from tests.system.tree import Trees

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to boot a system")


SCRAPE = """
global: {scrape_interval: 1s}
scrape_configs: [{job_name: esimshaper, static_configs: [{targets: ["127.0.0.1:19473"]}]}]
"""


def knock(server: str) -> None:
    """Tries to get out, by UDP and TCP, without waiting for long."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.sendto(bytes(500), (server, UDP_PORT))
    with contextlib.suppress(OSError), socket.create_connection((server, TCP_PORT), timeout=0.2) as sock:
        sock.sendall(bytes(500))


def query(router: Debian, expression: str) -> float | None:
    """What the Prometheus in the router makes of an expression; None as long as that is nothing."""
    url = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    fetch = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
    answer = json.loads(router.run("python3", "-c", fetch, url))["data"]["result"]
    return float(answer[0]["value"][1]) if answer else None


def test_what_the_readme_says_is_enough_and_the_bill_is_right(router: Debian):
    before = router.measure()
    alice, bob = router.lab.clients
    for number, client in enumerate((alice, bob)):
        for server in (router.lab.servers4[number], router.lab.servers6[number]):
            client.call(traffic.tcp_down, server, 2_000_000)
            client.call(traffic.tcp_up, server, 500_000)
            client.call(traffic.quic, server, up=50_000, down=200_000)
            client.call(traffic.fragments, server)
            client.call(traffic.ping, server)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["unattributed"] == Counters()
    for number, name in enumerate(("alice-phone", "tv")):  # as the configuration calls them
        servers = router.lab.servers4[number], router.lab.servers6[number]
        assert bytes_of(moved.totals[name]) == bytes_of(moved.bill.of(*servers))
    assert "alice-phone" in router.run("esimshaper", "status")
    assert router.show("StatusText")
    wait_until("a name", lambda: router.is_named("r1.googlevideo.com"))
    assert router.journal("PRIORITY=4") == []


def test_the_service_needs_little(router: Debian):
    for unit in (SERVICE, "esimshaper-build.service", "esimshaper-guard.service"):
        router.run("systemd-analyze", "security", "--threshold=20", "--no-pager", unit)
    assert router.show("User") == "esimshaper"


def test_the_page_speaks_tls_by_a_key_that_nobody_but_systemd_can_read(router: Debian, tmp_path: Path):
    phone, address = router.lab.clients[0], f"{LAN4}.1"
    authority = Authority(tmp_path)
    folder = router.path("/etc/esimshaper/tls")
    folder.mkdir(mode=0o700)
    for made, name in zip(authority.sign("page"), ("page.crt", "page.key"), strict=True):
        shutil.copy(made, folder / name)
        (folder / name).chmod(0o600)
    router.configure("web: {tls: {certificate: /etc/esimshaper/tls/page.crt, key: /etc/esimshaper/tls/page.key}}\n")
    router.run("systemctl", "reload", SERVICE)
    try:
        wait_until("TLS", lambda: phone.call(look, address, "/", authority.certificate)[0] == 200, timeout=60)
    except TimeoutError as problem:
        problem.add_note(router.journalctl("--no-pager", "--lines=60"))
        raise
    status, told = phone.call(look, address, captive.PATH, authority.certificate)
    assert (status, json.loads(told)["captive"]) == (200, False)
    assert phone.call(look, address)[0] == 200, "who has no TLS still gets in"
    assert phone.call(look, address, captive.PATH)[0] == 404
    router.run("systemd-analyze", "security", "--threshold=10", "--no-pager", PAGE)
    process = router.run("systemctl", "show", PAGE, "--value", "--property=MainPID").strip()
    credentials = router.path(f"/proc/{process}/root/run/credentials/{PAGE}")
    assert sorted(each.name for each in credentials.iterdir()) == ["certificate", "key"]
    reads = "import sys; open(sys.argv[1]).read()"
    with pytest.raises(AssertionError, match="Permission denied"):
        router.run("runuser", "-u", "esimshaper-web", "--", "python3", "-c", reads, "/etc/esimshaper/tls/page.key")
    router.configure("")
    router.run("systemctl", "reload", SERVICE)
    wait_until("the end of the page", lambda: phone.call(look, address)[0] == 0, timeout=60)
    shutil.rmtree(folder)


def test_closed_holds_before_the_daemon_is_there(router: Debian):
    """All that a boot does of it, but for the boot: the kernel part is gone, and the guard is part of the start."""
    client, server = router.lab.clients[0], router.lab.servers4[0]
    router.configure("on_failure: closed")
    router.run("systemctl", "reload", SERVICE)
    router.run("systemctl", "restart", SERVICE)
    before = router.measure()
    assert client.call(traffic.tcp_up, server, 10_000).up > 10_000, "a start where something counts interrupts nothing"
    router.run("systemctl", "stop", SERVICE)
    router.run("esimshaper", "unload")
    router.path("/run/systemd/system/esimshaper-build.service.d").mkdir(parents=True)
    stuck = router.path("/run/systemd/system/esimshaper-build.service.d/stuck.conf")
    stuck.write_text("[Service]\nExecStart=\nExecStart=/bin/sleep 60\n")
    router.run("systemctl", "daemon-reload")
    router.run("systemctl", "start", "--no-block", SERVICE)
    wait_until("the guard", lambda: "esimshaper_closed" in router.run("nft", "list", "tables"))
    with pytest.raises(ConnectionRefusedError):
        client.call(traffic.tcp_up, server, 10_000)
    stuck.unlink()
    router.run("systemctl", "daemon-reload")
    router.run("systemctl", "stop", SERVICE, "esimshaper-build.service")
    router.configure("")
    router.run("systemctl", "start", SERVICE)
    wait_until("the first tick", router.is_at_work)
    assert client.call(traffic.tcp_up, server, 10_000).up > 10_000
    assert not router.path("/var/lib/esimshaper/closed.nft").exists()
    assert router.measure().bill.total.total_bytes > before.bill.total.total_bytes
    assert "network-pre.target" in router.run("systemctl", "show", "--property=Before", "esimshaper-guard.service")


NETWORK_MANAGER = """
[Unit]
DefaultDependencies=no
After=network-pre.target
Before=network.target
Wants=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'tc filter show dev wan0 egress >/run/seen'
"""
CLOUD_INIT = """
[Unit]
DefaultDependencies=no
After=network-manager.service
Before=sysinit.target
[Service]
Type=oneshot
ExecStart=/bin/true
"""


BOOT = f"""
[Unit]
Wants=network-manager.service {SERVICE}
After=network-manager.service {SERVICE}
"""


def boot(router: Debian) -> str:
    """What of it matters here: kernel part and network are started together. What is at the uplink by then."""
    router.path("/run/systemd/system/network-manager.service").write_text(NETWORK_MANAGER)
    router.path("/run/systemd/system/boot.target").write_text(BOOT)
    router.run("systemctl", "daemon-reload")
    parts = ("boot.target", SERVICE, "network-manager", "network-pre.target", "network.target")
    router.run("systemctl", "stop", *parts)
    router.run("esimshaper", "unload")
    router.run("systemctl", "start", "boot.target")
    return router.run("cat", "/run/seen")


def test_the_network_waits_until_it_is_counted_but_not_for_what_fails(router: Debian):
    assert "esimshaper wan_egress" in boot(router)
    failing = router.path("/run/systemd/system/esimshaper-build.service.d/failing.conf")
    failing.parent.mkdir(parents=True, exist_ok=True)
    failing.write_text("[Service]\nExecStart=\nExecStart=/bin/false\n")
    assert "esimshaper" not in boot(router)
    assert router.try_run("systemctl", "is-active", SERVICE).stdout != "active\n"
    failing.unlink()
    router.run("systemctl", "daemon-reload")
    router.run("systemctl", "restart", SERVICE)
    wait_until("the first tick", router.is_at_work)


def test_what_needs_a_network_early_in_a_boot_is_no_cycle(router: Debian):
    """cloud-init does, of which Raspberry Pi OS makes use. systemd would drop one of the two."""
    units = router.path("/run/systemd/system")
    (units / "network-manager.service").write_text(NETWORK_MANAGER)
    (units / "cloud-init.service").write_text(CLOUD_INIT)
    wanted = units / "sysinit.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / "cloud-init.service").symlink_to("../cloud-init.service")
    done = router.try_run("systemd-analyze", "verify", "multi-user.target", "network-manager.service")
    for path in (units / "cloud-init.service", wanted / "cloud-init.service"):
        path.unlink()
    assert "esimshaper" in router.run("systemctl", "list-dependencies", "multi-user.target")
    assert "cycle" not in done.stdout + done.stderr


def test_a_quota_that_is_reached_is_in_the_journal_in_fields_and_in_plain_words(router: Debian):
    alice = router.lab.client("alice-phone")
    router.configure("quotas: [{name: tiny, for: client/alice-phone, limit: 300KB, period: month, then: block}]")
    router.run("systemctl", "reload", SERVICE)
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, router.lab.servers4[0], 1_000_000)
    reached = f"MESSAGE_ID={MESSAGE_IDS[NoticeKind.QUOTA_REACHED]}"
    wait_until("the message", lambda: bool(router.journal(reached)))
    (told,) = router.journal(reached)
    fields = {name: told[f"ESIMSHAPER_{name}"] for name in ("QUOTA", "CLIENT", "INTERFACE")}
    assert fields == {"QUOTA": "tiny", "CLIENT": "alice-phone", "INTERFACE": "wan0"}
    assert int(told["ESIMSHAPER_BYTES"]) >= 300_000
    assert told["_SYSTEMD_UNIT"] == SERVICE
    explained = router.run("journalctl", "--catalog", "--no-pager", reached)
    assert "client/alice-phone has reached the limit of the quota tiny on the uplink" in " ".join(explained.split())


def test_a_good_edit_is_in_force_when_reload_returns_and_a_bad_one_changes_nothing(router: Debian):
    router.configure("quotas: [{name: month, for: everyone, limit: 10GB, period: month, then: block}]")
    before, pid = router.measure(), router.show("MainPID")
    router.run("systemctl", "reload", SERVICE)
    assert [quota["quota"] for quota in router.get("/v1/quotas")["quotas"]] == ["month"]
    router.configure("quotas: [{name: month, for: everyone, limit: 5GB, period: fortnight, then: block}]")
    assert router.try_run("systemctl", "reload", SERVICE).returncode != 0
    refused = router.try_run("esimshaper", "reload")
    assert refused.returncode == 2
    assert f"{CHANGES}:1:" in refused.stderr
    assert router.scrape()["esimshaper_config_last_reload_successful"] == 0
    (quota,) = router.get("/v1/quotas")["quotas"]
    assert quota["limit_bytes"] == 10_000_000_000
    router.configure("")
    router.run("systemctl", "reload", SERVICE)
    assert router.scrape()["esimshaper_config_last_reload_successful"] == 1
    assert router.show("MainPID") == pid
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


def test_the_prometheus_of_debian_knows_what_the_bill_says(router: Debian):
    router.path("/etc/prometheus/prometheus.yml").write_text(SCRAPE)
    router.run("systemctl", "reload", "prometheus")
    router.lab.clients[1].call(traffic.tcp_down, router.lab.servers4[0], 500_000)
    clients = "sum(esimshaper_client_receive_bytes_total) + sum(esimshaper_client_transmit_bytes_total)"
    wan = "esimshaper_wan_receive_bytes_total + esimshaper_wan_transmit_bytes_total"
    # Measured each time: what the kernel sends by itself after a measure would never be in it.
    wait_until("a scrape", lambda: query(router, clients) == query(router, wan) == counted(router), timeout=20)


def counted(router: Debian) -> int:
    return router.measure().sum.total_bytes


def test_a_daemon_that_hangs_is_started_again_and_no_byte_is_missing(router: Debian):
    router.path(f"/run/systemd/system/{SERVICE}.d").mkdir(parents=True)
    router.path(f"/run/systemd/system/{SERVICE}.d/soon.conf").write_text(
        "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\nRestartSec=0\n"
    )
    router.run("systemctl", "daemon-reload")
    router.run("systemctl", "restart", SERVICE)
    before, hung = router.measure(), router.show("MainPID")
    router.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", SERVICE)
    router.lab.clients[1].call(traffic.tcp_down, router.lab.servers4[0], 1_000_000)
    wait_until("another process", lambda: router.show("MainPID") not in ("0", hung), timeout=40)
    wait_until("its first tick", router.is_at_work, timeout=20)
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.sum.down_bytes > 1_000_000
    assert router.show("NRestarts") == "1"


def test_an_upgrade_under_traffic_misses_no_byte_and_lets_nobody_through(router: Debian):
    """The next version has another kernel part, so programs are exchanged at work."""
    alice, bob = router.lab.clients
    router.configure("")
    router.run("systemctl", "restart", SERVICE)
    wait_until("the first tick", router.is_at_work)
    router.run("esimshaper", "block", "client/tv")
    before, programs, pid = router.measure(), router.programs(), router.show("MainPID")
    upgrade = router.start("apt-get", "-qy", "install", "/packages/2.deb")
    rounds = 0
    while upgrade.poll() is None:
        busy = alice.start(traffic.tcp_down, router.lab.servers4[0], 3_000_000)
        for server in (router.lab.servers4[1], router.lab.servers6[1]):
            bob.call(knock, server)
        busy.result()
        rounds += 1
    assert upgrade.returncode == 0
    wait_until("the first tick", router.is_at_work, timeout=20)
    moved = router.measure() - before
    assert rounds > 3
    assert router.show("MainPID") != pid
    assert not router.programs() & programs
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.bill.of(router.lab.servers4[1], router.lab.servers6[1]) == Counters()
    router.run("esimshaper", "allow", "--clear", "client/tv")


def test_installing_starts_nothing_and_purging_leaves_nothing(
    release: str, trees: Trees, packages: Path, new_lab: Lab
) -> None:
    """Files, users, groups, units; in the kernel: pins, filters, queues, devices, tables."""
    with Debian(trees[release], new_lab, packages) as debian:
        before = traces(debian)
        debian.run("apt-get", "-qy", "install", "/packages/1.deb")
        assert debian.try_run("systemctl", "is-enabled", SERVICE).stdout == "disabled\n"
        assert debian.try_run("systemctl", "is-active", SERVICE).stdout == "inactive\n"
        assert debian.try_run("esimshaper", "status").returncode == 3
        debian.provision()
        debian.configure("quotas: [{name: slow, for: each-client, limit: 1KB, period: day, then: {throttle: 1mbit}}]")
        debian.run("systemctl", "restart", SERVICE)
        wait_until("limits", lambda: "ifb-wan0" in debian.run("ip", "link"))
        new_lab.clients[0].call(traffic.tcp_down, new_lab.servers4[0], 50_000)
        debian.run("esimshaper", "block", "client/tv")
        for trace in (
            "/usr/bin/esimshaper",
            "ifb-wan0",
            "table inet esimshaper",
            "esimshaper wan_ingress",
            "/sys/fs/bpf/",
        ):
            assert trace in "\n".join(traces(debian)), trace
        debian.run("apt-get", "-qy", "remove", "esimshaper")
        assert debian.run("cat", CHANGES)
        new_lab.clients[1].call(traffic.tcp_down, new_lab.servers4[0], 50_000)
        debian.run("apt-get", "-qy", "purge", "esimshaper")
        assert traces(debian) == before


THEIRS = (
    *("/dev", "/proc", "/sys/devices", "/sys/fs/cgroup", "/sys/kernel", "/tmp", "/var/tmp", "/var/cache", "/var/log"),
    *("/run/log", "/run/systemd", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/prometheus", "/var/lib/systemd"),
)
"""Where systemd, apt and others write for themselves."""


def traces(debian: Debian) -> list[str]:
    """All that esimshaper could leave somewhere."""
    apart = [word for path in THEIRS for word in ("-path", path, "-prune", "-o")]
    devices = (debian.lab.wan_interface, debian.lab.lan_interface)
    said = [
        debian.run("find", "/", *apart, "-print"),
        *(debian.run("cat", f"/etc/{name}") for name in ("passwd", "group", "shadow", "gshadow")),
        debian.run("systemctl", "list-unit-files", "--no-pager"),
        debian.run("sh", "-c", "ip -o link | cut -d: -f2"),  # its state may change by itself
        debian.run("nft", "list", "ruleset"),
        debian.run("tc", "qdisc", "show"),
        *(
            debian.try_run("tc", "filter", "show", "dev", dev, way).stdout
            for dev in devices
            for way in ("ingress", "egress")
        ),
    ]
    return [line for text in said for line in text.splitlines()]
