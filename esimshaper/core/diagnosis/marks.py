# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on what packets carry of their client, and who else uses that. Pure; rules as in findings.py.

A packet carries the number of its client in tc_index, and with lan.mark_mask in some bits of the packet mark too.
"""

from collections.abc import Iterable

from esimshaper.core.model.box import BoxFacts, Finding, Findings, MarkAccess, MarkUse
from esimshaper.core.model.counts import Reason
from esimshaper.core.model.kernel import FILTER_PRIORITY, NO_MARK

PROPOSED = (0xFF000000, 0x00FF0000, 0x0000FF00)
"""Masks that may be free; firewalls and routing rules of others mostly use low bits."""

KNOWN = {0x3F00: "mwan3", 0xFF0000: "Tailscale"}
"""Programs by the bits of the mark that their rules write or compare."""

_RESTART = "then systemctl restart esimshaper, which loses nothing"


def _marks(facts: BoxFacts) -> Findings:
    if facts.wanted is None:
        return
    mask = facts.wanted.mark_mask
    if mask == NO_MARK:
        others = _others(facts)
        sentence = "esimshaper leaves the packet mark alone: rules of other programs that use it cannot clash with it"
        yield Finding.ok("marks", f"{sentence}{f' ({others})' if others else ''}.")
        return
    found = [finding for use in _uses(facts) for finding in _mark_use(use, mask)]
    yield from found
    if not found and facts.mark_uses is not None and facts.legacy_mark_uses is not None:
        yield Finding.ok("marks", f"No other program uses the bits {mask:#010x} of the packet mark.")


def _uses(facts: BoxFacts) -> tuple[MarkUse, ...]:
    return (*(facts.mark_uses or ()), *(facts.legacy_mark_uses or ()), *(facts.rules or ()))


def _others(facts: BoxFacts) -> str:
    """Who uses the mark, by programs that are known by their bits; of others the first rule."""
    uses = _uses(facts)
    known = dict.fromkeys(name for use in uses for bits, name in KNOWN.items() if use.bits == bits)
    number = len(uses)
    return ", ".join(known) or (f"{uses[0].where}{f' and {number - 1} more' if number > 1 else ''}" if uses else "")


def _mark_use(use: MarkUse, mask: int) -> Findings:
    both = use.bits & mask
    free = f"{~mask & 0xFFFFFFFF:#010x}"
    ours = f"bits {both:#x} of the packet mark, where the number of the client is stored (lan.mark_mask {mask:#010x})"
    other = "take lan.mark_mask out, if it is not needed, or choose another"
    if use.access is MarkAccess.UNREADABLE:
        sentence = f"{use.where} uses the packet mark, but its bits cannot be listed."
        yield Finding.warning("marks", sentence, f"check that it uses the bits {free} only: iptables-save -t mangle")
    elif both and use.access is MarkAccess.WRITES:
        sentence = (
            f"{use.where} changes {ours}: where a packet carries its client in the mark only, its bytes are booked to "
            "a wrong client or to `others`."
        )
        keep = f"let the rule keep these bits: meta mark set meta mark & {mask:#010x} | VALUE"
        yield Finding.problem("marks", sentence, f"{keep}; or {other}")
    elif both:
        sentence = f"{use.where} compares {ours}: it may no longer match packets of clients."
        yield Finding.warning("marks", sentence, f"compare under the mask {free}; or {other}")


def _lost(facts: BoxFacts) -> Findings:
    """Uploads whose client is not known any more at the uplink, as the daemon counted them."""
    events = facts.daemon_status.events if facts.daemon_status else {}
    mask = facts.wanted.mark_mask if facts.wanted else NO_MARK
    if size := events.get(Reason.ACCOUNT_LOST.label):
        sentence = (
            f"{size:,} uploaded bytes lost the number of their client inside this box, to {_who(facts)}. They are "
            "booked to `others`, and limited as one device that is not listed."
        )
        yield Finding.warning("marks", sentence, _line(facts) if mask == NO_MARK else _let_on(facts))
    if size := events.get(Reason.MARK_FOREIGN.label):
        sentence = (
            f"{size:,} uploaded bytes lost the number of their client, and another program wrote into the bits "
            f"{mask:#010x} of their mark. They are booked to `others`, and limited as one device that is not listed."
        )
        yield Finding.warning("marks", sentence, _line(facts))


def _who(facts: BoxFacts) -> str:
    lans = facts.wanted.lans if facts.wanted else ()
    found = [
        f"the tc filter {other.kind} (priority {other.priority}) at {other.interface}"
        for other in facts.filters or ()
        if other.interface in lans and other.direction == "ingress" and other.priority > FILTER_PRIORITY
    ]
    return " or ".join(dict.fromkeys(found)) or "a tc filter of another program behind the meter"


def _line(facts: BoxFacts) -> str:
    """What to do so that the client is known again; a mark that others use as a whole can carry nothing."""
    used = _used(_uses(facts))
    free = next((mask for mask in PROPOSED if not mask & used), NO_MARK)
    if free == NO_MARK:
        return _let_on(facts)
    return f"write `mark_mask: {free:#010x}` under lan, {_RESTART}; or {_let_on(facts)}"


def _let_on(facts: BoxFacts) -> str:
    lans = facts.wanted.lans if facts.wanted else ()
    return f"have that filter end with `continue` instead of `ok`: tc filter show dev {next(iter(lans), 'br0')} ingress"


def _used(uses: Iterable[MarkUse]) -> int:
    """The bits that rules of others write or compare."""
    bits = 0
    for use in uses:
        bits |= use.bits
    return bits


CHECKS = (_marks, _lost)
