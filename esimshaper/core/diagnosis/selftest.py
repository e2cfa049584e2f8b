# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage `doctor`: what came of the self-test -> findings in plain words. Pure.

Bytes that were billed are held against bytes that were counted, and limits against what got past them.
"""

from esimshaper.core.diagnosis.box import as_sentence, explained
from esimshaper.core.model.box import Cut, Exchange, Finding, Findings, SelfTest

CHECK = "self-test"

_REPORT = (
    "do not rely on limits with this kernel; try Debian's own, and report this: esimshaper doctor --self-test --json"
)
_AGAIN = "try again while the machine is less busy"


def diagnose(test: SelfTest) -> Findings:
    """At least one finding."""
    faults = [
        *(fault for exchange in test.exchanges for fault in _exchange_faults(exchange)),
        *(fault for cut in test.cuts for fault in _cut_faults(cut)),
    ]
    yield from faults
    if test.failure:
        yield explained(CHECK, test.failure)
    elif test.trouble:
        words, hint = test.trouble
        yield Finding.warning(CHECK, as_sentence(f"it could not be run to its end: {words}"), hint or _AGAIN)
    elif not faults:
        yield Finding.ok(CHECK, _success(test))


def _success(test: SelfTest) -> str:
    links = " and ".join(dict.fromkeys(exchange.link for exchange in test.exchanges))
    billed = sum(exchange.billed.total_bytes for exchange in test.exchanges)
    return (
        f"{billed:,} bytes over {links} (UDP, TCP, IPv4, IPv6, merged packets, fragments) were counted exactly, and "
        f"{len(test.cuts)} limits cut at the byte."
    )


def _exchange_faults(exchange: Exchange) -> Findings:
    where = f"{exchange.link}, {exchange.what}"
    least, billed, counted = exchange.least, exchange.billed, exchange.counted
    arrived = min(billed.down_bytes - least.down_bytes, billed.up_bytes - least.up_bytes)
    if arrived < 0:
        sentence = f"{where}: {-arrived:,} bytes of the test were lost on their way: it says nothing about the meter."
        yield Finding.warning(CHECK, sentence, _AGAIN)
        return
    for direction, right, ours, stray in (
        ("downloaded", billed.down_bytes, counted.down_bytes, exchange.strayed.down_bytes),
        ("uploaded", billed.up_bytes, counted.up_bytes, exchange.strayed.up_bytes),
    ):
        if ours != right:
            sentence = f"{where}: {right:,} bytes were {direction}, {ours:,} counted: {_meaning(ours - right, stray)}."
            yield Finding.problem(CHECK, sentence, _REPORT)
    packets = billed.down_packets + billed.up_packets, counted.down_packets + counted.up_packets
    if packets[0] != packets[1] and billed.total_bytes == counted.total_bytes:
        sentence = f"{where}: {packets[0]:,} packets were sent, {packets[1]:,} counted; the bytes are right."
        yield Finding.warning(CHECK, sentence, _REPORT)


def _meaning(difference: int, strayed: int) -> str:
    if difference > 0:
        return f"{difference:,} too many, so quotas would end early"
    if strayed:
        return f"{-difference:,} too few, of which {strayed:,} were booked to `unattributed` instead of the client"
    return f"{-difference:,} too few, so that much would be used and billed without being seen"


def _cut_faults(cut: Cut) -> Findings:
    where = f"{cut.link}, {cut.what}: with a limit of {cut.limit:,} bytes {cut.passed:,} got through"
    if cut.passed > cut.limit:
        yield Finding.problem(CHECK, f"{where}: limits do not hold here.", _REPORT)
    elif cut.limit - cut.passed >= cut.packet:
        yield Finding.problem(CHECK, f"{where}, though one more packet had room: limits end early here.", _REPORT)
