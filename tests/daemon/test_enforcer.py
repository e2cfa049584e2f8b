# SPDX-License-Identifier: GPL-2.0-or-later
"""The order of what the enforcer does. Stand-ins for meter, shaper and refusal: the kernel refuses nothing at will."""

import contextlib
from typing import Any
from unittest.mock import MagicMock

import pytest

from esimshaper.core.model.identity import Account, ClientKey
from esimshaper.core.model.limits import Policy, Shaped
from esimshaper.core.model.reading import Attachment, Hook, Observation, Reading
from esimshaper.core.model.shaping import Shaping
from esimshaper.core.model.state import Outcome
from esimshaper.core.shaping.tree import Link, demand_of, wanted
from esimshaper.daemon import enforcer
from tests.core.shaping.fake_tc import ALICE, BOB, EVERYONE, FAMILY, GUESTS

SHAPED = (Shaped(FAMILY, 10_000_000), Shaped(GUESTS, 1_000_000))
HOME = {ALICE: Policy(parent=FAMILY), FAMILY: Policy(), GUESTS: Policy()}
WAN = 7


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, MagicMock]:
    made = {name: MagicMock() for name in ("Shaper", "RejectTable", "ClassCounterReader")}
    for name, part in made.items():
        monkeypatch.setattr(enforcer, name, part)
    made["RejectTable"].return_value.reject.return_value = ""
    tree = wanted(Link(), demand_of(EVERYONE, SHAPED, [ALICE], HOME, shares=False))
    made["Shaper"].return_value.observe.return_value = Shaping(tree)
    return made


@pytest.mark.parametrize("group", [FAMILY, GUESTS], ids=["stays", "moves"])
def test_where_a_class_could_not_be_made_none_is_given_to_packets(parts: dict[str, MagicMock], group: Account) -> None:
    """Also in the tick in which somebody else changes its group: both run into each other at a reload."""
    parts["Shaper"].return_value.apply.return_value = ("a class could not be made",)
    meter = MagicMock(everyone=EVERYONE)
    meter.policies.return_value = {}
    with contextlib.ExitStack() as cleanup:
        settings: Any = MagicMock()
        settings.wan.download = settings.wan.upload = None
        settings.wan.interface, settings.wan.tunnels = "wan0", ()
        owners = {ALICE: ClientKey("02:00:00:00:00:10"), BOB: ClientKey("02:00:00:00:00:11")}
        seen = Observation(
            Reading(1, 0.0, {}, owners), attachments=(Attachment("wan0", Hook.WAN_EGRESS, attached=True, index=WAN),)
        )
        told = HOME | {ALICE: Policy(parent=group), BOB: Policy(parent=GUESTS)}
        enforcer.Enforcer(settings, meter, cleanup).enforce(
            Outcome(policies=told, shaped=SHAPED), seen, {}, look_around=False
        )
    meter.give_classes_at.assert_called_once_with(0, 0)
