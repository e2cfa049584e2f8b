# SPDX-License-Identifier: GPL-2.0-or-later
"""Report, one line: what `systemctl status` says."""

from dataclasses import replace

from esimshaper.core.model.limits import EVERYONE, ClientState, Level, Subject
from esimshaper.core.model.reading import Attachment, Hook
from esimshaper.core.model.state import State
from esimshaper.core.report.line import limited_clients, troubles, usage
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, TV, client, facts


def attached(*attachments: Attachment) -> State:
    state = router.state()
    return replace(state, meter=replace(state.meter, attachments=attachments))


def state_of(states: dict[Subject, ClientState]) -> State:
    state = router.state()
    return replace(state, limits=replace(state.limits, states=states))


def test_what_is_wrong_is_said_once_each_and_nothing_otherwise():
    state = attached(Attachment("wan0", Hook.WAN_EGRESS, attached=True))
    assert troubles(state, facts()) == ""
    away = tuple(
        Attachment("wan0", hook, attached=False, problem="interface wan0 is not there")
        for hook in (Hook.WAN_EGRESS, Hook.WAN_INGRESS)
    )
    behind = Attachment("wan0", Hook.WAN_EGRESS, attached=True, problem="a program of somebody else is first")
    assert troubles(attached(behind), facts()) == "not everything is counted: a program of somebody else is first"
    ill = facts(storage_problem="disk full", metrics_problem="cannot serve metrics on 192.0.2.1:80: it is not ours")
    assert troubles(attached(*away), ill, ["a foreign root qdisc"]) == (
        "not everything is counted: interface wan0 is not there; limits: a foreign root qdisc; "
        "history is not saved: disk full; cannot serve metrics on 192.0.2.1:80: it is not ours"
    )
    assert troubles(state, facts(config_ok=False)) == "the edited configuration is refused, the one before is in force"


def test_usage_is_of_the_plan_where_there_is_one():
    assert usage(router.state(), facts()) == "3 clients; plan: 6.12 GB of 10.0 GB used"
    without = facts(quotas=router.QUOTAS[1:])
    assert usage(router.state(), without).endswith("daily of client/alice-phone: 512 MB of 500 MB used")
    assert usage(router.state(), facts(quotas=())).endswith(" since counting began")
    assert usage(State(), facts()) == "0 clients; 0 B since counting began"


def test_who_is_limited_is_named_up_to_four_and_everyone_in_one_word():
    held = {client(ALICE): ClientState(Level.THROTTLED), client(TV): ClientState(Level.BLOCKED)}
    state = state_of(held)
    assert limited_clients(state, facts()) == "throttled: alice-phone; blocked: tv"
    many = {client(f"02:00:00:00:00:{number:02x}"): ClientState(Level.BLOCKED) for number in range(32, 40)}
    assert limited_clients(state_of(many), facts()).endswith(":23 and 4 more")
    all_of_them = {EVERYONE: ClientState(Level.BLOCKED), **many}
    assert limited_clients(state_of(all_of_them), facts()) == "blocked: everyone"
    assert limited_clients(state_of({}), facts()) == ""
