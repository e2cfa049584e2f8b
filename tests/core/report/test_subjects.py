# SPDX-License-Identifier: GPL-2.0-or-later
"""Report, whom people mean: one answer, or a sentence that says what is wrong."""

from dataclasses import replace

import pytest

from esimshaper.core.model.identity import ClientKey, Identity
from esimshaper.core.model.limits import EVERYONE, Override, OverrideKind, Subject, SubjectKind
from esimshaper.core.model.state import NamesSlice
from esimshaper.core.report import subjects as report_subjects
from tests import synthetic_router as router
from tests.synthetic_router import ALICE, BARE, PIXEL, TV, client, facts

STATE = router.state()


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("everyone", EVERYONE),
        ("client/alice-phone", client(ALICE)),
        ("alice-phone", client(ALICE)),
        ("Alice-Phone", client(ALICE)),
        ("alices-iphone", client(ALICE)),
        (f"client/{PIXEL}", client(PIXEL)),  # as the label of metrics has it
        ("02-00-00-00-00-1F", client(PIXEL)),
        ("192.168.8.31", client(PIXEL)),
        (BARE, client(BARE)),
        ("tv", client(TV)),  # configured, and was never here
        ("group/living-room", Subject(SubjectKind.GROUP, "living-room")),
        ("living-room", Subject(SubjectKind.GROUP, "living-room")),
        ("unknown", Subject(SubjectKind.GROUP, "unknown")),
        ("group/unknown", Subject(SubjectKind.GROUP, "unknown")),
    ],
)
def test_people_are_understood(text, subject):
    assert report_subjects.find_subject(STATE, text, facts()) == subject


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("alise-phone", "did you mean `alice-phone`?"),
        ("client/alise-phone", "did you mean `alice-phone`?"),
        ("living-rom", "did you mean `group/living-room`?"),
        ("group/livingroom", "did you mean `group/living-room`?"),
        ("everybody", "did you mean `everyone`?"),
        ("all", "did you mean `everyone`?"),
        ("others", "did you mean `group/unknown`?"),
        ("zzz", "`esimshaper clients`"),
        ("youtube", "sites and apps are in `esimshaper services` only"),
        ("kids", "`group: kids` beside the name"),
        ("", "there is no device or group"),
        ("client/", "there is no device or group"),
        ("group/", "there is no device or group"),
        ("each-client", "only quotas are for each-client"),
        ("client/unattributed", "not a device"),
    ],
)
def test_others_are_told_what_is_wrong(text, sentence):
    with pytest.raises(ValueError) as caught:
        report_subjects.find_subject(STATE, text, facts())
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alice-phone", (ALICE,)),
        ("Alice-Phone", (ALICE,)),
        ("ALICES-IPHONE", (ALICE,)),
        ("192.168.8.20", (ALICE,)),
        ("02-00-00-00-00-10", (ALICE,)),
        ("client/alice-phone", (ALICE,)),
        ("tv", (TV,)),
        ("router", ("router",)),
        ("", ()),
        ("alice", ()),
    ],
)
def test_a_client_is_found_by_anything_that_people_call_it(text, found):
    assert report_subjects.find_clients(STATE, text, facts()) == found


def test_a_name_is_found_in_each_form_of_unicode():
    named = facts(names={TV: "caf\u00e9"}, groups={TV: "pi\u00f1a"})
    assert report_subjects.find_subject(STATE, "client/cafe\u0301", named) == client(TV)
    assert report_subjects.find_subject(STATE, "group/pin\u0303a", named) == Subject(SubjectKind.GROUP, "pi\u00f1a")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("living-room", (TV,)),
        ("group/living-room", (TV,)),
        ("group/unknown", (PIXEL, BARE)),
        ("alice-phone", (ALICE,)),
        ("nobody", ()),
    ],
)
def test_a_group_is_all_of_its_devices(text, found):
    assert report_subjects.find_many(STATE, text, facts()) == found


def test_a_name_that_was_given_goes_before_that_of_a_group_and_a_host_name_behind_it():
    named = facts(names={TV: "living-room"}, groups={TV: "living-room"})
    assert report_subjects.find_subject(STATE, "living-room", named) == client(TV)
    thief = Identity(ClientKey("02:00:00:00:00:66"), hostname="living-room")
    state = replace(STATE, names=NamesSlice({**STATE.names.identities, thief.key: thief}))
    assert report_subjects.find_subject(state, "living-room", facts()) == Subject(SubjectKind.GROUP, "living-room")


def test_a_stranger_cannot_take_the_place_of_a_device_by_its_host_name():
    thief = Identity(ClientKey("02:00:00:00:00:66"), hostname="alice-phone")
    state = replace(STATE, names=NamesSlice({**STATE.names.identities, thief.key: thief}))
    for text in ("alice-phone", "ALICE-PHONE", "client/alice-phone"):
        assert report_subjects.find_subject(state, text, facts()) == client(ALICE)
        assert report_subjects.find_clients(state, text, facts()) == (ALICE,)
    posing = replace(thief, hostname=ALICE)
    state = replace(STATE, names=NamesSlice({**STATE.names.identities, thief.key: posing}))
    assert report_subjects.find_subject(state, ALICE, facts()) == client(ALICE)


def test_two_devices_of_one_host_name_are_asked_about():
    twin = Identity(ClientKey("02:00:00:00:00:66"), hostname="Alices-iPhone")
    state = replace(STATE, names=NamesSlice({**STATE.names.identities, twin.key: twin}))
    with pytest.raises(ValueError) as caught:
        report_subjects.find_subject(state, "Alices-iPhone", facts())
    assert f"may be client/{ALICE} or client/{twin.key}" in str(caught.value)
    assert report_subjects.find_subject(state, f"client/{twin.key}", facts()) == client(twin.key)


def test_what_was_set_for_a_group_that_is_gone_can_be_taken_back():
    gone = Subject(SubjectKind.GROUP, "guests")
    with pytest.raises(ValueError):
        report_subjects.find_subject(STATE, "group/guests", facts())
    state = router.state(limits=replace(router.LIMITS, overrides=(Override(gone, OverrideKind.BLOCK),)))
    assert report_subjects.find_subject(state, "group/guests", facts()) == gone
    assert "group/guests" in report_subjects.subjects_document(state, facts())["subjects"]


def test_each_name_that_a_shell_offers_means_one_subject():
    offered = report_subjects.subjects_document(STATE, facts())["subjects"]
    assert offered[:3] == ["everyone", "group/living-room", "group/unknown"]
    assert {"client/alice-phone", f"client/{BARE}"} < {*offered[3:]}
    found = [report_subjects.find_subject(STATE, name, facts()) for name in offered]
    assert len({*found}) == len(offered)


def test_a_shell_offers_a_host_name_only_where_it_means_one_device_and_nothing_else():
    hosts = ["kindle", "Twin", "twin", "alice-phone", "everyone", "router", str(ALICE), "a/b", " x", "192.168.8.20", ""]
    strangers = [Identity(ClientKey(f"02:00:00:00:01:{at:02x}"), hostname=host) for at, host in enumerate(hosts)]
    state = replace(STATE, names=NamesSlice({**STATE.names.identities, **{who.key: who for who in strangers}}))
    offered = report_subjects.subjects_document(state, facts())["subjects"]
    assert "client/kindle" in offered
    assert {f"client/{who.key}" for who in strangers[1:]} <= {*offered}
    assert len({report_subjects.find_subject(state, name, facts()) for name in offered}) == len(offered)
