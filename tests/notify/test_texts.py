# SPDX-License-Identifier: GPL-2.0-or-later
"""What people read of each kind of notice: in four languages, in three sizes, whatever devices are called."""

import re
import unicodedata
from itertools import product
from shlex import quote
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esimshaper.core.model.notices import DATA, KINDS, NoticeKind, Of
from esimshaper.core.model.watch import AlarmKind
from esimshaper.core.notices import sources
from esimshaper.languages import texts as spoken
from esimshaper.languages.choice import NAMES
from esimshaper.notify import texts
from esimshaper.notify.texts import text_of
from esimshaper.notify.texts.fitting import SEPTETS, UNITS, cut, fits, is_plain, spelled
from tests import tools

LARGE: dict[Of, Any] = {
    Of.BYTES: 888_000_000,
    Of.NUMBER: 120,
    Of.SECONDS: 2700,
    Of.PERCENT: 100,
    Of.RATE: 12_500_000,
    Of.MOMENT: "2027-11-28T22:47:00+09:00",
    Of.MONEY: "12345.50",
    Of.NAME: "a-name-of-20-letters",
    Of.NAMES: ["alice-phone", "tv", "camera"],
    Of.TEXT: "The disk is full, so nothing is saved; free some of it, and it goes on by itself",
    Of.SIZES: [["youtube", 888_000_000], ["icloud", 77_700_000]],
    Of.DAYS: [[f"2026-11-{day}", (day - 23) * 100_000_000] for day in range(23, 30)],
    Of.WORDS: ["surge"],
    Of.WORD: "blocked",
}
"""A value of each sort that is as long in a message as they get."""
OTHERS: dict[str, tuple[Any, ...]] = {
    "level": ("open", "throttled", "blocked"),
    "by": ("quota", "hand", "hours", "alarm"),
    "rate": (12_500_000, 0),
    "direction": ("download", "upload"),
    "answer": ("fine", "cut", ""),
    "message": (*sources.TROUBLES, "of-next-year"),
    "reasons": tuple([each.value] for each in AlarmKind),
    "size": (888_000_000, None),
    "subject": ("client/tv", "group/kids", "everyone", "client/router", "client/unattributed", "client/others"),
}
"""Values by which sentences are others."""
SCRIPTS = {
    "latin": "work-laptop-of-alice",
    "accents": "Zo\u00eb's t\u00ebl\u00ebfoon \u2013 \u00e0 elle",
    "japanese": "アリスのとても長い名前のスマートフォン",
    "chinese": "愛麗絲的非常非常長的手機名稱在客廳裡面",
    "arabic": "\u0647\u0627\u062a\u0641 \u0623\u0644\u064a\u0633 \u0641\u064a \u063a\u0631\u0641\u0629",
    "thai": "\u0e42\u0e17\u0e23\u0e28\u0e31\u0e1e\u0e17\u0e4c\u0e02\u0e2d\u0e07\u0e2d\u0e25\u0e34\u0e2a\u0e17\u0e35",
    "russian": "\u0422\u0435\u043b\u0435\u0444\u043e\u043d \u0410\u043b\u0438\u0441\u044b \u0434\u043e\u043c\u0430",
    "pictures": "\U0001f4f1\U0001f468\u200d\U0001f469\u200d\U0001f467 phone \u2764\ufe0f\U0001f1ef\U0001f1f5",
    "signs": "{tv}[~|^] \u20ac\\ {who} %s",
}
IN_PICTURES = {"So", "Sk", "Cs", "Cf", "Co", "Cn", "Me"}


def notice(kind: NoticeKind, name: str = "alice-phone", **data: Any) -> dict[str, Any]:
    """As notify.sock hands it out, of a device and with names that are all the same."""
    keys = [key for key in (*KINDS[kind].keys, *KINDS[kind].sometimes) if key not in ("clients", "number")]
    values = {key: name if DATA[key] is Of.NAME else LARGE[DATA[key]] for key in keys}
    fixed = {"subject": f"client/{name}", "currency": "JPY", "sim": "1234", "level": "blocked", "alarm": 12}
    values |= {key: value for key, value in fixed.items() if key in values} | {"reasons": ["surge"], **data}
    client = name if str(values.get("subject", f"client/{name}")) == f"client/{name}" else None
    about = {"id": 5, "at": "2026-11-30T12:00:00Z", "severity": KINDS[kind].severity.value, "client": client}
    return about | {"kind": kind.value, "data": values}


def variants(kind: NoticeKind) -> list[dict[str, Any]]:
    """Data by which the sentences of a kind are others: each word of a list, each value that may be missing."""
    facts = KINDS[kind]
    keys = (*facts.keys, *facts.sometimes)
    words = [{key: value} for key in keys for value in OTHERS.get(key, ())]
    missing = [{key: None} for key in facts.sometimes]
    many = [{"subject": "each-client", "clients": LARGE[Of.NAMES], "number": 120}] if "clients" in keys else []
    dear = [{"left": None, "each_price": None}, {"each_price": None}] if kind is NoticeKind.PLAN_PRICE else []
    return [{}, *words, *missing, *many, *dear, dict.fromkeys(facts.sometimes)]


