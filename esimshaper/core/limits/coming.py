# SPDX-License-Identifier: GPL-2.0-or-later
"""What was set by hand for later -> what is in force now. Pure."""

from collections.abc import Iterable, Sequence

from esimshaper.core.limits import notices, tally
from esimshaper.core.model.limit_state import LimitState
from esimshaper.core.model.limits import Coming, Grant, Override, Tally
from esimshaper.core.model.notices import Notice
from esimshaper.core.model.units import MAX_BYTES


def split(coming: Iterable[Coming], now: float) -> tuple[tuple[Coming, ...], tuple[Coming, ...]]:
    """What has begun, in the order in which it did, and what is still to come."""
    begun = sorted((each for each in coming if each.at <= now), key=lambda each: each.at)
    return tuple(begun), tuple(each for each in coming if now < each.at)


def overrides_in_force(kept: LimitState, now: float) -> tuple[Override, ...]:
    """The overrides of now: each that begins replaces the one on its subject. What is over is left out."""
    set_on = {each.subject: each for each in kept.overrides}
    for each in split(kept.coming, now)[0]:
        if each.kind:
            set_on[each.subject] = Override(each.subject, each.kind, each.until)
    return tuple(each for each in set_on.values() if each.until is None or now < each.until)


def grant_begun(
    coming: Iterable[Coming], tallies: Sequence[Tally], now: float, wording: notices.Wording
) -> tuple[Sequence[Tally], tuple[Grant, ...], tuple[Notice, ...]]:
    """`tallies` with the grants of `coming` that have begun, those with an end, and a Notice for each.

    They take effect with the next `next_tallies`. A grant that began in a window that is over has ended with it.
    """
    grants: list[Grant] = []
    said: list[Notice] = []
    for each in split(coming, now)[0]:
        if each.kind or (each.until is not None and each.until <= now):
            continue
        own = [t for t in tallies if t.subject == each.subject and t.window.start <= each.at]
        if any(t.granted + each.bytes > MAX_BYTES for t in own):
            continue  # so much has been granted since that there is no limit left to raise
        tallies, more = tally.add_grant(tallies, each.subject, each.bytes, each.until, since=each.at)
        grants += more
        said += notices.grants(own, each.bytes, each.until, wording)
    return tallies, tuple(grants), tuple(said)
