# SPDX-License-Identifier: GPL-2.0-or-later
"""The block `notices` -> by which channels people are told, when not, and how messages of carriers are read. Pure."""

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from esimshaper.core.model.channels import (
    DAY_BYTES,
    PER_DAY,
    SMS_PER_DAY,
    Channel,
    ChannelKind,
    NoticeSettings,
    ReadRule,
    Weekly,
)
from esimshaper.core.model.notices import Severity
from esimshaper.core.model.time_of_day import parse_wall_time
from esimshaper.core.model.units import parse_duration
from esimshaper.core.settings.amounts import size_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.hours import hours_at

MOST_CHANNELS = 16
LONGEST_PATTERN = 300
"""Characters of a rule by which a carrier's message is read."""
LEAST_EVERY = 3600
"""Seconds between two questions to a carrier."""
GIVES = ("left", "used", "percent")
_GROUPS = frozenset((*GIVES, "unit"))
_COMMON = ("min", "language", "per_day")
_WEEKLY_HINT = 'Write a day and a time, for example "mon 08:00", or off.'


def notices_from(top: Block, zone: tzinfo | None) -> NoticeSettings:
    """The NoticeSettings of the configuration; nobody is told, but by the journal, without the block."""
    if not top.has("notices"):
        return NoticeSettings()
    block = top.block("notices")
    channels = tuple(_channels(block))
    if len(channels) > MOST_CHANNELS:
        message = f"{len(channels)} channels are listed, but there is room for {MOST_CHANNELS}"
        block.refuse("apprise", message, "One channel can have several recipients.")
    weekly = None if block.get("weekly", "off") == "off" else block.parse("weekly", _weekly, _WEEKLY_HINT)
    size = size_from(block, "day_bytes", 1) if block.has("day_bytes") else DAY_BYTES
    read = tuple(_rule(each) for each in block.blocks("read"))
    return NoticeSettings(channels, hours_at(block, "quiet", zone), weekly, size or DAY_BYTES, read)


def _channels(block: Block) -> Iterator[Channel]:
    for kind in (ChannelKind.EMAIL, ChannelKind.WEBHOOK, ChannelKind.SMS, ChannelKind.MQTT):
        if block.has(kind.value):
            yield _channel(block, block.block(kind.value), kind, kind.value)
    for number, each in enumerate(block.get("apprise", ())):
        name = f"apprise-{number + 1}"
        inner = Block(each, block.problems, (*block.path, "apprise", number)) if isinstance(each, dict) else None
        yield _channel(block, inner or Block({"url": each}, block.problems, block.path), ChannelKind.APPRISE, name)
    if block.has("command"):
        given = block.get("command")
        inner = Block({"command": given}, block.problems, block.path)
        whole = block.block("command") if isinstance(given, dict) else inner
        yield _channel(block, whole, ChannelKind.COMMAND, "command")


def _channel(common: Block, own: Block, kind: ChannelKind, name: str) -> Channel:
    def said(key: str, otherwise: object) -> Any:  # noqa: ANN401 - any shape that YAML has
        return own.get(key, common.get(key, otherwise))

    settings = {key: value for key, value in own.values.items() if key not in _COMMON}
    if isinstance(settings.get("to"), str):
        settings["to"] = [settings["to"]]
    _check_login(own, kind)
    usual = SMS_PER_DAY if kind is ChannelKind.SMS else PER_DAY
    # An SMS costs money, so it is for what is grave unless its own block says else.
    least = own.get("min", Severity.ALARM) if kind is ChannelKind.SMS else said("min", Severity.WARNING)
    language = str(said("language", "en")).replace("-", "_")
    return Channel(name, kind, language, Severity(least), int(own.get("per_day", usual)), settings)


def _check_login(own: Block, kind: ChannelKind) -> None:
    if kind in (ChannelKind.EMAIL, ChannelKind.MQTT) and own.has("user") != own.has("password"):
        missing, there = ("password", "user") if own.has("user") else ("user", "password")
        own.refuse(there, f"there is `{there}`, but no `{missing}`", f"Write `{missing}` as well, or leave both out.")
    if kind is ChannelKind.MQTT and own.has("password") and own.get("security") == "none":
        own.refuse("security", "the password would cross the network in the clear", "Write tls, or leave both out.")


def _weekly(text: str) -> Weekly:
    at = parse_wall_time(text)
    if at.weekday is None:
        raise ValueError(f"`{text}` has no day of the week")
    return Weekly(at.weekday, at.minute)


def _rule(block: Block) -> ReadRule:
    if block.has("from") == block.has("ussd"):
        hint = 'Write `from`, the senders of the SMS, or `ussd`, the code to dial, for example "*100#".'
        block.refuse("match", "a rule needs one of `from` and `ussd`", hint)
    every = block.parse("every", _every, "Write a length of time, for example 12h.") or 12 * LEAST_EVERY
    groups = block.parse("match", _groups, "Write for example 'left: (?P<left>[0-9.]+) (?P<unit>[GM]B)'.")
    if groups and not groups & {"percent", "unit"} and not block.has("unit"):
        block.refuse("match", "nobody says in which unit the amount is", "Add a group (?P<unit>...), or `unit: GB`.")
    said = block.get("from", ())
    senders = (said,) if isinstance(said, str) else tuple(said)
    ussd = str(block.get("ussd", ""))
    return ReadRule(str(block.get("match")), senders, ussd, every if ussd else 0, str(block.get("unit", "")))


def _every(text: str) -> int:
    seconds = parse_duration(text)
    if seconds < LEAST_EVERY:
        raise ValueError(f"`{text}` is shorter than an hour")
    return seconds


def _groups(text: str) -> frozenset[str]:
    """The groups of a pattern. Where it is tried, it has a time limit: here it is only read."""
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"it has more than {LONGEST_PATTERN} characters")
    try:
        found = frozenset(re.compile(text).groupindex)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"`{text}` is no regular expression: {error}") from None
    if found - _GROUPS:
        raise ValueError(f"the group `{sorted(found - _GROUPS)[0]}` has no meaning")
    if len(found & frozenset(GIVES)) != 1:
        raise ValueError("it needs one group of left, used and percent")
    return found
