# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's screens: what they say of the router, and that each action has what it needs."""

import re

import pytest

from esimshaper.languages import texts
from esimshaper.languages.choice import NAMES
from esimshaper.web.render import SCREENS, needs_of, render
from esimshaper.web.screens import device, files
from tests.web import documents as docs
from tests.web import owner_documents as owner
from tests.web.gallery import CASES, DEVICE, HOME, pages
from tests.web.test_render import HOSTILE, MOST_BYTES, parsed, said, visit


def shown(name: str, documents: dict | None = None) -> str:
    screen, recorded, parts = CASES[name]
    return said(render(screen, documents or recorded, visit(**parts)))


def page_of(notify: docs.Document) -> str:
    """The HTML of Alarms, with this answer to /v1/notify."""
    screen, recorded, parts = CASES["alarms"]
    return render(screen, recorded | {"/v1/notify": notify}, visit(**parts))


def test_home_has_questions_first_then_the_plan_and_the_devices():
    text = shown("home")
    parts = ["alice-phone asks for 300 MB, since 18:28.", "Maps for tomorrow", "3.87 GB left", "It ends on Thursday."]
    places = [text.index(part) for part in [*parts, "It has cost 4,500 JPY so far.", "alice-phone Slowed down 512 MB"]]
    assert places == sorted(places)
    assert "tablet Stopped 44.0 MB" in text
    assert "The router itself" in text
    assert "camera" not in text  # it used nothing: it stands on the screen of all devices
    assert "All devices" in text


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "alice-phone was stopped."),
        ({"act": "allow", "called": "pixel-7"}, "the limits of pixel-7 rest."),
        ({"act": "unblock", "subject": "group/kids", "typed": "group/kids"}, "nothing is set for kids any more."),
        (
            {"act": "grant", "bytes": 300_000_000, "subject": "everyone", "typed": "everyone"},
            "300 MB more for all devices.",
        ),
        ({"act": "revoke"}, "alice-phone lost what was given."),
        ({"act": "plan", "quota": "trip", "subject": "everyone"}, "the plan trip was changed."),
        ({"act": "correct", "quota": "daily"}, "daily of alice-phone was corrected."),
    ],
)
def test_home_offers_to_take_back_what_was_done_by_hand_last(parts: docs.Document, sentence: str) -> None:
    text = shown("home", HOME | {"/v1/owner/asks": owner.asks(last=owner.act(**parts))})
    assert f"Last change by hand: {sentence}" in text
    assert "Take it back" in text
    assert "Take it back" not in shown("home")


def test_home_without_a_plan_says_what_is_left_of_the_limit_for_all():
    text = shown("home-quiet")
    assert "3.87 GB left this month" in text
    assert "asks for" not in text


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"ends": docs.MIDNIGHT}, "It ends tonight."),
        ({"ends": "2026-12-02T18:00:00+09:00"}, "It ends tomorrow."),
        ({"ends": "2026-12-12T00:00:00+09:00"}, "It ends on Fri 11 Dec, in 10 days."),
        ({"ends": "2026-12-05T00:00:00+09:00", "renews": True}, "It renews itself after Friday."),
        ({"ends": None}, "It has no end."),
        ({"begun": False}, "It begins with the first byte."),
        ({"ends": "2026-11-30T00:00:00+09:00", "is_over": True}, "It ended on Sun 29 Nov."),
        ({"rate": "stop"}, "The carrier lets nothing pass now."),
        ({"rate": 128_000}, "The carrier has slowed it down to 128 kbit/s."),
        ({"left_bytes": None}, "Unlimited"),
    ],
)
def test_a_plan_says_when_it_ends_and_what_its_carrier_does(parts, sentence):
    assert sentence in shown("home", HOME | {"/v1/plan": owner.plans(owner.plan(**parts))})


def test_a_device_says_how_it_stands_and_what_can_be_done():
    text = shown("device")
    sentence = "The daily limit of 500 MB is used up. This device gets 256 kbit/s until midnight in Tokyo."
    assert f"alice-phone Slowed down {sentence} It belongs to family." in text
    assert "Daily limit 0 B left today" in text
    assert "700 MB left this week" in text
    assert "510 MB in all; most in the hour from 15:00: 70.0 MB." in text


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (owner.BLOCKED, "Stopped The owner has switched the Internet off for this device until 20:00."),
        (
            owner.BLOCKED | {"by_hours": True, "until": "2026-12-02T07:00:00+09:00"},
            "Stopped At this time of day the Internet is off for this device, until tomorrow 07:00.",
        ),
        (owner.OPEN | {"reason": "allowed by hand"}, "Full speed The owner has lifted all limits of this device."),
        (owner.OPEN, "Full speed Nothing holds this device back."),
    ],
)
def test_a_state_of_the_daemon_is_told_as_the_device_hears_it(state, sentence):
    one = owner.clients(owner.client("tablet", docs.TABLET, 44 * docs.MB, state))
    assert sentence in shown("device", DEVICE | {device.CLIENT: one})


