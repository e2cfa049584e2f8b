# SPDX-License-Identifier: GPL-2.0-or-later
"""What else becomes a notice: uplinks that come and go, troubles of the daemon. And what silences notices. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo

from esimshaper.core.model.happenings import Told
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import EVERYONE, ClientState, Level, Subject, SubjectKind
from esimshaper.core.model.notices import Notice, NoticeKind, moment_text
from esimshaper.core.model.outbox import CALM, Around, Outbox
from esimshaper.core.model.reading import Attachment
from esimshaper.core.model.tick import Tick
from esimshaper.core.model.units import format_duration, format_moment

LOST_SECONDS = 60
"""An uplink that is gone for less is no news: a modem that reconnects takes some ten."""
TROUBLES: Mapping[str, str] = {
    "not-counting": "counting",
    "limits-failing": "limits-working",
    "history-failing": "history-working",
    "guard-failing": "",
    "clients-full": "",
    "client-imitated": "",
    "config-refused": "config-applied",
    "history-anew": "",
    "list-refused": "",
    "lists-greedy": "lists-modest",
}
"""Messages of the daemon of which people are told, each with the one that says that it is over, if there is one."""
_OVER = {over: trouble for trouble, over in TROUBLES.items() if over}

Lost = Mapping[str, tuple[int, bool]]


def of_uplinks(lost: Lost, before: Iterable[Attachment], tick: Tick) -> tuple[Lost, tuple[Notice, ...]]:
    """Uplinks that are missing since when, and the notices of this tick. `before`: attachments of the tick before."""
    there, earlier = _attached(tick.observed.attachments), _attached(before)
    if there == earlier and not lost:
        return lost, ()
    now, zone, names = int(tick.at.time), tick.rules.zone, tick.rules.uplinks
    missing, said = dict(lost), []
    for uplink in names:
        means = set(uplink.interfaces) or {uplink.interface}
        since, told = missing.get(uplink.name, (now, False))
        if means & there:
            missing.pop(uplink.name, None)
            said += [_back(uplink.name, since, now, zone)] if told else []
        elif uplink.name in missing or means & earlier:
            is_long = now - since >= LOST_SECONDS
            said += [_gone(uplink.name, since, zone, now)] if is_long and not told else []
            missing[uplink.name] = (since, told or is_long)
    known = {each.name for each in names}
    return {name: each for name, each in missing.items() if name in known}, tuple(said)


def of_told(told: Iterable[Told], now: int) -> Iterator[Notice]:
    """Troubles that the daemon has told of, and that they are over. The journal has them already."""
    for each in told:
        if each.kind in TROUBLES:
            yield _trouble(NoticeKind.TROUBLE, each.kind, each.text, now)
        elif each.kind in _OVER:
            yield _trouble(NoticeKind.TROUBLE_OVER, _OVER[each.kind], each.text, now)


def around_of(
    kept: Outbox, new: Iterable[Notice], tick: Tick, states: Mapping[Subject, ClientState], rates: Mapping[str, int]
) -> Around:
    """What decides what is worth telling now. rates: what the terms of plans give uplinks; 0: nothing passes.

    Only clients that some notice is about are looked up.
    """
    subjects = {each.subject for each in kept.entries} | {each.subject for each in new}
    if not subjects:
        return CALM
    everyone = _is_blocked(states.get(EVERYONE))
    used_up = [rates.get(each.name) == 0 for each in tick.rules.uplinks]
    passes = bool(_attached(tick.observed.attachments)) and not all(used_up)
    link = passes and (not everyone or tick.rules.notices.reaches)
    clients = (each for each in subjects if each.kind is SubjectKind.CLIENT and _is_blocked(states.get(each)))
    return Around(link, everyone, frozenset(ClientKey(each.id) for each in clients), any(used_up))


def _attached(attachments: Iterable[Attachment]) -> set[str]:
    return {each.interface for each in attachments if each.attached and each.hook.value.startswith("wan")}


def _is_blocked(state: ClientState | None) -> bool:
    return state is not None and state.level is Level.BLOCKED


def _gone(name: str, since: int, zone: tzinfo, now: int) -> Notice:
    clock = format_moment(since, now, zone)
    text = f"the uplink {name} is gone since {clock}; `esimshaper doctor` says what may be wrong"
    data = {"uplink": name, "since": moment_text(since, zone)}
    return Notice(NoticeKind.UPLINK_LOST, text, at=now, data=data)


def _back(name: str, since: int, now: int, zone: tzinfo) -> Notice:
    text = f"the uplink {name} is back, after {format_duration(now - since)}"
    data = {"uplink": name, "since": moment_text(since, zone)}
    return Notice(NoticeKind.UPLINK_BACK, text, at=now, data=data)


def _trouble(kind: NoticeKind, message: str, text: str, now: int) -> Notice:
    return Notice(kind, text, at=now, data={"message": message, "text": text})
