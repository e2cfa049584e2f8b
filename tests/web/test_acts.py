# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of the page: who may send them, that they are done once, and that strangers cannot have them sent."""

import threading
from urllib.parse import quote

import pytest

from esimshaper.web import acts, safety
from esimshaper.web.app import App
from esimshaper.web.daemon import Daemon
from tests.web.stand_in import HOST, LAPTOP, PASSWORD, TOKEN, Browser, StandIn

QUESTION = {"bytes": "300000000", "text": "for the train"}
GRANT = {"subject": "client/tablet", "bytes": "300000000"}


def forms_of(browser: Browser) -> dict[str, str]:
    """The fields that each form of this browser has."""
    return browser.get("/").form("/language")


def owner(app: App) -> Browser:
    browser = Browser(app)
    assert browser.log_in().status == 303
    return browser


def test_a_device_asks_for_more_and_reads_that_it_did(browser, daemon):
    answer = browser.post("/ask", {**forms_of(browser), **QUESTION})
    assert answer.status == 303
    ((target, body),) = daemon.done.values()
    assert target == "/v1/me/ask"
    assert (body["bytes"], body["text"], body["address"]) == (300_000_000, "for the train", browser.address)
    assert "You have asked for 300 MB." in browser.follow(answer).text
    assert "You have asked" not in browser.get("/").text


def test_a_number_is_read_once_whatever_stands_beside_it(browser, daemon):
    """Found by tests/fuzz: what strip() takes off, int() may refuse, and the question was asked already."""
    answer = browser.post("/ask", {**forms_of(browser), **QUESTION, "bytes": "300000000\x1f"})
    assert answer.status == 303
    ((_, body),) = daemon.done.values()
    assert body["bytes"] == 300_000_000
    assert "You have asked for 300 MB." in browser.follow(answer).text


def test_a_double_tap_is_one_act(app, daemon):
    browser = owner(app)
    fields = {**forms_of(browser), **GRANT}
    answers = [browser.post("/grant", fields) for _ in range(3)]
    assert [answer.status for answer in answers] == [303] * 3
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(daemon.done) == 1


def test_each_page_has_forms_of_its_own(browser):
    assert forms_of(browser)["request"] != forms_of(browser)["request"]


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", f"https://{HOST}", f"http://{HOST}.evil.example", f"http://{HOST}:8080", "*"],
)
def test_a_form_from_elsewhere_does_nothing(app, daemon, origin):
    browser = owner(app)
    fields = {**forms_of(browser), **GRANT}
    assert browser.post("/grant", fields, HTTP_ORIGIN=origin).status == 400
    assert not daemon.done


@pytest.mark.parametrize("token", ["", "0" * 32, "\N{SNOWMAN}"])
def test_a_form_without_our_token_does_nothing(app, daemon, token):
    browser = owner(app)
    assert browser.post("/grant", {**forms_of(browser), **GRANT, "csrf": token}).status == 400
    assert not daemon.done


def test_a_form_of_another_browser_does_nothing(app, daemon):
    browser, stranger = owner(app), Browser(app, LAPTOP)
    assert browser.post("/grant", {**forms_of(stranger), **GRANT}).status == 400
    assert not daemon.done


def test_a_form_without_cookies_does_nothing(browser, daemon):
    """As a browser sends it from another site: SameSite=Strict."""
    fields = {**forms_of(browser), **QUESTION}
    browser.cookies.clear()
    assert browser.post("/ask", fields).status == 400
    assert not daemon.done


def test_forms_of_the_owner_need_a_session(browser, daemon):
    assert browser.post("/grant", {**forms_of(browser), **GRANT}).status == 404
    assert not daemon.done


def test_a_session_of_another_device_is_none(app, daemon):
    thief = Browser(app, LAPTOP, cookies=dict(owner(app).cookies))
    answer = thief.post("/grant", {**forms_of(thief), **GRANT})
    assert answer.status == 303
    assert answer.headers["location"].startswith("/login")
    assert "owner" not in thief.cookies
    assert not daemon.done


@pytest.mark.parametrize("https", [False, True])
def test_the_cookie_of_a_session_goes_nowhere_else(app, https):
    browser = Browser(app, https=https)
    cookie = browser.log_in().headers["set-cookie"]
    assert TOKEN in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert ("Secure" in cookie) is cookie.startswith("__Host-") is https


def test_a_wrong_password_is_said_and_lets_nobody_in(browser):
    answer = browser.log_in("guess")
    assert answer.status == 401
    assert "That is not the password." in answer.text
    assert "owner" not in browser.cookies


def test_who_guesses_too_often_is_told_to_wait(browser, daemon):
    page = browser.get("/login")
    daemon.refuses = 429, "wait"
    answer = browser.submit(page, "/login", {"password": "guess"})
    assert answer.status == 429


