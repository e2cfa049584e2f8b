# SPDX-License-Identifier: GPL-2.0-or-later
"""Quotas that name uplinks, in the kernel: each set of uplinks has a tree of accounts, and a cut that is exact."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from esimshaper.core.model.counts import UNUSED, Budget, Reason
from esimshaper.core.model.hold import Reserve
from esimshaper.core.model.identity import ACCOUNT_UNATTRIBUTED, Account
from esimshaper.core.model.limits import Policy, Thresholds
from esimshaper.core.model.tunnels import TunnelEnd
from esimshaper.edge.bpf import compiler, layouts, libbpf
from tests.bpf.conftest import LOOPBACK, Bench, skb
from tests.bpf.packets import SERVER4, TCP, UDP, WAN4, ethernet, ipv4, tcp, udp
from tests.bpf.verdicts import ALICE, BOB, PASS, SHOT, SIZE, down, up

AT = {"cellular": ("of-cellular", "of-both"), "hotel": ("of-hotel", "of-both"), "tether": ()}
SCOPES = ("of-both", "of-cellular", "of-hotel", "of-none")
HOME = "home"


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """At its only interface there is an uplink that `at` names; the hotel is not metered."""
    return make_bench(uplinks=tuple(AT), scopes=SCOPES)


def at(bench: Bench, uplink: str) -> None:
    assert bench.meter.uplinks
    bench.meter.uplinks.note_scopes(AT)
    bench.meter.uplinks.assign({LOOPBACK: uplink}, ("hotel",))


def within(bench: Bench, scope: str, account: Account = ALICE) -> Account:
    """The number of an account in the tree of a scope."""
    return Account(account + bench.meter.scopes[scope])


def used(bench: Bench, scope: str, account: Account = ALICE) -> Budget:
    return bench.read().budgets.get(within(bench, scope, account), UNUSED)


def limit(bench: Bench, scope: str, size: int, account: Account = ALICE) -> None:
    bench.meter.write_policies({within(bench, scope, account): Policy(block_at=Thresholds(both=size))})


def test_what_passes_is_added_in_the_scopes_of_its_uplink_only(bench: Bench) -> None:
    at(bench, "cellular")
    assert [up(bench), down(bench)] == [PASS, PASS]
    at(bench, "hotel")
    assert up(bench) == PASS
    at(bench, "tether")
    assert up(bench) == PASS
    sizes = {scope: used(bench, scope) for scope in SCOPES}
    two = Budget(2 * SIZE, SIZE, SIZE)
    assert sizes == {
        "of-cellular": two,
        "of-hotel": Budget(SIZE, 0, SIZE),
        "of-both": two + Budget(SIZE, 0, SIZE),
        "of-none": UNUSED,
    }
    assert bench.read().budgets[ALICE] == two + Budget(SIZE, 0, SIZE), "the hotel has no bill"
    assert bench.read().accounts[ALICE].total_bytes == 4 * SIZE


def test_a_limit_over_two_of_them_is_exact_and_holds_nowhere_else(bench: Bench) -> None:
    limit(bench, "of-both", 3 * SIZE)
    for uplink in ("cellular", "hotel", "cellular"):
        at(bench, uplink)
        assert up(bench) == PASS
    for uplink in ("cellular", "hotel"):
        at(bench, uplink)
        assert up(bench) == SHOT, uplink
    at(bench, "tether")
    bench.meter.write_policies({within(bench, "of-hotel"): Policy(blocked=True)})
    assert up(bench) == PASS
    assert used(bench, "of-both").both == 3 * SIZE, "what was refused is taken off again"
    assert used(bench, "of-cellular").both == 2 * SIZE, "also where it was no limit that refused it"
    assert bench.read().budgets[ALICE].both == 3 * SIZE
    assert bench.bytes_of(Reason.UPLOAD_BLOCKED) == 2 * SIZE


def test_an_uplink_without_a_bill_has_a_limit_that_names_it(bench: Bench) -> None:
    at(bench, "hotel")
    assert [up(bench), down(bench)] == [PASS, PASS]
    limit(bench, "of-hotel", 3 * SIZE)
    assert [down(bench), down(bench)] == [PASS, SHOT]
    assert used(bench, "of-hotel").both == 4 * SIZE, "a download that is dropped was sent to us"
    assert up(bench) == SHOT


def test_a_packet_that_the_usual_limits_refuse_is_used_in_no_scope(bench: Bench) -> None:
    bench.meter.write_policies({ALICE: Policy(block_at=Thresholds(upload=0))})
    at(bench, "cellular")
    assert up(bench) == SHOT
    assert used(bench, "of-cellular") == UNUSED


def test_groups_and_everyone_have_their_limits_in_a_scope(bench: Bench) -> None:
    meter = bench.meter
    meter.add_groups([HOME])
    home, everyone = bench.read().groups[HOME], meter.everyone
    in_home = Policy(parent=home)
    meter.write_policies({within(bench, "of-cellular", each): in_home for each in (ALICE, BOB)})
    meter.write_policies({within(bench, "of-cellular", home): Policy(parent=everyone)})
    at(bench, "cellular")
    assert [up(bench), up(bench, BOB)] == [PASS, PASS]
    assert used(bench, "of-cellular", home).both == used(bench, "of-cellular", everyone).both == 2 * SIZE
    assert used(bench, "of-both", home) == UNUSED, "there nobody is in the group"
    meter.write_policies({within(bench, "of-cellular", everyone): Policy(block_at=Thresholds(both=3 * SIZE))})
    assert [up(bench), up(bench, BOB)] == [PASS, SHOT]
    meter.write_policies(
        {
            within(bench, "of-cellular", everyone): Policy(),
            within(bench, "of-cellular", home): Policy(parent=everyone, block_at=Thresholds(both=4 * SIZE)),
        }
    )
    assert [up(bench, BOB), up(bench)] == [PASS, SHOT]


def test_a_throttle_of_a_scope_is_held_by_drops_there_only(bench: Bench) -> None:
    throttled = Policy(throttle_at=Thresholds(both=0), police_rate=1)
    bench.meter.write_policies({within(bench, "of-hotel"): throttled})
    at(bench, "cellular")
    assert [up(bench) for _ in range(5)] == [PASS] * 5
    at(bench, "hotel")
    passed = [up(bench) for _ in range(5)]
    assert SHOT in passed
    assert used(bench, "of-hotel").both == SIZE * passed.count(PASS)
    assert bench.bytes_of(Reason.POLICED) == SIZE * passed.count(SHOT)


def test_devices_that_find_no_free_account_share_a_limit_over_uplinks_and_it_is_exact(bench: Bench) -> None:
    macs = [f"02:00:00:00:01:{number:02x}" for number in range(80)]
    begun = ipv4("10.0.0.1", SERVER4, UDP, udp(1000, 53))
    accounts = [Account(bench.lan(ethernet(begun, source=each))) for each in macs]
    others = accounts[-1]
    assert accounts.count(others) > 10
    assert len(set(accounts)) == 1 + len(accounts) - accounts.count(others)
    limit(bench, "of-both", 2 * SIZE, others)
    for uplink, verdict in (("cellular", PASS), ("hotel", PASS), ("cellular", SHOT), ("hotel", SHOT), ("tether", PASS)):
        at(bench, uplink)
        assert up(bench, others) == verdict, uplink
    assert used(bench, "of-both", others).both == 2 * SIZE
    assert used(bench, "of-cellular", others).both == used(bench, "of-hotel", others).both == SIZE
    assert up(bench, accounts[0]) == PASS


def test_what_is_allowed_by_hand_is_held_by_no_scope_but_that_of_everyone(bench: Bench) -> None:
    everyone = bench.meter.everyone
    full = Policy(parent=everyone, block_at=Thresholds(both=0), exempt=True)
    bench.meter.write_policies({within(bench, "of-cellular"): full})
    at(bench, "cellular")
    assert up(bench) == PASS
    limit(bench, "of-cellular", 0, everyone)
    assert up(bench) == SHOT
    over_plan = Policy(parent=everyone, block_at=Thresholds(both=0), exempt=True, over_plan=True)
    bench.meter.write_policies({within(bench, "of-cellular"): over_plan})
    assert up(bench) == PASS


def test_a_blocked_flow_of_a_scope_ends_by_a_reset(bench: Bench) -> None:
    at(bench, "cellular")
    begun = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80)))
    assert up(bench, ALICE, begun) == PASS
    limit(bench, "of-cellular", 0)
    bare = ethernet(ipv4(WAN4, SERVER4, TCP, tcp(1000, 80)))
    assert up(bench, ALICE, bare) == PASS, "it is a reset now"
    assert bench.packets_of(Reason.FLOW_RESET) == 1


def test_listed_addresses_are_no_way_round_a_limit_of_a_device_in_a_scope(bench: Bench) -> None:
    everyone = bench.meter.everyone
    bench.meter.write_reserve(Reserve(10**6, 5 * 10**5), [ip_network(f"{SERVER4}/32")])
    parent = Policy(parent=everyone)
    bench.meter.write_policies({within(bench, "of-cellular"): parent})
    limit(bench, "of-cellular", 0, everyone)
    at(bench, "cellular")
    assert up(bench) == PASS, "only everyone is blocked"
    own = Policy(parent=everyone, block_at=Thresholds(both=0))
    bench.meter.write_policies({within(bench, "of-cellular"): own})
    assert up(bench) == SHOT


def test_claims_inside_a_tunnel_are_in_all_scopes_and_held_in_those_of_its_uplink(bench: Bench) -> None:
    bench.meter.carry_tunnels([TunnelEnd(17, 51820)])
    limit(bench, "of-hotel", 0)
    outer = ethernet(ipv4(WAN4, SERVER4, UDP, udp(40000, 51820, bytes(100))))
    frame = ethernet(ipv4("10.0.0.1", SERVER4, UDP, udp(1000, 53, bytes(100))))

    def inside() -> int:
        context = skb(ALICE << 20, LOOPBACK)
        return libbpf.dry_run(bench.meter.program("tunnel_egress_ethernet").fd, frame, context).retval

    at(bench, "cellular")
    bench.up_from_router(outer)
    assert inside() == PASS
    claimed = used(bench, "of-cellular")
    assert claimed.both > SIZE
    assert used(bench, "of-hotel") == used(bench, "of-none") == claimed, "user space takes claims off again"
    at(bench, "hotel")
    bench.up_from_router(outer)
    assert inside() == SHOT
    everyone = bench.meter.everyone
    bench.meter.write_policies({within(bench, "of-hotel"): Policy(parent=everyone)})
    assert inside() == PASS
    limit(bench, "of-hotel", 0, everyone)
    assert inside() == SHOT, "also where everyone together has used it up"


def test_what_is_blocked_in_a_scope_reaches_the_modem_by_other_uplinks_only(bench: Bench) -> None:
    """What goes to the modem itself is not billed."""
    bench.meter.leave_unbilled([f"{SERVER4}/32"])
    limit(bench, "of-cellular", 0)
    at(bench, "cellular")
    assert up(bench) == SHOT
    at(bench, "hotel")
    assert up(bench) == PASS
    assert used(bench, "of-hotel") == UNUSED


def test_fragments_that_came_before_their_first_one_are_moved_in_the_scopes_of_their_uplink(bench: Bench) -> None:
    at(bench, "cellular")
    assert up(bench) == PASS
    before = used(bench, "of-cellular")
    late = ethernet(ipv4(SERVER4, WAN4, UDP, bytes(80), fragment=10))
    first = ethernet(ipv4(SERVER4, WAN4, UDP, udp(53, 1000, bytes(72)), fragment=0x2000))
    assert down(bench, late) == PASS
    assert used(bench, "of-cellular") == before, "nobody knows of whom it is"
    assert down(bench, first) == PASS
    assert used(bench, "of-cellular") == used(bench, "of-both") == before + Budget(200, 200, 0)
    assert used(bench, "of-cellular", ACCOUNT_UNATTRIBUTED) == UNUSED
    assert used(bench, "of-hotel") == UNUSED


def test_the_scopes_of_an_uplink_stay_for_the_next_daemon_and_change_with_a_plan(bench: Bench) -> None:
    uplinks = bench.meter.uplinks
    assert uplinks
    at(bench, "cellular")
    uplinks._scoped = None
    uplinks.assign({LOOPBACK: "cellular"}, ())
    up(bench)
    assert used(bench, "of-cellular").both == SIZE
    uplinks.note_scopes({**AT, "cellular": ("of-none",)})
    up(bench)
    assert used(bench, "of-cellular").both == used(bench, "of-none").both == SIZE
    uplinks._scoped = None
    uplinks.assign({LOOPBACK: "tether"}, (), {"tether": ("of-hotel",)})
    up(bench)
    assert used(bench, "of-hotel").both == SIZE


def test_old_maps_say_what_their_scopes_were(bench: Bench) -> None:
    rows = bench.meter.tunnels_account + 1
    assert bench.read().scopes == {key: number * rows for number, key in enumerate(SCOPES, 1)}
    assert layouts.SCOPE_NAME.size == 32


def test_the_verifier_has_room_with_as_many_scopes_as_there_can_be(bench: Bench) -> None:
    for name in compiler.PROGRAMS:
        lines = Path(f"/proc/self/fdinfo/{bench.meter.program(name).fd}").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        assert int(fields["verified_insns"]) < 250_000, (name, fields["verified_insns"])
