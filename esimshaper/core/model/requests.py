# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of what people ask the daemon for: a query leaves everything as it is, a command changes something.

Pure: values only. A `client` or `subject` is as the person wrote it; who that is depends on the State.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from esimshaper.core.model.history import Grouping, Span
from esimshaper.core.model.limits import OverrideKind
from esimshaper.core.model.name_requests import NamesAsked
from esimshaper.core.model.notice_requests import LeastCommand, QuietCommand
from esimshaper.core.model.plan import Event
from esimshaper.core.model.review_requests import ReviewCommand, ReviewQuery
from esimshaper.core.model.saver_requests import SaverQuery
from esimshaper.core.model.service_requests import LowDataCommand, ServiceCommand, ServiceQuery
from esimshaper.core.model.time_of_day import WallTime
from esimshaper.core.model.transfer import Cursor, Transferred
from esimshaper.core.model.watch import AlarmKind

End = int | WallTime | None
"""After so many seconds, at a time in the zone of the settings, or (None) not by itself."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """The link and its busiest clients."""


@dataclass(frozen=True, slots=True)
class ClientsQuery:
    """All clients, or with `client` only those that a person calls so."""

    client: str = ""


@dataclass(frozen=True, slots=True)
class QuotasQuery:
    """All quotas, and what was set by hand; or with `subject` only what holds that subject."""

    subject: str = ""


@dataclass(frozen=True, slots=True)
class SubjectsQuery:
    """Everybody whom a command can name."""


@dataclass(frozen=True, slots=True)
class FlowsQuery:
    """At most `limit` conversations: the largest, or those that moved last. `client`: empty for all clients."""

    limit: int
    recent_first: bool
    client: str


@dataclass(frozen=True, slots=True)
class ServicesQuery:
    """What bytes were for since then (empty: today). `client`, `category`, `service`: empty for all."""

    client: str = ""
    category: str = ""
    service: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The last `limit` periods, from the one with `since` on (empty: ever), that begin before `until` (empty: now).

    `client`, `uplink`, `plan`: empty for all. `zone`: of days and hours, empty for that of the settings.
    each: what each client used, beside the sum. by_service: what the bytes were for.
    """

    by: Span
    limit: int
    client: str
    since: str = ""
    each: bool = False
    until: str = ""
    by_service: bool = False
    uplink: str = ""
    plan: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What was used from `since` (empty: the last 30 days) to `until` (empty: now), added up.

    `client`, `uplink`, `plan`: empty for all. `zone`: as in HistoryQuery.
    """

    by: Grouping
    since: str = ""
    until: str = ""
    zone: str = ""
    client: str = ""
    uplink: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Rows of the history from `since` (empty: ever) to `until` (empty: now), of a client and an uplink; empty: all.

    `after`: where the page before ended; it has its own `since` and `until`, in Unix seconds.
    """

    since: str = ""
    until: str = ""
    client: str = ""
    uplink: str = ""
    after: tuple[Cursor, int, int] | None = None


@dataclass(frozen=True, slots=True)
class ImportCommand:
    """Takes rows into the history. `client`: whose they are that name nobody, as the person wrote it."""

    rows: tuple[Transferred, ...]
    client: str = ""


@dataclass(frozen=True, slots=True)
class EventsQuery:
    """The last `limit` things that happened, `since` then (empty: ever), to a subject (empty: to anybody)."""

    since: str
    limit: int
    subject: str


@dataclass(frozen=True, slots=True)
class GrantCommand:
    """Gives a subject so many bytes more, to `end` or (None) until the period of the quota ends; from `at` on."""

    subject: str
    bytes: int
    end: End
    at: WallTime | None = None


@dataclass(frozen=True, slots=True)
class RevokeCommand:
    """Takes back so many of the bytes that a subject was granted in the present periods; None: all of them."""

    subject: str
    bytes: int | None


@dataclass(frozen=True, slots=True)
class OverrideCommand:
    """Blocks or allows a subject, to `end` or (None) until that is taken back; from `at` on. `kind` None takes back."""

    subject: str
    kind: OverrideKind | None
    end: End
    at: WallTime | None = None


@dataclass(frozen=True, slots=True)
class CorrectCommand:
    """So many bytes count as used of a quota from now on; `client`: by whom, where it is for each, else empty."""

    quota: str
    client: str
    bytes: int


@dataclass(frozen=True, slots=True)
class RestartCommand:
    """A quota begins at nothing, for one `client` or (empty) for all whom it is for."""

    quota: str
    client: str


