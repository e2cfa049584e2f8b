# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a stranger in the Wi-Fi sends: an answer with all headers, never a fault, nothing that was not allowed."""

import io
import string
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esimshaper.web import safety
from esimshaper.web.app import App
from esimshaper.web.forms import FORMS
from esimshaper.web.render import SCREENS
from tests.web import documents as docs
from tests.web.stand_in import HOST, PHONE, TOKEN, Browser, StandIn

# The fixtures are not made anew for each example, and need not be.
ANYTHING = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
LATIN = st.text(st.characters(max_codepoint=255), max_size=60)
PATHS = st.sampled_from(
    ["/", "/login", *FORMS, *(screen.path for screen in SCREENS.values() if screen.path)]
) | st.text(st.characters(max_codepoint=255), max_size=30).map(lambda text: f"/{text}")
STATUSES = {200, 303, 304, 400, 401, 404, 405, 413, 421, 429, 503}
NAMES = ("REQUEST_METHOD", "QUERY_STRING", "HTTP_HOST", "HTTP_ORIGIN", "HTTP_COOKIE", "CONTENT_TYPE", "CONTENT_LENGTH")
MORE = ("HTTP_ACCEPT_LANGUAGE", "HTTP_IF_NONE_MATCH", "HTTP_USER_AGENT", "HTTP_TRANSFER_ENCODING", "REMOTE_ADDR")
SENT = st.dictionaries(st.sampled_from(NAMES + MORE), LATIN, max_size=6)

EVIL_NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnp.exe",
    "\u2066\u2067\u200f" * 20,
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "a" * 255,
    "\x00\x1b[31m\r\nSet-Cookie: owner=x",
    "\N{PILE OF POO}" * 60,
)


@pytest.fixture
def quick(app: App) -> App:
    """Acts are not waited for."""
    app._acts._wait = lambda _: None
    return app


def assert_is_an_answer(browser: Browser, method: str, path: str, sent: dict[str, object]) -> None:
    seen = browser.send(method, "/", **{"PATH_INFO": path, **sent})
    assert seen.status in STATUSES
    for name, value in safety.HEADERS:
        assert seen.headers[name.lower()] == value
    assert seen.headers["cache-control"] in ("no-store", "private, no-cache", "public, max-age=31536000, immutable")
    assert not [each for each in seen.headers.values() if "\n" in each or "\r" in each]


@ANYTHING
@given(path=PATHS, sent=SENT)
def test_any_request_is_answered_without_a_fault(quick, daemon, path, sent):
    assert_is_an_answer(Browser(quick), "GET", path, dict(sent))
    assert not daemon.done


@ANYTHING
@given(path=PATHS, sent=SENT, body=st.binary(max_size=200))
def test_any_form_is_answered_and_does_nothing(quick, daemon, path, sent, body):
    given_form = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    kind = {"CONTENT_TYPE": "application/x-www-form-urlencoded", "HTTP_ORIGIN": f"http://{HOST}"}
    assert_is_an_answer(Browser(quick), "POST", path, {**given_form, **kind, **sent})
    assert not daemon.done


FIELDS = st.dictionaries(
    st.sampled_from(
        ["subject", "bytes", "seconds", "text", "id", "name", "client", "plan", "figure", "unit", "price", "back"]
    ),
    st.text(max_size=40) | st.sampled_from(["1", "300000000", "GB", "-1", "1e9", "//evil.example", "/home"]),
)


@ANYTHING
@given(path=st.sampled_from(sorted(FORMS)), fields=FIELDS)
def test_any_field_of_an_owner_is_done_or_refused(quick, daemon, path, fields):
    """With all that a true form has; where it leads to stays on this host."""
    browser = Browser(quick, cookies={safety.VISITOR: "v" * 22, safety.OWNER: TOKEN})
    hidden = {"csrf": safety.form_token("v" * 22, TOKEN), "request": "r" * 16}
    seen = browser.post(path, {**fields, **hidden})
    assert seen.status in (303, 400)
    where = seen.headers.get("location", "/")
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))


@ANYTHING
@given(text=st.text(max_size=80))
def test_a_path_to_go_back_to_is_never_another_host(text):
    path = safety.own_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    assert set(path) <= set(string.printable) - set(string.whitespace)


@ANYTHING
@given(header=st.text(max_size=60), local=st.sampled_from(["192.168.8.1", "fd00::1", ""]))
def test_a_host_is_ours_only_if_it_is_known(header, local):
    host = safety.host_of(header)
    if safety.is_ours(host, local, ("data.internal",)):
        assert host in ("192.168.8.1", "data.internal") or host.startswith(("fd00:", "0"))


@pytest.mark.parametrize("name", EVIL_NAMES)
def test_names_of_devices_are_text_whatever_they_are(app, daemon, name):
    daemon.me = docs.me(name=name, asked={**docs.asked(), "text": name})
    page = Browser(app).get("/")
    assert page.status == 200
    for raw in ("<script>alert", "<img src=x", "\u202e", "\u2066", "\x1b", "49{%"):
        assert raw not in page.text
    assert "owner=x" not in page.headers.get("set-cookie", "")


def test_guessing_is_the_daemons_to_end_and_each_guess_is_asked_there(browser, daemon):
    for guess in ("", "0000", "\N{SNOWMAN}" * 100, PHONE):
        assert browser.log_in(guess).status == 401
    assert daemon.asked.count("POST /v1/owner/login") == 4


def test_no_page_of_the_owner_is_kept_for_the_next_session(socket, daemon):
    """What one session was shown within the last second, another has to ask for."""
    from esimshaper.web.daemon import Daemon, Denial

    asked = Daemon(socket)
    assert asked.get(f"/v1/status?address={PHONE}", TOKEN)["version"] == 1
    with pytest.raises(Denial):
        asked.get(f"/v1/status?address={PHONE}", "another")
    with pytest.raises(Denial):
        asked.get(f"/v1/status?address={PHONE}")


def test_a_daemon_that_hangs_holds_a_page_for_seconds_only(tmp_path, monkeypatch):
    import socket as sockets

    from esimshaper.web import daemon as module

    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with sockets.socket(sockets.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "web.sock"))
        listening.listen()
        app = App(module.Daemon(tmp_path / "web.sock"))
        seen = [Browser(app).get("/").status]
        threads = [threading.Thread(target=lambda: seen.append(Browser(app).get("/?json").status)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert seen == [503] * 6


def test_an_answer_of_the_daemon_that_is_none_is_no_fault_of_the_page(tmp_path):
    from esimshaper.edge.http.server import listen_unix, plain
    from esimshaper.web.daemon import Daemon

    for body in (b"", b"[]", b"nonsense", b"{" * 100):
        listener = listen_unix(
            lambda _, start, body=body: plain(start, "200 OK", "application/json", body), tmp_path / "web.sock", None
        )
        try:
            assert Browser(App(Daemon(tmp_path / "web.sock"))).get("/").status == 503
        finally:
            listener.stop()


def test_the_stand_in_lets_nobody_in():
    assert StandIn().answer("/v1/status", {}, {}, "Bearer x")[0] == 401
