# SPDX-License-Identifier: GPL-2.0-or-later
"""`allow-name` at the control socket: carried out when it is answered, and refused where DNS is left alone."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from esimshaper.core.model.errors import Unusable
from esimshaper.core.model.name_requests import AllowNameCommand, NamesQuery
from esimshaper.core.model.requests import StatusQuery
from esimshaper.core.model.withholding import NOTHING_SAVED, SaverSettings
from esimshaper.daemon.name_answers import NameAnswers
from esimshaper.daemon.withholding import Wish, Withholding
from esimshaper.edge.dnsmasq import files
from tests import synthetic_router


class Desk:
    """Answers over files of `place`, as the loop of a daemon with these settings would."""

    def __init__(self, place: Path, saver: SaverSettings) -> None:
        (place / "state").mkdir(exist_ok=True)
        self.loop = asyncio.new_event_loop()
        self.withholding = Withholding(place / files.NOTE, place / "state")
        self.saver = saver
        self.answers = NameAnswers(self.withholding, self.facts, self.follow, self.on_loop, SimpleNamespace)  # type: ignore[arg-type]

    def facts(self) -> Any:
        return replace(synthetic_router.facts(), withheld=self.withholding.withheld)

    def follow(self) -> None:
        self.withholding.follow(Wish(self.saver, self.withholding.allowed), {})

    def on_loop(self, work: Any, _seconds: float = 0.0) -> Any:
        async def begun() -> Any:
            self.follow()  # as the daemon did before it answered anybody
            return await work

        return self.loop.run_until_complete(begun())

    def close(self) -> None:
        self.loop.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "ads").write_text("ads.example\n")
    one = Desk(tmp_path, SaverSettings((str(tmp_path / "ads"),), files=str(tmp_path / "files")))
    yield one
    one.close()


def test_a_name_is_allowed_when_people_are_told_so_and_refused_again_when_it_is_taken_back(desk, tmp_path):
    document = desk.answers.answer(AllowNameCommand("Ads.example", 3600))
    assert [each["name"] for each in document["allowed"]] == ["ads.example"]
    assert (tmp_path / "files/servers").read_text() == "server=/ads.example/#\n"
    assert desk.answers.answer(NamesQuery())["allowed"] == document["allowed"]
    assert desk.answers.answer(AllowNameCommand("ads.example", None))["allowed"] == []
    assert (tmp_path / "files/servers").read_text() == "server=/ads.example/\n"


def test_where_dns_is_left_alone_nothing_can_be_allowed(tmp_path):
    desk = Desk(tmp_path, NOTHING_SAVED)
    with pytest.raises(Unusable, match="dnsmasq is left alone"):
        desk.answers.answer(AllowNameCommand("ads.example", 3600))
    assert desk.answers.answer(NamesQuery())["dnsmasq"] is False
    desk.close()


def test_all_else_is_answered_by_others(desk):
    desk.answers._answer_others = lambda request: {"asked": request}
    assert desk.answers.answer(StatusQuery()) == {"asked": StatusQuery()}
