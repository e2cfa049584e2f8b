# SPDX-License-Identifier: GPL-2.0-or-later
"""The page as an application: who is answered, with what, and that each answer has the headers that protect it."""

import json

import pytest

from esimshaper.web import safety
from esimshaper.web.app import App
from esimshaper.web.assets import PATHS
from esimshaper.web.daemon import Daemon
from tests.web import documents as docs
from tests.web.stand_in import HOST, LAPTOP, PHONE, Browser

REBOUND = "evil.example"


def test_a_phone_sees_what_is_left_without_a_login(browser, daemon):
    page = browser.get("/")
    assert page.status == 200
    assert "left today" in page.text
    assert daemon.asked[-1] == "GET /v1/me"


@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/home", PATHS["page.css"], "/?json", "/ask"])
@pytest.mark.parametrize("https", [False, True])
def test_every_answer_has_the_headers(app, path, https):
    page = Browser(app, https=https).get(path)
    for name, value in safety.HEADERS:
        assert page.headers[name.lower()] == value
    assert ("cross-origin-opener-policy" in page.headers) is https


@pytest.mark.parametrize(
    "host",
    [
        REBOUND,
        f"{REBOUND}:80",
        "",
        "192.168.8.2",
        "router.lan",
        "data.internal.evil.example",
        "[::1]",
        "a" * 300,
        "x\0",
    ],
)
def test_a_host_that_is_not_this_router_gets_nothing(browser, daemon, host):
    page = browser.get("/", HTTP_HOST=host)
    assert page.status == 421
    assert "alice" not in page.text
    assert "GET /v1/me" not in daemon.asked


@pytest.mark.parametrize("host", [HOST, f"{HOST}:80", "data.internal", "DATA.internal:8080"])
def test_addresses_and_names_of_this_router_are_answered(browser, host):
    assert browser.get("/", HTTP_HOST=host).status == 200


def test_the_address_that_was_connected_to_is_ours_without_a_daemon(tmp_path):
    page = Browser(App(Daemon(tmp_path / "nobody.sock"))).get("/")
    assert page.status == 503
    assert page.headers["retry-after"]
    assert "Counting goes on" in page.text


def test_a_stopped_daemon_is_said_in_the_language_of_the_reader(tmp_path):
    page = Browser(App(Daemon(tmp_path / "nobody.sock"))).get("/", HTTP_ACCEPT_LANGUAGE="zh-TW,en;q=0.5")
    assert 'lang="zh-Hant"' in page.text


def test_a_busy_daemon_is_no_fault_of_the_page(browser, daemon):
    daemon.refuses = 503, "the daemon is stopping"
    assert browser.get("/").status == 503
    assert browser.get("/?json").status == 503


def test_many_viewers_cost_the_daemon_one_question_a_second(socket, daemon):
    now = [100.0]
    app = App(Daemon(socket, lambda: now[0]))
    for _ in range(20):
        Browser(app).get("/")
    assert daemon.asked.count("GET /v1/me") == 1
    now[0] += 1
    Browser(app).get("/")
    assert daemon.asked.count("GET /v1/me") == 2


def test_each_address_is_asked_about_by_itself(app, daemon):
    Browser(app, PHONE).get("/")
    Browser(app, LAPTOP).get("/")
    assert daemon.asked.count("GET /v1/me") == 2


def test_a_refresh_is_nothing_until_something_moves(socket, daemon):
    now = [100.0]
    browser = Browser(App(Daemon(socket, lambda: now[0])))
    first = browser.get("/?json")
    now[0] += 1
    daemon.me = {**daemon.me, "revision": 8, "time": "2026-12-01T18:30:02+09:00"}
    again = browser.get("/?json", HTTP_IF_NONE_MATCH=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    now[0] += 1
    daemon.me = docs.me(today=docs.totals(432_000_000))
    moved = browser.get("/?json", HTTP_IF_NONE_MATCH=first.headers["etag"])
    assert moved.status == 200
    assert "432" in json.loads(moved.text)["live"]["today"]


def test_a_page_is_never_kept_as_its_forms_are_sent_once(browser):
    assert browser.get("/").headers["cache-control"] == "no-store"


def test_files_are_kept_for_ever_under_the_digest_of_what_is_in_them(browser):
    for path in PATHS.values():
        answer = browser.get(path)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    assert browser.get("/static/page.000000000000.css").status == 404
    assert browser.get("/static/../render.py").status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", ""])
def test_other_methods_do_nothing(browser, method):
    page = browser.send(method, "/")
    assert page.status == 405
    assert page.headers["allow"]


def test_head_has_the_headers_of_the_page_and_no_body(browser):
    head = browser.send("HEAD", "/")
    assert head.status == 200
    assert head.body == b""
    assert int(head.headers["content-length"]) > 1000


def test_what_is_the_owners_leads_to_the_login(browser, daemon):
    from esimshaper.web.render import SCREENS

    for screen in SCREENS.values():
        if screen.owner:
            page = browser.get(screen.path)
            assert (page.status, page.headers["location"][:13]) == (303, "/login?back=%")
    assert not [each for each in daemon.asked if not each.endswith(("/v1/page", "/v1/me"))]


@pytest.mark.parametrize("query", ["a" * 2000, "&".join(f"{n}=1" for n in range(50)), "a=%ff"])
def test_a_query_beyond_all_limits_is_refused(browser, query):
    assert browser.get(f"/?{query}").status in (400, 413)


def test_a_path_that_is_no_text_is_nowhere(browser):
    assert browser.get("/%ff").status == 404
