# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on IPsec by policy (strongSwan), which has no interface. Pure; see findings.py."""

from esimshaper.core.model.box import BoxFacts, Finding, Findings

CHECK = "ipsec"


def _policies(facts: BoxFacts) -> Findings:
    if not facts.ipsec or not facts.ipsec.policies:
        return
    if facts.ipsec.early:
        sentence = (
            "This router has IPsec policies, and the kernel unpacks their packets before any counter sees them: what "
            "IPsec adds to each download is not counted, some 4 % of large packets, and more of small ones."
        )
        hint = "modprobe -r esp4_offload esp6_offload; nothing but a card that encrypts by itself needs them"
        yield Finding.warning(CHECK, sentence, hint)
        return
    sentence = (
        "This router has IPsec policies (strongSwan): what devices send through them is counted as it leaves, to the "
        "byte. What they receive is billed once, and shared out each second by what came out for each; limits hold "
        "where it leaves for the LAN. Phones abroad that exit by IPsec are booked to `router` and `unattributed`."
    )
    hint = "give phones abroad WireGuard or OpenVPN instead, which tell them apart"
    yield Finding.note(CHECK, sentence, hint)


CHECKS = (_policies,)
