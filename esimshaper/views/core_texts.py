# SPDX-License-Identifier: GPL-2.0-or-later
"""Sentences of the daemon, which are English in documents, in the language that is spoken here. Pure.

A sentence is known by its words; its places hold names, amounts, or other sentences of this list. One that is not known
stays as it is.
"""

import re
from functools import cache

from esimshaper.languages.choice import ENGLISH
from esimshaper.languages.texts import N_, _, spoken
from esimshaper.views import notice_texts

UNATTRIBUTED = (
    N_("in packets that came cut short"),
    N_("that nobody here asked for (scans from the Internet, mostly)"),
    N_("in pieces of packets whose first piece is missing"),
    N_("in error messages about what nobody here sent"),
    N_("from a way that is missing under lan.interfaces (containers, another bridge)"),
)
"""UNATTRIBUTED_IN_WORDS of core/model/counts.py."""

_PARTS = (
    N_("tomorrow {time}"),
    N_("everyone"),
    N_("each client"),
    N_("group {name}"),
    N_("{down} down and {up} up"),
    N_("{rate} down"),
    N_("{rate} up"),
    N_("(+-{error}, {n} corrections, {size})"),
)
_REASONS = (
    N_("{quota}: {used} used of {limit}, throttled to {rate} until {moment}"),
    N_("{quota}: {used} used of {limit}, blocked until {moment}"),
    N_("{quota}: {used} downloaded of {limit}, throttled to {rate} until {moment}"),
    N_("{quota}: {used} downloaded of {limit}, blocked until {moment}"),
    N_("{quota}: {used} uploaded of {limit}, throttled to {rate} until {moment}"),
    N_("{quota}: {used} uploaded of {limit}, blocked until {moment}"),
    N_("blocked by hand until {moment}"),
    N_("blocked by hand"),
    N_("throttled to {rate} by an alarm until {moment}"),
    N_("throttled to {rate} by an alarm"),
    N_("blocked by an alarm until {moment}"),
    N_("blocked by an alarm"),
    N_("allowed by hand over the plan until {moment}"),
    N_("allowed by hand over the plan"),
    N_("allowed by hand until {moment}"),
    N_("allowed by hand"),
    N_("blocked until {moment} (hours)"),
    N_("blocked (hours)"),
)
_NOTICES = (
    N_("{n} devices have used up {size} ({quota}, until {moment}): {names}"),
    N_("{n} devices have {size} again ({quota}, until {moment}): {names}"),
    N_("{n} devices are no longer throttled: {names}"),
    N_("{n} devices are no longer blocked: {names}"),
    N_("{n} devices are throttled now ({why}): {names}"),
    N_("{n} devices are blocked now ({why}): {names}"),
    N_("{who} has used up {size} ({quota}, until {moment})"),
    N_("{who} has used {used} of {size} ({quota}, until {moment})"),
    N_("{who} has {size} of its grants no more ({quota}, until {moment})"),
    N_("{who} has {size} again ({quota}, until {moment})"),
    N_("{who} got {size} more ({quota}, until {moment})"),
    N_("{who} is no longer throttled: {why}"),
    N_("{who} is no longer throttled"),
    N_("{who} is no longer blocked: {why}"),
    N_("{who} is no longer blocked"),
    N_("{who} is throttled now: {why}"),
    N_("{who} is blocked now: {why}"),
)
_OF_UPLINKS = (
    N_("esimshaper {version} has started"),
    N_("counting at {interface}"),
    N_("not counting at {interface}: {why}"),
    N_("there is no interface {interface}"),
    N_("devices reach the Internet by {names}, which is not counted"),
    N_("plan {plan} is slow until {moment}: the carrier gives {rate}"),
    N_("plan {plan} is slow: the carrier gives {rate}"),
    N_("the carrier gives {uplink} {rate}, as measured, though nothing written says so"),
    N_(
        "The link is held to {rate}, so that packets wait here: devices get equal shares, and DNS and small packets go "
        "first"
    ),
    N_("The link is held to {rate}, so that packets wait here; it ends by itself once the carrier is faster"),
    N_("Traffic is shaped at {interface} only, so packets of {uplink} wait at the carrier"),
    N_("Traffic is shaped at {interface} only"),
    N_("not compared with the carrier yet: `esimshaper plan correct SIZE` takes the figure of its app or SMS"),
    N_("compared once; a second figure in the same period tells how exact the count is"),
    N_("your seller counts binary {unit} {based}: write `units: binary` in the plan"),
    N_("the carrier's figures do not fit ours: {percent} of it {based}; look at both again"),
    N_("the carrier counts the same as we do {based}"),
    N_("the carrier rounds up each session, by some {size} {based}: write `round` in the plan"),
    N_("the carrier counts {percent} more than we do {based}"),
    N_("the carrier counts {percent} less than we do {based}"),
)
_ASSUMED = (
    N_("as typed ({size} in {n} hours)"),
    N_("of the history"),
    N_("of {file}"),
    N_("The use is even over all hours."),
    N_("The next trip is like what is on record."),
    N_("The trip is like the last days on record."),
    N_("The trip is like the {n} hours on record, again and again by whole days."),
    N_("Each plan is bought, installed and first used in the first hour of use; lots are bought only by `auto`."),
    N_("As much is used while it is slow, or does not pass, as was used at full speed."),
    N_("All of it is roaming."),
    N_("Nothing of it is roaming; --abroad if it is."),
    N_("A session of the modem ends after an hour without use, and after 24 hours."),
    N_("Services that are free in a plan are counted: by the hour it is not known what bytes were for."),
)
"""What `recommend` assumes, and where the use is from."""
REFUSALS = (
    N_("there is no quota for {who}"),
    N_("`esimshaper quotas` shows those there are."),
    N_("nothing was granted to {who} that could be taken back"),
    N_("`esimshaper quotas` shows what was granted, and to whom."),
    N_("the quota {quota} is for each client: say whose is meant"),
    N_("For example {example}."),
    N_("the quota {quota} has counted nothing yet"),
    N_("`esimshaper quotas` shows what it counts."),
    N_("the quota {quota} counts nothing for whom you name"),
    N_("`esimshaper quotas` shows for whom it is."),
    N_("nothing has been read yet"),
    N_("Try again in a second."),
    N_("nothing was done by hand that could be undone"),
    N_("`esimshaper quotas` shows what is in force."),
    N_("nothing was undone since the last act by hand, or since the daemon has started"),
    N_("`esimshaper undo` undoes the last act."),
    N_("that is more than two years from now"),
    N_("Write a sooner time."),
    N_("there is no device or group `{text}`; {advice}"),
    N_("there is no client '{text}'; `esimshaper clients` lists them"),
    N_("`{text}` is a quota, and no device; it is that of `{named}`: write this instead"),
    N_("`{text}` may be {found}; name one of them"),
    N_("there is no quota `{text}`; {advice}"),
    N_("there is no plan `{text}`; {advice}"),
    N_("did you mean `{near}`?"),
    N_(
        "`esimshaper clients` lists the devices, and `group: kids` beside the name of each makes a group in the "
        "configuration; sites and apps are in `esimshaper services` only"
    ),
    N_("none with that address has moved a byte yet; `sudo esimshaper name MAC NAME` lists one before it comes"),
    N_("there are {names}"),
    N_("{who} is not a device that can be limited"),
    N_("`{text}` is still to come"),
)
_ALARMS = (
    N_("moved {size} in the last hour, in which no device moved anything"),
    N_("sent {size} in the last five minutes, and received little"),
    N_("sent {size} in the last five minutes, most of it to addresses that nobody named"),
    N_("is new here and moved {size} at once"),
    N_("moved {size} in the last minute"),
    N_("moved {size} in the last five minutes"),
    N_("moves {size} and more in each five minutes of an hour"),
    N_("moved {size} in ten minutes of the night, while all others sleep"),
    N_("moved {size} in the last hour"),
    N_("the day ({size} by {quota})"),
    N_("a day of {size}, which no quota or plan says"),
    N_("{what}: {percent} of {day}; most for {names}"),
    N_("{what}: {percent} of {day}"),
)
"""What core/watch/words.py says of a device, behind its name."""
KNOWN = (*UNATTRIBUTED, *_PARTS, *_REASONS, *_NOTICES, *_OF_UPLINKS, *REFUSALS, *_ASSUMED, *_ALARMS, *notice_texts.ALL)
_PLACE = re.compile(r"\{(\w+)\}")
_NUMBERS = {"n", "size", "used", "limit", "rate", "down", "up", "time", "error", "percent"}
"""Places that begin with a figure: a name such as `Wake up` is no amount."""


def said(sentence: str) -> str:
    """A sentence of the daemon, or several, as people here say it."""
    if spoken() == ENGLISH:
        return sentence
    found = [_found(each) for each in sentence.split(". ")]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return sentence
    return "".join(_("{sentence}.", sentence=each) for each in known[:-1]) + known[-1]


def _found(sentence: str) -> str | None:
    for known in KNOWN:
        if found := _pattern(known).fullmatch(sentence):
            return _(known, **{name: said(value) for name, value in found.groupdict().items()})
    return None


def whole(sentence: str) -> str:
    """A sentence that the daemon has without its capital and its full stop, as one that stands alone."""
    words = said(sentence)
    return _("{sentence}.", sentence=f"{words[:1].upper()}{words[1:]}")


@cache
def _pattern(known: str) -> re.Pattern[str]:
    """Matches the English sentence of a text, with a group for each of its places."""
    parts = _PLACE.split(known)  # words and names of places by turns
    return re.compile("".join(_group(part) if at % 2 else re.escape(part) for at, part in enumerate(parts)))


def _group(place: str) -> str:
    return f"(?P<{place}>{'[0-9]' if place in _NUMBERS else '.'}.*?)"
