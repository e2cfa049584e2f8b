# SPDX-License-Identifier: GPL-2.0-or-later
"""Edge: systemd. Log records and Notices into the journal (or to standard error by hand), the daemon's state to the
manager.

systemd/esimshaper*.catalog explain each MESSAGE_ID to people, in their language: `journalctl -x`.
"""

import contextlib
import copy
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping

from systemd import daemon, journal

from esimshaper.core.model.happenings import Told
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind
from esimshaper.edge.host import clock
from esimshaper.edge.host.messages import ALWAYS_TOLD, MESSAGE_IDS, SUMMED_UP_ID, Message

IDENTIFIER = "esimshaper"

_ALWAYS = frozenset((*MESSAGE_IDS.values(), SUMMED_UP_ID, *ALWAYS_TOLD))
_MESSAGES = {message.id: message for message in Message}
_NOTICE = 5  # of syslog(3): normal but significant; logging has no such level
_PRIORITIES = {NoticeKind.QUOTA_REACHED: 4, NoticeKind.ALARM: 4, NoticeKind.QUOTA_RENEWED: 6}

Admits = Callable[[str, logging.LogRecord], bool]
"""Topic and record -> whether to write the record now. Called from any thread."""

Hears = Callable[[Told], None]
"""Called with each message of the daemon that is written, from any thread."""

log = logging.getLogger(__name__)


def set_up_log(admits: Admits, hears: Hears = lambda _: None) -> None:
    """Logs to the journal if systemd runs us, else as plain lines for a person. `admits` does not apply to notices."""
    if in_journal():
        handler: logging.Handler = journal.JournalHandler(SYSLOG_IDENTIFIER=IDENTIFIER)
        handler.setFormatter(logging.Formatter("%(message)s"))  # the journal knows level and logger as fields
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
    handler.addFilter(lambda record: _is_told_always(record) or admits(_about(record), _bare(record)))
    handler.addFilter(lambda record: _let_hear(record, hears))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def sum_up(number: int, last: logging.LogRecord) -> None:
    """Writes the sum of so many suppressed messages, and the last of them."""
    summary = copy.copy(last)
    summary.msg, summary.args = f"{number} more of these, the last one: {last.getMessage()}", ()
    summary.ESIMSHAPER_REPEATED = number
    logging.getLogger().handle(summary)


def _let_hear(record: logging.LogRecord, hears: Hears) -> bool:
    """Always true. A text of several lines, as of a refused configuration, is heard up to its first."""
    message = _MESSAGES.get(getattr(record, "MESSAGE_ID", ""))
    if message:
        hears(Told(message.kind, record.getMessage().partition("\n")[0], getattr(record, "ESIMSHAPER_CLIENT", "")))
    return True


def announce(notice: Notice, names: Mapping[ClientKey, str], interface: str) -> None:
    """Announces a notice: a message with its fields in the journal, or its text where there is no journal.

    `names` are those of the configuration, by client; `interface` is the uplink.
    """
    priority = _PRIORITIES.get(notice.kind, _NOTICE)
    identified = {"MESSAGE_ID": SUMMED_UP_ID if notice.clients else MESSAGE_IDS[notice.kind]}
    if not in_journal():
        log.log(logging.WARNING if priority <= 4 else logging.INFO, "%s", notice.text, extra=identified)
        return
    message = {"MESSAGE": notice.text, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": IDENTIFIER, **identified}
    try:
        journal.sendv(*(f"{name}={value}" for name, value in (*message.items(), *_fields(notice, names, interface))))
    except OSError as error:  # the journal is restarting, for example: no reason to end
        log.warning("%s (without its fields in the journal: %s)", notice.text, error.strerror, extra=identified)


def tell_manager(*, ready: bool = False, ticked: bool = False, stopping: bool = False, status: str = "") -> None:
    """`ticked` feeds the watchdog, `status` is what `systemctl status` shows from now on (empty: as before).

    Nothing happens when systemd did not start us.
    """
    line = f"STATUS={' '.join(status.split())}"
    lines = {"READY=1": ready, "WATCHDOG=1": ticked, "STOPPING=1": stopping, line: bool(status)}
    _notify("\n".join(line for line, wanted in lines.items() if wanted))


def _notify(message: str) -> None:
    """As sd_notify(3), but never waits: limits and history must go on when systemd itself is stuck."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.sendto(message.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


def take_sockets(name: str) -> list[socket.socket]:
    """The sockets of this name that systemd kept for us. It keeps them no more, so they end with this process."""
    found = [socket.socket(fileno=number) for number, given in daemon.listen_fds_with_names().items() if given == name]
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):  # else cheroot would take the first for a listener
        os.environ.pop(variable, None)
    if found:
        _notify(f"FDSTOREREMOVE=1\nFDNAME={name}")
    return found


def tell_manager_of_reload() -> None:
    """Says that a reload begins; the next `ready` ends it."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={clock.monotonic_ns() // 1000}")


def _is_told_always(record: logging.LogRecord) -> bool:
    """Whether no rate limit applies: to notices of limits, to what is done on the page, and to sums."""
    return getattr(record, "MESSAGE_ID", "") in _ALWAYS or hasattr(record, "ESIMSHAPER_REPEATED")


def _about(record: logging.LogRecord) -> str:
    """The topic of a record: that of its Message, else its text before arguments are filled in."""
    about: str = getattr(record, "about", str(record.msg))
    return about


def _bare(record: logging.LogRecord) -> logging.LogRecord:
    """The record without the frames of its exception, as it may be kept for minutes."""
    bare = copy.copy(record)
    bare.exc_info = bare.exc_text = None
    return bare


def in_journal() -> bool:
    """Whether standard error is the stream to the journal that systemd names; a shell inside a service inherits only
    the name (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        error = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{error.st_dev}:{error.st_ino}"


def _fields(notice: Notice, names: Mapping[ClientKey, str], interface: str) -> Iterator[tuple[str, str]]:
    """The fields that are not empty. ESIMSHAPER_SUBJECT is as in `for`, ESIMSHAPER_CLIENT as the label of metrics; a
    notice about several clients has several of these.
    """
    own = (ClientKey(notice.subject.id),) if notice.subject.kind is SubjectKind.CLIENT else ()
    labels = [names.get(client, client) for client in notice.clients or own]
    fields = {
        "ESIMSHAPER_SUBJECT": notice.subject.written(labels[0] if own else ""),
        "ESIMSHAPER_QUOTA": notice.quota,
        "ESIMSHAPER_BYTES": "" if notice.kind is NoticeKind.CLIENT_STATE else str(notice.bytes),
        "ESIMSHAPER_STATE": notice.level.value if notice.level else "",
        "ESIMSHAPER_ALARM": str(notice.alarm or ""),
        "ESIMSHAPER_REASONS": " ".join(notice.reasons),
        "ESIMSHAPER_INTERFACE": interface,
        "ESIMSHAPER_CLIENTS": str(len(notice.clients) or ""),
    }
    yield from ((name, value) for name, value in fields.items() if value)
    yield from (("ESIMSHAPER_CLIENT", label) for label in labels)
