# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens as HTML: what they say, that they escape what strangers send, and that they are small."""

import json
import re
from html.parser import HTMLParser

import pytest

from esimshaper.languages.choice import NAMES
from esimshaper.web.assets import ASSETS
from esimshaper.web.render import SCREENS, page_json, render, screen_at
from esimshaper.web.screen import Visit
from tests.web import documents as docs

HOSTILE = "<script>alert(1)</script>\u202e\x00" + "x" * 230
MOST_BYTES = 20_000


class Text(HTMLParser):
    """The words of a page, and its forms' fields."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[set[str]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "form":
            self.forms.append(set())
        if tag in ("input", "button") and self.forms:
            self.forms[-1].add(dict(attrs).get("name") or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def parsed(html: str) -> Text:
    text = Text()
    text.feed(html)
    return text


def said(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(parsed(html).words))


def visit(path: str = "/", language: str = "en", **parts: object) -> Visit:
    return Visit(path, language, "token", **{"is_owner": False, "is_https": False, "request": "r1", **parts})


def me(document: docs.Document | None = None, **parts: object) -> str:
    return said(render("me", {"/v1/me": document or docs.me()}, visit(**parts)))


def test_me_says_what_is_left_and_until_when():
    text = me()
    assert "69.0 MB left today" in text
    assert "431 MB of 500 MB are used. This limit runs until midnight in Tokyo." in text
    assert "Nothing holds this device back." in text


def test_me_says_why_it_is_slow_and_until_when():
    slow = docs.me(state=docs.used_up("slow"), quotas=[docs.quota(used=512 * docs.MB)])
    text = me(slow)
    sentence = "The daily limit of 500 MB is used up. This device gets 256 kbit/s until midnight in Tokyo."
    assert f"Slowed down {sentence}" in text
    assert "0 B left today" in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (docs.used_up("stopped"), "The daily limit of 500 MB is used up. Nothing passes until midnight in Tokyo."),
        (
            docs.used_up("stopped", shared=True, period="month", until="2027-01-01T00:00:00+09:00"),
            "The monthly limit of 500 MB, which several devices share, is used up. "
            "Nothing passes until the end of Thu 31 Dec.",
        ),
        (
            docs.state("stopped", "hours", until="2026-12-02T07:00:00+09:00"),
            "At this time of day the Internet is off for this device, until tomorrow 07:00.",
        ),
        (
            docs.state("stopped", "hand", until="2026-12-01T20:00:00+09:00"),
            "The owner has switched the Internet off for this device until 20:00.",
        ),
        (docs.state("stopped", "hand"), "The owner has switched the Internet off for this device."),
        (
            docs.state("ok", "allowed", until="2026-12-01T20:00:00+09:00"),
            "The owner has lifted all limits of this device until 20:00.",
        ),
    ],
)
def test_each_state_is_a_sentence_with_its_reason(state, sentence):
    assert sentence in me(docs.me(state=state))


def test_services_that_are_held_are_named_and_the_rest_is_not_said_to_be_slow():
    limits = [docs.quota("films", 500 * docs.MB, services=["video"]), docs.quota()]
    state = docs.state(
        services=[docs.limited("blocked", "video"), docs.limited("throttled", "games", "music", rate=256_000)]
    )
    text = me(docs.me(state=state, quotas=limits))
    assert "Partly held back video: nothing passes until midnight in Tokyo." in text
    assert "games, music: slowed down to 256 kbit/s until midnight in Tokyo." in text
    assert "69.0 MB left today" in text, "of the limit of all that it moves"
    assert "Daily limit (video) 0 B left today" in text
    assert "It counts video only." in text


def test_a_shared_plan_counts_where_less_is_left_of_it():
    plan = {"name": "trip", "left_bytes": 20 * docs.MB, "limit_bytes": 3 * docs.GB, "ends": "2026-12-05T00:00:00+09:00"}
    plan["rate"] = "full"
    text = me(docs.me(plan=plan))
    assert "20.0 MB left of the plan trip, which all share" in text
    assert "The plan runs until the end of Fri 4 Dec." in text


def test_who_is_not_limited_sees_what_was_used():
    text = me(docs.me(quotas=[]))
    assert "431 MB used today There is no limit for this device." in text


def test_an_address_that_is_nobodys_shows_no_numbers():
    text = me(docs.nobody())
    assert "The router does not know this device." in text
    assert "MB" not in text


def test_who_has_asked_sees_that_and_then_the_answer():
    asked = me(docs.me(asked=docs.asked()))
    assert "You asked for 300 MB at 18:28. The owner sees it now." in asked
    assert "1.00 GB" not in asked  # the buttons are gone while it is open
    assert "The owner gave you 300 MB." in me(docs.me(asked=docs.asked(given=300 * docs.MB)))
    refused = me(docs.me(asked=docs.asked(given=0)))
    assert "gives nothing now" in refused
    assert "1.00 GB" in refused


def test_what_the_carrier_gives_is_said_where_it_is_little():
    slow = {"bits_per_second": 128_000, "until": docs.MIDNIGHT}
    assert "The carrier gives all devices together only 128 kbit/s until midnight in Tokyo." in me(
        docs.me(carrier=slow)
    )
    measured = docs.me(carrier=slow | {"until": None})
    assert "The carrier gives all devices together only 128 kbit/s now." in me(measured)
    assert "carrier" not in me()


def test_only_who_waits_for_an_answer_looks_more_often():
    def waits(document: docs.Document) -> bool:
        return " data-waits" in render("me", {"/v1/me": document}, visit())

    assert waits(docs.me(asked=docs.asked()))
    assert not waits(docs.me(asked=docs.asked(given=0)))
    assert not waits(docs.me())


@pytest.mark.parametrize(
    ("agent", "first"),
    [
        ("iPhone; CPU iPhone OS 17", "iPhone"),
        ("Linux; Android 14", "Android"),
        ("Windows NT 10.0", "Windows"),
        ("", "Each kind"),
    ],
)
def test_low_data_mode_is_told_for_this_kind_of_device_first(agent, first):
    text = me(agent=f"Mozilla/5.0 ({agent})")
    kinds = [kind for kind in ("iPhone and iPad", "Android", "Windows", "Mac") if kind in text]
    assert len(kinds) == 4
    assert first in text.partition("they are told:")[2][: len("iPhone and iPad") + 2]


def test_a_number_that_moves_changes_live_texts_only_and_a_state_the_shape():
    def values(document: docs.Document) -> dict:
        return json.loads(page_json("me", {"/v1/me": document}, visit()))

    before, after = values(docs.me()), values(docs.me(quotas=[docs.quota(used=440 * docs.MB), docs.me()["quotas"][1]]))
    assert (before["live"]["left"], after["live"]["left"]) == ("69.0\xa0MB", "60.0\xa0MB")
    assert before["shape"] == after["shape"]
    assert values(docs.me(state=docs.used_up("slow")))["shape"] != before["shape"]
    assert values(docs.me(asked=docs.asked()))["shape"] != before["shape"]
    html = render("me", {"/v1/me": docs.me()}, visit())
    assert f'data-shape="{before["shape"]}"' in html
    assert all(f'data-live="{name}"' in html for name in before["live"])


@pytest.mark.parametrize("language", NAMES)
def test_names_from_strangers_are_text_and_on_one_line(language):
    services = [{"service": HOSTILE, "titles": {"en": HOSTILE}, "category": "x", "total_bytes": 5}]
    html = render("me", {"/v1/me": docs.me(name=HOSTILE, services=services)}, visit(language=language, said=HOSTILE))
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert len(html.encode()) < MOST_BYTES


def test_there_is_no_style_and_no_script_inside_a_page():
    """The policy of the page allows neither."""
    html = render("me", {"/v1/me": docs.me()}, visit())
    assert not re.search(r"<style|style=|<script[^>]*>[^<]|\son\w+=", html)
    assert set(re.findall(r'(?:src|href)="([^"]+)"', html)) <= {*ASSETS, "/", "/about", "/login", "#main"}


def test_each_form_carries_its_token_and_its_request():
    for form in parsed(render("me", {"/v1/me": docs.me()}, visit())).forms:
        assert {"csrf", "request", "back"} <= form


@pytest.mark.parametrize("password_set", [True, False])
def test_login_says_what_a_password_is_worth_here(password_set):
    text = said(render("login", {"/v1/page": docs.page(password_set=password_set)}, visit("/login")))
    assert ("sudo esimshaper web password" in text) is not password_set
    assert ("This page is not encrypted" in text) is password_set


def test_paths_lead_to_screens():
    assert screen_at("/") == ("me", {})
    assert screen_at("/about") == ("about", {})
    assert all(screen_at(path) is None for path in ("/error", "", "/nothing", "/about/"))
    fixed = {name: screen.path for name, screen in SCREENS.items() if screen.path and "{" not in screen.path}
    assert {name: screen_at(path) for name, path in fixed.items()} == {name: (name, {}) for name in fixed}


def test_me_says_what_is_held_and_has_a_tap_that_asks_for_it():
    html = render(
        "me",
        {
            "/v1/me": docs.me(
                held_back=[docs.held_back(), docs.held_back("video", decision="pace", rate_bits_per_second=2_500_000)]
            )
        },
        visit("/"),
    )
    text = said(html)
    assert "Held back on this device Updates Nothing of it passes. Data is being saved." in text
    assert "Video It gets 2.50 Mbit/s." in text
    assert "Partly held back Some services do not pass, or are slower." in text
    assert "Nothing holds this device back." not in text
    assert 'name="service" value="updates"' in html
    open_one = {"/v1/me": docs.me(held_back=[docs.held_back()], asked=docs.asked_for())}
    waiting = render("me", open_one, visit("/"))
    assert "You asked for Updates at 18:28. The owner sees it now." in said(waiting)
    assert 'action="/ask-for"' not in waiting
    given = said(
        render("me", {"/v1/me": docs.me(asked=docs.asked_for(seconds=3600), held_back=[docs.held_back()])}, visit("/"))
    )
    assert "The owner has let Updates pass for 1 hour." in given
    refused = {"/v1/me": docs.me(asked=docs.asked_for(seconds=0), held_back=[docs.held_back()])}
    no = said(render("me", refused, visit("/")))
    assert "says no." in no
