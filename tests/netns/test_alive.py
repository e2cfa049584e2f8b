# SPDX-License-Identifier: GPL-2.0-or-later
"""Blocked, but alive: what a plan that is used up leaves to the router, and what no guest gets out of that."""

import contextlib
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from esimshaper.lab import Lab, WanKind
from esimshaper.lab.namespaces import Host, wait_until
from tests.netns.limits import CLIENTS, Clock, download, passes, quotas, reboot, row_of, state_of, used_up
from tests.netns.router import Router, bytes_of

if TYPE_CHECKING:
    from concurrent.futures import Future

PLAN = "name: plan, for: everyone, limit: 1MB, period: month, then: block"
DNS, NTP = 53, 123
GATEWAY, OFFERED = "100.64.0.1", "100.64.0.77"
AT_ONCE = 50
"""Questions of the tunnel that wait for their answer."""
MOST = 64_000
"""Bytes that a blocked guest may move, whatever it tries."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TAP) as built:
        yield built


def bound(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


def reply(server: socket.socket, size: int, ended: list[bool]) -> None:
    """Answers each datagram with its first two bytes and `size` more."""
    with server as sock:
        sock.settimeout(0.2)
        while not ended:
            with contextlib.suppress(TimeoutError):
                _, peer = sock.recvfrom(4096)
                sock.sendto(bytes(size), peer)


@contextlib.contextmanager
def serving(host: Host, *servers: tuple[str, int]) -> Iterator[None]:
    ended: list[bool] = []
    # Bound before anybody asks: a closed port answers with an error, which is an answer too.
    listening = [host.call(bound, address, port) for address, port in servers]
    running: list[Future[None]] = [host.start(reply, sock, 48, ended) for sock in listening]
    try:
        yield
    finally:
        ended.append(True)
        for each in running:
            each.result(timeout=300)


def is_answered(host: Host, server: str, port: int) -> bool:
    def ask() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(3)
            sock.connect((server, port))
            try:
                sock.send(bytes(48))
                return bool(sock.recv(4096))
            except OSError:
                return False

    return host.call(ask)


def solicit() -> None:
    """A router solicitation on wan0, RFC 4861 section 4.1."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("wan0"))
        sock.sendto(struct.pack("!BBHI", 133, 0, 0, 0), ("ff02::2", 0))


@contextlib.contextmanager
def addresses_at_the_carrier(lab: Lab) -> Iterator[None]:
    """A modem that gives its router an address by DHCP and routes by router advertisements."""
    server = lab.internet.popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=0"),
            *("--no-resolv", "--no-hosts", "--interface=gw0", "--bind-interfaces", "--dhcp-leasefile=/dev/null"),
            *("--no-ping", "--dhcp-authoritative", f"--dhcp-range={OFFERED},{OFFERED},2m", "--enable-ra"),
            *("--dhcp-range=2001:db8:64::,ra-only,64,10m", "--log-facility=/dev/null"),
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        server.kill()
        server.wait()


def has_lease(lab: Lab) -> bool:
    command = ["udhcpc", "-i", "wan0", "-f", "-q", "-n", "-t", "3", "-T", "1", "-s", "/bin/true"]
    done = subprocess.run(lab.router.command(command), capture_output=True, text=True, check=False, timeout=300)
    return done.returncode == 0 and OFFERED in done.stderr


def has_route_by_advertisement(lab: Lab) -> bool:
    lab.router.call(solicit)
    return "proto ra" in lab.router.run(["ip", "-6", "route", "show", "default"])