def test_a_limit_of_a_plan_says_of_which():
    one = owner.row("japan", 2 * docs.MB, 10 * docs.MB, plan="japan-10gb")
    text = shown("device", DEVICE | {device.QUOTAS: owner.quotas(one)})
    assert "It counts the plan japan-10gb only." in text


def test_who_has_no_limit_of_its_own_is_given_nothing():
    """A grant needs a limit that it is added to."""
    without = DEVICE | {device.QUOTAS: owner.quotas(owner.EVERYONE)}
    assert "Give more data" in shown("device")
    assert "Give more data" not in shown("device", without)


def test_a_person_has_devices_and_one_budget():
    text = shown("person")
    assert "These devices share one budget." in text
    assert "Weekly limit, shared 700 MB left this week" in text
    assert "work-laptop 341 MB" in text


def test_limits_say_what_stands_in_the_file_and_what_is_used():
    text = shown("limits")
    assert "/etc/esimshaper/esimshaper.yaml" in text
    assert "daily 500 MB a day, then slowed down to 256 kbit/s. alice-phone 0 B left" in text
    assert "plan 10.0 GB a month, then nothing passes. All devices together 3.87 GB left" in text
    assert "family together 700 MB left" in text
    assert "hotel 1.00 GB a month, then nothing passes. It counts what passes hotel only. All devices" in text


def test_limits_say_what_dns_refuses_and_offer_a_name_for_an_hour():
    text = shown("limits")
    assert "Names of your lists, refused to all devices: 52,310" in text
    assert "41 % were refused: a list may take away too much." in text
    assert "ads.hosts:7: `com` would take away" in text
    assert "login.example.com is answered until 19:30. Refuse again" in text
    assert "Answer it for an hour" in text
    alone = {"/v1/limits": owner.limits(), "/v1/names": owner.names(dnsmasq=False)}
    assert "DNS refuses" not in shown("limits", alone)


def test_history_has_every_step_also_where_nothing_was_used():
    text = shown("history")
    assert "Tue 1 Dec 0 B Mon 30 Nov 0 B" in text
    assert "12.6 GB in all; most on Sat 21 Nov: 1.68 GB." in text
    assert "Japan, Fri 27 Nov to Tue 8 Dec 3.87 GB" in shown("history-trips")
    assert "December 2026 5.40 GB" in shown("history-months")


def test_services_say_who_used_them_most():
    for time in ("today", "week", "month"):
        assert "YouTube 212 MB alice-phone 106 MB · work-laptop 70.7 MB" in shown(f"services-{time}")


def test_sessions_say_which_one_is_here():
    text = shown("sessions")
    assert "work-laptop this device Logged in since 09:12, until 21:12 at the latest." in text


