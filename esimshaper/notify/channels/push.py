# SPDX-License-Identifier: GPL-2.0-or-later
"""Push services by apprise (ntfy, Telegram, Matrix ...): one address for each channel, as its answer is one yes or no.

apprise says no more than that, and writes addresses with their passwords into its log. So its log is kept silent, and
what it does is seen at the library that all of its HTTP services use.
"""

import logging
import socket
from typing import Any

import apprise
import requests
import urllib3.util.connection

from esimshaper.core.model.results import Result
from esimshaper.notify.channels.webhook import result_of
from esimshaper.notify.letter import Document, Letter, Report, UndeliveredError
from esimshaper.notify.secrets import hide_parts, secret

_KINDS = {"info": "info", "warning": "warning", "alarm": "failure"}
"""apprise's word for each severity."""


def deliver(letter: Letter, channel: Document, report: Report) -> None:
    """Raises UndeliveredError."""
    logging.disable(logging.CRITICAL)
    url = secret(channel["url"])
    hide_parts(url.partition(":")[2])
    service = apprise.Apprise(asset=apprise.AppriseAsset(secure_logging=True, async_mode=False))
    if not service.add(url):
        raise UndeliveredError(Result.IMPOSSIBLE, "apprise does not know this address, or something is missing in it")
    report.step(f"apprise sends it by {url.partition(':')[0]}")
    seen = _Seen(report)
    kind = _KINDS[letter.severity]
    is_sent = service.notify(body=letter.text, title=letter.subject, notify_type=kind, body_format="text")
    if not is_sent:
        raise seen.problem()
    report.step((seen.status and f"it answers with status {seen.status}") or "apprise says that it is sent")


class _Seen:
    """What `requests` does for apprise, from when this is made. status: of the last answer, 0 for none."""

    def __init__(self, report: Report) -> None:
        self.status = 0
        self._error: requests.RequestException | None = None
        self._report = report
        self._connect, self._send = urllib3.util.connection.create_connection, requests.Session.send
        urllib3.util.connection.create_connection = self._connected
        requests.Session.send = lambda *given, **more: self._sent(*given, **more)

    def problem(self) -> UndeliveredError:
        """Why the answer is no."""
        if self.status:
            return UndeliveredError(result_of(self.status), f"the service answers with status {self.status}")
        if self._error is None:
            return UndeliveredError(Result.FAILED, "apprise says that it was not sent, and not why")
        if self._report.is_handed_over and not isinstance(self._error, requests.exceptions.SSLError):
            return UndeliveredError(Result.UNKNOWN, "the service did not say whether it has taken it")
        return UndeliveredError(Result.FAILED, f"the service cannot be reached ({type(self._error).__name__})")

    def _connected(self, *given: Any, **more: Any) -> socket.socket:  # noqa: ANN401 - handed on
        made: socket.socket = self._connect(*given, **more)
        self._report.hand_over()
        self._report.watch(made)
        return made

    def _sent(self, *given: Any, **more: Any) -> requests.Response:  # noqa: ANN401
        try:
            answer = self._send(*given, **more)
        except requests.RequestException as error:
            self._error = error
            raise
        self.status = answer.status_code
        return answer