def test_used_up_plan_leaves_the_router_alive_and_stays_exact(make_router: Callable[..., Router], lab: Lab) -> None:
    time_server, names, other, page = lab.servers4[1:5]
    extra = f"router: {{reserve: 1MB, reachable: [{page}, '{lab.servers6[4]}']}}\n"
    router = make_router(lab, quotas(PLAN) + extra).start()
    alice, bob = lab.clients
    lab.router.sysctl(ipv6__conf__wan0__accept_ra=2)
    with serving(lab.internet, (time_server, NTP), (names, DNS), (other, 9999)), addresses_at_the_carrier(lab):
        used_up(router, alice, lab.servers4[0])
        before = router.measure()
        for _ in ("with the daemon", "without it"):
            assert is_answered(lab.router, time_server, NTP)
            assert is_answered(lab.router, names, DNS)
            assert not is_answered(lab.router, other, 9999)
            assert not is_answered(alice, time_server, NTP)
            assert has_lease(lab)
            wait_until("an advertisement", lambda: has_route_by_advertisement(lab), timeout=5)
            lab.router.run(["ip", "-6", "route", "flush", "default", "proto", "ra"])
            lab.router.run(["ip", "neigh", "flush", "dev", "wan0"])
            assert download(alice, page, 20_000) == 20_000
            assert not passes(alice, other)
            router.kill()
        router.start()
        moved = router.measure() - before
        assert bytes_of(moved.sum) == bytes_of(moved.bill.seen_by_router), "what passes is counted like everything"
        assert download(bob, lab.servers6[4], 1_000_000, timeout=3) < 125_000, "an eighth of the reserve"
        status = router.get("/v1/status")
        assert 40_000 < status["reserve"]["used_bytes"] < 300_000
        assert "its clock and its DNS have" in router.run("status").stdout
        assert row_of(router, "plan", "everyone")["used_bytes"] >= 1_000_000


def test_router_has_quotas_and_is_allowed_and_blocked_by_hand(make_router: Callable[..., Router], lab: Lab) -> None:
    own = "name: own, for: router, limit: 300KB, period: month, then: block"
    router = make_router(lab, quotas(own)).start()
    server, time_server = lab.servers4[:2]
    alice = lab.clients[0]
    with serving(lab.internet, (time_server, NTP)):
        assert download(lab.router, server, 2_000_000, timeout=3) < 300_000
        wait_until("the state", lambda: row_of(router, "own", "client/router")["reached"], timeout=3)
        assert passes(alice, server)
        assert is_answered(lab.router, time_server, NTP)
        assert not passes(lab.router, server)
        assert router.run("grant", "router", "1MB").returncode == 0
        wait_until("the grant", lambda: passes(lab.router, server), timeout=3)
        assert router.json("block", "router")["subject"] == "client/router"
        wait_until("the block", lambda: not passes(lab.router, server), timeout=3)
        assert is_answered(lab.router, time_server, NTP)
        assert passes(alice, server)
        router.json("block", "everyone")
        router.json("allow", "router")
        wait_until("the router", lambda: passes(lab.router, server), timeout=3)
        assert not passes(alice, server)


# --- the clock after a power-off


TODAY, TWO_DAYS_LATER = "2026-11-29T12:00:00Z", "2026-12-01T12:00:00Z"


def used_up_and_off(router: Router, clock: Clock, lab: Lab, pins: Path) -> None:
    clock.says(TODAY, hardware=TODAY)
    router.start()
    used_up(router, lab.clients[0], lab.servers4[0])
    router.measure()
    assert router.stop() == 0
    reboot(router, pins)


def test_window_that_ended_while_the_box_was_off_opens_by_its_hardware_clock(
    make_router: Callable[..., Router], lab: Lab, bpffs: Path
) -> None:
    router = make_router(lab, quotas(PLAN.replace("month", "day")))
    clock = Clock(router)
    used_up_and_off(router, clock, lab, bpffs)
    clock.says(TODAY, trusted=False, hardware=TWO_DAYS_LATER)
    router.start()
    wait_until("the new day", lambda: state_of(router, "alice") == "open", timeout=5)
    assert passes(lab.clients[0], lab.servers4[0])
    assert router.get("/v1/status")["clock"]["problem"] is None