def job(*notices: dict[str, Any]) -> dict[str, Any]:
    return {"id": 17, "form": "one", "notices": list(notices)}


@pytest.fixture(scope="module", autouse=True)
def catalogs() -> None:
    tools.find("msgfmt")


def one_part(text: str) -> bool:
    """By the numbers of 3GPP 23.038 and 23.040 alone."""
    twice = sum(each in "^{}\\[~]|\u20ac" for each in text)
    return len(text) + twice <= 160 if is_plain(text) else len(text.encode("utf-16-be")) // 2 <= 70


def figures(text: str) -> list[str]:
    return re.findall(r"\d[\d.,:]*", text)


def test_each_kind_of_notice_has_its_sentences_and_no_other():
    assert set(texts.KINDS) == {kind.value for kind in NoticeKind}


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_a_short_message_is_one_part_with_each_amount_whatever_the_name(kind, language):
    for script, data in product(SCRIPTS.values(), variants(kind)):
        message = notice(kind, script, **data)
        text = text_of(job(message), language, "sms").body
        assert one_part(text), text
        assert not {unicodedata.category(each) for each in text} & IN_PICTURES, text
        with spoken.speaking(language):
            bare = texts._said(notice(kind, "N", **data) | {"client": "N" if message["client"] else None}).brief
        rest = iter(figures(text))
        assert all(any(each == found for found in rest) for each in figures(bare)) or "text" in message["data"], text


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize("kind", NoticeKind)
def test_no_text_has_an_empty_place_or_says_nothing(kind, language):
    for data in variants(kind):
        for size in ("sms", "short", "long"):
            text = text_of(job(notice(kind, **data)), language, size)
            assert text.body.strip()
            assert bool(text.subject) is (size != "sms")
            assert not re.search(r"[{}]|None|%\(|  (?! )(?<!\n   )\w|\?", text.subject + text.body.replace("    ", ""))


@given(name=st.text(min_size=1, max_size=20), kind=st.sampled_from(NoticeKind), language=st.sampled_from([*NAMES]))
def test_no_name_makes_a_message_long_or_a_picture(name, kind, language):
    text = text_of(job(notice(kind, name)), language, "sms").body
    assert one_part(text)
    assert not {unicodedata.category(each) for each in text} & IN_PICTURES


@given(names=st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=5), language=st.sampled_from([*NAMES]))
def test_several_notices_are_one_part_too(names, language):
    kinds = (NoticeKind.ALARM, NoticeKind.CLIENT_STATE, NoticeKind.QUOTA_REACHED, NoticeKind.ASKED, NoticeKind.TROUBLE)
    many = job(*(notice(kind, name) for kind, name in zip(kinds, names, strict=False)))
    assert one_part(text_of(many, language, "sms").body)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "tv: 62.0 MB in 1 minute, 6 % of a day. Most for youtube 48.0 MB. Answer on the router's page. "),
        ("ja", "tv：1 分間で 62.0 MB、一日の 6 %。主に youtube 48.0 MB。ルーターのページで答えられます。"),
        ("zh_Hans", "tv：1 分钟内 62.0 MB，占一天的 6 %。主要用于 youtube 48.0 MB。可在路由器页面上回复。"),
        ("zh_Hant", "tv：1 分鐘內 62.0 MB，占一天的 6 %。主要用於 youtube 48.0 MB。可在路由器頁面上回覆。"),
    ],
)
def test_an_alarm_says_who_how_much_in_what_time_and_what_for(language, text):
    data = {"bytes": 62_000_000, "over": 60, "percent": 6, "services": [["youtube", 48_000_000]], "level": None}
    alarm = notice(NoticeKind.ALARM, "tv", **data, until=None, allowance=None)
    assert text_of(job(alarm), language, "sms").body == text.strip()


def test_an_alarm_names_no_service_where_nobody_knows_one():
    data = {"bytes": 12_000_000, "over": 300, "percent": 4, "level": None, "until": None, "allowance": None}
    unnamed = notice(NoticeKind.ALARM, "tv", services=[["unnamed", 11_000_000], ["hidden", 1_000_000]], **data)
    assert text_of(job(unnamed), "en", "sms").body.startswith("tv: 12.0 MB in 5 minutes, 4 % of a day. Answer")


def test_a_device_without_a_name_is_called_by_its_host_name_and_typed_by_its_address():
    message = notice(NoticeKind.ALARM, "02:00:00:00:00:1f", level=None) | {"client": "Pixel-7 (00:1f)"}
    text = text_of(job(message), "en", "long")
    assert text.subject.startswith("Pixel-7 (00:1f): 888 MB in 45 minutes")
    assert "esimshaper block 02:00:00:00:00:1f --for 1h" in text.body