def test_an_alarm_says_what_it_is_and_how_much_it_became():
    text = shown("alarms")
    parts = [
        "tv much of the day at once Moved 62.0 MB in the last minute: 6 % of the day (1.00 GB by plan);",
        "62.0 MB since 18:20. It is fine Slow it down for 30 minutes 2 hours 1 day",
        "Stop its Internet for 30 minutes 2 hours 1 day",
        "Do not tell me of this for 7 days much of the day at once",
        "Pixel-7-of-somebody (0:1f) much was sent while all others sleep",
        "91.0 MB from 03:10 to 03:42. It was stopped or slowed down.",
        "Usual for this device: nobody was told.",
        "You said that it is fine.",
        "work-laptop: much was sent, until Tue 8 Dec 18:30 Tell me again All devices: everything, until",
        "A day has 1.00 GB, by plan.",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_alarms_say_how_the_owner_is_told_and_what_is_in_the_way():
    text = shown("alarms")
    parts = [
        "How you are told email Warnings and alarms are told. 2 messages wait since 14:02.",
        "The last try failed: no answer from mail.example.org",
        "sms Only alarms are told. It cannot be used: there is no modem",
        "apprise-1 Everything is told.",
        "Quiet hours: 22:00-07:00.",
        "Tell me of no alarm for 8 hours 1 day 7 days",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    for word in ("Keep quiet", "No quiet hours", "Everything Warnings Only alarms"):
        assert word in text
    assert "As in the settings" not in text, "nothing was chosen"
    assert "in the router's journal only" in shown("alarms-none")
    assert "Keep quiet" not in shown("alarms-none")
    assert "Tell me of no alarm" not in shown("alarms-off")


def test_what_was_chosen_about_notices_can_be_taken_back():
    mail = owner.channel("email", min="alarm", min_chosen=True)
    notify = owner.notify(mail, quiet="23:30-06:15") | {"quiet_chosen": True}
    page = page_of(notify)
    assert 'value="23:30"' in page
    assert 'value="06:15"' in page
    assert page.count('value="settings"') == 2
    none = page_of(owner.notify(mail, quiet=None))
    assert "There are no quiet hours" in none
    assert 'value="22:00"' in none, "what most people would choose"


def test_the_router_itself_is_not_offered_to_be_stopped():
    alone = owner.alarm(client="router", key="router", called="router", kinds=["nobody-home"], text=owner.ALONE)
    alarms = owner.alarms(open=[alone], past=[], muted=[])
    text = shown("alarms", {"/v1/alarms": alarms, "/v1/notify": owner.notify()})
    assert "The router itself the router alone Moved 12.0 MB in the last hour, in which no device moved" in text
    assert "Stop" not in text


def test_home_has_alarms_that_nobody_has_answered():
    assert "Moved 62.0 MB in the last minute" in shown("home")
    for parts in ({"answer": "fine"}, {"told": False}):
        alarms = {"/v1/alarms": owner.alarms(open=[owner.alarm(**parts)])}
        assert "Moved 62.0 MB" not in shown("home", HOME | alarms)


def test_what_waits_is_shown_with_its_evidence_and_two_answers():
    text = shown("approvals")
    parts = [
        "May tv go on with Netflix?",
        "140 MB today, 6.00 MB of it sent. 171 MB on 2 days in all.",
        "It waits since 17:58. To: video.netflix.test, <b>images.netflix.test",
        "Yes, for this device Yes, for all devices No, stop it here No, stop it for all",
        "May alice-phone go on with Netflix?",
        "It was asked for on the device at 18:30.",
        "YouTube, all devices: 910 MB so far. Allowed until Sun 6 Dec 20:00.",
        "dropbox, tv: 171 MB so far, and nobody was ever asked.",
        "YouTube, all devices Allowed until Sun 6 Dec 20:00. Stop it Ask me again",
        "YouTube, alice-phone Stopped for good. It was asked for on the device at 18:30. Allow it Ask me again",
        "YouTube, kids Always allowed.",
        "What a device has not used before waits once it moves 100 MB in a day. An answer holds for 30 days.",
        "It goes on with 128 kbit/s meanwhile. Messages, calls, maps and payment never wait.",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "Nothing waits for your word" not in text
    assert "Nothing waits for your word" in shown("approvals-none")
    assert "approval: {above: 100MB, for: each-client}" in shown("approvals-off")


def test_what_was_saved_is_never_one_number():
    text = shown("saver")
    parts = [
        "Films and videos at 2.50 Mbit/s 65.0 GB saved in the last 31 days, as estimated",
        "Between 48.0 GB and 91.0 GB, with a certainty of nine in ten.",
        "A minute costs 11.0 MB, and 40.0 MB without it.",
        "social at 2.50 Mbit/s Unknown so far: too few films were watched without it, to compare.",
        "games at 2.50 Mbit/s Unknown: nobody measures.",
        "saver: {measure: 1/8}",
        "DNS refuses 84211 names Counted: 1204 answers of the last hour refused a name.",
        "Bytes unknown: what does not come cannot be counted.",
        "Devices are told that data is scarce here Bytes unknown",
        "These are not added up",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "Nothing is saved beyond limits" in shown("saver-off")


def test_home_says_how_many_services_wait():
    assert "2 services wait for your word." in shown("home")
    assert "your word" not in shown("home-quiet")


def test_approvals_in_each_language_call_services_as_people_do():
    screen, recorded, parts = CASES["approvals"]
    for language, word in {"ja": "ネットフリックス", "zh_Hans": "Netflix", "zh_Hant": "Netflix"}.items():
        text = said(render(screen, recorded, visit(language=language, **parts)))
        assert word in text
        assert "your word" not in text


def test_an_alarm_in_each_language_is_a_sentence_of_that_language():
    screen, recorded, parts = CASES["alarms"]
    for language, sentence in {
        "ja": "直近 1 分間に 62.0 MB を通信。",
        "zh_Hans": "最近一分钟通信 62.0 MB",
    }.items():
        assert sentence in said(render(screen, recorded, visit(language=language, **parts)))


@pytest.mark.parametrize("language", NAMES)
def test_each_screen_is_small_and_each_form_complete(language):
    for name, html in pages(language).items():
        assert len(html.encode()) < MOST_BYTES, name
        for form in parsed(html).forms:
            assert {"csrf", "request"} <= form, name


def test_a_screen_is_small_with_a_thousand_devices_and_hostile_names():
    many = [owner.client(HOSTILE, f"02:00:00:00:{at // 256:02x}:{at % 256:02x}", docs.MB) for at in range(1000)]
    documents = HOME | {"/v1/clients": owner.clients(*many)}
    for screen in ("home", "devices"):
        html = render(screen, documents, visit("/home", is_owner=True))
        assert "<script>alert" not in html
        assert len(html.encode()) < 5 * MOST_BYTES  # names of 255 characters; usual ones make a fifth of it
    usual = [owner.client(f"device-{at}", f"02:00:00:00:00:{at:02x}", docs.MB) for at in range(256)]
    for screen in ("home", "devices"):
        html = render(screen, HOME | {"/v1/clients": owner.clients(*usual)}, visit("/home", is_owner=True))
        assert len(html.encode()) < MOST_BYTES


def test_links_lead_to_screens_that_are_there():
    known = {screen.path for screen in SCREENS.values()}
    for html in pages("en").values():
        for path in re.findall(r'href="(/[^"#]*)"', html):
            if not path.startswith("/static/"):
                assert re.sub(r"^/(device|person)/.*", lambda found: f"/{found[1]}/", path) in {
                    each.partition("{")[0] for each in known
                }, path


def test_a_name_in_a_path_is_encoded_where_the_daemon_is_asked():
    asked = needs_of("person", {"name": "a&b=/é"})
    assert asked[device.BUDGETS] == "/v1/quotas?subject=group%2Fa%26b%3D%2F%C3%A9"


def test_a_table_is_saved_as_csv_in_which_no_name_is_a_formula():
    lines = render("file-day", {files.TABLES["day"]: owner.report("day")}, visit("/history.csv", is_owner=True))
    head, row = lines.splitlines()
    assert (head, row) == (
        "start,start_unix,estimated,down_bytes,up_bytes,total_bytes",
        "2026-12-01T00:00:00+09:00,1796050800,no,448000000,64000000,512000000",
    )


@pytest.mark.parametrize(("language", "title"), [("en", "Internet use of all clients"), ("ja", "インターネット")])
def test_the_report_is_saved_in_the_language_of_the_reader(language, title):
    documents = {need: owner.report(by) for by, need in files.REPORT.items()}
    html = render("file-report", documents, visit("/report", language, is_owner=True))
    assert title in html
    assert "Japan" in html
    assert texts.spoken() == "en"


def test_what_is_saved_comes_as_a_file(browser, daemon):
    browser.log_in()
    daemon.owner["/v1/report"] = owner.report("day")
    answer = browser.get("/history.csv")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="days.csv"'


def test_low_data_says_whom_it_holds_and_what_would_have_been_used():
    text = shown("low-data")
    assert "Low-data mode is on For all devices, since 14:02." in text
    assert "It holds back: Updates, Backups and clouds, Advertising, Reports to makers of programs, App stores." in text
    assert "Video gets 2.50 Mbit/s." in text
    assert "kids: Off" in text
    assert "tv: Windows Update since 14:02 about 1.24 GB" in text
    assert "Updates wait, also those for security." in text
    off = shown("low-data-off")
    assert "Low-data mode is off" in off
    assert "Held back since then" not in off


def test_the_switch_shows_what_was_chosen_by_hand():
    screen, recorded, parts = CASES["low-data"]
    document = recorded["/v1/low-data"] | {
        "by_hand": [{"subject": "everyone", "mode": "on", "at": docs.NOW.isoformat()}]
    }
    html = render(screen, {"/v1/low-data": document}, visit(**parts))
    assert re.search('value="on" aria-pressed="true" disabled', html)
    assert not re.search('value="settings" aria-pressed="true"', html)


def test_a_question_for_a_service_is_answered_with_a_time():
    ask = {**docs.asked_for(), "client": docs.ALICE, "name": "alice-phone"}
    documents = HOME | {"/v1/owner/asks": owner.asks(ask)}
    html = render("home", documents, visit(path="/home", is_owner=True))
    text = said(html)
    assert "alice-phone asks for Updates, since 18:28." in text
    assert "Let it pass for 1 hour" in text
    assert 'name="seconds" value="3600"' in html