class Figure(NamedTuple):
    """An amount of data as a carrier shows it: `3.2` of `GB`. exponent: that of its last decimal, -1 here."""

    amount: Decimal
    unit: str

    def bytes(self, *, binary: bool) -> int:
        """So many bytes; binary: the carrier's GB are GiB."""
        return int(self.amount * self._unit(binary=binary))

    def unit_bytes(self, *, binary: bool) -> int:
        """The bytes of one in its last decimal: 0.1 GB here."""
        exponent = self.amount.as_tuple().exponent
        return int(Decimal(10) ** min(int(exponent), 0) * self._unit(binary=binary))

    def _unit(self, *, binary: bool) -> int:
        base = 1024 if binary or self.unit.endswith("iB") else 1000
        return int(base ** " KMGT".index(self.unit[0]) if self.unit != "B" else 1)


@dataclass(frozen=True, slots=True)
class PlanQuery:
    """How the plans stand."""


@dataclass(frozen=True, slots=True)
class PlanStartCommand:
    """A plan (empty: the one of now) was bought `at` (empty: now); with `event` that is when it was."""

    plan: str
    at: str = ""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class PlanAddCommand:
    """Data was bought on top; bytes None: what the terms sell. ends: as of an override; price None: as in the terms."""

    plan: str
    bytes: int | None = None
    price: Decimal | None = None
    ends: WallTime | None = None


@dataclass(frozen=True, slots=True)
class PlanSwitchCommand:
    """An uplink (empty: the only one, or the plan's own) has this plan from now on."""

    plan: str
    uplink: str = ""


@dataclass(frozen=True, slots=True)
class PlanResetCommand:
    """The carrier has given the fast data of a plan anew."""

    plan: str


@dataclass(frozen=True, slots=True)
class PlanCorrectCommand:
    """The carrier says so much of a plan was used `at` (empty: now). lower: less than we count may count, too."""

    plan: str
    figure: Figure
    at: str = ""
    lower: bool = False


PlanCommand = PlanStartCommand | PlanAddCommand | PlanSwitchCommand | PlanResetCommand | PlanCorrectCommand


@dataclass(frozen=True, slots=True)
class AlarmsQuery:
    """Abnormal use that goes on, and at most `limit` that is over."""

    limit: int


@dataclass(frozen=True, slots=True)
class AlarmFineCommand:
    """The alarm of that number is ordinary use."""

    number: int


@dataclass(frozen=True, slots=True)
class AlarmMuteCommand:
    """Nobody is told of a kind (None: of any) of `client` (empty: of anybody), for so long; None: they are again."""

    kind: AlarmKind | None
    client: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class AlarmSlowCommand:
    """The client of the alarm of that number is slowed for so many seconds."""

    number: int
    seconds: int


AlarmCommand = AlarmFineCommand | AlarmMuteCommand | AlarmSlowCommand


@dataclass(frozen=True, slots=True)
class UndoCommand:
    """Takes back the last thing that was done by hand; `redo`: does again what was taken back last."""

    redo: bool = False


@dataclass(frozen=True, slots=True)
class WebQuery:
    """Where the page is, and who is logged in."""


@dataclass(frozen=True, slots=True)
class WebPasswordCommand:
    """The owner's password of the page from now on."""

    password: str


@dataclass(frozen=True, slots=True)
class WebLogoutCommand:
    """Sessions of the page end: those of a device, or (empty) of all."""

    client: str = ""


@dataclass(frozen=True, slots=True)
class NotifyQuery:
    """How each channel of notices does, and the messages of the last tests."""


@dataclass(frozen=True, slots=True)
class NotifyTestCommand:
    """A message of a test by a channel, or by each (empty)."""

    channel: str = ""


@dataclass(frozen=True, slots=True)
class NotifyReportCommand:
    """The last seven days by mail, now."""


@dataclass(frozen=True, slots=True)
class ReloadCommand:
    """Puts the edited configuration in force; `dry_run`: only says what would change."""

    dry_run: bool


Command = (
    GrantCommand
    | RevokeCommand
    | OverrideCommand
    | CorrectCommand
    | RestartCommand
    | UndoCommand
    | ReloadCommand
    | PlanStartCommand
    | PlanAddCommand
    | PlanSwitchCommand
    | PlanResetCommand
    | PlanCorrectCommand
    | ImportCommand
    | AlarmFineCommand
    | AlarmMuteCommand
    | AlarmSlowCommand
    | QuietCommand
    | LeastCommand
    | ReviewCommand
    | ServiceCommand
    | LowDataCommand
)

Query = (
    StatusQuery
    | ClientsQuery
    | QuotasQuery
    | SubjectsQuery
    | FlowsQuery
    | ServicesQuery
    | HistoryQuery
    | ReportQuery
    | ExportQuery
    | EventsQuery
    | PlanQuery
    | AlarmsQuery
    | ReviewQuery
    | ServiceQuery
    | SaverQuery
)

WebRequest = WebQuery | WebPasswordCommand | WebLogoutCommand

NotifyAsked = NotifyQuery | NotifyTestCommand | NotifyReportCommand

NoNames = Query | Command | WebRequest | NotifyAsked
"""All but what is asked of names that DNS refuses."""

Request = NoNames | NamesAsked
