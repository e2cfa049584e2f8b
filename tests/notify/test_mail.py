# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail by real conversations of SMTP: with aiosmtpd, which says yes, no and later, and with servers that do worse."""

import base64
import contextlib
import email
import email.policy
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiosmtpd", reason="needs python3-aiosmtpd")

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from esimshaper.core.model.results import Result
from esimshaper.notify.channels import mail
from esimshaper.notify.letter import Report, UndeliveredError
from tests.certificates import Authority
from tests.notify.daemon import job, letter

USER, PASSWORD = "router", "correct horse"
LEAST_SECONDS = 2.0  # of a deadline: a child of Python begins in a fraction of that


@dataclass
class Post:
    """A server's answers to what comes; `mails` are those that it has taken."""

    to_recipient: str = "250 OK"
    to_mail: str = "250 OK: queued as 17"
    resets: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.to_recipient.startswith("250") or not address.startswith("bob"):
            envelope.rcpt_tos.append(address)
            return "250 OK"
        return self.to_recipient

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.to_mail.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        if self.resets:
            self.resets -= 1
            server.transport.abort()
        return self.to_mail


def authenticate(server, session, envelope, mechanism, data):
    is_right = isinstance(data, LoginPassword) and data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


class Server(Controller):
    """At a free port, which aiosmtpd 1.4.3 does not ask for."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


@pytest.fixture
def office(authority: Authority, tmp_path: Path) -> Iterator[Any]:
    """Starts a server of SMTP, and returns the channel that leads to it."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with contextlib.ExitStack() as running:

        def start(post: Post, signer: Authority = authority, *, tls: bool = True, **more: Any) -> dict[str, Any]:
            secure = {"tls_context": context(*signer.sign("mail")), "require_starttls": True} if tls else {}
            server = Server(post, "127.0.0.1", 0, authenticator=authenticate, **secure)
            server.start()
            running.callback(server.stop)
            return channel(
                server.port, ca=str(authority.certificate), password={"file": str(tmp_path / "password")}, **more
            )

        yield start


def channel(port: int, **more: Any) -> dict[str, Any]:
    addresses = {"from": "Router <router@example.org>", "to": ["alice@example.org", "bob@example.org"]}
    return {"name": "email", "kind": "email", "host": "127.0.0.1", "port": port, **addresses, **more}


def undelivered(to: dict[str, Any]) -> UndeliveredError:
    with pytest.raises(UndeliveredError) as raised:
        mail.deliver(letter(), to, Report())
    return raised.value


def test_a_mail_arrives_with_what_was_told_to_whom_and_when(office, capsys):
    post, report = Post(), Report()
    mail.deliver(letter(), office(post, user=USER), report)
    (got,) = post.mails
    assert (got["To"], got["From"]) == ("alice@example.org, bob@example.org", "Router <router@example.org>")
    assert got["Date"] == "Mon, 30 Nov 2026 12:00:00 +0000"
    assert got["Message-ID"] == mail.message_id("surge/tv/1", "router@example.org")
    assert got["Auto-Submitted"] == "auto-generated"
    assert "tv" in got.get_content()
    assert 1_000 < report.bytes < 20_000, "with TLS, to be counted to the router"
    said = capsys.readouterr().out
    assert PASSWORD not in said
    assert "router is logged in" in said
    assert "queued as 17" in said


def test_letters_of_any_script_arrive_and_no_name_adds_a_header(office):
    post = Post()
    hostile = letter(notices=[{**job()["notices"][0], "client": "\u5c45\u9593\u306eTV\r\nBcc: evil@example.org"}])
    mail.deliver(hostile, office(post), Report())
    (got,) = post.mails
    assert got["Bcc"] is None
    assert "\u5c45\u9593\u306eTV" in got["Subject"]
    assert "\u5c45\u9593\u306eTV" in got.get_content()


def test_a_domain_of_another_script_is_asked_for_as_dns_knows_it(office):
    post = Post()
    named = {"from": "router@b\u00fccher.example", "to": ["alice@\u4f8b\u3048.jp", "bob@example.org"]}
    mail.deliver(letter(), {**office(post), **named}, Report())
    (got,) = post.mails
    assert (got["From"], got["To"]) == ("router@xn--bcher-kva.example", "alice@xn--r8jz45g.jp, bob@example.org")
    assert got["Message-ID"].endswith("@xn--bcher-kva.example>")


@pytest.mark.parametrize("address", ["m\u00fcller@example.org", "alice@stra\u00dfe.example"])
def test_an_address_that_mail_cannot_have_is_said_once_and_for_all(office, address):
    error = undelivered({**office(Post()), "to": ["bob@example.org", address]})
    assert (error.result, address in str(error)) == (Result.IMPOSSIBLE, True)


