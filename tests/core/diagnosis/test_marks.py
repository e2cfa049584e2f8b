# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor, the packet mark that esimshaper leaves alone: who uses it is named."""

from dataclasses import replace

import pytest

from esimshaper.core.diagnosis.findings import diagnose
from esimshaper.core.model.box import MarkAccess, MarkUse
from tests.core.diagnosis.healthy_box import GOOD

ALONE = "esimshaper leaves the packet mark alone: rules of other programs that use it cannot clash with it"
TAILSCALE = MarkUse("ip rule 5210 (fwmark 0x80000)", MarkAccess.READS, 0xFF0000)
MWAN3 = MarkUse("ip rule 2001 (fwmark 0x100)", MarkAccess.READS, 0x3F00)
ONE = MarkUse("ip rule 9 (fwmark 0x1)", MarkAccess.READS, 0xFFFFFFFF)
UNSEEN = MarkUse("nft rule 4 of ip mangle PREROUTING", MarkAccess.UNREADABLE, 0)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ((), f"{ALONE}."),
        ((TAILSCALE, TAILSCALE, UNSEEN), f"{ALONE} (Tailscale)."),
        ((MWAN3, TAILSCALE), f"{ALONE} (mwan3, Tailscale)."),
        ((ONE,), f"{ALONE} (ip rule 9 (fwmark 0x1))."),
        ((ONE, UNSEEN), f"{ALONE} (ip rule 9 (fwmark 0x1) and 1 more)."),
    ],
)
def test_who_uses_the_mark_is_named(rules: tuple[MarkUse, ...], said: str) -> None:
    (finding,) = (each for each in diagnose(replace(GOOD, rules=rules)) if each.check == "marks")
    assert finding.sentence == said
