# SPDX-License-Identifier: GPL-2.0-or-later
"""Webhooks and push services against a server of HTTP that says yes, no, later, nothing, or a byte now and then."""

import contextlib
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from esimshaper.core.model.results import Result
from esimshaper.notify.channels import webhook
from esimshaper.notify.letter import Report, UndeliveredError, token
from tests.certificates import Authority
from tests.notify.daemon import job, letter

HANG, RESET = 0, -1


@dataclass
class Site:
    """status: what it answers, or HANG or RESET after it has read; in a path that ends with one, that.

    got: headers and bodies, in order.
    """

    port: int = 0
    status: int = 200
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def running(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name that it has to have
            body = self.rfile.read(int(self.headers["Content-Length"]))
            site.bodies.append(body)
            site.got.append((dict(self.headers), json.loads(body)))
            last = self.path.rpartition("/")[2]
            status = int(last) if last.lstrip("-").isdigit() else site.status
            if status == HANG:
                site.over.wait(60)
            if status <= 0:
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(b"told \x1b[31mred\n")

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as made:
        yield made


def hook(port: int, **more: Any) -> dict[str, Any]:
    return {"name": "webhook", "kind": "webhook", "url": f"http://127.0.0.1:{port}/hook?to=alice", **more}


def push(url: str, number: int = 1) -> dict[str, Any]:
    return {"name": f"apprise-{number}", "kind": "apprise", "url": url}


def test_a_webhook_gets_the_same_key_each_time_and_a_signature_that_can_be_checked(site, tmp_path):
    (tmp_path / "key").write_text("our secret\n")
    to, report = hook(site.port, key={"file": str(tmp_path / "key")}), Report()
    for _ in range(2):
        webhook.deliver(letter(), to, report)
    (headers, told), (again, _) = site.got
    assert headers["Idempotency-Key"] == again["Idempotency-Key"] == token(letter().key)
    at, _, signed = headers["Esimshaper-Signature"].removeprefix("t=").partition(",v1=")
    assert signed == hmac.new(b"our secret", at.encode() + b"." + site.bodies[0], hashlib.sha256).hexdigest()
    assert told["notices"] == job()["notices"]
    assert report.bytes > 2 * len(site.bodies[0])


@pytest.mark.parametrize(
    ("status", "result"),
    [
        *((each, Result.FAILED) for each in (302, 408, 429, 500, 503)),
        *((each, Result.REFUSED) for each in (400, 401, 404, 410)),
        (RESET, Result.UNKNOWN),
    ],
)
def test_the_status_says_whether_a_webhook_is_tried_again(site, status, result):
    site.status = status
    with pytest.raises(UndeliveredError) as raised:
        webhook.deliver(letter(), hook(site.port), Report())
    assert raised.value.result is result
    assert "\x1b" not in str(raised.value), "it is shown on terminals"
    assert len(site.got) == 1, "and nobody is sent elsewhere"


def test_a_webhook_by_tls_tells_only_whom_it_knows(tmp_path):
    ours, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.sign("site"))
    with running(context) as site:
        to = hook(site.port, url=f"https://127.0.0.1:{site.port}/", ca=str(ours.certificate))
        webhook.deliver(letter(), to, Report())
        with pytest.raises(UndeliveredError, match="certificate of 127.0.0.1 is not right") as raised:
            webhook.deliver(letter(), {**to, "ca": str(stranger.certificate)}, Report())
    assert raised.value.result is Result.FAILED
    assert len(site.got) == 1


def test_a_webhook_that_says_nothing_is_ended_and_nobody_knows(site, sender_of):
    site.status = HANG
    daemon, sender = sender_of(hook(site.port))
    assert daemon.deliver(sender, job(channel="webhook", deadline=5)) == ["unknown"]


def test_an_address_in_a_file_is_not_shown(sender_of, tmp_path):
    (tmp_path / "url").write_text("http://127.0.0.1:1/token-of-mine\n")
    daemon, sender = sender_of(hook(1, url={"file": str(tmp_path / "url")}), hook(1, name="none", url={"file": "/no"}))
    assert daemon.deliver(sender, job(channel="webhook"), job(2, channel="none")) == ["failed", "impossible"]
    assert "token-of-mine" not in str(daemon.results)
    assert daemon.results[2]["error"] == "the secret at /no cannot be read: No such file or directory"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/hook/token-of-mine\u00e9",
        "http://127.0.0.1:1/hook/token-of-mine here",
        "http://alice:of-mine/token-of-mine@127.0.0.1/",
        "http://token-of-mine\u2100.example/",
        "http://[token-of-mine/",
    ],
)
def test_an_address_that_is_none_is_said_once_and_for_all_and_no_part_of_it_shown(sender_of, tmp_path, url):
    (tmp_path / "url").write_text(f"{url}\n", encoding="utf-8")
    daemon, sender = sender_of(hook(1, url={"file": str(tmp_path / "url")}))
    assert daemon.deliver(sender, job(channel="webhook")) == ["impossible"]
    assert "of-mine" not in str(daemon.results)
    assert "none of http or https" in daemon.results[1]["error"]


def test_of_an_address_only_its_host_is_shown(capsys):
    webhook.address_of("https://alice:pass-word@hooks.example/services/T0KEN-of-alice?key=key%2Fof-bob&to=alice")
    secrets = ("pass-word", "T0KEN-of-alice", "key%2Fof-bob", "key/of-bob")
    Report().step(f"https://hooks.example/services is hooks.example, {' '.join(secrets)}")
    said = json.loads(capsys.readouterr().out)["step"]
    assert "hooks.example" in said
    assert not [each for each in secrets if each in said]


def test_a_certificate_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "none").write_text("none\n")
    for name in ("none", "nowhere"):
        with pytest.raises(UndeliveredError, match=f"certificate at {tmp_path}/{name} cannot be read") as raised:
            webhook.deliver(letter(), hook(1, url="https://127.0.0.1:1/", ca=str(tmp_path / name)), Report())
        assert raised.value.result is Result.IMPOSSIBLE


def test_push_services_say_yes_no_later_or_nothing_and_addresses_are_not_shown(site, sender_of):
    pytest.importorskip("apprise", reason="needs the package apprise")
    answers = {200: "sent", 429: "failed", 500: "failed", 403: "refused", RESET: "unknown", HANG: "unknown"}
    address = f"json://alice:password-of-alice@127.0.0.1:{site.port}/token-of-mine"
    daemon, sender = sender_of(*(push(f"{address}/{each}?rto=2", each) for each in answers))
    results = daemon.deliver(sender, *(job(each, channel=f"apprise-{each}") for each in answers))
    assert results == list(answers.values())
    assert len(site.got) == len(answers)
    assert "surge" in site.got[0][1]["title"]
    assert daemon.results[200]["bytes"] > len(site.bodies[0])
    assert "of-" not in str(daemon.results)
    assert daemon.results[429]["error"] == "the service answers with status 429"


def test_a_push_service_that_is_not_there_is_tried_again_and_an_address_that_nobody_knows_is_not(sender_of):
    pytest.importorskip("apprise", reason="needs the package apprise")
    nobody, nonsense = push("json://127.0.0.1:1/"), push("nonsense://password-of-alice@nowhere", 2)
    daemon, sender = sender_of(nobody, nonsense)
    jobs = job(1, channel="apprise-1"), job(2, channel="apprise-2")
    assert daemon.deliver(sender, *jobs) == ["failed", "impossible"]
    assert daemon.results[1]["error"] == "the service cannot be reached (ConnectionError)"
    assert "password-of-alice" not in str(daemon.results)
