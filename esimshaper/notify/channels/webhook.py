# SPDX-License-Identifier: GPL-2.0-or-later
"""A webhook: the letter as JSON by HTTP POST, with a key by which a second one is known, and a signature.

Idempotency-Key: the same for each attempt
Esimshaper-Signature: t=UNIX SECONDS,v1=HEX    HMAC-SHA256 of "SECONDS.BODY" with `key`, where there is one
"""

import hashlib
import hmac
import http.client
import ssl
from urllib.parse import SplitResult, urlsplit

from esimshaper.core.model.results import Result
from esimshaper.edge.host import clock
from esimshaper.notify.letter import Document, Letter, Report, UndeliveredError, tls_context, token
from esimshaper.notify.secrets import hide_parts, secret

SECONDS = 20.0
MOST_ANSWER = 4096
LATER = {408, 425, 429}
"""Of 4xx, what may be another answer in a while (RFC 9110, RFC 8470, RFC 6585); all others stay as they are."""


def deliver(letter: Letter, channel: Document, report: Report) -> None:
    """Any status 2xx is sent; one of LATER, 3xx and 5xx failed; the other 4xx never again. Raises UndeliveredError."""
    url = address_of(secret(channel["url"]))
    body = letter.as_json().encode()
    headers = {"Content-Type": "application/json", "User-Agent": "esimshaper", "Idempotency-Key": token(letter.key)}
    if channel.get("key"):
        headers["Esimshaper-Signature"] = signature(secret(channel["key"]), body, int(clock.now()))
    connection = _connection(url, channel)
    try:
        status, said = _exchange(connection, url, body, headers, report)
    finally:
        report.settle()
        connection.close()
    report.step(f"{url.hostname} answers with status {status}")
    if status >= 300:
        raise UndeliveredError(result_of(status), f"{url.hostname} answers with status {status}{said and f': {said}'}")


def address_of(text: str) -> SplitResult:
    """The parts of an address; all but its host are hidden. Raises UndeliveredError where it is none."""
    try:
        url = urlsplit(text)
        is_right = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:  # its text has a part of the address
        is_right = False
    # http.client takes no others, and shows them when it says so.
    if not is_right or not (text.isascii() and text.isprintable()) or " " in text:
        why = "the address of the webhook is none of http or https, or has letters that an address must not have"
        raise UndeliveredError(Result.IMPOSSIBLE, why)
    for part in (url.username or "", url.password or "", url.path, url.query):
        hide_parts(part)
    return url


def signature(key: str, body: bytes, at: int) -> str:
    """Says when it was made, so that an old one that somebody has kept can be refused."""
    return f"t={at},v1={hmac.new(key.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


def _connection(url: SplitResult, channel: Document) -> http.client.HTTPConnection:
    host, port = url.hostname or "", url.port
    if url.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=SECONDS)
    context = tls_context(channel)
    return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)


def _exchange(
    connection: http.client.HTTPConnection, url: SplitResult, body: bytes, headers: dict[str, str], report: Report
) -> tuple[int, str]:
    """Status, and the first words of the answer."""
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        why = f"the certificate of {url.hostname} is not right: {error.verify_message}"
        raise UndeliveredError(Result.FAILED, why) from None
    except OSError as error:
        raise UndeliveredError(Result.FAILED, f"{url.hostname} does not answer: {error}") from None
    report.watch(connection.sock)
    report.step(f"{url.hostname} is there")
    report.hand_over()
    try:
        connection.request("POST", (url.path or "/") + (url.query and f"?{url.query}"), body, headers)
        answer = connection.getresponse()
        said = answer.read(MOST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise UndeliveredError(Result.UNKNOWN, f"{url.hostname} did not say whether it has taken it: {error}") from None
    words = " ".join(said.decode(errors="replace").split())
    return answer.status, "".join(each if each.isprintable() else "?" for each in words)[:200]


def result_of(status: int) -> Result:
    """What an answer comes to that is none of success."""
    return Result.REFUSED if 400 <= status < 500 and status not in LATER else Result.FAILED
