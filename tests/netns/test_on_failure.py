# SPDX-License-Identifier: GPL-2.0-or-later
"""on_failure: what becomes of real traffic while the kernel part cannot be set up, and afterwards."""

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import Host, wait_until
from esimshaper.lab.world import LAN4
from tests.netns.router import PYTHON, Router, bytes_of
from tests.netns.vpn import Vpn

CLOSED = "on_failure: closed\n"
DIES = """\
import os
from esimshaper.cli.main import main
from esimshaper.edge.tc.attachments import TrafficControl
TrafficControl.ensure = lambda *_: os.kill(os.getpid(), 9)
main()
"""


@pytest.fixture
def make(make_router: Callable[..., Router], lab: Lab) -> Iterator[Callable[..., Router]]:
    """Afterwards nothing of it is left in the lab that tests share."""
    made: list[Router] = []

    def remember(extra: str = "") -> Router:
        made.append(make_router(lab, extra))
        return made[-1]

    yield remember
    for router in made:
        router.close()
        router.run("unload")


def start_in_vain(router: Router, bpffs: Path) -> str:
    """Its folder for maps is taken away, in a mount namespace of its own. What it says on standard error."""
    without = ["unshare", "--mount", "sh", "-c", f'umount -l {bpffs}; exec "$@"', "sh"]
    command = router.lab.router.command([*without, PYTHON, "-m", "esimshaper", "run", "--config", str(router.config)])
    done = subprocess.run(command, env=router.environment, text=True, capture_output=True, timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    return done.stderr


def passes(lab: Lab, client: Host) -> bool:
    """Whether both families get through; both or none."""
    ipv4, ipv6 = reaches(client, lab.servers4[0]), reaches(client, lab.servers6[0])
    assert ipv4 == ipv6
    return ipv4


def reaches(client: Host, server: str) -> bool:
    try:
        return client.call(traffic.tcp_up, server, 50_000, timeout=5).up >= 50_000
    except ConnectionRefusedError:
        return False


def is_shut(lab: Lab) -> None:
    """Not one packet of a client leaves, of any protocol; nothing from outside arrives; the router is there."""
    before = lab.carrier.settle()
    client = lab.clients[0]
    assert not passes(lab, client)
    with pytest.raises(OSError):  # one says refused, another not permitted
        client.call(traffic.udp_echo, lab.servers4[0], count=1)
    assert client.call(traffic.ping, f"{LAN4}.1", count=1).down > 0
    moved = lab.carrier.settle() - before
    assert bytes_of(moved.of(*lab.servers4, *lab.servers6)) == (0, 0)
    assert lab.router.run(["ping", "-c1", "-W2", lab.internet.ipv4])


def arrives_from_outside(lab: Lab, client: Host) -> bool:
    """Whether a datagram that nobody asked for reaches a client's own IPv6 address."""

    def listen() -> socket.socket:
        receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        receiver.bind(("::", 7777))
        receiver.settimeout(1)
        return receiver

    with client.call(listen) as receiver:
        lab.internet.run([PYTHON, "-c", f"import socket as s; s.socket(10, 2).sendto(b'x', ('{client.ipv6}', 7777))"])
        try:
            return receiver.recv(10) == b"x"
        except TimeoutError:
            return False


def test_open_lets_everything_pass_and_says_so(make: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    said = start_in_vain(make(), bpffs)
    assert "traffic passes, uncounted and unlimited (on_failure: open)" in said
    assert passes(lab, lab.clients[0])
    assert arrives_from_outside(lab, lab.clients[0])


def test_closed_lets_not_one_packet_through_until_counting_works(
    make: Callable[..., Router], lab: Lab, bpffs: Path
) -> None:
    router = make(CLOSED)
    said = start_in_vain(router, bpffs)
    assert "until then nothing is forwarded to wan0 or from it (on_failure: closed)" in said
    is_shut(lab)
    assert not arrives_from_outside(lab, lab.clients[0])
    router.start()
    before = router.measure()
    assert passes(lab, lab.clients[0])
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)
    assert moved.totals["02:00:00:00:00:10"].up_bytes > 100_000


def test_closed_holds_if_the_daemon_dies_while_it_starts(make: Callable[..., Router], lab: Lab) -> None:
    router = make(CLOSED)
    router.borrow()
    command = lab.router.command([PYTHON, "-c", DIES, "run", "--config", str(router.config)])
    done = subprocess.run(command, env=router.environment, capture_output=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    is_shut(lab)
    router.start()
    assert passes(lab, lab.clients[0])


def test_closed_does_not_interrupt_what_is_counted_when_the_daemon_is_killed_or_started(
    make: Callable[..., Router], lab: Lab
) -> None:
    router = make(CLOSED).start()
    before = router.measure()
    upload = lab.clients[0].start(traffic.udp_up, lab.servers4[0], 3_000_000, bits=8e6)
    router.kill()
    assert passes(lab, lab.clients[1])
    router.start()
    assert upload.result(300).up >= 3_000_000
    moved = router.measure() - before
    assert bytes_of(moved.sum) == bytes_of(moved.bill.total)


def test_closed_shuts_out_a_modem_that_came_back_while_the_daemon_was_dead(
    make: Callable[..., Router], lab: Lab
) -> None:
    router = make(CLOSED).start()
    router.kill()
    lab.recreate_wan()
    is_shut(lab)
    router.start()
    assert passes(lab, lab.clients[0])
    lab.recreate_wan()
    for server in (lab.servers4[0], lab.servers6[0]):
        wait_until("traffic with the daemon alive", partial(reaches, lab.clients[0], server))


def test_closed_holds_tunnels_of_the_router_too(make: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    """What clients send there leaves as packets of the router itself, which is not held otherwise."""
    with Vpn(lab, lab.servers4[0], [lab.servers4[1]]) as vpn:
        router = make(f"{CLOSED}wan: {{interface: wan0, tunnels: [{vpn.setting}]}}\n")
        router.config.write_text("\n".join(router.config.read_text().splitlines()[1:]) + "\n")  # which had wan, too
        start_in_vain(router, bpffs)
        before = lab.carrier.settle()
        with pytest.raises(TimeoutError):
            lab.clients[0].call(traffic.tcp_up, lab.servers4[1], 1000, timeout=2)
        # What the far end says by itself (reports of multicast) is billed on arrival, whoever holds the tunnel here.
        assert (lab.carrier.settle() - before).of(vpn.endpoint).up_bytes == 0
        router.start()
        assert lab.clients[0].call(traffic.tcp_up, lab.servers4[1], 1000).up > 1000


def test_closed_holds_from_the_boot_on_until_it_is_taken_back(make: Callable[..., Router], lab: Lab) -> None:
    """What systemd does at a boot, with the file that the daemon leaves for it."""
    router = make(CLOSED).start()
    at_boot = router.place / "state" / "closed.nft"
    router.stop()
    router.run("unload")
    assert passes(lab, lab.clients[0])
    lab.router.run(["nft", "-f", str(at_boot)])
    is_shut(lab)
    router.start()
    assert passes(lab, lab.clients[0])
    router.configure()
    assert router.run("reload").returncode == 0
    wait_until("nothing for the next boot", lambda: not at_boot.exists(), timeout=15)


def test_a_file_for_the_boot_that_cannot_be_written_is_said_and_written_later(
    make: Callable[..., Router], lab: Lab
) -> None:
    router = make(CLOSED)
    at_boot = router.place / "state" / "closed.nft"
    at_boot.mkdir()
    router.start()
    assert "which holds traffic at the next boot, cannot be written" in router.log.read_text()
    assert passes(lab, lab.clients[0])
    at_boot.rmdir()
    wait_until("the file", at_boot.is_file, timeout=15)


def test_a_guard_that_somebody_flushed_is_put_back(make: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    router = make(CLOSED)
    start_in_vain(router, bpffs)
    lab.router.run(["nft", "delete table inet esimshaper_closed"])
    assert passes(lab, lab.clients[0])
    start_in_vain(router, bpffs)
    is_shut(lab)


def test_unload_and_a_start_with_open_take_the_guard_away(make: Callable[..., Router], lab: Lab, bpffs: Path) -> None:
    router = make(CLOSED)
    start_in_vain(router, bpffs)
    assert "removed nftables table inet esimshaper_closed" in router.run("unload").stdout
    assert passes(lab, lab.clients[0])
    start_in_vain(router, bpffs)
    is_shut(lab)
    router.configure()
    assert "on_failure: open" in start_in_vain(router, bpffs)
    assert passes(lab, lab.clients[0])


WITHOUT_SBIN = """
import runpy
from esimshaper.edge.nft import program
program.SBIN = "/nowhere"
runpy.run_module("esimshaper", run_name="__main__", alter_sys=True)
"""


def test_without_nft_it_is_said_what_is_not_done(make: Callable[..., Router], lab: Lab, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in (*Path("/usr/bin").iterdir(), *Path("/usr/sbin").iterdir()):
        if program.name != "nft" and not (programs / program.name).exists():
            (programs / program.name).symlink_to(program)
    router = make(CLOSED)
    router.environment["PATH"] = str(programs)
    router.start(program=("-c", WITHOUT_SBIN))
    missing = "nft is not installed (apt install nftables)"
    assert f"uncounted traffic cannot be refused (on_failure: closed): {missing}\n" in router.log.read_text()
    assert passes(lab, lab.clients[0])
    assert router.run("block", lab.clients[0].mac).returncode == 0
    said = f"programs of blocked clients run into timeouts, as their packets cannot be rejected: {missing}\n"
    wait_until("what blocking does not do", lambda: said in router.log.read_text())
