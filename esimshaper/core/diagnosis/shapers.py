# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of `doctor` on other traffic shapers at the uplink: SQM, wondershaper, cake. Pure; rules as in findings.py.

Such a program wants the place of our clsact for its download half, and the root qdisc for its upload half.
"""

from esimshaper.core.model.box import BoxFacts, Finding, Findings, Wanted

IFB_NAMES = ("ifb4{}", "ifb_{}")
"""How sqm-scripts and others call the device by which they shape downloads of an interface. (Ours is `ifb-`.)"""

INTERFACE_NAME = 15
"""The most characters that the name of an interface has (IFNAMSIZ in include/uapi/linux/if.h)."""

WHAT_DOES_IT = (
    "write its rates under wan, for example `download: 40mbit` and `upload: 10mbit`: esimshaper then shapes both ways, "
    "with fair shares for each device"
)


def _shapers(facts: BoxFacts) -> Findings:
    if facts.wanted is None:
        return
    wan = facts.wanted.wan
    if facts.ingress_qdiscs and wan in facts.ingress_qdiscs:
        sentence = (
            f"{wan} has an `ingress` qdisc of another program, such as SQM or wondershaper, where clsact belongs: "
            "nothing can be counted there."
        )
        stop = _stop(facts, facts.wanted)
        yield Finding.problem("filters", sentence, f"{stop}tc qdisc del dev {wan} ingress; then {WHAT_DOES_IT}")
    elif signs := _signs(facts, facts.wanted):
        sentence = (
            f"Another program is set up to shape {wan} ({', '.join(signs)}; SQM?). Its download half cannot start "
            "where esimshaper counts, and its upload half replaces our queue."
        )
        yield Finding.warning("qdisc", sentence, f"{_stop(facts, facts.wanted)}{WHAT_DOES_IT}")


def _signs(facts: BoxFacts, wanted: Wanted) -> tuple[str, ...]:
    names = {form.format(wanted.wan)[:INTERFACE_NAME] for form in IFB_NAMES}
    devices = [link.name for link in facts.interfaces or () if link.kind == "ifb" and link.name in names]
    return (*devices, *(facts.shaper_files or ()))


def _stop(facts: BoxFacts, wanted: Wanted) -> str:
    """The command that ends the program, if its configuration tells which one it is."""
    for file in facts.shaper_files or ():
        if file.startswith("/etc/sqm/"):
            return f"systemctl disable --now sqm@{wanted.wan}; "
        if "wondershaper" in file:
            return "systemctl disable --now wondershaper; "
    return "stop that program; "


CHECKS = (_shapers,)