def test_a_login_leads_back_to_our_own_pages_only(browser):
    page = browser.get("/login")
    for back in ("//evil.example", "https://evil.example", "/\\evil.example", "/nothing", "javascript:alert(1)"):
        answer = browser.submit(page, "/login", {"password": PASSWORD, "back": f"/login?back={quote(back, safe='')}"})
        assert answer.headers["location"] == "/"
        page = browser.get("/login")


def test_a_login_leads_to_the_page_that_was_asked_for_also_after_a_wrong_password(browser):
    page = browser.follow(browser.get("/history/months"))
    again = browser.submit(page, "/login", {"password": "guess"})
    assert browser.submit(again, "/login", {"password": PASSWORD}).headers["location"] == "/history/months"
    browser.post("/logout", forms_of(browser))
    assert browser.log_in().headers["location"] == "/home"


def test_a_logout_ends_the_session_and_forgets_it(app, daemon):
    browser = owner(app)
    assert browser.post("/logout", forms_of(browser)).status == 303
    assert "POST /v1/owner/logout" in daemon.asked
    assert "owner" not in browser.cookies


def test_a_chosen_language_stays(browser):
    browser.post("/language", {**forms_of(browser), "language": "ja"})
    assert 'lang="ja"' in browser.get("/").text
    assert browser.post("/language", {**forms_of(browser), "language": "../ja"}).status == 400


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/ask", {"bytes": "0"}),
        ("/ask", {"bytes": "-1"}),
        ("/ask", {"bytes": "9" * 30}),
        ("/ask", {"bytes": "\N{ARABIC-INDIC DIGIT THREE}"}),
        ("/grant", {"bytes": "1"}),
        ("/grant", {"subject": "tv", "bytes": "1", "seconds": "soon"}),
        ("/plan/correct", {"figure": "Infinity", "unit": "GB"}),
        ("/plan/correct", {"figure": "1e9", "unit": "GB"}),
        ("/plan/correct", {"figure": "1", "unit": "parsec"}),
        ("/plan/add", {"figure": "1,5", "unit": "TB", "price": "free"}),
        ("/plan/switch", {}),
        ("/answer", {"id": "../../v1/reload"}),
    ],
)
def test_a_form_that_no_page_of_ours_sends_is_refused(app, daemon, path, fields):
    browser = owner(app)
    assert browser.post(path, {**forms_of(browser), **fields}).status == 400
    assert not daemon.done


def test_the_id_of_a_question_stays_one_part_of_the_path(app, daemon):
    browser = owner(app)
    browser.post("/answer", {**forms_of(browser), "id": "../logout-all?x", "bytes": "1"})
    assert "POST /v1/owner/logout-all" not in daemon.asked


def test_a_form_with_no_id_is_refused(browser, daemon):
    assert browser.post("/ask", {**forms_of(browser), **QUESTION, "request": "x"}).status == 400
    assert not daemon.done


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", "application/json", ""])
def test_what_is_no_form_is_refused(browser, daemon, kind):
    assert browser.post("/ask", {**forms_of(browser), **QUESTION}, CONTENT_TYPE=kind).status == 400
    assert not daemon.done


@pytest.mark.parametrize(("length", "status"), [("99999999", 413), ("-1", 400), ("x", 400), ("", 400)])
def test_a_form_has_a_length_within_limits(browser, length, status):
    assert browser.post("/ask", {**forms_of(browser), **QUESTION}, CONTENT_LENGTH=length).status == status


def test_an_act_waits_for_a_daemon_that_is_started_anew(socket, daemon, tmp_path):
    """What was sent to the old one counts as done there, if it was."""
    browser = owner(App(Daemon(socket)))
    fields = {**forms_of(browser), **GRANT}
    socket.rename(tmp_path / "old.sock")
    timer = threading.Timer(0.5, lambda: (tmp_path / "old.sock").rename(socket))
    timer.start()
    assert browser.post("/grant", fields).status == 303
    assert len(daemon.done) == 1


def test_an_act_that_nobody_took_is_said(tmp_path):
    waited: list[float] = []
    daemon = Daemon(tmp_path / "nobody.sock")
    app = App(daemon)
    app._acts = acts.Acts(daemon, app._said, now=lambda: sum(waited), wait=waited.append)
    browser = Browser(app)
    browser.get("/")
    visitor = browser.cookies[safety.VISITOR]
    fields = {"csrf": safety.form_token(visitor, ""), "request": "a" * 16, **QUESTION}
    answer = browser.post("/ask", fields)
    assert answer.status == 503
    assert sum(waited) <= acts.PATIENCE


def test_two_owners_at_once_are_both_served(socket):
    app = App(Daemon(socket))
    owners = [owner(app) for _ in range(2)]
    forms = [{**forms_of(each), **GRANT} for each in owners]
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda b=b, f=f: statuses.append(b.post("/grant", f).status))
        for b, f in zip(owners, forms, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [303, 303]


def test_the_stand_in_is_a_daemon_that_refuses():
    """Else all of the above could not fail."""
    assert StandIn().answer("/v1/grant", {}, {"request": "x"}, "")[0] == 401