def test_without_a_hardware_clock_the_window_opens_once_the_time_service_was_answered(
    make_router: Callable[..., Router], lab: Lab, bpffs: Path
) -> None:
    router = make_router(lab, quotas(PLAN.replace("month", "day")))
    clock, time_server = Clock(router), lab.servers4[1]
    used_up_and_off(router, clock, lab, bpffs)
    clock.says("1970-01-01T00:00:30Z", trusted=False)
    router.start()
    assert state_of(router, "alice") == "blocked"
    assert "does not renew before a time service has set it" in router.run("status").stdout
    with serving(lab.internet, (time_server, NTP)):
        assert is_answered(lab.router, time_server, NTP)
    clock.says(TWO_DAYS_LATER)  # as a time service does then
    wait_until("the new day", lambda: state_of(router, "alice") == "open", timeout=5)
    assert "Clock:" not in router.run("status").stdout


# --- names


def answer_any_name(address: str, ended: list[bool]) -> None:
    """A server at which a tunnel ends: 1,000 bytes of TXT for each name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, DNS))
        sock.settimeout(0.2)
        text = (bytes([250]) + bytes(250)) * 4
        record = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 0, len(text)) + text
        while not ended:
            with contextlib.suppress(TimeoutError):
                query, peer = sock.recvfrom(4096)
                end = 12
                while query[end]:
                    end += query[end] + 1
                sock.sendto(query[:2] + struct.pack("!5H", 0x8580, 1, 1, 0, 0) + query[12 : end + 5] + record, peer)


def tunnel(server: str, seconds: float) -> int:
    """Bytes of questions and answers that passed, of as many as can be asked."""
    moved, ends, waiting = 0, time.monotonic() + seconds, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((server, DNS))
        sock.settimeout(0.1)
        while time.monotonic() < ends:
            if waiting < AT_ONCE:
                name = os.urandom(24).hex().encode()
                question = bytes([len(name)]) + name + b"\1t\2ex\0" + struct.pack("!2H", 16, 1)
                large_answers = b"\0" + struct.pack("!2HIH", 41, 4096, 0, 0)
                with contextlib.suppress(OSError):
                    sock.send(os.urandom(2) + struct.pack("!5H", 0x100, 1, 0, 0, 1) + question + large_answers)
                waiting += 1
                continue
            try:
                moved += len(sock.recv(5000)) + 100
                waiting -= 1
            except OSError:
                waiting = 0
    return moved


@contextlib.contextmanager
def names_by_the_router(lab: Lab, upstream: str, place: Path) -> Iterator[None]:
    ended: list[bool] = []
    outside = lab.internet.start(answer_any_name, upstream, ended)
    server = lab.router.popen(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=53"),
            *(
                "--no-resolv",
                "--no-hosts",
                f"--server={upstream}",
                "--listen-address=192.168.77.1",
                "--bind-interfaces",
            ),
            *("--dns-forward-max=500", "--edns-packet-max=4096", f"--log-facility={place / 'names'}"),
        ]
    )
    try:
        yield
    finally:
        server.kill()
        server.wait()
        ended.append(True)
        outside.result(timeout=300)


def test_names_are_no_way_out_of_a_block(make_router: Callable[..., Router], lab: Lab, tmp_path: Path) -> None:
    router = make_router(lab, CLIENTS).start()
    alice, upstream = lab.clients[0], lab.servers4[6]
    with names_by_the_router(lab, upstream, tmp_path):
        wait_until("names", lambda: alice.call(tunnel, "192.168.77.1", 0.2) > 0)
        assert alice.call(tunnel, "192.168.77.1", 1) > 10 * MOST
        router.run("block", "alice")
        wait_until("the block", lambda: state_of(router, "alice") == "blocked")
        router.kill()
        before = lab.carrier.settle()
        moved = alice.call(tunnel, "192.168.77.1", 3)
        assert 10_000 < moved < MOST, "a page is found by its name, and a tunnel is none"
        billed = (lab.carrier.settle() - before).of(upstream).total_bytes
        assert billed < moved + AT_ONCE * 1_300, "and what was on its way"
        alice.run(["ping", "-c", "1", "-W", "2", "192.168.77.1"])
