# SPDX-License-Identifier: GPL-2.0-or-later
"""Requests of web.sock get their types from a table, and whatever the page's process sends is answered."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esimshaper.core.model.limits import OverrideKind
from esimshaper.core.model.page_requests import (
    AnswerCommand,
    AskCommand,
    AsksQuery,
    Credential,
    LoginCommand,
    LogoutCommand,
    NameCommand,
    OwnerCommand,
    OwnerQuery,
    PageRequest,
    Peer,
)
from esimshaper.core.model.requests import ClientsQuery, GrantCommand, OverrideCommand, UndoCommand
from esimshaper.edge.http.page import MAX_BODY, application
from esimshaper.edge.http.page_routes import reader_of, token_of
from esimshaper.edge.http.routes import BadParameter

PEER, TOKEN = Peer("192.168.8.20"), "0123456789abcdef" * 2
BY = Credential(PEER, TOKEN)
AT = {"address": PEER.address}


def read(method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> PageRequest:
    reader = reader_of(method, path)
    assert reader
    return reader(query, body, TOKEN)


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        ("/v1/grant", {"subject": "tv", "bytes": 300}, GrantCommand("tv", 300, None)),
        ("/v1/block", {"subject": "tv", "seconds": 60}, OverrideCommand("tv", OverrideKind.BLOCK, 60)),
        ("/v1/clear", {"subject": "tv"}, OverrideCommand("tv", None, None)),
        ("/v1/undo", {}, UndoCommand()),
        ("/v1/name", {"client": "tv", "name": "  Living\u202e \n room "}, NameCommand("tv", "Living room")),
        ("/v1/name", {"client": "tv"}, NameCommand("tv", "")),
        ("/v1/owner/asks/7", {"bytes": 0}, AnswerCommand(7, 0)),
    ],
)
def test_owners_acts_are_those_of_the_control_socket_with_an_id(path, body, command):
    assert read("POST", path, AT, {**body, "request": "request-1"}) == OwnerCommand(BY, command, "request-1")
    with pytest.raises(BadParameter, match="request"):
        read("POST", path, AT, body)
    with pytest.raises(BadParameter, match="address"):
        read("POST", path, {}, {**body, "request": "request-1"})


def test_queries_and_sessions():
    assert read("GET", "/v1/clients", {**AT, "client": "tv"}, {}) == OwnerQuery(BY, ClientsQuery("tv"))
    assert read("GET", "/v1/owner/asks", AT, {}) == OwnerQuery(BY, AsksQuery())
    assert read("POST", "/v1/owner/login", {}, {**AT, "password": "x"}) == LoginCommand(PEER, "x")
    assert read("POST", "/v1/owner/logout", AT, {}) == LogoutCommand(BY)
    assert read("POST", "/v1/owner/logout-all", AT, {}) == LogoutCommand(BY, everyone=True)


def test_a_question_is_short_and_can_be_shown():
    body = {**AT, "bytes": 300, "request": "request-1"}
    asked = read("POST", "/v1/me/ask", {}, {**body, "text": "a\x1b[31mb\n"})
    assert asked == AskCommand(PEER, 300, "a [31mb", "request-1")
    for wrong in ({"text": "x" * 141}, {"text": 7}, {"bytes": 0}, {"bytes": True}, {"request": "short"}, {"more": 1}):
        with pytest.raises(BadParameter):
            read("POST", "/v1/me/ask", {}, {**body, **wrong})


def test_a_token_is_a_bearers():
    assert token_of(f"Bearer {TOKEN}") == token_of(f"bearer  {TOKEN} ") == TOKEN
    assert token_of(TOKEN) == token_of("Basic abc") == token_of("") == ""


PATHS = st.sampled_from(
    (
        *("/v1/page", "/v1/me", "/v1/me/ask", "/v1/owner/login", "/v1/grant", "/v1/name", "/v1/owner/asks/1", "/"),
        *(
            "/v1/plan/correct",
            "/v1/plan/add",
            "/v1/block",
            "/v1/flows",
            "/v1/history",
            "/v1/reload",
            "/v1/owner/asks/x",
        ),
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just(PEER.address),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=3,
)
NAMES = st.sampled_from(
    ("address", "bytes", "text", "request", "password", "subject", "client", "name", "unit", "figure")
)
BODIES = st.dictionaries(NAMES | st.text(max_size=8), VALUES, max_size=8).map(lambda each: json.dumps(each).encode())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["GET", "POST", "PUT"]), PATHS, st.text(max_size=60), BODIES | st.binary(max_size=200))
def test_nothing_that_is_sent_is_a_fault(method, path, query, body):
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "HTTP_AUTHORIZATION": query,
    }
    statuses: list[str] = []
    app = application(lambda _: {"version": 1})
    answer = b"".join(app(environ, lambda status, _: statuses.append(status)))
    assert statuses[0][:3] in {"200", "400", "404"}
    assert json.loads(answer)["version"] == 1


def test_a_large_body_is_refused_unread():
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/me/ask",
        "CONTENT_LENGTH": str(MAX_BODY + 1),
        "wsgi.input": None,
    }
    statuses: list[str] = []
    b"".join(application(lambda _: {"version": 1})(environ, lambda status, _: statuses.append(status)))
    assert statuses == ["400 Bad Request"]
