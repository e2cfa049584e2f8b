# SPDX-License-Identifier: GPL-2.0-or-later
"""The page and the daemon together, as two people with phones have them: asked, granted once, seen; whoever dies."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from esimshaper.demo.page import SETTINGS, Page
from esimshaper.edge import control_client
from esimshaper.lab import Lab, traffic
from esimshaper.lab.namespaces import wait_until
from esimshaper.web.render import SCREENS
from tests.netns.router import Router
from tests.web.browser.driven import drive
from tests.web.remote import browser_at
from tests.web.stand_in import Browser

QUOTA = "quotas: [{name: daily, for: each-client, limit: 500MB, period: day, then: block}]\n"
PASSWORD = "a password"  # noqa: S105 - of the lab
MB = 1_000_000


@pytest.fixture
def router(lab: Lab, make_router: Callable[..., Router]) -> Router:
    router = make_router(lab, QUOTA + SETTINGS).start()
    control_client.post(router.socket, "/v1/web/password", {"password": PASSWORD})
    for client in lab.clients:
        client.run(["ping", "-c", "1", "-W", "5", lab.servers4[0]])
    return router


@pytest.fixture
def page(router: Router, lab: Lab) -> Iterator[Page]:
    with Page(lab, router.place / "run" / "web.sock", router.log) as page:
        yield page


def granted(router: Router, lab: Lab) -> int:
    """Bytes that alice was given today beside her limit."""
    quotas = router.get("/v1/quotas", subject=lab.clients[0].mac)["quotas"]
    return sum(each["granted_bytes"] for each in quotas)


def owner_at(page: Page, lab: Lab) -> Browser:
    browser = browser_at(page.window(lab.clients[1]))
    assert browser.log_in(PASSWORD).status == 303
    return browser


def test_a_phone_asks_the_owner_grants_and_the_phone_sees_it(router: Router, page: Page, lab: Lab) -> None:
    phone = browser_at(page.window(lab.clients[0]))
    first = phone.get("/")
    assert first.status == 200, first.text
    assert "500" in first.text, first.text
    assert phone.submit(phone.get("/"), "/ask", {"bytes": str(300 * MB), "text": "for the train"}).status == 303
    owner = owner_at(page, lab)
    home = owner.get("/home")
    assert "for the train" in home.text
    answer = home.form("/answer") | {"bytes": str(300 * MB)}
    assert [owner.post("/answer", answer).status for _ in range(2)] == [303, 303], "a double tap"
    assert granted(router, lab) == 300 * MB
    wait_until("what was granted", lambda: "The owner gave you" in phone.get("/").text, timeout=3)
    assert 'data-live="left">800' in phone.get("/").text
    assert phone.get("/home").status == 303, "nothing of the others"


def told(page: Page, lab: Lab, phone: int, owner: int, locale: str) -> dict[str, Any]:
    """What two people see in real browsers, on two of the clients."""
    urls = {"phone": page.window(lab.clients[phone]), "owner": page.window(lab.clients[owner])}
    looks = {
        "locale": locale,
        "text": "<b>地図 & map</b>",
        "scheme": "light",
        "handy": False,
        "shots": os.environ.get("SHOTS", ""),
    }
    return dict(drive("story.py", **urls, password=PASSWORD, **looks))


def test_real_browsers_show_what_was_given_by_themselves_in_english_and_in_japanese(page: Page, lab: Lab) -> None:
    seen = told(page, lab, 0, 1, "en-US")
    assert (seen["language"], seen["before"], seen["after"]) == ("en", "500\xa0MB", "800\xa0MB")
    assert (seen["text"], seen["given"]) == ("<b>地図 & map</b>", "The owner gave you 300\xa0MB.")
    japanese = told(page, lab, 1, 0, "ja-JP")
    assert (japanese["language"], japanese["before"], japanese["after"]) == ("ja", "500\xa0MB", "800\xa0MB")
    assert "300\xa0MB" in japanese["given"]
    assert japanese["given"] != seen["given"], "it is Japanese"


def test_every_screen_is_drawn_from_what_the_daemon_answers(router: Router, page: Page, lab: Lab) -> None:
    owner = owner_at(page, lab)
    parts = {"key": lab.clients[0].mac, "name": "unknown"}
    paths = [screen.path.format(**parts) for screen in SCREENS.values() if screen.path]
    assert {path: owner.get(path).status for path in paths} == dict.fromkeys(paths, 200)
    refreshed = [path for path in paths if not path.endswith((".csv", "/report"))]
    assert {path: owner.get(f"{path}?json").status for path in refreshed} == dict.fromkeys(refreshed, 200)
    assert "esimshaper.yaml" in owner.get("/limits").text


def test_two_owners_grant_at_once_and_each_grant_counts_once(router: Router, page: Page, lab: Lab) -> None:
    owners = [owner_at(page, lab) for _ in range(2)]
    path = f"/device/{lab.clients[0].mac}"
    forms = [owner.get(path).form("/grant") | {"bytes": str(100 * MB)} for owner in owners]
    statuses: list[int] = []

    def tap(owner: Browser, form: dict[str, str]) -> None:
        statuses.append(owner.post("/grant", form).status)

    threads = [threading.Thread(target=tap, args=pair) for pair in zip(owners, forms, strict=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [303] * 4
    assert granted(router, lab) == 200 * MB


def test_a_grant_while_the_daemon_is_started_anew_is_done_once_or_said(router: Router, page: Page, lab: Lab) -> None:
    owner = owner_at(page, lab)
    form = owner.get(f"/device/{lab.clients[0].mac}").form("/grant") | {"bytes": str(100 * MB)}
    router.kill()
    seen: list[int] = []
    tapping = threading.Thread(target=lambda: seen.append(owner.post("/grant", form).status))
    tapping.start()
    router.start()
    tapping.join()
    assert seen[0] in (303, 503)
    assert granted(router, lab) == (100 * MB if seen == [303] else 0)
    wait_until("the same form", lambda: owner.post("/grant", form).status == 303)
    assert granted(router, lab) == 100 * MB


def test_no_counter_and_no_tick_notices_a_page_that_is_killed_or_hangs(router: Router, page: Page, lab: Lab) -> None:
    phone = browser_at(page.window(lab.clients[0]))
    assert phone.get("/").status == 200
    assert page.process

    def moment() -> Any:
        return router.get("/v1/status")["time"]

    def assert_all_goes_on() -> None:
        before, began = router.measure(), moment()
        lab.clients[0].call(traffic.tcp_down, lab.servers4[0], MB)
        router.settle()
        moved = router.measure() - before
        assert moved.sum.down_bytes == moved.bill.total.down_bytes > MB
        wait_until("a tick", lambda: moment() != began)

    page.process.send_signal(signal.SIGSTOP)
    looking = threading.Thread(target=phone.get)
    looking.start()
    assert_all_goes_on()
    page.process.send_signal(signal.SIGCONT)
    looking.join()
    page.process.kill()
    assert_all_goes_on()