def test_a_mail_says_what_can_be_typed():
    text = text_of(job(notice(NoticeKind.ALARM, "tv", level=None)), "en", "long")
    assert text.subject == "tv: 888 MB in 45 minutes, 100 % of a day."
    assert "To stop it for an hour:\n    esimshaper block tv --for 1h\n" in text.body
    assert "To slow it for an hour:\n    esimshaper alarms slow 12\n" in text.body
    assert "If it is fine:\n    esimshaper alarms fine 12\n" in text.body
    assert text.body.endswith("Noticed: Mon 30 Nov 21:00.\n")
    bob = "Bob's TV"
    spaced = text_of(job(notice(NoticeKind.QUOTA_REACHED, bob)), "en", "long").body
    assert f"esimshaper grant {quote(bob)} 100MB" in spaced


def test_several_devices_are_named_and_no_command_is_told_that_takes_one():
    many = notice(NoticeKind.QUOTA_REACHED, subject="each-client", clients=["alice", "tv", "camera"], number=3)
    body = text_of(job(many), "en", "long").body
    assert body.startswith("3 devices: all 888 MB used")
    assert "Devices: alice, tv, camera." in body
    assert "esimshaper grant" not in body


def test_each_trouble_that_becomes_a_notice_has_words_of_its_own():
    for message in sources.TROUBLES:
        trouble = notice(NoticeKind.TROUBLE, message=message, text="an English sentence")
        assert not text_of(job(trouble), "ja", "short").subject.endswith("an English sentence"), message


@pytest.mark.parametrize("subject", ["everyone", "client/router", "client/others"])
def test_nobody_is_told_to_stop_what_cannot_be_stopped(subject):
    assert "block" not in text_of(job(notice(NoticeKind.ALARM, subject=subject)), "en", "long").body


def test_the_week_has_a_bar_for_each_day_and_its_last_day_is_no_midnight():
    week = notice(NoticeKind.WEEK, since="2026-11-23T00:00:00+09:00", until="2026-11-30T00:00:00+09:00")
    body = text_of(job(week), "en", "long").body
    assert "From Mon 23 Nov to Sun 29 Nov." in body
    lines = [line for line in body.splitlines() if line.startswith("\N{BLACK SQUARE}")]
    assert [line.count("\N{BLACK SQUARE}") for line in lines] == [4, 8, 12, 16, 20, 24]
    assert lines[-1].endswith("Sun 600 MB")


def test_several_notices_have_a_line_each_and_the_gravest_stands_in_the_subject():
    stopped, asked = notice(NoticeKind.PLAN_OUT, "trip", rate=0), notice(NoticeKind.ASKED, "tv")
    text = text_of(job(asked, stopped, notice(NoticeKind.PLAN_BEGUN, "trip")), "en", "short")
    assert text.subject == "Plan trip: no data left, nothing passes. And 2 more."
    assert [line.partition(": ")[2] for line in text.body.splitlines()] == [
        "tv asks for 888 MB more.",
        "Plan trip: no data left, nothing passes.",
        "Plan trip has begun.",
    ]
    assert text_of(job(asked, stopped), "en", "sms").body.startswith("Plan trip: no data left")
    long = text_of(job(asked, stopped), "en", "long").body
    assert long.startswith("2 messages from the router:\n")
    assert long.count("esimshaper plan\n") == 1


@pytest.mark.parametrize("parts", [{"kind": "of-next-year"}, {"data": {"allowed": 5}}, {"data": None}])
def test_what_another_version_wrote_down_is_told_all_the_same(parts):
    old = notice(NoticeKind.QUOTA_REACHED) | parts
    for size in ("sms", "short", "long"):
        text = text_of(job(old), "en", size)
        assert f"alice-phone: {old['kind']}" in text.subject + text.body


def test_a_name_with_accents_leaves_room_for_twice_the_letters():
    assert spelled(SCRIPTS["accents"]) == "Zoe's telefoon - \u00e0 elle"
    assert is_plain(spelled(SCRIPTS["accents"]))
    assert spelled("\uff34\uff56") == "Tv"
    assert spelled(SCRIPTS["pictures"]) == "phone"
    assert spelled("\U00020bb7\u91ce\u5bb6") == "\U00020bb7\u91ce\u5bb6"


def test_a_name_is_cut_between_letters():
    assert cut("work-laptop", 11) == "work-laptop"
    assert cut("work-laptop", 8) == "work-l.."
    assert cut("ne\u0301e\u0301e\u0301e\u0301", 4) == "n.."
    assert cut("abcdef", 3) == "a.."


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        *(("a" * SEPTETS, True), ("a" * (SEPTETS + 1), False), ("[" * 80, True), ("[" * 81, False)),
        *(("あ" * UNITS, True), ("あ" * (UNITS + 1), False), ("\U00020bb7" * 35, True), ("\U00020bb7" * 36, False)),
    ],
)
def test_a_part_holds_160_plain_letters_or_70_of_any_script(text, whole):
    assert fits(text) is whole
