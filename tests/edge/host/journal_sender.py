# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon as systemd starts it, as far as its messages go: announces a Notice of each kind, of everyone, and of two.

For test_systemd.py beside it, which runs it where a journal of its own listens; standard error is a stream to that
journal if the argument `stream` is given. With `flapping` it has much more to say.
"""

import asyncio
import logging
import os
import socket
import sys

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, Level, Subject, SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.daemon.log_limiter import LogLimiter
from esimshaper.edge.host import systemd
from esimshaper.edge.host.messages import Message, fields

ALICE, BOB = ClientKey("02:00:00:00:00:10"), ClientKey("02:00:00:00:00:11")
TIMES = 500
NAMES = {ALICE: "alice-phone"}


def subject(key: str) -> Subject:
    return Subject(SubjectKind.CLIENT, key)


NOTICES = (
    Notice(NoticeKind.QUOTA_WARNING, "alice-phone has used 400 MB of 500 MB", subject(ALICE), "daily", 400_000_000),
    Notice(NoticeKind.QUOTA_REACHED, "everyone has used up 10.0 GB", EVERYONE, "plan", 10**10),
    Notice(NoticeKind.QUOTA_RENEWED, "group kids has 1.00 GB again", Subject(SubjectKind.GROUP, "kids"), "kids", 10**9),
    Notice(NoticeKind.CLIENT_STATE, "02:… is blocked now", subject("02:00:00:00:00:20"), "plan", level=Level.BLOCKED),
    Notice(NoticeKind.GRANTED, "alice-phone got 1.00 GB more", subject(ALICE), "daily", 10**9),
    Notice(NoticeKind.REVOKED, "alice-phone has 1.00 GB of its grants no more", subject(ALICE), "daily", 10**9),
    Notice(NoticeKind.CORRECTED, "everyone counts as having used 1.50 GB from now on", EVERYONE, "plan", 15 * 10**8),
    Notice(NoticeKind.RESTARTED, "everyone begins anew with 10.0 GB", EVERYONE, "plan", 10**9),
    Notice(NoticeKind.COUNTED_BACK, "266 MB that were used since 00:00 count in it", EVERYONE, "plan", 266 * 10**6),
    Notice(NoticeKind.PLAN_BEGUN, "plan trip has begun with 10.0 GB", EVERYONE),
    Notice(NoticeKind.PLAN_RENEWED, "plan trip has 10.0 GB again", EVERYONE),
    Notice(NoticeKind.PLAN_LOW, "plan trip has 500 MB left; then it is held to 300 kbit/s", EVERYONE),
    Notice(NoticeKind.PLAN_OUT, "plan trip has used up its fast data", EVERYONE),
    Notice(NoticeKind.PLAN_PRICE, "plan trip has 100 MB left at this price", EVERYONE),
    Notice(NoticeKind.PLAN_PAYS, "plan trip has used up its data", EVERYONE),
    Notice(NoticeKind.PLAN_TOPPED_UP, "plan trip has bought 1.00 GB by itself", EVERYONE),
    Notice(NoticeKind.PLAN_EXPIRES, "plan trip ends tomorrow", EVERYONE),
    Notice(NoticeKind.PLAN_EXPIRED, "plan trip is over", EVERYONE),
    Notice(NoticeKind.PLAN_SWITCHED, "wan has plan trip now, no longer home", EVERYONE),
    Notice(NoticeKind.PLAN_BY_HAND, "plan trip begins anew", EVERYONE),
    Notice(NoticeKind.PLAN_UNSURE, "1.00 MB passed wan while its eSIM was changed", EVERYONE),
    Notice(NoticeKind.SIM_UNKNOWN, "the eSIM ...1234 at wan is of no plan", EVERYONE),
    Notice(NoticeKind.LINK_SLOW, "the carrier gives wan 128 kbit/s down", EVERYONE),
    Notice(NoticeKind.UPLINK_LOST, "hotel is gone", EVERYONE),
    Notice(NoticeKind.UPLINK_BACK, "hotel is back", EVERYONE),
    Notice(
        NoticeKind.ALARM, "tv moved 60 MB in a minute", subject(ALICE), bytes=6, alarm=7, reasons=("surge", "upload")
    ),
    Notice(NoticeKind.ALARM_MORE, "tv goes on", EVERYONE),
    Notice(NoticeKind.ALARM_END, "tv is quiet again", EVERYONE),
    Notice(NoticeKind.APPROVAL, "tv moved 120 MB with netflix today, which is new", subject(ALICE), bytes=12 * 10**7),
    Notice(NoticeKind.APPROVALS_DUE, "2 services are to be looked at again", EVERYONE),
    Notice(NoticeKind.TEST, "a test", EVERYONE),
    Notice(
        NoticeKind.CLIENT_STATE,
        "2 devices are blocked now",
        Subject(SubjectKind.EACH_CLIENT),
        "plan",
        level=Level.BLOCKED,
        clients=(ALICE, BOB),
    ),
)


def into_journal() -> None:
    """What systemd does before it starts a service (systemd.exec(5), $JOURNAL_STREAM)."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.connect("/run/systemd/journal/stdout")
    stream.sendall(b"esimshaper\n\n6\n1\n0\n0\n0\n")  # identifier, unit, priority, level prefix, three times no
    os.dup2(stream.detach(), 2)
    info = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{info.st_dev}:{info.st_ino}"


async def flap(limiter: LogLimiter) -> None:
    """A modem that comes and goes, a fault in each request, and the same two notices again and again."""
    async with limiter.summing_up():
        for number in range(TIMES):
            known = fields(Message.NOT_COUNTING, interface="wwan0")
            log.warning("not counting at %s: %s", "wwan0", f"reason {number}", extra=known)
            log.info("counting at %s", "wwan0", extra=fields(Message.COUNTING, interface="wwan0"))
            try:
                int("no number")
            except ValueError:
                log.exception("a request for %s failed", number)
            systemd.announce(NOTICES[1], NAMES, "wwan0")
            systemd.announce(NOTICES[2], NAMES, "wwan0")


if __name__ == "__main__":
    if "stream" in sys.argv:
        into_journal()
    limiter = LogLimiter()
    systemd.set_up_log(limiter.admits)
    log = logging.getLogger("esimshaper")
    log.info("a line of the log")
    for notice in NOTICES:
        systemd.announce(notice, NAMES, "wwan0")
    if "flapping" in sys.argv:
        asyncio.run(flap(limiter))
