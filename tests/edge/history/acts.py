# SPDX-License-Identifier: GPL-2.0-or-later
"""Acts by hand with every field that a database has to keep."""

from dataclasses import replace

from esimshaper.core.model.identity import ClientKey
from esimshaper.core.model.limit_state import Act, ActKind, Change, Restart
from esimshaper.core.model.limits import EVERYONE, Coming, Override, OverrideKind, Subject, SubjectKind

ALICE = Subject(SubjectKind.CLIENT, ClientKey("02:00:00:00:00:10"))
SAID = Act(ActKind.ALLOW, EVERYONE, 1_800_000_000, "plan", 2**40, 2**33, over_plan=True, begins=2**32)
ACTS = (
    Act(ActKind.CLEAR, ALICE, 1_800_000_000),
    replace(
        SAID, before=Override(EVERYONE, OverrideKind.BLOCK), moved=Restart("plan", 0, 7), earlier=Restart("plan", 1, 2)
    ),
    replace(SAID, dropped=(Coming(EVERYONE, 2**33, None, 5), Coming(EVERYONE, 2**34, OverrideKind.ALLOW_OVER_PLAN))),
    replace(SAID, changes=(Change("plan", EVERYONE, -5, -(2**40), 7), Change("d", EVERYONE, 0, 0, -7, 2**32))),
)
