# SPDX-License-Identifier: GPL-2.0-or-later
"""The list `rules` and the block `low_data` -> what holds for services, and when. Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import tzinfo
from difflib import get_close_matches
from typing import Any

from esimshaper.core.model.decisions import (
    GO_ON,
    HELD_BACK,
    NO_LOW_DATA,
    DecisionKind,
    LowData,
    LowDataMode,
    ServiceRule,
)
from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limits import SubjectKind
from esimshaper.core.model.services import BUILT_IN
from esimshaper.core.settings.amounts import rate_from
from esimshaper.core.settings.block import Block
from esimshaper.core.settings.hours import hours_from
from esimshaper.core.settings.periods import Zones, zone_from
from esimshaper.core.settings.problem import Problem
from esimshaper.core.settings.subjects import Known, parse_subject, subject_from

MAX_RULES = 64
_ANY_RATE = "any"


def rules_from(tree: Block, known: Known | None, default: tzinfo | None, zones: Zones) -> tuple[ServiceRule, ...]:
    """All rules that a ServiceRule can be made of, in their order. `default`: the zone of rules that name none."""
    blocks = tree.blocks("rules")
    if len(blocks) > MAX_RULES:
        message = f"{len(blocks)} rules are listed, but there is room for {MAX_RULES}"
        tree.refuse(("rules", MAX_RULES), message, "One rule can be for a group, and name several services.")
    return tuple(filter(None, (_rule(block, known, default, zones) for block in blocks)))


def _rule(block: Block, known: Known | None, default: tzinfo | None, zones: Zones) -> ServiceRule | None:
    zone = zone_from(block, "timezone", zones) if block.has("timezone") else default
    subject, hours = subject_from(block, known), hours_from(block, zone)
    names = _names(block, "service")
    written = block.get("then")
    kind = DecisionKind(written) if isinstance(written, str) else DecisionKind.PACE
    rate = rate_from(block.block("then"), "pace") if kind is DecisionKind.PACE else 0
    if subject is None or rate is None or (block.has("hours") and hours is None):
        return None
    said = [", ".join(names) or "all services", *([hours.written] if hours else [])]
    metered_only = block.get("uplink") == "metered"
    what = frozenset(names) if names else None
    return ServiceRule(subject, what, kind, rate, hours, metered_only, ", ".join(said))


def _names(block: Block, key: str) -> tuple[str, ...]:
    written = block.get(key, ())
    return (written,) if isinstance(written, str) else tuple(filter(None, written))


def low_data_from(tree: Block, known: Known | None) -> LowData:
    """The LowData of the configuration; where something is wrong, a problem more."""
    block = tree.block("low_data")
    percent = block.parse("from", _percent, "Write a share such as 80%.") if block.has("from") else None
    video = NO_LOW_DATA.video
    if block.get("video") == _ANY_RATE:
        video = 0
    elif block.has("video"):
        video = rate_from(block, "video") or video
    return LowData(
        LowDataMode(block.get("mode", NO_LOW_DATA.mode)),
        NO_LOW_DATA.percent if percent is None else percent,
        block.get("pace") == "ahead",
        _names(block, "hold") if block.has("hold") else HELD_BACK,
        video,
        frozenset(_exempt(block, known)),
    )


def _percent(text: str) -> int:
    share = int(text.removesuffix("%"))
    if not 1 <= share <= 100:
        raise ValueError(f"`{text}` is not between 1% and 100%")
    return share


def _exempt(block: Block, known: Known | None) -> Iterable[ClientKey]:
    def client(text: str, known: Known) -> ClientKey:
        subject = parse_subject(text, known)
        if subject.kind is not SubjectKind.CLIENT:
            raise ValueError(f"`{text}` is not the name of a client")
        return ClientKey(subject.id)

    hint = "Write names that are under `clients`, for example [alice-laptop]."
    for place, text in enumerate(block.get("exempt", ())):
        if text is not None and known is not None:
            found = block.parse_value(("exempt", place), text, lambda text: client(text, known), hint)
            yield from (found,) if found else ()


def check_counted(tree: Block) -> None:
    """Adds a problem where rules need services, and none are counted."""
    if tree.block("services").get("names", "on") == "on":
        return
    mode = tree.block("low_data").get("mode", LowDataMode.OFF.value)
    for where, is_used in (("rules", bool(tree.get("rules"))), ("low_data", mode != LowDataMode.OFF.value)):
        if is_used:
            message = f"`{where}` looks at services, which are not counted, as services.names is off"
            tree.refuse(where, message, f"Write `services: {{names: on}}`, or remove `{where}`.")


def unknown_words(tree: Mapping[str, Any], services: Mapping[str, str | None]) -> list[Problem]:
    """The names in `rules` and `low_data` that are no service and no category. `services`: with their category."""
    problems: list[Problem] = []
    top, known = Block(tree, problems), {*services, *filter(None, services.values()), *BUILT_IN}
    for block, key in (*((each, "service") for each in top.blocks("rules")), (top.block("low_data"), "hold")):
        written = block.get(key, ())
        for position, name in enumerate([written] if isinstance(written, str) else written):
            where = (key,) if isinstance(written, str) else (key, position)
            if name and name not in known:
                block.refuse(where, f"no service and no category is called `{name}`", hint_for(name, known))
            elif key == "hold" and (name in GO_ON or services.get(name) in GO_ON):
                hint = "Hold it by `rules` if you must: `{for: everyone, service: NAME, then: block}`."
                block.refuse(where, f"`{name}` goes on in low-data mode: people count on it", hint)
    return problems


def hint_for(name: str, known: Collection[str]) -> str:
    """What was perhaps meant by a name that is none of `known`."""
    near = get_close_matches(name.lower(), sorted(known), n=1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return f"{meant}`esimshaper services` shows which are used; own ones are in services.d beside this file."
