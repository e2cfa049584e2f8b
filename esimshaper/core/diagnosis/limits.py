# SPDX-License-Identifier: GPL-2.0-or-later
"""Stage `doctor`: whether limits can do what they are to -> findings in plain words. Pure.

How bad something is that lacks depends on whether the configuration asks for it.
"""

from esimshaper.core.model.box import BoxFacts, Feature, Finding, Findings

_MODULES = {
    Feature.HTB: "sch_htb",
    Feature.TBF: "sch_tbf",
    Feature.IFB: "ifb",
    Feature.REDIRECT: "cls_u32 act_mirred",
}
"""What slowing down needs, and the modules that have it."""


def diagnose(facts: BoxFacts) -> tuple[Finding, ...]:
    """All findings about limits; none where nothing could be found out."""
    return tuple(finding for check in CHECKS for finding in check(facts))


def _features(facts: BoxFacts) -> Findings:
    if facts.lacking is None:
        return
    missing = [feature for feature in _MODULES if feature in facts.lacking]
    if missing:
        hint = f"modprobe -a {' '.join(_MODULES[each] for each in missing)}; or another kernel: Debian's own has all"
        names = ", ".join(each.value for each in missing)
        if facts.wanted and facts.wanted.shapes:
            sentence = f"This kernel lacks {names}: what is to be slowed down is dropped instead of queued."
            yield Finding.warning("limits", sentence, hint)
        else:
            sentence = (
                f"This kernel lacks {names}: `throttle` would drop instead of queue, rates of the link do nothing."
            )
            yield Finding.note("limits", sentence, hint)
    if Feature.REFUSAL in facts.lacking:
        sentence = "Programs of blocked devices are not told so (no nftables with reject): they wait; the block holds."
        hint = "apt install nftables; then, if it stays: modprobe -a nf_tables nft_reject_inet"
        blocks = facts.wanted is not None and facts.wanted.blocks
        yield (Finding.warning if blocks else Finding.note)("limits", sentence, hint)
    if not missing and Feature.REFUSAL not in facts.lacking:
        queue = "; slowed devices share a simple queue, as there is no fq_codel" * (Feature.FQ_CODEL in facts.lacking)
        yield Finding.ok("limits", f"This kernel can block and slow down{queue}.")


def _root(facts: BoxFacts) -> Findings:
    """Somebody else shapes the WAN already, such as SQM."""
    wanted = facts.wanted
    wan = next((link for link in facts.links or () if wanted and link.name == wanted.wan), None)
    if wanted is None or wan is None or not wan.root:
        return
    there = f"{wan.name} has a root qdisc of somebody else ({wan.root}; SQM?)"
    if not wanted.shapes:
        sentence = f"{there}: it stays. An upload that it drops was counted, though it was never sent."
        yield Finding.note("qdisc", sentence)
    elif wanted.replaces_qdisc:
        yield Finding.note("qdisc", f"{there}: wan.replace_qdisc says that ours takes its place.")
    else:
        hint = (
            f"stop what made it (tc qdisc show dev {wan.name}), or say `replace_qdisc: true` under wan: then it is "
            "replaced, and wan.upload and wan.download do what SQM did"
        )
        sentence = f"{there}: it stays, so uploads that are to be slowed down are dropped instead of queued."
        yield Finding.warning("qdisc", sentence, hint)


CHECKS = (_features, _root)
