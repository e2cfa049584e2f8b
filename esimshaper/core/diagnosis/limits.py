# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on what limits need of the kernel. Pure; the rules are those of findings.py.

A missing feature is a warning if the configuration asks for it, else a note.
"""

from esimshaper.core.model.box import BoxFacts, Feature, Finding, Findings, Interface
from esimshaper.core.model.uplink import NO_QUEUE

_MODULES = {
    Feature.HTB: "sch_htb",
    Feature.TBF: "sch_tbf",
    Feature.IFB: "ifb",
    Feature.REDIRECT: "cls_u32 act_mirred",
}
"""The features that slow traffic down, and the kernel modules that have them."""


def _features(facts: BoxFacts) -> Findings:
    if facts.missing_features is None:
        return
    missing = [feature for feature in _MODULES if feature in facts.missing_features]
    if missing:
        hint = f"modprobe -a {' '.join(_MODULES[each] for each in missing)}; if that fails, use Debian's own kernel"
        names = ", ".join(each.value for each in missing)
        if facts.wanted and facts.wanted.shapes:
            sentence = f"This kernel lacks {names}: packets beyond a rate are dropped instead of queued."
            yield Finding.warning("limits", sentence, hint)
        else:
            sentence = (
                f"This kernel lacks {names}: `throttle` would drop packets instead of queueing them, and the rates of "
                "the link would do nothing."
            )
            yield Finding.note("limits", sentence, hint)
    if Feature.REJECT in facts.missing_features:
        sentence = (
            "There is no nftables with reject: blocks hold, but programs on blocked devices get no error and "
            "wait for a "
            "timeout."
        )
        hint = "apt install nftables; if that is not enough: modprobe -a nf_tables nft_reject_inet"
        blocks = facts.wanted is not None and facts.wanted.blocks
        yield (Finding.warning if blocks else Finding.note)("limits", sentence, hint)
    if not missing and Feature.REJECT not in facts.missing_features:
        queue = "; without fq_codel, the connections of a throttled device share one simple queue" * (
            Feature.FQ_CODEL in facts.missing_features
        )
        yield Finding.ok("limits", f"This kernel can block and throttle{queue}.")


def _root_qdisc(facts: BoxFacts) -> Findings:
    """The queue of the uplink, and whether another program shapes there already, such as SQM."""
    wanted = facts.wanted
    wan = next((link for link in facts.interfaces or () if wanted and link.name == wanted.wan), None)
    if wanted is None or wan is None:
        return
    if not wan.root:
        if wan.up and not wanted.shapes and wan.queue:
            yield Finding.ok("qdisc", _own_queue(wan))
        return
    found = f"{wan.name} has a root qdisc of another program ({wan.root}; SQM?)"
    if not wanted.shapes:
        yield Finding.note("qdisc", f"{found}, and keeps it. Uploads that it drops are not billed, and not counted.")
    elif wanted.replaces_qdisc:
        yield Finding.note("qdisc", f"{found}, which ours replaces, as wan.replace_qdisc says.")
    else:
        hint = (
            f"stop that program (tc qdisc show dev {wan.name}), or write `replace_qdisc: true` under wan: "
            "esimshaper then "
            "replaces the qdisc, and wan.upload and wan.download do what SQM did"
        )
        sentence = f"{found}, and keeps it: uploads beyond a rate are dropped instead of queued, and not counted."
        yield Finding.warning("qdisc", sentence, hint)


def _own_queue(wan: Interface) -> str:
    """What becomes of uploads that the queue of the uplink drops."""
    driver = "what its driver drops is taken off by the number of packets, an estimate"
    if wan.queue == NO_QUEUE:
        return f"{wan.name} has no queue that could drop uploads; {driver}."
    return f"Uploads that the queue of {wan.name} ({wan.queue}) drops are not billed, and not counted; {driver}."


def _scopes(facts: BoxFacts) -> Findings:
    if facts.wanted and facts.wanted.scopes:
        named = "; ".join(f"{name} looks at {scope} only" for name, scope in facts.wanted.scopes.items())
        yield Finding.ok("limits", f"{named}. A rate of such a quota drops packets instead of queueing them.")


CHECKS = (_features, _root_qdisc, _scopes)
