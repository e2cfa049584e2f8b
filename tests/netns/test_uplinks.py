# SPDX-License-Identifier: GPL-2.0-or-later
"""Several uplinks of the real daemon: each one's bill, to the byte; limits over all that are metered."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from esimshaper.core.model.modems import ModemsReport
from esimshaper.edge.modems import report_file
from esimshaper.lab import Lab, WanKind, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.lab.second_uplink import FAR_DEVICE, SecondUplink, mac_of
from tests.netns import tricks
from tests.netns.limits import passes, quotas, row_of, send_until_cut, state_of
from tests.netns.router import Router

LIMIT = 3_000_000
HOME = "".join(
    f'{line}  - {{name: {name}, mac: "02:00:00:00:00:{mac}", group: home}}\n'
    for line, name, mac in (("clients:\n", "alice", 10), ("", "bob", 11))
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(WanKind.TUN) as built:
        yield built


class Two:
    """A router with two uplinks; server 5 is reached by the second one, all others by the first."""

    def __init__(self, router: Router, free: str = "", metered: str = "no") -> None:
        self.router, self.lab = router, router.lab
        self.other = SecondUplink(self.lab)
        self.names_of_first = "cellular"
        self.first_server, self.other_server = self.lab.servers4[0], self.lab.servers4[5]
        self.route()
        names = {"cellular": "wan0", "hotel": "wan1"}
        rows = (
            f"{{name: {name}, interface: {device}{f', metered: {metered}' if name == free else ''}}}"
            for name, device in names.items()
        )
        text = router.config.read_text()
        router.config.write_text(text.replace("wan: {interface: wan0}", f"wan: [{', '.join(rows)}]"))

    def route(self) -> None:
        self.lab.router.ip(f"route replace {self.other_server} via 100.65.0.1 dev wan1")

    def swap(self) -> None:
        """The two interfaces take each other's name; the way of each packet stays."""
        router, internet = self.lab.router, self.lab.internet
        first, other = ("wan1", "wan0") if self.names_of_first == "cellular" else ("wan0", "wan1")
        router.ip(
            *("link set wan0 down", "link set wan1 down"),
            *("link set wan0 name between", "link set wan1 name wan0", "link set between name wan1"),
            *("link set wan0 up", "link set wan1 up"),
            f"neigh replace 100.65.0.1 lladdr {mac_of(internet, FAR_DEVICE)} dev {other}",
            f"addr replace {router.ipv6}/64 dev {first} nodad",
            f"route replace default via {internet.ipv4} dev {first}",
            f"route replace ::/0 via {internet.ipv6} dev {first}",
            f"route replace {self.other_server} via 100.65.0.1 dev {other}",
        )
        self.names_of_first = "hotel" if self.names_of_first == "cellular" else "cellular"

    def counted(self) -> dict[str, tuple[int, int]]:
        """By uplink, as the metrics say it."""
        found: dict[str, tuple[int, int]] = {}
        scraped = self.router.scrape()
        for device, name in (("wan0", "cellular"), ("wan1", "hotel")):
            labels = f'{{interface="{device}",uplink="{name}"}}'
            down, up = (scraped[f"esimshaper_wan_{way}_bytes_total{labels}"] for way in ("receive", "transmit"))
            found[name] = (int(down), int(up))
        return found

    def billed(self) -> dict[str, tuple[int, int]]:
        bill = self.lab.carrier.settle().total
        found = (bill.down_bytes, bill.up_bytes), self.other.bytes()
        names = ("cellular", "hotel") if self.names_of_first == "cellular" else ("hotel", "cellular")
        return dict(zip(names, found, strict=True))

    def start(self) -> "Two":
        """From now on both are compared: before that, nobody counted."""
        self.router.start()
        self.router.settle()
        self.compare()
        return self

    def compare(self) -> None:
        self.before = self.billed(), self.counted()

    def apart(self) -> dict[str, tuple[int, int]]:
        """By uplink, how much more was counted since the start than was billed."""
        billed, counted = self.billed(), self.counted()
        return {
            name: (
                counted[name][0] - self.before[1][name][0] - billed[name][0] + self.before[0][name][0],
                counted[name][1] - self.before[1][name][1] - billed[name][1] + self.before[0][name][1],
            )
            for name in billed
        }

    def agree(self) -> None:
        """Each uplink carried what its carrier billed since the start, and all clients together the same."""
        with contextlib.suppress(TimeoutError):
            wait_until("each uplink's own bill", lambda: not any(map(any, self.apart().values())), timeout=3)
        assert self.apart() == {"cellular": (0, 0), "hotel": (0, 0)}
        clients = self.router.get("/v1/clients")["clients"]
        sums = [sum(each["total"][way] for each in clients) for way in ("down_bytes", "up_bytes")]
        carried = self.router.get("/v1/status")["uplinks"]
        assert sums == [sum(each["total"][way] for each in carried) for way in ("down_bytes", "up_bytes")]
        rows = self.router.get("/v1/history", by="day")["rows"]
        assert sums == [sum(row[way] for row in rows) for way in ("down_bytes", "up_bytes")]


