# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on names that DNS refuses, and on what works against the saver. Pure; the rules: findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings
from esimshaper.core.model.withholding import CANARIES, MOST_PERCENT, Metered

_CHECK = "saver"

_CRASHES_BELOW = (2, 91)
"""Measured: Debian 12's 2.90 ends at SIGHUP if a file of dhcp-hostsfile has `set:`, 4 times of 4; 2.91 goes on."""


def _lists(facts: BoxFacts) -> Findings:
    status = facts.daemon_status
    if not (facts.wanted and facts.wanted.saver.files and status):
        return
    for problem in status.lists:
        sentence = f"A block list cannot be taken, and those of before stay in force: {problem}."
        yield Finding.warning(_CHECK, sentence, "edit that line; within a minute the list is read again")
    if (status.refused_percent or 0) > MOST_PERCENT:
        sentence = f"DNS refused {status.refused_percent} % of the last hour's answers: a list may take away too much."
        yield Finding.warning(_CHECK, sentence, "sudo esimshaper allow-name NAME --for 1h, or another list")
    if status.refused is not None and not status.lists:
        yield Finding.ok(_CHECK, f"DNS refuses {status.refused:,} names of the block lists.")


def _step(facts: BoxFacts) -> Findings:
    if facts.wanted and facts.resolver and facts.resolver.step and not facts.wanted.saver.is_idle:
        sentence = f"dnsmasq or hostapd did not take what esimshaper has for them: {facts.resolver.step.rstrip('.')}."
        yield Finding.warning(_CHECK, sentence, "sudo systemctl start esimshaper-resolver, once that is repaired")


def _past_dns(facts: BoxFacts) -> Findings:
    """Programs that ask elsewhere get the address of any name."""
    if not (facts.wanted and facts.resolver) or not (saver := facts.wanted.saver).files:
        return
    if facts.names and facts.names.encrypted_dns:
        number = f"{facts.names.encrypted_dns:,}"
        sentence = f"Devices have asked by encrypted DNS in {number} conversations: no name is refused there."
        left = ", ".join(each for each in CANARIES if each not in saver.canaries)
        hint = f"`saver: {{canaries: [{left}]}}` asks programs to use this router" if left else ""
        yield Finding.note(_CHECK, sentence, hint or "switch off private DNS on the devices themselves")
    for each in facts.resolver.others:
        others = " and ".join(each.addresses)
        sentence = f"DHCP sends devices to another resolver, {others} ({each.file}): no name is refused there."
        yield Finding.warning(_CHECK, sentence, f"take {others} out of {each.file}; sudo systemctl restart dnsmasq")


def _dnsmasq(facts: BoxFacts) -> Findings:
    if not (facts.wanted and facts.resolver) or not facts.wanted.saver.files:
        return
    if not facts.resolver.dnsmasq:
        yield Finding.warning(_CHECK, "No name is refused: there is no dnsmasq.", "sudo apt install dnsmasq")
    elif facts.resolver.tagged and _number(facts.resolver.dnsmasq) < _CRASHES_BELOW:
        file = facts.resolver.tagged[0]
        sentence = f"dnsmasq {facts.resolver.dnsmasq} may crash whenever names change: {file} has lines with `set:`."
        hint = f"write `MAC,IP` lines into {file}, and tags as dhcp-host= into /etc/dnsmasq.d"
        yield Finding.warning(_CHECK, sentence, hint)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _beacons(facts: BoxFacts) -> Findings:
    if facts.wanted and facts.resolver and facts.wanted.saver.metered is not Metered.OFF:
        for name in facts.resolver.mute:
            sentence = f"hostapd cannot be asked at {name}, so Windows is not told that the link is metered."
            yield Finding.warning(_CHECK, sentence, f"write ctrl_interface=/run/hostapd into hostapd's file of {name}")


def _squid(facts: BoxFacts) -> Findings:
    for file in facts.resolver.eager if facts.resolver else ():
        sentence = f"squid fetches all of a file that a device gave up, at your cost: `quick_abort_min -1` ({file})."
        yield Finding.warning("squid", sentence, "write `quick_abort_min 16 KB` instead; sudo squid -k reconfigure")


CHECKS = (_lists, _step, _past_dns, _dnsmasq, _beacons, _squid)