def test_the_answer_to_the_last_dot_is_lost_and_the_second_mail_is_known_by_its_message_id(office):
    post = Post(resets=1)
    to = office(post)
    assert undelivered(to).result is Result.UNKNOWN
    mail.deliver(letter(), to, Report())
    first, second = post.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


@pytest.mark.parametrize(
    ("post", "result"),
    [
        (Post(to_mail="451 try again later"), Result.FAILED),
        (Post(to_mail="554 this is spam"), Result.REFUSED),
        (Post(to_recipient="550 no such user"), None),
    ],
)
def test_a_server_says_later_or_never(office, capsys, post, result):
    to = office(post)
    if result is None:
        mail.deliver(letter(), to, Report())
        assert "does not take it for bob@example.org" in capsys.readouterr().out
        to["to"] = "bob@example.org"
        result = Result.REFUSED
    assert undelivered(to).result is result


def test_a_wrong_password_is_not_tried_again_and_not_shown(office, tmp_path):
    to = office(Post(), user=USER)
    (tmp_path / "password").write_text("wrong horse")
    error = undelivered(to)
    assert error.result is Result.IMPOSSIBLE
    assert "does not let router in" in str(error)
    assert "wrong horse" not in str(error)


def test_a_server_that_says_again_what_it_does_not_understand_shows_no_password(sender_of, authority, tmp_path):
    (tmp_path / "password").write_text(PASSWORD)
    secret, forms = {"file": str(tmp_path / "password")}, (f"\0{USER}\0{PASSWORD}", PASSWORD)
    with parrot(context(*authority.sign("mail"))) as port:
        to = channel(port, security="tls", ca=str(authority.certificate), user=USER, password=secret)
        daemon, sender = sender_of(to)
        assert daemon.deliver(sender, job(channel="email")) == ["impossible"]
    assert "Command unrecognized" in daemon.results[1]["error"]
    assert "***" in daemon.results[1]["error"]
    assert not [each for each in forms if base64.b64encode(each.encode()).decode() in str(daemon.results)]


@contextlib.contextmanager
def parrot(secure: ssl.SSLContext) -> Iterator[int]:
    """A server that wants a login, and then says again what it was told; by its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with contextlib.suppress(OSError), secure.wrap_socket(connection, server_side=True) as talk:
                talk.send(b"220 hello\r\n")
                while line := talk.recv(4096):
                    is_hello = line.upper().startswith(b"EHLO")
                    talk.send(b"250-hello\r\n250 AUTH PLAIN\r\n" if is_hello else b"500 Command unrecognized: " + line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
    thread.join()


def test_a_password_that_cannot_be_sent_is_said_once_and_for_all(office, tmp_path):
    to = office(Post(), user=USER)
    (tmp_path / "password").write_text("hors\u00e9", encoding="utf-8")
    error = undelivered(to)
    assert (error.result, "hors" in str(error)) == (Result.IMPOSSIBLE, False)


def test_nothing_is_told_to_a_server_without_encryption(office):
    post = Post()
    error = undelivered(office(post, tls=False))
    assert (error.result, post.mails) == (Result.FAILED, [])
    assert "offers no encryption" in str(error)


def test_nothing_is_told_to_a_server_with_a_certificate_of_somebody_else(office, tmp_path_factory):
    post = Post()
    error = undelivered(office(post, Authority(tmp_path_factory.mktemp("stranger"), "stranger")))
    assert (error.result, post.mails) == (Result.FAILED, [])
    assert "the certificate of 127.0.0.1 is not right" in str(error)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert undelivered(channel(port)).result is Result.FAILED


@contextlib.contextmanager
def bad_server(*says: bytes) -> Iterator[int]:
    """One that sends the given bytes one by one, each half second, and then nothing; never ends a conversation."""
    over, kept = threading.Event(), []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    kept.append(connection)
                    for each in says:
                        if over.wait(0.2):
                            return
                        connection.send(each)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in kept:
        connection.close()


@pytest.mark.parametrize("says", [(), tuple(bytes([each]) for each in b"220-" + b"a" * 1000)], ids=["silent", "drips"])
def test_a_server_that_says_nothing_or_a_byte_now_and_then_gets_no_more_time(sender_of, says):
    with bad_server(*says) as port:
        daemon, sender = sender_of(channel(port))
        assert daemon.deliver(sender, job(channel="email", deadline=LEAST_SECONDS)) == ["failed"]
    assert daemon.results[1]["error"] == "it took longer than its time"


def test_a_whole_job_by_mail(sender_of, office):
    post = Post()
    daemon, sender = sender_of(office(post, user=USER))
    assert daemon.deliver(sender, job(channel="email")) == ["sent"]
    assert len(post.mails) == 1
    assert daemon.results[1]["bytes"] > 1_000
    assert PASSWORD not in str(daemon.results)