def both_at_once(two: Two, size: int) -> None:
    """alice by the one, bob by the other, down and up at the same time, until done or cut."""
    (alice, bob) = two.lab.clients

    def move(client, server) -> None:  # type: ignore[no-untyped-def]
        with contextlib.suppress(OSError):
            client.call(traffic.tcp_down, server, size, timeout=20)
            client.call(traffic.tcp_up, server, size // 4, timeout=20)

    threads = [
        threading.Thread(target=move, args=each) for each in ((alice, two.first_server), (bob, two.other_server))
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def flood(two: Two) -> None:
    """Both send as fast as they can at the same time, each by an uplink of its own, until they are cut."""
    servers = two.first_server, two.other_server
    threads = [
        threading.Thread(target=send_until_cut, args=(*each, 2 * LIMIT))
        for each in zip(two.lab.clients, servers, strict=True)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_each_uplink_has_its_own_bill_and_a_limit_over_both_lets_no_byte_beyond(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    row = f"name: home, for: group/home, limit: {LIMIT}B, direction: upload, period: month, then: block"
    two = Two(make_router(lab, quotas(row, clients=HOME)))
    router = two.start().router
    both_at_once(two, 500_000)
    two.agree()
    router.kill()
    both_at_once(two, 100_000)
    router.start()
    two.agree()

    lab.router.ip("link del wan1")
    alice, bob = lab.clients
    assert passes(alice, two.first_server)
    before = two.counted()["hotel"]
    two.other = SecondUplink(lab)
    two.route()
    wait_until("wan1 is counted again", lambda: router.get("/v1/status")["uplinks"][1]["attached"], timeout=20)
    assert passes(bob, two.other_server)
    again = two.other.bytes()
    wait_until("what passed", lambda: two.counted()["hotel"] == (before[0] + again[0], before[1] + again[1]), 20)

    two.compare()
    flood(two)
    two.agree()
    used = row_of(router, "home", "group/home")["used_bytes"]
    assert LIMIT - 1_228 < used <= LIMIT
    clients = router.get("/v1/clients")["clients"]
    assert sum(each["total"]["up_bytes"] for each in clients if each["client"] in ("alice", "bob")) == used
    assert not passes(alice, two.first_server)
    assert not passes(bob, two.other_server)


def test_interfaces_that_change_names_are_the_uplinks_of_their_names_also_while_the_daemon_is_dead(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    row = "name: hotel, for: each-client, limit: 500KB, uplink: hotel, period: month, then: block"
    two = Two(make_router(lab, quotas(row)))
    router, alice = two.start().router, lab.clients[0]

    def used() -> int:
        return int(row_of(router, "hotel", "client/alice")["used_bytes"])

    alice.call(traffic.tcp_down, two.first_server, 200_000)
    alice.call(traffic.tcp_down, two.other_server, 100_000)
    two.agree()
    begun = used()
    router.kill()
    two.swap()
    router.start()
    router.settle()
    two.compare()
    alice.call(traffic.tcp_down, two.other_server, 300_000)
    two.agree()
    assert used() == begun
    with contextlib.suppress(OSError):
        alice.call(traffic.tcp_down, two.first_server, 2_000_000, timeout=20)
    two.agree()
    assert used() >= 500_000
    assert [passes(alice, each) for each in (two.first_server, two.other_server)] == [False, True]

    two.swap()
    wait_until("the names of before", lambda: passes(alice, two.first_server), timeout=20)
    wait_until("the block", lambda: not passes(alice, two.other_server), timeout=20)
    router.settle()
    two.compare()
    assert passes(alice, two.first_server)
    two.agree()


def test_uplink_without_a_bill_is_counted_and_no_quota_looks_at_it(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    rows = ("name: daily, for: each-client, limit: 1MB, period: month, then: block",)
    two = Two(make_router(lab, quotas(*rows)), free="hotel")
    router = two.start().router
    alice, bob = lab.clients
    alice.call(traffic.tcp_down, two.other_server, 2_000_000)
    alice.call(traffic.tcp_up, two.other_server, 500_000)
    two.agree()
    assert row_of(router, "daily", "client/alice")["used_bytes"] == 0
    with pytest.raises(OSError):
        alice.call(traffic.tcp_down, two.first_server, 5_000_000, timeout=5)
    wait_until("the block", lambda: state_of(router, "alice") == "blocked", timeout=5)
    assert not passes(alice, two.first_server)
    assert passes(alice, two.other_server), "a block of a quota ends at the uplink that has a bill"
    assert passes(bob, two.first_server)
    two.agree()
    router.run("block", "alice")
    wait_until("the block by hand", lambda: not passes(alice, two.other_server), timeout=10)


def test_an_uplink_that_asks_counts_for_quotas_while_networkmanager_calls_it_metered(
    make_router: Callable[..., Router], tmp_path: Path, lab: Lab
) -> None:
    row = "name: daily, for: each-client, limit: 5MB, period: month, then: block"
    two = Two(make_router(lab, quotas(row)), free="hotel", metered="auto")
    two.router.environment["ESIMSHAPER_MODEMS"] = str(tmp_path / "modems.json")
    router, alice = two.start().router, lab.clients[0]

    def used_by(size: int) -> int:
        before = row_of(router, "daily", "client/alice")["used_bytes"]
        alice.call(traffic.tcp_down, two.other_server, size)
        two.agree()
        return int(row_of(router, "daily", "client/alice")["used_bytes"]) - before

    def is_metered() -> bool:
        return bool(router.get("/v1/status")["uplinks"][1]["metered"])

    assert is_metered(), "nobody says anything else"
    assert used_by(500_000) > 500_000
    for metered in (False, True):
        report_file.write(tmp_path / "modems.json", ModemsReport(metered={"wan1": metered}))
        wait_until("the flag", lambda metered=metered: is_metered() is metered)
        used = used_by(500_000)
        assert used > 500_000 if metered else used == 0


def test_what_moves_at_the_lan_counts_for_no_quota_if_its_uplink_has_no_bill(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    """A forwarded port: the WAN charges nobody, and the LAN sees who gets it."""
    row = "name: daily, for: each-client, limit: 1MB, period: day, then: block"
    two = Two(make_router(lab, quotas(row)), free="cellular")
    router, alice = two.start().router, lab.clients[0]
    tricks.forward_port(lab, alice)
    listening = alice.start(tricks.drain_from, alice.call(tricks.listener, tricks.PORT))
    lab.internet.call(tricks.send_udp, two.first_server, lab.router.ipv4, 2000)
    assert listening.result() == 2_000_000
    two.agree()
    clients = {each["client"]: each["total"] for each in router.get("/v1/clients")["clients"]}
    assert clients["alice"]["down_bytes"] >= 2000 * 1028
    assert row_of(router, "daily", "client/alice")["used_bytes"] == 0
    assert passes(alice, two.other_server), "its budget at the uplink with a bill is whole"


def test_what_queues_of_two_uplinks_drop_at_once_is_taken_off_the_bill_of_each(
    make_router: Callable[..., Router], lab: Lab
) -> None:
    """Our own classes at the first one, a queue of somebody else at the other."""
    two = Two(make_router(lab))
    text = two.router.config.read_text()
    two.router.config.write_text(text.replace("interface: wan0}", "interface: wan0, upload: 3mbit, download: 20mbit}"))
    lab.router.run(
        ["tc", "qdisc", "add", "dev", "wan1", "root", *["tbf", "rate", "4mbit", "burst", "10k", "limit", "30k"]]
    )
    two.start()
    flood(two)
    two.agree()
    assert two.router.get("/v1/status")["uplink_drops"]["bytes"] > 100_000
