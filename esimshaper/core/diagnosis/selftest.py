# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of the self-test -> findings of `doctor`. Pure.

Billed bytes are compared with counted ones, and limits with the bytes that got through.
"""

from esimshaper.core.diagnosis.explain import as_sentence, finding_of
from esimshaper.core.model.box import Exchange, Finding, Findings, LimitTrial, NameTrial, SelfTest

CHECK = "self-test"

_REPORT = (
    "do not rely on limits with this kernel; use Debian's own, and report the output of: esimshaper doctor --self-test "
    "--json"
)
_REPORT_NAMES = "try again while the box is less busy; else report the output of: esimshaper doctor --self-test --json"
_AGAIN = "try again while the box is less busy"


def diagnose(test: SelfTest) -> Findings:
    """The findings on a self-test, at least one."""
    faults = [
        *(fault for exchange in test.exchanges for fault in _exchange_faults(exchange)),
        *(fault for trial in test.limit_trials for fault in _limit_faults(trial)),
        *(fault for trial in test.name_trials for fault in _name_faults(trial)),
    ]
    yield from faults
    if test.failure:
        yield finding_of(CHECK, test.failure)
    elif test.trouble:
        words, hint = test.trouble
        yield Finding.warning(CHECK, as_sentence(f"the self-test could not be completed: {words}"), hint or _AGAIN)
    elif not faults:
        yield Finding.ok(CHECK, _success(test))


def _success(test: SelfTest) -> str:
    links = " and ".join(dict.fromkeys(exchange.link for exchange in test.exchanges))
    billed = sum(exchange.billed.total_bytes for exchange in test.exchanges)
    return (
        f"{billed:,} bytes over {links} (UDP, TCP, IPv4, IPv6, merged packets, fragments) were counted exactly, "
        f"{len(test.limit_trials)} limits cut at the byte, and {len(test.name_trials)} hellos in two parts gave all "
        "bytes of their conversations the right name."
    )


def _exchange_faults(exchange: Exchange) -> Findings:
    where = f"{exchange.link}, {exchange.what}"
    least, billed, counted = exchange.least, exchange.billed, exchange.counted
    arrived = min(billed.down_bytes - least.down_bytes, billed.up_bytes - least.up_bytes)
    if arrived < 0:
        sentence = (
            f"{where}: {-arrived:,} bytes of the test were lost on the way, so this part says nothing about the meter."
        )
        yield Finding.warning(CHECK, sentence, _AGAIN)
        return
    for direction, right, ours, unattributed in (
        ("downloaded", billed.down_bytes, counted.down_bytes, exchange.unattributed.down_bytes),
        ("uploaded", billed.up_bytes, counted.up_bytes, exchange.unattributed.up_bytes),
    ):
        if ours != right:
            sentence = (
                f"{where}: {right:,} bytes were {direction}, {ours:,} counted: {_meaning(ours - right, unattributed)}."
            )
            yield Finding.problem(CHECK, sentence, _REPORT)
    packets = billed.down_packets + billed.up_packets, counted.down_packets + counted.up_packets
    if packets[0] != packets[1] and billed.total_bytes == counted.total_bytes:
        sentence = f"{where}: {packets[0]:,} packets were sent and {packets[1]:,} counted; the bytes are right."
        yield Finding.warning(CHECK, sentence, _REPORT)


def _meaning(difference: int, unattributed: int) -> str:
    if difference > 0:
        return f"{difference:,} too many, so quotas would end early"
    if unattributed:
        return f"{-difference:,} too few, of which {unattributed:,} were booked to `unattributed` instead of the client"
    return f"{-difference:,} too few, so that much would be used and billed, and not be shown"


def _name_faults(trial: NameTrial) -> Findings:
    if trial.named != trial.used:
        sentence = (
            f"{trial.link}, {trial.what}: of {trial.used:,} bytes {trial.named:,} were counted as what the hello said: "
            "what bytes were for is not to be relied on here; totals and limits are."
        )
        yield Finding.warning(CHECK, sentence, _REPORT_NAMES)


def _limit_faults(trial: LimitTrial) -> Findings:
    where = f"{trial.link}, {trial.what}: with a limit of {trial.limit:,} bytes {trial.passed:,} got through"
    if trial.passed > trial.limit:
        yield Finding.problem(CHECK, f"{where}: limits do not hold on this box.", _REPORT)
    elif trial.limit - trial.passed >= trial.packet:
        yield Finding.problem(
            CHECK, f"{where}, though there was room for one more packet: limits end early on this box.", _REPORT
        )
