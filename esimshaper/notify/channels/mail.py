# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail by SMTP (RFC 5321), over TLS with a certificate that fits the server's name, and by nothing less.

A letter has one Message-ID, however often it is tried: if the answer to the final dot is lost, the server may have
taken it or not, and whoever gets it twice can tell.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr

from esimshaper.core.model.host_names import in_ascii
from esimshaper.core.model.results import Result
from esimshaper.notify.letter import Document, Letter, Report, UndeliveredError, tls_context, token
from esimshaper.notify.secrets import hide_login, secret

OK = 250
PORTS = {"starttls": 587, "tls": 465}
SECONDS = 20.0
"""For one answer of the server. The parent sees to the whole."""

_OWN_NAME = "[127.0.0.1]"
"""What EHLO says: smtplib would ask the DNS for the name of this router, and tell it to the provider."""


def deliver(letter: Letter, channel: Document, report: Report) -> None:
    """Raises UndeliveredError, and OSError where no connection comes to be."""
    sender, recipients = _in_ascii(str(channel["from"])), [_in_ascii(each) for each in _listed(channel["to"])]
    message = message_of(letter, sender, recipients)
    password = secret(channel["password"]) if channel.get("password") else ""
    server = _connected(channel, report)
    try:
        report.watch(server.sock)
        _talk(server, channel, password, report)
        refused = _hand_over(server, message, sender, recipients, report)
    except smtplib.SMTPServerDisconnected as error:
        result = Result.UNKNOWN if report.is_handed_over else Result.FAILED
        raise UndeliveredError(result, f"the server has ended the conversation: {error}") from None
    finally:
        report.settle()
        server.close()
    if refused:
        report.step(f"the server does not take it for {', '.join(refused)}")


def message_of(letter: Letter, sender: str, recipients: list[str]) -> EmailMessage:
    """The mail: the same for each attempt, to the byte."""
    message = EmailMessage(SMTP_POLICY)
    message["From"], message["To"] = sender, ", ".join(recipients)
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = message_id(letter.key, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    message["Content-Language"] = str(letter.document.get("language") or "en").replace("_", "-")
    if letter.severity == "alarm":
        message["Importance"] = "high"
    message.set_content(letter.text + "\n", charset="utf-8")
    return message


def message_id(key: str, sender: str) -> str:
    """RFC 5322's. It tells nobody what the letter is about."""
    domain = parseaddr(sender)[1].rpartition("@")[2] or "esimshaper.invalid"
    return f"<{token(key)}@{domain}>"


def _in_ascii(address: str) -> str:
    """An address with its domain as DNS knows it. Raises UndeliveredError: other letters before the @ need SMTPUTF8."""
    local, _, domain = address.rpartition("@")
    try:
        if local.isascii():
            return f"{local}@{in_ascii(domain)}"
    except ValueError:
        pass
    raise UndeliveredError(Result.IMPOSSIBLE, f"{address} has letters that an address of mail cannot have here")


def _listed(named: object) -> list[str]:
    return [str(each) for each in named] if isinstance(named, list) else [str(named)]


def _connected(channel: Document, report: Report) -> smtplib.SMTP:
    """A connection that is private, and to whom it should be."""
    host, security = str(channel["host"]), str(channel.get("security") or "starttls")
    port = int(channel.get("port") or PORTS[security])
    context = tls_context(channel)
    try:
        if security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, _OWN_NAME, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, port, _OWN_NAME, timeout=SECONDS)
        report.step(f"{host} answers at port {port}")
        if security != "tls":
            server.starttls(context=context)
    except smtplib.SMTPNotSupportedError:
        server.close()
        why = f"{host} offers no encryption at port {port}, so nothing is told to it"
        raise UndeliveredError(Result.FAILED, why) from None
    except ssl.SSLCertVerificationError as error:
        why = f"the certificate of {host} is not right: {error.verify_message}"
        raise UndeliveredError(Result.FAILED, why) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error, "the connection") from None
    except (OSError, smtplib.SMTPException) as error:
        raise UndeliveredError(Result.FAILED, f"{host} does not answer at port {port}: {error}") from None
    report.step("the connection is encrypted, and the certificate is right")
    return server


def _talk(server: smtplib.SMTP, channel: Document, password: str, report: Report) -> None:
    """What comes before the mail."""
    if not channel.get("user"):
        return
    user = str(channel["user"])
    hide_login(user, password)
    if not (user + password).isascii():
        why = "the user or the password has other letters than those of ASCII, with which nobody can log in here"
        raise UndeliveredError(Result.IMPOSSIBLE, why)
    try:
        server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        result = Result.IMPOSSIBLE if error.smtp_code >= 500 else Result.FAILED  # an account must not be locked by us
        raise UndeliveredError(result, f"the server does not let {user} in: {_said(error.smtp_error)}") from None
    except smtplib.SMTPNotSupportedError:
        why = f"the server has no way to log in, so user {user} is not needed or not known"
        raise UndeliveredError(Result.IMPOSSIBLE, why) from None
    report.step(f"{user} is logged in")


def _hand_over(
    server: smtplib.SMTP, message: EmailMessage, sender: str, recipients: list[str], report: Report
) -> list[str]:
    """Recipients that the server does not take the mail for. Raises UndeliveredError if there is no other."""
    server.ehlo_or_helo_if_needed()
    code, said = server.mail(parseaddr(sender)[1])
    if code != OK:
        raise _refusal(code, said, f"mail from {sender}")
    answers = {each: server.rcpt(parseaddr(each)[1]) for each in recipients}
    refused = {each: answer for each, answer in answers.items() if answer[0] not in (250, 251)}
    if len(refused) == len(recipients):
        code, said = min(refused.values(), key=lambda answer: answer[0])  # one that may take it later counts
        raise _refusal(code, said, f"mail to {', '.join(refused)}")
    report.step(f"the server takes mail for {', '.join(each for each in recipients if each not in refused)}")
    report.hand_over()
    try:
        code, said = server.data(message.as_bytes())
    except smtplib.SMTPDataError as error:
        code, said = error.smtp_code, _bytes(error.smtp_error)
    except (TimeoutError, OSError) as error:
        raise UndeliveredError(Result.UNKNOWN, f"the server did not say whether it has taken it: {error}") from None
    if code != OK:
        raise _refusal(code, said, "the mail")
    report.step(f"the server has taken it: {_said(said)}")
    return list(refused)


def _refusal(code: int, said: bytes | str, what: str) -> UndeliveredError:
    result = Result.REFUSED if code >= 500 else Result.FAILED
    return UndeliveredError(result, f"the server does not take {what}: {code} {_said(said)}")


def _said(text: bytes | str) -> str:
    return " ".join(_bytes(text).decode(errors="replace").split())[:200]


def _bytes(text: bytes | str) -> bytes:
    return text.encode(errors="replace") if isinstance(text, str) else text
