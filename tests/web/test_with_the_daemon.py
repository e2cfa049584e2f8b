# SPDX-License-Identifier: GPL-2.0-or-later
"""The page and the daemon's own answers together: each screen has all that it reads, each form does what it says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from esimshaper.core.settings.values import Web
from esimshaper.edge.http import page
from esimshaper.web.app import App
from esimshaper.web.daemon import Daemon
from esimshaper.web.render import SCREENS
from tests.daemon.test_page_owner import HERS, HIS, PASSWORD, House, furnished, granted
from tests.synthetic_router import ALICE, PIXEL
from tests.web.stand_in import HOST, Browser

PARTS = {"{key}": ALICE, "{name}": "living-room"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    yield from furnished(tmp_path, monkeypatch)


@pytest.fixture
def app(house: House, tmp_path: Path) -> Iterator[App]:
    house.settings = replace(house.settings, web=Web(names=(HOST,)))
    listener = page.serve(house.page.answer, tmp_path / "web.sock")
    yield App(Daemon(tmp_path / "web.sock"))
    listener.stop()


def owner(app: App) -> Browser:
    browser = Browser(app, HIS.address)
    assert browser.log_in(PASSWORD).status == 303
    return browser


@pytest.mark.parametrize("name", [name for name, screen in SCREENS.items() if screen.path])
def test_each_screen_has_all_that_it_reads(app: App, name: str) -> None:
    screen = SCREENS[name]
    browser = owner(app) if screen.owner else Browser(app, HERS.address)
    path = screen.path
    for part, value in PARTS.items():
        path = path.replace(part, value)
    answer = browser.get(path)
    assert answer.status == 200, answer.text


def test_a_question_goes_to_the_owner_and_the_answer_comes_back(app: App, house: House) -> None:
    before = granted(house.state)
    phone, tablet = Browser(app, HERS.address), owner(app)
    fields = phone.get("/").form("/ask")
    assert phone.post("/ask", {**fields, "bytes": "300000000", "text": "<b>train</b>"}).status == 303
    home = tablet.get("/home")
    assert "<b>train" not in home.text
    answer = home.form("/answer")
    for _ in range(2):
        assert tablet.post("/answer", {**answer, "bytes": "100000000"}).status == 303
    assert granted(house.state) == before + 100_000_000
    assert phone.get("/").status == 200


def test_each_act_of_a_form_is_carried_out(app: App, house: House) -> None:
    tablet, before = owner(app), granted(house.state)
    for path, fields in (
        ("/grant", {"subject": f"client/{ALICE}", "bytes": "300"}),
        ("/block", {"subject": f"client/{PIXEL}", "seconds": "600"}),
        ("/allow", {"subject": f"client/{PIXEL}", "seconds": "600"}),
        ("/name", {"client": PIXEL, "name": "Kitchen"}),
    ):
        form = tablet.get("/home").form("/language")
        assert tablet.post(path, {**form, **fields}).status == 303, path
    assert granted(house.state) == before + 300
    assert [each.kind.value for each in house.state.limits.kept.overrides if each.subject.id == PIXEL] == ["allow"]
    assert house.state.page.kept.names == {PIXEL: "Kitchen"}
    tablet.post("/logout", {**tablet.get("/home").form("/language"), "all": "yes"})
    assert house.state.page.kept.sessions == ()
