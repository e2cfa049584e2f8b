# SPDX-License-Identifier: GPL-2.0-or-later
"""A mail server of the lab's internet, by aiosmtpd: it takes any mail over TLS, and prints each as a line of JSON.

Run as `python3 -m esimshaper.lab.post_office CERTIFICATE KEY ADDRESS PORT`; prints "ready" once it listens.
"""

import email
import email.policy
import json
import ssl
import sys
import threading
from typing import Any

from aiosmtpd.controller import Controller


class Post:
    """aiosmtpd's handler."""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: ANN401, N802 - aiosmtpd's
        """Takes a mail."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain",))
        told = {
            "to": ", ".join(envelope.rcpt_tos),
            "subject": str(mail["Subject"]),
            "text": body.get_content() if body else "",
        }
        _print(json.dumps(told))
        return "250 OK"


def main(certificate: str, key: str, address: str, port: str) -> None:
    """Listens until it is killed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    office: Any = Controller(Post(), hostname=address, port=int(port), tls_context=tls, require_starttls=True)
    office.start()
    _print("ready")
    threading.Event().wait()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
