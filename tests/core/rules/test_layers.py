# SPDX-License-Identifier: GPL-2.0-or-later
"""Of several layers, the first that says anything about a client and a service counts."""

from types import MappingProxyType

from esimshaper.core.model.decisions import Decision, DecisionKind, Entry, Layer, LayerName
from esimshaper.core.model.identity import ROUTER, Account, ClientKey
from esimshaper.core.model.limits import EACH_CLIENT, EVERYONE, STRANGER, Subject, SubjectKind
from esimshaper.core.model.rules import hierarchy_of
from esimshaper.core.rules.layers import decide, words_of

TV, PHONE = ClientKey("02:00:00:00:00:11"), ClientKey("02:00:00:00:00:10")
NAMES = {0: "unnamed", 1: "hidden", 2: "other", 3: "youtube", 4: "netflix", 5: "steam", 6: "some-vpn"}
CATEGORIES = {"youtube": "video", "netflix": "video", "steam": "games", "some-vpn": "hidden", "gone": "video"}
WORDS = words_of(NAMES, CATEGORIES)
CLIENTS = {TV: "tv", PHONE: "phone"}
GROUPS = MappingProxyType({TV: "kids"})


def subject(client):
    return Subject(SubjectKind.CLIENT, client)


def decision(kind, layer=LayerName.RULES, **more):
    return Decision(kind, layer, "a test says so", **more)


def entry(whom, what, kind, layer=LayerName.RULES):
    return Entry(whom, None if what is None else frozenset(what.split()), kind and decision(kind, layer))


def decided(*layers, who=(TV, PHONE)):
    hierarchies = {Account(2 + n): hierarchy_of(subject(each), CLIENTS, GROUPS) for n, each in enumerate(who)}
    found = decide(layers, hierarchies, WORDS)
    return {who[account - 2]: {NAMES[n]: each.kind.value for n, each in row.items()} for account, row in found.items()}


def rules(*entries):
    return Layer(LayerName.RULES, entries)


def test_the_first_entry_that_fits_counts():
    layer = rules(entry(subject(TV), "youtube", DecisionKind.ALLOW), entry(EVERYONE, "video", DecisionKind.BLOCK))
    assert decided(layer) == {
        TV: {"youtube": "allow", "netflix": "block"},
        PHONE: {"youtube": "block", "netflix": "block"},
    }


def test_an_upper_layer_goes_before_a_lower_one():
    hand = Layer(LayerName.HAND, (entry(EACH_CLIENT, "youtube", DecisionKind.ALLOW, LayerName.HAND),))
    assert decided(hand, rules(entry(EVERYONE, "video", DecisionKind.PACE)), who=(PHONE,)) == {
        PHONE: {"youtube": "allow", "netflix": "pace"}
    }


def test_a_layer_that_says_nothing_of_somebody_leaves_him_to_the_next_one():
    low_data = Layer(
        LayerName.LOW_DATA,
        (entry(subject(TV), None, None), entry(EVERYONE, "games video", DecisionKind.BLOCK, LayerName.LOW_DATA)),
    )
    found = decided(low_data, rules(entry(EVERYONE, "games", DecisionKind.PACE)))
    assert found[TV] == {"steam": "pace"}
    assert found[PHONE] == {"steam": "block", "youtube": "block", "netflix": "block"}


def test_a_group_is_held_and_others_are_free():
    assert decided(rules(entry(Subject(SubjectKind.GROUP, "kids"), "games", DecisionKind.BLOCK))) == {
        TV: {"steam": "block"}
    }


def test_all_services_are_meant_without_a_word_and_hidden_means_the_category_too():
    assert decided(rules(entry(subject(TV), None, DecisionKind.BLOCK)))[TV] == dict.fromkeys(NAMES.values(), "block")
    assert decided(rules(entry(subject(TV), "hidden", DecisionKind.BLOCK)))[TV] == {
        "hidden": "block",
        "some-vpn": "block",
    }


def test_everyone_is_not_the_router_itself():
    everybody = rules(entry(EVERYONE, "games", DecisionKind.BLOCK), entry(EACH_CLIENT, "video", DecisionKind.BLOCK))
    assert decided(everybody, who=(ROUTER,)) == {}
    assert decided(rules(entry(subject(ROUTER), "games", DecisionKind.BLOCK)), who=(ROUTER,)) == {
        ROUTER: {"steam": "block"}
    }


def test_a_device_that_was_never_seen_is_held_like_the_unlisted():
    group = Subject(SubjectKind.GROUP, "unknown")
    layer = rules(entry(group, "games", DecisionKind.BLOCK), entry(EACH_CLIENT, "video", DecisionKind.BLOCK))
    row = decide((layer,), {Account(9): hierarchy_of(STRANGER, CLIENTS, GROUPS)}, WORDS)[Account(9)]
    assert {NAMES[number] for number in row} == {"steam", "youtube", "netflix"}


def test_clients_with_the_same_entries_share_one_row():
    hierarchies = {Account(n): hierarchy_of(subject(ClientKey(str(n))), {}, {}) for n in range(2, 255)}
    found = decide((rules(entry(EACH_CLIENT, "video", DecisionKind.BLOCK)),), hierarchies, WORDS)
    assert len(found) == 253
    assert len({id(row) for row in found.values()}) == 1
