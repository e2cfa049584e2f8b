# SPDX-License-Identifier: GPL-2.0-or-later
"""The times of notices: quiet hours, the morning of a digest, the day of a cap, the next try of a job. Pure.

Sources of the numbers: Prometheus Alertmanager (group_wait 30 s, group_interval 5 min); tries as mail servers make
them, with a fifth of jitter so that several routers do not come at once.
"""

import hashlib
from datetime import datetime, timedelta, tzinfo

from esimshaper.core.model.channels import Channel, ChannelKind, NoticeSettings
from esimshaper.core.model.hours import present
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.time_of_day import moments_of

WAIT = {Severity.INFO: 30, Severity.WARNING: 30, Severity.ALARM: 10}
"""Seconds in which what belongs together is gathered; of an alarm few, as it has to be told within a minute."""
GROUP_SECONDS = 300
"""After a message about somebody, what comes next about them waits so long from then."""
RETRIES = (10, 60, 300, 1800)
"""Seconds after the first tries of a job; then RETRY_LAST each time, until it is no news any more."""
RETRY_LAST = 7200
MORNING = 8 * 60
"""Minute of the day at which a digest comes where there are no quiet hours."""
_LEASE_SECONDS = 60
_LEASE_SMS = 120  # ModemManager's own time limit for sending is 60 s, for each part of a conversation with the modem
ASK_SECONDS = 5
"""The sender asks so often where nothing waits: what is grave may come at any moment."""
GRACE = 15
"""Seconds for the answer of the sender, after a lease has ended: only then nobody knows."""


def quiet_until(settings: NoticeSettings, now: float) -> int | None:
    """When the quiet hours end that hold now; None while there are none."""
    window = present(settings.quiet, now) if settings.quiet else None
    return window.end if window else None


def next_morning(settings: NoticeSettings, zone: tzinfo, now: float) -> int:
    """When the next digest may come: at the end of the present quiet hours, else at the next MORNING."""
    until = quiet_until(settings, now)
    if until is not None:
        return until
    today = datetime.fromtimestamp(now, zone).date()
    found = (each for days in range(3) for each in moments_of(today + timedelta(days=days), MORNING, zone))
    return next(each for each in found if each > now)


def day_of(now: float, zone: tzinfo) -> int:
    """The number of the day in the calendar of `zone`."""
    return datetime.fromtimestamp(now, zone).toordinal()


def lease_seconds(channel: Channel) -> int:
    """How long a try of this channel may take."""
    return _LEASE_SMS if channel.kind is ChannelKind.SMS else _LEASE_SECONDS


def retry_seconds(attempts: int, key: str) -> int:
    """How long to wait after so many tries of a job."""
    base = RETRIES[attempts - 1] if attempts <= len(RETRIES) else RETRY_LAST
    noise = int.from_bytes(hashlib.sha256(f"{key}/{attempts}".encode()).digest()[:2]) / 0xFFFF
    return round(base * (0.8 + 0.4 * noise))
